package mask

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var key = []byte("0123456789abcdef")

func mustNew(t testing.TB, name string) Func {
	t.Helper()
	f, err := New(name, key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shown is a value and what a mask is to show of it.
type shown struct{ value, want any }

func checkShown(t *testing.T, name string, cases ...shown) {
	t.Helper()
	f := mustNew(t, name)
	for _, c := range cases {
		if got := f.Apply(c.value); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s shows %#v of %.60q (%T), want %#v", name, got, fmt.Sprint(c.value), c.value, c.want)
		}
	}
}

// Types of applications.
type (
	named   string
	count16 int16
	flag    bool
	rate    float32
	ratio   float64
	stamp   time.Time
	blob    []byte
	circle  *circle
	record  struct{ Name string }
)

// nullText is made like sql.NullString, which may not be imported here.
type nullText struct {
	Text  string
	Valid bool
}

func (n nullText) Value() (any, error) {
	if !n.Valid {
		return nil, nil
	}
	return n.Text, nil
}

// valuer has its Value method on the pointer.
type valuer struct{ value func() (any, error) }

func (v *valuer) Value() (any, error) { return v.value() }

// stranger has a method of the name that is another.
type stranger string

func (stranger) Value(string) (any, error) { panic("not a driver.Valuer") }

// spoken has a text of its own, which is not asked for.
type spoken struct{}

func (spoken) String() string { return "12345678" }

var moment = time.Date(2024, 2, 29, 11, 0, 0, 0, time.FixedZone("", 3600))

func TestNewKnowsNoOtherNames(t *testing.T) {
	for _, name := range []string{
		"", "last", "last0", "last04", "last+4", "last-4", "last100", "last4 ", "last٤", "Last4", "last4.0", "last99999999999999999999",
		"first", "first0", "first100", "range", "range0", "range1", "range010", "range1000000000001", "range-10", "email1", "hash2", "FIXED", "nil",
	} {
		f, err := New(name, key)
		if f != nil || !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("New(%q): %v", name, err)
		}
	}
	for _, name := range []string{"last1", "last99", "first1", "first99", "range2", "range1000000000000", "email", "phone", "year", "fixed", "null"} {
		if f, err := New(name, nil); f == nil || err != nil {
			t.Errorf("New(%q) without a key: %v", name, err)
		}
	}
}

func TestHashNeedsAKey(t *testing.T) {
	for _, short := range [][]byte{nil, {}, key[:15]} {
		if f, err := New("hash", short); f != nil || !errors.Is(err, ErrNoKey) {
			t.Errorf("a key of %d bytes: %v", len(short), err)
		}
	}
	if _, err := New("hash", key); err != nil {
		t.Errorf("a key of 16 bytes: %v", err)
	}
}

func TestLastShowsAtMostHalf(t *testing.T) {
	checkShown(t, "last4",
		shown{"", ""},
		shown{"1", "****"},
		shown{"1234567", "****"},
		shown{"12345678", "****5678"},
		shown{"DE89370400440532013000", "****3000"},
		shown{"äöüßéèêë", "****éèêë"},
		shown{"日本語日本語日本", "****本語日本"},
		shown{"abcdefge\u0301h", "****ge\u0301h"},
		shown{"ab\x00cd\ne\x1bf", "****\ne\x1bf"},
		shown{"abcdefg\xff", "****"},
		shown{"\xff\xfe\xfd\xfcabcd", "****"},
		shown{strings.Repeat("x", 1<<20) + "abcd", "****abcd"},
		shown{12345678, "****5678"},
		shown{-12345678, "****5678"},
		shown{-1234567, "****"},
		shown{int64(math.MinInt64), "****5808"},
		shown{uint64(math.MaxUint64), "****1615"},
		shown{1234.5678, "****5678"},
		shown{-1e21, "****0000"},
		shown{float32(12345.75), "****5.75"},
		shown{math.NaN(), "****"},
		shown{math.Inf(-1), "****"},
		shown{json.Number("-123456789"), "****6789"},
		shown{json.Number("1.25e9"), "****0000"},
		shown{json.Number("1e999999999"), "****"},
		shown{json.Number("12345678x"), "****"},
		shown{true, "****"},
		shown{moment, "****"},
	)
	checkShown(t, "last1", shown{"a", "****"}, shown{"ab", "****b"}, shown{0, "****"}, shown{-10, "****0"})
	checkShown(t, "last99", shown{strings.Repeat("x", 197), "****"}, shown{strings.Repeat("x", 198), "****" + strings.Repeat("x", 99)})
}

