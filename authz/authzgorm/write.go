package authzgorm

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
)

// maxRows is how many rows an update may touch if they must be looked at one by one.
const maxRows = 1000

// delete narrows a DELETE, or the UPDATE that a soft one is, to the rows that may be deleted.
func (p *Plugin) delete(s *statement) error {
	in, err := s.inspect()
	if err != nil {
		return err
	}
	if err := in.refused(); err != nil {
		return err
	}
	f, err := s.filter(s.table, s.table.Actions.Delete)
	if err != nil {
		return err
	}
	if s.everywhere() {
		return gorm.ErrMissingWhereClause
	}
	return s.narrow(f)
}

// everywhere tells whether nothing but the filter would say which rows are written, which GORM
// refuses and would not notice.
func (s *statement) everywhere() bool {
	where, _ := s.Clauses["WHERE"].Expression.(clause.Where)
	return len(where.Exprs) == 0 && !s.AllowGlobalUpdate && !s.hasKey(s.ReflectValue) && !s.hasKey(reflect.ValueOf(s.Model))
}

// hasKey tells whether a value, or one of a list, has a primary key.
func (s *statement) hasKey(v reflect.Value) bool {
	v = reflect.Indirect(v)
	if !v.IsValid() {
		return false
	}
	if k := v.Kind(); k == reflect.Slice || k == reflect.Array {
		for i := range v.Len() {
			if s.hasKey(v.Index(i)) {
				return true
			}
		}
		return false
	}
	if v.Type() != s.table.schema.ModelType {
		return false
	}
	return slices.ContainsFunc(s.table.schema.PrimaryFields, func(f *schema.Field) bool {
		_, zero := f.ValueOf(s.Context, v)
		return !zero
	})
}

// update checks what an UPDATE writes and narrows it to the rows that may be updated.
func (p *Plugin) update(s *statement) error {
	if _, ok := s.Clauses["SET"]; ok {
		if where, _ := s.Clauses["WHERE"].Expression.(clause.Where); len(where.Exprs) == 0 && !s.AllowGlobalUpdate { // GORM does not look at keys then
			return gorm.ErrMissingWhereClause
		}
	} else {
		if s.everywhere() {
			return gorm.ErrMissingWhereClause
		}
		set := callbacks.ConvertToAssignments(s.Statement)
		if len(set) == 0 || s.Error != nil {
			return s.Error // as GORM does
		}
		s.AddClause(set)
		s.Settings.Store(setKey{}, true)
	}
	in, err := s.inspect()
	if err != nil {
		return err
	}
	if err := in.refused(); err != nil {
		return err
	}
	f, err := s.filter(s.table, s.table.Actions.Update)
	if err != nil {
		return err
	}
	if err := s.narrow(f); err != nil {
		return err
	}
	set := s.Clauses["SET"].Expression.(clause.Set)
	if set, err = s.writable(f, set); err != nil {
		return err
	}
	if len(set) == 0 { // nothing that differs
		return s.fail("", gorm.ErrInvalidData)
	}
	s.Clauses["SET"] = clause.Clause{Name: "SET", Expression: set}
	return nil
}

// setKey is a setting of the statement.
type setKey struct{}

// updated leaves the statement without the assignments that update made, as GORM does.
func updated(db *gorm.DB) {
	if _, made := db.Statement.Settings.LoadAndDelete(setKey{}); made {
		delete(db.Statement.Clauses, "SET")
	}
}

// assignments looks at the columns that an UPDATE writes, and at what it writes into them.
func (in *inspection) assignments(set clause.Set) error {
	for _, a := range set {
		if a.Column.Raw || in.table.schema.FieldsByDBName[a.Column.Name] == nil || a.Column.Table != "" && in.aliases[a.Column.Table] != in.table {
			return in.fail(a.Column.Name, ErrUnsupported)
		}
		if err := in.show(func() error { return in.value(a.Value) }); err != nil { // into a column that others read
			return err
		}
	}
	return nil
}

