package doctor

import (
	"cmp"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

// Finding is a trap that a policy holds, and where.
type Finding struct {
	Trap
	Where []Place
}

// Place is a row, or a part of the model or table.
type Place struct {
	Row  int64  `json:"row,omitempty"` // the number of its line, or its id; 0: not a row
	Text string `json:"text"`          // the row, or the part
	Note string `json:"note,omitempty"`
}

// Examine finds the traps that a policy's rows, model and table hold, in the order of
// the table of traps. The table is nil for a file; now tells which memberships have ended.
func Examine(rows []source.Row, table *source.Table, m *Model, now time.Time) []Finding {
	e := examination{model: m, table: table, now: now, found: map[string][]Place{}}
	for _, r := range rows {
		e.shape(r)
	}
	for _, r := range e.rows {
		e.values(r)
	}
	e.duplicates(rows)
	e.names()
	e.roles()
	if m.Own {
		e.lines(rows)
	} else {
		e.definitions()
		e.matchers()
		e.patterns()
	}
	if table != nil {
		e.columns()
	}
	return e.findings()
}

// examination gathers what is found.
type examination struct {
	model *Model
	table *source.Table
	now   time.Time
	rows  []source.Row // those that Casbin loads
	found map[string][]Place
}

func (e *examination) row(trap string, r source.Row, note string) {
	e.found[trap] = append(e.found[trap], Place{r.Number, r.String(), note})
}

func (e *examination) part(trap, text, note string) {
	e.found[trap] = append(e.found[trap], Place{0, text, note})
}

func (e *examination) findings() (all []Finding) {
	for _, t := range Traps {
		if places := e.found[t.ID]; len(places) > 0 {
			slices.SortStableFunc(places, func(a, b Place) int { return cmp.Compare(a.Row, b.Row) })
			all = append(all, Finding{t, places})
		}
	}
	return all
}
