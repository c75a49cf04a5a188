package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/mask"
	"github.com/crmauthz/crmauthz/model"
)

type (
	textual   string
	upper     string
	byPointer int
	millis    int64
	chosen    struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	zeroable struct{ N int }
	asked    struct{ N int }
)

func (u upper) MarshalText() ([]byte, error)      { return []byte(strings.ToUpper(string(u))), nil }
func (p *byPointer) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"<%d>"`, int(*p)), nil }
func (c chosen) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"a": %d, "b":[%d]}`, c.A, c.B), nil
}
func (z zeroable) IsZero() bool { return z.N%2 == 0 }
func (a *asked) IsZero() bool   { return a.N%2 == 0 }

type encodedBase struct {
	ID      int64     `json:"id"`
	Created time.Time `json:"created"`
	Note    string    `json:"note,omitempty"`
}

type EncodedPart struct {
	Kind  textual  `json:"kind"`
	Score *float64 `json:"score,omitempty"`
	Note  string   `json:"note"`
}

type encodedRecord struct {
	encodedBase
	*EncodedPart
	Text     string             `json:"text"`
	Odd      string             `json:"<odd&>"`
	Quoted   string             `json:"quoted,string"`
	Named    textual            `json:"named,omitempty,string"`
	Upper    upper              `json:"upper"`
	Flag     bool               `json:"flag,string"`
	PFlag    *bool              `json:"p_flag"`
	I8       int8               `json:"i8,omitempty"`
	I64      int64              `json:"i64,string"`
	PI       *int               `json:"pi,string"`
	PPI      **int              `json:"ppi,string"` //nolint:staticcheck // it must not be quoted
	U16      uint16             `json:"u16,omitzero"`
	U64      uint64             `json:"u64"`
	F32      float32            `json:"f32"`
	F64      float64            `json:"f64"`
	QF64     float64            `json:"qf64,string"`
	PF       *float64           `json:"pf,omitzero"`
	Num      json.Number        `json:"num"`
	QNum     json.Number        `json:"q_num,string"`
	PNum     *json.Number       `json:"p_num,string"`
	When     time.Time          `json:"when,omitzero"`
	PWhen    *time.Time         `json:"p_when"`
	Wait     time.Duration      `json:"wait"`
	Milli    millis             `json:"milli,string"`
	Pointed  byPointer          `json:"pointed,string"`
	PPointed *byPointer         `json:"p_pointed,omitempty"`
	Chosen   chosen             `json:"chosen"`
	Zero     zeroable           `json:"zero,omitzero"`
	PZero    *zeroable          `json:"p_zero,omitzero"`
	Addr     netip.Addr         `json:"addr"`
	Bytes    []byte             `json:"bytes,omitempty"`
	Array    [2]int             `json:"array,omitempty"`
	Tags     []string           `json:"tags"`
	Any      any                `json:"any"`
	Nested   encodedNested      `json:"nested"`
	PNested  *encodedNested     `json:"p_nested,omitempty"`
	List     []encodedNested    `json:"list"`
	PList    []*encodedNested   `json:"p_list,omitzero"`
	Lists    [][2]encodedNested `json:"lists"`
	Map      map[string]any     `json:"map"`
	Keys     map[int]string     `json:"keys,omitempty"`
	Texts    map[upper]*int     `json:"texts"`
	Addrs    map[netip.Addr]int `json:"addrs"`
	Minds    map[int16]uint     `json:"minds"`
	Ask      isZeroer           `json:"ask,omitzero"`
	Asked    asked              `json:"asked,omitzero"`
	PAsked   *asked             `json:"p_asked,omitzero"`
}

type encodedNested struct {
	City   string         `json:"city"`
	Zip    *string        `json:"zip"`
	Count  int            `json:"count,omitempty"`
	Chosen chosen         `json:"chosen"`
	More   map[string]any `json:"more"`
}

var someTexts = []string{
	"", "plain text", `"quoted" \ <b>&amp;</b>`, "tab\tnew\nline\x00\x1f\x7f", "Müller 日本語", "line\u2028para\u2029", "bad\xffutf\xc3", "12", "\ufffd", "<>",
}

var someFloats = []float64{
	0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e-6, 9.99e-7, 1e-7, 1e20, 1e21, 1.5e21, 1e-10, 5e-324, math.MaxFloat64, 123456789.125, 1 << 53, math.MaxFloat32,
}

