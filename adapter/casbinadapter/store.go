// Package casbinadapter is the bridge between crmauthz and Casbin's adapters,
// both ways: [NewStore] makes an adapter.Store of any Casbin adapter, and
// [NewAdapter] a Casbin adapter of any adapter.Store.
package casbinadapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

var (
	// ErrReadOnly: the Casbin adapter reads, but does not write.
	ErrReadOnly = errors.New("casbinadapter: the adapter is read-only")
	// ErrNotKept: the Casbin adapter reported success, but what it was to
	// write is not what it reads.
	ErrNotKept = errors.New("casbinadapter: the adapter did not keep what it was given")
	// ErrHalfMade: a change failed, and a part of it could not be undone.
	ErrHalfMade = errors.New("casbinadapter: a part of the change stays")
)

// Outside is the reason in the log of a change that was not made through the
// store, but was found when the policy was read again.
const Outside = "changed by another program"

// Store keeps policies where a Casbin adapter keeps them. It is for adapters
// that have no store of their own here, and cannot promise what these do:
//
//   - A change of several lines is written line by line. If one fails, those
//     before are undone as far as the adapter lets them; if it does not, the
//     error matches ErrHalfMade, and what stays is in the log as a change by
//     Outside. Who else reads the policy may see half a change.
//   - Revisions and the log are of this Store only: both begin anew with each
//     process, so a change repeated with its ID after a restart is made again,
//     and two processes do not notice each other's changes but by reading.
//   - Load, Tenants and Apply read the whole policy, and Apply does so twice.
//     Changes reports what they saw; call Refresh, from a Casbin watcher or
//     from time to time, to see what other programs did.
//   - A policy with a line that model.Decode refuses is not read at all.
type Store struct {
	casbin persist.Adapter

	mu      sync.Mutex
	memory  *adapter.Memory // the policy as it was last read, and the log
	outside map[string]bool // tenants changed by others, of which nobody was notified
	notify  map[*notified]bool
}

type notified struct {
	call func(ctx context.Context, tenant string) error
}

var (
	_ adapter.Store    = (*Store)(nil)
	_ adapter.Feed     = (*Store)(nil)
	_ adapter.Notifier = (*Store)(nil)
)

// NewStore makes a store of a Casbin adapter, and reads the policy. Each tenant
// that has lines begins at revision 1.
func NewStore(ctx context.Context, a persist.Adapter) (*Store, error) {
	s := &Store{casbin: a, outside: map[string]bool{}, notify: map[*notified]bool{}}
	lines, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	s.memory, err = adapter.NewMemory(slices.Values(lines))
	return s, err
}

// Load implements adapter.Store.
func (s *Store) Load(ctx context.Context, tenant string) (adapter.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return adapter.Snapshot{}, err
	}
	return s.memory.Load(ctx, tenant)
}

// Tenants implements adapter.Store.
func (s *Store) Tenants(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.mu.Lock()
		err := s.refresh(ctx)
		s.mu.Unlock()
		if err != nil {
			yield("", err)
			return
		}
		s.memory.Tenants(ctx)(yield)
	}
}

// Changes implements adapter.Feed.
func (s *Store) Changes(ctx context.Context, tenant string, after model.Revision, limit int) ([]adapter.Entry, error) {
	return s.memory.Changes(ctx, tenant, after, limit)
}

// Notify implements adapter.Notifier: f hears of what Refresh found, and of
// what the other methods found since the last Refresh.
func (s *Store) Notify(f func(ctx context.Context, tenant string) error) (stop func()) {
	n := &notified{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify[n] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.notify, n)
	}
}

// Refresh reads the policy, logs what other programs changed, and notifies.
func (s *Store) Refresh(ctx context.Context) error {
	s.mu.Lock()
	err := s.refresh(ctx)
	tenants, notify := s.outside, make([]*notified, 0, len(s.notify))
	for n := range s.notify {
		notify = append(notify, n)
	}
	s.outside = map[string]bool{}
	s.mu.Unlock()

	errs := []error{err}
	for tenant := range tenants {
		for _, n := range notify {
			errs = append(errs, n.call(ctx, tenant))
		}
	}
	return errors.Join(errs...)
}

