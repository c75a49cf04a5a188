package redact

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/crmauthz/crmauthz/model"
)

const (
	hidden = model.FieldHidden
	masked = model.FieldMasked
	read   = model.FieldRead
	write  = model.FieldWrite
)

// angled shows all, in brackets that JSON escapes.
func angled(value any) any { return fmt.Sprintf("<%v>", value) }

// aCustomer has fields of every kind: whole ones, paths with and without a field above.
var aCustomer = NewShape([]Field{
	{Name: "name"},
	{Name: "phone", Mask: angled},
	{Name: "note"},
	{Name: "address.city"},
	{Name: "address.geo.lat", Mask: angled},
	{Name: "contacts", Mask: angled},
	{Name: "contacts.phone"},
	{Name: "secret"},
})

// someLevels shows name and address.city, masks phone and contacts, and reads contacts.phone.
var someLevels = []model.FieldLevel{write, masked, masked, read, hidden, masked, read, hidden}

func TestStreamShowsWhatTheLevelsAllow(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"only blanks", " \n\t", ""},
		{"null", "null", "null\n"},
		{"an empty record", " { } ", "{}\n"},
		{"readable, hidden and unknown", `{"name":"Ann","secret":"s","size":4}`, "{\"name\":\"Ann\"}\n"},
		{"hidden first", `{"secret":1,"name":"Ann","secret":2}`, "{\"name\":\"Ann\"}\n"},
		{"masked", `{"phone":"1&2"}`, `{"phone":"\u003c1\u00262\u003e"}` + "\n"},
		{"masked null", `{"phone":null,"name":null}`, "{\"name\":null}\n"},
		{"masked without a mask", `{"note":"n"}`, "{}\n"},
		{"numbers keep their digits", `{"name":[1e400, 0.10,123456789012345678901234567890 ,-0.0,1E+2]}`, `{"name":[1e400,0.10,123456789012345678901234567890,-0.0,1E+2]}` + "\n"},
		{"a masked number too", `{"phone":123456789012345678901234567890}`, `{"phone":"\u003c123456789012345678901234567890\u003e"}` + "\n"},
		{"strings keep their escapes", `{"name":"\u00e9<\/é\ud800"}`, `{"name":"\u00e9<\/é\ud800"}` + "\n"},
		{"escaped names are names", `{"n\u0061me":1,"\u0073ecret":2}`, `{"n\u0061me":1}` + "\n"},
		{"names are exact", `{"Name":1,"NAME":2,"name ":3,"":4}`, "{}\n"},
		{"a path is no name", `{"address.city":"Rome"}`, "{}\n"},
		{"members twice", `{"name":1,"secret":1,"name":2}`, `{"name":1,"name":2}` + "\n"},
		{"paths", `{"address":{"street":"x","city":"Rome","geo":{"lat":1}}}`, `{"address":{"city":"Rome"}}` + "\n"},
		{"paths through lists", `{"address":[{"city":1},[{"city":2,"x":3}],null,4]}`, `{"address":[{"city":1},[{"city":2}],null,null]}` + "\n"},
		{"no record where paths lead", `{"address":"Via Roma, Rome"}`, "{}\n"},
		{"null where paths lead", `{"address":null}`, `{"address":null}` + "\n"},
		{"a path's own field", `{"contacts":[{"phone":1,"fax":2},"3"]}`, `{"contacts":[{"phone":1,"fax":"\u003c2\u003e"},"\u003c3\u003e"]}` + "\n"},
		{"a readable value whole", `{"name": {"secret" : [1, {"a":2}]}}`, `{"name":{"secret":[1,{"a":2}]}}` + "\n"},
		{"an array", ` [ {"name":1} , null , {"secret":1}, [{"name":2}] ] `, `[{"name":1},null,{},[{"name":2}]]` + "\n"},
		{"an empty array", `[]`, "[]\n"},
		{"one after the other", `{"name":1}{"name":2}` + "\n\n" + `[{"secret":3}] null`, "{\"name\":1}\n{\"name\":2}\n[{}]\nnull\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.in), iotest.OneByteReader(strings.NewReader(test.in)), iotest.DataErrReader(strings.NewReader(test.in))} {
				var out strings.Builder
				if err := aCustomer.Stream(t.Context(), &out, r, someLevels); err != nil || out.String() != test.want {
					t.Fatalf("%s is shown as %q, %v; want %q", test.in, out.String(), err, test.want)
				}
			}
		})
	}
}

