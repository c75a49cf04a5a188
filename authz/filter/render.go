package filter

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// renderer makes clauses of an expression: each true of a row exactly if the
// expression is what is wanted, True or False, of the row's record, and otherwise
// false or NULL. So nothing is negated that may be NULL, but by notTrue.
type renderer struct {
	database
	tenant string
	tables []string // the names in use, from the outermost query on
}

// place is a table, or an alias of it, whose rows are records.
type place struct {
	*Mapping
	name string // quoted
}

func (p place) column(r *renderer, name string) string { return p.name + "." + r.quote(name) }

// tableOf is the place of the records that the condition is about.
func (r *renderer) tableOf(m *Mapping) place {
	name := m.Table
	if m.Alias != "" {
		name = m.Alias
	}
	r.tables = append(r.tables, name)
	return place{m, r.table(name)}
}

func (r *renderer) table(name string) string {
	if schema, table, ok := strings.Cut(name, "."); ok {
		return r.quote(schema) + "." + r.quote(table)
	}
	return r.quote(name)
}

// alias is a name for a table within those in use, which it must not hide.
func (r *renderer) alias(letter string) string {
	for n := 1; ; n++ {
		name := letter + strconv.Itoa(n)
		if !slices.ContainsFunc(r.tables, func(used string) bool { return strings.EqualFold(used, name) }) {
			return name
		}
	}
}

func (r *renderer) ofTenant(at place) clause {
	if at.Tenant == "" {
		if at.OnlyTenant == r.tenant {
			return always
		}
		return never
	}
	return r.tenantIn(at.column(r, at.Tenant), at.TenantKind)
}

func (r *renderer) tenantIn(column string, kind ColumnKind) clause {
	return r.idIn(column, kind, rawIDs(slices.Values([]string{r.tenant}), ""))
}

func (r *renderer) render(x Expr, at place, want bool) (clause, error) {
	switch x := x.(type) {
	case Truth:
		if x == TruthOf(want) {
			return always, nil
		}
		return never, nil
	case And:
		return r.all(x, at, want, want)
	case Or:
		return r.all(x, at, want, !want)
	case Not:
		return r.render(x.X, at, !want)
	case IsTrue:
		return r.twoValued(want)(r.render(x.X, at, true))
	case If:
		return r.either(x, at, want)
	case OfParent:
		return r.ofParent(x, at, want)
	case InChain:
		return r.twoValued(want)(r.inChain(x, at))
	case IDIn:
		return r.twoValued(want)(r.idIn(at.column(r, at.ID.Name), at.ID.Kind, rawIDs(all(x.Names), "")), nil)
	case OwnerIn:
		return r.twoValued(want)(r.ownerIn(x, at))
	case UnitIn:
		return r.twoValued(want)(r.unitIn(x, at))
	case Has:
		return r.twoValued(want)(r.has(x.Attr, at))
	}
	return r.attribute(x, at, want)
}

// all joins what is wanted of each part, by AND or OR.
func (r *renderer) all(xs []Expr, at place, want, byAnd bool) (clause, error) {
	cs := make([]clause, len(xs))
	for i, x := range xs {
		c, err := r.render(x, at, want)
		if err != nil {
			return never, err
		}
		cs[i] = c
	}
	if byAnd {
		return and(cs...), nil
	}
	return or(cs...), nil
}

// twoValued turns round the clause of an expression that is never unknown, if False is wanted.
func (r *renderer) twoValued(want bool) func(clause, error) (clause, error) {
	return func(c clause, err error) (clause, error) {
		if err != nil || want {
			return c, err
		}
		return notTrue(c), nil
	}
}

func (r *renderer) either(x If, at place, want bool) (clause, error) {
	branch := func(cond bool, then Expr) (clause, error) {
		when, err := r.render(x.Cond, at, cond)
		if err != nil {
			return never, err
		}
		c, err := r.render(then, at, want)
		return and(when, c), err
	}
	yes, err := branch(true, x.Then)
	if err != nil {
		return never, err
	}
	no, err := branch(false, x.Else)
	return or(yes, no), err
}

func (r *renderer) ofParent(x OfParent, at place, want bool) (clause, error) {
	switch {
	case at.NoParent:
		return never, nil
	case at.Parent == nil:
		return never, at.fail("parent", x.Type, "is needed, and is not mapped")
	case at.Parent.Of.Type != x.Type:
		return never, at.fail("parent", x.Type, "is needed, but the mapped parent is a "+at.Parent.Of.Type)
	}
	m, name := at.Parent.Of, r.alias("p")
	r.tables = append(r.tables, name)
	defer func() { r.tables = r.tables[:len(r.tables)-1] }()
	parent := place{m, r.quote(name)}
	c, err := r.render(x.X, parent, want)
	if err != nil {
		return never, err
	}
	key := at.column(r, at.Parent.Column.Name)
	more := and(r.ofTenant(parent), c)
	if more.is(never) {
		return never, nil
	}
	in := r.among(key, r.table(m.Table), r.quote(name), parent.column(r, m.ID.Name), m.ID.Kind, more)
	return and(r.someID(key, m.ID.Kind), in), nil
}

