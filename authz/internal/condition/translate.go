package condition

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// translator finds the form of a condition. Whether there is one is seen from the
// checked expression alone, whatever the values are.
type translator struct {
	*compiler
	checked *ast.AST
	options []cel.ProgramOption // for the parts that are constant
	without ast.Expr            // the first part found to have no form
	err     error               // of making a program of a part
}

// form is the form of a condition, or an error that says which part has none.
func (c *compiler) form(in, expr string, checked *ast.AST, options []cel.ProgramOption) (form, error) {
	t := &translator{compiler: c, checked: checked, options: options}
	f := t.truth(checked.Expr())
	switch {
	case t.err != nil:
		return nil, &model.ValueError{In: in, Column: "expression", Value: expr, Err: model.ErrMalformed, Hint: t.err.Error()}
	case f == nil:
		return nil, &model.ValueError{
			In: in, Column: "expression", Value: expr, Err: model.ErrNoFilter,
			Hint: "because of " + t.written(t.without) + "; list the condition under check_only to check it against single records only",
		}
	}
	return f, nil
}

// none notes a part without a form.
func (t *translator) none(e ast.Expr) form {
	if t.without == nil {
		t.without = e
	}
	return nil
}

// written is a part of the condition, for a message.
func (t *translator) written(e ast.Expr) string {
	if e.Kind() == ast.ComprehensionKind {
		return "the loop over " + t.written(e.AsComprehension().IterRange())
	}
	s, err := parser.Unparse(e, t.checked.SourceInfo())
	if err != nil {
		return nameOf(e)
	}
	return strings.Join(strings.Fields(s), " ")
}

// truth is the form of a part that yields a bool; nil if it has none.
func (t *translator) truth(e ast.Expr) form {
	if t.constant(e) {
		return truthOf(t.value(e))
	}
	switch e.Kind() {
	case ast.CallKind:
		return t.call(e)
	case ast.SelectKind:
		return t.selection(e)
	case ast.ComprehensionKind:
		return t.exists(e)
	}
	return t.none(e)
}

func truthOf(c constant) form {
	return func(l *listing) filter.Expr {
		if b, ok := c(l).(types.Bool); ok {
			return filter.TruthOf(bool(b))
		}
		return filter.Unknown
	}
}

// constant tells whether a part is the same for all records of a type.
func (t *translator) constant(e ast.Expr) bool {
	is := true
	ofType := map[int64]bool{} // the record in record.type
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			if s := e.AsSelect(); s.FieldName() == "type" {
				ofType[s.Operand().ID()] = true
			}
		case ast.IdentKind:
			is = is && (e.AsIdent() != "record" || ofType[e.ID()])
		case ast.CallKind:
			is = is && !slices.Contains([]string{"own", "ownerIn", "teamRole"}, e.AsCall().FunctionName())
		}
	}))
	return is
}

// value makes a constant of a part that is one.
func (t *translator) value(e ast.Expr) constant {
	if e.Kind() == ast.LiteralKind {
		v := e.AsLiteral()
		return func(*listing) ref.Val { return v }
	}
	part := ast.NewCheckedAST(ast.NewAST(e, t.checked.SourceInfo()), t.checked.TypeMap(), t.checked.ReferenceMap())
	p, err := t.env.PlanProgram(part, t.options...)
	if err != nil {
		t.err = err
		return func(*listing) ref.Val { return nil }
	}
	return func(l *listing) ref.Val { return l.evaluate(p) }
}

