package authzgorm

import (
	"errors"
	"fmt"
)

var (
	// ErrNoPrincipal: the statement's context has no principal.
	ErrNoPrincipal = errors.New("there is no principal in the context")
	// ErrUnmapped: the statement is about a table that is no registered model.
	ErrUnmapped = errors.New("it is no registered model")
	// ErrUnsupported: the statement has a part that might go around the filter.
	ErrUnsupported = errors.New("it is not known to be harmless")
	// ErrUpsert: a row that is there would be written over unchecked.
	ErrUpsert = errors.New("an upsert writes rows that were not checked")
	// ErrIncomplete: which rows are allowed must be asked of each; see FindPage.
	ErrIncomplete = errors.New("the filter is not complete")
	// ErrTenant: a row of another tenant would be made, or a row moved to one.
	ErrTenant = errors.New("it is of another tenant")
	// ErrKey: a primary key would be changed.
	ErrKey = errors.New("a key is never changed")
	// ErrTooManyRows: more rows would be written than can be checked one by one.
	ErrTooManyRows = errors.New("too many rows to check one by one")
	// ErrNotAllowed: no rule lets the user create the row.
	ErrNotAllowed = errors.New("no rule allows it")
	// ErrModel: a Model does not fit its struct or the schema. (New, Use)
	ErrModel = errors.New("the model does not fit")
)

// Error says what was refused of which table. Match what it wraps with
// errors.Is and errors.As.
type Error struct {
	Op    string // "query", "create", "update", "delete", "raw", "use"
	Table string
	What  string // the offending part, as far as it has a name
	Err   error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("authzgorm: %s of %q: ", e.Op, e.Table)
	if e.What != "" {
		s += fmt.Sprintf("%.200q: ", e.What)
	}
	return s + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
