package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// Import is a policy in crmauthz's form, as far as it has one.
type Import struct {
	Facts  []model.Fact
	Schema *model.Schema // the one given, or one that is made of what the rows name
	Left   []Place       // the rows that have no form, and why
}

// Translate brings a policy into crmauthz's form. Users and roles get the ids
// user:NAME and role:NAME, tenants theirs by model.EscapeID; a rule that allows something of a type gets the
// scope all, since plain Casbin knows nothing of records.
//
// What has no form is left, and with a denial that is left all that its tenant's rules allow,
// for it might have been denied; a membership may lead to a denial as well. So the
// import allows nothing that Casbin denies, but for chains of memberships of more
// than 10 links, which Casbin cuts off.
//
// The tenant is for a policy without domains. A schema, if there is one, must know all types and
// actions; without one, a schema is made in which an action needs the level that its name suggests.
func Translate(rows []source.Row, m *Model, tenant string, schema *model.Schema) *Import {
	t := translation{model: m, tenant: tenant, schema: schema, groups: map[string]bool{}, records: map[string]bool{}, seen: map[model.Line]bool{}, out: &Import{Schema: schema}}
	e := examination{model: m, found: map[string][]Place{}}
	for _, r := range rows {
		e.shape(r)
	}
	loads := map[int64]bool{}
	for _, r := range e.rows {
		loads[r.Number] = true
	}
	for _, places := range e.found {
		for _, p := range places {
			if !loads[p.Row] {
				t.out.Left = append(t.out.Left, Place{p.Row, p.Text, "Casbin does not load it: " + p.Note})
			}
		}
	}
	t.rows, t.unclear = e.rows, m.understood()
	for _, r := range t.rows {
		if r.Ptype == "g" {
			t.groups[r.Values[1]] = true
		}
	}
	if !m.Own {
		t.findRecords()
	}
	for _, r := range t.rows {
		t.row(r)
	}
	t.dropCycles()
	t.dropUndenied()
	if t.out.Schema == nil && !m.Own {
		t.out.Schema = proposeSchema(t.out.Facts)
	}
	slices.SortStableFunc(t.out.Left, func(a, b Place) int { return int(a.Row - b.Row) })
	return t.out
}

// translation is the work of Translate.
type translation struct {
	model   *Model
	tenant  string
	schema  *model.Schema
	rows    []source.Row    // that Casbin loads
	groups  map[string]bool // the names of roles
	records map[string]bool // the types of which rules name single records
	seen    map[model.Line]bool
	origins []source.Row // of the facts
	unclear error        // why rules may mean something else in crmauthz
	out     *Import
}

// findRecords finds the types of which rules name records. To Casbin customer and
// customer/42 are two objects; to us the first has the second in it.
func (t *translation) findRecords() {
	i := t.model.column("p", objectNames...)
	for _, r := range t.rows {
		if r.Ptype == "p" && i >= 0 {
			if on, err := objectOf(r.Values[i], false); err == nil && on.ID != "" {
				t.records[on.Type] = true
			}
		}
	}
}

// row translates a row, or leaves it.
func (t *translation) row(r source.Row) {
	f, err := t.fact(r)
	var l model.Line
	if err == nil {
		l, err = model.Encode(f)
	}
	if err == nil && t.schema != nil {
		err = t.schema.For(f.TenantID()).CheckFact(f)
	}
	if err != nil {
		t.leave(r, err.Error())
		return
	}
	if !t.seen[l] {
		t.seen[l] = true
		t.out.Facts = append(t.out.Facts, f)
		t.origins = append(t.origins, r)
	}
}

func (t *translation) leave(r source.Row, why string) {
	t.out.Left = append(t.out.Left, Place{r.Number, r.String(), why})
}