// fill sets v to something random.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		t := time.Unix(r.Int64N(4e9), r.Int64N(3)*r.Int64N(1e9)).UTC()
		if r.IntN(2) == 0 {
			t = t.In(time.FixedZone("", (r.IntN(26)-13)*3600+r.IntN(2)*1800))
		}
		if r.IntN(4) > 0 {
			v.Set(reflect.ValueOf(t))
		}
		return
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{1, 2, 3, byte(r.IntN(256))})))
		return
	case reflect.TypeFor[isZeroer]():
		if zeros := []any{zeroable{r.IntN(2)}, &asked{r.IntN(2)}, (*asked)(nil)}; r.IntN(4) > 0 {
			v.Set(reflect.ValueOf(zeros[r.IntN(len(zeros))]))
		}
		return
	case numberType:
		v.SetString([]string{"", "1", "-2.50", "1e400"}[r.IntN(4)])
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.String:
		v.SetString(someTexts[r.IntN(len(someTexts))])
	case reflect.Float32, reflect.Float64:
		f := someFloats[r.IntN(len(someFloats))]
		if r.IntN(2) == 0 {
			f = math.Float64frombits(r.Uint64())
		}
		if f64 := float64(float32(f)); v.Kind() == reflect.Float32 {
			f = f64
		}
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			v.SetFloat(f)
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), depth)
		}
	default:
		fillMore(r, v, depth)
	}
}

func fillMore(r *rand.Rand, v reflect.Value, depth int) {
	switch {
	case v.CanInt():
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case v.CanUint():
		v.SetUint(r.Uint64() >> r.IntN(64))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fillField(r, v, i, depth)
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth)
		}
	case depth <= 0 || r.IntN(5) == 0:
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(r, key, depth-1)
			fill(r, value, depth-1)
			v.SetMapIndex(key, value)
		}
	case v.Kind() == reflect.Interface:
		types := []any{"", 1, 2.5, float32(2.5), true, encodedNested{}, &encodedNested{}, map[string]any{}, []any{}, textual(""), chosen{}, time.Time{}, byPointer(1), []string{}}
		value := reflect.New(reflect.TypeOf(types[r.IntN(len(types))])).Elem()
		fill(r, value, depth-1)
		v.Set(value)
	}
}

func fillField(r *rand.Rand, v reflect.Value, i, depth int) {
	field := v.Field(i)
	switch {
	case field.CanSet():
		fill(r, field, depth)
	case v.Type().Field(i).Anonymous && field.Kind() == reflect.Struct:
		for j := range field.NumField() {
			if field.Field(j).CanSet() {
				fill(r, field.Field(j), depth)
			}
		}
	}
}

// levelsOf gives all fields a level.
func levelsOf(s *Shape, level model.FieldLevel) []model.FieldLevel {
	levels := make([]model.FieldLevel, len(s.fields))
	for i := range levels {
		levels[i] = level
	}
	return levels
}

// encodedShape governs all of encodedRecord, at different depths.
func encodedShape() *Shape {
	var fields []Field
	add := func(name string) { fields = append(fields, Field{Name: name}) }
	probe := NewShape(nil)
	for _, m := range probe.plan(reflect.TypeFor[encodedRecord](), probe.root).fields {
		add(m.name)
	}
	for _, name := range []string{"nested.city", "list.chosen.a", "p_nested.more.x", "map.Müller 日本語", "map.x", "lists.chosen.b", "any.city", "chosen.b", "i64.x", "keys.5", "upper.x", "p_when.x", "addrs.x", "minds.x", "texts.12"} {
		add(name)
	}
	return NewShape(fields)
}

func TestAppendJSONWritesWhatIsReadableAsEncodingJSONDoes(t *testing.T) {
	s := encodedShape()
	levels := levelsOf(s, model.FieldWrite)
	r := rand.New(rand.NewPCG(1, 2))
	for range 800 {
		record := new(encodedRecord)
		fill(r, reflect.ValueOf(record).Elem(), 3)
		for _, v := range []any{record, *record, []*encodedRecord{record, nil}, []encodedRecord{*record}, [1]encodedRecord{*record}, map[string]any{"nested": record.Nested, "map": record.Map, "any": record.Any, "text": record.Text, "p_when": record.PWhen}} {
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.AppendJSON([]byte("before "), v, levels)
			if err != nil || string(got) != "before "+string(want) {
				t.Fatalf("%T\n got %s, %v\nwant %s", v, got, err, want)
			}
		}
	}
}

// example is a value of which some is hidden and some masked.
type example struct {
	encodedBase
	Phone    string          `json:"phone"`
	Mail     *string         `json:"mail"`
	Born     time.Time       `json:"born"`
	Salary   int             `json:"salary,string"`
	Address  exampleAddress  `json:"address"`
	Custom   map[string]any  `json:"custom"`
	Items    []exampleItem   `json:"items"`
	Raw      json.RawMessage `json:"raw"`
	Other    any             `json:"other"`
	Nameless string
}

