package condition_test

import (
	"fmt"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

func ExampleSet_Eval() {
	schema := &model.Schema{
		Types:      map[string]model.Type{"customer": {Attributes: map[string]model.AttrType{"region": model.AttrString}}},
		Conditions: map[string]string{"eu_only": `record.region == "EU" || action == "create"`},
	}
	set, err := condition.Compile(schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, region := range []any{"EU", "US", nil} {
		record := &model.Record{Type: "customer", ID: "42", Attrs: map[string]any{"region": region}}
		fmt.Println(region, set.Eval("eu_only", condition.Input{Action: "read", User: "user:alice", Record: record}))
	}
	// Output:
	// EU true
	// US false
	// <nil> unknown
}

func ExampleCompile() {
	schema := &model.Schema{
		Types:      map[string]model.Type{"customer": {Attributes: map[string]model.AttrType{"region": model.AttrString}}},
		Conditions: map[string]string{"eu_only": `record.regon == "EU"`},
	}
	_, err := condition.Compile(schema)
	fmt.Println(err)
	// Output:
	// schema condition eu_only: attribute "record.regon": unknown attribute: declared are id owners parent region type unit
}
