package doctor

import (
	"maps"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

// depth is how many links Casbin follows.
const depth = 10

// links are the memberships of one section in one tenant: from each member the roles.
type links struct {
	to  map[string][]string
	row map[[2]string]source.Row
}

// roles looks for cycles and for chains that are too long.
func (e *examination) roles() {
	graphs := map[[2]string]*links{}
	for _, r := range e.rows {
		if r.Ptype[0] != 'g' {
			continue
		}
		key := [2]string{r.Ptype, ""}
		if i := e.model.domain(r.Ptype); i >= 0 {
			key[1] = r.Values[i]
		}
		g := graphs[key]
		if g == nil {
			g = &links{map[string][]string{}, map[[2]string]source.Row{}}
			graphs[key] = g
		}
		link := [2]string{r.Values[0], r.Values[1]}
		if _, known := g.row[link]; !known {
			g.row[link] = r
			g.to[link[0]] = append(g.to[link[0]], link[1])
		}
	}
	for _, g := range graphs {
		e.cycles(g)
		e.deep(g)
	}
}

// cycles reports each link that closes a cycle.
func (e *examination) cycles(g *links) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = visiting
		path = append(path, name)
		for _, role := range g.to[name] {
			switch state[role] {
			case visiting:
				cycle := append(slices.Clone(path[slices.Index(path, role):]), role)
				e.row("role-cycle", g.row[[2]string{name, role}], strings.Join(cycle, " → "))
			case 0:
				visit(role)
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(g.to)) {
		if state[name] == 0 {
			visit(name)
		}
	}
}

// deep reports who has a role that is too far away.
func (e *examination) deep(g *links) {
	for _, name := range slices.Sorted(maps.Keys(g.to)) {
		if far := g.beyond(name); far != "" {
			e.row("role-deep", g.row[[2]string{name, g.to[name][0]}], name+" does not reach "+far)
		}
	}
}

// beyond is a role of somebody that is more links away than Casbin follows; empty if there is none.
func (g *links) beyond(name string) string {
	seen := map[string]bool{name: true}
	at := []string{name}
	for range depth + 1 {
		var next []string
		for _, member := range at {
			for _, role := range g.to[member] {
				if !seen[role] {
					seen[role] = true
					next = append(next, role)
				}
			}
		}
		if at = next; len(at) == 0 {
			return ""
		}
	}
	return at[0]
}
