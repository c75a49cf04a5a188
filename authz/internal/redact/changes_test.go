package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

type city string

type place2D struct{ Lat, Lon float64 }

type address struct {
	City   city     `json:"city"`
	Street string   `json:"street"`
	Geo    *place2D `json:"geo"`
}

type contact struct {
	Phone string `json:"phone"`
	Fax   *int   `json:"fax"`
}

type stamped struct {
	ID      int64     `json:"id,string"`
	Created time.Time `json:"created"`
}

type company struct {
	stamped
	Name     string      `json:"name"`
	Note     string      `json:"note,omitempty"`
	Size     *int        `json:"size"`
	Since    time.Time   `json:"since,omitzero"`
	Tags     []string    `json:"tags"`
	IP       netip.Addr  `json:"ip"`
	Key      []byte      `json:"key"`
	Extra    any         `json:"extra"`
	Address  *address    `json:"address"`
	Contacts []contact   `json:"contacts"`
	Unseen   int         `authz:"-" json:"unseen"`
	Nameless int         // has no name for the schema
	Column   json.Number `gorm:"column:col"`
	inner    int
}

var companyFields = []string{"id", "created", "name", "note", "size", "since", "tags", "ip", "key", "extra", "address.city", "address.geo", "contacts", "contacts.phone", "col"}

var aCompany = func() *Shape {
	var fields []Field
	for _, name := range companyFields {
		fields = append(fields, Field{Name: name})
	}
	return NewShape(fields)
}()

// told are changes as text: path=field.
func told(changes []Change) string {
	var s []string
	for _, c := range changes {
		field := "-"
		if c.Field >= 0 {
			field = companyFields[c.Field]
		}
		if field == c.Path {
			s = append(s, field)
		} else {
			s = append(s, c.Path+"="+field)
		}
	}
	return strings.Join(s, " ")
}

func checkChanged(t *testing.T, name string, before, after any, want string) {
	t.Helper()
	for range 2 {
		got, err := aCompany.Changed(before, after)
		if err != nil || told(got) != want {
			t.Errorf("%s: changed is %q, %v; want %q", name, told(got), err, want)
		}
		before, after = after, before
	}
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 500, time.UTC)

func someCompany() company {
	size := 7
	return company{
		stamped: stamped{ID: 12, Created: noon}, Name: "Acme", Size: &size, Tags: []string{"a", "b"}, IP: netip.MustParseAddr("10.0.0.1"), Key: []byte("key"),
		Extra: map[string]int{"x": 1}, Address: &address{City: "Rome", Street: "Via", Geo: &place2D{1, 2.5}}, Contacts: []contact{{Phone: "1"}, {Phone: "2"}}, Column: "4.0",
	}
}

// What encoding/json makes of a struct is no other record, but for what has no name for the schema.
func TestChangedComparesByMeaning(t *testing.T) {
	c := someCompany()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `"Column"`, `"col"`, 1))
	var decoded, floats map[string]any
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	floats = maps.Clone(decoded)
	floats["since"], floats["note"], floats["col"] = nil, nil, int8(4)
	pointer := &c
	records := []any{c, &c, &pointer, text, json.RawMessage(text), (*json.RawMessage)(&text), decoded, floats}
	for i, before := range records {
		for j, after := range records {
			checkChanged(t, fmt.Sprint(i, " to ", j), before, after, "")
		}
	}
	for _, id := range []any{"13", "x", "", true, nil, []any{}} {
		odd := maps.Clone(decoded)
		odd["id"] = id
		checkChanged(t, fmt.Sprint("id ", id), c, odd, "id")
	}
	floats["note"] = ""
	checkChanged(t, "what may be omitted", c, floats, "")
	checkChanged(t, "what is not", decoded, floats, "note")
}

