package crm

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// builtIn are the attributes that every record has, and that no type declares.
var builtIn = []string{"id", "type", "unit", "owners", "parent"}

// IsBuiltIn tells whether an attribute cannot be declared, because every record has it.
func IsBuiltIn(attribute string) bool { return slices.Contains(builtIn, attribute) }

// Attribute is an attribute of the record as conditions write it.
func Attribute(name string) string { return "record[" + Quote(name) + "]" }

// Quote is a text as conditions write it.
func Quote(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD")) }

// Double is a number as conditions write it; not ok if it is none, or not finite.
func Double(number string) (literal string, ok bool) {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	literal = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(literal, ".") {
		literal += ".0"
	}
	return literal, true
}

// Timestamp is an instant as conditions write it.
func Timestamp(t time.Time) string { return `timestamp("` + t.UTC().Format(time.RFC3339Nano) + `")` }
