package gormstore

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/model"
)

// rule is a row of casbin_rule as gorm-adapter/v3 makes it. The indexes that
// begin with a tenant's column are ours. They go on with other columns so that a line
// is found fast by whichever index a database chooses that has no statistics yet.
type rule struct {
	ID    uint   `gorm:"column:id;primaryKey;autoIncrement"`
	Ptype string `gorm:"column:ptype;size:100;uniqueIndex:idx_casbin_rule;index:idx_casbin_rule_v1,priority:2;index:idx_casbin_rule_v2,priority:2"`
	V0    string `gorm:"column:v0;size:100;uniqueIndex:idx_casbin_rule;index:idx_casbin_rule_v1,priority:3;index:idx_casbin_rule_v2,priority:3"`
	V1    string `gorm:"column:v1;size:100;uniqueIndex:idx_casbin_rule;index:idx_casbin_rule_v1,priority:1;index:idx_casbin_rule_v2,priority:4"`
	V2    string `gorm:"column:v2;size:100;uniqueIndex:idx_casbin_rule;index:idx_casbin_rule_v1,priority:4;index:idx_casbin_rule_v2,priority:1"`
	V3    string `gorm:"column:v3;size:100;uniqueIndex:idx_casbin_rule"`
	V4    string `gorm:"column:v4;size:100;uniqueIndex:idx_casbin_rule"`
	V5    string `gorm:"column:v5;size:100;uniqueIndex:idx_casbin_rule"`
}

// tenantRow is a tenant's revision, and what a change locks.
type tenantRow struct {
	Tenant   string `gorm:"column:tenant;size:100;primaryKey"`
	Revision int64  `gorm:"column:revision;not null"`
}

// changeRow is an entry of the log without its lines.
type changeRow struct {
	Tenant   string `gorm:"column:tenant;size:100;primaryKey;uniqueIndex:idx_crmauthz_changes_id"`
	Revision int64  `gorm:"column:revision;primaryKey;autoIncrement:false"`
	ID       string `gorm:"column:id;size:100;not null;uniqueIndex:idx_crmauthz_changes_id"`
	Actor    string `gorm:"column:actor;not null"`
	Reason   string `gorm:"column:reason;not null"`
	At       string `gorm:"column:at;size:40;not null"` // see timeFormat
}

// changeLinesRow is a part of an entry's lines, few enough for one statement
// on any database.
type changeLinesRow struct {
	Tenant   string `gorm:"column:tenant;size:100;primaryKey"`
	Revision int64  `gorm:"column:revision;primaryKey;autoIncrement:false"`
	Part     int64  `gorm:"column:part;primaryKey;autoIncrement:false"`
	Removed  string `gorm:"column:removed;not null"` // JSON: a list of lists of strings
	Added    string `gorm:"column:added;not null"`
}

func (rule) TableName() string           { return "casbin_rule" }
func (tenantRow) TableName() string      { return "crmauthz_tenants" }
func (changeRow) TableName() string      { return "crmauthz_changes" }
func (changeLinesRow) TableName() string { return "crmauthz_change_lines" }

var tables = []interface{ TableName() string }{&rule{}, &tenantRow{}, &changeRow{}, &changeLinesRow{}, &proposalRow{}}

// Migrate makes the tables and indexes that the database lacks. On MySQL and
// MariaDB it changes their collation to one that compares bytes, and SQLite's
// journal mode to WAL. Where all is as it should be it changes nothing.
//
// New and Open do it too, unless told WithoutMigration: Migrate is for programs
// that have the right to it only when they are deployed.
func Migrate(ctx context.Context, db *gorm.DB) error {
	db, err := own(db)
	if err == nil {
		err = migrate(ctx, db)
	}
	return fail("migrate", "", err)
}

// migrate tries more than once, since the database may be busy.
func migrate(ctx context.Context, db *gorm.DB) error {
	times := 0
	again := func(err error) bool {
		times++
		return times < 4 && !errors.Is(err, ErrSchema)
	}
	return retry(ctx, again, func() error { return prepare(db.WithContext(ctx), true) })
}

// prepare mends what is wrong with the schema or, if it is not to, says so.
func prepare(db *gorm.DB, mend bool) error {
	collation := ""
	switch {
	case isSQLite(db):
		if err := prepareJournal(db, mend); err != nil {
			return err
		}
	case isMySQL(db):
		var err error
		if collation, err = binaryCollation(db); err != nil {
			return err
		}
		db = db.Set("gorm:table_options", "CHARACTER SET utf8mb4 COLLATE "+collation).Session(&gorm.Session{})
	}
	for _, table := range tables {
		if err := prepareTable(db, table, mend); err != nil {
			return err
		}
		if isMySQL(db) {
			if err := prepareCollation(db, table.TableName(), collation, mend); err != nil {
				return err
			}
		}
	}
	return nil
}

