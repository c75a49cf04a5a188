package engine

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// question is a checked request on its way through the decision: all of it but
// the request itself.
//
// A decision allocates nothing, which holds as long as nothing of the request
// is kept, since its strings, records and slices may lie on the caller's stack.
// So the request goes from call to call beside the question, and whatever of it
// leaves for a condition or an error is cloned first.
type question struct {
	*Snapshot
	typ    *recordType
	action *action
	who    *subject    // the user, with her groups at the instant
	rules  recordRules // on the single record
	ahead  readAhead
	at     time.Time
	begun  time.Time        // at, or later: switches that are to begin until then have begun
	lifted bitSet           // the exceptions that who asks is among, by number
	now    time.Time        // the latest that the clock has shown, if the tenant may be open
	copied *condition.Input // of the request, if a condition was judged
	unsure bool             // a condition was unknown for want of attributes of the user or the environment
	varied bool             // the user's groups, or a field rule that was met, may be others for another record or a moment later
}

// readAhead is an action's first cell, which a decision looks at last, copied at first: so
// that the processor waits for its memory and the user's at the same time.
type readAhead struct {
	of   *action // nil: none was read
	cell cell[customerMasks]
}

// utc is the instant t without its location, which is the caller's.
func utc(t time.Time) time.Time { return time.Unix(t.Unix(), int64(t.Nanosecond())).UTC() }

// ask checks a request and finds what it speaks of. The checks are those of
// model.Schema.CheckRequest, which words the error. The clock is read only if
// something depends on it.
//
// who is the user, or nil to be looked up. The question's action is the request's, or nil.
func (s *Snapshot) ask(q *question, req *model.Request, who *subject, clock func() time.Time) error {
	name := req.Type
	if name == "" && req.Record != nil {
		name = req.Record.Type
	}
	q.Snapshot, q.who = s, who
	if q.action == nil {
		if q.action = s.schema.actions.find(name, req.Action); q.action == nil {
			return cmp.Or(s.schema.CheckRequest(Clone(req)), model.ErrUnknownAction)
		}
	}
	q.typ = q.action.typ
	if s.hasOnType(q.typ) {
		if c := s.customer.at(q.action.cells[0]); c != nil {
			q.ahead.of = q.action
			q.ahead.cell = *c
		}
	}
	switch {
	case req.Record == nil:
		if who == nil {
			q.who = s.subject(req.User)
		}
	case who == nil:
		q.findBoth(req)
	default:
		q.rules.set(s.rulesOn(req.Record, q.typ))
	}
	if !q.known(req) {
		if err := s.schema.CheckRequest(Clone(req)); err != nil {
			return err
		}
	}
	if !req.At.IsZero() {
		q.at = utc(req.At)
		q.begun = q.at
	} else if s.timely {
		q.readClock(clock)
	}
	if s.opens {
		q.now = s.Latest.Note(clock())
	}
	if q.who.timed || s.excepts {
		q.findGroups(req)
	}
	return nil
}

// findBoth finds the user and the rules on the record, step by step beside each other, so that
// the processor waits for the memory of both at once.
func (q *question) findBoth(req *model.Request) {
	user, record := keyOf(0, req.User), keyOf(q.typ.index, req.Record.ID)
	users, records := q.subjects.branch(user.hash), q.records.branch(record.hash)
	atUser, atRecord := users.place(user.hash), records.place(record.hash)
	on, who := records.find(atRecord, record, req.Record.ID), users.find(atUser, user, req.User)
	if q.who = who.of(); who == nil {
		q.who = q.nobody
	}
	q.rules.set(on.of())
}

// readClock makes it a question about now.
func (q *question) readClock(clock func() time.Time) {
	q.at = clock()
	q.begun = q.at
	if q.dated {
		q.begun = q.Latest.Note(q.at)
	}
}

// turnTo makes it the question about another action on the same record, and
// tells whether there is such an action.
func (q *question) turnTo(name string) bool {
	q.action = q.schema.actions.find(q.typ.name, name)
	return q.action != nil
}