func TestChangedTellsFieldsOfStructs(t *testing.T) {
	for want, change := range map[string]func(c *company){
		"":                 func(c *company) { c.inner++; c.Created = noon.In(time.FixedZone("x", 3600)) },
		"id":               func(c *company) { c.ID++ },
		"created":          func(c *company) { c.Created = noon.Add(1) },
		"name":             func(c *company) { c.Name = "" },
		"size":             func(c *company) { c.Size = nil },
		"tags":             func(c *company) { c.Tags = []string{"b", "a"} },
		"ip":               func(c *company) { c.IP = netip.MustParseAddr("::1") },
		"key":              func(c *company) { c.Key = nil },
		"extra":            func(c *company) { c.Extra = map[string]int{"x": 1, "y": 0} },
		"address.city":     func(c *company) { c.Address.City = "Oslo" },
		"address.street=-": func(c *company) { c.Address.Street = "" },
		"address.geo":      func(c *company) { c.Address.Geo.Lon = 0 },
		"address.city address.geo address.street=-": func(c *company) { c.Address = nil },
		"contacts.phone":          func(c *company) { c.Contacts[1].Phone = "3"; c.Contacts[0].Phone = "3" },
		"contacts.fax=contacts":   func(c *company) { c.Contacts[1].Fax = c.Size },
		"contacts contacts.phone": func(c *company) { c.Contacts = c.Contacts[:1] },
		"unseen=-":                func(c *company) { c.Unseen++ },
		"Nameless=-":              func(c *company) { c.Nameless++ },
		"col":                     func(c *company) { c.Column = "4.1" },
		"name note since":         func(c *company) { c.Since, c.Note, c.Name = noon, "n", "n" },
	} {
		c := someCompany()
		change(&c)
		checkChanged(t, want, someCompany(), &c, want)
	}
}

func TestChangedTellsMembersOfJSON(t *testing.T) {
	for _, test := range []struct{ before, after, want string }{
		{`{}`, `{}`, ""},
		{`{"name":null}`, `{}`, ""},
		{`{"name":1}`, `{}`, "name"},
		{`{"name":""}`, `{}`, "name"},
		{`{"name":false}`, `{"name":null}`, "name"},
		{`{"name":1}`, `{"Name":1}`, "Name=- name"},
		{`{"name":1,"x":1}`, `{"name":1.0,"x":2}`, "x=-"},
		{`{"address.city":1}`, `{}`, "address.city=-"},
		{`{"":1}`, `{}`, "=-"},
		{`{"name":[1,{"a":10e-1}]}`, `{"name":[1.0,{"a":1,"b":null}]}`, ""},
		{`{"name":[1]}`, `{"name":[1,null]}`, "name"},
		{`{"name":[]}`, `{"name":null}`, "name"},
		{`{"name":{}}`, `{"name":[]}`, "name"},
		{`{"name":"1"}`, `{"name":1}`, "name"},
		{`{"name":9007199254740993}`, `{"name":9007199254740992}`, "name"},
		{`{"name":1e400}`, `{"name":10e399}`, ""},
		{`{"name":1e400}`, `{"name":1e401}`, "name"},
		{`{"name":1e99999999999999999999}`, `{"name":1e99999999999999999999}`, ""},
		{`{"name":1e99999999999999999999}`, `{"name":1e99999999999999999998}`, "name"},
		{`{"name":-0.0}`, `{"name":0e9}`, ""},
		{`{"name":-1}`, `{"name":1}`, "name"},
		{`{"address":null}`, `{}`, ""},
		{`{"address":{}}`, `{}`, "address=-"},
		{`{"address":{"city":null}}`, `{"address":null}`, "address=-"},
		{`{"address":{"city":1}}`, `{"address":{}}`, "address.city"},
		{`{"address":{"city":1,"geo":{"x":1}}}`, `{"address":{"city":1,"geo":{"x":2}}}`, "address.geo"},
		{`{"address":{"city":1}}`, `{"address":"Rome"}`, "address=- address.city address.geo"},
		{`{"address":"Oslo"}`, `{"address":"Rome"}`, "address=-"},
		{`{"contacts":[{"phone":1,"fax":1}]}`, `{"contacts":[{"phone":1,"fax":2}]}`, "contacts.fax=contacts"},
		{`{"contacts":[{"phone":1},{"phone":2}]}`, `{"contacts":[{"phone":2},{"phone":1}]}`, "contacts.phone"},
		{`{"contacts":[{"phone":1}]}`, `{"contacts":[{"phone":1},{"fax":1}]}`, "contacts contacts.fax=contacts contacts.phone"},
		{`{"contacts":[{"fax":1}]}`, `{}`, "contacts contacts.fax=contacts"},
		{`{"contacts":[]}`, `{}`, "contacts contacts.phone"},
		{`{"contacts":[1,[2]]}`, `{"contacts":[3,[4]]}`, "contacts"},
	} {
		checkChanged(t, test.before+" to "+test.after, json.RawMessage(test.before), []byte(test.after), test.want)
	}
}

