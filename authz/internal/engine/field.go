package engine

import (
	"time"

	"github.com/crmauthz/crmauthz/model"
)

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
			q.countFields(req, s, who, s.field.rest(c), count)
		}
	}
	if req.Record != nil && q.onRecords&fieldOnRecord != 0 {
		for _, at := range f.cells {
			q.countFields(req, q.Snapshot, q.who, q.rulesOn(req.Record, fieldRule, at), count)
		}
	}
	return min(level, limit)
}

func (q *question) countFields(req *model.Request, s *Snapshot, who *subject, run []rule, count func(uint8)) {
	for j := who.next(run, 0); j < len(run); j = who.next(run, j+1) {
		effect := model.Allow
		if run[j].level() > fieldDeny {
			effect = model.Deny
		}
		if q.holds(req, s, run[j], req.Record, effect) {
			count(run[j].level())
		}
	}
}

func unknownField(typ, name string) error {
	return model.At("request", "field", string([]byte(name)), model.ErrUnknownField)
}
