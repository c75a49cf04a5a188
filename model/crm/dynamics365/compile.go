package dynamics365

import (
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Dialects lists the answers to the questions of a crm.Dialect that Compile
// carries; the first are Dataverse's own.
var Dialects = map[string][]string{
	"managers":                  {"write", "same", "read", "none"},
	"managers_of_grantees":      {"yes", "no"},
	"hierarchy_off":             {"all"},
	"public_write_deletes":      {"no"},
	"shares_without_permission": {"useless", "sufficient"},
	"write_shares_transfer":     {"no", "yes"},
	"shares_at_owner_change":    {"kept", "dropped"},
	"fields":                    {"closed_once_secured", "open", "closed"},
	"field_grants":              {"union"},
	"admins_see_all_fields":     {"yes", "no"},
	"tree_inherits":             {"none"},
	"bundles":                   {"union"},
	"deactivation_drops_shares": {"no", "yes"},
	"effective":                 {"at_once"},
}

// System is the type whose actions are login, which every user may who is not disabled, and
// the privileges without a table, such as prvExportToExcel. One asks for them without a record.
const System = "System"

const actionLogin = "login"

// nowhere is a unit that no record is in. A rule for it reaches nothing, and counts as the privilege that a share or a
// manager needs at some depth.
const nowhere = "unit:~nowhere"

// Compile makes the policy of a tenant. It is pure: the same organisation gives the same
// policy. An *crm.Error, or a *model.ValueError of a name that our facts cannot hold, says what
// is wrong with the organisation; crm.ErrRefused is what Dataverse itself refuses.
func (o *Organisation) Compile(tenant string) (*crm.Policy, error) {
	dialect, err := o.Dialect.Resolve(Dialects)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &compiler{
		Organisation: o, dialect: dialect, tenant: tenant, held: map[string]bool{},
		schema: &model.Schema{
			Types: map[string]model.Type{}, Conditions: map[string]string{},
			Env: map[string]model.AttrType{"single": model.AttrBool, "unmask": model.AttrBool},
		},
	}
	c.types()
	c.units()
	c.teams()
	c.users()
	c.shares()
	c.hierarchy()
	c.columns()
	return crm.NewPolicy(c.schema, c.facts)
}

// compiler makes the facts and the schema of one organisation.
type compiler struct {
	*Organisation
	dialect crm.Dialect // resolved
	tenant  string
	schema  *model.Schema
	facts   []model.Fact
	held    map[string]bool // the copies of roles that have their rules
}

func (c *compiler) add(facts ...model.Fact) { c.facts = append(c.facts, facts...) }

func (c *compiler) when(all ...crm.Condition) string {
	return crm.Conditions(c.schema.Conditions).When(all...)
}

func (c *compiler) member(member, group string) {
	c.add(model.Membership{Tenant: c.tenant, Member: member, Group: group})
}

func (c *compiler) rule(subject string, on model.Target, action string, scope model.Scope, when ...crm.Condition) {
	c.add(model.CustomerRule{Tenant: c.tenant, Subject: subject, On: on, Action: action, Effect: model.Allow, Scope: scope, If: c.when(when...)})
}

func userID(name string) string { return "user:" + model.EscapeID(name) }
func teamID(name string) string { return "team:" + model.EscapeID(name) }
func unitID(name string) string { return "unit:" + model.EscapeID(name) }

// roleID is a role as one unit has it.
func roleID(role, unit string) string {
	return "role:" + model.EscapeID(role) + "@" + model.EscapeID(unit)
}

// teamRoleID is a role that a team's members have for what the team owns.
func teamRoleID(role, team string) string {
	return "role:" + model.EscapeID(role) + "@team:" + model.EscapeID(team)
}

// columnsID is the members of a column security profile.
func columnsID(profile string) string { return "role:columns:" + model.EscapeID(profile) }

// types declares the tables. All rights need the level full, which only owners have: what
// else reaches a record are the scopes and conditions of rules.
func (c *compiler) types() {
	for name, table := range crm.Sorted(c.Tables) {
		t := model.Type{Actions: map[string]model.Action{}, Fields: map[string]model.Field{}}
		for _, r := range rights {
			t.Actions[r.String()] = model.Action{Need: model.LevelFull}
		}
		t.Actions[Read.String()] = model.Action{Need: model.LevelRead}
		for column, x := range table.Columns {
			t.Fields[crm.Name(column)] = model.Field{Default: c.open(x), Mask: x.Mask}
		}
		if table.Parent != "" {
			t.Parent = model.Parent{Type: crm.Name(table.Parent)}
		}
		c.schema.Types[crm.Name(name)] = t
	}
	system := model.Type{Actions: map[string]model.Action{actionLogin: {Need: model.LevelRead}}}
	for _, role := range c.Roles {
		for _, task := range role.Tasks {
			system.Actions[crm.Name(task)] = model.Action{Need: model.LevelRead}
		}
	}
	c.schema.Types[System] = system
}

func (c *compiler) open(x Column) model.FieldLevel {
	if c.dialect.Fields == "open" || c.dialect.Fields == "closed_once_secured" && !x.Secured {
		return model.FieldWrite
	}
	return model.FieldHidden
}

func (c *compiler) units() {
	for name, u := range crm.Sorted(c.BusinessUnits) {
		c.rule(unitID(name), model.OnType(System), actionLogin, model.ScopeAll)
		if u.Parent != "" {
			c.add(model.OrgEdge{Tenant: c.tenant, Below: unitID(name), Above: unitID(u.Parent)})
		}
	}
}

func (c *compiler) teams() {
	for name, team := range crm.Sorted(c.Teams) {
		for _, u := range team.Members {
			c.member(userID(u), teamID(name))
		}
		for _, a := range team.Roles {
			if c.Roles[a.Role].DirectUser {
				c.member(teamID(name), c.roleIn(a, team.Unit))
				continue
			}
			c.member(teamID(name), teamRoleID(a.Role, name))
			c.grant(teamRoleID(a.Role, name), a.Role, or(a.Unit, team.Unit), name)
		}
	}
}

func (c *compiler) users() {
	for name, u := range crm.Sorted(c.Users) {
		id := userID(name)
		c.member(id, unitID(u.Unit))
		for _, a := range u.Roles {
			c.member(id, c.roleIn(a, u.Unit))
		}
		if u.Disabled {
			c.add(model.Switch{Tenant: c.tenant, Target: id, Mode: model.ModeOff})
		}
		for _, r := range rights {
			if len(c.Tables) > 0 && (u.Mode == Administrative || u.Mode == ReadOnly && r != Read) {
				c.add(model.CustomerRule{Tenant: c.tenant, Subject: id, On: model.OnType(model.Any), Action: r.String(), Effect: model.Deny})
			}
		}
	}
}

// roleIn is the copy of a role for a unit, with its rules.
func (c *compiler) roleIn(a Assignment, home string) string {
	unit := or(a.Unit, home)
	id := roleID(a.Role, unit)
	if !c.held[id] {
		c.held[id] = true
		c.grant(id, a.Role, unit, "")
	}
	return id
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// grant makes the rules of a role that a unit has. With a team, basic privileges are for what the team owns.
func (c *compiler) grant(subject, name, unit, team string) {
	role := c.Roles[name]
	if role.Administrator {
		c.rule(subject, model.OnType(model.Any), model.Any, model.ScopeAll)
	}
	for _, task := range role.Tasks {
		c.rule(subject, model.OnType(System), crm.Name(task), model.ScopeAll)
	}
	for table := range crm.Sorted(c.Tables) {
		privileges := role.Privileges[c.privilegesOf(table)]
		for _, r := range rights {
			c.reach(subject, table, r, privileges[r], unit, team)
		}
	}
}

// privilegesOf is the table whose privileges count for a table.
func (c *compiler) privilegesOf(table string) string { return or(c.Tables[table].PrivilegesOf, table) }

// reach makes the rules of one privilege.
func (c *compiler) reach(subject, table string, r Right, depth Depth, unit, team string) {
	on, action := model.OnType(crm.Name(table)), r.String()
	switch {
	case depth == NoDepth:
		return
	case c.Tables[table].Ownership == OrganizationOwned:
		if depth == Global {
			c.rule(subject, on, action, model.ScopeAll)
		}
		return
	case team != "" && depth == Basic:
		c.rule(subject, model.OnUnit(on.Type, nowhere), action, model.ScopeOwn)
		c.rule(subject, on, action, model.ScopeAll, crm.Condition{Name: "team." + crm.Name(team), Expr: crm.Quote(teamID(team)) + " in record.owners"})
		return
	}
	c.rule(subject, on, action, model.ScopeOwn)
	switch depth {
	case Local:
		c.rule(subject, on, action, model.ScopeAll, crm.Condition{Name: "unit." + crm.Name(unit), Expr: "record.unit == " + crm.Quote(unitID(unit))})
	case Deep:
		c.rule(subject, model.OnUnit(on.Type, unitID(unit)), action, model.ScopeAll)
	case Global:
		c.rule(subject, on, action, model.ScopeAll)
	}
}
