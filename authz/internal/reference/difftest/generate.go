package difftest

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// The alphabets are small, so that rules meet.
var (
	users     = []string{"user:ann", "user:bob", "user:cyd", "user:dan", "user:eve"}
	roles     = []string{"role:a", "role:b", "role:c"}
	teams     = []string{"team:x", "team:y", "team:z"}
	units     = []string{"unit:a", "unit:b", "unit:c", "unit:d"}
	ids       = []string{"1", "2"}
	networks  = []string{"net:10.0.0.0/8", "net:2001:db8::/32", "net:10.1.0.0/16"}
	addresses = []netip.Addr{{}, netip.MustParseAddr("10.2.0.1"), netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::ffff:10.1.0.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}
	now       = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	borders   = []time.Time{now.Add(-time.Hour), now, now.Add(time.Hour)}
)

// questions is how many a case asks.
const questions = 32

// Generate makes the case of a seed, always the same.
func Generate(seed uint64) Case {
	d := newDice(seed, 0)
	s := schemaOf(seed)
	g := &generator{dice: d, schema: s.schema}
	g.policy()
	c := Case{Seed: seed, Schema: s.schema, Conditions: s.conditions, Tenant: tenant, Lines: g.lines, BaseLines: g.base}
	instants := []time.Time{now, pick(d, now.Add(-time.Hour), now.Add(-time.Second), now.Add(time.Hour-time.Nanosecond), now.Add(time.Hour))}
	for range questions {
		at := instants[0]
		if d.chance(25) {
			at = instants[1]
		}
		c.Questions = append(c.Questions, g.question(at))
	}
	return c
}

type generator struct {
	dice
	schema *model.Schema
	lines  []model.Line
	base   []model.Line
}

// add adds a fact to its policy, once.
func (g *generator) add(f model.Fact) {
	l, err := model.Encode(f)
	if err != nil {
		panic(err) // a mistake in this package
	}
	to := &g.lines
	if l.Tenant() == model.Base {
		to = &g.base
	}
	if !slices.Contains(*to, l) {
		*to = append(*to, l)
	}
}

func (g *generator) policy() {
	g.memberships()
	g.orgEdges()
	for range g.between(4, 10) {
		g.add(g.customerRule(tenant))
	}
	for range g.between(0, 3) {
		g.add(g.customerRule(model.Base))
	}
	for range g.between(1, 6) {
		g.add(g.teamRule())
	}
	if g.chance(50) {
		g.holder()
	}
	for range g.between(1, 4) {
		g.add(g.fieldRule(tenant))
	}
	for range g.between(0, 2) {
		g.add(g.fieldRule(model.Base))
	}
	if g.chance(1) {
		g.deepChain()
	}
	for range g.between(0, 2) {
		g.add(g.switchOff())
	}
	if g.chance(15) {
		g.add(g.targetSwitch())
	}
	if g.chance(5) {
		g.add(g.tenantSwitch())
	}
}

// targetSwitch is one of a type, a unit's records, a record or a field.
func (g *generator) targetSwitch() model.Switch {
	s := model.Switch{Tenant: tenant, Target: g.target(tenant, false).String(), Mode: pick(g.dice, model.ModeOff, model.ModeReadOnly), Valid: g.period(35), Except: g.exceptions()}
	if s.Target == model.Any || g.chance(40) {
		t := g.target(tenant, true)
		if t.Field = model.Any; g.chance(75) {
			t.Field = pick(g.dice, names(g.schema.Types[t.Type].Fields)...)
		}
		s.Target = t.String()
	}
	return s
}

// tenantSwitch is one of the tenant; one that opens it has an end.
func (g *generator) tenantSwitch() model.Switch {
	s := model.Switch{Tenant: tenant, Target: model.Any, Mode: pick(g.dice, model.ModeLocked, model.ModeReadOnly, model.ModeOpen, model.ModeOpen), Valid: g.period(70)}
	terms := g.exceptions().Terms()
	if s.Mode == model.ModeOpen {
		if s.Valid.Until.IsZero() {
			s.Valid.Until = s.Valid.From.Add(time.Hour)
			if s.Valid.From.IsZero() {
				s.Valid.Until = borders[2]
			}
		}
		if typ := pick(g.dice, names(g.schema.Types)...); g.chance(50) && len(g.schema.Types[typ].Fields) > 0 {
			terms = append(terms, model.OnField(typ, pick(g.dice, names(g.schema.Types[typ].Fields)...)).String())
		}
	}
	s.Except = except(terms)
	return s
}

