package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	casbinmodel "github.com/casbin/casbin/v2/model"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// Model is a Casbin model, read or guessed.
type Model struct {
	Text    string
	Guessed bool // from the rows: the matcher and effect are the usual ones, not those of the program
	Own     bool // it is crmauthz's
	casbin  casbinmodel.Model
}

// ReadModel reads the text of a model.
func ReadModel(text string) (m *Model, err error) {
	defer func() { // Casbin's parser panics on some texts
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("the model cannot be read: %v", r)
		}
	}()
	parsed, err := casbinmodel.NewModelFromString(text)
	if err != nil {
		return nil, fmt.Errorf("the model cannot be read: %w", err)
	}
	return &Model{Text: text, casbin: parsed, Own: text == model.CasbinModel}, nil
}

// String is what the model defines, in a line.
func (m *Model) String() string {
	if m.Own {
		return "crmauthz's own"
	}
	var parts []string
	for _, section := range []string{"r", "p", "g"} {
		for i := 1; ; i++ {
			name := section
			if i > 1 {
				name += strconv.Itoa(i)
			}
			a, ok := m.casbin[section][name]
			if !ok {
				break
			}
			parts = append(parts, name+" = "+a.Value)
		}
	}
	return strings.Join(parts, "; ")
}

// columns are the names of the values of a section, without its prefix; known is
// false if the model does not have it.
func (m *Model) columns(ptype string) (names []string, known bool) {
	if ptype == "" {
		return nil, false
	}
	a, ok := m.casbin[ptype[:1]][ptype]
	if !ok || ptype[0] != 'p' && ptype[0] != 'g' {
		return nil, false
	}
	for _, t := range a.Tokens {
		names = append(names, strings.TrimPrefix(t, ptype+"_"))
	}
	return names, true
}

// column is the place in a section of the value with one of the names, or -1.
func (m *Model) column(ptype string, names ...string) int {
	columns, _ := m.columns(ptype)
	return slices.IndexFunc(columns, func(c string) bool { return slices.Contains(names, c) })
}

// The names that models give to columns.
var (
	subjectNames = []string{"sub", "subject", "user"}
	domainNames  = []string{"dom", "domain", "tenant", "org"}
	objectNames  = []string{"obj", "object", "resource"}
	actionNames  = []string{"act", "action"}
)

// domain is where the tenant stands in a row, or -1.
func (m *Model) domain(ptype string) int {
	if ptype != "" && ptype[0] == 'g' {
		if columns, _ := m.columns(ptype); len(columns) < 3 {
			return -1
		}
		return 2
	}
	return m.column(ptype, domainNames...)
}

// conditions is how many values of a membership are for its condition.
func (m *Model) conditions(ptype string) int {
	if a, ok := m.casbin["g"][ptype]; ok {
		return len(a.ParamsTokens)
	}
	return 0
}

// sections yields the names of a section's parts, such as m, m2.
func (m *Model) sections(section string) (names []string) {
	for name := range m.casbin[section] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m *Model) value(section, name string) string {
	if a, ok := m.casbin[section][name]; ok {
		return a.Value
	}
	return ""
}

// matcher is the text of all matchers, in which a column p.sub is p_sub.
func (m *Model) matcher() string {
	var all []string
	for _, name := range m.sections("m") {
		all = append(all, m.value("m", name))
	}
	return strings.Join(all, "\n")
}

const guessed = `[request_definition]
r = %s
[policy_definition]
p = %s
[role_definition]
g = %s
[policy_effect]
e = %s
[matchers]
m = %s
`

// GuessModel is the usual model for the rows: RBAC with domains, with or
// without effects, or with priorities; RBAC without domains if the rows have none;
// crmauthz's own if most are lines of it.
func GuessModel(rows []source.Row) (*Model, error) {
	if isOwn(rows) {
		return ReadModel(model.CasbinModel)
	}
	size, domainSize := usualSize(rows, "p"), usualSize(rows, "g")
	columns := []string{"sub", "dom", "obj", "act"}
	switch {
	case size == 3 || size == 4 && domainSize == 2 && isEffect(rows, 3):
		columns = []string{"sub", "obj", "act"}
	case size > 4 && isNumber(rows, 0):
		columns = append([]string{"priority"}, columns...)
	}
	if at := slices.Index(columns, "dom"); at >= 0 {
		if is := domainAt(rows); is > at && is < len(columns) {
			columns[at], columns[is] = columns[is], columns[at]
		}
	}
	request := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == "priority" })
	effect := "some(where (p.eft == allow))"
	if size > len(columns) {
		columns = append(columns, "eft")
		effect += " && !some(where (p.eft == deny))"
	}
	if columns[0] == "priority" {
		effect = "priority(p.eft) || deny"
	}
	for len(columns) < size {
		columns = append(columns, "v"+strconv.Itoa(len(columns)))
	}
	role, conditions := "_, _", []string{"g(r.sub, p.sub)"}
	if slices.Contains(columns, "dom") {
		role, conditions = "_, _, _", []string{"g(r.sub, p.sub, r.dom)"}
	}
	for _, c := range request[1:] {
		conditions = append(conditions, "r."+c+" == p."+c)
	}
	m, err := ReadModel(fmt.Sprintf(guessed, strings.Join(request, ", "), strings.Join(columns, ", "), role, effect, strings.Join(conditions, " && ")))
	if err == nil {
		m.Guessed = true
	}
	return m, err
}

// isOwn tells whether most of the rows are lines of crmauthz.
func isOwn(rows []source.Row) bool {
	own := 0
	for _, r := range rows {
		if _, err := r.Line(); err == nil {
			own++
		}
	}
	return own > 0 && 2*own > len(rows)
}

// usualSize is how many values most rows of a section have; of two numbers
// that as many have, the greater.
func usualSize(rows []source.Row, ptype string) int {
	counts := map[int]int{}
	best := 0
	for _, r := range rows {
		if r.Err == nil && r.Ptype == ptype {
			n := len(r.Values)
			counts[n]++
			if counts[n] > counts[best] || counts[n] == counts[best] && n > best {
				best = n
			}
		}
	}
	return best
}

// most tells whether more than half of the rows of section p have a value in a column that fits.
func most(rows []source.Row, column int, fits func(string) bool) bool {
	yes, all := 0, 0
	for _, r := range rows {
		if r.Ptype == "p" && len(r.Values) > column {
			all++
			if fits(r.Values[column]) {
				yes++
			}
		}
	}
	return 2*yes > all
}

func isEffect(rows []source.Row, column int) bool {
	return most(rows, column, func(v string) bool { return strings.EqualFold(v, "allow") || strings.EqualFold(v, "deny") })
}

var number = regexp.MustCompile(`^-?\d+$`)

func isNumber(rows []source.Row, column int) bool { return most(rows, column, number.MatchString) }

// domainAt is the column of section p in which most tenants of memberships stand; -1 if none does.
func domainAt(rows []source.Row) int {
	tenants := map[string]bool{}
	for _, r := range rows {
		if r.Ptype == "g" && len(r.Values) >= 3 && r.Values[2] != "" {
			tenants[r.Values[2]] = true
		}
	}
	var counts [7]int
	best := -1
	for _, r := range rows {
		for i, v := range r.Values[:min(len(r.Values), len(counts))] {
			if r.Ptype == "p" && tenants[v] {
				counts[i]++
			}
		}
	}
	for i, n := range counts {
		if n > 0 && (best < 0 || n > counts[best]) {
			best = i
		}
	}
	return best
}
