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
// Layout, for machines on which memory is far: a few bytes that many names share lead from
// a hash to the one slot in which its name can be (by hash and displace, of Belazzougui,
// Botelho and Dietzfelbinger, 2009), so that a lookup waits for the memory of that slot only.
type table[V any] struct {
	root []branch[V] // of many names: a power of two of them
	few  [2]branch[V]
}

// branch holds either a page of slots or the branches below. The names of a page are
// divided into buckets by their hashes, and each bucket is displaced so that all
// its names come to places of their own.
type branch[V any] struct {
	slots    []slot[V]     // the places, some of them free; then names that have no place
	below    *[]branch[V]  // a power of two of them; nil: it is a page
	rest     uint32        // how many names have no place
	displace [buckets]byte // by bucket
}

// slot is a name and its value. A short name is all in its key.
type slot[V any] struct {
	key
	value V
	long  *string // nil: the name is short
}

const (
	pageSize = 96 // the names in a page before it is split; more only where their hashes are the same
	usual    = 64 // the names in a page of many, at most and on average
	added    = 8  // so many names are added to a page without a place before they all get places anew
	spare    = 16 // of so many places one is left free, so that displacements are soon found
	buckets  = 28
	grown    = 8 // into how many branches a page is split, at least
	maxFan   = 256
	flat     = 7  // so many bits of a hash lead to a page over one level, more over several
	wayBits  = 24 // of a hash, which lead to a page
)

// bucket is the bucket of a hash, by its higher bits: the lower ones are the way to the page.
func bucket(hash uint32) uint32 { return hash >> 16 * buckets >> 16 }

// placeOf is the place of a hash among so many, in a bucket that is displaced.
func placeOf(hash uint32, displaced byte, places int) uint {
	return uint(uint64((hash^uint32(displaced)*0x9E3779B1)*0x85EBCA77) * uint64(places) >> 32)
}

// branch returns the branch in whose page a name with this hash would be.
func (t *table[V]) branch(h uint32) *branch[V] {
	level := t.root
	if len(level) == 0 {
		level = t.few[:]
	}
	for {
		b := &level[h&uint32(len(level)-1)]
		if b.below == nil {
			return b
		}
		h >>= bits.TrailingZeros(uint(len(level)))
		level = *b.below
	}
}

// find returns the value of a name, or nil.
func (t *table[V]) find(tag uint32, name string) *V {
	k := keyOf(tag, name)
	b := t.branch(k.hash)
	return b.find(b.place(k.hash), k, name).of()
}

// place is the slot in the branch's page at the place of a hash, or nil.
func (b *branch[V]) place(hash uint32) *slot[V] {
	if at := placeOf(hash, b.displace[bucket(hash)], b.places()); at < uint(len(b.slots)) {
		return &b.slots[at]
	}
	return nil
}

// find finds a name in the branch's page: at the place of its hash, or among those that have no place.
func (b *branch[V]) find(at *slot[V], k key, name string) *slot[V] {
	if at != nil && at.is(k, name) {
		return at
	}
	for i := b.places(); i < len(b.slots); i++ {
		if b.slots[i].is(k, name) {
			return &b.slots[i]
		}
	}
	return nil
}

// places is how many places the page has.
func (b *branch[V]) places() int { return len(b.slots) - int(b.rest) }

// all yields every slot that has a name.
func (t *table[V]) all(yield func(*slot[V]) bool) {
	_ = allOf(t.few[:], yield) && allOf(t.root, yield)
}

func allOf[V any](level []branch[V], yield func(*slot[V]) bool) bool {
	for i := range level {
		b := &level[i]
		for j := range b.slots {
			if s := &b.slots[j]; !s.free() && !yield(s) {
				return false
			}
		}
		if b.below != nil && !allOf(*b.below, yield) {
			return false
		}
	}
	return true
}

func (s *slot[V]) is(k key, name string) bool {
	return s.key == k && (len(name) < short || *s.long == name)
}

// of is the value in the slot; nil if there is no slot.
func (s *slot[V]) of() *V {
	if s == nil {
		return nil
	}
	return &s.value
}

// with returns a table in which the name has the value.
func (t *table[V]) with(tag uint32, name string, value V) table[V] {
	next, s := *t, newSlot(tag, name, value)
	level := next.few[:]
	if len(next.root) > 0 {
		next.root = slices.Clone(next.root)
		level = next.root
	}
	b := &level[s.hash&uint32(len(level)-1)]
	*b = b.with(&s, name, bits.TrailingZeros(uint(len(level))))
	return next
}

