package authz_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// crm is the schema of the examples and tests.
var crm = &authz.Schema{
	Types: map[string]model.Type{
		"customer": {
			Actions: map[string]model.Action{
				"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete},
			},
			Fields:     map[string]model.Field{"name": {Default: model.FieldWrite}, "phone": {Mask: "last4"}, "notes": {}},
			Attributes: map[string]model.AttrType{"region": model.AttrString},
			Hierarchy:  model.Hierarchy{By: model.ByLine, Level: model.LevelRead},
		},
		"order": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
			Parent:  model.Parent{Type: "customer", Cap: model.LevelRead},
		},
	},
	Conditions: map[string]string{"eu_only": `record.region == "EU"`},
}

// The policy of the examples: Alice and Bob are reps of Acme, Carol is their
// manager, Dan is in support.
const acme = `
acme:
  members:
    - {who: [user:alice, user:bob, user:carol], in: role:rep}
    - {who: user:dan, in: role:support}
  org:
    - {who: [user:alice, user:bob], under: user:carol}
  rules:
    - {who: role:rep, may: [read, update], on: customer}
    - {who: role:support, may: read, on: customer, scope: all}
  fields:
    - {who: role:rep, has: write, on: customer#phone}
    - {who: role:support, has: masked, on: customer#phone}
`

var (
	hers   = &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	his    = &authz.Record{Type: "customer", ID: "43", Owners: []string{"user:bob"}}
	monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
)

// storeOf returns a store with the facts of a policy.
func storeOf(policy string) *adapter.Memory {
	facts, err := model.ParsePolicy([]byte(policy))
	if err != nil {
		panic(err)
	}
	store, err := adapter.NewMemory(func(yield func(model.Line) bool) {
		for _, f := range facts {
			if l, err := model.Encode(f); err != nil || !yield(l) {
				return
			}
		}
	})
	if err != nil {
		panic(err)
	}
	return store
}

// openAcme opens the policy of the examples.
func openAcme(options ...authz.Option) *authz.Authorizer {
	az, err := authz.Open(context.Background(), crm, storeOf(acme), options...)
	if err != nil {
		panic(err)
	}
	return az
}

func ExampleOpen() {
	ctx := context.Background()
	schema := &authz.Schema{Types: map[string]model.Type{
		"customer": {Actions: map[string]model.Action{
			"read":   {Need: model.LevelRead},
			"update": {Need: model.LevelWrite},
		}},
	}}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	az, err := authz.Open(ctx, schema, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	_, err = az.Grant(ctx, authz.By("user:admin", "set up"),
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow},
		authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, owner := range []string{"user:alice", "user:bob"} {
		customer := &authz.Record{Type: "customer", ID: "42", Owners: []string{owner}}
		ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: customer})
		fmt.Println("Alice may update a customer of", owner, ok, err)
	}
	// Output:
	// Alice may update a customer of user:alice true <nil>
	// Alice may update a customer of user:bob false <nil>
}

func ExampleAuthorizer_Enforce() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers}))
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: his}))
	// May she update customers at all? The menu asks.
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Type: "customer"}))
	// What cannot be decided is denied, and the error says why.
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "fly", Record: hers}))
	// Output:
	// true <nil>
	// false <nil>
	// true <nil>
	// false authz: enforce in tenant "acme": request: action "fly": unknown action: of customer
}

func ExampleAuthorizer_Decide() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan"} {
		d, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: user, Action: "read", Record: hers})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d)
	}
	// Output:
	// allowed by p, role:rep, acme, customer, read, allow, - (user:alice → role:rep), owner with level full
	// denied: out of reach of p, role:rep, acme, customer, read, allow, - (user:bob → role:rep)
	// allowed by p, role:rep, acme, customer, read, allow, - (user:carol → role:rep), hierarchy with level read (user:carol → user:alice)
	// allowed by p, role:support, acme, customer, read, allow, all (user:dan → role:support), scope all
}

