package authz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Plan is what is to be done when somebody leaves or hands over: a change of the policy, to be previewed and made
// ([Authorizer.Preview], [Authorizer.Apply]), and what lies in the CRM's own database.
type Plan struct {
	// Change is for the revision at which it was planned: if the policy is changed in between, Apply
	// refuses it with ErrMoved, and it is to be planned anew. Without facts there is nothing to change.
	Change Change
	// Owned is the records that the person or team owns, for the CRM to give to others: of each type
	// of the schema. Move them first, or in the same transaction: who reaches them through her, such as her
	// superiors, does not any more when she has left.
	Owned []Owned
}

// Owned is the records of a type that somebody owns.
type Owned struct {
	Type   string
	Tenant string
	Expr   filter.Expr
}

// SQL is the records as a condition of the WHERE clause of a query on the mapping's table, the tenant
// always among it. With an error it is filter.Never.
func (o Owned) SQL(m *filter.Mapping, d filter.Dialect) (filter.Condition, error) {
	c, err := filter.SQL(o.Expr, m, o.Tenant, d)
	return c, failed("owned", o.Tenant, err)
}

// PlanOption is an option of Leaving and HandOver: HandTo, Handing or StayOff.
type PlanOption func(*planning)

// HandTo names who takes over from the person who leaves.
func HandTo(successor string) PlanOption { return func(p *planning) { p.to = successor } }

// Handing chooses which facts are handed over. It is asked of every fact that can be: rules, memberships, org edges
// of who reports to the person, and switches that except her. Without it they are rules and org edges: a role is given
// for a job, and an exception for a reason, not inherited. A rule that forbids had better go with those that allow.
func Handing(choose func(Fact) bool) PlanOption { return func(p *planning) { p.choose = choose } }

// StayOff has who leaves switched off from then on. Without it, rules for everyone concern her as they
// concern every stranger whom the CRM lets ask.
func StayOff() PlanOption { return func(p *planning) { p.staysOff = true } }

// planning is a plan in the making.
type planning struct {
	tenant, from, to string
	leaves, staysOff bool
	choose           func(Fact) bool
	there            map[Fact]bool       // the facts that are about them, org edges and switches
	above            map[string][]string // org edges
	renamed          map[string]string   // the ids of rules that go: those of the successor's, or none
	change           Change
}

// Leaving plans that a person leaves a tenant: all facts that name her are taken away, memberships, rules, org edges, switches, and
// her name among exceptions. Who reports to her reports to her superiors. [HandTo] names a successor, who gets her rules, and to whom
// they report instead; what of a rule was switched off is so for the successor.
//
// A switch that excepts nobody but her excepts nobody any more; one that opens the tenant and names her ends. Planning a second time, when
// it is done, there is nothing to change.
func (a *Authorizer) Leaving(ctx context.Context, tenant, user string, options ...PlanOption) (*Plan, error) {
	p := planning{tenant: tenant, from: user, leaves: true}
	for _, o := range options {
		o(&p)
	}
	plan, err := a.plan(ctx, &p, model.User)
	return plan, failed("leaving", tenant, err)
}

// HandOver plans that a user, role, team or unit hands over to another what it holds: its rules, and who
// reports to a user; with [Handing], others of its facts or fewer. The rest stays. What of a rule was switched off is so
// for whom it goes to.
func (a *Authorizer) HandOver(ctx context.Context, tenant, from, to string, options ...PlanOption) (*Plan, error) {
	p := planning{tenant: tenant, from: from}
	for _, o := range options {
		o(&p)
	}
	p.to, p.staysOff = to, false
	plan, err := a.plan(ctx, &p)
	return plan, failed("hand over", tenant, err)
}

