package difftest

import (
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// question is one about a record, or a type, of the schema; mostly one that
// some rule answers, sometimes a malformed one.
func (g *generator) question(at time.Time) Question {
	user, typ, id, action, field := g.topic()
	q := Question{Request: model.Request{
		Tenant: tenant, User: user, Type: typ, Action: action, At: at,
		UserAttrs: g.attrs(g.schema.User), Env: g.attrs(g.schema.Env), Address: pick(g.dice, addresses...),
	}}
	if g.chance(88) {
		q.Request.Record = g.record(typ, user, 0)
		if id != "" && g.chance(80) {
			q.Request.Record.ID = id
		}
	}
	if g.chance(30) {
		q.Field = field
	}
	if g.chance(50) && q.Request.Record != nil {
		q.Request.Type = ""
	}
	if g.chance(3) {
		q.Request.User = "user:nobody"
	}
	if g.chance(3) {
		g.malform(&q)
	}
	return q
}

// topic is who asks for what: often what a rule is about, and one of those
// whom it concerns, or a superior.
func (g *generator) topic() (user, typ, id, action, field string) {
	user, typ = pick(g.dice, users...), pick(g.dice, names(g.schema.Types)...)
	if f, err := model.Decode(pick(g.dice, slices.Concat(g.lines, g.base)...)); err == nil && g.chance(75) {
		switch f := f.(type) {
		case model.CustomerRule:
			typ, id, action, user = f.On.Type, f.On.ID, f.Action, g.concerned(f.Subject)
		case model.TeamRule:
			typ, id, user = f.On.Type, f.On.ID, g.concerned(f.Subject)
			if g.chance(50) {
				user = g.near(user, true)
			}
		case model.FieldRule:
			typ, id, field, user = f.On.Type, f.On.ID, f.On.Field, g.concerned(f.Subject)
		}
	}
	if typ == model.Any {
		typ = pick(g.dice, names(g.schema.Types)...)
	}
	if _, ok := g.schema.Types[typ].Actions[action]; !ok {
		action = pick(g.dice, names(g.schema.Types[typ].Actions)...)
	}
	if field == "" || field == model.Any {
		field = pick(g.dice, append(names(g.schema.Types[typ].Fields), "name")...)
	}
	return user, typ, id, action, field
}

// near is one whom an org edge has right above the user, or right below; the
// user herself if there is none.
func (g *generator) near(user string, above bool) string {
	found := []string{}
	for _, l := range g.lines {
		low, high := l.Values[0], l.Values[1]
		switch {
		case l.Section != model.OrgEdges:
		case above && low == user:
			found = append(found, high)
		case !above && high == user:
			found = append(found, low)
		}
	}
	if len(found) == 0 {
		return user
	}
	return pick(g.dice, found...)
}

// concerned is the user, or one in the group, or anyone.
func (g *generator) concerned(subject string) string {
	if model.KindOf(subject) == model.User {
		return subject
	}
	var in []string
	for _, l := range g.lines {
		if l.Section == model.Memberships && l.Values[1] == subject && model.KindOf(l.Values[0]) == model.User {
			in = append(in, l.Values[0])
		}
	}
	if len(in) == 0 {
		in = users
	}
	return pick(g.dice, in...)
}

// record is one that has more to do with the user than with others.
func (g *generator) record(typ, user string, depth int) *model.Record {
	r := &model.Record{Type: typ, ID: pick(g.dice, ids...), Attrs: g.attrs(g.schema.Types[typ].Attributes)}
	if g.chance(5) {
		r.ID = ""
	}
	for range pickWeighted(g.dice, weighted[int]{15, 0}, weighted[int]{60, 1}, weighted[int]{25, 2}) {
		if o := pick(g.dice, pick(g.dice, users, teams, []string{user}, []string{g.near(user, false)})...); !slices.Contains(r.Owners, o) {
			r.Owners = append(r.Owners, o)
		}
	}
	if g.chance(80) {
		r.Unit = pick(g.dice, units...)
	}
	if of := g.schema.Types[typ].Parent.Type; of != "" && depth < 4 && g.chance(80) {
		if g.chance(5) { // one that counts for conditions only
			of = pick(g.dice, names(g.schema.Types)...)
		}
		r.Parent = g.record(of, user, depth+1)
	}
	return r
}

// attrs gives most of the attributes a value; some are nil, some missing.
func (g *generator) attrs(declared map[string]model.AttrType) map[string]any {
	out := map[string]any{}
	for _, name := range names(declared) {
		switch n := g.IntN(100); {
		case n < 15:
		case n < 25:
			out[name] = nil
		default:
			out[name] = g.value(declared[name])
		}
	}
	return out
}

func (g *generator) value(t model.AttrType) any {
	switch t {
	case model.AttrBool:
		return g.chance(50)
	case model.AttrInt:
		return pick(g.dice, 0, 2, 20)
	case model.AttrDouble:
		return pick(g.dice, -1, 0.5, 7)
	case model.AttrTimestamp:
		return pick(g.dice, now.Add(-25*time.Hour), now.Add(-24*time.Hour), now, now.Add(time.Hour).In(time.FixedZone("", 7200)))
	case model.AttrStrings:
		return pick(g.dice, []string{}, []string{"hot"}, []string{"cold", "hot"}, []string{"Hot"})
	default:
		return pick(g.dice, "EU", "US", "EU", "US", "eu", "ß")
	}
}

// malform spoils a question in one of the ways in which one can be wrong.
func (g *generator) malform(q *Question) {
	r := &q.Request
	inRecord := []func(*model.Record){
		func(rec *model.Record) { rec.Owners = append(rec.Owners, "role:a") },
		func(rec *model.Record) { rec.Owners = append(rec.Owners, "") },
		func(rec *model.Record) { rec.Unit = "team:x" },
		func(rec *model.Record) { rec.ID = "1/2" },
		func(rec *model.Record) { rec.Type = "letter" },
		func(rec *model.Record) { rec.Attrs["colour"] = "red" },
		func(rec *model.Record) { rec.Attrs["vip"] = "yes" },
		func(rec *model.Record) { rec.Parent = &model.Record{Type: "letter"} },
		func(rec *model.Record) { rec.Parent = chain(rec.Type, g.between(model.MaxDepth-2, model.MaxDepth+1)) },
	}
	if r.Record != nil && g.chance(60) {
		pick(g.dice, inRecord...)(r.Record)
		return
	}
	pick(g.dice,
		func() { r.User = "role:a" },
		func() { r.User = "" },
		func() { r.Action = "fly" },
		func() { r.Action = "" },
		func() { r.Action = model.Any },
		func() { r.Type = "letter" },
		func() { r.Tenant = "" },
		func() { r.UserAttrs["grade"] = "high" },
		func() { r.Env["weather"] = "fine" },
		func() {
			if q.Field != "" {
				q.Field = pick(g.dice, "colour", model.Any)
			}
		},
	)()
}

// chain is a record with its parents, n in all.
func chain(typ string, n int) *model.Record {
	var r *model.Record
	for range n {
		r = &model.Record{Type: typ, Parent: r}
	}
	return r
}
