package condition

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// The types of records that random conditions are about. Each is the parent of the other.
var (
	leadType = &RecordType{Name: "lead", Attributes: map[string]model.AttrType{
		"s": model.AttrString, "s2": model.AttrString, "地区": model.AttrString, "i": model.AttrInt, "i2": model.AttrInt,
		"d": model.AttrDouble, "d2": model.AttrDouble, "b": model.AttrBool, "b2": model.AttrBool,
		"t": model.AttrTimestamp, "t2": model.AttrTimestamp, "u": model.AttrDuration, "u2": model.AttrDuration,
		"l": model.AttrStrings, "either": model.AttrString, "mixed": model.AttrBool, "number": model.AttrInt,
	}}
	firmType = &RecordType{Name: "firm", Attributes: map[string]model.AttrType{
		"s": model.AttrString, "s2": model.AttrString, "i": model.AttrInt, "d": model.AttrDouble, "b": model.AttrBool,
		"t": model.AttrTimestamp, "u": model.AttrDuration, "either": model.AttrInt, "mixed": model.AttrString, "number": model.AttrDouble,
	}}
)

func init() { leadType.Parent, firmType.Parent = firmType, leadType }

// userAttributes is an attribute of the user of each type, of the type's letter.
var userAttributes = map[string]model.AttrType{
	"s": model.AttrString, "i": model.AttrInt, "d": model.AttrDouble, "b": model.AttrBool,
	"t": model.AttrTimestamp, "u": model.AttrDuration, "l": model.AttrStrings,
}

func listSchema(conditions map[string]string) *model.Schema {
	types := map[string]model.Type{}
	for _, t := range []*RecordType{leadType, firmType} {
		types[t.Name] = model.Type{
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Attributes: t.Attributes, Parent: model.Parent{Type: t.Parent.Name},
		}
	}
	return &model.Schema{Types: types, User: userAttributes, Env: map[string]model.AttrType{"b": model.AttrBool}, Conditions: conditions}
}

// world answers functions, about a record and about all.
type world struct {
	record *model.Record
	in     []string            // the user's groups
	within map[string][]string // who is in a group
	roles  map[string][]string // ids by role
}

func (w world) Member(g string) bool     { return slices.Contains(w.in, g) }
func (w world) Holds(typ, _ string) bool { return typ == "lead" }
func (w world) Own() bool                { return slices.Contains(w.record.Owners, "user:a") }
func (w world) TeamRole(as string) bool  { return slices.Contains(w.roles[as], w.record.ID) }
func (w world) OwnerIn(g string) bool {
	return slices.ContainsFunc(w.record.Owners, func(o string) bool { return o == g || slices.Contains(w.within[g], o) })
}

// worldSets is a world as Sets.
type worldSets world

func (w worldSets) Groups() []string { return w.in }
func (w worldSets) Own() filter.Expr { return filter.OwnerIn{Names: filter.List{"user:a"}} }
func (w worldSets) OwnerIn(g string) filter.Expr {
	return filter.OwnerIn{Names: append(filter.List{g}, w.within[g]...)}
}
func (w worldSets) TeamRole(as string) filter.Expr {
	return filter.IDIn{Names: filter.List(w.roles[as])}
}

// dice makes random conditions, questions and records.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

var (
	instants  = []time.Time{time.Unix(1e9, 0), time.Unix(1e9, 1), time.Unix(1e9+3600, 5e8), time.Unix(1e9-3600, 999999999), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 1, 0, 0, 7, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Unix(1e9-9223372036, 5e8), time.Unix(1e9-9223372036, 0), time.Unix(1e9+9223372036, 854775808), time.Unix(1e9+9223372036, 854775807), time.Unix(1e9+9223372037, 0), time.Unix(1e9-9223372037, 2e8), time.Unix(1e9-9223372037, 1e8)}
	tooLate   = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))
	durations = []time.Duration{0, time.Hour, -time.Hour, 1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 9223372036 * time.Second, -9223372036 * time.Second}
	numbers   = []int64{0, 1, 2, 7, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 1<<53 + 1, 1 << 53}
	reals     = []float64{0, 0.5, 1, 2, 7, -1, math.Inf(1), math.Inf(-1), 1 << 53, 1e300, math.Copysign(0, -1)}
	texts     = []string{"", "a", "A", "ab", "ba", "é", "lead", "firm", "user:a", "team:x", "unit:n", "1"}
)