type exampleAddress struct {
	City   string `json:"city"`
	Street string `json:"street"`
}

type exampleItem struct {
	Price float64 `json:"price"`
	Cost  float64 `json:"cost"`
}

var exampleShape = NewShape([]Field{
	{Name: "id"},
	{Name: "phone", Mask: func(v any) any { return "****" + v.(string)[len(v.(string))-2:] }},
	{Name: "mail", Mask: func(any) any { return "<m>" }},
	{Name: "born", Mask: func(v any) any { return v.(time.Time).Year() }},
	{Name: "salary", Mask: func(v any) any { return v.(int64) / 1000 * 1000 }},
	{Name: "address", Mask: func(any) any { return "*" }},
	{Name: "address.city"},
	{Name: "custom", Mask: func(any) any { return nil }},
	{Name: "custom.size"},
	{Name: "items"},
	{Name: "items.cost", Mask: func(any) any { return make(chan int) }},
	{Name: "raw.open"},
	{Name: "other", Mask: func(any) any { return []int{1} }},
	{Name: "note"},
})

// exampleLevels gives the fields named levels, and hides the others.
func exampleLevels(t *testing.T, named string) []model.FieldLevel {
	t.Helper()
	levels := levelsOf(exampleShape, model.FieldHidden)
	for _, word := range strings.Fields(named) {
		name, level := word[1:], map[byte]model.FieldLevel{'r': model.FieldRead, 'w': model.FieldWrite, 'm': model.FieldMasked}[word[0]]
		found := false
		for i, f := range exampleShape.fields {
			if f.Name == name {
				levels[i], found = level, true
			}
		}
		if !found {
			t.Fatalf("there is no field %s", name)
		}
	}
	return levels
}

func newExample() *example {
	mail := "ann@example.com"
	return &example{
		encodedBase: encodedBase{ID: 7, Note: "n"},
		Phone:       "5551234",
		Mail:        &mail,
		Born:        time.Date(1980, 2, 3, 0, 0, 0, 0, time.UTC),
		Salary:      54321,
		Address:     exampleAddress{City: "Bonn", Street: "Main"},
		Custom:      map[string]any{"size": 5, "colour": "red"},
		Items:       []exampleItem{{Price: 2, Cost: 1}},
		Raw:         json.RawMessage(`{"open": [1], "shut": 2}`),
		Other:       "secret",
		Nameless:    "secret",
	}
}

var exampleTests = []struct {
	levels string // of fields; the others are hidden
	json   string // as AppendJSON writes it
	copied string // as encoding/json writes the copy, without what is zero
}{
	{"", `{}`, `{}`},
	{"rid", `{"id":7}`, `{"id":7}`},
	{"mphone mmail", `{"phone":"****34","mail":"\u003cm\u003e"}`, `{"mail":"\u003cm\u003e","phone":"****34"}`},
	{"mborn", `{"born":1980}`, `{}`},
	{"msalary", `{"salary":54000}`, `{"salary":"54000"}`},
	{"wsalary", `{"salary":"54321"}`, `{"salary":"54321"}`},
	{"raddress.city", `{"address":{"city":"Bonn"}}`, `{"address":{"city":"Bonn"}}`},
	{"maddress", `{"address":{"street":"*"}}`, `{"address":{"street":"*"}}`},
	{"raddress maddress.city", `{"address":{"street":"Main"}}`, `{"address":{"street":"Main"}}`},
	{"mcustom", `{"custom":{}}`, `{}`},
	{"rcustom", `{"custom":{"colour":"red"}}`, `{"custom":{"colour":"red"}}`},
	{"rcustom.size", `{"custom":{"size":5}}`, `{"custom":{"size":5}}`},
	{"ritems", `{"items":[{"price":2}]}`, `{"items":[{"price":2}]}`},
	{"mitems.cost", `{"items":[{}]}`, `{"items":[{}]}`},
	{"rraw.open", `{"raw":{"open":[1]}}`, `{"raw":{"open":[1]}}`},
	{"mother", `{"other":[1]}`, `{"other":[1]}`},
	{"mnote mid", `{}`, `{}`},
}

func TestAppendJSONHidesAndMasks(t *testing.T) {
	for _, test := range exampleTests {
		got, err := exampleShape.AppendJSON(nil, newExample(), exampleLevels(t, test.levels))
		if err != nil || string(got) != test.json {
			t.Errorf("%s: %s, %v; want %s", test.levels, got, err, test.json)
		}
	}
}

