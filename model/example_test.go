package model_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

func ExampleEncode() {
	line, err := model.Encode(model.CustomerRule{
		Tenant:  "acme",
		Subject: "role:rep",
		On:      model.OnType("customer"),
		Action:  "update",
		Effect:  model.Allow,
		Scope:   model.ScopeOwn,
		Valid:   model.Period{Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
	})
	fmt.Println(line, err)

	_, err = model.Encode(model.Membership{Tenant: "acme", Member: "alice", Group: "role:rep"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, model.ErrUnknownKind))
	// Output:
	// p, role:rep, acme, customer, update, allow, own until:2027-01-01T00:00:00Z <nil>
	// membership: member "alice": unknown kind of subject: begins with one of user: role: team:
	// true
}

func ExampleDecode() {
	line := model.Line{
		Section: model.TeamRules,
		Values:  [6]string{"user:bob", "acme", "customer/42", "read", "support", "-"},
	}
	fact, err := model.Decode(line)
	if err != nil {
		fmt.Println(err)
		return
	}
	rule := fact.(model.TeamRule)
	fmt.Println(rule.Subject, "has", rule.Level, "on", rule.On, "as", rule.As)

	line.Values[3] = "Read"
	_, err = model.Decode(line)
	fmt.Println(err)
	// Output:
	// user:bob has read on customer/42 as support
	// team rule: level "Read": malformed: one of none read write delete full
}

func ExampleEscapeID() {
	for _, name := range []string{"Sales/Marketing", "O'Neil, Pat", "50%", " 王 小明 ", "👩\u200d💻"} {
		fmt.Println("team:" + model.EscapeID(name))
	}
	// Output:
	// team:Sales%2FMarketing
	// team:O%27Neil%2C Pat
	// team:50%25
	// team:%20王 小明%20
	// team:👩%E2%80%8D💻
}

func ExampleParseTarget() {
	target, err := model.ParseTarget("customer/42#phone")
	fmt.Println(target.Type, target.ID, target.Field, err)
	// Output: customer 42 phone <nil>
}

func ExampleRuleID() {
	fmt.Println(model.RuleID(model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"}))
	// Output: rule:17aaa7884c4aa65885796ad4d0c7eaa6
}

func ExampleParseSchema() {
	schema, err := model.ParseSchema([]byte(`
types:
  customer:
    actions: {read: read, update: write}
    fields: {name: open, phone: {default: masked, mask: last4}}
    hierarchy: {by: line, level: same}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(schema.Types["customer"].Actions["update"].Need)

	_, err = model.ParseSchema([]byte("types:\n  customer:\n    actons: {read: read}\n"))
	fmt.Println(err)
	// Output:
	// write
	// line 3, column 5: schema: types customer actons "actons": malformed: unknown word; one of actions, fields, attributes, parent, hierarchy
}

func ExampleSchema_YAML() {
	schema := &model.Schema{Types: map[string]model.Type{"customer": {
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "log_call": {Need: model.LevelRead, Writes: true}},
		Fields:  map[string]model.Field{"name": {Default: model.FieldWrite}, "salary": {}},
	}}}
	text, err := schema.YAML()
	fmt.Print(string(text))
	fmt.Println(err)
	// Output:
	// types:
	//   customer:
	//     actions: {log_call: {need: read, writes: true}, read: read}
	//     fields: {name: open, salary: closed}
	// <nil>
}

func ExampleParsePolicy() {
	facts, err := model.ParsePolicy([]byte(`
acme:
  members: [{who: [user:alice, user:bob], in: role:rep}]
  rules:   [{who: role:rep, may: [read, update], on: customer}]
  fields:  [{who: role:rep, below: read, on: customer#salary}]
`))
	for _, f := range facts {
		fmt.Println(f)
	}
	fmt.Println(err)

	_, err = model.ParsePolicy([]byte("acme:\n  rules:\n    - {who: role:rep, may: read, on: customer, scope: mine}\n"))
	fmt.Println(err)
	// Output:
	// g, user:alice, role:rep, acme, -
	// g, user:bob, role:rep, acme, -
	// p, role:rep, acme, customer, read, allow, -
	// p, role:rep, acme, customer, update, allow, -
	// p3, role:rep, acme, customer#salary, read, deny, -
	// <nil>
	// line 3, column 55: policy: acme rules "mine": malformed: one of own team unit unit_tree all
}

func ExampleFormatPolicy() {
	rule := model.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Effect: model.Allow}
	update, read := rule, rule
	update.Action, read.Action = "update", "read"
	text, err := model.FormatPolicy([]model.Fact{
		update, read,
		model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"},
		model.Switch{Tenant: "acme", Target: "user:eve", Mode: model.ModeOff},
	})
	fmt.Print(string(text))
	fmt.Println(err)
	// Output:
	// acme:
	//   members:
	//     - {who: user:alice, in: role:rep}
	//   rules:
	//     - {who: role:rep, may: [read, update], on: customer}
	//   off:
	//     - {what: user:eve}
	// <nil>
}

func ExampleReadCSV() {
	text := `# reps
p, role:rep, acme, customer, read, allow, -
g, user:alice, role:rep, acme
g, user:bob, role:rep, acme, -
`
	for line, err := range model.ReadCSV(strings.NewReader(text)) {
		if err != nil {
			fmt.Println("refused:", err)
			continue
		}
		fmt.Println(line)
	}
	// Output:
	// p, role:rep, acme, customer, read, allow, -
	// refused: line 3: membership: terms "": malformed: is empty; - stands for nothing
	// g, user:bob, role:rep, acme, -
}

func ExampleWriteCSV() {
	line, err := model.Encode(model.OrgEdge{Tenant: "acme", Below: "user:alice", Above: "user:carol"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(model.WriteCSV(os.Stdout, slices.Values([]model.Line{line})))
	// Output:
	// g2, user:alice, user:carol, acme
	// <nil>
}
