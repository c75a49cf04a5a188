package authz

import (
	"context"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Observer is told of decisions, filters and changes after they are made, for logs, metrics
// and traces. It is called from many goroutines, by those that ask, who wait for it.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// Event is what an Observer is told. The context that comes with it is that of the question; of a
// Viewer's, the one that he was looked up with.
type Event struct {
	Op string // as of Error: "enforce", "decide", "decide all" (for each), "filter", "apply", "grant", "revoke", "disable", "enable", "restore",
	// "propose", "approve", "reject", "cancel", "acknowledge", "make" (a planned change, by who proposed it), "run" (what it could not do), "close" (an opening that is over), "erase"
	Tenant   string
	User     string // who asked, or the actor of a change
	Action   string // of a decision or filter, as are Type and ID
	Type, ID string
	Allowed  bool         // of a decision; of a filter, that it is not None; of a change, that it is made
	Reason   model.Reason // of a decision
	Revision Revision     // that answered; of a change, that it made
	Start    time.Time
	Duration time.Duration // with the fetching of records; of "decide all", without
	Err      error
}

// WithObserver adds an observer. Without one, nothing is spent on it.
func WithObserver(o Observer) Option {
	return func(a *Authorizer) { a.observers = append(a.observers, o) }
}

// started is the time if somebody observes.
func (a *Authorizer) started() (start time.Time) {
	if a.observers != nil {
		start = time.Now()
	}
	return start
}

// observe tells the observers of an event that began then.
func (a *Authorizer) observe(ctx context.Context, start time.Time, e Event) {
	e.Start, e.Duration = start, time.Since(start)
	for _, o := range a.observers {
		o.Observe(ctx, e)
	}
}

// asked tells of a question. The observer may keep what it is told, so it is
// told of a copy.
func (a *Authorizer) asked(ctx context.Context, op string, start time.Time, req *Request, d Decision, err error) {
	if a.observers == nil {
		return
	}
	q := engine.Clone(req)
	e := Event{Op: op, Tenant: q.Tenant, User: q.User, Action: q.Action, Type: q.Type, ID: q.ID,
		Allowed: d.Allowed, Reason: d.Reason, Revision: d.Revision, Err: err}
	if q.Record != nil {
		e.Type, e.ID = q.Record.Type, q.Record.ID
	}
	a.observe(ctx, start, e)
}

// changed tells of a change, and names it in its error.
func (a *Authorizer) changed(ctx context.Context, op string, start time.Time, tenant string, by Author, rev Revision, err error) (Revision, error) {
	err = failed(op, tenant, err)
	if a.observers != nil {
		a.observe(ctx, start, Event{Op: op, Tenant: tenant, User: by.Actor, Allowed: err == nil, Revision: rev, Err: err})
	}
	return rev, err
}
