package authztest

import (
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/fixture"
	"github.com/crmauthz/crmauthz/model"
)

// Policy is a policy of one tenant, and what holds of all questions.
type Policy = fixture.Policy

// Load is the policy of the fixture at a path, without its tests.
func Load(t testing.TB, path string) Policy {
	t.Helper()
	fixtures, err := fixture.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return fixtures[0].Policy()
}

// Authorizer is an Authorizer in memory with helpers that fail the test. The test's
// end closes it. It is for one goroutine.
type Authorizer struct {
	*authz.Authorizer
	t    testing.TB
	desk *fixture.Desk
}

// New makes a policy ready. One that is malformed fails the test.
func New(t testing.TB, p Policy) *Authorizer {
	t.Helper()
	desk, err := fixture.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := desk.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Authorizer{Authorizer: desk.Authorizer(), t: t, desk: desk}
}

// Record is a record of the policy by its name, such as customer/42. The test fails if there is none.
func (a *Authorizer) Record(name string) *authz.Record {
	a.t.Helper()
	r := a.desk.Record(name)
	if r == nil {
		a.t.Fatalf("the policy has no record %s", name)
	}
	return r
}

// Wait lets time pass: what is in force depends on it.
func (a *Authorizer) Wait(d time.Duration) { a.desk.Wait(d) }

// Allow fails the test unless the user may do the action to each of the records.
func (a *Authorizer) Allow(user, action string, records ...*authz.Record) {
	a.t.Helper()
	a.each(records, user+" "+action, fixture.Question{User: user, Allowed: []string{action}})
}

// Deny fails the test unless the action is denied to the user on each of the records.
func (a *Authorizer) Deny(user, action string, records ...*authz.Record) {
	a.t.Helper()
	a.each(records, user+" "+action, fixture.Question{User: user, Denied: []string{action}})
}

func (a *Authorizer) each(records []*authz.Record, what string, q fixture.Question) {
	a.t.Helper()
	if len(records) == 0 {
		a.t.Fatalf("%s: without a record nothing is asked", what)
	}
	for _, q.Record = range records {
		a.ask(what, q)
	}
}

// Fields fails the test unless the user has, with the action, exactly these levels of the record's
// fields; those that are not listed are not looked at.
func (a *Authorizer) Fields(user, action string, record *authz.Record, want map[string]model.FieldLevel) {
	a.t.Helper()
	a.ask(user+" "+action, fixture.Question{User: user, Record: record, Action: action, Fields: want})
}

// Sees fails the test unless the records of a type to which the user may do the action are
// exactly those with these ids, of all records that the policy has and that were asked about.
func (a *Authorizer) Sees(user, action, typ string, ids ...string) {
	a.t.Helper()
	a.ask(user+" lists "+typ+" to "+action, fixture.Question{User: user, Type: typ, Action: action, Sees: ids})
}

func (a *Authorizer) ask(what string, q fixture.Question) {
	a.t.Helper()
	if q.Record != nil {
		what += " " + q.Record.Type + "/" + q.Record.ID
	}
	if f := a.desk.Ask(a.t.Context(), q); f != nil {
		a.t.Errorf("%s\n%v", what, f)
	}
}
