package authzhttp_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

const schemaText = `
types:
  customer:
    actions: {read: read, update: write, delete: delete, create: write}
    fields: {name: open, phone: {default: masked, mask: last4}}
  lead:
    actions: {read: read, convert: write}
user: {clearance: int}
conditions: {cleared: user.clearance >= 2}
tenants:
  beta: {types: {ticket: {actions: {read: read}}}}
`

// Alice and Bob are reps of Acme, Dan is in support. Zoe works for Beta.
const policyText = `
acme:
  members: [{who: [user:alice, user:bob], in: role:rep}, {who: user:dan, in: role:support}]
  rules:
    - {who: role:rep, may: [read, update, create], on: customer}
    - {who: role:support, may: read, on: customer, scope: all}
    - {who: role:support, may: delete, on: customer, scope: all, if: cleared}
beta:
  members: [{who: user:zoe, in: role:rep}]
  rules:   [{who: role:rep, may: [read, update], on: customer}]
`

// records is the database of a CRM: the customers of its tenants.
type records struct {
	byKey map[string]*authz.Record
	calls atomic.Int64
	fail  func() error
}

func newRecords() *records {
	return &records{byKey: map[string]*authz.Record{
		"acme/customer/42": {Type: "customer", ID: "42", Owners: []string{"user:alice"}},
		"acme/customer/43": {Type: "customer", ID: "43", Owners: []string{"user:bob"}},
		"beta/customer/77": {Type: "customer", ID: "77", Owners: []string{"user:zoe"}},
	}}
}

// Records implements authz.Resolver.
func (s *records) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	s.calls.Add(1)
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return nil, err
		}
	}
	found := make([]*authz.Record, len(refs))
	for i, ref := range refs {
		found[i] = s.byKey[tenant+"/"+ref.Type+"/"+ref.ID]
	}
	return found, nil
}

func openWith(t testing.TB, resolver authz.Resolver, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(policyText))
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, store, append(options, authz.WithResolver(resolver))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { az.Close() })
	for _, tenant := range []string{"acme", "beta"} {
		var of []authz.Fact
		for _, f := range facts {
			if f.TenantID() == tenant {
				of = append(of, f)
			}
		}
		if _, err := az.Grant(t.Context(), authz.By("user:admin", "a test"), of...); err != nil {
			t.Fatal(err)
		}
	}
	return az
}

// fromHeader is an authentication for tests: "acme alice".
func fromHeader(r *http.Request) (authz.Principal, error) {
	tenant, user, ok := strings.Cut(r.Header.Get("Test-User"), " ")
	if !ok {
		return authz.Principal{}, authzhttp.ErrUnauthenticated
	}
	return authz.Principal{Tenant: tenant, User: "user:" + user}, nil
}

// reached is a handler that counts who gets to it.
type reached struct{ n atomic.Int64 }

func (h *reached) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h.n.Add(1)
	_, _ = io.WriteString(w, "reached")
}

