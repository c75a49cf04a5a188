package authzgorm

import (
	"context"

	"github.com/crmauthz/crmauthz/authz"
)

type bypassKey struct{}

// Bypass returns a context whose statements the plugin lets pass as they are, raw SQL
// among them: for migrations, and for work on nobody's behalf. Each statement leaves an entry in the
// Authorizer's audit log first, with the action bypass, the table for a type, and the reason;
// without a log, or a reason, it is refused.
func Bypass(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, bypassKey{}, reason)
}

func bypass(ctx context.Context) (reason string, ok bool) {
	reason, ok = ctx.Value(bypassKey{}).(string)
	return reason, ok
}

func (s *statement) logBypass(reason string) error {
	if reason == "" {
		return authz.ErrNoReason
	}
	who, _ := authz.FromContext(s.Context) // there need not be anybody
	what := s.Table
	if what == "" {
		what = "raw SQL"
	}
	return s.plugin.az.Log(s.Context, authz.AuditEntry{Tenant: who.Tenant, User: who.User, Action: "bypass", Type: what, Reason: reason, Allowed: true})
}
