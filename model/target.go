package model

import "strings"

// Target is what a rule is on: a type, the records of a unit and below, one
// record, or everything; a field rule names a field of it as well.
type Target struct {
	Type  string // Any stands for every type
	Unit  string // "unit:apac": only records of this unit and of those below it
	ID    string // only this record
	Field string // field rules only; Any stands for every field
}

// OnType is every record of a type.
func OnType(typ string) Target { return Target{Type: typ} }

// OnRecord is one record.
func OnRecord(typ, id string) Target { return Target{Type: typ, ID: id} }

// OnUnit is the records of a type in a unit and in the units below it.
func OnUnit(typ, unit string) Target { return Target{Type: typ, Unit: unit} }

// OnField is a field of every record of a type.
func OnField(typ, field string) Target { return Target{Type: typ, Field: field} }

// String is the target's column in a line: *, customer, customer@unit:apac,
// customer/42, customer#phone or customer/42#phone.
func (t Target) String() string {
	s := t.Type
	if t.Unit != "" {
		s += "@" + t.Unit
	}
	if t.ID != "" {
		s += "/" + t.ID
	}
	if t.Field != "" {
		s += "#" + t.Field
	}
	return s
}

// ParseTarget reads a target's column.
func ParseTarget(s string) (Target, error) {
	t, err := splitTarget(s)
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return Target{}, err
	}
	return t, nil
}

// splitTarget takes a target apart and leaves its parts unchecked.
func splitTarget(s string) (t Target, err error) {
	if plain(s, anywhereInName) {
		return Target{Type: s}, nil
	}
	rest, cut := s, false
	if rest, t.Field, cut = strings.Cut(rest, "#"); cut && t.Field == "" {
		return Target{}, fail(ErrMalformed, "no field behind #")
	}
	if rest, t.ID, cut = strings.Cut(rest, "/"); cut {
		if t.ID == "" {
			return Target{}, fail(ErrMalformed, "no id behind /")
		}
	} else if rest, t.Unit, cut = strings.Cut(rest, "@"); cut && t.Unit == "" {
		return Target{}, fail(ErrMalformed, "no unit behind @")
	}
	t.Type = rest
	return t, nil
}

// check tells whether the parts of a target are well formed and go together.
func (t Target) check() error {
	if t.Type != Any {
		if err := CheckName(t.Type); err != nil {
			return err
		}
	} else if t.ID != "" || t.Field != "" {
		return fail(ErrMalformed, "a record or field is one of a type")
	}
	if t.Unit != "" {
		if t.ID != "" || t.Field != "" {
			return fail(ErrMalformed, "a unit goes with a type alone")
		}
		if err := CheckSubject(t.Unit, Unit); err != nil {
			return err
		}
	}
	if t.ID != "" {
		if err := CheckID(t.ID); err != nil {
			return err
		}
	}
	if t.Field != "" && t.Field != Any {
		return CheckName(t.Field)
	}
	return nil
}
