package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

func backupCommand(env *Env) *cobra.Command {
	var f storeFlags
	var out string
	cmd := &cobra.Command{
		Use:   "backup POLICY",
		Short: "Write a tenant's policy to a file that restore brings back",
		Long: `Writes the whole policy of a tenant, at one revision, as one text: its facts in
Casbin's CSV, behind a head with the tenant, the revision, the sum of the schema
and a sum of all that, by which restore knows the file again.

The base policy is a tenant of its own: --tenant '*'.

` + storeForms + `

Exit code: 0 written, 2 not readable.`,
		Example: `  crmauthz backup policy.db --schema schema.yaml --out acme.backup
  crmauthz backup postgres://localhost/crm --schema schema.yaml --tenant acme > acme.backup`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "write to this new `FILE`, not to the standard output")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.use(cmd.Context(), env, args[0], f.tenant, source.Reads, func(az opened) error {
			b, err := az.Backup(cmd.Context(), az.tenant)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = b.WriteTo(env.Out)
				return err
			}
			return writeBackup(env, b, out)
		})
	}
	return cmd
}

// writeBackup writes a backup to a new file, and says what it is.
func writeBackup(env *Env, b *authz.Backup, path string) error {
	var text strings.Builder
	if _, err := b.WriteTo(&text); err != nil {
		return err
	}
	if err := writeNew(path, []byte(text.String())); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.Out, "%s: %s at revision %d, %s\n", path, nameOf(b.Tenant), b.Revision, plural(len(b.Lines), "fact"))
	return err
}

// nameOf is what to call a tenant.
func nameOf(tenant string) string {
	if tenant == "*" {
		return "the base policy"
	}
	return "tenant " + tenant
}

type restoreFlags struct {
	storeFlags
	authorFlags
	json *bool
}

// restoredJSON is what a restoring changes, as JSON.
type restoredJSON struct {
	Tenant   string         `json:"tenant"`
	Backup   authz.Revision `json:"backup"` // the revision that it has
	Add      []string       `json:"add"`
	Remove   []string       `json:"remove"`
	Gaining  []string       `json:"gaining,omitempty"` // the people
	Losing   []string       `json:"losing,omitempty"`
	Revision authz.Revision `json:"revision,omitempty"` // that was made; 0: nothing was
}

func restoreCommand(env *Env) *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore BACKUP POLICY",
		Short: "Make a tenant's policy what a backup has",
		Long: `Shows what differs between a backup and the policy of its tenant, asks, and makes
the policy what the backup has, as one change: afterwards every decision is as it
was. But a tenant that was open then, or is now, is open no more.

Refused are a file that differs from what backup wrote in a single character, one
of another tenant than --tenant names, and one of another schema.

` + storeForms + `
One that is not there yet is made.

Exit code: 0 restored, or nothing differs; 1 something differs and is not restored;
2 not readable, or refused.`,
		Example: `  crmauthz restore acme.backup policy.db --schema schema.yaml --actor user:root --reason 'after the migration'
  crmauthz restore acme.backup postgres://localhost/crm --schema schema.yaml --actor user:root --yes`,
		Args: cobra.ExactArgs(2),
	}
	f.storeFlags.add(cmd)
	f.authorFlags.add(cmd)
	f.json = jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), env, args[0], args[1]) }
	return cmd
}

func (f *restoreFlags) run(ctx context.Context, env *Env, path, policy string) error {
	b, err := readBackup(path)
	if err != nil {
		return err
	}
	if f.tenant != "" && f.tenant != b.Tenant {
		return fmt.Errorf("%s is of %s, not of %s", path, nameOf(b.Tenant), nameOf(f.tenant))
	}
	return f.use(ctx, env, policy, b.Tenant, source.Makes, func(az opened) error {
		add, remove, err := az.RestoreChanges(ctx, b.Tenant, b)
		if err != nil {
			return err
		}
		x := restoredJSON{Tenant: b.Tenant, Backup: b.Revision, Add: []string{}, Remove: []string{}}
		x.Add, x.Remove = append(x.Add, texts(add)...), append(x.Remove, texts(remove)...)
		i, err := foreseen(ctx, az, authz.Change{Tenant: b.Tenant, Add: add, Remove: remove}, env.Now())
		if err != nil {
			return err
		}
		x.Gaining, x.Losing = i.Gaining(), i.Losing()
		if !*f.json {
			if err := printRestoring(env, path, b, x, i); err != nil {
				return err
			}
		}
		var left error
		if len(add)+len(remove) > 0 {
			if left = f.restore(ctx, env, az, b, &x); left != nil && !errors.Is(left, errFindings) {
				return left
			}
		}
		if *f.json {
			return cmp.Or(writeJSON(env.Out, x), left)
		}
		return left
	})
}

// restore restores if it is confirmed; if not, there are findings.
func (f *restoreFlags) restore(ctx context.Context, env *Env, az opened, b *authz.Backup, x *restoredJSON) error {
	if *f.json && !f.yes {
		return errFindings
	}
	if ok, err := f.confirmed(env, "Restore?"); err != nil || !ok {
		return orFindings(err)
	}
	by, err := f.author()
	if err != nil {
		return err
	}
	if x.Revision, err = az.Restore(ctx, by, b.Tenant, b); err == nil && !*f.json {
		_, err = fmt.Fprintf(env.Out, "restored: %s is at revision %d\n", nameOf(b.Tenant), x.Revision)
	}
	return err
}

func printRestoring(env *Env, path string, b *authz.Backup, x restoredJSON, i *authz.Impact) error {
	p := newPaper(env)
	p.printf("%s: %s at revision %d, of %s\n", path, nameOf(b.Tenant), b.Revision, b.Made.Format(time.RFC3339))
	for _, fact := range x.Remove {
		p.printf("  %s\n", p.red("- "+clean(fact)))
	}
	for _, fact := range x.Add {
		p.printf("  %s\n", p.green("+ "+clean(fact)))
	}
	if len(x.Add)+len(x.Remove) == 0 {
		p.printf("nothing differs\n")
	} else {
		p.printf("%s to add, %s to take away\n", plural(len(x.Add), "fact"), plural(len(x.Remove), "fact"))
		printForeseen(p, i)
	}
	_, err := fmt.Fprint(env.Out, p.String())
	return err
}

// orFindings: what was to be done is not.
func orFindings(err error) error {
	if err == nil {
		return errFindings
	}
	return err
}

func readBackup(path string) (*authz.Backup, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	b, err := authz.ReadBackup(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}
