package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// RunOption says more of Run and RunOnce: Every or Ahead.
type RunOption func(*runner)

// Every sets how often Run looks; without it every 10 seconds.
func Every(d time.Duration) RunOption { return func(r *runner) { r.every = d } }

// Ahead sets how long before a start or an end people are told of it; without it 15 minutes.
func Ahead(d time.Duration) RunOption { return func(r *runner) { r.ahead = d } }

const (
	defaultEvery = 10 * time.Second
	defaultAhead = 15 * time.Minute
	// tellingTakes is how long nobody else gives a notice that somebody is giving.
	tellingTakes = time.Minute
	// endedSince is how long ago a switch may have ended that is told of.
	endedSince = 24 * time.Hour
)

// runner is one look at what is due.
type runner struct {
	*Authorizer
	planner      adapter.Planner
	to           Notifier
	every, ahead time.Duration
	now          time.Time
}

// Run makes the planned changes of all tenants when they start, has those expire that are too late, and tells the
// notifier of it (nil: nobody): of a planned change before it starts, when it is made, or when it failed; of requests and what becomes of them;
// and of the facts of a change, and of every switch of a tenant, before they end and when they have: so that
// people know before an open tenant closes. Of a switch that ended more than a day ago nobody is told. An opening that is over it takes away, as "operator:run". It returns when the context ends, with its error, or with ErrClosed or ErrNoProposals.
//
// Any number of processes may run it on one store: one of them makes a change, and one gives a notice. What was told
// is kept with the proposals; a notice is given once more only if a process ends while it gives it, after a minute.
// A clock that is set back makes nothing twice and undoes nothing. If the store cannot be asked, nothing changes: what is due is made
// when it can, unless it has expired by then, and the notifier hears NoticeLate, once. The time is that of WithClock.
func (a *Authorizer) Run(ctx context.Context, to Notifier, options ...RunOption) error {
	r := runner{every: defaultEvery}
	for _, o := range options {
		o(&r)
	}
	late := false
	for {
		err := a.RunOnce(ctx, to, options...)
		switch {
		case errors.Is(err, ErrClosed), errors.Is(err, ErrNoProposals):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errNotAsked):
			late = false
		case !late:
			late = give(ctx, to, Notice{Event: NoticeLate, At: a.clock(), Err: err}) == nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.every):
		}
	}
}

// RunOnce looks once at what is due, as [Authorizer.Run] does again and again. Its error says all that
// could not be done: ErrUnavailable if the store cannot be asked.
func (a *Authorizer) RunOnce(ctx context.Context, to Notifier, options ...RunOption) error {
	start := a.started()
	planner, err := a.planner(Author{Actor: "-"})
	if err == nil {
		r := &runner{Authorizer: a, planner: planner, to: to, ahead: defaultAhead, now: a.clock()}
		for _, o := range options {
			o(r)
		}
		err = r.look(ctx)
	}
	if err != nil {
		_, err = a.changed(ctx, "run", start, "", Author{}, 0, err)
	}
	return err
}

// errNotAsked: the store does not say what is due.
var errNotAsked = fmt.Errorf("%w: what is due is not known", ErrUnavailable)

// look looks at all that is due.
func (r *runner) look(ctx context.Context) error {
	due, err := r.planner.Due(ctx, r.now)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotAsked, err)
	}
	var errs []error
	for _, p := range due {
		if err := r.lookAt(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("proposal %s of tenant %q: %w", p.ID, p.Tenant, err))
		}
	}
	lines, err := r.planner.Ending(ctx, time.Time{}, r.now.Add(r.ahead)) // an opening may be over for long
	if err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", errNotAsked, err))
	}
	for _, l := range lines {
		if err := r.lookAtSwitch(ctx, l); err != nil {
			errs = append(errs, fmt.Errorf("switch %s: %w", l, err))
		}
	}
	return errors.Join(errs...)
}

