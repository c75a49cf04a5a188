package analysis

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Where is the records of a type of which some class has. An empty Where is none.
type Where []Class

// Class is the records of which all that it says is true. The zero Class is every record.
type Class struct {
	// Owner is how the owners are related to the person: own (she or a team of hers),
	// team (who shares a team with her) or below (whose superior she is, or of whom she is one
	// through a record's team); joined with and, or, not. Empty: whoever owns it.
	Owner string `json:"owner,omitempty"`
	// Unit is how the unit is related to the person: unit (one of hers) or unit_tree (one of
	// hers, or below), or to a unit: in unit:apac. Empty: whatever the unit.
	Unit string `json:"unit,omitempty"`
	// IDs are the records; with Except, all others. Empty: whatever the id.
	IDs    []string `json:"ids,omitempty"`
	Except bool     `json:"except,omitempty"`
	// If is what conditions come to: "eu_only" (it holds), "not eu_only" (it is known not to),
	// "eu_only unknown", "eu_only known", "eu_only not true" or "eu_only not false".
	If []string `json:"if,omitempty"`
	// Parents is what is true of the records above.
	Parents []Parent `json:"parents,omitempty"`
}

// Parent is what is true of the parent of a record, or of some record above it.
type Parent struct {
	Type string `json:"type"`
	// Above: it need not be the parent itself, but may be one above of the same type.
	Above bool `json:"above,omitempty"`
	// Not: there is no such parent.
	Not   bool  `json:"not,omitempty"`
	Where Where `json:"where"`
}

// String says it for people: "own if eu_only; 42, 43". Of all records it is "all".
func (w Where) String() string {
	parts := make([]string, len(w))
	for i, c := range w {
		parts[i] = c.String()
	}
	return strings.Join(parts, "; ")
}

// key is all of it in a text.
func (w Where) key() string {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err) // there are but strings in it
	}
	return string(text)
}

func (c Class) String() string {
	var parts []string
	for _, s := range []string{c.Owner, c.Unit} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(c.IDs) > 0 {
		ids := some(c.IDs)
		if c.Except {
			ids = "not " + ids
		}
		parts = append(parts, ids)
	}
	for _, p := range c.Parents {
		parts = append(parts, p.String())
	}
	s := strings.Join(parts, " and ")
	if s == "" {
		s = "all"
	}
	if len(c.If) > 0 {
		s += " if " + strings.Join(c.If, " and ")
	}
	return s
}

func (p Parent) String() string {
	s := "its " + p.Type
	switch {
	case p.Above && p.Not:
		s = "no " + p.Type + " above it"
	case p.Above:
		s = "some " + p.Type + " above it"
	case p.Not:
		s = "not its " + p.Type
	}
	return s + " (" + p.Where.String() + ")"
}

// some lists names, of many the first ones.
func some(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
}

// where tells cubes in words.
func (p *problem) where(cubes []cube) Where {
	var w Where
	for _, c := range cubes {
		w = append(w, p.classes(c)...)
	}
	return w
}

// classes tells a cube in words: in those of one class, unless it is about parents of
// which that takes several.
func (p *problem) classes(c cube) []Class {
	of, ways := Class{}, [][]Parent{nil}
	for i, v := range p.vars {
		if c[i].count() == v.size {
			continue
		}
		switch v.kind {
		case byID:
			of.IDs, of.Except = v.namesOf(c[i])
		case byUnit:
			of.Unit = v.describe(c[i])
		case byOwners:
			of.Owner = v.describe(c[i])
		case byCondition:
			of.If = append(of.If, conditionWords[c[i][0]][0]+v.condition.name+conditionWords[c[i][0]][1])
		case byParent:
			ways = v.parentsOf(c[i])
		}
	}
	slices.Sort(of.If)
	all := make([]Class, len(ways))
	for i, parents := range ways {
		all[i] = of
		all[i].Parents = parents
	}
	return all
}

// conditionWords is what stands around the name of a condition, by the values that it may have.
var conditionWords = [8][2]string{
	1: {"", ""}, 2: {"not ", ""}, 4: {"", " unknown"},
	3: {"", " known"}, 5: {"", " not false"}, 6: {"", " not true"},
}

// namesOf is the names of some values, or of all others if the value of the unnamed is one of them.
func (v *variable) namesOf(of values) (names []string, except bool) {
	if except = of.has(0); except {
		of = allValues(v.size).without(of)
	}
	for i := range of.all {
		names = append(names, v.names[i]...)
	}
	slices.Sort(names)
	return names, except
}

