package zoho

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

const (
	// setupType is the type that stands for the organisation itself; its actions are the
	// permissions without a module.
	setupType = "setup"
	// The attributes that records have beside the fields of criteria, by Zoho's names.
	lockedAttr      = "Locked__s"
	territoriesAttr = "Territories"
)

// verb is something that a profile allows of a module's records.
type verb struct {
	need   model.Level
	writes bool // it changes something, though it needs no more than reading
	free   bool // it is not about a record that is there: no access is needed
}

// verbs are the permissions of a module that are known. Every other is an action,
// too, which needs full access.
var verbs = map[string]verb{
	"view":          {need: model.LevelRead},
	"export":        {need: model.LevelRead},
	"print":         {need: model.LevelRead},
	"mass_email":    {need: model.LevelRead, writes: true},
	"send_mail":     {need: model.LevelRead, writes: true},
	"mail_merge":    {need: model.LevelRead, writes: true},
	"create":        {need: model.LevelWrite, free: true},
	"import":        {need: model.LevelWrite, free: true},
	"edit":          {need: model.LevelWrite},
	"add_note":      {need: model.LevelWrite},
	"convert":       {need: model.LevelWrite},
	"tags":          {need: model.LevelWrite},
	"mass_update":   {need: model.LevelWrite},
	"delete":        {need: model.LevelDelete},
	"mass_delete":   {need: model.LevelDelete},
	"change_owner":  {need: model.LevelFull},
	"mass_transfer": {need: model.LevelFull},
	"share":         {need: model.LevelFull},
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
		Organisation: o, dialect: dialect, Compiler: description.NewCompiler(tenant), teams: map[string]bool{}, superiorsKnown: map[string][]string{},
	}
	c.types()
	c.permissions()
	c.fields()
	c.people()
	c.defaults()
	c.hierarchy()
	c.rules()
	c.shares()
	c.territories()
	c.teamspaces()
	c.locks()
	if err := c.addresses(); err != nil {
		return nil, err
	}
	return c.Policy()
}

// compiler collects what an organisation compiles to.
type compiler struct {
	*Organisation
	description.Compiler
	dialect        crm.Dialect
	superiorsKnown map[string][]string // by the subjects of people
	teams          map[string]bool     // the teams of roles, and of roles and subordinates, that there are
}

// The subjects and types that Zoho's things become.
func userID(name string) string      { return "user:" + model.EscapeID(name) }
func profileID(name string) string   { return "role:" + model.EscapeID(name) }
func roleID(name string) string      { return "unit:" + model.EscapeID(name) }
func groupID(name string) string     { return "team:group." + model.EscapeID(name) }
func territoryID(name string) string { return "team:territory." + model.EscapeID(name) }

// RelatedType is the type that stands for the records of a module as far as their
// related lists go: see [Related].
func RelatedType(module string) string { return crm.Name(module) + ".related" }

// Related is the parent to give to a record in a related list of r, a record of a
// module that others are RelatedTo: what is shared of r with its related lists, and r's territories.
func Related(r *model.Record) *model.Record {
	return &model.Record{Type: r.Type + ".related", ID: r.ID, Attrs: r.Attrs}
}

func (c *compiler) allow(subject, typ, action string, scope model.Scope) {
	c.Add(model.CustomerRule{Tenant: c.Tenant, Subject: subject, On: model.OnType(typ), Action: action, Effect: model.Allow, Scope: scope})
}

// types makes the types: one a module, one for related lists, and the setup.
func (c *compiler) types() {
	setup := model.Type{Actions: map[string]model.Action{"view": {Need: model.LevelRead}}}
	for _, p := range c.Profiles {
		for _, name := range p.Permissions {
			setup.Actions[crm.Name(name)] = model.Action{Need: model.LevelFull}
		}
	}
	c.Schema.Types[setupType] = setup
	for name, m := range c.Modules {
		t := model.Type{Actions: c.actions(name), Attributes: c.attributes(name), Fields: map[string]model.Field{}, Hierarchy: c.superiors()}
		if m.RelatedTo != "" {
			t.Parent = model.Parent{Type: RelatedType(m.RelatedTo), Cap: model.LevelFull}
			c.Schema.Types[t.Parent.Type] = model.Type{
				Actions: map[string]model.Action{"view": {Need: model.LevelRead}}, Attributes: c.attributes(m.RelatedTo),
			}
		}
		c.Schema.Types[crm.Name(name)] = t
	}
}

