package authz_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// eve is in everything: she reports to Carol, Alice and Bob to her, and Bob's report is Zoe.
const eveIsEverywhere = `
acme:
  members:
    - {who: [user:eve, user:bob], in: role:rep}
  org:
    - {who: user:eve, under: user:carol}
    - {who: [user:alice, user:bob], under: user:eve}
    - {who: user:zoe, under: user:bob}
  rules:
    - {who: role:rep, may: read, on: customer}
    - {who: user:eve, may: update, on: customer/42}
    - {who: user:eve, may not: read, on: customer/9}
  teams:
    - {who: user:eve, has: write, on: customer/7, until: 2027-01-01T00:00:00Z}
    - {who: user:eve, has: read, on: customer/8}
    - {who: user:dan, has: read, on: customer/8}
  fields:
    - {who: user:eve, has: read, on: customer#phone}
  off:
    - {what: user:eve, until: 2026-12-01T00:00:00Z}
    - {what: customer, except: user:eve}
    - {what: order, except: "net:10.0.0.0/8 user:eve"}
    - {what: "customer#notes", except: "role:support user:eve"}
`

func linesOf(facts []authz.Fact) (lines []string) {
	for _, f := range facts {
		lines = append(lines, f.String())
	}
	slices.Sort(lines)
	return lines
}

func TestLeaving(t *testing.T) {
	seven := model.TeamRule{Tenant: "acme", Subject: "user:eve", On: model.OnRecord("customer", "7"), Level: model.LevelWrite, Valid: model.Period{Until: monday.AddDate(0, 1, 9).Add(-9 * 3600e9)}}
	eight := model.TeamRule{Tenant: "acme", Subject: "user:eve", On: model.OnRecord("customer", "8"), Level: model.LevelRead}
	az := open(t, storeOf(eveIsEverywhere))
	must(t)(az.Disable(t.Context(), by, "acme", model.RuleID(seven)))
	must(t)(az.Disable(t.Context(), by, "acme", model.RuleID(eight)))
	dans := seven
	dans.Subject = "user:dan"
	gone := []string{
		"g, user:eve, role:rep, acme, -",
		"g2, user:alice, user:eve, acme", "g2, user:bob, user:eve, acme", "g2, user:eve, user:carol, acme",
		"p, user:eve, acme, customer/42, update, allow, -", "p, user:eve, acme, customer/9, read, deny, -",
		"p2, user:eve, acme, customer/7, write, -, until:2027-01-01T00:00:00Z", "p2, user:eve, acme, customer/8, read, -, -",
		"p3, user:eve, acme, customer#phone, read, allow, -",
		"p4, customer#notes, acme, off, -, -, role:support user:eve", "p4, customer, acme, off, -, -, user:eve", "p4, order, acme, off, -, -, net:10.0.0.0/8 user:eve",
		"p4, " + model.RuleID(seven) + ", acme, off, -, -, -", "p4, " + model.RuleID(eight) + ", acme, off, -, -, -",
		"p4, user:eve, acme, off, -, 2026-12-01T00:00:00Z, -",
	}
	slices.Sort(gone)
	closed := []string{"p4, customer#notes, acme, off, -, -, role:support", "p4, customer, acme, off, -, -, -", "p4, order, acme, off, -, -, -"}
	tests := []struct {
		name    string
		options []authz.PlanOption
		want    []string
	}{
		{"with nobody after her", nil, append([]string{"g2, user:alice, user:carol, acme", "g2, user:bob, user:carol, acme"}, closed...)},
		{"and stays off", []authz.PlanOption{authz.StayOff()}, append([]string{"g2, user:alice, user:carol, acme", "g2, user:bob, user:carol, acme", "p4, user:eve, acme, off, -, -, -"}, closed...)},
		{"Dan takes over", []authz.PlanOption{authz.HandTo("user:dan")}, append([]string{
			"g2, user:alice, user:dan, acme", "g2, user:bob, user:dan, acme",
			"p, user:dan, acme, customer/42, update, allow, -", "p, user:dan, acme, customer/9, read, deny, -",
			"p2, user:dan, acme, customer/7, write, -, until:2027-01-01T00:00:00Z",
			"p3, user:dan, acme, customer#phone, read, allow, -",
			"p4, " + model.RuleID(dans) + ", acme, off, -, -, -"}, closed...)}, // he had the level on 8 before, and it is on
		{"Zoe takes over, who is below Bob", []authz.PlanOption{authz.HandTo("user:zoe"), authz.Handing(func(f authz.Fact) bool { return f.Section() == model.OrgEdges })},
			append([]string{"g2, user:alice, user:zoe, acme", "g2, user:bob, user:carol, acme"}, closed...)},
		{"Bob takes over all, who reports to her", []authz.PlanOption{authz.HandTo("user:bob"), authz.Handing(func(f authz.Fact) bool { return f.Section() != model.CustomerRules && f.Section() != model.TeamRules })},
			[]string{"g2, user:alice, user:bob, acme", "g2, user:bob, user:carol, acme", "p3, user:bob, acme, customer#phone, read, allow, -",
				"p4, customer#notes, acme, off, -, -, role:support user:bob", "p4, customer, acme, off, -, -, user:bob", "p4, order, acme, off, -, -, net:10.0.0.0/8 user:bob"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			draft := need(az.Simulate(t.Context(), change(nil, nil)))(t)
			plan := need(draft.Leaving(t.Context(), "acme", "user:eve", test.options...))(t)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, linesOf(plan.Change.Add)); diff != "" {
				t.Errorf("added\n%s", diff)
			}
			if diff := cmp.Diff(gone, linesOf(plan.Change.Remove)); diff != "" {
				t.Errorf("taken away\n%s", diff)
			}
			must(t)(draft.Apply(t.Context(), by, plan.Change))
			again := need(draft.Leaving(t.Context(), "acme", "user:eve", test.options...))(t)
			if len(again.Change.Add)+len(again.Change.Remove) > 0 {
				t.Errorf("once more: %v", again.Change)
			}
			if _, err := draft.Apply(t.Context(), by, plan.Change); !errors.Is(err, authz.ErrMoved) {
				t.Errorf("the same plan once more: %v", err)
			}
		})
	}
}

