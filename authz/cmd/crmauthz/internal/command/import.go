package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
	"github.com/crmauthz/crmauthz/model/crm/fxiaoke"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

// organisation is the description of one, whatever its product.
type organisation interface {
	Compile(tenant string) (*crm.Policy, error)
	YAML() ([]byte, error)
}

// product is how the organisations of a product are read: from what it exports, or from a description.
type product struct {
	read  func(context.Context, fs.FS) (organisation, *crm.Report, error)
	parse func([]byte) (organisation, error)
}

func newProduct[O organisation](read func(context.Context, fs.FS) (O, *crm.Report, error), parse func([]byte) (O, error)) product {
	return product{
		func(ctx context.Context, fsys fs.FS) (organisation, *crm.Report, error) { return read(ctx, fsys) },
		func(text []byte) (organisation, error) { return parse(text) },
	}
}

// products are those that can be imported, by the words of the command line.
var products = map[string]product{
	"salesforce": newProduct(func(ctx context.Context, fsys fs.FS) (*salesforce.Organisation, *crm.Report, error) {
		return salesforce.Import(ctx, fsys, salesforce.Options{SystemFields: salesforce.StandardFields})
	}, salesforce.Parse),
	"dynamics365": newProduct(func(ctx context.Context, fsys fs.FS) (*dynamics365.Organisation, *crm.Report, error) {
		return dynamics365.Import(ctx, fsys, dynamics365.Options{})
	}, dynamics365.Parse),
	"zoho": newProduct(func(ctx context.Context, fsys fs.FS) (*zoho.Organisation, *crm.Report, error) {
		return zoho.Import(ctx, fsys, zoho.Options{})
	}, zoho.Parse),
	"hubspot": newProduct(hubspot.Import, hubspot.Parse),
	"fxiaoke": newProduct(fxiaoke.Import, fxiaoke.Parse),
}

type importFlags struct {
	tenant                                string
	policyOut, schemaOut, organisationOut string
	json                                  bool
}

func importCommand(env *Env) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import PRODUCT DIR",
		Short: "Make a policy of what a CRM product exports of its permissions",
		Long: `Reads the permissions of an organisation that uses another product, writes them
as a policy and its schema, and reports what became of everything that it read:
taken, not expressible, unknown, or ambiguous, with file and line.

A PRODUCT, and what is in DIR, is
  salesforce    metadata, in the source format or that of the Metadata API
  dynamics365   solutions, unpacked or as customizations.xml
  zoho          the answers of its API, one a .json file
  hubspot       tables in .csv files, and a description in .yaml
  fxiaoke       the same

What the files do not say, such as who the users of a Salesforce organisation
are, can be added to its description, which --organisation writes. A
description is imported, too: it stands in the place of DIR.

Without --out it only reports. No file is written over.

Exit code: 0 all was taken, 1 something was not, or in one of several readings,
2 it cannot be imported.`,
		Example: `  crmauthz import salesforce force-app/main/default --organisation acme.yaml
  crmauthz import salesforce acme.yaml --tenant acme --out policy.yaml --schema-out schema.yaml
  crmauthz import zoho answers --out policy.yaml --schema-out schema.yaml
  crmauthz import hubspot tables --json`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: slices.Sorted(maps.Keys(products)),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policyOut, "out", "", "write the policy to this new `FILE` of YAML or CSV")
	flags.StringVar(&f.schemaOut, "schema-out", "", "write the schema to this new `FILE`")
	flags.StringVar(&f.organisationOut, "organisation", "", "write the description of the organisation to this new `FILE`")
	flags.StringVar(&f.tenant, "tenant", "", "the `TENANT` that the organisation becomes; without it, one named like the product")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.run(cmd.Context(), env, args[0], args[1])
	}
	return cmd
}

