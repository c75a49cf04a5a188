package filter

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Columns are the columns of the mapping's own table that [Mapping.Record] reads, each once.
func (m *Mapping) Columns() []string {
	columns := []string{m.ID.Name}
	add := func(name string) {
		if name != "" && !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	add(m.Unit.Name)
	for _, o := range m.Owners {
		if o.Table == "" {
			add(o.Column.Name)
		}
	}
	if m.Parent != nil {
		add(m.Parent.Column.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		if a := m.Attributes[name]; a.Table == "" {
			add(a.Column)
		}
	}
	return columns
}

// Record makes the record of a row, whose columns value has as a driver gives
// them: int64, uint64, float64, bool, string, []byte, time.Time or nil. Parent, and the owners and
// lists of other tables, are the caller's to add; a list is empty without rows, not
// missing. The tenant is not looked at.
//
// The error is a *[MappingError] that names the attribute whose value is not of its type.
func (m *Mapping) Record(value func(column string) any) (*model.Record, error) {
	id, err := m.readID("id", m.ID, value)
	if err != nil {
		return nil, err
	}
	r := &model.Record{Type: m.Type, ID: model.EscapeID(id)}
	if m.Unit.Name != "" {
		unit, err := m.readID("unit", m.Unit, value)
		if err != nil {
			return nil, err
		}
		if unit != "" {
			r.Unit = model.Unit.String() + ":" + model.EscapeID(unit)
		}
	}
	for _, o := range m.Owners {
		if o.Table != "" {
			continue
		}
		owner, err := m.Owner(o, value(o.Column.Name))
		if err != nil {
			return nil, err
		}
		if owner != "" {
			r.Owners = append(r.Owners, owner)
		}
	}
	return r, m.readAttributes(r, value)
}

// Owner is the owner that a column of owners has as this value; empty if it is none.
func (m *Mapping) Owner(o Owners, value any) (string, error) {
	id, ok := readID(value, o.Column.Kind)
	if !ok {
		return "", m.unfit("owners", value)
	}
	if o.Kind != model.UnknownKind && id != "" {
		return o.Kind.String() + ":" + model.EscapeID(id), nil
	}
	if k := model.KindOf(id); k == model.User || k == model.Team {
		return id[:5] + model.EscapeID(id[5:]), nil
	}
	return "", nil
}

func (m *Mapping) readID(part string, c Column, value func(column string) any) (string, error) {
	v := value(c.Name)
	id, ok := readID(v, c.Kind)
	if !ok {
		return "", m.unfit(part, v)
	}
	return id, nil
}

func (m *Mapping) unfit(part string, v any) error {
	return m.fail(part, fmt.Sprintf("%T", v), "is not what the column is mapped to hold")
}

// readID is the id that a column of a kind holds.
func readID(v any, kind ColumnKind) (id string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case []byte:
		id = string(v)
	case string:
		id = v
	case int64:
		return strconv.FormatInt(v, 10), kind == IntegerColumn
	case uint64:
		return strconv.FormatUint(v, 10), kind == IntegerColumn
	default:
		return "", false
	}
	return id, kind != IntegerColumn || wholeNumber(id)
}

func (m *Mapping) readAttributes(r *model.Record, value func(column string) any) error {
	for name, a := range m.Attributes {
		if a.Table != "" {
			continue
		}
		v := value(a.Column)
		if v == nil {
			continue
		}
		got, ok := readAttribute(v, a.Type)
		if !ok {
			return m.unfit("attribute "+name, v)
		}
		if got == nil {
			continue
		}
		if r.Attrs == nil {
			r.Attrs = make(map[string]any, len(m.Attributes))
		}
		r.Attrs[name] = got
	}
	return nil
}

// readAttribute is a driver's value as one of an attribute's type; nil if it is none.
func readAttribute(v any, t model.AttrType) (got any, ok bool) {
	if b, is := v.([]byte); is {
		v = string(b)
	}
	switch t {
	case model.AttrString:
		s, ok := v.(string)
		return s, ok
	case model.AttrInt:
		i, ok := readInt(v)
		return i, ok
	case model.AttrDuration:
		i, ok := readInt(v)
		return time.Duration(i), ok
	case model.AttrDouble:
		return readFloat(v)
	case model.AttrBool:
		if b, ok := v.(bool); ok {
			return b, true
		}
		i, ok := readInt(v)
		return i != 0, ok
	case model.AttrTimestamp:
		return readTime(v)
	}
	return nil, false
}

func readInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case string:
		i, err := strconv.ParseInt(v, 10, 64)
		return i, err == nil
	}
	return 0, false
}

// readFloat takes NaN for no value, as SQLite and MySQL do.
func readFloat(v any) (got any, ok bool) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	case string:
		parsed, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, false
		}
		f = parsed
	default:
		return nil, false
	}
	if math.IsNaN(f) {
		return nil, true
	}
	return f, true
}

// timeLayouts are those in which SQLite's driver and MySQL's write times, in UTC if they have no zone.
var timeLayouts = []string{
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02",
}

func readTime(v any) (got any, ok bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		if strings.HasSuffix(v, "infinity") { // PostgreSQL's, in no year
			return nil, true
		}
		if strings.HasPrefix(v, "0000-00-00") { // MySQL's zero, which its driver takes for this
			return time.Time{}, true
		}
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, v); err == nil {
				return t, true
			}
		}
	}
	return nil, false
}
