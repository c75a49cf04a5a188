package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// checkAdministrators refuses a change after which there is a time without an administrator, where there was
// one before.
func (p *proposed) checkAdministrators(actor string) error {
	changes := false
	for _, o := range p.each() {
		changes = changes || ofAdministrators(o.fact)
	}
	if !changes {
		return nil
	}
	after, err := p.after()
	if err != nil {
		return err
	}
	users := p.users(actor)
	was, is := administrators{p.before, p.tenant.name, users, p.clock, ""}, administrators{after, p.tenant.name, users, p.clock, ""}
	for _, at := range p.instants() {
		if is.at(at) || !was.at(at) {
			continue
		}
		return fmt.Errorf("%w, at %s", ErrLastAdministrator, at.UTC().Format(time.RFC3339))
	}
	return nil
}

// ofAdministrators tells whether who may administer may hang on a fact: on all but rules on other types than
// permissions.
func ofAdministrators(f Fact) bool {
	switch f := f.(type) {
	case model.FieldRule:
		return false
	case model.CustomerRule:
		return f.On.Type == model.PermissionType || f.On.Type == model.Any
	case model.TeamRule:
		return f.On.Type == model.PermissionType || f.On.Type == model.Any
	}
	return true
}

// after is the policy that comes of the change.
func (p *proposed) after() (*engine.Snapshot, error) {
	if next, ok, err := p.before.Fork().With(p.before.Revision, p.remove, p.add); ok || err != nil {
		return next, err
	}
	gone := map[model.Line]bool{}
	for _, l := range p.remove {
		gone[l] = true
	}
	lines := slices.DeleteFunc(slices.Clone(p.own), func(l model.Line) bool { return gone[l] })
	return engine.Compile(p.tenant.schema, p.before.Linked, p.tenant.name, p.before.Revision, append(lines, p.add...))
}

// users are those whom the policy or the change names, and the actor.
func (p *proposed) users(actor string) []string {
	named := map[string]bool{actor: true}
	for _, l := range slices.Concat(p.own, p.add) {
		for _, name := range l.Values[:2] {
			if model.KindOf(name) == model.User {
				named[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// instants are now, the times after it at which who is an administrator may change, and one after them all.
func (p *proposed) instants() []time.Time {
	now := p.clock()
	all := []time.Time{now}
	for _, l := range slices.Concat(p.own, p.base, p.add) {
		if !strings.Contains(l.Values[len(l.Columns())-1], ":") && l.Section != model.Switches { // it has no period
			continue
		}
		f := decoded(l)
		if !ofAdministrators(f) {
			continue
		}
		var valid model.Period
		switch f := f.(type) {
		case model.CustomerRule:
			valid = f.Valid
		case model.TeamRule:
			valid = f.Valid
		case model.Membership:
			valid = f.Valid
		case model.Switch:
			valid = f.Valid
		}
		for _, t := range []time.Time{valid.From, valid.Until} {
			if t.After(now) {
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal) // the last lies in no period that ends
}

// administrators finds some user who may administer a tenant.
type administrators struct {
	*engine.Snapshot
	tenant string
	users  []string
	clock  func() time.Time // the real one: what is shown of it is noted
	last   string           // that was found: it comes first
}

func (a *administrators) at(at time.Time) bool {
	if a.last != "" && a.may(a.last, at) {
		return true
	}
	for _, user := range a.users {
		if a.may(user, at) {
			a.last = user
			return true
		}
	}
	return false
}

func (a *administrators) may(user string, at time.Time) bool {
	v, err := a.Decide(&Request{Tenant: a.tenant, User: user, Action: model.ActionAdminister, Record: tenantPermission(), At: at}, a.clock)
	return err == nil && v.Allowed()
}
