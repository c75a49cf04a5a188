package authz

import (
	"context"
	"log/slog"
)

// LogTo returns an Observer that writes events to a log: what is allowed at the level debug, denials and
// changes at info, and what failed at warn. What the log's level leaves out costs next to nothing.
func LogTo(l *slog.Logger) Observer { return logger{l} }

type logger struct{ to *slog.Logger }

// Observe implements Observer.
func (l logger) Observe(ctx context.Context, e Event) {
	question := e.Action != ""
	level := slog.LevelInfo
	switch {
	case e.Err != nil:
		level = slog.LevelWarn
	case question && e.Allowed:
		level = slog.LevelDebug
	}
	if !l.to.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("tenant", e.Tenant), slog.String("user", e.User)}
	if question {
		attrs = append(attrs, slog.String("action", e.Action), slog.String("type", e.Type), slog.String("id", e.ID), slog.Bool("allowed", e.Allowed))
	}
	if question && e.Op != "filter" {
		attrs = append(attrs, slog.String("reason", e.Reason.String()))
	}
	attrs = append(attrs, slog.Uint64("revision", uint64(e.Revision)), slog.Duration("duration", e.Duration))
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	l.to.LogAttrs(ctx, level, "authz "+e.Op, attrs...)
}
