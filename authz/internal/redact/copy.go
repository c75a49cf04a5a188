package redact

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/crmauthz/crmauthz/model"
)

// Copy is a copy of v in which what the levels hide is gone: a field of a struct has its
// zero value and a key of a map is absent. A masked one has what its mask shows, if
// its type takes that, and is gone otherwise. In a list, what is gone leaves a
// zero value, so that the others stay where they are.
//
// v is a struct, a map, a list of them, a pointer to one or JSON as json.RawMessage;
// ErrShape tells that it is not, and ErrDepth that it is nested too deeply or in
// itself. v is not changed. The copy shares with it what is shown wholly, and the
// unexported fields of structs, of which it knows nothing. It cannot be made if
// v embeds a pointer to a struct of an unexported type, which none but its own
// package can set; that is ErrShape too.
func (s *Shape) Copy(v any, levels []model.FieldLevel) (any, error) {
	if v == nil {
		return nil, nil
	}
	c := &copier{view: view{shape: s, levels: levels}}
	from := reflect.ValueOf(v)
	shown, err := c.value(from, from.Type(), s.root, 0)
	if err != nil {
		return nil, err
	}
	return shown.Interface(), nil
}

// InPlace does to v what Copy does to a copy of it. v is a pointer, a map or a slice, and
// what it points to is replaced; what that points to in turn is not changed, as
// others may have it too. If there is an error, v is emptied, unless ErrShape tells that it
// cannot be changed at all, as a struct by value.
func (s *Shape) InPlace(v any, levels []model.FieldLevel) error {
	at := reflect.ValueOf(v)
	switch at.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if at.IsNil() {
			return nil
		}
	default:
		return fmt.Errorf("%w that can be changed: %s", ErrShape, at.Type())
	}
	shown, err := s.Copy(v, levels)
	if err == nil && at.Kind() == reflect.Slice && reflect.ValueOf(shown).Len() != at.Len() {
		err = fmt.Errorf("%w that can be changed: %s", ErrShape, at.Type()) // JSON, by value
	}
	switch at.Kind() {
	case reflect.Pointer:
		at.Elem().SetZero()
	default:
		at.Clear()
	}
	if err != nil {
		return err
	}
	to := reflect.ValueOf(shown)
	switch at.Kind() {
	case reflect.Pointer:
		at.Elem().Set(to.Elem())
	case reflect.Map:
		for iter := to.MapRange(); iter.Next(); {
			at.SetMapIndex(iter.Key(), iter.Value())
		}
	case reflect.Slice:
		reflect.Copy(at, to)
	}
	return nil
}

// view is what the levels let be seen of values of a shape.
type view struct {
	shape  *Shape
	levels []model.FieldLevel

	last    planKey // the plan that was used last: most lists have records of one type
	planned *plan
}

// level is that of a field; one that a mask is missing for is hidden.
func (w *view) level(field int) model.FieldLevel {
	if uint(field) >= uint(len(w.levels)) || field >= len(w.shape.fields) {
		return model.FieldHidden
	}
	level := w.levels[field]
	if level > model.FieldWrite || level == model.FieldMasked && w.shape.fields[field].Mask == nil {
		return model.FieldHidden
	}
	return level
}

// shows tells whether anything that may lie at a place or below is shown.
func (w *view) shows(at *place) bool {
	if w.level(at.field) != model.FieldHidden {
		return true
	}
	for _, below := range at.below {
		if w.shows(below) {
			return true
		}
	}
	return false
}

// one tells whether one field governs all that lies at a place.
func (w *view) one(at *place) bool { return at.below == nil && at != w.shape.root }

func (w *view) plan(typ reflect.Type, at *place) *plan {
	if w.last.typ != typ || w.last.at != at {
		w.last = planKey{typ, at}
		w.planned = w.shape.plan(typ, at)
	}
	return w.planned
}

// masked is what a field's mask shows of a value. Nil is nothing.
func (w *view) masked(v reflect.Value, field int) any {
	return w.shape.fields[field].Mask.Apply(v.Interface())
}

// isBytes tells whether a type is a list of bytes, which is a text as far as
// records go.
func isBytes(typ reflect.Type) bool {
	return (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array) && typ.Elem().Kind() == reflect.Uint8
}

// keyName is the name of a map's key in JSON, or false if it has none.
func keyName(key reflect.Value) (string, bool) {
	if key.Kind() == reflect.String {
		return key.String(), true
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](key); ok {
		if key.Kind() == reflect.Pointer && key.IsNil() {
			return "", true
		}
		text, err := m.MarshalText()
		return string(text), err == nil
	}
	switch {
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10), true
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10), true
	}
	return "", false
}

// copier makes copies.
type copier struct{ view }

// gone is what is not shown.
var gone reflect.Value

// value is what is shown of v, which lies at a place, for a variable of a type.
func (c *copier) value(v reflect.Value, typ reflect.Type, at *place, depth int) (reflect.Value, error) {
	switch {
	case depth > maxDepth:
		return gone, ErrDepth
	case c.one(at):
		return c.leaf(v, typ, at.field), nil
	case at != c.shape.root && !c.shows(at):
		return gone, nil
	}
	depth++
	switch v.Kind() {
	case reflect.Pointer:
		return c.pointer(v, at, depth)
	case reflect.Interface:
		if v.IsNil() {
			return v, nil
		}
		return c.value(v.Elem(), typ, at, depth)
	case reflect.Struct:
		if p := c.plan(v.Type(), at); len(p.fields) > 0 || at == c.shape.root {
			return c.fields(v, p, depth)
		}
	case reflect.Map:
		return c.keys(v, at, depth)
	case reflect.Slice, reflect.Array:
		if !isBytes(v.Type()) {
			return c.elements(v, at, depth)
		}
		if isJSON(v.Type()) {
			return c.raw(v, at)
		}
	}
	if at == c.shape.root {
		return gone, fmt.Errorf("%w: %s", ErrShape, v.Type())
	}
	return c.leaf(v, typ, at.field), nil
}

