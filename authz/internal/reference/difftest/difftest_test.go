package difftest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/model"
)

func TestGenerateIsDeterministic(t *testing.T) {
	for seed := range uint64(300) {
		a, b := Generate(seed), Generate(seed)
		a.Conditions, b.Conditions = nil, nil
		if d := cmp.Diff(a, b, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatalf("seed %d: -first +second\n%s", seed, d)
		}
	}
}

func TestReferenceAgreesWithItself(t *testing.T) {
	pairs := 0
	for seed := range uint64(50) {
		n, diff := Run(seed, Reference)
		if diff != nil {
			t.Fatal(diff)
		}
		pairs += n
	}
	if pairs != 50*questions {
		t.Fatalf("%d pairs", pairs)
	}
}

// TestGeneratedMix holds the generator to questions whose answers are worth comparing.
func TestGeneratedMix(t *testing.T) {
	const cases = 300
	var records, allowed, types, typesAllowed, failed int
	var fields [model.FieldWrite + 1]int
	start := time.Now()
	for seed := range uint64(cases) {
		c := Generate(seed)
		d, err := Reference(c)
		if err != nil {
			t.Fatal(seed, err)
		}
		for _, q := range c.Questions {
			a := Ask(d, q)
			switch {
			case a.Err != nil:
				failed++
			case q.Field != "":
				fields[a.Field]++
			case q.Request.Record == nil:
				types++
				typesAllowed += one(a.Allowed)
			default:
				records++
				allowed += one(a.Allowed)
			}
		}
	}
	t.Logf("%v a question", time.Since(start)/(cases*questions))
	t.Logf("decisions about records: %d, allowed %d %%", records, 100*allowed/records)
	t.Logf("decisions about types: %d, allowed %d %%", types, 100*typesAllowed/types)
	t.Logf("fields hidden, masked, read, write: %d; errors: %d", fields, failed)
	for says, ok := range map[string]bool{
		"25 to 60 % of the decisions about records allow": 100*allowed/records >= 25 && 100*allowed/records <= 60,
		"25 to 60 % of the decisions about types allow":   100*typesAllowed/types >= 25 && 100*typesAllowed/types <= 60,
		"errors are few":                   failed > 0 && failed < cases*questions/20,
		"every level of a field occurs":    slices.Min(fields[:]) > cases/20,
		"there are many fields not hidden": fields[0] < 9*(fields[1]+fields[2]+fields[3]),
	} {
		if !ok {
			t.Errorf("not so: %s", says)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decisive are the features that must decide at least so many questions of
// the cases looked at: without the one fact, or the one part of it or of the
// schema, the answer is another.
var decisive = map[string]int{
	"allow scope -": 5, "allow scope own": 5, "allow scope team": 5, "allow scope unit": 5, "allow scope unit_tree": 5, "allow scope all": 5,
	"deny scope -": 5, "deny scope own": 1, "deny scope team": 1, "deny scope unit": 1, "deny scope unit_tree": 1, "deny scope all": 5,
	"narrower for scope own": 3, "narrower for scope team": 3, "narrower for scope unit": 1, "narrower for scope unit_tree": 3, "narrower for scope all": 3,
	"customer rule on type": 5, "customer rule on unit": 5, "customer rule on record": 5, "customer rule on any": 5, "customer rule of the base": 5,
	"customer rule for user": 5, "customer rule for role": 5, "customer rule for team": 5, "customer rule for unit": 5, "customer rule for everyone": 5,
	"team rule on type": 5, "team rule on unit": 1, "team rule on record": 3, "team rule on any": 5,
	"field rule allow on type": 5, "field rule allow on record": 1, "field rule deny on type": 5, "field rule deny on record": 1, "field rule of the base": 5,
	"membership user role": 5, "membership user team": 5, "membership user unit": 5, "membership role role": 3, "membership of the base": 1,
	"membership team team": 1, "membership team role": 1, "membership team unit": 1,
	"org edge user": 3, "org edge unit": 5,
	"switch on user": 5, "switch on role": 5, "switch on team": 1, "switch on unit": 1, "switch on rule": 3, "switch on base rule": 1,
	"switch on membership": 1, "tenant locked": 5, "tenant read-only": 1,
	"period of p": 5, "period of p2": 1, "period of p3": 1, "period of p4": 5, "period of g": 5,
	"condition of allow": 5, "condition of deny": 5, "condition of team rule": 1, "condition of field rule": 3,
	"missing attribute": 5,
	"condition member(": 1, "condition ownerIn(": 1, "condition teamRole(": 1, "condition holds(": 1, "condition own()": 1,
	"condition has(": 1, "condition action": 1, "condition env.": 1, "condition user.": 1, "condition record.parent": 1, "condition record.owners": 1,
	"parent cap": 3, "controlled by parent": 5, "hierarchy line": 3, "hierarchy units": 3, "hierarchy depth": 1, "hierarchy beyond": 1, "hierarchy holders": 1,
	"field default": 5, "owner": 5, "unit of the record": 5, "parent of the record": 5,
}

// TestEveryFeatureDecides takes the facts of random cases away one by one, and
// what types and records have, until every feature has decided as many
// questions as it must.
func TestEveryFeatureDecides(t *testing.T) {
	const most = 1500
	s := &survey{missing: maps.Clone(decisive)}
	for seed := uint64(0); len(s.missing) > 0 && seed < most; seed++ {
		if err := s.look(Generate(seed)); err != nil {
			t.Fatal(seed, err)
		}
		s.cases++
	}
	t.Logf("looked at %d cases", s.cases)
	for _, name := range slices.Sorted(maps.Keys(s.missing)) {
		t.Errorf("%q decided %d questions, want %d", name, decisive[name]-s.missing[name], decisive[name])
	}
}

// survey counts down the questions that features must still decide.
type survey struct {
	missing map[string]int
	cases   int
}

// wants tells whether one of the features is still missing.
func (s *survey) wants(features []string) bool {
	return slices.ContainsFunc(features, func(f string) bool { return s.missing[f] > 0 })
}

// look asks a case again without each of what it has that is still of interest.
func (s *survey) look(c Case) error {
	c.Questions = slices.DeleteFunc(slices.Clone(c.Questions), func(q Question) bool { return !q.Request.At.Equal(now) })
	d, err := Reference(c)
	if err != nil {
		return err
	}
	answers := make([]Answer, len(c.Questions))
	for i, q := range c.Questions {
		answers[i] = Ask(d, q)
	}
	s.lines(c, answers)
	for _, name := range names(c.Schema.Types) {
		for feature, typ := range plainer(c.Schema.Types[name]) {
			s.count(answers, []string{feature}, func() Case {
				x := c
				x.Schema = cloneSchema(c.Schema)
				x.Schema.Types[name] = typ
				return x
			})
		}
	}
	for feature, change := range lesser {
		s.count(answers, []string{feature}, func() Case {
			x := c
			x.Questions = nil
			for _, q := range c.Questions {
				if q.Request.Record = cloneRecord(q.Request.Record); q.Request.Record != nil {
					change(q.Request.Record)
				}
				x.Questions = append(x.Questions, q)
			}
			return x
		})
	}
	return nil
}

// lines takes away each line, and each of its terms.
func (s *survey) lines(c Case, answers []Answer) {
	rules := map[string]model.Line{}
	for _, l := range slices.Concat(c.BaseLines, c.Lines) {
		rules[l.RuleID()] = l
	}
	for _, of := range []func(*Case) *[]model.Line{
		func(c *Case) *[]model.Line { return &c.Lines }, func(c *Case) *[]model.Line { return &c.BaseLines },
	} {
		for i, l := range *of(&c) {
			replaced := func(by ...model.Line) func() Case {
				return func() Case {
					x := c
					lines := of(&x)
					*lines = slices.Concat((*lines)[:i], by, (*lines)[i+1:])
					return x
				}
			}
			s.count(answers, features(l, rules), replaced())
			for _, simpler := range Simpler(l) {
				s.count(answers, simplified(c.Schema, l, simpler), replaced(simpler))
			}
		}
	}
}

// count counts the answers that are others in a changed case.
func (s *survey) count(answers []Answer, features []string, changed func() Case) {
	if !s.wants(features) {
		return
	}
	c := changed()
	d, err := Reference(c)
	if err != nil {
		return // such as a condition that nobody has any more
	}
	for i, q := range c.Questions {
		if Ask(d, q).same(answers[i]) {
			continue
		}
		for _, f := range features {
			if s.missing[f]--; s.missing[f] <= 0 {
				delete(s.missing, f)
			}
		}
	}
}

// lesser are records that lack something, or no longer do.
var lesser = map[string]func(*model.Record){
	"owner":                func(r *model.Record) { r.Owners = nil },
	"unit of the record":   func(r *model.Record) { r.Unit = "" },
	"parent of the record": func(r *model.Record) { r.Parent = nil },
	"missing attribute": func(r *model.Record) {
		for name, v := range map[string]any{"vip": true, "amount": 20, "region": "EU"} {
			if r.Attrs[name] == nil && (name != "region" || r.Type != "asset") {
				r.Attrs[name] = v
			}
		}
	},
}

func kind(subject string) string {
	if subject == model.Everyone {
		return "everyone"
	}
	return model.KindOf(subject).String()
}

func targetKind(t model.Target) string {
	switch {
	case t.ID != "":
		return "record"
	case t.Unit != "":
		return "unit"
	case t.Type == model.Any:
		return "any"
	}
	return "type"
}

// features are what a line is an example of.
func features(l model.Line, rules map[string]model.Line) (out []string) {
	f, err := model.Decode(l)
	if err != nil {
		panic(err)
	}
	switch f := f.(type) {
	case model.CustomerRule:
		out = append(out, fmt.Sprintf("%s scope %s", f.Effect, f.Scope), "customer rule on "+targetKind(f.On), "customer rule for "+kind(f.Subject))
		if f.Tenant == model.Base {
			out = append(out, "customer rule of the base")
		}
	case model.TeamRule:
		out = append(out, "team rule on "+targetKind(f.On))
	case model.FieldRule:
		out = append(out, fmt.Sprintf("field rule %s on %s", f.Effect, targetKind(f.On)))
		if f.Tenant == model.Base {
			out = append(out, "field rule of the base")
		}
	case model.Membership:
		out = append(out, "membership "+kind(f.Member)+" "+kind(f.Group))
		if f.Tenant == model.Base {
			out = append(out, "membership of the base")
		}
	case model.OrgEdge:
		out = append(out, "org edge "+kind(f.Below))
	case model.Switch:
		rule, isRule := rules[f.Target]
		switch {
		case f.Target == model.Any:
			out = append(out, "tenant "+f.Mode.String())
		case !isRule:
			out = append(out, "switch on "+kind(f.Target))
		case rule.Tenant() == model.Base:
			out = append(out, "switch on base rule")
		case rule.Section == model.Memberships:
			out = append(out, "switch on membership")
		default:
			out = append(out, "switch on rule")
		}
	}
	return out
}

// simplified are the features that a line has and its simpler form lacks.
func simplified(schema *model.Schema, l, simpler model.Line) (out []string) {
	columns := l.Columns()
	has := func(l model.Line, term string) bool { return strings.Contains(strings.Join(l.Columns(), " "), term) }
	lacks := func(term string) bool { return has(l, term) && !has(simpler, term) }
	switch {
	case l.Section == model.Switches || lacks("from:") || lacks("until:"):
		return []string{"period of " + string(l.Section)}
	case lacks("if:"):
		of := map[model.Section]string{model.TeamRules: "team rule", model.FieldRules: "field rule", model.CustomerRules: columns[4]}
		out = append(out, "condition of "+of[l.Section])
		_, name, _ := strings.Cut(columns[5], "if:")
		name, _, _ = strings.Cut(name, " ")
		for feature := range decisive {
			if word, ok := strings.CutPrefix(feature, "condition "); ok && strings.Contains(schema.Conditions[name], word) {
				out = append(out, feature)
			}
		}
	case l.Section == model.CustomerRules:
		scope, _, _ := strings.Cut(columns[5], " ")
		out = append(out, "narrower for scope "+scope)
	}
	return out
}

// plainer are types without one of the things that the type has.
func plainer(t model.Type) map[string]model.Type {
	out := map[string]model.Type{}
	with := func(feature string, change func(*model.Type)) {
		x := t
		change(&x)
		out[feature] = x
	}
	if t.Parent.Controlled {
		with("controlled by parent", func(t *model.Type) { t.Parent.Controlled = false })
	} else if t.Parent.Cap != model.LevelFull && t.Parent.Type != "" {
		with("parent cap", func(t *model.Type) { t.Parent.Cap = model.LevelFull })
	}
	if t.Hierarchy.By != model.HierarchyOff {
		with("hierarchy "+t.Hierarchy.By.String(), func(t *model.Type) { t.Hierarchy = model.Hierarchy{} })
	}
	if t.Hierarchy.Depth > 0 {
		with("hierarchy depth", func(t *model.Type) { t.Hierarchy.Depth = model.MaxDepth })
	}
	if t.Hierarchy.Beyond > model.LevelNone {
		with("hierarchy beyond", func(t *model.Type) { t.Hierarchy.Beyond = model.LevelNone })
	}
	if t.Hierarchy.Holders {
		with("hierarchy holders", func(t *model.Type) { t.Hierarchy.Holders = false })
	}
	with("field default", func(t *model.Type) {
		t.Fields = maps.Clone(t.Fields)
		for name := range t.Fields {
			t.Fields[name] = model.Field{}
		}
	})
	return out
}

// broken are deciders that each leave out a part of the specification.
var broken = map[string]func(Case) Case{
	"forbidding rules are ignored": without(func(f model.Fact) bool {
		r, ok := f.(model.CustomerRule)
		return ok && r.Effect == model.Deny
	}),
	"denying field rules are ignored": without(func(f model.Fact) bool {
		r, ok := f.(model.FieldRule)
		return ok && r.Effect == model.Deny
	}),
	"switches on groups are ignored": without(func(f model.Fact) bool {
		s, ok := f.(model.Switch)
		return ok && slices.Contains([]model.SubjectKind{model.Role, model.Team, model.Unit}, model.KindOf(s.Target))
	}),
	"org edges of units are ignored": without(func(f model.Fact) bool {
		e, ok := f.(model.OrgEdge)
		return ok && model.KindOf(e.Below) == model.Unit
	}),
	"inheritance of the base policy is ignored": without(func(f model.Fact) bool {
		m, ok := f.(model.Membership)
		return ok && m.Tenant == model.Base
	}),
	"periods are ignored": func(c Case) Case {
		always := func(lines []model.Line) (out []model.Line) {
			for _, l := range lines {
				f, _ := model.Decode(l)
				if r, ok := f.(model.CustomerRule); ok {
					r.Valid = model.Period{}
					l, _ = model.Encode(r)
				}
				out = append(out, l)
			}
			return out
		}
		c.Lines, c.BaseLines = always(c.Lines), always(c.BaseLines)
		return c
	},
	"caps on parents are ignored": func(c Case) Case {
		c.Schema = cloneSchema(c.Schema)
		for name, t := range c.Schema.Types {
			if t.Parent.Type != "" && !t.Parent.Controlled {
				t.Parent.Cap = model.LevelFull
				c.Schema.Types[name] = t
			}
		}
		return c
	},
}

// without is a decider that does not see some facts.
func without(these func(model.Fact) bool) func(Case) Case {
	return func(c Case) Case {
		drop := func(lines []model.Line) []model.Line {
			return slices.DeleteFunc(slices.Clone(lines), func(l model.Line) bool {
				f, err := model.Decode(l)
				return err == nil && these(f)
			})
		}
		c.Lines, c.BaseLines = drop(c.Lines), drop(c.BaseLines)
		return c
	}
}

func TestBrokenDecidersAreCaughtAndShrunk(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		t.Run(name, func(t *testing.T) {
			build := func(c Case) (Decider, error) { return Reference(broken[name](c)) }
			for seed := range uint64(2000) {
				_, diff := Run(seed, build)
				if diff == nil {
					continue
				}
				t.Logf("caught with seed %d", seed)
				if n := len(diff.Case.Lines) + len(diff.Case.BaseLines); n > 4 || len(diff.Case.Questions) != 1 {
					t.Errorf("shrunk to %d lines, want at most 4", n)
				}
				if testing.Verbose() || t.Failed() {
					t.Logf("\n%v", diff)
				}
				return
			}
			t.Fatal("not caught")
		})
	}
}

// allowing allows whatever it cannot decide.
type allowing struct{ Decider }

func (a allowing) Decide(q model.Request) (bool, error) {
	ok, err := a.Decider.Decide(q)
	return ok || err != nil, err
}

func TestAnAllowanceWithAnErrorIsADifference(t *testing.T) {
	build := func(c Case) (Decider, error) {
		d, err := Reference(c)
		return allowing{d}, err
	}
	for seed := range uint64(200) {
		if _, diff := Run(seed, build); diff != nil {
			if diff.Want.Err == nil || diff.Got.Err == nil || !diff.Got.Allowed || len(diff.Case.Lines) > 0 {
				t.Fatal(diff)
			}
			return
		}
	}
	t.Fatal("not caught")
}

func TestADeciderThatCannotBeBuiltIsADifference(t *testing.T) {
	failure := errors.New("no")
	_, diff := Run(1, func(Case) (Decider, error) { return nil, failure })
	if diff == nil || !errors.Is(diff.Got.Err, failure) || !strings.Contains(diff.String(), "seed 1") {
		t.Fatal(diff)
	}
}
