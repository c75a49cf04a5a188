package authz_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
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

// clock is one that a test sets.
type clock struct{ now time.Time }

func (c *clock) option() authz.Option { return authz.WithClock(func() time.Time { return c.now }) }

var (
	office = netip.MustParseAddr("10.1.2.3")
	home   = netip.MustParseAddr("192.0.2.7")
)

func from(address netip.Addr, req authz.Request) authz.Request {
	req.Address = address
	return req
}

func TestSwitchesDenyWhatTheyNameAndNothingElse(t *testing.T) {
	theirs := &authz.Record{Type: "customer", ID: "44", Unit: "unit:north", Owners: []string{"user:alice"}}
	below := &authz.Record{Type: "customer", ID: "45", Unit: "unit:city", Owners: []string{"user:alice"}}
	order := &authz.Record{Type: "order", ID: "1", Parent: hers}
	policy := strings.NewReplacer(
		"  rules:\n", "    - {who: unit:city, under: unit:north}\n  rules:\n",
		"  fields:\n", "    - {who: role:rep, may: [read, update], on: order}\n  fields:\n").Replace(acme)
	menu := authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Type: "customer"}
	alice := func(action string, r *authz.Record) authz.Request { return ask("user:alice", action, r) }
	tests := []struct {
		name    string
		target  string
		options []authz.SwitchOption
		denied  []authz.Request
		allowed []authz.Request
	}{
		{"a user", "user:alice", nil, []authz.Request{alice("read", hers)}, []authz.Request{ask("user:bob", "update", his), ask("user:carol", "read", hers)}},
		{"a user, but not in the office", "user:alice", []authz.SwitchOption{authz.Except("net:10.0.0.0/8")},
			[]authz.Request{alice("read", hers), from(home, alice("read", hers))}, []authz.Request{from(office, alice("read", hers))}},
		{"a type", "customer", nil, []authz.Request{alice("read", hers), menu}, []authz.Request{alice("read", order)}},
		{"a type, to read", "customer", []authz.SwitchOption{authz.InMode(model.ModeReadOnly)}, []authz.Request{alice("update", hers), menu}, []authz.Request{alice("read", hers)}},
		{"a type, but for support", "customer", []authz.SwitchOption{authz.Except("role:support")}, []authz.Request{alice("read", hers)}, []authz.Request{ask("user:dan", "read", hers)}},
		{"a unit's records", "customer@unit:north", nil, []authz.Request{alice("read", theirs), alice("read", below)}, []authz.Request{alice("read", hers), menu}},
		{"a record", "customer/42", nil, []authz.Request{alice("read", hers), ask("user:dan", "read", hers)}, []authz.Request{ask("user:bob", "update", his), alice("read", order), menu}},
		{"a record, to read", "customer/42", []authz.SwitchOption{authz.InMode(model.ModeReadOnly)}, []authz.Request{alice("update", hers)}, []authz.Request{alice("read", hers)}},
		{"a record, but for her", "customer/42", []authz.SwitchOption{authz.Except("user:alice")}, []authz.Request{ask("user:dan", "read", hers)}, []authz.Request{alice("update", hers)}},
		{"a record, but for her in the office", "customer/42", []authz.SwitchOption{authz.Except("user:alice", "net:10.0.0.0/8")},
			[]authz.Request{alice("update", hers), from(office, ask("user:dan", "read", hers))}, []authz.Request{from(office, alice("update", hers))}},
		{"the tenant", "*", nil, []authz.Request{alice("read", hers), menu, ask("user:dan", "read", his)}, nil},
		{"the tenant, but for support", "*", []authz.SwitchOption{authz.Except("role:support")}, []authz.Request{alice("read", hers)}, []authz.Request{ask("user:dan", "read", hers)}},
		{"the tenant, to read", "*", []authz.SwitchOption{authz.InMode(model.ModeReadOnly)}, []authz.Request{alice("update", hers), menu}, []authz.Request{alice("read", hers)}},
		{"a role", "role:rep", nil, []authz.Request{alice("read", hers)}, []authz.Request{ask("user:dan", "read", hers)}},
		{"a role, but for her", "role:rep", []authz.SwitchOption{authz.Except("user:alice")}, []authz.Request{ask("user:bob", "update", his)}, []authz.Request{alice("update", hers), menu}},
		{"a role, but for her in the office", "role:rep", []authz.SwitchOption{authz.Except("net:10.0.0.0/8", "user:alice")},
			[]authz.Request{alice("update", hers), from(home, alice("update", hers)), from(office, ask("user:bob", "update", his))}, []authz.Request{from(office, alice("update", hers))}},
		{"a role, but for a group that is on", "role:rep", []authz.SwitchOption{authz.Except("role:support")}, []authz.Request{alice("read", hers)}, []authz.Request{ask("user:dan", "read", hers)}},
		{"a membership, but in the office", model.RuleID(member("user:alice", "role:rep")), []authz.SwitchOption{authz.Except("net:10.0.0.0/8")},
			[]authz.Request{alice("read", hers), from(home, alice("read", hers))}, []authz.Request{from(office, alice("read", hers)), ask("user:bob", "update", his)}},
		{"a role that nobody is in", "role:ghost", nil, nil, []authz.Request{alice("read", hers)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			az := open(t, storeOf(policy))
			everything := slices.Concat(test.denied, test.allowed)
			for _, req := range everything {
				wantAllowed(t, az, req, true)
			}
			must(t)(az.Disable(t.Context(), by, "acme", test.target, test.options...))
			for _, req := range everything {
				denied := slices.IndexFunc(test.denied, func(d authz.Request) bool {
					return cmp.Equal(d, req, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
				}) >= 0
				wantAllowed(t, az, req, !denied)
			}
			must(t)(az.Enable(t.Context(), by, "acme", test.target))
			for _, req := range everything {
				wantAllowed(t, az, req, true)
			}
			if left, err := az.Switches(t.Context(), "acme"); err != nil || len(left) > 0 {
				t.Errorf("after Enable there are the switches %v, %v", left, err)
			}
		})
	}
}

