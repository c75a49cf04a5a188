package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// reaches is somebody who reaches a customer, and why.
type reaches struct {
	Name    string
	Colour  int
	Reasons []string
}

// member is a line of a team: what it says, and what takes it away.
type member struct {
	Subject, Name, Text, As, ID string
	Colour                      int
	Group                       bool // a team or unit, not a person
	Until                       time.Time
	Off                         bool
	Fixed                       bool // is not on this customer alone
}

// customerTeam shows who is on a customer's team, and all who may read it.
func (s *server) customerTeam(v *visit) error {
	if !v.may("read", "directory") {
		return denied("Who works for you at "+v.me.Company+" is not shown here.", whyURL("directory", "", "read", ""))
	}
	k := kindOf("customer")
	r, err := v.row(k)
	if err != nil {
		return err
	}
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	t := teller{tenant: v.me.Tenant, called: map[string]string{"customer/" + v.record.ID: r.text(k.Title)}}
	who, err := s.whoReads(v, t)
	if err != nil {
		return err
	}
	share, err := v.viewer.Enforce("share", v.record)
	if err != nil {
		return err
	}
	at := fmt.Sprintf("/customers/%d", r.ID)
	others := slices.DeleteFunc(p.subjects(model.User, model.Team), func(c choice) bool { return c.Value == v.me.ID })
	return s.render(v, "team", "Team of "+r.text(k.Title), map[string]any{"At": at, "Customer": r.text(k.Title), "Members": p.teamOf(v.record),
		"Reach": who, "Share": button{"Share", at + "/team", whyURL("customer", v.record.ID, "share", ""), share},
		"Subjects": others, "Today": midnight(s.clock()).AddDate(0, 0, 1).Format(time.DateOnly)})
}

// teamOf are the team rules that are about a customer, or about its unit.
func (p *policy) teamOf(record *authz.Record) (out []member) {
	for _, r := range p.rulings {
		f, ok := r.Fact.(model.TeamRule)
		if !ok || f.On.Type != "customer" || !f.Valid.Until.IsZero() && !p.now.Before(f.Valid.Until) {
			continue
		}
		if on := f.On; on.ID == record.ID || on.Unit != "" && on.Unit == record.Unit {
			m := memberOf(p.tenant, f.Subject, r)
			m.Text, m.As, m.Until, m.Fixed = "may "+levelWords[f.Level]+" it", f.As, f.Valid.Until, on.ID == ""
			out = append(out, m)
		}
	}
	return out
}

func memberOf(tenant, subject string, r ruling) member {
	m := member{Subject: subject, Name: nameOf(tenant, subject), ID: r.ID, Group: model.KindOf(subject) != model.User, Off: r.Off != nil}
	if who, ok := personOf(tenant, subject); ok {
		m.Colour = who.Colour
	}
	return m
}

// whoReads asks for the people who may read a customer, with the reason of each.
func (s *server) whoReads(v *visit, t teller) (out []reaches, err error) {
	who, err := s.db.az.WhoCan(v.r.Context(), authz.WhoQuery{Tenant: v.me.Tenant, Action: "read", Record: v.record})
	if err != nil {
		return nil, err
	}
	for _, p := range who.People {
		at, _ := personOf(v.me.Tenant, p.User)
		lines := t.decision(authz.Request{User: p.User, Type: "customer"}, authz.Explanation{Decision: p.Decision})
		out = append(out, reaches{nameOf(v.me.Tenant, p.User), at.Colour, lines[min(1, len(lines)):]})
	}
	return out, nil
}

// subjects are those of some kinds to choose from, people by their names.
func (p *policy) subjects(kinds ...model.SubjectKind) (out []choice) {
	seen := map[string]bool{}
	add := func(s string) {
		if !seen[s] && slices.Contains(kinds, model.KindOf(s)) {
			seen[s] = true
			out = append(out, choice{s, nameOf(p.tenant, s)})
		}
	}
	for _, who := range people {
		if who.Tenant == p.tenant {
			add(who.ID)
		}
	}
	for _, m := range facts[model.Membership](p) {
		add(m.Member)
		add(m.Group)
	}
	return out
}

