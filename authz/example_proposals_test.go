package authz_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz"
)

// atMonday is a clock that stands.
var atMonday = authz.WithClock(func() time.Time { return monday })

// helpsOut has Dan in sales, too.
var helpsOut = authz.Change{Tenant: "acme", Add: []authz.Fact{authz.Membership{Tenant: "acme", Member: "user:dan", Group: "role:rep"}}}

func printSteps(p *authz.Proposal) {
	fmt.Println(p.ID, "is", p.State)
	for _, s := range p.Steps {
		fmt.Println(strings.TrimSpace(strings.Join([]string{s.At.Format("15:04"), s.Did, s.Actor, s.Reason}, " ")))
	}
}

// A change that a second person has to approve.
func ExampleAuthorizer_Approve() {
	ctx, az := context.Background(), openAcme(atMonday)
	defer az.Close()

	p, err := az.Propose(ctx, authz.Author{Actor: "user:carol", Reason: "fair in Lyon", ChangeID: "ticket 81"}, helpsOut)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, who := range []string{"user:carol", "user:dan", "user:bob"} {
		p, err = az.Approve(ctx, authz.By(who, "seen"), "acme", p.ID)
		if errors.Is(err, authz.ErrOwnProposal) {
			fmt.Println(who, "may not approve it")
			p, _ = az.Proposal(ctx, "acme", "ticket 81")
		}
	}
	printSteps(p)
	fmt.Println(az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:dan", Action: "update", Type: "customer"}))
	// Output:
	// user:carol may not approve it
	// user:dan may not approve it
	// ticket 81 is made
	// 09:00 requested user:carol fair in Lyon
	// 09:00 approved user:bob seen
	// 09:00 made
	// true <nil>
}

// A change that is planned for a time.
func ExampleAuthorizer_Propose() {
	ctx, now := context.Background(), monday
	az := openAcme(authz.WithClock(func() time.Time { return now }))
	defer az.Close()

	_, err := az.Propose(ctx, authz.By("user:carol", "fair in Lyon"), helpsOut, authz.StartAt(monday.Add(24*time.Hour)), authz.ExpireAt(monday.Add(48*time.Hour)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, now = range []time.Time{monday, monday.Add(24*time.Hour - time.Minute), monday.Add(24 * time.Hour)} {
		err := az.RunOnce(ctx, authz.NotifierFunc(func(_ context.Context, n authz.Notice) error {
			fmt.Println(n.Event, n.At.Format("Mon 15:04"), n.Proposal.Steps[0].Reason)
			return nil
		}))
		ok, err2 := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:dan", Action: "update", Type: "customer"})
		fmt.Println(now.Format("Mon 15:04"), ok, errors.Join(err, err2))
	}
	// Output:
	// Mon 09:00 false <nil>
	// before Tue 09:00 fair in Lyon
	// Tue 08:59 false <nil>
	// made Tue 09:00 fair in Lyon
	// Tue 09:00 true <nil>
}

func ExampleAuthorizer_Proposals() {
	ctx, az := context.Background(), openAcme(atMonday)
	defer az.Close()

	for i := range 4 {
		if _, err := az.Propose(ctx, authz.Author{Actor: "user:carol", ChangeID: fmt.Sprint("ticket ", i)}, helpsOut); err != nil {
			fmt.Println(err)
		}
	}
	_, err := az.Reject(ctx, authz.By("user:bob", "not now"), "acme", "ticket 1")
	_, err2 := az.Cancel(ctx, authz.By("user:carol", "the fair is off"), "acme", "ticket 2")
	_, err3 := az.Acknowledge(ctx, authz.By("user:bob", ""), "acme", "ticket 3")
	all, err4 := az.Proposals(ctx, "acme")
	if err := errors.Join(err, err2, err3, err4); err != nil {
		fmt.Println(err)
	}
	for _, p := range all {
		last := p.Steps[len(p.Steps)-1]
		fmt.Println(p.ID, p.State, "-", last.Did, strings.TrimSpace(last.Actor+" "+last.Reason))
	}
	// Output:
	// ticket 0 requested - requested user:carol
	// ticket 1 rejected - rejected user:bob not now
	// ticket 2 cancelled - cancelled user:carol the fair is off
	// ticket 3 requested - acknowledged user:bob
}

func ExampleAuthorizer_Reject() {
	ctx, az := context.Background(), openAcme(atMonday)
	defer az.Close()

	_, err := az.Propose(ctx, authz.Author{Actor: "user:carol", ChangeID: "ticket 81"}, helpsOut)
	p, err2 := az.Reject(ctx, authz.By("user:bob", "not now"), "acme", "ticket 81")
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return
	}
	_, err = az.Approve(ctx, authz.By("user:alice", ""), "acme", "ticket 81")
	fmt.Println(p.State, errors.Is(err, authz.ErrSettled))
	// Output: rejected true
}

func ExampleAuthorizer_Cancel() {
	ctx, az := context.Background(), openAcme(atMonday)
	defer az.Close()

	_, err := az.Propose(ctx, authz.Author{Actor: "user:carol", ChangeID: "ticket 81"}, helpsOut, authz.StartAt(monday.Add(time.Hour)))
	p, err2 := az.Cancel(ctx, authz.By("user:carol", "the fair is off"), "acme", "ticket 81")
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return
	}
	printSteps(p)
	// Output:
	// ticket 81 is cancelled
	// 09:00 planned user:carol
	// 09:00 cancelled user:carol the fair is off
}

func ExampleAuthorizer_Acknowledge() {
	ctx, az := context.Background(), openAcme(atMonday)
	defer az.Close()

	_, err := az.Propose(ctx, authz.Author{Actor: "user:carol", ChangeID: "ticket 81"}, helpsOut, authz.StartAt(monday.Add(time.Hour)))
	p, err2 := az.Acknowledge(ctx, authz.By("user:dan", "I will be there"), "acme", "ticket 81")
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return
	}
	printSteps(p)
	// Output:
	// ticket 81 is planned
	// 09:00 planned user:carol
	// 09:00 acknowledged user:dan I will be there
}

