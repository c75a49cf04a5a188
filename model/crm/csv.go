package crm

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// Table is a kind of table that an administrator fills in: one row a line, the first
// line with the names of the columns. A name may have others beside it: "role|角色".
type Table struct {
	Kind     string // what a row describes, as the report calls it
	Columns  []string
	Optional []string
	Read     func(Row) // reads a row, and adds to the report what became of it
}

// Row is a row of a table.
type Row struct {
	File   string
	Line   int // counted from 1
	values map[string]string
}

// Text is the value in a column, by its first name; empty if it is empty, or not there.
func (r Row) Text(column string) string { return r.values[column] }

// List is the values in a column, which ; separates.
func (r Row) List(column string) (values []string) {
	for s := range strings.SplitSeq(r.values[column], ";") {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(values, s) {
			values = append(values, s)
		}
	}
	return values
}

// The words for a column that says yes or no. An empty one says no.
var (
	yesWords = []string{"yes", "y", "true", "1", "x", "✓", "是", "有"}
	noWords  = []string{"", "no", "n", "false", "0", "-", "否", "无"}
)

// Flag is what a column says, yes or no; ok is false of any other word.
func (r Row) Flag(column string) (yes, ok bool) {
	word := strings.ToLower(r.values[column])
	yes = slices.Contains(yesWords, word)
	return yes, yes || slices.Contains(noWords, word)
}

// Entry is what became of the row.
func (r Row) Entry(outcome Outcome, kind, what, why string) Entry {
	return Entry{Outcome: outcome, File: r.File, Line: r.Line, Kind: kind, What: what, Why: why}
}

// ReadCSV reads a file of comma-separated values, whose columns say which of the tables it
// is: that of which it has all the columns. Columns that the table does not have are told in the
// report, and passed over. Errors are an *Error with file and line: no table has these columns, a column
// stands twice, a row has more or fewer values than there are columns, or the file is too large.
func ReadCSV(file string, r io.Reader, report *Report, tables []Table) error {
	report.Files++
	in := csv.NewReader(&limited{in: r, left: MaxFile, limit: MaxFile})
	in.ReuseRecord = true
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return &Error{File: file, Line: 1, What: "columns", Err: ErrMalformed, Hint: "the file is empty"}
	} else if err != nil {
		return csvError(file, 1, err)
	}
	if slices.ContainsFunc(header, notUTF8) {
		return errNotUTF8(file, 1)
	}
	table, columns, err := tableOf(file, header, tables)
	if err != nil {
		return err
	}
	for n, c := range columns {
		if c == "" {
			report.Add(Entry{Outcome: Unknown, File: file, Line: 1, Kind: table.Kind + " column", What: header[n], Why: "is passed over"})
		}
	}
	for line := 1; ; {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return csvError(file, line, err)
		}
		line, _ = in.FieldPos(0)
		if slices.ContainsFunc(record, notUTF8) {
			return errNotUTF8(file, line)
		}
		row := Row{File: file, Line: line, values: make(map[string]string, len(columns))}
		for n, c := range columns {
			if c != "" {
				row.values[c] = strings.TrimSpace(record[n])
			}
		}
		table.Read(row)
	}
}

// tableOf is the table that has the columns of a header, and the first name of each.
func tableOf(file string, header []string, tables []Table) (*Table, []string, error) {
	var kinds []string
	for n := range tables {
		t := &tables[n]
		columns, missing := make([]string, len(header)), slices.Clone(t.Columns)
		for _, spec := range slices.Concat(t.Columns, t.Optional) {
			names := strings.Split(spec, "|")
			for at, h := range header {
				if h = strings.TrimSpace(strings.TrimPrefix(h, "\uFEFF")); !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, h) }) {
					continue
				}
				if slices.Contains(columns, names[0]) {
					return nil, nil, &Error{File: file, Line: 1, What: "column", Value: h, Err: ErrMalformed, Hint: "stands twice"}
				}
				columns[at] = names[0]
				missing = slices.DeleteFunc(missing, func(s string) bool { return s == spec })
			}
		}
		if len(missing) == 0 {
			return t, columns, nil
		}
		kinds = append(kinds, t.Kind+" ("+strings.Join(t.Columns, ", ")+")")
	}
	return nil, nil, &Error{
		File: file, Line: 1, What: "columns", Value: strings.Join(header, ","), Err: ErrWrongRoot,
		Hint: "a table has the columns of one of these: " + strings.Join(kinds, "; "),
	}
}

func notUTF8(s string) bool { return !utf8.ValidString(s) }

// errNotUTF8 is what becomes of files in GBK and the like, as spreadsheets write them.
func errNotUTF8(file string, line int) error {
	return &Error{File: file, Line: line, What: "row", Err: ErrMalformed, Hint: "is not UTF-8; save the table as CSV UTF-8"}
}

// csvError places an error that was met after a line.
func csvError(file string, line int, err error) error {
	e := &Error{File: file, Line: line, What: "file", Err: err}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, ErrTooLarge):
		e.Err, e.Hint = ErrTooLarge, fmt.Sprintf("at most %d bytes", MaxFile)
	case errors.As(err, &parse):
		e.What, e.Line, e.Err, e.Hint = "row", parse.Line, ErrMalformed, parse.Err.Error()
	}
	return e
}

// ReadDescription reads a description, which is shorter than model.MaxYAML, from a file.
func ReadDescription[O any](file string, r io.Reader, parse func([]byte) (O, error)) (O, error) {
	data, err := io.ReadAll(io.LimitReader(r, model.MaxYAML+1))
	if err != nil {
		var none O
		return none, &Error{File: file, What: "file", Err: err}
	}
	o, err := parse(data)
	var e *Error
	if errors.As(err, &e) {
		placed := *e
		placed.File = file
		err = &placed
	}
	return o, err
}
