package authzhttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

func TestMuxListsItsRoutes(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	h := &reached{}
	mux := guard.Mux(authzhttp.Routes{
		"GET  /customers/{id}": authzhttp.Require("read", "customer", authzhttp.FromPath("id")),
		"PUT\t/customers/{id}": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
		"GET /custmers":        authzhttp.Require("read", "customer"),
		"/static/":             authzhttp.Public(),
		"/old/":                authzhttp.Delegated(),
	})
	mux.Handle("/customers/{id}", h)
	mux.Handle("GET /customers", h)
	mux.Handle("/static/", h)
	mux.Handle("GET /static/{file}", h)
	mux.Handle("/old/", http.StripPrefix("/old", guard.Mux(nil)))
	mux.Handle("/new/", http.StripPrefix("/new", guard.Mux(nil)))
	mux.Handle("/v2/", guard.Mux(nil))
	mux.Handle("POST /authz/check", guard.Check())
	mux.Handle("GET /merge", guard.Protect(authzhttp.Require("update", "customer", authzhttp.FromQuery("from"), authzhttp.FromQuery("into")))(h))

	got := map[string]string{}
	for pattern, need := range mux.Routes() {
		got[pattern] = need.String()
	}
	want := map[string]string{
		"GET /customers/{id}": "read customer {id}",
		"PUT /customers/{id}": "update customer {id}",
		"GET /customers":      "undeclared",
		"/static/":            "public",
		"GET /static/{file}":  "undeclared",
		"/old/":               "delegated",
		"/new/":               "undeclared",
		"/v2/":                "delegated",
		"POST /authz/check":   "authenticated",
		"GET /merge":          "update customer ?from and update customer ?into",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/new/", "GET /customers", "GET /static/{file}"}, mux.Undeclared()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"GET /custmers"}, mux.Unused()); diff != "" {
		t.Error(diff)
	}
	for target, want := range map[string]string{
		"/customers/42": "reached", "/customers": "denied", "/static/a/b": "reached", "/static/a": "denied", "/new/x": "denied",
		"/merge?from=42&into=42": "reached", "/v2/x": "404 Not Found",
	} {
		if got := code(t, serve(mux, request("GET", target, "alice"))); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// What could never let a request through, or would let through too many, is found at the start.
func TestRoutesThatAreOfNoUsePanic(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	h := &reached{}
	for _, test := range []struct {
		name, want string
		do         func()
	}{
		{"unknown action", "unknown action", func() { guard.Mux(authzhttp.Routes{"GET /x": authzhttp.Require("fly", "customer")}) }},
		{"unknown type", "unknown action", func() { guard.Protect(authzhttp.Require("read", "unicorn")) }},
		{"no wildcard", "no wildcard id", func() {
			guard.Mux(authzhttp.Routes{"GET /x/{ID}": authzhttp.Require("read", "customer", authzhttp.FromPath("id"))})
		}},
		{"no method", "name one", func() { guard.Mux(authzhttp.Routes{"/x": authzhttp.Require("read", "customer")}) }},
		{"no method, in place", "name one", func() { guard.Mux(nil).Handle("/x", guard.Protect(authzhttp.Require("read", "customer"))(h)) }},
		{"nothing declared", "declares nothing", func() { guard.Mux(authzhttp.Routes{"GET /x": {}}) }},
		{"nothing in all", "declares nothing", func() { guard.Mux(authzhttp.Routes{"GET /x": authzhttp.All()}) }},
		{"no function for the id", "finds no record", func() {
			guard.Mux(authzhttp.Routes{"GET /x": authzhttp.Require("read", "customer", authzhttp.From("body", nil))})
		}},
		{"no function for the record", "finds no record", func() {
			guard.Protect(authzhttp.Require("read", "customer", authzhttp.FromPath("id"), authzhttp.FromRecord("body", nil)))
		}},
		{"the zero target", "finds no record", func() { guard.Protect(authzhttp.Require("read", "customer", authzhttp.Target{})) }},
		{"malformed pattern", "parsing", func() { guard.Mux(nil).Handle("GET x{", h) }},
		{"twice", "conflicts", func() { m := guard.Mux(nil); m.Handle("GET /x", h); m.Handle("GET /x", h) }},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, test.want) {
					t.Errorf("%s: got %s, want …%s…", test.name, got, test.want)
				}
			}()
			test.do()
		}()
	}
	// A type that one tenant has beyond the others is no mistake; the others are denied.
	mux := guard.Mux(authzhttp.Routes{"GET /tickets": authzhttp.Require("read", "ticket")})
	mux.Handle("GET /tickets", h)
	if got := code(t, serve(mux, request("GET", "/tickets", "alice"))); got != "denied" {
		t.Errorf("got %s", got)
	}
}

