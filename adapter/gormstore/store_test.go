package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/adaptertest"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

func TestStore_keeps_the_contract(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			databases.Need(t, kind)
			reopen := map[adapter.Store]func() *gormstore.Store{}
			keep := func(open func() *gormstore.Store) adapter.Store {
				s := open()
				reopen[s] = open
				return s
			}
			adaptertest.Run(t, adaptertest.Opener{
				New: func(t *testing.T) adapter.Store {
					d := newDatabase(t, kind)
					if kind == "sqlite" {
						return keep(func() *gormstore.Store { return d.open(t) })
					}
					db := d.Connect(t) // a connection costs more than all that is tested
					return keep(func() *gormstore.Store { return newStore(t, db) })
				},
				Reopen: func(t *testing.T, old adapter.Store) adapter.Store {
					check(t, old.(*gormstore.Store).Close())
					return keep(reopen[old])
				},
			})
		})
	}
}

func newStore(t *testing.T, db *gorm.DB, opts ...gormstore.Option) *gormstore.Store {
	t.Helper()
	s, err := gormstore.New(t.Context(), db, opts...)
	check(t, err)
	return s
}

// The contract suite does not look into the lines of a big change's entry.
func TestStore_logs_every_line_of_a_big_change(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		s := d.open(t)
		var first, second []model.Line
		for i := range 2500 {
			first = append(first, member("acme", fmt.Sprint("a", i), "rep"))
			second = append(second, member("acme", fmt.Sprint("b", i), "rep"))
		}
		apply(t, s, adapter.Change{Tenant: "acme", Add: first})
		want := apply(t, s, adapter.Change{Tenant: "acme", ID: "big", Remove: first, Add: second})
		got, err := s.Changes(t.Context(), "acme", 1, 0)
		check(t, err)
		if diff := cmp.Diff([]adapter.Entry{want}, got); diff != "" {
			t.Errorf("Changes mismatch (-want +got):\n%s", diff)
		}
		replayed, err := s.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "big"})
		check(t, err)
		if diff := cmp.Diff(want, replayed); diff != "" {
			t.Errorf("Apply with the same ID mismatch (-want +got):\n%s", diff)
		}
	})
}

func TestStores_on_one_database_lose_no_update(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		const writers, each = 4, 15
		stores := []*gormstore.Store{d.open(t), d.open(t)}
		var all []model.Line
		var group sync.WaitGroup
		for w := range writers {
			for i := range each {
				all = append(all, member("acme", fmt.Sprintf("w%d-%d", w, i), "rep"))
			}
			mine := all[w*each:]
			group.Go(func() {
				for i, l := range mine {
					if err := insist(t.Context(), stores[(w+i)%2], l); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		for _, s := range stores {
			want(t, s, "acme", writers*each, all...)
			log, err := s.Changes(t.Context(), "acme", 0, 0)
			check(t, err)
			for i, e := range log {
				if e.Base != model.Revision(i) || len(e.Add) != 1 || len(e.Remove) != 0 {
					t.Fatalf("entry %d leads from revision %d with %d lines", i, e.Base, len(e.Add))
				}
			}
		}
	})
}

// A commit that finds the database busy would leave the connection in its
// transaction: so SQLite has to keep a write-ahead log, whatever the caller set.
func TestStores_on_SQLite_as_it_comes_lose_no_update(t *testing.T) {
	path := newDatabase(t, "sqlite").Name
	var stores []*gormstore.Store
	for range 2 {
		db, err := gorm.Open(sqlite.Open("file:"+(&url.URL{Path: path}).EscapedPath()), &gorm.Config{Logger: logger.Discard})
		check(t, err)
		if len(stores) == 0 {
			if _, err := gormstore.New(t.Context(), db, gormstore.WithoutMigration()); !errors.Is(err, gormstore.ErrSchema) {
				t.Errorf("New without a write-ahead log: %v; want ErrSchema", err)
			}
		}
		stores = append(stores, newStore(t, db))
		pool, err := db.DB()
		check(t, err)
		defer pool.Close()
	}
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 15 {
				if err := insist(t.Context(), stores[(w+i)%2], member("acme", fmt.Sprintf("w%d-%d", w, i), "rep")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if now := load(t, stores[0], "acme"); now.Revision != 60 || len(now.Lines) != 60 {
		t.Errorf("60 changes led to revision %d with %d lines", now.Revision, len(now.Lines))
	}
}

// insist adds one line, loading anew whenever another writer was faster.
func insist(ctx context.Context, s *gormstore.Store, l model.Line) error {
	for {
		now, err := s.Load(ctx, l.Tenant())
		if err != nil {
			return err
		}
		_, err = s.Apply(ctx, adapter.Change{Tenant: l.Tenant(), ID: l.Values[0], Base: now.Revision, Add: []model.Line{l}})
		if !errors.Is(err, adapter.ErrConflict) {
			return err
		}
	}
}

func TestStore_made_twice_at_once_makes_its_tables_once(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		var group sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			db := d.Connect(t)
			group.Go(func() { _, errs[i] = gormstore.New(t.Context(), db) })
		}
		group.Wait()
		check(t, errors.Join(errs...))
	})
}

func TestStore_without_migration_makes_nothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		_, err := gormstore.New(t.Context(), db, gormstore.WithoutMigration())
		if !errors.Is(err, gormstore.ErrSchema) || db.Migrator().HasTable("casbin_rule") {
			t.Fatalf("New without tables: %v; want ErrSchema, and no table", err)
		}
		check(t, gormstore.Migrate(t.Context(), db))
		s := newStore(t, db, gormstore.WithoutMigration())
		apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{member("acme", "alice", "rep")}})
		want(t, s, "acme", 1, member("acme", "alice", "rep"))
		drop := "DROP INDEX idx_casbin_rule_v1"
		if d.Kind == "mysql" {
			drop += " ON casbin_rule"
		}
		execSQL(t, db, drop)
		if _, err := gormstore.New(t.Context(), db, gormstore.WithoutMigration()); !errors.Is(err, gormstore.ErrSchema) {
			t.Errorf("New without an index: %v; want ErrSchema", err)
		}
	})
}

