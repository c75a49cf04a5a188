package salesforce

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// finish makes an organisation of what the files say that compiles: what they speak of
// without a file of its own is there with no access, and noted.
func (m *importer) finish() {
	m.places()
	for name, p := range crm.Sorted(m.org.Profiles) {
		m.mentioned("profile "+name, p.Permissions)
	}
	for name, s := range crm.Sorted(m.org.PermissionSets) {
		m.mentioned("permission set "+name, s.Permissions)
	}
	for name, p := range crm.Sorted(m.org.MutingPermissionSets) {
		m.mentioned("muting permission set "+name, p)
	}
	for name, g := range crm.Sorted(m.org.PermissionSetGroups) {
		m.org.PermissionSetGroups[name] = m.members(name, g)
	}
	for _, t := range crm.Sorted(m.org.Territories) {
		for object := range crm.Sorted(t.Access) {
			m.mention(object)
		}
	}
	for _, s := range crm.Sorted(m.org.SharingSets) {
		for _, a := range s.Mappings {
			m.mention(a.Object)
		}
	}
	for name, q := range crm.Sorted(m.org.Queues) {
		for _, g := range q.grantees() {
			m.grantee(m.where("Queue", name), g)
		}
	}
	for _, name := range crm.Keys(m.org.Objects) {
		m.settle(name)
		m.shorten(name)
	}
	m.checkRules()
}

// missing notes what there is no file of, where it is spoken of first.
func (m *importer) missing(kind, name, taken string) {
	m.noteAt(m.where(kind, name), crm.Ambiguous, kind, name, "is in no file; "+taken)
}

// places has the roles and territories that are the parents of others, and none above itself.
func (m *importer) places() {
	complete(m, "Role", m.org.Roles, func(r *Role) *string { return &r.Parent })
	complete(m, "Territory2", m.org.Territories, func(t *Territory) *string { return &t.Parent })
}

