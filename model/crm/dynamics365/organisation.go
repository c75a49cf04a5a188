package dynamics365

import (
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Organisation is an environment of Dynamics 365, or Dataverse, in its words. Tables and columns go
// by their logical names. The zero Organisation gives nobody anything.
type Organisation struct {
	Dialect       crm.Dialect             `yaml:"dialect,omitempty"`
	BusinessUnits map[string]BusinessUnit `yaml:"business_units,omitempty"`
	// RecordOwnershipAcrossBusinessUnits lets users and teams have roles of other units than their own.
	RecordOwnershipAcrossBusinessUnits bool                     `yaml:"record_ownership_across_business_units,omitempty"`
	Tables                             map[string]Table         `yaml:"tables,omitempty"`
	Roles                              map[string]Role          `yaml:"security_roles,omitempty"`
	Teams                              map[string]Team          `yaml:"teams,omitempty"`
	Users                              map[string]User          `yaml:"users,omitempty"`
	Positions                          map[string]Position      `yaml:"positions,omitempty"`
	Hierarchy                          Hierarchy                `yaml:"hierarchy,omitempty"`
	ColumnProfiles                     map[string]ColumnProfile `yaml:"column_security_profiles,omitempty"`
	Shares                             []Share                  `yaml:"shares,omitempty"`
	ColumnShares                       []ColumnShare            `yaml:"column_shares,omitempty"`
}

// BusinessUnit is a unit of the one tree of units.
type BusinessUnit struct {
	Parent string `yaml:"parent,omitempty"` // empty: the root
}

// Table is a table of records.
type Table struct {
	Ownership Ownership `yaml:"ownership,omitempty"`
	// PrivilegesOf is the table whose privileges count for this one, as activitypointer for tasks.
	PrivilegesOf string            `yaml:"privileges_of,omitempty"`
	Parent       string            `yaml:"parent,omitempty"`        // the table of the parent record
	CascadeShare bool              `yaml:"cascade_share,omitempty"` // shares of the parent record are shares of its children
	NoHierarchy  bool              `yaml:"no_hierarchy,omitempty"`  // hierarchy security does not count for the table
	Columns      map[string]Column `yaml:"columns,omitempty"`
}

// Column is a column of a table.
type Column struct {
	Secured bool   `yaml:"secured,omitempty"` // only profiles and shares of the column open it
	Mask    string `yaml:"mask,omitempty"`    // how a masked value is shown: a mask of package authz
}

// Role is a security role.
type Role struct {
	Privileges map[string]Privileges `yaml:"privileges,omitempty"` // by table
	Tasks      []string              `yaml:"tasks,omitempty"`      // privileges without a table, such as prvExportToExcel
	// DirectUser: members of a team that has the role have it as if it were their own ("direct user
	// (basic) access level and team privileges"). If not, they have it for what their team owns.
	DirectUser    bool `yaml:"direct_user,omitempty"`
	Administrator bool `yaml:"system_administrator,omitempty"` // may do everything
}

// Privileges are how deep each privilege on a table reaches.
type Privileges map[Right]Depth

// Team is a team of users.
type Team struct {
	Kind    TeamKind     `yaml:"kind,omitempty"`
	Unit    string       `yaml:"business_unit,omitempty"`
	Members []string     `yaml:"members,omitempty"`
	Roles   []Assignment `yaml:"roles,omitempty"`
	// Record and Rights are what an access team is for. The rights are those that its
	// template had when the team was made; what becomes of the template does not change them.
	Record string  `yaml:"record,omitempty"` // table/id
	Rights []Right `yaml:"rights,omitempty"`
}

// User is a user of the environment.
type User struct {
	Unit     string       `yaml:"business_unit"`
	Roles    []Assignment `yaml:"roles,omitempty"`
	Manager  string       `yaml:"manager,omitempty"`
	Position string       `yaml:"position,omitempty"`
	Disabled bool         `yaml:"disabled,omitempty"`
	Mode     AccessMode   `yaml:"access_mode,omitempty"`
}

// Assignment is a security role that a user or team has.
type Assignment struct {
	Role string `yaml:"role"`
	Unit string `yaml:"business_unit,omitempty"` // whose role it is; empty: the user's or team's unit
}

// Position is a place in the position hierarchy.
type Position struct {
	Parent string `yaml:"parent,omitempty"`
}

// Hierarchy is hierarchy security, which is off unless it has a model.
type Hierarchy struct {
	Model HierarchyModel `yaml:"model,omitempty"`
	Depth int            `yaml:"depth,omitempty"`      // how many levels down managers read; 0: one
	Edit  int            `yaml:"edit_depth,omitempty"` // how many levels down they write, append and append to; 0: one
	// AnyUnit: a manager need not be in the report's unit or one above it.
	AnyUnit bool `yaml:"any_business_unit,omitempty"`
	// NoDisabled: managers have nothing of reports who are disabled (AuthorizationEnableHSMForDisabledUsers is false).
	NoDisabled bool `yaml:"no_disabled_users,omitempty"`
}

// ColumnProfile is a column security profile (field security profile).
type ColumnProfile struct {
	Users   []string                `yaml:"users,omitempty"`
	Teams   []string                `yaml:"teams,omitempty"`
	Columns map[string]ColumnAccess `yaml:"columns,omitempty"` // by table.column
}

// ColumnAccess is what a profile lets its members do with a column.
type ColumnAccess struct {
	Read     bool     `yaml:"read,omitempty"`
	Unmasked Unmasked `yaml:"read_unmasked,omitempty"`
	Create   bool     `yaml:"create,omitempty"`
	Update   bool     `yaml:"update,omitempty"`
}

// Share is a share of one record (GrantAccess).
type Share struct {
	Record string  `yaml:"record"` // table/id
	To     Grantee `yaml:"to"`
	Rights []Right `yaml:"rights"`
	// Owner is who owned the record when it was shared, for dialects in which shares end with that.
	Owner string `yaml:"owner,omitempty"`
}

// ColumnShare is a share of one secured column of one record.
type ColumnShare struct {
	Record string  `yaml:"record"` // table/id
	Column string  `yaml:"column"`
	To     Grantee `yaml:"to"`
	Read   bool    `yaml:"read,omitempty"`
	Update bool    `yaml:"update,omitempty"`
}

// Grantee is whom something is shared with: one of the fields is set.
type Grantee struct {
	User         string `yaml:"user,omitempty"`
	Team         string `yaml:"team,omitempty"`
	Organization bool   `yaml:"organization,omitempty"`
}

// Parse reads an organisation from YAML, in the words of the struct tags of
// Organisation. An *crm.Error says what is wrong and on which line. What the description says of itself
// (a role that there is not) Compile checks.
func Parse(data []byte) (*Organisation, error) {
	return description.Parse[Organisation](data)
}

// YAML writes the organisation as Parse reads it.
func (o *Organisation) YAML() ([]byte, error) { return crm.FormatYAML(o) }
