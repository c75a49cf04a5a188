package authz

import (
	"errors"
	"fmt"

	"github.com/crmauthz/crmauthz/authz/internal/reference"
	"github.com/crmauthz/crmauthz/model"
)

// Errors of an Authorizer. Those of requests and facts are in package model:
// model.ErrUnknownTenant, model.ErrUnknownAction, model.ErrMalformed and so on.
var (
	// ErrClosed: the Authorizer is closed. (every verb)
	ErrClosed = errors.New("the authorizer is closed")
	// ErrUnavailable: the policy could not be loaded, so nothing is known of the
	// tenant, and everything is denied. (every question)
	ErrUnavailable = errors.New("the policy is not available")
	// ErrNoActor: a change that does not say who makes it. (every verb that changes)
	ErrNoActor = errors.New("a change needs an actor")
	// ErrTenants: facts of several tenants in one change. (Apply, Grant, Revoke)
	ErrTenants = errors.New("a change is of one tenant")
	// ErrNoSuchRule: no fact has the rule id. (Disable, Apply)
	ErrNoSuchRule = errors.New("there is no such rule")
	// ErrOpen: a tenant may not be opened so. (Disable, Apply)
	ErrOpen = errors.New("the tenant may not be opened so")
	// ErrExcepted: a switch of a group, rule or membership is not for the user. (the enforcer of Casbin)
	ErrExcepted = reference.ErrExcepted
	// ErrNoBackup: there is no backup of the policy as it is. (Disable)
	ErrNoBackup = errors.New("opening a tenant needs a backup of its policy as it is")
	// ErrBusy: other changes of the tenant came in between again and again. (every verb that changes)
	ErrBusy = errors.New("the policy keeps changing; try again")
	// ErrPending: what a transaction has not committed is answered to nobody else. (Refresh)
	ErrPending = errors.New("the transaction is not committed")
	// ErrMoved: a change was made for a revision that the policy is no longer at. (Apply, Preview, Simulate)
	ErrMoved = errors.New("the policy has changed since")
	// ErrNoProposals: the store keeps no proposals. (Propose and what comes after it)
	ErrNoProposals = errors.New("the store keeps no proposals")
	// ErrNoErasing: the store cannot erase anybody. (Erase)
	ErrNoErasing = errors.New("the store cannot erase anybody")
	// ErrSettled: a proposal is settled already, as the text says. (Approve, Reject, Cancel)
	ErrSettled = errors.New("the proposal is settled")
	// ErrExpired: it is too late to approve or make a change. (Approve)
	ErrExpired = errors.New("the proposal has expired")
	// ErrOwnProposal: a second person is to settle it, who does not gain by it. (Approve, Reject)
	ErrOwnProposal = errors.New("the proposal is the approver's own")
	// ErrNoLog: the store keeps no log of changes. (ImpactOf)
	ErrNoLog = errors.New("the store keeps no log")
	// ErrNoRevision: no change led to the revision. (ImpactOf)
	ErrNoRevision = errors.New("no change led to the revision")
)

// Error says which operation failed, and for which tenant. Match what it
// wraps with errors.Is and errors.As.
type Error struct {
	Op     string // "enforce", "grant", …
	Tenant string // empty: of none, or of several
	Err    error
}

func (e *Error) Error() string {
	if e.Tenant == "" {
		return fmt.Sprintf("authz: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("authz: %s in tenant %q: %v", e.Op, e.Tenant, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// failed wraps an error of an operation; nil stays nil.
func failed(op, tenant string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Tenant: string([]byte(tenant)), Err: err}
}

func unknownTenant(tenant string) error {
	return model.At("request", "tenant", string([]byte(tenant)), model.ErrUnknownTenant)
}