// What a leaver was excepted from an opening for ends: the rest of it would open the tenant to everybody.
func TestLeavingEndsAnOpening(t *testing.T) {
	az := open(t, storeOf(eveIsEverywhere))
	opens := model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeOpen, Valid: model.Period{From: monday, Until: monday.Add(3600e9)}, Except: "user:eve"}
	draft := need(az.Simulate(t.Context(), change([]authz.Fact{opens}, nil)))(t)
	over := need(draft.HandOver(t.Context(), "acme", "user:eve", "user:dan", authz.Handing(func(authz.Fact) bool { return true })))(t)
	if slices.Contains(over.Change.Remove, authz.Fact(opens)) {
		t.Error("who hands over ends the opening")
	}
	plan := need(draft.Leaving(t.Context(), "acme", "user:eve"))(t)
	if !slices.Contains(plan.Change.Remove, authz.Fact(opens)) || slices.ContainsFunc(plan.Change.Add, func(f authz.Fact) bool { return strings.Contains(f.String(), "open") }) {
		t.Errorf("%v", plan.Change)
	}
	must(t)(draft.Apply(t.Context(), by, plan.Change))
}

func TestHandOverOfAUnit(t *testing.T) {
	az := open(t, storeOf(`
acme:
  members: [{who: user:ann, in: unit:north}, {who: user:ben, in: unit:south}]
  org: [{who: unit:city, under: unit:north}]
  rules: [{who: unit:north, may: [read, update], on: "customer@unit:north", scope: all}]
`))
	plan := need(az.HandOver(t.Context(), "acme", "unit:north", "unit:south"))(t)
	want := []string{"p, unit:south, acme, customer@unit:north, read, allow, all", "p, unit:south, acme, customer@unit:north, update, allow, all"}
	if diff := cmp.Diff(want, linesOf(plan.Change.Add)); diff != "" || len(plan.Change.Remove) != 2 || plan.Owned != nil {
		t.Errorf("%+v\n%s", plan, diff)
	}
	record := &authz.Record{Type: "customer", ID: "1", Unit: "unit:city"}
	must(t)(az.Apply(t.Context(), by, plan.Change))
	wantAllowed(t, az, ask("user:ann", "update", record), false)
	wantAllowed(t, az, ask("user:ben", "update", record), true)
}

