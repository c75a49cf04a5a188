package authz_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers says which packages of the module import which: a < b lets b import a,
// and all that stands to the left of a in the same rule. A rule ends with ;
// and x... is every package whose path begins so. What is not said is not allowed.
const layers = `
	model < model/crm < model/crm/internal/description < model/crm/...;
	model < adapter < adapter/...;

	model < authz/filter < authz/internal/condition < authz/internal/engine;
	authz/internal/mask, model < authz/internal/redact;
	model < authz/impact;
	model < authz/internal/duty;
	model, authz/internal/condition < authz/internal/holding;
	model, authz/filter, authz/impact, authz/internal/condition, authz/internal/engine, authz/internal/duty < authz/internal/analysis;
	model < authz/internal/condition < authz/internal/reference < authz/internal/reference/...;
	adapter, authz, authz/internal/engine, authz/internal/reference/difftest < authz/internal/reference/difftest/...;

	model, adapter, authz/filter, authz/impact, authz/internal/condition, authz/internal/engine, authz/internal/mask, authz/internal/redact,
	authz/internal/duty, authz/internal/holding, authz/internal/analysis, authz/internal/reference, authz/internal/reference/plain
	< authz < authz/authz..., authz/audit..., authz/review...;

	model, adapter, authz, authz/authzhttp < authz/internal/attacktest;

	model, adapter, authz/filter, authz/internal/condition, authz/internal/engine, authz/internal/reference, authz
	< authz/fixture < authz/authztest;

	model, model/crm, model/crm/..., adapter, adapter/..., authz, authz/authz..., authz/audit..., authz/review..., authz/fixture, authz/impact, authz/internal/analysis
	< authz/cmd/..., examples/...;
	authz/cmd/crmauthz/internal/layout, authz/cmd/crmauthz/internal/source < authz/cmd/crmauthz/internal/doctor
	< authz/cmd/crmauthz/internal/command < authz/cmd/crmauthz;

	model < testdata < examples/...;
`

// importers says which packages alone import what others made; tests count, too.
var importers = []struct {
	what []string
	by   []string
	why  string
}{
	{[]string{"github.com/casbin/"}, []string{"authz", "authz/internal/reference...", "adapter/casbinadapter...", "adapter/gormstore...", "authz/cmd/crmauthz/internal/doctor"},
		"Casbin is the reference and a bridge; no decision is built on it"},
	{drivers, []string{"adapter/casbinadapter...", "adapter/gormstore...", "authz/authzgorm...", "authz/filter", "authz/fixture", "authz/internal/storetest", "authz/cmd/...", "testdata/databases", "examples/..."},
		"importing authz links no database"},
	{[]string{"cel.dev/"}, []string{"authz/internal/condition..."}, "there is one place that knows CEL"},
	{[]string{"github.com/spf13/"}, []string{"authz/cmd/..."}, "a library has no command line"},
	{[]string{module + "/examples"}, nil, "nobody imports examples"},
}

// drivers are databases and what comes with them.
var drivers = []string{
	"database/sql", "gorm.io/", "modernc.org/", "github.com/glebarez/", "github.com/jackc/",
	"github.com/go-sql-driver/", "github.com/microsoft/go-mssqldb", "github.com/lib/pq", "github.com/mattn/go-sqlite3",
}

const module = "github.com/crmauthz/crmauthz"

// listed is a package as go list tells of it.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Deps                               []string // all that is linked
}

// name is the package's path in the module.
func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...", "./testdata")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list names %d packages only", len(all))
	}
	return all
}

// matches tells whether a package is one of a pattern's.
func matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "...")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

func anyMatches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

// mayImport is the patterns that the layers let a package import.
func mayImport(name string) (patterns []string) {
	for rule := range strings.SplitSeq(layers, ";") {
		var left []string
		for group := range strings.SplitSeq(rule, "<") {
			var items []string
			for item := range strings.SplitSeq(group, ",") {
				items = append(items, strings.TrimSpace(item))
			}
			if anyMatches(items, name) {
				patterns = append(patterns, left...)
			}
			left = append(left, items...)
		}
	}
	return patterns
}

func TestPackagesImportOnlyLowerLayers(t *testing.T) {
	for _, p := range listPackages(t) {
		allowed := mayImport(p.name())
		for _, i := range p.Imports {
			if name, ours := strings.CutPrefix(i, module+"/"); ours && !anyMatches(allowed, name) {
				t.Errorf("%s imports %s; the layers let it import %v", p.name(), name, allowed)
			}
		}
	}
}

func TestOthersPackagesAreImportedWhereTheyBelong(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, rule := range importers {
			if anyMatches(rule.by, p.name()) {
				continue
			}
			for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
				if slices.ContainsFunc(rule.what, func(prefix string) bool { return strings.HasPrefix(i, prefix) }) {
					t.Errorf("%s imports %s: %s", p.name(), i, rule.why)
				}
			}
		}
	}
}

func TestImportingAuthzLinksNoDatabase(t *testing.T) {
	seen := 0
	for _, p := range listPackages(t) {
		if !slices.Contains([]string{"model", "adapter", "authz", "authz/filter"}, p.name()) {
			continue
		}
		seen++
		for _, d := range p.Deps {
			if d == "database/sql/driver" { // interfaces; Casbin's uuid implements one
				continue
			}
			if slices.ContainsFunc(drivers, func(prefix string) bool { return strings.HasPrefix(d, prefix) }) {
				t.Errorf("%s links %s", p.name(), d)
			}
		}
	}
	if seen != 4 {
		t.Errorf("looked at %d packages, not at model, adapter, authz and authz/filter", seen)
	}
}

// The layers themselves are checked: what should be refused is.
func TestLayersRefuse(t *testing.T) {
	for _, bad := range [][2]string{
		{"model", "adapter"}, {"adapter", "authz"}, {"adapter/gormstore", "authz"}, {"adapter/gormstore", "adapter/casbinadapter"},
		{"authz", "adapter/gormstore"}, {"authz/internal/engine", "authz"}, {"authz/internal/engine", "authz/internal/reference"},
		{"authz", "testdata"}, {"model/crm/zoho", "model/crm/hubspot"}, {"authz", "examples/quickstart"},
	} {
		if anyMatches(mayImport(bad[0]), bad[1]) {
			t.Errorf("the layers let %s import %s", bad[0], bad[1])
		}
	}
}
