package plain

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	usualMatcher = `g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act`
	// inRuleMatcher is for roles of the domain "*" where the rule is of it.
	inRuleMatcher = `g(r.sub, p.sub, p.dom) && (r.dom == p.dom || p.dom == "*") && r.obj == p.obj && r.act == p.act`
	someAllows    = `some(where (p.eft == allow))`
	noneDenies    = `!some(where (p.eft == deny))`
	allowNoDeny   = `some(where (p.eft == allow)) && !some(where (p.eft == deny))`
)

var plainColumns = []string{"sub", "dom", "obj", "act"}

// conf is a model of the usual form with this effect and matcher.
func conf(effect, matcher string) string {
	return testModel{request: plainColumns, policy: append(plainColumns[:4:4], "eft")}.conf(effect, matcher)
}

func mustOpen(t testing.TB, modelText string, lines ...[]string) *Policy {
	t.Helper()
	p, err := Open(modelText, lines)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func cells(s string) []string { return strings.Split(s, " ") }

func TestOddAnswersOfCasbinAreKept(t *testing.T) {
	chain := func(links int) [][]string {
		lines := [][]string{cells("p role0 t1 data read allow")}
		for i := range links {
			lines = append(lines, []string{"g", fmt.Sprint("role", i+1), fmt.Sprint("role", i), "t1"})
		}
		return append(lines, []string{"g", "alice", fmt.Sprint("role", links), "t1"})
	}
	alice := question{"alice", "t1", "data", "read"}
	for _, c := range []struct {
		name    string
		effect  string
		matcher string
		lines   [][]string
		ask     question
		want    bool
	}{
		{"ten links are followed", someAllows, usualMatcher, chain(9), alice, true},
		{"eleven are not", someAllows, usualMatcher, chain(10), alice, false},
		{
			"a cycle of roles ends", someAllows, usualMatcher,
			[][]string{cells("g alice a t1"), cells("g a b t1"), cells("g b a t1"), cells("p b t1 data read allow")}, alice, true,
		},
		{
			"a user named like a role has its rights", someAllows, usualMatcher,
			[][]string{cells("p admin t1 data read allow")}, question{"admin", "t1", "data", "read"}, true,
		},
		{
			"a mistyped deny is none", allowNoDeny, usualMatcher,
			[][]string{cells("p alice t1 data read allow"), cells("p alice t1 data read Deny")}, alice, true,
		},
		{
			"a deny wins", allowNoDeny, usualMatcher,
			[][]string{cells("p alice t1 data read allow"), cells("g alice r t1"), cells("p r t1 data read deny")}, alice, false,
		},
		{
			"a star in g is a domain of that name", someAllows, usualMatcher,
			[][]string{cells("p admin t1 data read allow"), cells("g alice admin *")}, alice, false,
		},
		{
			"a star in p is one too, unless the matcher says more", someAllows, usualMatcher,
			[][]string{cells("p alice * data read allow")}, alice, false,
		},
		{
			"a star in p that the matcher knows is every domain", someAllows,
			strings.Replace(usualMatcher, "r.dom == p.dom", `(p.dom == "*" || r.dom == p.dom)`, 1),
			[][]string{cells("p alice * data read allow")}, alice, true,
		},
		{
			"g may ask for roles in the domain of the rule", someAllows, inRuleMatcher,
			[][]string{cells("p admin * data read allow"), cells("g alice admin *")}, alice, true,
		},
		{
			"g then asks for none in that of the request", someAllows, inRuleMatcher,
			[][]string{cells("p admin * data read allow"), cells("g alice admin t1")}, alice, false,
		},
		{"no rule: nobody is allowed", someAllows, usualMatcher, nil, alice, false},
		{"no rule: but empty values are", someAllows, usualMatcher, nil, question{}, true},
		{"no rule and nothing but deny: everybody is allowed", noneDenies, usualMatcher, nil, alice, true},
		{
			"a superuser is allowed what any rule allows anybody", someAllows, usualMatcher + ` || r.sub == "root"`,
			[][]string{cells("p bob t9 note write allow")}, question{"root", "t1", "data", "read"}, true,
		},
		{
			"a superuser is denied what any rule denies anybody", allowNoDeny, usualMatcher + ` || r.sub == "root"`,
			[][]string{cells("p bob t9 note write allow"), cells("p eve t9 note write deny")}, question{"root", "t1", "data", "read"}, false,
		},
		{
			"rules that Casbin cannot tell apart are the first", allowNoDeny, usualMatcher,
			[][]string{{"p", "alice", "t1", "a,b", "c", "allow"}, {"p", "alice", "t1", "a", "b,c", "allow"}}, question{"alice", "t1", "a", "b,c"}, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := conf(c.effect, c.matcher)
			e, err := reference(text, c.lines)
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := e.Enforce(c.ask[0], c.ask[1], c.ask[2], c.ask[3]); ok != c.want || err != nil {
				t.Errorf("Casbin itself says %v, %v; want %v", ok, err, c.want)
			}
			p := mustOpen(t, text, c.lines...)
			if !p.Compiled() {
				t.Errorf("not compiled: %s", p.Why())
			}
			if ok, err := p.Enforce(c.ask[0], c.ask[1], c.ask[2], c.ask[3]); ok != c.want || err != nil {
				t.Errorf("Enforce = %v, %v; want %v", ok, err, c.want)
			}
		})
	}
}

