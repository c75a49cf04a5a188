package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// path is a way to ask what Enforce decides.
type path struct {
	name string
	ask  func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error)
	// tells: it says what would be allowed, and gives nothing; an open tenant's log has no entry of it.
	tells bool
}

func viewerOf(ctx context.Context, az *authz.Authorizer, req authz.Request) *authz.Viewer {
	v, err := az.For(ctx, req.Tenant, req.User)
	if err != nil {
		panic(err)
	}
	return v.WithAddress(req.Address)
}

func listOf(ctx context.Context, az *authz.Authorizer, req authz.Request) (*authz.Filter, error) {
	return az.Filter(ctx, authz.Query{Tenant: req.Tenant, User: req.User, Action: req.Action, Type: req.Record.Type, Address: req.Address})
}

// shows tells whether fields show anything; each level must be what the others say of it.
func shows(all func(func(string, model.FieldLevel) bool)) (any bool) {
	for _, level := range all {
		any = any || level > model.FieldHidden
	}
	return any
}

// paths are all ways but Enforce. Those about fields ask whether there is any to be seen: the name is open to
// whoever may do the action.
var paths = []path{
	{name: "Decide", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		d, err := az.Decide(ctx, req)
		return d.Allowed, err
	}},
	{name: "DecideAll", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		ds, err := az.DecideAll(ctx, []authz.Request{req, req})
		if ds[0].Allowed != ds[1].Allowed {
			return false, fmt.Errorf("%v, then %v", ds[0], ds[1])
		}
		return ds[1].Allowed, err
	}},
	{name: "Explain", tells: true, ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		x, err := az.Explain(ctx, req)
		if err == nil && x.Gates[len(x.Gates)-1].Passed != x.Allowed {
			err = fmt.Errorf("allowed %v, the last gate is %v", x.Allowed, x.Gates[len(x.Gates)-1])
		}
		return x.Allowed, err
	}},
	{name: "Viewer.Enforce", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		return viewerOf(ctx, az, req).Enforce(req.Action, req.Record)
	}},
	{name: "Viewer.EnforceAll", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		allowed := make([]bool, 2)
		err := viewerOf(ctx, az, req).EnforceAll(req.Record, []string{"read", req.Action}, allowed)
		return allowed[1], err
	}},
	{name: "Viewer.Decide", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		d, err := viewerOf(ctx, az, req).Decide(req.Action, req.Record)
		return d.Allowed, err
	}},
	{name: "Filter", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		f, err := listOf(ctx, az, req)
		if err != nil {
			return false, err
		}
		return filter.Eval(f.Expr(), req.Record) == filter.True, nil
	}},
	{name: "Filter.Match", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		f, err := listOf(ctx, az, req)
		if err != nil {
			return false, err
		}
		return f.Match(req.Record)
	}},
	{name: "WhatCan", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		w, err := az.WhatCan(ctx, authz.Query{Tenant: req.Tenant, User: req.User, Address: req.Address})
		i := slices.IndexFunc(w.Reaches, func(r authz.Reach) bool { return r.Type == req.Record.Type && r.Action == req.Action })
		return i >= 0 && filter.Eval(w.Reaches[i].Filter.Expr(), req.Record) == filter.True, err
	}},
	{name: "WhoCan", tells: true, ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		w, err := az.WhoCan(ctx, authz.WhoQuery{Tenant: req.Tenant, Action: req.Action, Record: req.Record, Address: req.Address})
		return w.Everyone || slices.ContainsFunc(w.People, func(p authz.Person) bool { return p.User == req.User }), err
	}},
	{name: "FieldLevel", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		l, err := az.FieldLevel(ctx, req, "name")
		return l > model.FieldHidden, err
	}},
	{name: "ExplainField", tells: true, ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		x, err := az.ExplainField(ctx, req, "name")
		return x.Level > model.FieldHidden, err
	}},
	{name: "Fields", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		f, err := az.Fields(ctx, req)
		if err == nil {
			err = sameLevels(ctx, az, req, f)
		}
		return shows(f.All()), err
	}},
	{name: "Viewer.Fields", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		v := viewerOf(ctx, az, req)
		if _, err := v.Fields(req.Action, his); err != nil { // what is known of one record must not be said of another
			return false, err
		}
		f, err := v.Fields(req.Action, req.Record)
		if err == nil {
			err = sameLevels(ctx, az, req, f)
		}
		return shows(f.All()), err
	}},
	{name: "Viewer.View", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		view, err := viewerOf(ctx, az, req).View(req.Action, "", req.Record, map[string]any{"name": "Acme"})
		return strings.Contains(string(view.Record), "Acme"), err
	}},
	{name: "redacted JSON", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		f, err := az.Fields(ctx, req)
		if err != nil {
			return false, err
		}
		text, err := f.JSON(map[string]any{"name": "Acme"})
		return json.Valid(text) && strings.Contains(string(text), "Acme"), err
	}},
	{name: "Reveal", ask: func(ctx context.Context, az *authz.Authorizer, req authz.Request) (bool, error) {
		shown, err := az.Reveal(ctx, req, "name", "a call", map[string]any{"name": "Acme"})
		if errors.Is(err, authz.ErrDenied) {
			err = nil
		}
		return shown == "Acme", err
	}},
}

