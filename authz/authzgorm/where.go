package authzgorm

import (
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
)

// condition is a filter's SQL in a statement.
type condition filter.Condition

// Build writes the condition, in parentheses.
func (c condition) Build(b clause.Builder) {
	_ = b.WriteByte('(')
	for i, text := range strings.Split(c.SQL, "?") {
		if i > 0 {
			b.AddVar(b, c.Args[i-1])
		}
		_, _ = b.WriteString(text)
	}
	_ = b.WriteByte(')')
}

// grouped is conditions as one, so that no Or among them reaches beyond it.
type grouped struct{ clause.Where }

// Build writes the conditions in parentheses.
func (g grouped) Build(b clause.Builder) {
	_ = b.WriteByte('(')
	g.Where.Build(b)
	_ = b.WriteByte(')')
}

// narrow adds a condition to those of a WHERE clause, around all of them.
func narrow(where clause.Where, by clause.Expression) clause.Where {
	if len(where.Exprs) == 0 {
		return clause.Where{Exprs: []clause.Expression{by}}
	}
	return clause.Where{Exprs: []clause.Expression{grouped{where}, by}}
}

// addCondition adds a condition to all that a statement has.
func addCondition(s *gorm.Statement, by clause.Expression) {
	where := s.Clauses["WHERE"]
	conditions, _ := where.Expression.(clause.Where)
	where.Name, where.Expression = "WHERE", narrow(conditions, by)
	s.Clauses["WHERE"] = where
}

// demands tells whether every row of a WHERE clause fulfils a condition that narrow added to it.
func demands(where clause.Where, by clause.Expression) bool {
	found := false
	for _, e := range where.Exprs {
		if _, alternative := e.(clause.OrConditions); alternative {
			return false
		}
		inner, ok := e.(grouped)
		found = found || ok && demands(inner.Where, by) || reflect.DeepEqual(e, by)
	}
	return found
}

// narrow adds a filter to the statement's conditions.
func (s *statement) narrow(f *authz.Filter) error {
	c, err := f.SQL(s.table.mapping, s.dialect())
	if err != nil {
		return err
	}
	addCondition(s.Statement, condition(c))
	return nil
}

// afterScopes is a scope that does something after all scopes beside it.
func afterScopes(do func(*gorm.DB)) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		return db.Scopes(func(db *gorm.DB) *gorm.DB {
			do(db)
			return db
		})
	}
}

// Scope is a scope for queries, updates and deletes of programs without the plugin: the rows of a
// model to which an action is allowed, around all conditions that the statement has, those of other
// scopes among them. It redacts nothing, checks no writes, and takes no joins. Without a
// principal in the statement's context, and on every other error, the statement fails; so do updates
// and deletes that have neither a condition of their own nor a key, as they do without the scope.
func (p *Plugin) Scope(action string) func(*gorm.DB) *gorm.DB {
	return afterScopes(func(db *gorm.DB) { _ = db.AddError(p.scope(db, action)) })
}

func (p *Plugin) scope(db *gorm.DB, action string) error {
	if err := p.fitOnce(db); err != nil {
		return err
	}
	s := &statement{Statement: db.Statement, plugin: p, op: "scope"}
	of := s.Model
	if of == nil {
		of = s.Dest
	}
	if err := s.Parse(of); err != nil {
		return err
	}
	if err := s.identify(); err != nil {
		return err
	}
	if len(s.Joins) > 0 {
		return s.fail(s.Joins[0].Name, ErrUnsupported)
	}
	f, err := s.filter(s.table, action)
	if err != nil {
		return err
	}
	if where, _ := s.Clauses["WHERE"].Expression.(clause.Where); slices.ContainsFunc(where.Exprs, isPrograms) {
		return s.narrow(f)
	}
	c, err := f.SQL(s.table.mapping, s.dialect())
	if err != nil {
		return err
	}
	s.AddClause(clause.Where{Exprs: []clause.Expression{alone{condition(c)}}})
	return nil
}

// alone is the condition of a scope in a statement that had none, which hides from GORM that an update
// or delete has none.
type alone struct{ condition }

// Build writes the condition, and fails the statement that GORM would have refused without it.
func (a alone) Build(b clause.Builder) {
	if s, ok := b.(*gorm.Statement); ok && writesAll(s) {
		_ = s.AddError(gorm.ErrMissingWhereClause)
	}
	a.condition.Build(b)
}

// isPrograms tells whether a condition is not one that a scope added.
func isPrograms(e clause.Expression) bool {
	_, ours := e.(alone)
	return !ours
}

// writesAll tells whether nothing but scopes says which rows are written.
func writesAll(s *gorm.Statement) bool {
	_, updates := s.Clauses["UPDATE"]
	_, deletes := s.Clauses["DELETE"]
	where, _ := s.Clauses["WHERE"].Expression.(clause.Where)
	conditions := slices.DeleteFunc(slices.Clone(where.Exprs), func(e clause.Expression) bool { return !isPrograms(e) })
	own := 0
	if _, soft := s.Clauses["soft_delete_enabled"]; soft {
		own = 1 // that the row is not deleted yet
	}
	return (updates || deletes) && !s.AllowGlobalUpdate && len(conditions) <= own
}
