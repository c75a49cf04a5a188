package salesforce

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model/crm"
)

// objectRights are the children of objectPermissions, and the rights that they are.
var objectRights = map[string]Rights{
	"allowRead": Read, "allowCreate": Create, "allowEdit": Edit, "allowDelete": Delete,
	"viewAllRecords": ViewAll, "modifyAllRecords": ModifyAll, "viewAllFields": ViewAllFields,
}

// otherAccesses are the elements for other things that may be used, and the children that name them.
var otherAccesses = map[string]string{
	"classAccesses": "apexClass", "pageAccesses": "apexPage", "flowAccesses": "flow", "agentAccesses": "agentName",
	"customMetadataTypeAccesses": "name", "customSettingAccesses": "name", "externalCredentialPrincipalAccesses": "externalCredentialPrincipal",
	"externalDataSourceAccesses": "externalDataSource", "servicePresenceStatusAccesses": "servicePresenceStatus",
	"emailRoutingAddressAccesses": "name",
}

// interfaceOnly are the elements about the user interface.
var interfaceOnly = []string{
	"applicationVisibilities", "tabSettings", "tabVisibilities", "layoutAssignments", "categoryGroupVisibilities",
	"profileActionOverrides", "loginFlows",
}

// Kinds of what is spoken of without a file of its own.
const (
	objectKind = "CustomObject"
	fieldKind  = "fieldPermissions"
)

// headers are the elements that describe a profile, set or group.
var headers = []string{"label", "description", "license", "custom", "userLicense", "fullName", "status"}

// permission reads an element of a profile or set. It returns false if it is none.
func (m *importer) permission(n *crm.Node, p *Permissions) bool {
	switch name, other := otherAccesses[n.Name]; {
	case n.Name == "objectPermissions":
		m.objectPermission(n, p)
	case n.Name == "fieldPermissions":
		m.fieldPermission(n, p)
	case n.Name == "userPermissions":
		p.User = m.named(n, "name", p.User)
	case n.Name == "customPermissions":
		p.Custom = m.named(n, "name", p.Custom)
	case other:
		if names := m.named(n, name, p.Other[n.Name]); len(names) > 0 {
			p.Other[n.Name] = names
		}
	case n.Name == "recordTypeVisibilities":
		what, _ := n.Child("recordType")
		m.note(crm.NotExpressible, n.Line, n.Name, what, "which record types a form offers; decides no access")
	case slices.Contains(interfaceOnly, n.Name):
		m.note(crm.NotExpressible, n.Line, n.Name, describe(n), "user interface only")
	case slices.Contains(headers, n.Name):
		m.header(n)
	default:
		return false
	}
	return true
}

// describe is the first text in an element.
func describe(n *crm.Node) string {
	if len(n.Children) == 0 {
		return short(n.Text)
	}
	return describe(n.Children[0])
}

func (m *importer) objectPermission(n *crm.Node, p *Permissions) {
	object, ok := n.Child("object")
	if !ok || object == "" {
		m.note(crm.Unknown, n.Line, n.Name, "", "has no object")
		return
	}
	m.speaks(n.Line, objectKind, object)
	var r Rights
	for _, c := range n.Children {
		right, ok := objectRights[c.Name]
		switch {
		case ok && m.flag(c):
			m.report.Grants(c.Name)
			r |= right
		case !ok && c.Name != "object":
			m.unknown(c, n.Name)
		}
	}
	outcome, why := crm.Taken, ""
	if r.Closed() != r && !m.mutes {
		outcome, why = crm.Ambiguous, "rights that others need are missing; they are added"
	}
	if m.twice(n, object) {
		outcome, why = crm.Ambiguous, "stands twice; what both say counts"
	}
	p.Objects[object] |= r
	m.note(outcome, n.Line, n.Name, object, why)
}

// twice tells whether the file has an element of the kind for the name already.
func (m *importer) twice(n *crm.Node, name string) bool {
	key := n.Name + "\x00" + name + "\x00" + m.at
	_, ok := m.seen[key]
	m.seen[key] = place{m.at, n.Line}
	return ok
}

