package adapter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// FuzzReadProposal reads any JSON: it is refused, or what is written of it is read as the same.
func FuzzReadProposal(f *testing.F) {
	f.Add([]byte(`{"tenant":"acme","id":"1","version":1,"state":"planned","start":"2026-11-22T09:00:00Z","steps":[{"did":"planned","actor":"a","at":"2026-11-22T09:00:00Z"}],"remove":[],"add":[["g","user:a","role:r","acme","-"]]}`))
	f.Add([]byte(`{"tenant":"*","id":"é","version":4611686018427387904,"state":"noted","due":"0000-01-01T00:00:00Z","steps":[{"did":"<\u0000>","at":"0001-01-01T00:00:00Z"}],"notices":[{"event":"start","at":"9999-12-31T23:59:59.9999999Z","told":true}],"remove":null,"add":[]}`))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p, again Proposal
		if err := json.Unmarshal(text, &p); err != nil {
			return
		}
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%+v was read but cannot be written: %v", p, err)
		}
		if err := json.Unmarshal(written, &again); err != nil || !again.Equal(p) {
			t.Fatalf("%v, mismatch (-want +got):\n%s", err, cmp.Diff(p, again))
		}
	})
}

// FuzzErasedText puts a pseudonym into any text: nothing is lost but the id, and once is enough.
func FuzzErasedText(f *testing.F) {
	f.Add("user:eve, user:eve2; (user:eve) user:eve.smith user:eve.", "user:eve")
	f.Add("user:éve user:évé", "user:éve")
	f.Add("user:a user:a", "user:a user:a")
	f.Fuzz(func(t *testing.T, text, id string) {
		e := Erasure{Subject: id, Pseudonym: "user:erased-x7"}
		if model.CheckSubject(id, model.User) != nil || id == e.Pseudonym {
			return
		}
		once := e.Text(text)
		if twice := e.Text(once); twice != once {
			t.Errorf("%q, then %q", once, twice)
		}
		if back := strings.ReplaceAll(once, e.Pseudonym, id); !strings.Contains(text, e.Pseudonym) && back != text {
			t.Errorf("%q became %q", text, once)
		}
	})
}
