// Package engine decides from compiled policies. A [Snapshot] is all that is
// known of a tenant at one revision, immutable and indexed for decisions;
// decide.go is the decision, reach.go how users reach records, field.go the
// levels of fields, explain.go the reasons; compile.go makes a snapshot of
// lines, and change.go the next one of a change.
package engine

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// Snapshot is the compiled policy of a tenant at one revision. It is immutable:
// a change makes the next one, which shares what the change did not touch.
type Snapshot struct {
	// What a decision reads comes first and lies together.
	schema    *Schema
	base      *Snapshot // the compiled base policy; nil in itself, or when there is none
	Linked    *Snapshot // the base policy that this was compiled with, also if base is an own compilation of it
	cells     uint8     // of an action's cells, those that hold rules at all: the first, or all
	onRecords uint8     // the kinds of rules that there are on single records, a bit for each
	timely    bool      // some decision may depend on the instant
	switched  bool      // some switch concerns more than groups, rules and memberships
	dated     bool      // some switch begins or ends by itself
	excepts   bool      // some switch of a group, rule or membership is not for all
	opens     bool      // the tenant is or may become open
	onTypes   uint32    // the types that there are or were customer rules on, a bit for each index, modulo 32
	subjects  table[subject]
	customer  cells[customerMasks] // customer rules on types, by action cell
	records   table[run]           // the rules on single records, by type and id
	nobody    *subject             // of whom there are no facts
	holders   bitSet               // the ids of who holds rules on single records, or did

	off      map[string][]offSwitch // groups switched off
	excepted []toggle               // for whom switches of groups, rules and memberships are not
	switches switches

	team  cells[teamMasks]  // team rules on types, by type index
	field cells[fieldMasks] // field rules on types, by field cell

	names  []string         // of subjects, by id
	terms  []terms          // by index; the first is empty
	above  [][]above        // superiors of users and units, by subject id; may be short
	people *table[[]uint32] // users who are or may be in a group, by its name; only kept for hierarchies
	bits   []uint32         // the group that has each bit of the masks

	ruleOff    map[string][]offSwitch // rules and memberships switched off, by rule id
	bounded    map[edge][]uint32      // terms of memberships that do not always hold; any of them suffices
	repeated   map[edge]bool          // memberships that more than one line gives
	baseLines  []model.Line           // of the base policy, kept in its own snapshot
	termsIndex map[terms]uint32       // of many terms; shared along a line of snapshots, for who changes it only
	inverted   *inverted

	Tenant   string
	Revision model.Revision
	Latest   *Latest // of the clock by which it is asked; nil: it is never set back
}

// edge is a membership.
type edge struct{ member, group uint32 }

// above is a superior of a user or unit, and how many edges up.
type above struct {
	id       uint32
	distance uint8
}

// subject is a user or group with the groups that it is in. It lies in the
// table itself, so that a decision finds all of it in one place: with its name,
// it is two cache lines long, of which most decisions read the first.
type subject struct {
	mask  uint64   // bits of the groups that have one, and of everyone
	bloom uint64   // bits id%64 of groups, to pass over most rules unread
	base  *subject // what the base policy knows of its groups
	id    uint32
	timed bool  // groups depend on the instant, or on who asks: see question.groupsOf
	user  bool  // it is a user
	bit   uint8 // its own bit; 0: none
	// violates: its groups exclude each other, by a static constraint.
	violates bool

	far     *[]uint32  // groups, when they are too many for near
	near    [12]uint32 // groups: sorted, everyone and itself among them; behind them its direct groups
	count   uint32     // of the sorted groups
	directs uint32     // how many direct groups
}

// everyone is the id of model.Everyone, and its bit is 0.
const everyone = 0

// in tells whether the subject is, or is in, the subject with the id.
func (s *subject) in(id uint32) bool { return s.bloom>>(id&63)&1 != 0 && s.has(id) }

func (s *subject) has(id uint32) bool {
	if id == s.id {
		return id != none
	}
	ids := s.ids()
	if len(ids) > len(s.near) {
		_, ok := slices.BinarySearch(ids, id)
		return ok
	}
	for _, g := range ids {
		if g == id {
			return true
		}
	}
	return false
}

// ids are everyone, the subject itself and its groups, sorted.
func (s *subject) ids() []uint32 { return s.groups()[:s.count] }

// inGroups yields the groups that the subject is in.
func (s *subject) inGroups(yield func(id uint32) bool) {
	for _, id := range s.ids() {
		if id != everyone && id != s.id && !yield(id) {
			return
		}
	}
}

// direct are the groups that the subject is in by memberships of its own.
func (s *subject) direct() []uint32 { return s.groups()[s.count : s.count+s.directs] }

