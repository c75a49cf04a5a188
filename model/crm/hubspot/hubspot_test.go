package hubspot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
)

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
		says string
	}{
		"nothing":           {"", crm.ErrMalformed, "empty"},
		"no object":         {"teams: {North: {}}", crm.ErrMalformed, "objects"},
		"an unknown word":   {"objects: {deals: {}}\nteam: {}", crm.ErrMalformed, "line 2"},
		"an unknown scope":  {"objects: {deals: {}}\npermission_sets: {S: {objects: {deals: {view: everything}}}}", crm.ErrMalformed, `"everything"`},
		"an unknown object": {"objects: {deals: {}}\npermission_sets: {S: {objects: {cats: {view: all}}}}", crm.ErrNotFound, `"cats"`},
		"an unknown set":    {"objects: {deals: {}}\nusers: {ann: {permission_sets: [S]}}", crm.ErrNotFound, `"S"`},
		"an unknown team":   {"objects: {deals: {}}\nusers: {ann: {extra_teams: [T]}}", crm.ErrNotFound, `"T"`},
		"an unknown seat":   {"objects: {deals: {}}\nusers: {ann: {seat: Core}}", crm.ErrNotFound, `"Core"`},
		"an unknown status": {"objects: {deals: {}}\nusers: {ann: {status: frozen}}", crm.ErrMalformed, `"frozen"`},
		"teams in a circle": {"objects: {deals: {}}\nteams: {A: {parent: B}, B: {parent: A}}", model.ErrTooDeep, "team"},
		"another dialect":   {"objects: {deals: {}}\ndialect: {managers: same}", crm.ErrMalformed, "managers"},
		"before the before": {"objects: {deals: {}}\nusers: {ann: {before: [{until: 2026-02-01T00:00:00Z}, {until: 2026-01-01T00:00:00Z}]}}", crm.ErrMalformed, "before"},
		"the object team":   {"objects: {team: {}}", crm.ErrMalformed, "team"},
		"a nameless tool":   {"objects: {deals: {}}\npermission_sets: {S: {tools: [\"\"]}}", crm.ErrMalformed, "tools"},
		"a stage of none":   {"objects: {deals: {stages: [{pipeline: p, who: {}}]}}", crm.ErrMalformed, "stage"},
		"a box of none":     {"objects: {deals: {}}\npermission_sets: {S: {objects: {deals: {unassigned: [export]}}}}", crm.ErrMalformed, "unassigned"},
		"too much":          {strings.Repeat("#", model.MaxYAML+1), crm.ErrTooLarge, "description"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := hubspot.Parse([]byte(tc.text))
			var e *crm.Error
			if !errors.Is(err, tc.want) || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.says) || o != nil {
				t.Errorf("%v, want %v with %q", err, tc.want, tc.says)
			}
		})
	}
	if p, err := (&hubspot.Organisation{}).Compile("acme"); !errors.Is(err, crm.ErrMalformed) || p != nil {
		t.Error(p, err)
	}
}

