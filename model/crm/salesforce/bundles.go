package salesforce

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// User permissions that mean something to decisions.
const (
	viewAllData        = "ViewAllData"
	modifyAllData      = "ModifyAllData"
	viewEncryptedData  = "ViewEncryptedData"
	editReadonlyFields = "EditReadonlyFields"

	viewAllOf   = "view_all."   // and an object: that right on it, as a permission
	modifyAllOf = "modify_all." // the same
)

// transferAny is the objects of which who has a permission may change the owner of any record; nil: all but those.
var transferAny = map[string][]string{"TransferAnyLead": {"Lead"}, "TransferAnyCase": {"Case"}, "TransferAnyEntity": nil}

// noExpiry are the permissions that make a set one that cannot be assigned until an instant.
var noExpiry = []string{"AssignPermissionSets", "ManageProfilesPermissionsets", "ManageUsers", "ManagePermissionSets"}

// bundles makes the rules of profiles, permission sets and groups of them.
func (c *compiler) bundles() {
	for name, p := range crm.Sorted(c.Profiles) {
		c.grant(profileID(name), p.Permissions, crm.Condition{}, true)
	}
	for name, s := range crm.Sorted(c.PermissionSets) {
		c.grant(setID(name), s.Permissions, crm.Condition{}, false)
		if s.SessionBased {
			c.grant(sessionID(name), s.Permissions, inSession(name), false)
		}
	}
	for name, g := range crm.Sorted(c.PermissionSetGroups) {
		if g.Muting != "" && c.dialect.Bundles == "union_minus_mute" {
			c.grant(setGroupID(name), c.union(g.Sets).Minus(c.MutingPermissionSets[g.Muting]), crm.Condition{}, false)
			continue
		}
		for _, s := range g.Sets {
			c.member(setGroupID(name), setID(s), model.Period{})
		}
	}
}

// union is what sets grant together.
func (c *compiler) union(sets []string) (all Permissions) {
	all = Permissions{Objects: map[string]Rights{}, Fields: map[string]Access{}, Other: map[string][]string{}}
	for _, s := range sets {
		p := c.PermissionSets[s].Permissions
		for object, r := range p.Objects {
			all.Objects[object] |= r.Closed()
		}
		for field, a := range p.Fields {
			all.Fields[field] = max(all.Fields[field], a)
		}
		all.User = append(all.User, p.User...)
		all.Custom = append(all.Custom, p.Custom...)
		for kind, names := range p.Other {
			all.Other[kind] = append(all.Other[kind], names...)
		}
	}
	return all
}

// Minus is the permissions without those that a muting set enables. What needs a
// muted permission goes with it: without read there is no edit.
func (p Permissions) Minus(muted Permissions) Permissions {
	without := func(names, muted []string) (left []string) {
		for _, n := range names {
			if !slices.Contains(muted, n) {
				left = append(left, n)
			}
		}
		return left
	}
	left := Permissions{
		Objects: map[string]Rights{}, Fields: map[string]Access{}, Other: map[string][]string{},
		User: without(p.User, muted.User), Custom: without(p.Custom, muted.Custom),
	}
	for object, r := range p.Objects {
		left.Objects[object] = r.Minus(muted.Objects[object])
	}
	for field, a := range p.Fields {
		switch muted.Fields[field] {
		case None:
			left.Fields[field] = a
		case AccessEdit:
			left.Fields[field] = min(a, AccessRead)
		}
	}
	for kind, names := range p.Other {
		left.Other[kind] = without(names, muted.Other[kind])
	}
	return left
}

// grant makes the rules of permissions for a subject.
func (c *compiler) grant(subject string, p Permissions, when crm.Condition, profile bool) {
	for object, r := range crm.Sorted(p.Objects) {
		c.grantObject(subject, object, r.Closed(), when)
	}
	if profile || c.dialect.FieldGrants == "union" {
		c.grantFields(subject, p, when)
	}
	for _, name := range p.User {
		c.system(subject, name, crm.Name(name), when)
		c.grantData(subject, name, when)
	}
	for _, name := range p.Custom {
		c.system(subject, "custom:"+name, "custom:"+crm.Name(name), when)
	}
	for kind, names := range crm.Sorted(p.Other) {
		for _, name := range names {
			c.system(subject, kind+":"+name, crm.Name(kind)+":"+crm.Name(name), when)
		}
	}
}

