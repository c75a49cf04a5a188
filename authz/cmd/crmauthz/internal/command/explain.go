package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

type explainFlags struct{ questionFlags }

func explainCommand(env *Env) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain POLICY USER ACTION TYPE[/ID][#FIELD]",
		Short: "Tell whether a user may do something, and why",
		Long: `Tells whether a user may do an action to a record, to records of a type at all,
or how much of a field she reaches, with all that led to the decision; of a
denial, the fewest facts whose grant would allow it.

What conditions and scopes ask of the record comes with the flags; what does
not is unknown, and never to the user's advantage.

` + forms + `

Exit code: 0 allowed (of a field: not hidden), 1 denied, 2 no answer.`,
		Example: `  crmauthz explain policy.yaml --schema schema.yaml user:bob update customer/42 --owner user:alice
  crmauthz explain policy.csv --schema schema.yaml --tenant acme user:bob read customer
  crmauthz explain testdata/policies/masking.yaml user:bob read customer/42
  crmauthz explain postgres://localhost/crm --schema schema.yaml --tenant acme user:bob read customer/42#phone --json`,
		Args: cobra.ExactArgs(4),
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&f.user, "user-attr", nil, "an attribute of the user, `NAME=VALUE`; may be repeated")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := f.explain(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(env.Out, e.json())
		} else {
			err = e.print(env)
		}
		if err == nil && !e.allowed() {
			err = errFindings
		}
		return err
	}
	return cmd
}

// explained is a question with its answer.
type explained struct {
	authz.Request
	on    model.Target
	why   authz.Explanation
	field authz.FieldExplanation // if it was asked for
}

func (f *explainFlags) explain(ctx context.Context, env *Env, args []string) (e explained, err error) {
	p, err := f.read(ctx, args[0])
	if err != nil {
		return e, err
	}
	if e.on, err = target(args[3]); err != nil {
		return e, err
	}
	az, err := p.open(ctx, authz.WithClock(env.Now))
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, az.Close()) }()
	return f.answer(ctx, az, &p, authz.Request{User: args[1], Action: args[2]}, e.on)
}

// answer puts a question of a user and an action, with the facts that are known besides.
func (f *questionFlags) answer(ctx context.Context, az *authz.Authorizer, p *policy, req authz.Request, on model.Target) (e explained, err error) {
	e.Request, e.on = req, on
	if err := f.ask(&e.Request, e.on, p); err != nil {
		return e, err
	}
	if e.why, err = az.Explain(ctx, e.Request); err == nil && e.on.Field != "" {
		e.field, err = az.ExplainField(ctx, e.Request, e.on.Field)
	}
	return e, err
}

func (e explained) allowed() bool {
	if e.on.Field != "" {
		return e.field.Level > model.FieldHidden
	}
	return e.why.Allowed
}

func (e explained) print(env *Env) error {
	p := newPaper(env)
	e.write(p)
	_, err := io.WriteString(env.Out, p.String())
	return err
}

func (e explained) write(p *paper) {
	may := p.green("may")
	if !e.why.Allowed {
		may = p.red("may not")
	}
	on := e.on
	on.Field = ""
	p.printf("%s %s %s %s in %s\n  %s\n\n", e.User, may, e.Action, on, e.Tenant, e.why.Decision)
	for _, g := range e.why.Gates {
		p.printf("  %s %-16s  %s\n", p.mark(g.Passed), g.Name, g.Detail)
	}
	if e.Record != nil {
		p.printf("    %-16s  %s, of which %s needs %s\n", "level", e.why.Level, e.Action, e.why.Need)
	}
	for i, group := range e.why.Groups {
		p.printf("    %-16s  %s\n", first(i, "groups"), group)
	}
	for i, fact := range e.why.Nearest {
		p.printf("    %-16s  %s\n", first(i, "would allow it"), fact)
	}
	if e.on.Field != "" {
		p.printf("  %s %-16s  %s is %s; by default %s\n", p.mark(e.allowed()), "field", e.on.Field, e.field.Level, e.field.Default)
		for i, rule := range e.field.Rules {
			p.printf("    %-16s  %s\n", first(i, "field rules"), rule)
		}
	}
}

// first is a heading on the first line only.
func first(i int, heading string) string {
	if i == 0 {
		return heading
	}
	return ""
}

type explainedJSON struct {
	Tenant   string       `json:"tenant"`
	User     string       `json:"user"`
	Action   string       `json:"action"`
	On       string       `json:"on"`
	Allowed  bool         `json:"allowed"`
	Decision decisionJSON `json:"decision"`
	Field    *fieldJSON   `json:"field,omitempty"`
	Level    string       `json:"level"`
	Need     string       `json:"need"`
	Groups   []string     `json:"groups,omitempty"`
	Gates    []gateJSON   `json:"gates"`
	Nearest  []string     `json:"nearest,omitempty"` // lines that would allow it
}

type fieldJSON struct {
	Name    string   `json:"name"`
	Level   string   `json:"level"`
	Default string   `json:"default"`
	Rules   []string `json:"rules,omitempty"`
}

type gateJSON struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

type decisionJSON struct {
	Allowed bool     `json:"allowed"`
	Reason  string   `json:"reason"`
	Rule    string   `json:"rule,omitempty"`
	Path    []string `json:"path,omitempty"`
	Reach   []string `json:"reach,omitempty"`
}

func jsonOf(d model.Decision) decisionJSON {
	j := decisionJSON{Allowed: d.Allowed, Reason: d.Reason.String(), Path: d.Path, Reach: texts(d.Reach)}
	if d.Rule != nil {
		j.Rule = d.Rule.String()
	}
	return j
}

func texts[T fmt.Stringer](all []T) (list []string) {
	for _, x := range all {
		list = append(list, x.String())
	}
	return list
}

func (e explained) json() explainedJSON {
	j := explainedJSON{
		Tenant: e.Tenant, User: e.User, Action: e.Action, On: e.on.String(), Allowed: e.allowed(), Decision: jsonOf(e.why.Decision),
		Level: e.why.Level.String(), Need: e.why.Need.String(), Groups: e.why.Groups, Nearest: texts(e.why.Nearest),
	}
	for _, g := range e.why.Gates {
		j.Gates = append(j.Gates, gateJSON(g))
	}
	if e.on.Field != "" {
		j.Field = &fieldJSON{e.on.Field, e.field.Level.String(), e.field.Default.String(), texts(e.field.Rules)}
	}
	return j
}
