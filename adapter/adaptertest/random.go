package adaptertest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

func concurrent(f *fixture) {
	const writers = 8
	each := 20
	if testing.Short() {
		each = 5
	}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := applyWithRetry(f, fmt.Sprintf("w%d-%d", w, i)); err != nil {
					f.Errorf("writer %d, change %d: %v", w, i, err)
					return
				}
			}
		})
	}
	group.Wait()

	var want []model.Line
	for w := range writers {
		for i := range each {
			want = append(want, line("acme", fmt.Sprintf("w%d-%d", w, i), "all"))
		}
	}
	f.want("acme", model.Revision(writers*each), want)
	for i, e := range f.log("acme", 0, 0) {
		if e.Base != model.Revision(i) || e.Revision != e.Base+1 || len(e.Add) != 1 {
			f.Fatalf("entry %d leads from revision %d to %d with %d lines", i, e.Base, e.Revision, len(e.Add))
		}
	}
}

// applyWithRetry adds one line as the authorizer would: it loads, applies, and
// begins anew when another writer was faster.
func applyWithRetry(f *fixture, id string) error {
	for {
		s, err := f.store.Load(f.Context(), "acme")
		if err != nil {
			return err
		}
		_, err = f.store.Apply(f.Context(), adapter.Change{Tenant: "acme", ID: id, Base: s.Revision, Add: lines("acme", id), At: at})
		if !errors.Is(err, adapter.ErrConflict) {
			return err
		}
	}
}

// plain is what a store is to do, as simply as it can be said.
type plain struct {
	revision model.Revision
	lines    map[model.Line]bool
	log      []adapter.Entry
}

func (p *plain) apply(c adapter.Change) (e adapter.Entry, err error) {
	for _, e := range p.log {
		if e.ID == c.ID {
			return e, nil
		}
	}
	if c.Base != p.revision {
		return adapter.Entry{}, adapter.ErrConflict
	}
	var remove, add []model.Line
	for _, l := range c.Remove {
		if p.lines[l] {
			remove = append(remove, l)
			delete(p.lines, l)
		}
	}
	for _, l := range c.Add {
		if !p.lines[l] {
			add = append(add, l)
			p.lines[l] = true
		}
	}
	e = entryOf(c, remove, add)
	if len(remove)+len(add) == 0 {
		e.Revision = c.Base
		return e, nil
	}
	p.revision++
	p.log = append(p.log, e)
	return e, nil
}

func random(f *fixture) {
	seed := uint64(time.Now().UnixNano())
	f.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	steps := 400
	if testing.Short() {
		steps = 60
	}
	want := map[string]*plain{}
	for _, tenant := range []string{"acme", "beta", model.Base} {
		want[tenant] = &plain{lines: map[model.Line]bool{}}
	}
	for step := range steps {
		tenant := sortedKeys(want)[r.IntN(len(want))]
		p := want[tenant]
		c := randomChange(r, tenant, step, p)
		wantEntry, wantErr := p.apply(c)
		got, err := f.store.Apply(f.Context(), c)
		if !errors.Is(err, wantErr) || wantErr == nil && err != nil {
			f.Fatalf("step %d: Apply(%+v): %v; want %v", step, c, err, wantErr)
		}
		if wantErr == nil {
			f.wantEntry(wantEntry, got)
		}
		f.wantNow(tenant, p.revision, slices.Collect(maps.Keys(p.lines)))
		if r.IntN(20) == 0 {
			f.reopen()
		}
	}
	f.reopen()
	for _, tenant := range sortedKeys(want) {
		p := want[tenant]
		f.wantNow(tenant, p.revision, slices.Collect(maps.Keys(p.lines)))
	}
	for _, tenant := range sortedKeys(want) {
		for i, e := range f.log(tenant, 0, 0) {
			f.wantEntry(want[tenant].log[i], e)
		}
	}
}

// randomChange is of few lines out of few, so that many are there already; some
// changes have a wrong base, and some an ID that was used before.
func randomChange(r *rand.Rand, tenant string, step int, p *plain) adapter.Change {
	c := adapter.Change{
		Tenant: tenant, ID: fmt.Sprintf("step-%d", step), Base: p.revision,
		Actor: fmt.Sprintf("user:u%d", r.IntN(3)), Reason: fmt.Sprint(step), At: at.Add(time.Duration(step) * time.Second),
	}
	for _, i := range r.Perm(12)[:r.IntN(5)] {
		l := line(tenant, string(rune('a'+i)), "all")
		if r.IntN(2) == 0 {
			c.Remove = append(c.Remove, l)
		} else {
			c.Add = append(c.Add, l)
		}
	}
	switch {
	case r.IntN(8) == 0:
		c.Base += model.Revision(r.IntN(3)) - 1
	case r.IntN(8) == 0 && len(p.log) > 0:
		c.ID = p.log[r.IntN(len(p.log))].ID
	}
	return c
}