func TestFirstShowsAtMostHalf(t *testing.T) {
	checkShown(t, "first2",
		shown{"", ""},
		shown{"a", "****"},
		shown{"abc", "****"},
		shown{"abcd", "ab****"},
		shown{"日本語日本", "日本****"},
		shown{"e\u0301te\u0301", "e\u0301****"},
		shown{"\x00\x1bab", "\x00\x1b****"},
		shown{"abcd\xff", "****"},
		shown{strings.Repeat("ä", 1<<19), "ää****"},
		shown{-1234, "12****"},
		shown{-123, "****"},
		shown{int64(math.MinInt64), "92****"},
		shown{-0.5, "****"},
		shown{-0.25, "0.****"},
		shown{json.Number("-4321"), "43****"},
		shown{json.Number(""), "****"},
		shown{false, "****"},
	)
}

func TestEmailShowsTheDomain(t *testing.T) {
	checkShown(t, "email",
		shown{"ann@example.com", "a****@example.com"},
		shown{"an@example.com", "a****@example.com"},
		shown{"a@example.com", "****@example.com"},
		shown{"ä@example.com", "****@example.com"},
		shown{"äö@bücher.example", "ä****@bücher.example"},
		shown{"日本@例え.jp", "日****@例え.jp"},
		shown{"o'neil+tag@mail-1.a_b.example", "o****@mail-1.a_b.example"},
		shown{"", "****"},
		shown{"@", "****"},
		shown{"@example.com", "****"},
		shown{"ann@", "****"},
		shown{"ann", "****"},
		shown{"ann@b@example.com", "****"},
		shown{"ann@exa\xffmple.com", "****"},
		shown{"meet me @ 12 High Street", "****"},
		shown{"https://user:secret@host/path?token=1", "****"},
		shown{"Ann Lee <ann@example.com>", "****"},
		shown{"ann@example.com\n", "****"},
		shown{"ann@example\x00.com", "****"},
		shown{"ann@" + strings.Repeat("x", 254), "****"},
		shown{"ann@" + strings.Repeat("x", 253), "a****@" + strings.Repeat("x", 253)},
		shown{strings.Repeat("x", 1<<20) + "@example.com", "x****@example.com"},
		shown{42, "****"},
		shown{true, "****"},
	)
}

func TestPhoneShowsThreeDigits(t *testing.T) {
	checkShown(t, "phone",
		shown{"+49 (151) 123-4567", "+** (***) ***-*567"},
		shown{"0151/123.456", "****/***.456"},
		shown{"123456", "***456"},
		shown{"12-34-5-6", "**-*4-5-6"},
		shown{"12345", "****"},
		shown{"+1 2-3.4/5", "****"},
		shown{"", "****"},
		shown{"+", "****"},
		shown{" +123456", "****"},
		shown{"123+456", "****"},
		shown{"++123456", "****"},
		shown{"123456 ext. 7", "****"},
		shown{"١٢٣٤٥٦", "****"},
		shown{"123\u00a0456", "****"},
		shown{"123456\x00", "****"},
		shown{"123456\xff", "****"},
		shown{strings.Repeat("7", 1<<20), strings.Repeat("*", 1<<20-3) + "777"},
		shown{4915112345678, "**********678"},
		shown{4915112345678.0, "**********678"},
		shown{-123456, "***456"},
		shown{json.Number("4915112345678"), "**********678"},
		shown{false, "****"},
	)
}

