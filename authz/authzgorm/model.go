package authzgorm

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Model says which type of records the rows of a GORM model are, and which of its
// fields hold what decisions ask. Fields are named as in Go.
type Model struct {
	Type string // of the schema: "customer"
	Of   any    // the model: &Customer{}
	// Tenant is the field with the tenant's name; without one, all rows are of OnlyTenant.
	Tenant     string
	OnlyTenant string
	ID         string  // the field with the record's id; empty: the primary key
	Owners     []Owner // empty: records have no owners
	Unit       string  // the field with the unit's id, without "unit:"; empty: none
	Parent     string  // the field with the id of the parent, which is of another registered Model; empty: none
	// Attributes are the fields of the schema's attributes, by attribute. Those that are not named
	// are looked for by their own name.
	Attributes map[string]string
	// Lists are attributes, and MoreOwners owners, in tables of their own.
	Lists      map[string]filter.Attribute
	MoreOwners []filter.Owners
	Actions    Actions
}

// Owner is a field with the id of an owner.
type Owner struct {
	Field string
	Kind  model.SubjectKind // model.User or model.Team; the zero kind: the field has whole names, such as "user:alice"
}

// Actions are what is asked of rows; empty ones are read, create, update and delete.
type Actions struct{ Read, Create, Update, Delete string }

// table is a registered Model.
type table struct {
	Model
	schema  *schema.Schema
	mapping *filter.Mapping
	paths   map[string]string // by column: the path by which the schema governs it; empty: no name
	kept    map[string]bool   // columns that stay readable if no field governs them
}

// newTable fits a Model to its struct and the schema. Its parent is not yet set.
func newTable(db *gorm.DB, s *authz.Schema, m Model) (*table, error) {
	fail := func(what, format string, args ...any) error {
		return &Error{Op: "use", Table: m.Type, What: what, Err: fmt.Errorf("%w: %s", ErrModel, fmt.Sprintf(format, args...))}
	}
	stmt := &gorm.Statement{DB: db}
	if m.Of == nil {
		return nil, fail("", "it has no struct")
	}
	if !knows(s, m.Type) {
		return nil, fail(m.Type, "the schema has no such type")
	}
	if err := stmt.Parse(m.Of); err != nil {
		return nil, fail(fmt.Sprintf("%T", m.Of), "%v", err)
	}
	t := &table{Model: m, schema: stmt.Schema, paths: map[string]string{}, kept: map[string]bool{}}
	actions := &t.Actions
	for action, name := range map[*string]string{&actions.Read: "read", &actions.Create: "create", &actions.Update: "update", &actions.Delete: "delete"} {
		if *action == "" {
			*action = name
		}
	}
	column := func(field string) (*schema.Field, error) {
		if f := t.schema.LookUpField(field); f != nil && f.DBName != "" {
			t.kept[f.DBName] = true
			return f, nil
		}
		return nil, fail(field, "%s has no such column", t.schema.Name)
	}
	for _, f := range t.schema.Fields {
		if f.DBName == "" {
			continue
		}
		t.paths[f.DBName] = pathOf(t.schema.ModelType, f.BindNames)
		if f.PrimaryKey || f.AutoCreateTime > 0 || f.AutoUpdateTime > 0 || f.FieldType == reflect.TypeFor[gorm.DeletedAt]() {
			t.kept[f.DBName] = true
		}
	}
	for _, r := range t.schema.Relationships.Relations {
		for _, ref := range r.References {
			if ref.ForeignKey != nil && ref.ForeignKey.Schema == t.schema {
				t.kept[ref.ForeignKey.DBName] = true
			}
		}
	}
	var err error
	if t.mapping, err = t.newMapping(attributesOf(s, m.Type), column, fail); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *table) newMapping(attributes map[string]model.AttrType, column func(string) (*schema.Field, error), fail func(what, format string, args ...any) error) (*filter.Mapping, error) {
	m := &filter.Mapping{Type: t.Type, Table: t.schema.Table, OnlyTenant: t.OnlyTenant, NoParent: true,
		NoUnit: t.Unit == "", NoOwners: len(t.Owners)+len(t.MoreOwners) == 0, Owners: slices.Clone(t.MoreOwners), Attributes: maps.Clone(t.Lists)}
	if m.Attributes == nil {
		m.Attributes = map[string]filter.Attribute{}
	}
	if t.ID == "" {
		if len(t.schema.PrimaryFields) != 1 && t.schema.PrioritizedPrimaryField == nil {
			return nil, fail("ID", "the model has not one primary key")
		}
		t.ID = t.schema.PrimaryFields[0].Name
		if p := t.schema.PrioritizedPrimaryField; p != nil {
			t.ID = p.Name
		}
	}
	set := func(to *filter.Column, field string) error {
		if field == "" {
			return nil
		}
		f, err := column(field)
		if err == nil {
			*to = filter.Column{Name: f.DBName, Kind: kindOf(f)}
		}
		return err
	}
	var tenant filter.Column
	for _, c := range []struct {
		to    *filter.Column
		field string
	}{{&m.ID, t.ID}, {&m.Unit, t.Unit}, {&tenant, t.Tenant}} {
		if err := set(c.to, c.field); err != nil {
			return nil, err
		}
	}
	m.Tenant, m.TenantKind = tenant.Name, tenant.Kind
	for _, o := range t.Owners {
		to := filter.Owners{Kind: o.Kind}
		if err := set(&to.Column, o.Field); err != nil {
			return nil, err
		}
		m.Owners = append(m.Owners, to)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		if _, ok := attributes[name]; !ok {
			return nil, fail(name, "the schema has no such attribute of %s", t.Type)
		}
		if _, err := column(t.Attributes[name]); err != nil {
			return nil, err
		}
	}
	for name, of := range attributes {
		if _, ok := m.Attributes[name]; ok {
			continue
		}
		if f := t.attributeField(name); f != nil {
			m.Attributes[name] = filter.Attribute{Type: of, Column: f.DBName}
		}
	}
	return m, nil
}

