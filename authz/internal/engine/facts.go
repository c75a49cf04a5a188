package engine

import (
	"strings"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// asked is what conditions about the record are judged on, copied once for all that the
// question meets if it is the request's own record, as most are about.
func (q *question) asked(req *model.Request, record *model.Record) condition.Input {
	switch {
	case record != req.Record:
		return q.input(req, record)
	case q.copied == nil:
		in := q.input(req, record)
		q.copied = &in
	case q.copied.Action != req.Action:
		q.copied.Action = strings.Clone(req.Action)
	}
	return *q.copied
}

// input is what a condition is judged on: a copy of the request about the record.
func (q *question) input(req *model.Request, record *model.Record) condition.Input {
	c := Clone(req)
	c.Record = cloneRecord(record)
	return condition.Input{
		Action: c.Action, User: c.User, UserAttrs: c.UserAttrs, Env: c.Env, Record: c.Record, At: q.at,
		Facts: &facts{question{Snapshot: q.Snapshot, who: q.who, at: q.at, begun: q.begun, lifted: q.lifted}, c},
	}
}

// facts answers the functions of conditions.
type facts struct {
	q   question
	req *model.Request // of which the record is the one that the condition is about
}

// Member tells whether the user is in the group.
func (f *facts) Member(group string) bool {
	id := f.q.id(group)
	return id != none && id != f.q.who.id && f.q.who.in(id)
}

// OwnerIn tells whether some owner of the record is the group, or is in it.
func (f *facts) OwnerIn(group string) bool {
	id := f.q.id(group)
	for _, o := range f.req.Record.Owners {
		if o == group || id != none && f.q.groupsOf(f.q.subject(o)).in(id) {
			return true
		}
	}
	return false
}

// TeamRole tells whether the user holds a team rule on the record with the role,
// without a condition.
func (f *facts) TeamRole(as string) bool {
	r := f.req.Record
	run := f.q.rulesOn(r, f.q.schema.types[r.Type]).rules()
	for j := f.q.who.next(run, 0); j < len(run); j = f.q.who.next(run, j+1) {
		t := &f.q.terms[run[j].terms()]
		if run[j].about() == aboutTeam && t.as == as && t.condition == "" && f.q.inForce(f.q.Snapshot, t) {
			return true
		}
	}
	return false
}

// Holds tells whether the customer gate alone lets the user do the action on
// records of the type. A rule with a condition does not allow here, but forbids.
func (f *facts) Holds(typ, action string) bool {
	t := f.q.schema.types[typ]
	if t == nil || t.actions[action] == nil {
		return false
	}
	for _, p := range f.q.schema.forbidden[t.actions[action]] {
		if p.scope == model.ScopeLevel {
			return false
		}
	}
	allowed := false
	for s, who := f.q.Snapshot, f.q.who; s != nil; s, who = s.base, who.base {
		for _, at := range t.actions[action].cells[:s.cells] {
			c := s.customer.at(at)
			if c == nil {
				continue
			}
			if c.plain[deny]&who.mask != 0 {
				return false
			}
			allowed = allowed || (c.plain[allowAll]|c.plain[allowReach])&who.mask != 0
			for rest, j := s.customer.rest(c), who.next(s.customer.rest(c), 0); j < len(rest); j = who.next(rest, j+1) {
				r, t := rest[j], &s.terms[rest[j].terms()]
				switch {
				case !f.q.inForce(s, t):
				case r.level() == uint8(model.Allow):
					allowed = allowed || t.condition == ""
				case t.unit == "" && (t.scope == model.ScopeLevel || t.scope == model.ScopeAll):
					return false
				}
			}
		}
	}
	return allowed
}

// Own tells whether the user, or a team of hers, owns the record.
func (f *facts) Own() bool { return f.q.owner(f.req.User, f.req.Record).how != noWay }
