package plain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2/constant"
)

// matcher is a matcher that was understood, and the effect.
type matcher struct {
	superusers []string
	subject    []subjectTest // one of them must hold
	subjectCol int
	roleCol    int                 // the column p.dom of g(r.sub, p.sub, p.dom); -1: none
	equal      [arguments]equality // for domain, object and action

	effect       effect
	effectColumn int // -1: every line allows
}

// subjectTest is a condition on the subjects of request and rule.
type subjectTest struct {
	kind     subjectKind
	constant string // the domain of inConstant, the subject of isConstant
}

type subjectKind uint8

const (
	sameName   subjectKind = iota + 1 // r.sub == p.sub
	isConstant                        // p.sub == constant
	inRequest                         // g(r.sub, p.sub, r.dom)
	inRule                            // g(r.sub, p.sub, p.dom)
	inConstant                        // g(r.sub, p.sub, constant)
)

// equality says that an argument is equal to a column of the rule, or that the
// column has a wildcard.
type equality struct {
	known    bool
	column   int
	wild     bool
	wildcard string
}

// effect is how the rules that match make a decision.
type effect uint8

const (
	someAllow effect = iota + 1
	noDeny
	someAllowNoDeny
)

var effectOf = map[string]effect{
	constant.AllowOverrideEffect: someAllow,
	constant.DenyOverrideEffect:  noDeny,
	constant.AllowAndDenyEffect:  someAllowNoDeny,
}

// effects is what the rules that match want.
type effects uint8

const (
	allows effects = 1 << iota
	denies
)

func (e effect) decide(found effects) bool {
	switch e {
	case someAllow:
		return found&allows != 0
	case noDeny:
		return found&denies == 0
	case someAllowNoDeny:
		return found == allows
	}
	return false
}

// settled tells whether no further rule can change the decision.
func (e effect) settled(found effects) bool {
	if e == someAllow {
		return found&allows != 0
	}
	return found&denies != 0
}

// readMatcher understands the text of a matcher, or says what it does not.
func (d *definition) readMatcher(text string) (*matcher, error) {
	const switchesOnDomainPatterns = "keyMatch(r_dom, p_dom)" // even in a constant
	if strings.Contains(text, switchesOnDomainPatterns) {
		return nil, errors.New("keyMatch(r.dom, p.dom) is not compiled")
	}
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	m := &matcher{}
	var rules []expr // what is left beside superusers
	for _, alternative := range e.split("||") {
		if name, ok := d.superuser(alternative); ok {
			m.superusers = append(m.superusers, name)
		} else {
			rules = append(rules, alternative)
		}
	}
	if len(rules) != 1 {
		return nil, fmt.Errorf("%s is not compiled", e)
	}
	for _, condition := range rules[0].split("&&") {
		if err := d.readCondition(m, condition); err != nil {
			return nil, err
		}
	}
	return m, m.checkComplete()
}

// superuser tells whether the expression is r.sub == "name".
func (d *definition) superuser(e expr) (name string, ok bool) {
	if e.op != "==" {
		return "", false
	}
	of, with := e.operands[0], e.operands[1]
	if of.kind == constantText {
		of, with = with, of
	}
	return with.text, with.kind == constantText && d.isArgument(of, subject)
}

// condition is a choice of tests of one column of the rule.
type condition struct {
	argument  int // what the column is compared with; -1: not known yet
	column    int // -1: not known yet
	constants []string
	subject   []subjectTest
	roleCol   int // the column p.dom of g(r.sub, p.sub, p.dom); -1: none
}

// readCondition reads one of the conditions that must all hold.
func (d *definition) readCondition(m *matcher, e expr) error {
	c := condition{argument: -1, column: -1, roleCol: -1}
	for _, test := range e.split("||") {
		if !d.readTest(&c, test) {
			return fmt.Errorf("%s is not compiled", e)
		}
	}
	switch {
	case c.argument == subject && m.subject == nil:
		for _, constant := range c.constants {
			c.subject = append(c.subject, subjectTest{isConstant, constant})
		}
		m.subject, m.subjectCol, m.roleCol = c.subject, c.column, c.roleCol
		return nil
	case c.argument > subject && len(c.constants) <= 1 && !m.equal[c.argument].known:
		eq := equality{known: true, column: c.column}
		if len(c.constants) == 1 {
			eq.wild, eq.wildcard = true, c.constants[0]
		}
		m.equal[c.argument] = eq
		return nil
	}
	return fmt.Errorf("%s is not compiled", e)
}

// readTest adds a test to the condition, if it is one of the same column.
func (d *definition) readTest(c *condition, e expr) bool {
	switch e.op {
	case "==":
		of, with := e.operands[0], e.operands[1]
		if d.isColumn(with) {
			of, with = with, of
		}
		if with.kind == constantText {
			c.constants = append(c.constants, with.text)
			return d.isColumn(of) && c.onColumn(d.column(of.text))
		}
		argument, ok := d.argument[with.text]
		if argument == subject {
			c.subject = append(c.subject, subjectTest{kind: sameName})
		}
		return ok && d.isColumn(of) && c.onColumn(d.column(of.text)) && c.withArgument(argument)
	case "g":
		return d.isArgument(e.operands[0], subject) && d.isColumn(e.operands[1]) &&
			c.onColumn(d.column(e.operands[1].text)) && c.withArgument(subject) && d.readRoleDomain(c, e.operands[2:])
	}
	return false
}

// readRoleDomain reads what follows g(r.sub, p.sub. Nothing is Casbin's default domain "".
func (d *definition) readRoleDomain(c *condition, rest []operand) bool {
	switch {
	case len(rest) == 0:
		c.subject = append(c.subject, subjectTest{kind: inConstant})
	case len(rest) > 1:
		return false
	case rest[0].kind == constantText:
		c.subject = append(c.subject, subjectTest{inConstant, rest[0].text})
	case d.isArgument(rest[0], domain):
		c.subject = append(c.subject, subjectTest{kind: inRequest})
	case d.isColumn(rest[0]):
		column := d.column(rest[0].text)
		if c.roleCol >= 0 && c.roleCol != column {
			return false
		}
		c.roleCol = column
		c.subject = append(c.subject, subjectTest{kind: inRule})
	default:
		return false
	}
	return true
}

func (d *definition) isArgument(o operand, argument int) bool {
	a, ok := d.argument[o.text]
	return ok && o.kind == variable && a == argument
}

func (d *definition) isColumn(o operand) bool { return o.kind == variable && d.column(o.text) >= 0 }

func (c *condition) onColumn(column int) bool {
	if c.column < 0 {
		c.column = column
	}
	return c.column == column
}

func (c *condition) withArgument(argument int) bool {
	if c.argument < 0 {
		c.argument = argument
	}
	return c.argument == argument
}

// checkComplete refuses a matcher that leaves something of the request open.
func (m *matcher) checkComplete() error {
	names := [arguments]string{subject: "the subject", domain: "the domain", object: "the object", action: "the action"}
	for argument, name := range names {
		if argument == subject && m.subject == nil || argument > subject && !m.equal[argument].known {
			return fmt.Errorf("there is no condition on %s", name)
		}
	}
	if m.roleCol >= 0 && m.roleCol != m.equal[domain].column {
		return errors.New("g takes its domain from another column than r.dom is compared with")
	}
	return nil
}
