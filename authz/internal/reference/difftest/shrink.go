package difftest

import (
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// shrink drops from a difference whatever is not needed for the two still to
// differ in the same way: lines and their terms, parts of the record and of
// the schema, until nothing more can go.
func shrink(d Difference, build func(Case) (Decider, error)) *Difference {
	s := &shrinker{Difference: d, build: build}
	for again := true; again; {
		again = s.lines() || s.terms() || s.question() || s.schema()
	}
	return &s.Difference
}

type shrinker struct {
	Difference
	build func(Case) (Decider, error)
}

// keep takes a smaller case over if the two differ on it as before.
func (s *shrinker) keep(c Case) bool {
	want, err := Reference(c)
	if err != nil {
		return false
	}
	got, err := s.build(c)
	if err != nil {
		return false
	}
	d := Difference{c, Ask(want, c.Questions[0]), Ask(got, c.Questions[0])}
	if d.kind() != s.kind() {
		return false
	}
	s.Difference = d
	return true
}

// kind is in which way the two differ: who is in error, and who says more.
func (d Difference) kind() [3]int {
	var k [3]int
	if d.Want.Err != nil {
		k[0] = 1
	}
	if d.Got.Err != nil {
		k[1] = 1
	}
	switch w, g := d.Want, d.Got; {
	case !w.Allowed && g.Allowed || w.Field < g.Field:
		k[2] = 1
	case w.Allowed && !g.Allowed || w.Field > g.Field:
		k[2] = -1
	}
	return k
}

// lines drops lines, many at once while that goes.
func (s *shrinker) lines() (done bool) {
	for _, of := range []func(*Case) *[]model.Line{
		func(c *Case) *[]model.Line { return &c.Lines },
		func(c *Case) *[]model.Line { return &c.BaseLines },
	} {
		for n := len(*of(&s.Case)); n > 0; n /= 2 {
			for i := 0; i < len(*of(&s.Case)); {
				c := s.Case
				l := of(&c)
				*l = slices.Delete(slices.Clone(*l), i, min(i+n, len(*l)))
				if s.keep(c) {
					done = true
				} else {
					i += n
				}
			}
		}
	}
	return done
}

// terms makes rules simpler: without period, condition or scope.
func (s *shrinker) terms() (done bool) {
	for _, of := range []func(*Case) *[]model.Line{
		func(c *Case) *[]model.Line { return &c.Lines },
		func(c *Case) *[]model.Line { return &c.BaseLines },
	} {
		for i := range *of(&s.Case) {
			for _, simpler := range Simpler((*of(&s.Case))[i]) {
				c := s.Case
				l := of(&c)
				*l = slices.Clone(*l)
				(*l)[i] = simpler
				if s.keep(c) {
					done = true
					break
				}
			}
		}
	}
	return done
}

// Simpler returns the line without its period, without its condition and
// without its scope, of those that it has.
func Simpler(l model.Line) []model.Line {
	f, err := model.Decode(l)
	if err != nil {
		return nil
	}
	var out []model.Line
	add := func(f model.Fact) {
		if s, err := model.Encode(f); err == nil && s != l {
			out = append(out, s)
		}
	}
	switch f := f.(type) {
	case model.CustomerRule:
		period, condition, scope := f, f, f
		period.Valid, condition.If, scope.Scope = model.Period{}, "", model.ScopeLevel
		add(period)
		add(condition)
		add(scope)
	case model.TeamRule:
		period, condition, as := f, f, f
		period.Valid, condition.If, as.As = model.Period{}, "", ""
		add(period)
		add(condition)
		add(as)
	case model.FieldRule:
		period, condition := f, f
		period.Valid, condition.If = model.Period{}, ""
		add(period)
		add(condition)
	case model.Membership:
		f.Valid = model.Period{}
		add(f)
	case model.Switch:
		f.Valid = model.Period{}
		add(f)
	}
	return out
}

// question asks for the decision in place of a field, and drops attributes and
// parts of the record.
func (s *shrinker) question() (done bool) {
	if s.Case.Questions[0].Field != "" {
		c := s.Case
		c.Questions = []Question{{Request: c.Questions[0].Request}}
		done = s.keep(c)
	}
	try := func(change func(*model.Request) bool) bool {
		c := s.Case
		q := c.Questions[0]
		q.Request.Record = cloneRecord(q.Request.Record)
		q.Request.UserAttrs, q.Request.Env = maps.Clone(q.Request.UserAttrs), maps.Clone(q.Request.Env)
		if !change(&q.Request) {
			return false
		}
		c.Questions = []Question{q}
		if s.keep(c) {
			done = true
			return true
		}
		return false
	}
	dropKeys := func(of func(*model.Request) map[string]any) {
		for _, name := range names(of(&s.Case.Questions[0].Request)) {
			try(func(q *model.Request) bool { delete(of(q), name); return true })
		}
	}
	dropKeys(func(q *model.Request) map[string]any { return q.UserAttrs })
	dropKeys(func(q *model.Request) map[string]any { return q.Env })
	for depth := 0; ; depth++ {
		at := func(q *model.Request) *model.Record { return ancestor(q.Record, depth) }
		r := at(&s.Case.Questions[0].Request)
		if r == nil {
			return done
		}
		for r.Parent != nil && try(func(q *model.Request) bool { at(q).Parent = at(q).Parent.Parent; return true }) {
			r = at(&s.Case.Questions[0].Request)
		}
		for i := len(r.Owners) - 1; i >= 0; i-- {
			try(func(q *model.Request) bool {
				o := &at(q).Owners
				*o = slices.Delete(*o, i, i+1)
				return true
			})
		}
		if r.Unit != "" {
			try(func(q *model.Request) bool { at(q).Unit = ""; return true })
		}
		dropKeys(func(q *model.Request) map[string]any { return at(q).Attrs })
	}
}

func ancestor(r *model.Record, depth int) *model.Record {
	for ; r != nil && depth > 0; depth-- {
		r = r.Parent
	}
	return r
}

func cloneRecord(r *model.Record) *model.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Owners, c.Attrs, c.Parent = slices.Clone(r.Owners), maps.Clone(r.Attrs), cloneRecord(r.Parent)
	return &c
}