func (s *subject) groups() []uint32 {
	if s.far != nil {
		return *s.far
	}
	return s.near[:]
}

// cell is the rules of one kind on one type (and action or field). A rule of
// everyone, or of a group that has a bit, without any terms is a bit of
// plain; all others are in rest, sorted.
type cell[M masks] struct {
	plain M
	rest  uint32 // where in the rules of all cells, from 1; 0: there are none
}

// cells are the cells of a kind of rules. Where most places are empty, these
// cost 4 bytes each.
type cells[M masks] struct {
	used  []cell[M] // no pointers in it
	index []uint32  // by number: the place in used, from 1; 0: the cell is empty. Without an index all places are used
	rules [][]rule
}

// newCells are n empty cells, the first ones of which are made in the given memory.
func newCells[M masks](n int, in []cell[M]) cells[M] {
	return cells[M]{used: in[:0], index: make([]uint32, n)}
}

// at is the cell of a number. Of an empty one it may be nil.
func (c *cells[M]) at(n uint32) *cell[M] {
	if c.index == nil {
		return &c.used[n]
	}
	if i := c.index[n]; i != 0 {
		return &c.used[i-1]
	}
	return nil
}

// rest is the rules of a cell that are no bits.
func (c *cells[M]) rest(of *cell[M]) []rule {
	if of.rest == 0 {
		return nil
	}
	return c.rules[of.rest-1]
}

func (c *cells[M]) empty(n uint32) bool {
	at := c.at(n)
	return at == nil || at.plain == *new(M) && len(c.rest(at)) == 0
}

// ensure is the cell of a number, made if it is empty.
func (c *cells[M]) ensure(n uint32) *cell[M] {
	if c.index != nil && c.index[n] == 0 {
		c.used = append(c.used, cell[M]{})
		c.index[n] = uint32(len(c.used))
	}
	return c.at(n)
}

// ensureRest is where a cell keeps its rules that are no bits.
func (c *cells[M]) ensureRest(n uint32) *[]rule {
	at := c.ensure(n)
	if at.rest == 0 {
		c.rules = append(c.rules, nil)
		at.rest = uint32(len(c.rules))
	}
	return &c.rules[at.rest-1]
}

func (c *cells[M]) clone() cells[M] {
	return cells[M]{slices.Clone(c.used), slices.Clone(c.index), slices.Clone(c.rules)}
}

// finish sorts the rules of all cells, and keeps no more memory than they need. It
// returns that in which the cells were made.
func (c *cells[M]) finish() (made []cell[M]) {
	made = c.used
	if len(c.used) > len(c.index)/2 {
		all := make([]cell[M], len(c.index))
		for n := range all {
			if used := c.at(uint32(n)); used != nil {
				all[n] = *used
			}
		}
		c.used, c.index = all, nil
	} else {
		c.used = slices.Clone(c.used)
	}
	for i := range c.rules {
		slices.Sort(c.rules[i])
		c.rules[i] = slices.Clip(c.rules[i])
	}
	return made
}

type masks interface {
	customerMasks | teamMasks | fieldMasks
}

type (
	customerMasks [3]uint64 // by allowAll, allowReach, deny
	teamMasks     [5]uint64 // by level
	fieldMasks    [8]uint64 // by level, for allow; by fieldDeny+level, for deny
)

const (
	allowAll   = 0 // allow, scope all
	allowReach = 1 // allow, no scope
	deny       = 2 // deny, no scope
	fieldDeny  = 4
)

// terms are what a rule or membership says besides subject, target and level.
type terms struct {
	scope     model.Scope
	unit      string // only records of this unit and below; empty: all
	condition string
	valid     model.Period
	as        string
	off       string // the rule id under which it is switched off for a time
}

// inForce tells whether terms of a snapshot hold for the question, their condition aside.
func (q *question) inForce(s *Snapshot, t *terms) bool {
	return t.valid.Holds(q.at) && (t.off == "" || !q.anyIsOn(s.ruleOff[t.off]))
}

// subject returns what is known of a subject; of an unknown one, nobody.
func (s *Snapshot) subject(name string) *subject {
	if p := s.subjects.find(0, name); p != nil {
		return p
	}
	return s.nobody
}

// id returns the id of a subject, or none.
func (s *Snapshot) id(name string) uint32 {
	if p := s.subjects.find(0, name); p != nil {
		return p.id
	}
	return none
}

// none is the id of no subject.
const none = 1<<subjectBits - 1

// Known tells whether there is any fact of the subject.
func (s *Snapshot) Known(name string) bool { return s.subjects.find(0, name) != nil }
