// Package authzchi is package authzhttp for chi.
//
//	guard := authzhttp.New(az, principal)
//	table := guard.Table(authzhttp.Routes{
//		"GET /login":          authzhttp.Public(),
//		"PUT /customers/{id}": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
//	})
//	router.Use(authzchi.Middleware(table)) // the last Use of the root
//
// Routes that the table does not declare are denied to everybody. Handlers find the
// [authzhttp.Access] in the context of the request. Routes can be declared in place instead, without this
// package, and then nothing is denied that is not wrapped:
//
//	router.With(guard.Protect(authzhttp.Require("update", "customer", authzhttp.FromPath("id")))).Put("/customers/{id}", update)
package authzchi

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// Middleware lets requests through to the handlers of a router as a table says, by the
// pattern of the route that chi is going to take. It must be the last that the root router uses: what
// changes paths or methods comes before it, and in a router that is mounted it refuses all.
// Requests without a route are answered 404.
func Middleware(table *authzhttp.Table) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r = table.Admit(w, r, match(r)); r != nil {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// match finds the route as chi does, sets the path values of the request, and returns the
// pattern; empty if there is none, or the router is not the root.
func match(r *http.Request) string {
	at := chi.RouteContext(r.Context())
	if at == nil || at.Routes == nil || len(at.RoutePatterns) > 0 {
		return ""
	}
	method, path := at.RouteMethod, at.RoutePath
	if method == "" {
		method = r.Method
	}
	if path == "" {
		path = r.URL.RawPath
	}
	if path == "" {
		path = r.URL.Path
	}
	found := chi.NewRouteContext()
	pattern := at.Routes.Find(found, method, path)
	if pattern == "" {
		return ""
	}
	for i, name := range found.URLParams.Keys {
		r.SetPathValue(name, found.URLParams.Values[i])
	}
	return method + " " + pattern
}

// Patterns are the routes of a router and of those mounted in it, for Table.Undeclared and
// Table.Unused. The "/" of a router mounted at /customers is
// /customers; chi takes it to /customers/, too, which is denied unless the table names it.
func Patterns(router chi.Routes) []string { return patterns("", router) }

func patterns(mount string, router chi.Routes) (all []string) {
	for _, route := range router.Routes() {
		if route.SubRoutes != nil {
			all = append(all, patterns(mount+strings.TrimSuffix(route.Pattern, "/*"), route.SubRoutes)...)
			continue
		}
		pattern := mount + route.Pattern
		if mount != "" && route.Pattern == "/" {
			pattern = mount
		}
		for method := range route.Handlers {
			if method != "*" { // of every method, each of which is there, too
				all = append(all, method+" "+pattern)
			}
		}
	}
	return all
}
