package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// erasureRecord is an erasure that is being made, as JSON in a file of its own. As long as
// that file is there, the policy, the log and the proposals are still to be written.
type erasureRecord struct {
	Tenant    string            `json:"tenant"`
	ID        string            `json:"id"`
	Base      model.Revision    `json:"base"`
	Subject   string            `json:"subject"`
	Pseudonym string            `json:"pseudonym"`
	Rules     map[string]string `json:"rules"`
	Actor     string            `json:"actor"`
	Reason    string            `json:"reason"`
	At        time.Time         `json:"at"`
	Remove    [][]string        `json:"remove"`
	Add       [][]string        `json:"add"`
}

// Erase implements Eraser. It is made once it is written down in a file of its own, named
// with ".erasure" behind, from which whoever opens the policy next finishes it. After an error of the disk the
// store answers nothing any more: open it again.
func (f *File) Erase(ctx context.Context, e Erasure) (Entry, error) {
	e, err := e.Normal()
	if err != nil {
		return Entry{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.usable(), ctx.Err()); err != nil {
		return Entry{}, err
	}
	f.memory.mu.Lock()
	x, made, err := f.memory.planErasing(e)
	f.memory.mu.Unlock()
	switch {
	case err != nil:
		return Entry{}, err
	case made != nil:
		return made.clone(), nil
	}
	if err := f.unchanged(); err != nil { // or it could not be finished
		return Entry{}, err
	}
	text, err := json.Marshal(erasureRecord{
		Tenant: e.Change.Tenant, ID: e.Change.ID, Base: e.Change.Base, Subject: x.Subject, Pseudonym: x.Pseudonym, Rules: x.Rules,
		Actor: e.Change.Actor, Reason: e.Change.Reason, At: e.Change.At, Remove: columnsOf(e.Change.Remove), Add: columnsOf(e.Change.Add),
	})
	if err != nil {
		return Entry{}, err
	}
	if err := replaceFile(f.path+erasureFile, text); err != nil {
		// Whether it is written down is not known, unless it can be taken back.
		return Entry{}, errors.Join(err, f.fail(f.removeErasure()))
	}
	entry, err := f.finishErasing(x)
	return entry, f.fail(err)
}

// removeErasure takes back what was written down of an erasure.
func (f *File) removeErasure() error {
	err := os.Remove(f.path + erasureFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, syncDir(filepath.Dir(f.path)))
}

// finishErasing makes an erasure that is written down: what it finds done it does not do again.
func (f *File) finishErasing(x erasing) (Entry, error) {
	f.memory.mu.Lock()
	e, err := f.memory.commitErasing(x)
	f.memory.mu.Unlock()
	if err != nil {
		return Entry{}, err
	}
	if err := f.replaceLog(x.Change.Tenant); err != nil {
		return Entry{}, err
	}
	if err := f.replacePolicy(Entry{Change: Change{Tenant: x.Change.Tenant}, Revision: e.Revision}); err != nil {
		return Entry{}, err
	}
	if err := f.writeProposals(kept{}); err != nil {
		return Entry{}, err
	}
	if err := os.Remove(f.path + erasureFile); err != nil {
		return Entry{}, err
	}
	return e, syncDir(filepath.Dir(f.path))
}

// replaceLog writes the whole log anew, before the policy. The tenant that is changed comes last: an
// entry at the end that is ahead of the policy is dropped when they are read.
func (f *File) replaceLog(last string) error {
	var text bytes.Buffer
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f.memory.tenants)), func(name string) bool { return name == last })
	for _, name := range append(names, last) {
		t := f.memory.tenants[name]
		if t == nil {
			continue
		}
		for _, e := range t.log {
			line, err := logLine(*e)
			if err != nil {
				return err
			}
			text.Write(line)
		}
	}
	if err := replaceFile(f.path+".log", text.Bytes()); err != nil {
		return err
	}
	log, err := os.OpenFile(f.path+".log", os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	err = f.log.Close()
	f.log, f.logSize = log, int64(text.Len())
	return err
}

// resumeErasing finishes an erasure that was being made when the last process ended.
func (f *File) resumeErasing() error {
	path := f.path + erasureFile
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	e, err := readErasure(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	x, made, err := f.memory.planErasing(e)
	if made != nil { // the policy is written, but not all of the proposals
		x, err = f.memory.renaming(e)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err = f.finishErasing(x); err != nil {
		return err
	}
	if err := f.memory.checkLog(); err != nil {
		return fmt.Errorf("%s.log: %w", f.path, err)
	}
	return nil
}

func readErasure(text []byte) (e Erasure, err error) {
	var r erasureRecord
	if err := readJSON(text, &r); err != nil {
		return e, err
	}
	e = Erasure{Subject: r.Subject, Pseudonym: r.Pseudonym, Rules: r.Rules,
		Change: Change{Tenant: r.Tenant, ID: r.ID, Base: r.Base, Actor: r.Actor, Reason: r.Reason, At: r.At}}
	if e.Change.Remove, err = linesOf(r.Remove); err != nil {
		return e, err
	}
	if e.Change.Add, err = linesOf(r.Add); err != nil {
		return e, err
	}
	return e.Normal()
}
