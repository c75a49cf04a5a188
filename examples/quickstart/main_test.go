package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata"
)

var update = flag.Bool("update", false, "write testdata/output.txt")

func TestOutputIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/output.txt"
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got; -update writes it)\n%s", diff)
	}
}

func TestAWrongAnswerIsNamed(t *testing.T) {
	right := whys[0].allowed
	whys[0].allowed = !right
	defer func() { whys[0].allowed = right }()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err == nil {
		t.Error("no error")
	}
	const want = "WRONG alice update account/fjord-bygg: got true, want false\n"
	if !bytes.Contains(out.Bytes(), []byte(want)) {
		t.Errorf("%q is missing in\n%s", want, out.String())
	}
}

func TestAWrongAnswerOfTheMaintenanceIsNamed(t *testing.T) {
	locked := &phases[2]
	right := locked.want
	locked.want = append([]string{"R····"}, right[1:]...)
	defer func() { locked.want = right }()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err == nil {
		t.Error("no error")
	}
	const want = "WRONG 20:30:00 user:alice read fjord-bygg: got false, want true\n"
	if !bytes.Contains(out.Bytes(), []byte(want)) {
		t.Errorf("%q is missing in\n%s", want, out.String())
	}
}

func TestEveryFactAndRecordIsKnownToTheSchema(t *testing.T) {
	org, err := testdata.Sales()
	if err != nil {
		t.Fatal(err)
	}
	if len(org.Facts) < 400 {
		t.Errorf("%d facts; want 400 at least", len(org.Facts))
	}
	for _, f := range org.Facts {
		if err := org.Schema.For(f.TenantID()).CheckFact(f); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	for tenant, records := range org.Record {
		for name, r := range records {
			if err := org.Schema.For(tenant).CheckRecord(r); err != nil {
				t.Errorf("%s of %s: %v", name, tenant, err)
			}
		}
	}
}

// A subject, record or rule that nothing else speaks of is a slip of the pen.
func TestPolicyNamesNothingThatIsNotThere(t *testing.T) {
	org, err := testdata.Sales()
	if err != nil {
		t.Fatal(err)
	}
	members, rules := map[string]bool{}, map[string]bool{}
	for _, f := range org.Facts {
		if m, ok := f.(authz.Membership); ok {
			members[m.Tenant+" "+m.Member] = true
			members[m.Tenant+" "+m.Group] = true
		}
		rules[model.RuleID(f)] = true
	}
	check := func(f model.Fact, subject string) {
		kind := model.KindOf(subject)
		known := members[f.TenantID()+" "+subject] || subject == model.Everyone || model.IsRuleID(subject) && rules[subject] ||
			kind == model.Role && f.TenantID() == model.Base || kind == model.Unit
		if !known {
			t.Errorf("%s: nobody is %s", f, subject)
		}
	}
	on := func(f model.Fact, target model.Target) {
		if target.ID != "" && org.Record[f.TenantID()][target.Type+"/"+target.ID] == nil {
			t.Errorf("%s: there is no %s", f, target)
		}
	}
	for _, f := range org.Facts {
		switch f := f.(type) {
		case authz.CustomerRule:
			check(f, f.Subject)
			on(f, f.On)
		case authz.TeamRule:
			check(f, f.Subject)
			on(f, f.On)
		case authz.FieldRule:
			check(f, f.Subject)
			on(f, model.OnRecord(f.On.Type, f.On.ID))
		case authz.OrgEdge:
			check(f, f.Below)
			check(f, f.Above)
		case model.Switch:
			check(f, f.Target)
		}
	}
}
