package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// planner is the store under test, if it keeps proposals.
func (f *fixture) planner() adapter.Planner {
	p, ok := f.store.(adapter.Planner)
	if !ok {
		f.Skip("the store keeps no proposals")
	}
	return p
}

// proposal is the first version of one.
func proposal(tenant, id string, add ...string) adapter.Proposal {
	return adapter.Proposal{
		Tenant: tenant, ID: id, Version: 1, State: adapter.Requested, Add: lines(tenant, add...),
		Steps: []adapter.Step{{Did: "requested", Actor: "user:ann", Reason: "ticket 81: \"<new>\",\nline two, 你好", At: at}},
	}
}

// next is the version after.
func next(p adapter.Proposal, state adapter.State) adapter.Proposal {
	p.Version, p.State = p.Version+1, state
	p.Steps = append(slices.Clone(p.Steps), adapter.Step{Did: string(state), Actor: "user:bob", At: at})
	return p
}

func (f *fixture) put(p adapter.Proposal) {
	f.Helper()
	if err := f.planner().Put(f.Context(), p); err != nil {
		f.Fatalf("Put(%+v): %v", p, err)
	}
}

func (f *fixture) wantConflict(what string, err error) {
	f.Helper()
	if !errors.Is(err, adapter.ErrConflict) {
		f.Errorf("%s: %v; want ErrConflict", what, err)
	}
}

