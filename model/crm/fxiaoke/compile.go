package fxiaoke

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

const (
	// managementType is the type that stands for the administration of departments.
	managementType = "management"
	// ownerRole is the role 负责人 in a record's team.
	ownerRole = "owner"
	// employee is the role of whoever is described, to tell records with owners from those without.
	employee = "role:employee"

	// The attributes of records, by their names in 纷享销客's API.
	lockAttr = "lock_status" // locked, normal
	lifeAttr = "life_status" // invalid, normal, and others
	poolAttr = "high_seas_id"
)

var accessLevels = map[string]model.Level{
	"": model.LevelNone, "private": model.LevelNone, "read_only": model.LevelRead, "public_read_only": model.LevelRead,
	"read_write": model.LevelWrite, "public_read_write": model.LevelWrite,
}

var fieldLevels = map[string]model.FieldLevel{"invisible": model.FieldHidden, "read_only": model.FieldRead, "read_write": model.FieldWrite}

// function is a 功能权限.
type function struct {
	need   model.Level
	writes bool // it changes something, though it needs no more than reading
	free   bool // it needs no record
	pooled bool // it is for records in a pool that have no owner
}

// functionsKnown are the functions of an object.
var functionsKnown = map[string]function{
	"list":         {need: model.LevelRead},
	"view":         {need: model.LevelRead},
	"export":       {need: model.LevelRead},
	"print":        {need: model.LevelRead},
	"create":       {need: model.LevelWrite, free: true},
	"import":       {need: model.LevelWrite, free: true},
	"edit":         {need: model.LevelWrite},
	"invalidate":   {need: model.LevelDelete},
	"recover":      {need: model.LevelDelete},
	"delete":       {need: model.LevelDelete},
	"change_owner": {need: model.LevelFull},
	"edit_team":    {need: model.LevelFull},
	"lock":         {need: model.LevelFull},
	"unlock":       {need: model.LevelFull},
	"return":       {need: model.LevelFull},
	"choose":       {need: model.LevelRead, writes: true, pooled: true},
	"assign":       {need: model.LevelRead, writes: true, pooled: true},
}

// Compile makes a schema and the facts of a tenant of the organisation. It is pure,
// and the same every time: to follow a change, compile again, and grant and revoke
// what is different. Errors are a *crm.Error or a *model.ValueError.
func (o *Organisation) Compile(tenant string) (*crm.Policy, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dialect, err := o.Dialect.Resolve(dialects)
	if err != nil {
		return nil, err
	}
	c := &compiler{
		Organisation: o, dialect: dialect, Compiler: description.NewCompiler(tenant), made: map[string]bool{},
	}
	c.types()
	c.functions()
	c.fields()
	c.people()
	c.basics()
	c.leaders()
	c.rules()
	c.team()
	c.temporary()
	c.pools()
	c.states()
	return c.Policy()
}

type compiler struct {
	*Organisation
	description.Compiler
	dialect crm.Dialect
	made    map[string]bool // roles of departments that there are
}

// The subjects and types that 纷享销客's things become.
func userID(name string) string       { return "user:" + model.EscapeID(name) }
func roleID(name string) string       { return "role:crm." + model.EscapeID(name) }
func departmentID(name string) string { return "unit:" + model.EscapeID(name) }
func groupID(name string) string      { return "team:group." + model.EscapeID(name) }
func sourceType(source, object string) string {
	return crm.Name(source) + ".for." + crm.Name(object)
}

// Related is the parent to give to a record of an object that belongs to r, a record of the object's
// source: it stands for r as far as r's related team reaches the records of that object.
func Related(r *model.Record, object string) *model.Record {
	return &model.Record{Type: r.Type + ".for." + crm.Name(object), ID: r.ID, Owners: r.Owners}
}

// types makes a type of every object, one of every source, and that of the administration.
func (c *compiler) types() {
	actions := map[string]model.Action{}
	for name, f := range functionsKnown {
		actions[name] = model.Action{Need: f.need, Writes: f.writes}
	}
	for name, x := range c.Objects {
		t := model.Type{Actions: actions, Fields: map[string]model.Field{}, Attributes: c.attributes(name, x), Hierarchy: c.hierarchy()}
		if s := x.Source; s != nil && len(s.Roles) > 0 {
			t.Parent = model.Parent{Type: sourceType(s.Object, name), Cap: accessLevels[s.Roles[ownerRole]]}
			c.Schema.Types[t.Parent.Type] = model.Type{Actions: map[string]model.Action{"view": {Need: model.LevelRead}}}
		}
		c.Schema.Types[crm.Name(name)] = t
	}
	management := model.Type{Actions: map[string]model.Action{"view": {Need: model.LevelRead}}}
	for _, r := range c.Roles {
		for _, m := range r.Management {
			management.Actions[crm.Name(m)] = model.Action{Need: model.LevelFull}
		}
	}
	c.Schema.Types[managementType] = management
}

