package authz

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Author is who makes a change and why, for the change log.
type Author struct {
	Actor  string // who; any text but the empty one
	Reason string // why, such as a ticket; may be empty
	// ChangeID makes a retry safe: a change of a tenant with an ID that is in
	// its log is not made again. Empty: a random one.
	ChangeID string
	// store makes the change durable, if that is more than Apply of the Authorizer's store.
	store    func(context.Context, adapter.Change) (adapter.Entry, error)
	erases   bool   // store changes more than the change says
	operator bool   // see Operator
	approver string // the second person, if one approved
}

// By names the author of a change.
func By(actor, reason string) Author { return Author{Actor: actor, Reason: reason} }

// Change is facts to add to the policy of one tenant, or of the base policy, and facts to
// take away, switches among them. It is nothing until it is made, by [Authorizer.Apply].
type Change struct {
	Tenant      string
	Add, Remove []Fact
	// Base is the revision of the tenant's policy that the change was made for: it is not made of another
	// one. 0: of any.
	Base Revision
}

// Apply makes a change: durable and logged as a whole, or not made at all. When it returns, the
// next Enforce answers by it. What is to be added and is there, or is to be taken away and is not, stays as it
// is; if that is all, nothing changes. What a fact to be taken away says must be the same to the letter: a rule with
// a period is another than one without. Apply returns the revision that has the change.
//
// Facts are checked against the schema, and refused with a *model.ValueError, as is a fact
// that is both to be added and to be taken away; one of another tenant with ErrTenants; a switch of a rule that is not
// there with ErrNoSuchRule; an inheritance that would close a cycle with model.ErrCycle, one of more
// than model.MaxDepth in a row with model.ErrTooDeep. (A change of the base policy is
// not checked against each tenant's own inheritance: a cycle or chain that only both
// together make is stored, and followed no further than decisions follow any.) A switch that opens
// the tenant is refused with ErrOpen: [Authorizer.Disable] adds it, which knows what that needs. A
// change for a revision that the policy is past is refused with ErrMoved, unless its Author's ChangeID says that it is made.
//
// In a context that the store has joined to a transaction of the caller's, the
// change commits or rolls back with it, and decides only after the commit.
func (a *Authorizer) Apply(ctx context.Context, by Author, c Change) (Revision, error) {
	return a.applyAs(ctx, "apply", by, c)
}

// Grant adds facts of one tenant (or of the base policy) to its policy: [Authorizer.Apply] of them.
func (a *Authorizer) Grant(ctx context.Context, by Author, facts ...Fact) (Revision, error) {
	return a.applyAs(ctx, "grant", by, Change{Tenant: tenantOf(facts), Add: facts})
}

// Revoke takes facts of one tenant away from its policy: [Authorizer.Apply] of that. It returns the revision without the facts.
func (a *Authorizer) Revoke(ctx context.Context, by Author, facts ...Fact) (Revision, error) {
	return a.applyAs(ctx, "revoke", by, Change{Tenant: tenantOf(facts), Remove: facts})
}

// opens tells whether a fact opens a tenant.
func opens(f Fact) bool {
	s, ok := f.(model.Switch)
	return ok && s.Mode == model.ModeOpen
}

// tenantOf is the tenant of facts, or none.
func tenantOf(facts []Fact) string {
	if len(facts) == 0 {
		return ""
	}
	if _, err := model.Encode(facts[0]); err != nil {
		return "" // it is refused
	}
	return facts[0].TenantID()
}

func (a *Authorizer) applyAs(ctx context.Context, op string, by Author, c Change) (Revision, error) {
	start := a.started()
	remove, add, err := a.encode(c)
	if err != nil {
		return a.changed(ctx, op, start, c.Tenant, by, 0, err)
	}
	rev, err := a.apply(ctx, by, c.Tenant, func(ctx context.Context, s *engine.Snapshot) ([]model.Line, []model.Line, error) {
		if c.Base != 0 && s.Revision != c.Base {
			return nil, nil, a.moved(ctx, c, s)
		}
		return remove, add, a.checkAdded(ctx, c.Tenant, s.Revision, remove, add)
	})
	if errors.Is(err, ErrMoved) {
		if made := a.made(ctx, c, by.ChangeID); made != 0 {
			rev, err = made, nil
		}
	}
	return a.changed(ctx, op, start, c.Tenant, by, rev, err)
}

