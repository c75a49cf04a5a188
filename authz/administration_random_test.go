package authz_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

var (
	sequences    = flag.Int("admin.sequences", 400, "how many sequences of changes by random actors are tried")
	sequenceSeed = flag.Uint64("admin.seed", 1, "the seed of the first sequence")
)

// The world of the sequences: few names, so that they meet.
var (
	rUsers  = []string{"user:adm", "user:a", "user:b", "user:c", "user:d", "user:new"}
	rRoles  = []string{"role:r", "role:s", "role:t"}
	rTeam   = "team:t"
	rUnits  = []string{"", "unit:x", "unit:y"} // y is below x, from the start or never
	rDocs   = []string{"1", "2", ""}           // "" stands for every other document
	rOwner  = map[string]string{"1": "user:a", "2": "team:t"}
	rFields = []string{"secret", "name"} // closed, and open
	rDo     = []string{"read", "write"}
	rVerbs  = []string{"grant", "revoke", "disable", "enable", "exceed", "administer"}
	// What permissions are about; "" stands for everything else.
	rAbout = []string{"role:r", "role:s", "role:t", "team:t", "doc", "permission", "user:a", "%2A", ""}
	rStart = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
)

func rSchema() *model.Schema {
	return &model.Schema{
		Types: map[string]model.Type{"doc": {
			Actions:   map[string]model.Action{"read": {Need: model.LevelRead}, "write": {Need: model.LevelWrite}},
			Fields:    map[string]model.Field{"secret": {}, "name": {Default: model.FieldWrite}},
			Hierarchy: model.Hierarchy{By: model.ByLine, Level: model.LevelFull, Holders: true},
		}},
		Constraints:    []model.Constraint{{Name: "apart", Exclusive: []string{"role:s", "role:t"}}},
		Administration: &model.Administration{},
	}
}

// rights is what somebody has at an instant, as plain numbers: for each thing and action the scopes that a rule gives, each
// a bit, and for each document the levels.
type rights struct {
	doc    [3][2]uint8
	admin  [9][3][6]uint8 // what about, in which unit, verb
	level  [3]model.Level
	field  [3][2]model.FieldLevel
	inTeam bool
}

const (
	bitOne   = 1 << iota // by a rule on the one record
	bitLevel             // as far as the level reaches
	bitOwn
	bitAll
)

// beyond are the scopes that neither was there before nor are held: who may do it to the very thing, holds them all.
func beyond(now, before, held uint8) uint8 {
	if held&bitOne != 0 {
		return 0
	}
	return now &^ before &^ held
}

// exceeds tells whether one has something that the other has not.
func (r *rights) exceeds(before, held *rights) string {
	for i := range r.doc {
		for j := range r.doc[i] {
			if more := beyond(r.doc[i][j], before.doc[i][j], held.doc[i][j]); more != 0 {
				return fmt.Sprintf("doc/%s %s %b", rDocs[i], rDo[j], more)
			}
		}
		if r.level[i] > before.level[i] && r.level[i] > held.level[i] {
			return fmt.Sprintf("level %v of doc/%s", r.level[i], rDocs[i])
		}
		for j := range r.field[i] {
			if r.field[i][j] > before.field[i][j] && r.field[i][j] > held.field[i][j] {
				return fmt.Sprintf("field level %v of doc/%s#%s", r.field[i][j], rDocs[i], rFields[j])
			}
		}
	}
	for i := range r.admin {
		for j := range r.admin[i] {
			for k := range r.admin[i][j] {
				if more := beyond(r.admin[i][j][k], before.admin[i][j][k], held.admin[i][j][k]); more != 0 {
					return fmt.Sprintf("%s of permission/%s in %q %b", rVerbs[k], rAbout[i], rUnits[j], more)
				}
			}
		}
	}
	if r.inTeam && !before.inTeam && !held.inTeam {
		return "being in the team"
	}
	return ""
}

// naive is a policy as a list of facts, looked through again for every question.
type naive []model.Fact

func (p naive) off(target string, at time.Time) bool {
	for _, f := range p {
		if s, ok := f.(model.Switch); ok && s.Target == target && s.Valid.Holds(at) {
			return true
		}
	}
	return false
}

func (p naive) switches() bool {
	return slices.ContainsFunc(p, func(f model.Fact) bool { return f.Section() == model.Switches })
}