// Without a check at the start, what is about no record is not about its type either.
func TestATargetThatFindsNothingIsRefused(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	w := httptest.NewRecorder()
	if r := guard.Admit(w, request("GET", "/x", "alice"), authzhttp.Require("read", "customer", authzhttp.From("body", nil))); r != nil {
		t.Error("let through")
	} else if got := code(t, w); got != "internal" {
		t.Errorf("got %s", got)
	}
}

func TestTablesOfOtherRouters(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	table := guard.Table(authzhttp.Routes{
		"GET /customers/:id":             authzhttp.Require("read", "customer", authzhttp.FromPath("id")),
		"GET /files/*path":               authzhttp.Require("read", "customer", authzhttp.FromPath("path")),
		"GET /echo/*":                    authzhttp.Require("read", "customer", authzhttp.FromPath("*")),
		"GET /chi/{id:[0-9]+}":           authzhttp.Require("read", "customer", authzhttp.FromPath("id")),
		"GET /chi/{name}-{id}/{rest...}": authzhttp.Require("read", "customer", authzhttp.FromPath("id"), authzhttp.FromPath("rest")),
		"GET /gone":                      authzhttp.Public(),
	})
	registered := []string{"GET /customers/:id", "GET /files/*path", "GET /echo/*", "GET /chi/{id:[0-9]+}", "GET /chi/{name}-{id}/{rest...}", "PUT /customers/:id", "PUT /customers/:id"}
	if diff := cmp.Diff([]string{"PUT /customers/:id"}, table.Undeclared(registered)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"GET /gone"}, table.Unused(registered)); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct{ pattern, id, want string }{
		{"GET /customers/:id", "42", "reached"},
		{"GET /customers/:id", "43", "denied"},
		{"GET /customers/:id", "", "denied"},
		{"PUT /customers/:id", "42", "denied"},
		{"", "42", "not_found"},
	} {
		r := request("GET", "/customers/"+test.id, "alice")
		r.SetPathValue("id", test.id)
		w := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r := table.Admit(w, r, test.pattern); r != nil {
				(&reached{}).ServeHTTP(w, r)
			}
		}), r)
		if got := code(t, w); got != test.want {
			t.Errorf("%v: got %s", test, got)
		}
	}
	whoeverAsks := guard.Table(authzhttp.Routes{"": authzhttp.Public()})
	if r := whoeverAsks.Admit(nowhere{}, request("GET", "/x", ""), ""); r == nil {
		t.Error("what is declared for requests without a route is refused")
	}
}

