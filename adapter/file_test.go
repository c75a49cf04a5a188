package adapter_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/adaptertest"
	"github.com/crmauthz/crmauthz/model"
)

func openFile(t testing.TB, path string) *adapter.File {
	t.Helper()
	f, err := adapter.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // most tests have closed it by then
	return f
}

func closeFile(t testing.TB, f *adapter.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFile_keeps_the_contract(t *testing.T) {
	paths := map[adapter.Store]string{}
	adaptertest.Run(t, adaptertest.Opener{
		New: func(t *testing.T) adapter.Store {
			path := filepath.Join(t.TempDir(), "policy.csv")
			f := openFile(t, path)
			paths[f] = path
			return f
		},
		Reopen: func(t *testing.T, old adapter.Store) adapter.Store {
			closeFile(t, old.(*adapter.File))
			f := openFile(t, paths[old])
			paths[f] = paths[old]
			return f
		},
	})
}

func apply(t testing.TB, s adapter.Store, c adapter.Change) adapter.Entry {
	t.Helper()
	e, err := s.Apply(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFile_is_Casbin_CSV_in_order(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	apply(t, f, adapter.Change{Tenant: "beta", ID: "1", Add: []model.Line{member("beta", "b", "r"), member("beta", "a", "r")}})
	apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "é", "r")}})
	apply(t, f, adapter.Change{Tenant: "beta", ID: "2", Base: 1, Remove: []model.Line{member("beta", "b", "r")}})
	const want = `# revision 1 of acme
# revision 2 of beta
g, user:é, role:r, acme, -
g, user:a, role:r, beta, -
`
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("file mismatch (-want +got):\n%s", diff)
	}
}

func TestFile_opens_what_was_written_by_hand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	const text = "\n# our policy\r\ng,user:a,role:r,acme,-\r\n\n  g,   user:b, role:r, beta,  - \n# the end\ng, user:a, role:r, acme, -"
	write(t, path, text)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, path)
	want := adapter.Snapshot{Revision: 1, Lines: []model.Line{member("acme", "a", "r")}}
	if diff := cmp.Diff(want, load(t, f, "acme")); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if got := read(t, path); got != text {
		t.Errorf("opening changed the file to %q", got)
	}
	if _, err := f.Changes(t.Context(), "acme", 0, 0); !errors.Is(err, adapter.ErrLogCut) {
		t.Errorf("Changes from before the file was written: %v; want ErrLogCut", err)
	}
	apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Base: 1, Add: []model.Line{member("acme", "c", "r")}})
	closeFile(t, f)
	f = openFile(t, path)
	if got := load(t, f, "acme"); got.Revision != 2 || len(got.Lines) != 2 {
		t.Errorf("after a change: %v", got)
	}
	if got := load(t, f, "beta"); got.Revision != 1 || len(got.Lines) != 1 {
		t.Errorf("the other tenant after a change: %v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode became %v, %v", info.Mode(), err)
	}
}

func TestFile_says_where_it_is_malformed(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"mistyped effect":    {"\np, role:r, acme, customer, read, Allow, -", "line 2: customer rule: effect \"Allow\""},
		"missing column":     {"# x\n\ng, user:a, role:r, acme", "line 3: membership"},
		"column too many":    {"g2, user:a, user:b, acme, -", "line 1: org edge"},
		"unknown section":    {"x, user:a", "line 1: line: section \"x\""},
		"malformed revision": {"# revision 1O of acme", "line 1: CSV: revision \"1O of acme\""},
		"revision 0":         {"# revision 0 of acme", "line 1: CSV: revision"},
		"revision twice":     {"# revision 1 of acme\n# revision 2 of acme\n", "line 2: CSV: revision"},
	} {
		path := filepath.Join(t.TempDir(), "policy.csv")
		write(t, path, test.text)
		_, err := adapter.OpenFile(path)
		if _, ok := errors.AsType[*model.ValueError](err); !ok || !strings.Contains(err.Error(), path+": "+test.want) {
			t.Errorf("%s: %v; want a *model.ValueError at %q", name, err, path+": "+test.want)
		}
	}
}

