package analysis_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/analysis"
	"github.com/crmauthz/crmauthz/model"
)

var schema = &model.Schema{Types: map[string]model.Type{"customer": {
	Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
	Fields:  map[string]model.Field{"name": {Default: model.FieldWrite}, "credit_limit": {}},
}}}

// policy reads the policy of acme.
func policy(text string) analysis.Policy {
	facts, err := model.ParsePolicy([]byte(text))
	if err != nil {
		log.Fatal(err)
	}
	return analysis.Policy{Schema: schema, Tenant: "acme", Facts: facts}
}

var at = analysis.Options{At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}

func ExampleDiff() {
	before := policy(`acme: {members: [{who: [user:ann, user:bob], in: role:rep}], rules: [{who: role:rep, may: read, on: customer}]}`)
	after := policy(`acme: {members: [{who: [user:ann, user:bob], in: role:rep}], rules: [{who: role:rep, may: [read, update], on: customer}]}`)
	changes, err := analysis.Diff(context.Background(), before, after, at)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range changes.Gains {
		fmt.Println(c.People, c.Action, c.Type, c.Fields, c.From, c.To, "where", c.Where)
	}
	// Output:
	// [user:ann user:bob] update customer [] hidden write where own
	// [user:ann user:bob] update customer [name] hidden write where own
}

func ExampleProve() {
	p := policy(`acme: {members: [{who: user:ann, in: role:rep}], rules: [{who: role:rep, may: [read, update], on: customer}], fields: [{who: role:rep, has: write, on: "customer#*"}]}`)
	var statements []analysis.Statement
	for _, text := range []string{"no one may delete customer", "no one outside role:finance ever edits customer#credit_limit"} {
		s, err := analysis.ParseStatement(text)
		if err != nil {
			log.Fatal(err)
		}
		statements = append(statements, s)
	}
	proofs, err := analysis.Prove(context.Background(), p, statements, at)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range proofs {
		fmt.Println(p.Statement, p.Holds, p.Against, p.Unknown)
	}
	fmt.Println(proofs[1].Counterexample)
	// Output:
	// no one may delete customer true [] []
	// no one outside role:finance ever edits customer#credit_limit false [user:ann] [role:finance]
	// user:ann, update customer#credit_limit (write), where own, at 2026-11-22T09:00:00Z: allowed by p, role:rep, acme, customer, update, allow, - (user:ann → role:rep), owner with level full; the field by p3, role:rep, acme, customer#*, write, allow, -
}

func ExampleLint() {
	p := policy(`acme: {members: [{who: user:ann, in: role:rep}], rules: [{who: role:rep, may: ["*", read], on: customer}, {who: role:resp, may: delete, on: customer}]}`)
	findings, err := analysis.Lint(p, at)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// warning: unreachable: p, role:resp, acme, customer, delete, allow, -: nobody is in role:resp. Put people into role:resp, correct its name, or revoke the rule.
	// note: shadowed: p, role:rep, acme, customer, read, allow, -: another rule says all that it says, and more. Revoke it, or narrow the other one.
}
