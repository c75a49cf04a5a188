package authzhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// Access is what a request was let through with, for its handler. It is for that one request.
type Access struct {
	Principal authz.Principal
	// Viewer is the user, looked up once. All that a page asks it is answered at one revision.
	Viewer *authz.Viewer
	// Record is the record that the route is about, as the decision knew it; nil for a
	// type of records. Of several it is the first.
	Record *authz.Record

	az    *authz.Authorizer
	asked []Ask
	one   [1]Ask
}

// Ask is a question whether an action is allowed: to a Record, to the record with an ID, which the resolver
// fetches, or to a type of records at all. The zero Ask, like one without any of these, is denied.
type Ask struct {
	Action, Type string
	ID           string
	Record       *authz.Record
	OfType       bool
	// Again fetches Record anew, for Access.Recheck, which asks about the same one without it.
	Again func(context.Context) (*authz.Record, error)
}

// NewAccess asks on behalf of a principal whether everything is allowed, records being fetched together. The
// Access that comes with an error lets nobody through. It is what interceptors of other
// protocols than HTTP are made with; see ProblemOf for what to answer.
func NewAccess(ctx context.Context, az *authz.Authorizer, p authz.Principal, asks ...Ask) (*Access, error) {
	a := &Access{Principal: p, az: az, asked: slices.Clone(asks)}
	for _, q := range asks {
		if !q.OfType && q.Record == nil && model.CheckID(q.ID) != nil {
			return a, model.ErrNoFacts
		}
	}
	return a, a.admit(ctx)
}

// admit looks the user up and asks.
func (a *Access) admit(ctx context.Context) (err error) {
	if a.Viewer, err = viewer(ctx, a.az, a.Principal); err != nil {
		return err
	}
	if err := a.decide(ctx, a.Viewer, a.asked); err != nil {
		return err
	}
	if len(a.asked) > 0 {
		a.Record = a.asked[0].Record
	}
	return nil
}

// viewer looks up the user that a principal is.
func viewer(ctx context.Context, az *authz.Authorizer, p authz.Principal) (*authz.Viewer, error) {
	v, err := az.For(ctx, p.Tenant, p.User)
	if err == nil && (p.UserAttrs != nil || p.Env != nil || p.Address.IsValid()) {
		v = v.With(p.UserAttrs, p.Env).WithAddress(p.Address)
	}
	return v, err
}

type accessKey struct{}

// NewContext returns a context that carries an Access and its principal.
func NewContext(ctx context.Context, a *Access) context.Context {
	return context.WithValue(authz.NewContext(ctx, a.Principal), accessKey{}, a)
}

// FromContext returns the Access of a request's context. There is none on a public route.
func FromContext(ctx context.Context) (*Access, bool) {
	a, ok := ctx.Value(accessKey{}).(*Access)
	return a, ok
}

// Revision is the revision of the policy by which the request was let through.
func (a *Access) Revision() authz.Revision { return a.Viewer.Revision() }

// Decision is the decision by which the request was let through, with the reason: of several, the
// first. It is the zero Decision if the route asks nothing.
func (a *Access) Decision() (authz.Decision, error) {
	switch {
	case len(a.asked) == 0:
		return authz.Decision{}, nil
	case a.asked[0].OfType:
		return a.Viewer.DecideType(a.asked[0].Action, a.asked[0].Type)
	}
	return a.Viewer.Decide(a.asked[0].Action, a.asked[0].Record)
}

// Recheck decides again, by the policy and the records of now. The error is nil if the request
// would still be let through, and authz.ErrDenied if not. A record with an id that a function fetched is fetched
// by it once more; one that is only proposed stays as it was. Recheck is for what takes long: an upload, a stream.
// Who the principal is it does not ask again.
func (a *Access) Recheck(ctx context.Context) error {
	v, err := viewer(ctx, a.az, a.Principal)
	if err != nil {
		return err
	}
	asks := slices.Clone(a.asked)
	for i := range asks {
		if err := asks[i].again(ctx); err != nil {
			return err
		}
	}
	return a.decide(ctx, v, asks)
}

