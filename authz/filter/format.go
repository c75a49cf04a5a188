package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// most is how many names or values Format lists before it counts the rest.
const most = 5

// Format is an expression in one line for people, such as
//
//	owner in (user:alice, team:apac) or unit in (unit:apac) and region = "EU"
//
// Of long lists it names the first and counts the others. It is not meant to be parsed.
func Format(x Expr) string {
	var b strings.Builder
	format(&b, x, looseOr)
	return b.String()
}

// How tightly an expression's parts hold together, as they are written.
const (
	looseOr = iota
	looseAnd
	tight
)

func format(b *strings.Builder, x Expr, within int) {
	switch x := x.(type) {
	case nil:
		b.WriteString("unknown")
	case Truth:
		b.WriteString(x.String())
	case And:
		join(b, x, " and ", True, looseAnd, within)
	case Or:
		join(b, x, " or ", False, looseOr, within)
	case Not:
		b.WriteString("not ")
		format(b, x.X, tight)
	case IsTrue:
		call(b, "true", x.X)
	case If:
		call(b, "if", x.Cond, x.Then, x.Else)
	case OfParent:
		b.WriteString("parent ")
		b.WriteString(x.Type)
		b.WriteString(" has ")
		call(b, "", x.X)
	case InChain:
		b.WriteString("any " + x.Type + " upwards has ")
		call(b, "", x.X)
	default:
		formatFact(b, x)
	}
}

func join(b *strings.Builder, xs []Expr, word string, empty Truth, looseness, within int) {
	switch len(xs) {
	case 0:
		b.WriteString(empty.String())
		return
	case 1:
		format(b, xs[0], within)
		return
	}
	if looseness < within {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, x := range xs {
		if i > 0 {
			b.WriteString(word)
		}
		format(b, x, looseness+1)
	}
}

func call(b *strings.Builder, name string, xs ...Expr) {
	b.WriteString(name)
	b.WriteByte('(')
	for i, x := range xs {
		if i > 0 {
			b.WriteString(", ")
		}
		format(b, x, looseOr)
	}
	b.WriteByte(')')
}

// formatFact writes what looks at one fact of a record.
func formatFact(b *strings.Builder, x Expr) {
	switch x := x.(type) {
	case IDIn:
		formatNames(b, "id", x.Names)
	case OwnerIn:
		formatNames(b, "owner", x.Names)
	case UnitIn:
		formatNames(b, "unit", x.Names)
	case Has:
		b.WriteString("has " + x.Attr)
	case Bool:
		b.WriteString(x.Attr)
	case Compare:
		b.WriteString(x.Attr + " " + x.Op.String() + " " + formatValue(x.Value))
	case CompareAttrs:
		b.WriteString(x.Left + " " + x.Op.String() + " " + x.Right)
	case In:
		b.WriteString(x.Attr + " in ")
		formatList(b, len(x.Values), func(yield func(string) bool) {
			for _, v := range x.Values {
				if !yield(formatValue(v)) {
					return
				}
			}
		})
	case Contains:
		b.WriteString(x.Attr + " contains " + strconv.Quote(x.Value))
	case Text:
		b.WriteString(x.Attr + " " + x.Where.String() + " " + strconv.Quote(x.Value))
	default:
		fmt.Fprintf(b, "unknown %T", x)
	}
}

func formatNames(b *strings.Builder, of string, names Names) {
	b.WriteString(of + " in ")
	if names == nil {
		names = List(nil)
	}
	formatList(b, names.Len(), names.All())
}

func formatList(b *strings.Builder, length int, items func(yield func(string) bool)) {
	b.WriteByte('(')
	n := 0
	items(func(item string) bool {
		if n > 0 {
			b.WriteString(", ")
		}
		if n == most && length > most+1 {
			fmt.Fprintf(b, "and %d more", length-most)
			return false
		}
		b.WriteString(item)
		n++
		return true
	})
	b.WriteByte(')')
}

func formatValue(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// String says where, as Format does.
func (w Where) String() string {
	switch w {
	case AtStart:
		return "begins with"
	case AtEnd:
		return "ends with"
	case Inside:
		return "has in it"
	}
	return "?"
}
