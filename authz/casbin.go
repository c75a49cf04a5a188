package authz

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/persist"

	"github.com/crmauthz/crmauthz/authz/internal/reference"
	"github.com/crmauthz/crmauthz/authz/internal/reference/plain"
	"github.com/crmauthz/crmauthz/model"
)

// CasbinFacts are what a question to the enforcer of [Authorizer.Casbin] brings
// besides user, tenant and action: the record or type, and attributes. Each
// serves one goroutine.
type CasbinFacts = reference.Facts

// Casbin hands out an enforcer of Casbin itself with a tenant's policy, for
// programs that want one: model.CasbinModel, the lines in force now (those of the base
// policy among them), and the functions of its matchers. Ask it with
//
//	e.Enforce("user:alice", "acme", "update", &authz.CasbinFacts{Record: customer})
//
// It answers as Enforce does, but with ErrExcepted, which denies, to those whom the switch of a group,
// rule or membership excepts. It is a copy: it does not follow later changes or the clock, and changes
// made to it are stored nowhere. Of a tenant that is open there is none (ErrOpen), since it would log nothing.
func (a *Authorizer) Casbin(ctx context.Context, tenant string) (*casbin.Enforcer, error) {
	if _, err := a.snapshot(ctx, tenant); err != nil {
		return nil, failed("casbin", tenant, err)
	}
	at := a.clock()
	var lines [2][]model.Line
	for i, name := range []string{tenant, model.Base} {
		from, err := a.store.Load(ctx, name)
		if err != nil {
			return nil, failed("casbin", tenant, fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
		if lines[i], err = begun(from.Lines, at, a.latest.Note(at)); err != nil {
			return nil, failed("casbin", tenant, err)
		}
	}
	r, err := reference.New(a.schema.For(tenant), a.conditions, tenant, lines[0], lines[1], at)
	if err != nil {
		return nil, failed("casbin", tenant, err)
	}
	return r.Enforcer(), nil
}

// begun are lines of which the switches that have begun by the latest that the clock has shown have
// begun at an instant that it shows later, set back.
func begun(lines []model.Line, at, latest time.Time) ([]model.Line, error) {
	lines = slices.Clone(lines)
	for i, l := range lines {
		if l.Section != model.Switches {
			continue
		}
		s, err := model.DecodeSwitch(l)
		switch {
		case err != nil:
			return nil, err
		case s.Mode == model.ModeOpen && s.Valid.Holds(latest):
			return nil, fmt.Errorf("%w: to a copy, which logs nothing", ErrOpen)
		case s.Mode != model.ModeOpen && s.Valid.From.After(at) && !s.Valid.From.After(latest):
			s.Valid.From = time.Time{}
		}
		if lines[i], err = model.Encode(s); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// CasbinPolicy is a policy with a Casbin model of its own; see [OpenCasbin].
type CasbinPolicy = plain.Policy

// OpenCasbin opens a plain RBAC-with-domains model and policy that a program
// already has: p = sub, dom, obj, act[, eft] and g = _, _, _, in any of Casbin's usual
// forms. Its Enforce gives Casbin's answers, a few thousand times faster where the
// matcher is one that is compiled; where it is not, Casbin itself answers,
// Compiled is false and Why says what was not understood.
//
// The policy is read once through its adapter. Add and Remove change it in
// memory only.
func OpenCasbin(modelText string, policy persist.Adapter) (*CasbinPolicy, error) {
	lines, err := plain.Read(modelText, policy)
	if err != nil {
		return nil, fmt.Errorf("authz: open casbin: %w", err)
	}
	p, err := plain.Open(modelText, lines)
	if err != nil {
		return nil, fmt.Errorf("authz: open casbin: %w", err)
	}
	return p, nil
}
