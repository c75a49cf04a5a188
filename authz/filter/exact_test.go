package filter_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/filter -run Exactly -expressions 100000 -timeout 0
var (
	expressions    = flag.Int("expressions", 400, "random expressions that are asked of each database")
	expressionSeed = flag.Uint64("expression-seed", 1, "the first one's seed")
)

// The rows that a database finds for an expression are exactly those of whose
// records Eval says True.
func TestDatabasesFindExactlyWhatEvalSaysTrueOf(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		d := filter.Dialect(db.Dialector.Name())
		nasty := newNasty(t, db)
		found := 0
		for i := range uint64(*expressions) {
			seed := *expressionSeed + i
			x := (&grower{rand.New(rand.NewPCG(seed, 1))}).expr(4, task)
			want := nasty.trueOf(x)
			got := nasty.ask(t, x, d, seed)
			if diff := cmp.Diff(want, got); diff != "" {
				c, _ := filter.SQL(x, nasty.mapping, acme, d)
				t.Fatalf("seed %d: rows mismatch (-Eval +database):\n%s\n%s\n%#v\n%s\n%v\nfirst record %+v", seed, diff, filter.Format(x), x, c.SQL, c.Args, nasty.firstDifferent(want, got))
			}
			if len(want) > 0 && len(want) < len(nasty.records) {
				found++
			}
		}
		if found < *expressions/3 {
			t.Errorf("only %d of %d expressions are true of some records and not of all", found, *expressions)
		}
	})
}

// An expression and its parts are the less found wrong the larger they are, so each kind
// of comparison is asked with every value.
func TestDatabasesCompareEachValueAsEvalDoes(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		d := filter.Dialect(db.Dialector.Name())
		nasty := newNasty(t, db)
		n := 0
		for _, x := range comparisons() {
			for _, x := range []filter.Expr{x, filter.Not{X: x}, filter.Not{X: filter.IsTrue{X: x}}} {
				n++
				if diff := cmp.Diff(nasty.trueOf(x), nasty.ask(t, x, d, 0)); diff != "" {
					c, _ := filter.SQL(x, nasty.mapping, acme, d)
					t.Errorf("%#v: rows mismatch (-Eval +database):\n%s\n%s\n%v\nfirst record %+v", x, diff, c.SQL, c.Args,
						nasty.firstDifferent(nasty.trueOf(x), nasty.ask(t, x, d, 0)))
				}
			}
		}
		if n < 500 {
			t.Errorf("only %d comparisons", n)
		}
	})
}

func (s *nasty) trueOf(x filter.Expr) []int64 {
	rows := []int64{}
	for n, r := range s.records {
		if filter.Eval(x, r) == filter.True {
			rows = append(rows, n)
		}
	}
	slices.Sort(rows)
	return rows
}

func (s *nasty) ask(t *testing.T, x filter.Expr, d filter.Dialect, seed uint64) []int64 {
	t.Helper()
	c, err := filter.SQL(x, s.mapping, acme, d)
	if err != nil {
		t.Fatalf("seed %d: %s: %v", seed, filter.Format(x), err)
	}
	rows := []int64{}
	query := "SELECT n FROM " + s.mapping.Table + " WHERE "
	if d == filter.Postgres {
		c = c.Numbered(1)
	}
	found, err := s.pool.QueryContext(t.Context(), query+c.SQL, c.Args...)
	if err != nil {
		t.Fatalf("seed %d: %s: %v\n%s\n%v", seed, filter.Format(x), err, c.SQL, c.Args)
	}
	defer found.Close()
	for found.Next() {
		var n int64
		check(t, found.Scan(&n))
		rows = append(rows, n)
	}
	check(t, found.Err())
	slices.Sort(rows)
	return rows
}

func (s *nasty) firstDifferent(want, got []int64) *model.Record {
	for n, r := range s.records {
		if slices.Contains(want, n) != slices.Contains(got, n) {
			return r
		}
	}
	return nil
}
