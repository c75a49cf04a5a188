// Package adaptertest tests a Store against all that package adapter promises.
//
//	func TestStore(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Opener{New: openEmpty, Reopen: reopen})
//	}
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// Opener opens the store under test.
type Opener struct {
	// New opens an empty store for one test. What is to be closed or deleted
	// afterwards, New leaves to t.Cleanup.
	New func(t *testing.T) adapter.Store
	// Reopen closes a store and opens it again with what it kept. Nil: the
	// store does not outlive its process, and is not reopened.
	Reopen func(t *testing.T, old adapter.Store) adapter.Store
}

// Run tests the store, each promise in a subtest. The promises of adapter.Feed,
// adapter.Planner and adapter.Eraser are tested if the store implements them.
func Run(t *testing.T, o Opener) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"a tenant without facts is at revision 0", unknownTenant},
		{"added lines are there and removed lines are gone", addAndRemove},
		{"an entry holds only what really changed", onlyEffectiveLines},
		{"a change without effect leaves no trace", noEffect},
		{"duplicates in a change count once", duplicates},
		{"a change is made once by its ID", madeOnce},
		{"an ID belongs to one tenant", idPerTenant},
		{"a wrong base is a conflict", conflict},
		{"what is refused changes nothing", refused},
		{"the longest columns are kept whole", longestColumns},
		{"lines that look alike stay different", lookAlikes},
		{"tenants and IDs that look alike stay different", lookAlikeTenants},
		{"tenants do not touch each other", tenantsApart},
		{"tenants are listed once each", tenants},
		{"what a store returns is the caller's", returnedIsOwned},
		{"a big change is made as one", bigChange},
		{"a cancelled context changes nothing", cancelled},
		{"concurrent changes leave no gap", concurrent},
		{"random changes do as a map does", random},
		{"the log tells who, why, when and what", logContents},
		{"the log is read after a revision up to a limit", logPages},
		{"proposals are kept as they are", proposalsKept},
		{"a proposal is put once at each version", proposalVersions},
		{"a proposal that is refused is not kept", proposalsRefused},
		{"proposals are listed by state and by what is due", proposalsListed},
		{"a change and its proposal are settled as one", settled},
		{"of many who settle a proposal one does", settledOnce},
		{"switches that end are found", endings},
		{"a cancelled context plans nothing", proposalsCancelled},
		{"a person is erased from policy and log", erased},
		{"a person is erased from proposals", erasedProposals},
		{"an erasure that is refused erases nothing", erasureRefused},
		{"the log adds up after an erasure", erasedAtRandom},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(&fixture{T: t, open: o, store: o.New(t)})
		})
	}
}

// fixture is a store under test with what the tests say of it.
type fixture struct {
	*testing.T
	open  Opener
	store adapter.Store
	made  int // changes, to give each its own ID
}

// line is the membership of one role in another, which every tenant may hold, the base policy too.
func line(tenant, member, group string) model.Line {
	return encode(model.Membership{Tenant: tenant, Member: "role:" + member, Group: "role:" + group})
}

func lines(tenant string, members ...string) []model.Line {
	var out []model.Line
	for _, m := range members {
		out = append(out, line(tenant, m, "all"))
	}
	return out
}

func encode(f model.Fact) model.Line {
	l, err := model.Encode(f)
	if err != nil {
		panic(err)
	}
	return l
}

// at is not in UTC; its nanoseconds round and truncate to the same microsecond.
var at = time.Date(2026, 11, 22, 10, 0, 0, 123_456_100, time.FixedZone("UTC+2", 2*60*60))

// change is the next change of a tenant, against its present revision.
func (f *fixture) change(tenant string, remove, add []model.Line) adapter.Change {
	f.Helper()
	f.made++
	return adapter.Change{
		Tenant: tenant, ID: fmt.Sprintf("change-%d", f.made), Base: f.load(tenant).Revision,
		Remove: remove, Add: add, Actor: "user:admin", Reason: "a test", At: at,
	}
}

