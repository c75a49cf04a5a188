package reference

import (
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// decode reads the lines of the tenant and of the base policy.
func decode(schema *model.Schema, tenant string, tenantLines, baseLines []model.Line) ([]model.Fact, error) {
	if err := model.CheckTenant(tenant); err != nil {
		return nil, model.At("policy", "tenant", tenant, err)
	}
	if tenant == model.Base {
		return nil, model.At("policy", "tenant", tenant, model.ErrUnknownTenant)
	}
	var facts []model.Fact
	for _, of := range []struct {
		tenant string
		lines  []model.Line
	}{{model.Base, baseLines}, {tenant, tenantLines}} {
		for _, l := range of.lines {
			f, err := model.Decode(l)
			if err == nil && f.TenantID() != of.tenant {
				err = model.At("policy of "+of.tenant, "tenant", l.String(), model.ErrUnknownTenant)
			}
			if err == nil {
				err = schema.CheckFact(f)
			}
			if err != nil {
				return nil, err
			}
			facts = append(facts, f)
		}
	}
	return facts, nil
}

// inForce returns the facts whose period holds at the instant, but no rule or
// membership that a switch in force names, and no membership that touches a
// group switched off. The switches that are lifted are in force for nothing here.
func inForce(facts []model.Fact, at time.Time, lifted map[model.Switch]bool) []model.Fact {
	var on func(f model.Fact) bool
	off := func(name string) bool {
		for _, f := range facts {
			if s, ok := f.(model.Switch); ok && s.Mode == model.ModeOff && s.Target == name && !lifted[s] && on(s) {
				return true
			}
		}
		return false
	}
	on = func(f model.Fact) bool {
		return period(f).Holds(at) && (f.Section() == model.OrgEdges || f.Section() == model.Switches || !off(model.RuleID(f)))
	}

	var out []model.Fact
	for _, f := range facts {
		m, ok := f.(model.Membership)
		if on(f) && !(ok && (offGroup(off, m.Member) || offGroup(off, m.Group))) {
			out = append(out, f)
		}
	}
	return out
}

// suspended returns the facts of an open tenant: in the place of its customer rules one that allows
// everyone everything, and rules that give the fields which are open, too. Those of others stay as they are, and so do
// those on permissions.
func suspended(schema *model.Schema, facts []model.Fact) []model.Fact {
	var opened []model.Fact
	for _, f := range facts {
		s, ok := f.(model.Switch)
		if !ok || s.Mode != model.ModeOpen {
			continue
		}
		for typ := range schema.Types {
			if typ != model.PermissionType || schema.Administration == nil {
				opened = append(opened, model.CustomerRule{Tenant: model.Base, Subject: model.Everyone, On: model.OnType(typ), Action: model.Any, Effect: model.Allow, Scope: model.ScopeAll})
			}
		}
		for _, t := range s.Except.Fields() {
			opened = append(opened, model.FieldRule{Tenant: model.Base, Subject: model.Everyone, On: t, Level: model.FieldWrite, Effect: model.Allow})
		}
	}
	if opened == nil {
		return facts
	}
	for _, f := range facts {
		r, rule := f.(model.CustomerRule)
		switch {
		case !rule:
			opened = append(opened, f)
		case schema.Administration != nil && (r.On.Type == model.PermissionType || r.On.Type == model.Any):
			r.On.Type = model.PermissionType
			opened = append(opened, r)
		}
	}
	return opened
}

// offGroup tells whether the subject is a group and off. A user who is off
// keeps her memberships: others may have something through her.
func offGroup(off func(string) bool, subject string) bool {
	return model.KindOf(subject) != model.User && off(subject)
}

// defaults are the default levels of all fields as rules of the base policy for everyone.
func defaults(schema *model.Schema) []model.Fact {
	var out []model.Fact
	for typ, t := range schema.Types {
		for name, f := range t.Fields {
			if f.Default != model.FieldHidden {
				out = append(out, model.FieldRule{
					Tenant: model.Base, Subject: model.Everyone, On: model.OnField(typ, name), Level: f.Default, Effect: model.Allow,
				})
			}
		}
	}
	return out
}

// constraints are what the schema forbids as rules of the base policy for everyone.
func constraints(schema *model.Schema) []model.Fact {
	var out []model.Fact
	for _, c := range schema.Constraints {
		for _, r := range c.Rules() {
			out = append(out, r)
		}
	}
	return out
}

func period(f model.Fact) model.Period {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Valid
	case model.TeamRule:
		return f.Valid
	case model.FieldRule:
		return f.Valid
	case model.Membership:
		return f.Valid
	case model.Switch:
		return f.Valid
	}
	return model.Period{}
}
