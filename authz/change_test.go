package authz_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

var repUpdates = authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow}

func member(who, group string) authz.Membership {
	return authz.Membership{Tenant: "acme", Member: who, Group: group}
}

func TestChangeThatFailsBeforeItIsDurableChangesNothing(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	store.before = errDisk
	for name, err := range changeEverything(t, az) {
		if !errors.Is(err, errDisk) {
			t.Errorf("%s: got %v, want %v", name, err, errDisk)
		}
	}
	store.before = nil
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	wantRevision(t, az, "acme", 1)
	if err := az.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	// What failed can be done once more.
	must(t)(az.Grant(t.Context(), by, member("user:eve", "role:support")))
	wantAllowed(t, az, ask("user:eve", "read", hers), true)
}

// changeEverything makes a change of each kind and returns the errors.
func changeEverything(t *testing.T, az *authz.Authorizer) map[string]error {
	t.Helper()
	_, grant := az.Grant(t.Context(), by, member("user:eve", "role:support"))
	_, recompiled := az.Grant(t.Context(), by, member("role:support", "role:rep"))
	_, revoke := az.Revoke(t.Context(), by, member("user:alice", "role:rep"))
	_, disable := az.Disable(t.Context(), by, "acme", "user:alice")
	_, rule := az.Disable(t.Context(), by, "acme", model.RuleID(repUpdates))
	_, enable := az.Enable(t.Context(), by, "acme", "user:dan")
	return map[string]error{"Grant": grant, "Grant of a role": recompiled, "Revoke": revoke, "Disable": disable, "Disable of a rule": rule, "Enable": enable}
}

func TestChangeThatOthersKeepComingBeforeGivesUp(t *testing.T) {
	az := open(t, &faulty{Memory: storeOf(acme), before: adapter.ErrConflict})
	if _, err := az.Grant(t.Context(), by, member("user:eve", "role:support")); !errors.Is(err, authz.ErrBusy) {
		t.Errorf("got %v, want %v", err, authz.ErrBusy)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
}

// The store has the change, but its answer was lost: nobody answers by it until
// someone looks.
func TestChangeWhoseAnswerIsLostShowsAfterRefresh(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	store.after = errDisk
	if _, err := az.Grant(t.Context(), by, member("user:eve", "role:support")); !errors.Is(err, errDisk) {
		t.Fatalf("got %v, want %v", err, errDisk)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	wantRevision(t, az, "acme", 1)
	store.after = nil
	if err := az.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), true)
	wantRevision(t, az, "acme", 2)
}

func TestRetryWithItsChangeIDIsMadeOnce(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	once := authz.Author{Actor: "user:admin", ChangeID: "ticket 83"}
	store.after = errDisk
	if _, err := az.Grant(t.Context(), once, member("user:eve", "role:support")); !errors.Is(err, errDisk) {
		t.Fatalf("got %v, want %v", err, errDisk)
	}
	store.after = nil
	for range 2 {
		if rev := must(t)(az.Grant(t.Context(), once, member("user:eve", "role:support"))); rev != 2 {
			t.Errorf("revision %d, want 2", rev)
		}
		wantAllowed(t, az, ask("user:eve", "read", hers), true)
	}
	// The id stands for that change, whatever comes with it.
	must(t)(az.Revoke(t.Context(), by, member("user:eve", "role:support")))
	if rev := must(t)(az.Grant(t.Context(), once, member("user:eve", "role:support"))); rev != 2 {
		t.Errorf("revision %d, want 2", rev)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	wantRevision(t, az, "acme", 3)
}

// A change that is durable but cannot be answered from is told as such.
func TestChangeThatCannotBeReadBackIsAnError(t *testing.T) {
	store := &faulty{Memory: storeOf(acme)}
	az := open(t, store)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	gone := member("user:eve", "role:support")
	gone.Valid.Until = monday // compiled anew
	store.load = errDisk
	if _, err := az.Grant(t.Context(), by, gone); !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, authz.ErrUnavailable)
	}
	store.load = nil
	if err := az.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	req := ask("user:eve", "read", hers)
	req.At = monday.Add(-time.Second)
	wantAllowed(t, az, req, true)
}

