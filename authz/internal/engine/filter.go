package engine

import (
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// maxRepeated is how often a type may be met again among the parents of a filter.
const maxRepeated = 2

// Filter is the records of the request's type to which its user may do its
// action. If it is not complete, it may have others, too.
func (s *Snapshot) Filter(u User, req *model.Request, clock func() time.Time) (x filter.Expr, complete bool, err error) {
	var q question
	if err := s.ask(&q, req, u.subject, clock); err != nil {
		return filter.False, false, err
	}
	most := filtering{question: &q, req: Clone(req), guess: filter.True}
	x = most.decide()
	if !most.guessed {
		return x, true, nil
	}
	// What was guessed may not matter.
	least := filtering{question: &q, req: most.req, guess: filter.False}
	certain := least.decide()
	return x, x == filter.False || x == filter.True && certain == filter.True, nil
}

// filtering is a question about all records of a type at once. Its methods are
// those of the question about one record, with an expression for an answer.
type filtering struct {
	*question
	req     *model.Request
	input   *condition.Input
	path    []*recordType // of parents
	types   map[*recordType]*condition.RecordType
	guess   filter.Truth // of what is not to be expressed: whether it allows
	guessed bool
	outline bool // names tell how they are related; see Outline
	scopes  [model.ScopeAll + 1]filter.Expr
}

// decide is the decision, as in decide.go.
func (f *filtering) decide() filter.Expr {
	off := f.constrained()
	if f.switched {
		off = filter.AnyOf(off, f.recordsOff())
		switch f.gate(f.req) {
		case noReason:
		case model.ReasonOpen:
			return filter.Negate(off)
		default:
			return filter.False
		}
	}
	return filter.AllOf(filter.Negate(off), f.decideByRules())
}

// recordsOff is the records that are switched off for the action.
func (f *filtering) recordsOff() filter.Expr {
	var off []filter.Expr
	for _, name := range [2]string{f.typ.name, model.Any} {
		for i := range f.switches.types[name] {
			if t := &f.switches.types[name][i]; t.unit != "" && f.denies(f.req, t) {
				off = append(off, filter.UnitIn{Names: f.related("in "+t.unit, f.tree(t.unit))})
			}
		}
	}
	var ids filter.List
	for id, toggles := range f.switches.records[f.typ.name] {
		if slices.ContainsFunc(toggles, func(t toggle) bool { return f.denies(f.req, &t) }) {
			ids = append(ids, id)
		}
	}
	if slices.Sort(ids); len(ids) > 0 {
		off = append(off, filter.IDIn{Names: ids})
	}
	return filter.AnyOf(off...)
}

// decideByRules is rules 8 to 10.
func (f *filtering) decideByRules() filter.Expr {
	forbidding, covering, reaching := f.customerRules()
	if forbidding == filter.True {
		return filter.False
	}
	if covering != filter.True && reaching != filter.False {
		covering = filter.AnyOf(covering, filter.AllOf(reaching, f.reaches(f.typ, f.action.need)))
	}
	return filter.AllOf(filter.Negate(forbidding), covering)
}

// customerRules says which records the forbidding rules cover, which the allowing
// ones do, and which of these suffice if the user's level does.
func (f *filtering) customerRules() (forbidding, covering, reaching filter.Expr) {
	var forbids, covers, reaches []filter.Expr
	if f.hasOnRecords(customerRule) {
		for _, on := range [2]about{f.action.about(), everyAction} {
			forbids = append(forbids, f.heldBy(f.who.ids(), f.typ, on, model.Deny, uint8(model.Deny), uint8(model.Deny)))
			covers = append(covers, f.heldBy(f.who.ids(), f.typ, on, model.Allow, uint8(model.Allow), uint8(model.Allow)))
		}
	}
	for s, who := f.Snapshot, f.who; s != nil; s, who = s.base, who.base {
		for _, at := range f.action.cells[:s.cells] {
			c := s.customer.at(at)
			if c == nil {
				continue
			}
			if c.plain[deny]&who.mask != 0 {
				return filter.True, filter.False, filter.False
			}
			covers = append(covers, filter.TruthOf(c.plain[allowAll]&who.mask != 0))
			reaches = append(reaches, filter.TruthOf(c.plain[allowReach]&who.mask != 0))
			for rest, j := s.customer.rest(c), who.next(s.customer.rest(c), 0); j < len(rest); j = who.next(rest, j+1) {
				t := &s.terms[rest[j].terms()]
				if rest[j].level() == uint8(model.Deny) {
					if t.scope == model.ScopeLevel { // covers everything
						forbids = append(forbids, f.guard(s, t, f.typ, model.Deny))
					} else {
						forbids = append(forbids, filter.AllOf(f.guard(s, t, f.typ, model.Deny), f.scope(t.scope)))
					}
					continue
				}
				guard := f.guard(s, t, f.typ, model.Allow)
				covers = append(covers, filter.AllOf(guard, f.scope(t.scope)))
				reaches = append(reaches, guard)
			}
		}
	}
	return filter.AnyOf(forbids...), filter.AnyOf(covers...), filter.AnyOf(reaches...)
}

// guard says of which records a rule with terms holds, its scope aside.
func (f *filtering) guard(s *Snapshot, t *terms, typ *recordType, effect model.Effect) filter.Expr {
	if !f.inForce(s, t) {
		return filter.False
	}
	x := filter.Expr(filter.True)
	if t.unit != "" {
		x = filter.UnitIn{Names: f.related("in "+t.unit, f.tree(t.unit))}
	}
	if t.condition != "" {
		x = filter.AllOf(x, f.conditionHolds(t.condition, typ, effect))
	}
	return x
}

// conditionHolds: rule 6.
func (f *filtering) conditionHolds(name string, typ *recordType, effect model.Effect) filter.Expr {
	if f.input == nil {
		in := f.question.input(f.req, nil)
		f.input = &in
	}
	x, ok := f.schema.conditions.Filter(name, *f.input, f.recordType(typ))
	switch {
	case !ok && effect == model.Allow:
		f.guessed = true
		return f.guess
	case !ok:
		f.guessed = true
		return f.guess.Not()
	case effect == model.Deny:
		return filter.Negate(filter.WhetherTrue(filter.Negate(x)))
	}
	return filter.WhetherTrue(x)
}

// scope says which records a scope covers without the user's level.
func (f *filtering) scope(scope model.Scope) filter.Expr {
	if f.scopes[scope] == nil {
		f.scopes[scope] = f.covered(scope)
	}
	return f.scopes[scope]
}

func (f *filtering) covered(scope model.Scope) filter.Expr {
	switch scope {
	case model.ScopeAll:
		return filter.True
	case model.ScopeOwn:
		return f.owner()
	case model.ScopeTeam:
		return f.sharesTeam()
	case model.ScopeUnit:
		return unitIn(f.related("unit", f.groupNames(model.Unit)))
	case model.ScopeUnitTree:
		return unitIn(f.related("unit_tree", f.tree(f.groupNames(model.Unit)...)))
	}
	return filter.False
}

// groupNames is the user's groups of a kind.
func (f *filtering) groupNames(k model.SubjectKind) (names filter.List) {
	for g := range f.who.inGroups {
		if model.KindOf(f.names[g]) == k {
			names = append(names, f.names[g])
		}
	}
	return names
}

// tree is units and all units below them.
func (f *filtering) tree(units ...string) filter.List {
	names := slices.Clone(units)
	for _, unit := range units {
		for _, below := range f.belowOf(f.id(unit)) {
			if name := f.names[below.id]; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// belowOf is who is below a user or unit.
func (f *filtering) belowOf(id uint32) []above {
	if f.above == nil || id == none {
		return nil
	}
	if below := f.inverse().below; int(id) < len(below) {
		return below[id]
	}
	return nil
}

// owner is the records that the user, or a team of hers, owns.
func (f *filtering) owner() filter.Expr {
	return ownerIn(f.related("own", append(filter.List{f.req.User}, f.groupNames(model.Team)...)))
}

// sharesTeam is the records of whose owners one shares a team with the user.
func (f *filtering) sharesTeam() filter.Expr {
	var names filter.List
	for _, g := range f.who.direct() {
		if model.KindOf(f.names[g]) == model.Team && f.who.in(g) {
			names = append(names, f.names[g])
			for id := range f.groupMembers(g, model.User, model.Team) {
				names = append(names, f.names[id])
			}
		}
	}
	return ownerIn(f.related("team", names))
}

// reaches is the records on which the user's level is at least a level.
func (f *filtering) reaches(t *recordType, level model.Level) filter.Expr {
	if t.Parent.Controlled {
		return f.reachesParent(t, level)
	}
	ways := []filter.Expr{f.owner(), f.teamRules(t, level)}
	if ways[1] == filter.True {
		return filter.True
	}
	ways = append(ways, f.superior(t, level)...)
	switch {
	case t.Parent.Cap < level:
	case t.parent == t:
		return filter.InChain{Type: t.name, X: filter.AnyOf(ways...)}
	default:
		ways = append(ways, f.reachesParent(t, level))
	}
	return filter.AnyOf(ways...)
}

// reachesParent is the records on whose parent the user's level is at least a level.
func (f *filtering) reachesParent(t *recordType, level model.Level) filter.Expr {
	if t.parent == nil || t.parent == t { // controlled by itself, with nothing at the end
		return filter.False
	}
	repeated := 0
	for _, above := range f.path {
		if above == t.parent {
			repeated++
		}
	}
	x := filter.Expr(f.guess)
	if repeated < maxRepeated {
		f.path = append(f.path, t.parent)
		x = f.reaches(t.parent, level)
		f.path = f.path[:len(f.path)-1]
	} else {
		f.guessed = true
	}
	if x == filter.False {
		return filter.False
	}
	return filter.WhetherTrue(filter.OfParent{Type: t.parent.name, X: x})
}

// teamRules is the records on which team rules give the user at least a level.
func (f *filtering) teamRules(t *recordType, level model.Level) filter.Expr {
	var ways []filter.Expr
	if f.hasOnRecords(teamRule) {
		ways = append(ways, f.heldBy(f.who.ids(), t, aboutTeam, model.Allow, uint8(level), uint8(model.LevelFull)))
	}
	for _, index := range [2]uint32{t.index, 0} {
		c := f.team.at(index)
		if c == nil {
			continue
		}
		for l := level; l <= model.LevelFull; l++ {
			if c.plain[l]&f.who.mask != 0 {
				return filter.True
			}
		}
		for rest, j := f.team.rest(c), f.who.next(f.team.rest(c), 0); j < len(rest); j = f.who.next(rest, j+1) {
			if rest[j].level() >= uint8(level) {
				ways = append(ways, f.guard(f.Snapshot, &f.terms[rest[j].terms()], t, model.Allow))
			}
		}
	}
	return filter.AnyOf(ways...)
}

// heldBy is the records on which rules of an effect and some levels name one of the subjects.
func (f *filtering) heldBy(subjects []uint32, t *recordType, on about, effect model.Effect, least, most uint8) filter.Expr {
	plain := &heldIDs{inverse: f.inverse()}
	named := map[uint32]filter.List{} // by terms
	var terms []uint32                // in the order in which they are met
	for _, id := range subjects {
		for class := least; class <= most; class++ {
			plain.add(f.inverse().heldBy(id, t, on, class))
		}
		for record, r := range f.heldRules(f.inverse().heldBy(id, t, on, termed)) {
			if r.level() < least || r.level() > most {
				continue
			}
			if named[r.terms()] == nil {
				terms = append(terms, r.terms())
			}
			named[r.terms()] = append(named[r.terms()], record)
		}
	}
	ways := []filter.Expr{filter.False}
	if plain.Len() > 0 {
		ways[0] = filter.IDIn{Names: plain}
	}
	var always filter.List // those whose terms hold of every record
	for _, n := range terms {
		switch guard := f.guard(f.Snapshot, &f.terms[n], t, effect); guard {
		case filter.True:
			always = append(always, named[n]...)
		default:
			ways = append(ways, filter.AllOf(filter.IDIn{Names: named[n]}, guard))
		}
	}
	if len(always) > 0 {
		ways = append(ways, filter.IDIn{Names: always})
	}
	return filter.AnyOf(ways...)
}

// superior is the records of which the hierarchy gives the user at least a level:
// by their owners, and by who holds a level of them.
func (f *filtering) superior(t *recordType, level model.Level) []filter.Expr {
	if f.above == nil || t.Hierarchy.By == model.HierarchyOff || t.Hierarchy.Level < level && t.Hierarchy.Beyond < level {
		return nil
	}
	people := f.peopleBelow(t, level)
	groups := f.groupsBelow(people, t, level)
	var owners filter.List
	for _, id := range slices.Concat(people, groups) {
		if k := model.KindOf(f.names[id]); k == model.User || k == model.Team {
			owners = append(owners, f.names[id])
		}
	}
	ways := []filter.Expr{ownerIn(f.related("below", owners))}
	if t.Hierarchy.Holders && f.hasOnRecords(teamRule) {
		ways = append(ways, f.heldBy(slices.Concat(people, groups), t, aboutTeam, model.Allow, uint8(level), uint8(model.LevelFull)))
	}
	return ways
}

// peopleBelow is the users below the user, so that she gets at least the level.
func (f *filtering) peopleBelow(t *recordType, level model.Level) (people []uint32) {
	seen := map[uint32]bool{}
	consider := func(id uint32) {
		if !seen[id] && model.KindOf(f.names[id]) == model.User {
			if seen[id] = true; f.gets(id, t, level) {
				people = append(people, id)
			}
		}
	}
	if t.Hierarchy.By == model.ByLine {
		for _, below := range f.belowOf(f.who.id) {
			consider(below.id)
		}
		return people
	}
	for _, unit := range f.who.ids() {
		for _, below := range f.belowOf(unit) {
			for _, id := range f.inverse().members.get(below.id) {
				consider(id)
			}
		}
	}
	return people
}

// groupsBelow is the groups that somebody of these people is in, so that their
// superior gets at least the level of what the group owns or holds.
func (f *filtering) groupsBelow(people []uint32, t *recordType, level model.Level) (groups []uint32) {
	seen := map[uint32]bool{}
	for _, id := range people {
		for g := range f.byID(id).inGroups {
			if !seen[g] {
				if seen[g] = true; f.isAbove(g, t, level) {
					groups = append(groups, g)
				}
			}
		}
	}
	return groups
}

func ownerIn(names filter.Names) filter.Expr {
	if names.Len() == 0 {
		return filter.False
	}
	return filter.OwnerIn{Names: names}
}

func unitIn(names filter.Names) filter.Expr {
	if names.Len() == 0 {
		return filter.False
	}
	return filter.UnitIn{Names: names}
}

// recordType is a type as conditions need it.
func (f *filtering) recordType(t *recordType) *condition.RecordType {
	if r, ok := f.types[t]; ok {
		return r
	}
	r := &condition.RecordType{Name: t.name, Attributes: t.Attributes, Sets: sets{f, t}}
	put(&f.types, t, r)
	if t.parent != nil {
		r.Parent = f.recordType(t.parent)
	}
	return r
}

// sets answers the functions of conditions about a record of a type, as facts does.
type sets struct {
	*filtering
	typ *recordType
}

// Groups are all groups that the user is a member of.
func (s sets) Groups() (names []string) {
	for _, id := range s.who.ids() {
		if id != s.who.id {
			names = append(names, s.names[id])
		}
	}
	return names
}

// OwnerIn is the records of which some owner is the group, or is in it.
func (s sets) OwnerIn(group string) filter.Expr {
	names := filter.List{group}
	if id := s.id(group); id != none {
		for owner := range s.groupMembers(id, model.User, model.Team) {
			names = append(names, s.names[owner])
		}
	}
	return ownerIn(names)
}

// TeamRole is the records on which the user holds a team rule with the role, without a
// condition.
func (s sets) TeamRole(as string) filter.Expr {
	if !s.hasOnRecords(teamRule) {
		return filter.False
	}
	var ids filter.List
	for _, id := range s.who.ids() {
		for class := uint8(0); class <= termed; class++ {
			for record, r := range s.heldRules(s.inverse().heldBy(id, s.typ, aboutTeam, class)) {
				if t := &s.terms[r.terms()]; t.as == as && t.condition == "" && s.inForce(s.Snapshot, t) {
					ids = append(ids, record)
				}
			}
		}
	}
	if len(ids) == 0 {
		return filter.False
	}
	return filter.IDIn{Names: ids}
}

// Own is the records that the user, or a team of hers, owns.
func (s sets) Own() filter.Expr { return s.owner() }
