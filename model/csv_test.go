package model_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// readAll reads on behind refused lines.
func readAll(in io.Reader) (lines []model.Line, errs []error) {
	for l, err := range model.ReadCSV(in) {
		if err != nil {
			errs = append(errs, err)
		} else {
			lines = append(lines, l)
		}
	}
	return lines, errs
}

func TestReadCSVReadsWhatPeopleAndCasbinWrite(t *testing.T) {
	want := []model.Line{
		line("p", "role:rep", "acme", "customer", "read", "allow", "own if:eu_only"),
		line("g", "user:王小明", "role:rep", "acme", "-"),
	}
	for name, text := range map[string]string{
		"as written":      "p, role:rep, acme, customer, read, allow, own if:eu_only\ng, user:王小明, role:rep, acme, -\n",
		"no last newline": "p, role:rep, acme, customer, read, allow, own if:eu_only\ng, user:王小明, role:rep, acme, -",
		"no blanks":       "p,role:rep,acme,customer,read,allow,own if:eu_only\ng,user:王小明,role:rep,acme,-\n",
		"CRLF":            "p, role:rep, acme, customer, read, allow, own if:eu_only\r\ng, user:王小明, role:rep, acme, -\r\n",
		"byte order mark": "\uFEFFp, role:rep, acme, customer, read, allow, own if:eu_only\ng, user:王小明, role:rep, acme, -",
		"comments":        "# base\n\n   # more, \"of\" it\np, role:rep, acme, customer, read, allow, own if:eu_only\n \t \n#\ng, user:王小明, role:rep, acme, -\n#",
		"blanks":          "  p,  role:rep,\tacme,\u3000customer, read, allow, own if:eu_only  \n\tg, user:王小明, role:rep, acme, -\u00a0\n",
		"quotes":          "p, \"role:rep\", acme, \"customer\", read, allow, \"own if:eu_only\"\n\"g\", user:王小明, role:rep, acme, -\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, errs := readAll(strings.NewReader(text))
			if diff := cmp.Diff(want, got); diff != "" || errs != nil {
				t.Errorf("errors %v, lines (-want +got)\n%s", errs, diff)
			}
			if slow, _ := readAll(iotest.OneByteReader(strings.NewReader(text))); !slices.Equal(slow, got) {
				t.Errorf("byte by byte: %v", slow)
			}
		})
	}
}

func TestReadCSVNamesWhatItRefusesAndReadsOn(t *testing.T) {
	good := "g, user:alice, role:rep, acme, -"
	tests := []struct {
		name   string
		text   string
		column string
		value  string
		want   error
	}{
		{"missing column", "p, role:rep, acme, customer, read, allow", "terms", "", model.ErrMalformed},
		{"seventh value", "p, role:rep, acme, customer, read, allow, -, x", "column 7", "x", model.ErrMalformed},
		{"fifth value of g", "g, user:alice, role:rep, acme, -, x", "5", "x", model.ErrMalformed},
		{"comma at the end", "p, role:rep, acme, customer, read, allow, -,", "column 7", "", model.ErrMalformed},
		{"empty column", "p, role:rep, , customer, read, allow, -", "tenant", "", model.ErrMalformed},
		{"unknown section", "p9, role:rep, acme", "section", "p9", model.ErrUnknownSection},
		{"no commas", "hello", "section", "hello", model.ErrUnknownSection},
		{"blank behind a column", "p, role:rep , acme, customer, read, allow, -", "subject", "role:rep ", model.ErrMalformed},
		{"NUL", "p, role:rep, acme\x00, customer, read, allow, -", "tenant", "acme\x00", model.ErrMalformed},
		{"carriage return inside", "p, role:a\rb, acme, customer, read, allow, -", "subject", "role:a\rb", model.ErrMalformed},
		{"not UTF-8", "p, role:\xff, acme, customer, read, allow, -", "subject", "role:\xff", model.ErrMalformed},
		{"word", "p, role:rep, acme, customer, read, Deny, -", "effect", "Deny", model.ErrMalformed},
		{"open quote", `p, "role:rep, acme, customer, read, allow, -`, "line", `p, "role:rep, acme, customer, read, allow, -`, model.ErrMalformed},
		{"quote inside", `p, role:"rep", acme, customer, read, allow, -`, "line", `p, role:"rep", acme, customer, read, allow, -`, model.ErrMalformed},
		{"comma in quotes", `p, "role:a,b", acme, customer, read, allow, -`, "subject", "role:a,b", model.ErrMalformed},
		{"byte order mark in the middle", "\uFEFF" + good, "section", "\uFEFFg", model.ErrUnknownSection},
		{"long column", "p, role:" + strings.Repeat("x", 1000) + ", acme, customer, read, allow, -", "subject", "role:" + strings.Repeat("x", 1000), model.ErrTooLong},
		{"long line", good + strings.Repeat(" ", 100_000) + "x", "line", good + strings.Repeat(" ", model.MaxCSVLine-len(good)), model.ErrTooLong},
		{"long comment", "#" + strings.Repeat("x", 200_000), "line", "#" + strings.Repeat("x", model.MaxCSVLine-1), model.ErrTooLong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines, errs := readAll(strings.NewReader("# comment\n" + good + "\n" + test.text + "\n" + good + "\n"))
			if len(lines) != 2 || len(errs) != 1 {
				t.Fatalf("%d lines, errors %v", len(lines), errs)
			}
			checkRefused(t, errs[0], test.want, test.column, test.value)
			var at *model.SourceError
			if !errors.As(errs[0], &at) || at.Line != 3 || !strings.HasPrefix(errs[0].Error(), "line 3: ") {
				t.Errorf("%v is not of line 3", errs[0])
			}
		})
	}
}

