package command

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

type compareFlags struct {
	questionFlags
	policy string
}

func compareCommand(env *Env) *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare TABLE",
		Short: "Compare a policy with a table of what another system decides",
		Long: `Puts the questions of a table to a policy, and tells where it answers otherwise
than the table says, and why. So one checks a migration: the table is what the
old system decides.

The TABLE is a CSV file whose first line names the columns, in any order:
  user       user:alice
  action     read
  record     TYPE/ID, of the file of records; or TYPE, for records of the type at all
  field      empty, or missing: the row is about the action
  expected   allow or deny; of a field hidden, masked, read or write

A policy is
` + afterFirstLine(forms) + `

Exit code: 0 all rows agree, 1 some do not, 2 not comparable.`,
		Example: `  crmauthz compare table.csv --policy policy.yaml --schema schema.yaml --records records.yaml
  crmauthz compare table.csv --policy postgres://localhost/crm --schema schema.yaml --tenant acme --records records.yaml --json`,
		Args: cobra.ExactArgs(1),
	}
	f.policyFlags.add(cmd)
	f.addAsked(cmd)
	cmd.Flags().StringVar(&f.policy, "policy", "", "the `POLICY` that is asked")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := f.compare(cmd.Context(), env, args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(env.Out, c.json())
		} else {
			err = c.print(env)
		}
		if err == nil && len(c.differences) > 0 {
			err = errFindings
		}
		return err
	}
	return cmd
}

func afterFirstLine(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

// compared is what came of a table.
type compared struct {
	rows        int
	differences []difference
}

// difference is a row to which the policy answers otherwise.
type difference struct {
	explained
	place         string // file:line
	expected, got string
}

func (f *compareFlags) compare(ctx context.Context, env *Env, path string) (c compared, err error) {
	if f.policy == "" {
		return c, usage("--policy is missing")
	}
	p, err := f.read(ctx, f.policy)
	if err != nil {
		return c, err
	}
	if f.records != "" {
		if p.records, err = readRecords(f.records, p.schema); err != nil {
			return c, err
		}
		f.records = "" // they are read once, not for every row
	}
	if f.tenant, err = f.tenantOf(&p); err != nil {
		return c, err
	}
	file, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	az, err := p.open(ctx, authz.WithClock(env.Now))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, az.Close()) }()
	err = eachRow(file, func(line int, r row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := f.askRow(ctx, az, &p, r)
		if err != nil {
			return err
		}
		c.rows++
		if got := e.answer(); got != r.expected {
			c.differences = append(c.differences, difference{e, fmt.Sprintf("%s:%d", path, line), r.expected, got})
		}
		return nil
	})
	if err == nil && c.rows == 0 {
		err = fmt.Errorf("1: %w: no row follows", errTable)
	}
	if err != nil {
		return c, fmt.Errorf("%s:%w", path, err)
	}
	return c, nil
}

// row is a row of a table.
type row struct{ user, action, record, field, expected string }

// The columns of a table; field may be missing.
var columns = []string{"user", "action", "record", "expected", "field"}

// errTable: a table that cannot be compared.
var errTable = errors.New("malformed")

// eachRow reads a table, one row at a time. Its errors, and those of the function, begin with the line.
func eachRow(r io.Reader, do func(line int, r row) error) error {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("1: %w: the file is empty", errTable)
	} else if err != nil {
		return lineOf(err)
	}
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF")))
		if _, twice := at[name]; twice || !slices.Contains(columns, name) {
			return fmt.Errorf("1: column %q: %w: each of %s once", name, errTable, strings.Join(columns, " "))
		}
		at[name] = i
	}
	for _, name := range columns[:4] {
		if _, ok := at[name]; !ok {
			return fmt.Errorf("1: %w: no column is called %s", errTable, name)
		}
	}
	for {
		values, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return lineOf(err)
		}
		text := func(column string) string {
			if i, ok := at[column]; ok {
				return strings.TrimSpace(values[i])
			}
			return ""
		}
		line, _ := in.FieldPos(0)
		if err := do(line, row{text("user"), text("action"), text("record"), text("field"), strings.ToLower(text("expected"))}); err != nil {
			return fmt.Errorf("%d: %w", line, err)
		}
	}
}

// lineOf is an error of encoding/csv that begins with the line, as others do.
func lineOf(err error) error {
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		return fmt.Errorf("%d: %w", parse.Line, parse.Err)
	}
	return fmt.Errorf(" %w", err)
}

// askRow puts a row's question.
func (f *compareFlags) askRow(ctx context.Context, az *authz.Authorizer, p *policy, r row) (e explained, err error) {
	if err := r.check(); err != nil {
		return e, err
	}
	on, err := target(r.record)
	if err != nil {
		return e, err
	}
	if on.Field != "" {
		return e, fmt.Errorf("record %q: %w: a field stands in the column of its name", r.record, errTable)
	}
	on.Field = r.field
	if on.ID != "" && p.records[f.tenant][on.Type+"/"+on.ID] == nil {
		return e, fmt.Errorf("%s/%s: %w: it is not among the records of %s", on.Type, on.ID, model.ErrNoFacts, f.tenant)
	}
	return f.answer(ctx, az, p, authz.Request{User: r.user, Action: r.action}, on)
}

// check refuses what no answer could be equal to.
func (r row) check() error {
	may := []string{"allow", "deny"}
	if r.field != "" {
		may = []string{"hidden", "masked", "read", "write"}
	}
	if !slices.Contains(may, r.expected) {
		return fmt.Errorf("expected %q: %w: one of %s", r.expected, errTable, strings.Join(may, " "))
	}
	return nil
}

// answer is the answer in a table's words.
func (e explained) answer() string {
	switch {
	case e.on.Field != "":
		return e.field.Level.String()
	case e.why.Allowed:
		return "allow"
	}
	return "deny"
}

func (c compared) print(env *Env) error {
	p := newPaper(env)
	for _, d := range c.differences {
		p.printf("%s %s: expected %s, and the policy says %s\n", p.mark(false), p.bold(clean(d.place)), d.expected, d.got)
		d.write(p)
		p.printf("\n")
	}
	p.printf("%s: %d agree, %d do not\n", plural(c.rows, "row"), c.rows-len(c.differences), len(c.differences))
	_, err := io.WriteString(env.Out, p.String())
	return err
}

type comparedJSON struct {
	Rows        int              `json:"rows"`
	Agree       int              `json:"agree"`
	Differences []differenceJSON `json:"differences"`
}

type differenceJSON struct {
	Place    string        `json:"place"`
	Expected string        `json:"expected"`
	Got      string        `json:"got"`
	Why      explainedJSON `json:"why"`
}

func (c compared) json() comparedJSON {
	j := comparedJSON{Rows: c.rows, Agree: c.rows - len(c.differences), Differences: []differenceJSON{}}
	for _, d := range c.differences {
		j.Differences = append(j.Differences, differenceJSON{d.place, d.expected, d.got, d.explained.json()})
	}
	return j
}
