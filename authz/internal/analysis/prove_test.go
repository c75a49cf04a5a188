package analysis

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// A proof and asking the engine for concrete records agree: no record is against what holds,
// and each counterexample is one.
func TestProofAgreesWithBruteForce(t *testing.T) {
	var holds, fails, asked atomic.Int64
	inParallel(*pairs/2, func(i int) {
		w := newWorld(t, *seed+uint64(i))
		d := newDice(w.seed)
		for range 6 {
			s, err := ParseStatement(w.statement(d))
			if err != nil {
				t.Errorf("seed %d: %v", w.seed, err)
				return
			}
			proof, err := w.policies[0].prove(t.Context(), s, Options{At: now})
			if err != nil {
				t.Errorf("seed %d: %v: %v", w.seed, s, err)
				return
			}
			if proof.Holds {
				holds.Add(1)
			} else {
				fails.Add(1)
				w.checkCounterexample(t, s, proof)
			}
			asked.Add(w.seek(t, d, s, proof))
		}
	})
	t.Logf("%d statements hold, %d do not; %d records asked about", holds.Load(), fails.Load(), asked.Load())
	if n := holds.Load() + fails.Load(); holds.Load() < n/10 || fails.Load() < n/10 {
		t.Error("the test tests little")
	}
}

// statement makes one about a world's policy.
func (w *world) statement(d dice) string {
	s := w.policies[0].schema
	group := func() string {
		return pick(d, "role:a", "role:b", "role:c", "team:x", "team:y", "unit:a", "unit:b", "user:ann")
	}
	if d.IntN(8) == 0 {
		return strings.Join([]string{"role:a", pick(d, "role:b", "team:x"), pick(d, "unit:a", "unit:b")}[:2+d.IntN(2)], " and ") + " never overlap"
	}
	typ := pick(d, sortedKeys(s.Types)...)
	b := pick(d, "no one", "no one", "everyone")
	if d.IntN(2) == 0 {
		b += pick(d, " in ", " outside ") + group()
		if d.IntN(3) == 0 {
			b += " or " + group()
		}
	}
	on := typ
	if d.IntN(4) == 0 {
		on += "/1"
	}
	switch fields := len(s.Types[typ].Fields) > 0; {
	case d.IntN(3) == 0 && fields:
		b += pick(d, " sees ", " edits ") + on + "#" + pick(d, sortedKeys(s.Types[typ].Fields)...)
	default:
		b += " may " + pick(d, append(sortedKeys(s.Types[typ].Actions), "*")...) + " " + on
	}
	for _, word := range []string{" where ", " unless "} {
		if d.IntN(3) == 0 {
			b += word + pick(d, "", "not ") + pick(d, "own", "team", "unit", "unit_tree", "if:"+pick(d, sortedKeys(s.Conditions)...))
		}
	}
	return b
}

// says is whether a record makes a statement false for a user, as the engine says.
func (w *world) against(t *testing.T, s Statement, user string, r *model.Record, from netip.Addr) bool {
	t.Helper()
	if s.kind == neverOverlap || !w.isAbout(s, user, r) {
		return false
	}
	typ := w.policies[0].schema.Types[r.Type]
	yes, all := false, true
	for action, of := range typ.Actions {
		if s.actions != nil && !slices.Contains(s.actions, action) {
			continue
		}
		answers := w.answer(t, w.engines[0], user, action, r, from)
		got := answers[""] == model.FieldWrite
		if s.level > 0 {
			if s.level == model.FieldWrite && of.Reading() {
				continue
			}
			got = answers[s.target.Field] >= s.level
		}
		yes, all = yes || got, all && got
	}
	switch {
	case s.kind == noOne:
		return yes
	case s.level > 0:
		return !yes
	}
	return !all
}

// isAbout tells whether a statement is about a user and a record.
func (w *world) isAbout(s Statement, user string, r *model.Record) bool {
	groups := w.engines[0].Groups(&model.Request{User: user, At: now}, clock)
	is := slices.ContainsFunc(s.who, func(who string) bool { return who == user || slices.Contains(groups, who) })
	if len(s.who) > 0 && is != s.in || s.target.ID != "" && s.target.ID != r.ID {
		return false
	}
	of := func(words []recordWord) bool {
		return slices.ContainsFunc(words, func(x recordWord) bool {
			if x.condition != "" {
				return r.Attrs["flag_"+x.condition] == !x.not
			}
			return w.scoped(x.scope, user, groups, r) != x.not
		})
	}
	return (len(s.where) == 0 || of(s.where)) && !of(s.unless)
}