func TestFile_is_open_once(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	if _, err := adapter.OpenFile(path); !errors.Is(err, adapter.ErrInUse) {
		t.Errorf("opening it again: %v; want ErrInUse", err)
	}
	closeFile(t, f)
	closeFile(t, openFile(t, path))

	_, err := f.Load(t.Context(), "acme")
	_, err2 := f.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "1"})
	_, err3 := f.Changes(t.Context(), "acme", 0, 0)
	var err4 error
	for _, err4 = range f.Tenants(t.Context()) {
		break
	}
	for _, err := range []error{err, err2, err3, err4, f.Close()} {
		if !errors.Is(err, adapter.ErrClosed) {
			t.Errorf("after Close: %v; want ErrClosed", err)
		}
	}
}

func TestFile_is_open_once_behind_links_too(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(at("deep/er"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"dir": "deep/er", "deep/er/up": "../up", "deep/up": at("policy.csv"), "link": "dir/up"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Skip(err) // systems that have none
		}
	}
	links := []string{"link", "dir/up", "deep/up", "policy.csv"}
	wantOne := func(revision model.Revision) {
		t.Helper()
		for _, first := range links {
			f := openFile(t, at(first))
			if got := load(t, f, "acme"); got.Revision != revision {
				t.Errorf("%s: %v", first, got)
			}
			for _, second := range links {
				if _, err := adapter.OpenFile(at(second)); !errors.Is(err, adapter.ErrInUse) {
					t.Errorf("%s after %s at revision %d: %v; want ErrInUse", second, first, revision, err)
				}
			}
			closeFile(t, f)
		}
	}
	wantOne(0) // there is no file yet
	f := openFile(t, at("link"))
	apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "a", "r")}})
	closeFile(t, f)
	wantOne(1)
}

// TestFile_drops_a_change_that_was_not_finished writes the log of a second
// change up to each byte, as a crash before the policy's renaming leaves it.
func TestFile_drops_a_change_that_was_not_finished(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.csv")
	f := openFile(t, path)
	first := apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "a", "r")}})
	policy, log := read(t, path), read(t, path+".log")
	second := adapter.Change{Tenant: "acme", ID: "2", Base: 1, Add: []model.Line{member("acme", "b", "r")}}
	apply(t, f, second)
	closeFile(t, f)
	longer := read(t, path+".log")

	for size := len(log); size <= len(longer); size++ {
		write(t, path, policy)
		write(t, path+".log", longer[:size])
		write(t, path+".new", "half a")
		f := openFile(t, path)
		want := adapter.Snapshot{Revision: 1, Lines: first.Add}
		if diff := cmp.Diff(want, load(t, f, "acme")); diff != "" {
			t.Fatalf("%d bytes of the log: mismatch (-want +got):\n%s", size, diff)
		}
		if got := read(t, path+".log"); got != log {
			t.Fatalf("%d bytes of the log became %q", size, got)
		}
		if e := apply(t, f, second); e.Revision != 2 {
			t.Fatalf("%d bytes of the log: making the change again: %+v", size, e)
		}
		closeFile(t, f)
	}
}

// The first change of a tenant, new or written by hand, leaves as little when it is cut off, and what
// a file system puts where it did not come to write.
func TestFile_drops_a_first_change_that_was_not_finished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	for _, policy := range []string{"", "g, user:z, role:r, acme, -\n", "# revision 1 of acme\n# revision 1 of zeta\n"} {
		write(t, path, policy)
		write(t, path+".log", "")
		f := openFile(t, path)
		before := load(t, f, "acme")
		apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Base: before.Revision, Add: []model.Line{member("acme", "a", "r")}})
		closeFile(t, f)
		log := read(t, path+".log")
		for size := range len(log) + 1 {
			for _, zeros := range []int{0, len(log) - size} {
				write(t, path, policy)
				write(t, path+".log", log[:size]+strings.Repeat("\x00", zeros))
				f := openFile(t, path)
				if diff := cmp.Diff(before, load(t, f, "acme")); diff != "" || read(t, path+".log") != "" {
					t.Fatalf("%d bytes of the log of %q and %d zeros: mismatch (-want +got):\n%s", size, policy, zeros, diff)
				}
				closeFile(t, f)
			}
		}
	}
}

