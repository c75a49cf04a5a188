package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "github.com/glebarez/go-sqlite" // the driver sqlite
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// DefaultTable is where Casbin's adapters keep a policy.
const DefaultTable = "casbin_rule"

// Table is how a database keeps the rows.
type Table struct {
	Name    string
	Columns []Column // ptype, then v0, v1 …; not the id
	Unique  bool     // there is a unique index on all of the columns
	// Cuts: the server cuts off what is too long for a column, and says nothing.
	Cuts bool
}

// Column is a column of a table.
type Column struct {
	Name  string
	Width int // in characters; 0: no limit
	// Collation is the column's, if it takes different texts for the same; else empty.
	Collation string
}

// querier is a transaction, or what reads like one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readTable reads the table and what the catalogue says of it at one moment.
func (s Source) readTable(ctx context.Context, name string) (rows []Row, t *Table, err error) {
	db, err := s.connect()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	o := &sql.TxOptions{ReadOnly: true}
	if s.Kind != SQLite {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	if t, err = s.describe(ctx, tx, name); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	if rows, err = s.readRows(ctx, tx, t); err != nil {
		return nil, nil, fmt.Errorf("%s: table %s: %w", s.Name, name, err)
	}
	return rows, t, nil
}

func (s Source) connect() (*sql.DB, error) {
	switch s.Kind {
	case SQLite:
		if _, err := os.Stat(s.at); err != nil {
			return nil, err // before the driver says it in words of its own
		}
		path := filepath.ToSlash(s.at)
		if filepath.VolumeName(path) != "" {
			path = "/" + path
		}
		// With mode=ro SQLite would leave the files of its write-ahead log behind; query_only
		// keeps it from writing anything else.
		return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=rw&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	case Postgres:
		return sql.Open("pgx", s.at)
	}
	return sql.Open("mysql", s.at)
}

// describe reads what the database's catalogue says of a table.
func (s Source) describe(ctx context.Context, tx querier, name string) (t *Table, err error) {
	t = &Table{Name: name}
	switch s.Kind {
	case SQLite:
		err = t.describeSQLite(ctx, tx)
	case Postgres:
		err = t.describePostgres(ctx, tx)
	default:
		err = t.describeMySQL(ctx, tx)
	}
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	if len(t.Columns) == 0 {
		return nil, fmt.Errorf("%w: there is no table %s; name another with --table", ErrSource, name)
	}
	t.keepValues()
	if len(t.Columns) < 2 || t.Columns[0].Name != "ptype" {
		return nil, fmt.Errorf("%w: table %s has no columns ptype, v0, v1 …", ErrSource, name)
	}
	return t, nil
}

// keepValues leaves the columns of a policy, in their order.
func (t *Table) keepValues() {
	t.Columns = slices.DeleteFunc(t.Columns, func(c Column) bool {
		digit, isValue := strings.CutPrefix(c.Name, "v")
		return c.Name != "ptype" && !(isValue && len(digit) == 1 && digit[0] >= '0' && digit[0] <= '9')
	})
	slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) }) // p is before v
}

// covers tells whether an index of these columns is one of the whole row.
func (t *Table) covers(columns []string) bool {
	for _, c := range t.Columns {
		if !slices.Contains(columns, c.Name) {
			return false
		}
	}
	return !slices.ContainsFunc(columns, func(name string) bool {
		return !slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == name })
	})
}

func (s Source) readRows(ctx context.Context, tx querier, t *Table) (rows []Row, err error) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = s.quote(c.Name)
	}
	query := "SELECT id, " + strings.Join(names, ", ") + " FROM " + s.quote(t.Name) + " ORDER BY id"
	var id int64
	cells := make([]sql.NullString, len(names))
	into := []any{&id}
	for i := range cells {
		into = append(into, &cells[i])
	}
	err = each(ctx, tx, func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return err
		}
		rows = append(rows, rowOf(id, cells))
		return nil
	}, query)
	return rows, err
}

func rowOf(id int64, cells []sql.NullString) Row {
	r := Row{Number: id, Ptype: cells[0].String}
	used := 0
	for i, c := range cells {
		r.Null = r.Null || !c.Valid
		if c.String != "" {
			used = i
		}
	}
	for _, c := range cells[1 : used+1] {
		r.Values = append(r.Values, c.String)
	}
	return r
}

func (s Source) quote(name string) string {
	mark := `"`
	if s.Kind == MySQL {
		mark = "`"
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// each runs a query and hands each row to f, which reads it with scan.
func each(ctx context.Context, tx querier, f func(scan func(...any) error) error, query string, args ...any) (err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
