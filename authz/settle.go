package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
)

// step is the next version of a proposal, after somebody did something with it.
func step(p adapter.Proposal, state adapter.State, did string, by Author, now time.Time) adapter.Proposal {
	p.Version, p.State, p.Due = p.Version+1, state, atOnce
	p.Steps = append(slices.Clone(p.Steps), adapter.Step{Did: did, Actor: by.Actor, Reason: by.Reason, At: now})
	return p
}

// Approve has the change of a request made: at once, or at its start. If it is refused when it is made, the
// proposal has failed, and Approve returns why; if it cannot be made now, it stays approved, and [Authorizer.Run] or
// another Approve makes it. Of several who settle a proposal at the same time one does, the others get ErrSettled.
//
// Nobody approves what he proposed, nor what widens himself: a change that adds a rule or membership of his or of a
// group that he is in or will be, or takes away what restricts them, by taking him out of a group among others, or by a
// switch (ErrOwnProposal); what he would see of his reports does not count. Where there is administration (model.Administration), who approves may approve each fact, and he and who
// proposed it are asked for their rights again when the change is made: else a *NotAllowedError. One that has
// expired is ErrExpired, one that is settled ErrSettled, an unknown one adapter.ErrNoProposal.
func (a *Authorizer) Approve(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		switch {
		case p.State == adapter.Planned && lastStep(p).Did == approved && lastStep(p).Actor == by.Actor:
			return p, errUnchanged // it is to be made once more, unless it has expired
		case p.State != adapter.Requested:
			return p, settledAs(p)
		}
		return step(p, adapter.Planned, approved, by, now), a.mayApproveNow(ctx, by, p)
	})
	if err == nil && !a.clock().Before(p.Start) {
		p, err = a.make(ctx, p)
	}
	return a.shown(ctx, "approve", start, tenant, by, p, err)
}

// Reject settles a request: its change is not made. Who proposed it cancels it. Where there is administration,
// who rejects may do what Approve needs.
func (a *Authorizer) Reject(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		switch {
		case p.State != adapter.Requested:
			return p, settledAs(p)
		case p.Steps[0].Actor == by.Actor:
			return p, fmt.Errorf("%w: who proposed a change cancels it", ErrOwnProposal)
		}
		return step(p, adapter.Rejected, string(adapter.Rejected), by, now), a.maySettle(ctx, by, p)
	})
	return a.shown(ctx, "reject", start, tenant, by, p, err)
}

// Cancel settles a request, or a planned change that is not made yet: it is not made. What is made is ErrSettled. Where
// there is administration, who proposed it may, and who may approve it or is an administrator.
func (a *Authorizer) Cancel(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		if p.State != adapter.Requested && p.State != adapter.Planned {
			return p, settledAs(p)
		}
		return step(p, adapter.Cancelled, string(adapter.Cancelled), by, now), a.mayCancel(ctx, by, p)
	})
	return a.shown(ctx, "cancel", start, tenant, by, p, err)
}

// Acknowledge notes that somebody knows of a proposal, once each, in whatever state it is.
func (a *Authorizer) Acknowledge(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		if slices.ContainsFunc(p.Steps, func(s adapter.Step) bool { return s.Did == acknowledged && s.Actor == by.Actor }) {
			return p, errUnchanged
		}
		due := p.Due
		p = step(p, p.State, acknowledged, by, now)
		p.Due = due
		return p, nil
	})
	return a.shown(ctx, "acknowledge", start, tenant, by, p, err)
}

// errUnchanged: there is nothing to put.
var errUnchanged = errors.New("nothing changes")

func lastStep(p adapter.Proposal) adapter.Step { return p.Steps[len(p.Steps)-1] }

func settledAs(p adapter.Proposal) error { return fmt.Errorf("%w: it is %s", ErrSettled, p.State) }

// settle puts what becomes of a proposal, of the version that is kept.
func (a *Authorizer) settle(ctx context.Context, by Author, tenant, id string, become func(adapter.Proposal, time.Time) (adapter.Proposal, error)) (p adapter.Proposal, err error) {
	planner, err := a.planner(by)
	if err != nil {
		return p, err
	}
	for range maxConflicts {
		if p, err = planner.Proposal(ctx, tenant, id); err != nil {
			return p, err
		}
		if p.State == adapter.Noted {
			return p, adapter.ErrNoProposal
		}
		next, err := become(p, a.clock())
		if errors.Is(err, errUnchanged) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		if err = planner.Put(ctx, next); !errors.Is(err, adapter.ErrConflict) {
			return next, err
		}
	}
	return p, ErrBusy
}

// mayApproveNow tells whether somebody may approve a request.
func (a *Authorizer) mayApproveNow(ctx context.Context, by Author, p adapter.Proposal) error {
	if !a.clock().Before(p.Expires) {
		return ErrExpired
	}
	if by.Actor == p.Steps[0].Actor {
		return fmt.Errorf("%w: it is proposed by %s", ErrOwnProposal, by.Actor)
	}
	if err := a.maySettle(ctx, by, p); err != nil {
		return err
	}
	return a.against(ctx, p.Tenant, func(t *tenant, s *engine.Snapshot) error {
		before, err := a.proposed(ctx, t, s, p.Remove, p.Add)
		if err != nil {
			return err
		}
		return before.checkWidening(by.Actor, p)
	})
}

// maySettle tells whether administration lets somebody approve or reject a request.
func (a *Authorizer) maySettle(ctx context.Context, by Author, p adapter.Proposal) error {
	if by.operator {
		return nil
	}
	return a.against(ctx, p.Tenant, func(_ *tenant, s *engine.Snapshot) error { return a.mayApprove(ctx, s, by.Actor, p.Remove, p.Add) })
}

// mayCancel tells whether administration lets somebody cancel a proposal.
func (a *Authorizer) mayCancel(ctx context.Context, by Author, p adapter.Proposal) error {
	if by.Actor == p.Steps[0].Actor {
		return nil
	}
	err := a.maySettle(ctx, by, p)
	if errors.Is(err, ErrNotAllowed) {
		return a.against(ctx, p.Tenant, func(_ *tenant, s *engine.Snapshot) error { return a.mayAdminister(ctx, s, by) })
	}
	return err
}