// request makes a request by a user of Acme, or by nobody.
func request(method, target, user string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if user != "" {
		r.Header.Set("Test-User", "acme "+user)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// code is the code of a problem, or "reached" of what the handler answered.
func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Body.String() == "reached" {
		return "reached"
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		return w.Result().Status
	}
	var p authzhttp.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Title != http.StatusText(w.Code) {
		t.Errorf("status %d, but the problem says %d %s", w.Code, p.Status, p.Title)
	}
	return p.Code
}

var customerRoutes = authzhttp.Routes{
	"GET /health":             authzhttp.Public(),
	"GET /me":                 authzhttp.Authenticated(),
	"GET /customers":          authzhttp.Require("read", "customer"),
	"GET /customers/{id}":     authzhttp.Require("read", "customer", authzhttp.FromPath("id")),
	"PUT /customers/{id}":     authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
	"DELETE /customers/{id}":  authzhttp.Require("delete", "customer", authzhttp.FromPath("id")),
	"GET /search":             authzhttp.Require("read", "customer", authzhttp.FromQuery("id")),
	"POST /customers/merge":   authzhttp.Require("update", "customer", authzhttp.FromQuery("from"), authzhttp.FromQuery("into")),
	"GET /tickets":            authzhttp.All(authzhttp.Authenticated(), authzhttp.Require("read", "customer")),
	"GET /files/{path...}":    authzhttp.Require("read", "customer", authzhttp.FromPath("path")),
	"POST /customers/approve": authzhttp.All(authzhttp.Require("read", "customer", authzhttp.FromQuery("id")), authzhttp.Require("update", "customer")),
}

// server has all of customerRoutes and some that are not declared.
func server(guard *authzhttp.Guard, h http.Handler) *authzhttp.Mux {
	mux := guard.Mux(customerRoutes)
	for pattern := range customerRoutes {
		mux.Handle(pattern, h)
	}
	mux.Handle("/admin/", h)
	mux.Handle("GET /customers/export", h)
	return mux
}

func TestRoutesLetThroughWhatTheyRequire(t *testing.T) {
	store := newRecords()
	h := &reached{}
	mux := server(authzhttp.New(openWith(t, store), fromHeader), h)
	for _, test := range []struct {
		user, method, target, want string
	}{
		{"", "GET", "/health", "reached"},
		{"", "GET", "/me", "unauthenticated"},
		{"alice", "GET", "/me", "reached"},
		{"stranger", "GET", "/me", "reached"},
		{"", "GET", "/customers", "unauthenticated"},
		{"alice", "GET", "/customers", "reached"},
		{"stranger", "GET", "/customers", "denied"},
		{"alice", "GET", "/customers/42", "reached"},
		{"alice", "HEAD", "/customers/42", "reached"},
		{"alice", "PUT", "/customers/42", "reached"},
		{"alice", "DELETE", "/customers/42", "denied"},
		{"bob", "GET", "/customers/42", "denied"},
		{"dan", "GET", "/customers/42", "reached"},
		{"dan", "PUT", "/customers/42", "denied"},
		{"dan", "GET", "/customers/44", "denied"},
		{"alice", "GET", "/search?id=42", "reached"},
		{"alice", "GET", "/search?id=43", "denied"},
		{"alice", "POST", "/customers/merge?from=42&into=42", "reached"},
		{"alice", "POST", "/customers/merge?from=42&into=43", "denied"},
		{"bob", "POST", "/customers/merge?from=42&into=43", "denied"},
		{"dan", "POST", "/customers/approve?id=42", "denied"},
		{"alice", "POST", "/customers/approve?id=42", "reached"},
		{"alice", "GET", "/customers/export", "denied"},
		{"alice", "GET", "/admin/", "denied"},
		{"", "GET", "/admin/users", "denied"},
		{"alice", "GET", "/nowhere", "404 Not Found"},
		{"alice", "PATCH", "/customers/42", "405 Method Not Allowed"},
	} {
		before := h.n.Load()
		got := code(t, serve(mux, request(test.method, test.target, test.user)))
		if got != test.want {
			t.Errorf("%s %s %s: got %s, want %s", cmp.Or(test.user, "nobody"), test.method, test.target, got, test.want)
		}
		if reached := h.n.Load() > before; reached != (test.want == "reached") {
			t.Errorf("%s %s %s: handler reached: %v", cmp.Or(test.user, "nobody"), test.method, test.target, reached)
		}
	}
}

// Two records are fetched together.
func TestAllRecordsOfARequestAreFetchedAtOnce(t *testing.T) {
	store := newRecords()
	mux := server(authzhttp.New(openWith(t, store), fromHeader), &reached{})
	serve(mux, request("POST", "/customers/merge?from=42&into=43", "alice"))
	if n := store.calls.Load(); n != 1 {
		t.Errorf("the resolver was asked %d times, want once", n)
	}
}

func TestAccessTellsTheHandler(t *testing.T) {
	store := newRecords()
	az := openWith(t, store)
	mux := authzhttp.New(az, fromHeader).Mux(customerRoutes)
	seen := false
	mux.HandleFunc("PUT /customers/{id}", func(_ http.ResponseWriter, r *http.Request) {
		seen = true
		a, ok := authzhttp.FromContext(r.Context())
		if !ok {
			t.Fatal("there is no Access")
		}
		if p, ok := authz.FromContext(r.Context()); !ok || p.User != "user:alice" || p.Tenant != "acme" || a.Principal.User != p.User {
			t.Errorf("got principal %v, %v", p, ok)
		}
		if a.Record != store.byKey["acme/customer/42"] || a.Revision() != 1 {
			t.Errorf("got record %v, revision %d", a.Record, a.Revision())
		}
		if ok, err := a.Viewer.Enforce("delete", a.Record); ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
		d, err := a.Decision()
		want, _ := az.Decide(r.Context(), authz.Request{Tenant: "acme", User: "user:alice", Action: "update", Record: a.Record})
		if diff := gocmp.Diff(want, d); diff != "" || err != nil || !d.Allowed {
			t.Error(diff, err)
		}
	})
	serve(mux, request("PUT", "/customers/42", "alice"))
	if !seen {
		t.Error("the handler was not reached")
	}
}

// Where there is no record, and where nothing is asked.
func TestAccessOfOtherRoutes(t *testing.T) {
	mux := authzhttp.New(openWith(t, newRecords()), fromHeader).Mux(customerRoutes)
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) {
		a, _ := authzhttp.FromContext(r.Context())
		if d, err := a.Decision(); err != nil || !d.Allowed || a.Record != nil {
			t.Errorf("got %v, %v, %v", d, err, a.Record)
		}
		_, _ = io.WriteString(w, "reached")
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		a, _ := authzhttp.FromContext(r.Context())
		if d, err := a.Decision(); err != nil || d.Allowed || a.Viewer == nil {
			t.Errorf("got %v, %v", d, err)
		}
		_, _ = io.WriteString(w, "reached")
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if a, ok := authzhttp.FromContext(r.Context()); ok || a != nil {
			t.Errorf("a public route has an Access: %v", a)
		}
		_, _ = io.WriteString(w, "reached")
	})
	for _, target := range []string{"/customers", "/me", "/health"} {
		if got := code(t, serve(mux, request("GET", target, "alice"))); got != "reached" {
			t.Errorf("%s: got %s", target, got)
		}
	}
}

