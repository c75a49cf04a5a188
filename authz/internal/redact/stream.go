package redact

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/crmauthz/crmauthz/model"
)

// What values are refused for.
var (
	ErrShape = errors.New("redact: no record")
	ErrDepth = errors.New("redact: nested too deeply")
)

// maxDepth is how deeply values may be nested.
const maxDepth = 1000

// malformed is what is wrong with JSON. That of encoding/json quotes from the
// value, so it is told by errors.Is and errors.As alone.
type malformed struct {
	at  int64 // the bytes before what is wrong
	err error
}

func (m *malformed) Error() string { return fmt.Sprintf("redact: malformed JSON after byte %d", m.at) }

func (m *malformed) Unwrap() error { return m.err }

// Stream writes the records that it reads as far as the levels of their fields
// allow: members that are hidden are left out, and of masked ones is written what
// their mask shows. It reads objects, or arrays of them, one after the other, and
// writes each as a line. It never holds more than one field of one record. What
// is at fault ends it; what came before has been written.
func (s *Shape) Stream(ctx context.Context, w io.Writer, r io.Reader, levels []model.FieldLevel) error {
	f := &filter{view: view{shape: s, levels: levels}, ctx: ctx, w: w}
	f.read(bufio.NewReaderSize(&waiter{r, f.flush}, 32<<10))
	err := f.documents()
	if lost := f.flush(); err == nil {
		err = lost
	}
	return err
}

// AppendFiltered appends one record, or an array of them, as Stream writes it.
func (s *Shape) AppendFiltered(dst, raw []byte, levels []model.FieldLevel) ([]byte, error) {
	return s.appendFiltered(dst, raw, s.root, levels)
}

// appendFiltered appends a JSON value that lies at a place; null, if nothing of
// it is shown.
func (s *Shape) appendFiltered(dst, raw []byte, at *place, levels []model.FieldLevel) ([]byte, error) {
	f := &filter{view: view{shape: s, levels: levels}, ctx: context.Background(), out: dst}
	f.read(bytes.NewReader(raw))
	shown, err := f.value(at)
	if err != nil {
		return nil, f.inside(err)
	}
	if _, err := f.token(); err == nil {
		return nil, fmt.Errorf("%w: more than one value", ErrShape)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !shown {
		f.put("null")
	}
	return f.out, nil
}

// filter reads JSON and writes what is shown of it.
type filter struct {
	view
	ctx     context.Context
	tape    *tape
	dec     *json.Decoder
	w       io.Writer // nil: all stays in out
	lost    error     // of w
	out     []byte    // what w has not been given yet
	pending []byte    // what goes before the next value, if that is shown
	leaf    json.RawMessage
}

// read has f read from r.
func (f *filter) read(r io.Reader) {
	f.tape = &tape{in: r}
	f.dec = json.NewDecoder(f.tape)
	f.dec.UseNumber()
}

// flush gives w what it has not been given yet. Behind a failed write nothing is
// written, as there would be a gap.
func (f *filter) flush() error {
	if f.w != nil && f.lost == nil && len(f.out) > 0 {
		_, f.lost = f.w.Write(f.out)
		f.out = f.out[:0]
	}
	return f.lost
}

// put writes s, and before it what is pending.
func (f *filter) put(s string) {
	f.out = append(append(f.out, f.pending...), s...)
	f.pending = f.pending[:0]
}

// documents filters all that is there, a line for each.
func (f *filter) documents() error {
	for {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		_, err := f.value(f.shape.root)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.put("\n")
	}
}

// value filters the next value, which lies at a place, and tells whether any of it is
// shown. Its error is io.EOF if there is none.
func (f *filter) value(at *place) (shown bool, err error) {
	top := at == f.shape.root
	if f.one(at) {
		if err := f.dec.Decode(&f.leaf); err != nil {
			return false, f.failed(err)
		}
		f.tape.cut(f.dec.InputOffset())
		return f.scalar(at.field, f.leaf)
	}
	text, err := f.token()
	if err != nil {
		return false, err
	}
	switch {
	case !top && !f.shows(at):
		return false, f.skip(text[0])
	case text[0] == '{':
		return true, f.inside(f.object(at))
	case text[0] == '[':
		return true, f.inside(f.array(at))
	case text[0] == 'n':
		f.put("null")
		return true, nil
	case top:
		return false, fmt.Errorf("%w: byte %d", ErrShape, f.dec.InputOffset())
	}
	return f.scalar(at.field, text)
}

// scalar shows what cannot be taken apart. Where all ends in the midst of a record, a
// number may be but the beginning of one.
func (f *filter) scalar(field int, raw []byte) (bool, error) {
	if f.tape.torn() {
		return false, io.EOF
	}
	return f.show(field, raw), nil
}

// object filters the members of an object that lies at a place.
func (f *filter) object(at *place) error {
	f.put("{")
	separator := ""
	for f.dec.More() {
		text, name, err := f.name()
		if err != nil {
			return err
		}
		f.pending = append(append(append(f.pending[:0], separator...), text...), ':')
		shown, err := f.value(at.at(name))
		f.pending = f.pending[:0]
		if err != nil {
			return err
		}
		if shown {
			separator = ","
		}
	}
	return f.end("}")
}

// array filters the elements of an array, each of which lies at the array's place. One
// that is hidden leaves null, so that the others stay where they are.
func (f *filter) array(at *place) error {
	f.put("[")
	separator := ""
	for f.dec.More() {
		if at == f.shape.root {
			if err := f.ctx.Err(); err != nil {
				return err
			}
		}
		f.pending = append(f.pending[:0], separator...)
		shown, err := f.value(at)
		if err != nil {
			return err
		}
		if !shown {
			f.put("null")
		}
		separator = ","
	}
	return f.end("]")
}

// end reads and writes the bracket that is to come.
func (f *filter) end(bracket string) error {
	if _, err := f.token(); err != nil {
		return err
	}
	f.put(bracket)
	return nil
}

// skip reads the rest of a value that begins with c.
func (f *filter) skip(c byte) error {
	depth := 0
	for {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			return nil
		}
		text, err := f.token()
		if err != nil {
			return f.inside(err)
		}
		c = text[0]
	}
}

