package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

type tagged struct {
	tag  uint32
	name string
}

func tableWith(of map[tagged]int) table[int] {
	slots := make([]slot[int], 0, len(of))
	for k, v := range of {
		slots = append(slots, newSlot(k.tag, k.name, v))
	}
	return newTable(slots)
}

// checkTable compares a table with the map that it should be equal to.
func checkTable(t *testing.T, got *table[int], want map[tagged]int) {
	t.Helper()
	for k, v := range want {
		if p := got.find(k.tag, k.name); p == nil || *p != v {
			t.Fatalf("of %d names: find(%d, %q) is %v, want %d", len(want), k.tag, k.name, p, v)
		}
		if p := got.find(k.tag+100, k.name); p != nil {
			t.Fatalf("of %d names: find(%d, %q) is %d, want nothing", len(want), k.tag+100, k.name, *p)
		}
		if p := got.find(k.tag, k.name+"?"); p != nil {
			t.Fatalf("of %d names: find(%d, %q) is %d, want nothing", len(want), k.tag, k.name+"?", *p)
		}
	}
	n := 0
	for range got.all {
		n++
	}
	if n != len(want) {
		t.Fatalf("the table holds %d names, want %d", n, len(want))
	}
}

func someNames(n int) map[tagged]int {
	of := make(map[tagged]int, n)
	for i := range n {
		of[tagged{uint32(i % 3), fmt.Sprintf("user:%d", i/2)}] = i
	}
	return of
}

// Pages are full, and split, at sizes about which the rounding can go wrong.
func TestTableHoldsAMapOfAnySize(t *testing.T) {
	sizes := []int{0, 1, 2, 3, 15, 16, 17, usual, usual + 1, pageSize, pageSize + 1, 1000, usual << flat, usual<<flat + 1, 150_000}
	for _, n := range sizes {
		want := someNames(n)
		got := tableWith(want)
		checkTable(t, &got, want)
	}
}

// Nearly every name of a table that is built at once has a place of its own, however
// many there are, and few places are left free.
func TestTableGivesNamesPlacesOfTheirOwn(t *testing.T) {
	for _, n := range []int{10, usual, 2 * usual, 500, 10_000, 100_000} {
		got := tableWith(someNames(n))
		slots, rest := 0, 0
		var count func([]branch[int])
		count = func(level []branch[int]) {
			for _, b := range level {
				slots, rest = slots+len(b.slots), rest+int(b.rest)
				if b.below != nil {
					count(*b.below)
				}
			}
		}
		count(got.few[:])
		count(got.root)
		if rest > 3+n/10 || slots-rest > n+n/spare {
			t.Errorf("%d names: %d have no place of their own, in %d slots", n, rest, slots)
		}
	}
}

func TestTableGrownOneByOneHoldsTheSame(t *testing.T) {
	want := map[tagged]int{}
	var got table[int]
	for k, v := range someNames(20_000) {
		want[k] = v
		got = got.with(k.tag, k.name, v)
		if len(want)%997 == 0 {
			checkTable(t, &got, want)
		}
	}
	checkTable(t, &got, want)
}

func TestTableWithLeavesEarlierVersionsAsTheyWere(t *testing.T) {
	for _, n := range []int{0, 100, 2_000, 120_000} {
		d := rand.New(rand.NewPCG(uint64(n), 1))
		want := someNames(n)
		type version struct {
			table[int]
			want map[tagged]int
		}
		got, versions := tableWith(want), []version(nil)
		for i := range 300 {
			if i%60 == 0 {
				versions = append(versions, version{got, maps.Clone(want)})
			}
			k := tagged{uint32(d.IntN(3)), fmt.Sprintf("user:%d", d.IntN(n+100))} // some there, some not
			want[k] = -i
			got = got.with(k.tag, k.name, -i)
		}
		for _, v := range append(versions, version{got, want}) {
			checkTable(t, &v.table, v.want)
		}
	}
}

// Names that share the first bits of their hashes all come into one page, which
// splits on the way.
func TestTableSplitsAPageThatTakesAllNames(t *testing.T) {
	want, built := map[tagged]int{}, map[tagged]int{}
	var got table[int]
	for i := 0; len(want) < 40*pageSize; i++ {
		k := tagged{7, fmt.Sprintf("customer-%d", i)}
		if keyOf(k.tag, k.name).hash&0xff != 0 {
			continue
		}
		want[k], built[k] = i, i
		got = got.with(k.tag, k.name, i)
	}
	checkTable(t, &got, want)
	whole := tableWith(built)
	checkTable(t, &whole, built)
}

// Names of one hash, of which at most one comes to a place of its own, are told apart.
func TestBranchTellsNamesOfOneHashApart(t *testing.T) {
	const names, h = 60, uint32(5)
	name := func(i int) string { return strings.Repeat("x", i/20*8) + fmt.Sprint("-", i/2) }
	one := func(i, value int) slot[int] {
		s := newSlot(uint32(i%2), name(i), value)
		s.hash = h
		return s
	}
	var grown branch[int]
	var slots []*slot[int]
	for i := range names {
		before, now := one(i, -1), one(i, i)
		grown = grown.with(&before, name(i), 0)
		grown = grown.with(&now, name(i), 0)
		slots = append(slots, &now)
	}
	for _, root := range []branch[int]{grown, newBranch(slots, 0)} {
		b := (&table[int]{root: []branch[int]{root}}).branch(h)
		find := func(tag uint32, name string) *int {
			k := keyOf(tag, name)
			k.hash = h
			if s := b.find(b.place(k.hash), k, name); s != nil {
				return &s.value
			}
			return nil
		}
		for i := range names {
			if p := find(uint32(i%2), name(i)); p == nil || *p != i {
				t.Errorf("name %d: got %v", i, p)
			}
		}
		if p := find(2, name(0)); p != nil {
			t.Errorf("a name of another tag is found: %d", *p)
		}
		if p := find(0, "-x"); p != nil {
			t.Errorf("a name that is not there is found: %d", *p)
		}
	}
}

// Names that differ in their last byte, or by one that a key might pad with,
// are told apart, about all lengths at which a key is made in another way.
func TestTableTellsLikeNamesApart(t *testing.T) {
	want := map[tagged]int{}
	for n := range 40 {
		for _, end := range []string{"", "\x00", "a", "b", "\x01", "\x0f", "\x10", string(rune(n))} {
			want[tagged{1, strings.Repeat("a", n) + end}] = len(want)
			want[tagged{1, strings.Repeat("\x00", n) + end}] = len(want)
		}
	}
	got := tableWith(want)
	for k, v := range want {
		if p := got.find(k.tag, k.name); p == nil || *p != v {
			t.Errorf("find(%q) is %v, want %d", k.name, p, v)
		}
	}
	grown := table[int]{}
	for k, v := range want {
		if p := grown.find(k.tag, k.name); p != nil {
			t.Errorf("find(%q) is %d before it is there", k.name, *p)
		}
		grown = grown.with(k.tag, k.name, v)
	}
}

func BenchmarkTableWith(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			of := tableWith(someNames(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				of = of.with(0, fmt.Sprintf("user:%d", i%n), i)
			}
		})
	}
}
