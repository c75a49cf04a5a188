package dynamics365

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Options are how Import reads what the files leave open.
type Options struct {
	// Tables names the tables of privileges whose names are not those of their tables, beside
	// the ones that Import knows (Order is salesorder): by the last part of a privilege's name.
	Tables map[string]string
	Limits crm.Limits
}

// Import reads the security roles, column security profiles and secured columns of solutions, unpacked or
// as customizations.xml, from all XML files of a file system. The organisation compiles; what solutions do not
// have (business units, teams, users) is for the caller to add. The report says what became of every element
// of a role or profile; of the rest of customizations.xml it says that it is no such thing.
//
// A file that cannot be read, is malformed, has a document type, is too large, or has another root than a
// file of its name has, is an error, an *crm.Error with its name and line, or several joined; then there is no
// organisation.
func Import(ctx context.Context, fsys fs.FS, options Options) (*Organisation, *crm.Report, error) {
	m := &importer{
		options: options, report: &crm.Report{}, tables: maps.Clone(tablesOf), seen: map[string]place{},
		org: &Organisation{
			BusinessUnits: map[string]BusinessUnit{}, Tables: map[string]Table{}, Roles: map[string]Role{}, Teams: map[string]Team{},
			Users: map[string]User{}, ColumnProfiles: map[string]ColumnProfile{},
		},
	}
	for suffix, table := range options.Tables {
		m.tables[strings.ToLower(suffix)] = table
	}
	if err := crm.Walk(ctx, fsys, func(name string) error { return m.file(fsys, name) }); err != nil {
		return nil, nil, err
	}
	m.finish()
	return m.org, m.report, nil
}

// importer reads files into an organisation.
type importer struct {
	options Options
	org     *Organisation
	report  *crm.Report
	tables  map[string]string // the tables of privileges, by the last part of their names
	seen    map[string]place  // where things stand first, by their kind and name
	at      string            // the file that is read
	role    string            // whose privileges are read
	table   string            // whose columns are read
}

// place is where something stands.
type place struct {
	file string
	line int
}

// roots are the elements that a file may begin with.
var roots = []string{"Role", "Roles", "FieldSecurityProfiles", "ImportExportXml", "Entity"}

// mustBe tells whether a file's name promises one of the roots.
func mustBe(file string) bool {
	base := strings.ToLower(path.Base(file))
	return path.Base(path.Dir(file)) == "Roles" || base == "customizations.xml" || base == "fieldsecurityprofiles.xml" || base == "entity.xml" || strings.HasSuffix(base, ".roles.xml")
}

func (m *importer) file(fsys fs.FS, file string) (err error) {
	m.at, m.role, m.table = file, "", ""
	if !strings.EqualFold(path.Ext(file), ".xml") {
		m.note(crm.NotExpressible, 0, "file", file, "not a file of a solution's XML")
		return nil
	}
	x, err := crm.OpenXML(fsys, file, m.options.Limits)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	m.report.Files++
	root, _, err := x.Next()
	switch {
	case errors.Is(err, io.EOF):
		return &crm.Error{File: file, Err: crm.ErrMalformed, Hint: "is empty"}
	case err != nil:
		return err
	case !slices.Contains(roots, root.Name) && mustBe(file):
		return x.WrongRoot(root, roots...)
	case !slices.Contains(roots, root.Name):
		m.note(crm.Unknown, root.Line, root.Name, file, "no root of roles, profiles or tables")
		return m.rest(x)
	}
	return m.document(x, root)
}

