package model_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

const schemaText = `types:
  account:
    actions: {read: read, update: write}
    hierarchy: {by: units, level: read}
  customer:
    actions: {delete: delete, log_call: {need: read, writes: true}, read: read, share: full, update: write}
    fields:
      address.city: open
      name: open
      note: masked
      phone: {default: masked, mask: last4, queryable: true}
      salary: closed
      source: {default: read, once: true}
      tier: read
    attributes: {region: string, tags: list(string), value: double}
    parent: {type: account, cap: read}
    hierarchy: {by: line, level: full, depth: 3, beyond: read, holders: true}
  invoice:
    actions: {read: read}
    parent: {type: customer, controlled: true}
conditions:
  eu_only: record.region == "EU"
  long: |-
    record.value > 10.0 &&
      user.region == record.region
check_only: [long, eu_only]
user: {region: string}
env: {ip: string}
tenants:
  acme:
    types:
      ship:
        actions: {read: read}
    fields:
      customer: {vip: open}
    attributes:
      customer: {score: int}
  empty: {}
`

func testSchema() *model.Schema {
	reading := map[string]model.Action{"read": {Need: model.LevelRead}}
	return &model.Schema{
		Types: map[string]model.Type{
			"account": {
				Actions:   map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
				Hierarchy: model.Hierarchy{By: model.ByUnits, Level: model.LevelRead},
			},
			"customer": {
				Actions: map[string]model.Action{
					"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete},
					"share": {Need: model.LevelFull}, "log_call": {Need: model.LevelRead, Writes: true},
				},
				Fields: map[string]model.Field{
					"name": {Default: model.FieldWrite}, "note": {Default: model.FieldMasked}, "tier": {Default: model.FieldRead},
					"phone": {Default: model.FieldMasked, Mask: "last4", Queryable: true}, "salary": {},
					"address.city": {Default: model.FieldWrite}, "source": {Default: model.FieldRead, Once: true},
				},
				Attributes: map[string]model.AttrType{"region": model.AttrString, "tags": model.AttrStrings, "value": model.AttrDouble},
				Parent:     model.Parent{Type: "account", Cap: model.LevelRead},
				Hierarchy:  model.Hierarchy{By: model.ByLine, Level: model.LevelFull, Depth: 3, Beyond: model.LevelRead, Holders: true},
			},
			"invoice": {Actions: reading, Parent: model.Parent{Type: "customer", Controlled: true}},
		},
		Conditions: map[string]string{
			"eu_only": `record.region == "EU"`,
			"long":    "record.value > 10.0 &&\n  user.region == record.region",
		},
		CheckOnly: []string{"long", "eu_only"},
		User:      map[string]model.AttrType{"region": model.AttrString},
		Env:       map[string]model.AttrType{"ip": model.AttrString},
		Tenants: map[string]model.Extension{
			"acme": {
				Types:      map[string]model.Type{"ship": {Actions: reading}},
				Fields:     map[string]map[string]model.Field{"customer": {"vip": {Default: model.FieldWrite}}},
				Attributes: map[string]map[string]model.AttrType{"customer": {"score": model.AttrInt}},
			},
			"empty": {},
		},
	}
}

func TestSchemaIsWrittenInShortFormsAndComesBack(t *testing.T) {
	got, err := model.ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testSchema(), got); diff != "" {
		t.Errorf("read (-want +got)\n%s", diff)
	}
	text, err := got.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(schemaText, string(text)); diff != "" {
		t.Errorf("written (-want +got)\n%s", diff)
	}
}

