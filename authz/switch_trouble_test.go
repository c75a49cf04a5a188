package authz_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// closings are switches that take something from Alice, with a question that each denies.
func closings() map[string]struct {
	target  string
	options []authz.SwitchOption
} {
	type closing = struct {
		target  string
		options []authz.SwitchOption
	}
	readOnly := authz.InMode(model.ModeReadOnly)
	return map[string]closing{
		"user":              {"user:alice", nil},
		"role":              {"role:rep", nil},
		"role, but for one": {"role:rep", []authz.SwitchOption{authz.Except("user:bob")}},
		"rule":              {model.RuleID(authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow}), nil},
		"membership":        {model.RuleID(member("user:alice", "role:rep")), nil},
		"type, read-only":   {"customer", []authz.SwitchOption{readOnly}},
		"record":            {"customer/42", nil},
		"locked":            {"*", nil},
		"read-only":         {"*", []authz.SwitchOption{readOnly}},
	}
}

// A planned switch that has begun is not undone by a clock that is set back, and one that has ended by the clock may
// come back: the stricter of the two. The clock set forward ends it, as is said of Until.
func TestClosingOutlivesAClockThatIsSetBack(t *testing.T) {
	for name, c := range closings() {
		t.Run(name, func(t *testing.T) {
			now := &clock{monday}
			az := open(t, storeOf(acme), now.option())
			must(t)(az.Disable(t.Context(), by, "acme", c.target, append(c.options, authz.From(monday.Add(time.Hour)), authz.Until(monday.Add(2*time.Hour)))...))
			update := ask("user:alice", "update", hers)
			wantAllowed(t, az, update, true)
			now.now = monday.Add(time.Hour)
			wantAllowed(t, az, update, false)
			for _, back := range []time.Duration{59 * time.Minute, 0, -48 * time.Hour} {
				now.now = monday.Add(back)
				wantAllowed(t, az, update, false)
				wantPathsToAgree(t, az, update)
			}
			// A question about an instant is about that instant.
			asked := update
			asked.At = monday
			wantAllowed(t, az, asked, true)
			now.now = monday.Add(2 * time.Hour)
			wantAllowed(t, az, update, true)
			now.now = monday.Add(90 * time.Minute)
			wantAllowed(t, az, update, false)
			must(t)(az.Enable(t.Context(), by, "acme", c.target))
			wantAllowed(t, az, update, true)
		})
	}
}

// wantPathsToAgree checks that every way to ask answers as Enforce.
func wantPathsToAgree(t *testing.T, az *authz.Authorizer, req authz.Request) {
	t.Helper()
	want, err := az.Enforce(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if got, err := p.ask(t.Context(), az, req); p.name != "Reveal" && (got != want || err != nil) {
			t.Errorf("%s: %v, %v; Enforce says %v", p.name, got, err, want)
		}
	}
}

