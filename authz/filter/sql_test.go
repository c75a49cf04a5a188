package filter_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// customers is a mapping as most programs have it, with an account above.
func customers() *filter.Mapping {
	id := filter.Column{Name: "id", Kind: filter.IntegerColumn}
	return &filter.Mapping{
		Type: "customer", Table: "customers", ID: id, Tenant: "tenant_id",
		Owners: []filter.Owners{
			{Kind: model.User, Column: filter.Column{Name: "owner_id"}},
			{Kind: model.Team, Column: filter.Column{Name: "team_id"}, Table: "crm.customer_teams", Record: filter.Column{Name: "customer_id", Kind: filter.IntegerColumn}},
		},
		Unit: filter.Column{Name: "unit_id", Kind: filter.UUIDColumn},
		Parent: &filter.Parent{Column: filter.Column{Name: "account_id"}, Of: &filter.Mapping{
			Type: "account", Table: "accounts", ID: filter.Column{Name: "id"}, Tenant: "tenant_id", NoParent: true, NoUnit: true,
			Owners: []filter.Owners{{Column: filter.Column{Name: "owner"}}},
		}},
		Attributes: map[string]filter.Attribute{
			"region": {Type: model.AttrString, Column: "region"}, "score": {Type: model.AttrInt, Column: "score"},
			"vip": {Type: model.AttrBool, Column: "vip"}, "since": {Type: model.AttrTimestamp, Column: "since"},
			"tags": {Type: model.AttrStrings, Column: "tag", Table: "customer_tags", Record: filter.Column{Name: "customer_id", Kind: filter.IntegerColumn}},
		},
	}
}

func compare(attr string, op filter.Op, value any) filter.Expr {
	return filter.Compare{Attr: attr, Op: op, Value: value}
}

