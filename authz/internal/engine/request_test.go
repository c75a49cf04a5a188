package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// Whatever part of them the window shows, and whichever is asked for next, the
// rules that concern the user are those that scanning all of them finds.
func TestRecordRulesOfAUserAreThoseThatAScanFinds(t *testing.T) {
	d := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		var ids []uint32
		for range d.IntN(20) {
			ids = append(ids, uint32(d.IntN(200)+1))
		}
		slices.Sort(ids)
		who := newSubject(none, 0, slices.Compact(ids), nil, func(uint32) uint8 { return 0 })
		all, want, holders := []rule(nil), []rule(nil), bitSet(nil)
		for range d.IntN(120) {
			all = append(all, newRule(uint32(d.IntN(220)), about(d.IntN(5)), 1, 0))
			holders = holders.with(int(all[len(all)-1].subject()))
		}
		slices.Sort(all)
		for _, r := range all {
			if who.in(r.subject()) {
				want = append(want, r)
			}
		}
		q := question{Snapshot: &Snapshot{holders: holders}, who: &who}
		rules, on := recordRules{}, newRun(all)
		rules.set(&on)
		for range 40 {
			i, expected := d.IntN(len(want)+3), rule(0)
			if d.IntN(2) == 0 {
				i %= 3
			}
			if i < len(want) {
				expected = want[i]
			}
			if got := rules.mine(&q, uint(i)); got != expected {
				t.Fatalf("rule %d of %d, of %d on the record: got %x, want %x", i, len(want), len(all), got, expected)
			}
		}
	}
}

// A rule on a single record numbers its type, action or field in few bits.
func TestRulesOnRecordsOfTooManyTypesOrFieldsAreRefused(t *testing.T) {
	schema := &model.Schema{Types: map[string]model.Type{"wide": {Fields: map[string]model.Field{}}}}
	for i := range 1 << indexBits {
		schema.Types["wide"].Fields[fmt.Sprintf("f%05d", i)] = model.Field{}
	}
	for i := range 1<<typeBits - 1 {
		schema.Types[fmt.Sprintf("x%05d", i)] = model.Type{}
	}
	compiled := NewSchema(schema, &condition.Set{})
	first, last := "wide/1#f00000", fmt.Sprintf("wide/1#f%05d", 1<<indexBits-1)
	for target, refused := range map[string]bool{first: false, last: true} {
		l := model.Line{Section: model.FieldRules, Values: [6]string{"user:eve", "acme", target, "read", "allow", "-"}}
		if _, err := Compile(compiled, nil, "acme", 1, []model.Line{l}); errors.Is(err, ErrTooMany) != refused || err != nil && !refused {
			t.Errorf("%s: %v", target, err)
		}
	}
	for typ, refused := range map[string]bool{"wide": false, "x00000": false, fmt.Sprintf("x%05d", 1<<typeBits-2): true} {
		l := model.Line{Section: model.TeamRules, Values: [6]string{"user:eve", "acme", typ + "/1", "read", "-", "-"}}
		if _, err := Compile(compiled, nil, "acme", 1, []model.Line{l}); errors.Is(err, ErrTooMany) != refused || err != nil && !refused {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
