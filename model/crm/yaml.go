package crm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
)

// ParseYAML reads a description, the one document in data, into v, a pointer to a
// struct with yaml tags. Refused, with an *Error and the line, are words that v
// has no field for, words that stand twice, a second document, aliases, tags, and
// more than model.MaxYAML bytes.
func ParseYAML(data []byte, v any) error {
	if len(data) > model.MaxYAML {
		return &Error{What: "description", Err: ErrTooLarge, Hint: fmt.Sprintf("%d bytes; at most %d", len(data), model.MaxYAML)}
	}
	var doc yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&doc); errors.Is(err, io.EOF) {
		return &Error{What: "description", Err: ErrMalformed, Hint: "is empty"}
	} else if err != nil {
		return yamlError(err)
	}
	var second yaml.Node
	if err := in.Decode(&second); !errors.Is(err, io.EOF) {
		return &Error{Line: second.Line, What: "description", Err: ErrMalformed, Hint: "a second document"}
	}
	if err := plainNodes(&doc); err != nil {
		return err
	}
	in = yaml.NewDecoder(bytes.NewReader(data))
	in.KnownFields(true)
	err := in.Decode(v)
	var ours *Error // of a word that unmarshals itself, which knows no line
	switch {
	case errors.As(err, &ours):
		if ours.Line == 0 {
			ours.Line = lineOf(&doc, ours.Value)
		}
		return ours
	case err != nil:
		return yamlError(err)
	}
	return nil
}

// lineOf is the first line of a value in a document; 0 if it is not there.
func lineOf(n *yaml.Node, value string) int {
	if n.Kind == yaml.ScalarNode && n.Value == value {
		return n.Line
	}
	for _, c := range n.Content {
		if line := lineOf(c, value); line != 0 {
			return line
		}
	}
	return 0
}

// plainNodes refuses aliases and tags: a description cannot grow in reading.
func plainNodes(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return &Error{Line: n.Line, What: "description", Value: "*" + n.Value, Err: ErrMalformed, Hint: "aliases are not read"}
	case n.Style&yaml.TaggedStyle != 0:
		return &Error{Line: n.Line, What: "description", Value: n.Tag, Err: ErrMalformed, Hint: "tags are not read"}
	}
	for _, c := range n.Content {
		if err := plainNodes(c); err != nil {
			return err
		}
	}
	return nil
}

// yamlError takes the line out of the first error of the YAML library.
func yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var types *yaml.TypeError
	if errors.As(err, &types) && len(types.Errors) > 0 {
		text = types.Errors[0]
	}
	line := 0
	if _, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return &Error{Line: line, What: "description", Err: ErrMalformed, Hint: text}
}

// FormatYAML writes a description as ParseYAML reads it.
func FormatYAML(v any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(v), e.Close()); err != nil {
		return nil, &Error{What: "description", Err: ErrMalformed, Hint: err.Error()}
	}
	if out.Len() > model.MaxYAML {
		return nil, &Error{What: "description", Err: ErrTooLarge, Hint: fmt.Sprintf("%d bytes; at most %d", out.Len(), model.MaxYAML)}
	}
	return out.Bytes(), nil
}
