package authzotel_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzotel"
	"github.com/crmauthz/crmauthz/model"
)

var hers = &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}

// open opens a policy by which everyone may read her own customers.
func open(o authz.Observer) (*authz.Authorizer, error) {
	ctx := context.Background()
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write}}}`))
	if err != nil {
		return nil, err
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		return nil, err
	}
	az, err := authz.Open(ctx, schema, store, authz.WithObserver(o))
	if err != nil {
		return nil, err
	}
	_, err = az.Grant(ctx, authz.By("user:admin", "the first policy"),
		authz.CustomerRule{Tenant: "acme", Subject: model.Everyone, On: model.OnType("customer"), Action: "read", Effect: model.Allow})
	return az, err
}

func read(user, action string) authz.Request {
	return authz.Request{Tenant: "acme", User: user, Action: action, Record: hers}
}

// What is asked within a span that is recorded is a span of its own; the metric counts all.
func TestSpansAndMetrics(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	reader := metric.NewManualReader()
	o, err := authzotel.New(traces, metric.NewMeterProvider(metric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	az, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer az.Close()
	_, _ = az.Enforce(t.Context(), read("user:alice", "read")) // in no span
	ctx, request := traces.Tracer("test").Start(t.Context(), "GET /customers/42")
	_, _ = az.Enforce(ctx, read("user:alice", "read"))
	_, _ = az.Enforce(ctx, read("user:bob", "read"))
	_, _ = az.Enforce(ctx, read("user:bob", "fly"))
	_, _ = az.Disable(ctx, authz.By("user:admin", "left"), "acme", "user:bob")
	request.End()

	want := map[string]int{
		"authz enforce user:alice true Unset": 1,
		"authz enforce user:bob false Unset":  1,
		"authz enforce user:bob false Error":  1,
		"authz disable user:admin true Unset": 1,
		"GET /customers/42   Unset":           1,
	}
	got := map[string]int{}
	for _, s := range spans.Ended() {
		attrs := attribute.NewSet(s.Attributes()...)
		who, _ := attrs.Value("authz.user")
		allowed := ""
		if v, ok := attrs.Value("authz.allowed"); ok {
			allowed = fmt.Sprint(v.AsBool())
		}
		got[fmt.Sprintf("%s %s %s %s", s.Name(), who.AsString(), allowed, s.Status().Code)]++
		if s.Name() != "GET /customers/42" && (s.Parent().SpanID() != request.SpanContext().SpanID() || s.EndTime().Before(s.StartTime())) {
			t.Errorf("%s is a child of %s, from %v to %v", s.Name(), s.Parent().SpanID(), s.StartTime(), s.EndTime())
		}
		if s.Status().Code == codes.Error && len(s.Events()) != 1 {
			t.Errorf("%s failed, and does not say why", s.Name())
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got spans %v, want %v", got, want)
	}

	counted := points(t, reader)
	for _, want := range []struct {
		count uint64
		attrs attribute.Set
	}{
		{2, set("enforce", true, "read")}, {1, set("enforce", false, "read")}, {1, set("grant", true, "")}, {1, set("disable", true, "")},
		{1, attribute.NewSet(attribute.String("authz.operation", "enforce"), attribute.Bool("authz.failed", true))},
	} {
		if got := counted[want.attrs.Equivalent()]; got != want.count {
			t.Errorf("%v: counted %d times, want %d", want.attrs.ToSlice(), got, want.count)
		}
	}
}

func set(op string, allowed bool, action string) attribute.Set {
	attrs := []attribute.KeyValue{attribute.String("authz.operation", op), attribute.Bool("authz.allowed", allowed)}
	if action != "" {
		attrs = append(attrs, attribute.String("authz.action", action), attribute.String("authz.type", "customer"))
	}
	return attribute.NewSet(attrs...)
}

// points are how often the histogram counted, by attributes.
func points(t *testing.T, reader *metric.ManualReader) map[attribute.Distinct]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	counted := map[attribute.Distinct]uint64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != "authz.duration" || m.Unit != "s" {
				t.Errorf("metric %s in %s is a %T", m.Name, m.Unit, m.Data)
			}
			for _, p := range h.DataPoints {
				counted[p.Attributes.Equivalent()] = p.Count
			}
		}
	}
	return counted
}

// Without a provider there is nothing of its kind, and the answers are the same.
func TestWithoutProviders(t *testing.T) {
	o, err := authzotel.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer az.Close()
	if ok, err := az.Enforce(t.Context(), read("user:alice", "read")); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, err := az.Enforce(t.Context(), read("user:bob", "read")); ok || err != nil {
		t.Error(ok, err)
	}
}

func Example() {
	spans := tracetest.NewSpanRecorder() // in a server: an exporter
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	observer, err := authzotel.New(traces, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	az, err := open(observer)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	ctx, request := traces.Tracer("crm").Start(context.Background(), "GET /customers/42")
	_, _ = az.Enforce(ctx, read("user:alice", "read"))
	request.End()
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output:
	// authz enforce
	// GET /customers/42
}
