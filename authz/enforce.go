package authz

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Enforce decides whether the request is allowed, by the numbered rules in the
// package's documentation. On an error it is not. It allocates nothing unless a
// condition must be judged or a time-bound membership followed.
func (a *Authorizer) Enforce(ctx context.Context, req Request) (bool, error) {
	if a.observers != nil || req.ID != "" && req.Record == nil && a.resolver != nil {
		return a.enforceResolved(ctx, engine.Clone(&req))
	}
	s, err := a.snapshot(ctx, req.Tenant)
	if err != nil {
		return false, failed("enforce", req.Tenant, err)
	}
	v, err := s.DecideFor(engine.User{}, &req, a.clock)
	if err != nil {
		return false, failed("enforce", req.Tenant, err)
	}
	if v.Reason == model.ReasonOpen {
		err := a.logOpen(ctx, s, engine.Clone(&req))
		return err == nil, failed("enforce", req.Tenant, err)
	}
	return v.Allowed(), nil
}

// enforceResolved is Enforce for a record whose facts the resolver fetches, and for
// those that observe.
func (a *Authorizer) enforceResolved(ctx context.Context, req *Request) (bool, error) {
	start := a.started()
	d, err := a.decideResolved(ctx, req, func(s *engine.Snapshot) (Decision, error) { return a.decideBriefly(ctx, s, engine.User{}, req) })
	err = failed("enforce", req.Tenant, err)
	a.asked(ctx, "enforce", start, req, d, err)
	return d.Allowed, err
}

// decideBriefly decides without the rule that did, and logs what an open tenant allows.
func (a *Authorizer) decideBriefly(ctx context.Context, s *engine.Snapshot, u engine.User, req *Request) (Decision, error) {
	v, err := s.DecideFor(u, req, a.clock)
	if err == nil && v.Reason == model.ReasonOpen {
		err = a.logOpen(ctx, s, req)
	}
	if err != nil {
		return Decision{Revision: s.Revision}, err
	}
	return Decision{Allowed: v.Allowed(), Reason: v.Reason, Revision: s.Revision}, nil
}

// logOpen leaves an entry in the audit log about what an open tenant allows. On an error it is denied: so it is by
// an application that opens no tenants, whoever wrote that into the store.
func (a *Authorizer) logOpen(ctx context.Context, s *engine.Snapshot, req *Request) error {
	if a.isDraft {
		return nil
	}
	if a.openLimit <= 0 {
		return fmt.Errorf("%w: WithOpenLimit is not set", ErrOpen)
	}
	e := AuditEntry{Tenant: req.Tenant, User: req.User, Action: req.Action, Type: req.Type, ID: req.ID, Reason: model.ReasonOpen.String(), Allowed: true, Revision: s.Revision}
	if r := req.Record; r != nil {
		e.Type, e.ID = r.Type, r.ID
	}
	return a.log(ctx, e)
}

// openClock is the clock to answer more about a request by. Of a tenant that may be open it is one
// that stands still, and what is allowed at that instant because it is open has been logged.
func (a *Authorizer) openClock(ctx context.Context, s *engine.Snapshot, req *Request) (clock func() time.Time, err error) {
	if !s.Opens() {
		return a.clock, nil
	}
	now := a.clock()
	clock = func() time.Time { return now }
	v, err := s.DecideFor(engine.User{}, req, clock)
	if err == nil && v.Reason == model.ReasonOpen {
		err = a.logOpen(ctx, s, engine.Clone(req))
	}
	return clock, err
}

// decideInFull decides with the reason, and logs what an open tenant allows.
func (a *Authorizer) decideInFull(ctx context.Context, s *engine.Snapshot, req *Request) (Decision, error) {
	d, err := s.DecideInFull(req, a.clock)
	if err == nil && d.Reason == model.ReasonOpen {
		err = a.logOpen(ctx, s, req)
	}
	if err != nil {
		return Decision{}, err
	}
	return d, nil
}