// scoped tells whether a scope covers a record for a user: a policy is asked that has her
// groups, and forbids what the scope covers.
func (w *world) scoped(scope model.Scope, user string, groups []string, r *model.Record) bool {
	p := w.policies[0]
	facts := slices.DeleteFunc(slices.Clone(p.Facts), func(f model.Fact) bool {
		switch f := f.(type) {
		case model.CustomerRule, model.TeamRule, model.FieldRule:
			return true
		case model.Switch:
			return model.KindOf(f.Target) == model.UnknownKind && !model.IsRuleID(f.Target) || model.KindOf(f.Target) == model.User
		}
		return false
	})
	action := sortedKeys(p.schema.Types[r.Type].Actions)[0]
	facts = append(facts,
		model.CustomerRule{Tenant: "acme", Subject: user, On: model.OnType(r.Type), Action: action, Effect: model.Allow, Scope: model.ScopeAll},
		model.CustomerRule{Tenant: "acme", Subject: user, On: model.OnType(r.Type), Action: action, Effect: model.Deny, Scope: scope})
	e, err := compileFacts(w.schema.bare, "acme", facts)
	if err != nil {
		panic(err)
	}
	v, err := e.Decide(&model.Request{Tenant: "acme", User: user, Action: action, Record: withoutUnknown(e.Schema(), r), At: now}, clock)
	if err != nil {
		panic(err)
	}
	return !v.Allowed()
}

// seek looks for records against a statement, among users who are not known to be against it.
func (w *world) seek(t *testing.T, d dice, s Statement, proof Proof) (asked int64) {
	t.Helper()
	if s.kind == neverOverlap {
		for _, user := range people(w.policies[0]) {
			in := slices.ContainsFunc(append(borders(now, w.policies[0].Facts), now), func(at time.Time) bool {
				groups := w.engines[0].Groups(&model.Request{User: user, At: at}, clock)
				return !slices.ContainsFunc(s.groups, func(g string) bool { return !slices.Contains(groups, g) })
			})
			if in != slices.Contains(proof.Against, nameOf(user)) {
				t.Errorf("seed %d: %v: of %s it is %v", w.seed, s, user, in)
			}
		}
		return 0
	}
	for _, user := range people(w.policies[0]) {
		if slices.Contains(proof.Against, nameOf(user)) {
			continue
		}
		for range 2 {
			r := w.record(d, s.target.Type, 0)
			if asked++; w.against(t, s, user, r, pick(d, addresses(w.policies[0].Facts)...)) {
				t.Errorf("seed %d: %v: against it is %s of %+v; the proof says %+v", w.seed, s, user, r, proof)
			}
		}
	}
	return asked
}

func (w *world) checkCounterexample(t *testing.T, s Statement, proof Proof) {
	t.Helper()
	if s.kind == neverOverlap {
		return
	}
	c := proof.Counterexample
	user := c.User
	if user == Anyone {
		user = engine.Stranger
	}
	from := netip.Addr{}
	if c.From != nil {
		from = *c.From
	}
	if r := withFlags(c.Record); !w.against(t, s, user, r, from) {
		t.Errorf("seed %d: %v: %+v of %+v is not against it", w.seed, s, c, r)
	}
	if (s.kind == noOne) != c.Decision.Allowed && s.level == 0 {
		t.Errorf("seed %d: %v: by %v", w.seed, s, c.Decision)
	}
}

func TestProve(t *testing.T) {
	p := policy(t, `
  members:
    - {who: user:ann, in: role:rep}
    - {who: user:bob, in: [role:rep, role:finance]}
    - {who: user:cyd, in: role:boss}
    - {who: role:boss, in: role:finance}
    - {who: user:dan, in: role:finance, from: 2027-01-01T00:00:00Z}
  rules:
    - {who: role:rep, may: [read, update], on: customer}
    - {who: role:finance, may: update, on: customer, scope: all}
    - {who: "*", may: update, on: customer, if: in_finance, scope: all}
  fields:
    - {who: "*", has: write, on: customer#credit_limit, if: in_finance}
`)
	for _, test := range []struct {
		statement string
		want      string // "": it holds
	}{
		{"no one outside role:finance ever edits customer#credit_limit", ""},
		{"no one ever edits customer#credit_limit", "user:bob, update customer#credit_limit (write), where all, at 2026-11-22T09:00:00Z: allowed by p, role:finance, acme, customer, update, allow, all (user:bob → role:finance), scope all; the field by p3, *, acme, customer#credit_limit, write, allow, if:in_finance"},
		{"no one may delete customer", ""},
		{"no one outside role:finance may update customer", "user:ann, update customer, where own, at 2026-11-22T09:00:00Z: allowed by p, role:rep, acme, customer, update, allow, - (user:ann → role:rep), owner with level full"},
		{"no one outside role:finance may update customer unless own", ""},
		{"no one may * deal", ""},
		{"no one in user:dan may update customer", ""},
		{"no one in user:dan ever may update customer", "user:dan, update customer, where all, at 2027-01-01T00:00:00Z: allowed by p, role:finance, acme, customer, update, allow, all (user:dan → role:finance), scope all"},
		{"everyone in role:rep may read or update customer where own", ""},
		{"everyone in role:rep may update customer", "user:ann, update customer, where not own, at 2026-11-22T09:00:00Z: denied: out of reach of p, role:rep, acme, customer, update, allow, - (user:ann → role:rep)"},
		{"everyone in role:finance edits customer#credit_limit", ""},
		{"role:rep and role:boss never overlap", ""},
		{"role:rep and role:finance never overlap", "user:bob, at 2026-11-22T09:00:00Z: user:bob → role:rep; user:bob → role:finance"},
	} {
		s, err := ParseStatement(test.statement)
		if err != nil {
			t.Error(err)
			continue
		}
		proofs, err := Prove(t.Context(), p, []Statement{s}, Options{At: now})
		if err != nil {
			t.Errorf("%s: %v", test.statement, err)
			continue
		}
		got := ""
		if c := proofs[0].Counterexample; c != nil {
			got = c.String()
		}
		if got != test.want || proofs[0].Holds != (test.want == "") || proofs[0].Classes == 0 {
			t.Errorf("%s: %s\n%+v", test.statement, cmp.Diff(test.want, got), proofs[0])
		}
	}
}