func (t *translator) call(e ast.Expr) form {
	args := e.AsCall().Args()
	switch name := e.AsCall().FunctionName(); name {
	case operators.LogicalAnd:
		return t.joined(args, filter.AllOf)
	case operators.LogicalOr:
		return t.joined(args, filter.AnyOf)
	case operators.LogicalNot:
		return t.joined(args, func(xs ...filter.Expr) filter.Expr { return filter.Negate(xs[0]) })
	case operators.Conditional:
		return t.joined(args, func(xs ...filter.Expr) filter.Expr { return choose(xs[0], xs[1], xs[2]) })
	case operators.In:
		return t.membership(e)
	case overloads.TypeConvertDyn:
		return t.truth(args[0])
	case overloads.StartsWith:
		return t.text(e, filter.AtStart)
	case overloads.EndsWith:
		return t.text(e, filter.AtEnd)
	case overloads.Contains:
		return t.text(e, filter.Inside)
	case "member":
		return t.member(e)
	case "own":
		return aboutRecord(nil, func(s Sets, _ string) filter.Expr { return s.Own() })
	case "ownerIn":
		return t.ofText(e, Sets.OwnerIn)
	case "teamRole":
		return t.ofText(e, Sets.TeamRole)
	default:
		if op, ok := comparisons[name]; ok {
			return t.comparison(e, op)
		}
	}
	return t.none(e)
}

// joined is the form of parts that yield a bool, joined by a function of three truth values.
func (t *translator) joined(args []ast.Expr, join func(...filter.Expr) filter.Expr) form {
	parts := make([]form, len(args))
	for i, a := range args {
		if parts[i] = t.truth(a); parts[i] == nil {
			return nil
		}
	}
	return func(l *listing) filter.Expr {
		xs := make([]filter.Expr, len(parts))
		for i, part := range parts {
			xs[i] = part(l)
		}
		return join(xs...)
	}
}

// ofText is the form of a function about the record with one constant argument.
func (t *translator) ofText(e ast.Expr, ask func(Sets, string) filter.Expr) form {
	arg := e.AsCall().Args()[0]
	if !t.constant(arg) || !t.is(arg, cel.StringType) {
		return t.none(e)
	}
	return aboutRecord(t.value(arg), ask)
}

func aboutRecord(arg constant, ask func(Sets, string) filter.Expr) form {
	return func(l *listing) filter.Expr {
		var v ref.Val
		if arg != nil {
			v = arg(l)
		}
		s, ok := v.(types.String)
		if !l.functions() || arg != nil && !ok {
			return filter.Unknown
		}
		return ask(l.of.Sets, string(s))
	}
}

// selection is the form of a bool attribute, or of has(record.x).
func (t *translator) selection(e ast.Expr) form {
	up, name, ok := pathOf(e)
	switch {
	case !ok:
		return t.none(e)
	case e.AsSelect().IsTestOnly():
		return leaf(func(_ *listing, of *RecordType) filter.Expr { return has(name, of) }).of(up)
	}
	return leaf(func(_ *listing, of *RecordType) filter.Expr {
		if of.Attributes[name] != model.AttrBool {
			return filter.Unknown
		}
		return filter.Bool{Attr: name}
	}).of(up)
}

func has(name string, of *RecordType) filter.Expr {
	switch name {
	case "type", "owners":
		return filter.True
	case "id", "unit":
		return filter.Has{Attr: name}
	case "parent":
		if of.Parent == nil {
			return filter.False
		}
		return filter.IsTrue{X: filter.OfParent{Type: of.Parent.Name, X: filter.True}}
	}
	if _, ok := of.Attributes[name]; !ok {
		return filter.False
	}
	return filter.Has{Attr: name}
}

// pathOf takes record.parent.region apart: region, one parent up.
func pathOf(e ast.Expr) (up int, name string, ok bool) {
	if e.Kind() != ast.SelectKind {
		return 0, "", false
	}
	name = e.AsSelect().FieldName()
	for e = e.AsSelect().Operand(); e.Kind() == ast.SelectKind && e.AsSelect().FieldName() == "parent"; up++ {
		e = e.AsSelect().Operand()
	}
	return up, name, e.Kind() == ast.IdentKind && e.AsIdent() == "record"
}

// is tells whether a part is certain to yield values of a type.
func (t *translator) is(e ast.Expr, want *cel.Type) bool {
	return t.checked.GetType(e.ID()).IsExactType(want)
}
func (t *translator) isList(e ast.Expr) bool {
	return t.checked.GetType(e.ID()).Kind() == types.ListKind
}
