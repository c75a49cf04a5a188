package adapter

import (
	"context"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/crmauthz/crmauthz/model"
)

var (
	_ Store   = (*Memory)(nil)
	_ Feed    = (*Memory)(nil)
	_ Planner = (*Memory)(nil)
	_ Eraser  = (*Memory)(nil)
)

// Memory is a Store, Feed, Planner and Eraser that keeps everything in memory: for tests, for
// benchmarks, and for policies that are made anew at each start. The log of
// changes is kept whole, and strings of removed lines are not given back.
//
// A line costs 24 bytes, and some 20 more once its tenant has been changed;
// each distinct string costs some 30 beyond its text, once.
type Memory struct {
	mu        sync.RWMutex
	words     words
	tenants   map[string]*tenant
	proposals map[proposalKey]Proposal
}

// tenant is the policy of one tenant and its log.
type tenant struct {
	name     string
	revision model.Revision
	start    model.Revision // that the log begins after
	lines    lineSet
	log      []*Entry
	made     map[string]*Entry // the log by ID
}

// NewMemory returns a store that holds the lines, nil for none, with each
// tenant named in them at revision 1; of how these came about the log knows
// nothing. A line without the columns of its section is refused with a
// *model.ValueError; what the columns say is read by whoever loads them. The
// store keeps none of the lines' strings, whose memory may be used for the next line.
func NewMemory(lines iter.Seq[model.Line]) (*Memory, error) {
	m := &Memory{words: newWords(), tenants: map[string]*tenant{}, proposals: map[proposalKey]Proposal{}}
	if lines == nil {
		return m, nil
	}
	if err := m.fill(lines); err != nil {
		return nil, err
	}
	m.settle()
	return m, nil
}

func (m *Memory) fill(lines iter.Seq[model.Line]) error {
	t := &tenant{}
	for l := range lines {
		r, err := m.words.intern(&l)
		if err != nil {
			return err
		}
		if of := l.Tenant(); of != t.name {
			if err := model.CheckTenant(of); err != nil {
				return model.At("line "+l.String(), "tenant", strings.Clone(of), err)
			}
			t = m.tenant(of)
			t.revision, t.start = 1, 1
		}
		t.lines.rows.push(r)
	}
	return nil
}

// settle settles the tenants' lines, several at a time.
func (m *Memory) settle() {
	tenants := slices.Collect(maps.Values(m.tenants))
	var next atomic.Int64
	var settling sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		settling.Go(func() {
			var in []slot
			for i := next.Add(1) - 1; int(i) < len(tenants); i = next.Add(1) - 1 {
				in = tenants[i].lines.settle(in)
			}
		})
	}
	settling.Wait()
}

// tenant returns the named tenant, making it if it is not known yet.
func (m *Memory) tenant(name string) *tenant {
	t := m.tenants[name]
	if t == nil {
		t = &tenant{name: strings.Clone(name)}
		m.tenants[t.name] = t
	}
	return t
}

// known is the named tenant, or one at revision 0.
func (m *Memory) known(name string) *tenant {
	if t := m.tenants[name]; t != nil {
		return t
	}
	return &tenant{}
}

// Load implements Store.
func (m *Memory) Load(ctx context.Context, tenant string) (Snapshot, error) {
	return m.AppendLines(ctx, tenant, nil)
}

// AppendLines implements Appender.
func (m *Memory) AppendLines(ctx context.Context, tenant string, to []model.Line) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := m.tenants[tenant]
	if t == nil {
		return Snapshot{Lines: to}, nil
	}
	return Snapshot{t.revision, m.appendLines(to, tenant, t)}, nil
}

func (m *Memory) appendLines(lines []model.Line, name string, t *tenant) []model.Line {
	i := len(lines)
	lines = slices.Grow(lines, t.lines.rows.len())[:i+t.lines.rows.len()]
	for _, chunk := range t.lines.rows.chunks {
		for _, r := range chunk {
			m.words.spell(&lines[i], r, name)
			i++
		}
	}
	return lines
}

// Tenants implements Store.
func (m *Memory) Tenants(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.RLock()
		names := make([]string, 0, len(m.tenants))
		for name := range m.tenants {
			names = append(names, name)
		}
		m.mu.RUnlock()
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// Apply implements Store.
func (m *Memory) Apply(ctx context.Context, c Change) (Entry, error) {
	c, err := c.Normal()
	if err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	e, again, err := m.plan(c)
	if err == nil && !again {
		m.commit(e)
	}
	return e, err
}

// plan returns the entry that a normal change would make. It changes nothing;
// done tells that nothing is to be: the change was made before, or has no effect.
func (m *Memory) plan(c Change) (e Entry, done bool, err error) {
	t := m.known(c.Tenant)
	if e, ok := t.made[c.ID]; ok {
		return e.clone(), true, nil
	}
	if c.Base != t.revision {
		return Entry{}, false, ErrConflict
	}
	c.Remove = m.only(t, c.Remove, true)
	c.Add = m.only(t, c.Add, false)
	if len(c.Remove)+len(c.Add) == 0 {
		return Entry{c, c.Base}, true, nil
	}
	return Entry{c, c.Base + 1}, false, nil
}

// only returns those of the lines that are there, or those that are not.
func (m *Memory) only(t *tenant, lines []model.Line, there bool) []model.Line {
	lines = slices.DeleteFunc(lines, func(l model.Line) bool {
		r, known := m.words.find(&l)
		return (known && t.lines.has(r)) != there
	})
	if len(lines) == 0 {
		return nil
	}
	return lines
}

// commit makes what plan found.
func (m *Memory) commit(e Entry) {
	t := m.tenant(e.Tenant)
	for i := range e.Remove {
		r, _ := m.words.find(&e.Remove[i])
		t.lines.remove(r)
	}
	for i := range e.Add {
		t.lines.add(m.words.row(&e.Add[i]))
	}
	t.revision = e.Revision
	t.keep(e.clone())
}

// keep logs an entry.
func (t *tenant) keep(e Entry) {
	if t.made == nil {
		t.made = map[string]*Entry{}
	}
	t.log = append(t.log, &e)
	t.made[e.ID] = &e
}

// clone is the entry with lines of its own.
func (e Entry) clone() Entry {
	e.Remove, e.Add = slices.Clone(e.Remove), slices.Clone(e.Add)
	return e
}

// Changes implements Feed.
func (m *Memory) Changes(ctx context.Context, tenant string, after model.Revision, limit int) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := m.tenants[tenant]
	if t == nil || after >= t.revision {
		return nil, nil
	}
	if after < t.start {
		return nil, ErrLogCut
	}
	log := t.log[after-t.start:]
	if limit > 0 && limit < len(log) {
		log = log[:limit]
	}
	out := make([]Entry, len(log))
	for i, e := range log {
		out[i] = e.clone()
	}
	return out, nil
}
