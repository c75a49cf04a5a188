package crm_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/fxiaoke"
)

// randomFxiaoke makes up an enterprise on 纷享销客.
func randomFxiaoke(d dice) (*crm.Policy, oracle, error) {
	f := fxiaokeMaker{dice: d, o: &fxiaoke.Organisation{
		Dialect: crm.Dialect{
			Managers: pick(d, "", "", "", "write", "read", "none"), ManagersOfGrantees: pick(d, "", "", "no"), HierarchyOff: pick(d, "", "", "", "", "", "all"),
			PublicWriteDeletes: pick(d, "", "yes"), Fields: pick(d, "", "closed"), AdminsSeeAllFields: pick(d, "", "yes"),
			TreeInherits: pick(d, "", "read", "none"), DeactivationDropsShares: pick(d, "", "yes"),
		},
		Superiors: pick(d, "", "all", "direct"),
		Objects:   map[string]fxiaoke.Object{}, Roles: map[string]fxiaoke.Role{}, Departments: map[string]fxiaoke.Department{},
		Users: map[string]fxiaoke.User{}, Groups: map[string]fxiaoke.People{}, Pools: map[string]fxiaoke.Pool{},
	}}
	f.objects = []string{"AccountObj", "ContactObj", "PersonnelObj"}
	f.roles, f.departments, f.users, f.groups = numbered("R", 3), numbered("D", 5), numbered("u", 8), numbered("g", 2)
	f.make()
	p, err := f.o.Compile(tenant)
	return p, fxiaokeOracle{f.o}, err
}

// fxiaokeValues are the states of records, and their pools.
var fxiaokeValues = map[string][]any{
	"lock_status":  {"normal", "normal", "normal", "locked"},
	"life_status":  {"normal", "normal", "in_change", "invalid"},
	"high_seas_id": {nil, nil, "a", "North"},
	"level":        {"a", "b", "North"},
}

type fxiaokeMaker struct {
	dice
	o                                          *fxiaoke.Organisation
	objects, roles, departments, users, groups []string
}

func (f *fxiaokeMaker) make() {
	functions := []string{"list", "view", "export", "create", "edit", "invalidate", "recover", "delete", "change_owner", "edit_team", "unlock", "return", "choose", "assign"}
	for n, name := range f.roles {
		r := fxiaoke.Role{Administrator: n == 0 && f.chance(30), Functions: map[string][]string{}, Management: some(f.dice, 1, "manage_users")}
		for _, object := range f.objects {
			r.Functions[object] = append(some(f.dice, len(functions), functions...), "view", "edit")
		}
		f.o.Roles[name] = r
	}
	for n, name := range f.departments {
		d := fxiaoke.Department{Organisation: f.chance(30), Assistants: some(f.dice, 1, f.users...)}
		if n > 0 {
			d.Parent = f.departments[f.IntN(n)]
		}
		if n < 4 && f.chance(60) {
			d.Leader = f.users[n]
		}
		f.o.Departments[name] = d
	}
	for n, name := range f.users {
		u := fxiaoke.User{Status: pick(f.dice, "", "", "", "", "", "stopped"), Roles: append(some(f.dice, 1, f.roles...), some(f.dice, 2, f.roles...)...), Departments: some(f.dice, 1, f.departments...)}
		if n < 5 { // leaders lead their own departments, so that nobody is his own superior
			u.Department = f.departments[n]
		} else if f.chance(80) {
			u.Department = pick(f.dice, f.departments...)
		}
		if n > 3 && f.chance(70) {
			u.ReportsTo = f.users[f.IntN(n)]
		}
		if f.chance(15) {
			u.Manages = map[string][]string{f.roles[1]: {pick(f.dice, f.departments...)}}
		}
		f.o.Users[name] = u
	}
	for n, name := range f.groups {
		g := f.people()
		g.Groups = some(f.dice, 1, f.groups[:n]...)
		f.o.Groups[name] = g
	}
	f.makeObjects()
	f.makeRecords()
}

func (f *fxiaokeMaker) access() string { return pick(f.dice, "read_only", "read_write") }