func TestStreamLeavesOutAPathOfWhichNothingIsShown(t *testing.T) {
	levels := []model.FieldLevel{read}
	checkFiltered(t, levels, `{"name":1,"address":{"city":1,"geo":{"lat":[{}]}},"contacts":[{},{}]}`, `{"name":1}`)
	levels = []model.FieldLevel{read, 0, 0, 0, masked}
	checkFiltered(t, levels, `{"address":{"city":1,"geo":{"lat":2,"lon":3}},"contacts":[{},{}]}`, `{"address":{"geo":{"lat":"\u003c2\u003e"}}}`)
	checkFiltered(t, nil, `{"name":1,"phone":2,"address":null}`, `{}`)
	checkFiltered(t, []model.FieldLevel{write + 1}, `{"name":1}`, `{}`)
}

func TestStreamHidesWhatAMaskCannotShow(t *testing.T) {
	for name, mask := range map[string]func(any) any{
		"panic": func(any) any { panic("no") }, "unknown to JSON": func(any) any { return func() {} }, "nil": func(any) any { return nil },
	} {
		s := NewShape([]Field{{Name: "a", Mask: mask}, {Name: "b"}})
		out, err := s.AppendFiltered(nil, []byte(`{"a":1,"b":2}`), []model.FieldLevel{masked, read})
		if err != nil || string(out) != `{"b":2}` {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

func checkFiltered(t *testing.T, levels []model.FieldLevel, in, want string) {
	t.Helper()
	out, err := aCustomer.AppendFiltered([]byte("before "), []byte(in), levels)
	if err != nil || string(out) != "before "+want {
		t.Errorf("%s is shown as %q, %v; want %q", in, out, err, want)
	}
}

// What is at fault shows nothing of its member, nor does the error.
func TestStreamStopsAtWhatIsMalformed(t *testing.T) {
	syntax := new(json.SyntaxError)
	for _, test := range []struct {
		in, out string
		err     error // nil: one of syntax
		message string
	}{
		{`{"name":1}{"name":2,"name":zQ}`, "{\"name\":1}\n" + `{"name":2`, nil, "redact: malformed JSON after byte 27"},
		{`{"name":"zQ`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 8"},
		{`{"name":12`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 10"},
		{`{"contacts":12`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 14"},
		{`{"name"`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 7"},
		{`{"name":1`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 9"},
		{`{"name":1 `, `{"name":1`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 9"},
		{`{"secret":{"a":`, `{`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 10"},
		{`[`, `[`, io.ErrUnexpectedEOF, "redact: malformed JSON after byte 1"},
		{`[{"name":1}}`, `[{"name":1}`, nil, "redact: malformed JSON after byte 11"},
		{`[{},]`, `[{}`, nil, "redact: malformed JSON after byte 4"},
		{`{"name":1,}`, `{"name":1`, nil, "redact: malformed JSON after byte 10"},
		{`{"name" 1}`, `{`, nil, "redact: malformed JSON after byte 8"},
		{`{1:2}`, `{`, nil, "redact: malformed JSON after byte 1"},
		{`{},{}`, "{}\n", nil, "redact: malformed JSON after byte 2"},
		{`zQ`, ``, nil, "redact: malformed JSON after byte 0"},
		{`{"name":1} "zQ"`, "{\"name\":1}\n", ErrShape, "redact: no record: byte 15"},
		{`[{"name":1},17]`, `[{"name":1}`, ErrShape, "redact: no record: byte 14"},
		{`true`, ``, ErrShape, "redact: no record: byte 4"},
	} {
		var out strings.Builder
		err := aCustomer.Stream(t.Context(), &out, strings.NewReader(test.in), someLevels)
		matches := test.err != nil && errors.Is(err, test.err) || test.err == nil && errors.As(err, &syntax)
		if out.String() != test.out || !matches || err.Error() != test.message {
			t.Errorf("%s is shown as %q, %v; want %q, %s", test.in, out.String(), err, test.out, test.message)
		}
		if out, err := aCustomer.AppendFiltered([]byte("x"), []byte(test.in), someLevels); err == nil || out != nil {
			t.Errorf("%s alone is shown as %q, %v", test.in, out, err)
		}
	}
}

func TestStreamRefusesWhatIsNestedTooDeeply(t *testing.T) {
	nested := func(open, within, end string, n int) string {
		return strings.Repeat(open, n) + within + strings.Repeat(end, n)
	}
	for name, in := range map[string]func(n int) string{
		"a readable value": func(n int) string { return `{"name":` + nested("[", "", "]", n-1) + `}` },
		"a hidden value":   func(n int) string { return `{"secret":` + nested(`{"a":`, "1", "}", n-1) + `}` },
		"an unknown value": func(n int) string { return `{"x":` + nested(`[`, `"]]"`, "]", n-1) + `}` },
		"places":           func(n int) string { return `{"contacts":` + nested("[", "", "]", n-1) + `}` },
		"hidden places":    func(n int) string { return `{"address":{"geo":` + nested("[", "", "]", n-2) + `}}` },
		"records":          func(n int) string { return nested("[", "", "]", n) },
	} {
		for _, r := range []string{in(1000), `{"name":"[[\"[\\"}` + in(1000)} {
			if err := aCustomer.Stream(t.Context(), io.Discard, strings.NewReader(r), someLevels); err != nil {
				t.Errorf("%s, 1000 deep: %v", name, err)
			}
		}
		var out strings.Builder
		if err := aCustomer.Stream(t.Context(), &out, strings.NewReader(`{"name":1}`+in(1001)), someLevels); !errors.Is(err, ErrDepth) {
			t.Errorf("%s, 1001 deep: %v", name, err)
		}
		if !strings.HasPrefix(out.String(), "{\"name\":1}\n") {
			t.Errorf("%s, 1001 deep, takes the record before with it: %.40q", name, out.String())
		}
	}
}

func TestStreamIsCancelledBetweenRecords(t *testing.T) {
	for _, in := range []struct{ record, out string }{{`{"name":1}`, "{\"name\":1}\n"}, {`[{"name":1},{"name":2}]`, `[{"name":1}`}} {
		ctx, cancel := context.WithCancel(t.Context())
		mask := func(any) any { cancel(); return nil }
		s := NewShape([]Field{{Name: "name"}, {Name: "phone", Mask: mask}})
		first := strings.Replace(in.record, "1}", `1,"phone":1}`, 1)
		var out strings.Builder
		err := s.Stream(ctx, &out, strings.NewReader(first+in.record), []model.FieldLevel{read, masked})
		if !errors.Is(err, context.Canceled) || out.String() != in.out {
			t.Errorf("%q, %v; want %q", out.String(), err, in.out)
		}
	}
}

// followed gives a record at each Read, and looks whether those before have been written.
type followed struct {
	t       *testing.T
	written *strings.Builder
	reads   int
}

func (f *followed) Read(p []byte) (int, error) {
	if got := strings.Count(f.written.String(), "\n"); got != f.reads {
		f.t.Errorf("when record %d is asked for, %d are written", f.reads, got)
	}
	if f.reads == 100 {
		return 0, io.EOF
	}
	f.reads++
	return copy(p, `{"name":"Ann","phone":"123"}`), nil
}

func TestStreamWritesRecordsBeforeItWaitsForMore(t *testing.T) {
	var out strings.Builder
	if err := aCustomer.Stream(t.Context(), &out, &followed{t: t, written: &out}, someLevels); err != nil {
		t.Error(err)
	}
}

func TestStreamHoldsLittleOfAnExport(t *testing.T) {
	const records = 20_000
	one := []byte(`,{"name":"Ann","secret":"sssssssssssssssssssssssssss","contacts":[{"phone":"12345"},{"phone":"67890","fax":1}]}`)
	all := append(append([]byte("["), bytes.Repeat(one, records)[1:]...), ']')
	counted := &lengths{}
	f := &filter{view: view{shape: aCustomer, levels: someLevels}, ctx: t.Context(), w: counted}
	f.read(bufio.NewReaderSize(&waiter{bytes.NewReader(all), f.flush}, 32<<10))
	if err := errors.Join(f.documents(), f.flush()); err != nil {
		t.Fatal(err)
	}
	const want = records*len(`,{"name":"Ann","contacts":[{"phone":"12345"},{"phone":"67890","fax":"\u003c1\u003e"}]}`) + len("]\n")
	if counted.all != want || counted.longest > 64<<10 || cap(f.tape.kept) > 64<<10 {
		t.Errorf("%d bytes written, want %d; at most %d at a time, %d kept", counted.all, want, counted.longest, cap(f.tape.kept))
	}
}

// lengths is how much is written, and how much at most at a time.
type lengths struct{ all, longest int }

func (l *lengths) Write(p []byte) (int, error) {
	l.all += len(p)
	l.longest = max(l.longest, len(p))
	return len(p), nil
}

var errLost = errors.New("lost")

// lossy loses what is written second.
type lossy struct {
	got   []string
	calls int
}

func (l *lossy) Write(p []byte) (int, error) {
	if l.calls++; l.calls > 1 {
		return 0, errLost
	}
	l.got = append(l.got, string(p))
	return len(p), nil
}

func TestStreamEndsWhenNothingCanBeWrittenOrRead(t *testing.T) {
	records := iotest.OneByteReader(strings.NewReader(strings.Repeat(`{"name":1}`, 1000)))
	w := &lossy{}
	if err := aCustomer.Stream(t.Context(), w, records, someLevels); !errors.Is(err, errLost) || w.calls != 2 || len(w.got) != 1 {
		t.Errorf("%v after %d writes, of which %q", err, w.calls, w.got)
	}
	var out strings.Builder
	broken := io.MultiReader(strings.NewReader(`{"name":1} {"name":12`), iotest.ErrReader(errLost))
	if err := aCustomer.Stream(t.Context(), &out, broken, someLevels); !errors.Is(err, errLost) || out.String() != "{\"name\":1}\n{" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestAppendFilteredAtAPlace(t *testing.T) {
	contacts, city, phone := aCustomer.root.at("contacts"), aCustomer.root.at("address").at("city"), aCustomer.root.at("phone")
	for _, test := range []struct {
		at       *place
		in, want string
	}{
		{contacts, `{"phone":"1","fax":2}`, `{"phone":"1","fax":"\u003c2\u003e"}`},
		{contacts, ` "1" `, `"\u003c1\u003e"`},
		{city, ` [ 1, 2 ] `, `[1,2]`},
		{city, `12`, `12`},
		{phone, `12`, `"\u003c12\u003e"`},
		{phone, `null`, `null`},
		{aCustomer.root.at("secret"), `12`, `null`},
		{aCustomer.root.at("unknown"), `{"name":12}`, `null`},
		{aCustomer.root.at("address").at("geo"), `{"lat":12}`, `null`},
		{aCustomer.root.at("address"), `"Rome"`, `null`},
	} {
		if out, err := aCustomer.appendFiltered([]byte("-"), []byte(test.in), test.at, someLevels); err != nil || string(out) != "-"+test.want {
			t.Errorf("%s is shown as %q, %v; want %q", test.in, out, err, test.want)
		}
		for _, wrong := range []string{"", " ", test.in + " 1", test.in + "]", test.in + ",", "[" + test.in, `"`, "{"} {
			if out, err := aCustomer.appendFiltered([]byte("-"), []byte(wrong), test.at, someLevels); err == nil || out != nil {
				t.Errorf("%q is shown as %q, %v", wrong, out, err)
			}
		}
	}
}

// rule tells of a path, by the names of the fields alone, which field governs it with what
// level, whether others lie below, and whether anything is seen there.
func rule(fields []Field, levels []model.FieldLevel, path string) (governs int, level model.FieldLevel, below, seen bool) {
	governs = none
	for i, f := range fields {
		shown := levels[i] >= read || levels[i] == masked && f.Mask != nil
		switch {
		case f.Name == path || strings.HasPrefix(path, f.Name+"."):
			if governs == none || len(fields[governs].Name) < len(f.Name) {
				governs, level = i, hidden
				if shown {
					level = levels[i]
				}
			}
		case strings.HasPrefix(f.Name, path+"."):
			below, seen = true, seen || shown
		}
	}
	return governs, level, below, seen || level > hidden
}

// filtered is what is to be left of a decoded value.
func filtered(fields []Field, levels []model.FieldLevel, path string, v any) (any, bool) {
	governs, level, below, seen := rule(fields, levels, path)
	below = below || path == ""
	if path != "" && !seen {
		return nil, false
	}
	if below {
		switch v := v.(type) {
		case nil:
			return nil, true
		case []any:
			list := []any{}
			for _, e := range v {
				shown, _ := filtered(fields, levels, path, e)
				list = append(list, shown)
			}
			return list, true
		case map[string]any:
			object := map[string]any{}
			for name, e := range v {
				if shown, is := filtered(fields, levels, strings.TrimPrefix(path+"."+name, "."), e); is {
					object[name] = shown
				}
			}
			return object, true
		}
	}
	switch level {
	case read, write:
		return v, true
	case masked:
		shown := fields[governs].Mask.Apply(v)
		return shown, shown != nil
	}
	return nil, false
}

// aValue is a random JSON value.
func aValue(r *rand.Rand, depth int) any {
	kind := r.IntN(8)
	if depth > 5 {
		kind = r.IntN(4)
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return json.Number([]string{"0.10", "1e400", "-7", "98765432109876543210"}[r.IntN(4)])
	case 2:
		return []string{"", "Ann", "\"<\u2028é", "secret"}[r.IntN(4)]
	case 3:
		return r.IntN(2) == 0
	case 4:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, aValue(r, depth+1))
		}
		return list
	}
	return aRecord(r, depth+1)
}

func aRecord(r *rand.Rand, depth int) map[string]any {
	object := map[string]any{}
	for range r.IntN(7) {
		object[[]string{"name", "phone", "note", "address", "city", "geo", "lat", "contacts", "secret", "x"}[r.IntN(10)]] = aValue(r, depth)
	}
	return object
}

func TestStreamIsAFilterOfValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		levels := make([]model.FieldLevel, len(aCustomer.fields))
		for i := range levels {
			levels[i] = model.FieldLevel(r.IntN(4))
		}
		record := aRecord(r, 0)
		in, err := json.MarshalIndent(record, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		var from io.Reader = bytes.NewReader(in)
		if r.IntN(4) == 0 {
			from = iotest.HalfReader(from)
		}
		if err := aCustomer.Stream(t.Context(), &out, from, levels); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		var got any
		dec := json.NewDecoder(&out)
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if want, _ := filtered(aCustomer.fields, levels, "", record); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v of\n%s\nis %v, want %v", levels, in, got, want)
		}
	}
}
