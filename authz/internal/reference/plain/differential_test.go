package plain

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
)

// reference is an enforcer of Casbin with a model and lines, loaded without any of our code.
func reference(modelText string, lines [][]string) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, err
	}
	return casbin.NewEnforcer(m, csvLines{lines: lines})
}

type csvLines struct {
	persist.Adapter
	lines [][]string
}

func (a csvLines) LoadPolicy(m model.Model) error {
	for _, line := range a.lines {
		if err := persist.LoadPolicyArray(line, m); err != nil {
			return err
		}
	}
	return nil
}

// generator makes random models, policies and questions of few words, so that they meet.
type generator struct{ *rand.Rand }

func newGenerator(t testing.TB) generator {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

func (g generator) one(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) often() bool { return g.IntN(4) > 0 }

func (g generator) seldom() bool { return g.IntN(8) == 0 }

func (g generator) shuffled(words ...string) []string {
	g.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words
}

// testModel is a model with what is needed to write lines and questions for it.
type testModel struct {
	text    string
	request []string // its columns
	policy  []string
}

func (g generator) model() testModel {
	columns := []string{"sub", "dom", "obj", "act"}
	if g.often() {
		columns = append(columns, "eft")
	}
	if g.seldom() {
		columns = append(columns, g.one("note", "priority"))
	}
	m := testModel{request: []string{"sub", "dom", "obj", "act"}, policy: columns}
	if g.seldom() {
		g.shuffled(m.request...)
	}
	if g.seldom() {
		g.shuffled(m.policy...)
	}
	effect := g.one("some(where (p.eft == allow))", "!some(where (p.eft == deny))",
		"some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	m.text = m.conf(effect, g.matcher())
	return m
}

func (m testModel) conf(effect, matcher string) string {
	return "[request_definition]\nr = " + strings.Join(m.request, ", ") +
		"\n[policy_definition]\np = " + strings.Join(m.policy, ",") +
		"\n[role_definition]\ng = _, _, _\n[policy_effect]\ne = " + effect + "\n[matchers]\nm = " + matcher + "\n"
}

// matcher is a random one of those that are compiled.
func (g generator) matcher() string {
	links := []string{"g(r.sub, p.sub, r.dom)"}
	if !g.often() {
		links[0] = g.one("g(r.sub,p.sub,p.dom)", "g(r.sub,p.sub,p.dom)", `g( r.sub , p.sub, "t1" )`, "g(r.sub, p.sub)")
	}
	for _, more := range []string{`g(r.sub, p.sub, '*')`, g.equal("r.sub", "p.sub"), g.equal("p.sub", `"*"`), g.equal("p.sub", `"all"`)} {
		if g.seldom() {
			links = append(links, more)
		}
	}
	conditions := []string{g.any("||", links)}
	for _, column := range []string{"dom", "obj", "act"} {
		tests := []string{g.equal("r."+column, "p."+column)}
		if g.IntN(2) == 0 {
			tests = append(tests, g.equal("p."+column, g.one(`"*"`, `'*'`, `"all"`, `""`)))
		}
		conditions = append(conditions, g.any("||", tests))
	}
	alternatives := []string{g.any("&&", conditions)}
	for g.seldom() {
		alternatives = append(alternatives, g.equal("r.sub", g.one(`"root"`, `"alice"`)))
	}
	return strings.TrimPrefix(g.any("||", alternatives), " ")
}

func (g generator) equal(a, b string) string {
	pair := g.shuffled(a, b)
	return pair[0] + g.one(" == ", "==", "  ==") + pair[1]
}

// any joins parts in random order and grouping.
func (g generator) any(op string, parts []string) string {
	g.shuffled(parts...)
	for len(parts) > 2 && g.seldom() {
		parts = append([]string{g.any(op, slices.Clone(parts[:2]))}, parts[2:]...)
	}
	joined := strings.Join(parts, g.one(" "+op+" ", op))
	if len(parts) > 1 && (op == "||" || g.seldom()) || g.seldom() {
		return g.one("(", "( ") + joined + ")"
	}
	return joined
}

var (
	someSubjects = []string{"alice", "bob", "root", "admin", "rep", "all", "*", ""}
	someDomains  = []string{"t1", "t2", "all", "*", ""}
	someObjects  = []string{"data", "note", "all", "*", ""}
	someActions  = []string{"read", "write", "all", "*", ""}
)

// value is a random value of a column; the first ones of its words are likelier.
func (g generator) value(column string) string {
	likelier := func(words []string) string { return words[min(g.IntN(len(words)), g.IntN(len(words)))] }
	switch column {
	case "sub":
		return g.one(someSubjects...)
	case "dom":
		return likelier(someDomains)
	case "obj":
		return likelier(someObjects)
	case "act":
		return likelier(someActions)
	case "eft":
		return g.one("allow", "allow", "allow", "deny", "Deny", "")
	}
	return g.one("1", "2", "x,y", "")
}

func (g generator) lines(m testModel) [][]string {
	var lines [][]string
	for range min(g.IntN(14), g.IntN(14)) {
		rule := g.rule(m)
		if len(lines) > 0 && g.often() { // like another, so that they meet in one question
			rule = slices.Clone(lines[g.IntN(len(lines))])
			for range 1 + g.IntN(2) {
				i := g.IntN(len(m.policy))
				rule[i+1] = g.value(m.policy[i])
			}
		}
		lines = append(lines, rule)
	}
	for range g.IntN(8) {
		lines = append(lines, g.link(g.one(someSubjects...), g.one(someSubjects...)))
	}
	if g.seldom() { // a chain about as long as Casbin follows
		names := append([]string{"alice"}, strings.Split("12345678901234"[:8+g.IntN(5)], "")...)
		names = append(names, "admin")
		for i := range len(names) - 1 {
			lines = append(lines, []string{"g", strings.Repeat("x", min(i, 1)) + names[i], strings.Repeat("x", min(len(names)-2-i, 1)) + names[i+1], "t1"})
		}
	}
	g.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

func (g generator) rule(m testModel) []string {
	line := []string{"p"}
	for _, column := range m.policy {
		line = append(line, g.value(column))
	}
	return line
}

func (g generator) link(member, role string) []string {
	line := []string{"g", member, role, g.value("dom")}
	if g.seldom() {
		line = append(line, g.one("ignored", "x,y"))
	}
	return line
}

// question is the arguments of Enforce.
type question [arguments]string

// question is a random one, often about what some line is about.
func (g generator) question(m testModel, lines [][]string) question {
	q := question{g.value("sub"), g.value("dom"), g.value("obj"), g.value("act")}
	if len(lines) == 0 || g.seldom() {
		return q
	}
	line := lines[g.IntN(len(lines))]
	if line[0] == "g" {
		q[subject], q[domain] = line[1], line[3]
		return q
	}
	for argument, column := range []string{"sub", "dom", "obj", "act"} {
		if g.often() {
			q[argument] = line[1+slices.Index(m.policy, column)]
		}
	}
	return q
}

// ask asks the reference, in the order of the model's request.
func ask(e *casbin.Enforcer, m testModel, q question) (bool, error) {
	at := map[string]string{"sub": q[0], "dom": q[1], "obj": q[2], "act": q[3]}
	var values []any
	for _, column := range m.request {
		values = append(values, at[column])
	}
	return e.Enforce(values...)
}

// compare asks n questions of a policy and of Casbin with the same lines, and counts the allowed.
func compare(t *testing.T, g generator, p *Policy, m testModel, lines [][]string, n int) (allowed int) {
	t.Helper()
	e, err := reference(m.text, lines)
	if err != nil {
		t.Fatalf("Casbin does not open what Open does: %v\n%s%q", err, m.text, lines)
	}
	for range n {
		q := g.question(m, lines)
		want, wantErr := ask(e, m, q)
		got, gotErr := p.Enforce(q[0], q[1], q[2], q[3])
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("Enforce%q = %v, %v; Casbin says %v, %v\ncompiled: %v %s\n%s%s",
				q, got, gotErr, want, wantErr, p.Compiled(), p.Why(), m.text, csv(lines))
		}
		if got {
			allowed++
		}
	}
	return allowed
}

func csv(lines [][]string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%q\n", line)
	}
	return b.String()
}

func TestCompiledPolicyGivesCasbinsAnswers(t *testing.T) {
	g, allowed := newGenerator(t), 0
	const policies, questions = 1000, 20
	for range policies {
		m := g.model()
		lines := g.lines(m)
		p, err := Open(m.text, lines)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, m.text, csv(lines))
		}
		if !p.Compiled() {
			t.Fatalf("not compiled: %s\n%s", p.Why(), m.text)
		}
		allowed += compare(t, g, p, m, lines, questions)
	}
	if total := policies * questions; allowed < total/20 || allowed > total-total/20 {
		t.Errorf("%d of %d allowed: the questions are too one-sided to tell much", allowed, total)
	}
}

