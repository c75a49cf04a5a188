package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/fixture"
)

type testFlags struct {
	json, junit, update, verbose, cover bool
	rules, roles, cells                 float64 // thresholds, in percent
	workers                             int
}

func testCommand(env *Env) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test FIXTURE…",
		Short: "Run the tests of fixtures",
		Long: `Runs the tests of fixtures: files, directories or patterns. Each question goes to
the engine, some to the Casbin reference as well, lists to SQLite too.

A failure shows what was expected (-) and what came out (+), and why. With -cover
it lists the rules, roles and cells (each type with each action and field) that
no test is about; a threshold in percent fails if less is covered.

Exit code: 0 all pass; 1 some fail, or too little is covered; 2 a fixture cannot be read, or has no test.`,
		Example: `  crmauthz test testdata/policies
  crmauthz test testdata/policies --cover --cover-rules 100
  crmauthz test testdata/policies --update            # rewrite the snapshots
  crmauthz test testdata/policies --junit > report.xml`,
		Args: cobra.MinimumNArgs(1),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write JSON")
	flags.BoolVar(&f.junit, "junit", false, "write JUnit's XML")
	flags.BoolVar(&f.update, "update", false, "rewrite the snapshots that tests compare with")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "list the cases that pass, too")
	flags.BoolVar(&f.cover, "cover", false, "list what no test is about")
	flags.Float64Var(&f.rules, "cover-rules", 0, "fail if less `PERCENT` of the rules decide some test")
	flags.Float64Var(&f.roles, "cover-roles", 0, "fail if less `PERCENT` of the roles")
	flags.Float64Var(&f.cells, "cover-cells", 0, "fail if less `PERCENT` of the cells")
	flags.IntVar(&f.workers, "workers", 0, "how many tests run at a time; 0: as many as there are processors")
	cmd.MarkFlagsMutuallyExclusive("json", "junit")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fixtures, err := fixture.Load(args...)
		if err != nil {
			return err
		}
		p := newProgress(env, "tests")
		r, err := fixture.Run(cmd.Context(), fixtures, fixture.Options{Update: f.update, Workers: f.workers, Progress: p.tell})
		p.end()
		if err != nil {
			return err
		}
		t := f.outcome(r)
		switch {
		case f.json:
			err = writeJSON(env.Out, t)
		case f.junit:
			err = writeJUnit(env.Out, r)
		default:
			err = f.print(env, r, t)
		}
		if err == nil && (t.Failed > 0 || t.Cases == 0 || len(t.TooLittle) > 0) {
			err = errFindings
		}
		return err
	}
	return cmd
}

// tested is what came out of tests, as JSON too.
type tested struct {
	Files      int           `json:"files"`
	Tests      int           `json:"tests"`
	Cases      int           `json:"cases"`
	Failed     int           `json:"failed"`
	Questions  int           `json:"questions"`
	Referenced int           `json:"referenced"` // of the questions, those that the Casbin reference was asked as well
	Failures   []failureJSON `json:"failures"`
	Updated    []string      `json:"updated,omitempty"` // snapshots
	Coverage   struct {
		Rules shareJSON `json:"rules"`
		Roles shareJSON `json:"roles"`
		Cells shareJSON `json:"cells"`
	} `json:"coverage"`
	TooLittle []string `json:"too_little,omitempty"` // thresholds that are not reached
}

type failureJSON struct {
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Column      int      `json:"column"`
	Test        string   `json:"test"`
	Case        string   `json:"case"`
	Diff        string   `json:"diff,omitempty"`
	Explanation []string `json:"explanation,omitempty"`
	Error       string   `json:"error,omitempty"`
}

// shareJSON is a part of a whole, and what the whole lacks.
type shareJSON struct {
	Part    int      `json:"part"`
	Of      int      `json:"of"`
	Percent float64  `json:"percent"`
	Missing []string `json:"missing,omitempty"`
}

func jsonOfShare(s fixture.Share) shareJSON {
	return shareJSON{Part: s.Part, Of: s.Of, Percent: percentOf(s)}
}

// percentOf is a part in a hundred, rounded down to two decimals, so that 100 is all.
func percentOf(s fixture.Share) float64 {
	if s.Of == 0 {
		return 100
	}
	return float64(10_000*s.Part/s.Of) / 100
}

