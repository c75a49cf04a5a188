package gormstore_test

import (
	"errors"
	"testing"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

// What MySQL's usual collations take for one person, trailing blanks apart,
// which no line can have.
var lookAlike = []string{"alice", "Alice", "josé", "jose", "straße", "strasse"}

func TestMySQL_keeps_people_apart_in_a_table_that_took_them_for_one(t *testing.T) {
	on(t, []string{"mysql"}, func(t *testing.T, d database) {
		db := d.Connect(t)
		casbinOn(t, db) // its table has the database's collation
		execSQL(t, db, "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ('g', 'user:alice', 'role:rep', 'acme', '-', '', '')")
		if err := db.Exec("INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ('g', 'user:Alice', 'role:rep', 'acme', '-', '', '')").Error; err == nil {
			t.Fatal("the test proves nothing: the table keeps Alice and alice apart")
		}
		if _, err := gormstore.New(t.Context(), db, gormstore.WithoutMigration()); !errors.Is(err, gormstore.ErrSchema) {
			t.Fatalf("New without migration: %v; want ErrSchema", err)
		}

		s := newStore(t, db)
		want(t, s, "acme", 1, member("acme", "alice", "rep"))
		var lines []model.Line
		for _, name := range lookAlike {
			lines = append(lines, member("acme", name, "rep"))
		}
		apply(t, s, adapter.Change{Tenant: "acme", Add: lines})
		want(t, s, "acme", 2, lines...)

		casbinOn(t, db) // it migrates its table anew
		s = newStore(t, db, gormstore.WithoutMigration())
		apply(t, s, adapter.Change{Tenant: "acme", Remove: lines[:1]})
		want(t, s, "acme", 3, lines[1:]...)
		for i, id := range []string{"id", "ID", "id "} {
			apply(t, s, adapter.Change{Tenant: "beta", ID: id, Add: []model.Line{member("beta", lookAlike[i], "rep")}})
		}
		if r := load(t, s, "beta").Revision; r != 3 {
			t.Errorf("three changes, whose IDs look alike, led to revision %d", r)
		}
	})
}

func TestMySQL_refuses_columns_that_would_cut_values(t *testing.T) {
	on(t, []string{"mysql"}, func(t *testing.T, d database) {
		db := d.Connect(t)
		newStore(t, db)
		execSQL(t, db, "ALTER TABLE casbin_rule MODIFY v3 varchar(99) COLLATE utf8mb4_nopad_bin")
		if _, err := gormstore.New(t.Context(), db); !errors.Is(err, gormstore.ErrSchema) {
			t.Errorf("New: %v; want ErrSchema", err)
		}
	})
}

func TestMySQL_refuses_a_connection_that_would_lose_characters(t *testing.T) {
	on(t, []string{"mysql"}, func(t *testing.T, d database) {
		d.Name += "?charset=latin1"
		if _, err := gormstore.New(t.Context(), d.Connect(t)); !errors.Is(err, gormstore.ErrSchema) {
			t.Errorf("New: %v; want ErrSchema", err)
		}
	})
}
