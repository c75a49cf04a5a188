package authz_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// told is a notifier that remembers what it is told, and fails when told to.
type told struct {
	mu    sync.Mutex
	got   []string
	fails func() error
}

func (n *told) Notify(_ context.Context, notice authz.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil {
		if err := n.fails(); err != nil {
			return err
		}
	}
	of := ""
	switch {
	case notice.Proposal != nil && len(notice.Facts) == 0:
		of = " " + notice.Proposal.Steps[0].Reason
	case len(notice.Facts) > 0:
		of = " " + notice.Facts[0].String()
	}
	n.got = append(n.got, fmt.Sprintf("%s%s at %s", notice.Event, of, notice.At.Format("15:04")))
	return nil
}

// want fails unless exactly this was told since the last time.
func (n *told) want(t testing.TB, want ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.got)
	slices.Sort(want)
	if !slices.Equal(n.got, want) {
		t.Errorf("mismatch (-want +told):\n%s", cmp.Diff(want, n.got))
	}
	n.got = nil
}

// look runs once at a time.
func look(t testing.TB, az *authz.Authorizer, c *clock, at time.Time, n authz.Notifier) {
	t.Helper()
	c.now = at
	if err := az.RunOnce(t.Context(), n); err != nil {
		t.Errorf("at %s: %v", at.Format("15:04"), err)
	}
}

