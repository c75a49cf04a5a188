package authz_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// by is who makes the changes of the tests.
var by = authz.By("user:admin", "test")

// open opens an Authorizer that the test closes.
func open(t testing.TB, store adapter.Store, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	az, err := authz.Open(t.Context(), crm, store, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	return az
}

// ask is a request in Acme.
func ask(user, action string, record *authz.Record) authz.Request {
	return authz.Request{Tenant: "acme", User: user, Action: action, Record: record}
}

// wantAllowed checks one decision.
func wantAllowed(t testing.TB, az *authz.Authorizer, req authz.Request, want bool) {
	t.Helper()
	got, err := az.Enforce(t.Context(), req)
	if got != want || err != nil {
		t.Errorf("%s %s %s at %v: got %v, %v; want %v", req.Tenant, req.User, req.Action, req.At, got, err, want)
	}
}

// wantRevision checks at which revision a tenant is.
func wantRevision(t testing.TB, az *authz.Authorizer, tenant string, want authz.Revision) {
	t.Helper()
	if got, err := az.Revision(t.Context(), tenant); err != nil || got != want {
		t.Errorf("revision of %s: got %d, %v; want %d", tenant, got, err, want)
	}
}

// must fails the test on an error of a change.
func must(t testing.TB) func(authz.Revision, error) authz.Revision {
	t.Helper()
	return func(rev authz.Revision, err error) authz.Revision {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
}

var errDisk = errors.New("the disk is gone")

// faulty is a store that fails when told to.
type faulty struct {
	*adapter.Memory
	load, tenants, before, after error // before and after Apply makes the change durable
}

func (f *faulty) Load(ctx context.Context, tenant string) (adapter.Snapshot, error) {
	if f.load != nil {
		return adapter.Snapshot{}, f.load
	}
	return f.Memory.Load(ctx, tenant)
}

func (f *faulty) Tenants(ctx context.Context) iter.Seq2[string, error] {
	if f.tenants != nil {
		return func(yield func(string, error) bool) { yield("", f.tenants) }
	}
	return f.Memory.Tenants(ctx)
}

func (f *faulty) Apply(ctx context.Context, c adapter.Change) (adapter.Entry, error) {
	if f.before != nil {
		return adapter.Entry{}, f.before
	}
	e, err := f.Memory.Apply(ctx, c)
	if err == nil && f.after != nil {
		return adapter.Entry{}, f.after
	}
	return e, err
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	tests := []struct {
		name   string
		schema *authz.Schema
		store  adapter.Store
		want   error
	}{
		{"empty schema", &authz.Schema{}, storeOf(acme), model.ErrMalformed},
		{"condition of an unknown attribute", &authz.Schema{Types: crm.Types, Conditions: map[string]string{"x": `record.colour == "red"`}}, storeOf(acme), model.ErrUnknownAttribute},
		{"store that cannot be read", crm, &faulty{Memory: storeOf(acme), load: errDisk}, authz.ErrUnavailable},
		{"base policy that the schema does not know", crm, storeOf(`{"*": {rules: [{who: role:rep, may: read, on: client}]}}`), model.ErrUnknownType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			az, err := authz.Open(t.Context(), test.schema, test.store)
			if az != nil || !errors.Is(err, test.want) {
				t.Errorf("got %v, %v; want no Authorizer and %v", az, err, test.want)
			}
			var at *authz.Error
			if !errors.As(err, &at) || at.Op != "open" {
				t.Errorf("%v does not name the operation", err)
			}
		})
	}
}

func TestPreloadFindsEveryTenantThatFails(t *testing.T) {
	store := storeOf("acme:\n  rules: [{who: role:rep, may: read, on: client}]\nbeta:\n  rules: [{who: role:rep, may: fly, on: customer}]\n")
	_, err := authz.Open(t.Context(), crm, store, authz.WithPreload())
	for _, want := range []error{authz.ErrUnavailable, model.ErrUnknownType, model.ErrUnknownAction} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	if _, err := authz.Open(t.Context(), crm, &faulty{Memory: storeOf(acme), tenants: errDisk}, authz.WithPreload()); !errors.Is(err, errDisk) || !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("a store that cannot list tenants: got %v", err)
	}
}

