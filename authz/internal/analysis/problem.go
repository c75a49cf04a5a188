package analysis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
)

// problem is some questions about the records of one type: formulas over what
// these can differ in, as far as the formulas tell it apart.
type problem struct {
	typ     string
	vars    []*variable
	outputs []*formula
	index   map[variableKey]int
}

type variableKey struct {
	kind kind
	name string
}

// kind of a variable.
type kind uint8

const (
	byID kind = iota
	byUnit
	byOwners
	byParent
	byCondition
)

// variable is something in which records differ. It has finitely many values, the
// classes that formulas tell apart.
//
// The value of ids, units and owners says in which of the atoms' sets the record's
// are: value 0 in none. A record may have owners of several sets; so the values are
// closed under union. The value of a condition is 0 for true, 1 for false and 2 for
// unknown. The value of the parent says what questions about it come to: value 0 no
// for all, as without a parent.
type variable struct {
	kind      kind
	condition freeCondition
	atoms     []atom
	truth     []values   // by atom: for which values it is true
	size      int        // how many values there are
	names     [][]string // by value: the ids or units, none for 0; one owner of each set
	parents   []*parents
	of        []parentValue // by value, from 1
}

// atom is one thing that a formula asks of a variable.
type atom struct {
	label  string   // how the names are related to the user; not of ids
	side   string   // whose policy it is of, if there are two
	names  []string // sorted
	parent int      // of the variable's parents
	output int      // of the parents' problem
}

// freeCondition is a condition as one policy has it. Those with the same key are the same.
type freeCondition struct {
	name string // with the side, if two policies have different ones
	key  string
}

// parents is questions about the parents of records.
type parents struct {
	*problem
	// above: not about the parent but about all records above, as far as they
	// are of the type: whether the answer is yes for one of them.
	above bool
	// cells are what the questions can come to.
	cells []cell
}

// parentValue is what the questions about one of the parents come to: the outcomes of one
// record or, if they are about all above, of several.
type parentValue struct {
	parents int
	tuple   string
	cells   []int
}

// builder makes a problem of expressions.
type builder struct {
	*problem
	views []*view
}

// newProblem makes a problem of expressions about records of a type, each as a view has it.
// All expressions are two-valued.
func newProblem(typ string, xs []filter.Expr, views []*view) (*problem, error) {
	b := builder{&problem{typ: typ, index: map[variableKey]int{}}, views}
	var nested [][]question
	for i, x := range xs {
		b.outputs = append(b.outputs, b.formula(x, views[i], &nested))
	}
	for _, v := range b.vars {
		if err := b.finish(v, nested); err != nil {
			return nil, err
		}
	}
	return b.problem, nil
}

// question is an expression about the parents of records, as a view has it.
type question struct {
	x    filter.Expr
	view *view
}

func (b *builder) formula(x filter.Expr, v *view, nested *[][]question) *formula {
	s := shapeOf(x)
	switch s.how {
	case "and":
		return b.all(opAnd, s.kids, v, nested)
	case "or":
		return b.all(opOr, s.kids, v, nested)
	case "not":
		return b.all(opNot, s.kids, v, nested)
	case "is true":
		return b.all(opIsTrue, s.kids, v, nested)
	case "condition":
		return b.condition(s.attr, v)
	case "id":
		return b.names(byID, s.names, v)
	case "unit":
		return b.names(byUnit, s.names, v)
	case "owner":
		return b.names(byOwners, s.names, v)
	case "parent":
		return b.ofParent(s.of, false, s.kids[0], v, nested)
	case "chain":
		return &formula{op: opOr, kids: []*formula{b.formula(s.kids[0], v, nested), b.ofParent(s.of, true, s.kids[0], v, nested)}}
	}
	return &formula{truth: truthsOf(s.truth)}
}

func (b *builder) all(o op, xs []filter.Expr, v *view, nested *[][]question) *formula {
	f := &formula{op: o}
	for _, x := range xs {
		f.kids = append(f.kids, b.formula(x, v, nested))
	}
	return f
}

func (b *builder) variable(k kind, name string) int {
	i, ok := b.index[variableKey{k, name}]
	if !ok {
		i = len(b.vars)
		b.index[variableKey{k, name}] = i
		b.vars = append(b.vars, &variable{kind: k})
	}
	return i
}

func (b *builder) condition(attr string, v *view) *formula {
	c := v.condition(strings.TrimPrefix(attr, attrPrefix))
	if c.truth != filter.Unknown {
		return &formula{truth: truthsOf(c.truth)}
	}
	i := b.variable(byCondition, c.name+"\n"+c.key)
	b.vars[i].condition, b.vars[i].size = c.freeCondition, 3
	return &formula{op: opCondition, variable: i}
}

func (b *builder) names(k kind, names filter.Names, v *view) *formula {
	a := atom{names: slices.Compact(slices.Sorted(names.All())), side: v.side}
	if r, ok := names.(engine.Related); ok {
		a.label = r.How
	}
	i := b.variable(k, "")
	at := b.vars[i]
	n := slices.IndexFunc(at.atoms, func(o atom) bool { return o.label == a.label && slices.Equal(o.names, a.names) })
	if n < 0 {
		n = len(at.atoms)
		at.atoms = append(at.atoms, a)
	}
	return &formula{op: opAtom, variable: i, atom: n}
}