func TestSchemaReadsTheLongFormsToo(t *testing.T) {
	got, err := model.ParseSchema([]byte(`# a comment
"types":
  customer:
    actions:
      read: {need: read}
      update:
        need: write
        writes: true
    fields:
      name: {default: open}
      phone: write
      salary: {}
      age: hidden
    attributes: {}
    parent: {}
    hierarchy: {by: line, level: same, depth: 2, beyond: same}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &model.Schema{Types: map[string]model.Type{"customer": {
		Actions:   map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite, Writes: true}},
		Fields:    map[string]model.Field{"name": {Default: model.FieldWrite}, "phone": {Default: model.FieldWrite}, "salary": {}, "age": {}},
		Hierarchy: model.Hierarchy{By: model.ByLine, Level: model.LevelFull, Depth: 2, Beyond: model.LevelFull},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTextsThatBeginWithBlanksComeBack(t *testing.T) {
	for _, text := range []string{"\t&\n !", "\tx\ny", "  x\n y", " \nx", "\n\tx", "x\t\n\ty", "x\n  y\n", "- \t\n#", " "} {
		s := model.Schema{
			Types:      map[string]model.Type{"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}},
			Conditions: map[string]string{"odd": text},
		}
		out, err := s.YAML()
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, err := model.ParseSchema(out)
		if err != nil || got.Conditions["odd"] != text {
			t.Errorf("%q: %v\n%s", text, err, out)
		}
	}
}

func TestLongMappingsAreWrittenOneWordALine(t *testing.T) {
	s := testSchema()
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		s.Types["account"].Actions["action_"+string(c)] = model.Action{Need: model.LevelRead}
	}
	text, err := s.YAML()
	if err != nil || !strings.Contains(string(text), "\n      action_b: read\n") {
		t.Errorf("%v\n%s", err, text)
	}
	if again, err := model.ParseSchema(text); err != nil || !cmp.Equal(s, again) {
		t.Errorf("it does not come back: %v", err)
	}
}

func TestParseSchemaNamesLineAndWordOfWhatItRefuses(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		line  int
		value string
		hint  string
	}{
		{"nothing", "", 0, "", "is empty"},
		{"a comment only", "# nothing\n", 0, "", "is empty"},
		{"null", "---\n", 0, "", "a mapping"},
		{"a list", "- types\n", 1, "", "a mapping"},
		{"broken YAML", "types:\n  a: [\n", 0, "", "did not find"},
		{"a tab", "types:\n\ta: b\n", 2, "", "cannot start any token"},
		{"not UTF-8", "types: \xff\n", 0, "", "invalid"},
		{"unknown word", "types:\n  a: {actions: {read: read}}\ncolours: {}\n", 3, "colours", "unknown word; one of types, conditions"},
		{"unknown word of a type", "types:\n  a:\n    action: {read: read}\n", 3, "action", "unknown word"},
		{"unknown word of an action", "types:\n  a:\n    actions: {read: {needs: read}}\n", 3, "needs", "unknown word"},
		{"unknown word of a field", "types:\n  a:\n    fields: {x: {open: true}}\n", 3, "open", "unknown word"},
		{"unknown word of a parent", "types:\n  a:\n    parent: {of: b}\n", 3, "of", "unknown word"},
		{"unknown word of a hierarchy", "types:\n  a:\n    hierarchy:\n      who: line\n", 4, "who", "unknown word"},
		{"unknown word of a tenant", "tenants:\n  acme: {conditions: {}}\n", 2, "conditions", "unknown word"},
		{"one name for a list", "check_only: a\n", 1, "a", "a list"},
		{"a mapping for a name", "check_only: [a, {b: c}]\n", 1, "", "a single value"},
		{"capital letter", "Types: {}\n", 1, "Types", "unknown word"},
		{"word twice", "types: {}\nuser: {}\ntypes: {}\n", 3, "types", "stands on line 1 already"},
		{"type twice", "types:\n  a: {actions: {read: read}}\n  \"a\": {}\n", 3, "a", "stands on line 2 already"},
		{"unknown level", "types:\n  a: {actions: {read: Read}}\n", 2, "Read", "one of none read write delete full"},
		{"same for an action", "types:\n  a: {actions: {read: same}}\n", 2, "same", "one of"},
		{"unknown field level", "types:\n  a:\n    fields:\n      x: opened\n", 4, "opened", "one of open closed"},
		{"unknown hierarchy", "types:\n  a: {hierarchy: {by: lines}}\n", 2, "lines", "one of off line units"},
		{"depth in words", "types:\n  a: {hierarchy: {depth: three}}\n", 2, "three", "a whole number"},
		{"depth 1.0", "types:\n  a: {hierarchy: {depth: 1.0}}\n", 2, "1.0", "a whole number"},
		{"yes", "types:\n  a: {actions: {read: {need: read, writes: yes}}}\n", 2, "yes", "one of true false"},
		{"empty value", "types:\n  a: {actions: {read: }}\n", 2, "", "is empty"},
		{"null value", "types:\n  a: {actions: {read: ~}}\n", 2, "~", "is empty"},
		{"null table", "types:\n  a:\n    actions:\n", 3, "", "a mapping"},
		{"list of actions", "types:\n  a:\n    actions: [read]\n", 3, "", "a mapping"},
		{"list for a value", "user: {region: [string]}\n", 1, "", "a single value"},
		{"mapping as a word", "types:\n  ? {a: b}\n  : {}\n", 2, "", "a single value"},
		{"alias", "types:\n  a: &a {actions: {read: read}}\n  b: *a\n", 3, "*a", "aliases are not read"},
		{"alias as a word", "types:\n  &a a: {actions: {read: read}}\n  *a : {}\n", 3, "*a", "aliases are not read"},
		{"merge", "types:\n  a: &a {actions: {read: read}}\n  b: {<<: *a}\n", 3, "<<", "unknown word"},
		{"tag", "types:\n  a: !type {}\n", 2, "!type", "tags are not read"},
		{"binary", "conditions: {a: !!binary aGk=}\n", 1, "!!binary", "tags are not read"},
		{"two documents", "types: {}\n---\ntypes: {}\n", 2, "", "a second document"},
		{"open list", "types:\n  a: [b\nconditions: {}\n", 2, "", "did not find expected ',' or ']'"},
		{"open list at once", "[a: b", 2, "", "did not find expected"},
		{"no indentation", "types:\n  a: {}\n b: {}\n", 3, "", "did not find expected key"},
		{"tab", "types:\n\ta: {}\n", 2, "", "cannot start any token"},
		{"rubbish behind", "types: {}\n...\n]\n", 0, "", "did not find"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := model.ParseSchema([]byte(test.text))
			checkSource(t, err, test.line, test.value, test.hint)
		})
	}
}

// checkSource looks at an error with a place in a text; line 0 is any line.
func checkSource(t *testing.T, err error, line int, value, hint string) {
	t.Helper()
	var at *model.SourceError
	if !errors.As(err, &at) || line != 0 && at.Line != line {
		t.Fatalf("%v is not of line %d", err, line)
	}
	var refused *model.ValueError
	if !errors.As(err, &refused) || refused.Value != value || !strings.Contains(err.Error(), hint) {
		t.Errorf("%v, want value %q and %q", err, value, hint)
	}
}

func TestHugeAndDeepDocumentsAreRefusedSoon(t *testing.T) {
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		laughs += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	for name, text := range map[string]string{
		"billion laughs": laughs,
		"too long":       "types: {}\n" + strings.Repeat("# comment\n", model.MaxYAML/10),
		"deep list":      strings.Repeat("[", 100_000),
		"deep mapping":   strings.Repeat("{a: ", 9_999) + strings.Repeat("}", 9_999),
		"deep block":     strings.Repeat("- ", 100_000),
		"many words":     strings.Repeat("a\n", 1_000_000),
	} {
		start := time.Now()
		if _, err := model.ParseSchema([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := model.ParsePolicy([]byte(text)); err == nil {
			t.Errorf("%s: accepted as a policy", name)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	if _, err := model.ParseSchema(make([]byte, model.MaxYAML+1)); !errors.Is(err, model.ErrTooLong) {
		t.Errorf("a document too long: %v", err)
	}
}

func TestSchemaCheckRefuses(t *testing.T) {
	typ := func(change func(*model.Type)) func(*model.Schema) {
		return func(s *model.Schema) {
			t := s.Types["customer"]
			t.Actions, t.Fields, t.Attributes = maps.Clone(t.Actions), maps.Clone(t.Fields), maps.Clone(t.Attributes)
			change(&t)
			s.Types["customer"] = t
		}
	}
	tenant := func(x model.Extension) func(*model.Schema) {
		return func(s *model.Schema) { s.Tenants["globex"] = x }
	}
	reading := map[string]model.Action{"read": {Need: model.LevelRead}}
	tests := []struct {
		name   string
		change func(*model.Schema)
		column string
		value  string
		want   error
	}{
		{"no types", func(s *model.Schema) { s.Types = nil }, "types", "", model.ErrMalformed},
		{"type name", func(s *model.Schema) { s.Types["a/b"] = model.Type{Actions: reading} }, "type", "a/b", model.ErrMalformed},
		{"type *", func(s *model.Schema) { s.Types["*"] = model.Type{Actions: reading} }, "type", "*", model.ErrMalformed},
		{"zero type", func(s *model.Schema) { s.Types["empty"] = model.Type{} }, "actions", "", model.ErrMalformed},
		{"action name", typ(func(t *model.Type) { t.Actions["read it"] = model.Action{Need: model.LevelRead} }), "action", "read it", model.ErrMalformed},
		{"zero action", typ(func(t *model.Type) { t.Actions["x"] = model.Action{} }), "need", "none", model.ErrMalformed},
		{"action beyond full", typ(func(t *model.Type) { t.Actions["x"] = model.Action{Need: 5} }), "need", "invalid(5)", model.ErrMalformed},
		{"field name", typ(func(t *model.Type) { t.Fields["*"] = model.Field{} }), "field", "*", model.ErrMalformed},
		{"field level", typ(func(t *model.Type) { t.Fields["x"] = model.Field{Default: 4} }), "default", "invalid(4)", model.ErrMalformed},
		{"mask name", typ(func(t *model.Type) { t.Fields["x"] = model.Field{Mask: "last 4"} }), "mask", "last 4", model.ErrMalformed},
		{"attribute name", typ(func(t *model.Type) { t.Attributes["x y"] = model.AttrInt }), "attribute", "x y", model.ErrMalformed},
		{"attribute type", typ(func(t *model.Type) { t.Attributes["x"] = "text" }), "type", "text", model.ErrMalformed},
		{"zero attribute type", typ(func(t *model.Type) { t.Attributes["x"] = "" }), "type", "", model.ErrMalformed},
		{"parent type", typ(func(t *model.Type) { t.Parent.Type = "nobody" }), "type", "nobody", model.ErrUnknownType},
		{"cap without parent", typ(func(t *model.Type) { t.Parent.Type = "" }), "type", "", model.ErrMalformed},
		{"cap beyond full", typ(func(t *model.Type) { t.Parent.Cap = 5 }), "cap", "invalid(5)", model.ErrMalformed},
		{"cap when controlled", typ(func(t *model.Type) { t.Parent.Controlled = true }), "cap", "read", model.ErrMalformed},
		{"hierarchy kind", typ(func(t *model.Type) { t.Hierarchy.By = 3 }), "hierarchy", "{invalid(3) full 3 read true}", model.ErrMalformed},
		{"hierarchy off", typ(func(t *model.Type) { t.Hierarchy.By = 0 }), "hierarchy", "{off full 3 read true}", model.ErrMalformed},
		{"hierarchy without level", typ(func(t *model.Type) { t.Hierarchy.Level = 0 }), "hierarchy", "{line none 3 read true}", model.ErrMalformed},
		{"hierarchy level", typ(func(t *model.Type) { t.Hierarchy.Level = 5 }), "hierarchy", "{line invalid(5) 3 read true}", model.ErrMalformed},
		{"hierarchy depth", typ(func(t *model.Type) { t.Hierarchy.Depth = 65 }), "hierarchy", "{line full 65 read true}", model.ErrMalformed},
		{"hierarchy depth below 0", typ(func(t *model.Type) { t.Hierarchy.Depth = -1 }), "hierarchy", "{line full -1 read true}", model.ErrMalformed},
		{"beyond without depth", typ(func(t *model.Type) { t.Hierarchy.Depth = 0 }), "hierarchy", "{line full 0 read true}", model.ErrMalformed},
		{"condition name", func(s *model.Schema) { s.Conditions["a b"] = "true" }, "condition", "a b", model.ErrMalformed},
		{"empty condition", func(s *model.Schema) { s.Conditions["x"] = "" }, "expression", "", model.ErrMalformed},
		{"condition not UTF-8", func(s *model.Schema) { s.Conditions["x"] = "\xff" }, "expression", "\xff", model.ErrMalformed},
		{"check-only, and no condition", func(s *model.Schema) { s.CheckOnly = []string{"long", "x"} }, "check_only", "x", model.ErrUnknownCondition},
		{"check-only twice", func(s *model.Schema) { s.CheckOnly = []string{"long", "eu_only", "long"} }, "check_only", "long", model.ErrMalformed},
		{"user attribute", func(s *model.Schema) { s.User["x"] = "any" }, "type", "any", model.ErrMalformed},
		{"env attribute", func(s *model.Schema) { s.Env["-"] = "int" }, "attribute", "-", model.ErrMalformed},
		{"tenant *", func(s *model.Schema) { s.Tenants["*"] = model.Extension{} }, "tenant", "*", model.ErrNotInBase},
		{"tenant name", func(s *model.Schema) { s.Tenants["a/b"] = model.Extension{} }, "tenant", "a/b", model.ErrMalformed},
		{"tenant's type is known", tenant(model.Extension{Types: map[string]model.Type{"customer": {Actions: reading}}}), "type", "customer", model.ErrMalformed},
		{"tenant's zero type", tenant(model.Extension{Types: map[string]model.Type{"x": {}}}), "actions", "", model.ErrMalformed},
		{"fields of unknown type", tenant(model.Extension{Fields: map[string]map[string]model.Field{"x": {}}}), "fields", "x", model.ErrUnknownType},
		{"attributes of unknown type", tenant(model.Extension{Attributes: map[string]map[string]model.AttrType{"x": {}}}), "attributes", "x", model.ErrUnknownType},
		{"tenant's field is known", tenant(model.Extension{Fields: map[string]map[string]model.Field{"customer": {"phone": {}}}}), "field", "phone", model.ErrMalformed},
		{"tenant's attribute is known", tenant(model.Extension{Attributes: map[string]map[string]model.AttrType{"customer": {"region": "int"}}}), "attribute", "region", model.ErrMalformed},
		{"tenant's field name", tenant(model.Extension{Fields: map[string]map[string]model.Field{"customer": {"x y": {}}}}), "field", "x y", model.ErrMalformed},
		{"tenant's attribute type", tenant(model.Extension{Attributes: map[string]map[string]model.AttrType{"customer": {"x": "y"}}}), "type", "y", model.ErrMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := testSchema()
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			test.change(s)
			checkRefused(t, s.Check(), test.want, test.column, test.value)
			if _, err := s.YAML(); !errors.Is(err, test.want) {
				t.Errorf("YAML() = %v", err)
			}
		})
	}
	if err := (&model.Schema{}).Check(); !errors.Is(err, model.ErrMalformed) {
		t.Errorf("the zero schema: %v", err)
	}
}

func TestAnExtensionLeavesTheBaseSchemaAsItIs(t *testing.T) {
	s := testSchema()
	acme := s.For("acme")
	if diff := cmp.Diff(testSchema(), s); diff != "" {
		t.Errorf("the base schema changed (-want +got)\n%s", diff)
	}
	want := testSchema()
	want.Types["ship"] = model.Type{Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}
	want.Types["customer"].Fields["vip"] = model.Field{Default: model.FieldWrite}
	want.Types["customer"].Attributes["score"] = model.AttrInt
	want.Tenants = nil
	if diff := cmp.Diff(want, acme); diff != "" {
		t.Errorf("the schema of acme (-want +got)\n%s", diff)
	}
	if s.For("globex") != s {
		t.Error("a tenant without an extension has another schema than the base")
	}
}

func TestCheckFactRefusesWhatTheSchemaDoesNotKnow(t *testing.T) {
	s := testSchema()
	tests := []struct {
		line   model.Line
		column string // empty: accepted
		value  string
		want   error
	}{
		{line("p", "role:rep", "acme", "customer", "read", "allow", "if:eu_only"), "", "", nil},
		{line("p", "role:rep", "acme", "*", "share", "allow", "-"), "", "", nil},
		{line("p", "role:rep", "acme", "customer", "*", "allow", "-"), "", "", nil},
		{line("p2", "role:rep", "acme", "customer/1", "read", "-", "-"), "", "", nil},
		{line("p3", "role:rep", "acme", "customer#*", "read", "deny", "-"), "", "", nil},
		{line("g", "user:alice", "role:rep", "acme", "-"), "", "", nil},
		{line("g2", "user:alice", "user:carol", "acme"), "", "", nil},
		{line("p4", "*", "acme", "locked", "-", "-", "-"), "", "", nil},
		{line("p", "role:rep", "acme", "ship", "read", "allow", "-"), "target", "ship", model.ErrUnknownType},
		{line("p", "role:rep", "acme", "invoice", "update", "allow", "-"), "action", "update", model.ErrUnknownAction},
		{line("p", "role:rep", "acme", "*", "fly", "allow", "-"), "action", "fly", model.ErrUnknownAction},
		{line("p", "role:rep", "acme", "customer", "read", "allow", "if:us_only"), "condition", "us_only", model.ErrUnknownCondition},
		{line("p2", "role:rep", "acme", "ship/1", "read", "-", "-"), "target", "ship/1", model.ErrUnknownType},
		{line("p2", "role:rep", "acme", "customer", "read", "-", "if:x"), "condition", "x", model.ErrUnknownCondition},
		{line("p3", "role:rep", "acme", "customer#vip", "read", "allow", "-"), "field", "vip", model.ErrUnknownField},
		{line("p3", "role:rep", "acme", "ship#*", "read", "allow", "-"), "target", "ship#*", model.ErrUnknownType},
		{line("p3", "role:rep", "acme", "customer#phone", "read", "allow", "if:x"), "condition", "x", model.ErrUnknownCondition},
	}
	for _, test := range tests {
		f, err := model.Decode(test.line)
		if err != nil {
			t.Fatal(err)
		}
		err = s.CheckFact(f)
		if test.want == nil {
			if err != nil {
				t.Errorf("%v: %v", f, err)
			}
			continue
		}
		checkRefused(t, err, test.want, test.column, test.value)
	}
	if err := s.For("acme").CheckFact(model.FieldRule{On: model.OnField("customer", "vip")}); err != nil {
		t.Errorf("acme's own field: %v", err)
	}
	checkRefused(t, s.CheckFact(nil), model.ErrMalformed, "type", "<nil>")
	checkRefused(t, s.CheckFact(&model.CustomerRule{}), model.ErrMalformed, "type", "*model.CustomerRule")
}

func TestAttributesAcceptTheirGoTypesOnly(t *testing.T) {
	values := map[model.AttrType][]any{
		model.AttrString: {"", "x"}, model.AttrInt: {1, int8(1), int64(1), uint8(1), uint32(1)}, model.AttrDouble: {1.5, float32(1)},
		model.AttrBool: {true}, model.AttrTimestamp: {time.Time{}}, model.AttrDuration: {time.Second}, model.AttrStrings: {[]string{"x"}},
	}
	for typ := range values {
		for other, list := range values {
			for _, v := range list {
				if typ.Accepts(v) != (typ == other) {
					t.Errorf("%s accepts %T: %v", typ, v, typ.Accepts(v))
				}
			}
		}
		if !typ.Accepts(nil) || typ.Accepts(uint64(1)) || typ.Accepts([]any{"x"}) || typ.Accepts(struct{}{}) {
			t.Errorf("%s: nil is of every type, uint64, []any and structs of none", typ)
		}
	}
}

func TestASchemaMayStandInsideAnotherDocument(t *testing.T) {
	var outer struct{ Schema yaml.Node }
	text := "schema:\n  " + strings.ReplaceAll(strings.TrimSuffix(schemaText, "\n"), "\n", "\n  ")
	if err := yaml.Unmarshal([]byte(text), &outer); err != nil {
		t.Fatal(err)
	}
	got, err := model.SchemaOf(&outer.Schema)
	if diff := cmp.Diff(testSchema(), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	_, err = model.SchemaOf(&yaml.Node{})
	checkSource(t, err, 0, "", "a mapping")
}
