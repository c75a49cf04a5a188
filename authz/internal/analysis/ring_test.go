package analysis

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// Where types are each other's parents, records may stand in chains of any length. Whether
// somebody gains or loses anything is found all the same; of which records is told for short chains.
func TestComparisonWithParentsInARing(t *testing.T) {
	changed := 0
	for s := *seed; s < *seed+uint64(*pairs)/20 && !t.Failed(); s++ {
		w, d := newRing(t, s), newDice(s)
		for _, user := range people(w.policies[:]...) {
			var found []difference
			before, after := newViews(w.policies[0], w.policies[1], user, asked{at: now})
			if err := (&comparison{before, after, nil, false, func(d difference) { found = append(found, d) }}).run(); err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				w.checkExamples(t, before, after, f)
			}
			for _, typ := range sortedKeys(w.policies[0].schema.Types) {
				for _, r := range w.records(d, typ, 6) {
					changed += w.checkFound(t, user, r, found)
				}
			}
		}
	}
	t.Logf("%d answers changed", changed)
	if changed < *pairs/20 {
		t.Error("the test tests little")
	}
}

// newRing is a pair of policies of a schema in which account, task and contact are parents in a ring.
func newRing(t *testing.T, seed uint64) *world {
	t.Helper()
	c, d := difftest.Generate(seed), newDice(seed)
	ring := *c.Schema
	ring.Types = maps.Clone(c.Schema.Types)
	for name, parent := range map[string]string{"account": "task", "contact": "account", "task": "contact"} {
		typ := ring.Types[name]
		typ.Parent = model.Parent{Type: parent, Cap: model.LevelFull}
		if seed%4 == 0 && name == "task" {
			typ.Parent = model.Parent{Type: parent, Controlled: true}
		}
		ring.Types[name] = typ
	}
	w := &world{seed: seed, schema: schemaOf(t, &ring)}
	for i, facts := range changedFacts(t, d, c) {
		p, err := w.schema.compile(Policy{Schema: w.schema.schema, Tenant: c.Tenant, Facts: facts})
		if err != nil {
			t.Fatal(err)
		}
		w.policies[i], w.engines[i] = p, w.schema.engine(t, facts)
	}
	return w
}

// checkFound makes sure that a change of a record was found, if there is one; it counts the changes.
func (w *world) checkFound(t *testing.T, user string, r *model.Record, found []difference) (changed int) {
	t.Helper()
	for _, action := range sortedKeys(w.policies[0].schema.Types[r.Type].Actions) {
		was, is := w.answer(t, w.engines[0], user, action, r, netip.Addr{})[""], w.answer(t, w.engines[1], user, action, r, netip.Addr{})[""]
		if was == is {
			continue
		}
		changed++
		if !slices.ContainsFunc(found, func(d difference) bool {
			return d.typ == r.Type && d.action == action && d.fields == nil && d.to == is
		}) {
			t.Errorf("seed %d: %s %s %+v: from %v to %v, which was not found", w.seed, user, action, r, was, is)
		}
	}
	return changed
}
