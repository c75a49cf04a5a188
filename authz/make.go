package authz

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// make makes the change of a proposal that is planned, and marks it as made, in one transaction. If it is refused, the
// proposal has failed; on any other error, ErrExpired among them, it stays as it is.
func (a *Authorizer) make(ctx context.Context, p adapter.Proposal) (adapter.Proposal, error) {
	if !a.clock().Before(p.Expires) {
		return p, ErrExpired
	}
	c, err := changeOf(p)
	if err != nil {
		return p, err
	}
	by := authorOf(p)
	planner, err := a.planner(by)
	if err != nil {
		return p, err
	}
	made := step(p, adapter.Made, string(adapter.Made), Author{}, a.clock())
	by.store = func(ctx context.Context, c adapter.Change) (adapter.Entry, error) {
		e, err := planner.Settle(ctx, c, made)
		if errors.Is(err, adapter.ErrConflict) {
			if now, err := planner.Proposal(ctx, p.Tenant, p.ID); err == nil && now.Version != p.Version {
				return e, errSettledMeanwhile
			}
		}
		return e, err
	}
	_, err = a.applyAs(ctx, "make", by, c)
	if err == nil {
		return made, nil
	}
	// It may be made all the same, by this or by another: what is kept says so.
	now, lost := planner.Proposal(ctx, p.Tenant, p.ID)
	switch {
	case lost != nil:
		return p, errors.Join(err, lost)
	case now.State == adapter.Made:
		return now, nil
	case now.Version != p.Version && now.State != adapter.Planned:
		return now, settledAs(now)
	case now.Version != p.Version || !refused(err):
		return now, err
	}
	failed := step(p, adapter.Failed, string(adapter.Failed), Author{Reason: err.Error()}, a.clock())
	if lost := planner.Put(ctx, failed); lost != nil {
		return p, errors.Join(err, lost)
	}
	return failed, err
}

// authorOf is who proposed a change, with the second person who approved it. Nobody but an operator
// proposes or approves in the name of one.
func authorOf(p adapter.Proposal) Author {
	first := p.Steps[0]
	by := Author{Actor: first.Actor, Reason: first.Reason, ChangeID: p.ID, operator: strings.HasPrefix(first.Actor, operatorPrefix)}
	for _, s := range p.Steps {
		if s.Did == approved {
			by.approver = s.Actor
		}
	}
	return by
}

// errSettledMeanwhile: another was faster.
var errSettledMeanwhile = fmt.Errorf("%w meanwhile", ErrSettled)

// refused tells whether an error says that a change cannot be made of the policy as it is.
func refused(err error) bool {
	for _, not := range []error{ErrUnavailable, ErrClosed, ErrBusy, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, not) {
			return false
		}
	}
	for _, is := range []error{ErrNotAllowed, ErrNeedsApproval, ErrLastAdministrator, ErrConstraint, ErrNoSuchRule, ErrOpen, model.ErrCycle, model.ErrTooDeep} {
		if errors.Is(err, is) {
			return true
		}
	}
	_, value := errors.AsType[*model.ValueError](err)
	return value
}