func TestDecisionHeader(t *testing.T) {
	az := openWith(t, newRecords())
	silent := server(authzhttp.New(az, fromHeader), &reached{})
	telling := server(authzhttp.New(az, fromHeader, authzhttp.WithDecisionHeader()), &reached{})
	for _, test := range []struct{ user, target, want string }{
		{"alice", "/customers/42", "allowed;revision=1"},
		{"alice", "/me", "allowed;revision=1"},
		{"alice", "/customers/43", "denied;revision=1"},
		{"alice", "/customers/99", "denied;revision=1"},
		{"", "/customers/42", ""},
		{"alice", "/admin/", ""},
		{"alice", "/health", ""},
	} {
		if got := serve(telling, request("GET", test.target, test.user)).Header().Get(authzhttp.HeaderDecision); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.user, test.target, got, test.want)
		}
		if got := serve(silent, request("GET", test.target, test.user)).Header().Get(authzhttp.HeaderDecision); got != "" {
			t.Errorf("%s %s: got %q without the option", test.user, test.target, got)
		}
	}
}

// What conditions ask of the user comes with the principal.
func TestPrincipalsAttributesAreKnownToConditions(t *testing.T) {
	clearance := int64(1)
	guard := authzhttp.New(openWith(t, newRecords()), func(*http.Request) (authz.Principal, error) {
		return authz.Principal{Tenant: "acme", User: "user:dan", UserAttrs: map[string]any{"clearance": clearance}}, nil
	})
	mux := server(guard, &reached{})
	if got := code(t, serve(mux, request("DELETE", "/customers/42", ""))); got != "denied" {
		t.Errorf("clearance 1: got %s", got)
	}
	clearance = 2
	if got := code(t, serve(mux, request("DELETE", "/customers/42", ""))); got != "reached" {
		t.Errorf("clearance 2: got %s", got)
	}
}

