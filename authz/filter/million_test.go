package filter_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// The policy of the benchmarks: a rep reads the customers that she owns, some 500
// of a million, and a thousand others by grants on them alone.
const (
	aMillion   = 1_000_000
	grants     = 1_000
	salesforce = 2_000 // who own all customers
)

var crmOfAMillion = &authz.Schema{Types: map[string]model.Type{
	"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}},
}}

func openMillion(b *testing.B) *authz.Authorizer {
	b.Helper()
	lines := []model.Line{
		{Section: model.CustomerRules, Values: [6]string{"role:rep", "acme", "customer", "read", "allow", "-"}},
		{Section: model.Memberships, Values: [6]string{"user:rep7", "role:rep", "acme", "-"}},
	}
	for i := range grants {
		lines = append(lines, model.Line{Section: model.TeamRules, Values: [6]string{"user:rep7", "acme", fmt.Sprint("customer/", 1+i*997), "read", "-", "-"}})
	}
	store, err := adapter.NewMemory(slices.Values(lines))
	if err != nil {
		b.Fatal(err)
	}
	az, err := authz.Open(b.Context(), crmOfAMillion, store)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = az.Close() })
	return az
}

var mappingOfAMillion = &filter.Mapping{
	Type: "customer", Table: "customers", ID: filter.Column{Name: "id", Kind: filter.IntegerColumn}, Tenant: "tenant",
	Owners: []filter.Owners{{Kind: model.User, Column: filter.Column{Name: "owner"}}}, NoUnit: true, NoParent: true,
}

// A Filter of a thousand grants, and its SQL.
func BenchmarkFilterOfAThousandGrants(b *testing.B) {
	az := openMillion(b)
	q := authz.Query{Tenant: "acme", User: "user:rep7", Action: "read", Type: "customer"}
	b.Run("filter", func(b *testing.B) {
		for b.Loop() {
			if _, err := az.Filter(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, d := range []filter.Dialect{filter.SQLite, filter.Postgres, filter.MySQL} {
		b.Run("filter and SQL for "+string(d), func(b *testing.B) {
			for b.Loop() {
				f, err := az.Filter(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.SQL(mappingOfAMillion, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A page of 50 of a million customers: by the filter, and by what one writes by hand of
// the same meaning, with the grants in a table of their own or as a list. x_table is how many
// times as long the filter's page took as the one with a table.
func BenchmarkPageOfAMillion(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres", "mysql"} {
		b.Run(kind, func(b *testing.B) {
			db := newDatabase(b, kind)
			fillMillion(b, db)
			az := openMillion(b)
			ids := make([]int64, grants)
			for i := range ids {
				ids[i] = int64(1 + i*997)
			}
			for _, order := range []string{"id", "name, id"} {
				page := func(where string, args ...any) []int64 {
					var got []int64
					if err := db.Table("customers").Where(where, args...).Order(order).Limit(50).Pluck("id", &got).Error; err != nil {
						b.Fatal(err)
					}
					return got
				}
				ways := []struct {
					name string
					ask  func() []int64
				}{
					{"filter", func() []int64 {
						f, err := az.Filter(b.Context(), authz.Query{Tenant: "acme", User: "user:rep7", Action: "read", Type: "customer"})
						if err != nil {
							b.Fatal(err)
						}
						where, err := f.SQL(mappingOfAMillion, filter.Dialect(kind))
						if err != nil {
							b.Fatal(err)
						}
						return page(where.SQL, where.Args...)
					}},
					{"table", func() []int64 {
						return page("tenant = ? AND (owner = ? OR id IN (SELECT customer FROM grants WHERE subject = ?))", "acme", "rep7", "rep7")
					}},
					{"list", func() []int64 { return page("tenant = ? AND (owner = ? OR id IN ?)", "acme", "rep7", ids) }},
				}
				b.Run("by "+order, func(b *testing.B) {
					took := make([][]time.Duration, len(ways))
					want := ways[0].ask()
					for b.Loop() { // in turn, so that what else the machine does slows all alike
						for i, w := range ways {
							start := time.Now()
							got := w.ask()
							took[i] = append(took[i], time.Since(start))
							if len(got) != 50 || !slices.Equal(got, want) {
								b.Fatalf("%s gives %v, the filter %v", w.name, got, want)
							}
						}
					}
					for i, w := range ways {
						b.ReportMetric(float64(median(took[i]).Microseconds()), "µs/"+w.name)
						if i > 0 {
							b.ReportMetric(float64(median(took[0]))/float64(median(took[i])), "x_"+w.name)
						}
					}
				})
			}
		})
	}
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}

func fillMillion(b *testing.B, db *gorm.DB) {
	b.Helper()
	text, key := "TEXT", "BIGINT PRIMARY KEY"
	series := "SELECT n FROM (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s) AS numbers"
	name := "'customer ' || (CAST(n AS BIGINT) * 7919 %% %d)"
	switch db.Dialector.Name() {
	case "sqlite":
		key = "INTEGER PRIMARY KEY"
	case "postgres":
		series = "SELECT n FROM generate_series(1, %d) AS numbers(n)"
	default:
		text, name = "VARCHAR(100)", "CONCAT('customer ', n * 7919 %% %d)"
		series = "SELECT seq AS n FROM seq_1_to_%d"
	}
	from := fmt.Sprintf(series, aMillion)
	owner := fmt.Sprintf("'rep' || (n %% %d)", salesforce)
	if db.Dialector.Name() == "mysql" {
		owner = fmt.Sprintf("CONCAT('rep', n %% %d)", salesforce)
	}
	for _, sql := range []string{
		fmt.Sprintf("CREATE TABLE customers (id %s, tenant %s NOT NULL, owner %s, name %s)", key, text, text, text),
		fmt.Sprintf("CREATE TABLE grants (subject %s, customer BIGINT)", text),
		fmt.Sprintf("INSERT INTO customers SELECT n, 'acme', %s, %s FROM (%s) AS s", owner, fmt.Sprintf(name, aMillion), from),
		fmt.Sprintf("INSERT INTO grants SELECT %s, 1 + (n * 97) %% %d FROM (%s) AS s", owner, aMillion, fmt.Sprintf(series, 200_000)),
		"DELETE FROM grants WHERE subject = 'rep7'",
		"CREATE INDEX i_owner ON customers (owner)", "CREATE INDEX i_name ON customers (name)", "CREATE INDEX i_grants ON grants (subject, customer)",
	} {
		if err := db.Exec(sql).Error; err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
	for i := range grants {
		if err := db.Exec("INSERT INTO grants VALUES ('rep7', ?)", 1+i*997).Error; err != nil {
			b.Fatal(err)
		}
	}
	analyze := "ANALYZE"
	if db.Dialector.Name() == "mysql" {
		analyze = "ANALYZE TABLE customers, grants"
	}
	if err := db.Exec(analyze).Error; err != nil {
		b.Fatal(err)
	}
}
