package model_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

const policyText = `"*":
  members:
    - {who: role:lead, in: role:rep}
  rules:
    - {who: "*", may: read, on: product}
acme:
  members:
    - {who: user:alice, in: [role:rep, team:north]}
    - {who: user:bob, in: role:support, from: 2026-01-01T00:00:00Z, until: 2026-07-01T00:00:00Z}
  org:
    - {who: unit:apac, under: unit:world}
    - {who: [user:alice, user:bob], under: user:carol}
  rules:
    - {who: role:intern, may not: [delete, update], on: customer}
    - {who: role:rep, may: [read, update], on: customer, scope: own, if: eu_only}
    - {who: user:王 小明, may: "*", on: customer@unit:apac}
  teams:
    - {who: user:bob, has: read, on: [customer/42, customer/43], as: support}
  fields:
    - {who: role:intern, below: read, on: customer#salary}
    - {who: role:support, has: masked, on: "customer#*"}
  off:
    - {what: rule:d7504dd00843e7ebccb9069734d38e41}
    - {what: "*", mode: read-only}
    - {what: user:eve, until: 2026-07-01T00:00:00Z}
`

func linesOf(t testing.TB, facts []model.Fact) []model.Line {
	t.Helper()
	lines := make([]model.Line, len(facts))
	for i, f := range facts {
		var err error
		if lines[i], err = model.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func TestPolicyBecomesFacts(t *testing.T) {
	facts, err := model.ParsePolicy([]byte(policyText))
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Line{
		line("g", "role:lead", "role:rep", "*", "-"),
		line("p", "*", "*", "product", "read", "allow", "-"),
		line("g", "user:alice", "role:rep", "acme", "-"),
		line("g", "user:alice", "team:north", "acme", "-"),
		line("g", "user:bob", "role:support", "acme", "from:2026-01-01T00:00:00Z until:2026-07-01T00:00:00Z"),
		line("g2", "unit:apac", "unit:world", "acme"),
		line("g2", "user:alice", "user:carol", "acme"),
		line("g2", "user:bob", "user:carol", "acme"),
		line("p", "role:intern", "acme", "customer", "delete", "deny", "-"),
		line("p", "role:intern", "acme", "customer", "update", "deny", "-"),
		line("p", "role:rep", "acme", "customer", "read", "allow", "own if:eu_only"),
		line("p", "role:rep", "acme", "customer", "update", "allow", "own if:eu_only"),
		line("p", "user:王 小明", "acme", "customer@unit:apac", "*", "allow", "-"),
		line("p2", "user:bob", "acme", "customer/42", "read", "support", "-"),
		line("p2", "user:bob", "acme", "customer/43", "read", "support", "-"),
		line("p3", "role:intern", "acme", "customer#salary", "read", "deny", "-"),
		line("p3", "role:support", "acme", "customer#*", "masked", "allow", "-"),
		line("p4", "rule:d7504dd00843e7ebccb9069734d38e41", "acme", "off", "-", "-", "-"),
		line("p4", "*", "acme", "read-only", "-", "-", "-"),
		line("p4", "user:eve", "acme", "off", "-", "2026-07-01T00:00:00Z", "-"),
	}
	if diff := gocmp.Diff(want, linesOf(t, facts)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPolicyIsWrittenTheSameInAnyOrder(t *testing.T) {
	facts, err := model.ParsePolicy([]byte(policyText))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		rand.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		twice := append(slices.Clone(facts), facts...)
		text, err := model.FormatPolicy(twice)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(policyText, string(text)); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

func TestEveryFactComesBackFromThePolicy(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var facts []model.Fact
	for _, l := range randomLines(t, seed, 2000) {
		f, err := model.Decode(l)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	text, err := model.FormatPolicy(facts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := model.ParsePolicy(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	byLine := func(a, b model.Fact) int { return cmp.Compare(a.String(), b.String()) }
	slices.SortFunc(facts, byLine)
	slices.SortFunc(again, byLine)
	if diff := gocmp.Diff(facts, again); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPolicyWordsTakeListsInAnyForm(t *testing.T) {
	facts, err := model.ParsePolicy([]byte(`acme:
  rules:
    - who:
        - user:alice
        - user:bob
      may: [read, update]
      on: ["customer", 'deal']
`))
	if err != nil || len(facts) != 8 {
		t.Errorf("%d facts, %v; want 8", len(facts), err)
	}
	if none, err := model.ParsePolicy([]byte("{}")); err != nil || len(none) != 0 {
		t.Errorf("a policy without tenants: %v, %v", none, err)
	}
	if text, err := model.FormatPolicy(nil); err != nil || string(text) != "{}\n" {
		t.Errorf("no facts are written %q, %v", text, err)
	}
}

func TestLongEntriesAreWrittenOneWordALine(t *testing.T) {
	var facts []model.Fact
	for i := range 30 {
		facts = append(facts, model.TeamRule{Tenant: "acme", Subject: "role:rep", On: model.OnRecord("customer", fmt.Sprint(i)), Level: model.LevelRead})
	}
	text, err := model.FormatPolicy(facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if len(l) > 110 {
			t.Errorf("a long line: %s", l)
		}
	}
	if !strings.Contains(string(text), "    - who: role:rep\n      has: read\n      on:\n        - customer/0\n") {
		t.Errorf("written as\n%s", text)
	}
}

func TestParsePolicyNamesLineAndValueOfWhatItRefuses(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		line  int
		value string
		hint  string
		want  error
	}{
		{"nothing", "", 0, "", "is empty", model.ErrMalformed},
		{"a list", "- a\n", 1, "", "a mapping", model.ErrMalformed},
		{"two documents", "acme: {}\n---\nacme: {}\n", 2, "", "a second document", model.ErrMalformed},
		{"tenant twice", "acme: {}\nacme: {}\n", 2, "acme", "stands on line 1 already", model.ErrMalformed},
		{"tenant", "acme: {}\na/b: {}\n", 2, "a/b", "may not stand", model.ErrMalformed},
		{"tenant without lists", "acme:\n", 1, "", "a mapping", model.ErrMalformed},
		{"unknown list", "acme:\n  rule: []\n", 2, "rule", "one of members, org", model.ErrMalformed},
		{"not a list", "acme:\n  rules: {who: role:rep}\n", 2, "", "a list", model.ErrMalformed},
		{"not an entry", "acme:\n  rules:\n    - role:rep\n", 3, "role:rep", "a mapping", model.ErrMalformed},
		{"unknown word", "acme:\n  rules:\n    - {who: role:rep, can: read, on: customer}\n", 3, "can", "one of who, may, may not", model.ErrMalformed},
		{"word of another list", "acme:\n  org:\n    - {who: user:a, under: user:b, until: 2026-01-01T00:00:00Z}\n", 3, "until", "unknown word", model.ErrMalformed},
		{"word twice", "acme:\n  rules:\n    - who: role:rep\n      may: read\n      who: role:x\n", 5, "who", "stands on line 3 already", model.ErrMalformed},
		{"who is missing", "acme:\n  rules:\n    - {may: read, on: customer}\n", 3, "", "the word who is missing", model.ErrMalformed},
		{"in is missing", "acme:\n  members:\n    - {who: user:a}\n", 3, "", "the word in is missing", model.ErrMalformed},
		{"under is missing", "acme:\n  org:\n    - {who: user:a}\n", 3, "", "the word under is missing", model.ErrMalformed},
		{"on is missing", "acme:\n  rules:\n    - {who: role:rep, may: read}\n", 3, "", "the word on is missing", model.ErrMalformed},
		{"has is missing", "acme:\n  teams:\n    - {who: role:rep, on: customer}\n", 3, "", "the word has is missing", model.ErrMalformed},
		{"what is missing", "acme:\n  off:\n    - {mode: off}\n", 3, "", "the word what is missing", model.ErrMalformed},
		{"neither may nor may not", "acme:\n  rules:\n    - {who: role:rep, on: customer}\n", 3, "", "either may or may not", model.ErrMalformed},
		{"both has and below", "acme:\n  fields:\n    - {who: role:rep, has: read, below: read, on: customer#x}\n", 3, "", "either has or below", model.ErrMalformed},
		{"empty list", "acme:\n  rules:\n    - {who: [], may: read, on: customer}\n", 3, "", "an empty list", model.ErrMalformed},
		{"empty value", "acme:\n  rules:\n    - {who: , may: read, on: customer}\n", 3, "", "is empty", model.ErrMalformed},
		{"list in a list", "acme:\n  rules:\n    - {who: [[role:rep]], may: read, on: customer}\n", 3, "", "a single value", model.ErrMalformed},
		{"list for scope", "acme:\n  rules:\n    - {who: role:rep, may: read, on: customer, scope: [own]}\n", 3, "", "a single value", model.ErrMalformed},
		{"kind of who", "acme:\n  rules:\n    - who: alice\n      may: read\n      on: customer\n", 3, "alice", "begins with one of", model.ErrUnknownKind},
		{"second of a list", "acme:\n  rules:\n    - who:\n        - role:rep\n        - alice\n      may: read\n      on: customer\n", 5, "alice", "begins with one of", model.ErrUnknownKind},
		{"target", "acme:\n  rules:\n    - who: role:rep\n      may: read\n      on: customer/\n", 5, "customer/", "no id", model.ErrMalformed},
		{"field in a rule", "acme:\n  rules:\n    - who: role:rep\n      may: read\n      on: customer#x\n", 5, "customer#x", "only a field rule", model.ErrMalformed},
		{"level", "acme:\n  teams:\n    - {who: role:rep, has: Read, on: customer}\n", 3, "Read", "one of none read", model.ErrMalformed},
		{"level none", "acme:\n  teams:\n    - {who: role:rep, has: none, on: customer}\n", 3, "none", "one of read write", model.ErrMalformed},
		{"scope", "acme:\n  rules:\n    - {who: role:rep, may: read, on: customer, scope: mine}\n", 3, "mine", "one of own team", model.ErrMalformed},
		{"scope on a record", "acme:\n  rules:\n    - {who: role:rep, may: read, on: customer/1, scope: own}\n", 3, "own", "has no scope", model.ErrMalformed},
		{"condition", "acme:\n  rules:\n    - {who: role:rep, may: read, on: customer, if: a b}\n", 3, "a b", "a name has letters", model.ErrMalformed},
		{"as -", "acme:\n  teams:\n    - {who: role:rep, has: read, on: customer, as: '-'}\n", 3, "-", "a name has letters", model.ErrMalformed},
		{"time", "acme:\n  members:\n    - {who: user:a, in: role:b, from: 2026-01-01}\n", 3, "2026-01-01", "a time is written", model.ErrMalformed},
		{"time elsewhere", "acme:\n  members:\n    - {who: user:a, in: role:b, from: 2026-01-01T08:00:00+08:00}\n", 3, "2026-01-01T08:00:00+08:00", "a time is written", model.ErrMalformed},
		{"times in the wrong order", "acme:\n  members:\n    - {who: user:a, in: role:b, from: 2027-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z}\n", 3,
			"from:2027-01-01T00:00:00Z until:2026-01-01T00:00:00Z", "until lies after from", model.ErrMalformed},
		{"mode", "acme:\n  off:\n    - {what: '*', mode: shut}\n", 3, "shut", "one of off locked", model.ErrMalformed},
		{"tenant off", "acme:\n  off:\n    - {what: '*'}\n", 3, "off", "locked, read-only or open", model.ErrMalformed},
		{"user in the base policy", "'*':\n  members:\n    - {who: user:a, in: role:b}\n", 3, "user:a", "roles in roles", model.ErrNotInBase},
		{"fact twice", "acme:\n  rules:\n    - {who: role:rep, may: [read, update], on: customer}\n    - {who: role:rep, may: read, on: customer}\n", 4,
			"p, role:rep, acme, customer, read, allow, -", "the fact stands on line 3 already", model.ErrMalformed},
		{"value twice", "acme:\n  members:\n    - {who: user:a, in: [role:b, role:b]}\n", 3, "g, user:a, role:b, acme, -", "stands on line 3 already", model.ErrMalformed},
		{"alias", "acme:\n  rules:\n    - &a {who: role:rep, may: read, on: customer}\n    - *a\n", 4, "*a", "aliases", model.ErrMalformed},
		{"star without quotes", "acme:\n  rules:\n    - {who: *, may: read, on: customer}\n", 3, "", "alphabetic or numeric", model.ErrMalformed},
		{"merge", "acme:\n  rules:\n    - &a {who: role:rep, may: read, on: customer}\n    - {<<: *a, on: deal}\n", 4, "<<", "unknown word", model.ErrMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			facts, err := model.ParsePolicy([]byte(test.text))
			checkSource(t, err, test.line, test.value, test.hint)
			if !errors.Is(err, test.want) || facts != nil {
				t.Errorf("%v and %d facts, want %v and none", err, len(facts), test.want)
			}
		})
	}
}

func TestListsThatMultiplyAreBounded(t *testing.T) {
	var who, may, on strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&who, "user:u%d,", i)
		fmt.Fprintf(&may, "a%d,", i)
		fmt.Fprintf(&on, "t%d,", i)
	}
	_, err := model.ParsePolicy(fmt.Appendf(nil, "acme: {rules: [{who: [%s], may: [%s], on: [%s]}]}", &who, &may, &on))
	if !errors.Is(err, model.ErrTooLong) {
		t.Errorf("8 billion facts: %v", err)
	}
	facts := make([]model.Fact, model.MaxYAMLFacts+1)
	for i := range facts {
		facts[i] = model.Membership{Tenant: "acme", Member: fmt.Sprintf("user:u%d", i), Group: "role:rep"}
	}
	if _, err := model.FormatPolicy(facts); !errors.Is(err, model.ErrTooLong) {
		t.Errorf("one fact too many: %v", err)
	}
}

func TestFormatPolicyRefusesWhatHasNoLine(t *testing.T) {
	_, err := model.FormatPolicy([]model.Fact{goodFact(t), model.OrgEdge{}})
	checkRefused(t, err, model.ErrUnknownKind, "below", "")
	_, err = model.FormatPolicy([]model.Fact{nil})
	checkRefused(t, err, model.ErrMalformed, "type", "<nil>")
}

func goodFact(t testing.TB) model.Fact {
	t.Helper()
	f, err := model.Decode(goodLines[model.Memberships])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFactsOfOneTenantMayStandInsideAnotherDocument(t *testing.T) {
	var outer struct{ Facts yaml.Node }
	if err := yaml.Unmarshal([]byte("\nfacts:\n  members: [{who: user:alice, in: role:rep}]\n  rules: [{who: role:rep, may: read, on: customer}]\n"), &outer); err != nil {
		t.Fatal(err)
	}
	facts, err := model.FactsOf("acme", &outer.Facts)
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Line{line("g", "user:alice", "role:rep", "acme", "-"), line("p", "role:rep", "acme", "customer", "read", "allow", "-")}
	var got []model.Fact
	for _, f := range facts {
		got = append(got, f.Fact)
	}
	if diff := gocmp.Diff(want, linesOf(t, got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if f := facts[1]; f.Line != 4 || f.Column != 11 {
		t.Errorf("the rule stands on line %d, column %d", f.Line, f.Column)
	}
	_, err = model.FactsOf("a/b", &outer.Facts)
	checkSource(t, err, 3, "a/b", "may not stand")
}
