package crm_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// scenario is a file of testdata/crm.
type scenario struct {
	Product      string
	Organisation yaml.Node
	Refused      string // compiling is refused, by the product's rules, with this in the error
	Now          time.Time
	Env          map[string]any
	Users        map[string]map[string]any
	Records      map[string]record
	Tests        []check
}

type record struct {
	Owner  oneOrMore
	Unit   string
	Parent string
	Attrs  map[string]any
}

// check is a question in the words of fixtures: can has all actions that are allowed, and
// fields all that are not hidden.
type check struct {
	Name   string
	Who    oneOrMore
	On     oneOrMore
	Can    *[]string
	Cannot oneOrMore
	Action string
	Fields map[string]string
	Lists  string
	Sees   oneOrMore
	Now    time.Time
	Env    map[string]any
}

type oneOrMore []string

func (o *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oneOrMore{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}

// Every scenario's questions have the answers that the product gives.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../../../../../testdata/crm/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	asked := 0
	for _, file := range files {
		dir, name := filepath.Split(file)
		t.Run(filepath.Base(dir)+"/"+name, func(t *testing.T) { asked += runScenario(t, file) })
	}
	t.Logf("%d questions of %d files", asked, len(files))
}

func runScenario(t *testing.T, file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s scenario
	in := yaml.NewDecoder(bytes.NewReader(data))
	in.KnownFields(true)
	if err := in.Decode(&s); err != nil {
		t.Fatal(err)
	}
	product, ok := products[s.Product]
	if !ok {
		t.Fatalf("there is no product %q", s.Product)
	}
	description, err := yaml.Marshal(&s.Organisation)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := product.compile(description, tenant)
	if s.Refused != "" {
		if !errors.Is(err, crm.ErrRefused) || !strings.Contains(err.Error(), s.Refused) || len(s.Tests) > 0 {
			t.Fatalf("%v, want a refusal with %q, and no tests", err, s.Refused)
		}
		return 1
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := compile(compiled)
	if err != nil {
		t.Fatal(err)
	}
	questions, wants, err := s.questions(p.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if len(questions) == 0 {
		t.Fatal("the scenario asks nothing")
	}
	answers, err := p.ask(questions)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if a != wants[i] {
			t.Errorf("%s may %s %s %s: %+v, want %+v", questions[i].Request.User, questions[i].Request.Action, on(questions[i].Request), questions[i].Field, a, wants[i])
		}
	}
	return len(questions)
}

func on(r model.Request) string {
	if r.Record != nil {
		return r.Record.Type + "/" + r.Record.ID
	}
	return r.Type
}

// questions are what the checks ask, and what is expected.
func (s *scenario) questions(schema *model.Schema) (questions []difftest.Question, wants []difftest.Answer, err error) {
	records, err := s.records(schema)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range s.Tests {
		for _, who := range c.Who {
			base := model.Request{Tenant: tenant, User: who, At: s.Now, Env: values(schema.Env, s.Env), UserAttrs: values(schema.User, s.Users[who])}
			if !c.Now.IsZero() {
				base.At = c.Now
			}
			if c.Env != nil {
				base.Env = values(schema.Env, c.Env)
			}
			asked, expected, err := c.questions(schema, records, base)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			questions, wants = append(questions, asked...), append(wants, expected...)
		}
	}
	return questions, wants, nil
}

func (c check) questions(schema *model.Schema, records map[string]*model.Record, base model.Request) (questions []difftest.Question, wants []difftest.Answer, err error) {
	ask := func(action, field string, want difftest.Answer, r *model.Record, typ string) {
		q := base
		q.Action, q.Record, q.Type = action, r, typ
		questions, wants = append(questions, difftest.Question{Request: q, Field: field}), append(wants, want)
	}
	for _, name := range c.On {
		r, typ := records[name], name
		if r != nil {
			typ = r.Type
		} else if strings.Contains(name, "/") {
			return nil, nil, fmt.Errorf("there is no record %s", name)
		}
		t, ok := schema.Types[typ]
		if !ok {
			return nil, nil, fmt.Errorf("there is no type %s", typ)
		}
		for action := range t.Actions {
			if c.Can != nil || len(c.Cannot) > 0 {
				ask(action, "", difftest.Answer{Allowed: slices.Contains(deref(c.Can), action)}, r, typ)
			}
		}
		for _, action := range slices.Concat(c.Cannot, deref(c.Can)) {
			if _, ok := t.Actions[action]; !ok {
				return nil, nil, fmt.Errorf("there is no action %s", action)
			}
		}
		for field := range t.Fields {
			word, listed := c.Fields[field]
			if !listed {
				word = cmp.Or(c.Fields["*"], "hidden")
			}
			level, err := model.ParseFieldLevel(word)
			if err != nil {
				return nil, nil, err
			}
			if c.Fields != nil {
				ask(c.Action, field, difftest.Answer{Field: level}, r, typ)
			}
		}
		for field := range c.Fields {
			if _, ok := t.Fields[field]; !ok && field != "*" {
				return nil, nil, fmt.Errorf("there is no field %s", field)
			}
		}
	}
	for _, r := range records {
		if c.Lists != "" && r.Type == c.Lists {
			ask(c.Action, "", difftest.Answer{Allowed: slices.Contains(c.Sees, r.ID)}, r, r.Type)
		}
	}
	return questions, wants, nil
}

func deref(list *[]string) []string {
	if list == nil {
		return nil
	}
	return *list
}

func (s *scenario) records(schema *model.Schema) (map[string]*model.Record, error) {
	all := map[string]*model.Record{}
	for name, r := range s.Records {
		typ, id, _ := strings.Cut(name, "/")
		all[name] = &model.Record{Type: typ, ID: id, Owners: r.Owner, Unit: r.Unit, Attrs: values(schema.Types[typ].Attributes, r.Attrs)}
	}
	for name, r := range s.Records {
		parent, ok := all[r.Parent]
		if !ok && r.Parent != "" {
			return nil, fmt.Errorf("there is no parent %s", r.Parent)
		}
		all[name].Parent = parent
		if err := schema.CheckRecord(all[name]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// values has the lists, numbers and times of YAML as the schema wants them.
func values(types map[string]model.AttrType, attrs map[string]any) map[string]any {
	for name, v := range attrs {
		switch x := v.(type) {
		case []any:
			list := make([]string, len(x))
			for i, e := range x {
				list[i] = fmt.Sprint(e)
			}
			attrs[name] = list
		case int:
			if types[name] == model.AttrDouble {
				attrs[name] = float64(x)
			}
		}
	}
	return attrs
}

// product is how to compile descriptions of a product, and how to make one up.
type product struct {
	compile func(description []byte, tenant string) (*crm.Policy, error)
	random  func(dice) (*crm.Policy, oracle, error)
	fields  bool // it has rules about fields
	// teamsOwn: records are owned by teams, too.
	teamsOwn bool
	values   map[string][]any // likely values of attributes
}

// oracle decides as the product does, from the description, without our formula.
type oracle interface {
	// decides tells whether the user may do it; ok is false of what the oracle does not know.
	decides(model.Request) (allowed, ok bool)
}

// compiled is the compile function of a product's package.
func compiled[O interface {
	Compile(tenant string) (*crm.Policy, error)
}](parse func([]byte) (O, error)) func([]byte, string) (*crm.Policy, error) {
	return func(description []byte, tenant string) (*crm.Policy, error) {
		o, err := parse(description)
		if err != nil {
			return nil, err
		}
		return o.Compile(tenant)
	}
}
