package authzhttp

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// Requirement is what a route needs for its requests to be let through. The zero
// Requirement lets none through.
type Requirement struct {
	kind      kind
	questions []question
}

type kind uint8

const (
	undeclared    kind = iota
	authenticated      // all questions are asked
	public
	delegated
)

// question is an action on a type of records at all, or on the record that target finds.
type question struct {
	action, typ string
	ofType      bool
	target      Target
}

// Require requires that the user may do an action to the record that target finds in the request or,
// without a target, to records of a type at all, as for a list or a form. Several targets are several records.
func Require(action, typ string, targets ...Target) Requirement {
	need := Requirement{kind: authenticated}
	for _, t := range targets {
		need.questions = append(need.questions, question{action: action, typ: typ, target: t})
	}
	if len(targets) == 0 {
		need.questions = []question{{action: action, typ: typ, ofType: true}}
	}
	return need
}

// All requires all of the requirements: to merge a customer into another, say. One
// that is public or not declared counts as it is: nothing public weakens another.
func All(needs ...Requirement) Requirement {
	var all Requirement
	for i, n := range needs {
		switch {
		case n.kind == undeclared:
			return Requirement{}
		case i == 0, all.kind > n.kind:
			all.kind = n.kind
		}
		all.questions = append(all.questions, n.questions...)
	}
	return all
}

// Authenticated requires a principal and asks nothing: the handler does, with the Access.
func Authenticated() Requirement { return Requirement{kind: authenticated} }

// Public requires nothing, not even a principal: a login, a health check. The handler finds no Access.
func Public() Requirement { return Requirement{kind: public} }

// Delegated requires nothing since what it leads to is a Mux or another Guard, behind
// a wrapper such as http.StripPrefix that hides it.
func Delegated() Requirement { return Requirement{kind: delegated} }

// String says what is required in a line for people.
func (n Requirement) String() string {
	switch {
	case n.kind == undeclared:
		return "undeclared"
	case n.kind == public:
		return "public"
	case n.kind == delegated:
		return "delegated"
	case len(n.questions) == 0:
		return "authenticated"
	}
	var all []string
	for _, q := range n.questions {
		s := q.action + " " + q.typ
		if q.target.name != "" {
			s += " " + q.target.name
		}
		all = append(all, s)
	}
	return strings.Join(all, " and ")
}

// check tells whether the schema, or a tenant's extension of it, has the actions, and all targets find records.
func (n Requirement) check(s *authz.Schema) error {
	for _, q := range n.questions {
		if !q.ofType && q.target.id == nil && q.target.record == nil {
			return fmt.Errorf("authzhttp: require %s %s: the target %q has no function and finds no record", q.action, q.typ, q.target.name)
		}
		known := hasAction(s.Types, q)
		for _, x := range s.Tenants {
			known = known || hasAction(x.Types, q)
		}
		if !known {
			return fmt.Errorf("authzhttp: require: %w", model.At("schema type "+q.typ, "action", q.action, model.ErrUnknownAction))
		}
	}
	return nil
}

func hasAction(types map[string]model.Type, q question) bool {
	_, ok := types[q.typ].Actions[q.action]
	return ok
}

// Target finds in a request the record that it is about. The zero Target, like one without a function, finds none: it
// is refused by Guard.Table and Guard.Protect.
type Target struct {
	name   string
	path   string // the wildcard of the pattern, if it is one
	id     func(*http.Request) (string, error)
	record func(*http.Request) (*authz.Record, error)
}

// FromPath finds a record by the id in a wildcard of the route's pattern, for the resolver to fetch.
func FromPath(wildcard string) Target {
	return Target{name: "{" + wildcard + "}", path: wildcard, id: func(r *http.Request) (string, error) { return r.PathValue(wildcard), nil }}
}

// FromQuery finds a record by the id in a parameter of the URL's query, which must be there exactly once.
func FromQuery(parameter string) Target {
	return Target{name: "?" + parameter, id: func(r *http.Request) (string, error) {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil || len(values[parameter]) != 1 {
			return "", fmt.Errorf("query parameter %q: %w", parameter, ErrAmbiguous)
		}
		return values[parameter][0], nil
	}}
}

// From finds a record by the id that a function gets out of the request. name is for people. An
// empty id is denied.
func From(name string, id func(*http.Request) (string, error)) Target {
	return Target{name: name, id: id}
}

// FromRecord finds a record by a function that fetches it, or makes the one that the request proposes to
// create. name is for people. nil, if there is none, is denied. If the record has an id, Access.Recheck calls
// the function again; the request's body may have been read by then.
func FromRecord(name string, record func(*http.Request) (*authz.Record, error)) Target {
	return Target{name: name, record: record}
}
