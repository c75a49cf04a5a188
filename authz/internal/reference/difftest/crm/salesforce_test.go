package crm_test

import (
	"time"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

// randomSalesforce makes up an organisation of Salesforce.
func randomSalesforce(d dice) (*crm.Policy, oracle, error) {
	s := salesforceMaker{dice: d, o: &salesforce.Organisation{
		Dialect: crm.Dialect{
			Managers: pick(d, "", "", "write", "read", "none"), ManagersOfGrantees: pick(d, "", "", "no"), HierarchyOff: "any",
			PublicWriteDeletes: pick(d, "", "", "yes"), WriteSharesTransfer: pick(d, "", "", "yes"), SharesAtOwnerChange: pick(d, "", "kept", "dropped"),
			TreeInherits: pick(d, "", "", "read", "none"), Bundles: pick(d, "", "", "union"), DeactivationDropsShares: pick(d, "", "", "no"),
			Fields: pick(d, "", "open"), AdminsSeeAllFields: pick(d, "", "yes"),
		},
		Objects: map[string]salesforce.Object{}, Profiles: map[string]salesforce.Profile{}, PermissionSets: map[string]salesforce.PermissionSet{},
		PermissionSetGroups: map[string]salesforce.PermissionSetGroup{}, MutingPermissionSets: map[string]salesforce.Permissions{},
		Roles: map[string]salesforce.Role{}, Groups: map[string]salesforce.Group{}, Queues: map[string]salesforce.Group{},
		Territories: map[string]salesforce.Territory{}, Users: map[string]salesforce.User{},
	}}
	s.objects = []string{"Account", "Contact", "Opportunity", "Thing__c"}
	s.roles, s.users, s.groups = numbered("Role ", 6), numbered("u", 8), numbered("G", 3)
	s.make()
	p, err := s.o.Compile(tenant)
	return p, salesforceOracle{s.o}, err
}

type salesforceMaker struct {
	dice
	o                             *salesforce.Organisation
	objects, roles, users, groups []string
}

func (s *salesforceMaker) make() {
	for n, name := range s.roles {
		r := salesforce.Role{Portal: s.chance(15), Opportunity: pick(s.dice, salesforce.None, salesforce.AccessRead, salesforce.AccessEdit)}
		if n > 0 && s.chance(85) {
			r.Parent = s.roles[s.IntN(n)]
		}
		s.o.Roles[name] = r
	}
	for n, name := range s.groups {
		g := salesforce.Group{Users: some(s.dice, 2, s.users...), Roles: some(s.dice, 1, s.roles...), RolesAndSubordinates: some(s.dice, 1, s.roles...), NoBosses: s.chance(25)}
		if n > 0 && s.chance(40) {
			g.Groups = []string{s.groups[s.IntN(n)]}
		}
		s.o.Groups[name] = g
	}
	s.o.Queues["Q1"] = salesforce.Group{Users: some(s.dice, 3, s.users...), Groups: some(s.dice, 1, s.groups...)}
	s.o.Territories["World"] = salesforce.Territory{Users: some(s.dice, 1, s.users...)}
	s.o.Territories["North"] = salesforce.Territory{Parent: "World", Users: some(s.dice, 2, s.users...), Access: map[string]salesforce.Access{
		"Account": pick(s.dice, salesforce.AccessRead, salesforce.AccessEdit, salesforce.AccessAll),
	}}
	for _, name := range s.objects {
		s.o.Objects[name] = s.object(name)
	}
	s.bundles()
	for _, name := range s.users {
		u := salesforce.User{Profile: pick(s.dice, keys(s.o.Profiles)...), External: s.chance(15), State: pick(s.dice, 0, 0, 0, 0, 0, salesforce.Frozen, salesforce.Deactivated)}
		if s.chance(85) {
			u.Role = pick(s.dice, s.roles...)
		}
		for _, set := range some(s.dice, 2, keys(s.o.PermissionSets)...) {
			u.Sets = append(u.Sets, salesforce.Assignment{Name: set, Until: s.until()})
		}
		for _, g := range some(s.dice, 1, keys(s.o.PermissionSetGroups)...) {
			u.SetGroups = append(u.SetGroups, salesforce.Assignment{Name: g, Until: s.until()})
		}
		s.o.Users[name] = u
	}
	for range s.IntN(7) {
		s.share()
	}
}

func (s *salesforceMaker) until() (t time.Time) {
	if s.chance(20) {
		return now.Add(time.Duration(s.IntN(3)-1) * time.Hour)
	}
	return t
}

func (s *salesforceMaker) object(name string) salesforce.Object {
	o := salesforce.Object{
		Sharing:         pick(s.dice, salesforce.Private, salesforce.Private, salesforce.PublicRead, salesforce.PublicReadWrite, salesforce.PublicReadWriteTransfer, salesforce.PublicFullAccess),
		ExternalSharing: pick(s.dice, salesforce.Unset, salesforce.Unset, salesforce.PublicRead),
		NoHierarchies:   s.chance(20), Approvals: s.chance(15),
		Fields: map[string]salesforce.Field{"Region__c": {}, "Size__c": {Type: "Number"}, "Secret__c": {Encrypted: s.chance(50)}, "Name": {Required: true}},
	}
	switch {
	case name == "Contact" && s.chance(60):
		o.Sharing, o.ExternalSharing, o.Parent = salesforce.ControlledByParent, 0, "Account"
		return o
	case name == "Thing__c" && s.chance(40):
		o.Sharing, o.ExternalSharing, o.Parent, o.Master = salesforce.ControlledByParent, 0, "Opportunity", pick(s.dice, salesforce.AccessRead, salesforce.AccessEdit)
		return o
	case name == "Opportunity" || name == "Contact":
		o.Parent = "Account"
	}
	for range s.IntN(3) {
		o.SharingRules = append(o.SharingRules, s.rule(name, len(o.SharingRules)))
	}
	if s.chance(25) {
		o.Restrictions = []salesforce.RestrictionRule{{
			Name: "R", Users: []salesforce.Criterion{{Field: pick(s.dice, "$Profile"), Operation: "equals", Value: "P1"}}, Criteria: s.criteria(),
		}}
	}
	return o
}

func (s *salesforceMaker) grantee() (g salesforce.Grantee) {
	role := pick(s.dice, s.roles...)
	switch s.IntN(7) {
	case 0:
		g.User = pick(s.dice, s.users...)
	case 1:
		g.Role = role
	case 2:
		g.RoleAndSubordinates = role
	case 3:
		g.RoleAndSubordinatesInternal = role
	case 4:
		g.Queue = "Q1"
	case 5:
		g.Territory = pick(s.dice, "North", "World")
	default:
		g.Group = pick(s.dice, s.groups...)
	}
	return g
}

func (s *salesforceMaker) criteria() []salesforce.Criterion {
	all := []salesforce.Criterion{
		{Field: "Region__c", Operation: pick(s.dice, "equals", "notEqual"), Value: pick(s.dice, "North", "North,South", "")},
		{Field: "Size__c", Operation: pick(s.dice, "lessThan", "greaterOrEqual", "notEqual"), Value: "2"},
		{Field: "OwnerId", Operation: "equals", Value: "$User.Id"},
	}
	return append(some(s.dice, 1, all[:2]...), pick(s.dice, all...))
}

func (s *salesforceMaker) rule(object string, n int) salesforce.SharingRule {
	r := salesforce.SharingRule{Name: numbered("S", n+1)[n], To: s.grantee(), Access: pick(s.dice, salesforce.AccessRead, salesforce.AccessEdit)}
	if s.chance(50) {
		from := s.grantee()
		r.From = &from
	} else {
		r.Criteria = s.criteria()
		for s.isOwner(r.Criteria) { // a sharing rule's criteria are not about who asks
			r.Criteria = s.criteria()
		}
		r.Filter = pick(s.dice, "", "1")
		if len(r.Criteria) == 2 {
			r.Filter = pick(s.dice, "", "1 or 2", "not (1 AND 2)")
		}
	}
	if object == "Account" {
		r.Opportunity = pick(s.dice, salesforce.None, salesforce.AccessRead, salesforce.AccessEdit)
	}
	return r
}

func (s *salesforceMaker) isOwner(criteria []salesforce.Criterion) bool {
	for _, c := range criteria {
		if c.Field == "OwnerId" {
			return true
		}
	}
	return false
}

func (s *salesforceMaker) permissions() salesforce.Permissions {
	p := salesforce.Permissions{Objects: map[string]salesforce.Rights{}, Fields: map[string]salesforce.Access{}}
	for _, object := range s.objects {
		for _, r := range some(s.dice, 2, salesforce.Read, salesforce.Create, salesforce.Edit, salesforce.Edit, salesforce.Delete, salesforce.ViewAll, salesforce.ModifyAll, salesforce.ViewAllFields) {
			p.Objects[object] |= r
		}
		for _, f := range some(s.dice, 3, "Region__c", "Size__c", "Secret__c") {
			p.Fields[object+"."+f] = pick(s.dice, salesforce.AccessRead, salesforce.AccessEdit)
		}
	}
	if s.chance(40) {
		p.User = some(s.dice, 1, "ViewAllData", "ModifyAllData", "TransferAnyEntity", "ViewEncryptedData")
	}
	return p
}

func (s *salesforceMaker) bundles() {
	for _, name := range numbered("P", 3) {
		p := salesforce.Profile{Permissions: s.permissions()}
		if s.chance(15) {
			p.LoginIPRanges = []string{"10.0.0.1-10.0.0.9"}
		}
		if s.chance(15) {
			p.LoginHours = []salesforce.Hours{{Day: now.Weekday(), Start: 480, End: 480 + s.IntN(2)*600}}
		}
		if s.chance(25) {
			p.Layouts = map[string]salesforce.Access{"Account.Size__c": pick(s.dice, salesforce.None, salesforce.AccessRead)}
		}
		s.o.Profiles[name] = p
	}
	sets := []string{"a", "b", "c", "d"} // of which requests speak
	for _, name := range sets {
		s.o.PermissionSets[name] = salesforce.PermissionSet{Permissions: s.permissions(), SessionBased: s.chance(20)}
	}
	s.o.MutingPermissionSets["M"] = s.permissions()
	for _, name := range numbered("SG", 2) {
		s.o.PermissionSetGroups[name] = salesforce.PermissionSetGroup{Sets: some(s.dice, 3, sets...), Muting: pick(s.dice, "", "M")}
	}
}

func (s *salesforceMaker) share() {
	object := pick(s.dice, s.objects...)
	if s.o.Objects[object].Sharing == salesforce.ControlledByParent {
		return
	}
	share := salesforce.Share{
		Record: object + "/" + pick(s.dice, "1", "2", "3"), To: s.grantee(), Access: pick(s.dice, salesforce.AccessRead, salesforce.AccessEdit),
		Cause: pick(s.dice, salesforce.Manual, salesforce.Team, salesforce.Apex), Until: s.until(),
	}
	switch {
	case s.chance(40):
		share.Owner = pick(s.dice, s.users...)
	case object == "Opportunity" && s.chance(40):
		share.Account = pick(s.dice, "1", "2", "3")
	}
	if object == "Account" {
		share.Opportunity = pick(s.dice, salesforce.None, salesforce.AccessRead, salesforce.AccessEdit)
	}
	s.o.Shares = append(s.o.Shares, share)
}