func (f *fixture) apply(c adapter.Change) adapter.Entry {
	f.Helper()
	e, err := f.store.Apply(f.Context(), c)
	if err != nil {
		f.Fatalf("Apply(%+v): %v", c, err)
	}
	return e
}

func (f *fixture) add(tenant string, members ...string) adapter.Entry {
	f.Helper()
	return f.apply(f.change(tenant, nil, lines(tenant, members...)))
}

func (f *fixture) remove(tenant string, members ...string) adapter.Entry {
	f.Helper()
	return f.apply(f.change(tenant, lines(tenant, members...), nil))
}

func (f *fixture) load(tenant string) adapter.Snapshot {
	f.Helper()
	s, err := f.store.Load(f.Context(), tenant)
	if err != nil {
		f.Fatalf("Load(%q): %v", tenant, err)
	}
	return s
}

// wantAppended fails unless a store that is an Appender appends what it loads.
func (f *fixture) wantAppended(tenant string, loaded adapter.Snapshot) {
	f.Helper()
	store, ok := f.store.(adapter.Appender)
	if !ok {
		return
	}
	kept := lines("kept", "a")
	s, err := store.AppendLines(f.Context(), tenant, slices.Clone(kept))
	if err != nil || s.Revision != loaded.Revision || len(s.Lines) < len(kept) || !slices.Equal(s.Lines[:len(kept)], kept) {
		f.Fatalf("AppendLines(%q): revision %d, %d lines, %v", tenant, s.Revision, len(s.Lines), err)
	}
	if diff := cmp.Diff(loaded.Lines, s.Lines[len(kept):], sameLines); diff != "" {
		f.Fatalf("AppendLines(%q) is not Load (-Load +AppendLines):\n%s", tenant, diff)
	}
}

// reopen continues with the store as it was kept; it does nothing for a store
// that does not outlive its process.
func (f *fixture) reopen() {
	f.Helper()
	if f.open.Reopen != nil {
		f.store = f.open.Reopen(f.T, f.store)
	}
}

// want fails unless the tenant is at the revision with exactly these lines,
// now and after the store is reopened.
func (f *fixture) want(tenant string, revision model.Revision, want []model.Line) {
	f.Helper()
	f.wantNow(tenant, revision, want)
	if f.open.Reopen != nil {
		f.reopen()
		f.wantNow(tenant, revision, want)
	}
}

func (f *fixture) wantNow(tenant string, revision model.Revision, want []model.Line) {
	f.Helper()
	got := f.load(tenant)
	if diff := cmp.Diff(adapter.Snapshot{Revision: revision, Lines: want}, got, sameLines); diff != "" {
		f.Fatalf("Load(%q) mismatch (-want +got):\n%s", tenant, diff)
	}
	f.wantAppended(tenant, got)
}

// sameLines compares without regard to the order of lines.
var sameLines = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b model.Line) int { return strings.Compare(a.String(), b.String()) }),
}

// wantEntry compares an entry with what it should be; At too, and its zone.
func (f *fixture) wantEntry(want, got adapter.Entry) {
	f.Helper()
	if diff := cmp.Diff(want, got, sameLines); diff != "" {
		f.Fatalf("entry mismatch (-want +got):\n%s", diff)
	}
	if got.At.Location() != time.UTC {
		f.Fatalf("the entry's time is in %v, not in UTC", got.At.Location())
	}
}

// entryOf is the entry of a change of which only these lines are effective.
func entryOf(c adapter.Change, remove, add []model.Line) adapter.Entry {
	e := adapter.Entry{Change: c, Revision: c.Base + 1}
	e.Remove, e.Add, e.At = remove, add, c.At.UTC().Truncate(time.Microsecond)
	return e
}