// show writes what a field's level lets be seen of its value.
func (f *filter) show(field int, raw []byte) bool {
	switch f.level(field) {
	case model.FieldRead, model.FieldWrite:
	case model.FieldMasked:
		if raw = f.maskedText(field, raw); raw == nil {
			return false
		}
	default:
		return false
	}
	f.put("")
	out := bytes.NewBuffer(f.out)
	err := json.Compact(out, raw)
	f.out = out.Bytes()
	return err == nil
}

// maskedText is what a field's mask shows of its value. Nil is nothing.
func (f *filter) maskedText(field int, raw []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil {
		return nil
	}
	if value = f.shape.fields[field].Mask.Apply(value); value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}

// token reads the next bracket, name or value, and returns its text until the next.
func (f *filter) token() ([]byte, error) {
	text, _, err := f.next()
	return text, err
}

// name reads a member's name.
func (f *filter) name() (text []byte, name string, err error) {
	text, token, err := f.next()
	if err != nil {
		return nil, "", err
	}
	name, isName := token.(string)
	if !isName {
		return nil, "", ErrShape
	}
	return text, name, nil
}

func (f *filter) next() ([]byte, json.Token, error) {
	token, err := f.dec.Token()
	if err != nil {
		return nil, nil, f.failed(err)
	}
	text := bytes.Trim(f.tape.cut(f.dec.InputOffset()), " \t\r\n,:")
	if len(text) == 0 {
		return nil, nil, ErrShape
	}
	return text, token, nil
}

// failed says where reading went wrong. At the end of all it is io.EOF.
func (f *filter) failed(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return &malformed{f.dec.InputOffset(), err}
	}
	return fmt.Errorf("%w: after byte %d", err, f.dec.InputOffset())
}

// inside is an error in the midst of a value, which must not end there.
func (f *filter) inside(err error) error {
	if errors.Is(err, io.EOF) {
		return f.failed(io.ErrUnexpectedEOF)
	}
	return err
}

// waiter does what is to be done before more is waited for.
type waiter struct {
	r      io.Reader
	before func() error
}

// Read reads on.
func (w *waiter) Read(p []byte) (int, error) {
	if err := w.before(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}

// tape keeps what a decoder has read, as its tokens do not tell how they were
// written, and ends where brackets are nested too deeply.
type tape struct {
	in   io.Reader
	kept []byte // what has been read and not been cut off
	from int64  // the bytes before it
	gone int    // how much of kept has been cut off
	err  error

	depth           int
	quoted, escaped bool
}

// Read reads on.
func (t *tape) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.in.Read(p)
	for i, c := range p[:n] {
		if t.nest(c); t.depth > maxDepth {
			n, err = i, ErrDepth
			break
		}
	}
	t.err = err
	if t.gone > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[t.gone:])]
		t.from, t.gone = t.from+int64(t.gone), 0
	}
	t.kept = append(t.kept, p[:n]...)
	return n, err
}

// nest counts the brackets around c.
func (t *tape) nest(c byte) {
	switch {
	case t.escaped:
		t.escaped = false
	case c == '"':
		t.quoted = !t.quoted
	case t.quoted:
		t.escaped = c == '\\'
	case c == '{', c == '[':
		t.depth++
	case c == '}', c == ']':
		t.depth--
	}
}

// cut cuts off what comes before an offset. It is overwritten by the next Read.
func (t *tape) cut(offset int64) []byte {
	start := t.gone
	t.gone = int(offset - t.from)
	return t.kept[start:t.gone]
}

// torn tells whether nothing follows what has been cut off, though brackets are open.
func (t *tape) torn() bool { return t.err != nil && t.depth > 0 && t.gone == len(t.kept) }