func TestGrantAndRevokeAreIdempotent(t *testing.T) {
	az := open(t, storeOf(acme))
	eve, rule := member("user:eve", "role:support"), repUpdates
	rule.Subject = "role:support"
	for _, want := range []authz.Revision{2, 2} {
		if rev := must(t)(az.Grant(t.Context(), by, eve, rule)); rev != want {
			t.Errorf("Grant: revision %d, want %d", rev, want)
		}
	}
	if rev := must(t)(az.Grant(t.Context(), by, eve, eve, member("user:zoe", "role:support"))); rev != 3 {
		t.Errorf("Grant of what is half there: revision %d, want 3", rev)
	}
	wantAllowed(t, az, ask("user:zoe", "read", hers), true)
	for _, want := range []authz.Revision{4, 4} {
		if rev := must(t)(az.Revoke(t.Context(), by, eve, rule, member("user:nobody", "role:rep"))); rev != want {
			t.Errorf("Revoke: revision %d, want %d", rev, want)
		}
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	for _, want := range []authz.Revision{5, 5} {
		if rev := must(t)(az.Disable(t.Context(), by, "acme", "user:alice")); rev != want {
			t.Errorf("Disable: revision %d, want %d", rev, want)
		}
	}
	for _, want := range []authz.Revision{6, 6} {
		if rev := must(t)(az.Enable(t.Context(), by, "acme", "user:alice")); rev != want {
			t.Errorf("Enable: revision %d, want %d", rev, want)
		}
	}
	if rev := must(t)(az.Grant(t.Context(), by)); rev != 0 {
		t.Errorf("Grant of nothing: revision %d, want 0", rev)
	}
	wantRevision(t, az, "acme", 6)
}

func TestRefusedChangesChangeNothing(t *testing.T) {
	az := open(t, storeOf(acme))
	otherTenant := member("user:eve", "role:rep")
	otherTenant.Tenant = "beta"
	grants := []struct {
		name  string
		facts []authz.Fact
		want  error
	}{
		{"two tenants", []authz.Fact{member("user:eve", "role:rep"), otherTenant}, authz.ErrTenants},
		{"no fact", []authz.Fact{nil}, model.ErrMalformed},
		{"a nil pointer", []authz.Fact{(*authz.CustomerRule)(nil)}, model.ErrMalformed},
		{"a pointer", []authz.Fact{&repUpdates}, model.ErrMalformed},
		{"no tenant", []authz.Fact{authz.Membership{Member: "user:eve", Group: "role:rep"}}, model.ErrMalformed},
		{"unknown type", []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "user:eve", On: model.OnType("letter"), Level: model.LevelRead}}, model.ErrUnknownType},
		{"unknown action", []authz.Fact{authz.CustomerRule{Tenant: "acme", Subject: "user:eve", On: model.OnType("customer"), Action: "fly", Effect: model.Allow}}, model.ErrUnknownAction},
		{"unknown field", []authz.Fact{authz.FieldRule{Tenant: "acme", Subject: "user:eve", On: model.OnField("customer", "colour"), Level: model.FieldRead, Effect: model.Allow}}, model.ErrUnknownField},
		{"unknown condition", []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "user:eve", On: model.OnType("customer"), Level: model.LevelRead, If: "moon"}}, model.ErrUnknownCondition},
		{"unknown kind", []authz.Fact{member("robot:r2", "role:rep")}, model.ErrUnknownKind},
		{"no effect", []authz.Fact{authz.CustomerRule{Tenant: "acme", Subject: "user:eve", On: model.OnType("customer"), Action: "read"}}, model.ErrMalformed},
		{"people in the base policy", []authz.Fact{authz.Membership{Tenant: model.Base, Member: "user:eve", Group: "role:rep"}}, model.ErrNotInBase},
		{"good and bad", []authz.Fact{member("user:eve", "role:rep"), member("user:eve", "robot:r2")}, model.ErrUnknownKind},
	}
	for _, test := range grants {
		for verb, change := range map[string]func() (authz.Revision, error){
			"Grant":  func() (authz.Revision, error) { return az.Grant(t.Context(), by, test.facts...) },
			"Revoke": func() (authz.Revision, error) { return az.Revoke(t.Context(), by, test.facts...) },
		} {
			if rev, err := change(); rev != 0 || !errors.Is(err, test.want) {
				t.Errorf("%s of %s: got %d, %v; want %v", verb, test.name, rev, err, test.want)
			}
		}
	}
	switches := []struct {
		tenant, target string
		want           error
	}{
		{"acme", "eve", model.ErrUnknownType},
		{"acme", "customer#nothing", model.ErrUnknownField},
		{"acme", "", model.ErrMalformed},
		{"acme", "rule:01", model.ErrMalformed},
		{"", "user:eve", model.ErrMalformed},
		{model.Base, "role:rep", model.ErrNotInBase},
	}
	for _, test := range switches {
		if rev, err := az.Disable(t.Context(), by, test.tenant, test.target); rev != 0 || !errors.Is(err, test.want) {
			t.Errorf("Disable of %q: got %d, %v; want %v", test.target, rev, err, test.want)
		}
		if rev, err := az.Enable(t.Context(), by, test.tenant, test.target); rev != 0 || !errors.Is(err, test.want) {
			t.Errorf("Enable of %q: got %d, %v; want %v", test.target, rev, err, test.want)
		}
	}
	if rev, err := az.Disable(t.Context(), by, "acme", "rule:0123456789abcdef0123456789abcdef"); rev != 0 || !errors.Is(err, authz.ErrNoSuchRule) {
		t.Errorf("Disable of no rule: got %d, %v; want %v", rev, err, authz.ErrNoSuchRule)
	}
	if rev, err := az.Disable(t.Context(), by, "acme", "user:alice", authz.From(monday), authz.Until(monday)); rev != 0 || !errors.Is(err, model.ErrMalformed) {
		t.Errorf("Disable for no time: got %d, %v; want %v", rev, err, model.ErrMalformed)
	}
	wantRevision(t, az, "acme", 1)
}

