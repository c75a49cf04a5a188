package command

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/internal/analysis"
)

type proveFlags struct {
	policyFlags
	tenant, at, file string
	json             bool
}

func proveCommand(env *Env) *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove POLICY [STATEMENT…]",
		Short: "Prove statements about a policy, or show who makes them false",
		Long: `Tells whether statements are true of a policy, over all people whom the facts name
and anyone else, all records, and all that conditions may come to; of one that is
not, a counterexample. A file of statements has one in a line; # begins a comment.

  no one [in WHO | outside WHO] [ever] WHAT [where RECORDS] [unless RECORDS]
  everyone [in WHO | outside WHO] [always] WHAT [where RECORDS] [unless RECORDS]
  GROUP and GROUP [and GROUP …] never overlap

WHAT is "may ACTIONS TARGET", "sees TARGET#FIELD" or "edits TARGET#FIELD"; WHO is users
and groups joined by or; RECORDS is own, team, unit, unit_tree and if:CONDITION joined by or,
each with not before it.

Without --tenant the statements must be true in all tenants.

` + forms + `

Exit code: 0 all are true; 1 some are not, or one names somebody whom no fact names; 2 not readable.`,
		Example: `  crmauthz prove policy.yaml --schema schema.yaml "no one outside role:finance ever edits customer#credit_limit"
  crmauthz prove policy.yaml --schema schema.yaml "role:buyer and role:approver never overlap"
  crmauthz prove policy.yaml --schema schema.yaml --file statements.txt`,
		Args: cobra.MinimumNArgs(1),
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", "", "read statements from this `FILE`")
	flags.StringVar(&f.tenant, "tenant", "", "prove them of this `TENANT` only")
	flags.StringVar(&f.at, "at", "", "the instant, such as `2026-11-22T09:00:00Z`; without it a fixture's, or now")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		proofs, err := f.prove(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		if f.json {
			err = writeJSON(env.Out, proofs)
		} else {
			err = printProofs(env, proofs)
		}
		if err == nil && (slices.ContainsFunc(proofs, func(p proof) bool { return !p.Holds }) || len(unknownEverywhere(proofs)) > 0) {
			err = errFindings
		}
		return err
	}
	return cmd
}

// proof is one of a statement in a tenant.
type proof struct {
	Tenant string `json:"tenant"`
	analysis.Proof
}

func (f *proveFlags) prove(ctx context.Context, env *Env, args []string) ([]proof, error) {
	statements, err := f.statements(args[1:])
	if err != nil {
		return nil, err
	}
	policy, err := f.read(ctx, args[0])
	if err != nil {
		return nil, err
	}
	at, err := instant(f.at, policy.now, env)
	if err != nil {
		return nil, err
	}
	var all []proof
	for _, tenant := range tenantsOf(f.tenant, policy) {
		p := newProgress(env, tenant+": people")
		proofs, err := analysis.Prove(ctx, policy.of(tenant), statements, analysis.Options{At: at, Progress: p.tell})
		p.end()
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", tenant, err)
		}
		for _, x := range proofs {
			all = append(all, proof{tenant, x})
		}
	}
	return all, nil
}

// statements reads those of the command line and those of the file.
func (f *proveFlags) statements(texts []string) (all []analysis.Statement, err error) {
	for _, text := range texts {
		s, err := analysis.ParseStatement(text)
		if err != nil {
			return nil, usageError{err}
		}
		all = append(all, s)
	}
	if f.file == "" {
		if len(all) == 0 {
			return nil, usage("there is no statement")
		}
		return all, nil
	}
	text, err := os.ReadFile(f.file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := analysis.ParseStatement(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", f.file, number, err)
		}
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.file, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there is no statement", f.file)
	}
	return all, nil
}

// unknownEverywhere are the names in statements that no tenant has a fact of. A statement
// about them is true of nobody, which proves nothing if they are misspelled.
func unknownEverywhere(proofs []proof) (names []string) {
	tenants, unknown := map[string]int{}, map[[2]string]int{} // by statement; by statement and name
	for _, p := range proofs {
		tenants[p.Statement]++
		for _, name := range p.Unknown {
			unknown[[2]string{p.Statement, name}]++
		}
	}
	for of, n := range unknown {
		if n == tenants[of[0]] {
			names = append(names, of[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func printProofs(env *Env, proofs []proof) error {
	p := newPaper(env)
	for _, x := range proofs {
		p.printf("%s %s: %s\n", p.mark(x.Holds), p.bold(x.Tenant), x.Statement)
		p.printf("    looked at %s, %s of records, %s\n", people(x.People), classes(x.Classes), plural(x.Instants, "instant"))
		if x.Counterexample != nil {
			p.printf("    false for %s\n", people(len(x.Against)))
			p.printf("    %s\n", x.Counterexample)
		}
	}
	for _, name := range unknownEverywhere(proofs) {
		p.printf("%s no fact names %s: is it misspelled?\n", p.mark(false), name)
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}

func classes(n int) string {
	if n == 1 {
		return "1 class"
	}
	return fmt.Sprintf("%d classes", n)
}
