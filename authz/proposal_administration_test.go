package authz_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// openSensitive opens a tenant in which lea grants and revokes, max approves, ada administers, and making somebody
// an administrator is sensitive.
func openSensitive(t testing.TB, c *clock) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(`
types:
  customer: {actions: {read: read, update: write}}
conditions: {of_admins: record.group == "role:admin"}
administration: {sensitive: of_admins}
`))
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, store, c.option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	grantText(t, az, authz.Operator("setup", "the first policy"), `
rules:
  - {who: role:admin, may: administer, on: permission, scope: all}
  - {who: [user:lea, user:kim], may: [grant, revoke, exceed], on: permission, scope: all}
  - {who: user:max, may: approve, on: permission, scope: all}
members: [{who: user:ada, in: role:admin}]
`)
	return az
}

var (
	lea, kim, max1, ada = authz.By("user:lea", ""), authz.By("user:kim", ""), authz.By("user:max", ""), authz.By("user:ada", "")
	newAdmin            = authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:eve", "role:admin")}}
	newRep              = authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:eve", "role:rep")}}
)

func TestSensitiveChangesNeedASecondPerson(t *testing.T) {
	c := &clock{now: monday}
	az := openSensitive(t, c)
	if _, err := az.Apply(t.Context(), lea, newAdmin); !errors.Is(err, authz.ErrNeedsApproval) {
		t.Errorf("Apply: %v; want %v", err, authz.ErrNeedsApproval)
	}
	if _, err := az.Propose(t.Context(), max1, newAdmin); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("who may not grant proposes: %v", err)
	}
	mixed := authz.Change{Tenant: "acme", Add: newAdmin.Add, Remove: []authz.Fact{authz.Membership{Tenant: "acme", Member: "user:ada", Group: "role:admin"}}}
	if _, err := az.Propose(t.Context(), max1, mixed); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("who may grant nothing proposes what is sensitive: %v", err)
	}
	forged := authz.By("operator:setup", "")
	_, err := az.Propose(t.Context(), forged, newRep)
	_, err2 := az.Approve(t.Context(), forged, "acme", "x")
	_, err3 := az.Cancel(t.Context(), forged, "acme", "x")
	_, err4 := az.Erase(t.Context(), forged, "acme", "user:eve")
	for i, err := range []error{err, err2, err3, err4} {
		if !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%d in the name of an operator: %v", i, err)
		}
	}

	start := monday.Add(time.Hour)
	sensitive := proposed(t)(az.Propose(t.Context(), lea, newAdmin, authz.StartAt(start)))
	plain := proposed(t)(az.Propose(t.Context(), lea, newRep, authz.StartAt(start)))
	if sensitive.State != adapter.Requested || plain.State != adapter.Planned {
		t.Fatalf("planned, sensitive: %s; not: %s", sensitive.State, plain.State)
	}
	for name, who := range map[string]authz.Author{"who may grant": kim, "an administrator": ada, "nobody": authz.By("user:zoe", "")} {
		if _, err := az.Approve(t.Context(), who, "acme", sensitive.ID); !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%s approves: %v", name, err)
		}
		if _, err := az.Reject(t.Context(), who, "acme", sensitive.ID); !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%s rejects: %v", name, err)
		}
	}
	if p := proposed(t)(az.Approve(t.Context(), max1, "acme", sensitive.ID)); p.State != adapter.Planned {
		t.Errorf("approved, before its start: %s", p.State)
	}
	look(t, az, c, start, nil)
	wantState(t, az, sensitive.ID, adapter.Made)
	wantState(t, az, plain.ID, adapter.Made)
}

// Rights are asked for again when a change is made: of who proposed it, and of who approved it.
func TestPlansFailWhenTheirAuthorsMayNoMore(t *testing.T) {
	setup := authz.Operator("setup", "")
	grants := func(az *authz.Authorizer, who string) authz.Fact {
		return authz.CustomerRule{Tenant: "acme", Subject: who, On: model.OnType("permission"), Action: "grant", Effect: model.Allow, Scope: model.ScopeAll}
	}
	approves := authz.CustomerRule{Tenant: "acme", Subject: "user:max", On: model.OnType("permission"), Action: "approve", Effect: model.Allow, Scope: model.ScopeAll}
	for name, test := range map[string]struct {
		change func(az *authz.Authorizer) (authz.Revision, error)
		want   [2]adapter.State // of one that is approved, and of one that needs no approval
	}{
		"all still may": {func(*authz.Authorizer) (authz.Revision, error) { return 0, nil }, [2]adapter.State{adapter.Made, adapter.Made}},
		"who proposed them does not": {func(az *authz.Authorizer) (authz.Revision, error) {
			return az.Revoke(t.Context(), setup, grants(az, "user:lea"))
		}, [2]adapter.State{adapter.Failed, adapter.Failed}},
		"who approved does not": {func(az *authz.Authorizer) (authz.Revision, error) { return az.Revoke(t.Context(), setup, approves) }, [2]adapter.State{adapter.Failed, adapter.Made}},
		"who proposed them is frozen": {func(az *authz.Authorizer) (authz.Revision, error) {
			return az.Disable(t.Context(), setup, "acme", "user:lea")
		}, [2]adapter.State{adapter.Failed, adapter.Failed}},
		"who proposed them is erased": {func(az *authz.Authorizer) (authz.Revision, error) {
			_, err := az.Erase(t.Context(), ada, "acme", "user:lea")
			return 0, err
		}, [2]adapter.State{adapter.Failed, adapter.Failed}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{now: monday}
			az := openSensitive(t, c)
			start := authz.StartAt(monday.Add(time.Hour))
			sensitive := proposed(t)(az.Propose(t.Context(), lea, newAdmin, start))
			plain := proposed(t)(az.Propose(t.Context(), lea, newRep, start))
			proposed(t)(az.Approve(t.Context(), max1, "acme", sensitive.ID))
			must(t)(test.change(az))
			look(t, az, c, monday.Add(30*time.Minute), nil)
			c.now = monday.Add(time.Hour)
			_ = az.RunOnce(t.Context(), nil) // its error is why some failed
			wantState(t, az, sensitive.ID, test.want[0])
			wantState(t, az, plain.ID, test.want[1])
			wantAllowed(t, az, authz.Request{Tenant: "acme", User: "user:eve", Action: "administer", Type: "permission"}, test.want[0] == adapter.Made)
		})
	}
}