func (f *fxiaokeMaker) makeObjects() {
	for _, name := range f.objects {
		x := fxiaoke.Object{
			Basic: pick(f.dice, "", "", "private", "public_read_only", "public_read_write"), Department: pick(f.dice, "", "", f.access()), Organisation: pick(f.dice, "", "", f.access()),
			Lock: pick(f.dice, "", "untracked"), LifeStatus: pick(f.dice, "", "untracked"),
			Fields: map[string]fxiaoke.Field{"name": {}, "amount": {Type: "number", Roles: map[string]string{f.roles[0]: "invisible", f.roles[1]: f.access()}, NoExport: some(f.dice, 1, f.roles...)}},
		}
		if name == "ContactObj" {
			x.Source = &fxiaoke.Source{Object: "AccountObj", Roles: map[string]string{"owner": "read_write", "co_follower": f.access(), "member": f.access()}}
		}
		f.o.Objects[name] = x
	}
}

func (f *fxiaokeMaker) makeRecords() {
	for range f.IntN(4) {
		r := fxiaoke.SharingRule{Object: pick(f.dice, f.objects...), To: f.people(), Access: f.access()}
		if from := f.people(); f.chance(60) {
			r.From = &from
		} else {
			r.Conditions = []fxiaoke.Condition{{Field: "amount", Operator: pick(f.dice, "less", "at_least"), Value: fxiaoke.Values{"1.5"}}, {Field: "level", Operator: "in", Value: fxiaoke.Values{"a", "North"}}}
		}
		f.o.Rules = append(f.o.Rules, r)
	}
	for range f.IntN(12) {
		f.o.Team = append(f.o.Team, fxiaoke.TeamMember{
			Object: pick(f.dice, f.objects...), Record: pick(f.dice, "1", "2"), User: pick(f.dice, f.users...), Role: pick(f.dice, "", "co_follower", "after_sales"), Access: f.access(),
		})
	}
	for range f.IntN(4) {
		f.o.Temporary = append(f.o.Temporary, fxiaoke.Temporary{
			Object: pick(f.dice, f.objects...), Record: pick(f.dice, "1", "2"), User: pick(f.dice, f.users...), Access: f.access(),
			Until: pick(f.dice, time.Time{}, now, now.Add(time.Hour)), Revoked: f.chance(20),
		})
	}
	for _, name := range some(f.dice, 2, "a", "North") {
		f.o.Pools[name] = fxiaoke.Pool{Object: "AccountObj", Members: f.people(), Admins: f.people()}
	}
}

func (f *fxiaokeMaker) people() fxiaoke.People {
	return fxiaoke.People{
		Users: some(f.dice, 2, f.users...), Departments: some(f.dice, 1, f.departments...), DepartmentsAndBelow: some(f.dice, 1, f.departments...),
		Groups: some(f.dice, 1, f.groups...), Roles: some(f.dice, 1, f.roles...),
	}
}

// fxiaokeOracle decides as 纷享销客 does, gate by gate.
type fxiaokeOracle struct{ o *fxiaoke.Organisation }

var fxiaokeAccess = map[string]int{"": 0, "private": 0, "read_only": 1, "public_read_only": 1, "read_write": 2, "public_read_write": 2}

var fxiaokeNeeds = map[string]int{
	"list": 1, "view": 1, "export": 1, "print": 1, "choose": 1, "assign": 1, "edit": 2, "invalidate": 3, "recover": 3, "delete": 3,
	"change_owner": 4, "edit_team": 4, "lock": 4, "unlock": 4, "return": 4,
}

func (f fxiaokeOracle) decides(q model.Request) (allowed, ok bool) {
	name := strings.TrimPrefix(q.User, "user:")
	u, known := f.o.Users[name]
	x, isObject := f.o.Objects[q.Type]
	if q.Record == nil || !isObject {
		return false, false
	}
	if !known || u.Status == "stopped" || f.stopped(x, name, q) {
		return false, true
	}
	admin := slices.ContainsFunc(u.Roles, func(r string) bool { return f.o.Roles[r].Administrator })
	function := admin || slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(f.o.Roles[r].Functions[q.Type], q.Action) })
	switch {
	case !function:
		return false, true
	case admin && q.Type != "PersonnelObj", q.Action == "create", q.Action == "import":
		return true, true
	}
	l := f.level(name, q.Type, q.Record)
	if q.Action != "choose" && q.Action != "assign" {
		for _, t := range f.o.Temporary {
			if t.Object == q.Type && t.Record == q.Record.ID && t.User == name && !t.Revoked && (t.Until.IsZero() || now.Before(t.Until)) {
				l = max(l, fxiaokeAccess[t.Access])
			}
		}
	}
	return l >= fxiaokeNeeds[q.Action], true
}