// levels are the words of a dialect for what somebody above has.
var levels = map[string]model.Level{"same": model.LevelFull, "write": model.LevelWrite, "read": model.LevelRead, "none": model.LevelNone}

// hierarchyKind is whom the hierarchy goes by, in a dialect that is resolved.
func (o *Organisation) hierarchyKind(d crm.Dialect) model.HierarchyKind {
	switch {
	case o.Hierarchy == "reporting":
		return model.ByLine
	case o.Hierarchy == "off" || o.Hierarchy == "" && d.HierarchyOff == "all":
		return model.HierarchyOff
	}
	return model.ByUnits
}

// superiors is what superiors have of subordinates' records.
func (c *compiler) superiors() model.Hierarchy {
	h := model.Hierarchy{By: c.hierarchyKind(c.dialect), Level: levels[c.dialect.Managers], Holders: c.dialect.ManagersOfGrantees == "yes"}
	if h.By == model.HierarchyOff || h.Level == model.LevelNone {
		return model.Hierarchy{}
	}
	return h
}

// actions are those of a module: the common ones, those that its lock and profiles name.
func (c *compiler) actions(module string) map[string]model.Action {
	actions := map[string]model.Action{}
	add := func(names ...string) {
		for _, name := range names {
			v, ok := verbs[name]
			if !ok {
				v = verb{need: model.LevelFull}
			}
			actions[crm.Name(name)] = model.Action{Need: v.need, Writes: v.writes}
		}
	}
	add("view", "create", "edit", "delete", "share", "change_owner", "add_note")
	for _, p := range c.Profiles {
		add(p.Modules[module]...)
	}
	if l := c.Modules[module].Lock; l != nil {
		add(l.Actions...)
	}
	return actions
}

// attributes are what conditions look at of a module's records: the fields of its criteria, locks, territories.
func (c *compiler) attributes(module string) map[string]model.AttrType {
	m, attrs := c.Modules[module], map[string]model.AttrType{}
	add := func(field string) { attrs[crm.Name(field)] = m.attr(field) }
	for _, r := range c.Rules {
		if r.Module == module && r.Criteria != nil {
			r.Criteria.fieldsOf(add)
		}
	}
	for _, t := range c.Territories {
		if x, ok := t.Criteria[module]; ok {
			x.fieldsOf(add)
		}
	}
	if m.Territories && len(c.Territories) > 0 {
		attrs[territoriesAttr] = model.AttrStrings
	}
	if m.Lock != nil {
		for i := range m.Lock.Rules {
			m.Lock.Rules[i].fieldsOf(add)
		}
		if m.Lock.Type != "automatic" {
			attrs[lockedAttr] = model.AttrBool
		}
	}
	return attrs
}

// permissions are the profiles' customer rules.
func (c *compiler) permissions() {
	for name, p := range crm.Sorted(c.Profiles) {
		id := profileID(name)
		if p.Administrator {
			c.allow(id, model.Any, model.Any, model.ScopeAll)
		}
		for module, permissions := range crm.Sorted(p.Modules) {
			for _, action := range permissions {
				c.allow(id, crm.Name(module), crm.Name(action), scopeOf(action))
			}
		}
		for _, permission := range p.Permissions {
			c.allow(id, setupType, crm.Name(permission), model.ScopeAll)
		}
		if slices.Contains(p.Modules["Notes"], "create") {
			for module, permissions := range crm.Sorted(p.Modules) {
				if slices.Contains(permissions, "view") {
					c.allow(id, crm.Name(module), "add_note", model.ScopeLevel)
				}
			}
		}
	}
}

func scopeOf(action string) model.Scope {
	if verbs[action].free {
		return model.ScopeAll
	}
	return model.ScopeLevel
}

