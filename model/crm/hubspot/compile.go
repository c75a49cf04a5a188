package hubspot

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

const (
	// accountType is the type that stands for the account; its actions are the tools without an object.
	accountType = "account"
	// teamType is the type of teams; what only a team's main members have are actions on it.
	teamType = "team"

	superAdmin = "role:super_admin"
	anyUser    = "role:user" // whoever is described, to tell records with owners from those without

	// EnvSource is the attribute of the environment that is "api" where a request comes by
	// HubSpot's API, which does not know restricted properties.
	EnvSource = "source"
	// The attributes that say where a record is.
	pipelineAttr = "pipeline"
	stageAttr    = "stage"
)

// reach is how far a permission goes.
type reach struct {
	scope      model.Scope // ScopeLevel: nowhere
	unassigned bool        // and to what nobody owns; not set if everything is reached
}

var scopeWords = []string{"all", "team", "owned", "none"}

var scopes = map[string]model.Scope{
	"": model.ScopeLevel, "none": model.ScopeLevel, "owned": model.ScopeOwn, "team": model.ScopeTeam, "all": model.ScopeAll,
}

func (r reach) none() bool { return r.scope == model.ScopeLevel && !r.unassigned }

// within is what lies in both.
func (r reach) within(o reach) reach {
	has := func(x reach) bool { return x.unassigned || x.scope == model.ScopeAll }
	scope := min(r.scope, o.scope)
	return reach{scope, has(r) && has(o) && scope != model.ScopeAll}
}

// actions are what can be done to the records of an object.
var actions = map[string]model.Action{
	"view":            {Need: model.LevelRead},
	"export":          {Need: model.LevelRead},
	"add_note":        {Need: model.LevelRead, Writes: true},
	"add_task":        {Need: model.LevelRead, Writes: true},
	"open_attachment": {Need: model.LevelRead},
	"communicate":     {Need: model.LevelRead, Writes: true},
	"create":          {Need: model.LevelWrite},
	"import":          {Need: model.LevelWrite},
	"edit":            {Need: model.LevelWrite},
	"delete":          {Need: model.LevelDelete},
	"bulk_delete":     {Need: model.LevelDelete},
}

// teamActions are what only a team's main members have of it.
var teamActions = []string{"views", "reports", "rotation", "notifications"}

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
	c.teams()
	c.users()
	c.properties()
	c.stages()
	return c.Policy()
}

type compiler struct {
	*Organisation
	description.Compiler
	dialect crm.Dialect
	made    map[string]bool // roles of sets, and of members, that there are
}

// The subjects that HubSpot's things become.
func userID(name string) string { return "user:" + model.EscapeID(name) }
func teamID(name string) string { return "team:" + model.EscapeID(name) }

func (c *compiler) member(who, group string, valid model.Period) {
	c.Add(model.Membership{Tenant: c.Tenant, Member: who, Group: group, Valid: valid})
}

// types makes a type of every object, and those of the account and of teams.
func (c *compiler) types() {
	account := model.Type{Actions: map[string]model.Action{"view": {Need: model.LevelRead}}}
	tools := slices.Clone(c.Added)
	for _, p := range c.Sets {
		tools = append(tools, p.Tools...)
	}
	for _, u := range c.Users {
		for _, a := range append([]Before{{Assigned: u.Assigned}}, u.Before...) {
			if a.Permissions != nil {
				tools = append(tools, a.Permissions.Tools...)
			}
		}
	}
	for _, t := range tools {
		account.Actions[crm.Name(t)] = model.Action{Need: model.LevelFull}
	}
	c.Schema.Types[accountType] = account
	team := model.Type{Actions: map[string]model.Action{}}
	for _, a := range teamActions {
		team.Actions[a] = model.Action{Need: model.LevelRead}
	}
	c.Schema.Types[teamType] = team
	for name, x := range c.Objects {
		t := model.Type{Actions: actions, Fields: map[string]model.Field{}, Attributes: map[string]model.AttrType{}}
		if len(x.Pipelines)+len(x.Stages) > 0 {
			t.Attributes[pipelineAttr], t.Attributes[stageAttr] = model.AttrString, model.AttrString
		}
		c.Schema.Types[crm.Name(name)] = t
	}
}

// teams are nested teams, and what a team's main members have of it.
func (c *compiler) teams() {
	for name, t := range crm.Sorted(c.Teams) {
		if t.Parent != "" && c.dialect.TreeInherits == "same" {
			c.member(teamID(name), teamID(t.Parent), model.Period{})
		}
	}
	for name, u := range crm.Sorted(c.Users) {
		for _, t := range u.teams() {
			c.member(userID(name), teamID(t), model.Period{})
		}
		if u.Team == "" {
			continue
		}
		main := "role:main." + model.EscapeID(u.Team)
		c.member(userID(name), main, model.Period{})
		for _, a := range teamActions {
			c.Add(model.CustomerRule{Tenant: c.Tenant, Subject: main, On: model.OnRecord(teamType, model.EscapeID(u.Team)), Action: a, Effect: model.Allow})
		}
	}
}

