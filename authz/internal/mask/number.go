package mask

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// decimal is a number of which every digit is known.
type decimal struct {
	negative bool
	whole    string // without leading zeros, but 0 itself
	fraction string // without trailing zeros
}

// longest bounds the characters of a number and its exponent; a float64 has fewer.
// What is longer is no number, so that no text keeps a mask busy.
const longest = 400

// decimalOf is the decimal of a number. NaN and the infinities have none.
func decimalOf(value any) (decimal, bool) {
	switch v := value.(type) {
	case int64:
		return parseDecimal(strconv.FormatInt(v, 10))
	case uint64:
		return parseDecimal(strconv.FormatUint(v, 10))
	case float64:
		precision := -1
		if v == math.Trunc(v) {
			precision = 0 // a large whole number is written exactly
		}
		return parseDecimal(strconv.FormatFloat(v, 'f', precision, 64))
	case json.Number:
		return parseDecimal(string(v))
	}
	return decimal{}, false
}

// parseDecimal reads a number such as -12.5 or 1.25e+3.
func parseDecimal(s string) (decimal, bool) {
	if len(s) > longest {
		return decimal{}, false
	}
	s, negative := strings.CutPrefix(s, "-")
	exponent := "0"
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s, exponent = s[:i], s[i+1:]
	}
	e, err := strconv.Atoi(exponent)
	whole, fraction, point := strings.Cut(s, ".")
	if err != nil || e < -longest || e > longest || !allDigits(whole) || point && !allDigits(fraction) {
		return decimal{}, false
	}
	whole, fraction = shift(whole, fraction, e)
	d := decimal{negative, strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")}
	if d.whole == "" {
		d.whole = "0"
		d.negative = negative && d.fraction != ""
	}
	return d, true
}

func allDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isDigit(r) })
}

// shift moves the point between whole and fraction e digits to the right.
func shift(whole, fraction string, e int) (string, string) {
	digits, point := whole+fraction, len(whole)+e
	switch {
	case point <= 0:
		return "", strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits)), ""
	}
	return digits[:point], digits[point:]
}

// unsigned is the number's text without its sign.
func (d decimal) unsigned() string {
	if d.fraction == "" {
		return d.whole
	}
	return d.whole + "." + d.fraction
}

// String is the number's text; equal numbers have the same.
func (d decimal) String() string {
	if d.negative {
		return "-" + d.unsigned()
	}
	return d.unsigned()
}

// floor is the largest integer that is not above the number.
func (d decimal) floor() *big.Int {
	n, ok := new(big.Int).SetString(d.whole, 10)
	if !ok {
		return new(big.Int) // the zero decimal
	}
	if d.negative {
		n.Neg(n)
		if d.fraction != "" {
			n.Sub(n, big.NewInt(1))
		}
	}
	return n
}

// steps makes the mask that shows in which step of a size a number is.
func steps(size int64) Func {
	step := big.NewInt(size)
	return func(value any) any {
		d, ok := decimalOf(value)
		if text, isText := value.(string); isText {
			d, ok = parseDecimal(text)
		}
		if !ok {
			return nil
		}
		low := d.floor()
		low.Sub(low, new(big.Int).Mod(low, step)) // Mod is never negative
		high := new(big.Int).Add(low, step)
		high.Sub(high, big.NewInt(1))
		return low.String() + "-" + high.String()
	}
}
