package authz

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// ErasedPrefix begins the pseudonyms that Erase gives.
const ErasedPrefix = "user:erased-"

// forever is how long a pseudonym is off. So written, it is another switch than one that she had.
var forever = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Erase puts a pseudonym, which it returns, in the place of a user's id in all that the store keeps of a tenant: in
// the facts of the policy, in the log of changes and in proposals, in their actors, and in reasons
// where the id stands as a word. It is one change. The log still leads to the policy, at the same revisions, and who did what
// can still be told of the pseudonym; the decisions for everybody else are what they were, once the CRM's
// records have the pseudonym as owner where they had the user.
//
// The pseudonym is switched off for good in the same change: what the user was granted and still has is of no use to anybody. It is better
// taken away first, by the plan of [Authorizer.Leaving]. Of the old id there are no facts any more: it is a stranger, for
// whom the rules for everyone hold. The pseudonym is random and differs from tenant to tenant; nothing leads
// back from it.
//
// The base policy, in which there are no people, has a log, too: Erase takes model.Base for that. What Erase does not reach is kept elsewhere, and is
// the application's: records, backups, the audit log, ids of changes that the application chose. An instance that has the tenant in memory
// answers from before until it looks at the store ([Authorizer.Refresh]).
//
// Where there is administration (model.Administration), an administrator may erase anybody but himself: else a *NotAllowedError, and
// ErrLastAdministrator if there would be a time without any.
// Refused are what is no user's id and one that no longer fits into an exception of a switch (a *model.ValueError), and a store that cannot erase: ErrNoErasing.
// A retry with the Author's ChangeID gives the same pseudonym.
func (a *Authorizer) Erase(ctx context.Context, by Author, tenant, user string) (pseudonym string, err error) {
	start := a.started()
	pseudonym, rev, err := a.erase(ctx, by, tenant, user)
	_, err = a.changed(ctx, "erase", start, tenant, by, rev, err)
	return pseudonym, err
}

func (a *Authorizer) erase(ctx context.Context, by Author, tenant, user string) (pseudonym string, rev Revision, err error) {
	eraser, ok := a.store.(adapter.Eraser)
	if !ok {
		return "", 0, ErrNoErasing
	}
	if err := model.CheckTenant(tenant); err != nil {
		return "", 0, model.At("erasure", "tenant", tenant, err)
	}
	if err := model.CheckSubject(user, model.User); err != nil {
		return "", 0, model.At("erasure", "user", user, err)
	}
	pseudonym = ErasedPrefix + strings.ToLower(rand.Text()[:10])
	by.erases = true
	by.store = func(ctx context.Context, c adapter.Change) (adapter.Entry, error) {
		e, err := eraser.Erase(ctx, adapter.Erasure{Subject: user, Pseudonym: pseudonym, Change: c})
		for _, l := range e.Add { // of an erasure that was made before
			if l.Section == model.Switches && strings.HasPrefix(l.Values[0], ErasedPrefix) {
				pseudonym = l.Values[0]
			}
		}
		return e, err
	}
	rev, err = a.apply(ctx, by, tenant, func(ctx context.Context, s *engine.Snapshot) (remove, add []model.Line, err error) {
		if err := a.mayErase(ctx, s, by, user); err != nil {
			return nil, nil, err
		}
		if tenant == model.Base || s.Revision == 0 { // there is nobody
			return nil, nil, nil
		}
		off, err := model.Encode(model.Switch{Tenant: tenant, Target: pseudonym, Mode: model.ModeOff, Valid: model.Period{Until: forever}})
		return nil, []model.Line{off}, err
	})
	if err != nil && rev == 0 {
		return "", 0, err
	}
	if err != nil {
		return pseudonym, rev, fmt.Errorf("%s is %s now: %w", user, pseudonym, err)
	}
	return pseudonym, rev, nil
}

// mayErase tells whether administration lets somebody erase a user: an administrator may, as long as there is always one without
// that user.
func (a *Authorizer) mayErase(ctx context.Context, s *engine.Snapshot, by Author, user string) error {
	if strings.HasPrefix(by.Actor, operatorPrefix) && !by.operator {
		return notAnOperator(by)
	}
	if a.schema.Administration != nil && by.Actor == user {
		return &NotAllowedError{Actor: by.Actor, Verb: "erase", Err: ErrNotAllowed, Detail: "nobody erases himself"}
	}
	err := a.mayAdminister(ctx, s, by)
	if err != nil || a.schema.Administration == nil || by.operator || s.Tenant == model.Base {
		return err
	}
	off, err := model.Encode(model.Switch{Tenant: s.Tenant, Target: user, Mode: model.ModeOff})
	if err != nil {
		return err
	}
	without, err := a.proposed(ctx, a.tenant(s.Tenant), s, nil, []model.Line{off})
	if err != nil {
		return err
	}
	return without.checkAdministrators(by.Actor)
}