func TestRunMakesWhatIsPlannedAndTellsOfIt(t *testing.T) {
	c, n := &clock{now: monday}, &told{} // monday is at 09:00
	az := open(t, storeOf(acme), c.option())
	at := func(d time.Duration) time.Time { return monday.Add(d) }
	temp := eveIn
	temp.Valid.Until = at(5 * time.Hour)
	p := proposed(t)(az.Propose(t.Context(), authz.By("user:ann", "eve helps out"), authz.Change{Tenant: "acme", Add: []authz.Fact{temp}}, authz.StartAt(at(2*time.Hour))))
	proposed(t)(az.Propose(t.Context(), authz.By("user:ann", "zoe is new"), authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:zoe", "role:rep")}}))
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob", authz.Until(at(4*time.Hour))))
	must(t)(az.Disable(t.Context(), by, "acme", "user:dan"))

	look(t, az, c, at(0), n)
	n.want(t, "requested zoe is new at 09:00")
	look(t, az, c, at(105*time.Minute-time.Second), n)
	n.want(t)
	for range 2 {
		look(t, az, c, at(105*time.Minute), n)
	}
	n.want(t, "before eve helps out at 11:00")
	look(t, az, c, at(2*time.Hour-time.Second), n)
	n.want(t)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	for range 2 {
		look(t, az, c, at(2*time.Hour), n)
	}
	n.want(t, "made eve helps out at 11:00")
	wantAllowed(t, az, ask("user:eve", "read", hers), true)
	wantState(t, az, p.ID, adapter.Made)
	for range 2 {
		look(t, az, c, at(4*time.Hour-time.Minute), n)
	}
	n.want(t, "ending p4, user:bob, acme, off, -, 2026-11-23T13:00:00Z, - at 13:00")
	look(t, az, c, at(4*time.Hour), n)
	n.want(t, "ended p4, user:bob, acme, off, -, 2026-11-23T13:00:00Z, - at 13:00")
	look(t, az, c, at(5*time.Hour-time.Minute), n)
	n.want(t, "ending "+temp.String()+" at 14:00")
	for range 2 {
		look(t, az, c, at(5*time.Hour+time.Minute), n)
	}
	n.want(t, "ended "+temp.String()+" at 14:00")
	look(t, az, c, at(authz.ProposalExpiry), n)
	n.want(t, "expired zoe is new at 09:00")
	wantRevision(t, az, "acme", 4)
	if all, err := az.Proposals(t.Context(), "acme"); err != nil || len(all) != 2 {
		t.Errorf("what is noted of switches is no proposal: %v, %v", all, err)
	}
}

func TestRunTellsWhatBecomesOfProposals(t *testing.T) {
	c, n := &clock{now: monday}, &told{}
	az := open(t, storeOf(acme), c.option())
	var ids []string
	for _, reason := range []string{"a", "b", "c", "d"} {
		ids = append(ids, proposed(t)(az.Propose(t.Context(), authz.By("user:ann", reason), addEve)).ID)
	}
	off := model.Switch{Tenant: "acme", Target: model.RuleID(repUpdates), Mode: model.ModeOff}
	plan := proposed(t)(az.Propose(t.Context(), authz.By("user:ann", "e"), authz.Change{Tenant: "acme", Add: []authz.Fact{off}}, authz.StartAt(monday.Add(time.Minute))))
	proposed(t)(az.Approve(t.Context(), approver, "acme", ids[0]))
	proposed(t)(az.Reject(t.Context(), approver, "acme", ids[1]))
	proposed(t)(az.Cancel(t.Context(), approver, "acme", ids[2]))
	must(t)(az.Revoke(t.Context(), by, repUpdates))
	look(t, az, c, monday, n)
	n.want(t, "made a at 09:00", "rejected b at 09:00", "cancelled c at 09:00", "requested d at 09:00", "before e at 09:01")
	for range 2 {
		look(t, az, c, monday.Add(time.Minute), n)
	}
	n.want(t, "failed e at 09:01")
	wantState(t, az, plan.ID, adapter.Failed)
	// A switch is told of before it ends also if nobody looked before, and not long after.
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob", authz.Until(monday.Add(3*time.Hour))))
	look(t, az, c, monday.Add(4*time.Hour), n)
	n.want(t, "ended p4, user:bob, acme, off, -, 2026-11-23T12:00:00Z, - at 12:00")
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob", authz.Until(monday.Add(5*time.Hour))))
	look(t, az, c, monday.Add(50*time.Hour), n)
	n.want(t)
}

// An open tenant is told of before it closes.
func TestRunWarnsBeforeAnOpenTenantCloses(t *testing.T) {
	c, n := &clock{now: monday}, &told{}
	store := storeOf(acme)
	options := []authz.Option{c.option(), authz.WithOpenLimit(4 * time.Hour), authz.WithAudit(&auditLog{})}
	az := open(t, store, options...)
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(az.Disable(t.Context(), authz.By("user:admin", "migration"), "acme", "*", authz.InMode(model.ModeOpen), authz.Until(monday.Add(time.Hour)), authz.AfterBackup(b)))
	c.now = monday.Add(50 * time.Minute)
	if err := az.RunOnce(t.Context(), n, authz.Ahead(5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	n.want(t)
	c.now = monday.Add(55 * time.Minute)
	if err := az.RunOnce(t.Context(), n, authz.Ahead(5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	n.want(t, "ending p4, *, acme, open, 2026-11-23T09:00:00Z, 2026-11-23T10:00:00Z, - at 10:00")

	// When it is over it is taken away, once people are told, and comes back by no clock.
	n.fails = func() error { return errors.New("no line") }
	c.now = monday.Add(61 * time.Minute)
	if err := az.RunOnce(t.Context(), n); err == nil {
		t.Error("nobody could be told, and no error")
	}
	if all, err := az.Switches(t.Context(), "acme"); len(all) != 1 || err != nil {
		t.Errorf("before people are told: %v, %v", all, err)
	}
	n.fails = nil
	look(t, az, c, monday.Add(62*time.Minute), n)
	n.want(t, "ended p4, *, acme, open, 2026-11-23T09:00:00Z, 2026-11-23T10:00:00Z, - at 10:00")
	log, err := store.Changes(t.Context(), "acme", 2, 0)
	if err != nil || len(log) != 1 || log[0].Actor != "operator:run" || log[0].Reason != "the opening is over" {
		t.Errorf("the log: %v, %v", log, err)
	}
	c.now = monday.Add(30 * time.Minute) // and the process starts anew
	restarted := open(t, store, options...)
	req := ask("user:alice", "delete", hers)
	if d, err := restarted.Decide(t.Context(), req); d.Allowed || err != nil {
		t.Errorf("a clock that is set back: %v, %v", d, err)
	}
}

// One that was over long before anybody looked is taken away, too, though nobody is told any more.
func TestRunTakesAwayAnOpeningThatEndedLongAgo(t *testing.T) {
	az, _, now, options := opening(t, acme)
	must(t)(az.Disable(t.Context(), by, "acme", "*", options...))
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob", authz.Until(monday.Add(time.Hour))))
	n := &told{}
	look(t, az, now, monday.Add(72*time.Hour), n)
	n.want(t)
	left, err := az.Switches(t.Context(), "acme")
	if err != nil || len(left) != 1 || left[0].Target != "user:bob" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// A notifier that fails or panics holds up nothing, and is told again until it has heard.
func TestRunOutlivesANotifierThatFails(t *testing.T) {
	c, n := &clock{now: monday}, &told{}
	az := open(t, storeOf(acme), c.option())
	p := proposed(t)(az.Propose(t.Context(), proposer, addEve, authz.StartAt(monday.Add(time.Minute))))
	must(t)(az.Disable(t.Context(), by, "acme", "user:bob", authz.Until(monday.Add(2*time.Minute))))
	broken := errors.New("no mail today")
	n.fails = func() error { return broken }
	for range 2 {
		if err := az.RunOnce(t.Context(), n); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	}
	c.now = monday.Add(time.Minute)
	n.fails = func() error { panic("and no stamps") }
	if err := az.RunOnce(t.Context(), n); err == nil || !strings.Contains(err.Error(), "and no stamps") {
		t.Errorf("a panic: %v", err)
	}
	wantState(t, az, p.ID, adapter.Made)
	wantAllowed(t, az, ask("user:eve", "read", hers), true)
	n.fails = nil
	for range 2 {
		look(t, az, c, c.now, n)
	}
	n.want(t, "made ticket 81 at 09:01", "ending p4, user:bob, acme, off, -, 2026-11-23T09:02:00Z, - at 09:02")
}

// A notice that was given is not given again by the same process, though the note of it was lost; nor
// by another, unless the one that was giving it has been silent for a minute.
func TestRunGivesANoticeOnceThoughTheNoteIsLost(t *testing.T) {
	c, n := &clock{now: monday}, &told{}
	store := &planning{Memory: storeOf(acme)}
	one, two := open(t, store, c.option()), open(t, store, c.option())
	proposed(t)(one.Propose(t.Context(), proposer, addEve))
	n.fails = func() error { store.set(&store.put, errDisk); return nil }
	if err := one.RunOnce(t.Context(), n); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	n.fails = nil
	store.set(&store.put, nil)
	look(t, two, c, monday.Add(time.Second), n)
	look(t, one, c, monday.Add(time.Second), n)
	look(t, two, c, monday.Add(2*time.Minute), n)
	n.want(t, "requested ticket 81 at 09:00")

	// One claims a notice and dies.
	proposed(t)(one.Propose(t.Context(), authz.By("user:ann", "the next"), addEve))
	n.fails = func() error { store.set(&store.put, errDisk); return errDisk }
	c.now = monday.Add(3 * time.Minute)
	if err := one.RunOnce(t.Context(), n); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	n.fails = nil
	store.set(&store.put, nil)
	look(t, two, c, monday.Add(3*time.Minute+time.Second), n)
	n.want(t)
	look(t, two, c, monday.Add(5*time.Minute), n)
	n.want(t, "requested the next at 09:02")
}

// While the store is lost nothing changes; what is due is made when it is back, or has expired by then.
func TestRunOutlivesALostStore(t *testing.T) {
	c, n := &clock{now: monday}, &told{}
	store := &planning{Memory: storeOf(acme)}
	az := open(t, store, c.option())
	at := func(d time.Duration) time.Time { return monday.Add(d) }
	short := proposed(t)(az.Propose(t.Context(), authz.By("user:ann", "short"), addEve, authz.StartAt(at(time.Hour)), authz.ExpireAt(at(2*time.Hour))))
	long := proposed(t)(az.Propose(t.Context(), authz.By("user:ann", "long"), authz.Change{Tenant: "acme", Remove: []authz.Fact{member("user:bob", "role:rep")}}, authz.StartAt(at(time.Hour))))

	store.set(&store.before, errDisk) // of changes
	c.now = at(time.Hour)
	for range 2 {
		if err := az.RunOnce(t.Context(), n); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want %v", err, errDisk)
		}
		c.now = c.now.Add(time.Minute)
	}
	n.want(t, "late short at 10:00", "late long at 10:00")
	store.set(&store.down, errDisk) // of everything
	c.now = at(90 * time.Minute)
	if err := az.RunOnce(t.Context(), n); !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, authz.ErrUnavailable)
	}
	n.want(t)
	wantState(t, az, short.ID, adapter.Planned)
	wantState(t, az, long.ID, adapter.Planned)
	wantRevision(t, az, "acme", 1)
	store.set(&store.down, nil)
	store.set(&store.before, nil)
	look(t, az, c, at(2*time.Hour), n)
	n.want(t, "expired short at 11:00", "made long at 11:00")
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	wantAllowed(t, az, ask("user:bob", "update", his), false)
	wantRevision(t, az, "acme", 2)
}

func TestRunEndsWithItsContext(t *testing.T) {
	store := &planning{Memory: storeOf(acme)}
	az := open(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan authz.Notice, 100)
	ended := make(chan error)
	store.set(&store.down, errDisk)
	go func() {
		ended <- az.Run(ctx, authz.NotifierFunc(func(_ context.Context, n authz.Notice) error { heard <- n; return nil }), authz.Every(time.Millisecond))
	}()
	if n := <-heard; n.Event != authz.NoticeLate || n.Proposal != nil || !errors.Is(n.Err, errDisk) {
		t.Errorf("of a lost store: %+v", n)
	}
	time.Sleep(10 * time.Millisecond) // it is told of once
	store.set(&store.down, nil)
	p := proposed(t)(az.Propose(t.Context(), proposer, addEve, authz.StartAt(time.Now())))
	if n := <-heard; n.Event != authz.NoticeMade || n.Proposal.ID != p.ID || n.Tenant != "acme" {
		t.Errorf("of a change: %+v", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	_ = az.Close()
	if err := az.Run(t.Context(), nil); !errors.Is(err, authz.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestRunByManyWithAClockThatJumps has several instances make random plans while the clock goes forwards and
// back: each is made once and not before its start, or never; each notice is given once.
func TestRunByManyWithAClockThatJumps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, round))
		c, n := &clock{now: monday}, &told{}
		store := storeOf(acme)
		instances := []*authz.Authorizer{open(t, store, c.option()), open(t, store, c.option()), open(t, store, c.option())}
		starts := map[string]time.Time{}
		latest := monday
		for i := range 40 {
			c.now = c.now.Add(time.Duration(r.IntN(140)-50) * time.Minute)
			if c.now.After(latest) {
				latest = c.now
			}
			az := instances[r.IntN(3)]
			if r.IntN(2) == 0 {
				start := c.now.Add(time.Duration(r.IntN(200)-20) * time.Minute)
				expire := authz.ExpireAt(start.Add(time.Hour))
				if !start.Add(time.Hour).After(c.now) {
					continue
				}
				who := fmt.Sprintf("user:u%d", i)
				p := proposed(t)(az.Propose(t.Context(), authz.By("user:ann", who), authz.Change{Tenant: "acme", Add: []authz.Fact{member(who, "role:support")}}, authz.StartAt(start), expire))
				starts[p.ID] = start
			}
			var group sync.WaitGroup
			for _, az := range instances {
				group.Go(func() {
					if err := az.RunOnce(t.Context(), n); err != nil && !errors.Is(err, authz.ErrSettled) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for id, start := range starts {
				if p, err := az.Proposal(t.Context(), "acme", id); err != nil || p.State == adapter.Made && start.After(latest) || p.State == adapter.Planned && !start.After(c.now) {
					t.Fatalf("round %d: at %s (at most %s), to start at %s: %+v, %v", round, c.now, latest, start, p, err)
				}
			}
		}
		log, err := store.Changes(t.Context(), "acme", 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		made, err := instances[0].Proposals(t.Context(), "acme", adapter.Made)
		if err != nil || len(made) != len(log) {
			t.Fatalf("round %d: %d are made, by %d changes; %v", round, len(made), len(log), err)
		}
		slices.Sort(n.got)
		if twice := slices.Compact(slices.Clone(n.got)); len(twice) != len(n.got) {
			t.Fatalf("round %d: something was told twice: %v", round, n.got)
		}
	}
}
