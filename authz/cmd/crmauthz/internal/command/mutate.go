package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/fixture"
)

type mutateFlags struct {
	json     bool
	least    float64
	baseline []string
	workers  int
}

func mutateCommand(env *Env) *cobra.Command {
	var f mutateFlags
	cmd := &cobra.Command{
		Use:   "mutate FIXTURE…",
		Short: "Find changes of the policy that no test notices",
		Long: `Makes small changes to the policies of fixtures, one at a time, and runs the tests:
drops each fact, makes rules forbid what they allowed, widens and narrows them.
A change that no test notices survives, and is listed with the reason; the score
is the share of those that some test notices.

All tests must pass without a change. With --baseline the score must be at least that of other
fixtures, such as those of the branch that a pull request is for; if there are none, any will do.

Exit code: 0 the score is high enough; 1 it is not; 2 a fixture cannot be read, or fails.`,
		Example: `  crmauthz mutate testdata/policies
  crmauthz mutate testdata/policies --min-score 95
  crmauthz mutate testdata/policies --baseline ../main/testdata/policies`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON")
	cmd.Flags().Float64Var(&f.least, "min-score", 100, "fail if the score is less `PERCENT`")
	cmd.Flags().StringArrayVar(&f.baseline, "baseline", nil, "fail if the score is less than that of the fixtures at `PATH`; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("min-score", "baseline")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "how many changes are tried at a time; 0: as many as there are processors")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(f.baseline) > 0 {
			before, err := f.mutate(cmd.Context(), env, "changes of the baseline", f.baseline)
			if err != nil && !errors.Is(err, fixture.ErrNoFile) {
				return fmt.Errorf("baseline: %w", err)
			}
			f.least = before.Percent
		}
		m, err := f.mutate(cmd.Context(), env, "changes", args)
		if err != nil {
			return err
		}
		m.Wanted = f.least
		if f.json {
			err = writeJSON(env.Out, m)
		} else {
			err = f.print(env, m)
		}
		if err == nil && m.Percent < f.least {
			err = errFindings
		}
		return err
	}
	return cmd
}

func (f *mutateFlags) mutate(ctx context.Context, env *Env, what string, paths []string) (m mutated, err error) {
	fixtures, err := fixture.Load(paths...)
	if err != nil {
		return m, err
	}
	p := newProgress(env, what)
	r, err := fixture.Mutate(ctx, fixtures, fixture.MutateOptions{Workers: f.workers, Progress: p.tell})
	p.end()
	if err != nil {
		return m, err
	}
	return jsonOfMutation(r), nil
}

// mutated is what came out of mutations, as JSON too.
type mutated struct {
	Tried     int            `json:"tried"`
	Noticed   int            `json:"noticed"`
	Percent   float64        `json:"percent"` // the score
	Wanted    float64        `json:"wanted"`
	Survivors []survivorJSON `json:"survivors"`
}

type survivorJSON struct {
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Column int      `json:"column"`
	Kind   string   `json:"kind"`
	Fact   string   `json:"fact"`
	Into   []string `json:"into,omitempty"`
	What   string   `json:"what"`
	Why    string   `json:"why"`
	text   string
}

func jsonOfMutation(r *fixture.MutationReport) mutated {
	score := r.Score()
	m := mutated{Tried: score.Of, Noticed: score.Part, Percent: percentOf(score), Survivors: []survivorJSON{}}
	for _, s := range r.Survivors {
		m.Survivors = append(m.Survivors, survivorJSON{
			File: s.Of.File, Line: s.Of.Line, Column: s.Of.Column, Kind: string(s.Kind), Fact: s.Of.String(), Into: texts(s.Into),
			What: s.What, Why: s.Reason, text: s.String(),
		})
	}
	return m
}

func (f *mutateFlags) print(env *Env, m mutated) error {
	p := newPaper(env)
	for _, s := range m.Survivors {
		p.printf("%s %s\n    %s\n", p.mark(false), s.text, s.Why)
	}
	p.printf("%s score %v %%: %d of %s noticed; wanted %v %%\n", p.mark(m.Percent >= m.Wanted), m.Percent, m.Noticed, plural(m.Tried, "change"), m.Wanted)
	_, err := io.WriteString(env.Out, p.String())
	return err
}
