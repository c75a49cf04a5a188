// Package adapter is the contract between crmauthz and the storage that keeps
// its policies: [Store], its optional companions [Feed], [Planner] and [Eraser], and two stores without
// a database, [Memory] and [File].
//
// A policy is the set of lines of each tenant. A change of it is one unit,
// [Change]: it is durable as a whole, with its entry in the change log, or it
// did not happen. Package adaptertest tests a Store against all that is
// promised here.
package adapter

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Store keeps the facts of tenants durable, each as the line that Casbin
// knows. A tenant that never had a fact has revision 0 and no lines; that is
// no error. All methods are safe for concurrent use, by other processes too.
type Store interface {
	// Load returns all lines of a tenant at one revision, in no order.
	Load(ctx context.Context, tenant string) (Snapshot, error)
	// Tenants yields each tenant that has a revision above 0, in no order; the
	// base policy model.Base among them.
	Tenants(ctx context.Context) iter.Seq2[string, error]
	// Apply makes the change and its entry in the log durable as one, and
	// returns the entry. See [Change] for what is no change and what is refused.
	Apply(ctx context.Context, c Change) (Entry, error)
}

// Feed is implemented by stores that keep the log of changes.
type Feed interface {
	// Changes returns the entries of a tenant after a revision, oldest first, at
	// most limit of them (0: all). An error matching ErrLogCut says that the
	// log no longer reaches back that far.
	Changes(ctx context.Context, tenant string, after model.Revision, limit int) ([]Entry, error)
}

// Notifier is implemented by stores that hear of changes other than by the
// return of Apply: those of a caller's transaction when it commits, or those of
// other processes. A notification is a hint to look at the store now.
type Notifier interface {
	// Notify has f called for each tenant that may have changed, until stop is
	// called. f may be called from any goroutine, and is given the context of
	// whoever committed.
	Notify(f func(ctx context.Context, tenant string) error) (stop func())
}

// Appender is implemented by stores that load into memory of the caller's, who reads many
// tenants one after the other.
type Appender interface {
	// AppendLines is Load, which appends the lines to those given.
	AppendLines(ctx context.Context, tenant string, to []model.Line) (Snapshot, error)
}

type pendingKey struct{}

// WithPending marks a context in which Load and Apply work inside a transaction
// of the caller's: what they see and make is not to be answered from before it commits.
func WithPending(ctx context.Context) context.Context {
	return context.WithValue(ctx, pendingKey{}, true)
}

// Pending tells whether the context is marked by WithPending.
func Pending(ctx context.Context) bool { return ctx.Value(pendingKey{}) != nil }

// Snapshot is a tenant's policy at one revision.
type Snapshot struct {
	Revision model.Revision
	Lines    []model.Line
}

// Change is lines to remove from, and to add to, the policy of one tenant.
//
// Removing a line that is not there, or adding one that is, changes nothing;
// a line in both is refused, as is one of another tenant, or one that
// model.Decode refuses, with a *model.ValueError. If nothing changes at all, no
// entry is logged and the revision stays. A change whose ID is in the tenant's
// log was made already: Apply returns that entry and does nothing.
type Change struct {
	Tenant string
	ID     string         // of the change, unique: a retry with the same ID is made once; not empty
	Base   model.Revision // the revision that the change was made against; else ErrConflict
	Remove []model.Line
	Add    []model.Line
	Actor  string    // who
	Reason string    // why
	At     time.Time // when, by the clock of the authorizer
}

// Entry is a change as it was made: Remove and Add hold only the lines that
// really changed, Base is the revision before and Revision the one after.
type Entry struct {
	Change
	Revision model.Revision
}

var (
	// ErrConflict: the tenant is not at the change's base revision any more.
	// Load, check again and retry.
	ErrConflict = errors.New("adapter: the policy has changed since")
	// ErrLogCut: the change log begins later than asked for.
	ErrLogCut = errors.New("adapter: the change log does not reach back so far")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("adapter: the store is closed")
)
