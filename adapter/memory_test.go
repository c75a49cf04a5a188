package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/adaptertest"
	"github.com/crmauthz/crmauthz/model"
)

func newMemory(t testing.TB, lines iter.Seq[model.Line]) *adapter.Memory {
	t.Helper()
	m, err := adapter.NewMemory(lines)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory_keeps_the_contract(t *testing.T) {
	adaptertest.Run(t, adaptertest.Opener{New: func(t *testing.T) adapter.Store { return newMemory(t, nil) }})
}

func member(tenant, user, role string) model.Line {
	l, err := model.Encode(model.Membership{Tenant: tenant, Member: "user:" + user, Group: "role:" + role})
	if err != nil {
		panic(err)
	}
	return l
}

func load(t testing.TB, s adapter.Store, tenant string) adapter.Snapshot {
	t.Helper()
	got, err := s.Load(context.Background(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got.Lines, func(a, b model.Line) int { return strings.Compare(a.String(), b.String()) })
	return got
}

func TestMemory_starts_with_each_named_tenant_at_revision_1(t *testing.T) {
	a, b, c := member("acme", "a", "r"), member("acme", "b", "r"), member("beta", "a", "r")
	m := newMemory(t, slices.Values([]model.Line{a, c, b, a, c, a}))
	if diff := cmp.Diff(adapter.Snapshot{Revision: 1, Lines: []model.Line{a, b}}, load(t, m, "acme")); diff != "" {
		t.Errorf("acme mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(adapter.Snapshot{Revision: 1, Lines: []model.Line{c}}, load(t, m, "beta")); diff != "" {
		t.Errorf("beta mismatch (-want +got):\n%s", diff)
	}

	ctx := t.Context()
	if _, err := m.Changes(ctx, "acme", 0, 0); !errors.Is(err, adapter.ErrLogCut) {
		t.Errorf("Changes from before the start: %v; want ErrLogCut", err)
	}
	e, err := m.Apply(ctx, adapter.Change{Tenant: "acme", ID: "1", Base: 1, Remove: []model.Line{a}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Changes(ctx, "acme", 1, 0)
	if diff := cmp.Diff([]adapter.Entry{e}, got); err != nil || diff != "" {
		t.Errorf("Changes after 1: %v, mismatch (-want +got):\n%s", err, diff)
	}
	if _, err := m.Changes(ctx, "acme", 0, 0); !errors.Is(err, adapter.ErrLogCut) {
		t.Errorf("Changes from before the start, after a change: %v; want ErrLogCut", err)
	}
	if diff := cmp.Diff(adapter.Snapshot{Revision: 2, Lines: []model.Line{b}}, load(t, m, "acme")); diff != "" {
		t.Errorf("a line that was given twice is removed once for all (-want +got):\n%s", diff)
	}
}

// Who makes many lines may make each in the memory of the one before.
func TestMemory_keeps_no_string_of_the_lines(t *testing.T) {
	var room [6][64]byte
	in := func(i int, s string) string { return unsafe.String(&room[i][0], copy(room[i][:], s)) }
	lines := func(of ...model.Line) iter.Seq[model.Line] {
		return func(yield func(model.Line) bool) {
			for _, l := range of {
				for i, v := range l.Values {
					if v != "" {
						l.Values[i] = in(i, v)
					}
				}
				ok := yield(l)
				for i := range room {
					in(i, strings.Repeat("x", len(room[i])))
				}
				if !ok {
					return
				}
			}
		}
	}
	want := []model.Line{member("acme", "eve", "rep"), member("beta", "eve", "rep"), member("acme", "bob", "rep"), member("beta", "bob", "boss")}
	m := newMemory(t, lines(want...))
	for _, tenant := range []string{"acme", "beta"} {
		s, err := m.Load(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range want {
			if (l.Tenant() == tenant) != slices.Contains(s.Lines, l) {
				t.Errorf("%s has %v", tenant, s.Lines)
			}
		}
	}
	long := member("acme", strings.Repeat("e", 40), "rep")
	long.Values[4] = "more"
	if _, err := adapter.NewMemory(lines(long)); err == nil || strings.Contains(err.Error(), "xxx") || !strings.Contains(err.Error(), "more") {
		t.Errorf("a line of a wrong shape: %v", err)
	}
	long.Values[4], long.Values[2] = "", "no\ttenant"
	if _, err := adapter.NewMemory(lines(long)); err == nil || strings.Contains(err.Error(), "xxx") || !strings.Contains(err.Error(), `no\ttenant`) {
		t.Errorf("a line of a wrong tenant: %v", err)
	}
}

func TestMemory_refuses_lines_of_a_wrong_shape(t *testing.T) {
	good := member("acme", "a", "r")
	for name, spoil := range map[string]func(*model.Line){
		"unknown section": func(l *model.Line) { l.Section = "p9" },
		"empty column":    func(l *model.Line) { l.Values[0] = "" },
		"column too many": func(l *model.Line) { l.Values[5] = "-" },
		"too long":        func(l *model.Line) { l.Values[0] = fmt.Sprintf("user:%0101d", 1) },
		"bad tenant":      func(l *model.Line) { l.Values[2] = "a,b" },
	} {
		bad := good
		spoil(&bad)
		_, err := adapter.NewMemory(slices.Values([]model.Line{good, bad}))
		if _, ok := errors.AsType[*model.ValueError](err); !ok {
			t.Errorf("%s: %v; want a *model.ValueError", name, err)
		}
	}
}

// policy is a policy of so many lines in so many tenants: most of it says which
// user is in which role, and who is on which customer's team.
func policy(lines, tenants int) iter.Seq[model.Line] {
	return func(yield func(model.Line) bool) {
		per := lines / tenants
		for t := range tenants {
			tenant := fmt.Sprintf("tenant%04d", t)
			for i := range per {
				l := model.Line{Section: model.Memberships, Values: [6]string{"", "", tenant, model.None}}
				if i%2 == 0 {
					l.Values[0], l.Values[1] = fmt.Sprintf("user:u%d", i/2), fmt.Sprintf("role:r%d", i%97)
				} else {
					l = model.Line{Section: model.TeamRules, Values: [6]string{
						fmt.Sprintf("user:u%d", i/2), tenant, fmt.Sprintf("customer/%d", i*7919%per), "read", "support", model.None,
					}}
				}
				if !yield(l) {
					return
				}
			}
		}
	}
}

const million = 1_000_000

var sizes = []int{1, 1000} // tenants

func TestMemory_removes_and_adds_each_of_many_lines(t *testing.T) {
	const n = 20_000
	all := slices.Collect(policy(n, 1))
	m := newMemory(t, slices.Values(all))
	tenant := all[0].Tenant()
	var revision model.Revision = 1
	apply := func(remove, add []model.Line) {
		t.Helper()
		revision++
		e, err := m.Apply(t.Context(), adapter.Change{Tenant: tenant, ID: fmt.Sprint(revision), Base: revision - 1, Remove: remove, Add: add})
		if err != nil || len(e.Remove) != len(remove) || len(e.Add) != len(add) {
			t.Fatalf("Apply: %v; removed %d of %d, added %d of %d", err, len(e.Remove), len(remove), len(e.Add), len(add))
		}
	}
	for i := 0; i < n; i += 100 {
		apply(all[i:i+100], nil)
	}
	if got := load(t, m, tenant).Lines; len(got) != 0 {
		t.Fatalf("%d lines are left", len(got))
	}
	for i := 0; i < n; i += 100 {
		apply(nil, all[i:i+100])
	}
	apply(all[:n/2], nil)
	want := newMemory(t, slices.Values(all[n/2:]))
	if diff := cmp.Diff(load(t, want, tenant).Lines, load(t, m, tenant).Lines); diff != "" {
		t.Fatalf("mismatch (-want +got):\n%s", diff)
	}
}

func BenchmarkMemory_New(b *testing.B) {
	for _, tenants := range sizes {
		b.Run(fmt.Sprintf("tenants=%d", tenants), func(b *testing.B) {
			all := slices.Collect(policy(million, tenants))
			words := map[string]bool{}
			for _, l := range all {
				for _, v := range l.Values {
					words[v] = true
				}
			}
			text := 0
			for w := range words {
				text += 16 + (len(w)+15)/16*16 // header, and data in the allocator's small sizes
			}
			distinct := len(words)
			words = nil
			var m *adapter.Memory
			var perLine float64
			for b.Loop() {
				b.StopTimer()
				m = nil
				before := heap()
				b.StartTimer()
				m = newMemory(b, slices.Values(all))
				b.StopTimer()
				perLine = (float64(heap()-before) - float64(text)) / million
				b.StartTimer()
			}
			runtime.KeepAlive(m)
			runtime.KeepAlive(all)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/line")
			b.ReportMetric(perLine, "heap-B/line")
			b.ReportMetric(float64(distinct)/million, "strings/line")
		})
	}
}

func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func BenchmarkMemory_Load(b *testing.B) {
	m := newMemory(b, policy(million, 1))
	for b.Loop() {
		s, err := m.Load(b.Context(), "tenant0000")
		if err != nil || len(s.Lines) != million {
			b.Fatal(len(s.Lines), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/line")
}

func BenchmarkMemory_Apply(b *testing.B) {
	for _, lines := range []int{1000, million} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			m := newMemory(b, policy(lines, 1))
			start := time.Now()
			c := adapter.Change{Tenant: "tenant0000", ID: "first", Base: 1, Add: []model.Line{member("tenant0000", "new", "r")}}
			e, err := m.Apply(b.Context(), c)
			if err != nil {
				b.Fatal(err)
			}
			first := time.Since(start)
			var slowest time.Duration
			for i := 0; b.Loop(); i++ {
				c = adapter.Change{Tenant: c.Tenant, ID: fmt.Sprint(i), Base: e.Revision}
				l := []model.Line{member("tenant0000", "u"+fmt.Sprint(i/2+lines), "r")}
				if i%2 == 0 {
					c.Add = l
				} else {
					c.Remove = l
				}
				start := time.Now()
				if e, err = m.Apply(b.Context(), c); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(start))
			}
			b.ReportMetric(float64(first.Microseconds()), "first-µs")
			b.ReportMetric(float64(slowest.Microseconds()), "slowest-µs")
		})
	}
}
