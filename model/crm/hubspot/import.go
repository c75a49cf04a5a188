package hubspot

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Import reads what an administrator can see of a HubSpot account and wrote down, since HubSpot
// exports nothing: tables in .csv files, and at most one .yaml file, a description, to which they add.
// The columns of a file say which table it is; those in brackets may be missing. ; separates
// several values of a column, and yes or no may be written as people do.
//
//	user, [status], [super_admin], [team], [extra_teams], [seat], [permission_sets]
//	team, parent
//	permission_set, object, permission, access, [unassigned]
//	user, object, permission, access, [unassigned]               for a user without a set
//	permission_set, tool
//	user, tool
//	object, property, view, edit
//	object, pipeline, stage, who
//	seat, without
//
// permission is view, edit, delete, communicate or create, and access is all, team, owned or none; of
// create, yes or no. view, edit and who are everyone, super admins, or users and teams: user:ann; team:North.
//
// Errors are a *crm.Error with file and line; what a file names that none describes is reported
// and left out, so that nobody is allowed more.
func Import(ctx context.Context, fsys fs.FS) (*Organisation, *crm.Report, error) {
	i := &importer{}
	return i.Import(ctx, fsys, i.tables(), (*Organisation).check)
}

// importer collects the rows, and makes a description of them when all are there.
type importer struct {
	description.Importer[Organisation]
}

// The order in which rows are looked at: what others name comes first.
const (
	names = iota // objects, teams, seats and sets
	parents
	people
	permissions
	tools
	places // properties and stages
)

func (i *importer) tables() []crm.Table {
	return []crm.Table{
		{Kind: "permission", Columns: []string{"permission_set", "object", "permission", "access"}, Optional: []string{"unassigned"}, Read: i.setPermission},
		{Kind: "user permission", Columns: []string{"user", "object", "permission", "access"}, Optional: []string{"unassigned"}, Read: i.userPermission},
		{Kind: "tool", Columns: []string{"permission_set", "tool"}, Read: i.setTool},
		{Kind: "user tool", Columns: []string{"user", "tool"}, Read: i.userTool},
		{Kind: "stage", Columns: []string{"object", "pipeline", "stage", "who"}, Read: i.stage},
		{Kind: "property", Columns: []string{"object", "property", "view", "edit"}, Read: i.property},
		{Kind: "team", Columns: []string{"team", "parent"}, Read: i.team},
		{Kind: "seat", Columns: []string{"seat", "without"}, Read: i.seat},
		{Kind: "user", Columns: []string{"user"}, Optional: []string{"status", "super_admin", "team", "extra_teams", "seat", "permission_sets"}, Read: i.user},
	}
}

func (i *importer) team(r crm.Row) {
	name, ok := i.Need(r, "team", "team")
	if !ok {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Teams, name) })
	i.Later(parents, func() {
		parent := r.Text("parent")
		if _, known := i.Org.Teams[parent]; !known && parent != "" {
			i.Say(r, crm.Unknown, "team", name, "its parent "+parent+" is in no file; it has none")
			return
		}
		if was := i.Org.Teams[name].Parent; was != "" && was != parent {
			i.Say(r, crm.Ambiguous, "team", name, "has another parent, "+was+", already, which is taken")
			return
		}
		i.Org.Teams[name] = Team{Parent: parent}
		i.Say(r, crm.Taken, "team", name, "")
	})
}

func (i *importer) seat(r crm.Row) {
	if name, ok := i.Need(r, "seat", "seat"); ok {
		i.Later(names, func() {
			seat := i.Org.Seats[name]
			seat.Without = append(seat.Without, r.List("without")...)
			description.Put(&i.Org.Seats, name, seat)
			i.Say(r, crm.Taken, "seat", name, "")
		})
	}
}

