package gormstore_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// database is an empty one that belongs to one test.
type database struct{ databases.Database }

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	on(t, databases.Kinds, test)
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

func newDatabase(t *testing.T, kind string) database {
	t.Helper()
	return database{databases.New(t, kind)}
}

// open opens a store as most programs do.
func (d database) open(t *testing.T) *gormstore.Store {
	t.Helper()
	var s *gormstore.Store
	var err error
	if d.Kind == "sqlite" {
		s, err = gormstore.Open(t.Context(), d.Name)
	} else {
		s, err = gormstore.New(t.Context(), d.Connect(t))
	}
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
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
