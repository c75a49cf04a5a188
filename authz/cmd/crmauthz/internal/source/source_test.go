package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	t.Chdir(t.TempDir())
	check(t, os.WriteFile("sqlite", []byte("SQLite format 3\x00…"), 0o600))
	check(t, os.WriteFile("text", []byte("p, a, b"), 0o600))
	check(t, os.WriteFile("short", nil, 0o600))
	for _, c := range []struct {
		name  string
		kind  source.Kind
		shown string // empty: the name itself
	}{
		{"policy.yaml", source.YAML, ""},
		{"a/policy.YML", source.YAML, ""},
		{"policy.csv", source.CSV, ""},
		{"policy.db", source.SQLite, ""},
		{"sqlite", source.SQLite, ""},
		{"sqlite:policy.yaml", source.SQLite, "policy.yaml"},
		{"postgres://host/db?sslmode=disable", source.Postgres, ""},
		{"postgresql://u:secret@host:5432/db", source.Postgres, "postgresql://u:xxxxx@host:5432/db"},
		{"u:secret@tcp(host:3306)/db", source.MySQL, "u:xxxxx@tcp(host:3306)/db"},
		{"u@unix(/run/mysqld.sock)/db", source.MySQL, ""},
		{"mysql://u:secret@host/db", source.MySQL, "u:xxxxx@tcp(host:3306)/db"},
		{"mysql://u@host:3307/db", source.MySQL, "u@tcp(host:3307)/db"},
		{"", source.Unknown, ""},
		{"text", source.Unknown, ""},
		{"short", source.Unknown, ""},
		{"missing", source.Unknown, ""},
		{".", source.Unknown, ""},
		{"mysql://host", source.Unknown, ""},
		{"u@tcp(host)", source.Unknown, ""},
	} {
		s, err := source.Parse(c.name)
		if (err != nil) != (c.kind == source.Unknown) || err != nil && !errors.Is(err, source.ErrSource) {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		if c.shown == "" {
			c.shown = c.name
		}
		if s.Kind != c.kind || err == nil && s.Name != c.shown {
			t.Errorf("%q is %s %q; want %s %q", c.name, s.Kind, s.Name, c.kind, c.shown)
		}
	}
}

// Rows of CSV are those that Casbin's file adapter reads, and what it stops at is one with an error.
func TestRowsOfCSV(t *testing.T) {
	long := "p, " + strings.Repeat("x", 70_000)
	text := "\uFEFFp, a , b,\n# no\n\n  g,\"c,d\", \"e\"\"f\"  \np, \"x\" y\r\n" + long + "\nlast"
	path := filepath.Join(t.TempDir(), "policy.csv")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	s, err := source.Parse(path)
	check(t, err)
	rows, table, err := s.Rows(t.Context(), "")
	check(t, err)
	if table != nil {
		t.Errorf("a file has the table %v", table)
	}
	type row struct {
		Number int64
		Cells  []string
		Failed bool
	}
	var got []row
	for _, r := range rows {
		x := row{r.Number, nil, r.Err != nil}
		if r.Err == nil {
			x.Cells = append([]string{r.Ptype}, r.Values...)
		}
		got = append(got, x)
	}
	want := []row{
		{1, []string{"\uFEFFp", "a ", "b", ""}, false}, {4, []string{"g", "c,d", `e"f`}, false}, {5, nil, true}, {6, nil, true}, {7, []string{"last"}, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
