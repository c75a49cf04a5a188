package crm_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
)

func readTable(text string) (rows []string, report *crm.Report, err error) {
	report = &crm.Report{}
	err = crm.ReadCSV("x.csv", strings.NewReader(text), report, []crm.Table{
		{Kind: "user", Columns: []string{"user|用户", "team"}, Optional: []string{"admin"}, Read: func(r crm.Row) {
			yes, ok := r.Flag("admin")
			rows = append(rows, fmt.Sprint(r.Line, " ", r.Text("user"), " ", r.List("team"), yes, ok))
		}},
		{Kind: "team", Columns: []string{"team", "parent"}, Read: func(r crm.Row) { rows = append(rows, r.Text("parent")) }},
	})
	return rows, report, err
}

func TestReadCSV(t *testing.T) {
	rows, report, err := readTable("\uFEFFUser, team,Mood,admin\r\nann,\"a; b;a\",good,Yes\n\nbob,,,\n\"car\nol\",c,,maybe\n")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"2 ann [a b] true true", "4 bob [] false true", "5 car\nol [c] false false"}, rows); d != "" {
		t.Error(d)
	}
	if len(report.Entries) != 1 || report.Entries[0].String() != "x.csv:1: unknown: user column Mood: is passed over" {
		t.Error(report.Entries)
	}
	if rows, _, err := readTable("parent,team\na,b\n"); err != nil || rows[0] != "a" {
		t.Error(rows, err)
	}
	if rows, _, err := readTable("用户,team\nann,a\n"); err != nil || rows[0] != "2 ann [a] false true" {
		t.Error(rows, err)
	}
}

func TestReadCSVRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
		line int
	}{
		"nothing":           {"", crm.ErrMalformed, 1},
		"another table":     {"name,age\nann,7\n", crm.ErrWrongRoot, 1},
		"a column missing":  {"user\nann\n", crm.ErrWrongRoot, 1},
		"a column twice":    {"user,team,User\n", crm.ErrMalformed, 1},
		"two names for one": {"user,team,用户\n", crm.ErrMalformed, 1},
		"too few values":    {"user,team\nann,a\nbob\n", crm.ErrMalformed, 3},
		"too many values":   {"user,team\nann,a,b\n", crm.ErrMalformed, 2},
		"columns in GBK":    {"user,team,\xd3\xc3\xbb\xa7\nann,a,b\n", crm.ErrMalformed, 1},
		"a row in GBK":      {"user,team\nann,a\nbob,\xd3\xc3\n", crm.ErrMalformed, 3},
		"a quote inside":    {"user,team\nan\"n,a\n", crm.ErrMalformed, 2},
		"a quote open":      {"user,team\n\"ann,a\n", crm.ErrMalformed, 2},
	} {
		_, _, err := readTable(tc.text)
		var e *crm.Error
		if !errors.As(err, &e) || !errors.Is(err, tc.want) || e.Line != tc.line || e.File != "x.csv" {
			t.Errorf("%s: %v, want %v on line %d", name, err, tc.want, tc.line)
		}
	}
}

// repeated is a text without end.
type repeated struct{ text string }

func (r repeated) Read(p []byte) (n int, err error) {
	for n+len(r.text) <= len(p) {
		n += copy(p[n:], r.text)
	}
	return n, nil
}

func TestReadCSVOfHugeFiles(t *testing.T) {
	for name, text := range map[string]string{"rows": "ann,a\n", "one value": "aaaaaaaa", "quotes": "\"\"", "newlines": "\n"} {
		r := io.MultiReader(strings.NewReader("user,team\n"), io.LimitReader(repeated{text}, 50<<20))
		rows := 0
		err := crm.ReadCSV("x.csv", r, &crm.Report{}, []crm.Table{{Kind: "user", Columns: []string{"user", "team"}, Read: func(crm.Row) { rows++ }}})
		if !errors.Is(err, crm.ErrTooLarge) {
			t.Errorf("%s: %v after %d rows", name, err, rows)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("user,team\nann,\"a;b\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, err := readTable(text)
		var e *crm.Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1) {
			t.Fatal(err)
		}
	})
}