func TestChangeNeedsAnActor(t *testing.T) {
	az := open(t, storeOf(acme))
	for name, change := range map[string]func(authz.Author) (authz.Revision, error){
		"Grant":   func(by authz.Author) (authz.Revision, error) { return az.Grant(t.Context(), by, repUpdates) },
		"Revoke":  func(by authz.Author) (authz.Revision, error) { return az.Revoke(t.Context(), by, repUpdates) },
		"Disable": func(by authz.Author) (authz.Revision, error) { return az.Disable(t.Context(), by, "acme", "user:eve") },
		"Enable":  func(by authz.Author) (authz.Revision, error) { return az.Enable(t.Context(), by, "acme", "user:eve") },
	} {
		if _, err := change(authz.By("", "because")); !errors.Is(err, authz.ErrNoActor) {
			t.Errorf("%s: got %v, want %v", name, err, authz.ErrNoActor)
		}
	}
	wantRevision(t, az, "acme", 1)
}

func TestCyclesAreRefused(t *testing.T) {
	unit := func(below, above string) authz.OrgEdge {
		return authz.OrgEdge{Tenant: "acme", Below: below, Above: above}
	}
	base := func(member, group string) authz.Membership {
		return authz.Membership{Tenant: model.Base, Member: member, Group: group}
	}
	tests := []struct {
		name   string
		before []authz.Fact
		grant  []authz.Fact
	}{
		{"role", []authz.Fact{member("role:a", "role:b")}, []authz.Fact{member("role:b", "role:a")}},
		{"roles", []authz.Fact{member("role:a", "role:b"), member("role:b", "role:c")}, []authz.Fact{member("role:c", "role:a")}},
		{"itself", nil, []authz.Fact{member("role:a", "role:a")}},
		{"team", []authz.Fact{member("team:a", "team:b")}, []authz.Fact{member("team:b", "team:a")}},
		{"unit", []authz.Fact{unit("unit:a", "unit:b")}, []authz.Fact{unit("unit:b", "unit:a")}},
		{"manager", []authz.Fact{unit("user:a", "user:b"), unit("user:b", "user:c")}, []authz.Fact{unit("user:c", "user:a")}},
		{"in one grant", nil, []authz.Fact{member("role:a", "role:b"), member("role:b", "role:a")}},
		{"in the base policy", []authz.Fact{base("role:a", "role:b")}, []authz.Fact{base("role:b", "role:a")}},
		{"through the base policy", []authz.Fact{base("role:a", "role:b")}, []authz.Fact{member("role:b", "role:a")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := storeOf(acme)
			az := open(t, store)
			for _, f := range test.before {
				must(t)(az.Grant(t.Context(), by, f))
			}
			tenant := test.grant[0].TenantID()
			was, err := store.Load(t.Context(), tenant)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := az.Grant(t.Context(), by, test.grant...); !errors.Is(err, model.ErrCycle) {
				t.Errorf("got %v, want %v", err, model.ErrCycle)
			}
			is, err := store.Load(t.Context(), tenant)
			if diff := cmp.Diff(was, is); err != nil || diff != "" {
				t.Errorf("the policy has changed: %s%v", diff, err)
			}
		})
	}
}

