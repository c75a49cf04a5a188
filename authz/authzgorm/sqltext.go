package authzgorm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
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
	columns  []columnRef
	marks    int      // how many ? there are
	computes bool     // it may fail for what some row has
	patterns []int    // which ? stand behind LIKE, and so may the named arguments if there is one
	aliases  []string // names given by AS; without quotes also as PostgreSQL takes them, in small letters
}

// columnRef is a column by its name, "*" for all; table is empty if it names none. A number, TRUE,
// FALSE or a placeholder that stands alone in a list is a columnRef with that as its name:
// behind ORDER BY and GROUP BY databases take it for a column's position.
type columnRef struct{ table, name string }

// The limits of a fragment.
const (
	maxSQL        = 10_000 // bytes
	maxSQLNesting = 50     // of parentheses and CASE
)

// sqlState is what may come next in a fragment.
type sqlState byte

const (
	wantTerm   sqlState = iota // a column, value or function
	haveTerm                   // an operator, or the end
	wantBranch                 // behind CASE: a term or WHEN
	wantTest                   // behind "x NOT": IN, LIKE, ILIKE or BETWEEN
	wantList                   // behind IN: a parenthesis or placeholder; for SQLite a name is a table
	wantPlace                  // behind NULLS: FIRST or LAST
	sorted                     // behind ASC and DESC: NULLS, a comma or the end
	closed                     // a comma or the end
)

// sqlWords are the words that may stand in a fragment besides names, by what they come after
// and what comes after them. Elsewhere some databases take some of them for names.
var sqlWords = map[string]map[sqlState]sqlState{
	"AND": {haveTerm: wantTerm}, "OR": {haveTerm: wantTerm}, "IS": {haveTerm: wantTerm}, "ESCAPE": {haveTerm: wantTerm},
	"NOT":  {haveTerm: wantTest, wantTerm: wantTerm, wantBranch: wantTerm},
	"LIKE": {haveTerm: wantTerm, wantTest: wantTerm}, "ILIKE": {haveTerm: wantTerm, wantTest: wantTerm}, "BETWEEN": {haveTerm: wantTerm, wantTest: wantTerm},
	"IN":   {haveTerm: wantList, wantTest: wantList},
	"NULL": {wantTerm: haveTerm, wantBranch: haveTerm}, "TRUE": {wantTerm: haveTerm, wantBranch: haveTerm}, "FALSE": {wantTerm: haveTerm, wantBranch: haveTerm},
	"CASE": {wantTerm: wantBranch, wantBranch: wantBranch}, "WHEN": {wantBranch: wantTerm, haveTerm: wantTerm},
	"THEN": {haveTerm: wantTerm}, "ELSE": {haveTerm: wantTerm}, "END": {haveTerm: haveTerm},
	"DISTINCT": {wantTerm: wantTerm},
	"ASC":      {haveTerm: sorted}, "DESC": {haveTerm: sorted}, "NULLS": {haveTerm: wantPlace, sorted: wantPlace},
	"FIRST": {wantPlace: closed}, "LAST": {wantPlace: closed},
	"AS": {haveTerm: closed},
}

// sqlFunctions are the functions that may be called: they look at nothing but their arguments.
var sqlFunctions = wordSet("COUNT SUM MIN MAX AVG LOWER UPPER LENGTH COALESCE NULLIF ABS ROUND TRIM DATE")

// sqlReserved are words that are no names unless they are quoted, whatever a table says.
var sqlReserved = wordSet("SELECT FROM WHERE UNION INTERSECT EXCEPT EXISTS WITH RECURSIVE VALUES TABLE JOIN STRAIGHT_JOIN ON USING GROUP HAVING ORDER BY LIMIT OFFSET " +
	"INSERT REPLACE MERGE UPDATE DELETE TRUNCATE INTO OUTFILE DUMPFILE SET CREATE DROP ALTER RENAME GRANT REVOKE PRAGMA ATTACH DETACH VACUUM EXPLAIN DECLARE BEGIN COMMIT ROLLBACK SAVEPOINT " +
	"ALL ANY SOME CAST CONVERT COLLATE INTERVAL ROW ARRAY OVER PARTITION WINDOW FILTER WITHIN RETURNING FOR FETCH LATERAL NATURAL CROSS INNER OUTER LEFT RIGHT FULL CALL EXEC EXECUTE DO PROCEDURE " +
	"BINARY REGEXP RLIKE GLOB MATCH SIMILAR SOUNDS DIV MOD XOR ISNULL NOTNULL CURRENT_USER SESSION_USER USER CURRENT_ROLE SYSTEM_USER")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// readSQL reads a piece of SQL, such as the condition "name = ? OR status IN (?)". It passes what
