package zoho

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// maxCriteria is how deep groups of criteria may be nested.
const maxCriteria = 16

// empty is the value that stands for none in criteria.
const empty = "${EMPTY}"

// attrTypes is what a field of a data type is as an attribute.
var attrTypes = map[string]model.AttrType{
	"integer": model.AttrInt, "bigint": model.AttrInt, "autonumber": model.AttrString,
	"double": model.AttrDouble, "decimal": model.AttrDouble, "currency": model.AttrDouble, "percent": model.AttrDouble,
	"boolean": model.AttrBool, "date": model.AttrTimestamp, "datetime": model.AttrTimestamp,
	"multiselectpicklist": model.AttrStrings, "multiselectlookup": model.AttrStrings, "multiuserlookup": model.AttrStrings,
	"text": model.AttrString, "textarea": model.AttrString, "picklist": model.AttrString, "email": model.AttrString,
	"phone": model.AttrString, "website": model.AttrString, "lookup": model.AttrString, "userlookup": model.AttrString,
	"ownerlookup": model.AttrString, "formula": model.AttrString, "profileimage": model.AttrString, "subform": model.AttrString,
	"fileupload": model.AttrString, "imageupload": model.AttrString, "consent_lookup": model.AttrString, "event_reminder": model.AttrString,
	"rrule": model.AttrString, "bamember": model.AttrString, "ALARM": model.AttrString,
}

// attr is the type of a field as an attribute; text if the module does not describe it.
func (m Module) attr(field string) model.AttrType {
	switch field {
	case lockedAttr:
		return model.AttrBool
	case territoriesAttr:
		return model.AttrStrings
	}
	if t := m.Fields[field].Type; t != "" {
		return attrTypes[t]
	}
	return model.AttrString
}

// fieldsOf adds the fields that criteria look at.
func (x *Criteria) fieldsOf(add func(string)) {
	if x.Field != "" && x.Field != ownerField {
		add(x.Field)
	}
	for i := range x.Group {
		x.Group[i].fieldsOf(add)
	}
}

// ownerField is the field that has the owner, whom our records name among their facts.
const ownerField = "Owner"

// expression is the criteria in CEL.
func (m Module) expression(x *Criteria, depth int) (string, *crm.Error) {
	if depth > maxCriteria {
		return "", &crm.Error{What: "criteria", Err: model.ErrTooDeep, Hint: "groups in groups in groups"}
	}
	if len(x.Group) == 0 && x.GroupOperator == "" {
		return m.comparison(x)
	}
	join := " && "
	if strings.EqualFold(x.GroupOperator, "or") {
		join = " || "
	} else if !strings.EqualFold(x.GroupOperator, "and") {
		return "", &crm.Error{What: "group_operator", Value: x.GroupOperator, Err: crm.ErrMalformed, Hint: "one of and, or"}
	}
	if len(x.Group) == 0 || x.Field != "" || x.Comparator != "" || len(x.Value) > 0 {
		return "", &crm.Error{What: "group", Err: crm.ErrMalformed, Hint: "a group holds criteria, and nothing beside them"}
	}
	parts := make([]string, len(x.Group))
	for i := range x.Group {
		part, err := m.expression(&x.Group[i], depth+1)
		if err != nil {
			return "", err
		}
		parts[i] = "(" + part + ")"
	}
	return strings.Join(parts, join), nil
}

// operators compare with one value, listings with any of several, and texts are functions.
var (
	operators = map[string]string{
		"equal": "==", "not_equal": "!=", "greater_than": ">", "less_than": "<", "greater_equal": ">=", "less_equal": "<=",
	}
	listings = map[string]bool{"equal": true, "in": true, "not_equal": false, "not_in": false} // whether it is one of them
	texts    = map[string]string{
		"contains": "contains", "not_contains": "contains", "starts_with": "startsWith", "ends_with": "endsWith",
	}
)

