package filter

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// postgres says what type each argument is of, where a driver might take it for another.
// Text is equal by bytes in all its collations but those that are made with
// deterministic = false.
type postgres struct{}

func (postgres) quote(name string) string { return `"` + name + `"` }

// textIn leaves out what is no text in PostgreSQL: no column holds it.
func (postgres) textIn(column string, texts []string) clause {
	possible := make([]string, 0, len(texts))
	for _, s := range texts {
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			possible = append(possible, s)
		}
	}
	if len(possible) <= short {
		return oneOf(column, "?", anys(possible))
	}
	return clause{column + " = ANY(CAST(? AS text[]))", []any{postgresArray(possible)}}
}

var postgresQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func postgresArray(texts []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		_, _ = postgresQuotes.WriteString(&b, s) // a Builder takes everything
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func (postgres) numberIn(column string, numbers []string) clause {
	numbers = int64s(numbers)
	if len(numbers) <= short {
		return oneOf(column, "CAST(? AS bigint)", int64Args(numbers))
	}
	return clause{column + " = ANY(CAST(? AS bigint[]))", []any{"{" + strings.Join(numbers, ",") + "}"}}
}

// uuidIn leaves out what the column does not write so.
func (postgres) uuidIn(column string, ids []string) clause {
	uuids := make([]string, 0, len(ids))
	for _, id := range ids {
		if canonicalUUID(id) {
			uuids = append(uuids, id)
		}
	}
	if len(uuids) <= short {
		return oneOf(column, "CAST(? AS uuid)", anys(uuids))
	}
	return clause{column + " = ANY(CAST(? AS uuid[]))", []any{"{" + strings.Join(uuids, ",") + "}"}}
}

func canonicalUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (postgres) notEmpty(column string) clause { return clause{sql: column + " <> ''"} }

func (postgres) keyParts(column string, _ ColumnKind) []string { return []string{column} }

// among is EXISTS: PostgreSQL chooses between one look-up for each row and one for all.
func (postgres) among(id, table, alias, record string, _ ColumnKind, more clause) clause {
	more = and(clause{sql: record + " = " + id}, more)
	return clause{"EXISTS (SELECT 1 FROM " + table + " AS " + alias + " WHERE " + more.sql + ")", more.args}
}

// The years that a condition knows.
const (
	postgresFirst = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"
	postgresEnd   = "TIMESTAMPTZ '10000-01-01 00:00:00+00'"
)

func (postgres) present(column string, t model.AttrType) clause {
	switch t {
	case model.AttrDouble:
		return clause{sql: column + " <> 'NaN'"}
	case model.AttrTimestamp:
		return clause{sql: "(" + column + " >= " + postgresFirst + " AND " + column + " < " + postgresEnd + ")"}
	}
	return clause{sql: column + " IS NOT NULL"}
}

func (postgres) isBool(column string, value bool) clause {
	if value {
		return clause{sql: column}
	}
	return clause{sql: "NOT " + column}
}

func (d postgres) compare(column string, t model.AttrType, op Op, value any) clause {
	by := " " + op.String() + " "
	switch v := value.(type) {
	case string:
		return d.compareText(column, op, v)
	case time.Time:
		return d.compareTime(column, op, v)
	case time.Duration:
		value = int64(v)
	case float64:
		c := clause{column + by + "CAST(? AS double precision)", []any{v}}
		if math.IsInf(v, 0) {
			c = clause{sql: column + by + "CAST('" + strconv.FormatFloat(v, 'g', -1, 64) + "' AS double precision)"}
		}
		if t == model.AttrDouble && (op == NotEqual || op == Greater || op == GreaterOrEqual) { // NaN is above all
			return and(d.present(column, t), c)
		}
		return c
	}
	return clause{column + by + "CAST(? AS bigint)", []any{value}}
}

// compareText: no text of PostgreSQL has a NUL. What has one lies right above what it is up to there.
func (d postgres) compareText(column string, op Op, value string) clause {
	if start, _, ok := strings.Cut(value, "\x00"); ok {
		switch value = start; op {
		case Equal:
			return never
		case NotEqual:
			return d.present(column, model.AttrString)
		case Less:
			op = LessOrEqual
		case GreaterOrEqual:
			op = Greater
		}
	}
	if op != Equal && op != NotEqual {
		column += ` COLLATE "C"`
	}
	return clause{column + " " + op.String() + " ?", []any{value}}
}

func (d postgres) compareTime(column string, op Op, t time.Time) clause {
	present := d.present(column, model.AttrTimestamp)
	op, t, same := cut(op, t)
	if !same && (op == Equal || op == NotEqual) {
		return unequal(present, op)
	}
	c := clause{column + " " + op.String() + " CAST(? AS timestamptz)", []any{t}}
	if op == Equal {
		return c
	}
	return and(present, c)
}

func (d postgres) compareColumns(left string, op Op, right string, t model.AttrType) clause {
	by := " " + op.String() + " "
	switch t {
	case model.AttrString:
		return clause{sql: left + ` COLLATE "C"` + by + right + ` COLLATE "C"`}
	case model.AttrDouble:
		left, right = "CAST("+left+" AS double precision)", "CAST("+right+" AS double precision)" // one may be an int
		return and(d.present(left, t), d.present(right, t), clause{sql: left + by + right})
	case model.AttrTimestamp:
		return and(d.present(left, t), d.present(right, t), clause{sql: left + by + right})
	}
	return clause{sql: left + by + right}
}

// text counts characters, which is as good as bytes in UTF-8.
func (postgres) text(column string, where Where, value string) clause {
	if strings.Contains(value, "\x00") {
		return never
	}
	column, n := "CAST("+column+` AS text) COLLATE "C"`, strconv.Itoa(utf8.RuneCountInString(value))
	switch where {
	case AtStart:
		return clause{"left(" + column + ", " + n + ") = ?", []any{value}}
	case AtEnd:
		return clause{"right(" + column + ", " + n + ") = ?", []any{value}}
	}
	return clause{"strpos(" + column + ", ?) > 0", []any{value}}
}
