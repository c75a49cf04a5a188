package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// ruling is a fact of the policy, and whether it has force.
type ruling struct {
	model.Fact
	ID   string
	Base bool          // of the base policy
	Off  *model.Switch // that has switched it off, if one has
}

// policy is the facts that hold in a tenant.
type policy struct {
	tenant  string
	rulings []ruling
	off     []model.Switch // in force, or to come
	now     time.Time
}

// policyOf reads a tenant's policy from the store, the base policy with it.
func (s *server) policyOf(ctx context.Context, tenant string) (*policy, error) {
	p := &policy{tenant: tenant, now: s.clock()}
	for _, name := range []string{model.Base, tenant} {
		from, err := s.db.store.Load(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, l := range from.Lines {
			f, err := model.Decode(l)
			if err != nil {
				return nil, err
			}
			if sw, ok := f.(model.Switch); !ok {
				p.rulings = append(p.rulings, ruling{Fact: f, ID: l.RuleID(), Base: name == model.Base})
			} else if sw.Valid.Until.IsZero() || p.now.Before(sw.Valid.Until) {
				p.off = append(p.off, sw)
			}
		}
	}
	slices.SortFunc(p.rulings, func(x, y ruling) int { return strings.Compare(x.String(), y.String()) })
	slices.SortFunc(p.off, func(x, y model.Switch) int { return strings.Compare(x.String(), y.String()) })
	for i := range p.rulings {
		p.rulings[i].Off = p.switchedOff(p.rulings[i].ID)
	}
	return p, nil
}

// switchedOff is the switch in force that names a target, if there is one.
func (p *policy) switchedOff(target string) *model.Switch {
	for i := range p.off {
		if p.off[i].Target == target && p.off[i].Valid.Holds(p.now) {
			return &p.off[i]
		}
	}
	return nil
}

// ruling finds a fact by its id.
func (p *policy) ruling(id string) (ruling, bool) {
	i := slices.IndexFunc(p.rulings, func(r ruling) bool { return r.ID == id })
	if i < 0 {
		return ruling{}, false
	}
	return p.rulings[i], true
}

// roles are all that somebody can be in, or that a rule is for.
func (p *policy) roles() (out []string) {
	for _, r := range p.rulings {
		switch f := r.Fact.(type) {
		case model.Membership:
			out = append(out, f.Group, f.Member)
		case model.CustomerRule:
			out = append(out, f.Subject)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return model.KindOf(s) != model.Role })
}

// with is a group and all groups that it is in.
func (p *policy) with(group string) []string {
	all := []string{group}
	for i := 0; i < len(all); i++ {
		for _, r := range p.rulings {
			if m, ok := r.Fact.(model.Membership); ok && m.Member == all[i] && !slices.Contains(all, m.Group) {
				all = append(all, m.Group)
			}
		}
	}
	return all
}

// facts are those of one sort.
func facts[F model.Fact](p *policy) (out []F) {
	for _, r := range p.rulings {
		if f, ok := r.Fact.(F); ok {
			out = append(out, f)
		}
	}
	return out
}
