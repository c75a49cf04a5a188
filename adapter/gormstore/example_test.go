package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

// must is for examples, which have nobody to return an error to.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func Example() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "gormstore"))
	defer os.RemoveAll(dir)

	store := must(gormstore.Open(ctx, filepath.Join(dir, "policy.db")))
	defer store.Close()
	rep := must(model.Encode(model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"}))
	entry := must(store.Apply(ctx, adapter.Change{
		Tenant: "acme", ID: "ticket 81", Add: []model.Line{rep}, Actor: "user:admin", Reason: "new hire",
	}))
	fmt.Println("revision", entry.Revision)
	fmt.Println(must(store.Load(ctx, "acme")).Lines)
	for _, e := range must(store.Changes(ctx, "acme", 0, 0)) {
		fmt.Println(e.Actor, e.Reason, e.Add)
	}
	for tenant, err := range store.Tenants(ctx) {
		fmt.Println(tenant, err)
	}
	// Output:
	// revision 1
	// [g, user:alice, role:rep, acme, -]
	// user:admin new hire [g, user:alice, role:rep, acme, -]
	// acme <nil>
}

// The tables are made when the program is deployed; the program itself has no
// right to change them.
func ExampleNew() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "gormstore"))
	defer os.RemoveAll(dir)
	// Or postgres.Open, or mysql.Open, of GORM's drivers.
	db := must(gorm.Open(sqlite.Open(filepath.Join(dir, "crm.db")+"?_pragma=journal_mode(WAL)"), &gorm.Config{Logger: logger.Discard}))
	defer must(db.DB()).Close()

	_, err := gormstore.New(ctx, db, gormstore.WithoutMigration())
	fmt.Println(err)

	fmt.Println(gormstore.Migrate(ctx, db))
	store, err := gormstore.New(ctx, db, gormstore.WithoutMigration())
	fmt.Println(err)
	fmt.Println(must(store.Load(ctx, "acme")).Revision)
	// Output:
	// gormstore: open: the schema does not fit: there is no table casbin_rule
	// <nil>
	// <nil>
	// 0
}

// A customer and the right to it are made together, or neither is.
func ExampleStore_Transaction() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "gormstore"))
	defer os.RemoveAll(dir)
	store := must(gormstore.Open(ctx, filepath.Join(dir, "crm.db")))
	defer store.Close()
	stop := store.Notify(func(_ context.Context, tenant string) error {
		fmt.Println(tenant, "has changed")
		return nil
	})
	defer stop()

	makeCustomer := func(name string) error {
		return store.Transaction(ctx, func(ctx context.Context, tx *gorm.DB) error {
			if err := tx.Exec("CREATE TABLE IF NOT EXISTS customers (name text)").Error; err != nil {
				return err
			}
			if err := tx.Exec("INSERT INTO customers VALUES (?)", name).Error; err != nil {
				return err
			}
			policy, err := store.Load(ctx, "acme")
			if err != nil {
				return err
			}
			rule := model.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", name), Level: model.LevelRead}
			_, err = store.Apply(ctx, adapter.Change{Tenant: "acme", ID: name, Base: policy.Revision, Add: []model.Line{must(model.Encode(rule))}})
			if err == nil && name == "Initrode" {
				err = errors.New("a competitor")
			}
			return err
		})
	}
	fmt.Println(makeCustomer("Initech"))
	fmt.Println(makeCustomer("Initrode"))
	fmt.Println(must(store.Load(ctx, "acme")))
	// Output:
	// acme has changed
	// <nil>
	// gormstore: transaction: a competitor
	// {1 [p2, user:bob, acme, customer/Initech, read, -, -]}
}

// Join is for a transaction that the program begins and commits itself.
func ExampleStore_Join() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "gormstore"))
	defer os.RemoveAll(dir)
	db := must(gorm.Open(sqlite.Open(filepath.Join(dir, "crm.db")), &gorm.Config{Logger: logger.Discard}))
	defer must(db.DB()).Close()
	store := must(gormstore.New(ctx, db))

	tx := db.Begin()
	pending, committed := store.Join(ctx, tx)
	rep := must(model.Encode(model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"}))
	must(store.Apply(pending, adapter.Change{Tenant: "acme", ID: "ticket 81", Add: []model.Line{rep}}))
	fmt.Println(tx.Commit().Error)
	fmt.Println(committed(ctx))
	fmt.Println(must(store.Load(ctx, "acme")))
	// Output:
	// <nil>
	// <nil>
	// {1 [g, user:alice, role:rep, acme, -]}
}
