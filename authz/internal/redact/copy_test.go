package redact

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// notZero is the JSON of a copied example without its fields that have no value.
func notZero(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	if prune(members); len(members) == 0 {
		return "{}"
	}
	text, err = json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// prune removes members that tell of no value; what is in lists stays.
func prune(members map[string]any) {
	for name, v := range members {
		if below, ok := v.(map[string]any); ok {
			if prune(below); len(below) == 0 {
				v = nil
			}
		}
		if list, ok := v.([]any); ok {
			for _, element := range list {
				if below, ok := element.(map[string]any); ok {
					prune(below)
				}
			}
		}
		if v == nil || v == "" || v == 0.0 || v == "0" || v == "0001-01-01T00:00:00Z" {
			delete(members, name)
		}
	}
}

func TestCopyHidesAndMasks(t *testing.T) {
	for _, test := range exampleTests {
		v := newExample()
		got, err := exampleShape.Copy(v, exampleLevels(t, test.levels))
		if err != nil {
			t.Errorf("%s: %v", test.levels, err)
			continue
		}
		if text := notZero(t, got); text != test.copied {
			t.Errorf("%s: %s; want %s", test.levels, text, test.copied)
		}
		if !reflect.DeepEqual(v, newExample()) {
			t.Fatalf("%s: the value was changed: %+v", test.levels, v)
		}
		if err := exampleShape.InPlace(v, exampleLevels(t, test.levels)); err != nil || !reflect.DeepEqual(v, got) {
			t.Errorf("%s in place: %+v, %v", test.levels, v, err)
		}
	}
}

func TestCopyDoesNotChangeWhatItCopies(t *testing.T) {
	s := encodedShape()
	for seed := range uint64(1000) {
		var v [2]encodedRecord
		for i := range v {
			fill(rand.New(rand.NewPCG(seed, 0)), reflect.ValueOf(&v[i]).Elem(), 3)
		}
		r := rand.New(rand.NewPCG(seed, 1))
		levels := levelsOf(s, model.FieldHidden)
		for i := range levels {
			levels[i] = model.FieldLevel(r.IntN(4))
		}
		first, err := s.Copy(&v[0], levels)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(v[0], v[1]) {
			t.Fatalf("seed %d: the value was changed", seed)
		}
		if second, err := s.Copy(v[1], levels); err != nil || !reflect.DeepEqual(*first.(*encodedRecord), second) {
			t.Fatalf("seed %d: a pointer's copy is %+v, and a struct's %+v, %v", seed, first, second, err)
		}
		if all, err := s.Copy(&v[0], levelsOf(s, model.FieldRead)); err != nil || !reflect.DeepEqual(all, any(&v[1])) {
			t.Fatalf("seed %d: what is wholly readable is copied as %+v, %v", seed, all, err)
		}
	}
}

func TestCopySharesOnlyWhatIsReadable(t *testing.T) {
	type inner struct {
		Name string `json:"name"`
		Open *int   `json:"open"`
	}
	type outer struct {
		Inner  *inner           `json:"inner"`
		List   []*inner         `json:"list"`
		Map    map[string]inner `json:"map"`
		unseen int
	}
	s := NewShape([]Field{{Name: "inner.open"}, {Name: "list"}, {Name: "map"}, {Name: "map.x.open"}})
	n := 5
	v := outer{&inner{"a", &n}, []*inner{{"b", &n}}, map[string]inner{"x": {"c", &n}, "y": {"d", &n}}, 7}
	got, err := s.Copy(v, []model.FieldLevel{model.FieldRead, model.FieldRead, model.FieldRead, model.FieldHidden})
	if err != nil {
		t.Fatal(err)
	}
	want := outer{&inner{"", &n}, v.List, map[string]inner{"x": {"c", nil}, "y": {"d", &n}}, 7}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v; want %+v", got, want)
	}
	copied := got.(outer)
	if copied.Inner == v.Inner || copied.Inner.Open != &n || &copied.List[0] != &v.List[0] {
		t.Error("what changes must be copied, and the rest shared")
	}
	if v.Inner.Name != "a" || v.Map["x"].Open != &n {
		t.Errorf("the value was changed: %+v", v)
	}
}

type CopiedPart struct {
	Note   string `json:"note"`
	Secret string
}

type copiedPart struct {
	Note string `json:"note"`
}

