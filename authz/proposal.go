package authz

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Proposal is a change that is not made yet, or what became of it. It is nothing to a decision until it
// is made. [Authorizer.Preview] of its Change shows what that would do.
type Proposal struct {
	ID      string // of the change too, in the log, once it is made
	Change  Change
	State   adapter.State
	Start   time.Time // when it is to be made; zero: when it is approved
	Expires time.Time // if it is not made by then, it never is
	// Steps are who did what with it, oldest first: "requested" or "planned", "approved", "rejected", "cancelled", "acknowledged",
	// and, without an actor, "made", "failed" with the reason, and "expired".
	Steps []adapter.Step
}

// ProposalExpiry is how long a proposal may be made if [ExpireAt] does not say it: from its
// start or, without one, from when it was proposed.
const ProposalExpiry = 7 * 24 * time.Hour

// ProposalOption says more of a proposal: StartAt or ExpireAt.
type ProposalOption func(*adapter.Proposal)

// StartAt plans a change: [Authorizer.Run] makes it at that time. Without it a proposal is a request,
// which is made when a second person approves it.
func StartAt(t time.Time) ProposalOption { return func(p *adapter.Proposal) { p.Start = t } }

// ExpireAt says when it is too late to approve or make a change.
func ExpireAt(t time.Time) ProposalOption { return func(p *adapter.Proposal) { p.Expires = t } }

// What is done with a proposal, besides reaching a state.
const (
	approved     = "approved"
	acknowledged = "acknowledged"
)

// atOnce is when a proposal is due that [Authorizer.Run] has not looked at yet: long ago, however
// the clock is set.
var atOnce = time.Unix(0, 0).UTC()

// Propose keeps a change to be made later, durable in the store: at its start ([StartAt]), or when
// a second person approves it ([Authorizer.Approve]); one with a start that is sensitive (ErrNeedsApproval) needs both. It is checked as by [Authorizer.Apply], now and once
// more when it is made, of the policy as it is then: facts that are there by then, or gone, are passed over.
//
// The Author's ChangeID becomes the proposal's: a proposal of a tenant with an ID that is there is returned as it is, not
// made again; ErrSettled says that the log has a change of that ID. Refused are, besides what Apply refuses, a change of no facts, one for a
// revision (Change.Base), one of more than adapter.MaxProposalLines facts, and one that expires before it starts
// or already has, each with a *model.ValueError. A store that keeps no proposals: ErrNoProposals.
func (a *Authorizer) Propose(ctx context.Context, by Author, c Change, options ...ProposalOption) (*Proposal, error) {
	start := a.started()
	p, err := a.propose(ctx, by, c, options)
	return a.shown(ctx, "propose", start, c.Tenant, by, p, err)
}

func (a *Authorizer) propose(ctx context.Context, by Author, c Change, options []ProposalOption) (p adapter.Proposal, err error) {
	planner, err := a.planner(by)
	if err != nil {
		return p, err
	}
	now := a.clock()
	p = adapter.Proposal{Tenant: c.Tenant, ID: cmp.Or(by.ChangeID, rand.Text()), Version: 1, State: adapter.Requested, Due: atOnce}
	for _, o := range options {
		o(&p)
	}
	if !p.Start.IsZero() {
		p.State = adapter.Planned
	}
	if p.Expires.IsZero() {
		p.Expires = later(now, p.Start).Add(ProposalExpiry)
	}
	switch {
	case c.Tenant == "" || len(c.Add)+len(c.Remove) == 0:
		return p, model.At("proposal", "change", "", fmt.Errorf("%w: there are no facts in it", model.ErrMalformed))
	case c.Base != 0:
		return p, model.At("proposal", "base", fmt.Sprint(c.Base), fmt.Errorf("%w: it is made of the policy as it will be", model.ErrMalformed))
	case !p.Expires.After(later(now, p.Start)):
		return p, model.At("proposal", "expires", p.Expires.Format(time.RFC3339), fmt.Errorf("%w: is to be later than now and the start", model.ErrMalformed))
	}
	if p.Remove, p.Add, err = a.encode(c); err != nil {
		return p, err
	}
	if by.ChangeID != "" {
		if known, err := a.proposedBefore(ctx, planner, c.Tenant, by.ChangeID); err != nil || known.Version > 0 {
			return known, err
		}
	}
	if p.State, err = a.firstState(ctx, by, p); err != nil {
		return p, err
	}
	p.Steps = []adapter.Step{{Did: string(p.State), Actor: by.Actor, Reason: by.Reason, At: now}}
	if p, err = p.Normal(); err != nil {
		return p, err
	}
	return p, planner.Put(ctx, p)
}

