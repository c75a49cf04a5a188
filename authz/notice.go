package authz

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
)

// Notifier tells people of proposals, and of switches and facts that end. An error, or a panic, is an error of
// [Authorizer.RunOnce]; the notice is given again at the next look, and nothing else waits for it.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
}

// NotifierFunc is a function that is a Notifier.
type NotifierFunc func(ctx context.Context, n Notice) error

// Notify calls the function.
func (f NotifierFunc) Notify(ctx context.Context, n Notice) error { return f(ctx, n) }

// NoticeEvent is what a notice tells of.
type NoticeEvent string

// The events.
const (
	NoticeRequested NoticeEvent = "requested" // somebody is to approve it
	NoticeRejected  NoticeEvent = "rejected"
	NoticeCancelled NoticeEvent = "cancelled"
	NoticeExpired   NoticeEvent = "expired"
	NoticeBefore    NoticeEvent = "before" // a planned change starts soon
	NoticeMade      NoticeEvent = "made"   // a change is made: at its start, or when it was approved
	NoticeFailed    NoticeEvent = "failed" // a change is refused, and not made
	NoticeLate      NoticeEvent = "late"   // a change is due and cannot be made yet, or (without a proposal) the store cannot be asked; Err says why
	NoticeEnding    NoticeEvent = "ending" // a switch, or facts of a change, end soon
	NoticeEnded     NoticeEvent = "ended"
)

// Notice is an event that people are to be told of.
type Notice struct {
	Event    NoticeEvent
	Tenant   string
	Proposal *Proposal // nil: of a switch
	Facts    []Fact    // what ends
	At       time.Time // when it is, or was: the start or the end; else when it came to be known
	Err      error     // of NoticeLate
}

func toldOf(p adapter.Proposal, key string) bool {
	return slices.ContainsFunc(p.Notices, func(n adapter.Notice) bool { return n.Event == key && n.Told })
}

// tell gives a notice and notes that it is given. First it notes that it is giving it, so that of several
// processes one does. It returns the proposal as it is then.
func (r *runner) tell(ctx context.Context, p adapter.Proposal, n notice) (adapter.Proposal, error) {
	given := givenKey{p.Tenant, p.ID, n.key}
	if _, ok := r.given.Load(given); !ok {
		for _, was := range p.Notices {
			if was.Event == n.key && r.now.Sub(was.At).Abs() < tellingTakes {
				return p, nil // another is at it
			}
		}
		claimed, err := r.note(ctx, p, adapter.Notice{Event: n.key, At: r.now, By: rand.Text()})
		if errors.Is(err, adapter.ErrConflict) {
			return p, nil // another was faster; it is still due
		}
		if err != nil {
			return p, err
		}
		p = claimed
		if p.State != adapter.Noted {
			if n.Proposal, err = show(p); err != nil {
				return p, err
			}
		}
		if err := give(ctx, r.to, n.Notice); err != nil {
			p, lost := r.insist(ctx, p, adapter.Notice{Event: n.key}) // to be given at the next look
			return p, errors.Join(err, lost)
		}
		r.given.Store(given, true) // though the note may be lost
	}
	p, err := r.insist(ctx, p, adapter.Notice{Event: n.key, At: r.now, Told: true})
	if err == nil {
		r.given.Delete(given)
	}
	return p, err
}

// givenKey names a notice that was given, but not yet noted.
type givenKey struct{ tenant, id, key string }

// note puts a proposal with a notice, in place of one of the same event.
func (r *runner) note(ctx context.Context, p adapter.Proposal, n adapter.Notice) (adapter.Proposal, error) {
	p.Notices = slices.DeleteFunc(slices.Clone(p.Notices), func(was adapter.Notice) bool { return was.Event == n.Event })
	p.Notices = append(p.Notices, n)
	p.Version++
	return p, r.planner.Put(ctx, p)
}

// insist is note of a proposal that others may change meanwhile.
func (r *runner) insist(ctx context.Context, p adapter.Proposal, n adapter.Notice) (adapter.Proposal, error) {
	for range maxConflicts {
		noted, err := r.note(ctx, p, n)
		if !errors.Is(err, adapter.ErrConflict) {
			if err != nil {
				return p, err
			}
			return noted, nil
		}
		if p, err = r.planner.Proposal(ctx, p.Tenant, p.ID); err != nil {
			return p, err
		}
	}
	return p, ErrBusy
}

// give calls a notifier; its panic is an error.
func give(ctx context.Context, to Notifier, n Notice) (err error) {
	if to == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the notifier panicked: %v", p)
		}
	}()
	if err := to.Notify(ctx, n); err != nil {
		return fmt.Errorf("the notifier: %w", err)
	}
	return nil
}
