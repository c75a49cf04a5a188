package filter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// ErrMapping: a mapping is wrong, or does not say where something is.
var ErrMapping = errors.New("the mapping is not right")

// MappingError says what is wrong with a mapping. It matches ErrMapping.
type MappingError struct {
	Type  string // the mapping's
	Part  string // "table", "owners", "attribute region"
	Value string // the offending value
	Hint  string // what would be right
}

func (e *MappingError) Error() string {
	return fmt.Sprintf("filter: mapping of %s: %s %s: %s", strconv.Quote(e.Type), e.Part, strconv.Quote(e.Value), e.Hint)
}

// Is tells that it is an ErrMapping.
func (e *MappingError) Is(target error) bool { return target == ErrMapping }

func (m *Mapping) fail(part, value, hint string) error {
	return &MappingError{Type: m.Type, Part: part, Value: value, Hint: hint}
}

// Check tells whether the mapping, and those of its parents, can be made SQL of.
// The error is a *[MappingError].
func (m *Mapping) Check() error {
	if m == nil {
		return &MappingError{Part: "mapping", Hint: "there is none"}
	}
	for seen := []*Mapping(nil); m != nil; {
		if err := m.check(); err != nil {
			return err
		}
		seen = append(seen, m)
		if m.Parent == nil || slices.Contains(seen, m.Parent.Of) {
			return nil
		}
		m = m.Parent.Of
	}
	return nil
}

func (m *Mapping) check() error {
	if m.Tenant == "" && m.OnlyTenant == "" || m.Tenant != "" && m.OnlyTenant != "" {
		return m.fail("tenant", m.Tenant, "there is either a column of the tenant or the only tenant's name")
	}
	err := m.checkTable("table", m.Table)
	err = firstOf(err, m.optionalName("alias", m.Alias), m.optionalName("tenant", m.Tenant), m.checkKind("tenant", m.TenantKind))
	err = firstOf(err, m.checkColumn("id", m.ID))
	if m.NoOwners && len(m.Owners) > 0 || m.NoUnit && m.Unit != (Column{}) || m.NoParent && m.Parent != nil {
		err = firstOf(err, m.fail("mapping", m.Table, "says where something is, and that records have none"))
	}
	if m.Unit != (Column{}) {
		err = firstOf(err, m.checkColumn("unit", m.Unit))
	}
	for i := range m.Owners {
		err = firstOf(err, m.checkOwners(&m.Owners[i]))
	}
	if m.Parent != nil {
		err = firstOf(err, m.checkParent())
	}
	return firstOf(err, m.checkAttributes())
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mapping) checkOwners(o *Owners) error {
	if o.Kind != model.UnknownKind && o.Kind != model.User && o.Kind != model.Team {
		return m.fail("owners", o.Kind.String(), "owners are users or teams")
	}
	if o.Kind == model.UnknownKind && o.Column.Kind != TextColumn {
		return m.fail("owners", o.Column.Name, "whole names are text; or say the owners' kind")
	}
	return firstOf(m.checkColumn("owners", o.Column), m.checkSide("owners", o.Table, o.Record, o.Tenant))
}

func (m *Mapping) checkParent() error {
	of := m.Parent.Of
	if of == nil {
		return m.fail("parent", m.Parent.Column.Name, "whose mapping is missing")
	}
	if m.Parent.Column.Kind != of.ID.Kind {
		return m.fail("parent", m.Parent.Column.Name, "is not of the kind of the parent's ids")
	}
	return m.checkColumn("parent", m.Parent.Column)
}

// checkAttributes names the first attribute that is wrong, by name.
func (m *Mapping) checkAttributes() (err error) {
	first := ""
	for name, a := range m.Attributes {
		if err != nil && name >= first {
			continue
		}
		if e := m.checkAttribute(name, a); e != nil {
			first, err = name, e
		}
	}
	return err
}

func (m *Mapping) checkAttribute(name string, a Attribute) error {
	part := "attribute " + name
	switch a.Type {
	case model.AttrString, model.AttrInt, model.AttrDouble, model.AttrBool, model.AttrTimestamp, model.AttrDuration:
		if a.Table != "" {
			return m.fail(part, a.Table, "only a list of strings has a table of its own")
		}
	case model.AttrStrings:
		if a.Table == "" {
			return m.fail(part, a.Column, "a list of strings has a table of its own")
		}
	default:
		return m.fail(part, string(a.Type), "is no attribute's type")
	}
	return firstOf(m.checkName(part, a.Column), m.checkSide(part, a.Table, a.Record, a.Tenant))
}

// checkSide checks a table beside that of the records, if there is one.
func (m *Mapping) checkSide(part, table string, record Column, tenant string) error {
	if table == "" {
		if record != (Column{}) || tenant != "" {
			return m.fail(part, record.Name+tenant, "is of a table that is missing")
		}
		return nil
	}
	if record.Kind != m.ID.Kind {
		return m.fail(part, record.Name, "is not of the kind of the records' ids")
	}
	if tenant != "" && m.Tenant == "" {
		return m.fail(part, tenant, "is a tenant's column, but the records have none")
	}
	return firstOf(m.checkTable(part, table), m.checkColumn(part, record), m.optionalName(part, tenant))
}

func (m *Mapping) checkColumn(part string, c Column) error {
	return firstOf(m.checkName(part, c.Name), m.checkKind(part, c.Kind))
}

func (m *Mapping) checkKind(part string, k ColumnKind) error {
	if k > UUIDColumn {
		return m.fail(part, strconv.Itoa(int(k)), "is no kind of column")
	}
	return nil
}

func (m *Mapping) optionalName(part, name string) error {
	if name == "" {
		return nil
	}
	return m.checkName(part, name)
}

func (m *Mapping) checkTable(part, name string) error {
	if schema, table, ok := strings.Cut(name, "."); ok {
		return firstOf(m.checkName(part, schema), m.checkName(part, table))
	}
	return m.checkName(part, name)
}

// maxName is the length of a name in PostgreSQL, which cuts longer ones.
const maxName = 63

func (m *Mapping) checkName(part, name string) error {
	if name == "" {
		return m.fail(part, name, "is missing")
	}
	if len(name) > maxName {
		return m.fail(part, name, "has at most "+strconv.Itoa(maxName)+" characters")
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'A' <= c&^0x20 && c&^0x20 <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return m.fail(part, name, "has letters, digits and _, and begins with no digit")
		}
	}
	return nil
}
