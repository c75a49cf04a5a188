package salesforce

import (
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// when declares the condition that all conditions hold, and returns its name; empty for none.
func (c *compiler) when(all ...crm.Condition) string {
	return crm.Conditions(c.schema.Conditions).When(all...)
}

// inSession is the condition that the session for a set is activated.
func inSession(set string) crm.Condition {
	return crm.Condition{Name: "session." + crm.Name(set), Expr: crm.Quote(set) + " in env.activated"}
}

// ownedBy is the condition that an owner of the record is one of the subjects, or in one; of
// queues, which own themselves, that it is one.
func ownedBy(name string, subjects []string) crm.Condition {
	parts := make([]string, len(subjects))
	for i, s := range subjects {
		parts[i] = "ownerIn(" + crm.Quote(s) + ")"
		if k := model.KindOf(s); k == model.User || k == model.Team {
			parts[i] = crm.Quote(s) + " in record.owners"
		}
	}
	return crm.Condition{Name: name, Expr: strings.Join(parts, " || ")}
}

// list is a list of texts in CEL.
func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = crm.Quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