func (c *compiler) hierarchy() model.Hierarchy {
	level := map[string]model.Level{"same": model.LevelFull, "write": model.LevelWrite, "read": model.LevelRead, "none": model.LevelNone}[c.dialect.Managers]
	if level == model.LevelNone || c.dialect.HierarchyOff == "all" {
		return model.Hierarchy{}
	}
	h := model.Hierarchy{By: model.ByLine, Level: level, Holders: c.dialect.ManagersOfGrantees == "yes"}
	if c.Superiors == "direct" {
		h.Depth = 1
	}
	return h
}

func (c *compiler) attributes(object string, x Object) map[string]model.AttrType {
	attrs := map[string]model.AttrType{}
	for _, r := range c.Rules {
		if r.Object == object {
			for _, condition := range r.Conditions {
				attrs[crm.Name(condition.Field)] = x.attr(condition.Field)
			}
		}
	}
	if x.Lock != "untracked" {
		attrs[lockAttr] = model.AttrString
	}
	if x.LifeStatus != "untracked" {
		attrs[lifeAttr] = model.AttrString
	}
	for _, p := range c.Pools {
		if p.Object == object {
			attrs[poolAttr] = model.AttrString
		}
	}
	return attrs
}

// functions are the roles' customer rules.
func (c *compiler) functions() {
	personnel := crm.Name(cmp.Or(c.Personnel, "PersonnelObj"))
	for name, r := range crm.Sorted(c.Roles) {
		rule := model.CustomerRule{Tenant: c.Tenant, Subject: roleID(name), Effect: model.Allow}
		for object := range crm.Sorted(c.Objects) {
			rule.On, rule.Action, rule.Scope = model.OnType(crm.Name(object)), model.Any, model.ScopeAll
			functions := r.Functions[object]
			switch {
			case r.Administrator && rule.On.Type == personnel:
				functions = crm.Keys(functionsKnown)
			case r.Administrator:
				c.Add(rule)
			}
			for _, f := range functions {
				rule.Action, rule.Scope = f, model.ScopeLevel
				if functionsKnown[f].free {
					rule.Scope = model.ScopeAll
				}
				c.Add(rule)
			}
		}
		rule.On, rule.Scope = model.OnType(managementType), model.ScopeAll
		for _, m := range r.Management {
			rule.Action = crm.Name(m)
			c.Add(rule)
		}
	}
}

// fields are the roles' field rules, and the fields of the types.
func (c *compiler) fields() {
	for object, x := range crm.Sorted(c.Objects) {
		typ := crm.Name(object)
		for name, f := range crm.Sorted(x.Fields) {
			unset := model.FieldHidden
			if c.dialect.Fields == "open" {
				unset = model.FieldWrite
			}
			field := model.Field{Default: unset}
			if len(f.Roles)+len(f.NoExport) > 0 {
				field.Default = model.FieldHidden
			}
			c.Schema.Types[typ].Fields[crm.Name(name)] = field
			for role, r := range crm.Sorted(c.Roles) {
				level := unset
				if access, ok := f.Roles[role]; ok {
					level = fieldLevels[access]
				}
				if r.Administrator && c.dialect.AdminsSeeAllFields == "yes" {
					level = model.FieldWrite
				}
				if level <= field.Default {
					continue
				}
				rule := model.FieldRule{Tenant: c.Tenant, Subject: roleID(role), On: model.OnField(typ, crm.Name(name)), Level: level, Effect: model.Allow}
				if slices.Contains(f.NoExport, role) {
					rule.If = c.Condition("not.exporting", `action != "export"`)
				}
				c.Add(rule)
			}
		}
	}
}

