package crm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// Policy is what an organisation compiles to: the schema of its records, and the
// facts of its tenant, in the order of their lines and without repetition.
type Policy struct {
	Schema *model.Schema
	Facts  []model.Fact
}

// NewPolicy makes a policy of a schema and facts in any order. It refuses, with a
// *model.ValueError, what the schema or a line of Casbin's table cannot hold.
func NewPolicy(schema *model.Schema, facts []model.Fact) (*Policy, error) {
	if err := schema.Check(); err != nil {
		return nil, err
	}
	for name, expr := range schema.Conditions {
		if len(expr) > MaxExpression {
			return nil, &Error{What: "condition " + name, Value: expr, Err: ErrTooLarge, Hint: fmt.Sprintf("%d bytes of CEL; at most %d", len(expr), MaxExpression)}
		}
	}
	type entry struct {
		line model.Line
		fact model.Fact
	}
	entries := make([]entry, 0, len(facts))
	for _, f := range facts {
		l, err := model.Encode(f)
		if err == nil {
			err = schema.CheckFact(f)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{l, f})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.line.Section, b.line.Section), slices.Compare(a.line.Values[:], b.line.Values[:]))
	})
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.line == b.line })
	p := &Policy{Schema: schema, Facts: make([]model.Fact, len(entries))}
	for i, e := range entries {
		p.Facts[i] = e.fact
	}
	return p, nil
}