func (a *Authorizer) plan(ctx context.Context, p *planning, kinds ...model.SubjectKind) (*Plan, error) {
	for _, name := range []string{p.from, p.to} {
		if err := model.CheckSubject(name, kinds...); err != nil && (name != "" || !p.leaves || p.from == "") {
			return nil, model.At("plan", "subject", name, err)
		}
	}
	switch {
	case a.closed.Load():
		return nil, ErrClosed
	case p.from == p.to:
		return nil, model.At("plan", "successor", p.to, fmt.Errorf("%w: is the same", model.ErrMalformed))
	case p.tenant == model.Base:
		return nil, model.At("plan", "tenant", p.tenant, model.ErrNotInBase)
	}
	if err := model.CheckTenant(p.tenant); err != nil {
		return nil, model.At("plan", "tenant", p.tenant, err)
	}
	from, err := a.store.Load(ctx, p.tenant)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case from.Revision == 0:
		return nil, unknownTenant(p.tenant)
	}
	p.change = Change{Tenant: p.tenant, Base: from.Revision}
	if err := p.read(from.Lines); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	if err := a.dropOrphans(ctx, &p.change); err != nil {
		return nil, err
	}
	return &Plan{p.change, a.ownedBy(p.tenant, p.from)}, nil
}

// dropOrphans leaves switches of rules that there are no more out of what is to be added.
func (a *Authorizer) dropOrphans(ctx context.Context, c *Change) (err error) {
	_, add, err := a.encode(*c)
	if err != nil {
		return err
	}
	c.Add = slices.DeleteFunc(c.Add, func(f Fact) bool {
		s, ok := f.(model.Switch)
		if !ok || !model.IsRuleID(s.Target) || err != nil {
			return false
		}
		switch found := a.findRule(ctx, c.Tenant, s.Target, add); {
		case errors.Is(found, ErrNoSuchRule):
			return true
		default:
			err = found
			return false
		}
	})
	return err
}

// ownedBy is the records that a user or team owns; nobody else owns any.
func (a *Authorizer) ownedBy(tenant, owner string) (all []Owned) {
	if kind := model.KindOf(owner); kind != model.User && kind != model.Team {
		return nil
	}
	for _, typ := range slices.Sorted(maps.Keys(a.schema.For(tenant).Types)) {
		all = append(all, Owned{typ, tenant, filter.OwnerIn{Names: filter.List{owner}}})
	}
	return all
}

// read decodes the facts that are about those who hand over and take over, all org edges and all switches.
func (p *planning) read(lines []model.Line) error {
	p.there, p.above, p.renamed = map[Fact]bool{}, map[string][]string{}, map[string]string{}
	for _, l := range lines {
		first := l.Values[0]
		if l.Section != model.OrgEdges && l.Section != model.Switches && first != p.from && (first != p.to || p.to == "") {
			continue
		}
		f, err := model.Decode(l)
		if err != nil {
			return err
		}
		p.there[f] = true
		if e, ok := f.(model.OrgEdge); ok {
			p.above[e.Below] = append(p.above[e.Below], e.Above)
		}
	}
	for _, above := range p.above {
		slices.Sort(above)
	}
	return nil
}

// run plans the change.
func (p *planning) run() error {
	if p.choose == nil {
		p.choose = p.usual
	}
	facts := slices.SortedFunc(maps.Keys(p.there), func(a, b Fact) int { return cmp.Compare(a.String(), b.String()) })
	for _, f := range facts {
		switch f := f.(type) {
		case model.OrgEdge:
			p.edge(f)
		case model.Switch: // when it is known which rules go
		default:
			if p.subjectOf(f) == p.from {
				p.move(f)
			}
		}
	}
	for _, f := range facts {
		if s, ok := f.(model.Switch); ok {
			if err := p.toggle(s); err != nil {
				return err
			}
		}
	}
	if p.staysOff {
		p.add(model.Switch{Tenant: p.tenant, Target: p.from, Mode: model.ModeOff})
	}
	both := func(f Fact) bool { return slices.Contains(p.change.Add, f) && slices.Contains(p.change.Remove, f) }
	same := slices.DeleteFunc(slices.Clone(p.change.Add), func(f Fact) bool { return !both(f) })
	for _, facts := range []*[]Fact{&p.change.Add, &p.change.Remove} {
		*facts = slices.DeleteFunc(*facts, func(f Fact) bool { return slices.Contains(same, f) })
	}
	return nil
}

// usual is what is handed over unless it is chosen.
func (p *planning) usual(f Fact) bool {
	switch f.(type) {
	case model.CustomerRule, model.TeamRule, model.FieldRule:
		return true
	case model.OrgEdge:
		return model.KindOf(p.from) == model.User
	}
	return false
}