func TestSwitchedFieldsAreHiddenOrReadOnly(t *testing.T) {
	levels := func(az *authz.Authorizer, r *authz.Record) string {
		l, err := az.FieldLevel(t.Context(), ask("user:alice", "update", r), "phone")
		if err != nil {
			t.Fatal(err)
		}
		v, err := az.For(t.Context(), "acme", "user:alice")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from what is known
			if f, err := v.Fields("update", r); err != nil || f.Level("phone") != l {
				t.Errorf("all fields together say %v, %v; one alone %v", f.Level("phone"), err, l)
			}
		}
		all, err := v.FieldsOfList("update", "customer")
		if err != nil || all.Level("phone") > l {
			t.Errorf("what all records have in common is %v, %v", all.Level("phone"), err)
		}
		return l.String()
	}
	other := &authz.Record{Type: "customer", ID: "44", Owners: []string{"user:alice"}}
	for _, test := range []struct {
		target  string
		options []authz.SwitchOption
		hers    string
		other   string
	}{
		{"customer#phone", nil, "hidden", "hidden"},
		{"customer#*", nil, "hidden", "hidden"},
		{"customer#name", nil, "write", "write"},
		{"customer#phone", []authz.SwitchOption{authz.InMode(model.ModeReadOnly)}, "read", "read"},
		{"customer/42#phone", nil, "hidden", "write"},
		{"customer/42#phone", []authz.SwitchOption{authz.Except("role:rep")}, "write", "write"},
	} {
		az := open(t, storeOf(acme))
		must(t)(az.Disable(t.Context(), by, "acme", test.target, test.options...))
		if got := levels(az, hers); got != test.hers {
			t.Errorf("%s: %s, want %s", test.target, got, test.hers)
		}
		if got := levels(az, other); got != test.other {
			t.Errorf("%s: of another record %s, want %s", test.target, got, test.other)
		}
		must(t)(az.Enable(t.Context(), by, "acme", test.target))
		if got := levels(az, hers); got != "write" {
			t.Errorf("%s: enabled again %s", test.target, got)
		}
	}
}

// opening is an Authorizer on Acme that may be opened, and what it needs to be.
func opening(t *testing.T, policy string) (*authz.Authorizer, *auditLog, *clock, []authz.SwitchOption) {
	t.Helper()
	log, now := &auditLog{}, &clock{monday}
	az := open(t, storeOf(policy), authz.WithAudit(log), authz.WithOpenLimit(time.Hour), now.option())
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return az, log, now, []authz.SwitchOption{authz.InMode(model.ModeOpen), authz.Until(monday.Add(time.Hour)), authz.AfterBackup(b)}
}

