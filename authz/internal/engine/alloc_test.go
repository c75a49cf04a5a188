package engine_test

import (
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// A decision allocates nothing, whatever it has to look at. Conditions and
// memberships with a period are excepted and not among these.
func TestDecideAllocatesNothing(t *testing.T) {
	s := allocSnapshot(t)
	tests := []struct {
		name    string
		user    string
		action  string
		typ     string
		record  *model.Record
		allowed bool
	}{
		{name: "type", user: "user:alice", action: "read", typ: "customer", allowed: true},
		{name: "type, denied", user: "user:alice", action: "delete", typ: "customer"},
		{name: "rule on the record", user: "user:bob", action: "delete", record: &model.Record{Type: "customer", ID: "7"}, allowed: true},
		{name: "many rules on the record", user: "user:alice", action: "update", record: &model.Record{Type: "customer", ID: "99"}, allowed: true},
		{name: "forbidden on the record", user: "user:alice", action: "read", record: &model.Record{Type: "customer", ID: "66", Owners: []string{"user:alice"}}},
		{name: "scope", user: "user:alice", action: "export", record: &model.Record{Type: "customer", ID: "9", Unit: "unit:berlin"}, allowed: true},
		{name: "owner", user: "user:alice", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:alice"}}, allowed: true},
		{name: "owning team", user: "user:alice", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"team:north"}}, allowed: true},
		{name: "shared team", user: "user:alice", action: "call", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:bob"}}, allowed: true},
		{name: "team rule on the record", user: "user:alice", action: "read", record: &model.Record{Type: "customer", ID: "42", Owners: []string{"user:bob"}}, allowed: true},
		{name: "team rule on the type", user: "user:alice", action: "read", record: &model.Record{Type: "invoice", ID: "1"}, allowed: true},
		{name: "hierarchy by line", user: "user:carol", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:alice"}}, allowed: true},
		{name: "hierarchy over a team", user: "user:carol", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"team:north"}}, allowed: true},
		{name: "hierarchy by units", user: "user:erik", action: "read", record: &model.Record{Type: "invoice", ID: "2", Owners: []string{"user:bob"}}, allowed: true},
		{name: "parent", user: "user:alice", action: "read", record: &model.Record{Type: "order", ID: "1", Parent: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:alice"}}}, allowed: true},
		{name: "rule of the base policy", user: "user:dan", action: "read", record: &model.Record{Type: "customer", ID: "1"}, allowed: true},
		{name: "unknown user", user: "user:stranger", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:alice"}}},
		{name: "out of reach", user: "user:alice", action: "update", record: &model.Record{Type: "customer", ID: "8", Owners: []string{"user:bob"}}},
		{name: "user switched off", user: "user:eve", action: "read", typ: "customer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			decide := func() (engine.Verdict, error) {
				req := model.Request{Tenant: "acme", User: test.user, Action: test.action, Type: test.typ, Record: test.record}
				return s.Decide(&req, clock)
			}
			if v, err := decide(); err != nil || v.Allowed() != test.allowed {
				t.Fatalf("got %v, %v; want allowed %v", v.Reason, err, test.allowed)
			}
			if n := testing.AllocsPerRun(100, func() { _, _ = decide() }); n != 0 {
				t.Errorf("allocates %v times", n)
			}
			of := s.User(test.user)
			if n := testing.AllocsPerRun(100, func() {
				req := model.Request{Tenant: "acme", User: test.user, Action: test.action, Type: test.typ, Record: test.record}
				_, _ = s.DecideFor(of, &req, clock)
			}); n != 0 {
				t.Errorf("for a user looked up: allocates %v times", n)
			}
		})
	}
}

func TestFieldLevelAllocatesNothing(t *testing.T) {
	s := allocSnapshot(t)
	tests := []struct {
		name, user, field string
		record            *model.Record
		want              model.FieldLevel
	}{
		{"rule on the field", "user:alice", "phone", &model.Record{Type: "customer", ID: "42"}, model.FieldMasked},
		{"rule on the record", "user:alice", "email", &model.Record{Type: "customer", ID: "42"}, model.FieldRead},
		{"default", "user:alice", "name", &model.Record{Type: "customer", ID: "42"}, model.FieldRead},
		{"denied record", "user:stranger", "phone", &model.Record{Type: "customer", ID: "42"}, model.FieldHidden},
		{"type", "user:alice", "phone", nil, model.FieldMasked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			level := func() (model.FieldLevel, error) {
				req := model.Request{Tenant: "acme", User: test.user, Action: "read", Type: "customer", Record: test.record}
				return s.FieldLevel(&req, test.field, clock)
			}
			if l, err := level(); err != nil || l != test.want {
				t.Fatalf("got %v, %v; want %v", l, err, test.want)
			}
			if n := testing.AllocsPerRun(100, func() { _, _ = level() }); n != 0 {
				t.Errorf("allocates %v times", n)
			}
		})
	}
}

