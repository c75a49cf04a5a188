package crm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/authz/fixture"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// Every scenario is a fixture, once its organisation is compiled: it passes as one.
func TestScenariosAreFixtures(t *testing.T) {
	files, err := filepath.Glob("../../../../../testdata/crm/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	var all []*fixture.Fixture
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := asFixture(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if text == nil {
			continue // compiling it is refused
		}
		f, err := fixture.Parse(file, text)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		all = append(all, f)
	}
	report, err := fixture.Run(t.Context(), all, fixture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Failed() {
		t.Errorf("%+v", c)
	}
	t.Logf("%d fixtures, %d tests", len(all), report.Tests())
}

// asFixture has the compiled policy in place of a scenario's organisation; nil if that is refused.
func asFixture(scenario []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(scenario, &doc); err != nil {
		return nil, err
	}
	root, words := doc.Content[0], map[string]*yaml.Node{}
	kept := []*yaml.Node{}
	for i := 0; i < len(root.Content); i += 2 {
		word := root.Content[i].Value
		words[word] = root.Content[i+1]
		if word != "product" && word != "organisation" {
			kept = append(kept, root.Content[i], root.Content[i+1])
		}
	}
	if words["refused"] != nil {
		return nil, nil
	}
	description, err := yaml.Marshal(words["organisation"])
	if err != nil {
		return nil, err
	}
	p, err := products[words["product"].Value].compile(description, tenant)
	if err != nil {
		return nil, err
	}
	policy, err := policyNodes(p)
	if err != nil {
		return nil, err
	}
	root.Content = append(policy, kept...)
	return yaml.Marshal(&doc)
}

// policyNodes are the words of a fixture that have the policy.
func policyNodes(p *crm.Policy) ([]*yaml.Node, error) {
	schema, err := p.Schema.YAML()
	if err != nil {
		return nil, err
	}
	facts, err := model.FormatPolicy(p.Facts)
	if err != nil {
		return nil, err
	}
	lists := strings.TrimPrefix(string(facts), tenant+":\n")
	var nodes yaml.Node
	text := "schema:\n  " + strings.ReplaceAll(string(schema), "\n", "\n  ") + "\ntenant: " + tenant + "\nfacts:\n" + lists
	if err := yaml.Unmarshal([]byte(text), &nodes); err != nil {
		return nil, err
	}
	return nodes.Content[0].Content, nil
}
