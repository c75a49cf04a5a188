package authz_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// instant is that of most questions of a case.
var instant = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// changeOf is a change of a case: some of its own facts less, and some of another case's more, all
// of the tenant or all of the base policy.
func changeOf(t testing.TB, d *rand.Rand, c difftest.Case) authz.Change {
	t.Helper()
	change := authz.Change{Tenant: c.Tenant}
	other := caseOf(c.Seed + schemas)
	own, others := c.Lines, other.Lines
	if d.IntN(5) == 0 && len(c.BaseLines) > 0 {
		change.Tenant, own, others = model.Base, c.BaseLines, other.BaseLines
	}
	for range 1 + d.IntN(4) {
		from, to := own, &change.Remove
		if d.IntN(2) == 0 {
			from, to = others, &change.Add
		}
		if len(from) == 0 {
			continue
		}
		f, err := model.Decode(from[d.IntN(len(from))])
		if err != nil {
			t.Fatal(err)
		}
		*to = append(*to, f)
	}
	change.Add = slices.DeleteFunc(change.Add, func(f authz.Fact) bool { return slices.Contains(change.Remove, f) })
	return change
}

// recordsOf are the records that a case's questions are about, without those that are malformed, one of each name.
func recordsOf(t testing.TB, az *authz.Authorizer, c difftest.Case) (all []*authz.Record) {
	known := map[string]bool{}
	for _, q := range c.Questions {
		r := q.Request.Record
		if r == nil || known[nameOf(r)] {
			continue
		}
		for action := range c.Schema.For(c.Tenant).Types[r.Type].Actions {
			if _, err := az.Enforce(t.Context(), authz.Request{Tenant: c.Tenant, User: nobody, Action: action, Record: r}); err == nil {
				all, known[nameOf(r)] = append(all, r), true
			}
			break
		}
	}
	return all
}

func nameOf(r *authz.Record) string { return r.Type + "/" + r.ID }

// outcome is what may be done by everybody to some records: the levels of all fields, write of the
// one without a name if the action is allowed.
type outcome map[[4]string]model.FieldLevel // by who, record, action and field

const nobody = "user:nobody-knows"

// everything asks for all users of whom there are facts and owners of records, and one more, of all actions and fields.
func everything(t testing.TB, az *authz.Authorizer, c difftest.Case, users map[string]bool, records []*authz.Record) outcome {
	t.Helper()
	all := outcome{}
	for _, r := range records {
		names := maps.Clone(users)
		for at := r; at != nil; at = at.Parent {
			for _, o := range at.Owners {
				if model.KindOf(o) == model.User {
					names[o] = true
				}
			}
		}
		for user := range names {
			who := user
			if user == nobody {
				who = impact.Anyone
			}
			for action := range c.Schema.For(c.Tenant).Types[r.Type].Actions {
				req := authz.Request{Tenant: c.Tenant, User: user, Action: action, Record: r, At: instant}
				of := [4]string{who, nameOf(r), action}
				ok, err := az.Enforce(t.Context(), req)
				if err != nil {
					t.Fatalf("seed %d: %v", c.Seed, err)
				}
				if !ok {
					continue
				}
				all[of] = model.FieldWrite
				fields, err := az.Fields(t.Context(), req)
				if err != nil {
					t.Fatalf("seed %d: %v", c.Seed, err)
				}
				for f, level := range fields.All() {
					of[3] = f
					all[of] = level
				}
			}
		}
	}
	return all
}

// usersOf are the users that facts name, and one whom none does.
func usersOf(facts ...[]model.Line) map[string]bool {
	users := map[string]bool{nobody: true}
	for _, lines := range facts {
		for _, l := range lines {
			for _, v := range l.Values {
				if model.CheckSubject(v, model.User) == nil {
					users[v] = true
				}
			}
		}
	}
	return users
}

// differences are what is otherwise in an outcome than in one before: the same as an Impact tells of records.
func (before outcome) differences(now outcome) map[string]bool {
	all := map[string]bool{}
	keys := maps.Clone(before)
	maps.Copy(keys, now)
	for of := range keys {
		action := of
		action[3] = ""
		from, to := before[of], now[of]
		if from != to && (of[3] == "" || before[action] == now[action]) {
			all[gainsOf(of[1], of[0], of[2], of[3], from, to)] = true
		}
	}
	return all
}

func gainsOf(record, who, action, field string, from, to model.FieldLevel) string {
	return fmt.Sprintf("%s: %s %s %s: %v → %v", record, who, action, field, from, to)
}

