package authz_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

func TestZeroValuesDeny(t *testing.T) {
	if d := (authz.Decision{}); d.Allowed || d.Reason != model.ReasonError {
		t.Errorf("the zero Decision: %v", d)
	}
	if x := (authz.Explanation{}); x.Allowed {
		t.Errorf("the zero Explanation: %v", x)
	}
	if l := model.FieldLevel(0); l != model.FieldHidden {
		t.Errorf("the zero FieldLevel is %v", l)
	}
	if l := model.Level(0); l != model.LevelNone {
		t.Errorf("the zero Level is %v", l)
	}
	az := open(t, storeOf(acme))
	if ok, err := az.Enforce(t.Context(), authz.Request{}); ok || err == nil {
		t.Errorf("the zero Request: got %v, %v; want a denial and an error", ok, err)
	}
	var v authz.Viewer
	if ok, err := v.Enforce("read", hers); ok || !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("the zero Viewer: got %v, %v; want a denial and an error", ok, err)
	}
	if ok, err := v.EnforceType("read", "customer"); ok || !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("the zero Viewer: got %v, %v; want a denial and an error", ok, err)
	}
	if v.Revision() != 0 {
		t.Errorf("the zero Viewer is at revision %d", v.Revision())
	}
}

// ring is a record that is its own parent.
func ring() *authz.Record {
	r := &authz.Record{Type: "order", ID: "1"}
	r.Parent = r
	return r
}

func TestMalformedRequestIsDeniedWithATypedError(t *testing.T) {
	az := open(t, storeOf(acme+"beta:\n  rules: [{who: \"*\", may: \"*\", on: \"*\", scope: all}]\n"))
	type change func(*authz.Request)
	tests := []struct {
		name   string
		change change
		want   error
	}{
		{"unknown tenant", func(q *authz.Request) { q.Tenant = "nobody" }, model.ErrUnknownTenant},
		{"no tenant", func(q *authz.Request) { q.Tenant = "" }, model.ErrMalformed},
		{"base policy", func(q *authz.Request) { q.Tenant = model.Base }, model.ErrUnknownTenant},
		{"long tenant", func(q *authz.Request) { q.Tenant = strings.Repeat("x", 101) }, model.ErrTooLong},
		{"no user", func(q *authz.Request) { q.User = "" }, model.ErrUnknownKind},
		{"user without kind", func(q *authz.Request) { q.User = "alice" }, model.ErrUnknownKind},
		{"user of an unknown kind", func(q *authz.Request) { q.User = "robot:r2" }, model.ErrUnknownKind},
		{"role as user", func(q *authz.Request) { q.User = "role:rep" }, model.ErrUnknownKind},
		{"everyone as user", func(q *authz.Request) { q.User = model.Everyone }, model.ErrUnknownKind},
		{"unknown type", func(q *authz.Request) { q.Record = &authz.Record{Type: "letter"} }, model.ErrUnknownType},
		{"no type", func(q *authz.Request) { q.Record = nil }, model.ErrUnknownType},
		{"every type", func(q *authz.Request) { q.Record, q.Type = nil, model.Any }, model.ErrUnknownType},
		{"another type than the record's", func(q *authz.Request) { q.Type = "order" }, model.ErrMalformed},
		{"another id than the record's", func(q *authz.Request) { q.ID = "43" }, model.ErrMalformed},
		{"unknown action", func(q *authz.Request) { q.Action = "fly" }, model.ErrUnknownAction},
		{"every action", func(q *authz.Request) { q.Action = model.Any }, model.ErrUnknownAction},
		{"no action", func(q *authz.Request) { q.Action = "" }, model.ErrUnknownAction},
		{"id only", func(q *authz.Request) { q.Record, q.Type, q.ID = nil, "customer", "42" }, model.ErrNoFacts},
		{"unknown attribute", func(q *authz.Request) {
			q.Record = &authz.Record{Type: "customer", Attrs: map[string]any{"colour": "red"}}
		}, model.ErrUnknownAttribute},
		{"attribute of another type", func(q *authz.Request) {
			q.Record = &authz.Record{Type: "customer", Attrs: map[string]any{"region": 7}}
		}, model.ErrMalformed},
		{"unknown attribute of the user", func(q *authz.Request) { q.UserAttrs = map[string]any{"grade": 7} }, model.ErrUnknownAttribute},
		{"unknown attribute of the environment", func(q *authz.Request) { q.Env = map[string]any{"office": true} }, model.ErrUnknownAttribute},
		{"role as owner", func(q *authz.Request) {
			q.Record = &authz.Record{Type: "customer", Owners: []string{"role:rep"}}
		}, model.ErrUnknownKind},
		{"team as unit", func(q *authz.Request) { q.Record = &authz.Record{Type: "customer", Unit: "team:x"} }, model.ErrUnknownKind},
		{"record that is its own parent", func(q *authz.Request) { q.Record = ring() }, model.ErrTooDeep},
	}
	for _, test := range tests {
		for _, tenant := range []string{"acme", "beta"} { // beta allows everything
			t.Run(test.name+" in "+tenant, func(t *testing.T) {
				req := authz.Request{Tenant: tenant, User: "user:alice", Action: "read", Record: hers}
				wantAllowed(t, az, req, true)
				test.change(&req)
				ok, err := az.Enforce(t.Context(), req)
				wantDenial(t, "Enforce", ok, err, test.want)
				d, err := az.Decide(t.Context(), req)
				wantDenial(t, "Decide", d.Allowed || d.Reason != model.ReasonError, err, test.want)
				ds, err := az.DecideAll(t.Context(), []authz.Request{req})
				wantDenial(t, "DecideAll", ds[0].Allowed, err, test.want)
				level, err := az.FieldLevel(t.Context(), req, "name")
				wantDenial(t, "FieldLevel", level != model.FieldHidden, err, test.want)
				x, err := az.Explain(t.Context(), req)
				wantDenial(t, "Explain", x.Allowed, err, test.want)
			})
		}
	}
}