const allocPolicy = `
"*":
  rules:
    - {who: role:clerk, may: read, on: customer, scope: all}
  fields:
    - {who: role:clerk, has: masked, on: customer#phone}
acme:
  members:
    - {who: [user:alice, user:bob], in: [role:rep, team:north]}
    - {who: [user:bob], in: unit:berlin}
    - {who: user:alice, in: unit:germany}
    - {who: user:erik, in: [unit:europe, role:rep]}
    - {who: [user:dan, user:eve], in: role:clerk}
    - {who: user:carol, in: role:rep}
  org:
    - {who: [user:alice, user:bob], under: user:carol}
    - {who: unit:berlin, under: unit:germany}
    - {who: unit:germany, under: unit:europe}
  rules:
    - {who: role:rep, may: [read, update], on: customer}
    - {who: role:rep, may: export, on: customer, scope: unit_tree}
    - {who: role:rep, may: call, on: customer, scope: team}
    - {who: role:rep, may: read, on: [order, invoice]}
    - {who: user:bob, may: delete, on: customer/7}
    - {who: user:alice, may not: read, on: customer/66}
    - {who: role:rep, may not: read, on: customer, until: 2020-01-01T00:00:00Z}
  teams:
    - {who: user:alice, has: read, on: customer/42, as: support}
    - {who: user:alice, has: read, on: invoice}
  fields:
    - {who: role:rep, has: masked, on: customer#phone}
    - {who: user:alice, has: read, on: "customer/42#email"}
  off:
    - {what: user:eve}
`

func allocSnapshot(t *testing.T) *engine.Snapshot {
	t.Helper()
	reading, writing := model.Action{Need: model.LevelRead}, model.Action{Need: model.LevelWrite}
	line := model.Hierarchy{By: model.ByLine, Level: model.LevelWrite}
	schema := &model.Schema{Types: map[string]model.Type{
		"customer": {
			Actions:   map[string]model.Action{"read": reading, "export": reading, "call": writing, "update": writing, "delete": {Need: model.LevelDelete}},
			Fields:    map[string]model.Field{"name": {Default: model.FieldWrite}, "phone": {}, "email": {}},
			Hierarchy: line,
		},
		"order": {Actions: map[string]model.Action{"read": reading}, Parent: model.Parent{Type: "customer", Cap: model.LevelRead}},
		"invoice": {Actions: map[string]model.Action{"read": reading},
			Hierarchy: model.Hierarchy{By: model.ByUnits, Level: model.LevelRead}},
	}}
	conditions, err := condition.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(allocPolicy))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]model.Line{}
	for _, f := range facts {
		l, err := model.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		lines[f.TenantID()] = append(lines[f.TenantID()], l)
	}
	for _, subject := range []string{"user:alice", "team:north", model.Everyone} { // more than a question keeps
		for _, action := range []string{"read", "export", "call", "update", "delete"} {
			lines["acme"] = append(lines["acme"], model.Line{Section: model.CustomerRules, Values: [6]string{subject, "acme", "customer/99", action, "allow", "-"}})
		}
	}
	compiled := engine.NewSchema(schema, conditions)
	base, err := engine.Compile(compiled, nil, model.Base, 1, lines[model.Base])
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Compile(compiled, base, "acme", 1, lines["acme"])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clock() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
