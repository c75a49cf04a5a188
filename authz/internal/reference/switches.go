package reference

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// switches are the lines of switches in force, as facts.
func (r *Reference) switches() (all []model.Switch) {
	for _, columns := range r.lines("p4") {
		l := model.Line{Section: model.Switches}
		copy(l.Values[:], columns)
		if f, err := model.DecodeSwitch(l); err == nil { // as it was when it was loaded
			all = append(all, f)
		}
	}
	return all
}

// open tells whether nothing switched off denies the action; and whether an open tenant is open for the user.
func (r *Reference) open(user, action string, f *Facts) bool {
	if r.violates(user) {
		return false
	}
	permission := r.schema.Administration != nil && f.typ() == model.PermissionType
	open, mayPass := false, false
	for _, s := range r.switches() {
		switch {
		case permission && s.Target == model.Any && (s.Mode == model.ModeOpen || action == model.ActionAdminister || action == model.ActionApprove):
		case s.Mode == model.ModeOpen:
			open = true
			mayPass = mayPass || r.opensFor(s, user, f)
		case r.concerns(s, user, f) && !r.excepted(s.Except, user, f) && !(s.Mode == model.ModeReadOnly && r.action(action, f).Reading()):
			return false
		}
	}
	return !open || mayPass && r.named[user]
}

// violates tells whether a user is in two groups that exclude each other.
func (r *Reference) violates(user string) bool {
	for _, c := range r.schema.Constraints {
		n := 0
		for _, g := range c.Exclusive {
			if r.isIn(user, g) {
				n++
			}
		}
		if n > 1 {
			return true
		}
	}
	return false
}

// namedBy are the subjects that facts name, but for targets of switches.
func namedBy(facts []model.Fact) map[string]bool {
	named := map[string]bool{}
	for _, f := range facts {
		switch f := f.(type) {
		case model.CustomerRule:
			named[f.Subject] = true
		case model.TeamRule:
			named[f.Subject] = true
		case model.FieldRule:
			named[f.Subject] = true
		case model.Membership:
			named[f.Member] = true
		case model.OrgEdge:
			named[f.Below], named[f.Above] = true, true
		case model.Switch:
			for _, s := range f.Except.Subjects() {
				named[s] = true
			}
		}
	}
	return named
}

// fieldOpen tells whether no switch of a field takes the level away.
func (r *Reference) fieldOpen(user, field, level string, f *Facts) (bool, error) {
	for _, s := range r.switches() {
		t, err := model.ParseTarget(s.Target)
		if s.Target == model.Any || model.KindOf(s.Target) != model.UnknownKind || model.IsRuleID(s.Target) || err != nil || t.Field == "" {
			continue
		}
		on, err := r.onField(s.Target, field, f)
		if err != nil {
			return false, err
		}
		if on && !r.excepted(s.Except, user, f) && (s.Mode == model.ModeOff || level == model.FieldWrite.String()) {
			return false, nil
		}
	}
	return true, nil
}

// opensFor tells whether an open tenant is open for the user.
func (r *Reference) opensFor(s model.Switch, user string, f *Facts) bool {
	return len(s.Except.Subjects())+len(s.Except.Networks()) == 0 || r.excepted(s.Except, user, f)
}

// concerns tells whether a switch is of the tenant, the user, the type or the record. Those of groups and
// rules left their lines out.
func (r *Reference) concerns(s model.Switch, user string, f *Facts) bool {
	if s.Target == model.Any || s.Target == user {
		return true
	}
	if model.IsRuleID(s.Target) || model.KindOf(s.Target) != model.UnknownKind {
		return false
	}
	t, err := model.ParseTarget(s.Target)
	if err != nil || t.Field != "" || t.Unit != "" && f.Record == nil {
		return false
	}
	on, err := r.on(s.Target, f)
	return on && err == nil
}

// excepted tells whether the user is among the exceptions.
func (r *Reference) excepted(e model.Exceptions, user string, f *Facts) bool {
	people, networks := e.Subjects(), e.Networks()
	if len(people)+len(networks) == 0 {
		return false
	}
	in := func(s string) bool { return s == user || r.isIn(user, s) }
	if len(people) > 0 && !slices.ContainsFunc(people, in) {
		return false
	}
	for _, n := range networks {
		if n.Contains(f.Address.Unmap()) {
			return true
		}
	}
	return len(networks) == 0
}
