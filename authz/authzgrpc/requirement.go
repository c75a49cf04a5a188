package authzgrpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

// Methods is what methods require, by their full names: "/crm.v1.Customers/Update".
type Methods map[string]Requirement

// Requirement is what a method needs for its calls to be let through. The zero
// Requirement lets none through.
type Requirement struct {
	declared, public bool
	questions        []question
}

type question struct {
	action, typ string
	target      Target
	ofType      bool // it needs no target
}

// Require requires that the caller may do an action to the record that target finds in the message or,
// without a target, to records of a type at all. Several targets are several records.
func Require(action, typ string, targets ...Target) Requirement {
	need := Requirement{declared: true}
	for _, t := range targets {
		need.questions = append(need.questions, question{action: action, typ: typ, target: t})
	}
	if len(targets) == 0 {
		need.questions = []question{{action: action, typ: typ, ofType: true}}
	}
	return need
}

// Authenticated requires a principal and asks nothing: the handler does, with the Access.
func Authenticated() Requirement { return Requirement{declared: true} }

// Public requires nothing, not even a principal: a health check. The handler finds no Access.
func Public() Requirement { return Requirement{declared: true, public: true} }

// Target finds in a message the record that a call is about. A nil Target, as one is that is made without a
// function, finds none: New panics.
type Target func(ctx context.Context, message any) (id string, record *authz.Record, err error)

// FromMessage finds a record by the id in a message, for the resolver to fetch. An empty id is denied.
func FromMessage[M any](id func(M) string) Target {
	if id == nil {
		return nil
	}
	return func(_ context.Context, message any) (string, *authz.Record, error) {
		m, ok := message.(M)
		if !ok {
			return "", nil, wrongMessage(message)
		}
		return id(m), nil, nil
	}
}

// FromRecord finds a record by a function that fetches it, or makes the one that a message proposes to
// create. nil, if there is none, is denied. If the record has an id, Access.Recheck calls the function again.
func FromRecord[M any](record func(context.Context, M) (*authz.Record, error)) Target {
	if record == nil {
		return nil
	}
	return func(ctx context.Context, message any) (string, *authz.Record, error) {
		m, ok := message.(M)
		if !ok {
			return "", nil, wrongMessage(message)
		}
		r, err := record(ctx, m)
		if err == nil && r == nil {
			err = model.ErrNoFacts
		}
		return "", r, err
	}
}

var errServer = errors.New("the server is at fault")

func wrongMessage(message any) error {
	return fmt.Errorf("%w: the method's message is a %T", errServer, message)
}

// asks are the questions about a message; without one, those that need none.
func (n *Requirement) asks(ctx context.Context, message any) (asks []authzhttp.Ask, err error) {
	defer recovered(&err)
	for _, q := range n.questions {
		ask := authzhttp.Ask{Action: q.action, Type: q.typ, OfType: q.ofType}
		if !q.ofType {
			if message == nil {
				continue
			}
			if ask.ID, ask.Record, err = q.target(ctx, message); err != nil {
				return nil, err
			}
			if ask.Record != nil && ask.Record.ID != "" {
				ask.Again = func(ctx context.Context) (*authz.Record, error) {
					_, record, err := q.target(ctx, message)
					return record, err
				}
			}
		}
		asks = append(asks, ask)
	}
	return asks, nil
}

// perMessage tells whether there are questions about messages.
func (n *Requirement) perMessage() bool {
	for _, q := range n.questions {
		if !q.ofType {
			return true
		}
	}
	return false
}