// known tells whether a request is well formed and the schema knows what it
// speaks of. Users and records that have facts are well formed.
func (q *question) known(req *model.Request) bool {
	if !q.who.user && (q.who != q.nobody || model.CheckSubject(req.User, model.User) != nil) ||
		len(req.UserAttrs) != 0 && !accepts(q.schema.User, req.UserAttrs) || len(req.Env) != 0 && !accepts(q.schema.Env, req.Env) {
		return false
	}
	r := req.Record
	if r == nil {
		return req.ID == ""
	}
	return r.Type == q.typ.name && (req.ID == "" || req.ID == r.ID) && q.knownRecord(r)
}

// knownRecord tells the same of a record and its parents.
func (q *question) knownRecord(r *model.Record) bool {
	typ, found := q.typ, len(q.rules.all) > 0
	if found && len(r.Owners) == 0 && r.Unit == "" && r.Parent == nil && len(r.Attrs) == 0 {
		return true
	}
	for depth := 0; r != nil; r, depth, found = r.Parent, depth+1, false {
		if depth > 0 {
			typ = q.schema.types[r.Type]
		}
		if depth > model.MaxDepth || typ == nil || len(r.Attrs) > 0 && !accepts(typ.Attributes, r.Attrs) {
			return false
		}
		if !found && r.ID != "" && model.CheckID(r.ID) != nil || r.Unit != "" && model.CheckSubject(r.Unit, model.Unit) != nil {
			return false
		}
		for _, o := range r.Owners {
			if model.CheckSubject(o, model.User, model.Team) != nil {
				return false
			}
		}
	}
	return true
}

func accepts(declared map[string]model.AttrType, values map[string]any) bool {
	for name, v := range values {
		if t, ok := declared[name]; !ok || !t.Accepts(v) {
			return false
		}
	}
	return true
}

// Clone copies a request with all that it refers to.
func Clone(q *model.Request) *model.Request {
	return &model.Request{
		Tenant: strings.Clone(q.Tenant), User: strings.Clone(q.User), Action: strings.Clone(q.Action),
		Type: strings.Clone(q.Type), ID: strings.Clone(q.ID), Record: cloneRecord(q.Record), At: utc(q.At),
		UserAttrs: cloneValues(q.UserAttrs), Env: cloneValues(q.Env), Address: cloneAddress(q.Address),
	}
}

// cloneAddress copies an address without its zone, which networks do not have.
func cloneAddress(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return netip.Addr{}
	}
	return netip.AddrFrom16(a.As16()).Unmap()
}

// cloneRecord copies a record and its parents, of which it keeps one more than
// may be, so that a chain that is too long (or a ring) is seen as such.
func cloneRecord(r *model.Record) *model.Record {
	var first *model.Record
	at := &first
	for depth := 0; r != nil && depth < model.MaxDepth+2; depth++ {
		c := &model.Record{Type: strings.Clone(r.Type), ID: strings.Clone(r.ID), Unit: strings.Clone(r.Unit), Attrs: cloneValues(r.Attrs)}
		if r.Owners != nil {
			c.Owners = make([]string, len(r.Owners))
			for i, o := range r.Owners {
				c.Owners[i] = strings.Clone(o)
			}
		}
		*at, at, r = c, &c.Parent, r.Parent
	}
	return first
}

func cloneValues(values map[string]any) map[string]any {
	if values == nil {
		return nil
	}
	c := make(map[string]any, len(values))
	for name, v := range values {
		c[strings.Clone(name)] = cloneValue(v)
	}
	return c
}

// refused stands in a clone for a value of a type that no attribute has.
type refused struct{}

func cloneValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return strings.Clone(v)
	case int:
		return v
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case int64:
		return v
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case float32:
		return float64(v)
	case float64:
		return v
	case bool:
		return v
	case time.Time:
		return utc(v)
	case time.Duration:
		return v
	case []string:
		c := make([]string, len(v))
		for i, s := range v {
			c[i] = strings.Clone(s)
		}
		return c
	}
	return refused{}
}