// holds remembers that a subject has a permission, unless it depends on a condition.
func (c *compiler) holds(subject, permission string, when crm.Condition) {
	if when == (crm.Condition{}) {
		c.holders[permission] = append(c.holders[permission], subject)
	}
}

// can is the condition that the user has a permission, whatever the record.
func (c *compiler) can(permissions ...string) crm.Condition {
	id := canID(permissions[0])
	for _, p := range permissions {
		for _, subject := range c.holders[p] {
			c.member(subject, id, model.Period{})
		}
	}
	return canCondition(permissions[0])
}

func canCondition(permission string) crm.Condition {
	return crm.MemberOf("can."+crm.Name(permission), canID(permission))
}

func (c *compiler) system(subject, permission, action string, when crm.Condition) {
	c.schema.Types[System].Actions[action] = model.Action{Need: model.LevelRead}
	c.may(subject, System, action, model.ScopeAll, when)
	c.holds(subject, permission, when)
}

func (c *compiler) grantObject(subject, object string, r Rights, when crm.Condition) {
	o := c.Objects[object]
	may := func(scope model.Scope, actions ...string) {
		for _, a := range actions {
			c.may(subject, object, a, scope, when)
		}
	}
	if r&Read != 0 {
		c.reach(subject, object, when, actionRead, actionGiveRead)
		if o.actions()[actionUse] != (model.Action{}) {
			c.reach(subject, object, when, actionUse)
		}
	}
	if r&Edit != 0 {
		c.reach(subject, object, when, actionEdit, actionTransfer, actionShare, actionGiveEdit)
	}
	if r&Delete != 0 {
		c.reach(subject, object, when, actionDelete)
		if o.Sharing == PublicReadWrite && c.dialect.PublicWriteDeletes == "yes" {
			c.may(subject, object, actionDelete, model.ScopeAll, when, crm.MemberOf("internal", internal))
		}
	}
	if r&Create != 0 && o.Sharing.controlled() {
		c.reach(subject, object, when, actionCreate)
	} else if r&Create != 0 {
		may(model.ScopeAll, actionCreate)
	}
	if r&ViewAll != 0 {
		may(model.ScopeAll, actionRead, actionViewAll)
		c.holds(subject, viewAllOf+object, when)
	}
	if r&ModifyAll != 0 {
		may(model.ScopeAll, onRecords...)
		may(model.ScopeAll, actionModifyAll)
		c.holds(subject, modifyAllOf+object, when)
	}
}

// reach allows actions as far as the level reaches; of an object that another controls, also to
// the owners of records without a parent, which are private. A detail record has a parent.
func (c *compiler) reach(subject, object string, when crm.Condition, actions ...string) {
	o := c.Objects[object]
	for _, a := range actions {
		c.may(subject, object, a, model.ScopeLevel, when)
		if o.Sharing.controlled() && o.Master == None {
			c.may(subject, object, a, model.ScopeOwn, when, crm.Condition{Name: "orphan", Expr: "!has(record.parent)"})
		}
	}
}

// grantData makes the rules of a user permission that bypasses sharing.
func (c *compiler) grantData(subject, permission string, when crm.Condition) {
	if len(c.Objects) == 0 {
		return
	}
	every := func(actions ...string) {
		for _, a := range actions {
			c.may(subject, model.Any, a, model.ScopeAll, when)
		}
	}
	fields := func(level model.FieldLevel) {
		for object := range crm.Sorted(c.Objects) {
			if c.dialect.AdminsSeeAllFields == "yes" {
				c.fieldRule(subject, object, model.Any, level, when)
			}
		}
	}
	switch permission {
	case viewAllData:
		every(actionRead, actionViewAll)
		fields(model.FieldRead)
	case modifyAllData:
		every(onRecords...)
		every(actionCreate, actionViewAll, actionModifyAll)
		fields(model.FieldWrite)
	}
	only, transfers := transferAny[permission]
	for object := range crm.Sorted(c.Objects) {
		if transfers && (slices.Contains(only, object) || only == nil && object != "Lead" && object != "Case") {
			c.may(subject, object, actionTransfer, model.ScopeAll, when)
		}
	}
}