// firstState is that of a proposal whose author may make its change, with a second person if need be.
func (a *Authorizer) firstState(ctx context.Context, by Author, p adapter.Proposal) (adapter.State, error) {
	check := func(t *tenant, s *engine.Snapshot) error {
		if err := a.checkAdded(ctx, p.Tenant, s.Revision, p.Remove, p.Add); err != nil {
			return err
		}
		return a.check(ctx, t, s, by, p.Remove, p.Add)
	}
	err := a.against(ctx, p.Tenant, check)
	if errors.Is(err, ErrNeedsApproval) {
		p.State = adapter.Requested
		by.approver = operatorPrefix // somebody who may
		err = a.against(ctx, p.Tenant, check)
	}
	return p.State, err
}

// proposedBefore is the proposal of an ID, if there is one; ErrSettled if the log has a change with it.
func (a *Authorizer) proposedBefore(ctx context.Context, planner adapter.Planner, tenant, id string) (adapter.Proposal, error) {
	p, err := planner.Proposal(ctx, tenant, id)
	if !errors.Is(err, adapter.ErrNoProposal) {
		return p, err
	}
	// A change without lines has no effect, but finds the entry of its ID.
	e, err := a.store.Apply(ctx, adapter.Change{Tenant: tenant, ID: id, At: a.clock()})
	switch {
	case errors.Is(err, adapter.ErrConflict):
		return adapter.Proposal{}, nil
	case err != nil:
		return adapter.Proposal{}, err
	case len(e.Remove)+len(e.Add) > 0:
		return adapter.Proposal{}, fmt.Errorf("%w: the change %q is made", ErrSettled, id)
	}
	return adapter.Proposal{}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// planner is the store, if it keeps proposals and the author has a name.
func (a *Authorizer) planner(by Author) (adapter.Planner, error) {
	planner, ok := a.store.(adapter.Planner)
	switch {
	case a.closed.Load():
		return nil, ErrClosed
	case by.Actor == "":
		return nil, ErrNoActor
	case !ok:
		return nil, ErrNoProposals
	case strings.HasPrefix(by.Actor, operatorPrefix) && !by.operator:
		return nil, notAnOperator(by)
	}
	return planner, nil
}

// shown tells of what was done with a proposal, and names it in its error.
func (a *Authorizer) shown(ctx context.Context, op string, start time.Time, tenant string, by Author, p adapter.Proposal, err error) (*Proposal, error) {
	var shown *Proposal
	if p.Version > 0 && err == nil {
		shown, err = show(p)
	}
	if _, err = a.changed(ctx, op, start, tenant, by, 0, err); err != nil {
		return nil, err
	}
	return shown, nil
}

// show is a proposal as the application sees it.
func show(p adapter.Proposal) (*Proposal, error) {
	c, err := changeOf(p)
	if err != nil {
		return nil, err
	}
	return &Proposal{ID: p.ID, Change: c, State: p.State, Start: p.Start, Expires: p.Expires, Steps: slices.Clone(p.Steps)}, nil
}

// changeOf is the change that a proposal makes.
func changeOf(p adapter.Proposal) (c Change, err error) {
	c.Tenant = p.Tenant
	if c.Remove, err = decodeAll(p.Remove); err == nil {
		c.Add, err = decodeAll(p.Add)
	}
	return c, err
}

func decodeAll(lines []model.Line) (facts []Fact, err error) {
	for _, l := range lines {
		f, err := model.Decode(l)
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// Proposals are the proposals of a tenant that are in one of the states (none: in any), oldest first.
func (a *Authorizer) Proposals(ctx context.Context, tenant string, states ...adapter.State) ([]*Proposal, error) {
	all, err := a.proposals(ctx, tenant, states)
	return all, failed("proposals", tenant, err)
}

func (a *Authorizer) proposals(ctx context.Context, tenant string, states []adapter.State) (all []*Proposal, err error) {
	planner, err := a.planner(Author{Actor: "-"})
	if err != nil {
		return nil, err
	}
	kept, err := planner.Proposals(ctx, tenant, states...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(kept, func(p, q adapter.Proposal) int {
		return cmp.Or(p.Steps[0].At.Compare(q.Steps[0].At), cmp.Compare(p.ID, q.ID))
	})
	for _, k := range kept {
		if k.State == adapter.Noted {
			continue
		}
		p, err := show(k)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Proposal is a tenant's proposal by its ID, or adapter.ErrNoProposal.
func (a *Authorizer) Proposal(ctx context.Context, tenant, id string) (*Proposal, error) {
	planner, err := a.planner(Author{Actor: "-"})
	var kept adapter.Proposal
	if err == nil {
		kept, err = planner.Proposal(ctx, tenant, id)
	}
	if err == nil && kept.State == adapter.Noted {
		err = adapter.ErrNoProposal
	}
	if err != nil {
		return nil, failed("proposal", tenant, err)
	}
	p, err := show(kept)
	return p, failed("proposal", tenant, err)
}
