package analysis

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// view is what one user may do by a policy at an instant.
type view struct {
	*engine.Outline
	of   *compiled
	user string
	asked
	side   string // of two policies: "before" or "now"
	other  *view  // of the other policy; nil: there is one only
	action string // that is asked about
	keys   map[string]string
	truths map[[2]string]filter.Truth // of a condition for an action
}

// asked is when and from where people ask.
type asked struct {
	at   time.Time
	from netip.Addr // the zero address is in no network
	ever bool       // at is one of many instants, between which conditions may see others
}

func newView(p *compiled, user string, a asked, side string) *view {
	return &view{Outline: p.snapshot.Outline(user, a.at, a.from), of: p, user: user, asked: a, side: side, keys: map[string]string{}, truths: map[[2]string]filter.Truth{}}
}

// newViews are a user's views of two policies.
func newViews(before, now *compiled, user string, a asked) (*view, *view) {
	b, n := newView(before, user, a, "before"), newView(now, user, a, "now")
	b.other, n.other = n, b
	return b, n
}

// may is the records of a type to which the user may do an action.
func (v *view) may(typ, action string) filter.Expr {
	v.action = action
	return v.May(typ, action)
}

// field is where the user reaches a field with an action; see engine.Outline.
func (v *view) field(typ, action, name string) levels {
	v.action = action
	return v.Field(typ, action, name)
}

// request asks about an example, as the view has it.
func (v *view) request(action string, r *model.Record) *model.Request {
	v.action = action
	return &model.Request{Tenant: v.Tenant, User: v.user, Action: action, Record: v.sees(r), At: v.at, Address: v.from}
}

// clock shows the instant.
func (v *view) clock() time.Time { return v.at }

// settledCondition is a condition that is free unless its truth is known.
type settledCondition struct {
	freeCondition
	truth filter.Truth
}

func (v *view) condition(name string) settledCondition {
	c := settledCondition{freeCondition{name, v.key(name)}, v.anyway(name)}
	if v.other != nil && v.other.key(name) != c.key {
		c.name += " " + v.side
	}
	return c
}

// anyway is what a condition is whatever there is to know of records and attributes.
func (v *view) anyway(name string) filter.Truth {
	of := [2]string{name, v.action}
	t, known := v.truths[of]
	if !known {
		t = v.Anyway(v.of.conditions, name, v.action, v.ever)
		v.truths[of] = t
	}
	return t
}

// key is all that a condition depends on but the question: its expression, and what
// the policy answers to its calls.
func (v *view) key(name string) string {
	key, known := v.keys[name]
	if !known {
		parts := []string{v.of.schema.Conditions[name]}
		for _, call := range v.of.conditions.Calls(name) {
			parts = append(parts, v.Answers(call))
		}
		key = strings.Join(parts, "\n")
		v.keys[name] = key
	}
	return key
}

// shape is an expression taken apart.
type shape struct {
	how   string // the kind of expression
	of    string // the type of a parent
	truth filter.Truth
	kids  []filter.Expr
	names filter.Names
	attr  string
}

func shapeOf(x filter.Expr) shape {
	switch x := x.(type) {
	case filter.Truth:
		return shape{how: "truth", truth: x}
	case filter.And:
		return shape{how: "and", kids: x}
	case filter.Or:
		return shape{how: "or", kids: x}
	case filter.Not:
		return shape{how: "not", kids: []filter.Expr{x.X}}
	case filter.IsTrue:
		return shape{how: "is true", kids: []filter.Expr{x.X}}
	case filter.Bool:
		return shape{how: "condition", attr: x.Attr}
	case filter.OfParent:
		return shape{how: "parent", of: x.Type, kids: []filter.Expr{x.X}}
	case filter.InChain:
		return shape{how: "chain", of: x.Type, kids: []filter.Expr{x.X}}
	case filter.IDIn:
		return shape{how: "id", names: x.Names}
	case filter.OwnerIn:
		return shape{how: "owner", names: x.Names}
	case filter.UnitIn:
		return shape{how: "unit", names: x.Names}
	}
	panic(fmt.Sprintf("analysis: no outline has a %T", x))
}

// same tells whether two expressions, each of its view, look the same. If so, they are the same.
func same(x filter.Expr, of *view, y filter.Expr, other *view) bool {
	a, b := shapeOf(x), shapeOf(y)
	if a.how != b.how || a.of != b.of || a.truth != b.truth || len(a.kids) != len(b.kids) || a.attr != b.attr {
		return false
	}
	for i := range a.kids {
		if !same(a.kids[i], of, b.kids[i], other) {
			return false
		}
	}
	if a.attr != "" {
		name := strings.TrimPrefix(a.attr, attrPrefix)
		return of.condition(name) == other.condition(name)
	}
	return a.names == nil || sameNames(a.names, b.names)
}

// sameNames tells whether names are the same, and in the same order.
func sameNames(x, y filter.Names) bool {
	if x.Len() != y.Len() {
		return false
	}
	if a, ok := x.(engine.Related); ok {
		b, ok := y.(engine.Related)
		return ok && a.How == b.How && slices.Equal(a.List, b.List)
	}
	next, stop := iter.Pull(y.All())
	defer stop()
	for name := range x.All() {
		if other, ok := next(); !ok || other != name {
			return false
		}
	}
	return true
}
