package gormstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

const crashPlans = 30

func planned(n int) (user string, id string) {
	return fmt.Sprintf("user:a%dz", n), fmt.Sprint("plan ", n)
}

// planAndErase plans a change of a user by himself, has it made, and erases him; then the next. It goes on where the
// last program was killed, and says what is done.
func planAndErase(ctx context.Context, d database) error {
	s, err := d.openInChild(ctx)
	if err != nil {
		return err
	}
	az, err := authz.Open(ctx, readCustomers, s)
	if err != nil {
		return err
	}
	log, err := s.Changes(ctx, "acme", 0, 0)
	if err != nil {
		return err
	}
	first := 1
	for _, e := range log {
		if e.ID == fmt.Sprint("erase ", first) {
			first++
		}
	}
	for n := first; n <= crashPlans; n++ {
		user, id := planned(n)
		p, err := az.Propose(ctx, authz.Author{Actor: user, Reason: "for " + user, ChangeID: id},
			authz.Change{Tenant: "acme", Add: []authz.Fact{authz.Membership{Tenant: "acme", Member: user, Group: "role:rep"}}}, authz.StartAt(time.Unix(1, 0)))
		if err != nil {
			return err
		}
		if p.State == adapter.Planned {
			if err := az.RunOnce(ctx, nil); err != nil {
				return err
			}
		}
		if _, err := az.Erase(ctx, authz.Author{Actor: "user:dpo", ChangeID: fmt.Sprint("erase ", n)}, "acme", user); err != nil {
			return err
		}
		fmt.Println(n)
	}
	return s.Close()
}

func TestPlans_and_erasures_outlive_a_crash_whole(t *testing.T) {
	on(t, []string{"sqlite", "postgres"}, func(t *testing.T, d database) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		s := d.open(t)
		kills := 0
		for made := 0; made < crashPlans; {
			acknowledged, killed := runAndKill(t, d, time.Duration(r.IntN(int(120*time.Millisecond))), crashPlanEnv+"=1")
			if killed {
				kills++
			}
			now := wantPlans(t, s)
			if now < max(acknowledged, made) {
				t.Fatalf("%d are made and erased after %d were acknowledged", now, acknowledged)
			}
			made = now
		}
		t.Logf("%d kills", kills)
		if kills < 3 {
			t.Errorf("only %d kills: the test proves nothing", kills)
		}
	})
}

// wantPlans fails unless each change is made if and only if its proposal is, and each user is erased
// everywhere or nowhere. It returns how many are erased.
func wantPlans(t *testing.T, s *gormstore.Store) (erased int) {
	t.Helper()
	var now adapter.Snapshot
	var log []adapter.Entry
	for { // PostgreSQL may still finish the last change of a program that was killed
		now = load(t, s, "acme")
		var err error
		log, err = s.Changes(t.Context(), "acme", 0, 0)
		check(t, err)
		if len(log) == int(now.Revision) {
			break
		}
	}
	ps, err := s.Proposals(t.Context(), "acme")
	check(t, err)
	lines := map[model.Line]bool{}
	entry := map[string]int{}
	for _, e := range log {
		entry[e.ID]++
		for _, l := range e.Add {
			lines[l] = true
		}
	}
	var left []model.Line
	for l := range lines {
		left = append(left, l)
	}
	if diff := cmp.Diff(left, now.Lines, sameLines); diff != "" {
		t.Fatalf("the log does not lead to the policy (-log +policy):\n%s", diff)
	}
	everything := fmt.Sprint(now.Lines, log, ps)
	for _, p := range ps {
		if made := p.State == adapter.Made; made != (entry[p.ID] == 1) || entry[p.ID] > 1 {
			t.Fatalf("%d changes were made of %+v", entry[p.ID], p)
		}
		var n int
		_, err := fmt.Sscanf(p.ID, "plan %d", &n)
		check(t, err)
		user, _ := planned(n)
		gone := entry[fmt.Sprint("erase ", n)] == 1
		if gone {
			erased++
		}
		if named := strings.Contains(everything, user); named == gone || strings.HasPrefix(p.Steps[0].Actor, authz.ErasedPrefix) != gone {
			t.Fatalf("%s: erased %v, but named %v, in %+v", user, gone, named, p)
		}
	}
	return erased
}

