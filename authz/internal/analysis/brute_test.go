package analysis

import (
	"flag"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/internal/analysis -run Brute -pairs 1000000 -timeout 0
var (
	pairs = flag.Int("pairs", 1_000, "random pairs of policies that are compared with brute force")
	seed  = flag.Uint64("seed", 1, "first seed")
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// flagged is a schema whose conditions are flags of records, so that records can have
// every value of each.
func flagged(s *model.Schema) *model.Schema {
	f := &model.Schema{Types: maps.Clone(s.Types), Conditions: map[string]string{}, Constraints: s.Constraints}
	attrs := map[string]model.AttrType{}
	for name := range s.Conditions {
		attrs["flag_"+name] = model.AttrBool
		f.Conditions[name] = "record.flag_" + name
	}
	for name, t := range f.Types {
		t.Attributes = attrs
		f.Types[name] = t
	}
	return f
}

// world is two policies with flags, and what answers by them.
type world struct {
	seed     uint64
	schema   *pooled // of the policy before
	policies [2]*compiled
	engines  [2]*engine.Snapshot
}

// newWorld makes a pair of policies: of a case, and of it with some facts of another case
// for some of its own. Sometimes the second one has another schema, too.
func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	d := newDice(seed)
	c := difftest.Generate(seed)
	facts := changedFacts(t, d, c)
	schemas := [2]*model.Schema{c.Schema, c.Schema}
	if d.IntN(10) == 0 {
		schemas[1] = difftest.Generate(seed + 1).Schema
		for i := range facts {
			facts[i] = slices.DeleteFunc(facts[i], func(f model.Fact) bool { return schemas[1].CheckFact(f) != nil })
		}
	}
	w := &world{seed: seed, schema: schemaOf(t, schemas[0])}
	for i := range facts {
		schema := schemaOf(t, schemas[i])
		p, err := schema.compile(Policy{Schema: schema.schema, Tenant: c.Tenant, Facts: facts[i]})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.policies[i], w.engines[i] = p, schema.engine(t, p.Facts)
	}
	return w
}

// changedFacts is the facts of a case, and these with some of another case, of the same schema, for
// some of its own.
func changedFacts(t testing.TB, d dice, c difftest.Case) (facts [2][]model.Fact) {
	t.Helper()
	other := difftest.Generate(c.Seed + 256)
	facts[0] = decode(t, slices.Concat(c.Lines, c.BaseLines))
	facts[1] = slices.DeleteFunc(slices.Clone(facts[0]), func(model.Fact) bool { return d.IntN(8) == 0 })
	for _, f := range decode(t, slices.Concat(other.Lines, other.BaseLines)) {
		if d.IntN(8) == 0 && !slices.Contains(facts[1], f) {
			facts[1] = append(facts[1], f)
		}
	}
	return facts
}

func decode(t testing.TB, lines []model.Line) (facts []model.Fact) {
	t.Helper()
	for _, l := range lines {
		f, err := model.Decode(l)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return facts
}

// pooled is a schema compiled once for all policies of it.
type pooled struct {
	*Vocabulary
	real *engine.Schema // with flags
	bare *engine.Schema // and without constraints
}

var pool = struct {
	sync.Mutex
	of map[*model.Schema]*pooled
}{of: map[*model.Schema]*pooled{}}

func schemaOf(t testing.TB, s *model.Schema) *pooled {
	t.Helper()
	pool.Lock()
	defer pool.Unlock()
	if p := pool.of[s]; p != nil {
		return p
	}
	f := flagged(s)
	set, err := condition.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	free, err := NewVocabulary(f, "acme")
	if err != nil {
		t.Fatal(err)
	}
	bare := *f
	bare.Constraints = nil
	pool.of[s] = &pooled{free, engine.NewSchema(f, set), engine.NewSchema(&bare, set)}
	return pool.of[s]
}

// engine is what answers by a policy with the conditions as they are.
func (p *pooled) engine(t testing.TB, facts []model.Fact) *engine.Snapshot {
	t.Helper()
	s, err := compileFacts(p.real, "acme", facts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// records are records of a type, made to meet all that the facts of a case speak of. There are
// too many classes to make each; so a part of them is drawn.
func (w *world) records(d dice, typ string, n int) (all []*model.Record) {
	for range n {
		all = append(all, w.record(d, typ, 0))
	}
	return all
}

var (
	testUsers = []string{"user:ann", "user:bob", "user:cyd", "user:dan", "user:eve", "user:nobody"}
	testTeams = []string{"team:x", "team:y", "team:z"}
	testUnits = []string{"", "unit:a", "unit:b", "unit:c", "unit:d", "unit:none"}
)

func (w *world) record(d dice, typ string, depth int) *model.Record {
	r := &model.Record{Type: typ, ID: pick(d, "1", "2", "3"), Unit: pick(d, testUnits...), Attrs: map[string]any{}}
	for range d.IntN(3) {
		r.Owners = append(r.Owners, pick(d, pick(d, testUsers, testTeams)...))
	}
	before, after := w.policies[0].schema, w.policies[1].schema
	for _, name := range union2(before.Conditions, after.Conditions) {
		if v := d.IntN(3); v < 2 {
			r.Attrs["flag_"+name] = v == 0
		}
	}
	of := pick(d, before, after).Types[typ].Parent.Type
	if of != "" && depth < 4 && d.IntN(4) > 0 {
		r.Parent = w.record(d, of, depth+1)
	}
	return r
}

// valueOf is the value of a variable for a record.
func (v *variable) valueOf(r *model.Record) int {
	switch v.kind {
	case byID:
		return v.valueOfNames(r.ID)
	case byUnit:
		return v.valueOfNames(r.Unit)
	case byOwners:
		return v.valueOfNames(r.Owners...)
	case byCondition:
		switch r.Attrs["flag_"+strings.Fields(v.condition.name)[0]] {
		case true:
			return 0
		case false:
			return 1
		}
		return 2
	}
	return v.valueOfParent(r)
}

func (v *variable) valueOfNames(names ...string) int {
	for value := range v.size {
		agrees := true
		for i, a := range v.atoms {
			in := slices.ContainsFunc(names, func(n string) bool { return n != "" && slices.Contains(a.names, n) })
			agrees = agrees && in == v.truth[i].has(value)
		}
		if agrees {
			return value
		}
	}
	panic("no value")
}

func (v *variable) valueOfParent(r *model.Record) int {
	for value := range v.size {
		agrees := true
		for i, a := range v.atoms {
			p, is := v.parents[a.parent], false
			for up := r.Parent; up != nil && up.Type == p.typ; up = up.Parent {
				is = is || p.tuple(p.cubeOf(up))[a.output] == 1
				if !p.above {
					break
				}
			}
			agrees = agrees && is == v.truth[i].has(value)
		}
		if agrees {
			return value
		}
	}
	panic("no value")
}

// cubeOf is the class of a record.
func (p *problem) cubeOf(r *model.Record) cube {
	c := make(cube, len(p.vars))
	for i, v := range p.vars {
		c[i] = oneValue(v.size, v.valueOf(r))
	}
	return c
}

// Whatever a comparison says, asking the engine for concrete records says the same.
func TestComparisonAgreesWithBruteForce(t *testing.T) {
	var n counts
	inParallel(*pairs, func(i int) { newWorld(t, *seed+uint64(i)).compare(t, &n) })
	t.Logf("%d pairs of policies: %d answers compared, of which %d allow something and %d change, %d of these of fields; "+
		"%d changes found; of %d of them %d have facts that account for them",
		*pairs, n.asked.Load(), n.allowed.Load(), n.changed.Load(), n.fields.Load(), n.found.Load(), n.causes.Load(), n.accounted.Load())
	if n.changed.Load() < n.asked.Load()/40 || n.allowed.Load() < n.asked.Load()/20 || n.accounted.Load() < n.causes.Load()*98/100 {
		t.Error("the test tests little")
	}
}

// inParallel does something for 0 up to n.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

type counts struct{ found, causes, accounted, asked, allowed, changed, fields atomic.Int64 }

// compare compares all that can be found for each user.
func (w *world) compare(t *testing.T, n *counts) {
	d, causes := newDice(w.seed), newDiffer(w.policies[0], w.policies[1], Options{}).causes
	for _, user := range people(w.policies[:]...) {
		var found []difference
		from := pick(d, addresses(w.policies[0].Facts, w.policies[1].Facts)...)
		before, after := newViews(w.policies[0], w.policies[1], user, asked{at: now, from: from})
		c := comparison{before, after, nil, false, func(d difference) { found = append(found, d) }}
		if err := c.run(); err != nil {
			t.Errorf("seed %d: %v", w.seed, err)
			return
		}
		for _, f := range found {
			w.checkExamples(t, before, after, f)
			if n.found.Add(1); n.found.Load()%8 > 0 {
				continue
			}
			n.causes.Add(1)
			if because := causes.of(before, after, f, f.of.example(f.cubes[0])); w.accounts(t, before, f, because) {
				n.accounted.Add(1)
			}
		}
		for typ := range w.policies[0].schema.Types {
			for _, r := range w.records(d, typ, 2) {
				w.checkRecord(t, before, r, found, n)
			}
		}
	}
}

// checkRecord compares what a comparison found of a record with what the engine says.
func (w *world) checkRecord(t *testing.T, by *view, r *model.Record, found []difference, n *counts) {
	t.Helper()
	for _, action := range union2(w.policies[0].schema.Types[r.Type].Actions, w.policies[1].schema.Types[r.Type].Actions) {
		changes := map[string][2]model.FieldLevel{} // by field; the action itself is none
		for _, f := range found {
			if f.typ == r.Type && f.action == action && f.contains(r) {
				for _, name := range orNone(f.fields) {
					change := [2]model.FieldLevel{f.from, f.to}
					if other, ok := changes[name]; ok && other != change {
						t.Errorf("seed %d: two changes of one class: %v and %v", w.seed, other, change)
					}
					changes[name] = change
				}
			}
		}
		before, after := w.answer(t, w.engines[0], by.user, action, r, by.from), w.answer(t, w.engines[1], by.user, action, r, by.from)
		for _, name := range union2(before, after) {
			want := [2]model.FieldLevel{before[name], after[name]}
			if got := changes[name]; got != want && (want[0] != want[1] || got[0] != got[1]) {
				t.Errorf("seed %d: %s %s %s %+v: from %v to %v; the comparison says from %v to %v",
					w.seed, by.user, action, name, r, want[0], want[1], got[0], got[1])
				return
			}
			n.count(name, want)
		}
	}
}

func (n *counts) count(field string, change [2]model.FieldLevel) {
	n.asked.Add(1)
	if change[0] != change[1] {
		n.changed.Add(1)
		if field != "" {
			n.fields.Add(1)
		}
	}
	if change[1] > 0 {
		n.allowed.Add(1)
	}
}

// answer is what the engine says of an action (under "": write is yes) and of all fields;
// nothing of what it does not know.
func (w *world) answer(t *testing.T, e *engine.Snapshot, user, action string, r *model.Record, from netip.Addr) map[string]model.FieldLevel {
	t.Helper()
	q := &model.Request{Tenant: "acme", User: user, Action: action, Record: r, At: now, Address: from}
	if _, ok := e.Schema().Types[r.Type].Actions[action]; !ok {
		return nil
	}
	v, err := e.Decide(q, clock)
	if err != nil {
		q.Record = withoutUnknown(e.Schema(), r)
		if v, err = e.Decide(q, clock); err != nil {
			t.Errorf("seed %d: %v", w.seed, err)
			return nil
		}
	}
	all := map[string]model.FieldLevel{"": model.FieldHidden}
	if v.Allowed() {
		all[""] = model.FieldWrite
	}
	levels, err := e.FieldLevels(engine.User{}, q, false, nil, clock)
	if err != nil {
		t.Errorf("seed %d: %v", w.seed, err)
		return nil
	}
	for name, l := range levels.All {
		all[name] = l
	}
	return all
}

// withoutUnknown is a record without the flags that a schema does not have, and without
// what is above a record of a type that it does not have.
func withoutUnknown(s *model.Schema, r *model.Record) *model.Record {
	if r == nil {
		return nil
	}
	t, ok := s.Types[r.Type]
	if !ok {
		return nil
	}
	c := *r
	c.Attrs = maps.Clone(r.Attrs)
	maps.DeleteFunc(c.Attrs, func(name string, _ any) bool { _, ok := t.Attributes[name]; return !ok })
	c.Parent = withoutUnknown(s, r.Parent)
	return &c
}

// checkExamples makes sure that a change is one of its examples.
func (w *world) checkExamples(t *testing.T, was, is *view, f difference) {
	t.Helper()
	for _, c := range f.cubes {
		r := f.of.example(c)
		before := w.answer(t, w.engines[0], was.user, f.action, withFlags(was.sees(r)), was.from)
		after := w.answer(t, w.engines[1], was.user, f.action, withFlags(is.sees(r)), is.from)
		for _, name := range orNone(f.fields) {
			if before[name] != f.from || after[name] != f.to {
				t.Errorf("seed %d: %s %s %s from %v to %v, but of %+v from %v to %v", w.seed, was.user, f.action, name, f.from, f.to, r, before[name], after[name])
			}
		}
	}
}

// accounts tells whether a change comes about if nothing changes but some facts.
func (w *world) accounts(t *testing.T, by *view, f difference, because []model.Fact) bool {
	t.Helper()
	was, is := setOf(w.policies[0]), setOf(w.policies[1])
	facts := slices.DeleteFunc(slices.Clone(w.policies[0].Facts), func(f model.Fact) bool { return slices.Contains(because, f) && !is[f] })
	for _, f := range because {
		if is[f] == was[f] {
			t.Errorf("seed %d: %v has not changed", w.seed, f)
		}
		if is[f] {
			facts = append(facts, f)
		}
	}
	if w.policies[0].Vocabulary != w.policies[1].Vocabulary {
		return true
	}
	got := w.answer(t, w.schema.engine(t, facts), by.user, f.action, withFlags(f.of.example(f.cubes[0])), by.from)
	return got[orNone(f.fields)[0]] == f.to
}

// withFlags is an example with the flags of a schema with flags.
func withFlags(r *model.Record) *model.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Attrs = map[string]any{}
	for name, v := range r.Attrs {
		c.Attrs["flag_"+strings.TrimPrefix(name, attrPrefix)] = v
	}
	c.Parent = withFlags(r.Parent)
	return &c
}

func (d difference) contains(r *model.Record) bool {
	at := d.of.cubeOf(r)
	return slices.ContainsFunc(d.cubes, func(c cube) bool { return c.covers(at) })
}