// log is the entries of a tenant; none if the store has no Feed.
func (f *fixture) log(tenant string, after model.Revision, limit int) []adapter.Entry {
	f.Helper()
	feed, ok := f.store.(adapter.Feed)
	if !ok {
		return nil
	}
	es, err := feed.Changes(f.Context(), tenant, after, limit)
	if err != nil {
		f.Fatalf("Changes(%q, %d, %d): %v", tenant, after, limit, err)
	}
	return es
}

func (f *fixture) hasFeed() bool {
	_, ok := f.store.(adapter.Feed)
	return ok
}

// wantLogged fails if a store with a Feed has not logged so many changes.
func (f *fixture) wantLogged(tenant string, want int) {
	f.Helper()
	if !f.hasFeed() {
		return
	}
	if got := len(f.log(tenant, 0, 0)); got != want {
		f.Fatalf("the log of %q has %d entries, want %d", tenant, got, want)
	}
}

func unknownTenant(f *fixture) {
	f.want("nobody", 0, nil)
	f.want(model.Base, 0, nil)
	f.wantLogged("nobody", 0)
	f.wantTenants()
}

func addAndRemove(f *fixture) {
	f.add("acme", "a", "b", "c")
	f.want("acme", 1, lines("acme", "a", "b", "c"))
	f.remove("acme", "b")
	f.want("acme", 2, lines("acme", "a", "c"))
	f.apply(f.change("acme", lines("acme", "a"), lines("acme", "b", "d")))
	f.want("acme", 3, lines("acme", "b", "c", "d"))
	f.remove("acme", "b", "c", "d")
	f.want("acme", 4, nil)
	f.wantTenants("acme")
	f.add("acme", "a")
	f.want("acme", 5, lines("acme", "a"))

	every := []model.Line{
		encode(model.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow, Scope: model.ScopeOwn}),
		encode(model.TeamRule{Tenant: "acme", Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelRead, As: "support"}),
		encode(model.FieldRule{Tenant: "acme", Subject: model.Everyone, On: model.OnField("customer", "phone"), Level: model.FieldMasked, Effect: model.Deny, If: "eu_only"}),
		encode(model.Switch{Tenant: "acme", Target: "user:eve", Mode: model.ModeOff}),
		encode(model.Membership{Tenant: "acme", Member: "user:alice", Group: "team:apac", Valid: model.Period{Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}),
		encode(model.OrgEdge{Tenant: "acme", Below: "unit:apac", Above: "unit:world"}),
	}
	f.apply(f.change("acme", lines("acme", "a"), every))
	f.want("acme", 6, every)
	f.apply(f.change("acme", every, nil))
	f.want("acme", 7, nil)
}

func onlyEffectiveLines(f *fixture) {
	f.add("acme", "a", "b")
	c := f.change("acme", lines("acme", "a", "x"), lines("acme", "b", "c"))
	f.wantEntry(entryOf(c, lines("acme", "a"), lines("acme", "c")), f.apply(c))
	f.want("acme", 2, lines("acme", "b", "c"))
}

func noEffect(f *fixture) {
	f.add("acme", "a")
	for _, c := range []adapter.Change{
		f.change("acme", nil, nil),
		f.change("acme", nil, lines("acme", "a")),
		f.change("acme", lines("acme", "x"), nil),
		f.change("acme", lines("acme", "x"), lines("acme", "a")),
	} {
		e := f.apply(c)
		if e.Revision != 1 || e.Base != 1 || len(e.Remove)+len(e.Add) != 0 {
			f.Errorf("Apply(%+v) = %+v; want revision 1 and no lines", c, e)
		}
	}
	f.want("acme", 1, lines("acme", "a"))
	f.wantLogged("acme", 1)

	f.remove("nobody", "x")
	f.want("nobody", 0, nil)
	f.wantTenants("acme")

	// The ID of a change that left no trace is free.
	c := f.change("acme", nil, lines("acme", "a"))
	f.apply(c)
	f.remove("acme", "a")
	c.Base = 2
	f.apply(c)
	f.want("acme", 3, lines("acme", "a"))
}

