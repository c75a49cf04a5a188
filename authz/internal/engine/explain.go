package engine

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// DecideInFull is Decide with what it found told in words of the policy.
func (s *Snapshot) DecideInFull(req *model.Request, clock func() time.Time) (model.Decision, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil {
		return model.Decision{}, err
	}
	return q.tell(req, q.decide(req)), nil
}

// tell words a verdict.
func (q *question) tell(req *model.Request, v Verdict) model.Decision {
	d := model.Decision{Allowed: v.Allowed(), Reason: v.Reason, Revision: q.Revision}
	if !v.by.found() {
		d.Constraint = q.constraintOf(req, v)
		return d
	}
	rule := q.customerRule(req, v.by)
	d.Rule, d.Path = rule, q.pathTo(req.User, rule.Subject)
	if d.Allowed && req.Record != nil && v.by.place&onRecord == 0 {
		if v.by.covers() {
			d.Reach = []model.Step{{How: "scope " + rule.Scope.String()}}
		} else {
			d.Reach = q.steps(req, req.Record, q.action.need)
		}
	}
	return d
}

// customerRule is the rule that a source stands for.
func (q *question) customerRule(req *model.Request, by source) model.CustomerRule {
	s := by.snapshot
	f := model.CustomerRule{Tenant: s.Tenant, On: model.OnType(q.typ.name), Action: q.action.name}
	if by.place.cell()%2 == 1 || by.place&onRecord != 0 && by.rule.about() == everyAction {
		f.Action = model.Any
	}
	if by.place&onRecord != 0 {
		f.On.ID = strings.Clone(req.Record.ID)
	} else {
		if by.place.cell() >= 2 {
			f.On.Type = model.Any
		}
		if by.rule == 0 {
			f.Subject, f.Effect = s.names[s.bits[by.place.bit()]], model.Allow
			switch by.place.slot() {
			case allowAll:
				f.Scope = model.ScopeAll
			case deny:
				f.Effect = model.Deny
			}
			return f
		}
	}
	t := s.terms[by.rule.terms()]
	f.Subject, f.Effect = s.names[by.rule.subject()], model.Effect(by.rule.level())
	f.Scope, f.On.Unit, f.If, f.Valid = t.scope, t.unit, t.condition, t.valid
	return f
}

// pathTo is how the user comes to be, or to be in, the subject of a rule.
func (q *question) pathTo(user, subject string) []string {
	user = strings.Clone(user)
	switch id := q.id(subject); {
	case subject == model.Everyone:
		return []string{user, model.Everyone}
	case subject == user || id == none:
		return []string{user}
	default:
		return q.path(q.who, id)
	}
}

// steps are how the user reaches a record with at least a level: one step, and
// one before it for each parent that passes the level on.
func (q *question) steps(req *model.Request, r *model.Record, level model.Level) []model.Step {
	t, w := q.schema.types[r.Type], q.reaches(req, r, level)
	switch w.how {
	case byOwner:
		step := model.Step{How: "owner", Level: model.LevelFull, Path: []string{strings.Clone(req.User)}}
		if w.id != none && w.id != q.who.id {
			step.Path = q.pathTo(req.User, q.names[w.id])
		}
		return []model.Step{step}
	case byTeamRule:
		f := q.teamRule(r, t, w)
		return []model.Step{{How: "team rule", Level: f.Level, Rule: f, Path: q.pathTo(req.User, f.Subject)}}
	case byParent:
		return append([]model.Step{{How: "parent", Level: level}}, q.steps(req, r.Parent, level)...)
	case byHierarchy:
		step := model.Step{How: "hierarchy", Level: level, Path: []string{strings.Clone(req.User), q.names[w.id]}}
		if w.rule != 0 {
			step.Rule = q.teamRule(r, t, way{rule: w.rule, place: onRecord})
		}
		return []model.Step{step}
	}
	return nil
}

// teamRule is the team rule that a way stands for.
func (q *question) teamRule(r *model.Record, t *recordType, w way) model.TeamRule {
	f := model.TeamRule{Tenant: q.Tenant, On: model.OnType(t.name)}
	switch {
	case w.place&onRecord != 0:
		f.On.ID = strings.Clone(r.ID)
	case w.place.cell() == 1:
		f.On.Type = model.Any
	}
	if w.rule == 0 {
		f.Subject, f.Level = q.names[q.bits[w.place.bit()]], model.Level(w.place.slot())
		return f
	}
	terms := q.terms[w.rule.terms()]
	f.Subject, f.Level = q.names[w.rule.subject()], model.Level(w.rule.level())
	f.On.Unit, f.As, f.If, f.Valid = terms.unit, terms.as, terms.condition, terms.valid
	return f
}

// level is the user's level on a record.
func (q *question) level(req *model.Request, r *model.Record) model.Level {
	for l := model.LevelFull; l > model.LevelNone; l-- {
		if q.reaches(req, r, l).how != noWay {
			return l
		}
	}
	return model.LevelNone
}

// Explain answers a request with all that led to the answer. The nearest grants
// are not guessed: each was tried on a copy of the policy, which with makes when
// the snapshot itself cannot.
func (s *Snapshot) Explain(req *model.Request, clock func() time.Time, with func([]model.Line) (*Snapshot, error)) (model.Explanation, error) {
	var q question
	clock = sync.OnceValue(clock) // the same for all that is tried
	if err := s.ask(&q, req, nil, clock); err != nil {
		return model.Explanation{}, err
	}
	v := q.decide(req)
	x := model.Explanation{Decision: q.tell(req, v), Need: q.action.need, Gates: q.gates(req, v)}
	for _, id := range q.who.ids() {
		if id != everyone && id != q.who.id {
			x.Groups = append(x.Groups, q.names[id])
		}
	}
	if req.Record != nil {
		x.Level = q.level(req, req.Record)
	}
	if v.Reason == model.ReasonNoRule || v.Reason == model.ReasonNoReach {
		x.Nearest = q.nearest(req, clock, with)
	}
	return x, nil
}

