package authz_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

var (
	proposer = authz.By("user:ann", "ticket 81")
	approver = authz.By("user:ben", "seen")
	eveIn    = member("user:eve", "role:support")
	addEve   = authz.Change{Tenant: "acme", Add: []authz.Fact{eveIn}}
	readers  = authz.CustomerRule{Tenant: "acme", Subject: "role:support", On: model.OnType("customer"), Action: "delete", Effect: model.Allow, Scope: model.ScopeAll}
)

// proposed fails the test on an error of what is done with a proposal.
func proposed(t testing.TB) func(*authz.Proposal, error) *authz.Proposal {
	t.Helper()
	return func(p *authz.Proposal, err error) *authz.Proposal {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// wantState fails unless a proposal of Acme is in a state.
func wantState(t testing.TB, az *authz.Authorizer, id string, want adapter.State) {
	t.Helper()
	if p, err := az.Proposal(t.Context(), "acme", id); err != nil || p.State != want {
		t.Errorf("proposal %s: %+v, %v; want %s", id, p, err, want)
	}
}

func TestRequestIsMadeWhenASecondPersonApprovesIt(t *testing.T) {
	c, store := &clock{now: monday}, storeOf(acme)
	az := open(t, store, c.option())
	p := proposed(t)(az.Propose(t.Context(), proposer, addEve))
	if p.State != adapter.Requested || !p.Expires.Equal(monday.Add(authz.ProposalExpiry)) || !cmp.Equal(p.Change, addEve) {
		t.Errorf("proposed: %+v", p)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	wantRevision(t, az, "acme", 1)

	if _, err := az.Approve(t.Context(), proposer, "acme", p.ID); !errors.Is(err, authz.ErrOwnProposal) {
		t.Errorf("who proposed it approves it: %v", err)
	}
	if _, err := az.Reject(t.Context(), proposer, "acme", p.ID); !errors.Is(err, authz.ErrOwnProposal) {
		t.Errorf("who proposed it rejects it: %v", err)
	}
	if _, err := az.Approve(t.Context(), authz.By("user:eve", ""), "acme", p.ID); !errors.Is(err, authz.ErrOwnProposal) {
		t.Errorf("who gains approves it: %v", err)
	}
	if _, err := az.Approve(t.Context(), authz.Author{}, "acme", p.ID); !errors.Is(err, authz.ErrNoActor) {
		t.Errorf("nobody approves it: %v", err)
	}
	c.now = monday.Add(time.Hour)
	p = proposed(t)(az.Approve(t.Context(), approver, "acme", p.ID))
	want := []adapter.Step{{Did: "requested", Actor: "user:ann", Reason: "ticket 81", At: monday}, {Did: "approved", Actor: "user:ben", Reason: "seen", At: c.now}, {Did: "made", At: c.now}}
	if diff := cmp.Diff(want, p.Steps); p.State != adapter.Made || diff != "" {
		t.Errorf("approved: %s, mismatch (-want +got):\n%s", p.State, diff)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), true)
	wantRevision(t, az, "acme", 2)
	for name, do := range map[string]func(context.Context, authz.Author, string, string) (*authz.Proposal, error){"Approve": az.Approve, "Reject": az.Reject, "Cancel": az.Cancel} {
		if _, err := do(t.Context(), approver, "acme", p.ID); !errors.Is(err, authz.ErrSettled) {
			t.Errorf("%s of what is made: %v; want %v", name, err, authz.ErrSettled)
		}
		if _, err := do(t.Context(), approver, "acme", "none"); !errors.Is(err, adapter.ErrNoProposal) {
			t.Errorf("%s of none: %v; want %v", name, err, adapter.ErrNoProposal)
		}
		if _, err := do(t.Context(), approver, "beta", p.ID); !errors.Is(err, adapter.ErrNoProposal) {
			t.Errorf("%s in another tenant: %v; want %v", name, err, adapter.ErrNoProposal)
		}
	}
	log, err := store.Changes(t.Context(), "acme", 1, 0)
	if err != nil || len(log) != 1 || log[0].ID != p.ID || log[0].Actor != "user:ann" || log[0].Reason != "ticket 81" {
		t.Errorf("log: %+v, %v", log, err)
	}
}

func TestNobodyApprovesWhatWidensHimself(t *testing.T) {
	off := model.Switch{Tenant: "acme", Target: "role:support", Mode: model.ModeOff}
	deny, readsAll := readers, readers
	readsAll.Action = "read"
	deny.Effect, deny.Scope = model.Deny, model.ScopeLevel
	forbids, his, forAll := readers, readers, deny
	forbids.Subject, forbids.Effect, his.Subject, forAll.Subject = "role:intern", model.Deny, "user:dan", model.Everyone
	offOf := func(target string) model.Switch {
		return model.Switch{Tenant: "acme", Target: target, Mode: model.ModeOff}
	}
	forAllOff := offOf(model.RuleID(forAll))
	forAllOff.Except = "role:staff"
	dansTeam, phone, intern, staff, soon := member("user:dan", "team:north"), member("user:dan", "role:phone"), member("user:dan", "role:intern"), member("user:dan", "role:staff"), member("user:dan", "role:soon")
	soon.Valid.From = time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	az := open(t, storeOf(acme))
	must(t)(az.Grant(t.Context(), by, dansTeam, deny, phone, intern, forbids, his, offOf(model.RuleID(his)), forAll, forAllOff, staff, soon))
	dan, alice := authz.By("user:dan", ""), authz.By("user:alice", "")
	for name, test := range map[string]struct {
		change authz.Change
		who    authz.Author
		may    bool
	}{
		"a rule for his role":            {authz.Change{Add: []authz.Fact{readers}}, dan, false},
		"a rule for another's role":      {authz.Change{Add: []authz.Fact{readers}}, alice, true},
		"his team joins a role":          {authz.Change{Add: []authz.Fact{member("team:north", "role:rep")}}, dan, false},
		"a rule for everyone":            {authz.Change{Add: []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "*", On: model.OnType("customer"), Level: model.LevelRead}}}, dan, false},
		"a rule of a role he also joins": {authz.Change{Add: []authz.Fact{member("team:north", "role:x"), authz.TeamRule{Tenant: "acme", Subject: "role:x", On: model.OnType("customer"), Level: model.LevelRead}}}, dan, false},
		"somebody reports to him":        {authz.Change{Add: []authz.Fact{authz.OrgEdge{Tenant: "acme", Below: "user:bob", Above: "user:dan"}}}, dan, false},
		"he reports to somebody":         {authz.Change{Add: []authz.Fact{authz.OrgEdge{Tenant: "acme", Below: "user:dan", Above: "user:bob"}}}, dan, true},
		"his role loses a prohibition":   {authz.Change{Remove: []authz.Fact{deny}}, dan, false},
		"his role is switched off":       {authz.Change{Add: []authz.Fact{offOf("role:phone")}}, dan, true},
		"one that is forbidden a thing":  {authz.Change{Add: []authz.Fact{off}}, dan, false},
		"he loses a membership":          {authz.Change{Remove: []authz.Fact{dansTeam}}, dan, true},
		"one in what forbids":            {authz.Change{Remove: []authz.Fact{intern}}, dan, false},
		"one by which he is excepted":    {authz.Change{Remove: []authz.Fact{staff}}, dan, false},
		"it is switched off":             {authz.Change{Add: []authz.Fact{offOf(model.RuleID(intern))}}, dan, false},
		"a prohibition is switched off":  {authz.Change{Add: []authz.Fact{offOf(model.RuleID(forbids))}}, dan, false},
		"that of another's role":         {authz.Change{Add: []authz.Fact{offOf(model.RuleID(forbids))}}, alice, true},
		"his rule is switched on":        {authz.Change{Remove: []authz.Fact{offOf(model.RuleID(his))}}, dan, false},
		"his rule is switched off":       {authz.Change{Add: []authz.Fact{offOf(model.RuleID(readsAll))}}, dan, true},
		"a rule of his role to be":       {authz.Change{Add: []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "role:soon", On: model.OnType("customer"), Level: model.LevelRead}}}, dan, false},
		"he is switched off":             {authz.Change{Add: []authz.Fact{offOf("user:dan")}}, dan, true},
	} {
		t.Run(name, func(t *testing.T) {
			test.change.Tenant = "acme"
			p := proposed(t)(az.Propose(t.Context(), proposer, test.change, authz.ExpireAt(time.Now().Add(time.Hour))))
			_, err := az.Approve(t.Context(), test.who, "acme", p.ID)
			if test.may && err != nil || !test.may && !errors.Is(err, authz.ErrOwnProposal) {
				t.Errorf("%s approves: %v", test.who.Actor, err)
			}
			if test.may { // as it was
				c := authz.Change{Tenant: "acme", Add: test.change.Remove, Remove: test.change.Add}
				must(t)(az.Apply(t.Context(), by, c))
			}
		})
	}
	// A role that is switched off does not hide that he is in it.
	must(t)(az.Disable(t.Context(), by, "acme", "role:support"))
	p := proposed(t)(az.Propose(t.Context(), proposer, authz.Change{Tenant: "acme", Remove: []authz.Fact{off}}))
	if _, err := az.Approve(t.Context(), dan, "acme", p.ID); !errors.Is(err, authz.ErrOwnProposal) {
		t.Errorf("he approves that his role is switched on: %v", err)
	}
}

