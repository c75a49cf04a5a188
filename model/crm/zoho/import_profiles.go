package zoho

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

// rawProfile is a profile as it stands in a file.
type rawProfile struct {
	place
	ref
	custom      bool
	details     bool // its permissions are there
	permissions []rawPermission
	listed      map[string]place // ids of permissions that a category has
}

type rawPermission struct {
	place
	ref
	module  string
	enabled bool
	parents []string
}

func (i *importer) profile() {
	p := rawProfile{place: i.here(), listed: map[string]place{}}
	for key := range i.j.Object {
		switch key {
		case "id":
			p.id = i.j.Text()
		case "name":
			p.name = i.j.Text()
		case "custom":
			p.custom = i.j.Flag()
		case "permissions_details":
			p.details = true
			for range i.j.Array {
				p.permissions = append(p.permissions, i.permission())
			}
		case "sections":
			for range i.j.Array {
				i.section(&p)
			}
		default:
			i.skip("profile", key)
		}
	}
	i.profiles = append(i.profiles, p)
}

func (i *importer) permission() rawPermission {
	p := rawPermission{place: i.here()}
	for key := range i.j.Object {
		switch key {
		case "id":
			p.id = i.j.Text()
		case "name":
			p.name = i.j.Text()
		case "module":
			p.module = i.j.Text()
		case "enabled":
			p.enabled = i.j.Flag()
		case "parent_permissions":
			p.parents = i.j.Any()
		default:
			i.skip("permission", key)
		}
	}
	return p
}

// section notes the permissions that a section's categories list.
func (i *importer) section(p *rawProfile) {
	for key := range i.j.Object {
		if key != "categories" {
			i.j.Skip()
			continue
		}
		for range i.j.Array {
			for key := range i.j.Object {
				if key != "permissions_details" {
					i.j.Skip()
					continue
				}
				at := i.here()
				for _, id := range i.j.Any() {
					p.listed[id] = at
				}
			}
		}
	}
}

// permissionVerbs are the words of the API's names of permissions, Crm_Implied_WORD_Module.
// Those of Export, Import, Mass_Update, Mass_Delete, Mass_Transfer, Change_Owner, Share,
// Convert, Print and Tag are as in the user interface; the documentation shows none of them.
var permissionVerbs = map[string]string{
	"View": "view", "Create": "create", "Edit": "edit", "Delete": "delete", "Mass_Email": "mass_email", "MailMerge_Mail": "mail_merge",
	"Export": "export", "Import": "import", "Mass_Update": "mass_update", "Mass_Delete": "mass_delete", "Mass_Transfer": "mass_transfer",
	"Change_Owner": "change_owner", "Share": "share", "Convert": "convert", "Print": "print", "Tag": "tags", "Send_Mail": "send_mail",
}

const implied = "Crm_Implied_"

// verbOf is the verb of a permission of a module.
func verbOf(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, implied)
	if !ok {
		return "", false
	}
	best := ""
	for word := range permissionVerbs {
		if strings.HasPrefix(rest, word+"_") && len(word) > len(best) {
			best = word
		}
	}
	return permissionVerbs[best], best != ""
}

// resolveProfiles describes the profiles, each once: a list without permissions and an
// answer about one profile may both have it.
func (i *importer) resolveProfiles(names *namer) {
	var all []rawProfile
	at := map[string]int{}
	for _, p := range i.profiles {
		key := cmp.Or(p.id, p.name)
		n, again := at[key]
		switch {
		case !again:
			at[key] = len(all)
			all = append(all, p)
		case p.details && !all[n].details:
			all[n] = p
		case p.details:
			i.add(p.place, crm.Ambiguous, "profile", p.String(), "its permissions stand in two places; those of the first are taken")
		}
	}
	for _, p := range all {
		name := i.call(names, "profile", p.place, p.ref)
		profile := Profile{Modules: map[string][]string{}, Administrator: !p.custom && p.name == "Administrator"}
		i.permissions(&profile, p)
		i.o.Profiles[name] = profile
		switch {
		case profile.Administrator:
			i.add(p.place, crm.Taken, "profile", name, "the standard administrator's: everything is allowed")
		case !p.details:
			i.add(p.place, crm.Ambiguous, "profile", name, "its permissions are in no file; it has none")
		default:
			i.add(p.place, crm.Taken, "profile", name, "")
		}
	}
}

// permissions takes over those of a profile that are enabled, and whose parents are.
func (i *importer) permissions(to *Profile, p rawProfile) {
	known := map[string]*rawPermission{}
	for n := range p.permissions {
		x := &p.permissions[n]
		if first, ok := known[x.id]; ok && x.id != "" {
			first.enabled = first.enabled && x.enabled
			i.add(x.place, crm.Ambiguous, "permission", x.String(), "stands twice; enabled if both are")
			x.name = "" // it is said
			continue
		}
		known[x.id], known[x.name] = x, x
	}
	for n := range p.permissions {
		x := &p.permissions[n]
		if x.name != "" {
			i.takePermission(to, x, known)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.listed)) {
		if known[id] == nil {
			i.add(p.listed[id], crm.Unknown, "permission", id, "is listed without details; nobody has it")
		}
	}
	for module, permissions := range to.Modules {
		slices.Sort(permissions)
		to.Modules[module] = slices.Compact(permissions)
	}
	slices.Sort(to.Permissions)
	to.Permissions = slices.Compact(to.Permissions)
}

