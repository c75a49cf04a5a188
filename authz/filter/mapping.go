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
	// Alias is the table's name in the query, if it has another one there.
	Alias string
	// Tenant is the column of the tenant's name; without one, only the tenant
	// OnlyTenant has records in the table.
	Tenant     string
	TenantKind ColumnKind // how Tenant holds names; also in side tables
	OnlyTenant string
	// Owners are where the owners are. A record has those of all of them.
	Owners []Owners
	// Unit is the column of the record's unit, whose id it holds without "unit:".
	Unit Column
	// Parent is where the record's parent is.
	Parent *Parent
	// NoOwners, NoUnit and NoParent say that records have none. Where neither is
	// said, an expression that needs it has no SQL: it might be about what was forgotten here.
	NoOwners, NoUnit, NoParent bool
	// Attributes are the columns of the attributes, by name.
	Attributes map[string]Attribute
}

// Column is a column of ids, as the application has them: [model.EscapeID] makes
// of these the ids of records and of the policy. The zero Column is none. NULL and the empty
// string are no id.
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

// Owners is where owners of records are. What is not the name of a user or team is no owner. They
// are in a column of the record's own table or, if there are several, in a table that has
// a row for each.
type Owners struct {
	// Kind of these owners, model.User or model.Team, whose ids the column holds
	// without "user:" or "team:". The zero kind: it holds whole names, such as "user:alice".
	Kind   model.SubjectKind
	Column Column
	// Table, unless it is empty, has the column, and in Record the record's id.
	Table  string
	Record Column
	// Tenant is the column of the tenant's name in Table. It is needed if records of
	// different tenants may have the same id.
	Tenant string
}

// Parent is the parents of records.
type Parent struct {
	Column Column // of the parent's id, in the record's table
	Of     *Mapping
}

// Attribute is where an attribute's value is: in a column of the record's table
// or, for a list of strings, in a table that has a row for each.
//
// NULL is no value. A list without a row is empty, but a value.
type Attribute struct {
	// Type is the attribute's type in the schema. It says how the column compares:
	//
	//	string       text of a type that compares exactly: in PostgreSQL text or varchar, not citext or char(n)
	//	int          an integer of up to 64 bits, signed
	//	double       DOUBLE, REAL in SQLite; NaN is no value
	//	bool         BOOLEAN; elsewhere than in PostgreSQL an integer, of which 0 is false
	//	timestamp    TIMESTAMPTZ in PostgreSQL, DATETIME in MySQL, in SQLite text as GORM writes it
	//	duration     an integer of nanoseconds
	//	list(string) a table of its own
	//
	// MySQL's driver must be one of UTC, as it is unless told otherwise, for DATETIME has no zone.
	Type   model.AttrType
	Column string
	// Table, unless it is empty, has the column, and in Record the record's id.
	Table  string
	Record Column
	// Tenant is the column of the tenant's name in Table. It is needed if records of
	// different tenants may have the same id.
	Tenant string
}