// fields are the profiles' field rules, and the fields of the types.
func (c *compiler) fields() {
	open := model.FieldHidden
	if c.dialect.Fields == "open" {
		open = model.FieldWrite
	}
	for module, m := range crm.Sorted(c.Modules) {
		typ := crm.Name(module)
		for name, f := range crm.Sorted(m.Fields) {
			field := model.Field{Default: open}
			if len(f.Profiles) > 0 {
				field.Default = model.FieldHidden
			}
			c.Schema.Types[typ].Fields[crm.Name(name)] = field
			for profile, p := range crm.Sorted(c.Profiles) {
				level := fieldLevels[f.Profiles[profile]]
				if p.Administrator && c.dialect.AdminsSeeAllFields == "yes" {
					level = model.FieldWrite
				}
				if level > field.Default {
					c.Add(model.FieldRule{Tenant: c.Tenant, Subject: profileID(profile), On: model.OnField(typ, crm.Name(name)), Level: level, Effect: model.Allow})
				}
			}
		}
	}
}

// people are the memberships of users and groups, and the switches of users.
func (c *compiler) people() {
	for name, u := range crm.Sorted(c.Users) {
		c.Member(userID(name), profileID(u.Profile), roleID(u.Role))
		if u.off() {
			c.Add(model.Switch{Tenant: c.Tenant, Target: userID(name), Mode: model.ModeOff})
		}
	}
	for name, g := range crm.Sorted(c.Groups) {
		for _, u := range g.Users {
			c.Member(userID(u), groupID(name))
		}
		for _, r := range g.Roles {
			c.Member(c.roleTeam(r), groupID(name))
		}
		for _, r := range g.RolesAndSubordinates {
			c.Member(c.treeTeam(r), groupID(name))
		}
		for _, in := range g.Groups {
			c.Member(groupID(in), groupID(name))
		}
	}
}

// roleTeam is a team of the users in a role, made when it is first asked for.
func (c *compiler) roleTeam(role string) string {
	id := "team:role." + model.EscapeID(role)
	if !c.teams[id] {
		c.teams[id] = true
		for name, u := range c.Users {
			if u.Role == role {
				c.Member(userID(name), id)
			}
		}
	}
	return id
}

// treeTeam is a team of the users in a role and in those below it.
func (c *compiler) treeTeam(role string) string {
	id := "team:tree." + model.EscapeID(role)
	if !c.teams[id] {
		c.teams[id] = true
		c.Member(c.roleTeam(role), id)
		for name, r := range c.Roles {
			if r.ReportsTo == role {
				c.Member(c.treeTeam(name), id)
			}
		}
	}
	return id
}

// subjects are the subjects that people are.
func (c *compiler) subjects(p People) []string {
	if p.Everyone {
		return []string{model.Everyone}
	}
	return slices.Concat(description.Each(p.Users, userID), description.Each(p.Roles, roleID),
		description.Each(p.RolesAndSubordinates, c.treeTeam), description.Each(p.Groups, groupID))
}

// owns is the condition that some of these people own the record; empty: everybody does.
func (c *compiler) owns(p People) string {
	if p.Everyone {
		return ""
	}
	return anyOf(c.subjects(p), func(id string) string {
		if model.KindOf(id) == model.User {
			return crm.Quote(id) + " in record.owners"
		}
		return "ownerIn(" + crm.Quote(id) + ")"
	})
}

// isOneOf is the condition that the user is one of these people.
func (c *compiler) isOneOf(p People) string {
	return anyOf(c.subjects(p), func(id string) string {
		switch {
		case id == model.Everyone:
			return "true"
		case model.KindOf(id) == model.User:
			return "user.id == " + crm.Quote(id)
		}
		return "member(" + crm.Quote(id) + ")"
	})
}

// defaults are what everyone has.
func (c *compiler) defaults() {
	for name, m := range crm.Sorted(c.Modules) {
		level := defaultLevels[m.Default]
		if level == model.LevelWrite && c.dialect.PublicWriteDeletes == "yes" {
			level = model.LevelDelete
		}
		c.Give(model.Everyone, model.OnType(crm.Name(name)), level, "")
	}
}