func (i *importer) takePermission(to *Profile, x *rawPermission, known map[string]*rawPermission) {
	if !x.enabled {
		i.add(x.place, crm.Taken, "permission that is off", x.name, "")
		return
	}
	switch missing, ok := enabledAbove(x, known, 0); {
	case missing != "":
		i.add(x.place, crm.Ambiguous, "permission", x.name, "its parent "+missing+" is not in the file; it is not granted")
		return
	case !ok:
		i.add(x.place, crm.Taken, "permission that is off", x.name, "a parent of it is off")
		return
	}
	if x.module == "" {
		to.Permissions = append(to.Permissions, x.name)
		i.add(x.place, crm.Taken, "permission", x.name, "")
		return
	}
	i.mod(x.module, nil)
	verb, ok := verbOf(x.name)
	if !ok {
		verb = x.name
		i.add(x.place, crm.Unknown, "permission", x.name, "kept by its name, as an action of "+x.module+" that needs full access")
	} else {
		i.add(x.place, crm.Taken, "permission", x.name, "")
	}
	to.Modules[x.module] = append(to.Modules[x.module], verb)
}

// enabledAbove tells whether all parents of a permission are enabled, and theirs; or which is not there.
func enabledAbove(x *rawPermission, known map[string]*rawPermission, depth int) (missing string, ok bool) {
	for _, name := range x.parents {
		parent := known[name]
		if parent == nil || depth > len(known) {
			return name, false
		}
		if !parent.enabled {
			return "", false
		}
		if missing, ok := enabledAbove(parent, known, depth+1); !ok {
			return missing, false
		}
	}
	return "", true
}

// rawField is a field as it stands in a file.
type rawField struct {
	place
	module, name, typ string
	profiles          []rawFieldProfile
}

type rawFieldProfile struct {
	place
	ref
	permission string
}

func (i *importer) field() {
	f := rawField{place: i.here(), module: i.moduleOfFile()}
	for key := range i.j.Object {
		switch key {
		case "api_name":
			f.name = i.j.Text()
		case "data_type":
			f.typ = i.j.Text()
		case "profiles":
			for range i.j.Array {
				p := rawFieldProfile{place: i.here()}
				for key := range i.j.Object {
					switch key {
					case "id":
						p.id = i.j.Text()
					case "name":
						p.name = i.j.Text()
					case "permission_type":
						p.permission = i.j.Text()
					default:
						i.skip("field profile", key)
					}
				}
				f.profiles = append(f.profiles, p)
			}
		default:
			i.skip("field", key)
		}
	}
	if f.name == "" {
		i.j.Fail("field api_name", "", crm.ErrMalformed, "is missing")
	}
	i.fields = append(i.fields, f)
}

func (i *importer) resolveFields(profiles *namer) {
	for _, f := range i.fields {
		field := Field{Type: f.typ}
		if _, ok := attrTypes[f.typ]; !ok && f.typ != "" {
			field.Type = ""
			i.add(f.place, crm.Unknown, "data type", f.typ, "of "+f.name+"; it is taken for text")
		}
		for _, p := range f.profiles {
			name, known := profiles.find(p.ref)
			_, word := fieldLevels[p.permission]
			switch {
			case !word:
				i.add(p.place, crm.Unknown, "field profile", f.name+" "+p.String(), "the permission "+p.permission+" is not known; the field is hidden from it")
			case !known:
				i.add(p.place, crm.Unknown, "field profile", f.name+" "+p.String(), "the profile is in no file")
			default:
				i.add(p.place, crm.Taken, "field profile", f.name+" "+name, "")
			}
			if field.Profiles == nil {
				field.Profiles = map[string]string{}
			}
			if known && word {
				field.Profiles[name] = p.permission
			}
		}
		if field.Profiles != nil && len(field.Profiles) == 0 {
			for name := range i.o.Profiles { // a field for nobody that is known is not one for all
				field.Profiles[name] = "hidden"
			}
		}
		what := f.module + "." + f.name
		if _, again := i.o.Modules[f.module].Fields[f.name]; again {
			i.add(f.place, crm.Ambiguous, "field", what, "stands twice; the first is taken")
			continue
		}
		i.mod(f.module, func(m *Module) {
			if m.Fields == nil {
				m.Fields = map[string]Field{}
			}
			m.Fields[f.name] = field
		})
		i.add(f.place, crm.Taken, "field", what, "")
	}
}
