package authzhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

// database is the CRM's own: here it knows one customer, Alice's.
type database struct{}

// Records implements authz.Resolver.
func (database) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	records := make([]*authz.Record, len(refs)) // nil: there is no such record
	for i, ref := range refs {
		if tenant == "acme" && ref.Type == "customer" && ref.ID == "42" {
			records[i] = &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
		}
	}
	return records, nil
}

// openAcme opens a policy by which reps read and update their customers.
func openAcme() *authz.Authorizer {
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write, delete: delete}}}`))
	if err != nil {
		log.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(`
acme:
  members: [{who: [user:alice, user:bob], in: role:rep}]
  rules:   [{who: role:rep, may: [read, update], on: customer}]
`))
	if err != nil {
		log.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		log.Fatal(err)
	}
	az, err := authz.Open(context.Background(), schema, store, authz.WithResolver(database{}))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := az.Grant(context.Background(), authz.By("user:admin", "the first policy"), facts...); err != nil {
		log.Fatal(err)
	}
	return az
}

// session is the CRM's own authentication; here it is a header.
func session(r *http.Request) (authz.Principal, error) {
	login := r.Header.Get("Login")
	if login == "" {
		return authz.Principal{}, authzhttp.ErrUnauthenticated
	}
	return authz.Principal{Tenant: "acme", User: "user:" + login}, nil
}

// send makes a request and prints the answer.
func send(h http.Handler, login, method, target, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if login != "" {
		r.Header.Set("Login", login)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, _ := io.ReadAll(w.Result().Body)
	fmt.Println(w.Code, string(answer))
}

func Example() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session)
	mux := guard.Mux(authzhttp.Routes{ // instead of http.NewServeMux()
		"GET /login":          authzhttp.Public(),
		"PUT /customers/{id}": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
	})
	mux.HandleFunc("PUT /customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "updated ", r.PathValue("id"))
	})
	mux.HandleFunc("GET /admin", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "everything")
	})

	send(mux, "alice", "PUT", "/customers/42", "")
	send(mux, "bob", "PUT", "/customers/42", "")
	send(mux, "alice", "PUT", "/customers/43", "") // there is none
	send(mux, "", "PUT", "/customers/42", "")
	send(mux, "alice", "GET", "/admin", "") // not declared
	fmt.Println(mux.Undeclared(), mux.Unused())
	// Output:
	// 200 updated 42
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
	// 401 {"title":"Unauthorized","status":401,"code":"unauthenticated"}
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
	// [GET /admin] [GET /login]
}

func ExampleGuard_Protect() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session)
	update := guard.Protect(authzhttp.Require("update", "customer", authzhttp.FromQuery("id")))
	mux := http.NewServeMux() // or chi: r.With(update).Put(…)
	mux.Handle("PUT /customer", update(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "updated")
	})))

	send(mux, "alice", "PUT", "/customer?id=42", "")
	send(mux, "alice", "PUT", "/customer?id=42&id=43", "") // which of them?
	// Output:
	// 200 updated
	// 400 {"title":"Bad Request","status":400,"code":"malformed"}
}

func ExampleGuard_Check() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session)
	mux := guard.Mux(nil)
	mux.Handle("POST /authz/check", guard.Check())

	send(mux, "alice", "POST", "/authz/check", `{
		"actions": ["read", "update", "delete"],
		"records": [{"type": "customer", "id": "42"}, {"type": "customer", "id": "43"}, {"type": "customer"}]
	}`)
	// Output:
	// 200 {"revision":1,"results":[{"type":"customer","id":"42","allowed":["read","update"]},{"type":"customer","id":"43","allowed":[]},{"type":"customer","allowed":["read","update"]}]}
}

func ExampleFromContext() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session)
	page := guard.Protect(authzhttp.Require("read", "customer", authzhttp.FromQuery("id")))
	send(page(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		access, _ := authzhttp.FromContext(r.Context())
		edit, err := access.Viewer.Enforce("update", access.Record) // draw the button?
		fmt.Fprintln(w, access.Principal.User, "may update", access.Record.ID, edit, err)
		why, err := access.Decision()
		fmt.Fprint(w, why, err)
	})), "alice", "GET", "/?id=42", "")
	// Output:
	// 200 user:alice may update 42 true <nil>
	// allowed by p, role:rep, acme, customer, read, allow, - (user:alice → role:rep), owner with level full <nil>
}

func ExampleAccess_Recheck() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session)
	upload := guard.Protect(authzhttp.Require("update", "customer", authzhttp.FromQuery("id")))
	send(upload(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// While the file comes in, somebody is switched off.
		if _, err := az.Disable(r.Context(), authz.By("user:admin", "left"), "acme", "user:alice"); err != nil {
			log.Fatal(err)
		}
		access, _ := authzhttp.FromContext(r.Context())
		if err := access.Recheck(r.Context()); errors.Is(err, authz.ErrDenied) {
			guard.Refuse(w, r, authzhttp.NewProblem(authzhttp.CodeDenied, err))
		}
	})), "alice", "PUT", "/?id=42", "")
	// Output:
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
}

func ExampleWithRefusal() {
	az := openAcme()
	defer az.Close()

	guard := authzhttp.New(az, session, authzhttp.WithRefusal(func(w http.ResponseWriter, r *http.Request, p authzhttp.Problem) {
		fmt.Println(r.Method, r.URL.Path, p.Err) // for the log, not for the client
		if p.Code == authzhttp.CodeUnauthenticated {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		p.Write(w)
	}))
	home := guard.Protect(authzhttp.Authenticated())(http.NotFoundHandler())
	send(home, "", "POST", "/home", "")
	// Output:
	// POST /home there is no principal
	// 303
}

func ExampleFromRecord() {
	az := openAcme()
	defer az.Close()

	// A new customer of somebody's: whose, the request proposes.
	proposed := authzhttp.FromRecord("as proposed", func(r *http.Request) (*authz.Record, error) {
		return &authz.Record{Type: "customer", Owners: []string{r.URL.Query().Get("owner")}}, nil
	})
	guard := authzhttp.New(az, session)
	create := guard.Protect(authzhttp.Require("update", "customer", proposed))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "created")
	}))
	send(create, "alice", "POST", "/?owner=user:alice", "")
	send(create, "alice", "POST", "/?owner=user:bob", "")
	// Output:
	// 200 created
	// 403 {"title":"Forbidden","status":403,"code":"denied"}
}

func ExampleAll() {
	merge := authzhttp.All(
		authzhttp.Require("delete", "customer", authzhttp.FromQuery("from")),
		authzhttp.Require("update", "customer", authzhttp.FromQuery("into")),
	)
	fmt.Println(merge)
	// Output: delete customer ?from and update customer ?into
}

func ExampleGuard_Table() {
	az := openAcme()
	defer az.Close()

	// A router that tells which of its routes a request has matched: "PUT /customers/:id".
	table := authzhttp.New(az, session).Table(authzhttp.Routes{
		"PUT /customers/:id": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
	})
	middleware := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("id", "42")
		if r := table.Admit(w, r, "PUT /customers/:id"); r != nil {
			fmt.Fprint(w, "updated")
		}
	})
	send(middleware, "alice", "PUT", "/customers/42", "")
	fmt.Println(table.Undeclared([]string{"PUT /customers/:id", "DELETE /customers/:id"}))
	// Output:
	// 200 updated
	// [DELETE /customers/:id]
}