func duplicates(f *fixture) {
	c := f.change("acme", nil, lines("acme", "a", "b", "a"))
	f.wantEntry(entryOf(c, nil, lines("acme", "a", "b")), f.apply(c))
	f.want("acme", 1, lines("acme", "a", "b"))
	c = f.change("acme", lines("acme", "a", "a"), nil)
	f.wantEntry(entryOf(c, lines("acme", "a"), nil), f.apply(c))
	f.want("acme", 2, lines("acme", "b"))
}

func madeOnce(f *fixture) {
	first := f.change("acme", nil, lines("acme", "a"))
	made := f.apply(first)
	f.wantEntry(made, f.apply(first))
	f.remove("acme", "a")

	for range 2 { // the second time after the store was reopened
		f.wantEntry(made, f.apply(first))
		again := adapter.Change{Tenant: "acme", ID: first.ID, Base: 77, Add: lines("acme", "z"), At: at}
		f.wantEntry(made, f.apply(again))
		f.wantNow("acme", 2, nil)
		f.wantLogged("acme", 2)
		f.reopen()
	}
}

func idPerTenant(f *fixture) {
	f.apply(adapter.Change{Tenant: "acme", ID: "one", Add: lines("acme", "a"), At: at})
	f.apply(adapter.Change{Tenant: "beta", ID: "one", Add: lines("beta", "b"), At: at})
	f.want("acme", 1, lines("acme", "a"))
	f.want("beta", 1, lines("beta", "b"))
}

func conflict(f *fixture) {
	f.add("acme", "a")
	f.add("acme", "b")
	for _, base := range []model.Revision{0, 1, 3, 1 << 40} {
		c := f.change("acme", nil, lines("acme", "c"))
		c.Base = base
		if e, err := f.store.Apply(f.Context(), c); !errors.Is(err, adapter.ErrConflict) {
			f.Errorf("Apply at base %d = %+v, %v; want ErrConflict", base, e, err)
		}
	}
	f.want("acme", 2, lines("acme", "a", "b"))
	f.wantLogged("acme", 2)

	c := f.change("nobody", nil, lines("nobody", "a"))
	c.Base = 1
	if _, err := f.store.Apply(f.Context(), c); !errors.Is(err, adapter.ErrConflict) {
		f.Errorf("Apply at base 1 to a tenant at revision 0: %v; want ErrConflict", err)
	}
	f.want("nobody", 0, nil)
}

