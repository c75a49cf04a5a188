package hubspot_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
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
			crmtest.Refused(t, o, err, tc.want, tc.says)
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

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	crmtest.DescriptionsReadAgain(t, "hubspot", hubspot.Parse)
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
	wantCounts := map[string]int{
		"taken: description": 1, "taken: team": 3, "unknown: team": 3, "taken: seat": 1, "taken: user": 4, "ambiguous: user": 1, "unknown: seat": 1,
		"unknown: status": 1, "unknown: super admin": 1, "unknown: permission set": 1, "unknown: user column": 1,
		"taken: permission": 3, "unknown: permission": 3, "ambiguous: permission": 1, "taken: user permission": 2, "unknown: user permission": 1,
		"taken: tool": 2, "taken: user tool": 1, "unknown: user": 1, "taken: property": 3, "ambiguous: property": 1, "unknown: view": 1, "ambiguous: edit": 1,
		"taken: stage": 3,
	}
	if d := cmp.Diff(wantCounts, crmtest.Counts(t, report)); d != "" {
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
		t.Run(name, func(t *testing.T) {
			o, report, err := hubspot.Import(t.Context(), tc.fsys)
			crmtest.Refused(t, o, err, tc.want, "")
			if report == nil {
				t.Error("no report")
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := hubspot.Import(ctx, os.DirFS(exported)); !errors.Is(err, context.Canceled) {
		t.Error("cancelled:", err)
	}
}

func FuzzImport(f *testing.F) {
	crmtest.FuzzTable(f, os.DirFS(exported), "objects: {deals: {}}\nusers: {ann: {}}\nteams: {North: {}}", hubspot.Import, hubspot.Parse)
}

func FuzzParse(f *testing.F) { crmtest.FuzzParse(f, "hubspot", hubspot.Parse) }