// wantProposal fails unless a proposal is kept so, now and after the store is reopened.
func (f *fixture) wantProposal(want adapter.Proposal) {
	f.Helper()
	want, err := want.Normal()
	if err != nil {
		f.Fatal(err)
	}
	for range 2 {
		got, err := f.planner().Proposal(f.Context(), want.Tenant, want.ID)
		if err != nil {
			f.Fatalf("Proposal(%q, %q): %v", want.Tenant, want.ID, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			f.Fatalf("Proposal mismatch (-want +got):\n%s", diff)
		}
		f.reopen()
	}
}

func proposalsKept(f *fixture) {
	f.planner()
	p := proposal("acme", "one", "a", "b")
	p.Remove = lines("acme", "c")
	p.Start, p.Expires, p.Due = at.Add(time.Hour), at.Add(24*time.Hour), at
	f.put(p)
	f.wantProposal(p)
	p = next(p, adapter.Planned)
	p.Notices = []adapter.Notice{{Event: "before", At: at}, {Event: "requested", At: at, Told: true}}
	p.Due = time.Time{}
	f.put(p)
	f.wantProposal(p)
	f.want("acme", 0, nil)
	f.wantTenants()

	for _, key := range [][2]string{{"acme", "two"}, {"beta", "one"}, {"Acme", "one"}, {"acme", "One"}, {"acme", "one "}} {
		if _, err := f.planner().Proposal(f.Context(), key[0], key[1]); !errors.Is(err, adapter.ErrNoProposal) {
			f.Errorf("Proposal(%q): %v; want ErrNoProposal", key, err)
		}
	}
	big := proposal("acme", "big")
	for i := range 5000 {
		big.Add = append(big.Add, line("acme", fmt.Sprint(i), "all"))
	}
	f.put(big)
	f.wantProposal(big)
}

func proposalVersions(f *fixture) {
	f.planner()
	first := proposal("acme", "one", "a")
	second := next(first, adapter.Planned)
	f.wantConflict("Put of a second version without a first", f.planner().Put(f.Context(), second))
	f.put(first)
	f.put(first) // a retry
	other := first
	other.Add = lines("acme", "z")
	f.wantConflict("Put of another first version", f.planner().Put(f.Context(), other))
	f.put(second)
	f.put(second)
	f.wantConflict("Put of an old version", f.planner().Put(f.Context(), first))
	f.wantConflict("Put of another second version", f.planner().Put(f.Context(), next(first, adapter.Rejected)))
	third := next(second, adapter.Made)
	f.wantConflict("Put of a version too far", f.planner().Put(f.Context(), next(third, adapter.Made)))
	f.wantProposal(second)
}

func proposalsRefused(f *fixture) {
	f.planner()
	for name, spoil := range map[string]func(*adapter.Proposal){
		"no ID":                    func(p *adapter.Proposal) { p.ID = "" },
		"a long ID":                func(p *adapter.Proposal) { p.ID = strings.Repeat("x", 101) },
		"no tenant":                func(p *adapter.Proposal) { p.Tenant, p.Add = "", nil },
		"no state":                 func(p *adapter.Proposal) { p.State = "" },
		"an unknown state":         func(p *adapter.Proposal) { p.State = "open" },
		"no version":               func(p *adapter.Proposal) { p.Version = 0 },
		"no step":                  func(p *adapter.Proposal) { p.Steps = nil },
		"a line of another tenant": func(p *adapter.Proposal) { p.Add = lines("beta", "a") },
		"a line in both":           func(p *adapter.Proposal) { p.Remove = p.Add },
		"a zero line":              func(p *adapter.Proposal) { p.Add = []model.Line{{}} },
		"too many lines": func(p *adapter.Proposal) {
			for i := range adapter.MaxProposalLines {
				p.Remove = append(p.Remove, line("acme", fmt.Sprint("r", i), "all"))
			}
		},
	} {
		p := proposal("acme", "one", "a")
		spoil(&p)
		err := f.planner().Put(f.Context(), p)
		_, err2 := f.planner().Settle(f.Context(), f.change("acme", nil, lines("acme", "a")), p)
		for _, err := range []error{err, err2} {
			if _, ok := errors.AsType[*model.ValueError](err); !ok {
				f.Errorf("%s: %v; want a *model.ValueError", name, err)
			}
		}
	}
	_, err := f.planner().Settle(f.Context(), f.change("beta", nil, nil), proposal("acme", "one", "a"))
	if _, ok := errors.AsType[*model.ValueError](err); !ok {
		f.Errorf("Settle by a change of another tenant: %v; want a *model.ValueError", err)
	}
	f.want("acme", 0, nil)
	if ps := f.proposals("acme"); len(ps) != 0 {
		f.Errorf("what was refused is kept: %v", ps)
	}
}

func (f *fixture) proposals(tenant string, states ...adapter.State) (ids []string) {
	f.Helper()
	ps, err := f.planner().Proposals(f.Context(), tenant, states...)
	if err != nil {
		f.Fatal(err)
	}
	return idsOf(ps)
}

func idsOf(ps []adapter.Proposal) (ids []string) {
	for _, p := range ps {
		ids = append(ids, p.Tenant+" "+p.ID)
	}
	slices.Sort(ids)
	return ids
}

func proposalsListed(f *fixture) {
	f.planner()
	for i, p := range []adapter.Proposal{
		proposal("acme", "a"), proposal("acme", "b"), proposal("acme", "c"), proposal("beta", "a"), proposal(model.Base, "a"),
	} {
		if i != 1 {
			p.Due = at.Add(time.Duration(i) * time.Second)
		}
		f.put(p)
		if i == 2 {
			f.put(next(p, adapter.Planned))
		}
	}
	due := func(by time.Time) []string {
		ps, err := f.planner().Due(f.Context(), by)
		if err != nil {
			f.Fatal(err)
		}
		return idsOf(ps)
	}
	for range 2 {
		for _, test := range []struct{ got, want []string }{
			{f.proposals("acme"), []string{"acme a", "acme b", "acme c"}},
			{f.proposals("acme", adapter.Requested), []string{"acme a", "acme b"}},
			{f.proposals("acme", adapter.Planned, adapter.Made), []string{"acme c"}},
			{f.proposals("acme", adapter.Made), nil},
			{f.proposals("beta"), []string{"beta a"}},
			{f.proposals("nobody"), nil},
			{due(at.Add(-time.Microsecond)), nil},
			{due(at), []string{"acme a"}},
			{due(at.Add(3 * time.Second)), []string{"acme a", "acme c", "beta a"}},
			{due(at.Add(time.Hour)), []string{"* a", "acme a", "acme c", "beta a"}},
		} {
			if diff := cmp.Diff(test.want, test.got); diff != "" {
				f.Errorf("proposals mismatch (-want +got):\n%s", diff)
			}
		}
		f.reopen()
	}
	ps, err := f.planner().Proposals(f.Context(), "beta")
	if err != nil || len(ps) != 1 {
		f.Fatal(err)
	}
	ps[0].Steps[0].Actor = "spoilt"
	ps[0].Steps = nil
	want := proposal("beta", "a")
	want.Due = at.Add(3 * time.Second)
	f.wantProposal(want)
}

func settled(f *fixture) {
	f.planner()
	p := proposal("acme", "one", "a")
	f.put(p)
	settle := func(c adapter.Change, p adapter.Proposal) (adapter.Entry, error) {
		c.ID = p.ID
		return f.planner().Settle(f.Context(), c, p)
	}
	made := next(p, adapter.Made)
	c := f.change("acme", nil, p.Add)
	c.Base = 7
	_, err := settle(c, made)
	f.wantConflict("Settle against another revision", err)
	f.wantProposal(p)
	_, err = settle(f.change("acme", nil, p.Add), next(made, adapter.Made))
	f.wantConflict("Settle to a version too far", err)
	f.want("acme", 0, nil)
	f.wantLogged("acme", 0)

	c = f.change("acme", nil, p.Add)
	c.ID = p.ID
	e, err := settle(c, made)
	if err != nil {
		f.Fatal(err)
	}
	f.wantEntry(entryOf(c, nil, p.Add), e)
	f.wantProposal(made)
	f.want("acme", 1, p.Add)
	again, err := settle(c, made) // a retry
	if err != nil {
		f.Fatal(err)
	}
	f.wantEntry(e, again)
	_, err = settle(f.change("acme", p.Add, nil), next(p, adapter.Cancelled))
	f.wantConflict("Settle of what is settled", err)
	f.want("acme", 1, p.Add)

	// A change without effect settles its proposal, too, and so does one of a proposal that nobody put.
	p = proposal("acme", "two", "a")
	e, err = settle(f.change("acme", nil, p.Add), p)
	if err != nil || e.Revision != 1 || len(e.Add) != 0 {
		f.Fatalf("Settle without effect = %+v, %v", e, err)
	}
	f.wantProposal(p)
	f.wantLogged("acme", 1)
	f.want("acme", 1, lines("acme", "a"))
}

// settledOnce has several settle the same proposal at once, each by another change.
func settledOnce(f *fixture) {
	planner := f.planner()
	const rounds, settlers = 6, 4
	for round := range rounds {
		p := proposal("acme", fmt.Sprint("p", round))
		f.put(p)
		var wins atomic.Int32
		var group sync.WaitGroup
		for i := range settlers {
			group.Go(func() {
				q := next(p, adapter.Made)
				q.Steps[1].Actor = fmt.Sprint("user:", i)
				add := lines("acme", fmt.Sprintf("r%d-%d", round, i))
				for {
					s, err := f.store.Load(f.Context(), "acme")
					if err != nil {
						f.Error(err)
						return
					}
					if i == 0 { // who cancels changes nothing
						err = planner.Put(f.Context(), next(p, adapter.Cancelled))
					} else {
						_, err = planner.Settle(f.Context(), adapter.Change{Tenant: "acme", ID: fmt.Sprintf("c%d-%d", round, i), Base: s.Revision, Add: add, At: at}, q)
					}
					switch {
					case err == nil:
						wins.Add(1)
						return
					case !errors.Is(err, adapter.ErrConflict):
						f.Error(err)
						return
					}
					if now, err := planner.Proposal(f.Context(), "acme", p.ID); err != nil || now.Version > 1 {
						return // another was faster
					}
				}
			})
		}
		group.Wait()
		now, err := planner.Proposal(f.Context(), "acme", p.ID)
		if err != nil || wins.Load() != 1 || now.Version != 2 {
			f.Fatalf("%d settled it, and it is %+v, %v", wins.Load(), now, err)
		}
		f.wantMadeBy(round, now)
	}
}

// wantMadeBy fails unless the change of the one who settled a proposal is made, and no other.
func (f *fixture) wantMadeBy(round int, p adapter.Proposal) {
	f.Helper()
	var made []string
	for _, l := range f.load("acme").Lines {
		if who, ok := strings.CutPrefix(l.Values[0], fmt.Sprintf("role:r%d-", round)); ok {
			made = append(made, "user:"+who)
		}
	}
	var want []string
	if p.State == adapter.Made {
		want = []string{p.Steps[1].Actor}
	}
	if !slices.Equal(made, want) {
		f.Fatalf("the changes of %v were made of %+v", made, p)
	}
}

func endings(f *fixture) {
	planner := f.planner()
	until := func(tenant, target string, t time.Time) model.Line {
		return encode(model.Switch{Tenant: tenant, Target: target, Mode: model.ModeOff, Valid: model.Period{Until: t}})
	}
	soon := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	f.apply(f.change("acme", nil, []model.Line{
		until("acme", "user:a", soon), until("acme", "user:b", soon.Add(time.Hour)), until("acme", "user:c", soon.Add(2*time.Hour)),
		encode(model.Switch{Tenant: "acme", Target: "user:d", Mode: model.ModeOff}),
		encode(model.Membership{Tenant: "acme", Member: "user:e", Group: "role:r", Valid: model.Period{Until: soon.Add(time.Hour)}}),
	}))
	f.apply(f.change("beta", nil, []model.Line{until("beta", "user:b", soon.Add(time.Hour))}))
	got, err := planner.Ending(f.Context(), soon, soon.Add(time.Hour))
	want := []model.Line{until("acme", "user:b", soon.Add(time.Hour)), until("beta", "user:b", soon.Add(time.Hour))}
	if diff := cmp.Diff(want, got, sameLines); err != nil || diff != "" {
		f.Errorf("Ending: %v, mismatch (-want +got):\n%s", err, diff)
	}
}

func proposalsCancelled(f *fixture) {
	planner := f.planner()
	f.put(proposal("acme", "one", "a"))
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	_, settle := planner.Settle(ctx, f.change("acme", nil, lines("acme", "a")), next(proposal("acme", "one", "a"), adapter.Made))
	_, one := planner.Proposal(ctx, "acme", "one")
	_, all := planner.Proposals(ctx, "acme")
	_, due := planner.Due(ctx, at)
	_, ending := planner.Ending(ctx, at, at)
	for what, err := range map[string]error{
		"Put": planner.Put(ctx, proposal("acme", "two", "a")), "Settle": settle, "Proposal": one, "Proposals": all, "Due": due, "Ending": ending,
	} {
		if !errors.Is(err, context.Canceled) {
			f.Errorf("%s with a cancelled context: %v; want context.Canceled", what, err)
		}
	}
	f.want("acme", 0, nil)
	f.wantProposal(proposal("acme", "one", "a"))
}
