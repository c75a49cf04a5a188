package filter_test

import (
	"math"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

func TestEval(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	r := &model.Record{Type: "contact", ID: "c1", Owners: []string{"user:alice", "team:x"}, Unit: "unit:apac",
		Parent: &model.Record{Type: "account", ID: "a1", Attrs: map[string]any{"region": "EU"}},
		Attrs: map[string]any{"region": "EU", "i": int32(7), "u": uint8(7), "f": float32(7), "nan": math.NaN(), "yes": true, "no": false, "at": at, "lag": time.Second,
			"tags": []string{"hot"}, "none": nil, "late": time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "big": int64(1<<53 + 1), "odd": struct{}{}}}
	const T, F, U = filter.True, filter.False, filter.Unknown
	type (
		and = filter.And
		or  = filter.Or
		not = filter.Not
		iff = filter.If
	)
	list := func(names ...string) filter.List { return names }
	for _, test := range []struct {
		name string
		x    filter.Expr
		want filter.Truth
	}{
		{"nil", nil, U}, {"not nil", not{}, U}, {"is nil true", filter.IsTrue{}, F},
		{"empty and", and{}, T}, {"empty or", or{}, F}, {"and", and{T, U, T}, U}, {"and decided", and{U, F}, F}, {"or", or{F, U, F}, U}, {"or decided", or{U, T}, T},
		{"not", not{X: T}, F}, {"not unknown", not{X: U}, U}, {"is true", filter.IsTrue{X: U}, F}, {"is it true", filter.IsTrue{X: T}, T},
		{"if", iff{T, U, F}, U}, {"else", iff{F, U, T}, T}, {"if unknown", iff{U, T, T}, U},
		{"id", filter.IDIn{Names: list("c0", "c1")}, T}, {"other id", filter.IDIn{Names: list("C1", "c1 ")}, F}, {"no ids", filter.IDIn{}, F},
		{"owner", filter.OwnerIn{Names: list("team:x")}, T}, {"other owner", filter.OwnerIn{Names: list("user:Alice", "x")}, F},
		{"unit", filter.UnitIn{Names: list("unit:apac")}, T}, {"other unit", filter.UnitIn{Names: list("apac")}, F},
		{"parent", filter.OfParent{Type: "account", X: compare("region", filter.Equal, "EU")}, T}, {"other type of parent", filter.OfParent{Type: "lead", X: T}, U},
		{"parent's parent", filter.OfParent{Type: "account", X: filter.OfParent{Type: "account", X: T}}, U},
		{"has id", filter.Has{Attr: "id"}, T}, {"has unit", filter.Has{Attr: "unit"}, T}, {"parent has no unit", filter.OfParent{Type: "account", X: filter.Has{Attr: "unit"}}, F},
		{"has", filter.Has{Attr: "yes"}, T}, {"has nil", filter.Has{Attr: "none"}, F}, {"has not", filter.Has{Attr: "missing"}, F},
		{"has a time of no year", filter.Has{Attr: "late"}, F}, {"has what is no value", filter.Has{Attr: "odd"}, F},
		{"bool", filter.Bool{Attr: "yes"}, T}, {"bool false", filter.Bool{Attr: "no"}, F}, {"bool of another type", filter.Bool{Attr: "i"}, U}, {"no bool", filter.Bool{Attr: "none"}, U},
		{"text", compare("region", filter.Less, "EV"), T}, {"text of another case", compare("region", filter.Equal, "eu"), F}, {"missing", compare("missing", filter.NotEqual, "x"), U},
		{"value missing", compare("region", filter.NotEqual, nil), U}, {"no comparison", filter.Compare{Attr: "region", Value: "EU"}, U}, {"op too large", compare("region", 7, "EU"), U},
		{"ints", compare("i", filter.Equal, int64(7)), T}, {"small", compare("u", filter.LessOrEqual, int64(6)), F}, {"int with double", compare("i", filter.Less, 7.5), T},
		{"double with int", compare("f", filter.GreaterOrEqual, int64(7)), T}, {"as doubles", compare("big", filter.Equal, float64(1<<53)), T}, {"as ints", compare("big", filter.Equal, int64(1<<53)), F},
		{"NaN equals", compare("nan", filter.Equal, math.NaN()), U}, {"NaN differs", compare("i", filter.NotEqual, math.NaN()), U}, {"NaN has no order", compare("nan", filter.Less, 1.0), U}, {"has NaN", filter.Has{Attr: "nan"}, F},
		{"of different types", compare("region", filter.Equal, int64(1)), F}, {"different", compare("region", filter.NotEqual, true), T}, {"without order", compare("region", filter.Less, int64(1)), U},
		{"bools", compare("no", filter.Less, true), T}, {"times", compare("at", filter.Equal, at.In(time.FixedZone("", 3600))), T}, {"durations", compare("lag", filter.Greater, time.Minute), F},
		{"a time of no year", compare("at", filter.Less, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)), U},
		{"attributes", filter.CompareAttrs{Left: "i", Op: filter.Equal, Right: "f"}, T}, {"attribute missing", filter.CompareAttrs{Left: "i", Op: filter.NotEqual, Right: "none"}, U},
		{"lists", filter.CompareAttrs{Left: "tags", Op: filter.Equal, Right: "tags"}, T}, {"lists have no order", filter.CompareAttrs{Left: "tags", Op: filter.Less, Right: "tags"}, U},
		{"in", filter.In{Attr: "region", Values: []any{"US", "EU"}}, T}, {"in none", filter.In{Attr: "region"}, F}, {"missing in", filter.In{Attr: "none", Values: []any{"x"}}, U},
		{"contains", filter.Contains{Attr: "tags", Value: "hot"}, T}, {"contains not", filter.Contains{Attr: "tags", Value: "ho"}, F}, {"text contains", filter.Contains{Attr: "region", Value: "EU"}, U},
		{"begins", filter.Text{Attr: "region", Where: filter.AtStart, Value: "E"}, T}, {"ends", filter.Text{Attr: "region", Where: filter.AtEnd, Value: "E"}, F},
		{"has in it", filter.Text{Attr: "region", Where: filter.Inside, Value: ""}, T}, {"nowhere", filter.Text{Attr: "region", Value: "E"}, U}, {"no text", filter.Text{Attr: "i", Where: filter.AtStart}, U},
	} {
		if got := filter.Eval(test.x, r); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := filter.Eval(filter.Not{X: filter.IDIn{}}, nil); got != U {
		t.Errorf("of no record: %s", got)
	}
	if got := filter.Eval(filter.Not{X: filter.IDIn{Names: list("", "x")}}, &model.Record{}); got != T {
		t.Errorf("a record without an id is among ids: %s", got)
	}
}

func TestFormat(t *testing.T) {
	owner, unit := filter.OwnerIn{Names: filter.List{"user:alice", "team:x"}}, filter.UnitIn{Names: filter.List{"unit:apac"}}
	region := compare("region", filter.Equal, "EU")
	for _, test := range []struct {
		x    filter.Expr
		want string
	}{
		{nil, "unknown"}, {filter.True, "true"}, {filter.And{}, "true"}, {filter.Or{}, "false"},
		{filter.Or{owner, filter.And{unit, region}}, `owner in (user:alice, team:x) or unit in (unit:apac) and region = "EU"`},
		{filter.And{filter.Or{unit, region}, filter.Not{X: filter.Or{unit, region}}}, `(unit in (unit:apac) or region = "EU") and not (unit in (unit:apac) or region = "EU")`},
		{filter.IDIn{Names: filter.List{"1", "2", "3", "4", "5", "6"}}, "id in (1, 2, 3, 4, 5, 6)"},
		{filter.IDIn{Names: filter.List{"1", "2", "3", "4", "5", "6", "7"}}, "id in (1, 2, 3, 4, 5, and 2 more)"},
		{filter.IDIn{}, "id in ()"},
		{filter.IsTrue{X: filter.Has{Attr: "x"}}, "true(has x)"},
		{filter.If{Cond: filter.Bool{Attr: "vip"}, Then: filter.True, Else: filter.Unknown}, "if(vip, true, unknown)"},
		{filter.OfParent{Type: "account", X: filter.Or{unit, owner}}, "parent account has (unit in (unit:apac) or owner in (user:alice, team:x))"},
		{filter.CompareAttrs{Left: "a", Op: filter.LessOrEqual, Right: "b"}, "a <= b"},
		{filter.In{Attr: "a", Values: []any{int64(1), 2.5, true, time.Unix(0, 0)}}, "a in (1, 2.5, true, 1970-01-01T00:00:00Z)"},
		{filter.And{filter.Contains{Attr: "tags", Value: `"`}, filter.Text{Attr: "a", Where: filter.AtEnd, Value: "x"}}, `tags contains "\"" and a ends with "x"`},
	} {
		if got := filter.Format(test.x); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
