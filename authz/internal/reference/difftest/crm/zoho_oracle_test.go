package crm_test

import (
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

// zohoOracle decides as Zoho CRM does, gate by gate.
type zohoOracle struct{ o *zoho.Organisation }

var zohoAccess = map[string]int{
	"": 0, "private": 0, "read_only": 1, "public_read_only": 1, "read_write": 2, "public_read_write": 2, "read_write_delete": 3, "public": 3, "full_access": 4,
}

var zohoNeeds = map[string]int{"view": 1, "export": 1, "edit": 2, "add_note": 2, "delete": 3}

func (z zohoOracle) decides(q model.Request) (allowed, ok bool) {
	m, isModule := z.o.Modules[q.Type]
	name := strings.TrimPrefix(q.User, "user:")
	u, known := z.o.Users[name]
	switch {
	case q.Record == nil || !isModule || !known:
		return false, false // everyone is also who is not described
	case u.Status != "" && u.Status != "active" || z.wrongPlace(name) || z.outside(name, q.Type) || z.locked(m, u, q):
		return false, true
	case z.o.Profiles[u.Profile].Administrator:
		return true, true
	case q.Action == "create":
		return z.permitted(u, q), true
	}
	need, listed := zohoNeeds[q.Action]
	if !listed {
		need = 4
	}
	byShare, transfers := z.shared(name, q.Type, q.Record, false)
	switch {
	case z.o.Dialect.SharesWithoutPermission == "sufficient" && byShare >= need:
		return true, true
	case !z.permitted(u, q):
		return false, true
	case transfers && q.Action == "change_owner":
		return true, true
	}
	return z.level(name, q.Type, q.Record) >= need, true
}

func (z zohoOracle) permitted(u zoho.User, q model.Request) bool {
	p := z.o.Profiles[u.Profile]
	if q.Action == "add_note" {
		return slices.Contains(p.Modules["Notes"], "create") && slices.Contains(p.Modules[q.Type], "view")
	}
	return slices.Contains(p.Modules[q.Type], q.Action)
}

func (z zohoOracle) wrongPlace(name string) bool {
	return slices.ContainsFunc(z.o.AllowedIPs, func(a zoho.AllowedIPs) bool { return z.isIn(name, a.For) }) // no question comes from there
}

func (z zohoOracle) outside(name, module string) bool {
	some := false
	for _, t := range z.o.Teamspaces {
		if slices.Contains(t.Modules, module) {
			some = true
			if z.isIn(name, t.People) {
				return false
			}
		}
	}
	return some
}

func (z zohoOracle) locked(m zoho.Module, u zoho.User, q model.Request) bool {
	l := m.Lock
	if l == nil || !slices.Contains(l.Actions, q.Action) || slices.Contains(l.ExcludedProfiles, u.Profile) || q.Action == "edit" && len(l.ExcludedFields) > 0 {
		return false
	}
	if l.Type != "automatic" && q.Record.Attrs["Locked__s"] != false {
		return true // it is, or it is not known
	}
	return slices.ContainsFunc(l.Rules, func(x zoho.Criteria) bool { return z.meets(x, q.Record) != no })
}

// level is the access, 0 to 4.
func (z zohoOracle) level(name, module string, r *model.Record) int {
	u, d := z.o.Users[name], z.o.Dialect
	if z.o.Roles[u.Role].ReportsTo == "" || slices.Contains(r.Owners, "user:"+name) {
		return 4
	}
	l := zohoAccess[z.o.Modules[module].Default]
	if l == 2 && d.PublicWriteDeletes == "yes" {
		l = 3
	}
	shared, _ := z.shared(name, module, r, false)
	l = max(l, shared, z.byOwners(name, r), z.byRules(name, module, r), z.byGrantees(name, module, r), z.territory(name, module, r))
	if of := z.o.Modules[module].RelatedTo; r.Parent != nil && of != "" {
		shared, _ := z.shared(name, of, r.Parent, true)
		l = max(l, shared, z.territory(name, of, r.Parent))
	}
	return l
}

func (z zohoOracle) managers() int {
	return map[string]int{"": 4, "write": 2, "read": 1, "none": 0}[z.o.Dialect.Managers]
}

// byOwners is what superiors and peers of owners have.
func (z zohoOracle) byOwners(name string, r *model.Record) (l int) {
	role := z.o.Users[name].Role
	for _, o := range r.Owners {
		owner := strings.TrimPrefix(o, "user:")
		if z.superior(name, owner) {
			l = max(l, z.managers())
		}
		if x, ok := z.o.Users[owner]; ok && z.byRole() && x.Role == role && z.o.Roles[role].ShareWithPeers {
			l = 4
		}
	}
	return l
}

func (z zohoOracle) byRules(name, module string, r *model.Record) (l int) {
	for _, rule := range z.o.Rules {
		if rule.Module == module && z.reaches(name, rule) && z.rule(rule, r) {
			l = max(l, zohoAccess[rule.Access])
		}
	}
	return l
}

// reaches tells whether a rule is for somebody, or for one whose superior he is.
func (z zohoOracle) reaches(name string, rule zoho.SharingRule) bool {
	if z.isIn(name, rule.To) {
		return true
	}
	if s := z.o.Dialect.ManagersOfGrantees; s != "yes" && (s != "" || !rule.SuperiorsAllowed) {
		return false
	}
	for x := range z.o.Users {
		if z.isIn(x, rule.To) && z.superior(name, x) {
			return true
		}
	}
	return z.byRole() && z.aboveSome(z.o.Users[name].Role, rule.To)
}

// aboveSome tells whether a role is above one of some people's, whether or not anybody is in it.
func (z zohoOracle) aboveSome(role string, p zoho.People) bool {
	return slices.ContainsFunc(slices.Concat(p.Roles, p.RolesAndSubordinates), func(low string) bool { return z.above(role, low) }) ||
		slices.ContainsFunc(p.Groups, func(g string) bool { return z.aboveSome(role, z.o.Groups[g]) })
}

func (z zohoOracle) byGrantees(name, module string, r *model.Record) (l int) {
	for x := range z.o.Users {
		if z.o.Dialect.ManagersOfGrantees == "yes" && z.superior(name, x) {
			grantee, _ := z.shared(x, module, r, false)
			l = max(l, min(z.managers(), grantee))
		}
	}
	return l
}

func (z zohoOracle) rule(rule zoho.SharingRule, r *model.Record) bool {
	if rule.Criteria != nil {
		return z.meets(*rule.Criteria, r) == yes
	}
	if rule.From.Everyone {
		return true
	}
	return slices.ContainsFunc(r.Owners, func(o string) bool { return z.isIn(strings.TrimPrefix(o, "user:"), *rule.From) })
}

// shared is what record shares give, and whether they let the owner be changed.
func (z zohoOracle) shared(name, module string, r *model.Record, related bool) (level int, transfers bool) {
	for _, s := range z.o.Shares {
		dropped := z.o.Dialect.SharesAtOwnerChange == "dropped" && !slices.Contains(r.Owners, "user:"+s.Owner)
		if u := z.o.Users[name]; z.o.Dialect.DeactivationDropsShares == "yes" && u.Status == "inactive" { // it was with her, and not with what she is in
			s.With.Users = nil
		}
		if s.Module == module && s.Record == r.ID && z.isIn(name, s.With) && !dropped && (s.Related || !related) {
			level = max(level, zohoAccess[s.Access])
			transfers = transfers || s.Access == "read_write" && z.o.Dialect.WriteSharesTransfer == "yes"
		}
	}
	return level, transfers
}

func (z zohoOracle) territory(name, module string, r *model.Record) (level int) {
	if !z.o.Modules[module].Territories {
		return 0
	}
	for t, of := range z.o.Territories {
		list, _ := r.Attrs["Territories"].([]string)
		in := slices.Contains(list, t)
		if x, ok := of.Criteria[module]; ok && !in {
			in = z.meets(x, r) == yes
			for at := of.ReportsTo; at != ""; at = z.o.Territories[at].ReportsTo {
				if x, ok := z.o.Territories[at].Criteria[module]; ok {
					in = in && z.meets(x, r) == yes
				}
			}
		}
		if !in {
			continue
		}
		if slices.Contains(of.Users, name) {
			level = max(level, zohoAccess[of.Access])
		}
		for at := t; at != ""; at = z.o.Territories[at].ReportsTo {
			if z.o.Territories[at].Manager == name {
				level = max(level, map[string]int{"": 2, "same": zohoAccess[of.Access], "read": 1, "none": 0}[z.o.Dialect.TreeInherits])
			}
		}
	}
	return level
}

func (z zohoOracle) isIn(name string, p zoho.People) bool {
	u, ok := z.o.Users[name]
	if p.Everyone {
		return true
	}
	return ok && (slices.Contains(p.Users, name) || slices.Contains(p.Roles, u.Role) ||
		slices.ContainsFunc(p.RolesAndSubordinates, func(r string) bool { return r == u.Role || z.above(r, u.Role) }) ||
		slices.ContainsFunc(p.Groups, func(g string) bool { return z.isIn(name, z.o.Groups[g]) }))
}

func (z zohoOracle) byRole() bool {
	return z.o.Hierarchy == "role" || z.o.Hierarchy == "" && z.o.Dialect.HierarchyOff != "all"
}

func (z zohoOracle) superior(name, of string) bool {
	u, low := z.o.Users[name], z.o.Users[of]
	if z.o.Hierarchy == "reporting" {
		for at := low.ReportsTo; at != ""; at = z.o.Users[at].ReportsTo {
			if at == name {
				return true
			}
		}
		return false
	}
	return z.byRole() && z.above(u.Role, low.Role)
}

func (z zohoOracle) above(high, low string) bool {
	for at := z.o.Roles[low].ReportsTo; at != ""; at = z.o.Roles[at].ReportsTo {
		if at == high {
			return true
		}
	}
	return false
}

type truth int

const (
	no truth = iota
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// meets evaluates criteria; of a field without a value, nothing is known.
func (z zohoOracle) meets(x zoho.Criteria, r *model.Record) truth {
	if len(x.Group) > 0 {
		best := z.meets(x.Group[0], r)
		for _, g := range x.Group[1:] {
			if x.GroupOperator == "or" {
				best = max(best, z.meets(g, r))
			} else {
				best = min(best, z.meets(g, r))
			}
		}
		return best
	}
	v := r.Attrs[x.Field]
	if x.Field == "Owner" {
		some := slices.ContainsFunc(x.Value, func(name string) bool { return slices.Contains(r.Owners, "user:"+name) })
		return truthOf(some == (x.Comparator == "equal"))
	}
	if x.Value[0] == "${EMPTY}" {
		return truthOf((v == nil) == (x.Comparator == "equal"))
	}
	switch v := v.(type) {
	case string:
		return truthOf(zohoText(x, v))
	case float64:
		return truthOf(map[string]bool{
			"greater_than": v > 1.5, "less_equal": v <= 1.5, "equal": v == 1.5, "not_equal": v != 1.5,
			"between": v >= 1 && v <= 2, "not_between": v < 1 || v > 2,
		}[x.Comparator])
	case time.Time:
		day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		return truthOf(v.Before(day) == (x.Comparator == "less_than"))
	case []string:
		some := slices.ContainsFunc(x.Value, func(s string) bool { return slices.Contains(v, s) })
		return truthOf(some == (x.Comparator == "contains"))
	}
	return unknown
}

func zohoText(x zoho.Criteria, v string) bool {
	switch x.Comparator {
	case "equal", "in":
		return slices.Contains(x.Value, v)
	case "not_equal", "not_in":
		return !slices.Contains(x.Value, v)
	case "contains":
		return strings.Contains(v, x.Value[0])
	case "not_contains":
		return !strings.Contains(v, x.Value[0])
	case "starts_with":
		return strings.HasPrefix(v, x.Value[0])
	}
	return strings.HasSuffix(v, x.Value[0])
}
