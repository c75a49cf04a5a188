package crmtest

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

	"github.com/crmauthz/crmauthz/model/crm"
)

// Files are the texts of a file system.
type Files map[string]string

// FS is the file system.
func (f Files) FS() fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// EachFile visits the files of a file system.
func EachFile(t testing.TB, fsys fs.FS, visit func(name string, data []byte)) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err == nil {
			visit(name, data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Contents is how many files a file system has, and the text of all.
func Contents(t testing.TB, fsys fs.FS) (files int, text string) {
	t.Helper()
	var all strings.Builder
	EachFile(t, fsys, func(_ string, data []byte) {
		files++
		all.Write(data)
	})
	return files, all.String()
}

// SharedData is the folder of real files of a product: below CRMAUTHZ_SHARED_DATA, or
// shared/data in a folder above.
func SharedData(t *testing.T, product string) string {
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

// SharedFolders visits each folder of real files of a product, and all of them together.
func SharedFolders(t *testing.T, product string, visit func(t *testing.T, fsys fs.FS)) {
	t.Helper()
	data := SharedData(t, product)
	folders, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(folders) == 0 {
		t.Fatal("no files", err)
	}
	for _, folder := range append(folders, data) {
		t.Run(filepath.Base(folder), func(t *testing.T) { visit(t, os.DirFS(folder)) })
	}
}

// Costs tells what the import of one file costs, see go test -v, and refuses more than ten seconds.
func Costs[O any](t *testing.T, file string, load func(fsys fs.FS) (*O, *crm.Report, error)) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	one := Files{filepath.Base(file): string(content)}.FS()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	o, report, err := load(one)
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mib := func(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
	t.Logf("%s, %d bytes: %v, %d entries, %s kept, %s allocated", filepath.Base(file), len(content), took, len(report.Entries),
		mib(after.HeapAlloc-before.HeapAlloc), mib(after.TotalAlloc-before.TotalAlloc))
	if took > 10*time.Second {
		t.Errorf("%v", took)
	}
	runtime.KeepAlive(o)
}

// Counts is how many entries a report has, by "outcome: kind". Each says where it stands, but that of a description.
func Counts(t *testing.T, report *crm.Report) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, e := range report.Entries {
		counts[fmt.Sprint(e.Outcome, ": ", e.Kind)]++
		if e.File == "" || e.Line == 0 && e.Kind != "description" {
			t.Errorf("without its place: %v", e)
		}
	}
	return counts
}

// Outcomes is how many entries of a report have each outcome. Each says what became of what.
func Outcomes(t *testing.T, report *crm.Report) map[crm.Outcome]int {
	t.Helper()
	outcomes := map[crm.Outcome]int{}
	for _, e := range report.Entries {
		outcomes[e.Outcome]++
		if e.Outcome == crm.OutcomeUnset || e.File == "" || e.Kind == "" || e.Outcome != crm.Taken && e.Why == "" {
			t.Errorf("an entry does not say what became of what: %+v", e)
		}
	}
	return outcomes
}

// WantRights checks that a report counts a right as often as a token stands in the text of all files.
func WantRights(t *testing.T, report *crm.Report, right, text, token string) {
	t.Helper()
	if got, want := report.Rights[right], strings.Count(text, token); got != want {
		t.Errorf("%s: the report counts %d, the text has %d", right, got, want)
	}
}

// WantElements checks that a report has as many elements of a kind as there are tokens in the text of all files.
func WantElements(t *testing.T, report *crm.Report, kind, text, token string) {
	t.Helper()
	got := 0
	for _, e := range report.Entries {
		if e.Kind == kind && e.Line > 0 {
			got++
		}
	}
	if want := strings.Count(text, token); got != want {
		t.Errorf("%s: the report has %d, the text %d", kind, got, want)
	}
}

// WantEntries checks that a report has entries that begin so: file:line: outcome: kind what.
func WantEntries(t *testing.T, report *crm.Report, wants ...string) {
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

// FuzzTable checks of any table, beginning with those that were exported, that it is refused, or that what is
// made of it and the description beside it can be written and read again.
func FuzzTable[O any, P Organisation[O]](f *testing.F, exported fs.FS, beside string,
	load func(context.Context, fs.FS) (P, *crm.Report, error), parse func([]byte) (P, error),
) {
	EachFile(f, exported, func(_ string, data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		o, report, err := load(t.Context(), fstest.MapFS{"a.yaml": {Data: []byte(beside)}, "x.csv": {Data: data}})
		if report == nil || (o == nil) != (err != nil) {
			t.Fatal(o, report, err)
		}
		if err != nil {
			return
		}
		text, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

// ImportCompiles checks that what was imported compiles, but for names that facts cannot hold.
func ImportCompiles[O any, P Organisation[O]](t *testing.T, o P, report *crm.Report) {
	t.Helper()
	if report == nil {
		t.Fatal("no report")
	}
	var e *crm.Error
	if _, err := o.Compile("acme"); errors.As(err, &e) {
		t.Errorf("what was imported does not compile: %v", err)
	}
}
