package dynamics365_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
)

// fsOf is a file system of texts.
type fsOf map[string]string

func (f fsOf) FS() fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// sharedData is the folder of real files of a product: below CRMAUTHZ_SHARED_DATA, or
// shared/data in a folder above.
func sharedData(t *testing.T, product string) string {
	t.Helper()
	if dir := os.Getenv("CRMAUTHZ_SHARED_DATA"); dir != "" {
		return filepath.Join(dir, product)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for above := filepath.Dir(dir); above != dir; dir, above = above, filepath.Dir(above) {
		found := filepath.Join(above, "shared", "data", product)
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("CRMAUTHZ_SHARED_DATA is not set, and there is no shared/data above")
	return ""
}

// compiles gives every role of an imported organisation to a user, and checks that it compiles and
// comes back from YAML.
func compiles(t *testing.T, org *dynamics365.Organisation) *crm.Policy {
	t.Helper()
	org.BusinessUnits["root"] = dynamics365.BusinessUnit{}
	for i, role := range crm.Keys(org.Roles) {
		org.Users[fmt.Sprint("u", i)] = dynamics365.User{Unit: "root", Roles: []dynamics365.Assignment{{Role: role}}}
	}
	p, err := org.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	data, err := org.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := dynamics365.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	q, err := again.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, q); d != "" {
		t.Errorf("after a way through YAML, -before +after\n%s", d)
	}
	return p
}

func TestRealFilesImport(t *testing.T) {
	data := sharedData(t, "dynamics")
	folders, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(folders) == 0 {
		t.Fatal("no files", err)
	}
	for _, folder := range append(folders, data) {
		t.Run(filepath.Base(folder), func(t *testing.T) { importFolder(t, os.DirFS(folder)) })
	}
}

func importFolder(t *testing.T, fsys fs.FS) {
	org, report, err := dynamics365.Import(t.Context(), fsys, dynamics365.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, text := contents(t, fsys)
	if report.Files != files {
		t.Fatalf("%d files were read, of %d", report.Files, files)
	}
	for _, level := range []string{"Basic", "Local", "Deep", "Global"} {
		if got, want := report.Rights[level], strings.Count(text, ` level="`+level+`"`); got != want {
			t.Errorf("%s: the report counts %d, the text has %d", level, got, want)
		}
	}
	for _, element := range []string{"CanRead", "CanUpdate", "CanCreate"} {
		if got, want := report.Rights[element], strings.Count(text, "<"+element+">4<"); got != want {
			t.Errorf("%s: the report counts %d, the text has %d", element, got, want)
		}
	}
	for element, token := range map[string]string{"RolePrivilege": "<RolePrivilege ", "Role": "<Role ", "FieldPermission": "<FieldPermission>", "FieldSecurityProfile": "<FieldSecurityProfile "} {
		got := 0
		for _, e := range report.Entries {
			if e.Kind == element && e.Line > 0 {
				got++
			}
		}
		if want := strings.Count(text, token); got != want {
			t.Errorf("%s: the report has %d, the text %d", element, got, want)
		}
	}
	outcomes := map[crm.Outcome]int{}
	for _, e := range report.Entries {
		outcomes[e.Outcome]++
		if e.Outcome == crm.OutcomeUnset || e.File == "" || e.Kind == "" || e.Outcome != crm.Taken && e.Why == "" {
			t.Errorf("an entry does not say what became of what: %+v", e)
		}
	}
	t.Logf("%d files, %d roles, %d tables, rights %v: %v", report.Files, len(org.Roles), len(org.Tables), report.Rights, outcomes)
	compiles(t, org)
}

func contents(t *testing.T, fsys fs.FS) (files int, text string) {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := fs.ReadFile(fsys, name)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, all.String()
}

// TestTimeOfTheLargest tells what the largest file costs; see go test -v.
func TestTimeOfTheLargest(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(sharedData(t, "dynamics"), "ECER-D365", "ECER3880.Roles.xml"))
	if err != nil {
		t.Fatal(err)
	}
	one := fsOf{"ECER3880.Roles.xml": string(content)}.FS()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	org, report, err := dynamics365.Import(t.Context(), one, dynamics365.Options{})
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mib := func(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
	t.Logf("%d bytes: %v, %d entries, %s kept, %s allocated", len(content), took, len(report.Entries),
		mib(after.HeapAlloc-before.HeapAlloc), mib(after.TotalAlloc-before.TotalAlloc))
	if took > 10*time.Second {
		t.Errorf("%v", took)
	}
	runtime.KeepAlive(org)
}

func imported(t *testing.T, files fsOf, options dynamics365.Options) (*dynamics365.Organisation, *crm.Report) {
	t.Helper()
	org, report, err := dynamics365.Import(t.Context(), files.FS(), options)
	if err != nil {
		t.Fatal(err)
	}
	return org, report
}

func wantEntries(t *testing.T, report *crm.Report, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !slices.ContainsFunc(report.Entries, func(e crm.Entry) bool { return strings.HasPrefix(e.String(), want) }) {
			t.Errorf("the report does not say %q", want)
			for _, e := range report.Entries {
				t.Log(e)
			}
		}
	}
}

const salesRole = "\uFEFF<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" + `<Role id="{1}" name="Sales" isinherited="1">
  <IsCustomizable>1</IsCustomizable>
  <RolePrivileges>
    <RolePrivilege name="prvAppendToAccount" level="Deep" />
    <RolePrivilege name="prvAppendAccount" level="Basic" />
    <RolePrivilege name="prvReadOrder" level="Global" />
    <RolePrivilege name="prvReadnew_Thing" level="Local" />
    <RolePrivilege name="prvReadnew_Thing" level="Basic" />
    <RolePrivilege name="prvExportToExcel" level="Global" />
    <RolePrivilege name="prvReadLicense" level="Global" />
    <RolePrivilege name="prvWriteAccount" level="Galactic" />
    <Novelty/>
  </RolePrivileges>
</Role>`

func TestRolesAsTheFilesSayThem(t *testing.T) {
	org, report := imported(t, fsOf{"Roles/Sales.xml": salesRole, "notes.txt": "x", "Other/Ribbon.xml": "<RibbonDiffXml/>"}, dynamics365.Options{Tables: map[string]string{"new_Thing": "new_thing2"}})
	want := map[string]dynamics365.Role{"Sales": {
		DirectUser: true, Tasks: []string{"prvExportToExcel", "prvReadLicense"},
		Privileges: map[string]dynamics365.Privileges{
			"account":    {dynamics365.AppendTo: dynamics365.Deep, dynamics365.Append: dynamics365.Basic},
			"salesorder": {dynamics365.Read: dynamics365.Global}, "new_thing2": {dynamics365.Read: dynamics365.Local},
		},
	}}
	if d := cmp.Diff(want, org.Roles); d != "" {
		t.Error(d)
	}
	wantEntries(t, report,
		"Roles/Sales.xml:2: taken: Role Sales", "Roles/Sales.xml:3: not expressible: IsCustomizable Sales", "Roles/Sales.xml:5: taken: RolePrivilege Sales: prvAppendToAccount",
		"Roles/Sales.xml:9: ambiguous: RolePrivilege Sales: prvReadnew_Thing: stands twice", "Roles/Sales.xml:11: taken: RolePrivilege Sales: prvReadLicense: not on a table",
		"Roles/Sales.xml:12: unknown: RolePrivilege Sales: prvWriteAccount: the level Galactic", "Roles/Sales.xml:13: unknown: Novelty",
		"Roles/Sales.xml:5: ambiguous: table account: is in no file", "notes.txt: not expressible: file", "Other/Ribbon.xml:1: unknown: RibbonDiffXml",
	)
	compiles(t, org)
}

func TestCustomizations(t *testing.T) {
	org, report := imported(t, fsOf{"customizations.xml": `<ImportExportXml>
  <Entities>
    <Entity><Name>Account</Name><EntityInfo><entity Name="Account"><attributes>
      <attribute PhysicalName="CreditLimit"><LogicalName>creditlimit</LogicalName><IsSecured>1</IsSecured></attribute>
      <attribute PhysicalName="Name"><IsSecured>0</IsSecured></attribute>
    </attributes><OwnershipTypeMask>UserOwned</OwnershipTypeMask></entity></EntityInfo></Entity>
    <Entity><EntityInfo><entity Name="Currency"><OwnershipTypeMask>OrgOwned</OwnershipTypeMask></entity></EntityInfo></Entity>
    <Entity><EntityInfo><entity Name="Odd"><OwnershipTypeMask>Nobody</OwnershipTypeMask></entity></EntityInfo></Entity>
  </Entities>
  <Roles>
    <Role id="{1}" name="Sales"><RolePrivileges><RolePrivilege name="prvReadAccount" level="Basic"/><RolePrivilege name="prvReadCurrency" level="Global"/></RolePrivileges></Role>
    <Role id="{2}" name="Sales"><RolePrivileges><RolePrivilege name="prvReadAccount" level="Global"/></RolePrivileges></Role>
  </Roles>
  <Workflows/>
  <FieldSecurityProfiles>
    <FieldSecurityProfile name="Credit"><FieldPermissions>
      <FieldPermission><EntityName>account</EntityName><AttributeName>creditlimit</AttributeName><CanRead>4</CanRead><CanUpdate>0</CanUpdate><CanCreate>4</CanCreate><CanReadUnmasked>1</CanReadUnmasked></FieldPermission>
      <FieldPermission><EntityName>account</EntityName><AttributeName>name</AttributeName><CanRead>4</CanRead></FieldPermission>
      <FieldPermission><EntityName>contact</EntityName><AttributeName>ssn</AttributeName><CanRead>9</CanRead><CanFly>4</CanFly></FieldPermission>
      <FieldPermission><EntityName>contact</EntityName></FieldPermission>
    </FieldPermissions></FieldSecurityProfile>
  </FieldSecurityProfiles>
  <AppModules><AppModule><AppModuleRoleMaps><Role id="{1}"/></AppModuleRoleMaps></AppModule></AppModules>
</ImportExportXml>`}, dynamics365.Options{})
	wantTables := map[string]dynamics365.Table{
		"account":  {Columns: map[string]dynamics365.Column{"creditlimit": {Secured: true}, "name": {}}},
		"currency": {Ownership: dynamics365.OrganizationOwned}, "odd": {Ownership: dynamics365.OrganizationOwned},
		"contact": {Columns: map[string]dynamics365.Column{"ssn": {Secured: true}}},
	}
	if d := cmp.Diff(wantTables, org.Tables); d != "" {
		t.Error(d)
	}
	if got := org.Roles["Sales"].Privileges["account"][dynamics365.Read]; got != dynamics365.Global {
		t.Error("the deeper of two counts:", got)
	}
	wantColumns := map[string]dynamics365.ColumnAccess{"account.creditlimit": {Read: true, Create: true, Unmasked: dynamics365.OneRecord}, "contact.ssn": {}}
	if d := cmp.Diff(wantColumns, org.ColumnProfiles["Credit"].Columns); d != "" {
		t.Error(d)
	}
	wantEntries(t, report,
		"customizations.xml:4: taken: attribute account.creditlimit", "customizations.xml:6: taken: OwnershipTypeMask account UserOwned", "customizations.xml:8: unknown: OwnershipTypeMask odd Nobody",
		"customizations.xml:12: ambiguous: Role Sales: stands in customizations.xml already", "customizations.xml:14: not expressible: Workflows",
		"customizations.xml:18: ambiguous: column account.name: is not secured", "customizations.xml:19: unknown: CanRead 9", "customizations.xml:19: unknown: CanFly",
		"customizations.xml:19: ambiguous: column contact.ssn", "customizations.xml:20: unknown: FieldPermission Credit", "customizations.xml:23: not expressible: Role {1}: refers to a role",
	)
	compiles(t, org)
}

func TestImportRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       error
	}{
		"malformed":        {"Roles/a.xml", "<Role name='x'><x></Role>", crm.ErrMalformed},
		"empty":            {"Roles/a.xml", "", crm.ErrMalformed},
		"another root":     {"Roles/a.xml", "<html/>", crm.ErrWrongRoot},
		"another profile":  {"Other/FieldSecurityProfiles.xml", "<Role/>x<a>", crm.ErrMalformed},
		"second root":      {"a.xml", "<Role name='x'/><Role name='y'/>", crm.ErrMalformed},
		"entities":         {"customizations.xml", `<!DOCTYPE x [<!ENTITY a "b">]><ImportExportXml/>`, crm.ErrDoctype},
		"entities outside": {"other.xml", `<x>&undefined;</x>`, crm.ErrMalformed},
		"too large":        {"a.xml", "<Roles>" + strings.Repeat(" ", 2000) + "</Roles>", crm.ErrTooLarge},
		"too deep":         {"a.xml", "<Roles>" + strings.Repeat("<y>", 100), crm.ErrTooLarge},
		"a piece too long": {"a.xml", "<FieldSecurityProfiles><FieldSecurityProfile name='x'>" + strings.Repeat("<y/>", 150), crm.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			files := fsOf{test.file: test.text, "Roles/good.xml": salesRole}
			org, report, err := dynamics365.Import(t.Context(), files.FS(), dynamics365.Options{Limits: crm.Limits{File: 1000, Element: 500}})
			var at *crm.Error
			if !errors.Is(err, test.want) || !errors.As(err, &at) || at.File != test.file || org != nil || report != nil {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := dynamics365.Import(canceled, fsOf{"Roles/a.xml": salesRole}.FS(), dynamics365.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(salesRole)
	f.Add("<ImportExportXml><Entities><Entity><entity Name='A'><attributes><attribute><LogicalName>b</LogicalName></attribute></attributes></entity></Entity></Entities><FieldSecurityProfiles><FieldSecurityProfile name='p'><FieldPermissions><FieldPermission><EntityName>a</EntityName><AttributeName>b</AttributeName><CanRead>4</CanRead></FieldPermission></FieldPermissions></FieldSecurityProfile></FieldSecurityProfiles></ImportExportXml>")
	f.Fuzz(func(t *testing.T, text string) {
		org, report, err := dynamics365.Import(t.Context(), fsOf{"customizations.xml": text}.FS(), dynamics365.Options{})
		if err != nil {
			return
		}
		if report == nil {
			t.Fatal("no report")
		}
		var at *crm.Error
		if _, err := org.Compile("acme"); errors.As(err, &at) {
			t.Errorf("what was imported does not compile: %v", err)
		}
	})
}