// goValue is a random value of an attribute; nil for a missing one.
func (d dice) goValue(t model.AttrType) any {
	if d.IntN(4) == 0 {
		return nil
	}
	switch t {
	case model.AttrInt:
		return pick[any](d, pick(d, numbers...), 7, int8(1), uint32(2))
	case model.AttrDouble:
		return pick[any](d, pick(d, reals...), float32(0.5))
	case model.AttrBool:
		return pick(d, true, false)
	case model.AttrTimestamp:
		return pick(d, append(instants, tooLate)...)
	case model.AttrDuration:
		return pick(d, durations...)
	case model.AttrStrings:
		return d.strings()
	}
	return pick(d, texts...)
}

func (d dice) strings() []string {
	var l []string
	for range d.IntN(4) {
		l = append(l, pick(d, texts...))
	}
	return l
}

func (d dice) values(of map[string]model.AttrType) map[string]any {
	m := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(of)) { // so that a seed gives one case only
		m[name] = d.goValue(of[name])
	}
	return m
}

func (d dice) recordOf(t *RecordType) *model.Record {
	r := &model.Record{Type: t.Name, ID: pick(d, "", "1", "a", "ab"), Unit: pick(d, "", "unit:n", "unit:m"), Attrs: d.values(t.Attributes)}
	for range d.IntN(3) {
		r.Owners = append(r.Owners, pick(d, "user:a", "user:b", "team:x", "team:y"))
	}
	if d.IntN(3) > 0 {
		r.Parent = d.recordOf(t.Parent)
	}
	return r
}

func (d dice) question() Input {
	in := Input{Action: "read", User: pick(d, "", "user:a", "user:a"), UserAttrs: d.values(userAttributes), Env: d.values(map[string]model.AttrType{"b": model.AttrBool})}
	if d.IntN(4) > 0 {
		in.At = pick(d, instants...)
	}
	if d.IntN(8) > 0 {
		in.Facts = world{in: pick(d, nil, []string{"team:x", "unit:n"}), within: map[string][]string{"team:x": {"user:b"}}, roles: map[string][]string{"r": {"1"}}}
	}
	return in
}

// condition is a random condition: of a form, all parts of which have one.
func (d dice) condition(depth int) string {
	if depth <= 0 {
		return d.part()
	}
	sub := func() string { return d.condition(depth - 1 - d.IntN(2)) }
	switch d.IntN(12) {
	case 0, 1, 2:
		return "(" + sub() + " && " + sub() + ")"
	case 3, 4, 5:
		return "(" + sub() + " || " + sub() + ")"
	case 6, 7:
		return "!" + sub()
	case 8:
		return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
	case 9:
		return "(" + sub() + pick(d, " == ", " != ", " < ", " >= ") + sub() + ")"
	}
	return d.part()
}

// op is a comparison.
func (d dice) op() string { return " " + pick(d, "==", "!=", "<", "<=", ">", ">=") + " " }

func (d dice) equality() string { return pick(d, " == ", " != ") }

// of is the record, or a parent.
func (d dice) of() string {
	return pick(d, "record", "record", "record", "record.parent", "record.parent.parent")
}

// part is a random condition without && and the like.
func (d dice) part() string {
	kind := pick(d, "s", "i", "d", "b", "t", "u")
	of := d.of()
	switch d.IntN(24) {
	case 0, 1:
		return fmt.Sprintf("(%s.%s%s%s)", of, pick(d, kind, kind, kind+"2"), d.op(), d.constant(kind))
	case 2:
		return fmt.Sprintf("(%s%s%s.%s)", d.constant(kind), d.op(), of, kind)
	case 3:
		return fmt.Sprintf("(%s.%s%s%s.%s)", of, kind, d.op(), of, pick(d, kind, kind+"2"))
	case 4:
		return fmt.Sprintf("(%s.%s in %s)", of, kind, d.list(kind))
	case 5:
		return fmt.Sprintf("(%s in %s.%s)", d.constant("s"), pick(d, "record", "record.parent"), pick(d, "l", "owners"))
	case 6:
		return fmt.Sprintf("(%s.%s%s%s)", of, pick(d, "id", "unit", "type"), d.equality(), d.constant("s"))
	case 7:
		return fmt.Sprintf("(%s.%s in %s)", of, pick(d, "id", "unit", "type"), d.list("s"))
	case 8, 9:
		return "has(" + of + "." + pick(d, kind, "id", "unit", "type", "owners", "parent", "l", "either", "mixed") + ")"
	case 10:
		return of + pick(d, ".b", ".b2", ".b")
	case 11:
		return fmt.Sprintf("%s.%s.%s(%s)", of, pick(d, "s", "s2"), pick(d, "startsWith", "endsWith", "contains"), d.constant("s"))
	case 12:
		return pick(d, `own()`, `ownerIn("team:x")`, `ownerIn("team:y")`, `teamRole("r")`, `teamRole("q")`, `ownerIn(user.s)`, `holds(record.type, action)`, `member("team:x")`)
	case 13:
		return "member(" + of + "." + pick(d, "s", "id", "unit") + ")"
	case 14:
		return fmt.Sprintf("(%s.either%s%s)", of, d.equality(), pick(d, of+".mixed", d.constant(pick(d, "s", "i"))))
	case 15:
		return pick(d, "("+of+".mixed || false)", fmt.Sprintf("(%s.mixed%s%s)", of, d.equality(), d.constant(pick(d, "s", "b"))))
	case 16:
		return fmt.Sprintf("(dyn(%s.%s)%s%s)", of, pick(d, kind, kind, "type"), d.op(), pick(d, "dyn(18446744073709551615u)", "dyn("+d.constant(pick(d, "s", "i", "d", "b", "t", "u"))+")"))
	case 17:
		return fmt.Sprintf("(%s.number in [dyn(1), dyn(2.0), dyn(0.5), dyn(7u), dyn(%s)])", of, d.constant("s"))
	case 18:
		return d.exists(of)
	case 19:
		return fmt.Sprintf("(%s[\"地区\"]%s%s)", of, d.equality(), d.constant("s"))
	case 20, 21, 22:
		return d.shifted(of)
	}
	return d.constant("b")
}