func wantDenial(t *testing.T, verb string, allowed bool, err, want error) {
	t.Helper()
	if allowed || !errors.Is(err, want) {
		t.Errorf("%s: allowed %v, error %v; want a denial with %v", verb, allowed, err, want)
	}
}

func TestUnknownFieldIsHiddenWithATypedError(t *testing.T) {
	az := open(t, storeOf(acme))
	for _, field := range []string{"colour", "", model.Any, "customer#phone"} {
		for _, user := range []string{"user:alice", "user:stranger"} {
			level, err := az.FieldLevel(t.Context(), ask(user, "update", hers), field)
			if level != model.FieldHidden || !errors.Is(err, model.ErrUnknownField) {
				t.Errorf("%s: field %q: got %v, %v; want %v", user, field, level, err, model.ErrUnknownField)
			}
		}
	}
}

func TestUserWithoutFactsIsNoError(t *testing.T) {
	az := open(t, storeOf(acme+"  teams: [{who: \"*\", has: read, on: customer/7}]\n"))
	must(t)(az.Grant(t.Context(), by, authz.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: "read", Effect: model.Allow}))
	wantAllowed(t, az, ask("user:stranger", "read", hers), false)
	wantAllowed(t, az, ask("user:stranger", "read", &authz.Record{Type: "customer", ID: "7"}), true)
}

