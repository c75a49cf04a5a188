package zoho

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Options are what an import cannot know from the files.
type Options struct {
	// Users is what users are called by: id (if empty) or email.
	Users string
}

// Import reads what Zoho CRM's API answers to GET, one answer a file: every .json file of
// the fs.FS, whose root says what it has.
//
//	profiles, roles, users, user_groups, territories, data_sharing, sharing_rules, modules
//	fields                         module named by the file: fields/Leads.json or fields.Leads.json
//	record_locking_configurations  module named by the file: locks/Leads.json
//	share                          module and record named by the file: share/Leads/1234.json
//
// What one file names by an id may stand in another. Whoever is left out, because something
// of hers is in no file, may do nothing; the report says so. Errors are a *crm.Error with
// file and line; the report then says what was read before.
func Import(ctx context.Context, fsys fs.FS, options Options) (*Organisation, *crm.Report, error) {
	i := &importer{
		options: options, report: &crm.Report{}, skipped: map[[3]string]bool{},
		o: &Organisation{
			Modules: map[string]Module{}, Profiles: map[string]Profile{}, Roles: map[string]Role{}, Users: map[string]User{},
			Groups: map[string]People{}, Territories: map[string]Territory{},
		},
	}
	if options.Users != "" && options.Users != "id" && options.Users != "email" {
		return nil, i.report, &crm.Error{What: "options users", Value: options.Users, Err: crm.ErrMalformed, Hint: "one of id, email"}
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return &crm.Error{File: name, What: "file", Err: err}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.IsDir() || path.Ext(name) != ".json" {
			return nil
		}
		return i.read(fsys, name)
	})
	if err != nil {
		return nil, i.report, err
	}
	if i.report.Files == 0 {
		return nil, i.report, &crm.Error{What: "files", Err: crm.ErrNotFound, Hint: "there is no .json file"}
	}
	i.resolve()
	if err := i.o.check(); err != nil {
		return nil, i.report, err
	}
	return i.o, i.report, nil
}

// importer collects what the files have, and resolves what they name at the end.
type importer struct {
	options Options
	report  *crm.Report
	o       *Organisation
	skipped map[[3]string]bool // file, kind and key of what was passed over

	file        string
	j           *crm.JSON
	profiles    []rawProfile
	roles       []rawRole
	users       []rawUser
	groups      []rawGroup
	rules       []rawRule
	fields      []rawField
	territories []rawTerritory
	locks       []rawLock
	shares      []rawShare
}

// place is where an element stands.
type place struct {
	file string
	line int
}

// ref names an element of another file.
type ref struct{ id, name string }

// String is what a report calls it.
func (r ref) String() string {
	if r.name != "" {
		return r.name
	}
	return r.id
}

func (i *importer) here() place { return place{i.file, i.j.Line()} }

func (i *importer) add(at place, outcome crm.Outcome, kind, what, why string) {
	i.report.Add(crm.Entry{Outcome: outcome, File: at.file, Line: at.line, Kind: kind, What: what, Why: why})
}

// roots are the keys that an answer can have, and what reads each element of them.
var roots = map[string]func(*importer){
	"profiles": (*importer).profile, "roles": (*importer).role, "users": (*importer).user, "user_groups": (*importer).group,
	"territories": (*importer).territory, "data_sharing": (*importer).dataSharing, "sharing_rules": (*importer).sharingRule,
	"modules": (*importer).module, "fields": (*importer).field, "record_locking_configurations": (*importer).lock, "share": (*importer).share,
}

func (i *importer) read(fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return &crm.Error{File: name, What: "file", Err: err}
	}
	defer f.Close() //nolint:errcheck // it was read only
	i.report.Files++
	i.file, i.j = name, crm.NewJSON(name, f)
	found := false
	for key := range i.j.Object {
		read, ok := roots[key]
		switch {
		case ok:
			found = true
			for range i.j.Array {
				read(i)
			}
		default:
			i.skip("answer", key)
		}
	}
	if err := i.j.Err(); err != nil {
		return err
	}
	if !found {
		return &crm.Error{File: name, Line: 1, What: "answer", Err: crm.ErrWrongRoot, Hint: "it has none of profiles, roles, users and the others that Import names"}
	}
	return nil
}

