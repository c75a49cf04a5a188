package filter_test

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

const (
	acme     = "acme"
	task     = "task"     // has text for ids, and customers for parents
	customer = "customer" // has numbers, and accounts for parents
	account  = "account"  // has UUIDs
)

// texts are values of text, and ids, that databases may take for others, or for SQL.
var texts = []string{
	"", "a", "A", "a ", "A ", " a", "  ", "b", "ab", "aB", "ba", "ä", "Ä", "a\u0308", "ß", "SS", "ss", "ſ", "İ", "i", "ı", "I",
	"%", "_", "a%", "a_", `\`, `\\`, `a\`, "'", `"`, "''", "a'b", `a"b`, "`", "🙂", "🙂a", "a🙂", "日本", "NULL", "null", "{a,b}", "{}",
	"O'Neil", "x,y", "?", "$1", "a?", "1", "01", "1.0", "1e0", "true", "a/b", "-", "--", "/*", "*", "no\u00a0break", strings.Repeat("é", 90), "\u2028", "<b>", "\t", "a\n", "\n",
	"\U0010FFFD", "\uFFFD", "a\u200bb", "') OR 1 = 1 --", "é", "e\u0301", "É", "œ", "ab ", "user:a", "team:x", "０", "ａ",
}

// Texts that some databases do not hold.
var (
	withNUL = []string{"a\x00", "a\x00b", "\x00"}
	notUTF8 = []string{"\xff", "a\xffb"}
	names   = []string{"", "user:a", "user:A", "user:a ", "team:x", "team:X", "user:é", "user:e", "user:É", "a", "user:", "unit:a", "team:a/b", "user:a/b"}
)

var ints = []int64{0, 1, -1, 7, 42, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1<<53 + 2, -1<<53 - 1, -1 << 53, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1}

var floats = []float64{
	0, math.Copysign(0, -1), 0.1, 0.1 + 0.2, 0.3, 1, -1, 7, 7.5, 42, 1e300, -1e300, 5e-324, math.MaxFloat64, 1 << 53, 1<<53 + 2, -1 << 53,
	math.MaxInt64, math.MinInt64, 1e15, 123456.789, 1.0 / 3,
}

var infinities = []float64{math.Inf(1), math.Inf(-1)}

// instants are times about one, and at the ends of the years that there are.
var instants = func() (ts []time.Time) {
	about := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, ns := range []time.Duration{0, 1, 500, 999, 1_000, 1_001, 1_500, 999_000, 1_000_000, 500_000_000, 999_999_000, 999_999_500, 999_999_999, time.Second, -1, -1_000, -time.Second} {
		ts = append(ts, about.Add(ns))
	}
	return append(ts,
		time.Time{}, time.Time{}.Add(time.Nanosecond), time.Time{}.Add(time.Microsecond), time.Time{}.Add(time.Second), time.Time{}.Add(20*time.Hour),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(9999, 12, 31, 12, 0, 0, 0, time.UTC))
}()

var zones = []*time.Location{
	time.UTC, time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -7*3600-1800), time.FixedZone("", 14*3600), time.FixedZone("", -12*3600),
	time.FixedZone("", 20*3600),
}

var durations = []time.Duration{0, 1, -1, time.Second, time.Hour, math.MaxInt64, math.MinInt64}

// nasty is a table of rows such as these, and the records that they are.
type nasty struct {
	mapping *filter.Mapping
	pool    *sql.DB
	records map[int64]*model.Record // acme's, by number of the row
}

const (
	tasks   = 300
	parents = 40
	others  = 60 // of another tenant, with the same ids
)

func newNasty(t *testing.T, db *gorm.DB) *nasty {
	t.Helper()
	pool, err := db.DB()
	check(t, err)
	pool.SetMaxOpenConns(1)
	d := filter.Dialect(db.Dialector.Name())
	if d == filter.MySQL { // 0000-00-00 is among the times
		_, err := pool.ExecContext(t.Context(), "SET sql_mode = ''")
		check(t, err)
	}
	w := &rowWriter{t: t, pool: pool, dialect: d, rand: rand.New(rand.NewPCG(7, 7))}
	accounts := w.write(nastyMapping(account, "accounts", filter.UUIDColumn, nil), parents)
	customers := w.write(nastyMapping(customer, "customers", filter.IntegerColumn, accounts), parents)
	m := w.write(nastyMapping(task, "tasks", filter.TextColumn, customers), tasks)
	return &nasty{mapping: m, pool: pool, records: readRecords(t, pool, m)}
}

