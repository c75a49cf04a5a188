package authz_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

func TestExplainTellsTheGateThatFailed(t *testing.T) {
	const more = `
  teams: [{who: user:dan, has: read, on: customer/7, as: support}]
`
	tests := []struct {
		name   string
		policy string // besides that of Acme
		req    authz.Request
		reason model.Reason
		gates  []string // in order; the last one failed, unless it is allowed
		level  model.Level
	}{
		{"tenant locked", more + "  off: [{what: \"*\", mode: locked}]\n", ask("user:alice", "read", hers), model.ReasonTenant, []string{"tenant"}, model.LevelFull},
		{"tenant read-only", more + "  off: [{what: \"*\", mode: read-only}]\n", ask("user:alice", "update", hers), model.ReasonTenant, []string{"tenant"}, model.LevelFull},
		{"user", more + "  off: [{what: user:alice}]\n", ask("user:alice", "read", hers), model.ReasonSubjectOff, []string{"tenant", "user"}, model.LevelFull},
		{"forbidden", `"*": {rules: [{who: role:rep, may not: update, on: customer}]}`, ask("user:alice", "update", hers), model.ReasonForbidden,
			[]string{"tenant", "user", "target", "forbidding rules"}, model.LevelFull},
		{"no rule", more, ask("user:dan", "update", &authz.Record{Type: "customer", ID: "7"}), model.ReasonNoRule,
			[]string{"tenant", "user", "target", "forbidding rules", "allowing rules"}, model.LevelRead},
		{"out of reach", more, ask("user:bob", "update", hers), model.ReasonNoReach,
			[]string{"tenant", "user", "target", "forbidding rules", "allowing rules", "reach"}, model.LevelNone},
		{"allowed", more, ask("user:alice", "update", hers), model.ReasonAllowed,
			[]string{"tenant", "user", "target", "forbidding rules", "allowing rules", "reach"}, model.LevelFull},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			az := open(t, storeOf(acme+test.policy))
			x, err := az.Explain(t.Context(), test.req)
			if err != nil {
				t.Fatal(err)
			}
			if x.Reason != test.reason || x.Allowed != (test.reason == model.ReasonAllowed) || x.Level != test.level {
				t.Errorf("got %v with level %v, want %v with %v", x.Decision, x.Level, test.reason, test.level)
			}
			var gates []string
			for i, g := range x.Gates {
				gates = append(gates, g.Name)
				if last := i == len(x.Gates)-1; g.Passed != (x.Allowed || !last) {
					t.Errorf("gate %s: passed %v", g.Name, g.Passed)
				}
				if g.Detail == "" {
					t.Errorf("gate %s tells nothing", g.Name)
				}
			}
			if diff := cmp.Diff(test.gates, gates); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExplainNamesTheNearestGrant(t *testing.T) {
	third := &authz.Record{Type: "customer", ID: "44"}
	may := func(user, action string) authz.CustomerRule {
		return authz.CustomerRule{Tenant: "acme", Subject: user, On: model.OnType("customer"), Action: action, Effect: model.Allow}
	}
	holds := func(user string, l model.Level) authz.TeamRule {
		return authz.TeamRule{Tenant: "acme", Subject: user, On: model.OnRecord("customer", "44"), Level: l}
	}
	tests := []struct {
		name string
		req  authz.Request
		want []authz.Fact
	}{
		{"a level of the record", ask("user:bob", "update", third), []authz.Fact{holds("user:bob", model.LevelWrite)}},
		{"a group that reaches it", ask("user:stranger", "read", third), []authz.Fact{member("user:stranger", "role:support")}},
		{"a rule for what she owns", ask("user:alice", "delete", hers), []authz.Fact{may("user:alice", "delete")}},
		{"a rule and a level", ask("user:alice", "delete", third), []authz.Fact{may("user:alice", "delete"), holds("user:alice", model.LevelDelete)}},
		{"a group, for the type", authz.Request{Tenant: "acme", User: "user:stranger", Action: "update", Type: "customer"}, []authz.Fact{member("user:stranger", "role:rep")}},
		{"a rule, for the type", authz.Request{Tenant: "acme", User: "user:stranger", Action: "delete", Type: "customer"}, []authz.Fact{may("user:stranger", "delete")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			az := open(t, storeOf(acme))
			x, err := az.Explain(t.Context(), test.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, x.Nearest); diff != "" {
				t.Error(diff)
			}
			must(t)(az.Grant(t.Context(), by, x.Nearest...))
			wantAllowed(t, az, test.req, true)
		})
	}
}

// What no grant can lift has no nearest one.
func TestExplainNamesNoGrantForWhatIsForbidden(t *testing.T) {
	az := open(t, storeOf(acme+"  off: [{what: user:bob}]\n"))
	must(t)(az.Grant(t.Context(), by, authz.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: "update", Effect: model.Deny}))
	for _, req := range []authz.Request{ask("user:alice", "update", hers), ask("user:bob", "read", hers)} {
		x, err := az.Explain(t.Context(), req)
		if err != nil || x.Nearest != nil {
			t.Errorf("%s: got %v, %v; want none", req.User, x.Nearest, err)
		}
	}
}

// The shortest way leads through a role that nobody is in for now.
func TestPathPassesByWhatIsSwitchedOff(t *testing.T) {
	for _, options := range [][]authz.SwitchOption{nil, {authz.Until(monday)}} {
		az := open(t, storeOf(`
acme:
  members: [{who: user:alice, in: [role:short, role:long]}, {who: role:long, in: role:longer}, {who: [role:short, role:longer], in: role:rep}]
  rules: [{who: role:rep, may: read, on: customer, scope: all}]
`))
		must(t)(az.Disable(t.Context(), by, "acme", "role:short", options...))
		req := ask("user:alice", "read", hers)
		req.At = monday.Add(-time.Hour)
		d, err := az.Decide(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"user:alice", "role:long", "role:longer", "role:rep"}, d.Path); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNearestGrantsAllowAndFewerDoNot(t *testing.T) {
	tried := 0
	for seed := range uint64(150) {
		c := caseOf(seed)
		az := openCase(t, c)
		for _, q := range c.Questions {
			x, err := az.Explain(t.Context(), q.Request)
			if err != nil || x.Nearest == nil {
				continue
			}
			tried++
			for _, one := range x.Nearest {
				if len(x.Nearest) == 1 {
					break
				}
				must(t)(az.Grant(t.Context(), by, one))
				if ok, err := az.Enforce(t.Context(), q.Request); ok || err != nil {
					t.Errorf("seed %d: %+v: %v, %v with %v alone, of %v", seed, q.Request, ok, err, one, x.Nearest)
				}
				must(t)(az.Revoke(t.Context(), by, one))
			}
			must(t)(az.Grant(t.Context(), by, x.Nearest...))
			if ok, err := az.Enforce(t.Context(), q.Request); !ok || err != nil {
				t.Errorf("seed %d: %+v: got %v, %v with %v", seed, q.Request, ok, err, x.Nearest)
			}
			must(t)(az.Revoke(t.Context(), by, x.Nearest...))
		}
	}
	if tried < 200 {
		t.Errorf("only %d grants were tried", tried)
	}
}

// What a decision tells is in the policy, and in force.
func TestDecisionTellsOfRealFacts(t *testing.T) {
	reasons, steps := map[model.Reason]int{}, map[string]int{}
	for seed := range uint64(400) {
		c := caseOf(seed)
		az := openCase(t, c)
		w := witness{t: t, c: c, lines: map[model.Line]bool{}}
		for _, l := range slices.Concat(c.Lines, c.BaseLines) {
			w.lines[l] = true
		}
		for _, q := range c.Questions {
			d, err := az.Decide(t.Context(), q.Request)
			if err != nil {
				continue
			}
			w.req = q.Request
			w.decision(d)
			reasons[d.Reason]++
			for _, s := range d.Reach {
				steps[s.How]++
			}
		}
	}
	for r := model.ReasonTenant; r <= model.ReasonAllowed; r++ {
		if reasons[r] < 10 {
			t.Errorf("reason %v came %d times", r, reasons[r])
		}
	}
	for _, how := range []string{"owner", "team rule", "parent", "hierarchy"} {
		if steps[how] < 10 {
			t.Errorf("step %s came %d times", how, steps[how])
		}
	}
}

// witness checks what is told of a policy.
type witness struct {
	t     *testing.T
	c     difftest.Case
	lines map[model.Line]bool
	req   authz.Request
}

func (w witness) errorf(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf("seed %d: %+v: %s", w.c.Seed, w.req, fmt.Sprintf(format, args...))
}

func (w witness) decision(d authz.Decision) {
	w.t.Helper()
	rule, ok := d.Rule.(authz.CustomerRule)
	if d.Constraint != "" {
		has := slices.ContainsFunc(w.c.Schema.Constraints, func(c model.Constraint) bool { return c.Name == d.Constraint })
		if !has || d.Reason != model.ReasonForbidden || d.Rule != nil {
			w.errorf("%v: the schema has the constraints %v", d, w.c.Schema.Constraints)
		}
		return
	}
	if wants := d.Reason >= model.ReasonForbidden && d.Reason != model.ReasonNoRule; ok != wants {
		w.errorf("%v has the rule %v", d, d.Rule)
		return
	} else if !wants {
		return
	}
	w.fact(rule, rule.Valid)
	if (rule.Effect == model.Deny) != (d.Reason == model.ReasonForbidden) {
		w.errorf("%v by %v", d.Reason, rule)
	}
	w.path(d.Path, rule.Subject)
	if d.Allowed && w.req.Record != nil && rule.On.ID == "" && len(d.Reach) == 0 {
		w.errorf("%v does not tell how the record is reached", d)
	}
	for i, s := range d.Reach {
		w.step(s)
		if last := i == len(d.Reach)-1; last == (s.How == "parent") {
			w.errorf("step %d of %v", i, d.Reach)
		}
	}
}

// fact must be in the policy, and hold at the instant.
func (w witness) fact(f authz.Fact, valid model.Period) {
	w.t.Helper()
	l, err := model.Encode(f)
	if err != nil || !w.lines[l] {
		w.errorf("the policy has no %v (%v)", f, err)
	}
	if !valid.Holds(w.req.At) || w.off(model.RuleID(f), w.req.At) {
		w.errorf("%v does not hold at %v", f, w.req.At)
	}
}

// mayBeExcepted tells whether the user is perhaps among exceptions: which groups she is in, it does not ask.
func (w witness) mayBeExcepted(e model.Exceptions) bool {
	contains := func(n netip.Prefix) bool { return n.Contains(w.req.Address.Unmap()) }
	return e != "" && (len(e.Networks()) == 0 || slices.ContainsFunc(e.Networks(), contains))
}

// path must lead by memberships from the user to the subject.
func (w witness) path(path []string, subject string) {
	w.t.Helper()
	if len(path) == 0 || path[0] != w.req.User || path[len(path)-1] != subject {
		w.errorf("the path %v leads not to %s", path, subject)
		return
	}
	if subject == model.Everyone {
		return
	}
	for i, who := range path[1:] {
		if !w.member(path[i], who) || w.off(who, w.req.At) {
			w.errorf("%s is not in %s, as the path %v says", path[i], who, path)
		}
	}
}

func (w witness) member(who, group string) bool {
	for l := range w.lines {
		if l.Section != model.Memberships || l.Values[0] != who || l.Values[1] != group {
			continue
		}
		if f, err := model.DecodeMembership(l); err == nil && f.Valid.Holds(w.req.At) && !w.off(l.RuleID(), w.req.At) {
			return true
		}
	}
	return false
}

func (w witness) off(target string, at time.Time) bool {
	for l := range w.lines {
		if l.Section != model.Switches || l.Values[0] != target {
			continue
		}
		if f, err := model.DecodeSwitch(l); err == nil && f.Valid.Holds(at) && !w.mayBeExcepted(f.Except) {
			return true
		}
	}
	return false
}

func (w witness) step(s model.Step) {
	w.t.Helper()
	switch s.How {
	case "owner":
		w.path(s.Path, s.Path[len(s.Path)-1])
		owners := []string{}
		for r := w.req.Record; r != nil; r = r.Parent {
			owners = append(owners, r.Owners...)
		}
		if !slices.Contains(owners, s.Path[len(s.Path)-1]) {
			w.errorf("%v, but the owners are %v", s, owners)
		}
	case "team rule":
		f := s.Rule.(authz.TeamRule)
		w.fact(f, f.Valid)
		w.path(s.Path, f.Subject)
		if s.Level != f.Level {
			w.errorf("%v has level %v", s, s.Level)
		}
	case "hierarchy":
		if len(s.Path) != 2 || s.Path[0] != w.req.User {
			w.errorf("the path of %v", s)
		}
		if f, ok := s.Rule.(authz.TeamRule); ok {
			w.fact(f, f.Valid)
		}
	case "parent":
	default:
		if scope, ok := strings.CutPrefix(s.How, "scope "); !ok {
			w.errorf("unknown step %v", s)
		} else if _, err := model.ParseScope(scope); err != nil {
			w.errorf("%v: %v", s, err)
		}
	}
}