// Decide is Enforce with the reason: the rule that decided, the memberships that
// led to it, and how the user reaches the record. The Decision that comes with
// an error denies.
func (a *Authorizer) Decide(ctx context.Context, req Request) (Decision, error) {
	start := a.started()
	d, err := a.decideResolved(ctx, &req, func(s *engine.Snapshot) (Decision, error) { return a.decideInFull(ctx, s, &req) })
	err = failed("decide", req.Tenant, err)
	a.asked(ctx, "decide", start, &req, d, err)
	return d, err
}

// decideResolved has the record of a request fetched if it must be, and decides.
func (a *Authorizer) decideResolved(ctx context.Context, req *Request, decide func(*engine.Snapshot) (Decision, error)) (Decision, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	if err != nil {
		return Decision{}, err
	}
	if err := a.resolve(ctx, []*Request{req}); err != nil {
		return Decision{}, err
	}
	return decide(s)
}

// DecideAll decides many requests, those of a tenant at one revision, and has
// the resolver fetch their records together. There is a Decision for each request;
// those that could not be decided are denied, and the error joins why, each
// with its place among the requests.
func (a *Authorizer) DecideAll(ctx context.Context, reqs []Request) ([]Decision, error) {
	ds, resolved := make([]Decision, len(reqs)), make([]*Request, len(reqs))
	for i, r := range reqs {
		resolved[i] = &r
	}
	if err := a.resolve(ctx, resolved); err != nil {
		return ds, failed("decide all", "", err)
	}
	type answer struct {
		snapshot *engine.Snapshot
		err      error
	}
	tenants := map[string]answer{}
	var errs []error
	for i, req := range resolved {
		from, ok := tenants[req.Tenant]
		if !ok {
			from.snapshot, from.err = a.snapshot(ctx, req.Tenant)
			tenants[req.Tenant] = from
		}
		start, err := a.started(), from.err
		if err == nil {
			ds[i], err = a.decideInFull(ctx, from.snapshot, req)
		}
		err = failed("decide all", req.Tenant, err)
		a.asked(ctx, "decide all", start, req, ds[i], err)
		if err != nil {
			errs = append(errs, fmt.Errorf("request %d: %w", i, err))
		}
	}
	return ds, errors.Join(errs...)
}

// FieldLevel decides how much of a field the user reaches with the request's
// action: at most read with a reading action, hidden when the request itself is
// denied. Hidden comes with every error.
func (a *Authorizer) FieldLevel(ctx context.Context, req Request, field string) (model.FieldLevel, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	if err != nil {
		return model.FieldHidden, failed("field level", req.Tenant, err)
	}
	if req.ID != "" && req.Record == nil && a.resolver != nil || s.Opens() {
		l, err := a.fieldLevel(ctx, s, engine.Clone(&req), field)
		return l, failed("field level", req.Tenant, err)
	}
	l, err := s.FieldLevel(&req, field, a.clock)
	if err != nil {
		return model.FieldHidden, failed("field level", req.Tenant, err)
	}
	return l, nil
}

// fieldLevel is FieldLevel of a request that is the call's own.
func (a *Authorizer) fieldLevel(ctx context.Context, s *engine.Snapshot, req *Request, field string) (model.FieldLevel, error) {
	if err := a.resolve(ctx, []*Request{req}); err != nil {
		return model.FieldHidden, err
	}
	clock, err := a.openClock(ctx, s, req)
	if err != nil {
		return model.FieldHidden, err
	}
	return s.FieldLevel(req, field, clock)
}

// Explain decides a request and tells all that led to the decision: the gates up to the
// first that failed, and for a denial the fewest facts whose grant would allow it.
func (a *Authorizer) Explain(ctx context.Context, req Request) (Explanation, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	if err != nil {
		return Explanation{}, failed("explain", req.Tenant, err)
	}
	if err := a.resolve(ctx, []*Request{&req}); err != nil {
		return Explanation{}, failed("explain", req.Tenant, err)
	}
	x, err := s.Explain(&req, a.clock, func(more []model.Line) (*engine.Snapshot, error) {
		return a.compile(ctx, a.tenant(req.Tenant), more...)
	})
	return x, failed("explain", req.Tenant, err)
}

