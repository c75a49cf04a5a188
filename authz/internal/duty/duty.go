// Package duty finds who is in groups that exclude each other, by the static
// constraints of a schema: now or ever, and how.
package duty

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Violation is a subject in two groups that exclude each other at some time.
type Violation struct {
	Constraint string
	Subject    string
	// Ways lead from the subject to one group and to the other, names of both ends included.
	Ways [2][]string
	// Facts are the memberships of the ways.
	Facts []model.Membership
}

// String says it in a line for people.
func (v Violation) String() string {
	return fmt.Sprintf("constraint %s: %s and %s", v.Constraint, strings.Join(v.Ways[0], " → "), strings.Join(v.Ways[1], " → "))
}

// Memberships is who is in what, ready to be looked through.
type Memberships struct {
	up, down map[string][]model.Membership
}

// Of gathers the memberships that are not over at an instant. Whether they are switched off
// does not count: what is off may be on again.
func Of(facts []model.Fact, at time.Time) *Memberships {
	m := &Memberships{map[string][]model.Membership{}, map[string][]model.Membership{}}
	for _, f := range facts {
		if g, ok := f.(model.Membership); ok && (g.Valid.Until.IsZero() || g.Valid.Until.After(at)) {
			m.up[g.Member] = append(m.up[g.Member], g)
			m.down[g.Group] = append(m.down[g.Group], g)
		}
	}
	return m
}

// Members are all subjects that are in something, sorted.
func (m *Memberships) Members() []string {
	names := make([]string, 0, len(m.up))
	for name := range m.up {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Below is a subject and all that are in it, directly or not.
func (m *Memberships) Below(subject string) []string {
	return walk(subject, m.down, func(g model.Membership) string { return g.Member })
}

// Above is a subject and all groups that it is in, directly or not.
func (m *Memberships) Above(subject string) []string {
	return walk(subject, m.up, func(g model.Membership) string { return g.Group })
}

func walk(from string, by map[string][]model.Membership, to func(model.Membership) string) []string {
	found := []string{from}
	for i := 0; i < len(found); i++ {
		for _, g := range by[found[i]] {
			if next := to(g); !slices.Contains(found, next) {
				found = append(found, next)
			}
		}
	}
	return found
}

// way leads to a group while all its memberships hold.
type way struct {
	to    string
	valid model.Period
	by    []model.Membership
}

// Violations are those of a subject, one for each constraint and pair of groups. Of two ways that hold at the same
// times, it tells the shorter.
func (m *Memberships) Violations(constraints []model.Constraint, subject string) (found []Violation) {
	var ways []way // worked out when they are needed
	for _, c := range constraints {
		if len(c.Exclusive) == 0 || !m.reachesTwo(subject, c.Exclusive) {
			continue
		}
		if ways == nil {
			ways = m.ways(subject)
		}
		for i, a := range c.Exclusive {
			for _, b := range c.Exclusive[i+1:] {
				found = append(found, between(c.Name, subject, ways, a, b)...)
			}
		}
	}
	return found
}

// between are the violations by two groups: for each pair of ways that may hold at the same time.
func between(constraint, subject string, ways []way, a, b string) (found []Violation) {
	for _, x := range ways {
		for _, y := range ways {
			if _, ok := intersect(x.valid, y.valid); ok && x.to == a && y.to == b {
				found = append(found, Violation{constraint, subject, [2][]string{x.names(subject), y.names(subject)}, slices.Concat(x.by, y.by)})
			}
		}
	}
	return found
}

func (w way) names(subject string) []string {
	names := []string{subject}
	for _, m := range w.by {
		names = append(names, m.Group)
	}
	return names
}

// reachesTwo tells whether two of the groups are met on the way up, whenever that is.
func (m *Memberships) reachesTwo(subject string, groups []string) bool {
	n := 0
	for _, g := range m.Above(subject) {
		if slices.Contains(groups, g) {
			n++
		}
	}
	return n > 1
}

// ways are those from a subject to itself and all its groups, of each group one for each different period; the
// shorter come first.
func (m *Memberships) ways(subject string) []way {
	found := []way{{to: subject}}
	for i := 0; i < len(found); i++ {
		w := found[i]
		if len(w.by) == model.MaxDepth {
			continue
		}
		for _, g := range m.up[w.to] {
			valid, ok := intersect(w.valid, g.Valid)
			known := slices.ContainsFunc(found, func(x way) bool { return x.to == g.Group && x.valid == valid })
			if ok && !known {
				found = append(found, way{g.Group, valid, append(slices.Clone(w.by), g)})
			}
		}
	}
	return found
}

// intersect is the time that two periods have in common, if there is any.
func intersect(p, q model.Period) (model.Period, bool) {
	if q.From.After(p.From) {
		p.From = q.From
	}
	if p.Until.IsZero() || !q.Until.IsZero() && q.Until.Before(p.Until) {
		p.Until = q.Until
	}
	return p, p.Until.IsZero() || p.Until.After(p.From)
}
