package salesforce

import (
	"path"
	"slices"

	"github.com/crmauthz/crmauthz/model/crm"
)

// parents are the objects that standard objects are under.
var parents = map[string]string{
	"Contact": account, "Opportunity": account, "Case": account, "Contract": account, "Order": account, "Asset": account,
	"CampaignMember": "Campaign", "OpportunityLineItem": "Opportunity", "OrderItem": "Order",
}

func (m *importer) object(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, lastCounts)
	m.described[name] = true
	o := m.objectOf(name)
	m.speaks(root.Line, objectKind, o.Parent)
	err := m.children(x, func(n *crm.Node) {
		switch n.Name {
		case "sharingModel":
			o.Sharing = m.sharing(n, name)
		case "externalSharingModel":
			o.ExternalSharing = m.sharing(n, name)
		case "fields":
			m.field(n, name, &o)
		case "nameField":
			m.nameField(n, name, &o)
		default:
			m.note(crm.NotExpressible, n.Line, n.Name, describe(n), "not about access")
		}
	})
	m.org.Objects[name] = o
	return err
}

// objectOf is what is known of an object so far.
func (m *importer) objectOf(name string) Object {
	o, ok := m.org.Objects[name]
	if !ok {
		o.Parent = parents[name]
	}
	if o.Fields == nil {
		o.Fields = map[string]Field{}
		for _, f := range m.options.SystemFields {
			o.Fields[f] = Field{System: true}
		}
	}
	return o
}

func (m *importer) sharing(n *crm.Node, object string) SharingModel {
	for i, word := range sharingNames {
		if word != "" && word == n.Text {
			m.note(crm.Taken, n.Line, n.Name, object+" "+n.Text, "")
			return SharingModel(i)
		}
	}
	m.note(crm.Unknown, n.Line, n.Name, object+" "+n.Text, "taken as Private")
	return Private
}

func (m *importer) nameField(n *crm.Node, object string, o *Object) {
	typ, _ := n.Child("type")
	o.Fields["Name"] = Field{Type: typ, Required: typ != "AutoNumber", System: typ == "AutoNumber"}
	m.note(crm.Taken, n.Line, n.Name, object+".Name", "follows the object")
}

// field reads a field, of an object's file or of its own.
func (m *importer) field(n *crm.Node, object string, o *Object) {
	name, _ := n.Child("fullName")
	if name == "" {
		m.note(crm.Unknown, n.Line, n.Name, object, "a field without a name")
		return
	}
	typ, _ := n.Child("type")
	required, _ := n.Child("required")
	f := Field{Type: typ, Required: required == "true" || typ == "MasterDetail", Encrypted: typ == "EncryptedText"}
	f.Encrypted = f.Encrypted && !f.Required
	why := ""
	if typ == "MasterDetail" {
		o.Parent, _ = n.Child("referenceTo")
		m.speaks(n.Line, objectKind, o.Parent)
		o.Master = AccessEdit
		if r, _ := n.Child("writeRequiresMasterRead"); r == "true" {
			o.Master = AccessRead
		}
		why = "the master is " + o.Parent
	} else if f.Required {
		why = "required: follows the object"
	}
	o.Fields[name] = f
	m.note(crm.Taken, n.Line, n.Name, object+"."+name, why)
}

// fieldFile reads a field's own file, objects/Account/fields/Level__c.field-meta.xml.
func (m *importer) fieldFile(x *crm.XML, root *crm.Node) error {
	object := m.name(root.Line, path.Base(path.Dir(path.Dir(m.at))))
	err := m.children(x, func(n *crm.Node) { root.Children = append(root.Children, n) })
	if err != nil {
		return err
	}
	m.speaks(root.Line, objectKind, object)
	o := m.objectOf(object)
	m.field(root, object, &o)
	m.org.Objects[object] = o
	return nil
}

