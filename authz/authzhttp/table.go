package authzhttp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Routes is what routes require, by method and pattern as the router writes it: "GET /customers/{id}"
// for http.ServeMux and chi, "GET /customers/:id" for Gin and Echo.
type Routes map[string]Requirement

// Table is Routes that a Guard has checked. It is what middleware for routers with
// handlers of their own kind asks; for http.ServeMux there is [Mux].
type Table struct {
	guard  *Guard
	routes Routes
}

// Table checks routes. It panics if an entry is of no use: if the schema has no such action, a target
// finds no record, the pattern has no such wildcard or, to an entry that asks something, no method.
func (g *Guard) Table(routes Routes) *Table {
	t := &Table{guard: g, routes: make(Routes, len(routes))}
	for pattern, need := range routes {
		if err := g.checkRoute(pattern, need); err != nil {
			panic(err)
		}
		t.routes[normal(pattern)] = need
	}
	return t
}

// Admit is Guard.Admit for the route that a router has matched, whose wildcards are the
// request's path values. An empty pattern is a request without a route: it is a 404, unless Routes
// has an entry "" for a handler that answers such requests.
func (t *Table) Admit(w http.ResponseWriter, r *http.Request, pattern string) *http.Request {
	need, ok := t.routes[pattern]
	if !ok && pattern == "" {
		t.guard.Refuse(w, r, NewProblem(CodeNotFound, nil))
		return nil
	}
	return t.guard.Admit(w, r, need)
}

// Undeclared lists the patterns that are registered with a router and not declared, so that nobody gets there. A
// test of the application wants it empty.
func (t *Table) Undeclared(registered []string) []string {
	return missing(registered, t.routes)
}

// Unused lists the patterns of the table that are not registered: mistyped, or left behind.
func (t *Table) Unused(registered []string) []string {
	has := map[string]bool{"": true}
	for _, p := range registered {
		has[normal(p)] = true
	}
	var patterns []string
	for p := range t.routes {
		patterns = append(patterns, p)
	}
	return missing(patterns, has)
}

// missing are the patterns that a map does not have, or has as zero, sorted.
func missing[V any](patterns []string, from map[string]V) (out []string) {
	for _, p := range patterns {
		if _, ok := from[normal(p)]; !ok {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkRoute tells what is wrong with an entry of a table.
func (g *Guard) checkRoute(pattern string, need Requirement) error {
	method, path := split(pattern)
	if need.kind == undeclared {
		return fmt.Errorf("authzhttp: route %q: it declares nothing", pattern)
	}
	if method == "" && len(need.questions) > 0 {
		return fmt.Errorf("authzhttp: route %q: it requires %s of every method; name one", pattern, need)
	}
	for _, q := range need.questions {
		if name := q.target.path; name != "" && !hasWildcard(path, name) {
			return fmt.Errorf("authzhttp: route %q: there is no wildcard %s", pattern, name)
		}
	}
	if err := need.check(g.az.Schema()); err != nil {
		return fmt.Errorf("route %q: %w", pattern, err)
	}
	return nil
}

// hasWildcard tells whether a pattern has a wildcard of a name: {id}, {id...}, {id:[0-9]+}, :id or *id.
func hasWildcard(path, name string) bool {
	for _, form := range []string{"{" + name + "}", "{" + name + "...}", "{" + name + ":"} {
		if strings.Contains(path, form) {
			return true
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == ":"+name || segment == "*"+name || segment == name && name == "*" {
			return true
		}
	}
	return false
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