// it knows: columns, placeholders, numbers, plain text, operators, parentheses and some words and
// functions. All else is a *[SQLError]. So is a placeholder "@name" whose name is not among
// those of the named arguments, for PostgreSQL takes it for an operator and a column.
func readSQL(text string, named ...string) (fragment, error) {
	if len(text) > maxSQL {
		return fragment{}, &SQLError{text, "its length"}
	}
	r := &sqlReader{text: text, named: named}
	for r.blanks(); r.at < len(r.text); r.blanks() {
		start := r.at
		if !r.token() {
			return fragment{}, &SQLError{text, text[start:]}
		}
		r.last = strings.ToUpper(text[start:r.at])
	}
	if !r.endTerm() || len(r.open) > 0 {
		return fragment{}, &SQLError{text, "its end"}
	}
	return r.found, nil
}

// sqlReader is at a place of a text.
type sqlReader struct {
	text  string
	at    int
	named []string // arguments
	state sqlState
	last  string // what was read before, in capitals
	open  []byte // what is not closed yet: '(' or, for CASE, 'C'
	lone  string // a constant of the term, alone if the term has one part
	parts int    // of the term, besides signs and parentheses
	found fragment
}

func (r *sqlReader) blanks() {
	for r.at < len(r.text) && strings.IndexByte(" \t\n\r", r.text[r.at]) >= 0 {
		r.at++
	}
}

// token reads a token, and tells whether it is one that passes.
func (r *sqlReader) token() bool {
	switch c := r.text[r.at]; {
	case beginsWord(c):
		return r.word()
	case c == '"' || c == '`':
		return r.quotedColumn()
	case c == '?':
		r.at++
		r.found.marks++
		return r.constant("?")
	case c == '@':
		return r.namedArgument()
	case c >= '0' && c <= '9':
		return r.number()
	case c == '\'':
		return r.literal()
	case c == '(':
		r.at++
		return (r.wantsTerm() || r.state == wantList) && r.push('(')
	case c == ')':
		r.at++
		return r.state == haveTerm && r.pop('(')
	}
	return r.operator()
}

func (r *sqlReader) wantsTerm() bool { return r.state == wantTerm || r.state == wantBranch }

// term notes a term that was read, and tells whether one may stand here.
func (r *sqlReader) term() bool {
	ok := r.wantsTerm()
	r.state = haveTerm
	r.parts++
	return ok
}

func (r *sqlReader) constant(text string) bool {
	r.lone = text
	if r.state == wantList && (text == "?" || text[0] == '@') {
		r.state = wantTerm
	}
	return r.term()
}

// push opens what pop closes.
func (r *sqlReader) push(opening byte) bool {
	r.state = wantTerm
	r.open = append(r.open, opening)
	return len(r.open) <= maxSQLNesting
}

func (r *sqlReader) pop(opening byte) bool {
	if !r.within(opening) {
		return false
	}
	r.open = r.open[:len(r.open)-1]
	return true
}

func (r *sqlReader) within(opening byte) bool {
	return len(r.open) > 0 && r.open[len(r.open)-1] == opening
}

// endTerm ends a term of a list that is in no parentheses.
func (r *sqlReader) endTerm() bool {
	if r.state != haveTerm && r.state != sorted && r.state != closed {
		return false
	}
	if r.parts == 1 && r.lone != "" {
		r.found.columns = append(r.found.columns, columnRef{"", r.lone})
	}
	r.state, r.parts, r.lone = wantTerm, 0, ""
	return true
}

// operators, the longer first.
var sqlOperators = []string{"<>", "!=", "<=", ">=", "||", "=", "<", ">", "+", "-", "*", "/", "%"}

func (r *sqlReader) operator() bool {
	rest := r.text[r.at:]
	switch {
	case strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*"): // comments
		return false
	case rest[0] == ',' && len(r.open) == 0:
		r.at++
		return r.endTerm()
	case (rest[0] == '-' || rest[0] == '+') && r.wantsTerm(): // a sign
		r.at++
		r.state = wantTerm
		return true
	case rest[0] == '*' && r.wantsTerm():
		r.at++
		return r.everything()
	}
	for _, op := range append(sqlOperators, ",") {
		if strings.HasPrefix(rest, op) {
			r.at += len(op)
			r.parts++
			r.found.computes = r.found.computes || strings.Contains("+-*/%||", op)
			ok := r.state == haveTerm
			r.state = wantTerm
			return ok
		}
	}
	return false
}

// everything is "*", for all columns.
func (r *sqlReader) everything() bool {
	r.found.columns = append(r.found.columns, columnRef{"", "*"})
	ok := len(r.open) == 0 && r.term()
	r.state = closed
	return ok
}

func (r *sqlReader) number() bool {
	start := r.at
	r.digits()
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		if r.digits() == 0 {
			return false
		}
	}
	// 0x1F and 1e9 are left out.
	return (r.at == len(r.text) || !beginsWord(r.text[r.at])) && r.constant(r.text[start:r.at])
}