// What restricts who is in a group need not be a rule for it.
func TestNobodyApprovesThatHeLeavesWhatRestrictsHim(t *testing.T) {
	schema, err := model.ParseSchema([]byte(`
types:
  customer: {actions: {read: read, update: write}}
conditions: {no_guest: '!member("role:guest")', mine: own()}
constraints:
  - {name: duties, exclusive: ['role:maker', 'role:checker']}
`))
	if err != nil {
		t.Fatal(err)
	}
	for group, test := range map[string]struct {
		rule string
		may  bool
	}{
		"role:guest":  {"{who: user:eve, may: read, on: customer}", false}, // a condition asks for it
		"role:nested": {"{who: user:eve, may: read, on: customer}", false},
		"role:maker":  {"{who: user:eve, may: read, on: customer}", false}, // excluded by another
		"unit:x":      {"{who: '*', may not: update, on: customer, scope: unit}", false},
		"team:t":      {"{who: '*', may not: update, on: customer, if: mine}", false},
		"role:other":  {"{who: role:rep, may not: update, on: customer}", true},
	} {
		az := openSchema(t, schema, storeOfLines(t))
		in := member("user:dan", group)
		grantText(t, az, by, "members: [{who: role:nested, in: role:guest}]\nrules: ["+test.rule+"]")
		must(t)(az.Grant(t.Context(), by, in))
		p := proposed(t)(az.Propose(t.Context(), proposer, authz.Change{Tenant: "acme", Remove: []authz.Fact{in}}))
		if _, err := az.Approve(t.Context(), authz.By("user:dan", ""), "acme", p.ID); test.may != (err == nil) || err != nil && !errors.Is(err, authz.ErrOwnProposal) {
			t.Errorf("he approves that he leaves %s: %v", group, err)
		}
	}
}