// Two processes each have somebody approve, or cancel, and look at what is due: one has his way.
func TestStores_on_one_database_settle_a_proposal_once(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		ctx := t.Context()
		stores := []*gormstore.Store{d.open(t), d.open(t)}
		var azs []*authz.Authorizer
		for _, s := range stores {
			az, err := authz.Open(ctx, readCustomers, s)
			check(t, err)
			azs = append(azs, az)
		}
		for round := range 12 {
			p, err := azs[0].Propose(ctx, authz.By("user:ann", ""), authz.Change{Tenant: "acme", Add: []authz.Fact{onTeam("eve", fmt.Sprint(round))}})
			check(t, err)
			var ok, given atomic.Int32
			var group sync.WaitGroup
			for i, do := range []func(context.Context, authz.Author, string, string) (*authz.Proposal, error){azs[0].Approve, azs[1].Approve, azs[1].Cancel} {
				group.Go(func() {
					switch _, err := do(ctx, authz.By(fmt.Sprint("user:b", i), ""), "acme", p.ID); {
					case err == nil:
						ok.Add(1)
					case !errors.Is(err, authz.ErrSettled):
						t.Error(err)
					}
				})
			}
			group.Wait()
			for _, az := range azs {
				group.Go(func() {
					err := az.RunOnce(ctx, authz.NotifierFunc(func(_ context.Context, n authz.Notice) error {
						if n.Event != authz.NoticeRequested {
							given.Add(1)
						}
						return nil
					}))
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			now, err := azs[1].Proposal(ctx, "acme", p.ID)
			check(t, err)
			log, err := stores[0].Changes(ctx, "acme", 0, 0)
			check(t, err)
			changes := len(slices.DeleteFunc(log, func(e adapter.Entry) bool { return e.ID != p.ID }))
			// Who approved and was cancelled before it was made has had his way, too.
			if (now.State == adapter.Made) != (changes == 1) || ok.Load() < 1 || ok.Load() > 2 || given.Load() != 1 {
				t.Fatalf("round %d: %d had their way, %d notices, and it is %+v with %d changes", round, ok.Load(), given.Load(), now, changes)
			}
		}
	})
}

// A row of another tenant that is no line, as other programs may leave it, hides no switch that ends.
func TestEnding_goes_on_behind_a_row_that_is_no_line(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		s := newStore(t, db)
		execSQL(t, db, "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ('p4', 'user:eve', 'aaa', 'off', '-', 'tomorrow', '-')")
		id := count(t, db, "SELECT MAX(id) FROM casbin_rule")
		ends, err := model.Encode(model.Switch{Tenant: "acme", Target: "user:eve", Mode: model.ModeOff, Valid: model.Period{Until: at}})
		check(t, err)
		apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{ends}})
		got, err := s.Ending(t.Context(), at.Add(-time.Second), at)
		wantRowError(t, "Ending", err, id, "until")
		if !slices.Equal(got, []model.Line{ends}) {
			t.Errorf("Ending = %v; want %v", got, ends)
		}
		az, err := authz.Open(t.Context(), readCustomers, s, authz.WithClock(func() time.Time { return at.Add(-time.Minute) }))
		check(t, err)
		var told []authz.Notice
		err = az.RunOnce(t.Context(), authz.NotifierFunc(func(_ context.Context, n authz.Notice) error {
			told = append(told, n)
			return nil
		}))
		wantRowError(t, "RunOnce", err, id, "until")
		if len(told) != 1 || told[0].Tenant != "acme" || told[0].Event != authz.NoticeEnding {
			t.Errorf("told %+v; want that acme's switch ends", told)
		}
	})
}
