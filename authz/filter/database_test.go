package filter_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/testdata/databases"
)

// onEach runs a test on an empty database of each kind, which belongs to it.
func onEach(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	on(t, databases.Kinds, test)
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
	d := databases.New(t, kind)
	if kind == databases.MySQL {
		d.Name += "?parseTime=true"
	}
	return d.Connect(t)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
