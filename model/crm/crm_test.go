package crm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

func TestNamesAreNames(t *testing.T) {
	for from, want := range map[string]string{
		"Account": "Account", "npe01__OppPayment__c": "npe01__OppPayment__c", "客户": "客户", "address.city": "address.city",
		"First Name": "First:20Name", "50%": "_::50:25", "%%%NS%%%X__c": "_:::25:25:25NS:25:25:25X__c", "a:b": "a:3Ab", "": "", "\xff": "_:::FF",
	} {
		if got := crm.Name(from); got != want {
			t.Errorf("Name(%q) = %q, want %q", from, got, want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("_%", "%")
	f.Add("1A", "_:1A")
	f.Add("_::1A", "1A")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a != b && crm.Name(a) == crm.Name(b) {
			t.Errorf("%q and %q have the name %q", a, b, crm.Name(a))
		}
		if n := crm.Name(a); a != "" && utf8.RuneCountInString(n) <= model.MaxColumn {
			if err := model.CheckName(n); err != nil {
				t.Errorf("Name(%q): %v", a, err)
			}
		}
	})
}

func TestConditionsAreNamedByTheirParts(t *testing.T) {
	c := crm.Conditions{}
	eu, hot := crm.Condition{Name: "eu", Expr: "a || b"}, crm.MemberOf("hot", "role:hot")
	if got := c.When(); got != "" {
		t.Error(got)
	}
	if got := c.When(crm.Condition{}, eu); got != "eu" || c["eu"] != "a || b" {
		t.Error(got, c)
	}
	if got := c.When(eu, hot.Not(), eu); got != "eu.and.not.hot" || c[got] != `(a || b) && (!(member("role:hot")))` {
		t.Error(got, c[got])
	}
	again := c.When(crm.Condition{Name: "eu", Expr: "another"})
	if again == "eu" || c[again] != "another" || c["eu"] != "a || b" || model.CheckName(again) != nil {
		t.Error(again, c)
	}
	long := c.When(crm.Condition{Name: strings.Repeat("x", 90), Expr: "x"})
	if len(long) > 60 || c[long] != "x" || long != c.When(crm.Condition{Name: strings.Repeat("x", 90), Expr: "x"}) {
		t.Error(long)
	}
}

func TestPoliciesAreInOrderAndHaveNothingTwice(t *testing.T) {
	schema := &model.Schema{Types: map[string]model.Type{"a": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}}}
	rule := model.CustomerRule{Tenant: "acme", Subject: "role:r", On: model.OnType("a"), Action: "read", Effect: model.Allow}
	other := rule
	other.Subject = "role:b"
	member := model.Membership{Tenant: "acme", Member: "user:u", Group: "role:r"}
	p, err := crm.NewPolicy(schema, []model.Fact{rule, member, other, rule})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]model.Fact{member, other, rule}, p.Facts); d != "" {
		t.Error(d)
	}
	bad := rule
	bad.Action = "fly"
	if _, err := crm.NewPolicy(schema, []model.Fact{bad}); !errors.Is(err, model.ErrUnknownAction) {
		t.Error(err)
	}
	bad = rule
	bad.Subject = "role:" + strings.Repeat("x", 100)
	if _, err := crm.NewPolicy(schema, []model.Fact{bad}); !errors.Is(err, model.ErrTooLong) {
		t.Error(err)
	}
	if _, err := crm.NewPolicy(&model.Schema{}, nil); !errors.Is(err, model.ErrMalformed) {
		t.Error(err)
	}
	schema.Conditions = map[string]string{"long": strings.Repeat("x", crm.MaxExpression+1)}
	if _, err := crm.NewPolicy(schema, nil); !errors.Is(err, crm.ErrTooLarge) {
		t.Error(err)
	}
}

