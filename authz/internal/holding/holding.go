// Package holding tells whether somebody holds what he is about to give, so that nobody gives more than
// he has himself. It compares what the policy says to the letter, for all time of what is given, and takes what it cannot
// show for not held:
//
//   - a customer rule is held by one that allows the same action, or every action, on the same records or more, in the same
//     scope or a wider one, without a condition or with the same; nothing on it may be forbidden to
//     him that is not forbidden likewise to whom he gives it;
//   - a team rule by one of the same level or higher; on one record also by his own level of it;
//   - a field rule by one of the same level or higher, with no cap on him; what everyone has by the schema is nothing given;
//   - a membership by holding all that its group, and those it is in, are given; of teams and units, and of groups that conditions or
//     exceptions of switches ask for, by being in it;
//   - an org edge between users by being the one below, or his superior as near as its upper end comes to be.
//
// To take away what forbids or caps is to give what it kept back; so is to switch it off, to take people out of a group that it is
// for or whose records it is on, and to switch on what was off. That is held without a condition only: a rule forbids, too, where its
// condition is unknown.
//
// Nobody is shown to hold
//
//   - what others own who come into a group, or leave it, if scopes, hierarchies or conditions go by the groups of owners;
//   - what somebody gets who leaves the only group for which a rule or membership is not off, or one of two that exclude each other;
//   - edges between units, and what comes back when a user, type, record, field or tenant is switched on.
//
// What conditions ask the policy for with holds, or by teamRole without its being named, is not followed.
package holding

import (
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// Policy is what there is before a change.
type Policy struct {
	schema     *model.Schema
	conditions *condition.Set
	now        time.Time

	lines     []model.Line
	bySubject map[string][]int32            // rules: where among the lines
	decoded   map[string][]model.Fact       // of those that were asked for
	unread    string                        // a line that cannot be read
	up        map[string][]model.Membership // memberships, by member
	above     map[string][]string           // org edges
	switches  []model.Switch
	off       map[string][]model.Period // targets switched off
	inUse     map[string]bool           // conditions that rules, constraints and administration name
	byTeam    []model.CustomerRule      // rules with the scope team
	near      []model.Fact              // rules and constraints that forbid or cap by what users own, or are in
	notOwn    bool                      // something is for who does not own a record
}

// New indexes the lines of a tenant and of the base policy, all well formed. The schema is the tenant's. Most lines are
// rules on single records, which few changes have to do with: rules are read when their subjects are met.
func New(schema *model.Schema, conditions *condition.Set, lines []model.Line, now time.Time) (*Policy, error) {
	p := &Policy{schema: schema, conditions: conditions, now: now, lines: lines, bySubject: map[string][]int32{}, decoded: map[string][]model.Fact{},
		up: map[string][]model.Membership{}, above: map[string][]string{}, off: map[string][]model.Period{}, inUse: map[string]bool{}}
	for i, l := range lines {
		rule := l.Section == model.CustomerRules || l.Section == model.TeamRules || l.Section == model.FieldRules
		if rule {
			p.bySubject[l.Values[0]] = append(p.bySubject[l.Values[0]], int32(i))
			if isPlain(l) {
				continue
			}
		}
		f, err := model.Decode(l)
		if err != nil {
			return nil, err
		}
		switch f := f.(type) {
		case model.Membership:
			p.up[f.Member] = append(p.up[f.Member], f)
		case model.OrgEdge:
			p.above[f.Below] = append(p.above[f.Below], f.Above)
		case model.Switch:
			p.switches = append(p.switches, f)
			p.off[f.Target] = append(p.off[f.Target], f.Valid)
		default:
			p.note(f)
		}
	}
	for _, c := range schema.Constraints {
		for _, r := range c.Rules() {
			p.note(r)
			p.notOwn = p.notOwn || p.asksOf(r, model.Team)
		}
	}
	if schema.Administration != nil {
		p.inUse[schema.Administration.Sensitive] = true
		p.notOwn = p.notOwn || p.calls(schema.Administration.Sensitive, "own", "")
	}
	return p, nil
}

// isPlain tells whether a rule hangs on nothing but whom it is for, and what it is on.
func isPlain(l model.Line) bool {
	terms := l.Values[5]
	scoped := l.Section == model.CustomerRules && (strings.HasPrefix(terms, model.ScopeTeam.String()) || l.Values[4] == model.Deny.String())
	return !scoped && !strings.Contains(terms, "if:")
}

// note notes on what else a rule hangs.
func (p *Policy) note(f model.Fact) {
	r, _ := ruleOf(f)
	p.inUse[r.condition] = true
	if c, ok := f.(model.CustomerRule); ok && c.Scope == model.ScopeTeam {
		p.byTeam = append(p.byTeam, c)
	}
	switch {
	case !forbids(f):
		p.notOwn = p.notOwn || p.calls(r.condition, "own", "") && p.schema.Conditions[r.condition] != "own()"
	case p.asksOf(f, model.Team) || p.asksOf(f, model.Unit):
		p.near = append(p.near, f)
	}
}

func forbids(f model.Fact) bool {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Effect == model.Deny
	case model.FieldRule:
		return f.Effect == model.Deny
	}
	return false
}

