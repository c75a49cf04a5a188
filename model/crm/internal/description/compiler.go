package description

import (
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Compiler collects the schema and the facts that a description becomes for a tenant.
type Compiler struct {
	Tenant string
	Schema *model.Schema
	Facts  []model.Fact
}

// NewCompiler is one that has collected nothing.
func NewCompiler(tenant string) Compiler {
	return Compiler{Tenant: tenant, Schema: &model.Schema{Types: map[string]model.Type{}, Conditions: map[string]string{}}}
}

// Policy is what was collected.
func (c *Compiler) Policy() (*crm.Policy, error) { return crm.NewPolicy(c.Schema, c.Facts) }

// Add adds a fact.
func (c *Compiler) Add(f model.Fact) { c.Facts = append(c.Facts, f) }

// Condition adds a condition and returns its name in the schema.
func (c *Compiler) Condition(name, expr string) string {
	id := crm.Name(name)
	c.Schema.Conditions[id] = expr
	return id
}

// Member makes a subject a member of groups.
func (c *Compiler) Member(who string, groups ...string) {
	for _, g := range groups {
		c.Add(model.Membership{Tenant: c.Tenant, Member: who, Group: g})
	}
}

// Give gives a subject a level, unless it is none.
func (c *Compiler) Give(subject string, on model.Target, level model.Level, condition string) {
	if level > model.LevelNone {
		c.Add(model.TeamRule{Tenant: c.Tenant, Subject: subject, On: on, Level: level, If: condition})
	}
}

// Forbid forbids everyone actions on the records of a type that meet a condition; on all, if there is none.
func (c *Compiler) Forbid(typ, condition string, actions ...string) {
	for _, a := range actions {
		c.Add(model.CustomerRule{Tenant: c.Tenant, Subject: model.Everyone, On: model.OnType(typ), Action: a, Effect: model.Deny, If: condition})
	}
}
