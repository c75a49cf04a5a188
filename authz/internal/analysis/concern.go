package analysis

import (
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// concern is the people and the types of records that a change of facts can concern: perhaps too many,
// never too few. It looks at where facts lead in either policy, whenever they are in force.
type concern struct {
	causes    *causes
	schema    *model.Schema
	members   map[string][]string // who, by group
	groups    map[string][]string // where, by member
	above     map[string][]string // org edges
	users     map[string]bool
	units     map[string]bool // below which there are others than before
	everybody bool
	types     map[string]bool
	allTypes  bool
	// What the schema has:
	byLine, byUnits, holding bool // hierarchies; those that count holders
	asksOwners, asksRules    bool // conditions that do
}

func newConcern(d *differ) *concern {
	f := &concern{causes: d.causes, schema: d.now.schema, users: map[string]bool{}, units: map[string]bool{}, types: map[string]bool{},
		members: map[string][]string{}, groups: map[string][]string{}, above: map[string][]string{}}
	for _, facts := range [2][]model.Fact{d.before.Facts, d.causes.added} {
		for _, fact := range facts {
			switch fact := fact.(type) {
			case model.Membership:
				f.members[fact.Group] = append(f.members[fact.Group], fact.Member)
				f.groups[fact.Member] = append(f.groups[fact.Member], fact.Group)
			case model.OrgEdge:
				f.above[fact.Below] = append(f.above[fact.Below], fact.Above)
			}
		}
	}
	for _, t := range f.schema.Types {
		f.byLine = f.byLine || t.Hierarchy.By == model.ByLine
		f.byUnits = f.byUnits || t.Hierarchy.By == model.ByUnits
		f.holding = f.holding || t.Hierarchy.Holders
	}
	for name := range f.schema.Conditions {
		for _, call := range d.now.conditions.Calls(name) {
			f.asksOwners = f.asksOwners || call.Function == "ownerIn"
			f.asksRules = f.asksRules || call.Function == "holds" || call.Function == "teamRole"
		}
	}
	return f
}

// change adds whom the change of a fact concerns, and in which types.
func (f *concern) change(fact model.Fact) {
	switch fact := fact.(type) {
	case model.CustomerRule:
		f.holders(fact.Subject)
		f.onType(fact.On.Type, false)
	case model.FieldRule:
		f.holders(fact.Subject)
		f.onType(fact.On.Type, false)
	case model.TeamRule:
		f.holders(fact.Subject)
		f.onType(fact.On.Type, true)
		if f.holding && fact.Subject != model.Everyone {
			f.superiors(f.below(fact.Subject))
		}
	case model.Membership:
		f.allTypes = true
		f.moves(fact.Member, fact.Group)
	case model.OrgEdge:
		f.allTypes = true
		f.reports(fact)
	case model.Switch:
		f.switches(fact)
	}
}

func (f *concern) switches(s model.Switch) {
	switch kind := model.KindOf(s.Target); {
	case model.IsRuleID(s.Target):
		for _, n := range f.causes.at {
			for _, c := range n {
				if c.Fact == model.Fact(s) && c.of != nil {
					f.change(c.of)
				}
			}
		}
	case kind == model.User:
		f.allTypes, f.users[s.Target] = true, true
	case kind != model.UnknownKind:
		f.allTypes = true
		f.moves(s.Target, s.Target)
	default:
		f.everybody = true
		t, err := model.ParseTarget(s.Target)
		if err != nil || s.Target == model.Any {
			t.Type = model.Any
		}
		f.onType(t.Type, false)
	}
}

// holders adds all people who are, or are in, a subject.
func (f *concern) holders(subject string) {
	if subject == model.Everyone {
		f.everybody = true
		return
	}
	for name := range f.below(subject) {
		f.addUser(name)
	}
}

func (f *concern) addUser(name string) {
	if model.KindOf(name) == model.User {
		f.users[name] = true
	}
}

// below is a subject and all that are in it.
func (f *concern) below(subject string) map[string]bool { return closure(f.members, subject) }

// onType adds a type and, of a level that is inherited, those below it.
func (f *concern) onType(typ string, inherited bool) {
	if typ == model.Any || f.asksRules {
		f.allTypes = true
		return
	}
	if f.types[typ] = true; !inherited {
		return
	}
	for more := true; more; {
		more = false
		for name, t := range f.schema.Types {
			if !f.types[name] && f.types[t.Parent.Type] {
				f.types[name], more = true, true
			}
		}
	}
}

// moves adds whom it concerns that a member is in a group, or is no more: all people in the member, their
// superiors, and those who share a team or have a unit with them.
func (f *concern) moves(member, group string) {
	moved := f.below(member)
	for name := range moved {
		f.addUser(name)
	}
	if f.asksOwners {
		f.everybody = true
	}
	for name := range closure(f.groups, group) {
		if model.KindOf(name) == model.Team {
			f.holders(name)
		}
	}
	moved[group] = true
	f.superiors(moved)
}

// superiors adds the superiors of people, and of those who are in units that some subjects are in.
func (f *concern) superiors(of map[string]bool) {
	names := slices.Collect(maps.Keys(of))
	if f.byLine {
		for name := range closure(f.above, names...) {
			f.addUser(name)
		}
	}
	if f.byUnits {
		for name := range closure(f.above, slices.Collect(maps.Keys(closure(f.groups, names...)))...) {
			if model.KindOf(name) == model.Unit {
				f.holders(name)
			}
		}
	}
}

// reports adds whom an org edge concerns: who is above it.
func (f *concern) reports(e model.OrgEdge) {
	for name := range closure(f.above, e.Above) {
		if f.addUser(name); model.KindOf(name) == model.Unit {
			f.units[name] = true
			f.holders(name)
		}
	}
}