// Apply implements adapter.Store, as far as the Casbin adapter lets it.
func (s *Store) Apply(ctx context.Context, c adapter.Change) (adapter.Entry, error) {
	c, err := c.Normal()
	if err != nil {
		return adapter.Entry{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return adapter.Entry{}, err
	}
	// Without its lines the change makes nothing: it is in conflict, or was made before, or is new.
	e, err := s.memory.Apply(ctx, adapter.Change{Tenant: c.Tenant, ID: c.ID, Base: c.Base})
	if err != nil || len(e.Remove)+len(e.Add) > 0 {
		return e, err
	}
	before, err := s.memory.Load(ctx, c.Tenant)
	if err != nil {
		return adapter.Entry{}, err
	}
	there := setOf(before.Lines)
	c.Remove = slices.DeleteFunc(c.Remove, func(l model.Line) bool { return !there[l] })
	c.Add = slices.DeleteFunc(c.Add, func(l model.Line) bool { return there[l] })
	if err := s.write(ctx, c); err != nil {
		return adapter.Entry{}, fmt.Errorf("casbinadapter: change %s of %s: %w", c.ID, c.Tenant, err)
	}
	return s.memory.Apply(context.WithoutCancel(ctx), c)
}

// write writes the lines of a change and sees whether they are kept. If not,
// it undoes what it wrote.
func (s *Store) write(ctx context.Context, c adapter.Change) error {
	if len(c.Remove)+len(c.Add) == 0 {
		return nil
	}
	wrote, err := s.writeLines(ctx, c.Remove, c.Add)
	if err == nil {
		err = s.check(ctx, c.Remove, c.Add)
	}
	if err == nil || !wrote {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if undo := s.undo(ctx, c); undo != nil {
		return errors.Join(err, ErrHalfMade, undo, s.refresh(ctx))
	}
	return err
}

// undo takes back of a change what is there. Only that: some databases take a
// line that is not there for another that looks like it.
func (s *Store) undo(ctx context.Context, c adapter.Change) error {
	lines, err := s.read(ctx)
	if err != nil {
		return err
	}
	there := setOf(lines)
	remove := slices.DeleteFunc(slices.Clone(c.Add), func(l model.Line) bool { return !there[l] })
	add := slices.DeleteFunc(slices.Clone(c.Remove), func(l model.Line) bool { return there[l] })
	if _, err := s.writeLines(ctx, remove, add); err != nil {
		return err
	}
	return s.check(ctx, remove, add)
}

// writeLines writes one line after the other, up to the first error, and tells
// whether it wrote any. Casbin's batches would be faster, but some adapters
// drop errors in them.
func (s *Store) writeLines(ctx context.Context, remove, add []model.Line) (wrote bool, err error) {
	removePolicy, addPolicy := s.writers(ctx)
	for _, l := range remove {
		if err := readOnly(removePolicy(section(l), string(l.Section), slices.Clone(l.Columns()))); err != nil {
			return wrote, err
		}
		wrote = true
	}
	for _, l := range add {
		if err := readOnly(addPolicy(section(l), string(l.Section), slices.Clone(l.Columns()))); err != nil {
			return wrote, err
		}
		wrote = true
	}
	return wrote, nil
}

type writer func(section, ptype string, rule []string) error

// writers are the adapter's functions for single lines, with the context if they take one.
func (s *Store) writers(ctx context.Context) (remove, add writer) {
	a, ok := s.casbin.(persist.ContextAdapter)
	if !ok {
		return s.casbin.RemovePolicy, s.casbin.AddPolicy
	}
	return func(sec, ptype string, rule []string) error { return a.RemovePolicyCtx(ctx, sec, ptype, rule) },
		func(sec, ptype string, rule []string) error { return a.AddPolicyCtx(ctx, sec, ptype, rule) }
}

// readOnly recognises the error of an adapter that does not write. Casbin has
// no value for it, but a text, and takes it for success.
func readOnly(err error) error {
	if err != nil && err.Error() == "not implemented" {
		return ErrReadOnly
	}
	return err
}

// section is the section of Casbin's model that a line's ptype is in.
func section(l model.Line) string { return string(l.Section[:1]) }

// check reads the policy to see that lines are gone and others are there.
func (s *Store) check(ctx context.Context, gone, there []model.Line) error {
	lines, err := s.read(ctx)
	if err != nil {
		return err
	}
	set := setOf(lines)
	for _, l := range gone {
		if set[l] {
			return fmt.Errorf("%w: %s is still there", ErrNotKept, l)
		}
	}
	for _, l := range there {
		if !set[l] {
			return fmt.Errorf("%w: %s is not there", ErrNotKept, l)
		}
	}
	return nil
}

// refresh reads the policy and logs where it is not what it was last.
func (s *Store) refresh(ctx context.Context) error {
	lines, err := s.read(ctx)
	if err != nil {
		return err
	}
	now := map[string][]model.Line{}
	for _, l := range lines {
		now[l.Tenant()] = append(now[l.Tenant()], l)
	}
	for tenant, err := range s.memory.Tenants(ctx) {
		if err != nil {
			return err
		}
		if err := s.follow(ctx, tenant, now[tenant]); err != nil {
			return err
		}
		delete(now, tenant)
	}
	for tenant, lines := range now { // tenants that are new
		if err := s.follow(ctx, tenant, lines); err != nil {
			return err
		}
	}
	return nil
}

// follow logs what changed in a tenant's policy since it was last read.
func (s *Store) follow(ctx context.Context, tenant string, lines []model.Line) error {
	was, err := s.memory.Load(ctx, tenant)
	if err != nil {
		return err
	}
	now, before := setOf(lines), setOf(was.Lines)
	remove := slices.DeleteFunc(was.Lines, func(l model.Line) bool { return now[l] })
	add := slices.DeleteFunc(lines, func(l model.Line) bool { return before[l] })
	if len(remove)+len(add) == 0 {
		return nil
	}
	s.outside[tenant] = true
	_, err = s.memory.Apply(ctx, adapter.Change{
		Tenant: tenant, ID: rand.Text(), Base: was.Revision, Remove: remove, Add: add, Reason: Outside, At: time.Now(),
	})
	return err
}

func setOf(lines []model.Line) map[model.Line]bool {
	set := make(map[model.Line]bool, len(lines))
	for _, l := range lines {
		set[l] = true
	}
	return set
}

// read reads the whole policy, into a Casbin model of its own.
func (s *Store) read(ctx context.Context) ([]model.Line, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := casbinmodel.NewModelFromString(model.CasbinModel)
	if err != nil {
		return nil, fmt.Errorf("casbinadapter: read the model: %w", err)
	}
	if err := loadPolicy(ctx, s.casbin, m); err != nil {
		return nil, fmt.Errorf("casbinadapter: read the policy: %w", err)
	}
	var lines []model.Line
	for _, sec := range []string{"p", "g"} {
		for ptype, assertion := range m[sec] {
			for _, rule := range assertion.Policy {
				l, err := lineOf(ptype, rule)
				if err != nil {
					return nil, fmt.Errorf("casbinadapter: read the policy: %w", err)
				}
				lines = append(lines, l)
			}
		}
	}
	return lines, nil
}

// loadPolicy is the adapter's, whose panics (gorm-adapter's at an empty row,
// for one) become errors.
func loadPolicy(ctx context.Context, a persist.Adapter, m casbinmodel.Model) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the adapter panics: %v", p)
		}
	}()
	if a, ok := a.(persist.ContextAdapter); ok {
		return a.LoadPolicyCtx(ctx, m)
	}
	return a.LoadPolicy(m)
}

// lineOf is the line of a Casbin rule.
func lineOf(ptype string, rule []string) (model.Line, error) {
	l := model.Line{Section: model.Section(ptype)}
	if len(rule) > len(l.Values) {
		return model.Line{}, &model.ValueError{
			In: "Casbin rule of " + ptype, Column: "values", Value: fmt.Sprint(rule), Err: model.ErrMalformed,
			Hint: fmt.Sprintf("at most %d", len(l.Values)),
		}
	}
	copy(l.Values[:], rule)
	return l, l.Check()
}