// So does where she asks from.
func TestPrincipalsAddressIsKnownToSwitches(t *testing.T) {
	az := openWith(t, newRecords())
	if _, err := az.Disable(t.Context(), authz.By("user:admin", "at work only"), "acme", "user:alice", authz.Except("net:10.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"10.1.2.3": "reached", "192.0.2.1": "denied", "": "denied"} {
		guard := authzhttp.New(az, func(*http.Request) (authz.Principal, error) {
			who := alice
			who.Address, _ = netip.ParseAddr(address)
			return who, nil
		})
		if got := code(t, serve(server(guard, &reached{}), request("PUT", "/customers/42", ""))); got != want {
			t.Errorf("from %q: got %s, want %s", address, got, want)
		}
	}
}

func TestRecheckSeesWhatChangedMeanwhile(t *testing.T) {
	store := newRecords()
	az := openWith(t, store)
	mux := authzhttp.New(az, fromHeader).Mux(customerRoutes)
	by := authz.By("user:admin", "a test")
	mux.HandleFunc("PUT /customers/{id}", func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		a, _ := authzhttp.FromContext(ctx)
		if err := a.Recheck(ctx); err != nil {
			t.Errorf("nothing changed: %v", err)
		}
		if _, err := az.Disable(ctx, by, "acme", "user:alice"); err != nil {
			t.Fatal(err)
		}
		if err := a.Recheck(ctx); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("she is switched off: %v", err)
		}
		if ok, _ := a.Viewer.Enforce("update", a.Record); !ok {
			t.Error("the page is answered at one revision")
		}
		if _, err := az.Enable(ctx, by, "acme", "user:alice"); err != nil {
			t.Fatal(err)
		}
		kept := store.byKey["acme/customer/42"]
		store.byKey["acme/customer/42"] = &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:bob"}}
		if err := a.Recheck(ctx); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("the customer is Bob's now: %v", err)
		}
		delete(store.byKey, "acme/customer/42")
		if err := a.Recheck(ctx); !errors.Is(err, model.ErrNoFacts) {
			t.Errorf("the customer is gone: %v", err)
		}
		store.byKey["acme/customer/42"] = kept
		if err := a.Recheck(ctx); err != nil {
			t.Errorf("all is as it was: %v", err)
		}
		az.Close()
		if err := a.Recheck(ctx); !errors.Is(err, authz.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
	serve(mux, request("PUT", "/customers/42", "alice"))
}

func TestRecheckFetchesTheRecordOfAFunctionAnew(t *testing.T) {
	store := newRecords()
	fetched := func(r *http.Request) (*authz.Record, error) {
		if r.PathValue("id") == "new" {
			return &authz.Record{Type: "customer", Owners: []string{"user:alice"}}, nil
		}
		return store.byKey["acme/customer/"+r.PathValue("id")], nil
	}
	mux := authzhttp.New(openWith(t, store), fromHeader).Mux(authzhttp.Routes{
		"GET /customers/{id}": authzhttp.Require("read", "customer", authzhttp.FromRecord("{id}", fetched)),
	})
	key, hers := "acme/customer/42", store.byKey["acme/customer/42"]
	mux.HandleFunc("GET /customers/{id}", func(_ http.ResponseWriter, r *http.Request) {
		a, _ := authzhttp.FromContext(r.Context())
		for _, test := range []struct {
			now  *authz.Record
			want error
		}{
			{hers, nil},
			{&authz.Record{Type: "customer", ID: "42", Owners: []string{"user:bob"}}, authz.ErrDenied},
			{nil, model.ErrNoFacts},
			{&authz.Record{Type: "customer", ID: "41", Owners: []string{"user:alice"}}, model.ErrNoFacts},
		} {
			store.byKey[key] = test.now
			if a.Record.ID == "" {
				test.want = nil // it is only proposed
			}
			if err := a.Recheck(r.Context()); !errors.Is(err, test.want) {
				t.Errorf("%q is %v: got %v, want %v", a.Record.ID, test.now, err, test.want)
			}
		}
		store.byKey = nil
		if err := a.Recheck(r.Context()); a.Record.ID != "" && err == nil {
			t.Error("there is no database")
		}
	})
	serve(mux, request("GET", "/customers/new", "alice"))
	store.byKey = map[string]*authz.Record{key: hers}
	serve(mux, request("GET", "/customers/42", "alice"))
}

func TestRefusalAnswersInTheApplicationsWay(t *testing.T) {
	var got []error
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader, authzhttp.WithChallenge(`Session realm="crm"`),
		authzhttp.WithRefusal(func(w http.ResponseWriter, r *http.Request, p authzhttp.Problem) {
			got = append(got, p.Err)
			if p.Code == authzhttp.CodeUnauthenticated {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			p.Write(w)
		}))
	mux := server(guard, &reached{})
	w := serve(mux, request("GET", "/me", ""))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login" || w.Header().Get("WWW-Authenticate") != `Session realm="crm"` {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
	for _, target := range []string{"/customers/43", "/customers/44", "/admin/"} {
		if w := serve(mux, request("GET", target, "alice")); w.Code != http.StatusForbidden || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("got %d, %v", w.Code, w.Header())
		}
	}
	for i, want := range []error{authzhttp.ErrUnauthenticated, authz.ErrDenied, model.ErrNoFacts, authzhttp.ErrUndeclared} {
		if !errors.Is(got[i], want) {
			t.Errorf("%d: got %v, want %v", i, got[i], want)
		}
	}
}

