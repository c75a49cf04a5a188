package source_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// A SQLite file of ours is read while it is in use and afterwards, and nothing is
// left beside it.
func TestSQLiteOfGormstore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.db")
	store, err := gormstore.Open(t.Context(), path)
	check(t, err)
	rule := model.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow}
	l, err := model.Encode(rule)
	check(t, err)
	_, err = store.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{l}, At: time.Now()})
	check(t, err)
	want := []source.Fact{{Fact: rule, Place: path + " row 1"}}
	for _, when := range []string{"in use", "closed"} {
		if when == "closed" {
			check(t, store.Close())
		}
		before := files(t, path)
		s, err := source.Parse(path)
		check(t, err)
		facts, err := s.Facts(t.Context())
		if diff := cmp.Diff(want, facts); err != nil || diff != "" {
			t.Errorf("%s: %v; -want +got:\n%s", when, err, diff)
		}
		if diff := cmp.Diff(before, files(t, path)); diff != "" {
			t.Errorf("%s: the directory changes:\n%s", when, diff)
		}
	}
}

// files are the sizes of the files beside a path.
func files(t *testing.T, path string) map[string]int64 {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	sizes := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		check(t, err)
		sizes[e.Name()] = info.Size()
	}
	return sizes
}
