package adapter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/crmauthz/crmauthz/model"
)

var (
	_ Store   = (*File)(nil)
	_ Feed    = (*File)(nil)
	_ Planner = (*File)(nil)
	_ Eraser  = (*File)(nil)
)

var (
	// ErrInUse: the file is open already, in this process or another.
	ErrInUse = errors.New("adapter: the file is in use")
	// ErrChanged: another program wrote the file while it was open.
	ErrChanged = errors.New("adapter: the file was changed by another program")
)

// File is a Store, Feed, Planner and Eraser in a CSV file that Casbin's file adapter reads. The
// log of changes is in a second file beside it, named with ".log" behind, and
// the proposals, if there are any, in one with ".proposals" behind.
//
// Each change writes the whole file beside the old one and then replaces it,
// so that a crash leaves the old policy or the new one, and it costs time in
// proportion to the file: File is for policies of some ten thousand lines. All
// of it, and all of the log, is in memory as well.
//
// A file is open in one process at a time, which a lock on a third file, named
// with ".lock" behind, makes sure of. Programs that know nothing of the lock leave it alone
// meanwhile: a change does not write over what they wrote, but fails with an error matching ErrChanged, and
// the store answers nothing any more until it is opened again.
type File struct {
	path     string
	memory   *Memory
	unlock   func() error
	unusable atomic.Pointer[error] // why nothing is answered any more

	mu      sync.Mutex  // one change at a time
	policy  fs.FileInfo // as it was last read or written; nil: there was none
	log     *os.File
	logSize int64 // of what is whole
}

// OpenFile opens the policy in a file. If there is none, it begins empty.
//
// A file that was written by hand, or by another Casbin program, opens with
// each tenant in it at revision 1; the first change puts its lines in order
// and drops its comments. A line that model.Decode refuses, or a log that does
// not lead to the policy in the file, by its revisions and its lines, is an error that names file and line:
// who edits the policy by hand takes the log away.
// A file that is open elsewhere is ErrInUse.
func OpenFile(path string) (*File, error) {
	path = behindLinks(path) // or the link itself would be replaced
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("adapter: open %s: %w", path, err)
	}
	f := &File{path: path, unlock: unlock}
	if err := f.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("adapter: open %w", err), f.Close())
	}
	return f, nil
}

// behindLinks is where a path leads to, also if nothing is there yet.
func behindLinks(path string) string {
	for range 255 { // as EvalSymlinks does
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		dir, name := filepath.Split(path)
		if real, err := filepath.EvalSymlinks(cmp.Or(dir, ".")); err == nil {
			dir = real
		}
		to, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			return filepath.Join(dir, name)
		}
		if !filepath.IsAbs(to) {
			to = dir + string(filepath.Separator) + to // not cleaned: what is above a link is not above where it leads
		}
		path = to
	}
	return path
}

// read reads the policy and its log, and drops from the log what was not
// acknowledged when the last process ended.
func (f *File) read() error {
	data, err := f.readPolicy()
	if err != nil {
		return err
	}
	if f.memory, err = readPolicy(data); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	if f.log, err = os.OpenFile(f.path+".log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	if data, err = io.ReadAll(f.log); err != nil {
		return err
	}
	f.logSize, err = f.memory.readLog(data)
	_, begun := os.Stat(f.path + erasureFile)
	if err == nil && begun != nil { // an erasure that is begun may be made in the log alone
		err = f.memory.checkLog()
	}
	if err != nil {
		return fmt.Errorf("%s.log: %w", f.path, err)
	}
	if f.logSize < int64(len(data)) {
		if err := f.cutLog(); err != nil {
			return err
		}
	}
	if err := f.readProposals(); err != nil {
		return err
	}
	if err := f.resumeErasing(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path)) // the log may be new
}

// readPolicy reads the file of the policy, if there is one.
func (f *File) readPolicy() (data []byte, err error) {
	in, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.policy, err = in.Stat(); err == nil {
		data, err = io.ReadAll(in)
	}
	return data, errors.Join(err, in.Close())
}

// Close lets go of the file. Every later call fails with ErrClosed.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unlock == nil {
		return ErrClosed
	}
	f.unusable.Store(&ErrClosed)
	var err error
	if f.log != nil {
		err = f.log.Close()
	}
	err = errors.Join(err, f.unlock())
	f.unlock = nil
	return err
}

// usable is nil unless the store is closed or failed.
func (f *File) usable() error {
	if err := f.unusable.Load(); err != nil {
		return *err
	}
	return nil
}

// Load implements Store.
func (f *File) Load(ctx context.Context, tenant string) (Snapshot, error) {
	if err := f.usable(); err != nil {
		return Snapshot{}, err
	}
	return f.memory.Load(ctx, tenant)
}

// Tenants implements Store.
func (f *File) Tenants(ctx context.Context) iter.Seq2[string, error] {
	if err := f.usable(); err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return f.memory.Tenants(ctx)
}

// Changes implements Feed.
func (f *File) Changes(ctx context.Context, tenant string, after model.Revision, limit int) ([]Entry, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.memory.Changes(ctx, tenant, after, limit)
}