func TestHashIsThatOfTheDocumentedText(t *testing.T) {
	checkShown(t, "hash",
		shown{"", "496dc93fa2d26eae500ec0bc37a12270"},
		shown{"Ann", "993bf55a4da782513aed2f25784cb2b7"},
		shown{named("Ann"), "993bf55a4da782513aed2f25784cb2b7"},
		shown{[]byte("Ann"), "993bf55a4da782513aed2f25784cb2b7"},
		shown{nullText{"Ann", true}, "993bf55a4da782513aed2f25784cb2b7"},
		shown{"5", "b03482c855bd539b42aac2ac9979c9ae"},
		shown{5, "b03482c855bd539b42aac2ac9979c9ae"},
		shown{uint8(5), "b03482c855bd539b42aac2ac9979c9ae"},
		shown{5.0, "b03482c855bd539b42aac2ac9979c9ae"},
		shown{json.Number("5"), "b03482c855bd539b42aac2ac9979c9ae"},
		shown{json.Number("0.50e1"), "b03482c855bd539b42aac2ac9979c9ae"},
		shown{-5, "a11a1ef99c14a7fef71033bf04daa61b"},
		shown{uint64(math.MaxUint64), "dad80558513972ca9161ada54196b96f"},
		shown{json.Number("18446744073709551615"), "dad80558513972ca9161ada54196b96f"},
		shown{0.5, "8ab07b19af36b4fe4240af0d5c474a91"},
		shown{float32(0.5), "8ab07b19af36b4fe4240af0d5c474a91"},
		shown{json.Number("5e-1"), "8ab07b19af36b4fe4240af0d5c474a91"},
		shown{true, "3e305deeb0948f5dfda47bb3b4fb7944"},
		shown{moment, "facd5dbb2967f7c35cf447574c57bc81"},
		shown{moment.UTC(), "facd5dbb2967f7c35cf447574c57bc81"},
		shown{math.NaN(), nil},
		shown{math.Inf(1), nil},
		shown{json.Number("x"), nil},
		shown{record{"Ann"}, nil},
	)
	f := mustNew(t, "hash")
	same := map[any]any{float32(0.1): 0.1, math.Copysign(0, -1): 0, json.Number("-0.0"): 0, 1 << 60: float64(1 << 60)}
	for a, b := range same {
		if f.Apply(a) != f.Apply(b) || f.Apply(a) == nil {
			t.Errorf("%v and %v have the hashes %v and %v", a, b, f.Apply(a), f.Apply(b))
		}
	}
	seen := map[any]any{}
	for _, v := range []any{"", "Ann", "ann", 5, -5, 0.5, "0.5", -0.5, true, "true", false, moment, moment.Add(1), uint64(math.MaxUint64), float64(math.MaxUint64), strings.Repeat("x", 1<<20)} {
		h := f.Apply(v)
		if text, ok := h.(string); !ok || len(text) != 32 || seen[h] != nil {
			t.Errorf("%v and %.60v have the hash %v", seen[h], v, h)
		}
		seen[h] = v
	}
}

func TestHashDependsOnTheKeyAsItWas(t *testing.T) {
	mine := []byte("0123456789abcdef")
	f, err := New("hash", mine)
	if err != nil {
		t.Fatal(err)
	}
	before := f.Apply("Ann")
	mine[0] = 'x'
	if after := f.Apply("Ann"); after != before {
		t.Error("a change of the caller's key changed the hash")
	}
	other, err := New("hash", mine)
	if err != nil {
		t.Fatal(err)
	}
	if other.Apply("Ann") == before {
		t.Error("two keys give the same hash")
	}
}

