package adapter

import (
	"strings"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// Normal returns the change as every store makes it: each line once, At in UTC
// and in whole microseconds or, if JSON cannot say it, the zero time, Actor and
// Reason with U+FFFD for what is not UTF-8 or is NUL. What a store refuses it refuses, with a *model.ValueError: besides
// the lines, an ID of more than model.MaxColumn characters or not of UTF-8
// without NUL. The given change is not touched.
func (c Change) Normal() (Change, error) {
	if err := model.CheckTenant(c.Tenant); err != nil {
		return Change{}, model.At("change", "tenant", c.Tenant, err)
	}
	if err := checkChangeID(c.ID); err != nil {
		return Change{}, err
	}
	seen := make(map[model.Line]bool, len(c.Remove)+len(c.Add)) // true: to add
	var err error
	if c.Remove, err = c.normalLines(c.Remove, false, seen); err != nil {
		return Change{}, err
	}
	if c.Add, err = c.normalLines(c.Add, true, seen); err != nil {
		return Change{}, err
	}
	c.Actor, c.Reason = storable(c.Actor), storable(c.Reason)
	c.At = instant(c.At)
	return c, nil
}

func (c Change) normalLines(lines []model.Line, add bool, seen map[model.Line]bool) ([]model.Line, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	once := make([]model.Line, 0, len(lines))
	for _, l := range lines {
		was, known := seen[l]
		switch {
		case known && was == add:
			continue
		case known:
			return nil, refuse("change", "add", l.String(), "is to be removed as well")
		}
		if err := l.Check(); err != nil {
			return nil, err
		}
		if l.Tenant() != c.Tenant {
			return nil, refuse("change of "+c.Tenant, "tenant", l.Tenant(), "a change is of one tenant")
		}
		seen[l] = add
		once = append(once, l)
	}
	return once, nil
}

// storable makes any text one that every database and JSON keep as it is.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func checkChangeID(id string) error {
	if id == "" {
		return refuse("change", "id", id, "is empty")
	}
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return refuse("change", "id", id, "is UTF-8 without NUL")
	}
	return model.At("change", "id", id, model.CheckColumn(id))
}

func refuse(in, column, value, hint string) error {
	return &model.ValueError{In: in, Column: column, Value: value, Err: model.ErrMalformed, Hint: hint}
}
