package gormstore

import (
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
)

// own is a handle on the caller's database for the store's statements, if it is a
// database that this package knows and no transaction. It has neither the conditions
// nor the plugins that the caller's has: one that guards his tables would refuse
// ours, or change what is read of them.
func own(db *gorm.DB) (*gorm.DB, error) {
	name := db.Dialector.Name()
	if !slices.Contains([]string{"sqlite", "postgres", "mysql"}, name) {
		return nil, fmt.Errorf("%w: %s", ErrDatabase, name)
	}
	if isTransaction(db) {
		return nil, fmt.Errorf("%w: it is a transaction; see Join", ErrDatabase)
	}
	config := *db.Config
	config.ConnPool = db.Statement.ConnPool
	config.Plugins = nil
	config.PrepareStmt = false // if the caller prepares statements, so does his pool
	config.TranslateError = false
	config.DisableAutomaticPing = true
	return gorm.Open(withoutPlugins{db.Dialector}, &config)
}

// within is the store's handle for a transaction that the caller began.
func (s *Store) within(tx *gorm.DB) *gorm.DB {
	handle := s.db.Session(&gorm.Session{NewDB: true, Context: tx.Statement.Context})
	handle.Statement.ConnPool = tx.Statement.ConnPool
	return handle
}

// withoutPlugins is the dialect of a database that is open, for a handle on which
// nothing but GORM's own callbacks run.
type withoutPlugins struct{ gorm.Dialector }

// Initialize registers GORM's own callbacks.
func (d withoutPlugins) Initialize(db *gorm.DB) error {
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{})
	return nil
}

func isTransaction(db *gorm.DB) bool {
	committer, ok := db.Statement.ConnPool.(gorm.TxCommitter)
	return ok && committer != nil
}
