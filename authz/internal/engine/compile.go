package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/crmauthz/crmauthz/model"
)

// ErrTooMany: a tenant holds more different subjects or terms, or a type more
// names, than a snapshot can number.
var ErrTooMany = errors.New("engine: too many")

// Compile builds the snapshot of a tenant from all its lines. base is the
// compiled base policy, or nil; a tenant that switches some of it off, or has a
// schema of its own, gets its own compilation of it.
func Compile(schema *Schema, base *Snapshot, tenant string, revision model.Revision, lines []model.Line) (*Snapshot, error) {
	b := newBuilder(schema, tenant, revision, len(lines))
	defer b.release()
	for _, l := range lines {
		if l.Section == model.Switches {
			if err := b.addSwitch(l); err != nil {
				return nil, err
			}
		}
	}
	if tenant == model.Base {
		b.baseLines = lines
	} else if base != nil {
		b.Linked = base
		if err := b.addBase(base); err != nil {
			return nil, err
		}
	}
	for _, l := range lines {
		if l.Section != model.Switches {
			if err := b.add(l); err != nil {
				return nil, err
			}
		}
	}
	return b.finish()
}

// builder is a snapshot in the making. All but the snapshot is used again for the
// next one, since a program that starts makes thousands.
type builder struct {
	*Snapshot
	ids          map[string]uint32
	bitOf        []uint8    // by subject id
	direct       [][]uint32 // by subject id
	reports      [][]uint32 // org edges, by subject id
	index        map[recordKey]uint32
	keys         []recordKey
	placed       []placedRule
	ends         []uint32 // of the rules on each record, in gathered
	gathered     []rule   // the rules on single records, record after record
	recordSlots  []slot[run]
	subjectSlots []slot[subject]

	// What the snapshot's cells and names are made in.
	ofCustomer []cell[customerMasks]
	ofTeam     []cell[teamMasks]
	ofField    []cell[fieldMasks]
	ofNames    []string
}

type recordKey struct {
	typ uint32
	id  string
}

type placedRule struct {
	record uint32
	rule   rule
}

var builders = sync.Pool{New: func() any {
	return &builder{ids: map[string]uint32{}, index: map[recordKey]uint32{}}
}}

func newBuilder(schema *Schema, tenant string, revision model.Revision, lines int) *builder {
	b := builders.Get().(*builder)
	b.placed = slices.Grow(b.placed, lines*2/3) // in most policies, that many are on single records
	b.Snapshot = &Snapshot{schema: schema, Tenant: tenant, Revision: revision,
		customer: newCells(schema.cells, b.ofCustomer),
		team:     newCells(len(schema.typeNames), b.ofTeam),
		field:    newCells(schema.fieldCells, b.ofField),
		names:    b.ofNames,
		terms:    []terms{{}}, bits: []uint32{everyone}, inverted: &inverted{},
	}
	b.intern(model.Everyone)
	return b
}

// release gives the builder back, unless it has grown so large that clearing it
// would cost more than it saves.
func (b *builder) release() {
	const large = 1 << 14
	if len(b.ids) > large || len(b.index) > large {
		return
	}
	b.Snapshot = nil
	clear(b.ids)
	clear(b.index)
	clear(b.keys)
	clear(b.recordSlots)
	clear(b.subjectSlots)
	clear(b.ofNames)
	b.keys, b.recordSlots, b.subjectSlots = b.keys[:0], b.recordSlots[:0], b.subjectSlots[:0]
	b.bitOf, b.direct, b.reports, b.placed, b.ofNames = b.bitOf[:0], b.direct[:0], b.reports[:0], b.placed[:0], b.ofNames[:0]
	builders.Put(b)
}

