package adapter

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// FuzzReadLog reads any line of a log: it is refused, or what is written of it
// is read as the same.
func FuzzReadLog(f *testing.F) {
	f.Add([]byte(`{"tenant":"acme","revision":1,"id":"1","actor":"","reason":"\u0000","at":"2026-11-22T09:00:00.5+02:00","remove":[],"add":[["g","user:a","role:r","acme","-"]]}`))
	f.Add([]byte(`{"tenant":"*","revision":18446744073709551615,"id":"é","actor":"a","reason":"<&>","at":"0001-01-01T00:00:00Z","remove":[["g","role:a","role:b","*","-"]],"add":null}`))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := entryOfLog(text)
		if err != nil {
			return
		}
		again, err := logLine(e)
		if err != nil {
			t.Fatalf("%+v was read but cannot be written: %v", e, err)
		}
		if bytes.Count(again, []byte("\n")) != 1 {
			t.Fatalf("an entry is one line, not %q", again)
		}
		got, err := entryOfLog(again)
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Fatalf("%v, mismatch (-want +got):\n%s", err, diff)
		}
	})
}

// FuzzReadPolicy reads any CSV: it is refused, or what is written of it is read
// as the same.
func FuzzReadPolicy(f *testing.F) {
	f.Add([]byte("# revision 12 of acme\r\n g,user:a, role:r,\tacme,-\n\n#\nP"))
	f.Add([]byte("# revision 1 of * \np, role:r, *, customer, read, allow, -"))
	f.Add([]byte("\uFEFFg2, \"user:a\", user:b, acme"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readPolicy(data)
		if err != nil {
			return
		}
		l := model.Line{Section: model.Memberships, Values: [6]string{"role:fuzzed", "role:r", "zz", "-"}}
		e := Entry{Change{Tenant: "zz", Add: []model.Line{l}}, m.tenant("zz").revision + 1}
		var first, second bytes.Buffer
		if err := m.writePolicy(&first, e); err != nil {
			t.Fatal(err)
		}
		again, err := readPolicy(first.Bytes())
		if err != nil {
			t.Fatalf("%q was read but not %q, written of it: %v", data, first.Bytes(), err)
		}
		if err := again.writePolicy(&second, Entry{Change{Tenant: "zz"}, e.Revision}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Fatalf("mismatch (-first +second):\n%s", diff)
		}
	})
}