func TestCopyOfEmbeddedPointers(t *testing.T) {
	type exported struct{ *CopiedPart }
	type unexported struct{ *copiedPart }
	type opaque struct{ time.Time }
	s := NewShape([]Field{{Name: "note"}})
	levels := []model.FieldLevel{model.FieldRead}
	v := exported{&CopiedPart{"n", "secret"}}
	got, err := s.Copy(v, levels)
	if err != nil || !reflect.DeepEqual(got, exported{&CopiedPart{"n", ""}}) || v.Secret != "secret" {
		t.Errorf("%+v, %v; the value is %+v", got, err, v.CopiedPart)
	}
	if got, err := s.Copy(exported{}, levels); err != nil || got != any(exported{}) {
		t.Errorf("of nil: %+v, %v", got, err)
	}
	if got, err := s.Copy(unexported{&copiedPart{"n"}}, levels); got != nil || !errors.Is(err, ErrShape) {
		t.Errorf("of an unexported type: %+v, %v", got, err)
	}
	if got, err := s.Copy(unexported{}, levels); err != nil || got != any(unexported{}) {
		t.Errorf("of an unexported type and nil: %+v, %v", got, err)
	}
	if got, err := s.Copy(opaque{time.Now()}, levels); err != nil || got != any(opaque{}) {
		t.Errorf("of a time: %+v, %v", got, err)
	}
}

func TestCopyOfEmbeddedStructsThatHaveNames(t *testing.T) {
	type governed struct {
		CopiedPart `authz:"part"`
	}
	s := NewShape([]Field{{Name: "part", Mask: func(any) any { return "*" }}})
	v := governed{CopiedPart{"n", "secret"}}
	for level, want := range map[model.FieldLevel]struct {
		copied governed
		json   string
	}{
		model.FieldHidden: {governed{}, `{}`},
		model.FieldMasked: {governed{}, `{}`},
		model.FieldRead:   {v, `{"note":"n","Secret":"secret"}`},
	} {
		if got, err := s.Copy(v, []model.FieldLevel{level}); err != nil || got != any(want.copied) {
			t.Errorf("%d: %+v, %v", level, got, err)
		}
		if got, err := s.AppendJSON(nil, v, []model.FieldLevel{level}); err != nil || string(got) != want.json {
			t.Errorf("%d: %s, %v", level, got, err)
		}
	}
}

func TestMaskedValuesFitTheirTypes(t *testing.T) {
	now := time.Now()
	text, n := "x", 5
	for _, test := range []struct {
		shown any
		field any // of the type that it is for
		want  any // nil: it is gone
	}{
		{"x", "", "x"},
		{"x", textual(""), textual("x")},
		{"x", &text, &text},
		{"x", 5, nil},
		{"5", json.Number("7"), nil},
		{"x", []byte("y"), nil},
		{"x", []rune("y"), nil},
		{65, "", nil},
		{5, 7, 5},
		{5, uint8(7), uint8(5)},
		{5, &n, &n},
		{256, uint8(7), nil},
		{-1, uint64(7), nil},
		{uint64(math.MaxUint64), int64(7), nil},
		{5, 7.5, 5.0},
		{5.0, int16(7), int16(5)},
		{5.5, 7, nil},
		{1 << 60, 7.5, nil},
		{float64(1 << 63), int64(7), nil},
		{math.NaN(), 7, nil},
		{math.Inf(1), float32(7), float32(math.Inf(1))},
		{1e300, float32(7), nil},
		{0.5, float32(7), float32(0.5)},
		{5, millis(7), millis(5)},
		{now, now, now},
		{2024, now, nil},
		{"2024", now, nil},
		{true, false, true},
		{1, false, nil},
		{"x", json.RawMessage("5"), json.RawMessage(`"x"`)},
		{make(chan int), json.RawMessage("5"), nil},
		{nil, "", nil},
		{nil, &text, nil},
		{zeroable{1}, struct{ N int }{}, struct{ N int }{1}},
	} {
		got := fit(test.shown, reflect.TypeOf(test.field))
		if test.want == nil {
			if got.IsValid() {
				t.Errorf("%#v is shown as %#v in a %T", test.shown, got, test.field)
			}
			continue
		}
		var is any
		if got.IsValid() {
			to := reflect.New(reflect.TypeOf(test.field)).Elem()
			to.Set(got)
			is = to.Interface()
		}
		if !reflect.DeepEqual(is, test.want) {
			t.Errorf("%#v is shown as %#v in a %T; want %#v", test.shown, is, test.field, test.want)
		}
	}
	if got := fit(2024, reflect.TypeFor[any]()); !got.IsValid() || got.Interface() != 2024 {
		t.Errorf("an interface does not take a number: %v", got)
	}
}