func ExampleAuthorizer_DecideAll() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	page := []authz.Request{
		{Tenant: "acme", User: "user:alice", Action: "update", Record: hers},
		{Tenant: "acme", User: "user:alice", Action: "update", Record: his},
		{Tenant: "acme", User: "user:alice", Action: "update", Type: "letter"},
	}
	decisions, err := az.DecideAll(ctx, page)
	for _, d := range decisions {
		fmt.Println(d.Allowed, d.Reason)
	}
	fmt.Println(err)
	// Output:
	// true allowed
	// false out of reach
	// false error
	// request 2: authz: decide all in tenant "acme": request: type "letter": unknown type
}

func ExampleAuthorizer_For() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, customer := range []*authz.Record{hers, his} {
		ok, err := alice.Enforce("update", customer)
		fmt.Println(customer.ID, ok, err)
	}
	// Output:
	// 42 true <nil>
	// 43 false <nil>
}

func ExampleViewer_Enforce() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	dan, err := az.For(ctx, "acme", "user:dan")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dan.Enforce("read", hers))
	fmt.Println(dan.Enforce("update", hers))
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleViewer_Decide() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	dan, err := az.For(ctx, "acme", "user:dan")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dan.Decide("read", hers))
	fmt.Println(dan.DecideType("update", "customer"))
	// Output:
	// allowed by p, role:support, acme, customer, read, allow, all (user:dan → role:support), scope all <nil>
	// denied: no rule <nil>
}

func ExampleViewer_EnforceAll() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		fmt.Println(err)
		return
	}
	buttons := []string{"read", "update", "delete"}
	show := make([]bool, len(buttons))
	if err := alice.EnforceAll(hers, buttons, show); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(buttons, show)
	// Output: [read update delete] [true true false]
}

func ExampleViewer_EnforceType() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	dan, err := az.For(ctx, "acme", "user:dan")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, action := range []string{"read", "update"} {
		ok, err := dan.EnforceType(action, "customer")
		fmt.Println("show", action, "in the menu:", ok, err)
	}
	// Output:
	// show read in the menu: true <nil>
	// show update in the menu: false <nil>
}

func ExampleViewer_Revision() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = az.Revoke(ctx, authz.By("user:admin", "left"), authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// What she was looked up for is answered to its end at one revision.
	ok, err := alice.Enforce("update", hers)
	fmt.Println(alice.Revision(), ok, err)
	// Output: 1 true <nil>
}

func ExampleAuthorizer_FieldLevel() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	for _, q := range []struct{ user, action, field string }{
		{"user:alice", "update", "phone"},
		{"user:alice", "read", "phone"}, // reading writes nothing
		{"user:dan", "read", "phone"},
		{"user:dan", "read", "name"},
		{"user:bob", "read", "name"}, // she is not his customer
	} {
		level, err := az.FieldLevel(ctx, authz.Request{Tenant: "acme", User: q.user, Action: q.action, Record: hers}, q.field)
		fmt.Println(q.user, q.action, q.field, level, err)
	}
	// Output:
	// user:alice update phone write <nil>
	// user:alice read phone read <nil>
	// user:dan read phone masked <nil>
	// user:dan read name read <nil>
	// user:bob read name hidden <nil>
}

func ExampleAuthorizer_Explain() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	x, err := az.Explain(ctx, authz.Request{Tenant: "acme", User: "user:bob", Action: "update", Record: hers})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("has", x.Level, "needs", x.Need, "groups", x.Groups)
	for _, g := range x.Gates {
		fmt.Println(g.Name, g.Passed, g.Detail)
	}
	for _, f := range x.Nearest {
		fmt.Println("would be allowed with:", f)
	}
	// Output:
	// has none needs write groups [role:rep]
	// tenant true not closed
	// user true not switched off
	// target true not switched off
	// forbidding rules true none covers it
	// allowing rules true p, role:rep, acme, customer, update, allow, -
	// reach false needs level write
	// would be allowed with: p2, user:bob, acme, customer/42, write, -, -
}