func TestDecideAllDeniesTheUndecidableAndDecidesTheRest(t *testing.T) {
	az := open(t, storeOf(acme))
	good := ask("user:alice", "read", hers)
	reqs := []authz.Request{
		good,
		ask("user:alice", "fly", hers),
		{Tenant: "nobody", User: "user:alice", Action: "read", Record: hers},
		{Tenant: "nobody", User: "user:alice", Action: "read", Record: his},
		ask("user:bob", "read", hers),
		good,
	}
	ds, err := az.DecideAll(t.Context(), reqs)
	var got []bool
	for _, d := range ds {
		got = append(got, d.Allowed)
	}
	if diff := cmp.Diff([]bool{true, false, false, false, false, true}, got); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(err, model.ErrUnknownAction) || !errors.Is(err, model.ErrUnknownTenant) {
		t.Errorf("the error %v does not tell all", err)
	}
	for _, place := range []string{"request 1:", "request 2:", "request 3:"} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("the error does not tell of %s:\n%v", place, err)
		}
	}
	if ds, err := az.DecideAll(t.Context(), nil); len(ds) != 0 || err != nil {
		t.Errorf("no requests: got %v, %v", ds, err)
	}
}

// All verbs give the same answer to the same question.
func TestVerbsAgree(t *testing.T) {
	az := open(t, storeOf(acme))
	records := []*authz.Record{hers, his, {Type: "customer"}, {Type: "order", ID: "1", Parent: hers}}
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:stranger"} {
		viewer, err := az.For(t.Context(), "acme", user)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			for _, action := range []string{"read", "update"} {
				req := ask(user, action, record)
				want, err := az.Enforce(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				d, err1 := az.Decide(t.Context(), req)
				x, err2 := az.Explain(t.Context(), req)
				v, err3 := viewer.Enforce(action, record)
				if d.Allowed != want || x.Allowed != want || v != want || errors.Join(err1, err2, err3) != nil {
					t.Errorf("%s %s %s/%s: Enforce %v, Decide %v, Explain %v, Viewer %v: %v", user, action, record.Type, record.ID,
						want, d.Allowed, x.Allowed, v, errors.Join(err1, err2, err3))
				}
			}
		}
		onType, err := az.Enforce(t.Context(), authz.Request{Tenant: "acme", User: user, Action: "read", Type: "customer"})
		if v, err3 := viewer.EnforceType("read", "customer"); v != onType || err != nil || err3 != nil {
			t.Errorf("%s on the type: Enforce %v, Viewer %v", user, onType, v)
		}
	}
}

func TestViewerRefuses(t *testing.T) {
	az := open(t, storeOf(acme))
	for _, user := range []string{"alice", "role:rep", "", model.Everyone} {
		if v, err := az.For(t.Context(), "acme", user); v != nil || !errors.Is(err, model.ErrUnknownKind) {
			t.Errorf("For %q: got %v, %v; want no Viewer and %v", user, v, err, model.ErrUnknownKind)
		}
	}
	if _, err := az.For(t.Context(), "nobody", "user:alice"); !errors.Is(err, model.ErrUnknownTenant) {
		t.Errorf("For in an unknown tenant: got %v", err)
	}
	v, err := az.For(t.Context(), "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := v.Enforce("read", nil); ok || !errors.Is(err, model.ErrNoFacts) {
		t.Errorf("no record: got %v, %v; want %v", ok, err, model.ErrNoFacts)
	}
	if ok, err := v.Enforce("fly", hers); ok || !errors.Is(err, model.ErrUnknownAction) {
		t.Errorf("unknown action: got %v, %v; want %v", ok, err, model.ErrUnknownAction)
	}
	if ok, err := v.EnforceType("read", "letter"); ok || !errors.Is(err, model.ErrUnknownType) {
		t.Errorf("unknown type: got %v, %v; want %v", ok, err, model.ErrUnknownType)
	}
}

// Without an instant in the request the clock's counts; with one, that.
func TestInstantOfTheRequestComesBeforeTheClock(t *testing.T) {
	clock := monday
	az := open(t, storeOf(acme), authz.WithClock(func() time.Time { return clock }))
	must(t)(az.Disable(t.Context(), by, "acme", "user:alice", authz.From(monday), authz.Until(monday.Add(time.Hour))))
	req := ask("user:alice", "read", hers)
	wantAllowed(t, az, req, false)
	clock = monday.Add(time.Hour)
	wantAllowed(t, az, req, true)
	req.At = monday
	wantAllowed(t, az, req, false)
	req.At = monday.In(time.FixedZone("", 5*3600)) // the same instant
	wantAllowed(t, az, req, false)
}

