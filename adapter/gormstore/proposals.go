package gormstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// proposalRow is a proposal. All of it is in data; what it is looked for by stands beside that.
type proposalRow struct {
	Tenant  string `gorm:"column:tenant;size:100;primaryKey"`
	ID      string `gorm:"column:id;size:100;primaryKey"`
	Version int64  `gorm:"column:version;not null"`
	State   string `gorm:"column:state;size:100;not null"`
	Due     string `gorm:"column:due;size:100;not null;index:idx_crmauthz_proposals_due"` // see timeFormat; empty: never
	Data    string `gorm:"column:data;not null"`                                          // JSON of adapter.Proposal
}

func (proposalRow) TableName() string { return "crmauthz_proposals" }

// Put implements adapter.Planner.
func (s *Store) Put(ctx context.Context, p adapter.Proposal) error {
	tenant := p.Tenant
	p, err := p.Normal()
	if err == nil {
		err = s.write(ctx, p.Tenant, func(tx *gorm.DB) error {
			if _, err := lock(tx, p.Tenant); err != nil {
				return err
			}
			return put(tx, p)
		})
	}
	return fail("put", tenant, err)
}

// put keeps a proposal of a tenant that is locked, or returns errUnchanged if it is kept already.
func put(tx *gorm.DB, p adapter.Proposal) error {
	before, err := proposals(tx, share(tx), "tenant = ? AND id = ?", p.Tenant, p.ID)
	if err != nil {
		return err
	}
	var kept *adapter.Proposal
	if len(before) > 0 {
		kept = &before[0]
	}
	if same, err := p.Follows(kept); err != nil {
		return err
	} else if same {
		return errUnchanged
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	due := ""
	if !p.Due.IsZero() {
		due = p.Due.Format(timeFormat)
	}
	if kept == nil {
		return exec(tx, 1, "INSERT INTO crmauthz_proposals (tenant, id, version, state, due, data) VALUES (?, ?, ?, ?, ?, ?)",
			p.Tenant, p.ID, p.Version, p.State, due, string(data))
	}
	return exec(tx, 1, "UPDATE crmauthz_proposals SET version = ?, state = ?, due = ?, data = ? WHERE tenant = ? AND id = ? AND version = ?",
		p.Version, p.State, due, string(data), p.Tenant, p.ID, kept.Version)
}

// proposals reads those that the rest of a SELECT chooses.
func proposals(tx *gorm.DB, hold, rest string, args ...any) (ps []adapter.Proposal, err error) {
	err = query(tx, func(scan func(...any) error) error {
		var tenant, id, data string
		if err := scan(&tenant, &id, &data); err != nil {
			return err
		}
		var p adapter.Proposal
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			return fmt.Errorf("proposal %q of tenant %q: %w", id, tenant, err)
		}
		ps = append(ps, p)
		return nil
	}, "SELECT tenant, id, data FROM crmauthz_proposals WHERE "+rest+hold, args...)
	return ps, err
}

// Settle implements adapter.Planner.
func (s *Store) Settle(ctx context.Context, c adapter.Change, p adapter.Proposal) (adapter.Entry, error) {
	e, err := s.settle(ctx, c, p)
	if err != nil {
		return adapter.Entry{}, fail("settle", c.Tenant, err)
	}
	return e, nil
}

func (s *Store) settle(ctx context.Context, c adapter.Change, p adapter.Proposal) (e adapter.Entry, err error) {
	if c, err = c.Normal(); err != nil {
		return e, err
	}
	if p, err = p.Normal(); err != nil {
		return e, err
	}
	if p.Tenant != c.Tenant {
		return e, model.At("proposal", "tenant", p.Tenant, fmt.Errorf("%w: its change is of %s", model.ErrMalformed, c.Tenant))
	}
	err = s.write(ctx, c.Tenant, func(tx *gorm.DB) error {
		e, err = apply(tx, c)
		if err != nil && !errors.Is(err, errUnchanged) {
			return err
		}
		made := err == nil
		err = put(tx, p)
		if made && errors.Is(err, errUnchanged) {
			err = nil
		}
		return err
	})
	return e, err
}

// Proposal implements adapter.Planner.
func (s *Store) Proposal(ctx context.Context, tenant, id string) (adapter.Proposal, error) {
	ps, err := s.readProposals(ctx, "tenant = ? AND id = ?", tenant, id)
	switch {
	case err != nil:
		return adapter.Proposal{}, fail("proposal", tenant, err)
	case len(ps) == 0:
		return adapter.Proposal{}, fail("proposal", tenant, adapter.ErrNoProposal)
	}
	return ps[0], nil
}

// Proposals implements adapter.Planner.
func (s *Store) Proposals(ctx context.Context, tenant string, states ...adapter.State) ([]adapter.Proposal, error) {
	where, args := "tenant = ?", []any{tenant}
	if len(states) > 0 {
		where, args = where+" AND state IN ?", append(args, states)
	}
	ps, err := s.readProposals(ctx, where, args...)
	return ps, fail("proposals", tenant, err)
}

// Due implements adapter.Planner.
func (s *Store) Due(ctx context.Context, by time.Time) ([]adapter.Proposal, error) {
	ps, err := s.readProposals(ctx, "due <> '' AND due <= ?", by.UTC().Format(timeFormat))
	return ps, fail("due", "", err)
}

func (s *Store) readProposals(ctx context.Context, where string, args ...any) (ps []adapter.Proposal, err error) {
	err = s.read(ctx, func(tx *gorm.DB) (err error) {
		ps, err = proposals(tx, "", where, args...)
		return err
	})
	return ps, err
}

// Ending implements adapter.Planner.
func (s *Store) Ending(ctx context.Context, after, by time.Time) ([]model.Line, error) {
	var ls []model.Line
	var malformed []error
	err := s.read(ctx, func(tx *gorm.DB) error {
		ls, malformed = nil, nil
		return query(tx, func(scan func(...any) error) error {
			id, l, err := scanRule(scan)
			if err != nil {
				return err
			}
			if err := l.Check(); err != nil {
				malformed = append(malformed, &RowError{id, err})
			} else if adapter.Ends(l, after, by) {
				ls = append(ls, l)
			}
			return nil
		}, "SELECT "+ruleColumns+" FROM casbin_rule WHERE ptype = 'p4' AND v4 <> '-'")
	})
	return ls, fail("ending", "", errors.Join(append(malformed, err)...))
}
