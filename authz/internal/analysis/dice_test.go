package analysis

import "math/rand/v2"

type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }
