package engine

import (
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// hasOnRecords tells whether there are rules of a kind on single records.
func (s *Snapshot) hasOnRecords(k kind) bool { return s.onRecords>>k&1 != 0 }

// hasOnType tells whether there may be customer rules on a type.
func (s *Snapshot) hasOnType(t *recordType) bool { return s.onTypes>>(t.index%32)&1 != 0 }

// rulesOn is the rules on a single record; nil if there are none.
func (s *Snapshot) rulesOn(r *model.Record, t *recordType) *run { return s.records.find(t.index, r.ID) }

// holds tells whether a rule that concerns the user is in force and its unit
// and condition let it hold for a record (nil: none).
func (q *question) holds(req *model.Request, s *Snapshot, r rule, record *model.Record, effect model.Effect) bool {
	if r.terms() == 0 {
		return true
	}
	t := &s.terms[r.terms()]
	return (t.valid.Always() && t.off == "" || q.inForce(s, t)) &&
		(t.unit == "" || record == nil || q.within(record.Unit, t.unit)) &&
		(t.condition == "" || q.condition(req, t.condition, record, effect))
}

// condition: rule 6.
func (q *question) condition(req *model.Request, name string, record *model.Record, effect model.Effect) bool {
	in := q.asked(req, record)
	truth := q.schema.conditions.Eval(name, in)
	q.unsure = q.unsure || truth == condition.Unknown && q.schema.conditions.Lacks(name, in)
	if effect == model.Deny {
		return truth != condition.False
	}
	return truth == condition.True
}

// forbids tells whether a forbidding rule on a type covers the record. Without
// a record it forbids only what it forbids everywhere.
func (q *question) forbids(req *model.Request, s *Snapshot, r rule) bool {
	t := &s.terms[r.terms()]
	everywhere := t.scope == model.ScopeLevel || t.scope == model.ScopeAll
	if req.Record == nil && (!everywhere || t.unit != "") {
		return false
	}
	return q.holds(req, s, r, req.Record, model.Deny) && (everywhere || q.covers(req, t.scope))
}

// covers tells whether a scope covers the record.
func (q *question) covers(req *model.Request, scope model.Scope) bool {
	r := req.Record
	switch {
	case scope == model.ScopeAll:
		return true
	case r == nil:
		return false
	case scope == model.ScopeOwn:
		return q.owner(req.User, r).how != noWay
	case scope == model.ScopeTeam:
		return q.sharesTeam(r)
	case scope == model.ScopeUnit:
		return r.Unit != "" && q.who.in(q.id(r.Unit))
	case scope == model.ScopeUnitTree:
		return r.Unit != "" && q.inTree(r.Unit)
	}
	return false
}

// way is how a user reaches a record; the zero way is none.
type way struct {
	how   how
	rule  rule  // the team rule; 0: a bit of a mask
	place place // of the rule: cell 0 is the type's, 1 that of every type; or on the record
	id    uint32
}

type how uint8

const (
	noWay       how = iota
	byOwner         // id: the user, or her team, that owns the record
	byTeamRule      // rule
	byParent        // the level on the parent suffices
	byHierarchy     // id: the owner, or the holder (of rule), whose superior the user is
)

// reaches finds a way in which the user's level on a record is at least the level.
func (q *question) reaches(req *model.Request, r *model.Record, level model.Level) way {
	t := q.schema.types[r.Type]
	parent := t.parentOf(r)
	if t.Parent.Controlled {
		if parent != nil && q.reaches(req, parent, level).how != noWay {
			return way{how: byParent}
		}
		return way{}
	}
	if w := q.owner(req.User, r); w.how != noWay {
		return w
	}
	if w := q.teamRules(req, r, t, level); w.how != noWay {
		return w
	}
	if parent != nil && t.Parent.Cap >= level && q.reaches(req, parent, level).how != noWay {
		return way{how: byParent}
	}
	return q.superior(req, r, t, level)
}

// parentOf is the record's parent, if it is of the type that parents are of.
func (t *recordType) parentOf(r *model.Record) *model.Record {
	if t.parent == nil || r.Parent == nil || r.Parent.Type != t.parent.name {
		return nil
	}
	return r.Parent
}

// owner finds that the user, or a team of hers, owns a record.
func (q *question) owner(user string, r *model.Record) way {
	for _, o := range r.Owners {
		if o == user {
			return way{how: byOwner, id: q.who.id}
		}
		if model.KindOf(o) == model.Team {
			if id := q.id(o); q.who.in(id) {
				return way{how: byOwner, id: id}
			}
		}
	}
	return way{}
}

// sharesTeam tells whether an owner of a record is, or is in, a team that the
// user is in by a membership of her own.
func (q *question) sharesTeam(r *model.Record) bool {
	for _, o := range r.Owners {
		owner := q.subject(o)
		if owner.timed {
			owner = q.groupsOf(owner)
		}
		for _, g := range q.who.direct() {
			if model.KindOf(q.names[g]) == model.Team && q.who.in(g) && owner.in(g) { // a direct team may be off
				return true
			}
		}
	}
	return false
}

// teamRules finds a team rule that gives the user at least the level.
func (q *question) teamRules(req *model.Request, r *model.Record, t *recordType, level model.Level) way {
	if q.hasOnRecords(teamRule) {
		on := &q.rules
		if r != req.Record {
			on = &recordRules{}
			on.set(q.rulesOn(r, t))
		}
		for i, held := uint(0), on.mine(q, 0); held != 0; i, held = i+1, on.mine(q, i+1) {
			if held.about() == aboutTeam && held.level() >= uint8(level) && q.holds(req, q.Snapshot, held, r, model.Allow) {
				return way{how: byTeamRule, rule: held, place: onRecord}
			}
		}
	}
	for i, index := range [2]uint32{t.index, 0} {
		c := q.team.at(index)
		if c == nil {
			continue
		}
		for l := level; l <= model.LevelFull; l++ {
			if hit := c.plain[l] & q.who.mask; hit != 0 {
				return way{how: byTeamRule, place: at(i, int(l), hit)}
			}
		}
		for rest, j := q.team.rest(c), q.who.next(q.team.rest(c), 0); j < len(rest); j = q.who.next(rest, j+1) {
			if rest[j].level() >= uint8(level) && q.holds(req, q.Snapshot, rest[j], r, model.Allow) {
				return way{how: byTeamRule, rule: rest[j], place: at(i, 0, 0)}
			}
		}
	}
	return way{}
}

// superior finds that the hierarchy gives the user at least the level.
func (q *question) superior(req *model.Request, r *model.Record, t *recordType, level model.Level) way {
	if q.above == nil || t.Hierarchy.Level < level && t.Hierarchy.Beyond < level {
		return way{}
	}
	for _, o := range r.Owners {
		if id := q.id(o); q.isAbove(id, t, level) {
			return way{how: byHierarchy, id: id}
		}
	}
	if !t.Hierarchy.Holders || !q.hasOnRecords(teamRule) {
		return way{}
	}
	for _, held := range q.rulesOn(r, t).rules() {
		if held.about() == aboutTeam && held.level() >= uint8(level) && held.subject() != everyone &&
			q.isAbove(held.subject(), t, level) && q.holds(req, q.Snapshot, held, r, model.Allow) {
			return way{how: byHierarchy, id: held.subject(), rule: held}
		}
	}
	return way{}
}

// isAbove tells whether the user is the superior of a user, or of somebody in a
// group, near enough to get at least the level.
func (q *question) isAbove(id uint32, t *recordType, level model.Level) bool {
	if id == none {
		return false
	}
	if model.KindOf(q.names[id]) == model.User {
		return q.gets(id, t, level)
	}
	for _, x := range q.peopleOf(id) {
		s := q.byID(x)
		if s.timed && !q.groupsOf(s).in(id) {
			continue
		}
		if q.gets(x, t, level) {
			return true
		}
	}
	return false
}

// peopleOf is the users who are or may be in a group.
func (s *Snapshot) peopleOf(group uint32) []uint32 {
	if s.people != nil {
		if in := s.people.find(0, s.names[group]); in != nil {
			return *in
		}
	}
	return nil
}

// gets tells whether the user stands above a person so that she gets at least the level.
func (q *question) gets(person uint32, t *recordType, level model.Level) bool {
	distance := 0
	if t.Hierarchy.By == model.ByLine {
		distance = q.distance(person, func(id uint32) bool { return id == q.who.id })
	} else {
		s := q.byID(person)
		if s.timed {
			s = q.groupsOf(s)
		}
		for _, g := range s.ids() {
			if model.KindOf(q.names[g]) == model.Unit {
				if d := q.distance(g, q.who.in); d > 0 && (distance == 0 || d < distance) {
					distance = d
				}
			}
		}
	}
	if distance == 0 {
		return false
	}
	if t.Hierarchy.Depth == 0 || distance <= t.Hierarchy.Depth {
		return t.Hierarchy.Level >= level
	}
	return t.Hierarchy.Beyond >= level
}

// distance is how many edges up the nearest superior is that passes; 0: none does.
func (q *question) distance(of uint32, passes func(uint32) bool) int {
	if int(of) < len(q.above) {
		for _, up := range q.above[of] {
			if passes(up.id) {
				return int(up.distance)
			}
		}
	}
	return 0
}

// within tells whether a unit is another, or below it.
func (q *question) within(unit, tree string) bool {
	if unit == "" || unit == tree {
		return unit != ""
	}
	id, top := q.id(unit), q.id(tree)
	return id != none && top != none && q.distance(id, func(up uint32) bool { return up == top }) > 0
}

// inTree tells whether a unit is one of the user's, or below one.
func (q *question) inTree(unit string) bool {
	id := q.id(unit)
	return id != none && (q.who.in(id) || q.distance(id, q.who.in) > 0)
}
