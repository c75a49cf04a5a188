package salesforce

import (
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Dialects lists the answers to the questions of a crm.Dialect that Compile
// carries; the first are Salesforce's own.
var Dialects = map[string][]string{
	"managers":                  {"same", "write", "read", "none"},
	"managers_of_grantees":      {"yes", "no"},
	"hierarchy_off":             {"custom", "any", "none"},
	"public_write_deletes":      {"no", "yes"},
	"shares_without_permission": {"useless", "sufficient"},
	"write_shares_transfer":     {"no", "yes"},
	"shares_at_owner_change":    {"by_cause", "kept", "dropped"},
	"fields":                    {"closed", "open"},
	"field_grants":              {"union", "profile"},
	"admins_see_all_fields":     {"no", "yes"},
	"tree_inherits":             {"same", "write", "read", "none"},
	"bundles":                   {"union_minus_mute", "union"},
	"deactivation_drops_shares": {"yes", "no"},
	"effective":                 {"at_once"},
}

// The actions of an object's records.
const (
	actionRead      = "read"
	actionCreate    = "create"
	actionEdit      = "edit"
	actionDelete    = "delete"
	actionTransfer  = "transfer"   // change the owner
	actionShare     = "share"      // by hand
	actionGiveRead  = "give_read"  // add a team member who may read it
	actionGiveEdit  = "give_edit"  // add a team member who may edit it
	actionUse       = "use"        // a price book, for products of an opportunity
	actionViewAll   = "view_all"   // of the type: View All Records
	actionModifyAll = "modify_all" // of the type: Modify All Records, so also mass changes and approving for others
)

// onRecords are the actions that somebody does to a record that there is.
var onRecords = []string{actionRead, actionEdit, actionDelete, actionTransfer, actionShare, actionGiveRead, actionGiveEdit}

// System is the type whose actions are login, the user permissions (ViewAllData),
// custom permissions (custom:NAME), and whatever else may be used (classAccesses:NAME).
// One asks for them without a record.
const System = "System"

// actionLogin is what everybody may who is active, within the hours and from the addresses of her profile.
const actionLogin = "login"

// Compile makes the policy of a tenant. It is pure: the same organisation gives the same
// policy. An *crm.Error, or a *model.ValueError of a name that our facts cannot hold, says what
// is wrong with the organisation; crm.ErrRefused is what Salesforce itself refuses.
func (o *Organisation) Compile(tenant string) (*crm.Policy, error) {
	dialect, err := o.Dialect.Resolve(Dialects)
	if err != nil {
		return nil, err
	}
	if err := o.check(dialect); err != nil {
		return nil, err
	}
	c := newCompiler(o, dialect, tenant)
	c.types()
	c.people()
	c.bundles()
	c.sharing()
	c.closers()
	if c.err != nil {
		return nil, c.err
	}
	return crm.NewPolicy(c.schema, c.facts)
}

// compiler makes the facts and the schema of one organisation.
type compiler struct {
	*Organisation
	dialect crm.Dialect // resolved
	tenant  string
	schema  *model.Schema
	facts   []model.Fact
	// holders is the subjects whose bundles grant a permission, by its name (ViewAllData) or, for a
	// right on an object, by right:object. Grants that depend on a condition are not among them.
	holders map[string][]string
	err     error // the first
}

func newCompiler(o *Organisation, dialect crm.Dialect, tenant string) *compiler {
	return &compiler{
		Organisation: o, dialect: dialect, tenant: tenant, holders: map[string][]string{},
		schema: &model.Schema{
			Types: map[string]model.Type{}, Conditions: map[string]string{}, User: map[string]model.AttrType{},
			Env: map[string]model.AttrType{"channel": model.AttrString, crm.EnvIP: model.AttrString, "activated": model.AttrStrings},
		},
	}
}

func (c *compiler) add(facts ...model.Fact) { c.facts = append(c.facts, facts...) }

func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// may allows a subject an action as far as her level reaches, or with a scope.
func (c *compiler) may(subject, object, action string, scope model.Scope, when ...crm.Condition) {
	on := object
	if object != model.Any {
		on = crm.Name(object)
	}
	c.add(model.CustomerRule{
		Tenant: c.tenant, Subject: subject, On: model.OnType(on), Action: action, Effect: model.Allow, Scope: scope, If: c.when(when...),
	})
}

// level gives a subject a level on the records of an object that meet conditions.
func (c *compiler) level(subject, object string, level model.Level, when ...crm.Condition) {
	if level != model.LevelNone {
		c.add(model.TeamRule{Tenant: c.tenant, Subject: subject, On: model.OnType(crm.Name(object)), Level: level, If: c.when(when...)})
	}
}

func (c *compiler) member(member, group string, valid model.Period) {
	c.add(model.Membership{Tenant: c.tenant, Member: member, Group: group, Valid: valid})
}

// attribute declares an attribute of an object's records.
func (c *compiler) attribute(object, name string, typ model.AttrType) {
	c.schema.Types[crm.Name(object)].Attributes[name] = typ
}

// types declares what the objects have without regard to their rules.
func (c *compiler) types() {
	for name, object := range crm.Sorted(c.Objects) {
		t := model.Type{Actions: object.actions(), Fields: map[string]model.Field{}, Attributes: map[string]model.AttrType{}}
		for field, f := range object.Fields {
			t.Fields[crm.Name(field)] = c.field(f)
		}
		if object.Parent != "" {
			t.Parent = model.Parent{Type: crm.Name(object.Parent), Controlled: object.Sharing.controlled()}
		}
		if level := c.managers(); !object.NoHierarchies && !object.Sharing.controlled() && level != model.LevelNone {
			t.Hierarchy = model.Hierarchy{By: model.ByUnits, Level: level, Holders: c.dialect.ManagersOfGrantees == "yes"}
		}
		c.schema.Types[crm.Name(name)] = t
	}
	c.schema.Types[System] = model.Type{Actions: map[string]model.Action{actionLogin: {Need: model.LevelRead}}}
	c.may(internal, System, actionLogin, model.ScopeAll)
	c.may(external, System, actionLogin, model.ScopeAll)
}

// actions are what may be done with records of the object. To Salesforce, there are four
// levels: none, read, edit and all. Our delete, between edit and all, is edit with transfer.
func (o Object) actions() map[string]model.Action {
	actions := map[string]model.Action{
		actionRead:      {Need: model.LevelRead},
		actionCreate:    {Need: model.LevelWrite},
		actionEdit:      {Need: model.LevelWrite},
		actionTransfer:  {Need: model.LevelDelete},
		actionDelete:    {Need: model.LevelFull},
		actionShare:     {Need: model.LevelFull},
		actionGiveRead:  {Need: model.LevelRead, Writes: true},
		actionGiveEdit:  {Need: model.LevelWrite},
		actionViewAll:   {Need: model.LevelRead},
		actionModifyAll: {Need: model.LevelFull},
	}
	if o.Sharing == ReadSelect || o.ExternalSharing == ReadSelect {
		actions[actionUse] = model.Action{Need: model.LevelWrite}
	}
	if o.Master != None {
		need := model.Action{Need: o.Master.level(), Writes: true}
		actions[actionCreate], actions[actionEdit], actions[actionDelete] = need, need, need
	}
	return actions
}

func (c *compiler) field(f Field) (field model.Field) {
	switch {
	case f.System:
		field.Default = model.FieldRead
	case f.Required || c.dialect.Fields == "open" && !f.Encrypted:
		field.Default = model.FieldWrite
	}
	if f.Encrypted {
		field.Mask = encryptedMask
	}
	return field
}

// encryptedMask shows the last four characters, as classic encryption does by default.
const encryptedMask = "last4"

// level is the record level of an access.
func (a Access) level() model.Level {
	return [...]model.Level{model.LevelNone, model.LevelRead, model.LevelWrite, model.LevelFull}[a]
}

// levels is the words of a dialect for levels.
var levels = map[string]model.Level{"none": model.LevelNone, "read": model.LevelRead, "write": model.LevelWrite, "same": model.LevelFull}

// managers is the most that superiors get.
func (c *compiler) managers() model.Level { return levels[c.dialect.Managers] }