func TestSQLReads(t *testing.T) {
	owner := filter.OwnerIn{Names: filter.List{"user:alice", "user:o%27neil", "role:x", "unit:x"}}
	for _, test := range []struct {
		name string
		x    filter.Expr
		d    filter.Dialect
		sql  string
		args []any
	}{
		{"all", filter.True, filter.SQLite, `"customers"."tenant_id" COLLATE BINARY = ?`, []any{"acme"}},
		{"none", filter.False, filter.SQLite, `1 = 0`, nil},
		{"nothing", nil, filter.SQLite, `1 = 0`, nil},
		{"not nothing", filter.Not{}, filter.SQLite, `1 = 0`, nil},
		{"unknown", filter.Not{X: filter.Unknown}, filter.Postgres, `1 = 0`, nil},
		{"owners", owner, filter.Postgres, `("customers"."tenant_id" = ? AND "customers"."owner_id" IN (?, ?))`, []any{"acme", "alice", "o'neil"}},
		{"owners in SQLite", owner, filter.SQLite, `("customers"."tenant_id" COLLATE BINARY = ? AND "customers"."owner_id" COLLATE BINARY IN (?, ?))`, []any{"acme", "alice", "o'neil"}},
		{"owners in MySQL", owner, filter.MySQL, "((`customers`.`tenant_id` = ? AND CAST(CONVERT(`customers`.`tenant_id` USING utf8mb4) AS BINARY) = ?)" +
			" AND (`customers`.`owner_id` IN (?, ?) AND CAST(CONVERT(`customers`.`owner_id` USING utf8mb4) AS BINARY) IN (?, ?)))",
			[]any{"acme", "acme", "alice", "o'neil", "alice", "o'neil"}},
		{"a team", filter.OwnerIn{Names: filter.List{"team:x"}}, filter.Postgres, `("customers"."tenant_id" = ? AND EXISTS (SELECT 1 FROM "crm"."customer_teams" AS "o1"` +
			` WHERE ("o1"."customer_id" = "customers"."id" AND "o1"."team_id" = ?)))`, []any{"acme", "x"}},
		{"a team in SQLite", filter.OwnerIn{Names: filter.List{"team:x"}}, filter.SQLite, `("customers"."tenant_id" COLLATE BINARY = ? AND "customers"."id" COLLATE BINARY IN (SELECT "o1"."customer_id"` +
			` FROM "crm"."customer_teams" AS "o1" WHERE "o1"."team_id" COLLATE BINARY = ?))`, []any{"acme", "x"}},
		{"ids", filter.IDIn{Names: filter.List{"7", "007", "x", "", "8", "18446744073709551615"}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND "customers"."id" IN (CAST(? AS bigint), CAST(? AS bigint)))`, []any{"acme", int64(7), int64(8)}},
		{"large ids", filter.IDIn{Names: filter.List{"7", "18446744073709551615"}}, filter.MySQL,
			"((`customers`.`tenant_id` = ? AND CAST(CONVERT(`customers`.`tenant_id` USING utf8mb4) AS BINARY) = ?) AND `customers`.`id` IN (?, ?))",
			[]any{"acme", "acme", int64(7), uint64(1<<64 - 1)}},
		{"units", filter.UnitIn{Names: filter.List{"unit:x", "unit:00000000-0000-4000-8000-00000000000A", "unit:00000000-0000-4000-8000-00000000000a"}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND "customers"."unit_id" = CAST(? AS uuid))`, []any{"acme", "00000000-0000-4000-8000-00000000000a"}},
		{"not", filter.Not{X: filter.Or{filter.IDIn{Names: filter.List{"7"}}, compare("score", filter.Less, int64(5))}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND (("customers"."id" = CAST(? AS bigint)) IS NOT TRUE AND "customers"."score" >= CAST(? AS bigint)))`, []any{"acme", int64(7), int64(5)}},
		{"not known to be", filter.Not{X: filter.IsTrue{X: compare("region", filter.Equal, "EU")}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND ("customers"."region" = ?) IS NOT TRUE)`, []any{"acme", "EU"}},
		{"parent", filter.OfParent{Type: "account", X: filter.OwnerIn{Names: filter.List{"user:alice"}}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND ("customers"."account_id" <> '' AND EXISTS (SELECT 1 FROM "accounts" AS "p1" WHERE ("p1"."id" = "customers"."account_id"` +
				` AND ("p1"."tenant_id" = ? AND "p1"."owner" = ?)))))`, []any{"acme", "acme", "user:alice"}},
		{"a bool", filter.And{filter.Bool{Attr: "vip"}, filter.Has{Attr: "score"}}, filter.Postgres,
			`("customers"."tenant_id" = ? AND ("customers"."vip" AND "customers"."score" IS NOT NULL))`, []any{"acme"}},
		{"a list", filter.Contains{Attr: "tags", Value: "x"}, filter.Postgres,
			`("customers"."tenant_id" = ? AND EXISTS (SELECT 1 FROM "customer_tags" AS "l1" WHERE ("l1"."customer_id" = "customers"."id" AND "l1"."tag" = ?)))`, []any{"acme", "x"}},
	} {
		c, err := filter.SQL(test.x, customers(), "acme", test.d)
		if diff := cmp.Diff(filter.Condition{SQL: test.sql, Args: test.args}, c); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}

func TestSQLNamesTheTableAsTheQueryDoes(t *testing.T) {
	m := customers()
	m.Alias = "P1" // is not hidden by an alias of a parent
	c, err := filter.SQL(filter.OfParent{Type: "account", X: filter.True}, m, "acme", filter.Postgres)
	want := `("P1"."tenant_id" = ? AND ("P1"."account_id" <> '' AND EXISTS (SELECT 1 FROM "accounts" AS "p2" WHERE ("p2"."id" = "P1"."account_id" AND "p2"."tenant_id" = ?))))`
	if err != nil || c.SQL != want {
		t.Errorf("%v, %s", err, c.SQL)
	}
}

func TestSQLHasAnotherTenantsRowsNever(t *testing.T) {
	m := customers()
	m.Tenant, m.OnlyTenant = "", "acme"
	for tenant, want := range map[string]string{"acme": "1 = 1", "zeta": "1 = 0", "": "1 = 0", "ACME": "1 = 0"} {
		if c, err := filter.SQL(filter.True, m, tenant, filter.SQLite); err != nil || c.SQL != want {
			t.Errorf("%q: %s, %v", tenant, c.SQL, err)
		}
	}
	for tenant, want := range map[string]any{"a%2Fb": "a/b", "acme": "acme", "a%2fb": nil, "": nil, "*": nil, "-": nil} {
		c, err := filter.SQL(filter.True, customers(), tenant, filter.Postgres)
		if want == nil && c.SQL == "1 = 0" && err == nil {
			continue
		}
		if diff := cmp.Diff([]any{want}, c.Args); err != nil || diff != "" {
			t.Errorf("%q: %v %s %s", tenant, err, c.SQL, diff)
		}
	}
	m = customers()
	m.TenantKind = filter.IntegerColumn
	for tenant, want := range map[string]string{"42": `"customers"."tenant_id" = CAST(? AS bigint)`, "42x": "1 = 0", "042": "1 = 0"} {
		if c, err := filter.SQL(filter.True, m, tenant, filter.Postgres); err != nil || c.SQL != want {
			t.Errorf("%q: %s, %v", tenant, c.SQL, err)
		}
	}
}

// Values are arguments, whatever they are; the text is the same for all.
func TestSQLKeepsValuesOutOfTheText(t *testing.T) {
	for _, d := range []filter.Dialect{filter.SQLite, filter.Postgres, filter.MySQL} {
		render := func(s string) string {
			id := model.EscapeID(s)
			c, err := filter.SQL(filter.Or{
				filter.OwnerIn{Names: filter.List{"user:" + id, "team:" + id}}, compare("region", filter.Less, s), filter.In{Attr: "region", Values: []any{s, "b"}},
				filter.Text{Attr: "region", Where: filter.Inside, Value: s}, filter.Contains{Attr: "tags", Value: s},
				filter.OfParent{Type: "account", X: filter.OwnerIn{Names: filter.List{"user:" + id}}},
			}, customers(), "acme", d)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if marks := strings.Count(c.SQL, "?"); marks != len(c.Args) {
				t.Errorf("%s: %q: %d marks, %d arguments: %s", d, s, marks, len(c.Args), c.SQL)
			}
			return c.SQL
		}
		want := render("x")
		for _, s := range texts {
			if s == "" || d == filter.MySQL && strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) {
				continue
			}
			if got := render(s); got != want {
				t.Errorf("%s: %q changes the text:\n%s\n%s", d, s, want, got)
			}
		}
	}
}

func TestSQLListsManyNamesInOneArgument(t *testing.T) {
	var names filter.List
	for i := range 70_000 { // more than PostgreSQL and MySQL take arguments
		names = append(names, strconv.Itoa(i))
	}
	for _, kind := range []filter.ColumnKind{filter.TextColumn, filter.IntegerColumn, filter.UUIDColumn} {
		m := customers()
		m.Owners, m.NoOwners, m.Attributes, m.ID.Kind = nil, true, nil, kind
		for _, d := range []filter.Dialect{filter.SQLite, filter.Postgres, filter.MySQL} {
			c, err := filter.SQL(filter.IDIn{Names: names}, m, "acme", d)
			if err != nil || len(c.Args) > 3 {
				t.Errorf("%s: kind %d: %d arguments, %v", d, kind, len(c.Args), err)
			}
		}
	}
}

func TestConditionIsNumbered(t *testing.T) {
	c := filter.Condition{SQL: "a = ? AND b IN (?, ?)", Args: []any{1, 2, 3}}
	if got := c.Numbered(9).SQL; got != "a = $9 AND b IN ($10, $11)" {
		t.Error(got)
	}
	if got := (filter.Condition{SQL: "1 = 0"}).Numbered(1).SQL; got != "1 = 0" {
		t.Error(got)
	}
}

func TestSQLRefusesWhatTheMappingLacks(t *testing.T) {
	bare := &filter.Mapping{Type: "customer", Table: "customers", ID: filter.Column{Name: "id"}, Tenant: "tenant_id"}
	owner, unit := filter.OwnerIn{Names: filter.List{"user:a"}}, filter.UnitIn{Names: filter.List{"unit:a"}}
	for _, test := range []struct {
		x           filter.Expr
		part, value string
	}{
		{owner, "owners", ""}, {unit, "unit", ""}, {filter.Has{Attr: "unit"}, "unit", ""}, {filter.Has{Attr: "region"}, "attribute", "region"},
		{filter.Not{X: filter.And{filter.True, filter.If{Cond: owner, Then: filter.True}}}, "owners", ""},
		{filter.If{Cond: filter.True, Then: filter.True, Else: unit}, "unit", ""},
		{filter.OfParent{Type: "account", X: filter.True}, "parent", "account"},
		{filter.Bool{Attr: "x"}, "attribute", "x"}, {compare("x", filter.Equal, "a"), "attribute", "x"}, {filter.In{Attr: "x"}, "attribute", "x"},
		{filter.CompareAttrs{Left: "x", Op: filter.Equal, Right: "x"}, "attribute", "x"}, {filter.Contains{Attr: "x"}, "attribute", "x"}, {filter.Text{Attr: "x"}, "attribute", "x"},
	} {
		c, err := filter.SQL(test.x, bare, "acme", filter.Postgres)
		var wrong *filter.MappingError
		if !errors.As(err, &wrong) || !errors.Is(err, filter.ErrMapping) || wrong.Type != "customer" || wrong.Part != test.part || wrong.Value != test.value {
			t.Errorf("%#v: %v", test.x, err)
		}
		if c.SQL != "1 = 0" {
			t.Errorf("%#v: beside the error stands %s", test.x, c.SQL)
		}
	}
	none := *bare
	none.NoOwners, none.NoUnit, none.NoParent = true, true, true
	for _, x := range []filter.Expr{owner, unit, filter.Has{Attr: "unit"}, filter.OfParent{Type: "account", X: filter.True}} {
		if c, err := filter.SQL(x, &none, "acme", filter.Postgres); err != nil || c.SQL != "1 = 0" {
			t.Errorf("%#v where there are none: %s, %v", x, c.SQL, err)
		}
	}
	if _, err := filter.SQL(filter.OfParent{Type: "lead", X: filter.True}, customers(), "acme", filter.SQLite); !errors.Is(err, filter.ErrMapping) {
		t.Errorf("a parent of another type: %v", err)
	}
}

func TestSQLRefusesUnknownDialectsAndBadText(t *testing.T) {
	if c, err := filter.SQL(filter.True, customers(), "acme", "oracle"); !errors.Is(err, model.ErrMalformed) || c.SQL != "1 = 0" {
		t.Errorf("%s, %v", c.SQL, err)
	}
	if c, err := filter.SQL(filter.True, nil, "acme", filter.SQLite); !errors.Is(err, filter.ErrMapping) || c.SQL != "1 = 0" {
		t.Errorf("%s, %v", c.SQL, err)
	}
	for _, x := range []filter.Expr{
		compare("region", filter.Equal, "\xff"), filter.In{Attr: "region", Values: []any{"a", "\xff"}}, filter.Contains{Attr: "tags", Value: "\xff"},
		filter.Text{Attr: "region", Where: filter.AtEnd, Value: "\xff"},
	} {
		for _, d := range []filter.Dialect{filter.SQLite, filter.Postgres, filter.MySQL} {
			c, err := filter.SQL(filter.Not{X: x}, customers(), "acme", d)
			var value *model.ValueError
			if !errors.As(err, &value) || value.Value != "\xff" || c.SQL != "1 = 0" {
				t.Errorf("%s: %#v: %s, %v", d, x, c.SQL, err)
			}
		}
	}
}

func TestMappingCheckRefuses(t *testing.T) {
	if err := customers().Check(); err != nil {
		t.Fatal(err)
	}
	self := customers() // its own parent
	self.ID.Kind, self.Owners[1].Record.Kind, self.Attributes = filter.TextColumn, filter.TextColumn, nil
	self.Parent.Of = self
	if err := self.Check(); err != nil {
		t.Fatal(err)
	}
	attribute := func(a filter.Attribute) func(*filter.Mapping) {
		return func(m *filter.Mapping) { m.Attributes["x"] = a }
	}
	for _, test := range []struct {
		name  string
		spoil func(m *filter.Mapping)
		part  string
	}{
		{"no table", func(m *filter.Mapping) { m.Table = "" }, "table"},
		{"table of three parts", func(m *filter.Mapping) { m.Table = "a.b.c" }, "table"},
		{"table with a quote", func(m *filter.Mapping) { m.Table = `a"b` }, "table"},
		{"empty schema", func(m *filter.Mapping) { m.Table = ".a" }, "table"},
		{"alias", func(m *filter.Mapping) { m.Alias = "a b" }, "alias"},
		{"alias with a schema", func(m *filter.Mapping) { m.Alias = "a.b" }, "alias"},
		{"no id", func(m *filter.Mapping) { m.ID = filter.Column{} }, "id"},
		{"no tenant", func(m *filter.Mapping) { m.Tenant = "" }, "tenant"},
		{"tenant twice", func(m *filter.Mapping) { m.OnlyTenant = "acme" }, "tenant"},
		{"tenant's column", func(m *filter.Mapping) { m.Tenant = "tenant-id" }, "tenant"},
		{"tenant's kind", func(m *filter.Mapping) { m.TenantKind = 9 }, "tenant"},
		{"unit", func(m *filter.Mapping) { m.Unit.Name = "1a" }, "unit"},
		{"a unit's kind without a name", func(m *filter.Mapping) { m.Unit.Name = "" }, "unit"},
		{"unit and none", func(m *filter.Mapping) { m.NoUnit = true }, "mapping"},
		{"owners and none", func(m *filter.Mapping) { m.NoOwners = true }, "mapping"},
		{"parent and none", func(m *filter.Mapping) { m.NoParent = true }, "mapping"},
		{"owner's column", func(m *filter.Mapping) { m.Owners[0].Column.Name = "a;b" }, "owners"},
		{"owner's kind", func(m *filter.Mapping) { m.Owners[0].Kind = model.Role }, "owners"},
		{"whole names as numbers", func(m *filter.Mapping) { m.Owners[0].Kind, m.Owners[0].Column.Kind = 0, filter.IntegerColumn }, "owners"},
		{"owners' table", func(m *filter.Mapping) { m.Owners[1].Table = "a b" }, "owners"},
		{"owners' record", func(m *filter.Mapping) { m.Owners[1].Record.Name = "" }, "owners"},
		{"owners' record of another kind", func(m *filter.Mapping) { m.Owners[1].Record.Kind = filter.TextColumn }, "owners"},
		{"owners' record without a table", func(m *filter.Mapping) { m.Owners[1].Table = "" }, "owners"},
		{"owners' tenant", func(m *filter.Mapping) { m.Owners[1].Tenant = "é" }, "owners"},
		{"owners' tenant alone", func(m *filter.Mapping) {
			m.Tenant, m.OnlyTenant, m.Owners[1].Tenant = "", "acme", "tenant_id"
		}, "owners"},
		{"parent's column", func(m *filter.Mapping) { m.Parent.Column.Name = "" }, "parent"},
		{"parent's kind", func(m *filter.Mapping) { m.Parent.Column.Kind = filter.IntegerColumn }, "parent"},
		{"no parent", func(m *filter.Mapping) { m.Parent.Of = nil }, "parent"},
		{"parent's table", func(m *filter.Mapping) { m.Parent.Of.Table = "?" }, "table"},
		{"no type", attribute(filter.Attribute{Column: "x"}), "attribute x"},
		{"no column", attribute(filter.Attribute{Type: model.AttrInt}), "attribute x"},
		{"long column", attribute(filter.Attribute{Type: model.AttrInt, Column: strings.Repeat("x", 64)}), "attribute x"},
		{"list without a table", attribute(filter.Attribute{Type: model.AttrStrings, Column: "x"}), "attribute x"},
		{"value with a table", attribute(filter.Attribute{Type: model.AttrInt, Column: "x", Table: "t", Record: filter.Column{Name: "r", Kind: filter.IntegerColumn}}), "attribute x"},
	} {
		m := customers()
		test.spoil(m)
		var wrong *filter.MappingError
		if err := m.Check(); !errors.As(err, &wrong) || wrong.Part != test.part {
			t.Errorf("%s: %v, not of %s", test.name, err, test.part)
		}
		if c, err := filter.SQL(filter.True, m, "acme", filter.SQLite); err == nil || c.SQL != "1 = 0" {
			t.Errorf("%s: SQL says %s, %v", test.name, c.SQL, err)
		}
	}
}

// Whatever a mapping has for names: if it is accepted, they stand in quotes and end there.
func FuzzMappingNames(f *testing.F) {
	for _, s := range []string{"customers", "crm.customers", `a"b`, "a`b", "a b", "a.b.c", "", ".", "a;--", "é", "_1", "1", "?", "a\x00", strings.Repeat("x", 64)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, table, column string) {
		m := &filter.Mapping{Type: "t", Table: table, ID: filter.Column{Name: column}, Tenant: column}
		c, err := filter.SQL(filter.IDIn{Names: filter.List{"x"}}, m, "acme", filter.Postgres)
		if err != nil {
			if !errors.Is(err, filter.ErrMapping) || c.SQL != "1 = 0" {
				t.Fatalf("%q, %q: %s, %v", table, column, c.SQL, err)
			}
			return
		}
		name := `"` + strings.Replace(table, ".", `"."`, 1) + `"."` + column + `"`
		if want := "(" + name + " = ? AND " + name + " = ?)"; c.SQL != want {
			t.Fatalf("%s, not %s", c.SQL, want)
		}
		if strings.ContainsFunc(table+column, func(r rune) bool {
			return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			t.Fatalf("%q, %q: accepted", table, column)
		}
	})
}

func TestRecordReadsWhatDriversGive(t *testing.T) {
	m := customers()
	for name, a := range map[string]filter.Attribute{"rate": {Type: model.AttrDouble, Column: "rate"}, "lag": {Type: model.AttrDuration, Column: "lag"}} {
		m.Attributes[name] = a
	}
	if diff := cmp.Diff([]string{"id", "unit_id", "owner_id", "account_id", "lag", "rate", "region", "score", "since", "vip"}, m.Columns()); diff != "" {
		t.Error(diff)
	}
	at := time.Date(2024, 2, 29, 12, 0, 0, 5000, time.UTC)
	full := &model.Record{Type: "customer", ID: "7", Owners: []string{"user:o%27neil"}, Unit: "unit:a b", Attrs: map[string]any{
		"region": "", "score": int64(-3), "vip": true, "since": at, "rate": 0.5, "lag": time.Second}}
	type row map[string]any
	for name, test := range map[string]struct {
		row  row
		want *model.Record
	}{
		"PostgreSQL": {row{"id": int64(7), "owner_id": "o'neil", "unit_id": "a b", "region": "", "score": int64(-3), "vip": true, "since": at, "rate": 0.5, "lag": int64(1e9)}, full},
		"MySQL": {row{"id": []byte("7"), "owner_id": []byte("o'neil"), "unit_id": []byte("a b"), "region": []byte(""), "score": []byte("-3"), "vip": []byte("1"),
			"since": []byte("2024-02-29 12:00:00.000005"), "rate": []byte("0.5"), "lag": []byte("1000000000")}, full},
		"SQLite": {row{"id": int64(7), "owner_id": "o'neil", "unit_id": "a b", "region": "", "score": int64(-3), "vip": int64(2),
			"since": "2024-02-29 14:00:00.000005+02:00", "rate": 0.5, "lag": int64(1e9)}, full},
		"NULLs":        {row{}, &model.Record{Type: "customer"}},
		"empty":        {row{"owner_id": "", "unit_id": "", "vip": int64(0)}, &model.Record{Type: "customer", Attrs: map[string]any{"vip": false}}},
		"no values":    {row{"rate": "NaN", "since": "-infinity"}, &model.Record{Type: "customer"}},
		"MySQL's zero": {row{"since": "0000-00-00 00:00:00"}, &model.Record{Type: "customer", Attrs: map[string]any{"since": time.Time{}}}},
		"whole double": {row{"rate": int64(3)}, &model.Record{Type: "customer", Attrs: map[string]any{"rate": 3.0}}},
		"large id":     {row{"id": uint64(1<<64 - 1)}, &model.Record{Type: "customer", ID: "18446744073709551615"}},
	} {
		got, err := m.Record(func(column string) any { return test.row[column] })
		if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for column, values := range map[string][]any{
		"id": {"x", "007", 1.5, true}, "unit_id": {int64(1), at}, "owner_id": {int64(1), 0.5}, "region": {int64(1), true}, "score": {"x", 0.5, "1.5"},
		"vip": {"x", 0.5}, "since": {"yesterday", int64(1), "2024-02-30"}, "rate": {"x", true}, "lag": {"1s", 0.5},
	} {
		for _, v := range values {
			r, err := m.Record(func(name string) any {
				if name == column {
					return v
				}
				return nil
			})
			var wrong *filter.MappingError
			if !errors.As(err, &wrong) || !strings.HasPrefix(column, wrong.Part[:2]) && !strings.HasSuffix(wrong.Part, column) {
				t.Errorf("%s = %v: %+v, %v", column, v, r, err)
			}
		}
	}
}

func TestOwnerIsTheNameOfAUserOrTeam(t *testing.T) {
	m := customers()
	user, whole := m.Owners[0], m.Parent.Of.Owners[0]
	for _, test := range []struct {
		of    filter.Owners
		value any
		want  string
	}{
		{user, "a/b", "user:a%2Fb"}, {user, nil, ""}, {user, "", ""}, {user, "user:a", "user:user:a"},
		{whole, "user:a/b", "user:a%2Fb"}, {whole, []byte("team:x"), "team:x"}, {whole, "role:x", ""}, {whole, "x", ""}, {whole, "user:", ""}, {whole, nil, ""},
	} {
		if got, err := m.Owner(test.of, test.value); err != nil || got != test.want {
			t.Errorf("%v: %q, %v, want %q", test.value, got, err, test.want)
		}
	}
}

func TestSQLLeavesTheMappingAlone(t *testing.T) {
	m, names := customers(), filter.List{"7", "x", "8"}
	if _, err := filter.SQL(filter.IDIn{Names: names}, m, "acme", filter.MySQL); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(customers(), m); diff != "" || !slices.Equal(names, []string{"7", "x", "8"}) {
		t.Error(diff, names)
	}
}
