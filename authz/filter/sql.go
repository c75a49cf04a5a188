package filter

import (
	"strconv"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// Condition is a condition of a WHERE clause: text with a ? for each argument, and
// no other ?. Its values are in the arguments, never in the text.
type Condition struct {
	SQL  string
	Args []any
}

// Never is a condition that is true of no row.
func Never() Condition { return Condition{SQL: never.sql} }

// Numbered is the condition with $1, $2 … for PostgreSQL with database/sql, counted
// from first on.
func (c Condition) Numbered(first int) Condition {
	var b strings.Builder
	for i, text := range strings.Split(c.SQL, "?") {
		if i > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(first + i - 1))
		}
		b.WriteString(text)
	}
	return Condition{b.String(), c.Args}
}

// SQL renders an expression as a condition on the rows of the mapping's table that
// belong to the tenant: true of a row exactly if [Eval] is True of the record that
// the row is. It can stand beside other conditions without parentheses.
//
// The names that the expression lists are arguments of the condition: it is that of
// the policy's revision from which the expression comes, whatever tables of the
// policy hold in the same database. A long list is one argument, so that no
// database's limit on arguments is reached.
//
// The errors are *[MappingError], if the mapping does not say where a fact is that
// the expression is about; and *[model.ValueError], which matches
// model.ErrMalformed, for a dialect that there is not and for text that is not UTF-8. With
// an error the condition is [Never].
func SQL(x Expr, m *Mapping, tenant string, d Dialect) (Condition, error) {
	db, ok := databases[d]
	if !ok {
		return Never(), model.At("filter", "dialect", string(d), model.ErrMalformed)
	}
	if err := m.Check(); err != nil {
		return Never(), err
	}
	r := renderer{database: db, tenant: tenant}
	at := r.tableOf(m)
	c, err := r.render(x, at, true)
	if err != nil {
		return Never(), err
	}
	c = and(r.ofTenant(at), c)
	return Condition{c.sql, c.args}, nil
}

// databases is what the dialects differ in.
var databases = map[Dialect]database{SQLite: sqlite{}, Postgres: postgres{}, MySQL: mysql{}}

// database is what databases differ in. The clauses that its methods make are true
// exactly if what they say holds, and otherwise false or NULL. Columns are quoted.
type database interface {
	quote(name string) string
	// textIn: the column's text is one of these, byte by byte.
	textIn(column string, texts []string) clause
	// numberIn: the column's whole number is one of these, given in decimal.
	numberIn(column string, numbers []string) clause
	// uuidIn: the column's UUID is one of these.
	uuidIn(column string, ids []string) clause
	// notEmpty: the column's text is not empty.
	notEmpty(column string) clause
	// keyParts is what two columns of ids must have equal, so that the ids are the same.
	keyParts(column string, kind ColumnKind) []string
	// among: a record's id is that of a row in a table, of which more is true.
	among(id, table, alias, record string, kind ColumnKind, more clause) clause

	// present: the column has a value of the type.
	present(column string, t model.AttrType) clause
	// isBool: the column has this value.
	isBool(column string, value bool) clause
	// compare: the column, which is of the value's type or both are numbers, compares so with
	// the value, a string, int64, float64, time.Time or time.Duration. It is not NaN.
	compare(column string, t model.AttrType, op Op, value any) clause
	// compareColumns: two columns of one type compare so; as doubles if one is an int.
	compareColumns(left string, op Op, right string, t model.AttrType) clause
	// text: the column's text has the value, which is not empty, there.
	text(column string, where Where, value string) clause
}