func refused(f *fixture) {
	f.add("acme", "a")
	good := lines("acme", "good")
	long := line("acme", "a", "b")
	long.Values[0] = "role:" + strings.Repeat("x", 96)
	longWide := long
	longWide.Values[0] = "role:" + strings.Repeat("界", 96)
	empty := line("acme", "a", "b")
	empty.Values[1] = ""
	comma := line("acme", "a", "b")
	comma.Values[0] = "role:a,b"
	newline := line("acme", "a", "b")
	newline.Values[0] = "role:a\nb"
	extra := line("acme", "a", "b")
	extra.Values[4] = "-"
	section := line("acme", "a", "b")
	section.Section = "p9"
	effect := encode(model.CustomerRule{Tenant: "acme", Subject: "role:r", On: model.OnType("customer"), Action: "read", Effect: model.Deny})
	effect.Values[4] = "Deny"

	for name, spoil := range map[string]func(*adapter.Change){
		"a line in both":             func(c *adapter.Change) { c.Remove = good },
		"a line of another tenant":   func(c *adapter.Change) { c.Add = append(c.Add, line("beta", "a", "b")) },
		"a removal from another":     func(c *adapter.Change) { c.Remove = lines("beta", "a") },
		"a line of the base policy":  func(c *adapter.Change) { c.Add = append(c.Add, line(model.Base, "a", "b")) },
		"a column of 101 characters": func(c *adapter.Change) { c.Add = append(c.Add, long) },
		"a wide one of 101":          func(c *adapter.Change) { c.Add = append(c.Add, longWide) },
		"removing a too long one":    func(c *adapter.Change) { c.Remove = []model.Line{long} },
		"an empty column":            func(c *adapter.Change) { c.Add = append(c.Add, empty) },
		"a comma":                    func(c *adapter.Change) { c.Add = append(c.Add, comma) },
		"a line feed":                func(c *adapter.Change) { c.Add = append(c.Add, newline) },
		"a value too many":           func(c *adapter.Change) { c.Add = append(c.Add, extra) },
		"an unknown section":         func(c *adapter.Change) { c.Add = append(c.Add, section) },
		"a mistyped effect":          func(c *adapter.Change) { c.Add = append(c.Add, effect) },
		"a zero line":                func(c *adapter.Change) { c.Add = append(c.Add, model.Line{}) },
		"no ID":                      func(c *adapter.Change) { c.ID = "" },
		"no tenant":                  func(c *adapter.Change) { c.Tenant, c.Add = "", nil },
		"a malformed tenant":         func(c *adapter.Change) { c.Tenant, c.Add = "a,b", nil },
	} {
		c := f.change("acme", nil, slices.Clone(good))
		spoil(&c)
		_, err := f.store.Apply(f.Context(), c)
		if _, ok := errors.AsType[*model.ValueError](err); !ok {
			f.Errorf("%s: Apply: %v; want a *model.ValueError", name, err)
		}
	}
	f.want("acme", 1, lines("acme", "a"))
	f.want("beta", 0, nil)
	f.want(model.Base, 0, nil)
	f.wantLogged("acme", 1)
}

func longestColumns(f *fixture) {
	for _, char := range []string{"x", "é", "界", "🂡"} {
		add := lines("acme", strings.Repeat(char, 95), strings.Repeat(char, 94)+"y")
		tenant := strings.Repeat(char, 100)
		f.apply(f.change("acme", nil, add))
		f.apply(f.change(tenant, nil, lines(tenant, "a")))
		f.want(tenant, 1, lines(tenant, "a"))
		f.apply(f.change("acme", add[:1], nil))
		f.want("acme", f.load("acme").Revision, add[1:])
		f.apply(f.change("acme", add[1:], nil))
	}
}

// lookAlike are ids that a collation, a case folding or a normalisation would
// take for each other; each entry is a set of such.
var lookAlike = [][]string{
	{"alice", "Alice", "ALICE", "alicE", "ａlice", "alicé", "alice\u0301", "alicё"},
	{"é", "e\u0301", "e", "É", "è"},
	{"strasse", "straße", "STRASSE", "straẞe"},
	{"i", "I", "ı", "İ"},
	{"K", "\u212A", "k", "Ｋ"},
	{"fi", "ﬁ"},
	{"ae", "æ", "Æ"},
	{"カ", "ｶ", "か"},
	{"1", "１", "①", "¹"},
	{"a b", "ab", "a%20b", "a_b", "a%25b"},
	{"Ω", "\u2126", "ω"},
	{"σ", "ς", "Σ"},
	{"參", "\uF96B"},
}

func lookAlikes(f *fixture) {
	for _, set := range lookAlike {
		f.add("acme", set...)
		f.wantNow("acme", f.load("acme").Revision, lines("acme", set...))
		for i, id := range set {
			f.remove("acme", id)
			f.wantNow("acme", f.load("acme").Revision, lines("acme", set[i+1:]...))
		}
	}
	f.want("acme", f.load("acme").Revision, nil)
}

func lookAlikeTenants(f *fixture) {
	for _, set := range lookAlike {
		for _, id := range set {
			f.apply(adapter.Change{Tenant: id, ID: id, Add: lines(id, id), At: at})
		}
		for _, id := range set {
			f.wantNow(id, 1, lines(id, id))
		}
	}
	n := 0
	for _, set := range lookAlike {
		for _, id := range set { // every change has another ID, however it looks
			f.apply(adapter.Change{Tenant: "acme", ID: id, Base: model.Revision(n), Add: lines("acme", fmt.Sprint(n)), At: at})
			n++
		}
	}
	f.wantTenants(append(slices.Concat(lookAlike...), "acme")...)
	if got := f.load("acme"); got.Revision != model.Revision(n) || len(got.Lines) != n {
		f.Errorf("%d changes left revision %d with %d lines", n, got.Revision, len(got.Lines))
	}
}

