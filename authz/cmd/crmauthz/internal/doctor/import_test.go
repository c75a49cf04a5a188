package doctor_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

func noProgress(int, int) {}

// What is imported allows nothing that Casbin denies; and if nothing was left, nothing is lost.
func TestRandomImports(t *testing.T) {
	compared, allowed := 0, 0
	for seed := range uint64(2500) {
		r := rand.New(rand.NewPCG(seed, 3))
		text := plainly
		for _, change := range [][2]string{
			{"r.obj == p.obj", `(p.obj == "*" || r.obj == p.obj)`},
			{"r.dom == p.dom", `(p.dom == "*" || r.dom == p.dom)`},
			{"r.act == p.act", `keyMatch(r.act, p.act)`},
			{" && !some(where (p.eft == deny))", ""},
			{"g(r.sub, p.sub, r.dom)", `(p.sub == "*" || g(r.sub, p.sub, r.dom))`},
			{"p = sub, dom, obj, act, eft", "p = dom, sub, act, obj, eft"},
			{"some(where (p.eft == allow)) && !so", "!so"},
		} {
			if r.IntN(4) == 0 {
				text = strings.Replace(text, change[0], change[1], 1)
			}
		}
		for _, change := range [][2]string{ // with these, rules mean something else
			{"m = ", `m = r.sub != "ann" && `}, {"m = ", `m = r.sub == "bob" || `}, {" && r.obj == p.obj", ""}, {"p.sub, r.dom)", "p.sub)"},
			{"g(r.sub, p.sub, r.dom)", "r.sub == p.sub"}, {"p.sub, r.dom)", "p.sub, p.dom)"}, {"r.act == p.act", "keyMatch2(r.act, p.act)"},
			{"r.dom == p.dom", "keyMatch(r.dom, p.dom)"}, {"r.obj == p.obj", "r.obj == p.act"}, {"r.act == p.act", `(r.act == p.act || r.act == "read")`},
		} {
			if r.IntN(30) == 0 {
				text = strings.Replace(text, change[0], change[1], 1)
			}
		}
		m := readModel(t, text)
		rows := randomRows(r)
		i := doctor.Translate(rows, m, "", nil)
		if i.Schema == nil {
			continue
		}
		c, err := doctor.Compare(t.Context(), rows, m, i, noProgress)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		compared += c.Asked
		allowed += len(i.Facts)
		// Denials of a type are of its records, too; and they deny, also where the model ignores them.
		mayLose := len(i.Left) > 0 || strings.Contains(fmt.Sprint(rows), "deal/1") || !strings.Contains(text, "deny")
		if c.Gains > 0 || c.Loses > 0 && !mayLose {
			t.Fatalf("seed %d: %+v\nmodel %s\nrows %v\nfacts %v\nleft %v", seed, c, text, rows, i.Facts, i.Left)
		}
	}
	if compared < 10_000 || allowed < 1000 {
		t.Errorf("compared %d answers of %d facts only", compared, allowed)
	}
}

