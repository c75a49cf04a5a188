package main

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// floor is the physical limit, not a solution: the answers to the known
// questions in one map. No rules, no locks.
type floor struct {
	answers map[Query]bool
	list    []string
}

func (f *floor) Name() string       { return "floor" }
func (f *floor) Load([]Rule) error  { f.answers = map[Query]bool{}; return nil }
func (f *floor) Check(q Query) bool { return f.answers[q] }

func (f *floor) AddRule(r Rule) error {
	f.answers[Query{r.Kind, r.Tenant, r.Subject, r.Object, r.Field, r.Verb}] = !r.Deny
	return nil
}

func (f *floor) Prime(w *Workload) {
	for i, q := range w.Queries { // cloned: a caller's strings are never the map's own
		f.answers[Query{q.Kind, strings.Clone(q.Tenant), strings.Clone(q.User), strings.Clone(q.Object), strings.Clone(q.Field), strings.Clone(q.Verb)}] = w.Want[i]
	}
	for i, q := range w.Page {
		f.answers[q] = w.PageWant[i]
	}
	f.list = w.ListWant
}

func (f *floor) ListCustomers(string, string, string, []string) []string {
	return append([]string(nil), f.list...)
}

// hand is what a developer writes without a library: per tenant a copy-on-write
// snapshot with each user's roles and teams resolved and an index of the rules.
type hand struct {
	mu      sync.Mutex // writers
	tenants map[string]*atomic.Pointer[handTenant]
}

type handKey struct {
	kind                         Kind
	subject, object, field, verb string
}

type handTenant struct {
	member   map[string][]string // direct roles, teams and junior roles
	subjects map[string][]string // user -> itself and all it is a member of
	effect   map[handKey]bool    // true: allow, false: deny
}

func (h *hand) Name() string { return "handwritten" }

// Live: readers go on with the snapshot that they have.
func (h *hand) Live() {}

func (h *hand) Load(rules []Rule) error {
	h.tenants = map[string]*atomic.Pointer[handTenant]{}
	for _, r := range rules {
		p := h.tenants[r.Tenant]
		if p == nil {
			p = &atomic.Pointer[handTenant]{}
			p.Store(&handTenant{member: map[string][]string{}, subjects: map[string][]string{}, effect: map[handKey]bool{}})
			h.tenants[r.Tenant] = p
		}
		p.Load().add(r)
	}
	for _, p := range h.tenants {
		p.Load().resolve()
	}
	return nil
}

func (t *handTenant) add(r Rule) {
	if r.Kind <= Inherit {
		t.member[r.Subject] = append(t.member[r.Subject], r.Object)
		return
	}
	t.effect[handKey{r.Kind, r.Subject, r.Object, r.Field, r.Verb}] = !r.Deny
}

func (t *handTenant) resolve() {
	clear(t.subjects)
	for s := range t.member {
		t.subjects[s] = closure(t.member, s)
	}
}

// closure is s and everything it is a member of, directly or not.
func closure(member map[string][]string, s string) []string {
	out, seen := []string{s}, map[string]bool{s: true}
	for i := 0; i < len(out); i++ {
		for _, m := range member[out[i]] {
			if !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	return out
}

func (h *hand) Check(q Query) bool {
	p := h.tenants[q.Tenant]
	if p == nil {
		return false
	}
	t := p.Load()
	allowed := false
	for _, s := range t.subjects[q.User] {
		if allow, ok := t.effect[handKey{q.Kind, s, q.Object, q.Field, q.Verb}]; ok {
			if !allow {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

func (h *hand) AddRule(r Rule) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.tenants[r.Tenant]
	old := p.Load()
	t := &handTenant{member: old.member, subjects: old.subjects, effect: old.effect}
	if r.Kind <= Inherit {
		t.member, t.subjects = maps.Clone(t.member), map[string][]string{}
		t.add(r)
		t.resolve()
	} else {
		t.effect = maps.Clone(t.effect)
		t.add(r)
	}
	p.Store(t)
	return nil
}

func (h *hand) ListCustomers(tenant, user, verb string, all []string) []string {
	return loopList(h, tenant, user, verb, all)
}
