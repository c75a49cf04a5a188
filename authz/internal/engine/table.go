package engine

import "slices"

// table is an immutable hash table from a name (with a tag, such as the index
// of a type) to a value. A change copies the one page it touches and the way to
// it, so that a snapshot of a million facts is followed by the next in
// microseconds while readers go on with the old one.
//
// Layout: the first branches lie inside the table, and each names its page's
// slots directly; a lookup costs two dependent reads, three in large tables.
type table[V any] struct {
	root [rootBranches]branch[V]
}

const (
	rootBits     = 4
	rootBranches = 1 << rootBits
	branchBits   = 6
	maxPage      = 128 // names in a page before it is split into branches
)

// branch holds either a page of slots or the branches below.
type branch[V any] struct {
	slots []slot[V]
	below *[1 << branchBits]branch[V]
}

// slot is empty when its name is.
type slot[V any] struct {
	hash  uint32
	tag   uint32
	name  string
	value V
}

// page is the slots in which a name with this hash would be.
func (t *table[V]) page(h uint64) []slot[V] {
	b := &t.root[h>>(64-rootBits)]
	for shift := 64 - rootBits - branchBits; b.below != nil; shift -= branchBits {
		b = &b.below[h>>(shift&63)&(1<<branchBits-1)]
	}
	return b.slots
}

// find returns the value of a name, or nil.
func (t *table[V]) find(tag uint32, name string) *V {
	h := hashOf(tag, name)
	return findIn(t.page(h), h, tag, name)
}

// peek reads the slot at which a search in a page begins, so that it is on its
// way from memory while other things are done.
func peek[V any](slots []slot[V], h uint64) uint32 {
	if i := home(h, len(slots)); i < len(slots) {
		return slots[i].hash
	}
	return 0
}

// findIn finds a name in its page.
func findIn[V any](slots []slot[V], h uint64, tag uint32, name string) *V {
	i := home(h, len(slots))
	for range slots {
		s := &slots[i]
		if s.hash == uint32(h) && s.tag == tag && s.name == name {
			return &s.value
		}
		if s.name == "" {
			return nil
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
	return nil
}

// home is where a probe begins in a page of n slots.
func home(h uint64, n int) int { return int(uint64(uint32(h)) * uint64(n) >> 32) }

// with returns a table in which the name has the value.
func (t *table[V]) with(tag uint32, name string, value V) table[V] {
	next := *t
	h := hashOf(tag, name)
	next.root[h>>(64-rootBits)] = t.root[h>>(64-rootBits)].with(h, 64-rootBits-branchBits, slot[V]{uint32(h), tag, name, value})
	return next
}

func (b branch[V]) with(h uint64, shift int, s slot[V]) branch[V] {
	if b.below != nil {
		below := *b.below
		i := h >> shift & (1<<branchBits - 1)
		below[i] = below[i].with(h, shift-branchBits, s)
		return branch[V]{below: &below}
	}
	names := 0
	for i := range b.slots {
		old := &b.slots[i]
		if old.name == "" {
			continue
		}
		if old.hash == s.hash && old.tag == s.tag && old.name == s.name {
			page := slices.Clone(b.slots)
			page[i].value = s.value
			return branch[V]{slots: page}
		}
		names++
	}
	if names < maxPage && names+1 < len(b.slots)*7/8 {
		page := slices.Clone(b.slots)
		insert(page, s)
		return branch[V]{slots: page}
	}
	all := make([]slot[V], 0, names+1)
	for _, old := range b.slots {
		if old.name != "" {
			all = append(all, old)
		}
	}
	return newBranch(append(all, s), shift)
}

// newBranch builds the page, or the branches, of slots.
func newBranch[V any](all []slot[V], shift int) branch[V] {
	if len(all) > maxPage && shift >= 0 {
		var parts [1 << branchBits][]slot[V]
		for _, s := range all {
			i := hashOf(s.tag, s.name) >> shift & (1<<branchBits - 1)
			parts[i] = append(parts[i], s)
		}
		below := new([1 << branchBits]branch[V])
		for i, part := range parts {
			below[i] = newBranch(part, shift-branchBits)
		}
		return branch[V]{below: below}
	}
	if len(all) == 0 {
		return branch[V]{}
	}
	page := make([]slot[V], pageSize(len(all)))
	for _, s := range all {
		insert(page, s)
	}
	return branch[V]{slots: page}
}

// pageSize leaves every fifth slot empty.
func pageSize(names int) int { return names + names/4 + 1 }

func insert[V any](page []slot[V], s slot[V]) {
	i := home(uint64(s.hash), len(page))
	for page[i].name != "" {
		if i++; i == len(page) {
			i = 0
		}
	}
	page[i] = s
}

// newTable builds a table of slots whose hashes are set by newSlot. It reorders them.
func newTable[V any](all []slot[V]) table[V] {
	var t table[V]
	var starts [rootBranches + 1]int
	for _, s := range all {
		starts[hashOf(s.tag, s.name)>>(64-rootBits)+1]++
	}
	for i := range rootBranches {
		starts[i+1] += starts[i]
	}
	sorted, next := make([]slot[V], len(all)), starts
	for _, s := range all {
		i := hashOf(s.tag, s.name) >> (64 - rootBits)
		sorted[next[i]] = s
		next[i]++
	}
	for i := range rootBranches {
		t.root[i] = newBranch(sorted[starts[i]:starts[i+1]], 64-rootBits-branchBits)
	}
	return t
}

func newSlot[V any](tag uint32, name string, value V) slot[V] {
	return slot[V]{uint32(hashOf(tag, name)), tag, name, value}
}

// all yields the values of a table, in no order.
func (t *table[V]) all(yield func(name string, value V) bool) {
	for i := range t.root {
		if !t.root[i].all(yield) {
			return
		}
	}
}

func (b *branch[V]) all(yield func(string, V) bool) bool {
	if b.below != nil {
		for i := range b.below {
			if !b.below[i].all(yield) {
				return false
			}
		}
	}
	for i := range b.slots {
		if b.slots[i].name != "" && !yield(b.slots[i].name, b.slots[i].value) {
			return false
		}
	}
	return true
}
