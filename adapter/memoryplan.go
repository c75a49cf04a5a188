package adapter

import (
	"context"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// proposalKey names a proposal.
type proposalKey struct{ tenant, id string }

func (p Proposal) key() proposalKey { return proposalKey{p.Tenant, p.ID} }

// Put implements Planner.
func (m *Memory) Put(ctx context.Context, p Proposal) error {
	p, err := p.Normal()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if same, err := m.follows(p); err != nil || same {
		return err
	}
	m.proposals[p.key()] = p
	return nil
}

// follows tells whether a proposal may be put, or is kept already.
func (m *Memory) follows(p Proposal) (same bool, err error) {
	if kept, ok := m.proposals[p.key()]; ok {
		return p.Follows(&kept)
	}
	return p.Follows(nil)
}

// Settle implements Planner.
func (m *Memory) Settle(ctx context.Context, c Change, p Proposal) (Entry, error) {
	c, p, err := settling(c, p)
	if err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	e, done, err := m.planSettling(c, p)
	if err != nil {
		return Entry{}, err
	}
	if !done {
		m.commit(e)
	}
	m.proposals[p.key()] = p
	return e, nil
}

// settling makes a change and its proposal normal.
func settling(c Change, p Proposal) (Change, Proposal, error) {
	c, err := c.Normal()
	if err != nil {
		return c, p, err
	}
	if p, err = p.Normal(); err == nil && p.Tenant != c.Tenant {
		err = refuse("change of "+c.Tenant, "proposal", p.Tenant, "a proposal is of the tenant that it changes")
	}
	return c, p, err
}

// planSettling is plan, if the proposal may be put.
func (m *Memory) planSettling(c Change, p Proposal) (e Entry, done bool, err error) {
	if _, err := m.follows(p); err != nil {
		return Entry{}, false, err
	}
	return m.plan(c)
}

// Proposal implements Planner.
func (m *Memory) Proposal(ctx context.Context, tenant, id string) (Proposal, error) {
	if err := ctx.Err(); err != nil {
		return Proposal{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	p, ok := m.proposals[proposalKey{tenant, id}]
	if !ok {
		return Proposal{}, ErrNoProposal
	}
	return p.clone(), nil
}

// Proposals implements Planner.
func (m *Memory) Proposals(ctx context.Context, tenant string, states ...State) ([]Proposal, error) {
	return m.proposalsThat(ctx, func(p Proposal) bool { return p.Tenant == tenant && p.IsIn(states) })
}

// Due implements Planner.
func (m *Memory) Due(ctx context.Context, by time.Time) ([]Proposal, error) {
	return m.proposalsThat(ctx, func(p Proposal) bool { return p.IsDue(by) })
}

func (m *Memory) proposalsThat(ctx context.Context, is func(Proposal) bool) (ps []Proposal, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, p := range m.proposals {
		if is(p) {
			ps = append(ps, p.clone())
		}
	}
	return ps, nil
}

// Ending implements Planner.
func (m *Memory) Ending(ctx context.Context, after, by time.Time) (lines []model.Line, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	switches := uint32(section(model.Switches))
	for name, t := range m.tenants {
		for _, chunk := range t.lines.rows.chunks {
			for _, r := range chunk {
				var l model.Line
				if r[0] != switches {
					continue
				}
				if m.words.spell(&l, r, name); Ends(l, after, by) {
					lines = append(lines, l)
				}
			}
		}
	}
	return lines, nil
}

// Erase implements Eraser. The strings of the lines that were are not given back.
func (m *Memory) Erase(ctx context.Context, e Erasure) (Entry, error) {
	e, err := e.Normal()
	if err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	x, made, err := m.planErasing(e)
	switch {
	case err != nil:
		return Entry{}, err
	case made != nil:
		return made.clone(), nil
	}
	return m.commitErasing(x)
}

// erasing is all that an erasure renames.
type erasing struct {
	Erasure
	gone, lines []model.Line
	log         []Entry // of the whole tenant
	proposals   []Proposal
}

// planErasing is what a normal erasure renames. It changes nothing; made is the entry of an
// erasure that was made before.
func (m *Memory) planErasing(e Erasure) (x erasing, made *Entry, err error) {
	t := m.known(e.Change.Tenant)
	if made := t.made[e.Change.ID]; made != nil {
		return erasing{Erasure: e}, made, nil
	}
	if e.Change.Base != t.revision {
		return x, nil, ErrConflict
	}
	x, err = m.renaming(e)
	return x, nil, err
}

// renaming finds what an erasure renames, and its Rules if they are not known.
func (m *Memory) renaming(e Erasure) (x erasing, err error) {
	x.Erasure = e
	t := m.known(e.Change.Tenant)
	lines := m.appendLines(nil, e.Change.Tenant, t)
	if x.Rules == nil {
		x.Rules = map[string]string{}
		if err := x.learn(m, t, lines); err != nil {
			return x, err
		}
	}
	for _, l := range lines {
		renamed, err := x.Line(l)
		if err != nil {
			return x, err
		}
		if renamed != l {
			x.gone, x.lines = append(x.gone, l), append(x.lines, renamed)
		}
	}
	for _, was := range t.log {
		renamed, _, err := x.Entry(*was)
		if err != nil {
			return x, err
		}
		x.log = append(x.log, renamed)
	}
	for _, p := range m.proposals {
		if p.Tenant != e.Change.Tenant {
			continue
		}
		renamed, changed, err := x.Proposal(p)
		if err != nil {
			return x, err
		}
		if changed {
			x.proposals = append(x.proposals, renamed)
		}
	}
	return x, nil
}

// learn finds the rule ids of all lines that are, were, or may come to be.
func (x *erasing) learn(m *Memory, t *tenant, lines []model.Line) error {
	all := [][]model.Line{lines}
	for _, e := range t.log {
		all = append(all, e.Remove, e.Add)
	}
	for _, p := range m.proposals {
		if p.Tenant == x.Change.Tenant {
			all = append(all, p.Remove, p.Add)
		}
	}
	for _, lines := range all {
		if err := x.Learn(lines); err != nil {
			return err
		}
	}
	return nil
}

// commitErasing makes what planErasing found, and then the change.
func (m *Memory) commitErasing(x erasing) (Entry, error) {
	if t := m.tenants[x.Change.Tenant]; t != nil {
		for i := range x.gone {
			r, _ := m.words.find(&x.gone[i])
			t.lines.remove(r)
		}
		for i := range x.lines {
			t.lines.add(m.words.row(&x.lines[i]))
		}
		t.log, t.made = nil, nil
		for _, e := range x.log {
			t.keep(e)
		}
	}
	for _, p := range x.proposals {
		m.proposals[p.key()] = p
	}
	e, done, err := m.plan(x.Change)
	if err == nil && !done {
		m.commit(e)
	}
	return e, err
}
