package authz_test

import (
	"fmt"
	"testing"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// largeTenant is a store with a tenant of 100,000 facts: 1,000 people in 50 roles and 100 teams who report to 100
// managers, and who are on the teams of 90,000 records.
func largeTenant(b *testing.B) *adapter.Memory {
	b.Helper()
	user := func(i int) string { return fmt.Sprintf("user:u%03d", i%1_000) }
	count := 0
	store, err := adapter.NewMemory(func(yield func(model.Line) bool) {
		add := func(f authz.Fact) {
			count++
			if l, err := model.Encode(f); err != nil || !yield(l) {
				b.Fatal(f, err)
			}
		}
		for i := range 1_000 {
			add(member(user(i), fmt.Sprint("role:r", i%50)))
			add(member(user(i), fmt.Sprint("team:t", i%100)))
			if i >= 100 {
				add(authz.OrgEdge{Tenant: "acme", Below: user(i), Above: user(i % 100)})
			} else if i > 0 {
				add(authz.OrgEdge{Tenant: "acme", Below: user(i), Above: user((i - 1) / 10)})
			}
		}
		for i := range 50 {
			for _, action := range []string{"read", "update"} {
				for _, typ := range []string{"customer", "order"} {
					add(authz.CustomerRule{Tenant: "acme", Subject: fmt.Sprint("role:r", i), On: model.OnType(typ), Action: action, Effect: model.Allow, Scope: model.Scope(i % 3)})
				}
			}
		}
		for i := 0; count < 100_000; i++ {
			add(authz.TeamRule{Tenant: "acme", Subject: user(i*7 + i/90_000), On: model.OnRecord("customer", fmt.Sprint(i%90_000)), Level: model.Level(1 + i%4)})
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func BenchmarkPreview(b *testing.B) {
	az := open(b, largeTenant(b))
	for _, bench := range []struct {
		name string
		fact authz.Fact
	}{
		{"grant to one user", authz.TeamRule{Tenant: "acme", Subject: "user:u500", On: model.OnRecord("customer", "70000"), Level: model.LevelFull}},
		{"role rule for everybody", authz.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: "delete", Effect: model.Allow}},
		{"membership", member("user:u500", "team:t7")},
		{"branch moves", authz.OrgEdge{Tenant: "acme", Below: "user:u005", Above: "user:u002"}},
		{"role off", model.Switch{Tenant: "acme", Target: "role:r3", Mode: model.ModeOff}},
		{"tenant locked", model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeLocked}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				i, err := az.Preview(b.Context(), change([]authz.Fact{bench.fact}, nil))
				if err != nil || i.Nothing() {
					b.Fatal(i, err)
				}
				b.ReportMetric(float64(len(i.Gains)+len(i.Losses)), "lines")
			}
		})
	}
}
