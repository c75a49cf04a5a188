package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxYAML is how many bytes a YAML document may have.
const MaxYAML = 4 << 20

// yamlReader walks the nodes of a YAML document and keeps the first error, with
// its line. It knows no aliases and no tags, so a document cannot grow in
// reading; how deep it goes is up to the code that walks.
type yamlReader struct {
	in   string   // what is read: "schema" or "policy"
	path []string // the words that lead to where it reads
	err  error
}

// parseYAML reads the one document that data holds.
func (y *yamlReader) parseYAML(data []byte) *yaml.Node {
	if len(data) > MaxYAML {
		y.failText(fail(ErrTooLong, "%d bytes; at most %d", len(data), MaxYAML))
		return nil
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		y.failText(fail(ErrMalformed, "is empty"))
		return nil
	} else if err != nil {
		y.failText(err)
		return nil
	}
	if err := in.Decode(&second); err == nil {
		y.fail(&second, "", fail(ErrMalformed, "a second document"))
	} else if !errors.Is(err, io.EOF) {
		y.failText(err)
	}
	if len(doc.Content) == 0 {
		return &doc
	}
	return doc.Content[0]
}

// failText is for errors that have no node; of YAML's own, the line stands in the text.
func (y *yamlReader) failText(err error) {
	line := 0
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if _, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	var bad *badValueError
	if !errors.As(err, &bad) {
		err = fail(ErrMalformed, "%s", text)
	}
	y.err = &SourceError{line, At(y.in, "YAML", "", err)}
}

func (y *yamlReader) fail(n *yaml.Node, value string, err error) {
	if y.err == nil && err != nil {
		column := strings.Join(y.path, " ")
		if column == "" {
			column = "document"
		}
		y.err = &SourceError{n.Line, At(y.in, column, value, err)}
	}
}

// is tells whether n is of the wanted kind; if not, it fails.
func (y *yamlReader) is(n *yaml.Node, kind yaml.Kind, want string) bool {
	switch {
	case y.err != nil:
	case n.Kind == yaml.AliasNode:
		y.fail(n, "*"+n.Value, fail(ErrMalformed, "aliases are not read"))
	case n.Style&yaml.TaggedStyle != 0:
		y.fail(n, n.Tag, fail(ErrMalformed, "tags are not read"))
	case n.Kind != kind:
		y.fail(n, n.Value, fail(ErrMalformed, "%s is wanted", want))
	}
	return y.err == nil
}

// entries yields the words of a mapping with their values.
func (y *yamlReader) entries(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(word, value *yaml.Node) bool) {
		if !y.is(n, yaml.MappingNode, "a mapping (word: value)") {
			return
		}
		seen := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			word, value := n.Content[i], n.Content[i+1]
			name := y.text(word)
			if line, ok := seen[name]; ok {
				y.fail(word, name, fail(ErrMalformed, "stands on line %d already", line))
			}
			if y.err != nil {
				return
			}
			seen[name] = word.Line
			y.path = append(y.path, name)
			more := yield(word, value)
			y.path = y.path[:len(y.path)-1]
			if !more || y.err != nil {
				return
			}
		}
	}
}

// unknown refuses a word that entries yielded.
func (y *yamlReader) unknown(word *yaml.Node, known ...string) {
	y.fail(word, word.Value, fail(ErrMalformed, "unknown word; one of %s", strings.Join(known, ", ")))
}

// items yields what a list holds.
func (y *yamlReader) items(n *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		if !y.is(n, yaml.SequenceNode, "a list") {
			return
		}
		for _, item := range n.Content {
			if !yield(item) || y.err != nil {
				return
			}
		}
	}
}

// oneOrList returns the values of a list, or the one value that stands instead.
func (y *yamlReader) oneOrList(n *yaml.Node) []*yaml.Node {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = slices.Collect(y.items(n))
		if len(list) == 0 {
			y.fail(n, "", fail(ErrMalformed, "an empty list"))
		}
	}
	for _, value := range list {
		y.text(value)
	}
	return list
}

// text returns a scalar as it is written.
func (y *yamlReader) text(n *yaml.Node) string {
	if !y.is(n, yaml.ScalarNode, "a single value") {
		return ""
	}
	if n.ShortTag() == "!!null" {
		y.fail(n, n.Value, fail(ErrMalformed, "is empty"))
	}
	return n.Value
}

func (y *yamlReader) flag(n *yaml.Node) bool {
	s := y.text(n)
	if s != "true" && s != "false" {
		y.fail(n, s, fail(ErrMalformed, "one of true false"))
	}
	return s == "true"
}

func (y *yamlReader) number(n *yaml.Node) int {
	s := y.text(n)
	i, err := strconv.Atoi(s)
	if err != nil {
		y.fail(n, s, fail(ErrMalformed, "a whole number"))
	}
	return i
}

// scan reads a scalar with one of the Parse functions.
func scan[T any](y *yamlReader, n *yaml.Node, parse func(string) (T, error)) T {
	s := y.text(n)
	v, err := parse(s)
	y.fail(n, s, err)
	return v
}

// table reads a mapping whose words are names; an empty one is nil.
func table[T any](y *yamlReader, n *yaml.Node, read func(*yaml.Node) T) map[string]T {
	var m map[string]T
	for word, value := range y.entries(n) {
		if m == nil {
			m = make(map[string]T, len(n.Content)/2)
		}
		m[word.Value] = read(value)
	}
	return m
}

// A pair is a word of a mapping that is to be written; without a value it is left out.
type pair struct {
	word  string
	value *yaml.Node
}

func mappingNode(pairs ...pair) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, p := range pairs {
		if p.value != nil {
			n.Content = append(n.Content, textNode(p.word), p.value)
		}
	}
	return n
}

// tableNode is the opposite of table: nil for an empty one.
func tableNode[T any](m map[string]T, write func(T) *yaml.Node) *yaml.Node {
	if len(m) == 0 {
		return nil
	}
	n := mappingNode()
	for word, v := range sorted(m) {
		n.Content = append(n.Content, textNode(word), write(v))
	}
	return n
}

// inline has a mapping or list written in one line if that is not long.
func inline(n *yaml.Node) *yaml.Node {
	if n != nil && width(n) <= 100 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func width(n *yaml.Node) int {
	w := utf8.RuneCountInString(n.Value) + 2
	for _, c := range n.Content {
		w += width(c)
	}
	return w
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// plainNode is for what YAML would otherwise quote: numbers, booleans and times.
func plainNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func writeYAML(in string, n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(n), e.Close()); err != nil {
		return nil, At(in, "YAML", "", fail(ErrMalformed, "%v", err))
	}
	if out.Len() > MaxYAML {
		return nil, At(in, "YAML", "", fail(ErrTooLong, "%d bytes; at most %d", out.Len(), MaxYAML))
	}
	return out.Bytes(), nil
}
