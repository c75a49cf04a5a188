package plain

import (
	"cmp"
	"slices"
)

// maxLinks is how many role links Casbin follows.
const maxLinks = 10

// id stands for a text. 0 stands for texts that occur in no line.
type id uint32

// target is what a rule is about.
type target struct{ dom, obj, act id }

// grant is what the rules about one target say of one subject.
type grant struct {
	sub     id
	effects effects
}

// member is a name of a domain.
type member struct{ dom, name id }

// index answers for a compiled policy. It does not change.
type index struct {
	matcher  *matcher
	ids      map[string]id
	grants   map[target][]grant // sorted by subject
	closures map[member][]id    // the subjects of rules that a member has by role links, itself included; sorted
	all      effects            // of all rules
	wild     [arguments]id      // the wildcards that occur in a rule
	constant []id               // of the matcher's subject tests
}

func newIndex(m *matcher, lines []*line) *index {
	x := &index{matcher: m, ids: map[string]id{}, closures: map[member][]id{}}
	var rules []rule
	links := map[member][]id{}
	for _, l := range lines {
		if l.ptype == "p" {
			rules = append(rules, x.rule(l.values))
		} else {
			from := member{x.intern(l.values[2]), x.intern(l.values[0])}
			links[from] = append(links[from], x.intern(l.values[1]))
		}
	}
	if len(rules) == 0 { // Casbin then asks this one
		rules = append(rules, x.emptyRule())
	}
	x.addRules(rules)
	x.addClosures(rules, links)
	for argument, eq := range m.equal {
		if eq.wild {
			x.wild[argument] = x.ids[eq.wildcard]
		}
	}
	for _, test := range m.subject {
		x.constant = append(x.constant, x.ids[test.constant])
	}
	return x
}

func (x *index) intern(text string) id {
	n, ok := x.ids[text]
	if !ok {
		n = id(len(x.ids) + 1)
		x.ids[text] = n
	}
	return n
}

// rule is a p line.
type rule struct {
	target
	grant
}

func (x *index) rule(values []string) rule {
	m := x.matcher
	r := rule{
		target{
			x.intern(values[m.equal[domain].column]),
			x.intern(values[m.equal[object].column]),
			x.intern(values[m.equal[action].column]),
		},
		grant{x.intern(values[m.subjectCol]), allows},
	}
	if m.effectColumn >= 0 {
		r.effects = effectsOf[values[m.effectColumn]]
	}
	return r
}

var effectsOf = map[string]effects{"allow": allows, "deny": denies}

func (x *index) emptyRule() rule {
	none := x.intern("")
	return rule{target{none, none, none}, grant{none, allows}}
}

// addRules groups the rules by their target.
func (x *index) addRules(rules []rule) {
	slices.SortFunc(rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.dom, b.dom), cmp.Compare(a.obj, b.obj), cmp.Compare(a.act, b.act), cmp.Compare(a.sub, b.sub))
	})
	x.grants = make(map[target][]grant, len(rules))
	all := make([]grant, 0, len(rules)) // one array for all groups
	for start := 0; start < len(rules); {
		about, first := rules[start].target, len(all)
		for ; start < len(rules) && rules[start].target == about; start++ {
			r := rules[start]
			x.all |= r.effects
			if last := len(all) - 1; last >= first && all[last].sub == r.sub {
				all[last].effects |= r.effects
			} else {
				all = append(all, r.grant)
			}
		}
		x.grants[about] = all[first:len(all):len(all)]
	}
}

// addClosures follows the role links of each member. Names that no rule has
// as its subject are passed through, but not kept.
func (x *index) addClosures(rules []rule, links map[member][]id) {
	subjects := map[id]bool{}
	for _, r := range rules {
		subjects[r.sub] = true
	}
	for from := range links {
		var closure []id
		seen := map[id]bool{from.name: true}
		for layer, depth := []id{from.name}, 0; len(layer) > 0 && depth <= maxLinks; depth++ {
			var next []id
			for _, name := range layer {
				if subjects[name] {
					closure = append(closure, name)
				}
				for _, role := range links[member{from.dom, name}] {
					if !seen[role] {
						seen[role] = true
						next = append(next, role)
					}
				}
			}
			layer = next
		}
		slices.Sort(closure)
		x.closures[from] = closure
	}
}

func (x *index) enforce(sub, dom, obj, act string) (bool, error) {
	return x.matcher.effect.decide(x.find(sub, dom, obj, act)), nil
}

// find returns the effects of the rules that match; once they settle the
// decision, not of further ones.
func (x *index) find(sub, dom, obj, act string) effects {
	if slices.Contains(x.matcher.superusers, sub) {
		return x.all
	}
	who := member{x.ids[dom], x.ids[sub]}
	doms := [...]id{who.dom, x.wild[domain]}
	objs := [...]id{x.ids[obj], x.wild[object]}
	acts := [...]id{x.ids[act], x.wild[action]}
	var found effects
	for _, d := range doms {
		for _, o := range objs {
			for _, a := range acts {
				if d == 0 || o == 0 || a == 0 {
					continue
				}
				found |= x.effectsFor(who, d, x.grants[target{d, o, a}])
				if x.matcher.effect.settled(found) {
					return found
				}
			}
		}
	}
	return found
}

// effectsFor returns the effects of those grants, all of the rule domain dom,
// that pass one of the matcher's tests of the subject.
func (x *index) effectsFor(who member, dom id, grants []grant) effects {
	var found effects
	if len(grants) == 0 {
		return found
	}
	for i, test := range x.matcher.subject {
		switch test.kind {
		case sameName:
			found |= of(grants, who.name)
		case isConstant:
			found |= of(grants, x.constant[i])
		case inRequest:
			found |= x.linked(grants, who)
		case inRule:
			found |= x.linked(grants, member{dom, who.name})
		case inConstant:
			found |= x.linked(grants, member{x.constant[i], who.name})
		}
	}
	return found
}

// linked returns the effects of the grants for the member and its roles.
func (x *index) linked(grants []grant, who member) effects {
	closure, ok := x.closures[who]
	if !ok {
		return of(grants, who.name)
	}
	var found effects
	if len(closure) <= len(grants) {
		for _, name := range closure {
			found |= of(grants, name)
		}
		return found
	}
	for _, g := range grants {
		if _, ok := slices.BinarySearch(closure, g.sub); ok {
			found |= g.effects
		}
	}
	return found
}

// of returns the effects of the grant for a name.
func of(grants []grant, name id) effects {
	i, ok := slices.BinarySearchFunc(grants, name, func(g grant, name id) int { return cmp.Compare(g.sub, name) })
	if !ok {
		return 0
	}
	return grants[i].effects
}
