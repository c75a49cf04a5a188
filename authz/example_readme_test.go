package authz_test

import (
	"context"
	"fmt"
	"log"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

func Example() {
	ctx := context.Background()
	schema, err := model.ParseSchema([]byte(`
types:
  customer:
    actions: {read: read, update: write, delete: delete}
    fields: {name: open, phone: {default: masked, mask: last4}}
    hierarchy: {by: line, level: same} # superiors have what their people have
conditions: {own: own()}
`))
	if err != nil {
		log.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(`
acme:
  members: [{who: [user:alice, user:bob, user:carol], in: role:rep}]
  org:     [{who: user:alice, under: user:carol}]
  rules:   [{who: role:rep, may: [read, update], on: customer}]
  teams:   [{who: user:bob, has: read, on: customer/42, as: support}]
  fields:  [{who: role:rep, has: write, on: customer#phone, if: own}]
`))
	if err != nil {
		log.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		log.Fatal(err)
	}
	az, err := authz.Open(ctx, schema, store)
	if err != nil {
		log.Fatal(err)
	}
	defer az.Close()
	if _, err := az.Grant(ctx, authz.By("user:admin", "the first policy"), facts...); err != nil {
		log.Fatal(err)
	}
	customer42 := &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dave"} {
		d, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: user, Action: "update", Record: customer42})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user, d)
	}
	phone, err := az.FieldLevel(ctx, authz.Request{Tenant: "acme", User: "user:bob", Action: "read", Record: customer42}, "phone")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("user:bob sees the phone number:", phone)
	// Output:
	// user:alice allowed by p, role:rep, acme, customer, update, allow, - (user:alice → role:rep), owner with level full
	// user:bob denied: out of reach of p, role:rep, acme, customer, update, allow, - (user:bob → role:rep)
	// user:carol allowed by p, role:rep, acme, customer, update, allow, - (user:carol → role:rep), hierarchy with level write (user:carol → user:alice)
	// user:dave denied: no rule
	// user:bob sees the phone number: masked
}
