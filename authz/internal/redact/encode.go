package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// ErrEncode tells that a value cannot be written as JSON. It does not say why, as that
// would show something of the value.
var ErrEncode = errors.New("redact: there is no JSON for a value")

// AppendJSON appends the JSON of v as encoding/json writes it, but without what the levels
// hide, and with what masks show of what they mask. In a list, what is hidden leaves
// null. v is as for Copy; a type that writes its JSON itself does so before this is
// filtered, by the names that it has there and by what the fields of the type are called.
// If there is an error, nothing is returned.
func (s *Shape) AppendJSON(dst []byte, v any, levels []model.FieldLevel) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	e := &encoder{view{shape: s, levels: levels}}
	dst, _, err := e.value(dst, reflect.ValueOf(v), s.root, 0)
	if err != nil {
		return nil, err
	}
	return dst, nil
}

// encoder writes JSON. Its methods tell whether anything was to be shown; if not,
// what they return is of no use.
type encoder struct{ view }

// value appends what is shown of v, which lies at a place.
func (e *encoder) value(dst []byte, v reflect.Value, at *place, depth int) ([]byte, bool, error) {
	switch {
	case depth > maxDepth:
		return nil, false, ErrDepth
	case e.one(at):
		return e.leaf(dst, v, at.field)
	case at != e.shape.root && !e.shows(at):
		return dst, false, nil
	}
	depth++
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), true, nil
		}
		return e.value(dst, v.Elem(), at, depth)
	case reflect.Struct:
		p := e.plan(v.Type(), at)
		switch {
		case p.own.by(v):
			return e.filtered(dst, v, at, p.written)
		case len(p.fields) > 0 || at == e.shape.root:
			return e.object(dst, v, p, depth)
		}
		return e.leaf(dst, v, at.field)
	}
	if marshalsOf(v.Type()).by(v) {
		return e.filtered(dst, v, at, at)
	}
	switch v.Kind() {
	case reflect.Map:
		return e.keys(dst, v, at, depth)
	case reflect.Slice, reflect.Array:
		if !isBytes(v.Type()) {
			return e.elements(dst, v, at, depth)
		}
	}
	if at == e.shape.root {
		return nil, false, fmt.Errorf("%w: %s", ErrShape, v.Type())
	}
	return e.leaf(dst, v, at.field)
}

// leaf appends what a field's level lets be seen of all that it governs.
func (e *encoder) leaf(dst []byte, v reflect.Value, field int) ([]byte, bool, error) {
	switch e.level(field) {
	case model.FieldRead, model.FieldWrite:
		dst, err := appendAny(dst, v)
		return dst, err == nil, err
	case model.FieldMasked:
		dst, shown := e.appendMasked(dst, v, field)
		return dst, shown, nil
	}
	return dst, false, nil
}

// appendMasked appends what a field's mask shows. What has no JSON is not shown.
func (e *encoder) appendMasked(dst []byte, v reflect.Value, field int) ([]byte, bool) {
	switch shown := e.masked(v, field).(type) {
	case nil:
		return dst, false
	case string:
		return appendText(dst, shown), true
	default:
		text, err := json.Marshal(shown)
		return append(dst, text...), err == nil
	}
}

// filtered appends what is shown of the JSON that v writes itself, with its parts where
// written tells.
func (e *encoder) filtered(dst []byte, v reflect.Value, at, written *place) ([]byte, bool, error) {
	raw, err := appendMarshalled(nil, v)
	if err != nil {
		return nil, false, err
	}
	switch c := raw[0]; {
	case c == '{' && written != at && !e.shows(written):
		return append(dst, "{}"...), at == e.shape.root, nil
	case c == '{' || c == '[':
		dst, err = e.shape.appendFiltered(dst, raw, written, e.levels)
		return dst, err == nil, err
	case c == 'n':
		return append(dst, "null"...), true, nil
	case at == e.shape.root:
		return nil, false, fmt.Errorf("%w: %s", ErrShape, v.Type())
	}
	return e.leaf(dst, v, at.field)
}

func (e *encoder) object(dst []byte, v reflect.Value, p *plan, depth int) ([]byte, bool, error) {
	dst = append(dst, '{')
	start := len(dst)
	for i := range p.encoded {
		m := &p.encoded[i]
		level := model.FieldHidden
		if e.one(m.at) || m.simple == (simple{scalar: true}) {
			level = e.level(m.at.field)
			if level == model.FieldHidden || m.part && level == model.FieldMasked {
				continue
			}
		}
		field := m.of(v)
		if !field.IsValid() || m.omitEmpty && isEmpty(field) || m.omitZero && m.isZero(field) {
			continue
		}
		before := len(dst)
		if before > start {
			dst = append(dst, ',')
		}
		dst = append(dst, m.prefix...)
		shown, err := true, error(nil)
		if level >= model.FieldRead {
			dst, err = m.simple.append(dst, field, m.quoted)
		} else {
			dst, shown, err = e.value(dst, field, m.at, depth)
		}
		if err != nil {
			return nil, false, err
		}
		if !shown {
			dst = dst[:before]
		}
	}
	return append(dst, '}'), true, nil
}

// of is the field of a struct; nothing, if it is in an embedded pointer that is nil.
func (m *member) of(v reflect.Value) reflect.Value {
	if len(m.index) == 1 {
		return v.Field(m.index[0])
	}
	field, err := v.FieldByIndexErr(m.index)
	if err != nil {
		return reflect.Value{}
	}
	return field
}

