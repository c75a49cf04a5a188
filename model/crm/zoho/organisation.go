package zoho

import (
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Organisation is how a Zoho CRM organisation decides who sees what. Modules, fields
// and permissions have their API names, everything else the name that its
// administrator sees. The key of a user is what the CRM that asks calls her by.
type Organisation struct {
	Dialect crm.Dialect `yaml:"dialect,omitempty"`
	// Hierarchy is the hierarchy preference: role (if empty) or reporting, the users' own
	// superiors; or off, where the dialect lets it.
	Hierarchy   string               `yaml:"hierarchy,omitempty"`
	Modules     map[string]Module    `yaml:"modules,omitempty"`
	Profiles    map[string]Profile   `yaml:"profiles,omitempty"`
	Roles       map[string]Role      `yaml:"roles,omitempty"`
	Users       map[string]User      `yaml:"users,omitempty"`
	Groups      map[string]People    `yaml:"groups,omitempty"`
	Rules       []SharingRule        `yaml:"sharing_rules,omitempty"`
	Shares      []Share              `yaml:"shares,omitempty"`
	Territories map[string]Territory `yaml:"territories,omitempty"`
	Teamspaces  map[string]Teamspace `yaml:"teamspaces,omitempty"`
	AllowedIPs  []AllowedIPs         `yaml:"allowed_ips,omitempty"`
}

// dialects are the answers that this package carries, Zoho CRM's own first. A user has one
// profile, so that bundles and several grants of a field are the same in any way of combining.
var dialects = map[string][]string{
	"managers":                  {"same", "write", "read", "none"},
	"managers_of_grantees":      {"by_rule", "yes", "no"},
	"hierarchy_off":             {"none", "any", "all"},
	"public_write_deletes":      {"no", "yes"},
	"shares_without_permission": {"refused", "useless", "sufficient"},
	"write_shares_transfer":     {"no", "yes"},
	"shares_at_owner_change":    {"kept", "dropped"}, // not documented
	"fields":                    {"open", "closed"},
	"field_grants":              {"union"},
	"admins_see_all_fields":     {"no", "yes"}, // not documented
	"tree_inherits":             {"write", "same", "read", "none"},
	"bundles":                   {"union"},
	"deactivation_drops_shares": {"no", "yes"},
	"effective":                 {"at_once"},
}

// Module is a module: a type of records.
type Module struct {
	// Default is the organisation's default permission: private (if empty),
	// public_read_only, public_read_write or public (with deleting).
	Default string `yaml:"default,omitempty"`
	// RelatedTo is the module whose related lists have these records: what is shared
	// with its related lists, and territories, pass down from there.
	RelatedTo string `yaml:"related_to,omitempty"`
	// Territories: its records are assigned to territories.
	Territories bool `yaml:"territories,omitempty"`
	// Linking: it is a linking module, whose records cannot be shared by themselves.
	Linking bool             `yaml:"linking,omitempty"`
	Fields  map[string]Field `yaml:"fields,omitempty"`
	Lock    *Lock            `yaml:"lock,omitempty"`
}

// Field is a field of a module.
type Field struct {
	// Type is the data type (text, picklist, integer, currency, boolean, date, datetime,
	// multiselectpicklist and the others); empty: text. It matters to criteria.
	Type string `yaml:"type,omitempty"`
	// Profiles is read_write, read_only or hidden, by profile. If some are set, the field is
	// hidden from the others; if none is, the dialect says whether it is open.
	Profiles map[string]string `yaml:"profiles,omitempty"`
}

// Lock is a module's record locking configuration.
type Lock struct {
	// Type is manual, automatic or both. Of manual locks the record's attribute Locked__s tells.
	Type string `yaml:"type"`
	// Rules are the criteria of automatic locks; one is enough.
	Rules []Criteria `yaml:"rules,omitempty"`
	// Actions are those that locked records refuse, such as edit, delete, change_owner.
	Actions []string `yaml:"actions"`
	// ExcludedProfiles are not held up, ExcludedFields may be edited by all.
	ExcludedProfiles []string `yaml:"excluded_profiles,omitempty"`
	ExcludedFields   []string `yaml:"excluded_fields,omitempty"`
}

// Profile says what its users may do, wherever the record comes from.
type Profile struct {
	// Administrator: everything is allowed, of every record.
	Administrator bool `yaml:"administrator,omitempty"`
	// Modules is what is allowed, by module: view, create, edit, delete, share,
	// change_owner, export and the others of the package's table.
	Modules map[string][]string `yaml:"modules,omitempty"`
	// Permissions are those without a module, by their API names, such as Crm_Implied_Manage_Roles.
	Permissions []string `yaml:"permissions,omitempty"`
}

// Role is a place in the role hierarchy.
type Role struct {
	ReportsTo      string `yaml:"reports_to,omitempty"` // the role above; empty of the one at the top
	ShareWithPeers bool   `yaml:"share_with_peers,omitempty"`
}

// User is one who logs in.
type User struct {
	Profile   string `yaml:"profile"`
	Role      string `yaml:"role"`
	ReportsTo string `yaml:"reports_to,omitempty"` // a user; for the reporting hierarchy
	// Status is active (if empty), inactive, deleted, or unconfirmed: invited, and not yet in.
	Status string `yaml:"status,omitempty"`
}

// off tells whether the user cannot log in.
func (u User) off() bool { return u.Status != "" && u.Status != "active" }

// People are users, directly and by what they are in.
type People struct {
	Everyone             bool     `yaml:"everyone,omitempty"`
	Users                []string `yaml:"users,omitempty"`
	Roles                []string `yaml:"roles,omitempty"`
	RolesAndSubordinates []string `yaml:"roles_and_subordinates,omitempty"`
	Groups               []string `yaml:"groups,omitempty"`
}

// SharingRule is a data sharing rule: who shares which records of a module with whom.
type SharingRule struct {
	Name   string `yaml:"name,omitempty"`
	Module string `yaml:"module"`
	// Either those whose records are shared, or which records.
	From     *People   `yaml:"from,omitempty"`
	Criteria *Criteria `yaml:"criteria,omitempty"`
	To       People    `yaml:"to"`
	// SuperiorsAllowed: superiors of those in To have the same access.
	SuperiorsAllowed bool   `yaml:"superiors_allowed,omitempty"`
	Access           string `yaml:"access"`           // read_only, read_write or read_write_delete
	Status           string `yaml:"status,omitempty"` // active (if empty) or inactive
}

// Share shares one record. Everyone in With makes it public.
type Share struct {
	Module  string `yaml:"module"`
	Record  string `yaml:"record"` // its id
	With    People `yaml:"with"`
	Access  string `yaml:"access"`            // read_only, read_write or full_access
	Related bool   `yaml:"related,omitempty"` // the records of its related lists, too
	Owner   string `yaml:"owner,omitempty"`   // of the record when it was shared
}

// Territory is a territory and who works in it. A record is in it if its attribute
// Territories says so, or by the territory's criteria and those of all above it.
type Territory struct {
	ReportsTo string              `yaml:"reports_to,omitempty"` // the territory above
	Manager   string              `yaml:"manager,omitempty"`
	Users     []string            `yaml:"users,omitempty"`
	Access    string              `yaml:"access"` // read_only or read_write_delete
	Criteria  map[string]Criteria `yaml:"criteria,omitempty"`
}

// Teamspace has modules that nobody outside it reaches.
type Teamspace struct {
	Modules []string `yaml:"modules"`
	People  `yaml:",inline"`
}

// AllowedIPs is from where some people may come; whom no list names, from everywhere.
type AllowedIPs struct {
	For       People   `yaml:"for"`
	Addresses []string `yaml:"addresses"` // 192.0.2.7, 192.0.2.0/24, 192.0.2.7-192.0.2.20
}

// Criteria is one comparison, or a group of criteria.
type Criteria struct {
	Comparator    string     `yaml:"comparator,omitempty"`
	Field         string     `yaml:"field,omitempty"`
	Value         Values     `yaml:"value,omitempty"`
	GroupOperator string     `yaml:"group_operator,omitempty"` // and, or
	Group         []Criteria `yaml:"group,omitempty"`
}

// Values is what a field is compared with: one value, or a list.
type Values []string

// UnmarshalYAML reads both forms.
func (v *Values) UnmarshalYAML(n *yaml.Node) error {
	return description.OneOrMore(n, (*[]string)(v))
}

// MarshalYAML writes one value as it is.
func (v Values) MarshalYAML() (any, error) {
	if len(v) == 1 {
		return v[0], nil
	}
	return []string(v), nil
}

// Parse reads a description from YAML and checks it. Errors are a *crm.Error.
func Parse(data []byte) (*Organisation, error) {
	return description.Parse(data, (*Organisation).check)
}

// YAML writes the description as Parse reads it.
func (o *Organisation) YAML() ([]byte, error) {
	return description.Format(o, (*Organisation).check)
}
