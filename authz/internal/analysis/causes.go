package analysis

import (
	"iter"
	"slices"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

// causes finds which facts account for a change: of those that were added and removed, those that
// the decisions about an example, before and now, rest on.
type causes struct {
	added, removed impact.Facts
	at             map[string][]changedFact     // by whom they are about
	up, down       map[string][]string          // where memberships and org edges of either policy lead, and whence
	fields         map[string][]model.FieldRule // of either policy, by subject
	targets        []model.Switch               // of types, records and fields
}

// changedFact is a fact that was added or removed.
type changedFact struct {
	model.Fact
	added bool
	// low is whom it is about; high, where it leads, if it is a membership or org edge.
	// A switch of a rule or membership is about the same as that.
	low, high string
	of        model.Fact // that it switches off
}

// newCauses is of the facts that are added and removed, and all of either policy that lead
// anywhere, open fields or are named by those that are added or removed.
func newCauses(added, removed impact.Facts, all iter.Seq[model.Fact]) *causes {
	c := &causes{added: added, removed: removed, at: map[string][]changedFact{}, up: map[string][]string{}, down: map[string][]string{}, fields: map[string][]model.FieldRule{}}
	for f := range all {
		c.index(f)
	}
	slices.SortFunc(c.added, compareFacts)
	slices.SortFunc(c.removed, compareFacts)
	switched := switchedFacts(all, slices.Concat(c.added, c.removed))
	for i, f := range slices.Concat(c.added, c.removed) {
		n := changedFact{Fact: f, added: i < len(c.added)}
		if s, ok := f.(model.Switch); ok {
			n.of = switched[s.Target]
			if s.Target != model.Any && model.KindOf(s.Target) == model.UnknownKind && !model.IsRuleID(s.Target) {
				c.targets = append(c.targets, s)
			}
		}
		if n.low, n.high = ends(f); n.of != nil {
			n.low, n.high = ends(n.of)
		}
		c.at[n.low] = append(c.at[n.low], n)
	}
	return c
}

// switchedFacts is the facts that some switches among others name by their ids.
func switchedFacts(all iter.Seq[model.Fact], among []model.Fact) map[string]model.Fact {
	named := map[string]model.Fact{}
	for _, f := range among {
		if s, ok := f.(model.Switch); ok && model.IsRuleID(s.Target) {
			named[s.Target] = nil
		}
	}
	if len(named) == 0 {
		return nil
	}
	for f := range all {
		if id := model.RuleID(f); f.Section() != model.Switches {
			if _, ok := named[id]; ok {
				named[id] = f
			}
		}
	}
	return named
}

// index notes where a fact of either policy leads.
func (c *causes) index(f model.Fact) {
	low, high := ends(f)
	if rule, ok := f.(model.FieldRule); ok {
		c.fields[low] = append(c.fields[low], rule)
	}
	if high != "" {
		c.up[low] = append(c.up[low], high)
		c.down[high] = append(c.down[high], low)
	}
}

// setOf is the facts of a policy that concern its tenant.
func setOf(p *compiled) map[model.Fact]bool {
	all := make(map[model.Fact]bool, len(p.Facts))
	for _, f := range p.ownFacts() {
		all[f] = true
	}
	return all
}

// ends is whom a fact is about and, of memberships and org edges, where it leads.
func ends(f model.Fact) (low, high string) {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Subject, ""
	case model.TeamRule:
		return f.Subject, ""
	case model.FieldRule:
		return f.Subject, ""
	case model.Switch:
		return f.Target, ""
	case model.Membership:
		return f.Member, f.Group
	case model.OrgEdge:
		return f.Below, f.Above
	}
	return "", ""
}

// brief tells whether the tenant itself is switched, so that whoever may do anything loses it, or has it again.
func (c *causes) brief() bool {
	return slices.ContainsFunc(c.at[model.Any], func(n changedFact) bool { return n.Section() == model.Switches })
}

// of is the facts that account for a change of an example.
func (c *causes) of(before, now *view, d difference, example *model.Record) []model.Fact {
	if len(c.added)+len(c.removed) == 1 { // it can be nothing else
		return slices.Concat(c.added, c.removed)
	}
	var all impact.Facts
	was, is := before.decide(d, example), now.decide(d, example)
	if was.Allowed != is.Allowed {
		all = addFacts(all, c.restsOn(was, false))
		all = addFacts(all, c.restsOn(is, true))
		all = addFacts(all, c.switches(now.user))
		all = addFacts(all, c.targetSwitches(d, example))
		if len(all) == 0 || viaOthers(was) || viaOthers(is) {
			all = addFacts(all, c.near(now.user, example))
		}
	}
	if d.fields != nil {
		all = addFacts(all, c.fieldRules(now.user, d, example))
		all = addFacts(all, c.targetSwitches(d, example))
	}
	if len(all) == 0 {
		all = addFacts(all, c.around(now.user, example))
	}
	return all
}

// decide is the decision about an example.
func (v *view) decide(d difference, example *model.Record) model.Decision {
	decision, _ := v.Snapshot.DecideInFull(v.request(d.action, example), v.clock) // an unknown action is denied
	return decision
}