func TestTenantIsOpenForWhomItIsAndWhileItIs(t *testing.T) {
	az, log, now, options := opening(t, acme+"beta:\n  rules: [{who: user:ben, may: read, on: customer}]\n")
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob"))
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(az.Disable(t.Context(), by, "acme", "*", append(options, authz.AfterBackup(b))...))
	foreign := &authz.Record{Type: "customer", ID: "99", Owners: []string{"user:zoe"}}
	wantAllowed(t, az, ask("user:dan", "delete", foreign), true)
	wantAllowed(t, az, ask("user:bob", "read", his), false)     // frozen
	wantAllowed(t, az, ask("user:ben", "read", foreign), false) // of another tenant
	wantAllowed(t, az, ask("user:zoe", "read", foreign), false) // of whom there is no fact
	if ok, err := az.Enforce(t.Context(), authz.Request{Tenant: "beta", User: "user:dan", Action: "read", Record: foreign}); ok || err != nil {
		t.Errorf("in another tenant: %v, %v", ok, err)
	}
	if len(log.entries) != 1 || log.entries[0].Reason != model.ReasonOpen.String() || log.entries[0].ID != "99" {
		t.Errorf("entries %+v", log.entries)
	}
	d, err := az.Decide(t.Context(), ask("user:dan", "update", foreign))
	if err != nil || d.Reason != model.ReasonOpen {
		t.Errorf("decision %v, %v", d, err)
	}
	if f, err := az.Filter(t.Context(), authz.Query{Tenant: "acme", User: "user:dan", Action: "update", Type: "customer"}); err != nil || !f.All() {
		t.Errorf("filter %v, %v", f, err)
	}
	if l, err := az.FieldLevel(t.Context(), ask("user:dan", "read", foreign), "phone"); err != nil || l != model.FieldMasked {
		t.Errorf("a closed field: %v, %v", l, err)
	}
	log.err = errDisk
	if ok, err := az.Enforce(t.Context(), ask("user:dan", "delete", foreign)); ok || !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("not logged: %v, %v", ok, err)
	}
	log.err = nil

	now.now = monday.Add(-time.Second) // set back
	wantAllowed(t, az, ask("user:dan", "delete", foreign), false)
	now.now = monday.Add(time.Hour) // over
	wantAllowed(t, az, ask("user:dan", "delete", foreign), false)
	req := ask("user:dan", "delete", foreign)
	req.At = monday.Add(time.Minute)
	wantAllowed(t, az, req, false) // an instant at which it was open opens nothing now
	now.now = monday
	must(t)(az.Enable(t.Context(), by, "acme", "*"))
	wantAllowed(t, az, ask("user:dan", "delete", foreign), false)
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
}

func TestTenantThatIsOpenForSomeIsClosedForOthers(t *testing.T) {
	az, _, _, options := opening(t, acme)
	must(t)(az.Disable(t.Context(), by, "acme", "*", append(options, authz.Except("role:support", "net:10.0.0.0/8", "customer#phone"))...))
	dan := ask("user:dan", "update", hers)
	wantAllowed(t, az, dan, false)
	wantAllowed(t, az, from(home, dan), false)
	wantAllowed(t, az, from(office, dan), true)
	wantAllowed(t, az, from(office, ask("user:alice", "update", hers)), false)
	for field, want := range map[string]model.FieldLevel{"phone": model.FieldWrite, "notes": model.FieldHidden} {
		if l, err := az.FieldLevel(t.Context(), from(office, dan), field); err != nil || l != want {
			t.Errorf("%s: %v, %v; want %v", field, l, err, want)
		}
	}
	// Locked down as well, it is locked down.
	must(t)(az.Disable(t.Context(), by, "acme", "*"))
	wantAllowed(t, az, from(office, dan), false)
}

// Whom the last fact is taken from is nobody in an open tenant, too.
func TestOpenTenantForgetsWhoHasNoFactLeft(t *testing.T) {
	az, _, _, options := opening(t, acme)
	must(t)(az.Disable(t.Context(), by, "acme", "*", options...))
	wantAllowed(t, az, ask("user:dan", "delete", hers), true)
	must(t)(az.Revoke(t.Context(), by, member("user:dan", "role:support")))
	wantAllowed(t, az, ask("user:dan", "delete", hers), false)
}

