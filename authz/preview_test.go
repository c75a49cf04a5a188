package authz_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

func off(target string) model.Switch {
	s := model.Switch{Tenant: "acme", Target: target, Mode: model.ModeOff}
	if target == model.Any {
		s.Mode = model.ModeLocked
	}
	return s
}

// summary is who gains and loses which actions, without fields.
func summary(i *authz.Impact) (all []string) {
	for _, d := range slices.Concat(i.Gains, i.Losses) {
		if d.Fields == nil {
			sign := map[bool]string{true: "+", false: "-"}[d.Gain()]
			all = append(all, sign+strings.Join(d.People, ",")+" "+d.Action+" "+d.Type+": "+d.Where.String())
		}
	}
	return all
}

func TestPreviewOfEachKind(t *testing.T) {
	bob := authz.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelWrite}
	everyone := authz.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("order"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}
	tests := []struct {
		name   string
		change authz.Change
		want   []string
	}{
		{"nothing", change(nil, nil), nil},
		{"what is there", change([]authz.Fact{repUpdates}, []authz.Fact{member("user:zoe", "role:rep")}), nil},
		{"a team rule", change([]authz.Fact{bob}, nil), []string{"+user:bob read customer: not own and 42", "+user:bob update customer: not own and 42"}},
		{"a rule for everyone", change([]authz.Fact{everyone}, nil), []string{"+user:alice,user:bob,user:carol,user:dan,anyone else read order: all"}},
		{"a membership", change(nil, []authz.Fact{member("user:bob", "role:rep")}), []string{"-user:bob read customer: own", "-user:bob update customer: own"}},
		{"a superior", change(nil, []authz.Fact{authz.OrgEdge{Tenant: "acme", Below: "user:bob", Above: "user:carol"}}), []string{"-user:carol read customer: below before and not own and not below now"}},
		{"a user off", change([]authz.Fact{off("user:dan")}, nil), []string{"-user:dan read customer: all"}},
		{"a role off", change([]authz.Fact{off("role:support")}, nil), []string{"-user:dan read customer: all"}},
		{"a rule off", change([]authz.Fact{off(model.RuleID(repUpdates))}, nil), []string{"-user:alice,user:bob,user:carol update customer: own"}},
		{"a type off", change([]authz.Fact{off("customer")}, nil), []string{"-user:dan read customer: all", "-user:alice,user:bob read customer: own", "-user:carol read customer: own or below", "-user:alice,user:bob,user:carol update customer: own"}},
		{"a record off", change([]authz.Fact{off("customer/42")}, nil), []string{"-user:alice,user:bob read customer: own and 42", "-user:dan read customer: 42", "-user:carol read customer: own or below and 42", "-user:alice,user:bob,user:carol update customer: own and 42"}},
		{"the tenant off", change([]authz.Fact{off(model.Any)}, nil), []string{"-user:alice,user:bob,user:carol,user:dan read customer: all that there is for them", "-user:alice,user:bob,user:carol update customer: all that there is for them"}},
		{"on again and gone", change([]authz.Fact{off("user:dan")}, []authz.Fact{member("user:dan", "role:support")}), []string{"-user:dan read customer: all"}},
	}
	az := open(t, storeOf(acme))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := need(az.Preview(t.Context(), test.change, authz.At(monday)))(t)
			got := summary(i)
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if i.Tenant != "acme" || i.Revision != 1 || i.People != 4 || !i.At.Equal(monday) || i.Nothing() != (test.want == nil) {
				t.Errorf("it is of %s at revision %d for %d people at %s", i.Tenant, i.Revision, i.People, i.At)
			}
			wantRevision(t, az, "acme", 1)
		})
	}
}

// A change is previewed for the instants at which it begins and ends, too, and for one that is asked for.
func TestPreviewAtOtherTimes(t *testing.T) {
	az := open(t, storeOf(acme), authz.WithClock(func() time.Time { return monday }))
	leave := off("user:dan")
	leave.Valid = model.Period{From: monday.Add(time.Hour), Until: monday.Add(2 * time.Hour)}
	leaves := change([]authz.Fact{leave}, nil)
	i := need(az.Preview(t.Context(), leaves))(t)
	if i.Nothing() || len(i.Gains)+len(i.Losses) > 0 || len(i.Later) != 2 || !i.Later[0].At.Equal(leave.Valid.From) || len(i.Later[0].Losses) == 0 || len(i.Later[1].Over) == 0 {
		t.Errorf("now:\n%s", i)
	}
	if i = need(az.Preview(t.Context(), leaves, authz.Later(0)))(t); !i.Nothing() {
		t.Errorf("now only:\n%s", i)
	}
	if i = need(az.Preview(t.Context(), leaves, authz.At(leave.Valid.From)))(t); !slices.Equal(i.Losing(), []string{"user:dan"}) || i.Gaining() != nil {
		t.Errorf("meanwhile:\n%s", i)
	}
}

