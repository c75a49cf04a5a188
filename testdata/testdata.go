// Package testdata holds a made-up sales organisation for tests and examples,
// which may read it from anywhere: two companies, Nordwind (heat pumps) and
// Lumen (solar lamps), on one schema.
package testdata

import (
	"embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

// FS holds the files: sales/schema.yaml, sales/policy.yaml and sales/records.yaml.
//
//go:embed sales
var FS embed.FS

// Organisation is what the files of a folder say.
type Organisation struct {
	Schema *model.Schema
	Facts  []model.Fact                        // of the base policy and of every tenant
	Record map[string]map[string]*model.Record // by tenant, and by type/id
}

// Sales reads the sales organisation.
func Sales() (*Organisation, error) {
	schema, err := FS.ReadFile("sales/schema.yaml")
	if err != nil {
		return nil, err
	}
	policy, err := FS.ReadFile("sales/policy.yaml")
	if err != nil {
		return nil, err
	}
	records, err := FS.ReadFile("sales/records.yaml")
	if err != nil {
		return nil, err
	}
	var o Organisation
	if o.Schema, err = model.ParseSchema(schema); err != nil {
		return nil, fmt.Errorf("schema.yaml: %w", err)
	}
	if o.Facts, err = model.ParsePolicy(policy); err != nil {
		return nil, fmt.Errorf("policy.yaml: %w", err)
	}
	if o.Record, err = parseRecords(records); err != nil {
		return nil, fmt.Errorf("records.yaml: %w", err)
	}
	return &o, nil
}

// record is an entry of records.yaml.
type record struct {
	Owner  owners
	Unit   string
	Parent string
	Attrs  map[string]any
}

// owners is one subject or a list of them.
type owners []string

// UnmarshalYAML reads both forms.
func (o *owners) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = owners{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}

func parseRecords(data []byte) (map[string]map[string]*model.Record, error) {
	var tenants map[string]map[string]record
	if err := yaml.Unmarshal(data, &tenants); err != nil {
		return nil, err
	}
	all := map[string]map[string]*model.Record{}
	for tenant, entries := range tenants {
		all[tenant] = map[string]*model.Record{}
		for name, e := range entries {
			typ, id, _ := strings.Cut(name, "/")
			all[tenant][name] = &model.Record{Type: typ, ID: id, Owners: e.Owner, Unit: e.Unit, Attrs: attributes(e.Attrs)}
		}
		for name, e := range entries {
			parent, ok := all[tenant][e.Parent]
			if !ok && e.Parent != "" {
				return nil, fmt.Errorf("%s of %s: there is no parent %s", name, tenant, e.Parent)
			}
			all[tenant][name].Parent = parent
		}
	}
	return all, nil
}

// attributes have lists of strings where YAML has lists of anything.
func attributes(values map[string]any) map[string]any {
	for name, v := range values {
		list, ok := v.([]any)
		if !ok {
			continue
		}
		texts := make([]string, len(list))
		for i, x := range list {
			texts[i] = fmt.Sprint(x)
		}
		values[name] = texts
	}
	return values
}
