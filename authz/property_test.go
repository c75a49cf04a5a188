package authz_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

var policies = flag.Int("policies", 100, "random policies that each property is tested with")

// storeOfLines returns a store with lines.
func storeOfLines(t testing.TB, lines ...[]model.Line) *adapter.Memory {
	t.Helper()
	store, err := adapter.NewMemory(slices.Values(slices.Concat(lines...)))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// openCase opens the policy of a random case.
// caseOf is a random case in which no tenant is open: that depends on the clock, too, and not only on
// the instant of a question. Its schema refuses nobody a change.
func caseOf(seed uint64) difftest.Case {
	c := difftest.Generate(seed)
	c.Lines = slices.DeleteFunc(c.Lines, func(l model.Line) bool { return l.Section == model.Switches && l.Values[2] == model.ModeOpen.String() })
	free := *c.Schema // of what would refuse changes
	free.Administration = nil
	free.Constraints = slices.DeleteFunc(slices.Clone(free.Constraints), func(c model.Constraint) bool { return c.Exclusive != nil })
	c.Schema = &free
	return c
}

func openCase(t testing.TB, c difftest.Case) *authz.Authorizer {
	t.Helper()
	return openSchema(t, c.Schema, storeOfLines(t, c.Lines, c.BaseLines))
}

func openSchema(t testing.TB, schema *authz.Schema, store adapter.Store, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	az, err := authz.Open(t.Context(), schema, store, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	return az
}

// asker asks an Authorizer the questions of difftest.
type asker struct {
	t testing.TB
	*authz.Authorizer
}

func (a asker) Decide(q model.Request) (bool, error) { return a.Enforce(a.t.Context(), q) }

func (a asker) FieldLevel(q model.Request, field string) (model.FieldLevel, error) {
	return a.Authorizer.FieldLevel(a.t.Context(), q, field)
}

// answers are all answers to questions. Of errors only that there is one counts.
func answers(t testing.TB, az *authz.Authorizer, questions []difftest.Question) []difftest.Answer {
	t.Helper()
	var all []difftest.Answer
	for _, q := range questions {
		a := difftest.Ask(asker{t, az}, q)
		if a.Err != nil {
			a.Err = errDisk
		}
		all = append(all, a)
	}
	return all
}

// same fails the test at the first question whose answers differ.
func same(t testing.TB, what string, c difftest.Case, want, got []difftest.Answer) {
	t.Helper()
	for i, q := range c.Questions {
		if want[i] != got[i] {
			t.Fatalf("seed %d: %s: %+v field %q: got %+v, want %+v", c.Seed, what, q.Request, q.Field, got[i], want[i])
		}
	}
}

// schemas is how many seeds apart cases have the same schema.
const schemas = 256

// otherFacts are facts that another case of the same schema has and c has not.
func otherFacts(t testing.TB, c difftest.Case) (facts []authz.Fact) {
	t.Helper()
	other := caseOf(c.Seed + schemas)
	for _, l := range slices.Concat(other.Lines, other.BaseLines) {
		f, err := model.Decode(l)
		if err != nil {
			t.Fatal(err)
		}
		if l.Section != model.Switches && !slices.Contains(c.Lines, l) && !slices.Contains(c.BaseLines, l) {
			facts = append(facts, f)
		}
	}
	return facts
}

// refusedNesting tells that a grant would nest too deeply or in a cycle.
func refusedNesting(err error) bool {
	return errors.Is(err, model.ErrCycle) || errors.Is(err, model.ErrTooDeep)
}

func TestOrderOfLinesNeverMatters(t *testing.T) {
	for seed := range uint64(*policies) {
		c, d := caseOf(seed), rand.New(rand.NewPCG(seed, 3))
		want := answers(t, openCase(t, c), c.Questions)
		shuffled := slices.Concat(c.Lines, c.BaseLines)
		d.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		same(t, "shuffled", c, want, answers(t, openSchema(t, c.Schema, storeOfLines(t, shuffled)), c.Questions))
	}
}

// Conditions with holds() are left out: by them a rule may depend on the lack of another.
func TestAnotherDenialNeverAllows(t *testing.T) {
	taken := 0
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		c.Lines, c.BaseLines = withoutHolds(c, c.Lines), withoutHolds(c, c.BaseLines)
		az := openCase(t, c)
		before := answers(t, az, c.Questions)
		for _, f := range otherFacts(t, c) {
			switch rule := f.(type) {
			case model.CustomerRule:
				rule.Effect = model.Deny
				f = rule
			case model.FieldRule:
				rule.Effect = model.Deny
				f = rule
			default:
				continue
			}
			must(t)(az.Grant(t.Context(), by, f))
			after := answers(t, az, c.Questions)
			for i, q := range c.Questions {
				if after[i].Allowed && !before[i].Allowed || after[i].Field > before[i].Field {
					t.Fatalf("seed %d: %v: %+v field %q: before %+v, after %+v", seed, f, q.Request, q.Field, before[i], after[i])
				}
				if after[i] != before[i] {
					taken++
				}
			}
			before = after
		}
	}
	if taken < *policies {
		t.Errorf("the denials took %d answers only", taken)
	}
}

func withoutHolds(c difftest.Case, lines []model.Line) []model.Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l model.Line) bool {
		for name, expression := range c.Schema.Conditions {
			if strings.Contains(expression, "holds(") && slices.Contains(strings.Fields(l.Values[5]), "if:"+name) {
				return true
			}
		}
		return false
	})
}