func tenantsApart(f *fixture) {
	want := map[string][]string{"acme": {"a", "b"}, "beta": {"b", "c"}, model.Base: {"a", "c"}}
	for tenant, members := range want {
		f.add(tenant, members...)
	}
	f.remove("beta", "b")
	want["beta"] = []string{"c"}
	f.add(model.Base, "z")
	want[model.Base] = []string{"a", "c", "z"}
	f.want("acme", 1, lines("acme", want["acme"]...))
	f.want("beta", 2, lines("beta", want["beta"]...))
	f.want(model.Base, 2, lines(model.Base, want[model.Base]...))
	f.wantLogged("acme", 1)
	f.wantLogged("beta", 2)
	f.wantLogged(model.Base, 2)
	for _, e := range f.log("acme", 0, 0) {
		if e.Tenant != "acme" {
			f.Errorf("the log of acme has an entry of %q", e.Tenant)
		}
	}
}

func tenants(f *fixture) {
	f.wantTenants()
	for _, tenant := range []string{"b", "a", model.Base, "c d"} {
		f.add(tenant, "a")
		f.add(tenant, "b")
	}
	f.remove("a", "a", "b")
	f.wantTenants("a", "b", "c d", model.Base)
	f.reopen()
	f.wantTenants("a", "b", "c d", model.Base)

	for range f.store.Tenants(f.Context()) {
		break // leaving early is allowed
	}
	f.add("b", "c")
}

func (f *fixture) wantTenants(want ...string) {
	f.Helper()
	var got []string
	for tenant, err := range f.store.Tenants(f.Context()) {
		if err != nil {
			f.Fatalf("Tenants: %v", err)
		}
		got = append(got, tenant)
	}
	sort := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want, got, sort, cmpopts.EquateEmpty()); diff != "" {
		f.Fatalf("Tenants mismatch (-want +got):\n%s", diff)
	}
}

func returnedIsOwned(f *fixture) {
	add := lines("acme", "a", "b")
	c := f.change("acme", nil, add)
	e := f.apply(c)
	for i := range e.Add {
		e.Add[i] = line("acme", "spoilt", "all")
	}
	add[0] = line("acme", "spoilt", "all")
	s := f.load("acme")
	s.Lines[0] = line("acme", "spoilt", "all")
	f.wantNow("acme", 1, lines("acme", "a", "b"))
	c.Add = lines("acme", "a", "b")
	f.apply(c).Add[0] = line("acme", "spoilt", "all")
	f.wantEntry(entryOf(c, nil, c.Add), f.apply(c))
	for range f.log("acme", 0, 0) {
		f.log("acme", 0, 0)[0].Add[0] = line("acme", "spoilt", "all")
		f.wantEntry(entryOf(c, nil, c.Add), f.log("acme", 0, 0)[0])
	}
}

func bigChange(f *fixture) {
	const n = 5000
	var odd, even []model.Line
	for i := range n {
		l := encode(model.TeamRule{Tenant: "acme", Subject: fmt.Sprintf("user:u%d", i), On: model.OnRecord("customer", fmt.Sprint(i)), Level: model.LevelRead})
		if i%2 == 0 {
			even = append(even, l)
		} else {
			odd = append(odd, l)
		}
	}
	f.apply(f.change("acme", nil, slices.Concat(odd, even)))
	f.want("acme", 1, slices.Concat(odd, even))
	f.apply(f.change("acme", odd, nil))
	f.want("acme", 2, even)
	for _, e := range f.log("acme", 1, 0) {
		if e.Revision != 2 || len(e.Remove) != n/2 || len(e.Add) != 0 {
			f.Errorf("the entry of the second change is not whole")
		}
	}
}