func (f fxiaokeOracle) ownerless(r *model.Record) bool {
	return !slices.ContainsFunc(r.Owners, func(o string) bool { _, ok := f.o.Users[strings.TrimPrefix(o, "user:")]; return ok })
}

// stopped is what the states of a record, and its pool, do not let anybody do.
func (f fxiaokeOracle) stopped(x fxiaoke.Object, name string, q model.Request) bool {
	lock, life := q.Record.Attrs["lock_status"], q.Record.Attrs["life_status"]
	isLocked := x.Lock != "untracked" && (lock == nil || lock == "locked")
	isInvalid := x.LifeStatus != "untracked" && (life == nil || life == "invalid")
	isValid := x.LifeStatus != "untracked" && life != "invalid"
	switch q.Action {
	case "choose", "assign":
		return isInvalid || !f.claims(name, q)
	case "recover", "delete":
		return isLocked || isValid
	case "lock", "unlock":
		return isInvalid || f.isPooled(q)
	case "edit", "invalidate", "change_owner", "edit_team":
		return isLocked || isInvalid || f.isPooled(q)
	case "return":
		return isLocked || isInvalid || f.isPooled(q) || f.hasPools(q.Type) && q.Record.Attrs["high_seas_id"] == nil
	}
	return false
}

// claims tells whether somebody may claim a record of a pool, or assign it.
func (f fxiaokeOracle) claims(name string, q model.Request) bool {
	p, ok := f.o.Pools[textOf(q.Record.Attrs["high_seas_id"])]
	who := map[string]fxiaoke.People{"choose": p.Members, "assign": p.Admins}[q.Action]
	return ok && p.Object == q.Type && f.ownerless(q.Record) && f.isIn(name, who)
}

func (f fxiaokeOracle) hasPools(object string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(f.o.Pools)), func(p fxiaoke.Pool) bool { return p.Object == object })
}

