package condition

import (
	"math"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// elements is the values of a list that is the same for all records; not ok if the
// list is unknown.
type elements func(*listing) (values []ref.Val, ok bool)

// elements makes elements of a part that is a constant list.
func (t *translator) elements(e ast.Expr) elements {
	c := t.value(e)
	return func(l *listing) ([]ref.Val, bool) {
		list, ok := c(l).(traits.Lister)
		if !ok {
			return nil, false
		}
		var values []ref.Val
		for it := list.Iterator(); it.HasNext() == types.True; {
			values = append(values, it.Next())
		}
		return values, true
	}
}

// groups is the user's groups as a list.
func groups(l *listing) ([]ref.Val, bool) {
	if !l.functions() {
		return nil, false
	}
	var values []ref.Val
	for _, g := range l.of.Sets.Groups() {
		values = append(values, types.String(g))
	}
	return values, true
}

// membership is the form of x in list.
func (t *translator) membership(e ast.Expr) form {
	elem, list := e.AsCall().Args()[0], e.AsCall().Args()[1]
	if list.Kind() == ast.ListKind && list.AsList().Size() == 0 {
		return func(*listing) filter.Expr { return filter.False } // CEL does not look at x then
	}
	if t.constant(list) && t.isList(list) {
		if x, ok := t.attribute(elem); ok && !t.mayBeList(x) {
			return x.in(t.elements(list))
		}
	}
	if up, name, ok := pathOf(list); ok && t.constant(elem) {
		return contains(name, t.value(elem)).of(up)
	}
	return t.none(e)
}

// member is the form of member(x).
func (t *translator) member(e ast.Expr) form {
	x, ok := t.attribute(e.AsCall().Args()[0])
	if !ok || !x.typ.IsExactType(cel.StringType) {
		return t.none(e)
	}
	return x.in(groups)
}

// contains is the form of x in record.owners, and of x in record.tags.
func contains(name string, c constant) leaf {
	return func(l *listing, of *RecordType) filter.Expr {
		v := c(l)
		s, ok := v.(types.String)
		switch {
		case v == nil:
			return filter.Unknown
		case name == "owners" && ok:
			return filter.OwnerIn{Names: filter.List{string(s)}}
		case name == "owners":
			return filter.False
		case of.Attributes[name] != model.AttrStrings:
			return filter.Unknown
		case !ok:
			return ifKnown(name, filter.False)
		}
		return filter.Contains{Attr: name, Value: string(s)}
	}
}

// in is the form of the attribute being one of some values.
func (o operand) in(list elements) form {
	return leaf(func(l *listing, of *RecordType) filter.Expr {
		values, ok := list(l)
		if !ok {
			return filter.Unknown
		}
		switch o.attr {
		case "type":
			return filter.TruthOf(slices.ContainsFunc(values, func(v ref.Val) bool { return types.Equal(types.String(of.Name), v) == types.True }))
		case "id", "unit":
			return nameIn(o.attr, names(values...))
		}
		t, ok := of.Attributes[o.attr]
		if !ok {
			return filter.Unknown
		}
		return attrIn(o.attr, t, l.goValues(t, values))
	}).of(o.up)
}

// attrIn is the records whose attribute is one of the values, which are all of its type.
func attrIn(attr string, t model.AttrType, values []any) filter.Expr {
	if len(values) == 0 {
		return ifKnown(attr, filter.False)
	}
	if t != model.AttrBool {
		return filter.In{Attr: attr, Values: values}
	}
	is := filter.Expr(filter.Bool{Attr: attr})
	switch {
	case !slices.Contains(values, any(false)):
		return is
	case !slices.Contains(values, any(true)):
		return filter.Negate(is)
	}
	return ifKnown(attr, filter.True)
}

// goValues is those of the values that an attribute of a type can equal.
func (l *listing) goValues(t model.AttrType, values []ref.Val) (all []any) {
	for _, v := range values {
		value := goValue(t, v)
		switch f, isFloat := value.(float64); {
		case t == model.AttrInt && isFloat:
			value = l.whole(f)
		case t == model.AttrDouble && value != nil && !isFloat:
			value = float64(value.(int64))
		}
		if value != nil {
			all = append(all, value)
		}
	}
	return all
}

// whole is f as a whole number, nil if it is none.
func (l *listing) whole(f float64) any {
	const exact = 1 << 53
	if math.Abs(f) >= exact {
		// CEL finds other numbers by it in a literal list than in other lists.
		l.failed = l.failed || !math.IsInf(f, 0)
		return nil
	}
	return only(f == math.Trunc(f), int64(f))
}

// text is the form of startsWith, endsWith and contains.
func (t *translator) text(e ast.Expr, where filter.Where) form {
	call := e.AsCall()
	if !call.IsMemberFunction() || !t.constant(call.Args()[0]) {
		return t.none(e)
	}
	x, ok := t.attribute(call.Target())
	if !ok || x.named() || x.attr == "type" {
		return t.none(e)
	}
	arg := t.value(call.Args()[0])
	return leaf(func(l *listing, of *RecordType) filter.Expr {
		s, ok := arg(l).(types.String)
		if !ok || of.Attributes[x.attr] != model.AttrString {
			return filter.Unknown
		}
		return filter.Text{Attr: x.attr, Where: where, Value: string(s)}
	}).of(x.up)
}

// exists is the form of record.owners.exists(o, …), and of the same for an
// attribute that is a list.
func (t *translator) exists(e ast.Expr) form {
	c := e.AsComprehension()
	up, name, ok := pathOf(c.IterRange())
	if !ok || !t.isList(c.IterRange()) || !isExists(c) {
		return t.none(e)
	}
	sought := t.sought(c.IterVar(), c.LoopStep().AsCall().Args()[1])
	if sought == nil {
		return t.none(e)
	}
	return leaf(func(l *listing, of *RecordType) filter.Expr {
		values, ok := sought(l)
		if !ok {
			l.failed = true // false of an empty list, unknown of every other: no expression says so
			return filter.Unknown
		}
		return anyIn(name, of, names(values...))
	}).of(up)
}

// anyIn is the records of which an owner, or an element of the attribute, is one of these.
func anyIn(name string, of *RecordType, list filter.List) filter.Expr {
	switch {
	case name == "owners" && len(list) == 0:
		return filter.False
	case name == "owners":
		return filter.OwnerIn{Names: list}
	case of.Attributes[name] != model.AttrStrings:
		return filter.Unknown
	case len(list) == 0:
		return ifKnown(name, filter.False)
	}
	some := make([]filter.Expr, len(list))
	for i, s := range list {
		some[i] = filter.Contains{Attr: name, Value: s}
	}
	return filter.AnyOf(some...)
}

// isExists tells whether a loop is what CEL makes of exists.
func isExists(c ast.ComprehensionExpr) bool {
	initial, step := c.AccuInit(), c.LoopStep()
	return !c.HasIterVar2() && initial.Kind() == ast.LiteralKind && initial.AsLiteral() == types.False &&
		step.Kind() == ast.CallKind && step.AsCall().FunctionName() == operators.LogicalOr && len(step.AsCall().Args()) == 2 &&
		isIdent(step.AsCall().Args()[0], c.AccuVar()) && isIdent(c.Result(), c.AccuVar())
}

func isIdent(e ast.Expr, name string) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == name
}

