package authzgorm

import (
	"errors"
	"fmt"
	"strings"
)

// ErrRawSQL: the statement has SQL that is not known to be harmless.
var ErrRawSQL = errors.New("the SQL is not known to be harmless")

// SQLError says what of a piece of SQL is not known to be harmless. It matches ErrRawSQL.
type SQLError struct {
	SQL  string
	Part string // where it begins
}

func (e *SQLError) Error() string {
	return fmt.Sprintf("%v: %.40q in %.200q", ErrRawSQL, e.Part, e.SQL)
}

// Is tells that it is an ErrRawSQL.
func (e *SQLError) Is(target error) bool { return target == ErrRawSQL }

// fragment is what was understood of a piece of SQL that a program wrote.
type fragment struct {
	columns []columnRef
	aliases []string // names given by AS
}

// columnRef is a column by its name, "*" for all; table is empty if it names none.
type columnRef struct{ table, name string }

// The limits of a fragment.
const (
	maxSQL        = 10_000 // bytes
	maxSQLNesting = 50     // of parentheses
)

// sqlWords are the words that may stand in a fragment, besides columns. Nothing that
// could begin a query is among them.
var sqlWords = wordSet("AND OR NOT IN IS NULL LIKE ILIKE BETWEEN ASC DESC NULLS FIRST LAST TRUE FALSE CASE WHEN THEN ELSE END DISTINCT AS ESCAPE")

// sqlFunctions are the functions that may be called: they look at nothing but their arguments.
var sqlFunctions = wordSet("COUNT SUM MIN MAX AVG LOWER UPPER LENGTH COALESCE NULLIF ABS ROUND TRIM")

// sqlReserved are words that are no columns, whatever a table says.
var sqlReserved = wordSet("SELECT FROM WHERE UNION INTERSECT EXCEPT EXISTS WITH VALUES TABLE JOIN ON USING GROUP HAVING ORDER BY LIMIT OFFSET INSERT UPDATE DELETE INTO SET CREATE DROP ALTER GRANT " +
	"ALL ANY SOME CAST COLLATE INTERVAL ROW ARRAY OVER PARTITION WINDOW FILTER WITHIN RETURNING FOR FETCH LATERAL NATURAL CROSS INNER OUTER LEFT RIGHT FULL CALL EXEC EXECUTE DO PROCEDURE " +
	"BINARY REGEXP RLIKE GLOB MATCH SIMILAR SOUNDS DIV MOD XOR CURRENT_USER SESSION_USER USER CURRENT_ROLE SYSTEM_USER")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// readSQL reads a piece of SQL, such as the condition "name = ? OR status IN (?)". It passes what
// it knows: columns, placeholders, numbers, plain text, operators, parentheses and some words and
// functions. All else is a *[SQLError].
func readSQL(text string) (fragment, error) {
	r := &sqlReader{text: text}
	if len(text) > maxSQL {
		return fragment{}, &SQLError{text, "its length"}
	}
	for {
		r.blanks()
		if r.at == len(r.text) {
			break
		}
		if start := r.at; !r.token() {
			return fragment{}, &SQLError{text, text[start:]}
		}
	}
	if r.depth != 0 || r.tokens == 0 || r.alias {
		return fragment{}, &SQLError{text, "its end"}
	}
	return r.found, nil
}

// sqlReader is at a place of a text.
type sqlReader struct {
	text   string
	at     int
	depth  int  // of parentheses
	tokens int  // that were read
	alias  bool // an AS came last
	found  fragment
}

func (r *sqlReader) blanks() {
	for r.at < len(r.text) && strings.IndexByte(" \t\n\r", r.text[r.at]) >= 0 {
		r.at++
	}
}

// token reads a token, and tells whether it is one that passes.
func (r *sqlReader) token() bool {
	r.tokens++
	c := r.text[r.at]
	switch {
	case beginsWord(c) || c == '"' || c == '`':
		return r.word()
	case r.alias: // names something
		return false
	case c == '?':
		r.at++
		return true
	case c == '@':
		r.at++
		return r.plainWord() != ""
	case c >= '0' && c <= '9':
		return r.number()
	case c == '\'':
		return r.literal()
	case c == '(':
		r.at++
		r.depth++
		return r.depth <= maxSQLNesting
	case c == ')':
		r.at++
		r.depth--
		return r.depth >= 0
	case c == '*':
		return r.star()
	}
	return r.operator()
}

