package analysis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/duty"
	"github.com/crmauthz/crmauthz/model"
)

// Finding is something in a policy that does nothing, says the same twice, or gives very much.
type Finding struct {
	Kind     FindingKind
	Severity Severity
	Fact     model.Fact // that it is about; nil if it is about a name only
	Other    model.Fact // by which it is shadowed, or whose duplicate it is; may be nil
	Name     string     // of a group or condition, if it is about one
	Says     string     // what is so, in a sentence
	Do       string     // what to do about it
}

// FindingKind is what a finding is.
type FindingKind string

// The kinds of findings.
const (
	Unreachable FindingKind = "unreachable" // the rule is for nobody, or on nothing
	Shadowed    FindingKind = "shadowed"    // others decide, whether it is there or not
	Duplicate   FindingKind = "duplicate"   // another fact says the same
	Cyclic      FindingKind = "cyclic"      // groups, units or people that are in, or below, themselves
	TooDeep     FindingKind = "too deep"    // some memberships or org edges of a chain are not followed
	Expired     FindingKind = "expired"     // it will not be in force again
	Broad       FindingKind = "broad"       // it gives very much to very many
	Unused      FindingKind = "unused"      // a role or condition of which nothing hangs
	Dangling    FindingKind = "dangling"    // a switch of what there is not
	Together    FindingKind = "together"    // somebody is in groups that exclude each other
)

// Severity is how much a finding matters.
type Severity uint8

// The severities, in order.
const (
	Note    Severity = iota // worth knowing
	Warning                 // probably not meant so
	Problem                 // the policy does not do what it says
)

func (s Severity) String() string { return [...]string{"note", "warning", "problem"}[min(s, Problem)] }

// MarshalText writes note, warning or problem.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the finding in two sentences.
func (f Finding) String() string {
	about := f.Name
	if f.Fact != nil {
		about = f.Fact.String()
	}
	return fmt.Sprintf("%s: %s: %s: %s. %s.", f.Severity, f.Kind, about, f.Says, f.Do)
}

// MarshalJSON writes facts as their lines.
func (f Finding) MarshalJSON() ([]byte, error) {
	line := func(f model.Fact) string {
		if f == nil {
			return ""
		}
		return f.String()
	}
	return json.Marshal(struct {
		Kind     FindingKind `json:"kind"`
		Severity Severity    `json:"severity"`
		Fact     string      `json:"fact,omitempty"`
		Other    string      `json:"other,omitempty"`
		Name     string      `json:"name,omitempty"`
		Says     string      `json:"says"`
		Do       string      `json:"do"`
	}{f.Kind, f.Severity, line(f.Fact), line(f.Other), f.Name, f.Says, f.Do})
}

// Lint looks through a policy for what does nothing, says the same twice or gives very
// much. What it calls unreachable, shadowed, duplicate or expired can be taken away
// without any answer changing, now or later; there may be more of which that is true. Rules of the base policy
// are only looked at as far as they concern the tenant's own facts.
//
// The findings come in order: the gravest first. The error is a *model.ValueError of a policy that is
// not well formed.
func Lint(p Policy, o Options) ([]Finding, error) {
	c, err := compile(p)
	if err != nil {
		return nil, err
	}
	return c.lint(o.at()), nil
}

func (c *compiled) lint(at time.Time) []Finding {
	l := newLinter(c, at)
	for i, f := range l.facts {
		if f.TenantID() == model.Base {
			continue
		}
		if found, ok := l.useless(i, f); ok {
			l.findings = append(l.findings, found)
			l.gone[i] = true
			continue
		}
		l.broad(f)
		l.switches(f)
	}
	l.cycles()
	l.unused()
	l.duties()
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.line(), b.line()), cmp.Compare(a.Name, b.Name))
	})
	return l.findings
}

func (f Finding) line() string {
	if f.Fact == nil {
		return ""
	}
	return f.Fact.String()
}

// linter is a look through a policy.
type linter struct {
	*compiled
	at       time.Time
	facts    []model.Fact // of the tenant and the base policy, sorted
	gone     map[int]bool // facts that were found to be of no use: they shadow nothing
	groups   *groups
	places   map[place][]int // rules by what they are on, for whom
	edges    map[[2]string][]int
	switched map[string]bool // targets of switches
	findings []Finding
}

