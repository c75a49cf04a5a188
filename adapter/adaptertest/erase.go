package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

const (
	eve    = "user:eve"
	nobody = "user:erased-x7"
)

// eraser is the store under test, if it erases.
func (f *fixture) eraser() adapter.Eraser {
	e, ok := f.store.(adapter.Eraser)
	if !ok {
		f.Skip("the store erases nobody")
	}
	return e
}

func (f *fixture) erase(c adapter.Change) adapter.Entry {
	f.Helper()
	e, err := f.eraser().Erase(f.Context(), adapter.Erasure{Subject: eve, Pseudonym: nobody, Change: c})
	if err != nil {
		f.Fatalf("Erase: %v", err)
	}
	return e
}

// freeze switches the pseudonym off, in another way than she may have been.
func freeze() []model.Line {
	forever := model.Period{Until: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	return []model.Line{encode(model.Switch{Tenant: "acme", Target: nobody, Mode: model.ModeOff, Valid: forever})}
}

// named is a line of each kind that names a person.
func named(who string) []model.Line {
	rule := encode(model.TeamRule{Tenant: "acme", Subject: who, On: model.OnRecord("customer", "42"), Level: model.LevelRead})
	except, err := model.Except(who, "user:ann", "user:zoe", "net:10.0.0.0/8")
	if err != nil {
		panic(err)
	}
	onHer := encode(model.FieldRule{Tenant: "acme", Subject: "user:lea", On: model.Target{Type: model.PermissionType, ID: who, Field: "until"}, Level: model.FieldRead, Effect: model.Allow})
	return []model.Line{
		rule,
		encode(model.CustomerRule{Tenant: "acme", Subject: who, On: model.OnType("customer"), Action: "read", Effect: model.Allow}),
		encode(model.FieldRule{Tenant: "acme", Subject: who, On: model.OnField("customer", "phone"), Level: model.FieldRead, Effect: model.Allow}),
		encode(model.Membership{Tenant: "acme", Member: who, Group: "role:rep"}),
		encode(model.OrgEdge{Tenant: "acme", Below: who, Above: "user:carol"}),
		encode(model.OrgEdge{Tenant: "acme", Below: "user:dan", Above: who}),
		encode(model.Switch{Tenant: "acme", Target: who, Mode: model.ModeOff}),
		encode(model.Switch{Tenant: "acme", Target: rule.RuleID(), Mode: model.ModeOff}),
		encode(model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeLocked, Except: except}),
		encode(model.CustomerRule{Tenant: "acme", Subject: "user:lea", On: model.OnRecord(model.PermissionType, who), Action: model.ActionGrant, Effect: model.Allow}),
		encode(model.TeamRule{Tenant: "acme", Subject: "user:lea", On: model.OnRecord(model.PermissionType, who), Level: model.LevelFull}),
		onHer,
		encode(model.Switch{Tenant: "acme", Target: model.OnRecord(model.PermissionType, who).String(), Mode: model.ModeOff}),
		encode(model.Switch{Tenant: "acme", Target: onHer.RuleID(), Mode: model.ModeOff}),
	}
}

func erased(f *fixture) {
	f.eraser()
	others := []model.Line{
		encode(model.Membership{Tenant: "acme", Member: "user:eve2", Group: "role:rep"}),
		encode(model.Membership{Tenant: "acme", Member: "user:Eve", Group: "role:rep"}),
		encode(model.TeamRule{Tenant: "acme", Subject: "user:lea", On: model.OnRecord("customer", eve), Level: model.LevelRead}),
		encode(model.Membership{Tenant: "acme", Member: "team:eve", Group: "role:rep"}),
	}
	var log []adapter.Change
	apply := func(remove, add []model.Line, reason string) {
		c := f.change("acme", remove, add)
		c.Actor, c.Reason = eve, reason
		f.apply(c)
		log = append(log, c)
	}
	apply(nil, slices.Concat(named(eve), others), "user:eve is new. So is user:eve2; (user:eve)")
	apply(named(eve)[:3], nil, "user:eve, user:eve.smith, superuser:eve and user:eve-2: user:eve.")
	f.apply(f.change("beta", nil, []model.Line{encode(model.Membership{Tenant: "beta", Member: eve, Group: "role:rep"})}))

	c := f.change("acme", nil, freeze())
	c.Actor, c.Reason = "user:dpo", "user:eve asked us to"
	e := f.erase(c)
	c.Reason = nobody + " asked us to"
	f.wantEntry(entryOf(c, nil, freeze()), e)
	f.want("acme", 3, slices.Concat(named(nobody)[3:], others, freeze()))
	f.want("beta", 1, []model.Line{encode(model.Membership{Tenant: "beta", Member: eve, Group: "role:rep"})})
	if !f.hasFeed() {
		return
	}
	log[0].Actor, log[0].Add = nobody, slices.Concat(named(nobody), others)
	log[0].Reason = nobody + " is new. So is user:eve2; (" + nobody + ")"
	log[1].Actor, log[1].Remove = nobody, named(nobody)[:3]
	log[1].Reason = nobody + ", user:eve.smith, superuser:eve and user:eve-2: " + nobody + "."
	got := f.log("acme", 0, 0)
	for i, c := range append(log, c) {
		f.wantEntry(entryOf(c, c.Remove, c.Add), got[i])
	}
	again := f.erase(c) // a retry
	f.wantEntry(e, again)
	f.wantLogged("acme", 3)
}

