package analysis

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// The policy of the benchmarks: 1,000 people in 50 roles, 100 teams and 40 units, who
// report to 100 managers; 600 rules on types; and on some 95,000 single records somebody
// has a level.
const (
	benchPeople = 1_000
	benchFacts  = 100_000
)

func benchSchema() *model.Schema {
	s := &model.Schema{Types: map[string]model.Type{}, Conditions: map[string]string{"eu": `record.region == "EU"`, "open": `record.region != "closed"`}}
	for i, name := range []string{"account", "contact", "deal", "case", "task", "quote", "order", "invoice", "lead", "campaign"} {
		t := model.Type{Actions: map[string]model.Action{}, Fields: map[string]model.Field{}, Attributes: map[string]model.AttrType{"region": model.AttrString}}
		for a, need := range map[string]model.Level{"read": model.LevelRead, "export": model.LevelRead, "update": model.LevelWrite, "delete": model.LevelDelete, "share": model.LevelFull} {
			t.Actions[a] = model.Action{Need: need}
		}
		for f := range 20 {
			t.Fields[fmt.Sprintf("f%d", f)] = model.Field{Default: model.FieldLevel(f % 4)}
		}
		if i > 0 {
			t.Parent = model.Parent{Type: "account", Cap: model.LevelWrite}
		}
		t.Hierarchy = model.Hierarchy{By: model.ByLine, Level: model.LevelFull, Holders: i == 0}
		s.Types[name] = t
	}
	return s
}

func benchPolicy(s *model.Schema) []model.Fact {
	var facts []model.Fact
	add := func(f model.Fact) { facts = append(facts, f) }
	user := func(i int) string { return fmt.Sprintf("user:u%03d", i%benchPeople) }
	types := sortedKeys(s.Types)
	for i := range benchPeople {
		add(model.Membership{Tenant: "acme", Member: user(i), Group: fmt.Sprint("role:r", i%50)})
		add(model.Membership{Tenant: "acme", Member: user(i), Group: fmt.Sprint("team:t", i%100)})
		add(model.Membership{Tenant: "acme", Member: user(i), Group: fmt.Sprint("unit:n", i%40)})
		if i >= 100 {
			add(model.OrgEdge{Tenant: "acme", Below: user(i), Above: user(i % 100)})
		} else if i > 0 {
			add(model.OrgEdge{Tenant: "acme", Below: user(i), Above: user((i - 1) / 10)})
		}
	}
	for i := range 40 {
		if i > 0 {
			add(model.OrgEdge{Tenant: "acme", Below: fmt.Sprint("unit:n", i), Above: fmt.Sprint("unit:n", (i-1)/3)})
		}
	}
	for r := range 50 {
		role := fmt.Sprint("role:r", r)
		for i, typ := range types {
			add(model.CustomerRule{Tenant: "acme", Subject: role, On: model.OnType(typ), Action: model.Any, Effect: model.Allow})
			add(model.CustomerRule{Tenant: "acme", Subject: role, On: model.OnType(typ), Action: "read", Effect: model.Allow, Scope: model.Scope(1 + (r+i)%4)})
			if (r+i)%5 == 0 {
				add(model.CustomerRule{Tenant: "acme", Subject: role, On: model.OnType(typ), Action: "export", Effect: model.Deny, If: "eu"})
			}
			add(model.FieldRule{Tenant: "acme", Subject: role, On: model.OnField(typ, fmt.Sprint("f", (r+i)%20)), Level: model.FieldRead, Effect: model.Allow, If: []string{"", "open"}[r%2]})
		}
	}
	for i := 0; len(facts) < benchFacts; i++ {
		add(model.TeamRule{Tenant: "acme", Subject: user(i*7 + i/80_000), On: model.OnRecord(types[i%len(types)], fmt.Sprint("rec", i%80_000)), Level: model.Level(1 + i%4)})
	}
	return facts
}

