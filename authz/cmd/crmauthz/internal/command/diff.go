package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/analysis"
	"github.com/crmauthz/crmauthz/model"
)

type diffFlags struct {
	policyFlags
	impactFlags
	newSchema, tenant, at string
}

func diffCommand(env *Env) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Tell who gains and who loses what by a change of the policy",
		Long: `Compares two policies: who gains and who loses what, of which records, and because
of which facts. It is exact over all people whom the facts name and anyone else,
all types, actions and fields, all records, and all that conditions may come to.

Without --tenant all tenants are compared whose facts, base policy or schema differ.

` + forms + `

Exit code: 0 nobody gains or loses anything, 1 somebody does, 2 not readable.`,
		Example: `  crmauthz diff old.yaml policy.yaml --schema schema.yaml
  crmauthz diff old.yaml policy.yaml --schema old-schema.yaml --new-schema schema.yaml --markdown
  crmauthz diff postgres://localhost/crm policy.csv --schema schema.yaml --tenant acme --later 5 --json`,
		Args: cobra.ExactArgs(2),
	}
	f.policyFlags.add(cmd)
	f.impactFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.newSchema, "new-schema", "", "the schema `FILE` of NEW, if it is another than OLD's")
	flags.StringVar(&f.tenant, "tenant", "", "compare this `TENANT` only")
	flags.StringVar(&f.at, "at", "", "the instant, such as `2026-11-22T09:00:00Z`; without it a fixture's, or now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := f.diff(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		return f.write(env, all)
	}
	return cmd
}

func matters(c *impact.Impact) bool { return !c.Nothing() }

func (f *diffFlags) diff(ctx context.Context, env *Env, args []string) ([]*impact.Impact, error) {
	before, err := f.read(ctx, args[0])
	if err != nil {
		return nil, err
	}
	flags := f.policyFlags
	if f.newSchema != "" {
		flags.schema = f.newSchema
	}
	now, err := flags.read(ctx, args[1])
	if err != nil {
		return nil, err
	}
	at, err := instant(f.at, now.now, env)
	if err != nil {
		return nil, err
	}
	all := []*impact.Impact{}
	for _, tenant := range tenantsOf(f.tenant, before, now) {
		if f.tenant == "" && alike(before, now, tenant) {
			continue
		}
		p := newProgress(env, tenant+": people")
		c, err := analysis.Diff(ctx, before.of(tenant), now.of(tenant), analysis.Options{At: at, Later: f.later, Progress: p.tell})
		p.end()
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", tenant, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// of is a policy as the analysis takes it.
func (p policy) of(tenant string) analysis.Policy {
	return analysis.Policy{Schema: p.schema, Tenant: tenant, Facts: p.facts}
}

// instant is that of a flag, or a fixture's, or now.
func instant(flag string, fixtures time.Time, env *Env) (time.Time, error) {
	f := questionFlags{at: flag}
	at, err := f.time(fixtures)
	if at.IsZero() {
		at = env.Now()
	}
	return at, err
}

// tenantsOf is a tenant that was asked for, or all of some policies; where there is none,
// one that has the base policy alone.
func tenantsOf(asked string, policies ...policy) []string {
	if asked != "" {
		return []string{asked}
	}
	names := map[string]bool{}
	for _, p := range policies {
		for _, f := range p.facts {
			names[f.TenantID()] = true
		}
	}
	delete(names, model.Base)
	if len(names) == 0 {
		return []string{"any"}
	}
	return slices.Sorted(maps.Keys(names))
}

// alike tells whether two policies are the same to a tenant.
func alike(a, b policy, tenant string) bool {
	return maps.Equal(a.factsOf(tenant), b.factsOf(tenant)) && reflect.DeepEqual(a.schema, b.schema)
}

// factsOf are the facts that hold in a tenant.
func (p policy) factsOf(tenant string) map[model.Fact]bool {
	facts := map[model.Fact]bool{}
	for _, f := range p.facts {
		if t := f.TenantID(); t == tenant || t == model.Base {
			facts[f] = true
		}
	}
	return facts
}

const nothingChanges = "Nobody gains or loses anything.\n"

func writeMarkdown(w io.Writer, all []*impact.Impact) error {
	if len(all) == 0 {
		_, err := io.WriteString(w, nothingChanges)
		return err
	}
	for i, c := range all {
		text := c.Markdown()
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func printDiff(env *Env, all []*impact.Impact) error {
	p := newPaper(env)
	for _, c := range all {
		p.WriteString(c.Text(impact.Marks{Gain: p.green("+"), Loss: p.red("-")}))
	}
	if len(all) == 0 {
		p.printf(nothingChanges)
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