// sought is the values that the elements of a loop are compared with, whether
// one is equal; nil if the loop asks something else.
func (t *translator) sought(variable string, e ast.Expr) elements {
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	apart := func(x ast.Expr) bool { return t.constant(x) && !mentions(x, variable) }
	switch e.AsCall().FunctionName() {
	case operators.LogicalOr:
		return both(t.sought(variable, args[0]), t.sought(variable, args[1]))
	case operators.Equals:
		if isIdent(args[1], variable) {
			args = []ast.Expr{args[1], args[0]}
		}
		if isIdent(args[0], variable) && apart(args[1]) {
			return one(t.value(args[1]))
		}
	case operators.In:
		if isIdent(args[0], variable) && apart(args[1]) && t.isList(args[1]) {
			return t.elements(args[1])
		}
	case "member":
		if isIdent(args[0], variable) {
			return groups
		}
	}
	return nil
}

// mentions tells whether a variable is used in a part.
func mentions(e ast.Expr, variable string) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { found = found || isIdent(e, variable) }))
	return found
}

func one(c constant) elements {
	return func(l *listing) ([]ref.Val, bool) {
		v := c(l)
		return []ref.Val{v}, v != nil
	}
}

func both(a, b elements) elements {
	if a == nil || b == nil {
		return nil
	}
	return func(l *listing) ([]ref.Val, bool) {
		left, ok := a(l)
		right, too := b(l)
		return slices.Concat(left, right), ok && too
	}
}
