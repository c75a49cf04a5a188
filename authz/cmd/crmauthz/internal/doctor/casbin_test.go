package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
)

// plainly is the usual model, in which a case replaces what it is about.
const plainly = `[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`

const (
	allowed = "allowed"
	denied  = "denied"
	noLoad  = "does not load"
	noReply = "request fails"
)

// What the doctor says that happens in Casbin does happen.
func TestCasbinDoesWhatTheTrapsSay(t *testing.T) {
	for _, c := range []struct {
		trap     string
		replace  [2]string // in the model
		rows     string
		question string
		want     string
	}{
		{trap: "ptype-unknown", rows: "p2, ann, t1, d, read, allow", want: noLoad},
		{trap: "section-gap", replace: [2]string{"[role_definition]", "p3 = sub\n[role_definition]"}, rows: "p3, ann", want: noLoad},
		{trap: "row-short", rows: "p, ann, t1, d, read", want: noLoad},
		{trap: "row-long", rows: "p, ann, t1, d, read, allow, x", want: noLoad},
		{trap: "row-short", rows: "g, ann, lead", want: noLoad},
		{trap: "row-unreadable", rows: `p, "ann" x, t1, d, read, allow`, want: noLoad},
		{trap: "role-extra", rows: "p, lead, t1, d, read, allow\ng, ann, lead, t1, until 2020", question: "ann, t1, d, read", want: allowed},
		{trap: "effect-unknown", rows: "p, ann, t1, d, read, allow\np, ann, t1, d, read, Deny", question: "ann, t1, d, read", want: allowed},
		{trap: "effect-ignored", replace: [2]string{" && !some(where (p.eft == deny))", ""}, rows: "p, ann, t1, d, read, allow\np, ann, t1, d, read, deny",
			question: "ann, t1, d, read", want: allowed},
		{trap: "domain-empty", rows: "p, ann, , d, read, allow", question: "ann, t1, d, read", want: denied},
		{trap: "value-empty", rows: "p, ann, t1, , read, allow", question: "ann, t1, d, read", want: denied},
		{trap: "rows-confused", rows: "p, ann, t1, \"a,b\", c, allow\np, ann, t1, a, \"b,c\", allow", question: "ann, t1, a, b;c", want: denied},
		{trap: "names-unprefixed", rows: "p, admin, t1, d, read, allow\ng, bob, admin, t1", question: "admin, t1, d, read", want: allowed},
		{trap: "role-cycle", rows: "p, one, t1, d, read, allow\ng, one, two, t1\ng, two, one, t1", question: "two, t1, d, read", want: allowed},
		{trap: "role-deep", rows: "p, l, t1, d, read, allow\n" + chain("a b c d e f g h i j k l"), question: "a, t1, d, read", want: denied},
		{trap: "role-deep (10 links are not)", rows: "p, k, t1, d, read, allow\n" + chain("a b c d e f g h i j k"), question: "a, t1, d, read", want: allowed},
		{trap: "wildcard-plain", rows: "p, ann, t1, *, read, allow", question: "ann, t1, d, read", want: denied},
		{trap: "wildcard-plain", rows: "p, lead, t1, d, read, allow\ng, ann, lead, *", question: "ann, t1, d, read", want: denied},
		{trap: "role-conditional", replace: [2]string{"g = _, _, _", "g = _, _, _, (_, _)"}, rows: "p, lead, t1, d, read, allow\ng, ann, lead, t1, _, 2000-01-01 00:00:00",
			question: "ann, t1, d, read", want: allowed},
		{trap: "effect-open", replace: [2]string{"some(where (p.eft == allow)) && ", ""}, rows: "p, ann, t1, d, read, deny", question: "bob, t9, x, delete", want: allowed},
		{trap: "matcher-domain", replace: [2]string{"r.dom == p.dom && ", ""}, rows: "p, ann, t1, d, read, allow", question: "ann, t2, d, read", want: allowed},
		{trap: "matcher-role-domain", replace: [2]string{"p.sub, r.dom)", "p.sub)"}, rows: "p, lead, t1, d, read, allow\ng, ann, lead, t1", question: "ann, t1, d, read", want: denied},
		{trap: "matcher-superuser", replace: [2]string{"m = ", `m = r.sub == "root" || `}, rows: "p, ann, t1, d, read, allow", question: "root, t9, x, delete", want: allowed},
		{trap: "pattern-broken", replace: [2]string{"r.obj == p.obj", "regexMatch(r.obj, p.obj)"}, rows: "p, ann, t1, (, read, allow", question: "ann, t1, d, read", want: noReply},
		{trap: "pattern-loose", replace: [2]string{"r.obj == p.obj", "regexMatch(r.obj, p.obj)"}, rows: "p, ann, t1, deal, read, allow", question: "ann, t1, bigdeals/secret, read", want: allowed},
		{trap: "eval-broken", replace: [2]string{"r.obj == p.obj", "eval(p.obj)"}, rows: "p, ann, t1, r.sub == , read, allow\np, ann, t1, true, read, allow", question: "ann, t1, d, read", want: noReply},
		{trap: "matcher-brackets", replace: [2]string{"m = ", `m = r.obj[0] == "admin" && `}, rows: "p, ann, t1, d, read, allow", question: "ann, t1, d, read", want: noReply},
	} {
		t.Run(c.trap, func(t *testing.T) {
			text := plainly
			if c.replace[0] != "" {
				if text = strings.Replace(plainly, c.replace[0], c.replace[1], 1); text == plainly {
					t.Fatalf("there is no %q in the model", c.replace[0])
				}
			}
			if got := ask(t, text, c.rows, c.question); got != c.want {
				t.Errorf("%q is %s; want %s", c.question, got, c.want)
			}
		})
	}
}

