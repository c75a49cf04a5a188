// Package mask shows a little of a value, or nothing.
//
// The built-in masks, by their names in a schema:
//
//	lastN   last1 … last99: text is shown as **** and its last N characters; the
//	        number of stars does not tell its length. Text of fewer than 2N
//	        characters is **** alone, so that never more than half is shown. Empty
//	        text is shown as it is. A number is masked by its decimal text without
//	        sign and exponent.
//	firstN  first1 … first99: the same with the first N characters and ****.
//	email   ann@example.com is a****@example.com: the first character before the @,
//	        if there are at least two, and the domain. What does not have exactly one @
//	        with something before it and a domain after it is ****. A domain has
//	        letters, digits and . - _ and at most 253 bytes.
//	phone   +49 (151) 123-4567 is +** (***) ***-*567: the last three digits of at
//	        least six, the others are stars. Spaces, - . / ( ) and + at the beginning
//	        stay. What has anything else or fewer digits is ****. A number is masked
//	        by its decimal text, as with lastN.
//	hash    32 hexadecimal digits: the first half of the value's HMAC-SHA-256 under the
//	        key, the same for equal values, so that hashes can be joined and counted.
//	        Text is hashed as it is and a whole number as its decimal text, be it an
//	        integer, a float or a JSON number, so that 5, 5.0 and the text "5" agree.
//	        Other values agree only with those of their kind: other numbers are hashed
//	        as "float:0.5", booleans as "bool:true", times as "time:" and RFC 3339 in UTC
//	        with the fraction that they have. NaN and the infinities are shown as nothing.
//	year    the year of a time, as a number. Text may be a time in RFC 3339 or as
//	        2006-01-02 or 2006-01-02 15:04:05. Everything else is shown as nothing.
//	rangeN  range2 … range1000000000000: a number is shown as the step of N that it is
//	        in, as text: by range1000, 1234 is 1000-1999 and -5 is -1000--1. A fraction is
//	        rounded down first. Text that is a decimal number is one, too. Everything else is shown as nothing.
//	fixed   **** for every value.
//	null    nothing.
//
// No mask shows anything where there is no value. Text is counted in Unicode code points; text
// that is not UTF-8 is **** where a part of it would be shown. Truth values and times
// are **** by lastN, firstN, email and phone. By all masks but fixed, structs, maps,
// lists and other values that are not scalar are shown as nothing.
package mask

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors of New.
var (
	// ErrUnknown: no built-in mask has the name.
	ErrUnknown = errors.New("there is no such mask")
	// ErrNoKey: the mask hash needs a key of at least 16 bytes.
	ErrNoKey = errors.New("the mask needs a key of at least 16 bytes")
)

// Func shows what a mask shows of a value. Nil is shown as nothing. It is called
// through Apply, which tells what values a Func sees.
type Func func(value any) any

// Apply is what the mask shows of a value; nil: nothing. A nil Func shows nothing,
// nor does one that panics.
//
// The mask sees a string, int64, uint64, float64, bool, time.Time or json.Number
// for all values that are one of these in another form: values of named and of
// narrower types, pointers, bytes that are UTF-8, a json.RawMessage of a scalar, and what
// the Value method that database/sql knows as driver.Valuer returns. It sees
// other values as they are, and is not asked for nil ones, nor for bytes that are
// not UTF-8, nor for a value that fails to tell what it is.
func (f Func) Apply(value any) (shown any) {
	defer func() {
		if recover() != nil {
			shown = nil
		}
	}()
	if f == nil {
		return nil
	}
	if value = normal(value); value == nil {
		return nil
	}
	return f(value)
}

// stars stand for what is hidden, however long it is.
const stars = "****"

// New returns the built-in mask of a name. The key is that of hash; the other masks
// need none.
func New(name string, key []byte) (Func, error) {
	switch name {
	case "email":
		return ofText(email), nil
	case "phone":
		return ofText(phone), nil
	case "hash":
		return hash(key)
	case "year":
		return year, nil
	case "fixed":
		return func(any) any { return stars }, nil
	case "null":
		return func(any) any { return nil }, nil
	}
	for _, m := range numbered {
		if digits, ok := strings.CutPrefix(name, m.word); ok {
			if n, ok := count(digits, m.least, m.most); ok {
				return m.of(n), nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
}

// numbered are the masks whose names end with a number.
var numbered = []struct {
	word        string
	least, most int64
	of          func(n int64) Func
}{
	{"last", 1, 99, func(n int64) Func { return ofText(last(int(n))) }},
	{"first", 1, 99, func(n int64) Func { return ofText(first(int(n))) }},
	{"range", 2, 1_000_000_000_000, steps},
}

// count reads the number at the end of a name. There is one way to write each.
func count(digits string, least, most int64) (int64, bool) {
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= least && n <= most && strconv.FormatInt(n, 10) == digits
}
