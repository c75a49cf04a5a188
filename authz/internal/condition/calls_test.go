package condition_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// inGroups is a Facts of a user who is in some groups.
type inGroups []string

func (g inGroups) Member(group string) bool {
	for _, in := range g {
		if in == group {
			return true
		}
	}
	return false
}
func (inGroups) OwnerIn(string) bool         { panic("asked without a record") }
func (inGroups) TeamRole(string) bool        { panic("asked without a record") }
func (inGroups) Own() bool                   { panic("asked without a record") }
func (inGroups) Holds(_, action string) bool { return action == "read" }

func TestAnywayAndCalls(t *testing.T) {
	for _, test := range []struct {
		expression string
		anyway     condition.Truth
		calls      []condition.Call
	}{
		{`record.region == "EU"`, condition.Unknown, nil},
		{`member("role:a")`, condition.True, []condition.Call{{Function: "member", Args: []string{"role:a"}}}},
		{`member("role:b")`, condition.False, []condition.Call{{Function: "member", Args: []string{"role:b"}}}},
		{`member("role:b") && record.region == "EU"`, condition.False, []condition.Call{{Function: "member", Args: []string{"role:b"}}}},
		{`member("role:a") && record.region == "EU"`, condition.Unknown, []condition.Call{{Function: "member", Args: []string{"role:a"}}}},
		{`member("role:b") && member("role:b")`, condition.False, []condition.Call{{Function: "member", Args: []string{"role:b"}}}},
		{`own() || member("role:a")`, condition.True, []condition.Call{{Function: "own"}, {Function: "member", Args: []string{"role:a"}}}},
		{`own() || ownerIn("role:a") || teamRole("lead")`, condition.Unknown,
			[]condition.Call{{Function: "own"}, {Function: "ownerIn", Args: []string{"role:a"}}, {Function: "teamRole", Args: []string{"lead"}}}},
		{`member(record.region)`, condition.Unknown, []condition.Call{{Function: "member"}}},
		{`holds("customer", "read")`, condition.True, []condition.Call{{Function: "holds", Args: []string{"customer", "read"}}}},
		{`action == "read"`, condition.True, nil},
		{`action == "read" && user.grade > 1`, condition.Unknown, nil},
		{`action == "export" && user.grade > 1`, condition.False, nil},
		{`has(user.grade) || action == "export"`, condition.Unknown, nil}, // of a user without a grade it is false, of others true
		{`has(record.region) || action == "export"`, condition.Unknown, nil},
		{`user.id == "user:ann"`, condition.True, nil},
		{`now < timestamp("2026-01-01T00:00:00Z")`, condition.False, nil},
		{`env.office`, condition.Unknown, nil},
	} {
		set, err := condition.Compile(&model.Schema{
			Types: map[string]model.Type{"customer": {
				Actions:    map[string]model.Action{"read": {Need: model.LevelRead}, "export": {Need: model.LevelRead}},
				Attributes: map[string]model.AttrType{"region": model.AttrString},
			}},
			User:       map[string]model.AttrType{"grade": model.AttrInt},
			Env:        map[string]model.AttrType{"office": model.AttrBool},
			Conditions: map[string]string{"c": test.expression},
			CheckOnly:  []string{"c"},
		})
		if err != nil {
			t.Fatalf("%s: %v", test.expression, err)
		}
		in := condition.Input{
			Action: "read", User: "user:ann", At: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Facts: inGroups{"role:a"},
			// What there is to know is passed over.
			Record: &model.Record{Type: "customer", Attrs: map[string]any{"region": "EU"}}, UserAttrs: map[string]any{"grade": 2}, Env: map[string]any{"office": true},
		}
		if got := set.Anyway("c", in); got != test.anyway {
			t.Errorf("%s is %v anyway, want %v", test.expression, got, test.anyway)
		}
		if diff := cmp.Diff(test.calls, set.Calls("c")); diff != "" {
			t.Errorf("%s: calls: want -, got +\n%s", test.expression, diff)
		}
	}
	empty, err := condition.Compile(&model.Schema{})
	if err != nil || empty.Anyway("c", condition.Input{}) != condition.Unknown || empty.Calls("c") != nil {
		t.Error("of a condition that there is not, something is known", err)
	}
}
