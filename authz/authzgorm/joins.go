package authzgorm

import (
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
	"gorm.io/gorm/utils"

	"github.com/crmauthz/crmauthz/authz"
)

// joined is a model that an association joins, by way of others perhaps: "Manager.Company".
type joined struct{ steps []step }

// step is an association on the way to a joined model.
type step struct {
	relation *schema.Relationship
	table    *table
	filter   *authz.Filter
	alias    string // of the joined table, as GORM names it
}

func (j *joined) last() step { return j.steps[len(j.steps)-1] }

// joins looks at the joins of the statement, and has each joined table show only its rows
// that may be read.
func (in *inspection) joins() error {
	for i := range in.Joins {
		join := &in.Joins[i]
		j, err := in.join(join.Name)
		if err != nil {
			return err
		}
		for _, c := range join.Conds {
			if _, ok := c.(*gorm.DB); !ok || len(join.Conds) > 1 { // whose conditions are in On
				return in.fail(join.Name, ErrUnsupported)
			}
		}
		in.joined = append(in.joined, j)
		join.Selects, join.Omits = nil, nil // what decides about its fields must be there
		on := clause.Where{}
		if join.On != nil {
			if len(j.steps) > 1 { // GORM would put it on each
				return in.fail(join.Name, ErrUnsupported)
			}
			on = *join.On
			if err := in.within(j.last().alias).filters(on.Exprs); err != nil {
				return err
			}
		}
		filters := joinFilters{}
		for _, s := range j.steps {
			m := *s.table.mapping
			m.Alias = s.alias
			c, err := s.filter.SQL(&m, in.dialect())
			if err != nil {
				return err
			}
			filters[s.alias] = condition(c)
		}
		on = narrow(on, filters)
		join.On = &on
	}
	in.aliasesOf()
	return nil
}

// within is an inspection of conditions whose own table is a joined one.
func (in *inspection) within(alias string) *inspection {
	other := *in
	other.aliases = map[string]*table{"": in.aliases[alias], clause.CurrentTable: in.aliases[alias], alias: in.aliases[alias]}
	return &other
}

// join follows the associations that a join names.
func (in *inspection) join(name string) (*joined, error) {
	j, from, alias := &joined{}, in.table.schema, clause.CurrentTable
	for relation := range strings.SplitSeq(name, ".") {
		r := from.Relationships.Relations[relation]
		if r == nil {
			return nil, in.fail(name, ErrRawSQL)
		}
		t := in.plugin.tables[r.FieldSchema.ModelType]
		if t == nil {
			return nil, in.fail(name, ErrUnmapped)
		}
		f, err := in.filter(t, t.Actions.Read)
		if err != nil {
			return nil, err
		}
		if !f.Complete() {
			return nil, in.fail(name, ErrIncomplete)
		}
		if alias != clause.CurrentTable {
			alias = utils.NestedRelationName(alias, r.Name)
		} else {
			alias = r.Name
		}
		in.aliases[alias] = t
		j.steps, from = append(j.steps, step{r, t, f, alias}), r.FieldSchema
	}
	return j, nil
}

// redact redacts what was joined to a row, each value once.
func (j *joined) redact(s *statement, v reflect.Value, done map[string]bool) error {
	for _, step := range j.steps {
		v = reflect.Indirect(step.relation.Field.ReflectValueOf(s.Context, v))
		if !v.IsValid() || v.IsZero() {
			return nil
		}
		if v.Kind() != reflect.Struct || !v.CanAddr() {
			return s.fail(step.alias, ErrUnsupported)
		}
		if done[step.alias] {
			continue
		}
		if err := s.redactRow(step.table, step.filter, v, nil); err != nil {
			return err
		}
		done[step.alias] = true
	}
	return nil
}

// joinFilters is the filters of the tables that a join passes, by their aliases. GORM builds
// the conditions of each of them by a statement on it.
type joinFilters map[string]condition

// Build writes the filter of the table that the statement is on, or nothing that is true.
func (f joinFilters) Build(b clause.Builder) {
	if stmt, ok := b.(*gorm.Statement); ok {
		if c, ok := f[stmt.Table]; ok {
			c.Build(b)
			return
		}
	}
	_, _ = b.WriteString("1 = 0")
}