func cancelled(f *fixture) {
	f.add("acme", "a")
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	isCancelled := func(what string, err error) {
		f.Helper()
		if !errors.Is(err, context.Canceled) {
			f.Errorf("%s with a cancelled context: %v; want context.Canceled", what, err)
		}
	}
	_, err := f.store.Apply(ctx, f.change("acme", nil, lines("acme", "b")))
	isCancelled("Apply", err)
	_, err = f.store.Load(ctx, "acme")
	isCancelled("Load", err)
	if store, ok := f.store.(adapter.Appender); ok {
		_, err = store.AppendLines(ctx, "acme", nil)
		isCancelled("AppendLines", err)
	}
	err = nil
	for _, err = range f.store.Tenants(ctx) {
	}
	isCancelled("Tenants", err)
	if feed, ok := f.store.(adapter.Feed); ok {
		_, err = feed.Changes(ctx, "acme", 0, 0)
		isCancelled("Changes", err)
	}
	f.want("acme", 1, lines("acme", "a"))
	f.wantLogged("acme", 1)
}

func (f *fixture) needFeed() {
	if !f.hasFeed() {
		f.Skip("the store keeps no log")
	}
}

func logContents(f *fixture) {
	f.needFeed()
	c1 := f.change("acme", nil, lines("acme", "a", "b"))
	c1.Actor, c1.Reason = "user:ann", "ticket 81: \"new hires\",\nline two, 你好"
	e1 := f.apply(c1)
	c2 := f.change("acme", lines("acme", "a", "x"), lines("acme", "c"))
	c2.Actor, c2.Reason, c2.At = "", "", at.Add(-time.Hour)
	e2 := f.apply(c2)
	c3 := f.change("acme", nil, lines("acme", "d"))
	c3.At = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("UTC-2", -2*60*60)) // year 10000, which texts do not keep
	e3 := f.apply(c3)
	c3.At = time.Time{}
	f.wantEntry(entryOf(c3, nil, lines("acme", "d")), e3)
	f.wantEntry(entryOf(c1, nil, lines("acme", "a", "b")), e1)
	for range 2 { // the second time after the store was reopened
		got := f.log("acme", 0, 0)
		if len(got) != 3 {
			f.Fatalf("the log has %d entries, want 3", len(got))
		}
		for i, e := range []adapter.Entry{e1, e2, e3} {
			f.wantEntry(e, got[i])
		}
		f.reopen()
	}
}

func logPages(f *fixture) {
	f.needFeed()
	const n = 7
	for i := range n {
		f.add("acme", fmt.Sprint(i))
		f.add("beta", fmt.Sprint(i))
	}
	for _, page := range []struct {
		after model.Revision
		limit int
		want  []model.Revision
	}{
		{0, 0, []model.Revision{1, 2, 3, 4, 5, 6, 7}},
		{0, 3, []model.Revision{1, 2, 3}},
		{3, 3, []model.Revision{4, 5, 6}},
		{6, 3, []model.Revision{7}},
		{5, 0, []model.Revision{6, 7}},
		{7, 0, nil},
		{9, 4, nil},
		{0, 100, []model.Revision{1, 2, 3, 4, 5, 6, 7}},
	} {
		var got []model.Revision
		for _, e := range f.log("acme", page.after, page.limit) {
			got = append(got, e.Revision)
		}
		if diff := cmp.Diff(page.want, got); diff != "" {
			f.Errorf("Changes after %d, at most %d: revisions mismatch (-want +got):\n%s", page.after, page.limit, diff)
		}
	}
	if got := f.log("nobody", 0, 0); len(got) != 0 {
		f.Errorf("the log of an unknown tenant has %d entries", len(got))
	}
}

// sortedKeys is for walks over a map that must not depend on its order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
