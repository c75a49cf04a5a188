package crm_test

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
)

var dvRights = []dynamics365.Right{
	dynamics365.Create, dynamics365.Read, dynamics365.Write, dynamics365.Delete, dynamics365.Append, dynamics365.AppendTo, dynamics365.Assign, dynamics365.ShareRight,
}

// randomDynamics makes up an environment of Dynamics 365.
func randomDynamics(d dice) (*crm.Policy, oracle, error) {
	m := dynamicsMaker{dice: d, o: &dynamics365.Organisation{
		Dialect: crm.Dialect{
			Managers: pick(d, "", "", "read", "none", "same"), ManagersOfGrantees: pick(d, "", "", "no"), SharesWithoutPermission: pick(d, "", "", "sufficient"),
			SharesAtOwnerChange: pick(d, "", "dropped"), DeactivationDropsShares: pick(d, "", "yes"), Fields: pick(d, "", "open", "closed"),
		},
		RecordOwnershipAcrossBusinessUnits: true,
		Hierarchy: dynamics365.Hierarchy{
			Model: pick(d, dynamics365.NoHierarchy, dynamics365.ManagerHierarchy, dynamics365.ManagerHierarchy, dynamics365.PositionHierarchy),
			Depth: d.IntN(4), Edit: d.IntN(3), AnyUnit: d.chance(50), NoDisabled: d.chance(50),
		},
		BusinessUnits: map[string]dynamics365.BusinessUnit{"root": {}, "east": {Parent: "root"}, "west": {Parent: "root"}, "deep": {Parent: "east"}},
		Positions:     map[string]dynamics365.Position{"p1": {}, "p2": {Parent: "p1"}, "p3": {Parent: "p2"}},
		Tables:        map[string]dynamics365.Table{}, Roles: map[string]dynamics365.Role{}, Teams: map[string]dynamics365.Team{},
		Users: map[string]dynamics365.User{}, ColumnProfiles: map[string]dynamics365.ColumnProfile{},
	}}
	m.units, m.roles, m.users = keys(m.o.BusinessUnits), numbered("R", 4), numbered("u", 7)
	m.make()
	p, err := m.o.Compile(tenant)
	return p, dynamicsOracle{m.o}, err
}

type dynamicsMaker struct {
	dice
	o                   *dynamics365.Organisation
	units, roles, users []string
}

func (m *dynamicsMaker) make() {
	columns := map[string]dynamics365.Column{"name": {}, "ssn": {Secured: true, Mask: "last4"}, "limit": {Secured: true}}
	m.o.Tables["account"] = dynamics365.Table{Columns: columns}
	m.o.Tables["contact"] = dynamics365.Table{Parent: "account", CascadeShare: m.chance(60), Columns: columns}
	m.o.Tables["task"] = dynamics365.Table{PrivilegesOf: "account", NoHierarchy: m.chance(50)}
	m.o.Tables["currency"] = dynamics365.Table{Ownership: dynamics365.OrganizationOwned}
	for n, name := range m.roles {
		r := dynamics365.Role{Privileges: map[string]dynamics365.Privileges{}, DirectUser: m.chance(40), Administrator: n == 0 && m.chance(30), Tasks: some(m.dice, 1, "prvMerge")}
		for _, table := range []string{"account", "contact", "currency"} {
			r.Privileges[table] = dynamics365.Privileges{}
			for _, right := range some(m.dice, 5, dvRights...) {
				r.Privileges[table][right] = pick(m.dice, dynamics365.Basic, dynamics365.Basic, dynamics365.Local, dynamics365.Deep, dynamics365.Global)
			}
		}
		m.o.Roles[name] = r
	}
	for n, name := range m.users {
		u := dynamics365.User{
			Unit: pick(m.dice, m.units...), Roles: m.assignments(2), Position: pick(m.dice, "", "p1", "p2", "p3"), Disabled: m.chance(12),
			Mode: pick(m.dice, dynamics365.ReadWrite, dynamics365.ReadWrite, dynamics365.ReadWrite, dynamics365.NonInteractive, dynamics365.ReadOnly, dynamics365.Administrative),
		}
		if n > 0 && m.chance(80) {
			u.Manager = m.users[m.IntN(n)]
		}
		m.o.Users[name] = u
	}
	for _, name := range numbered("T", 3) {
		m.o.Teams[name] = dynamics365.Team{Unit: pick(m.dice, m.units...), Members: some(m.dice, 3, m.users...), Roles: m.assignments(1)}
	}
	m.o.Teams["A1"] = dynamics365.Team{Kind: dynamics365.AccessTeam, Record: "account/1", Rights: []dynamics365.Right{dynamics365.Read}}
	for range m.IntN(6) {
		s := dynamics365.Share{Record: pick(m.dice, "account/", "contact/", "task/") + pick(m.dice, "1", "2", "3"), To: m.grantee(), Rights: append(some(m.dice, 3, dvRights[1:]...), dynamics365.Read)}
		if m.chance(40) {
			s.Owner = pick(m.dice, m.users...)
		}
		m.o.Shares = append(m.o.Shares, s)
	}
	for _, name := range numbered("C", 2) {
		m.o.ColumnProfiles[name] = dynamics365.ColumnProfile{Users: some(m.dice, 3, m.users...), Teams: some(m.dice, 1, "T1", "T2"), Columns: map[string]dynamics365.ColumnAccess{
			"account.ssn":   {Read: m.chance(70), Create: m.chance(50), Update: m.chance(40), Unmasked: pick(m.dice, dynamics365.NotUnmasked, dynamics365.OneRecord, dynamics365.AllRecords)},
			"contact.limit": {Read: m.chance(70), Create: m.chance(50), Update: m.chance(40)},
		}}
	}
}