// A condition that waits for an instant holds some time, though no fact begins then.
func TestProveEverLooksBehindConditions(t *testing.T) {
	schema := *crm
	schema.Conditions = map[string]string{"later": `now >= timestamp("2030-01-01T00:00:00Z")`}
	p := Policy{&schema, "acme", facts(t, "  rules: [{who: \"*\", may: delete, on: customer, scope: all, if: later}]\n")}
	for text, want := range map[string]bool{"no one may delete customer": true, "no one ever may delete customer": false} {
		s, err := ParseStatement(text)
		if err != nil {
			t.Fatal(err)
		}
		proofs, err := Prove(t.Context(), p, []Statement{s}, Options{At: now})
		if err != nil || proofs[0].Holds != want {
			t.Errorf("%s: %+v, %v", text, proofs, err)
		}
	}
}

func TestParseStatementRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", `statement: word 1 "": malformed: a statement begins with no one, everyone, or a role, team or unit`},
		{"nobody may read customer", `statement: word 1 "nobody": malformed: a statement begins with no one, everyone, or a role, team or unit`},
		{"no one", `statement: word 3 "": malformed: here comes may, sees or edits`},
		{"no one outside finance may read customer", `statement: word 4 "finance": malformed: here comes a role, team, unit or user: unknown kind of subject: begins with one of user: role: team: unit:`},
		{"no one may read", `statement: word 5 "": malformed: here comes a type, a record (customer/42) or *`},
		{"no one may read customer#phone", `statement: word 5 "customer#phone": malformed: here comes a type, a record (customer/42) or *: malformed`},
		{"no one sees customer", `statement: word 4 "customer": malformed: here comes a field (customer#phone, customer/42#phone or customer#*): malformed`},
		{"no one may read customer unless all", `statement: word 7 "all": malformed: here comes own, team, unit, unit_tree or if: with the name of a condition: malformed`},
		{"no one may read customer please", `statement: word 6 "please": malformed: the statement is complete before it`},
		{"role:a never overlap", `statement: word 2 "never": malformed: here comes and, and another role, team or unit`},
		{"role:a and role:b overlap", `statement: word 4 "overlap": malformed: here comes and, or never overlap`},
		{`no one in "role:a`, `statement: word 4 "\"role:a": malformed: the quotes are not closed`},
		{strings.Repeat("x", maxStatement+1), fmt.Sprintf("statement: text %q… (10001 characters): too long: at most 10000 bytes", strings.Repeat("x", 120))},
	} {
		_, err := ParseStatement(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%.40q: %v, want %s", test.text, err, test.want)
		}
		var refused *model.ValueError
		if !errors.As(err, &refused) {
			t.Errorf("%.40q: a %T", test.text, err)
		}
	}
}

func TestProveRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"no one may read letter":                  model.ErrUnknownType,
		"no one may fly customer":                 model.ErrUnknownAction,
		"no one sees customer#shoe":               model.ErrUnknownField,
		"no one may read customer unless if:rain": model.ErrUnknownCondition,
	} {
		s, err := ParseStatement(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Prove(t.Context(), policy(t, "  members: []\n"), []Statement{s}, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	if _, err := Prove(t.Context(), policy(t, "  members: []\n"), []Statement{{}}, Options{}); !errors.Is(err, model.ErrMalformed) {
		t.Errorf("the zero statement: %v", err)
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, s := range []string{
		"no one outside role:finance ever edits customer#credit_limit", "no one may delete customer", "role:a and role:b never overlap",
		`everyone in "role:Sales East" or user:eve always may read or update customer/42 where own or not if:eu_only unless team`,
		"no one may * *", "no one sees customer#*", "no one in", `"`, "everyone may read customer where not not own",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatement(text)
		if err != nil {
			var refused *model.ValueError
			if !errors.As(err, &refused) {
				t.Fatalf("%q: %v is a %T", text, err, err)
			}
			return
		}
		again, err := ParseStatement(s.String())
		if err != nil || s.String() != again.String() {
			t.Fatalf("%q is read as %q, and that as %q: %v", text, s, again, err)
		}
	})
}
