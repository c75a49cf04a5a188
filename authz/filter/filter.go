// Package filter says which records of a type a question is about, as an
// expression over what is known of a record: the answer of
// authz.Authorizer.Filter. [Eval] judges one record in memory; [SQL] renders the
// expression as a condition of a database.
//
// An expression is true, false or unknown of a record, as a condition in SQL
// is: a record belongs to the list if it is true.
package filter

import (
	"iter"
	"slices"
)

// Expr is an expression over a record: one of the types of this package that
// say so. A nil Expr is of no record true.
type Expr interface{ isExpr() }

// Truth is the value of an expression for a record. The zero Truth is Unknown.
// As an Expr it is that of every record.
type Truth uint8

// The truth values.
const (
	Unknown Truth = iota
	False
	True
)

func (t Truth) String() string {
	switch t {
	case False:
		return "false"
	case True:
		return "true"
	}
	return "unknown"
}

// TruthOf is True or False.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Not is the opposite of what is known.
func (t Truth) Not() Truth {
	switch t {
	case False:
		return True
	case True:
		return False
	}
	return Unknown
}

type (
	// And is true if all are, and false if one is false, whatever the others. An
	// empty And is true.
	And []Expr
	// Or is true if one is, whatever the others, and false if all are false. An
	// empty Or is false.
	Or []Expr
	// Not is true if X is false.
	Not struct{ X Expr }
	// IsTrue is true if X is true, and otherwise false.
	IsTrue struct{ X Expr }
	// If is Then or Else, whichever Cond says; unknown if Cond is.
	If struct{ Cond, Then, Else Expr }

	// IDIn is true if the record's id is one of these, otherwise false.
	IDIn struct{ Names Names }
	// OwnerIn is true if an owner of the record is one of these ("user:alice",
	// "team:apac"), otherwise false.
	OwnerIn struct{ Names Names }
	// UnitIn is true if the record's unit is one of these ("unit:apac"), otherwise
	// false.
	UnitIn struct{ Names Names }
	// OfParent is what X is of the record's parent, which is of this type; unknown
	// of a record without a parent.
	OfParent struct {
		Type string
		X    Expr
	}

	// InChain is true if X is true of the record, which is of this type, or of one of the
	// parents above it, as far as these are of the type too; otherwise false.
	InChain struct {
		Type string
		X    Expr
	}

	// Has is true if the record has a value of the attribute, otherwise false. The
	// names id and unit mean the record's own.
	Has struct{ Attr string }
	// Bool is the value of a bool attribute; unknown if there is none.
	Bool struct{ Attr string }
	// Compare compares an attribute with a value: a string, int64, float64, bool,
	// time.Time or time.Duration of the attribute's type, or a number of another
	// type than the attribute's. Unknown if there is no value of the attribute. Strings
	// are compared byte by byte.
	Compare struct {
		Attr  string
		Op    Op
		Value any
	}
	// CompareAttrs compares two attributes of the same type of the record.
	CompareAttrs struct {
		Left  string
		Op    Op
		Right string
	}
	// In is true if an attribute's value is one of these, which are all of its type.
	// Unknown if there is no value of it.
	In struct {
		Attr   string
		Values []any
	}
	// Contains is true if the list of strings that an attribute is has the value.
	// Unknown if there is no value of the attribute.
	Contains struct {
		Attr  string
		Value string
	}
	// Text is true if a string attribute begins with the value, ends with it, or has
	// it in it, byte by byte. Unknown if there is no value of the attribute.
	Text struct {
		Attr  string
		Where Where
		Value string
	}
)

func (Truth) isExpr()        {}
func (And) isExpr()          {}
func (Or) isExpr()           {}
func (Not) isExpr()          {}
func (IsTrue) isExpr()       {}
func (If) isExpr()           {}
func (IDIn) isExpr()         {}
func (OwnerIn) isExpr()      {}
func (UnitIn) isExpr()       {}
func (OfParent) isExpr()     {}
func (InChain) isExpr()      {}
func (Has) isExpr()          {}
func (Bool) isExpr()         {}
func (Compare) isExpr()      {}
func (CompareAttrs) isExpr() {}
func (In) isExpr()           {}
func (Contains) isExpr()     {}
func (Text) isExpr()         {}

// Op is how two values are compared. The zero Op is no comparison.
type Op uint8

// The comparisons.
const (
	Equal Op = iota + 1
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

var opNames = [...]string{"?", "=", "<>", "<", "<=", ">", ">="}

// String is the operator in SQL.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return opNames[0]
}

// Where in a string another one is.
type Where uint8

// The places of Text.
const (
	AtStart Where = iota + 1
	AtEnd
	Inside
)

// Names is a set of names, which may be long and is listed only when it is needed.
type Names interface {
	// Len is how many names there are at most.
	Len() int
	// All yields each name, some perhaps more than once.
	All() iter.Seq[string]
}

// List is names that are listed already.
type List []string

// Len is how many names there are.
func (l List) Len() int { return len(l) }

// All yields the names.
func (l List) All() iter.Seq[string] { return slices.Values(l) }

// AllOf is the shortest And of the expressions: without what is always true,
// and False if one is.
func AllOf(xs ...Expr) Expr {
	all := And{}
	for _, x := range xs {
		switch x := x.(type) {
		case Truth:
			if x == False {
				return False
			}
			if x == Unknown {
				all = append(all, x)
			}
		case And:
			all = append(all, x...)
		default:
			all = append(all, x)
		}
	}
	switch len(all) {
	case 0:
		return True
	case 1:
		return all[0]
	}
	return all
}

// AnyOf is the shortest Or of the expressions: without what is never true, and
// True if one always is.
func AnyOf(xs ...Expr) Expr {
	some := Or{}
	for _, x := range xs {
		switch x := x.(type) {
		case Truth:
			if x == True {
				return True
			}
			if x == Unknown {
				some = append(some, x)
			}
		case Or:
			some = append(some, x...)
		default:
			some = append(some, x)
		}
	}
	switch len(some) {
	case 0:
		return False
	case 1:
		return some[0]
	}
	return some
}

// Negate is the shortest Not of an expression.
func Negate(x Expr) Expr {
	switch x := x.(type) {
	case Truth:
		return x.Not()
	case Not:
		return x.X
	}
	return Not{x}
}

// WhetherTrue is the shortest IsTrue of an expression.
func WhetherTrue(x Expr) Expr {
	switch x := x.(type) {
	case Truth:
		return TruthOf(x == True)
	case IsTrue, IDIn, OwnerIn, UnitIn, InChain, Has:
		return x
	}
	return IsTrue{x}
}