func TestStore_refuses_a_101st_character_whatever_the_database_would_do(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		if d.Kind == "mysql" {
			d.Name += "?sql_mode=%27%27" // as it comes, MySQL cuts the value and says nothing
		}
		s := d.open(t)
		l := member("acme", "alice", "rep")
		l.Values[0] = "user:" + strings.Repeat("é", 96)
		_, err := s.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{l}})
		if !errors.Is(err, model.ErrTooLong) {
			t.Errorf("Apply: %v; want ErrTooLong", err)
		}
		want(t, s, "acme", 0)
		l.Values[0] = "user:" + strings.Repeat("é", 95)
		apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{l}})
		want(t, s, "acme", 1, l)
	})
}

func TestStore_says_which_operation_failed(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		s := newStore(t, db)
		pool, err := db.DB()
		check(t, err)
		check(t, pool.Close())
		wantOps(t, s, nil)
	})
}

func TestStore_is_closed_by_Close(t *testing.T) {
	s := newDatabase(t, "sqlite").open(t)
	check(t, s.Close())
	wantOps(t, s, adapter.ErrClosed)
	check(t, s.Close())
}

// wantOps fails unless every operation returns an *Error that names it and
// matches cause, if one is given.
func wantOps(t *testing.T, s *gormstore.Store, cause error) {
	t.Helper()
	ctx := t.Context()
	_, load := s.Load(ctx, "acme")
	_, apply := s.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "alice", "rep")}})
	_, changes := s.Changes(ctx, "acme", 0, 0)
	var tenants error
	for _, tenants = range s.Tenants(ctx) {
	}
	transaction := s.Transaction(ctx, func(context.Context, *gorm.DB) error { return nil })
	for op, err := range map[string]error{"load": load, "apply": apply, "changes": changes, "tenants": tenants, "transaction": transaction} {
		failed, ok := errors.AsType[*gormstore.Error](err)
		if !ok || failed.Op != op || cause != nil && !errors.Is(err, cause) {
			t.Errorf("%s: %v; want an *Error of it that matches %v", op, err, cause)
			continue
		}
		if ofTenant := op == "load" || op == "apply" || op == "changes"; ofTenant != (failed.Tenant == "acme") {
			t.Errorf("%s: the error names the tenant %q", op, failed.Tenant)
		}
	}
}

func TestOpen_refuses_what_is_no_file(t *testing.T) {
	for _, path := range []string{"", ":memory:", t.TempDir(), t.TempDir() + "/missing/a.db"} {
		s, err := gormstore.Open(t.Context(), path)
		if failed, ok := errors.AsType[*gormstore.Error](err); s != nil || !ok || failed.Op != "open" {
			t.Errorf("Open(%q) = %v, %v; want an *Error", path, s, err)
		}
	}
}

func TestNew_refuses_a_transaction(t *testing.T) {
	tx := newDatabase(t, "sqlite").Connect(t).Begin()
	defer tx.Rollback()
	if _, err := gormstore.New(t.Context(), tx); !errors.Is(err, gormstore.ErrDatabase) {
		t.Errorf("New: %v; want ErrDatabase", err)
	}
}

func TestApply_waits_for_another_writer_no_longer_than_its_context(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		s := d.open(t)
		apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{member("acme", "alice", "rep")}})
		other := d.Connect(t).Begin()
		execSQL(t, other, "UPDATE crmauthz_tenants SET revision = revision + 0 WHERE tenant = 'acme'")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		bob := adapter.Change{Tenant: "acme", ID: "2", Base: 1, Add: []model.Line{member("acme", "bob", "rep")}}
		_, err := s.Apply(ctx, bob)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
			t.Errorf("Apply after %v: %v; want the context's error", took, err)
		}
		check(t, other.Rollback().Error)
		want(t, s, "acme", 1, member("acme", "alice", "rep"))
		apply(t, s, bob)
		want(t, s, "acme", 2, member("acme", "alice", "rep"), member("acme", "bob", "rep"))
	})
}
