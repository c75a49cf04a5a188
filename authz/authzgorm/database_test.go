package authzgorm_test

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A server's address is in one of these; without it, its tests are skipped.
const (
	postgresEnv = "CRMAUTHZ_TEST_POSTGRES" // postgres://user@host:port/database?sslmode=disable
	mysqlEnv    = "CRMAUTHZ_TEST_MYSQL"    // user:password@tcp(host:port)/database
)

// onEach runs a test on an empty database of each kind, which belongs to it.
func onEach(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	on(t, []string{"sqlite", "postgres", "mysql"}, test)
}

func on(t *testing.T, kinds []string, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t, kind))
		})
	}
}

// newDatabase makes a database, which the test's end drops.
func newDatabase(t testing.TB, kind string) *gorm.DB {
	t.Helper()
	name := "crmauthz_" + strings.ToLower(rand.Text()[:16])
	switch kind {
	case "sqlite":
		return connect(t, sqlite.Open(filepath.Join(t.TempDir(), "test.db")))
	case "postgres":
		server := serverOf(t, postgresEnv)
		u, err := url.Parse(server)
		must(t, err)
		q := u.Query()
		q.Set("search_path", name)
		u.RawQuery = q.Encode()
		dropAtEnd(t, postgres.Open(server), "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
		return connect(t, postgres.Open(u.String()))
	default:
		server := serverOf(t, mysqlEnv)
		c, err := sqldriver.ParseDSN(server)
		must(t, err)
		c.DBName, c.ParseTime = name, true
		// A collation that takes Alice for alice is what most servers have.
		dropAtEnd(t, mysql.Open(server), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "DROP DATABASE "+name)
		return connect(t, mysql.Open(c.FormatDSN()))
	}
}

func serverOf(t testing.TB, env string) string {
	t.Helper()
	dsn := os.Getenv(env)
	if dsn == "" {
		t.Skip(env + " names no server to test with")
	}
	return dsn
}

func dropAtEnd(t testing.TB, server gorm.Dialector, create, drop string) {
	t.Helper()
	db := connect(t, server)
	must(t, db.Exec(create).Error)
	t.Cleanup(func() { must(t, db.Exec(drop).Error) })
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

// bareSQLite opens an empty database without the plugin.
func bareSQLite(t testing.TB) *gorm.DB {
	t.Helper()
	return newDatabase(t, "sqlite")
}