func (b *builder) addSwitch(l model.Line) error {
	s, err := model.DecodeSwitch(l)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", b.Tenant, err)
	}
	b.dated = b.dated || !s.Valid.Always()
	put(&b.switches.facts, s.Target, append(b.switches.facts[s.Target], s))
	switch kind := model.KindOf(s.Target); {
	case model.IsRuleID(s.Target):
		put(&b.ruleOff, s.Target, append(b.ruleOff[s.Target], b.offSwitch(s)))
	case kind != model.UnknownKind && kind != model.User:
		put(&b.off, s.Target, append(b.off[s.Target], b.offSwitch(s)))
	default:
		b.switches.add(s, b.intern)
		b.opens = b.opens || s.Target == model.Any && s.Mode == model.ModeOpen
	}
	return nil
}

// addBase links the base policy: its role inheritance counts as the tenant's own.
func (b *builder) addBase(base *Snapshot) error {
	own := base.schema != b.schema
	for _, l := range base.baseLines {
		if len(b.ruleOff) > 0 && b.ruleOff[l.RuleID()] != nil {
			own = true
		}
		if l.Section == model.Memberships {
			if err := b.add(l); err != nil {
				return err
			}
		}
	}
	if own {
		c := newBuilder(b.schema, model.Base, base.Revision, len(base.baseLines))
		defer c.release()
		c.ruleOff = b.ruleOff
		for _, l := range base.baseLines {
			if err := c.add(l); err != nil {
				return err
			}
		}
		var err error
		if base, err = c.finish(); err != nil {
			return err
		}
	}
	b.base = base
	return nil
}

// add compiles a line that is no switch.
func (b *builder) add(l model.Line) error {
	off := ""
	if len(b.ruleOff) > 0 {
		if id := l.RuleID(); b.ruleOff[id] != nil {
			off = id
		}
	}
	var err error
	switch l.Section {
	case model.Memberships:
		var f model.Membership
		switch f, err = model.DecodeMembership(l); {
		case err != nil:
		case always(b.ruleOff[off]):
			b.intern(f.Member) // she stays one of whom there is a fact
		default:
			err = b.addMembership(f, terms{valid: f.Valid, off: off})
		}
	case model.OrgEdges:
		var f model.OrgEdge
		if f, err = model.DecodeOrgEdge(l); err == nil {
			b.addOrgEdge(f)
		}
	default:
		var p placement
		switch p, err = b.schema.place(l); {
		case err != nil:
		case always(b.ruleOff[off]):
			b.intern(p.subject)
		default:
			p.terms.off = off
			err = b.addRule(p)
		}
	}
	if err != nil {
		return fmt.Errorf("tenant %s: %w", b.Tenant, err)
	}
	return nil
}

// offSwitch keeps the switch of a group, rule or membership.
func (b *builder) offSwitch(f model.Switch) offSwitch {
	s := offSwitch{valid: f.Valid}
	if f.Except != "" {
		b.excepted, b.excepts = append(b.excepted, newToggle(f, b.intern)), true
		s.except = len(b.excepted)
	}
	return s
}

// intern numbers a subject.
func (b *builder) intern(name string) uint32 {
	id, ok := b.ids[name]
	if !ok {
		id = uint32(len(b.names))
		b.ids[name] = id
		b.names = append(b.names, name)
		b.direct = more(b.direct)
		b.reports = more(b.reports)
		b.bitOf = append(b.bitOf, 0)
	}
	return id
}

// more is lists with one more, empty, which takes over the memory of one that was there before.
func more(lists [][]uint32) [][]uint32 {
	if n := len(lists); n < cap(lists) {
		lists = lists[:n+1]
		lists[n] = lists[n][:0]
		return lists
	}
	return append(lists, nil)
}