// A way of 64 memberships counts; 65 would not, and cannot come about.
func TestNestingIsAsDeepAsItIsFollowed(t *testing.T) {
	role := func(tenant string, i int) authz.Fact {
		return authz.Membership{Tenant: tenant, Member: fmt.Sprint("role:", i), Group: fmt.Sprint("role:", i+1)}
	}
	for _, fromBase := range []int{0, 30, 63} { // how many of the memberships are in the base policy
		t.Run(fmt.Sprint(fromBase, " in base"), func(t *testing.T) {
			az := open(t, storeOf(acme))
			var ofBase, ofAcme []authz.Fact
			for i := range model.MaxDepth - 1 {
				if i < fromBase {
					ofBase = append(ofBase, role(model.Base, i))
				} else {
					ofAcme = append(ofAcme, role("acme", i))
				}
			}
			must(t)(az.Grant(t.Context(), by, ofBase...))
			must(t)(az.Grant(t.Context(), by, append(ofAcme, member("user:eve", "role:0"), authz.CustomerRule{
				Tenant: "acme", Subject: fmt.Sprint("role:", model.MaxDepth-1), On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll})...))
			wantAllowed(t, az, ask("user:eve", "read", hers), true)
			for _, f := range []authz.Fact{role("acme", model.MaxDepth-1), member("role:below", "role:0")} {
				if _, err := az.Grant(t.Context(), by, f); !errors.Is(err, model.ErrTooDeep) {
					t.Errorf("%v: got %v, want %v", f, err, model.ErrTooDeep)
				}
			}
		})
	}
}

func TestOrgIsAsDeepAsItIsFollowed(t *testing.T) {
	for _, kind := range []string{"user:", "unit:"} {
		t.Run(kind, func(t *testing.T) {
			az := open(t, storeOf(acme))
			var edges []authz.Fact
			for i := range model.MaxDepth {
				edges = append(edges, authz.OrgEdge{Tenant: "acme", Below: fmt.Sprint(kind, i), Above: fmt.Sprint(kind, i+1)})
			}
			must(t)(az.Grant(t.Context(), by, edges...))
			if kind == "user:" {
				top := fmt.Sprint(kind, model.MaxDepth)
				must(t)(az.Grant(t.Context(), by, member(top, "role:rep")))
				wantAllowed(t, az, ask(top, "read", &authz.Record{Type: "customer", ID: "1", Owners: []string{"user:0"}}), true)
			}
			for _, e := range []authz.OrgEdge{
				{Tenant: "acme", Below: fmt.Sprint(kind, model.MaxDepth), Above: kind + "top"},
				{Tenant: "acme", Below: kind + "bottom", Above: fmt.Sprint(kind, 0)},
			} {
				if _, err := az.Grant(t.Context(), by, e); !errors.Is(err, model.ErrTooDeep) {
					t.Errorf("%v: got %v, want %v", e, err, model.ErrTooDeep)
				}
			}
		})
	}
}

func TestGrantToTheBasePolicyChangesAllTenantsAtOnce(t *testing.T) {
	az := open(t, storeOf(acme+"beta:\n  members: [{who: user:zoe, in: role:rep}]\n"))
	zoe := authz.Request{Tenant: "beta", User: "user:zoe", Action: "delete", Record: his}
	wantAllowed(t, az, ask("user:alice", "delete", his), false)
	wantAllowed(t, az, zoe, false)
	rule := authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}
	if rev := must(t)(az.Grant(t.Context(), by, rule)); rev != 1 {
		t.Errorf("revision %d, want 1", rev)
	}
	wantAllowed(t, az, ask("user:alice", "delete", his), true)
	wantAllowed(t, az, zoe, true)
	wantRevision(t, az, "acme", 1)

	// Role inheritance of the base policy counts as the tenants' own.
	must(t)(az.Grant(t.Context(), by, authz.Membership{Tenant: model.Base, Member: "role:support", Group: "role:rep"}))
	wantAllowed(t, az, ask("user:dan", "delete", his), true)

	must(t)(az.Revoke(t.Context(), by, rule))
	wantAllowed(t, az, ask("user:alice", "delete", his), false)
	wantAllowed(t, az, zoe, false)
}

