package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// storeForms tells how a store is named, for the help of commands that change one.
const storeForms = source.Forms + `
Not YAML, which has no revisions and no log. A file of CSV is open in one program at a time.`

// storeFlags say how a policy is opened where it is kept.
type storeFlags struct {
	policyFlags
	tenant string
}

func (f *storeFlags) add(cmd *cobra.Command) {
	f.policyFlags.add(cmd)
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the `TENANT`; may be left out where the policy has one only")
}

// authorFlags say who makes a change and why, and whether it is made at once.
type authorFlags struct {
	actor, reason string
	yes           bool
}

func (f *authorFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.actor, "actor", "", "who makes the change, for the log, which calls him an operator: `WHO`, such as user:root")
	flags.StringVar(&f.reason, "reason", "", "why, for the log: `WHY`, such as a ticket")
	flags.BoolVar(&f.yes, "yes", false, "make the change without asking")
}

// author is who changes something: an operator, since administration does not bind who reaches the store.
func (f *authorFlags) author() (authz.Author, error) {
	if f.actor == "" {
		return authz.Author{}, usage("--actor is missing")
	}
	return authz.Operator(f.actor, f.reason), nil
}

// confirmed asks whoever looks at the terminal. Elsewhere, only --yes says it.
func (f *authorFlags) confirmed(env *Env, question string) (bool, error) {
	if f.yes {
		return true, nil
	}
	if !env.Terminal(env.Out) {
		_, err := fmt.Fprintf(env.Out, "nothing is changed without --yes\n")
		return false, err
	}
	if _, err := fmt.Fprintf(env.Out, "%s [y/N] ", question); err != nil {
		return false, err
	}
	answer, _ := bufio.NewReader(env.In).ReadString('\n') // no answer is no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// opened is a store with an authorizer of it, and the tenant that a command is about.
type opened struct {
	*authz.Authorizer
	tenant string
}

// use opens a store, has do use it, and closes it. A tenant that is not named is the only one.
func (f *storeFlags) use(ctx context.Context, env *Env, name, tenant string, access source.Access, do func(opened) error) (err error) {
	from, err := source.Parse(name)
	if err != nil {
		return err
	}
	if f.schema == "" {
		return usage("--schema is missing")
	}
	schema, err := readSchema(f.schema)
	if err != nil {
		return err
	}
	store, closeStore, err := from.Open(ctx, access)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	if tenant == "" {
		if tenant, err = onlyTenantOf(ctx, store); err != nil {
			return err
		}
	}
	az, err := authz.Open(ctx, schema, store, authz.WithClock(env.Now), authz.WithOpenLimit(maxOpening), authz.WithAudit(noDecisions{}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, az.Close()) }()
	return do(opened{az, tenant})
}

// foreseen tells who gains and who loses anything by a change, as soon as it is in force. That of the base policy depends on
// the tenant, and is not told.
func foreseen(ctx context.Context, az opened, c authz.Change, at time.Time) (*authz.Impact, error) {
	if c.Tenant == model.Base {
		return &authz.Impact{}, nil
	}
	return az.Preview(ctx, c, authz.At(at), authz.Later(0))
}

// printForeseen writes the people of an impact, of many the first.
func printForeseen(p *paper, i *authz.Impact) {
	if i.Tenant == "" {
		return
	}
	for _, of := range []struct {
		people []string
		does   string
	}{{i.Losing(), "lose"}, {i.Gaining(), "gain"}} {
		const most = 5
		switch names := strings.Join(of.people[:min(most, len(of.people))], ", "); {
		case len(of.people) == 0:
			p.printf("  nobody %ss anything\n", of.does)
		case len(of.people) > most:
			p.printf("  %d people %s something: %s and %d more\n", len(of.people), of.does, clean(names), len(of.people)-most)
		default:
			p.printf("  %s %s something\n", clean(names), of.does+plainS(len(of.people)))
		}
	}
}

// plainS ends the verb of one person.
func plainS(people int) string {
	if people == 1 {
		return "s"
	}
	return ""
}

// noDecisions is the audit log of a command, which opens a tenant for others and decides nothing by it.
type noDecisions struct{}

func (noDecisions) Audit(context.Context, authz.AuditEntry) error {
	return errors.New("a command decides nothing in an open tenant")
}

// onlyTenantOf is the tenant of a store that has one beside the base policy.
func onlyTenantOf(ctx context.Context, store adapter.Store) (string, error) {
	var names []string
	for name, err := range store.Tenants(ctx) {
		if err != nil {
			return "", err
		}
		if name != model.Base && len(names) < maxNamed+1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return onlyOf(names)
}