func newLinter(c *compiled, at time.Time) *linter {
	l := &linter{compiled: c, at: at, facts: sortedFacts(c.ownFacts()), gone: map[int]bool{}, places: map[place][]int{},
		edges: map[[2]string][]int{}, switched: map[string]bool{}}
	for i, f := range l.facts {
		switch f := f.(type) {
		case model.Switch:
			l.switched[f.Target] = true
		case model.Membership:
			l.edges[[2]string{f.Member, f.Group}] = append(l.edges[[2]string{f.Member, f.Group}], i)
		default:
			if p, ok := placeOf(f); ok {
				l.places[p] = append(l.places[p], i)
			}
		}
	}
	l.groups = newGroups(l)
	return l
}

// sortedFacts is facts in the order of their lines; those of the base policy first, so that of
// two that say the same the tenant's is the one to go.
func sortedFacts(facts []model.Fact) []model.Fact {
	type keyed struct {
		own  bool
		line string
		model.Fact
	}
	all := make([]keyed, len(facts))
	for i, f := range facts {
		all[i] = keyed{f.TenantID() != model.Base, f.String(), f}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		if a.own != b.own {
			return map[bool]int{true: 1, false: -1}[a.own]
		}
		return cmp.Compare(a.line, b.line)
	})
	sorted := make([]model.Fact, len(all))
	for i, k := range all {
		sorted[i] = k.Fact
	}
	return sorted
}

// useless tells whether a fact can be taken away, and why.
func (l *linter) useless(i int, f model.Fact) (Finding, bool) {
	if i > 0 && l.facts[i-1] == f {
		return duplicate(f, f), true
	}
	if low, high := ends(f); l.snapshot.Opens() && (model.KindOf(low) == model.User || model.KindOf(high) == model.User || f.Section() == model.Switches) {
		return Finding{}, false // that there is a fact of her lets her in when the tenant is open
	}
	if until := periodOf(f).Until; !until.IsZero() && !until.After(l.at) {
		return Finding{Kind: Expired, Severity: Note, Fact: f, Says: "it ended at " + until.Format(time.RFC3339), Do: "Revoke it"}, true
	}
	if found, ok := l.unreachable(f); ok {
		return found, true
	}
	if m, ok := f.(model.Membership); ok {
		return l.secondMembership(i, m)
	}
	return l.shadowed(i, f)
}

// unreachable tells whether a rule is for nobody, or gives nothing.
func (l *linter) unreachable(f model.Fact) (Finding, bool) {
	p, ok := placeOf(f)
	if !ok {
		return Finding{}, false
	}
	found := Finding{Kind: Unreachable, Severity: Warning, Fact: f, Name: p.subject}
	if k := model.KindOf(p.subject); p.subject != model.Everyone && k != model.User && !l.groups.peopled[p.subject] {
		found.Says, found.Do = "nobody is in "+p.subject, "Put people into "+p.subject+", correct its name, or revoke the rule"
		return found, true
	}
	switch f := f.(type) {
	case model.TeamRule:
		if l.schema.Types[f.On.Type].Parent.Controlled && f.As == "" {
			found.Says = "records of type " + f.On.Type + " are controlled by their parent, so that levels on them do not count"
			found.Do = "Give the level on the parent instead"
			return found, true
		}
	case model.FieldRule:
		if f.Effect == model.Allow && l.openAnyway(f) {
			found.Kind, found.Says = Shadowed, "everyone has the level "+f.Level.String()+" of the field by default, or more"
			found.Do = "Revoke it, or close the field in the schema"
			return found, true
		}
	}
	return Finding{}, false
}

// openAnyway tells whether the schema gives what an allowing field rule gives.
func (l *linter) openAnyway(f model.FieldRule) bool {
	for name, field := range l.schema.Types[f.On.Type].Fields {
		if (f.On.Field == model.Any || f.On.Field == name) && field.Default < f.Level {
			return false
		}
	}
	return true
}