func erasedProposals(f *fixture) {
	f.eraser()
	f.planner()
	p := proposal("acme", "one")
	p.Add, p.Remove = named(eve)[:7], []model.Line{named(eve)[7]}
	p.Steps[0].Actor, p.Steps[0].Reason = eve, "user:eve wants it"
	p.Due = at
	other := proposal("acme", "two", "a")
	theirs := proposal("beta", "one")
	theirs.Steps[0].Actor = eve
	for _, p := range []adapter.Proposal{p, other, theirs} {
		f.put(p)
	}
	f.erase(f.change("acme", nil, freeze()))
	want := p
	want.Version, want.Add, want.Remove = 2, named(nobody)[:7], []model.Line{named(nobody)[7]}
	want.Steps = []adapter.Step{{Did: "requested", Actor: nobody, Reason: nobody + " wants it", At: at}}
	for _, p := range []adapter.Proposal{want, other, theirs} {
		f.wantProposal(p)
	}
	f.wantConflict("Put of what was known before", f.planner().Put(f.Context(), next(p, adapter.Cancelled)))
	if due, err := f.planner().Due(f.Context(), at); err != nil || len(due) != 1 {
		f.Errorf("due are %v, %v", due, err)
	}
}

func erasureRefused(f *fixture) {
	f.eraser()
	_, plans := f.store.(adapter.Planner)
	f.apply(f.change("acme", nil, named(eve)))
	if plans {
		p := proposal("acme", "one")
		p.Steps[0].Actor = eve
		f.put(p)
	}
	wide, err := model.Except(eve, "user:"+strings.Repeat("x", 85))
	if err != nil {
		f.Fatal(err)
	}
	noRoom := encode(model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeLocked, Except: wide})
	for name, spoil := range map[string]func(*adapter.Erasure){
		"a role":                  func(e *adapter.Erasure) { e.Subject = "role:rep" },
		"no subject":              func(e *adapter.Erasure) { e.Subject = "" },
		"a pseudonym of a role":   func(e *adapter.Erasure) { e.Pseudonym = "role:eve" },
		"no pseudonym":            func(e *adapter.Erasure) { e.Pseudonym = "" },
		"the same":                func(e *adapter.Erasure) { e.Pseudonym = eve },
		"one who is there":        func(e *adapter.Erasure) { e.Pseudonym = "user:dan" },
		"one who is an exception": func(e *adapter.Erasure) { e.Pseudonym = "user:zoe" },
		"no ID":                   func(e *adapter.Erasure) { e.Change.ID = "" },
		"a line of another":       func(e *adapter.Erasure) { e.Change.Add = lines("beta", "a") },
		"no room in a line":       func(e *adapter.Erasure) { f.apply(f.change("acme", nil, []model.Line{noRoom})) },
	} {
		e := adapter.Erasure{Subject: eve, Pseudonym: nobody, Change: f.change("acme", nil, freeze())}
		spoil(&e)
		e.Change.Base = f.load("acme").Revision
		_, err := f.eraser().Erase(f.Context(), e)
		if _, ok := errors.AsType[*model.ValueError](err); !ok {
			f.Errorf("%s: %v; want a *model.ValueError", name, err)
		}
		if name == "no room in a line" {
			f.apply(f.change("acme", []model.Line{noRoom}, nil))
		}
	}
	f.want("acme", 3, named(eve))
	c := f.change("acme", nil, freeze())
	c.Base++
	_, err = f.eraser().Erase(f.Context(), adapter.Erasure{Subject: eve, Pseudonym: nobody, Change: c})
	f.wantConflict("Erase at another revision", err)
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	_, err = f.eraser().Erase(ctx, adapter.Erasure{Subject: eve, Pseudonym: nobody, Change: f.change("acme", nil, freeze())})
	if !errors.Is(err, context.Canceled) {
		f.Errorf("Erase with a cancelled context: %v; want context.Canceled", err)
	}
	if plans {
		if p, err := f.planner().Proposal(f.Context(), "acme", "one"); err != nil || p.Steps[0].Actor != eve {
			f.Errorf("a refused erasure left %+v, %v", p, err)
		}
	}

	// Who is nowhere is erased all the same.
	e, err := f.eraser().Erase(f.Context(), adapter.Erasure{Subject: "user:stranger", Pseudonym: nobody, Change: f.change("nowhere", nil, nil)})
	if err != nil || e.Revision != 0 {
		f.Errorf("Erase of a stranger = %+v, %v", e, err)
	}
	f.want("nowhere", 0, nil)
}