func (e *encoder) keys(dst []byte, v reflect.Value, at *place, depth int) ([]byte, bool, error) {
	if v.IsNil() {
		return append(dst, "null"...), true, nil
	}
	type entry struct {
		name  string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		name, ok := keyName(iter.Key())
		if below := at.at(name); ok && (!e.one(below) || e.level(below.field) != model.FieldHidden) {
			entries = append(entries, entry{name, iter.Value()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	start := len(dst)
	for _, entry := range entries {
		before := len(dst)
		if before > start {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, entry.name), ':')
		shown, err := false, error(nil)
		if dst, shown, err = e.value(dst, entry.value, at.at(entry.name), depth); err != nil {
			return nil, false, err
		}
		if !shown {
			dst = dst[:before]
		}
	}
	return append(dst, '}'), true, nil
}

func (e *encoder) elements(dst []byte, v reflect.Value, at *place, depth int) ([]byte, bool, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return append(dst, "null"...), true, nil
	}
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		before := len(dst)
		shown, err := false, error(nil)
		if dst, shown, err = e.value(dst, v.Index(i), at, depth); err != nil {
			return nil, false, err
		}
		if !shown {
			dst = append(dst[:before], "null"...)
		}
	}
	return append(dst, ']'), true, nil
}

// simple tells how values of a type are written without encoding/json.
type simple struct {
	scalar  bool // by their kind
	time    bool
	pointer bool // a pointer to such
	own     bool // what has an address writes its JSON itself
}

// simpleOf tells it of a type.
func simpleOf(typ reflect.Type) simple {
	if typ.Kind() == reflect.Pointer && typ.Name() == "" {
		to := simpleOf(typ.Elem())
		if to.pointer || to.own {
			return simple{}
		}
		to.pointer = to.scalar || to.time
		return to
	}
	own := marshalsOf(typ)
	return simple{
		scalar: isScalar(typ.Kind()) && typ != numberType && !own.value,
		time:   typ == timeType,
		own:    own.pointer && typ != timeType,
	}
}

func isScalar(k reflect.Kind) bool {
	return k == reflect.Bool || k == reflect.String || isNumber(k)
}

// append appends a value of the type.
func (s simple) append(dst []byte, v reflect.Value, quoted bool) ([]byte, error) {
	if s.pointer {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		v = v.Elem()
	}
	switch {
	case s.time:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return appendTime(dst, t)
		}
	case s.scalar && !(s.own && v.CanAddr()):
		if quoted {
			return appendQuoted(dst, v)
		}
		return appendScalar(dst, v)
	case quoted && isJSONNumber(v):
		return appendQuoted(dst, v)
	}
	return appendAny(dst, v)
}

func isJSONNumber(v reflect.Value) bool {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v.Type() == numberType
}

// appendAny appends all of a value.
func appendAny(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	if typ := v.Type(); typ.PkgPath() == "" && isScalar(typ.Kind()) {
		return appendScalar(dst, v)
	}
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return appendTime(dst, t)
	}
	return appendMarshalled(dst, v)
}

// appendMarshalled appends what encoding/json writes.
func appendMarshalled(dst []byte, v reflect.Value) ([]byte, error) {
	if v.CanAddr() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Map {
		v = v.Addr() // so as not to copy it, and as its methods may need it
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, fmt.Errorf("%w of type %s", ErrEncode, v.Type())
	}
	return append(dst, text...), nil
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	dst, err := t.AppendText(append(dst, '"'))
	if err != nil {
		return nil, fmt.Errorf("%w of type %s", ErrEncode, timeType)
	}
	return append(dst, '"'), nil
}

// appendScalar appends a value whose kind is all that counts.
func appendScalar(dst []byte, v reflect.Value) ([]byte, error) {
	switch {
	case v.Kind() == reflect.String:
		return appendText(dst, v.String()), nil
	case v.Kind() == reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case v.CanInt():
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case v.CanUint():
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case v.CanFloat():
		return appendFloat(dst, v.Float(), v.Type().Bits())
	}
	return appendMarshalled(dst, v)
}

// appendQuoted appends a scalar as text.
func appendQuoted(dst []byte, v reflect.Value) ([]byte, error) {
	if isJSONNumber(v) {
		dst, err := appendMarshalled(append(dst, '"'), v)
		if err != nil {
			return nil, err
		}
		return append(dst, '"'), nil
	}
	text, err := appendScalar(nil, v)
	if err != nil {
		return nil, err
	}
	return appendText(dst, string(text)), nil
}

func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("%w of type float%d", ErrEncode, bits)
	}
	format, abs := byte('f'), math.Abs(f)
	least, most := 1e-6, 1e21
	if bits == 32 {
		least, most = float64(float32(1e-6)), float64(float32(1e21))
	}
	if abs != 0 && (abs < least || abs >= most) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is written e-9
		dst = dst[:n-1]
	}
	return dst, nil
}

// appendText appends a text as encoding/json writes it.
func appendText(dst []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendEscaped(dst, s)
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && (!utf8.ValidString(s) || strings.ContainsAny(s, "\u2028\u2029")) {
		return appendEscaped(dst, s)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendEscaped appends a text with what has to be escaped.
func appendEscaped(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, text...)
}