// internTerms numbers terms. Few are compared one by one, many found by an
// index, which may know terms of a snapshot that was dropped.
func (s *Snapshot) internTerms(t terms) (uint32, error) {
	const few = 16
	if len(s.terms) <= few {
		if i := slices.Index(s.terms, t); i >= 0 {
			return uint32(i), nil
		}
	} else if i, ok := s.termsIndex[t]; ok && int(i) < len(s.terms) && s.terms[i] == t {
		return i, nil
	}
	i := uint32(len(s.terms))
	if i >= 1<<termsBits {
		return 0, fmt.Errorf("%w different terms of rules in tenant %s", ErrTooMany, s.Tenant)
	}
	s.terms = append(s.terms, t)
	s.timely = s.timely || t.condition != "" || !t.valid.Always() || t.off != ""
	if len(s.terms) > few {
		if s.termsIndex == nil {
			s.termsIndex = map[terms]uint32{}
			for i, t := range s.terms {
				s.termsIndex[t] = uint32(i)
			}
		}
		s.termsIndex[t] = i
	}
	return i, nil
}

// pack packs the rule of a placement.
func (s *Snapshot) pack(p placement, subject uint32) (rule, error) {
	if !p.onRecord() {
		t, err := s.internTerms(p.terms)
		return newRule(subject, 0, p.level, t), err
	}
	if p.typ >= 1<<typeBits || p.index >= 1<<indexBits {
		return 0, fmt.Errorf("%w types, or actions or fields of a type, in tenant %s", ErrTooMany, s.Tenant)
	}
	t, err := s.internTerms(p.terms)
	return newRule(subject, about(p.kind)<<indexBits|about(p.index), p.level, t), err
}

// put adds to a map of which most snapshots need none.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// bit returns the bit of a rule's subject, giving it one if it may have one,
// and whether it has one. Users have none: there are too many.
func (b *builder) bit(id uint32) (uint8, bool) {
	if id == everyone || b.bitOf[id] != 0 {
		return b.bitOf[id], true
	}
	if len(b.bits) == 64 || model.KindOf(b.names[id]) == model.User {
		return 0, false
	}
	b.bitOf[id] = uint8(len(b.bits))
	b.bits = append(b.bits, id)
	return b.bitOf[id], true
}

func (b *builder) addRule(p placement) error {
	subject := b.intern(p.subject)
	if !p.onRecord() && p.slot != noSlot && p.simple() {
		if bit, ok := b.bit(subject); ok {
			*b.mask(p) |= 1 << bit
			return nil
		}
	}
	r, err := b.pack(p, subject)
	if err != nil {
		return err
	}
	if !p.onRecord() {
		rest := b.rest(p)
		*rest = append(*rest, r)
		return nil
	}
	key := recordKey{p.typ, p.id}
	i, ok := b.index[key]
	if !ok {
		i = uint32(len(b.keys))
		b.index[key] = i
		b.keys = append(b.keys, key)
	}
	b.placed = append(b.placed, placedRule{i, r})
	b.onRecords |= 1 << p.kind
	return nil
}

// addMembership adds an edge. The same one may come more than once, with other
// terms or from the base policy: it holds when any of them does.
func (b *builder) addMembership(f model.Membership, bounds terms) error {
	t, err := b.internTerms(bounds)
	if err != nil {
		return err
	}
	e := edge{b.intern(f.Member), b.intern(f.Group)}
	others, bounded := b.bounded[e]
	switch known := slices.Contains(b.direct[e.member], e.group); {
	case !known:
		b.direct[e.member] = append(b.direct[e.member], e.group)
		if t != 0 {
			put(&b.bounded, e, []uint32{t})
		}
		return nil
	case bounded && t == 0:
		delete(b.bounded, e)
	case bounded:
		b.bounded[e] = append(others, t)
	}
	put(&b.repeated, e, true)
	return nil
}

func (b *builder) addOrgEdge(f model.OrgEdge) {
	below, above := b.intern(f.Below), b.intern(f.Above)
	b.reports[below] = append(b.reports[below], above)
}

