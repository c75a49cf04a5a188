package redact

import (
	"cmp"
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// plan is the fields of a struct type, as they lie at a place.
type plan struct {
	fields   []member // in the order of their indexes
	encoded  []member // those that are in JSON, in its order
	pointers [][]int  // embedded pointers, outer before inner ones
	unseen   bool     // there is an unexported field: the fields are not all that a value has
	own      marshals
	written  *place // where what it writes itself lies
}

// opaque tells whether all that a value has is in unexported fields.
func (p *plan) opaque() bool { return p.unseen && len(p.fields) == 0 }

// member is an exported field of a struct, or of one embedded in it.
type member struct {
	index     []int  // for reflect.Value.FieldByIndexErr
	name      string // its name for the schema; empty: it has none, and is hidden
	json      string // its name in JSON; empty: it is not in it
	omitEmpty bool
	omitZero  bool
	quoted    bool // json:",string"
	at        *place

	part   bool   // of an embedded struct that a field governs as a whole, and a mask is for
	tagged bool   // its name in JSON is from its tag
	prefix []byte // its name in JSON, quoted, and a colon
	isZero func(reflect.Value) bool
	simple simple
}

type planKey struct {
	typ reflect.Type
	at  *place
}

// nowhere is the place of what has no name for the schema.
var nowhere = func() *place {
	p := &place{field: none}
	p.inherit()
	return p
}()

// plan is that of a struct type whose values lie at a place.
func (s *Shape) plan(typ reflect.Type, at *place) *plan {
	key := planKey{typ, at}
	if p, ok := s.plans.Load(key); ok {
		return p.(*plan)
	}
	w := &planner{}
	w.walk(typ, spot{at: at, inJSON: true, inSchema: true})
	p := &plan{
		fields:   w.fields,
		encoded:  dominant(w.encoded),
		pointers: w.pointers,
		unseen:   w.unseen,
		own:      marshalsOf(typ),
		written:  at,
	}
	if p.own.value || p.own.pointer {
		p.written = s.placeWritten(typ, at, p)
	}
	stored, _ := s.plans.LoadOrStore(key, p)
	return stored.(*plan)
}

// placeWritten is the place with the names in JSON of the fields of a type that writes its
// JSON itself. It need not write them by these names, but where it does, what the schema calls
// otherwise lies elsewhere.
func (s *Shape) placeWritten(typ reflect.Type, at *place, p *plan) *place {
	to := &place{field: at.field, below: map[string]*place{}, other: at.other}
	maps.Copy(to.below, at.below)
	differs := false
	for _, m := range p.encoded {
		below := m.at
		if below.below != nil {
			if inner := elemOf(typ.FieldByIndex(m.index).Type); inner.Kind() == reflect.Struct {
				below = s.placeWritten(inner, below, s.plan(inner, below))
			}
		}
		differs = differs || below != at.at(m.json)
		to.below[m.json] = below
	}
	if !differs {
		return at
	}
	return to
}

// elemOf is the type of what lies at the place of values of a type.
func elemOf(typ reflect.Type) reflect.Type {
	for range maxDepth { // as a type may be a list of itself
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			typ = typ.Elem()
		default:
			return typ
		}
	}
	return typ
}

// planner makes a plan.
type planner struct {
	fields   []member
	encoded  []member
	pointers [][]int
	unseen   bool
}

// spot is where a planner is: at the fields of a struct, which may be embedded.
type spot struct {
	at       *place
	index    []int
	path     []reflect.Type // of the structs that this one is embedded in
	inJSON   bool           // JSON has these fields
	inSchema bool           // the plan's fields are to have them; else they are part of one that it has
}

// walk adds the fields of a struct type. As the same type may be embedded in
// many ways and a copy has all of them, it only ends where a type embeds itself.
func (w *planner) walk(typ reflect.Type, here spot) {
	here.path = append(slices.Clip(here.path), typ)
	for i := range typ.NumField() {
		field := typ.Field(i)
		target := field.Type
		if target.Kind() == reflect.Pointer && target.Name() == "" {
			target = target.Elem()
		}
		index := append(slices.Clip(here.index), i)
		m := newMember(field, target, index, here)
		if field.Anonymous && target.Kind() == reflect.Struct {
			w.embed(field, target, m, here)
		} else if field.IsExported() {
			w.add(m, here)
		} else {
			w.unseen = true
		}
	}
}

// add adds a field.
func (w *planner) add(m member, here spot) {
	if here.inSchema {
		w.fields = append(w.fields, m)
	}
	if m.json != "" {
		w.encoded = append(w.encoded, m)
	}
}

// embed adds an embedded struct. If the schema has no name for it, its fields are
// added in its stead; JSON has its fields in any case, unless it has a name there.
func (w *planner) embed(field reflect.StructField, target reflect.Type, m member, here spot) {
	inner := spot{at: here.at, index: m.index, path: here.path, inJSON: here.inJSON, inSchema: here.inSchema}
	authz, named := field.Tag.Lookup("authz")
	switch {
	case jsonTag(field).name != "":
		if field.IsExported() {
			w.add(m, here)
			return
		}
		// No other package can read it as a whole.
		inner.at, inner.inJSON = m.at, false
	case named && authz != "":
		inner.at = m.at
	}
	if field.Tag.Get("json") == "-" {
		inner.inJSON = false
	}
	m.json = ""
	if slices.Contains(here.path, target) {
		if field.IsExported() {
			m.name, m.at = "", nowhere
			w.add(m, here)
		}
		return
	}
	whole := named && authz != "" && field.IsExported()
	if whole {
		w.add(m, here)
		inner.inSchema = false
	}
	if field.Type.Kind() == reflect.Pointer && inner.inSchema {
		w.pointers = append(w.pointers, m.index)
	}
	before := len(w.fields)
	w.walk(target, inner)
	if inner.inSchema && len(w.fields) == before && field.IsExported() {
		// It has nothing that could be shown by itself, such as a time.
		m.name, m.at = "", nowhere
		w.add(m, here)
	}
}

