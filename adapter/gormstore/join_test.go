package gormstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

// customer is a table of the caller's.
type customer struct {
	Name string `gorm:"primaryKey;size:100"`
}

var alice, bob = member("acme", "alice", "rep"), member("acme", "bob", "rep")

// crm is a store beside a caller's table, and what it told its subscriber.
type crm struct {
	*gormstore.Store
	db   *gorm.DB // a connection of its own
	mu   sync.Mutex
	told []string
}

func newCRM(t *testing.T, d database) *crm {
	t.Helper()
	c := &crm{Store: d.open(t), db: d.Connect(t)}
	check(t, c.db.AutoMigrate(&customer{}))
	stop := c.Notify(func(ctx context.Context, tenant string) error {
		if adapter.Pending(ctx) {
			t.Error("the subscriber is sent into a transaction that is over")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = append(c.told, tenant)
		return nil
	})
	t.Cleanup(stop)
	return c
}

// wantAll fails unless the customers, the tenant's lines and what was told are these.
func (c *crm) wantAll(t *testing.T, customers int64, revision model.Revision, told []string, lines ...model.Line) {
	t.Helper()
	if got := count(t, c.db, "SELECT COUNT(*) FROM customers"); got != customers {
		t.Errorf("%d customers, want %d", got, customers)
	}
	want(t, c.Store, "acme", revision, lines...)
	log, err := c.Changes(t.Context(), "acme", 0, 0)
	check(t, err)
	if len(log) != int(revision) {
		t.Errorf("the log has %d entries, want %d", len(log), revision)
	}
	if diff := cmp.Diff(told, c.told); diff != "" {
		t.Errorf("told tenants mismatch (-want +got):\n%s", diff)
	}
}

// addWithin adds a line in the transaction of a context.
func (c *crm) addWithin(ctx context.Context, l model.Line) error {
	now, err := c.Load(ctx, "acme")
	if err != nil {
		return err
	}
	_, err = c.Apply(ctx, adapter.Change{Tenant: "acme", ID: l.Values[0], Base: now.Revision, Add: []model.Line{l}})
	return err
}

func TestTransaction_commits_a_grant_with_the_customer(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		c := newCRM(t, d)
		check(t, c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
			check(t, tx.Create(&customer{"Initech"}).Error)
			if !adapter.Pending(ctx) {
				t.Error("the context is not marked as pending")
			}
			check(t, c.addWithin(ctx, alice))
			check(t, c.addWithin(ctx, bob))
			inside, err := c.Load(ctx, "acme")
			check(t, err)
			if diff := cmp.Diff(adapter.Snapshot{Revision: 2, Lines: []model.Line{alice, bob}}, inside, sameLines); diff != "" {
				t.Errorf("Load inside mismatch (-want +got):\n%s", diff)
			}
			c.wantAll(t, 0, 0, nil) // outside
			return nil
		}))
		c.wantAll(t, 1, 2, []string{"acme"}, alice, bob)
		apply(t, c.Store, adapter.Change{Tenant: "acme", Remove: []model.Line{bob}}) // not told: its caller knows
		c.wantAll(t, 1, 3, []string{"acme"}, alice)
	})
}

func TestTransaction_rolls_a_grant_back_with_the_customer(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		c := newCRM(t, d)
		refused := errors.New("refused")
		grant := func(ctx context.Context, tx *gorm.DB) {
			check(t, tx.Create(&customer{"Initech"}).Error)
			check(t, c.addWithin(ctx, alice))
		}
		err := c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
			grant(ctx, tx)
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("Transaction: %v; want the function's error", err)
		}
		c.wantAll(t, 0, 0, nil)

		func() {
			defer func() {
				if recover() != refused {
					t.Error("the panic is gone")
				}
			}()
			c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
				grant(ctx, tx)
				panic(refused)
			})
		}()
		c.wantAll(t, 0, 0, nil)

		ctx, cancel := context.WithCancel(t.Context())
		err = c.Transaction(ctx, func(ctx context.Context, tx *gorm.DB) error {
			grant(ctx, tx)
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Transaction with a cancelled context: %v; want context.Canceled", err)
		}
		c.wantAll(t, 0, 0, nil)
	})
}

