package main

import (
	"errors"
	"net/url"
	"slices"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// whyURL is the address of the reason for what may be done with a record, or a field of it.
func whyURL(typ, id, action, field string) string {
	q := url.Values{"type": {typ}, "action": {action}}
	if id != "" {
		q.Set("id", id)
	}
	if field != "" {
		q.Set("field", field)
	}
	return "/why?" + q.Encode()
}

// why says in sentences what the visitor may do, and for what reason. Of a record that
// she may not read it says nothing.
func (s *server) why(v *visit) error {
	q := v.r.URL.Query()
	req := authz.Request{Tenant: v.me.Tenant, User: v.me.ID, Action: q.Get("action"), Type: q.Get("type"), ID: q.Get("id")}
	called := map[string]string{}
	if k := kindOf(req.Type); req.ID != "" {
		if k == nil {
			return errNotFound
		}
		seen := req
		seen.Action = "read"
		if ok, err := s.db.az.Enforce(v.r.Context(), seen); err != nil && !errors.Is(err, model.ErrNoFacts) && !errors.Is(err, model.ErrMalformed) {
			return err
		} else if !ok {
			return errNotFound
		}
		v.record = &authz.Record{Type: req.Type, ID: req.ID}
		r, err := v.row(k)
		if err != nil {
			return err
		}
		called[req.Type+"/"+req.ID] = r.text(k.Title)
	}
	x, err := s.db.az.Explain(v.r.Context(), req)
	var bad *model.ValueError
	if errors.As(err, &bad) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	t := teller{tenant: v.me.Tenant, you: v.me.ID, called: called}
	on := t.target(model.Target{Type: req.Type, ID: req.ID})
	data := map[string]any{"Allowed": x.Allowed, "Lines": t.decision(req, x), "Gates": x.Gates, "Revision": x.Revision, "Rule": x.Rule}
	data["Head"] = sentence(verdict(x.Allowed) + req.Action + " " + on)
	if name := q.Get("field"); name != "" {
		if err := s.explainField(v, t, req, x, name, data); err != nil {
			return err
		}
	}
	var nearest []string
	for _, f := range x.Nearest {
		nearest = append(nearest, t.fact(f))
	}
	data["Nearest"] = nearest
	return s.render(v, "why", "Why?", data)
}

func verdict(allowed bool) string {
	if allowed {
		return "you may "
	}
	return "you may not "
}

// reasonOf is a field rule, and what it has to do with the visitor.
type reasonOf struct {
	Text, Note string
	Counts     bool
}

// explainField adds how much of a field the visitor reaches, and the rules that say so.
func (s *server) explainField(v *visit, t teller, req authz.Request, x authz.Explanation, name string, data map[string]any) error {
	f, ok := s.db.az.Schema().Types[req.Type].Fields[name]
	if !ok {
		return errNotFound
	}
	seen, err := s.db.az.FieldLevel(v.r.Context(), req, name)
	if err != nil {
		return err
	}
	open := model.FieldHidden
	change := req
	if change.Action = "update"; req.Action == "read" {
		if open, err = s.db.az.FieldLevel(v.r.Context(), change, name); err != nil {
			return err
		}
	}
	level := max(seen, open)
	label := t.fieldOf(model.Target{Type: req.Type, ID: req.ID, Field: name})
	data["Allowed"] = level >= model.FieldRead
	data["Head"] = sentence("you may " + reaching(level, label))
	data["Default"] = t.fieldDefault(f.Default, req.Type, name)
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	data["Fields"] = p.fieldReasons(t, req, x.Groups, name)
	return nil
}

// fieldReasons are the rules about a field, those that concern the visitor first.
func (p *policy) fieldReasons(t teller, req authz.Request, groups []string, name string) (out []reasonOf) {
	for _, r := range p.rulings {
		f, ok := r.Fact.(model.FieldRule)
		if !ok || f.On.Type != req.Type || f.On.Field != name && f.On.Field != model.Any || f.On.ID != "" && f.On.ID != req.ID {
			continue
		}
		why := reasonOf{Text: t.fact(f), Counts: f.Subject == t.you || f.Subject == model.Everyone || slices.Contains(groups, f.Subject)}
		switch {
		case !why.Counts:
			why.Note = "not about you"
		case r.Off != nil:
			why.Note, why.Counts = "switched off", false
		case !f.Valid.Holds(p.now):
			why.Note, why.Counts = "not at this time", false
		case f.If != "":
			why.Note = "about you, on its condition"
		default:
			why.Note = "about you"
		}
		out = append(out, why)
	}
	slices.SortStableFunc(out, func(x, y reasonOf) int {
		switch {
		case x.Counts == y.Counts:
			return 0
		case x.Counts:
			return -1
		}
		return 1
	})
	return out
}