// exceptions are some people and networks, mostly none.
func (g *generator) exceptions() model.Exceptions {
	var terms []string
	if g.chance(30) {
		terms = append(terms, pick(g.dice, slices.Concat(users, roles, teams)...))
	}
	if g.chance(20) {
		terms = append(terms, pick(g.dice, networks...))
	}
	return except(terms)
}

func except(terms []string) model.Exceptions {
	e, err := model.Except(terms...)
	if err != nil {
		panic(err) // a mistake in this package
	}
	return e
}

// period is that of so many of 100 facts that have a bound.
func (g *generator) period(percent int) (p model.Period) {
	if !g.chance(percent) {
		return p
	}
	from, until := g.IntN(len(borders)), g.IntN(len(borders))
	if from < until || g.chance(50) {
		p.From = borders[from]
	}
	if from < until || p.From.IsZero() {
		p.Until = borders[until]
	}
	return p
}

func (g *generator) condition(percent int) string {
	if !g.chance(percent) {
		return ""
	}
	return pick(g.dice, names(g.schema.Conditions)...)
}

// subject is one of a rule.
func (g *generator) subject(tenant string) string {
	if tenant == model.Base {
		return pick(g.dice, append([]string{model.Everyone}, roles...)...)
	}
	return pick(g.dice, pickWeighted(g.dice,
		weighted[[]string]{3, []string{model.Everyone}}, weighted[[]string]{2, users}, weighted[[]string]{5, roles},
		weighted[[]string]{2, teams}, weighted[[]string]{2, units})...)
}

// target is one of a rule; of a field rule, without a unit.
func (g *generator) target(tenant string, field bool) model.Target {
	types := names(g.schema.Types)
	if field { // permissions have none
		types = slices.DeleteFunc(types, func(name string) bool { return len(g.schema.Types[name].Fields) == 0 })
	}
	t := model.OnType(pick(g.dice, types...))
	if tenant == model.Base {
		if !field && g.chance(25) {
			t.Type = model.Any
		}
		return t
	}
	switch n := g.IntN(100); {
	case n < 20:
		t.ID = pick(g.dice, ids...)
	case n < 35 && !field:
		t.Unit = pick(g.dice, units...)
	}
	if !field && t.ID == "" && g.chance(20) {
		t.Type = model.Any
	}
	return t
}

func (g *generator) customerRule(tenant string) model.CustomerRule {
	r := model.CustomerRule{
		Tenant: tenant, Subject: g.subject(tenant), On: g.target(tenant, false), Action: model.Any, Effect: model.Allow,
		If: g.condition(20), Valid: g.period(8),
	}
	if of := r.On.Type; g.chance(60) {
		if of == model.Any {
			of = pick(g.dice, names(g.schema.Types)...)
		}
		r.Action = pick(g.dice, names(g.schema.Types[of].Actions)...)
	}
	if g.chance(13) {
		r.Effect = model.Deny
	}
	if r.On.ID == "" && g.chance(60) {
		r.Scope = pick(g.dice, model.ScopeOwn, model.ScopeTeam, model.ScopeUnit, model.ScopeUnitTree, model.ScopeAll, model.ScopeAll)
	}
	return r
}

func (g *generator) teamRule() model.TeamRule {
	return model.TeamRule{
		Tenant: tenant, Subject: g.subject(tenant), On: g.target(tenant, false),
		Level: pick(g.dice, model.LevelRead, model.LevelRead, model.LevelWrite, model.LevelDelete, model.LevelFull),
		As:    pick(g.dice, "", "support", "lead"), If: g.condition(20), Valid: g.period(10),
	}
}

// holder gives somebody who has a superior a level of one record of a type that
// counts holders, and everyone a rule that their level decides.
func (g *generator) holder() {
	types := slices.DeleteFunc(names(g.schema.Types), func(name string) bool { return !g.schema.Types[name].Hierarchy.Holders })
	low := slices.DeleteFunc(slices.Clone(users), func(u string) bool { return g.near(u, true) == u })
	if len(types) == 0 || len(low) == 0 {
		return
	}
	typ := pick(g.dice, types...)
	g.add(model.TeamRule{
		Tenant: tenant, Subject: pick(g.dice, low...), On: model.OnRecord(typ, pick(g.dice, ids...)),
		Level: pick(g.dice, model.LevelWrite, model.LevelFull), If: g.condition(10), Valid: g.period(10),
	})
	g.add(model.CustomerRule{Tenant: tenant, Subject: model.Everyone, On: model.OnType(typ), Action: model.Any, Effect: model.Allow})
}

