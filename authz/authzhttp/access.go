package authzhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

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

	guard *Guard
	asked []asked
	one   [1]asked
}

// asked is a question about the record that was found, or about a type.
type asked struct {
	action, typ, id string
	record          *authz.Record
	ofType          bool
}

type accessKey struct{}

// newContext returns a context that carries an Access and its principal.
func newContext(ctx context.Context, a *Access) context.Context {
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
	case a.asked[0].ofType:
		return a.Viewer.DecideType(a.asked[0].action, a.asked[0].typ)
	}
	return a.Viewer.Decide(a.asked[0].action, a.asked[0].record)
}

// Recheck decides again, by the policy and the records of now. The error is nil if the request
// would still be let through, and authz.ErrDenied if not. It is for what takes long: an upload, a stream.
// Who the principal is it does not ask again.
func (a *Access) Recheck(ctx context.Context) error {
	v, err := a.guard.viewer(ctx, a.Principal)
	if err != nil {
		return err
	}
	again := append([]asked(nil), a.asked...)
	return a.decide(ctx, v, again)
}

// target finds what a request is about.
func (a *Access) target(r *http.Request, questions []question) (err error) {
	defer recovered(&err)
	a.asked = a.one[:0]
	for _, q := range questions {
		about := asked{action: q.action, typ: q.typ}
		switch t := q.target; {
		case t.id != nil:
			if about.id, err = t.id(r); err == nil {
				err = model.CheckID(about.id)
			}
		case t.record != nil:
			if about.record, err = t.record(r); err == nil && (about.record == nil || about.record.Type != q.typ) {
				err = model.ErrNoFacts
			}
		default:
			about.ofType = true
		}
		if err != nil {
			return targetFailed(q.target.name, err)
		}
		a.asked = append(a.asked, about)
	}
	return nil
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
func (a *Access) decide(ctx context.Context, v *authz.Viewer, questions []asked) error {
	if err := a.fetch(ctx, questions); err != nil {
		return err
	}
	for i := range questions {
		var ok bool
		var err error
		if q := &questions[i]; q.ofType {
			ok, err = v.EnforceType(q.action, q.typ)
		} else {
			ok, err = v.Enforce(q.action, q.record) // no record: an error
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

func (a *Access) fetch(ctx context.Context, questions []asked) (err error) {
	var refs []authz.Ref
	for _, q := range questions {
		if q.id != "" {
			refs = append(refs, authz.Ref{Type: q.typ, ID: q.id})
		}
	}
	if refs == nil {
		return nil
	}
	records, err := a.guard.resolve(ctx, a.Principal.Tenant, refs)
	if err != nil {
		return err
	}
	for i := range questions {
		if q := &questions[i]; q.id != "" {
			q.record, records = records[0], records[1:]
		}
	}
	return nil
}

// resolve has the resolver fetch records; its failures are the server's.
func (g *Guard) resolve(ctx context.Context, tenant string, refs []authz.Ref) (records []*authz.Record, err error) {
	defer recovered(&err)
	if records, err = g.az.Resolve(ctx, tenant, refs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	return records, nil
}