// lookAt has happen to a proposal what is due, and tells of it.
func (r *runner) lookAt(ctx context.Context, p adapter.Proposal) error {
	p, late, err := r.advance(ctx, p)
	if err != nil {
		return err
	}
	errs := []error{late}
	notices := r.noticesOf(p, late)
	for _, n := range notices {
		if p, err = r.tell(ctx, p, n); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if slices.ContainsFunc(notices, func(n notice) bool { return !toldOf(p, n.key) }) {
		return nil // another is giving one; it stays due until that is noted
	}
	next := r.nextLook(p)
	if !next.Equal(p.Due) {
		p.Version, p.Due = p.Version+1, next
		if err := r.planner.Put(ctx, p); err != nil && !errors.Is(err, adapter.ErrConflict) { // whoever was faster has it looked at
			return err
		}
	}
	return nil
}

// advance makes a change that starts, or has it expire. late is why it cannot be made yet.
func (r *runner) advance(ctx context.Context, p adapter.Proposal) (next adapter.Proposal, late, err error) {
	open := p.State == adapter.Requested || p.State == adapter.Planned
	switch {
	case open && !r.now.Before(p.Expires):
		next = step(p, adapter.Expired, string(adapter.Expired), Author{}, r.now)
		err = r.planner.Put(ctx, next)
	case p.State == adapter.Planned && !r.now.Before(p.Start):
		if next, late = r.make(ctx, p); next.State != adapter.Planned {
			late = nil
		}
	default:
		next = p
	}
	if errors.Is(err, adapter.ErrConflict) {
		next, err = r.planner.Proposal(ctx, p.Tenant, p.ID)
	}
	return next, late, err
}

// notice is one that is to be given, with the name that it is remembered by.
type notice struct {
	Notice
	key string
}

var eventOf = map[adapter.State]NoticeEvent{
	adapter.Requested: NoticeRequested, adapter.Rejected: NoticeRejected, adapter.Cancelled: NoticeCancelled,
	adapter.Expired: NoticeExpired, adapter.Made: NoticeMade, adapter.Failed: NoticeFailed,
}

// noticesOf are the notices of a proposal that are due and not given.
func (r *runner) noticesOf(p adapter.Proposal, late error) (due []notice) {
	add := func(key string, n Notice) {
		if !toldOf(p, key) {
			n.Tenant = p.Tenant
			due = append(due, notice{n, key})
		}
	}
	if event, ok := eventOf[p.State]; ok {
		add(string(event), Notice{Event: event, At: lastStep(p).At})
	}
	switch {
	case p.State == adapter.Planned && late != nil:
		add(string(NoticeLate), Notice{Event: NoticeLate, At: r.now, Err: late})
	case p.State == adapter.Planned && !p.Start.IsZero() && r.now.Before(p.Start) && !r.now.Before(p.Start.Add(-r.ahead)):
		add(string(NoticeBefore), Notice{Event: NoticeBefore, At: p.Start})
	case p.State == adapter.Made:
		for _, e := range endsOf(p) {
			if event := r.ending(e.at); event != "" {
				add(string(event)+" "+e.at.Format(time.RFC3339), Notice{Event: event, At: e.at, Facts: e.facts})
			}
		}
	}
	return due
}

// ending is what is to be told of what ends at a time, if anything.
func (r *runner) ending(at time.Time) NoticeEvent {
	switch {
	case !r.now.Before(at):
		return NoticeEnded
	case !r.now.Before(at.Add(-r.ahead)):
		return NoticeEnding
	}
	return ""
}

// end is facts that end at the same time.
type end struct {
	at    time.Time
	facts []Fact
}

// endsOf are the ends of what a proposal added, but for switches: every switch is looked at.
func endsOf(p adapter.Proposal) (ends []end) {
	for _, l := range p.Add {
		f, err := model.Decode(l)
		if err != nil {
			continue
		}
		until := untilOf(f)
		if until.IsZero() {
			continue
		}
		i := slices.IndexFunc(ends, func(e end) bool { return e.at.Equal(until) })
		if i < 0 {
			i, ends = len(ends), append(ends, end{at: until})
		}
		ends[i].facts = append(ends[i].facts, f)
	}
	return ends
}

func untilOf(f Fact) time.Time {
	switch f := f.(type) {
	case CustomerRule:
		return f.Valid.Until
	case TeamRule:
		return f.Valid.Until
	case FieldRule:
		return f.Valid.Until
	case Membership:
		return f.Valid.Until
	}
	return time.Time{}
}

// nextLook is when a proposal, of which all is told that is due, is to be looked at again; zero: never.
func (r *runner) nextLook(p adapter.Proposal) (next time.Time) {
	at := func(t time.Time) {
		if t.After(r.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	switch p.State {
	case adapter.Requested:
		at(p.Expires)
	case adapter.Planned:
		at(p.Start.Add(-r.ahead))
		at(p.Start)
		at(p.Expires)
	case adapter.Made:
		for _, e := range endsOf(p) {
			at(e.at.Add(-r.ahead))
			at(e.at)
		}
	}
	return next
}

// lookAtSwitch tells of a switch that ends, or not long ago has ended. An opening that is over, of which all is told, is
// taken away: no clock that is set back has it again, nor does a restart.
func (r *runner) lookAtSwitch(ctx context.Context, l model.Line) error {
	f, err := model.DecodeSwitch(l)
	if err != nil {
		return err
	}
	event := r.ending(f.Valid.Until)
	told := !f.Valid.Until.After(r.now.Add(-endedSince)) // nobody is told any more
	if event != "" && !told {
		told, err = r.tellOfSwitch(ctx, l, f, event)
	}
	if err == nil && told && event == NoticeEnded && f.Mode == model.ModeOpen {
		_, err = r.applyAs(ctx, "close", Operator("run", "the opening is over"), Change{Tenant: f.Tenant, Remove: []Fact{f}})
	}
	return err
}

// tellOfSwitch gives the notice of a switch that ends, unless it is given, and returns whether it is. What was told is kept as a
// proposal that is none.
func (r *runner) tellOfSwitch(ctx context.Context, l model.Line, f model.Switch, event NoticeEvent) (told bool, err error) {
	id := "ends " + l.RuleID()
	p, err := r.planner.Proposal(ctx, l.Tenant(), id)
	if errors.Is(err, adapter.ErrNoProposal) {
		p, err = adapter.Proposal{Tenant: l.Tenant(), ID: id, State: adapter.Noted, Steps: []adapter.Step{{Did: string(adapter.Noted), At: r.now}}}, nil
	}
	if err == nil && !toldOf(p, string(event)) {
		p, err = r.tell(ctx, p, notice{Notice{Event: event, Tenant: l.Tenant(), Facts: []Fact{f}, At: f.Valid.Until}, string(event)})
	}
	return toldOf(p, string(event)), err
}
