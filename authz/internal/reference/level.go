package reference

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// isIn tells whether the group is one of the subject's. Casbin says of any
// name that it is linked to itself.
func (r *Reference) isIn(subject, group string) bool {
	ok, _ := r.groups.HasLink(subject, group, r.tenant) // the default role manager returns no error
	return ok && subject != group
}

// below tells whether a unit is another one or below it.
func (r *Reference) below(unit, above string) bool {
	ok, _ := r.org.HasLink(unit, above, r.tenant) // the default role manager returns no error
	return ok
}

// groupsOf are the subject's groups of a kind.
func (r *Reference) groupsOf(subject string, kind model.SubjectKind) []string {
	var out []string
	for _, g := range r.lines("g") {
		group := g[1]
		if model.KindOf(group) == kind && !slices.Contains(out, group) && r.isIn(subject, group) {
			out = append(out, group)
		}
	}
	return out
}

// owns tells whether the user, or a team of hers, is an owner of the record.
func (r *Reference) owns(user string, rec *model.Record) bool {
	for _, o := range rec.Owners {
		if o == user || model.KindOf(o) == model.Team && r.isIn(user, o) {
			return true
		}
	}
	return false
}

// covers tells whether the scope among the terms covers the record.
func (r *Reference) covers(terms, user string, f *Facts) bool {
	rec := f.Record
	if rec == nil {
		return false
	}
	switch scopeOf(terms) {
	case "own":
		return r.owns(user, rec)
	case "team":
		return r.sharesTeam(user, rec)
	case "unit":
		return rec.Unit != "" && r.isIn(user, rec.Unit)
	case "unit_tree":
		return rec.Unit != "" && slices.ContainsFunc(r.groupsOf(user, model.Unit), func(u string) bool {
			return r.below(rec.Unit, u)
		})
	case "all":
		return true
	}
	return false
}

// sharesTeam tells whether the user is herself a member of a team of an owner's.
func (r *Reference) sharesTeam(user string, rec *model.Record) bool {
	for _, o := range rec.Owners {
		teams := r.groupsOf(o, model.Team)
		if model.KindOf(o) == model.Team {
			teams = append(teams, o)
		}
		for _, g := range r.lines("g") {
			if g[0] == user && slices.Contains(teams, g[1]) {
				return true
			}
		}
	}
	return false
}

// level is the user's level of the record.
func (r *Reference) level(user, action string, f *Facts) (model.Level, error) {
	a := f.of(user, action)
	if a.level == nil {
		l, err := r.workOutLevel(user, action, f)
		if err != nil {
			return model.LevelNone, err
		}
		a.level = &l
	}
	return *a.level, nil
}

func (r *Reference) workOutLevel(user, action string, f *Facts) (model.Level, error) {
	typ := r.schema.Types[f.Record.Type]
	parent, err := r.parentLevel(user, action, f)
	if err != nil || typ.Parent.Controlled {
		return parent, err
	}
	if r.owns(user, f.Record) {
		return model.LevelFull, nil
	}
	team, err := r.teamLevel(user, action, f)
	if err != nil {
		return model.LevelNone, err
	}
	return max(team, min(parent, typ.Parent.Cap), r.hierarchyLevel(user, action, f)), nil
}

// parentLevel is the user's level of the record's parent.
func (r *Reference) parentLevel(user, action string, f *Facts) (model.Level, error) {
	of, parent := r.schema.Types[f.Record.Type].Parent.Type, f.Record.Parent
	if of == "" || parent == nil || parent.Type != of {
		return model.LevelNone, nil
	}
	return r.level(user, action, f.parent())
}

// teamLevel is the highest level of which Casbin says that the team rules give
// the user at least it.
func (r *Reference) teamLevel(user, action string, f *Facts) (model.Level, error) {
	for l := model.LevelFull; l > model.LevelNone; l-- {
		ok, err := r.enforcer.Enforce(levelQuestion, user, r.tenant, action, l.String(), f)
		if err != nil {
			return model.LevelNone, err
		}
		if ok {
			return l, nil
		}
	}
	return model.LevelNone, nil
}

// hierarchyLevel is the most that the user has as the superior of somebody.
func (r *Reference) hierarchyLevel(user, action string, f *Facts) model.Level {
	h := r.schema.Types[f.Record.Type].Hierarchy
	best := model.LevelNone
	for _, x := range r.people(f.Record) {
		d, ok := r.distance(h.By, x, user)
		if !ok {
			continue
		}
		most := h.Level
		if h.Depth > 0 && d > h.Depth {
			most = h.Beyond
		}
		best = max(best, min(most, r.levelBelow(x, user, action, f)))
	}
	return best
}

// levelBelow is what a superior of x may have a part of: x's level as an owner
// and, if the type counts holders, by a team rule on the one record.
func (r *Reference) levelBelow(x, user, action string, f *Facts) model.Level {
	if r.owns(x, f.Record) {
		return model.LevelFull
	}
	best := model.LevelNone
	if !r.schema.Types[f.Record.Type].Hierarchy.Holders {
		return best
	}
	for _, t := range r.lines("p2") {
		subject, target, level, terms := t[0], t[2], t[3], t[5]
		holder := subject == x || r.isIn(x, subject)
		if target == itself(f) && holder && r.holds("allow", terms, user, action, f) {
			l, _ := model.ParseLevel(level) // decoded when it was loaded
			best = max(best, l)
		}
	}
	return best
}

// people are all users whom the policy or the record names.
func (r *Reference) people(rec *model.Record) []string {
	var out []string
	add := func(name string) {
		if model.KindOf(name) == model.User && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, o := range rec.Owners {
		add(o)
	}
	for _, section := range []string{"g", "g2", "p2"} {
		for _, l := range r.lines(section) {
			add(l[0])
		}
	}
	return out
}

// distance is how far x is below the user: the shortest way by reporting line,
// or from any unit of x's to another of the user's.
func (r *Reference) distance(by model.HierarchyKind, x, user string) (int, bool) {
	switch by {
	case model.ByLine:
		d := r.edges(x, user)
		return d, d > 0
	case model.ByUnits:
		best := 0
		for _, low := range r.groupsOf(x, model.Unit) {
			for _, high := range r.groupsOf(user, model.Unit) {
				if d := r.edges(low, high); d > 0 && (best == 0 || d < best) {
					best = d
				}
			}
		}
		return best, best > 0
	}
	return 0, false
}

// edges is how many org edges the shortest way from one to the other has, 0 if
// they are the same or there is no way of at most MaxDepth.
func (r *Reference) edges(low, high string) int {
	if low == high {
		return 0
	}
	reached := map[string]bool{low: true}
	for d := 1; d <= model.MaxDepth; d++ {
		next := map[string]bool{}
		for _, e := range r.lines("g2") {
			if reached[e[0]] {
				next[e[1]] = true
			}
		}
		if next[high] {
			return d
		}
		reached = next
	}
	return 0
}