func (t *translation) fact(r source.Row) (model.Fact, error) {
	switch {
	case t.model.Own:
		l, err := r.Line()
		if err != nil {
			return nil, err
		}
		return model.Decode(l)
	case r.Ptype == "g":
		return t.membership(r)
	case r.Ptype == "p":
		return t.rule(r)
	}
	return nil, errors.New("only the sections p and g have a form")
}

func (t *translation) membership(r source.Row) (model.Fact, error) {
	columns, _ := t.model.columns("g")
	f := model.Membership{Tenant: t.tenant, Member: t.subject(r.Values[0]), Group: t.subject(r.Values[1])}
	if len(columns) > 2 {
		f.Tenant = model.EscapeID(r.Values[2])
	}
	var err error
	switch extra := r.Values[len(columns):]; {
	case len(extra) == 0:
	case len(extra) == 2 && t.model.conditions("g") == 2:
		f.Valid, err = period(extra[0], extra[1])
	default:
		err = errors.New("what its last values mean is not known")
	}
	return f, err
}

// period reads the two times of a membership's condition.
func period(from, until string) (p model.Period, err error) {
	read := func(s string) (time.Time, error) {
		if s == "_" {
			return time.Time{}, nil
		}
		return time.Parse(conditionTime, s)
	}
	if p.From, err = read(from); err == nil {
		p.Until, err = read(until)
	}
	if err != nil {
		err = errors.New("its condition is not two times, as of Casbin's example")
	}
	return p, err
}

func (t *translation) rule(r source.Row) (model.Fact, error) {
	if t.unclear != nil {
		return nil, t.unclear
	}
	f := model.CustomerRule{Tenant: t.tenant, Effect: model.Allow}
	value := func(names []string) (string, bool, error) {
		i := t.model.column("p", names...)
		if i < 0 {
			return "", false, fmt.Errorf("the model has no column %s", names[0])
		}
		star, err := t.literal(i, r.Values[i])
		return r.Values[i], star, err
	}
	sub, everyone, err := value(subjectNames)
	if err != nil {
		return nil, err
	}
	if f.Subject = t.subject(sub); everyone {
		f.Subject = model.Everyone
	}
	if t.model.domain("p") >= 0 {
		dom, every, err := value(domainNames)
		if err != nil {
			return nil, err
		}
		if f.Tenant = model.EscapeID(dom); every {
			f.Tenant = model.Base
		}
	}
	obj, anything, err := value(objectNames)
	if err != nil {
		return nil, err
	}
	if f.On, err = objectOf(obj, anything); err != nil {
		return nil, err
	}
	act, any, err := value(actionNames)
	if err != nil {
		return nil, err
	}
	if f.Action = act; any {
		f.Action = model.Any
	}
	if i := t.model.column("p", "eft"); i >= 0 {
		f.Effect, err = model.ParseEffect(r.Values[i])
	}
	if f.Effect == model.Allow && f.On.ID == "" {
		f.Scope = model.ScopeAll
		if t.records[f.On.Type] {
			err = fmt.Errorf("other rules are on single records of the type %s: this one would allow them, too", f.On.Type)
		}
	}
	return f, err
}

// literal tells whether a value stands for everything, and refuses one that is a pattern.
func (t *translation) literal(i int, v string) (star bool, err error) {
	columns, _ := t.model.columns("p")
	function := patternFunctions(t.model.matcher())["p "+columns[i]]
	switch {
	case v == "*" && (t.model.hasStar("p", columns[i]) || function == "keyMatch"):
		return true, nil
	case v == "*" && t.model.Guessed:
		return false, fmt.Errorf("whether the * of column %s means everything, only the model tells: give it with --model", columns[i])
	case v == "*":
		return false, fmt.Errorf("the * of column %s is a plain name to the matcher", columns[i])
	case function == "regexMatch", function != "" && strings.Contains(v, "*"),
		function != "" && function != "keyMatch" && strings.ContainsAny(v, "?.:+^$|{}[]()\\"):
		return false, fmt.Errorf("%q of column %s is a pattern for %s", v, columns[i], function)
	}
	return false, nil
}

