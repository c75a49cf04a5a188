package redact

import (
	"encoding"
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// equal tells whether two parts mean the same.
func (s *Shape) equal(a, b part, depth int) (bool, error) {
	if noneOf(a, b) {
		return true, nil
	}
	equal, err := s.same(a.v, b.v, depth)
	if equal || err != nil || a.quoted == b.quoted {
		return equal, err
	}
	if a.quoted {
		a, b = b, a
	}
	text, err := strip(a.v)
	if err != nil || text.Kind() != reflect.String {
		return false, err
	}
	unquoted, err := decode([]byte(text.String()))
	if err != nil {
		return false, nil //nolint:nilerr // a text that is no quoted value is another value
	}
	return s.same(reflect.ValueOf(unquoted), b.v, depth)
}

// same tells whether two values mean the same.
func (s *Shape) same(a, b reflect.Value, depth int) (bool, error) {
	if depth > maxDepth {
		return false, ErrDepth
	}
	a, err := strip(a)
	if err != nil {
		return false, err
	}
	if b, err = strip(b); err != nil {
		return false, err
	}
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid(), nil
	}
	if sameScalar(a, b) {
		return true, nil
	}
	if a.Type() != b.Type() {
		a, b = parsedLike(a, b), parsedLike(b, a)
	}
	switch {
	case isTime(a) && isTime(b):
		return toTime(a).Equal(toTime(b)), nil
	case isList(a) && isList(b):
		return s.sameElements(a, b, depth+1)
	case a.Kind() == reflect.Struct && a.Type() == b.Type():
		return s.sameFields(a, b, depth+1)
	case isRecord(a) && isRecord(b):
		return s.sameParts(a, b, depth+1)
	}
	return sameScalar(a, b), nil
}

func (s *Shape) sameElements(a, b reflect.Value, depth int) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	for i := range a.Len() {
		if same, err := s.same(a.Index(i), b.Index(i), depth); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// sameFields compares fields that have no names outside Go as well.
func (s *Shape) sameFields(a, b reflect.Value, depth int) (bool, error) {
	for i := range a.NumField() {
		if same, err := s.same(a.Field(i), b.Field(i), depth); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *Shape) sameParts(a, b reflect.Value, depth int) (bool, error) {
	for _, v := range []reflect.Value{a, b} {
		if v.Kind() == reflect.Struct && s.plan(v.Type(), nowhere).opaque() {
			return false, nil // what it has is not told by members
		}
	}
	parts, err := s.pairs(a, b, nowhere)
	if err != nil {
		return false, err
	}
	for _, pair := range parts {
		a, b := pair[0], pair[1]
		if a.v, err = strip(a.v); err != nil {
			return false, err
		}
		if b.v, err = strip(b.v); err != nil {
			return false, err
		}
		if equal, err := s.equal(a, b, depth); !equal || err != nil {
			return false, err
		}
	}
	return true, nil
}

// sameScalar tells whether two values that have no parts are the same.
func sameScalar(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return a.Type() == b.Type() && a.Pointer() == b.Pointer()
	}
	x, isScalar := scalarOf(a)
	y, both := scalarOf(b)
	return isScalar && both && x == y
}

// number is one as text that equal numbers share.
type number string

// scalarOf is a number, a string or a bool.
func scalarOf(v reflect.Value) (any, bool) {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), true
	case reflect.String:
		if v.Type() == numberType {
			return numberOf(v.String()), true
		}
		return v.String(), true
	case reflect.Slice:
		if isList(v) {
			return nil, false
		}
		return base64.StdEncoding.EncodeToString(v.Bytes()), true
	case reflect.Float32:
		return numberOf(strconv.FormatFloat(v.Float(), 'e', -1, 32)), true
	case reflect.Float64:
		return numberOf(strconv.FormatFloat(v.Float(), 'e', -1, 64)), true
	case reflect.Complex64, reflect.Complex128:
		return number(strconv.FormatComplex(v.Complex(), 'e', -1, 128)), true
	}
	switch {
	case v.CanInt():
		return numberOf(strconv.FormatInt(v.Int(), 10)), true
	case v.CanUint():
		return numberOf(strconv.FormatUint(v.Uint(), 10)), true
	}
	return nil, false
}

// numberOf writes a number as its digits, from the first to the last that is not
// zero, and what power of ten the last counts. Nothing is rounded.
func numberOf(text string) number {
	digits, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent := int64(0)
	if power != "" {
		var err error
		if exponent, err = strconv.ParseInt(power, 10, 62); err != nil {
			exponent, digits = 0, text
		}
	}
	digits, negative := strings.CutPrefix(digits, "-")
	ones, fraction, _ := strings.Cut(digits, ".")
	exponent -= int64(len(fraction))
	digits = strings.TrimLeft(ones+fraction, "0")
	short := strings.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(short))
	switch {
	case short == "":
		return "0"
	case negative:
		short = "-" + short
	}
	return number(short + "e" + strconv.FormatInt(exponent, 10))
}

// isTime tells whether a value is a time that can be got at.
func isTime(v reflect.Value) bool { return v.CanInterface() && v.Type().ConvertibleTo(timeType) }

func toTime(v reflect.Value) time.Time {
	t, _ := v.Convert(timeType).Interface().(time.Time)
	return t
}

// parsedLike is a text as a value of the type of another that can be read from texts,
// or else the text.
func parsedLike(text, like reflect.Value) reflect.Value {
	if text.Kind() != reflect.String || !like.CanInterface() {
		return text
	}
	if isTime(like) {
		if t, err := time.Parse(time.RFC3339Nano, text.String()); err == nil {
			return reflect.ValueOf(t)
		}
		return text
	}
	parsed := reflect.New(like.Type())
	if u, can := parsed.Interface().(encoding.TextUnmarshaler); can && u.UnmarshalText([]byte(text.String())) == nil {
		return parsed.Elem()
	}
	return text
}
