package adapter_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

func ExampleMemory() {
	ctx := context.Background()
	alice := model.Line{Section: model.Memberships, Values: [6]string{"user:alice", "role:rep", "acme", "-"}}
	bob := model.Line{Section: model.Memberships, Values: [6]string{"user:bob", "role:rep", "acme", "-"}}
	store, err := adapter.NewMemory(slices.Values([]model.Line{alice}))
	if err != nil {
		panic(err)
	}
	change := adapter.Change{
		Tenant: "acme", ID: "ticket 81", Base: 1, Remove: []model.Line{alice}, Add: []model.Line{bob},
		Actor: "user:admin", Reason: "Bob takes over", At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	}
	entry, err := store.Apply(ctx, change)
	fmt.Println(entry.Revision, err)

	change.ID = "ticket 82" // another change, made against a revision that has passed
	_, err = store.Apply(ctx, change)
	fmt.Println(err)

	policy, err := store.Load(ctx, "acme")
	fmt.Println(policy, err)
	// Output:
	// 2 <nil>
	// adapter: the policy has changed since
	// {2 [g, user:bob, role:rep, acme, -]} <nil>
}

func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := adapter.OpenFile(filepath.Join(dir, "policy.csv"))
	if err != nil {
		panic(err)
	}
	defer store.Close()

	_, err = store.Apply(context.Background(), adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{
		{Section: model.CustomerRules, Values: [6]string{"role:rep", "acme", "customer", "update", "allow", "own"}},
		{Section: model.Memberships, Values: [6]string{"user:alice", "role:rep", "acme", "-"}},
	}})
	if err != nil {
		panic(err)
	}
	csv, err := os.ReadFile(filepath.Join(dir, "policy.csv"))
	fmt.Print(string(csv), err)
	// Output:
	// # revision 1 of acme
	// p, role:rep, acme, customer, update, allow, own
	// g, user:alice, role:rep, acme, -
	// <nil>
}

func ExampleChange_Normal() {
	change := adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{
		{Section: model.Memberships, Values: [6]string{"user:alice", "role:rep", "beta", "-"}},
	}}
	_, err := change.Normal()
	fmt.Println(err)
	// Output: change of acme: tenant "beta": malformed: a change is of one tenant
}
