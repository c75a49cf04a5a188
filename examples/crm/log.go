package main

import (
	"strconv"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

const logPage = 20

// logEntry is a change for people.
type logEntry struct {
	Revision       model.Revision
	Who, Why       string
	Colour         int
	At             time.Time
	Added, Removed []logFact
	More           int // facts that are not shown
}

type logFact struct{ Text, Line string }

// changeLog shows the changes of the policy, the last first.
func (s *server) changeLog(v *visit) error {
	of := v.me.Tenant
	if v.r.URL.Query().Get("of") == "base" {
		of = model.Base
	}
	last, err := s.lastRevision(v, of)
	if err != nil {
		return err
	}
	newest := last
	if before, err := strconv.ParseUint(v.r.URL.Query().Get("before"), 10, 63); err == nil && model.Revision(before) <= last && before > 0 {
		newest = model.Revision(before) - 1
	}
	after := newest - min(newest, logPage)
	entries, err := s.db.store.Changes(v.r.Context(), of, after, int(newest-after))
	if err != nil {
		return err
	}
	t, err := s.tellerOf(v, entries)
	if err != nil {
		return err
	}
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	var out []logEntry
	for i := len(entries) - 1; i >= 0; i-- {
		out = append(out, entryOf(t, p, entries[i]))
	}
	data := map[string]any{"Entries": out, "Base": of == model.Base, "Last": last}
	if after > 0 {
		data["Older"] = after + 1
	}
	return s.render(v, "log", "Change log", data)
}

// lastRevision is how many changes there are.
func (s *server) lastRevision(v *visit, of string) (model.Revision, error) {
	from, err := s.db.store.Load(v.r.Context(), of)
	return from.Revision, err
}

// tellerOf knows what the customers are called of which some entries tell.
func (s *server) tellerOf(v *visit, entries []adapter.Entry) (teller, error) {
	t := teller{tenant: v.me.Tenant, called: map[string]string{}}
	var ids []int64
	for _, e := range entries {
		for _, l := range append(e.Add[:len(e.Add):len(e.Add)], e.Remove...) {
			if l.Section != model.TeamRules {
				continue
			}
			if f, err := model.DecodeTeamRule(l); err == nil && f.On.Type == "customer" {
				if id, err := strconv.ParseInt(f.On.ID, 10, 64); err == nil {
					ids = append(ids, id)
				}
			}
		}
	}
	called, err := names(v.r.Context(), v.db, ids)
	for id, name := range called {
		t.called["customer/"+strconv.FormatInt(id, 10)] = name
	}
	return t, err
}

func entryOf(t teller, p *policy, e adapter.Entry) logEntry {
	out := logEntry{Revision: e.Revision, Who: nameOf(t.tenant, e.Actor), Why: e.Reason, At: e.At}
	if who, ok := personOf(t.tenant, e.Actor); ok {
		out.Colour = who.Colour
	}
	const most = 12
	tell := func(lines []model.Line) (facts []logFact) {
		for _, l := range lines {
			if f, err := model.Decode(l); err == nil && len(facts) < most {
				facts = append(facts, logFact{p.factText(t, f), l.String()})
			}
		}
		out.More += len(lines) - len(facts)
		return facts
	}
	out.Added, out.Removed = tell(e.Add), tell(e.Remove)
	return out
}

// factText is a fact as a sentence; of a switch of a rule, with what the rule says.
func (p *policy) factText(t teller, f model.Fact) string {
	sw, ok := f.(model.Switch)
	if !ok {
		return t.fact(f)
	}
	if r, known := p.ruling(sw.Target); known {
		return "A rule is switched off" + period(sw.Valid) + ": " + t.fact(r.Fact)
	}
	return t.fact(f)
}
