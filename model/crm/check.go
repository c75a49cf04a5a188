package crm

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// Checker keeps the first thing that is wrong with a description.
type Checker struct{ Err error }

// Fail keeps an *Error, if there is none yet.
func (c *Checker) Fail(what, value string, err error, hint string) {
	if c.Err == nil {
		c.Err = &Error{What: what, Value: value, Err: err, Hint: hint}
	}
}

// Word checks a word that is empty or one of these.
func (c *Checker) Word(what, word string, of ...string) {
	if word != "" && !slices.Contains(of, word) {
		c.Fail(what, word, ErrMalformed, "one of "+strings.Join(of, ", "))
	}
}

// Must is Word for one that may not be empty.
func (c *Checker) Must(what, word string, of ...string) {
	if word == "" || !slices.Contains(of, word) {
		c.Fail(what, word, ErrMalformed, "one of "+strings.Join(of, ", "))
	}
}

// Known checks that names are described.
func Known[T any](c *Checker, what string, in map[string]T, names ...string) {
	for _, n := range names {
		if _, ok := in[n]; !ok {
			c.Fail(what, n, ErrNotFound, "")
		}
	}
}

// Keys are the keys of a map, in order.
func Keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Sorted ranges over a map in the order of its keys.
func Sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range Keys(m) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
