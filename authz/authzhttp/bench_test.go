package authzhttp_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w nowhere) WriteHeader(int)             {}

type fixed struct{ record *authz.Record }

// Records implements authz.Resolver.
func (f fixed) Records(_ context.Context, _ string, refs []authz.Ref) ([]*authz.Record, error) {
	records := make([]*authz.Record, len(refs))
	for i := range refs {
		records[i] = f.record
	}
	return records, nil
}

var alice = authz.Principal{Tenant: "acme", User: "user:alice"}

// hardCoded is a server whose handler checks by itself what the others ask the policy.
func hardCoded(record *authz.Record) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != record.ID || record.Owners[0] != alice.User {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func guarded(b *testing.B, record *authz.Record, options ...authzhttp.Option) http.Handler {
	guard := authzhttp.New(openWith(b, fixed{record}), func(*http.Request) (authz.Principal, error) { return alice, nil }, options...)
	mux := guard.Mux(customerRoutes)
	mux.HandleFunc("PUT /customers/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// turn is how many nanoseconds a request takes, of a few in a row.
func turn(h http.Handler, w http.ResponseWriter, r *http.Request) float64 {
	const requests = 50
	start := time.Now()
	for range requests {
		h.ServeHTTP(w, r)
	}
	return float64(time.Since(start).Nanoseconds()) / requests
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// Overhead is what the guard adds to a request, beyond the same handler with a hard-coded
// check. The two take turns, so that what else the machine does slows both.
func BenchmarkOverhead(b *testing.B) {
	record := &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	bare := hardCoded(record)
	for _, bench := range []struct {
		name    string
		options []authzhttp.Option
	}{{"guard", nil}, {"guard with header", []authzhttp.Option{authzhttp.WithDecisionHeader()}}} {
		b.Run(bench.name, func(b *testing.B) {
			handler := guarded(b, record, bench.options...)
			w, r := nowhere{http.Header{}}, request("PUT", "/customers/42", "")
			var plain, behind []float64
			for b.Loop() {
				plain = append(plain, turn(bare, w, r))
				behind = append(behind, turn(handler, w, r))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(plain), "bare-ns")
			b.ReportMetric(median(behind), "guarded-ns")
			b.ReportMetric(median(behind)-median(plain), "overhead-ns")
		})
	}
	b.Run("allocations", func(b *testing.B) {
		handler := guarded(b, record)
		w, r := nowhere{http.Header{}}, request("PUT", "/customers/42", "")
		b.ReportAllocs()
		for b.Loop() {
			handler.ServeHTTP(w, r)
		}
	})
}

// Check is a page that asks what may be done with fifty things.
func BenchmarkCheckOf50(b *testing.B) {
	site := checkSite(b, fixed{&authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}})
	w := nowhere{http.Header{}}
	body := manyRecords(50)
	b.ReportAllocs()
	for b.Loop() {
		site.ServeHTTP(w, checkRequest("alice", body))
	}
}