// again has the application fetch the record once more, which is to be the same one.
func (q *Ask) again(ctx context.Context) (err error) {
	if q.Again == nil {
		return nil
	}
	defer recovered(&err)
	now, err := q.Again(ctx)
	if err == nil && (now == nil || q.Record == nil || now.ID != q.Record.ID) {
		err = model.ErrNoFacts
	}
	q.Record = now
	return err
}

// target finds what a request is about.
func (a *Access) target(r *http.Request, questions []question) (err error) {
	defer recovered(&err)
	a.asked = a.one[:0]
	for _, q := range questions {
		about := Ask{Action: q.action, Type: q.typ}
		switch t := q.target; {
		case q.ofType:
			about.OfType = true
		case t.id != nil:
			if about.ID, err = t.id(r); err == nil {
				err = model.CheckID(about.ID)
			}
		case t.record != nil:
			if about.Record, err = t.record(r); err == nil && about.Record == nil {
				err = model.ErrNoFacts
			}
			if about.Record != nil && about.Record.ID != "" {
				about.Again = t.again(r)
			}
		default:
			err = errNoTarget
		}
		if err != nil {
			return targetFailed(q.target.name, err)
		}
		a.asked = append(a.asked, about)
	}
	return nil
}

var errNoTarget = errors.New("the target has no function")

// again fetches a record for the same request, later.
func (t Target) again(r *http.Request) func(context.Context) (*authz.Record, error) {
	return func(ctx context.Context) (*authz.Record, error) {
		record, err := t.record(r.WithContext(ctx))
		if err != nil {
			err = targetFailed(t.name, err)
		}
		return record, err
	}
}

// targetFailed sorts out whose fault it is that a record was not found.
func targetFailed(name string, err error) error {
	for _, theirs := range []error{ErrAmbiguous, ErrUnauthenticated, authz.ErrDenied, model.ErrNoFacts, model.ErrMalformed, model.ErrTooLong} {
		if errors.Is(err, theirs) {
			return fmt.Errorf("record %s: %w", name, err)
		}
	}
	return fmt.Errorf("%w: record %s: %w", errServer, name, err)
}

// decide fetches the records that are known by id, all at once, and asks all questions.
func (a *Access) decide(ctx context.Context, v *authz.Viewer, asks []Ask) error {
	if err := a.fetch(ctx, asks); err != nil {
		return err
	}
	for i := range asks {
		var ok bool
		var err error
		switch q := &asks[i]; {
		case q.OfType:
			ok, err = v.EnforceType(q.Action, q.Type)
		case q.Record != nil && q.Record.Type != q.Type:
			err = model.ErrNoFacts
		default:
			ok, err = v.Enforce(q.Action, q.Record) // no record: an error
		}
		if err != nil {
			return err
		}
		if !ok {
			return authz.ErrDenied
		}
	}
	return nil
}

func (a *Access) fetch(ctx context.Context, asks []Ask) error {
	var refs []authz.Ref
	for _, q := range asks {
		if q.ID != "" {
			refs = append(refs, authz.Ref{Type: q.Type, ID: q.ID})
		}
	}
	if refs == nil {
		return nil
	}
	records, err := resolve(ctx, a.az, a.Principal.Tenant, refs)
	if err != nil {
		return err
	}
	for i := range asks {
		if q := &asks[i]; q.ID != "" {
			q.Record, records = records[0], records[1:]
		}
	}
	return nil
}

// resolve has the resolver fetch records; its failures are the server's.
func resolve(ctx context.Context, az *authz.Authorizer, tenant string, refs []authz.Ref) (records []*authz.Record, err error) {
	defer recovered(&err)
	if records, err = az.Resolve(ctx, tenant, refs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	return records, nil
}
