package authzgorm

import (
	"errors"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/crmauthz/crmauthz/authz"
)

// reading is what the redaction of a query's rows needs to know of it.
type reading struct {
	statement *statement
	filter    *authz.Filter
	joined    []*joined
	extra     []string // columns that were added to what the program selected
}

// readingKey is a setting of the statement.
type readingKey struct{}

// query checks a SELECT and narrows it to the rows that may be read.
func (p *Plugin) query(s *statement) error {
	s.rechecked() // before any query within this one
	f, err := s.filter(s.table, s.table.Actions.Read)
	if err != nil {
		return err
	}
	in, err := s.inspect()
	if err != nil {
		return err
	}
	redacted := s.intoModel() && !s.DryRun
	if redacted && !s.Distinct { // which rows are the same tells what they have
		err = in.selected()
	} else {
		err = in.selectedAsIs()
	}
	if err := errors.Join(err, in.refused()); err != nil {
		return err
	}
	if redacted {
		s.Settings.Store(readingKey{}, &reading{s, f, in.joined, s.addFacts(in)})
	}
	return s.narrow(f)
}

// intoModel tells whether the statement's rows go into values of the model, which can be redacted.
func (s *statement) intoModel() bool {
	v := s.ReflectValue
	if !v.IsValid() || s.op != "query" {
		return false
	}
	typ := v.Type()
	if k := typ.Kind(); k == reflect.Slice || k == reflect.Array {
		typ = typ.Elem()
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ == s.table.schema.ModelType && s.ReflectValue.CanAddr()
}

// addFacts sees to it that what decides about a row's fields is read with it, and
// returns the columns that it added.
func (s *statement) addFacts(in *inspection) (extra []string) {
	if !in.narrowed || s.Distinct || s.Clauses["SELECT"].Expression != nil { // all columns are selected, or others would change the rows
		return nil
	}
	for _, column := range append(s.table.mapping.Columns(), s.table.schema.PrimaryFieldDBNames...) {
		if !slices.Contains(in.columns, column) && !slices.Contains(extra, column) {
			extra = append(extra, column)
		}
	}
	if len(s.Selects) == 0 { // all but those omitted
		s.Omits = nil
		for _, column := range in.columns {
			s.Selects = append(s.Selects, s.qualified(column))
		}
	}
	s.Selects = slices.Clone(s.Selects)
	for _, column := range extra {
		s.Selects = append(s.Selects, s.qualified(column))
	}
	return extra
}

// qualified is a column with the table's name, quoted, as GORM takes it for what is
// selected.
func (s *statement) qualified(column string) string {
	return s.Quote(clause.Column{Table: s.Table, Name: column})
}

// redact redacts the rows that were read. On an error none of them is left.
func (p *Plugin) redact(db *gorm.DB) {
	found, ok := db.Statement.Settings.LoadAndDelete(readingKey{})
	if !ok || db.DryRun || db.RowsAffected == 0 {
		return
	}
	r := found.(*reading)
	if db.Error == nil && r.statement.intoModel() {
		_ = db.AddError(r.redact())
	}
	if v := db.Statement.ReflectValue; db.Error != nil && v.IsValid() && v.CanSet() {
		v.SetZero()
		db.RowsAffected = 0
	}
}

func (r *reading) redact() error {
	v := r.statement.ReflectValue
	if v.Kind() == reflect.Struct {
		return r.row(v)
	}
	if err := r.statement.recheck(r.filter, v); err != nil {
		return err
	}
	for i := range v.Len() {
		if err := r.row(reflect.Indirect(v.Index(i))); err != nil {
			return err
		}
	}
	return nil
}

// row redacts a row, and what was joined to it.
func (r *reading) row(v reflect.Value) error {
	if err := r.statement.redactRow(r.statement.table, r.filter, v, r.extra); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, j := range r.joined {
		if err := j.redact(r.statement, v, done); err != nil {
			return err
		}
	}
	return nil
}

// redactRow redacts a value of a table's model by the levels of its own record. What
// belongs to other models is left to them.
func (s *statement) redactRow(t *table, f *authz.Filter, v reflect.Value, extra []string) error {
	record, err := t.record(s.Context, v)
	if err != nil {
		return err
	}
	fields, err := f.Fields(record)
	if len(t.MoreOwners) > 0 { // whom rules may ask about are not all in the record
		fields, err = s.viewer.FieldsOfList(t.Actions.Read, t.Type)
	}
	if err != nil {
		return err
	}
	type saved struct {
		field reflect.Value
		value reflect.Value
	}
	var keep []saved
	save := func(field reflect.Value) {
		if field.IsValid() && field.CanSet() {
			value := reflect.New(field.Type()).Elem()
			value.Set(field)
			keep = append(keep, saved{field, value})
			field.SetZero()
		}
	}
	for column := range t.kept {
		if _, governed := fields.Governing(t.paths[column]); !governed || t.paths[column] == "" {
			save(t.schema.FieldsByDBName[column].ReflectValueOf(s.Context, v))
		}
	}
	for _, rel := range t.schema.Relationships.Relations {
		if rel.Field.Schema != t.schema { // the other end of one
			continue
		}
		save(rel.Field.ReflectValueOf(s.Context, v))
	}
	if err := fields.RedactInPlace(v.Addr().Interface()); err != nil {
		return err
	}
	for _, k := range keep {
		k.field.Set(k.value)
	}
	for _, column := range extra {
		if f := t.schema.FieldsByDBName[column]; !f.PrimaryKey {
			f.ReflectValueOf(s.Context, v).SetZero()
		}
	}
	return nil
}