// with returns the branch with the slot of a name in it; used is how many bits
// of the hash led to it.
func (b *branch[V]) with(s *slot[V], name string, used int) branch[V] {
	if b.below != nil {
		below := slices.Clone(*b.below)
		next := &below[s.hash>>used&uint32(len(below)-1)]
		*next = next.with(s, name, used+bits.TrailingZeros(uint(len(below))))
		return branch[V]{below: &below}
	}
	next := *b
	next.slots = append(make([]slot[V], 0, len(b.slots)+1), b.slots...)
	if old := next.find(next.place(s.hash), s.key, name); old != nil {
		*old = *s
		return next
	}
	if next.add(s) {
		return next
	}
	all := make([]*slot[V], 0, len(b.slots)+1)
	for i := range b.slots {
		if !b.slots[i].free() {
			all = append(all, &b.slots[i])
		}
	}
	return newBranch(append(all, s), used)
}

// add adds a new name to the page, if that is soon done.
func (b *branch[V]) add(s *slot[V]) bool {
	if b.settle([]*slot[V]{s}, b.displace[bucket(s.hash)]) {
		return true
	}
	if b.rest >= added {
		return false
	}
	b.slots = append(b.slots, *s)
	b.rest++
	return true
}

// settle brings all names of a bucket to the places at which a displacement has them, if these are free.
func (b *branch[V]) settle(names []*slot[V], displaced byte) bool {
	var at [8]uint
	if len(names) > len(at) {
		return false
	}
	for i, s := range names {
		at[i] = placeOf(s.hash, displaced, b.places())
		if at[i] >= uint(b.places()) || !b.slots[at[i]].free() || slices.Contains(at[:i], at[i]) {
			return false
		}
	}
	for i, s := range names {
		b.slots[at[i]] = *s
		b.displace[bucket(s.hash)] = displaced
	}
	return true
}

// displaced displaces a bucket so that all its names settle, if it can.
func (b *branch[V]) displaced(names []*slot[V]) bool {
	for by := range 256 {
		if b.settle(names, byte(by)) {
			return true
		}
	}
	return false
}

// newTable builds a table of slots.
func newTable[V any](of []slot[V]) (t table[V]) {
	all := make([]*slot[V], len(of))
	for i := range of {
		all[i] = &of[i]
	}
	if branches := fan(len(all)); branches > len(t.few) {
		t.root = newLevel(all, branches, 0)
	} else {
		copy(t.few[:], newLevel(all, len(t.few), 0))
	}
	return t
}

// fan is into how many branches so many names are divided. A change copies the
// levels that it passes, so one of very many branches is made two of few.
func fan(names int) int {
	way := bits.Len(uint(max(names-1, 0) / usual))
	if way > flat {
		way = (way + 1) / 2
	}
	return min(1<<way, maxFan)
}

// newBranch builds the page, or the branches, of slots.
func newBranch[V any](all []*slot[V], used int) branch[V] {
	if len(all) > pageSize && used < wayBits {
		below := newLevel(all, max(fan(len(all)), grown), used)
		return branch[V]{below: &below}
	}
	return newPage(all)
}

// newPage builds a page of slots. The largest buckets settle first.
func newPage[V any](all []*slot[V]) branch[V] {
	var of [buckets][]*slot[V]
	largest := 0
	sorted, ends := sortBy(all, buckets, bucket)
	for i := range of {
		of[i] = sorted[ends[i]:ends[i+1]]
		largest = max(largest, len(of[i]))
	}
	var rest []*slot[V]
	b := branch[V]{slots: make([]slot[V], len(all)+len(all)/spare)}
	for size := largest; size > 0; size-- {
		for _, names := range of {
			if len(names) == size && !b.displaced(names) {
				rest = append(rest, names...)
			}
		}
	}
	for _, s := range rest {
		b.slots = append(b.slots, *s)
	}
	b.rest = uint32(len(rest))
	return b
}

// newLevel divides slots into so many branches.
func newLevel[V any](all []*slot[V], branches, used int) []branch[V] {
	level := make([]branch[V], branches)
	sorted, ends := sortBy(all, branches, func(hash uint32) uint32 { return hash >> used & uint32(branches-1) })
	used += bits.TrailingZeros(uint(branches))
	for i := range level {
		if part := sorted[ends[i]:ends[i+1]]; len(part) > 0 {
			level[i] = newBranch(part, used)
		}
	}
	return level
}

// sortBy sorts slots into so many parts by their hashes; part i is what lies between ends i and i+1.
func sortBy[V any](all []*slot[V], parts int, part func(hash uint32) uint32) (sorted []*slot[V], ends [maxFan + 1]int) {
	for _, s := range all {
		ends[part(s.hash)+1]++
	}
	for i := range parts {
		ends[i+1] += ends[i]
	}
	sorted = make([]*slot[V], len(all))
	next := ends
	for _, s := range all {
		i := part(s.hash)
		sorted[next[i]] = s
		next[i]++
	}
	return sorted, ends
}

// free tells whether a place is free: the key of a name is never zero.
func (s *slot[V]) free() bool { return s.key == key{} }

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