// people are the memberships, superiors and switches of users, and the groups.
func (c *compiler) people() {
	for name, u := range crm.Sorted(c.Users) {
		id := userID(name)
		c.Member(id, employee)
		if u.Status == "stopped" {
			c.Add(model.Switch{Tenant: c.Tenant, Target: id, Mode: model.ModeOff})
		}
		for _, r := range u.Roles {
			c.Member(id, roleID(r))
		}
		for _, d := range u.departments() {
			c.Member(id, departmentID(d))
		}
		if boss := c.superior(name); boss != "" && c.dialect.HierarchyOff != "all" {
			c.Add(model.OrgEdge{Tenant: c.Tenant, Below: id, Above: userID(boss)})
		}
		for role, departments := range crm.Sorted(u.Manages) {
			for _, d := range departments {
				for _, m := range c.Roles[role].Management {
					c.Add(model.CustomerRule{
						Tenant: c.Tenant, Subject: id, On: model.OnUnit(managementType, departmentID(d)),
						Action: crm.Name(m), Effect: model.Allow, Scope: model.ScopeAll,
					})
				}
			}
		}
	}
	for name, d := range crm.Sorted(c.Departments) {
		if d.Parent != "" {
			c.Add(model.OrgEdge{Tenant: c.Tenant, Below: departmentID(name), Above: departmentID(d.Parent)})
		}
	}
	for name, g := range crm.Sorted(c.Groups) {
		for _, id := range c.members(g) {
			c.Member(id, groupID(name))
		}
	}
}

// members are the users and teams that people are, for what cannot have roles or units in it.
func (c *compiler) members(p People) (ids []string) {
	for _, u := range p.Users {
		ids = append(ids, userID(u))
	}
	for _, g := range p.Groups {
		ids = append(ids, groupID(g))
	}
	for name, u := range crm.Sorted(c.Users) {
		in := slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(p.Roles, r) }) ||
			slices.ContainsFunc(u.departments(), func(d string) bool {
				return slices.Contains(p.Departments, d) || slices.ContainsFunc(p.DepartmentsAndBelow, func(top string) bool { return c.isBelow(d, top) })
			})
		if in {
			ids = append(ids, userID(name))
		}
	}
	return ids
}

// isBelow tells whether a department is another one or below it.
func (o *Organisation) isBelow(d, top string) bool {
	for at := d; at != ""; at = o.Departments[at].Parent {
		if at == top {
			return true
		}
	}
	return false
}

// below are a department and those below it.
func (o *Organisation) below(top string) (all []string) {
	for d := range crm.Sorted(o.Departments) {
		if o.isBelow(d, top) {
			all = append(all, d)
		}
	}
	return all
}

// treeRole is a role of the users of a department and of those below it, made when it is first asked for.
func (c *compiler) treeRole(department string) string {
	id := "role:tree." + model.EscapeID(department)
	if !c.made[id] {
		c.made[id] = true
		for name, u := range c.Users {
			if slices.ContainsFunc(u.departments(), func(d string) bool { return c.isBelow(d, department) }) {
				c.Member(userID(name), id)
			}
		}
	}
	return id
}

// subjects are the subjects that people are.
func (c *compiler) subjects(p People) []string {
	return slices.Concat(description.Each(p.Users, userID), description.Each(p.Departments, departmentID),
		description.Each(p.DepartmentsAndBelow, c.treeRole), description.Each(p.Groups, groupID), description.Each(p.Roles, roleID))
}

// inDepartment is the condition that the record belongs to a department.
func (c *compiler) inDepartment(name string) string {
	return c.Condition("department."+name, "record.unit == "+crm.Quote(departmentID(name)))
}

// basics are what everyone has: of all records, and of those of his department and organisation.
func (c *compiler) basics() {
	for object, x := range crm.Sorted(c.Objects) {
		on := model.OnType(crm.Name(object))
		level := accessLevels[x.Basic]
		if level == model.LevelWrite && c.dialect.PublicWriteDeletes == "yes" {
			level = model.LevelDelete
		}
		c.Give(model.Everyone, on, level, "")
		if x.Department != "" {
			c.Give(model.Everyone, on, accessLevels[x.Department], c.Condition("same.department", "member(record.unit)"))
		}
		if x.Organisation == "" {
			continue
		}
		for name, d := range crm.Sorted(c.Departments) {
			if d.Organisation {
				c.within(c.organisationRole(name), object, name, accessLevels[x.Organisation])
			}
		}
	}
}