func TestPlansRefuse(t *testing.T) {
	az := open(t, storeOf(acme))
	_, ghost := az.Leaving(t.Context(), "acme", "ghost")
	_, role := az.Leaving(t.Context(), "acme", "role:rep")
	_, none := az.Leaving(t.Context(), "acme", "")
	_, toRole := az.Leaving(t.Context(), "acme", "user:alice", authz.HandTo("role:rep"))
	_, herself := az.HandOver(t.Context(), "acme", "user:alice", "user:alice")
	_, nobody := az.HandOver(t.Context(), "acme", "user:alice", "")
	_, beta := az.Leaving(t.Context(), "beta", "user:alice")
	_, base := az.Leaving(t.Context(), "*", "user:alice")
	for name, test := range map[string]struct{ got, want error }{
		"no user": {ghost, model.ErrUnknownKind}, "a role": {role, model.ErrUnknownKind}, "no one": {none, model.ErrUnknownKind},
		"to a role": {toRole, model.ErrUnknownKind}, "to herself": {herself, model.ErrMalformed}, "to nobody": {nobody, model.ErrUnknownKind},
		"unknown tenant": {beta, model.ErrUnknownTenant}, "base": {base, model.ErrNotInBase},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

// After a random person has left, nothing names her; and nobody else is concerned, but who is above her or those who
// reported to her, and by records of hers.
func TestLeavingConcernsNobodyElse(t *testing.T) {
	looked, handed := 0, 0
	for seed := range uint64(*policies) {
		c, d := caseOf(seed), rand.New(rand.NewPCG(seed, 12))
		c.Lines, c.BaseLines = withoutAsking(c.Schema, c.Lines), withoutAsking(c.Schema, c.BaseLines)
		users := usersOf(c.Lines)
		delete(users, nobody)
		names := slices.Sorted(maps.Keys(users))
		if len(names) < 2 {
			continue
		}
		who, to := names[d.IntN(len(names))], names[d.IntN(len(names))]
		az := openSchemaAt(t, c.Schema, storeOfLines(t, c.Lines, c.BaseLines), &clock{instant})
		var options []authz.PlanOption
		if who != to {
			options = []authz.PlanOption{authz.HandTo(to)}
		}
		plan := need(az.Leaving(t.Context(), c.Tenant, who, options...))(t)
		if _, err := az.Simulate(t.Context(), plan.Change); refusedNesting(err) {
			continue // there was a cycle in the table before
		}
		records := slices.DeleteFunc(recordsOf(t, az, c), func(r *authz.Record) bool { return belongsTo(r, who) })
		others := usersOf(c.Lines)
		for name := range aboveOf(c.Lines, who, to) {
			delete(others, name)
		}
		if holdersByUnits(c.Schema) { // who is above them by their units
			clear(others)
		}
		if len(options) > 0 {
			checkSuccessor(t, az, c, plan, who, to)
			handed++
		}
		before := everything(t, az, c, others, nil)
		for _, r := range records {
			maps.Copy(before, everythingOf(t, az, c, others, r))
		}
		if _, err := az.Apply(t.Context(), by, plan.Change); err != nil {
			t.Fatalf("seed %d: %s leaves to %s by %v of %v: %v", seed, who, to, plan.Change, c.Lines, err)
		}
		lines := need(az.Backup(t.Context(), c.Tenant))(t).Lines
		for _, l := range lines {
			for _, v := range l.Values {
				if slices.Contains(strings.Fields(v), who) {
					t.Fatalf("seed %d: %s has left, but there is %v", seed, who, l)
				}
			}
		}
		after := outcome{}
		for _, r := range records {
			maps.Copy(after, everythingOf(t, az, c, others, r))
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("seed %d: %s leaves to %s: %v\n%s", seed, who, to, plan.Change, diff)
		}
		looked++
	}
	if looked < *policies/2 || handed < *policies/4 {
		t.Errorf("of %d policies %d were looked at, %d with a successor", *policies, looked, handed)
	}
	t.Logf("of %d policies %d were looked at, %d with a successor", *policies, looked, handed)
}

// withoutAsking is lines without the rules whose condition asks the policy.
func withoutAsking(s *authz.Schema, lines []model.Line) []model.Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l model.Line) bool {
		for _, term := range strings.Fields(l.Values[5]) {
			if name, ok := strings.CutPrefix(term, "if:"); ok {
				return slices.ContainsFunc([]string{"ownerIn(", "teamRole(", "holds(", "member("}, func(call string) bool { return strings.Contains(s.Conditions[name], call) })
			}
		}
		return false
	})
}

