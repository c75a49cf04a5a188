package adapter_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

func proposal(tenant, id string, add ...model.Line) adapter.Proposal {
	return adapter.Proposal{Tenant: tenant, ID: id, Version: 1, State: adapter.Planned, Add: add,
		Steps: []adapter.Step{{Did: "planned", Actor: "user:eve", Reason: "for user:eve", At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}}}
}

// files are the texts of a policy's files by what stands behind its name.
type files map[string]string

var behind = []string{"", ".log", ".proposals", ".erasure"}

func filesOf(t *testing.T, path string) files {
	t.Helper()
	all := files{}
	for _, b := range behind {
		if text, err := os.ReadFile(path + b); err == nil {
			all[b] = string(text)
		}
	}
	return all
}

func (fs files) open(t *testing.T) (*adapter.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.csv")
	for b, text := range fs {
		write(t, path+b, text)
		write(t, path+b+".new", "half a")
	}
	return openFile(t, path), path
}

// with is the files with some of others.
func (fs files) with(others files, names ...string) files {
	fs = maps.Clone(fs)
	for _, n := range names {
		fs[n] = others[n]
	}
	return fs
}

func TestFile_settles_a_proposal_with_the_policy(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "a", "r")}})
	planned := proposal("acme", "one", member("acme", "b", "r"))
	if err := f.Put(ctx, planned); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, path)
	made := planned
	made.Version, made.State = 2, adapter.Made
	change := adapter.Change{Tenant: "acme", ID: "one", Base: 1, Add: planned.Add}
	if _, err := f.Settle(ctx, change, made); err != nil {
		t.Fatal(err)
	}
	after := filesOf(t, path)
	closeFile(t, f)

	wantState := func(f *adapter.File, want adapter.State, revision model.Revision) {
		t.Helper()
		p, err := f.Proposal(ctx, "acme", "one")
		if err != nil || p.State != want || load(t, f, "acme").Revision != revision {
			t.Errorf("%+v, %v, at revision %d; want %s at %d", p, err, load(t, f, "acme").Revision, want, revision)
		}
	}
	for name, crashed := range map[string]files{
		"after the proposal":      before.with(after, ".proposals"),
		"after the log's entry":   before.with(after, ".proposals", ".log"),
		"after half of the entry": before.with(after, ".proposals").with(files{".log": after[".log"][:len(after[".log"])-10]}, ".log"),
	} {
		t.Run(name, func(t *testing.T) {
			f, path := crashed.open(t)
			wantState(f, adapter.Planned, 1)
			apply(t, f, adapter.Change{Tenant: "acme", ID: "2", Base: 1, Add: []model.Line{member("acme", "c", "r")}})
			closeFile(t, f)
			f = openFile(t, path)
			wantState(f, adapter.Planned, 2) // another change does not make it count
			change.Base = 2
			if _, err := f.Settle(ctx, change, made); err != nil {
				t.Fatal(err)
			}
			wantState(f, adapter.Made, 3)
		})
	}
	f, _ = after.open(t)
	wantState(f, adapter.Made, 2)

	// A proposal that was never put is dropped with the change that was to settle it.
	path = filepath.Join(t.TempDir(), "policy.csv")
	f = openFile(t, path)
	if _, err := f.Settle(ctx, adapter.Change{Tenant: "acme", ID: "one", Add: planned.Add}, planned); err != nil {
		t.Fatal(err)
	}
	f, _ = files{".proposals": filesOf(t, path)[".proposals"]}.open(t)
	if ps, err := f.Proposals(ctx, "acme"); err != nil || len(ps) != 0 {
		t.Errorf("dropped: %v, %v", ps, err)
	}
}

