package casbinadapter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/casbinadapter"
	"github.com/crmauthz/crmauthz/model"
)

func ExampleNewStore() {
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "policy.csv")
	if err := os.WriteFile(path, []byte("g, user:alice, role:rep, acme, -\n"), 0o600); err != nil {
		panic(err)
	}
	ctx := context.Background()
	store, err := casbinadapter.NewStore(ctx, fileadapter.NewAdapter(path)) // or any other of Casbin's adapters
	if err != nil {
		panic(err)
	}
	policy, err := store.Load(ctx, "acme")
	fmt.Println(policy, err)

	_, err = store.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Base: 1, Remove: policy.Lines})
	fmt.Println(errors.Is(err, casbinadapter.ErrReadOnly))
	// Output:
	// {1 [g, user:alice, role:rep, acme, -]} <nil>
	// true
}

func ExampleNewAdapter() {
	store, err := adapter.NewMemory(slices.Values([]model.Line{
		{Section: model.CustomerRules, Values: [6]string{"role:rep", "acme", "customer", "read", "allow", "-"}},
	}))
	if err != nil {
		panic(err)
	}
	m, err := casbinmodel.NewModelFromString(casbinText)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	a := casbinadapter.NewAdapter(ctx, store, casbinadapter.Tenants("acme"), casbinadapter.By("user:admin", "ticket 81"))
	enforcer, err := casbin.NewEnforcer(m, a)
	if err != nil {
		panic(err)
	}
	if _, err := enforcer.AddGroupingPolicy("user:alice", "role:rep", "acme", "-"); err != nil {
		panic(err)
	}
	fmt.Println(enforcer.Enforce("user:alice", "acme", "customer", "read"))

	log, err := store.Changes(ctx, "acme", 1, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println(log[0].Actor, log[0].Reason, log[0].Add)
	// Output:
	// true <nil>
	// user:admin ticket 81 [g, user:alice, role:rep, acme, -]
}
