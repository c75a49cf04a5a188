// Package attacktest makes hostile requests to servers that are guarded by package
// authzhttp, whatever router they are made with, and sees which handlers they reach.
package attacktest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

// A Server makes a server whose routes are those below, in the way of its router, behind the guard. Their
// handlers call act with the id as the router gives it to them, or with the reason why nobody should get there.
//
//	GET    /health            Public          act("")
//	GET    /customers         Collection      act("")
//	GET    /customers/{id}    Read            act(id)
//	PUT    /customers/{id}    Update          act(id)
//	DELETE /customers/{id}    Delete          act(id)
//	GET    /customers/export  not declared    act("undeclared")
//	GET    /admin/users       not declared    act("undeclared")
type Server func(guard *authzhttp.Guard, act Act) http.Handler

// Act is what a handler of the server does.
type Act func(w http.ResponseWriter, r *http.Request, id string)

// What the routes require.
var (
	Public     = authzhttp.Public()
	Collection = authzhttp.Require("read", "customer")
	Read       = authzhttp.Require("read", "customer", authzhttp.FromPath("id"))
	Update     = authzhttp.Require("update", "customer", authzhttp.FromPath("id"))
	Delete     = authzhttp.Require("delete", "customer", authzhttp.FromPath("id"))
)

// Undeclared is what a handler acts on that no request gets to.
const Undeclared = "undeclared"

// Alice and Bob are reps of Acme, each with a customer; Zoe has one at Beta.
const schema = `types: {customer: {actions: {read: read, update: write, delete: delete}}}`

const policy = `
acme:
  members: [{who: [user:alice, user:bob], in: role:rep}]
  rules:   [{who: role:rep, may: "*", on: customer}]
`

const beta = `
beta:
  members: [{who: user:zoe, in: role:rep}]
  rules:   [{who: role:rep, may: "*", on: customer}]
`

type customers map[string]*authz.Record

var database = customers{
	"acme/42": {Type: "customer", ID: "42", Owners: []string{"user:alice"}},
	"acme/43": {Type: "customer", ID: "43", Owners: []string{"user:bob"}},
	"beta/77": {Type: "customer", ID: "77", Owners: []string{"user:zoe"}},
}

// Records implements authz.Resolver.
func (c customers) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	found := make([]*authz.Record, len(refs))
	for i, ref := range refs {
		found[i] = c[tenant+"/"+ref.ID]
	}
	return found, nil
}

// site is a server under attack, and what its handlers did.
type site struct {
	az   *authz.Authorizer
	addr string

	mu    sync.Mutex
	acted []string // all that was done
	wrong []string // and what of it nobody was allowed to
}

func start(t *testing.T, serve Server) *site {
	t.Helper()
	s := &site{az: open(t)}
	guard := authzhttp.New(s.az, authenticate)
	server := httptest.NewUnstartedServer(serve(guard, s.act))
	server.Config.ReadHeaderTimeout = time.Second
	server.Start()
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return s
}

func open(t *testing.T) *authz.Authorizer {
	t.Helper()
	parsed, err := model.ParseSchema([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), parsed, store, authz.WithResolver(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	for _, text := range []string{policy, beta} {
		facts, err := model.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := az.Grant(t.Context(), authz.By("user:admin", "a test"), facts...); err != nil {
			t.Fatal(err)
		}
	}
	return az
}

// Guard returns a guard of the policy that servers are attacked with.
func Guard(t *testing.T) *authzhttp.Guard {
	t.Helper()
	return authzhttp.New(open(t), authenticate)
}

// authenticate believes a header: "acme alice", or falls over.
func authenticate(r *http.Request) (authz.Principal, error) {
	switch tenant, user, _ := strings.Cut(r.Header.Get("Test-User"), " "); user {
	case "":
		return authz.Principal{}, authzhttp.ErrUnauthenticated
	case "panic":
		panic("no session store")
	case "error":
		return authz.Principal{Tenant: "acme", User: "user:alice"}, fmt.Errorf("no session store")
	default:
		return authz.Principal{Tenant: tenant, User: "user:" + user}, nil
	}
}

// act is what the handlers do. It asks the policy once more, by the id that the handler has.
func (s *site) act(w http.ResponseWriter, r *http.Request, id string) {
	done := fmt.Sprintf("%s %s (%s)", r.Method, r.RequestURI, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acted = append(s.acted, done)
	if !s.mayAct(r, id) {
		s.wrong = append(s.wrong, done)
	}
	_, _ = fmt.Fprintf(w, "acted on %q", id)
}

func (s *site) mayAct(r *http.Request, id string) bool {
	if r.URL.Path == "/health" {
		return true
	}
	who, ok := authz.FromContext(r.Context())
	a, has := authzhttp.FromContext(r.Context())
	if !ok || !has || id == Undeclared {
		return false
	}
	action, known := map[string]string{"GET": "read", "HEAD": "read", "PUT": "update", "DELETE": "delete"}[r.Method]
	if !known {
		return false
	}
	if id == "" {
		ok, _ = s.az.Enforce(r.Context(), authz.Request{Tenant: who.Tenant, User: who.User, Action: action, Type: "customer"})
		return ok && r.URL.Path == "/customers"
	}
	record := database[who.Tenant+"/"+id]
	if record == nil || a.Record != record {
		return false
	}
	ok, _ = s.az.Enforce(r.Context(), authz.Request{Tenant: who.Tenant, User: who.User, Action: action, Record: record})
	return ok
}

// done is what the handlers did since it was asked last.
func (s *site) done() (acted, wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acted, wrong = s.acted, s.wrong
	s.acted, s.wrong = nil, nil
	return acted, wrong
}

// send writes bytes to the server and returns the status of its answer, 0 for none.
func (s *site) send(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// Run makes all attacks on a server.
func Run(t *testing.T, serve Server) {
	s := start(t, serve)
	for _, r := range Legitimate {
		status := s.send(t, r.Text())
		if acted, wrong := s.done(); status != http.StatusOK || len(acted) != 1 || len(wrong) > 0 {
			t.Errorf("%s: status %d, handlers did %q, of which %q wrong; want one, and 200", r, status, acted, wrong)
		}
	}
	for _, r := range slices.Concat(Attacks, Bodies) {
		status := s.send(t, r.Text())
		if acted, _ := s.done(); len(acted) > 0 || status > 0 && status < 300 && r.Target != "*" { // "OPTIONS *" net/http answers itself
			t.Errorf("%s: status %d, handlers did %q", r, status, acted)
		}
	}
	unfinished := strings.TrimSuffix(Legitimate[0].Text(), "\r\n") // the server gives up on it
	if status := s.send(t, unfinished); status > 0 && status < 300 {
		t.Errorf("%q: status %d", unfinished, status)
	}
	if acted, _ := s.done(); len(acted) > 0 {
		t.Errorf("%q: handlers did %q", unfinished, acted)
	}
}