func TestFile_refuses_a_log_that_does_not_lead_to_the_policy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	for i := range 4 {
		apply(t, f, adapter.Change{Tenant: "acme", ID: fmt.Sprint(i), Base: model.Revision(i), Add: []model.Line{member("acme", fmt.Sprint(i), "r")}})
	}
	closeFile(t, f)
	policy, log := read(t, path), read(t, path+".log")
	entries := slices.Collect(strings.Lines(log))
	of := func(lines ...model.Line) (text string) {
		for _, l := range lines {
			text += l.String() + "\n"
		}
		return text
	}
	one, more := of(member("acme", "1", "r")), of(member("acme", "more", "r"))
	taken := `{"tenant":"zeta","revision":3,"id":"x","actor":"","reason":"","at":"2026-11-22T09:00:00Z","remove":[["g","user:a","role:r","zeta","-"]],"add":[]}` + "\n"
	zeta := "# revision 3 of zeta\n" + of(member("zeta", "b", "r"))

	for name, spoilt := range map[string]struct{ policy, log string }{
		"an older policy":           {strings.Replace(policy, "revision 4", "revision 2", 1), log},
		"a newer policy":            {strings.Replace(policy, "revision 4", "revision 5", 1), log},
		"no policy":                 {"", log},
		"an unknown tenant":         {policy, strings.ReplaceAll(entries[0], "acme", "zeta") + log},
		"an entry missing":          {policy, entries[0] + entries[1] + entries[3]},
		"entries exchanged":         {policy, entries[0] + entries[2] + entries[1] + entries[3]},
		"the end missing":           {policy, entries[0] + entries[1]},
		"a line in a log cut":       {policy, entries[0] + entries[1][:20] + "\n" + entries[2] + entries[3]},
		"a policy's line gone":      {strings.Replace(policy, one, "", 1), log},
		"a line more":               {policy + more, log},
		"a line exchanged":          {strings.Replace(policy, one, more, 1), log},
		"a removed line back":       {policy + zeta + of(member("zeta", "a", "r")), log + taken},
		"its end damaged":           {policy, log[:len(log)-20]},
		"an only entry damaged":     {policy + zeta, log + taken[:len(taken)/2]},
		"an only entry without end": {policy + zeta, log + taken[:len(taken)-1]},
		"no entry at its end":       {policy + zeta, log + "# the end"},
		"another's damaged end":     {policy, log + taken[:len(taken)/2]},
		"an ID twice":               {policy, entries[0] + entries[1] + entries[2] + strings.Replace(entries[3], `"id":"3"`, `"id":"1"`, 1)},
	} {
		write(t, path, spoilt.policy)
		write(t, path+".log", spoilt.log)
		if f, err := adapter.OpenFile(path); err == nil {
			t.Errorf("%s: opens", name)
			closeFile(t, f)
		} else if !strings.Contains(err.Error(), path+".log: ") {
			t.Errorf("%s: %v; want it to name the log", name, err)
		}
		if read(t, path) != spoilt.policy || read(t, path+".log") != spoilt.log {
			t.Errorf("%s: the files were changed", name)
		}
	}

	write(t, path, policy+zeta)
	write(t, path+".log", log+taken)
	closeFile(t, openFile(t, path))
	write(t, path, policy)
	write(t, path+".log", entries[2]+entries[3]) // what is left of a log that was cut
	f = openFile(t, path)
	if _, err := f.Changes(t.Context(), "acme", 1, 0); !errors.Is(err, adapter.ErrLogCut) {
		t.Errorf("Changes from before the cut: %v; want ErrLogCut", err)
	}
	if es, err := f.Changes(t.Context(), "acme", 2, 0); err != nil || len(es) != 2 {
		t.Errorf("Changes from the cut: %d entries, %v", len(es), err)
	}
}

