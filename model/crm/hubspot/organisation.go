package hubspot

import (
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Organisation is how a HubSpot account decides who sees what. Objects and properties have
// their internal names. The key of a user is what the CRM that asks calls her by.
type Organisation struct {
	Dialect crm.Dialect `yaml:"dialect,omitempty"`
	// PropertyRestrictions is where restricted properties are restricted: user_interface (if
	// empty: not when a record is created or imported, nor by API) or everywhere.
	PropertyRestrictions string                 `yaml:"property_restrictions,omitempty"`
	Objects              map[string]Object      `yaml:"objects,omitempty"`
	Teams                map[string]Team        `yaml:"teams,omitempty"`
	Sets                 map[string]Permissions `yaml:"permission_sets,omitempty"`
	Seats                map[string]Seat        `yaml:"seats,omitempty"`
	Users                map[string]User        `yaml:"users,omitempty"`
	// Added are permissions that HubSpot has added since the sets were made: everyone with
	// permissions has them, unless they are without.
	Added []string `yaml:"added,omitempty"`
}

// dialects are the answers that this package carries, HubSpot's own first. There are no
// superiors and no shares; who is above whom goes by teams.
var dialects = map[string][]string{
	"managers":                  {"none"},
	"managers_of_grantees":      {"no"},
	"hierarchy_off":             {"all"},
	"public_write_deletes":      {"no"},
	"shares_without_permission": {"useless"},
	"write_shares_transfer":     {"no"},
	"shares_at_owner_change":    {"dropped"},
	"fields":                    {"open", "closed"},
	"field_grants":              {"union"},
	"admins_see_all_fields":     {"yes", "no"},
	"tree_inherits":             {"same", "none"},
	"bundles":                   {"replace", "union"},
	"deactivation_drops_shares": {"no"},
	"effective":                 {"at_next_login", "at_once"},
}

// Object is an object, such as contacts, or an activity, such as notes.
type Object struct {
	Properties map[string]Property `yaml:"properties,omitempty"`
	// Pipelines and Stages limit who changes its records; a record's attributes pipeline and
	// stage say where it is.
	Pipelines []Stage `yaml:"pipelines,omitempty"`
	Stages    []Stage `yaml:"stages,omitempty"`
}

// Property is a property; nil is everyone, and empty People are super admins only.
type Property struct {
	View *People `yaml:"view,omitempty"`
	Edit *People `yaml:"edit,omitempty"`
}

// Stage is a pipeline, or a stage of one. Of a pipeline, Who may reach its records at all; of a
// stage, Who may change those that are in it.
type Stage struct {
	Pipeline string `yaml:"pipeline"`
	Stage    string `yaml:"stage,omitempty"`
	Who      People `yaml:"who"`
}

// People are users, directly and by team; not by the teams below it.
type People struct {
	Users []string `yaml:"users,omitempty"`
	Teams []string `yaml:"teams,omitempty"`
}

// Team is a team; who is in it sees what those in the teams below it own.
type Team struct {
	Parent string `yaml:"parent,omitempty"`
}

// Permissions are a permission set, or what one user is allowed.
type Permissions struct {
	Objects map[string]ObjectPermissions `yaml:"objects,omitempty"`
	// Tools are import, export and bulk_delete, which go as far as the permissions of an object
	// do, and any others, by their names.
	Tools []string `yaml:"tools,omitempty"`
	// Without are permissions that HubSpot added and that were turned off.
	Without []string `yaml:"without,omitempty"`
}

// ObjectPermissions is how far each permission of an object goes: all, team, owned or none (if empty).
type ObjectPermissions struct {
	View        string `yaml:"view,omitempty"`
	Edit        string `yaml:"edit,omitempty"`
	Delete      string `yaml:"delete,omitempty"`
	Communicate string `yaml:"communicate,omitempty"`
	// Create is yes or no; if empty, who may edit some may create.
	Create string `yaml:"create,omitempty"`
	// Unassigned are those of the permissions whose box "unassigned" is ticked.
	Unassigned []string `yaml:"unassigned,omitempty"`
}

// Seat is a kind of seat, and what it does not include whatever is assigned: edit, contacts.edit, export.
type Seat struct {
	Without []string `yaml:"without,omitempty"`
}

// User is one who logs in.
type User struct {
	Status     string   `yaml:"status,omitempty"` // active (if empty), deactivated or removed
	SuperAdmin bool     `yaml:"super_admin,omitempty"`
	Team       string   `yaml:"team,omitempty"` // the main team
	ExtraTeams []string `yaml:"extra_teams,omitempty"`
	Seat       string   `yaml:"seat,omitempty"`
	Assigned   `yaml:",inline"`
	// Before is what was assigned before, each until an instant; Assigned holds from the last on.
	// Ask about the instant of the login.
	Before []Before `yaml:"before,omitempty"`
}

// Assigned is what a user is allowed: her sets override her own permissions.
type Assigned struct {
	Sets        []string     `yaml:"permission_sets,omitempty"`
	Permissions *Permissions `yaml:"permissions,omitempty"`
}

// Before is what was assigned until an instant.
type Before struct {
	Assigned `yaml:",inline"`
	Until    time.Time `yaml:"until"`
}

// Parse reads a description from YAML and checks it. Errors are a *crm.Error.
func Parse(data []byte) (*Organisation, error) {
	return description.Parse(data, (*Organisation).check)
}

// YAML writes the description as Parse reads it.
func (o *Organisation) YAML() ([]byte, error) {
	return description.Format(o, (*Organisation).check)
}

// maxTeams is how many teams may be in each other.
const maxTeams = model.MaxDepth - 2

type checker struct {
	*Organisation
	crm.Checker
}

func (o *Organisation) check() error {
	_, err := o.Dialect.Resolve(dialects)
	c := &checker{o, crm.Checker{Err: err}}
	c.Word("property_restrictions", o.PropertyRestrictions, "user_interface", "everywhere")
	if len(o.Objects) == 0 {
		c.Fail("objects", "", crm.ErrMalformed, "there is none")
	}
	for name, x := range crm.Sorted(o.Objects) {
		c.object(name, x)
	}
	for name := range crm.Sorted(o.Teams) {
		c.team(name)
	}
	for name, p := range crm.Sorted(o.Sets) {
		c.permissions("permission set "+name, &p)
	}
	for name, u := range crm.Sorted(o.Users) {
		c.user("user "+name, u)
	}
	return c.Err
}

func (c *checker) object(name string, x Object) {
	if name == "" || name == accountType || name == teamType {
		c.Fail("objects", name, crm.ErrMalformed, "no name of an object")
	}
	for property, p := range crm.Sorted(x.Properties) {
		c.people("property "+name+"."+property+" view", p.View)
		c.people("property "+name+"."+property+" edit", p.Edit)
	}
	for _, s := range slices.Concat(x.Pipelines, x.Stages) {
		c.people("stage of "+name, &s.Who)
		if s.Pipeline == "" {
			c.Fail("stage of "+name, s.Stage, crm.ErrMalformed, "has no pipeline")
		}
	}
	for _, s := range x.Stages {
		if s.Stage == "" {
			c.Fail("stages of "+name, s.Pipeline, crm.ErrMalformed, "has no stage")
		}
	}
}

func (c *checker) people(what string, p *People) {
	if p != nil {
		crm.Known(&c.Checker, what, c.Users, p.Users...)
		crm.Known(&c.Checker, what, c.Teams, p.Teams...)
	}
}

func (c *checker) team(name string) {
	depth := 0
	for at := name; at != ""; at = c.Teams[at].Parent {
		crm.Known(&c.Checker, "team "+name+" parent", c.Teams, at)
		if depth++; depth > maxTeams {
			c.Fail("team "+name+" parent", c.Teams[at].Parent, model.ErrTooDeep, "a circle, or more than can be in each other")
			return
		}
	}
}

func (c *checker) permissions(what string, p *Permissions) {
	for object, x := range crm.Sorted(p.Objects) {
		in := what + " object " + object
		crm.Known(&c.Checker, what+" objects", c.Objects, object)
		for _, s := range []string{x.View, x.Edit, x.Delete, x.Communicate} {
			c.Word(in, s, scopeWords...)
		}
		c.Word(in+" create", x.Create, "yes", "no")
		for _, u := range x.Unassigned {
			c.Must(in+" unassigned", u, "view", "edit", "delete", "communicate")
		}
	}
	if slices.Contains(p.Tools, "") {
		c.Fail(what+" tools", "", crm.ErrMalformed, "is empty")
	}
}

func (c *checker) user(what string, u User) {
	c.Word(what+" status", u.Status, "active", "deactivated", "removed")
	if u.Seat != "" {
		crm.Known(&c.Checker, what+" seat", c.Seats, u.Seat)
	}
	crm.Known(&c.Checker, what+" teams", c.Teams, u.teams()...)
	c.assigned(what, u.Assigned)
	last := time.Time{}
	for _, b := range u.Before {
		c.assigned(what+" before", b.Assigned)
		if !b.Until.After(last) {
			c.Fail(what+" before", b.Until.String(), crm.ErrMalformed, "later than the one before it")
		}
		last = b.Until
	}
}

func (c *checker) assigned(what string, a Assigned) {
	crm.Known(&c.Checker, what+" permission_sets", c.Sets, a.Sets...)
	if a.Permissions != nil {
		c.permissions(what, a.Permissions)
	}
}

// teams are the user's teams, the main one first.
func (u User) teams() []string {
	if u.Team == "" {
		return u.ExtraTeams
	}
	return append([]string{u.Team}, u.ExtraTeams...)
}
