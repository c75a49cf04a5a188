package engine_test

import (
	"net/netip"
	"testing"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// An outline has the records, and the levels of fields, that decisions have when nothing is known
// of the user and the environment.
func TestOutlineIsWhatIsDecided(t *testing.T) {
	build := compiler()
	asked, yes, fields := 0, 0, 0
	for s := *seed; asked < *filters/4 && !t.Failed(); s++ {
		c := difftest.Generate(s)
		d, err := build(c)
		if err != nil {
			t.Fatal(err)
		}
		snapshot := d.(decider).Snapshot
		for _, q := range c.Questions {
			q.Request.UserAttrs, q.Request.Env = nil, nil
			if q.Request.Record == nil {
				continue
			}
			if _, err := d.Decide(q.Request); err != nil {
				continue
			}
			if _, complete, err := snapshot.Filter(engine.User{}, about(q.Request), clockOf(q.Request)); err != nil || !complete {
				continue
			}
			outline := snapshot.Outline(q.Request.User, q.Request.At, q.Request.Address)
			x := outline.May(q.Request.Record.Type, q.Request.Action)
			for _, r := range records(c, q.Request.Record) {
				ask := q.Request
				ask.Record, ask.Type = r, r.Type
				want, err := d.Decide(ask)
				if err != nil {
					t.Fatalf("seed %d: %+v: %v", s, ask, err)
				}
				if got := filter.Eval(x, r) == filter.True; got != want {
					t.Fatalf("seed %d: the decision says %v, the outline %v\nof %+v\n%s", s, want, got, ask, filter.Format(x))
				}
				if asked++; !want {
					continue
				}
				yes++
				fields += checkFields(t, s, snapshot, outline, ask)
			}
		}
	}
	t.Logf("%d records, %d of them allowed, with %d fields", asked, yes, fields)
	if yes < asked/10 || fields < yes {
		t.Error("the test tests little")
	}
}

// checkFields compares the levels of all fields of a record to which the action is allowed.
func checkFields(t *testing.T, seed uint64, s *engine.Snapshot, outline *engine.Outline, q model.Request) (n int) {
	t.Helper()
	levels, err := s.FieldLevels(engine.User{}, &q, true, nil, clockOf(q))
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	limit := model.FieldWrite
	if s.Schema().Types[q.Record.Type].Actions[q.Action].Reading() {
		limit = model.FieldRead
	}
	if len(s.Schema().CheckOnly) > 0 { // of these there is no expression
		return 0
	}
	for name, want := range levels.All {
		atLeast, got := outline.Field(q.Record.Type, q.Action, name), limit
		for filter.Eval(atLeast[got], q.Record) != filter.True {
			got--
		}
		if n++; got != want {
			t.Fatalf("seed %d: %s of %+v is %v, and by the outline %v", seed, name, q, want, got)
		}
	}
	return n
}

func TestOutlineOfWhatThereIsNot(t *testing.T) {
	c := difftest.Generate(1)
	d, err := compiler()(c)
	if err != nil {
		t.Fatal(err)
	}
	outline := d.(decider).Outline("user:stranger", c.Questions[0].Request.At, netip.Addr{})
	if x := outline.May("letter", "read"); x != filter.False {
		t.Errorf("letters may be read: %s", filter.Format(x))
	}
	if x := outline.Field("account", "read", "shoe-size"); x[model.FieldMasked] != filter.False {
		t.Errorf("the shoe size is %s", filter.Format(x[model.FieldMasked]))
	}
	if path := outline.Path("role:a"); path != nil {
		t.Errorf("a stranger is in a role by %v", path)
	}
}
