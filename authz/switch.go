package authz

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// SwitchOption says more of a switch: From, Until, InMode, Except or AfterBackup.
type SwitchOption func(*switching)

// switching is a switch that is asked for.
type switching struct {
	model.Switch
	except []string
	backup *Backup
}

// From has a switch begin at a time; whole seconds, the rest is cut off.
func From(t time.Time) SwitchOption {
	return func(s *switching) { s.Valid.From = t.UTC().Truncate(time.Second) }
}

// Until has a switch end by itself at a time; whole seconds, the rest is cut off.
func Until(t time.Time) SwitchOption {
	return func(s *switching) { s.Valid.Until = t.UTC().Truncate(time.Second) }
}

// InMode says what a switch does, where it is not model.ModeLocked to a tenant and
// model.ModeOff to anything else.
func InMode(m model.Mode) SwitchOption { return func(s *switching) { s.Mode = m } }

// Except says for whom a switch is not: terms as model.Except takes them. An open tenant is
// open for nobody but them.
func Except(terms ...string) SwitchOption {
	return func(s *switching) { s.except = append(s.except, terms...) }
}

// AfterBackup shows the backup of a tenant's policy without which it is not opened.
func AfterBackup(b *Backup) SwitchOption { return func(s *switching) { s.backup = b } }

// Disable switches something off in a tenant without taking it away. The target is
//
//	user:eve            all is denied to her
//	role:rep            nobody is in it; a team and a unit likewise
//	rule:…              a rule or membership is not in force, by its model.RuleID; one of the base policy too
//	customer            all is denied of the type; or of a unit's records, as customer@unit:apac
//	customer/42         all is denied of the record; not of those whose parent it is
//	customer#iban       the field is hidden; of one record, as customer/42#iban
//	*                   the tenant is locked down: all is denied
//
// With model.ModeReadOnly, reading a tenant, type, record or field stays as it was. Several
// switches of a target are in force side by side. A switch ends at [Until] or with [Authorizer.Enable], and what it
// switched off is then in force as it was.
//
// model.ModeOpen suspends a tenant's rules, for maintenance: every action is allowed to the users
// of whom the tenant has facts, or of these to those that Except names. It switches nothing back on: who
// or what is off stays off, the fields of a record are what they were (but for fields that Except names), and
// other tenants are other tenants. It needs [WithOpenLimit], a reason, an end, a [Backup] of the
// policy as it is, and an audit log, in which every decision made by it leaves an entry first. (WhoCan, Explain and
// ExplainField only tell what it would be, and leave none.)
//
// What is promised when something goes wrong is the stricter of two answers, as far as it can be:
//
//   - A process that dies leaves a switch as a whole or not at all. It is in the store: whoever opens that
//     next finds it, and it ends by itself though nobody takes it back.
//   - While the store is lost, the switches that were loaded stay in force, begin and end. None
//     can be made or taken back.
//   - Without the audit log, nothing is allowed in an open tenant.
//   - A clock that is set back ends no switch that it has begun, opens no tenant before its opening, and
//     opens none again of which it has shown the end to this Authorizer: it remembers the latest instant that
//     the clock has shown when it loaded a tenant, or was asked where switches have bounds. Other processes, and the next
//     one, have only their clock: Enable makes an opening's end final, and so does [Authorizer.Run], which takes away
//     an opening that is over. One that was far ahead for a moment is remembered, too, until
//     the process ends.
//   - A clock that is set forward ends what ends by then: an opening, but a lock with an end, too. A lock that no clock is to end
//     has none.
//
// Refused are a target that is not known (ErrNoSuchRule, model.ErrUnknownType, model.ErrUnknownField), a switch that has
// no form (a *model.ValueError), and an opening without what it needs: ErrOpen, ErrNoReason, ErrNoBackup, ErrNoAudit.
func (a *Authorizer) Disable(ctx context.Context, by Author, tenant, target string, options ...SwitchOption) (Revision, error) {
	start := a.started()
	rev, err := a.disable(ctx, by, tenant, target, options)
	return a.changed(ctx, "disable", start, tenant, by, rev, err)
}

