package authz

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/analysis"
	"github.com/crmauthz/crmauthz/model"
)

// Impact is who gains and who loses what by a change, in which records and because of which
// facts: data, JSON, and text for people ([impact.Impact.Markdown], String).
type Impact = impact.Impact

// PreviewOption is an option of Preview, Simulate and ImpactOf: At, Later, InTenant, OnRecords or MadeBy.
type PreviewOption func(*previewing)

type previewing struct {
	analysis.Options
	tenant  string
	records iter.Seq[*Record]
	author  *Author
}

// At has the impact be of an instant, whole seconds; without it, of now.
func At(t time.Time) PreviewOption {
	return func(p *previewing) { p.Options.At = t.UTC().Truncate(time.Second) }
}

// Later has the impact tell what is otherwise at the first n instants behind it at which a fact of the
// change begins or ends to be in force; without it, at the first two. Each takes as long as the whole.
func Later(n int) PreviewOption { return func(p *previewing) { p.Later = n } }

// InTenant says of which tenant the impact of a change of the base policy is.
func InTenant(tenant string) PreviewOption { return func(p *previewing) { p.tenant = tenant } }

// OnRecords has the impact tell which of these records are concerned, and how. Parents come
// with their records.
func OnRecords(records iter.Seq[*Record]) PreviewOption {
	return func(p *previewing) { p.records = records }
}

// MadeBy has Preview and Simulate refuse, with its errors, what Apply would refuse of this author: a change
// that he may not make ([NotAllowedError]) or that a second person must approve, that leaves the tenant without an administrator, or that
// a constraint forbids. Without it nobody's change is looked at. ImpactOf takes no notice of it, since the change was made.
func MadeBy(by Author) PreviewOption { return func(p *previewing) { p.author = &by } }

// Preview tells who gains and who loses what by a change, before it is made: all people, superiors and those who
// share a team or have a unit among them, all types, actions and fields, and of all records those classes that the policy tells apart.
// It is as exact as the policy is about records that it does not know; of a condition it says "if" (see package impact). Records that the
// CRM shows it ([OnRecords]) are told apart by their own facts. A switch is a change like others, one that opens a tenant included. Nothing is
// changed, logged or observed.
//
// It refuses what [Authorizer.Apply] refuses of the facts, and a Change whose Base the policy is past; what it refuses of the author, if it knows
// him ([MadeBy]). Of the base policy it needs to know in which tenant ([InTenant]). It takes some tenths of a second with a hundred thousand facts.
func (a *Authorizer) Preview(ctx context.Context, c Change, options ...PreviewOption) (*Impact, error) {
	i, err := a.preview(ctx, c, options)
	if err != nil {
		return nil, failed("preview", c.Tenant, err)
	}
	return i, nil
}

func (a *Authorizer) preview(ctx context.Context, c Change, options []PreviewOption) (*Impact, error) {
	p := a.previewing(c.Tenant, options)
	d, err := a.draft(ctx, c, p)
	if err != nil {
		return nil, err
	}
	return a.impact(ctx, d, p)
}

func (a *Authorizer) previewing(tenant string, options []PreviewOption) *previewing {
	p := &previewing{tenant: tenant, Options: analysis.Options{Later: 2}}
	At(a.clock())(p)
	for _, o := range options {
		o(p)
	}
	return p
}

// draft is a tenant's policy at a revision, and a change of it that is not made.
type draft struct {
	analysis.Change
	revision Revision
}

// draft checks a change as Apply does, for the policy of a tenant as it is.
func (a *Authorizer) draft(ctx context.Context, c Change, p *previewing) (d draft, err error) {
	if a.closed.Load() {
		return d, ErrClosed
	}
	d.Remove, d.Add, err = a.encodeFacts(c)
	if err != nil {
		return d, err
	}
	if d.Tenant = p.tenant; d.Tenant == "" || d.Tenant == model.Base {
		return d, model.At("preview", "tenant", d.Tenant, model.ErrUnknownTenant)
	}
	for range maxConflicts {
		changed, err := a.read(ctx, &d, c.Tenant)
		if err == nil && c.Base != 0 && changed != c.Base {
			err = fmt.Errorf("%w: it was made for revision %d", ErrMoved, c.Base)
		}
		if err == nil {
			err = a.checkAdded(ctx, c.Tenant, changed, d.Remove, d.Add)
		}
		if err == nil && p.author != nil {
			err = a.checkAuthor(ctx, *p.author, c.Tenant, d.Remove, d.Add)
		}
		if err != adapter.ErrConflict { //nolint:errorlint // it is checkNesting's own
			d.Change = d.Effective()
			return d, err
		}
	}
	return d, ErrBusy
}

// read reads the lines that a draft is of, and returns the revision of the tenant, or base policy, that changes.
func (a *Authorizer) read(ctx context.Context, d *draft, changes string) (Revision, error) {
	own, err := a.store.Load(ctx, d.Tenant)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	base, err := a.store.Load(ctx, model.Base)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	d.Lines, d.Base, d.revision = own.Lines, base.Lines, own.Revision
	if changes == model.Base {
		return base.Revision, nil
	}
	return own.Revision, nil
}

