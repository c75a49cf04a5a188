package authz

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Author is who makes a change and why, for the change log.
type Author struct {
	Actor  string // who; any text but the empty one
	Reason string // why, such as a ticket; may be empty
	// ChangeID makes a retry safe: a change of a tenant with an ID that is in
	// its log is not made again. Empty: a random one.
	ChangeID string
}

// By names the author of a change.
func By(actor, reason string) Author { return Author{Actor: actor, Reason: reason} }

// Grant adds facts of one tenant (or of the base policy) to its policy, as one
// change: durable and logged as a whole, or not made at all. When it returns, the
// next Enforce answers by it. Facts that are there already stay as they are; if
// all are, nothing changes. It returns the revision that has the facts.
//
// Facts are checked against the schema, and refused with a *model.ValueError; an
// inheritance that would close a cycle with model.ErrCycle, one of more
// than model.MaxDepth in a row with model.ErrTooDeep. (A grant to the base policy is
// not checked against each tenant's own inheritance: a cycle or chain that only both
// together make is stored, and followed no further than decisions follow any.)
//
// In a context that the store has joined to a transaction of the caller's, the
// grant commits or rolls back with it, and decides only after the commit.
func (a *Authorizer) Grant(ctx context.Context, by Author, facts ...Fact) (Revision, error) {
	start := a.started()
	tenant, lines, err := a.encode(facts)
	if err != nil {
		return a.changed(ctx, "grant", start, tenant, by, 0, err)
	}
	rev, err := a.apply(ctx, by, tenant, func(ctx context.Context, s *engine.Snapshot) (remove, add []model.Line, err error) {
		return nil, lines, a.checkNesting(ctx, tenant, s, lines)
	})
	return a.changed(ctx, "grant", start, tenant, by, rev, err)
}

// Revoke takes facts of one tenant away, as one change. Facts that are not
// there are passed over. What each fact says must be the same to the letter: a rule with
// a period is another than one without. It returns the revision without the facts.
func (a *Authorizer) Revoke(ctx context.Context, by Author, facts ...Fact) (Revision, error) {
	start := a.started()
	tenant, lines, err := a.encode(facts)
	if err != nil {
		return a.changed(ctx, "revoke", start, tenant, by, 0, err)
	}
	rev, err := a.apply(ctx, by, tenant, func(context.Context, *engine.Snapshot) (remove, add []model.Line, err error) { return lines, nil, nil })
	return a.changed(ctx, "revoke", start, tenant, by, rev, err)
}

// encode checks facts against the schema of their tenant and writes their lines.
func (a *Authorizer) encode(facts []Fact) (tenant string, lines []model.Line, err error) {
	lines = make([]model.Line, len(facts))
	var schema *model.Schema
	for i, f := range facts {
		if lines[i], err = model.Encode(f); err != nil {
			return tenant, nil, err
		}
		if i == 0 {
			tenant = f.TenantID()
			schema = a.schema.For(tenant)
		}
		if f.TenantID() != tenant {
			return tenant, nil, fmt.Errorf("%w: %s and %s", ErrTenants, tenant, f.TenantID())
		}
		if f.Section() == model.Switches {
			return tenant, nil, model.At("change", "fact", f.String(), model.ErrMalformed)
		}
		if err = schema.CheckFact(f); err != nil {
			return tenant, nil, err
		}
	}
	return tenant, lines, nil
}

// maxConflicts is how often a change is tried against a policy that others change.
const maxConflicts = 64

// apply makes the change that build says of the tenant's current policy.
func (a *Authorizer) apply(ctx context.Context, by Author, name string, build func(context.Context, *engine.Snapshot) (remove, add []model.Line, err error)) (Revision, error) {
	switch {
	case a.closed.Load():
		return 0, ErrClosed
	case by.Actor == "":
		return 0, ErrNoActor
	case name == "": // no facts at all
		return 0, nil
	}
	if by.ChangeID == "" {
		by.ChangeID = rand.Text()
	}
	t := a.tenant(name)
	// In a transaction of the caller's nothing shared is changed; and who holds
	// the database's lock of the tenant must not wait for one who waits for it.
	if !adapter.Pending(ctx) {
		t.change.Lock()
		defer t.change.Unlock()
	}
	s, err := a.current(ctx, t)
	for range maxConflicts {
		if err != nil {
			return 0, err
		}
		var rev Revision
		var remove, add []model.Line
		if remove, add, err = build(ctx, s); err == nil {
			rev, err = a.commit(ctx, t, s, by, remove, add)
		}
		if err == nil || !errors.Is(err, adapter.ErrConflict) {
			return rev, err
		}
		s, err = a.load(ctx, t)
	}
	return 0, ErrBusy
}

// current is the snapshot that a change is made against. In a transaction of
// the caller's that is what the transaction sees.
func (a *Authorizer) current(ctx context.Context, t *tenant) (*engine.Snapshot, error) {
	if s := a.loaded(t.name); s != nil && !adapter.Pending(ctx) {
		return s, nil
	}
	return a.compile(ctx, t)
}

// commit makes a change durable and answers from what comes of it.
func (a *Authorizer) commit(ctx context.Context, t *tenant, s *engine.Snapshot, by Author, remove, add []model.Line) (Revision, error) {
	next, quick, err := s.With(s.Revision+1, remove, add)
	if err != nil {
		return 0, err
	}
	entry, err := a.store.Apply(ctx, adapter.Change{Tenant: t.name, ID: by.ChangeID, Base: s.Revision,
		Remove: remove, Add: add, Actor: by.Actor, Reason: by.Reason, At: a.clock()})
	switch {
	case err != nil:
		return 0, err
	case adapter.Pending(ctx) || entry.Revision <= s.Revision: // to be answered from later, or nothing changed
		return entry.Revision, nil
	case t.name == model.Base:
		err = a.loadBase(ctx)
	case quick && entry.Base == s.Revision && slices.Equal(entry.Remove, remove) && slices.Equal(entry.Add, add):
		a.tenants.publish(t, next)
	default:
		_, err = a.load(ctx, t)
	}
	if err != nil {
		err = fmt.Errorf("the change is made (revision %d), but not yet answered from: %w", entry.Revision, err)
	}
	return entry.Revision, err
}

// checkNesting refuses what would close a cycle, or nest too deeply.
func (a *Authorizer) checkNesting(ctx context.Context, tenant string, s *engine.Snapshot, add []model.Line) error {
	nests := false
	for _, l := range add {
		nests = nests || l.Section == model.OrgEdges || l.Section == model.Memberships && model.KindOf(l.Values[0]) != model.User
	}
	if !nests {
		return nil
	}
	all := [][]model.Line{add}
	for _, name := range []string{tenant, model.Base} {
		from, err := a.store.Load(ctx, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if name == tenant && from.Revision != s.Revision {
			return adapter.ErrConflict
		}
		all = append(all, from.Lines)
	}
	return engine.CheckNesting(add, all...)
}
