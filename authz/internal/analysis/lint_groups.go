package analysis

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// groups is which groups there are, and what is in them.
type groups struct {
	up      map[string][]string // memberships that are not over
	below   map[string][]string // org edges: from below to above
	always  reaching            // memberships that nothing takes away for a time
	within  reaching            // the org edges
	peopled map[string]bool     // groups in which some user is, or will be
	named   map[string]bool     // all subjects that a fact other than a switch names, and all ids of rules
}

func newGroups(l *linter) *groups {
	g := &groups{up: map[string][]string{}, always: reaching{}, below: map[string][]string{}, peopled: map[string]bool{}, named: map[string]bool{}}
	ids := slices.ContainsFunc(l.facts, func(f model.Fact) bool { s, ok := f.(model.Switch); return ok && model.IsRuleID(s.Target) })
	for _, f := range l.facts {
		low, high := ends(f)
		if f.Section() != model.Switches {
			g.named[low], g.named[high] = true, true
			if ids {
				g.named[model.RuleID(f)] = true
			}
		}
		switch f := f.(type) {
		case model.Membership:
			if !f.Valid.Until.IsZero() && !f.Valid.Until.After(l.at) {
				continue
			}
			g.up[low] = append(g.up[low], high)
			if f.Valid.Always() && !l.switched[low] && !l.switched[high] && !(ids && l.switched[model.RuleID(f)]) {
				g.always[low] = append(g.always[low], high)
			}
		case model.OrgEdge:
			g.below[low] = append(g.below[low], high)
		}
	}
	if !plain(g.up) {
		g.always = reaching{}
	}
	if plain(g.below) {
		g.within = g.below
	}
	for name := range g.up {
		if model.KindOf(name) == model.User {
			g.fill(name)
		}
	}
	return g
}

// fill notes that there are people in all groups above somebody.
func (g *groups) fill(name string) {
	for _, up := range g.up[name] {
		if !g.peopled[up] {
			g.peopled[up] = true
			g.fill(up)
		}
	}
}

// reaching is edges by which somebody is sure to have what others have: none of
// them, if there are cycles, or chains so long that the last ones do not count.
type reaching map[string][]string

// from is a name and all that edges lead to from it.
func (r reaching) from(name string) []string {
	found := []string{name}
	for i := 0; i < len(found); i++ {
		for _, up := range r[found[i]] {
			if !slices.Contains(found, up) {
				found = append(found, up)
			}
		}
	}
	return found
}

// secondMembership tells whether a membership is given by another one, too.
func (l *linter) secondMembership(i int, m model.Membership) (Finding, bool) {
	for _, j := range l.edges[[2]string{m.Member, m.Group}] {
		other, _ := l.facts[j].(model.Membership)
		if i == j || l.gone[j] || !includes(other.Valid, m.Valid) || l.mayBeOff(other) {
			continue
		}
		if other.Valid == m.Valid {
			return duplicate(m, other), true
		}
		return Finding{Kind: Shadowed, Severity: Note, Fact: m, Other: other, Says: "another membership holds whenever it does", Do: "Revoke it"}, true
	}
	return Finding{}, false
}

func duplicate(f, other model.Fact) Finding {
	says, do := "another fact says the same", "Revoke one of the two"
	if other.TenantID() == model.Base {
		says, do = "the base policy says the same", "Revoke it, unless the base policy is to change"
	}
	return Finding{Kind: Duplicate, Severity: Warning, Fact: f, Other: other, Says: says, Do: do}
}

// mayBeOff tells whether a fact is switched off at some time.
func (l *linter) mayBeOff(f model.Fact) bool {
	return len(l.switched) > 0 && l.switched[model.RuleID(f)]
}

// includes tells whether a period has all of another.
func includes(p, other model.Period) bool {
	return (p.From.IsZero() || !other.From.IsZero() && !p.From.After(other.From)) &&
		(p.Until.IsZero() || !other.Until.IsZero() && !p.Until.Before(other.Until))
}

// cycles notes groups that are in themselves, units and people below themselves, and chains
// that are followed in part only.
func (l *linter) cycles() {
	for _, graph := range []struct {
		edges map[string][]string
		what  string
		do    string
	}{
		{l.groups.up, "is in itself", "Take one of these memberships away"},
		{l.groups.below, "is below itself", "Take one of these org edges away"},
	} {
		d := depths{edges: graph.edges, of: map[string]int{}}
		for _, name := range sortedKeys(graph.edges) {
			d.measure(name)
		}
		for _, cycle := range d.cycles {
			l.findings = append(l.findings, Finding{Kind: Cyclic, Severity: Problem, Name: cycle[0],
				Says: "it " + graph.what + ": " + strings.Join(cycle, " → "), Do: graph.do})
		}
		for _, name := range sortedKeys(graph.edges) {
			if d.of[name] == model.MaxDepth+1 { // those from which it goes on are deeper still
				l.findings = append(l.findings, Finding{Kind: TooDeep, Severity: Problem, Name: name,
					Says: "more than 64 lead up from it in a row, of which the last ones do not count", Do: "Make the chain shorter"})
			}
		}
	}
}

// depths is how many edges lead up from names, at most.
type depths struct {
	edges  map[string][]string
	of     map[string]int
	path   []string // that is being measured
	cycles [][]string
}

// plain tells whether there is neither a cycle nor a chain of which the last ones do not count.
func plain(edges map[string][]string) bool {
	d := depths{edges: edges, of: map[string]int{}}
	for name := range edges {
		if d.measure(name) > model.MaxDepth {
			return false
		}
	}
	return len(d.cycles) == 0
}

func (d *depths) measure(name string) int {
	if n, known := d.of[name]; known {
		return n
	}
	if i := slices.Index(d.path, name); i >= 0 {
		d.cycles = append(d.cycles, append(slices.Clone(d.path[i:]), name))
		return 0
	}
	d.path = append(d.path, name)
	n := 0
	for _, up := range d.edges[name] {
		n = max(n, d.measure(up)+1)
	}
	d.path = d.path[:len(d.path)-1]
	d.of[name] = n
	return n
}

// unused notes roles of which nothing hangs, and conditions that no rule names.
func (l *linter) unused() {
	used, conditions := map[string]bool{}, map[string]bool{}
	for _, f := range l.facts {
		if p, ok := placeOf(f); ok {
			used[p.subject], conditions[p.condition] = true, true
		}
	}
	for name := range l.schema.Conditions {
		for _, call := range l.conditions.Calls(name) {
			if call.Function != "member" && call.Function != "ownerIn" {
				continue
			}
			if call.Args == nil {
				return // any may be
			}
			used[call.Args[0]] = true
		}
	}
	for _, role := range sortedKeys(l.groups.peopled) {
		if model.KindOf(role) == model.Role && !slices.ContainsFunc(reaching(l.groups.up).from(role), func(g string) bool { return used[g] }) {
			l.findings = append(l.findings, Finding{Kind: Unused, Severity: Note, Name: role,
				Says: "people are in it, but no rule or condition names it, or a role that it is in", Do: "Give it rules, or take its memberships away"})
		}
	}
	for _, name := range sortedKeys(l.schema.Conditions) {
		if !conditions[name] {
			l.findings = append(l.findings, Finding{Kind: Unused, Severity: Note, Name: attrOf(name),
				Says: "no rule of this tenant or of the base policy has the condition", Do: "Take it out of the schema, unless other tenants use it"})
		}
	}
}
