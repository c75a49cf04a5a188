package filter_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// grower grows random expressions.
type grower struct{ *rand.Rand }

var parentOf = map[string]string{task: customer, customer: account}

func (g *grower) expr(depth int, typ string) filter.Expr {
	if depth == 0 {
		return g.leaf(typ)
	}
	x := func() filter.Expr { return g.expr(g.IntN(depth), typ) }
	xs := func() []filter.Expr {
		parts := make([]filter.Expr, g.IntN(4))
		for i := range parts {
			parts[i] = x()
		}
		return parts
	}
	switch g.IntN(9) {
	case 0:
		return filter.And(xs())
	case 1, 2:
		return filter.Or(append(xs(), x()))
	case 3:
		return filter.Not{X: x()}
	case 4:
		return filter.IsTrue{X: x()}
	case 5:
		return filter.If{Cond: x(), Then: x(), Else: x()}
	case 6:
		if parent := parentOf[typ]; parent != "" {
			return filter.OfParent{Type: parent, X: g.expr(depth-1, parent)}
		}
	}
	return g.leaf(typ)
}

func (g *grower) leaf(typ string) filter.Expr {
	name := func() string { return pick(g.Rand, attributeNames...) }
	switch g.IntN(14) {
	case 0:
		return pick[filter.Expr](g.Rand, filter.True, filter.False, filter.Unknown, nil)
	case 1:
		return filter.IDIn{Names: g.names("", typ)}
	case 2, 3:
		return filter.OwnerIn{Names: slices.Concat(g.names("user:", task), g.names("team:", task))}
	case 4:
		return filter.UnitIn{Names: g.names("unit:", task)}
	case 5:
		return filter.Has{Attr: pick(g.Rand, append([]string{"id", "unit"}, attributeNames...)...)}
	case 6:
		return filter.Bool{Attr: pick(g.Rand, "b", "b2", "b", "i")}
	case 7, 8:
		attr := name()
		return filter.Compare{Attr: attr, Op: g.op(), Value: g.value(attributes[attr])}
	case 9:
		of := attributes[name()]
		same := slices.DeleteFunc(slices.Clone(attributeNames), func(n string) bool {
			return attributes[n] != of && g.IntN(20) > 0 || attributes[n] == model.AttrStrings
		})
		if len(same) == 0 {
			return filter.Unknown
		}
		return filter.CompareAttrs{Left: pick(g.Rand, same...), Op: g.op(), Right: pick(g.Rand, same...)}
	case 10, 11:
		attr := name()
		values := make([]any, pick(g.Rand, 0, 1, 2, 5, 60))
		for i := range values {
			values[i] = g.value(attributes[attr])
		}
		return filter.In{Attr: attr, Values: values}
	case 12:
		return filter.Contains{Attr: pick(g.Rand, "tags", "tags", "tags", "s"), Value: g.text()}
	}
	return filter.Text{Attr: pick(g.Rand, "s", "s2", "s", "i"), Where: pick(g.Rand, filter.AtStart, filter.AtEnd, filter.Inside, 0), Value: g.text()}
}

var attributeNames = slices.Sorted(maps.Keys(attributes))

func (g *grower) op() filter.Op { return filter.Op(g.IntN(8)) }

func (g *grower) text() string { return pick(g.Rand, slices.Concat(texts, withNUL)...) }

// names are names of the policy, some of them such as no database has, and sometimes very many.
func (g *grower) names(prefix, typ string) filter.List {
	names := filter.List{}
	for range g.IntN(12) {
		names = append(names, g.name(prefix, typ))
	}
	if g.IntN(10) == 0 {
		for i := range pick(g.Rand, 45, 200, 1100) {
			names = append(names, prefix+"x"+strconv.Itoa(i), g.name(prefix, typ))
		}
	}
	return names
}

func (g *grower) name(prefix, typ string) string {
	switch g.IntN(20) {
	case 0:
		return pick(g.Rand, "", "user:", "unit:", "%", "a%2fb", "-", "%41", "007", "+1", "user:a%2fb", "user:-", "18446744073709551615", "A0000001-0000-4000-8000-0000000000AB", "role:a", "a")
	case 1:
		return prefix + model.EscapeID(pick(g.Rand, notUTF8...))
	}
	switch typ {
	case customer:
		return strconv.FormatInt(idNumber(g.IntN(parents)), 10)
	case account:
		return idUUID(g.IntN(parents))
	}
	return prefix + model.EscapeID(g.text())
}

// value is a constant to compare with an attribute of the type, now and then one of another type.
func (g *grower) value(of model.AttrType) any {
	if g.IntN(25) == 0 {
		return pick[any](g.Rand, "a", int64(1), 1.5, true, time.Unix(0, 0), time.Second, nil, []string{"a"})
	}
	switch of {
	case model.AttrString:
		return g.text()
	case model.AttrInt, model.AttrDouble:
		if g.IntN(2) == 0 {
			return pick(g.Rand, ints...)
		}
		return pick(g.Rand, slices.Concat(floats, infinities, []float64{math.NaN()})...)
	case model.AttrBool:
		return g.IntN(2) == 0
	case model.AttrTimestamp:
		if g.IntN(20) == 0 {
			return pick(g.Rand, time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
		}
		return pick(g.Rand, instants...).In(pick(g.Rand, zones...))
	case model.AttrDuration:
		return pick(g.Rand, durations...)
	}
	return "a"
}

// comparisons are all comparisons with each value.
func comparisons() (xs []filter.Expr) {
	each := func(attr string, value any) {
		for op := filter.Equal; op <= filter.GreaterOrEqual; op++ {
			xs = append(xs, filter.Compare{Attr: attr, Op: op, Value: value})
		}
	}
	for _, s := range slices.Concat(texts, withNUL) {
		each("s", s)
		for where := filter.AtStart; where <= filter.Inside; where++ {
			xs = append(xs, filter.Text{Attr: "s", Where: where, Value: s})
		}
		id := model.EscapeID(s)
		xs = append(xs, filter.IDIn{Names: filter.List{id}}, filter.UnitIn{Names: filter.List{"unit:" + id}},
			filter.OwnerIn{Names: filter.List{"user:" + id}}, filter.OwnerIn{Names: filter.List{"team:" + id}}, filter.Contains{Attr: "tags", Value: s})
	}
	for _, i := range ints {
		each("i", i)
		each("f", i)
	}
	for _, f := range slices.Concat(floats, infinities, []float64{math.NaN()}) {
		each("i", f)
		each("f", f)
	}
	for _, at := range instants {
		each("t", at)
		each("t2", at)
	}
	for _, d := range durations {
		each("d", d)
	}
	for attr, of := range attributes {
		xs = append(xs, filter.Has{Attr: attr})
		for op := filter.Equal; op <= filter.GreaterOrEqual && of != model.AttrStrings; op++ {
			xs = append(xs, filter.CompareAttrs{Left: attr, Op: op, Right: attr[:1]}, filter.CompareAttrs{Left: attr[:1], Op: op, Right: attr})
		}
	}
	for _, b := range []bool{false, true} {
		each("b", b)
	}
	return append(xs, filter.Bool{Attr: "b"}, filter.Has{Attr: "id"}, filter.Has{Attr: "unit"})
}
