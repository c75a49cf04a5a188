package authzgorm

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// maxPage is the most rows that a page has.
const maxPage = 1000

// Order is a field of the model by which a list is sorted. NULL comes before everything else, or
// with Desc behind it.
type Order struct {
	Field string // as in Go
	Desc  bool
}

// PageQuery asks for a page of a list.
type PageQuery struct {
	Size  int     // rows of a page, 1 to 1000
	After string  // Next of the page before; empty: the first page
	Order []Order // and then by the primary key
}

// Page is some rows of a list.
type Page[T any] struct {
	Rows []T
	Next string // After of the next page; empty: this is the last
}

// FindPage reads a page of a list of models. It begins behind the last row of the page
// before, by its values, so the pages stay right whatever is inserted, deleted, granted or revoked
// between them: a row that is there, and allowed, throughout, and keeps its values, comes exactly once.
//
// db has the conditions and the context. With the plugin, rows are hers and redacted, as with
// Find; where its filter is not complete, rows are checked one by one, and more are read until the
// page is full. Without it, all rows are of the list.
//
// The errors are an *[Error] that matches model.ErrMalformed for a wrong size or field, a *[CursorError], and
// those of Find; authz.ErrFields for a field that may be sorted by and is shown masked, which a cursor would tell.
func FindPage[T any](db *gorm.DB, q PageQuery) (Page[T], error) {
	p, err := newPager[T](db, q)
	if err != nil {
		return Page[T]{}, err
	}
	after, err := p.decode(q.After)
	if err != nil {
		return Page[T]{}, err
	}
	var rows []T
	var raw []any // the same before they were redacted, if they were
	for len(rows) <= q.Size {
		wanted := q.Size + 1 - len(rows)
		state := &pageState{}
		var some []T
		tx := p.from(db, after).WithContext(context.WithValue(db.Statement.Context, pageKey{}, state))
		if err := tx.Limit(wanted).Find(&some).Error; err != nil {
			return Page[T]{}, err
		}
		read := len(some)
		if state.guarded {
			read, raw = state.read, append(raw, state.rows...)
			after = p.values(reflect.ValueOf(state.last))
		}
		if rows = append(rows, some...); read < wanted {
			break
		}
	}
	if len(rows) <= q.Size {
		return Page[T]{Rows: rows}, nil
	}
	rows = rows[:q.Size]
	last := p.values(reflect.ValueOf(&rows[q.Size-1]).Elem())
	if raw != nil {
		if err := p.same(last, p.values(reflect.ValueOf(raw[q.Size-1]))); err != nil {
			return Page[T]{}, err
		}
	}
	next, err := p.encode(last)
	return Page[T]{Rows: rows, Next: next}, err
}

// pageState is what the plugin tells FindPage of a query.
type pageState struct {
	statement *gorm.Statement // the query
	guarded   bool
	read      int   // rows, those among them that were dropped
	last      any   // of these
	rows      []any // that were not dropped, before they were redacted
}

type pageKey struct{}

func stateOf(ctx context.Context) *pageState {
	s, _ := ctx.Value(pageKey{}).(*pageState)
	return s
}

// pager knows the order of a list.
type pager struct {
	schema *schema.Schema
	keys   []key
}

// key is a part of the order.
type key struct {
	field *schema.Field
	desc  bool
}

func newPager[T any](db *gorm.DB, q PageQuery) (*pager, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	p := &pager{schema: stmt.Schema}
	fail := func(what string) error {
		return &Error{Op: "page", Table: p.schema.Table, What: what, Err: model.ErrMalformed}
	}
	if q.Size < 1 || q.Size > maxPage {
		return nil, fail(fmt.Sprint("size ", q.Size))
	}
	for _, o := range q.Order {
		f := p.schema.FieldsByName[o.Field]
		if f == nil || f.DBName == "" || p.has(f) {
			return nil, fail("field " + o.Field)
		}
		p.keys = append(p.keys, key{f, o.Desc})
	}
	for _, f := range p.schema.PrimaryFields {
		if !p.has(f) {
			p.keys = append(p.keys, key{field: f})
		}
	}
	if len(p.schema.PrimaryFields) == 0 {
		return nil, fail("a model without a primary key")
	}
	return p, nil
}

func (p *pager) has(f *schema.Field) bool {
	return slices.ContainsFunc(p.keys, func(k key) bool { return k.field == f })
}

func (k key) column() clause.Column {
	return clause.Column{Table: clause.CurrentTable, Name: k.field.DBName}
}

func (k key) nullable() bool { return !k.field.PrimaryKey && !k.field.NotNull }

// from is the query of the rows behind some values, in order; of all rows, if there are none.
func (p *pager) from(db *gorm.DB, after []any) *gorm.DB {
	tx := db.Session(&gorm.Session{})
	if len(tx.Statement.Selects) > 0 {
		tx = tx.Select(append(slices.Clone(tx.Statement.Selects), p.columns()...))
	}
	if len(after) > 0 {
		tx = tx.Where(p.behind(after))
	}
	order := clause.OrderBy{}
	for _, k := range p.keys {
		if k.nullable() { // databases differ in where NULL comes
			there := (&gorm.Statement{DB: db, Table: p.schema.Table}).Quote(clause.Column{Table: p.schema.Table, Name: k.field.DBName}) + " IS NOT NULL"
			order.Columns = append(order.Columns, clause.OrderByColumn{Column: clause.Column{Name: there, Raw: true}, Desc: k.desc})
		}
		order.Columns = append(order.Columns, clause.OrderByColumn{Column: k.column(), Desc: k.desc})
	}
	return tx.Clauses(order)
}

func (p *pager) columns() (names []string) {
	for _, k := range p.keys {
		names = append(names, k.field.DBName)
	}
	return names
}

// behind is true of the rows that come behind one with these values.
func (p *pager) behind(values []any) clause.Expression {
	var ways []clause.Expression
	var same []clause.Expression // as the values, so far
	for i, k := range p.keys {
		if later := k.behind(values[i]); later != nil {
			ways = append(ways, clause.And(append(slices.Clone(same), later)...))
		}
		same = append(same, clause.Eq{Column: k.column(), Value: values[i]})
	}
	return clause.And(clause.Or(ways...))
}

// behind is true of the rows whose value comes behind another; nil: there are none.
func (k key) behind(value any) clause.Expression {
	switch {
	case value == nil && k.desc:
		return nil
	case value == nil:
		return clause.Neq{Column: k.column(), Value: nil}
	case !k.desc:
		return clause.Gt{Column: k.column(), Value: value}
	case k.nullable():
		return clause.Or(clause.Lt{Column: k.column(), Value: value}, clause.Eq{Column: k.column(), Value: nil})
	}
	return clause.Lt{Column: k.column(), Value: value}
}

// values is the values of a row by which it is sorted, as a driver gives them.
func (p *pager) values(row reflect.Value) []any {
	row = reflect.Indirect(row)
	if !row.IsValid() {
		return nil
	}
	values := make([]any, len(p.keys))
	for i, k := range p.keys {
		v, _ := k.field.ValueOf(context.Background(), row)
		values[i] = driverValue(v)
	}
	return values
}

// same refuses fields that the user sees otherwise than they are.
func (p *pager) same(seen, is []any) error {
	for i, k := range p.keys {
		if !sameValue(seen[i], is[i]) {
			return &authz.FieldsError{Op: "query", Type: p.schema.Table, Fields: []string{k.field.DBName}}
		}
	}
	return nil
}
