package authz

import (
	"sync"
	"sync/atomic"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
)

// directory finds tenants and their snapshots by name. Who reads it takes no
// lock; tenants are added, never taken away.
type directory struct {
	entries atomic.Pointer[[]entry] // a power of two of them, at least half of them free
	write   sync.Mutex
	known   int
}

// entry is a tenant, free if that is nil: it is set last, when the rest is. An
// entry is as long as half a cache line, and all that leads from a name to a snapshot.
type entry struct {
	tenant   atomic.Pointer[tenant]
	snapshot atomic.Pointer[engine.Snapshot] // nil until it is loaded
	name     engine.Words                    // a short one is not read elsewhere
}

// find returns the entry of a name, or nil.
func (d *directory) find(name string) *entry {
	entries := d.entries.Load()
	if entries == nil {
		return nil
	}
	if e := entryOf(*entries, name); e.tenant.Load() != nil {
		return e
	}
	return nil
}

// entryOf is the entry of a name, or the free one at which it would be.
func entryOf(entries []entry, name string) *entry {
	for i, words := engine.Hash(name); ; i++ {
		e := &entries[i&uint32(len(entries)-1)]
		if t := e.tenant.Load(); t == nil || e.name == words && (words.Whole() || t.name == name) {
			return e
		}
	}
}

// keep makes a tenant known, unless another of its name is. It returns the one
// that is known.
func (d *directory) keep(t *tenant) *tenant {
	d.write.Lock()
	defer d.write.Unlock()
	return d.add(t).tenant.Load()
}

// publish has a tenant's questions answered from a snapshot. If another tenant of its
// name was made known first, that may have a newer one already.
func (d *directory) publish(t *tenant, s *engine.Snapshot) {
	d.write.Lock()
	defer d.write.Unlock()
	if e := d.add(t); e.tenant.Load() == t || e.snapshot.Load() == nil {
		e.snapshot.Store(s)
	}
}

// add returns the entry of a tenant's name, made if there is none.
func (d *directory) add(t *tenant) *entry {
	entries := d.entries.Load()
	if entries == nil || 2*(d.known+1) > len(*entries) {
		entries = twice(entries)
		d.entries.Store(entries)
	}
	e := entryOf(*entries, t.name)
	if e.tenant.Load() == nil {
		e.fill(t)
		d.known++
	}
	return e
}

func (e *entry) fill(t *tenant) {
	_, e.name = engine.Hash(t.name)
	e.tenant.Store(t)
}

// twice copies entries into twice as many.
func twice(old *[]entry) *[]entry {
	if old == nil {
		return &[]entry{{}, {}}
	}
	entries := make([]entry, 2*len(*old))
	for i := range *old {
		was := &(*old)[i]
		if t := was.tenant.Load(); t != nil {
			e := entryOf(entries, t.name)
			e.snapshot.Store(was.snapshot.Load())
			e.fill(t)
		}
	}
	return &entries
}