// writable leaves of a set what differs from what is there. All of that must be writable, in
// every row that is written.
func (s *statement) writable(f *authz.Filter, set clause.Set) (clause.Set, error) {
	fields, err := s.viewer.FieldsOfList(s.table.Actions.Update, s.table.Type)
	if err != nil {
		return nil, err
	}
	var left clause.Set // to be looked at row by row
	sure := clause.Set{}
	for _, a := range set {
		if s.free(a.Column.Name) || s.writes(fields, a.Column.Name) {
			sure = append(sure, a)
		} else {
			left = append(left, a)
		}
	}
	if len(left) == 0 {
		return sure, nil
	}
	rows, err := s.touched()
	if err != nil {
		return nil, err
	}
	s.only(rows)
	changed := map[string]bool{}
	var refused []string
	for i := range rows.Len() {
		row := rows.Index(i)
		record, err := s.table.record(s.Context, row)
		if err != nil {
			return nil, err
		}
		fields, err := f.Fields(record)
		if err != nil {
			return nil, err
		}
		for _, a := range left {
			column := a.Column.Name
			if s.unchanged(row, a) && s.reads(fields, column) { // otherwise it would tell what is there
				continue
			}
			if changed[column] = true; s.fixed(column) != nil {
				return nil, s.fail(column, s.fixed(column))
			}
			if !s.writes(fields, column) {
				refused = append(refused, s.nameOf(column))
			}
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return nil, &authz.FieldsError{Op: "write", Type: s.table.Type, Fields: slices.Compact(refused)}
	}
	for _, a := range left {
		if changed[a.Column.Name] {
			sure = append(sure, a)
		}
	}
	return sure, nil
}

// free tells whether GORM sets the column itself.
func (s *statement) free(column string) bool {
	f := s.table.schema.FieldsByDBName[column]
	return f.AutoUpdateTime > 0
}

// fixed is why a column is never changed, if it is not.
func (s *statement) fixed(column string) error {
	switch {
	case column == s.table.mapping.Tenant:
		return ErrTenant
	case s.table.schema.FieldsByDBName[column].PrimaryKey || column == s.table.mapping.ID.Name:
		return ErrKey
	}
	return nil
}

// writes tells whether the field that governs a column is writable.
func (s *statement) writes(fields authz.Fields, column string) bool {
	field, ok := fields.Governing(s.table.paths[column])
	return ok && s.table.paths[column] != "" && s.fixed(column) == nil && fields.Writable(field)
}

// reads tells whether a column is shown to the user as it is.
func (s *statement) reads(fields authz.Fields, column string) bool {
	if path := s.table.paths[column]; path != "" {
		if field, ok := fields.Governing(path); ok {
			return fields.Readable(field)
		}
	}
	return s.table.kept[column]
}

// nameOf is what a column is called in an error.
func (s *statement) nameOf(column string) string {
	if path := s.table.paths[column]; path != "" {
		return path
	}
	return column
}

// touched is the rows that the statement writes, as they are.
func (s *statement) touched() (reflect.Value, error) {
	rows := reflect.New(reflect.SliceOf(s.table.schema.ModelType))
	where := s.Clauses["WHERE"].Expression.(clause.Where)
	tx := s.quietly().Model(reflect.New(s.table.schema.ModelType).Interface()).Clauses(where).Limit(maxRows + 1)
	if s.Unscoped {
		tx = tx.Unscoped()
	}
	if s.dialect() != filter.SQLite { // which locks the whole database
		tx = tx.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	if err := tx.Find(rows.Interface()).Error; err != nil {
		return reflect.Value{}, err
	}
	if rows.Elem().Len() > maxRows {
		return reflect.Value{}, s.fail("", ErrTooManyRows)
	}
	return rows.Elem(), nil
}

// only narrows the statement to rows that were looked at.
func (s *statement) only(rows reflect.Value) {
	_, values := schema.GetIdentityFieldValuesMap(s.Context, rows, s.table.schema.PrimaryFields)
	column, keys := schema.ToQueryValues(s.Table, s.table.schema.PrimaryFieldDBNames, values)
	s.AddClause(clause.Where{Exprs: []clause.Expression{clause.IN{Column: column, Values: keys}}})
}

// unchanged tells whether an assignment gives a row's column the value that it has.
func (s *statement) unchanged(row reflect.Value, a clause.Assignment) bool {
	field := s.table.schema.FieldsByDBName[a.Column.Name]
	if _, computed := a.Value.(clause.Expression); computed {
		return false
	}
	other := reflect.New(s.table.schema.ModelType).Elem()
	if field.Set(s.Context, other, a.Value) != nil {
		return false
	}
	was, _ := field.ValueOf(s.Context, row)
	is, _ := field.ValueOf(s.Context, other)
	return sameValue(driverValue(was), driverValue(is))
}

// create checks the rows that an INSERT makes: that the user may create each, and set what is set in it.
func (p *Plugin) create(s *statement) error {
	in, err := s.inspect()
	if err != nil {
		return err
	}
	if err := in.refused(); err != nil {
		return err
	}
	switch dest := s.Dest.(type) {
	case map[string]any:
		return s.createMap(dest)
	case *map[string]any:
		return s.createMap(*dest)
	case []map[string]any:
		return s.createMaps(dest)
	case *[]map[string]any:
		return s.createMaps(*dest)
	}
	v := s.ReflectValue
	if k := v.Kind(); k != reflect.Slice && k != reflect.Array {
		return s.createRow(v)
	}
	for i := range v.Len() {
		if err := s.createRow(reflect.Indirect(v.Index(i))); err != nil {
			return err
		}
	}
	return nil
}

func (s *statement) createMaps(rows []map[string]any) error {
	for _, row := range rows {
		if err := s.createMap(row); err != nil {
			return err
		}
	}
	return nil
}

// createMap checks a row that is a map from names of fields or columns.
func (s *statement) createMap(row map[string]any) error {
	v := reflect.New(s.table.schema.ModelType).Elem()
	set := map[string]bool{}
	for name, value := range row {
		f := s.table.schema.LookUpField(name)
		if f == nil || f.DBName == "" {
			return s.fail(name, ErrUnsupported)
		}
		if set[f.DBName] {
			return s.fail(name, ErrUnsupported) // twice, by two names
		}
		switch value.(type) {
		case *gorm.DB, clause.Expression, clause.Interface, clause.Column, clause.Table, gorm.Valuer:
			return s.fail(name, ErrUnsupported)
		}
		if err := f.Set(s.Context, v, value); err != nil {
			return s.fail(name, err)
		}
		set[f.DBName] = true
	}
	if err := s.checkCreated(v, set); err != nil {
		return err
	}
	if f := s.table.schema.FieldsByDBName[s.table.mapping.Tenant]; f != nil {
		delete(row, f.Name)
		row[f.DBName], _ = f.ValueOf(s.Context, v)
	}
	return nil
}

// createRow checks a row that is a value of the model.
func (s *statement) createRow(v reflect.Value) error {
	if !v.IsValid() || v.Type() != s.table.schema.ModelType || !v.CanAddr() {
		return s.fail("", ErrUnsupported)
	}
	set := map[string]bool{}
	for _, f := range s.table.schema.Fields {
		if f.DBName != "" {
			value, zero := f.ValueOf(s.Context, v)
			set[f.DBName] = !zero
			if _, computed := value.(gorm.Valuer); computed {
				return s.fail(f.Name, ErrUnsupported)
			}
		}
	}
	return s.checkCreated(v, set)
}

// checkCreated checks a new row in which some columns are set.
func (s *statement) checkCreated(v reflect.Value, set map[string]bool) error {
	if err := s.intoTenant(v); err != nil {
		return err
	}
	if err := s.inserts(v); err != nil {
		return err
	}
	record, err := s.table.record(s.Context, v)
	if err != nil {
		return err
	}
	if _, zero := s.table.schema.FieldsByDBName[s.table.mapping.ID.Name].ValueOf(s.Context, v); zero {
		record.ID = "" // the database gives it one
	}
	if err := s.addParent(record, v); err != nil {
		return err
	}
	allowed, err := s.viewer.Enforce(s.table.Actions.Create, record)
	if err != nil {
		return err
	}
	if !allowed {
		return s.fail("", ErrNotAllowed)
	}
	fields, err := s.viewer.Fields(s.table.Actions.Create, record)
	if err != nil {
		return err
	}
	names := map[string]any{}
	for column, is := range set {
		_, governed := fields.Governing(s.table.paths[column])
		if is && (governed && s.table.paths[column] != "" || !s.table.kept[column]) {
			put(names, strings.Split(s.nameOf(column), "."))
		}
	}
	return fields.CheckCreate(names)
}

// inserts tells, by an error, that what decides about a new row is not what the database will
// have: columns that the program leaves out, or that the database has defaults for.
func (s *statement) inserts(v reflect.Value) error {
	selected, restricted := s.SelectAndOmitColumns(true, false)
	for _, column := range append(s.table.mapping.Columns(), s.table.mapping.Tenant) {
		f := s.table.schema.FieldsByDBName[column]
		if f == nil || column == s.table.mapping.ID.Name {
			continue
		}
		_, zero := f.ValueOf(s.Context, v)
		is, known := selected[column]
		if known && !is || !known && restricted || zero && f.HasDefaultValue {
			return s.fail(column, ErrUnsupported)
		}
	}
	return nil
}

// put sets a member of nested maps.
func put(in map[string]any, path []string) {
	for len(path) > 1 {
		below, ok := in[path[0]].(map[string]any)
		if !ok {
			below = map[string]any{}
			in[path[0]] = below
		}
		in, path = below, path[1:]
	}
	if _, ok := in[path[0]]; !ok {
		in[path[0]] = true
	}
}

// intoTenant gives a new row the principal's tenant, if it has none.
func (s *statement) intoTenant(v reflect.Value) error {
	f := s.table.schema.FieldsByDBName[s.table.mapping.Tenant]
	if f == nil {
		if s.table.OnlyTenant != s.principal.Tenant {
			return s.fail(s.principal.Tenant, ErrTenant)
		}
		return nil
	}
	if _, zero := f.ValueOf(s.Context, v); zero {
		return f.Set(s.Context, v, s.principal.Tenant)
	}
	value, _ := f.ValueOf(s.Context, v)
	if tenant, ok := textOf(driverValue(value)); !ok || tenant != s.principal.Tenant {
		return s.fail(tenant, ErrTenant)
	}
	return nil
}

// addParent reads the parents of a record from the database.
func (s *statement) addParent(record *authz.Record, v reflect.Value) error {
	t := s.table
	for range 64 {
		if t.mapping.Parent == nil {
			return nil
		}
		id := t.value(s.Context, v, t.mapping.Parent.Column.Name)
		parent := s.plugin.tableOf(t.mapping.Parent.Of)
		if text, ok := textOf(id); id == nil || ok && text == "" || parent == nil {
			return nil
		}
		row := reflect.New(parent.schema.ModelType)
		tx := s.quietly().Unscoped().Model(row.Interface()).Where(clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: parent.mapping.ID.Name}, Value: id})
		if parent.mapping.Tenant != "" {
			tx = tx.Where(clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: parent.mapping.Tenant}, Value: s.principal.Tenant})
		}
		if err := tx.Take(row.Interface()).Error; errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		above, err := parent.record(s.Context, row.Elem())
		if err != nil {
			return err
		}
		record.Parent, record, t, v = above, above, parent, row.Elem()
	}
	return nil
}
