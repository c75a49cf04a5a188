// Package layout brings the text of policies, schemas and fixtures into one
// form, as gofmt does with Go: it changes blanks, quotes and the order of an
// entry's words, never what the text means, and keeps every comment.
//
// # YAML
//
// Indents are two blanks. A list or mapping that is written in one line stays
// so, as long as it has at most 140 characters; an entry of a policy's list is put
// into one line if it has at most 100, its words in the order of model.ParsePolicy. Texts
// are quoted where they must be, with double quotes where these do. Blank lines
// stay, one of each run. What was written is read again and compared: a text that cannot be
// brought into form without a change is refused.
//
// # CSV
//
// Columns are separated by a comma and a blank; comments and blank lines stay, one of each run.
package layout

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

// ErrLayout: a text that cannot be brought into form without changing what it means.
var ErrLayout = errors.New("the text has no form")

// YAML brings a document into form. It should have been found to be a policy,
// schema or fixture before: anchors, aliases and tags, which these do not have, are refused.
func YAML(text []byte) ([]byte, error) {
	text = bytes.ReplaceAll(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte("\r\n"), []byte("\n"))
	if i := bytes.IndexAny(text, "\r\u0085\u2028\u2029"); i >= 0 { // they end lines, too
		return nil, fmt.Errorf("%w: line %d: a line ends with \\n or \\r\\n", ErrLayout, 1+bytes.Count(text[:i], []byte("\n")))
	}
	doc, err := parse(text)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		return text, nil
	}
	p := newPrinter(text, doc)
	p.document(doc)
	if p.err != nil {
		return nil, p.err
	}
	out := []byte(p.out.String())
	if err := same(text, out, doc, p.comments); err != nil {
		return nil, err
	}
	return out, nil
}

// parse returns what the document holds; nil for one that is empty.
func parse(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLayout, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// same reads what was written and compares.
func same(before, after []byte, was *yaml.Node, comments []comment) error {
	now, err := parse(after)
	if err != nil {
		return err
	}
	if now == nil || !equal(was, now) {
		return fmt.Errorf("%w: the values would change", ErrLayout)
	}
	if !slices.Equal(sortedTexts(comments), sortedTexts(scan(after, now).comments)) {
		return fmt.Errorf("%w: comments would be lost", ErrLayout)
	}
	return nil
}

func sortedTexts(comments []comment) []string {
	texts := make([]string, len(comments))
	for i, c := range comments {
		texts[i] = c.text
	}
	slices.Sort(texts)
	return texts
}

// equal tells whether two nodes mean the same. The order of a mapping's words means nothing.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return a.Value == b.Value || a.ShortTag() == "!!null"
	case yaml.MappingNode:
		for i := 0; i < len(a.Content); i += 2 {
			v := valueOf(b, a.Content[i].Value)
			if v == nil || !equal(a.Content[i+1], v) {
				return false
			}
		}
		return true
	}
	return slices.EqualFunc(a.Content, b.Content, equal)
}

func valueOf(mapping *yaml.Node, word string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == word {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// CSV brings lines into form. An error is that of the first that model.ReadCSV refuses.
func CSV(text []byte) ([]byte, error) {
	var out bytes.Buffer
	number, blank := 0, false
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
		number++
		line := strings.TrimSpace(string(raw))
		if line == "" {
			blank = out.Len() > 0
			continue
		}
		if line[0] != '#' {
			var err error
			if line, err = csvLine(line); err != nil {
				return nil, &model.SourceError{Line: number, Err: err}
			}
		}
		if blank {
			out.WriteByte('\n')
		}
		blank = false
		out.WriteString(line + "\n")
	}
	return out.Bytes(), nil
}

func csvLine(text string) (string, error) {
	for l, err := range model.ReadCSV(strings.NewReader(text)) {
		if err != nil {
			var at *model.SourceError
			if errors.As(err, &at) {
				err = at.Err // the line is known better
			}
			return "", err
		}
		return l.String(), nil
	}
	return "", fmt.Errorf("%w: an empty line", ErrLayout)
}

// HasComments tells whether a text of YAML or CSV has any.
func HasComments(text []byte, isCSV bool) bool {
	if isCSV {
		for line := range bytes.Lines(text) {
			if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
				return true
			}
		}
		return false
	}
	doc, err := parse(text)
	return err == nil && doc != nil && len(scan(text, doc).comments) > 0
}

// SortedCSV is CSV with the lines sorted, each once. Comments have no place in it; see HasComments.
func SortedCSV(text []byte) ([]byte, error) {
	inForm, err := CSV(text)
	if err != nil {
		return nil, err
	}
	lines := slices.DeleteFunc(strings.Split(string(inForm), "\n"), func(l string) bool { return l == "" || l[0] == '#' })
	slices.Sort(lines)
	var out bytes.Buffer
	for _, l := range slices.Compact(lines) {
		out.WriteString(l + "\n")
	}
	return out.Bytes(), nil
}
