package salesforce

import (
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Attributes of records that sharing looks at, beside the fields in criteria.
const (
	// AttrTerritories is the territories that a record is in.
	AttrTerritories = "territories"
	// AttrChildAccess is, of an account, the subjects who own, or have a share of, one of its cases,
	// contacts and opportunities, such as user:bob: they may read it.
	AttrChildAccess = "child_access"
	// AttrLocked tells that a record is locked in an approval.
	AttrLocked = "locked"
	// AttrApprovers is the users who are to approve a locked record, such as user:bob.
	AttrApprovers = "approvers"
)

// sharing makes the team rules: who reaches which records.
func (c *compiler) sharing() {
	for name, object := range crm.Sorted(c.Objects) {
		c.defaults(name, object)
		for _, rule := range object.SharingRules {
			c.rule(name, object, rule)
		}
	}
	for name, role := range crm.Sorted(c.Roles) {
		c.accountOwners(name, role)
	}
	for name, territory := range crm.Sorted(c.Territories) {
		c.territory(name, territory)
	}
	for name, set := range crm.Sorted(c.SharingSets) {
		c.sharingSet(name, set)
	}
	for _, s := range c.Shares {
		c.share(s)
	}
	c.implicitParents()
}

// defaults makes the organisation-wide defaults of an object.
func (c *compiler) defaults(name string, object Object) {
	if object.Sharing.controlled() {
		return
	}
	c.level(internal, name, object.Sharing.level())
	c.level(external, name, object.ExternalSharing.level())
}

func (m SharingModel) level() model.Level {
	switch m {
	case PublicRead:
		return model.LevelRead
	case PublicReadWrite, ReadSelect:
		return model.LevelWrite
	case PublicReadWriteTransfer:
		return model.LevelDelete // see Object.actions
	case PublicFullAccess:
		return model.LevelFull
	}
	return model.LevelNone
}

// shareLevel is the level that a share or a sharing rule gives.
func (c *compiler) shareLevel(a Access) model.Level {
	if a == AccessEdit && c.dialect.WriteSharesTransfer == "yes" {
		return model.LevelDelete
	}
	return a.level()
}

// give gives a grantee, and those above, a level on the records of an object that meet a condition.
func (c *compiler) give(object string, to Grantee, access Access, when ...crm.Condition) {
	for _, s := range c.subjects(to) {
		c.level(s, object, c.shareLevel(access), when...)
	}
	if c.inherits(object) {
		for _, s := range c.superiors(to) {
			c.level(s, object, min(c.shareLevel(access), c.managers()), when...)
		}
	}
}

// inherits tells whether superiors get what is shared with those below them.
func (c *compiler) inherits(object string) bool {
	return !c.Objects[object].NoHierarchies && c.dialect.ManagersOfGrantees == "yes"
}

// ofAccounts is an access to the children of accounts, by object.
type ofAccounts map[string]Access

func (r Role) children() ofAccounts {
	return ofAccounts{"Case": r.Case, "Contact": r.Contact, "Opportunity": r.Opportunity}
}

func (r SharingRule) children() ofAccounts {
	return ofAccounts{"Case": r.Case, "Contact": r.Contact, "Opportunity": r.Opportunity}
}

func (s Share) children() ofAccounts {
	return ofAccounts{"Case": s.Case, "Contact": s.Contact, "Opportunity": s.Opportunity}
}

// giveChildren gives access to the children of the accounts that meet a condition about record.parent.
func (c *compiler) giveChildren(to Grantee, access ofAccounts, when ...crm.Condition) {
	for child, a := range crm.Sorted(access) {
		if a != None && c.hasChild(child) {
			c.give(child, to, a, when...)
		}
	}
}

// hasChild tells whether an object is described as one of accounts, and not controlled by them.
func (c *compiler) hasChild(child string) bool {
	o, ok := c.Objects[child]
	return ok && o.Parent == account && !o.Sharing.controlled()
}

const account = "Account"

// rule makes the team rules of a sharing rule.
func (c *compiler) rule(object string, o Object, r SharingRule) {
	name := crm.Name(object) + "." + crm.Name(r.Name)
	if r.From == nil {
		c.give(object, r.To, r.Access, crm.Condition{Name: "rule." + name, Expr: c.criteria(object, "record", r.Criteria, r.Filter)})
		if object == account && r.opensChildren() {
			c.giveChildren(r.To, r.children(), crm.Condition{Name: "children." + name, Expr: c.criteria(object, "record.parent", r.Criteria, r.Filter)})
		}
		return
	}
	c.give(object, r.To, r.Access, ownedBy("rule."+name, c.subjects(*r.From)))
	if object == account {
		owners := userIDs(c.usersIn(*r.From))
		if r.From.Queue != "" {
			owners = []string{queueID(r.From.Queue)}
		}
		for _, owned := range parentOwnedBy("children."+name, owners) {
			c.giveChildren(r.To, r.children(), owned)
		}
	}
}

func (r SharingRule) opensChildren() bool { return r.Case|r.Contact|r.Opportunity != None }

func userIDs(users []string) (ids []string) {
	for _, u := range users {
		ids = append(ids, userID(u))
	}
	return ids
}

// parentOwnedBy is conditions one of which holds if an owner of the parent is one of some
// subjects: as many as it takes, since a condition has a length.
func parentOwnedBy(name string, owners []string) (all []crm.Condition) {
	const room = crm.MaxExpression / 2
	for len(owners) > 0 {
		n, size := 0, 0
		for n < len(owners) && (n == 0 || size < room) {
			size += len(crm.Quote(owners[n])) + 2
			n++
		}
		all = append(all, crm.Condition{Name: name, Expr: "record.parent.owners.exists(o, o in " + list(owners[:n]) + ")"})
		owners = owners[n:]
	}
	return all
}

// accountOwners gives those of a role who own an account what the role says of the account's children.
func (c *compiler) accountOwners(name string, role Role) {
	for child, access := range crm.Sorted(role.children()) {
		if access == None || !c.hasChild(child) {
			continue
		}
		owns := crm.Condition{Name: "owns_account", Expr: "user.id in record.parent.owners"}
		c.level(roles.in(name), child, c.shareLevel(access), owns)
		if !c.inherits(child) {
			continue
		}
		for _, below := range parentOwnedBy("account_of."+crm.Name(name), userIDs(c.usersIn(Grantee{Role: name}))) {
			for _, above := range c.superiors(Grantee{Role: name}) {
				c.level(above, child, min(c.shareLevel(access), c.managers()), below)
			}
		}
	}
}

func (c *compiler) territory(name string, t Territory) {
	for object, access := range crm.Sorted(t.Access) {
		c.attribute(object, AttrTerritories, model.AttrStrings)
		in := crm.Condition{Name: "territory." + crm.Name(name), Expr: crm.Quote(name) + " in record." + AttrTerritories}
		c.level(territories.in(name), object, access.level(), in)
		if t.Parent != "" {
			c.level(territories.over(t.Parent), object, min(access.level(), levels[c.dialect.TreeInherits]), in)
		}
	}
}

func (c *compiler) sharingSet(name string, set SharingSet) {
	for _, m := range set.Mappings {
		c.attribute(m.Object, crm.Name(m.ObjectField), c.fieldType(m.Object, m.ObjectField))
		c.userField(m.UserField)
		same := crm.Condition{
			Name: "sharing_set." + crm.Name(name) + "." + crm.Name(m.Object),
			Expr: crm.Attribute(crm.Name(m.ObjectField)) + " == " + userAttribute(m.UserField),
		}
		for profile := range crm.Sorted(c.Profiles) {
			for _, p := range set.Profiles {
				if strings.EqualFold(p, profile) {
					c.level(profileID(profile), m.Object, c.shareLevel(m.Access), same, crm.MemberOf("external", external))
				}
			}
		}
	}
}

// share makes the rules of one record's share, unless it has ended.
func (c *compiler) share(s Share) {
	if s.Cause != Apex && c.Users[s.To.User].State == Deactivated && c.dialect.DeactivationDropsShares == "yes" {
		return
	}
	object, id, _ := strings.Cut(s.Record, "/")
	var while crm.Condition
	if s.Owner != "" && c.endsWithOwner(s.Cause) {
		while = crm.Condition{Name: "owned_by." + crm.Name(s.Owner), Expr: crm.Quote(userID(s.Owner)) + " in record.owners"}
	}
	rule := model.TeamRule{Tenant: c.tenant, On: model.OnRecord(crm.Name(object), id), As: crm.Name(s.As), If: c.when(while), Valid: model.Period{Until: s.Until}}
	if c.Groups[s.To.Group].NoBosses { // a rule on the record would count for superiors
		rule.On = model.OnType(crm.Name(object))
		rule.If = c.when(while, crm.Condition{Name: "record." + crm.Name(id), Expr: "record.id == " + crm.Quote(id)})
	}
	for _, rule.Subject = range c.subjects(s.To) {
		rule.Level = c.shareLevel(s.Access)
		c.add(rule)
		if c.dialect.SharesWithoutPermission == "sufficient" {
			c.suffices(rule, s.Access)
		}
		if s.Account != "" {
			c.add(model.TeamRule{
				Tenant: c.tenant, Subject: rule.Subject, On: model.OnRecord(account, s.Account), Level: model.LevelRead, As: "implicit", Valid: rule.Valid,
			})
		}
	}
	if s.To.User == "" && c.inherits(object) { // those above a role in which there is nobody
		for _, rule.Subject = range c.superiors(s.To) {
			if rule.Level = min(c.shareLevel(s.Access), c.managers()); rule.Level != model.LevelNone {
				c.add(rule)
			}
		}
	}
	if object == account {
		c.giveChildren(s.To, s.children(), c.whileShared(s, id)...)
	}
}

// whileShared is the conditions that a child's account is one that is shared, and still is.
func (c *compiler) whileShared(s Share, id string) []crm.Condition {
	all := []crm.Condition{{Name: "account." + crm.Name(id), Expr: "record.parent.id == " + crm.Quote(id)}}
	if s.Owner != "" && c.endsWithOwner(s.Cause) {
		all = append(all, crm.Condition{Name: "account_of." + crm.Name(s.Owner), Expr: crm.Quote(userID(s.Owner)) + " in record.parent.owners"})
	}
	if !s.Until.IsZero() {
		until := s.Until.UTC().Format("2006-01-02.15-04-05")
		all = append(all, crm.Condition{Name: "until." + until, Expr: "now < " + crm.Timestamp(s.Until)})
	}
	return all
}

func (c *compiler) endsWithOwner(cause Cause) bool {
	return c.dialect.SharesAtOwnerChange == "dropped" || c.dialect.SharesAtOwnerChange == "by_cause" && cause == Manual
}

// suffices allows what a share gives to who lacks the permission on the object.
func (c *compiler) suffices(share model.TeamRule, access Access) {
	rule := model.CustomerRule{
		Tenant: c.tenant, Subject: share.Subject, On: share.On, Action: actionRead, Effect: model.Allow, If: share.If, Valid: share.Valid,
	}
	c.add(rule)
	if rule.Action = actionEdit; access >= AccessEdit {
		c.add(rule)
	}
}

// implicitParents lets who reaches a child of an account read the account.
func (c *compiler) implicitParents() {
	if _, ok := c.Objects[account]; !ok || !c.hasChild("Case") && !c.hasChild("Contact") && !c.hasChild("Opportunity") {
		return
	}
	c.attribute(account, AttrChildAccess, model.AttrStrings)
	c.level(model.Everyone, account, model.LevelRead, crm.Condition{
		Name: "reaches_child", Expr: "record." + AttrChildAccess + ".exists(s, s == user.id || member(s))",
	})
}