// inForce tells whether a rule or membership is.
func (p naive) inForce(f model.Fact, valid model.Period, at time.Time) bool {
	return valid.Holds(at) && !(p.switches() && p.off(model.RuleID(f), at))
}

// groups are a subject's, itself and everyone among them. Without switches, if ever.
func (p naive) groups(who string, at time.Time, ever bool) []string {
	found := []string{who, model.Everyone}
	for changed := true; changed; {
		changed = false
		for _, f := range p {
			m, ok := f.(model.Membership)
			if !ok || !slices.Contains(found, m.Member) || slices.Contains(found, m.Group) || !m.Valid.Holds(at) {
				continue
			}
			if !ever && (!p.inForce(m, m.Valid, at) || p.off(m.Group, at) || !strings.HasPrefix(m.Member, "user:") && p.off(m.Member, at)) {
				continue
			}
			found, changed = append(found, m.Group), true
		}
	}
	return found
}

// below are the users from whom org edges lead to one.
func (p naive) below(who string) []string {
	found := []string{who}
	for i := 0; i < len(found); i++ {
		for _, f := range p {
			if e, ok := f.(model.OrgEdge); ok && e.Above == found[i] && !slices.Contains(found, e.Below) {
				found = append(found, e.Below)
			}
		}
	}
	return found[1:]
}

func (p naive) unitBelow(unit, top string) bool {
	return unit == top || unit == "unit:y" && top == "unit:x" && slices.Contains(p, model.Fact(model.OrgEdge{Tenant: "acme", Below: "unit:y", Above: "unit:x"}))
}

// matches tells whether a rule is on a thing of a type.
func (p naive) matches(on model.Target, typ, id, unit string) bool {
	return (on.Type == typ || on.Type == model.Any) && (on.ID == "" || on.ID == id) && (on.Unit == "" || unit != "" && p.unitBelow(unit, on.Unit))
}

func bitsOf(r model.CustomerRule) uint8 {
	switch {
	case r.On.ID != "":
		return bitOne
	case r.Scope == model.ScopeAll:
		return bitAll | bitOwn | bitLevel | bitOne
	case r.Scope == model.ScopeOwn:
		return bitOwn
	}
	return bitLevel
}

// of works out what a user has at an instant. combined: with what rules and levels come to together.
func (p naive) of(who string, at time.Time, combined bool) (r rights) {
	if p.off(who, at) || p.bothOf(who, at, false) {
		return rights{}
	}
	in := p.groups(who, at, false)
	r.inTeam = slices.Contains(in, rTeam)
	denies := p.allowed(&r, in, at)
	for i := range rDocs {
		r.field[i][1] = model.FieldWrite
		r.level[i] = p.levelOf(who, in, i, at)
	}
	if combined {
		r.combine()
	}
	for _, d := range denies {
		p.forbid(&r, d, in)
	}
	p.cap(&r, in, at)
	if p.off("doc", at) {
		r.doc, r.level, r.field = [3][2]uint8{}, [3]model.Level{}, [3][2]model.FieldLevel{}
	}
	return r
}

// forbid takes away what a rule forbids somebody: all that it is on, or what she owns of it.
func (p naive) forbid(r *rights, d model.CustomerRule, in []string) {
	var owned []*uint8
	for i := range rDocs {
		if p.owns(in, i) {
			owned = append(owned, &r.doc[i][0], &r.doc[i][1])
		}
	}
	p.each(r, d, func(cell *uint8) {
		*cell &^= bitOwn
		if d.Scope != model.ScopeOwn || slices.Contains(owned, cell) {
			*cell = 0
		}
	})
}

// allowed puts together what the allowing rules for subjects give, and returns those that forbid.
func (p naive) allowed(r *rights, in []string, at time.Time) (denies []model.CustomerRule) {
	for _, f := range p {
		switch f := f.(type) {
		case model.CustomerRule:
			switch {
			case !slices.Contains(in, f.Subject) || !p.inForce(f, f.Valid, at):
			case f.Effect == model.Deny:
				denies = append(denies, f)
			default:
				p.each(r, f, func(cell *uint8) { *cell |= bitsOf(f) })
			}
		case model.FieldRule:
			for i, id := range rDocs {
				if slices.Contains(in, f.Subject) && p.inForce(f, f.Valid, at) && f.Effect == model.Allow && p.matches(f.On, "doc", id, "") {
					at := &r.field[i][slices.Index(rFields, f.On.Field)]
					*at = max(*at, f.Level)
				}
			}
		}
	}
	return denies
}

