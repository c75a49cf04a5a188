package casbinadapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

var (
	// ErrUnsupported: a Casbin adapter's function that would write over more than
	// what it names.
	ErrUnsupported = errors.New("casbinadapter: not supported")
	// ErrNotThere: a rule that is to be replaced was removed meanwhile, or never there.
	ErrNotThere = errors.New("casbinadapter: the rule to replace is not there")
)

// Adapter gives a plain Casbin enforcer the policies of a store. Its model
// needs the sections of model.CasbinModel; its matchers may be its own.
//
// What an enforcer with auto-save adds, removes or updates is a change in the
// store: a call is one change, of one tenant. The lines are checked, but not
// against a schema, for cycles or for duties to be kept apart, as the
// authorizer would.
type Adapter struct {
	ctx           context.Context
	store         adapter.Store
	tenants       []string
	actor, reason string
	now           func() time.Time
}

var (
	_ persist.BatchAdapter     = (*Adapter)(nil)
	_ persist.UpdatableAdapter = (*Adapter)(nil)
)

// Option is an option of NewAdapter.
type Option func(*Adapter)

// Tenants narrows the adapter to some tenants, and the base policy. Without it,
// it is for all.
func Tenants(names ...string) Option {
	return func(a *Adapter) { a.tenants = append(slices.Clone(names), model.Base) }
}

// By says who makes the changes, and why.
func By(actor, reason string) Option {
	return func(a *Adapter) { a.actor, a.reason = actor, reason }
}

// Clock tells the time of the changes; without it, time.Now does.
func Clock(now func() time.Time) Option { return func(a *Adapter) { a.now = now } }

// NewAdapter makes a Casbin adapter of a store. Casbin's functions have no
// context: ctx holds for all calls of the adapter.
func NewAdapter(ctx context.Context, s adapter.Store, options ...Option) *Adapter {
	a := &Adapter{ctx: ctx, store: s, reason: "changed through Casbin", now: time.Now}
	for _, o := range options {
		o(a)
	}
	return a
}

// LoadPolicy loads the policies into a Casbin model.
func (a *Adapter) LoadPolicy(m casbinmodel.Model) error {
	return a.eachTenant(func(_ string, lines []model.Line) error {
		for _, l := range lines {
			if err := persist.LoadPolicyArray(append([]string{string(l.Section)}, l.Columns()...), m); err != nil {
				return fmt.Errorf("casbinadapter: load %s: %w", l, err)
			}
		}
		return nil
	})
}

func (a *Adapter) eachTenant(f func(tenant string, lines []model.Line) error) error {
	tenants := slices.Clone(a.tenants)
	if tenants == nil {
		for tenant, err := range a.store.Tenants(a.ctx) {
			if err != nil {
				return err
			}
			tenants = append(tenants, tenant)
		}
	}
	slices.Sort(tenants)
	for _, tenant := range slices.Compact(tenants) {
		s, err := a.store.Load(a.ctx, tenant)
		if err != nil {
			return err
		}
		if err := f(tenant, s.Lines); err != nil {
			return err
		}
	}
	return nil
}

// SavePolicy is ErrUnsupported: it would write over what others changed since
// the policy was loaded.
func (a *Adapter) SavePolicy(casbinmodel.Model) error {
	return fmt.Errorf("%w: SavePolicy; add and remove the policies that change", ErrUnsupported)
}

// AddPolicy adds a rule.
func (a *Adapter) AddPolicy(sec, ptype string, rule []string) error {
	return a.AddPolicies(sec, ptype, [][]string{rule})
}

// RemovePolicy removes a rule.
func (a *Adapter) RemovePolicy(sec, ptype string, rule []string) error {
	return a.RemovePolicies(sec, ptype, [][]string{rule})
}

// AddPolicies adds all of the rules or none.
func (a *Adapter) AddPolicies(_, ptype string, rules [][]string) error {
	add, err := linesOf(ptype, rules)
	if err != nil {
		return err
	}
	return a.change(nil, add, nil)
}

