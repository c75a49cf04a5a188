package engine

import (
	"encoding/binary"
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

// key is a name with its tag made ready to be found.
type key struct {
	hash, tag uint32
	Words
}

// Words are of a name of less than 16 bytes all of it, and in the last byte its length and 1; of
// a longer one a hash and its length. So they are never all zero.
type Words struct{ a, b uint64 }

// Whole tells whether the words are all of the name.
func (w Words) Whole() bool { return w.b < long }

const (
	short = 16         // names of less bytes lie in the words of their key
	long  = 0xff << 56 // marks the others
)

// keyOf makes the key of a name and its tag. Names are short, and this is inlined: it
// takes a third of the time of hash/maphash, which a decision would call twice.
// Like the hash of Go's own maps on machines without AES, it folds products of 16
// bytes at a time.
func keyOf(tag uint32, name string) (k key) {
	h, n := secrets[0]^uint64(tag), len(name)
	k.tag = tag
	switch rest := name; {
	case n >= short:
		for ; len(rest) > 16; rest = rest[16:] {
			h = fold(word(rest)^h, word(rest[8:])^secrets[1])
		}
		k.a, k.b = fold(word(name[n-16:])^h, word(name[n-8:])^secrets[1]), uint64(n)|long
	case n >= 8:
		k.a, k.b = word(name), word(name[n-8:])>>(8*(16-n))
	case n >= 4:
		k.a = uint64(half(name)) | uint64(half(name[n-4:])>>(8*(8-n)))<<32
	case n > 0:
		k.a = uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16
	}
	if n < short {
		k.b |= uint64(n+1) << 56
	}
	k.hash = uint32(fold(fold(k.a^h, k.b^secrets[1]), secrets[2]^uint64(n)))
	return k
}

// appendName appends the name of the key, which must be a short one.
func (k *key) appendName(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, k.a)
	to = binary.LittleEndian.AppendUint64(to, k.b)
	return to[:len(to)-17+int(k.b>>56)]
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

func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// Hash hashes a name, by a secret of this process.
func Hash(name string) (uint32, Words) {
	k := keyOf(0, name)
	return k.hash, k.Words
}
