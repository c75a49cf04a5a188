package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/duty"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/holding"
	"github.com/crmauthz/crmauthz/model"
)

// proposed is a change that is about to be made, with the policy before it.
type proposed struct {
	*Authorizer
	tenant      *tenant
	before      *engine.Snapshot
	remove, add []model.Line // those that really change something
	own, base   []model.Line // the policy before
	holdings    *holding.Policy
	levels      map[model.Period]*engine.Snapshot
	known       map[string]bool // subjects of facts before the change, once asked for
}

// notAnOperator refuses an author with the name of an operator.
func notAnOperator(by Author) error {
	return &NotAllowedError{Actor: by.Actor, Verb: "change the policy", Err: ErrNotAllowed, Detail: "the name is that of an operator"}
}

// check refuses a change that its author may not make, or that nobody may.
func (a *Authorizer) check(ctx context.Context, t *tenant, s *engine.Snapshot, by Author, remove, add []model.Line) error {
	switch {
	case strings.HasPrefix(by.Actor, operatorPrefix) && !by.operator:
		return notAnOperator(by)
	case len(remove)+len(add) == 0:
		return nil
	}
	constrained := s.Constrains() && slices.ContainsFunc(add, func(l model.Line) bool { return l.Section == model.Memberships })
	bound := a.schema.Administration != nil && !by.operator
	if !constrained && !bound {
		return nil
	}
	p, err := a.proposed(ctx, t, s, remove, add)
	if err == nil && constrained {
		err = p.checkConstraints()
	}
	if err == nil && bound {
		err = p.checkActor(ctx, by)
	}
	return err
}

// checkAuthor is check of a change that is not made.
func (a *Authorizer) checkAuthor(ctx context.Context, by Author, tenant string, remove, add []model.Line) error {
	if by.Actor == "" {
		return ErrNoActor
	}
	t := a.known(tenant)
	if t == nil {
		t = a.newTenant(tenant)
	}
	s, err := a.current(ctx, t)
	for range maxConflicts {
		if err == nil {
			err = a.check(ctx, t, s, by, remove, add)
		}
		if !errors.Is(err, adapter.ErrConflict) {
			return err
		}
		s, err = a.compile(ctx, t)
	}
	return ErrBusy
}

