package condition

import (
	"cmp"
	"math"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

var comparisons = map[string]filter.Op{
	operators.Equals:        filter.Equal,
	operators.NotEquals:     filter.NotEqual,
	operators.Less:          filter.Less,
	operators.LessEquals:    filter.LessOrEqual,
	operators.Greater:       filter.Greater,
	operators.GreaterEquals: filter.GreaterOrEqual,
}

// flipped is the comparison with its sides exchanged.
func flipped(op filter.Op) filter.Op {
	switch op {
	case filter.Less:
		return filter.Greater
	case filter.LessOrEqual:
		return filter.GreaterOrEqual
	case filter.Greater:
		return filter.Less
	case filter.GreaterOrEqual:
		return filter.LessOrEqual
	}
	return op
}

// holds tells whether a comparison is true of values in this order: below 0 if the
// left one is less.
func holds(op filter.Op, order int) bool {
	switch op {
	case filter.Equal:
		return order == 0
	case filter.NotEqual:
		return order != 0
	case filter.Less:
		return order < 0
	case filter.LessOrEqual:
		return order <= 0
	case filter.Greater:
		return order > 0
	case filter.GreaterOrEqual:
		return order >= 0
	}
	return false
}

func orders(op filter.Op) bool { return op != filter.Equal && op != filter.NotEqual }

// operand is a side of a comparison: an attribute, with what is added to it, or
// a constant.
type operand struct {
	attr   string // of the record so many parents up; empty: a constant
	up     int
	shifts []shift
	value  constant
	typ    *cel.Type
}

// named tells whether the operand is a record's id or unit, which are compared as wholes.
func (o operand) named() bool { return o.attr == "id" || o.attr == "unit" }

// operand takes a side of a comparison apart, if it is one that filters know.
func (t *translator) operand(e ast.Expr) (o operand, ok bool) {
	o.typ = t.checked.GetType(e.ID())
	if t.constant(e) {
		o.value = t.value(e)
		return o, true
	}
	switch up, name, isPath := pathOf(e); {
	case isPath:
		o.attr, o.up = name, up
		return o, name != "owners" && name != "parent" && !e.AsSelect().IsTestOnly()
	case e.Kind() != ast.CallKind:
		return o, false
	case e.AsCall().FunctionName() == overloads.TypeConvertDyn:
		o, ok = t.operand(e.AsCall().Args()[0])
		return o, ok && len(o.shifts) == 0
	}
	return t.shifted(e)
}

// attribute is operand for what must be an attribute to which nothing is added.
func (t *translator) attribute(e ast.Expr) (o operand, ok bool) {
	o, ok = t.operand(e)
	return o, ok && o.attr != "" && len(o.shifts) == 0
}

// mayBe tells whether an attribute of the operand's name is of this type in some type of records.
func (t *translator) mayBe(o operand, a model.AttrType) bool {
	return slices.Contains(t.recordAttrs[o.attr], a)
}

// mayBeList tells whether the operand may be a list.
func (t *translator) mayBeList(o operand) bool {
	if o.attr != "" {
		return t.mayBe(o, model.AttrStrings)
	}
	return o.typ.Kind() == types.ListKind || o.typ.Kind() == types.DynKind || o.typ.Kind() == types.AnyKind
}

func (t *translator) comparison(e ast.Expr, op filter.Op) form {
	args := e.AsCall().Args()
	if t.is(args[0], cel.BoolType) && t.is(args[1], cel.BoolType) {
		if size(args[0]) < size(args[1]) { // the right one is repeated
			args, op = []ast.Expr{args[1], args[0]}, flipped(op)
		}
		return t.joined(args, func(xs ...filter.Expr) filter.Expr { return compareBools(op, xs[0], xs[1]) })
	}
	left, ok := t.operand(args[0])
	right, too := t.operand(args[1])
	if !ok || !too || !orders(op) && t.mayBeList(left) && t.mayBeList(right) {
		return t.none(e)
	}
	if left.attr == "" {
		left, right, op = right, left, flipped(op)
	}
	switch {
	case right.attr != "":
		return t.compareAttrs(e, left, op, right)
	case left.named() && orders(op):
		return t.none(e)
	case len(left.shifts) > 0:
		if !left.typ.IsExactType(right.typ) {
			return t.none(e)
		}
		return leaf(func(l *listing, of *RecordType) filter.Expr { return left.compareShifted(l, of, op, right.value(l)) }).of(left.up)
	}
	return leaf(func(l *listing, of *RecordType) filter.Expr { return compareAttr(of, left.attr, op, right.value(l)) }).of(left.up)
}

// size is how many parts an expression has.
func size(e ast.Expr) int {
	n := 0
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(ast.Expr) { n++ }))
	return n
}

// compareAttrs is the form of a comparison of two attributes of one record.
func (t *translator) compareAttrs(e ast.Expr, left operand, op filter.Op, right operand) form {
	switch {
	case left.up != right.up, left.named(), right.named(), len(left.shifts)+len(right.shifts) > 0,
		t.mayBe(left, model.AttrInt) && t.mayBe(right, model.AttrDouble),
		t.mayBe(left, model.AttrDouble) && t.mayBe(right, model.AttrInt):
		return t.none(e)
	}
	return leaf(func(_ *listing, of *RecordType) filter.Expr {
		leftType, rightType := of.Attributes[left.attr], of.Attributes[right.attr]
		switch {
		case left.attr == "type":
			return compareAttr(of, right.attr, flipped(op), types.String(of.Name))
		case right.attr == "type":
			return compareAttr(of, left.attr, op, types.String(of.Name))
		case leftType == "" || rightType == "":
			return filter.Unknown
		case leftType == model.AttrBool && rightType == model.AttrBool:
			return compareBools(op, filter.Bool{Attr: left.attr}, filter.Bool{Attr: right.attr})
		case leftType == rightType:
			return filter.CompareAttrs{Left: left.attr, Op: op, Right: right.attr}
		case orders(op):
			return filter.Unknown
		}
		both := filter.AllOf(filter.Has{Attr: left.attr}, filter.Has{Attr: right.attr})
		return filter.If{Cond: both, Then: filter.TruthOf(op == filter.NotEqual), Else: filter.Unknown}
	}).of(left.up)
}