func (m *importer) fieldPermission(n *crm.Node, p *Permissions) {
	field, _ := n.Child("field")
	object, name := splitField(field)
	if object == "" || name == "" {
		m.note(crm.Unknown, n.Line, n.Name, field, "names no field of an object")
		return
	}
	m.speaks(n.Line, objectKind, object)
	m.speaks(n.Line, fieldKind, field)
	var readable, editable, hidden bool
	for _, c := range n.Children {
		switch c.Name {
		case "field":
		case "readable":
			readable = m.flag(c)
		case "editable":
			editable = m.flag(c)
		case "hidden": // before API 23, for readable
			hidden = m.flag(c)
		default:
			m.unknown(c, n.Name)
		}
	}
	if readable {
		m.report.Grants("readable")
	}
	if editable {
		m.report.Grants("editable")
	}
	outcome, why := crm.Taken, ""
	switch {
	case hidden:
		readable, editable = false, false
		outcome, why = crm.Ambiguous, "hidden, which older versions say; taken as neither readable nor editable"
	case editable && !readable && !m.mutes:
		outcome, why = crm.Ambiguous, "editable and not readable; taken as both"
	}
	if m.twice(n, field) {
		outcome, why = crm.Ambiguous, "stands twice; what both say counts"
	}
	p.Fields[field] = m.fieldAccess(p.Fields[field], readable, editable)
	m.note(outcome, n.Line, n.Name, field, why)
}

// fieldAccess is the access to a field that is granted, or muted, with what is already. Who
// mutes read mutes edit.
func (m *importer) fieldAccess(old Access, readable, editable bool) Access {
	switch {
	case m.mutes && (readable || old == AccessRead):
		return AccessRead
	case editable:
		return AccessEdit
	case readable:
		return max(old, AccessRead)
	}
	return old
}

// named reads an element that enables what one of its children names.
func (m *importer) named(n *crm.Node, child string, names []string) []string {
	name, _ := n.Child(child)
	enabled := false
	for _, c := range n.Children {
		switch c.Name {
		case child:
		case "enabled":
			enabled = m.flag(c)
		default:
			m.unknown(c, n.Name)
		}
	}
	switch {
	case name == "":
		m.note(crm.Unknown, n.Line, n.Name, "", "has no "+child)
	case !enabled:
		m.note(crm.Taken, n.Line, n.Name, name, "not enabled: grants nothing")
	case slices.Contains(names, name):
		m.note(crm.Ambiguous, n.Line, n.Name, name, "stands already")
	default:
		m.note(crm.Taken, n.Line, n.Name, name, "")
		names = append(names, name)
	}
	if enabled {
		m.report.Grants(n.Name)
	}
	return names
}

func newPermissions(p Permissions) Permissions {
	if p.Objects == nil {
		p.Objects = map[string]Rights{}
	}
	if p.Fields == nil {
		p.Fields = map[string]Access{}
	}
	if p.Other == nil {
		p.Other = map[string][]string{}
	}
	return p
}

func (m *importer) profile(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, bothCount)
	p := m.org.Profiles[name]
	p.Permissions = newPermissions(p.Permissions)
	err := m.children(x, func(n *crm.Node) {
		switch {
		case m.permission(n, &p.Permissions):
		case n.Name == "loginIpRanges":
			m.ipRange(n, &p)
		case n.Name == "loginHours":
			m.hours(n, &p)
		default:
			m.unknown(n, root.Name)
		}
	})
	if !m.options.Complete {
		m.note(crm.Ambiguous, root.Line, root.Name, name, "a profile has only what was retrieved with it; what it does not speak of is not granted here")
	}
	m.org.Profiles[name] = p
	return err
}

