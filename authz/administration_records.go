package authz

import (
	"context"
	"slices"

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
	r := model.PermissionOf(f)
	if s, ok := f.(model.Switch); ok && model.IsRuleID(s.Target) {
		policy, err := p.holding()
		if err != nil {
			return nil, err
		}
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
	units := p.unitsOf(f)
	if len(units) == 0 {
		return []*Record{r}, nil
	}
	var all []*Record
	for _, u := range units {
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

// unitsOf are the units that a fact concerns: those that its subjects are, or are in.
func (p *proposed) unitsOf(f Fact) (units []string) {
	var subjects []string
	switch f := f.(type) {
	case model.CustomerRule:
		subjects = []string{f.Subject}
	case model.TeamRule:
		subjects = []string{f.Subject}
	case model.FieldRule:
		subjects = []string{f.Subject}
	case model.Membership:
		subjects = []string{f.Member}
		if model.KindOf(f.Group) == model.Unit {
			subjects = append(subjects, f.Group)
		}
	case model.OrgEdge:
		subjects = []string{f.Below, f.Above}
	case model.Switch:
		subjects = []string{f.Target, targetOf(f).Unit}
	}
	for _, s := range subjects {
		if model.KindOf(s) == model.Unit {
			units = append(units, s)
			continue
		}
		for _, g := range p.before.Groups(&Request{User: s}, p.clock) {
			if model.KindOf(g) == model.Unit {
				units = append(units, g)
			}
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}
