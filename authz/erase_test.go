package authz_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// owned is a record with another owner in place of one.
func owned(r *authz.Record, was, is string) *authz.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Owners = slices.Clone(r.Owners)
	for i, o := range c.Owners {
		if o == was {
			c.Owners[i] = is
		}
	}
	c.Parent = owned(r.Parent, was, is)
	return &c
}

// Whoever is erased, everybody else is decided as before, once the CRM has the pseudonym as the owner of what
// was hers; and the pseudonym may do nothing.
func TestEraseChangesNoDecisionOfAnybodyElse(t *testing.T) {
	asked := 0
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		az := openCase(t, c)
		before := answers(t, az, c.Questions)
		who := c.Questions[int(seed)%len(c.Questions)].Request.User
		if model.CheckSubject(who, model.User) != nil {
			continue
		}
		pseudonym, err := az.Erase(t.Context(), authz.Operator("dpo", ""), c.Tenant, who)
		if err != nil {
			if _, full := errors.AsType[*model.ValueError](err); full {
				continue // no room for the pseudonym
			}
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, q := range c.Questions {
			q.Request.Record = owned(q.Request.Record, who, pseudonym)
			if q.Request.User == who {
				q.Request.User = pseudonym
				if a := difftest.Ask(asker{t, az}, q); a.Allowed || a.Field > model.FieldHidden {
					t.Fatalf("seed %d: the pseudonym: %+v field %q: %+v", seed, q.Request, q.Field, a)
				}
				continue
			}
			asked++
			a := difftest.Ask(asker{t, az}, q)
			if a.Err != nil {
				a.Err = errDisk
			}
			if a != before[i] {
				t.Fatalf("seed %d: %s erased: %+v field %q: got %+v, want %+v", seed, who, q.Request, q.Field, a, before[i])
			}
		}
	}
	if asked < 10*(*policies) {
		t.Errorf("only %d questions: the test proves nothing", asked)
	}
}