func complete[T any](m *importer, kind string, places map[string]T, parent func(*T) *string) {
	for _, name := range crm.Keys(places) {
		place := places[name]
		if above := *parent(&place); above != "" {
			if _, ok := places[above]; !ok {
				m.missing(kind, above, "taken as at the top")
				var top T
				places[above] = top
			}
		}
		seen := map[string]bool{}
		for at := name; at != ""; {
			seen[at] = true
			here := places[at]
			above := parent(&here)
			if seen[*above] {
				m.noteAt(m.where(kind, at), crm.Ambiguous, kind, at, "is above itself; taken as at the top")
				*above = ""
				places[at] = here
			}
			at = *above
		}
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
	for object := range crm.Sorted(p.Objects) {
		m.mention(object)
	}
	for key := range crm.Sorted(p.Fields) {
		object, field := splitField(key)
		m.mention(object)
		o := m.objectOf(object)
		f, ok := o.Fields[field]
		if !ok {
			o.Fields[field] = Field{}
		}
		if f.Required || f.System {
			delete(p.Fields, key)
			m.noteAt(m.where(fieldKind, key), crm.Ambiguous, "field", key, "of "+what+": the field follows its object, so the permission says nothing")
		}
		m.org.Objects[object] = o
	}
}

// members drops the sets of a group that are in no file; without its muting set, all of them, since it would grant too much.
func (m *importer) members(name string, g PermissionSetGroup) PermissionSetGroup {
	_, muting := m.org.MutingPermissionSets[g.Muting]
	if g.Muting != "" && !muting {
		m.noteAt(m.where("mutingPermissionSets", g.Muting), crm.Unknown, "MutingPermissionSet", g.Muting, "of group "+name+" is in no file; the group grants nothing")
		return PermissionSetGroup{}
	}
	g.Sets = slices.DeleteFunc(g.Sets, func(s string) bool {
		_, ok := m.org.PermissionSets[s]
		if !ok {
			m.noteAt(m.where("permissionSets", s), crm.Unknown, "PermissionSet", s, "of group "+name+" is in no file; it grants nothing")
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
		m.missing(objectKind, name, "taken as private")
	} else if o.Sharing == Unset {
		m.noteAt(m.where(objectKind, name), crm.Ambiguous, objectKind, name, "its sharing model is in no file; private")
	}
	if o.ExternalSharing.controlled() && !o.Sharing.controlled() {
		m.noteAt(m.where(objectKind, name), crm.Ambiguous, objectKind, name, "controlled by the parent for external users only; private")
		o.ExternalSharing = Private
	}
	if o.Sharing == ControlledByCampaign {
		o.Parent = "Campaign"
	}
	if o.Sharing.controlled() && o.Parent == "" {
		m.noteAt(m.where(objectKind, name), crm.Ambiguous, objectKind, name, "controlled by a parent that is in no file; private")
		o.Sharing, o.ExternalSharing = Private, Private
	}
	if !o.Sharing.controlled() {
		o.Master = None
	}
	m.org.Objects[name] = o
	if _, ok := m.org.Objects[o.Parent]; !ok && o.Parent != "" {
		m.missing(objectKind, o.Parent, "taken as private")
		m.described[o.Parent] = true
		parent := m.objectOf(o.Parent)
		parent.Parent = "" // one level is enough for what the files say
		m.org.Objects[o.Parent] = parent
	}
}

// shorten drops the fields whose names are too long for a field rule. Nobody sees them then.
func (m *importer) shorten(object string) {
	fields := m.org.Objects[object].Fields
	for field := range crm.Sorted(fields) {
		if on := model.OnField(crm.Name(object), crm.Name(field)); model.CheckColumn(on.String()) == nil {
			continue
		}
		key := object + "." + field
		m.noteAt(m.where(fieldKind, key), crm.NotExpressible, "field", key, "the name is too long for a rule; nobody sees the field (build tokens make names long)")
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

// grantee has the group, role, queue, territory or guest that something at a place is shared with.
func (m *importer) grantee(at place, g Grantee) {
	lacks := func(kind, name string, ok bool) bool {
		if ok || name == "" {
			return false
		}
		m.noteAt(at, crm.Ambiguous, kind, name, "is in no file; nobody is in it until somebody is added")
		return true
	}
	role := g.Role + g.RoleAndSubordinates + g.RoleAndSubordinatesInternal
	if _, ok := m.org.Roles[role]; lacks("Role", role, ok) {
		m.org.Roles[role] = Role{}
	}
	if _, ok := m.org.Groups[g.Group]; lacks("Group", g.Group, ok) {
		m.org.Groups[g.Group] = Group{}
	}
	if _, ok := m.org.Queues[g.Queue]; lacks("Queue", g.Queue, ok) {
		m.org.Queues[g.Queue] = Group{}
	}
	territory := g.Territory + g.TerritoryAndSubordinates
	if _, ok := m.org.Territories[territory]; lacks("Territory2", territory, ok) {
		m.org.Territories[territory] = Territory{}
	}
	if _, ok := m.org.Users[g.User]; lacks("guestUser", g.User, ok) {
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
	for name, o := range crm.Sorted(m.org.Objects) {
		o.SharingRules = slices.DeleteFunc(o.SharingRules, func(r SharingRule) bool { return !m.checkRule(name, o, r) })
		m.org.Objects[name] = o
	}
}

func (m *importer) checkRule(object string, o Object, r SharingRule) bool {
	i := slices.IndexFunc(m.rules, func(x importedRule) bool { return x.object == object && x.name == r.Name })
	at := m.rules[i]
	m.rules[i].name = "" // the next of this name is another
	note := func(outcome crm.Outcome, why string) {
		m.noteAt(at.place, outcome, at.kind, object+" "+r.Name, why)
	}
	m.grantee(at.place, r.To)
	if r.From != nil {
		m.grantee(at.place, *r.From)
	}
	probe := &checker{Organisation: m.org}
	probe.rule("", object, r)
	if o.Sharing.controlled() {
		note(crm.NotExpressible, "the parent controls the object; the rule shares nothing")
		return false
	}
	if probe.Err == nil && r.From == nil {
		probe.Err = m.org.expressible(object, r)
	}
	if probe.Err != nil {
		note(crm.NotExpressible, probe.Err.Error()+"; the rule shares nothing here")
		return false
	}
	note(crm.Taken, "")
	return true
}
