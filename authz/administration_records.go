package authz

import (
	"context"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// recordOf is the facts of a record that a rule names; nil if they are not known.
func (p *proposed) recordOf(ctx context.Context, on model.Target) (*Record, error) {
	if on.ID == "" || p.resolver == nil || on.Type == model.PermissionType {
		return nil, nil
	}
	records, err := p.records(ctx, p.tenant.name, []Ref{{on.Type, on.ID}})
	if err != nil {
		return nil, err
	}
	return records[0], nil
}

// request asks on behalf of an actor. What the context's Principal says of him counts, if it is he.
func (p *proposed) request(ctx context.Context, actor, action string, r *Record) *Request {
	q := &Request{Tenant: p.tenant.name, User: actor, Action: action, Record: r}
	if who, ok := FromContext(ctx); ok && who.Tenant == q.Tenant && who.User == actor {
		q.UserAttrs, q.Env, q.Address = who.UserAttrs, who.Env, who.Address
	}
	return q
}

// permissions are the records of type permission that a fact is: one for each unit that it concerns, or one without.
func (p *proposed) permissions(ctx context.Context, f Fact) ([]*Record, error) {
	policy, err := p.holding()
	if err != nil {
		return nil, err
	}
	r, changed := model.PermissionOf(f), f
	if s, ok := f.(model.Switch); ok && model.IsRuleID(s.Target) {
		of := policy.Rule(s.Target)
		if of == nil {
			of = p.addedRule(s.Target)
		}
		if of != nil {
			about := model.PermissionOf(of)
			about.Attrs["kind"], about.Attrs["mode"] = r.Attrs["kind"], r.Attrs["mode"]
			delete(about.Attrs, "from")
			delete(about.Attrs, "until")
			for _, name := range []string{"from", "until"} {
				if v, ok := r.Attrs[name]; ok {
					about.Attrs[name] = v
				}
			}
			r, f = about, of
		}
	}
	on, err := p.recordOf(ctx, targetOf(f))
	if err != nil {
		return nil, err
	}
	if on != nil {
		r.Owners = on.Owners
	}
	var all []*Record
	for _, u := range p.unitsOf(f, func(subject string) []string { return policy.Units(subject, changed) }) {
		of := *r
		of.Unit = u
		all = append(all, &of)
	}
	return all, nil
}

// addedRule is the fact of a rule id that the change itself adds.
func (p *proposed) addedRule(id string) Fact {
	for _, l := range p.add {
		if l.Section != model.Switches && l.Section != model.OrgEdges && l.RuleID() == id {
			return decoded(l)
		}
	}
	return nil
}

// targetOf is what a rule or switch is on.
func targetOf(f Fact) model.Target {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.On
	case model.TeamRule:
		return f.On
	case model.FieldRule:
		return f.On
	case model.Switch:
		if model.KindOf(f.Target) == model.UnknownKind && !model.IsRuleID(f.Target) && f.Target != model.Any {
			if t, err := model.ParseTarget(f.Target); err == nil {
				return t
			}
		}
	}
	return model.Target{}
}

// unitsOf are the units that a fact concerns: those that its subjects are, or are in; "" stands for none.
func (p *proposed) unitsOf(f Fact, of func(subject string) []string) (units []string) {
	switch f := f.(type) {
	case model.CustomerRule:
		units = of(f.Subject)
	case model.TeamRule:
		units = of(f.Subject)
	case model.FieldRule:
		units = of(f.Subject)
	case model.Membership:
		units = of(f.Member)
		if model.KindOf(f.Group) == model.Unit {
			units = append(p.takenFrom(units, f.Member, f), f.Group)
		}
	case model.OrgEdge:
		units = append(p.takenFrom(of(f.Below), f.Below, f), of(f.Above)...)
	case model.Switch:
		units = append(of(f.Target), of(targetOf(f).Unit)...)
	}
	if len(units) == 0 {
		return []string{""}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// takenFrom are the units of somebody whom a fact puts into a unit or below somebody; outside all units, if she is in none, the
// fact is added, and there are others of her already.
func (p *proposed) takenFrom(units []string, who string, by Fact) []string {
	if line, err := model.Encode(by); err == nil && len(units) == 0 && slices.Contains(p.add, line) && p.knows(who) {
		return []string{""}
	}
	return units
}

// knows tells whether there is a fact of a subject before the change.
func (p *proposed) knows(who string) bool {
	if p.known == nil {
		p.known = map[string]bool{}
		for _, lines := range [][]model.Line{p.own, p.base} {
			for _, l := range lines {
				p.known[l.Values[0]] = true
				switch l.Section {
				case model.Memberships, model.OrgEdges:
					p.known[l.Values[1]] = true
				case model.Switches:
					for _, s := range strings.Fields(l.Values[5]) {
						p.known[s] = true
					}
				}
			}
		}
	}
	return p.known[who]
}