func TestChangedComparesKindsOfGo(t *testing.T) {
	one, nothing := 1, (*int)(nil)
	shared := make(chan int)
	type pair struct{ a, b any }
	for i, equal := range []pair{
		{int8(1), uint64(1)}, {1, 1.0}, {float32(0.1), 0.1}, {0.1, json.Number("0.10")}, {uint64(math.MaxUint64), json.Number("18446744073709551615")},
		{&one, 1}, {nothing, nil}, {[]string(nil), nil}, {math.NaN(), math.NaN()}, {math.Inf(1), float32(math.Inf(1))},
		{city("x"), "x"}, {[]city{"x"}, []any{"x"}}, {[1]int{1}, []any{json.Number("1")}}, {[]byte("x"), "eA=="},
		{map[int]bool{1: true}, map[string]any{"1": true}}, {map[any]any{"a": 1}, map[string]int{"a": 1}},
		{noon, "2026-03-04T13:00:00.0000005+01:00"}, {&noon, noon.Local()}, {netip.MustParseAddr("::1"), "0:0::1"},
		{place2D{1, 2}, map[string]any{"Lat": 1, "Lon": 2}}, {place2D{1, 2}, json.RawMessage(`{"Lat":1,"Lon":2.0}`)},
		{shared, shared}, {complex(1, 2), complex64(complex(1, 2))}, {company{inner: 1}, &company{inner: 1}},
	} {
		checkChanged(t, fmt.Sprint("equal ", i), map[string]any{"name": equal.a}, map[string]any{"name": equal.b}, "")
	}
	for i, unlike := range []pair{
		{1, true}, {1, "1"}, {int8(-1), uint8(255)}, {0.1, float32(0.1) + 1}, {math.NaN(), math.Inf(1)}, {math.Inf(1), math.Inf(-1)},
		{nothing, 0}, {[]string{}, nil}, {[]byte("x"), "x"}, {noon, "noon"}, {noon, noon.Add(1)}, {noon, 3}, {noon, map[string]any{}},
		{netip.MustParseAddr("::1"), "::2"}, {netip.MustParseAddr("::1"), "****"}, {shared, make(chan int)}, {complex(1, 2), 1},
		{company{inner: 1}, company{inner: 2}}, {place2D{1, 2}, map[string]any{"Lat": 1}}, {place2D{}, nil}, {[2]int{}, [3]int{}},
		{map[string]int{"a": 1}, map[string]int{"b": 1}}, {map[float64]int{1: 1}, map[float64]int{2: 1}}, {shared, 1},
	} {
		checkChanged(t, fmt.Sprint("unlike ", i), map[string]any{"name": unlike.a}, map[string]any{"name": unlike.b}, "name")
	}
}

// masking is a type whose JSON tells nothing of its value.
type masking string

func (masking) MarshalText() ([]byte, error) { return []byte("****"), nil }

func TestChangedSeesAMaskThatIsSentBack(t *testing.T) {
	checkChanged(t, "mask", map[string]any{"name": masking("Ann")}, []byte(`{"name":"****"}`), "name")
	checkChanged(t, "value", map[string]any{"name": masking("Ann")}, []byte(`{"name":"Ann"}`), "")
}

