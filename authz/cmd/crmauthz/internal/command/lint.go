package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/internal/analysis"
)

type lintFlags struct {
	policyFlags
	tenant, at, failOn string
	json               bool
}

func lintCommand(env *Env) *cobra.Command {
	var f lintFlags
	cmd := &cobra.Command{
		Use:   "lint POLICY",
		Short: "Find what a policy says in vain, twice, or too broadly",
		Long: `Finds facts that are unreachable, shadowed, duplicate, cyclic, too deep, expired or
very broad, switches of what there is not, and roles and conditions of no use. What it
calls unreachable, shadowed, duplicate or expired can be taken away without any
answer changing.

Without --tenant all tenants are looked through.

` + forms + `

Exit code: 0 nothing as grave as --fail-on, 1 something is, 2 not readable.`,
		Example: `  crmauthz lint policy.yaml --schema schema.yaml
  crmauthz lint policy.csv --schema schema.yaml --tenant acme --fail-on problem --json`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.tenant, "tenant", "", "look through this `TENANT` only")
	flags.StringVar(&f.at, "at", "", "the instant, such as `2026-11-22T09:00:00Z`; without it a fixture's, or now")
	flags.StringVar(&f.failOn, "fail-on", analysis.Warning.String(), "fail if something is at least a `note`, warning or problem")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		least := slices.Index(severities, f.failOn)
		if least < 0 {
			return usage("--fail-on %q is not one of %v", f.failOn, severities)
		}
		findings, err := f.lint(cmd.Context(), env, args[0])
		if err != nil {
			return err
		}
		if f.json {
			err = writeJSON(env.Out, findings)
		} else {
			err = printLint(env, findings)
		}
		if err == nil && slices.ContainsFunc(findings, func(x linted) bool { return int(x.Severity) >= least }) {
			err = errFindings
		}
		return err
	}
	return cmd
}

var severities = []string{analysis.Note.String(), analysis.Warning.String(), analysis.Problem.String()}

// linted is a finding in a tenant.
type linted struct {
	Tenant string
	Place  string // where the fact is written
	analysis.Finding
}

// MarshalJSON writes the finding's own members among the others.
func (x linted) MarshalJSON() ([]byte, error) {
	finding, err := json.Marshal(x.Finding)
	if err != nil {
		return nil, err
	}
	own, err := json.Marshal(struct {
		Tenant string `json:"tenant"`
		Place  string `json:"place,omitempty"`
	}{x.Tenant, x.Place})
	if err != nil {
		return nil, err
	}
	return slices.Concat(own[:len(own)-1], []byte(","), finding[1:]), nil
}

func (f *lintFlags) lint(ctx context.Context, env *Env, name string) ([]linted, error) {
	p, err := f.read(ctx, name)
	if err != nil {
		return nil, err
	}
	at, err := instant(f.at, p.now, env)
	if err != nil {
		return nil, err
	}
	all := []linted{}
	tenants := tenantsOf(f.tenant, p)
	for _, tenant := range tenants {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		findings, err := analysis.Lint(p.of(tenant), analysis.Options{At: at})
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", tenant, err)
		}
		for _, x := range findings {
			place := ""
			if x.Fact != nil {
				place = p.places[x.Fact]
			}
			all = append(all, linted{tenant, place, x})
		}
	}
	return withoutUsedElsewhere(all, len(tenants)), nil
}

// withoutUsedElsewhere drops that a condition is of no use in some tenants only, and says once
// what is so in all.
func withoutUsedElsewhere(all []linted, tenants int) []linted {
	count := map[string]int{}
	unused := func(x linted) bool {
		return x.Kind == analysis.Unused && x.Fact == nil && strings.HasPrefix(x.Name, "if:")
	}
	for _, x := range all {
		if unused(x) {
			count[x.Name]++
		}
	}
	return slices.DeleteFunc(all, func(x linted) bool {
		if !unused(x) {
			return false
		}
		count[x.Name]--
		return count[x.Name] != tenants-1 // the first of as many as there are tenants stays
	})
}

func printLint(env *Env, findings []linted) error {
	p := newPaper(env)
	for _, x := range findings {
		about := x.Name
		if x.Fact != nil {
			about = x.Fact.String()
		}
		severity := x.Severity.String()
		if x.Severity == analysis.Problem {
			severity = p.red(severity)
		}
		if x.Place != "" {
			p.printf("%s: ", x.Place)
		}
		p.printf("%s: %s: %s (tenant %s)\n    %s. %s.\n", severity, x.Kind, p.bold(about), x.Tenant, x.Says, x.Do)
		if x.Other != nil {
			p.printf("    the other: %s\n", x.Other)
		}
	}
	if len(findings) == 0 {
		p.printf("%s nothing found\n", p.mark(true))
	} else {
		p.printf("%s\n", plural(len(findings), "finding"))
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}