// users are what users are assigned, now and before.
func (c *compiler) users() {
	for name, u := range crm.Sorted(c.Users) {
		c.member(userID(name), anyUser, model.Period{})
		if u.Status != "" && u.Status != "active" {
			c.Add(model.Switch{Tenant: c.Tenant, Target: userID(name), Mode: model.ModeOff})
		}
		if u.SuperAdmin {
			c.member(userID(name), superAdmin, model.Period{})
		}
		from := time.Time{}
		for _, b := range u.Before {
			if c.dialect.Effective == "at_next_login" {
				c.assign(name, u.Seat, b.Assigned, model.Period{From: from, Until: seconds(b.Until)})
				from = seconds(b.Until)
			}
		}
		c.assign(name, u.Seat, u.Assigned, model.Period{From: from})
	}
	c.Add(model.CustomerRule{Tenant: c.Tenant, Subject: superAdmin, On: model.OnType(model.Any), Action: model.Any, Effect: model.Allow, Scope: model.ScopeAll})
}

// seconds is an instant without what is smaller than a second.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// assign gives a user her sets and, where none overrides them, her own permissions.
func (c *compiler) assign(user, seat string, a Assigned, valid model.Period) {
	for _, set := range a.Sets {
		c.member(userID(user), c.setRole(set, seat), valid)
	}
	if a.Permissions != nil && (len(a.Sets) == 0 || c.dialect.Bundles == "union") {
		c.permit(userID(user), *a.Permissions, c.Seats[seat], valid)
	}
}

// setRole is the role of a permission set, or its copy for a seat that lacks some of it,
// made when it is first asked for.
func (c *compiler) setRole(set, seat string) string {
	id := "role:set." + model.EscapeID(set)
	if len(c.Seats[seat].Without) > 0 {
		id = "role:seat." + strings.ReplaceAll(model.EscapeID(seat), ".", "%2E") + "." + model.EscapeID(set)
	}
	if !c.made[id] {
		c.made[id] = true
		c.permit(id, c.Sets[set], c.Seats[seat], model.Period{})
	}
	return id
}

// permit gives a subject permissions, as far as a seat has them.
func (c *compiler) permit(subject string, p Permissions, seat Seat, valid model.Period) {
	p = seat.of(p)
	tools := slices.Clone(p.Tools)
	for _, t := range c.Added {
		if !slices.Contains(p.Without, t) && !slices.Contains(seat.Without, t) && !slices.Contains(tools, t) {
			tools = append(tools, t)
		}
	}
	for _, t := range tools {
		c.Add(model.CustomerRule{Tenant: c.Tenant, Subject: subject, On: model.OnType(accountType), Action: crm.Name(t), Effect: model.Allow, Scope: model.ScopeAll, Valid: valid})
	}
	for object, x := range crm.Sorted(p.Objects) {
		for action, r := range crm.Sorted(x.reaches(object, tools)) {
			c.allow(subject, crm.Name(object), action, r, valid)
		}
	}
}

// allow makes the rules of one permission.
func (c *compiler) allow(subject, typ, action string, r reach, valid model.Period) {
	rule := model.CustomerRule{Tenant: c.Tenant, Subject: subject, On: model.OnType(typ), Action: action, Effect: model.Allow, Scope: r.scope, Valid: valid}
	if r.scope != model.ScopeLevel {
		c.Add(rule)
	}
	if r.unassigned {
		rule.Scope, rule.If = model.ScopeAll, c.Condition("unassigned", "!ownerIn("+crm.Quote(anyUser)+")")
		c.Add(rule)
	}
}

// reaches is how far every action on an object goes.
func (x ObjectPermissions) reaches(object string, tools []string) map[string]reach {
	of := func(verb, word string) reach {
		return reach{scopes[word], word != "all" && slices.Contains(x.Unassigned, verb)}
	}
	view := of("view", x.View)
	edit, remove := of("edit", x.Edit).within(view), of("delete", x.Delete).within(view)
	all := map[string]reach{
		"view": view, "edit": edit, "delete": remove, "communicate": of("communicate", x.Communicate).within(view),
		"add_note": view, "add_task": view,
	}
	if x.Create == "yes" || x.Create == "" && !edit.none() {
		all["create"] = reach{scope: model.ScopeAll}
	}
	if object == "notes" {
		all["open_attachment"] = reach{scope: min(view.scope, model.ScopeOwn)}
		if view.scope == model.ScopeAll {
			all["open_attachment"] = view
		}
	}
	for _, t := range tools {
		switch t {
		case "export":
			all["export"] = view
		case "bulk_delete":
			all["bulk_delete"] = remove
		case "import":
			all["import"] = all["create"]
		}
	}
	return all
}

