package authzgorm

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// pager knows the order of a list.
type pager struct {
	db     *gorm.DB
	schema *schema.Schema
	table  string // or its alias
	keys   []key
}

// key is a part of the order.
type key struct {
	field *schema.Field
	desc  bool
	blurs bool // NULL in the database is zero in the model
	zero  any
}

func newPager[T any](db *gorm.DB, q PageQuery) (*pager, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	p := &pager{db: db, schema: stmt.Schema, table: cmp.Or(db.Statement.Table, stmt.Schema.Table)}
	if q.Size < 1 || q.Size > maxPage {
		return nil, p.fail(fmt.Sprint("size ", q.Size))
	}
	if of := db.Statement.Model; of != nil && (stmt.Parse(of) != nil || stmt.Schema.ModelType != p.schema.ModelType) {
		return nil, p.fail(fmt.Sprintf("%T of %T", *new(T), of))
	}
	for _, clause := range []string{"SELECT", "FROM", "GROUP BY", "ORDER BY", "LIMIT"} {
		if db.Statement.Clauses[clause].Expression != nil {
			return nil, p.fail(clause)
		}
	}
	return p, p.sortBy(q.Order)
}

// sortBy makes keys of an order and of the primary key.
func (p *pager) sortBy(order []Order) error {
	for _, o := range order {
		f := p.schema.FieldsByName[o.Field]
		if f == nil || f.DBName == "" || p.has(f) {
			return p.fail("field " + o.Field)
		}
		p.keys = append(p.keys, key{field: f, desc: o.Desc})
	}
	backwards := len(order) > 0 && order[len(order)-1].Desc // so that one index gives both
	for _, f := range p.schema.PrimaryFields {
		if !p.has(f) {
			p.keys = append(p.keys, key{field: f, desc: backwards})
		}
	}
	if len(p.schema.PrimaryFields) == 0 {
		return p.fail("a model without a primary key")
	}
	for i, k := range p.keys {
		null := reflect.New(p.schema.ModelType).Elem()
		if err := k.field.Set(context.Background(), null, nil); err != nil {
			return p.fail("field " + k.field.Name)
		}
		v, err := k.value(null)
		if err != nil {
			return p.fail("field " + k.field.Name)
		}
		p.keys[i].blurs, p.keys[i].zero = v != nil && k.nullable(), v
	}
	return nil
}

func (p *pager) fail(what string) error {
	return &Error{Op: "page", Table: p.schema.Table, What: what, Err: model.ErrMalformed}
}

func (p *pager) has(f *schema.Field) bool {
	return slices.ContainsFunc(p.keys, func(k key) bool { return k.field == f })
}

func (k key) column() clause.Column {
	return clause.Column{Table: clause.CurrentTable, Name: k.field.DBName}
}

func (p *pager) quote(k key) string {
	return (&gorm.Statement{DB: p.db, Table: p.table}).Quote(k.column())
}

func (k key) nullable() bool { return !k.field.PrimaryKey && !k.field.NotNull }

// from is the query of db's rows of which a condition is true, in order; nil: of all.
func (p *pager) from(db *gorm.DB, by clause.Expression) *gorm.DB {
	tx := db.Session(&gorm.Session{}).Clauses(p.orderBy())
	if len(tx.Statement.Selects) > 0 {
		tx = tx.Select(append(slices.Clone(tx.Statement.Selects), p.columns()...))
	}
	if by != nil { // around what db's scopes ask, too
		tx = tx.Scopes(afterScopes(func(db *gorm.DB) { addCondition(db.Statement, by) }))
	}
	return tx
}

func (p *pager) orderBy() (order clause.OrderBy) {
	for _, k := range p.keys {
		if k.nullable() { // databases differ in where NULL comes
			there := p.quote(k) + " IS NOT NULL"
			order.Columns = append(order.Columns, clause.OrderByColumn{Column: clause.Column{Name: there, Raw: true}, Desc: k.desc})
		}
		order.Columns = append(order.Columns, clause.OrderByColumn{Column: k.column(), Desc: k.desc})
	}
	return order
}

// checkRead refuses a statement that did not read what it was to, because of a scope for instance.
func (p *pager) checkRead(read *gorm.Statement, by clause.Expression, wanted int) error {
	if where, ok := read.Clauses["WHERE"].Expression.(clause.Where); by != nil && !(ok && demands(where, by)) {
		return p.fail("WHERE")
	}
	for name, want := range map[string]clause.Expression{"ORDER BY": p.orderBy(), "LIMIT": clause.Limit{Limit: &wanted}, "GROUP BY": nil} {
		if !reflect.DeepEqual(read.Clauses[name].Expression, want) {
			return p.fail(name)
		}
	}
	if read.Distinct {
		return p.fail("DISTINCT")
	}
	for _, k := range p.keys {
		if len(read.Selects) == 0 && k.isIn(read.Omits) || len(read.Selects) > 0 && !k.isIn(read.Selects) && !slices.Contains(read.Selects, "*") {
			return p.fail("no column " + k.field.DBName)
		}
	}
	return nil
}

// isIn tells whether names, perhaps with that of the table and quoted, have the key's field among them.
func (k key) isIn(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		name = strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "`\"")
		return name == k.field.Name || name == k.field.DBName
	})
}

func (p *pager) columns() (names []string) {
	for _, k := range p.keys {
		names = append(names, k.field.DBName)
	}
	return names
}

// behind is true of the rows that come behind one with these values; nil if there are none.
func (p *pager) behind(values []any) clause.Expression {
	if len(values) == 0 {
		return nil
	}
	var ways []clause.Expression
	var same []clause.Expression // as the values, so far
	for i, k := range p.keys {
		if later := k.behind(values[i]); later != nil {
			ways = append(ways, clause.And(append(slices.Clone(same), later)...))
		}
		same = append(same, clause.Eq{Column: k.column(), Value: values[i]})
	}
	behind := clause.And(clause.Or(ways...))
	if from := p.keys[0].notBefore(values[0]); from != nil && len(p.keys) > 1 {
		return clause.And(from, behind)
	}
	return behind
}

// notBefore follows from behind: databases find where to begin by it, if there is an index; nil if they can not.
func (k key) notBefore(value any) clause.Expression {
	switch {
	case value == nil || k.desc && k.nullable():
		return nil
	case k.desc:
		return clause.Lte{Column: k.column(), Value: value}
	}
	return clause.Gte{Column: k.column(), Value: value}
}

// isNull is true of the row with these values if its value of a key is NULL.
func (p *pager) isNull(k key, values []any) clause.Expression {
	conditions := []clause.Expression{clause.Eq{Column: k.column(), Value: nil}}
	for i, k := range p.keys {
		if k.field.PrimaryKey {
			conditions = append(conditions, clause.Eq{Column: k.column(), Value: values[i]})
		}
	}
	return clause.And(conditions...)
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
func (p *pager) values(row reflect.Value) (values []any, err error) {
	values = make([]any, len(p.keys))
	for i, k := range p.keys {
		if values[i], err = k.value(reflect.Indirect(row)); err != nil {
			return nil, &Error{Op: "page", Table: p.schema.Table, What: "field " + k.field.Name, Err: fmt.Errorf("%w: %w", model.ErrMalformed, err)}
		}
	}
	return values, nil
}

func (k key) value(row reflect.Value) (any, error) {
	v, _ := k.field.ValueOf(context.Background(), row)
	return driver.DefaultParameterConverter.ConvertValue(v)
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
