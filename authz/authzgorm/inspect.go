package authzgorm

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// inspection is a look at all that a program wrote into a statement. What it
// does not know is refused.
type inspection struct {
	*statement
	aliases   map[string]*table   // of tables: the model's and those joined
	named     map[string]bool     // by AS, which may be sorted and grouped by
	needs     map[*table][]string // columns that rows are asked for by
	shown     map[*table][]string // columns whose values come out as they are
	showing   bool                // what is looked at comes out
	filtering bool                // rows are judged that may not be the user's
	matching  bool                // values may be patterns of LIKE, by which they are judged
	constants bool                // may stand alone
	joined    []*joined
	columns   []string // that are selected
	narrowed  bool     // these are not all
}

// inspect looks at all clauses of a statement.
func (s *statement) inspect() (*inspection, error) {
	in := &inspection{statement: s, aliases: map[string]*table{"": s.table, clause.CurrentTable: s.table, s.Table: s.table},
		named: map[string]bool{}, needs: map[*table][]string{}, shown: map[*table][]string{}}
	if len(s.ColumnMapping) > 0 {
		return nil, s.fail("MapColumns", ErrUnsupported)
	}
	if s.op != "create" && !slices.Contains(s.BuildClauses, "WHERE") {
		return nil, s.fail("BuildClauses", ErrUnsupported)
	}
	if len(s.Vars) > 0 && !s.DryRun { // those of a query around it
		return nil, s.fail("Vars", ErrUnsupported)
	}
	if err := in.joins(); err != nil { // first, since they name tables
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Clauses)) {
		c := s.Clauses[name]
		if c.BeforeExpression != nil || c.AfterNameExpression != nil || c.AfterExpression != nil || c.Builder != nil {
			return nil, s.fail(name, ErrUnsupported)
		}
		if c.Expression == nil {
			continue
		}
		if c.Name != name && (c.Name != "" || name != "LIMIT") { // which GORM leaves without one
			return nil, s.fail(c.Name, ErrUnsupported)
		}
		if err := in.clause(name, c.Expression); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// clause looks at a clause of a name, which must be of the type that goes with it.
func (in *inspection) clause(name string, e clause.Expression) error {
	if c, ok := e.(clause.Interface); ok && c.Name() != name {
		return in.fail(name, ErrUnsupported)
	}
	switch e := e.(type) {
	case clause.Limit:
		return nil
	case clause.Where:
		return in.filters(e.Exprs)
	case clause.OrderBy:
		return firstError(in.order(e), in.expression(e.Expression))
	case clause.GroupBy:
		return firstError(in.groups(e), in.conditions(e.Having))
	case clause.Select:
		return in.show(func() error { return in.expression(e.Expression) })
	case clause.Expr, clause.NamedExpr:
		if name == "SELECT" {
			return in.show(func() error { return in.expression(e) })
		}
	case clause.Returning:
		if in.op == "create" { // others show rows that she may write and not read
			return in.show(func() error { return in.returning(e) })
		}
	case clause.Set:
		if in.op == "update" {
			return in.assignments(e)
		}
	case clause.OnConflict:
		if !in.harmless(e) {
			return in.fail("", ErrUpsert)
		}
		return nil
	}
	if in.harmless(e) {
		return nil
	}
	return in.fail(fmt.Sprintf("%s %T", name, e), ErrUnsupported)
}

// harmless tells whether a clause says no more than it must, or what can do no harm.
func (in *inspection) harmless(e clause.Expression) bool {
	switch e := e.(type) {
	case clause.Locking:
		return e.Table == (clause.Table{}) && slices.Contains([]string{"UPDATE", "SHARE", "NO KEY UPDATE", "KEY SHARE"}, e.Strength) &&
			slices.Contains([]string{"", "NOWAIT", "SKIP LOCKED"}, e.Options)
	case clause.From:
		return len(e.Tables)+len(e.Joins) == 0
	case clause.Insert:
		return e == clause.Insert{}
	case clause.Update:
		return e == clause.Update{}
	case clause.Delete:
		return e == clause.Delete{}
	case clause.OnConflict:
		plain := !slices.ContainsFunc(e.Columns, func(c clause.Column) bool {
			return c.Raw || c.Table != "" || c.Alias != "" || in.table.schema.FieldsByDBName[c.Name] == nil
		})
		return in.op == "create" && plain && e.OnConstraint == "" && e.DoNothing && !e.UpdateAll && len(e.DoUpdates)+len(e.TargetWhere.Exprs)+len(e.Where.Exprs) == 0
	}
	return false
}

func (in *inspection) order(by clause.OrderBy) error {
	for _, c := range by.Columns {
		if err := in.column(c.Column, true); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspection) groups(by clause.GroupBy) error {
	for _, c := range by.Columns {
		if err := in.column(c, true); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspection) returning(r clause.Returning) error {
	if len(r.Columns) == 0 {
		in.need(in.table, in.table.schema.DBNames...)
	}
	for _, c := range r.Columns {
		if err := in.column(c, false); err != nil {
			return err
		}
	}
	return nil
}

// filters looks at conditions that a database may judge of rows that are not the user's.
func (in *inspection) filters(es []clause.Expression) error {
	in.filtering = true
	err := in.conditions(es)
	in.filtering = false
	return err
}

// conditions looks at expressions of which only the truth counts: there a number alone is
// no column's position.
func (in *inspection) conditions(es []clause.Expression) error {
	in.constants = true
	err := in.all(es)
	in.constants = false
	return err
}

func (in *inspection) all(es []clause.Expression) error {
	for _, e := range es {
		if err := in.expression(e); err != nil {
			return err
		}
	}
	return nil
}

// expression looks at a condition or another expression.
func (in *inspection) expression(e clause.Expression) error {
	switch e := e.(type) {
	case nil, condition, joinFilters:
		return nil
	case grouped:
		return in.all(e.Exprs)
	case clause.Where:
		return in.all(e.Exprs)
	case clause.AndConditions:
		return in.all(e.Exprs)
	case clause.OrConditions:
		return in.all(e.Exprs)
	case clause.NotConditions:
		return in.all(e.Exprs)
	case clause.Eq:
		return in.comparison(e.Column, e.Value)
	case clause.Neq:
		return in.comparison(e.Column, e.Value)
	case clause.Gt:
		return in.comparison(e.Column, e.Value)
	case clause.Gte:
		return in.comparison(e.Column, e.Value)
	case clause.Lt:
		return in.comparison(e.Column, e.Value)
	case clause.Lte:
		return in.comparison(e.Column, e.Value)
	case clause.Like:
		return in.patterns(in.filtering, func() error { return in.comparison(e.Column, e.Value) })
	case clause.IN:
		return in.comparison(e.Column, e.Values...)
	case clause.Expr:
		return in.sql(e.SQL, e.Vars, nil)
	case clause.NamedExpr:
		return in.sql(e.SQL, e.Vars, namesOf(e.Vars))
	}
	return in.fail(fmt.Sprintf("%T", e), ErrUnsupported)
}

func (in *inspection) comparison(column any, values ...any) error {
	if columns, ok := column.([]clause.Column); ok { // of a key of several columns
		for _, c := range columns {
			if err := in.column(c, false); err != nil {
				return err
			}
		}
	} else if err := in.column(column, false); err != nil {
		return err
	}
	for _, v := range values {
		if err := in.value(v); err != nil {
			return err
		}
	}
	return nil
}

// show looks at what comes out of the statement.
func (in *inspection) show(look func() error) error {
	before := in.showing
	in.showing = true
	err := look()
	in.showing = before
	return err
}

// namesOf is the names of named arguments.
func namesOf(vars []any) map[string]bool {
	names := map[string]bool{}
	for _, v := range vars {
		if arg, ok := v.(sql.NamedArg); ok {
			names[arg.Name] = true
			continue
		}
		switch v := reflect.Indirect(reflect.ValueOf(v)); v.Kind() {
		case reflect.Map:
			for _, key := range v.MapKeys() {
				names[key.String()] = true
			}
		case reflect.Struct:
			for i := range v.NumField() {
				names[v.Type().Field(i).Name] = true
			}
		}
	}
	return names
}

// sql looks at SQL that the program wrote, with its arguments: one for each ?, for a database
// takes those too many for arguments of the filter, and one for each name.
func (in *inspection) sql(text string, vars []any, names map[string]bool) error {
	f, err := readSQL(text, slices.Collect(maps.Keys(names))...)
	if err != nil {
		return in.fail(text, err)
	}
	if names == nil && f.marks != len(vars) || names != nil && f.marks > 0 {
		return in.fail(text, ErrRawSQL)
	}
	if in.filtering && f.computes { // an error may tell of rows that are not hers
		return in.fail(text, ErrRawSQL)
	}
	for _, c := range f.columns {
		if err := in.reference(c.table, c.name, false); err != nil {
			return err
		}
	}
	for i, v := range vars {
		pattern := slices.Contains(f.patterns, i) || names != nil && len(f.patterns) > 0
		if err := in.patterns(in.filtering && pattern, func() error { return in.argument(v, names != nil) }); err != nil {
			return err
		}
	}
	return nil
}

// patterns looks at values, which may be patterns. One that ends in the character that escapes others is an
// error for PostgreSQL, but only once a row matches all that is before it: the error would tell of the row.
func (in *inspection) patterns(judged bool, look func() error) error {
	before := in.matching
	in.matching = judged && in.dialect() == filter.Postgres
	err := look()
	in.matching = before
	return err
}

// pattern refuses a text that ends in an escape, if it may be a pattern.
func (in *inspection) pattern(text string) error {
	if ending := len(text) - len(strings.TrimRight(text, `\`)); in.matching && ending%2 == 1 {
		return in.fail(text, ErrRawSQL)
	}
	return nil
}

// argument looks at an argument. Of one with named ones, GORM takes the fields of structs, whatever
// these are to a driver.
func (in *inspection) argument(v any, named bool) error {
	if r := reflect.Indirect(reflect.ValueOf(v)); named && r.Kind() == reflect.Struct {
		if arg, ok := v.(sql.NamedArg); ok {
			return in.value(arg.Value)
		}
		return in.reflected(r)
	}
	return in.value(v)
}

var plainName = regexp.MustCompile(`^(?:([A-Za-z_][A-Za-z0-9_]*)\.)?([A-Za-z_][A-Za-z0-9_]*)$`)

// column looks at a column as the program wrote it. Where it is named by AS, that will do.
func (in *inspection) column(column any, byName bool) error {
	switch c := column.(type) {
	case string:
		if parts := plainName.FindStringSubmatch(c); parts != nil {
			return in.reference(parts[1], parts[2], byName)
		}
		return in.fail(c, ErrRawSQL)
	case clause.Column:
		if c.Name == clause.PrimaryKey && !c.Raw {
			return in.known(c.Table)
		}
		if !c.Raw {
			if parts := plainName.FindStringSubmatch(c.Name); parts != nil && (parts[1] == "" || c.Table == "") {
				return in.reference(parts[1]+c.Table, parts[2], byName)
			}
			return in.fail(c.Name, ErrRawSQL)
		}
		f, err := readSQL(c.Name)
		if err != nil {
			return in.fail(c.Name, err)
		}
		if c.Table != "" || c.Alias != "" || f.marks > 0 {
			return in.fail(c.Name, ErrRawSQL)
		}
		for _, ref := range f.columns {
			if err := in.reference(ref.table, ref.name, byName); err != nil {
				return err
			}
		}
		return nil
	}
	return in.fail(fmt.Sprintf("%T", column), ErrUnsupported)
}

func (in *inspection) known(alias string) error {
	if in.aliases[alias] == nil {
		return in.fail(alias, ErrUnsupported)
	}
	return nil
}

// reference looks at a column by its name: of one table or, if it names none, of each that has it.
func (in *inspection) reference(alias, name string, byName bool) error {
	if byName && alias == "" && in.named[name] || in.constants && !plainName.MatchString(name) && name != "*" || in.constants && slices.Contains([]string{"TRUE", "FALSE"}, name) {
		return nil
	}
	if err := in.known(alias); err != nil {
		return err
	}
	found := false
	for a, t := range in.aliases {
		if a != alias && (alias != "" || a == clause.CurrentTable) {
			continue
		}
		if name == "*" {
			in.need(t, t.schema.DBNames...)
			found = true
		} else if t.schema.FieldsByDBName[name] != nil {
			in.need(t, name)
			found = true
		}
	}
	if !found {
		return in.fail(strings.TrimPrefix(alias+"."+name, "."), ErrUnsupported)
	}
	return nil
}

// need notes that columns must be readable in every row, or at least that one may ask by them.
func (in *inspection) need(t *table, columns ...string) {
	if in.showing {
		in.shown[t] = append(in.shown[t], columns...)
	} else {
		in.needs[t] = append(in.needs[t], columns...)
	}
}

// refused is an error about the columns that must be readable, and are not.
func (in *inspection) refused() error {
	for _, t := range in.aliases {
		fields, err := in.viewer.FieldsOfList(t.Actions.Read, t.Type)
		if err != nil {
			return err
		}
		asked := authz.FieldQuery{Filter: t.governed(fields, in.needs[t])}
		for _, path := range t.governed(fields, in.shown[t]) {
			if !readable(fields, path) {
				return in.fail("", &authz.FieldsError{Op: "query", Type: t.Type, Fields: []string{path}})
			}
		}
		if err := fields.CheckQuery(asked); err != nil {
			return in.fail("", err)
		}
	}
	return nil
}

// governed is the paths of columns that a field governs, and the columns that are hidden since none does.
func (t *table) governed(fields authz.Fields, columns []string) (paths []string) {
	for _, column := range columns {
		switch _, ok := fields.Governing(t.paths[column]); {
		case ok && t.paths[column] != "":
			paths = append(paths, t.paths[column])
		case !t.kept[column]:
			paths = append(paths, column)
		}
	}
	return paths
}

// readable tells whether what lies at a path, and all below it, may be seen as it is.
func readable(fields authz.Fields, path string) bool {
	governing, ok := fields.Governing(path)
	for name, level := range fields.All() {
		below := name == governing || strings.HasPrefix(name, path+".")
		ok = ok && !(below && level < model.FieldRead)
	}
	return ok
}

// value looks at a value that the program gave, of which GORM makes SQL.
func (in *inspection) value(v any) error {
	switch v := v.(type) {
	case nil, time.Time, *time.Time:
		return nil
	case []byte:
		return in.pattern(string(v))
	case *gorm.DB, clause.Column, clause.Expr:
		if in.matching { // a row's own
			return in.fail(fmt.Sprintf("%T", v), ErrRawSQL)
		}
	}
	switch v := v.(type) {
	case *gorm.DB:
		return in.subquery(v)
	case clause.Column:
		return in.column(v, false)
	case clause.Expr:
		return in.sql(v.SQL, v.Vars, nil)
	case sql.NamedArg:
		return in.value(v.Value)
	case clause.Expression, clause.Interface, clause.Table, gorm.Valuer:
		return in.fail(fmt.Sprintf("%T", v), ErrUnsupported)
	case driver.Valuer:
		text, _ := textOf(driverValue(v))
		return in.pattern(text)
	}
	return in.reflected(reflect.ValueOf(v))
}

// reflected looks at a value by its kind.
func (in *inspection) reflected(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		return in.pattern(v.String())
	case reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return in.value(v.Elem().Interface())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := in.value(v.Index(i).Interface()); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map: // of named arguments
		for _, key := range v.MapKeys() {
			if err := in.value(v.MapIndex(key).Interface()); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct: // of named arguments
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if err := in.value(v.Field(i).Interface()); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return in.fail(v.Type().String(), ErrUnsupported)
}

// subquery looks at a query within the statement. GORM will narrow it as every query, but loses
// its errors; so it is made once to see them.
func (in *inspection) subquery(q *gorm.DB) error {
	if q.Error != nil {
		return q.Error
	}
	who, _ := authz.FromContext(q.Statement.Context)
	if who.Tenant != in.principal.Tenant || who.User != in.principal.User || internal(q.Statement.Context) {
		return in.fail("subquery", ErrNoPrincipal)
	}
	if _, bypassed := bypass(q.Statement.Context); bypassed {
		return in.fail("subquery", ErrUnsupported)
	}
	if q.Statement.SQL.Len() > 0 {
		return in.fail(q.Statement.SQL.String(), ErrRawSQL)
	}
	q.Statement.Settings.Store(outerKey{}, in.principal) // also when GORM makes it
	return q.Session(&gorm.Session{DryRun: true}).Find(&[]map[string]any{}).Error
}