func TestCopyOfMapsListsAndJSON(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}, {Name: "b.c"}, {Name: "m", Mask: func(any) any { return "*" }}, {Name: "7"}})
	levels := []model.FieldLevel{model.FieldRead, model.FieldRead, model.FieldMasked, model.FieldRead}
	type object = map[string]any
	for _, test := range []struct{ v, want any }{
		{object{"a": nil, "b": object{"c": 1, "d": 2}, "m": 5, "z": 3}, object{"a": nil, "b": object{"c": 1}, "m": "*"}},
		{map[string]int{"a": 1, "m": 2, "z": 3}, map[string]int{"a": 1}},
		{map[textual]*int{"a": nil, "m": nil}, map[textual]*int{"a": nil}},
		{map[int]string{7: "x", 8: "y"}, map[int]string{7: "x"}},
		{map[bool]string{true: "x"}, map[bool]string{}},
		{[]any{object{"b": []any{5, object{"c": 1}, nil}}, nil}, []any{object{"b": []any{nil, object{"c": 1}, nil}}, nil}},
		{[2]object{{"z": 1}, nil}, [2]object{{}, nil}},
		{json.RawMessage(`{"a":1,"z":2}`), json.RawMessage(`{"a":1}`)},
		{object{"b": json.RawMessage(`{"c":1,"d":2}`)}, object{"b": json.RawMessage(`{"c":1}`)}},
		{object{"b": []byte("text")}, object{}},
		{object(nil), object(nil)},
		{(*example)(nil), (*example)(nil)},
		{nil, nil},
	} {
		got, err := s.Copy(test.v, levels)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%#v: %#v, %v; want %#v", test.v, got, err, test.want)
		}
	}
}

func TestCopyRefusesWhatIsNoRecord(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}})
	levels := []model.FieldLevel{model.FieldRead}
	cycle := []any{nil}
	cycle[0] = cycle
	for _, test := range []struct {
		v    any
		want error
	}{
		{"secret", ErrShape}, {5, ErrShape}, {new("secret"), ErrShape}, {make(chan int), ErrShape}, {func() {}, ErrShape},
		{[]byte("secret"), ErrShape}, {[]string{"secret"}, ErrShape}, {json.RawMessage(`"secret"`), ErrShape}, {cycle, ErrDepth},
	} {
		got, err := s.Copy(test.v, levels)
		if got != nil || !errors.Is(err, test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%T: %v, %v; want %v", test.v, got, err, test.want)
		}
	}
	if got, err := s.Copy(json.RawMessage(`{"a":`), levels); got != nil || err == nil {
		t.Errorf("broken JSON: %v, %v", got, err)
	}
}

func TestInPlaceChangesWhatCanBeChanged(t *testing.T) {
	type row struct {
		A string `json:"a"`
		Z string `json:"z"`
	}
	s := NewShape([]Field{{Name: "a"}})
	levels := []model.FieldLevel{model.FieldRead}
	var held any = &row{"a", "z"}
	raw := json.RawMessage(`{"a":1,"z":2}`)
	for _, test := range []struct{ v, want any }{
		{&row{"a", "z"}, &row{"a", ""}},
		{&[]*row{{"a", "z"}, nil}, &[]*row{{"a", ""}, nil}},
		{&[1]row{{"a", "z"}}, &[1]row{{"a", ""}}},
		{[]row{{"a", "z"}}, []row{{"a", ""}}},
		{map[string]any{"a": 1, "z": 2}, map[string]any{"a": 1}},
		{&map[string]any{"a": 1, "z": 2}, &map[string]any{"a": 1}},
		{&raw, new(json.RawMessage(`{"a":1}`))},
		{new(held), new(any(&row{"a", ""}))},
		{nil, nil},
		{(*row)(nil), (*row)(nil)},
	} {
		if err := s.InPlace(test.v, levels); err != nil || !reflect.DeepEqual(test.v, test.want) {
			t.Errorf("%#v, %v; want %#v", test.v, err, test.want)
		}
	}
	if held.(*row).Z != "z" {
		t.Error("what others may have was changed")
	}
	for _, v := range []any{row{"a", "z"}, [1]row{{"a", "z"}}, json.RawMessage(`{"a":1,"z":2}`), "secret", 5} {
		if err := s.InPlace(v, levels); !errors.Is(err, ErrShape) {
			t.Errorf("%T: %v, want ErrShape", v, err)
		}
	}
}

func TestInPlaceEmptiesWhatItFailsAt(t *testing.T) {
	s := NewShape([]Field{{Name: "a"}, {Name: "a.b"}})
	levels := []model.FieldLevel{model.FieldRead, model.FieldRead}
	cycle := []any{nil}
	cycle[0] = cycle
	type row struct {
		A any `json:"a"`
		Z string
	}
	pointer, mapped, list := &row{cycle, "secret"}, map[string]any{"a": cycle, "z": "secret"}, []row{{cycle, "secret"}}
	for _, v := range []any{pointer, mapped, list} {
		if err := s.InPlace(v, levels); !errors.Is(err, ErrDepth) {
			t.Errorf("%T: %v, want ErrDepth", v, err)
		}
	}
	if *pointer != (row{}) || len(mapped) != 0 || list[0] != (row{}) {
		t.Errorf("something is left: %v %v %v", pointer, mapped, list)
	}
}
