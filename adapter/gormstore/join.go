package gormstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
)

// join is a transaction of the caller's that Load and Apply work in.
type join struct {
	outer context.Context // the context that was given to Join

	mu      sync.Mutex // one operation at a time
	tx      *gorm.DB
	broken  error           // that nothing may follow after
	changed map[string]bool // the tenants
}

// joinKey is the context's key of a store's join.
type joinKey struct{ store *Store }

func (s *Store) joined(ctx context.Context) *join {
	j, _ := ctx.Value(joinKey{s}).(*join)
	return j
}

// Join lets changes of policies be part of a transaction of the caller's, on
// the database of the store: with the returned context, which is marked by
// adapter.WithPending, the methods of the store work inside tx. A tenant that they load
// or change there is locked for everybody else until tx ends. What an Authorizer is asked with it
// of a tenant that it has not loaded is answered from what tx sees, and nothing of that is kept.
//
// Call committed once tx is committed: it tells the store's subscribers which
// tenants changed, and returns their errors. If tx was rolled back, do not.
// A change that is refused leaves tx as it was. If the database ends tx, as it
// may after a deadlock or when the connection breaks, it is rolled back at once:
// nothing follows in it.
//
// On MySQL prefer the level READ COMMITTED: at the one above, transactions that
// add lines for the first time may end in a deadlock, whatever their tenants are.
// On SQLite let tx begin as IMMEDIATE (_txlock=immediate), or write before it reads:
// else it fails when another writer was faster.
//
// [Store.Transaction] does all of this.
func (s *Store) Join(ctx context.Context, tx *gorm.DB) (pending context.Context, committed func(context.Context) error) {
	j := &join{outer: ctx, tx: s.within(tx), changed: map[string]bool{}}
	if !isTransaction(tx) {
		j.broken = ErrNoTransaction
	}
	return adapter.WithPending(context.WithValue(ctx, joinKey{s}, j)), func(ctx context.Context) error {
		if s.joined(ctx) == j {
			ctx = j.outer // subscribers have nothing to look for in a transaction that is over
		}
		return fail("join", "", s.notify(ctx, j.take()))
	}
}

// take returns the changed tenants, once.
func (j *join) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	tenants := slices.Sorted(maps.Keys(j.changed))
	clear(j.changed)
	return tenants
}

// write is run, and remembers that the tenant changed.
func (j *join) write(ctx context.Context, tenant string, f func(tx *gorm.DB) error) error {
	return j.run(ctx, func(tx *gorm.DB) error {
		err := f(tx)
		if err == nil {
			j.changed[tenant] = true
		}
		return err
	})
}

// run runs f behind a savepoint, so that what fails or is refused leaves the
// caller's transaction as it was.
func (j *join) run(ctx context.Context, f func(tx *gorm.DB) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tx := j.tx.WithContext(ctx)
	if err := savepoint(ctx, tx, "SAVEPOINT"); err != nil {
		return j.end(err)
	}
	err := f(tx)
	if err == nil {
		if err := savepoint(ctx, tx, "RELEASE SAVEPOINT"); err != nil {
			return j.end(err)
		}
		return nil
	}
	if back := savepoint(context.WithoutCancel(ctx), tx, "ROLLBACK TO SAVEPOINT"); back != nil {
		return j.end(errors.Join(err, back))
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return ended(ctx, err)
}

// end rolls back a transaction in which there is nothing to go back to. MySQL
// ends it by itself after a deadlock: what the caller did next would each be
// committed at once, as part of no transaction.
func (j *join) end(err error) error {
	j.tx.Rollback()
	j.broken = fmt.Errorf("the transaction cannot go on, and is rolled back: %w", err)
	return j.broken
}

// savepoint runs a statement on our savepoint, past prepared statements,
// which not every database has for it.
func savepoint(ctx context.Context, tx *gorm.DB, verb string) error {
	pool := tx.Statement.ConnPool
	if prepared, ok := pool.(*gorm.PreparedStmtTX); ok {
		pool = prepared.Tx
	}
	_, err := pool.ExecContext(ctx, verb+" crmauthz")
	return err
}

// Transaction runs f in one transaction on the store's database (at the level
// READ COMMITTED, where there are levels), and commits.
// With f's context the methods of the store work inside it, as with [Store.Join]; tx is
// for the caller's own tables, with the plugins of the handle that New was given. If f
// returns an error or panics, or the database ended the transaction, all is rolled back.
// It is not tried again: f may have done more than the database knows.
//
// After the commit it tells the store's subscribers which tenants changed; if
// one of them fails, the error matches ErrNotify.
func (s *Store) Transaction(ctx context.Context, f func(ctx context.Context, tx *gorm.DB) error) error {
	j, err := s.transaction(ctx, f)
	if err == nil {
		err = s.notify(ctx, j.take())
	}
	return fail("transaction", "", err)
}

func (s *Store) transaction(ctx context.Context, f func(ctx context.Context, tx *gorm.DB) error) (j *join, err error) {
	if s.closed.Load() {
		return nil, adapter.ErrClosed
	}
	if s.joined(ctx) != nil {
		return nil, ErrNested
	}
	var tx *gorm.DB
	err = retry(ctx, transient, func() error {
		tx = s.caller.WithContext(ctx).Begin(s.writing())
		return tx.Error
	})
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if !done {
			tx.Rollback()
		}
	}()
	pending, _ := s.Join(ctx, tx)
	j = s.joined(pending)
	if err := plan(j.tx); err != nil {
		return nil, err
	}
	if err := f(pending, tx.WithContext(pending)); err != nil {
		return nil, err
	}
	if j.broken != nil {
		return nil, j.broken
	}
	done = true
	if err := tx.Commit().Error; err != nil {
		return j, ended(ctx, err)
	}
	return j, nil
}

// subscriber is a function that Notify was given.
type subscriber struct {
	tell func(ctx context.Context, tenant string) error
}

// Notify implements adapter.Notifier: f hears of the tenants that a
// transaction of [Store.Join] or [Store.Transaction] changed, once it is committed. Of what
// Apply made on its own its caller knows already; other stores on the database
// do not hear of either, but see it in Changes.
func (s *Store) Notify(f func(ctx context.Context, tenant string) error) (stop func()) {
	sub := &subscriber{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[sub] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribers, sub)
	}
}

// notify tells every subscriber of every tenant, whoever still waits for it: what they are told of is committed.
func (s *Store) notify(ctx context.Context, tenants []string) error {
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	subs := slices.Collect(maps.Keys(s.subscribers))
	s.mu.Unlock()
	var errs []error
	for _, tenant := range tenants {
		for _, sub := range subs {
			if err := sub.tell(ctx, tenant); err != nil {
				errs = append(errs, fmt.Errorf("tenant %q: %w", tenant, err))
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrNotify, errors.Join(errs...))
	}
	return nil
}