func TestFile_that_cannot_be_written_settles_nothing(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	planned := proposal("acme", "one", member("acme", "b", "r"))
	if err := f.Put(ctx, planned); err != nil {
		t.Fatal(err)
	}
	made := planned
	made.Version, made.State = 2, adapter.Made
	for _, in := range []string{".new", ".proposals.new"} { // in the way of the policy, or of the proposals
		if err := os.Mkdir(path+in, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Settle(ctx, adapter.Change{Tenant: "acme", ID: "one", Add: planned.Add}, made); err == nil {
			t.Fatal("Settle succeeds although it cannot write")
		}
		if err := os.Remove(path + in); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			p, err := f.Proposal(ctx, "acme", "one")
			if err != nil || p.State != adapter.Planned || load(t, f, "acme").Revision != 0 {
				t.Errorf("after Settle failed: %+v, %v", p, err)
			}
			closeFile(t, f)
			f = openFile(t, path)
		}
	}
	// Another change at the revision that the settling one was to make does not make the proposal count.
	apply(t, f, adapter.Change{Tenant: "acme", ID: "2", Add: planned.Add})
	closeFile(t, f)
	if p, err := openFile(t, path).Proposal(ctx, "acme", "one"); err != nil || p.State != adapter.Planned {
		t.Errorf("after another change: %+v, %v", p, err)
	}
}

func TestFile_finishes_an_erasure_that_was_begun(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	eve := member("acme", "eve", "r")
	off := func(l model.Line) model.Line {
		s, err := model.Encode(model.Switch{Tenant: "acme", Target: l.RuleID(), Mode: model.ModeOff})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// The rule that is switched off is in the log alone.
	apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Actor: "user:eve", Add: []model.Line{eve, off(eve), member("acme", "eve", "s")}})
	apply(t, f, adapter.Change{Tenant: "acme", ID: "2", Base: 1, Remove: []model.Line{eve}})
	apply(t, f, adapter.Change{Tenant: "zeta", ID: "1", Add: []model.Line{member("zeta", "eve", "r")}})
	if err := f.Put(ctx, proposal("acme", "one", eve)); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, path)

	// What is written down can be had by having the policy's writing fail.
	if err := os.Mkdir(path+".log.new", 0o700); err != nil {
		t.Fatal(err)
	}
	erasure := adapter.Erasure{Subject: "user:eve", Pseudonym: "user:erased-1",
		Change: adapter.Change{Tenant: "acme", ID: "3", Base: 2, Actor: "user:dpo", Reason: "user:eve asked", Add: []model.Line{member("acme", "erased-1", "t")}}}
	if _, err := f.Erase(ctx, erasure); err == nil {
		t.Fatal("Erase succeeds although it cannot write")
	}
	if _, err := f.Load(ctx, "acme"); err == nil {
		t.Fatal("a store whose files are in an unknown state answers")
	}
	closeFile(t, f)
	if err := os.Remove(path + ".log.new"); err != nil {
		t.Fatal(err)
	}
	begun := filesOf(t, path)
	closeFile(t, openFile(t, path))
	after := filesOf(t, path)
	if len(after) != 3 || len(begun) != 4 {
		t.Fatalf("there are %d files while it is being made, %d after", len(begun), len(after))
	}
	for name, crashed := range map[string]files{
		"before the log":       begun,
		"before the policy":    begun.with(after, ".log"),
		"before the proposals": begun.with(after, ".log", ""),
		"before its own end":   begun.with(after, ".log", "", ".proposals"),
	} {
		t.Run(name, func(t *testing.T) {
			f, path := crashed.open(t)
			if diff := cmp.Diff(after, filesOf(t, path)); diff != "" {
				t.Errorf("files mismatch (-want +got):\n%s", diff)
			}
			e, err := f.Erase(ctx, erasure) // a retry
			if err != nil || e.Revision != 3 {
				t.Errorf("Erase once more: %+v, %v", e, err)
			}
			closeFile(t, f)
			f = openFile(t, path)
			now := member("acme", "erased-1", "r")
			want := adapter.Snapshot{Revision: 3, Lines: []model.Line{member("acme", "erased-1", "s"), member("acme", "erased-1", "t"), off(now)}}
			if diff := cmp.Diff(want, load(t, f, "acme")); diff != "" {
				t.Errorf("policy mismatch (-want +got):\n%s", diff)
			}
			if p, err := f.Proposal(ctx, "acme", "one"); err != nil || p.Steps[0].Actor != "user:erased-1" || !slices.Equal(p.Add, []model.Line{now}) {
				t.Errorf("proposal: %+v, %v", p, err)
			}
			if got := load(t, f, "zeta"); got.Lines[0] != member("zeta", "eve", "r") {
				t.Errorf("another tenant: %v", got)
			}
		})
	}
	// The erasure counts once it is written down, and no sooner.
	f, _ = before.open(t)
	if got := load(t, f, "acme"); got.Revision != 2 {
		t.Errorf("before it is written down: %v", got)
	}
}