// combine adds what rules and levels come to together.
func (r *rights) combine() {
	for i, id := range rDocs {
		for j, need := range []model.Level{model.LevelRead, model.LevelWrite} {
			if id != "" && r.doc[i][j]&bitLevel != 0 && r.level[i] >= need {
				r.doc[i][j] |= bitOne
			}
		}
	}
}

// cap takes away what denying field rules for subjects do.
func (p naive) cap(r *rights, in []string, at time.Time) {
	for _, f := range p {
		if f, ok := f.(model.FieldRule); ok && f.Effect == model.Deny && slices.Contains(in, f.Subject) && p.inForce(f, f.Valid, at) {
			for i, id := range rDocs {
				if at := &r.field[i][slices.Index(rFields, f.On.Field)]; p.matches(f.On, "doc", id, "") && *at >= f.Level {
					*at = f.Level - 1
				}
			}
		}
	}
}

// each finds what a customer rule is on.
func (p naive) each(r *rights, f model.CustomerRule, do func(*uint8)) {
	for i, id := range rDocs {
		for j, a := range rDo {
			if p.matches(f.On, "doc", id, "") && (f.Action == a || f.Action == model.Any) {
				do(&r.doc[i][j])
			}
		}
	}
	for i, about := range rAbout {
		for j, unit := range rUnits {
			for k, verb := range rVerbs {
				if p.matches(f.On, "permission", about, unit) && (f.Action == verb || f.Action == model.Any) {
					do(&r.admin[i][j][k])
				}
			}
		}
	}
}

func (p naive) owns(in []string, doc int) bool {
	return rOwner[rDocs[doc]] != "" && slices.Contains(in, rOwner[rDocs[doc]])
}

func (p naive) levelOf(who string, in []string, doc int, at time.Time) (best model.Level) {
	if p.owns(in, doc) {
		best = model.LevelFull
	}
	for _, f := range p {
		if f, ok := f.(model.TeamRule); ok && slices.Contains(in, f.Subject) && p.inForce(f, f.Valid, at) && p.matches(f.On, "doc", rDocs[doc], "") {
			best = max(best, f.Level)
		}
	}
	for _, x := range p.below(who) {
		their := p.groups(x, at, false)
		if p.owns(their, doc) {
			best = model.LevelFull
		}
		for _, f := range p {
			if f, ok := f.(model.TeamRule); ok && f.On.ID != "" && f.On.ID == rDocs[doc] && f.Subject != model.Everyone && slices.Contains(their, f.Subject) && p.inForce(f, f.Valid, at) {
				best = max(best, f.Level)
			}
		}
	}
	return best
}

// bothOf tells whether somebody is in the two roles that exclude each other.
func (p naive) bothOf(who string, at time.Time, ever bool) bool {
	in := p.groups(who, at, ever)
	return slices.Contains(in, "role:s") && slices.Contains(in, "role:t")
}

// may tells whether somebody may do to a fact what a verb says: in all units that it concerns.
func (p naive) may(who, verb string, f model.Fact, at time.Time) bool {
	about, subjects, doc := p.about(f)
	var units []string
	for i, s := range subjects {
		in := p.unitsOf(s, f, at)
		placed := f.Section() == model.Memberships || f.Section() == model.OrgEdges
		if i == 0 && len(subjects) == 2 && len(in) == 0 && placed && !slices.Contains(p, f) && p.knows(s) {
			in = []string{""} // nobody is taken out of where no unit is
		}
		units = append(units, in...)
	}
	if len(units) == 0 {
		units = []string{""}
	}
	i := slices.Index(rAbout, about)
	if i < 0 {
		i = len(rAbout) - 1
	}
	has := p.of(who, at, false)
	locked := p.off(model.Any, at)
	for _, u := range units {
		cells := has.admin[i][slices.Index(rUnits, u)]
		allows := func(verb string) bool {
			mine := doc >= 0 && p.owns(p.groups(who, at, false), doc)
			cell := cells[slices.Index(rVerbs, verb)]
			return cell&(bitOne|bitAll) != 0 || mine && cell&(bitOwn|bitLevel) != 0
		}
		if locked && !allows("administer") || p.forbids(who, verb, about, u, at) || !allows(verb) && !allows("administer") {
			return false
		}
	}
	return true
}

