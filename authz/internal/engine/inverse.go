package engine

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/crmauthz/crmauthz/model"
)

// inverse is a snapshot read the other way round, as lists need it: not who may
// what, but what there is for whom. Tenants of which nobody asks for lists have none.
type inverse struct {
	held    paged[[]entry]  // by subject id: the rules on single records that name it, sorted
	ids     []string        // of the records that rules are on, by number
	numbers table[uint32]   // of these records, by id
	members paged[[]uint32] // by group id: the subjects that are or may be in it, sorted
	below   [][]above       // by id of a user or unit: who is below; may be short
}

// entry says that some rule on a single record names a subject: from the top, the
// record's type, what the rule is about, its class, and the record's number.
type entry uint64

const (
	numberBits = 28
	classBits  = 4
	typeBits   = 64 - aboutBits - classBits - numberBits
	lastNumber = 1<<numberBits - 1
	termed     = 1<<classBits - 1 // the class of rules with terms; that of others is their level
)

func newEntry(typ uint32, on about, class uint8, number uint32) entry {
	return ((entry(typ)<<aboutBits|entry(on))<<classBits|entry(class))<<numberBits | entry(number)
}

func (e entry) number() uint32 { return uint32(e) & lastNumber }

// class is what an entry says of a rule's level and terms.
func (r rule) class() uint8 {
	if r.terms() != 0 {
		return termed
	}
	return r.level()
}

func entryOf(typ, number uint32, r rule) entry {
	return newEntry(typ, r.about(), r.class(), number)
}

// inverted is where a snapshot keeps its inverse, once it is made.
type inverted struct {
	making sync.Mutex
	made   atomic.Pointer[inverse]
}

// inverse is the snapshot's inverse, made if this is the first question that needs it.
func (s *Snapshot) inverse() *inverse {
	if v := s.inverted.made.Load(); v != nil {
		return v
	}
	s.inverted.making.Lock()
	defer s.inverted.making.Unlock()
	if s.inverted.made.Load() == nil {
		s.inverted.made.Store(s.invert())
	}
	return s.inverted.made.Load()
}

func (s *Snapshot) invert() *inverse {
	v := &inverse{below: make([][]above, 0, len(s.above))}
	s.invertRules(v)
	s.invertMemberships(v)
	for id, superiors := range s.above {
		for _, up := range superiors {
			if grow := int(up.id) + 1 - len(v.below); grow > 0 {
				v.below = append(v.below, make([][]above, grow)...)
			}
			v.below[up.id] = append(v.below[up.id], above{uint32(id), up.distance})
		}
	}
	return v
}

func (s *Snapshot) invertRules(v *inverse) {
	count := make([]int, len(s.names)+1)
	for slot := range s.records.all {
		for _, r := range slot.value.rules() {
			count[r.subject()+1]++
		}
		v.ids = append(v.ids, slot.name())
	}
	slices.Sort(v.ids) // so that lists do not differ by the hashes of a process
	v.ids = slices.Compact(v.ids)
	known := make(map[string]uint32, len(v.ids))
	numbers := make([]slot[uint32], len(v.ids))
	for i, id := range v.ids {
		known[id] = uint32(i)
		numbers[i] = newSlot(0, id, known[id])
	}
	v.numbers = newTable(numbers)
	all := make([]entry, sum(count))
	next := slices.Clone(count)
	for slot := range s.records.all {
		number := known[slot.name()]
		for _, r := range slot.value.rules() {
			all[next[r.subject()]] = entryOf(slot.tag, number, r)
			next[r.subject()]++
		}
	}
	for id := range s.names {
		if held := all[count[id]:count[id+1]]; len(held) > 0 {
			slices.Sort(held)
			v.held.set(uint32(id), slices.Clip(slices.Compact(held)))
		}
	}
}

func (s *Snapshot) invertMemberships(v *inverse) {
	count := make([]int, len(s.names)+1)
	for slot := range s.subjects.all {
		for g := range slot.value.inGroups {
			count[g+1]++
		}
	}
	all := make([]uint32, sum(count))
	next := slices.Clone(count)
	for _, name := range s.names { // in the order of their ids
		member := s.subject(name)
		for g := range member.inGroups {
			all[next[g]] = member.id
			next[g]++
		}
	}
	for id := range s.names {
		if in := all[count[id]:count[id+1]:count[id+1]]; len(in) > 0 {
			v.members.set(uint32(id), in)
		}
	}
}

// sum turns counts, each one place behind its own, into where each part begins,
// and returns where the last one ends.
func sum(count []int) int {
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	return count[len(count)-1]
}

// rule returns the inverse of a snapshot in which the run of a record has changed by a rule.
//
// Like the names of a snapshot, ids grow behind the back of those who read them.
func (v *inverse) rule(typ uint32, id string, now run, r rule) *inverse {
	next := *v
	number := uint32(len(v.ids))
	if known := v.numbers.find(0, id); known != nil {
		number = *known
	} else {
		next.ids = append(v.ids, id)
		next.numbers = v.numbers.with(0, id, number)
	}
	e, held := entryOf(typ, number, r), v.held.get(r.subject())
	still := slices.ContainsFunc(now.rules(), func(other rule) bool {
		return other.subject() == r.subject() && other.about() == r.about() && other.class() == r.class()
	})
	switch i, found := slices.BinarySearch(held, e); {
	case still && !found:
		held = inserted(held, i, e)
	case found && !still:
		held = slices.Delete(slices.Clone(held), i, i+1)
	default:
		return v
	}
	next.held = v.held.with(r.subject(), held)
	return &next
}

