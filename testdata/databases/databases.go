// Package databases gives tests empty databases. The servers' addresses are in the
// environment; a test of a server whose address is not there is skipped.
package databases

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	sqldriver "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // so that pgx is known to database/sql
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// The kinds of databases, by the names of GORM's dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	MySQL    = "mysql"
)

// Kinds is all of them.
var Kinds = []string{SQLite, Postgres, MySQL}

// servers is where in the environment a server's address is.
var servers = map[string]string{
	Postgres: "CRMAUTHZ_TEST_POSTGRES", // postgres://user@host:port/database?sslmode=disable
	MySQL:    "CRMAUTHZ_TEST_MYSQL",    // user:password@tcp(host:port)/database
}

// Database is an empty one that belongs to one test, whose end drops it.
type Database struct {
	Kind string
	Name string // of SQLite: the path; otherwise what its driver of database/sql takes
}

// New makes a database. The test is skipped if there is no server of the kind.
func New(t testing.TB, kind string) Database {
	t.Helper()
	if kind == SQLite {
		return Database{kind, filepath.Join(t.TempDir(), "a #1 100%?.db")}
	}
	Need(t, kind)
	server, id := os.Getenv(servers[kind]), "crmauthz_"+strings.ToLower(rand.Text()[:16])
	if kind == Postgres {
		u, err := url.Parse(server)
		check(t, err)
		q := u.Query()
		q.Set("search_path", id)
		q.Set("application_name", id)
		u.RawQuery = q.Encode()
		onServer(t, "pgx", server, "CREATE SCHEMA "+id, "DROP SCHEMA "+id+" CASCADE")
		return Database{kind, u.String()}
	}
	c, err := sqldriver.ParseDSN(server)
	check(t, err)
	c.DBName = id
	// A collation that takes Alice for alice is what most servers have.
	onServer(t, "mysql", server, "CREATE DATABASE "+id+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "DROP DATABASE "+id)
	return Database{kind, c.FormatDSN()}
}

// Has tells whether there can be databases of a kind.
func Has(kind string) bool { return kind == SQLite || os.Getenv(servers[kind]) != "" }

// Need skips a test if there can be no database of a kind.
func Need(t testing.TB, kind string) {
	t.Helper()
	if !Has(kind) {
		t.Skip(servers[kind] + " names no server to test with")
	}
}

// onServer runs a statement, and another when the test ends.
func onServer(t testing.TB, driver, server, first, last string) {
	t.Helper()
	db, err := sql.Open(driver, server)
	check(t, err)
	_, err = db.Exec(first)
	check(t, err)
	t.Cleanup(func() {
		_, err := db.Exec(last)
		check(t, err)
		check(t, db.Close())
	})
}

// Dialector is how GORM opens the database.
func (d Database) Dialector() gorm.Dialector {
	switch d.Kind {
	case SQLite:
		return sqlite.Open("file:" + (&url.URL{Path: d.Name}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	case Postgres:
		return postgres.Open(d.Name)
	}
	return mysql.Open(d.Name)
}

// Connect opens the database as a program of its own would, until the test ends.
func (d Database) Connect(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d.Dialector(), &gorm.Config{Logger: logger.Discard})
	check(t, err)
	t.Cleanup(func() {
		pool, err := db.DB()
		check(t, err)
		check(t, pool.Close())
	})
	return db
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