func TestProposalsRefuse(t *testing.T) {
	c := &clock{now: monday}
	az := open(t, storeOf(acme), c.option())
	must(t)(az.Grant(t.Context(), authz.Author{Actor: "user:ann", ChangeID: "ticket 7"}, member("user:zoe", "role:rep")))
	at := func(d time.Duration) time.Time { return monday.Add(d) }
	closesCycle, noRule := member("role:support", "role:rep"), model.Switch{Tenant: "acme", Target: model.RuleID(readers), Mode: model.ModeOff}
	must(t)(az.Grant(t.Context(), by, member("role:rep", "role:support")))
	opening := model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeOpen, Valid: model.Period{From: monday, Until: at(time.Hour)}}
	for name, test := range map[string]struct {
		by      authz.Author
		change  authz.Change
		options []authz.ProposalOption
		want    error
	}{
		"nobody":              {authz.By("", ""), addEve, nil, authz.ErrNoActor},
		"no facts":            {proposer, authz.Change{Tenant: "acme"}, nil, model.ErrMalformed},
		"no tenant":           {proposer, authz.Change{Add: addEve.Add}, nil, model.ErrMalformed},
		"another tenant":      {proposer, authz.Change{Tenant: "beta", Add: addEve.Add}, nil, authz.ErrTenants},
		"for a revision":      {proposer, authz.Change{Tenant: "acme", Add: addEve.Add, Base: 2}, nil, model.ErrMalformed},
		"an unknown type":     {proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "user:eve", On: model.OnType("client"), Level: model.LevelRead}}}, nil, model.ErrUnknownType},
		"opening":             {proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{opening}}, nil, authz.ErrOpen},
		"a cycle":             {proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{closesCycle}}, nil, model.ErrCycle},
		"a rule not there":    {proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{noRule}}, nil, authz.ErrNoSuchRule},
		"expired":             {proposer, addEve, []authz.ProposalOption{authz.ExpireAt(monday)}, model.ErrMalformed},
		"expires before":      {proposer, addEve, []authz.ProposalOption{authz.StartAt(at(2 * time.Hour)), authz.ExpireAt(at(time.Hour))}, model.ErrMalformed},
		"the ID of a change":  {authz.Author{Actor: "user:ann", ChangeID: "ticket 7"}, addEve, nil, authz.ErrSettled},
		"an ID that is no ID": {authz.Author{Actor: "user:ann", ChangeID: "\x00"}, addEve, nil, model.ErrMalformed},
	} {
		if p, err := az.Propose(t.Context(), test.by, test.change, test.options...); p != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v; want %v", name, p, err, test.want)
		}
	}
	if all, err := az.Proposals(t.Context(), "acme"); err != nil || len(all) != 0 {
		t.Errorf("what was refused is kept: %v, %v", all, err)
	}
	plain := open(t, struct{ adapter.Store }{storeOf(acme)})
	_, err := plain.Propose(t.Context(), proposer, addEve)
	_, err2 := plain.Approve(t.Context(), proposer, "acme", "x")
	_, err3 := plain.Proposals(t.Context(), "acme")
	_, err4 := plain.Proposal(t.Context(), "acme", "x")
	_, err5 := plain.Erase(t.Context(), proposer, "acme", "user:eve")
	for i, err := range []error{err, err2, err3, err4, plain.RunOnce(t.Context(), nil), plain.Run(t.Context(), nil)} {
		if !errors.Is(err, authz.ErrNoProposals) {
			t.Errorf("a store that keeps none, %d: %v; want %v", i, err, authz.ErrNoProposals)
		}
	}
	if !errors.Is(err5, authz.ErrNoErasing) {
		t.Errorf("a store that cannot erase: %v; want %v", err5, authz.ErrNoErasing)
	}
	_ = az.Close()
	if _, err := az.Propose(t.Context(), proposer, addEve); !errors.Is(err, authz.ErrClosed) {
		t.Errorf("closed: %v; want %v", err, authz.ErrClosed)
	}
}

