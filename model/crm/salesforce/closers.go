package salesforce

import (
	"fmt"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// closers makes what takes away: restriction rules, locks, login windows and page layouts.
func (c *compiler) closers() {
	for name, object := range crm.Sorted(c.Objects) {
		for _, r := range object.Restrictions {
			c.restriction(name, r)
		}
		if object.Approvals {
			c.lock(name)
		}
	}
	for name, p := range crm.Sorted(c.Profiles) {
		c.login(name, p)
		c.layouts(name, p)
	}
	c.can(viewEncryptedData)
}

func (c *compiler) mayNot(subject, object, action string, when crm.Condition) {
	on := object
	if object != model.Any {
		on = crm.Name(object)
	}
	c.add(model.CustomerRule{
		Tenant: c.tenant, Subject: subject, On: model.OnType(on), Action: action, Effect: model.Deny, If: c.when(when),
	})
}

// viewsAll is the condition that the user may view all records of an object.
func (c *compiler) viewsAll(object string) crm.Condition {
	return c.can(viewAllOf+object, modifyAllOf+object, viewAllData, modifyAllData)
}

// modifiesAll is the condition that the user may modify all records of an object.
func (c *compiler) modifiesAll(object string) crm.Condition {
	return c.can(modifyAllOf+object, modifyAllData)
}

// restriction forbids the users of a restriction rule what does not meet its criteria.
func (c *compiler) restriction(object string, r RestrictionRule) {
	parts := []string{"!(" + c.criteria(object, "record", r.Criteria, r.Filter) + ")", c.viewsAll(object).Not().Expr}
	for _, x := range r.Users {
		parts = append(parts, c.userCriterion(x))
	}
	restricted := crm.Condition{Name: "restricted." + crm.Name(object) + "." + crm.Name(r.Name), Expr: "(" + strings.Join(parts, ") && (") + ")"}
	for _, action := range onRecords {
		c.mayNot(model.Everyone, object, action, restricted)
	}
}

// userCriterion is a criterion about the user.
func (c *compiler) userCriterion(x Criterion) string {
	if x.Operation != "equals" && x.Operation != "notEqual" {
		c.fail(x.refuse("User"))
		return "true"
	}
	var expr string
	switch x.Field {
	case "$Profile":
		expr = crm.MemberOf("", profileID(x.Value)).Expr
	case "$Role":
		expr = crm.MemberOf("", roles.in(x.Value)).Expr
	case "$Permission":
		expr = c.can(x.Value).Expr
	default:
		c.userField(x.Field)
		literal := literalOf(attrType(c.UserFields[x.Field]), x.Value)
		if literal == "" {
			c.fail(x.refuse("User"))
		}
		expr = userAttribute(x.Field) + " == " + literal
	}
	if x.Operation == "notEqual" {
		return "!(" + expr + ")"
	}
	return expr
}

// lock forbids to change a record that is locked in an approval, but to its approvers and who may
// modify all. A request that does not say whether the record is locked is about a locked one.
func (c *compiler) lock(object string) {
	c.attribute(object, AttrLocked, model.AttrBool)
	c.attribute(object, AttrApprovers, model.AttrStrings)
	locked := crm.Condition{
		Name: "locked." + crm.Name(object),
		Expr: "record." + AttrLocked + " && " + c.modifiesAll(object).Not().Expr + " && !(user.id in record." + AttrApprovers + ")",
	}
	for _, action := range []string{actionEdit, actionDelete, actionTransfer} {
		c.mayNot(model.Everyone, object, action, locked)
	}
}

// login forbids everything outside a profile's hours and addresses. A request that does not say where it comes from
// comes from outside.
func (c *compiler) login(name string, p Profile) {
	if len(p.LoginIPRanges) > 0 {
		in, err := crm.AddressIn(p.LoginIPRanges)
		if err != nil {
			c.fail(err)
		}
		c.mayNot(profileID(name), model.Any, model.Any, crm.Condition{Name: "ip." + crm.Name(name), Expr: in}.Not())
	}
	if len(p.LoginHours) > 0 {
		windows := make([]string, len(p.LoginHours))
		for i, h := range p.LoginHours {
			zone := h.Zone
			if zone == "" {
				zone = "UTC"
			}
			z := crm.Quote(zone)
			minute := "now.getHours(" + z + ") * 60 + now.getMinutes(" + z + ")"
			windows[i] = fmt.Sprintf("now.getDayOfWeek(%s) == %d && %s >= %d && %s < %d", z, h.Day, minute, h.Start, minute, h.End)
		}
		c.mayNot(profileID(name), model.Any, model.Any, crm.Condition{Name: "hours." + crm.Name(name), Expr: strings.Join(windows, " || ")}.Not())
	}
}

// layouts caps the fields of a profile's page layouts in the user interface, which is where a request comes from
// unless it says that its channel is another.
func (c *compiler) layouts(name string, p Profile) {
	ui := crm.Condition{Name: "ui", Expr: `env.channel == "ui"`}
	for key, access := range crm.Sorted(p.Layouts) {
		object, field := splitField(key)
		rule := model.FieldRule{
			Tenant: c.tenant, Subject: profileID(name), On: model.OnField(crm.Name(object), crm.Name(field)), Effect: model.Deny,
			Level: model.FieldMasked, If: c.when(ui),
		}
		if access == AccessRead {
			rule.Level, rule.If = model.FieldWrite, c.when(ui, c.can(editReadonlyFields).Not())
		}
		if access < AccessEdit {
			c.add(rule)
		}
	}
}
