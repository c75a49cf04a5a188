package authzgorm_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/testdata/databases"
)

// prepared is a database of one test, with the rows of stock. Each case gets it fresh.
type prepared struct {
	kind string
	path string  // of a SQLite file, which is copied
	pool *sql.DB // of a server, whose tables are filled again
	rows stock
}

// emptyDatabase makes a database that belongs to the test.
func emptyDatabase(t testing.TB, kind string) *gorm.DB {
	t.Helper()
	db, _ := newDatabase(t, kind)
	return db
}

// newDatabase makes a database, which the test's end drops, in a file if it is SQLite's.
func newDatabase(t testing.TB, kind string) (db *gorm.DB, path string) {
	t.Helper()
	if kind == databases.SQLite { // its file is copied, so all is in it
		path = filepath.Join(t.TempDir(), "prepared.db")
		return connect(t, sqlite.Open(path)), path
	}
	d := databases.New(t, kind)
	if kind == databases.MySQL {
		d.Name += "?parseTime=true"
	}
	return d.Connect(t), ""
}

// prepare makes a database with the tables and rows of fill, altered by plant.
func prepare(t *testing.T, kind string) *prepared {
	t.Helper()
	db, path := newDatabase(t, kind)
	p := &prepared{kind: kind, path: path}
	fill(t, db)
	p.rows.load(t, db)
	p.rows.plant()
	p.rows.store(t, db)
	pool, err := db.DB()
	must(t, err)
	p.pool = pool
	if kind == "postgres" { // rows with keys of their own do not move it
		for _, table := range []string{"companies", "customers", "deals", "tags"} {
			must(t, db.Exec(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', 'id'), 1000)", table)).Error)
		}
	}
	return p
}

// fresh gives two handles on the database as it was prepared.
func (p *prepared) fresh(t *testing.T) (guarded, bare *gorm.DB) {
	t.Helper()
	switch p.kind {
	case "sqlite":
		content, err := os.ReadFile(p.path)
		must(t, err)
		path := filepath.Join(t.TempDir(), "crm.db")
		must(t, os.WriteFile(path, content, 0o600))
		return connect(t, sqlite.Open(path)), connect(t, sqlite.Open(path))
	case "postgres":
		guarded, bare = p.open(t, postgres.New(postgres.Config{Conn: p.pool})), p.open(t, postgres.New(postgres.Config{Conn: p.pool}))
	default:
		guarded, bare = p.open(t, mysql.New(mysql.Config{Conn: p.pool})), p.open(t, mysql.New(mysql.Config{Conn: p.pool}))
	}
	p.rows.store(t, bare)
	return guarded, bare
}

// open opens a handle on a pool that is there.
func (p *prepared) open(t *testing.T, d gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	return db
}

func connect(t testing.TB, server gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(server, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		pool, err := db.DB()
		must(t, err)
		must(t, pool.Close())
	})
	return db
}

// stock is all rows of the tables.
type stock struct {
	companies []Company
	customers []Customer
	deals     []Deal
	tags      []Tag
}

func (s *stock) load(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, rows := range []any{&s.companies, &s.customers, &s.deals, &s.tags} {
		must(t, db.Unscoped().Order("id").Find(rows).Error)
	}
}

// store empties the tables and fills them with the rows.
func (s *stock) store(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, table := range []string{"customer_tags", "deals", "customers", "companies", "tags"} {
		must(t, db.Exec("DELETE FROM "+table).Error)
	}
	for _, rows := range []any{s.companies, s.customers, s.deals, s.tags} {
		must(t, db.Omit(clause.Associations).Create(rows).Error)
	}
	must(t, db.Exec("INSERT INTO customer_tags (customer_id, tag_id) VALUES (?, 1), (?, 2)", 1, bobs).Error)
}

// everything is what the tables hold, but for when rows were updated: by "table key column".
func everything(t *testing.T, bare *gorm.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range []string{"companies", "customers", "deals", "tags", "customer_tags"} {
		var rows []map[string]any
		must(t, bare.Raw("SELECT * FROM "+table).Scan(&rows).Error)
		for _, row := range rows {
			key := row["id"]
			if table == "customer_tags" {
				key = fmt.Sprint(row["customer_id"], "-", row["tag_id"])
			}
			for column, v := range row {
				if column == "deleted_at" {
					v = v != nil
				}
				if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && !r.IsNil() {
					v = r.Elem().Interface()
				}
				if column != "updated_at" {
					all[fmt.Sprint(table, " ", key, " ", column)] = fmt.Sprint(v)
				}
			}
		}
	}
	return all
}