func TestProposalsAreRejectedCancelledAndExpire(t *testing.T) {
	c := &clock{now: monday}
	az := open(t, storeOf(acme), c.option())
	propose := func(options ...authz.ProposalOption) string {
		c.now = c.now.Add(time.Second)
		return proposed(t)(az.Propose(t.Context(), proposer, addEve, options...)).ID
	}
	rejected, cancelled, planned, expired := propose(), propose(), propose(authz.StartAt(monday.Add(time.Hour))), propose(authz.ExpireAt(monday.Add(time.Hour)))
	proposed(t)(az.Reject(t.Context(), approver, "acme", rejected))
	proposed(t)(az.Cancel(t.Context(), proposer, "acme", cancelled))
	if _, err := az.Approve(t.Context(), approver, "acme", planned); !errors.Is(err, authz.ErrSettled) {
		t.Errorf("Approve of what needs no approval: %v", err)
	}
	for range 2 { // once is enough
		p := proposed(t)(az.Acknowledge(t.Context(), approver, "acme", planned))
		if len(p.Steps) != 2 || p.Steps[1].Did != "acknowledged" || p.State != adapter.Planned {
			t.Errorf("acknowledged: %+v", p)
		}
	}
	proposed(t)(az.Cancel(t.Context(), approver, "acme", planned))
	c.now = monday.Add(time.Hour)
	if _, err := az.Approve(t.Context(), approver, "acme", expired); !errors.Is(err, authz.ErrExpired) {
		t.Errorf("Approve of what has expired: %v", err)
	}
	if err := az.RunOnce(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantRevision(t, az, "acme", 1)
	var got []string
	all, err := az.Proposals(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		got = append(got, string(p.State))
	}
	if diff := cmp.Diff([]string{"rejected", "cancelled", "cancelled", "expired"}, got); diff != "" {
		t.Errorf("states mismatch (-want +got):\n%s", diff)
	}
	if some, err := az.Proposals(t.Context(), "acme", adapter.Expired); err != nil || len(some) != 1 || some[0].ID != expired {
		t.Errorf("expired are %v, %v", some, err)
	}
}

func TestProposalWithItsChangeIDIsProposedOnce(t *testing.T) {
	az := open(t, storeOf(acme))
	once := authz.Author{Actor: "user:ann", ChangeID: "ticket 82"}
	first := proposed(t)(az.Propose(t.Context(), once, addEve))
	again := proposed(t)(az.Propose(t.Context(), once, authz.Change{Tenant: "acme", Remove: addEve.Add}))
	if diff := cmp.Diff(first, again); diff != "" || first.ID != "ticket 82" {
		t.Errorf("mismatch (-first +again):\n%s", diff)
	}
	proposed(t)(az.Approve(t.Context(), approver, "acme", "ticket 82"))
	if p := proposed(t)(az.Propose(t.Context(), once, addEve)); p.State != adapter.Made {
		t.Errorf("once more, when it is made: %+v", p)
	}
	wantRevision(t, az, "acme", 2)
}

// What is approved is checked once more, against the policy as it is then.
func TestProposalThatIsRefusedWhenItIsMadeHasFailed(t *testing.T) {
	az := open(t, storeOf(acme))
	off := model.Switch{Tenant: "acme", Target: model.RuleID(repUpdates), Mode: model.ModeOff}
	p := proposed(t)(az.Propose(t.Context(), proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{off}}))
	cycle := proposed(t)(az.Propose(t.Context(), proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{member("role:rep", "role:a")}}))
	must(t)(az.Revoke(t.Context(), by, repUpdates))
	must(t)(az.Grant(t.Context(), by, member("role:a", "role:rep")))
	for id, want := range map[string]error{p.ID: authz.ErrNoSuchRule, cycle.ID: model.ErrCycle} {
		if _, err := az.Approve(t.Context(), approver, "acme", id); !errors.Is(err, want) {
			t.Errorf("Approve: %v; want %v", err, want)
		}
		wantState(t, az, id, adapter.Failed)
		if p, err := az.Proposal(t.Context(), "acme", id); err != nil || p.Steps[len(p.Steps)-1].Reason == "" {
			t.Errorf("why it failed: %+v, %v", p, err)
		}
	}
	wantRevision(t, az, "acme", 3)
	// Facts that are there by then are passed over; the proposal is made all the same.
	must(t)(az.Grant(t.Context(), by, eveIn))
	p = proposed(t)(az.Propose(t.Context(), proposer, addEve))
	if p = proposed(t)(az.Approve(t.Context(), approver, "acme", p.ID)); p.State != adapter.Made {
		t.Errorf("a change without effect: %+v", p)
	}
	wantRevision(t, az, "acme", 4)
}

