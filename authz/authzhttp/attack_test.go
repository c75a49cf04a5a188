package authzhttp_test

import (
	"net/http"
	"testing"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/authz/internal/attacktest"
)

// The table of a Mux withstands.
func TestAttacksOnAMux(t *testing.T) {
	attacktest.Run(t, func(guard *authzhttp.Guard, act attacktest.Act) http.Handler {
		mux := guard.Mux(authzhttp.Routes{
			"GET /health":            attacktest.Public,
			"GET /customers":         attacktest.Collection,
			"GET /customers/{id}":    attacktest.Read,
			"PUT /customers/{id}":    attacktest.Update,
			"DELETE /customers/{id}": attacktest.Delete,
		})
		mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { act(w, r, "") })
		mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) { act(w, r, "") })
		mux.HandleFunc("/customers/{id}", func(w http.ResponseWriter, r *http.Request) { act(w, r, r.PathValue("id")) })
		mux.HandleFunc("GET /customers/export", func(w http.ResponseWriter, r *http.Request) { act(w, r, attacktest.Undeclared) })
		mux.HandleFunc("GET /admin/users", func(w http.ResponseWriter, r *http.Request) { act(w, r, attacktest.Undeclared) })
		return mux
	})
}
