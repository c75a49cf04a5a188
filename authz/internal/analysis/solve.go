package analysis

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrTooMany: a question about one user falls into more classes of records than are
// looked at.
var ErrTooMany = errors.New("too many classes of records")

const maxCells = 1 << 17

// cell is a cube of classes for which the questions of a problem all have the same answers.
type cell struct {
	cube  cube
	tuple string // by question: a byte 1 for yes
}

func (p *problem) everything() cube {
	c := make(cube, len(p.vars))
	for i, v := range p.vars {
		c[i] = allValues(v.size)
	}
	return c
}

// solve divides all records into cells.
func (p *problem) solve() ([]cell, error) {
	var cells []cell
	complete := p.visit(p.everything(), p.outputs, func(c cube) bool {
		cells = append(cells, cell{c, p.tuple(c)})
		return len(cells) <= maxCells
	})
	if !complete {
		return nil, fmt.Errorf("analysis: records of type %s: %w: more than %d", p.typ, ErrTooMany, maxCells)
	}
	return cells, nil
}

// tuple is the answers for a cube in which all are settled.
func (p *problem) tuple(c cube) string {
	t := make([]byte, len(p.outputs))
	for i, f := range p.outputs {
		if f.within(p, c) == mayBeTrue {
			t[i] = 1
		}
	}
	return string(t)
}

// visit divides a cube until the formulas are settled, and yields the parts.
func (p *problem) visit(c cube, formulas []*formula, yield func(cube) bool) bool {
	for i, f := range formulas {
		if on := f.open(p, c); on != nil {
			for _, part := range p.split(c, on) {
				if !p.visit(part, formulas[i:], yield) {
					return false
				}
			}
			return true
		}
	}
	return yield(c)
}

// split divides a cube by what a test of a variable comes to.
func (p *problem) split(c cube, by *formula) (parts []cube) {
	variable, _ := by.test()
	size := p.vars[variable].size
	for _, truth := range []truths{mayBeTrue, mayBeFalse, mayBeUnknown} {
		some := make(values, len(c[variable]))
		for i := range c[variable].all {
			if one := oneValue(size, i); by.within(p, c.with(variable, one)) == truth {
				some = some.or(one)
			}
		}
		if !some.empty() {
			parts = append(parts, c.with(variable, some))
		}
	}
	return parts
}

// cover is few cubes, each as large as it can be, that together have exactly the classes
// whose answers are wanted.
func (p *problem) cover(cells []cell, wanted func(tuple string) bool) (cubes []cube) {
	for _, c := range cells {
		if !wanted(c.tuple) || slices.ContainsFunc(cubes, func(o cube) bool { return o.covers(c.cube) }) {
			continue
		}
		cubes = append(cubes, p.expand(c.cube, wanted))
	}
	var needed []cube
	for i, c := range cubes { // one that came later may cover it
		if !slices.ContainsFunc(cubes[i+1:], func(o cube) bool { return o.covers(c) }) {
			needed = append(needed, c)
		}
	}
	return needed
}

// expand makes a cube as large as it can be: it leaves out what does not matter.
func (p *problem) expand(c cube, wanted func(string) bool) cube {
	for _, i := range p.inOrder() {
		v := p.vars[i]
		if larger := c.with(i, allValues(v.size)); p.all(larger, wanted) {
			c = larger
			continue
		}
		for value := range v.size {
			if !c[i].has(value) {
				if larger := c.with(i, c[i].or(oneValue(v.size, value))); p.all(larger, wanted) {
					c = larger
				}
			}
		}
	}
	return c
}

// inOrder is the variables, those first that are best left out.
func (p *problem) inOrder() []int {
	all := make([]int, len(p.vars))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(a, b int) int { return -cmp.Compare(p.vars[a].kind, p.vars[b].kind) })
	return all
}

// all tells whether all classes of a cube are wanted.
func (p *problem) all(c cube, wanted func(string) bool) bool {
	return p.visit(c, p.outputs, func(c cube) bool { return wanted(p.tuple(c)) })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
