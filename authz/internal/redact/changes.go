package redact

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Change is a place that is written.
type Change struct {
	Field int    // that governs it; -1: no field of the schema does
	Path  string // such as address.city; elements of lists share their list's
}

// Changed tells in which places two values of a record differ. Each is a
// struct, a map or a JSON object, and they need not be alike: values are
// compared by what they mean. What is absent is equal to null. Where several fields govern a value
// with unexported fields, it is compared by the JSON that it writes itself, too, or else as a whole.
func (s *Shape) Changed(before, after any) ([]Change, error) {
	a, err := recordOf(before)
	if err != nil {
		return nil, err
	}
	b, err := recordOf(after)
	if err != nil {
		return nil, err
	}
	c := &changes{view: view{shape: s}, found: map[Change]bool{}}
	if err := c.compare(part{v: a}, part{v: b}, s.root, "", 0); err != nil {
		return nil, err
	}
	return c.sorted(), nil
}

// Set tells which places a new record has values in: fields of structs that are
// not zero, and all keys of maps and of JSON objects.
func (s *Shape) Set(v any) ([]Change, error) { return s.places(v, false) }

// Patched tells which places a patch writes that is merged into a record as RFC
// 7396 says: all that it has values in, zero fields of structs among them unless JSON leaves
// them out, and, since a list takes the place of the one that was there, all that lies below a list.
func (s *Shape) Patched(v any) ([]Change, error) { return s.places(v, true) }

func (s *Shape) places(v any, patch bool) ([]Change, error) {
	r, err := recordOf(v)
	if err != nil {
		return nil, err
	}
	c := &changes{view: view{shape: s}, found: map[Change]bool{}, patch: patch}
	if err := c.set(part{v: r}, s.root, "", 0); err != nil {
		return nil, err
	}
	return c.sorted(), nil
}

// Value is what the levels show of a field of a record, and whether it has a value. It
// does not look into lists.
func (s *Shape) Value(v any, field int, levels []model.FieldLevel) (any, bool, error) {
	r, err := recordOf(v)
	if err != nil || field < 0 || field >= len(s.fields) {
		return nil, false, err
	}
	at := s.root
	for name := range strings.SplitSeq(s.fields[field].Name, ".") {
		if !isRecord(r) {
			return nil, false, nil
		}
		parts, err := s.parts(r, at)
		if err != nil {
			return nil, false, err
		}
		p := parts[name]
		if !p.v.IsValid() || p.unnamed {
			return nil, false, nil
		}
		if r, err = strip(p.v); err != nil {
			return nil, false, err
		}
		at = at.at(name)
	}
	if !r.IsValid() {
		return nil, true, nil
	}
	if !r.CanInterface() {
		return nil, false, nil
	}
	c := &copier{view: view{shape: s, levels: levels}}
	if r, err = c.value(r, r.Type(), at, 0); err != nil || !r.IsValid() {
		return nil, false, err
	}
	return r.Interface(), true, nil
}

// changes collects changes.
type changes struct {
	view
	found map[Change]bool
	patch bool // a list takes the place of another, with all that was in it
	added int  // how often one was found, were it the same
}

func (c *changes) add(at *place, path string) {
	c.found[Change{at.field, path}] = true
	c.added++
}

func (c *changes) sorted() []Change {
	return slices.SortedFunc(maps.Keys(c.found), func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Field, b.Field))
	})
}

// join is the path of a name below a path; that of the record is empty.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// compare adds the places in which two values differ that lie at one.
func (c *changes) compare(a, b part, at *place, path string, depth int) (err error) {
	if depth > maxDepth {
		return ErrDepth
	}
	if a.v, err = strip(a.v); err != nil {
		return err
	}
	if b.v, err = strip(b.v); err != nil {
		return err
	}
	switch {
	case noneOf(a, b):
		return nil
	case c.one(at):
		return c.compareWhole(a, b, at, path, depth)
	}
	if err := c.compareSeen(a, b, at, path, depth); err != nil {
		return err
	}
	return c.compareUnseen(a.v, b.v, at, path, depth)
}

