package analysis

import "math/bits"

// values is a set of values of a variable.
type values []uint64

func allValues(size int) values {
	v := make(values, (size+63)/64)
	for i := range size {
		v[i/64] |= 1 << (i % 64)
	}
	return v
}

func oneValue(size, i int) values {
	v := make(values, (size+63)/64)
	v[i/64] |= 1 << (i % 64)
	return v
}

func (v values) has(i int) bool { return v[i/64]>>(i%64)&1 != 0 }

func (v values) count() (n int) {
	for _, w := range v {
		n += bits.OnesCount64(w)
	}
	return n
}

// all yields the values in their order.
func (v values) all(yield func(int) bool) {
	for i, w := range v {
		for ; w != 0; w &= w - 1 {
			if !yield(i*64 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}

func (v values) first() int {
	for i := range v.all {
		return i
	}
	return -1
}

func (v values) combine(u values, f func(a, b uint64) uint64) values {
	n := make(values, len(v))
	for i := range v {
		n[i] = f(v[i], u[i])
	}
	return n
}

func (v values) and(u values) values {
	return v.combine(u, func(a, b uint64) uint64 { return a & b })
}
func (v values) or(u values) values {
	return v.combine(u, func(a, b uint64) uint64 { return a | b })
}
func (v values) without(u values) values {
	return v.combine(u, func(a, b uint64) uint64 { return a &^ b })
}

func (v values) equal(u values) bool {
	for i := range v {
		if v[i] != u[i] {
			return false
		}
	}
	return true
}

func (v values) empty() bool { return v.count() == 0 }

// cube is a set of classes of records: for each variable some values.
type cube []values

// with is a cube with other values of a variable.
func (c cube) with(variable int, v values) cube {
	n := append(cube(nil), c...)
	n[variable] = v
	return n
}

// covers tells whether all classes of another cube are among those of c.
func (c cube) covers(other cube) bool {
	for i := range c {
		if !other[i].without(c[i]).empty() {
			return false
		}
	}
	return true
}
