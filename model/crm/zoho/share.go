package zoho

import (
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// unshareable are the modules whose records are shared as related ones only.
var unshareable = []string{"Tasks", "Events", "Calls", "Meetings", "Activities"}

// CheckShare tells whether Zoho CRM would let somebody share a record so: its module
// can be shared, and everyone with whom it is shared is active and confirmed, may view
// the module and has no access yet, as far as the description says. It refuses with a
// *crm.Error that matches crm.ErrRefused, or crm.ErrNotFound for what is not described.
//
// Compile takes every share: some were made before the others or the roles changed.
func (o *Organisation) CheckShare(s Share) error {
	dialect, err := o.Dialect.Resolve(dialects)
	c := checker{Organisation: o, Checker: crm.Checker{Err: err}}
	in := "share of " + s.Module + " " + s.Record
	crm.Known(&c.Checker, in, o.Modules, s.Module)
	c.Must(in+" access", s.Access, "read_only", "read_write", "full_access")
	c.people(in+" with", s.With)
	if c.Err != nil {
		return c.Err
	}
	refuse := func(value, why string) error {
		return &crm.Error{What: in, Value: value, Err: crm.ErrRefused, Hint: why}
	}
	m := o.Modules[s.Module]
	switch {
	case m.Linking || slices.Contains(unshareable, s.Module):
		return refuse(s.Module, "its records are shared as related ones only")
	case m.Default != "" && m.Default != "private":
		return refuse(s.Module, "everyone has access already")
	}
	for _, name := range s.With.Users {
		if why := o.cannotShareWith(name, s, dialect); why != "" {
			return refuse(name, why)
		}
	}
	return nil
}

// cannotShareWith is why a record cannot be shared with a user; empty if it can.
func (o *Organisation) cannotShareWith(name string, s Share, d crm.Dialect) string {
	u := o.Users[name]
	p := o.Profiles[u.Profile]
	switch {
	case u.off():
		return "she is " + u.Status
	case p.Administrator || o.Roles[u.Role].ReportsTo == "":
		return "she has access to every record already"
	case d.SharesWithoutPermission == "refused" && !slices.Contains(p.Modules[s.Module], "view"):
		return fmt.Sprintf("her profile %s does not have the module", u.Profile)
	case s.Owner != "" && (s.Owner == name || o.superiorOf(name, s.Owner, d)):
		return "she has access already, as the owner or a superior"
	}
	for _, other := range o.Shares {
		if other.Module == s.Module && other.Record == s.Record && (other.With.Everyone || o.users(other.With)[name]) {
			return "it is shared with her already"
		}
	}
	return ""
}

// superiorOf tells whether somebody is above somebody else in the hierarchy, or a peer with whom is shared.
func (o *Organisation) superiorOf(name, of string, d crm.Dialect) bool {
	high, low := o.Users[name], o.Users[of]
	switch o.hierarchyKind(d) {
	case model.HierarchyOff:
		return false
	case model.ByLine:
		for at := low.ReportsTo; at != ""; at = o.Users[at].ReportsTo {
			if at == name {
				return true
			}
		}
		return false
	}
	return o.above(high.Role, low.Role) || high.Role == low.Role && o.Roles[high.Role].ShareWithPeers
}