var jsonMarshaler = reflect.TypeFor[json.Marshaler]()

// isJSON tells whether values of a type are JSON: bytes that write it themselves.
func isJSON(typ reflect.Type) bool {
	return typ.Kind() == reflect.Slice && isBytes(typ) && reflect.PointerTo(typ).Implements(jsonMarshaler)
}

// leaf is what a field's level lets be seen of all that it governs.
func (c *copier) leaf(v reflect.Value, typ reflect.Type, field int) reflect.Value {
	switch c.level(field) {
	case model.FieldRead, model.FieldWrite:
		return v
	case model.FieldMasked:
		return fit(c.masked(v, field), typ)
	}
	return gone
}

func (c *copier) pointer(v reflect.Value, at *place, depth int) (reflect.Value, error) {
	if v.IsNil() {
		return v, nil
	}
	elem := v.Elem()
	shown, err := c.value(elem, elem.Type(), at, depth)
	if err != nil || !shown.IsValid() {
		return gone, err
	}
	to := reflect.New(elem.Type())
	to.Elem().Set(shown)
	return to.Convert(v.Type()), nil
}

func (c *copier) fields(v reflect.Value, p *plan, depth int) (reflect.Value, error) {
	to := reflect.New(v.Type()).Elem()
	to.Set(v)
	for _, index := range p.pointers {
		embedded, err := to.FieldByIndexErr(index)
		if err != nil || embedded.IsNil() {
			continue
		}
		if !embedded.CanSet() {
			return gone, fmt.Errorf("%w: %s embeds %s", ErrShape, v.Type(), embedded.Type())
		}
		its := reflect.New(embedded.Type().Elem())
		its.Elem().Set(embedded.Elem())
		embedded.Set(its)
	}
	for i := range p.fields {
		m := &p.fields[i]
		if c.one(m.at) && c.level(m.at.field) >= model.FieldRead {
			continue
		}
		field, err := to.FieldByIndexErr(m.index)
		if err != nil {
			continue // of an embedded pointer that is nil
		}
		shown, err := c.value(field, field.Type(), m.at, depth)
		if err != nil {
			return gone, err
		}
		if shown.IsValid() {
			field.Set(shown)
		} else {
			field.SetZero()
		}
	}
	return to, nil
}

func (c *copier) keys(v reflect.Value, at *place, depth int) (reflect.Value, error) {
	if v.IsNil() {
		return v, nil
	}
	to := reflect.MakeMap(v.Type())
	for iter := v.MapRange(); iter.Next(); {
		name, ok := keyName(iter.Key())
		if !ok {
			continue
		}
		shown, err := c.value(iter.Value(), v.Type().Elem(), at.at(name), depth)
		if err != nil {
			return gone, err
		}
		if shown.IsValid() {
			to.SetMapIndex(iter.Key(), shown)
		}
	}
	return to, nil
}

func (c *copier) elements(v reflect.Value, at *place, depth int) (reflect.Value, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return v, nil
	}
	to := reflect.New(v.Type()).Elem()
	if v.Kind() == reflect.Slice {
		to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
	}
	for i := range v.Len() {
		shown, err := c.value(v.Index(i), v.Type().Elem(), at, depth)
		if err != nil {
			return gone, err
		}
		if shown.IsValid() {
			to.Index(i).Set(shown)
		}
	}
	return to, nil
}

// raw is what is shown of JSON.
func (c *copier) raw(v reflect.Value, at *place) (reflect.Value, error) {
	if v.Len() == 0 {
		return v, nil
	}
	text, err := c.shape.appendFiltered(nil, v.Bytes(), at, c.levels)
	if err != nil {
		return gone, err
	}
	return reflect.ValueOf(text).Convert(v.Type()), nil
}

// fit is what a mask shows as a value for a variable of a type: itself, if it
// can be assigned, a text for texts, a number for numbers that are equal to it, its
// JSON for JSON, or a pointer to such. Otherwise it is gone.
func fit(shown any, typ reflect.Type) reflect.Value {
	if shown == nil {
		return gone
	}
	v := reflect.ValueOf(shown)
	switch {
	case v.Type().AssignableTo(typ):
		return v
	case typ.Kind() == reflect.Pointer:
		elem := fit(shown, typ.Elem())
		if !elem.IsValid() {
			return gone
		}
		to := reflect.New(typ.Elem())
		to.Elem().Set(elem)
		return to.Convert(typ)
	case typ == rawType:
		text, err := json.Marshal(shown)
		if err != nil {
			return gone
		}
		return reflect.ValueOf(json.RawMessage(text))
	case typ == numberType:
		return gone // encoding/json writes one that is not a number as an error
	case v.Kind() == typ.Kind() && (v.Kind() == reflect.String || v.Kind() == reflect.Bool):
		return v.Convert(typ)
	case isNumber(v.Kind()) && isNumber(typ.Kind()):
		return exactly(v, typ)
	}
	return gone
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }

// exactly is a number as one of another type, if that has it.
func exactly(v reflect.Value, typ reflect.Type) reflect.Value {
	to := v.Convert(typ)
	const whole = 1 << 53 // up to here, floats have all whole numbers
	if v.CanFloat() != to.CanFloat() && !(math.Abs(asFloat(v)) <= whole) {
		return gone
	}
	if !to.Convert(v.Type()).Equal(v) || (asFloat(to) < 0) != (asFloat(v) < 0) {
		return gone
	}
	return to
}

func asFloat(v reflect.Value) float64 { return v.Convert(reflect.TypeFor[float64]()).Float() }