// hierarchy is the org edges, what the role at the top has, and peers.
func (c *compiler) hierarchy() {
	by := c.hierarchyKind(c.dialect)
	for name, r := range crm.Sorted(c.Roles) {
		id := roleID(name)
		if r.ReportsTo == "" {
			c.Give(id, model.OnType(model.Any), model.LevelFull, "")
		} else {
			c.Add(model.OrgEdge{Tenant: c.Tenant, Below: id, Above: roleID(r.ReportsTo)})
		}
		if r.ShareWithPeers && by == model.ByUnits {
			c.Give(id, model.OnType(model.Any), model.LevelFull, c.Condition("peers."+name, "ownerIn("+crm.Quote(id)+")"))
		}
	}
	for name, u := range crm.Sorted(c.Users) {
		if u.ReportsTo != "" && by == model.ByLine {
			c.Add(model.OrgEdge{Tenant: c.Tenant, Below: userID(name), Above: userID(u.ReportsTo)})
		}
	}
}

// rules are the data sharing rules.
func (c *compiler) rules() {
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Status == "inactive" {
			continue
		}
		expr := ""
		if r.Criteria != nil {
			expr, _ = c.Modules[r.Module].expression(r.Criteria, 0) // checked
			expr = cmp.Or(expr, "false")
		} else if expr = c.owns(*r.From); expr == "" && !r.From.Everyone {
			continue // from nobody
		}
		condition := ""
		if expr != "" {
			condition = c.Condition("rule."+r.Module+"."+strconv.Itoa(i+1), expr)
		}
		to := c.subjects(r.To)
		if s := c.dialect.ManagersOfGrantees; s == "yes" || s == "by_rule" && r.SuperiorsAllowed {
			to = append(to, c.superiorsOf(r.To)...)
		}
		for _, subject := range to {
			c.Give(subject, model.OnType(crm.Name(r.Module)), accessLevels[r.Access], condition)
		}
	}
}

// superiorsOf are the superiors of those with whom is shared: the roles above theirs, or
// those to whom they report.
func (c *compiler) superiorsOf(p People) []string {
	key := strings.Join(c.subjects(p), ",")
	if known, ok := c.superiorsKnown[key]; ok {
		return known
	}
	found := map[string]bool{}
	switch c.hierarchyKind(c.dialect) {
	case model.HierarchyOff:
	case model.ByLine:
		for name := range c.users(p) {
			for at := c.Users[name].ReportsTo; at != "" && !found[userID(at)]; at = c.Users[at].ReportsTo {
				found[userID(at)] = true
			}
		}
	case model.ByUnits:
		for role := range c.rolesOf(p, map[string]bool{}) {
			for at := c.Roles[role].ReportsTo; at != "" && !found[roleID(at)]; at = c.Roles[at].ReportsTo {
				found[roleID(at)] = true
			}
		}
	}
	c.superiorsKnown[key] = slices.Sorted(maps.Keys(found))
	return c.superiorsKnown[key]
}

// rolesOf are the roles that people are, or have; of roles and subordinates, the one at the top.
func (o *Organisation) rolesOf(p People, groups map[string]bool) map[string]bool {
	found := map[string]bool{}
	for _, r := range slices.Concat(p.Roles, p.RolesAndSubordinates) {
		found[r] = true
	}
	for _, u := range p.Users {
		found[o.Users[u].Role] = true
	}
	for _, g := range p.Groups {
		if !groups[g] {
			groups[g] = true
			maps.Copy(found, o.rolesOf(o.Groups[g], groups))
		}
	}
	return found
}

// users are the users that people are.
func (o *Organisation) users(p People) map[string]bool {
	found, roles, groups := map[string]bool{}, map[string]bool{}, map[string]bool{}
	o.collect(p, found, roles, groups)
	if !p.Everyone && len(roles) == 0 {
		return found
	}
	for name, u := range o.Users {
		if p.Everyone || o.isIn(u.Role, roles) {
			found[name] = true
		}
	}
	return found
}

// isIn tells whether a role is one of some, or below one of those with subordinates.
func (o *Organisation) isIn(role string, roles map[string]bool) bool {
	if _, ok := roles[role]; ok {
		return true
	}
	for at := o.Roles[role].ReportsTo; at != ""; at = o.Roles[at].ReportsTo {
		if roles[at] {
			return true
		}
	}
	return false
}

