package filter

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Eval is what an expression is of a record. Of no record, and of an expression
// that this package does not know, it is Unknown, so that Not makes nothing true of it.
func Eval(x Expr, r *model.Record) Truth {
	if t, ok := x.(Truth); ok {
		return t
	}
	if r == nil {
		return Unknown
	}
	switch x := x.(type) {
	case And:
		return evalAnd(x, r)
	case Or:
		return evalOr(x, r)
	case Not:
		return Eval(x.X, r).Not()
	case IsTrue:
		return TruthOf(Eval(x.X, r) == True)
	case If:
		return evalIf(x, r)
	case OfParent:
		if r.Parent == nil || r.Parent.Type != x.Type {
			return Unknown
		}
		return Eval(x.X, r.Parent)
	case InChain:
		return evalChain(x, r)
	case IDIn:
		return TruthOf(has(x.Names, r.ID))
	case OwnerIn:
		return TruthOf(slices.ContainsFunc(r.Owners, func(o string) bool { return has(x.Names, o) }))
	case UnitIn:
		return TruthOf(has(x.Names, r.Unit))
	}
	return evalAttr(x, r)
}

func evalAnd(xs And, r *model.Record) Truth {
	all := True
	for _, x := range xs {
		switch Eval(x, r) {
		case False:
			return False
		case Unknown:
			all = Unknown
		}
	}
	return all
}

func evalOr(xs Or, r *model.Record) Truth {
	some := False
	for _, x := range xs {
		switch Eval(x, r) {
		case True:
			return True
		case Unknown:
			some = Unknown
		}
	}
	return some
}

func evalChain(x InChain, r *model.Record) Truth {
	for depth := 0; r != nil && r.Type == x.Type && depth <= model.MaxDepth; r, depth = r.Parent, depth+1 {
		if Eval(x.X, r) == True {
			return True
		}
	}
	return False
}

func evalIf(x If, r *model.Record) Truth {
	switch Eval(x.Cond, r) {
	case True:
		return Eval(x.Then, r)
	case False:
		return Eval(x.Else, r)
	}
	return Unknown
}

// has tells whether a name is among names. The empty name is none.
func has(names Names, name string) bool {
	switch n := names.(type) {
	case nil:
		return false
	case List:
		return name != "" && slices.Contains(n, name)
	}
	if name == "" {
		return false
	}
	for n := range names.All() {
		if n == name {
			return true
		}
	}
	return false
}

// evalAttr is what an expression about attributes is of a record.
func evalAttr(x Expr, r *model.Record) Truth {
	switch x := x.(type) {
	case Has:
		return evalHas(x.Attr, r)
	case Bool:
		if b, ok := attr(r, x.Attr).(bool); ok {
			return TruthOf(b)
		}
	case Compare:
		return compare(attr(r, x.Attr), x.Op, attrValue(x.Value))
	case CompareAttrs:
		return compare(attr(r, x.Left), x.Op, attr(r, x.Right))
	case In:
		v := attr(r, x.Attr)
		if v == nil {
			return Unknown
		}
		return TruthOf(slices.ContainsFunc(x.Values, func(c any) bool { return compare(v, Equal, attrValue(c)) == True }))
	case Contains:
		if list, ok := attr(r, x.Attr).([]string); ok {
			return TruthOf(slices.Contains(list, x.Value))
		}
	case Text:
		if s, ok := attr(r, x.Attr).(string); ok {
			return evalText(s, x.Where, x.Value)
		}
	}
	return Unknown
}

func evalHas(name string, r *model.Record) Truth {
	switch name {
	case "id":
		return TruthOf(r.ID != "")
	case "unit":
		return TruthOf(r.Unit != "")
	}
	return TruthOf(attr(r, name) != nil)
}

func evalText(s string, where Where, value string) Truth {
	switch where {
	case AtStart:
		return TruthOf(strings.HasPrefix(s, value))
	case AtEnd:
		return TruthOf(strings.HasSuffix(s, value))
	case Inside:
		return TruthOf(strings.Contains(s, value))
	}
	return Unknown
}

// attr is the value of a record's attribute, nil if there is none.
func attr(r *model.Record, name string) any { return attrValue(r.Attrs[name]) }

// attrValue is a value of an attribute as a string, int64, float64, bool, time.Time,
// time.Duration or []string; otherwise nil. A time that is not of the years 1 to 9999
// in UTC is none, and neither is NaN, as in conditions.
func attrValue(v any) any {
	switch v := v.(type) {
	case string, int64, bool, time.Duration, []string:
		return v
	case float64:
		return double(v)
	case time.Time:
		if year := v.UTC().Year(); year < 1 || year > 9999 {
			return nil
		}
		return v
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case float32:
		return double(float64(v))
	}
	return nil
}

// compare compares as CEL does. What is of different types is unequal, and as
// little to be ordered as NaN is.
func compare(a any, op Op, b any) Truth {
	if a == nil || b == nil || op < Equal || op > GreaterOrEqual {
		return Unknown
	}
	order, ordered := orderOf(a, b)
	switch {
	case ordered:
		return TruthOf(op.holds(order))
	case op == Equal:
		return TruthOf(equalLists(a, b))
	case op == NotEqual:
		return TruthOf(!equalLists(a, b))
	}
	return Unknown
}

// holds tells whether a comparison of a with b is true, if cmp.Compare of them is order.
func (o Op) holds(order int) bool {
	switch o {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	case LessOrEqual:
		return order <= 0
	case Greater:
		return order > 0
	case GreaterOrEqual:
		return order >= 0
	}
	return false
}

func orderOf(a, b any) (order int, ordered bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return cmp.Compare(number(a), number(b)), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case time.Duration:
		b, ok := b.(time.Duration)
		return cmp.Compare(a, b), ok
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b), true
		}
		b, ok := b.(float64)
		return cmp.Compare(float64(a), b), ok && !math.IsNaN(b)
	case float64:
		if i, ok := b.(int64); ok {
			b = float64(i) // a number that is not whole makes both inexact, in CEL too
		}
		b, ok := b.(float64)
		return cmp.Compare(a, b), ok && !math.IsNaN(a) && !math.IsNaN(b)
	}
	return 0, false
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func equalLists(a, b any) bool {
	left, ok := a.([]string)
	right, too := b.([]string)
	return ok && too && slices.Equal(left, right)
}

// double is a double; nil if it is NaN.
func double(f float64) any {
	if math.IsNaN(f) {
		return nil
	}
	return f
}
