package condition

import (
	"slices"

	"cel.dev/cel-go/common/ast"
)

// Call is a function by which a condition asks the policy.
type Call struct {
	Function string   // member, ownerIn, teamRole, holds or own
	Args     []string // nil: there are none, or some is only known when the condition is asked
}

var policyFunctions = []string{"member", "ownerIn", "teamRole", "holds", "own"}

// Calls is what a condition asks of the policy, each call once; beside these it
// depends on the question alone.
func (s *Set) Calls(name string) []Call {
	if c := s.conditions[name]; c != nil {
		return c.calls
	}
	return nil
}

func callsOf(a *ast.AST) (calls []Call) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !slices.Contains(policyFunctions, e.AsCall().FunctionName()) {
			return
		}
		c := Call{Function: e.AsCall().FunctionName()}
		for _, arg := range e.AsCall().Args() {
			text, ok := literal(arg)
			if !ok {
				c.Args = nil
				break
			}
			c.Args = append(c.Args, text)
		}
		if !slices.ContainsFunc(calls, c.equal) {
			calls = append(calls, c)
		}
	}))
	return calls
}

func (c Call) equal(other Call) bool {
	return c.Function == other.Function && slices.Equal(c.Args, other.Args)
}

// Anyway is what a condition is whatever there is to know of the record and of the
// attributes of the user and the environment: mostly Unknown, but false of member("role:x")
// if the user is not in it. What the Input says of these is ignored.
func (s *Set) Anyway(name string, in Input) Truth {
	if c := s.conditions[name]; c == nil || !c.settled {
		return Unknown
	}
	in.Record, in.UserAttrs, in.Env = nil, nil, nil
	return s.Eval(name, in)
}

// Personal tells whether a condition may be one thing for one user and another for another, who ask the same.
func (s *Set) Personal(name string) bool {
	c := s.conditions[name]
	return c == nil || c.personal
}

func isPersonal(a *ast.AST) bool {
	personal := len(callsOf(a)) > 0
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		personal = personal || e.Kind() == ast.IdentKind && (e.AsIdent() == "user" || e.AsIdent() == "env")
	}))
	return personal
}

// maySettle tells whether a condition looks at something that is known without the
// record and attributes, and never asks whether there is an attribute: of that, what
// is said when nothing is known may be wrong.
func maySettle(a *ast.AST) bool {
	looks, has := false, false
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			looks = looks || e.AsIdent() == "action" || e.AsIdent() == "now"
		case ast.CallKind:
			f := e.AsCall().FunctionName()
			looks = looks || f == "member" || f == "holds"
		case ast.SelectKind:
			s := e.AsSelect()
			of := a.GetType(s.Operand().ID()).TypeName()
			looks = looks || of == userType.TypeName() && s.FieldName() == "id"
			has = has || s.IsTestOnly() && of != recordType.TypeName()
		}
	}))
	return looks && !has
}
