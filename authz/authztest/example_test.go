package authztest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authztest"
	"github.com/crmauthz/crmauthz/model"
)

// In a file of your tests: a subtest for each case of each fixture.
func ExampleRun() {
	policies := func(t *testing.T) { // func TestPolicies(t *testing.T)
		authztest.Run(t, "testdata/policies/*.yaml")
	}
	calledByGoTest(policies)
}

func calledByGoTest(func(*testing.T)) {}

// console stands in for the *testing.T of a test, so that the examples run.
type console struct {
	testing.TB
	failed bool
}

func (c *console) Helper()                           {}
func (c *console) Context() context.Context          { return context.Background() }
func (c *console) Cleanup(func())                    {}
func (c *console) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (c *console) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (c *console) Errorf(format string, args ...any) {
	c.failed = true
	first, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Println("FAIL:", first)
}

// A policy made in Go, which a test asks.
func ExampleNew() {
	t := &console{} // *testing.T
	hers := &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	az := authztest.New(t, authztest.Policy{
		Tenant: "acme",
		Schema: &authz.Schema{Types: map[string]model.Type{"customer": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
			Fields:  map[string]model.Field{"phone": {Mask: "last4"}},
		}}},
		Facts: []authz.Fact{
			model.Membership{Tenant: "acme", Member: "user:bob", Group: "role:support"},
			model.CustomerRule{Tenant: "acme", Subject: "role:support", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll},
			model.FieldRule{Tenant: "acme", Subject: "role:support", On: model.OnField("customer", "phone"), Level: model.FieldMasked, Effect: model.Allow},
		},
		Records: []*authz.Record{hers},
		Now:     time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	})
	az.Allow("user:bob", "read", hers)
	az.Deny("user:bob", "update", hers)
	az.Fields("user:bob", "read", hers, map[string]model.FieldLevel{"phone": model.FieldMasked})
	az.Sees("user:bob", "read", "customer", "42")
	fmt.Println("failed:", t.failed)

	az.Allow("user:bob", "update", hers)
	// Output:
	// failed: false
	// FAIL: user:bob update customer/42
}

// The policy of a fixture, asked more in Go.
func ExampleLoad() {
	t := &console{} // *testing.T
	az := authztest.New(t, authztest.Load(t, "testdata/support.yaml"))
	az.Allow("user:alice", "update", az.Record("customer/42"))

	_, err := az.Disable(t.Context(), authz.By("user:admin", "on holiday"), "acme", "user:alice")
	az.Deny("user:alice", "update", az.Record("customer/42"))
	fmt.Println(err, "failed:", t.failed)
	// Output:
	// <nil> failed: false
}
