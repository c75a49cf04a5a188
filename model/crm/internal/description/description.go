// Package description has what the products' packages do alike with their descriptions of an
// organisation, whatever the products' words are: it reads and writes them, makes them of tables,
// and collects what they compile to.
package description

import (
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Parse reads a description from YAML. It passes the checks, or there is none.
func Parse[O any](data []byte, checks ...func(*O) error) (*O, error) {
	o := new(O)
	if err := crm.ParseYAML(data, o); err != nil {
		return nil, err
	}
	for _, check := range checks {
		if err := check(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Format writes a description that passes the check, since Parse would not read another one again.
func Format[O any](o *O, check func(*O) error) ([]byte, error) {
	if err := check(o); err != nil {
		return nil, err
	}
	return crm.FormatYAML(o)
}

// OneOrMore reads one value, or a list.
func OneOrMore(n *yaml.Node, values *[]string) error {
	if n.Kind == yaml.ScalarNode {
		*values = []string{n.Value}
		return nil
	}
	return n.Decode(values)
}

// Heights remembers how many groups are in each other, from each one down.
type Heights map[string]int

// Of is how many groups are in each other from this one down; more than model.MaxDepth in a circle.
func (h Heights) Of(group string, groupsIn func(group string) []string) int {
	const underWay = model.MaxDepth
	if known := h[group]; known != 0 {
		return known
	}
	h[group] = underWay
	height := 1
	for _, in := range groupsIn(group) {
		height = max(height, 1+h.Of(in, groupsIn))
	}
	h[group] = height
	return height
}

// Each is what becomes of each of some names.
func Each(names []string, become func(string) string) []string {
	all := make([]string, len(names))
	for n, name := range names {
		all[n] = become(name)
	}
	return all
}