func TestCheckAssign(t *testing.T) {
	o, err := hubspot.Parse([]byte(`
objects: {deals: {}, contacts: {}}
seats: {View-Only: {without: [edit, create]}}
permission_sets:
  Admin: {objects: {deals: {view: all, edit: team, delete: owned}}, tools: [workflows]}
  Less: {objects: {deals: {view: team, edit: owned}}}
  Wider: {objects: {deals: {view: all, edit: all}}}
  Other: {objects: {contacts: {view: owned}}}
  Pick: {objects: {deals: {view: team, unassigned: [view]}}}
  Tools: {tools: [workflows]}
  More tools: {tools: [import]}
users:
  root: {super_admin: true}
  ann: {permission_sets: [Admin]}
  vera: {permission_sets: [Admin], seat: View-Only}
  ida: {permissions: {objects: {deals: {view: team, edit: owned}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		by, set string
		want    error
	}{
		{"root", "Wider", nil}, {"root", "Other", nil}, {"ann", "Admin", nil}, {"ann", "Less", nil}, {"ann", "Tools", nil}, {"ann", "Pick", nil},
		{"ann", "Wider", crm.ErrRefused}, {"ann", "Other", crm.ErrRefused}, {"ann", "More tools", crm.ErrRefused},
		{"vera", "Less", crm.ErrRefused}, {"vera", "Tools", nil}, {"ida", "Less", nil}, {"ida", "Pick", crm.ErrRefused},
		{"eve", "Less", crm.ErrNotFound}, {"ann", "Nothing", crm.ErrNotFound},
	} {
		if err := o.CheckAssign(tc.by, tc.set); !errors.Is(err, tc.want) {
			t.Errorf("%s assigns %s: %v, want %v", tc.by, tc.set, err, tc.want)
		}
	}
}

func descriptions(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/crm/hubspot/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ Organisation yaml.Node }
		if err := yaml.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		if all[file], err = yaml.Marshal(&s.Organisation); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for file, text := range descriptions(t) {
		o, err := hubspot.Parse(text)
		if err != nil {
			t.Fatal(file, err)
		}
		written, err := o.YAML()
		if err != nil {
			t.Fatal(file, err)
		}
		again, err := hubspot.Parse(written)
		if err != nil {
			t.Fatalf("%s: %v\n%s", file, err, written)
		}
		first, err := o.Compile("acme")
		if err != nil {
			t.Fatal(file, err)
		}
		second, err := again.Compile("acme")
		if err != nil {
			t.Fatal(file, err)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Errorf("%s compiles to something else the second time\n%s\n%s", file, d, written)
		}
	}
}

const exported = "../../../testdata/crm/hubspot/export"

func TestImport(t *testing.T) {
	o, report, err := hubspot.Import(t.Context(), os.DirFS(exported))
	if err != nil {
		t.Fatal(err)
	}
	some := func(users, teams []string) *hubspot.People { return &hubspot.People{Users: users, Teams: teams} }
	want := &hubspot.Organisation{
		PropertyRestrictions: "everywhere",
		Objects: map[string]hubspot.Object{
			"contacts": {Properties: map[string]hubspot.Property{
				"email": {}, "salary": {View: some([]string{"ann"}, []string{"North"}), Edit: some(nil, nil)}, "rating": {Edit: some(nil, nil)},
			}},
			"deals": {
				Pipelines: []hubspot.Stage{{Pipeline: "partners", Who: *some(nil, []string{"North"})}},
				Stages:    []hubspot.Stage{{Pipeline: "sales", Stage: "won", Who: *some([]string{"ann"}, nil)}},
			},
		},
		Teams: map[string]hubspot.Team{"Sales": {}, "North": {Parent: "Sales"}, "Lost": {}},
		Seats: map[string]hubspot.Seat{"View-Only": {Without: []string{"edit", "create"}}},
		Sets: map[string]hubspot.Permissions{
			"Reps":   {Objects: map[string]hubspot.ObjectPermissions{"contacts": {View: "all", Edit: "team", Unassigned: []string{"edit"}}, "deals": {View: "owned"}}, Tools: []string{"export"}},
			"Nobody": {Tools: []string{"workflows"}},
		},
		Users: map[string]hubspot.User{
			"ann":  {Status: "active", Team: "North", ExtraTeams: []string{"Sales"}, Assigned: hubspot.Assigned{Sets: []string{"Reps"}}},
			"bob":  {Status: "deactivated", Seat: "View-Only", Assigned: hubspot.Assigned{Permissions: &hubspot.Permissions{Objects: map[string]hubspot.ObjectPermissions{"deals": {View: "all", Create: "no"}}, Tools: []string{"import"}}}},
			"root": {SuperAdmin: true},
			"who":  {Status: "deactivated"},
		},
	}
	if d := cmp.Diff(want, o); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if _, err := o.Compile("acme"); err != nil {
		t.Error(err)
	}
	counts := map[string]int{}
	for _, e := range report.Entries {
		counts[fmt.Sprint(e.Outcome, ": ", e.Kind)]++
		if e.File == "" || e.Line == 0 && e.Kind != "description" {
			t.Errorf("without its place: %v", e)
		}
	}
	wantCounts := map[string]int{
		"taken: description": 1, "taken: team": 3, "unknown: team": 3, "taken: seat": 1, "taken: user": 4, "ambiguous: user": 1, "unknown: seat": 1,
		"unknown: status": 1, "unknown: super admin": 1, "unknown: permission set": 1, "unknown: user column": 1,
		"taken: permission": 3, "unknown: permission": 3, "ambiguous: permission": 1, "taken: user permission": 2, "unknown: user permission": 1,
		"taken: tool": 2, "taken: user tool": 1, "unknown: user": 1, "taken: property": 3, "ambiguous: property": 1, "unknown: view": 1, "ambiguous: edit": 1,
		"taken: stage": 3,
	}
	if d := cmp.Diff(wantCounts, counts); d != "" {
		t.Errorf("-want +got\n%s\n%s", d, report.Entries)
	}
	if report.Files != 10 {
		t.Errorf("%d files", report.Files)
	}
}

func TestImportRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		fsys fstest.MapFS
		want error
	}{
		"nothing":          {fstest.MapFS{}, crm.ErrNotFound},
		"another table":    {fstest.MapFS{"x.csv": {Data: []byte("name,age\n")}}, crm.ErrWrongRoot},
		"a broken row":     {fstest.MapFS{"x.csv": {Data: []byte("team,parent\nNorth\n")}}, crm.ErrMalformed},
		"two descriptions": {fstest.MapFS{"a.yaml": {Data: []byte("objects: {deals: {}}")}, "b.yaml": {Data: []byte("objects: {deals: {}}")}}, crm.ErrMalformed},
		"a bad one":        {fstest.MapFS{"a.yaml": {Data: []byte("objects: {deals: {}}\nmood: good")}}, crm.ErrMalformed},
		"no object":        {fstest.MapFS{"x.csv": {Data: []byte("team,parent\nNorth,\n")}}, crm.ErrMalformed},
		"huge":             {fstest.MapFS{"x.csv": {Data: bytes.Repeat([]byte("team,parent\n"), crm.MaxFile/12+1)}}, crm.ErrTooLarge},
		"huge description": {fstest.MapFS{"x.yaml": {Data: bytes.Repeat([]byte("#\n"), model.MaxYAML)}}, crm.ErrTooLarge},
	} {
		o, report, err := hubspot.Import(t.Context(), tc.fsys)
		var e *crm.Error
		if !errors.Is(err, tc.want) || !errors.As(err, &e) || o != nil || report == nil {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := hubspot.Import(ctx, os.DirFS(exported)); !errors.Is(err, context.Canceled) {
		t.Error("cancelled:", err)
	}
}

func FuzzImport(f *testing.F) {
	err := fs.WalkDir(os.DirFS(exported), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(exported + "/" + name)
		f.Add(data)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{"a.yaml": {Data: []byte("objects: {deals: {}}\nusers: {ann: {}}\nteams: {North: {}}")}, "x.csv": {Data: data}}
		o, report, err := hubspot.Import(t.Context(), fsys)
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
		if _, err := hubspot.Parse(text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range descriptions(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := hubspot.Parse(text)
		if err != nil {
			var e *crm.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if written, err := o.YAML(); err != nil {
			t.Fatal(err)
		} else if _, err := hubspot.Parse(written); err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if p, err := o.Compile("acme"); (p == nil) == (err == nil) {
			t.Fatal(p, err)
		}
	})
}