func TestWhySaysWhatIsNotCompiled(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(conf(someAllows, usualMatcher), old, new, 1) }
	for _, c := range []struct{ model, want string }{
		{conf(someAllows, usualMatcher), ""},
		{with("r.obj == p.obj", "regexMatch(r.obj, p.obj)"), "matcher: regexMatch is not compiled"},
		{with("r.obj == p.obj", "r.obj.Owner == p.obj"), "matcher: r.obj.Owner is not compiled"},
		{with("r.obj == p.obj", "r.obj != p.obj"), "matcher: != is not compiled here"},
		{with("r.obj == p.obj", "r.obj == p.nothing"), "matcher: r.obj == p.nothing is not compiled"},
		{with("r.obj == p.obj", `(r.obj == p.obj || p.act == "*")`), `matcher: r.obj == p.obj || p.act == "*" is not compiled`},
		{with("r.obj == p.obj", `p.obj == "*"`), `matcher: p.obj == "*" is not compiled`},
		{with("r.obj == p.obj", `(r.obj == p.obj || p.obj == "2026-01-01")`), `matcher: a time is not compiled here`},
		{with(" && r.act == p.act", ""), "matcher: there is no condition on the action"},
		{with("r.sub, p.sub, r.dom", "r.sub, p.sub, p.act"), "matcher: g takes its domain from another column than r.dom is compared with"},
		{with("r.sub, p.sub, r.dom", "p.sub, r.sub, r.dom"), "matcher: g(p.sub, r.sub, r.dom) is not compiled"},
		{with("r.obj == p.obj", `(r.obj == p.obj || p.obj == "*" || p.obj == "all")`), `matcher: r.obj == p.obj || p.obj == "*" || p.obj == "all" is not compiled`},
		{with("r.obj == p.obj", "r.obj == p.obj && r.obj == p.act"), "matcher: r.obj == p.act is not compiled"},
		{with("r.obj == p.obj", "r.obj == p.obj && r.sub == p.obj"), "matcher: r.sub == p.obj is not compiled"},
		{with("r.obj == p.obj", `(r.obj == p.obj || p.obj == "keyMatch(r_dom, p_dom)")`), "matcher: keyMatch(r.dom, p.dom) is not compiled"},
		{
			with("g(r.sub, p.sub, r.dom)", "(g(r.sub, p.sub, p.dom) || g(r.sub, p.sub, p.act))"),
			"matcher: g(r.sub, p.sub, p.dom) || g(r.sub, p.sub, p.act) is not compiled",
		},
		{with("r.sub, p.sub, r.dom", "r.sub"), "matcher: g(r.sub) is not compiled"},
		{with("r.sub, p.sub, r.dom", "r.sub, p.sub, r.dom, r.act"), "matcher: g(r.sub, p.sub, r.dom, r.act) is not compiled"},
		{with("r.sub, p.sub, r.dom", "r.sub, p.sub, r.obj"), "matcher: g(r.sub, p.sub, r.obj) is not compiled"},
		{with("r.sub, p.sub, r.dom", "(r.sub), p.sub, r.dom"), "matcher: a clause is not compiled here"},
		{with("r.sub, p.sub, r.dom", "r.sub, p.sub, !true"), "matcher: ! is not compiled here"},
		{
			with(usualMatcher, usualMatcher+` || r.act == p.act && (r.obj == p.obj || r.sub == "bob")`),
			"matcher: (g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act) || (r.act == p.act && (r.obj == p.obj || … is not compiled",
		},
		{with("g = _, _, _\n", ""), "there is no role definition g = _, _, _"},
		{with(usualMatcher, `r.sub == "root"`), `matcher: r.sub == "root" is not compiled`},
		{with(someAllows, "priority(p.eft) || deny"), `policy effect "priority(p_eft) || deny" is not compiled`},
		{with("g = _, _, _", "g = _, _"), `role definition "_, _" is not compiled, only _, _, _`},
		{with("g = _, _, _", "g = _, _, dom"), `role definition "_, _, dom" is not compiled, only _, _, _`},
		{with("g = _, _, _", "g = _, _, _, (_, _)"), `role definition "_, _, _, (_, _)" is not compiled, only _, _, _`},
		{with("g = _, _, _", "g = _, _, _\ng2 = _, _"), "section g2 is not compiled"},
		{with("act,eft", "act,eft,act"), `policy definition "sub,dom,obj,act,eft,act" names a column twice`},
	} {
		p, err := Open(c.model, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.model)
			continue
		}
		if diff := cmp.Diff(c.want, p.Why()); diff != "" || p.Compiled() != (c.want == "") {
			t.Errorf("Compiled() = %v, Why() (-want +got):\n%s", p.Compiled(), diff)
		}
	}
}