func TestFile_that_cannot_be_written_stays_as_it_was(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	first := apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{member("acme", "a", "r")}})
	policy, log := read(t, path), read(t, path+".log")
	if err := os.Mkdir(path+".new", 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	second := adapter.Change{Tenant: "acme", ID: "2", Base: 1, Remove: first.Add}
	if _, err := f.Apply(t.Context(), second); err == nil {
		t.Fatal("Apply succeeds although the policy cannot be written")
	}
	if got := load(t, f, "acme"); got.Revision != 1 || len(got.Lines) != 1 {
		t.Errorf("after a change that failed: %v", got)
	}
	if read(t, path) != policy || read(t, path+".log") != log {
		t.Error("a change that failed left something in the files")
	}
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if e := apply(t, f, second); e.Revision != 2 {
		t.Errorf("the change made again: %+v", e)
	}
}

// What Casbin's file adapter or an editor writes into a file that is open is not written over.
func TestFile_does_not_write_over_what_another_program_wrote(t *testing.T) {
	eve, bob, carol := member("acme", "eve", "r"), member("acme", "bob", "r"), member("acme", "carol", "r")
	add := adapter.Change{Tenant: "acme", ID: "2", Base: 1, Add: []model.Line{carol}}
	made := proposal("acme", "2", carol)
	for name, change := range map[string]func(*adapter.File) error{
		"Apply": func(f *adapter.File) error { _, err := f.Apply(t.Context(), add); return err },
		"Settle": func(f *adapter.File) error {
			_, err := f.Settle(t.Context(), add, made)
			return err
		},
		"Erase": func(f *adapter.File) error {
			_, err := f.Erase(t.Context(), adapter.Erasure{Subject: "user:bob", Pseudonym: "user:x", Change: add})
			return err
		},
	} {
		for how, other := range map[string]func(path, text string) error{
			"writes it":     func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) },
			"replaces it":   func(path, text string) error { write(t, path+"~", text); return os.Rename(path+"~", path) },
			"takes it away": func(path, _ string) error { return os.Remove(path) },
		} {
			path := filepath.Join(t.TempDir(), "policy.csv")
			f := openFile(t, path)
			apply(t, f, adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{eve, bob}})
			if err := other(path, strings.Replace(read(t, path), eve.String()+"\n", "", 1)); err != nil {
				t.Fatal(err)
			}
			theirs := filesOf(t, path)
			if err := change(f); !errors.Is(err, adapter.ErrChanged) {
				t.Errorf("%s after another program %s: %v; want ErrChanged", name, how, err)
			}
			if _, err := f.Load(t.Context(), "acme"); !errors.Is(err, adapter.ErrChanged) {
				t.Errorf("Load after another program %s: %v; want ErrChanged", how, err)
			}
			got := filesOf(t, path)
			if got[".proposals"] == "" {
				delete(got, ".proposals")
			}
			if diff := cmp.Diff(theirs, got); diff != "" {
				t.Errorf("%s after another program %s: files mismatch (-want +got):\n%s", name, how, diff)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "policy.csv")
	f := openFile(t, path)
	write(t, path, eve.String()+"\n")
	if _, err := f.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "1", Add: []model.Line{carol}}); !errors.Is(err, adapter.ErrChanged) {
		t.Errorf("Apply after another program made the file: %v; want ErrChanged", err)
	}
	closeFile(t, f)
	if got := load(t, openFile(t, path), "acme"); !slices.Equal(got.Lines, []model.Line{eve}) {
		t.Errorf("opened again: %v", got)
	}
}

// crashFile names, in the environment of a child, the file that it changes.
const crashFile = "CRMAUTHZ_TEST_CRASH_FILE"

// TestFile_child is not a test but the child of the next one: it makes changes
// until it is killed, and prints the revision of each that was acknowledged.
// Change n adds the lines n and -n, and removes the line -(n-1).
func TestFile_child(t *testing.T) {
	path := os.Getenv(crashFile)
	if path == "" {
		t.Skip("runs as a child only")
	}
	f := openFile(t, path)
	for n := load(t, f, "acme").Revision + 1; ; n++ {
		e := apply(t, f, crashChange(n))
		fmt.Printf("acknowledged %d\n", e.Revision)
	}
}

