package authz

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of changes that their authors may not make. In a schema without administration only
// ErrConstraint comes.
var (
	// ErrNotAllowed: the policy does not let the actor do that to a fact of the change. (every change, in a *NotAllowedError)
	ErrNotAllowed = errors.New("not allowed to change the policy so")
	// ErrExceeds: the change gives more than its actor holds, and he may not exceed that. It matches ErrNotAllowed.
	ErrExceeds = fmt.Errorf("%w: nobody gives more than he holds", ErrNotAllowed)
	// ErrNeedsApproval: a fact of the change is sensitive, and no second person has approved.
	ErrNeedsApproval = errors.New("the change needs the approval of a second person")
	// ErrLastAdministrator: after the change there would be a time without anybody who may administer the tenant.
	ErrLastAdministrator = errors.New("it would leave the tenant without an administrator")
	// ErrConstraint: somebody would be in two groups that a constraint of the schema has exclude each other. (every
	// change, in a *ConstraintError)
	ErrConstraint = errors.New("the groups exclude each other")
)

// NotAllowedError says which fact of a change its actor may not change, and why.
type NotAllowedError struct {
	Actor  string
	Verb   string // an action on permissions: model.ActionGrant, …
	Fact   Fact   // nil: the change as a whole
	Detail string // what is missing; may be empty
	Err    error  // ErrNotAllowed, ErrExceeds or ErrNeedsApproval
}

func (e *NotAllowedError) Error() string {
	s := e.Actor + " may not " + e.Verb
	if e.Fact != nil {
		s += " " + e.Fact.String()
	}
	s += ": " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *NotAllowedError) Unwrap() error { return e.Err }

// ConstraintError says who would be in two groups that exclude each other, and how. It matches ErrConstraint.
type ConstraintError struct {
	Constraint string      // its name
	Subject    string      // a user, or a group whose members would be
	Ways       [2][]string // from the subject to each of the two
}

func (e *ConstraintError) Error() string {
	return fmt.Sprintf("constraint %s: %v: %s and %s", e.Constraint, ErrConstraint, strings.Join(e.Ways[0], " → "), strings.Join(e.Ways[1], " → "))
}

func (e *ConstraintError) Unwrap() error { return ErrConstraint }

// Operator names the author of changes that the program itself makes, whom administration does not bind: the first
// policy, migrations, the command line, changes of the base policy. The change log has him as "operator:" and the actor, which no other
// author can be called.
func Operator(actor, reason string) Author {
	if actor != "" {
		actor = operatorPrefix + actor
	}
	return Author{Actor: actor, Reason: reason, operator: true}
}

const operatorPrefix = "operator:"