// addToTeam grants a level on a customer, until a day if one is named.
func (s *server) addToTeam(v *visit) error {
	form := v.r.PostForm
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	level, err := model.ParseLevel(form.Get("level"))
	if err != nil || level != model.LevelRead && level != model.LevelWrite || !isChoice(p.subjects(model.User, model.Team), form.Get("who")) {
		return errForm
	}
	until, err := s.ends(form.Get("until"))
	if err != nil {
		return err
	}
	rule := authz.TeamRule{Tenant: v.me.Tenant, Subject: form.Get("who"), On: model.OnRecord("customer", v.record.ID), Level: level,
		As: strings.TrimSpace(form.Get("as")), Valid: model.Period{Until: until}}
	if _, err := model.Encode(rule); err != nil {
		return &pageError{status: http.StatusUnprocessableEntity, title: "This can not be granted", text: "“As” is a short word, such as stand-in."}
	}
	if _, err := s.db.az.Grant(v.r.Context(), v.by("shared by its owner"), rule); err != nil {
		return err
	}
	return v.done(fmt.Sprintf("/customers/%s/team", v.record.ID), "granted")
}

// ends reads the day that something ends on; empty: none.
func (s *server) ends(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || !s.clock().Before(day) || day.Year() > 9000 {
		return time.Time{}, &pageError{status: http.StatusUnprocessableEntity, title: "This would be over already", text: "The end is a day to come."}
	}
	return day, nil
}

func isChoice(of []choice, value string) bool {
	return slices.ContainsFunc(of, func(c choice) bool { return c.Value == value })
}

// removeFromTeam revokes a team rule of this customer, and no other.
func (s *server) removeFromTeam(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	id := v.r.PathValue("id")
	r, ok := p.ruling(v.r.PostForm.Get("rule"))
	rule, is := r.Fact.(model.TeamRule)
	if !ok || !is || rule.On.Type != "customer" || rule.On.ID != id {
		return errForm
	}
	if _, err := s.db.az.Revoke(v.r.Context(), v.by("no longer on the team"), rule); err != nil {
		return err
	}
	return v.done("/customers/"+id+"/team", "revoked")
}

// group is a team, role or unit with who is in it.
type group struct {
	ID, Name, Kind string
	Members        []member
}

// teams shows who is in which team, role and unit.
func (s *server) teams(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	var groups []group
	for _, kind := range []model.SubjectKind{model.Team, model.Role, model.Unit} {
		for _, c := range p.subjects(kind) {
			groups = append(groups, group{c.Value, c.Label, kind.String(), p.membersOf(c.Value)})
		}
	}
	var lines []string
	t := teller{tenant: v.me.Tenant}
	for _, e := range facts[model.OrgEdge](p) {
		lines = append(lines, t.fact(e))
	}
	return s.render(v, "teams", "Teams", map[string]any{"Groups": groups, "Lines": lines, "Subjects": p.subjects(model.User),
		"Into": p.subjects(model.Team, model.Role, model.Unit), "Change": v.may("change", "directory"), "Why": whyURL("directory", "", "change", ""),
		"Today": midnight(s.clock()).AddDate(0, 0, 1).Format(time.DateOnly)})
}

func (p *policy) membersOf(group string) (out []member) {
	for _, r := range p.rulings {
		f, ok := r.Fact.(model.Membership)
		if !ok || f.Group != group || !f.Valid.Until.IsZero() && !p.now.Before(f.Valid.Until) {
			continue
		}
		m := memberOf(p.tenant, f.Member, r)
		m.Until, m.Fixed = f.Valid.Until, r.Base
		out = append(out, m)
	}
	return out
}

// addMember puts somebody into a team, role or unit.
func (s *server) addMember(v *visit) error {
	form := v.r.PostForm
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	until, err := s.ends(form.Get("until"))
	if err != nil {
		return err
	}
	if !isChoice(p.subjects(model.User), form.Get("who")) || !isChoice(p.subjects(model.Team, model.Role, model.Unit), form.Get("group")) {
		return errForm
	}
	m := authz.Membership{Tenant: v.me.Tenant, Member: form.Get("who"), Group: form.Get("group"), Valid: model.Period{Until: until}}
	if _, err := s.db.az.Grant(v.r.Context(), v.by("joined"), m); err != nil {
		return err
	}
	return v.done("/teams", "granted")
}

// removeMember takes somebody out of a team, role or unit.
func (s *server) removeMember(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	r, ok := p.ruling(v.r.PostForm.Get("rule"))
	m, is := r.Fact.(model.Membership)
	if !ok || !is || r.Base {
		return errForm
	}
	if err := s.keepsAdministrator(v, r.ID); err != nil {
		return err
	}
	if _, err := s.db.az.Revoke(v.r.Context(), v.by("left"), m); err != nil {
		return err
	}
	return v.done("/teams", "revoked")
}
