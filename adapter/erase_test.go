package adapter

import (
	"testing"

	"github.com/crmauthz/crmauthz/model"
)

func TestErasedTextsAreThoseInWhichTheIDIsAWord(t *testing.T) {
	e := Erasure{Subject: "user:eve", Pseudonym: "user:x"}
	for text, want := range map[string]string{
		"user:eve...":            "user:x...",
		"user:eve..., user:eve:": "user:x..., user:x:",
		"user:eve..bye":          "user:eve..bye",
		"从user:eve到":             "从user:x到",
		"user:eve。":              "user:x。",
		"超user:eve-2":            "超user:eve-2",
		"éuser:eve":              "éuser:eve",
	} {
		if got := e.Text(text); got != want {
			t.Errorf("%s became %s; want %s", text, got, want)
		}
	}
	e.Subject = "user:王"
	if got := e.Text("user:王 user:王芳 user:王2"); got != "user:x user:王芳 user:王2" {
		t.Errorf("an id in Han letters: %s", got)
	}
}

func TestAnErasedActorIsNotTheBeginningOfAnother(t *testing.T) {
	e := Erasure{Subject: "user:eve", Pseudonym: "user:x"}
	for actor, want := range map[string]string{
		"user:eve": "user:x", "user:eve王": "user:eve王", "sync for user:eve": "sync for user:x", "user:eve via sync": "user:x via sync",
		"user:eve(as:user:bob)": "user:x(as:user:bob)", "user:bob=user:eve": "user:bob=user:x", "user:eve;sudo": "user:x;sudo", "user:eve-2": "user:eve-2",
	} {
		if got := e.Actor(actor); got != want {
			t.Errorf("%s became %s; want %s", actor, got, want)
		}
	}
}

func TestPermissionsOnAnErasedIDAreRenamedInEitherSpelling(t *testing.T) {
	e := Erasure{Subject: "user:e%2Fe", Pseudonym: "user:x%2F"}
	for _, f := range [][2]model.Fact{
		{model.OrgEdge{Tenant: "acme", Below: "user:dan", Above: e.Subject}, model.OrgEdge{Tenant: "acme", Below: "user:dan", Above: e.Pseudonym}},
		{model.Switch{Tenant: "acme", Target: e.Subject}, model.Switch{Tenant: "acme", Target: e.Pseudonym}},
	} {
		rule := func(f model.Fact) model.Line {
			l, err := model.Encode(model.CustomerRule{Tenant: "acme", Subject: "user:lea", On: model.OnRecord(model.PermissionType, model.PermissionOf(f).ID), Action: model.ActionGrant, Effect: model.Allow})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		if got, err := e.Line(rule(f[0])); err != nil || got != rule(f[1]) {
			t.Errorf("%v, %v; want %v", got, err, rule(f[1]))
		}
	}
}
