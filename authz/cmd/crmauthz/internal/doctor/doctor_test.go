package doctor_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// everything is a model with all traps that a model can hold.
const everything = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft
p2 = priority, sub, obj, act, eft
p3 = sub, rule, obj, act
p4 = a, b, c, d, e, f, g
p6 = sub
[role_definition]
g = _, _, _
g2 = _, _, _, (_, _)
[policy_effect]
e = some(where (p.eft == allow))
e2 = priority(p.eft) || deny
e3 = !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act || r.sub == "root"
m2 = r.sub == p2.sub && keyMatch2(r.obj, p2.obj)
m3 = eval(p3.rule) && r.tags[0] == "admin"
`

// planted are rows, and the trap that each holds. Some cannot be in a file, or in
// a database only.
var planted = []struct {
	trap string
	in   string // "file", "database", or empty for both
	row  []string
}{
	{"row-unreadable", "file", []string{"p", `RAW p, "ann" x, t1, ^d$, read, allow`}},
	{"ptype-unknown", "", []string{"p6", "ann"}},
	{"row-empty", "database", []string{""}},
	{"row-short", "", []string{"p", "ann", "t1", "^d$"}},
	{"row-long", "", []string{"p3", "ann", "true", "d", "read", "more"}},
	{"role-extra", "", []string{"g", "ann", "lead", "t1", "until 2020"}},
	{"effect-unknown", "", []string{"p", "ann", "t1", "^d1$", "read", "Deny"}},
	{"effect-ignored", "", []string{"p", "ann", "t1", "^d2$", "read", "deny"}},
	{"domain-empty", "", []string{"p", "ann", "", "^d3$", "read", "allow"}},
	{"value-empty", "", []string{"p", "ann", "t1", "", "read", "allow"}},
	{"value-empty-last", "file", []string{"g", "ann", "lead", ""}},
	{"value-null", "database", []string{"g", "NULL", "lead", "t3"}},
	{"value-long", "", []string{"p", "ann", "t1", "^" + strings.Repeat("d", 101) + "$", "read", "allow"}},
	{"value-comma", "", []string{"p", "ann", "t1", "^a,b$", "c", "allow"}},
	{"rows-confused", "", []string{"p", "ann", "t1", "^a", "b$,c", "allow"}},
	{"value-quote", "", []string{"p", "ann", "t1", `^"d"$`, "read", "allow"}},
	{"value-dollars", "", []string{"p", "ann$$t1", "t1", "^d9$", "read", "allow"}},
	{"value-control", "file", []string{"p", "ann", "t1", "^d\t4$", "read", "allow"}},
	{"value-control", "database", []string{"p", "ann", "t1", "^d\np, eve, t1, ^d$, read, allow$", "read", "allow"}},
	{"value-padded", "", []string{"p", "ann ", "t1", "^d5$", "read", "allow"}},
	{"names-collide", "", []string{"p", "Zoë", "t1", "^d6$", "read", "allow"}},
	{"names-collide", "", []string{"p", "zoe", "t1", "^d7$", "read", "allow"}},
	{"rows-duplicate", "", []string{"p", "ann", "t1", "^d8$", "read", "allow"}},
	{"rows-duplicate", "", []string{"p", "ann", "t1", "^d8$", "read", "allow"}},
	{"names-unprefixed", "", []string{"g", "bob", "admin", "t1"}},
	{"role-or-user", "", []string{"g", "admin", "viewer", "t2"}},
	{"role-cycle", "", []string{"g", "one", "two", "t4"}},
	{"role-cycle", "", []string{"g", "two", "one", "t4"}},
	{"wildcard-plain", "", []string{"g", "ann", "lead", "*"}},
	{"role-expired", "", []string{"g2", "ann", "lead", "t1", "_", "2020-01-01 00:00:00"}},
	{"priority-text", "", []string{"p2", "high", "ann", "/d", "read", "allow"}},
	{"pattern-broken", "", []string{"p", "ann", "t1", "(", "read", "allow"}},
	{"pattern-loose", "", []string{"p", "ann", "t1", "deal", "read", "allow"}},
	{"eval-broken", "", []string{"p3", "ann", "r.sub == ", "d", "read"}},
}

// inModel are the traps of the model everything.
var inModel = []string{
	"effect-priority", "effect-open", "role-conditional", "matcher-domain", "matcher-role-domain", "matcher-superuser",
	"matcher-pattern", "matcher-eval", "matcher-brackets", "definition-wide", "section-gap",
}

// deep is a chain of memberships of 11 links.
func deep() (rows [][]string) {
	names := strings.Split("a b c d e f g h i j k l", " ")
	for i := range 11 {
		rows = append(rows, []string{"g", "deep-" + names[i], "deep-" + names[i+1], "t5"})
	}
	return rows
}

// rowsIn are the planted rows of a file or database.
func rowsIn(in string) [][]string {
	rows := deep()
	for _, p := range planted {
		if p.in == "" || p.in == in {
			rows = append(rows, p.row)
		}
	}
	return rows
}

// checkPlanted compares what is found with what was planted.
func checkPlanted(t *testing.T, in string, found []doctor.Finding, others ...string) {
	t.Helper()
	want := append(slices.Clone(inModel), "role-deep")
	want = append(want, others...)
	for _, p := range planted {
		if p.in == "" || p.in == in {
			want = append(want, p.trap)
			checkRow(t, found, p.trap, p.row)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), ids(found)); diff != "" {
		t.Errorf("traps -planted +found:\n%s", diff)
	}
	for _, f := range found {
		if f.Casbin == "" || f.Remedy == "" || f.Title == "" || f.Effect == "" {
			t.Errorf("%s does not say all", f.ID)
		}
	}
}

// checkRow looks for the row among those of the trap. Of rows that are a trap
// together, one is told of and the others are in its note.
func checkRow(t *testing.T, found []doctor.Finding, trap string, row []string) {
	t.Helper()
	text := strings.Join(row, ", ")
	text = strings.TrimPrefix(text, "p, RAW ")
	text = strings.ReplaceAll(strings.TrimSuffix(text, ", "), "NULL", "")
	together := []string{"names-collide", "role-cycle", "names-unprefixed"}
	for _, f := range found {
		if f.ID != trap {
			continue
		}
		for _, at := range f.Where {
			if strings.TrimSuffix(at.Text, ", ") == text || slices.Contains(together, trap) {
				return
			}
		}
		t.Errorf("%s is found in %v, and not in %q", trap, f.Where, text)
		return
	}
}

func ids(found []doctor.Finding) (all []string) {
	for _, f := range found {
		all = append(all, f.ID)
	}
	slices.Sort(all)
	return all
}

func readModel(t *testing.T, text string) *doctor.Model {
	t.Helper()
	m, err := doctor.ReadModel(text)
	check(t, err)
	return m
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// csvFile writes rows as Casbin's file adapter reads them; RAW ones as they are.
func csvFile(t *testing.T, rows [][]string) source.Source {
	t.Helper()
	var out strings.Builder
	w := csv.NewWriter(&out)
	for _, r := range rows {
		if raw, ok := strings.CutPrefix(r[len(r)-1], "RAW "); ok {
			w.Flush()
			out.WriteString(raw + "\n")
			continue
		}
		check(t, w.Write(r))
	}
	w.Flush()
	return fileOf(t, "policy.csv", out.String())
}

func fileOf(t *testing.T, name, text string) source.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, []byte(text), 0o600))
	s, err := source.Parse(path)
	check(t, err)
	return s
}

func rowsOf(t *testing.T, s source.Source) ([]source.Row, *source.Table) {
	t.Helper()
	rows, table, err := s.Rows(context.Background(), source.DefaultTable)
	check(t, err)
	return rows, table
}

func TestEveryTrapIsFoundInCSV(t *testing.T) {
	rows, table := rowsOf(t, csvFile(t, rowsIn("file")))
	checkPlanted(t, "file", doctor.Examine(rows, table, readModel(t, everything), now))
}

// What cannot be planted on every server: rows that it cut off, and rows of our own.
func TestTrapsOfOtherPlaces(t *testing.T) {
	columns := []source.Column{{Name: "ptype", Width: 100}, {Name: "v0", Width: 5}, {Name: "v1"}, {Name: "v2"}, {Name: "v3"}, {Name: "v4"}, {Name: "v5"}}
	rows, _ := rowsOf(t, fileOf(t, "policy.csv", "p, alice, t1, data, read\ng, u:bo, r:a, t1\n"))
	m, err := doctor.GuessModel(rows)
	check(t, err)
	found := doctor.Examine(rows, &source.Table{Name: "x", Columns: columns, Unique: true, Cuts: true}, m, now)
	if diff := cmp.Diff([]string{"column-narrow", "server-cuts", "value-cut"}, ids(found)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rows, _ = rowsOf(t, fileOf(t, "policy.csv", "p, role:rep, acme, customer, read, allow, -\np4, user:eve, acme, of, -, -, -\np, role:x, acme, y, z, Deny, -\ng, user:alice, role:rep, acme, -\ng, user:bob, role:rep, acme, -\n"))
	m, err = doctor.GuessModel(rows)
	check(t, err)
	found = doctor.Examine(rows, nil, m, now)
	if diff := cmp.Diff([]string{"effect-unknown", "line-refused"}, ids(found)); diff != "" || !m.Own {
		t.Errorf("own model: %v; -want +got:\n%s", m.Own, diff)
	}
}

// Each trap of the table is planted by one of the tests.
func TestEveryTrapIsPlanted(t *testing.T) {
	all := append(slices.Clone(inModel), "role-deep", "value-cut", "server-cuts", "line-refused", "column-narrow", "column-missing", "collation-folds", "index-missing")
	for _, p := range planted {
		all = append(all, p.trap)
	}
	for _, trap := range doctor.Traps {
		if !slices.Contains(all, trap.ID) {
			t.Errorf("%s is not planted anywhere", trap.ID)
		}
	}
}

// A policy without a trap gives no finding, whatever its form.
func TestCleanPolicies(t *testing.T) {
	for _, c := range []struct{ name, model, rows string }{
		{"domains", "", "p, role:admin, t1, data1, read\np, role:admin, t1, data1, write\ng, user:alice, role:admin, t1\n"},
		{"domains and effects", "", "p, role:admin, t1, data1, read, allow\np, user:bob, t1, data1, read, deny\ng, user:alice, role:admin, t1\n"},
		{"the domain at another place", "", "p, r:admin, data1, read, t1\np, r:admin, data2, read, t2\ng, u:alice, r:admin, t1\ng, u:alice, r:admin, t2\n"},
		{"no domains", "", "p, role:admin, data1, read\ng, user:alice, role:admin\n"},
		{"empty", "", ""},
		{"roles in roles", "", "p, role:a, t1, data1, read\ng, role:b, role:a, t1\ng, user:alice, role:b, t1\n"},
		{"stars that mean everything", "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub, r.dom) && r.dom == p.dom && (p.obj == \"*\" || r.obj == p.obj) && r.act == p.act\n",
			"p, role:admin, t1, *, read\ng, user:alice, role:admin, t1\n"},
		{"our own", model.CasbinModel, "p, role:rep, acme, customer, read, allow, -\np2, user:bob, acme, customer/42, read, -, -\ng, user:alice, role:rep, acme, -\np4, *, acme, locked, -, -, -\n"},
		{"our own, guessed", "", "p, role:rep, acme, customer, read, allow, -\np3, role:rep, acme, customer#phone, read, allow, -\ng, user:alice, role:rep, acme, -\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, table := rowsOf(t, fileOf(t, "policy.csv", c.rows))
			m, err := doctor.GuessModel(rows)
			if c.model != "" {
				m, err = doctor.ReadModel(c.model)
			}
			check(t, err)
			if found := doctor.Examine(rows, table, m, now); len(found) > 0 {
				t.Errorf("model %s; found %v", m, found)
			}
		})
	}
}

func TestModelsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "nonsense", "[request_definition]\nr = sub\n", "[matchers]\n= x"} {
		if m, err := doctor.ReadModel(text); err == nil {
			t.Errorf("%q is read as %s", text, m)
		}
	}
}
