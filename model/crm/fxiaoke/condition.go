package fxiaoke

import (
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

var attrTypes = map[string]model.AttrType{
	"": model.AttrString, "text": model.AttrString, "number": model.AttrDouble, "boolean": model.AttrBool,
	"date": model.AttrTimestamp, "multi": model.AttrStrings,
}

// attr is the type of a field as an attribute.
func (x Object) attr(field string) model.AttrType {
	switch field {
	case lockAttr, lifeAttr, poolAttr:
		return model.AttrString
	}
	return attrTypes[x.Fields[field].Type]
}

var operators = map[string]string{"equal": "==", "not_equal": "!=", "greater": ">", "less": "<", "at_least": ">=", "at_most": "<="}

// expression is conditions in CEL: all of them hold.
func (x Object) expression(conditions []Condition) (string, error) {
	parts := make([]string, len(conditions))
	for i, c := range conditions {
		part, err := x.comparison(c)
		if err != nil {
			return "", err
		}
		parts[i] = "(" + part + ")"
	}
	return strings.Join(parts, " && "), nil
}

func (x Object) comparison(c Condition) (string, error) {
	wrong := func(value, hint string) (string, error) {
		return "", &crm.Error{What: "condition on " + c.Field, Value: value, Err: crm.ErrMalformed, Hint: hint}
	}
	if c.Field == "" || crm.IsBuiltIn(c.Field) {
		return wrong(c.Field, "no attribute can have this name")
	}
	attr, typ := crm.Attribute(crm.Name(c.Field)), x.attr(c.Field)
	switch c.Operator {
	case "empty":
		return "!has(" + attr + ")", nil
	case "not_empty":
		return "has(" + attr + ")", nil
	}
	var values []string
	for _, v := range c.Value {
		literal, ok := literalOf(typ, v)
		if !ok {
			return wrong(v, "no value of a field of the type "+x.Fields[c.Field].Type)
		}
		values = append(values, literal)
	}
	operator, compares := operators[c.Operator]
	switch {
	case len(values) == 0:
		return wrong(c.Operator, "there is no value")
	case typ == model.AttrStrings && (c.Operator == "contains" || c.Operator == "in"):
		for i, v := range values {
			values[i] = v + " in " + attr
		}
		return strings.Join(values, " || "), nil
	case typ == model.AttrStrings:
	case compares && len(values) == 1:
		return attr + " " + operator + " " + values[0], nil
	case c.Operator == "in":
		return attr + " in [" + strings.Join(values, ", ") + "]", nil
	case c.Operator == "contains" && typ == model.AttrString && len(values) == 1:
		return attr + ".contains(" + values[0] + ")", nil
	}
	return wrong(c.Operator, "does not compare a field of the type "+x.Fields[c.Field].Type+" with this")
}

// literalOf is a value as it stands in CEL.
func literalOf(t model.AttrType, v string) (string, bool) {
	switch t {
	case model.AttrDouble:
		return crm.Double(v)
	case model.AttrBool:
		return v, v == "true" || v == "false"
	case model.AttrTimestamp:
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, v); err == nil {
				return crm.Timestamp(at), true
			}
		}
		return "", false
	}
	return crm.Quote(v), true
}