// asksOf tells whether a rule is on records of the teams, or units, that users are in.
func (p *Policy) asksOf(f model.Fact, kind model.SubjectKind) bool {
	r, _ := ruleOf(f)
	c, _ := f.(model.CustomerRule)
	switch kind {
	case model.Unit:
		return c.Scope == model.ScopeUnit || c.Scope == model.ScopeUnitTree
	case model.Team:
		return c.Scope == model.ScopeOwn || p.calls(r.condition, "own", "")
	}
	return false
}

// rulesFor are the rules for a subject.
func (p *Policy) rulesFor(subject string) []model.Fact {
	facts, ok := p.decoded[subject]
	if !ok {
		for _, i := range p.bySubject[subject] {
			if f := p.decode(p.lines[i]); f != nil {
				facts = append(facts, f)
			}
		}
		p.decoded[subject] = facts
	}
	return facts
}

// decode is the fact of a line, or nil: then nothing is held any more.
func (p *Policy) decode(l model.Line) model.Fact {
	f, err := model.Decode(l)
	if err != nil {
		p.unread = l.String()
		return nil
	}
	return f
}

// Rule is the fact that a rule id names, or nil.
func (p *Policy) Rule(id string) model.Fact {
	for _, l := range p.lines {
		if l.Section != model.Switches && l.Section != model.OrgEdges && l.RuleID() == id {
			return p.decode(l)
		}
	}
	return nil
}

// Units are those that a subject is, or may be in at some of the time of a fact, whatever is switched off; of a fact that is over, at
// any time to come.
func (p *Policy) Units(subject string, of model.Fact) []string {
	during := p.rest(periodOf(of))
	if !during.some {
		during = p.rest(model.Period{})
	}
	return slices.DeleteFunc(p.ever(subject, during, nil), func(g string) bool { return model.KindOf(g) != model.Unit })
}

// rule is what rules have in common.
type rule struct {
	subject   string
	on        model.Target
	condition string
	valid     model.Period
}

func ruleOf(f model.Fact) (r rule, ok bool) {
	switch f := f.(type) {
	case model.CustomerRule:
		return rule{f.Subject, f.On, f.If, f.Valid}, true
	case model.TeamRule:
		return rule{f.Subject, f.On, f.If, f.Valid}, true
	case model.FieldRule:
		return rule{f.Subject, f.On, f.If, f.Valid}, true
	}
	return rule{}, false
}

// Level tells how high a user's level of one record is for all of a period.
type Level func(on model.Target, during model.Period) model.Level

// Missing is what its actor does not hold himself of what one fact of a change gives, in words; empty: he holds it all.
func (c *Change) Missing(f model.Fact, added bool) string {
	missing := ""
	if s, ok := f.(model.Switch); ok {
		missing = c.switching(s, added)
	} else if added {
		missing = c.adding(f, c.rest(periodOf(f)))
	} else {
		missing = c.removing(f, c.rest(periodOf(f)))
	}
	if c.unread != "" {
		return "what " + c.unread + " says, which cannot be read"
	}
	return missing
}

// span is time from now on; the zero span is none.
type span struct {
	model.Period
	some bool
}

// rest is what is left of a period.
func (p *Policy) rest(of model.Period) span {
	if of.From.Before(p.now) {
		of.From = p.now
	}
	return span{of, of.Until.IsZero() || of.Until.After(of.From)}
}

func (s span) and(q model.Period) span {
	if q.From.After(s.From) {
		s.From = q.From
	}
	if s.Until.IsZero() || !q.Until.IsZero() && q.Until.Before(s.Until) {
		s.Until = q.Until
	}
	s.some = s.some && (s.Until.IsZero() || s.Until.After(s.From))
	return s
}

// within tells whether all of it lies in a period.
func (s span) within(q model.Period) bool {
	return !s.From.Before(q.From) && (q.Until.IsZero() || !s.Until.IsZero() && !s.Until.After(q.Until))
}

