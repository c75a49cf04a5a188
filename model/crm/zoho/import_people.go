package zoho

import (
	"cmp"

	"github.com/crmauthz/crmauthz/model/crm"
)

type rawRole struct {
	place
	ref
	above ref
	peers bool
}

func (i *importer) role() {
	r := rawRole{place: i.here()}
	for key := range i.j.Object {
		switch key {
		case "id":
			r.id = i.j.Text()
		case "name":
			r.name = i.j.Text()
		case "reporting_to":
			r.above = i.ref()
		case "share_with_peers":
			r.peers = i.j.Flag()
		default:
			i.skip("role", key)
		}
	}
	i.roles = append(i.roles, r)
}

func (i *importer) resolveRoles(names *namer) {
	called := make([]string, len(i.roles))
	for n, r := range i.roles {
		if _, twice := names.byID[r.id]; twice && r.id != "" {
			i.add(r.place, crm.Ambiguous, "role", r.String(), "stands twice; the first is taken")
			continue
		}
		called[n] = i.call(names, "role", r.place, r.ref)
	}
	for n, r := range i.roles {
		if called[n] == "" {
			continue
		}
		role := Role{ShareWithPeers: r.peers}
		above, ok := names.find(r.above)
		if !ok && r.above != (ref{}) {
			i.add(r.place, crm.Unknown, "role", called[n], "the role "+r.above.String()+" above it is in no file; it and its users are left out")
			continue
		}
		role.ReportsTo = above
		i.o.Roles[called[n]] = role
		i.add(r.place, crm.Taken, "role", called[n], "")
	}
	i.dropRootless()
}

// dropRootless leaves out roles below one that was left out.
func (i *importer) dropRootless() {
	for again := true; again; {
		again = false
		for name, r := range crm.Sorted(i.o.Roles) {
			if _, ok := i.o.Roles[r.ReportsTo]; !ok && r.ReportsTo != "" {
				delete(i.o.Roles, name)
				i.add(place{}, crm.Unknown, "role", name, "is below one that was left out")
				again = true
			}
		}
	}
}

type rawUser struct {
	place
	ref
	email, status      string
	confirmed          bool
	role, profile, who ref // who: to whom she reports
	territories        []rawUserTerritory
}

type rawUserTerritory struct {
	ref
	manager bool
}

func (i *importer) user() {
	u := rawUser{place: i.here(), confirmed: true}
	for key := range i.j.Object {
		switch key {
		case "id":
			u.id = i.j.Text()
		case "full_name":
			u.name = i.j.Text()
		case "email":
			u.email = i.j.Text()
		case "status":
			u.status = i.j.Text()
		case "confirm":
			u.confirmed = i.j.Flag()
		case "role":
			u.role = i.ref()
		case "profile":
			u.profile = i.ref()
		case "reporting_to", "Reporting_To":
			u.who = i.ref()
		case "territories":
			for range i.j.Array {
				t := rawUserTerritory{}
				for key := range i.j.Object {
					switch key {
					case "id":
						t.id = i.j.Text()
					case "name":
						t.name = i.j.Text()
					case "manager":
						t.manager = i.j.Flag()
					default:
						i.skip("user territory", key)
					}
				}
				u.territories = append(u.territories, t)
			}
		default:
			i.skip("user", key)
		}
	}
	i.users = append(i.users, u)
}

// statuses are Zoho's words for the status of a user.
var statuses = map[string]string{
	"": "", "active": "", "inactive": "inactive", "disabled": "inactive", "closed": "inactive", "deleted": "deleted",
}