// member returns the inverse of a snapshot in which a subject's groups have changed.
func (v *inverse) member(was, is *subject) *inverse {
	next := *v
	move := func(from, to *subject, change func(in []uint32, at int, found bool) []uint32) {
		for g := range from.inGroups {
			if !to.in(g) {
				in := next.members.get(g)
				at, found := slices.BinarySearch(in, is.id)
				next.members = next.members.with(g, change(in, at, found))
			}
		}
	}
	move(was, is, func(in []uint32, at int, found bool) []uint32 {
		if !found {
			return in
		}
		return slices.Delete(slices.Clone(in), at, at+1)
	})
	move(is, was, func(in []uint32, at int, found bool) []uint32 {
		if found {
			return in
		}
		return inserted(in, at, is.id)
	})
	return &next
}

// heldRules is the rules of one class, about one thing, that name a subject on single
// records of a type.
type heldRules struct {
	subject uint32
	typ     uint32
	about   about
	class   uint8
	entries []entry
}

// heldBy is the rules of a class that name a subject on records of a type.
func (v *inverse) heldBy(subject uint32, t *recordType, on about, class uint8) heldRules {
	all := v.held.get(subject)
	if len(all) == 0 {
		return heldRules{}
	}
	from, _ := slices.BinarySearch(all, newEntry(t.index, on, class, 0))
	to := len(all)
	if last := newEntry(t.index, on, class, lastNumber); from < to && all[to-1] > last {
		to, _ = slices.BinarySearch(all, last)
	}
	return heldRules{subject, t.index, on, class, all[from:to]}
}

// heldRules yields the ids of the records that rules are on, with the rule.
func (s *Snapshot) heldRules(h heldRules) iter.Seq2[string, rule] {
	return func(yield func(string, rule) bool) {
		for _, e := range h.entries {
			id := s.inverse().ids[e.number()]
			on := s.records.find(h.typ, id)
			if on == nil {
				continue
			}
			for _, r := range on.rules() {
				if r.subject() == h.subject && r.about() == h.about && r.class() == h.class && !yield(id, r) {
					return
				}
			}
		}
	}
}

// heldIDs is the ids of records that rules without terms name somebody on: a
// [filter.Numbered] set.
type heldIDs struct {
	inverse *inverse
	parts   []heldRules
	count   int
}

func (h *heldIDs) add(part heldRules) {
	if len(part.entries) > 0 {
		h.parts, h.count = append(h.parts, part), h.count+len(part.entries)
	}
}

// Len is how many ids there are, those that come by several ways counted for each.
func (h *heldIDs) Len() int { return h.count }

// All yields the ids.
func (h *heldIDs) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, part := range h.parts {
			for _, e := range part.entries {
				if !yield(h.inverse.ids[e.number()]) {
					return
				}
			}
		}
	}
}

// Of is all names that there are, by number.
func (h *heldIDs) Of() []string { return h.inverse.ids }

// Mark sets the bits of the ids' numbers, which come in their order: a word at a time.
func (h *heldIDs) Mark(marks []uint64) {
	for _, part := range h.parts {
		at, word := uint32(0), uint64(0)
		for _, e := range part.entries {
			n := e.number()
			if n/64 != at {
				marks[at] |= word
				at, word = n/64, 0
			}
			word |= 1 << (n % 64)
		}
		if word != 0 {
			marks[at] |= word
		}
	}
}

// groupMembers yields the subjects of the kinds that are in a group at the question's instant.
func (q *question) groupMembers(group uint32, kinds ...model.SubjectKind) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, id := range q.inverse().members.get(group) {
			if !slices.Contains(kinds, model.KindOf(q.names[id])) {
				continue
			}
			if q.groupsOf(q.byID(id)).in(group) && !yield(id) {
				return
			}
		}
	}
}

// paged is a list of values by small numbers of which a change copies little: pages
// of pages.
type paged[V any] []*[perPage]*[perPage]V

const perPage = 64

// get is the value of a number; the zero value if it has none.
func (p paged[V]) get(n uint32) (v V) {
	if i := int(n / (perPage * perPage)); i < len(p) && p[i] != nil {
		if page := p[i][n/perPage%perPage]; page != nil {
			return page[n%perPage]
		}
	}
	return v
}

// set gives a number a value, in place.
func (p *paged[V]) set(n uint32, v V) {
	i := int(n / (perPage * perPage))
	if grow := i + 1 - len(*p); grow > 0 {
		*p = append(*p, make(paged[V], grow)...)
	}
	page := &own(&(*p)[i], false)[n/perPage%perPage]
	own(page, false)[n%perPage] = v
}

// with is a list in which a number has another value.
func (p paged[V]) with(n uint32, v V) paged[V] {
	next := slices.Clone(p)
	if i := int(n / (perPage * perPage)); i < len(next) {
		own(&own(&next[i], true)[n/perPage%perPage], true)
	}
	next.set(n, v)
	return next
}

// own is the page that is pointed to, made if there is none, and copied if it is shared.
func own[V any](page **[perPage]V, shared bool) *[perPage]V {
	switch was := *page; {
	case was == nil:
		*page = new([perPage]V)
	case shared:
		is := *was
		*page = &is
	}
	return *page
}

// inserted is a copy of a list with a value at a place.
func inserted[V any](list []V, at int, v V) []V {
	next := make([]V, len(list)+1)
	copy(next, list[:at])
	next[at] = v
	copy(next[at+1:], list[at:])
	return next
}