// literal is a set of values with a name.
type literal struct {
	name string
	of   values
}

// describe tells values by the labels of atoms, as shortly as it can.
func (v *variable) describe(of values) string {
	var single []literal
	for i, a := range v.atoms {
		single = append(single, literal{a.label, v.truth[i]})
	}
	for i, a := range v.atoms {
		single = append(single, literal{"not " + a.label, allValues(v.size).without(v.truth[i])})
	}
	double := []literal{}
	for i, a := range single {
		for _, b := range single[i+1:] {
			double = append(double, literal{a.name + " and " + b.name, a.of.and(b.of)}, literal{a.name + " or " + b.name, a.of.or(b.of)})
		}
	}
	for _, l := range slices.Concat(single, double) {
		if l.of.equal(of) {
			return l.name
		}
	}
	var ways []string
	for i := range of.all {
		ways = append(ways, v.exactly(i))
	}
	return strings.Join(ways, " or ")
}

// exactly tells one value by all labels.
func (v *variable) exactly(value int) string {
	var yes, no []string
	for i, a := range v.atoms {
		if v.truth[i].has(value) {
			yes = append(yes, a.label)
		} else {
			no = append(no, "not "+a.label)
		}
	}
	return strings.Join(slices.Concat(yes, no), " and ")
}

// parentsOf tells values of the parent by what is true of records above, in several ways
// of which one is.
func (v *variable) parentsOf(of values) (ways [][]Parent) {
	none := of.has(0)
	if none {
		ways = [][]Parent{nil}
	}
	for n, p := range v.parents {
		var wanted, others []string
		for i := 1; i < v.size; i++ {
			switch {
			case v.of[i].parents != n:
			case of.has(i):
				wanted = append(wanted, v.of[i].tuple)
			default:
				others = append(others, v.of[i].tuple)
			}
		}
		switch {
		case none && len(others) > 0:
			ways = both(ways, p.ways(wanted, others, none))
		case !none && len(wanted) > 0:
			ways = append(ways, p.ways(wanted, others, none)...)
		}
	}
	return ways
}

// both is the ways in which one of each is so.
func both(a, b [][]Parent) (all [][]Parent) {
	for _, x := range a {
		for _, y := range b {
			all = append(all, slices.Concat(x, y))
		}
	}
	return all
}

// ways tells what the questions come to: to the wanted answers and not to others; or, with none,
// also to nothing.
func (p *parents) ways(wanted, others []string, none bool) [][]Parent {
	if !p.above {
		if none {
			wanted = others
		}
		cubes := p.cover(p.cells, func(tuple string) bool { return slices.Contains(wanted, tuple) })
		return [][]Parent{{{Type: p.typ, Not: none, Where: p.where(cubes)}}}
	}
	nothing := string(make([]byte, len(p.outputs)))
	if none {
		wanted = append(wanted, nothing)
	} else {
		others = append(others, nothing)
	}
	alike := p.answers(func(i int) bool {
		return !slices.ContainsFunc(wanted, func(tuple string) bool { return tuple[i] != wanted[0][i] })
	}, wanted[0])
	if !slices.ContainsFunc(others, alike.agrees) {
		return [][]Parent{alike.parents()}
	}
	var ways [][]Parent
	for _, tuple := range wanted {
		ways = append(ways, p.answers(func(int) bool { return true }, tuple).parents())
	}
	return ways
}

// answers are answers to some of the questions about all records above.
type answers struct {
	of   *parents
	some []int
	to   string
}

func (p *parents) answers(those func(int) bool, to string) answers {
	a := answers{of: p, to: to}
	for i := range p.outputs {
		if those(i) {
			a.some = append(a.some, i)
		}
	}
	return a
}

func (a answers) agrees(tuple string) bool {
	return !slices.ContainsFunc(a.some, func(i int) bool { return tuple[i] != a.to[i] })
}

func (a answers) parents() (all []Parent) {
	for _, i := range a.some {
		cubes := a.of.cover(a.of.cells, func(tuple string) bool { return tuple[i] == 1 })
		if len(cubes) > 0 { // otherwise the answer is always no
			all = append(all, Parent{Type: a.of.typ, Above: true, Not: a.to[i] == 0, Where: a.of.where(cubes)})
		}
	}
	return all
}