func TestAppendJSONOfLists(t *testing.T) {
	type listed struct {
		Tags any `json:"tags"`
	}
	s := NewShape([]Field{{Name: "tags", Mask: func(any) any { return "*" }}, {Name: "tags.name"}})
	v := listed{[]any{"text", map[string]string{"name": "n", "other": "o"}, nil, [][]any{{5}}}}
	for level, want := range map[model.FieldLevel]string{
		model.FieldHidden: `{"tags":[null,{"name":"n"},null,[[null]]]}`,
		model.FieldMasked: `{"tags":["*",{"name":"n","other":"*"},null,[["*"]]]}`,
		model.FieldRead:   `{"tags":["text",{"name":"n","other":"o"},null,[[5]]]}`,
	} {
		got, err := s.AppendJSON(nil, v, []model.FieldLevel{level, model.FieldRead})
		if err != nil || string(got) != want {
			t.Errorf("%d: %s, %v; want %s", level, got, err, want)
		}
	}
}

func TestAppendJSONFiltersWhatTypesWriteThemselves(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}, {Name: "b"}, {Name: "chosen.b"}, {Name: "upper", Mask: func(v any) any { return v.(string)[:1] }}, {Name: "upper.x"}})
	levels := []model.FieldLevel{model.FieldRead, model.FieldHidden, model.FieldRead, model.FieldMasked, model.FieldRead}
	for _, test := range []struct {
		v    any
		want string
	}{
		{chosen{1, 2}, `{"a":1}`},
		{&chosen{1, 2}, `{"a":1}`},
		{[]chosen{{1, 2}, {3, 4}}, `[{"a":1},{"a":3}]`},
		{map[string]any{"chosen": chosen{1, 2}, "a": chosen{1, 2}, "b": chosen{}}, `{"a":{"a":1,"b":[2]},"chosen":{"b":[2]}}`},
		{map[string]upper{"upper": "text", "b": "x"}, `{"upper":"t"}`},
		{json.RawMessage(` {"a" : "x", "b": 5}`), `{"a":"x"}`},
		{(*chosen)(nil), `null`},
		{nil, `null`},
		{json.RawMessage(nil), `null`},
	} {
		got, err := s.AppendJSON(nil, test.v, levels)
		if err != nil || string(got) != test.want {
			t.Errorf("%#v: %s, %v; want %s", test.v, got, err, test.want)
		}
	}
}

// renamed writes its JSON itself, in which its fields have other names than in the schema.
type renamed struct {
	Phone string        `json:"phone" authz:"mobile"`
	Note  string        `json:"note" authz:"-"`
	Parts []renamedPart `json:"parts"`
}

type renamedPart struct {
	Cost int `json:"cost" gorm:"column:price" authz:"price"`
	Open int `json:"open"`
}

func (r renamed) MarshalJSON() ([]byte, error) {
	type bare renamed
	return json.Marshal(bare(r))
}

func TestAppendJSONKnowsFieldsInWhatTypesWriteThemselves(t *testing.T) {
	s := NewShape([]Field{{Name: "phone"}, {Name: "mobile"}, {Name: "note"}, {Name: "parts"}, {Name: "parts.price"}})
	v := &renamed{"555", "n", []renamedPart{{5, 6}}}
	const r, h = model.FieldRead, model.FieldHidden
	for _, test := range []struct {
		levels []model.FieldLevel
		want   string
	}{
		{[]model.FieldLevel{r, h, r, r, h}, `{"parts":[{"open":6}]}`},
		{[]model.FieldLevel{h, r, h, h, r}, `{"phone":"555","parts":[{"cost":5}]}`},
		{[]model.FieldLevel{h, h, h, h, h}, `{}`},
		{nil, `{}`},
	} {
		if got, err := s.AppendJSON(nil, v, test.levels); err != nil || string(got) != test.want {
			t.Errorf("%v: %s, %v; want %s", test.levels, got, err, test.want)
		}
	}
}

type failing struct{ A string }

func (f failing) MarshalJSON() ([]byte, error) { return nil, errors.New(f.A) }

