package analysis

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Options of an analysis. The zero Options are for now, and for now only.
type Options struct {
	At time.Time // the instant; zero: now
	// Later is at how many instants behind it policies are compared, too, if some fact
	// that differs begins or ends to be in force then: the first ones. Each takes as long
	// as the comparison itself.
	Later int
	// Progress, unless it is nil, is told how many people of how many have been looked
	// at, for each instant and network anew. It is called by one goroutine at a time.
	Progress func(done, of int)
}

func (o Options) at() time.Time {
	if o.At.IsZero() {
		return time.Now().UTC().Truncate(time.Second)
	}
	return o.At
}

// each does something for 0 up to n, by as many goroutines as there are processors, until
// something fails or the context ends; and waits for them.
func (o Options) each(ctx context.Context, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var counting sync.Mutex
	next, done := 0, 0
	take := func() (i int, ok bool) {
		counting.Lock()
		defer counting.Unlock()
		next++
		return next - 1, next <= n && ctx.Err() == nil
	}
	finish := func() {
		counting.Lock()
		defer counting.Unlock()
		if done++; o.Progress != nil {
			o.Progress(done, n)
		}
	}
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := do(i); err != nil {
					cancel(err)
					return
				}
				finish()
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}
