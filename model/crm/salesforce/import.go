package salesforce

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Options are how Import reads what the files leave open. The zero Options grant the least.
type Options struct {
	// Tokens are what build tokens in texts and names of files stand for: "%%%NAMESPACE%%%": "npsp__".
	// Without a table the tokens stay part of the names.
	Tokens map[string]string
	// Complete says that profiles were retrieved with everything that they speak of. If not, the
	// report says of each that there may be more of it.
	Complete bool
	// SystemFields are fields that every object has without field-level security, to read; such as those of StandardFields.
	SystemFields []string
	Limits       crm.Limits
}

// StandardFields are the fields that Salesforce keeps on every object.
var StandardFields = []string{"Id", "OwnerId", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp"}

// kinds are the endings of the names of metadata files (before -meta.xml, in the source format), and their roots.
var kinds = map[string]string{
	".profile": "Profile", ".permissionset": "PermissionSet", ".permissionsetgroup": "PermissionSetGroup",
	".mutingpermissionset": "MutingPermissionSet", ".role": "Role", ".object": "CustomObject", ".field": "CustomField",
	".sharingRules": "SharingRules", ".sharingSet": "SharingSet", ".settings": "", ".group": "Group", ".queue": "Queue",
	".territory2": "Territory2", ".rule": "RestrictionRule", ".restrictionRule": "RestrictionRule",
}

// Import reads an organisation's metadata, in the source format or that of the Metadata
// API, from all files of a file system. The organisation compiles; what the files do not say (the users, whom
// groups consist of) is for the caller to add. The report says what became of every element.
//
// A file that cannot be read, is malformed, has a document type, is too large, or has a root of no metadata is an
// error, an *crm.Error with its name and line, or several joined; then there is no organisation.
func Import(ctx context.Context, fsys fs.FS, options Options) (*Organisation, *crm.Report, error) {
	m := &importer{
		options: options, report: &crm.Report{}, described: map[string]bool{},
		seen: map[string]place{}, spoken: map[string]place{},
		org: &Organisation{
			Objects: map[string]Object{}, Profiles: map[string]Profile{}, PermissionSets: map[string]PermissionSet{},
			PermissionSetGroups: map[string]PermissionSetGroup{}, MutingPermissionSets: map[string]Permissions{},
			Roles: map[string]Role{}, Groups: map[string]Group{}, Queues: map[string]Group{},
			Territories: map[string]Territory{}, SharingSets: map[string]SharingSet{}, Users: map[string]User{},
			UserFields: map[string]string{},
		},
	}
	for token, text := range crm.Sorted(options.Tokens) {
		m.tokens = append(m.tokens, token, text)
	}
	m.replace = strings.NewReplacer(m.tokens...)
	if err := crm.Walk(ctx, fsys, func(name string) error { return m.file(fsys, name) }); err != nil {
		return nil, nil, err
	}
	m.finish()
	return m.org, m.report, nil
}

// importer reads files into an organisation.
type importer struct {
	options   Options
	tokens    []string
	replace   *strings.Replacer
	org       *Organisation
	report    *crm.Report
	described map[string]bool  // objects that have a file
	seen      map[string]place // where things stand first, by their kind and name
	spoken    map[string]place // where things are spoken of first, by their kind and name
	at        string           // the file that is read
	mutes     bool             // it is a muting set
	rules     []importedRule
}

// place is where something stands.
type place struct {
	file string
	line int
}

// kindOf takes the name of a file apart: its ending, and the API name of what it holds.
func kindOf(file string) (kind, name string) {
	base := strings.TrimSuffix(path.Base(file), "-meta.xml")
	kind = path.Ext(base)
	name = strings.TrimSuffix(base, kind)
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return kind, name
}

func (m *importer) file(fsys fs.FS, file string) (err error) {
	m.at = file
	kind, name := kindOf(file)
	if _, ok := kinds[kind]; !ok {
		m.note(crm.NotExpressible, 0, "file", file, "not a file of users' permissions")
		return nil
	}
	x, err := crm.OpenXML(fsys, file, m.options.Limits)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	m.report.Files++
	root, _, err := x.Next()
	if errors.Is(err, io.EOF) {
		return &crm.Error{File: file, Err: crm.ErrMalformed, Hint: "is empty"}
	} else if err != nil {
		return err
	}
	if err := m.document(x, root, m.name(0, name)); err != nil {
		return err
	}
	if extra, _, err := x.Next(); err == nil {
		return &crm.Error{File: file, Line: extra.Line, What: extra.Name, Err: crm.ErrMalformed, Hint: "a second root"}
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// document reads a file by what its root is, whatever its name ends with.
func (m *importer) document(x *crm.XML, root *crm.Node, name string) error {
	switch root.Name {
	case "Profile":
		return m.profile(x, root, name)
	case "PermissionSet":
		return m.permissionSet(x, root, name)
	case "MutingPermissionSet":
		return m.mutingSet(x, root, name)
	case "PermissionSetGroup":
		return m.setGroup(x, root, name)
	case "Role":
		return m.role(x, root, name)
	case "CustomObject":
		return m.object(x, root, name)
	case "CustomField":
		return m.fieldFile(x, root)
	case "SharingRules":
		return m.sharingRules(x, root, name)
	case "SharingSet":
		return m.sharingSet(x, root, name)
	case "Group":
		return m.group(x, root, name)
	case "Queue":
		return m.queue(x, root, name)
	case "Territory2":
		return m.territory(x, root, name)
	case "RestrictionRule":
		return m.whole(x, root, name, "its criteria are formulas; describe it under restriction_rules of its object")
	case "Package":
		return m.whole(x, root, name, "a list of what to deploy")
	}
	if strings.HasSuffix(root.Name, "Settings") {
		return m.whole(x, root, name, "switches of the organisation, not of users; defaults stand with the objects")
	}
	roots := []string{"Package", "…Settings"}
	for _, r := range kinds {
		if r != "" && !slices.Contains(roots, r) {
			roots = append(roots, r)
		}
	}
	slices.Sort(roots)
	return x.WrongRoot(root, roots...)
}

// children reads the children of the root, each as a whole.
func (m *importer) children(x *crm.XML, visit func(*crm.Node)) error {
	for {
		n, at, err := x.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case len(at) == 0:
			return &crm.Error{File: m.at, Line: n.Line, What: n.Name, Err: crm.ErrMalformed, Hint: "a second root"}
		}
		if err := x.Read(n); err != nil {
			return err
		}
		m.resolve(n)
		visit(n)
	}
}

// resolve replaces the build tokens in an element.
func (m *importer) resolve(n *crm.Node) {
	n.Text = m.name(n.Line, n.Text)
	for _, c := range n.Children {
		m.resolve(c)
	}
}

// name replaces the build tokens in a text, and notes one that stays, once in a file.
func (m *importer) name(line int, text string) string {
	if len(m.tokens) > 0 {
		text = m.replace.Replace(text)
	}
	if strings.Contains(text, "%%%") || strings.HasPrefix(text, "___") {
		m.once(crm.Ambiguous, line, "build token", text, "there is nothing to put in its place; it stays part of the name")
	}
	return text
}

// note adds to the report.
func (m *importer) note(o crm.Outcome, line int, kind, what, why string) {
	m.report.Add(crm.Entry{Outcome: o, File: m.at, Line: line, Kind: kind, What: what, Why: why})
}

// once notes the first of a kind in the file.
func (m *importer) once(o crm.Outcome, line int, kind, what, why string) {
	if key := kind + "\x00" + m.at; m.seen[key] == (place{}) {
		m.seen[key] = place{m.at, line}
		m.note(o, line, kind, what, why)
	}
}

// What becomes of two files about one thing.
const (
	bothCount  = "what both grant counts"
	lastCounts = "what is read last counts"
)

// again notes a name of a kind that another file has already.
func (m *importer) again(line int, kind, name, counts string) {
	key := kind + "\x00" + name
	if first, ok := m.seen[key]; ok {
		m.note(crm.Ambiguous, line, kind, name, "stands in "+first.file+" too; "+counts)
		return
	}
	m.seen[key] = place{m.at, line}
}

// speaks remembers where something is spoken of first that may be in no file of its own.
func (m *importer) speaks(line int, kind, name string) {
	if key := kind + "\x00" + name; m.spoken[key] == (place{}) {
		m.spoken[key] = place{m.at, line}
	}
}

// where something stands, or else is spoken of, first.
func (m *importer) where(kind, name string) place {
	key := kind + "\x00" + name
	if at, ok := m.seen[key]; ok {
		return at
	}
	return m.spoken[key]
}

// noteAt notes what is seen when all files are read.
func (m *importer) noteAt(at place, o crm.Outcome, kind, what, why string) {
	m.report.Add(crm.Entry{Outcome: o, File: at.file, Line: at.line, Kind: kind, What: what, Why: why})
}

// header notes an element that says nothing of access.
func (m *importer) header(n *crm.Node) {
	m.note(crm.NotExpressible, n.Line, n.Name, short(n.Text), "says nothing of access")
}

// unknown notes an element that is not known.
func (m *importer) unknown(n *crm.Node, in string) {
	m.note(crm.Unknown, n.Line, n.Name, short(n.Text), "not known in "+in)
}

func short(text string) string {
	if line, _, more := strings.Cut(text, "\n"); more || len(line) > 80 {
		for i := range line {
			if i >= 80 {
				return line[:i] + "…"
			}
		}
		return line + "…"
	}
	return text
}

// whole reads a document that is taken nowhere.
func (m *importer) whole(x *crm.XML, root *crm.Node, name, why string) error {
	m.note(crm.NotExpressible, root.Line, root.Name, name, why)
	return m.children(x, func(n *crm.Node) { m.note(crm.NotExpressible, n.Line, n.Name, short(n.Text), why) })
}

// flag reads true or false, in capitals or not; another word is noted and is false.
func (m *importer) flag(n *crm.Node) bool {
	switch strings.ToLower(n.Text) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	m.note(crm.Unknown, n.Line, n.Name, short(n.Text), "neither true nor false; false")
	return false
}

// access reads None, Read, Edit or All; another word is noted and is none.
func (m *importer) access(n *crm.Node) Access {
	for a, word := range []string{"None", "Read", "Edit", "All"} {
		if n.Text == word {
			return Access(a)
		}
	}
	m.note(crm.Unknown, n.Line, n.Name, short(n.Text), "no such access; none")
	return None
}