func TestBaseRuleIsSwitchedOffInOneTenantOnly(t *testing.T) {
	az := open(t, storeOf(`
"*": {rules: [{who: role:rep, may: [read, delete], on: customer, scope: all}], members: [{who: role:senior, in: role:rep}]}
acme: {members: [{who: user:alice, in: role:rep}, {who: user:sam, in: role:senior}]}
beta: {members: [{who: user:alice, in: role:rep}, {who: user:sam, in: role:senior}]}
`))
	inBeta := func(user string) authz.Request {
		return authz.Request{Tenant: "beta", User: user, Action: "read", Record: hers}
	}
	rule := authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}
	must(t)(az.Disable(t.Context(), by, "acme", model.RuleID(rule)))
	wantAllowed(t, az, ask("user:alice", "read", hers), false)
	wantAllowed(t, az, ask("user:alice", "delete", hers), true)
	wantAllowed(t, az, inBeta("user:alice"), true)
	// The tenant still follows the base policy.
	must(t)(az.Revoke(t.Context(), by, authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}))
	wantAllowed(t, az, ask("user:alice", "delete", hers), false)

	must(t)(az.Enable(t.Context(), by, "acme", model.RuleID(rule)))
	wantAllowed(t, az, ask("user:alice", "read", hers), true)

	inherits := model.RuleID(authz.Membership{Tenant: model.Base, Member: "role:senior", Group: "role:rep"})
	wantAllowed(t, az, ask("user:sam", "read", hers), true)
	must(t)(az.Disable(t.Context(), by, "acme", inherits))
	wantAllowed(t, az, ask("user:sam", "read", hers), false)
	wantAllowed(t, az, inBeta("user:sam"), true)
	must(t)(az.Enable(t.Context(), by, "acme", inherits))
	wantAllowed(t, az, ask("user:sam", "read", hers), true)
}

func TestDisableHoldsForItsPeriodAndNoLonger(t *testing.T) {
	const policy = `
acme:
  members:
    - {who: user:alice, in: [role:rep, team:north, unit:berlin]}
    - {who: user:bob, in: role:rep}
    - {who: role:rep, in: role:staff}
  rules:
    - {who: role:staff, may: read, on: customer, scope: own}
    - {who: team:north, may: update, on: customer, scope: own}
    - {who: unit:berlin, may: delete, on: customer, scope: own}
`
	read := authz.CustomerRule{Tenant: "acme", Subject: "role:staff", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeOwn}
	tests := []struct {
		name, target, action string
		bobToo               bool // loses the action
	}{
		{"user", "user:alice", "read", false},
		{"role", "role:rep", "read", true},
		{"role that the role inherits", "role:staff", "read", true},
		{"team", "team:north", "update", false},
		{"unit", "unit:berlin", "delete", false},
		{"rule", model.RuleID(read), "read", true},
		{"membership", model.RuleID(member("user:alice", "role:rep")), "read", false},
		{"membership of a role", model.RuleID(member("role:rep", "role:staff")), "read", true},
	}
	from, until := monday, monday.Add(time.Hour)
	periods := []struct {
		name    string
		options []authz.SwitchOption
		off     map[time.Time]bool
	}{
		{"always", nil, map[time.Time]bool{from: true, until: true, from.AddDate(100, 0, 0): true}},
		{"from", []authz.SwitchOption{authz.From(from)}, map[time.Time]bool{from.Add(-1): false, from: true, until: true}},
		{"until", []authz.SwitchOption{authz.Until(until)}, map[time.Time]bool{from.Add(-1): true, until.Add(-1): true, until: false}},
		{"from until", []authz.SwitchOption{authz.From(from), authz.Until(until)}, map[time.Time]bool{from.Add(-1): false, from: true, until.Add(-1): true, until: false}},
	}
	for _, test := range tests {
		for _, period := range periods {
			t.Run(test.name+" "+period.name, func(t *testing.T) {
				now := monday.AddDate(0, 0, -1)
				az := open(t, storeOf(policy), authz.WithClock(func() time.Time { return now }))
				must(t)(az.Disable(t.Context(), by, "acme", test.target, period.options...))
				for _, at := range slices.SortedFunc(maps.Keys(period.off), time.Time.Compare) { // what has begun, a clock does not undo
					off := period.off[at]
					now = at
					wantAllowed(t, az, ask("user:alice", test.action, hers), !off)
					if test.action == "read" {
						wantAllowed(t, az, ask("user:bob", "read", his), !off || !test.bobToo)
					}
				}
				must(t)(az.Enable(t.Context(), by, "acme", test.target))
				for at := range period.off {
					now = at
					wantAllowed(t, az, ask("user:alice", test.action, hers), true)
					wantAllowed(t, az, ask("user:bob", "read", his), true)
				}
			})
		}
	}
}

