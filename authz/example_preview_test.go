package authz_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Who is concerned if Alice reports to nobody and support may no longer read customers?
func ExampleAuthorizer_Preview() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	change := authz.Change{Tenant: "acme", Remove: []authz.Fact{
		authz.OrgEdge{Tenant: "acme", Below: "user:alice", Above: "user:carol"},
		authz.CustomerRule{Tenant: "acme", Subject: "role:support", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll},
	}}
	i, err := az.Preview(ctx, change, authz.At(monday), authz.OnRecords(slices.Values([]*authz.Record{hers, his})))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("losing:", i.Losing())
	for _, d := range i.Losses {
		if d.Fields == nil {
			fmt.Println(d.People, d.Action, d.Type, "where", d.Where, "because of", d.Because)
		}
	}
	for _, r := range i.Records {
		for _, d := range r.Losses {
			fmt.Println(r.Type, r.ID, d.People, d.Action)
		}
	}
	// Output:
	// losing: [user:carol user:dan]
	// [user:carol] read customer where below before and not own and not below now because of [g2, user:alice, user:carol, acme]
	// [user:dan] read customer where all because of [p, role:support, acme, customer, read, allow, all]
	// customer 42 [user:carol user:dan] read
	// customer 43 [user:dan] read
}

// What a change of the base policy comes to in one tenant.
func ExampleInTenant() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	everywhere := authz.Change{Tenant: model.Base, Add: []authz.Fact{
		authz.CustomerRule{Tenant: model.Base, Subject: "role:support", On: model.OnType("customer"), Action: "update", Effect: model.Allow, Scope: model.ScopeAll}}}
	i, err := az.Preview(ctx, everywhere, authz.InTenant("acme"))
	fmt.Println(i.Gaining(), i.Losing(), err)
	// Output:
	// [user:dan] [] <nil>
}

// A switch has its effects when it begins and when it ends.
func ExampleLater() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	leave := model.Switch{Tenant: "acme", Target: "user:dan", Mode: model.ModeOff, Valid: model.Period{From: monday, Until: monday.AddDate(0, 0, 7)}}
	i, err := az.Preview(ctx, authz.Change{Tenant: "acme", Add: []authz.Fact{leave}}, authz.At(monday.AddDate(0, 0, -1)), authz.Later(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(i.Losses), "now")
	for _, v := range i.Later {
		fmt.Println(v.At.Format("2006-01-02"), len(v.Losses) > 0, len(v.Over) > 0)
	}
	// Output:
	// 0 now
	// 2026-11-23 true false
	// 2026-11-30 false true
}

// What a form asks before it lets Lea press the button: would it be done, if she did?
func ExampleMadeBy() {
	ctx := context.Background()
	az := openAdministered(ctx)
	defer az.Close()

	lea := authz.By("user:lea", "")
	for _, user := range []string{"user:ann", "user:eve"} {
		c := authz.Change{Tenant: "acme", Add: []authz.Fact{authz.Membership{Tenant: "acme", Member: user, Group: "role:rep"}}}
		i, err := az.Preview(ctx, c, authz.MadeBy(lea))
		if errors.Is(err, authz.ErrNotAllowed) {
			fmt.Println(user, "is for somebody else to let in")
			continue
		}
		fmt.Println(i.Gaining(), err)
	}
	// Output:
	// [user:ann] <nil>
	// user:eve is for somebody else to let in
}

// Afterwards the log tells the same.
func ExampleAuthorizer_ImpactOf() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	rev, err := az.Revoke(ctx, authz.By("user:admin", "moves to sales"), authz.Membership{Tenant: "acme", Member: "user:dan", Group: "role:support"})
	if err != nil {
		fmt.Println(err)
		return
	}
	i, err := az.ImpactOf(ctx, "acme", rev)
	fmt.Println(i.Losing(), i.Removed, err)
	// Output:
	// [user:dan] [g, user:dan, role:support, acme, -] <nil>
}

// Would Dan come in if he were a rep, next Monday?
func ExampleAuthorizer_Simulate() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	rep := authz.Membership{Tenant: "acme", Member: "user:dan", Group: "role:rep", Valid: model.Period{From: monday}}
	draft, err := az.Simulate(ctx, authz.Change{Tenant: "acme", Add: []authz.Fact{rep}})
	if err != nil {
		fmt.Println(err)
		return
	}
	req := authz.Request{Tenant: "acme", User: "user:dan", Action: "update", Type: "customer", At: monday}
	d, err := draft.Decide(ctx, req)
	fmt.Println(d, err)
	fmt.Println(az.Enforce(ctx, req))
	// Output:
	// allowed by p, role:rep, acme, customer, update, allow, - (user:dan → role:rep) <nil>
	// false <nil>
}

// Bob leaves: what he has on single records goes to Alice; his customers are the CRM's to move.
func ExampleAuthorizer_Leaving() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	plan, err := az.Leaving(ctx, "acme", "user:bob", authz.HandTo("user:alice"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range plan.Change.Remove {
		fmt.Println("-", f)
	}
	for _, f := range plan.Change.Add {
		fmt.Println("+", f)
	}
	i, err := az.Preview(ctx, plan.Change)
	fmt.Println("gaining:", i.Gaining(), "losing:", i.Losing(), err)
	rev, err := az.Apply(ctx, authz.By("user:admin", "Bob has left"), plan.Change)
	fmt.Println(rev, err)
	// Output:
	// - g, user:bob, role:rep, acme, -
	// - g2, user:bob, user:carol, acme
	// - p2, user:bob, acme, customer/42, read, helper, -
	// + p2, user:alice, acme, customer/42, read, helper, -
	// gaining: [user:alice] losing: [user:bob user:carol] <nil>
	// 3 <nil>
}

// Bob stays, and hands a customer over.
func ExampleAuthorizer_HandOver() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	plan, err := az.HandOver(ctx, "acme", "user:bob", "user:dan", authz.Handing(func(f authz.Fact) bool {
		rule, ok := f.(authz.TeamRule)
		return ok && rule.On == model.OnRecord("customer", "42")
	}))
	fmt.Println(plan.Change.Remove, plan.Change.Add, err)
	// Output:
	// [p2, user:bob, acme, customer/42, read, helper, -] [p2, user:dan, acme, customer/42, read, helper, -] <nil>
}

// Who has left may not even do what everyone may.
func ExampleStayOff() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	plan, err := az.Leaving(ctx, "acme", "user:dan", authz.StayOff())
	fmt.Println(plan.Change.Add, err)
	// Output:
	// [p4, user:dan, acme, off, -, -, -] <nil>
}

// The customers that Bob owns, in the CRM's own table.
func ExampleOwned_SQL() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	plan, err := az.Leaving(ctx, "acme", "user:bob")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range plan.Owned {
		if o.Type == "customer" {
			where, err := o.SQL(customersTable, filter.Postgres)
			fmt.Println("UPDATE customers SET owner = 'alice' WHERE", where.SQL, where.Args, err)
		}
	}
	// Output:
	// UPDATE customers SET owner = 'alice' WHERE ("customers"."tenant" = ? AND "customers"."owner" = ?) [acme bob] <nil>
}