// benchChange is the policy with a hundred facts gone and as many new ones, some of which
// concern many people.
func benchChange(facts []model.Fact) []model.Fact {
	var after []model.Fact
	for i, f := range facts {
		if i%1000 != 7 {
			after = append(after, f)
		}
	}
	for i := range 90 {
		after = append(after, model.TeamRule{Tenant: "acme", Subject: fmt.Sprintf("user:u%03d", i*11), On: model.OnRecord("deal", fmt.Sprint("new", i)), Level: model.LevelWrite})
	}
	return append(after,
		model.CustomerRule{Tenant: "acme", Subject: "role:r3", On: model.OnType("deal"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll},
		model.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("campaign"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: "open"},
		model.FieldRule{Tenant: "acme", Subject: model.Everyone, On: model.OnField("account", "f0"), Level: model.FieldRead, Effect: model.Allow},
		model.OrgEdge{Tenant: "acme", Below: "user:u500", Above: "user:u007"},
		model.Membership{Tenant: "acme", Member: "team:t5", Group: "role:r9"},
	)
}

func BenchmarkDiff(b *testing.B) {
	s := benchSchema()
	before := benchPolicy(s)
	after := benchChange(before)
	defer reportCPU(b)()
	for b.Loop() {
		c, err := Diff(b.Context(), Policy{s, "acme", before}, Policy{s, "acme", after}, Options{At: now})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(c.Gains)+len(c.Losses)), "changes")
		b.ReportMetric(float64(len(c.Markdown())), "bytes")
	}
}

func BenchmarkProve(b *testing.B) {
	s := benchSchema()
	p := Policy{s, "acme", benchPolicy(s)}
	statement, err := ParseStatement("no one outside role:r3 or role:r4 ever edits account#f3")
	if err != nil {
		b.Fatal(err)
	}
	defer reportCPU(b)()
	for b.Loop() {
		proofs, err := Prove(b.Context(), p, []Statement{statement}, Options{At: now})
		if err != nil || proofs[0].Holds {
			b.Fatal(proofs, err)
		}
	}
}

func BenchmarkLint(b *testing.B) {
	s := benchSchema()
	p := Policy{s, "acme", benchPolicy(s)}
	defer reportCPU(b)()
	for b.Loop() {
		findings, err := Lint(p, Options{At: now})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(findings)), "findings")
	}
}

// reportCPU reports the seconds of processor time of each round, which other programs on the
// machine make no longer.
func reportCPU(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() { b.ReportMetric((used()-start).Seconds()/float64(b.N), "cpu-s/op") }
}

// The changes of BenchmarkPreview, from one that concerns one person to one that concerns all of everything.
var benchChanges = []struct {
	name   string
	add    model.Fact
	remove bool // instead
}{
	{"grant to one user", model.TeamRule{Tenant: "acme", Subject: "user:u500", On: model.OnRecord("account", "rec70000"), Level: model.LevelWrite}, false},
	{"role rule", model.CustomerRule{Tenant: "acme", Subject: "role:r3", On: model.OnType("deal"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}, false},
	{"rule for everybody", model.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("account"), Action: "export", Effect: model.Allow, Scope: model.ScopeUnitTree}, false},
	{"field rule for everybody", model.FieldRule{Tenant: "acme", Subject: model.Everyone, On: model.OnField("account", "f0"), Level: model.FieldRead, Effect: model.Allow}, false},
	{"membership", model.Membership{Tenant: "acme", Member: "user:u500", Group: "role:r7"}, false},
	{"membership of a team", model.Membership{Tenant: "acme", Member: "team:t5", Group: "role:r9"}, false},
	{"branch moves", model.OrgEdge{Tenant: "acme", Below: "user:u005", Above: "user:u002"}, false},
	{"unit moves", model.OrgEdge{Tenant: "acme", Below: "unit:n5", Above: "unit:n2"}, false},
	{"user off", model.Switch{Tenant: "acme", Target: "user:u500", Mode: model.ModeOff}, false},
	{"role off", model.Switch{Tenant: "acme", Target: "role:r3", Mode: model.ModeOff}, false},
	{"type read-only", model.Switch{Tenant: "acme", Target: "deal", Mode: model.ModeReadOnly}, false},
	{"tenant locked", model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeLocked}, false},
}

func BenchmarkPreview(b *testing.B) {
	s := benchSchema()
	v, err := NewVocabulary(s, "acme")
	if err != nil {
		b.Fatal(err)
	}
	var lines []model.Line
	for _, f := range benchPolicy(s) {
		l, err := model.Encode(f)
		if err != nil {
			b.Fatal(err)
		}
		lines = append(lines, l)
	}
	for _, c := range benchChanges {
		b.Run(c.name, func(b *testing.B) {
			l, err := model.Encode(c.add)
			if err != nil {
				b.Fatal(err)
			}
			defer reportCPU(b)()
			for b.Loop() {
				i, err := v.Preview(b.Context(), Change{Tenant: "acme", Lines: lines, Add: []model.Line{l}}, Options{At: now})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(i.Gains)+len(i.Losses)), "differences")
			}
		})
	}
}
