package engine

import (
	"math/bits"
	"slices"
)

// table is an immutable hash table from a name (with a tag, such as the index
// of a type) to a value. A change copies the one page it touches and the way to
// it, so that a snapshot of a million facts is followed by the next in
// microseconds while readers go on with the old one.
//
// Layout, for machines on which memory is far: a branch is as long as a cache
// line and tells, by a byte of each hash, in which slots of its page a name may be. So a
// lookup reads one line for each level, of which most tables have one, and one slot.
type table[V any] struct {
	root []branch[V] // a power of two of them, or none
}

// branch holds either a page of slots or the branches below.
type branch[V any] struct {
	marks [pageSize / 8]uint64 // a byte for each slot; 0: there is none
	slots []slot[V]
	below []branch[V] // a power of two of them, or none
}

// slot is a name and its value. A short name is all in its key.
type slot[V any] struct {
	key
	value V
	long  *string // nil: the name is short
}

const (
	pageSize  = 16 // the names in a page before it is split; more only where their hashes are the same
	grown     = 16 // into how many branches it is split
	maxFan    = 256
	flat      = 7  // so many bits of a hash lead to a page over one level, more over several
	wayBits   = 24 // of a hash, which lead to a page
	everyByte = 0x0101010101010101
	gather    = 0x0102040810204080 // times the low bits of eight bytes: they come together in the highest
)

// mark is the byte of a hash by which a page tells its slots apart. The lower bits
// are the way to the page.
func mark(h uint32) uint64 { return max(1, uint64(h>>wayBits)) }

// branch returns the branch in whose page a name with this hash would be.
func (t *table[V]) branch(h uint32) *branch[V] {
	level := t.root
	if len(level) == 0 {
		return nil
	}
	for {
		b := &level[h&uint32(len(level)-1)]
		if b.below == nil {
			return b
		}
		h >>= bits.TrailingZeros(uint(len(level)))
		level = b.below
	}
}

// find returns the value of a name, or nil.
func (t *table[V]) find(tag uint32, name string) *V {
	k := keyOf(tag, name)
	if b := t.branch(k.hash); b != nil {
		if s := b.find(k, name); s != nil {
			return &s.value
		}
	}
	return nil
}

// find finds a name in the branch's page.
func (b *branch[V]) find(k key, name string) *slot[V] {
	// All of the page at once: which half a name is in is nothing to guess at.
	wanted := mark(k.hash) * everyByte
	for may := among(b.marks[0]^wanted) | among(b.marks[1]^wanted)<<8; may != 0; may &= may - 1 {
		if i := bits.TrailingZeros64(may); i < len(b.slots) && b.slots[i].is(k, name) {
			return &b.slots[i]
		}
	}
	for i := pageSize; i < len(b.slots); i++ {
		if b.slots[i].is(k, name) {
			return &b.slots[i]
		}
	}
	return nil
}

// among has a bit for each byte that is 0, and for some of those above it.
func among(eight uint64) uint64 {
	zero := (eight - everyByte) &^ eight & (everyByte << 7) // the high bit of each
	return zero >> 7 * gather >> 56
}

// all yields every slot.
func (t *table[V]) all(yield func(*slot[V]) bool) { allOf(t.root, yield) }

func allOf[V any](level []branch[V], yield func(*slot[V]) bool) bool {
	for i := range level {
		for j := range level[i].slots {
			if !yield(&level[i].slots[j]) {
				return false
			}
		}
		if !allOf(level[i].below, yield) {
			return false
		}
	}
	return true
}

func (s *slot[V]) is(k key, name string) bool {
	return s.key == k && (len(name) < short || *s.long == name)
}

// with returns a table in which the name has the value.
func (t *table[V]) with(tag uint32, name string, value V) table[V] {
	s := newSlot(tag, name, value)
	root := slices.Clone(t.root)
	if root == nil {
		root = make([]branch[V], 1)
	}
	b := &root[s.hash&uint32(len(root)-1)]
	*b = b.with(s, name, bits.TrailingZeros(uint(len(root))))
	return table[V]{root}
}

// with returns the branch with the slot of a name in it; used is how many bits
// of the hash led to it.
func (b *branch[V]) with(s slot[V], name string, used int) branch[V] {
	if b.below != nil {
		below := slices.Clone(b.below)
		next := &below[s.hash>>used&uint32(len(below)-1)]
		*next = next.with(s, name, used+bits.TrailingZeros(uint(len(below))))
		return branch[V]{below: below}
	}
	next := branch[V]{marks: b.marks, slots: append(make([]slot[V], 0, len(b.slots)+1), b.slots...)}
	if old := next.find(s.key, name); old != nil {
		*old = s
		return next
	}
	return newBranch(append(next.slots, s), used)
}

// newTable builds a table of slots.
func newTable[V any](all []slot[V]) table[V] {
	if len(all) == 0 {
		return table[V]{}
	}
	return table[V]{newLevel(all, fan(len(all), 1), 0)}
}

// fan is into how many branches so many names are divided, at least some. A change
// copies the levels that it passes, so one of very many branches is made two of few.
func fan(names, least int) int {
	if names <= pageSize {
		return least
	}
	way := bits.Len(uint(names/10 - 1))
	if way > flat {
		way = (way + 1) / 2
	}
	return min(max(least, 1<<way), maxFan)
}

// newBranch builds the page, or the branches, of slots, which it keeps.
func newBranch[V any](all []slot[V], used int) branch[V] {
	if len(all) > pageSize && used < wayBits {
		return branch[V]{below: newLevel(all, fan(len(all), grown), used)}
	}
	b := branch[V]{slots: all}
	for i := range min(len(all), pageSize) {
		b.marks[i/8] |= mark(all[i].hash) << (i % 8 * 8)
	}
	return b
}

// newLevel divides slots into so many branches.
func newLevel[V any](all []slot[V], branches, used int) []branch[V] {
	level := make([]branch[V], branches)
	var ends [maxFan + 1]int
	of := func(s *slot[V]) int { return int(s.hash>>used) & (branches - 1) }
	for i := range all {
		ends[of(&all[i])+1]++
	}
	for i := range branches {
		ends[i+1] += ends[i]
	}
	sorted := make([]slot[V], len(all))
	next := ends
	for i := range all {
		b := of(&all[i])
		sorted[next[b]] = all[i]
		next[b]++
	}
	used += bits.TrailingZeros(uint(branches))
	for i := range level {
		if part := sorted[ends[i]:ends[i+1]:ends[i+1]]; len(part) > 0 {
			level[i] = newBranch(part, used)
		}
	}
	return level
}

// name is the slot's name.
func (s *slot[V]) name() string {
	if s.long != nil {
		return *s.long
	}
	return string(s.appendName(make([]byte, 0, short)))
}

func newSlot[V any](tag uint32, name string, value V) slot[V] {
	s := slot[V]{key: keyOf(tag, name), value: value}
	if len(name) >= short {
		whole := name // so that only a long one is moved to the heap
		s.long = &whole
	}
	return s
}
