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
	if columns, ok := in.selectClause(); ok {
		in.narrowed = true
		for _, column := range columns {
			if f := in.table.schema.LookUpField(column.Name); f != nil && !column.Raw && column.Alias == "" {
				in.columns = append(in.columns, f.DBName)
			} else if err := in.column(column, false); err != nil || column.Alias != "" {
				return firstError(err, in.fail(column.Alias, ErrUnsupported))
			}
		}
		return nil
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

// selectClause is the columns of the SELECT clause, if the statement has one; those of an
// expression were looked at with the clause.
func (in *inspection) selectClause() (columns []clause.Column, ok bool) {
	e := in.Clauses["SELECT"].Expression
	c, _ := e.(clause.Select)
	return c.Columns, e != nil
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
		for _, alias := range f.aliases {
			if in.isColumn(alias) {
				return in.fail(name, ErrUnsupported)
			}
		}
		for _, c := range f.columns {
			if err := in.reference(c.table, c.name, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// selectedAsIs looks at what a query selects into anything but values of the model:
// all columns must be readable in every row.
func (in *inspection) selectedAsIs() error {
	if columns, ok := in.selectClause(); ok {
		for _, column := range columns {
			if f := in.table.schema.LookUpField(column.Name); f != nil {
				in.need(in.table, f.DBName)
			} else if err := in.column(column, false); err != nil {
				return err
			}
		}
		return nil
	}
	for _, j := range in.joined {
		for _, step := range j.steps {
			in.need(step.table, step.table.schema.DBNames...)
		}
	}
	if len(in.Selects) == 0 {
		in.need(in.table, in.smaller()...)
		return nil
	}
	for _, name := range in.Selects {
		if f := in.table.schema.LookUpField(name); f != nil {
			in.need(in.table, f.DBName)
		} else if name == "*" {
			in.need(in.table, in.table.schema.DBNames...)
		}
	}
	return in.selectedRaw()
}

// smaller is the columns that GORM selects if the program does not say which: those
// of the struct that the rows go into, or all.
func (in *inspection) smaller() []string {
	columns := in.withoutOmitted()
	into := &gorm.Statement{DB: in.DB}
	if len(in.Omits) > 0 || in.Dest == nil || into.Parse(in.Dest) != nil {
		return columns
	}
	return slices.DeleteFunc(columns, func(c string) bool { return into.Schema.FieldsByDBName[c] == nil })
}

func (in *inspection) withoutOmitted() []string {
	return slices.DeleteFunc(slices.Clone(in.table.schema.DBNames), func(column string) bool {
		f := in.table.schema.FieldsByDBName[column]
		return slices.ContainsFunc(in.Omits, func(name string) bool { return name == f.Name || strings.EqualFold(name, column) })
	})
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

// isColumn tells whether a name is a column of any of the tables.
func (in *inspection) isColumn(name string) bool {
	for _, t := range in.aliases {
		if t.schema.LookUpField(name) != nil {
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