type outer struct {
	contact
	*address
	Phone string `json:"phone"`
}

// A field behind another is compared where both have it; JSON does not reach it.
func TestChangedSeesFieldsBehindOthers(t *testing.T) {
	s := NewShape([]Field{{Name: "phone"}, {Name: "city"}})
	check := func(before, after any, want ...Change) {
		t.Helper()
		if got, err := s.Changed(before, after); err != nil || !slices.Equal(got, want) {
			t.Errorf("changed is %v, %v; want %v", got, err, want)
		}
	}
	a, b := outer{Phone: "1"}, outer{Phone: "1", contact: contact{Phone: "2"}}
	check(a, b, Change{0, "phone"})
	check(b, json.RawMessage(`{"phone":"1"}`))
	check(json.RawMessage(`{"phone":"2"}`), b, Change{0, "phone"})
	check(a, outer{Phone: "1", address: &address{City: "x"}}, Change{1, "city"}, Change{none, "street"})
	if v, has, err := s.Value(b, 0, levelsOf(s, model.FieldRead)); v != "1" || !has || err != nil {
		t.Errorf("%v, %v, %v", v, has, err)
	}
	if v, has, err := s.Value(b, 1, levelsOf(s, model.FieldRead)); v != nil || has || err != nil {
		t.Errorf("%v, %v, %v", v, has, err)
	}
}

func TestSet(t *testing.T) {
	zero := 0
	for _, test := range []struct {
		v    any
		want string
	}{
		{company{inner: 1}, ""},
		{&company{Name: "x", Size: &zero, Unseen: 1, Nameless: 1}, "Nameless=- name size unseen=-"},
		{company{stamped: stamped{ID: 1}, Address: &address{Geo: &place2D{}}, Tags: []string{}}, "address.geo id tags"},
		{company{Address: &address{}}, "address=-"},
		{company{Contacts: []contact{{Fax: &zero}, {Phone: "1"}}}, "contacts.fax=contacts contacts.phone"},
		{company{Contacts: []contact{{}}}, "contacts"},
		{company{Contacts: []contact{}}, "contacts contacts.phone"},
		{map[string]any{}, ""},
		{map[string]any(nil), ""},
		{map[string]any{"name": nil, "tags": []any{}, "x": 0}, "name tags x=-"},
		{map[string]any{"address": map[string]string{"city": "", "zip": ""}}, "address.city address.zip=-"},
		{map[string]any{"address": map[string]string{}}, "address=-"},
		{map[string]any{"address": address{City: "x"}}, "address.city"},
		{[]byte(`{"name":null,"address":null}`), "address=- address.city address.geo name"},
		{[]byte(`{"contacts":"x"}`), "contacts contacts.phone"},
		{[]byte(`{"contacts":[{"phone":null}]}`), "contacts.phone"},
	} {
		if got, err := aCompany.Set(test.v); err != nil || told(got) != test.want {
			t.Errorf("%v sets %q, %v; want %q", test.v, told(got), err, test.want)
		}
	}
}