// restsOn is the changed facts among those that a decision names, and changed switches of these.
func (c *causes) restsOn(d model.Decision, now bool) (all []model.Fact) {
	rule := func(f model.Fact) {
		low, _ := ends(f)
		for _, n := range c.at[low] {
			if n.Fact == f && n.added == now || n.of == f {
				all = append(all, n.Fact)
			}
		}
	}
	path := func(names []string) {
		for i := 1; i < len(names); i++ {
			for _, n := range c.at[names[i-1]] {
				if n.high == names[i] && (n.added == now || n.of != nil) {
					all = append(all, n.Fact)
				}
			}
			all = append(all, c.switches(names[i])...)
		}
	}
	if d.Rule != nil && d.Reason != model.ReasonNoReach {
		rule(d.Rule)
		path(d.Path)
	}
	for _, s := range d.Reach {
		if s.Rule != nil {
			rule(s.Rule)
		}
		path(s.Path)
	}
	return all
}

// switches are the changed switches of a subject, and of the tenant.
func (c *causes) switches(subject string) (all []model.Fact) {
	for _, n := range slices.Concat(c.at[subject], c.at[model.Any]) {
		if n.Section() == model.Switches && n.of == nil {
			all = append(all, n.Fact)
		}
	}
	return all
}

// targetSwitches are the changed switches of types, records and fields that have to do with an example.
func (c *causes) targetSwitches(d difference, r *model.Record) (all []model.Fact) {
	for _, s := range c.targets {
		t, err := model.ParseTarget(s.Target)
		if err == nil && (t.Type == model.Any || t.Type == d.typ) && (t.ID == "" || t.ID == r.ID) && (t.Field == "" || d.fields != nil) {
			all = append(all, s)
		}
	}
	return all
}

// viaOthers tells whether a decision rests on what others, or units, are in or below.
func viaOthers(d model.Decision) bool {
	rule, _ := d.Rule.(model.CustomerRule)
	return rule.On.Unit != "" || rule.Scope == model.ScopeTeam || rule.Scope == model.ScopeUnit || rule.Scope == model.ScopeUnitTree ||
		slices.ContainsFunc(d.Reach, func(s model.Step) bool { return s.How == "hierarchy" })
}

// near is the changed memberships in teams and units, org edges and switches of groups on all ways up from the
// user and from whom a record belongs to.
func (c *causes) near(user string, r *model.Record) (all []model.Fact) {
	starts := []string{user}
	for _, name := range startsOf(r) {
		if starts = append(starts, name); model.KindOf(name) == model.Team {
			for member := range closure(c.down, name) {
				starts = append(starts, member)
			}
		}
	}
	for name := range closure(c.up, starts...) {
		for _, n := range c.at[name] {
			if n.high != "" && model.KindOf(n.high) != model.Role {
				all = append(all, n.Fact)
			}
		}
		if model.KindOf(name) != model.Role {
			all = append(all, c.switches(name)...)
		}
	}
	return all
}

// startsOf is the owners and units of a record and those above it.
func startsOf(r *model.Record) (names []string) {
	for ; r != nil; r = r.Parent {
		names = append(append(names, r.Owners...), r.Unit)
	}
	return names
}

// closure is names and all that edges lead to from them.
func closure(edges map[string][]string, names ...string) map[string]bool {
	seen := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		if names = names[1:]; !seen[name] {
			seen[name] = true
			names = append(names, edges[name]...)
		}
	}
	return seen
}

// fieldRules are the changed rules about fields that may concern the user, and the changed
// memberships and switches by which such a rule does or does not.
func (c *causes) fieldRules(user string, d difference, r *model.Record) (all []model.Fact) {
	for name := range closure(c.up, user, model.Everyone) {
		for _, n := range c.at[name] {
			f := n.Fact
			if n.of != nil {
				f = n.of
			}
			rule, ok := f.(model.FieldRule)
			if ok && d.about(rule, r) || n.high != "" && c.leadsToRule(n.high, d, r) {
				all = append(all, n.Fact)
			}
		}
		if name != user && c.leadsToRule(name, d, r) {
			all = append(all, c.switches(name)...)
		}
	}
	return all
}

// about tells whether a field rule is about one of the fields, on an example.
func (d difference) about(rule model.FieldRule, r *model.Record) bool {
	return rule.On.Type == d.typ && (rule.On.ID == "" || rule.On.ID == r.ID) && (rule.On.Field == model.Any || slices.Contains(d.fields, rule.On.Field))
}

func (c *causes) leadsToRule(group string, d difference, r *model.Record) bool {
	for name := range closure(c.up, group) {
		if slices.ContainsFunc(c.fields[name], func(rule model.FieldRule) bool { return d.about(rule, r) }) {
			return true
		}
	}
	return false
}

// around is all changed facts that may have to do with a change; all there are, if no other has.
func (c *causes) around(user string, r *model.Record) (all []model.Fact) {
	for name := range closure(c.up, append(startsOf(r), user, model.Everyone)...) {
		for _, n := range c.at[name] {
			all = append(all, n.Fact)
		}
	}
	if len(all) > 0 {
		return all
	}
	return slices.Concat(c.added, c.removed)
}
