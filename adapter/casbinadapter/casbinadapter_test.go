package casbinadapter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"
	gormadapter "github.com/casbin/gorm-adapter/v3"
	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/adaptertest"
	"github.com/crmauthz/crmauthz/adapter/casbinadapter"
	"github.com/crmauthz/crmauthz/model"
)

// newTable opens Casbin's gorm-adapter on a new SQLite database.
func newTable(t testing.TB) (*gormadapter.Adapter, *gorm.DB) {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1) // each connection would have a database of its own
	t.Cleanup(func() { _ = pool.Close() })
	a, err := gormadapter.NewAdapterByDB(db)
	if err != nil {
		t.Fatal(err)
	}
	return a, db
}

func newStore(t testing.TB, a persist.Adapter) *casbinadapter.Store {
	t.Helper()
	s, err := casbinadapter.NewStore(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newMemory(t testing.TB, lines ...model.Line) *adapter.Memory {
	t.Helper()
	m, err := adapter.NewMemory(slices.Values(lines))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func line(section model.Section, values ...string) model.Line {
	l := model.Line{Section: section}
	copy(l.Values[:], values)
	return l
}

var (
	alice = line(model.Memberships, "user:alice", "role:rep", "acme", "-")
	bob   = line(model.Memberships, "user:bob", "role:rep", "acme", "-")
	carol = line(model.Memberships, "user:carol", "role:rep", "beta", "-")
	reps  = line(model.CustomerRules, "role:rep", "acme", "customer", "read", "allow", "-")
)

func load(t testing.TB, s adapter.Store, tenant string) adapter.Snapshot {
	t.Helper()
	got, err := s.Load(context.Background(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got.Lines, func(a, b model.Line) int { return strings.Compare(a.String(), b.String()) })
	return got
}

func want(t testing.TB, s adapter.Store, tenant string, revision model.Revision, lines ...model.Line) {
	t.Helper()
	if diff := cmp.Diff(adapter.Snapshot{Revision: revision, Lines: lines}, load(t, s, tenant)); diff != "" {
		t.Errorf("Load(%q) mismatch (-want +got):\n%s", tenant, diff)
	}
}

func TestStore_over_gorm_adapter_keeps_the_contract(t *testing.T) {
	adaptertest.Run(t, adaptertest.Opener{New: func(t *testing.T) adapter.Store {
		a, _ := newTable(t)
		return newStore(t, a)
	}})
}

// A store that is made an adapter and then a store again is as good as one of
// Casbin's adapters can be.
func TestStore_over_an_Adapter_keeps_the_contract(t *testing.T) {
	adaptertest.Run(t, adaptertest.Opener{New: func(t *testing.T) adapter.Store {
		return newStore(t, casbinadapter.NewAdapter(t.Context(), newMemory(t)))
	}})
}

func TestStore_reads_what_another_program_wrote(t *testing.T) {
	a, _ := newTable(t)
	e := enforcer(t, a)
	for _, l := range []model.Line{reps, alice, carol} {
		var err error
		if l.Section == model.Memberships {
			_, err = e.AddGroupingPolicy(l.Columns())
		} else {
			_, err = e.AddPolicy(l.Columns())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, a)
	want(t, s, "acme", 1, alice, reps)
	want(t, s, "beta", 1, carol)

	if _, err := e.RemoveGroupingPolicy(alice.Columns()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddGroupingPolicy(bob.Columns()); err != nil {
		t.Fatal(err)
	}
	var heard []string
	stop := s.Notify(func(_ context.Context, tenant string) error {
		heard = append(heard, tenant)
		return nil
	})
	c := adapter.Change{Tenant: "acme", ID: "1", Base: 1, Add: []model.Line{alice}}
	if _, err := s.Apply(t.Context(), c); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("Apply after a change by another program: %v; want ErrConflict", err)
	}
	want(t, s, "acme", 2, bob, reps)
	log, err := s.Changes(t.Context(), "acme", 1, 0)
	if err != nil || len(log) != 1 || log[0].Reason != casbinadapter.Outside || log[0].Remove[0] != alice || log[0].Add[0] != bob {
		t.Errorf("the log of the change by another program: %+v, %v", log, err)
	}
	for range 2 {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if _, err := e.RemoveGroupingPolicy(bob.Columns()); err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme"}, heard); diff != "" {
		t.Errorf("notified of tenants (-want +got):\n%s", diff)
	}
	want(t, s, "acme", 3, reps)
}

func TestStore_refuses_a_policy_with_a_malformed_line(t *testing.T) {
	for name, row := range map[string]gormadapter.CasbinRule{
		"mistyped effect": {Ptype: "p", V0: "role:rep", V1: "acme", V2: "customer", V3: "read", V4: "Deny", V5: "-"},
		"a column less":   {Ptype: "p", V0: "role:rep", V1: "acme", V2: "customer", V3: "read", V4: "allow"},
		"a column more":   {Ptype: "g2", V0: "user:a", V1: "user:b", V2: "acme", V3: "-"},
		"unknown section": {Ptype: "p9", V0: "role:rep", V1: "acme"},
		"no columns":      {},
	} {
		a, db := newTable(t)
		if err := db.Create(&row).Error; err != nil {
			t.Fatal(err)
		}
		if _, err := casbinadapter.NewStore(t.Context(), a); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStore_over_a_file_adapter_is_read_only(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte(alice.String()+"\n"+reps.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, fileadapter.NewAdapter(path))
	want(t, s, "acme", 1, alice, reps)
	for _, c := range []adapter.Change{
		{Tenant: "acme", ID: "add", Base: 1, Add: []model.Line{bob}},
		{Tenant: "acme", ID: "remove", Base: 1, Remove: []model.Line{alice}},
	} {
		if _, err := s.Apply(t.Context(), c); !errors.Is(err, casbinadapter.ErrReadOnly) {
			t.Errorf("%s: %v; want ErrReadOnly", c.ID, err)
		}
	}
	want(t, s, "acme", 1, alice, reps)
}

// faulty is an adapter whose writes fail from one on, up to another, or do nothing.
type faulty struct {
	persist.Adapter
	writes, failFrom, failTo int
	ignore                   bool
}

var errFault = errors.New("fault")

func (f *faulty) write(do func() error) error {
	f.writes++
	if f.writes >= f.failFrom && f.writes < f.failTo {
		if f.ignore {
			return nil
		}
		return errFault
	}
	return do()
}

func (f *faulty) AddPolicy(sec, ptype string, rule []string) error {
	return f.write(func() error { return f.Adapter.AddPolicy(sec, ptype, rule) })
}

func (f *faulty) RemovePolicy(sec, ptype string, rule []string) error {
	return f.write(func() error { return f.Adapter.RemovePolicy(sec, ptype, rule) })
}

func TestStore_undoes_a_change_that_fails(t *testing.T) {
	dave := line(model.Memberships, "user:dave", "role:rep", "acme", "-")
	for first := 1; first <= 4; first++ {
		for _, ignore := range []bool{false, true} {
			kept := newMemory(t, alice, bob)
			f := &faulty{casbinadapter.NewAdapter(t.Context(), kept), 0, first, first + 1, ignore}
			s := newStore(t, f)
			wantErr := errFault
			if ignore {
				wantErr = casbinadapter.ErrNotKept
			}
			c := adapter.Change{Tenant: "acme", ID: "1", Base: 1, Remove: []model.Line{alice, bob}, Add: []model.Line{dave, reps}}
			_, err := s.Apply(t.Context(), c)
			if !errors.Is(err, wantErr) || errors.Is(err, casbinadapter.ErrHalfMade) {
				t.Errorf("write %d fails: %v; want %v, and no more", first, err, wantErr)
			}
			want(t, s, "acme", 1, alice, bob)
			if diff := cmp.Diff([]model.Line{alice, bob}, load(t, kept, "acme").Lines); diff != "" {
				t.Errorf("write %d fails: kept (-want +got):\n%s", first, diff)
			}
			f.failTo = 0
			if e, err := s.Apply(t.Context(), c); err != nil || e.Revision != 2 {
				t.Errorf("the change made again: %+v, %v", e, err)
			}
			want(t, s, "acme", 2, dave, reps)
		}
	}
}

func TestStore_says_when_a_change_cannot_be_undone(t *testing.T) {
	f := &faulty{casbinadapter.NewAdapter(t.Context(), newMemory(t, alice)), 0, 2, 100, false}
	s := newStore(t, f)
	c := adapter.Change{Tenant: "acme", ID: "1", Base: 1, Remove: []model.Line{alice}, Add: []model.Line{bob}}
	if _, err := s.Apply(t.Context(), c); !errors.Is(err, casbinadapter.ErrHalfMade) || !errors.Is(err, errFault) {
		t.Errorf("Apply: %v; want ErrHalfMade and the adapter's error", err)
	}
	want(t, s, "acme", 2) // what is true now, not what was
	f.failTo = 0
	if _, err := s.Apply(t.Context(), c); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("the change made again: %v; want ErrConflict", err)
	}
}

// casbinText is a plain RBAC-with-domains model over the sections of ours.
const casbinText = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft, terms
p2 = sub, dom, obj, lvl, as, terms
p3 = sub, dom, fld, lvl, eft, terms
p4 = obj, dom, mode, from, until, except
[role_definition]
g = _, _, _
g2 = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`

func enforcer(t testing.TB, a persist.Adapter) *casbin.Enforcer {
	t.Helper()
	m, err := casbinmodel.NewModelFromString(casbinText)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, a)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func may(t testing.TB, e *casbin.Enforcer, user, tenant string) bool {
	t.Helper()
	ok, err := e.Enforce(user, tenant, "customer", "read")
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestAdapter_gives_a_plain_enforcer_the_policy(t *testing.T) {
	inBeta := line(model.CustomerRules, "role:rep", "beta", "customer", "read", "allow", "-")
	every := []model.Line{
		alice, carol, reps, inBeta,
		line(model.TeamRules, "user:bob", "acme", "customer/42", "read", "support", "-"),
		line(model.FieldRules, "role:rep", "acme", "customer#phone", "masked", "allow", "-"),
		line(model.Switches, "user:eve", "acme", "off", "-", "-", "-"),
		line(model.OrgEdges, "user:alice", "user:carol", "acme"),
		line(model.Memberships, "role:lead", "role:rep", model.Base, "-"),
	}
	s := newMemory(t, every...)
	e := enforcer(t, casbinadapter.NewAdapter(t.Context(), s))
	if !may(t, e, "user:alice", "acme") || may(t, e, "user:alice", "beta") || !may(t, e, "user:carol", "beta") {
		t.Error("the enforcer decides other than the policy says")
	}
	e = enforcer(t, casbinadapter.NewAdapter(t.Context(), s, casbinadapter.Tenants("acme")))
	if !may(t, e, "user:alice", "acme") || may(t, e, "user:carol", "beta") {
		t.Error("an adapter for acme loads acme, and nothing of beta")
	}
	if ok, err := e.HasGroupingPolicy("role:lead", "role:rep", model.Base, "-"); err != nil || !ok {
		t.Errorf("an adapter for acme loads the base policy too: %v, %v", ok, err)
	}
}

func TestAdapter_makes_each_call_one_change_of_the_store(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := newMemory(t, reps)
	e := enforcer(t, casbinadapter.NewAdapter(t.Context(), s, casbinadapter.Tenants("acme"),
		casbinadapter.By("user:admin", "ticket 81"), casbinadapter.Clock(func() time.Time { return at })))
	check := func(did bool, err error) {
		t.Helper()
		if !did || err != nil {
			t.Fatal(did, err)
		}
	}
	check(e.AddGroupingPolicies([][]string{alice.Columns(), bob.Columns()}))
	check(e.RemoveGroupingPolicy(bob.Columns()))
	check(e.UpdateGroupingPolicy(alice.Columns(), bob.Columns()))
	check(e.RemoveFilteredGroupingPolicy(0, "user:bob"))
	want(t, s, "acme", 5, reps)

	log, err := s.Changes(t.Context(), "acme", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	made := []adapter.Entry{}
	for i, c := range []adapter.Change{
		{Add: []model.Line{alice, bob}}, {Remove: []model.Line{bob}}, {Remove: []model.Line{alice}, Add: []model.Line{bob}}, {Remove: []model.Line{bob}},
	} {
		c.Tenant, c.ID, c.Base, c.Actor, c.Reason, c.At = "acme", log[i].ID, model.Revision(i+1), "user:admin", "ticket 81", at
		made = append(made, adapter.Entry{Change: c, Revision: c.Base + 1})
	}
	if diff := cmp.Diff(made, log); diff != "" {
		t.Errorf("log mismatch (-want +got):\n%s", diff)
	}
}

// Casbin updates the adapter's rules before it looks whether its own model has them.
func TestAdapter_updates_only_what_is_there(t *testing.T) {
	s := newMemory(t, alice, bob)
	e, stale := enforcer(t, casbinadapter.NewAdapter(t.Context(), s)), enforcer(t, casbinadapter.NewAdapter(t.Context(), s))
	if _, err := e.RemoveGroupingPolicy(bob.Columns()); err != nil {
		t.Fatal(err)
	}
	lead := func(of model.Line) []string { return []string{of.Values[0], "role:lead", "acme", "-"} }
	did, err := stale.UpdateGroupingPolicy(bob.Columns(), lead(bob))
	if did || !errors.Is(err, casbinadapter.ErrNotThere) {
		t.Errorf("updating what was removed meanwhile: %v, %v; want ErrNotThere", did, err)
	}
	did, err = stale.UpdateGroupingPolicies([][]string{alice.Columns(), bob.Columns()}, [][]string{lead(alice), lead(bob)})
	if did || !errors.Is(err, casbinadapter.ErrNotThere) {
		t.Errorf("updating something that was: %v, %v; want ErrNotThere", did, err)
	}
	want(t, s, "acme", 2, alice)
}

func TestAdapter_refuses_what_it_cannot_do_safely(t *testing.T) {
	s := newMemory(t, alice, bob, reps, carol)
	a := casbinadapter.NewAdapter(t.Context(), s)
	e := enforcer(t, a)
	if err := e.SavePolicy(); !errors.Is(err, casbinadapter.ErrUnsupported) {
		t.Errorf("SavePolicy: %v; want ErrUnsupported", err)
	}
	for name, call := range map[string]func() error{
		"RemoveFilteredPolicy of all":   func() error { return a.RemoveFilteredPolicy("g", "g", 0, "", "") },
		"RemoveFilteredPolicy at -1":    func() error { return a.RemoveFilteredPolicy("g", "g", -1, "x", "acme") },
		"RemoveFilteredPolicy too wide": func() error { return a.RemoveFilteredPolicy("g", "g", 5, "x", "acme") },
		"UpdateFilteredPolicies":        func() error { _, err := a.UpdateFilteredPolicies("g", "g", nil, 0, "user:bob"); return err },
	} {
		if err := call(); !errors.Is(err, casbinadapter.ErrUnsupported) {
			t.Errorf("%s: %v; want ErrUnsupported", name, err)
		}
	}
	short, wide := alice.Columns()[:3], append(reps.Columns(), "more")
	for name, call := range map[string]func() error{
		"a value less":      func() error { return a.AddPolicy("g", "g", short) },
		"a value more":      func() error { return a.AddPolicy("p", "p", wide) },
		"unknown section":   func() error { return a.AddPolicy("p", "p9", reps.Columns()) },
		"two tenants":       func() error { return a.AddPolicies("g", "g", [][]string{alice.Columns(), carol.Columns()}) },
		"filter of two":     func() error { return a.RemoveFilteredPolicy("g", "g", 1, "role:rep") },
		"removing too much": func() error { return a.RemovePolicy("p", "p", wide) },
		"another tenant": func() error {
			return casbinadapter.NewAdapter(t.Context(), s, casbinadapter.Tenants("beta")).RemovePolicy("g", "g", alice.Columns())
		},
	} {
		if _, ok := errors.AsType[*model.ValueError](call()); !ok {
			t.Errorf("%s: %v; want a *model.ValueError", name, call())
		}
	}
	if did, err := e.AddGroupingPolicy(short); did || err == nil {
		t.Errorf("the enforcer takes a malformed line: %v, %v", did, err)
	}
	want(t, s, "acme", 1, alice, bob, reps)
	want(t, s, "beta", 1, carol)
}

func TestAdapter_stops_with_its_context(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newMemory(t, reps)
	e := enforcer(t, casbinadapter.NewAdapter(ctx, s))
	cancel()
	if err := e.LoadPolicy(); !errors.Is(err, context.Canceled) {
		t.Errorf("LoadPolicy: %v; want context.Canceled", err)
	}
	if did, err := e.AddGroupingPolicy(alice.Columns()); did || !errors.Is(err, context.Canceled) {
		t.Errorf("AddGroupingPolicy: %v, %v; want context.Canceled", did, err)
	}
	want(t, s, "acme", 1, reps)
}

// Casbin's own file adapter reads what adapter.File writes.
func TestFile_is_read_by_Casbins_file_adapter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	f, err := adapter.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wide := line(model.Memberships, "user:"+strings.Repeat("界", 95), "role:各 个", "acme", "until:2027-01-01T00:00:00Z")
	for i, c := range [][]model.Line{{alice, bob, reps, wide}, {carol}} {
		if _, err := f.Apply(t.Context(), adapter.Change{Tenant: c[0].Tenant(), ID: fmt.Sprint(i), Add: c}); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, fileadapter.NewAdapter(path))
	want(t, s, "acme", 1, alice, bob, wide, reps)
	want(t, s, "beta", 1, carol)
}
