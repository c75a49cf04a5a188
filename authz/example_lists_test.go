package authz_test

import (
	"context"
	"fmt"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Beside the policy of the examples: Bob helps with customer 42, Erin is in marketing, for the
// EU only, and Frank is an outsider with two customers.
var lists = []authz.Fact{
	authz.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelRead, As: "helper"},
	authz.Membership{Tenant: "acme", Member: "user:erin", Group: "role:marketing"},
	authz.CustomerRule{Tenant: "acme", Subject: "role:marketing", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: "eu_only"},
	authz.CustomerRule{Tenant: "acme", Subject: "user:frank", On: model.OnRecord("customer", "42"), Action: "read", Effect: model.Allow},
	authz.CustomerRule{Tenant: "acme", Subject: "user:frank", On: model.OnRecord("customer", "77"), Action: "read", Effect: model.Allow},
}

// openLists opens the policy of the examples with what they need for lists.
func openLists() *authz.Authorizer {
	az := openAcme()
	must1(az.Grant(context.Background(), authz.By("user:admin", "lists"), lists...))
	return az
}

// customersTable says where the CRM keeps what decisions ask of customers.
var customersTable = &filter.Mapping{
	Type: "customer", Table: "customers", Tenant: "tenant",
	ID:         filter.Column{Name: "id", Kind: filter.IntegerColumn},
	Owners:     []filter.Owners{{Kind: model.User, Column: filter.Column{Name: "owner"}}},
	NoUnit:     true,
	NoParent:   true,
	Attributes: map[string]filter.Attribute{"region": {Type: model.AttrString, Column: "region"}},
}

func ExampleAuthorizer_Filter() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:erin", "user:mallory"} {
		f, err := az.Filter(ctx, authz.Query{Tenant: "acme", User: user, Action: "read", Type: "customer"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(user, "reads customers with", f)
	}
	// Output:
	// user:alice reads customers with owner in (user:alice)
	// user:bob reads customers with owner in (user:bob) or id in (42)
	// user:carol reads customers with owner in (user:carol) or owner in (user:alice, user:bob)
	// user:dan reads customers with true
	// user:erin reads customers with true(region = "EU") or true(region = "EU") and owner in (user:erin)
	// user:mallory reads customers with false
}

func ExampleFilter_SQL() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	f, err := az.Filter(ctx, authz.Query{Tenant: "acme", User: "user:bob", Action: "read", Type: "customer"})
	if err != nil {
		fmt.Println(err)
		return
	}
	where, err := f.SQL(customersTable, filter.Postgres)
	if err != nil {
		fmt.Println(err)
		return
	}
	where = where.Numbered(1) // for database/sql; GORM takes ? as it is
	fmt.Println("SELECT name FROM customers WHERE", where.SQL, where.Args)
	// Output:
	// SELECT name FROM customers WHERE ("customers"."tenant" = $1 AND ("customers"."owner" = $2 OR "customers"."id" = CAST($3 AS bigint))) [acme bob 42]
}

func ExampleFilter_IDs() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	for _, user := range []string{"user:frank", "user:alice"} {
		f, err := az.Filter(ctx, authz.Query{Tenant: "acme", User: user, Action: "read", Type: "customer"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(f.IDs())
	}
	// Output:
	// [42 77] true
	// [] false
}

// A page that lists thousands keeps the memory for the next one.
func ExampleFilter_AppendIDs() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	var ids []string
	for range 2 {
		f, err := az.Filter(ctx, authz.Query{Tenant: "acme", User: "user:frank", Action: "read", Type: "customer"})
		if err != nil {
			fmt.Println(err)
			return
		}
		ids, _ = f.AppendIDs(ids[:0])
		fmt.Println(ids)
	}
	// Output:
	// [42 77]
	// [42 77]
}

// A condition that has no form in a database is marked check-only. What it might decide is in the
// filter, and each record is asked.
func ExampleFilter_Match() {
	ctx := context.Background()
	schema, err := model.ParseSchema([]byte(`
types: {customer: {actions: {read: read}, attributes: {region: string}}}
conditions: {short: size(record.region) < 3}
check_only: [short]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	az, err := authz.Open(ctx, schema, storeOf(`acme: {rules: [{who: user:alice, may: read, on: customer, scope: all, if: short}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	f, err := az.Filter(ctx, authz.Query{Tenant: "acme", User: "user:alice", Action: "read", Type: "customer"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f, f.Complete())
	for _, region := range []string{"EU", "APAC"} {
		match, err := f.Match(&authz.Record{Type: "customer", ID: "1", Attrs: map[string]any{"region": region}})
		fmt.Println(region, match, err)
	}
	// Output:
	// true, perhaps fewer false
	// EU true <nil>
	// APAC false <nil>
}

func ExampleAuthorizer_WhoCan() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	who, err := az.WhoCan(ctx, authz.WhoQuery{Tenant: "acme", Action: "read", Record: hers})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range who.People {
		fmt.Println(p.User, p.Decision)
	}
	fmt.Println("everyone:", who.Everyone, "complete:", who.Complete)
	// Output:
	// user:alice allowed by p, role:rep, acme, customer, read, allow, - (user:alice → role:rep), owner with level full
	// user:bob allowed by p, role:rep, acme, customer, read, allow, - (user:bob → role:rep), team rule with level read by p2, user:bob, acme, customer/42, read, helper, -
	// user:carol allowed by p, role:rep, acme, customer, read, allow, - (user:carol → role:rep), hierarchy with level read (user:carol → user:alice)
	// user:dan allowed by p, role:support, acme, customer, read, allow, all (user:dan → role:support), scope all
	// user:frank allowed by p, user:frank, acme, customer/42, read, allow, -
	// everyone: false complete: true
}

func ExampleAuthorizer_WhatCan() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	what, err := az.WhatCan(ctx, authz.Query{Tenant: "acme", User: "user:bob"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("in", what.Groups)
	for _, r := range what.Reaches {
		fmt.Println(r)
	}
	// Output:
	// in [role:rep]
	// read customer: owner in (user:bob) or id in (42)
	// update customer: owner in (user:bob)
}

func ExampleViewer_FieldsOfList() {
	ctx, az := context.Background(), openLists()
	defer az.Close()

	for _, user := range []string{"user:alice", "user:dan"} {
		viewer, err := az.For(ctx, "acme", user)
		if err != nil {
			fmt.Println(err)
			return
		}
		f, err := viewer.FieldsOfList("read", "customer")
		if err != nil {
			fmt.Println(err)
			return
		}
		// What all records on her list show her may order the list.
		fmt.Println(user, f.Level("phone"), f.CheckQuery(authz.FieldQuery{Sort: []string{"name", "phone"}}))
	}
	// Output:
	// user:alice read <nil>
	// user:dan masked authz: query of customer: a field is not open to the user: phone
}