// compareAttr compares an attribute of records of a type with a value. Values of
// different types are unequal and have no order, as for CEL.
func compareAttr(of *RecordType, attr string, op filter.Op, v ref.Val) filter.Expr {
	if v == nil {
		return filter.Unknown
	}
	switch attr {
	case "type":
		return compareValues(op, types.String(of.Name), v)
	case "id", "unit":
		x := nameIn(attr, names(v))
		if op == filter.NotEqual {
			return filter.Negate(x)
		}
		return x
	}
	t, ok := of.Attributes[attr]
	if !ok {
		return filter.Unknown
	}
	u, unsigned := v.(types.Uint)
	value := goValue(t, v)
	switch {
	case isNaN(v):
		return ifKnown(attr, filter.TruthOf(op == filter.NotEqual))
	case t == model.AttrBool && value != nil:
		return compareBools(op, filter.Bool{Attr: attr}, filter.TruthOf(value.(bool)))
	case value != nil:
		return filter.Compare{Attr: attr, Op: op, Value: value}
	case t == model.AttrInt && unsigned && u > math.MaxInt64:
		return ifKnown(attr, filter.TruthOf(holds(op, -1)))
	case orders(op):
		return filter.Unknown
	}
	return ifKnown(attr, filter.TruthOf(op == filter.NotEqual))
}

// isNaN tells whether v is not a number, which CEL finds neither equal to, nor less
// nor greater than, anything.
func isNaN(v ref.Val) bool {
	d, ok := v.(types.Double)
	return ok && math.IsNaN(float64(d))
}

func compareValues(op filter.Op, left, right ref.Val) filter.Truth {
	switch {
	case op == filter.NotEqual:
		return filter.TruthOf(types.Equal(left, right) != types.True)
	case op == filter.Equal:
		return filter.TruthOf(types.Equal(left, right) == types.True)
	case isNaN(left), isNaN(right):
		return filter.False
	}
	if c, ok := left.(traits.Comparer); ok {
		if order, ok := c.Compare(right).(types.Int); ok {
			return filter.TruthOf(holds(op, int(order)))
		}
	}
	return filter.Unknown
}

// compareBools compares what is true or false; false is less.
func compareBools(op filter.Op, left, right filter.Expr) filter.Expr {
	if _, ok := right.(filter.Truth); ok {
		left, right, op = right, left, flipped(op)
	}
	return choose(left, compareBool(op, 1, right), compareBool(op, 0, right))
}

// compareBool compares left, which is 1 for true and 0 for false.
func compareBool(op filter.Op, left int, right filter.Expr) filter.Expr {
	switch ifTrue, ifFalse := holds(op, cmp.Compare(left, 1)), holds(op, cmp.Compare(left, 0)); {
	case ifTrue && ifFalse:
		return filter.AnyOf(right, filter.Negate(right)) // unknown if right is
	case ifTrue:
		return right
	case ifFalse:
		return filter.Negate(right)
	}
	return filter.AllOf(right, filter.Negate(right))
}

// goValue is a value of CEL as filters take it for an attribute of a type; nil if it
// is of another type, or is no number.
func goValue(t model.AttrType, v ref.Val) any {
	switch v := v.(type) {
	case types.String:
		return only(t == model.AttrString, string(v))
	case types.Bool:
		return only(t == model.AttrBool, bool(v))
	case types.Timestamp:
		return only(t == model.AttrTimestamp, v.Time.UTC())
	case types.Duration:
		return only(t == model.AttrDuration, v.Duration)
	case types.Int:
		return only(t == model.AttrInt || t == model.AttrDouble, int64(v))
	case types.Double:
		return only((t == model.AttrInt || t == model.AttrDouble) && !isNaN(v), float64(v))
	case types.Uint:
		if v > math.MaxInt64 {
			return only(t == model.AttrDouble, float64(v))
		}
		return only(t == model.AttrInt || t == model.AttrDouble, int64(v))
	}
	return nil
}

func only(fits bool, v any) any {
	if fits {
		return v
	}
	return nil
}

// names is those of the values that are strings.
func names(values ...ref.Val) filter.List {
	var l filter.List
	for _, v := range values {
		if s, ok := v.(types.String); ok {
			l = append(l, string(s))
		}
	}
	return l
}

// nameIn is the records whose id or unit is one of these; unknown of one that has none.
func nameIn(attr string, list filter.List) filter.Expr {
	switch {
	case len(list) == 0:
		return ifKnown(attr, filter.False)
	case attr == "id":
		return filter.If{Cond: filter.Has{Attr: attr}, Then: filter.IDIn{Names: list}, Else: filter.Unknown}
	}
	return filter.If{Cond: filter.Has{Attr: attr}, Then: filter.UnitIn{Names: list}, Else: filter.Unknown}
}
