package model

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"
)

// MaxCSVLine is how many bytes a line of CSV may have, as in Casbin's file adapter.
const MaxCSVLine = 64 << 10

// ReadCSV reads lines as Casbin's file adapter does: one a line, its columns
// separated by commas, blanks around it and before a column ignored, empty
// lines and those that begin with # skipped; a byte order mark too.
//
// It reads as it goes and yields only what Decode accepts. What it refuses is
// yielded as a [SourceError] of a [ValueError], and reading goes on behind it
// if the loop does. An error of r is yielded as it is and ends the loop. A line
// that occurs twice is yielded twice.
func ReadCSV(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := csvReader{in: bufio.NewReaderSize(r, MaxCSVLine)}
		for {
			l, err := in.next()
			if err == io.EOF { //nolint:errorlint // the end itself; what wraps it is an error of r
				return
			}
			if !yield(l, err) || err != nil && !isRefusal(err) {
				return
			}
		}
	}
}

func isRefusal(err error) bool {
	var refused *SourceError
	return errors.As(err, &refused)
}

// WriteCSV writes lines as ReadCSV, and Casbin's file adapter, read them. It
// ends at the first line that Decode refuses, with a [ValueError], having
// written those before.
func WriteCSV(w io.Writer, lines iter.Seq[Line]) error {
	out := bufio.NewWriterSize(w, MaxCSVLine)
	for l := range lines {
		if err := l.Check(); err != nil {
			return errors.Join(err, out.Flush())
		}
		// The writer keeps its first error for Flush.
		_, _ = out.WriteString(string(l.Section))
		for _, v := range l.Columns() {
			_, _ = out.WriteString(", ")
			_, _ = out.WriteString(v)
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}

type csvReader struct {
	in     *bufio.Reader
	number int // of the line just read, from 1
}

// next returns the next line, io.EOF, a *SourceError, or what the reader failed with.
func (r *csvReader) next() (Line, error) {
	for {
		text, err := r.text()
		if err != nil {
			return Line{}, err
		}
		if text == "" || text[0] == '#' {
			continue
		}
		l, err := lineOfCSV(text)
		if err == nil {
			err = l.Check()
		}
		if err != nil {
			return Line{}, &SourceError{Line: r.number, Err: err}
		}
		return l, nil
	}
}

// text returns the text of the next line without the blanks around it.
func (r *csvReader) text() (string, error) {
	raw, err := r.in.ReadSlice('\n')
	if len(raw) > 0 || err == nil {
		r.number++
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		start := string(raw)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.in.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return "", err
		}
		long := At("CSV", "line", start, fail(ErrTooLong, "at most %d bytes", MaxCSVLine))
		return "", &SourceError{Line: r.number, Err: long}
	}
	if err != nil && (err != io.EOF || len(raw) == 0) {
		return "", err
	}
	if r.number == 1 {
		raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	}
	return string(bytes.TrimSpace(raw)), nil
}

func lineOfCSV(text string) (l Line, err error) {
	if strings.Contains(text, `"`) {
		return lineOfQuotedCSV(text)
	}
	column, rest, more := strings.Cut(text, ",")
	l.Section = Section(column)
	for i := 0; more; i++ {
		column, rest, more = strings.Cut(rest, ",")
		if err := l.set(i, trimLeft(column)); err != nil {
			return Line{}, err
		}
	}
	return l, nil
}

// lineOfQuotedCSV leaves quotes to the reader, set up as Casbin's, that knows them.
func lineOfQuotedCSV(text string) (l Line, err error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	r.TrimLeadingSpace = true
	columns, err := r.Read()
	if err != nil {
		return Line{}, At("CSV", "line", text, fail(ErrMalformed, "%v", err))
	}
	l.Section = Section(columns[0])
	for i, v := range columns[1:] {
		if err := l.set(i, v); err != nil {
			return Line{}, err
		}
	}
	return l, nil
}

func (l *Line) set(i int, v string) error {
	if i >= len(l.Values) {
		return At("CSV", "column "+strconv.Itoa(i+1), v, fail(ErrMalformed, "a line has at most %d values", len(l.Values)))
	}
	// Of an empty value too many, as behind a trailing comma, nothing would be left to check.
	if n := l.Section.Columns(); v == "" && n > 0 && i >= n {
		return l.at(i, fail(ErrMalformed, "a line of %s has %d values", l.Section, n))
	}
	l.Values[i] = v
	return nil
}

func trimLeft(s string) string {
	if len(s) > 1 && s[0] == ' ' && s[1] > ' ' && s[1] < 0x80 { // as Casbin writes it
		return s[1:]
	}
	return strings.TrimLeftFunc(s, unicode.IsSpace)
}