func (i *importer) user(r crm.Row) {
	name, ok := i.Need(r, "user", "user")
	if !ok {
		return
	}
	i.Later(people, func() {
		if _, again := i.Org.Users[name]; again {
			i.Say(r, crm.Ambiguous, "user", name, "stands twice; the first is taken")
			return
		}
		u := User{Status: r.Text("status"), Seat: r.Text("seat")}
		admin, known := r.Flag("super_admin")
		if !known {
			i.Say(r, crm.Unknown, "super admin", r.Text("super_admin"), "is neither yes nor no; "+name+" is none")
		}
		u.SuperAdmin = admin && known
		if !slices.Contains([]string{"", "active", "deactivated", "removed"}, u.Status) {
			i.Say(r, crm.Unknown, "status", u.Status, "of "+name+"; she is taken for deactivated")
			u.Status = "deactivated"
		}
		if _, known := i.Org.Seats[u.Seat]; !known && u.Seat != "" {
			i.Say(r, crm.Unknown, "seat", u.Seat, "of "+name+" is in no file; she is left out")
			return
		}
		if team := r.Text("team"); description.Known(&i.Importer, r, i.Org.Teams, "team", team, name) {
			u.Team = team
		}
		for _, team := range r.List("extra_teams") {
			if description.Known(&i.Importer, r, i.Org.Teams, "team", team, name) && team != u.Team {
				u.ExtraTeams = append(u.ExtraTeams, team)
			}
		}
		for _, set := range r.List("permission_sets") {
			if description.Known(&i.Importer, r, i.Org.Sets, "permission set", set, name) {
				u.Sets = append(u.Sets, set)
			}
		}
		description.Put(&i.Org.Users, name, u)
		i.Say(r, crm.Taken, "user", name, "")
	})
}

func (i *importer) isTeam(name string) bool { _, ok := i.Org.Teams[name]; return ok }
func (i *importer) isUser(name string) bool { _, ok := i.Org.Users[name]; return ok }

func (i *importer) setPermission(r crm.Row) {
	set, ok := i.Need(r, "permission", "permission_set")
	if !ok {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Sets, set) })
	i.permission(r, "permission", set, func(object string, change func(*ObjectPermissions) bool) bool {
		p := i.Org.Sets[set]
		done := p.change(object, change)
		i.Org.Sets[set] = p
		return done
	})
}

func (i *importer) userPermission(r crm.Row) {
	name, ok := i.Need(r, "user permission", "user")
	if !ok {
		return
	}
	i.permission(r, "user permission", name, func(object string, change func(*ObjectPermissions) bool) bool {
		u := i.Org.Users[name]
		if u.Permissions == nil {
			u.Permissions = &Permissions{}
		}
		done := u.Permissions.change(object, change)
		if i.isUser(name) {
			i.Org.Users[name] = u
		}
		return done && i.isUser(name)
	})
}

// change changes the permissions of one object; nothing is changed where change says no.
func (p *Permissions) change(object string, change func(*ObjectPermissions) bool) bool {
	x := p.Objects[object]
	if !change(&x) {
		return false
	}
	description.Put(&p.Objects, object, x)
	return true
}

// permission takes over a row about one permission.
func (i *importer) permission(r crm.Row, kind, of string, apply func(string, func(*ObjectPermissions) bool) bool) {
	object, ok := i.Need(r, kind, "object")
	if !ok {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Objects, object) })
	i.Later(permissions, func() {
		verb, access := strings.ToLower(r.Text("permission")), strings.ToLower(r.Text("access"))
		what := fmt.Sprintf("%s %s %s", of, object, verb)
		unassigned, known := r.Flag("unassigned")
		why := ""
		done := apply(object, func(x *ObjectPermissions) bool {
			why = x.set(verb, access, unassigned)
			return why == "" || strings.HasPrefix(why, "stands")
		})
		switch {
		case !known:
			i.Say(r, crm.Unknown, kind, what, r.Text("unassigned")+" is neither yes nor no; it is taken for no")
		case done && why == "":
			i.Say(r, crm.Taken, kind, what, "")
		case done:
			i.Say(r, crm.Ambiguous, kind, what, why)
		case why == "":
			i.Say(r, crm.Unknown, kind, what, "the user is in no file; the row is left out")
		default:
			i.Say(r, crm.Unknown, kind, what, why+"; the row is left out")
		}
	})
}

