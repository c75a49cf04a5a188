//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// cookieOf is the session of somebody who logs in.
func cookieOf(t testing.TB, c *crm, user string) string {
	t.Helper()
	b := c.logIn(t, user)
	at, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	return cookieName + "=" + b.client.Jar.Cookies(at)[0].Value
}

func listRequest(ctx context.Context, address, cookie string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/customers?size=25", nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Cookie", cookie)
	return r
}

// While others ask, rights are granted, taken and switched off: every request is answered, and what was
// changed is answered by from the moment that the change has returned.
func TestChangesUnderLoad(t *testing.T) {
	c := startCRM(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	alice, ben := cookieOf(t, c, "user:alice"), cookieOf(t, c, "user:ben")
	var served atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				w := httptest.NewRecorder()
				c.web.ServeHTTP(w, listRequest(t.Context(), "", alice))
				if w.Code != http.StatusOK || strings.Count(w.Body.String(), `"id":`) != 25 {
					t.Errorf("a request of Alice's: %d", w.Code)
					return
				}
				served.Add(1)
			}
		})
	}
	ask := func() int {
		w := httptest.NewRecorder()
		c.web.ServeHTTP(w, listRequest(t.Context(), "", ben))
		return w.Code
	}
	records := func(id int64) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprint("/customers/", id), nil)
		r.Header.Set("Cookie", ben)
		c.web.ServeHTTP(w, r)
		return w.Code
	}
	by, changes := authz.By("user:farah", "load"), 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		rule := authz.TeamRule{Tenant: "fernhill", Subject: "user:ben", On: model.OnRecord("customer", "2"), Level: model.LevelRead}
		for _, step := range []struct {
			change func() (authz.Revision, error)
			ask    func() int
			want   int
		}{
			{func() (authz.Revision, error) { return c.db.az.Grant(t.Context(), by, rule) }, func() int { return records(2) }, http.StatusOK},
			{func() (authz.Revision, error) { return c.db.az.Revoke(t.Context(), by, rule) }, func() int { return records(2) }, http.StatusNotFound},
			{func() (authz.Revision, error) { return c.db.az.Disable(t.Context(), by, "fernhill", "user:ben") }, ask, http.StatusForbidden},
			{func() (authz.Revision, error) { return c.db.az.Enable(t.Context(), by, "fernhill", "user:ben") }, ask, http.StatusOK},
		} {
			if _, err := step.change(); err != nil {
				t.Fatal(err)
			}
			if got := step.ask(); got != step.want {
				t.Fatalf("after change %d: %d, want %d", changes, got, step.want)
			}
			changes++
		}
	}
	stop()
	load.Wait()
	if served.Load() == 0 {
		t.Error("nothing was served meanwhile")
	}
	t.Logf("%d requests served, %d changes made, each seen by the next request", served.Load(), changes)
}

// BenchmarkCustomersJSON is the list of 25 customers as JSON: over the network, without it, and, to
// compare with, the same rows of the same table with nothing narrowed, redacted or decided.
func BenchmarkCustomersJSON(b *testing.B) {
	c := startCRM(b)
	alice := cookieOf(b, c, "user:alice")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Run("network", func(b *testing.B) {
		b.ReportAllocs()
		defer reportCPU(b)()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r, err := client.Do(listRequest(b.Context(), c.URL, alice))
				if err != nil || r.StatusCode != http.StatusOK {
					b.Error(r, err)
					return
				}
				var page customersJSON
				err = json.NewDecoder(r.Body).Decode(&page)
				if _ = r.Body.Close(); err != nil || len(page.Customers) != 25 {
					b.Error(len(page.Customers), err)
					return
				}
			}
		})
	})
	serve := func(b *testing.B, h http.Handler) {
		b.ReportAllocs()
		defer reportCPU(b)()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, listRequest(b.Context(), "", alice))
				if w.Code != http.StatusOK {
					b.Error(w.Code)
					return
				}
			}
		})
	}
	b.Run("handler", func(b *testing.B) { serve(b, c.web) })
	b.Run("unguarded", func(b *testing.B) {
		serve(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var rows []Customer
			err := c.db.all.WithContext(r.Context()).Where("tenant = ?", "fernhill").Order("name, id").Limit(26).Find(&rows).Error
			out, err2 := json.Marshal(customersJSON{Customers: rows[:25]})
			if err != nil || err2 != nil {
				http.Error(w, "failed", http.StatusInternalServerError)
				return
			}
			_, _ = w.Write(out)
		}))
	})
}
