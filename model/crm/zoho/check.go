package zoho

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// maxTree is how many roles, or territories, may stand above each other, so that
// what they are compiled to is not deeper than model.MaxDepth.
const maxTree = model.MaxDepth - 4

// The words of a description that stand for a level.
var (
	accessLevels = map[string]model.Level{
		"read_only": model.LevelRead, "read_write": model.LevelWrite, "read_write_delete": model.LevelDelete, "full_access": model.LevelFull,
	}
	defaultLevels = map[string]model.Level{
		"": model.LevelNone, "private": model.LevelNone, "public_read_only": model.LevelRead,
		"public_read_write": model.LevelWrite, "public": model.LevelDelete,
	}
	fieldLevels = map[string]model.FieldLevel{"hidden": model.FieldHidden, "read_only": model.FieldRead, "read_write": model.FieldWrite}
)

// checker keeps the first error.
type checker struct {
	*Organisation
	crm.Checker
	dialect crm.Dialect // resolved
}

func (o *Organisation) check() error {
	dialect, err := o.Dialect.Resolve(dialects)
	c := checker{Organisation: o, dialect: dialect, Checker: crm.Checker{Err: err}}
	c.hierarchy()
	c.modules()
	c.profiles()
	tree(&c, "role", o.Roles, func(r Role) string { return r.ReportsTo })
	tree(&c, "territory", o.Territories, func(t Territory) string { return t.ReportsTo })
	tree(&c, "user", o.Users, func(u User) string { return u.ReportsTo })
	c.oneRoot()
	c.users()
	c.groups()
	c.sharing()
	c.territories()
	return c.Err
}

func (c *checker) hierarchy() {
	c.Word("hierarchy", c.Hierarchy, "role", "reporting", "off")
	if c.Hierarchy == "off" && c.dialect.HierarchyOff == "none" {
		c.Fail("hierarchy", "off", crm.ErrRefused, "the dialect has hierarchy_off: none")
	}
}

func (c *checker) modules() {
	if len(c.Modules) == 0 {
		c.Fail("modules", "", crm.ErrMalformed, "there is none")
	}
	for name, m := range crm.Sorted(c.Modules) {
		in := "module " + name
		if name == "" || crm.Name(name) == setupType || strings.HasSuffix(name, ".related") {
			c.Fail("modules", name, crm.ErrMalformed, "no name of a module")
		}
		c.Word(in+" default", m.Default, "private", "public_read_only", "public_read_write", "public")
		if m.RelatedTo != "" {
			crm.Known(&c.Checker, in+" related_to", c.Modules, m.RelatedTo)
		}
		for field, f := range crm.Sorted(m.Fields) {
			if _, ok := attrTypes[f.Type]; !ok && f.Type != "" {
				c.Fail(in+" field "+field, f.Type, crm.ErrMalformed, "no data type of Zoho CRM")
			}
			for profile, permission := range crm.Sorted(f.Profiles) {
				crm.Known(&c.Checker, in+" field "+field+" profiles", c.Profiles, profile)
				c.Must(in+" field "+field+" profile "+profile, permission, "read_write", "read_only", "hidden")
			}
		}
		if m.Lock != nil {
			c.lock(in+" lock", m)
		}
	}
}

func (c *checker) lock(in string, m Module) {
	l := m.Lock
	c.Must(in+" type", l.Type, "manual", "automatic", "both")
	if (l.Type == "manual") != (len(l.Rules) == 0) {
		c.Fail(in+" rules", "", crm.ErrMalformed, "an automatic lock has rules, a manual one has none")
	}
	if len(l.Actions) == 0 {
		c.Fail(in+" actions", "", crm.ErrMalformed, "a lock refuses something")
	}
	for _, a := range l.Actions {
		if _, ok := verbs[a]; !ok || a == "view" {
			c.Fail(in+" actions", a, crm.ErrMalformed, "an action of the package's table, and not view")
		}
	}
	crm.Known(&c.Checker, in+" excluded_profiles", c.Profiles, l.ExcludedProfiles...)
	crm.Known(&c.Checker, in+" excluded_fields", m.Fields, l.ExcludedFields...)
	for i := range l.Rules {
		c.criteria(in, m, &l.Rules[i])
	}
}

func (c *checker) profiles() {
	for name, p := range crm.Sorted(c.Profiles) {
		for module, permissions := range crm.Sorted(p.Modules) {
			crm.Known(&c.Checker, "profile "+name+" modules", c.Modules, module)
			for _, a := range permissions {
				if a == "" {
					c.Fail("profile "+name+" module "+module, a, crm.ErrMalformed, "is empty")
				}
			}
		}
		if slices.Contains(p.Permissions, "") {
			c.Fail("profile "+name+" permissions", "", crm.ErrMalformed, "is empty")
		}
	}
}

// tree checks that what others report to is described, and that there are no circles.
func tree[T any](c *checker, what string, all map[string]T, above func(T) string) {
	for name := range crm.Sorted(all) {
		depth := 0
		for at := name; at != ""; depth++ {
			x, ok := all[at]
			if !ok {
				c.Fail(what+" "+name+" reports_to", at, crm.ErrNotFound, "")
				return
			}
			if depth == maxTree {
				c.Fail(what+" "+name+" reports_to", above(x), model.ErrTooDeep, "a circle, or more than can stand above each other")
				return
			}
			at = above(x)
		}
	}
}

