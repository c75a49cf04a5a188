package command

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
)

type whoFlags struct{ questionFlags }

func whoCommand(env *Env) *cobra.Command {
	var f whoFlags
	cmd := &cobra.Command{
		Use:   "who POLICY ACTION TYPE/ID",
		Short: "List the people who may do something to a record",
		Long: `Lists the people, not the roles, who may do an action to a record, each with the
rule and the memberships that allow it.

` + forms + `

Exit code: 0 somebody may, 1 nobody, 2 no answer.`,
		Example: `  crmauthz who policy.yaml --schema schema.yaml update customer/42 --owner user:alice
  crmauthz who policy.db --schema schema.yaml --tenant acme read customer/42 --unit unit:apac --attr region=EU`,
		Args: cobra.ExactArgs(3),
	}
	f.add(cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := f.who(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(env.Out, jsonOfWho(w))
		} else {
			err = printWho(env, w)
		}
		if err == nil && len(w.People) == 0 && !w.Everyone {
			err = errFindings
		}
		return err
	}
	return cmd
}

func (f *whoFlags) who(ctx context.Context, env *Env, args []string) (w authz.Who, err error) {
	p, err := f.read(ctx, args[0])
	if err != nil {
		return w, err
	}
	on, err := target(args[2])
	if err != nil {
		return w, err
	}
	if on.ID == "" || on.Field != "" {
		return w, usage("%q is not TYPE/ID", args[2])
	}
	var req authz.Request
	if err := f.ask(&req, on, &p); err != nil {
		return w, err
	}
	az, err := p.open(ctx, authz.WithClock(env.Now))
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, az.Close()) }()
	q := authz.WhoQuery{Tenant: req.Tenant, Action: args[1], Record: req.Record, At: req.At, Env: req.Env, Address: req.Address}
	q.Users = func(_ context.Context, users []string) ([]map[string]any, error) {
		attrs := make([]map[string]any, len(users))
		for i, user := range users {
			attrs[i] = p.users[user]
		}
		return attrs, nil
	}
	return az.WhoCan(ctx, q)
}

const notComplete = "There may be others: a condition asks for what is not known of users or the environment."

func printWho(env *Env, w authz.Who) error {
	p := newPaper(env)
	for _, person := range w.People {
		p.printf("%s  %s\n", p.bold(person.User), person.Decision)
	}
	if w.Everyone {
		p.printf("and every other user of the tenant\n")
	}
	if len(w.People) == 0 && !w.Everyone {
		p.printf("nobody\n")
	}
	if !w.Complete {
		p.printf("%s\n", notComplete)
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}

type whoJSON struct {
	People   []personJSON `json:"people"`
	Everyone bool         `json:"everyone"` // so may every other user
	Complete bool         `json:"complete"` // nobody is missing
}

type personJSON struct {
	User     string       `json:"user"`
	Decision decisionJSON `json:"decision"`
}

func jsonOfWho(w authz.Who) whoJSON {
	j := whoJSON{People: []personJSON{}, Everyone: w.Everyone, Complete: w.Complete}
	for _, person := range w.People {
		j.People = append(j.People, personJSON{person.User, jsonOf(person.Decision)})
	}
	return j
}
