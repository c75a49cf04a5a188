package filter

import (
	"math/bits"
	"slices"
)

// Numbered is Names that are numbered, so that sets of them are put together fast.
type Numbered interface {
	Names
	// Of is the list that the numbers are of. Sets with the same list go together; it
	// is not to be changed.
	Of() []string
	// Mark sets the bit of each name's number: of n, bit n%64 of marks[n/64].
	Mark(marks []uint64)
}

// AppendIDs appends, in no order and each once, the ids of the records of which an expression
// is true, if it looks at nothing but ids and they are not all but some. Otherwise it appends
// nothing, and ok is false.
func AppendIDs(to []string, x Expr) (ids []string, ok bool) {
	u := universe{}
	if !u.collect(x) {
		return to, false
	}
	s := u.set(x)
	if s.except {
		return to, false
	}
	return u.appendNames(to, s), true
}

// universe is all ids that an expression looks at, by number.
type universe struct {
	of     []string
	number map[string]uint32 // only if the expression's names are not numbered alike
}

// idSet is a set of ids, by their numbers; with except, all ids but these.
type idSet struct {
	marks  []uint64
	except bool
}

// collect finds all ids, and tells whether the expression looks at nothing else.
func (u *universe) collect(x Expr) bool {
	switch x := x.(type) {
	case nil:
		return true
	case Truth:
		return x != Unknown
	case IsTrue:
		return u.collect(x.X)
	case Not:
		return u.collect(x.X)
	case And:
		return u.collectAll(x)
	case Or:
		return u.collectAll(x)
	case IDIn:
		u.add(x.Names)
		return true
	}
	return false
}

func (u *universe) collectAll(xs []Expr) bool {
	return !slices.ContainsFunc(xs, func(x Expr) bool { return !u.collect(x) })
}

func (u *universe) add(names Names) {
	if n, ok := names.(Numbered); ok && u.number == nil {
		if of := n.Of(); u.of == nil || same(of, u.of) {
			u.of = of
			return
		}
	}
	if u.number == nil {
		u.number = make(map[string]uint32, len(u.of)+names.Len())
		u.of = slices.Clip(u.of) // another's
		for i, id := range u.of {
			u.number[id] = uint32(i)
		}
	}
	for id := range names.All() {
		if _, ok := u.number[id]; !ok {
			u.number[id] = uint32(len(u.of))
			u.of = append(u.of, id)
		}
	}
}

func same(a, b []string) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func (u *universe) set(x Expr) idSet {
	switch x := x.(type) {
	case Truth:
		return idSet{u.none(), x == True}
	case IsTrue:
		return u.set(x.X)
	case Not:
		s := u.set(x.X)
		return idSet{s.marks, !s.except}
	case And:
		s := idSet{u.none(), true}
		for _, x := range x {
			s = s.and(u.set(x))
		}
		return s
	case Or: // as not all not
		s := idSet{u.none(), true}
		for _, x := range x {
			other := u.set(x)
			s = s.and(idSet{other.marks, !other.except})
		}
		return idSet{s.marks, !s.except}
	case IDIn:
		return idSet{u.marks(x.Names), false}
	}
	return idSet{u.none(), false}
}

func (u *universe) none() []uint64 { return make([]uint64, (len(u.of)+63)/64) }

func (u *universe) marks(names Names) []uint64 {
	marks := u.none()
	if n, ok := names.(Numbered); ok && u.number == nil {
		n.Mark(marks)
		return marks
	}
	for id := range names.All() {
		n := u.number[id]
		marks[n/64] |= 1 << (n % 64)
	}
	return marks
}

// and is the ids that are in both.
func (s idSet) and(other idSet) idSet {
	for i := range s.marks {
		a, b := s.marks[i], other.marks[i]
		switch {
		case s.except && other.except:
			s.marks[i] = a | b
		case s.except:
			s.marks[i] = b &^ a
		case other.except:
			s.marks[i] = a &^ b
		default:
			s.marks[i] = a & b
		}
	}
	return idSet{s.marks, s.except && other.except}
}

func (u *universe) appendNames(ids []string, s idSet) []string {
	count := 0
	for _, m := range s.marks {
		count += bits.OnesCount64(m)
	}
	ids = slices.Grow(ids, count)
	for i, m := range s.marks {
		for m != 0 { // a run of names at a time
			first := bits.TrailingZeros64(m)
			run := bits.TrailingZeros64(^(m >> first))
			ids = append(ids, u.of[i*64+first:i*64+first+run]...)
			m &^= (1<<run - 1) << first
		}
	}
	return ids
}