// descriptive are keys that say nothing about who may do what.
var descriptive = []string{
	"info", "id", "description", "display_label", "display_value", "created_by", "created_time", "modified_by", "modified_time", "custom",
	"default", "delete", "category", "sections", "_default_view", "_properties", "forecast_manager", "rule_computation_running",
	"match_limit_exceeded", "api_name", "zuid", "full_name", "first_name", "last_name", "country", "locale", "time_zone", "language", "customizable",
	"feature_type", "system_defined", "name", "sequence_number", "shared_time", "shared_by", "plural_label", "singular_label", "module_name", "status_reason",
	"json_type", "length", "field_label", "label", "tooltip", "pick_list_values", "view_type", "visible", "read_only", "type",
}

// skip passes over a key that nothing is made of, and says so once a file.
func (i *importer) skip(kind, key string) {
	if !i.skipped[[3]string{i.file, kind, key}] {
		i.skipped[[3]string{i.file, kind, key}] = true
		if slices.Contains(descriptive, key) {
			i.add(i.here(), crm.NotExpressible, kind+" key", key, "says nothing about who may do what")
		} else {
			i.add(i.here(), crm.Unknown, kind+" key", key, "is passed over, here and further down in this file")
		}
	}
	i.j.Skip()
}

// ref reads {id, name}, an id, or null.
func (i *importer) ref() (r ref) {
	r.id, r.name = i.j.Ref()
	return r
}

// apiName reads the api_name of an object.
func (i *importer) apiName() (name string) {
	for key := range i.j.Object {
		if key == "api_name" {
			name = i.j.Text()
		} else {
			i.j.Skip()
		}
	}
	return name
}

// moduleOfFile is the module that the file's name has: fields/Leads.json, fields.Leads.json.
func (i *importer) moduleOfFile() string {
	name := strings.TrimSuffix(path.Base(i.file), ".json")
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[at+1:]
	}
	return name
}

// mod describes a module, if none of the files did before.
func (i *importer) mod(name string, change func(*Module)) {
	m := i.o.Modules[name]
	if change != nil {
		change(&m)
	}
	i.o.Modules[name] = m
}

func (i *importer) module() {
	at, name, linking := i.here(), "", false
	for key := range i.j.Object {
		switch key {
		case "api_name":
			name = i.j.Text()
		case "generated_type":
			linking = i.j.Text() == "linking"
		default:
			i.skip("module", key)
		}
	}
	if name == "" {
		i.j.Fail("module api_name", "", crm.ErrMalformed, "is missing")
		return
	}
	i.mod(name, func(m *Module) { m.Linking = linking })
	i.add(at, crm.Taken, "module", name, "")
}

// namer gives things names: their own, or with their ids where two have the same.
type namer struct {
	byID, byName map[string]string
	taken        map[string]int
}

func newNamer() *namer {
	return &namer{byID: map[string]string{}, byName: map[string]string{}, taken: map[string]int{}}
}

// name is the name of a thing, and whether another one was called so before.
func (n *namer) name(r ref) (name string, again bool) {
	name = r.String()
	if n.taken[name]++; n.taken[name] > 1 {
		name, again = fmt.Sprintf("%s (%s)", name, r.id), true
	} else if r.name != "" {
		n.byName[r.name] = name
	}
	if r.id != "" {
		n.byID[r.id] = name
	}
	return name, again
}

// call gives a thing a name, and says so if that is not its own.
func (i *importer) call(names *namer, kind string, at place, r ref) string {
	name, again := names.name(r)
	if again {
		i.add(at, crm.Ambiguous, kind, r.String(), "another one has this name; it is called "+name)
	}
	return name
}

// find is what the thing is called that a ref names.
func (n *namer) find(r ref) (string, bool) {
	if name, ok := n.byID[r.id]; ok && r.id != "" {
		return name, true
	}
	name, ok := n.byName[r.name]
	return name, ok && r.name != ""
}
