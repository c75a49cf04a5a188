package salesforce

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// criteria is the expression that says that record, or record.parent, meets criteria. An attribute that is
// missing counts as empty, as null does in Salesforce: it is not equal to any value.
func (c *compiler) criteria(object, of string, all []Criterion, filter string) string {
	parts := make([]string, len(all))
	for i, x := range all {
		name := crm.Name(x.Field)
		if x.Field == "OwnerId" && x.Value == "$User.Id" && of == "record" {
			parts[i] = ownerIsUser(x.Operation)
		} else {
			typ := c.fieldType(object, x.Field)
			c.attribute(object, name, typ)
			parts[i] = c.compare(of+"["+crm.Quote(name)+"]", typ, x)
		}
		if parts[i] == "" {
			c.fail(x.refuse(object))
			return "false"
		}
	}
	expr, err := joinFilter(parts, filter)
	if err != nil {
		err.What = "criteria of " + object
		c.fail(err)
	}
	return expr
}

// expressible tells whether a condition can be made of the criteria of a sharing rule.
func (o *Organisation) expressible(object string, r SharingRule) error {
	c := newCompiler(o, crm.Dialect{}, "")
	c.schema.Types[crm.Name(object)] = model.Type{Attributes: map[string]model.AttrType{}}
	if expr := c.criteria(object, "record", r.Criteria, r.Filter); c.err == nil && len(expr) > crm.MaxExpression {
		return crm.ErrTooLarge
	}
	return c.err
}

func (x Criterion) refuse(object string) error {
	return &crm.Error{
		What: "criterion of " + object + "." + x.Field, Value: x.Operation + " " + x.Value, Err: crm.ErrMalformed,
		Hint: "no such comparison of such a field, or not one that can be decided",
	}
}

func ownerIsUser(operation string) string {
	switch operation {
	case "equals":
		return "own()"
	case "notEqual":
		return "!own()"
	}
	return ""
}

// fieldType is the type of the attribute that has a field's value.
func (c *compiler) fieldType(object, field string) model.AttrType {
	return attrType(c.Objects[object].Fields[field].Type)
}

// attrType is the type of an attribute for a type of the metadata.
func attrType(typ string) model.AttrType {
	switch typ {
	case "Checkbox":
		return model.AttrBool
	case "Number", "Currency", "Percent":
		return model.AttrDouble
	case "Date", "DateTime":
		return model.AttrTimestamp
	case "MultiselectPicklist":
		return model.AttrStrings
	}
	return model.AttrString
}

// comparisons are the operations of which CEL has the operator.
var comparisons = map[string]string{
	"equals": "==", "notEqual": "!=", "lessThan": "<", "lessOrEqual": "<=", "greaterThan": ">", "greaterOrEqual": ">=",
}

// compare is a criterion about an attribute; empty if there is no such comparison.
func (c *compiler) compare(a string, typ model.AttrType, x Criterion) string {
	if field, ok := strings.CutPrefix(x.Value, "$User."); ok {
		return c.compareUser(a, x.Operation, field)
	}
	if x.Value == "" {
		switch x.Operation {
		case "equals":
			return "!has(" + a + ")"
		case "notEqual":
			return "has(" + a + ")"
		}
		return ""
	}
	negated := x.Operation == "notEqual" || x.Operation == "notContain" || x.Operation == "excludes"
	expr := comparison(a, typ, x)
	switch {
	case expr == "":
		return ""
	case negated:
		return "!(has(" + a + ") && (" + expr + "))"
	}
	return "has(" + a + ") && (" + expr + ")"
}

// compareUser compares with a field of the user. The user's that is missing is unknown.
func (c *compiler) compareUser(a, operation, field string) string {
	user := "user.id"
	if field != "Id" {
		c.userField(field)
		user = userAttribute(field)
	}
	switch operation {
	case "equals":
		return "has(" + a + ") && " + a + " == " + user
	case "notEqual":
		return "!(has(" + a + ") && " + a + " == " + user + ")"
	}
	return ""
}

// comparison is the positive form of a criterion, true or false of an attribute that has a value.
func comparison(a string, typ model.AttrType, x Criterion) string {
	operation := x.Operation
	if operation == "notEqual" {
		operation = "equals"
	}
	var parts []string
	for v := range strings.SplitSeq(x.Value, ",") {
		part := comparesTo(a, typ, operation, strings.TrimSpace(v))
		if part == "" {
			return ""
		}
		parts = append(parts, part)
	}
	if len(parts) > 1 && typ == model.AttrString && operation == "equals" {
		return a + " in [" + strings.Join(literals(x.Value), ", ") + "]"
	}
	return strings.Join(parts, " || ")
}