func (c *checker) oneRoot() {
	top := ""
	for name, r := range crm.Sorted(c.Roles) {
		if r.ReportsTo == "" && top != "" {
			c.Fail("role "+name, "", crm.ErrMalformed, "reports to nobody, as does "+top+"; who is at the top sees everything")
		} else if r.ReportsTo == "" {
			top = name
		}
	}
}

func (c *checker) users() {
	for name, u := range crm.Sorted(c.Users) {
		crm.Known(&c.Checker, "user "+name+" profile", c.Profiles, u.Profile)
		crm.Known(&c.Checker, "user "+name+" role", c.Roles, u.Role)
		c.Word("user "+name+" status", u.Status, "active", "inactive", "deleted", "unconfirmed")
		if boss, ok := c.Users[u.ReportsTo]; ok && c.Hierarchy == "reporting" && !c.above(boss.Role, u.Role) {
			c.Fail("user "+name+" reports_to", u.ReportsTo, crm.ErrRefused, "she is in no higher role")
		}
	}
}

// above tells whether a role is above another one.
func (o *Organisation) above(high, low string) bool {
	for at := o.Roles[low].ReportsTo; at != ""; at = o.Roles[at].ReportsTo {
		if at == high {
			return true
		}
	}
	return false
}

func (c *checker) people(what string, p People) {
	crm.Known(&c.Checker, what+" users", c.Users, p.Users...)
	crm.Known(&c.Checker, what+" roles", c.Roles, p.Roles...)
	crm.Known(&c.Checker, what+" roles_and_subordinates", c.Roles, p.RolesAndSubordinates...)
	crm.Known(&c.Checker, what+" groups", c.Groups, p.Groups...)
}

func (c *checker) groups() {
	for name, g := range crm.Sorted(c.Groups) {
		c.people("group "+name, g)
		if g.Everyone {
			c.Fail("group "+name, "everyone", crm.ErrMalformed, "is no source of a group")
		}
	}
	heights, groupsIn := description.Heights{}, func(g string) []string { return c.Groups[g].Groups }
	for name := range crm.Sorted(c.Groups) {
		if heights.Of(name, groupsIn) > maxTree {
			c.Fail("group "+name, "", model.ErrTooDeep, "a circle, or more than can be in each other")
		}
	}
}

func (c *checker) sharing() {
	for i := range c.Rules {
		r := &c.Rules[i]
		in := "sharing rule " + r.Name
		crm.Known(&c.Checker, in+" module", c.Modules, r.Module)
		c.Must(in+" access", r.Access, "read_only", "read_write", "read_write_delete")
		c.Word(in+" status", r.Status, "active", "inactive")
		c.people(in+" to", r.To)
		if (r.From == nil) == (r.Criteria == nil) {
			c.Fail(in, "", crm.ErrMalformed, "either from or criteria")
		}
		if r.From != nil {
			c.people(in+" from", *r.From)
		}
		if r.Criteria != nil {
			c.criteria(in, c.Modules[r.Module], r.Criteria)
		}
	}
	for _, s := range c.Shares {
		in := "share of " + s.Module + " " + s.Record
		crm.Known(&c.Checker, in, c.Modules, s.Module)
		c.Must(in+" access", s.Access, "read_only", "read_write", "full_access")
		c.people(in+" with", s.With)
		if s.Owner != "" {
			crm.Known(&c.Checker, in+" owner", c.Users, s.Owner)
		} else if c.dialect.SharesAtOwnerChange == "dropped" {
			c.Fail(in+" owner", "", crm.ErrMalformed, "the dialect drops shares when the owner changes, so they say who she is")
		}
	}
	for name, t := range crm.Sorted(c.Teamspaces) {
		crm.Known(&c.Checker, "teamspace "+name+" modules", c.Modules, t.Modules...)
		c.people("teamspace "+name, t.People)
	}
	for _, a := range c.AllowedIPs {
		c.people("allowed_ips for", a.For)
		if len(a.Addresses) == 0 {
			c.Fail("allowed_ips addresses", "", crm.ErrMalformed, "there is none")
		}
		for _, s := range a.Addresses {
			if _, _, err := crm.ParseAddresses(s); err != nil {
				c.Fail("allowed_ips addresses", s, crm.ErrMalformed, err.Error())
			}
		}
	}
}

func (c *checker) territories() {
	for name, t := range crm.Sorted(c.Territories) {
		in := "territory " + name
		c.Must(in+" access", t.Access, "read_only", "read_write_delete")
		crm.Known(&c.Checker, in+" users", c.Users, t.Users...)
		if t.Manager != "" {
			crm.Known(&c.Checker, in+" manager", c.Users, t.Manager)
		}
		for module, criteria := range crm.Sorted(t.Criteria) {
			crm.Known(&c.Checker, in+" criteria", c.Modules, module)
			if !c.Modules[module].Territories {
				c.Fail(in+" criteria", module, crm.ErrMalformed, "its records are in no territories")
			}
			c.criteria(in+" criteria", c.Modules[module], &criteria)
		}
	}
}

func (c *checker) criteria(in string, m Module, x *Criteria) {
	if _, err := m.expression(x, 0); err != nil && c.Err == nil {
		err.What = in + " " + err.What
		c.Err = err
	}
}