func (m *dynamicsMaker) assignments(n int) (all []dynamics365.Assignment) {
	for _, role := range some(m.dice, n, m.roles...) {
		a := dynamics365.Assignment{Role: role}
		if m.chance(30) {
			a.Unit = pick(m.dice, m.units...)
		}
		all = append(all, a)
	}
	return all
}

func (m *dynamicsMaker) grantee() dynamics365.Grantee {
	return pick(m.dice, dynamics365.Grantee{User: pick(m.dice, m.users...)}, dynamics365.Grantee{User: pick(m.dice, m.users...)}, dynamics365.Grantee{Team: pick(m.dice, "T1", "T2", "T3")}, dynamics365.Grantee{Organization: true})
}

// dynamicsOracle decides as Dataverse does, gate by gate.
type dynamicsOracle struct{ o *dynamics365.Organisation }

// dvHeld is a role that a user has, with the unit whose role it is; with a team, by that team for what it owns.
type dvHeld struct {
	role       dynamics365.Role
	unit, team string
}

func (o dynamicsOracle) decides(q model.Request) (allowed, ok bool) {
	table, isTable := o.o.Tables[q.Type]
	name := strings.TrimPrefix(q.User, "user:")
	u, known := o.o.Users[name]
	if q.Record == nil || !isTable || !known {
		return false, q.Record != nil && isTable && !slices.ContainsFunc(o.o.Shares, func(s dynamics365.Share) bool { return s.To.Organization })
	}
	right := dvRights[slices.IndexFunc(dvRights, func(r dynamics365.Right) bool { return r.String() == q.Action })]
	if u.Disabled || u.Mode == dynamics365.Administrative || u.Mode == dynamics365.ReadOnly && right != dynamics365.Read {
		return false, true
	}
	held := o.held(name)
	if slices.ContainsFunc(held, func(h dvHeld) bool { return h.role.Administrator }) {
		return true, true
	}
	most := o.depth(held, q.Type, right)
	if table.Ownership == dynamics365.OrganizationOwned {
		return most == dynamics365.Global, true
	}
	byShare := o.shared(name, q.Record, right)
	if most == dynamics365.NoDepth {
		return byShare && o.o.Dialect.SharesWithoutPermission == "sufficient", true
	}
	return byShare || o.reaches(name, held, q, right) || o.manages(name, held, q.Record, right), true
}

func (o dynamicsOracle) held(name string) (all []dvHeld) {
	add := func(as []dynamics365.Assignment, home, team string) {
		for _, a := range as {
			h := dvHeld{role: o.o.Roles[a.Role], unit: home}
			if a.Unit != "" {
				h.unit = a.Unit
			}
			if team != "" && !h.role.DirectUser {
				h.team = team
			}
			all = append(all, h)
		}
	}
	add(o.o.Users[name].Roles, o.o.Users[name].Unit, "")
	for _, team := range o.teams(name) {
		add(o.o.Teams[team].Roles, o.o.Teams[team].Unit, team)
	}
	return all
}

func (o dynamicsOracle) teams(name string) (teams []string) {
	for _, t := range keys(o.o.Teams) {
		if slices.Contains(o.o.Teams[t].Members, name) {
			teams = append(teams, t)
		}
	}
	return teams
}

func (o dynamicsOracle) privileges(h dvHeld, table string, r dynamics365.Right) dynamics365.Depth {
	if of := o.o.Tables[table].PrivilegesOf; of != "" {
		table = of
	}
	return h.role.Privileges[table][r]
}

func (o dynamicsOracle) depth(held []dvHeld, table string, r dynamics365.Right) (most dynamics365.Depth) {
	for _, h := range held {
		most = max(most, o.privileges(h, table, r))
	}
	return most
}

