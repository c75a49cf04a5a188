package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxYAML is how many bytes a YAML document may have.
const MaxYAML = 4 << 20

// YAMLReader walks the nodes of a YAML document and keeps the first error, with
// its place. It knows no aliases and no tags, so a document cannot grow in
// reading; how deep it goes is up to the code that walks. After an error it
// yields nothing more. Schemas, policies and records are read with it, and what holds such.
type YAMLReader struct {
	In string // what is read, for errors: "schema" or "policy"

	path []string // the words that lead to where it reads
	err  error
}

// Err is the first error: a [SourceError], most of them of a [ValueError].
func (y *YAMLReader) Err() error { return y.err }

// Parse reads the one document that data holds, of at most MaxYAML bytes.
func (y *YAMLReader) Parse(data []byte) *yaml.Node {
	if len(data) > MaxYAML {
		y.failText(data, fail(ErrTooLong, "%d bytes; at most %d", len(data), MaxYAML))
		return nil
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		y.failText(data, fail(ErrMalformed, "is empty"))
		return nil
	} else if err != nil {
		y.failText(data, err)
		return nil
	}
	if err := in.Decode(&second); err == nil {
		y.Fail(&second, "", fail(ErrMalformed, "a second document"))
	} else if !errors.Is(err, io.EOF) {
		y.failText(data, err)
	}
	if len(doc.Content) == 0 {
		return &doc
	}
	return doc.Content[0]
}

// failText is for errors that have no node; of YAML's own, the line stands in the
// text, and the column is that of the first word in it.
func (y *YAMLReader) failText(data []byte, err error) {
	line := 0
	text, ofYAML := strings.CutPrefix(err.Error(), "yaml: ")
	if _, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	if ofYAML && (line == 0 || ofParser.MatchString(text)) {
		line++ // the first line is not named, and YAML's parser, unlike its scanner, counts from 0
	}
	var bad *badValueError
	if !errors.As(err, &bad) {
		err = fail(ErrMalformed, "%s", text)
	}
	y.err = &SourceError{line, firstColumn(data, line), At(y.In, "YAML", "", err)}
}

var ofParser = regexp.MustCompile("^did not find expected (<|key|node content|'-' indicator|',' or)")

// firstColumn is where the first word of a line stands; 0 if the line is not known.
func firstColumn(data []byte, line int) int {
	if line == 0 {
		return 0
	}
	for range line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return 1 + len(data) - len(bytes.TrimLeft(data, " \t"))
}

// Fail keeps an error about a value that stands at a node, unless there is one or err is nil.
func (y *YAMLReader) Fail(n *yaml.Node, value string, err error) {
	if y.err == nil && err != nil {
		column := strings.Join(y.path, " ")
		if column == "" {
			column = "document"
		}
		y.err = &SourceError{n.Line, n.Column, At(y.In, column, value, err)}
	}
}

// is tells whether n is of the wanted kind; if not, it fails.
func (y *YAMLReader) is(n *yaml.Node, kind yaml.Kind, want string) bool {
	switch {
	case y.err != nil:
	case n.Kind == yaml.AliasNode:
		y.Fail(n, "*"+n.Value, fail(ErrMalformed, "aliases are not read"))
	case n.Style&yaml.TaggedStyle != 0:
		y.Fail(n, n.Tag, fail(ErrMalformed, "tags are not read"))
	case n.Kind != kind:
		y.Fail(n, n.Value, fail(ErrMalformed, "%s is wanted", want))
	}
	return y.err == nil
}

// Entries yields the words of a mapping with their values.
func (y *YAMLReader) Entries(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(word, value *yaml.Node) bool) {
		if !y.is(n, yaml.MappingNode, "a mapping (word: value)") {
			return
		}
		seen := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			word, value := n.Content[i], n.Content[i+1]
			name := y.Text(word)
			if line, ok := seen[name]; ok {
				y.Fail(word, name, fail(ErrMalformed, "stands on line %d already", line))
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

// Unknown refuses a word that Entries yielded.
func (y *YAMLReader) Unknown(word *yaml.Node, known ...string) {
	y.Fail(word, word.Value, fail(ErrMalformed, "unknown word; one of %s", strings.Join(known, ", ")))
}

// Items yields what a list holds.
func (y *YAMLReader) Items(n *yaml.Node) iter.Seq[*yaml.Node] {
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
func (y *YAMLReader) oneOrList(n *yaml.Node) []*yaml.Node {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = slices.Collect(y.Items(n))
		if len(list) == 0 {
			y.Fail(n, "", fail(ErrMalformed, "an empty list"))
		}
	}
	for _, value := range list {
		y.Text(value)
	}
	return list
}

// Text returns a scalar as it is written.
func (y *YAMLReader) Text(n *yaml.Node) string {
	if !y.is(n, yaml.ScalarNode, "a single value") {
		return ""
	}
	if n.ShortTag() == "!!null" {
		y.Fail(n, n.Value, fail(ErrMalformed, "is empty"))
	}
	return n.Value
}

func (y *YAMLReader) flag(n *yaml.Node) bool {
	s := y.Text(n)
	if s != "true" && s != "false" {
		y.Fail(n, s, fail(ErrMalformed, "one of true false"))
	}
	return s == "true"
}

func (y *YAMLReader) number(n *yaml.Node) int {
	s := y.Text(n)
	i, err := strconv.Atoi(s)
	if err != nil {
		y.Fail(n, s, fail(ErrMalformed, "a whole number"))
	}
	return i
}

// scan reads a scalar with one of the Parse functions.
func scan[T any](y *YAMLReader, n *yaml.Node, parse func(string) (T, error)) T {
	s := y.Text(n)
	v, err := parse(s)
	y.Fail(n, s, err)
	return v
}

// table reads a mapping whose words are names; an empty one is nil.
func table[T any](y *YAMLReader, n *yaml.Node, read func(*yaml.Node) T) map[string]T {
	var m map[string]T
	for word, value := range y.Entries(n) {
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
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsRune(s, '\t') || strings.HasPrefix(s, " ") {
		n.Style = yaml.DoubleQuotedStyle // a block that begins with blanks cannot be read again
	}
	return n
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
