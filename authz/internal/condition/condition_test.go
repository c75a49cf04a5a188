package condition

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// customerType is the customers of schemaOf.
var customerType = &RecordType{
	Name: "customer", Attributes: schemaOf(nil).Types["customer"].Attributes,
	Parent: &RecordType{Name: "account", Attributes: schemaOf(nil).Types["account"].Attributes},
}

// checkOnly is schemaOf with all conditions marked as check-only.
func checkOnly(conditions map[string]string) *model.Schema {
	s := schemaOf(conditions)
	s.CheckOnly = slices.Sorted(maps.Keys(conditions))
	return s
}

// schemaOf is a schema with these conditions, and attributes of every type.
func schemaOf(conditions map[string]string) *model.Schema {
	actions := map[string]model.Action{"read": {Need: model.LevelRead}, "view_all": {Need: model.LevelRead}}
	return &model.Schema{
		Types: map[string]model.Type{
			"account": {Actions: actions, Attributes: map[string]model.AttrType{"tier": model.AttrString, "code": model.AttrString}},
			"customer": {
				Actions: actions,
				Attributes: map[string]model.AttrType{
					"region": model.AttrString, "size": model.AttrInt, "score": model.AttrDouble, "vip": model.AttrBool,
					"since": model.AttrTimestamp, "term": model.AttrDuration, "tags": model.AttrStrings,
					"地区": model.AttrString, "a.b": model.AttrString, "code": model.AttrInt,
				},
				Parent: model.Parent{Type: "account"},
			},
		},
		User:       map[string]model.AttrType{"dept": model.AttrString, "limit": model.AttrInt},
		Env:        map[string]model.AttrType{"ip": model.AttrString, "mfa": model.AttrBool},
		Conditions: conditions,
		Tenants: map[string]model.Extension{"acme": {
			Types:      map[string]model.Type{"ticket": {Actions: map[string]model.Action{"close": {Need: model.LevelWrite}}, Attributes: map[string]model.AttrType{"queue": model.AttrString}}},
			Attributes: map[string]map[string]model.AttrType{"customer": {"segment": model.AttrString}},
		}},
	}
}

// facts answers with what it lists.
type facts []string

func (f facts) Member(g string) bool          { return slices.Contains(f, "member "+g) }
func (f facts) OwnerIn(g string) bool         { return slices.Contains(f, "ownerIn "+g) }
func (f facts) TeamRole(as string) bool       { return slices.Contains(f, "teamRole "+as) }
func (f facts) Holds(typ, action string) bool { return slices.Contains(f, "holds "+typ+" "+action) }
func (f facts) Own() bool                     { return slices.Contains(f, "own") }

