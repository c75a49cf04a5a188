package mask

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// deepest bounds how many pointers and Value methods lead to a value; they may go
// round in circles.
const deepest = 16

// normal is a value as masks see it, or nil. It may panic where the value's own Value
// method does.
func normal(value any) any {
	for range deepest {
		switch v := value.(type) {
		case nil, string, int64, uint64, float64, bool, time.Time, json.Number:
			return v
		case json.RawMessage:
			return ofJSON(v)
		}
		v := reflect.ValueOf(value)
		if isNil(v) {
			return nil
		}
		if next, ok := valueOf(v); ok {
			value = next
			continue
		}
		if v.Kind() != reflect.Pointer {
			return scalar(v)
		}
		value = v.Elem().Interface()
	}
	return nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}

var errorType = reflect.TypeFor[error]()

// valueOf asks a driver.Valuer, such as sql.NullString, for its value. It is known by the
// shape of its method, since authz imports nothing of databases. One that fails
// has no value.
func valueOf(v reflect.Value) (value any, ok bool) {
	if v.NumMethod() == 0 {
		return nil, false
	}
	method := v.MethodByName("Value")
	if !method.IsValid() {
		return nil, false
	}
	t := method.Type()
	if t.NumIn() != 0 || t.NumOut() != 2 || t.Out(1) != errorType ||
		t.Out(0).Kind() != reflect.Interface || t.Out(0).NumMethod() != 0 {
		return nil, false
	}
	out := method.Call(nil)
	if !out[1].IsNil() {
		return nil, true
	}
	return out[0].Interface(), true
}

var timeType = reflect.TypeFor[time.Time]()

// scalar is the value that masks see for one of a named or narrower type; a value that
// is not scalar is itself.
func scalar(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.Kind() == reflect.Float32:
		return widen(v.Float())
	case v.Kind() == reflect.Float64:
		return v.Float()
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		if b := v.Bytes(); utf8.Valid(b) {
			return string(b)
		}
		return nil
	case v.Kind() == reflect.Struct && v.CanConvert(timeType):
		return v.Convert(timeType).Interface()
	}
	return v.Interface()
}

// widen is the float64 that is written like a float32: 0.1, not 0.10000000149011612.
func widen(f float64) float64 {
	wide, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64) // reads what was just written
	return wide
}

// ofJSON is the scalar that a JSON text is, or the text itself if it is an object or a list.
func ofJSON(text json.RawMessage) any {
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) == 0 {
		return nil
	}
	switch c := trimmed[0]; {
	case c == '{' || c == '[':
		return text
	case c == '-' || isDigit(rune(c)):
		if !json.Valid(trimmed) {
			return nil
		}
		return json.Number(trimmed)
	}
	var value any
	if json.Unmarshal(trimmed, &value) != nil {
		return nil
	}
	return value
}
