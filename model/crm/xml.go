package crm

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// XML reads a file element by element, so that its memory does not grow with the
// file. It knows no document types, so that no entity can grow in reading.
type XML struct {
	file   string
	close  io.Closer
	dec    *xml.Decoder
	limits Limits
	path   []string
}

// OpenXML opens a file. Its errors, and those of reading it, are *Error.
func OpenXML(fsys fs.FS, name string, limits Limits) (*XML, error) {
	limits = limits.orDefault()
	f, err := open(fsys, name, limits.File)
	if err != nil {
		return nil, err
	}
	x := NewXML(name, f, limits)
	x.close = f
	return x, nil
}

// NewXML reads a file that is open already.
func NewXML(name string, r io.Reader, limits Limits) *XML {
	limits = limits.orDefault()
	in := bufio.NewReader(&limited{in: r, left: limits.File, limit: limits.File})
	x := &XML{file: name, limits: limits}
	if start, err := in.Peek(3); err == nil && bytes.Equal(start, []byte("\uFEFF")) {
		_, _ = in.Discard(3)
	}
	x.dec = xml.NewDecoder(in)
	return x
}

// Close closes the file.
func (x *XML) Close() error {
	if x.close == nil {
		return nil
	}
	return x.close.Close()
}

// File is the file's name.
func (x *XML) File() string { return x.file }

// Node is an element. Of one that is only begun, there are no Text and no Children.
type Node struct {
	Name     string // without its namespace
	Line     int
	Attrs    map[string]string // names without their namespaces
	Text     string            // without the blanks around it
	Children []*Node
}

// Next reads to the beginning of the next element. Path is the names of the elements that it
// lies in. At the end of the file, the error is io.EOF.
func (x *XML) Next() (n *Node, path []string, err error) {
	for {
		token, err := x.token()
		if err != nil {
			return nil, nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = x.path
			x.path = append(x.path, t.Name.Local)
			return x.node(t), path, nil
		case xml.EndElement:
			x.path = x.path[:len(x.path)-1]
		}
	}
}

// Read reads the rest of an element that Next began.
func (x *XML) Read(n *Node) error {
	room := x.limits.Element
	err := x.read(n, &room)
	x.path = x.path[:len(x.path)-1]
	return err
}

func (x *XML) read(n *Node, room *int) error {
	var text strings.Builder
	for {
		token, err := x.token()
		if err == io.EOF { //nolint:errorlint // token returns it as it is
			err = x.fail(n.Name, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(x.path) == x.limits.Depth {
				return x.tooDeep()
			}
			child := x.node(t)
			n.Children = append(n.Children, child)
			x.path = append(x.path, child.Name)
			*room -= 64
			err := x.read(child, room)
			x.path = x.path[:len(x.path)-1]
			if err != nil {
				return err
			}
		case xml.EndElement:
			n.Text = strings.TrimSpace(text.String())
			return nil
		case xml.CharData:
			*room -= len(t)
			text.Write(t)
		}
		if *room < 0 {
			return x.fail(n.Name, fmt.Errorf("%w: one element of more than %d bytes", ErrTooLarge, x.limits.Element))
		}
	}
}

func (x *XML) node(t xml.StartElement) *Node {
	n := &Node{Name: t.Name.Local, Line: x.Line()}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		if n.Attrs == nil {
			n.Attrs = make(map[string]string, len(t.Attr))
		}
		n.Attrs[a.Name.Local] = a.Value
	}
	return n
}

// token is the next token that is well formed and not too deep. Its error is io.EOF or an *Error.
func (x *XML) token() (xml.Token, error) {
	t, err := x.dec.Token()
	if err == io.EOF { //nolint:errorlint // the decoder returns it as it is
		return nil, io.EOF
	}
	if err != nil {
		return nil, x.fail("", err)
	}
	switch d := t.(type) {
	case xml.Directive:
		if bytes.HasPrefix(bytes.ToUpper(bytes.TrimSpace(d)), []byte("DOCTYPE")) {
			return nil, x.fail("", ErrDoctype)
		}
	case xml.StartElement:
		if len(x.path) >= x.limits.Depth {
			return nil, x.tooDeep()
		}
	}
	return t, nil
}

func (x *XML) tooDeep() error {
	return x.fail("", fmt.Errorf("%w: elements more than %d deep", ErrTooLarge, x.limits.Depth))
}

// Line is the line that reading has come to, counted from 1.
func (x *XML) Line() int {
	line, _ := x.dec.InputPos()
	return line
}

// fail makes an *Error of what is wrong at the line that reading has come to.
func (x *XML) fail(what string, err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, ErrTooLarge) || errors.Is(err, ErrDoctype):
	case errors.As(err, &syntax):
		err = fmt.Errorf("%w: %s", ErrMalformed, syntax.Msg)
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasPrefix(err.Error(), "xml: "):
		err = fmt.Errorf("%w: %s", ErrMalformed, strings.TrimPrefix(err.Error(), "xml: "))
	}
	return &Error{File: x.file, Line: x.Line(), What: what, Err: err}
}

// WrongRoot is the error of a file whose root is another element than those that it could have.
func (x *XML) WrongRoot(n *Node, want ...string) error {
	return &Error{File: x.file, Line: n.Line, What: "root", Value: n.Name, Err: ErrWrongRoot, Hint: "one of " + strings.Join(want, " ")}
}

// Child is the text of the first child of a name, and whether there is one.
func (n *Node) Child(name string) (string, bool) {
	for _, c := range n.Children {
		if c.Name == name {
			return c.Text, true
		}
	}
	return "", false
}
