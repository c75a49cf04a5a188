package authz

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Authorizer decides and changes the policy of a CRM's tenants. Questions read
// an immutable snapshot in memory: they take no lock, and wait for nothing but
// the first loading of a tenant. All methods are safe for concurrent use.
type Authorizer struct {
	schema     *model.Schema
	conditions *condition.Set
	engine     *engine.Schema // of tenants without an extension
	store      adapter.Store
	clock      func() time.Time
	resolver   Resolver
	preload    bool
	masks      map[string]Mask // the application's own
	hashKey    []byte
	audit      Audit
	observers  []Observer
	openLimit  time.Duration
	shapes     shapes            // of the types of the base schema
	extended   map[string]shapes // of tenants with an extension
	stop       func()            // the store's notifications
	given      sync.Map          // notices that are given but not noted, by givenKey
	latest     engine.Latest     // that the clock has shown

	vocabularies vocabularies
	isDraft      bool // of Simulate: an open tenant's decisions are not logged, and nothing is revealed

	closed  atomic.Bool
	base    atomic.Pointer[engine.Snapshot]
	tenants directory
}

// tenant is the policy of one tenant in memory.
type tenant struct {
	name   string
	schema *engine.Schema
	change sync.Mutex  // held by who loads or changes it
	vacant atomic.Bool // who changes it found that it has no facts
}

// Open returns an Authorizer of the policies in a store, checked against a
// schema. It loads the base policy; an error says what is wrong with the schema
// (a *model.ValueError), with a stored fact, or with the store.
//
// The schema is not to be changed any more. Close the Authorizer, then the store.
func Open(ctx context.Context, schema *model.Schema, store adapter.Store, options ...Option) (*Authorizer, error) {
	if err := schema.Check(); err != nil {
		return nil, failed("open", model.Base, err)
	}
	schema = schema.Complete()
	conditions, err := condition.Compile(schema)
	if err != nil {
		return nil, failed("open", model.Base, err)
	}
	a := &Authorizer{schema: schema, conditions: conditions, engine: engine.NewSchema(schema, conditions), store: store, clock: time.Now, stop: func() {}}
	for _, o := range options {
		o(a)
	}
	if err := a.makeShapes(); err != nil {
		return nil, failed("open", model.Base, err)
	}
	if err := a.loadBase(ctx); err != nil {
		return nil, failed("open", model.Base, err)
	}
	if a.preload {
		if err := a.loadAll(ctx); err != nil {
			return nil, err
		}
	}
	if n, ok := store.(adapter.Notifier); ok {
		a.stop = n.Notify(a.Refresh)
	}
	return a, nil
}

// Schema is the schema that the Authorizer was opened with, complete (see model.Schema.Complete). It is not to be changed.
func (a *Authorizer) Schema() *Schema { return a.schema }

// Close ends the Authorizer: every question is denied and every change refused
// with ErrClosed from now on. It does not close the store.
func (a *Authorizer) Close() error {
	if a.closed.CompareAndSwap(false, true) {
		a.stop()
	}
	return nil
}

// Refresh looks whether the store has a newer policy of a tenant (or the base
// policy), and answers from it when it returns. On an error the old one stays in force. In a
// transaction of the caller's there is nothing to refresh from (ErrPending).
func (a *Authorizer) Refresh(ctx context.Context, name string) error {
	switch {
	case a.closed.Load():
		return failed("refresh", name, ErrClosed)
	case adapter.Pending(ctx):
		return failed("refresh", name, ErrPending)
	}
	t := a.tenant(name)
	t.change.Lock()
	defer t.change.Unlock()
	if name == model.Base {
		return failed("refresh", name, a.loadBase(ctx))
	}
	_, err := a.load(ctx, t)
	return failed("refresh", name, err)
}

// Revision is the revision of a tenant's policy that questions are answered from.
func (a *Authorizer) Revision(ctx context.Context, name string) (model.Revision, error) {
	s, err := a.snapshot(ctx, name)
	if err != nil {
		return 0, failed("revision", name, err)
	}
	return s.Revision, nil
}

// snapshot returns what to answer a tenant's questions from. It waits only if
// the tenant is not loaded, or the base policy has changed since.
func (a *Authorizer) snapshot(ctx context.Context, name string) (*engine.Snapshot, error) {
	if s := a.loaded(name); s != nil && !a.closed.Load() {
		return s, nil
	}
	return a.firstSnapshot(ctx, string([]byte(name)))
}

// loaded is the snapshot of a tenant that is loaded, with the base policy as it is; or nil.
func (a *Authorizer) loaded(name string) *engine.Snapshot {
	if e := a.tenants.find(name); e != nil {
		if s := e.snapshot.Load(); s != nil && s.Linked == a.base.Load() {
			return s
		}
	}
	return nil
}

