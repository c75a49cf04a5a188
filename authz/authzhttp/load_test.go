package authzhttp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

// While the policy changes, every request is answered, by the policy of one revision, and
// by none older than that which the latest change has returned before the request was made.
func TestNoRequestIsLostOrDecidedByAnOldPolicy(t *testing.T) {
	const clients, changes = 4, 300
	az := openWith(t, newRecords())
	guard := authzhttp.New(az, fromHeader, authzhttp.WithDecisionHeader())
	mux := server(guard, &reached{})
	mux.Handle("POST /authz/check", guard.Check())
	site := httptest.NewServer(mux)
	defer site.Close()

	// Revision 1 leaves 42 to Alice; each even revision shares it with Bob, each odd one takes it from him.
	var returned atomic.Uint64
	returned.Store(1)
	stop := make(chan struct{})
	var running sync.WaitGroup
	var allowed, denied atomic.Int64
	for c := range clients {
		running.Go(func() {
			ask := askRoute
			if c%2 == 1 {
				ask = askCheck
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := authz.Revision(returned.Load())
				ok, revision, err := ask(site.Client(), site.URL)
				switch {
				case err != nil:
					t.Error(err)
					return
				case revision < least:
					t.Errorf("decided at revision %d, after the change to %d had returned", revision, least)
				case ok != (revision%2 == 0):
					t.Errorf("at revision %d: allowed %v", revision, ok)
				case ok:
					allowed.Add(1)
				default:
					denied.Add(1)
				}
			}
		})
	}
	share := authz.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelWrite}
	by := authz.By("user:admin", "a test")
	for i := range changes {
		change := az.Grant
		if i%2 == 1 {
			change = az.Revoke
		}
		revision, err := change(t.Context(), by, share)
		if err != nil || uint64(revision) != uint64(i)+2 {
			t.Fatal(revision, err)
		}
		returned.Store(uint64(revision))
		if _, _, err := askRoute(site.Client(), site.URL); err != nil { // changes take their turn with requests
			t.Fatal(err)
		}
	}
	close(stop)
	running.Wait()
	t.Logf("%d requests allowed, %d denied, during %d changes", allowed.Load(), denied.Load(), changes)
	if allowed.Load() == 0 || denied.Load() == 0 {
		t.Error("the requests did not see the changes")
	}
}

// askRoute asks whether Bob may update 42, as a route decides.
func askRoute(client *http.Client, url string) (bool, authz.Revision, error) {
	r, err := http.NewRequest("PUT", url+"/customers/42", nil)
	if err != nil {
		return false, 0, err
	}
	r.Header.Set("Test-User", "acme bob")
	response, err := client.Do(r)
	if err != nil {
		return false, 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return false, 0, err
	}
	var revision authz.Revision
	word, rest, _ := strings.Cut(response.Header.Get(authzhttp.HeaderDecision), ";")
	if _, err := fmt.Sscanf(rest, "revision=%d", &revision); err != nil {
		return false, 0, fmt.Errorf("status %d, header %q", response.StatusCode, rest)
	}
	want := map[string]int{"allowed": http.StatusOK, "denied": http.StatusForbidden}[word]
	if response.StatusCode != want {
		return false, 0, fmt.Errorf("status %d, but it says %s", response.StatusCode, word)
	}
	return word == "allowed", revision, nil
}

// askCheck asks the same, as a page does.
func askCheck(client *http.Client, url string) (bool, authz.Revision, error) {
	r, err := http.NewRequest("POST", url+"/authz/check", strings.NewReader(`{"actions":["update"],"records":[{"type":"customer","id":"42"}]}`))
	if err != nil {
		return false, 0, err
	}
	r.Header.Set("Test-User", "acme bob")
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return false, 0, err
	}
	defer response.Body.Close()
	var answer authzhttp.CheckResponse
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK || len(answer.Results) != 1 {
		return false, 0, fmt.Errorf("status %d, %v, %v", response.StatusCode, answer, err)
	}
	return len(answer.Results[0].Allowed) == 1, answer.Revision, nil
}
