package crm_test

import (
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
)

// randomHubspot makes up an account of HubSpot.
func randomHubspot(d dice) (*crm.Policy, oracle, error) {
	o := &hubspot.Organisation{
		Dialect: crm.Dialect{
			Fields: pick(d, "", "closed"), AdminsSeeAllFields: pick(d, "", "no"), TreeInherits: pick(d, "", "", "none"),
			Bundles: pick(d, "", "union"), Effective: pick(d, "", "at_once"),
		},
		PropertyRestrictions: pick(d, "", "everywhere"),
		Objects:              map[string]hubspot.Object{}, Teams: map[string]hubspot.Team{}, Sets: map[string]hubspot.Permissions{},
		Seats: map[string]hubspot.Seat{}, Users: map[string]hubspot.User{}, Added: some(d, 1, "summaries"),
	}
	teams, sets, seats, users := numbered("T", 5), numbered("S", 3), numbered("Seat.", 3), numbered("u", 8)
	for n, team := range teams {
		t := hubspot.Team{}
		if n > 0 && d.chance(70) {
			t.Parent = teams[d.IntN(n)]
		}
		o.Teams[team] = t
	}
	for _, s := range seats {
		o.Seats[s] = hubspot.Seat{Without: some(d, 2, "edit", "deals.view", "export", "contacts.delete", "create", "summaries")}
	}
	for _, s := range sets {
		o.Sets[s] = hubspotPermissions(d)
	}
	for _, name := range users {
		u := hubspot.User{
			Status: pick(d, "", "", "", "", "", "active", "deactivated"), SuperAdmin: d.chance(8), ExtraTeams: some(d, 2, teams...),
			Seat: pick(d, append([]string{"", ""}, seats...)...), Assigned: hubspotAssigned(d, sets),
		}
		if d.chance(70) {
			u.Team = pick(d, teams...)
		}
		if d.chance(30) {
			u.Before = []hubspot.Before{{Assigned: hubspotAssigned(d, sets), Until: now.Add(time.Duration(d.IntN(3)-1) * time.Hour)}}
		}
		o.Users[name] = u
	}
	people := func() hubspot.People {
		return hubspot.People{Users: some(d, 2, users...), Teams: some(d, 1, teams...)}
	}
	restricted := func() *hubspot.People {
		if p := people(); d.chance(50) {
			return &p
		}
		return nil
	}
	for _, name := range []string{"contacts", "deals", "notes"} {
		x := hubspot.Object{Properties: map[string]hubspot.Property{"email": {View: restricted(), Edit: restricted()}, "amount": {Edit: restricted()}}}
		if d.chance(30) {
			x.Pipelines = []hubspot.Stage{{Pipeline: "a", Who: people()}}
		}
		if d.chance(40) {
			x.Stages = []hubspot.Stage{{Pipeline: "b", Stage: pick(d, "a", "North"), Who: people()}}
		}
		o.Objects[name] = x
	}
	p, err := o.Compile(tenant)
	return p, hubspotOracle{o}, err
}

// hubspotValues are where the records of pipelines are.
var hubspotValues = map[string][]any{"pipeline": {"a", "b", "b", "c"}, "stage": {"a", "North", "b"}}

func hubspotAssigned(d dice, sets []string) hubspot.Assigned {
	a := hubspot.Assigned{Sets: some(d, 2, sets...)}
	if p := hubspotPermissions(d); d.chance(50) {
		a.Permissions = &p
	}
	return a
}

func hubspotPermissions(d dice) hubspot.Permissions {
	p := hubspot.Permissions{
		Objects: map[string]hubspot.ObjectPermissions{}, Tools: some(d, 3, "export", "import", "bulk_delete", "workflows"), Without: some(d, 1, "summaries"),
	}
	reach := func() string { return pick(d, "", "none", "owned", "owned", "team", "team", "all") }
	for _, object := range some(d, 3, "contacts", "deals", "notes") {
		p.Objects[object] = hubspot.ObjectPermissions{
			View: pick(d, "owned", "team", "team", "all", reach()), Edit: reach(), Delete: reach(), Communicate: reach(), Create: pick(d, "", "yes", "no"),
			Unassigned: some(d, 2, "view", "edit", "delete", "communicate"),
		}
	}
	return p
}

// hubspotOracle decides as HubSpot does, gate by gate.
type hubspotOracle struct{ o *hubspot.Organisation }

