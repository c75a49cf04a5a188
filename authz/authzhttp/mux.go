package authzhttp

import (
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Mux is an http.ServeMux whose routes are declared: in the table that it is made with, or by
// handlers from Guard.Protect, Guard.Check or another Mux. All other routes are denied to everybody.
//
// A pattern without a method, whose handler tells methods apart itself, is declared
// once for each method: "GET /customers/{id}" and "PUT /customers/{id}".
type Mux struct {
	table *Table
	mux   *http.ServeMux

	mu         sync.Mutex
	registered Routes
}

// Mux returns a Mux with a table of what its routes require. It panics as Guard.Table does.
func (g *Guard) Mux(routes Routes) *Mux {
	return &Mux{table: g.Table(routes), mux: http.NewServeMux(), registered: Routes{}}
}

// Handle registers a handler for a pattern, as http.ServeMux does, behind what the
// table says that it requires. It panics as that does, and if what a protected handler requires
// is of no use there.
func (m *Mux) Handle(pattern string, h http.Handler) {
	g, pattern := m.table.guard, normal(pattern)
	if entries := m.entries(pattern); len(entries) > 0 {
		for _, entry := range entries {
			m.register(entry, m.table.routes[entry], &protected{g, m.table.routes[entry], h})
		}
		return
	}
	switch d := h.(type) {
	case *protected:
		if err := g.checkRoute(pattern, d.need); err != nil {
			panic(err)
		}
		m.register(pattern, d.need, h)
	case *Mux:
		m.register(pattern, Delegated(), h)
	default:
		m.register(pattern, Requirement{}, &protected{g, Requirement{}, h})
	}
}

// HandleFunc registers a function for a pattern.
func (m *Mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

func (m *Mux) register(pattern string, need Requirement, h http.Handler) {
	m.mux.Handle(pattern, h)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registered[pattern] = need
}

// entries are the patterns of the table that are of a route: its own and, if it has no
// method, those of single methods.
func (m *Mux) entries(pattern string) (entries []string) {
	for entry := range m.table.routes {
		if _, path := split(entry); entry == pattern || path == pattern {
			entries = append(entries, entry)
		}
	}
	return entries
}

// ServeHTTP lets a request through to the handler of its route, or refuses it.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handler returns the handler that a request is for, its guard around it, as that of http.ServeMux does.
func (m *Mux) Handler(r *http.Request) (h http.Handler, pattern string) { return m.mux.Handler(r) }

// Routes are the routes that are registered, and what they require.
func (m *Mux) Routes() Routes {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.registered)
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
func (m *Mux) Unused() []string {
	return m.table.Unused(slices.Collect(maps.Keys(m.Routes())))
}