// unitsOf are the units that a subject is in at any time of a fact that is to come; if none is, at any time.
func (p naive) unitsOf(who string, of model.Fact, now time.Time) (units []string) {
	valid := validOf(of)
	if !valid.Until.IsZero() && !valid.Until.After(now) {
		valid = model.Period{}
	}
	found := []string{who}
	for i := 0; i < len(found); i++ {
		if strings.HasPrefix(found[i], "unit:") {
			units = append(units, found[i])
		}
		for _, f := range p {
			m, ok := f.(model.Membership)
			both := slices.MaxFunc([]time.Time{now, valid.From, m.Valid.From}, time.Time.Compare)
			if ok && m.Member == found[i] && valid.Holds(both) && m.Valid.Holds(both) && !slices.Contains(found, m.Group) {
				found = append(found, m.Group)
			}
		}
	}
	return units
}

func validOf(f model.Fact) model.Period {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Valid
	case model.TeamRule:
		return f.Valid
	case model.FieldRule:
		return f.Valid
	case model.Membership:
		return f.Valid
	case model.Switch:
		return f.Valid
	}
	return model.Period{}
}

// knows tells whether there is a fact of a subject.
func (p naive) knows(who string) bool {
	return slices.ContainsFunc(p, func(f model.Fact) bool {
		switch f := f.(type) {
		case model.CustomerRule:
			return f.Subject == who
		case model.TeamRule:
			return f.Subject == who
		case model.FieldRule:
			return f.Subject == who
		case model.Membership:
			return f.Member == who || f.Group == who
		case model.OrgEdge:
			return f.Below == who || f.Above == who
		case model.Switch:
			return f.Target == who
		}
		return false
	})
}

// about is what a fact is about, whom it concerns, and which document's owner may share it; -1: none.
func (p naive) about(f model.Fact) (about string, subjects []string, doc int) {
	doc = -1
	on := func(t model.Target) {
		about, doc = t.Type, slices.Index(rDocs[:2], t.ID)
		if t.Type == model.Any {
			about, doc = "%2A", -1
		}
		if t.Type != "doc" {
			doc = -1
		}
	}
	if s, ok := f.(model.Switch); ok && model.IsRuleID(s.Target) {
		for _, of := range p {
			if of.Section() != model.Switches && of.Section() != model.OrgEdges && model.RuleID(of) == s.Target {
				f = of
			}
		}
	}
	switch f := f.(type) {
	case model.CustomerRule:
		on(f.On)
		subjects = []string{f.Subject}
	case model.TeamRule:
		on(f.On)
		subjects = []string{f.Subject}
	case model.FieldRule:
		on(f.On)
		subjects = []string{f.Subject}
	case model.Membership:
		about, subjects = f.Group, []string{f.Member}
		if strings.HasPrefix(f.Group, "unit:") {
			subjects = append(subjects, f.Group)
		}
	case model.OrgEdge:
		about, subjects = f.Above, []string{f.Below, f.Above}
	case model.Switch:
		about, subjects = f.Target, []string{f.Target}
		if f.Target == model.Any {
			about = "%2A"
		}
	}
	return about, subjects, doc
}

// forbids tells whether a rule forbids a verb: then being an administrator does not help.
func (p naive) forbids(who, verb, about, unit string, at time.Time) bool {
	in := p.groups(who, at, false)
	return slices.ContainsFunc(p, func(f model.Fact) bool {
		r, ok := f.(model.CustomerRule)
		return ok && r.Effect == model.Deny && slices.Contains(in, r.Subject) && (r.Action == verb || r.Action == model.Any) && p.inForce(r, r.Valid, at) &&
			p.matches(r.On, "permission", about, unit)
	})
}

func (p naive) administered(at time.Time) bool {
	return slices.ContainsFunc(rUsers, func(u string) bool {
		r := p.of(u, at, false)
		return r.admin[slices.Index(rAbout, "%2A")][0][5]&(bitOne|bitAll) != 0
	})
}

// sequence is one sequence of changes.
type sequence struct {
	*rand.Rand
	t      *testing.T
	seed   uint64
	az     *authz.Authorizer
	now    time.Time
	policy naive
	said   []string
	old    []*authz.Backup
}

