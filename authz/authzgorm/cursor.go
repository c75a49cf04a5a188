package authzgorm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"
)

// ErrCursor: PageQuery.After is no cursor of this list.
var ErrCursor = errors.New("it is no cursor of this list")

// CursorError says what is wrong with a cursor. It matches ErrCursor.
type CursorError struct {
	Cursor string
	Why    string
}

func (e *CursorError) Error() string {
	return fmt.Sprintf("authzgorm: page after %.100q: %v: %s", e.Cursor, ErrCursor, e.Why)
}

// Is tells that it is an ErrCursor.
func (e *CursorError) Is(target error) bool { return target == ErrCursor }

// maxCursor is how long a cursor may be.
const maxCursor = 4096

// cursor is what a cursor says, in base64: the order, a - before what descends, and the
// values of the last row.
type cursor struct {
	Order  []string      `json:"order"`
	Values []cursorValue `json:"values"`
}

// cursorValue is a value by its kind, as a driver has it, and its text.
type cursorValue struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func (p *pager) order() (names []string) {
	for _, k := range p.keys {
		name := k.field.DBName
		if k.desc {
			name = "-" + name
		}
		names = append(names, name)
	}
	return names
}

// encode makes a cursor of values.
func (p *pager) encode(values []any) (string, error) {
	c := cursor{Order: p.order()}
	for _, v := range values {
		c.Values = append(c.Values, newCursorValue(v))
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	s := base64.RawURLEncoding.EncodeToString(text)
	if len(s) > maxCursor {
		return "", &CursorError{s, "it is too long"}
	}
	return s, nil
}

func newCursorValue(v any) cursorValue {
	switch v := v.(type) {
	case string:
		return cursorValue{"text", base64.RawURLEncoding.EncodeToString([]byte(v))} // JSON does not keep all bytes
	case []byte:
		return cursorValue{"bytes", base64.RawURLEncoding.EncodeToString(v)}
	case int64:
		return cursorValue{"int", strconv.FormatInt(v, 10)}
	case float64:
		return cursorValue{"float", strconv.FormatFloat(v, 'g', -1, 64)}
	case bool:
		return cursorValue{"bool", strconv.FormatBool(v)}
	case time.Time:
		return cursorValue{"time", v.Format(time.RFC3339Nano)}
	}
	return cursorValue{Kind: "null"}
}

// value is the driver's value.
func (c cursorValue) value() (any, error) {
	switch c.Kind {
	case "text":
		b, err := base64.RawURLEncoding.Strict().DecodeString(c.Text)
		return string(b), err
	case "bytes":
		return base64.RawURLEncoding.Strict().DecodeString(c.Text)
	case "int":
		return strconv.ParseInt(c.Text, 10, 64)
	case "float":
		return strconv.ParseFloat(c.Text, 64)
	case "bool":
		return strconv.ParseBool(c.Text)
	case "time":
		return time.Parse(time.RFC3339Nano, c.Text)
	case "null":
		if c.Text == "" {
			return nil, nil
		}
	}
	return nil, ErrCursor
}

// decode reads a cursor, which must be of this order and these fields; nil for the first page.
func (p *pager) decode(text string) ([]any, error) {
	if text == "" {
		return nil, nil
	}
	fail := func(why string) ([]any, error) { return nil, &CursorError{text, why} }
	if len(text) > maxCursor {
		return fail("it is too long")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return fail("it is not base64")
	}
	var c cursor
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil {
		return fail("it is not what FindPage made")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows it")
	}
	if !reflect.DeepEqual(c.Order, p.order()) || len(c.Values) != len(p.keys) {
		return fail("it is of another order")
	}
	values := make([]any, len(c.Values))
	for i, k := range p.keys {
		v, err := c.Values[i].value()
		if err != nil {
			return fail("a value is not what FindPage made")
		}
		row := reflect.New(p.schema.ModelType).Elem()
		if err := k.field.Set(context.Background(), row, v); err != nil {
			return fail("a value is not of its field's type")
		}
		kept, _ := k.field.ValueOf(context.Background(), row)
		if v == nil && !k.nullable() || !sameValue(driverValue(kept), v) {
			return fail("a value is not of its field's type")
		}
		values[i] = v
	}
	return values, nil
}