// set sets how far a permission goes, or says why it does not.
func (x *ObjectPermissions) set(verb, access string, unassigned bool) (why string) {
	at := map[string]*string{"view": &x.View, "edit": &x.Edit, "delete": &x.Delete, "communicate": &x.Communicate, "create": &x.Create}[verb]
	words := scopeWords
	if verb == "create" {
		words = []string{"yes", "no"}
	}
	switch {
	case at == nil:
		return "there is no such permission"
	case !slices.Contains(words, access):
		return "the access " + access + " is none of " + strings.Join(words, ", ")
	case *at != "" && *at != access:
		if slices.Index(words, access) > slices.Index(words, *at) {
			*at = access
		}
		return "stands twice; " + *at + ", which is less, is taken"
	}
	*at = access
	if unassigned && verb != "create" && !slices.Contains(x.Unassigned, verb) {
		x.Unassigned = append(x.Unassigned, verb)
	}
	return ""
}

func (i *importer) setTool(r crm.Row) {
	set, ok := i.Need(r, "tool", "permission_set")
	tool, too := i.Need(r, "tool", "tool")
	if !ok || !too {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Sets, set) })
	i.Later(tools, func() {
		p := i.Org.Sets[set]
		p.Tools = append(p.Tools, tool)
		i.Org.Sets[set] = p
		i.Say(r, crm.Taken, "tool", set+" "+tool, "")
	})
}

func (i *importer) userTool(r crm.Row) {
	name, ok := i.Need(r, "user tool", "user")
	tool, too := i.Need(r, "user tool", "tool")
	if !ok || !too {
		return
	}
	i.Later(tools, func() {
		if !description.Known(&i.Importer, r, i.Org.Users, "user", name, "the tool "+tool) {
			return
		}
		u := i.Org.Users[name]
		if u.Permissions == nil {
			u.Permissions = &Permissions{}
		}
		u.Permissions.Tools = append(u.Permissions.Tools, tool)
		i.Org.Users[name] = u
		i.Say(r, crm.Taken, "user tool", name+" "+tool, "")
	})
}

func (i *importer) property(r crm.Row) {
	object, ok := i.Need(r, "property", "object")
	name, too := i.Need(r, "property", "property")
	if !ok || !too {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Objects, object) })
	i.Later(places, func() {
		x := i.Org.Objects[object]
		if _, again := x.Properties[name]; again {
			i.Say(r, crm.Ambiguous, "property", object+"."+name, "stands twice; the first is taken")
			return
		}
		description.Put(&x.Properties, name, Property{View: i.people(r, "view"), Edit: i.people(r, "edit")})
		i.Org.Objects[object] = x
		i.Say(r, crm.Taken, "property", object+"."+name, "")
	})
}

// people reads a column of people: everyone (nil), super admins, or some of them.
func (i *importer) people(r crm.Row, column string) *People {
	p, values := &People{}, r.List(column)
	for _, v := range values {
		kind, name, _ := strings.Cut(v, ":")
		name = strings.TrimSpace(name)
		switch word := strings.ToLower(v); {
		case word == "everyone" && len(values) == 1:
			return nil
		case word == "super admins":
		case kind == "user" && i.isUser(name):
			p.Users = append(p.Users, name)
		case kind == "team" && i.isTeam(name):
			p.Teams = append(p.Teams, name)
		default:
			i.Say(r, crm.Unknown, column, v, "is nobody that a file describes; left out")
		}
	}
	if len(values) == 0 {
		i.Say(r, crm.Ambiguous, column, "", "is empty; taken for super admins only")
	}
	return p
}

func (i *importer) stage(r crm.Row) {
	object, ok := i.Need(r, "stage", "object")
	pipeline, too := i.Need(r, "stage", "pipeline")
	if !ok || !too {
		return
	}
	i.Later(names, func() { description.Mention(&i.Org.Objects, object) })
	i.Later(places, func() {
		who := i.people(r, "who")
		what := strings.TrimSpace(object + " " + pipeline + " " + r.Text("stage"))
		i.Say(r, crm.Taken, "stage", what, "")
		if who == nil {
			return // everyone: there is no limit
		}
		x := i.Org.Objects[object]
		s := Stage{Pipeline: pipeline, Stage: r.Text("stage"), Who: *who}
		if s.Stage == "" {
			x.Pipelines = append(x.Pipelines, s)
		} else {
			x.Stages = append(x.Stages, s)
		}
		i.Org.Objects[object] = x
	})
}
