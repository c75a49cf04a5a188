package authz_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

type page struct{}

// notebook keeps what it is told.
type notebook struct {
	mu     sync.Mutex
	events []authz.Event
	pages  []any // by the contexts
}

// Observe implements authz.Observer.
func (w *notebook) Observe(ctx context.Context, e authz.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events, w.pages = append(w.events, e), append(w.pages, ctx.Value(page{}))
}

// told is what the notebook was told since it was asked last.
func (w *notebook) told() []authz.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.events
	w.events, w.pages = nil, nil
	return told
}

// restoreItself puts a tenant's policy in the place of itself.
func restoreItself(ctx context.Context, az *authz.Authorizer, by authz.Author) error {
	b, err := az.Backup(ctx, "acme")
	if err == nil {
		_, err = az.Restore(ctx, by, "acme", b)
	}
	return err
}

func TestObserverIsToldOfEach(t *testing.T) {
	w := &notebook{}
	az := open(t, storeOf(acme), authz.WithObserver(w), authz.WithResolver(newFetcher()))
	ctx := context.WithValue(t.Context(), page{}, "a page")
	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	by := authz.By("user:admin", "a test")
	event := func(op, action, id string, allowed bool, reason model.Reason) authz.Event {
		return authz.Event{Op: op, Tenant: "acme", User: "user:alice", Action: action, Type: "customer", ID: id, Allowed: allowed, Reason: reason, Revision: 1}
	}
	change := func(op string, made bool, rev authz.Revision) authz.Event {
		return authz.Event{Op: op, Tenant: "acme", User: "user:admin", Allowed: made, Revision: rev}
	}
	yes, far, none := model.ReasonAllowed, model.ReasonNoReach, model.ReasonNoRule
	for _, test := range []struct {
		name string
		do   func() error
		want []authz.Event
	}{
		{"Enforce", func() error { _, err := az.Enforce(ctx, ask("user:alice", "update", hers)); return err },
			[]authz.Event{event("enforce", "update", "42", true, yes)}},
		{"Enforce by id", func() error { _, err := az.Enforce(ctx, byID("user:alice", "43")); return err },
			[]authz.Event{event("enforce", "update", "43", false, far)}},
		{"Enforce a type", func() error {
			_, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:alice", Action: "delete", Type: "customer"})
			return err
		}, []authz.Event{event("enforce", "delete", "", false, none)}},
		{"Decide", func() error { _, err := az.Decide(ctx, ask("user:alice", "update", hers)); return err },
			[]authz.Event{event("decide", "update", "42", true, yes)}},
		{"DecideAll", func() error {
			_, err := az.DecideAll(ctx, []authz.Request{byID("user:alice", "42"), byID("user:alice", "43")})
			return err
		}, []authz.Event{event("decide all", "update", "42", true, yes), event("decide all", "update", "43", false, far)}},
		{"Viewer.Enforce", func() error { _, err := alice.Enforce("update", his); return err },
			[]authz.Event{event("enforce", "update", "43", false, far)}},
		{"Viewer.EnforceType", func() error { _, err := alice.With(nil, nil).EnforceType("read", "customer"); return err },
			[]authz.Event{event("enforce", "read", "", true, yes)}},
		{"Viewer.EnforceAll", func() error { return alice.EnforceAll(hers, []string{"read", "delete"}, make([]bool, 2)) },
			[]authz.Event{event("enforce", "read", "42", true, yes), event("enforce", "delete", "42", false, none)}},
		{"Viewer.Decide", func() error { _, err := alice.Decide("update", hers); return err },
			[]authz.Event{event("decide", "update", "42", true, yes)}},
		{"Viewer.DecideType", func() error { _, err := alice.DecideType("delete", "customer"); return err },
			[]authz.Event{event("decide", "delete", "", false, none)}},
		{"Filter", func() error { _, err := alice.Filter("update", "customer"); return err },
			[]authz.Event{event("filter", "update", "", true, 0)}},
		{"Filter of none", func() error { _, err := alice.Filter("delete", "customer"); return err },
			[]authz.Event{event("filter", "delete", "", false, 0)}},
		{"Grant", func() error { _, err := az.Grant(ctx, by, member("user:new", "role:rep")); return err },
			[]authz.Event{change("grant", true, 2)}},
		{"Revoke", func() error { _, err := az.Revoke(ctx, by, member("user:new", "role:rep")); return err },
			[]authz.Event{change("revoke", true, 3)}},
		{"Disable", func() error { _, err := az.Disable(ctx, by, "acme", "user:bob"); return err },
			[]authz.Event{change("disable", true, 4)}},
		{"Enable", func() error { _, err := az.Enable(ctx, by, "acme", "user:bob"); return err },
			[]authz.Event{change("enable", true, 5)}},
		{"Restore", func() error { return restoreItself(ctx, az, by) }, []authz.Event{change("restore", true, 5)}},
	} {
		before := time.Now()
		if err := test.do(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		for _, p := range w.pages {
			if p != "a page" {
				t.Errorf("%s: told in another context", test.name)
			}
		}
		told := w.told()
		if diff := cmp.Diff(test.want, told, cmpopts.IgnoreFields(authz.Event{}, "Start", "Duration")); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		for _, e := range told {
			if e.Start.Before(before) || e.Duration < 0 || e.Start.Add(e.Duration).After(time.Now()) {
				t.Errorf("%s: from %v for %v", test.name, e.Start, e.Duration)
			}
		}
	}
}

func TestObserverIsToldOfFailures(t *testing.T) {
	w := &notebook{}
	az := open(t, storeOf(acme), authz.WithObserver(w))
	ctx := t.Context()
	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		t.Fatal(err)
	}
	wrong := member("user:new", "role:rep")
	wrong.Member = "nobody"
	for _, test := range []struct {
		name string
		do   func() error
		want error
	}{
		{"enforce", func() error { _, err := az.Enforce(ctx, ask("user:alice", "fly", hers)); return err }, model.ErrUnknownAction},
		{"decide", func() error { _, err := az.Decide(ctx, byID("user:alice", "42")); return err }, model.ErrNoFacts},
		{"decide all", func() error { _, err := az.DecideAll(ctx, []authz.Request{byID("user:alice", "42")}); return err }, model.ErrNoFacts},
		{"enforce", func() error { _, err := alice.Enforce("fly", hers); return err }, model.ErrUnknownAction},
		{"enforce", func() error { return alice.EnforceAll(hers, []string{"fly", "read"}, make([]bool, 2)) }, model.ErrUnknownAction},
		{"filter", func() error { _, err := alice.Filter("fly", "customer"); return err }, model.ErrUnknownAction},
		{"grant", func() error { _, err := az.Grant(ctx, authz.Author{}, member("user:new", "role:rep")); return err }, authz.ErrNoActor},
		{"grant", func() error { _, err := az.Grant(ctx, authz.By("user:admin", ""), wrong); return err }, model.ErrMalformed},
		{"revoke", func() error { _, err := az.Revoke(ctx, authz.By("user:admin", ""), wrong); return err }, model.ErrMalformed},
		{"disable", func() error { _, err := az.Disable(ctx, authz.By("user:admin", ""), "acme", "nobody"); return err }, model.ErrMalformed},
		{"enable", func() error { _, err := az.Enable(ctx, authz.By("user:admin", ""), "acme", "nobody"); return err }, model.ErrMalformed},
	} {
		err := test.do()
		told := w.told()
		if len(told) != 1 || told[0].Op != test.name || told[0].Allowed || !strings.Contains(err.Error(), told[0].Err.Error()) || !errors.Is(err, test.want) && test.want != model.ErrMalformed {
			t.Errorf("%s: got %v, and told %+v", test.name, err, told)
		}
	}
}