// Opening a tenant is no change that Apply makes, but its preview tells who may do what meanwhile.
func TestPreviewOfAnOpening(t *testing.T) {
	az := open(t, storeOf(acme), authz.WithClock(func() time.Time { return monday }))
	opens := model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeOpen, Valid: model.Period{From: monday, Until: monday.Add(time.Hour)}, Except: "user:dan"}
	i := need(az.Preview(t.Context(), change([]authz.Fact{opens}, nil)))(t)
	if !slices.Equal(i.Gaining(), []string{"user:dan"}) || !slices.Equal(i.Losing(), []string{"user:alice", "user:bob", "user:carol"}) {
		t.Errorf("%s", i)
	}
}

func TestPreviewTellsOfRecords(t *testing.T) {
	az := open(t, storeOf(strings.ReplaceAll(acme, "scope: all}", "scope: all, if: eu_only}")))
	eu := &authz.Record{Type: "customer", ID: "7", Attrs: map[string]any{"region": "EU"}}
	us := &authz.Record{Type: "customer", ID: "8", Attrs: map[string]any{"region": "US"}}
	gone := change(nil, []authz.Fact{member("user:dan", "role:support"), member("user:bob", "role:rep")})
	i := need(az.Preview(t.Context(), gone, authz.OnRecords(slices.Values([]*authz.Record{hers, his, eu, us}))))(t)
	want := []impact.Record{
		{Type: "customer", ID: "43", Losses: []impact.Difference{
			{People: []string{"user:bob"}, Type: "customer", Action: "read", From: model.FieldWrite},
			{People: []string{"user:bob"}, Type: "customer", Action: "update", From: model.FieldWrite}}},
		{Type: "customer", ID: "7", Losses: []impact.Difference{{People: []string{"user:dan"}, Type: "customer", Action: "read", From: model.FieldWrite}}},
	}
	if diff := cmp.Diff(want, i.Records); diff != "" || i.OfRecords != 4 {
		t.Errorf("of %d\n%s", i.OfRecords, diff)
	}
	if text := i.Markdown(); !strings.Contains(text, "| `customer/7` |  | user:dan: read customer |") {
		t.Error(text)
	}
	if text := i.String(); !strings.Contains(text, "of 4 records asked about, 2\n  customer/43\n    - user:bob: read customer\n") {
		t.Error(text)
	}
	bad := &authz.Record{Type: "customer", ID: "9", Attrs: map[string]any{"region": 7}}
	for name, records := range map[string][]*authz.Record{"no record": {nil}, "a malformed one": {bad}} {
		if _, err := az.Preview(t.Context(), gone, authz.OnRecords(slices.Values(records))); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

// withoutLog is a store that keeps no log.
type withoutLog struct{ adapter.Store }

func TestPreviewRefuses(t *testing.T) {
	az := open(t, storeOf(acme))
	eve := member("user:eve", "role:rep")
	base := authz.Change{Tenant: model.Base, Add: []authz.Fact{authz.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("order"), Action: "read", Effect: model.Allow}}}
	tests := []struct {
		name    string
		change  authz.Change
		options []authz.PreviewOption
		want    error
	}{
		{"a fact both added and taken away", change([]authz.Fact{eve}, []authz.Fact{eve}), nil, model.ErrMalformed},
		{"an unknown type", change([]authz.Fact{off("client")}, nil), nil, model.ErrUnknownType},
		{"a switch of no rule", change([]authz.Fact{off(model.RuleID(eve))}, nil), nil, authz.ErrNoSuchRule},
		{"a cycle", change([]authz.Fact{member("role:rep", "role:support"), member("role:support", "role:rep")}, nil), nil, model.ErrCycle},
		{"another revision", authz.Change{Tenant: "acme", Add: []authz.Fact{eve}, Base: 7}, nil, authz.ErrMoved},
		{"no tenant", authz.Change{}, nil, model.ErrUnknownTenant},
		{"the base policy in no tenant", base, nil, model.ErrUnknownTenant},
	}
	for _, test := range tests {
		_, preview := az.Preview(t.Context(), test.change, test.options...)
		_, simulate := az.Simulate(t.Context(), test.change, test.options...)
		for verb, err := range map[string]error{"Preview": preview, "Simulate": simulate} {
			if !errors.Is(err, test.want) {
				t.Errorf("%s of %s: got %v, want %v", verb, test.name, err, test.want)
			}
		}
	}
	if i, err := az.Preview(t.Context(), base, authz.InTenant("acme")); err != nil || !slices.Equal(i.Gaining(), []string{"user:alice", "user:bob", "user:carol"}) {
		t.Errorf("of the base policy: %v, %v", i, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := az.Preview(ctx, change([]authz.Fact{eve}, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	gone := &faulty{Memory: storeOf(acme)}
	unavailable := open(t, gone)
	gone.load = errDisk
	if _, err := unavailable.Preview(t.Context(), change([]authz.Fact{eve}, nil)); !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("without the store: %v", err)
	}
	if err := az.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := az.Preview(t.Context(), change(nil, nil)); !errors.Is(err, authz.ErrClosed) {
		t.Errorf("of a closed one: %v", err)
	}
}

func TestImpactOfRefuses(t *testing.T) {
	az := open(t, storeOf(acme))
	must(t)(az.Grant(t.Context(), by, member("user:eve", "role:rep")))
	for name, test := range map[string]struct {
		az       *authz.Authorizer
		tenant   string
		revision authz.Revision
		want     error
	}{
		"what the log does not know": {az, "acme", 1, adapter.ErrLogCut},
		"none":                       {az, "acme", 0, authz.ErrNoRevision},
		"a later one":                {az, "acme", 3, authz.ErrNoRevision},
		"of another tenant":          {az, "beta", 1, authz.ErrNoRevision},
		"of no tenant":               {az, "", 1, model.ErrUnknownTenant},
		"of the base policy":         {az, model.Base, 1, model.ErrUnknownTenant},
		"of a store without a log":   {open(t, withoutLog{storeOf(acme)}), "acme", 1, authz.ErrNoLog},
	} {
		if _, err := test.az.ImpactOf(t.Context(), test.tenant, test.revision); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if i, err := az.ImpactOf(t.Context(), "acme", 2); err != nil || i.Revision != 1 || !slices.Equal(i.Gaining(), []string{"user:eve"}) {
		t.Errorf("%v, %v", i, err)
	}
}

// A draft touches nothing that others see, leaves no trace, and shows nobody a field.
func TestSimulationIsOnesOwn(t *testing.T) {
	log := &notebook{}
	az := open(t, storeOf(acme), authz.WithObserver(log), authz.WithClock(func() time.Time { return monday }))
	opens := model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeOpen, Valid: model.Period{From: monday, Until: monday.Add(time.Hour)}, Except: "user:dan"}
	draft := need(az.Simulate(t.Context(), change([]authz.Fact{opens}, nil)))(t)
	wantAllowed(t, draft, ask("user:dan", "update", hers), true)
	wantAllowed(t, draft, ask("user:alice", "update", hers), false)
	later := ask("user:alice", "update", hers)
	later.At = monday.Add(2 * time.Hour)
	wantAllowed(t, draft, later, true)
	must(t)(draft.Grant(t.Context(), by, member("user:eve", "role:support")))
	if _, err := draft.Reveal(t.Context(), ask("user:alice", "update", hers), "phone", "ticket 1", "555"); err == nil {
		t.Error("a draft reveals a field")
	}
	if _, err := draft.Enforce(t.Context(), authz.Request{Tenant: "beta", User: "user:alice", Action: "read", Record: hers}); !errors.Is(err, model.ErrUnknownTenant) {
		t.Errorf("another tenant: %v", err)
	}
	if told := log.told(); len(told) > 0 {
		t.Errorf("observed: %v", told)
	}
	wantRevision(t, az, "acme", 1)
	wantAllowed(t, az, ask("user:dan", "update", hers), false)
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	empty := need(az.Simulate(t.Context(), change(nil, []authz.Fact{member("user:dan", "role:support")})))(t)
	wantAllowed(t, empty, ask("user:dan", "read", hers), false)
}
