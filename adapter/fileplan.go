package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// kept is a proposal as a line of JSON in the file of proposals. One that is settled by a
// change counts from the revision that the change makes; until then what was before does.
type kept struct {
	Proposal Proposal       `json:"proposal"`
	At       model.Revision `json:"at,omitzero"`
	Before   *Proposal      `json:"before,omitempty"`
}

// Put implements Planner.
func (f *File) Put(ctx context.Context, p Proposal) error {
	p, err := p.Normal()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.usable(), ctx.Err()); err != nil {
		return err
	}
	if same, err := f.memory.follows(p); err != nil || same {
		return err
	}
	return f.put(p)
}

// put keeps a proposal. The lock is held.
func (f *File) put(p Proposal) error {
	if err := f.writeProposals(kept{Proposal: p}); err != nil {
		return fmt.Errorf("adapter: put a proposal in %s: %w", f.path, err)
	}
	f.memory.mu.Lock()
	f.memory.proposals[p.key()] = p
	f.memory.mu.Unlock()
	return nil
}

// Settle implements Planner. The proposal is written first, as one that counts once the
// policy has the change: so the policy's renaming makes both at once.
func (f *File) Settle(ctx context.Context, c Change, p Proposal) (Entry, error) {
	c, p, err := settling(c, p)
	if err != nil {
		return Entry{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.usable(), ctx.Err()); err != nil {
		return Entry{}, err
	}
	f.memory.mu.Lock()
	e, done, err := f.memory.planSettling(c, p)
	f.memory.mu.Unlock()
	if err != nil {
		return Entry{}, err
	}
	if done {
		return e, f.put(p)
	}
	settled := kept{Proposal: p, At: e.Revision}
	if before, ok := f.memory.proposals[p.key()]; ok {
		settled.Before = &before
	}
	if err := f.writeProposals(settled); err != nil {
		return Entry{}, fmt.Errorf("adapter: settle a proposal in %s: %w", f.path, err)
	}
	if err := f.write(e); err != nil {
		if f.usable() == nil || errors.Is(err, ErrChanged) { // or another change would make it count
			err = errors.Join(err, f.fail(f.writeProposals(kept{})))
		}
		return Entry{}, fmt.Errorf("adapter: change %s: %w", f.path, err)
	}
	f.memory.mu.Lock()
	f.memory.commit(e)
	f.memory.proposals[p.key()] = p
	f.memory.mu.Unlock()
	return e, nil
}

// Proposal implements Planner.
func (f *File) Proposal(ctx context.Context, tenant, id string) (Proposal, error) {
	if err := f.usable(); err != nil {
		return Proposal{}, err
	}
	return f.memory.Proposal(ctx, tenant, id)
}

// Proposals implements Planner.
func (f *File) Proposals(ctx context.Context, tenant string, states ...State) ([]Proposal, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.memory.Proposals(ctx, tenant, states...)
}

// Due implements Planner.
func (f *File) Due(ctx context.Context, by time.Time) ([]Proposal, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.memory.Due(ctx, by)
}

// Ending implements Planner.
func (f *File) Ending(ctx context.Context, after, by time.Time) ([]model.Line, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.memory.Ending(ctx, after, by)
}

const proposalsFile, erasureFile = ".proposals", ".erasure"

// writeProposals writes all proposals, with one of them (unless it is zero) as it is to be.
func (f *File) writeProposals(with kept) error {
	all := []kept{with}
	if with.Proposal.Version == 0 {
		all = nil
	}
	for key, p := range f.memory.proposals { // only changed with f.mu held
		if key != with.Proposal.key() {
			all = append(all, kept{Proposal: p})
		}
	}
	slices.SortFunc(all, func(a, b kept) int {
		return strings.Compare(a.Proposal.Tenant+"\n"+a.Proposal.ID, b.Proposal.Tenant+"\n"+b.Proposal.ID)
	})
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	for _, k := range all {
		if err := to.Encode(k); err != nil {
			return err
		}
	}
	return replaceFile(f.path+proposalsFile, text.Bytes())
}

// replaceFile writes a file beside the old one, and then replaces it.
func replaceFile(path string, text []byte) error {
	out, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// readProposals reads the file of proposals, if there is one, and drops from it what is settled by
// a change that was not made when the last process ended.
func (f *File) readProposals() error {
	path := f.path + proposalsFile
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	dropped, err := f.memory.readProposals(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if dropped {
		return f.writeProposals(kept{})
	}
	return nil
}

// readProposals reads the proposals that belong to the policy in m; dropped tells that
// some do not count.
func (m *Memory) readProposals(data []byte) (dropped bool, err error) {
	number := 0
	for text := range bytes.Lines(data) {
		number++
		var k kept
		if err := readJSON(text, &k); err != nil {
			return false, &model.SourceError{Line: number, Err: err}
		}
		p := &k.Proposal
		if t := m.tenants[p.Tenant]; k.At > 0 && (t == nil || t.revision < k.At) {
			dropped = true
			if p = k.Before; p == nil {
				continue
			}
		}
		if _, again := m.proposals[p.key()]; again || p.Version == 0 {
			err := refuse("proposals", "id", p.ID, "a proposal is there once, and has a version")
			return false, &model.SourceError{Line: number, Err: err}
		}
		m.proposals[p.key()] = *p
	}
	return dropped, nil
}