func TestYearShowsTheYearOfTimes(t *testing.T) {
	checkShown(t, "year",
		shown{moment, 2024},
		shown{stamp(moment), 2024},
		shown{&moment, 2024},
		shown{time.Time{}, 1},
		shown{time.Date(2023, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)), 2023},
		shown{"1987-06-05", 1987},
		shown{"1987-06-05 04:03:02", 1987},
		shown{"1987-06-05T04:03:02Z", 1987},
		shown{"1987-06-05T04:03:02.123456789+02:00", 1987},
		shown{"1987-02-30", nil},
		shown{"1987", nil},
		shown{"05.06.1987", nil},
		shown{" 1987-06-05", nil},
		shown{"1987-06-05 and more", nil},
		shown{"1987-06-05T04:03:02." + strings.Repeat("1", 1<<20) + "Z", nil},
		shown{"", nil},
		shown{"\xff", nil},
		shown{1987, nil},
		shown{json.Number("1987"), nil},
		shown{true, nil},
	)
}

func TestRangeShowsTheStep(t *testing.T) {
	checkShown(t, "range1000",
		shown{0, "0-999"},
		shown{999, "0-999"},
		shown{1000, "1000-1999"},
		shown{-1, "-1000--1"},
		shown{-1000, "-1000--1"},
		shown{-1001, "-2000--1001"},
		shown{int64(math.MinInt64), "-9223372036854776000--9223372036854775001"},
		shown{int64(math.MaxInt64), "9223372036854775000-9223372036854775999"},
		shown{uint64(math.MaxUint64), "18446744073709551000-18446744073709551999"},
		shown{999.99, "0-999"},
		shown{-0.01, "-1000--1"},
		shown{-1000.5, "-2000--1001"},
		shown{math.Copysign(0, -1), "0-999"},
		shown{math.SmallestNonzeroFloat64, "0-999"},
		shown{-math.SmallestNonzeroFloat64, "-1000--1"},
		shown{float64(1 << 60), "1152921504606846000-1152921504606846999"},
		shown{math.NaN(), nil},
		shown{math.Inf(1), nil},
		shown{math.Inf(-1), nil},
		shown{json.Number("1234.5"), "1000-1999"},
		shown{json.Number("1.2345E+3"), "1000-1999"},
		shown{json.Number("-12345e-1"), "-2000--1001"},
		shown{json.Number("1e-400"), "0-999"},
		shown{json.Number("1e401"), nil},
		shown{json.Number("1e99999999999999999999"), nil},
		shown{"1234", "1000-1999"},
		shown{"-1234.00", "-2000--1001"},
		shown{"007", "0-999"},
		shown{"", nil},
		shown{"-", nil},
		shown{"1.", nil},
		shown{".5", nil},
		shown{"1e", nil},
		shown{"+5", nil},
		shown{" 5", nil},
		shown{"1_000", nil},
		shown{"0x10", nil},
		shown{"--5", nil},
		shown{"NaN", nil},
		shown{"Inf", nil},
		shown{"1,5", nil},
		shown{"1\xff", nil},
		shown{strings.Repeat("9", 1<<20), nil},
		shown{true, nil},
		shown{moment, nil},
	)
	checkShown(t, "range10", shown{int64(math.MinInt64), "-9223372036854775810--9223372036854775801"}, shown{-10, "-10--1"}, shown{19, "10-19"})
	checkShown(t, "range2", shown{7.9, "6-7"}, shown{-7.9, "-8--7"})
	checkShown(t, "range1000000000000", shown{1, "0-999999999999"})
	if got, ok := mustNew(t, "range10").Apply(math.MaxFloat64).(string); !ok || len(got) != 619 {
		t.Errorf("the largest float is in %q", got)
	}
}

