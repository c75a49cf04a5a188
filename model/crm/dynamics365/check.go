package dynamics365

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// check tells whether what the organisation speaks of is there, and whether Dataverse
// would let it be so.
func (o *Organisation) check() error {
	c := &checker{Organisation: o}
	c.trees()
	for name, t := range crm.Sorted(o.Tables) {
		c.table(name, t)
	}
	for name, r := range crm.Sorted(o.Roles) {
		crm.Known(&c.Checker, "security role "+name, o.Tables, crm.Keys(r.Privileges)...)
	}
	for name, t := range crm.Sorted(o.Teams) {
		c.team(name, t)
	}
	for name, u := range crm.Sorted(o.Users) {
		what := "user " + name
		crm.Known(&c.Checker, what+": business unit", o.BusinessUnits, u.Unit)
		c.roles(what, u.Roles, u.Unit)
		if u.Position != "" {
			crm.Known(&c.Checker, what+": position", o.Positions, u.Position)
		}
	}
	for name, p := range crm.Sorted(o.ColumnProfiles) {
		what := "column security profile " + name
		crm.Known(&c.Checker, what, o.Users, p.Users...)
		crm.Known(&c.Checker, what, o.Teams, p.Teams...)
		for key := range crm.Sorted(p.Columns) {
			table, column := splitColumn(key)
			c.column(what, table, column)
		}
	}
	for _, s := range o.Shares {
		what := "share of " + s.Record
		c.record(what, s.Record)
		c.grantee(what, s.To)
		if slices.Contains(s.Rights, Create) || len(s.Rights) == 0 {
			c.Fail(what, "rights", crm.ErrRefused, "one or more, of a record that there is")
		}
	}
	for _, s := range o.ColumnShares {
		what := "column share of " + s.Record
		c.record(what, s.Record)
		c.grantee(what, s.To)
		table, _, _ := strings.Cut(s.Record, "/")
		c.column(what, table, s.Column)
	}
	if h := o.Hierarchy; h.Depth < 0 || h.Edit < 0 || h.Depth > model.MaxDepth || h.Edit > model.MaxDepth {
		c.Fail("hierarchy", fmt.Sprint(h.Depth, h.Edit), crm.ErrMalformed, fmt.Sprintf("depths of 0 to %d", model.MaxDepth))
	}
	return c.Err
}

// checker keeps the first error.
type checker struct {
	*Organisation
	crm.Checker
}

// trees checks that units, positions and managers are there, and that none is above itself.
func (c *checker) trees() {
	root := ""
	for name, u := range crm.Sorted(c.BusinessUnits) {
		if u.Parent != "" {
			continue
		}
		if root != "" {
			c.Fail("business unit "+name, root, crm.ErrRefused, "there is one root")
		}
		root = name
	}
	tree(c, "business unit", c.BusinessUnits, func(u BusinessUnit) string { return u.Parent })
	tree(c, "position", c.Positions, func(p Position) string { return p.Parent })
	tree(c, "user", c.Users, func(u User) string { return u.Manager })
}

func tree[T any](c *checker, kind string, places map[string]T, parent func(T) string) {
	for name, place := range crm.Sorted(places) {
		depth := 0
		for at := parent(place); at != ""; at = parent(places[at]) {
			crm.Known(&c.Checker, kind+" "+name, places, at)
			if depth++; depth > model.MaxDepth-4 || at == name {
				c.Fail(kind+" "+name, at, crm.ErrMalformed, "is above itself, or too far above another")
				return
			}
		}
	}
}

func (c *checker) table(name string, t Table) {
	what := "table " + name
	if name == System {
		c.Fail(what, name, crm.ErrMalformed, "is the type of privileges without a table here")
	}
	for _, other := range []string{t.Parent, t.PrivilegesOf} {
		if other != "" {
			crm.Known(&c.Checker, what, c.Tables, other)
		}
	}
	if t.CascadeShare && t.Parent == "" {
		c.Fail(what, "cascade_share", crm.ErrMalformed, "needs the table of the parent")
	}
}

func (c *checker) column(what, table, column string) {
	crm.Known(&c.Checker, what, c.Tables, table)
	crm.Known(&c.Checker, what+": column of "+table, c.Tables[table].Columns, column)
	if x := c.Tables[table].Columns[column]; !x.Secured {
		c.Fail(what, table+"."+column, crm.ErrRefused, "the column is not secured")
	}
}

func (c *checker) roles(what string, all []Assignment, home string) {
	for _, a := range all {
		crm.Known(&c.Checker, what+": security role", c.Roles, a.Role)
		if a.Unit != "" {
			crm.Known(&c.Checker, what+": business unit", c.BusinessUnits, a.Unit)
		}
		if a.Unit != "" && a.Unit != home && !c.RecordOwnershipAcrossBusinessUnits {
			c.Fail(what, a.Role+" of "+a.Unit, crm.ErrRefused, "roles of other units need record ownership across business units")
		}
	}
}

func (c *checker) team(name string, t Team) {
	what := "team " + name
	crm.Known(&c.Checker, what+": member", c.Users, t.Members...)
	c.roles(what, t.Roles, t.Unit)
	if t.Kind != AccessTeam {
		crm.Known(&c.Checker, what+": business unit", c.BusinessUnits, t.Unit)
		if t.Record != "" || len(t.Rights) > 0 {
			c.Fail(what, t.Record, crm.ErrMalformed, "only an access team is for a record")
		}
		return
	}
	if len(t.Roles) > 0 {
		c.Fail(what, t.Roles[0].Role, crm.ErrRefused, "an access team has no security roles")
	}
	if t.Record == "" {
		return
	}
	c.record(what, t.Record)
	table, _, _ := strings.Cut(t.Record, "/")
	for _, u := range t.Members {
		for _, r := range t.Rights {
			if !c.has(u, table, r) {
				c.Fail(what+": member "+u, r.String(), crm.ErrRefused, "she has not this privilege on "+table+" herself, so she cannot join")
			}
		}
	}
}

// has tells whether a user's own roles, or those of her teams, have a privilege on a table at some depth.
func (c *checker) has(user, table string, r Right) bool {
	of := or(c.Tables[table].PrivilegesOf, table)
	gives := func(a Assignment) bool {
		role := c.Roles[a.Role]
		return role.Administrator || role.Privileges[of][r] > NoDepth
	}
	return slices.ContainsFunc(c.Users[user].Roles, gives) || slices.ContainsFunc(crm.Keys(c.Teams), func(name string) bool {
		t := c.Teams[name]
		return slices.Contains(t.Members, user) && slices.ContainsFunc(t.Roles, gives)
	})
}

func (c *checker) record(what, record string) {
	table, id, _ := strings.Cut(record, "/")
	crm.Known(&c.Checker, what, c.Tables, table)
	if err := model.CheckID(id); err != nil {
		c.Fail(what, record, crm.ErrMalformed, "table/id: "+err.Error())
	}
	if c.Tables[table].Ownership == OrganizationOwned {
		c.Fail(what, table, crm.ErrRefused, "the records of a table that the organization owns are not shared")
	}
}

func (c *checker) grantee(what string, g Grantee) {
	set := 0
	if g.User != "" {
		set++
		crm.Known(&c.Checker, what, c.Users, g.User)
	}
	if g.Team != "" {
		set++
		crm.Known(&c.Checker, what, c.Teams, g.Team)
	}
	if g.Organization {
		set++
	}
	if set != 1 {
		c.Fail(what, "", crm.ErrMalformed, "is shared with exactly one user or team, or the organization")
	}
}