func TestOpenRefusesWhatCasbinDoesNotLoad(t *testing.T) {
	usual := conf(someAllows, usualMatcher)
	for _, c := range []struct {
		name  string
		model string
		lines [][]string
		want  error
	}{
		{"no model", "", nil, ErrModel},
		{"no matcher", strings.Split(usual, "[matchers]")[0], nil, ErrModel},
		{"roles without a group", strings.Replace(usual, "g = _, _, _", "g = _", 1), nil, ErrPolicy},
		{"roles that Casbin panics at", strings.Replace(usual, "g = _, _, _", "g = _, (_, _)", 1), [][]string{cells("g a b c")}, ErrPolicy},
		{"too long a model", usual + strings.Repeat("# \n", MaxModel/3), nil, ErrModel},
		{"a request without a domain", strings.Replace(usual, "r = sub, dom,", "r = sub,", 1), nil, ErrModel},
		{"a request with a value that has no argument", strings.Replace(usual, "r = sub, dom,", "r = sub, colour,", 1), nil, ErrModel},
		{"an empty line", usual, [][]string{{}}, ErrLine},
		{"a line of another section", usual, [][]string{cells("m x")}, ErrLine},
		{"a line of a section that is not there", usual, [][]string{cells("p2 x")}, ErrLine},
		{"a short rule", usual, [][]string{cells("p alice t1 data read")}, ErrLine},
		{"a long rule", usual, [][]string{cells("p alice t1 data read allow more")}, ErrLine},
		{"a short role link", usual, [][]string{cells("g alice admin")}, ErrLine},
		{
			"roles that hang Casbin", conf("subjectPriority(p.eft) || deny", usualMatcher),
			[][]string{cells("g a top t1"), cells("g b a t1"), cells("g a b t1")}, ErrPolicy,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Open(c.model, c.lines)
			if p != nil || !errors.Is(err, c.want) {
				t.Errorf("Open = %v, %v; want an error matching %q", p, err, c.want)
			}
		})
	}
}

func TestNoErrorAllows(t *testing.T) {
	var zero Policy
	for name, p := range map[string]*Policy{
		"zero":                          &zero,
		"unparsable matcher":            mustOpen(t, conf(noneDenies, usualMatcher+" &&")),
		"matcher that Casbin panics at": mustOpen(t, conf(noneDenies, usualMatcher+` && x\\`)),
		"matcher that is no condition":  mustOpen(t, conf(noneDenies, `r.sub`), cells("p alice t1 data read allow")),
	} {
		if p.Compiled() || p.Why() == "" {
			t.Errorf("%s: Compiled() = %v, Why() = %q", name, p.Compiled(), p.Why())
		}
		if ok, err := p.Enforce("alice", "t1", "data", "read"); ok || !errors.Is(err, ErrEnforce) {
			t.Errorf("%s: Enforce = %v, %v; want false and ErrEnforce", name, ok, err)
		}
	}
	if _, err := zero.Add(cells("p alice t1 data read allow")); !errors.Is(err, ErrPolicy) {
		t.Errorf("Add to the zero policy = %v; want ErrPolicy", err)
	}
}