// schema drops types, what types have, conditions and attributes.
func (s *shrinker) schema() (done bool) {
	try := func(change func(*model.Schema)) {
		c := s.Case
		c.Schema = cloneSchema(c.Schema)
		change(c.Schema)
		if c.Schema.Check() != nil {
			return
		}
		compiled, err := compile(c.Schema)
		if err != nil {
			return
		}
		c.Conditions = compiled.conditions
		if s.keep(c) {
			done = true
		}
	}
	for _, name := range names(s.Case.Schema.Conditions) {
		try(func(x *model.Schema) {
			delete(x.Conditions, name)
			x.CheckOnly = slices.DeleteFunc(x.CheckOnly, func(n string) bool { return n == name })
		})
	}
	for _, c := range s.Case.Schema.Constraints {
		try(func(x *model.Schema) {
			x.Constraints = slices.DeleteFunc(x.Constraints, func(k model.Constraint) bool { return k.Name == c.Name })
		})
	}
	for _, name := range names(s.Case.Schema.Types) {
		try(func(x *model.Schema) { delete(x.Types, name) })
	}
	for _, name := range names(s.Case.Schema.User) {
		try(func(x *model.Schema) { delete(x.User, name) })
	}
	for _, name := range names(s.Case.Schema.Env) {
		try(func(x *model.Schema) { delete(x.Env, name) })
	}
	for _, name := range names(s.Case.Schema.Types) {
		t := s.Case.Schema.Types[name]
		of := func(change func(*model.Type)) {
			try(func(x *model.Schema) {
				t := x.Types[name]
				change(&t)
				x.Types[name] = t
			})
		}
		for _, a := range names(t.Actions) {
			of(func(t *model.Type) { delete(t.Actions, a) })
		}
		for _, f := range names(t.Fields) {
			of(func(t *model.Type) { delete(t.Fields, f) })
		}
		for _, a := range names(t.Attributes) {
			of(func(t *model.Type) { delete(t.Attributes, a) })
		}
		if t.Parent != (model.Parent{}) {
			of(func(t *model.Type) { t.Parent = model.Parent{} })
		}
		if t.Hierarchy != (model.Hierarchy{}) {
			of(func(t *model.Type) { t.Hierarchy = model.Hierarchy{} })
		}
		if t.Hierarchy.Holders {
			of(func(t *model.Type) { t.Hierarchy.Holders = false })
		}
		if t.Hierarchy.Depth > 0 {
			of(func(t *model.Type) { t.Hierarchy.Depth, t.Hierarchy.Beyond = 0, model.LevelNone })
		}
	}
	return done
}

func cloneSchema(s *model.Schema) *model.Schema {
	c := &model.Schema{Types: map[string]model.Type{}, Conditions: maps.Clone(s.Conditions), CheckOnly: slices.Clone(s.CheckOnly), User: maps.Clone(s.User), Env: maps.Clone(s.Env),
		Constraints: slices.Clone(s.Constraints), Administration: s.Administration}
	for name, t := range s.Types {
		t.Actions, t.Fields, t.Attributes = maps.Clone(t.Actions), maps.Clone(t.Fields), maps.Clone(t.Attributes)
		c.Types[name] = t
	}
	return c
}