// planning is a store that fails when told to.
type planning struct {
	*adapter.Memory
	mu            sync.Mutex
	down          error // of everything
	before, after error // and Settle makes the change durable in between
	put           error
}

func (s *planning) fails(err *error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.down, *err)
}

func (s *planning) set(err *error, to error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*err = to
}

func (s *planning) Settle(ctx context.Context, c adapter.Change, p adapter.Proposal) (adapter.Entry, error) {
	if err := s.fails(&s.before); err != nil {
		return adapter.Entry{}, err
	}
	e, err := s.Memory.Settle(ctx, c, p)
	if err == nil {
		err = s.fails(&s.after)
	}
	return e, err
}

func (s *planning) Put(ctx context.Context, p adapter.Proposal) error {
	if err := s.fails(&s.put); err != nil {
		return err
	}
	return s.Memory.Put(ctx, p)
}

func (s *planning) Due(ctx context.Context, by time.Time) ([]adapter.Proposal, error) {
	if err := s.fails(&s.down); err != nil {
		return nil, err
	}
	return s.Memory.Due(ctx, by)
}

func (s *planning) Ending(ctx context.Context, after, by time.Time) ([]model.Line, error) {
	if err := s.fails(&s.down); err != nil {
		return nil, err
	}
	return s.Memory.Ending(ctx, after, by)
}

