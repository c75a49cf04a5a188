package analysis

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/impact"
)

// where tells cubes in words.
func (p *problem) where(cubes []cube) impact.Where {
	var w impact.Where
	for _, c := range cubes {
		w = append(w, p.classes(c)...)
	}
	return w
}

// classes tells a cube in words: in those of one class, unless it is about parents of
// which that takes several.
func (p *problem) classes(c cube) []impact.Class {
	of, ways := impact.Class{}, [][]impact.Parent{nil}
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
	all := make([]impact.Class, len(ways))
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
func (v *variable) parentsOf(of values) (ways [][]impact.Parent) {
	none := of.has(0)
	if none {
		ways = [][]impact.Parent{nil}
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
func both(a, b [][]impact.Parent) (all [][]impact.Parent) {
	for _, x := range a {
		for _, y := range b {
			all = append(all, slices.Concat(x, y))
		}
	}
	return all
}

// ways tells what the questions come to: to the wanted answers and not to others; or, with none,
// also to nothing.
func (p *parents) ways(wanted, others []string, none bool) [][]impact.Parent {
	if !p.above {
		if none {
			wanted = others
		}
		cubes := p.cover(p.cells, func(tuple string) bool { return slices.Contains(wanted, tuple) })
		return [][]impact.Parent{{{Type: p.typ, Not: none, Where: p.where(cubes)}}}
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
		return [][]impact.Parent{alike.parents()}
	}
	var ways [][]impact.Parent
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

func (a answers) parents() (all []impact.Parent) {
	for _, i := range a.some {
		cubes := a.of.cover(a.of.cells, func(tuple string) bool { return tuple[i] == 1 })
		if len(cubes) > 0 { // otherwise the answer is always no
			all = append(all, impact.Parent{Type: a.of.typ, Above: true, Not: a.to[i] == 0, Where: a.of.where(cubes)})
		}
	}
	return all
}
