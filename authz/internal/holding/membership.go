package holding

import (
	"cmp"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// joining is what a subject gets that comes into a group.
func (h *Change) joining(group string, during span, who string) string {
	for _, g := range h.ever(group, during, nil) {
		k := model.KindOf(g)
		if (k == model.Team || k == model.Unit || h.named(g)) && !h.isIn(g, during) {
			return "being in " + g
		}
		if who != h.user && h.reached(g, during) {
			return "what " + who + " owns, which others reach through " + g
		}
		if missing := h.given(g, during, who); missing != "" {
			return missing
		}
	}
	return ""
}

// reached tells whether somebody may do more with what users own who are in a group.
func (h *Change) reached(group string, during span) bool {
	switch model.KindOf(group) {
	case model.Team:
		if h.byTeams(model.Allow, during) {
			return true
		}
	case model.Unit:
		for _, t := range h.schema.Types {
			if t.Hierarchy.By == model.ByUnits && len(h.above[group]) > 0 {
				return true
			}
		}
	}
	return h.asked("ownerIn", group)
}

// byTeams tells whether rules with the scope team allow or forbid something.
func (h *Change) byTeams(effect model.Effect, during span) bool {
	return slices.ContainsFunc(h.byTeam, func(r model.CustomerRule) bool { return r.Effect == effect && during.and(r.Valid).some })
}

// given is what of the rules for a group he does not hold.
func (h *Change) given(group string, during span, who string) string {
	for _, f := range h.rulesFor(group) {
		r, _ := ruleOf(f)
		rest := during.and(r.valid)
		if !rest.some {
			continue
		}
		missing := ""
		switch f := f.(type) {
		case model.CustomerRule:
			if f.Effect == model.Allow {
				missing = h.action(f, rest, who)
			}
		case model.TeamRule:
			missing = h.teamRule(f, rest)
		case model.FieldRule:
			if f.Effect == model.Allow {
				missing = h.field(f, rest, who)
			}
		}
		if missing != "" {
			return missing
		}
	}
	return ""
}

// leaving is what a subject gets whom rules for a group, or by it, forbid nothing any more. left is the membership that ends; of one
// of a group, it counts for whoever is in that.
func (h *Change) leaving(group string, during span, left model.Membership) string {
	if h.frees(group, during, left) {
		return "everything, which groups kept back that exclude each other"
	}
	for _, g := range h.ever(group, during, nil) {
		team := model.KindOf(g) == model.Team
		if (h.asked("member", g) || team && h.notOwn) && slices.Contains(h.ever(h.user, during, nil), g) {
			return "being outside " + g
		}
		if h.asked("ownerIn", g) || team && h.byTeams(model.Deny, during) {
			return "what they own who are no more in " + g
		}
		if h.onlyIn(g, during) {
			return "what is off but for " + g
		}
		for _, f := range slices.Concat(h.rulesFor(g), h.nearBy(g, left, during)) {
			r, _ := ruleOf(f)
			rest := during.and(r.valid)
			if !rest.some || !h.matters(f, left, during) {
				continue
			}
			if missing := h.freed(f, rest, left.Member); missing != "" {
				return missing
			}
		}
	}
	return ""
}

// frees tells whether somebody who leaves may be in two groups that exclude each other, and may do nothing as long as that is so.
func (h *Change) frees(group string, during span, left model.Membership) bool {
	out, from := h.ever(group, during, nil), cmp.Or(left.Member, group)
	if !slices.ContainsFunc(h.schema.Constraints, func(c model.Constraint) bool {
		return slices.ContainsFunc(out, func(g string) bool { return slices.Contains(c.Exclusive, g) })
	}) {
		return false
	}
	if model.KindOf(from) == model.User {
		return h.apart(from, during, out)
	}
	for user := range h.up {
		if model.KindOf(user) == model.User && slices.Contains(h.ever(user, during, nil), from) && h.apart(user, during, out) {
			return true
		}
	}
	return false
}

// onlyIn tells whether a switch leaves for who is in a group what may forbid or cap: a rule, or a way into another group.
func (h *Change) onlyIn(group string, during span) bool {
	return slices.ContainsFunc(h.switches, func(s model.Switch) bool {
		if !during.and(s.Valid).some || !slices.Contains(s.Except.Subjects(), group) {
			return false
		}
		if !model.IsRuleID(s.Target) {
			kind := model.KindOf(s.Target)
			return kind != model.UnknownKind && kind != model.User
		}
		switch f := h.Rule(s.Target).(type) {
		case model.Membership:
			return true
		case model.TeamRule:
			return f.As != ""
		default:
			return f != nil && forbids(f)
		}
	})
}

// nearBy are the rules that forbid or cap what a team owns, or is in a unit, for who leaves it: each as one on all records, since who
// holds as much of his own need not hold it of these.
func (h *Change) nearBy(group string, left model.Membership, during span) (rules []model.Fact) {
	for _, f := range h.near {
		r, _ := ruleOf(f)
		if !h.asksOf(f, model.KindOf(group)) || model.KindOf(left.Member) == model.User && r.subject != model.Everyone && !slices.Contains(h.ever(left.Member, during, nil), r.subject) {
			continue
		}
		if c, ok := f.(model.CustomerRule); ok {
			c.Scope = model.ScopeAll
			f = c
		}
		rules = append(rules, f)
	}
	return rules
}

// freed is what somebody gets for whom a rule is no more.
func (h *Change) freed(f model.Fact, during span, who string) string {
	switch f := f.(type) {
	case model.CustomerRule:
		if f.Effect == model.Deny {
			return h.undenied(f, during, who)
		}
	case model.TeamRule:
		if f.As != "" && h.asked("teamRole", f.As) {
			return "what conditions give those who are not " + f.As
		}
	case model.FieldRule:
		if f.Effect == model.Deny {
			f.Level = model.FieldWrite
			return h.field(f, during, who)
		}
	}
	return ""
}

// matters tells whether a forbidding rule keeps something back from a user who leaves: whether she has anything like it
// without the membership.
func (h *Change) matters(f model.Fact, left model.Membership, during span) bool {
	d, ok := f.(model.CustomerRule)
	if !ok || model.KindOf(left.Member) != model.User {
		return true
	}
	for _, g := range append(h.ever(left.Member, during, &left), model.Everyone) {
		for _, f := range h.rulesFor(g) {
			if r, ok := f.(model.CustomerRule); ok && r.Effect == model.Allow && overlap(r.On, d.On) && sameAction(r.Action, d.Action) && during.and(r.Valid).some {
				return true
			}
		}
	}
	return false
}
