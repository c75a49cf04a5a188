package engine

import (
	"math/bits"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Decide answers a request from the snapshot, by the numbered rules of package
// authz. The zero Verdict, which comes with every error, denies.
func (s *Snapshot) Decide(req *model.Request, clock func() time.Time) (Verdict, error) {
	return s.DecideFor(User{}, req, clock)
}

// DecideFor is Decide for a user looked up before; the zero User is looked up.
func (s *Snapshot) DecideFor(u User, req *model.Request, clock func() time.Time) (Verdict, error) {
	var q question
	if err := s.ask(&q, req, u.subject, clock); err != nil {
		return Verdict{}, err
	}
	v := q.decide(req)
	v.Unsure = q.unsure && !v.Allowed()
	return v, nil
}

// DecideEach decides several actions of a user on the request's record, which is
// checked once. It stops at the first error; what was not decided is denied.
func (s *Snapshot) DecideEach(u User, req *model.Request, actions []string, row *Row, clock func() time.Time, allowed []bool) error {
	var q question
	known := row.known()
	for i, name := range actions {
		q.action = nil
		if i < len(known) && known[i].is(req.Record.Type, name) {
			q.action = known[i]
		}
		req.Action = name
		if i == 0 || q.action == nil && !q.turnTo(name) {
			if err := s.ask(&q, req, u.subject, clock); err != nil {
				return err
			}
		}
		allowed[i] = q.decide(req).Allowed()
	}
	if known == nil && q.typ != nil {
		row.note(s.schema.actions, q.typ.name, actions)
	}
	return nil
}

// decide is the decision: rules 3 to 10 of package authz.
func (q *question) decide(req *model.Request) Verdict {
	open := false
	if q.switched { // rules 3 and 4
		reason := q.gate(req)
		if open = reason == model.ReasonOpen; !open && reason != noReason {
			return Verdict{Reason: reason}
		}
	}
	if (q.action.constrained || q.who.violates) && q.constraint(req) != "" {
		return Verdict{Reason: model.ReasonForbidden}
	}
	if open {
		return Verdict{Reason: model.ReasonOpen}
	}
	forbidding, allowing := q.customerRules(req)
	switch {
	case forbidding.found():
		return Verdict{Reason: model.ReasonForbidden, by: forbidding}
	case !allowing.found():
		return Verdict{Reason: model.ReasonNoRule}
	case allowing.covers() || req.Record == nil || q.reaches(req, req.Record, q.action.need).how != noWay:
		return Verdict{Reason: model.ReasonAllowed, by: allowing}
	}
	return Verdict{Reason: model.ReasonNoReach, by: allowing}
}

// customerRules finds a forbidding rule that covers the record (rule 8); and an
// allowing rule that covers it, or else one that suffices if the user's level
// does (rule 9).
func (q *question) customerRules(req *model.Request) (forbidding, allowing source) {
	if len(q.rules.all) > 0 {
		if forbidding = q.rulesOnRecord(req, &allowing); forbidding.found() {
			return forbidding, allowing
		}
	}
	for s, who := q.Snapshot, q.who; s != nil; s, who = s.base, who.base {
		if !s.hasOnType(q.typ) {
			continue
		}
		for i := range int(s.cells) {
			c := q.cell(s, i)
			if c == nil {
				continue
			}
			if hit := c.plain[deny] & who.mask; hit != 0 {
				return source{s, 0, at(i, deny, hit)}, allowing
			}
			if hit := c.plain[allowAll] & who.mask; hit != 0 {
				allowing = source{s, 0, at(i, allowAll, hit) | covering}
			} else if hit := c.plain[allowReach] & who.mask; hit != 0 && !allowing.found() {
				allowing = source{s, 0, at(i, allowReach, hit)}
			}
			if c.rest != 0 {
				if forbidding = q.rulesInCell(req, s, who, i, s.customer.rest(c), &allowing); forbidding.found() {
					return forbidding, allowing
				}
			}
		}
	}
	return source{}, allowing
}

// cell is a cell of the action in a snapshot; of an empty one it may be nil.
func (q *question) cell(s *Snapshot, i int) *cell[customerMasks] {
	if i == 0 && s == q.Snapshot && q.ahead.of == q.action {
		return &q.ahead.cell
	}
	return s.customer.at(q.action.cells[i])
}

// rulesOnRecord looks through the rules on the single record, for the action or
// for every action.
func (q *question) rulesOnRecord(req *model.Request, allowing *source) (forbidding source) {
	for i := uint(0); ; i++ {
		switch r := q.rules.mine(q, i); {
		case r == 0:
			return source{}
		case r.about() != q.action.about() && r.about() != everyAction:
		case r.level() == uint8(model.Allow) && q.holds(req, q.Snapshot, r, req.Record, model.Allow):
			*allowing = source{q.Snapshot, r, onRecord | covering}
		case r.level() == uint8(model.Deny) && q.holds(req, q.Snapshot, r, req.Record, model.Deny):
			return source{q.Snapshot, r, onRecord}
		}
	}
}

// rulesInCell looks through the rules of a cell that are no bits.
func (q *question) rulesInCell(req *model.Request, s *Snapshot, who *subject, i int, rest []rule, allowing *source) (forbidding source) {
	for j := who.next(rest, 0); j < len(rest); j = who.next(rest, j+1) {
		switch r := rest[j]; {
		case r.level() == uint8(model.Deny):
			if q.forbids(req, s, r) {
				return source{s, r, at(i, 0, 0)}
			}
		case allowing.covers() || !q.holds(req, s, r, req.Record, model.Allow):
		case q.covers(req, s.terms[r.terms()].scope):
			*allowing = source{s, r, at(i, 0, 0) | covering}
		case !allowing.found():
			*allowing = source{s, r, at(i, 0, 0)}
		}
	}
	return source{}
}

// source is where in a snapshot a rule was found.
type source struct {
	snapshot *Snapshot
	rule     rule // 0: a bit of a mask
	place    place
}

// place is, from the lowest bits: which of the action's cells a rule is in; for a
// bit, the mask and the bit; and flags.
type place uint32

const (
	onRecord place = 1 << (16 + iota) // the rule is on the single record
	covering                          // the record, without the user's level
)

// at is the place of the lowest bit of a mask of a cell.
func at(cell, slot int, mask uint64) place {
	return place(cell) | place(slot)<<4 | place(bits.TrailingZeros64(mask)&63)<<8
}

func (p place) cell() int { return int(p & 15) }
func (p place) slot() int { return int(p >> 4 & 15) }
func (p place) bit() int  { return int(p >> 8 & 63) }

func (s source) found() bool  { return s.snapshot != nil }
func (s source) covers() bool { return s.place&covering != 0 }

// Verdict is a decision that remembers where its rule is. It denies unless its
// reason is ReasonAllowed or ReasonOpen.
type Verdict struct {
	Reason model.Reason
	Unsure bool   // it denies, but might not if the request told more of the user or the environment
	by     source // nothing, if a constraint forbids
}

// Allowed tells whether the verdict allows.
func (v Verdict) Allowed() bool {
	return v.Reason == model.ReasonAllowed || v.Reason == model.ReasonOpen
}

// User is a user of a snapshot, looked up once for many questions.
type User struct{ subject *subject }

// User looks a user up. One without facts is no error.
func (s *Snapshot) User(name string) User { return User{s.subject(name)} }
