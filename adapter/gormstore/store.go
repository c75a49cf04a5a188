package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// Store is an adapter.Store, Feed, Notifier, Planner and Eraser on a database.
// Of the changes that it tells its subscribers, see [Store.Notify].
type Store struct {
	db     *gorm.DB     // the store's own handle
	caller *gorm.DB     // the caller's, for what he does in a Transaction
	close  func() error // of the database, if it is ours
	closed atomic.Bool

	mu          sync.Mutex
	subscribers map[*subscriber]bool
}

var (
	_ adapter.Store    = (*Store)(nil)
	_ adapter.Feed     = (*Store)(nil)
	_ adapter.Notifier = (*Store)(nil)
	_ adapter.Planner  = (*Store)(nil)
	_ adapter.Eraser   = (*Store)(nil)
)

// Option changes how a store is opened.
type Option func(*options)

type options struct{ prepared bool }

// WithoutMigration leaves the schema as it is: if anything is missing or wrong,
// opening returns an error matching ErrSchema. For programs that may not change
// tables; see [Migrate].
func WithoutMigration() Option { return func(o *options) { o.prepared = true } }

// Open opens the SQLite database in a file, and makes the file if there is
// none. A change has reached the disk when Apply returns. Several stores, of
// several processes too, may have the file open.
func Open(ctx context.Context, path string, opts ...Option) (*Store, error) {
	s, err := open(ctx, path, opts)
	return s, fail("open", "", err)
}

func open(ctx context.Context, path string, opts []Option) (*Store, error) {
	if path == "" || path == ":memory:" {
		return nil, fmt.Errorf("%w: %q is not the path of a file; see adapter.Memory", ErrDatabase, path)
	}
	db, err := gorm.Open(sqlite.Open(sqliteDSN(path)), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	s, err := newStore(ctx, db, opts)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	s.close = pool.Close
	return s, nil
}

// sqliteDSN names a file with settings for each connection: wait up to a second for
// another writer (what is beyond, retry does), readers do not wait, commits are
// on the disk, transactions that may write take the write lock when they begin.
func sqliteDSN(path string) string {
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate"
}

// New makes a store of a database that the caller has opened, and closes. It
// makes the tables that are missing; see [Migrate]. Plugins and callbacks of db neither
// see nor disturb what the store does. How durable a change is, the
// database's settings say: on SQLite, set synchronous to FULL and a busy timeout.
func New(ctx context.Context, db *gorm.DB, opts ...Option) (*Store, error) {
	s, err := newStore(ctx, db, opts)
	return s, fail("open", "", err)
}

func newStore(ctx context.Context, db *gorm.DB, opts []Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	handle, err := own(db)
	if err != nil {
		return nil, err
	}
	if o.prepared {
		err = prepare(handle.WithContext(ctx), false)
	} else {
		err = migrate(ctx, handle)
	}
	if err != nil {
		return nil, err
	}
	return &Store{db: handle, caller: db.Session(&gorm.Session{NewDB: true}), subscribers: map[*subscriber]bool{}}, nil
}

// Close ends the store; what is called later returns adapter.ErrClosed. The
// database is closed if Open opened it.
func (s *Store) Close() error {
	if s.closed.Swap(true) || s.close == nil {
		return nil
	}
	return fail("close", "", s.close())
}

// Load implements adapter.Store.
func (s *Store) Load(ctx context.Context, tenant string) (adapter.Snapshot, error) {
	var snapshot adapter.Snapshot
	err := s.read(ctx, func(tx *gorm.DB) (err error) {
		snapshot, err = load(tx, tenant, s.joined(ctx) != nil)
		return err
	})
	if err != nil {
		return adapter.Snapshot{}, fail("load", tenant, err)
	}
	return snapshot, nil
}

// Tenants implements adapter.Store. After the tenants it yields an error for
// the first row of casbin_rule that belongs to none.
func (s *Store) Tenants(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		var stray error
		err := s.read(ctx, func(tx *gorm.DB) (err error) {
			names, stray, err = tenants(tx)
			return err
		})
		if err == nil {
			err = stray
		}
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
		if err != nil {
			yield("", fail("tenants", "", err))
		}
	}
}

