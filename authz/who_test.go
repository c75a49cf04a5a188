package authz_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// somebody is a user of whom no policy of the tests has a fact.
const somebody = "user:somebody-else"

// caseUsers is every user of whom a case may know, and one of whom it does not.
func caseUsers(c difftest.Case, r *model.Record) []string {
	users := []string{somebody, "user:nobody"}
	for _, l := range c.Lines {
		for _, v := range l.Values {
			if model.KindOf(v) == model.User {
				users = append(users, v)
			}
		}
	}
	for ; r != nil; r = r.Parent {
		for _, o := range r.Owners {
			if model.KindOf(o) == model.User {
				users = append(users, o)
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// WhoCan names the users whom the reference allows it, and nobody else.
func TestWhoCanNamesThoseWhomCasbinAllowsIt(t *testing.T) {
	asked, people, everyone := 0, 0, 0
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		az := openCase(t, c)
		reference, err := difftest.Reference(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range c.Questions {
			if q.Request.Record == nil {
				continue
			}
			if _, err := reference.Decide(q.Request); err != nil {
				wantNoAnswer(t, az, c, q.Request)
				continue
			}
			w := wantWho(t, az, reference, c, q.Request)
			asked++
			people += len(w.People)
			if w.Everyone {
				everyone++
			}
		}
	}
	t.Logf("%d records, %d people, everyone at %d", asked, people, everyone)
	if people < asked/2 || everyone == 0 || everyone > asked/2 {
		t.Error("the test tests little")
	}
}

// wantNoAnswer: what is no question to the reference is none to WhoCan, unless only the user was wrong.
func wantNoAnswer(t *testing.T, az *authz.Authorizer, c difftest.Case, req model.Request) {
	t.Helper()
	if _, err := az.WhoCan(t.Context(), whoQuery(req)); err == nil && model.CheckSubject(req.User, model.User) == nil && !attrsMalformed(c, req) {
		t.Errorf("seed %d: %+v is no question, and WhoCan answers it", c.Seed, req)
	}
}

func wantWho(t *testing.T, az *authz.Authorizer, reference difftest.Decider, c difftest.Case, req model.Request) authz.Who {
	t.Helper()
	w, err := az.WhoCan(t.Context(), whoQuery(req))
	if err != nil {
		t.Fatalf("seed %d: %+v: %v", c.Seed, req, err)
	}
	var want []string
	attrs := req.UserAttrs
	for _, user := range caseUsers(c, req.Record) {
		if req.User, req.UserAttrs = user, attrs; !hasFacts(c, req.Record, user) {
			req.UserAttrs = nil // of whom nobody knows anything
		}
		if ok, err := reference.Decide(req); err != nil {
			t.Fatal(err)
		} else if ok {
			want = append(want, user)
		}
	}
	if w.Everyone != slices.Contains(want, somebody) {
		t.Fatalf("seed %d: %+v: everyone is %v", c.Seed, req, w.Everyone)
	}
	want = slices.DeleteFunc(want, func(u string) bool { return w.Everyone && !hasFacts(c, req.Record, u) })
	if diff := cmp.Diff(want, namesOf(w), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("seed %d: who may %s %+v: reference -, WhoCan +\n%s", c.Seed, req.Action, req.Record, diff)
	}
	for _, p := range w.People {
		if !p.Decision.Allowed || p.Decision.Rule == nil || p.Decision.Revision != w.Revision {
			t.Fatalf("seed %d: %s: how she came to it is %v", c.Seed, p.User, p.Decision)
		}
	}
	return w
}

func whoQuery(req model.Request) authz.WhoQuery {
	return authz.WhoQuery{
		Tenant: req.Tenant, Action: req.Action, Record: req.Record, Type: req.Type, ID: req.ID, At: req.At, Env: req.Env, Address: req.Address,
		Users: func(_ context.Context, users []string) ([]map[string]any, error) {
			return slices.Repeat([]map[string]any{req.UserAttrs}, len(users)), nil
		},
	}
}

// attrsMalformed: what WhoCan learns when it asks for it only.
func attrsMalformed(c difftest.Case, req model.Request) bool {
	for name, v := range req.UserAttrs {
		if t, ok := c.Schema.User[name]; !ok || !t.Accepts(v) {
			return true
		}
	}
	return false
}

// hasFacts tells whether the policy knows a user, or the record does.
func hasFacts(c difftest.Case, r *model.Record, user string) bool {
	for ; r != nil; r = r.Parent {
		if slices.Contains(r.Owners, user) {
			return true
		}
	}
	return slices.ContainsFunc(c.Lines, func(l model.Line) bool {
		return l.Section != model.Switches && slices.Contains(l.Values[:], user)
	})
}

func namesOf(w authz.Who) (names []string) {
	for _, p := range w.People {
		names = append(names, p.User)
	}
	return names
}

// Pages of any length are together the whole.
func TestWhoCanIsPaged(t *testing.T) {
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az := open(t, store)
	facts := []authz.Fact{authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll}}
	for _, u := range []string{"user:eve", "user:bob", "user:ann", "user:dan", "user:Zoe"} {
		facts = append(facts, member(u, "role:rep"))
	}
	if _, err := az.Grant(t.Context(), authz.By("user:admin", ""), facts...); err != nil {
		t.Fatal(err)
	}
	q := authz.WhoQuery{Tenant: "acme", Action: "read", Record: &authz.Record{Type: "customer", ID: "1"}}
	all, err := az.WhoCan(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.People) != 5 || all.Next != "" || !all.Complete {
		t.Fatalf("the whole is %+v", all)
	}
	for q.Limit = 1; q.Limit <= len(all.People)+1; q.Limit++ {
		var got []authz.Person
		for q.After = ""; ; {
			w, err := az.WhoCan(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, w.People...); w.Next == "" {
				break
			}
			if len(w.People) != q.Limit {
				t.Fatalf("a page of %d has %d people", q.Limit, len(w.People))
			}
			q.After = w.Next
		}
		if diff := cmp.Diff(all.People, got); diff != "" {
			t.Fatalf("pages of %d: whole -, together +\n%s", q.Limit, diff)
		}
	}
}

// Who may be missing for want of attributes, is said to be.
func TestWhoCanSaysThatSomebodyMayBeMissing(t *testing.T) {
	schema := &authz.Schema{
		Types:      map[string]model.Type{"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Attributes: map[string]model.AttrType{"region": model.AttrString}}},
		User:       map[string]model.AttrType{"region": model.AttrString},
		Env:        map[string]model.AttrType{"office": model.AttrBool},
		Conditions: map[string]string{"same_region": `record.region == user.region`, "in_office": `env.office`, "eu": `record.region == "EU"`},
	}
	rule := func(user, condition string) authz.CustomerRule {
		return authz.CustomerRule{Tenant: "acme", Subject: user, On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: condition}
	}
	in := func(region any) *authz.Record {
		return &authz.Record{Type: "customer", ID: "1", Attrs: map[string]any{"region": region}}
	}
	attrs := func(region string) func(context.Context, []string) ([]map[string]any, error) {
		return func(_ context.Context, users []string) ([]map[string]any, error) {
			return slices.Repeat([]map[string]any{{"region": region}}, len(users)), nil
		}
	}
	errGone := errors.New("gone")
	for name, c := range map[string]struct {
		rule     authz.CustomerRule
		query    authz.WhoQuery
		people   []string
		complete bool
		err      error
	}{
		"nothing asked of the user":            {rule("user:ann", ""), authz.WhoQuery{Record: in("EU")}, []string{"user:ann"}, true, nil},
		"a region that is not told":            {rule("user:ann", "same_region"), authz.WhoQuery{Record: in("EU")}, nil, false, nil},
		"her region":                           {rule("user:ann", "same_region"), authz.WhoQuery{Record: in("EU"), Users: attrs("EU")}, []string{"user:ann"}, true, nil},
		"another region":                       {rule("user:ann", "same_region"), authz.WhoQuery{Record: in("EU"), Users: attrs("US")}, nil, true, nil},
		"a record that has none":               {rule("user:ann", "eu"), authz.WhoQuery{Record: in(nil)}, nil, true, nil},
		"an environment that is not told":      {rule("user:ann", "in_office"), authz.WhoQuery{Record: in("EU")}, nil, false, nil},
		"an environment that is told":          {rule("user:ann", "in_office"), authz.WhoQuery{Record: in("EU"), Env: map[string]any{"office": true}}, []string{"user:ann"}, true, nil},
		"attributes that can not be fetched":   {rule("user:ann", ""), authz.WhoQuery{Record: in("EU"), Users: func(context.Context, []string) ([]map[string]any, error) { return nil, errGone }}, nil, false, errGone},
		"attributes of fewer users than asked": {rule("user:ann", ""), authz.WhoQuery{Record: in("EU"), Users: func(context.Context, []string) ([]map[string]any, error) { return nil, nil }}, nil, false, model.ErrNoFacts},
		"no record":                            {rule("user:ann", ""), authz.WhoQuery{Type: "customer"}, nil, false, model.ErrNoFacts},
		"an unknown action":                    {rule("user:ann", ""), authz.WhoQuery{Record: in("EU"), Action: "fly"}, nil, false, model.ErrUnknownAction},
		"a negative limit":                     {rule("user:ann", ""), authz.WhoQuery{Record: in("EU"), Limit: -1}, nil, false, model.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			az := openSchema(t, schema, storeOfLines(t, []model.Line{mustEncode(t, c.rule)}))
			if c.query.Tenant = "acme"; c.query.Action == "" {
				c.query.Action = "read"
			}
			w, err := az.WhoCan(t.Context(), c.query)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.people, namesOf(w)); diff != "" || w.Complete != c.complete || w.Everyone {
				t.Errorf("%+v, want %v, complete %v", w, c.people, c.complete)
			}
		})
	}
}

func mustEncode(t testing.TB, f model.Fact) model.Line {
	t.Helper()
	l, err := model.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// WhatCan says of each type and action which records the reference allows.
func TestWhatCanSaysWhatCasbinAllows(t *testing.T) {
	var n struct{ reaches, nothing, asked int }
	for seed := range uint64(*policies) {
		c := caseOf(seed)
		az := openCase(t, c)
		reference, err := difftest.Reference(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range c.Questions[:8] {
			req := q.Request
			if req.Record == nil {
				continue
			}
			if _, err := reference.Decide(req); err != nil {
				continue
			}
			found := reachesOf(t, az, req)
			n.reaches += len(found)
			for _, other := range c.Questions {
				req.Type, req.ID, req.Record = "", "", other.Request.Record
				if req.Record == nil || !parentsFit(c.Schema, req.Record) {
					continue
				}
				for action := range c.Schema.Types[req.Record.Type].Actions {
					req.Action = action
					want, err := reference.Decide(req)
					if err != nil {
						break
					}
					if f := found[[2]string{req.Record.Type, action}]; f != nil {
						n.asked++
						wantFilter(t, seed, f, req, want)
					} else if n.nothing++; want {
						t.Fatalf("seed %d: WhatCan says nothing of %+v, which is allowed", seed, req)
					}
				}
			}
		}
	}
	t.Logf("%+v", n)
	if n.asked < 1000 || n.nothing < 1000 {
		t.Error("the test tests little")
	}
}

// reachesOf is what a request's user can do, by type and action.
func reachesOf(t *testing.T, az *authz.Authorizer, req model.Request) map[[2]string]*authz.Filter {
	t.Helper()
	w, err := az.WhatCan(t.Context(), authz.Query{Tenant: req.Tenant, User: req.User, At: req.At, UserAttrs: req.UserAttrs, Env: req.Env, Address: req.Address})
	if err != nil {
		t.Fatal(err)
	}
	found := map[[2]string]*authz.Filter{}
	for _, r := range w.Reaches {
		found[[2]string{r.Type, r.Action}] = r.Filter
	}
	return found
}

func wantFilter(t *testing.T, seed uint64, f *authz.Filter, req model.Request, want bool) {
	t.Helper()
	got, err := f.Match(req.Record)
	in := filter.Eval(f.Expr(), req.Record) == filter.True
	if err != nil || got != want || in != want && (f.Complete() || want) || f.All() && !want {
		t.Fatalf("seed %d: %+v: allowed %v, Match %v (%v), filter %v: %s", seed, req, want, got, err, in, f)
	}
}

// parentsFit tells whether a record's parents are of the types that the schema says.
func parentsFit(s *model.Schema, r *model.Record) bool {
	for depth := 0; r != nil; r, depth = r.Parent, depth+1 {
		if r.Parent != nil && r.Parent.Type != s.Types[r.Type].Parent.Type || depth > 4 {
			return false
		}
	}
	return true
}