func (f *testFlags) outcome(r *fixture.Report) tested {
	failed := r.Failed()
	t := tested{Tests: r.Tests(), Cases: len(r.Cases), Failed: len(failed), Questions: r.Questions, Referenced: r.Referenced, Updated: r.Updated, Failures: []failureJSON{}}
	files := map[string]bool{}
	for _, c := range r.Cases {
		files[c.File] = true
	}
	t.Files = len(files)
	for _, c := range failed {
		j := failureJSON{File: c.File, Line: c.Line, Column: c.Column, Test: c.Test, Case: c.Name, Diff: steady(c.Failure.Diff), Explanation: c.Failure.Explanation}
		if c.Failure.Err != nil {
			j.Error = c.Failure.Err.Error()
		}
		t.Failures = append(t.Failures, j)
	}
	f.coverage(r.Coverage, &t)
	return t
}

func (f *testFlags) coverage(c fixture.Coverage, t *tested) {
	t.Coverage.Rules, t.Coverage.Roles, t.Coverage.Cells = jsonOfShare(c.RuleShare()), jsonOfShare(c.RoleShare()), jsonOfShare(c.CellShare())
	for _, x := range c.Rules {
		if !x.Covered {
			t.Coverage.Rules.Missing = append(t.Coverage.Rules.Missing, fmt.Sprintf("%s:%d:%d: %s", x.File, x.Line, x.Column, x.Fact.Fact))
		}
	}
	for _, x := range c.Roles {
		if !x.Covered {
			t.Coverage.Roles.Missing = append(t.Coverage.Roles.Missing, fmt.Sprintf("%s: %s in %s", x.File, x.Role, x.Tenant))
		}
	}
	for _, x := range c.Cells {
		if !x.Covered {
			t.Coverage.Cells.Missing = append(t.Coverage.Cells.Missing, fmt.Sprintf("%s: %s", x.Schema, x))
		}
	}
	for _, want := range []struct {
		what    string
		percent float64
		share   shareJSON
	}{{"rules", f.rules, t.Coverage.Rules}, {"roles", f.roles, t.Coverage.Roles}, {"cells", f.cells, t.Coverage.Cells}} {
		if want.share.Percent < want.percent {
			t.TooLittle = append(t.TooLittle, fmt.Sprintf("%s: %v %%, wanted %v %%", want.what, want.share.Percent, want.percent))
		}
	}
}

func (f *testFlags) print(env *Env, r *fixture.Report, t tested) error {
	p := newPaper(env)
	for _, c := range r.Cases {
		if c.Failure == nil && !f.verbose {
			continue
		}
		p.printf("%s %s\n", p.mark(c.Failure == nil), c)
		if c.Failure != nil {
			p.printf("    %s\n", strings.ReplaceAll(steady(c.Failure.String()), "\n", "\n    "))
		}
	}
	for _, path := range t.Updated {
		p.printf("updated %s\n", path)
	}
	outcome := p.green("all pass")
	switch {
	case t.Failed > 0:
		outcome = p.red(fmt.Sprintf("%d failed", t.Failed))
	case t.Cases == 0:
		outcome = p.red("there is no test")
	}
	p.printf("%s: %s, %s, %s, %s (the Casbin reference was asked %d as well)\n", outcome,
		plural(t.Files, "file"), plural(t.Tests, "test"), plural(t.Cases, "case"), plural(t.Questions, "question"), t.Referenced)
	f.printCoverage(p, t)
	_, err := io.WriteString(env.Out, p.String())
	return err
}

func (f *testFlags) printCoverage(p *paper, t tested) {
	p.printf("covered: rules %v %% (%d of %d), roles %v %% (%d of %d), cells %v %% (%d of %d)\n",
		t.Coverage.Rules.Percent, t.Coverage.Rules.Part, t.Coverage.Rules.Of,
		t.Coverage.Roles.Percent, t.Coverage.Roles.Part, t.Coverage.Roles.Of,
		t.Coverage.Cells.Percent, t.Coverage.Cells.Part, t.Coverage.Cells.Of)
	for _, part := range []struct {
		what  string
		limit float64
		shareJSON
	}{{"rule", f.rules, t.Coverage.Rules}, {"role", f.roles, t.Coverage.Roles}, {"cell", f.cells, t.Coverage.Cells}} {
		if !f.cover && part.Percent >= part.limit {
			continue
		}
		for _, missing := range part.Missing {
			p.printf("  no test is about the %s %s\n", part.what, missing)
		}
	}
	for _, limit := range t.TooLittle {
		p.printf("%s too little is covered: %s\n", p.mark(false), limit)
	}
}

// steady is text with a diff of go-cmp, which writes its blanks now in one way and now in another.
func steady(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }
