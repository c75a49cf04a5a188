package filter

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// mysql is MySQL and MariaDB, whose usual collations take Alice for alice and for "alice ". So
// text is compared twice: by the column's collation, for its index, and by its bytes.
type mysql struct{}

// longInMySQL is how many values are arguments of their own: it uses an index for
// these, and for none in JSON beside an OR.
const longInMySQL = 1000

func (mysql) quote(name string) string { return "`" + name + "`" }

// mysqlBytes is a column's text in UTF-8, which is compared by bytes.
func mysqlBytes(column string) string {
	return "CAST(CONVERT(" + column + " USING utf8mb4) AS BINARY)"
}

func (d mysql) textIn(column string, texts []string) clause {
	possible := make([]string, 0, len(texts))
	for _, s := range texts {
		if utf8.ValidString(s) {
			possible = append(possible, s)
		}
	}
	if len(possible) <= longInMySQL {
		exact := oneOf(mysqlBytes(column), "?", anys(possible))
		if slices.ContainsFunc(possible, notASCII) {
			return exact
		}
		return and(oneOf(column, "?", anys(possible)), exact)
	}
	listed, others := inJSON(possible)
	list := clause{mysqlBytes(column) + " IN (SELECT CAST(v AS BINARY) FROM JSON_TABLE(?, '$[*]' COLUMNS (v VARCHAR(" +
		strconv.Itoa(maxInJSON) + ") CHARACTER SET utf8mb4 PATH '$')) AS listed)", []any{listed}}
	return or(list, d.textIn(column, others))
}

// notASCII: a column may be of a character set that has not got the text; comparing them is an error.
func notASCII(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func (mysql) numberIn(column string, numbers []string) clause {
	if len(numbers) <= longInMySQL {
		args := make([]any, len(numbers))
		for i, s := range numbers {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				args[i] = n
			} else {
				args[i], _ = strconv.ParseUint(s, 10, 64) // it is a whole number
			}
		}
		return oneOf(column, "?", args)
	}
	return clause{column + " IN (SELECT v FROM JSON_TABLE(?, '$[*]' COLUMNS (v DECIMAL(20, 0) PATH '$')) AS listed)",
		[]any{"[" + strings.Join(numbers, ",") + "]"}}
}

func (d mysql) uuidIn(column string, ids []string) clause { return d.textIn(column, ids) }

// notEmpty: blanks are equal to the empty string, and are not it.
func (mysql) notEmpty(column string) clause { return clause{sql: "LENGTH(" + column + ") > 0"} }

func (mysql) keyParts(column string, kind ColumnKind) []string {
	if kind == IntegerColumn {
		return []string{column}
	}
	return []string{column, mysqlBytes(column)}
}

// among compares the ids and their bytes together. MariaDB keeps what subqueries
// have answered and finds it by collation, so a subquery that is asked about one
// column answers for Alice what it has answered for alice.
func (mysql) among(id, table, alias, record string, kind ColumnKind, more clause) clause {
	if kind != IntegerColumn {
		id = "(" + id + ", " + mysqlBytes(id) + ")"
		record += ", " + mysqlBytes(record)
	}
	return clause{id + " IN (SELECT " + record + " FROM " + table + " AS " + alias + " WHERE " + more.sql + ")", more.args}
}

func (mysql) present(column string, _ model.AttrType) clause {
	return clause{sql: column + " IS NOT NULL"}
}

func (mysql) isBool(column string, value bool) clause { return boolNumber(column, value) }

func (d mysql) compare(column string, t model.AttrType, op Op, value any) clause {
	by := " " + op.String() + " "
	switch v := value.(type) {
	case string:
		exact := clause{mysqlBytes(column) + by + "?", []any{v}}
		if op == Equal && !notASCII(v) {
			return and(clause{column + " = ?", []any{v}}, exact)
		}
		return exact
	case time.Time:
		return d.compareTime(column, op, v)
	case time.Duration:
		value = int64(v)
	case float64:
		if math.IsInf(v, 0) { // no column holds it
			return d.ifHolds(column, op, -int(math.Copysign(1, v)))
		}
		if t == model.AttrInt && math.Abs(v) >= exactDouble {
			column = "(" + column + " + 0e0)"
		}
		return clause{column + by + "(? + 0e0)", []any{v}}
	}
	return clause{column + by + "?", []any{value}}
}

// ifHolds is what a comparison is whose outcome is the same for all values.
func (d mysql) ifHolds(column string, op Op, order int) clause {
	if op.holds(order) {
		return clause{sql: column + " IS NOT NULL"}
	}
	return never
}

// mysqlFirst is the time that its driver writes as 0000-00-00, and reads so.
const mysqlFirst = "'0001-01-01 00:00:00'"

func (d mysql) compareTime(column string, op Op, t time.Time) clause {
	op, t, same := cut(op, t)
	switch {
	case !same && (op == Equal || op == NotEqual):
		return unequal(d.present(column, model.AttrTimestamp), op)
	case !t.IsZero():
		return clause{column + " " + op.String() + " ?", []any{t}}
	}
	switch op {
	case Equal, LessOrEqual:
		return clause{sql: column + " <= " + mysqlFirst}
	case NotEqual, Greater:
		return clause{sql: column + " > " + mysqlFirst}
	}
	return d.ifHolds(column, op, 0) // < or >=
}

func (mysql) compareColumns(left string, op Op, right string, t model.AttrType) clause {
	by := " " + op.String() + " "
	switch t {
	case model.AttrString:
		return clause{sql: mysqlBytes(left) + by + mysqlBytes(right)}
	case model.AttrDouble:
		return clause{sql: "(" + left + " + 0e0)" + by + "(" + right + " + 0e0)"}
	case model.AttrBool:
		return clause{sql: "(" + left + " <> 0)" + by + "(" + right + " <> 0)"}
	case model.AttrTimestamp:
		return clause{sql: "GREATEST(" + left + ", CAST(" + mysqlFirst + " AS DATETIME(6)))" + by + "GREATEST(" + right + ", CAST(" + mysqlFirst + " AS DATETIME(6)))"}
	}
	return clause{sql: left + by + right}
}

func (mysql) text(column string, where Where, value string) clause {
	bytes, n := mysqlBytes(column), strconv.Itoa(len(value))
	switch where {
	case AtStart:
		return clause{"LEFT(" + bytes + ", " + n + ") = ?", []any{value}}
	case AtEnd:
		return clause{"RIGHT(" + bytes + ", " + n + ") = ?", []any{value}}
	}
	return clause{"LOCATE(?, " + bytes + ") > 0", []any{value}}
}