func (f fxiaokeOracle) isPooled(q model.Request) bool {
	return f.hasPools(q.Type) && q.Record.Attrs["high_seas_id"] != nil && f.ownerless(q.Record)
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// member is what a user has of a record as its owner or in its related team.
func (f fxiaokeOracle) member(name, object string, r *model.Record) int {
	if slices.Contains(r.Owners, "user:"+name) {
		return 4
	}
	return f.inTeam(name, object, r, func(string) int { return 4 })
}

// inTeam is what a member of the related team has, capped for each role.
func (f fxiaokeOracle) inTeam(name, object string, r *model.Record, most func(role string) int) (level int) {
	for _, m := range f.o.Team {
		dropped := f.o.Dialect.DeactivationDropsShares == "yes" && f.o.Users[m.User].Status == "stopped"
		if m.Object == object && m.Record == r.ID && m.User == name && !dropped {
			role := m.Role
			if role == "" {
				role = "member"
			}
			level = max(level, min(most(role), fxiaokeAccess[m.Access]))
		}
	}
	return level
}

func (f fxiaokeOracle) level(name, object string, r *model.Record) int {
	x := f.o.Objects[object]
	l := max(fxiaokeAccess[x.Basic], f.member(name, object, r))
	if l == 2 && f.o.Dialect.PublicWriteDeletes == "yes" && x.Basic == "public_read_write" {
		l = 3
	}
	unit := strings.TrimPrefix(r.Unit, "unit:")
	l = max(l, f.bySubordinates(name, object, r), f.leads(name, unit), f.byDepartments(name, x, unit), f.byPools(name, object, r))
	for _, rule := range f.o.Rules {
		if rule.Object == object && f.isIn(name, rule.To) && f.shares(rule, unit, r) {
			l = max(l, fxiaokeAccess[rule.Access])
		}
	}
	if s := x.Source; s != nil && r.Parent != nil {
		if slices.Contains(r.Parent.Owners, "user:"+name) {
			l = max(l, fxiaokeAccess[s.Roles["owner"]])
		}
		l = max(l, f.inTeam(name, s.Object, r.Parent, func(role string) int { return fxiaokeAccess[s.Roles[role]] }))
	}
	return l
}

func (f fxiaokeOracle) bySubordinates(name, object string, r *model.Record) (l int) {
	managers := map[string]int{"": 4, "write": 2, "read": 1, "none": 0}[f.o.Dialect.Managers]
	for below := range f.o.Users {
		if n := f.distance(below, name); n == 1 || n > 1 && f.o.Superiors != "direct" {
			has := f.member(below, object, r)
			if f.o.Dialect.ManagersOfGrantees == "no" && has < 4 {
				has = 0
			}
			l = max(l, min(managers, has))
		}
	}
	return l
}

func (f fxiaokeOracle) departments(name string) []string {
	u := f.o.Users[name]
	departments := slices.Clone(u.Departments)
	if u.Department != "" {
		departments = append(departments, u.Department)
	}
	return departments
}

func (f fxiaokeOracle) byDepartments(name string, x fxiaoke.Object, unit string) (l int) {
	departments := f.departments(name)
	if slices.Contains(departments, unit) {
		l = fxiaokeAccess[x.Department]
	}
	if org := f.organisation(unit); org != "" && slices.ContainsFunc(departments, func(d string) bool { return f.organisation(d) == org }) {
		l = max(l, fxiaokeAccess[x.Organisation])
	}
	return l
}

func (f fxiaokeOracle) byPools(name, object string, r *model.Record) int {
	p, ok := f.o.Pools[textOf(r.Attrs["high_seas_id"])]
	return one(ok && p.Object == object && f.ownerless(r) && (f.isIn(name, p.Members) || f.isIn(name, p.Admins)))
}

// leads is what leaders and assistants have of a department's data.
func (f fxiaokeOracle) leads(name, unit string) (level int) {
	for n, at := 0, unit; at != ""; n, at = n+1, f.o.Departments[at].Parent {
		d := f.o.Departments[at]
		switch {
		case n == 0 && (d.Leader == name || slices.Contains(d.Assistants, name)):
			level = 2
		case n == 1 && d.Leader == name, n > 1 && d.Leader == name && f.o.Superiors != "direct":
			level = max(level, map[string]int{"": 2, "read": 1, "none": 0}[f.o.Dialect.TreeInherits])
		}
	}
	return level
}

func (f fxiaokeOracle) organisation(d string) string {
	for at := d; at != ""; at = f.o.Departments[at].Parent {
		if f.o.Departments[at].Organisation {
			return at
		}
	}
	return ""
}

// distance is how far one is below another; 0 if he is not.
func (f fxiaokeOracle) distance(below, above string) int {
	if f.o.Dialect.HierarchyOff == "all" {
		return 0
	}
	for n, at := 1, f.superior(below); at != ""; n, at = n+1, f.superior(at) {
		if at == above {
			return n
		}
	}
	return 0
}

func (f fxiaokeOracle) superior(name string) string {
	u := f.o.Users[name]
	if u.ReportsTo != "" {
		return u.ReportsTo
	}
	for at := u.Department; at != ""; at = f.o.Departments[at].Parent {
		if l := f.o.Departments[at].Leader; l != "" && l != name {
			return l
		}
	}
	return ""
}

func (f fxiaokeOracle) isIn(name string, p fxiaoke.People) bool {
	u, ok := f.o.Users[name]
	return ok && (slices.Contains(p.Users, name) ||
		slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(p.Roles, r) }) ||
		slices.ContainsFunc(f.departments(name), func(d string) bool { return f.isOf(d, p) }) ||
		slices.ContainsFunc(p.Groups, func(g string) bool { return f.isIn(name, f.o.Groups[g]) }))
}

func (f fxiaokeOracle) isOf(department string, p fxiaoke.People) bool {
	if slices.Contains(p.Departments, department) {
		return true
	}
	for at := department; at != ""; at = f.o.Departments[at].Parent {
		if slices.Contains(p.DepartmentsAndBelow, at) {
			return true
		}
	}
	return false
}

func (f fxiaokeOracle) shares(rule fxiaoke.SharingRule, unit string, r *model.Record) bool {
	if rule.From == nil {
		amount, known := r.Attrs["amount"].(float64)
		level := textOf(r.Attrs["level"])
		return known && (amount < 1.5) == (rule.Conditions[0].Operator == "less") && (level == "a" || level == "North")
	}
	return unit != "" && f.isOf(unit, *rule.From) ||
		slices.ContainsFunc(r.Owners, func(o string) bool { return f.isIn(strings.TrimPrefix(o, "user:"), *rule.From) })
}
