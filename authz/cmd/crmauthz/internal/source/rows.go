package source

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// Row is a line of a policy as it is kept, whether it makes sense or not.
type Row struct {
	Number int64 // of the line in a file, or the id in a table
	Ptype  string
	Values []string // of a table's row, without the empty ones at the end
	Null   bool     // some column is NULL
	Err    error    // of a line in a file that Casbin cannot read; then there is nothing else but Text
	Text   string   // that line
}

// String is the row as in Casbin's CSV.
func (r Row) String() string {
	if r.Err != nil {
		return r.Text
	}
	return strings.Join(append([]string{r.Ptype}, r.Values...), ", ")
}

// Rows are the rows of a policy in CSV or a database, in the order in which Casbin loads
// them. Table is what is known of the database's table; nil of a file.
func (s Source) Rows(ctx context.Context, table string) ([]Row, *Table, error) {
	switch s.Kind {
	case CSV:
		f, err := os.Open(s.at)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		rows, err := readCSV(f)
		return rows, nil, err
	case SQLite, Postgres, MySQL:
		return s.readTable(ctx, table)
	}
	return nil, nil, fmt.Errorf("%w: %s: rows are in CSV and in databases, not in %s", ErrSource, s.Name, s.Kind)
}

// readCSV reads lines as Casbin's file adapter does, but goes on behind one that
// makes it fail. To both, a byte order mark is a part of the first word.
func readCSV(r io.Reader) (rows []Row, err error) {
	in := bufio.NewReaderSize(r, model.MaxCSVLine)
	for number := int64(1); ; number++ {
		text, long, err := readLine(in)
		if ended := errors.Is(err, io.EOF); ended && text == "" {
			return rows, nil
		} else if err != nil && !ended {
			return nil, err
		}
		text = strings.TrimSpace(text)
		switch {
		case long:
			rows = append(rows, Row{Number: number, Text: text[:60] + "…", Err: bufio.ErrTooLong})
		case text != "" && text[0] != '#':
			rows = append(rows, parseRow(number, text))
		}
	}
}

// readLine returns a line, of one that is too long its beginning.
func readLine(in *bufio.Reader) (text string, long bool, err error) {
	line, err := in.ReadSlice('\n')
	text = string(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = in.ReadSlice('\n')
	}
	return text, long, err
}

func parseRow(number int64, text string) Row {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	r.TrimLeadingSpace = true
	cells, err := r.Read()
	if err != nil {
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			err = parse.Err // its line is always 1
		}
		return Row{Number: number, Text: text, Err: err}
	}
	return Row{Number: number, Ptype: cells[0], Values: cells[1:]}
}