func one[T any](s *sequence, of ...T) T { return of[s.IntN(len(of))] }

func (s *sequence) period() (v model.Period) {
	at := func(hours int) time.Time { return rStart.Add(time.Duration(hours) * time.Hour) }
	switch s.IntN(6) {
	case 0:
		v.Until = at(1 + s.IntN(3))
	case 1:
		v.From = at(1 + s.IntN(3))
	case 2:
		v = model.Period{From: at(1), Until: at(2 + s.IntN(2))}
	}
	return v
}

func (s *sequence) subject() string {
	return one(s, one(s, rUsers...), one(s, rRoles...), one(s, rRoles...), rTeam, model.Everyone)
}

// permissionRule is a rule about who may administer.
func (s *sequence) permissionRule() model.Fact {
	f := model.CustomerRule{Tenant: "acme", Subject: s.subject(), On: model.OnType("permission"), Action: one(s, append(rVerbs, "grant", "revoke", "*")...), Effect: model.Allow, Valid: s.period()}
	switch s.IntN(4) {
	case 0:
		f.Scope = model.ScopeAll
	case 1:
		f.Scope = one(s, model.ScopeOwn, model.ScopeLevel)
	case 2:
		f.On.ID = one(s, rAbout[:8]...)
	case 3:
		f.Scope, f.On.Unit = model.ScopeAll, one(s, rUnits[1:]...)
	}
	if s.IntN(6) == 0 {
		f.Effect, f.Scope = model.Deny, model.ScopeLevel
	}
	return f
}

// fact is any fact, but for a switch.
func (s *sequence) fact() model.Fact {
	switch s.IntN(12) {
	case 0, 1, 2:
		group := one(s, one(s, rRoles...), one(s, rRoles...), one(s, rRoles...), rTeam, one(s, rUnits[1:]...))
		member := one(s, one(s, rUsers...), one(s, rUsers...), one(s, rRoles...), rTeam)
		if member == group || strings.HasPrefix(member, "role:") && !strings.HasPrefix(group, "role:") {
			member = one(s, rUsers...)
		}
		return model.Membership{Tenant: "acme", Member: member, Group: group, Valid: s.period()}
	case 3:
		if s.IntN(4) == 0 {
			return model.OrgEdge{Tenant: "acme", Below: "unit:y", Above: "unit:x"}
		}
		i := s.IntN(len(rUsers) - 1)
		return model.OrgEdge{Tenant: "acme", Below: rUsers[i], Above: rUsers[i+1+s.IntN(len(rUsers)-1-i)]}
	case 4, 5:
		f := model.TeamRule{Tenant: "acme", Subject: s.subject(), On: model.OnType("doc"), Level: one(s, model.LevelRead, model.LevelWrite, model.LevelFull), Valid: s.period()}
		if s.IntN(3) > 0 {
			f.On.ID = one(s, rDocs[:2]...)
		}
		return f
	case 6:
		f := model.FieldRule{Tenant: "acme", Subject: s.subject(), On: model.OnField("doc", one(s, "secret", "secret", "name")), Level: one(s, model.FieldMasked, model.FieldRead, model.FieldWrite), Effect: one(s, model.Allow, model.Deny), Valid: s.period()}
		if s.IntN(3) == 0 {
			f.On.ID = one(s, rDocs[:2]...)
		}
		return f
	case 7, 8:
		return s.permissionRule()
	}
	f := model.CustomerRule{Tenant: "acme", Subject: s.subject(), On: model.OnType(one(s, "doc", "doc", "doc", "*")), Action: one(s, "read", "write", "*"), Effect: model.Allow, Scope: one(s, model.ScopeLevel, model.ScopeOwn, model.ScopeAll), Valid: s.period()}
	if f.On.Type == "doc" && s.IntN(3) == 0 {
		f.On.ID, f.Scope = one(s, rDocs[:2]...), model.ScopeLevel
	}
	if s.IntN(4) == 0 {
		f.Effect, f.Scope = model.Deny, model.ScopeLevel
		if f.On.Type == "doc" && f.On.ID == "" && s.IntN(3) == 0 {
			f.Scope = model.ScopeOwn
		}
	}
	return f
}

