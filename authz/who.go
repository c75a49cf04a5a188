package authz

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// WhoQuery asks who may do an action to a record.
type WhoQuery struct {
	Tenant string
	Action string
	Record *Record // or
	Type   string  // the type and
	ID     string  // the id of a record that the resolver fetches
	At     time.Time
	Env    map[string]any // what conditions may ask of the environment
	// Address is where everybody asks from; see Request.Address.
	Address netip.Addr

	// Users fetches what conditions may ask of users, in their order; nil of one of
	// whom there is nothing. It is called only if the schema declares such attributes.
	Users func(ctx context.Context, users []string) ([]map[string]any, error)

	After string // the last user of the page before; empty: the first page
	Limit int    // how many people a page has; 0: all
}

// Who is the people who may do an action to a record, at one revision.
type Who struct {
	People []Person // in the order of their ids
	Next   string   // After of the next page; empty: this is the last
	// Everyone: so may every other user of the tenant, of whom there are no facts.
	Everyone bool
	// Complete: nobody is missing. Somebody may be, if a condition asks what the
	// query does not tell of users or the environment.
	Complete bool
	Revision Revision
}

// Person is a user and how she came to it.
type Person struct {
	User     string
	Decision Decision
}

// usersAtOnce is how many users' attributes are fetched together.
const usersAtOnce = 1000

// WhoCan answers who may do an action to a record: the people, not the roles, each
// with the rule and the memberships that allow it. It asks the decision for every
// user of whom there are facts, and for the record's owners: some milliseconds for
// ten thousand users.
func (a *Authorizer) WhoCan(ctx context.Context, q WhoQuery) (Who, error) {
	w, err := a.whoCan(ctx, q)
	if err != nil {
		return Who{}, failed("who can", q.Tenant, err)
	}
	return w, nil
}

func (a *Authorizer) whoCan(ctx context.Context, q WhoQuery) (Who, error) {
	s, err := a.snapshot(ctx, q.Tenant)
	if err != nil {
		return Who{}, err
	}
	req := Request{Tenant: q.Tenant, User: engine.Stranger, Action: q.Action, Record: q.Record, Type: q.Type, ID: q.ID, At: q.At, Env: q.Env, Address: q.Address}
	if err := a.resolve(ctx, []*Request{&req}); err != nil {
		return Who{}, err
	}
	switch {
	case req.Record == nil:
		return Who{}, model.ErrNoFacts
	case q.Limit < 0:
		return Who{}, model.At("request", "limit", fmt.Sprint(q.Limit), model.ErrMalformed)
	}
	now := a.clock()
	clock := func() time.Time { return now } // the same for all
	stranger, err := s.DecideFor(engine.User{}, &req, clock)
	if err != nil {
		return Who{}, err
	}
	w := Who{Everyone: stranger.Allowed(), Complete: !stranger.Unsure, Revision: s.Revision}
	allowed, err := a.allowed(ctx, q, s, req, clock, &w.Complete)
	if err != nil {
		return Who{}, err
	}
	if q.Limit > 0 && len(allowed) > q.Limit {
		allowed = allowed[:q.Limit]
		w.Next = allowed[q.Limit-1].User
	}
	for _, r := range allowed {
		d, err := s.DecideInFull(&r, clock)
		if err != nil {
			return Who{}, err
		}
		w.People = append(w.People, Person{r.User, d})
	}
	return w, nil
}

// allowed asks a request for every user behind the query's last one, and returns
// those that are allowed, by their users. complete is left true if all are sure.
func (a *Authorizer) allowed(ctx context.Context, q WhoQuery, s *engine.Snapshot, req Request, clock func() time.Time, complete *bool) (allowed []Request, err error) {
	users := slices.AppendSeq(ownersOf(req.Record), s.Users())
	slices.Sort(users)
	users = slices.Compact(users)
	behind, _ := slices.BinarySearch(users, q.After+"\x00")
	for some := range slices.Chunk(users[behind:], usersAtOnce) {
		attrs := make([]map[string]any, len(some))
		if q.Users != nil && len(a.schema.User) > 0 {
			if attrs, err = q.Users(ctx, some); err != nil {
				return nil, fmt.Errorf("%w: %w", model.ErrNoFacts, err)
			}
			if len(attrs) != len(some) {
				return nil, fmt.Errorf("%w: attributes of %d users for %d", model.ErrNoFacts, len(attrs), len(some))
			}
		}
		for i, user := range some {
			req.User, req.UserAttrs = user, attrs[i]
			v, err := s.DecideFor(engine.User{}, &req, clock)
			if err != nil {
				return nil, err
			}
			*complete = *complete && !v.Unsure
			if v.Allowed() {
				allowed = append(allowed, req)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return allowed, nil
}

// ownersOf is the users that own a record or one of its parents.
func ownersOf(r *Record) (users []string) {
	for depth := 0; r != nil && depth <= model.MaxDepth; r, depth = r.Parent, depth+1 {
		for _, o := range r.Owners {
			if model.KindOf(o) == model.User {
				users = append(users, o)
			}
		}
	}
	return users
}

// What is all that a user may do, at one revision.
type What struct {
	// Reaches is every type and action that the user may do to some record or, as
	// far as the policy tells, might; in the order of their names.
	Reaches []Reach
	Groups  []string // that she is in: roles, teams and units, in order
	// Complete: every filter is; see Filter.Complete.
	Complete bool
	Revision Revision
}

// Reach is the records of a type that a user may do an action to.
type Reach struct {
	Type, Action string
	Filter       *Filter // never None
}

// String says it in a line for people.
func (r Reach) String() string { return r.Action + " " + r.Type + ": " + r.Filter.String() }

// WhatCan answers what a user may do: of every type and action, which records. Of a query
// that names a type or an action, only of these.
func (a *Authorizer) WhatCan(ctx context.Context, q Query) (What, error) {
	w, err := a.whatCan(ctx, q)
	if err != nil {
		return What{}, failed("what can", q.Tenant, err)
	}
	return w, nil
}

func (a *Authorizer) whatCan(ctx context.Context, q Query) (What, error) {
	v, err := a.viewerOf(ctx, q)
	if err != nil {
		return What{}, err
	}
	types := v.snapshot.Schema().Types
	if _, ok := types[q.Type]; !ok && q.Type != "" {
		return What{}, model.At("request", "type", q.Type, model.ErrUnknownType)
	}
	w := What{Complete: true, Revision: v.Revision(), Groups: v.snapshot.Groups(&v.request, a.clock)}
	slices.Sort(w.Groups)
	known := q.Action == ""
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		for _, action := range slices.Sorted(maps.Keys(types[typ].Actions)) {
			known = known || action == q.Action
			if q.Type != "" && typ != q.Type || q.Action != "" && action != q.Action {
				continue
			}
			f, err := v.filter(action, typ)
			if err != nil {
				return What{}, err
			}
			if w.Complete = w.Complete && f.Complete(); !f.None() {
				w.Reaches = append(w.Reaches, Reach{typ, action, f})
			}
		}
	}
	if !known {
		return What{}, model.At("request", "action", q.Action, model.ErrUnknownAction)
	}
	return w, nil
}