// fetcher is a resolver that counts and can be made to fail.
type fetcher struct {
	customers map[string]*authz.Record // by tenant/type/id
	answer    func([]*authz.Record) ([]*authz.Record, error)
	calls     map[string]int // by tenant
}

func newFetcher() *fetcher {
	return &fetcher{customers: map[string]*authz.Record{"acme/customer/42": hers, "acme/customer/43": his}, calls: map[string]int{}}
}

func (f *fetcher) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	f.calls[tenant]++
	var records []*authz.Record
	for _, r := range refs {
		records = append(records, f.customers[tenant+"/"+r.Type+"/"+r.ID])
	}
	if f.answer != nil {
		return f.answer(records)
	}
	return records, nil
}

func byID(user, id string) authz.Request {
	return authz.Request{Tenant: "acme", User: user, Action: "update", Type: "customer", ID: id}
}

func TestResolverIsAskedOnceForAllRecordsOfATenant(t *testing.T) {
	f := newFetcher()
	az := open(t, storeOf(acme+"beta:\n  rules: [{who: \"*\", may: \"*\", on: customer, scope: all}]\n"), authz.WithResolver(f))
	f.customers["beta/customer/42"] = &authz.Record{Type: "customer", ID: "42", Owners: his.Owners}
	inBeta := byID("user:alice", "42")
	inBeta.Tenant = "beta"
	ds, err := az.DecideAll(t.Context(), []authz.Request{
		byID("user:alice", "42"), byID("user:alice", "43"), inBeta, ask("user:bob", "update", his), byID("user:bob", "43"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []bool
	for _, d := range ds {
		got = append(got, d.Allowed)
	}
	if diff := cmp.Diff([]bool{true, false, true, true, true}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"acme": 1, "beta": 1}, f.calls); diff != "" {
		t.Error(diff)
	}
	// The other verbs ask it, too; and only for what comes without facts.
	wantAllowed(t, az, byID("user:alice", "42"), true)
	if d, err := az.Decide(t.Context(), byID("user:alice", "42")); err != nil || !d.Allowed {
		t.Errorf("Decide: got %v, %v", d, err)
	}
	if x, err := az.Explain(t.Context(), byID("user:alice", "43")); err != nil || x.Reason != model.ReasonNoReach {
		t.Errorf("Explain: got %v, %v", x, err)
	}
	if l, err := az.FieldLevel(t.Context(), byID("user:alice", "42"), "phone"); err != nil || l != model.FieldWrite {
		t.Errorf("FieldLevel: got %v, %v", l, err)
	}
	wantAllowed(t, az, ask("user:alice", "read", hers), true)
	if f.calls["acme"] != 5 {
		t.Errorf("asked %d times, want 5", f.calls["acme"])
	}
}

func TestRequestsOfTheCallerAreNotTouched(t *testing.T) {
	az := open(t, storeOf(acme), authz.WithResolver(newFetcher()))
	reqs := []authz.Request{byID("user:alice", "42")}
	if _, err := az.DecideAll(t.Context(), reqs); err != nil {
		t.Fatal(err)
	}
	if reqs[0].Record != nil {
		t.Error("DecideAll has put the record into the caller's request")
	}
}

func TestResolverThatFailsDenies(t *testing.T) {
	tests := []struct {
		name   string
		answer func([]*authz.Record) ([]*authz.Record, error)
		also   error
	}{
		{"error", func(r []*authz.Record) ([]*authz.Record, error) { return r, errDisk }, errDisk},
		{"no records", func([]*authz.Record) ([]*authz.Record, error) { return nil, nil }, nil},
		{"too many records", func(r []*authz.Record) ([]*authz.Record, error) { return append(r, r...), nil }, nil},
		{"nil record", func([]*authz.Record) ([]*authz.Record, error) { return []*authz.Record{nil}, nil }, nil},
		{"another record", func([]*authz.Record) ([]*authz.Record, error) {
			return []*authz.Record{{Type: "customer", ID: "77", Owners: hers.Owners}}, nil
		}, nil},
		{"record of another type", func([]*authz.Record) ([]*authz.Record, error) {
			return []*authz.Record{{Type: "order", ID: "42", Owners: hers.Owners}}, nil
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFetcher()
			f.answer = test.answer
			az := open(t, storeOf(acme), authz.WithResolver(f))
			req := byID("user:alice", "42")
			for _, want := range []error{model.ErrNoFacts, test.also} {
				if want == nil {
					continue
				}
				ok, err := az.Enforce(t.Context(), req)
				wantDenial(t, "Enforce", ok, err, want)
				d, err := az.Decide(t.Context(), req)
				wantDenial(t, "Decide", d.Allowed, err, want)
				ds, err := az.DecideAll(t.Context(), []authz.Request{req})
				wantDenial(t, "DecideAll", ds[0].Allowed, err, want)
				l, err := az.FieldLevel(t.Context(), req, "name")
				wantDenial(t, "FieldLevel", l != model.FieldHidden, err, want)
				x, err := az.Explain(t.Context(), req)
				wantDenial(t, "Explain", x.Allowed, err, want)
			}
		})
	}
}

func TestResolve_gives_records_in_order_or_none(t *testing.T) {
	f := newFetcher()
	az := open(t, storeOf(acme), authz.WithResolver(f))
	refs := []authz.Ref{{Type: "customer", ID: "43"}, {Type: "customer", ID: "99"}, {Type: "customer", ID: "42"}}
	got, err := az.Resolve(t.Context(), "acme", refs...)
	if diff := cmp.Diff([]*authz.Record{his, nil, hers}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if f.calls["acme"] != 1 {
		t.Errorf("asked %d times, want once", f.calls["acme"])
	}
	for name, answer := range map[string]func([]*authz.Record) ([]*authz.Record, error){
		"error":          func(r []*authz.Record) ([]*authz.Record, error) { return r, errDisk },
		"too few":        func(r []*authz.Record) ([]*authz.Record, error) { return r[1:], nil },
		"in other order": func(r []*authz.Record) ([]*authz.Record, error) { return []*authz.Record{r[2], r[1], r[0]}, nil },
	} {
		f.answer = answer
		if got, err := az.Resolve(t.Context(), "acme", refs...); got != nil || !errors.Is(err, model.ErrNoFacts) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := open(t, storeOf(acme)).Resolve(t.Context(), "acme", refs...); got != nil || !errors.Is(err, model.ErrNoFacts) {
		t.Errorf("without a resolver: got %v, %v", got, err)
	}
	az.Close()
	if got, err := az.Resolve(t.Context(), "acme", refs...); got != nil || !errors.Is(err, authz.ErrClosed) {
		t.Errorf("closed: got %v, %v", got, err)
	}
}

// A record that one tenant's resolver call does not find denies it alone.
func TestMissingRecordDeniesOnlyItsRequest(t *testing.T) {
	az := open(t, storeOf(acme), authz.WithResolver(newFetcher()))
	ds, err := az.DecideAll(t.Context(), []authz.Request{byID("user:alice", "99"), byID("user:alice", "42")})
	if !errors.Is(err, model.ErrNoFacts) || ds[0].Allowed || !ds[1].Allowed {
		t.Errorf("got %v, %v", ds, err)
	}
}

func TestConditionUnknownDoesNotAllowButForbids(t *testing.T) {
	az := open(t, storeOf(`acme: {rules: [
		{who: role:eu, may: read, on: customer, scope: all, if: eu_only},
		{who: role:all, may: read, on: customer, scope: all},
		{who: role:all, may not: read, on: customer, if: eu_only}],
		members: [{who: user:a, in: role:eu}, {who: user:b, in: role:all}]}`))
	tests := []struct {
		region           any
		eu, allButTheEUs bool
	}{{"EU", true, false}, {"US", false, true}, {nil, false, false}}
	for _, test := range tests {
		r := &authz.Record{Type: "customer", ID: "1", Attrs: map[string]any{"region": test.region}}
		wantAllowed(t, az, ask("user:a", "read", r), test.eu)
		wantAllowed(t, az, ask("user:b", "read", r), test.allButTheEUs)
	}
	wantAllowed(t, az, ask("user:a", "read", &authz.Record{Type: "customer", ID: "1"}), false)
	wantAllowed(t, az, ask("user:b", "read", &authz.Record{Type: "customer", ID: "1"}), false)
}

// What Enforce is promised to cost holds through all layers.
func TestEnforceAllocatesNothing(t *testing.T) {
	az := open(t, storeOf(acme))
	ctx := t.Context()
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers})
		r := authz.Record{Type: "customer", ID: "44"} // it does not have to leave the stack
		_, _ = az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: &r, Address: office})
	}); n != 0 {
		t.Errorf("Enforce allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, _ = az.FieldLevel(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: hers}, "phone")
	}); n != 0 {
		t.Errorf("FieldLevel allocates %v times", n)
	}
	viewer, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		r := authz.Record{Type: "customer", ID: "44"}
		_, _ = viewer.Enforce("update", &r)
		_, _ = viewer.Fields("update", &r)
		_, _ = viewer.EnforceType("update", "customer")
	}); n != 0 {
		t.Errorf("Viewer.Enforce and EnforceType allocate %v times", n)
	}
}

