package authzhttp

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Routes is what routes require, by their patterns, as for http.ServeMux.
type Routes map[string]Requirement

// Mux is an http.ServeMux whose routes are declared: in the table that it is made with, or by
// handlers from Guard.Protect, Guard.Check or another Mux. All other routes are denied to everybody.
//
// A pattern without a method, whose handler tells methods apart itself, is declared
// once for each method: "GET /customers/{id}" and "PUT /customers/{id}".
type Mux struct {
	guard *Guard
	table Routes
	mux   *http.ServeMux

	mu     sync.Mutex
	routes Routes // as they were registered
	used   map[string]bool
}

// Mux returns a Mux with a table of what its routes require. It panics if an entry is
// of no use: if the schema has no such action, the pattern has no such wildcard, or asks what depends on
// the method and names none.
func (g *Guard) Mux(table Routes) *Mux {
	m := &Mux{guard: g, table: Routes{}, mux: http.NewServeMux(), routes: Routes{}, used: map[string]bool{}}
	for pattern, need := range table {
		if err := g.checkRoute(pattern, need); err != nil {
			panic(err)
		}
		m.table[normal(pattern)] = need
	}
	return m
}

// checkRoute tells what is wrong with an entry of a table.
func (g *Guard) checkRoute(pattern string, need Requirement) error {
	method, path := split(pattern)
	if method == "" && len(need.questions) > 0 {
		return fmt.Errorf("authzhttp: route %q: it requires %s of every method; name one", pattern, need)
	}
	for _, q := range need.questions {
		name := q.target.path
		if name != "" && !strings.Contains(path, "{"+name+"}") && !strings.Contains(path, "{"+name+"...}") {
			return fmt.Errorf("authzhttp: route %q: there is no {%s}", pattern, name)
		}
	}
	if err := need.check(g.az.Schema()); err != nil {
		return fmt.Errorf("route %q: %w", pattern, err)
	}
	return nil
}

// Handle registers a handler for a pattern, as http.ServeMux does, behind what the
// table says that it requires. It panics as that does, and if what a protected handler requires
// is of no use there.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pattern = normal(pattern)
	entries := m.entries(pattern)
	for _, key := range entries {
		m.used[key] = true
		m.register(key, m.table[key], &protected{m.guard, m.table[key], h})
	}
	if len(entries) > 0 {
		return
	}
	switch d := h.(type) {
	case *protected:
		if err := m.guard.checkRoute(pattern, d.need); err != nil {
			panic(err)
		}
		m.register(pattern, d.need, h)
	case *Mux:
		m.register(pattern, Delegated(), h)
	default:
		m.register(pattern, Requirement{}, &protected{m.guard, Requirement{}, h})
	}
}

// HandleFunc registers a function for a pattern.
func (m *Mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

func (m *Mux) register(pattern string, need Requirement, h http.Handler) {
	m.mux.Handle(pattern, h)
	m.routes[pattern] = need
}

// entries are the patterns of the table that are of a route: its own and, if it has no
// method, those of single methods.
func (m *Mux) entries(pattern string) (keys []string) {
	for key := range m.table {
		_, path := split(key)
		if key == pattern || path == pattern {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// ServeHTTP lets a request through to the handler of its route, or refuses it.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handler returns the handler that a request is for, its guard around it, as that of http.ServeMux does.
func (m *Mux) Handler(r *http.Request) (h http.Handler, pattern string) { return m.mux.Handler(r) }

// Routes are the routes that are registered, and what they require.
func (m *Mux) Routes() Routes {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.routes)
}

// Undeclared lists the patterns that are registered and not declared, so that nobody
// gets there. A test of the application wants it empty.
func (m *Mux) Undeclared() (patterns []string) {
	for p, need := range m.Routes() {
		if need.kind == undeclared {
			patterns = append(patterns, p)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// Unused lists the patterns of the table that no handler is registered for: mistyped, or left behind.
func (m *Mux) Unused() (patterns []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.table {
		if !m.used[p] {
			patterns = append(patterns, p)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// split takes a pattern apart: a method, or none, and a path with perhaps a host in front.
func split(pattern string) (method, path string) {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		return pattern[:i], strings.TrimLeft(pattern[i+1:], " \t")
	}
	return "", pattern
}

// normal is the pattern with one space at most.
func normal(pattern string) string {
	method, path := split(pattern)
	if method == "" {
		return path
	}
	return method + " " + path
}
