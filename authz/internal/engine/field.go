package engine

import (
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Levels are the levels of all fields of a type for a user and an action, each
// in the order of the fields' names. They are not to be changed.
type Levels struct {
	InOrder []model.FieldLevel

	typ     *recordType
	action  *action
	uniform bool // the same for all records to which the user may do the action
}

func newLevels(t *recordType) *Levels {
	return &Levels{typ: t, InOrder: make([]model.FieldLevel, len(t.inOrder))}
}

// Of returns the level of a field; that of an unknown one is hidden.
func (l *Levels) Of(name string) model.FieldLevel {
	if f := l.typ.fields[name]; f != nil {
		return l.InOrder[f.index]
	}
	return model.FieldHidden
}

// Index is the place of a field in the order; -1: there is no such field.
func (l *Levels) Index(name string) int {
	if f := l.typ.fields[name]; f != nil {
		return f.index
	}
	return -1
}

// All yields the fields in the order of their names.
func (l *Levels) All(yield func(name string, level model.FieldLevel) bool) {
	for i, f := range l.typ.inOrder {
		if !yield(f.name, l.InOrder[i]) {
			return
		}
	}
}

// Uniform tells whether the levels are the same for all records of the type to
// which the user may do the action.
func (l *Levels) Uniform() bool { return l.uniform }

// Type is the name of the type whose fields these are.
func (l *Levels) Type() string { return l.typ.name }

// Schema is what the schema says of a field, and whether there is one.
func (l *Levels) Schema(name string) (model.Field, bool) {
	f, ok := l.typ.Fields[name]
	return f, ok
}

// FieldLevel answers how much of a field the request's user reaches with its
// action. The level that comes with an error is FieldHidden.
func (s *Snapshot) FieldLevel(req *model.Request, name string, clock func() time.Time) (model.FieldLevel, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil {
		return model.FieldHidden, err
	}
	f := q.typ.fields[name]
	if f == nil {
		return model.FieldHidden, unknownField(q.typ.name, name)
	}
	if v := q.decide(req); !v.Allowed() {
		return model.FieldHidden, nil
	}
	return q.fieldLevel(req, f), nil
}

// FieldLevels answers the same for all fields of the request's type. Of a page
// of records, last is what it answered for the record before; nil for the first one. Of a record
// that is listed, the action is known to be allowed.
func (s *Snapshot) FieldLevels(u User, req *model.Request, listed bool, last *Levels, clock func() time.Time) (*Levels, error) {
	var q question
	if err := s.ask(&q, req, u.subject, clock); err != nil {
		return nil, err
	}
	if !listed && !q.decide(req).Allowed() {
		return q.typ.hidden, nil
	}
	return q.fieldLevels(req, last), nil
}

// fieldLevels is the levels of all fields; the last ones, if they are the same for all records.
func (q *question) fieldLevels(req *model.Request, last *Levels) *Levels {
	if last != nil && last.uniform && last.action == q.action {
		return last
	}
	l := newLevels(q.typ)
	for i, f := range q.typ.inOrder {
		l.InOrder[i] = q.fieldLevel(req, f)
	}
	l.action, l.uniform = q.action, !q.varied && !q.hasOnRecords(fieldRule)
	return l
}

// LeastFieldLevels answers how much of each field the user reaches of every record of
// the request's type to which she may do the action: what holds of some only does not
// count, and what is denied of one is denied.
func (s *Snapshot) LeastFieldLevels(u User, req *model.Request, clock func() time.Time) (*Levels, error) {
	var q question
	if err := s.ask(&q, req, u.subject, clock); err != nil {
		return nil, err
	}
	switch q.decide(req).Reason {
	case model.ReasonTenant, model.ReasonSubjectOff, model.ReasonTargetOff:
		return q.typ.hidden, nil
	} // otherwise some record may be allowed, by a rule on it alone
	l := newLevels(q.typ)
	l.action = q.action
	for i, f := range q.typ.inOrder {
		l.InOrder[i] = min(q.fieldLevel(req, f), q.leastOnRecords(f), q.fieldLimit(req, f, true))
	}
	return l, nil
}

// leastOnRecords is the most that rules on single records leave of a field in all of them.
func (q *question) leastOnRecords(f *field) model.FieldLevel {
	least := model.FieldWrite
	if !q.hasOnRecords(fieldRule) {
		return least
	}
	deny := func(level uint8) { least = min(least, model.FieldLevel(level-fieldDeny)-1) }
	for _, id := range q.who.ids() {
		for _, on := range [2]about{f.about(), everyField} {
			for class := uint8(fieldDeny + 1); class < termed; class++ {
				if len(q.inverse().heldBy(id, q.typ, on, class).entries) > 0 {
					deny(class)
				}
			}
			for _, r := range q.heldRules(q.inverse().heldBy(id, q.typ, on, termed)) {
				if r.level() > fieldDeny && q.inForce(q.Snapshot, &q.terms[r.terms()]) {
					deny(r.level())
				}
			}
		}
	}
	return least
}

// fieldLevel is the highest level that the field's rules give, below every
// level that they deny.
func (q *question) fieldLevel(req *model.Request, f *field) model.FieldLevel {
	level, limit := f.initial, model.FieldWrite
	if q.action.reading {
		limit = model.FieldRead
	}
	count := func(l uint8) {
		if l > fieldDeny {
			limit = min(limit, model.FieldLevel(l-fieldDeny)-1)
		} else {
			level = max(level, model.FieldLevel(l))
		}
	}
	for s, who := q.Snapshot, q.who; s != nil; s, who = s.base, who.base {
		for _, at := range f.cells {
			c := s.field.at(at)
			if c == nil {
				continue
			}
			for l, mask := range c.plain {
				if mask&who.mask != 0 {
					count(uint8(l))
				}
			}
			for rest, j := s.field.rest(c), who.next(s.field.rest(c), 0); j < len(rest); j = who.next(rest, j+1) {
				q.countField(req, s, rest[j], count)
			}
		}
	}
	if q.hasOnRecords(fieldRule) {
		for i, r := uint(0), q.rules.mine(q, 0); r != 0; i, r = i+1, q.rules.mine(q, i+1) {
			if r.about() == f.about() || r.about() == everyField {
				q.countField(req, q.Snapshot, r, count)
			}
		}
	}
	if q.switched {
		if q.opensField(req, f) {
			level = model.FieldWrite
		}
		limit = min(limit, q.fieldLimit(req, f, false))
	}
	return min(level, limit)
}

// countField counts what a rule that concerns the user says of a field, if it holds.
func (q *question) countField(req *model.Request, s *Snapshot, r rule, count func(uint8)) {
	q.varied = q.varied || r.terms() != 0
	if q.holds(req, s, r, req.Record, fieldEffect(r.level())) {
		count(r.level())
	}
}

// fieldEffect is what a field rule with a level wants.
func fieldEffect(level uint8) model.Effect {
	if level > fieldDeny {
		return model.Deny
	}
	return model.Allow
}

func unknownField(typ, name string) error {
	return model.At("request", "field", string([]byte(name)), model.ErrUnknownField)
}
