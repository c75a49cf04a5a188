package dynamics365

import (
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Right is a privilege on a table, and an action of its records.
type Right uint8

// The rights. A record is appended to another: Append is needed of the one, AppendTo of the other.
const (
	Create Right = iota
	Read
	Write
	Delete
	Append
	AppendTo
	Assign
	ShareRight
)

var rightNames = []string{"create", "read", "write", "delete", "append", "append_to", "assign", "share"}

// rights are all of them.
var rights = []Right{Create, Read, Write, Delete, Append, AppendTo, Assign, ShareRight}

func (r Right) String() string { return nameOf(rightNames, uint8(r)) }

// MarshalText writes create, read, write, delete, append, append_to, assign or share.
func (r Right) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads them.
func (r *Right) UnmarshalText(b []byte) error { return unmarshalWord("right", r, b, rightNames) }

// Depth is how far a privilege reaches.
type Depth uint8

// The depths, in order.
const (
	NoDepth Depth = iota
	Basic         // the user's own records and those of her teams: User
	Local         // those of the role's business unit
	Deep          // and of those below it: Parent: Child Business Units
	Global        // all: Organization
)

var depthNames = []string{"none", "basic", "local", "deep", "global"}

func (d Depth) String() string { return nameOf(depthNames, uint8(d)) }

// MarshalText writes none, basic, local, deep or global.
func (d Depth) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads them.
func (d *Depth) UnmarshalText(b []byte) error { return unmarshalWord("depth", d, b, depthNames) }

// Ownership is who owns the records of a table.
type Ownership uint8

// The kinds of ownership.
const (
	UserOwned         Ownership = iota // users and teams
	OrganizationOwned                  // nobody: only the depth global counts
)

var ownershipNames = []string{"user", "organization"}

func (o Ownership) String() string { return nameOf(ownershipNames, uint8(o)) }

// MarshalText writes user or organization.
func (o Ownership) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads them.
func (o *Ownership) UnmarshalText(b []byte) error {
	return unmarshalWord("ownership", o, b, ownershipNames)
}

// TeamKind is what a team is for.
type TeamKind uint8

// The kinds of teams.
const (
	OwnerTeam  TeamKind = iota // owns records and has roles
	GroupTeam                  // the same, its members kept by Entra
	AccessTeam                 // has rights of one record, and neither owns nor has roles
)

var teamNames = []string{"owner", "group", "access"}

func (k TeamKind) String() string { return nameOf(teamNames, uint8(k)) }

// MarshalText writes owner, group or access.
func (k TeamKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads them.
func (k *TeamKind) UnmarshalText(b []byte) error { return unmarshalWord("kind", k, b, teamNames) }

// AccessMode narrows what a user may do.
type AccessMode uint8

// The access modes.
const (
	ReadWrite      AccessMode = iota
	ReadOnly                  // only reads
	Administrative            // no records at all
	NonInteractive            // as ReadWrite, for programs
)

var modeNames = []string{"read_write", "read", "administrative", "non_interactive"}

func (m AccessMode) String() string { return nameOf(modeNames, uint8(m)) }

// MarshalText writes read_write, read, administrative or non_interactive.
func (m AccessMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads them.
func (m *AccessMode) UnmarshalText(b []byte) error {
	return unmarshalWord("access mode", m, b, modeNames)
}

// HierarchyModel is whose records managers reach.
type HierarchyModel uint8

// The models of hierarchy security.
const (
	NoHierarchy       HierarchyModel = iota
	ManagerHierarchy                 // of those who report to them
	PositionHierarchy                // of those in positions below theirs
)

var modelNames = []string{"off", "manager", "position"}

func (m HierarchyModel) String() string { return nameOf(modelNames, uint8(m)) }

// MarshalText writes off, manager or position.
func (m HierarchyModel) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads them.
func (m *HierarchyModel) UnmarshalText(b []byte) error {
	return unmarshalWord("hierarchy model", m, b, modelNames)
}

// Unmasked is whether a masked column may be read as it is.
type Unmasked uint8

// The ways to read a masked column unmasked.
const (
	NotUnmasked Unmasked = iota
	OneRecord            // of a single record that is asked for so
	AllRecords
)

var unmaskedNames = []string{"no", "one_record", "all_records"}

func (u Unmasked) String() string { return nameOf(unmaskedNames, uint8(u)) }

// MarshalText writes no, one_record or all_records.
func (u Unmasked) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads them.
func (u *Unmasked) UnmarshalText(b []byte) error {
	return unmarshalWord("read unmasked", u, b, unmaskedNames)
}

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "invalid"
}

func unmarshalWord[T ~uint8](what string, to *T, b []byte, names []string) error {
	for i, n := range names {
		if n == string(b) {
			*to = T(i)
			return nil
		}
	}
	return &crm.Error{What: what, Value: string(b), Err: crm.ErrMalformed, Hint: "one of " + strings.Join(names, " ")}
}