// sameLevels: each level of all fields is what FieldLevel and ExplainField say.
func sameLevels(ctx context.Context, az *authz.Authorizer, req authz.Request, f authz.Fields) error {
	for name, level := range f.All() {
		one, err := az.FieldLevel(ctx, req, name)
		if err == nil && one != level {
			err = fmt.Errorf("%s is %v, and %v when it is asked for alone", name, level, one)
		}
		x, err2 := az.ExplainField(ctx, req, name)
		if err2 == nil && x.Level != level {
			err2 = fmt.Errorf("%s is %v, and explained as %v", name, level, x.Level)
		}
		if err := errors.Join(err, err2); err != nil {
			return err
		}
	}
	return nil
}

type mode struct {
	name     string
	switches [][]any // target, then options
}

// modes are those of every kind of target, and some together.
func modes() []mode {
	except := func(terms ...string) authz.SwitchOption { return authz.Except(terms...) }
	readOnly := authz.InMode(model.ModeReadOnly)
	open := func(o ...any) []any {
		return append([]any{"*", authz.InMode(model.ModeOpen), authz.Until(monday.Add(time.Hour))}, o...)
	}
	rule := model.RuleID(authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow})
	return []mode{
		{"none", nil},
		{"user", [][]any{{"user:alice"}}},
		{"user, not in the office", [][]any{{"user:alice", except("net:10.0.0.0/8")}}},
		{"role", [][]any{{"role:rep"}}},
		{"role, but for one", [][]any{{"role:rep", except("user:bob")}}},
		{"role, but for one in the office", [][]any{{"role:rep", except("user:bob", "net:10.0.0.0/8")}}},
		{"rule", [][]any{{rule}}},
		{"rule, but for one", [][]any{{rule, except("user:alice")}}},
		{"membership, not in the office", [][]any{{model.RuleID(member("user:alice", "role:rep")), except("net:10.0.0.0/8")}}},
		{"base rule", [][]any{{model.RuleID(baseReader)}}},
		{"base rule, but for one", [][]any{{model.RuleID(baseReader), except("user:dan")}}},
		{"type", [][]any{{"customer"}}},
		{"type, read-only", [][]any{{"customer", readOnly}}},
		{"type, but for support", [][]any{{"customer", except("role:support")}}},
		{"all types", [][]any{{"*", readOnly, except("role:support")}}},
		{"unit", [][]any{{"customer@unit:north"}}},
		{"unit, read-only", [][]any{{"customer@unit:north", readOnly}}},
		{"record", [][]any{{"customer/42"}}},
		{"record, read-only but for one", [][]any{{"customer/42", readOnly, except("user:alice")}}},
		{"field", [][]any{{"customer#phone"}}},
		{"field, read-only", [][]any{{"customer#phone", readOnly}}},
		{"field of a record", [][]any{{"customer/42#phone"}}},
		{"field of a record, but for one", [][]any{{"customer/42#phone", except("user:alice")}}},
		{"all fields of a record, read-only", [][]any{{"customer/42#*", readOnly}}},
		{"locked", [][]any{{"*"}}},
		{"locked, but for support", [][]any{{"*", except("role:support")}}},
		{"locked, but for a role that is off", [][]any{{"*", except("role:support")}, {"role:support"}}},
		{"locked, but for a role that is off but for one", [][]any{{"*", except("role:support")}, {"role:support", except("user:dan")}}},
		{"locked, but for one who is frozen", [][]any{{"*", except("user:alice")}, {"user:alice"}}},
		{"read-only", [][]any{{"*", readOnly}}},
		{"read-only, and locked for all but one", [][]any{{"*", readOnly}, {"*", except("user:alice")}}},
		{"open", [][]any{open()}},
		{"open, with one frozen", [][]any{{"user:alice"}, open()}},
		{"open for one in the office", [][]any{open(except("user:dan", "net:10.0.0.0/8", "customer#notes"))}},
		{"open, with a record read-only", [][]any{{"customer/42", readOnly}, open()}},
		{"open, with a unit off", [][]any{{"customer@unit:north"}, open()}},
		{"open, and locked", [][]any{open(), {"*"}}},
		{"over", [][]any{{"*", authz.Until(monday.Add(-time.Second))}, {"role:rep", authz.Until(monday)}}},
		{"to come", [][]any{{"*", authz.From(monday.Add(time.Second))}, {"role:rep", authz.From(monday.Add(time.Hour)), except("user:alice")}}},
	}
}

