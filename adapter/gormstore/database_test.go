package gormstore_test

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	sqldriver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

// A server's address is in one of these; without it, its tests are skipped.
const (
	postgresEnv = "CRMAUTHZ_TEST_POSTGRES" // postgres://user@host:port/database?sslmode=disable
	mysqlEnv    = "CRMAUTHZ_TEST_MYSQL"    // user:password@tcp(host:port)/database
)

// database is an empty one that belongs to one test.
type database struct {
	kind string // the dialect: sqlite, postgres or mysql
	dsn  string // for SQLite the path
}

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	on(t, []string{"sqlite", "postgres", "mysql"}, test)
}

func on(t *testing.T, kinds []string, test func(t *testing.T, d database)) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t, kind))
		})
	}
}

// newDatabase makes a database, which the test's end drops.
func newDatabase(t *testing.T, kind string) database {
	t.Helper()
	name := "crmauthz_" + strings.ToLower(rand.Text()[:16])
	switch kind {
	case "sqlite":
		return database{kind, filepath.Join(t.TempDir(), "a #1 100%?.db")}
	case "postgres":
		return database{kind, newPostgres(t, serverOf(t, postgresEnv), name)}
	default:
		return database{kind, newMySQL(t, serverOf(t, mysqlEnv), name)}
	}
}

func serverOf(t *testing.T, env string) string {
	t.Helper()
	dsn := os.Getenv(env)
	if dsn == "" {
		t.Skip(env + " names no server to test with")
	}
	return dsn
}

func newPostgres(t *testing.T, server, schema string) string {
	t.Helper()
	u, err := url.Parse(server)
	check(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("application_name", schema)
	u.RawQuery = q.Encode()
	d := database{"postgres", server}
	execOnce(t, d, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { execOnce(t, d, "DROP SCHEMA "+schema+" CASCADE") })
	return u.String()
}

func newMySQL(t *testing.T, server, name string) string {
	t.Helper()
	c, err := sqldriver.ParseDSN(server)
	check(t, err)
	c.DBName = name
	d := database{"mysql", server}
	// A collation that takes Alice for alice is what most servers have.
	execOnce(t, d, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	t.Cleanup(func() { execOnce(t, d, "DROP DATABASE "+name) })
	return c.FormatDSN()
}

// connect opens the database as a program of its own would.
func (d database) connect(t *testing.T) *gorm.DB {
	t.Helper()
	var dialector gorm.Dialector
	switch d.kind {
	case "sqlite":
		dialector = sqlite.Open("file:" + (&url.URL{Path: d.dsn}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	case "postgres":
		dialector = postgres.Open(d.dsn)
	default:
		dialector = mysql.Open(d.dsn)
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	check(t, err)
	t.Cleanup(func() {
		pool, err := db.DB()
		check(t, err)
		check(t, pool.Close())
	})
	return db
}

// open opens a store as most programs do.
func (d database) open(t *testing.T) *gormstore.Store {
	t.Helper()
	var s *gormstore.Store
	var err error
	if d.kind == "sqlite" {
		s, err = gormstore.Open(t.Context(), d.dsn)
	} else {
		s, err = gormstore.New(t.Context(), d.connect(t))
	}
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func execOnce(t *testing.T, d database, sql string) {
	t.Helper()
	db := d.connect(t)
	execSQL(t, db, sql)
}

func execSQL(t *testing.T, db *gorm.DB, sql string, args ...any) {
	t.Helper()
	if err := db.Exec(sql, args...).Error; err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// count is the number that a SELECT returns.
func count(t *testing.T, db *gorm.DB, sql string, args ...any) (n int64) {
	t.Helper()
	if err := db.Raw(sql, args...).Row().Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// member is the line of a user in a role.
func member(tenant, user, role string) model.Line {
	l, err := model.Encode(model.Membership{Tenant: tenant, Member: "user:" + user, Group: "role:" + role})
	if err != nil {
		panic(err)
	}
	return l
}

// apply makes a change against the tenant's present revision.
func apply(t *testing.T, s *gormstore.Store, c adapter.Change) adapter.Entry {
	t.Helper()
	c.Base = load(t, s, c.Tenant).Revision
	if c.ID == "" {
		c.ID = rand.Text()
	}
	e, err := s.Apply(t.Context(), c)
	check(t, err)
	return e
}

func load(t *testing.T, s *gormstore.Store, tenant string) adapter.Snapshot {
	t.Helper()
	snapshot, err := s.Load(t.Context(), tenant)
	check(t, err)
	return snapshot
}

// want fails unless the tenant is at the revision with exactly these lines.
func want(t *testing.T, s *gormstore.Store, tenant string, revision model.Revision, lines ...model.Line) {
	t.Helper()
	if diff := cmp.Diff(adapter.Snapshot{Revision: revision, Lines: lines}, load(t, s, tenant), sameLines); diff != "" {
		t.Fatalf("Load(%q) mismatch (-want +got):\n%s", tenant, diff)
	}
}

// sameLines compares without regard to the order of lines.
var sameLines = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b model.Line) int { return strings.Compare(a.String(), b.String()) }),
}

func skipWithoutServer(t *testing.T, kind string) {
	t.Helper()
	switch kind {
	case "postgres":
		serverOf(t, postgresEnv)
	case "mysql":
		serverOf(t, mysqlEnv)
	}
}