func TestValue(t *testing.T) {
	c := someCompany()
	text := json.RawMessage(`{"name":1.10,"size":null,"address":{"city":"Rome","geo":[1]},"contacts":[{"phone":1}]}`)
	for _, test := range []struct {
		v     any
		field string
		want  any
		has   bool
	}{
		{c, "name", "Acme", true}, {&c, "id", int64(12), true}, {c, "size", 7, true}, {c, "created", noon, true}, {&c, "address.city", city("Rome"), true},
		{c, "since", time.Time{}, true}, {c, "col", json.Number("4.0"), true}, {company{}, "size", nil, true}, {company{}, "address.city", nil, false},
		{c, "contacts.phone", nil, false}, {c, "contacts", c.Contacts, true}, {c, "address.geo", place2D{1, 2.5}, true},
		{text, "name", json.Number("1.10"), true}, {[]byte(text), "size", nil, true}, {text, "note", nil, false}, {text, "address.city", "Rome", true},
		{text, "address.geo", []any{json.Number("1")}, true}, {text, "contacts.phone", nil, false},
		{map[string]any{"address": &address{City: "x"}}, "address.city", city("x"), true}, {map[string]any{"address.city": 1}, "address.city", nil, false},
		{map[string]any{"address": "Rome"}, "address.city", nil, false}, {map[string]any{"address": noon}, "address.city", nil, false},
	} {
		got, has, err := aCompany.Value(test.v, slices.Index(companyFields, test.field), levelsOf(aCompany, model.FieldRead))
		if err != nil || has != test.has || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s of %v is %v, %v, %v; want %v, %v", test.field, test.v, got, has, err, test.want, test.has)
		}
	}
	for _, field := range []int{-1, len(companyFields)} {
		if got, has, err := aCompany.Value(c, field, levelsOf(aCompany, model.FieldRead)); got != nil || has || err != nil {
			t.Errorf("field %d is %v, %v, %v", field, got, has, err)
		}
	}
}

func TestChangesRefusesWhatIsNoRecord(t *testing.T) {
	type self *self
	var itself self
	itself = &itself
	loop := map[string]any{}
	loop["name"], loop["address"] = loop, loop
	list := []any{nil}
	list[0] = list
	syntax := new(json.SyntaxError)
	for _, test := range []struct {
		v    any
		want error // nil: one of syntax
	}{
		{nil, ErrShape}, {1, ErrShape}, {"{}", ErrShape}, {[]any{}, ErrShape}, {[]company{}, ErrShape}, {noon, ErrShape}, {(*company)(nil), ErrShape},
		{func() {}, ErrShape}, {json.RawMessage(`[]`), ErrShape}, {json.RawMessage(`null`), ErrShape}, {[]byte(nil), ErrShape}, {[]byte(`1`), ErrShape},
		{[]byte(`{} {}`), ErrShape}, {[]byte(`{"name":1,"x":{"a":1,"a":2}}`), ErrShape}, {map[any]any{"1": 1, 1: 1}, ErrShape},
		{[]byte(``), new(malformed)}, {[]byte(`{"name":`), new(malformed)}, {[]byte(`{"name":zQ}`), nil}, {[]byte(`{}]`), nil},
		{itself, ErrDepth}, {[]byte(strings.Repeat(`{"a":`, 1001) + `1` + strings.Repeat(`}`, 1001)), ErrDepth}, {[]byte(strings.Repeat(`{"a":`, 100_000)), ErrDepth},
	} {
		_, set := aCompany.Set(test.v)
		_, after := aCompany.Changed(map[string]any{"name": 1}, test.v)
		_, before := aCompany.Changed(test.v, []byte("{}"))
		_, _, value := aCompany.Value(test.v, 0, levelsOf(aCompany, model.FieldRead))
		for _, err := range []error{set, after, before, value} {
			var ill *malformed
			switch {
			case test.want == nil:
				if !errors.As(err, &syntax) || strings.Contains(err.Error(), "z") {
					t.Errorf("%v: %v", test.v, err)
				}
			case reflect.TypeOf(test.want) == reflect.TypeFor[*malformed]():
				if !errors.As(err, &ill) {
					t.Errorf("%v: %v", test.v, err)
				}
			case !errors.Is(err, test.want):
				t.Errorf("%.40v: %v, want %v", test.v, err, test.want)
			}
		}
	}
	for name, v := range map[string]any{"map": loop, "list": map[string]any{"name": list}, "list of records": map[string]any{"contacts": list}} {
		if changes, err := aCompany.Changed(v, v); !errors.Is(err, ErrDepth) || changes != nil {
			t.Errorf("a %s in itself: %v, %v", name, changes, err)
		}
	}
	ill := json.RawMessage(`{"z":zQ}`)
	for _, v := range []any{map[string]any{"name": ill}, map[string]any{"name": []any{ill}}, map[string]any{"extra": map[string]any{"X": ill}}, map[string]any{"address": ill},
		map[string]any{"contacts": []any{ill}}, company{Extra: ill}, company{Extra: struct{ X any }{ill}}} {
		for _, other := range []any{v, map[string]any{"name": []any{1}, "address": 1, "extra": map[string]any{"X": 1}, "contacts": []any{1}}} {
			there, err := aCompany.Changed(v, other)
			back, errBack := aCompany.Changed(other, v)
			if !errors.As(err, &syntax) || !errors.As(errBack, &syntax) || there != nil || back != nil {
				t.Errorf("%v: %v, %v; back, %v, %v", v, there, err, back, errBack)
			}
		}
	}
	if changes, err := aCompany.Set(map[string]any{"contacts": list}); !errors.Is(err, ErrDepth) || changes != nil {
		t.Errorf("a list in itself: %v, %v", changes, err)
	}
}

