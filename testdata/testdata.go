// Package testdata holds a made-up sales organisation for tests and examples,
// which may read it from anywhere: two companies, Nordwind (heat pumps) and
// Lumen (solar lamps), on one schema.
package testdata

import (
	"embed"
	"fmt"

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
	if o.Record, err = model.ParseRecords(o.Schema, records); err != nil {
		return nil, fmt.Errorf("records.yaml: %w", err)
	}
	return &o, nil
}
