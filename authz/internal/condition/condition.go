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
// parent of a record without one. So is every error of evaluation, such as a
// division by zero, and an evaluation that costs too much. What depends on
// the unknown is unknown, except that false && unknown is false and
// true || unknown is true: the logic of NULL in SQL. A condition says "is not
// NULL" with has(record.region), which is true or false of every record;
// has(record.parent.region) is unknown of a record without a parent.
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
	programs map[string]cel.Program
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
// the condition.
func Compile(s *model.Schema) (*Set, error) {
	attrs, err := declare(s)
	if err != nil {
		return nil, err
	}
	set := &Set{programs: make(map[string]cel.Program, len(s.Conditions))}
	if len(s.Conditions) == 0 {
		return set, nil
	}
	c, err := newCompiler(s, attrs)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Conditions)) {
		if set.programs[name], err = c.compile(name, s.Conditions[name]); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Names returns the names of the conditions, in order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.programs)) }

// Has tells whether there is a condition of this name.
func (s *Set) Has(name string) bool {
	_, ok := s.programs[name]
	return ok
}

// Eval evaluates a condition. A name that there is not is Unknown.
func (s *Set) Eval(name string, in Input) Truth {
	p, ok := s.programs[name]
	if !ok {
		return Unknown
	}
	out, _, err := p.Eval(&evaluation{in})
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