func TestDeclared(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	h, protect := &reached{}, guard.Protect(authzhttp.Authenticated())
	plain := func(h http.Handler) http.Handler { return http.StripPrefix("/x", h) }
	for _, test := range []struct {
		name        string
		handler     http.Handler
		middlewares []func(http.Handler) http.Handler
		want        bool
	}{
		{"handler", h, nil, false},
		{"protected", protect(h), nil, true},
		{"mux", guard.Mux(nil), nil, true},
		{"check", guard.Check(), nil, true},
		{"with another middleware", h, []func(http.Handler) http.Handler{plain}, false},
		{"with its middleware", h, []func(http.Handler) http.Handler{plain, protect}, true},
		{"wrapped", plain(protect(h)), nil, false},
	} {
		if got := authzhttp.Declared(test.handler, test.middlewares...); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func TestRequirementsOfAllAreTheStrictest(t *testing.T) {
	read := authzhttp.Require("read", "customer")
	for _, test := range []struct {
		need authzhttp.Requirement
		want string
	}{
		{authzhttp.All(), "undeclared"},
		{authzhttp.All(authzhttp.Requirement{}, authzhttp.Public()), "undeclared"},
		{authzhttp.All(authzhttp.Public(), authzhttp.Requirement{}), "undeclared"},
		{authzhttp.All(authzhttp.Public(), authzhttp.Public()), "public"},
		{authzhttp.All(authzhttp.Public(), authzhttp.Authenticated()), "authenticated"},
		{authzhttp.All(authzhttp.Delegated(), authzhttp.Authenticated(), authzhttp.Public()), "authenticated"},
		{authzhttp.All(authzhttp.Public(), read), "read customer"},
		{authzhttp.All(read, authzhttp.Require("update", "customer", authzhttp.From("the form's id", nil))), "read customer and update customer the form's id"},
	} {
		if got := test.need.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// Functions of the application that fail let nobody through.
func TestApplicationsFunctionsThatFailDeny(t *testing.T) {
	boom := errors.New("boom")
	ok := func(*http.Request) (authz.Principal, error) { return alice, nil }
	id := func(id string, err error) authzhttp.Requirement {
		return authzhttp.Require("read", "customer", authzhttp.From("id", func(*http.Request) (string, error) { return id, err }))
	}
	record := func(r *authz.Record, err error) authzhttp.Requirement {
		return authzhttp.Require("read", "customer", authzhttp.FromRecord("record", func(*http.Request) (*authz.Record, error) { return r, err }))
	}
	hers := &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	var noRecord *authz.Record
	for _, test := range []struct {
		name, want string
		principal  authzhttp.PrincipalFunc
		need       authzhttp.Requirement
		resolver   func() error
	}{
		{"nothing fails", "reached", ok, id("42", nil), nil},
		{"nothing fails with a record", "reached", ok, record(hers, nil), nil},
		{"principal: zero", "unauthenticated", func(*http.Request) (authz.Principal, error) { return authz.Principal{}, nil }, id("42", nil), nil},
		{"principal: no tenant", "unauthenticated", func(*http.Request) (authz.Principal, error) { return authz.Principal{User: "user:alice"}, nil }, id("42", nil), nil},
		{"principal: no user", "unauthenticated", func(*http.Request) (authz.Principal, error) { return authz.Principal{Tenant: "acme"}, nil }, id("42", nil), nil},
		{"principal: nobody", "unauthenticated", func(*http.Request) (authz.Principal, error) {
			return alice, fmt.Errorf("session expired: %w", authzhttp.ErrUnauthenticated)
		}, id("42", nil), nil},
		{"principal: error", "internal", func(*http.Request) (authz.Principal, error) { return alice, boom }, id("42", nil), nil},
		{"principal: panic", "internal", func(*http.Request) (authz.Principal, error) { panic(boom) }, id("42", nil), nil},
		{"principal: nil pointer", "internal", func(*http.Request) (authz.Principal, error) { var session *authz.Principal; return *session, nil }, id("42", nil), nil},
		{"principal: a role", "denied", func(*http.Request) (authz.Principal, error) {
			return authz.Principal{Tenant: "acme", User: "role:rep"}, nil
		}, id("42", nil), nil},
		{"principal: everyone", "denied", func(*http.Request) (authz.Principal, error) { return authz.Principal{Tenant: "acme", User: "*"}, nil }, id("42", nil), nil},
		{"principal: the base tenant", "denied", func(*http.Request) (authz.Principal, error) {
			return authz.Principal{Tenant: "*", User: "user:alice"}, nil
		}, id("42", nil), nil},
		{"principal: unknown attribute", "denied", func(*http.Request) (authz.Principal, error) {
			return authz.Principal{Tenant: "acme", User: "user:alice", UserAttrs: map[string]any{"x": 1}}, nil
		}, id("42", nil), nil},
		{"id: error", "internal", ok, id("42", boom), nil},
		{"id: not there", "denied", ok, id("", nil), nil},
		{"id: malformed", "denied", ok, id("4/2", nil), nil},
		{"id: ambiguous", "malformed", ok, id("42", authzhttp.ErrAmbiguous), nil},
		{"id: panic", "internal", ok, authzhttp.Require("read", "customer", authzhttp.From("id", func(*http.Request) (string, error) { panic(boom) })), nil},
		{"record: none", "denied", ok, record(nil, nil), nil},
		{"record: none, typed", "denied", ok, record(noRecord, nil), nil},
		{"record: error", "internal", ok, record(hers, boom), nil},
		{"record: no facts", "denied", ok, record(hers, model.ErrNoFacts), nil},
		{"record: of another type", "denied", ok, record(&authz.Record{Type: "lead", ID: "42", Owners: hers.Owners}, nil), nil},
		{"record: unknown attribute", "denied", ok, record(&authz.Record{Type: "customer", Owners: hers.Owners, Attrs: map[string]any{"x": 1}}, nil), nil},
		{"resolver: error", "unavailable", ok, id("42", nil), func() error { return boom }},
		{"resolver: panic", "internal", ok, id("42", nil), func() error { panic(boom) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, h := newRecords(), &reached{}
			store.fail = test.resolver
			guard := authzhttp.New(openWith(t, store), test.principal)
			got := code(t, serve(guard.Protect(test.need)(h), request("GET", "/", "")))
			if got != test.want || h.n.Load() > 0 != (test.want == "reached") {
				t.Errorf("got %s, want %s; reached %d times", got, test.want, h.n.Load())
			}
		})
	}
}

// http.ErrAbortHandler is how a server is told to hang up; it stays that.
func TestAbortIsNotSwallowed(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), func(*http.Request) (authz.Principal, error) { panic(http.ErrAbortHandler) })
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("got %v", v)
		}
	}()
	serve(guard.Protect(authzhttp.Authenticated())(&reached{}), request("GET", "/", ""))
}