// broad notes rules that give much to all.
func (l *linter) broad(f model.Fact) {
	found := Finding{Kind: Broad, Fact: f}
	switch f := f.(type) {
	case model.CustomerRule:
		if f.Effect == model.Allow && l.writes(f.On.Type, f.Action) {
			l.broadCustomer(found, f)
		}
	case model.TeamRule:
		if f.Subject == model.Everyone && f.Level >= model.LevelWrite && f.If == "" {
			l.add(found, Warning, "everyone has the level "+f.Level.String()+" of "+f.On.String(), "Give it to a role or team")
		}
	case model.FieldRule:
		if f.Subject == model.Everyone && f.Effect == model.Allow && f.Level == model.FieldWrite && f.If == "" {
			l.add(found, Note, "everyone who may change a "+f.On.Type+" may change "+f.On.String(), "Give it to a role")
		}
	}
}

// broadCustomer is about a rule that lets somebody change something.
func (l *linter) broadCustomer(found Finding, f model.CustomerRule) {
	what, typ := "change", f.On.Type
	if f.Action == model.Any {
		what = "do everything to"
	}
	if typ == model.Any {
		typ = "record"
	}
	all := f.Scope == model.ScopeAll && f.On.Unit == "" && f.If == ""
	if f.On.Type == model.Any && l.schema.Administration != nil && l.administers(f.Action) {
		l.add(found, Warning, f.Subject+" may change the policy, since permissions are among every type", "Name the types")
	}
	switch {
	case f.Subject == model.Everyone && f.On.ID != "":
		l.add(found, Warning, "everyone may "+what+" "+f.On.String(), "Give it to a role")
	case f.Subject == model.Everyone && all:
		l.add(found, Problem, "everyone may "+what+" every "+typ, "Give it to a role, or take the scope all away")
	case f.Subject == model.Everyone:
		l.add(found, Note, "everyone may "+what+" each "+typ+" that the rule covers or the level of which suffices", "Make sure that it is meant for everyone, also for users of customers")
	case all && f.On.Type == model.Any && f.Action == model.Any:
		l.add(found, Warning, f.Subject+" may do everything to everything", "Name the types and actions")
	}
}

// administers tells whether an action on every type is one on permissions.
func (l *linter) administers(action string) bool {
	_, ok := l.schema.Types[model.PermissionType].Actions[action]
	return ok || action == model.Any
}

// duties notes who is in groups that exclude each other.
func (l *linter) duties() {
	members := duty.Of(l.facts, l.at)
	for _, subject := range members.Members() {
		for _, v := range members.Violations(l.schema.Constraints, subject) {
			found := Finding{Kind: Together, Fact: v.Facts[0], Name: subject}
			l.add(found, Problem, "by "+v.String()+", so that nothing is allowed to who is in both", "Revoke one of the memberships")
		}
	}
}

func (l *linter) add(f Finding, s Severity, says, do string) {
	f.Severity, f.Says, f.Do = s, says, do
	l.findings = append(l.findings, f)
}

// writes tells whether an action, or some of all, writes.
func (l *linter) writes(typ, action string) bool {
	for name, t := range l.schema.Types {
		for a, of := range t.Actions {
			if (typ == model.Any || typ == name) && (action == model.Any || action == a) && !of.Reading() {
				return true
			}
		}
	}
	return false
}

// switches notes a switch of what there is not.
func (l *linter) switches(f model.Fact) {
	s, ok := f.(model.Switch)
	found := Finding{Kind: Dangling, Fact: f, Name: s.Target}
	switch {
	case !ok || s.Target == model.Any || l.groups.named[s.Target]:
		l.exceptions(found, s)
	case model.IsRuleID(s.Target):
		l.add(found, Problem, "there is no such rule or membership: perhaps it was changed, and is in force", "Switch off the rule that took its place, or enable this one")
	case model.KindOf(s.Target) == model.UnknownKind:
		if err := l.schema.CheckFact(s); err != nil {
			l.add(found, Problem, "the schema does not know it ("+err.Error()+")", "Correct the name, or enable it")
			return
		}
		l.exceptions(found, s)
	default:
		l.add(found, Warning, "no fact names "+s.Target, "Correct the name, or enable it")
	}
}

// exceptions notes exceptions of people and groups that there are not.
func (l *linter) exceptions(found Finding, s model.Switch) {
	for _, name := range s.Except.Subjects() {
		if !l.groups.named[name] {
			found.Name = name
			l.add(found, Warning, "it excepts "+name+", which no fact names", "Correct the name")
		}
	}
}
