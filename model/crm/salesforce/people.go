package salesforce

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Subjects of the facts.
func userID(name string) string      { return "user:" + model.EscapeID(name) }
func profileID(name string) string   { return "role:profile:" + model.EscapeID(name) }
func setID(name string) string       { return "role:set:" + model.EscapeID(name) }
func sessionID(name string) string   { return "role:session:" + model.EscapeID(name) } // who has a session-based set itself
func setGroupID(name string) string  { return "role:setgroup:" + model.EscapeID(name) }
func groupID(name string) string     { return "role:group:" + model.EscapeID(name) }
func bossesID(group string) string   { return "role:bosses:" + model.EscapeID(group) } // the superiors of its members
func queueID(name string) string     { return "team:" + model.EscapeID(name) }
func placeID(role string) string     { return "unit:" + model.EscapeID(role) }
func canID(permission string) string { return "role:can:" + model.EscapeID(permission) }

const (
	internal = "role:internal"
	external = "role:external"
)

// tree names the groups of a hierarchy of roles or territories: who is in a place,
// in it or above it, in it or below it, and below it without the places of a portal.
type tree string

const (
	roles       tree = "role:"
	territories tree = "role:territory-"
)

func (t tree) in(name string) string    { return string(t) + "in:" + model.EscapeID(name) }
func (t tree) over(name string) string  { return string(t) + "over:" + model.EscapeID(name) }
func (t tree) under(name string) string { return string(t) + "under:" + model.EscapeID(name) }
func (t tree) inside(name string) string {
	return string(t) + "underinternal:" + model.EscapeID(name)
}

// people makes the memberships of users in their places, and of places in each other.
func (c *compiler) people() {
	for name, role := range crm.Sorted(c.Roles) {
		c.place(roles, name, role.Parent)
		if !role.Portal {
			c.member(roles.in(name), roles.inside(name), model.Period{})
			if role.Parent != "" {
				c.member(roles.inside(name), roles.inside(role.Parent), model.Period{})
			}
		}
		if role.Parent != "" {
			c.add(model.OrgEdge{Tenant: c.tenant, Below: placeID(name), Above: placeID(role.Parent)})
		}
	}
	for name, territory := range crm.Sorted(c.Territories) {
		c.place(territories, name, territory.Parent)
		for _, u := range territory.Users {
			c.member(userID(u), territories.in(name), model.Period{})
		}
	}
	for name, group := range crm.Sorted(c.Groups) {
		c.group(name, group)
	}
	for name, queue := range crm.Sorted(c.Queues) {
		for _, u := range c.usersOf(queue) {
			c.member(userID(u), queueID(name), model.Period{})
		}
	}
	for name, user := range crm.Sorted(c.Users) {
		c.user(name, user)
	}
}

func (c *compiler) place(t tree, name, parent string) {
	c.member(t.in(name), t.over(name), model.Period{})
	c.member(t.in(name), t.under(name), model.Period{})
	if parent != "" {
		c.member(t.over(parent), t.over(name), model.Period{})
		c.member(t.under(name), t.under(parent), model.Period{})
	}
}

func (c *compiler) user(name string, user User) {
	id := userID(name)
	c.member(id, profileID(user.Profile), model.Period{})
	if user.Role != "" {
		c.member(id, placeID(user.Role), model.Period{})
		c.member(id, roles.in(user.Role), model.Period{})
	}
	if user.External {
		c.member(id, external, model.Period{})
	} else {
		c.member(id, internal, model.Period{})
	}
	for _, a := range user.Sets {
		group := setID(a.Name)
		if c.PermissionSets[a.Name].SessionBased {
			group = sessionID(a.Name)
		}
		c.member(id, group, model.Period{Until: a.Until})
	}
	for _, a := range user.SetGroups {
		c.member(id, setGroupID(a.Name), model.Period{Until: a.Until})
	}
	if user.State != Active {
		c.add(model.Switch{Tenant: c.tenant, Target: id, Mode: model.ModeOff})
	}
}

// group makes a public group of its members, and another of their superiors.
func (c *compiler) group(name string, group Group) {
	for _, g := range group.grantees() {
		for _, s := range c.subjects(g) {
			c.member(s, groupID(name), model.Period{})
		}
		above := c.superiors(g)
		if g.Group != "" { // whether it shares with its bosses says the group that something is shared with
			above = []string{bossesID(g.Group)}
		}
		for _, s := range above {
			c.member(s, bossesID(name), model.Period{})
		}
	}
}