// attributeField is the field of an attribute, if there is one.
func (t *table) attributeField(name string) *schema.Field {
	if field, ok := t.Attributes[name]; ok {
		return t.schema.LookUpField(field)
	}
	for _, f := range t.schema.Fields {
		if f.DBName != "" && t.paths[f.DBName] == name {
			return f
		}
	}
	return t.schema.FieldsByDBName[name]
}

func knows(s *authz.Schema, typ string) bool {
	_, ok := s.Types[typ]
	for _, x := range s.Tenants {
		_, extends := x.Types[typ]
		ok = ok || extends
	}
	return ok
}

// attributesOf is the attributes of a type, with those of tenants.
func attributesOf(s *authz.Schema, typ string) map[string]model.AttrType {
	all := map[string]model.AttrType{}
	for _, x := range s.Tenants {
		maps.Copy(all, x.Types[typ].Attributes)
		maps.Copy(all, x.Attributes[typ])
	}
	maps.Copy(all, s.Types[typ].Attributes)
	return all
}

func kindOf(f *schema.Field) filter.ColumnKind {
	switch {
	case strings.EqualFold(f.TagSettings["TYPE"], "uuid"):
		return filter.UUIDColumn
	case f.DataType == schema.Int || f.DataType == schema.Uint:
		return filter.IntegerColumn
	}
	return filter.TextColumn
}

// pathOf is the path by which the schema knows a field, as [authz.Redact] takes it;
// empty if it has no name.
func pathOf(typ reflect.Type, names []string) string {
	var path []string
	for _, name := range names {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		f, ok := typ.FieldByName(name)
		if !ok {
			return ""
		}
		typ = f.Type
		part := nameOf(f)
		if part == "" && !f.Anonymous {
			return ""
		}
		if part != "" {
			path = append(path, part)
		}
	}
	return strings.Join(path, ".")
}

// nameOf is a struct field's name for the schema.
func nameOf(f reflect.StructField) string {
	switch name := f.Tag.Get("authz"); name {
	case "":
	case "-":
		return ""
	default:
		return name
	}
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
		return name
	}
	return schema.ParseTagSetting(f.Tag.Get("gorm"), ";")["COLUMN"]
}

// record is the record that a model value is, without its parent and what lies in other tables.
func (t *table) record(ctx context.Context, v reflect.Value) (*model.Record, error) {
	return t.mapping.Record(func(column string) any { return t.value(ctx, v, column) })
}

// value is a column of a model value, as a driver would give it.
func (t *table) value(ctx context.Context, v reflect.Value, column string) any {
	x, _ := t.schema.FieldsByDBName[column].ValueOf(ctx, v)
	return driverValue(x)
}