// So are those of who approved what needs no second person.
func TestApproverIsAskedAgainForAPlainRequest(t *testing.T) {
	c, store := &clock{now: monday}, &planning{Memory: storeOfLines(t)}
	az := openSchema(t, openSensitive(t, c).Schema(), store, c.option())
	setup := authz.Operator("setup", "")
	approves := factsIn(t, "rules: [{who: user:max, may: approve, on: permission, scope: all}]")
	grantText(t, az, setup, "rules: [{who: user:ada, may: administer, on: permission, scope: all}, {who: user:lea, may: [grant, exceed], on: permission, scope: all}]")
	must(t)(az.Grant(t.Context(), setup, approves...))
	p := proposed(t)(az.Propose(t.Context(), lea, newRep))
	store.set(&store.before, errDisk)
	if _, err := az.Approve(t.Context(), max1, "acme", p.ID); !errors.Is(err, errDisk) {
		t.Fatalf("Approve: %v; want %v", err, errDisk)
	}
	store.set(&store.before, nil)
	must(t)(az.Revoke(t.Context(), setup, approves...))
	if _, err := az.Approve(t.Context(), max1, "acme", p.ID); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("once more, when he may no more: %v", err)
	}
	wantState(t, az, p.ID, adapter.Failed)
}

// Who may not approve a fact does not settle its proposal, while it is there already, either.
func TestRequestThatChangesNothingNowIsSettledByWhoMay(t *testing.T) {
	az := openSensitive(t, &clock{now: monday})
	p := proposed(t)(az.Propose(t.Context(), lea, newAdmin))
	must(t)(az.Apply(t.Context(), authz.Operator("setup", ""), newAdmin))
	for name, do := range map[string]func(context.Context, authz.Author, string, string) (*authz.Proposal, error){"Approve": az.Approve, "Reject": az.Reject, "Cancel": az.Cancel} {
		if _, err := do(t.Context(), kim, "acme", p.ID); !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%s by who may only grant: %v", name, err)
		}
	}
	proposed(t)(az.Reject(t.Context(), max1, "acme", p.ID))
}

func TestWhoMayCancelAndErase(t *testing.T) {
	c := &clock{now: monday}
	az := openSensitive(t, c)
	plan := func(by authz.Author) string {
		return proposed(t)(az.Propose(t.Context(), by, newRep, authz.StartAt(monday.Add(time.Hour)))).ID
	}
	for _, who := range []authz.Author{kim, authz.By("user:zoe", "")} {
		if _, err := az.Cancel(t.Context(), who, "acme", plan(lea)); !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%s cancels another's plan: %v", who.Actor, err)
		}
		if _, err := az.Erase(t.Context(), who, "acme", "user:eve"); !errors.Is(err, authz.ErrNotAllowed) {
			t.Errorf("%s erases: %v", who.Actor, err)
		}
		proposed(t)(az.Acknowledge(t.Context(), who, "acme", plan(lea)))
	}
	for _, who := range []authz.Author{lea, max1, ada, authz.Operator("setup", "")} {
		proposed(t)(az.Cancel(t.Context(), who, "acme", plan(lea)))
	}
	if _, err := az.Erase(t.Context(), ada, "acme", "user:ada"); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("the last administrator erases herself: %v", err)
	}
	if _, err := az.Erase(t.Context(), ada, "acme", "user:kim"); err != nil {
		t.Error(err)
	}
	tmp := authz.By("user:tmp", "an administrator until tomorrow")
	grantText(t, az, authz.Operator("setup", ""), "members: [{who: user:tmp, in: role:admin, until: 2026-11-24T00:00:00Z}]")
	if _, err := az.Erase(t.Context(), tmp, "acme", "user:ada"); !errors.Is(err, authz.ErrLastAdministrator) {
		t.Errorf("who is an administrator for a day erases the other one: %v", err)
	}
	if _, err := az.Erase(t.Context(), ada, "acme", "user:tmp"); err != nil {
		t.Error(err)
	}
	// An operator's proposal is made in his name, and an operator approves.
	setup := authz.Operator("setup", "")
	p := proposed(t)(az.Propose(t.Context(), setup, newAdmin, authz.StartAt(monday.Add(time.Minute))))
	q := proposed(t)(az.Propose(t.Context(), lea, authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:zoe", "role:admin")}}))
	proposed(t)(az.Approve(t.Context(), setup, "acme", q.ID))
	look(t, az, c, monday.Add(time.Minute), nil)
	wantState(t, az, p.ID, adapter.Made)
	wantState(t, az, q.ID, adapter.Made)
}
