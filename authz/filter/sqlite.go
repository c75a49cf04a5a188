package filter

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// sqlite compares text with COLLATE BINARY, for a column may have NOCASE or RTRIM. That does not
// keep it from using the column's index.
type sqlite struct{}

// short is how many values are arguments of their own; more are one.
const short = 50

func (sqlite) quote(name string) string { return `"` + name + `"` }

func (sqlite) textIn(column string, texts []string) clause {
	column += " COLLATE BINARY"
	if len(texts) <= short {
		return oneOf(column, "?", anys(texts))
	}
	listed, others := inJSON(texts)
	return or(clause{column + " IN (SELECT value FROM json_each(?))", []any{listed}}, oneOf(column, "?", anys(others)))
}

// inJSON lists texts as JSON, those aside that JSON, or a database's reading of it, does not keep.
func inJSON(texts []string) (list string, others []string) {
	var plain []string
	for _, s := range texts {
		if len(s) <= maxInJSON && utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			plain = append(plain, s)
		} else {
			others = append(others, s)
		}
	}
	b, err := json.Marshal(plain)
	if err != nil { // strings always are JSON
		return "[]", texts
	}
	return string(b), others
}

// maxInJSON is the longest text in JSON, in bytes, for MySQL has to know it.
const maxInJSON = 400

func (sqlite) numberIn(column string, numbers []string) clause {
	numbers = int64s(numbers)
	if len(numbers) <= short {
		return oneOf(column, "?", int64Args(numbers))
	}
	return clause{column + " IN (SELECT value FROM json_each(?))", []any{"[" + strings.Join(numbers, ",") + "]"}}
}

// int64s is the numbers that are no larger than an int64.
func int64s(numbers []string) []string {
	fit := make([]string, 0, len(numbers))
	for _, s := range numbers {
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			fit = append(fit, s)
		}
	}
	return fit
}

func int64Args(numbers []string) []any {
	args := make([]any, 0, len(numbers))
	for _, s := range numbers {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			args = append(args, n)
		}
	}
	return args
}

func (d sqlite) uuidIn(column string, ids []string) clause { return d.textIn(column, ids) }

func (sqlite) notEmpty(column string) clause { return clause{sql: column + " COLLATE BINARY <> ''"} }

func (sqlite) keyParts(column string, _ ColumnKind) []string {
	return []string{column + " COLLATE BINARY"}
}

// among is evaluated once and can look the ids up in an index, as EXISTS can not.
func (sqlite) among(id, table, alias, record string, _ ColumnKind, more clause) clause {
	return clause{id + " COLLATE BINARY IN (SELECT " + record + " FROM " + table + " AS " + alias + " WHERE " + more.sql + ")", more.args}
}

func (sqlite) present(column string, t model.AttrType) clause {
	if t == model.AttrTimestamp {
		return clause{sql: sqliteInstant(column) + " >= '0001'"}
	}
	return clause{sql: column + " IS NOT NULL"}
}

func (sqlite) isBool(column string, value bool) clause { return boolNumber(column, value) }

func boolNumber(column string, value bool) clause {
	if value {
		return clause{sql: column + " <> 0"}
	}
	return clause{sql: column + " = 0"}
}

func (d sqlite) compare(column string, t model.AttrType, op Op, value any) clause {
	by := " " + op.String() + " "
	switch v := value.(type) {
	case string:
		return clause{column + " COLLATE BINARY" + by + "?", []any{v}}
	case time.Time:
		c := clause{sqliteInstant(column) + by + "?", []any{v.UTC().Format(sqliteLayout)}}
		if op == Equal || op == Greater || op == GreaterOrEqual {
			return c
		}
		return and(d.present(column, t), c)
	case time.Duration:
		return clause{column + by + "?", []any{int64(v)}}
	case float64:
		return d.compareFloat(column, by, v)
	}
	return clause{column + by + "?", []any{value}}
}

// sqliteLayout is an instant in UTC, as sqliteInstant makes it.
const sqliteLayout = "2006-01-02 15:04:05.000000000"

// exactDouble is where doubles begin to skip integers. A database may compare these exactly
// with a double, where conditions make both doubles.
const exactDouble = 1 << 53

func (sqlite) compareFloat(column, by string, v float64) clause {
	switch {
	case math.IsInf(v, 1):
		return clause{sql: column + by + "9e999"}
	case math.IsInf(v, -1):
		return clause{sql: column + by + "-9e999"}
	case math.Abs(v) < exactDouble:
		return clause{column + by + "?", []any{v}}
	}
	return clause{"CAST(" + column + " AS REAL)" + by + "?", []any{v}}
}

func (d sqlite) compareColumns(left string, op Op, right string, t model.AttrType) clause {
	by := " " + op.String() + " "
	switch t {
	case model.AttrString:
		return clause{sql: left + " COLLATE BINARY" + by + right}
	case model.AttrDouble:
		return clause{sql: "CAST(" + left + " AS REAL)" + by + "CAST(" + right + " AS REAL)"}
	case model.AttrBool:
		return clause{sql: "(" + left + " <> 0)" + by + "(" + right + " <> 0)"}
	case model.AttrTimestamp:
		return and(d.present(left, t), d.present(right, t), clause{sql: sqliteInstant(left) + by + sqliteInstant(right)})
	}
	return clause{sql: left + by + right}
}

// text compares bytes: SQLite's functions of text end at a NUL.
func (sqlite) text(column string, where Where, value string) clause {
	blob, n := "CAST("+column+" AS BLOB)", strconv.Itoa(len(value))
	switch where {
	case AtStart:
		return clause{"substr(" + blob + ", 1, " + n + ") = CAST(? AS BLOB)", []any{value}}
	case AtEnd:
		return clause{"substr(" + blob + ", -" + n + ") = CAST(? AS BLOB)", []any{value}}
	}
	return clause{"instr(" + blob + ", CAST(? AS BLOB)) > 0", []any{value}}
}

// sqliteInstant makes a time that GORM has written, such as "2006-01-02
// 15:04:05.5+02:00", text that sorts as the instants do: in UTC, with all nine
// digits of the fraction. It may do without the fraction and the zone, or have Z for UTC. What is no
// time, or later than the year 9999, is NULL. Only whole seconds are given to
// datetime, which rounds others.
func sqliteInstant(column string) string {
	const zoned = `length({c}) > 19 AND substr({c}, -6, 1) IN ('+', '-')`
	const seconds = `datetime(substr({c}, 1, 19), CASE WHEN ` + zoned +
		` THEN CASE substr({c}, -6, 1) WHEN '+' THEN '-' ELSE '+' END || substr({c}, -5) ELSE '+00:00' END)`
	const fraction = `CASE WHEN substr({c}, 20, 1) <> '.' THEN '' WHEN ` + zoned +
		` THEN substr({c}, 21, length({c}) - 26) ELSE rtrim(substr({c}, 21), 'Z') END`
	const instant = `(` + seconds + ` || '.' || substr(` + fraction + ` || '000000000', 1, 9))`
	return strings.ReplaceAll(instant, "{c}", column)
}