func TestClosedAuthorizerDenies(t *testing.T) {
	az := openWith(t, newRecords())
	h := &reached{}
	mux := server(authzhttp.New(az, fromHeader), h)
	az.Close()
	for _, target := range []string{"/me", "/customers", "/customers/42"} {
		if got := code(t, serve(mux, request("GET", target, "alice"))); got != "unavailable" {
			t.Errorf("%s: got %s", target, got)
		}
	}
	if h.n.Load() > 0 {
		t.Error("a handler was reached")
	}
}

// A record that does not exist, one of another tenant's and one that is Bob's look alike to
// the last byte, and so do a tenant and a user that do not exist.
func TestRefusalsTellNothingApart(t *testing.T) {
	mux := server(authzhttp.New(openWith(t, newRecords()), fromHeader, authzhttp.WithDecisionHeader()), &reached{})
	look := func(r *http.Request) string {
		w := serve(mux, r)
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	want := look(request("GET", "/customers/43", "alice"))
	for _, target := range []string{"/customers/99", "/customers/77", "/search?id=43", "/search?id=99"} {
		if got := look(request("GET", target, "alice")); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	nowhere := request("GET", "/customers/42", "")
	nowhere.Header.Set("Test-User", "nowhere alice")
	undeclared := request("GET", "/admin/", "alice")
	if got, want := look(nowhere), look(undeclared); got != want {
		t.Errorf("an unknown tenant: got %s, want %s", got, want)
	}
}
