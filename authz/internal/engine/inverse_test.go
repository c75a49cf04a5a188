package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// An inverse that changes kept up is what would be made of the snapshot anew.
func TestInverseIsKeptUp(t *testing.T) {
	schema := &model.Schema{Types: map[string]model.Type{
		"account": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
			Fields:  map[string]model.Field{"phone": {}},
		},
		"deal": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}},
	}}
	conditions, err := condition.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	d := rand.New(rand.NewPCG(1, 2))
	s, err := Compile(NewSchema(schema, conditions), nil, "acme", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.inverse()
	var lines []model.Line
	for step := range 4_000 {
		l, add := randomLine(t, d), d.IntN(3) > 0
		if !add && len(lines) > 0 {
			l = lines[d.IntN(len(lines))]
		}
		if have := slices.Contains(lines, l); have == add {
			continue
		}
		var removed, added []model.Line
		if add {
			added, lines = []model.Line{l}, append(lines, l)
		} else {
			removed, lines = []model.Line{l}, slices.DeleteFunc(lines, func(x model.Line) bool { return x == l })
		}
		next, ok, err := s.With(s.Revision+1, removed, added)
		if err != nil || !ok {
			t.Fatalf("step %d: %v: %v, %v", step, l, ok, err)
		}
		if next.inverted.made.Load() == nil {
			t.Fatalf("step %d: the inverse is gone", step)
		}
		if step%50 == 0 {
			if diff := cmp.Diff(contents(next, next.invert()), contents(next, next.inverse())); diff != "" {
				t.Fatalf("step %d: %v (add %v): made anew -, kept up +\n%s", step, l, add, diff)
			}
		}
		s = next
	}
	if held := contents(s, s.inverse()).Held; len(held) < 10 {
		t.Fatalf("the test tests little: %d subjects hold anything", len(held))
	}
}

// plainInverse is an inverse that can be compared.
type plainInverse struct {
	Held    map[string][]string
	Members map[string][]uint32
}

func contents(s *Snapshot, v *inverse) plainInverse {
	p := plainInverse{map[string][]string{}, map[string][]uint32{}}
	for id, name := range s.names {
		if held := v.held.get(uint32(id)); len(held) > 0 {
			for _, e := range held {
				p.Held[name] = append(p.Held[name], fmt.Sprintf("%x %s", e>>32, v.ids[e.number()]))
			}
			slices.Sort(p.Held[name])
		}
		if in := v.members.get(uint32(id)); len(in) > 0 {
			p.Members[name] = in
		}
	}
	return p
}

// randomLine is a fact that With does without compiling anew.
func randomLine(t *testing.T, d *rand.Rand) model.Line {
	pick := func(of ...string) string { return of[d.IntN(len(of))] }
	subject := pick("user:", "user:", "team:", "role:") + strconv.Itoa(d.IntN(100))
	on := model.OnRecord(pick("account", "account", "deal"), pick("1", "2", "a-rather-long-record-id-", "x")+strconv.Itoa(d.IntN(40)))
	period := model.Period{}
	if d.IntN(4) == 0 {
		period.Until = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	}
	var f model.Fact
	switch d.IntN(4) {
	case 0:
		f = model.CustomerRule{Tenant: "acme", Subject: subject, On: on, Action: "read", Effect: []model.Effect{model.Allow, model.Deny}[d.IntN(2)], Valid: period}
	case 1:
		f = model.TeamRule{Tenant: "acme", Subject: subject, On: on, Level: model.Level(1 + d.IntN(4)), As: pick("", "lead"), Valid: period}
	case 2:
		on.Type, on.Field = "account", "phone"
		f = model.FieldRule{Tenant: "acme", Subject: subject, On: on, Level: model.FieldRead, Effect: []model.Effect{model.Allow, model.Deny}[d.IntN(2)], Valid: period}
	default:
		f = model.Membership{Tenant: "acme", Member: "user:" + strconv.Itoa(d.IntN(100)), Group: pick("team:", "role:") + strconv.Itoa(d.IntN(20))}
	}
	l, err := model.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A slot tells its name, whether it lies in its key or not.
func TestSlotTellsItsName(t *testing.T) {
	for n := range 40 {
		name := "abcdefghijklmnopqrstuvwxyzabcdefghijklmn"[:n]
		s := newSlot(7, name, run{})
		if got := s.name(); got != name {
			t.Errorf("the slot of %q is called %q", name, got)
		}
	}
}

// Ids are numbered in their order, not in that of hashes, which differ in each process.
func TestInverseNumbersIDsInTheirOrder(t *testing.T) {
	s := &Snapshot{names: []string{model.Everyone}}
	for i := range 100 {
		s.records = s.records.with(uint32(1+i%2), strconv.Itoa(i*7919%60), newRun([]rule{newRule(everyone, 0, 1, 0)}))
	}
	v := &inverse{}
	if s.invertRules(v); len(v.ids) != 60 || !slices.IsSorted(v.ids) {
		t.Errorf("%d ids: %q", len(v.ids), v.ids)
	}
}
