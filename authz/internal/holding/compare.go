package holding

import (
	"slices"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// action is what of a customer rule's right he does not hold for a time; who gets it.
func (h *Change) action(f model.CustomerRule, during span, who string) string {
	missing := "may " + f.Action + " on " + f.On.String() + scopeText(f)
	if h.targetOff(f.On, during) || !h.allowed(f, during) {
		return missing
	}
	for _, g := range append(h.ever(h.user, during, nil), model.Everyone) {
		for _, other := range h.rulesFor(g) {
			d, ok := other.(model.CustomerRule)
			if ok && d.Effect == model.Deny && overlap(d.On, f.On) && sameAction(d.Action, f.Action) &&
				during.and(d.Valid).some && !h.concernsBoth(d, d, who, during) {
				return missing + ", which is forbidden by " + d.String()
			}
		}
	}
	return ""
}

func scopeText(f model.CustomerRule) string {
	s := ""
	if f.Scope != model.ScopeLevel {
		s = " in scope " + f.Scope.String()
	}
	if f.If != "" {
		s += " if " + f.If
	}
	return s
}

// allowed tells whether some rule allows him the same for all the time. What a forbidding rule keeps back is more than where its
// condition holds: it forbids, too, where that is unknown.
func (h *Change) allowed(f model.CustomerRule, during span) bool {
	for r := range h.held(during) {
		r, ok := r.(model.CustomerRule)
		if ok && r.Effect == model.Allow && (r.Action == f.Action || r.Action == model.Any) && h.covers(r.On, f.On) &&
			(r.If == "" || r.If == f.If && f.Effect == model.Allow) && h.wide(r, f, during) {
			return true
		}
	}
	return false
}

// wide tells whether a rule's scope is as wide as another's, which it covers otherwise.
func (h *Change) wide(r, f model.CustomerRule, during span) bool {
	switch {
	case r.Scope == model.ScopeAll:
		return true
	case f.On.ID == "": // a rule on one record needs no scope
		return r.Scope == f.Scope || r.Scope == model.ScopeUnitTree && f.Scope == model.ScopeUnit
	case r.On.ID != "":
		return true
	}
	return r.Scope == model.ScopeLevel && h.level(f.On, during.Period) >= h.need(f.On.Type, f.Action)
}

// need is the level that an action, or all of a type, needs.
func (h *Change) need(typ, action string) (need model.Level) {
	for name, a := range h.schema.Types[typ].Actions {
		if name == action || action == model.Any {
			need = max(need, a.Need)
		}
	}
	return need
}

// teamRule is what of a team rule he does not hold for a time.
func (h *Change) teamRule(f model.TeamRule, during span) string {
	missing := "the level " + f.Level.String() + " of " + f.On.String()
	if h.targetOff(f.On, during) {
		return missing
	}
	as := f.As
	if as != "" && !h.asked("teamRole", as) {
		as = ""
	}
	for r := range h.held(during) {
		r, ok := r.(model.TeamRule)
		if ok && r.Level >= f.Level && h.covers(r.On, f.On) && (r.If == "" || r.If == f.If) && (as == "" || r.As == as && r.If == f.If && r.On == f.On) {
			return ""
		}
	}
	if f.On.ID != "" && as == "" && !h.powerless(during) && h.level(f.On, during.Period) >= f.Level {
		return ""
	}
	return missing
}

// field is what of a field rule's level he does not hold for a time; who gets it. Of a denying rule it is what that kept back.
func (h *Change) field(f model.FieldRule, during span, who string) string {
	everyones := h.byDefault(f.On) >= f.Level
	if everyones && f.Effect == model.Allow {
		return ""
	}
	missing := "the level " + f.Level.String() + " of " + f.On.String()
	on := f.On
	on.Field = ""
	if h.targetOff(on, during) || !everyones && !h.sees(f, during) {
		return missing
	}
	for _, g := range append(h.ever(h.user, during, nil), model.Everyone) {
		for _, other := range h.rulesFor(g) {
			d, ok := other.(model.FieldRule)
			if ok && d.Effect == model.Deny && d.Level <= f.Level && overlap(d.On, f.On) && sameAction(d.On.Field, f.On.Field) && during.and(d.Valid).some &&
				!h.concernsBoth(d, model.CustomerRule{Subject: d.Subject, If: d.If, Valid: d.Valid}, who, during) {
				return missing + ", which is capped by " + d.String()
			}
		}
	}
	return ""
}

// sees tells whether some rule gives him a field's level for all the time. Of what a cap keeps back, it is as in allowed.
func (h *Change) sees(f model.FieldRule, during span) bool {
	for r := range h.held(during) {
		r, ok := r.(model.FieldRule)
		if ok && r.Effect == model.Allow && r.Level >= f.Level && h.covers(r.On, f.On) && (r.On.Field == f.On.Field || r.On.Field == model.Any) &&
			(r.If == "" || r.If == f.If && f.Effect == model.Allow) {
			return true
		}
	}
	return false
}

// byDefault is what everyone has of a field by the schema, or of every field.
func (h *Change) byDefault(on model.Target) model.FieldLevel {
	least := model.FieldWrite
	for name, f := range h.schema.Types[on.Type].Fields {
		if name == on.Field || on.Field == model.Any {
			least = min(least, f.Default)
		}
	}
	return least
}

// held yields the rules that are for him, and in force, for all of the time.
func (h *Change) held(during span) func(yield func(model.Fact) bool) {
	return func(yield func(model.Fact) bool) {
		if h.powerless(during) {
			return
		}
		for _, g := range append(h.sure(h.user, during), model.Everyone) {
			for _, f := range h.rulesFor(g) {
				if r, _ := ruleOf(f); during.within(r.valid) && !h.ruleOff(f, during) && !yield(f) {
					return
				}
			}
		}
	}
}

// concernsBoth tells whether a forbidding rule is surely for somebody else as well, forbids him the same, and stays. of is
// the rule, or a field rule that it stands for.
func (h *Change) concernsBoth(of model.Fact, d model.CustomerRule, who string, during span) bool {
	if d.Scope != model.ScopeLevel && d.Scope != model.ScopeAll || d.If != "" && h.conditions.Personal(d.If) || h.lifted[of] {
		return false
	}
	return d.Subject == model.Everyone || !h.lifts && during.within(d.Valid) && (d.Subject == who || slices.Contains(h.sure(who, during), d.Subject))
}

// covers tells whether a target has all that another has, fields aside.
func (h *Change) covers(t, other model.Target) bool {
	if t.Type != other.Type && t.Type != model.Any || t.ID != "" && t.ID != other.ID {
		return false
	}
	return t.Unit == "" || other.Unit != "" && slices.Contains(h.tree(other.Unit), t.Unit)
}

// tree is a unit and those above it.
func (h *Change) tree(unit string) []string {
	found := []string{unit}
	for i := 0; i < len(found) && i < model.MaxDepth; i++ {
		for _, up := range h.above[found[i]] {
			if !slices.Contains(found, up) {
				found = append(found, up)
			}
		}
	}
	return found
}

// overlap tells whether two targets may have a record in common.
func overlap(t, other model.Target) bool {
	return (t.Type == other.Type || t.Type == model.Any || other.Type == model.Any) && (t.ID == "" || other.ID == "" || t.ID == other.ID)
}

func sameAction(a, b string) bool { return a == b || a == model.Any || b == model.Any }

// targetOff tells whether some of a target is switched off, or is read-only, at some of the time.
func (h *Change) targetOff(on model.Target, during span) bool {
	return slices.ContainsFunc(h.switches, func(s model.Switch) bool {
		if model.KindOf(s.Target) != model.UnknownKind || model.IsRuleID(s.Target) || s.Target == model.Any || !during.and(s.Valid).some {
			return false
		}
		t, err := model.ParseTarget(s.Target)
		return err != nil || overlap(t, on)
	})
}

func (h *Policy) switchedOff(target string, during span) bool {
	return slices.ContainsFunc(h.off[target], func(p model.Period) bool { return during.and(p).some })
}

// ruleOff tells whether a rule or membership is switched off at some of the time.
func (h *Policy) ruleOff(f model.Fact, during span) bool {
	return len(h.off) > 0 && h.switchedOff(model.RuleID(f), during)
}

// sure is a subject and the groups that it is in for all of the time, whatever is switched off at some of it.
func (h *Policy) sure(subject string, during span) []string {
	return h.climb(subject, func(m model.Membership) bool {
		off := len(h.off) > 0 && (h.switchedOff(m.Group, during) || model.KindOf(m.Member) != model.User && h.switchedOff(m.Member, during))
		return during.within(m.Valid) && !off && !h.ruleOff(m, during)
	})
}

// ever is a subject and the groups that it may be in at some of the time, if but for one membership.
func (h *Policy) ever(subject string, during span, but *model.Membership) []string {
	return h.climb(subject, func(m model.Membership) bool { return during.and(m.Valid).some && (but == nil || m != *but) })
}

func (h *Policy) climb(subject string, passes func(model.Membership) bool) []string {
	found, start := []string{subject}, 0
	for depth := 0; depth < model.MaxDepth && start < len(found); depth++ {
		end := len(found)
		for _, member := range found[start:end] {
			for _, m := range h.up[member] {
				if !slices.Contains(found, m.Group) && passes(m) {
					found = append(found, m.Group)
				}
			}
		}
		start = end
	}
	return found
}

func (h *Change) isIn(group string, during span) bool {
	return !h.powerless(during) && slices.Contains(h.sure(h.user, during), group)
}

// powerless tells whether he may do nothing at some of the time: he is switched off, or in groups that exclude each other.
func (h *Change) powerless(during span) bool {
	if h.switchedOff(h.user, during) {
		return true
	}
	return h.apart(h.user, during, nil)
}

// apart tells whether a user may be in two groups that exclude each other; unless it is nil, one of them among some.
func (h *Policy) apart(user string, during span, among []string) bool {
	in := h.ever(user, during, nil)
	for _, c := range h.schema.Constraints {
		n := 0
		for _, g := range in {
			if slices.Contains(c.Exclusive, g) {
				n++
			}
		}
		if n > 1 && (among == nil || slices.ContainsFunc(among, func(g string) bool { return slices.Contains(c.Exclusive, g) })) {
			return true
		}
	}
	return false
}

// named tells whether something is for who is in a group beside its rules: by a condition in use, or as an exception.
func (h *Policy) named(group string) bool {
	return h.asked("member", group) || h.asked("ownerIn", group) ||
		slices.ContainsFunc(h.switches, func(s model.Switch) bool { return slices.Contains(s.Except.Subjects(), group) })
}

// asked tells whether a condition in use calls a function with an argument, or with one that is not known.
func (h *Policy) asked(function, arg string) bool {
	for name := range h.inUse {
		if h.calls(name, function, arg) {
			return true
		}
	}
	return false
}

func (h *Policy) calls(name, function, arg string) bool {
	return slices.ContainsFunc(h.conditions.Calls(name), func(c condition.Call) bool {
		return c.Function == function && (len(c.Args) == 0 || c.Args[0] == arg)
	})
}

// Sure are the facts by which a user has a level of records for all of a period, whatever conditions say and is switched
// off at some of it: team rules, memberships and org edges.
func (p *Policy) Sure(during model.Period) (facts []model.Fact) {
	s := p.rest(during)
	for _, l := range p.lines {
		keep := false
		f := p.decode(l)
		switch f := f.(type) {
		case model.TeamRule:
			keep = f.If == "" && s.within(f.Valid) && !p.ruleOff(f, s)
		case model.Membership:
			keep = s.within(f.Valid) && !p.ruleOff(f, s) && !p.switchedOff(f.Group, s) && (model.KindOf(f.Member) == model.User || !p.switchedOff(f.Member, s))
		case model.OrgEdge:
			keep = true
		}
		if keep {
			facts = append(facts, f)
		}
	}
	return facts
}
