package filter

import (
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// has: the record has an id, a unit or a value of the attribute.
func (r *renderer) has(name string, at place) (clause, error) {
	switch name {
	case "id":
		return r.someID(at.column(r, at.ID.Name), at.ID.Kind), nil
	case "unit":
		switch {
		case at.NoUnit:
			return never, nil
		case at.Unit == Column{}:
			return never, at.fail("unit", "", "is needed, and is not mapped")
		}
		return r.someID(at.column(r, at.Unit.Name), at.Unit.Kind), nil
	}
	a, err := r.mapped(name, at)
	return a.present, err
}

// mapped is an attribute of the records of a place.
type mapped struct {
	Attribute
	column  string // quoted
	present clause
}

func (r *renderer) mapped(name string, at place) (mapped, error) {
	a, ok := at.Attributes[name]
	if !ok {
		return mapped{present: never}, at.fail("attribute", name, "is needed, and is not mapped")
	}
	if a.Type == model.AttrStrings {
		return mapped{Attribute: a, present: always}, nil
	}
	column := at.column(r, a.Column)
	return mapped{a, column, r.present(column, a.Type)}, nil
}

// attribute renders what is unknown without a value of an attribute.
func (r *renderer) attribute(x Expr, at place, want bool) (clause, error) {
	switch x := x.(type) {
	case Bool:
		a, err := r.mapped(x.Attr, at)
		if err != nil || a.Type != model.AttrBool {
			return never, err
		}
		return r.isBool(a.column, want), nil
	case Compare:
		a, err := r.mapped(x.Attr, at)
		if err != nil {
			return never, err
		}
		return r.compared(x.Attr, a, x.Op.wanted(want), x.Value)
	case CompareAttrs:
		return r.comparedAttrs(x, at, want)
	case In:
		a, err := r.mapped(x.Attr, at)
		if err != nil {
			return never, err
		}
		c, err := r.in(x, a)
		return ifPresent(a, c, want), err
	case Contains:
		return r.contains(x, at, want)
	case Text:
		a, err := r.mapped(x.Attr, at)
		if err != nil || a.Type != model.AttrString || x.Where < AtStart || x.Where > Inside {
			return never, err
		}
		c, err := r.hasText(x, a)
		return ifPresent(a, c, want), err
	}
	return never, nil // unknown, as Eval has it
}

// ifPresent is what is wanted of a clause that is about a value, if there is one.
func ifPresent(a mapped, c clause, want bool) clause {
	if want {
		return c
	}
	return and(a.present, notTrue(c))
}

// wanted is the comparison that is true if o is what is wanted of two values that can be compared.
func (o Op) wanted(want bool) Op {
	if want {
		return o
	}
	switch o {
	case Equal:
		return NotEqual
	case NotEqual:
		return Equal
	case Less:
		return GreaterOrEqual
	case LessOrEqual:
		return Greater
	case Greater:
		return LessOrEqual
	case GreaterOrEqual:
		return Less
	}
	return 0
}

// compared: the attribute compares so with a value.
func (r *renderer) compared(name string, a mapped, op Op, value any) (clause, error) {
	value = attrValue(value)
	if value == nil || op < Equal || op > GreaterOrEqual {
		return never, nil
	}
	if s, ok := value.(string); ok {
		if err := checkText(name, s); err != nil {
			return never, err
		}
	}
	if !comparable(a.Type, value) {
		return unequal(a.present, op), nil
	}
	if b, ok := value.(bool); ok {
		return r.comparedBool(a.column, op, b), nil
	}
	if i, ok := value.(int64); ok && a.Type == model.AttrDouble {
		value = float64(i)
	}
	return r.compare(a.column, a.Type, op, value), nil
}

// unequal is how values compare that are unequal and without an order.
func unequal(present clause, op Op) clause {
	if op == NotEqual {
		return present
	}
	return never
}

// comparable tells whether values of a type and a value are equal or have an order.
func comparable(t model.AttrType, value any) bool {
	switch v := value.(type) {
	case int64:
		return t == model.AttrInt || t == model.AttrDouble
	case float64:
		return (t == model.AttrInt || t == model.AttrDouble) && !math.IsNaN(v)
	}
	return t.Accepts(value) && t != model.AttrStrings
}

func (r *renderer) comparedBool(column string, op Op, value bool) clause {
	var ways []clause
	for _, b := range []bool{false, true} {
		if op.holds(number(b) - number(value)) {
			ways = append(ways, r.isBool(column, b))
		}
	}
	return or(ways...)
}

func (r *renderer) comparedAttrs(x CompareAttrs, at place, want bool) (clause, error) {
	left, err := r.mapped(x.Left, at)
	if err != nil {
		return never, err
	}
	right, err := r.mapped(x.Right, at)
	if err != nil {
		return never, err
	}
	op := x.Op.wanted(want)
	if op < Equal || op > GreaterOrEqual {
		return never, nil
	}
	numbers := []model.AttrType{model.AttrInt, model.AttrDouble}
	switch t := left.Type; {
	case t == model.AttrStrings && right.Type == t:
		return never, at.fail("attribute "+x.Left, x.Right, "is needed to compare, but lists are not compared in a database")
	case t == right.Type:
		return r.compareColumns(left.column, op, right.column, t), nil
	case slices.Contains(numbers, t) && slices.Contains(numbers, right.Type):
		return r.compareColumns(left.column, op, right.column, model.AttrDouble), nil
	}
	return unequal(and(left.present, right.present), op), nil
}

// in: the attribute's value is one of these.
func (r *renderer) in(x In, a mapped) (clause, error) {
	if a.Type == model.AttrString {
		var texts []string
		for _, v := range x.Values {
			if s, ok := v.(string); ok {
				if err := checkText(x.Attr, s); err != nil {
					return never, err
				}
				texts = append(texts, s)
			}
		}
		return r.textIn(a.column, texts), nil
	}
	ways := make([]clause, len(x.Values))
	for i, v := range x.Values {
		c, err := r.compared(x.Attr, a, Equal, v)
		if err != nil {
			return never, err
		}
		ways[i] = c
	}
	return or(ways...), nil
}

func (r *renderer) contains(x Contains, at place, want bool) (clause, error) {
	a, err := r.mapped(x.Attr, at)
	if err != nil || a.Type != model.AttrStrings {
		return never, err
	}
	if err := checkText(x.Attr, x.Value); err != nil {
		return never, err
	}
	c := r.beside(at, side{"l", a.Table, a.Record, a.Tenant}, func(table string) clause {
		return r.textIn(table+"."+r.quote(a.Column), []string{x.Value})
	})
	return r.twoValued(want)(c, nil)
}

func (r *renderer) hasText(x Text, a mapped) (clause, error) {
	if err := checkText(x.Attr, x.Value); err != nil {
		return never, err
	}
	if x.Value == "" {
		return a.present, nil
	}
	return r.text(a.column, x.Where, x.Value), nil
}

// checkText refuses what no database takes for text.
func checkText(attr, value string) error {
	if utf8.ValidString(value) {
		return nil
	}
	return model.At("filter", "attribute "+attr, value, model.ErrMalformed)
}

// cut makes a comparison with a time one with the time that a database has, in
// microseconds. same is false if no such time is equal to it.
func cut(op Op, t time.Time) (_ Op, _ time.Time, same bool) {
	short := t.UTC().Truncate(time.Microsecond)
	if short.Equal(t) {
		return op, short, true
	}
	switch op {
	case Less:
		op = LessOrEqual
	case GreaterOrEqual:
		op = Greater
	}
	return op, short, false
}
