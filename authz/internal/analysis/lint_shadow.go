package analysis

import (
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// place is what a rule is on and for whom, but for its action, field or level.
type place struct {
	section   model.Section
	subject   string
	typ, id   string
	condition string
}

// placeOf is the place of a rule; not ok of other facts.
func placeOf(f model.Fact) (place, bool) {
	switch f := f.(type) {
	case model.CustomerRule:
		return place{f.Section(), f.Subject, f.On.Type, f.On.ID, f.If}, true
	case model.TeamRule:
		return place{f.Section(), f.Subject, f.On.Type, f.On.ID, f.If}, true
	case model.FieldRule:
		return place{f.Section(), f.Subject, f.On.Type, f.On.ID, f.If}, true
	}
	return place{}, false
}

// shadowed tells whether another rule decides all that a rule would.
func (l *linter) shadowed(i int, f model.Fact) (Finding, bool) {
	p, ok := placeOf(f)
	if !ok {
		return Finding{}, false
	}
	for j := range l.candidates(p) {
		other := l.facts[j]
		if i == j || l.gone[j] || !includes(periodOf(other), periodOf(f)) || l.mayBeOff(other) {
			continue
		}
		switch how := l.shadows(other, f); {
		case how == notAtAll:
		case how == forbids:
			return Finding{Kind: Shadowed, Severity: Warning, Fact: f, Other: other, Says: "another rule forbids all that it allows", Do: "Revoke one of the two"}, true
		case l.shadows(f, other) == saysSo && periodOf(f) == periodOf(other):
			return duplicate(f, other), true
		default:
			return Finding{Kind: Shadowed, Severity: Note, Fact: f, Other: other, Says: "another rule says all that it says, and more", Do: "Revoke it, or narrow the other one"}, true
		}
	}
	return Finding{}, false
}

// candidates yields the rules that may shadow one at a place: those for the same people or
// more, on the same records or more.
func (l *linter) candidates(p place) func(func(int) bool) {
	return func(yield func(int) bool) {
		subjects := append(l.groups.always.from(p.subject), model.Everyone)
		if p.subject == model.Everyone {
			subjects = subjects[:1]
		}
		for _, subject := range subjects {
			if subject != p.subject && subject != model.Everyone && l.switched[subject] {
				continue
			}
			for _, typ := range unique(p.typ, model.Any) {
				for _, id := range unique(p.id, "") {
					for _, condition := range unique(p.condition, "") {
						for _, j := range l.places[place{p.section, subject, typ, id, condition}] {
							if !yield(j) {
								return
							}
						}
					}
				}
			}
		}
	}
}

func unique(a, b string) []string { return slices.Compact([]string{a, b}) }

// shadowing is how a rule makes another one useless.
type shadowing uint8

const (
	notAtAll shadowing = iota
	saysSo             // it says what the other one says
	forbids            // it forbids what the other one allows
)

// shadows tells whether a rule makes another one of its section useless while both are in force.
func (l *linter) shadows(by, f model.Fact) shadowing {
	at, _ := placeOf(by)
	of, _ := placeOf(f)
	if at.condition != "" && at.condition != of.condition || at.id != "" && at.id != of.id || at.typ != model.Any && at.typ != of.typ ||
		at.subject != model.Everyone && !slices.Contains(l.groups.always.from(of.subject), at.subject) {
		return notAtAll
	}
	switch f := f.(type) {
	case model.CustomerRule:
		return l.shadowsCustomer(by.(model.CustomerRule), f) //nolint:forcetypeassert // of the same section
	case model.TeamRule:
		return l.shadowsTeam(by.(model.TeamRule), f) //nolint:forcetypeassert // of the same section
	case model.FieldRule:
		return l.shadowsField(by.(model.FieldRule), f) //nolint:forcetypeassert // of the same section
	}
	return notAtAll
}

func (l *linter) shadowsCustomer(by, f model.CustomerRule) shadowing {
	if by.Action != model.Any && by.Action != f.Action {
		return notAtAll
	}
	everything := by.On.Unit == "" && (by.Scope == model.ScopeAll || by.Effect == model.Deny && by.Scope == model.ScopeLevel || by.On.ID != "")
	switch {
	case by.Effect == model.Deny && f.Effect == model.Allow:
		if everything {
			return forbids
		}
	case by.Effect == f.Effect && l.unitIncludes(by.On.Unit, f.On.Unit) && (everything || f.On.ID == by.On.ID && l.scopeIncludes(by, f)):
		return saysSo
	}
	return notAtAll
}

// scopeIncludes tells whether a rule covers, or reaches, all that another one does with the same effect.
func (l *linter) scopeIncludes(by, f model.CustomerRule) bool {
	switch {
	case by.Scope == f.Scope:
		return true
	case by.Effect == model.Deny && by.Scope == model.ScopeLevel || by.Scope == model.ScopeAll:
		return true
	case by.Effect == model.Deny && f.Scope == model.ScopeLevel:
		return false
	case f.Scope == model.ScopeLevel: // what suffices without a scope suffices with one
		return true
	case f.Scope == model.ScopeUnit && by.Scope == model.ScopeUnitTree:
		return true
	}
	// An owner has every level, unless that is the parent's.
	return f.Effect == model.Allow && f.Scope == model.ScopeOwn && f.On.Type != model.Any && !l.schema.Types[f.On.Type].Parent.Controlled
}

// unitIncludes tells whether the records of a unit and below are among those of another.
func (l *linter) unitIncludes(tree, unit string) bool {
	return tree == "" || unit != "" && slices.Contains(l.groups.within.from(unit), tree)
}

func (l *linter) shadowsTeam(by, f model.TeamRule) shadowing {
	// For superiors, and for conditions, it matters that the rule is on the one record.
	alone := f.On.ID != "" && (f.As != "" || l.schema.Types[f.On.Type].Hierarchy.Holders)
	if by.Level < f.Level || !l.unitIncludes(by.On.Unit, f.On.Unit) || f.As != "" && (by.As != f.As || by.If != f.If) ||
		alone && (by.On.ID != f.On.ID || by.Subject == model.Everyone) {
		return notAtAll
	}
	return saysSo
}

func (l *linter) shadowsField(by, f model.FieldRule) shadowing {
	if by.On.Field != model.Any && by.On.Field != f.On.Field {
		return notAtAll
	}
	switch {
	case by.Effect == model.Allow && f.Effect == model.Allow && by.Level >= f.Level,
		by.Effect == model.Deny && f.Effect == model.Deny && by.Level <= f.Level:
		return saysSo
	case by.Effect == model.Deny && f.Effect == model.Allow && l.leaves(f, by.Level-1):
		return forbids
	}
	return notAtAll
}

// leaves tells whether a limit leaves nothing of what a rule gives beyond the default of its fields.
func (l *linter) leaves(f model.FieldRule, limit model.FieldLevel) bool {
	for name, field := range l.schema.Types[f.On.Type].Fields {
		if (f.On.Field == model.Any || f.On.Field == name) && field.Default < limit {
			return false
		}
	}
	return true
}
