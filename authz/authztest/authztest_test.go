package authztest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

func TestPolicies(t *testing.T) { Run(t, "testdata/*.yaml") }

// fake stands in for a *testing.T, and remembers what was told to it.
type fake struct {
	testing.TB
	name   string
	told   []string // "name: message"
	names  []string // of subtests
	failed bool
}

func (f *fake) Helper()             {}
func (f *fake) Logf(string, ...any) {}
func (f *fake) Error(args ...any)   { f.Errorf("%s", fmt.Sprint(args...)) }
func (f *fake) Errorf(s string, a ...any) {
	f.failed = true
	f.told = append(f.told, f.name+": "+fmt.Sprintf(s, a...))
}
func (f *fake) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }
func (f *fake) Fatalf(s string, a ...any) {
	f.Errorf(s, a...)
	runtime.Goexit()
}
func (f *fake) Run(name string, test func(*fake)) bool {
	sub := &fake{TB: f.TB, name: f.name + "/" + name}
	f.names = append(f.names, sub.name)
	inGoroutine(func() { test(sub) })
	f.told, f.names, f.failed = append(f.told, sub.told...), append(f.names, sub.names...), f.failed || sub.failed
	return !sub.failed
}

// inGoroutine lets Fatal end what it ends.
func inGoroutine(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

// failing runs a test that is to fail and returns what it told.
func failing(t *testing.T, test func(*fake)) *fake {
	t.Helper()
	f := &fake{TB: t}
	inGoroutine(func() { test(f) })
	if !f.failed {
		t.Error("it does not fail")
	}
	return f
}

// want looks for texts in what was told.
func (f *fake) want(t *testing.T, texts ...string) {
	t.Helper()
	spaced := func(s string) string { return strings.Join(strings.Fields(s), " ") } // go-cmp varies its spaces
	all := strings.Join(f.told, "\n")
	for _, text := range texts {
		if !strings.Contains(spaced(all), spaced(text)) {
			t.Errorf("there is no %q in\n%s", text, all)
		}
	}
}

func TestRunMakesASubtestForEachCase(t *testing.T) {
	f := &fake{TB: t}
	run(f, false, []string{"testdata/support.yaml"})
	const file = "/testdata/support.yaml"
	want := []string{
		file, file + "/a rep works on her own customers", file + "/a rep works on her own customers/user:alice customer/42",
		file + "/and on no others", file + "/and on no others/user:alice customer/43",
		file + "/support reads all", file + "/support reads all/user:bob customer/42", file + "/support reads all/user:bob customer/43",
		file + "/support's list has all", file + "/support's list has all/user:bob lists customer to read",
	}
	if diff := cmp.Diff(want, f.names); diff != "" || f.failed {
		t.Errorf("%v (-want +got)\n%s", f.told, diff)
	}
}

func TestRunFailsWithADiffAndAnExplanation(t *testing.T) {
	f := failing(t, func(f *fake) { run(f, false, []string{"testdata/wrong"}) })
	f.want(t,
		"/support reads all/user:bob customer/42: testdata/wrong/support.yaml:", `"update": "denied"`, `"update": "allowed"`,
		"update: allowed by p, role:support, acme, customer, update, allow, all (user:bob → role:support)")
	if len(f.told) != 2 {
		t.Errorf("%d cases fail, not the two about support:\n%s", len(f.told), strings.Join(f.told, "\n"))
	}
}

func TestRunFailsWithoutTests(t *testing.T) {
	for path, text := range map[string]string{
		"testdata/empty":     "testdata/empty/support.yaml:2:1: there is no test",
		"testdata/malformed": `testdata/malformed/support.yaml:23:78: fixture: tests cann "cann": malformed: unknown word`,
		"testdata/none*":     "testdata/none*: there is no such fixture",
		"testdata/none.yaml": "testdata/none.yaml: there is no such fixture",
	} {
		failing(t, func(f *fake) { run(f, false, []string{path}) }).want(t, text)
	}
	failing(t, func(f *fake) { run(f, false, nil) }).want(t, "there is no such fixture")
}

func TestUpdateRewritesSnapshots(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/support.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "support.yaml")
	if err := os.WriteFile(path, append(text, "  - {name: everything, snapshot: support.snapshot}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	failing(t, func(f *fake) { run(f, false, []string{path}) }).want(t, "/everything", `+   "acme, user:bob, customer/42"`)
	if f := (&fake{TB: t}); true {
		run(f, true, []string{path})
		run(f, false, []string{path})
		if f.failed {
			t.Errorf("after -update: %v", f.told)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "support.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	want := `# Everything everybody can do. It is rewritten with -update.
acme, user:alice, customer/42, read (name read, phone read), update (name write, phone write)
acme, user:bob, customer/42, read (name read, phone masked)
acme, user:bob, customer/43, read (name read, phone masked)
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHelpersPassAndFail(t *testing.T) {
	p := Load(t, "testdata/support.yaml")
	az := New(t, p)
	c42, c43 := az.Record("customer/42"), az.Record("customer/43")
	az.Allow("user:alice", "update", c42)
	az.Deny("user:alice", "update", c43)
	az.Allow("user:bob", "read", c42, c43)
	az.Fields("user:bob", "read", c42, map[string]model.FieldLevel{"name": model.FieldRead, "phone": model.FieldMasked})
	az.Sees("user:bob", "read", "customer", "42", "43")
	az.Sees("user:bob", "update", "customer")

	for name, test := range map[string]struct {
		do    func(az *Authorizer)
		texts []string
	}{
		"Allow": {func(az *Authorizer) { az.Allow("user:alice", "update", c43) },
			[]string{"user:alice update customer/43", `- "update": "allowed",`, `+ "update": "denied",`, "update: denied: out of reach", "would be allowed with: p2, user:alice, acme, customer/43, write, -, -"}},
		"Deny": {func(az *Authorizer) { az.Deny("user:bob", "read", c43, c42) }, []string{"user:bob read customer/43", "user:bob read customer/42", "allowed by p, role:support"}},
		"Fields": {func(az *Authorizer) {
			az.Fields("user:bob", "read", c42, map[string]model.FieldLevel{"phone": model.FieldRead})
		}, []string{`"#phone"`, "#phone: phone is masked; by default hidden; p3, role:support"}},
		"Sees":           {func(az *Authorizer) { az.Sees("user:bob", "read", "customer", "42") }, []string{"user:bob lists customer to read", `"43": "seen"`, "43: allowed by p, role:support"}},
		"unknown action": {func(az *Authorizer) { az.Deny("user:bob", "fly", c42) }, []string{`"fly": unknown action`}},
		"malformed user": {func(az *Authorizer) { az.Deny("bob", "read", c42) }, []string{`user "bob": unknown kind of subject`}},
		"no record":      {func(az *Authorizer) { az.Allow("user:bob", "read") }, []string{"without a record nothing is asked"}},
		"nil record":     {func(az *Authorizer) { az.Deny("user:bob", "read", nil) }, []string{"without a record or type"}},
		"no such record": {func(az *Authorizer) { az.Record("customer/44") }, []string{"no record customer/44"}},
	} {
		t.Run(name, func(t *testing.T) {
			failing(t, func(f *fake) {
				az := New(t, p)
				az.t = f
				test.do(az)
			}).want(t, test.texts...)
		})
	}
}

func TestHelpersSeeWhatChanges(t *testing.T) {
	p := Load(t, "testdata/support.yaml")
	az := New(t, p)
	c43 := az.Record("customer/43")
	az.Deny("user:alice", "read", c43)
	c43.Owners = []string{"user:alice"}
	az.Allow("user:alice", "read", c43)
	az.Sees("user:alice", "read", "customer", "42", "43")

	by := authz.By("test", "holidays")
	if _, err := az.Disable(t.Context(), by, "acme", "role:rep", authz.Until(p.Now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	az.Deny("user:alice", "read", c43)
	az.Wait(time.Hour)
	az.Allow("user:alice", "read", c43)
}

func TestNewRefusesAMalformedPolicy(t *testing.T) {
	p := Load(t, "testdata/support.yaml")
	p.Facts = append(p.Facts, model.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("ship"), Action: "read", Effect: model.Allow})
	failing(t, func(f *fake) { New(f, p) }).want(t, `target "ship": unknown type`)
	failing(t, func(f *fake) { Load(f, "testdata/malformed/support.yaml") }).want(t, "unknown word")
}
