package engine_test

import (
	"flag"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/internal/engine -run Filter -filters 2000000 -timeout 0
var filters = flag.Int("filters", 100_000, "records that a filter and the decision must agree on")

// A filter has exactly the records that the decision allows; one that is not
// complete has these and others.
func TestFilterHasWhatTheDecisionAllows(t *testing.T) {
	build := compiler()
	var asked, yes, partial, constant, shared int
	for s := *seed; asked < *filters && !t.Failed(); s++ {
		c := difftest.Generate(s)
		d, err := build(c)
		if err != nil {
			t.Fatal(err)
		}
		snapshot := d.(decider).Snapshot
		for _, q := range c.Questions {
			if q.Request.Record == nil {
				continue
			}
			if _, err := d.Decide(q.Request); err != nil {
				continue
			}
			x, complete, err := snapshot.Filter(engine.User{}, about(q.Request), clockOf(q.Request))
			if err != nil {
				t.Fatalf("seed %d: %+v: %v", s, q.Request, err)
			}
			for _, r := range records(c, q.Request.Record) {
				ask := q.Request
				ask.Record, ask.Type = r, r.Type
				want, err := d.Decide(ask)
				if err != nil {
					t.Fatalf("seed %d: %+v: %v", s, ask, err)
				}
				got := filter.Eval(x, r) == filter.True
				if got != want && (complete || want) {
					t.Fatalf("seed %d: the decision says %v, the filter (complete %v) %v\nof %+v\n%s", s, want, complete, got, ask, filter.Format(x))
				}
				asked++
				if want {
					yes++
				}
			}
			if _, ok := x.(filter.Truth); ok {
				constant++
			}
			if !complete {
				partial++
			}
			shared++
		}
	}
	t.Logf("%d records, %d of them allowed; %d filters, %d of them constant, %d not complete", asked, yes, shared, constant, partial)
	if yes < asked/10 || yes > asked*9/10 || constant > shared*3/4 || partial > shared/4 {
		t.Error("the test tests little")
	}
}

// about is a request about the type of its record.
func about(r model.Request) *model.Request {
	r.Type, r.ID, r.Record = r.Record.Type, "", nil
	return &r
}

// records is the records of a type that a case's questions speak of, the given
// one first, as a database has them: parents are of the type that the schema says.
func records(c difftest.Case, first *model.Record) []*model.Record {
	all := []*model.Record{first}
	for _, q := range c.Questions {
		for r := q.Request.Record; r != nil; r = r.Parent {
			if r.Type == first.Type && q.Request.Record != first {
				all = append(all, r)
			}
		}
	}
	return slices.DeleteFunc(all, func(r *model.Record) bool { return !fits(c.Schema, r) })
}

func fits(s *model.Schema, r *model.Record) bool {
	for depth := 0; r != nil; r, depth = r.Parent, depth+1 {
		if s.CheckRequest(&model.Request{Tenant: "acme", User: "user:ann", Action: "read", Record: r}) != nil || depth > 4 ||
			r.Parent != nil && r.Parent.Type != s.Types[r.Type].Parent.Type {
			return false
		}
	}
	return true
}
