package authzgorm

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// selected looks at what a query selects into values of the model. Columns of the model itself
// may be hidden, since they are redacted then; in all other expressions they must be readable.
func (in *inspection) selected() error {
	if in.Clauses["SELECT"].Expression != nil { // to which the facts that decide can not be added
		return in.selectedAsIs()
	}
	if len(in.Selects) == 0 {
		in.columns, in.narrowed = in.withoutOmitted(), len(in.Omits) > 0
		return nil
	}
	for _, name := range in.Selects {
		switch f := in.table.schema.LookUpField(name); {
		case f != nil:
			in.columns, in.narrowed = append(in.columns, f.DBName), true
		case name == "*" || name == in.Table+".*":
			in.columns = in.table.schema.DBNames
			in.narrowed = false
			return in.selectedRaw()
		}
	}
	return in.selectedRaw()
}

// selectedRaw looks at what is selected and no column of the model by its name.
func (in *inspection) selectedRaw() error {
	for _, name := range in.Selects {
		if in.table.schema.LookUpField(name) != nil || name == "*" || name == in.Table+".*" {
			continue
		}
		in.narrowed = true
		f, err := readSQL(name)
		if err != nil {
			return in.fail(name, err)
		}
		if f.marks > 0 {
			return in.fail(name, ErrRawSQL)
		}
		for _, alias := range f.aliases {
			if in.isColumn(alias) {
				return in.fail(name, ErrUnsupported)
			}
		}
		err = in.show(func() error {
			for _, c := range f.columns {
				if err := in.reference(c.table, c.name, false); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// selectedAsIs looks at what a query selects into anything but values of the model:
// all columns must be readable in every row.
func (in *inspection) selectedAsIs() error { return in.show(in.asIs) }

func (in *inspection) asIs() error {
	for _, j := range in.joined {
		for _, step := range j.steps {
			in.need(step.table, step.table.schema.DBNames...)
		}
	}
	if e := in.Clauses["SELECT"].Expression; e != nil {
		if c, ok := e.(clause.Select); ok && c.Expression == nil {
			return in.selectedColumns(c.Columns)
		}
		return nil // its expression was looked at with the clauses
	}
	if len(in.Selects) == 0 {
		columns, err := in.smaller()
		in.need(in.table, columns...)
		return err
	}
	for _, name := range in.Selects {
		if f := in.table.schema.LookUpField(name); f != nil {
			in.need(in.table, f.DBName)
		} else if name == "*" || name == in.Table+".*" {
			in.need(in.table, in.table.schema.DBNames...)
		}
	}
	return in.selectedRaw()
}

func (in *inspection) selectedColumns(columns []clause.Column) error {
	if len(columns) == 0 { // GORM selects all
		in.need(in.table, in.table.schema.DBNames...)
	}
	for _, column := range columns {
		if err := in.column(column, false); err != nil {
			return err
		}
	}
	return nil
}

// smaller is the columns that GORM selects if the program does not say which: those
// of the struct that the rows go into, or all.
func (in *inspection) smaller() ([]string, error) {
	into := &gorm.Statement{DB: in.DB}
	if len(in.Omits) > 0 || in.Dest == nil || into.Parse(in.Dest) != nil || into.Schema.ModelType == in.table.schema.ModelType {
		return in.withoutOmitted(), nil
	}
	for _, column := range into.Schema.DBNames {
		if in.table.schema.FieldsByDBName[column] == nil { // perhaps the same in another case
			return nil, in.fail(column, ErrUnsupported)
		}
	}
	return into.Schema.DBNames, nil
}

// withoutOmitted is the columns that GORM selects of the model.
func (in *inspection) withoutOmitted() []string {
	selected, _ := in.SelectAndOmitColumns(false, false)
	left := slices.DeleteFunc(slices.Clone(in.table.schema.DBNames), func(column string) bool {
		is, known := selected[column]
		return known && !is
	})
	if len(left) == 0 { // so it selects all
		return in.table.schema.DBNames
	}
	return left
}

// aliasesOf notes the names that the program gives what it selects, which may be sorted and
// grouped by.
func (in *inspection) aliasesOf() {
	for _, name := range in.Selects {
		if f, err := readSQL(name); err == nil {
			for _, alias := range f.aliases {
				in.named[alias] = !in.isColumn(alias)
			}
		}
	}
}

// isColumn tells whether a name is a column of any of the tables, as databases compare names.
func (in *inspection) isColumn(name string) bool {
	for _, t := range in.aliases {
		if slices.ContainsFunc(t.schema.DBNames, func(column string) bool { return strings.EqualFold(column, name) }) {
			return true
		}
	}
	return false
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