func TestFixedAndNullTellNothing(t *testing.T) {
	for _, v := range []any{"", "x", 0, false, moment, record{}, map[string]int{}, []int{1}, make(chan int), func() {}, math.NaN(), json.RawMessage(`{}`)} {
		if got := mustNew(t, "fixed").Apply(v); got != "****" {
			t.Errorf("fixed shows %#v of a %T", got, v)
		}
		if got := mustNew(t, "null").Apply(v); got != nil {
			t.Errorf("null shows %#v of a %T", got, v)
		}
	}
}

var everyName = []string{"last4", "first2", "last1", "first1", "email", "phone", "hash", "year", "range10", "range2", "fixed", "null"}

func TestWhatIsNotScalarIsNotShown(t *testing.T) {
	for _, name := range everyName {
		if name == "fixed" {
			continue
		}
		for _, v := range []any{
			record{"12345678"}, &record{"12345678"}, map[string]string{"a": "12345678"}, []string{"12345678"}, [8]byte{'1', '2'}, []rune("12345678"),
			make(chan int), func() {}, complex(1, 2), spoken{}, json.RawMessage(`{"a":"12345678"}`), json.RawMessage(`["12345678"]`),
		} {
			if got := mustNew(t, name).Apply(v); got != nil {
				t.Errorf("%s shows %#v of a %T", name, got, v)
			}
		}
	}
}

func TestNilIsNotShown(t *testing.T) {
	var round circle
	round = &round
	deep := any("12345678")
	for range deepest {
		deep = &deep
	}
	asked := Func(func(v any) any { t.Errorf("asked for %#v", v); return v })
	for _, f := range append([]Func{asked}, builtIns(t)...) {
		for _, v := range []any{
			nil, (*string)(nil), (**string)(nil), new(*string), new(any), (*record)(nil), (*time.Time)(nil), (*nullText)(nil), (*valuer)(nil),
			[]byte(nil), []string(nil), map[string]int(nil), (chan int)(nil), (func())(nil), error(nil),
			nullText{"12345678", false}, &nullText{"12345678", false}, json.RawMessage(nil), json.RawMessage("null"), json.RawMessage(" "), json.RawMessage("12345678x"),
			json.RawMessage(`"12345678`), []byte("1234567\xff"), round,
			&valuer{func() (any, error) { return "12345678", errors.New("no") }},
			&valuer{func() (any, error) { panic("no") }},
			&valuer{},
			func() any { v := &valuer{}; v.value = func() (any, error) { return v, nil }; return v }(),
			struct{ *valuer }{},
			deep,
		} {
			if got := f.Apply(v); got != nil {
				t.Errorf("%#v is shown of a nil %T", got, v)
			}
		}
	}
}

func builtIns(t testing.TB) (all []Func) {
	for _, name := range everyName {
		all = append(all, mustNew(t, name))
	}
	return all
}