func mustCompile(t testing.TB, expr string) *Set {
	t.Helper()
	s, err := Compile(checkOnly(map[string]string{"c": expr}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func question() Input {
	return Input{
		Action:    "read",
		User:      "user:alice",
		UserAttrs: map[string]any{"dept": "sales", "limit": 10},
		Env:       map[string]any{"ip": "10.0.0.1", "mfa": nil},
		Record: &model.Record{
			Type: "customer", ID: "42", Owners: []string{"user:alice", "team:x"}, Unit: "unit:apac",
			Parent: &model.Record{Type: "account", ID: "7", Attrs: map[string]any{"tier": "gold"}},
			Attrs: map[string]any{
				"region": "EU", "size": 20, "score": 1.5, "vip": true, "tags": []string{"a", "b"},
				"since": time.Date(2026, 1, 2, 1, 0, 0, 0, time.FixedZone("", 2*3600)), "term": 36 * time.Hour,
				"地区": "华东", "a.b": "dotted", "segment": "smb", "code": 7,
			},
		},
		At:    time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Facts: facts{"member team:x", "ownerIn role:rep", "teamRole support", "holds customer view_all", "own"},
	}
}

func TestEveryWordOfAConditionAnswers(t *testing.T) {
	for expr, want := range map[string]Truth{
		`action == "read"`: True,
		`record.id == "42" && record.type == "customer" && record.unit == "unit:apac"`: True,
		`"team:x" in record.owners && record.owners.size() == 2`:                       True,
		`record.parent.tier == "gold" && record.parent.id == "7"`:                      True,
		`record.owners.exists(o, o == user.id)`:                                        True,
		`record.region == "US"`:                                                        False,
		`record.region in ["EU", "UK"]`:                                                True,
		`record.region.matches("^E.$")`:                                                True,
		`record.size * 2 == 40 && record.score > 1.0`:                                  True,
		`record.vip`: True,
		`record.since < now && record.term > duration("1h")`:                True,
		`record.since.getFullYear() == 2026 && record.since.getDate() == 1`: True, // in UTC, whatever the zone of the value
		`record.tags.all(t, t != "c")`:                                      True,
		`record["地区"] == "华东" && has(record["地区"])`:                         True,
		`record["a.b"] == "dotted"`:                                         True,
		`record["parent"]["tier"] == "gold"`:                                True,
		`record.segment == "smb"`:                                           True,
		`record.code == 7 && record.code < 8`:                               True,
		`user.id == "user:alice" && user.dept == "sales"`:                   True,
		`user.limit < record.size`:                                          True,
		`env.ip.startsWith("10.")`:                                          True,
		`now > timestamp("2026-01-01T00:00:00Z")`:                           True,
		`member("team:x")`:                                                  True,
		`member("team:y")`:                                                  False,
		`member(record.owners[1])`:                                          True,
		`ownerIn("role:rep") && !ownerIn("role:boss")`:                      True,
		`teamRole("support") && !teamRole("sales")`:                         True,
		`holds("customer", "view_all")`:                                     True,
		`holds("customer", "read")`:                                         False,
		`own()`:                                                             True,
		`record.owners.filter(o, member(o)) == ["team:x"]`:                  True,
	} {
		if got := mustCompile(t, expr).Eval("c", question()); got != want {
			t.Errorf("%s: %v, want %v", expr, got, want)
		}
	}
}

func TestWhatIsMissingIsUnknown(t *testing.T) {
	bare := Input{Record: &model.Record{Type: "customer", Attrs: map[string]any{"score": math.NaN()}}, Facts: facts{}}
	for _, expr := range []string{
		`record.region == "EU"`, `record.region != "EU"`, `!(record.region == "EU")`, `record.region in ["EU"]`,
		`record.region == record.region`, `["EU"].exists(r, r == record.region)`, `record.vip`, `!record.vip`,
		`(record.vip ? 1 : 2) > 0`, `record.vip ? true : true`,
		`record.id == ""`, `record.unit == ""`, `record.unit != "unit:apac"`,
		`record.parent.tier == "gold"`, `has(record.parent.tier)`, `record.parent.parent.tier == "gold"`,
		`record.score == 0.0`, `record.score != 0.0`, `!(record.score < 1.0)`,
		`user.id == ""`, `user.dept == "sales"`, `env.mfa`, `env.ip != "1"`, `now == now`,
	} {
		if got := mustCompile(t, expr).Eval("c", bare); got != Unknown {
			t.Errorf("%s of a bare record: %v", expr, got)
		}
	}
	if got := mustCompile(t, `record.region == "EU"`).Eval("d", question()); got != Unknown {
		t.Errorf("a condition that there is not: %v", got)
	}
	if got := new(Set).Eval("c", question()); got != Unknown {
		t.Errorf("a condition of the zero Set: %v", got)
	}
}

func TestWithoutARecordWhatIsAboutItIsUnknown(t *testing.T) {
	q := question()
	q.Record = nil
	for expr, want := range map[string]Truth{
		`record.id == "42"`:             Unknown,
		`record.owners.size() == 0`:     Unknown,
		`has(record.region)`:            Unknown,
		`own()`:                         Unknown,
		`ownerIn("role:rep")`:           Unknown,
		`teamRole("support")`:           Unknown,
		`member("team:x")`:              True,
		`holds("customer", "view_all")`: True,
		`user.dept == "sales"`:          True,
		`own() || member("team:x")`:     True,
		`own() && member("team:y")`:     False,
	} {
		if got := mustCompile(t, expr).Eval("c", q); got != want {
			t.Errorf("%s: %v, want %v", expr, got, want)
		}
	}
}

func TestWithoutFactsFunctionsAreUnknown(t *testing.T) {
	q := question()
	q.Facts = nil
	for _, expr := range []string{`member("team:x")`, `ownerIn("role:rep")`, `teamRole("support")`, `holds("customer", "read")`, `own()`} {
		if got := mustCompile(t, expr).Eval("c", q); got != Unknown {
			t.Errorf("%s: %v", expr, got)
		}
	}
}

func TestAnEvaluationThatFailsIsUnknown(t *testing.T) {
	for _, expr := range []string{
		`1 / (record.size - 20) == 1`,
		`record.size % 0 == 1`,
		`record.size + 9223372036854775807 > 0`,
		`record.tags[9] == "a"`,
		`{"a": true}[record.region]`,
		`int(record.region) == 1`,
		`timestamp(record.region) < now`,
		`record.region.matches(record.region + "(")`,
		`record.code.contains("x")`, // an int here, a string in accounts
		`dyn(record.region) > 5`,
	} {
		if got := mustCompile(t, expr).Eval("c", question()); got != Unknown {
			t.Errorf("%s: %v", expr, got)
		}
	}
}

func TestLogicIsThatOfSQL(t *testing.T) {
	values := map[Truth]any{Unknown: nil, False: false, True: true}
	and := func(a, b Truth) Truth {
		switch {
		case a == False || b == False:
			return False
		case a == True && b == True:
			return True
		}
		return Unknown
	}
	not := map[Truth]Truth{Unknown: Unknown, False: True, True: False}
	s, err := Compile(checkOnly(map[string]string{
		"and": "record.vip && env.mfa", "or": "record.vip || env.mfa", "not": "!record.vip",
		"equal": "record.vip == env.mfa", "if": "record.vip ? env.mfa : false", "all": "[record.vip, env.mfa].all(v, v)",
		"each": "[1, 2].all(i, i == 1 ? record.vip : env.mfa)", "any": "[1, 2].exists(i, i == 1 ? record.vip : env.mfa)",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for a, av := range values {
		for b, bv := range values {
			in := Input{Record: &model.Record{Attrs: map[string]any{"vip": av}}, Env: map[string]any{"mfa": bv}}
			equal := Unknown
			if a != Unknown && b != Unknown {
				equal = False
				if a == b {
					equal = True
				}
			}
			ifThen := map[Truth]Truth{Unknown: Unknown, False: False, True: b}[a]
			all := Unknown // a list of unknown elements is not known
			if a != Unknown && b != Unknown {
				all = and(a, b)
			}
			or := not[and(not[a], not[b])]
			want := map[string]Truth{"and": and(a, b), "or": or, "not": not[a], "equal": equal, "if": ifThen, "all": all, "each": and(a, b), "any": or}
			got := map[string]Truth{}
			for _, name := range s.Names() {
				got[name] = s.Eval(name, in)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("vip %v, mfa %v (-SQL +condition):\n%s", a, b, diff)
			}
		}
	}
}

func TestHasIsNeverUnknownOfARecord(t *testing.T) {
	s := mustCompile(t, `has(record.region)`)
	for _, c := range []struct {
		attrs map[string]any
		want  Truth
	}{
		{nil, False},
		{map[string]any{"region": nil}, False},
		{map[string]any{"region": 5}, False}, // of the wrong type: unknown, as if it were missing
		{map[string]any{"region": ""}, True},
		{map[string]any{"region": "EU"}, True},
	} {
		if got := s.Eval("c", Input{Record: &model.Record{Type: "customer", Attrs: c.attrs}}); got != c.want {
			t.Errorf("has(record.region) of %v: %v, want %v", c.attrs, got, c.want)
		}
	}
	if got := mustCompile(t, `has(record.parent)`).Eval("c", Input{Record: &model.Record{}}); got != False {
		t.Errorf("has(record.parent) of a record without one: %v", got)
	}
	if got := mustCompile(t, `has(user.dept) || has(env.ip)`).Eval("c", Input{}); got != False {
		t.Errorf("has(user.dept) of nothing: %v", got)
	}
}

func TestEveryGoValueThatASchemaAcceptsIsRead(t *testing.T) {
	values := map[string][]any{
		`record.size == 7`:              {7, int8(7), int16(7), int32(7), int64(7), uint8(7), uint16(7), uint32(7)},
		`record.score == 7.5`:           {7.5, float32(7.5)},
		`record.region == ""`:           {""},
		`record.vip`:                    {true},
		`record.tags == []`:             {[]string{}, []string(nil)},
		`record.term == duration("7s")`: {7 * time.Second},
		`record.since == timestamp("2026-01-01T00:00:00Z")`: {time.Unix(1767225600, 0), time.Unix(1767225600, 0).In(time.FixedZone("", 3600))},
	}
	attrs := schemaOf(nil).Types["customer"].Attributes
	for expr, accepted := range values {
		name := strings.FieldsFunc(expr, func(r rune) bool { return r == '.' || r == ' ' })[1]
		s := mustCompile(t, expr)
		eval := func(v any) Truth {
			return s.Eval("c", Input{Record: &model.Record{Attrs: map[string]any{name: v}}})
		}
		for _, v := range accepted {
			if got := eval(v); got != True || !attrs[name].Accepts(v) {
				t.Errorf("%s with %T: %v", expr, v, got)
			}
		}
		for _, others := range values {
			for _, v := range others {
				if got := eval(v); !attrs[name].Accepts(v) && got != Unknown {
					t.Errorf("%s with %T, which is not its type: %v", expr, v, got)
				}
			}
		}
		for _, v := range []any{uint(7), uint64(7), []any{"a"}, struct{}{}, &expr, math.NaN(), time.Unix(1<<40, 0)} {
			if got := eval(v); got == True {
				t.Errorf("%s with %T: %v", expr, v, got)
			}
		}
	}
}

func TestWhatIsNotDeclaredIsRefused(t *testing.T) {
	for _, c := range []struct {
		expr  string
		err   error
		value string // empty: the expression
		hint  string
	}{
		{`record.regon == "EU"`, model.ErrUnknownAttribute, "record.regon", "region"},
		{`has(record.regon)`, model.ErrUnknownAttribute, "record.regon", ""},
		{`record.parent.teir == "x"`, model.ErrUnknownAttribute, "record.parent.teir", ""},
		{`record["地"] == "x"`, model.ErrUnknownAttribute, "record.地", ""},
		{`true || user.dpet == "x"`, model.ErrUnknownAttribute, "user.dpet", "dept"},
		{`env.region == "x"`, model.ErrUnknownAttribute, "env.region", "ip"},
		{`customer.region == "x"`, model.ErrMalformed, "", "undeclared reference"},
		{`record.region == 5`, model.ErrMalformed, "", "no matching overload"},
		{`record.region in ["EU", 5]`, model.ErrMalformed, "", ""},
		{`record.since > "2026-01-01"`, model.ErrMalformed, "", ""},
		{`record.since > timestamp("yesterday")`, model.ErrMalformed, "", ""},
		{`record.region.matches("(")`, model.ErrMalformed, "", ""},
		{`record.region`, model.ErrMalformed, "", "yields string, not bool"},
		{`record.code`, model.ErrMalformed, "", "yields dyn, not bool"},
		{`record.region = "EU"`, model.ErrMalformed, "", "Syntax error"},
		{``, model.ErrMalformed, "", ""},
		{`record == record`, model.ErrMalformed, "record", "with a field"},
		{`record.parent == null`, model.ErrMalformed, "record.parent", "with a field"},
		{`[record].exists(r, r.region == "EU")`, model.ErrMalformed, "record", ""},
		{`dyn(record).regon == "EU"`, model.ErrMalformed, "record", ""},
		{`record[action] == "x"`, model.ErrMalformed, "", ""},
		{`Record{id: "x"}.id == "x"`, model.ErrMalformed, "Record", ""},
		{`has(record)`, model.ErrMalformed, "", "has() takes a field"},
		{`member("x")`, model.ErrUnknownKind, "x", ""},
		{`ownerIn("user:x")`, model.ErrUnknownKind, "user:x", ""},
		{`teamRole("two words")`, model.ErrMalformed, "two words", ""},
		{`holds("custmer", "read")`, model.ErrUnknownType, "custmer", ""},
		{`holds("customer", "raed")`, model.ErrUnknownAction, "raed", ""},
		{`holds("customer")`, model.ErrMalformed, "", ""},
		{`member(5)`, model.ErrMalformed, "", ""},
		{strings.Repeat("true && ", 1000) + "true", model.ErrMalformed, "", ""},
		{strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500), model.ErrMalformed, "", ""},
	} {
		s, err := Compile(schemaOf(map[string]string{"a": "true", "typo": c.expr}))
		if s != nil || !errors.Is(err, c.err) {
			t.Errorf("%.60s: %v, want %v", c.expr, err, c.err)
			continue
		}
		var v *model.ValueError
		if !errors.As(err, &v) {
			t.Errorf("%.60s: %T, want a ValueError", c.expr, err)
			continue
		}
		if want := map[bool]string{true: c.expr, false: c.value}[c.value == ""]; v.Value != want || v.In != "schema condition typo" {
			t.Errorf("%.60s: the value %q in %q is refused, want %q", c.expr, v.Value, v.In, want)
		}
		if !strings.Contains(v.Hint, c.hint) {
			t.Errorf("%.60s: hint %q does not say %q", c.expr, v.Hint, c.hint)
		}
	}
}

func TestAttributesMayNotBeNamedLikeWhatIsBuiltIn(t *testing.T) {
	for _, name := range []string{"id", "type", "unit", "owners", "parent"} {
		s := schemaOf(nil)
		s.Types["account"].Attributes[name] = model.AttrString
		if _, err := Compile(s); !errors.Is(err, model.ErrMalformed) || !strings.Contains(err.Error(), name) {
			t.Errorf("a record's attribute %s: %v", name, err)
		}
	}
	s := schemaOf(nil)
	s.User["id"] = model.AttrString
	if _, err := Compile(s); !errors.Is(err, model.ErrMalformed) {
		t.Errorf("a user's attribute id: %v", err)
	}
}

func TestConditionsKnowTheTypesOfAllTenants(t *testing.T) {
	mustCompile(t, `record.queue == "hot" && holds("ticket", "close")`)
}

func TestASetNamesItsConditions(t *testing.T) {
	s, err := Compile(schemaOf(map[string]string{"b": "true", "a": "false"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.Names()); diff != "" || !s.Has("a") || s.Has("c") {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, none := range []map[string]string{nil, {}} {
		if s, err := Compile(schemaOf(none)); err != nil || len(s.Names()) != 0 || s.Has("a") {
			t.Errorf("no conditions: %v, %v", s.Names(), err)
		}
	}
}

func TestTheFirstErrorIsAlwaysTheSame(t *testing.T) {
	conditions := map[string]string{"a": "true", "b": "record.x == 1", "c": "record.y == 1", "d": "("}
	for range 20 {
		_, err := Compile(schemaOf(conditions))
		if v := new(model.ValueError); !errors.As(err, &v) || v.In != "schema condition b" {
			t.Fatal(err)
		}
	}
}

func TestARunawayConditionIsUnknown(t *testing.T) {
	s := mustCompile(t, `record.tags.all(a, record.tags.all(b, record.tags.all(c, a + b + c != "")))`)
	q := question()
	if got := s.Eval("c", q); got != True {
		t.Errorf("with few tags: %v", got)
	}
	q.Record.Attrs["tags"] = make([]string, 1000)
	for i := range q.Record.Attrs["tags"].([]string) {
		q.Record.Attrs["tags"].([]string)[i] = fmt.Sprint(i)
	}
	start := time.Now()
	if got := s.Eval("c", q); got != Unknown {
		t.Errorf("with a thousand tags: %v", got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	one := mustCompile(t, `record.tags.exists(a, a == "999")`)
	if got := one.Eval("c", q); got != True {
		t.Errorf("one pass over a thousand tags: %v", got)
	}
}

type panics struct{ facts }

func (panics) Member(string) bool { panic("out of order") }

func TestAPanicOfTheFactsIsUnknown(t *testing.T) {
	q := question()
	q.Facts = panics{}
	s := mustCompile(t, `member("team:x")`)
	if got := s.Eval("c", q); got != Unknown {
		t.Errorf("the condition is %v", got)
	}
	if got := s.Eval("c", question()); got != True {
		t.Errorf("afterwards it is %v", got)
	}
}

func TestEvaluationsDoNotDisturbEachOther(t *testing.T) {
	s, err := Compile(checkOnly(map[string]string{
		"region": `record.region == "EU" && member("team:x")`,
		"loop":   `record.tags.exists(t, t == "b") || own()`,
		"broken": `1 / (record.size - 20) == 1 || record.parent.parent.tier == "gold"`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			q := question()
			want := map[string]Truth{"region": True, "loop": True, "broken": Unknown}
			if g%2 == 1 {
				q.Record = &model.Record{Type: "customer", Attrs: map[string]any{"region": "US", "tags": []string{}}}
				q.Facts = facts{}
				want = map[string]Truth{"region": False, "loop": False, "broken": Unknown}
			}
			for range 200 {
				for name, truth := range want {
					if got := s.Eval(name, q); got != truth {
						t.Errorf("%s: %v, want %v", name, got, truth)
					}
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCompile(f *testing.F) {
	for _, expr := range []string{
		`record.region == "EU" && member("team:x")`, `has(record["地区"])`, `record.owners.exists(o, o == user.id)`,
		`Record{id: "x"}`, `type(record.id) == string`, `google.protobuf.Int64Value{value: 1} == 1`, `[record, user]`,
		`holds("customer", action)`, `record.parent.parent["a.b"]`, `{1: record}`, "record.`a-b`", `env["ip"]["x"]`, `user.id.size() > 2u`,
		`record.owners.exists(record, record == user.id) || !(record.size - 1 < user.limit)`, `dyn(record.code) in [dyn(1), dyn("x")]`,
		`(record.parent.tier == "gold") == (now - record.since > record.term ? own() : member(record.unit))`,
		`google.protobuf.NullValue.NULL_VALUE == null`, `[1].map(record, record["x"])`, "\xff", `b"\377"`,
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := Compile(schemaOf(map[string]string{"c": expr}))
		if errors.Is(err, model.ErrNoFilter) {
			s, err = Compile(checkOnly(map[string]string{"c": expr}))
		}
		if v := new(model.ValueError); err != nil && (s != nil || !errors.As(err, &v) || v.In != "schema condition c") {
			t.Fatalf("%q: %v", expr, err)
		}
		if err != nil {
			return
		}
		for _, q := range []Input{question(), {}, {Record: &model.Record{Type: "customer"}, Facts: world{}}} {
			if a, b := s.Eval("c", q), s.Eval("c", q); a != b || a > True {
				t.Fatalf("%q: %v, then %v", expr, a, b)
			}
			if q.Record == nil {
				continue
			}
			q = about(q, q.Record)
			q.Facts = world{record: q.Record, in: []string{"team:x"}}
			x, ok := s.Filter("c", q, typeOf(customerType, q))
			if got, want := filter.Eval(x, q.Record), s.Eval("c", q); ok && got != want {
				t.Fatalf("%q is %v, and its filter %v: %#v", expr, want, got, x)
			}
		}
	})
}

func BenchmarkEval(b *testing.B) {
	for _, expr := range []string{
		`record.region == "EU" && member("team:x")`,
		`record.region == "EU"`,
		`record.term > duration("1h")`,
		`record.parent.tier in ["gold", "silver"]`,
		`record.owners.exists(o, o == user.id)`,
	} {
		b.Run(expr, func(b *testing.B) {
			s, q := mustCompile(b, expr), question()
			b.ReportAllocs()
			for b.Loop() {
				if s.Eval("c", q) != True {
					b.Fatal("not true")
				}
			}
		})
	}
	b.Run("unknown", func(b *testing.B) {
		s, q := mustCompile(b, `record.region == "EU" && member("team:x")`), Input{Record: &model.Record{}, Facts: facts{"member team:x"}}
		b.ReportAllocs()
		for b.Loop() {
			if s.Eval("c", q) != Unknown {
				b.Fatal("known")
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	schema := schemaOf(map[string]string{"c": `record.region == "EU" && member("team:x")`})
	for b.Loop() {
		if _, err := Compile(schema); err != nil {
			b.Fatal(err)
		}
	}
}