// Resolve has the resolver fetch records of a tenant, all at once: those of a page. They come
// in the order of refs, nil for one that does not exist.
func (a *Authorizer) Resolve(ctx context.Context, tenant string, refs ...Ref) ([]*Record, error) {
	if a.closed.Load() {
		return nil, failed("resolve", tenant, ErrClosed)
	}
	if a.resolver == nil {
		return nil, failed("resolve", tenant, model.ErrNoFacts)
	}
	records, err := a.records(ctx, tenant, refs)
	return records, failed("resolve", tenant, err)
}

// records asks the resolver, and trusts no record to be another than it was asked for.
func (a *Authorizer) records(ctx context.Context, tenant string, refs []Ref) ([]*Record, error) {
	records, err := a.resolver.Records(ctx, tenant, refs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", model.ErrNoFacts, err)
	}
	if len(records) != len(refs) {
		return nil, fmt.Errorf("%w: the resolver returned %d records for %d", model.ErrNoFacts, len(records), len(refs))
	}
	for i, r := range records {
		if r != nil && (r.Type != refs[i].Type || r.ID != refs[i].ID) {
			return nil, fmt.Errorf("%w: the resolver returned %s/%s for %s/%s", model.ErrNoFacts, r.Type, r.ID, refs[i].Type, refs[i].ID)
		}
	}
	return records, nil
}

// ExplainField decides how much of a field the user reaches with the request's action, and tells
// which rules say so.
func (a *Authorizer) ExplainField(ctx context.Context, req Request, field string) (FieldExplanation, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	if err == nil {
		err = a.resolve(ctx, []*Request{&req})
	}
	if err != nil {
		return FieldExplanation{}, failed("explain field", req.Tenant, err)
	}
	x, err := s.ExplainField(&req, field, a.clock)
	return x, failed("explain field", req.Tenant, err)
}

// resolve fetches the records that requests name by id only.
func (a *Authorizer) resolve(ctx context.Context, reqs []*Request) error {
	if a.resolver == nil {
		return nil
	}
	refs, at := map[string][]Ref{}, map[string][]int{}
	for i, q := range reqs {
		if q.Record == nil && q.ID != "" {
			refs[q.Tenant] = append(refs[q.Tenant], Ref{q.Type, q.ID})
			at[q.Tenant] = append(at[q.Tenant], i)
		}
	}
	for tenant, refs := range refs {
		records, err := a.records(ctx, tenant, refs)
		if err != nil {
			return err
		}
		for i, r := range records {
			reqs[at[tenant][i]].Record = r // nil: decided as ErrNoFacts
		}
	}
	return nil
}

// Viewer is a user of a tenant, looked up once to ask many questions: those of a
// page. All are answered at one revision. It is for one page, then forgotten;
// the zero Viewer may nothing.
type Viewer struct {
	snapshot *engine.Snapshot
	user     engine.User
	request  Request // the tenant and the user of every question
	of       *Authorizer
	ctx      context.Context        // of For: what an open tenant allows is logged in it, and observers are told
	row      engine.Row             // of EnforceAll
	last     atomic.Pointer[Fields] // that hold for all records, of the latest type and action
}

// For looks a user up for the questions of a page.
func (a *Authorizer) For(ctx context.Context, tenant, user string) (*Viewer, error) {
	v, err := a.viewer(ctx, tenant, user)
	if err != nil {
		return nil, failed("for", tenant, err)
	}
	return v, nil
}