// concerned is some user whom a rule or membership concerns, or empty.
func (s *sequence) concerned(f model.Fact) string {
	subject := ""
	switch f := f.(type) {
	case model.CustomerRule:
		subject = f.Subject
	case model.TeamRule:
		subject = f.Subject
	case model.FieldRule:
		subject = f.Subject
	case model.Membership:
		subject = f.Group
	}
	in := slices.DeleteFunc(slices.Clone(rUsers[1:]), func(u string) bool { return !slices.Contains(s.policy.groups(u, s.now, false), subject) })
	if len(in) == 0 {
		return ""
	}
	return one(s, in...)
}

// alike is a fact that is one of the policy's but for a part.
func (s *sequence) alike(f model.Fact) model.Fact {
	part, valid := s.IntN(5), s.period()
	switch f := f.(type) {
	case model.CustomerRule:
		switch part {
		case 0:
			f.Valid = valid
		case 1:
			f.Scope = one(s, model.ScopeLevel, model.ScopeOwn, f.Scope)
			if f.On.ID != "" || f.Effect == model.Deny {
				f.Scope = model.ScopeLevel
			}
		}
		f.Subject = s.subject()
		return f
	case model.TeamRule:
		switch part {
		case 0:
			f.Valid = valid
		case 1:
			f.Level = one(s, model.LevelRead, f.Level)
		}
		f.Subject = s.subject()
		return f
	case model.FieldRule:
		if part == 0 {
			f.Valid = valid
		}
		f.Subject = s.subject()
		return f
	case model.Membership:
		if part == 0 {
			f.Valid = valid
		}
		f.Member = one(s, rUsers...)
		return f
	}
	return s.fact()
}

func (s *sequence) toggle() model.Switch {
	f := model.Switch{Tenant: "acme", Target: one(s, one(s, rUsers...), one(s, rRoles...), rTeam, "doc", "*"), Mode: model.ModeOff, Valid: s.period()}
	var rules []model.Fact
	for _, r := range s.policy {
		if r.Section() != model.Switches && r.Section() != model.OrgEdges {
			rules = append(rules, r)
		}
	}
	if len(rules) > 0 && s.IntN(3) == 0 {
		f.Target = model.RuleID(one(s, rules...))
	}
	if f.Target == model.Any {
		f.Mode = model.ModeLocked
	}
	return f
}

// begin makes the policy that a sequence starts with.
func (s *sequence) begin() {
	facts := []model.Fact{model.CustomerRule{Tenant: "acme", Subject: "user:adm", On: model.OnType("permission"), Action: "administer", Effect: model.Allow, Scope: model.ScopeAll}}
	for _, verb := range rVerbs[:4] { // somebody who may not exceed
		facts = append(facts, model.CustomerRule{Tenant: "acme", Subject: one(s, model.Everyone, "role:r", "user:a", "user:b"), On: model.OnType("permission"), Action: verb, Effect: model.Allow, Scope: model.ScopeAll})
	}
	for range 5 + s.IntN(12) {
		facts = append(facts, s.fact())
	}
	for _, f := range facts {
		s.try(authz.Operator("seed", ""), authz.Change{Tenant: "acme", Add: []model.Fact{f}})
	}
}

// step is a random change by a random actor.
func (s *sequence) step() {
	if s.IntN(5) == 0 {
		s.now = s.now.Add(30 * time.Minute)
	}
	by := authz.By(one(s, rUsers...), "")
	if s.IntN(12) == 0 {
		by = authz.Operator("ops", "")
	}
	c := authz.Change{Tenant: "acme"}
	add := func() {
		switch s.IntN(10) {
		case 0, 1:
			c.Add = append(c.Add, s.toggle())
		case 2, 3, 4, 5:
			of := one(s, s.policy...)
			c.Add = append(c.Add, s.alike(of))
			if who := s.concerned(of); who != "" && s.IntN(3) > 0 && strings.HasPrefix(by.Actor, "user:") {
				by.Actor = who
			}
		default:
			c.Add = append(c.Add, s.fact())
		}
	}
	remove := func() {
		if len(s.policy) > 0 {
			c.Remove = append(c.Remove, one(s, s.policy...))
		}
	}
	switch s.IntN(10) {
	case 0:
		add()
		remove()
	case 1:
		add()
		add()
	case 2, 3, 4:
		remove()
	case 5:
		if len(s.old) > 0 {
			s.restore(by, one(s, s.old...))
			return
		}
		b, err := s.az.Backup(s.t.Context(), "acme")
		if err != nil {
			s.t.Fatal(err)
		}
		s.old = append(s.old, b)
		return
	default:
		add()
	}
	s.try(by, c)
}