// An opening that is over is over, however the clock is set; and none begins before its time.
func TestOpeningIsNotReopenedByAClock(t *testing.T) {
	for _, seen := range []string{"by a question", "by a change", "by a refresh"} {
		t.Run(seen, func(t *testing.T) {
			az, _, now, options := opening(t, acme)
			must(t)(az.Disable(t.Context(), by, "acme", "*", append(options, authz.Until(monday.Add(30*time.Minute)))...))
			all := ask("user:dan", "delete", hers)
			wantAllowed(t, az, all, true)
			now.now = monday.Add(-time.Minute)
			wantAllowed(t, az, all, false)
			now.now = monday.Add(30 * time.Minute)
			switch seen {
			case "by a question":
				wantAllowed(t, az, all, false)
			case "by a change":
				must(t)(az.Grant(t.Context(), by, member("user:eve", "role:support")))
			default:
				if err := az.Refresh(t.Context(), "acme"); err != nil {
					t.Fatal(err)
				}
			}
			for _, back := range []time.Duration{29 * time.Minute, time.Minute, 0, -time.Hour} {
				now.now = monday.Add(back)
				wantAllowed(t, az, all, false)
				wantPathsToAgree(t, az, all)
			}
			// Nor is one begun that would be over.
			now.now = monday
			b, err := az.Backup(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := az.Disable(t.Context(), by, "acme", "*", authz.InMode(model.ModeOpen), authz.Until(monday.Add(20*time.Minute)), authz.AfterBackup(b)); !errors.Is(err, authz.ErrOpen) {
				t.Errorf("opened: %v", err)
			}
			if _, err := az.Disable(t.Context(), by, "acme", "*", authz.InMode(model.ModeOpen), authz.From(monday.AddDate(-1, 0, 0)), authz.Until(monday.Add(40*time.Minute)), authz.AfterBackup(b)); err != nil {
				t.Errorf("not opened: %v", err)
			}
			now.now = monday.Add(-2 * time.Hour) // before it was made, whatever From says
			wantAllowed(t, az, all, false)
			now.now = monday.Add(35 * time.Minute)
			wantAllowed(t, az, all, true)
		})
	}
}

// What is asked about another time is not what the clock has shown: no opening is over by it.
func TestQuestionAboutAnotherTimeEndsNoOpening(t *testing.T) {
	az, _, _, options := opening(t, acme+"beta:\n  rules: [{who: user:ben, may: read, on: customer, scope: all}]\n")
	must(t)(az.Disable(t.Context(), by, "beta", "user:ben", authz.From(monday.AddDate(0, 6, 0))))
	must(t)(az.Disable(t.Context(), by, "acme", "*", options...))
	later := ask("user:eve", "delete", hers)
	later.At = monday.AddDate(1, 0, 0)
	if x, err := az.Explain(t.Context(), later); x.Allowed || len(x.Nearest) == 0 || err != nil {
		t.Errorf("in a year: %+v, %v", x, err)
	}
	wantAllowed(t, az, ask("user:dan", "delete", hers), true)
	wantAllowed(t, az, authz.Request{Tenant: "beta", User: "user:ben", Action: "read", Record: hers}, true)
}

// An opening that another program wrote allows nothing to one that opens no tenants.
func TestOpeningOfAnotherProgramNeedsTheLimitHere(t *testing.T) {
	now := &clock{monday}
	store := storeOf(acme + `  off: [{what: "*", mode: open, until: 2026-11-23T10:00:00Z}]` + "\n")
	all := ask("user:dan", "delete", hers)
	for name, az := range map[string]*authz.Authorizer{
		"neither":      open(t, store, now.option()),
		"no limit":     open(t, store, now.option(), authz.WithAudit(&auditLog{})),
		"no audit log": open(t, store, now.option(), authz.WithOpenLimit(time.Hour)),
	} {
		want := map[string]error{"neither": authz.ErrOpen, "no limit": authz.ErrOpen, "no audit log": authz.ErrNoAudit}[name]
		if ok, err := az.Enforce(t.Context(), all); ok || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", name, ok, err, want)
		}
		for _, p := range paths {
			if got, err := p.ask(t.Context(), az, all); !p.tells && (got || !errors.Is(err, want)) {
				t.Errorf("%s: %s: %v, %v; want %v", name, p.name, got, err, want)
			}
		}
	}
	wantAllowed(t, open(t, store, now.option(), authz.WithAudit(&auditLog{}), authz.WithOpenLimit(time.Hour)), all, true)
}

// A copy in Casbin would allow without an entry.
func TestOpenTenantHasNoCasbin(t *testing.T) {
	az, _, now, options := opening(t, acme)
	must(t)(az.Disable(t.Context(), by, "acme", "*", options...))
	if e, err := az.Casbin(t.Context(), "acme"); e != nil || !errors.Is(err, authz.ErrOpen) {
		t.Errorf("while it is open: %v, %v", e, err)
	}
	now.now = monday.Add(time.Hour)
	e, err := az.Casbin(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := e.Enforce("user:dan", "acme", "delete", &authz.CasbinFacts{Record: hers}); ok || err != nil {
		t.Errorf("afterwards: %v, %v", ok, err)
	}
}

// Another process has opened the tenant, of which this one has not heard.
func TestTenantOpenedElsewhereHasNoCasbin(t *testing.T) {
	store := storeOf(acme)
	now := &clock{monday}
	here := open(t, store, now.option())
	wantAllowed(t, here, ask("user:dan", "delete", hers), false)
	open := model.Switch{Tenant: "acme", Target: "*", Mode: model.ModeOpen, Valid: model.Period{Until: monday.Add(time.Hour)}}
	line, err := model.Encode(open)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "open", Base: 1, Add: []model.Line{line}}); err != nil {
		t.Fatal(err)
	}
	if e, err := here.Casbin(t.Context(), "acme"); e != nil || !errors.Is(err, authz.ErrOpen) {
		t.Errorf("it has %v, %v", e, err)
	}
}