// chain is memberships of each name in the next.
func chain(names string) string {
	var rows strings.Builder
	all := strings.Fields(names)
	for i := range len(all) - 1 {
		rows.WriteString("g, " + all[i] + ", " + all[i+1] + ", t1\n")
	}
	return rows.String()
}

// Whatever stands in a file: if Casbin does not load it, the doctor has found why,
// and if it does, the doctor does not say that it would not.
func FuzzWhatDoesNotLoadIsFound(f *testing.F) {
	for _, text := range []string{
		"p, a, t, d, read, allow", "p, a, t, d, read", "p, a, t, d, read, allow, x", "g, a, b", "g, a, b, t, x", "p2, a", "x, a", "r, a", "", ",", `p, "a`, `p, "a" b`,
		"# no\n\n p , a", "p,a,t,d,read,\ng,a,b,t", "\"\"", "\"\",a", "p, a, t, d, read, allow\r\n", "\x00", "p\n", "g2, a, b, t", "\uFEFFp, a, t, d, read, allow",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := fileOf(t, "policy.csv", text)
		rows, _ := rowsOf(t, s)
		why := ""
		for _, found := range doctor.Examine(rows, nil, readModel(t, plainly), now) {
			for _, at := range found.Where {
				if !strings.Contains(at.Note, "ignores it") && slices.Contains([]string{"row-unreadable", "ptype-unknown", "row-empty", "row-short", "row-long"}, found.ID) {
					why = found.ID + ": " + at.Text
				}
			}
		}
		err := load(t, s.Name)
		if (err != nil) != (why != "") {
			t.Errorf("%q: Casbin says %v, the doctor %q", text, err, why)
		}
	})
}

// load has Casbin load a file; a panic is an error.
func load(t *testing.T, path string) (err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m, err := casbinmodel.NewModelFromString(plainly)
	check(t, err)
	return fileadapter.NewAdapter(path).LoadPolicy(m)
}

// ask loads a policy into Casbin and asks it; ; in the question is a comma.
func ask(t *testing.T, text, rows, question string) string {
	t.Helper()
	m, err := casbinmodel.NewModelFromString(text)
	check(t, err)
	path := filepath.Join(t.TempDir(), "policy.csv")
	check(t, os.WriteFile(path, []byte(rows), 0o600))
	e, err := casbin.NewEnforcer(m, fileadapter.NewAdapter(path))
	if err != nil {
		return noLoad
	}
	var values []any
	for _, v := range strings.Split(question, ", ") {
		values = append(values, strings.ReplaceAll(v, ";", ","))
	}
	ok, err := e.Enforce(values...)
	switch {
	case err != nil:
		return noReply
	case ok:
		return allowed
	}
	return denied
}
