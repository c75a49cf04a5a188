package reference

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// evidence is what the functions of conditions ask about a user and a record;
// the record may be nil.
type evidence struct {
	r    *Reference
	user string
	rec  *model.Record
}

// Member tells whether the group is one of the user's.
func (e evidence) Member(group string) bool { return e.r.isIn(e.user, group) }

// Own tells whether the user, or a team of hers, is an owner.
func (e evidence) Own() bool { return e.rec != nil && e.r.owns(e.user, e.rec) }

// OwnerIn tells whether some owner is the group or has it among his groups.
func (e evidence) OwnerIn(group string) bool {
	return e.rec != nil && slices.ContainsFunc(e.rec.Owners, func(o string) bool {
		return o == group || e.r.isIn(o, group)
	})
}

// TeamRole tells whether a team rule on the one record, without a condition,
// gives the user the role in the record's team.
func (e evidence) TeamRole(as string) bool {
	target := itself(&Facts{Record: e.rec})
	return slices.ContainsFunc(e.r.lines("p2"), func(t []string) bool {
		return t[2] == target && t[4] == as && e.concerns(t[0]) && conditionOf(t[5]) == ""
	})
}

// Holds tells whether the rules that have no condition allow the user the
// action on the type at all, and no rule, with a condition or not, forbids it. An
// open tenant suspends rules, but conditions ask for what they say.
func (e evidence) Holds(typ, action string) bool {
	allowed := false
	for _, l := range e.r.gate {
		p := l.Columns()
		subject, target, act, effect, terms := p[0], p[2], p[3], p[4], p[5]
		t, err := model.ParseTarget(target)
		if err != nil || !e.concerns(subject) || act != action && act != model.Any || t.Type != typ && t.Type != model.Any || t.ID != "" {
			continue
		}
		scope := scopeOf(terms)
		switch {
		case effect == model.Deny.String():
			if t.Unit == "" && (scope == "" || scope == model.ScopeAll.String()) {
				return false
			}
		case conditionOf(terms) == "":
			allowed = true
		}
	}
	return allowed
}

func (e evidence) concerns(subject string) bool {
	return subject == model.Everyone || subject == e.user || e.r.isIn(e.user, subject)
}