// moved is why a change for another revision than that of a snapshot is not made of it.
func (a *Authorizer) moved(ctx context.Context, c Change, s *engine.Snapshot) error {
	if from, err := a.store.Load(ctx, c.Tenant); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	} else if from.Revision == c.Base {
		return adapter.ErrConflict // the snapshot is what is behind
	}
	return fmt.Errorf("%w: it was made for revision %d", ErrMoved, c.Base)
}

// made is the revision at which a change is in the log behind its base; 0: it is not known to be.
func (a *Authorizer) made(ctx context.Context, c Change, id string) Revision {
	feed, ok := a.store.(adapter.Feed)
	if !ok || id == "" {
		return 0
	}
	entries, err := feed.Changes(ctx, c.Tenant, c.Base, 0)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if e.ID == id {
			return e.Revision
		}
	}
	return 0
}

// encode checks the facts of a change that is to be made, and writes their lines.
func (a *Authorizer) encode(c Change) (remove, add []model.Line, err error) {
	if remove, add, err = a.encodeFacts(c); err == nil && slices.ContainsFunc(c.Add, opens) {
		return nil, nil, fmt.Errorf("%w: only Disable opens", ErrOpen)
	}
	return remove, add, err
}

// encodeFacts checks the facts of a change against the schema of its tenant and writes their lines.
func (a *Authorizer) encodeFacts(c Change) (remove, add []model.Line, err error) {
	if c.Tenant != "" {
		if err = model.CheckTenant(c.Tenant); err != nil {
			return nil, nil, model.At("change", "tenant", c.Tenant, err)
		}
	}
	if remove, err = a.encodeAll(c.Tenant, c.Remove); err != nil {
		return nil, nil, err
	}
	if add, err = a.encodeAll(c.Tenant, c.Add); err != nil {
		return nil, nil, err
	}
	removed := map[model.Line]bool{}
	for _, l := range remove {
		removed[l] = true
	}
	for _, l := range add {
		if removed[l] {
			return nil, nil, model.At("change", "fact", l.String(), fmt.Errorf("%w: it is both added and taken away", model.ErrMalformed))
		}
	}
	return remove, add, nil
}

