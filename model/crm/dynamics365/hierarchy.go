package dynamics365

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// managerRights are what managers get of their reports' records, if they have the privileges themselves: to read
// as deep as the hierarchy goes, the others as deep as it lets them edit.
func (c *compiler) managerRights() []Right {
	switch c.dialect.Managers {
	case "none":
		return nil
	case "read":
		return []Right{Read}
	case "same":
		return []Right{Read, Write, Append, AppendTo, Delete, Assign, ShareRight}
	}
	return []Right{Read, Write, Append, AppendTo}
}

// hierarchy makes the rules of managers.
func (c *compiler) hierarchy() {
	if c.Hierarchy.Model == NoHierarchy {
		return
	}
	for name := range crm.Sorted(c.Users) {
		below := c.reports(name)
		for _, r := range c.managerRights() {
			if reports := within(below, c.depthOf(r)); len(reports) > 0 {
				c.manage(name, r, reports)
			}
		}
	}
}

// depthOf is how many levels down managers have a right.
func (c *compiler) depthOf(r Right) int {
	if r == Read {
		return max(c.Hierarchy.Depth, c.Hierarchy.Edit, 1)
	}
	return max(c.Hierarchy.Edit, 1)
}

func within(below map[string]int, depth int) (names []string) {
	for name, d := range crm.Sorted(below) {
		if d <= depth {
			names = append(names, name)
		}
	}
	return names
}

// reports is the users below a manager, with how many levels, but for those whose records she does not reach.
func (c *compiler) reports(manager string) map[string]int {
	below := map[string]int{}
	for name, u := range c.Users {
		d := c.distance(manager, name)
		switch {
		case d == 0 || c.Hierarchy.NoDisabled && u.Disabled:
		case c.Hierarchy.Model == ManagerHierarchy && !c.Hierarchy.AnyUnit && !c.isUnder(u.Unit, c.Users[manager].Unit):
		default:
			below[name] = d
		}
	}
	return below
}

// distance is how many levels a user is below a manager; 0 if she is not.
func (c *compiler) distance(manager, user string) int {
	if c.Hierarchy.Model == PositionHierarchy {
		return above(c.Users[user].Position, c.Users[manager].Position, func(p string) string { return c.Positions[p].Parent })
	}
	return above(user, manager, func(u string) string { return c.Users[u].Manager })
}

// above is how many steps up lead from one to another; 0 for none.
func above(from, to string, up func(string) string) int {
	if from == "" || to == "" {
		return 0
	}
	for at, d := up(from), 1; at != ""; at, d = up(at), d+1 {
		if at == to {
			return d
		}
	}
	return 0
}

func (c *compiler) isUnder(unit, top string) bool {
	return unit == top || above(unit, top, func(u string) string { return c.BusinessUnits[u].Parent }) > 0
}

// manage gives a manager a right on what her reports, and their teams, own or have been given that right on.
func (c *compiler) manage(manager string, r Right, reports []string) {
	when := []crm.Condition{holds(r), holds(Read)}
	if off := c.withoutHierarchy(); len(off) > 0 {
		when = append(when, crm.Condition{Name: "in_hierarchy", Expr: "!(record.type in [" + strings.Join(off, ", ") + "])"})
	}
	subject := userID(manager)
	owners := make([]string, 0, len(reports))
	for _, u := range reports {
		owners = append(owners, userID(u))
	}
	teams := c.teamsOf(reports)
	for _, t := range teams {
		owners = append(owners, teamID(t))
	}
	for i, chunk := range chunks(owners) {
		name := "reports." + crm.Name(manager) + "." + r.String() + strings.Repeat("+", i)
		expr := "record.owners.exists(o, o in [" + strings.Join(chunk, ", ") + "])"
		c.rule(subject, model.OnType(model.Any), r.String(), model.ScopeAll, append(slices.Clone(when), crm.Condition{Name: crm.Name(name), Expr: expr})...)
	}
	if c.dialect.ManagersOfGrantees == "no" {
		return
	}
	for _, s := range c.allShares() {
		shared := slices.Contains(reports, s.To.User) || slices.Contains(teams, s.To.Team)
		lost := c.Users[s.To.User].Disabled && c.dialect.DeactivationDropsShares == "yes"
		if shared && !lost && slices.Contains(s.Rights, r) {
			c.share(subject, s, r, when...)
		}
	}
}

// withoutHierarchy is the tables for which hierarchy security does not count, quoted.
func (c *compiler) withoutHierarchy() (tables []string) {
	for name, t := range crm.Sorted(c.Tables) {
		if t.NoHierarchy {
			tables = append(tables, crm.Quote(crm.Name(name)))
		}
	}
	return tables
}

func (c *compiler) teamsOf(users []string) (teams []string) {
	for name, t := range crm.Sorted(c.Teams) {
		if slices.ContainsFunc(t.Members, func(u string) bool { return slices.Contains(users, u) }) {
			teams = append(teams, name)
		}
	}
	return teams
}

// chunks are the quoted names in as many lists as a condition's length takes.
func chunks(names []string) (all [][]string) {
	const room = crm.MaxExpression / 2
	var chunk []string
	size := 0
	for _, n := range names {
		quoted := crm.Quote(n)
		if size += len(quoted) + 2; size > room && len(chunk) > 0 {
			all, chunk, size = append(all, chunk), nil, len(quoted)+2
		}
		chunk = append(chunk, quoted)
	}
	if len(chunk) > 0 {
		all = append(all, chunk)
	}
	return all
}
