package engine

import (
	"slices"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// exclusion is a static constraint.
type exclusion struct {
	name   string
	groups []string
}

// prohibition is a dynamic constraint on an action: a forbidding rule for everyone.
type prohibition struct {
	name, condition string
	scope           model.Scope
}

// addConstraints compiles the constraints of the schema.
func (c *Schema) addConstraints() {
	for _, k := range c.Constraints {
		if len(k.Exclusive) > 0 {
			c.exclusive = append(c.exclusive, exclusion{k.Name, k.Exclusive})
		}
		for _, r := range k.Rules() {
			for _, a := range c.types[r.On.Type].actions {
				if r.Action == model.Any || r.Action == a.name {
					c.forbidden[a], a.constrained = append(c.forbidden[a], prohibition{k.Name, r.If, r.Scope}), true
				}
			}
		}
	}
	if t := c.types[model.PermissionType]; t != nil && c.Administration != nil {
		t.builtIn = true
		for _, name := range []string{model.ActionAdminister, model.ActionApprove} {
			t.actions[name].administers = true
		}
	}
}

// violated is the first static constraint that groups violate; empty: they violate none.
func (s *Snapshot) violated(closure []uint32) string {
	for _, x := range s.schema.exclusive {
		found := 0
		for _, id := range closure {
			if slices.Contains(x.groups, s.names[id]) {
				found++
			}
		}
		if found > 1 {
			return x.name
		}
	}
	return ""
}

// constraint is the name of the constraint that forbids the request; empty: none does.
func (q *question) constraint(req *model.Request) string {
	if q.who.violates {
		return q.violated(q.who.ids())
	}
	for _, p := range q.schema.forbidden[q.action] {
		covers := p.scope == model.ScopeLevel || q.covers(req, p.scope)
		if covers && (p.condition == "" || q.condition(req, p.condition, req.Record, model.Deny)) {
			return p.name
		}
	}
	return ""
}

// constraintOf is the name of the constraint by which a verdict denies, or empty.
func (q *question) constraintOf(req *model.Request, v Verdict) string {
	if v.Reason != model.ReasonForbidden || v.by.found() {
		return ""
	}
	return q.constraint(req)
}

// constrained is the records of which constraints forbid the action.
func (f *filtering) constrained() filter.Expr {
	if f.who.violates {
		return filter.True
	}
	forbidden := filter.Expr(filter.False)
	for _, p := range f.schema.forbidden[f.action] {
		x := filter.Expr(filter.True)
		if p.scope != model.ScopeLevel {
			x = f.scope(p.scope)
		}
		if p.condition != "" {
			x = filter.AllOf(x, f.conditionHolds(p.condition, f.typ, model.Deny))
		}
		forbidden = filter.AnyOf(forbidden, x)
	}
	return forbidden
}

// Constrains tells whether there are groups that exclude each other.
func (s *Snapshot) Constrains() bool { return len(s.schema.exclusive) > 0 }
