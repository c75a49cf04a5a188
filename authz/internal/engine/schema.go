package engine

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// Schema is a schema compiled for decisions: every type, action and field has
// an index, and every pair of type and action, or of type and field, a cell of
// its own in which a snapshot keeps its rules.
type Schema struct {
	*model.Schema
	types      map[string]*recordType
	actions    actionTable
	typeNames  []string // by index; 0 is model.Any
	conditions *condition.Set
	anyType    map[string]uint32 // cells of rules on "*", by action; model.Any among them
	cells      int               // of customer rules
	fieldCells int
	hierarchy  bool                      // some type has one
	exclusive  []exclusion               // static constraints
	forbidden  map[*action][]prohibition // by dynamic constraints
}

type recordType struct {
	model.Type
	name     string
	index    uint32 // from 1
	actions  map[string]*action
	anyCell  uint32 // rules for every action of the type
	fields   map[string]*field
	inOrder  []*field // of their names
	hidden   *Levels  // every field hidden
	anyField uint32   // field rules on every field of the type
	parent   *recordType
	builtIn  bool // it is that of permissions
}

// action is no longer than a cache line, of which a decision reads most.
type action struct {
	name    string
	typ     *recordType
	index   int       // in the order of names, from 1
	cells   [4]uint32 // of rules on the type and on "*", for the action and for every action
	need    model.Level
	reading bool
	// constrained: there is something forbidden.
	constrained bool
	// administers marks what a tenant that is locked or read-only leaves to its administrators.
	administers bool
}

type field struct {
	name    string
	index   int       // in the order of names
	cells   [2]uint32 // of rules on the field, and on every field of the type
	initial model.FieldLevel
}

// NewSchema compiles a schema, as it holds for one tenant or for the base
// policy (see model.Schema.For), with its conditions.
func NewSchema(s *model.Schema, conditions *condition.Set) *Schema {
	s = s.Complete()
	c := &Schema{Schema: s, types: map[string]*recordType{}, forbidden: map[*action][]prohibition{}, typeNames: []string{model.Any}, conditions: conditions, anyType: map[string]uint32{}}
	cell := func(count *int) uint32 { *count++; return uint32(*count - 1) }
	anyAny := cell(&c.cells)
	c.anyType[model.Any] = anyAny
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		t := &recordType{Type: s.Types[name], name: name, index: uint32(len(c.typeNames)),
			actions: map[string]*action{}, anyCell: cell(&c.cells), fields: map[string]*field{}, anyField: cell(&c.fieldCells)}
		c.types[name], c.typeNames = t, append(c.typeNames, name)
		c.hierarchy = c.hierarchy || t.Hierarchy.By != model.HierarchyOff
		for i, name := range slices.Sorted(maps.Keys(t.Actions)) {
			all, ok := c.anyType[name]
			if !ok {
				all = cell(&c.cells)
				c.anyType[name] = all
			}
			a := t.Actions[name]
			t.actions[name] = &action{name: name, typ: t, index: i + 1, need: a.Need, reading: a.Reading(),
				cells: [4]uint32{cell(&c.cells), t.anyCell, all, anyAny}}
		}
		for _, name := range slices.Sorted(maps.Keys(t.Fields)) {
			f := &field{name: name, index: len(t.inOrder), cells: [2]uint32{cell(&c.fieldCells), t.anyField}, initial: t.Fields[name].Default}
			t.fields[name], t.inOrder = f, append(t.inOrder, f)
		}
		t.hidden = newLevels(t)
	}
	for _, t := range c.types {
		t.parent = c.types[t.Parent.Type]
	}
	c.addConstraints()
	c.actions = newActionTable(c.types)
	return c
}

// cellsInUse is how many of an action's cells must be looked at: only the
// first, if no rule is on every type or for every action.
func (c *Schema) cellsInUse(customer cells[customerMasks]) uint8 {
	for _, at := range c.anyType {
		if !customer.empty(at) {
			return 4
		}
	}
	for _, t := range c.types {
		if !customer.empty(t.anyCell) {
			return 4
		}
	}
	return 1
}

// actionTable finds an action by the names of its type and of itself. It is
// asked in every decision, of few names that are all known beforehand, so a
// hash of their lengths, first and last letters does.
type actionTable []actionSlot

type actionSlot struct {
	hash   uint32
	action *action // nil: empty
}

func newActionTable(types map[string]*recordType) actionTable {
	n := 0
	for _, t := range types {
		n += len(t.actions)
	}
	size := uint32(16)
	for int(size) < 2*n {
		size *= 2
	}
	table := make(actionTable, size)
	for _, t := range types {
		for _, a := range t.actions {
			hash := ends(t.name, a.name)
			i := hash
			for table[i&(size-1)].action != nil {
				i++
			}
			table[i&(size-1)] = actionSlot{hash, a}
		}
	}
	return table
}

// ends hashes the ends of the names of a type and an action.
func ends(typ, action string) uint32 {
	return uint32((headAndTail(typ)*0x9E3779B97F4A7C15 ^ headAndTail(action)) * 0xD6E8FEB86659FD93 >> 40)
}

func headAndTail(s string) uint64 {
	n := len(s)
	if n < 4 {
		h := uint64(n)
		for i := range n {
			h = h<<8 | uint64(s[i])
		}
		return h
	}
	return uint64(half(s))<<32 ^ uint64(half(s[n-4:])) ^ uint64(n)<<56
}

// find returns the action, or nil if there is no such type or action.
func (t actionTable) find(typ, name string) *action {
	hash := ends(typ, name)
	for i := hash; ; i++ {
		s := &t[i&uint32(len(t)-1)]
		if a := s.action; a == nil || s.hash == hash && a.name == name && a.typ.name == typ {
			return a
		}
	}
}

// is tells whether it is an action, and the one of these names.
func (a *action) is(typ, name string) bool { return a != nil && a.name == name && a.typ.name == typ }

// Row remembers the actions that a record of a page was asked about, the first few of them: the
// other records, most often, are asked about the same, which then need not be found again.
type Row struct{ actions atomic.Pointer[[8]*action] }

// known is the actions, if they were noted.
func (r *Row) known() []*action {
	if known := r.actions.Load(); known != nil {
		return known[:]
	}
	return nil
}

// note remembers actions, all of which there are.
func (r *Row) note(t actionTable, typ string, names []string) {
	var found [8]*action
	for i, name := range names[:min(len(names), len(found))] {
		found[i] = t.find(typ, name)
	}
	r.actions.Store(&found)
}
