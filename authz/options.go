package authz

import (
	"context"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Option is an option of Open: WithClock, WithResolver, WithPreload, WithMask,
// WithHashKey, WithAudit, WithObserver or WithOpenLimit.
type Option func(*Authorizer)

// WithClock sets the clock that decides what is in force and dates changes; time.Now
// without it. It is called from many goroutines.
func WithClock(now func() time.Time) Option {
	return func(a *Authorizer) { a.clock = now }
}

// WithResolver sets what fetches the facts of records that requests name by
// id only. Without one such requests are denied with model.ErrNoFacts.
func WithResolver(r Resolver) Option {
	return func(a *Authorizer) { a.resolver = r }
}

// WithPreload has Open load all tenants. Without it a tenant is loaded by the
// first question or change that names it.
func WithPreload() Option {
	return func(a *Authorizer) { a.preload = true }
}

// WithMask sets the mask that fields of the schema name so; it takes precedence over
// one of this library.
func WithMask(name string, m Mask) Option {
	return func(a *Authorizer) {
		if a.masks == nil {
			a.masks = map[string]Mask{}
		}
		a.masks[name] = m
	}
}

// WithHashKey sets the secret key of the mask hash, of at least 16 bytes. Equal values have
// equal hashes as long as the key is the same.
func WithHashKey(key []byte) Option {
	return func(a *Authorizer) { a.hashKey = slices.Clone(key) }
}

// WithAudit sets where Reveal, and decisions of open tenants, leave their entries. Without it
// Reveal is refused, and no tenant is opened.
func WithAudit(log Audit) Option {
	return func(a *Authorizer) { a.audit = log }
}

// WithOpenLimit lets Disable open tenants (see model.ModeOpen), each for at most this
// long from the moment it is asked. Without it no tenant is opened, and one that another program has opened
// allows nothing here: what it would allow is an error that matches ErrOpen.
func WithOpenLimit(d time.Duration) Option {
	return func(a *Authorizer) { a.openLimit = d }
}

// Resolver fetches the facts of records from the CRM's database.
type Resolver interface {
	// Records returns the records of a tenant in the order of refs; nil for one
	// that does not exist. Parents come with their records.
	Records(ctx context.Context, tenant string, refs []Ref) ([]*model.Record, error)
}

// Ref names a record.
type Ref struct{ Type, ID string }
