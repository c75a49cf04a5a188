package command

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

type previewFlags struct {
	questionFlags
	impactFlags
	added, removed []string
	author         string
}

// impactFlags say how an impact is told.
type impactFlags struct {
	later          int
	json, markdown bool
}

func (f *impactFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.later, "later", 0, "tell what is otherwise at this many later instants as well, at which facts begin or end")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	flags.BoolVar(&f.markdown, "markdown", false, "write Markdown, for a comment on a pull request")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
}

// write tells of impacts in the form that was asked for, and whether there is something to look at.
func (f *impactFlags) write(env *Env, all []*impact.Impact) (err error) {
	switch {
	case f.json:
		err = writeJSON(env.Out, all)
	case f.markdown:
		err = writeMarkdown(env.Out, all)
	default:
		err = printDiff(env, all)
	}
	if err == nil && slices.ContainsFunc(all, matters) {
		err = errFindings
	}
	return err
}

func previewCommand(env *Env) *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview POLICY",
		Short: "Tell who would gain and who would lose what by facts more or less",
		Long: `Tells of a policy and of facts that are to be added to one tenant, or taken away from it, who
gains and who loses what, of which records, and because of which facts; with --records, of
which of these. Switches are facts like others. Nothing is changed.

` + forms + `
--add and --remove are of YAML or CSV.

Exit code: 0 nobody gains or loses anything, 1 somebody does, 2 not readable, or
the change is one that is refused.`,
		Example: `  crmauthz preview policy.yaml --schema schema.yaml --add new.yaml --remove old.yaml
  crmauthz preview postgres://localhost/crm --schema schema.yaml --tenant acme --add lock.csv --later 2 --markdown
  crmauthz preview policy.yaml --schema schema.yaml --add new.yaml --made-by user:lea
  crmauthz preview policy.csv --schema schema.yaml --remove leaver.csv --records customers.yaml --json`,
		Args: cobra.ExactArgs(1),
	}
	f.policyFlags.add(cmd)
	f.impactFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.added, "add", nil, "a `FILE` of facts to be added; may be repeated")
	flags.StringArrayVar(&f.removed, "remove", nil, "a `FILE` of facts to be taken away; may be repeated")
	flags.StringVar(&f.tenant, "tenant", "", "of a change of the base policy, the `TENANT` to tell of")
	flags.StringVar(&f.author, "made-by", "", "have the change refused if this `USER` may not make it, or a second person must approve")
	flags.StringVar(&f.records, "records", "", "a `FILE` of records to tell of: by tenant, and by type/id, the owner, unit, parent and attrs of each")
	flags.StringVar(&f.at, "at", "", "the instant, such as `2026-11-22T09:00:00Z`; without it a fixture's, or now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i, err := f.preview(cmd.Context(), env, args[0])
		if err != nil {
			return err
		}
		return f.write(env, []*impact.Impact{i})
	}
	return cmd
}

func (f *previewFlags) preview(ctx context.Context, env *Env, name string) (*impact.Impact, error) {
	if len(f.added)+len(f.removed) == 0 {
		return nil, usage("--add or --remove is missing")
	}
	p, err := f.read(ctx, name)
	if err != nil {
		return nil, err
	}
	at, err := instant(f.at, p.now, env)
	if err != nil {
		return nil, err
	}
	c, err := f.change(ctx)
	if err != nil {
		return nil, err
	}
	options := []authz.PreviewOption{authz.At(at), authz.Later(f.later)}
	tenant := c.Tenant
	if tenant == model.Base {
		if tenant, err = f.tenantOf(&p); err != nil {
			return nil, err
		}
		options = append(options, authz.InTenant(tenant))
	} else if f.tenant != "" && f.tenant != tenant {
		return nil, usage("--tenant %s: the facts are of %s", f.tenant, tenant)
	}
	if f.author != "" {
		options = append(options, authz.MadeBy(authz.By(f.author, "")))
	}
	if f.records != "" {
		if p.records, err = readRecords(f.records, p.schema); err != nil {
			return nil, err
		}
		of := p.records[tenant]
		var records []*model.Record
		for _, id := range slices.Sorted(maps.Keys(of)) {
			records = append(records, of[id])
		}
		options = append(options, authz.OnRecords(slices.Values(records)))
	}
	az, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer az.Close() //nolint:errcheck // it is in memory
	return az.Preview(ctx, c, options...)
}

// change reads the facts to add and to take away, which are of one tenant.
func (f *previewFlags) change(ctx context.Context) (c authz.Change, err error) {
	for _, of := range []struct {
		files []string
		facts *[]authz.Fact
	}{{f.added, &c.Add}, {f.removed, &c.Remove}} {
		for _, name := range of.files {
			from, err := source.Parse(name)
			if err != nil {
				return c, err
			}
			facts, err := from.Facts(ctx)
			if err != nil {
				return c, err
			}
			for _, fact := range facts {
				*of.facts = append(*of.facts, fact.Fact)
			}
		}
	}
	for _, fact := range slices.Concat(c.Add, c.Remove) {
		c.Tenant = fact.TenantID() // others are refused
	}
	if c.Tenant == "" {
		return c, usage("there is no fact in what --add and --remove name")
	}
	return c, nil
}
