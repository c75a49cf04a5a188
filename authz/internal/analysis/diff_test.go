package analysis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

var crm = &model.Schema{
	Types: map[string]model.Type{
		"customer": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
			Fields:  map[string]model.Field{"name": {Default: model.FieldWrite}, "phone": {}, "credit_limit": {}},
			Attributes: map[string]model.AttrType{
				"region": model.AttrString,
			},
		},
		"deal": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}},
			Parent:  model.Parent{Type: "customer", Cap: model.LevelWrite},
		},
	},
	Conditions: map[string]string{"eu_only": `record.region == "EU"`, "in_finance": `member("role:finance")`},
}

func facts(t testing.TB, text string) []model.Fact {
	t.Helper()
	all, err := model.ParsePolicy([]byte("acme:\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func policy(t testing.TB, text string) Policy { return Policy{crm, "acme", facts(t, text)} }

func TestDiffMarkdown(t *testing.T) {
	before := policy(t, `
  members:
    - {who: [user:ann, user:bob, user:cyd, user:dan], in: role:rep}
    - {who: user:eve, in: role:finance}
  rules:
    - {who: role:rep, may: read, on: customer}
`)
	after := policy(t, `
  members:
    - {who: [user:ann, user:bob, user:cyd, user:dan], in: role:rep}
    - {who: user:bob, in: role:finance}
  rules:
    - {who: role:rep, may: [read, update], on: customer}
    - {who: role:finance, may: [read, update], on: customer, scope: all, if: eu_only}
    - {who: role:rep, may: read, on: deal, from: 2027-01-01T00:00:00Z}
  fields:
    - {who: role:finance, has: write, on: customer#credit_limit}
`)
	c, err := Diff(t.Context(), before, after, Options{At: now, Later: 3})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/diff.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), c.Markdown()); diff != "" {
		t.Errorf("testdata/diff.md -, got +\n%s\n%s", diff, c.Markdown())
	}
}

// Who asks from a network that is excepted loses less, and who loses for a while gains it back.
func TestDiffOfSwitches(t *testing.T) {
	const rules = `
  members: [{who: user:ann, in: role:rep}]
  rules: [{who: role:rep, may: read, on: customer, scope: all}]
`
	c, err := Diff(t.Context(), policy(t, rules), policy(t, rules+`
  off:
    - {what: customer, except: net:10.0.0.0/8, until: 2026-12-01T00:00:00Z}
    - {what: customer/7, mode: read-only}
    - {what: "customer#name"}
`), Options{At: now, Later: 5})
	if err != nil {
		t.Fatal(err)
	}
	told := func(of string, changes []impact.Difference) (all []string) {
		for _, c := range changes {
			all = append(all, fmt.Sprintf("%s: %v %s %v %v→%v %s because %v", of, c.People, c.Action, c.Fields, c.From, c.To, c.Where, c.Because))
		}
		return all
	}
	got := slices.Concat(told("losses", c.Losses), told("gains", c.Gains))
	for _, v := range c.Networks {
		got = append(got, "from "+v.From.String())
		got = append(got, slices.Concat(told("losses", v.Losses), told("gains", v.Gains), told("over", v.Over))...)
	}
	for _, v := range c.Later {
		got = append(got, "at "+v.At.Format(time.RFC3339))
		got = append(got, slices.Concat(told("losses", v.Losses), told("gains", v.Gains), told("over", v.Over))...)
	}
	off, field := "p4, customer, acme, off, -, 2026-12-01T00:00:00Z, net:10.0.0.0/8", "p4, customer#name, acme, off, -, -, -"
	want := []string{
		"losses: [user:ann] read [] write→hidden all because [" + off + "]",
		"losses: [user:ann] read [name] read→hidden all because [" + field + " " + off + "]",
		"from 10.0.0.0",
		"over: [user:ann] read [] write→hidden all because [" + off + "]",
		"at 2026-12-01T00:00:00Z",
		"over: [user:ann] read [] write→hidden all because [" + off + "]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Many rules, each with a condition of its own, take few classes of records.
func TestDiffOfManyConditions(t *testing.T) {
	schema := &model.Schema{Types: map[string]model.Type{"customer": {
		Actions:    map[string]model.Action{"read": {Need: model.LevelRead}},
		Attributes: map[string]model.AttrType{"stage": model.AttrInt},
	}}, Conditions: map[string]string{}}
	before, after := Policy{schema, "acme", nil}, Policy{schema, "acme", nil}
	for i := range 60 {
		name := fmt.Sprintf("c%02d", i)
		schema.Conditions[name] = fmt.Sprintf("record.stage == %d", i)
		f := model.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: name}
		if i%6 == 5 {
			f.Effect, f.Scope = model.Deny, model.ScopeLevel
		}
		before.Facts = append(before.Facts, f)
		if f.If != "c30" {
			after.Facts = append(after.Facts, f)
		}
	}
	c, err := Diff(t.Context(), before, after, Options{At: now})
	if err != nil || len(c.Gains) != 0 || len(c.Losses) != 1 || len(c.Losses[0].Where) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := c.Losses[0].Where[0].If; len(got) != 60 || !slices.Contains(got, "c30") || !slices.Contains(got, "not c29") || !slices.Contains(got, "c28 not true") {
		t.Errorf("it is lost %s", c.Losses[0].Where)
	}
}

func TestDiffRefuses(t *testing.T) {
	good := policy(t, "  members: []\n")
	for name, test := range map[string]struct {
		before, now Policy
		want        error
	}{
		"no schema":         {Policy{Tenant: "acme"}, good, model.ErrMalformed},
		"no tenant":         {Policy{Schema: crm}, Policy{Schema: crm}, model.ErrUnknownTenant},
		"the base policy":   {Policy{Schema: crm, Tenant: "*"}, Policy{Schema: crm, Tenant: "*"}, model.ErrUnknownTenant},
		"another tenant":    {good, Policy{Schema: crm, Tenant: "globex"}, model.ErrUnknownTenant},
		"a malformed fact":  {good, Policy{crm, "acme", []model.Fact{model.Membership{Tenant: "acme", Member: "ann", Group: "role:rep"}}}, model.ErrUnknownKind},
		"an unknown type":   {good, Policy{crm, "acme", []model.Fact{model.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnType("letter"), Level: model.LevelRead}}}, model.ErrUnknownType},
		"an unknown action": {good, Policy{crm, "acme", []model.Fact{model.CustomerRule{Tenant: "acme", Subject: "user:ann", On: model.OnType("deal"), Action: "delete", Effect: model.Allow}}}, model.ErrUnknownAction},
	} {
		if _, err := Diff(t.Context(), test.before, test.now, Options{}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	after := policy(t, "  members: [{who: user:ann, in: role:rep}]\n")
	if _, err := Diff(ctx, good, after, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// Changes are plain data: they are the same each time, and JSON has all of them.
func TestDiffIsTheSameEachTime(t *testing.T) {
	for s := range uint64(20) {
		w := newWorld(t, s)
		var texts, tables [2][]byte
		for i := range texts {
			c, err := diff(t.Context(), w.policies[0], w.policies[1], Options{At: now, Later: 1})
			if err != nil {
				t.Fatal(err)
			}
			if texts[i], err = json.Marshal(c); err != nil {
				t.Fatal(err)
			}
			tables[i] = []byte(c.Markdown())
		}
		if !bytes.Equal(texts[0], texts[1]) || !bytes.Equal(tables[0], tables[1]) {
			t.Errorf("seed %d: %s", s, cmp.Diff(string(tables[0]), string(tables[1])))
		}
	}
}

// Of networks in each other and beside each other, each address is in the classes of one of the addresses.
func TestAddressesAreOfAllClasses(t *testing.T) {
	d := newDice(1)
	for range 200 {
		var switches []model.Fact
		var networks []netip.Prefix
		for range 1 + d.IntN(6) {
			n, err := netip.AddrFrom4([4]byte{10, byte(d.IntN(4)), byte(d.IntN(2) * 128), 0}).Prefix(pick(d, 8, 14, 15, 16, 17, 18))
			if err != nil {
				t.Fatal(err)
			}
			networks = append(networks, n)
			switches = append(switches, model.Switch{Except: model.Exceptions("net:" + n.String())})
		}
		classes := map[string]bool{}
		for _, a := range addresses(switches) {
			classes[classOf(a, networks)] = true
		}
		for range 200 {
			a := netip.AddrFrom4([4]byte{byte(9 + d.IntN(3)), byte(d.IntN(5)), byte(d.IntN(256)), byte(d.IntN(256))})
			if !classes[classOf(a, networks)] {
				t.Fatalf("%v is in other ones of %v than %v", a, networks, addresses(switches))
			}
		}
	}
}
