package authz

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
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
// a second person approves it ([Authorizer.Approve]). It is checked as by [Authorizer.Apply], now and once
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
	p.Steps = []adapter.Step{{Did: string(p.State), Actor: by.Actor, Reason: by.Reason, At: now}}
	if p, err = p.Normal(); err != nil {
		return p, err
	}
	return p, planner.Put(ctx, p)
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
// group that he is in, or takes away what restricts them (ErrOwnProposal). A request that has
// expired is ErrExpired, one that is settled ErrSettled, an unknown one adapter.ErrNoProposal.
func (a *Authorizer) Approve(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		switch {
		case p.State == adapter.Planned && lastStep(p).Did == approved && lastStep(p).Actor == by.Actor:
			return p, errUnchanged // it is to be made once more
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

// Reject settles a request: its change is not made. Who proposed it cancels it.
func (a *Authorizer) Reject(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		switch {
		case p.State != adapter.Requested:
			return p, settledAs(p)
		case p.Steps[0].Actor == by.Actor:
			return p, fmt.Errorf("%w: who proposed a change cancels it", ErrOwnProposal)
		}
		return step(p, adapter.Rejected, string(adapter.Rejected), by, now), nil
	})
	return a.shown(ctx, "reject", start, tenant, by, p, err)
}

// Cancel settles a request, or a planned change that is not made yet: it is not made. What is made is ErrSettled.
func (a *Authorizer) Cancel(ctx context.Context, by Author, tenant, id string) (*Proposal, error) {
	start := a.started()
	p, err := a.settle(ctx, by, tenant, id, func(p adapter.Proposal, now time.Time) (adapter.Proposal, error) {
		if p.State != adapter.Requested && p.State != adapter.Planned {
			return p, settledAs(p)
		}
		return step(p, adapter.Cancelled, string(adapter.Cancelled), by, now), nil
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
	self, err := a.groupsAround(ctx, by.Actor, p)
	if err != nil {
		return err
	}
	for _, l := range p.Add {
		if !restricts(l) && slices.Contains(self, gains(l)) {
			return fmt.Errorf("%w: %s gains by %s", ErrOwnProposal, by.Actor, l)
		}
	}
	for _, l := range p.Remove {
		if restricts(l) && slices.Contains(self, gains(l)) {
			return fmt.Errorf("%w: %s gains without %s", ErrOwnProposal, by.Actor, l)
		}
	}
	return nil
}

// groupsAround is somebody with the groups that he is in before a change, and after it.
func (a *Authorizer) groupsAround(ctx context.Context, who string, p adapter.Proposal) ([]string, error) {
	self := []string{who, model.Everyone}
	if p.Tenant == model.Base { // nobody is in it
		return self, nil
	}
	from, err := a.store.Load(ctx, p.Tenant)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	after := slices.DeleteFunc(slices.Clone(from.Lines), func(l model.Line) bool { return slices.Contains(p.Remove, l) })
	for _, lines := range [][]model.Line{from.Lines, append(after, p.Add...)} {
		s, err := engine.Compile(a.tenant(p.Tenant).schema, a.base.Load(), p.Tenant, from.Revision, lines)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		self = append(self, s.Groups(&Request{Tenant: p.Tenant, User: who}, a.clock)...)
	}
	return self, nil
}

// gains is who gains by a line, or loses by one that restricts.
func gains(l model.Line) string {
	if l.Section == model.OrgEdges {
		return l.Values[1]
	}
	return l.Values[0]
}

// restricts tells whether a line takes something from somebody.
func restricts(l model.Line) bool {
	switch l.Section {
	case model.Switches:
		return true
	case model.CustomerRules, model.FieldRules:
		return l.Values[4] == model.Deny.String()
	}
	return false
}

// make makes the change of a proposal that is planned, and marks it as made, in one transaction. If it is refused, the
// proposal has failed; on any other error it stays as it is.
func (a *Authorizer) make(ctx context.Context, p adapter.Proposal) (adapter.Proposal, error) {
	c, err := changeOf(p)
	if err != nil {
		return p, err
	}
	planner, err := a.planner(Author{Actor: p.Steps[0].Actor})
	if err != nil {
		return p, err
	}
	made := step(p, adapter.Made, string(adapter.Made), Author{}, a.clock())
	by := Author{Actor: p.Steps[0].Actor, Reason: p.Steps[0].Reason, ChangeID: p.ID}
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

// errSettledMeanwhile: another was faster.
var errSettledMeanwhile = fmt.Errorf("%w meanwhile", ErrSettled)

// refused tells whether an error says that a change cannot be made of the policy as it is.
func refused(err error) bool {
	for _, not := range []error{ErrUnavailable, ErrClosed, ErrBusy, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, not) {
			return false
		}
	}
	_, value := errors.AsType[*model.ValueError](err)
	return value || errors.Is(err, ErrNoSuchRule) || errors.Is(err, ErrOpen) || errors.Is(err, model.ErrCycle) || errors.Is(err, model.ErrTooDeep)
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
