package model_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

const administered = `types:
  deal:
    actions: {approve: read, read: read}
conditions:
  big: record.id == "1"
constraints:
  - {name: apart, exclusive: ['role:a', 'role:b']}
  - {name: four_eyes, forbid: [approve], on: deal, if: own}
administration: {sensitive: big}
tenants:
  acme: {}
`

func TestSchemaWithAdministration(t *testing.T) {
	s, err := model.ParseSchema([]byte(administered))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Constraints, []model.Constraint{{Name: "apart", Exclusive: []string{"role:a", "role:b"}},
		{Name: "four_eyes", Forbid: []string{"approve"}, On: "deal", If: "own"}}; !cmp.Equal(got, want) {
		t.Errorf("constraints: %s", cmp.Diff(want, got))
	}
	if s.Administration == nil || s.Administration.Sensitive != "big" {
		t.Errorf("administration is %v", s.Administration)
	}
	for _, tenant := range []string{"acme", "globex", model.Base} {
		of := s.For(tenant)
		if a := of.Types[model.PermissionType].Actions[model.ActionGrant]; a.Need != model.LevelFull {
			t.Errorf("in %s granting needs %s", tenant, a.Need)
		}
		if err := of.Check(); err != nil {
			t.Errorf("the complete schema of %s is refused: %v", tenant, err)
		}
		if of.For(tenant).Types[model.PermissionType].Actions == nil || len(of.Constraints) != 2 || of.Administration == nil {
			t.Errorf("the schema of %s is %v", tenant, of)
		}
	}
	for _, of := range []*model.Schema{s, s.For("globex")} {
		of.Tenants = s.Tenants
		text, err := of.YAML()
		if err != nil || string(text) != administered {
			t.Errorf("%v\n%s", err, cmp.Diff(administered, string(text)))
		}
	}
	s.Administration.Sensitive = ""
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := model.ParseSchema(text); err != nil || again.Administration == nil {
		t.Errorf("without a word: %v, %s", err, text)
	}
	if _, ok := s.Types[model.PermissionType]; ok {
		t.Error("For has changed the schema")
	}
}

func TestAdministrationIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*model.Schema)
		want   error
	}{
		"a type of the name": {func(s *model.Schema) {
			s.Types[model.PermissionType] = model.Type{Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}
		}, model.ErrMalformed},
		"a type of a tenant's": {func(s *model.Schema) {
			s.Tenants["acme"] = model.Extension{Types: map[string]model.Type{model.PermissionType: s.Types["deal"]}}
		}, model.ErrMalformed},
		"no such condition":       {func(s *model.Schema) { s.Administration.Sensitive = "none" }, model.ErrUnknownCondition},
		"without a name":          {func(s *model.Schema) { s.Constraints[0].Name = "" }, model.ErrMalformed},
		"twice":                   {func(s *model.Schema) { s.Constraints[0].Name = "four_eyes" }, model.ErrMalformed},
		"neither":                 {func(s *model.Schema) { s.Constraints[0].Exclusive = nil }, model.ErrMalformed},
		"both":                    {func(s *model.Schema) { s.Constraints[1].Exclusive = []string{"role:a", "role:b"} }, model.ErrMalformed},
		"one alone":               {func(s *model.Schema) { s.Constraints[0].Exclusive = []string{"role:a"} }, model.ErrMalformed},
		"the same":                {func(s *model.Schema) { s.Constraints[0].Exclusive = []string{"role:a", "role:a"} }, model.ErrMalformed},
		"a user":                  {func(s *model.Schema) { s.Constraints[0].Exclusive = []string{"role:a", "user:b"} }, model.ErrUnknownKind},
		"exclusive on a type":     {func(s *model.Schema) { s.Constraints[0].On = "deal" }, model.ErrMalformed},
		"no such type":            {func(s *model.Schema) { s.Constraints[1].On = "deals" }, model.ErrUnknownType},
		"no such action":          {func(s *model.Schema) { s.Constraints[1].Forbid = []string{"pay"} }, model.ErrUnknownAction},
		"forbidden altogether":    {func(s *model.Schema) { s.Constraints[1].If = "" }, model.ErrMalformed},
		"if what":                 {func(s *model.Schema) { s.Constraints[1].If = "small" }, model.ErrUnknownCondition},
		"a condition of the name": {func(s *model.Schema) { s.Conditions["own"] = "own()" }, model.ErrMalformed},
	} {
		s, err := model.ParseSchema([]byte(administered))
		if err != nil {
			t.Fatal(err)
		}
		c.change(s)
		var refused *model.ValueError
		if err := s.Check(); !errors.Is(err, c.want) || !errors.As(err, &refused) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	s, _ := model.ParseSchema([]byte(administered))
	s.Constraints[1].On, s.Constraints[1].Forbid = model.PermissionType, []string{model.ActionApprove, model.Any}
	if err := s.Check(); err != nil {
		t.Errorf("a constraint on permissions: %v", err)
	}
}

