package main

import (
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// span is how long something is to be off.
type span struct {
	Word, Label string
	Of          time.Duration // 0: without an end
}

var spans = []span{
	{"hour", "for an hour", time.Hour}, {"minute", "for a minute", time.Minute}, {"day", "for a day", 24 * time.Hour},
	{"week", "for a week", 7 * 24 * time.Hour}, {"open", "until somebody switches it on", 0},
}

// switchable is something that can be switched off.
type switchable struct {
	Target, Name, Note string
	Colour             int
	Off, ReadOnly      bool
	Until              time.Time
	Own                bool // the visitor's own right hangs on it
}

// switches shows what is switched off, and what can be.
func (s *server) switches(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	t := teller{tenant: v.me.Tenant}
	var off, who, roles, types []switchable
	for _, sw := range p.off {
		of := switchable{Target: sw.Target, Name: strings.TrimSuffix(sentence(t.switched(sw.Target)), "."), Off: true, Until: sw.Valid.Until}
		if r, ok := p.ruling(sw.Target); ok {
			of.Name = t.fact(r.Fact)
		}
		if at, ok := personOf(v.me.Tenant, sw.Target); ok {
			of.Colour = at.Colour
		}
		if of.Note = kindWords[model.KindOf(sw.Target)]; model.IsRuleID(sw.Target) {
			of.Note = "rule"
		}
		if of.ReadOnly = sw.Mode == model.ModeReadOnly; of.ReadOnly {
			of.Note += ", to be read only"
		}
		off = append(off, of)
	}
	for _, at := range people {
		if at.Tenant == v.me.Tenant {
			who = append(who, switchable{Target: at.ID, Name: at.Name, Note: at.Job, Colour: at.Colour, Off: p.switchedOff(at.ID) != nil, Own: at.ID == v.me.ID})
		}
	}
	for _, role := range p.roles() {
		roles = append(roles, switchable{Target: role, Name: nameOf(v.me.Tenant, role), Off: p.switchedOff(role) != nil,
			Own: s.keepsAdministrator(v, role) != nil})
	}
	for _, k := range kinds {
		off := p.switchedOff(k.Type)
		types = append(types, switchable{Target: k.Type, Name: k.Plural, Off: off != nil, ReadOnly: off != nil && off.Mode == model.ModeReadOnly})
	}
	return s.render(v, "switches", "Switches", map[string]any{"Off": off, "People": who, "Roles": roles, "Types": types, "Spans": spans,
		"Change": v.may("change", "policy")})
}

var kindWords = map[model.SubjectKind]string{model.User: "person", model.Role: "role", model.Team: "team", model.Unit: "unit", model.UnknownKind: "records"}

// switchOff takes force from somebody, a group or a rule, or closes all records of a kind, for as long as the form says.
func (s *server) switchOff(v *visit) error {
	target := v.r.PostForm.Get("target")
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	_, isRule := p.ruling(target)
	i := slices.IndexFunc(spans, func(sp span) bool { return sp.Word == v.r.PostForm.Get("for") })
	if i < 0 || !isRule && kindOf(target) == nil && !isChoice(p.subjects(model.User, model.Role, model.Team, model.Unit), target) {
		return errForm
	}
	if err := s.keepsAdministrator(v, target); err != nil {
		return err
	}
	var options []authz.SwitchOption
	switch v.r.PostForm.Get("mode") {
	case "", "off":
	case "read-only":
		if kindOf(target) == nil {
			return errForm
		}
		options = append(options, authz.InMode(model.ModeReadOnly))
	default:
		return errForm
	}
	if spans[i].Of > 0 {
		options = append(options, authz.Until(s.clock().Add(spans[i].Of)))
	}
	if _, err := s.db.az.Disable(v.r.Context(), v.by("switched off by the administrator"), v.me.Tenant, target, options...); err != nil {
		return err
	}
	return v.done("/admin/switches", "off")
}

// switchOn takes back every switch of a target.
func (s *server) switchOn(v *visit) error {
	target := v.r.PostForm.Get("target")
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(p.off, func(sw model.Switch) bool { return sw.Target == target }) {
		return errForm
	}
	if _, err := s.db.az.Enable(v.r.Context(), v.by("switched on by the administrator"), v.me.Tenant, target); err != nil {
		return err
	}
	return v.done("/admin/switches", "on")
}