// erasedAtRandom erases somebody in the middle of a random history: the log still leads to the
// policy, and both are what they were but for the names.
func erasedAtRandom(f *fixture) {
	f.eraser()
	if !f.hasFeed() {
		f.Skip("the store keeps no log")
	}
	seed := uint64(time.Now().UnixNano())
	f.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	steps := 120
	if testing.Short() {
		steps = 40
	}
	who := []string{eve, "user:eve2", "user:dan2"}
	change := func() {
		var remove, add []model.Line
		here := f.load("acme").Lines
		for _, l := range named(who[r.IntN(len(who))]) {
			switch there := slices.Contains(here, l); {
			case r.IntN(2) == 0:
			case there:
				remove = append(remove, l)
			default:
				add = append(add, l)
			}
		}
		c := f.change("acme", remove, add)
		c.Actor, c.Reason = who[r.IntN(len(who))], fmt.Sprintf("by %s for %s", who[r.IntN(len(who))], who[r.IntN(len(who))])
		f.apply(c)
	}
	for range steps {
		change()
	}
	policy, log := f.load("acme"), f.log("acme", 0, 0)
	f.erase(f.change("acme", nil, freeze()))
	for range steps / 4 {
		change() // of a new person of her old id, too
	}
	f.reopen()
	names := renamer()
	lines := map[model.Line]bool{}
	for i, e := range f.log("acme", 0, 0) {
		if i < len(log) {
			f.wantEntry(names.entry(log[i]), e)
		}
		for _, l := range e.Remove {
			if !lines[l] {
				f.Fatalf("entry %d removes %s, which is not there", i, l)
			}
			delete(lines, l)
		}
		for _, l := range e.Add {
			if lines[l] {
				f.Fatalf("entry %d adds %s, which is there", i, l)
			}
			lines[l] = true
		}
		if i == len(log)-1 {
			if diff := cmp.Diff(names.lines(policy.Lines), keysOf(lines), sameLines); diff != "" {
				f.Fatalf("the log does not lead to the policy (-want +got):\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff(f.load("acme").Lines, keysOf(lines), sameLines); diff != "" {
		f.Fatalf("the log does not lead to the policy in the end (-want +got):\n%s", diff)
	}
}

func keysOf(set map[model.Line]bool) (lines []model.Line) {
	for l := range set {
		lines = append(lines, l)
	}
	return lines
}

// renaming is what an erasure does, said by a table of lines.
type renaming map[model.Line]model.Line

func renamer() renaming {
	is := renaming{}
	mine, theirs := named(eve), named(nobody)
	for i := range mine {
		is[mine[i]] = theirs[i]
	}
	return is
}

func (is renaming) lines(was []model.Line) []model.Line {
	out := slices.Clone(was)
	for i, l := range was {
		if to, ok := is[l]; ok {
			out[i] = to
		}
	}
	return out
}

func (is renaming) entry(e adapter.Entry) adapter.Entry {
	e.Remove, e.Add = is.lines(e.Remove), is.lines(e.Add)
	words := func(s string) string {
		fields := strings.Fields(s)
		for i, w := range fields {
			if w == eve {
				fields[i] = nobody
			}
		}
		return strings.Join(fields, " ")
	}
	e.Actor, e.Reason = words(e.Actor), words(e.Reason)
	return e
}
