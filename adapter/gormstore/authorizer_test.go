package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// customerRow is a row of the application's own, in the same database.
type customerRow struct {
	ID string `gorm:"primaryKey;size:40"`
}

var readCustomers = &authz.Schema{Types: map[string]model.Type{
	"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}},
}}

func rep(name string) []authz.Fact {
	return []authz.Fact{
		authz.Membership{Tenant: "acme", Member: "user:" + name, Group: "role:rep"},
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow},
	}
}

func onTeam(name, id string) authz.Fact {
	return authz.TeamRule{Tenant: "acme", Subject: "user:" + name, On: model.OnRecord("customer", id), Level: model.LevelRead}
}

func readOf(user, id string) authz.Request {
	return authz.Request{Tenant: "acme", User: "user:" + user, Action: "read", Record: &authz.Record{Type: "customer", ID: id}}
}

func wantRead(t *testing.T, az *authz.Authorizer, user, id string, want bool) {
	t.Helper()
	ok, err := az.Enforce(t.Context(), readOf(user, id))
	check(t, err)
	if ok != want {
		t.Errorf("%s reads customer %s: %v, want %v", user, id, ok, want)
	}
}

var errNoCustomer = errors.New("the customer is not to be")

func TestAuthorizer_grants_with_the_customer_or_not_at_all(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		ctx, by := t.Context(), authz.By("user:admin", "new customer")
		check(t, d.Connect(t).AutoMigrate(&customerRow{}))
		store := d.open(t)
		az, err := authz.Open(ctx, readCustomers, store)
		check(t, err)
		_, err = az.Grant(ctx, by, rep("bob")...)
		check(t, err)

		for _, c := range []struct {
			id   string
			fail error
		}{{"42", nil}, {"43", errNoCustomer}} {
			err := store.Transaction(ctx, func(ctx context.Context, tx *gorm.DB) error {
				if err := tx.Create(&customerRow{c.id}).Error; err != nil {
					return err
				}
				if _, err := az.Grant(ctx, by, onTeam("bob", c.id)); err != nil {
					return err
				}
				if _, err := az.Grant(ctx, by, onTeam("bob", c.id+"-sub")); err != nil { // sees the first one
					return err
				}
				wantRead(t, az, "bob", c.id, false) // not before the commit
				return c.fail
			})
			if !errors.Is(err, c.fail) {
				t.Fatalf("got %v, want %v", err, c.fail)
			}
			wantRead(t, az, "bob", c.id, c.fail == nil)
			wantRead(t, az, "bob", c.id+"-sub", c.fail == nil)
		}

		// Closed and opened again, it answers the same.
		check(t, az.Close())
		az, err = authz.Open(ctx, readCustomers, store)
		check(t, err)
		defer az.Close()
		wantRead(t, az, "bob", "42", true)
		wantRead(t, az, "bob", "43", false)
	})
}

// Transactions that each grant more than once, and grants outside of any, wait
// for each other's database locks, but never for ever.
func TestAuthorizer_grants_at_once_in_and_out_of_transactions(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		by := authz.By("user:admin", "all at once")
		store := d.open(t)
		az, err := authz.Open(ctx, readCustomers, store)
		check(t, err)
		defer az.Close()
		_, err = az.Grant(ctx, by, rep("bob")...)
		check(t, err)

		const each = 5
		var all sync.WaitGroup
		for w := range 3 {
			all.Go(func() {
				for i := range each {
					if err := store.Transaction(ctx, func(ctx context.Context, _ *gorm.DB) error {
						for part := range 2 {
							if _, err := az.Grant(ctx, by, onTeam("bob", fmt.Sprintf("t%d-%d-%d", w, i, part))); err != nil {
								return err
							}
						}
						return nil
					}); err != nil {
						t.Errorf("transaction %d of %d: %v", i, w, err)
					}
				}
			})
			all.Go(func() {
				for i := range each {
					if _, err := az.Grant(ctx, by, onTeam("bob", fmt.Sprintf("g%d-%d", w, i))); err != nil {
						t.Errorf("grant %d of %d: %v", i, w, err)
					}
				}
			})
		}
		all.Wait()
		for w := range 3 {
			for i := range each {
				wantRead(t, az, "bob", fmt.Sprintf("g%d-%d", w, i), true)
				wantRead(t, az, "bob", fmt.Sprintf("t%d-%d-0", w, i), true)
				wantRead(t, az, "bob", fmt.Sprintf("t%d-%d-1", w, i), true)
			}
		}
	})
}
