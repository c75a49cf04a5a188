package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
)

// database is the CRM's records and its policy, in one database.
type database struct {
	az    *authz.Authorizer
	store *gormstore.Store
	// records is the handle that pages use: it shows and changes only what the principal
	// in its context may. all sees everything; it serves the seed, the resolver and the audit log.
	records, all *gorm.DB
	closers      []func() error
}

// sqliteFile opens a database in a file; each connection waits for another writer,
// and a commit is on the disk.
func sqliteFile(path string) gorm.Dialector {
	return sqlite.Open("file:" + filepath.ToSlash(path) +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate")
}

// openDatabase opens a database, and fills it if it is empty.
func openDatabase(ctx context.Context, dialector gorm.Dialector, clock func() time.Time) (_ *database, err error) {
	db := &database{}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db.all, err = gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, TranslateError: true}); err != nil {
		return nil, err
	}
	pool, err := db.all.DB()
	if err != nil {
		return nil, err
	}
	db.closers = append(db.closers, pool.Close)
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(16)
	if err := db.all.WithContext(ctx).AutoMigrate(&Customer{}, &Contact{}, &Opportunity{}, &AuditEntry{}); err != nil {
		return nil, err
	}
	if db.store, err = gormstore.New(ctx, db.all); err != nil {
		return nil, err
	}
	db.closers = append(db.closers, db.store.Close)
	schema, err := model.ParseSchema(schemaYAML)
	if err != nil {
		return nil, err
	}
	db.az, err = authz.Open(ctx, schema, db.store, authz.WithClock(clock), authz.WithResolver(db), authz.WithAudit(db))
	if err != nil {
		return nil, err
	}
	db.closers = append(db.closers, db.az.Close)
	var known int64
	if err := db.all.WithContext(ctx).Model(&Customer{}).Count(&known).Error; err != nil {
		return nil, err
	}
	if known == 0 {
		if err := seed(ctx, db.all, db.az, clock()); err != nil {
			return nil, err
		}
	}
	db.records, err = guard(db.all, authzgorm.New(db.az, guarded...))
	return db, err
}

// guard is a second handle on the same connections, with the plugin.
func guard(all *gorm.DB, plugin gorm.Plugin) (*gorm.DB, error) {
	var dialector gorm.Dialector = &sqlite.Dialector{Conn: all.ConnPool}
	if all.Name() == "postgres" {
		dialector = postgres.New(postgres.Config{Conn: all.ConnPool})
	}
	records, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, TranslateError: true})
	if err != nil {
		return nil, err
	}
	return records, records.Use(plugin)
}

// Close closes all that was opened, the last first.
func (db *database) Close() (err error) {
	for _, closer := range slices.Backward(db.closers) {
		err = errors.Join(err, closer())
	}
	return err
}

// Audit keeps who looked at a masked value; it implements authz.Audit.
func (db *database) Audit(ctx context.Context, e authz.AuditEntry) error {
	return db.all.WithContext(ctx).Create(&AuditEntry{Entry: e}).Error
}

// Records fetches the facts of records, and of their customers; it implements authz.Resolver.
func (db *database) Records(ctx context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	ids := map[string][]int64{}
	for _, r := range refs {
		if id, err := strconv.ParseInt(r.ID, 10, 64); err == nil {
			ids[r.Type] = append(ids[r.Type], id)
		}
	}
	found := map[authz.Ref]*authz.Record{}
	tx := db.all.WithContext(ctx).Where("tenant = ?", tenant).Session(&gorm.Session{})
	var contacts []Contact
	var deals []Opportunity
	if err := find(tx, &contacts, ids["contact"]); err != nil {
		return nil, err
	}
	if err := find(tx, &deals, ids["opportunity"]); err != nil {
		return nil, err
	}
	for _, c := range contacts {
		ids["customer"] = append(ids["customer"], c.CustomerID)
	}
	for _, d := range deals {
		ids["customer"] = append(ids["customer"], d.CustomerID)
	}
	var customers []Customer
	if err := find(tx, &customers, ids["customer"]); err != nil {
		return nil, err
	}
	for _, c := range customers {
		r := c.record()
		found[authz.Ref{Type: "customer", ID: r.ID}] = r
	}
	for _, c := range contacts {
		r := &authz.Record{Type: "contact", ID: fmt.Sprint(c.ID), Parent: found[customerRef(c.CustomerID)]}
		found[authz.Ref{Type: r.Type, ID: r.ID}] = r
	}
	for _, d := range deals {
		r := &authz.Record{Type: "opportunity", ID: fmt.Sprint(d.ID), Owners: []string{d.Owner}, Parent: found[customerRef(d.CustomerID)],
			Attrs: map[string]any{"stage": d.Stage, "amount": d.Amount}}
		found[authz.Ref{Type: r.Type, ID: r.ID}] = r
	}
	records := make([]*authz.Record, len(refs))
	for i, r := range refs {
		records[i] = found[r]
	}
	return records, nil
}

func (c Customer) record() *authz.Record {
	return &authz.Record{Type: "customer", ID: fmt.Sprint(c.ID), Owners: []string{c.Owner}, Unit: "unit:" + c.Unit,
		Attrs: map[string]any{"segment": c.Segment}}
}

func customerRef(id int64) authz.Ref { return authz.Ref{Type: "customer", ID: fmt.Sprint(id)} }

// find reads rows by their ids.
func find(tx *gorm.DB, rows any, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return tx.Where("id IN ?", ids).Find(rows).Error
}
