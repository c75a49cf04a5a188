// Package condition compiles the named conditions of a schema, once, and
// evaluates them with three truth values.
//
// A condition is a CEL expression that yields a bool. It may use
//
//	action          the action asked about
//	record          id, type, unit, owners, parent and the attributes that types declare;
//	                record.parent is the parent record, with the same
//	user            id and the attributes that the schema declares of users
//	env             the attributes that the schema declares of the environment
//	now             the instant of the question
//	member(g)       the user is in the group g
//	ownerIn(g)      some owner of the record is the group g, or is in it
//	teamRole(r)     the user holds a team rule on the one record, in the role r
//	holds(t, a)     customer rules allow the user action a on type t
//	own()           the user, or a team of hers, owns the record
//
// and the standard functions of CEL. Where a name is no identifier of CEL,
// record["地区"] stands for record.地区; anything else that is not declared is an
// error when the schema is compiled, as is a value of the wrong type.
//
// # Unknown
//
// What is missing is unknown: an attribute without a value, the id or unit of
// a record that has none, the record of a question about a type alone, the
// parent of a record without one, a number that is NaN. So is every error of
// evaluation, such as a division by zero, and an evaluation that costs too much.
// What depends on the unknown is unknown, except that false && unknown is false
// and true || unknown is true: the logic of NULL in SQL. A condition says "is not
// NULL" with has(record.region), which is true or false of every record;
// has(record.parent.region) is unknown of a record without a parent.
//
// # Filters
//
// For lists, a condition becomes an expression of package filter. What does not
// speak of the record, or of its type only, is a constant c and may be any
// expression. Of the record and, alike, of record.parent, these have a form:
//
//	x && y, x || y, !x, x ? y : z    and x == y, x != y of such
//	record.a                         a bool
//	record.a == c                    != < <= > >=, either way round; or with record.b for c; not of two lists
//	record.a + d < c, c - record.a < d
//	                                 and the like, of whole numbers, timestamps and durations
//	record.a in list, c in record.tags, c in record.owners
//	record.id == c, record.id != c, record.id in list
//	                                 and record.unit
//	record.a.startsWith(c)           endsWith, contains
//	has(record.a), has(record.parent)
//	member(record.a)                 and of record.id and record.unit
//	own(), ownerIn(c), teamRole(c)
//	record.owners.exists(o, o == c)  o in list, member(o), and these with ||; or of a list such as record.tags
//
// A condition with any other part is refused when the schema is compiled, unless
// the schema lists it under check_only; then [Set.Filter] has no answer for it. A
// filter has no limit of costs: Eval is unknown where exists goes through more
// owners than it allows (some ten thousand), the filter is not.
package condition

import (
	"maps"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Truth is what came out of a condition. The zero Truth is Unknown.
type Truth = filter.Truth

// The truth values.
const (
	Unknown = filter.Unknown
	False   = filter.False
	True    = filter.True
)

// Set is the compiled conditions of a schema. It is immutable and safe for
// concurrent use. The zero Set has no conditions.
type Set struct {
	conditions map[string]*compiled
}

// compiled is a condition ready to be asked.
type compiled struct {
	program   cel.Program
	form      form     // nil: it is check-only
	user, env []string // the attributes that it looks at
	calls     []Call
	settled   bool // see Anyway
	personal  bool // see Personal
}

// Input is the question that conditions are asked about.
type Input struct {
	Action    string
	User      string // "user:alice"
	UserAttrs map[string]any
	Env       map[string]any
	Record    *model.Record // nil: the question is about a type alone
	At        time.Time     // zero: unknown
	Facts     Facts         // nil: what the functions say is unknown
}

// Facts answers the functions from the policy, for the user of the question.
// OwnerIn, TeamRole and Own are only asked when there is a record. A panic of
// theirs makes the condition unknown.
type Facts interface {
	// Member tells whether the group is one of the user's.
	Member(group string) bool
	// OwnerIn tells whether some owner of the record is the group, or is in it.
	OwnerIn(group string) bool
	// TeamRole tells whether the user holds a team rule on the one record, in this role.
	TeamRole(as string) bool
	// Holds tells whether customer rules, without their conditions, allow the
	// user the action on the type.
	Holds(typ, action string) bool
	// Own tells whether the user, or a team of hers, owns the record.
	Own() bool
}

// Compile compiles the conditions of a schema, those of all tenants'
// extensions in view. What is wrong with one is a *model.ValueError that names
// the condition; model.ErrNoFilter is wrong with one that has no form, unless it is
// check-only.
func Compile(s *model.Schema) (*Set, error) {
	s = s.Complete()
	attrs, err := declare(s)
	if err != nil {
		return nil, err
	}
	set := &Set{conditions: make(map[string]*compiled, len(s.Conditions))}
	if len(s.Conditions) == 0 {
		return set, nil
	}
	c, err := newCompiler(s, attrs)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Conditions)) {
		if set.conditions[name], err = c.compile(name, s.Conditions[name], slices.Contains(s.CheckOnly, name)); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Names returns the names of the conditions, in order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.conditions)) }

// Has tells whether there is a condition of this name.
func (s *Set) Has(name string) bool {
	_, ok := s.conditions[name]
	return ok
}

// Lacks tells whether a condition looks at attributes of the user or the environment that
// the Input does not have.
func (s *Set) Lacks(name string, in Input) bool {
	c := s.conditions[name]
	return c != nil && (lacks(c.user, in.UserAttrs) || lacks(c.env, in.Env))
}

func lacks(names []string, values map[string]any) bool {
	return slices.ContainsFunc(names, func(name string) bool { return values[name] == nil })
}

// Eval evaluates a condition. A name that there is not is Unknown.
func (s *Set) Eval(name string, in Input) Truth {
	c := s.conditions[name]
	if c == nil {
		return Unknown
	}
	out, _, err := c.program.Eval(&evaluation{in})
	switch {
	case err != nil:
		return Unknown
	case out == types.True:
		return True
	case out == types.False:
		return False
	}
	return Unknown
}
