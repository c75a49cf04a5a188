// Package authztest tests policies under go test: fixtures, with Run, and policies made in Go, with
// New. Every question is asked of the engine, of Casbin as its reference and, if it is about a list, of SQLite.
// Package fixture says how a fixture is written.
//
//	func TestPolicies(t *testing.T) { authztest.Run(t, "testdata/policies/*.yaml") }
//
// The test has a subtest for each file, in it one for each test of the file, and in it one for each case. With
//
//	go test -run TestPolicies -update
//
// snapshots are rewritten with what is true now.
package authztest

import (
	"flag"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/authz/fixture"
)

// The flag -update is shared with other packages of golden files: who defines it first.
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "rewrite snapshots with what is true now")
	}
}

func updating() bool {
	v, ok := flag.Lookup("update").Value.(flag.Getter)
	if !ok {
		return false
	}
	on, _ := v.Get().(bool)
	return on
}

// Run tests the fixtures at paths: files, directories or patterns such as
// testdata/policies/*.yaml. No fixture, one without a test, and one that is malformed all fail the test.
func Run(t *testing.T, paths ...string) {
	t.Helper()
	run(t, updating(), paths)
}

// tester is a *testing.T, or what stands in for one.
type tester[T any] interface {
	testing.TB
	Run(name string, f func(T)) bool
}

func run[T tester[T]](t T, update bool, paths []string) {
	t.Helper()
	fixtures, err := fixture.Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if len(fixtures) == 0 {
		t.Fatal(fixture.ErrNoFile)
	}
	report, err := fixture.Run(t.Context(), fixtures, fixture.Options{Update: update})
	if err != nil {
		t.Fatal(err)
	}
	for of := range chunk(report.Cases, func(c fixture.Case) string { return c.File }) {
		t.Run(of[0].File, func(t T) {
			for of := range chunk(of, func(c fixture.Case) string { return c.Test }) {
				t.Run(of[0].Test, func(t T) { tell(t, of) })
			}
		})
	}
	for _, path := range report.Updated {
		t.Logf("%s is rewritten", path)
	}
	c := report.Coverage
	t.Logf("%d cases; %d of %d rules, %d of %d roles, %d of %d types with actions and fields are covered", len(report.Cases),
		c.RuleShare().Part, c.RuleShare().Of, c.RoleShare().Part, c.RoleShare().Of, c.CellShare().Part, c.CellShare().Of)
}

// tell makes a subtest for each case, unless the test has but one.
func tell[T tester[T]](t T, cases []fixture.Case) {
	t.Helper()
	for _, c := range cases {
		report := func(t T) {
			t.Helper()
			if c.Failure != nil {
				t.Errorf("%s:%d:%d: %s\n%v", c.File, c.Line, c.Column, c.Name, c.Failure)
			}
		}
		if len(cases) == 1 && c.Name == c.Test {
			report(t)
		} else {
			t.Run(c.Name, report)
		}
	}
}

// chunk yields runs of cases with the same key.
func chunk(cases []fixture.Case, key func(fixture.Case) string) func(yield func([]fixture.Case) bool) {
	return func(yield func([]fixture.Case) bool) {
		for len(cases) > 0 {
			n := slices.IndexFunc(cases, func(c fixture.Case) bool { return key(c) != key(cases[0]) })
			if n < 0 {
				n = len(cases)
			}
			if !yield(cases[:n]) {
				return
			}
			cases = cases[n:]
		}
	}
}
