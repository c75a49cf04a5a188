package analysis

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// difference is what changes for one user of an action, or of a field for an action, on
// some records.
type difference struct {
	typ, action string
	fields      []string         // none: the action itself changes
	from, to    model.FieldLevel // of the fields; of an action, write is that it is allowed
	cells       int              // how many classes of records were told apart
	of          *problem
	cubes       []cube
	whole       bool // the action comes or goes altogether; the cubes are an example
}

// comparison compares what one user may do by two policies.
type comparison struct {
	before, now *view
	types       map[string]bool // nil: all
	brief       bool            // of an action that comes or goes altogether it is not told of which records
	yield       func(difference)
}

// run compares all actions and fields of all types.
func (c *comparison) run() error {
	for _, typ := range union2(c.before.of.schema.Types, c.now.of.schema.Types) {
		if c.types != nil && !c.types[typ] {
			continue
		}
		before, now := c.before.of.schema.Types[typ], c.now.of.schema.Types[typ]
		names := union2(before.Fields, now.Fields)
		var fields []fieldGroup
		fieldsFor := func(action string) []fieldGroup {
			if fields == nil || c.before.Opens() || c.now.Opens() { // otherwise they are the same for all actions
				fields = c.fields(typ, action, names)
			}
			return fields
		}
		for _, action := range union2(before.Actions, now.Actions) {
			if err := c.action(typ, action, fieldsFor); err != nil {
				return err
			}
		}
	}
	return nil
}

// levels is, by level from masked, where a field has at least the level.
type levels [model.FieldWrite + 1]filter.Expr

// fieldGroup is fields that change alike.
type fieldGroup struct {
	names       []string
	before, now levels
	constant    bool // what they are is the same for all records
	same        bool // before and now
}

// fields are the fields of a type, gathered where they are the same.
func (c *comparison) fields(typ, action string, names []string) (groups []fieldGroup) {
	constant := map[[2]levels]int{}
	for _, name := range names {
		g := fieldGroup{names: []string{name}, before: c.before.field(typ, action, name), now: c.now.field(typ, action, name), constant: true, same: true}
		for l := range g.before {
			g.constant = g.constant && isTruth(g.before[l]) && isTruth(g.now[l])
			g.same = g.same && same(g.before[l], c.before, g.now[l], c.now)
		}
		if g.constant {
			if i, ok := constant[[2]levels{g.before, g.now}]; ok {
				groups[i].names = append(groups[i].names, name)
				continue
			}
			constant[[2]levels{g.before, g.now}] = len(groups)
		}
		groups = append(groups, g)
	}
	return groups
}

func isTruth(x filter.Expr) bool {
	_, ok := x.(filter.Truth)
	return ok
}

// action compares an action, and all fields for it.
func (c *comparison) action(typ, action string, fields func(action string) []fieldGroup) error {
	before, now := c.before.may(typ, action), c.now.may(typ, action)
	if before == filter.False && now == filter.False {
		return nil
	}
	if c.brief && (before == filter.False || now == filter.False) {
		return c.whole(typ, action, before, now)
	}
	alike := same(before, c.before, now, c.now)
	limits := c.limit(0, typ, action) == c.limit(1, typ, action)
	var all *solved // of the action, and of fields that are the same for all records
	for _, g := range append([]fieldGroup{{same: true, constant: true}}, fields(action)...) {
		if alike && g.same && (limits || g.names == nil) {
			continue
		}
		d := difference{typ: typ, action: action, fields: g.names}
		if !g.constant {
			s, err := c.solve(typ, append([]filter.Expr{before, now}, g.pairs()...))
			if err != nil {
				return err
			}
			c.differences(d, s, [2]levelOf{c.varying(0, d), c.varying(1, d)})
			continue
		}
		if all == nil {
			var err error
			if all, err = c.solve(typ, []filter.Expr{before, now}); err != nil {
				return err
			}
		}
		if g.names == nil {
			c.differences(d, all, [2]levelOf{allowed(0, model.FieldWrite), allowed(1, model.FieldWrite)})
		} else {
			c.differences(d, all, [2]levelOf{allowed(0, min(g.level(g.before), c.limit(0, typ, action))), allowed(1, min(g.level(g.now), c.limit(1, typ, action)))})
		}
	}
	return nil
}

