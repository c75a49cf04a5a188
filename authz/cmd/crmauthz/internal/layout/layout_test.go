package layout_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/layout"
	"github.com/crmauthz/crmauthz/model"
)

var update = flag.Bool("update", false, "write what comes out as what is wanted")

// Each file.in in testdata becomes file.golden.
func TestLayout(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in")
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			in := read(t, file)
			form := layout.YAML
			if strings.HasSuffix(file, ".csv.in") {
				form = layout.CSV
			}
			got, err := form(in)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".in") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, golden)), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again, err := form(got); err != nil || !bytes.Equal(got, again) {
				t.Errorf("formatted again it changes: %v\n%s", err, cmp.Diff(string(got), string(again)))
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"anchor", "a: &x [1]\nb: 2\n"},
		{"alias", "a: &x 1\nb: *x\n"},
		{"tag", "a: !!str 1\n"},
		{"merge", "a: &x {b: 1}\nc: {<<: *x}\n"},
		{"no YAML", "a: [1\n"},
		{"another end of a line", "a: 1\rb: |\r"},
		{"a line separator", "a: \"x\u2028y\"\n"},
		{"a list for a word", "? [a, b]\n: c\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := layout.YAML([]byte(c.text)); !errors.Is(err, layout.ErrLayout) {
				t.Errorf("%v; want ErrLayout; out:\n%s", err, out)
			}
		})
	}
	for _, text := range []string{"p, a\n", "p, user:a, acme, customer, read, allow\n", `p, "a` + "\n"} {
		var at *model.SourceError
		if _, err := layout.CSV([]byte("# one\n" + text)); !errors.As(err, &at) || at.Line != 2 {
			t.Errorf("%q: %v; want an error of line 2", text, err)
		}
	}
}

// What FormatPolicy writes is in form already.
func TestPoliciesThatAreWrittenAreInForm(t *testing.T) {
	facts, err := model.ParsePolicy(read(t, "../../../../../testdata/sales/policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	everyWord, err := model.ParsePolicy([]byte(`
acme:
  members: [{until: 2027-01-01T00:00:00Z, from: 2026-01-01T00:00:00Z, in: role:a, who: user:a}]
  org: [{under: user:b, who: user:a}]
  rules:
    - {until: 2027-01-01T00:00:00Z, from: 2026-01-01T00:00:00Z, if: c, scope: own, on: t, may not: a, who: user:a}
    - {on: t/1, may: a, who: user:a}
  teams: [{until: 2027-01-01T00:00:00Z, from: 2026-01-01T00:00:00Z, if: c, as: x, on: t, has: read, who: user:a}]
  fields:
    - {until: 2027-01-01T00:00:00Z, from: 2026-01-01T00:00:00Z, if: c, on: t#f, below: read, who: user:a}
    - {on: t#f, has: read, who: user:a}
  off: [{until: 2027-01-01T00:00:00Z, from: 2026-01-01T00:00:00Z, except: user:a, mode: locked, what: "*"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	facts = append(facts, everyWord...)
	want, err := model.FormatPolicy(facts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := layout.YAML(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A document is made of random nodes, written by the YAML library, and comments are put
// into it at random: all of them stay, and nothing changes.
func TestRandomDocuments(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := randomText(t, r)
		out, err := layout.YAML(text)
		if err != nil {
			t.Fatalf("seed %d: %v in\n%s", seed, err, text)
		}
		again, err := layout.YAML(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("seed %d: formatted again it changes: %v\nin\n%s\nout\n%s\nagain\n%s", seed, err, text, out, again)
		}
		if want, got := strings.Count(string(text), "# comment"), strings.Count(string(out), "# comment"); want != got {
			t.Fatalf("seed %d: %d comments of %d\n%s\n%s", seed, got, want, text, out)
		}
		if diff := cmp.Diff(values(t, text), values(t, out)); diff != "" {
			t.Fatalf("seed %d: the values change:\n%s", seed, diff)
		}
	}
}

func values(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

func randomText(t *testing.T, r *rand.Rand) []byte {
	t.Helper()
	n := randomNode(r, 4)
	for n.Kind == yaml.ScalarNode {
		n = randomNode(r, 4)
	}
	written, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	inBlock := -1 // the indent of the line with the header of a block scalar
	for line := range strings.Lines(string(written)) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if inBlock >= 0 && (indent > inBlock || strings.TrimSpace(line) == "") {
			out.WriteString(line)
			continue
		}
		inBlock = -1
		if r.IntN(5) == 0 {
			fmt.Fprintf(&out, "%s# comment %d\n", strings.Repeat(" ", indent), r.IntN(100))
		}
		text := strings.TrimRight(line, "\n")
		if strings.HasSuffix(text, "|-") || strings.HasSuffix(text, "|") || strings.HasSuffix(text, "|+") || strings.HasSuffix(text, ">-") {
			inBlock = indent
		} else if r.IntN(5) == 0 && strings.Count(text, `"`)%2 == 0 && strings.Count(text, `'`)%2 == 0 {
			text += fmt.Sprintf(" # comment %d", r.IntN(100))
		}
		out.WriteString(text + "\n")
		if r.IntN(8) == 0 {
			out.WriteString("\n")
		}
	}
	return []byte(out.String())
}

func randomNode(r *rand.Rand, depth int) *yaml.Node {
	var style yaml.Style
	if r.IntN(3) == 0 {
		style = yaml.FlowStyle
	}
	switch r.IntN(4) {
	case 0, 1:
		if depth > 0 {
			n := &yaml.Node{Kind: yaml.MappingNode, Style: style}
			for i := range r.IntN(4) {
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(pick(r, "who", "on", "rules", "a b", "*", "members"), i)}, randomNode(r, depth-1))
			}
			return n
		}
	case 2:
		if depth > 0 {
			n := &yaml.Node{Kind: yaml.SequenceNode, Style: style}
			for range r.IntN(4) {
				n.Content = append(n.Content, randomNode(r, depth-1))
			}
			return n
		}
	}
	n := &yaml.Node{}
	n.SetString(pick(r, "role:rep", "user:alice", "a # no comment", "it's", `say "hi"`, "", "null", "yes", "42", "2026-01-01", "two\nlines",
		"customer#phone", "[x]", "a, b", " blank ", "\ttab", "ends:", "x: y", "# none", `back\slash`, "日本", "\u00a0", "a\nb # not one\n", "-", "%", "@x", "~"))
	n.Style |= pick(r, 0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle, n.Style)
	return n
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func FuzzYAML(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml.in")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for seed := range uint64(20) {
		f.Add(randomText(&testing.T{}, rand.New(rand.NewPCG(seed, 2))))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := layout.YAML(text)
		if err != nil {
			return
		}
		again, err := layout.YAML(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Errorf("formatted again it changes: %v\nin\n%q\nout\n%q\nagain\n%q", err, text, out, again)
		}
	})
}
