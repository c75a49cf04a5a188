package engine_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

var sequences = flag.Int("sequences", 300, "random sequences of changes that With is tested with")

// A snapshot that changes led to answers as one compiled of the same lines;
// and those before it go on to answer as they did.
func TestChangedSnapshotAnswersAsACompiledOne(t *testing.T) {
	build := newSequenceBuilder()
	quick, slow := map[model.Section]int{}, map[model.Section]int{}
	for seed := range uint64(*sequences) {
		q := build.sequence(t, seed)
		for step := range 40 {
			made, section := q.change()
			if made {
				quick[section]++
			} else {
				slow[section]++
			}
			if step%4 == 0 {
				q.check(q.snapshot, q.lines)
			}
		}
		q.check(q.snapshot, q.lines)
		for _, old := range q.old {
			q.check(old.snapshot, old.lines)
		}
	}
	t.Logf("without compiling anew: %v; compiled anew: %v", quick, slow)
	for _, s := range []model.Section{model.CustomerRules, model.TeamRules, model.FieldRules, model.Memberships, model.Switches} {
		if quick[s] < *sequences/3 {
			t.Errorf("With did %d changes of %s only: the test tests nothing", quick[s], s)
		}
	}
}

// A refused change leaves the snapshot as it was.
func TestRefusedChangeLeavesTheSnapshot(t *testing.T) {
	c := difftest.Generate(3)
	schema := engine.NewSchema(c.Schema, c.Conditions)
	s, err := engine.Compile(schema, nil, c.Tenant, 7, c.Lines)
	if err != nil {
		t.Fatal(err)
	}
	good := model.Line{Section: model.CustomerRules, Values: [6]string{"user:new", c.Tenant, "account", "read", "allow", "all"}}
	bad := model.Line{Section: model.CustomerRules, Values: [6]string{"user:new", c.Tenant, "letter", "read", "allow", "all"}}
	if next, ok, err := s.With(8, nil, []model.Line{good, bad}); err == nil || ok || next != nil {
		t.Fatalf("got %v, %v, %v; want an error", next, ok, err)
	}
	if s.Revision != 7 || s.Known("user:new") {
		t.Errorf("revision %d, user known %v", s.Revision, s.Known("user:new"))
	}
}

// While no rule is on every type or for every action, none is looked for; the
// first that comes must be found.
func TestFirstRuleOnEverythingIsFound(t *testing.T) {
	c := difftest.Generate(3)
	schema := engine.NewSchema(c.Schema, c.Conditions)
	user := model.Line{Section: model.CustomerRules, Values: [6]string{"user:ann", c.Tenant, "account", "read", "allow", "all"}}
	req := &model.Request{Tenant: c.Tenant, User: "user:bob", Action: "read", Type: "account"}
	for _, on := range [][2]string{{"*", "read"}, {"account", "*"}, {"*", "*"}} {
		s, err := engine.Compile(schema, nil, c.Tenant, 1, []model.Line{user})
		if err != nil {
			t.Fatal(err)
		}
		all := model.Line{Section: model.CustomerRules, Values: [6]string{"user:bob", c.Tenant, on[0], on[1], "allow", "all"}}
		next, ok, err := s.With(2, nil, []model.Line{all})
		if !ok || err != nil {
			t.Fatalf("With %v: %v, %v", all, ok, err)
		}
		before, err1 := s.Decide(req, clockOf(*req))
		after, err2 := next.Decide(req, clockOf(*req))
		if before.Allowed() || !after.Allowed() || err1 != nil || err2 != nil {
			t.Errorf("%v: before %v, after %v", all, before.Reason, after.Reason)
		}
	}
}

// Of many rules on one record, those of a subject that never held one are not sought; the
// first that comes must be found, and forbid.
func TestFirstRuleOfASubjectOnARecordWithManyIsFound(t *testing.T) {
	c := difftest.Generate(3)
	schema := engine.NewSchema(c.Schema, c.Conditions)
	rule := func(subject, effect string) model.Line {
		return model.Line{Section: model.CustomerRules, Values: [6]string{subject, c.Tenant, "account/1", "read", effect, model.None}}
	}
	lines := []model.Line{{Section: model.Memberships, Values: [6]string{"user:bob", "team:late", c.Tenant, model.None}}}
	for i := range 200 {
		lines = append(lines, rule(fmt.Sprintf("user:u%d", i), "allow"))
	}
	s, err := engine.Compile(schema, nil, c.Tenant, 1, lines)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want model.Reason) {
		t.Helper()
		v, err := s.Decide(&model.Request{Tenant: c.Tenant, User: "user:bob", Action: "read", Record: &model.Record{Type: "account", ID: "1"}}, clock)
		if err != nil || v.Reason != want {
			t.Errorf("%v, %v; want %v", v.Reason, err, want)
		}
	}
	ask(model.ReasonNoRule)
	for i, change := range []struct {
		line model.Line
		want model.Reason
	}{
		{rule("user:bob", "allow"), model.ReasonAllowed},
		{rule("team:late", "deny"), model.ReasonForbidden},
	} {
		next, ok, err := s.With(model.Revision(i+2), nil, []model.Line{change.line})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		s = next
		ask(change.want)
	}
}

