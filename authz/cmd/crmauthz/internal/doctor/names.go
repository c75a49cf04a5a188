package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

// names looks at who and what the rows name.
func (e *examination) names() {
	for what, columns := range map[string][]string{
		"subject": subjectNames, "tenant": domainNames, "object": objectNames, "action": actionNames,
	} {
		e.collisions(what, e.namesIn(what, columns))
	}
	if !e.model.Own {
		e.kinds()
	}
}

// namesIn are the names of a kind, with the first row of each.
func (e *examination) namesIn(what string, columns []string) map[string]source.Row {
	first := map[string]source.Row{}
	add := func(r source.Row, i int) {
		if _, known := first[r.Values[i]]; !known {
			first[r.Values[i]] = r
		}
	}
	for _, r := range e.rows {
		if r.Ptype[0] == 'p' {
			if i := e.model.column(r.Ptype, columns...); i >= 0 {
				add(r, i)
			}
			continue
		}
		if what == "subject" {
			add(r, 0)
			add(r, 1)
		} else if i := e.model.domain(r.Ptype); i >= 0 && what == "tenant" {
			add(r, i)
		}
	}
	return first
}

// collisions looks for names that are alike in a database that compares loosely.
func (e *examination) collisions(what string, first map[string]source.Row) {
	alike := map[string][]string{}
	for name := range first {
		alike[fold(name)] = append(alike[fold(name)], name)
	}
	for _, names := range alike {
		slices.SortFunc(names, func(a, b string) int { return int(first[a].Number - first[b].Number) })
		for _, name := range names[1:] {
			e.row("names-collide", first[name], fmt.Sprintf("%s %q, as %q in row %d", what, name, names[0], first[names[0]].Number))
		}
	}
}

// fold is a name without case, accents, and blanks at its end.
func fold(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// kinds looks at whether the names tell roles from users.
func (e *examination) kinds() {
	roles, others := map[string]source.Row{}, map[string]bool{}
	for _, r := range e.rows {
		if r.Ptype == "g" {
			if _, known := roles[r.Values[1]]; !known {
				roles[r.Values[1]] = r
			}
		}
	}
	for _, r := range e.rows {
		name := ""
		if r.Ptype == "g" {
			name = r.Values[0]
		} else if i := e.model.column(r.Ptype, subjectNames...); i >= 0 && r.Ptype[0] == 'p' {
			name = r.Values[i]
		}
		if _, isRole := roles[name]; !isRole && name != "" {
			others[name] = true
		}
	}
	if arePrefixed(roles, others) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		e.row("names-unprefixed", roles[name], fmt.Sprintf("role %q", name))
	}
	for _, r := range e.rows {
		if _, isRole := roles[r.Values[0]]; isRole && r.Ptype == "g" {
			e.row("role-or-user", r, fmt.Sprintf("%q is a role in row %d", r.Values[0], roles[r.Values[0]].Number))
		}
	}
}

// arePrefixed tells whether all roles begin with a word that names of others do not begin with.
func arePrefixed(roles map[string]source.Row, others map[string]bool) bool {
	prefixes := map[string]bool{}
	for name := range roles {
		p := prefix(name)
		if p == "" {
			return false
		}
		prefixes[p] = true
	}
	for name := range others {
		if prefixes[prefix(name)] {
			return false
		}
	}
	return true
}

// prefix is how the kind of a subject is told by its name: role:admin, r/admin, role_admin.
func prefix(name string) string {
	if i := strings.IndexAny(name, ":/|"); i > 0 {
		return name[:i+1]
	}
	word, _, found := strings.Cut(name, "_")
	if found && slices.Contains([]string{"role", "r", "group", "grp", "team"}, strings.ToLower(word)) {
		return word + "_"
	}
	return ""
}