func TestApplyShowsValuesInOneForm(t *testing.T) {
	text := "Ann"
	pointer := &text
	self := Func(func(v any) any { return v })
	for _, c := range []shown{
		{"Ann", "Ann"}, {named("Ann"), "Ann"}, {pointer, "Ann"}, {&pointer, "Ann"}, {new(any("Ann")), "Ann"}, {stranger("Ann"), "Ann"},
		{[]byte("Ann"), "Ann"}, {blob("Ann"), "Ann"}, {[]byte{}, ""}, {"\xff", "\xff"},
		{int8(-5), int64(-5)}, {count16(5), int64(5)}, {5, int64(5)}, {time.Second, int64(1e9)},
		{uint16(5), uint64(5)}, {uintptr(5), uint64(5)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{float32(0.1), 0.1}, {rate(0.1), 0.1}, {ratio(0.1), 0.1}, {0.1, 0.1}, {flag(true), true}, {float32(math.Inf(1)), math.Inf(1)},
		{moment, moment}, {&moment, moment}, {stamp(moment), moment},
		{json.Number("5"), json.Number("5")}, {new(json.Number("5")), json.Number("5")},
		{json.RawMessage(` "Ann" `), "Ann"}, {json.RawMessage("-5.0"), json.Number("-5.0")}, {json.RawMessage("true"), true},
		{json.RawMessage(`{"a":1}`), json.RawMessage(`{"a":1}`)},
		{nullText{"Ann", true}, "Ann"}, {&nullText{"Ann", true}, "Ann"},
		{&valuer{func() (any, error) { return named("Ann"), nil }}, "Ann"},
		{&valuer{func() (any, error) { return []byte("Ann"), nil }}, "Ann"},
		{&valuer{func() (any, error) { return moment, nil }}, moment},
		{&valuer{func() (any, error) { return &nullText{"Ann", true}, nil }}, "Ann"},
		{record{"Ann"}, record{"Ann"}}, {&record{"Ann"}, record{"Ann"}}, {[]int{1}, []int{1}},
	} {
		if got := self.Apply(c.value); !reflect.DeepEqual(got, c.want) {
			t.Errorf("a mask sees %#v for %#v, want %#v", got, c.value, c.want)
		}
	}
}

func TestApplyFailsToNothing(t *testing.T) {
	if got := Func(nil).Apply("Ann"); got != nil {
		t.Errorf("a nil mask shows %#v", got)
	}
	for _, cause := range []any{"no", error(nil), errors.New("no")} {
		if got := Func(func(any) any { panic(cause) }).Apply("Ann"); got != nil {
			t.Errorf("a mask that panics with %v shows %#v", cause, got)
		}
	}
}

// alphabets are of what texts are made at random.
var alphabets = []string{
	"0123456789", "0123456789 -/.()+", "abcdefghijklmnopqrstuvwxyz", "abz@.-_", "aä日😀e\u0301\u200d@", "a\xff\xc3\x28@1", "ab\x00\n\x1b 1", "-0123456789.eE",
}

func randomText(r *rand.Rand) string {
	letters := []byte(alphabets[r.IntN(len(alphabets))])
	if utf8.Valid(letters) {
		runes := []rune(string(letters))
		text := make([]rune, r.IntN(30))
		for i := range text {
			text[i] = runes[r.IntN(len(runes))]
		}
		return string(text)
	}
	text := make([]byte, r.IntN(30))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

func TestTextMasksNeverShowMoreThanHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	partly := 0
	for range 3000 {
		text := randomText(r)
		for _, name := range []string{"last1", "last2", "last4", "first1", "first2", "first4", "email", "phone"} {
			partly += checkHalf(t, name, text, mustNew(t, name).Apply(text))
		}
	}
	if partly < 3000 {
		t.Errorf("only %d texts were shown in part", partly)
	}
}

func TestBuiltInMasksNeverShowTheValue(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	masks := builtIns(t)
	for range 3000 {
		text := randomText(r) // has no stars, so that what is shown is not it by chance
		n := int64(r.Uint64()) >> r.IntN(64)
		for i, f := range masks {
			for _, v := range []any{text, named(text), []byte(text), json.RawMessage(text), nullText{text, true}} {
				if got := f.Apply(v); text != "" && (got == text || reflect.DeepEqual(got, v)) {
					t.Fatalf("%s shows %#v whole", everyName[i], v)
				}
			}
			for _, v := range []any{n, uint64(n), float64(n) / 8, json.Number(fmt.Sprint(n)), fmt.Sprint(n)} {
				if got := f.Apply(v); got != nil && fmt.Sprint(got) == strings.TrimPrefix(fmt.Sprint(v), "-") || reflect.DeepEqual(got, v) {
					t.Fatalf("%s shows %#v whole", everyName[i], v)
				}
			}
		}
	}
}

func TestNumbersNeverShowMoreThanHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		n := int64(r.Uint64()) >> r.IntN(64)
		digits := strings.TrimPrefix(fmt.Sprint(n), "-")
		for _, name := range []string{"last1", "last4", "first1", "first4", "phone"} {
			checkHalf(t, name, digits, mustNew(t, name).Apply(n))
		}
	}
}
