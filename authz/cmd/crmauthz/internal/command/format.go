package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/layout"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/authz/fixture"
	"github.com/crmauthz/crmauthz/model"
)

type formatFlags struct{ write, list, diff, simplify, csv, json bool }

func formatCommand(env *Env) *cobra.Command {
	var f formatFlags
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Bring policies, schemas and fixtures into one form",
		Long: `Brings the text of policies (YAML or Casbin's CSV), schemas and fixtures into one
form and writes it to the standard output. Comments stay, and what the text
means; what is no policy, schema or fixture is refused. Without a file, or for
"-", it reads YAML from the standard input (with --csv, CSV).

With -s the facts of a policy are sorted too, those that stand twice written
once, and those that differ in one word gathered. A file with comments is then refused, for they
would have no place.

Exit code: 0 fine; 1 with -l, -d or --json, if some file is not in form; 2 if one cannot be read.`,
		Example: `  crmauthz fmt -w testdata/policies/*.yaml
  crmauthz fmt -d policy.csv
  crmauthz fmt -l $(git ls-files '*.yaml')`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, "write to the file instead, if it changes")
	cmd.Flags().BoolVarP(&f.list, "list", "l", false, "list the files that are not in form")
	cmd.Flags().BoolVarP(&f.diff, "diff", "d", false, "show what would change")
	cmd.Flags().BoolVarP(&f.simplify, "simplify", "s", false, "sort and gather the facts of a policy without comments")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON: of each file, whether it is in form and what would change")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "the standard input is CSV")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"-"}
		}
		changes, all := false, []formatted{}
		var errs []error
		for _, name := range args {
			x, err := f.file(env, name)
			if err != nil && !errors.As(err, new(*fixture.Error)) { // it names the file itself
				err = fmt.Errorf("%s: %w", name, err)
			}
			errs = append(errs, err)
			changes = changes || err == nil && !x.InForm
			all = append(all, x)
		}
		err := errors.Join(errs...)
		if err == nil && f.json {
			err = writeJSON(env.Out, all)
		}
		if err == nil && changes && (f.list || f.diff || f.json) {
			err = errFindings
		}
		return err
	}
	return cmd
}

// formatted is a file, as JSON.
type formatted struct {
	File   string `json:"file"`
	InForm bool   `json:"in_form"` // before
	Diff   string `json:"diff,omitempty"`
}

// file brings a file into form.
func (f formatFlags) file(env *Env, name string) (x formatted, err error) {
	was, isCSV, err := f.read(env, name)
	if err != nil {
		return x, err
	}
	now, err := f.format(name, was, isCSV)
	if err != nil {
		return x, err
	}
	x = formatted{File: name, InForm: bytes.Equal(was, now)}
	if !x.InForm {
		x.Diff = udiff.Unified(name, name+" (in form)", string(was), string(now))
		if f.write {
			if err := replace(name, now); err != nil {
				return x, err
			}
		}
	}
	switch {
	case f.json, (f.list || f.diff) && x.InForm:
	case f.list || f.diff:
		if f.list {
			_, err = fmt.Fprintln(env.Out, name)
		}
		if f.diff && err == nil {
			_, err = io.WriteString(env.Out, x.Diff)
		}
	case !f.write:
		_, err = env.Out.Write(now)
	}
	return x, err
}

func (f formatFlags) read(env *Env, name string) (text []byte, isCSV bool, err error) {
	if name == "-" {
		if f.write {
			return nil, false, usage("-w needs a file")
		}
		text, err = io.ReadAll(env.In)
		return text, f.csv, err
	}
	from, err := source.Parse(name)
	switch {
	case err != nil:
		return nil, false, err
	case from.Kind == source.CSV:
		text, err = os.ReadFile(name)
		return text, true, err
	case from.Kind == source.YAML:
		text, err = source.ReadFile(name)
		return text, false, err
	}
	return nil, false, usage("only YAML and CSV have a form")
}

func (f formatFlags) format(name string, text []byte, isCSV bool) ([]byte, error) {
	if f.simplify && layout.HasComments(text, isCSV) {
		return nil, usage("-s would lose the comments")
	}
	switch {
	case isCSV && f.simplify:
		return layout.SortedCSV(text)
	case isCSV:
		return layout.CSV(text)
	}
	facts, isPolicy, err := check(name, text)
	if err != nil {
		return nil, err
	}
	if f.simplify && isPolicy {
		return model.FormatPolicy(facts)
	}
	return layout.YAML(text)
}

// check refuses what is no policy, schema or fixture.
func check(name string, text []byte) (facts []model.Fact, isPolicy bool, err error) {
	if isFixture(text) {
		if name == "-" {
			_, err = fixture.Parse("standard input", text)
		} else {
			_, err = fixture.Load(name)
		}
		return nil, false, err
	}
	var words map[string]yaml.Node
	if len(text) <= model.MaxYAML && yaml.Unmarshal(text, &words) == nil {
		if _, isSchema := words["types"]; isSchema {
			_, err = model.ParseSchema(text)
			return nil, false, err
		}
	}
	facts, err = model.ParsePolicy(text)
	return facts, true, err
}

// replace writes a file beside the old one and then puts it in its place, so
// that there always is one or the other.
func replace(name string, text []byte) (err error) {
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	err = errors.Join(err, out.Chmod(info.Mode().Perm()), out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}
