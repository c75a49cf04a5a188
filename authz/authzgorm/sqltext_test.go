package authzgorm

import (
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/glebarez/sqlite" // the driver
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What passes, with its columns and, behind |, the names that it gives.
var harmlessSQL = map[string]string{
	"name = ?":                                "name",
	"name = ? AND (status <> ? or Age>=18)":   "name status Age",
	"name=?and status=?":                      "name status",
	"customers.name like ?":                   "customers.name",
	"name NOT LIKE ? ESCAPE '!'":              "name",
	"name ILIKE 'a%' OR NOT (name IS NULL)":   "name name",
	"`customers`.`name` IS NOT NULL":          "customers.name",
	`"customers"."name" desc, "id"`:           "customers.name id",
	"customers.`name`":                        "customers.name",
	`"desc" = ?`:                              "desc",
	"`select`":                                "select",
	"id IN (?)":                               "id",
	"id in(?,?)":                              "id",
	"id IN (1, 2, 3)":                         "id",
	"id IN (name, nick)":                      "id name nick",
	"id NOT IN ?":                             "id",
	"(id, name) IN ((?, ?), (?, ?))":          "id name",
	"name = @name":                            "name",
	"name IN @name AND (nick = @name)":        "name nick",
	"amount + ? * 2 / 3 - 1 % 4":              "amount",
	"amount > -1.5 AND amount < + 3":          "amount amount",
	"amount - -3":                             "amount",
	"lower( name ) = 'abc d-e'":               "name",
	"name = 'Müller; -- (select) /* */ \"'":   "name",
	"upper (name)":                            "name",
	"count(*) > 1":                            "",
	"COUNT( * ) desc":                         "",
	"count(DISTINCT name) AS n, max(age)":     "name age | n",
	"sum(amount) as total":                    "amount | total",
	"sum(amount) AS Owner_ID":                 "amount | Owner_ID owner_id",
	"sum(amount) AS `Owner_ID`":               "amount | Owner_ID",
	`min(a) AS "select", avg(b) AS x1`:        "a b | select x1",
	"*":                                       "*",
	"customers.*":                             "customers.*",
	"`customers`.*, id":                       "customers.* id",
	"count(customers.*)":                      "customers.*",
	"name, *":                                 "name *",
	"DISTINCT *":                              "*",
	"distinct name, id":                       "name id",
	"a * b":                                   "a b",
	"a*b":                                     "a b",
	"name desc":                               "name",
	"name DESC NULLS LAST, id asc":            "name id",
	"name NULLS FIRST":                        "name",
	"CASE WHEN age > 3 THEN 1 ELSE 0 END":     "age",
	"case name when ? then id else nick end":  "name id nick",
	"(case when name is null then 0 end), id": "name id",
	"case when case a when 1 then true end then 1 end": "a",
	"coalesce(nick, name) || 'x'":                      "nick name",
	"nullif(abs(round(length(trim(name)), 2)), 0)":     "name",
	"1 = 1":                               "",
	"? = ?":                               "",
	"'x'":                                 "",
	"NULL":                                "",
	"name IS TRUE":                        "name",
	"name\n=\t?\r":                        "name",
	"date = ?":                            "date",
	"date(created) = ?":                   "created",
	"count = ?":                           "count",
	"name BETWEEN ? AND ?":                "name",
	"name NOT BETWEEN 1 AND 2 AND id = ?": "name id",
	"(name = ?)":                          "name",
	"'a'||phone":                          "phone",
	"name,phone":                          "name phone",
	"name desc,phone":                     "name phone",
	strings.Repeat("(", 50) + "a" + strings.Repeat(")", 50): "a",
	// A position, in ORDER BY:
	"1":               "1",
	"2 desc":          "2",
	"name, 2":         "name 2",
	"(2)":             "2",
	"-((+2)) DESC":    "2",
	"TRUE":            "TRUE",
	"false, id":       "FALSE id",
	"?":               "?",
	"(?) desc":        "?",
	"@name":           "@name",
	"2 NULLS LAST, 3": "2 3",
}

func TestSQLThatPasses(t *testing.T) {
	for text, want := range harmlessSQL {
		f, err := readSQL(text, "other", "name")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		columns, aliases, _ := strings.Cut(want, " | ")
		if diff := cmp.Diff([][]string{strings.Fields(columns), strings.Fields(aliases)}, [][]string{namesIn(f), f.aliases}, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q: want -, got +\n%s", text, diff)
		}
	}
}

func namesIn(f fragment) (names []string) {
	for _, c := range f.columns {
		names = append(names, strings.TrimPrefix(c.table+"."+c.name, "."))
	}
	return names
}

var refusedSQL = [][]string{
	{"", " ", "()", "(", ")", ",", "name,", ",name", "name,,id", "=", "name =", "= name", "NOT", "AND name", "name AND", "name OR OR id", "name = = 1", "a == b", "a <=> b", "a >> b", "a => b", "a ** b", "- ", "lower()", "lower(,)", "id IN ()"},
	// To end the statement or the parenthesis, or to have the database read over something:
	{"name; DROP TABLE customers", "name;", "name -- x", "name--", "name--\n", "1--1", "name/**/", "/* x */ name", "/*! name */", "name # x", "name#", "a*/b", "a/*b", "name */", "1=1) OR (1=1", "(1=1", "name)", "name) --", "(name))((id)"},
	// Other tables:
	{"(SELECT 1)", "id,(select 1)", "(case when (select 1) then name else id end)", "id IN (SELECT id FROM users)", "name UNION SELECT phone FROM customers", "EXISTS (SELECT 1)", "exists(select 1)", "WITH x AS (name)", "VALUES (1)", "x IN (TABLE users)", "TABLE users",
		"id IN notes", "id IN `notes`", "id NOT IN notes", "id IN main.notes", "id IN lower(name)"},
	// Functions:
	{"pg_sleep(10)", "pg_sleep (10)", "pg_sleep\n(10)", "load_extension('x')", "version()", "substr(phone,1,1)", "hex(phone)", "cast(phone as int)", "CAST(phone AS int)", "convert(phone, char)", "row(1)", "if(name, 1, 0)", "name(customers)", "`count`(*)", "`sum`(a)", "a.b()", "a.count(*)", "a.`b` ()", "count (*", "sum(*)", "count(*, 1)", "count(1 *)"},
	{"current_user", "CURRENT_TIMESTAMP", "session_user", "user", "localtime", "CURRENT_whatever"},
	// Operators of one database or another:
	{"name COLLATE nocase", "name::text", "name @> ?", "name <@phone", "name ~ 'x'", "name & 1", "a ^ b", "a | b", "!name", "a := 1", "a->'b'", "a->>'b'", "name REGEXP 'x'", "name GLOB 'x'", "name SOUNDS LIKE 'x'", "binary name", "a DIV b", "name ISNULL", "name NOT NULL", "name IS DISTINCT name"},
	// Parameters:
	{"$1", ":name", "@@version", "@", "@ name", "@phone", "@phone > ?", "-@phone", "@name.x", "@name+phone", "@name=1", "@name\t= 1", "@name(1)", "@'name'", "?1", "? 1", "??", "?|name", "name?", "?name", "@name@name", "@names"},
	// Text:
	{"'it''s'", `'a\'`, `'a\' OR 1=1 --'`, "'a", "'a?b'", "'@name'", "'\x00'", "'a\nb'", "'a\xffb'", "'a\u0085b'", "'a' 'b'", "'a'\n'b'", "'a'\"b\"", "n'abc'", "x'41'", "E'a'", "U&'a'", "_utf8'a'", "date '2020-01-01'", "name 'x'", "1 'owner_id'", "'t'.phone"},
	// Names:
	{"{name}", "[name]", `\name`, "name\x00", "\x00", "nаme = 1", "ｎame", "naｍe", "name\u00a0= 1", "‘a’", "名 = 1", "a\x1fb", "a\u200bb", "a\vb", "a\f", "name；", "é", "a$b", "\ufeffname"},
	{"a.b.c", "a.", ".a", "a . b", "a.'b'", "a..b", "a.1", "`a", "`a b`", "``", `""`, "`a`b`", "`a``b`", "\"a", "\"a`", "`a`.`b`.`c`", "`a`;`b`", "`1a`", "`a.b`", "`a-b`", "a`b`", "(a).b"},
	{"1e9", "0x1F", "1a", "1_000", "1.", ".5", "1.2.3", "1..2", "1 2"},
	// Names without AS, and AS where it is not known:
	{"phone name", "1 owner_id", "1 `owner_id`", "1 \"owner_id\"", "count(*) n", "(1) n", "? n", "NULL n", "name AS n x", "name AS", "AS name", "AS", "name AS 'x'", "name as select", "name AS AND", "name AS first", "name AS ?", "name AS (x)", "name AS a.b", "name AS x desc", "lower(name AS x)", "* AS x", "name desc AS x"},
	// Words at places where some database takes them for names:
	{"desc = 1", "asc", "first = ?", "last", "nulls", "end", "escape = 1", "like", "between = 1", "ilike", "1 first", "name LAST", "name NULLS", "name NULLS id", "name ASC DESC", "name desc + 1", "name desc = id", "(name desc)", "lower(name desc)", "name FIRST NULLS", "lower(distinct)", "id, DISTINCT name", "a = DISTINCT name", "NOT LIKE = 1", "name NOT = 1", "name NOT NOT LIKE 'x'"},
	{"case", "case end", "case name end then", "when 1 then 2", "1 then 2", "name else id", "case when 1 then 2", "(case when 1 then 2) end", "case (when 1 then 2 end)", "case when (1 then 2) end", "end"},
	// Statements:
	{"name INTO x", "ORDER BY name", "name ORDER BY id", "name LIMIT 1", "name OFFSET 1", "name FOR UPDATE", "name OVER (x)", "ALL (name)", "ANY (name)", "name = ANY (?)", "CALL x", "DROP", "attach", "name RETURNING id", "name FROM users", "name, id FROM users", "name WHERE 1", "limit", "offset", "pragma", "DISTINCT ON (name) id"},
	{strings.Repeat("(", 51) + "a" + strings.Repeat(")", 51), strings.Repeat("case ", 51), strings.Repeat("a,", 6000) + "a"},
}

func TestSQLThatIsRefused(t *testing.T) {
	for _, text := range slices.Concat(refusedSQL...) {
		f, err := readSQL(text, "name")
		var e *SQLError
		if !errors.Is(err, ErrRawSQL) || !errors.As(err, &e) || e.SQL != text || !cmp.Equal(f, fragment{}, cmp.AllowUnexported(fragment{})) {
			t.Errorf("%.60q: %+v, %v", text, f, err)
		}
	}
}

func TestSQLNamesOnlyArgumentsThatThereAre(t *testing.T) {
	for _, c := range []struct {
		text  string
		named []string
		ok    bool
	}{{"a = @b", []string{"b"}, true}, {"a = @b", nil, false}, {"a = @b", []string{"a", "B"}, false}, {"@b", nil, false}} {
		if _, err := readSQL(c.text, c.named...); (err == nil) != c.ok {
			t.Errorf("%q with %q: %v", c.text, c.named, err)
		}
	}
}

func TestSQLErrorSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"name; x":      "the SQL is not known to be harmless: \"; x\" in \"name; x\"",
		"(name":        "the SQL is not known to be harmless: \"its end\" in \"(name\"",
		"a = sleep(1)": "the SQL is not known to be harmless: \"sleep(1)\" in \"a = sleep(1)\"",
	} {
		if _, err := readSQL(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestSQLPlaceholdersAreCounted(t *testing.T) {
	for text, want := range map[string]int{"a": 0, "a = ?": 1, "a IN (?, ?) AND b = lower(?)": 3, "a IN ?": 1, "'x' = @n": 0} {
		if f, err := readSQL(text, "n"); err != nil || f.marks != want {
			t.Errorf("%q: %d, %v; want %d", text, f.marks, err, want)
		}
	}
}

// newReadings is a database that tells what it reads for a query: of t, the columns. Its
// columns have names that are words elsewhere, and tables have names of columns.
func newReadings(t testing.TB) func(query string) (columns []string, tables int, err error) {
	columns := []string{"a", "b", "c", "id", "name", "phone", "notes", "desc", "first", "last", "end", "escape", "asc", "nulls", "count"}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, s := range []string{`CREATE TABLE notes (x)`, `CREATE TABLE b (x)`, `CREATE TABLE t ("` + strings.Join(columns, `","`) + `")`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return func(query string) (read []string, tables int, err error) {
		rows, err := db.Query("EXPLAIN " + query)
		if err != nil {
			return nil, 0, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var addr, p1, p2, p3, p5 int
			var op string
			var p4, comment any
			if err := rows.Scan(&addr, &op, &p1, &p2, &p3, &p4, &p5, &comment); err != nil {
				return nil, 0, err
			}
			switch op {
			case "OpenRead", "OpenWrite":
				tables++
			case "Column":
				if p1 == 0 { // of the table, not of a sorter
					read = append(read, columns[p2])
				}
			}
		}
		return read, tables, rows.Err()
	}
}

// checkReading fails unless SQLite, wherever the text is put, reads what readSQL found, and nothing else.
func checkReading(t *testing.T, readings func(string) ([]string, int, error), text string, f fragment) {
	t.Helper()
	text = strings.ReplaceAll(text, "?", "(1)")
	for _, query := range []string{"SELECT 1 FROM t WHERE (" + text + ")", "SELECT 1 FROM t ORDER BY " + text, "SELECT " + text + " FROM t", "SELECT 1 FROM t GROUP BY id HAVING " + text} {
		columns, tables, err := readings(query)
		if err != nil { // it is no SQL there
			continue
		}
		if tables > 1 {
			t.Errorf("%q reads %d tables", query, tables)
		}
		for _, c := range columns {
			if !slices.ContainsFunc(f.columns, func(r columnRef) bool { return r.name == "*" || strings.EqualFold(r.name, c) }) && !strings.Contains(query, "GROUP BY") {
				t.Errorf("%q reads %s, not only %v", query, c, f.columns)
			}
		}
	}
}

func TestSQLThatPassesReadsOnlyItsColumns(t *testing.T) {
	readings := newReadings(t)
	if columns, tables, err := readings("SELECT 1 FROM t WHERE name = (SELECT x FROM notes) ORDER BY phone"); err != nil || tables != 2 || !slices.Contains(columns, "phone") {
		t.Fatal(columns, tables, err) // so it would tell
	}
	for text := range harmlessSQL {
		if f, err := readSQL(text); err == nil {
			checkReading(t, readings, text, f)
		}
	}
}

var (
	badInSQL      = regexp.MustCompile(`(?i)(--|/\*|\*/|[;#\\$:@^~&{}\[\]]|\b(select|union|from|exists|with|into|values|table)\b)`)
	textInSQL     = regexp.MustCompile(`'[^']*'`)
	nameInSQL     = regexp.MustCompile("`[A-Za-z_]\\w*`|\"[A-Za-z_]\\w*\"|\\.[A-Za-z_]\\w*")
	functionInSQL = regexp.MustCompile(`(?i)(\w+)\s*\(`)
)

// What passes closes no parenthesis that it did not open, has no word that begins a query, calls no
// function that is not known, and has SQLite read its columns alone.
func FuzzReadSQL(f *testing.F) {
	for text := range harmlessSQL {
		f.Add(text)
	}
	for _, text := range slices.Concat(refusedSQL...) {
		f.Add(text)
	}
	readings := newReadings(f)
	f.Fuzz(func(t *testing.T, s string) {
		found, err := readSQL(s)
		if err != nil {
			return
		}
		bare := nameInSQL.ReplaceAllString(textInSQL.ReplaceAllString(s, "''"), "x")
		if badInSQL.MatchString(bare) || strings.ContainsAny(strings.ReplaceAll(bare, "''", ""), "'\"`") {
			t.Fatalf("%q passes", s)
		}
		for _, m := range functionInSQL.FindAllStringSubmatch(bare, -1) {
			if word := strings.ToUpper(m[1]); !sqlFunctions[word] && sqlWords[word] == nil {
				t.Fatalf("%q calls %s", s, word)
			}
		}
		depth := 0
		for _, c := range bare {
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth < 0 || c >= 0x7f || c < ' ' && c != '\n' && c != '\t' && c != '\r' {
				t.Fatalf("%q passes", s)
			}
		}
		if depth != 0 {
			t.Fatalf("%q passes", s)
		}
		checkReading(t, readings, s, found)
	})
}