// operators, the longer first.
var sqlOperators = []string{"<>", "!=", "<=", ">=", "||", "=", "<", ">", "+", "-", "/", "%", ","}

func (r *sqlReader) operator() bool {
	rest := r.text[r.at:]
	if strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") { // comments
		return false
	}
	for _, op := range sqlOperators {
		if strings.HasPrefix(rest, op) {
			r.at += len(op)
			return true
		}
	}
	return false
}

// star is every column, where a term may begin: behind "(", a comma, DISTINCT or nothing. Elsewhere it multiplies.
func (r *sqlReader) star() bool {
	if strings.HasPrefix(r.text[r.at:], "*/") {
		return false
	}
	before := strings.TrimRight(r.text[:r.at], " \t\n\r")
	r.at++
	counted := strings.HasSuffix(strings.ToUpper(before), "COUNT(") && strings.HasPrefix(strings.TrimLeft(r.text[r.at:], " \t\n\r"), ")")
	if !counted && (before == "" || strings.HasSuffix(before, "(") || strings.HasSuffix(before, ",") || strings.HasSuffix(strings.ToUpper(before), "DISTINCT")) {
		r.found.columns = append(r.found.columns, columnRef{"", "*"})
	}
	return true
}

func (r *sqlReader) number() bool {
	for r.at < len(r.text) && (r.text[r.at] >= '0' && r.text[r.at] <= '9' || r.text[r.at] == '.') {
		r.at++
	}
	return r.at == len(r.text) || !beginsWord(r.text[r.at]) // 0x1F and 1e9 are left out
}

// literal is text without anything that a database could read otherwise.
func (r *sqlReader) literal() bool {
	end := strings.IndexByte(r.text[r.at+1:], '\'')
	if end < 0 {
		return false
	}
	inner := r.text[r.at+1 : r.at+1+end]
	r.at += end + 2
	followed := r.at < len(r.text) && r.text[r.at] == '\''
	return !followed && !strings.ContainsFunc(inner, func(c rune) bool { return c < ' ' || c == '\\' || c == '?' || c == '@' || c == 0x7f || c == '�' })
}

// word is a keyword, a function or a column.
func (r *sqlReader) word() bool {
	quoted := !beginsWord(r.text[r.at])
	name := r.name()
	if name == "" {
		return false
	}
	if r.alias {
		r.alias = false
		r.found.aliases = append(r.found.aliases, name)
		return quoted || !sqlWords[strings.ToUpper(name)] && !sqlReserved[strings.ToUpper(name)]
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		return r.qualified(name)
	}
	upper := strings.ToUpper(name)
	if r.called() {
		return !quoted && (sqlFunctions[upper] || sqlWords[upper] && upper != "AS")
	}
	switch {
	case !quoted && upper == "AS":
		r.alias = true
	case !quoted && sqlWords[upper]:
	case !quoted && (sqlReserved[upper] || strings.HasPrefix(upper, "CURRENT_") || strings.HasPrefix(upper, "LOCALTIME")):
		return false
	default:
		r.found.columns = append(r.found.columns, columnRef{"", name})
	}
	return true
}

// qualified is a column of a table that is named before it.
func (r *sqlReader) qualified(table string) bool {
	r.at++
	name := "*"
	if r.at < len(r.text) && r.text[r.at] == '*' {
		r.at++
	} else if name = r.name(); name == "" || r.called() {
		return false
	}
	r.found.columns = append(r.found.columns, columnRef{table, name})
	return r.at == len(r.text) || r.text[r.at] != '.'
}

// called tells whether a parenthesis follows: databases allow blanks before it.
func (r *sqlReader) called() bool {
	return strings.HasPrefix(strings.TrimLeft(r.text[r.at:], " \t\n\r"), "(")
}

// name reads a name, with or without quotes; empty if it is none.
func (r *sqlReader) name() string {
	if r.at == len(r.text) {
		return ""
	}
	quote := r.text[r.at]
	if quote != '"' && quote != '`' {
		return r.plainWord()
	}
	r.at++
	name := r.plainWord()
	if name == "" || r.at == len(r.text) || r.text[r.at] != quote {
		return ""
	}
	r.at++
	return name
}

func (r *sqlReader) plainWord() string {
	start := r.at
	for r.at < len(r.text) && (beginsWord(r.text[r.at]) || r.at > start && r.text[r.at] >= '0' && r.text[r.at] <= '9') {
		r.at++
	}
	return r.text[start:r.at]
}

func beginsWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
