package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
)

// A server's address is in one of these; without it, its stores are left out.
const (
	postgresEnv = "CRMAUTHZ_TEST_POSTGRES" // postgres://user@host:port/database?sslmode=disable
	mysqlEnv    = "CRMAUTHZ_TEST_MYSQL"    // user:password@tcp(host:port)/database
)

// database is an empty one that belongs to one test.
type database struct {
	kind string // sqlite, postgres or mysql
	dsn  string // for SQLite the path
}

// databases makes one of each kind that there is a server for.
func databases(t *testing.T, kinds ...string) (all []database) {
	t.Helper()
	for _, kind := range kinds {
		id := "crmauthz_" + strings.ToLower(rand.Text()[:16])
		switch {
		case kind == "sqlite":
			all = append(all, database{kind, filepath.Join(t.TempDir(), "policy.db")})
		case kind == "postgres" && os.Getenv(postgresEnv) != "":
			u, err := url.Parse(os.Getenv(postgresEnv))
			check(t, err)
			onServer(t, postgres.Open(u.String()), "CREATE SCHEMA "+id, "DROP SCHEMA "+id+" CASCADE")
			q := u.Query()
			q.Set("search_path", id)
			u.RawQuery = q.Encode()
			all = append(all, database{kind, u.String()})
		case kind == "mysql" && os.Getenv(mysqlEnv) != "":
			c, err := sqldriver.ParseDSN(os.Getenv(mysqlEnv))
			check(t, err)
			onServer(t, mysql.Open(c.FormatDSN()), "CREATE DATABASE "+id+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "DROP DATABASE "+id)
			c.DBName = id
			all = append(all, database{kind, c.FormatDSN()})
		default:
			t.Logf("%s is left out: no server is named", kind)
		}
	}
	return all
}

// onServer runs a statement, and another when the test ends.
func onServer(t *testing.T, d gorm.Dialector, first, last string) {
	t.Helper()
	for i, statement := range []string{first, last} {
		run := func() {
			db, err := gorm.Open(d, &gorm.Config{Logger: logger.Discard})
			check(t, err)
			check(t, db.Exec(statement).Error)
			pool, err := db.DB()
			check(t, err)
			check(t, pool.Close())
		}
		if i == 0 {
			run()
		} else {
			t.Cleanup(run)
		}
	}
}

// open opens the store in a database, and returns what closes it.
func (d database) open(ctx context.Context) (adapter.Store, func() error, error) {
	if d.kind == "sqlite" {
		s, err := gormstore.Open(ctx, d.dsn)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	dialector := postgres.Open(d.dsn)
	if d.kind == "mysql" {
		dialector = mysql.Open(d.dsn)
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	s, err := gormstore.New(ctx, db)
	return s, pool.Close, err
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
