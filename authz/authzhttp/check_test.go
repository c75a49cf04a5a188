package authzhttp_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// checkSite is a server with a batch endpoint only.
func checkSite(t testing.TB, resolver authz.Resolver) *authzhttp.Mux {
	guard := authzhttp.New(openWith(t, resolver), fromHeader)
	mux := guard.Mux(nil)
	mux.Handle("POST /authz/check", guard.Check())
	return mux
}

func checkRequest(user, body string) *http.Request {
	r := httptest.NewRequest("POST", "/authz/check", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if user != "" {
		r.Header.Set("Test-User", "acme "+user)
	}
	return r
}

// manyRecords is a question about n times customer 42.
func manyRecords(n int) string {
	return `{"actions":["read","update","delete"],"records":[` + strings.TrimSuffix(strings.Repeat(`{"type":"customer","id":"42"},`, n), ",") + "]}"
}

func TestCheckTellsWhatMayBeDoneWithEach(t *testing.T) {
	store := newRecords()
	body := `{"actions":["read","update","convert"],"records":[
		{"type":"customer","id":"42"}, {"type":"customer","id":"43"}, {"type":"customer"}, {"type":"lead"},
		{"type":"customer","id":"77"}, {"type":"customer","id":"99"}, {"type":"ticket","id":"1"}, {"type":"customer","id":"a/b"}, {}]}`
	w := serve(checkSite(t, store), checkRequest("alice", body))
	var got authzhttp.CheckResponse
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err, w.Body)
	}
	result := func(typ, id string, allowed []string, unknown ...string) authzhttp.CheckResult {
		return authzhttp.CheckResult{CheckRecord: authzhttp.CheckRecord{Type: typ, ID: id}, Allowed: allowed, Unknown: unknown}
	}
	none, all := []string{}, []string{"read", "update", "convert"}
	want := authzhttp.CheckResponse{Revision: 1, Results: []authzhttp.CheckResult{
		result("customer", "42", []string{"read", "update"}, "convert"),
		result("customer", "43", none, "convert"), // Bob's
		result("customer", "", []string{"read", "update"}, "convert"),
		result("lead", "", none, "update"),
		result("customer", "77", none, "convert"), // another tenant's: the same as one that does not exist
		result("customer", "99", none, "convert"),
		result("ticket", "1", none, all...), // a type of another tenant: the same as one that does not exist
		result("customer", "a/b", none, "convert"),
		result("", "", none, all...),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := store.calls.Load(); n != 1 {
		t.Errorf("the resolver was asked %d times, want once", n)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

// Check and Enforce give the same answers, whoever asks.
func TestCheckIsEnforceForEach(t *testing.T) {
	store := newRecords()
	az := openWith(t, store)
	guard := authzhttp.New(az, fromHeader)
	actions, ids := []string{"read", "update", "delete"}, []string{"42", "43", "77", "99"}
	for _, user := range []string{"alice", "bob", "dan", "stranger"} {
		body := `{"actions":["read","update","delete"],"records":[{"type":"customer","id":"42"},{"type":"customer","id":"43"},{"type":"customer","id":"77"},{"type":"customer","id":"99"}]}`
		var got authzhttp.CheckResponse
		if err := json.Unmarshal(serve(guard.Check(), checkRequest(user, body)).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			allowed := []string{}
			for _, action := range actions {
				if ok, _ := az.Enforce(t.Context(), authz.Request{Tenant: "acme", User: "user:" + user, Action: action, Type: "customer", ID: id}); ok {
					allowed = append(allowed, action)
				}
			}
			if diff := cmp.Diff(allowed, got.Results[i].Allowed); diff != "" {
				t.Errorf("%s on %s: %s", user, id, diff)
			}
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, test := range []struct {
		name, user, want string
		change           func(*http.Request)
		body             string
	}{
		{"nobody", "", "unauthenticated", nil, manyRecords(1)},
		{"too many records", "alice", "too_large", nil, manyRecords(authzhttp.MaxCheckRecords + 1)},
		{"too many actions", "alice", "too_large", nil, `{"actions":["` + strings.Repeat(`read","`, authzhttp.MaxCheckActions) + `read"],"records":[]}`},
		{"too many bytes", "alice", "too_large", nil, strings.Repeat(" ", authzhttp.MaxCheckBody) + manyRecords(1)},
		{"empty", "alice", "malformed", nil, ""},
		{"no JSON", "alice", "malformed", nil, "<xml/>"},
		{"cut off", "alice", "malformed", nil, `{"actions":["read"],"records":[{"type":"customer"`},
		{"two values", "alice", "malformed", nil, manyRecords(1) + manyRecords(1)},
		{"trailing text", "alice", "malformed", nil, manyRecords(1) + "x"},
		{"unknown name", "alice", "malformed", nil, `{"actions":["read"],"records":[],"user":"user:bob"}`},
		{"unknown name of a record", "alice", "malformed", nil, `{"actions":["read"],"records":[{"type":"customer","id":"42","tenant":"beta"}]}`},
		{"number for an id", "alice", "malformed", nil, `{"actions":["read"],"records":[{"type":"customer","id":42}]}`},
		{"a thousand levels", "alice", "malformed", nil, `{"actions":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`},
		{"a form", "alice", "media_type", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, manyRecords(1)},
		{"plain text, as a form of another site may send", "alice", "media_type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, manyRecords(1)},
		{"no type", "alice", "media_type", func(r *http.Request) { r.Header.Del("Content-Type") }, manyRecords(1)},
		{"GET", "alice", "method_not_allowed", func(r *http.Request) { r.Method = "GET" }, manyRecords(1)},
		{"another method in a header", "alice", "malformed", func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "GET") }, manyRecords(1)},
	} {
		store := newRecords()
		guard := authzhttp.New(openWith(t, store), fromHeader)
		r := checkRequest(test.user, test.body)
		if test.change != nil {
			test.change(r)
		}
		if got := code(t, serve(guard.Check(), r)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if n := store.calls.Load(); n != 0 {
			t.Errorf("%s: the resolver was asked", test.name)
		}
	}
	// As many as there may be are answered.
	if w := serve(checkSite(t, newRecords()), checkRequest("alice", manyRecords(authzhttp.MaxCheckRecords))); w.Code != http.StatusOK {
		t.Errorf("got %s", w.Body)
	}
}

func TestCheckWithoutFactsAnswersNothing(t *testing.T) {
	store := newRecords()
	store.fail = func() error { return errors.New("the disk is full") }
	mux := checkSite(t, store)
	if got := code(t, serve(mux, checkRequest("alice", manyRecords(1)))); got != "unavailable" {
		t.Errorf("resolver fails: got %s", got)
	}
	store.fail = func() error { panic("the disk is full") }
	if got := code(t, serve(mux, checkRequest("alice", manyRecords(1)))); got != "internal" {
		t.Errorf("resolver panics: got %s", got)
	}
	// A record that is not as the schema says denies itself, not the page.
	store.fail = nil
	store.byKey["acme/customer/43"] = &authz.Record{Type: "customer", ID: "43", Attrs: map[string]any{"unheard of": 1}}
	w := serve(mux, checkRequest("alice", `{"actions":["read"],"records":[{"type":"customer","id":"43"},{"type":"customer","id":"42"}]}`))
	if want := `{"revision":1,"results":[{"type":"customer","id":"43","allowed":[]},{"type":"customer","id":"42","allowed":["read"]}]}`; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

// A body that does not come ends the request, and holds nobody up.
func TestCheckDoesNotWaitForSlowClients(t *testing.T) {
	guard := authzhttp.New(openWith(t, newRecords()), fromHeader)
	guard.SetCheckTimeout(50 * time.Millisecond)
	site := httptest.NewServer(guard.Check())
	defer site.Close()
	conn, err := net.Dial("tcp", site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /authz/check HTTP/1.1\r\nHost: x\r\nTest-User: acme alice\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s", response.Status)
	}
}
