package plain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/govaluate"
)

// expr is an expression of a matcher: a choice (op "||") or conjunction ("&&")
// of parts, or a test ("==" or "g") of operands.
type expr struct {
	op       string
	parts    []expr
	operands []operand
}

type operand struct {
	kind operandKind
	text string // r_sub, or the constant
}

type operandKind uint8

const (
	variable operandKind = iota + 1
	constantText
)

// split returns the parts of a choice or conjunction; any other expression is its only part.
func (e expr) split(op string) []expr {
	if e.op == op {
		return e.parts
	}
	return []expr{e}
}

// parse reads the little of Casbin's expression language that is compiled.
// Casbin's own scanner makes the tokens, so that constants mean the same.
func parse(text string) (e expr, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = expr{}, fmt.Errorf("the scanner of Casbin panics: %v", r)
		}
	}()
	functions := map[string]govaluate.ExpressionFunction{ // every other function is refused
		"g": func(...any) (any, error) { return nil, errors.New("only its name is known") },
	}
	evaluable, err := govaluate.NewEvaluableExpressionWithFunctions(text, functions)
	if err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "Undefined function "); ok {
			err = fmt.Errorf("%s is not compiled", name)
		}
		return expr{}, err
	}
	p := &parser{tokens: evaluable.Tokens()}
	e, err = p.choice()
	if err == nil && len(p.tokens) > 0 {
		err = p.unexpected()
	}
	return e, err
}

// parser takes tokens from the front.
type parser struct{ tokens []govaluate.ExpressionToken }

func (p *parser) choice() (expr, error) { return p.chain("||", p.conjunction) }

func (p *parser) conjunction() (expr, error) { return p.chain("&&", p.term) }

// chain reads one or more parts with op between them. Parts that are chains of
// the same kind, in parentheses, become part of this one.
func (p *parser) chain(op string, part func() (expr, error)) (expr, error) {
	var parts []expr
	for {
		e, err := part()
		if err != nil {
			return expr{}, err
		}
		parts = append(parts, e.split(op)...)
		if !p.skip(govaluate.LOGICALOP, op) {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return expr{op: op, parts: parts}, nil
}

func (p *parser) term() (expr, error) {
	if p.at(govaluate.CLAUSE) {
		p.tokens = p.tokens[1:]
		e, err := p.choice()
		if err == nil && !p.skip(govaluate.CLAUSE_CLOSE, nil) {
			err = p.unexpected()
		}
		return e, err
	}
	if p.skip(govaluate.FUNCTION, nil) {
		return p.link()
	}
	left, err := p.operand()
	if err != nil {
		return expr{}, err
	}
	if !p.skip(govaluate.COMPARATOR, "==") {
		return expr{}, p.unexpected()
	}
	right, err := p.operand()
	return expr{op: "==", operands: []operand{left, right}}, err
}

// link reads the operands of g.
func (p *parser) link() (expr, error) {
	if !p.skip(govaluate.CLAUSE, nil) {
		return expr{}, p.unexpected()
	}
	e := expr{op: "g"}
	for {
		o, err := p.operand()
		if err != nil {
			return expr{}, err
		}
		e.operands = append(e.operands, o)
		if p.skip(govaluate.CLAUSE_CLOSE, nil) {
			break
		}
		if !p.skip(govaluate.SEPARATOR, nil) {
			return expr{}, p.unexpected()
		}
	}
	if len(e.operands) < 2 {
		return expr{}, fmt.Errorf("%s is not compiled", e)
	}
	return e, nil
}

func (p *parser) operand() (operand, error) {
	if !p.at(govaluate.VARIABLE) && !p.at(govaluate.STRING) {
		return operand{}, p.unexpected()
	}
	o := operand{kind: variable, text: p.tokens[0].Value.(string)}
	if p.at(govaluate.STRING) {
		o.kind = constantText
	}
	p.tokens = p.tokens[1:]
	return o, nil
}

func (p *parser) at(kind govaluate.TokenKind) bool {
	return len(p.tokens) > 0 && p.tokens[0].Kind == kind
}

// skip takes a token of the kind and, unless it is nil, of the value.
func (p *parser) skip(kind govaluate.TokenKind, value any) bool {
	if !p.at(kind) || value != nil && p.tokens[0].Value != value {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) unexpected() error {
	if len(p.tokens) == 0 {
		return errors.New("it ends too early")
	}
	t := p.tokens[0]
	switch value := t.Value.(type) {
	case []string: // r.sub.Name
		return fmt.Errorf("%s is not compiled", dotted(strings.Join(value, ".")))
	case string:
		return fmt.Errorf("%s is not compiled here", dotted(value))
	}
	return fmt.Errorf("a %s is not compiled here", strings.ToLower(t.Kind.String()))
}

// String is the expression as one would write it in a model, cut short.
func (e expr) String() string {
	var b strings.Builder
	e.write(&b)
	s := b.String()
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}

func (e expr) write(b *strings.Builder) {
	for i, part := range e.parts {
		if i > 0 {
			b.WriteString(" " + e.op + " ")
		}
		if slices.Contains([]string{"||", "&&"}, part.op) {
			b.WriteString("(")
			part.write(b)
			b.WriteString(")")
		} else {
			part.write(b)
		}
	}
	var operands []string
	for _, o := range e.operands {
		operands = append(operands, o.String())
	}
	switch e.op {
	case "==":
		b.WriteString(strings.Join(operands, " == "))
	case "g":
		b.WriteString("g(" + strings.Join(operands, ", ") + ")")
	}
}

func (o operand) String() string {
	if o.kind == constantText {
		return fmt.Sprintf("%q", o.text)
	}
	return dotted(o.text)
}

// dotted turns Casbin's inner name of a column, r_sub, into the one in a model, r.sub.
func dotted(name string) string {
	if strings.HasPrefix(name, "r_") || strings.HasPrefix(name, "p_") {
		return name[:1] + "." + name[2:]
	}
	return name
}