// Apply implements Store. After an error of the disk that leaves open whether
// the change was made, the store answers nothing any more: open it again.
func (f *File) Apply(ctx context.Context, c Change) (Entry, error) {
	c, err := c.Normal()
	if err != nil {
		return Entry{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.usable(), ctx.Err()); err != nil {
		return Entry{}, err
	}
	f.memory.mu.Lock()
	e, done, err := f.memory.plan(c)
	f.memory.mu.Unlock()
	if err != nil || done {
		return e, err
	}
	if err := f.write(e); err != nil {
		return Entry{}, fmt.Errorf("adapter: change %s: %w", f.path, err)
	}
	f.memory.mu.Lock()
	f.memory.commit(e)
	f.memory.mu.Unlock()
	return e, nil
}

// write makes an entry durable: first in the log, then in the policy, whose
// new revision is what makes the log's entry count.
func (f *File) write(e Entry) error {
	text, err := logLine(e)
	if err != nil {
		return err
	}
	if _, err = f.log.Write(text); err == nil {
		err = f.log.Sync()
	}
	if err == nil {
		err = f.replacePolicy(e)
	}
	if err != nil {
		return errors.Join(err, f.fail(f.cutLog()))
	}
	f.logSize += int64(len(text))
	return f.fail(syncDir(filepath.Dir(f.path)))
}

// fail ends the use of a store whose files are in an unknown state.
func (f *File) fail(err error) error {
	if err != nil {
		err = fmt.Errorf("adapter: %s is to be opened again: %w", f.path, err)
		f.unusable.Store(&err)
	}
	return err
}

// cutLog takes from the log what is not whole or was not made.
func (f *File) cutLog() error {
	if err := f.log.Truncate(f.logSize); err != nil {
		return err
	}
	return f.log.Sync()
}

// replacePolicy writes the policy as it is after an entry in the place of the one before.
func (f *File) replacePolicy(e Entry) error {
	is, err := f.writeBeside(e)
	if err != nil {
		return err
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		return err
	}
	f.policy = is
	return nil
}

// unchanged fails the store if another program has written the policy.
func (f *File) unchanged() error {
	now, err := os.Stat(f.path)
	was := f.policy
	switch {
	case errors.Is(err, fs.ErrNotExist) && was == nil:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil, was == nil, !os.SameFile(was, now), was.Size() != now.Size(), !was.ModTime().Equal(now.ModTime()):
		return f.fail(ErrChanged)
	}
	return nil
}

// writeBeside writes the policy as it is after an entry.
func (f *File) writeBeside(e Entry) (is fs.FileInfo, err error) {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(f.path); err == nil {
		mode = info.Mode().Perm()
	}
	out, err := os.OpenFile(f.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := f.memory.writePolicy(out, e); err != nil {
		return nil, err
	}
	if err := out.Sync(); err != nil {
		return nil, err
	}
	return out.Stat()
}

// revisionComment begins the comments that tell the tenants' revisions:
// "# revision 12 of acme".
const revisionComment = "# revision "

// readPolicy reads a policy from CSV.
func readPolicy(data []byte) (*Memory, error) {
	revisions, err := readRevisions(data)
	if err != nil {
		return nil, err
	}
	var refused error
	m, err := NewMemory(func(yield func(model.Line) bool) {
		for l, err := range model.ReadCSV(bytes.NewReader(data)) {
			if refused = err; err != nil || !yield(l) {
				return
			}
		}
	})
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	for name, revision := range revisions {
		t := m.tenant(name)
		t.revision, t.start = revision, revision
	}
	return m, nil
}

func readRevisions(data []byte) (map[string]model.Revision, error) {
	revisions := map[string]model.Revision{}
	number := 0
	for text := range bytes.Lines(data) {
		number++
		rest, ok := strings.CutPrefix(string(bytes.TrimSpace(text)), revisionComment)
		if !ok {
			continue
		}
		digits, tenant, _ := strings.Cut(rest, " of ")
		n, err := strconv.ParseUint(digits, 10, 63)
		_, again := revisions[tenant]
		if err != nil || n == 0 || again || model.CheckTenant(tenant) != nil {
			err := refuse("CSV", "revision", rest, "one comment for a tenant: "+revisionComment+"12 of acme")
			return nil, &model.SourceError{Line: number, Err: err}
		}
		revisions[tenant] = model.Revision(n)
	}
	return revisions, nil
}

// writePolicy writes the policy as CSV as it is after an entry: the revisions
// of the tenants, then their lines, in order.
func (m *Memory) writePolicy(w io.Writer, e Entry) error {
	revisions := map[string]model.Revision{}
	lines := slices.Clone(e.Add)
	m.mu.RLock()
	for name, t := range m.tenants {
		revisions[name] = t.revision
		lines = m.appendLines(lines, name, t)
	}
	m.mu.RUnlock()
	if e.Revision > 0 {
		revisions[e.Tenant] = e.Revision
	}
	removed := make(map[model.Line]bool, len(e.Remove))
	for _, l := range e.Remove {
		removed[l] = true
	}
	lines = slices.DeleteFunc(lines, func(l model.Line) bool { return removed[l] })
	slices.SortFunc(lines, compareLines)

	var head bytes.Buffer
	for _, tenant := range slices.Sorted(maps.Keys(revisions)) {
		fmt.Fprintf(&head, "%s%d of %s\n", revisionComment, revisions[tenant], tenant)
	}
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	return model.WriteCSV(w, slices.Values(lines))
}

func compareLines(a, b model.Line) int {
	return cmp.Or(
		cmp.Compare(a.Tenant(), b.Tenant()),
		cmp.Compare(section(a.Section), section(b.Section)),
		slices.Compare(a.Values[:], b.Values[:]),
	)
}