// aMember is a place of which the test knows how to make it differ, in a
// struct and in what JSON would make of it.
type aMember struct {
	path   string
	change func(c *company, m map[string]any, n int)
}

var someMembers = []aMember{
	{"id", func(c *company, m map[string]any, n int) { c.ID, m["id"] = int64(n), fmt.Sprint(n) }},
	{"name", func(c *company, m map[string]any, n int) { c.Name, m["name"] = fmt.Sprint(n), fmt.Sprint(n) }},
	{"note", func(c *company, m map[string]any, n int) { c.Note, m["note"] = fmt.Sprint(n), city(fmt.Sprint(n)) }},
	{"size", func(c *company, m map[string]any, n int) { c.Size, m["size"] = &n, float64(n) }},
	{"created", func(c *company, m map[string]any, n int) {
		c.Created = noon.Add(time.Duration(n))
		m["created"] = c.Created.In(time.FixedZone("x", -7200)).Format(time.RFC3339Nano)
	}},
	{"tags", func(c *company, m map[string]any, n int) {
		c.Tags, m["tags"] = make([]string, n), slices.Repeat([]any{""}, n)
	}},
	{"extra", func(c *company, m map[string]any, n int) {
		c.Extra, m["extra"] = place2D{Lat: float64(n) / 8}, json.RawMessage(fmt.Sprintf(`{"Lat":%de-3,"Lon":0.0}`, n*125))
	}},
	{"unseen", func(c *company, m map[string]any, n int) { c.Unseen, m["unseen"] = n, uint16(n) }},
	{"address.city", func(c *company, m map[string]any, n int) {
		c.Address.City = city(fmt.Sprint(n))
		m["address"].(map[string]any)["city"] = fmt.Sprint(n)
	}},
	{"address.street", func(c *company, m map[string]any, n int) {
		c.Address.Street = fmt.Sprint(n)
		m["address"].(map[string]any)["street"] = fmt.Sprint(n)
	}},
	{"contacts.phone", func(c *company, m map[string]any, n int) {
		c.Contacts[n%2].Phone = fmt.Sprint(n)
		m["contacts"].([]any)[n%2].(map[string]any)["phone"] = fmt.Sprint(n)
	}},
	{"contacts.fax", func(c *company, m map[string]any, n int) {
		c.Contacts[1].Fax = &n
		m["contacts"].([]any)[1].(map[string]any)["fax"] = n
	}},
}

// twoForms are one record as a struct and as a map, with the numbers of its members.
func twoForms(t *testing.T, numbers []int) (*company, map[string]any) {
	t.Helper()
	c := &company{Key: []byte("k"), IP: netip.MustParseAddr("::1"), Address: &address{}, Contacts: make([]contact, 2), Column: "1"}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(strings.Replace(string(text), `"Column"`, `"col"`, 1)), &m); err != nil {
		t.Fatal(err)
	}
	for i, member := range someMembers {
		member.change(c, m, numbers[i])
	}
	return c, m
}