// rest reads to the end of a file that says nothing here, to know that it is well formed.
func (m *importer) rest(x *crm.XML) error {
	for {
		if _, _, err := x.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// document reads a file element by element: a role, or the solution's customizations, can be long.
func (m *importer) document(x *crm.XML, root *crm.Node) error {
	n, at := root, []string(nil)
	for {
		if err := m.element(x, n, at); err != nil {
			return err
		}
		var err error
		n, at, err = x.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if len(at) == 0 {
			return &crm.Error{File: m.at, Line: n.Line, What: n.Name, Err: crm.ErrMalformed, Hint: "a second root"}
		}
	}
}

// containers are elements that hold others and say nothing themselves.
var containers = []string{"RolePrivileges", "Roles", "FieldSecurityProfiles", "ImportExportXml", "Entity"}

// element reads what begins, in the elements at.
func (m *importer) element(x *crm.XML, n *crm.Node, at []string) error {
	in := ""
	if len(at) > 0 {
		in = at[len(at)-1]
	}
	switch {
	case n.Name == "Role":
		m.beginRole(n, in)
	case n.Name == "RolePrivilege" && in == "RolePrivileges" && m.role != "":
		m.privilege(n)
	case n.Name == "FieldSecurityProfile" && in == "FieldSecurityProfiles":
		return m.read(x, n, m.columnProfile)
	case n.Name == "entity" && n.Attrs["Name"] != "":
		m.table = strings.ToLower(n.Attrs["Name"])
	case slices.Contains(containers, n.Name):
	case m.table != "" && (n.Name == "attribute" && in == "attributes" || n.Name == "OwnershipTypeMask"):
		return m.read(x, n, m.ofTable)
	case in == "Role" && m.role != "":
		return m.read(x, n, m.roleHeader)
	case slices.Contains(containers, in):
		m.other(n, at)
	}
	return nil
}

// other notes an element that is not looked into.
func (m *importer) other(n *crm.Node, at []string) {
	switch in := at[len(at)-1]; {
	case in == "ImportExportXml" && n.Name != "Entities":
		m.note(crm.NotExpressible, n.Line, n.Name, "", "a part of the solution that is not about who may do what")
	case in != "ImportExportXml" && in != "Entity":
		m.note(crm.Unknown, n.Line, n.Name, "", "not known in "+in)
	}
}

// ofTable reads a column of a table, or who owns its records.
func (m *importer) ofTable(n *crm.Node) {
	if n.Name == "OwnershipTypeMask" {
		m.ownership(n)
		return
	}
	m.attribute(n)
}

func (m *importer) read(x *crm.XML, n *crm.Node, take func(*crm.Node)) error {
	if err := x.Read(n); err != nil {
		return err
	}
	take(n)
	return nil
}

// note adds to the report.
func (m *importer) note(o crm.Outcome, line int, kind, what, why string) {
	m.report.Add(crm.Entry{Outcome: o, File: m.at, Line: line, Kind: kind, What: what, Why: why})
}

// speaks remembers where something stands first.
func (m *importer) speaks(line int, kind, name string) (again bool) {
	key := kind + "\x00" + name
	if _, again = m.seen[key]; !again {
		m.seen[key] = place{m.at, line}
	}
	return again
}

// beginRole begins a role, or notes the reference to one: app modules and forms have such.
func (m *importer) beginRole(n *crm.Node, in string) {
	m.role = n.Attrs["name"]
	if m.role == "" || in != "" && in != "Roles" {
		m.role = ""
		m.note(crm.NotExpressible, n.Line, n.Name, n.Attrs["id"]+n.Attrs["Id"], "refers to a role, and defines none")
		return
	}
	r, old := m.org.Roles[m.role]
	if !old {
		r.Privileges = map[string]Privileges{}
	}
	inherited := n.Attrs["isinherited"]
	r.DirectUser = r.DirectUser || inherited == "1"
	m.org.Roles[m.role] = r
	switch {
	case m.speaks(n.Line, "Role", m.role):
		m.note(crm.Ambiguous, n.Line, n.Name, m.role, "stands in "+m.seen["Role\x00"+m.role].file+" already; the deeper privileges of both count")
	case inherited != "" && inherited != "0" && inherited != "1":
		m.note(crm.Ambiguous, n.Line, n.Name, m.role, "isinherited is "+inherited+"; taken as team privileges only")
	default:
		m.note(crm.Taken, n.Line, n.Name, m.role, "")
	}
}

func (m *importer) roleHeader(n *crm.Node) {
	m.note(crm.NotExpressible, n.Line, n.Name, m.role, "says nothing of access")
}

var levels = map[string]Depth{"Basic": Basic, "Local": Local, "Deep": Deep, "Global": Global}

func (m *importer) privilege(n *crm.Node) {
	name, level := n.Attrs["name"], n.Attrs["level"]
	depth := levels[level]
	if depth == NoDepth {
		m.note(crm.Unknown, n.Line, n.Name, m.role+": "+name, "the level "+level+" is not known; none")
		return
	}
	m.report.Grants(level)
	role := m.org.Roles[m.role]
	right, suffix, ok := splitPrivilege(name)
	if !ok {
		if !slices.Contains(role.Tasks, name) {
			role.Tasks = append(role.Tasks, name)
			m.org.Roles[m.role] = role
		}
		m.note(crm.Taken, n.Line, n.Name, m.role+": "+name, "not on a table: an action of System, whatever its level")
		return
	}
	table := m.tableOf(suffix)
	if _, known := m.org.Tables[table]; !known {
		m.org.Tables[table] = Table{}
	}
	m.speaks(n.Line, "table", table)
	if role.Privileges[table] == nil {
		role.Privileges[table] = Privileges{}
	}
	outcome, why := crm.Taken, ""
	if old := role.Privileges[table][right]; old != NoDepth {
		outcome, why = crm.Ambiguous, "stands twice; the deeper one counts"
		depth = max(depth, old)
	}
	role.Privileges[table][right] = depth
	m.note(outcome, n.Line, n.Name, m.role+": "+name, why)
}

// verbs are what the names of privileges on tables begin with. AppendTo stands before Append.
var verbs = []struct {
	word  string
	right Right
}{
	{"Create", Create}, {"Read", Read}, {"Write", Write}, {"Delete", Delete},
	{"AppendTo", AppendTo}, {"Append", Append}, {"Assign", Assign}, {"Share", ShareRight},
}

// noTables are ends of names of privileges that look like privileges on tables, and are none.
var noTables = []string{"RecordAuditHistory", "AuditSummary", "AuditPartitions", "License", "SharePointData", "SharePointDocument", "OwnCalendar", "Customization"}

// splitPrivilege takes the name of a privilege on a table apart.
func splitPrivilege(name string) (right Right, suffix string, ok bool) {
	rest, ok := strings.CutPrefix(name, "prv")
	if !ok {
		return 0, "", false
	}
	for _, v := range verbs {
		if suffix, ok := strings.CutPrefix(rest, v.word); ok && suffix != "" && !slices.Contains(noTables, suffix) {
			return v.right, suffix, true
		}
	}
	return 0, "", false
}

// tablesOf are the tables of privileges whose names are not those of their tables.
var tablesOf = map[string]string{
	"order": "salesorder", "note": "annotation", "user": "systemuser", "article": "kbarticle", "emailtemplate": "template",
	"activity": "activitypointer", "query": "savedquery",
}

func (m *importer) tableOf(suffix string) string {
	table := strings.ToLower(suffix)
	return or(m.tables[table], table)
}

func (m *importer) columnProfile(n *crm.Node) {
	name := n.Attrs["name"]
	if name == "" {
		m.note(crm.Unknown, n.Line, n.Name, "", "a profile without a name")
		return
	}
	outcome, why := crm.Taken, ""
	if m.speaks(n.Line, n.Name, name) {
		outcome, why = crm.Ambiguous, "stands in "+m.seen[n.Name+"\x00"+name].file+" already; what both grant counts"
	}
	m.note(outcome, n.Line, n.Name, name, why)
	p := m.org.ColumnProfiles[name]
	if p.Columns == nil {
		p.Columns = map[string]ColumnAccess{}
	}
	for _, list := range n.Children {
		if list.Name != "FieldPermissions" {
			m.note(crm.NotExpressible, list.Line, list.Name, name, "says nothing of access")
			continue
		}
		for _, c := range list.Children {
			m.columnPermission(c, name, p.Columns)
		}
	}
	m.org.ColumnProfiles[name] = p
}

func (m *importer) columnPermission(n *crm.Node, profile string, columns map[string]ColumnAccess) {
	table, _ := n.Child("EntityName")
	column, _ := n.Child("AttributeName")
	if n.Name != "FieldPermission" || table == "" || column == "" {
		m.note(crm.Unknown, n.Line, n.Name, profile, "names no column of a table")
		return
	}
	key := table + "." + column
	access, old := columns[key]
	for _, c := range n.Children {
		switch c.Name {
		case "EntityName", "AttributeName":
		case "CanRead":
			access.Read = m.allowed(c) || access.Read
		case "CanUpdate":
			access.Update = m.allowed(c) || access.Update
		case "CanCreate":
			access.Create = m.allowed(c) || access.Create
		case "CanReadUnmasked":
			access.Unmasked = max(access.Unmasked, m.unmasked(c))
		default:
			m.note(crm.Unknown, c.Line, c.Name, key, "not known in "+n.Name)
		}
	}
	columns[key] = access
	m.speaks(n.Line, "column", key)
	if old {
		m.note(crm.Ambiguous, n.Line, n.Name, key, "stands twice; what both grant counts")
		return
	}
	m.note(crm.Taken, n.Line, n.Name, key, "")
}

// allowed reads 4, for allowed, or 0.
func (m *importer) allowed(n *crm.Node) bool {
	switch n.Text {
	case "4":
		m.report.Grants(n.Name)
		return true
	case "0":
		return false
	}
	m.note(crm.Unknown, n.Line, n.Name, n.Text, "neither 4 nor 0; not allowed")
	return false
}

func (m *importer) unmasked(n *crm.Node) Unmasked {
	switch n.Text {
	case "0":
		return NotUnmasked
	case "1":
		m.report.Grants(n.Name)
		return OneRecord
	case "3":
		m.report.Grants(n.Name)
		return AllRecords
	}
	m.note(crm.Unknown, n.Line, n.Name, n.Text, "none of 0, 1 and 3; not unmasked")
	return NotUnmasked
}

// attribute reads a column of a table.
func (m *importer) attribute(n *crm.Node) {
	name, ok := n.Child("LogicalName")
	if !ok {
		name = strings.ToLower(n.Attrs["PhysicalName"])
	}
	if name == "" {
		m.note(crm.Unknown, n.Line, n.Name, m.table, "a column without a name")
		return
	}
	t := m.org.Tables[m.table]
	if t.Columns == nil {
		t.Columns = map[string]Column{}
	}
	secured, _ := n.Child("IsSecured")
	t.Columns[name] = Column{Secured: secured == "1"}
	m.org.Tables[m.table] = t
	m.speaks(n.Line, "described column", m.table+"."+name)
	m.note(crm.Taken, n.Line, n.Name, m.table+"."+name, "")
}

func (m *importer) ownership(n *crm.Node) {
	t := m.org.Tables[m.table]
	outcome, why := crm.Taken, ""
	switch n.Text {
	case "UserOwned", "TeamOwned", "BusinessOwned":
	case "OrgOwned", "BusinessParented", "None":
		t.Ownership = OrganizationOwned
	default:
		outcome, why = crm.Unknown, "taken as owned by the organization"
		t.Ownership = OrganizationOwned
	}
	m.org.Tables[m.table] = t
	m.speaks(n.Line, "ownership", m.table)
	m.note(outcome, n.Line, n.Name, m.table+" "+n.Text, why)
}

// finish makes an organisation that compiles, and notes what no file says.
func (m *importer) finish() {
	for name := range crm.Sorted(m.org.Tables) {
		if at, ok := m.seen["ownership\x00"+name]; !ok {
			at = m.seen["table\x00"+name]
			m.report.Add(crm.Entry{Outcome: crm.Ambiguous, File: at.file, Line: at.line, Kind: "table", What: name,
				Why: "is in no file; taken as owned by users, its columns unknown"})
		}
	}
	for name, p := range crm.Sorted(m.org.ColumnProfiles) {
		for key := range crm.Sorted(p.Columns) {
			m.secure(name, key, p.Columns)
		}
	}
}

// secure has the columns that profiles speak of. Of a column that is not secured, a profile says nothing.
func (m *importer) secure(profile, key string, columns map[string]ColumnAccess) {
	table, column := splitColumn(key)
	t := m.org.Tables[table]
	x, described := t.Columns[column]
	at := m.seen["column\x00"+key]
	note := func(why string) {
		m.report.Add(crm.Entry{Outcome: crm.Ambiguous, File: at.file, Line: at.line, Kind: "column", What: key, Why: why})
	}
	switch {
	case described && !x.Secured:
		delete(columns, key)
		note("is not secured; the profile " + profile + " says nothing of it")
	case !described:
		if t.Columns == nil {
			t.Columns = map[string]Column{}
		}
		t.Columns[column] = Column{Secured: true}
		m.org.Tables[table] = t
		note("its table is in no file; taken as secured")
	}
}