func TestFactsAreRecordsOfPermissions(t *testing.T) {
	s, err := model.ParseSchema([]byte(administered))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		f    model.Fact
		id   string
		want map[string]any
	}{
		{model.CustomerRule{Tenant: "t", Subject: "role:a", On: model.OnType("deal"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: "big", Valid: model.Period{Until: until}}, "deal",
			map[string]any{"kind": "customer_rule", "subject": "role:a", "subject_kind": "role", "target_type": "deal", "action": "read", "effect": "allow", "scope": "all", "condition": "big", "until": until}},
		{model.CustomerRule{Tenant: "t", Subject: model.Everyone, On: model.OnUnit(model.Any, "unit:x"), Action: model.Any, Effect: model.Deny, Valid: model.Period{From: until}}, "%2A",
			map[string]any{"kind": "customer_rule", "subject": "*", "subject_kind": "everyone", "target_type": "*", "target_unit": "unit:x", "action": "*", "effect": "deny", "scope": "-", "from": until}},
		{model.TeamRule{Tenant: "t", Subject: "user:u", On: model.OnRecord("deal", "4"), Level: model.LevelRead, As: "sales"}, "deal",
			map[string]any{"kind": "team_rule", "subject": "user:u", "subject_kind": "user", "target_type": "deal", "target_id": "4", "level": "read", "team_role": "sales"}},
		{model.FieldRule{Tenant: "t", Subject: "team:x", On: model.OnField("deal", "sum"), Level: model.FieldMasked, Effect: model.Allow}, "deal",
			map[string]any{"kind": "field_rule", "subject": "team:x", "subject_kind": "team", "target_type": "deal", "field": "sum", "level": "masked", "effect": "allow"}},
		{model.Membership{Tenant: "t", Member: "user:u", Group: "unit:x"}, "unit:x",
			map[string]any{"kind": "membership", "subject": "user:u", "subject_kind": "user", "group": "unit:x"}},
		{model.OrgEdge{Tenant: "t", Below: "user:u", Above: "user:v"}, "user:v",
			map[string]any{"kind": "org_edge", "subject": "user:u", "subject_kind": "user", "superior": "user:v"}},
		{model.Switch{Tenant: "t", Target: "role:a", Mode: model.ModeOff}, "role:a",
			map[string]any{"kind": "switch", "subject": "role:a", "subject_kind": "role", "mode": "off"}},
		{model.Switch{Tenant: "t", Target: "deal/4#sum", Mode: model.ModeReadOnly, Valid: model.Period{Until: until}}, "deal",
			map[string]any{"kind": "switch", "target_type": "deal", "target_id": "4", "field": "sum", "mode": "read-only", "until": until}},
		{model.Switch{Tenant: "t", Target: model.Any, Mode: model.ModeLocked}, "%2A", map[string]any{"kind": "switch", "mode": "locked"}},
	} {
		got := model.PermissionOf(c.f)
		want := &model.Record{Type: model.PermissionType, ID: c.id, Attrs: c.want}
		if !cmp.Equal(got, want) {
			t.Errorf("%s: %s", c.f, cmp.Diff(want, got))
		}
		if err := s.For("t").CheckRecord(got); err != nil {
			t.Errorf("%s: the schema refuses its record: %v", c.f, err)
		}
	}
}
