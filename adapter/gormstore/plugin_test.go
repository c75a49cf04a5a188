package gormstore_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

var errGuarded = errors.New("refused by a plugin")

// guard is a plugin that refuses every statement.
type guard struct{}

func (guard) Name() string { return "guard" }

func (guard) Initialize(db *gorm.DB) error {
	refuse := func(db *gorm.DB) { _ = db.AddError(errGuarded) }
	on := db.Callback()
	return errors.Join(
		on.Create().Before("*").Register("guard", refuse),
		on.Query().Before("*").Register("guard", refuse),
		on.Update().Before("*").Register("guard", refuse),
		on.Delete().Before("*").Register("guard", refuse),
		on.Row().Before("*").Register("guard", refuse),
		on.Raw().Before("*").Register("guard", refuse))
}

// guarded is a handle with the plugin, and one without it, on the database.
func guarded(t *testing.T, d database) (guarded, bare *gorm.DB) {
	t.Helper()
	guarded, bare = d.Connect(t), d.Connect(t)
	check(t, bare.AutoMigrate(&customer{}))
	check(t, guarded.Use(guard{}))
	if err := guarded.Exec("SELECT 1").Error; !errors.Is(err, errGuarded) {
		t.Fatalf("the plugin lets SQL pass: %v", err)
	}
	return guarded, bare
}

func TestPlugins_do_not_disturb_the_store(t *testing.T) {
	for name, config := range map[string]*gorm.Session{"plain": {}, "prepared": {PrepareStmt: true}, "with_hooks_skipped": {SkipHooks: true}} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, d database) {
				db, _ := guarded(t, d)
				db = db.Session(config)
				check(t, gormstore.Migrate(t.Context(), db))
				s := newStore(t, db, gormstore.WithoutMigration())
				apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{alice, bob}})
				apply(t, s, adapter.Change{Tenant: "acme", Remove: []model.Line{bob}})
				want(t, s, "acme", 2, alice)
				log, err := s.Changes(t.Context(), "acme", 0, 0)
				check(t, err)
				if len(log) != 2 {
					t.Errorf("the log has %d entries, want 2", len(log))
				}
				for tenant, err := range s.Tenants(t.Context()) {
					check(t, err)
					if tenant != "acme" {
						t.Errorf("tenant %q", tenant)
					}
				}
			})
		})
	}
}

func TestPlugins_do_not_disturb_the_store_in_a_callers_transaction(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, _ := guarded(t, d)
		s := newStore(t, db)
		for _, end := range []func(*gorm.DB) *gorm.DB{(*gorm.DB).Rollback, (*gorm.DB).Commit} {
			tx := db.Begin()
			check(t, tx.Error)
			ctx, _ := s.Join(t.Context(), tx)
			_, err := s.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{alice}})
			check(t, err)
			want(t, s, "acme", 0) // outside
			check(t, end(tx).Error)
		}
		want(t, s, "acme", 1, alice)
	})
}

func TestTransaction_keeps_the_plugins_of_the_caller(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, bare := guarded(t, d)
		s := newStore(t, db)
		err := s.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
			if _, err := s.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{alice}}); err != nil {
				return err
			}
			return tx.Create(&customer{"Initech"}).Error
		})
		if !errors.Is(err, errGuarded) {
			t.Errorf("Transaction: %v; want the plugin's error", err)
		}
		if n := count(t, bare, "SELECT COUNT(*) FROM customers"); n != 0 {
			t.Errorf("%d customers were made past the plugin", n)
		}
		want(t, s, "acme", 0)
	})
}