func TestPolicyThatIsNotCompiledGivesCasbinsAnswers(t *testing.T) {
	g := newGenerator(t)
	const usual = "some(where (p.eft == allow))"
	for _, c := range []struct{ effect, matcher string }{
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && regexMatch(r.obj, p.obj) && r.act == p.act`},
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch(r.obj, p.obj) && r.act == p.act`},
		{usual, `g(r.sub, p.sub, r.dom) && keyMatch(r_dom, p_dom) && r.obj == p.obj && r.act == p.act`},
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act != p.act`},
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj`},
		{usual, `r.sub.Age > 18 && g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act`},
		{usual, `!(r.sub == "bob") && g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act`},
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act in ("read", "write")`},
		{usual, `eval(p.obj) && g(r.sub, p.sub, r.dom) && r.dom == p.dom`},
		{usual, `g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act &&`},
		{"priority(p.eft) || deny", g.matcher()},
		{"subjectPriority(p.eft) || deny", g.matcher()},
		{"some(where(p.eft==allow))", g.matcher()},
	} {
		m := testModel{request: []string{"sub", "dom", "obj", "act"}, policy: []string{"sub", "dom", "obj", "act", "eft"}}
		m.text = m.conf(c.effect, c.matcher)
		for range 10 {
			lines := g.lines(m)
			p, err := Open(m.text, lines)
			if errors.Is(err, ErrPolicy) && strings.HasPrefix(c.effect, "subjectPriority") {
				continue // a cycle of roles, at which Casbin would hang
			}
			if err != nil {
				t.Fatalf("%v\n%s%s", err, m.text, csv(lines))
			}
			if p.Compiled() || p.Why() == "" {
				t.Fatalf("Compiled() = %v, Why() = %q\n%s", p.Compiled(), p.Why(), m.text)
			}
			compare(t, g, p, m, lines, 10)
		}
	}
}

func TestChangedPolicyAnswersAsOneOpenedWithWhatIsLeft(t *testing.T) {
	g := newGenerator(t)
	for range 100 {
		m := g.model()
		lines := g.lines(m)
		p, err := Open(m.text, lines)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if g.IntN(2) == 0 || len(lines) == 0 {
				more := g.lines(m)
				if _, err := p.Add(more...); err != nil {
					continue // ambiguous, see its own test; nothing is added
				}
				lines = append(lines, more...)
			} else {
				gone := lines[g.IntN(len(lines))]
				n, err := p.Remove(gone)
				if err != nil {
					t.Fatal(err)
				}
				if n == 1 {
					lines = slices.DeleteFunc(lines, func(l []string) bool { return strings.Join(l, ",") == strings.Join(gone, ",") })
				}
			}
			compare(t, g, p, m, lines, 10)
		}
	}
}
