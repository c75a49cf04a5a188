package condition

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

var rounds = flag.Int("conditions.rounds", 50, "how many times sixty random conditions are made filters")

// about is the question with a record, which its functions are about, too.
func about(in Input, r *model.Record) Input {
	in.Record = r
	if w, ok := in.Facts.(world); ok {
		w.record = r
		in.Facts = w
	}
	return in
}

// typeOf is a type of records for a question.
func typeOf(t *RecordType, in Input) *RecordType {
	of := *t
	w, _ := in.Facts.(world)
	of.Sets = worldSets(w)
	return &of
}

func TestAFilterIsTheConditionOnEveryRecord(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	compared, unfit, known := 0, 0, map[filter.Truth]int{}
	for range *rounds {
		conditions := map[string]string{}
		for i := range 60 {
			conditions[fmt.Sprint("c", i)] = d.condition(i % 4)
		}
		s, err := Compile(listSchema(conditions))
		if err != nil {
			t.Fatal(err)
		}
		var records []*model.Record
		for range 20 {
			records = append(records, d.recordOf(pick(d, leadType, leadType, firmType)))
		}
		for _, name := range s.Names() {
			expr := conditions[name]
			for range 6 {
				in := d.question()
				filters := map[string]filter.Expr{}
				for _, of := range []*RecordType{leadType, firmType} {
					x, ok := s.Filter(name, in, typeOf(of, in))
					if !ok {
						unfit++
						if !strings.Contains(expr, "exists(o") {
							t.Fatalf("%s: not ok for %+v", expr, in)
						}
						continue
					}
					filters[of.Name] = x
				}
				for _, r := range records {
					x, ok := filters[r.Type]
					if !ok {
						continue
					}
					compared++
					got, want := filter.Eval(x, r), s.Eval(name, about(in, r))
					known[want]++
					if got != want {
						t.Fatalf("%s\nis %v, and its filter %v\nfilter %#v\nfor %+v\nof %+v", expr, want, got, x, in, r)
					}
				}
			}
		}
	}
	t.Logf("%d compared, %d not ok; %v", compared, unfit, known)
	if *rounds >= 50 && (compared < 200_000 || min(known[Unknown], known[False], known[True]) < compared/20) {
		t.Errorf("%d were compared, with these truth values: %v", compared, known)
	}
}

func TestNaNIsNoValueToAFilterEither(t *testing.T) {
	r := &model.Record{Type: "lead", Attrs: map[string]any{"d": math.NaN()}}
	for _, expr := range []string{`has(record.d)`, `record.d == 1.0`, `record.d != 1.0`, `record.d < 1.0`, `!(record.d < 1.0)`, `record.d in [1.0]`} {
		s, err := Compile(listSchema(map[string]string{"c": expr}))
		if err != nil {
			t.Fatal(err)
		}
		x, ok := s.Filter("c", Input{}, leadType)
		if got, want := filter.Eval(x, r), s.Eval("c", Input{Record: r}); got != want || !ok {
			t.Errorf("%s is %v, and its filter %v", expr, want, got)
		}
	}
}

func FuzzAFilterIsTheCondition(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		d := dice{rand.New(rand.NewPCG(a, b))}
		expr := d.condition(4)
		s, err := Compile(listSchema(map[string]string{"c": expr}))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			in, r := d.question(), d.recordOf(leadType)
			x, ok := s.Filter("c", in, typeOf(leadType, in))
			if got, want := filter.Eval(x, r), s.Eval("c", about(in, r)); ok && got != want {
				t.Fatalf("%s\nis %v, and its filter %v\nfilter %#v\nfor %+v\nof %+v", expr, want, got, x, in, r)
			}
		}
	})
}