func TestGrantThenRevokeRestoresEveryAnswer(t *testing.T) {
	changed := 0
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		az := openCase(t, c)
		want := answers(t, az, c.Questions)
		for _, f := range otherFacts(t, c) {
			if _, err := az.Grant(t.Context(), by, f); refusedNesting(err) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(want, answers(t, az, c.Questions)) {
				changed++
			}
			must(t)(az.Revoke(t.Context(), by, f))
			same(t, f.String(), c, want, answers(t, az, c.Questions))
		}
	}
	if changed < *policies {
		t.Errorf("the grants changed %d answers only", changed)
	}
}

func TestDisableThenEnableRestoresEveryAnswer(t *testing.T) {
	changed := 0
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		az := openCase(t, c)
		want := answers(t, az, c.Questions)
		for _, target := range switchable(t, c) {
			must(t)(az.Disable(t.Context(), by, c.Tenant, target))
			if !slices.Equal(want, answers(t, az, c.Questions)) {
				changed++
			}
			must(t)(az.Enable(t.Context(), by, c.Tenant, target))
			same(t, target, c, want, answers(t, az, c.Questions))
		}
	}
	if changed < *policies {
		t.Errorf("the switches changed %d answers only", changed)
	}
}

// switchable are the subjects, rules and memberships of a case of which none
// is switched off, since Enable would take that back as well.
func switchable(t *testing.T, c difftest.Case) []string {
	t.Helper()
	targets := []string{}
	for _, l := range slices.Concat(c.Lines, c.BaseLines) {
		switch l.Section {
		case model.Memberships:
			targets = append(targets, l.Values[0], l.Values[1], l.RuleID())
		case model.CustomerRules, model.TeamRules, model.FieldRules:
			targets = append(targets, l.RuleID())
		}
	}
	slices.Sort(targets)
	return slices.DeleteFunc(slices.Compact(targets), func(target string) bool {
		return slices.ContainsFunc(c.Lines, func(l model.Line) bool { return l.Section == model.Switches && l.Values[0] == target })
	})
}

// However a policy came about, change by change, it is answered from as one
// opened on the same lines.
func TestChangesLeadWhereOpeningAnewLeads(t *testing.T) {
	for seed := range uint64(*policies) {
		c, d := caseOf(seed), rand.New(rand.NewPCG(seed, 4))
		store := storeOfLines(t, c.Lines, c.BaseLines)
		az := openSchema(t, c.Schema, store)
		if len(c.Lines) == 0 {
			continue
		}
		facts := otherFacts(t, c)
		for _, l := range slices.Concat(c.Lines, c.BaseLines) {
			if f, err := model.Decode(l); err != nil {
				t.Fatal(err)
			} else if l.Section != model.Switches {
				facts = append(facts, f)
			}
		}
		targets := switchable(t, c)
		for range 3 {
			for range 10 {
				if err := randomChange(t, d, az, c.Tenant, facts, targets); err != nil && !refusedNesting(err) && !errors.Is(err, authz.ErrNoSuchRule) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			fresh := openSchema(t, c.Schema, store)
			same(t, "changed", c, answers(t, fresh, c.Questions), answers(t, az, c.Questions))
			wantSameRevisions(t, c.Tenant, az, fresh)
		}
	}
}

func randomChange(t *testing.T, d *rand.Rand, az *authz.Authorizer, tenant string, facts []authz.Fact, targets []string) (err error) {
	t.Helper()
	one := facts[d.IntN(len(facts))]
	switch d.IntN(8) {
	case 0, 1, 2:
		_, err = az.Grant(t.Context(), by, one)
	case 3, 4, 5:
		_, err = az.Revoke(t.Context(), by, one)
	case 6:
		_, err = az.Disable(t.Context(), by, tenant, targets[d.IntN(len(targets))])
	case 7:
		_, err = az.Enable(t.Context(), by, tenant, targets[d.IntN(len(targets))])
	}
	return err
}

func wantSameRevisions(t *testing.T, tenant string, a, b *authz.Authorizer) {
	t.Helper()
	ra, err1 := a.Revision(t.Context(), tenant)
	rb, err2 := b.Revision(t.Context(), tenant)
	if diff := cmp.Diff(ra, rb); diff != "" || errors.Join(err1, err2) != nil {
		t.Errorf("revisions: %s%v", diff, errors.Join(err1, err2))
	}
}