func TestTransaction_goes_on_after_a_refused_change(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		c := newCRM(t, d)
		check(t, c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
			check(t, c.addWithin(ctx, alice))
			if _, err := c.Apply(ctx, adapter.Change{Tenant: "acme", ID: "2", Base: 7, Add: []model.Line{bob}}); !errors.Is(err, adapter.ErrConflict) {
				t.Errorf("Apply at base 7: %v; want ErrConflict", err)
			}
			nothing, err := c.Apply(ctx, adapter.Change{Tenant: "beta", ID: "3"})
			check(t, err)
			if nothing.Revision != 0 {
				t.Errorf("a change of nothing led to revision %d", nothing.Revision)
			}
			again, err := c.Apply(ctx, adapter.Change{Tenant: "acme", ID: alice.Values[0], Add: []model.Line{bob}})
			check(t, err)
			if again.Revision != 1 || len(again.Add) != 1 || again.Add[0] != alice {
				t.Errorf("the same ID again: %+v; want the change that was made", again)
			}
			return tx.Create(&customer{"Initech"}).Error
		}))
		c.wantAll(t, 1, 1, []string{"acme"}, alice)
		if n := count(t, c.db, "SELECT COUNT(*) FROM crmauthz_tenants"); n != 1 {
			t.Errorf("%d tenants have a revision: a change that was not made left a trace", n)
		}
	})
}

func TestTransaction_refuses_to_nest(t *testing.T) {
	c := newCRM(t, newDatabase(t, "sqlite"))
	check(t, c.Transaction(t.Context(), func(ctx context.Context, _ *gorm.DB) error {
		err := c.Transaction(ctx, func(context.Context, *gorm.DB) error { return nil })
		if !errors.Is(err, gormstore.ErrNested) {
			t.Errorf("Transaction within one: %v; want ErrNested", err)
		}
		return nil
	}))
}

func TestTransaction_says_that_a_subscriber_failed_after_the_commit(t *testing.T) {
	c := newCRM(t, newDatabase(t, "sqlite"))
	broken := errors.New("broken")
	stop := c.Notify(func(context.Context, string) error { return broken })
	grant := func(l model.Line) error {
		return c.Transaction(t.Context(), func(ctx context.Context, _ *gorm.DB) error { return c.addWithin(ctx, l) })
	}
	if err := grant(alice); !errors.Is(err, gormstore.ErrNotify) || !errors.Is(err, broken) {
		t.Errorf("Transaction: %v; want ErrNotify and the subscriber's error", err)
	}
	c.wantAll(t, 0, 1, []string{"acme"}, alice)
	stop()
	check(t, grant(bob))
	c.wantAll(t, 0, 2, []string{"acme", "acme"}, alice, bob)
}

func TestTransactions_at_once_lose_no_update(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		c := newCRM(t, d)
		var group sync.WaitGroup
		var all []model.Line
		stores := []*gormstore.Store{c.Store, d.open(t)}
		for w := range 4 {
			l := member("acme", string(rune('a'+w)), "rep")
			all = append(all, l)
			group.Go(func() {
				in := &crm{Store: stores[w%2]}
				for range 50 { // a transaction that others were faster than is the caller's to repeat
					err := in.Transaction(t.Context(), func(ctx context.Context, _ *gorm.DB) error {
						if _, err := in.Load(ctx, model.Base); err != nil {
							return err
						}
						return in.addWithin(ctx, l)
					})
					if err == nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
				t.Errorf("no transaction of writer %d was committed", w)
			})
		}
		group.Wait()
		want(t, c.Store, "acme", 4, all...)
	})
}

func TestJoin_is_part_of_the_callers_transaction(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		c := newCRM(t, d)
		for _, commit := range []bool{false, true} {
			tx := c.db.Begin()
			ctx, committed := c.Join(t.Context(), tx)
			check(t, tx.Create(&customer{"Initech"}).Error)
			check(t, c.addWithin(ctx, alice))
			if !commit {
				check(t, tx.Rollback().Error)
				c.wantAll(t, 0, 0, nil)
				continue
			}
			check(t, tx.Commit().Error)
			c.wantAll(t, 1, 1, nil, alice)
			check(t, committed(ctx))
			check(t, committed(t.Context())) // once is enough
			c.wantAll(t, 1, 1, []string{"acme"}, alice)
			if _, err := c.Load(ctx, "acme"); err == nil {
				t.Error("Load in a transaction that is over: no error")
			}
		}
	})
}