// RemovePolicies removes all of the rules or none.
func (a *Adapter) RemovePolicies(_, ptype string, rules [][]string) error {
	remove, err := linesOf(ptype, rules)
	if err != nil {
		return err
	}
	return a.change(remove, nil, nil)
}

// UpdatePolicy replaces a rule by another; see UpdatePolicies.
func (a *Adapter) UpdatePolicy(sec, ptype string, oldRule, newRule []string) error {
	return a.UpdatePolicies(sec, ptype, [][]string{oldRule}, [][]string{newRule})
}

// UpdatePolicies replaces all of the rules or none: if one is not there, nothing is
// added in its place, and the error matches ErrNotThere.
func (a *Adapter) UpdatePolicies(_, ptype string, oldRules, newRules [][]string) error {
	remove, err := linesOf(ptype, oldRules)
	if err != nil {
		return err
	}
	add, err := linesOf(ptype, newRules)
	if err != nil {
		return err
	}
	return a.change(remove, add, remove)
}

// UpdateFilteredPolicies is ErrUnsupported: update the rules themselves.
func (a *Adapter) UpdateFilteredPolicies(string, string, [][]string, int, ...string) ([][]string, error) {
	return nil, fmt.Errorf("%w: UpdateFilteredPolicies; update the policies themselves", ErrUnsupported)
}

// RemoveFilteredPolicy removes the rules that have the values from the field
// on, an empty one standing for any. They must be of one tenant; without any
// value it is ErrUnsupported.
func (a *Adapter) RemoveFilteredPolicy(_, ptype string, fieldIndex int, fieldValues ...string) error {
	some := slices.ContainsFunc(fieldValues, func(v string) bool { return v != "" })
	if !some || fieldIndex < 0 || fieldIndex+len(fieldValues) > len(model.Line{}.Values) {
		return fmt.Errorf("%w: RemoveFilteredPolicy of field %d, values %q", ErrUnsupported, fieldIndex, fieldValues)
	}
	var remove []model.Line
	err := a.eachTenant(func(_ string, lines []model.Line) error {
		for _, l := range lines {
			if string(l.Section) == ptype && matches(l.Values[fieldIndex:], fieldValues) {
				remove = append(remove, l)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.change(remove, nil, nil)
}

func matches(values, filter []string) bool {
	for i, want := range filter {
		if want != "" && want != values[i] {
			return false
		}
	}
	return true
}

func linesOf(ptype string, rules [][]string) ([]model.Line, error) {
	lines := make([]model.Line, len(rules))
	for i, rule := range rules {
		var err error
		if lines[i], err = lineOf(ptype, rule); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// change makes a change, at whatever revision has the needed lines: Casbin knows none.
func (a *Adapter) change(remove, add, needed []model.Line) error {
	if len(remove)+len(add) == 0 {
		return nil
	}
	tenant := slices.Concat(remove, add)[0].Tenant() // Apply refuses lines of others
	if a.tenants != nil && !slices.Contains(a.tenants, tenant) {
		return &model.ValueError{
			In: "Casbin rule", Column: "tenant", Value: tenant, Err: model.ErrUnknownTenant,
			Hint: fmt.Sprintf("the adapter is for %q", a.tenants),
		}
	}
	c := adapter.Change{
		Tenant: tenant, ID: rand.Text(), Remove: remove, Add: add,
		Actor: a.actor, Reason: a.reason, At: a.now(),
	}
	for {
		s, err := a.store.Load(a.ctx, tenant)
		if err != nil {
			return err
		}
		missing := setOf(needed)
		for _, l := range s.Lines {
			delete(missing, l)
		}
		for l := range missing {
			return fmt.Errorf("%w: %s", ErrNotThere, l)
		}
		c.Base = s.Revision
		if _, err = a.store.Apply(a.ctx, c); !errors.Is(err, adapter.ErrConflict) {
			return err
		}
	}
}