func (m *importer) ipRange(n *crm.Node, p *Profile) {
	start, _ := n.Child("startAddress")
	end, _ := n.Child("endAddress")
	ips := start + "-" + end
	if _, _, err := crm.ParseAddresses(ips); err != nil {
		p.LoginIPRanges = append(p.LoginIPRanges, nowhere)
		m.note(crm.Unknown, n.Line, n.Name, ips, "no range of addresses; nobody comes from it")
		return
	}
	p.LoginIPRanges = append(p.LoginIPRanges, ips)
	m.note(crm.Taken, n.Line, n.Name, ips, "")
}

// nowhere is a range that no request comes from, in place of one that cannot be read: without any, there would be no limit.
const nowhere = "::-::"

// hours reads children such as mondayStart and mondayEnd, in minutes.
func (m *importer) hours(n *crm.Node, p *Profile) {
	bounds := map[string]int{}
	for _, c := range n.Children {
		minutes, err := strconv.Atoi(c.Text)
		if err != nil {
			m.unknown(c, n.Name)
			continue
		}
		bounds[c.Name] = minutes
	}
	taken := 0
	for day := time.Sunday; day <= time.Saturday; day++ {
		word := strings.ToLower(day.String())
		start, ok := bounds[word+"Start"]
		end, too := bounds[word+"End"]
		if ok && too && start >= 0 && start < end && end <= 24*60 {
			p.LoginHours = append(p.LoginHours, Hours{Day: day, Start: start, End: end})
			taken++
		}
	}
	if 2*taken != len(n.Children) || taken == 0 {
		if taken == 0 {
			p.LoginHours = append(p.LoginHours, never)
		}
		m.note(crm.Ambiguous, n.Line, n.Name, "", fmt.Sprintf("%d of 7 days can be read; none at other times", taken))
		return
	}
	m.note(crm.Ambiguous, n.Line, n.Name, "", "in the organisation's time zone, which is not in the file; taken as UTC")
}

// never is hours in which nobody logs in, in place of some that cannot be read: without any, there would be no limit.
var never = Hours{}

func (m *importer) permissionSet(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, bothCount)
	s := m.org.PermissionSets[name]
	s.Permissions = newPermissions(s.Permissions)
	err := m.children(x, func(n *crm.Node) {
		switch {
		case m.permission(n, &s.Permissions):
		case n.Name == "hasActivationRequired":
			s.SessionBased = m.flag(n) || s.SessionBased
			m.note(crm.Taken, n.Line, n.Name, n.Text, "")
		default:
			m.unknown(n, root.Name)
		}
	})
	m.org.PermissionSets[name] = s
	return err
}

func (m *importer) mutingSet(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, bothCount)
	p := newPermissions(m.org.MutingPermissionSets[name])
	m.mutes = true
	defer func() { m.mutes = false }()
	err := m.children(x, func(n *crm.Node) {
		if !m.permission(n, &p) {
			m.unknown(n, root.Name)
		}
	})
	m.org.MutingPermissionSets[name] = p
	return err
}

func (m *importer) setGroup(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, bothCount)
	g := m.org.PermissionSetGroups[name]
	err := m.children(x, func(n *crm.Node) {
		switch {
		case n.Name == "permissionSets":
			g.Sets = append(g.Sets, n.Text)
			m.speaks(n.Line, n.Name, n.Text)
			m.note(crm.Taken, n.Line, n.Name, n.Text, "")
		case n.Name == "mutingPermissionSets" && (g.Muting == "" || g.Muting == n.Text):
			g.Muting = n.Text
			m.speaks(n.Line, n.Name, n.Text)
			m.note(crm.Taken, n.Line, n.Name, n.Text, "")
		case n.Name == "mutingPermissionSets":
			m.note(crm.Unknown, n.Line, n.Name, n.Text, "a group has one muting set")
		case n.Name == "hasActivationRequired":
			m.note(crm.NotExpressible, n.Line, n.Name, n.Text, "a group's sets need no activation")
		case slices.Contains(headers, n.Name):
			m.header(n)
		default:
			m.unknown(n, root.Name)
		}
	})
	m.org.PermissionSetGroups[name] = g
	return err
}
