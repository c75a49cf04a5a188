package difftest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

// String is the report of a difference: the seed, what the two said, the lines,
// and the case as a fixture whose one test states what the reference said.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# seed %d: the reference and the decider differ\n", d.Case.Seed)
	if len(d.Case.Questions) != 1 {
		fmt.Fprintf(&b, "# reference: %v\n# decider: %v\n", d.Want.Err, d.Got.Err)
		return b.String()
	}
	q := d.Case.Questions[0]
	fmt.Fprintf(&b, "# reference: %s\n# decider:   %s\n", d.Want.of(q.Field), d.Got.of(q.Field))
	for _, lines := range [][]model.Line{d.Case.BaseLines, d.Case.Lines} {
		for _, l := range lines {
			fmt.Fprintf(&b, "# %s\n", l)
		}
	}
	if asked, err := json.Marshal(q); err == nil {
		fmt.Fprintf(&b, "# %s\n", asked)
	}
	f, err := d.fixture()
	if err != nil {
		fmt.Fprintf(&b, "# no fixture: %v\n", err)
		return b.String()
	}
	w := yaml.NewEncoder(&b)
	w.SetIndent(2)
	if err := w.Encode(f); err != nil {
		fmt.Fprintf(&b, "# no fixture: %v\n", err)
	}
	return b.String()
}

// entry is a mapping of a fixture that is written on one line.
type entry []pair

type pair struct {
	key   string
	value any
}

func (e entry) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, p := range e {
		var key, value yaml.Node
		if err := key.Encode(p.key); err != nil {
			return nil, err
		}
		if err := value.Encode(p.value); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

// with adds a pair unless its value is nothing.
func (e entry) with(key string, value any) entry {
	switch v := value.(type) {
	case string:
		if v == "" {
			return e
		}
	case []string:
		if len(v) == 0 {
			return e
		}
	case map[string]any:
		if len(v) == 0 {
			return e
		}
	}
	return append(e, pair{key, value})
}

type fixture struct {
	Schema  *yaml.Node       `yaml:"schema"`
	Tenant  string           `yaml:"tenant"`
	Now     time.Time        `yaml:"now"`
	Base    *yaml.Node       `yaml:"base,omitempty"`
	Facts   *yaml.Node       `yaml:"facts,omitempty"`
	Records map[string]entry `yaml:"records,omitempty"`
	Tests   []entry          `yaml:"tests"`
}

func (d *Difference) fixture() (fixture, error) {
	q := d.Case.Questions[0]
	f := fixture{Tenant: d.Case.Tenant, Now: q.Request.At, Records: map[string]entry{}}
	text, err := d.Case.Schema.YAML()
	if err != nil {
		return f, err
	}
	if f.Schema, err = node(text); err != nil {
		return f, err
	}
	if f.Base, err = lists(d.Case.BaseLines); err != nil {
		return f, err
	}
	if f.Facts, err = lists(d.Case.Lines); err != nil {
		return f, err
	}
	on := q.Request.Type
	if r := q.Request.Record; r != nil {
		on = place(0, r)
		for i := 0; r != nil; r, i = r.Parent, i+1 {
			e := entry{}.with("owners", r.Owners).with("unit", r.Unit).with("attrs", r.Attrs)
			if r.Parent != nil {
				e = e.with("parent", place(i+1, r.Parent))
			}
			f.Records[place(i, r)] = e
		}
	}
	f.Tests = []entry{d.test(q, on)}
	return f, nil
}

// test states what the reference said.
func (d *Difference) test(q Question, on string) entry {
	e := entry{}.with("who", q.Request.User).with("on", on).with("user", q.Request.UserAttrs).with("env", q.Request.Env)
	switch {
	case d.Want.Err != nil:
		return e.with("action", q.Request.Action).with("error", d.Want.Err.Error())
	case q.Field != "":
		return e.with("action", q.Request.Action).with("fields", entry{{q.Field, d.Want.Field}})
	case d.Want.Allowed:
		return e.with("can", []string{q.Request.Action})
	}
	return e.with("cannot", []string{q.Request.Action})
}

// place is where a fixture has a record, 0, or an ancestor of it. The record
// and an ancestor may have the same id, which a fixture cannot say.
func place(i int, r *model.Record) string {
	p := r.Type + "/" + r.ID
	if i > 0 && r.ID == "" {
		p += fmt.Sprintf("ancestor-%d", i)
	}
	return p
}

// lists are facts of one tenant in the lists that [model.ParsePolicy] reads; nil if there are none.
func lists(lines []model.Line) (*yaml.Node, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	var facts []model.Fact
	for _, l := range lines {
		f, err := model.Decode(l)
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	text, err := model.FormatPolicy(facts)
	if err != nil {
		return nil, err
	}
	n, err := node(text)
	if err != nil {
		return nil, err
	}
	return n.Content[1], nil // of the one tenant
}

// node is the one value of a document.
func node(text []byte) (*yaml.Node, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	return n.Content[0], nil
}