func (i *importer) resolveUsers(users, roles, profiles *namer) {
	for n := range i.users {
		u := &i.users[n]
		called := u.id
		if i.options.Users == "email" {
			called = u.email
		}
		if called == "" {
			i.add(u.place, crm.Unknown, "user", u.String(), "has no "+cmp.Or(i.options.Users, "id")+"; she is left out")
			continue
		}
		if _, twice := users.byID[u.id]; twice {
			i.add(u.place, crm.Ambiguous, "user", called, "stands twice; the first is taken")
			continue
		}
		status, known := statuses[u.status]
		switch {
		case !known:
			i.add(u.place, crm.Unknown, "user status", u.status, "of "+called+"; she is taken for inactive")
			status = "inactive"
		case status == "" && !u.confirmed:
			status = "unconfirmed"
		}
		role, _ := roles.find(u.role)
		_, hasRole := i.o.Roles[role]
		profile, hasProfile := profiles.find(u.profile)
		if !hasRole || !hasProfile {
			i.add(u.place, crm.Unknown, "user", called, "her role "+u.role.String()+" or profile "+u.profile.String()+" is in no file; she is left out")
			continue
		}
		users.byID[u.id] = called
		if u.name != "" {
			users.byName[u.name] = called
		}
		i.o.Users[called] = User{Profile: profile, Role: role, Status: status}
		i.add(u.place, crm.Taken, "user", called, "")
	}
	for _, u := range i.users {
		called, ok := users.byID[u.id]
		boss, known := users.byID[u.who.id]
		switch {
		case !ok || u.who == (ref{}):
		case !known:
			i.add(u.place, crm.Unknown, "user superior", u.who.String(), "of "+called+" is in no file")
		default:
			user := i.o.Users[called]
			user.ReportsTo = boss
			i.o.Users[called] = user
		}
	}
}

type rawGroup struct {
	place
	ref
	sources []rawSource
}

// rawSource is who is in a group, or with whom something is shared.
type rawSource struct {
	place
	ref
	kind         string
	subordinates bool
}

func (i *importer) group() {
	g := rawGroup{place: i.here()}
	for key := range i.j.Object {
		switch key {
		case "id":
			g.id = i.j.Text()
		case "name":
			g.name = i.j.Text()
		case "sources":
			for range i.j.Array {
				g.sources = append(g.sources, i.source())
			}
		default:
			i.skip("group", key)
		}
	}
	i.groups = append(i.groups, g)
}

// source reads {type, source or resource or id and name, subordinates}.
func (i *importer) source() rawSource {
	s := rawSource{place: i.here()}
	for key := range i.j.Object {
		switch key {
		case "type":
			s.kind = i.j.Text()
		case "source", "resource":
			s.ref = i.ref()
		case "id":
			s.id = i.j.Text()
		case "name":
			s.name = i.j.Text()
		case "subordinates":
			s.subordinates = i.j.Flag()
		default:
			i.skip("source", key)
		}
	}
	return s
}

// people adds who a source is; whoever is in no file is said to be left out.
func (n *names) people(i *importer, kind, of string, sources ...rawSource) (p People) {
	for _, s := range sources {
		to, in := (*[]string)(nil), (*namer)(nil)
		switch s.kind {
		case "all_users", "everyone", "public":
			p.Everyone = true
			i.add(s.place, crm.Taken, kind+" source", of+": "+s.kind, "")
			continue
		case "users":
			to, in = &p.Users, n.users
		case "groups":
			to, in = &p.Groups, n.groups
		case "roles":
			to, in = &p.Roles, n.roles
			if s.subordinates {
				to = &p.RolesAndSubordinates
			}
		case "roles_and_subordinates":
			to, in = &p.RolesAndSubordinates, n.roles
		default:
			i.add(s.place, crm.NotExpressible, kind+" source", of+": "+s.kind+" "+s.String(), "who that is cannot be described")
			continue
		}
		name, ok := in.find(s.ref)
		if in == n.roles && ok {
			_, ok = i.o.Roles[name]
		}
		if !ok {
			i.add(s.place, crm.Unknown, kind+" source", of+": "+s.kind+" "+s.String(), "is in no file; it is left out")
			continue
		}
		*to = append(*to, name)
		i.add(s.place, crm.Taken, kind+" source", of+": "+s.kind+" "+name, "")
	}
	return p
}

// names are what things are called.
type names struct{ profiles, roles, users, groups, territories *namer }

// resolve makes the description of all that was read.
func (i *importer) resolve() {
	n := &names{newNamer(), newNamer(), newNamer(), newNamer(), newNamer()}
	i.resolveProfiles(n.profiles)
	i.resolveRoles(n.roles)
	i.resolveUsers(n.users, n.roles, n.profiles)
	i.resolveGroups(n)
	i.resolveFields(n.profiles)
	i.resolveRules(n)
	i.resolveTerritories(n)
	i.resolveLocks(n)
	i.resolveShares(n)
}

func (i *importer) resolveGroups(n *names) {
	called := make([]string, len(i.groups))
	for at, g := range i.groups {
		called[at] = i.call(n.groups, "group", g.place, g.ref)
	}
	for at, g := range i.groups {
		i.o.Groups[called[at]] = n.people(i, "group", called[at], g.sources...)
		i.add(g.place, crm.Taken, "group", called[at], "")
	}
}
