package crm

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// Report says what became of everything that an import read. Nothing is left out
// silently: each element of a file has an entry.
type Report struct {
	Files   int // that were read
	Entries []Entry
	// Rights is how often the files grant each right, in the product's words: allowRead,
	// readable, Global. It counts what stands there, also what was read twice or could not be taken.
	Rights map[string]int
}

// Entry is what became of one element of a file.
type Entry struct {
	Outcome Outcome
	File    string // of the fs.FS
	Line    int    // counted from 1; 0: the file as a whole
	Kind    string // the element, in the product's words: objectPermissions, RolePrivilege
	What    string // which one: Account, prvReadAccount
	Why     string // why it was not taken, or how; may be empty for what was taken
}

// Outcome is what became of an element.
type Outcome uint8

// The outcomes. The zero Outcome is none.
const (
	OutcomeUnset   Outcome = iota
	Taken                  // it is in the organisation
	NotExpressible         // it is known, and has no meaning for decisions, or none that facts can carry
	Unknown                // it is not known; kept nowhere but here
	Ambiguous              // it was taken in one of several readings; Why says which
)

var outcomeNames = [...]string{"unset", "taken", "not expressible", "unknown", "ambiguous"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("invalid(%d)", uint8(o))
}

// Add adds an entry.
func (r *Report) Add(e Entry) { r.Entries = append(r.Entries, e) }

// Grants counts a right.
func (r *Report) Grants(right string) {
	if r.Rights == nil {
		r.Rights = map[string]int{}
	}
	r.Rights[right]++
}

// With yields the entries of an outcome, in the order in which they were read.
func (r *Report) With(o Outcome) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range r.Entries {
			if e.Outcome == o && !yield(e) {
				return
			}
		}
	}
}

// Count is how many elements of a kind had an outcome.
func (r *Report) Count(o Outcome, kind string) (n int) {
	for _, e := range r.Entries {
		if e.Outcome == o && e.Kind == kind {
			n++
		}
	}
	return n
}

// String is the entry in a line for people: file:line: outcome: kind what: why.
func (e Entry) String() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, e.Line)
	}
	s += ": " + e.Outcome.String() + ": " + e.Kind
	if e.What != "" {
		s += " " + e.What
	}
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

// Write writes how many elements of each kind had which outcome, and then every
// entry that was not simply taken.
func (r *Report) Write(w io.Writer) error {
	type key struct {
		kind    string
		outcome Outcome
	}
	counts := map[key]int{}
	var keys []key
	for _, e := range r.Entries {
		k := key{e.Kind, e.Outcome}
		if counts[k]++; counts[k] == 1 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind, b.kind)
		}
		return int(a.outcome) - int(b.outcome)
	})
	if _, err := fmt.Fprintf(w, "%d files\n", r.Files); err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(w, "%7d %s: %s\n", counts[k], k.kind, k.outcome); err != nil {
			return err
		}
	}
	for _, e := range r.Entries {
		if e.Outcome == Taken && e.Why == "" {
			continue
		}
		if _, err := fmt.Fprintln(w, e); err != nil {
			return err
		}
	}
	return nil
}
