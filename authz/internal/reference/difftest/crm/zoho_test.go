package crm_test

import (
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

// randomZoho makes up an organisation of Zoho CRM.
func randomZoho(d dice) (*crm.Policy, oracle, error) {
	z := zohoMaker{dice: d, o: &zoho.Organisation{
		Dialect: crm.Dialect{
			Managers: pick(d, "", "", "write", "read", "none"), ManagersOfGrantees: pick(d, "", "", "yes", "no"), HierarchyOff: pick(d, "", "any", "all"),
			PublicWriteDeletes: pick(d, "", "yes"), SharesWithoutPermission: pick(d, "", "", "sufficient"), WriteSharesTransfer: pick(d, "", "", "yes"),
			SharesAtOwnerChange: pick(d, "", "", "dropped"), Fields: pick(d, "", "closed"), AdminsSeeAllFields: pick(d, "", "yes"),
			TreeInherits: pick(d, "", "same", "read", "none"), DeactivationDropsShares: pick(d, "", "yes"),
		},
		Hierarchy: pick(d, "", "", "role", "reporting"),
		Modules:   map[string]zoho.Module{}, Profiles: map[string]zoho.Profile{}, Roles: map[string]zoho.Role{}, Users: map[string]zoho.User{},
		Groups: map[string]zoho.People{}, Territories: map[string]zoho.Territory{}, Teamspaces: map[string]zoho.Teamspace{},
	}}
	z.modules = []string{"Leads", "Accounts", "Contacts", "Notes"}
	z.profiles, z.roles, z.users, z.groups = numbered("P", 3), numbered("Role ", 6), numbered("u", 8), numbered("g", 3)
	z.make()
	p, err := z.o.Compile(tenant)
	return p, zohoOracle{z.o}, err
}

// zohoValues are what criteria, territories and locks are about.
var zohoValues = map[string][]any{
	"Territories": {[]string{"North"}, []string{"South"}, []string{"World", "North"}, []string{}},
	"Locked__s":   {false, false, false, true},
	"Stage":       {"a", "North", "South", "b", nil},
}

type zohoMaker struct {
	dice
	o                                       *zoho.Organisation
	modules, profiles, roles, users, groups []string
}

func (z *zohoMaker) make() {
	for n, role := range z.roles {
		r := zoho.Role{ShareWithPeers: z.chance(30)}
		if n > 0 {
			r.ReportsTo = z.roles[z.IntN(n)]
		}
		z.o.Roles[role] = r
	}
	verbs := []string{"view", "create", "edit", "delete", "share", "change_owner", "export", "Crm_Implied_Wonder"}
	for n, name := range z.profiles {
		p := zoho.Profile{Administrator: n == 0 && z.chance(50), Modules: map[string][]string{}, Permissions: some(z.dice, 1, "Crm_Implied_Manage_Roles")}
		for _, m := range z.modules {
			if z.chance(85) {
				p.Modules[m] = append(some(z.dice, len(verbs), verbs...), "view")
			}
		}
		z.o.Profiles[name] = p
	}
	for n, name := range z.users {
		u := zoho.User{Profile: pick(z.dice, z.profiles...), Role: z.roles[min(n, len(z.roles)-1)], Status: pick(z.dice, "", "", "", "", "active", "inactive")}
		if n > 0 && n < len(z.roles) { // superiors are in higher roles, of whom each has a user of its number
			for at, role := range z.roles {
				if role == z.o.Roles[u.Role].ReportsTo {
					u.ReportsTo = z.users[at]
				}
			}
		}
		z.o.Users[name] = u
	}
	for n, name := range z.groups {
		p := z.people()
		p.Everyone, p.Groups = false, some(z.dice, 1, z.groups[:n]...)
		z.o.Groups[name] = p
	}
	z.territories()
	z.makeModules()
	z.sharing()
}

func (z *zohoMaker) people() zoho.People {
	return zoho.People{
		Everyone: z.chance(5), Users: some(z.dice, 2, z.users...), Roles: some(z.dice, 2, z.roles...),
		RolesAndSubordinates: some(z.dice, 1, z.roles...), Groups: some(z.dice, 1, z.groups...),
	}
}

func (z *zohoMaker) makeModules() {
	for _, name := range z.modules {
		m := zoho.Module{
			Default: pick(z.dice, "", "", "private", "public_read_only", "public_read_write", "public"), Territories: z.chance(50),
			Fields: map[string]zoho.Field{"Stage": {}, "Amount": {Type: "currency"}, "Since": {Type: "datetime"}, "Tags": {Type: "multiselectpicklist"}},
		}
		if name == "Contacts" {
			m.RelatedTo = "Accounts"
		}
		for _, field := range keys(m.Fields) {
			f := m.Fields[field]
			for _, p := range some(z.dice, 3, z.profiles...) {
				if f.Profiles == nil {
					f.Profiles = map[string]string{}
				}
				f.Profiles[p] = pick(z.dice, "hidden", "read_only", "read_write")
			}
			m.Fields[field] = f
		}
		if z.chance(40) {
			m.Lock = &zoho.Lock{
				Type: "manual", Actions: append(some(z.dice, 2, "delete", "change_owner"), "edit"),
				ExcludedProfiles: some(z.dice, 1, z.profiles...), ExcludedFields: some(z.dice, 1, "Stage"),
			}
			if z.chance(50) {
				m.Lock.Type, m.Lock.Rules = pick(z.dice, "automatic", "both"), []zoho.Criteria{z.criteria(0)}
			}
		}
		z.o.Modules[name] = m
	}
}

func (z *zohoMaker) criteria(depth int) zoho.Criteria {
	if depth < 2 && z.chance(40) {
		return zoho.Criteria{GroupOperator: pick(z.dice, "and", "or"), Group: []zoho.Criteria{z.criteria(depth + 1), z.criteria(depth + 1)}}
	}
	return pick(z.dice,
		zoho.Criteria{Field: "Stage", Comparator: pick(z.dice, "equal", "not_equal", "contains", "not_contains", "starts_with", "ends_with"), Value: zoho.Values{pick(z.dice, "a", "North")}},
		zoho.Criteria{Field: "Stage", Comparator: pick(z.dice, "in", "not_in"), Value: zoho.Values{"a", "South"}},
		zoho.Criteria{Field: "Stage", Comparator: pick(z.dice, "equal", "not_equal"), Value: zoho.Values{"${EMPTY}"}},
		zoho.Criteria{Field: "Amount", Comparator: pick(z.dice, "greater_than", "less_equal", "equal", "not_equal"), Value: zoho.Values{"1.5"}},
		zoho.Criteria{Field: "Amount", Comparator: pick(z.dice, "between", "not_between"), Value: zoho.Values{"1", "2"}},
		zoho.Criteria{Field: "Since", Comparator: pick(z.dice, "less_than", "greater_equal"), Value: zoho.Values{"2026-11-23"}},
		zoho.Criteria{Field: "Tags", Comparator: pick(z.dice, "contains", "not_contains"), Value: zoho.Values{"a", "b"}},
		zoho.Criteria{Field: "Owner", Comparator: pick(z.dice, "equal", "not_equal"), Value: zoho.Values{"u1", "u3"}},
	)
}

func (z *zohoMaker) territories() {
	names := []string{"North", "South", "World"}
	for n, name := range names {
		t := zoho.Territory{Access: pick(z.dice, "read_only", "read_write_delete"), Users: some(z.dice, 3, z.users...), Criteria: map[string]zoho.Criteria{}}
		if n < 2 && z.chance(70) {
			t.ReportsTo = names[2]
		}
		if z.chance(60) {
			t.Manager = pick(z.dice, z.users...)
		}
		z.o.Territories[name] = t
	}
}

func (z *zohoMaker) sharing() {
	for name, t := range z.o.Territories {
		for _, m := range z.modules {
			if z.o.Modules[m].Territories && len(name) == 5 { // the same in every order
				t.Criteria[m] = zoho.Criteria{Field: "Stage", Comparator: "equal", Value: zoho.Values{name}}
			}
		}
	}
	for range z.IntN(5) {
		r := zoho.SharingRule{Module: pick(z.dice, z.modules...), To: z.people(), SuperiorsAllowed: z.chance(50), Access: pick(z.dice, "read_only", "read_write", "read_write_delete")}
		if z.chance(50) {
			from := z.people()
			r.From = &from
		} else {
			x := z.criteria(0)
			r.Criteria = &x
		}
		z.o.Rules = append(z.o.Rules, r)
	}
	for range z.IntN(6) {
		z.o.Shares = append(z.o.Shares, zoho.Share{
			Module: pick(z.dice, z.modules...), Record: pick(z.dice, "1", "2"), With: z.people(), Owner: pick(z.dice, z.users...),
			Access: pick(z.dice, "read_only", "read_write", "full_access"), Related: z.chance(50),
		})
	}
	if z.chance(25) {
		z.o.Teamspaces["T"] = zoho.Teamspace{Modules: []string{"Notes"}, People: z.people()}
	}
	if z.chance(15) {
		z.o.AllowedIPs = append(z.o.AllowedIPs, zoho.AllowedIPs{For: z.people(), Addresses: []string{"192.0.2.0/24"}})
	}
}
