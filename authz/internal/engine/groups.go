package engine

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// findGroups finds the groups that the user has at the instant: first those that she has
// if every switch of a group or rule is for all, which say whose exceptions she is among.
func (q *question) findGroups(req *model.Request) {
	who := q.who
	q.who = q.groupsOf(who)
	q.varied = true
	if !q.excepts {
		return
	}
	var lifted bitSet
	for i := range q.excepted {
		if q.isExcepted(req, &q.excepted[i]) {
			lifted = lifted.add(i + 1)
		}
	}
	if lifted != nil {
		q.lifted = lifted
		q.who = q.groupsOf(who)
	}
}

// groupsOf returns a subject with the groups that it has for the question. For
// most subjects that is the subject itself, computed when it was compiled.
func (q *question) groupsOf(of *subject) *subject {
	if !of.timed {
		return of
	}
	s := q.Snapshot
	passes := func(e edge) bool {
		bounds, bounded := s.bounded[e]
		holds := func(t uint32) bool { return q.inForce(s, &s.terms[t]) }
		return (!bounded || slices.ContainsFunc(bounds, holds)) && !slices.ContainsFunc(s.endsOf(e), func(group string) bool { return q.anyIsOn(s.off[group]) })
	}
	direct := slices.Clone(of.direct())
	direct = slices.DeleteFunc(direct, func(g uint32) bool { return !passes(edge{of.id, g}) })
	closure := closureOf(nil, of.id, func(id uint32) []uint32 { return s.byID(id).direct() }, passes)
	now := newSubject(of.id, of.bit, closure, direct, func(id uint32) uint8 { return s.byID(id).bit })
	now.user, now.base, now.violates = of.user, s.base.merged(closure, s.names), s.violated(closure) != ""
	return &now
}

// endsOf are the groups at the ends of a membership: if either is switched
// off, there is no such membership. A user who is off keeps hers, since others may
// have something through her.
func (s *Snapshot) endsOf(e edge) []string {
	ends := []string{s.names[e.group], s.names[e.member]}
	if model.KindOf(ends[1]) == model.User {
		return ends[:1]
	}
	return ends
}

func (s *Snapshot) byID(id uint32) *subject { return s.subject(s.names[id]) }

// closure appends a subject and all groups that it ever has, given what each is
// directly in; timed tells that which it has depends on the instant, or on who asks.
func (s *Snapshot) closure(to []uint32, id uint32, direct func(uint32) []uint32) (closure []uint32, timed bool) {
	closure = closureOf(to, id, direct, func(e edge) bool {
		_, bounded := s.bounded[e]
		timed = timed || bounded
		if len(s.off) == 0 {
			return true
		}
		for _, group := range s.endsOf(e) {
			if off := s.off[group]; always(off) {
				return false
			} else if len(off) > 0 {
				timed = true
			}
		}
		return true
	})
	return closure, timed
}

// closureOf appends to an empty list a subject and all groups that memberships which
// pass lead to, at most model.MaxDepth of them in a row.
func closureOf(to []uint32, id uint32, direct func(uint32) []uint32, passes func(edge) bool) []uint32 {
	found, start := append(to, id), 0
	for depth := 0; depth < model.MaxDepth && start < len(found); depth++ {
		end := len(found)
		for _, member := range found[start:end] {
			for _, group := range direct(member) {
				if !slices.Contains(found, group) && passes(edge{member, group}) {
					found = append(found, group)
				}
			}
		}
		start = end
	}
	return found
}

// newSubject makes a subject of its closure (itself and its groups) and of its
// direct groups.
func newSubject(id uint32, bit uint8, closure, direct []uint32, bitOf func(uint32) uint8) subject {
	s := subject{id: id, bit: bit, mask: 1 << everyone, bloom: 1 << everyone,
		count: uint32(1 + len(closure)), directs: uint32(len(direct))}
	groups := s.near[:]
	if n := 1 + len(closure) + len(direct); n > len(s.near) {
		far := make([]uint32, n)
		groups, s.far = far, &far
	}
	groups[0] = everyone
	copy(groups[1:], closure)
	copy(groups[s.count:], direct)
	slices.Sort(groups[:s.count])
	for _, id := range closure {
		s.bloom |= 1 << (id & 63)
		if b := bitOf(id); b != 0 {
			s.mask |= 1 << b
		}
	}
	return s
}

// merged is what the base policy knows of a set of subjects of a tenant: a
// subject that has the ids and bits of all of their roles.
func (base *Snapshot) merged(closure []uint32, names []string) *subject {
	if base == nil {
		return nil
	}
	var roles []uint32
	for _, id := range closure {
		if r := base.id(names[id]); r != none {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		return base.nobody
	}
	s := newSubject(none, 0, roles, nil, func(id uint32) uint8 { return base.byID(id).bit })
	return &s
}

// path is the shortest way of memberships in force from a subject to a group, names of
// both ends included; nil if there is none.
func (q *question) path(from *subject, to uint32) []string {
	s := q.Snapshot
	came, queue := map[uint32]uint32{from.id: from.id}, []uint32{from.id}
	for len(queue) > 0 && queue[0] != to {
		member := queue[0]
		queue = queue[1:]
		for _, group := range q.groupsOf(s.byID(member)).direct() {
			if _, seen := came[group]; !seen && !q.anyIsOn(s.off[s.names[group]]) {
				came[group] = member
				queue = append(queue, group)
			}
		}
	}
	if len(queue) == 0 {
		return nil
	}
	names := []string{s.names[to]}
	for id := to; id != from.id; id = came[id] {
		names = append(names, s.names[came[id]])
	}
	slices.Reverse(names)
	return names
}