// A viewer's reasons are those of Decide, at the revision that he was looked up at.
func TestViewer_Decide_is_Decide_at_his_revision(t *testing.T) {
	ctx, az := t.Context(), openAcme()
	defer az.Close()
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:nobody"} {
		v, err := az.For(ctx, "acme", user)
		if err != nil {
			t.Fatal(err)
		}
		want, err := az.Decide(ctx, ask(user, "update", hers))
		if err != nil {
			t.Fatal(err)
		}
		wantType, err := az.Decide(ctx, authz.Request{Tenant: "acme", User: user, Action: "update", Type: "customer"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := az.Grant(ctx, authz.By("user:admin", "a test"), member(user, "role:"+user[len("user:"):])); err != nil {
			t.Fatal(err)
		}
		got, err := v.Decide("update", hers)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(user, diff, err)
		}
		got, err = v.DecideType("update", "customer")
		if diff := cmp.Diff(wantType, got); diff != "" || err != nil {
			t.Error(user, diff, err)
		}
		d, err := v.Decide("update", nil)
		wantDenial(t, "Decide", d.Allowed, err, model.ErrNoFacts)
		d, err = v.DecideType("fly", "customer")
		wantDenial(t, "DecideType", d.Allowed, err, model.ErrUnknownAction)
	}
	d, err := new(authz.Viewer).Decide("read", hers)
	wantDenial(t, "Decide", d.Allowed, err, authz.ErrUnavailable)
}