func TestEnableTakesBackEveryDisable(t *testing.T) {
	now := monday
	az := open(t, storeOf(acme), authz.WithClock(func() time.Time { return now }))
	for _, target := range []string{"user:alice", "role:rep", model.RuleID(repUpdates)} {
		must(t)(az.Disable(t.Context(), by, "acme", target))
		must(t)(az.Disable(t.Context(), by, "acme", target, authz.Until(monday.Add(time.Hour))))
		must(t)(az.Disable(t.Context(), by, "acme", target, authz.From(monday.AddDate(1, 0, 0)))) // has not begun
		wantAllowed(t, az, ask("user:alice", "update", hers), false)
		must(t)(az.Enable(t.Context(), by, "acme", target))
		for _, at := range []time.Time{monday, monday.AddDate(2, 0, 0)} {
			now = at
			wantAllowed(t, az, ask("user:alice", "update", hers), true)
		}
		now = monday
	}
}

// Fractions of a second are cut off, as every store keeps whole seconds.
func TestSwitchesAreInWholeSeconds(t *testing.T) {
	store := storeOf(acme)
	az := open(t, store)
	must(t)(az.Disable(t.Context(), by, "acme", "user:alice", authz.From(monday.Add(time.Second-1)), authz.Until(monday.Add(2*time.Second-1).In(time.FixedZone("", 3600)))))
	log, err := store.Changes(t.Context(), "acme", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := "p4, user:alice, acme, off, 2026-11-23T09:00:00Z, 2026-11-23T09:00:01Z, -"
	if got := log[0].Add[0].String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryChangeIsLoggedWithItsAuthorAndTime(t *testing.T) {
	store, now := storeOf(acme), monday
	az := open(t, store, authz.WithClock(func() time.Time { now = now.Add(time.Minute); return now }))
	eve := member("user:eve", "role:rep")
	must(t)(az.Grant(t.Context(), authz.By("user:a", "one"), eve, member("user:alice", "role:rep")))
	must(t)(az.Disable(t.Context(), authz.By("user:b", "two"), "acme", "user:eve"))
	must(t)(az.Enable(t.Context(), authz.By("user:c", ""), "acme", "user:eve"))
	must(t)(az.Revoke(t.Context(), authz.Author{Actor: "user:d", Reason: "four", ChangeID: "4"}, eve))
	var feed adapter.Feed = store
	log, err := feed.Changes(t.Context(), "acme", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Revision      authz.Revision
		Actor, Reason string
		At            time.Time
		Remove, Add   []model.Line
	}
	var got []entry
	ids := map[string]bool{}
	for _, e := range log {
		got = append(got, entry{e.Revision, e.Actor, e.Reason, e.At, e.Remove, e.Add})
		ids[e.ID] = true
	}
	line := func(f authz.Fact) []model.Line {
		l, err := model.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		return []model.Line{l}
	}
	off := line(model.Switch{Tenant: "acme", Target: "user:eve", Mode: model.ModeOff})
	want := []entry{
		{2, "user:a", "one", monday.Add(time.Minute), nil, line(eve)}, // what was there is no part of it
		{3, "user:b", "two", monday.Add(2 * time.Minute), nil, off},
		{4, "user:c", "", monday.Add(3 * time.Minute), off, nil},
		{5, "user:d", "four", monday.Add(4 * time.Minute), line(eve), nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(ids) != 4 || !ids["4"] {
		t.Errorf("ids %v; want four, the given one among them", ids)
	}
}
