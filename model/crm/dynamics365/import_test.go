package dynamics365_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
)

// fsOf is a file system of texts.
type fsOf = crmtest.Files

// compiles gives every role of an imported organisation to a user, and checks that it compiles and
// comes back from YAML.
func compiles(t *testing.T, org *dynamics365.Organisation) {
	t.Helper()
	org.BusinessUnits["root"] = dynamics365.BusinessUnit{}
	for i, role := range crm.Keys(org.Roles) {
		org.Users[fmt.Sprint("u", i)] = dynamics365.User{Unit: "root", Roles: []dynamics365.Assignment{{Role: role}}}
	}
	crmtest.ReadAgain(t, org, dynamics365.Parse)
}

func TestRealFilesImport(t *testing.T) {
	crmtest.SharedFolders(t, "dynamics", importFolder)
}

func importFolder(t *testing.T, fsys fs.FS) {
	org, report, err := dynamics365.Import(t.Context(), fsys, dynamics365.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, text := crmtest.Contents(t, fsys)
	if report.Files != files {
		t.Fatalf("%d files were read, of %d", report.Files, files)
	}
	for _, level := range []string{"Basic", "Local", "Deep", "Global"} {
		crmtest.WantRights(t, report, level, text, ` level="`+level+`"`)
	}
	for _, element := range []string{"CanRead", "CanUpdate", "CanCreate"} {
		crmtest.WantRights(t, report, element, text, "<"+element+">4<")
	}
	for element, token := range map[string]string{"RolePrivilege": "<RolePrivilege ", "Role": "<Role ", "FieldPermission": "<FieldPermission>", "FieldSecurityProfile": "<FieldSecurityProfile "} {
		crmtest.WantElements(t, report, element, text, token)
	}
	t.Logf("%d files, %d roles, %d tables, rights %v: %v", report.Files, len(org.Roles), len(org.Tables), report.Rights, crmtest.Outcomes(t, report))
	compiles(t, org)
}

// TestTimeOfTheLargest tells what the largest file costs; see go test -v.
func TestTimeOfTheLargest(t *testing.T) {
	largest := filepath.Join(crmtest.SharedData(t, "dynamics"), "ECER-D365", "ECER3880.Roles.xml")
	crmtest.Costs(t, largest, func(fsys fs.FS) (*dynamics365.Organisation, *crm.Report, error) {
		return dynamics365.Import(t.Context(), fsys, dynamics365.Options{})
	})
}

func imported(t *testing.T, files fsOf, options dynamics365.Options) (*dynamics365.Organisation, *crm.Report) {
	t.Helper()
	org, report, err := dynamics365.Import(t.Context(), files.FS(), options)
	if err != nil {
		t.Fatal(err)
	}
	return org, report
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
	crmtest.WantEntries(t, report,
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
	crmtest.WantEntries(t, report,
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
		if err == nil {
			crmtest.ImportCompiles(t, org, report)
		}
	})
}
