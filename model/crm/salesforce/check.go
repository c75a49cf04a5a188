package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// check tells whether what the organisation speaks of is there, and whether Salesforce
// would let it be so.
func (o *Organisation) check(d crm.Dialect) error {
	c := &checker{Organisation: o, dialect: d}
	for name, object := range crm.Sorted(o.Objects) {
		c.object(name, object)
	}
	for name, p := range crm.Sorted(o.Profiles) {
		c.profile("profile "+name, p)
	}
	for name, s := range crm.Sorted(o.PermissionSets) {
		c.permissions("permission set "+name, s.Permissions)
	}
	for name, s := range crm.Sorted(o.MutingPermissionSets) {
		c.permissions("muting permission set "+name, s)
	}
	for name, g := range crm.Sorted(o.PermissionSetGroups) {
		c.setGroup("permission set group "+name, g)
	}
	checkTree(c, "role", o.Roles, func(r Role) string { return r.Parent })
	checkTree(c, "territory", o.Territories, func(t Territory) string { return t.Parent })
	for name, t := range crm.Sorted(o.Territories) {
		for _, u := range t.Users {
			known(c, "territory "+name, "user", u, o.Users)
		}
		for object := range crm.Sorted(t.Access) {
			known(c, "territory "+name, "object", object, o.Objects)
		}
	}
	c.groups()
	for name, u := range crm.Sorted(o.Users) {
		c.user("user "+name, u)
	}
	for _, s := range o.Shares {
		c.share("share of "+s.Record, s)
	}
	for name, s := range crm.Sorted(o.SharingSets) {
		c.sharingSet("sharing set "+name, s)
	}
	return c.Err
}

// checker keeps the first error.
type checker struct {
	*Organisation
	crm.Checker
	dialect crm.Dialect
}

// known tells whether a name that what speaks of is described.
func known[T any](c *checker, what, kind, name string, in map[string]T) {
	if _, ok := in[name]; !ok {
		c.Fail(what, name, crm.ErrNotFound, "no such "+kind)
	}
}

func (c *checker) object(name string, o Object) {
	what := "object " + name
	if name == System {
		c.Fail(what, name, crm.ErrMalformed, "is the type of user permissions here")
	}
	if o.Parent != "" {
		known(c, what, "parent object", o.Parent, c.Objects)
	}
	if o.Sharing.controlled() && (o.Parent == "" || o.Sharing == ControlledByCampaign && o.Parent != "Campaign") {
		c.Fail(what, o.Sharing.String(), crm.ErrMalformed, "needs its parent object")
	}
	if o.ExternalSharing.controlled() && !o.Sharing.controlled() {
		c.Fail(what, o.ExternalSharing.String(), crm.ErrRefused, "for external users only if for internal ones")
	}
	if o.Master == AccessAll || o.Master != None && !o.Sharing.controlled() {
		c.Fail(what, o.Master.String(), crm.ErrMalformed, "read or edit, of an object that its parent controls")
	}
	if o.Sharing.controlled() && len(o.SharingRules) > 0 {
		c.Fail(what, o.SharingRules[0].Name, crm.ErrRefused, "an object that its parent controls has no sharing rules")
	}
	custom := strings.HasSuffix(name, "__c")
	if o.NoHierarchies && (c.dialect.HierarchyOff == "none" || c.dialect.HierarchyOff == "custom" && !custom) {
		c.Fail(what, "no_hierarchies", crm.ErrRefused, "standard objects always grant access using hierarchies")
	}
	for _, r := range o.SharingRules {
		c.rule(what+" sharing rule "+r.Name, name, r)
	}
	for _, r := range o.Restrictions {
		c.restriction(what+" restriction rule "+r.Name, r)
	}
}

