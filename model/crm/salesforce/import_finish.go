package salesforce

import (
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// finish makes an organisation of what the files say that compiles: what they speak of
// without a file of its own is there with no access, and noted.
func (m *importer) finish() {
	m.at = "."
	m.roles()
	for name, p := range sorted(m.org.Profiles) {
		m.mentioned("profile "+name, p.Permissions)
	}
	for name, s := range sorted(m.org.PermissionSets) {
		m.mentioned("permission set "+name, s.Permissions)
	}
	for name, p := range sorted(m.org.MutingPermissionSets) {
		m.mentioned("muting permission set "+name, p)
	}
	for name, g := range sorted(m.org.PermissionSetGroups) {
		m.org.PermissionSetGroups[name] = m.members(name, g)
	}
	for name, t := range sorted(m.org.Territories) {
		for object := range sorted(t.Access) {
			m.mention(object)
		}
		if _, ok := m.org.Territories[t.Parent]; !ok && t.Parent != "" {
			m.missing("territory", t.Parent, "the parent of "+name, "at the top")
			m.org.Territories[t.Parent] = Territory{}
		}
	}
	for _, s := range sorted(m.org.SharingSets) {
		for _, a := range s.Mappings {
			m.mention(a.Object)
		}
	}
	for name, q := range sorted(m.org.Queues) {
		for _, g := range q.grantees() {
			m.grantee("queue "+name, g)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.org.Objects)) {
		m.settle(name)
		m.shorten(name)
	}
	m.checkRules()
}

// missing notes what there is no file of.
func (m *importer) missing(kind, name, of, taken string) {
	m.note(crm.Ambiguous, 0, kind, name, of+" is in no file; "+taken)
}

func (m *importer) roles() {
	for _, name := range slices.Sorted(maps.Keys(m.org.Roles)) {
		m.roleOf("role "+name, m.org.Roles[name].Parent)
	}
	for name := range sorted(m.org.Roles) { // a cycle has no top: cut it
		seen := map[string]bool{}
		for at := name; at != ""; at = m.org.Roles[at].Parent {
			if seen[at] {
				m.note(crm.Ambiguous, 0, "role", at, "is above itself; taken as at the top")
				r := m.org.Roles[at]
				r.Parent = ""
				m.org.Roles[at] = r
				break
			}
			seen[at] = true
		}
	}
}

func (m *importer) roleOf(what, name string) {
	if _, ok := m.org.Roles[name]; !ok && name != "" {
		m.missing("role", name, "of "+what, "at the top")
		m.org.Roles[name] = Role{}
	}
}

// mention has an object that something speaks of.
func (m *importer) mention(object string) {
	if _, ok := m.org.Objects[object]; !ok {
		m.org.Objects[object] = m.objectOf(object)
	}
}

// mentioned has the objects and fields of permissions. Of fields that follow their object, it drops the permission.
func (m *importer) mentioned(what string, p Permissions) {
	for object := range sorted(p.Objects) {
		m.mention(object)
	}
	for key := range sorted(p.Fields) {
		object, field := splitField(key)
		m.mention(object)
		o := m.objectOf(object)
		f, ok := o.Fields[field]
		if !ok {
			o.Fields[field] = Field{}
		}
		if f.Required || f.System {
			delete(p.Fields, key)
			m.note(crm.Ambiguous, 0, "fieldPermissions", key, "of "+what+": the field follows its object, so the permission says nothing")
		}
		m.org.Objects[object] = o
	}
}

// members drops the sets of a group that are in no file; without its muting set, all of them, since it would grant too much.
func (m *importer) members(name string, g PermissionSetGroup) PermissionSetGroup {
	_, muting := m.org.MutingPermissionSets[g.Muting]
	if g.Muting != "" && !muting {
		m.note(crm.Unknown, 0, "mutingPermissionSets", g.Muting, "of group "+name+" is in no file; the group grants nothing")
		return PermissionSetGroup{}
	}
	g.Sets = slices.DeleteFunc(g.Sets, func(s string) bool {
		_, ok := m.org.PermissionSets[s]
		if !ok {
			m.note(crm.Unknown, 0, "permissionSets", s, "of group "+name+" is in no file; it grants nothing")
		}
		return !ok
	})
	slices.Sort(g.Sets)
	g.Sets = slices.Compact(g.Sets)
	return g
}

// settle gives an object a default that compiles.
func (m *importer) settle(name string) {
	o := m.objectOf(name)
	if !m.described[name] {
		m.missing("CustomObject", name, "the object", "private")
	} else if o.Sharing == Unset {
		m.note(crm.Ambiguous, 0, "sharingModel", name, "is in no file; private")
	}
	if o.ExternalSharing.controlled() && !o.Sharing.controlled() {
		m.note(crm.Ambiguous, 0, "externalSharingModel", name, "controlled by the parent for external users only; private")
		o.ExternalSharing = Private
	}
	if o.Sharing == ControlledByCampaign {
		o.Parent = "Campaign"
	}
	if o.Sharing.controlled() && o.Parent == "" {
		m.note(crm.Ambiguous, 0, "sharingModel", name, "controlled by a parent that is in no file; private")
		o.Sharing, o.ExternalSharing = Private, Private
	}
	if !o.Sharing.controlled() {
		o.Master = None
	}
	m.org.Objects[name] = o
	if _, ok := m.org.Objects[o.Parent]; !ok && o.Parent != "" {
		m.missing("CustomObject", o.Parent, "the parent of "+name, "private")
		m.described[o.Parent] = true
		parent := m.objectOf(o.Parent)
		parent.Parent = "" // one level is enough for what the files say
		m.org.Objects[o.Parent] = parent
	}
}

// shorten drops the fields whose names are too long for a field rule. Nobody sees them then.
func (m *importer) shorten(object string) {
	fields := m.org.Objects[object].Fields
	for field := range sorted(fields) {
		if on := model.OnField(crm.Name(object), crm.Name(field)); model.CheckColumn(on.String()) == nil {
			continue
		}
		key := object + "." + field
		m.note(crm.NotExpressible, 0, "field", key, "the name is too long for a rule; nobody sees the field (build tokens make names long)")
		delete(fields, field)
		for _, p := range m.permissions() {
			delete(p.Fields, key)
		}
	}
}

// permissions are those of all profiles and sets. Their maps are the organisation's own.
func (m *importer) permissions() (all []Permissions) {
	for _, p := range m.org.Profiles {
		all = append(all, p.Permissions)
	}
	for _, s := range m.org.PermissionSets {
		all = append(all, s.Permissions)
	}
	for _, p := range m.org.MutingPermissionSets {
		all = append(all, p)
	}
	return all
}

// grantee has the group, role, queue, territory or guest that something is shared with.
func (m *importer) grantee(what string, g Grantee) {
	have := func(kind, name string, ok bool) bool {
		if !ok && name != "" {
			m.missing(kind, name, "of "+what, "nobody is in it")
		}
		return !ok && name != ""
	}
	m.roleOf(what, g.Role+g.RoleAndSubordinates+g.RoleAndSubordinatesInternal)
	if _, ok := m.org.Groups[g.Group]; have("group", g.Group, ok) {
		m.org.Groups[g.Group] = Group{}
	}
	if _, ok := m.org.Queues[g.Queue]; have("queue", g.Queue, ok) {
		m.org.Queues[g.Queue] = Group{}
	}
	territory := g.Territory + g.TerritoryAndSubordinates
	if _, ok := m.org.Territories[territory]; have("territory", territory, ok) {
		m.org.Territories[territory] = Territory{}
	}
	if _, ok := m.org.Users[g.User]; have("user", g.User, ok) {
		if _, ok := m.org.Profiles[guestProfile]; !ok {
			m.org.Profiles[guestProfile] = Profile{}
		}
		m.org.Users[g.User] = User{Profile: guestProfile, External: true}
	}
}

// guestProfile is the profile of guest users whose own is not known: it grants nothing.
const guestProfile = "Guest"

// checkRules drops the sharing rules that cannot be expressed, and notes the others.
func (m *importer) checkRules() {
	for name, o := range sorted(m.org.Objects) {
		o.SharingRules = slices.DeleteFunc(o.SharingRules, func(r SharingRule) bool { return !m.checkRule(name, o, r) })
		m.org.Objects[name] = o
	}
}

func (m *importer) checkRule(object string, o Object, r SharingRule) bool {
	i := slices.IndexFunc(m.rules, func(x importedRule) bool { return x.object == object && x.name == r.Name })
	at := m.rules[i]
	m.rules[i].name = "" // the next of this name is another
	note := func(outcome crm.Outcome, why string) {
		m.report.Add(crm.Entry{Outcome: outcome, File: at.file, Line: at.line, Kind: at.kind, What: object + " " + r.Name, Why: why})
	}
	m.grantee("sharing rule "+r.Name, r.To)
	if r.From != nil {
		m.grantee("sharing rule "+r.Name, *r.From)
	}
	probe := &checker{Organisation: m.org}
	probe.rule("", object, r)
	if o.Sharing.controlled() {
		note(crm.NotExpressible, "the parent controls the object; the rule shares nothing")
		return false
	}
	if probe.err == nil && r.From == nil {
		probe.err = m.org.expressible(object, r)
	}
	if probe.err != nil {
		note(crm.NotExpressible, probe.err.Error()+"; the rule shares nothing here")
		return false
	}
	note(crm.Taken, "")
	return true
}