// Explain tries grants on a copy of its snapshot, of which others may have come since.
func TestExplainLeavesLaterSnapshotsAlone(t *testing.T) {
	c := difftest.Generate(3)
	schema := engine.NewSchema(c.Schema, c.Conditions)
	s, err := engine.Compile(schema, nil, c.Tenant, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := []*engine.Snapshot{s}
	for i := range 20 {
		next, ok, err := s.With(model.Revision(i+2), nil, []model.Line{
			{Section: model.CustomerRules, Values: [6]string{fmt.Sprint("user:u", i), c.Tenant, "account", "read", "allow", "all"}},
		})
		if !ok || err != nil {
			t.Fatalf("With: %v, %v", ok, err)
		}
		s, all = next, append(all, next)
	}
	for _, old := range all {
		x, err := old.Explain(&model.Request{Tenant: c.Tenant, User: "user:stranger", Action: "read", Type: "account"}, noClock, nil)
		if err != nil || x.Nearest == nil {
			t.Fatalf("got %v, %v; want a grant that was tried", x, err)
		}
	}
	for i := range 20 {
		user := fmt.Sprint("user:u", i)
		d, err := s.DecideInFull(&model.Request{Tenant: c.Tenant, User: user, Action: "read", Type: "account"}, noClock)
		if rule, ok := d.Rule.(model.CustomerRule); !ok || rule.Subject != user || err != nil {
			t.Errorf("%s: %v, %v", user, d, err)
		}
	}
}

type sequenceBuilder struct {
	schemas map[*model.Schema]*engine.Schema
}

func newSequenceBuilder() *sequenceBuilder {
	return &sequenceBuilder{map[*model.Schema]*engine.Schema{}}
}

// sequence is a policy that changes step by step.
type sequence struct {
	*rand.Rand
	t         *testing.T
	seed      uint64
	tenant    string
	schema    *engine.Schema
	base      *engine.Snapshot
	questions []difftest.Question
	pool      []model.Line // of which lines come and go
	lines     map[model.Line]bool
	snapshot  *engine.Snapshot
	old       []earlier
}

type earlier struct {
	snapshot *engine.Snapshot
	lines    map[model.Line]bool
}

// schemas is how many seeds apart cases of difftest have the same schema.
const schemas = 256

func (b *sequenceBuilder) sequence(t *testing.T, seed uint64) *sequence {
	q := &sequence{Rand: rand.New(rand.NewPCG(seed, 9)), t: t, seed: seed, lines: map[model.Line]bool{}}
	for i := range uint64(3) {
		c := difftest.Generate(seed%schemas + schemas*(seed/schemas*3+i))
		q.questions = append(q.questions, c.Questions...)
		q.pool = append(q.pool, c.Lines...)
		if i > 0 {
			continue
		}
		q.tenant = c.Tenant
		if q.schema = b.schemas[c.Schema]; q.schema == nil {
			q.schema = engine.NewSchema(c.Schema, c.Conditions)
			b.schemas[c.Schema] = q.schema
		}
		if len(c.BaseLines) > 0 {
			var err error
			if q.base, err = engine.Compile(q.schema, nil, model.Base, 1, c.BaseLines); err != nil {
				t.Fatal(err)
			}
		}
	}
	q.morePlainLines()
	q.dropWhatIsSlow()
	for _, l := range q.pool {
		if q.IntN(2) == 0 {
			q.lines[l] = true
		}
	}
	q.snapshot = q.compile(q.lines)
	return q
}

// morePlainLines adds lines of the kinds that difftest has few of, but With many.
func (q *sequence) morePlainLines() {
	users := []string{"user:ann", "user:bob", "user:eve", "user:nobody"}
	groups := []string{"role:a", "role:b", "role:new", "team:x", "team:new", "unit:a"}
	subjects := slices.Concat(users, groups, []string{model.Everyone})
	one := func(of []string) string { return of[q.IntN(len(of))] }
	for range 6 {
		q.pool = append(q.pool,
			model.Line{Section: model.Memberships, Values: [6]string{one(users), one(groups), q.tenant, model.None}},
			model.Line{Section: model.CustomerRules, Values: [6]string{one(subjects), q.tenant, one([]string{"account", "*", "contact", "account/1"}), one([]string{"read", "*"}), one([]string{"allow", "allow", "deny"}), model.None}},
			model.Line{Section: model.TeamRules, Values: [6]string{one(subjects), q.tenant, one([]string{"account", "*", "contact/2", "account/1"}), one([]string{"read", "write", "full"}), model.None, model.None}},
			model.Line{Section: model.FieldRules, Values: [6]string{one(subjects), q.tenant, one([]string{"account#name", "account#*", "contact/2#phone"}), one([]string{"masked", "read", "write"}), one([]string{"allow", "allow", "deny"}), model.None}},
			model.Line{Section: model.Switches, Values: [6]string{one(users), q.tenant, "off", model.None, one([]string{model.None, "2026-11-22T09:00:00Z"}), model.None}},
		)
	}
	slices.SortFunc(q.pool, func(a, b model.Line) int {
		return slices.Compare(append(a.Values[:], string(a.Section)), append(b.Values[:], string(b.Section)))
	})
	q.pool = slices.Compact(q.pool)
}

// dropWhatIsSlow takes out of most pools the lines with which nearly every
// change must be compiled anew.
func (q *sequence) dropWhatIsSlow() {
	org, rules := q.IntN(3) > 0, q.IntN(4) > 0
	q.pool = slices.DeleteFunc(q.pool, func(l model.Line) bool {
		return org && l.Section == model.OrgEdges || rules && l.Section == model.Switches && model.IsRuleID(l.Values[0])
	})
}

func (q *sequence) compile(lines map[model.Line]bool) *engine.Snapshot {
	q.t.Helper()
	all := slices.Collect(maps.Keys(lines)) // in any order
	s, err := engine.Compile(q.schema, q.base, q.tenant, 1, all)
	if err != nil {
		q.t.Fatalf("sequence %d: %v", q.seed, err)
	}
	return s
}

// change makes one line come or go, or one of each, and tells whether With made it.
func (q *sequence) change() (made bool, section model.Section) {
	q.t.Helper()
	q.askBesides()
	l := q.pool[q.IntN(len(q.pool))]
	removed, added := []model.Line{l}, []model.Line(nil)
	if !q.lines[l] {
		removed, added = nil, []model.Line{l}
	}
	if other := q.pool[q.IntN(len(q.pool))]; q.IntN(4) == 0 && other != l { // not to be there, or to be there, again
		if q.IntN(2) == 0 {
			added = append(added, other)
		} else {
			removed = append(removed, other)
		}
	}
	if q.IntN(5) == 0 {
		q.old = append(q.old, earlier{q.snapshot, maps.Clone(q.lines)})
	}
	for _, l := range removed {
		delete(q.lines, l)
	}
	for _, l := range added {
		q.lines[l] = true
	}
	next, ok, err := q.snapshot.With(q.snapshot.Revision+1, removed, added)
	if err != nil {
		q.t.Fatalf("sequence %d: %v", q.seed, err)
	}
	if !ok {
		next = q.compile(q.lines)
	}
	q.snapshot = next
	return ok, l.Section
}

// askBesides does what must leave no trace: a change that is dropped, as when
// the store refuses it, and an explanation, which tries grants.
func (q *sequence) askBesides() {
	q.t.Helper()
	if q.IntN(4) == 0 {
		l := q.pool[q.IntN(len(q.pool))]
		if _, _, err := q.snapshot.With(99, []model.Line{l}, []model.Line{q.pool[q.IntN(len(q.pool))]}); err != nil {
			q.t.Fatalf("sequence %d: %v", q.seed, err)
		}
	}
	if q.IntN(4) == 0 {
		question := q.questions[q.IntN(len(q.questions))]
		with := func([]model.Line) (*engine.Snapshot, error) { return nil, engine.ErrTooMany }
		_, _ = q.snapshot.Explain(&question.Request, clockOf(question.Request), with) // malformed ones are errors
	}
}

// check compares all answers of a snapshot with those of one compiled of the lines.
func (q *sequence) check(got *engine.Snapshot, lines map[model.Line]bool) {
	q.t.Helper()
	want := q.compile(lines)
	for _, question := range q.questions {
		w, g := difftest.Ask(newDecider(want), question), difftest.Ask(newDecider(got), question)
		if w.Allowed != g.Allowed || w.Field != g.Field || (w.Err == nil) != (g.Err == nil) {
			q.t.Errorf("sequence %d: %+v\nfield %q: changed %+v, compiled %+v", q.seed, question.Request, question.Field, g, w)
			for l := range lines {
				q.t.Log(l)
			}
			q.t.FailNow()
		}
	}
}

// Policies of difftest are small. This one has more groups than masks have
// bits, users with many groups, long runs of rules, and many different terms.
func TestLargePolicyAnswersAsTheReferenceWhenCompiledAndWhenChanged(t *testing.T) {
	c := largeCase(rand.New(rand.NewPCG(1, 1)))
	reference, err := difftest.Reference(c)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler()(c)
	if err != nil {
		t.Fatal(err)
	}
	few := c
	few.Lines = c.Lines[:len(c.Lines)/10]
	first, err := compiler()(few)
	if err != nil {
		t.Fatal(err)
	}
	s := first.(decider).Snapshot
	for i, l := range c.Lines[len(few.Lines):] {
		next, ok, err := s.With(model.Revision(i), nil, []model.Line{l})
		if !ok || err != nil {
			t.Fatalf("%v: %v, %v", l, ok, err)
		}
		s = next
	}
	allowed := 0
	for _, q := range c.Questions {
		want := difftest.Ask(reference, q)
		for name, d := range map[string]difftest.Decider{"compiled": compiled, "changed": newDecider(s)} {
			if got := difftest.Ask(d, q); got != want {
				t.Errorf("%s: %+v field %q: got %+v, want %+v", name, q.Request, q.Field, got, want)
			}
		}
		if want.Allowed {
			allowed++
		}
	}
	if n := len(c.Questions); allowed < n/10 || allowed > n*9/10 {
		t.Errorf("%d of %d are allowed: the test tests little", allowed, n)
	}
}

func largeCase(d *rand.Rand) difftest.Case {
	schema := &model.Schema{Types: map[string]model.Type{"customer": {
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
		Fields:  map[string]model.Field{"phone": {}},
	}}}
	conditions, err := condition.Compile(schema)
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c := difftest.Case{Schema: schema, Conditions: conditions, Tenant: "acme"}
	one := func(kind string, of int) string { return fmt.Sprint(kind, d.IntN(of)) }
	subject := func() string {
		switch d.IntN(3) {
		case 0:
			return one("user:", 20)
		case 1:
			return one("team:", 60)
		}
		return one("role:", 600)
	}
	period := func() (p model.Period) {
		if i := d.IntN(60); i < 40 {
			p.Until = now.Add(time.Duration(i-20) * time.Hour)
		}
		return p
	}
	target := func() model.Target {
		if d.IntN(3) == 0 {
			return model.OnRecord("customer", fmt.Sprint(d.IntN(3)))
		}
		return model.OnType("customer")
	}
	add := func(n int, make func() model.Fact) {
		for range n {
			l, err := model.Encode(make())
			if err != nil {
				panic(err)
			}
			if !slices.Contains(c.Lines, l) {
				c.Lines = append(c.Lines, l)
			}
		}
	}
	rule := func(effect model.Effect) func() model.Fact {
		return func() model.Fact {
			r := model.CustomerRule{Tenant: "acme", Subject: subject(), On: target(), Action: "read", Effect: effect, Valid: period()}
			if r.On.ID == "" && d.IntN(2) == 0 {
				r.Scope = model.ScopeAll
			}
			return r
		}
	}
	add(250, func() model.Fact {
		return model.Membership{Tenant: "acme", Member: one("user:", 20), Group: one("role:", 600)}
	})
	add(40, func() model.Fact {
		return model.Membership{Tenant: "acme", Member: one("user:", 20), Group: one("team:", 60)}
	})
	add(180, rule(model.Allow))
	add(5, rule(model.Deny))
	add(150, func() model.Fact {
		return model.TeamRule{Tenant: "acme", Subject: subject(), On: target(), Level: model.LevelRead, Valid: period()}
	})
	add(150, func() model.Fact {
		return model.FieldRule{Tenant: "acme", Subject: subject(), On: model.OnField("customer", "phone"), Level: model.FieldRead, Effect: model.Allow, Valid: period()}
	})
	d.Shuffle(len(c.Lines), func(i, j int) { c.Lines[i], c.Lines[j] = c.Lines[j], c.Lines[i] })
	for i := range 22 {
		for id := range 5 {
			q := difftest.Question{Request: model.Request{Tenant: "acme", User: fmt.Sprint("user:", i), Action: "read", At: now,
				Record: &model.Record{Type: "customer", ID: fmt.Sprint(id), Owners: []string{one("user:", 20), one("team:", 60)}}}}
			c.Questions = append(c.Questions, q)
			q.Field = "phone"
			c.Questions = append(c.Questions, q)
		}
	}
	return c
}