func ExampleAuthorizer_Grant() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	// Bob helps with customer 42, until the end of the year.
	help := authz.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelWrite, As: "support",
		Valid: model.Period{Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}
	rev, err := az.Grant(ctx, authz.By("user:carol", "ticket 81"), help)
	fmt.Println(rev, err)
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:bob", Action: "update", Record: hers, At: monday}))

	// What the schema does not know is refused.
	_, err = az.Grant(ctx, authz.By("user:carol", ""), authz.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("client", "42"), Level: model.LevelRead})
	fmt.Println(err, errors.Is(err, model.ErrUnknownType))
	// Output:
	// 2 <nil>
	// true <nil>
	// authz: grant in tenant "acme": team rule: target "client/42": unknown type true
}

func ExampleAuthorizer_Revoke() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	rev, err := az.Revoke(ctx, authz.By("user:admin", "Alice has left"), authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"})
	fmt.Println(rev, err)
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers}))
	// Output:
	// 2 <nil>
	// false <nil>
}

// Alice moves from sales to support: one change, so that there is no moment between.
func ExampleAuthorizer_Apply() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	moves := authz.Change{
		Tenant: "acme",
		Add:    []authz.Fact{authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:support"}},
		Remove: []authz.Fact{authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"}},
		Base:   1, // if the policy is still what it was when this was decided
	}
	rev, err := az.Apply(ctx, authz.By("user:admin", "ticket 85"), moves)
	fmt.Println(rev, err)
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers}))
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: his}))

	moves.Add[0], moves.Remove[0] = moves.Remove[0], moves.Add[0]
	_, err = az.Apply(ctx, authz.By("user:admin", "ticket 86"), moves)
	fmt.Println(err, errors.Is(err, authz.ErrMoved))
	// Output:
	// 2 <nil>
	// false <nil>
	// true <nil>
	// authz: apply in tenant "acme": the policy has changed since: it was made for revision 1 true
}

func ExampleAuthorizer_Disable() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	rule := authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow}
	rev, err := az.Disable(ctx, authz.By("user:admin", "year-end closing"), "acme", model.RuleID(rule))
	fmt.Println(rev, err)
	for _, action := range []string{"read", "update"} {
		ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: action, Record: hers})
		fmt.Println(action, ok, err)
	}
	// Output:
	// 2 <nil>
	// read true <nil>
	// update false <nil>
}

// A switch has a beginning and an end when it is given them.
func ExampleFrom() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	_, err := az.Disable(ctx, authz.By("user:admin", "parental leave"), "acme", "user:alice",
		authz.From(monday), authz.Until(monday.AddDate(0, 3, 0)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range []time.Time{monday.Add(-time.Second), monday, monday.AddDate(0, 3, 0)} {
		ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers, At: at})
		fmt.Println(at.Format(time.DateTime), ok, err)
	}
	// Output:
	// 2026-11-23 08:59:59 true <nil>
	// 2026-11-23 09:00:00 false <nil>
	// 2027-02-23 09:00:00 true <nil>
}

func ExampleUntil() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	_, err := az.Disable(ctx, authz.By("user:admin", "lost phone"), "acme", "user:alice", authz.Until(monday))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers, At: monday.Add(-time.Minute)})
	fmt.Println(d, err)
	d, err = az.Decide(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers, At: monday})
	fmt.Println(d.Allowed, err)
	// Output:
	// denied: user switched off <nil>
	// true <nil>
}

