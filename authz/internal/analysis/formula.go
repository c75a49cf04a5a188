package analysis

import (
	"github.com/crmauthz/crmauthz/authz/filter"
)

// formula is an expression over the variables of a problem. Its value is true,
// false or unknown, as that of package filter.
type formula struct {
	op       op
	kids     []*formula
	truth    truths // of a constant
	variable int    // of an atom, or of a condition
	atom     int    // of the variable
}

type op uint8

const (
	opConstant op = iota
	opAnd
	opOr
	opNot
	opIsTrue
	opAtom      // whether an atom is true of the variable's value
	opCondition // the variable's value
)

// truths is a set of truth values: those that a formula may have.
type truths uint8

const (
	mayBeTrue truths = 1 << iota
	mayBeFalse
	mayBeUnknown
)

func truthsOf(t filter.Truth) truths {
	switch t {
	case filter.True:
		return mayBeTrue
	case filter.False:
		return mayBeFalse
	}
	return mayBeUnknown
}

// settled tells whether there is one value only.
func (t truths) settled() bool { return t&(t-1) == 0 }

func (t truths) not() truths {
	n := t & mayBeUnknown
	if t&mayBeTrue != 0 {
		n |= mayBeFalse
	}
	if t&mayBeFalse != 0 {
		n |= mayBeTrue
	}
	return n
}

// isTrue is two-valued.
func (t truths) isTrue() truths {
	n := t & mayBeTrue
	if t&^mayBeTrue != 0 {
		n |= mayBeFalse
	}
	return n
}

func (t truths) and(u truths) truths {
	n := (t | u) & mayBeFalse
	if t&u&mayBeTrue != 0 {
		n |= mayBeTrue
	}
	if t&mayBeUnknown != 0 && u&(mayBeTrue|mayBeUnknown) != 0 || u&mayBeUnknown != 0 && t&mayBeTrue != 0 {
		n |= mayBeUnknown
	}
	return n
}

// within is the values that a formula may have for the classes of a cube, and perhaps
// others: each variable is looked at for itself.
func (f *formula) within(p *problem, c cube) truths {
	switch f.op {
	case opAnd:
		t := mayBeTrue
		for _, k := range f.kids {
			if t = t.and(k.within(p, c)); t == mayBeFalse {
				break
			}
		}
		return t
	case opOr: // as not all not
		t := mayBeTrue
		for _, k := range f.kids {
			if t = t.and(k.within(p, c).not()); t == mayBeFalse {
				break
			}
		}
		return t.not()
	case opNot:
		return f.kids[0].within(p, c).not()
	case opIsTrue:
		return f.kids[0].within(p, c).isTrue()
	case opAtom:
		return p.vars[f.variable].atomWithin(f.atom, c[f.variable])
	case opCondition:
		return conditionWithin(c[f.variable])
	}
	return f.truth
}

// open is a test of one variable that a formula's value depends on in a cube; nil if it
// has one value only.
func (f *formula) open(p *problem, c cube) *formula {
	if f.within(p, c).settled() {
		return nil
	}
	if _, ok := f.test(); ok {
		return f
	}
	for _, k := range f.kids {
		if found := k.open(p, c); found != nil {
			return found
		}
	}
	return nil
}

// test tells whether a formula asks one thing of one variable: an atom, a condition, whether a condition
// holds, or whether it is known not to.
func (f *formula) test() (variable int, ok bool) {
	if f.op == opIsTrue {
		if f = f.kids[0]; f.op == opNot {
			f = f.kids[0]
		}
		return f.variable, f.op == opCondition
	}
	return f.variable, f.op == opAtom || f.op == opCondition
}