func literals(values string) (all []string) {
	for v := range strings.SplitSeq(values, ",") {
		all = append(all, crm.Quote(strings.TrimSpace(v)))
	}
	return all
}

func comparesTo(a string, typ model.AttrType, operation, value string) string {
	if typ == model.AttrStrings {
		return compareList(a, operation, value)
	}
	literal := literalOf(typ, value)
	if literal == "" {
		return ""
	}
	switch operation {
	case "contains", "notContain":
		operation = "contains"
	case "startsWith":
	default:
		op := comparisons[operation]
		if op == "" || typ == model.AttrBool && op != "==" {
			return ""
		}
		return a + " " + op + " " + literal
	}
	if typ != model.AttrString {
		return ""
	}
	return a + "." + operation + "(" + literal + ")"
}

// compareList compares a list of values, of a picklist that takes several. Semicolons join values that must all be there.
func compareList(a, operation, value string) string {
	if !slices.Contains([]string{"equals", "includes", "excludes"}, operation) {
		return ""
	}
	var parts []string
	for v := range strings.SplitSeq(value, ";") {
		parts = append(parts, crm.Quote(strings.TrimSpace(v))+" in "+a)
	}
	return "(" + strings.Join(parts, " && ") + ")"
}

// literalOf is a value in CEL; empty if it is none of the type.
func literalOf(typ model.AttrType, value string) string {
	switch typ {
	case model.AttrString:
		return crm.Quote(value)
	case model.AttrBool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return ""
		}
		return strconv.FormatBool(b)
	case model.AttrDouble:
		literal, _ := crm.Double(value)
		return literal
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.000Z", time.DateOnly} {
		if t, err := time.Parse(layout, value); err == nil {
			return crm.Timestamp(t)
		}
	}
	return ""
}

func userAttribute(field string) string { return "user[" + crm.Quote(crm.Name(field)) + "]" }

// userField declares an attribute of the user.
func (c *compiler) userField(field string) {
	c.schema.User[crm.Name(field)] = attrType(c.UserFields[field])
}

// joinFilter joins criteria by a filter such as "1 AND (2 OR 3)", in capitals or not; all of them by none.
func joinFilter(parts []string, filter string) (string, *crm.Error) {
	if len(parts) == 0 {
		return "", &crm.Error{Err: crm.ErrMalformed, Hint: "there is no criterion"}
	}
	if filter == "" {
		if len(parts) == 1 {
			return parts[0], nil
		}
		return "(" + strings.Join(parts, ") && (") + ")", nil
	}
	p := filterParser{parts: parts, words: filterWords(filter), used: make([]bool, len(parts))}
	expr := p.or(0)
	if p.bad || len(p.words) > 0 || slices.Contains(p.used, false) {
		return "", &crm.Error{Value: filter, Err: crm.ErrMalformed, Hint: "numbers of criteria, each at least once, with AND, OR, NOT and parentheses"}
	}
	return expr, nil
}

// filterWords takes a filter apart; parentheses are words of their own.
func filterWords(filter string) []string {
	spaced := strings.NewReplacer("(", " ( ", ")", " ) ").Replace(strings.ToUpper(filter))
	return strings.Fields(spaced)
}

// filterParser reads a filter from the left. AND binds stronger than OR.
type filterParser struct {
	parts []string
	words []string // still to be read
	used  []bool   // which of the criteria it has
	bad   bool
}

// maxNesting is how deep parentheses may be.
const maxNesting = 32

func (p *filterParser) next(word string) bool {
	if len(p.words) > 0 && p.words[0] == word {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *filterParser) or(depth int) string {
	expr := p.and(depth)
	for !p.bad && p.next("OR") {
		expr += " || " + p.and(depth)
	}
	return expr
}

func (p *filterParser) and(depth int) string {
	expr := p.operand(depth)
	for !p.bad && p.next("AND") {
		expr += " && " + p.operand(depth)
	}
	return expr
}

func (p *filterParser) operand(depth int) string {
	switch {
	case depth > maxNesting || len(p.words) == 0:
		p.bad = true
		return ""
	case p.next("NOT"):
		return "!" + p.operand(depth+1)
	case p.next("("):
		expr := "(" + p.or(depth+1) + ")"
		p.bad = p.bad || !p.next(")")
		return expr
	}
	i, err := strconv.Atoi(p.words[0])
	if err != nil || i < 1 || i > len(p.parts) {
		p.bad = true
		return ""
	}
	p.words, p.used[i-1] = p.words[1:], true
	return "(" + p.parts[i-1] + ")"
}
