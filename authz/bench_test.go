package authz_test

import (
	"fmt"
	"testing"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// The benchmarks' policy: each of benchUsers is in one of benchRoles, each of
// which may read all customers and update those that its users reach.
const (
	benchUsers = 10_000
	benchRoles = 100
)

func benchUser(i int) string { return fmt.Sprint("user:", i%benchUsers) }
func benchRole(i int) string { return fmt.Sprint("role:", i%benchRoles) }

// benchAuthorizer opens the policy.
func benchAuthorizer(b *testing.B) *authz.Authorizer {
	b.Helper()
	store, err := adapter.NewMemory(func(yield func(model.Line) bool) {
		line := func(f authz.Fact) bool {
			l, err := model.Encode(f)
			if err != nil {
				b.Fatal(err)
			}
			return yield(l)
		}
		for i := range benchRoles {
			on := model.OnType("customer")
			if !line(authz.CustomerRule{Tenant: "acme", Subject: benchRole(i), On: on, Action: "read", Effect: model.Allow, Scope: model.ScopeAll}) ||
				!line(authz.CustomerRule{Tenant: "acme", Subject: benchRole(i), On: on, Action: "update", Effect: model.Allow}) ||
				!line(authz.FieldRule{Tenant: "acme", Subject: benchRole(i), On: model.OnField("customer", "phone"), Level: model.FieldRead, Effect: model.Allow}) {
				return
			}
		}
		for i := range benchUsers {
			if !line(member(benchUser(i), benchRole(i))) || !line(authz.OrgEdge{Tenant: "acme", Below: benchUser(i), Above: fmt.Sprint("user:manager", i%100)}) {
				return
			}
		}
		for i := range 100 {
			if !line(member(fmt.Sprint("user:manager", i), benchRole(i))) {
				return
			}
		}
		line(authz.CustomerRule{Tenant: "acme", Subject: "role:eu", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: "eu_only"})
		line(member("user:eu", "role:eu"))
	})
	if err != nil {
		b.Fatal(err)
	}
	return open(b, store, authz.WithPreload())
}

// users are the names asked about, made before the clock runs.
func users() []string {
	names := make([]string, 1024)
	for i := range names {
		names[i] = benchUser(i * 7919)
	}
	return names
}

func BenchmarkEnforce(b *testing.B) {
	az, ctx, names := benchAuthorizer(b), b.Context(), users()
	own := make([]*authz.Record, len(names))
	for i, n := range names {
		own[i] = &authz.Record{Type: "customer", ID: fmt.Sprint(i), Owners: []string{n}}
	}
	other := &authz.Record{Type: "customer", ID: "1", Owners: []string{"user:nobody"}}
	eu := &authz.Record{Type: "customer", ID: "1", Attrs: map[string]any{"region": "EU"}}
	for _, bench := range []struct {
		name string
		want bool
		req  func(i int) authz.Request
	}{
		{"type", true, func(i int) authz.Request {
			return authz.Request{Tenant: "acme", User: names[i], Action: "read", Type: "customer"}
		}},
		{"hit", true, func(i int) authz.Request { return ask(names[i], "update", own[i]) }},
		{"miss", false, func(i int) authz.Request { return ask(names[i], "update", other) }},
		{"unknown user", false, func(int) authz.Request { return ask("user:stranger", "read", other) }},
		{"hierarchy", true, func(int) authz.Request { return ask("user:manager7", "read", own[0]) }},
		{"condition", true, func(int) authz.Request { return ask("user:eu", "read", eu) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if ok, err := az.Enforce(ctx, bench.req(i%len(names))); ok != bench.want || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkFieldLevel(b *testing.B) {
	az, ctx, names := benchAuthorizer(b), b.Context(), users()
	record := &authz.Record{Type: "customer", ID: "1"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if l, err := az.FieldLevel(ctx, ask(names[i%len(names)], "read", record), "phone"); l != model.FieldRead || err != nil {
			b.Fatal(l, err)
		}
	}
}

// A page is a hundred records that one user is shown.
func BenchmarkPage(b *testing.B) {
	az, ctx := benchAuthorizer(b), b.Context()
	records, reqs := make([]*authz.Record, 100), make([]authz.Request, 100)
	for i := range records {
		records[i] = &authz.Record{Type: "customer", ID: fmt.Sprint(i), Owners: []string{benchUser(i % 2)}}
		reqs[i] = ask(benchUser(0), "update", records[i])
	}
	b.Run("For", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := az.For(ctx, "acme", benchUser(0))
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range records {
				_, _ = v.Enforce("update", r)
			}
		}
	})
	b.Run("DecideAll", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := az.DecideAll(ctx, reqs); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Each turn grants and revokes, so that the policy stays as large as it is.
func BenchmarkGrant(b *testing.B) {
	for name, fact := range map[string]authz.Fact{
		"team rule":  authz.TeamRule{Tenant: "acme", Subject: "user:1", On: model.OnRecord("customer", "42"), Level: model.LevelRead},
		"rule":       authz.CustomerRule{Tenant: "acme", Subject: "user:1", On: model.OnType("customer"), Action: "delete", Effect: model.Allow},
		"role":       member("role:1", "role:2"), // compiled anew
		"membership": member("user:1", "role:2"), // compiled anew, as there is a hierarchy
	} {
		b.Run(name, func(b *testing.B) {
			az := benchAuthorizer(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := az.Grant(b.Context(), by, fact); err != nil {
					b.Fatal(err)
				}
				if _, err := az.Revoke(b.Context(), by, fact); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The least that the question "type" can cost: two looks into maps of Go.
func BenchmarkBareMap(b *testing.B) {
	type right struct{ role, typ, action string }
	roleOf, rights, names := map[string]string{}, map[right]bool{}, users()
	for i := range benchUsers {
		roleOf[benchUser(i)] = benchRole(i)
	}
	for i := range benchRoles {
		rights[right{benchRole(i), "customer", "read"}] = true
	}
	for i := 0; b.Loop(); i++ {
		if !rights[right{roleOf[names[i%len(names)]], "customer", "read"}] {
			b.Fatal("denied")
		}
	}
}

// The question "type", asked of Casbin with its usual model of RBAC with domains.
func BenchmarkCasbin(b *testing.B) {
	text, err := casbinmodel.NewModelFromString(usualModel)
	if err != nil {
		b.Fatal(err)
	}
	e, err := casbin.NewEnforcer(text)
	if err != nil {
		b.Fatal(err)
	}
	var rules, groups [][]string
	for i := range benchRoles {
		rules = append(rules, []string{benchRole(i), "acme", "customer", "read"}, []string{benchRole(i), "acme", "customer", "update"})
	}
	for i := range benchUsers {
		groups = append(groups, []string{benchUser(i), benchRole(i), "acme"})
	}
	if _, err := e.AddPolicies(rules); err != nil {
		b.Fatal(err)
	}
	if _, err := e.AddGroupingPolicies(groups); err != nil {
		b.Fatal(err)
	}
	names := users()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if ok, err := e.Enforce(names[i%len(names)], "acme", "customer", "read"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
