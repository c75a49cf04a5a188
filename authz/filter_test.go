package authz_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// readOn lets a user read one customer.
func readOn(user, id string) authz.CustomerRule {
	return authz.CustomerRule{Tenant: "acme", Subject: user, On: model.OnRecord("customer", id), Action: "read", Effect: model.Allow}
}

func openEmpty(t testing.TB, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, store, options...)
}

// Lists are asked while the policy changes; what was granted is on the next one.
func TestListsWhileThePolicyChanges(t *testing.T) {
	az := openEmpty(t)
	must(t)(az.Grant(t.Context(), by, readOn("user:ann", "first"), member("user:bob", "role:rep")))
	q := authz.Query{Tenant: "acme", User: "user:ann", Action: "read", Type: "customer"}
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				f, err := az.Filter(t.Context(), q)
				if err != nil {
					t.Error(err)
					return
				}
				if ids, ok := f.IDs(); !ok || !slices.Contains(ids, "first") {
					t.Errorf("%v, %v: the first customer is not on the list", ids, ok)
					return
				}
				if _, err := az.WhatCan(t.Context(), authz.Query{Tenant: "acme", User: "user:bob"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	want := []string{"first"}
	for i := range 200 {
		id := fmt.Sprint(i)
		must(t)(az.Grant(t.Context(), by, readOn("user:ann", id), member(fmt.Sprint("user:", i), "role:rep")))
		if want = append(want, id); i%3 == 0 {
			must(t)(az.Revoke(t.Context(), by, readOn("user:ann", id)))
			want = want[:len(want)-1]
		}
		f, err := az.Filter(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		ids, ok := f.IDs()
		slices.Sort(ids)
		if sorted := slices.Sorted(slices.Values(want)); !ok || !slices.Equal(ids, sorted) {
			t.Fatalf("after %d changes: %v", i, cmp.Diff(sorted, ids))
		}
	}
	stop()
	readers.Wait()
}

func TestFilterSaysAllNoneOrWhich(t *testing.T) {
	az := openEmpty(t)
	must(t)(az.Grant(t.Context(), by,
		authz.CustomerRule{Tenant: "acme", Subject: "role:boss", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll},
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow},
		authz.CustomerRule{Tenant: "acme", Subject: "user:off", On: model.OnType("customer"), Action: "read", Effect: model.Deny},
		member("user:eve", "role:boss"), member("user:ann", "role:rep"), member("user:off", "role:boss"), readOn("user:one", "7")))
	listed := map[string][]string{"user:one": {"kept", "7"}, "user:off": {"kept"}, "user:zoe": {"kept"}}
	for user, want := range map[string]string{
		"user:eve": "true", "user:off": "false", "user:zoe": "false", "user:one": "id in (7)", "user:ann": "owner in (user:ann)",
	} {
		f, err := az.Filter(t.Context(), authz.Query{Tenant: "acme", User: user, Action: "read", Type: "customer"})
		if err != nil {
			t.Fatal(err)
		}
		if f.String() != want || f.All() != (want == "true") || f.None() != (want == "false") || !f.Complete() || f.Revision() != 1 {
			t.Errorf("%s: %s, all %v, none %v, complete %v, revision %d; want %s", user, f, f.All(), f.None(), f.Complete(), f.Revision(), want)
		}
		wanted, consists := listed[user]
		if ids, ok := f.AppendIDs([]string{"kept"}); ok != consists || ok && !slices.Equal(ids, wanted) || !ok && len(ids) != 1 {
			t.Errorf("%s: appended %v, %v; want %v, %v", user, ids, ok, wanted, consists)
		}
	}
}

// Every error comes with no filter, and the zero Filter has no record.
func TestFilterThatFailsHasNothing(t *testing.T) {
	az := openEmpty(t)
	must(t)(az.Grant(t.Context(), by, readOn("user:ann", "1")))
	good := authz.Query{Tenant: "acme", User: "user:ann", Action: "read", Type: "customer"}
	for name, c := range map[string]struct {
		change func(q *authz.Query)
		want   error
	}{
		"an unknown tenant": {func(q *authz.Query) { q.Tenant = "nobody" }, model.ErrUnknownTenant},
		"an unknown type":   {func(q *authz.Query) { q.Type = "letter" }, model.ErrUnknownType},
		"no type":           {func(q *authz.Query) { q.Type = "" }, model.ErrUnknownType},
		"an unknown action": {func(q *authz.Query) { q.Action = "fly" }, model.ErrUnknownAction},
		"a role":            {func(q *authz.Query) { q.User = "role:rep" }, model.ErrUnknownKind},
		"no user":           {func(q *authz.Query) { q.User = "" }, model.ErrUnknownKind},
		"an attribute":      {func(q *authz.Query) { q.UserAttrs = map[string]any{"colour": "red"} }, model.ErrUnknownAttribute},
	} {
		q := good
		c.change(&q)
		if f, err := az.Filter(t.Context(), q); f != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, f, err, c.want)
		}
		if q.Type == "" {
			continue // asks of all types
		}
		if w, err := az.WhatCan(t.Context(), q); len(w.Reaches) > 0 || err == nil {
			t.Errorf("%s: WhatCan: %v, %v", name, w, err)
		}
	}
	var zero authz.Filter
	ok, err := zero.Match(&authz.Record{Type: "customer", ID: "1"})
	if ids, listed := zero.IDs(); ok || err == nil || !zero.None() || zero.All() || zero.Expr() != filter.False || len(ids) > 0 || listed {
		t.Errorf("the zero Filter: %v, %v, %v", ok, err, ids)
	}
	if c, err := zero.SQL(nil, filter.SQLite); err == nil || c.SQL != "1 = 0" {
		t.Errorf("the zero Filter's SQL: %v, %v", c, err)
	}
	if err := az.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err := az.Filter(t.Context(), good); f != nil || !errors.Is(err, authz.ErrClosed) {
		t.Errorf("after Close: %v, %v", f, err)
	}
}

// What is denied of one record is not readable of every record.
func TestFieldsOfListAreWhatAllRecordsHaveInCommon(t *testing.T) {
	az := openEmpty(t)
	allow := authz.FieldRule{Tenant: "acme", Subject: "user:ann", On: model.OnField("customer", "phone"), Level: model.FieldRead, Effect: model.Allow}
	must(t)(az.Grant(t.Context(), by, allow, readOn("user:ann", "1")))
	level := func() model.FieldLevel {
		v, err := az.For(t.Context(), "acme", "user:ann")
		if err != nil {
			t.Fatal(err)
		}
		f, err := v.FieldsOfList("read", "customer")
		if err != nil {
			t.Fatal(err)
		}
		return f.Level("phone")
	}
	if l := level(); l != model.FieldRead {
		t.Errorf("level %v", l)
	}
	deny := allow
	deny.On.ID, deny.Effect, deny.Level = "42", model.Deny, model.FieldRead
	must(t)(az.Grant(t.Context(), by, deny))
	if l := level(); l != model.FieldMasked {
		t.Errorf("with a record of which it is denied: level %v", l)
	}
	must(t)(az.Revoke(t.Context(), by, deny))
	if l := level(); l != model.FieldRead {
		t.Errorf("without it again: level %v", l)
	}
}