// within gives a level of the records of an organisation's departments: of all below it or,
// if there are organisations among them, of each that is its own.
func (c *compiler) within(subject, object, name string, level model.Level) {
	own := c.organisation(name)
	if len(own) == len(c.below(name)) {
		c.Give(subject, model.OnUnit(crm.Name(object), departmentID(name)), level, "")
		return
	}
	for _, d := range own {
		c.Give(subject, model.OnType(crm.Name(object)), level, c.inDepartment(d))
	}
}

// organisation are the departments whose nearest organisation this is.
func (o *Organisation) organisation(name string) (all []string) {
	for d := range crm.Sorted(o.Departments) {
		at := d
		for at != "" && !o.Departments[at].Organisation {
			at = o.Departments[at].Parent
		}
		if at == name {
			all = append(all, d)
		}
	}
	return all
}

func (c *compiler) organisationRole(name string) string {
	id := "role:organisation." + model.EscapeID(name)
	if !c.made[id] {
		c.made[id] = true
		in := map[string]bool{}
		for _, d := range c.organisation(name) {
			in[d] = true
		}
		for user, u := range c.Users {
			if slices.ContainsFunc(u.departments(), func(d string) bool { return in[d] }) {
				c.Member(userID(user), id)
			}
		}
	}
	return id
}

// leaders are what leaders have of the data of their departments and those below, and assistants of theirs.
func (c *compiler) leaders() {
	level := map[string]model.Level{"write": model.LevelWrite, "read": model.LevelRead, "none": model.LevelNone}[c.dialect.TreeInherits]
	children := map[string][]string{}
	for name, d := range crm.Sorted(c.Departments) {
		children[d.Parent] = append(children[d.Parent], name)
	}
	for name, d := range crm.Sorted(c.Departments) {
		for _, object := range crm.Keys(c.Objects) {
			typ := crm.Name(object)
			for _, a := range d.Assistants {
				c.Give(userID(a), model.OnType(typ), model.LevelWrite, c.inDepartment(name))
			}
			if d.Leader == "" {
				continue
			}
			c.Give(userID(d.Leader), model.OnType(typ), model.LevelWrite, c.inDepartment(name))
			if c.Superiors != "direct" {
				c.Give(userID(d.Leader), model.OnUnit(typ, departmentID(name)), level, "")
				continue
			}
			for _, child := range children[name] {
				c.Give(userID(d.Leader), model.OnType(typ), level, c.inDepartment(child))
			}
		}
	}
}

// rules are the data sharing rules.
func (c *compiler) rules() {
	for i := range c.Rules {
		r := &c.Rules[i]
		level, on := accessLevels[r.Access], model.OnType(crm.Name(r.Object))
		expr := ""
		if r.From != nil {
			expr = c.owns(*r.From)
		} else {
			expr, _ = c.Objects[r.Object].expression(r.Conditions) // checked
		}
		for _, subject := range c.subjects(r.To) {
			if expr != "" {
				c.Give(subject, on, level, c.Condition("rule."+r.Object+"."+strconv.Itoa(i+1), expr))
			}
			if r.From == nil {
				continue
			}
			for _, d := range r.From.Departments {
				c.Give(subject, on, level, c.inDepartment(d))
			}
			for _, d := range r.From.DepartmentsAndBelow {
				c.Give(subject, model.OnUnit(on.Type, departmentID(d)), level, "")
			}
		}
	}
}

// owns is the condition that some of these people own the record; empty if there is nobody.
func (c *compiler) owns(p People) string {
	var parts []string
	for _, id := range c.subjects(p) {
		if model.KindOf(id) == model.User {
			parts = append(parts, crm.Quote(id)+" in record.owners")
		} else {
			parts = append(parts, "ownerIn("+crm.Quote(id)+")")
		}
	}
	return strings.Join(parts, " || ")
}

// team is the members of related teams, and what they have of associated objects.
func (c *compiler) team() {
	for _, m := range c.Team {
		if c.dialect.DeactivationDropsShares == "yes" && c.Users[m.User].Status == "stopped" {
			continue
		}
		role := cmp.Or(m.Role, "member")
		on := model.OnRecord(crm.Name(m.Object), model.EscapeID(m.Record))
		c.Add(model.TeamRule{Tenant: c.Tenant, Subject: userID(m.User), On: on, Level: accessLevels[m.Access], As: crm.Name(role)})
		for object, x := range crm.Sorted(c.Objects) {
			if s := x.Source; s != nil && s.Object == m.Object && len(s.Roles) > 0 {
				level := min(accessLevels[s.Roles[role]], accessLevels[m.Access])
				c.Give(userID(m.User), model.OnRecord(sourceType(s.Object, object), on.ID), level, "")
			}
		}
	}
}