// grantees are the members of a group.
func (g Group) grantees() (all []Grantee) {
	for _, u := range g.Users {
		all = append(all, Grantee{User: u})
	}
	for _, r := range g.Roles {
		all = append(all, Grantee{Role: r})
	}
	for _, r := range g.RolesAndSubordinates {
		all = append(all, Grantee{RoleAndSubordinates: r})
	}
	for _, other := range g.Groups {
		all = append(all, Grantee{Group: other})
	}
	return all
}

// subjects are the subject of facts that a grantee is.
func (c *compiler) subjects(g Grantee) []string {
	switch {
	case g.User != "":
		return []string{userID(g.User)}
	case g.Group != "":
		return []string{groupID(g.Group)}
	case g.Queue != "":
		return []string{queueID(g.Queue)}
	case g.Role != "":
		return []string{roles.in(g.Role)}
	case g.RoleAndSubordinates != "":
		return []string{roles.under(g.RoleAndSubordinates)}
	case g.RoleAndSubordinatesInternal != "":
		return []string{roles.inside(g.RoleAndSubordinatesInternal)}
	case g.Territory != "":
		return []string{territories.in(g.Territory)}
	case g.TerritoryAndSubordinates != "":
		return []string{territories.under(g.TerritoryAndSubordinates)}
	case g.AllInternalUsers:
		return []string{internal}
	case g.AllExternalUsers:
		return []string{external}
	}
	return nil
}

// superiors are the subjects of those above a grantee in the role hierarchy.
func (c *compiler) superiors(g Grantee) (above []string) {
	role := g.Role + g.RoleAndSubordinates + g.RoleAndSubordinatesInternal // at most one is set
	switch {
	case g.Group != "":
		if c.Groups[g.Group].NoBosses {
			return nil
		}
		return []string{bossesID(g.Group)}
	case g.Queue != "" || g.Territory != "" || g.TerritoryAndSubordinates != "":
		for _, u := range c.usersIn(g) {
			above = append(above, c.superiors(Grantee{User: u})...)
		}
		slices.Sort(above)
		return slices.Compact(above)
	case g.User != "":
		role = c.Users[g.User].Role
	}
	if parent := c.Roles[role].Parent; parent != "" {
		return []string{roles.over(parent)}
	}
	return nil
}

// usersOf are the names of all members of a group, in order.
func (c *compiler) usersOf(group Group) (users []string) {
	for _, g := range group.grantees() {
		users = append(users, c.usersIn(g)...)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

func (c *compiler) usersIn(g Grantee) (users []string) {
	switch {
	case g.User != "":
		return []string{g.User}
	case g.Group != "":
		return c.usersOf(c.Groups[g.Group])
	case g.Queue != "":
		return c.usersOf(c.Queues[g.Queue])
	case g.Territory != "":
		return slices.Sorted(slices.Values(c.Territories[g.Territory].Users))
	case g.TerritoryAndSubordinates != "":
		for name, t := range crm.Sorted(c.Territories) {
			for at := name; at != ""; at = c.Territories[at].Parent {
				if at == g.TerritoryAndSubordinates {
					users = append(users, t.Users...)
				}
			}
		}
		slices.Sort(users)
		return slices.Compact(users)
	}
	for name, u := range crm.Sorted(c.Users) {
		if g.hasUser(c, u) {
			users = append(users, name)
		}
	}
	return users
}

// hasUser tells whether a user is among a grantee that goes by what users are.
func (g Grantee) hasUser(c *compiler, u User) bool {
	switch {
	case g.AllInternalUsers:
		return !u.External
	case g.AllExternalUsers:
		return u.External
	case g.Role != "":
		return u.Role == g.Role
	case g.RoleAndSubordinates != "":
		return c.isUnder(u.Role, g.RoleAndSubordinates, false)
	}
	return g.RoleAndSubordinatesInternal != "" && c.isUnder(u.Role, g.RoleAndSubordinatesInternal, true)
}

// isUnder tells whether a role is another, or below it (by roles that are not a portal's).
func (c *compiler) isUnder(role, top string, onlyInternal bool) bool {
	for role != "" && !(onlyInternal && c.Roles[role].Portal) {
		if role == top {
			return true
		}
		role = c.Roles[role].Parent
	}
	return false
}