func TestReports(t *testing.T) {
	r := &crm.Report{Files: 2}
	r.Add(crm.Entry{Outcome: crm.Taken, File: "a", Line: 3, Kind: "role", What: "Boss"})
	r.Add(crm.Entry{Outcome: crm.Unknown, File: "b", Line: 4, Kind: "colour", What: "red", Why: "who knows"})
	r.Add(crm.Entry{Outcome: crm.Taken, File: "b", Kind: "role", What: "Rep"})
	r.Add(crm.Entry{Outcome: crm.NotExpressible, File: "b", Line: 1, Kind: "role", Why: "is odd"})
	r.Grants("readable")
	r.Grants("readable")
	if r.Count(crm.Taken, "role") != 2 || r.Rights["readable"] != 2 || len(slices.Collect(r.With(crm.Unknown))) != 1 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = "2 files\n      1 colour: unknown\n      2 role: taken\n      1 role: not expressible\n" +
		"b:4: unknown: colour red: who knows\nb:1: not expressible: role: is odd\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	if err := r.Write(broken{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestParseYAMLRefuses(t *testing.T) {
	type description struct {
		Name    string         `yaml:"name"`
		Dialect crm.Dialect    `yaml:"dialect"`
		Counts  map[string]int `yaml:"counts"`
	}
	tests := []struct {
		name, text string
		want       error
		line       int
	}{
		{"nothing", "", crm.ErrMalformed, 0},
		{"an unknown word", "name: x\ncolour: red", crm.ErrMalformed, 2},
		{"an unknown word below", "name: x\ndialect:\n  colour: red", crm.ErrMalformed, 3},
		{"a word twice", "name: x\nname: y", crm.ErrMalformed, 2},
		{"a second document", "name: x\n---\nname: y", crm.ErrMalformed, 2},
		{"an alias", "name: &a x\ncounts: {x: *a}", crm.ErrMalformed, 2},
		{"a tag", "name: !x y", crm.ErrMalformed, 1},
		{"another kind", "name: x\ncounts: {a: b}", crm.ErrMalformed, 2},
		{"no mapping", "- x", crm.ErrMalformed, 1},
		{"no YAML", "name: [", crm.ErrMalformed, 1},
		{"too much", "name: " + strings.Repeat("x", model.MaxYAML), crm.ErrTooLarge, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var d description
			err := crm.ParseYAML([]byte(test.text), &d)
			var at *crm.Error
			if !errors.Is(err, test.want) || !errors.As(err, &at) || at.Line != test.line {
				t.Errorf("%v; want %v on line %d", err, test.want, test.line)
			}
		})
	}
	var d, again description
	if err := crm.ParseYAML([]byte("name: x\ndialect: {managers: read}\ncounts: {a: 1}"), &d); err != nil || d.Dialect.Managers != "read" {
		t.Fatal(d, err)
	}
	data, err := crm.FormatYAML(d)
	if err == nil {
		err = crm.ParseYAML(data, &again)
	}
	if d := cmp.Diff(d, again); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestDialectsAreResolved(t *testing.T) {
	carried := map[string][]string{}
	all := []string{
		"managers", "managers_of_grantees", "hierarchy_off", "public_write_deletes", "shares_without_permission", "write_shares_transfer",
		"shares_at_owner_change", "fields", "field_grants", "admins_see_all_fields", "tree_inherits", "bundles", "deactivation_drops_shares", "effective",
	}
	for _, question := range all {
		carried[question] = []string{"own", "other"}
	}
	d, err := crm.Dialect{Fields: "other"}.Resolve(carried)
	if err != nil || d.Managers != "own" || d.Fields != "other" || d.Effective != "own" {
		t.Errorf("%+v, %v", d, err)
	}
	var at *crm.Error
	if _, err := (crm.Dialect{Bundles: "third"}).Resolve(carried); !errors.As(err, &at) || at.Value != "third" || !errors.Is(err, crm.ErrMalformed) {
		t.Error(err)
	}
	delete(carried, "effective")
	if _, err := (crm.Dialect{}).Resolve(carried); !errors.Is(err, crm.ErrMalformed) {
		t.Error("a question without an answer:", err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for want, err := range map[string]error{
		`a.xml:3: role Boss: "x": malformed: be good`: &crm.Error{File: "a.xml", Line: 3, What: "role Boss", Value: "x", Err: crm.ErrMalformed, Hint: "be good"},
		`line 3: malformed`:                           &crm.Error{Line: 3, Err: crm.ErrMalformed},
		`a.xml: too large`:                            &crm.Error{File: "a.xml", Err: crm.ErrTooLarge},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	long := (&crm.Error{Value: strings.Repeat("é", 500), Err: crm.ErrMalformed}).Error()
	if len(long) > 300 || !utf8.ValidString(long) {
		t.Error(long)
	}
	if s := crm.Outcome(9).String(); s != "invalid(9)" {
		t.Error(s)
	}
	if s := fmt.Sprint(crm.Taken, crm.Ambiguous); s != "taken ambiguous" {
		t.Error(s)
	}
}