func (s *sequence) restore(by authz.Author, b *authz.Backup) {
	add, remove, err := s.az.RestoreChanges(s.t.Context(), "acme", b)
	if err != nil {
		s.t.Fatal(err)
	}
	s.judge(by, authz.Change{Tenant: "acme", Add: add, Remove: remove}, func() error {
		_, err := s.az.Restore(s.t.Context(), by, "acme", b)
		return err
	})
}

func (s *sequence) try(by authz.Author, c authz.Change) {
	s.judge(by, c, func() error {
		if len(s.said)%4 != 0 {
			return makeChange(s.t, s.az, by, c)
		}
		_, previewed := s.az.Simulate(s.t.Context(), c, authz.MadeBy(by))
		return refusedAlike(s.t, previewed, makeChange(s.t, s.az, by, c))
	})
}

var counts struct{ bound, made, gave, must, last, exceeds, constrained atomic.Int64 }

// judge makes a change, and holds what came of it to the naive model.
func (s *sequence) judge(by authz.Author, c authz.Change, do func() error) {
	remove := slices.DeleteFunc(slices.Clone(c.Remove), func(f model.Fact) bool { return !slices.Contains(s.policy, f) })
	var add []model.Fact
	for _, f := range c.Add {
		if !slices.Contains(s.policy, f) && !slices.Contains(add, f) {
			add = append(add, f)
		}
	}
	after := naive(slices.Concat(slices.DeleteFunc(slices.Clone(s.policy), func(f model.Fact) bool { return slices.Contains(remove, f) }), add))
	err := do()
	s.said = append(s.said, fmt.Sprintf("%s: %v adds %v, removes %v: %v", s.now.Format(time.TimeOnly), by.Actor, add, remove, err))
	if errors.Is(err, model.ErrCycle) || errors.Is(err, model.ErrMalformed) {
		return
	}
	operator := strings.HasPrefix(by.Actor, "operator:")
	allowed, exceeds, some := true, true, false
	if !operator {
		allowed, exceeds, some = s.allowed(by.Actor, add, remove)
		count(err, allowed && exceeds && len(add)+len(remove) > 0)
	}
	instants := s.instants()
	apart, left := s.stays(after, instants, add)
	if err != nil {
		if apart && left && allowed && exceeds {
			s.fail("it was refused, though all rules let him: " + err.Error())
		}
		return
	}
	switch {
	case !apart:
		s.fail("somebody is in two roles that exclude each other")
	case operator:
	case !allowed:
		s.fail("the rules do not let him")
	case !left:
		s.fail("no administrator is left")
	case !some:
		s.gains(by.Actor, after, instants)
	}
	s.policy = after
}

// instants are now and, of those at which facts begin or end, all that are to come, and one behind them.
func (s *sequence) instants() []time.Time {
	all := []time.Time{s.now}
	for h := 1; h <= 4; h++ {
		if at := rStart.Add(time.Duration(h) * time.Hour); at.After(s.now) {
			all = append(all, at)
		}
	}
	return all
}

// count counts what came of a change by an actor.
func count(err error, must bool) {
	counts.bound.Add(1)
	if err == nil && must {
		counts.must.Add(1)
	}
	for _, k := range []struct {
		of error
		n  *atomic.Int64
	}{{nil, &counts.made}, {authz.ErrLastAdministrator, &counts.last}, {authz.ErrExceeds, &counts.exceeds}, {authz.ErrConstraint, &counts.constrained}} {
		if errors.Is(err, k.of) {
			k.n.Add(1)
		}
	}
}

// allowed tells whether the actor may make each change of a fact, and whether he may exceed in all or some.
func (s *sequence) allowed(actor string, add, remove []model.Fact) (allowed, exceeds, some bool) {
	allowed, exceeds = true, true
	for i, facts := range [][]model.Fact{add, remove} {
		for _, f := range facts {
			verb := []string{"grant", "revoke"}[i]
			if f.Section() == model.Switches {
				verb = []string{"disable", "enable"}[i]
			}
			with := append(slices.Clone(s.policy), add...) // a switch may be of a rule that comes with it
			allowed = allowed && (s.policy.may(actor, verb, f, s.now) || ofAdded(f, add) && naive(with).may(actor, verb, f, s.now))
			may := s.policy.may(actor, "exceed", f, s.now)
			exceeds, some = exceeds && may, some || may
		}
	}
	return allowed, exceeds, some
}

