package doctor_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// bad makes a table with all that can be wrong with one, good as gorm-adapter makes it.
var (
	bad = map[string][]string{
		"sqlite": {"CREATE TABLE casbin_rule (id INTEGER PRIMARY KEY AUTOINCREMENT, ptype varchar(100), v0 varchar(200) COLLATE NOCASE, v1 varchar(200), v2 text, v3 varchar(200), v4 varchar(50))"},
		"postgres": {"CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
			"CREATE TABLE casbin_rule (id bigserial PRIMARY KEY, ptype varchar(100), v0 varchar(200) COLLATE folding, v1 varchar(200), v2 text, v3 varchar(200), v4 varchar(50))"},
		"mysql": {"CREATE TABLE casbin_rule (id bigint AUTO_INCREMENT PRIMARY KEY, ptype varchar(100), v0 varchar(200), v1 varchar(200), v2 text, v3 varchar(200), v4 varchar(50)) COLLATE utf8mb4_general_ci"},
	}
	good = map[string][]string{
		"sqlite":   {goodTable("INTEGER PRIMARY KEY AUTOINCREMENT", ""), goodIndex},
		"postgres": {goodTable("bigserial PRIMARY KEY", ""), goodIndex},
		"mysql":    {goodTable("bigint unsigned AUTO_INCREMENT PRIMARY KEY", " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"), goodIndex},
	}
	goodIndex = "CREATE UNIQUE INDEX idx_casbin_rule ON casbin_rule (ptype, v0, v1, v2, v3, v4, v5)"
)

func goodTable(id, options string) string {
	return "CREATE TABLE casbin_rule (id " + id + ", ptype varchar(100), v0 varchar(100), v1 varchar(100), v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100))" + options
}

// place is a database of one test.
type place struct {
	name string // on the command line
	db   *sql.DB
}

func newPlace(t *testing.T, kind string) place {
	t.Helper()
	d := databases.New(t, kind)
	driver, name := map[string]string{databases.SQLite: "sqlite", databases.Postgres: "pgx", databases.MySQL: "mysql"}[kind], d.Name
	if kind == databases.SQLite {
		name = "file:" + (&url.URL{Path: name}).EscapedPath()
	}
	return place{d.Name, open(t, driver, name)}
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// insert writes rows; the value NULL is one.
func (p place) insert(t *testing.T, columns int, rows [][]string) {
	t.Helper()
	names := []string{"ptype"}
	for i := range columns {
		names = append(names, fmt.Sprintf("v%d", i))
	}
	for _, r := range rows {
		var values []string
		for i := range names {
			switch {
			case i >= len(r):
				values = append(values, "''")
			case r[i] == "NULL":
				values = append(values, "NULL")
			default:
				values = append(values, "'"+strings.ReplaceAll(r[i], "'", "''")+"'")
			}
		}
		run(t, p.db, "INSERT INTO casbin_rule ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(values, ", ")+")")
	}
}

func (p place) source(t *testing.T) source.Source {
	t.Helper()
	s, err := source.Parse(p.name)
	check(t, err)
	return s
}

func TestEveryTrapIsFoundInDatabases(t *testing.T) {
	for _, kind := range databases.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, kind)
			run(t, p.db, bad[kind]...)
			p.insert(t, 5, rowsIn("database"))
			before := p.dump(t)
			rows, table := rowsOf(t, p.source(t))
			checkPlanted(t, "database", doctor.Examine(rows, table, readModel(t, everything), now),
				"column-missing", "column-narrow", "collation-folds", "index-missing")
			if diff := cmp.Diff(before, p.dump(t)); diff != "" {
				t.Errorf("the database is changed:\n%s", diff)
			}
		})
	}
}

// dump is the table's rows as text.
func (p place) dump(t *testing.T) (all []string) {
	t.Helper()
	rows, err := p.db.Query("SELECT * FROM casbin_rule ORDER BY id")
	check(t, err)
	defer rows.Close()
	for rows.Next() {
		cells := make([]sql.NullString, 7)
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		check(t, rows.Scan(into...))
		all = append(all, fmt.Sprint(cells))
	}
	check(t, rows.Err())
	return all
}

func TestCleanTables(t *testing.T) {
	for _, kind := range databases.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, kind)
			run(t, p.db, good[kind]...)
			p.insert(t, 6, [][]string{
				{"p", "role:admin", "t1", "data1", "read", "allow"}, {"p", "user:bob", "t1", "data1", "read", "deny"},
				{"g", "user:alice", "role:admin", "t1"},
			})
			rows, table := rowsOf(t, p.source(t))
			m, err := doctor.GuessModel(rows)
			check(t, err)
			if found := doctor.Examine(rows, table, m, now); len(found) > 0 || len(rows) != 3 {
				t.Errorf("%d rows, found %v", len(rows), found)
			}
		})
	}
}

func TestTablesThatAreNoPolicies(t *testing.T) {
	for _, kind := range databases.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, kind)
			run(t, p.db, "CREATE TABLE casbin_rule (id integer, name varchar(10))")
			for _, table := range []string{"casbin_rule", "missing", `"; DROP TABLE casbin_rule; --`} {
				if _, _, err := p.source(t).Rows(t.Context(), table); err == nil || !strings.Contains(err.Error(), "table") {
					t.Errorf("%s: %v", table, err)
				}
			}
		})
	}
}
