// Command peerbench measures authorization engines on one CRM workload.
//
// Without -run it starts itself once per contestant and size, so that each is
// measured in a process of its own, and prints the tables at the end.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	only      = flag.String("contestants", "", "comma-separated names (default all)")
	sizes     = flag.String("sizes", "S,M,L,XL", "comma-separated sizes")
	run       = flag.String("run", "", "contestant/size: measure it in this process")
	count     = flag.Int("count", 5, "runs of each benchmark; the median is reported")
	benchtime = flag.Duration("benchtime", 300*time.Millisecond, "time of one benchmark run")
	budget    = flag.Duration("budget", 8*time.Second, "time for checking answers; the queries not reached are not used")
	out       = flag.String("o", "results.txt", "file for the raw output")
)

// Result is what one contestant did at one size. Times are in nanoseconds.
type Result struct {
	Name, Size                      string
	Checked, Mismatches             int
	Check, CheckP, Batch, List, Add float64
	Allocs, Bytes                   int64
	P50, P99                        float64
	Kinds                           [3]float64 // median of object, field, customer queries
	Load                            float64
	Heap                            int64
	Listed, ListBad, BatchBad       int
	AddStale                        int
	AddBusy                         float64    // add+check beside two readers
	Readers                         [2]float64 // the readers' median check, alone and beside the writer
}

func main() {
	testing.Init()
	flag.Parse()
	must(flag.Set("test.benchtime", benchtime.String()))
	if *run != "" {
		name, size, _ := strings.Cut(*run, "/")
		measure(name, size)
		return
	}
	f, err := os.Create(*out)
	must(err)
	defer f.Close()
	w := io.MultiWriter(os.Stdout, f)
	fmt.Fprintf(w, "%s GOMAXPROCS=%d %s/%s count=%d benchtime=%v; a timer reading costs about %s, included in p50, p99 and the kinds\n", runtime.Version(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, *count, *benchtime, dur(timerCost()))
	var results []Result
	for _, s := range Sizes {
		if !slices.Contains(strings.Split(*sizes, ","), s.Name) {
			continue
		}
		for _, c := range Contestants {
			name := c.New().Name()
			if *only != "" && !slices.Contains(strings.Split(*only, ","), name) || c.MaxRules > 0 && s.Rules > c.MaxRules {
				continue
			}
			cmd := exec.Command(os.Args[0], "-run", name+"/"+s.Name, "-count", fmt.Sprint(*count), "-benchtime", benchtime.String(), "-budget", budget.String())
			cmd.Stderr = os.Stderr
			pipe, err := cmd.StdoutPipe()
			must(err)
			must(cmd.Start())
			for sc := bufio.NewScanner(pipe); sc.Scan(); {
				fmt.Fprintln(w, sc.Text())
				var r Result
				if line, ok := strings.CutPrefix(sc.Text(), "RESULT "); ok && json.Unmarshal([]byte(line), &r) == nil {
					results = append(results, r)
				}
			}
			if err := cmd.Wait(); err != nil {
				fmt.Fprintf(w, "FAILED %s/%s: %v\n", name, s.Name, err)
			}
		}
	}
	table(w, results)
}

// timerCost is the median of an empty measurement.
func timerCost() float64 {
	var ns []float64
	for range 1000 {
		start := time.Now()
		ns = append(ns, float64(time.Since(start)))
	}
	return median(ns)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func measure(name, size string) {
	w := Generate(Sizes[slices.IndexFunc(Sizes, func(s Size) bool { return s.Name == size })])
	var c Contestant
	for _, x := range Contestants {
		if p := x.New(); p.Name() == name {
			c = p
		}
	}
	res := Result{Name: name, Size: size}

	before, start := heap(), time.Now()
	must(c.Load(w.Rules))
	res.Load = float64(time.Since(start))
	if p, ok := c.(Primer); ok {
		p.Prime(w)
	}
	res.Heap = heap() - before
	w.Rules = nil

	// Answers first; this also warms every cache with the queries used below.
	start = time.Now()
	for i, q := range w.Queries {
		if c.Check(q) != w.Want[i] {
			res.Mismatches++
		}
		res.Checked++
		if time.Since(start) > *budget {
			break
		}
	}
	qs := w.Queries[:res.Checked]

	bench := func(what string, f func(b *testing.B)) float64 {
		var ns []float64
		for start := time.Now(); len(ns) < *count && time.Since(start) < 2*(*budget); {
			r := testing.Benchmark(f)
			fmt.Printf("Benchmark%s/%s/%s-%d\t%s\t%s\n", what, name, size, runtime.GOMAXPROCS(0), r, r.MemString())
			ns = append(ns, float64(r.T)/float64(r.N))
			if what == "Check" {
				res.Allocs, res.Bytes = r.AllocsPerOp(), r.AllocedBytesPerOp()
			}
		}
		return median(ns)
	}
	res.Check = bench("Check", func(b *testing.B) {
		for i := range b.N {
			c.Check(qs[i%len(qs)])
		}
	})
	res.CheckP = bench("CheckParallel", func(b *testing.B) {
		var started atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			// Far apart, or one goroutine would warm the caches for the next.
			for i := int(started.Add(1)) * len(qs) * 2 / 5; pb.Next(); i++ {
				c.Check(qs[i%len(qs)])
			}
		})
	})
	checkAll := func() []bool {
		got := make([]bool, len(w.Page))
		for i, q := range w.Page {
			got[i] = c.Check(q)
		}
		return got
	}
	if b, ok := c.(Batcher); ok {
		checkAll = func() []bool { return b.CheckBatch(w.Page) }
	}
	for i, got := range checkAll() {
		if got != w.PageWant[i] {
			res.BatchBad++
		}
	}
	res.Batch = bench("Batch100", func(b *testing.B) {
		for range b.N {
			checkAll()
		}
	})

	lat := make([]float64, 0, len(qs))
	var byKind [3][]float64
	for _, q := range qs {
		start := time.Now()
		c.Check(q)
		d := float64(time.Since(start))
		lat = append(lat, d)
		byKind[q.Kind-Object] = append(byKind[q.Kind-Object], d)
	}
	sort.Float64s(lat)
	res.P50, res.P99 = lat[len(lat)/2], lat[len(lat)*99/100]
	for k, l := range byKind { // medians
		res.Kinds[k] = median(l)
	}

	var lists []float64
	for start := time.Now(); len(lists) < 2*(*count) && (len(lists) == 0 || time.Since(start) < *budget/2); {
		s := time.Now()
		got := c.ListCustomers(w.Tenant, w.User, "read", w.Customers)
		lists = append(lists, float64(time.Since(s)))
		sort.Strings(got)
		res.Listed = len(got)
		if !slices.Equal(got, w.ListWant) {
			res.ListBad++
		}
	}
	res.List = median(lists)

	var adds []float64
	for start := time.Now(); len(adds) < 50 && (len(adds) == 0 || time.Since(start) < *budget/2); {
		id := fmt.Sprintf("new%d", len(adds))
		q := Query{Customer, w.Tenant, w.User, id, "", "read"}
		if c.Check(q) {
			res.AddStale++
		}
		s := time.Now()
		must(c.AddRule(Rule{Customer, w.Tenant, w.User, id, "", "read", false}))
		ok := c.Check(q)
		adds = append(adds, float64(time.Since(s)))
		if !ok {
			res.AddStale++
		}
	}
	res.Add = median(adds)
	besideReaders(c, w, qs, &res)
	line, err := json.Marshal(res)
	must(err)
	fmt.Println("RESULT " + string(line))
	runtime.KeepAlive(c)
}

