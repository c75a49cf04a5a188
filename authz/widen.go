package authz

import (
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/duty"
	"github.com/crmauthz/crmauthz/model"
)

// widening is what there is to tell whether a change widens somebody.
type widening struct {
	*Authorizer
	facts []Fact            // that there are
	added []Fact            // by the change
	in    *duty.Memberships // now or later, with the change or without it
	self  []string          // he, everyone, and the groups that he is in so
}

// checkWidening refuses that somebody approves a proposal by which he gains.
func (p *proposed) checkWidening(who string, of adapter.Proposal) error {
	c, err := changeOf(of)
	if err != nil {
		return err
	}
	w := &widening{Authorizer: p.Authorizer, facts: factsOf(slices.Concat(p.own, p.base)), added: c.Add}
	w.in = duty.Of(slices.Concat(w.facts, w.added), p.clock())
	w.self = append(w.in.Above(who), model.Everyone)
	for _, f := range c.Add {
		if w.gainsBy(f) {
			return fmt.Errorf("%w: %s gains by %s", ErrOwnProposal, who, f)
		}
	}
	for _, f := range c.Remove {
		if w.gainsWithout(f) {
			return fmt.Errorf("%w: %s gains without %s", ErrOwnProposal, who, f)
		}
	}
	return nil
}

func (w *widening) is(subject string) bool { return slices.Contains(w.self, subject) }

// gainsBy tells whether he gains by a fact that is added.
func (w *widening) gainsBy(f Fact) bool {
	switch f := f.(type) {
	case model.Switch:
		if model.IsRuleID(f.Target) {
			return w.gainsWithout(w.rule(f.Target))
		}
		return isGroup(f.Target) && w.is(f.Target) && w.boundBy(f.Target)
	case Membership:
		return w.is(f.Member)
	case OrgEdge:
		return w.is(f.Above)
	case CustomerRule:
		return f.Effect == model.Allow && w.is(f.Subject)
	case TeamRule:
		return w.is(f.Subject)
	case FieldRule:
		return f.Effect == model.Allow && w.is(f.Subject)
	}
	return false
}

// gainsWithout tells whether he gains by the loss of a fact.
func (w *widening) gainsWithout(f Fact) bool {
	switch f := f.(type) {
	case model.Switch:
		if model.IsRuleID(f.Target) {
			return w.gainsBy(w.rule(f.Target))
		}
		return w.is(f.Target)
	case Membership:
		return w.is(f.Member) && w.boundBy(f.Group)
	case CustomerRule:
		return f.Effect == model.Deny && w.is(f.Subject)
	case FieldRule:
		return f.Effect == model.Deny && w.is(f.Subject)
	}
	return false
}

// rule is the fact of a rule id, or nil.
func (w *widening) rule(id string) Fact {
	for _, f := range slices.Concat(w.facts, w.added) {
		if isRule(f) && model.RuleID(f) == id {
			return f
		}
	}
	return nil
}

func isRule(f Fact) bool {
	switch f.(type) {
	case model.Switch, OrgEdge:
		return false
	}
	return true
}

// boundBy tells whether being in a group may keep something from him: by what is forbidden or capped, for the group or those that
// it is in or for him if he is in them, by a constraint, by a condition that asks for one of them, or by a switch that is not for them.
func (w *widening) boundBy(group string) bool {
	groups := w.in.Above(group)
	among := func(g string) bool { return slices.Contains(groups, g) }
	forbidden := func(f CustomerRule) bool {
		return f.Effect == model.Deny && (among(f.Subject) || w.is(f.Subject) && w.personal(f))
	}
	for _, c := range w.schema.Constraints {
		if slices.ContainsFunc(c.Exclusive, among) || slices.ContainsFunc(c.Rules(), forbidden) {
			return true
		}
	}
	for name := range w.schema.Conditions {
		for _, c := range w.conditions.Calls(name) {
			if c.Function == "member" && (len(c.Args) == 0 || among(c.Args[0])) {
				return true
			}
		}
	}
	return slices.ContainsFunc(w.facts, func(f Fact) bool {
		switch f := f.(type) {
		case CustomerRule:
			return forbidden(f)
		case FieldRule:
			return forbidden(CustomerRule{Subject: f.Subject, Effect: f.Effect, If: f.If})
		case model.Switch:
			return slices.ContainsFunc(f.Except.Subjects(), among)
		}
		return false
	})
}

// personal tells whether what a rule is on depends on the groups of who asks.
func (w *widening) personal(f CustomerRule) bool {
	return f.Scope != model.ScopeLevel && f.Scope != model.ScopeAll || f.If != "" && w.conditions.Personal(f.If)
}

// isGroup tells whether a target is a group.
func isGroup(target string) bool {
	kind := model.KindOf(target)
	return kind != model.User && kind != model.UnknownKind
}