func ExampleAuthorizer_Enable() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	req := authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers}
	if _, err := az.Disable(ctx, authz.By("user:admin", "suspicious login"), "acme", "user:alice"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(az.Enforce(ctx, req))
	if _, err := az.Enable(ctx, authz.By("user:admin", "it was her"), "acme", "user:alice"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(az.Enforce(ctx, req))
	// Output:
	// false <nil>
	// true <nil>
}

// Two instances of a CRM share a store. The one hears of the other's change
// and looks.
func ExampleAuthorizer_Refresh() {
	ctx, store := context.Background(), storeOf(acme)
	here, err := authz.Open(ctx, crm, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer here.Close()
	there, err := authz.Open(ctx, crm, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer there.Close()

	req := authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers}
	fmt.Println(here.Enforce(ctx, req))
	if _, err := there.Disable(ctx, authz.By("user:admin", "suspicious login"), "acme", "user:alice"); err != nil {
		fmt.Println(err)
		return
	}
	if err := here.Refresh(ctx, "acme"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(here.Enforce(ctx, req))
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleAuthorizer_Revision() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	fmt.Println(az.Revision(ctx, "acme"))
	_, err := az.Grant(ctx, authz.By("user:admin", "new rep"), authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:rep"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(az.Revision(ctx, "acme"))
	// Output:
	// 1 <nil>
	// 2 <nil>
}

func ExampleAuthorizer_Close() {
	ctx, az := context.Background(), openAcme()
	fmt.Println(az.Close())

	ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "read", Record: hers})
	fmt.Println(ok, errors.Is(err, authz.ErrClosed))
	// Output:
	// <nil>
	// false true
}

func ExampleWithClock() {
	ctx, now := context.Background(), monday
	az := openAcme(authz.WithClock(func() time.Time { return now }))
	defer az.Close()

	// Eve fills in for a week.
	_, err := az.Grant(ctx, authz.By("user:carol", "holidays"), authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:support",
		Valid: model.Period{Until: monday.AddDate(0, 0, 7)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:eve", Action: "read", Record: hers}))
	now = now.AddDate(0, 0, 7)
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:eve", Action: "read", Record: hers}))
	// Output:
	// true <nil>
	// false <nil>
}

// customers is the database of a CRM.
type customers map[string]*authz.Record

// Records implements authz.Resolver.
func (c customers) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	fmt.Println("fetching", len(refs), "records of", tenant)
	records := make([]*authz.Record, len(refs))
	for i, ref := range refs {
		records[i] = c[ref.Type+"/"+ref.ID] // nil if there is none
	}
	return records, nil
}

func ExampleWithResolver() {
	ctx := context.Background()
	az := openAcme(authz.WithResolver(customers{"customer/42": hers, "customer/43": his}))
	defer az.Close()

	decisions, err := az.DecideAll(ctx, []authz.Request{
		{Tenant: "acme", User: "user:alice", Action: "update", Type: "customer", ID: "42"},
		{Tenant: "acme", User: "user:alice", Action: "update", Type: "customer", ID: "43"},
	})
	for _, d := range decisions {
		fmt.Println(d.Allowed)
	}
	fmt.Println(err)
	// Output:
	// fetching 2 records of acme
	// true
	// false
	// <nil>
}

func ExampleAuthorizer_Resolve() {
	ctx := context.Background()
	az := openAcme(authz.WithResolver(customers{"customer/42": hers, "customer/43": his}))
	defer az.Close()

	records, err := az.Resolve(ctx, "acme", authz.Ref{Type: "customer", ID: "43"}, authz.Ref{Type: "customer", ID: "44"})
	fmt.Println(records[0].Owners, records[1] == nil, err)
	// Output:
	// fetching 2 records of acme
	// [user:bob] true <nil>
}

func ExampleWithObserver() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{} // they differ each time
		}
		return a
	}}))
	ctx, az := context.Background(), openAcme(authz.WithObserver(authz.LogTo(log)))
	defer az.Close()

	_, _ = az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers}) // below the log's level
	_, _ = az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:bob", Action: "update", Record: hers})
	// Output:
	// level=INFO msg="authz enforce" tenant=acme user=user:bob action=update type=customer id=42 allowed=false reason="out of reach" revision=1
}