func TestEachFormBecomesAnExpression(t *testing.T) {
	hour, now := time.Hour, question().At
	in := question()
	in.Facts = world{in: []string{"team:x", "unit:n"}, within: map[string][]string{"role:rep": {"user:b"}}, roles: map[string][]string{"support": {"42"}}}
	has := func(attr string, t filter.Truth) filter.Expr {
		return filter.If{Cond: filter.Has{Attr: attr}, Then: t, Else: filter.Unknown}
	}
	parent := func(x filter.Expr) filter.Expr { return filter.OfParent{Type: "account", X: x} }
	compare := func(attr string, op filter.Op, v any) filter.Expr {
		return filter.Compare{Attr: attr, Op: op, Value: v}
	}
	eu, vip := compare("region", filter.Equal, "EU"), filter.Bool{Attr: "vip"}
	for expr, want := range map[string]filter.Expr{
		`action == "read"`:                                          filter.True,
		`member("team:x") && user.limit > 20`:                       filter.False,
		`env.mfa`:                                                   filter.Unknown,
		`record.type == "customer"`:                                 filter.True,
		`record.region == "EU"`:                                     eu,
		`"EU" == record.region`:                                     eu,
		`record["region"] == "EU"`:                                  eu,
		`record.region == user.dept`:                                compare("region", filter.Equal, "sales"),
		`record.region == env.ip + "x"`:                             compare("region", filter.Equal, "10.0.0.1x"),
		`10 > record.size`:                                          compare("size", filter.Less, int64(10)),
		`record.size <= user.limit + 1`:                             compare("size", filter.LessOrEqual, int64(11)),
		`dyn(record.size) < 1.5`:                                    compare("size", filter.Less, 1.5),
		`record.since >= now - duration("1h")`:                      compare("since", filter.GreaterOrEqual, now.Add(-hour)),
		`record.term != duration("1h")`:                             compare("term", filter.NotEqual, hour),
		`record.region == record["地区"]`:                             filter.CompareAttrs{Left: "region", Op: filter.Equal, Right: "地区"},
		`record.code == 7`:                                          compare("code", filter.Equal, int64(7)), // a string in accounts
		`record.code == "x"`:                                        has("code", filter.False),
		`record.parent.code == "x"`:                                 parent(compare("code", filter.Equal, "x")),
		`record.score == 0.0 / 0.0`:                                 has("score", filter.False),
		`record.score < 0.0 / 0.0`:                                  has("score", filter.False),
		`record.tier == "gold"`:                                     filter.Unknown, // of accounts only
		`has(record.tier)`:                                          filter.False,
		`record.parent.tier == "gold"`:                              parent(compare("tier", filter.Equal, "gold")),
		`record.parent.parent.tier == "gold"`:                       filter.Unknown,
		`record.vip`:                                                vip,
		`record.vip == true`:                                        vip,
		`record.vip != env.mfa`:                                     filter.Unknown,
		`record.vip < true`:                                         filter.Not{X: vip},
		`record.vip == own()`:                                       filter.If{Cond: vip, Then: filter.OwnerIn{Names: filter.List{"user:a"}}, Else: filter.Not{X: filter.OwnerIn{Names: filter.List{"user:a"}}}},
		`!record.vip && record.region == "EU"`:                      filter.And{filter.Not{X: vip}, eu},
		`record.vip || env.mfa`:                                     filter.Or{vip, filter.Unknown},
		`record.vip || user.dept == "sales"`:                        filter.True,
		`user.dept == "sales" ? record.vip : record.region == "EU"`: vip,
		`record.vip ? true : false`:                                 vip,
		`record.vip ? false : record.region=="EU"`:                  filter.If{Cond: vip, Then: filter.False, Else: eu},
		`record.region in ["EU", user.dept]`:                        filter.In{Attr: "region", Values: []any{"EU", "sales"}},
		`record.region in [env.ip, "x"] && false`:                   filter.False,
		`record.size in [dyn(1), dyn(2.0), dyn(2.5), dyn("x")]`:     filter.In{Attr: "size", Values: []any{int64(1), int64(2)}},
		`record.region in []`:                                       filter.False,
		`record.vip in [true]`:                                      vip,
		`"x" in record.tags`:                                        filter.Contains{Attr: "tags", Value: "x"},
		`user.id in record.owners`:                                  filter.OwnerIn{Names: filter.List{"user:alice"}},
		`user.id in record.parent.owners`:                           parent(filter.OwnerIn{Names: filter.List{"user:alice"}}),
		`record.id == "42"`:                                         filter.If{Cond: filter.Has{Attr: "id"}, Then: filter.IDIn{Names: filter.List{"42"}}, Else: filter.Unknown},
		`record.id != "42"`:                                         filter.Not{X: filter.If{Cond: filter.Has{Attr: "id"}, Then: filter.IDIn{Names: filter.List{"42"}}, Else: filter.Unknown}},
		`record.unit in ["unit:a", "unit:b"]`:                       filter.If{Cond: filter.Has{Attr: "unit"}, Then: filter.UnitIn{Names: filter.List{"unit:a", "unit:b"}}, Else: filter.Unknown},
		`member(record.unit)`:                                       filter.If{Cond: filter.Has{Attr: "unit"}, Then: filter.UnitIn{Names: filter.List{"team:x", "unit:n"}}, Else: filter.Unknown},
		`member(record.region)`:                                     filter.In{Attr: "region", Values: []any{"team:x", "unit:n"}},
		`has(record.region)`:                                        filter.Has{Attr: "region"},
		`has(record.owners) && has(record.id)`:                      filter.Has{Attr: "id"},
		`has(record.parent.tier)`:                                   parent(filter.Has{Attr: "tier"}),
		`has(record.parent)`:                                        filter.IsTrue{X: parent(filter.True)},
		`has(record.parent.parent)`:                                 parent(filter.False),
		`record.parent.type < dyn(0.0 / 0.0)`:                       parent(filter.False),
		`record.parent.type == "account"`:                           parent(filter.True),
		`record.region.startsWith("E")`:                             filter.Text{Attr: "region", Where: filter.AtStart, Value: "E"},
		`record.region.endsWith(user.dept)`:                         filter.Text{Attr: "region", Where: filter.AtEnd, Value: "sales"},
		`record.parent.tier.contains("o")`:                          parent(filter.Text{Attr: "tier", Where: filter.Inside, Value: "o"}),
		`own()`:                                                     filter.OwnerIn{Names: filter.List{"user:a"}},
		`!ownerIn("role:rep")`:                                      filter.Not{X: filter.OwnerIn{Names: filter.List{"role:rep", "user:b"}}},
		`teamRole("support")`:                                       filter.IDIn{Names: filter.List{"42"}},
		`record.owners.exists(o, o == user.id)`:                     filter.OwnerIn{Names: filter.List{"user:alice"}},
		`record.owners.exists(o, member(o) || "x" == o)`:            filter.OwnerIn{Names: filter.List{"team:x", "unit:n", "x"}},
		`record.tags.exists(o, o in ["a", "b"])`:                    filter.Or{filter.Contains{Attr: "tags", Value: "a"}, filter.Contains{Attr: "tags", Value: "b"}},
		`now - record.since > duration("1h")`: filter.If{
			Cond: filter.And{compare("since", filter.GreaterOrEqual, now.Add(-9223372036*time.Second)), compare("since", filter.LessOrEqual, now.Add(math.MaxInt64).Add(1))},
			Then: compare("since", filter.Less, now.Add(-hour)), Else: filter.Unknown,
		},
		`record.since + duration("1h") < now`: filter.If{
			Cond: compare("since", filter.LessOrEqual, time.Date(9999, 12, 31, 22, 59, 59, 999999999, time.UTC)),
			Then: compare("since", filter.Less, now.Add(-hour)), Else: filter.Unknown,
		},
		`record.size + 1 > 5`: filter.If{
			Cond: compare("size", filter.LessOrEqual, int64(math.MaxInt64-1)), Then: compare("size", filter.Greater, int64(4)), Else: filter.Unknown,
		},
	} {
		s, err := Compile(schemaOf(map[string]string{"c": expr}))
		if err != nil {
			t.Error(err)
			continue
		}
		got, ok := s.Filter("c", in, typeOf(customerType, in))
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v (-want +got)\n%s", expr, ok, diff)
		}
	}
}

