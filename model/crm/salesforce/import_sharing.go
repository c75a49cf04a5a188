package salesforce

import (
	"slices"

	"github.com/crmauthz/crmauthz/model/crm"
)

func (m *importer) sharingRules(x *crm.XML, root *crm.Node, object string) error {
	m.again(root.Line, root.Name, object, bothCount)
	m.speaks(root.Line, objectKind, object)
	o := m.objectOf(object)
	err := m.children(x, func(n *crm.Node) {
		switch n.Name {
		case "sharingOwnerRules", "sharingCriteriaRules", "sharingGuestRules", "sharingTerritoryRules":
			if r, ok := m.sharingRule(n); ok {
				o.SharingRules = append(o.SharingRules, r)
				m.rules = append(m.rules, importedRule{object, r.Name, n.Name, place{m.at, n.Line}})
			}
		default:
			m.unknown(n, root.Name)
		}
	})
	m.org.Objects[object] = o
	return err
}

// importedRule is where a sharing rule stands. Whether it is taken is seen when all files are read.
type importedRule struct {
	object, name, kind string
	place
}

// sharingRule reads a rule. Without all that it says it could share too much, so what is
// not understood of it leaves it out.
func (m *importer) sharingRule(n *crm.Node) (r SharingRule, ok bool) {
	var problem string
	for _, c := range n.Children {
		switch c.Name {
		case "fullName":
			r.Name = c.Text
		case "accessLevel":
			r.Access = m.access(c)
		case "sharedTo":
			r.To, problem = grantee(c, problem)
		case "sharedFrom":
			r.From = new(Grantee)
			*r.From, problem = grantee(c, problem)
		case "accountSettings":
			m.accountSettings(c, &r)
		case "criteriaItems":
			r.Criteria = append(r.Criteria, criterion(c))
		case "booleanFilter":
			r.Filter = c.Text
		case "label", "description":
			m.header(c)
		case "includeHVUOwnedRecords", "includeRecordsOwnedByAll":
			m.note(crm.NotExpressible, c.Line, c.Name, c.Text, "owners who are no users with a role are as others")
		default:
			m.unknown(c, n.Name)
			problem = "has a " + c.Name
		}
	}
	if problem != "" {
		m.note(crm.NotExpressible, n.Line, n.Name, r.Name, problem+"; the rule shares nothing here")
		return r, false
	}
	return r, true
}

func criterion(n *crm.Node) (x Criterion) {
	x.Field, _ = n.Child("field")
	x.Operation, _ = n.Child("operation")
	x.Value, _ = n.Child("value")
	return x
}

func (m *importer) accountSettings(n *crm.Node, r *SharingRule) {
	for _, c := range n.Children {
		switch c.Name {
		case "caseAccessLevel":
			r.Case = m.access(c)
		case "contactAccessLevel":
			r.Contact = m.access(c)
		case "opportunityAccessLevel":
			r.Opportunity = m.access(c)
		default:
			m.unknown(c, n.Name)
		}
	}
}

// grantee reads sharedTo or sharedFrom. It returns the problem that there was, or that it has itself.
func grantee(n *crm.Node, problem string) (g Grantee, _ string) {
	if len(n.Children) != 1 {
		return g, n.Name + " is not one group, role or the like"
	}
	c := n.Children[0]
	switch c.Name {
	case "group":
		g.Group = c.Text
	case "role", "portalRole":
		g.Role = c.Text
	case "roleAndSubordinates", "portalRoleAndSubordinates":
		g.RoleAndSubordinates = c.Text
	case "roleAndSubordinatesInternal":
		g.RoleAndSubordinatesInternal = c.Text
	case "territory":
		g.Territory = c.Text
	case "territoryAndSubordinates":
		g.TerritoryAndSubordinates = c.Text
	case "queue":
		g.Queue = c.Text
	case "guestUser":
		g.User = c.Text
	case "allInternalUsers":
		g.AllInternalUsers = true
	case "allCustomerPortalUsers", "allPartnerUsers":
		return g, n.Name + " is " + c.Name + ", some of the external users; describe a group of them"
	default:
		return g, n.Name + " is " + c.Name
	}
	return g, problem
}

func (m *importer) sharingSet(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, lastCounts)
	var set SharingSet
	err := m.children(x, func(n *crm.Node) {
		switch n.Name {
		case "accessMappings":
			var a AccessMapping
			a.Object, _ = n.Child("object")
			a.ObjectField, _ = n.Child("objectField")
			a.UserField, _ = n.Child("userField")
			for _, c := range n.Children {
				if c.Name == "accessLevel" {
					a.Access = m.access(c)
				}
			}
			if a.Object == "" || a.ObjectField == "" || a.UserField == "" || a.Access != AccessRead && a.Access != AccessEdit {
				m.note(crm.Unknown, n.Line, n.Name, a.Object, "has not an object, its field, the user's field and Read or Edit")
				return
			}
			m.speaks(n.Line, objectKind, a.Object)
			set.Mappings = append(set.Mappings, a)
			m.note(crm.Taken, n.Line, n.Name, a.Object+"."+a.ObjectField+" = User."+a.UserField, "")
		case "profiles":
			set.Profiles = append(set.Profiles, n.Text)
			m.note(crm.Taken, n.Line, n.Name, n.Text, "")
		default:
			if slices.Contains([]string{"name", "description"}, n.Name) {
				m.header(n)
				return
			}
			m.unknown(n, root.Name)
		}
	})
	m.org.SharingSets[name] = set
	return err
}
