package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

type doctorFlags struct {
	model, table, schema, tenant string
	policyOut, schemaOut         string
	all, unseen, json            bool
}

func doctorCommand(env *Env) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor POLICY",
		Short: "Find what Casbin takes otherwise than was meant, and import it",
		Long: `Examines a policy of any Casbin program, in CSV or in the table of gorm-adapter:
mistyped effects, empty values, rows that do not load, names that collide,
cycles, patterns and so on; for each trap the rows, what happens in Casbin and
what to do. It only reads: databases are asked in a read-only transaction.

Without --model it guesses the usual model of RBAC with domains from the rows;
then the matcher and the effect of the program are not examined.

With --import it writes the policy in crmauthz's form as far as it has one, lists
what it has not, and asks both, Casbin and the import, about all that the rows name.

` + source.Forms + `
But not YAML: that is in crmauthz's form already.

Exit code: 0 nothing found, 1 findings or rows that have no form, 2 not readable.`,
		Example: `  crmauthz doctor policy.csv --model model.conf
  crmauthz doctor postgres://localhost/crm --json
  crmauthz doctor 'crm:secret@tcp(db:3306)/crm' --table crm_casbin_rule
  crmauthz doctor policy.csv --model model.conf --import policy.yaml --import-schema schema.yaml
  crmauthz doctor --unseen`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || f.unseen && len(args) == 0 {
				return nil
			}
			return errors.New("a POLICY is wanted, or --unseen")
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.model, "model", "", "the program's Casbin model `FILE`")
	flags.StringVar(&f.table, "table", source.DefaultTable, "the `NAME` of the table in a database")
	flags.BoolVar(&f.all, "all", false, "show all rows of a finding, not the first 5")
	flags.BoolVar(&f.unseen, "unseen", false, "list what no policy shows: what to look for in the program")
	flags.StringVar(&f.policyOut, "import", "", "write the policy to this new `FILE` of YAML or CSV")
	flags.StringVar(&f.schemaOut, "import-schema", "", "write a schema of what the policy names to this new `FILE`")
	flags.StringVar(&f.schema, "schema", "", "a schema `FILE` that what is imported must fit")
	flags.StringVar(&f.tenant, "tenant", "", "the `TENANT` of a policy without domains that is imported")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	_ = cmd.MarkFlagFilename("model", "conf")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.unseen {
			return f.printUnseen(env)
		}
		return f.run(cmd.Context(), env, args[0])
	}
	return cmd
}

// examined is what the doctor found, as JSON too.
type examined struct {
	Source   string        `json:"source"`
	Rows     int           `json:"rows"`
	Model    string        `json:"model"`
	Guessed  bool          `json:"guessed"` // the model was
	Findings []findingJSON `json:"findings"`
	Import   *importJSON   `json:"import,omitempty"`
}

type findingJSON struct {
	ID     string         `json:"id"`
	Effect doctor.Effect  `json:"effect"`
	Title  string         `json:"title"`
	Where  []doctor.Place `json:"where"`
	Casbin string         `json:"casbin"`
	Remedy string         `json:"remedy"`
}

type importJSON struct {
	Facts      int                `json:"facts"`
	Left       []doctor.Place     `json:"left"`
	Comparison *doctor.Comparison `json:"comparison,omitempty"`
	Why        string             `json:"not_compared,omitempty"` // why there is no comparison
}

func (f *doctorFlags) run(ctx context.Context, env *Env, name string) error {
	from, err := source.Parse(name)
	if err != nil {
		return err
	}
	rows, table, err := from.Rows(ctx, f.table)
	if err != nil {
		return err
	}
	m, err := f.readModel(rows)
	if err != nil {
		return err
	}
	x := examined{Source: from.Name, Rows: len(rows), Model: m.String(), Guessed: m.Guessed, Findings: []findingJSON{}}
	for _, found := range doctor.Examine(rows, table, m, env.Now()) {
		x.Findings = append(x.Findings, findingJSON{found.ID, found.Effect, found.Title, found.Where, found.Casbin, found.Remedy})
	}
	if f.policyOut != "" || f.schemaOut != "" {
		if x.Import, err = f.importRows(ctx, env, rows, m); err != nil {
			return err
		}
	}
	if f.json {
		err = writeJSON(env.Out, x)
	} else {
		err = f.print(env, x)
	}
	if err == nil && (len(x.Findings) > 0 || x.Import != nil && len(x.Import.Left) > 0) {
		err = errFindings
	}
	return err
}

func (f *doctorFlags) readModel(rows []source.Row) (*doctor.Model, error) {
	if f.model == "" {
		return doctor.GuessModel(rows)
	}
	text, err := os.ReadFile(f.model)
	if err != nil {
		return nil, err
	}
	return doctor.ReadModel(string(text))
}