// collect finds the users, and the roles with or without subordinates, that people are.
func (o *Organisation) collect(p People, users, roles, groups map[string]bool) {
	for _, u := range p.Users {
		users[u] = true
	}
	for _, r := range p.Roles {
		roles[r] = roles[r] || false
	}
	for _, r := range p.RolesAndSubordinates {
		roles[r] = true
	}
	for _, g := range p.Groups {
		if !groups[g] {
			groups[g] = true
			o.collect(o.Groups[g], users, roles, groups)
		}
	}
}

// shares are the records shared by hand.
func (c *compiler) shares() {
	for _, s := range c.Shares {
		condition := ""
		if c.dialect.SharesAtOwnerChange == "dropped" {
			condition = c.Condition("owned_by."+s.Owner, crm.Quote(userID(s.Owner))+" in record.owners")
		}
		if c.dialect.DeactivationDropsShares == "yes" {
			s.With.Users = slices.DeleteFunc(slices.Clone(s.With.Users), func(u string) bool { return c.Users[u].off() })
		}
		for _, subject := range c.subjects(s.With) {
			c.share(subject, model.OnRecord(crm.Name(s.Module), model.EscapeID(s.Record)), accessLevels[s.Access], condition)
			if _, ok := c.Schema.Types[RelatedType(s.Module)]; ok && s.Related {
				c.Give(subject, model.OnRecord(RelatedType(s.Module), model.EscapeID(s.Record)), accessLevels[s.Access], condition)
			}
		}
	}
}

// share gives a level of one record and, where the dialect has that, what needs no
// more without a permission, and changing the owner.
func (c *compiler) share(subject string, on model.Target, level model.Level, condition string) {
	c.Give(subject, on, level, condition)
	rule := model.CustomerRule{Tenant: c.Tenant, Subject: subject, On: on, Effect: model.Allow, If: condition}
	for name, a := range crm.Sorted(c.Schema.Types[on.Type].Actions) {
		rule.Action = name
		if c.dialect.SharesWithoutPermission == "sufficient" && a.Need <= level && !verbs[name].free {
			c.Add(rule)
		}
	}
	if c.dialect.WriteSharesTransfer == "yes" && level == model.LevelWrite {
		may := "(" + c.permitted(on.Type, "change_owner") + ")"
		if condition != "" {
			may += " && (" + c.Schema.Conditions[condition] + ")"
		}
		rule.Action, rule.If = "change_owner", c.Condition("transfers."+on.Type+"."+condition, may)
		c.Add(rule)
	}
}

// permitted is the condition that the user's profile has a permission of a module.
func (c *compiler) permitted(typ, permission string) string {
	parts := []string{"false"}
	for name, p := range crm.Sorted(c.Profiles) {
		for module, permissions := range p.Modules {
			if crm.Name(module) == typ && slices.Contains(permissions, permission) {
				parts = append(parts, "member("+crm.Quote(profileID(name))+")")
			}
		}
	}
	return strings.Join(parts, " || ")
}

// territories are what members and managers have of records in territories.
func (c *compiler) territories() {
	for name, t := range crm.Sorted(c.Territories) {
		for _, u := range t.Users {
			c.Member(userID(u), territoryID(name))
		}
	}
	for module, m := range crm.Sorted(c.Modules) {
		if !m.Territories {
			continue
		}
		for name, t := range crm.Sorted(c.Territories) {
			condition := c.Condition("territory."+module+"."+name, c.inTerritory(module, name))
			give := func(subject string, level model.Level) {
				c.Give(subject, model.OnType(crm.Name(module)), level, condition)
				if _, ok := c.Schema.Types[RelatedType(module)]; ok {
					c.Give(subject, model.OnType(RelatedType(module)), level, condition)
				}
			}
			give(territoryID(name), accessLevels[t.Access])
			for at := name; at != ""; at = c.Territories[at].ReportsTo {
				if boss := c.Territories[at].Manager; boss != "" {
					give(userID(boss), c.managerLevel(t))
				}
			}
		}
	}
}

