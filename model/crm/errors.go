package crm

import (
	"errors"
	"strconv"
)

// What can be wrong with a description or a product's file. An *Error wraps one of
// them, or a *model.ValueError, or what the fs.FS failed with.
var (
	ErrMalformed = errors.New("malformed")
	ErrTooLarge  = errors.New("too large")
	ErrWrongRoot = errors.New("not the element that the file should hold")
	ErrDoctype   = errors.New("a document type, which could define entities, is not read")
	ErrNotFound  = errors.New("is not described")
	ErrRefused   = errors.New("the product refuses it")
)

// Error says where in a description or a file something was refused.
type Error struct {
	File  string // empty: a description
	Line  int    // counted from 1; 0: unknown
	What  string // the element, in the product's words: permission set Sales, objectPermissions
	Value string // the offending value; may be empty
	Err   error
	Hint  string // what would be right; may be empty
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		if s != "" {
			s += ":"
		} else {
			s = "line "
		}
		s += strconv.Itoa(e.Line)
	}
	if s != "" {
		s += ": "
	}
	if e.What != "" {
		s += e.What + ": "
	}
	if e.Value != "" {
		s += strconv.Quote(cut(e.Value)) + ": "
	}
	s += e.Err.Error()
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// cut shortens a value that would fill a screen.
func cut(s string) string {
	const limit = 120
	for i := range s {
		if i >= limit {
			return s[:i] + "…"
		}
	}
	return s
}