func (d dice) exists(of string) string {
	list := pick(d, of+".owners", "record.l")
	question := pick(d, `o == `+d.constant("s"), d.constant("s")+` == o`, `o in `+d.list("s"), `member(o)`, `o == "a" || member(o)`, `o == "user:a"`, `o == user.id`)
	return list + ".exists(o, " + question + ")"
}

// shifted compares an attribute, with something added to it or the like.
func (d dice) shifted(of string) string {
	x, kind := of+"."+pick(d, "i", "t", "u", "t"), ""
	kind = x[len(x)-1:]
	for range 1 + d.IntN(2) {
		switch c := func(kind string) string { return d.constant(kind) }; kind {
		case "i":
			x = pick(d, x+" + "+c("i"), c("i")+" + "+x, x+" - "+c("i"), c("i")+" - "+x)
		case "u":
			next := pick(d, "u", "u", "t")
			x = map[string]func() string{
				"u": func() string { return pick(d, x+" + "+c("u"), c("u")+" + "+x, x+" - "+c("u"), c("u")+" - "+x) },
				"t": func() string { return pick(d, x+" + "+c("t"), c("t")+" + "+x, c("t")+" - "+x) },
			}[next]()
			kind = next
		case "t":
			next := pick(d, "u", "t")
			x = map[string]func() string{
				"u": func() string { return pick(d, x+" - "+c("t"), c("t")+" - "+x) },
				"t": func() string { return pick(d, x+" + "+c("u"), c("u")+" + "+x, x+" - "+c("u")) },
			}[next]()
			kind = next
		}
		x = "(" + x + ")"
	}
	if d.IntN(2) == 0 {
		return "(" + d.constant(kind) + d.op() + x + ")"
	}
	return "(" + x + d.op() + d.constant(kind) + ")"
}

// constant is what does not depend on the record, of the type with this letter.
func (d dice) constant(kind string) string {
	if d.IntN(4) == 0 {
		return "user." + kind
	}
	switch kind {
	case "s":
		return pick(d, fmt.Sprintf("%q", pick(d, texts...)), "record.type", "user.id", `(user.s + "b")`, `(env.b ? "a" : user.s)`)
	case "i":
		return pick(d, fmt.Sprint(pick(d, numbers...)), "1 / 0", "(user.i + 1)", "size(user.l)")
	case "d":
		return pick(d, fmt.Sprintf("double(%q)", fmt.Sprint(pick(d, reals...))), "(user.d * 2.0)", "0.0 / 0.0")
	case "b":
		return pick(d, "true", "false", "env.b", "(user.i > 1)", `member("team:x")`, "user.l.exists(x, x == user.s)", "user.l.all(x, x != user.s)", `(action == "read")`)
	case "t":
		return pick(d, "now", fmt.Sprintf("timestamp(%q)", pick(d, instants...).UTC().Format(time.RFC3339Nano)), `(now - duration("1h"))`)
	}
	return pick(d, fmt.Sprintf("duration(%q)", pick(d, durations...)), `(user.u + duration("1h"))`, "(now - user.t)")
}

// list is a constant list.
func (d dice) list(kind string) string {
	if kind == "s" && d.IntN(4) == 0 {
		return "user.l"
	}
	var l []string
	for range d.IntN(4) {
		l = append(l, d.constant(kind))
	}
	return "[" + strings.Join(l, ", ") + "]"
}