func crashChange(n model.Revision) adapter.Change {
	return adapter.Change{
		Tenant: "acme", ID: fmt.Sprint(n), Base: n - 1,
		Remove: []model.Line{member("acme", fmt.Sprintf("-%d", n-1), "r")},
		Add:    []model.Line{member("acme", fmt.Sprint(n), "r"), member("acme", fmt.Sprintf("-%d", n), "r")},
	}
}

func TestFile_keeps_every_acknowledged_change_when_killed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	total := model.Revision(0)
	for range rounds {
		acknowledged := runAndKill(t, path, time.Duration(r.IntN(40_000))*time.Microsecond)
		f := openFile(t, path)
		got := load(t, f, "acme")
		if got.Revision < max(total, acknowledged) || got.Revision > max(total, acknowledged)+1 {
			t.Fatalf("revision %d after %d were acknowledged", got.Revision, acknowledged)
		}
		total = got.Revision
		checkCrashed(t, f, got)
		closeFile(t, f)
	}
	if total == 0 {
		t.Error("no child came to make a change")
	}
}

// runAndKill runs the child, kills it so long after its first change, and
// returns the last revision that it acknowledged.
func runAndKill(t *testing.T, path string, after time.Duration) (acknowledged model.Revision) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestFile_child$")
	child.Env = append(os.Environ(), crashFile+"="+path)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, _ := fmt.Sscanf(lines.Text(), "acknowledged %d", &acknowledged); n == 1 && after >= 0 {
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
			after = -1
		}
	}
	if err := child.Wait(); err == nil || after >= 0 {
		t.Fatalf("the child ended by itself: %v %s", err, stderr.String())
	}
	return acknowledged
}

// checkCrashed compares the policy and the log with the changes that make up
// the revision.
func checkCrashed(t *testing.T, f *adapter.File, got adapter.Snapshot) {
	t.Helper()
	m := newMemory(t, nil)
	for n := model.Revision(1); n <= got.Revision; n++ {
		apply(t, m, crashChange(n))
	}
	if diff := cmp.Diff(load(t, m, "acme"), got); diff != "" {
		t.Fatalf("policy mismatch (-want +got):\n%s", diff)
	}
	want, err := m.Changes(t.Context(), "acme", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	log, err := f.Changes(t.Context(), "acme", 0, 0)
	if diff := cmp.Diff(want, log); err != nil || diff != "" {
		t.Fatalf("log: %v, mismatch (-want +got):\n%s", err, diff)
	}
}

// FuzzFile opens any policy with any log: it is refused, or it is what it is
// again after a change, which a log of its own leads to.
func FuzzFile(f *testing.F) {
	f.Add("", "")
	f.Add("g, user:a, role:r, acme, -\n", "")
	f.Add("# revision 1 of acme\ng, user:a, role:r, acme, -\n",
		`{"tenant":"acme","revision":1,"id":"1","actor":"","reason":"","at":"2026-11-22T09:00:00Z","remove":[],"add":[["g","user:a","role:r","acme","-"]]}`+"\n")
	f.Add("p, role:r, *, customer, read, allow, -\r\n# x\n", "{\n{}\n")
	f.Fuzz(func(t *testing.T, policy, log string) {
		path := filepath.Join(t.TempDir(), "policy.csv")
		write(t, path, policy)
		write(t, path+".log", log)
		file, err := adapter.OpenFile(path)
		if err != nil {
			return
		}
		before := load(t, file, "acme")
		l := member("acme", "fuzz", "fuzz")
		c := adapter.Change{Tenant: "acme", ID: "fuzz change", Base: before.Revision, Add: []model.Line{l}}
		if slices.Contains(before.Lines, l) {
			c.Add, c.Remove = nil, c.Add
		}
		apply(t, file, c)
		after := load(t, file, "acme")
		closeFile(t, file)
		if diff := cmp.Diff(after, load(t, openFile(t, path), "acme")); diff != "" {
			t.Errorf("mismatch after reopening (-want +got):\n%s", diff)
		}
	})
}