// gates are the steps of the decision up to the one that failed.
func (q *question) gates(req *model.Request, v Verdict) []model.Gate {
	rule := q.constraintOf(req, v)
	if v.by.found() {
		rule = q.customerRule(req, v.by).String()
	}
	all := []struct {
		name   string
		fails  model.Reason
		passed string
		failed string
	}{
		{"tenant", model.ReasonTenant, "not closed", "locked down, read-only, or open for others"},
		{"user", model.ReasonSubjectOff, "not switched off", "switched off"},
		{"target", model.ReasonTargetOff, "not switched off", "the type or record is switched off, or read-only"},
		{"forbidding rules", model.ReasonForbidden, "none covers it", rule},
		{"allowing rules", model.ReasonNoRule, rule, fmt.Sprintf("none for %s on %s concerns the user", q.action.name, q.typ.name)},
		{"reach", model.ReasonNoReach, "the rule covers it, or the level suffices", fmt.Sprintf("needs level %s", q.action.need)},
	}
	var gates []model.Gate
	if v.Reason == model.ReasonOpen {
		return []model.Gate{{Name: "tenant", Passed: true, Detail: v.Reason.String()}}
	}
	for _, g := range all {
		if v.Reason == g.fails {
			return append(gates, model.Gate{Name: g.name, Detail: g.failed})
		}
		gates = append(gates, model.Gate{Name: g.name, Passed: true, Detail: g.passed})
	}
	return gates
}

// nearest is the least that would have to be granted: a team rule, a customer
// rule, a membership in a group that has the right, or the two rules together.
func (q *question) nearest(req *model.Request, clock func() time.Time, with func([]model.Line) (*Snapshot, error)) []model.Fact {
	user := strings.Clone(req.User)
	may := model.CustomerRule{Tenant: q.Tenant, Subject: user, On: model.OnType(q.typ.name), Action: q.action.name, Effect: model.Allow}
	var tries [][]model.Fact
	if r := req.Record; r != nil && r.ID != "" {
		holds := model.TeamRule{Tenant: q.Tenant, Subject: user, On: model.OnRecord(q.typ.name, strings.Clone(r.ID)), Level: q.action.need}
		tries = append(tries, []model.Fact{holds})
		for _, g := range q.groupsThatMay() {
			tries = append(tries, []model.Fact{model.Membership{Tenant: q.Tenant, Member: user, Group: g}})
		}
		tries = append(tries, []model.Fact{may}, []model.Fact{may, holds})
	} else {
		for _, g := range q.groupsThatMay() {
			tries = append(tries, []model.Fact{model.Membership{Tenant: q.Tenant, Member: user, Group: g}})
		}
		all := may
		all.Scope = model.ScopeAll
		tries = append(tries, []model.Fact{may}, []model.Fact{all})
	}
	for _, facts := range tries {
		if q.wouldAllow(req, facts, clock, with) {
			return facts
		}
	}
	return nil
}

// groupsThatMay are the groups that a rule allows the action, and the user is
// not in; at most 16, those that rules on types allow least first.
func (q *question) groupsThatMay() (names []string) {
	for s, who := q.Snapshot, q.who; s != nil; s, who = s.base, who.base {
		for _, at := range q.action.cells[:s.cells] {
			c := s.customer.at(at)
			if c == nil {
				continue
			}
			may := (c.plain[allowAll] | c.plain[allowReach]) &^ who.mask
			for ; may != 0; may &= may - 1 {
				names = append(names, s.names[s.bits[bits.TrailingZeros64(may)]])
			}
			for _, r := range s.customer.rest(c) {
				if r.level() == uint8(model.Allow) && !who.in(r.subject()) && model.KindOf(s.names[r.subject()]) != model.User {
					names = append(names, s.names[r.subject()])
				}
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	slices.SortStableFunc(names, func(x, y string) int { return q.breadth(x) - q.breadth(y) })
	return names[:min(len(names), 16)]
}

// breadth is how many actions on types a group may do.
func (q *question) breadth(group string) (n int) {
	for s, who := q.Snapshot, q.subject(group); s != nil; s, who = s.base, who.base {
		for _, c := range s.customer.used {
			if (c.plain[allowAll]|c.plain[allowReach])&who.mask != 0 {
				n++
			}
		}
	}
	return n
}

// wouldAllow tries facts on a copy of the policy.
func (q *question) wouldAllow(req *model.Request, facts []model.Fact, clock func() time.Time, with func([]model.Line) (*Snapshot, error)) bool {
	var lines []model.Line
	for _, f := range facts {
		l, err := model.Encode(f)
		if err != nil {
			return false
		}
		lines = append(lines, l)
	}
	next, ok, err := q.Fork().With(q.Revision, nil, lines)
	if err == nil && !ok {
		next, err = with(lines)
	}
	if err != nil {
		return false
	}
	v, err := next.Decide(Clone(req), clock)
	return err == nil && v.Allowed()
}

// Fork is a copy of a snapshot of which changes may be made beside those of the original.
func (s *Snapshot) Fork() *Snapshot {
	f := *s
	f.names, f.terms, f.termsIndex = slices.Clip(s.names), slices.Clip(s.terms), nil
	return &f
}
