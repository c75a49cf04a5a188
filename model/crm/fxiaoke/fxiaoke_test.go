package fxiaoke_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/fxiaoke"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
)

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
		says string
	}{
		"nothing":                {"", crm.ErrMalformed, "empty"},
		"no object":              {"roles: {Sales: {}}", crm.ErrMalformed, "objects"},
		"an unknown word":        {"objects: {A: {}}\nrole: {}", crm.ErrMalformed, "line 2"},
		"an unknown basic":       {"objects: {A: {basic: open}}", crm.ErrMalformed, `"open"`},
		"an unknown function":    {"objects: {A: {}}\nroles: {R: {functions: {A: [fly]}}}", crm.ErrMalformed, `"fly"`},
		"an unknown role":        {"objects: {A: {}}\nusers: {ann: {roles: [R]}}", crm.ErrNotFound, `"R"`},
		"an unknown department":  {"objects: {A: {}}\nusers: {ann: {department: D}}", crm.ErrNotFound, `"D"`},
		"an unknown leader":      {"objects: {A: {}}\ndepartments: {D: {leader: eve}}", crm.ErrNotFound, `"eve"`},
		"departments in circles": {"objects: {A: {}}\ndepartments: {D: {parent: E}, E: {parent: D}}", model.ErrTooDeep, "department"},
		"superiors in circles":   {"objects: {A: {}}\nusers: {a: {reports_to: b}, b: {reports_to: a}}", model.ErrTooDeep, "superiors"},
		"superiors by leading":   {"objects: {A: {}}\ndepartments: {D: {leader: a}}\nusers: {a: {reports_to: b}, b: {department: D}}", model.ErrTooDeep, "superiors"},
		"groups in circles":      {"objects: {A: {}}\ngroups: {G: {groups: [H]}, H: {groups: [G]}}", model.ErrTooDeep, "group"},
		"another dialect":        {"objects: {A: {}}\ndialect: {bundles: replace}", crm.ErrMalformed, "bundles"},
		"a team's owner":         {"objects: {A: {}}\nusers: {ann: {}}\nteam: [{object: A, record: \"1\", user: ann, role: owner, access: read_write}]", crm.ErrMalformed, "owner"},
		"a role above the owner": {"objects: {A: {}, B: {source: {object: A, roles: {owner: read_only, member: read_write}}}}", crm.ErrRefused, "owner"},
		"a rule of neither":      {"objects: {A: {}}\nsharing_rules: [{object: A, to: {}, access: read_only}]", crm.ErrMalformed, "either"},
		"a strange operator":     {"objects: {A: {}}\nsharing_rules: [{object: A, to: {}, access: read_only, conditions: [{field: f, operator: near, value: x}]}]", crm.ErrMalformed, `"near"`},
		"a number that is not":   {"objects: {A: {fields: {f: {type: number}}}}\nsharing_rules: [{object: A, to: {}, access: read_only, conditions: [{field: f, operator: less, value: x}]}]", crm.ErrMalformed, `"x"`},
		"an unknown pool":        {"objects: {A: {}}\npools: {P: {object: B}}", crm.ErrNotFound, `"B"`},
		"too much":               {strings.Repeat("#", model.MaxYAML+1), crm.ErrTooLarge, "description"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := fxiaoke.Parse([]byte(tc.text))
			crmtest.Refused(t, o, err, tc.want, tc.says)
		})
	}
	if p, err := (&fxiaoke.Organisation{}).Compile("acme"); !errors.Is(err, crm.ErrMalformed) || p != nil {
		t.Error(p, err)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	crmtest.DescriptionsReadAgain(t, "fxiaoke", fxiaoke.Parse)
}

const exported = "../../../testdata/crm/fxiaoke/export"

