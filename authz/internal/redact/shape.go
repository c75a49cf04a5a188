// Package redact shows values of records as far as the levels of their fields
// allow: copy.go copies Go values, encode.go encodes them as JSON, stream.go filters JSON,
// changes.go tells which fields two values differ in. What no field of the schema
// governs is hidden.
package redact

import (
	"strings"
	"sync"

	"github.com/crmauthz/crmauthz/authz/internal/mask"
)

// Field is a field of a type of records. Its name may be a path, such as
// address.city: then a value's field address holds values with fields of their own.
type Field struct {
	Name string
	Mask mask.Func // nil: a masked value is not shown at all
}

// Shape is the fields of a type of records, by their places in values. Levels
// are given for each field in their order.
type Shape struct {
	fields []Field
	root   *place
	plans  sync.Map // of struct types: planKey to *plan
}

// place is a place in the values of a type of records: the record itself, or
// what lies at a path in it.
type place struct {
	field int               // that governs what lies here; none: no field does
	below map[string]*place // places of longer paths; nil: the field governs all that lies here
	other *place            // what lies below at any other name
}

// none is the field of what no field governs: it is hidden.
const none = -1

// NewShape makes the shape of fields. The field with the longest path that leads to a
// value governs it.
func NewShape(fields []Field) *Shape {
	s := &Shape{fields: fields, root: &place{field: none}}
	for i, f := range fields {
		at := s.root
		for name := range strings.SplitSeq(f.Name, ".") {
			if at.below == nil {
				at.below = map[string]*place{}
			}
			if at.below[name] == nil {
				at.below[name] = &place{field: none}
			}
			at = at.below[name]
		}
		at.field = i
	}
	s.root.inherit()
	return s
}

// Name is the name of a field.
func (s *Shape) Name(field int) string { return s.fields[field].Name }

// inherit has places that have no field of their own governed by that above.
func (p *place) inherit() {
	p.other = &place{field: p.field}
	p.other.other = p.other
	for _, below := range p.below {
		if below.field == none {
			below.field = p.field
		}
		below.inherit()
	}
}

// at is the place of a name below.
func (p *place) at(name string) *place {
	if below := p.below[name]; below != nil {
		return below
	}
	return p.other
}
