package salesforce_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

// tokens are what an independent count finds in the files as text.
var tokens = map[string]string{
	"allowRead": "<allowRead>true</allowRead>", "allowCreate": "<allowCreate>true</allowCreate>", "allowEdit": "<allowEdit>true</allowEdit>",
	"allowDelete": "<allowDelete>true</allowDelete>", "viewAllRecords": "<viewAllRecords>true</viewAllRecords>",
	"modifyAllRecords": "<modifyAllRecords>true</modifyAllRecords>", "viewAllFields": "<viewAllFields>true</viewAllFields>",
	"readable": "<readable>true</readable>", "editable": "<editable>true</editable>",
}

// elements are what every file's elements are counted by, whatever became of them.
var elements = []string{
	"objectPermissions", "fieldPermissions", "userPermissions", "customPermissions", "classAccesses", "pageAccesses",
	"recordTypeVisibilities", "tabSettings", "tabVisibilities", "layoutAssignments", "applicationVisibilities",
	"sharingOwnerRules", "sharingModel", "parentRole",
}

func TestRealFilesImport(t *testing.T) {
	crmtest.SharedFolders(t, "salesforce", func(t *testing.T, fsys fs.FS) {
		importFolder(t, fsys, salesforce.Options{})
		importFolder(t, fsys, salesforce.Options{
			Tokens: map[string]string{"%%%NAMESPACE%%%": "npsp__", "___NAMESPACE___": "npsp__"}, Complete: true, SystemFields: salesforce.StandardFields,
		})
	})
}

func importFolder(t *testing.T, fsys fs.FS, options salesforce.Options) {
	t.Helper()
	org, report, err := salesforce.Import(t.Context(), fsys, options)
	if err != nil {
		t.Fatal(err)
	}
	files, text := crmtest.Contents(t, fsys)
	if report.Files != files {
		t.Errorf("%d files were read, of %d", report.Files, files)
	}
	for right, token := range tokens {
		crmtest.WantRights(t, report, right, text, token)
	}
	for _, element := range elements {
		crmtest.WantElements(t, report, element, text, "<"+element+">")
	}
	for _, e := range report.Entries {
		if options.Tokens != nil && (e.Kind == "build token" || e.Kind == "field") {
			t.Errorf("with a table of tokens: %v", e)
		}
	}
	t.Logf("%d files, %d fields readable: %v", report.Files, report.Rights["readable"], crmtest.Outcomes(t, report))
	crmtest.ReadAgain(t, org, salesforce.Parse)
}

// TestTimeOfTheLargest tells what the largest file costs; see go test -v.
func TestTimeOfTheLargest(t *testing.T) {
	data := crmtest.SharedData(t, "salesforce")
	var largest string
	var size int64
	err := filepath.WalkDir(data, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil && info.Size() > size {
				largest, size = name, info.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	crmtest.Costs(t, largest, func(fsys fs.FS) (*salesforce.Organisation, *crm.Report, error) {
		return salesforce.Import(t.Context(), fsys, salesforce.Options{})
	})
}