func TestErasePutsAPseudonymInThePlaceOfAPerson(t *testing.T) {
	store := storeOf(acme)
	az, other := open(t, store), open(t, store)
	must(t)(az.Grant(t.Context(), authz.By("user:alice", "user:alice asked"), eveIn))
	bobIn := member("user:bob", "role:rep")
	must(t)(az.Disable(t.Context(), by, "acme", model.RuleID(bobIn)))
	p := proposed(t)(az.Propose(t.Context(), authz.By("user:bob", "for user:bob"), authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:bob", "role:support")}}))
	wantAllowed(t, other, ask("user:alice", "update", hers), true)
	wantAllowed(t, az, ask("user:carol", "read", his), true)

	bob, err := az.Erase(t.Context(), authz.By("user:dpo", "user:bob asked us to"), "acme", "user:bob")
	if err != nil || !strings.HasPrefix(bob, authz.ErasedPrefix) {
		t.Fatalf("Erase: %q, %v", bob, err)
	}
	if off, err := az.Switches(t.Context(), "acme"); err != nil || len(off) != 2 || off[0].Target != model.RuleID(member(bob, "role:rep")) || off[1].Target != bob {
		t.Errorf("switches: %v, %v", off, err)
	}
	wantAllowed(t, az, ask("user:carol", "read", his), false)
	wantAllowed(t, az, ask("user:carol", "read", owned(his, "user:bob", bob)), true)
	alice, err := az.Erase(t.Context(), authz.Author{Actor: "user:dpo", ChangeID: "ticket 90"}, "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	again, err := az.Erase(t.Context(), authz.Author{Actor: "user:dpo", ChangeID: "ticket 90"}, "acme", "user:alice")
	if err != nil || again != alice {
		t.Errorf("a retry: %q, %v; want %q", again, err, alice)
	}
	for _, who := range []string{"user:alice", alice, "user:bob", bob} {
		wantAllowed(t, az, ask(who, "update", hers), false)
		wantAllowed(t, az, ask(who, "update", owned(hers, "user:alice", alice)), false)
	}
	wantAllowed(t, other, ask("user:alice", "update", hers), true) // it has not looked
	if err := other.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, other, ask("user:alice", "update", hers), false)
	wantRevision(t, other, "acme", 5)

	wantErasedHistory(t, store, az, p.ID, alice, bob)
}

func wantErasedHistory(t *testing.T, store adapter.Feed, az *authz.Authorizer, id, alice, bob string) {
	t.Helper()
	now, err := az.Proposal(t.Context(), "acme", id)
	if err != nil || now.Steps[0].Actor != bob || now.Steps[0].Reason != "for "+bob || now.Change.Add[0] != member(bob, "role:support") {
		t.Errorf("proposal: %+v, %v", now, err)
	}
	log, err := store.Changes(t.Context(), "acme", 1, 0)
	if err != nil || log[0].Actor != alice || log[0].Reason != alice+" asked" || log[2].Reason != bob+" asked us to" {
		t.Errorf("log: %+v, %v", log, err)
	}
	for _, e := range log {
		for _, l := range slices.Concat(e.Remove, e.Add) {
			if strings.Contains(l.String(), "user:bob") || strings.Contains(l.String(), "user:alice") {
				t.Errorf("the log still names them: %s", l)
			}
		}
	}
}

// An exception of a switch keeps its meaning: an open tenant does not open to everybody.
func TestEraseOpensNothing(t *testing.T) {
	c := &clock{now: monday}
	az := open(t, storeOf(acme), c.option(), authz.WithOpenLimit(time.Hour), authz.WithAudit(&auditLog{}))
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(az.Disable(t.Context(), authz.By("user:admin", "migration"), "acme", "*", authz.InMode(model.ModeOpen), authz.Until(monday.Add(time.Hour)), authz.Except("user:dan"), authz.AfterBackup(b)))
	wantAllowed(t, az, ask("user:dan", "delete", hers), true)
	wantAllowed(t, az, ask("user:alice", "update", hers), false)
	dan, err := az.Erase(t.Context(), by, "acme", "user:dan")
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"user:dan", dan, "user:alice", "user:eve"} {
		wantAllowed(t, az, ask(who, "delete", hers), false)
	}
}

func TestEraseRefuses(t *testing.T) {
	store := storeOf(acme)
	az := open(t, store)
	for name, test := range map[string]struct {
		by           authz.Author
		tenant, user string
		want         error
	}{
		"nobody":           {authz.By("", ""), "acme", "user:bob", authz.ErrNoActor},
		"a role":           {by, "acme", "role:rep", model.ErrUnknownKind},
		"no user":          {by, "acme", "", model.ErrUnknownKind},
		"no tenant":        {by, "", "user:bob", model.ErrMalformed},
		"a malformed user": {by, "acme", "user:a,b", model.ErrMalformed},
	} {
		if pseudonym, err := az.Erase(t.Context(), test.by, test.tenant, test.user); pseudonym != "" || !errors.Is(err, test.want) {
			t.Errorf("%s: %q, %v; want %v", name, pseudonym, err, test.want)
		}
	}
	wantRevision(t, az, "acme", 1)

	// The log of the base policy names people, too; a tenant of which nothing is known stays unknown.
	must(t)(az.Grant(t.Context(), authz.By("user:bob", "user:bob was here"), authz.Membership{Tenant: model.Base, Member: "role:a", Group: "role:b"}))
	bob, err := az.Erase(t.Context(), by, model.Base, "user:bob")
	log, err2 := store.Changes(t.Context(), model.Base, 0, 0)
	if err := errors.Join(err, err2); err != nil || len(log) != 1 || log[0].Actor != bob || log[0].Reason != bob+" was here" {
		t.Errorf("the base policy: %q, %+v, %v", bob, log, err)
	}
	if _, err := az.Erase(t.Context(), by, "nowhere", "user:bob"); err != nil {
		t.Error(err)
	}
	if _, err := az.Revision(t.Context(), "nowhere"); !errors.Is(err, model.ErrUnknownTenant) {
		t.Errorf("a tenant of which nothing is known: %v", err)
	}
	_ = az.Close()
	if _, err := az.Erase(t.Context(), by, "acme", "user:bob"); !errors.Is(err, authz.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
