package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

type tagged struct {
	tag  uint32
	name string
}

func tableOf(of map[tagged]int) table[int] {
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
	left := map[string]int{} // how often each value is to come
	for k, v := range want {
		left[fmt.Sprint(k.name, v)]++
	}
	n := 0
	for name, v := range got.all {
		left[fmt.Sprint(name, v)]--
		n++
	}
	if n != len(want) {
		t.Fatalf("all yields %d names, want %d", n, len(want))
	}
	for at, count := range left {
		if count != 0 {
			t.Fatalf("all yields %s %d times too few", at, count)
		}
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
	sizes := []int{0, 1, 2, 3, 15, 16, 17, 127, 128, 129, 130, 1000, 16 * maxPage, 16*maxPage + 1, 150_000}
	for _, n := range sizes {
		want := someNames(n)
		got := tableOf(want)
		checkTable(t, &got, want)
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
		got, versions := tableOf(want), []version(nil)
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
	for i := 0; len(want) < 4*maxPage; i++ {
		k := tagged{7, fmt.Sprintf("customer-%d", i)}
		if hashOf(k.tag, k.name)>>(64-rootBits-branchBits) != 0 {
			continue
		}
		want[k], built[k] = i, i
		got = got.with(k.tag, k.name, i)
	}
	checkTable(t, &got, want)
	whole := tableOf(built)
	checkTable(t, &whole, built)
}

// Slots of one hash, at home in the last slot of a page, are told apart by tag
// and name, and lie on around the page's end.
func TestPageTellsNamesOfOneHashApart(t *testing.T) {
	const names = 60
	const h = uint64(1)<<32 - 1
	page := make([]slot[int], pageSize(names))
	for i := range names {
		insert(page, slot[int]{uint32(h), uint32(i % 2), fmt.Sprintf("user:%d", i/2), i})
	}
	for i := range names {
		if p := findIn(page, h, uint32(i%2), fmt.Sprintf("user:%d", i/2)); p == nil || *p != i {
			t.Errorf("name %d: got %v", i, p)
		}
	}
	if p := findIn(page, h, 2, "user:0"); p != nil {
		t.Errorf("a name of another tag is found: %d", *p)
	}
	if p := findIn(page, h, 0, "user:x"); p != nil {
		t.Errorf("a name that is not there is found: %d", *p)
	}
}

func TestBranchWithTellsNamesOfOneHashApart(t *testing.T) {
	const h = uint64(5)
	var b branch[int]
	for i := range 60 {
		b = b.with(h, 64-rootBits-branchBits, slot[int]{uint32(h), uint32(i % 2), fmt.Sprintf("user:%d", i/2), -1})
		b = b.with(h, 64-rootBits-branchBits, slot[int]{uint32(h), uint32(i % 2), fmt.Sprintf("user:%d", i/2), i})
	}
	for i := range 60 {
		if p := findIn(b.slots, h, uint32(i%2), fmt.Sprintf("user:%d", i/2)); p == nil || *p != i {
			t.Errorf("name %d: got %v", i, p)
		}
	}
}

func TestTableAllEndsWhereTheLoopEnds(t *testing.T) {
	got := tableOf(someNames(5_000))
	n := 0
	for range got.all {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("yielded %d names, want 10", n)
	}
}

func BenchmarkTableWith(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			of := tableOf(someNames(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				of = of.with(0, fmt.Sprintf("user:%d", i%n), i)
			}
		})
	}
}
