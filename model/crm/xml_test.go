package crm_test

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
)

// drain reads a file to its end, element by element.
func drain(x *crm.XML) (names []string, err error) {
	for {
		n, path, err := x.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return names, err
		}
		names = append(names, strings.Join(append(path[:len(path):len(path)], n.Name), "/"))
	}
}

func TestXMLReadsElementByElement(t *testing.T) {
	const text = "\uFEFF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- x -->\n<a:R xmlns:a=\"urn:a\" xmlns=\"urn:b\">\n <one id=\"1\">\n  <x> v &amp; w </x></one>\n <two a:k=\"2\"/>\n</a:R>"
	x := crm.NewXML("f.xml", strings.NewReader(text), crm.Limits{})
	root, path, err := x.Next()
	if err != nil || root.Name != "R" || len(path) != 0 || root.Line != 3 || root.Attrs != nil {
		t.Fatal(root, path, err)
	}
	one, path, err := x.Next()
	if err != nil || !cmp.Equal(path, []string{"R"}) {
		t.Fatal(one, path, err)
	}
	if err := x.Read(one); err != nil {
		t.Fatal(err)
	}
	want := &crm.Node{Name: "one", Line: 4, Attrs: map[string]string{"id": "1"}, Children: []*crm.Node{{Name: "x", Line: 5, Text: "v & w"}}}
	if d := cmp.Diff(want, one); d != "" {
		t.Error(d)
	}
	if v, ok := one.Child("x"); v != "v & w" || !ok {
		t.Error(v, ok)
	}
	if v, ok := one.Child("y"); v != "" || ok {
		t.Error(v, ok)
	}
	two, _, err := x.Next()
	if err != nil || two.Name != "two" || two.Attrs["k"] != "2" {
		t.Fatal(two, err)
	}
	if _, _, err := x.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestXMLRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", 100)
	bomb := `<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><R>&b;</R>`
	tests := []struct {
		name, text string
		want       error
		line       int
	}{
		{"an unknown entity", "<R>\n&b;</R>", crm.ErrMalformed, 2},
		{"a bomb of entities", bomb, crm.ErrDoctype, 1},
		{"a document type in small letters", "<!doctype x><R/>", crm.ErrDoctype, 1},
		{"an outer entity", `<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>`, crm.ErrDoctype, 1},
		{"no end", "<R>\n<a>", crm.ErrMalformed, 2},
		{"another end", "<R></S>", crm.ErrMalformed, 1},
		{"no XML", "profile: x", nil, 0}, // text before a root that never comes
		{"binary", "\x00\x01\x02", crm.ErrMalformed, 1},
		{"not UTF-8", "<R>\xff</R>", crm.ErrMalformed, 1},
		{"UTF-16", "\xff\xfe<\x00R\x00/\x00>\x00", crm.ErrMalformed, 1},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><R/>`, crm.ErrMalformed, 1},
		{"a control character", "<R>\x01</R>", crm.ErrMalformed, 1},
		{"too deep", deep, crm.ErrTooLarge, 1},
		{"too long", "<R>" + strings.Repeat("<a/>", 300_000) + "</R>", crm.ErrTooLarge, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			names, err := drain(crm.NewXML("f.xml", strings.NewReader(test.text), crm.Limits{File: 1 << 20}))
			var at *crm.Error
			if !errors.Is(err, test.want) || test.want != nil && (!errors.As(err, &at) || at.File != "f.xml" || at.Line != test.line) {
				t.Errorf("%v, after %d elements; want %v on line %d", err, len(names), test.want, test.line)
			}
		})
	}
}

func TestXMLReadsNoEndlessElement(t *testing.T) {
	for name, text := range map[string]string{
		"children": "<R><a>" + strings.Repeat("<b/>", 30_000),
		"text":     "<R><a>" + strings.Repeat("b", 2<<20),
		"depth":    "<R><a>" + strings.Repeat("<b>", 100),
		"no end":   "<R><a><b>",
	} {
		x := crm.NewXML("f.xml", strings.NewReader(text), crm.Limits{})
		for range 2 {
			if _, _, err := x.Next(); err != nil {
				t.Fatal(err)
			}
		}
		err := x.Read(&crm.Node{Name: "a"})
		want := crm.ErrTooLarge
		if name == "no end" {
			want = crm.ErrMalformed
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless is a file of as many elements as are read.
type endless struct {
	size int64 // that it says it has
	sent bool
}

func (e *endless) Open(string) (fs.File, error) { return e, nil }
func (e *endless) Stat() (fs.FileInfo, error)   { return e, nil }
func (e *endless) Close() error                 { return nil }
func (e *endless) Name() string                 { return "f.xml" }
func (e *endless) Size() int64                  { return e.size }
func (e *endless) Mode() fs.FileMode            { return 0 }
func (e *endless) ModTime() (t time.Time)       { return t }
func (e *endless) IsDir() bool                  { return false }
func (e *endless) Sys() any                     { return nil }
func (e *endless) Read(p []byte) (int, error) {
	if !e.sent {
		e.sent = true
		return copy(p, "<R>"), nil
	}
	const element = "<fieldPermissions><field>Account.Phone</field></fieldPermissions>"
	if len(p) < len(element) {
		return copy(p, strings.Repeat(" ", len(p))), nil
	}
	n := 0
	for n+len(element) <= len(p) {
		n += copy(p[n:], element)
	}
	return n, nil
}

// A file of 50 MB is refused by its size, and one that hides its size where the limit is; neither fills the memory.
func TestXMLOfManyMegabytes(t *testing.T) {
	if x, err := crm.OpenXML(&endless{size: 50 << 20}, "f.xml", crm.Limits{}); !errors.Is(err, crm.ErrTooLarge) {
		t.Errorf("%v, %v", x, err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x, err := crm.OpenXML(&endless{}, "f.xml", crm.Limits{File: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	most, n := uint64(0), 0
	for {
		_, _, err = x.Next()
		if err != nil {
			break
		}
		if n++; n%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapAlloc)
		}
	}
	if !errors.Is(err, crm.ErrTooLarge) || n < 100_000 {
		t.Errorf("%v after %d elements", err, n)
	}
	if more := int64(most) - int64(before.HeapAlloc); more > 4<<20 {
		t.Errorf("%d bytes more of memory in use", more)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenXMLOfNoFile(t *testing.T) {
	var at *crm.Error
	if _, err := crm.OpenXML(fstest.MapFS{}, "f.xml", crm.Limits{}); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &at) || at.File != "f.xml" {
		t.Error(err)
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte("<R a='1'><b>x</b></R>"))
	f.Add([]byte("\uFEFF<?xml version='1.0'?><!DOCTYPE x []><R>&amp;&b;</R>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := crm.NewXML("f.xml", strings.NewReader(string(data)), crm.Limits{File: 1 << 16, Element: 1 << 12})
		for {
			n, path, err := x.Next()
			var at *crm.Error
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.As(err, &at) {
					t.Errorf("%T %v", err, err)
				}
				return
			}
			if len(path) == 1 {
				if err := x.Read(n); err != nil && !errors.As(err, &at) {
					t.Errorf("%T %v", err, err)
				} else if err != nil {
					return
				}
			}
		}
	})
}
