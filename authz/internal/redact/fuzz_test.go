package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/crmauthz/crmauthz/model"
)

var someJSON = []string{
	``, `null`, `1`, `"secret"`, `{}`, `[]`, `{"secret":1,"name":"x"}`, `[{"secret":{"secret":1}},null]`, `{"s\u0065cret":1}`, `{"name":1e400}{"phone":[1,{"secret":2}]}`,
	`{"address":{"city":{"x":1},"secret":2,"geo":{"lat":"1"}}}`, `{"contacts":[{"phone":1},"x",[null,{"secret":1}]]}`, `{"name":12`, `{"name":1,"name":2}`, `{"x":"\ud800","\u0000":[]}`,
	`{"address":null,"name":-0.0}`, `{"address":"x","contacts":[]}`, `[[[[[[{"name":`, "{\"name\":\"\xff\"}", `{"a":{"a":{"a":1}},"":0}`, `{} x`, `{"name":"a\"]}"}`,
}

// A member named secret is shown in no filtered JSON, but in one that is readable whole.
func FuzzStream(f *testing.F) {
	for i, text := range someJSON {
		f.Add([]byte(text), uint(i*77))
	}
	mask := func(any) any { return "****" }
	s := NewShape([]Field{{Name: "phone", Mask: mask}, {Name: "address.city", Mask: mask}, {Name: "address.geo.lat", Mask: mask}, {Name: "contacts", Mask: mask}, {Name: "contacts.phone", Mask: mask}, {Name: "secret", Mask: mask}})
	f.Fuzz(func(t *testing.T, text []byte, bits uint) {
		levels := make([]model.FieldLevel, 5) // secret's is missing
		for i := range levels {
			levels[i] = model.FieldLevel(bits >> i & 1) // hidden or masked
		}
		var out bytes.Buffer
		err := s.Stream(t.Context(), &out, bytes.NewReader(text), levels)
		alone, errAlone := s.AppendFiltered(nil, text, levels)
		if errAlone != nil && alone != nil {
			t.Errorf("an error and %s", alone)
		}
		if errAlone == nil && (err != nil || string(alone)+"\n" != out.String()) {
			t.Errorf("alone it is %s, in a stream %s, %v", alone, out.Bytes(), err)
		}
		if err == nil != validStream(text) && !errors.Is(err, ErrShape) && !errors.Is(err, ErrDepth) {
			t.Errorf("the error is %v", err)
		}
		dec := json.NewDecoder(&out)
		for err == nil {
			var shown any
			if broken := dec.Decode(&shown); errors.Is(broken, io.EOF) {
				return
			} else if broken != nil {
				t.Fatal(broken)
			}
			checkWithoutSecrets(t, shown)
		}
	})
}

// validStream tells whether a text is any number of JSON values.
func validStream(text []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func checkWithoutSecrets(t *testing.T, shown any) {
	switch shown := shown.(type) {
	case map[string]any:
		for name, value := range shown {
			if name == "secret" && value != "****" { // it may be masked as a part of contacts
				t.Errorf("shown is %v", shown)
			}
			checkWithoutSecrets(t, value)
		}
	case []any:
		for _, value := range shown {
			checkWithoutSecrets(t, value)
		}
	case string:
		if shown != "****" {
			t.Errorf("shown is %q", shown)
		}
	case float64, bool:
		t.Errorf("shown is %v", shown)
	}
}

func FuzzChanged(f *testing.F) {
	for i, text := range someJSON {
		f.Add([]byte(text), []byte(someJSON[(i*5+1)%len(someJSON)]))
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		for _, text := range [][]byte{x, y} {
			changes, err := aCustomer.Changed(text, json.RawMessage(text))
			if len(changes) > 0 {
				t.Errorf("%s is other than itself in %v", text, changes)
			}
			var object map[string]json.RawMessage
			isObject := json.Unmarshal(text, &object) == nil && object != nil
			if (err == nil) != isObject && !errors.Is(err, ErrShape) && !errors.Is(err, ErrDepth) && json.Valid(text) {
				t.Errorf("%s is refused: %v", text, err)
			}
			set, errOfSet := aCustomer.Set(text)
			if (errOfSet == nil) != (err == nil) {
				t.Errorf("%s: %v, but %v", text, err, errOfSet)
			}
			checkChanges(t, set)
			for i := range aCustomer.fields {
				if _, _, errOfValue := aCustomer.Value(text, i, levelsOf(aCustomer, model.FieldRead)); (errOfValue == nil) != (err == nil) {
					t.Errorf("%s: %v, but %v", text, err, errOfValue)
				}
			}
		}
		there, err := aCustomer.Changed(x, y)
		back, errBack := aCustomer.Changed(y, x)
		if (err == nil) != (errBack == nil) || !slices.Equal(there, back) {
			t.Errorf("%s to %s is %v, %v; back, %v, %v", x, y, there, err, back, errBack)
		}
		checkChanges(t, there)
	})
}

// checkChanges checks that changes are sorted by their paths and not told twice.
func checkChanges(t *testing.T, changes []Change) {
	for i := range changes {
		if i > 0 && (changes[i-1].Path > changes[i].Path || changes[i-1] == changes[i]) {
			t.Errorf("%v are not in order", changes)
		}
	}
}