// Two observers are both told, and answers are the same as without.
func TestObserversChangeNoAnswer(t *testing.T) {
	first, second := &notebook{}, &notebook{}
	plain, watched := openAcme(), openAcme(authz.WithObserver(first), authz.WithObserver(second))
	defer plain.Close()
	defer watched.Close()
	for _, user := range []string{"user:alice", "user:bob", "user:carol", "user:dan", "user:nobody", "nonsense"} {
		for _, action := range []string{"read", "update", "delete", "fly"} {
			for _, record := range []*authz.Record{hers, his, {Type: "customer"}, {Type: "unheard of"}} {
				want, wantErr := plain.Enforce(t.Context(), ask(user, action, record))
				got, err := watched.Enforce(t.Context(), ask(user, action, record))
				if got != want || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
					t.Errorf("%s %s %v: got %v, %v, want %v, %v", user, action, record, got, err, want, wantErr)
				}
			}
		}
	}
	if a, b := len(first.told()), len(second.told()); a != 6*4*4 || b != a {
		t.Errorf("told %d and %d times", a, b)
	}
}

func TestLogTo(t *testing.T) {
	logged := func(level slog.Level) string {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" {
				return slog.Attr{}
			}
			return a
		}}))
		ctx, az := t.Context(), openAcme(authz.WithObserver(authz.LogTo(log)))
		defer az.Close()
		_, _ = az.Enforce(ctx, ask("user:alice", "update", hers))
		_, _ = az.Enforce(ctx, ask("user:bob", "update", hers))
		_, _ = az.Enforce(ctx, ask("user:bob", "fly", hers))
		_, _ = az.Filter(ctx, authz.Query{Tenant: "acme", User: "user:bob", Action: "delete", Type: "customer"})
		_, _ = az.Disable(ctx, authz.By("user:admin", "left"), "acme", "user:bob")
		return out.String()
	}
	const allowed = `level=DEBUG msg="authz enforce" tenant=acme user=user:alice action=update type=customer id=42 allowed=true reason=allowed revision=1
`
	const denied = `level=INFO msg="authz enforce" tenant=acme user=user:bob action=update type=customer id=42 allowed=false reason="out of reach" revision=1
`
	const failed = `level=WARN msg="authz enforce" tenant=acme user=user:bob action=fly type=customer id=42 allowed=false reason=error revision=1 ` +
		`error="authz: enforce in tenant \"acme\": request: action \"fly\": unknown action: of customer"
`
	const rest = `level=INFO msg="authz filter" tenant=acme user=user:bob action=delete type=customer id="" allowed=false revision=1
level=INFO msg="authz disable" tenant=acme user=user:admin revision=2
`
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: allowed + denied + failed + rest,
		slog.LevelInfo:  denied + failed + rest,
		slog.LevelWarn:  failed,
		slog.LevelError: "",
	} {
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(logged(level), "\n")); diff != "" {
			t.Errorf("%v: %s", level, diff)
		}
	}
}