// proposed loads the policy before a change, and leaves out of it what changes nothing.
func (a *Authorizer) proposed(ctx context.Context, t *tenant, s *engine.Snapshot, remove, add []model.Line) (*proposed, error) {
	p := &proposed{Authorizer: a, tenant: t, before: s, levels: map[model.Period]*engine.Snapshot{}}
	from, err := a.store.Load(ctx, t.name)
	if err == nil && from.Revision != s.Revision {
		return nil, adapter.ErrConflict
	}
	p.own = from.Lines
	if err == nil && t.name != model.Base {
		from, err = a.store.Load(ctx, model.Base)
		p.base = from.Lines
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	wanted := make(map[model.Line]bool, len(remove)+len(add))
	for _, l := range slices.Concat(remove, add) {
		wanted[l] = true
	}
	has := map[model.Line]bool{}
	for _, l := range p.own {
		if wanted[l] {
			has[l] = true
		}
	}
	p.remove = slices.DeleteFunc(slices.Clone(remove), func(l model.Line) bool { return !has[l] })
	p.add = slices.DeleteFunc(slices.Clone(add), func(l model.Line) bool { return has[l] })
	return p, nil
}

// checkConstraints refuses memberships by which somebody would be in two groups that exclude each other.
func (p *proposed) checkConstraints() error {
	removed := map[model.Line]bool{}
	for _, l := range p.remove {
		removed[l] = true
	}
	var after []Fact
	for _, l := range slices.Concat(p.own, p.base) {
		if l.Section == model.Memberships && !removed[l] {
			after = append(after, decoded(l))
		}
	}
	var added []model.Membership
	for _, l := range p.add {
		if m, ok := decoded(l).(model.Membership); ok {
			added = append(added, m)
			after = append(after, m)
		}
	}
	all := duty.Of(after, p.clock())
	for _, m := range added {
		for _, subject := range all.Below(m.Member) {
			for _, v := range all.Violations(p.schema.Constraints, subject) {
				if slices.Contains(v.Facts, m) { // and was not there before
					return &ConstraintError{v.Constraint, v.Subject, v.Ways}
				}
			}
		}
	}
	return nil
}

// decoded is the fact of a line that was encoded, or read by the engine.
func decoded(l model.Line) Fact {
	f, err := model.Decode(l)
	if err != nil {
		return nil
	}
	return f
}

func factsOf(lines []model.Line) (facts []Fact) {
	for _, l := range lines {
		facts = append(facts, decoded(l))
	}
	return facts
}

// one is one fact of a change.
type one struct {
	fact  Fact
	verb  string
	added bool
}

// each are the facts of the change, each with the action that it is.
func (p *proposed) each() (all []one) {
	for i, lines := range [][]model.Line{p.remove, p.add} {
		for _, l := range lines {
			o := one{decoded(l), []string{model.ActionRevoke, model.ActionGrant}[i], i == 1}
			if l.Section == model.Switches {
				o.verb = []string{model.ActionEnable, model.ActionDisable}[i]
			}
			all = append(all, o)
		}
	}
	return all
}

// checkActor refuses what the policy does not let the actor do.
func (p *proposed) checkActor(ctx context.Context, by Author) error {
	switch {
	case p.tenant.name == model.Base:
		return &NotAllowedError{Actor: by.Actor, Verb: "change the base policy", Err: ErrNotAllowed, Detail: "the operator changes it"}
	case model.CheckSubject(by.Actor, model.User) != nil:
		return &NotAllowedError{Actor: by.Actor, Verb: "change the policy", Err: ErrNotAllowed, Detail: "who changes it is a user of the tenant"}
	}
	for _, o := range p.each() {
		if err := p.checkOne(ctx, by, o); err != nil {
			return err
		}
	}
	return p.checkAdministrators(by.Actor)
}

// checkOne refuses the change of one fact.
func (p *proposed) checkOne(ctx context.Context, by Author, o one) error {
	refuse := func(verb string, err error, detail string) error {
		return &NotAllowedError{Actor: by.Actor, Verb: verb, Fact: o.fact, Err: err, Detail: detail}
	}
	records, err := p.permissions(ctx, o.fact)
	if err != nil {
		return err
	}
	if ok, why, err := p.may(ctx, by.Actor, o.verb, records); err != nil || !ok {
		return cmpErr(err, refuse(o.verb, ErrNotAllowed, why))
	}
	if err := p.checkHolding(ctx, by, o, records, refuse); err != nil {
		return err
	}
	sensitive, err := p.sensitive(ctx, by.Actor, o.verb, records)
	switch {
	case err != nil:
		return err
	case sensitive && (by.approver == "" || by.approver == by.Actor):
		return refuse(o.verb, ErrNeedsApproval, "")
	case by.approver == "" || strings.HasPrefix(by.approver, operatorPrefix):
		return nil
	}
	return p.checkApproval(ctx, by.approver, o, records)
}

// checkApproval refuses that somebody approves the change of one fact.
func (p *proposed) checkApproval(ctx context.Context, approver string, o one, records []*Record) error {
	ok, why, err := p.may(ctx, approver, model.ActionApprove, records)
	if err != nil || !ok {
		return cmpErr(err, &NotAllowedError{Actor: approver, Verb: model.ActionApprove, Fact: o.fact, Err: ErrNotAllowed, Detail: why})
	}
	return nil
}

// cmpErr is the first that is an error.
func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// checkHolding refuses to give what the actor neither holds nor may exceed.
func (p *proposed) checkHolding(ctx context.Context, by Author, o one, records []*Record, refuse func(verb string, err error, detail string) error) error {
	policy, err := p.holding()
	if err != nil {
		return err
	}
	var failed error
	level := func(on model.Target, during model.Period) model.Level {
		l, err := p.levelOf(ctx, by.Actor, on, during)
		failed = cmpErr(failed, err)
		return l
	}
	missing := policy.By(by.Actor, level, factsOf(p.remove), factsOf(p.add)).Missing(o.fact, o.added)
	if missing == "" || failed != nil {
		return failed
	}
	ok, _, err := p.may(ctx, by.Actor, model.ActionExceed, records)
	if err != nil || !ok {
		return cmpErr(err, refuse(o.verb, ErrExceeds, missing))
	}
	return nil
}

func (p *proposed) holding() (*holding.Policy, error) {
	if p.holdings == nil {
		var err error
		if p.holdings, err = holding.New(p.before.Schema(), p.conditions, slices.Concat(p.own, p.base), p.clock()); err != nil {
			return nil, err
		}
	}
	return p.holdings, nil
}

// levelOf is the level that the actor has of one record for all of a period, as far as is known.
func (p *proposed) levelOf(ctx context.Context, actor string, on model.Target, during model.Period) (model.Level, error) {
	r, err := p.recordOf(ctx, on)
	if err != nil || r == nil {
		return model.LevelNone, err
	}
	typ := p.before.Schema().Types[on.Type]
	if slices.Contains(r.Owners, actor) && !typ.Parent.Controlled {
		return model.LevelFull, nil
	}
	sure := p.levels[during]
	if sure == nil {
		policy, err := p.holding()
		if err != nil {
			return model.LevelNone, err
		}
		var lines []model.Line
		for _, f := range policy.Sure(during) {
			l, err := model.Encode(inTenant(f, p.tenant.name))
			if err != nil {
				return model.LevelNone, err
			}
			lines = append(lines, l)
		}
		if sure, err = engine.Compile(p.tenant.schema, nil, p.tenant.name, p.before.Revision, lines); err != nil {
			return model.LevelNone, err
		}
		p.levels[during] = sure
	}
	for action := range typ.Actions { // it is the same for all
		return sure.Level(p.request(ctx, actor, action, r), p.clock)
	}
	return model.LevelNone, nil
}

// inTenant is a fact of the base policy, if it is a membership, as one of a tenant.
func inTenant(f Fact, tenant string) Fact {
	if m, ok := f.(model.Membership); ok {
		m.Tenant = tenant
		return m
	}
	return f
}

// may tells whether somebody may do an action to all of the records; and if not, why.
func (p *proposed) may(ctx context.Context, who, verb string, records []*Record) (ok bool, why string, err error) {
	for _, r := range records {
		d, err := p.before.DecideInFull(p.request(ctx, who, verb, r), p.clock)
		if err == nil && !d.Allowed && verb != model.ActionApprove {
			d, err = p.administers(ctx, who, verb, r, d)
		}
		if err != nil || !d.Allowed {
			return false, verb + " " + r.Type + "/" + r.ID + inUnit(r.Unit) + " is " + d.String(), err
		}
	}
	return true, "", nil
}

// administers decides whether one who may not do an action by itself may as an administrator: unless it is forbidden him.
func (p *proposed) administers(ctx context.Context, who, verb string, r *Record, denied Decision) (Decision, error) {
	forbidden, err := p.before.Forbids(p.request(ctx, who, verb, r), p.clock)
	if err != nil || forbidden {
		return denied, err
	}
	d, err := p.before.DecideInFull(p.request(ctx, who, model.ActionAdminister, r), p.clock)
	if err != nil || !d.Allowed {
		return denied, err
	}
	return d, nil
}

func inUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return " in " + unit
}

