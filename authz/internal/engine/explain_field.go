package engine

import (
	"math/bits"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// ExplainField answers how much of a field the request's user reaches, with all that led to it.
func (s *Snapshot) ExplainField(req *model.Request, name string, clock func() time.Time) (model.FieldExplanation, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil {
		return model.FieldExplanation{}, err
	}
	f := q.typ.fields[name]
	if f == nil {
		return model.FieldExplanation{}, unknownField(q.typ.name, name)
	}
	x := model.FieldExplanation{Decision: q.tell(req, q.decide(req)), Field: f.name, Default: f.initial, Limit: model.FieldWrite}
	if x.Allowed && q.switched {
		x.Limit, x.Opened = q.fieldLimit(req, f, false), q.opensField(req, f)
	}
	if x.Allowed {
		x.Level, x.Rules = q.fieldLevel(req, f), q.fieldRules(req, f)
	}
	return x, nil
}

// fieldRules is the rules that fieldLevel counts.
func (q *question) fieldRules(req *model.Request, f *field) (rules []model.FieldRule) {
	for s, who := q.Snapshot, q.who; s != nil; s, who = s.base, who.base {
		for i, at := range f.cells {
			c := s.field.at(at)
			if c == nil {
				continue
			}
			on := q.fieldTarget(f, i)
			for l, mask := range c.plain {
				for m := mask & who.mask; m != 0; m &= m - 1 {
					rules = append(rules, s.fieldRule(on, s.names[s.bits[bits.TrailingZeros64(m)]], uint8(l), terms{}))
				}
			}
			rules = append(rules, q.fieldRulesIn(req, s, who, s.field.rest(c), on)...)
		}
	}
	if req.Record != nil && q.onRecords&fieldOnRecord != 0 {
		for i, at := range f.cells {
			on := q.fieldTarget(f, i)
			on.ID = strings.Clone(req.Record.ID)
			rules = append(rules, q.fieldRulesIn(req, q.Snapshot, q.who, q.rulesOn(req.Record, fieldRule, at), on)...)
		}
	}
	return rules
}

// fieldTarget is what the rules in one of a field's cells are on.
func (q *question) fieldTarget(f *field, cell int) model.Target {
	if cell == 0 {
		return model.OnField(q.typ.name, f.name)
	}
	return model.OnField(q.typ.name, model.Any)
}

func (q *question) fieldRulesIn(req *model.Request, s *Snapshot, who *subject, run []rule, on model.Target) (rules []model.FieldRule) {
	for j := who.next(run, 0); j < len(run); j = who.next(run, j+1) {
		f := s.fieldRule(on, s.names[run[j].subject()], run[j].level(), s.terms[run[j].terms()])
		if q.holds(req, s, run[j], req.Record, f.Effect) {
			rules = append(rules, f)
		}
	}
	return rules
}

func (s *Snapshot) fieldRule(on model.Target, subject string, level uint8, t terms) model.FieldRule {
	f := model.FieldRule{Tenant: s.Tenant, Subject: subject, On: on, Level: model.FieldLevel(level), Effect: model.Allow, If: t.condition, Valid: t.valid}
	if level > fieldDeny {
		f.Level, f.Effect = model.FieldLevel(level-fieldDeny), model.Deny
	}
	return f
}
