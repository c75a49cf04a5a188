package source

import (
	"context"
	"errors"
	"fmt"
	"os"

	gormmysql "gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
)

// Access says what a command does with a store.
type Access uint8

// The ways to open a store.
const (
	Reads   Access = iota // it must be there, with all its tables
	Changes               // it must be there; tables that are missing are made
	Makes                 // made if it is not there
)

// Open opens the store that keeps the policy, for what reading rows alone does not tell: revisions,
// and changes with their log. Call close when it is done with.
func (s Source) Open(ctx context.Context, access Access) (store adapter.Store, close func() error, err error) {
	if s.Kind == CSV || s.Kind == SQLite {
		if _, err := os.Stat(s.at); err != nil && access != Makes {
			return nil, nil, err // before a file is made
		}
	}
	var options []gormstore.Option
	if access == Reads {
		options = append(options, gormstore.WithoutMigration())
	}
	switch s.Kind {
	case CSV:
		f, err := adapter.OpenFile(s.at)
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	case SQLite:
		f, err := gormstore.Open(ctx, s.at, options...)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		return f, f.Close, nil
	case Postgres:
		return s.onServer(ctx, postgres.Open(s.at), options)
	case MySQL:
		return s.onServer(ctx, gormmysql.Open(s.at), options)
	}
	return nil, nil, fmt.Errorf("%w with a store: %s is %s, which people change and their version control keeps", ErrSource, s.Name, s.Kind)
}

func (s Source) onServer(ctx context.Context, d gorm.Dialector, options []gormstore.Option) (adapter.Store, func() error, error) {
	db, err := gorm.Open(d, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	store, err := gormstore.New(ctx, db, options...)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", s.Name, err), pool.Close())
	}
	return store, pool.Close, nil
}