// inChain goes from the records of which X is true down to all below them.
func (r *renderer) inChain(x InChain, at place) (clause, error) {
	switch {
	case at.Type != x.Type:
		return never, at.fail("type", x.Type, "is asked about")
	case at.NoParent || at.Parent != nil && at.Parent.Of.Type != x.Type:
		return r.render(x.X, at, true)
	case at.Parent == nil:
		return never, at.fail("parent", x.Type, "is needed, and is not mapped")
	}
	name := r.alias("c")
	r.tables = append(r.tables, name)
	chain := r.alias("u")
	r.tables = append(r.tables, chain)
	defer func() { r.tables = r.tables[:len(r.tables)-2] }()
	of := place{at.Mapping, r.quote(name)}
	c, err := r.render(x.X, of, true)
	if err != nil {
		return never, err
	}
	if c = and(r.ofTenant(of), c); c.is(never) {
		return never, nil
	}
	parent, kind := of.column(r, at.Parent.Column.Name), at.ID.Kind
	below := and(r.ofTenant(of), r.someID(parent, kind))
	from := " FROM " + r.table(at.Table) + " AS " + of.name
	var selected, found, same []string
	for i, part := range r.keyParts(of.column(r, at.ID.Name), kind) {
		column := "k" + strconv.Itoa(i)
		selected = append(selected, part+" AS "+column)
		found = append(found, column)
		same = append(same, r.keyParts(parent, kind)[i]+" = "+r.quote(chain)+"."+column)
	}
	id := strings.Join(r.keyParts(at.column(r, at.ID.Name), kind), ", ")
	if len(found) > 1 {
		id = "(" + id + ")"
	}
	sql := id + " IN (WITH RECURSIVE " + r.quote(chain) + " AS (SELECT " + strings.Join(selected, ", ") + from + " WHERE " + c.sql +
		" UNION SELECT " + strings.Join(r.keyParts(of.column(r, at.ID.Name), kind), ", ") + from + " JOIN " + r.quote(chain) + " ON " + strings.Join(same, " AND ") +
		" WHERE " + below.sql + ") SELECT " + strings.Join(found, ", ") + " FROM " + r.quote(chain) + ")"
	return clause{sql, slices.Concat(c.args, below.args)}, nil
}

// idIn: the column's id is one of these, as the application has them.
func (r *renderer) idIn(column string, kind ColumnKind, ids []string) clause {
	switch kind {
	case IntegerColumn:
		return r.numberIn(column, slices.DeleteFunc(ids, func(id string) bool { return !wholeNumber(id) }))
	case UUIDColumn:
		return r.uuidIn(column, ids)
	}
	return r.textIn(column, ids)
}

// someID: the column holds an id.
func (r *renderer) someID(column string, kind ColumnKind) clause {
	if _, isPostgres := r.database.(postgres); kind == IntegerColumn || kind == UUIDColumn && isPostgres {
		return clause{sql: column + " IS NOT NULL"}
	}
	return r.notEmpty(column)
}

func (r *renderer) ownerIn(x OwnerIn, at place) (clause, error) {
	if len(at.Owners) == 0 && !at.NoOwners {
		return never, at.fail("owners", "", "are needed, and are not mapped")
	}
	var ways []clause
	for _, o := range at.Owners {
		ids := ownerIDs(all(x.Names), o.Kind)
		if o.Table == "" {
			ways = append(ways, r.idIn(at.column(r, o.Column.Name), o.Column.Kind, ids))
			continue
		}
		ways = append(ways, r.beside(at, side{"o", o.Table, o.Record, o.Tenant}, func(table string) clause {
			return r.idIn(table+"."+r.quote(o.Column.Name), o.Column.Kind, ids)
		}))
	}
	return or(ways...), nil
}

// ownerIDs is names of owners as a column of owners of this kind has them.
func ownerIDs(names iter.Seq[string], kind model.SubjectKind) []string {
	if kind != model.UnknownKind {
		return rawIDs(names, kind.String()+":")
	}
	var ids []string
	for name := range names {
		if k := model.KindOf(name); k == model.User || k == model.Team {
			if raw, ok := model.UnescapeID(name[5:]); ok {
				ids = append(ids, name[:5]+raw)
			}
		}
	}
	return ids
}

func (r *renderer) unitIn(x UnitIn, at place) (clause, error) {
	switch {
	case at.NoUnit:
		return never, nil
	case at.Unit == Column{}:
		return never, at.fail("unit", "", "is needed, and is not mapped")
	}
	return r.idIn(at.column(r, at.Unit.Name), at.Unit.Kind, rawIDs(all(x.Names), model.Unit.String()+":")), nil
}

// side is a table beside that of the records.
type side struct {
	letter string // its aliases begin so
	table  string
	record Column
	tenant string
}

// beside: a row of the record in a side table has what is said of it.
func (r *renderer) beside(at place, s side, has func(table string) clause) clause {
	name := r.alias(s.letter)
	table := r.quote(name)
	more := has(table)
	if more.is(never) {
		return never
	}
	if s.tenant != "" {
		more = and(r.tenantIn(table+"."+r.quote(s.tenant), at.TenantKind), more)
	}
	return r.among(at.column(r, at.ID.Name), r.table(s.table), table, table+"."+r.quote(s.record.Name), at.ID.Kind, more)
}

// all is names that may be missing.
func all(names Names) iter.Seq[string] {
	if names == nil {
		return List(nil).All()
	}
	return names.All()
}

// rawIDs is the ids that the application has for names of the policy that begin with the prefix.
func rawIDs(names iter.Seq[string], prefix string) []string {
	var ids []string
	for name := range names {
		if id, ok := strings.CutPrefix(name, prefix); ok {
			if raw, ok := model.UnescapeID(id); ok {
				ids = append(ids, raw)
			}
		}
	}
	return ids
}

// wholeNumber tells whether an id is a number of up to 64 bits, signed or not, as databases write it.
func wholeNumber(id string) bool {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return strconv.FormatInt(n, 10) == id
	}
	n, err := strconv.ParseUint(id, 10, 64)
	return err == nil && strconv.FormatUint(n, 10) == id
}
