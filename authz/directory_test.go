package authz

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
)

// Tenants are found while others are added, by names that are all in the words of an
// entry and by longer ones, and by no other name.
func TestDirectoryFindsTenantsWhileItGrows(t *testing.T) {
	const tenants = 2_000
	name := func(i int) string { return fmt.Sprint("t", i, strings.Repeat("x", i%45)) }
	var d directory
	if d.find("t0") != nil {
		t.Fatal("an empty directory finds a tenant")
	}
	snapshots := make([]*engine.Snapshot, tenants)
	for i := range snapshots {
		snapshots[i] = &engine.Snapshot{Tenant: name(i)}
	}
	check := func(i int, must bool) {
		e := d.find(name(i))
		if e == nil {
			if must {
				t.Errorf("%s is not found", name(i))
			}
			return
		}
		if s := e.snapshot.Load(); e.tenant.Load().name != name(i) || must && s != snapshots[i] || s != nil && s != snapshots[i] {
			t.Errorf("%s finds %s with %v", name(i), e.tenant.Load().name, s)
		}
	}
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := part; i < tenants; i += 4 {
				d.publish(&tenant{name: name(i)}, snapshots[i])
				check(i, true)
				check((i*7)%tenants, false)
			}
		})
	}
	group.Wait()
	for i := range tenants {
		check(i, true)
		if d.find(name(i)+"x") != nil {
			t.Errorf("%sx is found", name(i))
		}
	}
	first := d.find(name(1)).tenant.Load()
	if got := d.keep(&tenant{name: name(1)}); got != first {
		t.Error("a second tenant of one name is kept")
	}
	d.publish(&tenant{name: name(1)}, snapshots[2])
	check(1, true)
}