// reaches tells whether a role reaches the record by its owner or unit.
func (o dynamicsOracle) reaches(name string, held []dvHeld, q model.Request, r dynamics365.Right) bool {
	owns := slices.ContainsFunc(q.Record.Owners, func(owner string) bool {
		return owner == "user:"+name || slices.Contains(o.teams(name), strings.TrimPrefix(owner, "team:"))
	})
	return slices.ContainsFunc(held, func(h dvHeld) bool {
		unit := "unit:" + h.unit
		switch d := o.privileges(h, q.Type, r); {
		case d == dynamics365.NoDepth:
			return false
		case d == dynamics365.Basic && h.team != "":
			return slices.Contains(q.Record.Owners, "team:"+h.team)
		case owns || d == dynamics365.Global:
			return true
		case d == dynamics365.Local:
			return q.Record.Unit == unit
		case d == dynamics365.Deep:
			return o.isUnder(strings.TrimPrefix(q.Record.Unit, "unit:"), h.unit)
		}
		return false
	})
}

func (o dynamicsOracle) isUnder(unit, top string) bool {
	for ; unit != ""; unit = o.o.BusinessUnits[unit].Parent {
		if unit == top {
			return true
		}
	}
	return false
}

// matches tells whether a share is one of the record, or of its parent if such shares cascade.
func (o dynamicsOracle) matches(s dynamics365.Share, r *model.Record) bool {
	if o.o.Users[s.To.User].Disabled && o.o.Dialect.DeactivationDropsShares == "yes" {
		return false
	}
	holds := func(r *model.Record) bool {
		return s.Record == r.Type+"/"+r.ID && (s.Owner == "" || o.o.Dialect.SharesAtOwnerChange != "dropped" || slices.Contains(r.Owners, "user:"+s.Owner))
	}
	return holds(r) || r.Parent != nil && o.o.Tables[r.Type].CascadeShare && holds(r.Parent)
}

func (o dynamicsOracle) all() []dynamics365.Share {
	return append(slices.Clone(o.o.Shares), dynamics365.Share{Record: "account/1", To: dynamics365.Grantee{Team: "A1"}, Rights: []dynamics365.Right{dynamics365.Read}})
}

func (o dynamicsOracle) shared(name string, r *model.Record, right dynamics365.Right) bool {
	return slices.ContainsFunc(o.all(), func(s dynamics365.Share) bool {
		to := s.To.Organization || s.To.User == name || slices.Contains(o.teams(name), s.To.Team)
		return to && slices.Contains(s.Rights, right) && o.matches(s, r)
	})
}

// manages tells whether hierarchy security gives the user the right.
func (o dynamicsOracle) manages(name string, held []dvHeld, r *model.Record, right dynamics365.Right) bool {
	h := o.o.Hierarchy
	depth := max(h.Edit, 1)
	if right == dynamics365.Read {
		depth = max(h.Depth, h.Edit, 1)
	}
	rights := map[string][]dynamics365.Right{
		"": {dynamics365.Read, dynamics365.Write, dynamics365.Append, dynamics365.AppendTo}, "read": {dynamics365.Read}, "none": nil, "same": dvRights[1:],
	}[o.o.Dialect.Managers]
	if h.Model == dynamics365.NoHierarchy || o.o.Tables[r.Type].NoHierarchy || !slices.Contains(rights, right) || o.depth(held, r.Type, dynamics365.Read) == dynamics365.NoDepth {
		return false
	}
	return slices.ContainsFunc(keys(o.o.Users), func(x string) bool {
		if d := o.below(name, x); d == 0 || d > depth {
			return false
		}
		owns := slices.ContainsFunc(r.Owners, func(owner string) bool {
			return owner == "user:"+x || slices.Contains(o.teams(x), strings.TrimPrefix(owner, "team:"))
		})
		return owns || o.o.Dialect.ManagersOfGrantees != "no" && slices.ContainsFunc(o.all(), func(s dynamics365.Share) bool {
			return (s.To.User == x || slices.Contains(o.teams(x), s.To.Team)) && slices.Contains(s.Rights, right) && o.matches(s, r)
		})
	})
}

// below is how many levels a user is below another, whose records she reaches; 0 if she does not.
func (o dynamicsOracle) below(manager, user string) int {
	u, m := o.o.Users[user], o.o.Users[manager]
	if o.o.Hierarchy.NoDisabled && u.Disabled {
		return 0
	}
	at, d := u.Manager, 1
	if o.o.Hierarchy.Model == dynamics365.PositionHierarchy {
		for p := o.o.Positions[u.Position].Parent; p != "" && m.Position != ""; p, d = o.o.Positions[p].Parent, d+1 {
			if p == m.Position {
				return d
			}
		}
		return 0
	}
	for ; at != ""; at, d = o.o.Users[at].Manager, d+1 {
		if at == manager && (o.o.Hierarchy.AnyUnit || o.isUnder(u.Unit, m.Unit)) {
			return d
		}
	}
	return 0
}
