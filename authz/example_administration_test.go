package authz_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// A schema with administration: its policy says who may change it.
const administeredSchema = `
types:
  customer: {actions: {read: read, update: write, delete: delete}}
conditions:
  of_admins: has(record.group) && record.group == "role:admin"
constraints:
  - {name: maker_checker, exclusive: ['role:maker', 'role:checker']}
administration: {sensitive: of_admins}
`

// Ada administers, Lea puts the people of her unit into the role rep, and reps share the customers that they own.
const administeredPolicy = `
acme:
  rules:
    - {who: user:ada, may: administer, on: permission, scope: all}
    - {who: user:lea, may: [grant, revoke], on: 'permission@unit:apac', scope: all}
    - {who: role:rep, may: [grant, revoke], on: permission, scope: own}
    - {who: role:rep, may: [read, update], on: customer}
  members:
    - {who: [user:lea, user:rob], in: role:rep}
    - {who: [user:rob, user:ann], in: unit:apac}
`

// ofRob says that every customer is Rob's.
type ofRob struct{}

func (ofRob) Records(_ context.Context, _ string, refs []authz.Ref) (records []*model.Record, err error) {
	for _, r := range refs {
		records = append(records, &model.Record{Type: r.Type, ID: r.ID, Owners: []string{"user:rob"}})
	}
	return records, nil
}

func openAdministered(ctx context.Context) *authz.Authorizer {
	schema, err := model.ParseSchema([]byte(administeredSchema))
	if err != nil {
		panic(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		panic(err)
	}
	az, err := authz.Open(ctx, schema, store, authz.WithResolver(ofRob{}))
	if err != nil {
		panic(err)
	}
	facts, err := model.ParsePolicy([]byte(administeredPolicy))
	if err != nil {
		panic(err)
	}
	if _, err := az.Grant(ctx, authz.Operator("setup", "the first policy"), facts...); err != nil {
		panic(err)
	}
	return az
}

// The first policy is the operator's; from then on those whom it names change it.
func ExampleOperator() {
	ctx := context.Background()
	az := openAdministered(ctx)
	ann := authz.Membership{Tenant: "acme", Member: "user:ann", Group: "role:rep"}
	_, err := az.Grant(ctx, authz.By("user:lea", "she starts today"), ann)
	fmt.Println(err)
	_, err = az.Grant(ctx, authz.By("user:lea", ""), authz.CustomerRule{
		Tenant: "acme", Subject: "user:ann", On: model.OnType("customer"), Action: "delete", Effect: model.Allow,
	})
	fmt.Println(errors.Is(err, authz.ErrExceeds))
	_, err = az.Disable(ctx, authz.By("user:ada", ""), "acme", "user:ada")
	fmt.Println(errors.Is(err, authz.ErrLastAdministrator))
	// Output:
	// <nil>
	// true
	// true
}

// A rep shares what he owns, up to what he has himself; of what is not his own he may not.
func ExampleNotAllowedError() {
	ctx := context.Background()
	az := openAdministered(ctx)
	share := authz.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnRecord("customer", "42"), Level: model.LevelWrite}
	_, err := az.Grant(ctx, authz.By("user:rob", "while I am away"), share)
	fmt.Println(err)
	share.On.ID = ""
	_, err = az.Grant(ctx, authz.By("user:rob", ""), share)
	var refused *authz.NotAllowedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Actor, refused.Verb, refused.Fact)
		fmt.Println(refused.Detail)
	}
	// Output:
	// <nil>
	// user:rob grant p2, user:ann, acme, customer, write, -, -
	// grant permission/customer in unit:apac is denied: out of reach of p, role:rep, acme, permission, grant, allow, own (user:rob → role:rep)
}

// Nobody comes into two roles that exclude each other, whoever changes it.
func ExampleConstraintError() {
	ctx := context.Background()
	az := openAdministered(ctx)
	_, err := az.Grant(ctx, authz.Operator("import", "from the old system"),
		authz.Membership{Tenant: "acme", Member: "user:ann", Group: "role:maker"},
		authz.Membership{Tenant: "acme", Member: "role:clerk", Group: "role:checker"},
		authz.Membership{Tenant: "acme", Member: "user:ann", Group: "role:clerk"})
	var violated *authz.ConstraintError
	if errors.As(err, &violated) {
		fmt.Println(violated)
	}
	// Output: constraint maker_checker: the groups exclude each other: user:ann → role:maker and user:ann → role:clerk → role:checker
}