func TestErrorsShowNothing(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}, {Name: "b"}, {Name: "b.c"}})
	levels := levelsOf(s, model.FieldRead)
	cycle := []any{nil}
	cycle[0] = cycle
	var ring any
	ring = &ring
	for _, test := range []struct {
		v    any
		want error
	}{
		{failing{"secret"}, ErrEncode},
		{map[string]any{"a": "secret", "b": math.Inf(1)}, ErrEncode},
		{map[string]any{"a": failing{"secret"}}, ErrEncode},
		{map[string]any{"b": failing{"secret"}}, ErrEncode},
		{map[string]any{"a": make(chan int)}, ErrEncode},
		{map[string]any{"a": time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}, ErrEncode},
		{map[string]any{"a": json.Number("secret")}, ErrEncode},
		{json.RawMessage(`{"secret`), ErrEncode},
		{"secret", ErrShape},
		{[]any{map[string]any{}, 5}, ErrShape},
		{[]byte("secret"), ErrShape},
		{upper("secret"), ErrShape},
		{func() {}, ErrShape},
		{new(5), ErrShape},
		{cycle, ErrDepth},
		{ring, ErrDepth},
		{map[string]any{"b": cycle}, ErrDepth},
	} {
		got, err := s.AppendJSON([]byte("x"), test.v, levels)
		if got != nil || !errors.Is(err, test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%T: %q, %v; want %v", test.v, got, err, test.want)
		}
	}
}

func TestLevelsThatAreMissingHide(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}, {Name: "b"}, {Name: "c"}})
	v := map[string]any{"a": 1, "b": 2, "c": 3}
	for _, levels := range [][]model.FieldLevel{{model.FieldRead}, {model.FieldRead, model.FieldWrite + 1}, {model.FieldRead, model.FieldMasked}} {
		got, err := s.AppendJSON(nil, v, levels)
		if err != nil || string(got) != `{"a":1}` {
			t.Errorf("%v: %s, %v", levels, got, err)
		}
	}
	if got, err := NewShape(nil).AppendJSON(nil, v, levelsOf(s, model.FieldWrite)); err != nil || string(got) != `{}` {
		t.Errorf("no fields: %s, %v", got, err)
	}
}

// pageRow has forty fields, as those of a customer.
type pageRow struct {
	ID, Owner, Unit, Parent, Version                                int64
	Name, Phone, Mail, Street, City, Zip, Country, Web, Lang, Stage string
	Title, First, Last, Fax, Mobile, Vat, Iban, Notes, Source, Type string
	Active, Locked, Vip                                             bool
	Revenue, Score, Lat, Long                                       float64
	Created, Updated                                                time.Time
	Seen                                                            *time.Time
	Campaign                                                        *string
	Employees                                                       *int
	Tags                                                            []string
	Custom                                                          map[string]any
	Rank                                                            int
}

func benchmarkPage() ([]any, *Shape) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	var fields []reflect.StructField
	typ := reflect.TypeFor[pageRow]()
	var schema []Field
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := strings.ToLower(f.Name)
		f.Tag = reflect.StructTag(fmt.Sprintf("json:%q", name))
		fields = append(fields, f)
		schema = append(schema, Field{Name: name, Mask: mask.Func(func(any) any { return "****" })})
	}
	tagged := reflect.StructOf(fields)
	page := make([]any, 25)
	for i := range page {
		campaign, employees := "Spring campaign", 250+i
		text := fmt.Sprintf("Some text of row %d", i)
		row := pageRow{
			ID: int64(i), Owner: 17, Name: text, Phone: "+49 151 1234567", Mail: "someone@example.com", Street: "Hauptstraße 5",
			City: "Bonn", Zip: "53111", Country: "DE", Web: "https://example.com", Notes: text + text, Active: true,
			Revenue: 1234567.89, Score: 0.5, Lat: 50.7374, Long: 7.0982, Created: at, Updated: at, Seen: &at,
			Campaign: &campaign, Employees: &employees, Tags: []string{"a", "b"}, Custom: map[string]any{"size": "big", "n": 5.0},
		}
		page[i] = reflect.ValueOf(row).Convert(tagged).Interface()
	}
	return page, NewShape(schema)
}

func TestPageHasFortyFields(t *testing.T) {
	page, s := benchmarkPage()
	got, err := s.AppendJSON(nil, page, levelsOf(s, model.FieldRead))
	want, wanted := json.Marshal(page)
	if err != nil || wanted != nil || string(got) != string(want) || len(s.fields) != 40 {
		t.Fatalf("%d fields, %v, %v\n got %s\nwant %s", len(s.fields), err, wanted, got, want)
	}
}

func BenchmarkPage(b *testing.B) {
	page, s := benchmarkPage()
	levels := levelsOf(s, model.FieldRead)
	mixed := levelsOf(s, model.FieldRead)
	for i := 0; i < len(mixed); i += 5 {
		mixed[i] = model.FieldMasked
		mixed[i+1] = model.FieldHidden
	}
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(page); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, levels := range map[string][]model.FieldLevel{"readable": levels, "mixed": mixed} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = s.AppendJSON(dst[:0], page, levels); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
