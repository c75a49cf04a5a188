// Package authzotel tells OpenTelemetry of decisions, filters and changes.
//
//	observer, err := authzotel.New(otel.GetTracerProvider(), otel.GetMeterProvider())
//	az, err := authz.Open(ctx, schema, store, authz.WithObserver(observer))
//
// Each is a span, "authz enforce", within the span of the request, if that is
// recorded; outside of one there are none. Its attributes say who asked what, and what came out.
//
// The histogram authz.duration, in seconds, counts them by authz.operation and authz.allowed and, if the
// schema knows them, by authz.action and authz.type; what failed has authz.failed in place of these. Tenants, users
// and records are no attributes of metrics: there are too many.
package authzotel

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/crmauthz/crmauthz/authz"
)

const scope = "github.com/crmauthz/crmauthz/authz/authzotel"

// observer is an authz.Observer.
type observer struct {
	tracer   trace.Tracer            // nil: no spans
	duration metric.Float64Histogram // nil: no metrics
}

// New returns an observer that makes spans with one provider and metrics with the other. Without
// a provider it makes none of that kind. An error says what is wrong with the meter.
func New(traces trace.TracerProvider, metrics metric.MeterProvider) (authz.Observer, error) {
	o := &observer{}
	if traces != nil {
		o.tracer = traces.Tracer(scope)
	}
	if metrics != nil {
		var err error
		// From a tenth of a microsecond, as decisions take, to the ten seconds of a database that hangs.
		o.duration, err = metrics.Meter(scope).Float64Histogram("authz.duration", metric.WithUnit("s"),
			metric.WithDescription("How long decisions, filters and changes of the policy take."),
			metric.WithExplicitBucketBoundaries(1e-7, 5e-7, 1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1, 5, 10))
		if err != nil {
			return nil, fmt.Errorf("authzotel: %w", err)
		}
	}
	return o, nil
}

// Observe implements authz.Observer.
func (o *observer) Observe(ctx context.Context, e authz.Event) {
	if o.duration != nil {
		o.duration.Record(ctx, e.Duration.Seconds(), metric.WithAttributeSet(attribute.NewSet(counted(e)...)))
	}
	if o.tracer != nil && trace.SpanFromContext(ctx).IsRecording() {
		o.span(ctx, e)
	}
}

// counted are the attributes of a metric, of which there are few values.
func counted(e authz.Event) []attribute.KeyValue {
	attrs := []attribute.KeyValue{attribute.String("authz.operation", e.Op)}
	switch {
	case e.Err != nil:
		return append(attrs, attribute.Bool("authz.failed", true))
	case e.Action != "":
		attrs = append(attrs, attribute.String("authz.action", e.Action), attribute.String("authz.type", e.Type))
	}
	return append(attrs, attribute.Bool("authz.allowed", e.Allowed))
}

// span makes the span of what is over.
func (o *observer) span(ctx context.Context, e authz.Event) {
	attrs := []attribute.KeyValue{
		attribute.String("authz.operation", e.Op), attribute.String("authz.tenant", e.Tenant), attribute.String("authz.user", e.User),
		attribute.Bool("authz.allowed", e.Allowed), attribute.Int64("authz.revision", int64(e.Revision)),
	}
	if e.Action != "" {
		attrs = append(attrs, attribute.String("authz.action", e.Action), attribute.String("authz.type", e.Type),
			attribute.String("authz.id", e.ID), attribute.String("authz.reason", e.Reason.String()))
	}
	_, span := o.tracer.Start(ctx, "authz "+e.Op, trace.WithTimestamp(e.Start), trace.WithAttributes(attrs...))
	if e.Err != nil {
		span.RecordError(e.Err, trace.WithTimestamp(e.Start.Add(e.Duration)))
		span.SetStatus(codes.Error, "it could not be decided or changed")
	}
	span.End(trace.WithTimestamp(e.Start.Add(e.Duration)))
}