// besideReaders times a thousand grants, one after the other, while two
// goroutines ask without a pause, and whether these notice. The grants come in
// rounds, so that what disturbs the machine for a moment is not taken for them.
func besideReaders(c Contestant, w *Workload, qs []Query, res *Result) {
	if _, ok := c.(Live); !ok {
		return
	}
	var granting, stop atomic.Bool
	var asked [2][2][]float64 // by reader, and whether grants were made meanwhile
	var readers sync.WaitGroup
	for r := range asked {
		readers.Go(func() {
			for i := r * len(qs) / 2; !stop.Load(); i++ {
				phase := 0
				if granting.Load() {
					phase = 1
				}
				start := time.Now()
				c.Check(qs[i%len(qs)])
				asked[r][phase] = append(asked[r][phase], float64(time.Since(start)))
			}
		})
	}
	const rounds, grants = 10, 100
	var adds []float64
	for i := range rounds * grants {
		if i%grants == 0 {
			granting.Store(false)
			time.Sleep(10 * time.Millisecond)
			granting.Store(true)
		}
		id := fmt.Sprintf("busy%d", i)
		q := Query{Customer, w.Tenant, w.User, id, "", "read"}
		start := time.Now()
		must(c.AddRule(Rule{Customer, w.Tenant, w.User, id, "", "read", false}))
		ok := c.Check(q)
		adds = append(adds, float64(time.Since(start)))
		if !ok {
			res.AddStale++
		}
	}
	stop.Store(true)
	readers.Wait()
	for phase := range res.Readers {
		res.Readers[phase] = median(append(asked[0][phase], asked[1][phase]...))
	}
	res.AddBusy = median(adds)
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Clone(x)
	sort.Float64s(x)
	return x[len(x)/2]
}

func table(w io.Writer, results []Result) {
	floor := map[string]float64{}
	for _, r := range results {
		if r.Name == "floor" {
			floor[r.Size] = r.Check
		}
	}
	fmt.Fprintln(w, "\n| contestant | size | check | x floor | parallel | p50 | p99 | B/op | allocs | object / field / customer | page of 100 | list | add+check | beside readers (their median) | load | heap | checked (wrong) |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range results {
		ratio := "-"
		if f := floor[r.Size]; f > 0 {
			ratio = fmt.Sprintf("%.3g", r.Check/f)
		}
		beside := "-"
		if r.AddBusy > 0 {
			beside = fmt.Sprintf("%s (%s, %s)", dur(r.AddBusy), dur(r.Readers[0]), dur(r.Readers[1]))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %d | %d | %s / %s / %s | %s | %s | %s | %s | %s | %.1f MB | %d (%d) |\n",
			r.Name, r.Size, dur(r.Check), ratio, dur(r.CheckP), dur(r.P50), dur(r.P99), r.Bytes, r.Allocs,
			dur(r.Kinds[0]), dur(r.Kinds[1]), dur(r.Kinds[2]), dur(r.Batch), dur(r.List), dur(r.Add), beside, dur(r.Load),
			float64(r.Heap)/1e6, r.Checked, r.Mismatches+r.BatchBad+r.ListBad+r.AddStale)
	}
}

// dur prints nanoseconds with three digits and a unit.
func dur(ns float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.size {
			return fmt.Sprintf("%.3g %s", ns/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.3g ns", ns)
}