func TestRequestIsReadByName(t *testing.T) {
	text := strings.Replace(conf(someAllows, strings.ReplaceAll(usualMatcher, "r.dom", "r.tenant")),
		"r = sub, dom, obj, act", "r = act, sub, obj, tenant", 1)
	for _, matcher := range []string{"", " && 1 == 1"} { // compiled, and not
		p := mustOpen(t, strings.TrimSuffix(text, "\n")+matcher, cells("p alice t1 data read allow"))
		if p.Compiled() != (matcher == "") {
			t.Errorf("Compiled() = %v: %s", p.Compiled(), p.Why())
		}
		if ok, err := p.Enforce("alice", "t1", "data", "read"); !ok || err != nil {
			t.Errorf("Enforce = %v, %v; want true", ok, err)
		}
	}
}

func TestChangeIsAllOrNothing(t *testing.T) {
	for _, matcher := range []string{usualMatcher, usualMatcher + " && 1 == 1"} {
		p := mustOpen(t, conf(someAllows, matcher), cells("p alice t1 data read allow"))
		rule, short := cells("p bob t1 data read allow"), cells("p bob")
		if n, err := p.Add(rule, short); n != 0 || !errors.Is(err, ErrLine) {
			t.Errorf("Add with a short line = %d, %v; want ErrLine", n, err)
		}
		expect := func(sub string, want bool) {
			t.Helper()
			if ok, err := p.Enforce(sub, "t1", "data", "read"); ok != want || err != nil {
				t.Errorf("Enforce(%s) = %v, %v; want %v", sub, ok, err, want)
			}
		}
		expect("bob", false)
		if n, err := p.Add(rule, rule, cells("p alice t1 data read allow")); n != 1 || err != nil {
			t.Errorf("Add = %d, %v; want 1", n, err)
		}
		expect("bob", true)
		if n, err := p.Remove(rule, short); n != 0 || !errors.Is(err, ErrLine) {
			t.Errorf("Remove with a short line = %d, %v; want ErrLine", n, err)
		}
		expect("bob", true)
		if n, err := p.Remove(rule, cells("p eve t1 data read allow")); n != 1 || err != nil {
			t.Errorf("Remove = %d, %v; want 1", n, err)
		}
		expect("bob", false)
		expect("alice", true)
	}
}

func TestLineThatDiffersByCommasIsNeitherAddedNorRemoved(t *testing.T) {
	held, other := []string{"p", "a,b", "c", "data", "read", "deny"}, []string{"p", "a", "b,c", "data", "read", "deny"}
	p := mustOpen(t, conf(noneDenies, usualMatcher), held)
	if n, err := p.Add(other); n != 0 || !errors.Is(err, ErrAmbiguous) {
		t.Errorf("Add = %d, %v; want ErrAmbiguous", n, err)
	}
	if n, err := p.Remove(other); n != 0 || err != nil {
		t.Errorf("Remove = %d, %v; want 0", n, err)
	}
	if ok, _ := p.Enforce("a,b", "c", "data", "read"); ok {
		t.Error("the rule that is held has lost its force")
	}
}

func TestOpenKeepsNoSliceOfTheCaller(t *testing.T) {
	lines := [][]string{cells("p alice t1 data read allow")}
	p := mustOpen(t, conf(someAllows, usualMatcher), lines...)
	lines[0][1] = "eve"
	if _, err := p.Add(cells("p bob t1 data read allow")); err != nil {
		t.Fatal(err)
	}
	if ok, _ := p.Enforce("alice", "t1", "data", "read"); !ok {
		t.Error("the policy changed with the caller's slice")
	}
}

// One rule stays while others come and go: it holds at every instant, and who
// adds or removes a rule sees that at once.
func TestEnforceSeesTheStateBeforeOrAfterAChange(t *testing.T) {
	for name, matcher := range map[string]string{"compiled": usualMatcher, "Casbin": usualMatcher + " && 1 == 1"} {
		t.Run(name, func(t *testing.T) {
			always := cells("p alice t1 data read allow")
			p := mustOpen(t, conf(allowNoDeny, matcher), always)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if ok, err := p.Enforce("alice", "t1", "data", "read"); !ok || err != nil {
							t.Errorf("Enforce = %v, %v", ok, err)
							return
						}
					}
				})
			}
			var writers sync.WaitGroup
			for w := range 2 {
				writers.Go(func() {
					for i := range 50 {
						line := []string{"p", fmt.Sprint("user", w), "t1", fmt.Sprint("data", i), "read", "allow"}
						if n, err := p.Add(line); n != 1 || err != nil {
							t.Errorf("Add = %d, %v", n, err)
						}
						if ok, err := p.Enforce(line[1], line[2], line[3], line[4]); !ok || err != nil {
							t.Errorf("what was added is not there: %v, %v", ok, err)
						}
						if n, err := p.Remove(line); n != 1 || err != nil {
							t.Errorf("Remove = %d, %v", n, err)
						}
						if ok, err := p.Enforce(line[1], line[2], line[3], line[4]); ok || err != nil {
							t.Errorf("what was removed is still there: %v, %v", ok, err)
						}
					}
				})
			}
			writers.Wait()
			close(stop)
			wg.Wait()
		})
	}
}

