package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// A long run: go test ./authz/internal/storetest -run Sequences -sequences 500 -timeout 0
var (
	sequences = flag.Int("sequences", 3, "random sequences of changes and switches")
	firstSeed = flag.Uint64("seed", 1, "seed of the first of them")
)

const (
	steps     = 200
	openLimit = 2 * time.Hour
	schemas   = 256 // seeds apart, cases have the same schema
)

var (
	start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	by    = authz.Operator("user:admin", "at random")
)

// auditAll is a log that fails never.
type auditAll struct{}

func (auditAll) Audit(context.Context, authz.AuditEntry) error { return nil }

// place is one of the stores that a sequence is played on.
type place struct {
	name  string
	store adapter.Store
	close func() error
	open  func(ctx context.Context) (adapter.Store, func() error, error)
	az    *authz.Authorizer
}

// sequence is a random one, with what the policy is by a naive account of it.
type sequence struct {
	*rand.Rand
	t      *testing.T
	seed   uint64
	c      difftest.Case
	facts  []authz.Fact // that may be granted and revoked
	now    time.Time
	places []*place
	lines  map[model.Line]bool // of the tenant
	taken  []taken
	count  map[string]int // of steps by their kind that changed something
}

// taken is a backup, as text, with the lines that it was taken of.
type taken struct {
	backup *authz.Backup
	lines  []model.Line
}

// Random changes and switches come and go while time passes, on all stores at once. All answer the same at the same revisions, as one does
// who is opened anew; what is restored decides as it did when the backup was taken; and when the last switch is over, or taken back,
// every decision is that of the policy without the switches.
func TestSequencesOfSwitchesOnEachStore(t *testing.T) {
	count := map[string]int{}
	for i := range *sequences {
		seed := *firstSeed + uint64(i)
		s := newSequence(t, seed, count)
		for range steps {
			s.step()
		}
		s.compare()
		s.end()
		s.close()
	}
	t.Logf("steps that changed something: %v", count)
	for _, kind := range []string{"grant", "revoke", "disable", "enable", "open", "restore", "reopen"} {
		if count[kind] < *sequences {
			t.Errorf("%d steps of %q: the test proves little", count[kind], kind)
		}
	}
}

func newSequence(t *testing.T, seed uint64, count map[string]int) *sequence {
	t.Helper()
	s := &sequence{Rand: rand.New(rand.NewPCG(seed, 11)), t: t, seed: seed, c: difftest.Generate(seed), now: start, lines: map[model.Line]bool{}, count: count}
	for _, other := range []uint64{1, 2, 3} {
		c := difftest.Generate(seed + other*schemas)
		for _, l := range c.Lines {
			if f, err := model.Decode(l); err == nil && l.Section != model.Switches {
				s.facts = append(s.facts, f)
			}
		}
		s.c.Questions = append(s.c.Questions, c.Questions...)
	}
	for i := range s.c.Questions {
		s.c.Questions[i].Request.At = time.Time{}
	}
	memory, err := adapter.NewMemory(nil)
	check(t, err)
	s.places = []*place{{name: "memory", open: func(context.Context) (adapter.Store, func() error, error) {
		return memory, func() error { return nil }, nil
	}}}
	for _, d := range databasesOf(t, databases.Kinds...) {
		s.places = append(s.places, &place{name: d.Kind, open: d.open})
	}
	for _, p := range s.places {
		s.reopen(p)
	}
	for tenant, lines := range map[string][]model.Line{model.Base: s.c.BaseLines, s.c.Tenant: s.c.Lines} {
		var facts []authz.Fact
		for _, l := range lines {
			f, err := model.Decode(l)
			check(t, err)
			if l.Section == model.Switches {
				continue
			}
			facts = append(facts, f)
			if tenant == s.c.Tenant {
				s.lines[l] = true
				s.facts = append(s.facts, f)
			}
		}
		// Not by Grant, which would refuse a chain that is too deep.
		for _, p := range s.places {
			change := adapter.Change{Tenant: tenant, ID: "first", Actor: "user:admin", At: s.now}
			for _, f := range facts {
				l, err := model.Encode(f)
				check(t, err)
				change.Add = append(change.Add, l)
			}
			_, err := p.store.Apply(t.Context(), change)
			check(t, err)
			check(t, p.az.Refresh(t.Context(), tenant))
		}
	}
	return s
}

func (s *sequence) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("seed %d, at %s: %s", s.seed, s.now.Format(time.RFC3339), fmt.Sprintf(format, args...))
}

func (s *sequence) options() []authz.Option {
	return []authz.Option{authz.WithClock(func() time.Time { return s.now }), authz.WithAudit(auditAll{}), authz.WithOpenLimit(openLimit)}
}

// reopen opens a store and an authorizer on it, as a program that starts does.
func (s *sequence) reopen(p *place) {
	s.t.Helper()
	ctx := s.t.Context()
	if p.az != nil {
		check(s.t, p.az.Close())
		check(s.t, p.close())
	}
	var err error
	p.store, p.close, err = p.open(ctx)
	check(s.t, err)
	p.az, err = authz.Open(ctx, s.c.Schema, p.store, s.options()...)
	check(s.t, err)
}

