package model_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

var recordSchema = &model.Schema{
	Types: map[string]model.Type{
		"account": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Attributes: map[string]model.AttrType{
			"region": model.AttrString, "size": model.AttrInt, "score": model.AttrDouble, "vip": model.AttrBool,
			"since": model.AttrTimestamp, "pause": model.AttrDuration, "tags": model.AttrStrings,
		}},
		"task": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Parent: model.Parent{Type: "task"}},
	},
	Tenants: map[string]model.Extension{"acme": {Types: map[string]model.Type{
		"note": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Parent: model.Parent{Type: "account"}},
	}}},
}

func TestRecordsAreReadByTheSchema(t *testing.T) {
	got, err := model.ParseRecords(recordSchema, []byte(`
acme:
  account/7: {owner: user:alice, unit: unit:apac, attrs: {region: NO, size: 12, score: 2, vip: true, since: 2026-11-22T09:00:00+01:00, pause: 1h30m, tags: [1, x]}}
  account/8: {owner: [user:bob, team:north], attrs: {region: null, tags: []}}
  note/1: {parent: account/7}
globex:
  account/7: {}
`))
	if err != nil {
		t.Fatal(err)
	}
	seven := &model.Record{Type: "account", ID: "7", Owners: []string{"user:alice"}, Unit: "unit:apac", Attrs: map[string]any{
		"region": "NO", "size": int64(12), "score": 2.0, "vip": true, "since": time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		"pause": 90 * time.Minute, "tags": []string{"1", "x"},
	}}
	want := map[string]map[string]*model.Record{
		"acme": {
			"account/7": seven,
			"account/8": {Type: "account", ID: "8", Owners: []string{"user:bob", "team:north"}, Attrs: map[string]any{"region": nil, "tags": []string{}}},
			"note/1":    {Type: "note", ID: "1", Parent: seven},
		},
		"globex": {"account/7": {Type: "account", ID: "7"}},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, r := range got["acme"] {
		if err := recordSchema.For("acme").CheckRecord(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedRecordsAreRefusedWithTheirPlace(t *testing.T) {
	chain := "acme:\n  task/0: {}\n"
	for i := range model.MaxDepth + 1 {
		chain += fmt.Sprintf("  task/%d: {parent: task/%d}\n", i+1, i)
	}
	tests := []struct {
		name, text   string
		line, column int
		value, hint  string
	}{
		{"a list", "- x", 1, 1, "", "a mapping"},
		{"tenant", "a/b: {}", 1, 1, "a/b", "may not stand"},
		{"no id", "acme:\n  account: {}", 2, 3, "account", "type/id"},
		{"empty id", "acme:\n  account/: {}", 2, 3, "account/", "type/id"},
		{"bad id", "acme:\n  account/a#b: {}", 2, 3, "account/a#b", "may not stand"},
		{"unknown type", "acme:\n  ship/1: {}", 2, 3, "ship/1", "unknown type"},
		{"another tenant's type", "globex:\n  note/1: {}", 2, 3, "note/1", "unknown type"},
		{"unknown word", "acme:\n  account/1: {ower: user:a}", 2, 15, "ower", "one of owner, unit"},
		{"twice", "acme:\n  account/1: {}\n  account/1: {}", 3, 3, "account/1", "stands on line 2"},
		{"owner's kind", "acme:\n  account/1: {owner: role:rep}", 2, 22, "role:rep", "user: team:"},
		{"owner twice", "acme:\n  account/1: {owner: [user:a, user:a]}", 2, 31, "user:a", "stands twice"},
		{"unit's kind", "acme:\n  account/1: {unit: team:x}", 2, 21, "team:x", "unit:"},
		{"no such parent", "acme:\n  note/1: {parent: account/1}", 2, 20, "account/1", "no record"},
		{"parent's type", "acme:\n  account/1: {}\n  task/1: {parent: account/1}", 3, 20, "account/1", "of type task"},
		{"no parents", "acme:\n  account/1: {}\n  account/2: {parent: account/1}", 3, 23, "account/1", "have no parent"},
		{"ring", "acme:\n  task/0: {parent: task/1}\n  task/1: {parent: task/2}\n  task/2: {parent: task/1}", 3, 20, "task/2", "above itself"},
		{"its own parent", "acme:\n  task/1: {parent: task/1}", 2, 20, "task/1", "above itself"},
		{"too deep", chain, 67, 21, "task/64", "at most 64 parents"},
		{"unknown attribute", "acme:\n  account/1: {attrs: {regio: EU}}", 2, 23, "regio", "one of pause, region"},
		{"no attributes", "acme:\n  task/1: {attrs: {x: 1}}", 2, 20, "x", "none is declared"},
		{"int", "acme:\n  account/1: {attrs: {size: many}}", 2, 29, "many", "a whole number"},
		{"double", "acme:\n  account/1: {attrs: {score: high}}", 2, 30, "high", "a number"},
		{"bool", "acme:\n  account/1: {attrs: {vip: yes}}", 2, 28, "yes", "true or false"},
		{"timestamp", "acme:\n  account/1: {attrs: {since: 2026-13-01T00:00:00Z}}", 2, 30, "2026-13-01T00:00:00Z", "a time"},
		{"duration", "acme:\n  account/1: {attrs: {pause: 90}}", 2, 30, "90", "1h30m"},
		{"list", "acme:\n  account/1: {attrs: {tags: x}}", 2, 29, "x", "a list"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := model.ParseRecords(recordSchema, []byte(test.text))
			checkSource(t, err, test.line, test.value, test.hint)
			var at *model.SourceError
			if errors.As(err, &at); at.Column != test.column {
				t.Errorf("%v: column %d, want %d", err, at.Column, test.column)
			}
		})
	}
	if _, err := model.ParseRecords(recordSchema, []byte("acme:\n  account/1: {attrs: {x: &a [*a]}}")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an anchor: %v", err)
	}
}
