package crm_test

import (
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

// salesforceOracle decides as Salesforce does, gate by gate.
type salesforceOracle struct{ o *salesforce.Organisation }

// The levels of a record, and what the actions need.
const (
	sfNone = iota
	sfRead
	sfEdit
	sfTransfer
	sfAll
)

var sfNeeds = map[string]int{
	"read": sfRead, "give_read": sfRead, "edit": sfEdit, "give_edit": sfEdit, "create": sfEdit, "transfer": sfTransfer, "delete": sfAll, "share": sfAll,
}

var sfRights = map[string]salesforce.Rights{
	"read": salesforce.Read, "give_read": salesforce.Read, "create": salesforce.Create, "edit": salesforce.Edit, "give_edit": salesforce.Edit,
	"transfer": salesforce.Edit, "share": salesforce.Edit, "delete": salesforce.Delete, "view_all": salesforce.ViewAll, "modify_all": salesforce.ModifyAll,
}

// sfHeld is what a user holds of an object.
type sfHeld struct {
	rights salesforce.Rights
	user   []string
}

func (h sfHeld) has(permission string) bool { return slices.Contains(h.user, permission) }

func (h sfHeld) viewsAll() bool {
	return h.rights&salesforce.ViewAll != 0 || h.has("ViewAllData") || h.has("ModifyAllData")
}

func (h sfHeld) modifiesAll() bool {
	return h.rights&salesforce.ModifyAll != 0 || h.has("ModifyAllData")
}

func (s salesforceOracle) decides(q model.Request) (allowed, ok bool) {
	o, isObject := s.o.Objects[q.Type]
	if q.Record == nil || !isObject {
		return false, false
	}
	name := strings.TrimPrefix(q.User, "user:")
	u, known := s.o.Users[name]
	if !known || u.State != salesforce.Active || !s.mayLogin(u) {
		return false, true
	}
	held, always := s.holds(u, q, false), s.holds(u, q, true)
	need := sfNeeds[q.Action]
	if s.closed(name, u, o, q, always) {
		return false, true
	}
	if held.bypasses(q.Action) {
		return true, true
	}
	switch gate := held.rights&sfRights[q.Action] != 0; {
	case !gate:
		return false, true
	case q.Action == "view_all" || q.Action == "modify_all" || q.Action == "create" && o.Sharing != salesforce.ControlledByParent:
		return true, true
	case q.Action == "delete" && o.Sharing == salesforce.PublicReadWrite && !u.External && s.o.Dialect.PublicWriteDeletes == "yes":
		return true, true
	}
	if o.Master != salesforce.None && slices.Contains([]string{"create", "edit", "delete"}, q.Action) {
		need = int(o.Master)
	}
	return s.level(name, u, q.Record) >= need, true
}

// bypasses tells whether the user may do an action with every record.
func (h sfHeld) bypasses(action string) bool {
	switch action {
	case "view_all", "read":
		return h.viewsAll()
	case "create":
		return h.has("ModifyAllData")
	case "transfer":
		return h.modifiesAll() || h.has("TransferAnyEntity")
	}
	return h.modifiesAll()
}

func (s salesforceOracle) mayLogin(u salesforce.User) bool {
	p := s.o.Profiles[u.Profile]
	if len(p.LoginIPRanges) > 0 {
		return false // the addresses of the questions are none
	}
	for _, h := range p.LoginHours {
		at := now.Hour()*60 + now.Minute()
		return h.Day == now.Weekday() && h.Start <= at && at < h.End
	}
	return true
}

// holds is what a user holds of the type of a question; always, what does not depend on a session.
func (s salesforceOracle) holds(u salesforce.User, q model.Request, always bool) (h sfHeld) {
	add := func(p salesforce.Permissions) {
		h.rights |= p.Objects[q.Type].Closed()
		h.user = append(h.user, p.User...)
	}
	add(s.o.Profiles[u.Profile].Permissions)
	activated, _ := q.Env["activated"].([]string)
	for _, a := range u.Sets {
		set := s.o.PermissionSets[a.Name]
		if valid(a.Until) && (!set.SessionBased || !always && slices.Contains(activated, a.Name)) {
			add(set.Permissions)
		}
	}
	for _, a := range u.SetGroups {
		g := s.o.PermissionSetGroups[a.Name]
		if !valid(a.Until) {
			continue
		}
		in := sfHeld{}
		for _, set := range g.Sets {
			in.rights |= s.o.PermissionSets[set].Objects[q.Type].Closed()
			in.user = append(in.user, s.o.PermissionSets[set].User...)
		}
		if muted := s.o.MutingPermissionSets[g.Muting]; g.Muting != "" && s.o.Dialect.Bundles != "union" {
			in.rights = in.rights.Minus(muted.Objects[q.Type])
			in.user = slices.DeleteFunc(in.user, func(p string) bool { return slices.Contains(muted.User, p) })
		}
		h.rights |= in.rights
		h.user = append(h.user, in.user...)
	}
	return h
}

func valid(until time.Time) bool { return until.IsZero() || now.Before(until) }

// closed tells whether a restriction rule or a lock denies what all else may allow.
func (s salesforceOracle) closed(name string, u salesforce.User, o salesforce.Object, q model.Request, always sfHeld) bool {
	if _, listed := sfNeeds[q.Action]; !listed || q.Action == "create" {
		return false
	}
	for _, r := range o.Restrictions {
		if u.Profile == r.Users[0].Value && !always.viewsAll() && !s.meets(name, q.Record, r.Criteria, r.Filter) {
			return true
		}
	}
	if o.Approvals && slices.Contains([]string{"edit", "delete", "transfer"}, q.Action) {
		locked, told := q.Record.Attrs["locked"].(bool)
		approvers, _ := q.Record.Attrs["approvers"].([]string)
		return (locked || !told) && !always.modifiesAll() && !slices.Contains(approvers, q.User)
	}
	return false
}

// meets evaluates criteria about a record.
func (s salesforceOracle) meets(name string, r *model.Record, all []salesforce.Criterion, filter string) bool {
	is := func(c salesforce.Criterion) bool {
		switch c.Field {
		case "OwnerId":
			return s.owns(name, r)
		case "Size__c":
			size, ok := r.Attrs["Size__c"].(float64)
			return map[string]bool{"lessThan": ok && size < 2, "greaterOrEqual": ok && size >= 2, "notEqual": !ok || size != 2}[c.Operation]
		}
		region, ok := r.Attrs["Region__c"].(string)
		equal := ok && slices.Contains(strings.Split(c.Value, ","), region) || c.Value == "" && !ok
		return equal == (c.Operation == "equals")
	}
	switch filter {
	case "1 or 2":
		return is(all[0]) || is(all[1])
	case "not (1 AND 2)":
		return !(is(all[0]) && is(all[1]))
	}
	return !slices.ContainsFunc(all, func(c salesforce.Criterion) bool { return !is(c) })
}

// level is how much of a record the user reaches.
func (s salesforceOracle) level(name string, u salesforce.User, r *model.Record) int {
	o := s.o.Objects[r.Type]
	if o.Sharing == salesforce.ControlledByParent {
		switch {
		case r.Parent != nil:
			return s.level(name, u, r.Parent)
		case o.Master == salesforce.None && s.owns(name, r):
			return sfAll
		}
		return sfNone
	}
	sharing := o.Sharing
	if u.External {
		sharing = o.ExternalSharing
	}
	level := map[salesforce.SharingModel]int{
		salesforce.PublicRead: sfRead, salesforce.PublicReadWrite: sfEdit, salesforce.PublicReadWriteTransfer: sfTransfer, salesforce.PublicFullAccess: sfAll,
	}[sharing]
	for _, owner := range r.Owners {
		below := salesforce.Grantee{User: strings.TrimPrefix(owner, "user:")}
		if queue, ok := strings.CutPrefix(owner, "team:"); ok {
			below = salesforce.Grantee{Queue: queue}
		}
		if !o.NoHierarchies && s.isAbove(u, below) {
			level = max(level, s.managers())
		}
	}
	if s.owns(name, r) {
		level = sfAll
	}
	level = max(level, s.shared(name, u, r), s.ruled(name, u, r), s.byPlace(name, u, r))
	if reached, _ := r.Attrs["child_access"].([]string); r.Type == "Account" && slices.Contains(reached, "user:"+name) {
		level = max(level, sfRead)
	}
	return level
}

// owns tells whether the user, or a queue that she is in, owns the record.
func (s salesforceOracle) owns(name string, r *model.Record) bool {
	return slices.ContainsFunc(r.Owners, func(o string) bool {
		queue, ok := s.o.Queues[strings.TrimPrefix(o, "team:")]
		return o == "user:"+name || ok && s.inGroup(name, s.o.Users[name], queue)
	})
}

func (s salesforceOracle) managers() int {
	return map[string]int{"": sfAll, "write": sfEdit, "read": sfRead, "none": sfNone}[s.o.Dialect.Managers]
}

// above tells whether a role is above another.
func (s salesforceOracle) above(high, low string) bool {
	for at := s.o.Roles[low].Parent; at != "" && high != ""; at = s.o.Roles[at].Parent {
		if at == high {
			return true
		}
	}
	return false
}

func (s salesforceOracle) within(role, top string, inside bool) bool {
	for at := role; at != ""; at = s.o.Roles[at].Parent {
		if inside && s.o.Roles[at].Portal {
			return false
		}
		if at == top {
			return true
		}
	}
	return false
}

// is tells whether the user is a grantee.
func (s salesforceOracle) is(name string, u salesforce.User, g salesforce.Grantee) bool {
	switch {
	case g.User != "":
		return g.User == name
	case g.Group != "":
		return s.inGroup(name, u, s.o.Groups[g.Group])
	case g.Queue != "":
		return s.inGroup(name, u, s.o.Queues[g.Queue])
	case g.Role != "":
		return u.Role == g.Role
	case g.RoleAndSubordinates != "":
		return s.within(u.Role, g.RoleAndSubordinates, false)
	case g.RoleAndSubordinatesInternal != "":
		return s.within(u.Role, g.RoleAndSubordinatesInternal, true)
	}
	return slices.Contains(s.o.Territories[g.Territory].Users, name)
}

func (s salesforceOracle) inGroup(name string, u salesforce.User, g salesforce.Group) bool {
	return slices.Contains(g.Users, name) || slices.Contains(g.Roles, u.Role) ||
		slices.ContainsFunc(g.RolesAndSubordinates, func(r string) bool { return s.within(u.Role, r, false) }) ||
		slices.ContainsFunc(g.Groups, func(other string) bool { return s.inGroup(name, u, s.o.Groups[other]) })
}

// isAbove tells whether the user is above somebody among a grantee.
func (s salesforceOracle) isAbove(u salesforce.User, g salesforce.Grantee) bool {
	switch {
	case g.User != "":
		return s.above(u.Role, s.o.Users[g.User].Role)
	case g.Group != "":
		return !s.o.Groups[g.Group].NoBosses && s.aboveGroup(u, s.o.Groups[g.Group])
	case g.Queue != "":
		return slices.ContainsFunc(keys(s.o.Users), func(n string) bool {
			return s.is(n, s.o.Users[n], g) && s.above(u.Role, s.o.Users[n].Role)
		})
	case g.Territory != "":
		return slices.ContainsFunc(s.o.Territories[g.Territory].Users, func(n string) bool { return s.above(u.Role, s.o.Users[n].Role) })
	}
	return s.above(u.Role, g.Role+g.RoleAndSubordinates+g.RoleAndSubordinatesInternal)
}

func (s salesforceOracle) aboveGroup(u salesforce.User, g salesforce.Group) bool {
	aboveUser := func(n string) bool { return s.above(u.Role, s.o.Users[n].Role) }
	aboveRole := func(r string) bool { return s.above(u.Role, r) }
	return slices.ContainsFunc(g.Users, aboveUser) || slices.ContainsFunc(g.Roles, aboveRole) || slices.ContainsFunc(g.RolesAndSubordinates, aboveRole) ||
		slices.ContainsFunc(g.Groups, func(other string) bool { return s.aboveGroup(u, s.o.Groups[other]) })
}

// given is the level that a share with a grantee gives the user of an object's records.
func (s salesforceOracle) given(name string, u salesforce.User, object string, to salesforce.Grantee, access salesforce.Access) int {
	level := int(access)
	if access == salesforce.AccessEdit && s.o.Dialect.WriteSharesTransfer == "yes" {
		level = sfTransfer
	}
	switch {
	case s.is(name, u, to):
		return level
	case !s.o.Objects[object].NoHierarchies && s.o.Dialect.ManagersOfGrantees != "no" && s.isAbove(u, to):
		return min(level, s.managers())
	}
	return sfNone
}

// shared is what the shares of the record, or of its account, give.
func (s salesforceOracle) shared(name string, u salesforce.User, r *model.Record) (level int) {
	for _, x := range s.o.Shares {
		if s.lost(x) {
			continue
		}
		if s.isOf(x, r) {
			level = max(level, s.given(name, u, r.Type, x.To, x.Access))
		}
		if r.Type == "Account" && x.Account != "" && x.Account == r.ID && valid(x.Until) {
			level = max(level, s.given(name, u, "Account", x.To, salesforce.AccessRead))
		}
	}
	return level
}

// lost tells whether a share ended with the deactivation of its grantee.
func (s salesforceOracle) lost(x salesforce.Share) bool {
	return x.Cause != salesforce.Apex && s.o.Users[x.To.User].State == salesforce.Deactivated && s.o.Dialect.DeactivationDropsShares != "no"
}

// isOf tells whether a share is one of the record, and holds.
func (s salesforceOracle) isOf(x salesforce.Share, r *model.Record) bool {
	ends := s.o.Dialect.SharesAtOwnerChange == "dropped" || s.o.Dialect.SharesAtOwnerChange == "" && x.Cause == salesforce.Manual
	return x.Record == r.Type+"/"+r.ID && valid(x.Until) && (x.Owner == "" || !ends || slices.Contains(r.Owners, "user:"+x.Owner))
}

// ruled is what sharing rules give.
func (s salesforceOracle) ruled(name string, u salesforce.User, r *model.Record) (level int) {
	matches := func(x salesforce.SharingRule, r *model.Record) bool {
		if x.From == nil {
			return s.meets(name, r, x.Criteria, x.Filter)
		}
		return slices.ContainsFunc(r.Owners, func(owner string) bool {
			n := strings.TrimPrefix(owner, "user:")
			if x.From.Queue != "" {
				return owner == "team:"+x.From.Queue
			}
			_, known := s.o.Users[n]
			return known && s.is(n, s.o.Users[n], *x.From)
		})
	}
	for _, x := range s.o.Objects[r.Type].SharingRules {
		if matches(x, r) {
			level = max(level, s.given(name, u, r.Type, x.To, x.Access))
		}
	}
	if r.Type != "Opportunity" || r.Parent == nil {
		return level
	}
	for _, x := range s.o.Objects["Account"].SharingRules {
		if x.Opportunity != salesforce.None && matches(x, r.Parent) {
			level = max(level, s.given(name, u, r.Type, x.To, x.Opportunity))
		}
	}
	return level
}

// byPlace is what territories, roles of account owners, and shares of accounts give.
func (s salesforceOracle) byPlace(name string, u salesforce.User, r *model.Record) (level int) {
	in, _ := r.Attrs["territories"].([]string)
	if access := s.o.Territories["North"].Access[r.Type]; access != salesforce.None && slices.Contains(in, "North") {
		full := map[salesforce.Access]int{salesforce.AccessRead: sfRead, salesforce.AccessEdit: sfEdit, salesforce.AccessAll: sfAll}[access]
		if slices.Contains(s.o.Territories["North"].Users, name) {
			level = max(level, full)
		}
		if slices.Contains(s.o.Territories["World"].Users, name) {
			level = max(level, min(full, map[string]int{"": sfAll, "read": sfRead, "none": sfNone}[s.o.Dialect.TreeInherits]))
		}
	}
	if r.Type != "Opportunity" || r.Parent == nil {
		return level
	}
	for _, owner := range r.Parent.Owners {
		n := strings.TrimPrefix(owner, "user:")
		if role := s.o.Users[n].Role; role != "" {
			level = max(level, s.given(name, u, r.Type, salesforce.Grantee{User: n}, s.o.Roles[role].Opportunity))
		}
	}
	for _, x := range s.o.Shares {
		if x.Opportunity != salesforce.None && !s.lost(x) && s.isOf(x, r.Parent) {
			level = max(level, s.given(name, u, r.Type, x.To, x.Opportunity))
		}
	}
	return level
}
