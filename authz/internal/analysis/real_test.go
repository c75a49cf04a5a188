package analysis

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// With conditions as they are, which are less free than a comparison takes them to be, it
// misses nothing: where an answer changes, it has found a change.
func TestComparisonMissesNothing(t *testing.T) {
	questioned, changed := 0, 0
	vocabularies := map[*model.Schema]*Vocabulary{}
	for s := *seed; s < *seed+uint64(*pairs)/10 && !t.Failed(); s++ {
		c := difftest.Generate(s)
		v := vocabularies[c.Schema]
		if v == nil {
			var err error
			if v, err = NewVocabulary(c.Schema, c.Tenant); err != nil {
				t.Fatal(err)
			}
			vocabularies[c.Schema] = v
		}
		facts := changedFacts(t, newDice(s), c)
		var policies [2]*compiled
		var engines [2]*engine.Snapshot
		for i := range policies {
			var err error
			if policies[i], err = v.compile(Policy{Schema: c.Schema, Tenant: c.Tenant, Facts: facts[i]}); err != nil {
				t.Fatal(err)
			}
			if engines[i], err = compileFacts(engine.NewSchema(c.Schema, c.Conditions), c.Tenant, facts[i]); err != nil {
				t.Fatal(err)
			}
		}
		questions := slices.Concat(c.Questions, difftest.Generate(s+256).Questions)
		for _, user := range people(policies[:]...) {
			var found []difference
			before, after := newViews(policies[0], policies[1], user, asked{at: now})
			if err := (&comparison{before, after, nil, false, func(d difference) { found = append(found, d) }}).run(); err != nil {
				t.Fatal(err)
			}
			for _, q := range questions {
				q.Request.User, q.Request.At, q.Request.Address = user, now, netip.Addr{}
				was, is, ok := decisions(engines, q.Request)
				if questioned++; !ok || was == is {
					continue
				}
				changed++
				if !slices.ContainsFunc(found, func(d difference) bool {
					return d.typ == q.Request.Record.Type && d.action == q.Request.Action && d.fields == nil && (d.to > d.from) == is
				}) {
					t.Fatalf("seed %d: %+v changes to %v, which was not found", s, q, is)
				}
			}
		}
	}
	t.Logf("%d questions, %d of them with another answer", questioned, changed)
	if changed < questioned/100 {
		t.Error("the test tests little")
	}
}

// decisions are those before and now about a record, if the request is a good one.
func decisions(engines [2]*engine.Snapshot, q model.Request) (was, is, ok bool) {
	if q.Record == nil {
		return false, false, false
	}
	before, err := engines[0].Decide(&q, clock)
	if err != nil {
		return false, false, false
	}
	after, err := engines[1].Decide(&q, clock)
	return before.Allowed(), after.Allowed(), err == nil
}