// whole yields that an action comes or goes altogether, unless it is one to no record at all.
func (c *comparison) whole(typ, action string, before, now filter.Expr) error {
	d := difference{typ: typ, action: action, whole: true, from: model.FieldWrite}
	x, of := before, c.before
	if before == filter.False {
		x, of, d.from, d.to = now, c.now, model.FieldHidden, model.FieldWrite
	}
	if err := d.findOne(x, of); err != nil || d.cubes == nil {
		return err
	}
	c.yield(d)
	return nil
}

// findOne finds some records of which an expression is true, if there are any.
func (d *difference) findOne(x filter.Expr, of *view) (err error) {
	if s := shapeOf(x); s.how == "or" { // it suffices that one of them is
		for _, kid := range s.kids {
			if err = d.findOne(kid, of); err != nil || d.cubes != nil {
				return err
			}
		}
		return nil
	}
	if d.of, err = newProblem(d.typ, []filter.Expr{x}, []*view{of}); err != nil {
		return err
	}
	d.of.visit(d.of.everything(), d.of.outputs, func(some cube) bool {
		if d.of.tuple(some) == "\x01" {
			d.cubes = []cube{some}
		}
		return d.cubes == nil
	})
	return nil
}

// pairs are the expressions of a field group, by level: before and now.
func (g fieldGroup) pairs() (xs []filter.Expr) {
	for l := model.FieldMasked; l <= model.FieldWrite; l++ {
		xs = append(xs, g.before[l], g.now[l])
	}
	return xs
}

// level is the one level of a field that is the same for all records.
func (g fieldGroup) level(of levels) model.FieldLevel {
	l := model.FieldWrite
	for of[l] != filter.True {
		l--
	}
	return l
}

// solved is a problem with its cells, and the covers that it was asked for.
type solved struct {
	*problem
	cells  []cell
	covers map[string][]cube
}

// solve makes a problem of expressions, of which every other one is of the policy before.
func (c *comparison) solve(typ string, xs []filter.Expr) (*solved, error) {
	views := make([]*view, len(xs))
	for i := range xs {
		views[i] = [2]*view{c.before, c.now}[i%2]
	}
	p, err := newProblem(typ, xs, views)
	if err != nil {
		return nil, err
	}
	cells, err := p.solve()
	return &solved{p, cells, map[string][]cube{}}, err
}

// limit is the most that an action shows of a field.
func (c *comparison) limit(side int, typ, action string) model.FieldLevel {
	if [2]*view{c.before, c.now}[side].of.schema.Types[typ].Actions[action].Reading() {
		return model.FieldRead
	}
	return model.FieldWrite
}

// levelOf is the level that answers come to.
type levelOf func(tuple string) model.FieldLevel

// allowed is the one level that there is where the action is allowed.
func allowed(side int, level model.FieldLevel) levelOf {
	return func(tuple string) model.FieldLevel {
		if tuple[side] == 1 {
			return level
		}
		return model.FieldHidden
	}
}

// varying is the level that the answers about a field tell.
func (c *comparison) varying(side int, d difference) levelOf {
	limit := c.limit(side, d.typ, d.action)
	return func(tuple string) model.FieldLevel {
		if tuple[side] == 0 {
			return model.FieldHidden
		}
		for l := limit; l > model.FieldHidden; l-- {
			if tuple[2*int(l)+side] == 1 {
				return l
			}
		}
		return model.FieldHidden
	}
}

// differences yields the changes from one level to another.
func (c *comparison) differences(d difference, s *solved, of [2]levelOf) {
	tuples := map[[2]model.FieldLevel][]string{} // by change
	for _, cell := range s.cells {
		change := [2]model.FieldLevel{of[0](cell.tuple), of[1](cell.tuple)}
		if change[0] != change[1] && !slices.Contains(tuples[change], cell.tuple) {
			tuples[change] = append(tuples[change], cell.tuple)
		}
	}
	d.of, d.cells = s.problem, len(s.cells)
	for from := range model.FieldWrite + 1 {
		for to := range model.FieldWrite + 1 {
			if wanted := tuples[[2]model.FieldLevel{from, to}]; wanted != nil {
				d.from, d.to, d.cubes = from, to, s.coverOf(wanted)
				c.yield(d)
			}
		}
	}
}

// coverOf is the cover of the cells with some answers.
func (s *solved) coverOf(tuples []string) []cube {
	key := strings.Join(tuples, "")
	if s.covers[key] == nil {
		s.covers[key] = s.cover(s.cells, func(tuple string) bool { return slices.Contains(tuples, tuple) })
	}
	return s.covers[key]
}

// union2 is the keys of two maps, sorted.
func union2[V any](a, b map[string]V) []string {
	keys := slices.Concat(sortedKeys(a), sortedKeys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