// After Open with WithPreload no question waits for the store.
func TestPreloadedTenantsAnswerWithoutTheStore(t *testing.T) {
	store := &faulty{Memory: storeOf(acme + "beta:\n  rules: [{who: user:zoe, may: read, on: customer, scope: all}]\n")}
	az := open(t, store, authz.WithPreload())
	store.load = errDisk
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	wantAllowed(t, az, authz.Request{Tenant: "beta", User: "user:zoe", Action: "read", Record: hers}, true)
}

func TestTenantThatCannotBeLoadedIsDeniedUntilItCan(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	store.load = errDisk
	for range 2 {
		ok, err := az.Enforce(t.Context(), ask("user:alice", "read", hers))
		if ok || !errors.Is(err, authz.ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Fatalf("got %v, %v; want a denial with %v", ok, err, authz.ErrUnavailable)
		}
	}
	store.load = nil
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
}

func TestStoredFactThatTheSchemaDoesNotKnowDeniesItsTenantOnly(t *testing.T) {
	az := open(t, storeOf(acme+"beta:\n  rules: [{who: role:rep, may: read, on: client}]\n"))
	ok, err := az.Enforce(t.Context(), authz.Request{Tenant: "beta", User: "user:alice", Action: "read", Record: hers})
	if ok || !errors.Is(err, authz.ErrUnavailable) || !errors.Is(err, model.ErrUnknownType) {
		t.Errorf("got %v, %v; want a denial with %v", ok, err, model.ErrUnknownType)
	}
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
}

func TestFailedRefreshKeepsThePolicyInForce(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	store.load = errDisk
	for _, tenant := range []string{"acme", model.Base} {
		if err := az.Refresh(t.Context(), tenant); !errors.Is(err, authz.ErrUnavailable) {
			t.Errorf("refresh of %s: got %v, want %v", tenant, err, authz.ErrUnavailable)
		}
	}
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	wantRevision(t, az, "acme", 1)
}