// compareSeen compares by elements and members, and what has none as a whole.
func (c *changes) compareSeen(a, b part, at *place, path string, depth int) error {
	switch {
	case isList(a.v) && isList(b.v) && a.v.Len() == b.v.Len():
		for i := range a.v.Len() {
			if err := c.compare(part{v: a.v.Index(i)}, part{v: b.v.Index(i)}, at, path, depth+1); err != nil {
				return err
			}
		}
		return nil
	case isRecord(a.v) && (isRecord(b.v) || !b.v.IsValid()), isRecord(b.v) && !a.v.IsValid():
		return c.compareParts(a, b, at, path, depth)
	case isList(a.v), isList(b.v), isRecord(a.v), isRecord(b.v):
		c.add(at, path)
		if err := c.set(part{v: a.v}, at, path, depth); err != nil {
			return err
		}
		return c.set(part{v: b.v}, at, path, depth)
	}
	return c.compareWhole(a, b, at, path, depth)
}

func (c *changes) compareWhole(a, b part, at *place, path string, depth int) error {
	equal, err := c.shape.equal(a, b, depth)
	if err == nil && !equal {
		c.add(at, path)
	}
	return err
}

// compareParts compares two records, one of which may be absent: then it is like one
// without members, but that an empty one is not the same.
func (c *changes) compareParts(a, b part, at *place, path string, depth int) error {
	parts, err := c.shape.pairs(a.v, b.v, at)
	if err != nil {
		return err
	}
	added := c.added
	for _, pair := range parts {
		a, b := pair[0], pair[1]
		below := a.at
		if below == nil || b.unnamed {
			below = b.at
		}
		if err := c.compare(a, b, below, join(path, cmp.Or(a.name, b.name)), depth+1); err != nil {
			return err
		}
	}
	if a.v.IsValid() != b.v.IsValid() && c.added == added {
		c.add(at, path)
	}
	return nil
}

// set adds the places that a value at a place has values in, or that place itself.
func (c *changes) set(p part, at *place, path string, depth int) error {
	if depth > maxDepth {
		return ErrDepth
	}
	if !p.v.IsValid() || p.ofStruct && p.v.IsZero() && (p.omitted || !c.patch) {
		return nil
	}
	v, err := strip(p.v)
	if err != nil {
		return err
	}
	added := c.added
	switch {
	case c.one(at):
	case isRecord(v):
		if err := c.setParts(v, at, path, depth); err != nil {
			return err
		}
	case isList(v):
		if c.patch {
			c.addBelow(at, path)
		}
		for i := range v.Len() {
			if err := c.set(part{v: v.Index(i)}, at, path, depth+1); err != nil {
				return err
			}
		}
	}
	if !c.one(at) {
		if err := c.setUnseen(v, at, path, depth); err != nil {
			return err
		}
	}
	if c.added == added && at != c.shape.root {
		c.add(at, path)
		if !isRecord(v) {
			c.addBelow(at, path)
		}
	}
	return nil
}