func TestReadCSVEndsWhereItsReaderFails(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", "g, user:alice, role:rep, acme, -\n", "g, user:alice, ro", strings.Repeat("x", 100_000)} {
		lines, errs := readAll(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if len(errs) != 1 || !errors.Is(errs[0], broken) || len(lines) != strings.Count(text, "\n") {
			t.Errorf("%.40q: lines %v, errors %v", text, lines, errs)
		}
	}
}

func TestReadCSVStopsWhenTheLoopDoes(t *testing.T) {
	for range model.ReadCSV(strings.NewReader("g, user:a, role:rep, acme, -\ng, user:b, role:rep, acme, -\n")) {
		break
	}
	next, stop := iter.Pull2(model.ReadCSV(strings.NewReader("bad\nbad\n")))
	defer stop()
	if _, err, ok := next(); !ok || err == nil {
		t.Errorf("the first line: %v, %v", err, ok)
	}
}

func TestWriteCSVRefusesWhatCouldNotBeReadBack(t *testing.T) {
	good := line("g", "user:alice", "role:rep", "acme", "-")
	for _, bad := range []model.Line{
		{},
		line("g", "user:alice\np, *, acme, *, *, allow, all", "role:rep", "acme", "-"),
		line("g", "user:a,b", "role:rep", "acme", "-"),
		line("g\np", "user:a", "role:rep", "acme", "-"),
	} {
		var out bytes.Buffer
		err := model.WriteCSV(&out, slices.Values([]model.Line{good, bad, good}))
		var refused *model.ValueError
		if !errors.As(err, &refused) || out.String() != good.String()+"\n" {
			t.Errorf("%v: error %v, wrote %q", bad, err, out.String())
		}
	}
}

func TestWriteCSVReturnsTheErrorOfItsWriter(t *testing.T) {
	broken := errors.New("broken")
	r, w := io.Pipe()
	_ = r.CloseWithError(broken)
	if err := model.WriteCSV(w, slices.Values([]model.Line{goodLines["g"]})); !errors.Is(err, broken) {
		t.Errorf("WriteCSV = %v", err)
	}
}

func TestCSVComesBackAndCasbinReadsTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	lines := randomLines(t, seed, 500)
	var out bytes.Buffer
	if err := model.WriteCSV(&out, slices.Values(lines)); err != nil {
		t.Fatal(err)
	}
	got, errs := readAll(bytes.NewReader(out.Bytes()))
	if diff := cmp.Diff(lines, got); diff != "" || errs != nil {
		t.Errorf("errors %v, lines (-want +got)\n%s", errs, diff)
	}

	if diff := cmp.Diff(lines, readAsCasbin(out.String())); diff != "" {
		t.Errorf("Casbin reads (-want +got)\n%s", diff)
	}
}

// readAsCasbin reads a text as Casbin v2.135.0 does (persist/file-adapter and
// persist.LoadPolicyLine), but skips the lines where that would fail.
func readAsCasbin(text string) (lines []model.Line) {
	for s := range strings.SplitSeq(text, "\n") {
		s = strings.TrimSpace(s)
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		r := csv.NewReader(strings.NewReader(s))
		r.Comment = '#'
		r.TrimLeadingSpace = true
		tokens, err := r.Read()
		if err != nil || len(tokens) > 7 {
			continue
		}
		if l := line(tokens[0], tokens[1:]...); len(l.Columns()) == len(tokens)-1 && l.Check() == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

func randomLines(t testing.TB, seed uint64, n int) []model.Line {
	t.Helper()
	g := factGenerator{rand.New(rand.NewPCG(seed, 1))}
	seen := map[model.Line]bool{}
	var lines []model.Line
	for len(lines) < n {
		l, err := model.Encode(g.fact())
		if errors.Is(err, model.ErrTooLong) || seen[l] {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[l] = true
		lines = append(lines, l)
	}
	return lines
}

func BenchmarkReadCSV(b *testing.B) {
	var text bytes.Buffer
	for i := range 10_000 {
		l := benchLines[i%3].line
		l.Values[0] = fmt.Sprintf("role:r%d", i)
		fmt.Fprintln(&text, l)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for _, err := range model.ReadCSV(bytes.NewReader(text.Bytes())) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
