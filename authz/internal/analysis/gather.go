package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// keyed is a difference with the key of its records.
type keyed struct {
	*impact.Difference
	where string
}

// compare orders differences by what they are about, and then by the people.
func (d keyed) compare(o keyed) int {
	if c := cmp.Or(cmp.Compare(d.Type, o.Type), cmp.Compare(d.Action, o.Action)); c != 0 {
		return c
	}
	return cmp.Or(slices.Compare(d.Fields, o.Fields),
		cmp.Compare(d.From, o.From), cmp.Compare(d.To, o.To),
		-cmp.Compare(len(d.People), len(o.People)), cmp.Compare(d.where, o.where), slices.Compare(d.People, o.People))
}

// gather puts the people together that have a change in common, and then the fields that
// people have it of.
func (d *differ) gather(all [][]found, a asked) []impact.Difference {
	byKey := map[changeKey]*impact.Difference{}
	for i, of := range all {
		for _, f := range of {
			for _, f.field = range orNone(f.fields) {
				c := byKey[f.changeKey]
				if c == nil {
					c = &impact.Difference{Type: f.typ, Action: f.action, From: f.from, To: f.to, Where: f.is, Example: impact.Example{User: nameOf(d.users[i]), Record: f.example}}
					if f.field != "" {
						c.Fields = []string{f.field}
					}
					byKey[f.changeKey] = c
				}
				c.People = append(c.People, nameOf(d.users[i]))
				c.Because = addFacts(c.Because, f.because)
			}
		}
	}
	ordered := gatherFields(byKey)
	slices.SortFunc(ordered, keyed.compare)
	changes := make([]impact.Difference, len(ordered))
	for i, c := range ordered {
		changes[i] = *c.Difference
	}
	d.nameGroups(changes, a)
	return changes
}

// orNone is fields, or the one without a name for none.
func orNone(fields []string) []string {
	if fields == nil {
		return []string{""}
	}
	return fields
}

// gatherFields puts the fields together that the same people have a change in common of.
func gatherFields(byKey map[changeKey]*impact.Difference) []keyed {
	type alike struct {
		changeKey
		people string
	}
	var changes []keyed
	byPeople := map[alike]*impact.Difference{}
	for _, key := range slices.SortedFunc(maps.Keys(byKey), func(a, b changeKey) int { return cmp.Compare(a.field, b.field) }) {
		c := byKey[key]
		key.field = ""
		of := alike{key, strings.Join(c.People, "\n")}
		if c.Fields == nil {
			changes = append(changes, keyed{c, key.where})
		} else if o := byPeople[of]; o != nil {
			o.Fields = append(o.Fields, c.Fields...)
			o.Because = addFacts(o.Because, c.Because)
		} else {
			byPeople[of] = c
			changes = append(changes, keyed{c, key.where})
		}
	}
	return changes
}

// addFacts adds facts that are not there yet, in the order of their lines.
func addFacts(to impact.Facts, more []model.Fact) impact.Facts {
	for _, f := range more {
		if len(to) == 1 && to[0] == f {
			continue
		}
		i, there := slices.BinarySearchFunc(to, f, compareFacts)
		if !there {
			to = slices.Insert(to, i, f)
		}
	}
	return to
}

func compareFacts(a, b model.Fact) int { return cmp.Compare(a.String(), b.String()) }

// nameGroups finds for each change the smallest group that all its people are in.
func (d *differ) nameGroups(changes []impact.Difference, a asked) {
	var groups [2]map[string][]string // by user, of those with a change
	var members [2]map[string]int
	for side, snapshot := range [2]*engine.Snapshot{d.before.snapshot, d.now.snapshot} {
		groups[side], members[side] = map[string][]string{}, map[string]int{}
		for i := range changes {
			if changes[i].Gain() == (side == 1) && len(changes[i].People) > 1 {
				for _, name := range changes[i].People {
					groups[side][name] = nil
				}
			}
		}
		if len(groups[side]) == 0 {
			continue
		}
		for _, user := range d.known {
			in := snapshot.Outline(user, a.at, a.from).Groups()
			for _, g := range in {
				members[side][g]++
			}
			if _, ok := groups[side][nameOf(user)]; ok {
				groups[side][nameOf(user)] = in
			}
		}
	}
	for i := range changes {
		c, side := &changes[i], 0
		if c.Gain() {
			side = 1
		}
		if len(c.People) < 2 {
			continue
		}
		common := slices.Clone(groups[side][c.People[0]])
		for _, u := range c.People[1:] {
			if len(common) == 0 {
				break
			}
			of := groups[side][u]
			common = slices.DeleteFunc(common, func(g string) bool { return !slices.Contains(of, g) })
		}
		if len(common) > 0 {
			c.Group = slices.MinFunc(common, func(a, b string) int {
				return cmp.Or(cmp.Compare(members[side][a], members[side][b]), cmp.Compare(a, b))
			})
			c.Of = members[side][c.Group]
		}
	}
}