var baseReader = authz.CustomerRule{Tenant: model.Base, Subject: "role:support", On: model.OnType("order"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}

// inMode opens Acme, with a unit, in a mode.
func inMode(t *testing.T, m mode, log authz.Audit, clock authz.Option) *authz.Authorizer {
	t.Helper()
	az := open(t, storeOf(strings.Replace(acme, "  rules:\n", "    - {who: unit:city, under: unit:north}\n  rules:\n", 1)),
		authz.WithAudit(log), authz.WithOpenLimit(time.Hour), clock)
	must(t)(az.Grant(t.Context(), by, baseReader))
	for _, s := range m.switches {
		b, err := az.Backup(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		options := []authz.SwitchOption{authz.AfterBackup(b)}
		for _, o := range s[1:] {
			options = append(options, o.(authz.SwitchOption))
		}
		must(t)(az.Disable(t.Context(), by, "acme", s[0].(string), options...))
	}
	return az
}

// requestsOfPaths are users, some of whom nobody knows, on records, from several places.
func requestsOfPaths() (all []authz.Request) {
	records := []*authz.Record{hers, his,
		{Type: "customer", ID: "44", Unit: "unit:city", Owners: []string{"user:alice", "user:bob"}},
		{Type: "customer", ID: "45", Owners: []string{"user:zoe"}}}
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:zoe"} {
		for _, r := range records {
			for _, action := range []string{"read", "update"} {
				for _, address := range []netip.Addr{{}, office} {
					all = append(all, from(address, ask(user, action, r)))
				}
			}
		}
	}
	return all
}

// In every mode, each way to ask gives the answer of Enforce. What an open tenant allows has left an
// entry first, or is denied.
func TestEveryPathAnswersAsEnforceInEveryMode(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			log, now := &auditLog{}, &clock{monday}
			az := inMode(t, m, log, now.option())
			for _, req := range requestsOfPaths() {
				d, err := az.Decide(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				want, err := az.Enforce(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range paths {
					log.entries, log.err = nil, nil
					got, err := p.ask(t.Context(), az, req)
					if got != want || err != nil {
						t.Errorf("%s: %s %s %s from %v: %v, %v; Enforce says %v", p.name, req.User, req.Action, req.Record.ID, req.Address, got, err, want)
					}
					if d.Reason != model.ReasonOpen || p.tells {
						continue
					}
					if len(log.entries) == 0 {
						t.Errorf("%s: %s %s %s from %v: allowed without an entry", p.name, req.User, req.Action, req.Record.ID, req.Address)
					}
					log.err = errDisk
					if got, err := p.ask(t.Context(), az, req); got || !errors.Is(err, authz.ErrNoAudit) {
						t.Errorf("%s: %s %s %s from %v: %v, %v although it cannot be logged", p.name, req.User, req.Action, req.Record.ID, req.Address, got, err)
					}
				}
				log.err = nil
				typeWants(t, az, req)
			}
		})
	}
}

// typeWants: what is allowed of a record by more than a rule on it alone is allowed at all; and the ways to ask about a
// type agree.
func typeWants(t *testing.T, az *authz.Authorizer, req authz.Request) {
	t.Helper()
	v := viewerOf(t.Context(), az, req)
	req.Type, req.Record = req.Record.Type, nil
	want, err := az.Enforce(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.EnforceType(req.Action, req.Type)
	d, err2 := v.DecideType(req.Action, req.Type)
	f, err3 := v.FieldsOfType(req.Action, req.Type)
	if err := errors.Join(err, err2, err3); got != want || d.Allowed != want || shows(f.All()) != want || err != nil {
		t.Errorf("%s %s a %s: %v, %v and %v, %v; Enforce says %v", req.User, req.Action, req.Type, got, d, shows(f.All()), err, want)
	}
	list, err := az.Filter(t.Context(), authz.Query{Tenant: req.Tenant, User: req.User, Action: req.Action, Type: req.Type, Address: req.Address})
	if err != nil || !want && !list.None() {
		t.Errorf("%s %s a %s: denied, and the list has %v, %v", req.User, req.Action, req.Type, list, err)
	}
	least, err := v.FieldsOfList(req.Action, req.Type)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requestsOfPaths() {
		if r.User != req.User || r.Action != req.Action || r.Address != req.Address {
			continue
		}
		r.Tenant = req.Tenant
		if ok, err := az.Enforce(t.Context(), r); !ok || err != nil {
			continue
		}
		for field, level := range least.All() {
			if of, err := az.FieldLevel(t.Context(), r, field); err != nil || level > of {
				t.Errorf("%s %s: %s is %v in all records, and %v, %v in %s", req.User, req.Action, field, level, of, err, r.Record.ID)
			}
		}
	}
}