// holdersByUnits tells whether people have levels of who is in a unit below.
func holdersByUnits(s *authz.Schema) bool {
	for _, t := range s.Types {
		if t.Hierarchy.By == model.ByUnits && t.Hierarchy.Holders {
			return true
		}
	}
	return false
}

func belongsTo(r *authz.Record, who string) bool {
	for ; r != nil; r = r.Parent {
		if slices.Contains(r.Owners, who) || slices.ContainsFunc(r.Owners, func(o string) bool { return model.KindOf(o) == model.Team }) {
			return true
		}
	}
	return false
}

// everythingOf is everything about one record, asked for some users alone.
func everythingOf(t testing.TB, az *authz.Authorizer, c difftest.Case, users map[string]bool, r *authz.Record) outcome {
	t.Helper()
	all := everything(t, az, c, users, []*authz.Record{r})
	maps.DeleteFunc(all, func(of [4]string, _ model.FieldLevel) bool { return !users[of[0]] })
	return all
}

// aboveOf is people and all who are above them, or above those who are below them.
func aboveOf(lines []model.Line, people ...string) map[string]bool {
	all := map[string]bool{}
	for _, p := range people {
		all[p] = true
	}
	for more := true; more; {
		more = false
		for _, l := range lines {
			if l.Section == model.OrgEdges && all[l.Values[0]] && !all[l.Values[1]] {
				all[l.Values[1]], more = true, true
			}
		}
	}
	return all
}

// checkSuccessor tells whether the successor has each rule that was handed over, and may do nothing that somebody could not who
// had all that both have.
func checkSuccessor(t *testing.T, az *authz.Authorizer, c difftest.Case, plan *authz.Plan, who, to string) {
	t.Helper()
	both := authz.Change{Tenant: c.Tenant}
	after := need(az.Simulate(t.Context(), plan.Change))(t)
	left := need(after.Backup(t.Context(), c.Tenant))(t).Lines
	for _, l := range c.Lines {
		switch l.Section {
		case model.CustomerRules, model.TeamRules, model.FieldRules:
			if l.Values[0] == who {
				if l.Values[0] = to; !slices.Contains(left, l) {
					t.Fatalf("seed %d: %s has not got %v", c.Seed, to, l)
				}
				both.Add = append(both.Add, need(model.Decode(l))(t))
			}
		case model.OrgEdges:
			if l.Values[1] == who && l.Values[0] != to {
				l.Values[1] = to
				both.Add = append(both.Add, need(model.Decode(l))(t))
			}
		}
	}
	together, err := az.Simulate(t.Context(), both)
	if refusedNesting(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recordsOf(t, az, c) {
		all := everythingOf(t, together, c, map[string]bool{to: true}, r)
		for of, level := range everythingOf(t, after, c, map[string]bool{to: true}, r) {
			if all[of] < level {
				t.Fatalf("seed %d: %s takes over from %s and has %v of %v, both together %v", c.Seed, to, who, level, of, all[of])
			}
		}
	}
}