func TestJoin_refuses_what_is_no_transaction(t *testing.T) {
	c := newCRM(t, newDatabase(t, "sqlite"))
	ctx, _ := c.Join(t.Context(), c.db)
	if err := c.addWithin(ctx, alice); !errors.Is(err, gormstore.ErrNoTransaction) {
		t.Errorf("Load: %v; want ErrNoTransaction", err)
	}
	if _, err := c.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{alice}}); !errors.Is(err, gormstore.ErrNoTransaction) {
		t.Errorf("Apply: %v; want ErrNoTransaction", err)
	}
	c.wantAll(t, 0, 0, nil)
}

// A transaction that the database ended takes no further change, even if the
// caller passes over the error.
func TestTransaction_that_the_database_ended_commits_nothing(t *testing.T) {
	on(t, []string{"postgres", "mysql"}, func(t *testing.T, d database) {
		c := newCRM(t, d)
		err := c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
			check(t, tx.Create(&customer{"Initech"}).Error)
			check(t, c.addWithin(ctx, alice))
			d.kill(t, c.db, tx)
			if err := c.addWithin(ctx, bob); err == nil {
				t.Error("Apply after the connection was ended: no error")
			}
			return nil
		})
		if err == nil {
			t.Error("Transaction: no error")
		}
		c.wantAll(t, 0, 0, nil)
		check(t, c.addWithin(t.Context(), bob))
		c.wantAll(t, 0, 1, nil, bob)
	})
}

// MySQL ends the transaction that loses, but not its connection: what is done
// on that goes into no transaction at all.
func TestTransaction_that_lost_in_a_deadlock_commits_nothing(t *testing.T) {
	on(t, []string{"mysql"}, func(t *testing.T, d database) {
		c := newCRM(t, d)
		var group sync.WaitGroup
		begun := make(chan bool, 2)
		lost := make(chan error, 6)
		for _, order := range [][]string{{"acme", "beta"}, {"beta", "acme"}} {
			group.Go(func() {
				err := c.Transaction(t.Context(), func(ctx context.Context, tx *gorm.DB) error {
					for i, tenant := range order {
						if i == 1 {
							begun <- true
							for len(begun) < 2 {
								time.Sleep(time.Millisecond)
							}
						}
						if _, err := c.Apply(ctx, adapter.Change{Tenant: tenant, ID: order[0], Add: []model.Line{member(tenant, "alice", "rep")}}); err != nil {
							lost <- err
							if tx.Create(&customer{order[0]}).Error == nil {
								t.Error("the caller goes on in a transaction that is over")
							}
						}
					}
					return nil
				})
				if err != nil {
					lost <- err
				}
			})
		}
		group.Wait()
		if len(lost) != 2 {
			t.Errorf("%d errors, want one of Apply and one of Transaction", len(lost))
			for range len(lost) {
				t.Log(<-lost)
			}
		}
		if n := count(t, c.db, "SELECT COUNT(*) FROM customers"); n != 0 {
			t.Errorf("%d customers of the transaction that lost", n)
		}
		if n := count(t, c.db, "SELECT COUNT(*) FROM casbin_rule"); n != 2 {
			t.Errorf("%d lines, want those of the transaction that won", n)
		}
	})
}

// kill ends the connection of a transaction, by another one.
func (d database) kill(t *testing.T, db, tx *gorm.DB) {
	t.Helper()
	if d.Kind == "postgres" {
		execSQL(t, db, "SELECT pg_terminate_backend(?)", count(t, tx, "SELECT pg_backend_pid()"))
	} else {
		execSQL(t, db, "KILL CONNECTION ?", count(t, tx, "SELECT CONNECTION_ID()"))
	}
}
