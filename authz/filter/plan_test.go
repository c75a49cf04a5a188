package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// An owner's records and some more are found by indexes, one for each way.
func TestConditionsUseIndexes(t *testing.T) {
	m := &filter.Mapping{
		Type: "customer", Table: "customers", ID: filter.Column{Name: "id"}, Tenant: "tenant_id",
		Owners: []filter.Owners{{Kind: model.User, Column: filter.Column{Name: "owner_id"}}},
	}
	few := filter.Or{
		filter.OwnerIn{Names: filter.List{"user:u1", "user:u2", "team:x"}},
		filter.IDIn{Names: filter.List{"c1", "c2"}},
	}
	var names filter.List
	for i := range 60 {
		names = append(names, fmt.Sprint("c", i))
	}
	many := filter.Or{few[0], filter.IDIn{Names: names}}
	for _, test := range []struct {
		kind    string
		explain string
		want    []string
	}{
		{"sqlite", "EXPLAIN QUERY PLAN ", []string{"MULTI-INDEX OR", "INDEX customers_owner (owner_id=?)", "INDEX customers_id (id=?)"}},
		{"postgres", "EXPLAIN ", []string{"BitmapOr", "Bitmap Index Scan on customers_owner", "Bitmap Index Scan on customers_id"}},
		{"mysql", "EXPLAIN ", []string{"index_merge", "customers_owner", "customers_id"}},
	} {
		on(t, []string{test.kind}, func(t *testing.T, db *gorm.DB) {
			fillCustomers(t, db)
			for name, x := range map[string]filter.Expr{"few": few, "many": many} {
				c, err := filter.SQL(x, m, "acme", filter.Dialect(test.kind))
				check(t, err)
				var lines []map[string]any
				check(t, db.Raw(test.explain+"SELECT * FROM customers WHERE "+c.SQL, c.Args...).Scan(&lines).Error)
				plan := fmt.Sprint(lines)
				for _, want := range test.want {
					if !strings.Contains(plan, want) {
						t.Errorf("%s: the plan has no %q: %s\n%s", name, want, plan, c.SQL)
					}
				}
			}
		})
	}
}

func fillCustomers(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, query := range []string{
		"CREATE TABLE customers (id varchar(50) NOT NULL, tenant_id varchar(50) NOT NULL, owner_id varchar(50))",
		"CREATE INDEX customers_id ON customers (id)",
		"CREATE INDEX customers_owner ON customers (owner_id)",
	} {
		check(t, db.Exec(query).Error)
	}
	var rows []map[string]any
	for i := range 20_000 {
		rows = append(rows, map[string]any{"id": fmt.Sprint("c", i), "tenant_id": "acme", "owner_id": fmt.Sprint("u", i/4)})
	}
	check(t, db.Table("customers").CreateInBatches(rows, 5000).Error)
	analyse := map[string]string{"sqlite": "ANALYZE", "postgres": "ANALYZE customers", "mysql": "ANALYZE TABLE customers"}
	check(t, db.Exec(analyse[db.Dialector.Name()]).Error)
}
