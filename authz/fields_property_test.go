package authz_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

const propertyFields = 8

func fieldName(i int) string { return fmt.Sprint("f", i) }

// fieldCase is a type whose fields have random defaults, and random field rules of groups.
type fieldCase struct {
	schema *authz.Schema
	rules  []model.FieldRule
}

func randomFieldCase(dice *rand.Rand) fieldCase {
	fields := map[string]model.Field{}
	for i := range propertyFields {
		fields[fieldName(i)] = model.Field{Default: model.FieldLevel(dice.IntN(4))}
	}
	c := fieldCase{schema: &authz.Schema{Types: map[string]model.Type{"customer": {
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}}, Fields: fields}}}}
	for range dice.IntN(12) {
		c.rules = append(c.rules, randomFieldRule(dice, model.Allow))
	}
	return c
}

func randomFieldRule(dice *rand.Rand, effect model.Effect) model.FieldRule {
	on := model.OnType("customer")
	if dice.IntN(3) == 0 {
		on = model.OnRecord("customer", "1")
	}
	on.Field = fieldName(dice.IntN(propertyFields))
	if dice.IntN(5) == 0 {
		on.Field = model.Any
	}
	return model.FieldRule{Tenant: "acme", Subject: fmt.Sprint("role:r", dice.IntN(4)), On: on, Level: model.FieldMasked + model.FieldLevel(dice.IntN(3)), Effect: effect}
}

// levels are those of a user in groups, with the rules in any order.
func (c fieldCase) levels(t *testing.T, dice *rand.Rand, action string, groups ...string) (out [propertyFields]model.FieldLevel) {
	t.Helper()
	facts := []model.Fact{}
	for _, a := range []string{"read", "update"} {
		facts = append(facts, model.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: a, Effect: model.Allow, Scope: model.ScopeAll})
	}
	for _, r := range c.rules {
		facts = append(facts, r)
	}
	for _, g := range groups {
		facts = append(facts, model.Membership{Tenant: "acme", Member: "user:a", Group: g})
	}
	dice.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	lines := make([]model.Line, len(facts))
	for i, f := range facts {
		var err error
		if lines[i], err = model.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(lines, func(x, y model.Line) int { return slices.Compare(x.Values[:], y.Values[:]) })
	lines = slices.Compact(lines) // the same rule drawn twice
	dice.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	az := openSchema(t, c.schema, storeOfLines(t, lines))
	defer az.Close()
	f, err := az.Fields(t.Context(), authz.Request{Tenant: "acme", User: "user:a", Action: action, Record: &authz.Record{Type: "customer", ID: "1"}})
	check(t, err)
	for i := range out {
		out[i] = f.Level(fieldName(i))
	}
	return out
}

// Who is in several groups reaches of each field what the best of them gives,
// whatever the order of the rules; and a denial takes away what is not below
// its level, and nothing else.
func TestFieldLevelsAreTheUnionOfGroupsBelowDenials(t *testing.T) {
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(seed, 3))
		c := randomFieldCase(dice)
		action := []string{"read", "update"}[dice.IntN(2)]
		both := c.levels(t, dice, action, "role:r0", "role:r1")
		one, other := c.levels(t, dice, action, "role:r0"), c.levels(t, dice, action, "role:r1")
		for i := range both {
			if both[i] != max(one[i], other[i]) {
				t.Fatalf("seed %d, %s of %s: %s in both groups, %s and %s in one", seed, action, fieldName(i), both[i], one[i], other[i])
			}
		}
		denial := randomFieldRule(dice, model.Deny)
		denied := fieldCase{c.schema, append(slices.Clone(c.rules), denial)}.levels(t, dice, action, "role:r0", "role:r1")
		for i := range denied {
			want := both[i]
			if (denial.Subject == "role:r0" || denial.Subject == "role:r1") && (denial.On.Field == model.Any || denial.On.Field == fieldName(i)) {
				want = min(want, denial.Level-1)
			}
			if denied[i] != want {
				t.Fatalf("seed %d, %s of %s with %v: %s, want %s", seed, action, fieldName(i), denial, denied[i], want)
			}
		}
	}
}

// CheckWrite accepts exactly the changes of writable fields.
func TestCheckWriteRefusesExactlyWhatIsNotWritable(t *testing.T) {
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(seed, 4))
		c := randomFieldCase(dice)
		az := openSchema(t, c.schema, storeOf(`acme: {rules: [{who: "*", may: update, on: customer, scope: all}]}`))
		f, err := az.Fields(t.Context(), authz.Request{Tenant: "acme", User: "user:a", Action: "update", Type: "customer"})
		check(t, err)
		before, after := map[string]any{}, map[string]any{}
		var refused []string
		for i := range propertyFields + 2 { // the last two are unknown
			name := fieldName(i)
			old, change := dice.IntN(3), dice.IntN(4)
			if old > 0 {
				before[name] = fmt.Sprint("value ", old)
				after[name] = before[name]
			}
			switch {
			case change > 1:
				continue
			case change == 0:
				after[name] = "another value"
			case old > 0:
				delete(after, name)
			default:
				continue
			}
			if !f.Writable(name) {
				refused = append(refused, name)
			}
		}
		slices.Sort(refused)
		wantRefused(t, fmt.Sprint("seed ", seed), f.CheckWrite(before, after), refused...)
		check(t, az.Close())
	}
}

// The rules that ExplainField names are the policy's, and what they say together is the level.
func TestExplainFieldNamesTheRulesThatMakeTheLevel(t *testing.T) {
	named := 0
	for seed := range uint64(*policies) * 4 {
		c := difftest.Generate(seed)
		az := openCase(t, c)
		for _, q := range c.Questions {
			if q.Field == "" {
				continue
			}
			want, wantErr := az.FieldLevel(t.Context(), q.Request, q.Field)
			x, err := az.ExplainField(t.Context(), q.Request, q.Field)
			if (err != nil) != (wantErr != nil) || x.Level != want {
				t.Fatalf("seed %d: %+v %s is %v (%v), explained as %v (%v)", seed, q.Request, q.Field, want, wantErr, x, err)
			}
			if err == nil {
				checkFieldExplanation(t, c, q, x)
				named += len(x.Rules)
			}
		}
	}
	if named < *policies {
		t.Errorf("only %d rules were named", named)
	}
}

func checkFieldExplanation(t *testing.T, c difftest.Case, q difftest.Question, x authz.FieldExplanation) {
	t.Helper()
	level, limit := x.Default, model.FieldWrite
	for _, r := range x.Rules {
		l, err := model.Encode(r)
		if err != nil || !slices.Contains(c.Lines, l) && !slices.Contains(c.BaseLines, l) {
			t.Errorf("seed %d: %v is no rule of the policy (%v)", c.Seed, r, err)
		}
		if r.Effect == model.Allow {
			level = max(level, r.Level)
		} else {
			limit = min(limit, r.Level-1)
		}
	}
	if limit = min(limit, x.Limit); x.Opened {
		level = model.FieldWrite
	}
	typ := q.Request.Type
	if q.Request.Record != nil {
		typ = q.Request.Record.Type
	}
	if c.Schema.Types[typ].Actions[q.Request.Action].Reading() {
		limit = min(limit, model.FieldRead)
	}
	if want := min(level, limit); x.Allowed && x.Level != want || !x.Allowed && (x.Level != model.FieldHidden || x.Rules != nil) {
		t.Errorf("seed %d: the rules make %v: %v", c.Seed, want, x)
	}
}