// finish closes memberships and indexes everything.
func (b *builder) finish() (*Snapshot, error) {
	if len(b.names) >= none {
		return nil, fmt.Errorf("%w subjects in tenant %s", ErrTooMany, b.Tenant)
	}
	b.finishSubjects()
	b.finishRecords()
	b.ofCustomer, b.ofTeam, b.ofField = b.customer.finish(), b.team.finish(), b.field.finish()
	b.finishOrg()
	b.cells = b.schema.cellsInUse(b.customer)
	b.switched = b.switches.any()
	b.timely = b.timely || b.switched || len(b.off) > 0 || b.base != nil && b.base.timely
	b.ofNames, b.names = b.names, slices.Clone(b.names)
	return b.Snapshot, nil
}

func (b *builder) finishSubjects() {
	bitOf := func(id uint32) uint8 { return b.bitOf[id] }
	direct := func(id uint32) []uint32 { return b.direct[id] }
	var closure []uint32
	b.subjectSlots = slices.Grow(b.subjectSlots, len(b.names))
	for id, name := range b.names {
		var timed bool
		closure, timed = b.closure(closure[:0], uint32(id), direct)
		s := newSubject(uint32(id), b.bitOf[id], closure, b.direct[id], bitOf)
		s.user, s.base = model.KindOf(name) == model.User, b.base.merged(closure, b.names)
		s.timed, s.violates = timed, b.violated(closure) != ""
		b.subjectSlots = append(b.subjectSlots, newSlot(0, name, s))
	}
	b.subjects = newTable(b.subjectSlots)
	nobody := newSubject(none, 0, nil, nil, bitOf)
	if b.base != nil {
		nobody.base = b.base.nobody
	}
	b.nobody = &nobody
}

// finishRecords brings the rules on each record together, in linear time as long as each has few.
func (b *builder) finishRecords() {
	b.ends = slices.Grow(b.ends[:0], len(b.keys)+1)[:len(b.keys)+1]
	clear(b.ends)
	for _, p := range b.placed {
		b.ends[p.record+1]++
	}
	for i := range b.keys {
		b.ends[i+1] += b.ends[i]
	}
	b.gathered = slices.Grow(b.gathered[:0], len(b.placed))[:len(b.placed)]
	for _, p := range b.placed {
		b.holders = b.holders.add(int(p.rule.subject()))
		b.gathered[b.ends[p.record]] = p.rule
		b.ends[p.record]++ // at last it is where the record's rules end
	}
	b.recordSlots = slices.Grow(b.recordSlots, len(b.keys))
	start := uint32(0)
	for i, key := range b.keys {
		of := b.gathered[start:b.ends[i]]
		start = b.ends[i]
		if len(of) > 1 {
			slices.Sort(of)
			of = slices.Clone(of)
		}
		b.recordSlots = append(b.recordSlots, newSlot(key.typ, key.id, newRun(of)))
	}
	b.records = newTable(b.recordSlots)
}

// finishOrg closes the org edges: for each user and unit the superiors, nearest first.
func (b *builder) finishOrg() {
	for id, direct := range b.reports {
		if len(direct) == 0 {
			continue
		}
		if b.above == nil {
			b.above = make([][]above, len(b.names))
		}
		b.above[id] = b.superiors(uint32(id))
	}
	if b.above == nil || !b.schema.hierarchy {
		return
	}
	people := make([][]uint32, len(b.names))
	for id, name := range b.names {
		if model.KindOf(name) == model.User {
			for g := range b.byID(uint32(id)).inGroups {
				people[g] = append(people[g], uint32(id))
			}
		}
	}
	var slots []slot[[]uint32]
	for g, in := range people {
		if in != nil {
			slots = append(slots, newSlot(0, b.names[g], in))
		}
	}
	table := newTable(slots)
	b.people = &table
}

func (b *builder) superiors(of uint32) []above {
	found, seen, start := []above{{of, 0}}, map[uint32]bool{of: true}, 0
	for d := 1; d <= model.MaxDepth && start < len(found); d++ {
		end := len(found)
		for _, x := range found[start:end] {
			for _, up := range b.reports[x.id] {
				if !seen[up] {
					seen[up] = true
					found = append(found, above{up, uint8(d)})
				}
			}
		}
		start = end
	}
	return slices.Clip(found[1:])
}