// A program has one goroutine that runs what is planned; it ends with its context.
func ExampleAuthorizer_Run() {
	ctx, cancel := context.WithCancel(context.Background())
	az := openAcme()
	defer az.Close()

	if _, err := az.Propose(ctx, authz.By("user:carol", "fair in Lyon"), helpsOut, authz.StartAt(time.Now())); err != nil {
		fmt.Println(err)
	}
	err := az.Run(ctx, authz.NotifierFunc(func(_ context.Context, n authz.Notice) error {
		fmt.Println(n.Event, n.Proposal.Steps[0].Reason)
		cancel() // a program goes on
		return nil
	}), authz.Every(time.Second), authz.Ahead(time.Hour))
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// made fair in Lyon
	// true
}

// A person is erased; that somebody did what she did stays known.
func ExampleAuthorizer_Erase() {
	ctx := context.Background()
	store := storeOf(acme)
	az, err := authz.Open(ctx, crm, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()
	if _, err := az.Revoke(ctx, authz.By("user:carol", "user:carol hands over"), authz.Membership{Tenant: "acme", Member: "user:bob", Group: "role:rep"}); err != nil {
		fmt.Println(err)
	}

	pseudonym, err := az.Erase(ctx, authz.By("user:dpo", "request 12"), "acme", "user:carol")
	if err != nil {
		fmt.Println(err)
		return
	}
	log, err := store.Changes(ctx, "acme", 1, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(log[0].Actor == pseudonym, log[0].Reason == pseudonym+" hands over")
	// Alice still reports to somebody, who may do nothing.
	ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: pseudonym, Action: "read", Record: hers})
	fmt.Println(ok, err)
	// Output:
	// true true
	// false <nil>
}