func (c *changes) setParts(v reflect.Value, at *place, path string, depth int) error {
	parts, err := c.shape.parts(v, at)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := c.set(p, p.at, join(path, p.name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// addBelow adds all places below one. What is no record has nothing there, and a patch
// with it takes away what was.
func (c *changes) addBelow(at *place, path string) {
	for name, below := range at.below {
		c.add(below, join(path, name))
		c.addBelow(below, join(path, name))
	}
}

// part is a member of a record. The zero part is none.
type part struct {
	v        reflect.Value
	at       *place
	name     string
	unnamed  bool // the schema has no name for it
	shadowed bool // another field of its struct has the name outside Go
	ofStruct bool // it is there always: it is not set if it is zero
	omitted  bool // JSON leaves it out, as it is empty
	quoted   bool // JSON has it in a string
}

// noneOf tells whether neither of two parts has a value in JSON.
func noneOf(a, b part) bool {
	switch {
	case a.v.IsValid() && b.v.IsValid():
		return false
	case a.v.IsValid():
		return a.omitted
	case b.v.IsValid():
		return b.omitted
	}
	return true
}

// pairs has the parts of two records that have the same name. What is shadowed has its
// like in a value of the same type only.
func (s *Shape) pairs(a, b reflect.Value, at *place) (map[string][2]part, error) {
	alike := !a.IsValid() || !b.IsValid() || a.Type() == b.Type()
	pairs := map[string][2]part{}
	for i, v := range []reflect.Value{a, b} {
		parts, err := s.parts(v, at)
		if err != nil {
			return nil, err
		}
		for key, p := range parts {
			if alike || !p.shadowed {
				pair := pairs[key]
				pair[i] = p
				pairs[key] = pair
			}
		}
	}
	return pairs, nil
}

// parts is the members of a record that lies at a place, by their names.
func (s *Shape) parts(v reflect.Value, at *place) (map[string]part, error) {
	parts := map[string]part{}
	switch v.Kind() {
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			name := keyText(iter.Key())
			if _, twice := parts[name]; twice {
				return nil, errTwice
			}
			parts[name] = part{v: iter.Value(), at: at.at(name), name: name}
		}
	case reflect.Struct:
		for _, m := range outerFirst(s.plan(v.Type(), at).fields) {
			p, key := partOf(v, m), ""
			if key = p.name; parts[key].ofStruct {
				key += fmt.Sprint("\x00", m.index)
				p.shadowed = true
			}
			parts[key] = p
		}
	}
	return parts, nil
}

func outerFirst(members []member) []member {
	return slices.SortedStableFunc(slices.Values(members), func(a, b member) int { return cmp.Compare(len(a.index), len(b.index)) })
}

// partOf is a field of a struct. What has no name for the schema is told by one that people know.
func partOf(v reflect.Value, m member) part {
	p := part{at: m.at, name: m.name, ofStruct: true, quoted: m.quoted}
	if m.name == "" {
		p.at, p.unnamed = nowhere, true
		p.name = cmp.Or(m.json, v.Type().FieldByIndex(m.index).Name)
	}
	field, err := v.FieldByIndexErr(m.index)
	if err != nil { // It is in an embedded pointer that is nil.
		return p
	}
	p.v = field
	p.omitted = m.omitEmpty && isEmpty(field) || m.omitZero && field.CanInterface() && m.isZero(field)
	return p
}

// keyText is a map's key as JSON has it, or a text of its own.
func keyText(key reflect.Value) string {
	for key.Kind() == reflect.Interface && !key.IsNil() {
		key = key.Elem()
	}
	if key.Kind() == reflect.String {
		return key.String()
	}
	if key.CanInterface() {
		if name, ok := keyName(key); ok {
			return name
		}
	}
	return fmt.Sprintf("%#v", key)
}

// isEmpty tells whether encoding/json's omitempty leaves a value out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// isRecord tells whether a value has members.
func isRecord(v reflect.Value) bool {
	return v.Kind() == reflect.Map || v.Kind() == reflect.Struct && !v.Type().ConvertibleTo(timeType)
}

// isList tells whether a value has elements. Bytes are a text.
func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Array || v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8
}

// errTwice: it cannot be told which of two members would be written.
var errTwice = fmt.Errorf("%w: a name is there twice", ErrShape)

var (
	timeType   = reflect.TypeFor[time.Time]()
	numberType = reflect.TypeFor[json.Number]()
	rawType    = reflect.TypeFor[json.RawMessage]()
)

// recordOf is the record that v is, points to or has as JSON.
func recordOf(v any) (reflect.Value, error) {
	at := reflect.ValueOf(v)
	switch at.Kind() {
	case reflect.Slice:
		if at.CanConvert(rawType) {
			at = at.Convert(rawType)
		}
	case reflect.Map:
		if at.IsNil() {
			return reflect.MakeMap(at.Type()), nil
		}
	}
	at, err := strip(at)
	if err != nil {
		return reflect.Value{}, err
	}
	if !isRecord(at) {
		return reflect.Value{}, ErrShape
	}
	return at, nil
}

// strip is what v points to or has as JSON; nothing, if that is nil.
func strip(v reflect.Value) (reflect.Value, error) {
	for range maxDepth {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			v = v.Elem()
		case reflect.Slice, reflect.Map:
			if v.IsNil() {
				return reflect.Value{}, nil
			}
			if !isJSON(v.Type()) || v.Type() != rawType && !json.Valid(v.Bytes()) {
				return v, nil
			}
			decoded, err := decode(v.Bytes())
			if err != nil {
				return reflect.Value{}, err
			}
			v = reflect.ValueOf(decoded)
		default:
			return v, nil
		}
	}
	return reflect.Value{}, ErrDepth
}
