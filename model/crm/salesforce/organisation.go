package salesforce

import (
	"time"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Organisation is a Salesforce organisation, in the words of Salesforce. The maps
// go by API name; all but Objects and Users may be empty. The zero Organisation
// gives nobody anything.
type Organisation struct {
	Dialect              crm.Dialect                   `yaml:"dialect,omitempty"`
	Objects              map[string]Object             `yaml:"objects,omitempty"`
	Profiles             map[string]Profile            `yaml:"profiles,omitempty"`
	PermissionSets       map[string]PermissionSet      `yaml:"permission_sets,omitempty"`
	PermissionSetGroups  map[string]PermissionSetGroup `yaml:"permission_set_groups,omitempty"`
	MutingPermissionSets map[string]Permissions        `yaml:"muting_permission_sets,omitempty"`
	Roles                map[string]Role               `yaml:"roles,omitempty"`
	Groups               map[string]Group              `yaml:"groups,omitempty"`
	Queues               map[string]Group              `yaml:"queues,omitempty"`
	Territories          map[string]Territory          `yaml:"territories,omitempty"`
	SharingSets          map[string]SharingSet         `yaml:"sharing_sets,omitempty"`
	Users                map[string]User               `yaml:"users,omitempty"`
	Shares               []Share                       `yaml:"shares,omitempty"`
	// UserFields are the fields of users that restriction rules and sharing sets look at, with
	// their types; a request brings their values as attributes of the user.
	UserFields map[string]string `yaml:"user_fields,omitempty"`
}

// Object is a standard or custom object.
type Object struct {
	// Sharing is the organisation-wide default for internal users, in the words of the metadata.
	// Empty is Private.
	Sharing SharingModel `yaml:"sharing,omitempty"`
	// ExternalSharing is that for external users; empty is Private, or as Sharing when the parent controls it.
	ExternalSharing SharingModel `yaml:"external_sharing,omitempty"`
	// NoHierarchies: "grant access using hierarchies" is off, which only custom objects may have.
	NoHierarchies bool `yaml:"no_hierarchies,omitempty"`
	// Parent is the object of the parent record: the master, or the account.
	Parent string `yaml:"parent,omitempty"`
	// Master is the access to the master that a detail record is created, edited and deleted
	// with: read or edit. Empty: the record is no detail, and needs of its parent what it needs itself.
	Master Access `yaml:"master,omitempty"`
	// Approvals: records may be locked in an approval. A request must bring the attribute locked.
	Approvals    bool              `yaml:"approvals,omitempty"`
	Fields       map[string]Field  `yaml:"fields,omitempty"`
	SharingRules []SharingRule     `yaml:"sharing_rules,omitempty"`
	Restrictions []RestrictionRule `yaml:"restriction_rules,omitempty"`
}

// Field is a field of an object.
type Field struct {
	Type string `yaml:"type,omitempty"` // as in the metadata: Text, Number, Checkbox …; empty: Text
	// Required fields, and those that the system keeps, have no field-level security: they
	// follow the object.
	Required  bool `yaml:"required,omitempty"`
	System    bool `yaml:"system,omitempty"`    // as Required, and only the system writes them
	Encrypted bool `yaml:"encrypted,omitempty"` // classic encryption: masked without View Encrypted Data
}

// Permissions are what a profile or a permission set grants, and a muting set takes away: read of
// a field with edit, edit alone.
type Permissions struct {
	Objects map[string]Rights `yaml:"objects,omitempty"`
	Fields  map[string]Access `yaml:"fields,omitempty"` // by Object.Field; edit includes read
	// User are user permissions (also called system permissions), such as ViewAllData.
	User   []string `yaml:"user_permissions,omitempty"`
	Custom []string `yaml:"custom_permissions,omitempty"`
	// Other are other things that may be used, by their kind: apexClass, apexPage, flow.
	Other map[string][]string `yaml:"other,omitempty"`
}

// Profile is the one profile of a user.
type Profile struct {
	Permissions `yaml:",inline"`
	// LoginHours and LoginIPRanges limit when and from where its users may do anything; empty: no limit.
	// Ranges are written 192.0.2.1-192.0.2.9.
	LoginHours    []Hours  `yaml:"login_hours,omitempty"`
	LoginIPRanges []string `yaml:"login_ip_ranges,omitempty"`
	// Layouts caps fields in the user interface, by Object.Field: read, or none for a field that is not on the page.
	Layouts map[string]Access `yaml:"layouts,omitempty"`
}

// Hours are a window of one day of the week.
type Hours struct {
	Day   time.Weekday `yaml:"day"`   // 0 is Sunday
	Start int          `yaml:"start"` // minutes since midnight, inclusive
	End   int          `yaml:"end"`   // exclusive
	Zone  string       `yaml:"zone,omitempty"`
}

// PermissionSet adds to the profile of those who have it.
type PermissionSet struct {
	Permissions `yaml:",inline"`
	// SessionBased: who has the set itself has what it grants in an activated session only.
	SessionBased bool `yaml:"session_based,omitempty"`
}

// PermissionSetGroup grants what its sets grant, less what its muting set takes away.
type PermissionSetGroup struct {
	Sets   []string `yaml:"sets,omitempty"`
	Muting string   `yaml:"muting,omitempty"`
}

// Role is a place in the role hierarchy. It grants nothing itself.
type Role struct {
	Parent string `yaml:"parent,omitempty"`
	Portal bool   `yaml:"portal,omitempty"` // of external users
	// What those in the role, if they own an account, may do to its cases, contacts and opportunities.
	Case        Access `yaml:"case,omitempty"`
	Contact     Access `yaml:"contact,omitempty"`
	Opportunity Access `yaml:"opportunity,omitempty"`
}

// Group is a public group, or the members of a queue.
type Group struct {
	Users                []string `yaml:"users,omitempty"`
	Roles                []string `yaml:"roles,omitempty"`
	RolesAndSubordinates []string `yaml:"roles_and_subordinates,omitempty"`
	Groups               []string `yaml:"groups,omitempty"`
	// NoBosses: what is shared with the group is not shared with its members' superiors.
	NoBosses bool `yaml:"no_bosses,omitempty"`
}

// Territory is a place in the territory hierarchy. Records say in the attribute
// territories which they are in.
type Territory struct {
	Parent string            `yaml:"parent,omitempty"`
	Users  []string          `yaml:"users,omitempty"`
	Access map[string]Access `yaml:"access,omitempty"` // by object: read, edit, or all for what an owner may
}

// SharingSet gives external users of profiles what is related to them.
type SharingSet struct {
	Profiles []string        `yaml:"profiles"` // in any case
	Mappings []AccessMapping `yaml:"mappings"`
}

// AccessMapping shares the records of an object whose field equals a field of the user.
type AccessMapping struct {
	Object      string `yaml:"object"`
	ObjectField string `yaml:"object_field"`
	UserField   string `yaml:"user_field"`
	Access      Access `yaml:"access"`
}

// User is a person.
type User struct {
	Profile string `yaml:"profile"`
	Role    string `yaml:"role,omitempty"`
	// Sets and SetGroups are the permission sets and permission set groups that she has.
	Sets      []Assignment `yaml:"sets,omitempty"`
	SetGroups []Assignment `yaml:"set_groups,omitempty"`
	State     State        `yaml:"state,omitempty"`
	External  bool         `yaml:"external,omitempty"`
}

// Assignment is a permission set or group that a user has, perhaps until an instant.
type Assignment struct {
	Name  string    `yaml:"name"`
	Until time.Time `yaml:"until,omitempty"`
}

// SharingRule shares records with somebody: those of owners, or those that meet criteria.
type SharingRule struct {
	Name   string  `yaml:"name"`
	To     Grantee `yaml:"to"`
	Access Access  `yaml:"access"`
	// From is whose records; nil: those that meet the criteria.
	From     *Grantee    `yaml:"from,omitempty"`
	Criteria []Criterion `yaml:"criteria,omitempty"`
	// Filter joins the criteria by their numbers, from 1: "1 AND (2 OR 3)". Empty: all of them.
	Filter string `yaml:"filter,omitempty"`
	// What a rule on accounts gives of their cases, contacts and opportunities.
	Case        Access `yaml:"case,omitempty"`
	Contact     Access `yaml:"contact,omitempty"`
	Opportunity Access `yaml:"opportunity,omitempty"`
}

// Criterion compares a field of a record.
type Criterion struct {
	Field     string `yaml:"field"`
	Operation string `yaml:"operation"` // as in the metadata: equals, notEqual, lessThan …
	Value     string `yaml:"value,omitempty"`
}

// RestrictionRule hides the records that do not meet its criteria from the
// users that it is for, however they were shared; not from who may view all of them.
type RestrictionRule struct {
	Name     string      `yaml:"name"`
	Users    []Criterion `yaml:"users"` // of fields of the user, or of $Profile, $Role and $Permission; all of them
	Criteria []Criterion `yaml:"criteria"`
	Filter   string      `yaml:"filter,omitempty"`
}

// Share is one record's share with somebody.
type Share struct {
	Record string  `yaml:"record"` // Object/Id
	To     Grantee `yaml:"to"`
	Access Access  `yaml:"access"`
	Cause  Cause   `yaml:"cause,omitempty"`
	As     string  `yaml:"as,omitempty"` // the role in the team, for the cause team
	// Owner is who owned the record when it was shared. A manual share ends with her ownership. Empty: it does not.
	Owner string    `yaml:"owner,omitempty"`
	Until time.Time `yaml:"until,omitempty"`
	// Account is the account of the record, which is then shared to read (implicitly).
	Account string `yaml:"account,omitempty"` // Id
	// What the share of an account gives of its cases, contacts and opportunities.
	Case        Access `yaml:"case,omitempty"`
	Contact     Access `yaml:"contact,omitempty"`
	Opportunity Access `yaml:"opportunity,omitempty"`
}

// Grantee is whom something is shared with, or whose records are: one of the
// fields is set.
type Grantee struct {
	User                        string `yaml:"user,omitempty"`
	Group                       string `yaml:"group,omitempty"`
	Queue                       string `yaml:"queue,omitempty"`
	Role                        string `yaml:"role,omitempty"`
	RoleAndSubordinates         string `yaml:"role_and_subordinates,omitempty"`
	RoleAndSubordinatesInternal string `yaml:"role_and_subordinates_internal,omitempty"`
	Territory                   string `yaml:"territory,omitempty"`
	TerritoryAndSubordinates    string `yaml:"territory_and_subordinates,omitempty"`
	AllInternalUsers            bool   `yaml:"all_internal_users,omitempty"`
	AllExternalUsers            bool   `yaml:"all_external_users,omitempty"`
}

// Parse reads an organisation from YAML, in the words of the struct tags of
// Organisation. An *crm.Error says what is wrong and on which line. What the description says of itself
// (a role that there is not) Compile checks.
func Parse(data []byte) (*Organisation, error) {
	return description.Parse[Organisation](data)
}

// YAML writes the organisation as Parse reads it.
func (o *Organisation) YAML() ([]byte, error) { return crm.FormatYAML(o) }