// sensitive tells whether the schema has a fact need a second person.
func (p *proposed) sensitive(ctx context.Context, actor, verb string, records []*Record) (bool, error) {
	name := p.schema.Administration.Sensitive
	if name == "" {
		return false, nil
	}
	for _, r := range records {
		if may, err := p.before.MayHold(name, p.request(ctx, actor, verb, r), p.clock); may || err != nil {
			return true, err
		}
	}
	return false, nil
}

// mayApprove tells whether somebody may be the second person of a change.
func (a *Authorizer) mayApprove(ctx context.Context, s *engine.Snapshot, approver string, remove, add []model.Line) error {
	if a.schema.Administration == nil {
		return nil
	}
	p, err := a.proposed(ctx, a.tenant(s.Tenant), s, remove, add)
	if err != nil {
		return err
	}
	p.remove, p.add = remove, add // also what changes nothing as long as the policy is as it is
	for _, o := range p.each() {
		records, err := p.permissions(ctx, o.fact)
		if err != nil {
			return err
		}
		if err := p.checkApproval(ctx, approver, o, records); err != nil {
			return err
		}
	}
	return nil
}

// mayAdminister tells whether an author may administer the tenant.
func (a *Authorizer) mayAdminister(ctx context.Context, s *engine.Snapshot, by Author) error {
	if a.schema.Administration == nil || by.operator {
		return nil
	}
	p := &proposed{Authorizer: a, tenant: a.tenant(s.Tenant), before: s}
	ok, why, err := p.may(ctx, by.Actor, model.ActionAdminister, []*Record{tenantPermission()})
	if err != nil || !ok {
		return cmpErr(err, &NotAllowedError{Actor: by.Actor, Verb: model.ActionAdminister, Err: ErrNotAllowed, Detail: why})
	}
	return nil
}

// tenantPermission is the permission of the tenant as a whole. Who may administer it is an administrator.
func tenantPermission() *Record {
	return &Record{Type: model.PermissionType, ID: model.EscapeID(model.Any)}
}