func (g *generator) fieldRule(tenant string) model.FieldRule {
	r := model.FieldRule{
		Tenant: tenant, Subject: g.subject(tenant), On: g.target(tenant, true), Level: pick(g.dice, model.FieldMasked, model.FieldRead, model.FieldWrite),
		Effect: pick(g.dice, model.Allow, model.Allow, model.Deny), If: g.condition(25), Valid: g.period(10),
	}
	if r.On.Field = model.Any; g.chance(75) {
		r.On.Field = pick(g.dice, names(g.schema.Types[r.On.Type].Fields)...)
	}
	return r
}

func (g *generator) memberships() {
	member := func(tenant, member, group string) {
		g.add(model.Membership{Tenant: tenant, Member: member, Group: group, Valid: g.period(8)})
	}
	for _, u := range users {
		for range g.between(1, 3) {
			member(tenant, u, pick(g.dice, pick(g.dice, roles, roles, teams, units, units)...))
		}
	}
	for range g.between(0, 2) { // teams in teams, roles and units
		i := g.IntN(len(teams))
		member(tenant, teams[i], g.other(pick(g.dice, teams, teams, roles, units), teams[i], i))
	}
	for range g.between(0, 2) { // roles in roles, of the tenant and of the base policy
		i := g.IntN(len(roles))
		member(pick(g.dice, tenant, model.Base), roles[i], g.other(roles, roles[i], i))
	}
}

func (g *generator) orgEdges() {
	for range g.between(2, 5) {
		i := g.IntN(len(users))
		g.add(model.OrgEdge{Tenant: tenant, Below: users[i], Above: g.other(users, users[i], i)})
	}
	for range g.between(2, 4) {
		i := g.IntN(len(units))
		g.add(model.OrgEdge{Tenant: tenant, Below: units[i], Above: g.other(units, units[i], i)})
	}
}

// other is another of some names, mostly one behind the place i, so that there
// are few cycles.
func (g *generator) other(of []string, than string, i int) string {
	if i+1 < len(of) && g.chance(93) {
		of = of[i+1:]
	}
	for {
		if n := pick(g.dice, of...); n != than {
			return n
		}
	}
}

func (g *generator) switchOff() model.Switch {
	s := model.Switch{Tenant: tenant, Mode: model.ModeOff, Valid: g.period(35)}
	lines := slices.Concat(g.lines, g.base)
	switch n := g.IntN(100); {
	case n < 20:
		if s.Target = pick(g.dice, users...); g.chance(30) {
			s.Except = except([]string{pick(g.dice, networks...)})
		}
	case n < 50:
		s.Target = pick(g.dice, pick(g.dice, roles, teams, units)...)
	case n < 70 && len(g.base) > 0:
		s.Target = pick(g.dice, g.base...).RuleID()
	default:
		s.Target = pick(g.dice, lines...).RuleID()
	}
	if model.KindOf(s.Target) != model.User && g.chance(40) {
		s.Except = except(slices.DeleteFunc(g.exceptions().Terms(), func(t string) bool { return t == s.Target }))
	}
	return s
}

// deepChain adds a chain of as many memberships or org edges as are followed,
// or one more or less, from somebody to somebody's group or superior.
func (g *generator) deepChain() {
	chain := pick(g.dice, []string{"role:", users[0], roles[2]}, []string{"team:", users[0], teams[2]},
		[]string{"user:", users[0], users[4]}, []string{"unit:", units[0], units[3]})
	last, n := chain[1], g.between(model.MaxDepth-1, model.MaxDepth+1)
	for i := 1; i <= n; i++ {
		next := fmt.Sprintf("%schain%d", chain[0], i)
		if i == n {
			next = chain[2]
		}
		if k := model.KindOf(chain[0] + "x"); k == model.User || k == model.Unit {
			g.add(model.OrgEdge{Tenant: tenant, Below: last, Above: next})
		} else {
			g.add(model.Membership{Tenant: tenant, Member: last, Group: next})
		}
		last = next
	}
}