func TestRefreshShowsWhatAnotherAuthorizerChanged(t *testing.T) {
	store := storeOf(acme)
	here, there := open(t, store), open(t, store)
	wantAllowed(t, here, ask("user:eve", "read", hers), false)
	must(t)(there.Grant(t.Context(), by, authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:support"}))
	must(t)(there.Grant(t.Context(), by, authz.CustomerRule{Tenant: model.Base, Subject: "role:support", On: model.OnType("customer"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}))
	for _, tenant := range []string{"acme", model.Base} {
		if err := here.Refresh(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	wantAllowed(t, here, ask("user:eve", "read", hers), true)
	wantAllowed(t, here, ask("user:eve", "delete", hers), true)
}

// Asking for tenants that do not exist fills no memory, and does not keep one
// from coming into being.
func TestTenantExistsFromItsFirstFactOn(t *testing.T) {
	az := open(t, storeOf(acme))
	req := authz.Request{Tenant: "beta", User: "user:zoe", Action: "read", Record: hers}
	if ok, err := az.Enforce(t.Context(), req); ok || !errors.Is(err, model.ErrUnknownTenant) {
		t.Fatalf("got %v, %v; want %v", ok, err, model.ErrUnknownTenant)
	}
	must(t)(az.Grant(t.Context(), by, authz.CustomerRule{Tenant: "beta", Subject: "user:zoe", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}))
	wantAllowed(t, az, req, true)
}

// The same ids in two tenants are two users, roles, records and rules.
func TestTenantsNeverTouch(t *testing.T) {
	az := open(t, storeOf(acme))
	beta := func(user string) authz.Request {
		return authz.Request{Tenant: "beta", User: user, Action: "read", Record: hers}
	}
	// Beta has a role:rep of the same name, whose rule reaches everything, and others in it.
	must(t)(az.Grant(t.Context(), by,
		authz.CustomerRule{Tenant: "beta", Subject: "role:rep", On: model.OnType("customer"), Action: model.Any, Effect: model.Allow, Scope: model.ScopeAll},
		authz.Membership{Tenant: "beta", Member: "user:bob", Group: "role:rep"},
		authz.TeamRule{Tenant: "beta", Subject: "user:dan", On: model.OnRecord("customer", "42"), Level: model.LevelFull},
		authz.OrgEdge{Tenant: "beta", Below: "user:alice", Above: "user:dan"}))
	wantAllowed(t, az, beta("user:bob"), true)
	wantAllowed(t, az, beta("user:alice"), false)
	wantAllowed(t, az, ask("user:bob", "read", hers), false)
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	wantAllowed(t, az, ask("user:dan", "update", hers), false)

	must(t)(az.Disable(t.Context(), by, "beta", "role:rep"))
	must(t)(az.Disable(t.Context(), by, "beta", "user:alice"))
	wantAllowed(t, az, beta("user:bob"), false)
	wantAllowed(t, az, ask("user:alice", "read", hers), true)

	must(t)(az.Revoke(t.Context(), by, authz.Membership{Tenant: "beta", Member: "user:alice", Group: "role:rep"})) // Acme has such a one
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	wantRevision(t, az, "acme", 1)
}

// A tenant's own types are unknown to others, though the ids are the same.
func TestTenantExtensionIsItsOwn(t *testing.T) {
	schema := &authz.Schema{Types: crm.Types, Conditions: crm.Conditions, Tenants: map[string]model.Extension{
		"acme": {Types: map[string]model.Type{"asset": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}}},
	}}
	az, err := authz.Open(t.Context(), schema, storeOf(`{"*": {rules: [{who: "*", may: "*", on: "*", scope: all}]}, acme: {members: [{who: user:alice, in: role:rep}]}, beta: {members: [{who: user:alice, in: role:rep}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer az.Close()
	asset := &authz.Record{Type: "asset", ID: "1"}
	wantAllowed(t, az, ask("user:alice", "read", asset), true)
	ok, err := az.Enforce(t.Context(), authz.Request{Tenant: "beta", User: "user:alice", Action: "read", Record: asset})
	if ok || !errors.Is(err, model.ErrUnknownType) {
		t.Errorf("in the other tenant: got %v, %v; want %v", ok, err, model.ErrUnknownType)
	}
	if _, err := az.Grant(t.Context(), by, authz.TeamRule{Tenant: "beta", Subject: "user:bob", On: model.OnType("asset"), Level: model.LevelRead}); !errors.Is(err, model.ErrUnknownType) {
		t.Errorf("grant in the other tenant: got %v, want %v", err, model.ErrUnknownType)
	}
}

func TestClosedAuthorizerDeniesAndRefuses(t *testing.T) {
	store := storeOf(acme)
	az := open(t, store)
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	viewer, err := az.For(t.Context(), "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // closing twice is no error
		if err := az.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range errorsOfAllVerbs(t, az, viewer) {
		if !errors.Is(err, authz.ErrClosed) {
			t.Errorf("%s: got %v, want %v", name, err, authz.ErrClosed)
		}
	}
	if s, err := store.Load(t.Context(), "acme"); err != nil || s.Revision != 1 {
		t.Errorf("the store is at revision %d, %v; want 1", s.Revision, err)
	}
}

// errorsOfAllVerbs asks and changes everything in Acme, and fails the test for what is allowed.
func errorsOfAllVerbs(t *testing.T, az *authz.Authorizer, viewer *authz.Viewer) map[string]error {
	t.Helper()
	ctx, req, errs := t.Context(), ask("user:alice", "read", hers), map[string]error{}
	denied := func(name string, allowed bool, err error) {
		t.Helper()
		if allowed {
			t.Errorf("%s allows", name)
		}
		errs[name] = err
	}
	ok, err := az.Enforce(ctx, req)
	denied("Enforce", ok, err)
	d, err := az.Decide(ctx, req)
	denied("Decide", d.Allowed, err)
	ds, err := az.DecideAll(ctx, []authz.Request{req})
	denied("DecideAll", ds[0].Allowed, err)
	level, err := az.FieldLevel(ctx, req, "name")
	denied("FieldLevel", level != model.FieldHidden, err)
	fields, err := az.Fields(ctx, req)
	denied("Fields", fields.Level("name") != model.FieldHidden, err)
	shown, err := az.Reveal(ctx, req, "name", "a test", map[string]any{"name": "Nordic Foods"})
	denied("Reveal", shown != nil, err)
	x, err := az.Explain(ctx, req)
	denied("Explain", x.Allowed, err)
	v, err := az.For(ctx, "acme", "user:alice")
	denied("For", v != nil, err)
	ok, err = viewer.Enforce("read", hers)
	denied("Viewer.Enforce", ok, err)
	ok, err = viewer.EnforceType("read", "customer")
	denied("Viewer.EnforceType", ok, err)
	fields, err = viewer.Fields("read", hers)
	denied("Viewer.Fields", fields.Level("name") != model.FieldHidden, err)
	fields, err = viewer.FieldsOfType("read", "customer")
	denied("Viewer.FieldsOfType", fields.Level("name") != model.FieldHidden, err)
	view, err := viewer.View("read", "update", hers, map[string]any{"name": "Nordic Foods"})
	denied("Viewer.View", view.Record != nil, err)
	fact := authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:rep"}
	_, errs["Grant"] = az.Grant(ctx, by, fact)
	_, errs["Revoke"] = az.Revoke(ctx, by, fact)
	_, errs["Disable"] = az.Disable(ctx, by, "acme", "user:eve")
	_, errs["Enable"] = az.Enable(ctx, by, "acme", "user:eve")
	_, errs["Revision"] = az.Revision(ctx, "acme")
	errs["Refresh"] = az.Refresh(ctx, "acme")
	return errs
}

func TestCancelledContextDeniesWhatIsNotLoaded(t *testing.T) {
	az := open(t, storeOf(acme))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := az.Enforce(ctx, ask("user:alice", "read", hers)); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want %v", ok, err, context.Canceled)
	}
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
}

func TestConcurrentGrantsOnTwoAuthorizersAllHappen(t *testing.T) {
	store := storeOf(acme)
	both := []*authz.Authorizer{open(t, store), open(t, store)}
	const goroutines, each = 8, 20
	member := func(g, i int) authz.Membership {
		return authz.Membership{Tenant: "acme", Member: fmt.Sprintf("user:u%d.%d", g, i), Group: "role:support"}
	}
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				az := both[(g+i)%2]
				if _, err := az.Grant(t.Context(), by, member(g, i)); err != nil {
					t.Errorf("grant %d of %d: %v", i, g, err)
				}
				wantAllowed(t, az, ask(member(g, i).Member, "read", hers), true)
			}
		})
	}
	wg.Wait()
	for _, az := range both {
		if err := az.Refresh(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		wantRevision(t, az, "acme", 1+goroutines*each)
		for g := range goroutines {
			for i := range each {
				wantAllowed(t, az, ask(member(g, i).Member, "read", hers), true)
			}
		}
	}
}

// Writers each change the memberships of users of their own and compare every
// decision about them with a map. Readers ask about users whom nobody changes, and
// see revisions that never go back. Meant for go test -race.
func TestReadersAndWritersSeeWhatTheyShould(t *testing.T) {
	az := open(t, storeOf(acme))
	const writers, readers, users = 4, 3, 5
	done := make(chan struct{})
	var reading, writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			d := rand.New(rand.NewPCG(uint64(w), 1))
			member := map[string]bool{}
			for range 100 {
				user := fmt.Sprintf("user:w%d.%d", w, d.IntN(users))
				fact := authz.Membership{Tenant: "acme", Member: user, Group: "role:support"}
				change := az.Grant
				if member[user] = d.IntN(2) == 0; !member[user] {
					change = az.Revoke
				}
				if _, err := change(t.Context(), by, fact); err != nil {
					t.Errorf("%s: %v", user, err)
					return
				}
				for u := range users {
					user := fmt.Sprintf("user:w%d.%d", w, u)
					wantAllowed(t, az, ask(user, "read", hers), member[user])
				}
			}
		})
	}
	for range readers {
		reading.Go(func() {
			last := authz.Revision(0)
			for {
				select {
				case <-done:
					return
				default:
				}
				wantAllowed(t, az, ask("user:alice", "update", hers), true)
				wantAllowed(t, az, ask("user:bob", "update", hers), false)
				d, err := az.Decide(t.Context(), ask("user:stranger", "read", hers))
				if err != nil || d.Allowed || d.Revision < last {
					t.Errorf("got %v, %v after revision %d", d, err, last)
					return
				}
				last = d.Revision
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

// Who changes the base policy sees it in every tenant at once, while others ask.
func TestBasePolicyChangesAmongReaders(t *testing.T) {
	az := open(t, storeOf(acme+"beta:\n  members: [{who: user:zoe, in: role:rep}]\n"))
	rule := authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}
	zoe := authz.Request{Tenant: "beta", User: "user:zoe", Action: "delete", Record: his}
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				wantAllowed(t, az, ask("user:alice", "read", hers), true)
				wantAllowed(t, az, ask("user:dan", "delete", hers), false)
			}
		})
	}
	for range 50 {
		must(t)(az.Grant(t.Context(), by, rule))
		wantAllowed(t, az, ask("user:alice", "delete", his), true)
		wantAllowed(t, az, zoe, true)
		must(t)(az.Revoke(t.Context(), by, rule))
		wantAllowed(t, az, ask("user:alice", "delete", his), false)
		wantAllowed(t, az, zoe, false)
	}
	close(done)
	reading.Wait()
}

// The first questions of a tenant may come all at once.
func TestManyFirstQuestionsAtOnce(t *testing.T) {
	policy := ""
	for i := range 20 {
		policy += fmt.Sprintf("t%d:\n  rules: [{who: user:alice, may: read, on: customer, scope: all}]\n", i)
	}
	az := open(t, storeOf(policy))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				wantAllowed(t, az, authz.Request{Tenant: fmt.Sprintf("t%d", i), User: "user:alice", Action: "read", Record: hers}, true)
			}
		})
	}
	wg.Wait()
}

func TestNoGoroutineOutlivesItsAuthorizer(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		az, err := authz.Open(t.Context(), crm, storeOf(acme), authz.WithPreload())
		if err != nil {
			t.Fatal(err)
		}
		wantAllowed(t, az, ask("user:alice", "read", hers), true)
		must(t)(az.Disable(t.Context(), by, "acme", "user:eve"))
		if err := az.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // those that just ended may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d", runtime.NumGoroutine(), before)
}

// notifying is a store that hears of changes of others.
type notifying struct {
	*adapter.Memory
	hear    func(context.Context, string) error
	stopped int
}

func (n *notifying) Notify(f func(context.Context, string) error) (stop func()) {
	n.hear = f
	return func() { n.stopped++ }
}

func TestNotificationsOfTheStoreRefresh(t *testing.T) {
	store := &notifying{Memory: storeOf(acme)}
	az := open(t, store)
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	other := open(t, store.Memory)
	must(t)(other.Disable(t.Context(), by, "acme", "user:alice"))
	if err := store.hear(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, az, ask("user:alice", "read", hers), false)
	_ = az.Close()
	_ = az.Close()
	if store.stopped != 1 {
		t.Errorf("stopped %d times, want once", store.stopped)
	}
}

func TestErrorNamesOperationAndTenant(t *testing.T) {
	az := open(t, storeOf(acme))
	_, err := az.Enforce(t.Context(), authz.Request{Tenant: "nobody", User: "user:alice", Action: "read", Type: "customer"})
	var at *authz.Error
	if !errors.As(err, &at) {
		t.Fatalf("%v is no *authz.Error", err)
	}
	if diff := cmp.Diff([]string{"enforce", "nobody"}, []string{at.Op, at.Tenant}); diff != "" {
		t.Error(diff)
	}
	var value *model.ValueError
	if !errors.As(err, &value) || value.Value != "nobody" {
		t.Errorf("%v does not name the offending value", err)
	}
}