func (s *sequence) close() {
	for _, p := range s.places {
		check(s.t, p.az.Close())
		check(s.t, p.close())
	}
}

// step makes one random step on all stores.
func (s *sequence) step() {
	switch n := s.IntN(100); {
	case n < 25:
		s.now = s.now.Add(time.Duration(s.IntN(3000)) * time.Second)
	case n < 50:
		s.disable()
	case n < 60:
		s.enable()
	case n < 70:
		s.change("grant", func(az *authz.Authorizer, f authz.Fact) (authz.Revision, error) {
			return az.Grant(s.t.Context(), by, f)
		})
	case n < 80:
		s.change("revoke", func(az *authz.Authorizer, f authz.Fact) (authz.Revision, error) {
			return az.Revoke(s.t.Context(), by, f)
		})
	case n < 86:
		s.takeBackup()
	case n < 90:
		s.restore()
	case n < 94:
		s.reopen(s.places[s.IntN(len(s.places))])
		s.count["reopen"]++
	default:
		s.compare()
	}
}

// each does something on every store, which must succeed or fail on all, and lead to one revision.
func (s *sequence) each(kind string, do func(p *place) (authz.Revision, error)) (ok bool) {
	s.t.Helper()
	var first authz.Revision
	var failed error
	before, err := s.places[0].az.Revision(s.t.Context(), s.c.Tenant)
	check(s.t, err)
	for i, p := range s.places {
		rev, err := do(p)
		if i == 0 {
			first, failed = rev, err
		} else if rev != first || fmt.Sprint(err) != fmt.Sprint(failed) {
			s.errorf("%s: on %s revision %d, %v; in memory %d, %v", kind, p.name, rev, err, first, failed)
		}
	}
	if failed == nil && first != before {
		s.count[kind]++
	}
	return failed == nil
}

func (s *sequence) change(kind string, do func(*authz.Authorizer, authz.Fact) (authz.Revision, error)) {
	s.t.Helper()
	f := s.facts[s.IntN(len(s.facts))]
	if s.each(kind, func(p *place) (authz.Revision, error) { return do(p.az, f) }) {
		l, err := model.Encode(f)
		check(s.t, err)
		if s.lines[l] = true; kind == "revoke" {
			delete(s.lines, l)
		}
	}
}

// target is something that may be switched: the tenant, or a subject, rule, type, record or field.
func (s *sequence) target() string {
	if s.IntN(5) == 0 {
		return model.Any
	}
	targets := []string{"user:ann", "user:bob", "user:cyd", "role:a", "role:b", "team:x", "unit:a"}
	types := s.c.Schema.For(s.c.Tenant).Types
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		targets = append(targets, typ, typ+"/1", typ+"@unit:b")
		for _, field := range slices.Sorted(maps.Keys(types[typ].Fields)) {
			targets = append(targets, typ+"#"+field)
		}
	}
	lines := slices.SortedFunc(maps.Keys(s.lines), cmpLines)
	for _, l := range slices.Concat(lines, s.c.BaseLines) {
		if l.Section != model.Switches && l.Section != model.OrgEdges {
			targets = append(targets, l.RuleID())
		}
	}
	return targets[s.IntN(len(targets))]
}