// FuzzProposals opens any file of proposals: it is refused, or it is what it is again
// after another is put.
func FuzzProposals(f *testing.F) {
	f.Add("")
	f.Add(`{"proposal":{"tenant":"acme","id":"1","version":1,"state":"planned","start":"2026-11-22T09:00:00Z","steps":[{"did":"planned","actor":"a","at":"2026-11-22T09:00:00Z"}],"remove":[],"add":[["g","user:a","role:r","acme","-"]]}}` + "\n")
	f.Add(`{"proposal":{"tenant":"acme","id":"1","version":2,"state":"made","due":"2026-11-22T09:00:00.5+02:00","steps":[{"did":"<\u0000>","at":"0001-01-01T00:00:00Z"}],"notices":[{"event":"start","at":"9999-12-31T23:59:59.9999999Z","told":true}],"remove":null,"add":[]},"at":7,"before":null}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "policy.csv")
		write(t, path+".proposals", text)
		file, err := adapter.OpenFile(path)
		if err != nil {
			return
		}
		p := proposal("fuzz", "fuzz")
		if old, err := file.Proposal(t.Context(), "fuzz", "fuzz"); err == nil {
			p.Version = old.Version + 1
		}
		if p, err := p.Normal(); err == nil {
			if err := file.Put(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		all := func(f *adapter.File) map[string]adapter.Proposal {
			found := map[string]adapter.Proposal{}
			for _, tenant := range []string{"acme", "fuzz", "*"} {
				ps, err := f.Proposals(t.Context(), tenant)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range ps {
					found[tenant+"/"+p.ID] = p
				}
			}
			return found
		}
		before := all(file)
		closeFile(t, file)
		if diff := cmp.Diff(before, all(openFile(t, path)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("mismatch after reopening (-want +got):\n%s", diff)
		}
	})
}

// FuzzErasure opens a policy with any erasure beside it: it is refused, or finished for good.
func FuzzErasure(f *testing.F) {
	f.Add(`{"tenant":"acme","id":"2","base":1,"subject":"user:eve","pseudonym":"user:x","rules":{},"actor":"a","reason":"","at":"2026-11-22T09:00:00Z","remove":[],"add":[["g","user:x","role:r","acme","-"]]}`)
	f.Add(`{"tenant":"zeta","id":"2","base":0,"subject":"user:eve","pseudonym":"user:x","rules":null,"actor":"user:eve","reason":"","at":"2026-11-22T09:00:00Z","remove":null,"add":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "policy.csv")
		write(t, path, "# revision 1 of acme\ng, user:eve, role:r, acme, -\n")
		write(t, path+".log", `{"tenant":"acme","revision":1,"id":"1","actor":"user:eve","reason":"","at":"2026-11-22T09:00:00Z","remove":[],"add":[["g","user:eve","role:r","acme","-"]]}`+"\n")
		write(t, path+".erasure", text)
		file, err := adapter.OpenFile(path)
		if err != nil {
			return
		}
		before := load(t, file, "acme")
		closeFile(t, file)
		if _, err := os.Stat(path + ".erasure"); err == nil {
			t.Error("the erasure is still to be made")
		}
		if diff := cmp.Diff(before, load(t, openFile(t, path), "acme")); diff != "" {
			t.Errorf("mismatch after reopening (-want +got):\n%s", diff)
		}
	})
}