func (m Module) comparison(x *Criteria) (string, *crm.Error) {
	switch {
	case x.Field == "":
		return m.wrong(x, "", "a criterion has a field")
	case x.Field == ownerField:
		return m.ofOwner(x)
	case crm.IsBuiltIn(x.Field):
		return m.wrong(x, x.Field, "no attribute can have this name")
	case slices.Contains(x.Value, empty):
		return m.ofEmpty(x)
	case len(x.Value) == 0:
		return m.wrong(x, "", "there is no value")
	}
	values := make([]string, len(x.Value))
	for i, v := range x.Value {
		literal, ok := m.literal(x.Field, v)
		if !ok {
			return m.wrong(x, v, "no value of a field of the type "+m.Fields[x.Field].Type)
		}
		values[i] = literal
	}
	attr, expr := crm.Attribute(crm.Name(x.Field)), ""
	switch m.attr(x.Field) {
	case model.AttrStrings:
		expr = compareList(attr, x.Comparator, values)
	case model.AttrString:
		expr = cmp.Or(compareText(attr, x.Comparator, values), compareValue(attr, x.Comparator, values))
	default:
		expr = compareValue(attr, x.Comparator, values)
	}
	if expr == "" {
		return m.wrong(x, x.Comparator, "does not compare a field of the type "+m.Fields[x.Field].Type+" with this")
	}
	return expr, nil
}

func (m Module) wrong(x *Criteria, value, hint string) (string, *crm.Error) {
	return "", &crm.Error{What: "field " + x.Field + " " + x.Comparator, Value: value, Err: crm.ErrMalformed, Hint: hint}
}

// ofEmpty tells whether a field has a value.
func (m Module) ofEmpty(x *Criteria) (string, *crm.Error) {
	has := "has(" + crm.Attribute(crm.Name(x.Field)) + ")"
	switch {
	case len(x.Value) == 1 && x.Comparator == "equal":
		return "!" + has, nil
	case len(x.Value) == 1 && x.Comparator == "not_equal":
		return has, nil
	}
	return m.wrong(x, empty, "is compared with equal and not_equal only")
}

// compareValue compares an attribute with values; empty if the comparator does not.
func compareValue(attr, comparator string, values []string) string {
	is, lists := listings[comparator]
	operator, orders := operators[comparator]
	switch list := attr + " in [" + strings.Join(values, ", ") + "]"; {
	case orders && len(values) == 1:
		return attr + " " + operator + " " + values[0]
	case lists && is:
		return list
	case lists:
		return "!(" + list + ")"
	case comparator == "between" && len(values) == 2:
		return attr + " >= " + values[0] + " && " + attr + " <= " + values[1]
	case comparator == "not_between" && len(values) == 2:
		return attr + " < " + values[0] + " || " + attr + " > " + values[1]
	}
	return ""
}

// compareText looks for texts in an attribute.
func compareText(attr, comparator string, values []string) string {
	function, ok := texts[comparator]
	if !ok {
		return ""
	}
	return negated(comparator, anyOf(values, func(v string) string { return attr + "." + function + "(" + v + ")" }))
}

// compareList looks for values in an attribute that is a list.
func compareList(attr, comparator string, values []string) string {
	if _, ok := listings[comparator]; !ok && comparator != "contains" && comparator != "not_contains" {
		return ""
	}
	return negated(comparator, anyOf(values, func(v string) string { return v + " in " + attr }))
}

func negated(comparator, expr string) string {
	if strings.HasPrefix(comparator, "not_") {
		return "!(" + expr + ")"
	}
	return expr
}

// ofOwner compares the record's owners.
func (m Module) ofOwner(x *Criteria) (string, *crm.Error) {
	is := anyOf(x.Value, func(v string) string { return crm.Quote(userID(v)) + " in record.owners" })
	switch {
	case len(x.Value) == 0 || x.Value[0] == empty:
	case x.Comparator == "equal" || x.Comparator == "in":
		return is, nil
	case x.Comparator == "not_equal" || x.Comparator == "not_in":
		return "!(" + is + ")", nil
	}
	return "", &crm.Error{What: "field Owner", Value: x.Comparator, Err: crm.ErrMalformed, Hint: "one of equal, not_equal, in, not_in, with users"}
}

func anyOf(values []string, one func(string) string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = one(v)
	}
	return strings.Join(parts, " || ")
}

// literal is a value as it stands in CEL.
func (m Module) literal(field, v string) (string, bool) {
	switch m.attr(field) {
	case model.AttrInt:
		n, err := strconv.ParseInt(v, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case model.AttrDouble:
		return crm.Double(v)
	case model.AttrBool:
		b := strings.ToLower(v)
		return b, b == "true" || b == "false"
	case model.AttrTimestamp:
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil {
				return crm.Timestamp(t), true
			}
		}
		return "", false
	}
	return crm.Quote(v), true
}
