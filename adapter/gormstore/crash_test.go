package gormstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// The test binary, started with these set, is the program that crashes.
const (
	crashKindEnv = "CRMAUTHZ_TEST_CRASH_KIND"
	crashDSNEnv  = "CRMAUTHZ_TEST_CRASH_DSN"
	crashPlanEnv = "CRMAUTHZ_TEST_CRASH_PLAN" // not empty: the program that plans and erases
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(crashKindEnv); kind != "" {
		program := makeChanges
		if os.Getenv(crashPlanEnv) != "" {
			program = planAndErase
		}
		if err := program(context.Background(), database{databases.Database{Kind: kind, Name: os.Getenv(crashDSNEnv)}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// The driver prints what it also returns, when a connection breaks.
	if err := mysql.SetLogger(log.New(io.Discard, "", 0)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const crashChanges = 300

// makeChanges goes on with the changes where the last program was killed, and
// says the revision of each once it is made.
func makeChanges(ctx context.Context, d database) error {
	s, err := d.openInChild(ctx)
	if err != nil {
		return err
	}
	now, err := s.Load(ctx, "acme")
	if err != nil {
		return err
	}
	for n := int(now.Revision) + 1; n <= crashChanges; n++ {
		e, err := s.Apply(ctx, crashChange(n))
		if err != nil {
			return err
		}
		fmt.Println(e.Revision)
	}
	return s.Close()
}

func (d database) openInChild(ctx context.Context) (*gormstore.Store, error) {
	if d.Kind == "sqlite" {
		return gormstore.Open(ctx, d.Name)
	}
	db, err := gorm.Open(postgres.Open(d.Name), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	return gormstore.New(ctx, db)
}

// crashChange adds three lines and removes one that the change before it added.
func crashChange(n int) adapter.Change {
	c := adapter.Change{Tenant: "acme", ID: fmt.Sprint("change ", n), Base: model.Revision(n - 1), Actor: "user:admin"}
	for _, part := range []string{"a", "b", "c"} {
		c.Add = append(c.Add, member("acme", fmt.Sprint(part, n), "rep"))
	}
	if n > 1 {
		c.Remove = []model.Line{member("acme", fmt.Sprint("b", n-1), "rep")}
	}
	return c
}

func TestChanges_outlive_a_crash_whole(t *testing.T) {
	on(t, []string{"sqlite", "postgres"}, func(t *testing.T, d database) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		s := d.open(t)
		kills := 0
		for made := 0; made < crashChanges; {
			acknowledged, killed := runAndKill(t, d, time.Duration(r.IntN(int(60*time.Millisecond))))
			if killed {
				kills++
			}
			now := wantChanges(t, s)
			if now < max(acknowledged, made) {
				t.Fatalf("revision %d after the change to %d was acknowledged", now, acknowledged)
			}
			made = now
		}
		t.Logf("%d kills", kills)
		if kills < 3 {
			t.Errorf("only %d kills: the test proves nothing", kills)
		}
	})
}

// runAndKill starts the program, and kills it some time after its first change.
// It returns the last revision that the program said it made.
func runAndKill(t *testing.T, d database, after time.Duration, env ...string) (acknowledged int, killed bool) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(append(os.Environ(), crashKindEnv+"="+d.Kind, crashDSNEnv+"="+d.Name), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged == 0 {
			timer := time.AfterFunc(after, func() { child.Process.Kill() })
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

// wantChanges fails unless the first changes are there, with their log, and
// nothing else. It returns how many they are.
func wantChanges(t *testing.T, s *gormstore.Store) (n int) {
	t.Helper()
	now := load(t, s, "acme")
	n = int(now.Revision)
	log, err := s.Changes(t.Context(), "acme", 0, 0)
	check(t, err)
	if len(log) > n { // PostgreSQL may still finish the last change of a program that was killed
		return wantChanges(t, s)
	}

	lines := map[model.Line]bool{}
	var wantLog []adapter.Entry
	for i := 1; i <= n; i++ {
		c := crashChange(i)
		for _, l := range c.Remove {
			delete(lines, l)
		}
		for _, l := range c.Add {
			lines[l] = true
		}
		wantLog = append(wantLog, adapter.Entry{Change: c, Revision: model.Revision(i)})
	}
	if diff := cmp.Diff(wantLog, log); diff != "" {
		t.Fatalf("log mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Collect(maps.Keys(lines)), now.Lines, sameLines); diff != "" {
		t.Fatalf("lines at revision %d mismatch (-want +got):\n%s", n, diff)
	}
	return n
}

func TestChanges_outlive_broken_connections_whole(t *testing.T) {
	on(t, []string{"postgres", "mysql"}, func(t *testing.T, d database) {
		s := d.open(t)
		admin := d.Connect(t)
		done := make(chan bool)
		var killer sync.WaitGroup
		kills := 0
		killer.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(rand.N(40 * time.Millisecond)):
					kills += d.killOthers(t, admin)
				}
			}
		})
		const n = 60
		for i := 1; i <= n; i++ {
			for { // an error may hide that the change was made: the same ID makes it once
				e, err := s.Apply(t.Context(), crashChange(i))
				if err == nil && e.Revision == model.Revision(i) {
					break
				}
				if err == nil || errors.Is(err, adapter.ErrConflict) {
					t.Fatalf("change %d: %+v, %v", i, e, err)
				}
			}
		}
		close(done)
		killer.Wait()
		t.Logf("%d connections were ended", kills)
		if kills < 3 {
			t.Errorf("only %d connections were ended: the test proves nothing", kills)
		}
		if made := wantChanges(t, d.open(t)); made != n {
			t.Errorf("%d changes led to revision %d", n, made)
		}
	})
}

// killOthers ends all connections to the database but its own, and counts them.
func (d database) killOthers(t *testing.T, db *gorm.DB) (killed int) {
	if d.Kind == "postgres" {
		err := db.Raw("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity " +
			"WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()").Row().Scan(&killed)
		if err != nil {
			t.Error(err)
		}
		return killed
	}
	var ids []int64
	if err := db.Raw("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()").Scan(&ids).Error; err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		if db.Exec("KILL CONNECTION ?", id).Error == nil { // it may have ended meanwhile
			killed++
		}
	}
	return killed
}