// of is the part of permissions that the seat includes.
func (s Seat) of(p Permissions) Permissions {
	out := Permissions{Without: p.Without, Objects: map[string]ObjectPermissions{}}
	for _, t := range p.Tools {
		if !slices.Contains(s.Without, t) {
			out.Tools = append(out.Tools, t)
		}
	}
	for object, x := range p.Objects {
		for verb, word := range map[string]*string{"view": &x.View, "edit": &x.Edit, "delete": &x.Delete, "communicate": &x.Communicate, "create": &x.Create} {
			if slices.Contains(s.Without, verb) || slices.Contains(s.Without, object+"."+verb) {
				*word = map[bool]string{true: "no", false: "none"}[verb == "create"]
				x.Unassigned = slices.DeleteFunc(slices.Clone(x.Unassigned), func(u string) bool { return u == verb })
			}
		}
		out.Objects[object] = x
	}
	return out
}

// subjects are the subjects that people are: of a team, its own members.
func (c *compiler) subjects(p People) (ids []string) {
	for _, u := range p.Users {
		ids = append(ids, userID(u))
	}
	for _, t := range p.Teams {
		id := "role:team." + model.EscapeID(t)
		if !c.made[id] {
			c.made[id] = true
			for name, u := range c.Users {
				if slices.Contains(u.teams(), t) {
					c.member(userID(name), id, model.Period{})
				}
			}
		}
		ids = append(ids, id)
	}
	return ids
}

// isOneOf is the condition that the user is one of these people, or a super admin.
func (c *compiler) isOneOf(p People) string {
	parts := []string{"member(" + crm.Quote(superAdmin) + ")"}
	for _, id := range c.subjects(p) {
		if model.KindOf(id) == model.User {
			parts = append(parts, "user.id == "+crm.Quote(id))
		} else {
			parts = append(parts, "member("+crm.Quote(id)+")")
		}
	}
	return strings.Join(parts, " || ")
}

// properties are fields, and the rules of those that are restricted.
func (c *compiler) properties() {
	for object, x := range crm.Sorted(c.Objects) {
		typ := crm.Name(object)
		for name, p := range crm.Sorted(x.Properties) {
			c.Schema.Types[typ].Fields[crm.Name(name)] = model.Field{Default: c.defaultOf(p)}
			if p.View != nil || p.Edit != nil || c.dialect.Fields == "closed" {
				c.restrict(typ, crm.Name(name), p)
			}
		}
	}
}

func (c *compiler) defaultOf(p Property) model.FieldLevel {
	switch {
	case p.View != nil || c.dialect.Fields == "closed":
		return model.FieldHidden
	case p.Edit != nil:
		return model.FieldRead
	}
	return model.FieldWrite
}

func (c *compiler) restrict(typ, field string, p Property) {
	give := func(subject string, level model.FieldLevel, condition string) {
		c.Add(model.FieldRule{Tenant: c.Tenant, Subject: subject, On: model.OnField(typ, field), Level: level, Effect: model.Allow, If: condition})
	}
	viewers, level := "", model.FieldWrite
	if p.View != nil && p.Edit != nil {
		viewers, level = c.Condition("viewers."+typ+"."+field, c.isOneOf(*p.View)), model.FieldRead
	}
	if p.View != nil {
		for _, subject := range c.subjects(*p.View) {
			give(subject, level, "")
		}
	}
	if p.Edit != nil {
		for _, subject := range c.subjects(*p.Edit) {
			give(subject, model.FieldWrite, viewers)
		}
	}
	if c.dialect.AdminsSeeAllFields == "yes" {
		give(superAdmin, model.FieldWrite, "")
	}
	if c.PropertyRestrictions != "everywhere" && (p.View != nil || p.Edit != nil) {
		c.Schema.Env = map[string]model.AttrType{EnvSource: model.AttrString}
		give(model.Everyone, model.FieldWrite, c.Condition("outside_user_interface", `action == "create" || action == "import" || env.`+EnvSource+` == "api"`))
	}
}

// stages forbid what may not be changed where a record is.
func (c *compiler) stages() {
	for object, x := range crm.Sorted(c.Objects) {
		at := func(s Stage) string { return crm.Attribute(pipelineAttr) + " == " + crm.Quote(s.Pipeline) }
		for n, s := range x.Pipelines {
			expr := at(s) + " && !(" + c.isOneOf(s.Who) + ")"
			c.Forbid(crm.Name(object), c.Condition("pipeline."+object+"."+strconv.Itoa(n+1), expr), model.Any)
		}
		for n, s := range x.Stages {
			expr := at(s) + " && " + crm.Attribute(stageAttr) + " == " + crm.Quote(s.Stage) + " && !(" + c.isOneOf(s.Who) + ")"
			c.Forbid(crm.Name(object), c.Condition("stage."+object+"."+strconv.Itoa(n+1), expr), "edit", "delete", "bulk_delete")
		}
	}
}