func TestImport(t *testing.T) {
	o, report, err := fxiaoke.Import(t.Context(), os.DirFS(exported))
	if err != nil {
		t.Fatal(err)
	}
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want := &fxiaoke.Organisation{
		Superiors: "direct",
		Objects: map[string]fxiaoke.Object{
			"NoteObj": {Lock: "untracked"}, "OrderObj": {Basic: "private"}, "BadObj": {}, "LeadsObj": {},
			"AccountObj": {Basic: "public_read_only", Department: "read_write", Fields: map[string]fxiaoke.Field{
				"phone": {Roles: map[string]string{"Sales": "read_write", "Reader": "invisible"}, NoExport: []string{"Sales"}},
				"tax":   {Roles: map[string]string{"Sales": "read_only", "Reader": "invisible"}, NoExport: []string{"Reader"}},
			}},
		},
		Roles: map[string]fxiaoke.Role{
			"Sales":  {Functions: map[string][]string{"AccountObj": {"list", "view", "edit", "choose"}}},
			"Reader": {Functions: map[string][]string{"AccountObj": {"view"}}},
		},
		Departments: map[string]fxiaoke.Department{
			"China": {Leader: "wei", Organisation: true}, "North": {Parent: "China", Leader: "ann", Assistants: []string{"bob"}}, "Lost": {},
		},
		Users: map[string]fxiaoke.User{
			"wei": {Status: "active", Roles: []string{"Sales"}, Department: "China"},
			"ann": {Roles: []string{"Sales"}, Department: "North", Departments: []string{"China"}, ReportsTo: "wei"},
			"bob": {Status: "stopped", Roles: []string{"Reader"}},
			"who": {Status: "stopped"},
		},
		Groups:    map[string]fxiaoke.People{"VIP": {Users: []string{"ann"}, DepartmentsAndBelow: []string{"North"}}},
		Rules:     []fxiaoke.SharingRule{{Object: "AccountObj", From: &fxiaoke.People{Departments: []string{"North"}}, To: fxiaoke.People{Roles: []string{"Reader"}, Groups: []string{"VIP"}}, Access: "read_only"}},
		Team:      []fxiaoke.TeamMember{{Object: "AccountObj", Record: "1", User: "bob", Role: "co_follower", Access: "read_write"}},
		Temporary: []fxiaoke.Temporary{{Object: "AccountObj", Record: "1", User: "bob", Access: "read_write", Scene: "审批", Until: december}, {Object: "AccountObj", Record: "2", User: "ann", Access: "read_only", Scene: "bpm"}},
		Pools:     map[string]fxiaoke.Pool{"north": {Object: "AccountObj", Members: fxiaoke.People{Roles: []string{"Sales"}}, Admins: fxiaoke.People{Users: []string{"wei"}}}},
	}
	if d := cmp.Diff(want, o); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if _, err := o.Compile("acme"); err != nil {
		t.Error(err)
	}
	wantCounts := map[string]int{
		"taken: description": 1, "taken: object": 2, "ambiguous: object": 1, "unknown: object": 1,
		"taken: function": 6, "unknown: function": 1, "unknown: functions": 1, "taken: field": 3, "ambiguous: field": 1, "unknown: field": 2,
		"taken: department": 3, "unknown: department": 2, "unknown: leader": 1, "unknown: assistant": 1, "unknown: organisation": 1,
		"taken: user": 4, "ambiguous: user": 1, "unknown: role": 1, "unknown: superior": 1, "unknown: status": 1, "unknown: user column": 1,
		"taken: group": 1, "unknown: members": 2, "taken: sharing rule": 1, "unknown: sharing rule": 1, "unknown: from": 1,
		"taken: team member": 1, "not expressible: team member": 1, "unknown: team member user": 1, "unknown: team member object": 1,
		"taken: temporary permission": 2, "unknown: temporary permission": 1, "taken: pool": 1, "ambiguous: pool": 1,
	}
	if d := cmp.Diff(wantCounts, crmtest.Counts(t, report)); d != "" {
		t.Errorf("-want +got\n%s\n%s", d, report.Entries)
	}
	if report.Files != 11 {
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
		"a broken row":     {fstest.MapFS{"x.csv": {Data: []byte("部门,上级部门\nNorth\n")}}, crm.ErrMalformed},
		"two descriptions": {fstest.MapFS{"a.yaml": {Data: []byte("objects: {A: {}}")}, "b.yaml": {Data: []byte("objects: {A: {}}")}}, crm.ErrMalformed},
		"a bad one":        {fstest.MapFS{"a.yaml": {Data: []byte("objects: {A: {}}\nmood: good")}}, crm.ErrMalformed},
		"a circle":         {fstest.MapFS{"a.csv": {Data: []byte("object,basic\nA,private\n")}, "x.csv": {Data: []byte("department,parent\nA,B\nB,A\n")}}, model.ErrTooDeep},
		"huge":             {fstest.MapFS{"x.csv": {Data: bytes.Repeat([]byte("object,basic\n"), crm.MaxFile/13+1)}}, crm.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			o, report, err := fxiaoke.Import(t.Context(), tc.fsys)
			crmtest.Refused(t, o, err, tc.want, "")
			if report == nil {
				t.Error("no report")
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := fxiaoke.Import(ctx, os.DirFS(exported)); !errors.Is(err, context.Canceled) {
		t.Error("cancelled:", err)
	}
}

func FuzzImport(f *testing.F) {
	crmtest.FuzzTable(f, os.DirFS(exported), "objects: {AccountObj: {}}\nusers: {ann: {}}\nroles: {Sales: {}}", fxiaoke.Import, fxiaoke.Parse)
}

func FuzzParse(f *testing.F) { crmtest.FuzzParse(f, "fxiaoke", fxiaoke.Parse) }
