package authzchi_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/crmauthz/crmauthz/authz/authzchi"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/authz/internal/attacktest"
)

var routes = authzhttp.Routes{
	"GET /health":            attacktest.Public,
	"GET /customers":         attacktest.Collection,
	"GET /customers/{id}":    attacktest.Read,
	"HEAD /customers/{id}":   attacktest.Read,
	"PUT /customers/{id}":    attacktest.Update,
	"DELETE /customers/{id}": attacktest.Delete,
}

// handlers are those of the server under attack.
func handlers(act attacktest.Act) (none, param, undeclared http.HandlerFunc) {
	return func(w http.ResponseWriter, r *http.Request) { act(w, r, "") },
		func(w http.ResponseWriter, r *http.Request) { act(w, r, chi.URLParam(r, "id")) },
		func(w http.ResponseWriter, r *http.Request) { act(w, r, attacktest.Undeclared) }
}

// byTable is a server whose routes, some of them mounted, are declared in a table.
func byTable(uses ...func(http.Handler) http.Handler) attacktest.Server {
	return func(guard *authzhttp.Guard, act attacktest.Act) http.Handler {
		none, param, undeclared := handlers(act)
		router := chi.NewRouter()
		router.Use(uses...)
		router.Use(authzchi.Middleware(guard.Table(routes)))
		router.Get("/health", none)
		router.Route("/customers", func(r chi.Router) {
			r.Get("/", none)
			r.HandleFunc("/{id}", param)
			r.Get("/export", undeclared)
		})
		router.Mount("/admin", http.StripPrefix("/admin", undeclared))
		router.NotFound(undeclared)
		router.MethodNotAllowed(undeclared)
		return router
	}
}

// inPlace is a server whose routes are declared where they are registered.
func inPlace(guard *authzhttp.Guard, act attacktest.Act) http.Handler {
	none, param, _ := handlers(act)
	router := chi.NewRouter()
	router.With(guard.Protect(attacktest.Public)).Get("/health", none)
	router.With(guard.Protect(attacktest.Collection)).Get("/customers", none)
	router.Route("/customers/{id}", func(r chi.Router) {
		r.With(guard.Protect(attacktest.Read)).Get("/", param)
		r.With(guard.Protect(attacktest.Read)).Head("/", param)
		r.With(guard.Protect(attacktest.Update)).Put("/", param)
		r.With(guard.Protect(attacktest.Delete)).Delete("/", param)
	})
	return router
}

func TestAttacks(t *testing.T) {
	for name, server := range map[string]attacktest.Server{
		"by a table":    byTable(),
		"clean paths":   byTable(middleware.CleanPath),
		"no last slash": byTable(middleware.StripSlashes),
		"GET for HEAD":  byTable(middleware.GetHead),
		"in place":      inPlace,
	} {
		t.Run(name, func(t *testing.T) { attacktest.Run(t, server) })
	}
}

func TestPatternsAreThoseOfTheTable(t *testing.T) {
	table := attacktest.Guard(t).Table(authzhttp.Routes{
		"GET /customers":           attacktest.Collection,
		"GET /customers/{id}":      attacktest.Read,
		"GET /api/v1/files/*":      authzhttp.Public(),
		"GET /old/*":               authzhttp.Public(),
		"GET /slash/":              authzhttp.Public(),
		"DELETE /customers/{name}": authzhttp.Public(),
	})
	router := chi.NewRouter()
	nothing := func(http.ResponseWriter, *http.Request) {}
	router.Route("/customers", func(r chi.Router) {
		r.Get("/", nothing)
		r.Get("/{id}", nothing)
		r.Put("/{id}", nothing)
	})
	router.Route("/api", func(r chi.Router) {
		r.Route("/v1", func(r chi.Router) { r.Get("/files/*", nothing) })
	})
	router.Get("/slash/", nothing)
	router.Get("/slash", nothing)
	router.Get("/old/*", nothing)
	patterns := authzchi.Patterns(router)
	if got := table.Undeclared(patterns); !slices.Equal(got, []string{"GET /slash", "PUT /customers/{id}"}) {
		t.Errorf("undeclared: %q", got)
	}
	if got := table.Unused(patterns); !slices.Equal(got, []string{"DELETE /customers/{name}"}) {
		t.Errorf("unused: %q", got)
	}
}

// The routes of a mounted router are found by the patterns that are listed.
func TestRoutesAreFoundByTheirPatterns(t *testing.T) {
	router := chi.NewRouter()
	listed := map[string]bool{}
	reached := func(http.ResponseWriter, *http.Request) {}
	routes := authzhttp.Routes{}
	guard := attacktest.Guard(t)
	var table *authzhttp.Table
	router.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { authzchi.Middleware(table)(next).ServeHTTP(w, r) })
	})
	router.Get("/", reached)
	router.Get("/a", reached)
	router.Route("/customers", func(r chi.Router) {
		r.Get("/", reached)
		r.Route("/{id}", func(r chi.Router) {
			r.Get("/", reached)
			r.Get("/notes/{note}", reached)
		})
	})
	for _, p := range authzchi.Patterns(router) {
		listed[p], routes[p] = true, authzhttp.Public()
	}
	table = guard.Table(routes)
	if len(listed) != 5 {
		t.Errorf("listed %v", listed)
	}
	for target, want := range map[string]int{
		"/": 200, "/a": 200, "/customers": 200, "/customers/": 403, "/customers/42": 200, "/customers/42/": 403, "/customers/42/notes/1": 200,
		"/a/": 404, "/customers/42/notes/": 404, "/b": 404,
	} {
		w := httptest.NewRecorder()
		if router.ServeHTTP(w, httptest.NewRequest("GET", target, nil)); w.Code != want {
			t.Errorf("%s: got %d, want %d", target, w.Code, want)
		}
	}
}

// A router that is mounted does not know the whole pattern, and one that is not chi's none.
func TestMiddlewareElsewhereRefuses(t *testing.T) {
	guard := attacktest.Guard(t)
	m := authzchi.Middleware(guard.Table(authzhttp.Routes{"GET /health": authzhttp.Public()}))
	reached := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	sub, root := chi.NewRouter(), chi.NewRouter()
	sub.Use(m)
	sub.Get("/health", reached)
	root.Get("/health", reached)
	root.Mount("/sub", sub)
	for target, h := range map[string]http.Handler{"/sub/health": root, "/health": m(reached)} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", target, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d", target, w.Code)
		}
	}
}
