package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// MaxFile is how many bytes of a product's file are read.
	MaxFile = 16 << 20
	// maxNested is how deep a product's file may be nested.
	maxNested = 64
)

// JSON reads a JSON document from beginning to end, holding no more of it than one
// value. Its first error, an *Error with the file and the line, ends the reading: from
// then on every method returns nothing, and Err returns that error.
type JSON struct {
	file  string
	dec   *json.Decoder
	lines *lineReader
	depth int
	err   error
}

// NewJSON reads the document in r, which Error calls file.
func NewJSON(file string, r io.Reader) *JSON {
	lines := &lineReader{r: r, line: 1}
	dec := json.NewDecoder(lines)
	dec.UseNumber()
	return &JSON{file: file, dec: dec, lines: lines}
}

// lineReader tells the line of an offset. It keeps what was read and not yet passed,
// which is what the decoder keeps.
type lineReader struct {
	r     io.Reader
	ahead []byte
	read  int64
	line  int // of what was passed
}

func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.read += int64(n); l.read > MaxFile {
		return 0, ErrTooLarge
	}
	l.ahead = append(l.ahead, p[:n]...)
	return n, err
}

func (l *lineReader) at(offset int64) int {
	passed := int64(len(l.ahead)) - (l.read - offset)
	if passed > 0 && passed <= int64(len(l.ahead)) {
		l.line += bytes.Count(l.ahead[:passed], []byte{'\n'})
		l.ahead = append(l.ahead[:0], l.ahead[passed:]...)
	}
	return l.line
}

// Err is the first error; after the last value, it also tells of what follows the document.
func (j *JSON) Err() error {
	if j.err == nil && j.depth == 0 {
		if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
			j.Fail("document", "", ErrMalformed, "something follows it")
		}
	}
	return j.err
}

// Line is the line of the value that was read last.
func (j *JSON) Line() int { return j.lines.at(j.dec.InputOffset()) }

// Fail ends the reading with an error at this line.
func (j *JSON) Fail(what, value string, err error, hint string) {
	if j.err == nil {
		j.err = &Error{File: j.file, Line: j.Line(), What: what, Value: value, Err: err, Hint: hint}
	}
}

// token is the next token; nil after an error, and for null.
func (j *JSON) token() json.Token {
	if j.err != nil {
		return nil
	}
	t, err := j.dec.Token()
	switch {
	case errors.Is(err, ErrTooLarge):
		j.Fail("file", "", ErrTooLarge, fmt.Sprintf("at most %d bytes", MaxFile))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		j.Fail("document", "", ErrMalformed, "it ends too early")
	case err != nil:
		j.Fail("document", "", ErrMalformed, strings.TrimPrefix(err.Error(), "json: "))
	}
	switch t {
	case json.Delim('{'), json.Delim('['):
		if j.depth++; j.depth > maxNested {
			j.Fail("document", "", ErrMalformed, fmt.Sprintf("nested deeper than %d", maxNested))
		}
	case json.Delim('}'), json.Delim(']'):
		j.depth--
	}
	if j.err != nil {
		return nil
	}
	return t
}

// Object yields the keys of an object; null has none. Each value must be read, or
// skipped, before the next key. A key that stands twice is an error.
func (j *JSON) Object(yield func(key string) bool) {
	switch t := j.token(); t {
	case nil:
		return
	case json.Delim('{'):
	default:
		j.Fail("value", fmt.Sprint(t), ErrMalformed, "an object is wanted")
		return
	}
	var seen keySet
	for j.err == nil && j.dec.More() {
		key, ok := j.token().(string)
		if !ok {
			return
		}
		if !seen.add(key) {
			j.Fail("key", key, ErrMalformed, "stands twice")
			return
		}
		if !yield(key) {
			return
		}
	}
	j.token()
}

// keySet is the keys of an object: most have few.
type keySet struct {
	few  []string
	many map[string]bool
}

// add tells whether the key is new.
func (k *keySet) add(key string) bool {
	if k.many == nil && len(k.few) < 32 {
		if slices.Contains(k.few, key) {
			return false
		}
		k.few = append(k.few, key)
		return true
	}
	if k.many == nil {
		k.many = map[string]bool{}
		for _, f := range k.few {
			k.many[f] = true
		}
	}
	if k.many[key] {
		return false
	}
	k.many[key] = true
	return true
}

// Array yields the places of an array's elements; null has none. Each element must be
// read, or skipped, before the next.
func (j *JSON) Array(yield func(i int) bool) {
	switch t := j.token(); t {
	case nil:
		return
	case json.Delim('['):
	default:
		j.Fail("value", fmt.Sprint(t), ErrMalformed, "an array is wanted")
		return
	}
	for i := 0; j.err == nil && j.dec.More(); i++ {
		if !yield(i) {
			return
		}
	}
	j.token()
}

// Text is a string, number or bool as it is written; empty of null.
func (j *JSON) Text() string {
	switch t := j.token().(type) {
	case nil:
		return ""
	case string:
		return t
	case json.Number:
		return t.String()
	case bool:
		return fmt.Sprint(t)
	default:
		j.Fail("value", fmt.Sprint(t), ErrMalformed, "a single value is wanted")
		return ""
	}
}

// Flag is a bool; false of null.
func (j *JSON) Flag() bool {
	switch t := j.token().(type) {
	case nil:
		return false
	case bool:
		return t
	default:
		j.Fail("value", fmt.Sprint(t), ErrMalformed, "true or false is wanted")
		return false
	}
}

// Skip passes over a value, whatever it is.
func (j *JSON) Skip() {
	depth := j.depth
	for j.token(); j.err == nil && j.depth > depth; {
		j.token()
	}
}

// Any is a value whose kind is not known beforehand: an object gives the texts of its
// keys id, name and api_name, in this order, an array those of its elements, all else
// its one text, and null none.
func (j *JSON) Any() []string { return j.texts(false) }

// IDs is Any, but an object that has an id gives nothing else.
func (j *JSON) IDs() []string { return j.texts(true) }

func (j *JSON) texts(idOnly bool) (texts []string) {
	switch t := j.token().(type) {
	case nil:
	case string:
		return []string{t}
	case json.Number:
		return []string{t.String()}
	case bool:
		return []string{fmt.Sprint(t)}
	case json.Delim:
		if t == '[' {
			for j.err == nil && j.dec.More() {
				texts = append(texts, j.texts(idOnly)...)
			}
			j.token()
			return texts
		}
		var id, named []string
		for j.err == nil && j.dec.More() {
			switch key, _ := j.token().(string); key {
			case "id":
				id = j.texts(idOnly)
			case "name", "api_name":
				named = append(named, j.texts(idOnly)...)
			default:
				j.Skip()
			}
		}
		j.token()
		if idOnly && len(id) > 0 {
			return id
		}
		return append(id, named...)
	}
	return texts
}

// Ref is how an object is named that stands elsewhere: {id, name}, or its id alone; empty of null.
func (j *JSON) Ref() (id, name string) {
	switch t := j.token().(type) {
	case nil:
	case string:
		return t, ""
	case json.Number:
		return t.String(), ""
	case json.Delim:
		for t == '{' && j.err == nil && j.dec.More() {
			switch key, _ := j.token().(string); key {
			case "id":
				id = j.Text()
			case "name":
				name = j.Text()
			default:
				j.Skip()
			}
		}
		if t == '[' {
			j.Fail("value", "", ErrMalformed, "an object with an id is wanted")
		}
		j.token()
	default:
		j.Fail("value", fmt.Sprint(t), ErrMalformed, "an object with an id is wanted")
	}
	return id, name
}