func TestApprovalOutlivesAStoreThatCannotMakeTheChange(t *testing.T) {
	store := &planning{Memory: storeOf(acme)}
	az := open(t, store)
	p := proposed(t)(az.Propose(t.Context(), proposer, addEve))
	store.set(&store.before, errDisk)
	if _, err := az.Approve(t.Context(), approver, "acme", p.ID); !errors.Is(err, errDisk) {
		t.Fatalf("Approve: %v; want %v", err, errDisk)
	}
	wantState(t, az, p.ID, adapter.Planned)
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	store.set(&store.before, nil)
	if _, err := az.Approve(t.Context(), authz.By("user:zoe", ""), "acme", p.ID); !errors.Is(err, authz.ErrSettled) {
		t.Errorf("another approves it once more: %v", err)
	}
	if p := proposed(t)(az.Approve(t.Context(), approver, "acme", p.ID)); p.State != adapter.Made || len(p.Steps) != 3 {
		t.Errorf("once more: %+v", p)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), true)

	// The answer is lost, but what is kept says that it is made.
	p = proposed(t)(az.Propose(t.Context(), proposer, authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:zoe", "role:support")}}))
	store.set(&store.after, errDisk)
	if p := proposed(t)(az.Approve(t.Context(), approver, "acme", p.ID)); p.State != adapter.Made {
		t.Errorf("made, but the answer lost: %+v", p)
	}
	store.set(&store.after, nil)
	if err := az.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	wantRevision(t, az, "acme", 3)
}

// What is approved but not made by then is not made by approving it once more.
func TestApprovedChangeThatHasExpiredIsNotMade(t *testing.T) {
	c, store := &clock{now: monday}, &planning{Memory: storeOf(acme)}
	az := open(t, store, c.option())
	p := proposed(t)(az.Propose(t.Context(), proposer, addEve))
	store.set(&store.before, errDisk)
	if _, err := az.Approve(t.Context(), approver, "acme", p.ID); !errors.Is(err, errDisk) {
		t.Fatalf("Approve: %v; want %v", err, errDisk)
	}
	store.set(&store.before, nil)
	c.now = p.Expires
	if _, err := az.Approve(t.Context(), approver, "acme", p.ID); !errors.Is(err, authz.ErrExpired) {
		t.Errorf("once more: %v; want %v", err, authz.ErrExpired)
	}
	wantAllowed(t, az, ask("user:eve", "read", hers), false)
	look(t, az, c, c.now, nil)
	wantState(t, az, p.ID, adapter.Expired)
}

// Two approve, one rejects, one cancels, and the worker of two instances makes it: one of them has his way.
func TestOfManyWhoSettleOneDoes(t *testing.T) {
	for round := range 30 {
		store := storeOf(acme)
		one, two := open(t, store), open(t, store)
		p := proposed(t)(one.Propose(t.Context(), proposer, addEve))
		var ok atomic.Int32
		var group sync.WaitGroup
		for _, do := range []func() (*authz.Proposal, error){
			func() (*authz.Proposal, error) { return one.Approve(t.Context(), approver, "acme", p.ID) },
			func() (*authz.Proposal, error) {
				return two.Approve(t.Context(), authz.By("user:zoe", ""), "acme", p.ID)
			},
			func() (*authz.Proposal, error) {
				return one.Reject(t.Context(), authz.By("user:kim", ""), "acme", p.ID)
			},
		} {
			group.Go(func() {
				switch _, err := do(); {
				case err == nil:
					ok.Add(1)
				case !errors.Is(err, authz.ErrSettled):
					t.Error(err)
				}
			})
		}
		for _, az := range []*authz.Authorizer{one, two} {
			group.Go(func() {
				if err := az.RunOnce(t.Context(), nil); err != nil && !errors.Is(err, authz.ErrSettled) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		now, err := one.Proposal(t.Context(), "acme", p.ID)
		log, err2 := store.Changes(t.Context(), "acme", 1, 0)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if made := now.State == adapter.Made; ok.Load() != 1 || made != (len(log) == 1) || !made && now.State != adapter.Rejected {
			t.Fatalf("round %d: %d had their way, and it is %+v with %d changes", round, ok.Load(), now, len(log))
		}
		if diff := cmp.Diff(1, len(deciders(now))); diff != "" {
			t.Fatalf("round %d: decided by %v", round, deciders(now))
		}
	}
}

func deciders(p *authz.Proposal) (who []string) {
	for _, s := range p.Steps {
		if s.Did == "approved" || s.Did == "rejected" {
			who = append(who, fmt.Sprint(s.Did, " by ", s.Actor))
		}
	}
	return who
}