func (r *sqlReader) digits() (n int) {
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
		n++
	}
	return n
}

// namedArgument is "@name". GORM takes more than the name unless one of these follows.
func (r *sqlReader) namedArgument() bool {
	start := r.at
	r.at++
	name := r.plainWord()
	ends := r.at == len(r.text) || strings.IndexByte(" \n\r,)", r.text[r.at]) >= 0
	return ends && name != "" && slices.Contains(r.named, name) && r.constant(r.text[start:r.at])
}

// literal is text without anything that a database, or GORM, could read otherwise.
func (r *sqlReader) literal() bool {
	end := strings.IndexByte(r.text[r.at+1:], '\'')
	if end < 0 {
		return false
	}
	inner := r.text[r.at+1 : r.at+1+end]
	r.at += end + 2
	followed := r.at < len(r.text) && r.text[r.at] == '\''
	return !followed && utf8.ValidString(inner) && !strings.ContainsFunc(inner, func(c rune) bool {
		return c < ' ' || c == '\\' || c == '?' || c == '@' || c >= 0x7f && c < 0xa0
	}) && r.term()
}

// word is a keyword, a function or a column.
func (r *sqlReader) word() bool {
	name := r.plainWord()
	upper := strings.ToUpper(name)
	switch {
	case sqlWords[upper] != nil:
		return r.keyword(upper)
	case r.called():
		return sqlFunctions[upper] && r.call(upper)
	case reserved(upper):
		return false
	}
	return r.column(name)
}

func reserved(upper string) bool {
	return sqlReserved[upper] || strings.HasPrefix(upper, "CURRENT_") || strings.HasPrefix(upper, "LOCALTIME")
}

func (r *sqlReader) keyword(word string) bool {
	next, ok := sqlWords[word][r.state]
	switch word {
	case "TRUE", "FALSE":
		return r.constant(word)
	case "CASE":
		ok = ok && r.push('C')
	case "WHEN", "THEN", "ELSE":
		ok = ok && r.within('C')
	case "END":
		ok = ok && r.pop('C')
	case "ESCAPE":
		r.found.computes = true
	case "LIKE", "ILIKE": // a pattern of a row's own may be none
		r.blanks()
		r.found.patterns = append(r.found.patterns, r.found.marks)
		r.found.computes = r.found.computes || r.at == len(r.text) || strings.IndexByte("?@'", r.text[r.at]) < 0
	case "DISTINCT":
		ok = ok && (r.last == "" || strings.HasSuffix(r.last, "("))
	case "AS":
		ok = ok && len(r.open) == 0 && r.alias()
	case "ASC", "DESC", "NULLS", "FIRST", "LAST":
		r.state = next
		return ok && len(r.open) == 0
	}
	r.state = next
	r.parts++
	return ok
}

// call begins a function's arguments. COUNT(*) is of rows, not of columns, and read as a whole.
func (r *sqlReader) call(function string) bool {
	r.found.computes = r.found.computes || slices.Contains([]string{"ABS", "ROUND", "SUM", "AVG", "DATE"}, function)
	ok := r.term()
	r.blanks()
	r.at++ // the parenthesis
	if function == "COUNT" {
		from := r.at
		if r.blanks(); r.take('*') {
			if r.blanks(); r.take(')') {
				return ok
			}
		}
		r.at = from
	}
	return ok && r.push('(')
}

func (r *sqlReader) take(c byte) bool {
	ok := r.at < len(r.text) && r.text[r.at] == c
	if ok {
		r.at++
	}
	return ok
}

// alias is the name behind AS.
func (r *sqlReader) alias() bool {
	r.blanks()
	quoted := r.at < len(r.text) && !beginsWord(r.text[r.at])
	name := r.name()
	upper := strings.ToUpper(name)
	if name == "" || !quoted && (sqlWords[upper] != nil || reserved(upper)) {
		return false
	}
	r.found.aliases = append(r.found.aliases, name)
	if lower := strings.ToLower(name); !quoted && lower != name {
		r.found.aliases = append(r.found.aliases, lower)
	}
	return true
}

func (r *sqlReader) quotedColumn() bool {
	name := r.name()
	return name != "" && !r.called() && r.column(name)
}

// column is a column by its name, or that of its table and its own.
func (r *sqlReader) column(name string) bool {
	c := columnRef{"", name}
	if r.take('.') {
		c = columnRef{name, "*"}
		if !r.take('*') {
			c.name = r.name()
		}
		if c.name == "" || r.called() || r.at < len(r.text) && r.text[r.at] == '.' {
			return false
		}
	}
	r.found.columns = append(r.found.columns, c)
	return r.term()
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
	if !r.take(quote) {
		return ""
	}
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
