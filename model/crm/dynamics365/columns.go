package dynamics365

import (
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// forAction is the condition that the question is for one right.
func forAction(r Right) crm.Condition {
	return crm.Condition{Name: "for_" + r.String(), Expr: "action == " + crm.Quote(r.String())}
}

// oneUnmasked is the condition that a single record was asked for unmasked.
var oneUnmasked = crm.Condition{Name: "one_unmasked", Expr: "env.single && env.unmask"}

func splitColumn(key string) (table, column string) {
	table, column, _ = strings.Cut(key, ".")
	return table, column
}

// columns makes the field rules of column security profiles, column shares and administrators.
func (c *compiler) columns() {
	for name, p := range crm.Sorted(c.ColumnProfiles) {
		for _, u := range p.Users {
			c.member(userID(u), columnsID(name))
		}
		for _, t := range p.Teams {
			c.member(teamID(t), columnsID(name))
		}
		for key, access := range crm.Sorted(p.Columns) {
			c.column(columnsID(name), key, access)
		}
	}
	for _, s := range c.ColumnShares {
		table, id, _ := strings.Cut(s.Record, "/")
		on := model.Target{Type: crm.Name(table), ID: id, Field: crm.Name(s.Column)}
		masked := c.Tables[table].Columns[s.Column].Mask != ""
		c.opens(c.subject(s.To), on, ColumnAccess{Read: s.Read, Update: s.Update}, masked)
	}
	if c.dialect.AdminsSeeAllFields == "yes" {
		c.administrators()
	}
}

func (c *compiler) column(subject, key string, access ColumnAccess) {
	table, column := splitColumn(key)
	c.opens(subject, model.OnField(crm.Name(table), crm.Name(column)), access, c.Tables[table].Columns[column].Mask != "")
}

// opens makes the field rules of an access to a column.
func (c *compiler) opens(subject string, on model.Target, access ColumnAccess, masked bool) {
	open := func(level model.FieldLevel, when ...crm.Condition) {
		c.add(model.FieldRule{Tenant: c.tenant, Subject: subject, On: on, Level: level, Effect: model.Allow, If: c.when(when...)})
	}
	switch {
	case !access.Read:
	case masked && access.Unmasked == OneRecord:
		open(model.FieldMasked)
		open(model.FieldRead, oneUnmasked)
	case masked && access.Unmasked == NotUnmasked:
		open(model.FieldMasked)
	default:
		open(model.FieldRead)
	}
	if access.Create {
		open(model.FieldWrite, forAction(Create))
	}
	if access.Update {
		open(model.FieldWrite, forAction(Write))
	}
}

// administrators opens every column to the copies of roles of administrators.
func (c *compiler) administrators() {
	var subjects []string
	for _, u := range crm.Sorted(c.Users) {
		for _, a := range u.Roles {
			if c.Roles[a.Role].Administrator {
				subjects = append(subjects, roleID(a.Role, or(a.Unit, u.Unit)))
			}
		}
	}
	for name, t := range crm.Sorted(c.Teams) {
		for _, a := range t.Roles {
			if c.Roles[a.Role].Administrator {
				subjects = append(subjects, teamID(name))
			}
		}
	}
	for _, subject := range subjects {
		for table := range crm.Sorted(c.Tables) {
			c.add(model.FieldRule{Tenant: c.tenant, Subject: subject, On: model.OnField(crm.Name(table), model.Any), Level: model.FieldWrite, Effect: model.Allow})
		}
	}
}