func (f *importFlags) run(ctx context.Context, env *Env, name, from string) error {
	p, ok := products[name]
	if !ok {
		return usage("no product is called %q: one of %s", name, strings.Join(slices.Sorted(maps.Keys(products)), " "))
	}
	if f.tenant == "" {
		f.tenant = name
	}
	o, report, err := p.organisationOf(ctx, from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	policy, err := o.Compile(f.tenant)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := f.write(o, policy); err != nil {
		return err
	}
	if f.json {
		err = writeJSON(env.Out, jsonOfImport(f.tenant, policy, report))
	} else {
		err = f.print(env, policy, report)
	}
	if err == nil && slices.ContainsFunc(report.Entries, func(e crm.Entry) bool { return e.Outcome != crm.Taken }) {
		err = errFindings
	}
	return err
}

// errNothing: a directory in which no file is of the product.
var errNothing = errors.New("no file in it is one that the product exports")

// organisationOf reads a directory, or a description.
func (p product) organisationOf(ctx context.Context, from string) (organisation, *crm.Report, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, nil, errors.Unwrap(err) // the path is told by who calls
	}
	if info.IsDir() {
		o, report, err := p.read(ctx, os.DirFS(from))
		if err == nil && report.Files == 0 {
			err = errNothing
		}
		return o, report, err
	}
	text, err := source.ReadFile(from)
	if err != nil {
		return nil, nil, err
	}
	o, err := p.parse(text)
	return o, &crm.Report{Files: 1}, err
}

// write writes the files that are asked for.
func (f *importFlags) write(o organisation, policy *crm.Policy) error {
	for _, file := range []struct {
		path string
		text func() ([]byte, error)
	}{
		{f.policyOut, func() ([]byte, error) { return textOf(policy.Facts, strings.HasSuffix(f.policyOut, ".csv")) }},
		{f.schemaOut, policy.Schema.YAML},
		{f.organisationOut, o.YAML},
	} {
		if file.path == "" {
			continue
		}
		text, err := file.text()
		if err == nil {
			err = writeNew(file.path, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// outcomes are in the order in which they are told.
var outcomes = []crm.Outcome{crm.Taken, crm.NotExpressible, crm.Unknown, crm.Ambiguous}

func countOutcomes(r *crm.Report) map[string]int {
	n := map[string]int{}
	for _, o := range outcomes {
		n[o.String()] = 0
	}
	for _, e := range r.Entries {
		n[e.Outcome.String()]++
	}
	return n
}

func (f *importFlags) print(env *Env, policy *crm.Policy, report *crm.Report) error {
	p := newPaper(env)
	p.printf("%s read; %s of tenant %s\n", plural(report.Files, "file"), plural(len(policy.Facts), "fact"), f.tenant)
	n := countOutcomes(report)
	for _, o := range outcomes {
		if len(report.Entries) > 0 { // a description has none
			p.printf("%7d %s\n", n[o.String()], o)
		}
	}
	for _, o := range outcomes[1:] {
		if n[o.String()] > 0 {
			p.printf("\n%s\n", p.bold(o.String()))
		}
		for e := range report.With(o) {
			p.printf("  %s\n", clean(entryText(e)))
		}
	}
	_, err := io.WriteString(env.Out, p.String())
	return err
}

// entryText is an entry below a heading that says its outcome.
func entryText(e crm.Entry) string {
	return strings.Replace(e.String(), ": "+e.Outcome.String()+": ", ": ", 1)
}

type importedJSON struct {
	Tenant  string         `json:"tenant"`
	Files   int            `json:"files"`
	Facts   int            `json:"facts"`
	Counts  map[string]int `json:"counts"`           // of entries, by outcome
	Rights  map[string]int `json:"rights,omitempty"` // how often the files grant each, in the product's words
	Entries []entryJSON    `json:"entries"`
}

type entryJSON struct {
	Outcome string `json:"outcome"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Kind    string `json:"kind"`
	What    string `json:"what,omitempty"`
	Why     string `json:"why,omitempty"`
}

func jsonOfImport(tenant string, policy *crm.Policy, report *crm.Report) importedJSON {
	j := importedJSON{
		Tenant: tenant, Files: report.Files, Facts: len(policy.Facts), Counts: countOutcomes(report), Rights: report.Rights, Entries: []entryJSON{},
	}
	for _, e := range report.Entries {
		j.Entries = append(j.Entries, entryJSON{e.Outcome.String(), e.File, e.Line, e.Kind, e.What, e.Why})
	}
	return j
}
