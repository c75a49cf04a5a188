package authz

import (
	"context"
	"net/netip"
)

// Principal is who asks: the user of a tenant on whose behalf a program runs, as
// middleware puts it into the context of a request.
type Principal struct {
	Tenant string
	User   string // "user:alice"

	UserAttrs map[string]any // what conditions may ask of the user
	Env       map[string]any // and of the environment
	Address   netip.Addr     // where the user asks from; see Request.Address
}

type principalKey struct{}

// NewContext returns a context that carries a principal.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the principal that a context carries, if there is one.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