func (c *checker) rule(what, object string, r SharingRule) {
	c.grantee(what, r.To)
	if r.Access != AccessRead && r.Access != AccessEdit {
		c.Fail(what, r.Access.String(), crm.ErrRefused, "a rule shares to read or to edit")
	}
	if (r.From == nil) == (len(r.Criteria) == 0) {
		c.Fail(what, r.Name, crm.ErrMalformed, "a rule has owners or criteria")
	}
	if r.From != nil {
		c.grantee(what, *r.From)
	}
	if object != account && r.opensChildren() {
		c.Fail(what, object, crm.ErrMalformed, "only a rule on accounts gives their cases, contacts and opportunities")
	}
}

func (c *checker) restriction(what string, r RestrictionRule) {
	if len(r.Criteria) == 0 {
		c.Fail(what, r.Name, crm.ErrMalformed, "there is no criterion")
	}
	for _, x := range r.Users {
		switch x.Field {
		case "$Profile":
			known(c, what, "profile", x.Value, c.Profiles)
		case "$Role":
			known(c, what, "role", x.Value, c.Roles)
		}
	}
}

func (c *checker) profile(what string, p Profile) {
	c.permissions(what, p.Permissions)
	for key := range crm.Sorted(p.Layouts) {
		c.field(what, key)
	}
	for _, h := range p.LoginHours {
		if h.Day < time.Sunday || h.Day > time.Saturday || h.Start < 0 || h.End > 24*60 || h.Start > h.End {
			c.Fail(what, h.Day.String(), crm.ErrMalformed, "login hours are minutes of a day, from 0 to 1440")
		}
	}
}

func (c *checker) permissions(what string, p Permissions) {
	for object := range crm.Sorted(p.Objects) {
		known(c, what, "object", object, c.Objects)
	}
	for key, a := range crm.Sorted(p.Fields) {
		c.field(what, key)
		if a > AccessEdit {
			c.Fail(what, key, crm.ErrMalformed, "a field has the access none, read or edit")
		}
	}
}

func (c *checker) field(what, key string) {
	object, field := splitField(key)
	known(c, what, "object", object, c.Objects)
	known(c, what, "field of "+object, field, c.Objects[object].Fields)
	if f := c.Objects[object].Fields[field]; f.Required || f.System {
		c.Fail(what, key, crm.ErrRefused, "a required field has no field-level security")
	}
}

func (c *checker) setGroup(what string, g PermissionSetGroup) {
	for _, s := range g.Sets {
		known(c, what, "permission set", s, c.PermissionSets)
	}
	if len(g.Sets) > 100 {
		c.Fail(what, g.Sets[100], crm.ErrRefused, "a group has at most 100 sets")
	}
	if g.Muting != "" {
		known(c, what, "muting permission set", g.Muting, c.MutingPermissionSets)
	}
}

// checkTree checks that the parents of places are there, and that none is above itself.
func checkTree[T any](c *checker, kind string, places map[string]T, parent func(T) string) {
	for name, place := range crm.Sorted(places) {
		depth := 0
		for at := parent(place); at != ""; at = parent(places[at]) {
			known(c, kind+" "+name, kind, at, places)
			if depth++; depth > maxPlaces || at == name {
				c.Fail(kind+" "+name, at, crm.ErrMalformed, fmt.Sprintf("is above itself, or more than %d above another", maxPlaces))
				return
			}
		}
	}
}

// maxPlaces is how high a tree may be: with a user, and a group of those above, it stays within model.MaxDepth.
const maxPlaces = model.MaxDepth - 4

func (c *checker) groups() {
	check := func(what string, g Group) {
		for _, member := range g.grantees() {
			c.grantee(what, member)
		}
	}
	for name, g := range crm.Sorted(c.Groups) {
		check("group "+name, g)
	}
	for name, g := range crm.Sorted(c.Queues) {
		check("queue "+name, g)
	}
	for name := range crm.Sorted(c.Groups) {
		if c.nests(name, nil) {
			c.Fail("group "+name, name, crm.ErrMalformed, "contains itself, or groups too deep")
		}
	}
}