// firstSnapshot loads a tenant that has facts. In a transaction of the caller's that is what the
// transaction sees, for this question only; and who holds the database's lock of the tenant must not
// wait for one who waits for it.
func (a *Authorizer) firstSnapshot(ctx context.Context, name string) (*engine.Snapshot, error) {
	if a.closed.Load() {
		return nil, ErrClosed
	}
	if err := model.CheckTenant(name); err != nil || name == model.Base {
		if err == nil {
			return nil, unknownTenant(name)
		}
		return nil, model.At("request", "tenant", name, err)
	}
	t := a.known(name)
	if t == nil {
		t = a.newTenant(name)
	}
	pending := adapter.Pending(ctx)
	if !pending {
		if t.vacant.Load() { // a resolver that is called for the first change, and asks, does not wait for that
			return nil, unknownTenant(name)
		}
		t.change.Lock()
		defer t.change.Unlock()
		if s := a.loaded(name); s != nil {
			return s, nil
		}
	}
	s, err := a.compile(ctx, t)
	switch {
	case err != nil:
		return nil, err
	case s.Revision == 0: // remembered by nobody, or asking for tenants would fill the memory
		return nil, unknownTenant(name)
	case !pending:
		a.tenants.publish(t, s)
	}
	return s, nil
}

// known returns a tenant that was asked for or changed before, or nil.
func (a *Authorizer) known(name string) *tenant {
	if e := a.tenants.find(name); e != nil {
		return e.tenant.Load()
	}
	return nil
}

// tenant returns a tenant, made known if it is not.
func (a *Authorizer) tenant(name string) *tenant {
	if t := a.known(name); t != nil {
		return t
	}
	return a.tenants.keep(a.newTenant(name))
}

func (a *Authorizer) newTenant(name string) *tenant {
	t := &tenant{name: name, schema: a.engine}
	if _, ok := a.schema.Tenants[name]; ok {
		t.schema = engine.NewSchema(a.schema.For(name), a.conditions)
	}
	return t
}

// compile loads a tenant from the store. The tenant's change lock is held.
// With more lines it is compiled as if it had those too.
func (a *Authorizer) compile(ctx context.Context, t *tenant, more ...model.Line) (*engine.Snapshot, error) {
	from, err := a.store.Load(ctx, t.name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	from.Lines = append(from.Lines, more...)
	return a.compiled(t, from)
}

// compiled compiles what was loaded of a tenant.
func (a *Authorizer) compiled(t *tenant, from adapter.Snapshot) (*engine.Snapshot, error) {
	s, err := engine.Compile(t.schema, a.base.Load(), t.name, from.Revision, from.Lines)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if s.Latest = &a.latest; s.Dated() {
		a.latest.Note(a.clock())
	}
	return s, nil
}

// load compiles a tenant anew and answers from it. The change lock is held.
func (a *Authorizer) load(ctx context.Context, t *tenant) (*engine.Snapshot, error) {
	s, err := a.compile(ctx, t)
	switch {
	case err != nil || adapter.Pending(ctx):
	case s.Revision > 0:
		a.tenants.publish(t, s)
	default: // whoever filled the table has emptied it
		a.tenants.publish(t, nil)
	}
	return s, err
}

func (a *Authorizer) loadBase(ctx context.Context) error {
	from, err := a.store.Load(ctx, model.Base)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(from.Lines) == 0 {
		a.base.Store(nil)
		return nil
	}
	s, err := engine.Compile(a.engine, nil, model.Base, from.Revision, from.Lines)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	a.base.Store(s)
	return nil
}

// loadAll loads every tenant of the store, several at a time.
func (a *Authorizer) loadAll(ctx context.Context) error {
	names := make(chan string)
	errs := make([]error, runtime.GOMAXPROCS(0)+1)
	var workers sync.WaitGroup
	for i := range errs[1:] {
		workers.Go(func() {
			var lines []model.Line // of one tenant after the other
			for name := range names {
				var err error
				if lines, err = a.preloadTenant(ctx, name, lines[:0]); err != nil {
					errs[i] = errors.Join(errs[i], failed("open", name, err))
				}
			}
		})
	}
	for name, err := range a.store.Tenants(ctx) {
		if err != nil {
			errs[len(errs)-1] = failed("open", model.Base, fmt.Errorf("%w: %w", ErrUnavailable, err))
			break
		}
		if name != model.Base {
			names <- name
		}
	}
	close(names)
	workers.Wait()
	return errors.Join(errs...)
}

// preloadTenant loads a tenant by way of a list of lines, which it returns to be used again.
func (a *Authorizer) preloadTenant(ctx context.Context, name string, lines []model.Line) ([]model.Line, error) {
	load := a.store.Load
	if store, ok := a.store.(adapter.Appender); ok {
		load = func(ctx context.Context, name string) (adapter.Snapshot, error) {
			return store.AppendLines(ctx, name, lines)
		}
	}
	from, err := load(ctx, name)
	if err != nil {
		return lines, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	t := a.newTenant(name)
	s, err := a.compiled(t, from)
	if err == nil {
		a.tenants.publish(t, s)
	}
	return from.Lines, err
}