func ofAdded(f model.Fact, add []model.Fact) bool {
	s, ok := f.(model.Switch)
	return ok && slices.ContainsFunc(add, func(f model.Fact) bool {
		return f.Section() != model.Switches && f.Section() != model.OrgEdges && model.RuleID(f) == s.Target
	})
}

// stays tells whether nobody new is in two roles that exclude each other, and administrators are left.
func (s *sequence) stays(after naive, instants []time.Time, add []model.Fact) (apart, left bool) {
	apart, left = true, true
	joins := slices.ContainsFunc(add, func(f model.Fact) bool { return f.Section() == model.Memberships })
	for _, at := range instants {
		for _, u := range slices.Concat(rUsers, rRoles, []string{rTeam}) {
			apart = apart && (!joins || !after.bothOf(u, at, true) || s.policy.bothOf(u, at, true))
		}
		left = left && (after.administered(at) || !s.policy.administered(at))
	}
	return apart, left
}

// gains fails if anybody has more afterwards than before, that the actor did not hold himself.
func (s *sequence) gains(actor string, after naive, instants []time.Time) {
	gave := false
	for _, at := range instants {
		held := s.policy.of(actor, at, true)
		for _, u := range rUsers {
			before, now := s.policy.of(u, at, false), after.of(u, at, false)
			gave = gave || now.exceeds(&before, &rights{}) != ""
			if more := now.exceeds(&before, &held); more != "" {
				s.fail(fmt.Sprintf("%s has more at %s than before, and than %s held: %s", u, at.Format(time.TimeOnly), actor, more))
			}
		}
	}
	if gave {
		counts.gave.Add(1)
	}
}

func (s *sequence) fail(why string) {
	facts := ""
	for _, f := range s.policy {
		facts += "\n    " + f.String()
	}
	s.t.Errorf("seed %d: %s\n  %s\n  before the last change:%s", s.seed, why, strings.Join(s.said, "\n  "), facts)
}

func runSequence(t *testing.T, seed uint64) {
	s := &sequence{Rand: rand.New(rand.NewPCG(seed, 7)), t: t, seed: seed, now: rStart}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.az, err = authz.Open(t.Context(), rSchema(), store, authz.WithClock(func() time.Time { return s.now }), authz.WithResolver(rResolver{}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.az.Close()
	for s.begin(); len(s.said) < 30 && !t.Failed(); {
		s.step()
		if s.IntN(8) == 0 {
			break
		}
	}
}

// No sequence of changes lets an actor end with, or give anybody, more than the administration rules allow: each is held
// to a naive model of sets and loops.
func TestSequencesOfChangesByRandomActors(t *testing.T) {
	var next atomic.Uint64
	var workers sync.WaitGroup
	start := time.Now()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= uint64(*sequences) || t.Failed() {
					return
				}
				runSequence(t, *sequenceSeed+n)
			}
		})
	}
	workers.Wait()
	t.Logf("%d sequences from seed %d in %v: %d changes by actors, %d made (%d gave somebody something that the actor held, %d by who may exceed); refused: %d exceed, %d leave no administrator, %d constrained",
		*sequences, *sequenceSeed, time.Since(start).Round(time.Millisecond), counts.bound.Load(), counts.made.Load(), counts.gave.Load(), counts.must.Load(), counts.exceeds.Load(), counts.last.Load(), counts.constrained.Load())
	if counts.gave.Load() < int64(*sequences)/50 || counts.exceeds.Load() < int64(*sequences)/20 || counts.last.Load() == 0 || counts.constrained.Load() == 0 {
		t.Error("too little came of it")
	}
}

// rResolver knows the owners of the documents.
type rResolver struct{}

func (rResolver) Records(_ context.Context, _ string, refs []authz.Ref) ([]*model.Record, error) {
	records := make([]*model.Record, len(refs))
	for i, r := range refs {
		records[i] = &model.Record{Type: r.Type, ID: r.ID, Owners: []string{rOwner[r.ID]}}
	}
	return records, nil
}