func (m *importer) role(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, lastCounts)
	var r Role
	err := m.children(x, func(n *crm.Node) {
		switch n.Name {
		case "parentRole":
			r.Parent = n.Text
			m.speaks(n.Line, "Role", n.Text)
		case "caseAccessLevel":
			r.Case = m.access(n)
		case "contactAccessLevel":
			r.Contact = m.access(n)
		case "opportunityAccessLevel":
			r.Opportunity = m.access(n)
		case "name", "description", "mayForecastManagerShare":
			m.header(n)
			return
		default:
			m.unknown(n, root.Name)
			return
		}
		m.note(crm.Taken, n.Line, n.Name, name+" "+n.Text, "")
	})
	m.note(crm.Taken, root.Line, root.Name, name, "")
	m.org.Roles[name] = r
	return err
}

func (m *importer) territory(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, lastCounts)
	t := Territory{Access: map[string]Access{}}
	objects := map[string]string{
		"accountAccessLevel": account, "caseAccessLevel": "Case", "contactAccessLevel": "Contact", "opportunityAccessLevel": "Opportunity",
	}
	err := m.children(x, func(n *crm.Node) {
		object, known := objects[n.Name]
		switch {
		case known:
			t.Access[object] = m.access(n)
			m.speaks(n.Line, objectKind, object)
		case n.Name == "parentTerritory":
			t.Parent = n.Text
			m.speaks(n.Line, "Territory2", n.Text)
		case slices.Contains([]string{"name", "description", "territory2Type"}, n.Name):
			m.header(n)
			return
		case n.Name == "ruleAssociations":
			m.note(crm.NotExpressible, n.Line, n.Name, describe(n), "which records are in a territory, the records say")
			return
		default:
			m.unknown(n, root.Name)
			return
		}
		m.note(crm.Taken, n.Line, n.Name, name+" "+n.Text, "")
	})
	m.note(crm.Taken, root.Line, root.Name, name, "")
	m.org.Territories[name] = t
	return err
}

func (m *importer) group(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, lastCounts)
	g := m.org.Groups[name]
	g.NoBosses = true // unless it says otherwise
	err := m.children(x, func(n *crm.Node) {
		switch n.Name {
		case "doesIncludeBosses":
			g.NoBosses = !m.flag(n)
			m.note(crm.Taken, n.Line, n.Name, name+" "+n.Text, "")
		case "name", "fullName":
			m.header(n)
		default:
			m.unknown(n, root.Name)
		}
	})
	m.org.Groups[name] = g
	m.note(crm.Ambiguous, root.Line, root.Name, name, "its members are in no file; nobody, until they are added")
	return err
}

func (m *importer) queue(x *crm.XML, root *crm.Node, name string) error {
	m.again(root.Line, root.Name, name, bothCount)
	q := m.org.Queues[name]
	err := m.children(x, func(n *crm.Node) {
		if n.Name != "queueMembers" {
			m.header(n)
			return
		}
		for _, kind := range n.Children {
			for _, member := range kind.Children {
				m.queueMember(kind.Name, member, &q)
			}
		}
	})
	m.note(crm.Taken, root.Line, root.Name, name, "")
	m.org.Queues[name] = q
	return err
}

func (m *importer) queueMember(kind string, n *crm.Node, q *Group) {
	switch kind {
	case "roles":
		q.Roles = append(q.Roles, n.Text)
		m.speaks(n.Line, "Role", n.Text)
	case "roleAndSubordinates", "roleAndSubordinatesInternal":
		q.RolesAndSubordinates = append(q.RolesAndSubordinates, n.Text)
		m.speaks(n.Line, "Role", n.Text)
	case "publicGroups":
		q.Groups = append(q.Groups, n.Text)
		m.speaks(n.Line, "Group", n.Text)
	case "users":
		m.note(crm.NotExpressible, n.Line, n.Name, n.Text, "users are in no file; add the user, and to the queue")
		return
	default:
		m.unknown(n, kind)
		return
	}
	m.note(crm.Taken, n.Line, n.Name, n.Text, "")
}
