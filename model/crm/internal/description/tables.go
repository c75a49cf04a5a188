package description

import (
	"context"
	"io/fs"
	"path"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Importer makes a description of tables that an administrator wrote down, since the product exports
// nothing. What a row names may stand in a later one: rows are looked at when all are read.
type Importer[O any] struct {
	Org    *O
	Report *crm.Report
	file   string // that is the description
	rows   [][]func()
}

// Import reads the tables in the .csv files of a file system, and at most one .yaml file, a
// description, to which they add.
func (i *Importer[O]) Import(ctx context.Context, fsys fs.FS, tables []crm.Table, check func(*O) error) (*O, *crm.Report, error) {
	i.Org, i.Report = new(O), &crm.Report{}
	if err := crm.Walk(ctx, fsys, func(name string) error { return i.read(fsys, name, tables, check) }); err != nil {
		return nil, i.Report, err
	}
	if i.Report.Files == 0 {
		return nil, i.Report, &crm.Error{What: "files", Err: crm.ErrNotFound, Hint: "there is no .csv or .yaml file"}
	}
	for _, rows := range i.rows {
		for _, row := range rows {
			row()
		}
	}
	if err := check(i.Org); err != nil {
		return nil, i.Report, err
	}
	return i.Org, i.Report, nil
}

func (i *Importer[O]) read(fsys fs.FS, name string, tables []crm.Table, check func(*O) error) error {
	ext := path.Ext(name)
	if ext != ".csv" && ext != ".yaml" {
		return nil
	}
	f, err := fsys.Open(name)
	if err != nil {
		return &crm.Error{File: name, What: "file", Err: err}
	}
	defer f.Close() //nolint:errcheck // it was read only
	if ext == ".csv" {
		return crm.ReadCSV(name, f, i.Report, tables)
	}
	i.Report.Files++
	if i.file != "" {
		return &crm.Error{File: name, What: "description", Err: crm.ErrMalformed, Hint: "there is one already: " + i.file}
	}
	i.file = name
	i.Org, err = crm.ReadDescription(name, f, func(data []byte) (*O, error) { return Parse(data, check) })
	if err != nil {
		return err
	}
	i.Report.Add(crm.Entry{Outcome: crm.Taken, File: name, Kind: "description"})
	return nil
}

// Later looks at a row when all are read, in turn: first those of turn 0.
func (i *Importer[O]) Later(turn int, row func()) {
	for len(i.rows) <= turn {
		i.rows = append(i.rows, nil)
	}
	i.rows[turn] = append(i.rows[turn], row)
}

// Say adds to the report what became of a row.
func (i *Importer[O]) Say(r crm.Row, outcome crm.Outcome, kind, what, why string) {
	i.Report.Add(r.Entry(outcome, kind, what, why))
}

// Need is the value of a column that may not be empty; not ok, and told, if it is.
func (i *Importer[O]) Need(r crm.Row, kind, column string) (value string, ok bool) {
	if value = r.Text(column); value == "" {
		i.Say(r, crm.Unknown, kind, "", "has no "+column+"; the row is left out")
	}
	return value, value != ""
}

// Known tells whether what a row names is described, and says so if not. An empty name is nobody's.
func Known[O, T any](i *Importer[O], r crm.Row, described map[string]T, kind, name, of string) bool {
	_, ok := described[name]
	if !ok && name != "" {
		i.Say(r, crm.Unknown, kind, name, "of "+of+" is in no file; it is left out")
	}
	return ok && name != ""
}

// Put describes a thing.
func Put[T any](m *map[string]T, name string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[name] = v
}

// Mention makes sure that a thing is described, so that others can name it.
func Mention[T any](m *map[string]T, name string) {
	if _, ok := (*m)[name]; !ok {
		Put(m, name, *new(T))
	}
}
