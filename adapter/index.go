package adapter

import "math/bits"

// index finds the places of things in a list by their hash. It holds no
// pointers to them, and is split into shards of open addressing, so that
// growing never rehashes more than one of them.
type index []shard

type shard struct {
	slots []uint32 // places plus one, 0 where there is none
	used  int
}

// newIndex returns an index for so many things, in a power of two of shards.
func newIndex(shards, things int) index {
	size := 4
	for size*2/3 < things/shards {
		size *= 2
	}
	x := make(index, shards)
	for i := range x {
		x[i].slots = make([]uint32, size)
	}
	return x
}

// shard is where things of the hash are. It is told by the upper bits of the
// hash, the slot in it by the lower.
func (x index) shard(hash uint32) *shard { return &x[hash>>(32-bits.TrailingZeros(uint(len(x))))] }

// get returns the place of the one thing that is the same, if it is there.
func (x index) get(hash uint32, same func(place uint32) bool) (place uint32, ok bool) {
	slots := x.shard(hash).slots
	mask := uint32(len(slots) - 1)
	for at := hash & mask; slots[at] != 0; at = (at + 1) & mask {
		if same(slots[at] - 1) {
			return slots[at] - 1, true
		}
	}
	return 0, false
}

// put adds a thing that is not there. hashOf tells the hash of what is at a place.
func (x index) put(hash uint32, place uint32, hashOf func(place uint32) uint32) {
	s := x.shard(hash)
	if s.used >= len(s.slots)*3/4 {
		old := s.slots
		s.slots = make([]uint32, 2*len(old))
		for _, v := range old {
			if v != 0 {
				s.slots[s.slotOf(hashOf(v-1), 0)] = v
			}
		}
	}
	s.slots[s.slotOf(hash, 0)] = place + 1
	s.used++
}

// move notes that the thing at a place is now at another.
func (x index) move(hash uint32, from, to uint32) {
	s := x.shard(hash)
	s.slots[s.slotOf(hash, from+1)] = to + 1
}

// remove forgets the thing at a place.
func (x index) remove(hash uint32, place uint32, hashOf func(place uint32) uint32) {
	s := x.shard(hash)
	mask := uint32(len(s.slots) - 1)
	hole := s.slotOf(hash, place+1)
	for at := (hole + 1) & mask; s.slots[at] != 0; at = (at + 1) & mask {
		home := hashOf(s.slots[at]-1) & mask
		if (at-home)&mask >= (at-hole)&mask { // is found from its home over the hole only
			s.slots[hole] = s.slots[at]
			hole = at
		}
	}
	s.slots[hole] = 0
	s.used--
}

// slotOf is the first slot with the value from where the hash belongs.
func (s *shard) slotOf(hash uint32, value uint32) uint32 {
	mask := uint32(len(s.slots) - 1)
	at := hash & mask
	for s.slots[at] != value {
		at = (at + 1) & mask
	}
	return at
}
