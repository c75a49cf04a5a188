package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// example is one record of a cube. The attribute if:c of it, or of a record above, is what
// the condition c is of that record.
func (p *problem) example(c cube) *model.Record {
	r := &model.Record{Type: p.typ, ID: "example"}
	for i, v := range p.vars {
		value := c[i].first()
		switch v.kind {
		case byID:
			r.ID = v.idOf(value)
		case byUnit:
			if value > 0 {
				r.Unit = v.names[value][0]
			}
		case byOwners:
			r.Owners = v.names[value]
		case byParent:
			if value > 0 {
				r.Parent = v.example(v.of[value])
			}
		case byCondition:
			if value < 2 {
				if r.Attrs == nil {
					r.Attrs = map[string]any{}
				}
				r.Attrs[attrOf(v.condition.name)] = value == 0
			}
		}
	}
	return r
}

// idOf is an id of a value; of the value of the unnamed, one that no fact names.
func (v *variable) idOf(value int) string {
	if value > 0 {
		return v.names[value][0]
	}
	id := "example"
	for n := 2; slices.ContainsFunc(v.atoms, func(a atom) bool { return slices.Contains(a.names, id) }); n++ {
		id = fmt.Sprint("example-", n)
	}
	return id
}

// example is a parent, with others above it if it takes several.
func (v *variable) example(of parentValue) (first *model.Record) {
	at := &first
	for _, i := range of.cells {
		p := v.parents[of.parents]
		*at = p.example(p.cells[i].cube)
		if len(of.cells) > 1 {
			at = &(*at).Parent
		}
	}
	return first
}

// sees is an example with the conditions as the view's policy has them, those among them
// that come to the same anyway.
func (v *view) sees(r *model.Record) *model.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Attrs = map[string]any{}
	for name := range v.of.schema.Conditions {
		if t := v.anyway(name); t != filter.Unknown {
			c.Attrs[attrOf(name)] = t == filter.True
		}
	}
	for name, value := range r.Attrs {
		if name, of, two := strings.Cut(name, " "); !two || of == v.side {
			c.Attrs[name] = value
		}
	}
	c.Parent = v.sees(r.Parent)
	return &c
}
