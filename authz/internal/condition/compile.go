package condition

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/crmauthz/crmauthz/model"
)

// The limits keep a condition from running away.
const (
	maxExpression = 4096    // characters of an expression
	maxNesting    = 100     // levels of an expression
	maxRegex      = 10_000  // instructions of a regular expression
	maxCost       = 100_000 // CEL's cost units of one evaluation, about one a step
)

// vocabulary is the part of the environment that is the same for every schema.
var vocabulary = sync.OnceValues(func() (*cel.Env, error) {
	function := func(name string, args ...*cel.Type) cel.EnvOption {
		return cel.Function(name, cel.Overload("crm_"+name, args, cel.BoolType, cel.LateFunctionBinding()))
	}
	return cel.NewEnv(
		cel.Variable("action", cel.StringType),
		cel.Variable("record", recordType),
		cel.Variable("user", userType),
		cel.Variable("env", envType),
		cel.Variable("now", cel.TimestampType),
		function("member", cel.StringType),
		function("ownerIn", cel.StringType),
		function("teamRole", cel.StringType),
		function("holds", cel.StringType, cel.StringType),
		function("own"),
		cel.Macros(cel.GlobalMacro(operators.Has, 1, expandHas)),
		cel.ExtendedValidations(),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxNesting),
		cel.RegexProgramSizeLimit(maxRegex),
	)
})

// compiler compiles the conditions of one schema.
type compiler struct {
	env   *cel.Env
	attrs attributes
	// recordAttrs is the types that an attribute has in types of records.
	recordAttrs map[string][]model.AttrType
	// actions by type, those of all tenants together.
	actions map[string]map[string]bool
}

func newCompiler(s *model.Schema, attrs attributes) (*compiler, error) {
	base, err := vocabulary()
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	env, err := base.Extend(cel.CustomTypeProvider(&provider{base.CELTypeProvider(), attrs}))
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	c := &compiler{env: env, attrs: attrs, recordAttrs: recordAttrs(s), actions: map[string]map[string]bool{}}
	for name, t := range allTypes(s) {
		if c.actions[name] == nil {
			c.actions[name] = map[string]bool{}
		}
		for a := range t.Actions {
			c.actions[name][a] = true
		}
	}
	return c, nil
}

// compile makes a program of a condition and, unless it is check-only, a form.
func (c *compiler) compile(name, expr string, checkOnly bool) (*compiled, error) {
	in := "schema condition " + name
	malformed := func(hint string) error {
		return &model.ValueError{In: in, Column: "expression", Value: expr, Err: model.ErrMalformed, Hint: hint}
	}
	parsed, iss := c.env.Parse(expr)
	if iss.Err() != nil {
		return nil, malformed(iss.String())
	}
	selectIndexes(parsed.NativeRep().Expr())
	checked, iss := c.env.Check(parsed)
	if iss.Err() != nil {
		return nil, malformed(iss.String())
	}
	if err := c.checkUse(checked.NativeRep()); err != nil {
		err.In = in
		return nil, err
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, malformed("yields " + t.String() + ", not bool")
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if loops(checked.NativeRep()) {
		options = append(options, cel.CostLimit(maxCost))
	}
	p, err := c.env.Program(checked, options...)
	if err != nil {
		return nil, malformed(err.Error())
	}
	done := &compiled{program: p, calls: callsOf(checked.NativeRep()), settled: maySettle(checked.NativeRep()), personal: isPersonal(checked.NativeRep()),
		user: attributesOf(checked.NativeRep(), userType), env: attributesOf(checked.NativeRep(), envType)}
	if !checkOnly {
		done.form, err = c.form(in, expr, checked.NativeRep(), options)
	}
	return done, err
}

// attributesOf is the fields of user or env that an expression looks at, but for the
// id, which every question has.
func attributesOf(a *ast.AST, of *cel.Type) (names []string) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind && a.GetType(e.AsSelect().Operand().ID()).TypeName() == of.TypeName() && e.AsSelect().FieldName() != "id" {
			names = append(names, e.AsSelect().FieldName())
		}
	}))
	return names
}