// temporary are temporary permissions: what a function allows at all, of the one record. They
// are no team rules, for superiors have no part in them.
func (c *compiler) temporary() {
	for _, t := range c.Temporary {
		valid := model.Period{From: seconds(t.From), Until: seconds(t.Until)}
		if t.Revoked || !valid.Until.IsZero() && !valid.From.Before(valid.Until) {
			continue
		}
		for name, f := range crm.Sorted(functionsKnown) {
			if f.need <= accessLevels[t.Access] && !f.free && !f.pooled {
				typ := crm.Name(t.Object)
				c.Add(model.CustomerRule{
					Tenant: c.Tenant, Subject: userID(t.User), On: model.OnRecord(typ, model.EscapeID(t.Record)), Action: name, Effect: model.Allow, Valid: valid,
					If: c.Condition("may."+typ+"."+name, c.hasFunction(t.Object, name)),
				})
			}
		}
	}
}

// hasFunction is the condition that a role of the user has a function.
func (c *compiler) hasFunction(object, name string) string {
	parts := []string{"false"}
	for role, r := range crm.Sorted(c.Roles) {
		if r.Administrator || slices.Contains(r.Functions[object], name) {
			parts = append(parts, "member("+crm.Quote(roleID(role))+")")
		}
	}
	return strings.Join(parts, " || ")
}

// seconds is an instant without what is smaller than a second.
func seconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// pools let members claim, and administrators assign, what has no owner, and nobody change it.
func (c *compiler) pools() {
	claim, assign := map[string][]string{}, map[string][]string{}
	for name, p := range crm.Sorted(c.Pools) {
		in := crm.Attribute(poolAttr) + " == " + crm.Quote(name)
		ownerless := "has(" + crm.Attribute(poolAttr) + ") && " + in + " && !ownerIn(" + crm.Quote(employee) + ")"
		pooled := c.Condition("pool."+name, ownerless)
		for kind, group := range map[string]People{"pool.": p.Members, "pool_admins.": p.Admins} {
			id := "team:" + kind + model.EscapeID(name)
			for _, who := range c.members(group) {
				c.Member(who, id)
			}
			c.Give(id, model.OnType(crm.Name(p.Object)), model.LevelRead, pooled)
			may := "(" + in + " && member(" + crm.Quote(id) + "))"
			if kind == "pool." {
				claim[p.Object] = append(claim[p.Object], may)
			} else {
				assign[p.Object] = append(assign[p.Object], may)
			}
		}
	}
	for object := range crm.Sorted(c.Objects) {
		if claim[object] == nil {
			c.Forbid(crm.Name(object), "", "choose", "assign")
			continue
		}
		has, nobodys := "has("+crm.Attribute(poolAttr)+")", "!ownerIn("+crm.Quote(employee)+")"
		among := func(may []string) string { return has + " && " + nobodys + " && (" + strings.Join(may, " || ") + ")" }
		c.Forbid(crm.Name(object), c.Condition("not_claimable."+object, "!("+among(claim[object])+")"), "choose")
		c.Forbid(crm.Name(object), c.Condition("not_assignable."+object, "!("+among(assign[object])+")"), "assign")
		c.Forbid(crm.Name(object), c.Condition("ownerless."+object, has+" && "+nobodys), "edit", "invalidate", "change_owner", "edit_team", "lock", "unlock", "return")
		c.Forbid(crm.Name(object), c.Condition("no_pool."+object, "!"+has), "return")
	}
}

// states forbid what locked and invalid records refuse, and what records that are not invalid do.
func (c *compiler) states() {
	for object, x := range crm.Sorted(c.Objects) {
		if x.Lock != "untracked" {
			c.Forbid(crm.Name(object), c.Condition("is.locked", crm.Attribute(lockAttr)+` == "locked"`), "edit", "invalidate", "recover", "delete", "change_owner", "edit_team", "return")
		}
		if x.LifeStatus != "untracked" {
			c.Forbid(crm.Name(object), c.Condition("is.invalid", crm.Attribute(lifeAttr)+` == "invalid"`), "edit", "invalidate", "change_owner", "edit_team", "lock", "unlock", "return", "choose", "assign")
			c.Forbid(crm.Name(object), c.Condition("is.valid", crm.Attribute(lifeAttr)+` != "invalid"`), "recover", "delete")
		}
	}
}