func randomRows(r *rand.Rand) (rows []source.Row) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	usually := func(often, seldom []string) string {
		if r.IntN(6) > 0 {
			return pick(often...)
		}
		return pick(seldom...)
	}
	for n := range r.IntN(14) {
		row := source.Row{Number: int64(n + 1), Ptype: "p"}
		switch r.IntN(3) {
		case 0:
			row.Ptype = "g"
			row.Values = []string{
				usually([]string{"ann", "bob", "lead"}, []string{"a,b", "role:x", "Ünal ", "*"}),
				usually([]string{"lead", "boss"}, []string{"role:x", "user:ann", "lead/2"}), usually([]string{"t1", "t2"}, []string{"t 3", "*", "-"}),
			}
		default:
			row.Values = []string{
				usually([]string{"ann", "bob", "lead", "boss"}, []string{"a,b", "role:x", "*", "lead/2"}), usually([]string{"t1", "t2"}, []string{"t 3", "*", "-"}),
				usually([]string{"data", "deal"}, []string{"deal/1", "*", "a b", "deal#x", "d@unit:x"}), usually([]string{"read", "write"}, []string{"*", "re*", "go away"}),
				usually([]string{"allow", "deny", "allow"}, []string{"Deny", "x"}),
			}
			if r.IntN(20) == 0 {
				row.Values = row.Values[:4]
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func TestImports(t *testing.T) {
	const conditional = "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n[role_definition]\ng = _, _, _, (_, _)\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act\n"
	for _, c := range []struct {
		name, model, rows, tenant, want string
		left                            []string
	}{
		{"the usual one", "", "p, admin, acme, customer, read\np, admin, acme, customer, update\ng, alice, admin, acme\n", "", `
acme:
  members:
    - {who: user:alice, in: role:admin}
  rules:
    - {who: role:admin, may: [read, update], on: customer, scope: all}
`, nil},
		{"names that need another form", "", "p, Sales/Marketing, Müller & Söhne, customer/42, read, deny\ng, o'neil, Sales/Marketing, Müller & Söhne\n", "", `
"Müller & Söhne":
  members:
    - {who: user:o%27neil, in: role:Sales%2FMarketing}
  rules:
    - {who: role:Sales%2FMarketing, may not: read, on: customer/42}
`, nil},
		{"a cycle", "", "p, a, t, d, read\ng, a, b, t\ng, b, a, t\n", "", `
t:
  members:
    - {who: role:a, in: role:b}
  rules:
    - {who: role:a, may: read, on: d, scope: all}
`, []string{"it closes a cycle"}},
		{"without tenants", "", "p, admin, customer, read\ng, alice, admin\n", "acme", `
acme:
  members:
    - {who: user:alice, in: role:admin}
  rules:
    - {who: role:admin, may: read, on: customer, scope: all}
`, nil},
		{"conditions that are times", conditional, "g, alice, admin, t, _, 2026-12-31 00:00:00\ng, bob, admin, t, weekday, 9\n", "", `
t:
  members:
    - {who: user:alice, in: role:admin, until: 2026-12-31T00:00:00Z}
`, []string{"its condition is not two times, as of Casbin's example"}},
		{"a star in a guess", "", "p, admin, t, *, read\n", "", "{}\n", []string{"whether the * of column obj means everything, only the model tells: give it with --model"}},
		{"a denial that is left", "", "p, admin, t, d, read, allow\np, admin, t, a b, read, deny\np, admin, t2, d, read, allow\n", "", `
t2:
  rules:
    - {who: user:admin, may: read, on: d, scope: all}
`, []string{"it might be denied by row 2, which is left", `"a b" names neither a type nor a record, as customer and customer/42 do`}},
		{"priorities", strings.ReplaceAll(plainly, "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny"), "p, ann, t, d, read, allow\n", "", "{}\n",
			[]string{"the model decides by priority; crmauthz lets every denial win"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, _ := rowsOf(t, fileOf(t, "policy.csv", c.rows))
			m, err := doctor.GuessModel(rows)
			if c.model != "" {
				m, err = doctor.ReadModel(c.model)
			}
			check(t, err)
			i := doctor.Translate(rows, m, c.tenant, nil)
			text, err := model.FormatPolicy(i.Facts)
			check(t, err)
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), string(text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var left []string
			for _, p := range i.Left {
				left = append(left, p.Note)
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("left: -want +got:\n%s", diff)
			}
		})
	}
}

// Rules are imported only if all is known that the matcher asks about.
func TestMatchersThatAreUnderstood(t *testing.T) {
	const usual = "g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act"
	for matcher, why := range map[string]string{
		usual: "",
		"r.act==p.act&&p.obj==r.obj && (r.dom == p.dom || p.dom == '*') && (g(r.sub, p.sub, r.dom))":                                 "",
		"(p.sub == \"*\" || g(r.sub, p.sub, r.dom) || r.sub == p.sub) && r.dom == p.dom && keyMatch(r.obj, p.obj) && r.act == p.act": "",
		usual + ` && r.act != "delete"`:                                                                    `the matcher asks for r.act!="delete"`,
		usual + ` || r.sub == "root"`:                                                                      `the matcher asks for r.act==p.act||r.sub=="root"`,
		usual + " && r.act == p.act":                                                                       "the matcher asks twice about act",
		"g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj":                                       "the matcher does not ask about act",
		"r.sub == p.sub && r.dom == p.dom && r.obj == p.obj && r.act == p.act":                             "the matcher asks for r.sub==p.sub",
		"g(r.sub, p.sub) && r.dom == p.dom && r.obj == p.obj && r.act == p.act":                            "the matcher asks for g(r.sub,p.sub)",
		"g(r.sub, p.sub, p.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act":                     "the matcher asks for g(r.sub,p.sub,p.dom)",
		"g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && r.obj == p.obj && r.act == p.act":             "the matcher asks for keyMatch(r.dom,p.dom)",
		"g(r.sub, p.sub, r.dom) && r.dom == p.dom && eval(p.obj) && r.act == p.act":                        "the matcher asks for eval(p.obj)",
		"g(r.sub, p.sub, r.dom) && r.dom == p.dom && (r.obj == p.obj || r.act == p.act)":                   "the matcher asks for (r.obj==p.obj||r.act==p.act)",
		"g(r.sub, p.sub, r.dom) && r.dom == p.dom && (p.obj == ' * ' || r.obj == p.obj) && r.act == p.act": "the matcher has a constant with blanks",
		"!(g(r.sub, p.sub, r.dom)) && r.dom == p.dom && r.obj == p.obj && r.act == p.act":                  "the matcher asks for !(g(r.sub,p.sub,r.dom))",
	} {
		m := readModel(t, strings.ReplaceAll(plainly, usual, matcher))
		rows, _ := rowsOf(t, fileOf(t, "policy.csv", "p, ann, t, d, read, allow\n"))
		i := doctor.Translate(rows, m, "", nil)
		got := ""
		if len(i.Left) > 0 {
			got = i.Left[0].Note
		}
		if !strings.HasPrefix(got, why) || (why == "") != (got == "") {
			t.Errorf("%s: %q, want %q", matcher, got, why)
		}
	}
}

// A chain of 11 links is cut off by Casbin and followed by us: the one case in which the import
// allows more, and the comparison says so.
func TestDeepChainsAreFoundInTheComparison(t *testing.T) {
	rows, _ := rowsOf(t, fileOf(t, "policy.csv", "p, l, t1, d, read\n"+chain("a b c d e f g h i j k l")))
	m, err := doctor.GuessModel(rows)
	check(t, err)
	c, err := doctor.Compare(t.Context(), rows, m, doctor.Translate(rows, m, "", nil), noProgress)
	check(t, err)
	want := doctor.Comparison{Asked: 1, Complete: true, Gains: 1, Different: []string{"a, t1, d, read: the import allows, and Casbin denies"}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A schema that is given is kept to.
func TestImportsFitTheSchema(t *testing.T) {
	schema, err := model.ParseSchema([]byte("types: {customer: {actions: {read: read}}}"))
	check(t, err)
	rows, _ := rowsOf(t, fileOf(t, "policy.csv", "p, ann, t1, customer, read\np, ann, t1, invoice, read\np, ann, t1, customer, fly\n"))
	m, err := doctor.GuessModel(rows)
	check(t, err)
	i := doctor.Translate(rows, m, "", schema)
	if len(i.Facts) != 1 || len(i.Left) != 2 || i.Schema != schema {
		t.Errorf("facts %v, left %v", i.Facts, fmt.Sprint(i.Left))
	}
}

// Whatever the model and the rows are, they are examined, imported and compared, or refused.
func FuzzEverything(f *testing.F) {
	for _, m := range []string{plainly, everything, model.CasbinModel} {
		f.Add(m, "p, a, t, d, read, allow\ng, a, b, t\n")
		f.Add(m, "p2, 1, a, d, read, allow\ng2, a, b, t, _, _\np, \"a,b\", *, (, x\n")
	}
	f.Add(strings.ReplaceAll(plainly, "r.obj == p.obj", "eval(p.obj) && globMatch(p.act, r.act)"), "p, a, t, r.sub == f(x), [, allow\n")
	f.Fuzz(func(t *testing.T, text, policy string) {
		m, err := doctor.ReadModel(text)
		if err != nil {
			return
		}
		rows, _ := rowsOf(t, fileOf(t, "policy.csv", policy))
		doctor.Examine(rows, nil, m, now)
		i := doctor.Translate(rows, m, "acme", nil)
		if c, err := doctor.Compare(t.Context(), rows, m, i, noProgress); err == nil && c.Gains > 0 && !m.Own {
			t.Errorf("the import allows more: %v\nmodel %s\npolicy %s\nfacts %v", c.Different, text, policy, i.Facts)
		}
	})
}