func (b *builder) ofParent(typ string, above bool, x filter.Expr, v *view, nested *[][]question) *formula {
	i := b.variable(byParent, "")
	at := b.vars[i]
	n := slices.IndexFunc(at.parents, func(p *parents) bool { return p.typ == typ && p.above == above })
	if n < 0 {
		n = len(at.parents)
		at.parents = append(at.parents, &parents{problem: &problem{typ: typ}, above: above})
		*nested = append(*nested, nil)
	}
	(*nested)[n] = append((*nested)[n], question{x, v})
	at.atoms = append(at.atoms, atom{side: v.side, parent: n, output: len((*nested)[n]) - 1})
	return &formula{op: opAtom, variable: i, atom: len(at.atoms) - 1}
}

// finish finds the values of a variable.
func (b *builder) finish(v *variable, nested [][]question) error {
	v.tellApart()
	switch v.kind {
	case byID, byUnit:
		v.finishNames()
	case byOwners:
		v.finishOwners()
	case byParent:
		return v.finishParents(nested)
	}
	return nil
}

// tellApart names the side of atoms that are called the same and are not.
func (v *variable) tellApart() {
	count := map[string]int{}
	for _, a := range v.atoms {
		count[a.label]++
	}
	for i, a := range v.atoms {
		if a.label != "" && count[a.label] > 1 {
			v.atoms[i].label += " " + a.side
		}
	}
}

// signatures is the names that are in the same of the atoms' sets, sorted, by which these
// are: a byte 1 for each that they are in.
func (v *variable) signatures() map[string][]string {
	of := map[string][]byte{}
	var order []string // those with the same signature come in theirs
	for i, a := range v.atoms {
		for _, name := range a.names {
			if of[name] == nil {
				of[name] = make([]byte, len(v.atoms))
				order = append(order, name)
			}
			of[name][i] = 1
		}
	}
	names := map[string][]string{}
	for _, name := range order {
		signature := string(of[name])
		names[signature] = append(names[signature], name)
	}
	return names
}

func (v *variable) finishNames() {
	names := v.signatures()
	signatures := append([]string{string(make([]byte, len(v.atoms)))}, sortedKeys(names)...)
	v.setTruth(signatures)
	for _, s := range signatures {
		v.names = append(v.names, names[s])
	}
}

func (v *variable) finishOwners() {
	names := v.signatures()
	none := string(make([]byte, len(v.atoms)))
	closed, owners := []string{none}, map[string][]string{none: nil}
	for _, s := range sortedKeys(names) {
		owner := names[s][0]
		for _, other := range slices.Clone(closed) {
			if u := union(s, other); owners[u] == nil {
				closed = append(closed, u)
				owners[u] = append(slices.Clone(owners[other]), owner)
			}
		}
	}
	v.setTruth(closed)
	for _, s := range closed {
		v.names = append(v.names, owners[s])
	}
}

// union is the signature of what is in the sets of either.
func union(a, b string) string {
	u := []byte(a)
	for i := range u {
		u[i] |= b[i]
	}
	return string(u)
}

func (v *variable) setTruth(signatures []string) {
	v.size = len(signatures)
	for a := range v.atoms {
		t := make(values, (v.size+63)/64)
		for i, s := range signatures {
			if s[a] == 1 {
				t[i/64] |= 1 << (i % 64)
			}
		}
		v.truth = append(v.truth, t)
	}
}

func (v *variable) finishParents(nested [][]question) error {
	none := make([]byte, len(v.atoms))
	signatures := []string{string(none)}
	v.of = []parentValue{{}}
	for n, p := range v.parents {
		var xs []filter.Expr
		var views []*view
		for _, q := range nested[n] {
			xs, views = append(xs, q.x), append(views, q.view)
		}
		var err error
		if p.problem, err = newProblem(p.typ, xs, views); err == nil {
			p.cells, err = p.solve()
		}
		if err != nil {
			return err
		}
		for _, o := range p.outcomes() {
			s := slices.Clone(none)
			for i, a := range v.atoms {
				if a.parent == n {
					s[i] = o.tuple[a.output]
				}
			}
			if string(s) != string(none) {
				o.parents = n
				signatures, v.of = append(signatures, string(s)), append(v.of, o)
			}
		}
	}
	v.setTruth(signatures)
	return nil
}

// outcomes are what the questions about the parents, or about all records above, can come to.
func (p *parents) outcomes() (all []parentValue) {
	seen := map[string]bool{}
	add := func(o parentValue) {
		if !seen[o.tuple] {
			seen[o.tuple] = true
			all = append(all, o)
		}
	}
	for i, c := range p.cells {
		add(parentValue{tuple: c.tuple, cells: []int{i}})
	}
	if p.above {
		for i := 0; i < len(all); i++ { // all grows
			for j := range i {
				add(parentValue{tuple: union(all[i].tuple, all[j].tuple), cells: slices.Concat(all[i].cells, all[j].cells)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b parentValue) int { return cmp.Compare(a.tuple, b.tuple) })
	return all
}

func (v *variable) atomWithin(atom int, c values) truths {
	switch yes := c.and(v.truth[atom]); {
	case yes.empty():
		return mayBeFalse
	case yes.equal(c):
		return mayBeTrue
	}
	return mayBeTrue | mayBeFalse
}

func conditionWithin(c values) truths { return truths(c[0]) }