func TestChangedIsExactlyWhatWasChanged(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		before := make([]int, len(someMembers))
		for i := range before {
			before[i] = 2 + 2*r.IntN(50)
		}
		after := slices.Clone(before)
		var want []string
		for i, m := range someMembers {
			if r.IntN(4) == 0 {
				after[i] = before[i] + 2 + 2*r.IntN(50)
				want = append(want, m.path)
			}
		}
		slices.Sort(want)
		a, am := twoForms(t, before)
		b, bm := twoForms(t, after)
		bText, err := json.Marshal(bm)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []any{a, am} {
			for _, y := range []any{b, bm, json.RawMessage(bText)} {
				for _, pair := range [][2]any{{x, y}, {y, x}} {
					got, err := aCompany.Changed(pair[0], pair[1])
					if err != nil {
						t.Fatal(err)
					}
					var paths []string
					for _, c := range got {
						paths = append(paths, c.Path)
					}
					if !slices.Equal(paths, want) && len(paths)+len(want) > 0 {
						t.Fatalf("%T to %T: changed is %v, want %v", pair[0], pair[1], paths, want)
					}
				}
			}
		}
	}
}

// A patch with a list takes the whole list away that was there, so it writes
// all that lies below; a new record writes what it has.
func TestPatchedCountsAllThatAListReplaces(t *testing.T) {
	s := NewShape([]Field{{Name: "contacts.name"}, {Name: "contacts.phone"}, {Name: "address.city"}, {Name: "address.street"}})
	patch := map[string]any{"contacts": []any{map[string]any{"name": "Ann"}}, "address": map[string]any{"city": "Leeds"}}
	set, err := s.Set(patch)
	if diff := cmp.Diff([]Change{{2, "address.city"}, {0, "contacts.name"}}, set); diff != "" || err != nil {
		t.Errorf("Set: %v (-want +got)\n%s", err, diff)
	}
	patched, err := s.Patched(patch)
	if diff := cmp.Diff([]Change{{2, "address.city"}, {0, "contacts.name"}, {1, "contacts.phone"}}, patched); diff != "" || err != nil {
		t.Errorf("Patched: %v (-want +got)\n%s", err, diff)
	}
}

// A struct in a patch writes its zero fields as well: JSON has them, and null takes away what was there.
func TestPatchedCountsZeroFieldsOfStructs(t *testing.T) {
	type part struct {
		Phone string `json:"phone"`
		Note  string `json:"note,omitempty"`
	}
	s := NewShape([]Field{{Name: "city"}, {Name: "address.city"}, {Name: "address.street"}, {Name: "address.geo.Lat"}, {Name: "main.phone"}, {Name: "main.note"}})
	patch := map[string]any{"address": address{City: "Leeds"}, "main": &part{}}
	patched, err := s.Patched(patch)
	want := []Change{{1, "address.city"}, {none, "address.geo"}, {3, "address.geo.Lat"}, {2, "address.street"}, {4, "main.phone"}}
	if diff := cmp.Diff(want, patched); diff != "" || err != nil {
		t.Errorf("Patched: %v (-want +got)\n%s", err, diff)
	}
}

// These have what no exported field tells.
type (
	namedJSON  json.RawMessage
	hexBytes   []byte
	ownAddress struct{ city, iban string }
	namedRoot  struct {
		Name  string `json:"title" authz:"name"`
		phone string
	}
	textJSON string
	closed   struct{ n int }
	loaded   struct {
		Name   string    `json:"name"`
		Phone  string    `json:"phone"`
		Born   time.Time `json:"born"`
		loaded bool
	}
)

func (j namedJSON) MarshalJSON() ([]byte, error) { return json.RawMessage(j).MarshalJSON() }

func (b hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprintf("%x", []byte(b))) }

func (a ownAddress) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"city": a.city, "iban": a.iban})
}

func (r *namedRoot) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"title": r.Name, "phone": r.phone})
}

func (l loaded) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"name": l.Name, "born": l.Born})
}

func (j textJSON) MarshalJSON() ([]byte, error) { return []byte(j), nil }