func (h hubspotOracle) decides(q model.Request) (allowed, ok bool) {
	name := strings.TrimPrefix(q.User, "user:")
	u, known := h.o.Users[name]
	x, isObject := h.o.Objects[q.Type]
	if q.Record == nil || !isObject {
		return false, false
	}
	switch {
	case !known || u.Status != "" && u.Status != "active":
		return false, true
	case u.SuperAdmin:
		return true, true
	case h.stopped(x, name, q):
		return false, true
	}
	a := u.Assigned
	if len(u.Before) > 0 && h.o.Dialect.Effective == "" && now.Before(u.Before[0].Until) {
		a = u.Before[0].Assigned
	}
	for _, s := range a.Sets {
		if h.permits(h.o.Sets[s], u, name, q) {
			return true, true
		}
	}
	own := a.Permissions != nil && (len(a.Sets) == 0 || h.o.Dialect.Bundles == "union")
	return own && h.permits(*a.Permissions, u, name, q), true
}

func (h hubspotOracle) stopped(x hubspot.Object, name string, q model.Request) bool {
	where := func(s hubspot.Stage) bool { // it is there, or it is not known where
		for attr, want := range map[string]string{"pipeline": s.Pipeline, "stage": s.Stage} {
			if v := q.Record.Attrs[attr]; want != "" && v != nil && v != want {
				return false
			}
		}
		return !h.in(name, s.Who)
	}
	return slices.ContainsFunc(x.Pipelines, where) ||
		slices.Contains([]string{"edit", "delete", "bulk_delete"}, q.Action) && slices.ContainsFunc(x.Stages, where)
}

func (h hubspotOracle) in(name string, p hubspot.People) bool {
	return slices.Contains(p.Users, name) || slices.ContainsFunc(p.Teams, func(t string) bool { return slices.Contains(h.teams(name), t) })
}

func (h hubspotOracle) teams(name string) []string {
	u := h.o.Users[name]
	teams := slices.Clone(u.ExtraTeams)
	if u.Team != "" {
		teams = append(teams, u.Team)
	}
	return teams
}

// permits tells whether permissions, as far as the seat has them, allow what is asked.
func (h hubspotOracle) permits(p hubspot.Permissions, u hubspot.User, name string, q model.Request) bool {
	x, ok := p.Objects[q.Type]
	if !ok {
		return false
	}
	seat := h.o.Seats[u.Seat].Without
	lacks := func(verb string) bool { return slices.Contains(seat, verb) || slices.Contains(seat, q.Type+"."+verb) }
	tool := func(t string) bool { return slices.Contains(p.Tools, t) && !slices.Contains(seat, t) }
	hit := func(verb, word string) bool {
		return !lacks(verb) && h.hit(word, slices.Contains(x.Unassigned, verb), name, q.Record)
	}
	view := hit("view", x.View)
	if lacks("view") || lacks("edit") {
		x.Edit, x.Unassigned = "", slices.DeleteFunc(slices.Clone(x.Unassigned), func(verb string) bool { return verb == "edit" })
	}
	create := !lacks("create") && createsSome(x)
	all := x.View == "all" || reachesSome(x.View) && slices.Contains(q.Record.Owners, "user:"+name)
	return map[string]bool{
		"view": view, "add_note": view, "add_task": view,
		"edit": view && hit("edit", x.Edit), "communicate": view && hit("communicate", x.Communicate), "delete": view && hit("delete", x.Delete),
		"bulk_delete": view && hit("delete", x.Delete) && tool("bulk_delete"), "export": view && tool("export"),
		"create": create, "import": create && tool("import"), "open_attachment": q.Type == "notes" && !lacks("view") && all,
	}[q.Action]
}

// reachesSome tells whether a permission goes anywhere.
func reachesSome(word string) bool { return word != "" && word != "none" }

// createsSome tells whether records may be created: where there can be one that is both viewed and edited.
func createsSome(x hubspot.ObjectPermissions) bool {
	if x.Create != "" {
		return x.Create == "yes"
	}
	wide := func(word, verb string) bool { return word == "all" || slices.Contains(x.Unassigned, verb) }
	return reachesSome(x.View) && reachesSome(x.Edit) || wide(x.View, "view") && wide(x.Edit, "edit")
}

func (h hubspotOracle) hit(word string, unassigned bool, name string, r *model.Record) bool {
	nobody := !slices.ContainsFunc(r.Owners, func(o string) bool { _, ok := h.o.Users[strings.TrimPrefix(o, "user:")]; return ok })
	switch {
	case word == "all", unassigned && nobody:
		return true
	case word == "" || word == "none":
		return false
	case slices.Contains(r.Owners, "user:"+name):
		return true
	case word == "team":
		for _, o := range r.Owners {
			for _, t := range h.teams(strings.TrimPrefix(o, "user:")) {
				for at := t; at != ""; at = h.o.Teams[at].Parent {
					if slices.Contains(h.teams(name), at) {
						return true
					}
					if h.o.Dialect.TreeInherits == "none" {
						break
					}
				}
			}
		}
	}
	return false
}