func nastyMapping(typ, table string, ids filter.ColumnKind, parent *filter.Mapping) *filter.Mapping {
	id := filter.Column{Name: "id", Kind: ids}
	record := filter.Column{Name: "record", Kind: ids}
	m := &filter.Mapping{
		Type: typ, Table: table, ID: id, Tenant: "tenant", Unit: filter.Column{Name: "unit"}, NoParent: parent == nil,
		Owners: []filter.Owners{
			{Kind: model.User, Column: filter.Column{Name: "owner"}},
			{Column: filter.Column{Name: "owner2"}},
			{Kind: model.Team, Column: filter.Column{Name: "team"}, Table: table + "_teams", Record: record, Tenant: "tenant"},
		},
		Attributes: map[string]filter.Attribute{
			"tags": {Type: model.AttrStrings, Column: "tag", Table: table + "_tags", Record: record, Tenant: "tenant"},
		},
	}
	for name, of := range attributes {
		if of != model.AttrStrings {
			m.Attributes[name] = filter.Attribute{Type: of, Column: name + "_col"}
		}
	}
	if parent != nil {
		m.Parent = &filter.Parent{Column: filter.Column{Name: "parent_id", Kind: parent.ID.Kind}, Of: parent}
	}
	return m
}

// attributes are those of all types, two of each type to compare.
var attributes = map[string]model.AttrType{
	"s": model.AttrString, "s2": model.AttrString, "i": model.AttrInt, "i2": model.AttrInt, "f": model.AttrDouble, "f2": model.AttrDouble,
	"b": model.AttrBool, "b2": model.AttrBool, "t": model.AttrTimestamp, "t2": model.AttrTimestamp, "d": model.AttrDuration, "d2": model.AttrDuration,
	"tags": model.AttrStrings,
}