// NewAccess asks what a route would.
func TestNewAccess(t *testing.T) {
	store := newRecords()
	az := openWith(t, store)
	hers, his := store.byKey["acme/customer/42"], store.byKey["acme/customer/43"]
	for _, test := range []struct {
		name string
		who  authz.Principal
		asks []authzhttp.Ask
		want error
	}{
		{"nothing", alice, nil, nil},
		{"a type", alice, []authzhttp.Ask{{Action: "read", Type: "customer", OfType: true}}, nil},
		{"an id", alice, []authzhttp.Ask{{Action: "update", Type: "customer", ID: "42"}}, nil},
		{"a record", alice, []authzhttp.Ask{{Action: "update", Type: "customer", Record: hers}}, nil},
		{"several", alice, []authzhttp.Ask{{Action: "update", Type: "customer", Record: hers}, {Action: "read", Type: "customer", ID: "42"}}, nil},
		{"one of several", alice, []authzhttp.Ask{{Action: "read", Type: "customer", OfType: true}, {Action: "read", Type: "customer", ID: "43"}}, authz.ErrDenied},
		{"a record of another's", alice, []authzhttp.Ask{{Action: "update", Type: "customer", Record: his}}, authz.ErrDenied},
		{"a record of another type", alice, []authzhttp.Ask{{Action: "read", Type: "lead", Record: hers}}, model.ErrNoFacts},
		{"no such record", alice, []authzhttp.Ask{{Action: "read", Type: "customer", ID: "99"}}, model.ErrNoFacts},
		{"no id", alice, []authzhttp.Ask{{Action: "read", Type: "customer"}}, model.ErrNoFacts},
		{"the zero Ask", alice, []authzhttp.Ask{{}}, model.ErrNoFacts},
		{"malformed id", alice, []authzhttp.Ask{{Action: "read", Type: "customer", ID: "4/2"}}, model.ErrNoFacts},
		{"unknown action", alice, []authzhttp.Ask{{Action: "fly", Type: "customer", OfType: true}}, model.ErrUnknownAction},
		{"nobody", authz.Principal{}, nil, model.ErrMalformed},
		{"unknown tenant", authz.Principal{Tenant: "nowhere", User: "user:alice"}, nil, model.ErrUnknownTenant},
	} {
		a, err := authzhttp.NewAccess(t.Context(), az, test.who, test.asks...)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if err != nil && authzhttp.ProblemOf(err).Code != authzhttp.CodeDenied {
			t.Errorf("%s: %+v", test.name, authzhttp.ProblemOf(err))
		}
		if err == nil {
			if again := a.Recheck(t.Context()); again != nil {
				t.Errorf("%s: %v at the second time", test.name, again)
			}
		}
	}
}