func (p *planning) add(f Fact) {
	if !p.there[f] && !slices.Contains(p.change.Add, f) || slices.Contains(p.change.Remove, f) {
		p.change.Add = append(p.change.Add, f)
	}
}

func (p *planning) remove(f Fact) { p.change.Remove = append(p.change.Remove, f) }

// hands tells whether a fact goes to the successor as another fact; not, if that one is none.
func (p *planning) hands(f, as Fact) bool {
	if p.to == "" || !p.choose(f) {
		return false
	}
	_, err := model.Encode(as)
	return err == nil
}

// subjectOf is whom a rule or membership is about.
func (p *planning) subjectOf(f Fact) string {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Subject
	case model.TeamRule:
		return f.Subject
	case model.FieldRule:
		return f.Subject
	case model.Membership:
		return f.Member
	}
	return ""
}

// move hands a rule or membership over, or takes it away.
func (p *planning) move(f Fact) {
	as := f
	switch f := f.(type) {
	case model.CustomerRule:
		f.Subject = p.to
		as = f
	case model.TeamRule:
		f.Subject = p.to
		as = f
	case model.FieldRule:
		f.Subject = p.to
		as = f
	case model.Membership:
		f.Member = p.to
		as = f
	}
	m, is := as.(model.Membership)
	hands := p.hands(f, as) && (!is || m.Group != p.to)
	if !hands && !p.leaves {
		return
	}
	p.remove(f)
	p.renamed[model.RuleID(f)] = ""
	if hands && !p.there[as] { // what the successor has already is on or off as it is
		p.add(as)
		p.renamed[model.RuleID(f)] = model.RuleID(as)
	}
}

// edge has others report to the successor, or to the superiors of whom leaves.
func (p *planning) edge(e model.OrgEdge) {
	switch {
	case e.Below == p.from && p.leaves:
		p.remove(e)
	case e.Above == p.from:
		as := model.OrgEdge{Tenant: p.tenant, Below: e.Below, Above: p.to}
		hands := p.hands(e, as) && !p.isAbove(e.Below, p.to)
		if hands {
			p.add(as)
		} else if p.leaves {
			for _, superior := range p.above[p.from] {
				if p.isAbove(e.Below, superior) {
					continue // a cycle that was stored
				}
				p.add(model.OrgEdge{Tenant: p.tenant, Below: e.Below, Above: superior})
			}
		}
		if hands || p.leaves {
			p.remove(e)
		}
	}
}

// isAbove tells whether somebody is another, or above him.
func (p *planning) isAbove(who, whom string) bool {
	seen, queue := map[string]bool{}, []string{whom}
	for len(queue) > 0 && queue[0] != who {
		for _, up := range p.above[queue[0]] {
			if !seen[up] {
				seen[up] = true
				queue = append(queue, up)
			}
		}
		queue = queue[1:]
	}
	return len(queue) > 0
}

// toggle takes the names of who leaves, and of rules that go, out of a switch.
func (p *planning) toggle(s model.Switch) error {
	is, keeps := s, true
	if id, goes := p.renamed[s.Target]; goes {
		is.Target, keeps = id, id != ""
	}
	if s.Target == p.from && p.leaves {
		keeps = false
	}
	if keeps && slices.Contains(s.Except.Subjects(), p.from) {
		hands := p.hands(s, s)
		switch {
		case s.Mode == model.ModeOpen:
			keeps = !p.leaves // what is left of it would be open for all, and only Disable opens
		case hands || p.leaves:
			if err := p.except(&is, hands); err != nil {
				return err
			}
		}
	}
	if keeps && is == s {
		return nil
	}
	if p.remove(s); keeps {
		p.add(is)
	}
	return nil
}

// except puts the successor among a switch's exceptions in the place of whom leaves; or nobody, and
// if then no people are left, no networks either, from which all would be excepted.
func (p *planning) except(s *model.Switch, hands bool) error {
	terms := slices.DeleteFunc(s.Except.Terms(), func(t string) bool { return t == p.from })
	if hands && !slices.Contains(terms, p.to) {
		terms = append(terms, p.to)
	}
	var err error
	if s.Except, err = model.Except(terms...); err == nil && len(s.Except.Subjects()) == 0 {
		s.Except = ""
	}
	return err
}