func ExampleWithPreload() {
	ctx := context.Background()
	// A tenant whose policy cannot be read is found at once, not by its first user.
	store := storeOf("beta:\n  rules:\n    - {who: role:rep, may: read, on: client}\n")
	_, err := authz.Open(ctx, crm, store, authz.WithPreload())
	fmt.Println(errors.Is(err, authz.ErrUnavailable), errors.Is(err, model.ErrUnknownType))
	// Output: true true
}

func ExampleBy() {
	ctx, store := context.Background(), storeOf(acme)
	az, err := authz.Open(ctx, crm, store, authz.WithClock(func() time.Time { return monday }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	eve := authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:rep"}
	if _, err = az.Grant(ctx, authz.By("user:admin", "ticket 82"), eve); err != nil {
		fmt.Println(err)
		return
	}
	log, err := store.Changes(ctx, "acme", 1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range log {
		fmt.Println(e.Revision, e.At.Format(time.DateTime), e.Actor, e.Reason, e.Add)
	}
	// Output: 2 2026-11-23 09:00:00 user:admin ticket 82 [g, user:eve, role:rep, acme, -]
}

func ExampleAuthorizer_Backup() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	backup, err := az.Backup(ctx, "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := az.Revoke(ctx, authz.By("user:admin", "a slip"), authz.Membership{Tenant: "acme", Member: "user:dan", Group: "role:support"}); err != nil {
		fmt.Println(err)
		return
	}
	add, remove, err := az.RestoreChanges(ctx, "acme", backup)
	fmt.Println("would add", add, "and take away", remove, err)
	rev, err := az.Restore(ctx, authz.By("user:admin", "undo a slip"), "acme", backup)
	fmt.Println(rev, err)
	// Output:
	// would add [g, user:dan, role:support, acme, -] and take away [] <nil>
	// 3 <nil>
}

// A tenant is opened for maintenance: for an hour, for support, and on the record.
func ExampleInMode() {
	ctx := context.Background()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	az, err := authz.Open(ctx, crm, storeOf(acme), authz.WithOpenLimit(2*time.Hour), authz.WithAudit(printed{}), authz.WithClock(func() time.Time { return now }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	backup, err := az.Backup(ctx, "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = az.Disable(ctx, authz.By("user:admin", "moving to the new server"), "acme", "*",
		authz.InMode(model.ModeOpen), authz.Until(now.Add(time.Hour)), authz.Except("role:support"), authz.AfterBackup(backup))
	fmt.Println(err)
	for _, user := range []string{"user:dan", "user:alice"} {
		d, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: user, Action: "update", Record: hers})
		fmt.Println(user, d, err)
	}
	now = now.Add(time.Hour)
	d, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers})
	fmt.Println("an hour later", d.Allowed, err)
	// Output:
	// <nil>
	// logged: user:dan update customer/42
	// user:dan allowed: the rules are suspended <nil>
	// user:alice denied: tenant switched <nil>
	// an hour later true <nil>
}

// printed is an audit log that prints.
type printed struct{}

func (printed) Audit(_ context.Context, e authz.AuditEntry) error {
	fmt.Printf("logged: %s %s %s/%s\n", e.User, e.Action, e.Type, e.ID)
	return nil
}

func ExampleAuthorizer_Switches() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()
	by := authz.By("user:admin", "ticket 82")
	for _, target := range []string{"user:bob", "customer/42", "customer#phone"} {
		if _, err := az.Disable(ctx, by, "acme", target, authz.Until(monday), authz.Except("net:10.0.0.0/8")); err != nil {
			fmt.Println(err)
		}
	}
	switches, err := az.Switches(ctx, "acme")
	for _, s := range switches {
		fmt.Println(s.Target, s.Mode, "until", s.Valid.Until.Format(time.DateTime), "except", s.Except)
	}
	fmt.Println(err)
	// Output:
	// customer#phone off until 2026-11-23 09:00:00 except net:10.0.0.0/8
	// customer/42 off until 2026-11-23 09:00:00 except net:10.0.0.0/8
	// user:bob off until 2026-11-23 09:00:00 except net:10.0.0.0/8
	// <nil>
}
