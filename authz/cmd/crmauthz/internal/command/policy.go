package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/authz/fixture"
	"github.com/crmauthz/crmauthz/model"
)

// forms tells how a policy is named, for the help of commands.
const forms = source.Forms + `
  fixture.yaml                       a fixture, with its schema, records and clock`

// policyFlags say how a policy is read, in every command that reads one.
type policyFlags struct{ schema string }

func (f *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.schema, "schema", "", "the schema `FILE` that the policy is checked against; a fixture has its own")
	_ = cmd.MarkFlagFilename("schema", "yaml", "yml")
}

// policy is one that was read: every fact is well formed. What a fixture tells besides is
// empty of other sources.
type policy struct {
	schema  *model.Schema
	facts   []model.Fact
	places  map[model.Fact]string // where the facts are written
	tenant  string
	now     time.Time
	records map[string]map[string]*model.Record // by tenant and by type/id
	env     map[string]any
	users   map[string]map[string]any
}

// read reads a policy that a command line names.
func (f *policyFlags) read(ctx context.Context, name string) (p policy, err error) {
	from, err := source.Parse(name)
	if err != nil {
		return p, err
	}
	if from.Kind == source.YAML {
		text, err := source.ReadFile(name)
		if err != nil {
			return p, err
		}
		if isFixture(text) {
			return f.readFixture(name)
		}
	}
	if f.schema == "" {
		return p, usage("--schema is missing")
	}
	if p.schema, err = readSchema(f.schema); err != nil {
		return p, err
	}
	facts, err := from.Facts(ctx)
	for _, f := range facts {
		p.add(f.Fact, f.Place)
	}
	return p, err
}

func (p *policy) add(f model.Fact, place string) {
	if p.places == nil {
		p.places = map[model.Fact]string{}
	}
	p.facts = append(p.facts, f)
	if p.places[f] == "" { // of one that stands twice, the first
		p.places[f] = place
	}
}

// isFixture tells a fixture from a policy, of which a tenant may be named tests, too.
func isFixture(text []byte) bool {
	var words map[string]yaml.Node
	return len(text) <= model.MaxYAML && yaml.Unmarshal(text, &words) == nil && words["tests"].Kind == yaml.SequenceNode
}

func (f *policyFlags) readFixture(name string) (p policy, err error) {
	if f.schema != "" {
		return p, usage("--schema: %s is a fixture, which has a schema", name)
	}
	fixtures, err := fixture.Load(name)
	if err != nil {
		return p, err
	}
	x := fixtures[0]
	p = policy{schema: x.Schema, tenant: x.Tenant, now: x.Now, records: x.Records, env: x.Env, users: x.Users}
	for _, fact := range x.Facts {
		p.add(fact.Fact, fmt.Sprintf("%s:%d:%d", fact.File, fact.Line, fact.Column))
	}
	return p, nil
}

func readSchema(path string) (*model.Schema, error) {
	text, err := source.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := model.ParseSchema(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// onlyTenant is the tenant of a policy that has one beside the base policy.
func onlyTenant(facts []model.Fact) (string, error) {
	var names []string
	for _, f := range facts {
		if name := f.TenantID(); name != model.Base && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) > maxNamed {
			break
		}
	}
	return onlyOf(names)
}

// maxNamed is how many tenants are named to who has to choose one.
const maxNamed = 10

// onlyOf is the one name that there is.
func onlyOf(names []string) (string, error) {
	switch len(names) {
	case 0:
		return "", usage("--tenant is missing, and the policy names none")
	case 1:
		return names[0], nil
	case maxNamed + 1:
		names[maxNamed] = "…"
	}
	return "", usage("--tenant is missing; the policy has %s", strings.Join(names, ", "))
}

// open makes an authorizer of the policy, in memory.
func (p policy) open(ctx context.Context, options ...authz.Option) (*authz.Authorizer, error) {
	var refused error
	store, err := adapter.NewMemory(func(yield func(model.Line) bool) {
		for _, f := range p.facts {
			l, err := model.Encode(f)
			if refused = err; err != nil || !yield(l) {
				return
			}
		}
	})
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	return authz.Open(ctx, p.schema, store, append(options, authz.WithPreload())...)
}
