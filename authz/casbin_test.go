package authz_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/internal/reference/plain"
	"github.com/crmauthz/crmauthz/model"
)

func ExampleAuthorizer_Casbin() {
	ctx := context.Background()
	store, _ := adapter.NewMemory(nil)
	schema := &authz.Schema{Types: map[string]model.Type{"customer": {Actions: map[string]model.Action{"update": {Need: model.LevelWrite}}}}}
	az, err := authz.Open(ctx, schema, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()
	_, err = az.Grant(ctx, authz.By("user:admin", "set up"),
		authz.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"},
		authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow})
	if err != nil {
		fmt.Println(err)
		return
	}

	e, err := az.Casbin(ctx, "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	hers := &authz.Record{Type: "customer", ID: "42", Owners: []string{"user:alice"}}
	his := &authz.Record{Type: "customer", ID: "43", Owners: []string{"user:bob"}}
	fmt.Println(e.Enforce("user:alice", "acme", "update", &authz.CasbinFacts{Record: hers}))
	fmt.Println(e.Enforce("user:alice", "acme", "update", &authz.CasbinFacts{Record: his}))
	// Output:
	// true <nil>
	// false <nil>
}

const usualModel = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`

func ExampleOpenCasbin() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "policy.csv")
	os.WriteFile(path, []byte("p, admin, acme, customer, update\ng, alice, admin, acme\n"), 0o600)

	p, err := authz.OpenCasbin(usualModel, fileadapter.NewAdapter(path))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Compiled())
	fmt.Println(p.Enforce("alice", "acme", "customer", "update"))
	fmt.Println(p.Enforce("alice", "globex", "customer", "update"))
	// Output:
	// true
	// true <nil>
	// false <nil>
}

func TestOpenCasbin_says_what_it_does_not_compile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte("p, admin, acme, customer, (read|update)\ng, alice, admin, acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := usualModel[:len(usualModel)-len("r.act == p.act\n")] + "regexMatch(r.act, p.act)\n"
	p, err := authz.OpenCasbin(text, fileadapter.NewAdapter(path))
	if err != nil {
		t.Fatal(err)
	}
	if p.Compiled() || p.Why() == "" {
		t.Errorf("compiled %v, why %q; want Casbin itself, and a reason", p.Compiled(), p.Why())
	}
	if ok, err := p.Enforce("alice", "acme", "customer", "update"); !ok || err != nil {
		t.Errorf("got %v, %v; want Casbin's yes", ok, err)
	}
}

func TestOpenCasbin_refuses_a_short_line(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte("p, admin, acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := authz.OpenCasbin(usualModel, fileadapter.NewAdapter(path)); !errors.Is(err, plain.ErrLine) {
		t.Errorf("got %v, want %v", err, plain.ErrLine)
	}
}

func TestCasbin_unknown_tenant(t *testing.T) {
	store, _ := adapter.NewMemory(nil)
	schema := &authz.Schema{Types: map[string]model.Type{"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}}}}
	az, err := authz.Open(t.Context(), schema, store)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := az.Casbin(t.Context(), "nobody"); !errors.Is(err, model.ErrUnknownTenant) {
		t.Errorf("got %v, want %v", err, model.ErrUnknownTenant)
	}
}

// A copy in which a denying rule is off for all but some would allow these what Enforce denies.
func TestCasbinAnswersNobodyWhomASwitchExcepts(t *testing.T) {
	az := open(t, storeOf(acme))
	deny := authz.CustomerRule{Tenant: "acme", Subject: "role:support", On: model.OnType("customer"), Action: "read", Effect: model.Deny}
	must(t)(az.Grant(t.Context(), by, deny, member("user:eve", "role:support")))
	must(t)(az.Disable(t.Context(), by, "acme", model.RuleID(deny), authz.Except("user:dan", "net:10.0.0.0/8")))
	e, err := az.Casbin(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.1")
	for _, q := range []struct {
		user string
		from netip.Addr
		want bool
		err  error
	}{
		{"user:eve", inside, true, nil},
		{"user:dan", outside, true, nil},
		{"user:dan", inside, false, authz.ErrExcepted},
	} {
		r := ask(q.user, "read", hers)
		r.Address = q.from
		wantAllowed(t, az, r, q.want)
		if ok, err := e.Enforce(q.user, "acme", "read", &authz.CasbinFacts{Record: hers, Address: q.from}); ok != q.want || !errors.Is(err, q.err) {
			t.Errorf("%s from %s: %v, %v; want %v, %v", q.user, q.from, ok, err, q.want, q.err)
		}
	}
}

// What has begun has begun, also when the clock is set back.
func TestCasbinKeepsWhatHasBegunOff(t *testing.T) {
	now := &clock{monday}
	az := open(t, storeOf(acme), now.option())
	must(t)(az.Disable(t.Context(), by, "acme", "user:alice", authz.From(monday.Add(time.Hour))))
	now.now = monday.Add(2 * time.Hour)
	wantAllowed(t, az, ask("user:alice", "read", hers), false)
	now.now = monday
	e, err := az.Casbin(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"user:alice": false, "user:dan": true} {
		wantAllowed(t, az, ask(user, "read", hers), want)
		if ok, err := e.Enforce(user, "acme", "read", &authz.CasbinFacts{Record: hers}); ok != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", user, ok, err, want)
		}
	}
}

func TestCasbinReadsABackup(t *testing.T) {
	_, text := backupOf(t, open(t, storeOf(acme)), "acme")
	path := filepath.Join(t.TempDir(), "acme.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := casbinmodel.NewModelFromString(model.CasbinModel)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, fileadapter.NewAdapter(path))
	if err != nil {
		t.Fatal(err)
	}
	if rules, err := e.GetPolicy(); err != nil || len(rules) != 3 {
		t.Errorf("Casbin reads %v, %v", rules, err)
	}
}