// importRows writes what has a form to new files, and compares it with Casbin.
func (f *doctorFlags) importRows(ctx context.Context, env *Env, rows []source.Row, m *doctor.Model) (*importJSON, error) {
	var schema *model.Schema
	if f.schema != "" {
		var err error
		if schema, err = readSchema(f.schema); err != nil {
			return nil, err
		}
	}
	i := doctor.Translate(rows, m, f.tenant, schema)
	if az, err := i.Open(ctx); err == nil {
		if err := az.Close(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, doctor.ErrNoSchema) {
		return nil, fmt.Errorf("what was imported cannot be opened: %w", err)
	}
	x := &importJSON{Facts: len(i.Facts), Left: i.Left}
	if m.Own {
		x.Why = "the policy is crmauthz's already"
	} else {
		p := newProgress(env, "questions to both")
		c, err := doctor.Compare(ctx, rows, m, i, p.tell)
		p.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if x.Comparison = &c; err != nil {
			x.Comparison, x.Why = nil, err.Error()
		}
	}
	if err := f.writeImport(i); err != nil {
		return nil, err
	}
	return x, nil
}

func (f *doctorFlags) writeImport(i *doctor.Import) error {
	if f.policyOut != "" {
		text, err := textOf(i.Facts, strings.HasSuffix(f.policyOut, ".csv"))
		if err == nil {
			err = writeNew(f.policyOut, text)
		}
		if err != nil {
			return err
		}
	}
	if f.schemaOut == "" {
		return nil
	}
	if i.Schema == nil {
		return doctor.ErrNoSchema
	}
	text, err := i.Schema.YAML()
	if err != nil {
		return err
	}
	return writeNew(f.schemaOut, text)
}

// textOf writes facts as CSV or YAML.
func textOf(facts []model.Fact, isCSV bool) ([]byte, error) {
	if !isCSV {
		return model.FormatPolicy(facts)
	}
	var out strings.Builder
	err := model.WriteCSV(&out, func(yield func(model.Line) bool) {
		for _, f := range facts {
			if l, err := model.Encode(f); err == nil && !yield(l) { // what was translated can be encoded
				return
			}
		}
	})
	return []byte(out.String()), err
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return errors.Join(err, out.Close())
}

func (f *doctorFlags) print(env *Env, x examined) error {
	p := newPaper(env)
	how := "model"
	if x.Guessed {
		how = "model guessed"
	}
	p.printf("%s: %s; %s: %s\n", clean(x.Source), plural(x.Rows, "row"), how, clean(x.Model))
	if x.Guessed {
		p.printf("  the program's matcher and effect were not seen: give its model with --model\n")
	}
	for _, found := range x.Findings {
		p.printf("\n%s %s (%s): %s\n", p.mark(false), p.bold(found.ID), found.Effect, found.Title)
		f.printPlaces(p, found.Where)
		p.wrapped("  Casbin: ", found.Casbin)
		p.wrapped("  To do:  ", found.Remedy)
	}
	if len(x.Findings) == 0 {
		p.printf("%s nothing found\n", p.mark(true))
	} else {
		p.printf("\n%s\n", plural(len(x.Findings), "finding"))
	}
	p.printf("%d more traps are in programs, not in policies; see crmauthz doctor --unseen\n", len(doctor.Unseen))
	if x.Import != nil {
		f.printImport(p, x.Import)
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}

func (f *doctorFlags) printPlaces(p *paper, places []doctor.Place) {
	const some = 5
	for i, at := range places {
		if i == some && !f.all {
			p.printf("    … and %d more; --all shows them\n", len(places)-some)
			return
		}
		p.printf("    ")
		if at.Row != 0 {
			p.printf("row %d: ", at.Row)
		}
		p.printf("%s", clean(at.Text))
		if at.Note != "" {
			p.printf("  (%s)", clean(at.Note))
		}
		p.printf("\n")
	}
}

func (f *doctorFlags) printImport(p *paper, x *importJSON) {
	p.printf("\n%s imported, %s left\n", plural(x.Facts, "fact"), plural(len(x.Left), "row"))
	f.printPlaces(p, x.Left)
	if x.Comparison == nil {
		p.printf("  not compared with Casbin: %s\n", clean(x.Why))
		return
	}
	c := x.Comparison
	p.printf("  asked Casbin and the import %s: ", plural(c.Asked, "question"))
	if len(c.Different) == 0 {
		p.printf("all answers are the same\n")
	} else {
		p.printf("the import allows %d more and %d less\n", c.Gains, c.Loses)
	}
	for _, d := range c.Different {
		p.printf("    %s\n", clean(d))
	}
	if !c.Complete {
		p.printf("  not all: there are more than %d\n", doctor.MaxQuestions)
	}
}

// clean is text of a policy that a terminal may show: in one line, and not too long.
func clean(s string) string {
	const limit = 200
	s = strings.NewReplacer("\n", "\uFFFD", "\t", "\uFFFD").Replace(printable(s))
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit]) + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (f *doctorFlags) printUnseen(env *Env) error {
	if f.json {
		type unseen struct {
			Look string `json:"look_for"`
			Why  string `json:"why"`
		}
		var all []unseen
		for _, u := range doctor.Unseen {
			all = append(all, unseen(u))
		}
		return writeJSON(env.Out, all)
	}
	p := newPaper(env)
	p.printf("What no policy shows; look for it in the program:\n\n")
	for _, u := range doctor.Unseen {
		p.printf("  %s\n", p.bold(u.Look))
		p.wrapped("    ", u.Why)
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}
