package engine

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// Outline is what one user may do at an instant, as expressions over records
// for those who compare policies: as in Snapshot.Filter, but that names of owners and
// units are [Related]. Where types are each other's parents, it looks at some
// generations of them only.
//
// It is not safe for concurrent use.
type Outline struct {
	question
	filtering filtering
}

// Related is names that tell how they are related to the user of an outline:
//
//	own         she and her teams
//	team        her teams and who is in them
//	below       whose superior she is, so that it counts
//	unit        her units
//	unit_tree   her units and those below
//	in unit:x   the unit and those below
type Related struct {
	filter.List
	How string
}

// Outline looks a user up, who asks from an address. One without facts is no error. The
// clock shows the instant, too.
func (s *Snapshot) Outline(user string, at time.Time, from netip.Addr) *Outline {
	o := &Outline{question: question{Snapshot: s, who: s.subject(user), at: utc(at), begun: utc(at), now: utc(at)}}
	req := &model.Request{Tenant: s.Tenant, User: user, At: o.at, Address: from}
	o.findGroups(req)
	o.filtering = filtering{question: &o.question, guess: filter.False, outline: true, req: req}
	return o
}

// May is the records of a type to which the user may do an action; none, if the schema
// does not know them.
func (o *Outline) May(typ, action string) filter.Expr {
	if !o.turnTo(typ, action) {
		return filter.False
	}
	return o.filtering.decide()
}

// turnTo makes it about an action, and tells whether there is such an action.
func (o *Outline) turnTo(typ, action string) bool {
	a := o.schema.actions.find(typ, action)
	if a != nil {
		o.typ, o.action, o.filtering.req.Action = a.typ, a, action
	}
	return a != nil
}

// Field is, for each level, the records of a type of which the user reaches a field at
// least so far with an action, if she may do that to them: with one that only reads, at most at
// the level read. It is the same for all actions, unless the tenant may be open.
func (o *Outline) Field(typ, action, name string) (atLeast [model.FieldWrite + 1]filter.Expr) {
	t := o.schema.types[typ]
	if t == nil || t.fields[name] == nil {
		return [...]filter.Expr{filter.True, filter.False, filter.False, filter.False}
	}
	f := t.fields[name]
	opened := o.turnTo(typ, action) && o.switched && o.opensField(o.filtering.req, f)
	denied := filter.Expr(filter.False) // at this level or one below
	var given [model.FieldWrite + 1]filter.Expr
	for l := model.FieldMasked; l <= model.FieldWrite; l++ {
		denied = filter.AnyOf(denied, o.fieldRules(t, f, uint8(l)+fieldDeny), o.fieldOff(t, f, l))
		atLeast[l] = filter.Negate(denied)
		given[l] = filter.AnyOf(filter.TruthOf(f.initial >= l || opened), o.fieldRules(t, f, uint8(l)))
	}
	atLeast[model.FieldHidden] = filter.True
	for l := model.FieldMasked; l <= model.FieldWrite; l++ {
		atLeast[l] = filter.AllOf(atLeast[l], filter.AnyOf(given[l:]...))
	}
	return atLeast
}

// fieldOff is the records of which a switch leaves less of a field than a level: those
// that it has read-only, or for all levels those of which it is off.
func (o *Outline) fieldOff(t *recordType, f *field, level model.FieldLevel) filter.Expr {
	var ways []filter.Expr
	for i, fields := 0, o.switches.fields[t.name]; i < len(fields); i++ {
		off := &fields[i]
		switch {
		case off.field != f.name && off.field != model.Any, off.mode == model.ModeReadOnly && level < model.FieldWrite, !o.isOn(o.filtering.req, &off.toggle):
		case off.id == "":
			return filter.True
		default:
			ways = append(ways, filter.IDIn{Names: filter.List{off.id}})
		}
	}
	return filter.AnyOf(ways...)
}

// fieldRules is the records on which some rule about a field has a level.
func (o *Outline) fieldRules(t *recordType, f *field, level uint8) filter.Expr {
	var ways []filter.Expr
	for s, who := o.Snapshot, o.who; s != nil; s, who = s.base, who.base {
		for _, at := range f.cells {
			c := s.field.at(at)
			if c == nil {
				continue
			}
			if c.plain[level]&who.mask != 0 {
				return filter.True
			}
			for rest, j := s.field.rest(c), who.next(s.field.rest(c), 0); j < len(rest); j = who.next(rest, j+1) {
				if rest[j].level() == level {
					ways = append(ways, o.filtering.guard(s, &s.terms[rest[j].terms()], t, fieldEffect(level)))
				}
			}
		}
	}
	if o.hasOnRecords(fieldRule) {
		for _, on := range [2]about{f.about(), everyField} {
			ways = append(ways, o.filtering.heldBy(o.who.ids(), t, on, fieldEffect(level), level, level))
		}
	}
	return filter.AnyOf(ways...)
}

// related is names as an outline has them.
func (f *filtering) related(how string, names filter.List) filter.Names {
	if f.outline {
		return Related{names, how}
	}
	return names
}

// Groups is the groups that the user is in, in no order.
func (o *Outline) Groups() (names []string) {
	for g := range o.who.inGroups {
		names = append(names, o.names[g])
	}
	return names
}

// Path is the shortest way of memberships from the user to a group; nil if she is not in it.
func (o *Outline) Path(group string) []string {
	if id := o.id(group); id != none && o.who.in(id) && id != o.who.id {
		return o.path(o.who, id)
	}
	return nil
}

// Covered is the records of any type that a scope covers for the user.
func (o *Outline) Covered(scope model.Scope) filter.Expr { return o.filtering.scope(scope) }

// Anyway is what a condition of a set is of an action of the user's, whatever there is
// to know of records and attributes, and with ever, whatever the instant that the condition sees;
// Unknown, if it depends on these.
func (o *Outline) Anyway(conditions *condition.Set, name, action string, ever bool) condition.Truth {
	req := &model.Request{Tenant: o.Tenant, User: o.filtering.req.User, Action: action, At: o.at}
	in := o.input(req, nil)
	if ever {
		in.At = time.Time{}
	}
	return conditions.Anyway(name, in)
}

// Answers is all that the policy answers to a call of a condition about records of any
// type, in words that are the same for the same answers.
func (o *Outline) Answers(c condition.Call) string {
	about := &facts{o.question, o.filtering.req}
	switch {
	case c.Function == "own":
		return listed(o.filtering.owner())
	case c.Function == "member" && c.Args == nil:
		return strings.Join(slices.Sorted(slices.Values(o.Groups())), ",")
	case c.Args == nil: // known only when it is asked
		return fmt.Sprintf("%p", o.Snapshot)
	case c.Function == "member":
		return fmt.Sprint(about.Member(c.Args[0]))
	case c.Function == "holds":
		return fmt.Sprint(about.Holds(c.Args[0], c.Args[1]))
	case c.Function == "ownerIn":
		return listed(sets{&o.filtering, nil}.OwnerIn(c.Args[0]))
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(o.schema.types)) {
		all = append(all, name, listed(sets{&o.filtering, o.schema.types[name]}.TeamRole(c.Args[0])))
	}
	return strings.Join(all, ",")
}

// listed is the names of an expression, sorted.
func listed(x filter.Expr) string {
	var names filter.Names = filter.List(nil)
	switch x := x.(type) {
	case filter.OwnerIn:
		names = x.Names
	case filter.IDIn:
		names = x.Names
	}
	return strings.Join(slices.Compact(slices.Sorted(names.All())), ",")
}