// nests tells whether a group contains itself or nests too deep.
func (c *checker) nests(name string, above []string) bool {
	return slices.Contains(above, name) || len(above) > maxPlaces || slices.ContainsFunc(c.Groups[name].Groups, func(g string) bool {
		return c.nests(g, append(above, name))
	})
}

func (c *checker) user(what string, u User) {
	known(c, what, "profile", u.Profile, c.Profiles)
	if u.Role != "" {
		known(c, what, "role", u.Role, c.Roles)
	}
	for _, a := range u.Sets {
		known(c, what, "permission set", a.Name, c.PermissionSets)
		c.expiry(what, a, []string{a.Name})
	}
	for _, a := range u.SetGroups {
		known(c, what, "permission set group", a.Name, c.PermissionSetGroups)
		c.expiry(what, a, c.PermissionSetGroups[a.Name].Sets)
	}
}

// expiry refuses an end of what lets one manage users and permissions.
func (c *checker) expiry(what string, a Assignment, sets []string) {
	if a.Until.IsZero() {
		return
	}
	for _, s := range sets {
		for _, p := range c.PermissionSets[s].User {
			if slices.Contains(noExpiry, p) {
				c.Fail(what+" assignment of "+a.Name, p, crm.ErrRefused, "a set with this permission is not assigned until an instant")
			}
		}
	}
}

func (c *checker) share(what string, s Share) {
	object, id, _ := strings.Cut(s.Record, "/")
	known(c, what, "object", object, c.Objects)
	if err := model.CheckID(id); err != nil {
		c.Fail(what, s.Record, crm.ErrMalformed, "Object/Id: "+err.Error())
	}
	c.grantee(what, s.To)
	if s.Access != AccessRead && s.Access != AccessEdit {
		c.Fail(what, s.Access.String(), crm.ErrRefused, "a share is to read or to edit; only owners and those above have all")
	}
	if c.Objects[object].Sharing.controlled() {
		c.Fail(what, object, crm.ErrRefused, "an object that its parent controls has no shares")
	}
	if s.Owner != "" {
		known(c, what, "user", s.Owner, c.Users)
	}
	if s.Account != "" {
		known(c, what, "object", account, c.Objects)
		if s.Owner != "" {
			c.Fail(what, s.Account, crm.ErrMalformed, "the account of a share that ends with its owner is shared by the account's attribute child_access")
		}
	}
	if object != account && s.Case|s.Contact|s.Opportunity != None {
		c.Fail(what, s.Record, crm.ErrMalformed, "only the share of an account gives its cases, contacts and opportunities")
	}
}

func (c *checker) sharingSet(what string, s SharingSet) {
	for _, m := range s.Mappings {
		known(c, what, "object", m.Object, c.Objects)
		if m.Access != AccessRead && m.Access != AccessEdit {
			c.Fail(what, m.Access.String(), crm.ErrRefused, "a sharing set gives read or edit")
		}
	}
}

// grantee checks that a grantee is one, and there.
func (c *checker) grantee(what string, g Grantee) {
	set := 0
	role := func(kind, name string) {
		if name != "" {
			set++
			known(c, what, kind, name, c.Roles)
		}
	}
	role("role", g.Role)
	role("role", g.RoleAndSubordinates)
	role("role", g.RoleAndSubordinatesInternal)
	for _, t := range []string{g.Territory, g.TerritoryAndSubordinates} {
		if t != "" {
			set++
			known(c, what, "territory", t, c.Territories)
		}
	}
	if g.User != "" {
		set++
		known(c, what, "user", g.User, c.Users)
	}
	if g.Group != "" {
		set++
		known(c, what, "group", g.Group, c.Groups)
	}
	if g.Queue != "" {
		set++
		known(c, what, "queue", g.Queue, c.Queues)
	}
	for _, all := range []bool{g.AllInternalUsers, g.AllExternalUsers} {
		if all {
			set++
		}
	}
	if set != 1 {
		c.Fail(what, "", crm.ErrMalformed, "is shared with, or from, exactly one user, group, queue, role or territory")
	}
}