// managerLevel is what the managers of a territory, and of those above it, have in it.
func (c *compiler) managerLevel(t Territory) model.Level {
	if c.dialect.TreeInherits == "same" {
		return accessLevels[t.Access]
	}
	return levels[c.dialect.TreeInherits]
}

// inTerritory is the condition that a record is in a territory: assigned to it, or
// matching its criteria and those of every territory above.
func (c *compiler) inTerritory(module, name string) string {
	assigned := crm.Quote(name) + " in " + crm.Attribute(territoriesAttr)
	if _, ok := c.Territories[name].Criteria[module]; !ok {
		return assigned
	}
	var all []string
	for at := name; at != ""; at = c.Territories[at].ReportsTo {
		if x, ok := c.Territories[at].Criteria[module]; ok {
			expr, _ := c.Modules[module].expression(&x, 0) // checked
			all = append(all, "("+cmp.Or(expr, "false")+")")
		}
	}
	return assigned + " || " + strings.Join(all, " && ")
}

// teamspaces forbid their modules to those who are not in one that has it.
func (c *compiler) teamspaces() {
	inside := map[string][]string{}
	for _, t := range crm.Sorted(c.Teamspaces) {
		for _, m := range t.Modules {
			inside[m] = append(inside[m], c.isOneOf(t.People))
		}
	}
	for module, in := range crm.Sorted(inside) {
		in = slices.DeleteFunc(in, func(s string) bool { return s == "" })
		expr := "true"
		if len(in) > 0 {
			expr = "!(" + strings.Join(in, " || ") + ")"
		}
		c.Forbid(crm.Name(module), c.Condition("outside."+module, expr), model.Any)
	}
}

// locks forbid what locked records refuse, or cap the fields that may not be edited.
func (c *compiler) locks() {
	for module, m := range crm.Sorted(c.Modules) {
		if m.Lock == nil {
			continue
		}
		expr := c.lockedExpr(m)
		condition := c.Condition("locked."+module, expr)
		for _, action := range m.Lock.Actions {
			if action != "edit" || len(m.Lock.ExcludedFields) == 0 {
				c.Forbid(crm.Name(module), condition, crm.Name(action))
				continue
			}
			editing := c.Condition("locked_fields."+module, `action != "create" && action != "import" && `+expr)
			for field := range crm.Sorted(m.Fields) {
				if !slices.Contains(m.Lock.ExcludedFields, field) {
					c.Add(model.FieldRule{
						Tenant: c.Tenant, Subject: model.Everyone, On: model.OnField(crm.Name(module), crm.Name(field)),
						Level: model.FieldWrite, Effect: model.Deny, If: editing,
					})
				}
			}
		}
	}
}

// lockedExpr is the condition that a record of the module is locked for the user.
func (c *compiler) lockedExpr(m Module) string {
	var some []string
	if m.Lock.Type != "automatic" {
		some = append(some, crm.Attribute(lockedAttr))
	}
	for i := range m.Lock.Rules {
		expr, _ := m.expression(&m.Lock.Rules[i], 0) // checked
		some = append(some, "("+cmp.Or(expr, "true")+")")
	}
	locked := "(" + strings.Join(some, " || ") + ")"
	for _, p := range m.Lock.ExcludedProfiles {
		locked += " && !member(" + crm.Quote(profileID(p)) + ")"
	}
	return locked
}

// addresses forbid everything to those who come from where they may not.
func (c *compiler) addresses() error {
	var listed, from []string
	for _, a := range c.AllowedIPs {
		who := c.isOneOf(a.For)
		if who == "" {
			continue
		}
		in, err := crm.AddressIn(a.Addresses)
		if err != nil {
			return err
		}
		listed = append(listed, "("+who+")")
		from = append(from, "(("+who+") && ("+in+"))")
	}
	if len(listed) == 0 {
		return nil
	}
	c.Schema.Env = map[string]model.AttrType{crm.EnvIP: model.AttrString}
	expr := "(" + strings.Join(listed, " || ") + ") && !(" + strings.Join(from, " || ") + ")"
	c.Forbid(model.Any, c.Condition("address.not_allowed", expr), model.Any)
	return nil
}
