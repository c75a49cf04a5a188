package salesforce_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

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
	data := sharedData(t, "salesforce")
	folders, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(folders) == 0 {
		t.Fatal("no files", err)
	}
	for _, folder := range append(folders, data) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			importFolder(t, os.DirFS(folder), salesforce.Options{})
			importFolder(t, os.DirFS(folder), salesforce.Options{
				Tokens: map[string]string{"%%%NAMESPACE%%%": "npsp__", "___NAMESPACE___": "npsp__"}, Complete: true, SystemFields: salesforce.StandardFields,
			})
		})
	}
}

func importFolder(t *testing.T, fsys fs.FS, options salesforce.Options) {
	t.Helper()
	org, report, err := salesforce.Import(t.Context(), fsys, options)
	if err != nil {
		t.Fatal(err)
	}
	files, text := contents(t, fsys)
	if report.Files != files {
		t.Errorf("%d files were read, of %d", report.Files, files)
	}
	for right, token := range tokens {
		if got, want := report.Rights[right], strings.Count(text, token); got != want {
			t.Errorf("%s: the report counts %d, the text has %d", right, got, want)
		}
	}
	for _, element := range elements {
		got := 0
		for _, e := range report.Entries {
			if e.Kind == element && e.Line > 0 {
				got++
			}
		}
		if want := strings.Count(text, "<"+element+">"); got != want {
			t.Errorf("%s: the report has %d, the text %d", element, got, want)
		}
	}
	for _, e := range report.Entries {
		if e.Outcome == crm.OutcomeUnset || e.File == "" || e.Kind == "" || e.Outcome != crm.Taken && e.Why == "" {
			t.Errorf("an entry does not say what became of what: %+v", e)
		}
	}
	outcomes := map[crm.Outcome]int{}
	for _, e := range report.Entries {
		outcomes[e.Outcome]++
		if options.Tokens != nil && (e.Kind == "build token" || e.Kind == "field") {
			t.Errorf("with a table of tokens: %v", e)
		}
	}
	t.Logf("%d files, %d fields readable: %v", report.Files, report.Rights["readable"], outcomes)
	compiles(t, org)
}

// compiles checks that an imported organisation compiles, and comes back from YAML.
func compiles(t *testing.T, org *salesforce.Organisation) {
	t.Helper()
	p, err := org.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	data, err := org.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := salesforce.Parse(data)
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
}

func contents(t *testing.T, fsys fs.FS) (files int, text string) {
	t.Helper()
	var all bytes.Buffer
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
	data := sharedData(t, "salesforce")
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
	content, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	one := fsOf{filepath.Base(largest): string(content)}.FS()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	org, report, err := salesforce.Import(t.Context(), one, salesforce.Options{})
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%s, %d bytes: %v, %d entries, %s kept, %s allocated", filepath.Base(largest), size, took, len(report.Entries),
		mib(after.HeapAlloc-before.HeapAlloc), mib(after.TotalAlloc-before.TotalAlloc))
	if took > 10*time.Second {
		t.Errorf("%v", took)
	}
	runtime.KeepAlive(org)
}

func mib(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
