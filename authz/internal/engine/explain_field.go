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
	if req.Record == nil || !q.hasOnRecords(fieldRule) {
		return rules
	}
	for i, r := uint(0), q.rules.mine(q, 0); r != 0; i, r = i+1, q.rules.mine(q, i+1) {
		on := q.fieldTarget(f, 0)
		switch r.about() {
		case f.about():
		case everyField:
			on = q.fieldTarget(f, 1)
		default:
			continue
		}
		on.ID = strings.Clone(req.Record.ID)
		rules = append(rules, q.heldFieldRule(req, q.Snapshot, r, on)...)
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
		rules = append(rules, q.heldFieldRule(req, s, run[j], on)...)
	}
	return rules
}

// heldFieldRule is a rule in words, if it holds.
func (q *question) heldFieldRule(req *model.Request, s *Snapshot, r rule, on model.Target) []model.FieldRule {
	f := s.fieldRule(on, s.names[r.subject()], r.level(), s.terms[r.terms()])
	if !q.holds(req, s, r, req.Record, f.Effect) {
		return nil
	}
	return []model.FieldRule{f}
}

func (s *Snapshot) fieldRule(on model.Target, subject string, level uint8, t terms) model.FieldRule {
	f := model.FieldRule{Tenant: s.Tenant, Subject: subject, On: on, Level: model.FieldLevel(level), Effect: fieldEffect(level), If: t.condition, Valid: t.valid}
	if level > fieldDeny {
		f.Level = model.FieldLevel(level - fieldDeny)
	}
	return f
}