// EnforceAll answers as Enforce does, and what it could not decide is denied.
func TestViewer_EnforceAll_is_Enforce_for_each_action(t *testing.T) {
	ctx, az := t.Context(), openAcme()
	defer az.Close()
	actions := []string{"read", "update", "delete"}
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:nobody"} {
		v, err := az.For(ctx, "acme", user)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*authz.Record{hers, {Type: "customer", ID: "unheard of"}, {Type: "customer", Owners: []string{user}}} {
			got := []bool{true, true, true}
			if err := v.EnforceAll(r, actions, got); err != nil {
				t.Fatal(err)
			}
			for i, action := range actions {
				want, err := v.Enforce(action, r)
				if err != nil {
					t.Fatal(err)
				}
				if got[i] != want {
					t.Errorf("%s %s %v: got %v, want %v", user, action, r, got[i], want)
				}
			}
		}
		got := []bool{true, true, true}
		if err := v.EnforceAll(hers, []string{"read", "fly", "update"}, got); !errors.Is(err, model.ErrUnknownAction) || got[1] || got[2] {
			t.Errorf("got %v, %v; want denials from the unknown action on", got, err)
		}
		got = []bool{true, true, true}
		if err := v.EnforceAll(nil, actions, got); !errors.Is(err, model.ErrNoFacts) || got[0] || got[1] || got[2] {
			t.Errorf("got %v, %v; want denials without a record", got, err)
		}
	}
}

