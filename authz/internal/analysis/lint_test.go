package analysis

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// What lint calls useless can be taken away: nobody gains or loses anything by it, now or later.
func TestWhatIsUselessCanGo(t *testing.T) {
	var counting sync.Mutex
	count := map[FindingKind]int{}
	inParallel(*pairs/4, func(i int) {
		w := newWorld(t, *seed+uint64(i))
		c := w.policies[1]
		findings := c.lint(now)
		counting.Lock()
		for _, f := range findings {
			count[f.Kind]++
		}
		counting.Unlock()
		without := slices.Clone(c.Facts)
		for _, f := range findings {
			if !slices.Contains([]FindingKind{Unreachable, Shadowed, Duplicate, Expired}, f.Kind) {
				continue
			}
			without = slices.DeleteFunc(without, func(o model.Fact) bool { return o == f.Fact })
		}
		if len(without) == len(c.Facts) {
			return
		}
		after, err := c.next(Policy{c.Schema, c.Tenant, without})
		if err != nil {
			t.Error(err)
			return
		}
		changes, err := diff(t.Context(), c, after, Options{At: now, Later: 100})
		if err != nil {
			t.Error(err)
			return
		}
		if len(changes.Gains)+len(changes.Losses)+len(changes.Later) > 0 {
			t.Errorf("seed %d: without the useless:\n%s\n%s", w.seed, changes.Markdown(), lines(findings))
		}
	})
	t.Logf("found: %v", count)
	for _, k := range []FindingKind{Unreachable, Shadowed, Duplicate, Expired, Cyclic, Broad, Unused, Dangling} {
		if count[k] == 0 && *pairs >= 1000 {
			t.Errorf("nothing is %s", k)
		}
	}
}

func lines(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%v [%v]\n", f, f.Other)
	}
	return b.String()
}

