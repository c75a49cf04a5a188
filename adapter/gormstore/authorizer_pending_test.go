package gormstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

var everyRep = authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}

// started is an authorizer of a process that has just started: it has loaded nothing.
func started(t *testing.T, store *gormstore.Store, facts ...authz.Fact) *authz.Authorizer {
	t.Helper()
	first, err := authz.Open(t.Context(), readCustomers, store)
	check(t, err)
	_, err = first.Grant(t.Context(), authz.By("user:admin", "set up"), facts...)
	check(t, err)
	check(t, first.Close())
	az, err := authz.Open(t.Context(), readCustomers, store)
	check(t, err)
	t.Cleanup(func() { check(t, az.Close()) })
	return az
}

// What a transaction sees is answered to who asks in it, and to nobody else; also when the
// tenant is loaded for that, or the base policy has changed since it was.
func TestQuestionInATransactionLeavesNothingBehind(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *authz.Authorizer){
		"not loaded": func(*testing.T, *authz.Authorizer) {},
		"of an old base policy": func(t *testing.T, az *authz.Authorizer) {
			wantRead(t, az, "bob", "42", false)
			_, err := az.Grant(t.Context(), authz.By("user:admin", ""), authz.CustomerRule{Tenant: model.Base, Subject: "role:x", On: model.OnType("customer"), Action: "read", Effect: model.Allow})
			check(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, d database) {
				store := d.open(t)
				az := started(t, store, rep("bob")...)
				prepare(t, az)
				err := store.Transaction(t.Context(), func(ctx context.Context, _ *gorm.DB) error {
					if _, err := az.Grant(ctx, authz.By("user:admin", ""), onTeam("bob", "42")); err != nil {
						return err
					}
					_, err := az.Enforce(ctx, readOf("bob", "42"))
					check(t, err)
					if err := az.Refresh(ctx, "acme"); !errors.Is(err, authz.ErrPending) {
						t.Errorf("refreshed in a transaction: %v", err)
					}
					return errNoCustomer
				})
				if !errors.Is(err, errNoCustomer) {
					t.Fatal(err)
				}
				wantRead(t, az, "bob", "42", false)
			})
		})
	}
}

func TestBasePolicyInATransactionIsNobodysBeforeTheCommit(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		store := d.open(t)
		az := started(t, store, rep("bob")...)
		err := store.Transaction(t.Context(), func(ctx context.Context, _ *gorm.DB) error {
			if _, err := az.Grant(ctx, authz.By("user:admin", ""), everyRep); err != nil {
				return err
			}
			if err := az.Refresh(ctx, model.Base); !errors.Is(err, authz.ErrPending) {
				t.Errorf("refreshed in a transaction: %v", err)
			}
			return errNoCustomer
		})
		if !errors.Is(err, errNoCustomer) {
			t.Fatal(err)
		}
		wantRead(t, az, "bob", "42", false)
	})
}

// A grant outside holds the tenant in the process and waits for the transaction's lock in the database.
func TestQuestionInATransactionWaitsForNobodyWhoWaitsForIt(t *testing.T) {
	on(t, []string{"postgres", "mysql"}, func(t *testing.T, d database) {
		store := d.open(t)
		az := started(t, store, rep("bob")...)
		by := authz.By("user:admin", "")
		other := make(chan error, 1)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			ended <- store.Transaction(t.Context(), func(pending context.Context, _ *gorm.DB) error {
				if _, err := az.Grant(pending, by, onTeam("bob", "42")); err != nil {
					return err
				}
				go func() { _, err := az.Grant(ctx, by, onTeam("bob", "43")); other <- err }()
				time.Sleep(200 * time.Millisecond)
				_, err := az.Enforce(pending, readOf("bob", "42"))
				return err
			})
		}()
		select {
		case err := <-ended:
			check(t, err)
			check(t, <-other)
			wantRead(t, az, "bob", "42", true)
			wantRead(t, az, "bob", "43", true)
		case <-time.After(20 * time.Second):
			t.Error("they wait for each other")
			cancel()
			<-other
			<-ended
		}
	})
}

func TestRevokingWhatAnotherProgramTookAwayIsAnsweredFrom(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		by := authz.By("user:admin", "")
		db := d.Connect(t)
		az := started(t, newStore(t, db), append(rep("bob"), onTeam("bob", "42"))...)
		wantRead(t, az, "bob", "42", true)
		team, err := model.Encode(onTeam("bob", "42"))
		check(t, err)
		_, err = casbinOn(t, db).RemoveNamedPolicy(string(team.Section), team.Columns())
		check(t, err)
		_, err = az.Revoke(t.Context(), by, onTeam("bob", "42"))
		check(t, err)
		wantRead(t, az, "bob", "42", false)
	})
}

func TestRefreshOfATenantThatAnotherProgramEmptied(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		rule := everyRep
		rule.Tenant, rule.Subject = "acme", "user:bob"
		line, err := model.Encode(rule)
		check(t, err)
		e := casbinOn(t, db)
		_, err = e.AddNamedPolicy(string(line.Section), line.Columns())
		check(t, err)
		az, err := authz.Open(t.Context(), readCustomers, newStore(t, db))
		check(t, err)
		wantRead(t, az, "bob", "42", true)
		_, err = e.RemoveNamedPolicy(string(line.Section), line.Columns())
		check(t, err)
		check(t, az.Refresh(t.Context(), "acme"))
		if ok, err := az.Enforce(t.Context(), readOf("bob", "42")); ok || !errors.Is(err, model.ErrUnknownTenant) {
			t.Errorf("of an emptied tenant: %v, %v", ok, err)
		}
	})
}

// committing is a database whose commits of changes are followed by something.
type committing struct {
	*sql.DB
	then func()
}

// GetDBConn implements gorm.GetDBConnector.
func (c *committing) GetDBConn() (*sql.DB, error) { return c.DB, nil }

type committed struct {
	*sql.Tx
	of      *committing
	changes bool
}

func (c *committing) BeginTx(ctx context.Context, o *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := c.DB.BeginTx(ctx, o)
	return &committed{Tx: tx, of: c}, err
}

func (c *committed) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	c.changes = c.changes || strings.HasPrefix(query, "UPDATE crmauthz_tenants")
	return c.Tx.ExecContext(ctx, query, args...)
}

func (c *committed) Commit() error {
	err := c.Tx.Commit()
	if c.changes {
		c.of.then()
	}
	return err
}

// Who asked for a change has gone when it is durable. It is in force.
func TestContextThatEndsWithTheCommitTakesNothingBack(t *testing.T) {
	d := newDatabase(t, "sqlite")
	by := authz.By("user:admin", "")
	db := d.Connect(t)
	pool, err := db.DB()
	check(t, err)
	slow := &committing{pool, func() {}}
	db = db.Session(&gorm.Session{NewDB: true})
	db.Config.ConnPool, db.Statement.ConnPool = slow, slow
	store := newStore(t, db)
	az := started(t, store, append(rep("bob"), onTeam("bob", "42"), onTeam("bob", "43"))...)
	wantRead(t, az, "bob", "42", true)
	ctx, cancel := context.WithCancel(t.Context())
	slow.then = cancel
	check(t, store.Transaction(ctx, func(ctx context.Context, _ *gorm.DB) error {
		_, err := az.Revoke(ctx, by, onTeam("bob", "42"))
		return err
	}))
	wantRead(t, az, "bob", "42", false)
	ctx, cancel = context.WithCancel(t.Context())
	slow.then = cancel
	_, err = az.Disable(ctx, by, "acme", "role:rep")
	check(t, err)
	wantRead(t, az, "bob", "43", false)
}
