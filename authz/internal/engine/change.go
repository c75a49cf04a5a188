package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// With returns the snapshot that a change of lines leads to, in time that
// depends on the change only. ok is false when so much hangs on a line that the
// tenant must be compiled anew (roles and teams in others, org edges, most switches);
// on an error, too, the snapshot is as it was.
//
// Only one goroutine at a time may call With on a snapshot and those that came of it,
// and of two that came of the same one, only one may be kept.
func (s *Snapshot) With(revision model.Revision, removed, added []model.Line) (next *Snapshot, ok bool, err error) {
	n := *s
	n.Revision = revision
	c := changing{Snapshot: &n, inverse: s.inverted.made.Load()}
	for i, lines := range [2][]model.Line{removed, added} {
		for _, l := range lines {
			if ok, err := c.change(l, i == 1); !ok || err != nil {
				return nil, false, err
			}
		}
	}
	if c.own[customerRule] {
		n.cells = n.schema.cellsInUse(n.customer)
	}
	n.switched = n.switches.any()
	n.timely = n.timely || n.switched
	n.inverted = &inverted{}
	n.inverted.made.Store(c.inverse)
	return &n, true, nil
}

// changing is a snapshot that may still be changed; what it shares is copied first.
type changing struct {
	*Snapshot
	own     [fieldRule + 1]bool // which cells are its own already, by kind
	inverse *inverse            // nil: nobody asked for lists yet
}

func (c *changing) change(l model.Line, add bool) (ok bool, err error) {
	if len(c.ruleOff) > 0 || c.Tenant == model.Base || c.opens { // of whom there are facts counts when it is open
		return false, nil
	}
	switch l.Section {
	case model.CustomerRules, model.TeamRules, model.FieldRules:
		p, err := c.schema.place(l)
		if err != nil {
			return false, err
		}
		return true, c.rule(p, add)
	case model.Memberships:
		f, err := model.DecodeMembership(l)
		if err != nil {
			return false, err
		}
		return c.membership(f, add), nil
	case model.Switches:
		f, err := model.DecodeSwitch(l)
		if err != nil || model.KindOf(f.Target) != model.User {
			return false, err
		}
		c.userSwitch(f, add)
		return true, nil
	}
	return false, nil
}

// userSwitch switches a user off, or on again.
func (c *changing) userSwitch(f model.Switch, add bool) {
	facts := slices.DeleteFunc(slices.Clone(c.switches.facts[f.Target]), func(other model.Switch) bool { return other == f })
	if add {
		facts = append(facts, f)
		c.dated = c.dated || !f.Valid.Always()
	}
	c.switches.facts, c.switches.users = maps.Clone(c.switches.facts), maps.Clone(c.switches.users)
	delete(c.switches.facts, f.Target)
	delete(c.switches.users, f.Target)
	for _, f := range facts {
		put(&c.switches.facts, f.Target, facts)
		c.switches.add(f, func(name string) uint32 { return c.intern(name).id })
	}
}

// rule adds or removes a rule.
func (c *changing) rule(p placement, add bool) error {
	subject := c.intern(p.subject)
	if subject.id >= none {
		return fmt.Errorf("%w subjects in tenant %s", ErrTooMany, c.Tenant)
	}
	if !p.onRecord() {
		c.ownCells(p.kind)
		if p.slot != noSlot && p.simple() && (subject.bit != 0 || subject.id == everyone) {
			mask := c.mask(p)
			if *mask |= 1 << subject.bit; !add {
				*mask &^= 1 << subject.bit
			}
			return nil
		}
	}
	r, err := c.pack(p, subject.id)
	if err != nil {
		return err
	}
	if !p.onRecord() {
		rest := c.rest(p)
		*rest = changed(*rest, r, add)
		return nil
	}
	var old []rule
	if found := c.records.find(p.typ, p.id); found != nil {
		old = found.rules()
	}
	now := newRun(changed(old, r, add))
	c.records = c.records.with(p.typ, p.id, now)
	c.onRecords |= 1 << p.kind
	c.holders = c.holders.with(int(r.subject()))
	if c.inverse != nil {
		c.inverse = c.inverse.rule(p.typ, p.id, now, r)
	}
	return nil
}

// changed is a copy of a sorted run with a rule more or less.
func changed(run []rule, r rule, add bool) []rule {
	i, found := slices.BinarySearch(run, r)
	if found == add {
		return run
	}
	next := make([]rule, 0, len(run)+1)
	next = append(next, run[:i]...)
	if add {
		return append(append(next, r), run[i:]...)
	}
	return append(next, run[i+1:]...)
}

// ownCells copies the cells of a rule's kind, unless that was done.
func (c *changing) ownCells(k kind) {
	if c.own[k] {
		return
	}
	switch c.own[k] = true; k {
	case customerRule:
		c.customer = c.customer.clone()
	case teamRule:
		c.team = c.team.clone()
	default:
		c.field = c.field.clone()
	}
}

// intern returns a subject, made known if it is not yet.
func (c *changing) intern(name string) *subject {
	if s := c.subjects.find(0, name); s != nil {
		return s
	}
	id := uint32(len(c.names))
	c.names = append(c.names, name)
	s := newSubject(id, 0, []uint32{id}, nil, func(uint32) uint8 { return 0 })
	s.user, s.base = model.KindOf(name) == model.User, c.base.merged([]uint32{id}, c.names)
	c.subjects = c.subjects.with(0, name, s)
	return &s
}

// membership adds or removes a membership of a user, if nothing hangs on it but
// the user's own groups.
func (c *changing) membership(f model.Membership, add bool) bool {
	if model.KindOf(f.Member) != model.User || !f.Valid.Always() {
		return false
	}
	user, group := c.intern(f.Member), c.intern(f.Group)
	if max(user.id, group.id) >= none {
		return false // compiled anew, it is refused
	}
	e := edge{user.id, group.id}
	_, bounded := c.bounded[e]
	if bounded || c.repeated[e] {
		return false
	}
	direct := slices.DeleteFunc(slices.Clone(user.direct()), func(g uint32) bool { return g == group.id })
	if add {
		direct = append(direct, group.id)
	}
	closure, timed := c.closure(nil, user.id, func(id uint32) []uint32 {
		if id == user.id {
			return direct
		}
		return c.byID(id).direct()
	})
	next := newSubject(user.id, 0, closure, direct, func(id uint32) uint8 { return c.byID(id).bit })
	next.user, next.base, next.timed, next.violates = true, c.base.merged(closure, c.names), timed, c.violated(closure) != ""
	c.subjects = c.subjects.with(0, f.Member, next)
	if c.people != nil {
		c.movePerson(user, &next)
	}
	if c.inverse != nil {
		c.inverse = c.inverse.member(user, &next)
	}
	return true
}

// movePerson takes a user from among the people of the groups that she is in
// no more, and puts her among those of the groups that she is in now.
func (c *changing) movePerson(was, is *subject) {
	people := *c.people
	for g := range was.inGroups {
		if !is.in(g) {
			people = people.with(0, c.names[g], slices.DeleteFunc(slices.Clone(c.peopleOf(g)), func(id uint32) bool { return id == is.id }))
		}
	}
	for g := range is.inGroups {
		if !was.in(g) {
			people = people.with(0, c.names[g], append(slices.Clone(c.peopleOf(g)), is.id))
		}
	}
	c.people = &people
}