func (a *Authorizer) viewer(ctx context.Context, tenant, user string) (*Viewer, error) {
	s, err := a.snapshot(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if err := model.CheckSubject(user, model.User); err != nil {
		return nil, model.At("request", "user", user, err)
	}
	return &Viewer{snapshot: s, user: s.User(user), request: Request{Tenant: tenant, User: user}, of: a, ctx: ctx}, nil
}

// With returns a Viewer who answers, at the same revision, knowing these
// attributes of the user and of the environment.
func (v *Viewer) With(userAttrs, env map[string]any) *Viewer {
	w := v.copy()
	w.request.UserAttrs, w.request.Env = userAttrs, env
	return w
}

// WithAddress returns a Viewer who answers, at the same revision, knowing where the user asks
// from; see Request.Address.
func (v *Viewer) WithAddress(from netip.Addr) *Viewer {
	w := v.copy()
	w.request.Address = from
	return w
}

func (v *Viewer) copy() *Viewer {
	return &Viewer{snapshot: v.snapshot, user: v.user, request: v.request, of: v.of, ctx: v.ctx}
}

// Enforce decides whether the user may do the action to the record.
func (v *Viewer) Enforce(action string, record *Record) (bool, error) {
	if record == nil {
		return false, failed("enforce", v.request.Tenant, model.ErrNoFacts)
	}
	req := v.request
	req.Action, req.Record = action, record
	return v.enforce(&req)
}

// EnforceAll decides several actions on a record at once, as a row with buttons
// needs them: the answer for actions[i] is put into allowed[i]. On an error,
// those that were not decided are denied. It panics if allowed is shorter than
// actions.
func (v *Viewer) EnforceAll(record *Record, actions []string, allowed []bool) error {
	clear(allowed)
	err := v.usable()
	if err == nil && record == nil {
		err = model.ErrNoFacts
	}
	if err != nil {
		return failed("enforce all", v.request.Tenant, err)
	}
	req := v.request
	req.Record = record
	if v.snapshot.Opens() || v.of.observers != nil {
		for i, action := range actions {
			if allowed[i], err = v.Enforce(action, record); err != nil {
				return failed("enforce all", v.request.Tenant, err)
			}
		}
		return nil
	}
	if err := v.snapshot.DecideEach(v.user, &req, actions, &v.row, v.of.clock, allowed); err != nil {
		return failed("enforce all", v.request.Tenant, err)
	}
	return nil
}

// Decide is Enforce with the reason.
func (v *Viewer) Decide(action string, record *Record) (Decision, error) {
	if record == nil {
		return Decision{}, failed("decide", v.request.Tenant, model.ErrNoFacts)
	}
	req := v.request
	req.Action, req.Record = action, record
	return v.decide(&req)
}

// DecideType is EnforceType with the reason.
func (v *Viewer) DecideType(action, typ string) (Decision, error) {
	req := v.request
	req.Action, req.Type = action, typ
	return v.decide(&req)
}

func (v *Viewer) decide(req *Request) (Decision, error) {
	if err := v.usable(); err != nil {
		return Decision{}, failed("decide", req.Tenant, err)
	}
	start := v.of.started()
	d, err := v.of.decideInFull(v.ctx, v.snapshot, req)
	err = failed("decide", req.Tenant, err)
	v.of.asked(v.ctx, "decide", start, req, d, err)
	return d, err
}

// EnforceType decides whether the user may do the action to records of a type at all.
func (v *Viewer) EnforceType(action, typ string) (bool, error) {
	req := v.request
	req.Action, req.Type = action, typ
	return v.enforce(&req)
}

func (v *Viewer) enforce(req *Request) (bool, error) {
	if err := v.usable(); err != nil {
		return false, failed("enforce", req.Tenant, err)
	}
	if v.of.observers != nil {
		return v.observed(engine.Clone(req))
	}
	verdict, err := v.snapshot.DecideFor(v.user, req, v.of.clock)
	if err == nil && verdict.Reason == model.ReasonOpen {
		err = v.of.logOpen(v.ctx, v.snapshot, engine.Clone(req))
	}
	if err != nil {
		return false, failed("enforce", req.Tenant, err)
	}
	return verdict.Allowed(), nil
}

// observed is enforce for those that observe.
func (v *Viewer) observed(req *Request) (bool, error) {
	start := v.of.started()
	d, err := v.of.decideBriefly(v.ctx, v.snapshot, v.user, req)
	err = failed("enforce", req.Tenant, err)
	v.of.asked(v.ctx, "enforce", start, req, d, err)
	return d.Allowed, err
}

func (v *Viewer) usable() error {
	switch {
	case v.snapshot == nil:
		return ErrUnavailable
	case v.of.closed.Load():
		return ErrClosed
	}
	return nil
}

// Revision is the revision that the Viewer's questions are answered at.
func (v *Viewer) Revision() Revision {
	if v.snapshot == nil {
		return 0
	}
	return v.snapshot.Revision
}