func TestCompiledEnforceAllocatesNothing(t *testing.T) {
	p, _ := thousandRules(t)
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Enforce("user7", "tenant1", "object3", "read") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzOpen opens any text as a model: without a panic, and with Casbin's
// answers wherever Casbin opens it too.
func FuzzOpen(f *testing.F) {
	g := generator{newGenerator(f).Rand}
	for range 20 {
		f.Add(g.model().text)
	}
	for _, matcher := range []string{"", "(((", `r.sub.Name == p.sub`, `eval(p.sub)`, `g(r.sub, p.sub)`, `r.sub == p\\`, usualMatcher + ` || r.sub == "alice"`} {
		f.Add(conf(someAllows, matcher))
	}
	f.Add(strings.Replace(conf(someAllows, usualMatcher), "g = _, _, _", "g = _, (_, _)", 1))
	lines := [][]string{
		cells("p admin t1 data read allow"), cells("p alice t2 data write deny"), cells("p * * * read allow"),
		cells("g alice admin t1"), cells("g bob alice t1"), cells("g bob admin *"),
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, lines := range [][][]string{nil, lines} {
			p, err := Open(text, lines)
			if err != nil {
				if p != nil || !errors.Is(err, ErrModel) && !errors.Is(err, ErrLine) && !errors.Is(err, ErrPolicy) {
					t.Fatalf("Open = %v, %v", p, err)
				}
				continue
			}
			e, err := reference(text, lines)
			if err != nil {
				t.Fatalf("Casbin does not open it: %v", err)
			}
			for _, q := range []question{
				{"alice", "t1", "data", "read"}, {"alice", "t2", "data", "write"}, {"bob", "t1", "data", "read"},
				{"bob", "*", "*", "read"}, {"eve", "t1", "note", "read"}, {},
			} {
				var values []any
				for _, argument := range p.def.order {
					values = append(values, q[argument])
				}
				want, wantErr := e.Enforce(values...)
				got, gotErr := p.Enforce(q[0], q[1], q[2], q[3])
				if got != want || (gotErr == nil) != (wantErr == nil) {
					t.Fatalf("Enforce%q = %v, %v; Casbin says %v, %v; compiled: %v", q, got, gotErr, want, wantErr, p.Compiled())
				}
			}
		}
	})
}

// thousandRules is a policy of 10 tenants with 100 rules for 10 roles each, and 50 users.
func thousandRules(t testing.TB) (*Policy, [][]string) {
	var lines [][]string
	for tenant := range 10 {
		for i := range 100 {
			lines = append(lines, []string{"p", fmt.Sprint("role", i%10), fmt.Sprint("tenant", tenant), fmt.Sprint("object", i/10), "read", "allow"})
		}
		for user := range 50 {
			lines = append(lines, []string{"g", fmt.Sprint("user", user), fmt.Sprint("role", user%10), fmt.Sprint("tenant", tenant)})
		}
	}
	return mustOpen(t, conf(allowNoDeny, usualMatcher), lines...), lines
}

func BenchmarkEnforce(b *testing.B) {
	p, lines := thousandRules(b)
	e, err := reference(conf(allowNoDeny, usualMatcher), lines)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, enforce func() (bool, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := enforce(); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
	run("compiled", func() (bool, error) { return p.Enforce("user7", "tenant1", "object3", "read") })
	run("Casbin", func() (bool, error) { return e.Enforce("user7", "tenant1", "object3", "read") })
}

func BenchmarkAdd(b *testing.B) {
	p, _ := thousandRules(b)
	line := cells("p alice t1 data read allow")
	for b.Loop() {
		if _, err := p.Add(line); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Remove(line); err != nil {
			b.Fatal(err)
		}
	}
}