func TestAConditionWithoutAFormIsRefusedUnlessItIsCheckOnly(t *testing.T) {
	for expr, part := range map[string]string{
		`record.size * 2 == 40`:                                   "record.size * 2 == 40",
		`record.vip && 100 / record.size > 9 && user.dept == "x"`: "100 / record.size > 9",
		`record.owners.size() == 2`:                               "record.owners.size() == 2",
		`record.owners[0] == user.id`:                             "record.owners[0] == user.id",
		`record.region.matches("^E")`:                             `record.region.matches("^E")`,
		`record.since.getFullYear() == 2026`:                      "record.since.getFullYear() == 2026",
		`record.tags == ["a"]`:                                    `record.tags == ["a"]`,
		`record.tags.all(t, t != "c")`:                            "the loop over record.tags",
		`record.owners.exists(o, o.startsWith("team:"))`:          "the loop over record.owners",
		`record.owners.exists(o, o == record.region)`:             "the loop over record.owners",
		`record.owners.exists(o, o == o + "x")`:                   "the loop over record.owners",
		`record.tags in [["a"]]`:                                  `record.tags in [["a"]]`,
		`ownerIn(dyn("role:rep")) || own()`:                       `ownerIn(dyn("role:rep"))`,
		`["EU"].exists(r, r == record.region)`:                    `the loop over ["EU"]`,
		`record.region == record.parent.tier`:                     "record.region == record.parent.tier",
		`record.id == record.region`:                              "record.id == record.region",
		`record.id > "4"`:                                         `record.id > "4"`,
		`record.id.startsWith("4")`:                               `record.id.startsWith("4")`,
		`"EU".startsWith(record.region)`:                          `"EU".startsWith(record.region)`,
		`record.region in [record.parent.tier]`:                   "record.region in [record.parent.tier]",
		`record.region in record.tags`:                            "record.region in record.tags",
		`record.region in {"EU": 1}`:                              `record.region in {"EU": 1}`,
		`dyn(record.size) == dyn(record.score)`:                   "dyn(record.size) == dyn(record.score)",
		`record.since - record.since > duration("1h")`:            `record.since - record.since > duration("1h")`,
		`record["地区"] + "x" == "y"`:                               `record.地区 + "x" == "y"`,
		`ownerIn(record.region)`:                                  "ownerIn(record.region)",
		`holds("customer", record.region)`:                        `holds("customer", record.region)`,
		`member(record.region + "x")`:                             `member(record.region + "x")`,
		`(record.vip ? 1 : 2) > 0`:                                "(record.vip ? 1 : 2) > 0",
		`type(record.region) == string`:                           "type(record.region) == string",
	} {
		schema := schemaOf(map[string]string{"a": "true", "c": expr})
		s, err := Compile(schema)
		v := new(model.ValueError)
		if s != nil || !errors.Is(err, model.ErrNoFilter) || !errors.As(err, &v) {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if v.In != "schema condition c" || v.Column != "expression" || v.Value != expr || !strings.Contains(v.Hint, "because of "+part+";") || !strings.Contains(v.Hint, "check_only") {
			t.Errorf("%s: %v", expr, err)
		}
		schema.CheckOnly = []string{"c"}
		if s, err = Compile(schema); err != nil {
			t.Errorf("%s, check-only: %v", expr, err)
			continue
		}
		if x, ok := s.Filter("c", question(), leadType); x != nil || ok {
			t.Errorf("%s, check-only: %v", expr, x)
		}
	}
}

func TestEqualityOfConditionsDoesNotMultiply(t *testing.T) {
	expr := "record.vip"
	for range 15 {
		expr = "record.vip == (" + expr + ")"
	}
	s, err := Compile(schemaOf(map[string]string{"c": expr}))
	if err != nil {
		t.Fatal(err)
	}
	x, ok := s.Filter("c", Input{}, customerType)
	if n := parts(x); n > 1000 || !ok {
		t.Errorf("%d parts", n)
	}
}

// parts is how many parts an expression has that was made of If and Not.
func parts(x filter.Expr) int {
	switch x := x.(type) {
	case filter.If:
		return 1 + parts(x.Cond) + parts(x.Then) + parts(x.Else)
	case filter.Not:
		return 1 + parts(x.X)
	}
	return 1
}

func TestACheckOnlyConditionHasNoFilterEvenIfItCould(t *testing.T) {
	s := mustCompile(t, `record.region == "EU"`)
	for _, name := range []string{"c", "d"} {
		if x, ok := s.Filter(name, question(), leadType); x != nil || ok {
			t.Errorf("the filter of %s is %v", name, x)
		}
	}
	if x, ok := new(Set).Filter("c", question(), leadType); x != nil || ok {
		t.Errorf("the zero Set has a filter: %v", x)
	}
}

func TestSomeValuesDoNotFitAForm(t *testing.T) {
	for expr, in := range map[string]Input{
		`record.owners.exists(o, o == user.s)`:                                       {},
		`record.l.exists(o, member(o))`:                                              {},
		`record.i in [dyn(1e300), dyn(1)]`:                                           {},
		`member("team:x") || record.b`:                                               {Facts: panics{}},
		`user.many.all(a, user.many.all(b, user.many.all(c, a != "x"))) || record.b`: {UserAttrs: map[string]any{"many": make([]string, 1000)}},
	} {
		schema := listSchema(map[string]string{"c": expr})
		schema.User = map[string]model.AttrType{"s": model.AttrString, "many": model.AttrStrings}
		s, err := Compile(schema)
		if err != nil {
			t.Error(err)
			continue
		}
		if x, ok := s.Filter("c", in, leadType); x != nil || ok {
			t.Errorf("%s: %v", expr, x)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, expr := range []string{
		`record.region == "EU"`,
		`record.region == user.dept && member("team:x")`,
		`record.since > now - duration("720h") || record.parent.tier in ["gold", "silver"]`,
		`now - record.since > duration("720h")`,
	} {
		b.Run(expr, func(b *testing.B) {
			s, err := Compile(schemaOf(map[string]string{"c": expr}))
			if err != nil {
				b.Fatal(err)
			}
			in, of := question(), typeOf(customerType, question())
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Filter("c", in, of); !ok {
					b.Fatal("not ok")
				}
			}
		})
	}
}