func periodOf(f model.Fact) model.Period {
	switch f := f.(type) {
	case model.Membership:
		return f.Valid
	case model.Switch:
		return f.Valid
	}
	r, _ := ruleOf(f)
	return r.valid
}

// Change is a change of the policy by somebody.
type Change struct {
	*Policy
	user   string
	level  Level
	lifted map[model.Fact]bool // facts that it takes away, or switches off
	lifts  bool                // it takes away or switches something
}

// By is a change by an actor.
func (p *Policy) By(actor string, level Level, remove, add []model.Fact) *Change {
	h := &Change{Policy: p, user: actor, level: level, lifted: map[model.Fact]bool{}, lifts: len(remove) > 0}
	for _, f := range remove {
		h.lifted[f] = true
	}
	for _, f := range add {
		if s, ok := f.(model.Switch); ok {
			h.lifts = true
			if model.IsRuleID(s.Target) {
				h.lifted[p.Rule(s.Target)] = true
			}
		}
	}
	return h
}

// adding is what of a fact in force for a time he does not hold.
func (h *Change) adding(f model.Fact, during span) string {
	if !during.some {
		return ""
	}
	switch f := f.(type) {
	case model.CustomerRule:
		if f.Effect == model.Allow {
			return h.action(f, during, f.Subject)
		}
	case model.TeamRule:
		return h.teamRule(f, during)
	case model.FieldRule:
		if f.Effect == model.Allow {
			return h.field(f, during, f.Subject)
		}
	case model.Membership:
		return h.joining(f.Group, during, f.Member)
	case model.OrgEdge:
		return h.superior(f)
	}
	return ""
}

// removing is what taking a fact away for a time gives that he does not hold.
func (h *Change) removing(f model.Fact, during span) string {
	if !during.some {
		return ""
	}
	switch f := f.(type) {
	case model.Membership:
		return h.leaving(f.Group, during, f)
	case model.OrgEdge:
		return h.without(f)
	}
	r, _ := ruleOf(f)
	return h.freed(f, during, r.subject)
}

// undenied is what somebody may who is not forbidden it any more.
func (h *Change) undenied(f model.CustomerRule, during span, who string) string {
	if f.Scope == model.ScopeLevel && f.On.ID == "" {
		f.Scope = model.ScopeAll
	}
	return h.action(f, during, who)
}

// switching is what a switch gives when it is added or taken away.
func (h *Change) switching(s model.Switch, added bool) string {
	during := h.rest(s.Valid)
	if !during.some {
		return ""
	}
	kind := model.KindOf(s.Target)
	switch {
	case s.Mode == model.ModeOpen:
		if added {
			return "everything, which an open tenant gives"
		}
		return ""
	case model.IsRuleID(s.Target):
		f := h.Rule(s.Target)
		switch {
		case f == nil:
			return ""
		case added:
			return h.removing(f, during.and(periodOf(f)))
		}
		return h.adding(f, during.and(periodOf(f)))
	case kind == model.User && added:
		return ""
	case kind == model.User:
		return "what " + s.Target + " owns"
	case kind != model.UnknownKind && added: // whoever is in it is not, for a time
		return h.leaving(s.Target, during, model.Membership{Group: s.Target})
	case kind != model.UnknownKind:
		return h.joining(s.Target, during, s.Target)
	case added:
		return ""
	}
	return "what is switched off with " + s.Target
}

// superior is what an org edge gives its upper end.
func (h *Change) superior(e model.OrgEdge) string {
	if model.KindOf(e.Below) == model.Unit || h.powerless(span{some: true}) {
		return "what " + e.Below + " has"
	}
	near := model.MaxDepth
	for _, t := range h.schema.Types {
		if t.Hierarchy.Depth > 0 {
			near = 1
		}
		if t.Hierarchy.Beyond > t.Hierarchy.Level {
			return "what superiors farther up have"
		}
	}
	at := []string{e.Below}
	for range near + 1 {
		if slices.Contains(at, h.user) {
			return ""
		}
		var next []string
		for _, low := range at {
			for _, up := range h.above[low] {
				if !slices.Contains(next, up) {
					next = append(next, up)
				}
			}
		}
		at = next
	}
	return "what " + e.Below + " and those below have"
}

// without is what comes of there being an org edge less.
func (h *Change) without(e model.OrgEdge) string {
	if model.KindOf(e.Below) == model.Unit {
		return "what is forbidden in " + e.Above
	}
	for _, t := range h.schema.Types {
		if t.Hierarchy.Beyond > t.Hierarchy.Level {
			return "what superiors farther up have"
		}
	}
	return ""
}
