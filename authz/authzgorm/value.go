package authzgorm

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"time"
)

// driverValue is a value as a driver would give it; nil for what is no value of a column.
func driverValue(v any) any {
	value, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil
	}
	return value
}

// sameValue tells whether two of a driver's values are the same.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	}
	if _, list := b.([]byte); list {
		return false
	}
	return a == b
}

// textOf is a driver's value as the text of an id.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int64:
		return fmt.Sprint(v), true
	}
	return "", false
}
