package authz

import (
	"context"
	"net/netip"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
)

// Query asks which records of a type a user may do an action to.
type Query struct {
	Tenant string
	User   string // "user:alice"
	Action string
	Type   string
	At     time.Time // zero: now

	UserAttrs map[string]any // what conditions may ask of the user
	Env       map[string]any // and of the environment
	Address   netip.Addr     // where the user asks from; see Request.Address
}

// Filter is the records of a type that a user may do an action to, at one
// revision: those of which its expression is true. The zero Filter is none.
type Filter struct {
	expr     filter.Expr
	complete bool
	viewer   *Viewer
	action   string
	typ      string
}

// Filter answers which records a query is about: all, none, or those of which an
// expression is true. A record is among them exactly if [Authorizer.Enforce] allows the action to it.
//
// Where a condition that the schema marks check-only decides, the filter is not
// [Filter.Complete]: it has all records that are allowed and perhaps others, and
// [Filter.Match] tells which.
func (a *Authorizer) Filter(ctx context.Context, q Query) (*Filter, error) {
	v, err := a.viewerOf(ctx, q)
	if err != nil {
		return nil, failed("filter", q.Tenant, err)
	}
	return v.Filter(q.Action, q.Type)
}

// viewerOf looks a query's user up.
func (a *Authorizer) viewerOf(ctx context.Context, q Query) (*Viewer, error) {
	v, err := a.viewer(ctx, q.Tenant, q.User)
	if err != nil {
		return nil, err
	}
	v.request.UserAttrs, v.request.Env, v.request.At, v.request.Address = q.UserAttrs, q.Env, q.At, q.Address
	return v, nil
}

// Filter answers which records of a type the user may do an action to.
func (v *Viewer) Filter(action, typ string) (*Filter, error) {
	f, err := v.filter(action, typ)
	if err != nil {
		return nil, failed("filter", v.request.Tenant, err)
	}
	return f, nil
}

func (v *Viewer) filter(action, typ string) (*Filter, error) {
	if err := v.usable(); err != nil {
		return nil, err
	}
	req := v.request
	req.Action, req.Type = action, typ
	start := v.of.started()
	var x filter.Expr
	var complete bool
	clock, err := v.of.openClock(v.ctx, v.snapshot, &req) // the list's records are allowed by it, all at once
	if err == nil {
		x, complete, err = v.snapshot.Filter(v.user, &req, clock)
	}
	none := x == nil || x == filter.False
	v.of.asked(v.ctx, "filter", start, &req, Decision{Allowed: err == nil && !none, Revision: v.snapshot.Revision}, failed("filter", req.Tenant, err))
	if err != nil {
		return nil, err
	}
	return &Filter{expr: x, complete: complete, viewer: v, action: action, typ: typ}, nil
}

// All tells whether the filter has every record of the type.
func (f *Filter) All() bool { return f.expr == filter.True && f.complete }

// None tells whether the filter has no record.
func (f *Filter) None() bool { return f.expr == nil || f.expr == filter.False }

// Complete tells whether the filter has exactly the records that are allowed. Otherwise it
// has others, too, which Match tells apart.
func (f *Filter) Complete() bool { return f.complete }

// Expr is the filter's expression; false of every record if there is none.
func (f *Filter) Expr() filter.Expr {
	if f.expr == nil {
		return filter.False
	}
	return f.expr
}

// IDs is the records' ids, in no order, if the filter consists of ids alone, as for
// who has nothing but single records. Otherwise ok is false.
func (f *Filter) IDs() (ids []string, ok bool) { return f.AppendIDs(nil) }

// AppendIDs is IDs appended to a list, which a server that lists thousands keeps for the
// next time: new memory would cost it more than the list. If ok is false, nothing is appended.
func (f *Filter) AppendIDs(to []string) (ids []string, ok bool) {
	if !f.complete {
		return to, false
	}
	return filter.AppendIDs(to, f.Expr())
}

// String says for people which records the filter has.
func (f *Filter) String() string {
	s := filter.Format(f.Expr())
	if !f.complete {
		s += ", perhaps fewer"
	}
	return s
}

// Revision is the revision of the policy that the filter is of.
func (f *Filter) Revision() Revision {
	if f.viewer == nil {
		return 0
	}
	return f.viewer.Revision()
}

// Fields decides how much the user reaches of every field of a record that the filter
// has. It does not ask again whether it has it, so the record may lack what only that depends on,
// such as its parent.
func (f *Filter) Fields(r *Record) (Fields, error) {
	if f.viewer == nil {
		return Fields{}, failed("fields", "", ErrUnavailable)
	}
	req := f.viewer.request
	req.Action, req.Record = f.action, r
	fields, err := f.viewer.fields(&req, true)
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	return fields, nil
}

// Match tells whether the action is allowed to a record, by the policy that the filter is of.
func (f *Filter) Match(r *Record) (bool, error) {
	if f.viewer == nil {
		return false, failed("filter", "", ErrUnavailable)
	}
	return f.viewer.Enforce(f.action, r)
}

// SQL is the filter as a condition of the WHERE clause of a query on the mapping's
// table, the tenant always among it. With an error it is filter.Never.
func (f *Filter) SQL(m *filter.Mapping, d filter.Dialect) (filter.Condition, error) {
	if f.viewer == nil {
		return filter.Never(), failed("filter", "", ErrUnavailable)
	}
	c, err := filter.SQL(f.Expr(), m, f.viewer.request.Tenant, d)
	return c, failed("filter", f.viewer.request.Tenant, err)
}