func (a *Authorizer) encodeAll(tenant string, facts []Fact) (lines []model.Line, err error) {
	if len(facts) == 0 {
		return nil, nil
	}
	schema := a.schema.For(tenant)
	lines = make([]model.Line, len(facts))
	for i, f := range facts {
		if lines[i], err = model.Encode(f); err != nil {
			return nil, err
		}
		if f.TenantID() != tenant {
			return nil, fmt.Errorf("%w: %s and %s", ErrTenants, tenant, f.TenantID())
		}
		if err = schema.CheckFact(f); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// maxConflicts is how often a change is tried against a policy that others change.
const maxConflicts = 64

// apply makes the change that build says of the tenant's current policy.
func (a *Authorizer) apply(ctx context.Context, by Author, name string, build func(context.Context, *engine.Snapshot) (remove, add []model.Line, err error)) (Revision, error) {
	switch {
	case a.closed.Load():
		return 0, ErrClosed
	case by.Actor == "":
		return 0, ErrNoActor
	case name == "": // no facts at all
		return 0, nil
	}
	if by.ChangeID == "" {
		by.ChangeID = rand.Text()
	}
	var rev Revision
	err := a.against(ctx, name, func(t *tenant, s *engine.Snapshot) error {
		remove, add, err := build(ctx, s)
		if err == nil && !by.erases {
			err = a.check(ctx, t, s, by, remove, add)
		}
		if err == nil {
			rev, err = a.commit(ctx, t, s, by, remove, add)
		}
		return err
	})
	return rev, err
}

// against does something that depends on a tenant's policy, anew while others change that.
func (a *Authorizer) against(ctx context.Context, name string, do func(*tenant, *engine.Snapshot) error) error {
	t := a.tenant(name)
	// In a transaction of the caller's nothing shared is changed; and who holds
	// the database's lock of the tenant must not wait for one who waits for it.
	pending := adapter.Pending(ctx)
	if !pending {
		t.change.Lock()
		defer t.change.Unlock()
		defer t.vacant.Store(false)
	}
	s, err := a.locked(ctx, t)
	for range maxConflicts {
		if err != nil {
			return err
		}
		if !pending {
			t.vacant.Store(s.Revision == 0)
		}
		if err = do(t, s); !errors.Is(err, adapter.ErrConflict) {
			return err
		}
		s, err = a.load(ctx, t)
	}
	return ErrBusy
}

// current is the snapshot that a change is made against. In a transaction of
// the caller's that is what the transaction sees.
func (a *Authorizer) current(ctx context.Context, t *tenant) (*engine.Snapshot, error) {
	if s := a.loaded(t.name); s != nil && !adapter.Pending(ctx) {
		return s, nil
	}
	return a.compile(ctx, t)
}

// locked is current for who holds the change lock. What it loads is answered from, so that a
// resolver that is called for the change, and asks, does not wait for that lock.
func (a *Authorizer) locked(ctx context.Context, t *tenant) (*engine.Snapshot, error) {
	if s := a.loaded(t.name); s != nil && !adapter.Pending(ctx) {
		return s, nil
	}
	return a.load(ctx, t)
}

// commit makes a change durable and answers from what comes of it.
func (a *Authorizer) commit(ctx context.Context, t *tenant, s *engine.Snapshot, by Author, remove, add []model.Line) (Revision, error) {
	next, quick, err := s.With(s.Revision+1, remove, add)
	if err != nil {
		return 0, err
	}
	store := a.store.Apply
	if by.store != nil {
		store = by.store
	}
	entry, err := store(ctx, adapter.Change{Tenant: t.name, ID: by.ChangeID, Base: s.Revision,
		Remove: remove, Add: add, Actor: by.Actor, Reason: by.Reason, At: a.clock()})
	if err != nil {
		return 0, err
	}
	unchanged := entry.Revision == entry.Base // so it was in the store already, whatever the snapshot says
	after := context.WithoutCancel(ctx)       // what is made is answered from, whoever still waits for it
	switch {
	case adapter.Pending(ctx) || entry.Revision <= s.Revision && !unchanged: // to be answered from later, or made before
		return entry.Revision, nil
	case t.name == model.Base:
		if !unchanged {
			err = a.loadBase(after)
		}
	case quick && !by.erases && entry.Base == s.Revision && (unchanged || slices.Equal(entry.Remove, remove) && slices.Equal(entry.Add, add)):
		next.Revision = entry.Revision
		a.tenants.publish(t, next)
	default:
		_, err = a.load(after, t)
	}
	if err != nil {
		err = fmt.Errorf("the change is made (revision %d), but not yet answered from: %w", entry.Revision, err)
	}
	return entry.Revision, err
}

// checkAdded refuses what would close a cycle, or nest too deeply, and switches of rules that are not there.
func (a *Authorizer) checkAdded(ctx context.Context, tenant string, at Revision, remove, add []model.Line) error {
	for _, l := range add {
		if l.Section == model.Switches && model.IsRuleID(l.Values[0]) {
			if err := a.findRule(ctx, tenant, l.Values[0], add); err != nil {
				return err
			}
		}
	}
	return a.checkNesting(ctx, tenant, at, remove, add)
}

// checkNesting refuses what would close a cycle, or nest too deeply.
func (a *Authorizer) checkNesting(ctx context.Context, tenant string, at Revision, remove, add []model.Line) error {
	nests := false
	for _, l := range add {
		nests = nests || l.Section == model.OrgEdges || l.Section == model.Memberships && model.KindOf(l.Values[0]) != model.User
	}
	if !nests {
		return nil
	}
	gone := make(map[model.Line]bool, len(remove))
	for _, l := range remove {
		gone[l] = true
	}
	all := [][]model.Line{add}
	for _, name := range []string{tenant, model.Base} {
		from, err := a.store.Load(ctx, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if name == tenant && from.Revision != at {
			return adapter.ErrConflict
		}
		var nesting []model.Line
		for _, l := range from.Lines {
			if (l.Section == model.OrgEdges || l.Section == model.Memberships) && !gone[l] {
				nesting = append(nesting, l)
			}
		}
		all = append(all, nesting)
	}
	return engine.CheckNesting(add, all...)
}