func TestLint(t *testing.T) {
	base, err := model.ParsePolicy([]byte(`"*": {rules: [{who: role:rep, may: read, on: customer}], members: [{who: role:boss, in: role:rep}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const people = "  members: [{who: [user:ann, user:bob], in: role:rep}, {who: user:cyd, in: role:boss}]\n"
	for _, test := range []struct {
		name, text string
		want       []string // how the findings begin
	}{
		{"nothing", people, nil},
		{"for nobody", people + "  rules: [{who: role:ghost, may: update, on: customer}]\n",
			[]string{"warning: unreachable: p, role:ghost, acme, customer, update, allow, -: nobody is in role:ghost."}},
		{"stands in the base policy", people + "  rules: [{who: role:rep, may: read, on: customer}]\n",
			[]string{"warning: duplicate: p, role:rep, acme, customer, read, allow, -: the base policy says the same."}},
		{"said by a wider rule", people + "  rules: [{who: role:rep, may: [update, \"*\"], on: customer}]\n",
			[]string{"note: shadowed: p, role:rep, acme, customer, update, allow, -: another rule says all that it says, and more."}},
		{"said for a wider group", people + "  rules: [{who: [role:rep, role:boss], may: update, on: customer, scope: all}]\n",
			[]string{"note: shadowed: p, role:boss, acme, customer, update, allow, all: another rule says all that it says, and more."}},
		{"forbidden", people + "  rules: [{who: role:rep, may: delete, on: customer}, {who: \"*\", may not: delete, on: \"*\"}]\n",
			[]string{"warning: shadowed: p, role:rep, acme, customer, delete, allow, -: another rule forbids all that it allows."}},
		{"own is reached anyway", people + "  rules: [{who: role:rep, may: update, on: customer}, {who: role:rep, may: update, on: customer, scope: own}]\n",
			[]string{"warning: duplicate: p, role:rep, acme, customer, update, allow, "}},
		{"not the same", people + "  rules: [{who: role:rep, may: update, on: customer, scope: unit}, {who: role:rep, may: update, on: customer, scope: team}]\n", nil},
		{"ended", people + "  rules: [{who: role:rep, may: update, on: customer, until: 2026-11-22T09:00:00Z}]\n",
			[]string{"note: expired: p, role:rep, acme, customer, update, allow, until:2026-11-22T09:00:00Z: it ended at 2026-11-22T09:00:00Z."}},
		{"open by default", people + "  fields: [{who: role:rep, has: read, on: customer#name}]\n",
			[]string{"warning: shadowed: p3, role:rep, acme, customer#name, read, allow, -: everyone has the level read of the field by default, or more."}},
		{"capped", people + "  fields: [{who: role:rep, has: read, on: customer#phone}, {who: \"*\", below: masked, on: customer#*}]\n",
			[]string{"warning: shadowed: p3, role:rep, acme, customer#phone, read, allow, -: another rule forbids all that it allows."}},
		{"everyone may all", people + "  rules: [{who: \"*\", may: \"*\", on: \"*\", scope: all}]\n",
			[]string{"problem: broad: p, *, acme, *, *, allow, all: everyone may do everything to every record."}},
		{"everyone may some", people + "  rules: [{who: \"*\", may: update, on: customer}]\n",
			[]string{"note: broad: p, *, acme, customer, update, allow, -: everyone may change each customer that the rule covers or the level of which suffices."}},
		{"everyone on the team", people + "  teams: [{who: \"*\", has: full, on: customer}]\n",
			[]string{"warning: broad: p2, *, acme, customer, full, -, -: everyone has the level full of customer."}},
		{"a role may all", people + "  rules: [{who: role:rep, may: \"*\", on: \"*\", scope: all}]\n",
			[]string{"warning: broad: p, role:rep, acme, *, *, allow, all: role:rep may do everything to everything."}},
		{"a cycle", people + "  teams: []\n  org: [{who: unit:a, under: unit:b}, {who: unit:b, under: unit:a}]\n",
			[]string{"problem: cyclic: unit:a: it is below itself: unit:a → unit:b → unit:a."}},
		{"an idle role", "  members: [{who: user:ann, in: role:idle}]\n",
			[]string{"note: unused: role:idle: people are in it, but no rule or condition names it, or a role that it is in."}},
		{"a switch of nothing", people + "  off: [{what: rule:0123456789abcdef0123456789abcdef}, {what: role:ghost}]\n",
			[]string{"problem: dangling: p4, rule:0123456789abcdef0123456789abcdef, acme, off, -, -, -: there is no such rule or membership", "warning: dangling: p4, role:ghost, acme, off, -, -, -: no fact names role:ghost."}},
		{"another period", people + "  teams: [{who: user:ann, has: read, on: customer/1}, {who: user:ann, has: read, on: customer/1, until: 2027-01-01T00:00:00Z}]\n",
			[]string{"note: shadowed: p2, user:ann, acme, customer/1, read, -, until:2027-01-01T00:00:00Z: another rule says all that it says, and more."}},
	} {
		p := policy(t, test.text)
		p.Facts = append(p.Facts, base...)
		findings, err := Lint(p, Options{At: now})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		findings = slices.DeleteFunc(findings, func(f Finding) bool { return strings.HasPrefix(f.Name, attrPrefix) })
		ok := len(findings) == len(test.want)
		for i, f := range findings {
			ok = ok && strings.HasPrefix(f.String(), test.want[i])
		}
		if !ok {
			t.Errorf("%s: want %q, got\n%s", test.name, test.want, lines(findings))
		}
	}
}

func TestLintFindsWhatAdministrationAndConstraintsMakeOfRules(t *testing.T) {
	schema := *crm
	schema.Administration = &model.Administration{}
	schema.Constraints = []model.Constraint{{Name: "apart", Exclusive: []string{"role:rep", "role:boss"}}}
	p := Policy{&schema, "acme", facts(t, `  members:
    - {who: [user:ann, user:bob], in: role:rep}
    - {who: role:boss, in: role:lead}
    - {who: user:bob, in: role:boss, from: 2027-01-01T00:00:00Z}
    - {who: user:ann, in: role:boss, until: 2026-01-01T00:00:00Z}
  rules:
    - {who: role:rep, may: [update, grant], on: "*"}
    - {who: role:lead, may: read, on: customer, scope: all}
`)}
	findings, err := Lint(p, Options{At: now})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		if f.Severity > Note {
			got = append(got, f.String())
		}
	}
	want := []string{
		"problem: together: g, user:bob, role:rep, acme, -: by constraint apart: user:bob → role:rep and user:bob → role:boss, so that nothing is allowed to who is in both. Revoke one of the memberships.",
		"warning: broad: p, role:rep, acme, *, grant, allow, -: role:rep may change the policy, since permissions are among every type. Name the types.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLintFindsWhatTheSchemaHasForNobody(t *testing.T) {
	schema := *crm
	schema.Types = map[string]model.Type{
		"customer": crm.Types["customer"],
		"note":     {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Parent: model.Parent{Type: "customer", Controlled: true}},
	}
	p := Policy{&schema, "acme", facts(t, "  teams: [{who: user:ann, has: read, on: note/1}]\n")}
	findings, err := Lint(p, Options{At: now})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.String())
	}
	want := []string{
		"warning: unreachable: p2, user:ann, acme, note/1, read, -, -: records of type note are controlled by their parent, so that levels on them do not count. Give the level on the parent instead.",
		"note: unused: if:eu_only: no rule of this tenant or of the base policy has the condition. Take it out of the schema, unless other tenants use it.",
		"note: unused: if:in_finance: no rule of this tenant or of the base policy has the condition. Take it out of the schema, unless other tenants use it.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Chains of 65 memberships, of which the last one does not count.
func TestLintFindsDeepChains(t *testing.T) {
	all := facts(t, "  members: [{who: user:ann, in: role:r1}]\n")
	for i := 1; i <= model.MaxDepth; i++ {
		all = append(all, model.Membership{Tenant: "acme", Member: fmt.Sprint("role:r", i), Group: fmt.Sprint("role:r", i+1)})
	}
	findings, err := Lint(Policy{crm, "acme", all}, Options{At: time.Now()})
	if err != nil || len(findings) == 0 || findings[0].Kind != TooDeep || findings[0].Name != "user:ann" {
		t.Errorf("%v, %v", lines(findings), err)
	}
}
