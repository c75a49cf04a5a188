package authz_test

import (
	"errors"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

func change(add, remove []authz.Fact) authz.Change {
	return authz.Change{Tenant: "acme", Add: add, Remove: remove}
}

func TestApplyMakesAllOfAChangeAtOnce(t *testing.T) {
	az := open(t, storeOf(acme))
	moves := change(
		[]authz.Fact{member("user:alice", "role:support"), model.Switch{Tenant: "acme", Target: "user:bob", Mode: model.ModeOff}},
		[]authz.Fact{member("user:alice", "role:rep"), member("user:zoe", "role:rep")})
	for range 2 { // the second time it is made already
		if rev := must(t)(az.Apply(t.Context(), by, moves)); rev != 2 {
			t.Errorf("revision %d, want 2", rev)
		}
		wantAllowed(t, az, ask("user:alice", "update", hers), false)
		wantAllowed(t, az, ask("user:alice", "read", his), true)
		wantAllowed(t, az, ask("user:bob", "update", his), false)
	}
	back := change(moves.Remove[:1], moves.Add)
	if rev := must(t)(az.Apply(t.Context(), by, back)); rev != 3 {
		t.Errorf("back: revision %d, want 3", rev)
	}
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	wantAllowed(t, az, ask("user:bob", "update", his), true)
	if rev := must(t)(az.Apply(t.Context(), by, authz.Change{Tenant: "acme"})); rev != 3 {
		t.Errorf("no facts: revision %d, want 3", rev)
	}
}

func TestApplyRefuses(t *testing.T) {
	eve, beta := member("user:eve", "role:rep"), authz.Membership{Tenant: "beta", Member: "user:eve", Group: "role:rep"}
	off := model.Switch{Tenant: "acme", Target: model.RuleID(eve), Mode: model.ModeOff}
	opens := model.Switch{Tenant: "acme", Target: model.Any, Mode: model.ModeOpen, Valid: model.Period{Until: monday}}
	tests := []struct {
		name   string
		change authz.Change
		want   error
	}{
		{"a fact both added and taken away", change([]authz.Fact{eve}, []authz.Fact{eve}), model.ErrMalformed},
		{"what opens the tenant", change([]authz.Fact{opens}, nil), authz.ErrOpen},
		{"a switch of no rule", change([]authz.Fact{off}, nil), authz.ErrNoSuchRule},
		{"another tenant", change([]authz.Fact{beta}, nil), authz.ErrTenants},
		{"another tenant, taken away", change(nil, []authz.Fact{beta}), authz.ErrTenants},
		{"no tenant", authz.Change{Add: []authz.Fact{eve}}, authz.ErrTenants},
		{"a tenant that is none", authz.Change{Tenant: "a/b"}, model.ErrMalformed},
		{"a cycle", change([]authz.Fact{member("role:rep", "role:support"), member("role:support", "role:rep")}, nil), model.ErrCycle},
		{"good and bad", change([]authz.Fact{eve}, []authz.Fact{member("robot:r2", "role:rep")}), model.ErrUnknownKind},
		{"another revision", authz.Change{Tenant: "acme", Add: []authz.Fact{eve}, Base: 7}, authz.ErrMoved},
	}
	az := open(t, storeOf(acme), authz.WithOpenLimit(time.Hour))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rev, err := az.Apply(t.Context(), by, test.change)
			var is *authz.Error
			if rev != 0 || !errors.Is(err, test.want) || !errors.As(err, &is) || is.Op != "apply" {
				t.Errorf("got %d, %v; want %v", rev, err, test.want)
			}
			wantAllowed(t, az, ask("user:eve", "read", hers), false)
			wantRevision(t, az, "acme", 1)
		})
	}
	// A rule that comes with the switch is there.
	must(t)(az.Apply(t.Context(), by, change([]authz.Fact{eve, off}, nil)))
	wantAllowed(t, az, ask("user:eve", "read", &authz.Record{Type: "customer", ID: "7", Owners: []string{"user:eve"}}), false)
}

// What goes with the same change closes no cycle.
func TestApplyTurnsAnOrgEdgeRound(t *testing.T) {
	az := open(t, storeOf(acme))
	edge := func(below, above string) authz.Fact {
		return authz.OrgEdge{Tenant: "acme", Below: below, Above: above}
	}
	turn := change([]authz.Fact{edge("user:carol", "user:alice")}, []authz.Fact{edge("user:alice", "user:carol")})
	if i, err := az.Preview(t.Context(), turn); err != nil || len(i.Gaining()) == 0 {
		t.Errorf("Preview: %v, %v", i, err)
	}
	must(t)(az.Apply(t.Context(), by, turn))
	wantAllowed(t, az, ask("user:carol", "read", hers), false)
	if _, err := az.Apply(t.Context(), by, change([]authz.Fact{edge("user:alice", "user:carol")}, []authz.Fact{edge("user:bob", "user:carol")})); !errors.Is(err, model.ErrCycle) {
		t.Errorf("got %v, want %v", err, model.ErrCycle)
	}
}

func TestApplyForARevision(t *testing.T) {
	store := storeOf(acme)
	az, other := open(t, store), open(t, store)
	wantRevision(t, az, "acme", 1)
	must(t)(other.Grant(t.Context(), by, member("user:zoe", "role:support")))

	// This instance has not heard of revision 2 yet.
	for2 := authz.Change{Tenant: "acme", Add: []authz.Fact{member("user:eve", "role:support")}, Base: 2}
	once := authz.Author{Actor: "user:admin", ChangeID: "ticket 84"}
	if rev := must(t)(az.Apply(t.Context(), once, for2)); rev != 3 {
		t.Errorf("revision %d, want 3", rev)
	}
	if rev := must(t)(az.Apply(t.Context(), once, for2)); rev != 3 {
		t.Errorf("once more: revision %d, want 3", rev)
	}
	if rev, err := az.Apply(t.Context(), by, for2); rev != 0 || !errors.Is(err, authz.ErrMoved) {
		t.Errorf("by another: got %d, %v; want %v", rev, err, authz.ErrMoved)
	}
	gone := &faulty{Memory: storeOf(acme)}
	az = open(t, gone)
	wantRevision(t, az, "acme", 1)
	gone.load = errDisk
	if _, err := az.Apply(t.Context(), by, for2); !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("without the store: got %v, want %v", err, authz.ErrUnavailable)
	}
}