func TestChangesSeesIntoWhatWritesItself(t *testing.T) {
	s := NewShape([]Field{{Name: "address"}, {Name: "address.iban"}, {Name: "name"}, {Name: "phone"}})
	paths := func(changes []Change, err error) string {
		var all []string
		for _, c := range changes {
			all = append(all, c.Path)
		}
		return fmt.Sprint(strings.Join(all, " "), err)
	}
	lies := func(address any) any { return map[string]any{"address": address} }
	for _, test := range []struct {
		before, after        any
		changed, set, patchd string
	}{
		{lies(namedJSON(`{"city":"a","iban":"1"}`)), lies(namedJSON(`{"city": "a","iban":"2"}`)), "address.iban", "address.city address.iban", "address.city address.iban"},
		{lies(namedJSON(`{"city":"a"}`)), lies(map[string]any{"city": "b"}), "address.city", "address.city", "address.city"},
		{lies(hexBytes{1}), lies(hexBytes{2}), "address", "address address.iban", "address address.iban"},
		{lies(ownAddress{"a", "1"}), lies(ownAddress{"a", "2"}), "address.iban", "address.city address.iban", "address.city address.iban"},
		{lies(ownAddress{"a", "1"}), lies(&ownAddress{"b", ""}), "address.city address.iban", "address.city", "address.city address.iban"},
		{lies(ownAddress{"a", "1"}), lies(map[string]any{}), "address.city address.iban", "address", "address"},
		{lies(ownAddress{}), lies(ownAddress{}), "", "address", "address.city address.iban"},
		{lies([]ownAddress{{"a", "1"}}), lies([]ownAddress{{"a", "2"}}), "address.iban", "address.city address.iban", "address.city address.iban"},
		{lies(textJSON(`{"iban":1}`)), lies(textJSON(`{"iban":2}`)), "address address.iban", "address.iban", "address.iban"},
		{lies(closed{1}), lies(closed{1}), "", "address address.iban", "address address.iban"},
		{lies(closed{1}), lies(closed{2}), "address address.iban", "address address.iban", "address address.iban"},
		{lies(closed{1}), lies(map[string]any{}), "address address.iban", "address", "address"},
		{lies(noon), lies(noon.Add(1)), "address", "address address.iban", "address address.iban"},
		{namedRoot{"a", "1"}, namedRoot{"a", "2"}, "phone", "name phone", "name phone"},
		{&namedRoot{"a", "1"}, &namedRoot{"b", "1"}, "name", "name phone", "name phone"},
		{ownAddress{"a", "1"}, ownAddress{"b", "1"}, "city", "city iban", "city iban"},
		{map[string]any{"name": "a", "phone": "1", "born": time.Time{}}, loaded{Name: "a", Phone: "1"}, "", "name phone", "born name phone"},
		{map[string]any{"name": "a", "phone": "1", "born": time.Time{}}, loaded{Name: "a", Phone: "2", loaded: true}, "phone", "name phone", "born name phone"},
		{map[string]any{"name": closed{1}}, map[string]any{"name": map[string]any{}}, "name", "name", "name"},
	} {
		for _, pair := range [][2]any{{test.before, test.after}, {test.after, test.before}} {
			if got := paths(s.Changed(pair[0], pair[1])); got != test.changed+"<nil>" {
				t.Errorf("%v to %v: changed is %s, want %s", pair[0], pair[1], got, test.changed)
			}
		}
		if got := paths(s.Set(test.after)); got != test.set+"<nil>" {
			t.Errorf("%v sets %s, want %s", test.after, got, test.set)
		}
		if got := paths(s.Patched(test.after)); got != test.patchd+"<nil>" {
			t.Errorf("%v patches %s, want %s", test.after, got, test.patchd)
		}
	}
	twice := lies(namedJSON(`{"iban":1,"iban":2}`))
	if _, err := s.Set(twice); !errors.Is(err, ErrShape) {
		t.Errorf("a name twice: %v", err)
	}
}