// A page may show records of several types with buttons of their own, and ask for them at once.
func TestViewer_EnforceAll_answers_for_records_of_several_types_with_other_actions(t *testing.T) {
	schema, names := &authz.Schema{Types: map[string]model.Type{}}, []string(nil)
	for i := range 12 {
		names = append(names, fmt.Sprintf("a%d", i))
	}
	for _, typ := range []string{"customer", "deal", "order"} {
		of := model.Type{Actions: map[string]model.Action{}}
		for _, name := range names {
			of.Actions[name] = model.Action{Need: model.LevelRead}
		}
		schema.Types[typ] = of
	}
	az, err := authz.Open(t.Context(), schema, storeOf(`
acme:
  rules:
    - {who: user:ann, may: [a0, a3, a5, a8, a11], on: customer, scope: all}
    - {who: user:ann, may: [a1, a2, a3, a9, a10], on: deal, scope: all}
    - {who: user:ann, may: "*", on: order/7}
`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := az.For(t.Context(), "acme", "user:ann")
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	for seed := range uint64(4) {
		asking.Go(func() {
			d := rand.New(rand.NewPCG(seed, 7))
			for range 500 {
				r := &authz.Record{Type: []string{"customer", "deal", "order"}[d.IntN(3)], ID: fmt.Sprint(d.IntN(9))}
				actions := slices.Clone(names)
				d.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
				actions = actions[:d.IntN(len(actions)+1)]
				unknown := len(actions)
				if unknown > 0 && d.IntN(4) == 0 {
					unknown = d.IntN(unknown)
					actions[unknown] = "fly"
				}
				got := make([]bool, len(actions))
				if err := v.EnforceAll(r, actions, got); (err != nil) != (unknown < len(actions)) {
					t.Errorf("%v on %v: %v", actions, r, err)
				}
				for i, action := range actions {
					if want, err := v.Enforce(action, r); got[i] != (want && i < unknown) || err != nil && i != unknown {
						t.Errorf("%s of %v on %v: got %v, want %v, %v", action, actions, r, got[i], want, err)
					}
				}
			}
		})
	}
	asking.Wait()
}

// Conditions of a page are judged on one copy of the record, but each on its own action.
func TestConditionsOfSeveralActionsAreEachJudgedOnTheirOwn(t *testing.T) {
	schema, err := model.ParseSchema([]byte(`
types: {customer: {actions: {read: read, update: write, delete: delete}, attributes: {region: string}}}
conditions: {reading: action == "read" && record.region == "EU", changing: action != "read"}
`))
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, storeOf(`
acme:
  rules:
    - {who: user:ann, may: "*", on: customer, scope: all, if: reading}
    - {who: user:bob, may: "*", on: customer, scope: all, if: changing}
`))
	if err != nil {
		t.Fatal(err)
	}
	actions, got := []string{"update", "read", "delete", "read"}, make([]bool, 4)
	for user, want := range map[string][]bool{"user:ann": {false, true, false, true}, "user:bob": {true, false, true, false}} {
		v, err := az.For(t.Context(), "acme", user)
		if err != nil {
			t.Fatal(err)
		}
		r := &authz.Record{Type: "customer", ID: "1", Attrs: map[string]any{"region": "EU"}}
		if err := v.EnforceAll(r, actions, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", user, diff)
		}
		r.Attrs["region"] = "US" // the next question is about the record as it is now
		if ok, err := v.Enforce("read", r); ok || err != nil {
			t.Errorf("%s: read elsewhere: %v, %v", user, ok, err)
		}
	}
}