func cmpLines(a, b model.Line) int {
	switch x, y := a.String(), b.String(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// disable switches something off, for a time, for all or not for all. What has no form is refused by all stores.
func (s *sequence) disable() {
	s.t.Helper()
	f := model.Switch{Tenant: s.c.Tenant, Target: s.target(), Mode: model.ModeOff}
	if f.Target == model.Any {
		f.Mode = []model.Mode{model.ModeLocked, model.ModeReadOnly, model.ModeOpen, model.ModeOpen}[s.IntN(4)]
	} else if s.IntN(5) == 0 {
		f.Mode = model.ModeReadOnly
	}
	f.Valid.From = s.now
	if s.IntN(3) == 0 {
		f.Valid.From = s.now.Add(time.Duration(s.IntN(3600)) * time.Second)
	}
	f.Valid.Until = f.Valid.From.Add(time.Duration(1+s.IntN(3600)) * time.Second)
	options := []authz.SwitchOption{authz.InMode(f.Mode), authz.Until(f.Valid.Until)}
	if f.Valid.From != s.now || s.IntN(2) == 0 || f.Mode == model.ModeOpen {
		options = append(options, authz.From(f.Valid.From))
	} else {
		f.Valid.From = time.Time{}
	}
	if s.IntN(4) == 0 && f.Mode != model.ModeOpen {
		f.Valid.Until = time.Time{} // until it is taken back
		options = append(options, authz.Until(time.Time{}))
	}
	var except []string
	for _, term := range []string{"user:dan", "role:b", "net:10.0.0.0/8"} {
		if s.IntN(6) == 0 {
			except = append(except, term)
		}
	}
	f.Except, _ = model.Except(except...)
	options = append(options, authz.Except(except...))
	kind := "disable"
	if f.Mode == model.ModeOpen {
		kind = "open"
	}
	if s.each(kind, func(p *place) (authz.Revision, error) {
		b, err := p.az.Backup(s.t.Context(), s.c.Tenant)
		check(s.t, err)
		return p.az.Disable(s.t.Context(), by, s.c.Tenant, f.Target, append(options, authz.AfterBackup(b))...)
	}) {
		l, err := model.Encode(f)
		check(s.t, err)
		s.lines[l] = true
	}
}

func (s *sequence) enable() {
	s.t.Helper()
	target := s.target()
	for l := range s.lines { // mostly something that is off
		if l.Section == model.Switches {
			target = min(target, l.Values[0])
		}
	}
	s.enableTarget(target)
}

func (s *sequence) enableTarget(target string) {
	s.t.Helper()
	if s.each("enable", func(p *place) (authz.Revision, error) {
		return p.az.Enable(s.t.Context(), by, s.c.Tenant, target)
	}) {
		maps.DeleteFunc(s.lines, func(l model.Line, _ bool) bool { return l.Section == model.Switches && l.Values[0] == target })
	}
}

// takeBackup takes a backup of each store, which have the same facts.
func (s *sequence) takeBackup() {
	s.t.Helper()
	for i, p := range s.places {
		b, err := p.az.Backup(s.t.Context(), s.c.Tenant)
		check(s.t, err)
		if i == 0 {
			s.taken = append(s.taken, taken{b, slices.Collect(maps.Keys(s.lines))})
		} else if diff := cmp.Diff(s.taken[len(s.taken)-1].backup, b); diff != "" {
			s.errorf("backup of %s, memory -, %s +\n%s", p.name, p.name, diff)
		}
	}
}

// restore brings a backup back, and compares at once with who is opened on what it was taken of.
func (s *sequence) restore() {
	s.t.Helper()
	if len(s.taken) == 0 {
		return
	}
	was := s.taken[s.IntN(len(s.taken))]
	var refused error
	if !s.each("restore", func(p *place) (rev authz.Revision, err error) {
		rev, err = p.az.Restore(s.t.Context(), by, s.c.Tenant, was.backup)
		refused = err
		return rev, err
	}) {
		if !errors.Is(refused, authz.ErrConstraint) { // the policy that it began with may have been made without a check
			s.errorf("a backup is not restored: %v", refused)
		}
		return
	}
	clear(s.lines)
	for _, l := range was.lines {
		if l.Section != model.Switches || l.Values[2] != model.ModeOpen.String() { // no opening comes back, or stays
			s.lines[l] = true
		}
	}
	s.compare()
}

// answers is what an authorizer says to all questions.
func (s *sequence) answers(az *authz.Authorizer) (all []string) {
	s.t.Helper()
	for _, q := range s.c.Questions {
		ok, err := az.Enforce(s.t.Context(), q.Request)
		text := fmt.Sprint(ok, err == nil)
		if q.Field != "" && err == nil {
			level, err := az.FieldLevel(s.t.Context(), q.Request, q.Field)
			text += fmt.Sprint(" ", level, err == nil)
		}
		all = append(all, text)
	}
	return all
}

// openedOn is what one says who is opened on lines.
func (s *sequence) openedOn(lines []model.Line) []string {
	s.t.Helper()
	store, err := adapter.NewMemory(slices.Values(slices.Concat(lines, s.c.BaseLines)))
	check(s.t, err)
	az, err := authz.Open(s.t.Context(), s.c.Schema, store, s.options()...)
	check(s.t, err)
	defer az.Close()
	return s.answers(az)
}

// compare fails unless each store has the policy, and its authorizer the answers, of the naive account.
func (s *sequence) compare() {
	s.t.Helper()
	lines := slices.SortedFunc(maps.Keys(s.lines), cmpLines)
	want := s.openedOn(lines)
	for _, p := range s.places {
		from, err := p.store.Load(s.t.Context(), s.c.Tenant)
		check(s.t, err)
		slices.SortFunc(from.Lines, cmpLines)
		if diff := cmp.Diff(lines, from.Lines); diff != "" {
			s.errorf("the policy on %s: want -, got +\n%s", p.name, diff)
		}
		if diff := cmp.Diff(want, s.answers(p.az)); diff != "" {
			s.errorf("answers on %s: opened anew -, in use +\n%s", p.name, diff)
		}
	}
}

// end lets time pass until every switch with an end is over, takes the others back, and compares with the policy
// that never had any.
func (s *sequence) end() {
	s.t.Helper()
	s.now = s.now.Add(24 * time.Hour)
	for l := range maps.Clone(s.lines) {
		if f, err := model.Decode(l); err == nil && l.Section == model.Switches && f.(model.Switch).Valid.Until.IsZero() {
			s.enableTarget(l.Values[0])
		}
	}
	without := slices.DeleteFunc(slices.Collect(maps.Keys(s.lines)), func(l model.Line) bool { return l.Section == model.Switches })
	want := s.openedOn(without)
	for _, p := range s.places {
		if diff := cmp.Diff(want, s.answers(p.az)); diff != "" {
			s.errorf("after the last switch, on %s: without switches -, got +\n%s", p.name, diff)
		}
	}
}