// newMember is the member that a field is, with target its type or what that points to.
func newMember(field reflect.StructField, target reflect.Type, index []int, here spot) member {
	tag := jsonTag(field)
	m := member{index: index, name: schemaName(field), at: nowhere, part: !here.inSchema && here.at.below == nil}
	switch {
	case here.at.below == nil && here.at.field != none:
		m.at = here.at
	case m.name != "":
		m.at = here.at.at(m.name)
	}
	if !here.inJSON || field.Tag.Get("json") == "-" {
		return m
	}
	m.json, m.tagged = tag.name, tag.name != ""
	if !m.tagged {
		m.json = field.Name
	}
	m.prefix = append(appendText(nil, m.json), ':')
	m.omitEmpty = tag.has("omitempty")
	if m.omitZero = tag.has("omitzero"); m.omitZero {
		m.isZero = zeroOf(field.Type)
	}
	m.quoted = tag.has("string") && isScalar(target.Kind())
	m.simple = simpleOf(field.Type)
	return m
}

// dominant leaves those of fields that encoding/json chooses where some have the same name: the
// outermost, then those with a tag; none, if there are still several.
func dominant(fields []member) []member {
	slices.SortStableFunc(fields, func(a, b member) int {
		return cmp.Or(
			strings.Compare(a.json, b.json),
			cmp.Compare(len(a.index), len(b.index)),
			cmp.Compare(rank(a), rank(b)),
			slices.Compare(a.index, b.index),
		)
	})
	var chosen []member
	for i := 0; i < len(fields); {
		first := fields[i]
		several := i+1 < len(fields) && fields[i+1].json == first.json &&
			len(fields[i+1].index) == len(first.index) && fields[i+1].tagged == first.tagged
		if !several {
			chosen = append(chosen, first)
		}
		for i < len(fields) && fields[i].json == first.json {
			i++
		}
	}
	slices.SortFunc(chosen, func(a, b member) int { return slices.Compare(a.index, b.index) })
	return chosen
}

func rank(m member) int {
	if m.tagged {
		return 0
	}
	return 1
}

// tagOf is a json tag.
type tagOf struct {
	name    string
	options string
}

func (t tagOf) has(option string) bool {
	for o := range strings.SplitSeq(t.options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// jsonTag is a field's json tag; its name is empty if encoding/json ignores it.
func jsonTag(field reflect.StructField) tagOf {
	tag := field.Tag.Get("json")
	if tag == "-" {
		return tagOf{}
	}
	name, options, _ := strings.Cut(tag, ",")
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			name = ""
			break
		}
	}
	return tagOf{name, options}
}

// schemaName is a field's name for the schema. It may be empty.
func schemaName(field reflect.StructField) string {
	switch name := field.Tag.Get("authz"); name {
	case "":
	case "-":
		return ""
	default:
		return name
	}
	if name := jsonTag(field).name; name != "" && name != "-" {
		return name
	}
	for setting := range strings.SplitSeq(field.Tag.Get("gorm"), ";") {
		key, name, _ := strings.Cut(setting, ":")
		if strings.EqualFold(strings.TrimSpace(key), "column") {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// isZeroer is how encoding/json's omitzero asks a type.
type isZeroer interface{ IsZero() bool }

// zeroOf tells of values of a type whether encoding/json's omitzero leaves them out.
func zeroOf(typ reflect.Type) func(reflect.Value) bool {
	asks := reflect.TypeFor[isZeroer]()
	switch {
	case typ.Implements(asks):
		return func(v reflect.Value) bool {
			switch v.Kind() {
			case reflect.Interface:
				if v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() {
					return true
				}
			case reflect.Pointer:
				if v.IsNil() {
					return true
				}
			}
			return v.Interface().(isZeroer).IsZero()
		}
	case reflect.PointerTo(typ).Implements(asks):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				held := reflect.New(v.Type()).Elem()
				held.Set(v)
				v = held
			}
			return v.Addr().Interface().(isZeroer).IsZero()
		}
	}
	return reflect.Value.IsZero
}

// marshals tells whether a type writes its JSON by itself.
type marshals struct {
	value   bool // all its values
	pointer bool // those that have an address
}

// by tells whether a value of the type does.
func (m marshals) by(v reflect.Value) bool { return m.value || m.pointer && v.CanAddr() }

// marshalsOf tells what a type does; of pointers and interfaces, it tells nothing.
func marshalsOf(typ reflect.Type) marshals {
	if typ.PkgPath() == "" && typ.Kind() != reflect.Struct {
		return marshals{} // it has no methods
	}
	asJSON, asText := reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()
	pointer := reflect.PointerTo(typ)
	return marshals{
		value:   typ.Implements(asJSON) || typ.Implements(asText),
		pointer: pointer.Implements(asJSON) || pointer.Implements(asText),
	}
}