// previewed are what an Impact tells of records.
func previewed(i *authz.Impact) map[string]bool {
	all := map[string]bool{}
	for _, r := range i.Records {
		for _, d := range slices.Concat(r.Gains, r.Losses) {
			for _, who := range d.People {
				field := ""
				if len(d.Fields) > 0 {
					field = d.Fields[0]
				}
				all[gainsOf(r.Type+"/"+r.ID, who, d.Action, field, d.From, d.To)] = true
			}
		}
	}
	return all
}

// previewing counts what previews of random changes came to.
type previewing struct{ made, based, felt, onRecords int }

// Preview, Simulate, Apply and ImpactOf tell the same, and what a naive program finds that asks everything
// before and behind: everybody, every action, every field, of each record.
func TestPreviewIsWhatComes(t *testing.T) {
	var n previewing
	for seed := range uint64(2 * *policies) {
		n.check(t, caseOf(seed), rand.New(rand.NewPCG(seed, 11)))
	}
	if n.made < *policies || n.felt < *policies/2 || n.onRecords < *policies/4 || n.based == 0 {
		t.Errorf("of %d changes too few came to something: %+v", 2**policies, n)
	}
	t.Logf("of %d changes: %+v", 2**policies, n)
}

// notMade tells that a change is one that Apply refuses.
func notMade(err error) bool { return refusedNesting(err) || errors.Is(err, authz.ErrNoSuchRule) }

func (n *previewing) check(t *testing.T, c difftest.Case, d *rand.Rand) {
	store, now := storeOfLines(t, c.Lines, c.BaseLines), &clock{instant}
	az := openSchemaAt(t, c.Schema, store, now)
	change, records, in := changeOf(t, d, c), recordsOf(t, az, c), authz.InTenant(c.Tenant)
	whole, err := az.Preview(t.Context(), change, in, authz.OnRecords(slices.Values(records)))
	if notMade(err) {
		if _, again := az.Apply(t.Context(), by, change); again == nil || errors.Unwrap(again).Error() != errors.Unwrap(err).Error() {
			t.Fatalf("seed %d: Preview says %v, Apply %v", c.Seed, err, again)
		}
		return
	}
	if err != nil || whole.OfRecords != len(records) {
		t.Fatalf("seed %d: of %d records: %v", c.Seed, len(records), err)
	}
	draft := need(az.Simulate(t.Context(), change, in))(t)
	users := usersOf(c.Lines)
	for _, f := range change.Add {
		maps.Copy(users, usersOf([]model.Line{need(model.Encode(f))(t)}))
	}
	before, simulated := everything(t, az, c, users, records), everything(t, draft, c, users, records)
	if diff := cmp.Diff(before.differences(simulated), previewed(whole)); diff != "" {
		t.Fatalf("seed %d: %+v (-asked +previewed)\n%s", c.Seed, change, diff)
	}

	was := need(az.Revision(t.Context(), c.Tenant))(t)
	rev := must(t)(az.Apply(t.Context(), by, change))
	if diff := cmp.Diff(simulated, everything(t, az, c, users, records)); diff != "" {
		t.Fatalf("seed %d: %+v (-simulated +made)\n%s", c.Seed, change, diff)
	}
	if change.Tenant == c.Tenant && rev == was {
		return // nothing changed
	}
	n.count(change, whole)
	now.now = now.now.Add(time.Minute) // others change it since
	if _, err := az.Apply(t.Context(), by, changeOf(t, d, c)); err != nil && !notMade(err) {
		t.Fatal(err)
	}
	if rev == 1 {
		return // of the base policy; the store knows nothing of how it came about
	}
	logged := need(az.ImpactOf(t.Context(), change.Tenant, rev, in, authz.OnRecords(slices.Values(records))))(t)
	if diff := cmp.Diff(jsonOf(t, whole), jsonOf(t, logged)); diff != "" {
		t.Fatalf("seed %d: %+v (-previewed +logged)\n%s", c.Seed, change, diff)
	}
}

func (n *previewing) count(c authz.Change, i *authz.Impact) {
	n.made++
	if c.Tenant == model.Base {
		n.based++
	}
	if !i.Nothing() {
		n.felt++
	}
	if len(i.Records) > 0 {
		n.onRecords++
	}
}

func openSchemaAt(t testing.TB, schema *authz.Schema, store adapter.Store, now *clock) *authz.Authorizer {
	t.Helper()
	az, err := authz.Open(t.Context(), schema, store, now.option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	return az
}

func jsonOf(t testing.TB, of any) string {
	t.Helper()
	text, err := json.MarshalIndent(of, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// need is a result without which a test cannot go on.
func need[T any](of T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return of
	}
}
