package filter

import "github.com/crmauthz/crmauthz/model"

// Dialect is a database's kind of SQL.
type Dialect string

// The dialects, by GORM's names. MySQL is MariaDB too.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
	MySQL    Dialect = "mysql"
)

// Mapping says where in a database the facts of a type's records are. Tables and columns are
// named as they are, without quotes: letters, digits and _, beginning with no
// digit; a table may have its schema before a dot.
type Mapping struct {
	Type  string // "customer"
	Table string // "customers"
	// ID is the column of the record's id.
	ID Column
	// Tenant is the column of the tenant's name; without one, only the tenant
	// OnlyTenant has records in the table.
	Tenant     string
	OnlyTenant string
	// Owners are where the owners are. A record has those of all of them.
	Owners []Owners
	// Unit is the column of the record's unit, whose id it holds without "unit:".
	Unit Column
	// Parent is where the record's parent is; nil: records have none.
	Parent *Parent
	// Attributes are the columns of the attributes, by name.
	Attributes map[string]Attribute
}

// Column is a column of ids. The zero Column is none. NULL and the empty string
// are no id.
type Column struct {
	Name string
	Kind ColumnKind
}

// ColumnKind is how a column holds ids. The zero kind is text.
type ColumnKind uint8

// The kinds of columns of ids.
const (
	TextColumn    ColumnKind = iota
	IntegerColumn            // whole numbers of up to 64 bits
	UUIDColumn               // PostgreSQL's type uuid; elsewhere text, in lower case
)

// Owners is where owners of records are: in a column of the record's own table or,
// if there are several, in a table that has a row for each.
type Owners struct {
	// Kind of these owners, model.User or model.Team, whose ids the column holds
	// without "user:" or "team:". The zero kind: it holds whole names, such as "user:alice".
	Kind   model.SubjectKind
	Column Column
	// Table, unless it is empty, has the column, and in Record the record's id.
	Table  string
	Record Column
}

// Parent is the parents of records.
type Parent struct {
	Column Column // of the parent's id, in the record's table
	Of     *Mapping
}

// Attribute is where an attribute's value is: in a column of the record's table
// or, for a list of strings, in a table that has a row for each.
type Attribute struct {
	Column string
	// Table, unless it is empty, has the column, and in Record the record's id.
	Table  string
	Record Column
}
