package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

var (
	// ErrNoReason: a value is not revealed without a reason. (Reveal)
	ErrNoReason = errors.New("revealing a value needs a reason")
	// ErrNoAudit: a value is not revealed without an audit log; see WithAudit. (Reveal)
	ErrNoAudit = errors.New("there is no audit log")
	// ErrDenied: no rule lets the user see the field with the action. (Reveal)
	ErrDenied = errors.New("no rule allows it")
)

// Audit keeps what must not happen unseen. It is called from many goroutines.
type Audit interface {
	// Audit stores an entry durably before it returns.
	Audit(ctx context.Context, e AuditEntry) error
}

// AuditEntry says who looked at a masked value, or tried to, or went around decisions.
type AuditEntry struct {
	At                   time.Time
	Tenant, User, Action string
	Type, ID, Field      string // of the record; and what of it
	Reason               string
	Allowed              bool
	Revision             Revision // of the policy that decided
}

// Reveal returns one field of a record as it is, to a user who sees it masked and
// has a reason to look. The request's action, such as reveal, must be allowed to
// her on the record and let her read the field: a field rule with a condition on
// the action opens it for that action alone. Whether she may or not, the audit log gets an
// entry first; what cannot be logged is not shown. Fields that lie below the one are shown as [Redact] shows them.
//
// value is the record's: a struct, a map or JSON. A field that it does not have is nil.
func (a *Authorizer) Reveal(ctx context.Context, req Request, field, reason string, value any) (any, error) {
	shown, err := a.reveal(ctx, &req, field, reason, value)
	if err != nil {
		return nil, failed("reveal", req.Tenant, err)
	}
	return shown, nil
}

func (a *Authorizer) reveal(ctx context.Context, req *Request, field, reason string, value any) (any, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	switch {
	case err != nil:
		return nil, err
	case reason == "":
		return nil, ErrNoReason
	}
	if err := a.resolve(ctx, []*Request{req}); err != nil {
		return nil, err
	}
	if req.Record == nil || req.Record.ID == "" {
		return nil, model.ErrNoFacts
	}
	clock, err := a.openClock(ctx, s, req)
	if err != nil {
		return nil, err
	}
	levels, err := s.FieldLevels(engine.User{}, req, false, nil, clock)
	if err != nil {
		return nil, err
	}
	index := levels.Index(field)
	if index < 0 {
		return nil, model.At("request", "field", string([]byte(field)), model.ErrUnknownField)
	}
	e := AuditEntry{Tenant: req.Tenant, User: req.User, Action: req.Action, Type: req.Record.Type, ID: req.Record.ID,
		Field: field, Reason: reason, Allowed: levels.InOrder[index] >= model.FieldRead, Revision: s.Revision}
	if err := a.log(ctx, e); err != nil {
		return nil, err
	}
	if !e.Allowed {
		return nil, ErrDenied
	}
	found, _, err := a.shape(req.Tenant, levels).Value(value, index, levels.InOrder)
	return found, err
}

// Log leaves an entry, dated now, in the audit log; ErrNoAudit if there is none or it
// fails. It is for what goes around a decision, such as a bypass of authzgorm.
func (a *Authorizer) Log(ctx context.Context, e AuditEntry) error {
	return failed("log", e.Tenant, a.log(ctx, e))
}

func (a *Authorizer) log(ctx context.Context, e AuditEntry) error {
	if a.audit == nil {
		return ErrNoAudit
	}
	e.At = a.clock()
	if err := a.audit.Audit(ctx, e); err != nil {
		return fmt.Errorf("%w: %w", ErrNoAudit, err)
	}
	return nil
}
