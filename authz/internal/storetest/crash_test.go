package storetest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// The test binary, started with these set, is the program that is killed.
const (
	crashKindEnv = "CRMAUTHZ_TEST_CRASH_KIND"
	crashDSNEnv  = "CRMAUTHZ_TEST_CRASH_DSN"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(crashKindEnv); kind != "" {
		if err := playInChild(context.Background(), database{databases.Database{Kind: kind, Name: os.Getenv(crashDSNEnv)}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// played is how many changes the program makes.
const played = 120

var crashSchema = &authz.Schema{Types: map[string]model.Type{"customer": {
	Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
	Fields:  map[string]model.Field{"iban": {}},
}}}

// crashFacts are the policy before the first switch.
func crashFacts() []authz.Fact {
	return []authz.Fact{
		authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"},
		authz.Membership{Tenant: "acme", Member: "user:bob", Group: "role:rep"},
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll},
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow, Scope: model.ScopeAll},
	}
}

func openAt(ctx context.Context, store adapter.Store, now time.Time) (*authz.Authorizer, error) {
	return authz.Open(ctx, crashSchema, store, authz.WithClock(func() time.Time { return now }), authz.WithAudit(auditAll{}), authz.WithOpenLimit(openLimit))
}

// play makes the change that follows on a revision: each changes something, and some several facts at once.
func play(ctx context.Context, az *authz.Authorizer, rev authz.Revision) (authz.Revision, error) {
	until := authz.Until(start.Add(time.Hour))
	if rev == 0 {
		return az.Grant(ctx, by, crashFacts()...)
	}
	switch rev % 7 {
	case 1:
		return az.Disable(ctx, by, "acme", "user:alice")
	case 2:
		return az.Disable(ctx, by, "acme", "*", authz.InMode(model.ModeReadOnly), until)
	case 3:
		return az.Disable(ctx, by, "acme", "*", authz.Except("user:bob"), until)
	case 4:
		return az.Enable(ctx, by, "acme", "*") // both
	case 5:
		b, err := az.Backup(ctx, "acme")
		if err != nil {
			return 0, err
		}
		return az.Disable(ctx, by, "acme", "*", authz.InMode(model.ModeOpen), until, authz.Except("user:bob", "customer#iban"), authz.AfterBackup(b))
	case 6:
		return az.Disable(ctx, by, "acme", "role:rep", authz.Except("user:bob", "net:10.0.0.0/8"), until)
	}
	b := &authz.Backup{Tenant: "acme", Revision: 1, Schema: authz.SchemaSum(crashSchema), Made: start}
	for _, f := range crashFacts() {
		l, err := model.Encode(f)
		if err != nil {
			return 0, err
		}
		b.Lines = append(b.Lines, l)
	}
	return az.Restore(ctx, by, "acme", b) // all that is off, at once
}

// playInChild goes on where the last program was killed, and says the revision of each change once it is made.
func playInChild(ctx context.Context, d database) error {
	store, closeStore, err := d.open(ctx)
	if err != nil {
		return err
	}
	az, err := openAt(ctx, store, start)
	if err != nil {
		return err
	}
	from, err := store.Load(ctx, "acme")
	if err != nil {
		return err
	}
	for rev := from.Revision; rev < played; {
		if rev, err = play(ctx, az, rev); err != nil {
			return err
		}
		fmt.Println(rev)
	}
	return closeStore()
}

// A process that is killed around a switch, an opening, its end or a restoring leaves it made or not made: the policy and
// every decision are those of some revision, at least the last that it said was made. What was opened ends by itself.
func TestKilledProcessLeavesAModeWholeOrNotAtAll(t *testing.T) {
	states := [][]model.Line{nil} // by revision
	memory, err := adapter.NewMemory(nil)
	check(t, err)
	az, err := openAt(t.Context(), memory, start)
	check(t, err)
	for rev := authz.Revision(0); rev < played; {
		next, err := play(t.Context(), az, rev)
		if check(t, err); next != rev+1 {
			t.Fatalf("the change after revision %d leads to %d", rev, next)
		}
		rev = next
		from, err := memory.Load(t.Context(), "acme")
		check(t, err)
		slices.SortFunc(from.Lines, cmpLines)
		states = append(states, from.Lines)
	}
	for _, d := range databasesOf(t, databases.SQLite, databases.Postgres) {
		t.Run(d.Kind, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			kills, made := 0, 0
			for made < played {
				acknowledged, killed := runAndKill(t, d, time.Duration(r.IntN(int(60*time.Millisecond))))
				if killed {
					kills++
				}
				now := wantState(t, d, states)
				if now < max(acknowledged, made) {
					t.Fatalf("revision %d after the change to %d was acknowledged", now, acknowledged)
				}
				made = now
			}
			if t.Logf("%d kills", kills); kills < 3 {
				t.Errorf("only %d kills: the test proves nothing", kills)
			}
		})
	}
}

// wantState opens the store as the next program does, and fails unless it has one of the states and decides by it, when it was
// made and when all that ends by itself is over. It returns the revision.
func wantState(t *testing.T, d database, states [][]model.Line) int {
	t.Helper()
	store, closeStore, err := d.open(t.Context())
	check(t, err)
	defer func() { check(t, closeStore()) }()
	from, err := store.Load(t.Context(), "acme")
	check(t, err)
	slices.SortFunc(from.Lines, cmpLines)
	if diff := cmp.Diff(states[from.Revision], from.Lines); diff != "" {
		t.Fatalf("policy at revision %d: want -, got +\n%s", from.Revision, diff)
	}
	wantLog(t, store, states)
	for _, at := range []time.Duration{0, time.Hour - time.Second, time.Hour, -time.Second} {
		az, err := openAt(t.Context(), store, start.Add(at))
		check(t, err)
		memory, err := adapter.NewMemory(slices.Values(states[from.Revision]))
		check(t, err)
		want, err := openAt(t.Context(), memory, start.Add(at))
		check(t, err)
		if rev, err := az.Revision(t.Context(), "acme"); err == nil && rev != from.Revision { // PostgreSQL has finished the last change meanwhile
			return wantState(t, d, states)
		}
		for _, user := range []string{"user:alice", "user:bob", "user:eve"} {
			for _, action := range []string{"read", "update", "delete"} {
				req := authz.Request{Tenant: "acme", User: user, Action: action, Record: &authz.Record{Type: "customer", ID: "1"}}
				wanted, wantErr := want.Enforce(t.Context(), req)
				got, err := az.Enforce(t.Context(), req)
				if got != wanted || (err == nil) != (wantErr == nil) {
					t.Errorf("revision %d, after %s: %s %s: %v, %v; want %v, %v", from.Revision, at, user, action, got, err, wanted, wantErr)
				}
				if got && action == "delete" && at >= time.Hour {
					t.Errorf("revision %d, after %s: %s may delete, which only an open tenant allows", from.Revision, at, user)
				}
			}
		}
	}
	return int(from.Revision)
}

// wantLog fails unless the log tells of each change who made it, why and when, and leads from state to state.
func wantLog(t *testing.T, store adapter.Store, states [][]model.Line) {
	t.Helper()
	log, err := store.(adapter.Feed).Changes(t.Context(), "acme", 0, 0)
	check(t, err)
	lines := map[model.Line]bool{}
	for i, e := range log {
		for _, l := range e.Remove {
			delete(lines, l)
		}
		for _, l := range e.Add {
			lines[l] = true
		}
		if diff := cmp.Diff(states[i+1], slices.SortedFunc(maps.Keys(lines), cmpLines)); diff != "" {
			t.Fatalf("the log leads to another revision %d: want -, got +\n%s", i+1, diff)
		}
		if e.Actor != by.Actor || e.Reason != by.Reason || !e.At.Equal(start) || e.Revision != model.Revision(i+1) {
			t.Errorf("entry %d of the log: %+v", i+1, e)
		}
	}
}

// runAndKill starts the program, and kills it some time after its first change. It returns the last revision that the
// program said it made.
func runAndKill(t *testing.T, d database, after time.Duration) (acknowledged int, killed bool) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashKindEnv+"="+d.Kind, crashDSNEnv+"="+d.Name)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged == 0 {
			timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
			defer timer.Stop()
		}
		acknowledged, err = strconv.Atoi(lines.Text())
		check(t, err)
	}
	if err := child.Wait(); err != nil && child.ProcessState.Exited() {
		t.Fatalf("the program failed: %v", err)
	}
	return acknowledged, !child.ProcessState.Exited()
}