// columnTypes are the types of columns, in PostgreSQL, MySQL and SQLite. Collations
// are those that are likely to mislead.
var columnTypes = []struct{ column, postgres, mysql, sqlite string }{
	{"tenant", "text", "VARCHAR(100)", "TEXT COLLATE NOCASE"},
	{"owner", "varchar(200)", "VARCHAR(200)", "VARCHAR(200) COLLATE NOCASE"},
	{"owner2", "text", "VARCHAR(200) CHARACTER SET latin1", "TEXT COLLATE RTRIM"},
	{"unit", "text", "VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "TEXT COLLATE RTRIM"},
	{"s_col", `text COLLATE "und-x-icu"`, "TEXT", "TEXT COLLATE NOCASE"},
	{"s2_col", `varchar(300) COLLATE "C"`, "VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "TEXT"},
	{"i_col", "bigint", "BIGINT", "INTEGER"}, {"i2_col", "bigint", "BIGINT", "BIGINT"},
	{"f_col", "double precision", "DOUBLE", "REAL"}, {"f2_col", "double precision", "DOUBLE", "DOUBLE"},
	{"b_col", "boolean", "BOOLEAN", "NUMERIC"}, {"b2_col", "boolean", "BOOLEAN", "BOOLEAN"},
	{"t_col", "timestamptz", "DATETIME(6)", "DATETIME"}, {"t2_col", "timestamptz(3)", "DATETIME(3)", "TEXT"},
	{"d_col", "bigint", "BIGINT", "INTEGER"}, {"d2_col", "bigint", "BIGINT", "INTEGER"},
}

func idType(d filter.Dialect, k filter.ColumnKind) string {
	switch {
	case k == filter.IntegerColumn:
		return "bigint"
	case d == filter.Postgres && k == filter.UUIDColumn:
		return "uuid"
	case d == filter.SQLite:
		return "TEXT COLLATE NOCASE"
	}
	return "varchar(200)"
}

// rowWriter fills tables.
type rowWriter struct {
	t       *testing.T
	pool    *sql.DB
	dialect filter.Dialect
	rand    *rand.Rand
	n       int64
}

func (w *rowWriter) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.ExecContext(w.t.Context(), query, args...); err != nil {
		w.t.Fatalf("%s: %v: %v", query, args, err)
	}
}

func (w *rowWriter) insert(table string, values ...any) {
	w.t.Helper()
	c := filter.Condition{SQL: strings.Join(slices.Repeat([]string{"?"}, len(values)), ", ")}
	if w.dialect == filter.Postgres {
		c = c.Numbered(1)
	}
	w.exec("INSERT INTO "+table+" VALUES ("+c.SQL+")", values...)
}

func (w *rowWriter) write(m *filter.Mapping, rows int) *filter.Mapping {
	id := idType(w.dialect, m.ID.Kind)
	parent := "varchar(10)"
	if m.Parent != nil {
		parent = idType(w.dialect, m.Parent.Column.Kind)
	}
	columns := []string{"n bigint", "id " + id, "parent_id " + parent}
	for _, c := range columnTypes {
		of := map[filter.Dialect]string{filter.SQLite: c.sqlite, filter.Postgres: c.postgres, filter.MySQL: c.mysql}[w.dialect]
		columns = append(columns, c.column+" "+of+" NULL")
	}
	w.exec("CREATE TABLE " + m.Table + " (" + strings.Join(columns, ", ") + ")")
	w.exec("CREATE TABLE " + m.Table + "_teams (record " + id + ", tenant varchar(100), team varchar(200))")
	w.exec("CREATE TABLE " + m.Table + "_tags (record " + id + ", tenant varchar(100), tag varchar(200))")
	for _, column := range []string{"id", "parent_id", "owner", "owner2", "unit"} {
		w.exec("CREATE INDEX " + m.Table + "_" + column + " ON " + m.Table + " (" + column + ")")
	}
	for _, side := range []string{"team", "tag"} {
		w.exec("CREATE INDEX " + m.Table + "_" + side + " ON " + m.Table + "_" + side + "s (record, " + side + ")")
	}
	w.exec("BEGIN")
	for i := range rows + others {
		tenant := acme
		if i >= rows {
			tenant = []string{"zeta", "ACME", "acme ", ""}[i%4]
		}
		w.row(m, i%rows, tenant)
	}
	w.exec("COMMIT")
	return m
}

func (w *rowWriter) row(m *filter.Mapping, i int, tenant string) {
	w.n++
	id := w.id(m.ID.Kind, i)
	var parent any
	if m.Parent != nil && w.rand.IntN(6) > 0 {
		parent = w.id(m.Parent.Column.Kind, w.rand.IntN(parents+3)) // of which some are missing
	}
	values := []any{w.n, id, parent, tenant, w.text(), w.maybe(w.pick(names)), w.text()}
	values = append(values, w.text(), w.text(), w.maybe(pick(w.rand, ints...)), w.maybe(pick(w.rand, ints...)), w.float(), w.float())
	values = append(values, w.maybe(w.rand.IntN(2) == 0), w.maybe(w.rand.IntN(2) == 0), w.time(), w.time(), w.duration(), w.duration())
	w.insert(m.Table, values...)
	if id == nil {
		return
	}
	for range w.rand.IntN(3) {
		w.insert(m.Table+"_teams", id, tenant, w.text())
	}
	for range w.rand.IntN(3) {
		w.insert(m.Table+"_tags", id, tenant, w.text())
	}
}

// id is the i-th row's id; unique if it is a number or UUID.
func (w *rowWriter) id(k filter.ColumnKind, i int) any {
	switch k {
	case filter.IntegerColumn:
		return idNumber(i)
	case filter.UUIDColumn:
		if i == 0 && w.dialect != filter.Postgres {
			return ""
		}
		return idUUID(i)
	}
	return w.text()
}

func idNumber(i int) int64 {
	if i < len(ints) {
		return ints[i]
	}
	return int64(100 + i)
}

func idUUID(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-0000000000ab", i) }

func (w *rowWriter) pick(texts []string) string { return texts[w.rand.IntN(len(texts))] }

func (w *rowWriter) maybe(v any) any {
	if w.rand.IntN(8) == 0 {
		return nil
	}
	return v
}

func (w *rowWriter) text() any {
	of := texts
	if w.rand.IntN(10) == 0 {
		switch w.dialect {
		case filter.SQLite:
			of = slices.Concat(withNUL, notUTF8)
		case filter.MySQL:
			of = withNUL
		}
	}
	return w.maybe(w.pick(of))
}

func (w *rowWriter) float() any {
	of := floats
	if w.rand.IntN(10) == 0 {
		switch w.dialect {
		case filter.SQLite:
			of = infinities
		case filter.Postgres:
			of = slices.Concat(infinities, []float64{math.NaN()})
		}
	}
	return w.maybe(of[w.rand.IntN(len(of))])
}

func (w *rowWriter) duration() any { return w.maybe(int64(pick(w.rand, durations...))) }

func (w *rowWriter) time() any {
	at := pick(w.rand, instants...)
	switch w.dialect {
	case filter.Postgres:
		if w.rand.IntN(10) == 0 {
			return pick(w.rand, "infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "0001-12-31 23:59:59.999999+00 BC", "10000-01-01 00:00:00+00")
		}
	case filter.MySQL:
		if w.rand.IntN(10) == 0 {
			return pick(w.rand, "0000-00-00 00:00:00", "0001-01-01 00:00:00")
		}
	case filter.SQLite:
		at = at.In(zones[w.rand.IntN(len(zones))])
		if at.Year() < 1 || at.Year() > 9999 { // no text of four digits
			at = at.UTC()
		}
		if w.rand.IntN(30) == 0 {
			return pick(w.rand, "0001-01-01 00:00:00+02:00", "9999-12-31 23:59:59-02:00", "2024-02-29", "2024-02-29 23:59:59")
		}
		return w.maybe(at.Format(pick(w.rand, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999-07:00",
			"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.000Z07:00", "2006-01-02 15:04:05.999999999Z07:00")))
	}
	return w.maybe(at)
}

// readRecords makes acme's records of a mapping's rows, with their parents, teams and tags.
func readRecords(t *testing.T, pool *sql.DB, m *filter.Mapping) map[int64]*model.Record {
	t.Helper()
	var above map[any]*model.Record
	if m.Parent != nil {
		above = map[any]*model.Record{}
		of := readRecords(t, pool, m.Parent.Of)
		eachRow(t, pool, m.Parent.Of.Table, func(value func(string) any) {
			if r := of[value("n").(int64)]; r != nil && plain(value("id")) != "" {
				above[plain(value("id"))] = r
			}
		})
	}
	records := map[int64]*model.Record{}
	byID := map[any][]*model.Record{}
	eachRow(t, pool, m.Table, func(value func(string) any) {
		if plain(value("tenant")) != acme {
			return
		}
		r, err := m.Record(value)
		check(t, err)
		if m.Parent != nil {
			r.Parent = above[plain(value("parent_id"))]
		}
		if r.Attrs == nil {
			r.Attrs = map[string]any{}
		}
		r.Attrs["tags"] = []string{}
		records[value("n").(int64)] = r
		if id := plain(value("id")); id != nil {
			byID[id] = append(byID[id], r)
		}
	})
	for _, side := range []string{"teams", "tags"} {
		eachRow(t, pool, m.Table+"_"+side, func(value func(string) any) {
			if plain(value("tenant")) != acme {
				return
			}
			for _, r := range byID[plain(value("record"))] {
				if side == "teams" {
					owner, err := m.Owner(m.Owners[2], value("team"))
					check(t, err)
					r.Owners = append(r.Owners, owner)
				} else if tag, ok := plain(value("tag")).(string); ok {
					r.Attrs["tags"] = append(r.Attrs["tags"].([]string), tag)
				}
			}
		})
	}
	return records
}

// plain is a driver's value that can be compared.
func plain(v any) any {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v
}

func eachRow(t *testing.T, pool *sql.DB, table string, use func(value func(column string) any)) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
	check(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(t, err)
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		check(t, rows.Scan(to...))
		use(func(column string) any {
			v := values[slices.Index(columns, column)]
			if column == "n" {
				n, err := strconv.ParseInt(fmt.Sprint(plain(v)), 10, 64)
				check(t, err)
				return n
			}
			return v
		})
	}
	check(t, rows.Err())
}