// subject is the id of a user or role.
func (t *translation) subject(name string) string {
	switch {
	case model.KindOf(name) != model.UnknownKind && model.CheckSubject(name) == nil:
		return name
	case t.groups[name]:
		return "role:" + model.EscapeID(name)
	}
	return "user:" + model.EscapeID(name)
}

// objectOf is the type, or record, that an object names.
func objectOf(obj string, anything bool) (model.Target, error) {
	if anything {
		return model.OnType(model.Any), nil
	}
	t, err := model.ParseTarget(obj)
	if err != nil || t.Field != "" || t.Unit != "" || t.Type == model.Any {
		return model.Target{}, fmt.Errorf("%q names neither a type nor a record, as customer and customer/42 do", obj)
	}
	return t, nil
}

// dropCycles leaves the memberships that would close a cycle.
func (t *translation) dropCycles() {
	kept, origins, above := t.out.Facts[:0], t.origins[:0], map[[2]string][]string{}
	for i, f := range t.out.Facts {
		m, ok := f.(model.Membership)
		if ok && reaches(above, m.Tenant, m.Group, m.Member) {
			t.leave(t.origins[i], "it closes a cycle")
			continue
		}
		if ok {
			key := [2]string{m.Tenant, m.Member}
			above[key] = append(above[key], m.Group)
		}
		kept, origins = append(kept, f), append(origins, t.origins[i])
	}
	t.out.Facts, t.origins = kept, origins
}

// dropUndenied leaves what rules allow where a denial is missing: its own row was left, or a
// membership that may lead to it.
func (t *translation) dropUndenied() {
	if t.model.Own {
		return
	}
	denials := slices.ContainsFunc(t.rows, func(r source.Row) bool { return t.denies(r) })
	left := map[int64]bool{}
	for _, p := range t.out.Left {
		left[p.Row] = true
	}
	why := map[string]string{} // by tenant
	for _, r := range t.rows {
		if left[r.Number] && (t.denies(r) || denials && r.Ptype == "g") {
			why[t.tenantOf(r)] = fmt.Sprintf("it might be denied by row %d, which is left", r.Number)
		}
	}
	kept, origins := t.out.Facts[:0], t.origins[:0]
	for i, f := range t.out.Facts {
		reason := cmp.Or(why[f.TenantID()], why[model.Base])
		if f.TenantID() == model.Base { // its rules hold in every tenant
			for _, any := range why {
				reason = any
			}
		}
		if r, ok := f.(model.CustomerRule); ok && r.Effect == model.Allow && reason != "" {
			t.leave(t.origins[i], reason)
			continue
		}
		kept, origins = append(kept, f), append(origins, t.origins[i])
	}
	t.out.Facts, t.origins = kept, origins
}

func (t *translation) denies(r source.Row) bool {
	i := t.model.column("p", "eft")
	return r.Ptype == "p" && i >= 0 && r.Values[i] == model.Deny.String()
}

// tenantOf is the tenant whose row it is; the base policy if it may be every one.
func (t *translation) tenantOf(r source.Row) string {
	i := t.model.domain(r.Ptype)
	if i < 0 && r.Ptype == "g" {
		return t.tenant
	}
	if i < 0 {
		return cmp.Or(t.tenant, model.Base)
	}
	if r.Ptype == "p" {
		if star, err := t.literal(i, r.Values[i]); star || err != nil {
			return model.Base
		}
	}
	return model.EscapeID(r.Values[i])
}

// reaches tells whether memberships lead from a group to another.
func reaches(above map[[2]string][]string, tenant, from, to string) bool {
	seen, next := map[string]bool{from: true}, []string{from}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		if at == to {
			return true
		}
		for _, group := range above[[2]string{tenant, at}] {
			if !seen[group] {
				seen[group] = true
				next = append(next, group)
			}
		}
	}
	return false
}