// What the schema no longer knows stays off, and can be switched on.
func TestEnableTakesBackWhatTheSchemaForgot(t *testing.T) {
	store := storeOf(acme)
	old := &authz.Schema{Types: map[string]model.Type{"letter": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Fields: map[string]model.Field{"text": {}}}}, Conditions: crm.Conditions}
	for name, typ := range crm.Types {
		old.Types[name] = typ
	}
	az, err := authz.Open(t.Context(), old, store)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"letter", "letter/1", "letter#text"} {
		must(t)(az.Disable(t.Context(), by, "acme", target))
	}
	now := open(t, store)
	wantAllowed(t, now, ask("user:alice", "update", hers), true)
	for _, target := range []string{"letter", "letter/1", "letter#text"} {
		must(t)(now.Enable(t.Context(), by, "acme", target))
		if _, err := now.Enable(t.Context(), by, "acme", target); !errors.Is(err, model.ErrUnknownType) && !errors.Is(err, model.ErrUnknownField) {
			t.Errorf("enabled once more, %s is %v", target, err)
		}
	}
	if left, err := now.Switches(t.Context(), "acme"); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// Without the store, what was loaded goes on: it begins, ends, and denies; nothing can be taken back, and who
// asks for a tenant that was not loaded is told so.
func TestSwitchesWithoutTheStore(t *testing.T) {
	for name, c := range closings() {
		t.Run(name, func(t *testing.T) {
			now, store := &clock{monday}, &faulty{Memory: storeOf(acme + "beta:\n  rules: [{who: user:ben, may: read, on: customer}]\n")}
			az := open(t, store, now.option())
			must(t)(az.Disable(t.Context(), by, "acme", c.target, append(c.options, authz.From(monday.Add(time.Hour)), authz.Until(monday.Add(2*time.Hour)))...))
			store.load, store.before, store.tenants = errDisk, errDisk, errDisk
			update := ask("user:alice", "update", hers)
			for _, step := range []struct {
				at   time.Duration
				want bool
			}{{0, true}, {time.Hour, false}, {time.Minute, false}, {2 * time.Hour, true}, {time.Hour, false}} {
				now.now = monday.Add(step.at)
				wantAllowed(t, az, update, step.want)
			}
			if _, err := az.Enable(t.Context(), by, "acme", c.target); !errors.Is(err, errDisk) {
				t.Errorf("enabled: %v", err)
			}
			if err := az.Refresh(t.Context(), "acme"); !errors.Is(err, authz.ErrUnavailable) {
				t.Errorf("refreshed: %v", err)
			}
			wantAllowed(t, az, update, false)
			if ok, err := az.Enforce(t.Context(), authz.Request{Tenant: "beta", User: "user:ben", Action: "read", Type: "customer"}); ok || !errors.Is(err, authz.ErrUnavailable) {
				t.Errorf("a tenant that was not loaded: %v, %v", ok, err)
			}
			store.load, store.before, store.tenants = nil, nil, nil
			must(t)(az.Enable(t.Context(), by, "acme", c.target))
			wantAllowed(t, az, update, true)
		})
	}
}

// An open tenant whose store is lost ends by itself; without its log, it allows nothing meanwhile.
func TestOpenTenantWithoutTheStore(t *testing.T) {
	log, now, store := &auditLog{}, &clock{monday}, &faulty{Memory: storeOf(acme)}
	az := open(t, store, authz.WithAudit(log), authz.WithOpenLimit(time.Hour), now.option())
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(az.Disable(t.Context(), by, "acme", "*", authz.InMode(model.ModeOpen), authz.Until(monday.Add(time.Hour)), authz.AfterBackup(b)))
	store.load, store.before = errDisk, errDisk
	all := ask("user:dan", "delete", hers)
	wantAllowed(t, az, all, true)
	log.err = errDisk
	if ok, err := az.Enforce(t.Context(), all); ok || !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("without a log: %v, %v", ok, err)
	}
	now.now = monday.Add(time.Hour)
	log.err = nil
	wantAllowed(t, az, all, false)
	now.now = monday
	wantAllowed(t, az, all, false)
	if got := fmt.Sprint(len(log.entries)); got != "2" { // of what was allowed, and of what could not be logged
		t.Errorf("%s entries", got)
	}
}