// expandHas is CEL's macro has, which also takes record["x"] for record.x.
func expandHas(h parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if arg := args[0]; arg.Kind() == ast.SelectKind {
		return h.NewPresenceTest(arg.AsSelect().Operand(), arg.AsSelect().FieldName()), nil
	} else if operand, field, ok := indexByName(arg); ok {
		return h.NewPresenceTest(operand, field), nil
	}
	return nil, h.NewError(args[0].ID(), "has() takes a field, such as record.region")
}

// selectIndexes turns record["x"] into record.x, so that attributes whose names are
// no identifiers are checked, and read, like all others.
func selectIndexes(root ast.Expr) {
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if operand, field, ok := indexByName(e); ok && ofVariable(operand) {
			e.SetKindCase(factory.NewSelect(e.ID(), operand, field))
		}
	}))
}

// indexByName takes x["name"] apart.
func indexByName(e ast.Expr) (operand ast.Expr, name string, ok bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Index {
		return nil, "", false
	}
	args := e.AsCall().Args()
	name, ok = literal(args[1])
	return args[0], name, ok
}

// ofVariable tells whether e is record, user or env, or a field of these.
func ofVariable(e ast.Expr) bool {
	for e.Kind() == ast.SelectKind {
		e = e.AsSelect().Operand()
	}
	return e.Kind() == ast.IdentKind && slices.Contains([]string{"record", "user", "env"}, e.AsIdent())
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// loops tells whether the expression repeats a part of itself for the elements
// of a list. One that does not takes no more steps than it has parts.
func loops(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.ComprehensionKind
	}))
	return found
}

// checkUse checks what CEL's types do not say: that fields are declared, that
// record, user and env are used by their fields only (as values they would have
// no meaning in a filter), and that the names given to functions can exist.
func (c *compiler) checkUse(a *ast.AST) *model.ValueError {
	var first *model.ValueError
	refuse := func(column, value string, why error, hint string) {
		if first == nil {
			first = &model.ValueError{Column: column, Value: value, Err: why, Hint: hint}
		}
	}
	selected := map[int64]bool{}
	// From the outside in, so that a select is seen before its operand.
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		of := a.GetType(e.ID()).TypeName()
		if _, ours := c.attrs[of]; ours && !selected[e.ID()] {
			refuse("expression", nameOf(e), model.ErrMalformed, "is used with a field only, such as "+nameOf(e)+".id")
		}
		switch e.Kind() {
		case ast.StructKind:
			refuse("expression", e.AsStruct().TypeName(), model.ErrMalformed, "a condition makes no messages")
		case ast.SelectKind:
			s := e.AsSelect()
			selected[s.Operand().ID()] = true
			fields, ours := c.attrs[a.GetType(s.Operand().ID()).TypeName()]
			if _, ok := fields[s.FieldName()]; ours && !ok {
				refuse("attribute", nameOf(e), model.ErrUnknownAttribute, "declared are "+strings.Join(slices.Sorted(maps.Keys(fields)), " "))
			}
		case ast.CallKind:
			if column, value, err := c.checkArguments(e.AsCall()); err != nil {
				v := model.At("", column, value, err).(*model.ValueError) //nolint:errorlint // it is one
				refuse(column, value, v.Err, v.Hint)
			}
		}
	}))
	return first
}

// checkArguments checks the literal arguments of our functions.
func (c *compiler) checkArguments(call ast.CallExpr) (column, value string, err error) {
	if len(call.Args()) == 0 {
		return "", "", nil
	}
	first, ok := literal(call.Args()[0])
	if !ok {
		return "", "", nil
	}
	switch f := call.FunctionName(); f {
	case "member", "ownerIn":
		return f, first, model.CheckSubject(first, model.Role, model.Team, model.Unit)
	case "teamRole":
		return f, first, model.CheckName(first)
	case "holds":
		actions, ok := c.actions[first]
		if !ok {
			return f, first, model.ErrUnknownType
		}
		if action, ok := literal(call.Args()[1]); ok && !actions[action] {
			return f, action, model.ErrUnknownAction
		}
	}
	return "", "", nil
}

// nameOf writes record.parent.region as it stood, for a message.
func nameOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		return nameOf(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()
	}
	return "a value"
}
