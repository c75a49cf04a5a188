package condition

import (
	"errors"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// RecordType is what is known of the records that a condition is made a filter of.
type RecordType struct {
	Name       string
	Attributes map[string]model.AttrType
	Parent     *RecordType // nil: none; may be cyclic
	Sets       Sets        // nil: what functions say of records is unknown
}

// Sets answers for functions about the record with expressions.
type Sets interface {
	// OwnerIn is the records of which some owner is the group, or is in it.
	OwnerIn(group string) filter.Expr
	// TeamRole is the records on which the user holds a team rule in this role.
	TeamRole(as string) filter.Expr
	// Own is the records that the user, or a team of hers, owns.
	Own() filter.Expr
	// Groups are the groups of which Facts.Member says yes.
	Groups() []string
}

// Filter makes a condition an expression over records of a type, of what is
// known beside the record: filter.Eval of it is Eval with the record, for each
// record of the type whose parent, if any, is of the parent's type. The record of
// the Input is ignored.
//
// It is not ok if the condition is check-only or there is none of this name.
// Otherwise it is, except in three cases that depend on values: exists looks for what
// is unknown, such as a missing attribute of the user; a part that needs no record
// panics or costs too much; a whole number is looked for in a list that has
// floating-point numbers from 2^53 on.
func (s *Set) Filter(name string, in Input, of *RecordType) (x filter.Expr, ok bool) {
	c := s.conditions[name]
	if c == nil || c.form == nil || of == nil {
		return nil, false
	}
	in.Record = &model.Record{Type: of.Name}
	l := &listing{known: evaluation{in}, of: of}
	x = c.form(l)
	if l.failed {
		return nil, false
	}
	return x, true
}

// form makes a condition, or a part of one, an expression over records.
type form func(*listing) filter.Expr

// listing is one question that an expression over records is made for.
type listing struct {
	known  evaluation // its record has nothing but the type
	of     *RecordType
	failed bool // the form does not fit these values
}

// functions tells whether functions about the record have an answer.
func (l *listing) functions() bool { return l.known.Facts != nil && l.of.Sets != nil }

// constant is the value of a part of a condition that is the same for all records
// of a type; nil if it is unknown.
type constant func(*listing) ref.Val

// evaluate is the value of a program, which is nil if the program fails as
// conditions may.
func (l *listing) evaluate(p cel.Program) ref.Val {
	out, _, err := p.Eval(&l.known)
	if err == nil {
		return out
	}
	// A panic, or the limit of costs, ends the whole condition and not this part only.
	if ordinary := new(types.Err); !errors.As(err, &ordinary) {
		l.failed = true
	}
	return nil
}

// leaf is a form of a part that speaks of one record only: the record itself or one
// of its parents, which is of the type that leaf is given.
type leaf func(*listing, *RecordType) filter.Expr

// of is the form of a leaf that speaks of the record so many parents up.
func (f leaf) of(up int) form {
	return func(l *listing) filter.Expr { return f.above(l, l.of, up) }
}

func (f leaf) above(l *listing, of *RecordType, up int) filter.Expr {
	if up == 0 {
		return f(l, of)
	}
	if of.Parent == nil {
		return filter.Unknown
	}
	x := f.above(l, of.Parent, up-1)
	if x == filter.Unknown {
		return x
	}
	return filter.OfParent{Type: of.Parent.Name, X: x}
}

// ifKnown is t of the records that have a value of the attribute, and otherwise unknown.
func ifKnown(attr string, t filter.Truth) filter.Expr {
	return filter.If{Cond: filter.Has{Attr: attr}, Then: t, Else: filter.Unknown}
}

// choose is the shortest If of the expressions.
func choose(cond, then, otherwise filter.Expr) filter.Expr {
	switch {
	case cond == filter.True:
		return then
	case cond == filter.False:
		return otherwise
	case cond == filter.Unknown:
		return filter.Unknown
	case then == filter.True && otherwise == filter.False:
		return cond
	case then == filter.False && otherwise == filter.True:
		return filter.Negate(cond)
	}
	return filter.If{Cond: cond, Then: then, Else: otherwise}
}