// Changes implements adapter.Feed.
func (s *Store) Changes(ctx context.Context, tenant string, after model.Revision, limit int) ([]adapter.Entry, error) {
	var entries []adapter.Entry
	err := s.read(ctx, func(tx *gorm.DB) (err error) {
		entries, err = changes(tx, tenant, after, limit)
		return err
	})
	if err != nil {
		return nil, fail("changes", tenant, err)
	}
	return entries, nil
}

// Apply implements adapter.Store.
func (s *Store) Apply(ctx context.Context, c adapter.Change) (adapter.Entry, error) {
	e, err := s.apply(ctx, c)
	if err != nil {
		return adapter.Entry{}, fail("apply", c.Tenant, err)
	}
	return e, nil
}

func (s *Store) apply(ctx context.Context, c adapter.Change) (e adapter.Entry, err error) {
	if c, err = c.Normal(); err != nil {
		return e, err
	}
	err = s.write(ctx, c.Tenant, func(tx *gorm.DB) (err error) {
		e, err = apply(tx, c)
		return err
	})
	return e, err
}

// read runs f in one view of the database: in the caller's transaction if the
// context belongs to one, else in a transaction of its own.
func (s *Store) read(ctx context.Context, f func(tx *gorm.DB) error) error {
	if s.closed.Load() {
		return adapter.ErrClosed
	}
	if j := s.joined(ctx); j != nil {
		return j.run(ctx, f)
	}
	o := &sql.TxOptions{ReadOnly: true}
	if !isSQLite(s.db) {
		o.Isolation = sql.LevelRepeatableRead
	}
	return retry(ctx, transient, func() error { return s.db.WithContext(ctx).Transaction(planned(f), o) })
}

// write runs f, which changes the tenant's policy, in one transaction: a part
// of the caller's if the context belongs to one, else one of its own. If f
// returns errUnchanged, nothing is written, and that is no error.
func (s *Store) write(ctx context.Context, tenant string, f func(tx *gorm.DB) error) error {
	if s.closed.Load() {
		return adapter.ErrClosed
	}
	if j := s.joined(ctx); j != nil {
		return j.write(ctx, tenant, f)
	}
	err := retry(ctx, transient, func() error { return s.db.WithContext(ctx).Transaction(planned(f), s.writing()) })
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// writing are the options of a transaction that writes. The tenant's lock keeps
// changes apart: a higher level would only fail more often, as on MySQL,
// which then locks the gaps between rows as well.
func (s *Store) writing() *sql.TxOptions {
	if isSQLite(s.db) {
		return &sql.TxOptions{}
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// planned runs f with plans for it alone.
func planned(f func(tx *gorm.DB) error) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		if err := plan(tx); err != nil {
			return err
		}
		return f(tx)
	}
}

// plan has PostgreSQL plan each statement of a transaction anew. A plan that
// it keeps from when the table was nearly empty reads all of a big one.
func plan(tx *gorm.DB) error {
	if !isPostgres(tx) {
		return nil
	}
	return tx.Exec("SET LOCAL plan_cache_mode = force_custom_plan").Error
}

// attempts is how often a transaction is made at most.
const attempts = 10

// retry runs f until it succeeds, its error is not one to try again after, the
// attempts are used up, or the context ends.
func retry(ctx context.Context, again func(error) bool, f func() error) error {
	wait := 5 * time.Millisecond
	for i := 1; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f()
		switch {
		case err == nil:
			return nil
		case i == attempts || ctx.Err() != nil || !again(err):
			return ended(ctx, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, 250*time.Millisecond)
	}
}

// ended is an error that says that the context has ended, if it has. Drivers
// say it in words of their own.
func ended(ctx context.Context, err error) error {
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}
