package difftest

import "math/rand/v2"

// dice is the source of all that is random in a case.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true in so many of 100 throws.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between is a number from lo to hi, both included.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// weighted is one of some values and how often it comes, compared with the others.
type weighted[T any] struct {
	weight int
	value  T
}

func pickWeighted[T any](d dice, of ...weighted[T]) T {
	sum := 0
	for _, w := range of {
		sum += w.weight
	}
	n := d.IntN(sum)
	for _, w := range of {
		if n -= w.weight; n < 0 {
			return w.value
		}
	}
	panic("unreachable: the weights add up to their sum")
}
