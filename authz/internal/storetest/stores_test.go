package storetest

import (
	"context"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// database is an empty one that belongs to one test.
type database struct{ databases.Database }

// databasesOf makes one of each kind that there is a server for.
func databasesOf(t *testing.T, kinds ...string) (all []database) {
	t.Helper()
	for _, kind := range kinds {
		if databases.Has(kind) {
			all = append(all, database{databases.New(t, kind)})
		} else {
			t.Logf("%s is left out: no server is named", kind)
		}
	}
	return all
}

// open opens the store in a database, and returns what closes it.
func (d database) open(ctx context.Context) (adapter.Store, func() error, error) {
	if d.Kind == "sqlite" {
		s, err := gormstore.Open(ctx, d.Name)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	db, err := gorm.Open(d.Dialector(), &gorm.Config{Logger: logger.Discard})
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