func prepareTable(db *gorm.DB, table interface{ TableName() string }, mend bool) error {
	m := db.Migrator()
	err := provide("table "+table.TableName(), mend,
		func() bool { return m.HasTable(table) },
		func() error { return m.CreateTable(table) })
	if err != nil {
		return err
	}
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(table); err != nil {
		return err
	}
	for _, index := range stmt.Schema.ParseIndexes() {
		err := provide(fmt.Sprintf("index %s on table %s", index.Name, table.TableName()), mend,
			func() bool { return m.HasIndex(table, index.Name) },
			func() error { return m.CreateIndex(table, index.Name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// provide makes what is missing, if it is to. Another program that starts at the same
// time may be faster by a moment: then making fails, and what it made is there.
func provide(what string, mend bool, has func() bool, create func() error) error {
	if has() {
		return nil
	}
	if !mend {
		return fmt.Errorf("%w: there is no %s", ErrSchema, what)
	}
	if err := create(); err != nil && !has() {
		return err
	}
	return nil
}

// prepareJournal sees to it that SQLite keeps a write-ahead log. Without one a
// commit may find the database busy: then the driver's connection stays in its
// transaction for ever, and fails whoever has it next.
func prepareJournal(db *gorm.DB, mend bool) error {
	sql := "PRAGMA journal_mode"
	if mend {
		sql = "PRAGMA journal_mode = WAL" // a setting of the file's, kept in it
	}
	return query(db, func(scan func(...any) error) error {
		var mode string
		err := scan(&mode)
		if err == nil && mode != "wal" && mode != "memory" {
			err = fmt.Errorf("%w: the journal mode is %s, not WAL", ErrSchema, mode)
		}
		return err
	}, sql)
}

// binaryCollations compare bytes, trailing blanks too: MariaDB's and MySQL's.
var binaryCollations = []string{"utf8mb4_nopad_bin", "utf8mb4_0900_bin"}

// binaryCollation is the server's collation that compares bytes. It refuses a
// connection whose character set cannot carry every character.
func binaryCollation(db *gorm.DB) (collation string, err error) {
	err = query(db, func(scan func(...any) error) error {
		var name, value string
		if err := scan(&name, &value); err != nil {
			return err
		}
		if value != "utf8mb4" {
			return fmt.Errorf("%w: %s is %s, not utf8mb4", ErrSchema, name, value)
		}
		return nil
	}, "SHOW VARIABLES WHERE Variable_name IN ('character_set_client', 'character_set_connection', 'character_set_results')")
	if err != nil {
		return "", err
	}
	err = query(db, func(scan func(...any) error) error { return scan(&collation) },
		"SELECT collation_name FROM information_schema.collations WHERE collation_name IN ?", binaryCollations)
	if err == nil && collation == "" {
		err = fmt.Errorf("%w: the server has none of the collations %v", ErrSchema, binaryCollations)
	}
	return collation, err
}

// prepareCollation sees to it that a table compares bytes, and that no column is
// so short that a server in its loose mode would cut a value.
func prepareCollation(db *gorm.DB, table, collation string, mend bool) error {
	var other []string
	err := query(db, func(scan func(...any) error) error {
		var column, has string
		var length int64
		err := scan(&column, &has, &length)
		if err == nil && length < model.MaxColumn && column != "at" {
			err = fmt.Errorf("%w: column %s of %s holds %d characters", ErrSchema, column, table, length)
		}
		if err == nil && has != collation {
			other = append(other, column)
		}
		return err
	}, "SELECT column_name, collation_name, character_maximum_length FROM information_schema.columns "+
		"WHERE table_schema = DATABASE() AND table_name = ? AND collation_name IS NOT NULL", table)
	switch {
	case err != nil || len(other) == 0:
		return err
	case !mend:
		return fmt.Errorf("%w: columns %v of %s have another collation than %s", ErrSchema, other, table, collation)
	}
	return db.Exec("ALTER TABLE " + table + " CONVERT TO CHARACTER SET utf8mb4 COLLATE " + collation).Error
}

func isSQLite(db *gorm.DB) bool   { return db.Dialector.Name() == "sqlite" }
func isPostgres(db *gorm.DB) bool { return db.Dialector.Name() == "postgres" }
func isMySQL(db *gorm.DB) bool    { return db.Dialector.Name() == "mysql" }
