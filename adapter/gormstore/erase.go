package gormstore

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// Erase implements adapter.Eraser. It reads the whole log of the tenant, which is held meanwhile.
func (s *Store) Erase(ctx context.Context, e adapter.Erasure) (adapter.Entry, error) {
	tenant := e.Change.Tenant
	e, err := e.Normal()
	if err != nil {
		return adapter.Entry{}, fail("erase", tenant, err)
	}
	var entry adapter.Entry
	err = s.write(ctx, tenant, func(tx *gorm.DB) (err error) {
		entry, err = erase(tx, e)
		return err
	})
	if err != nil {
		return adapter.Entry{}, fail("erase", tenant, err)
	}
	return entry, nil
}

func erase(tx *gorm.DB, e adapter.Erasure) (adapter.Entry, error) {
	tenant := e.Change.Tenant
	row, err := lock(tx, tenant)
	if err != nil {
		return adapter.Entry{}, err
	}
	if made, err := entries(tx, share(tx), tenant, "id = ?", e.Change.ID); err != nil {
		return adapter.Entry{}, err
	} else if len(made) > 0 {
		return made[0], errUnchanged
	}
	now, err := revisionNow(tx, tenant, row, share(tx))
	if err != nil {
		return adapter.Entry{}, err
	}
	if e.Change.Base != now {
		return adapter.Entry{}, adapter.ErrConflict
	}
	if err := learn(tx, &e); err != nil {
		return adapter.Entry{}, err
	}
	for _, rename := range []func(*gorm.DB, adapter.Erasure) error{renameRules, renameLog, renameLogLines, renameProposals} {
		if err := rename(tx, e); err != nil {
			return adapter.Entry{}, err
		}
	}
	entry, err := apply(tx, e.Change)
	if errors.Is(err, errUnchanged) {
		err = nil // what is renamed stays
	}
	return entry, err
}

// learn fills in the rule ids of all lines that are, were, or may come to be.
func learn(tx *gorm.DB, e *adapter.Erasure) error {
	if e.Rules != nil {
		return nil
	}
	e.Rules = map[string]string{}
	ls, err := lines(tx, e.Change.Tenant, share(tx))
	if err != nil {
		return err
	}
	if err := e.Learn(ls); err != nil {
		return err
	}
	if err := logLines(tx, e.Change.Tenant, func(part logPart) error { return e.Learn(slices.Concat(part.removed, part.added)) }); err != nil {
		return err
	}
	ps, err := proposals(tx, share(tx), "tenant = ?", e.Change.Tenant)
	for _, p := range ps {
		err = errors.Join(err, e.Learn(slices.Concat(p.Remove, p.Add)))
	}
	return err
}

// renameRules renames in the policy.
func renameRules(tx *gorm.DB, e adapter.Erasure) error {
	ls, err := lines(tx, e.Change.Tenant, share(tx))
	if err != nil {
		return err
	}
	var gone, come []model.Line
	for _, l := range ls {
		renamed, err := e.Line(l)
		if err != nil {
			return err
		}
		if renamed != l && !slices.Contains(gone, l) { // a line with NULL in it may be there twice
			gone, come = append(gone, l), append(come, renamed)
		}
	}
	ids, err := stored(tx, gone)
	if err != nil {
		return err
	}
	if err := remove(tx, gone, ids); err != nil {
		return err
	}
	return add(tx, come)
}

// renameLog renames in the actors and reasons of the log.
func renameLog(tx *gorm.DB, e adapter.Erasure) error {
	type change struct {
		revision      model.Revision
		actor, reason string
	}
	var changed []change
	err := query(tx, func(scan func(...any) error) error {
		var c change
		if err := scan(&c.revision, &c.actor, &c.reason); err != nil {
			return err
		}
		if is := (change{c.revision, e.Actor(c.actor), e.Text(c.reason)}); is != c {
			changed = append(changed, is)
		}
		return nil
	}, "SELECT revision, actor, reason FROM crmauthz_changes WHERE tenant = ?"+share(tx), e.Change.Tenant)
	for _, c := range changed {
		if err == nil {
			err = exec(tx, 1, "UPDATE crmauthz_changes SET actor = ?, reason = ? WHERE tenant = ? AND revision = ?", c.actor, c.reason, e.Change.Tenant, c.revision)
		}
	}
	return err
}

// logPart is a row of crmauthz_change_lines.
type logPart struct {
	revision       model.Revision
	part           int64
	removed, added []model.Line
}

// logLines hands the rows of a tenant's crmauthz_change_lines to f.
func logLines(tx *gorm.DB, tenant string, f func(logPart) error) error {
	return query(tx, func(scan func(...any) error) error {
		var p logPart
		var removed, added string
		err := scan(&p.revision, &p.part, &removed, &added)
		if err == nil {
			p.removed, err = parse(nil, removed)
		}
		if err == nil {
			p.added, err = parse(nil, added)
		}
		if err != nil {
			return err
		}
		return f(p)
	}, "SELECT revision, part, removed, added FROM crmauthz_change_lines WHERE tenant = ?"+share(tx), tenant)
}

// renameLogLines renames in the lines of the log.
func renameLogLines(tx *gorm.DB, e adapter.Erasure) error {
	var changed []logPart
	err := logLines(tx, e.Change.Tenant, func(p logPart) error {
		removed, r, err := e.Lines(p.removed)
		if err != nil {
			return err
		}
		added, a, err := e.Lines(p.added)
		if r || a {
			changed = append(changed, logPart{p.revision, p.part, removed, added})
		}
		return err
	})
	for _, p := range changed {
		if err == nil {
			err = exec(tx, 1, "UPDATE crmauthz_change_lines SET removed = ?, added = ? WHERE tenant = ? AND revision = ? AND part = ?",
				spell(p.removed), spell(p.added), e.Change.Tenant, p.revision, p.part)
		}
	}
	return err
}

// renameProposals renames in the tenant's proposals.
func renameProposals(tx *gorm.DB, e adapter.Erasure) error {
	ps, err := proposals(tx, share(tx), "tenant = ?", e.Change.Tenant)
	if err != nil {
		return err
	}
	for _, p := range ps {
		renamed, changed, err := e.Proposal(p)
		if err == nil && changed {
			err = put(tx, renamed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
