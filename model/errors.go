package model

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// What can be wrong with a value. A *ValueError wraps one of them.
var (
	ErrMalformed        = errors.New("malformed")
	ErrTooLong          = errors.New("too long")
	ErrUnknownKind      = errors.New("unknown kind of subject")
	ErrUnknownSection   = errors.New("unknown section")
	ErrUnknownTenant    = errors.New("unknown tenant")
	ErrUnknownType      = errors.New("unknown type")
	ErrUnknownAction    = errors.New("unknown action")
	ErrUnknownField     = errors.New("unknown field")
	ErrUnknownAttribute = errors.New("unknown attribute")
	ErrUnknownCondition = errors.New("unknown condition")
	// ErrNoFilter: the condition is not to be made a filter of, and is not marked as check-only.
	ErrNoFilter = errors.New("no filter can be made of it")
	// ErrNotInBase: a fact about people or records in the base policy "*".
	ErrNotInBase = errors.New("not allowed in the base policy")
	// ErrCycle: the fact would make a group contain itself, or a person her own superior.
	ErrCycle = errors.New("would close a cycle")
	// ErrTooDeep: a chain (of groups, units, superiors, parents) longer than MaxDepth.
	ErrTooDeep = errors.New("too deep")
	// ErrNoFacts: a record is named by its id, and there is no resolver to fetch its facts.
	ErrNoFacts = errors.New("the record's facts are not known")
)

// ValueError says which value was refused, where it stood and why.
// Match the why with errors.Is: errors.Is(err, model.ErrTooLong).
type ValueError struct {
	In     string // what was read: "customer rule", "request", "schema type customer"
	Column string // the column or field in it
	Value  string // the offending value; shortened in the message, whole here
	Err    error  // one of the errors above
	Hint   string // what would be right; may be empty
}

func (e *ValueError) Error() string {
	s := e.In + ": " + e.Column + " " + quoteShort(e.Value) + ": " + e.Err.Error()
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *ValueError) Unwrap() error { return e.Err }

// quoteShort quotes a value for a message and cuts one that would fill a screen.
func quoteShort(v string) string {
	const limit = 120
	if len(v) <= limit {
		return strconv.Quote(v)
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return strconv.Quote(v[:cut]) + "… (" + strconv.Itoa(utf8.RuneCountInString(v)) + " characters)"
}

// SourceError says where in a text (YAML or CSV) something was refused.
type SourceError struct {
	Line   int // counted from 1; 0: unknown
	Column int // counted from 1; 0: unknown, as it is in CSV
	Err    error
}

func (e *SourceError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	if e.Column == 0 {
		return "line " + strconv.Itoa(e.Line) + ": " + e.Err.Error()
	}
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Err.Error()
}

func (e *SourceError) Unwrap() error { return e.Err }
