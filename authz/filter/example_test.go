package filter_test

import (
	"fmt"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// hersOrEU is the records that Alice owns, and those of the EU.
var hersOrEU = filter.AnyOf(
	filter.OwnerIn{Names: filter.List{"user:alice"}},
	filter.Compare{Attr: "region", Op: filter.Equal, Value: "EU"},
)

func ExampleEval() {
	for _, r := range []*model.Record{
		{Type: "customer", ID: "1", Owners: []string{"user:alice"}},
		{Type: "customer", ID: "2", Attrs: map[string]any{"region": "EU"}},
		{Type: "customer", ID: "3", Attrs: map[string]any{"region": "US"}},
		{Type: "customer", ID: "4"}, // nobody knows its region
	} {
		fmt.Println(r.ID, filter.Eval(hersOrEU, r))
	}
	// Output:
	// 1 true
	// 2 true
	// 3 false
	// 4 unknown
}

func ExampleFormat() {
	fmt.Println(filter.Format(hersOrEU))
	fmt.Println(filter.Format(filter.IDIn{Names: filter.List{"1", "2", "3", "4", "5", "6", "7"}}))
	// Output:
	// owner in (user:alice) or region = "EU"
	// id in (1, 2, 3, 4, 5, and 2 more)
}

func ExampleSQL() {
	customers := &filter.Mapping{
		Type: "customer", Table: "customers", Tenant: "tenant",
		ID:         filter.Column{Name: "id", Kind: filter.IntegerColumn},
		Owners:     []filter.Owners{{Kind: model.User, Column: filter.Column{Name: "owner_id"}}},
		NoUnit:     true,
		NoParent:   true,
		Attributes: map[string]filter.Attribute{"region": {Type: model.AttrString, Column: "region"}},
	}
	for _, d := range []filter.Dialect{filter.SQLite, filter.Postgres} {
		where, err := filter.SQL(hersOrEU, customers, "acme", d)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d, where.SQL, where.Args)
	}
	_, err := filter.SQL(filter.UnitIn{Names: filter.List{"unit:apac"}}, &filter.Mapping{
		Type: "customer", Table: "customers", Tenant: "tenant", ID: filter.Column{Name: "id"},
	}, "acme", filter.SQLite)
	fmt.Println(err) // it has not been said where units are
	// Output:
	// sqlite ("customers"."tenant" COLLATE BINARY = ? AND ("customers"."owner_id" COLLATE BINARY = ? OR "customers"."region" COLLATE BINARY = ?)) [acme alice EU]
	// postgres ("customers"."tenant" = ? AND ("customers"."owner_id" = ? OR "customers"."region" = ?)) [acme alice EU]
	// filter: mapping of "customer": unit "": is needed, and is not mapped
}
