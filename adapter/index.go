package adapter

import "math/bits"

// index finds the places of things in a list by their hash. It holds no
// pointers to them, and is split into shards of open addressing, so that
// growing never moves more than one of them.
type index []shard

type shard struct {
	slots []slot
	used  int
}

// slot is the hash of a thing and its place plus one, 0 where there is none.
type slot struct{ hash, ref uint32 }

// newIndex returns an index for so many things, in a power of two of shards, which is made in the
// given memory if that suffices; and the memory that it is made in.
func newIndex(shards, things int, in []slot) (index, []slot) {
	size := 4
	for size*2/3 < things/shards {
		size *= 2
	}
	if n := shards * size; n > cap(in) {
		in = make([]slot, n)
	} else {
		in = in[:n]
		clear(in)
	}
	x := make(index, shards)
	for i := range x {
		x[i].slots = in[i*size : (i+1)*size]
	}
	return x, in
}

// shard is where things of the hash are. It is told by the upper bits of the
// hash, the slot in it by the lower.
func (x index) shard(hash uint32) *shard { return &x[hash>>(32-bits.TrailingZeros(uint(len(x))))] }

// get returns the place of the one thing that is the same, if it is there.
func (x index) get(hash uint32, same func(place uint32) bool) (place uint32, ok bool) {
	slots := x.shard(hash).slots
	mask := uint32(len(slots) - 1)
	for at := hash & mask; slots[at].ref != 0; at = (at + 1) & mask {
		if slots[at].hash == hash && same(slots[at].ref-1) {
			return slots[at].ref - 1, true
		}
	}
	return 0, false
}

// put adds a thing that is not there.
func (x index) put(hash uint32, place uint32) {
	s := x.shard(hash)
	if s.used >= len(s.slots)*3/4 {
		old := s.slots
		s.slots = make([]slot, 2*len(old))
		for _, v := range old {
			if v.ref != 0 {
				s.slots[s.find(v.hash, 0)] = v
			}
		}
	}
	s.slots[s.find(hash, 0)] = slot{hash, place + 1}
	s.used++
}

// move notes that the thing at a place is now at another.
func (x index) move(hash uint32, from, to uint32) {
	s := x.shard(hash)
	s.slots[s.find(hash, from+1)].ref = to + 1
}

// remove forgets the thing at a place.
func (x index) remove(hash uint32, place uint32) {
	s := x.shard(hash)
	mask := uint32(len(s.slots) - 1)
	hole := s.find(hash, place+1)
	for at := (hole + 1) & mask; s.slots[at].ref != 0; at = (at + 1) & mask {
		home := s.slots[at].hash & mask
		if (at-home)&mask >= (at-hole)&mask { // is found from its home over the hole only
			s.slots[hole] = s.slots[at]
			hole = at
		}
	}
	s.slots[hole] = slot{}
	s.used--
}

// find is the first slot with the ref from where the hash belongs.
func (s *shard) find(hash uint32, ref uint32) uint32 {
	mask := uint32(len(s.slots) - 1)
	at := hash & mask
	for s.slots[at].ref != ref {
		at = (at + 1) & mask
	}
	return at
}
