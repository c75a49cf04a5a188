package model_test

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// What Decode accepts, Encode writes as the very same line.
func FuzzDecode(f *testing.F) {
	for _, l := range goodLines {
		f.Add(string(l.Section), l.Values[0], l.Values[1], l.Values[2], l.Values[3], l.Values[4], l.Values[5])
	}
	f.Add("p4", "*", "acme", "locked", "-", "-", "-")
	f.Add("p", "*", "*", "*@unit:a", "*", "deny", "all until:9999-12-31T23:59:59Z")
	f.Add("p", "user:王%2F", "a b", "客户/1", "é", "allow", "if:x from:2026-01-01T00:00:00+00:00")
	f.Fuzz(func(t *testing.T, section, a, b, c, d, e, g string) {
		l := line(section, a, b, c, d, e, g)
		fact, err := model.Decode(l)
		if checked := l.Check(); (checked == nil) != (err == nil) {
			t.Fatalf("Decode: %v; Check: %v", err, checked)
		}
		if err != nil {
			if fact != nil {
				t.Fatalf("a fact %v with an error %v", fact, err)
			}
			return
		}
		again, err := model.Encode(fact)
		if err != nil || again != l {
			t.Fatalf("%q becomes %q, %v", l, again, err)
		}
		if fact.Section() != l.Section || fact.TenantID() != l.Tenant() || fact.String() != l.String() {
			t.Fatalf("%q is said to be %q", l, fact)
		}
		for _, v := range l.Columns() {
			if v == "" || !utf8.ValidString(v) || utf8.RuneCountInString(v) > model.MaxColumn || strings.ContainsAny(v, ",\"'\r\n\x00") {
				t.Fatalf("column %q was accepted", v)
			}
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"*", "customer", "customer/42", "customer@unit:apac", "customer#phone", "customer/42#*", "*@unit:a@b", "a/b@c#d", "客户/王", "#", "/", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := model.ParseTarget(s)
		if err != nil {
			if target != (model.Target{}) {
				t.Fatalf("%q: a target with an error", s)
			}
			return
		}
		if target.String() != s {
			t.Fatalf("%q is written %q", s, target)
		}
	})
}

// Different names give different ids, all of them well formed.
func FuzzEscapeID(f *testing.F) {
	for name := range ids {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id := model.EscapeID(name)
		if back, err := url.PathUnescape(id); err != nil || back != name {
			t.Fatalf("%q becomes %q, which is %q, %v", name, id, back, err)
		}
		if n := utf8.RuneCountInString(id); n > 0 && n <= model.MaxColumn {
			if err := model.CheckID(id); err != nil {
				t.Fatalf("%q becomes %q: %v", name, id, err)
			}
			if err := model.CheckTenant(id); err != nil {
				t.Fatalf("%q becomes %q: %v", name, id, err)
			}
		}
		if name != model.None && model.CheckID(name) == nil && !strings.Contains(name, "%") && id != name {
			t.Fatalf("the id %q becomes %q", name, id)
		}
	})
}

// What ParseSchema accepts, it reads again from its YAML.
func FuzzParseSchema(f *testing.F) {
	f.Add([]byte(schemaText))
	f.Add([]byte("types: {a: {actions: {read: read}}}\nconditions: {x: \"a\\n b \\n\\n\", y: '  z', z: \"\\0\\u0085\"}\n"))
	f.Add([]byte("types: {a: &x {actions: {read: read}}, b: *x}\n"))
	f.Add([]byte("types:\n  a:\n    actions:\n      read: {need: read, writes: false}\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := model.ParseSchema(data)
		if err != nil {
			return
		}
		text, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := model.ParseSchema(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if diff := gocmp.Diff(s, again); diff != "" {
			t.Fatalf("(-want +got)\n%s\nof\n%s", diff, text)
		}
		if second, err := again.YAML(); err != nil || string(second) != string(text) {
			t.Fatalf("written\n%s\nand then\n%s%v", text, second, err)
		}
	})
}

// What ParsePolicy accepts, it reads again from FormatPolicy.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(policyText))
	f.Add([]byte("a: {rules: [{who: [role:x, '*'], may not: '*', on: ['*', a@unit:b], until: 2026-01-01T00:00:00Z}]}"))
	f.Add([]byte("42: {off: [{what: '*', mode: locked}]}\nnull: {}\n\"- \": {}\n"))
	f.Add([]byte("true:\n  fields:\n    - who: role:~\n      has: write\n      on: a#b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := model.ParsePolicy(data)
		if err != nil {
			return
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
		if !slices.Equal(facts, again) {
			t.Fatalf("%v\nbecomes %v", facts, again)
		}
	})
}

// ReadCSV reads just what Casbin does, and WriteCSV writes it so that it comes back.
func FuzzReadCSV(f *testing.F) {
	f.Add("p, role:rep, acme, customer, read, allow, -\n# x\n\r\n g,user:a,role:rep,acme,-\r\n")
	f.Add("p, \"role:rep\", acme, \"customer\", read, allow, -, \n\"g\", user:a , role:rep, acme, -")
	f.Add("g2, user:a,\u00a0user:b,\u2003acme\x00\ng2, user:a, user:\xff, acme\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, _ := readAll(strings.NewReader(text))
		if want := readAsCasbin(strings.TrimPrefix(text, "\uFEFF")); len(text) < model.MaxCSVLine && !slices.Equal(lines, want) {
			t.Fatalf("read %q, Casbin reads %q", lines, want)
		}
		var out strings.Builder
		if err := model.WriteCSV(&out, slices.Values(lines)); err != nil {
			t.Fatal(err)
		}
		if again, errs := readAll(strings.NewReader(out.String())); errs != nil || !slices.Equal(again, lines) {
			t.Fatalf("%q comes back as %q, %v", lines, again, errs)
		}
	})
}

func FuzzParseRecords(f *testing.F) {
	f.Add([]byte("acme:\n  account/7: {owner: [user:alice, team:x], unit: unit:apac, attrs: {size: 1, tags: [a], since: 2026-01-01T00:00:00Z}}\n  note/1: {parent: account/7}\n"))
	f.Add([]byte("acme:\n  task/1: {parent: task/2}\n  task/2: {parent: task/1}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tenants, err := model.ParseRecords(recordSchema, data)
		if err != nil {
			return
		}
		for tenant, records := range tenants {
			for name, r := range records {
				if err := recordSchema.For(tenant).CheckRecord(r); err != nil || r.Type+"/"+r.ID != name {
					t.Fatalf("%s of %s: %v\n%s", name, tenant, err, data)
				}
			}
		}
	})
}