func (a *Authorizer) disable(ctx context.Context, by Author, tenant, target string, options []SwitchOption) (Revision, error) {
	s := switching{Switch: model.Switch{Tenant: tenant, Target: target, Mode: model.ModeOff}}
	if target == model.Any {
		s.Mode = model.ModeLocked
	}
	for _, o := range options {
		o(&s)
	}
	var err error
	if s.Except, err = model.Except(s.except...); err != nil {
		return 0, err
	}
	if s.Mode == model.ModeOpen { // so that a clock that is set back opens nothing
		if now := a.clock(); s.Valid.From.Before(now) {
			From(now)(&s)
		}
	}
	line, err := model.Encode(s.Switch)
	if err != nil {
		return 0, err
	}
	if err := a.schema.For(tenant).CheckFact(s.Switch); err != nil {
		return 0, err
	}
	return a.apply(ctx, by, tenant, func(ctx context.Context, now *engine.Snapshot) (remove, add []model.Line, err error) {
		if model.IsRuleID(target) {
			err = a.findRule(ctx, tenant, target, nil)
		}
		if s.Mode == model.ModeOpen {
			err = a.mayOpen(by, s, now)
		}
		return nil, []model.Line{line}, err
	})
}

// mayOpen tells whether a tenant may be opened.
func (a *Authorizer) mayOpen(by Author, s switching, now *engine.Snapshot) error {
	clock := a.clock()
	shown := a.latest.Note(clock)
	switch latest := clock.Add(a.openLimit); {
	case a.openLimit <= 0:
		return fmt.Errorf("%w: WithOpenLimit is not set", ErrOpen)
	case s.Valid.Until.After(latest):
		return fmt.Errorf("%w: until %s, at most %s", ErrOpen, s.Valid.Until.Format(time.RFC3339), latest.UTC().Format(time.RFC3339))
	case !s.Valid.Until.After(shown):
		return fmt.Errorf("%w: until %s, but the clock has shown %s", ErrOpen, s.Valid.Until.Format(time.RFC3339), shown.UTC().Format(time.RFC3339))
	case by.Reason == "":
		return ErrNoReason
	case a.audit == nil:
		return ErrNoAudit
	case s.backup == nil:
		return fmt.Errorf("%w: there is none", ErrNoBackup)
	case s.backup.Tenant != s.Tenant || s.backup.Revision != now.Revision:
		return fmt.Errorf("%w: it is of tenant %q at revision %d, which is now at %d", ErrNoBackup, s.backup.Tenant, s.backup.Revision, now.Revision)
	}
	return nil
}

// Enable takes back every Disable of a target in a tenant, also one that has
// not begun. What was switched off is in force again as it was; a tenant ("*") is no longer locked down,
// read-only or open.
func (a *Authorizer) Enable(ctx context.Context, by Author, tenant, target string) (Revision, error) {
	start := a.started()
	mode := model.ModeOff
	if target == model.Any {
		mode = model.ModeLocked
	}
	f := model.Switch{Tenant: tenant, Target: target, Mode: mode}
	if _, err := model.Encode(f); err != nil {
		return a.changed(ctx, "enable", start, tenant, by, 0, err)
	}
	rev, err := a.apply(ctx, by, tenant, func(_ context.Context, s *engine.Snapshot) (remove, add []model.Line, err error) {
		for _, f := range s.Switches(target) {
			l, err := model.Encode(f)
			if err != nil {
				return nil, nil, err
			}
			remove = append(remove, l)
		}
		if len(remove) == 0 { // what is switched off can be switched on, though the schema has forgotten it
			err = a.schema.For(tenant).CheckFact(f)
		}
		return remove, nil, err
	})
	return a.changed(ctx, "enable", start, tenant, by, rev, err)
}

// Switches are the switches of a tenant, those among them that have not begun or have
// ended, in the order of their targets. Each ends at its Until or with [Authorizer.Enable].
func (a *Authorizer) Switches(ctx context.Context, tenant string) ([]model.Switch, error) {
	s, err := a.snapshot(ctx, tenant)
	if err != nil {
		return nil, failed("switches", tenant, err)
	}
	all := s.AllSwitches()
	slices.SortFunc(all, func(a, b model.Switch) int { return cmp.Compare(a.String(), b.String()) })
	return all, nil
}

// findRule tells whether a tenant or the base policy has a fact with the rule id, or will have.
func (a *Authorizer) findRule(ctx context.Context, tenant, id string, added []model.Line) error {
	has := func(l model.Line) bool {
		return l.Section != model.Switches && l.Section != model.OrgEdges && l.RuleID() == id
	}
	if slices.ContainsFunc(added, has) {
		return nil
	}
	for _, t := range []string{tenant, model.Base} {
		from, err := a.store.Load(ctx, t)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if slices.ContainsFunc(from.Lines, has) {
			return nil
		}
	}
	return model.At("switch", "target", id, ErrNoSuchRule)
}
