package engine

import "slices"

// bitSet is a set of numbers from 0, a bit for each; nil: it is empty.
type bitSet []uint64

func (s bitSet) has(n int) bool { return n/64 < len(s) && s[n/64]>>(n%64)&1 != 0 }

// add adds a number to a set that nobody else has yet. Like append, it returns the set.
func (s bitSet) add(n int) bitSet {
	for n/64 >= len(s) {
		s = append(s, 0)
	}
	s[n/64] |= 1 << (n % 64)
	return s
}

// with is the set with a number in it: itself, or a copy.
func (s bitSet) with(n int) bitSet {
	if s.has(n) {
		return s
	}
	return slices.Clone(s).add(n)
}
