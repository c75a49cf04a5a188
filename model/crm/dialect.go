package crm

import (
	"slices"
	"strings"
)

// Dialect answers the questions on which the products disagree, each with a word.
// An empty answer is the product's own, so the zero Dialect is the product as it is;
// each product's package lists, in Dialects, the answers that it can carry, its own first.
type Dialect struct {
	// Managers is what a superior gets of a subordinate's own record: same, write, read or none.
	Managers string `yaml:"managers,omitempty"`
	// ManagersOfGrantees: superiors get what is shared with a subordinate: yes, no, or by_rule if
	// each sharing rule says so.
	ManagersOfGrantees string `yaml:"managers_of_grantees,omitempty"`
	// HierarchyOff is which objects the hierarchy may be off for: none, custom, any; or all,
	// if it is off unless an organisation turns it on.
	HierarchyOff string `yaml:"hierarchy_off,omitempty"`
	// PublicWriteDeletes: what everybody may write, everybody may delete: yes or no.
	PublicWriteDeletes string `yaml:"public_write_deletes,omitempty"`
	// SharesWithoutPermission is what becomes of a share with somebody who lacks the permission
	// on the object: useless, refused or sufficient.
	SharesWithoutPermission string `yaml:"shares_without_permission,omitempty"`
	// WriteSharesTransfer: who has a share to write may change the owner: yes or no.
	WriteSharesTransfer string `yaml:"write_shares_transfer,omitempty"`
	// SharesAtOwnerChange is what becomes of a record's shares: kept, dropped, or by_cause.
	SharesAtOwnerChange string `yaml:"shares_at_owner_change,omitempty"`
	// Fields that nothing is said of are open, closed, or closed_once_secured.
	Fields string `yaml:"fields,omitempty"`
	// FieldGrants is how several grants of a field combine: union, or least.
	FieldGrants string `yaml:"field_grants,omitempty"`
	// AdminsSeeAllFields: yes or no.
	AdminsSeeAllFields string `yaml:"admins_see_all_fields,omitempty"`
	// TreeInherits is the level that those above a territory or unit have in it: same, write, read or none.
	TreeInherits string `yaml:"tree_inherits,omitempty"`
	// Bundles is how a user's bundles of permissions combine: union, or replace if the last one counts
	// alone; union_minus_mute if a group of bundles can take away from its own.
	Bundles string `yaml:"bundles,omitempty"`
	// DeactivationDropsShares: what was shared with a user ends when she is deactivated: yes or no.
	DeactivationDropsShares string `yaml:"deactivation_drops_shares,omitempty"`
	// Effective is when a change counts: at_once or at_next_login.
	Effective string `yaml:"effective,omitempty"`
}

// answers lists the answers of a dialect with the words of their questions.
func (d *Dialect) answers() []struct {
	question string
	answer   *string
} {
	return []struct {
		question string
		answer   *string
	}{
		{"managers", &d.Managers}, {"managers_of_grantees", &d.ManagersOfGrantees}, {"hierarchy_off", &d.HierarchyOff},
		{"public_write_deletes", &d.PublicWriteDeletes}, {"shares_without_permission", &d.SharesWithoutPermission},
		{"write_shares_transfer", &d.WriteSharesTransfer}, {"shares_at_owner_change", &d.SharesAtOwnerChange},
		{"fields", &d.Fields}, {"field_grants", &d.FieldGrants}, {"admins_see_all_fields", &d.AdminsSeeAllFields},
		{"tree_inherits", &d.TreeInherits}, {"bundles", &d.Bundles}, {"deactivation_drops_shares", &d.DeactivationDropsShares},
		{"effective", &d.Effective},
	}
}

// Resolve is the dialect with the product's own answers, the first, where it has none. carried
// lists, by question, the answers that the product's package carries; an answer that is not
// among them is refused.
func (d Dialect) Resolve(carried map[string][]string) (Dialect, error) {
	for _, a := range d.answers() {
		may := carried[a.question]
		if *a.answer == "" && len(may) > 0 {
			*a.answer = may[0]
		}
		if !slices.Contains(may, *a.answer) {
			return Dialect{}, &Error{What: "dialect: " + a.question, Value: *a.answer, Err: ErrMalformed, Hint: "one of " + strings.Join(may, " ")}
		}
	}
	return d, nil
}
