package engine

import (
	"hash/maphash"
	"math/bits"
)

// secrets differ in each process, so that nobody can choose names that collide.
var secrets = func() (s [3]uint64) {
	seed := maphash.MakeSeed()
	for i := range s {
		s[i] = maphash.Comparable(seed, i)
	}
	return s
}()

// hashOf hashes a name and its tag. Names are short, and this is inlined: it
// takes a third of the time of hash/maphash, which a decision would call twice.
// Like the hash of Go's own maps on machines without AES, it folds products of 16
// bytes at a time.
func hashOf(tag uint32, name string) uint64 {
	h, n := secrets[0]^uint64(tag), len(name)
	for ; len(name) > 16; name = name[16:] {
		h = fold(word(name)^h, word(name[8:])^secrets[1])
	}
	var a, b uint64
	switch m := len(name); {
	case m >= 8:
		a, b = word(name), word(name[m-8:])
	case m >= 4:
		a, b = half(name), half(name[m-4:])
	case m > 0:
		a = uint64(name[0])<<16 | uint64(name[m/2])<<8 | uint64(name[m-1])
	}
	return fold(fold(a^h, b^secrets[1]), secrets[2]^uint64(n))
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
