package authzchi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzchi"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

// database is the CRM's own: here it knows one customer, Alice's.
type database struct{}

// Records implements authz.Resolver.
func (database) Records(_ context.Context, _ string, refs []authz.Ref) ([]*authz.Record, error) {
	records := make([]*authz.Record, len(refs)) // nil: there is no such record
	for i, ref := range refs {
		if ref.ID == "42" {
			records[i] = &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
		}
	}
	return records, nil
}

func Example() {
	ctx := context.Background()
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write}}}`))
	if err != nil {
		log.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(`acme: {rules: [{who: "*", may: [read, update], on: customer}]}`))
	if err != nil {
		log.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		log.Fatal(err)
	}
	az, err := authz.Open(ctx, schema, store, authz.WithResolver(database{}))
	if err != nil {
		log.Fatal(err)
	}
	defer az.Close()
	if _, err := az.Grant(ctx, authz.By("user:admin", "the first policy"), facts...); err != nil {
		log.Fatal(err)
	}

	guard := authzhttp.New(az, func(r *http.Request) (authz.Principal, error) { // your own authentication
		return authz.Principal{Tenant: "acme", User: "user:" + r.Header.Get("Login")}, nil
	})
	table := guard.Table(authzhttp.Routes{
		"PUT /customers/{id}": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
	})
	router := chi.NewRouter()
	router.Use(authzchi.Middleware(table))
	router.Put("/customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "updated ", chi.URLParam(r, "id"))
	})
	router.Delete("/customers/{id}", func(http.ResponseWriter, *http.Request) {}) // not declared: denied to everybody

	for _, login := range []string{"alice", "bob"} {
		r := httptest.NewRequest("PUT", "/customers/42", nil)
		r.Header.Set("Login", login)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	fmt.Println(table.Undeclared(authzchi.Patterns(router)))
	// Output:
	// 200 updated 42
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
	// [DELETE /customers/{id}]
}
