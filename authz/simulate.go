package authz

import (
	"context"
	"slices"

	"github.com/crmauthz/crmauthz/adapter"
)

// Simulate returns an Authorizer of one tenant's policy as it would be with a change: a draft in memory, to ask
// all that can be asked, at any time (Request.At), and to change further. Nobody else sees anything of it, what it
// decides is neither logged nor observed, and it is gone with its last user; it need not be closed.
//
// It answers, and lets nobody in: do not enforce by it. It reveals no field ([Authorizer.Reveal]), knows no other tenant, and
// its revisions begin at 1. A Change with the tenant alone makes a draft of the policy as it is; a change of the
// base policy needs [InTenant]. It refuses what Preview refuses.
func (a *Authorizer) Simulate(ctx context.Context, c Change, options ...PreviewOption) (*Authorizer, error) {
	s, err := a.simulate(ctx, c, options)
	if err != nil {
		return nil, failed("simulate", c.Tenant, err)
	}
	return s, nil
}

func (a *Authorizer) simulate(ctx context.Context, c Change, options []PreviewOption) (*Authorizer, error) {
	d, err := a.draft(ctx, c, a.previewing(c.Tenant, options))
	if err != nil {
		return nil, err
	}
	lines, base := d.After()
	store, err := adapter.NewMemory(slices.Values(slices.Concat(lines, base)))
	if err != nil {
		return nil, err
	}
	s := &Authorizer{schema: a.schema, conditions: a.conditions, engine: a.engine, store: store, clock: a.clock, resolver: a.resolver,
		masks: a.masks, hashKey: a.hashKey, openLimit: a.openLimit, shapes: a.shapes, extended: a.extended, isDraft: true, stop: func() {}}
	s.latest.Note(a.latest.Note(a.clock()))
	if err := s.loadBase(ctx); err != nil {
		return nil, err
	}
	t := s.tenant(d.Tenant)
	t.change.Lock()
	defer t.change.Unlock()
	snapshot, err := s.compile(ctx, t)
	if err != nil {
		return nil, err
	}
	s.tenants.publish(t, snapshot) // also one that is left without a fact
	return s, nil
}