func (a *Authorizer) impact(ctx context.Context, d draft, p *previewing) (*Impact, error) {
	v, err := a.vocabulary(d.Tenant)
	if err != nil {
		return nil, err
	}
	i, err := v.Preview(ctx, d.Change, p.Options)
	if err != nil {
		return nil, err
	}
	i.Revision = d.revision
	if p.records != nil {
		err = a.onRecords(ctx, d, p, i)
	}
	return i, err
}

// vocabularies are the schemas of tenants ready for previews, made when they are asked for.
type vocabularies struct {
	sync.Mutex
	of map[string]*analysis.Vocabulary
}

func (a *Authorizer) vocabulary(tenant string) (*analysis.Vocabulary, error) {
	if _, own := a.schema.Tenants[tenant]; !own {
		tenant = "" // all others have the same
	}
	a.vocabularies.Lock()
	defer a.vocabularies.Unlock()
	v := a.vocabularies.of[tenant]
	if v == nil {
		var err error
		if v, err = analysis.NewVocabulary(a.schema, tenant); err != nil {
			return nil, err
		}
		if a.vocabularies.of == nil {
			a.vocabularies.of = map[string]*analysis.Vocabulary{}
		}
		a.vocabularies.of[tenant] = v
	}
	return v, nil
}

// ImpactOf tells who gained and who lost what by the change that led to a revision of a tenant's policy: what
// Preview said of it, from the log. Without [At] it is of the instant when the change was made.
//
// It needs the store's log: ErrNoLog, if the store keeps none; adapter.ErrLogCut, if it does not reach back so far, and
// ErrNoRevision, if no change led to that revision.
func (a *Authorizer) ImpactOf(ctx context.Context, tenant string, revision Revision, options ...PreviewOption) (*Impact, error) {
	i, err := a.impactOf(ctx, tenant, revision, options)
	if err != nil {
		return nil, failed("impact of", tenant, err)
	}
	return i, nil
}

func (a *Authorizer) impactOf(ctx context.Context, tenant string, revision Revision, options []PreviewOption) (*Impact, error) {
	if a.closed.Load() {
		return nil, ErrClosed
	}
	feed, ok := a.store.(adapter.Feed)
	switch {
	case !ok:
		return nil, ErrNoLog
	case revision == 0:
		return nil, ErrNoRevision
	}
	in := a.previewing(tenant, options).tenant
	if err := model.CheckTenant(in); err != nil || in == model.Base {
		return nil, model.At("impact of", "tenant", in, model.ErrUnknownTenant)
	}
	d := draft{Change: analysis.Change{Tenant: in}}
	latest, err := a.read(ctx, &d, tenant)
	if err != nil {
		return nil, err
	}
	entries, err := feed.Changes(ctx, tenant, revision-1, 0)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(entries) == 0 || entries[0].Revision != revision:
		return nil, fmt.Errorf("%w: %d", ErrNoRevision, revision)
	}
	made := entries[0]
	entries = slices.DeleteFunc(entries, func(e adapter.Entry) bool { return e.Revision > latest }) // made since it was read
	slices.Reverse(entries)
	changed, other := &d.Lines, &d.Base
	if tenant == model.Base {
		changed, other = other, changed
	}
	if err := a.undoSince(ctx, feed, made.At, in, tenant, other, &d.revision); err != nil {
		return nil, err
	}
	undo(changed, entries)
	if d.Remove, d.Add = made.Remove, made.Add; tenant != model.Base {
		d.revision = made.Base
	}
	return a.impact(ctx, d, a.previewing(tenant, append([]PreviewOption{At(made.At)}, options...)))
}

// undoSince takes back what was changed behind an instant in the other one of a tenant's and the base policy than
// the one that is looked at, as far as the log reaches.
func (a *Authorizer) undoSince(ctx context.Context, feed adapter.Feed, at time.Time, in, looked string, lines *[]model.Line, revision *Revision) error {
	other, latest := model.Base, Revision(0)
	if looked == model.Base {
		other = in
	}
	from, err := a.store.Load(ctx, other)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	*lines, latest = from.Lines, from.Revision
	var entries []adapter.Entry
	for after := latest; after > 0; after-- {
		one, err := feed.Changes(ctx, other, after-1, 1)
		if errors.Is(err, adapter.ErrLogCut) || err == nil && (len(one) == 0 || !one[0].At.After(at)) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		entries = append(entries, one[0])
		latest = one[0].Base
	}
	undo(lines, entries)
	if other != model.Base {
		*revision = latest
	}
	return nil
}

// undo takes changes back, the newest first.
func undo(lines *[]model.Line, entries []adapter.Entry) {
	there := make(map[model.Line]bool, len(*lines))
	for _, l := range *lines {
		there[l] = true
	}
	for _, e := range entries {
		for _, l := range e.Add {
			delete(there, l)
		}
		for _, l := range e.Remove {
			there[l] = true
		}
	}
	*lines = slices.Collect(maps.Keys(there))
}