func TestOpeningNeedsWhatItNeeds(t *testing.T) {
	az, _, now, options := opening(t, acme)
	other, err := az.Backup(t.Context(), model.Base)
	if err != nil {
		t.Fatal(err)
	}
	old, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	old.Revision--
	for _, test := range []struct {
		name    string
		by      authz.Author
		options []authz.SwitchOption
		want    error
	}{
		{"no reason", authz.By("user:admin", ""), options, authz.ErrNoReason},
		{"no actor", authz.By("", "x"), options, authz.ErrNoActor},
		{"no end", by, []authz.SwitchOption{options[0], options[2]}, model.ErrMalformed},
		{"too late an end", by, append(options, authz.Until(monday.Add(time.Hour+time.Second))), authz.ErrOpen},
		{"no backup", by, options[:2], authz.ErrNoBackup},
		{"a backup of another tenant", by, append(options, authz.AfterBackup(other)), authz.ErrNoBackup},
		{"a backup of another revision", by, append(options, authz.AfterBackup(old)), authz.ErrNoBackup},
		{"a whole group excepted, and an unknown field", by, append(options, authz.Except("customer#nothing")), model.ErrUnknownField},
	} {
		if rev, err := az.Disable(t.Context(), test.by, "acme", "*", test.options...); rev != 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: %d, %v; want %v", test.name, rev, err, test.want)
		}
	}
	for name, other := range map[string]*authz.Authorizer{
		"no limit":     open(t, storeOf(acme), authz.WithAudit(&auditLog{}), now.option()),
		"no audit log": open(t, storeOf(acme), authz.WithOpenLimit(time.Hour), now.option()),
	} {
		want := map[string]error{"no limit": authz.ErrOpen, "no audit log": authz.ErrNoAudit}[name]
		if rev, err := other.Disable(t.Context(), by, "acme", "*", options...); rev != 0 || !errors.Is(err, want) {
			t.Errorf("%s: %d, %v; want %v", name, rev, err, want)
		}
	}
	wantAllowed(t, az, ask("user:dan", "delete", hers), false)
	wantRevision(t, az, "acme", 1)
}

// Random switches come and go, and facts beside them; when the last has ended, every decision is as if there had
// been none, and a backup brings back every decision of its time.
func TestSwitchesLeaveNoTrace(t *testing.T) {
	for seed := range uint64(60) {
		c, d := caseOf(seed), rand.New(rand.NewPCG(seed, 9))
		c.Lines = slices.DeleteFunc(c.Lines, func(l model.Line) bool { return l.Section == model.Switches })
		now := &clock{monday}
		az, err := authz.Open(t.Context(), c.Schema, storeOfLines(t, c.Lines, c.BaseLines), now.option(), authz.WithAudit(&auditLog{}), authz.WithOpenLimit(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		before := answersOfCase(t, az, c)
		backup, err := az.Backup(t.Context(), c.Tenant)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			now.now = now.now.Add(time.Duration(d.IntN(3600)) * time.Second)
			randomSwitch(t, az, c, d, now.now)
		}
		now.now = now.now.Add(24 * time.Hour) // every switch has an end
		if diff := cmp.Diff(before, answersOfCase(t, az, c)); diff != "" {
			t.Fatalf("seed %d: before the switches -, after them +\n%s", seed, diff)
		}
		for range 10 {
			l := c.Lines[d.IntN(len(c.Lines))]
			if f, err := model.Decode(l); err == nil {
				_, _ = az.Revoke(t.Context(), by, f)
			}
		}
		must(t)(az.Restore(t.Context(), by, c.Tenant, backup))
		if diff := cmp.Diff(before, answersOfCase(t, az, c)); diff != "" {
			t.Fatalf("seed %d: at the time of the backup -, restored +\n%s", seed, diff)
		}
		_ = az.Close()
	}
}

// randomSwitch switches something on or off; what is refused changes nothing.
func randomSwitch(t *testing.T, az *authz.Authorizer, c difftest.Case, d *rand.Rand, now time.Time) {
	targets := []string{"user:ann", "user:bob", "role:a", "team:x", "unit:a", "*"}
	for typ, s := range c.Schema.Types {
		targets = append(targets, typ, typ+"/1", typ+"@unit:b")
		for field := range s.Fields {
			targets = append(targets, typ+"#"+field)
		}
	}
	slices.Sort(targets)
	for _, l := range c.Lines {
		targets = append(targets, l.RuleID())
	}
	target := targets[d.IntN(len(targets))]
	if d.IntN(3) == 0 {
		_, _ = az.Enable(t.Context(), by, c.Tenant, target)
		return
	}
	b, err := az.Backup(t.Context(), c.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	modes := []model.Mode{model.ModeOff, model.ModeReadOnly, model.ModeLocked, model.ModeOpen}
	_, _ = az.Disable(t.Context(), by, c.Tenant, target, authz.InMode(modes[d.IntN(4)]), authz.Until(now.Add(time.Duration(1+d.IntN(3600))*time.Second)), authz.AfterBackup(b))
}

// answersOfCase is what an Authorizer says to a case's questions, those about levels of fields among them.
func answersOfCase(t *testing.T, az *authz.Authorizer, c difftest.Case) (all []string) {
	t.Helper()
	for _, q := range c.Questions {
		q.Request.At = time.Time{} // now
		ok, err := az.Enforce(t.Context(), q.Request)
		all = append(all, fmt.Sprint(ok, err == nil))
		if q.Field != "" && err == nil {
			l, _ := az.FieldLevel(t.Context(), q.Request, q.Field)
			all = append(all, l.String())
		}
	}
	return all
}
