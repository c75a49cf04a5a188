package adoption

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	gormadapter "github.com/casbin/gorm-adapter/v3"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

var update = flag.Bool("update", false, "write the difference into README.md")

// program is one of the two, with a database of its own.
type program struct {
	name, binary, file, address string
	stop                        func()
}

func build(t *testing.T, name string) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{name: name, binary: filepath.Join(dir, name), file: filepath.Join(dir, "crm.db")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	seed(t, p.file)
	return p
}

// start starts the program on the database as it is; what ran before is stopped.
func (p *program) start(t *testing.T) {
	t.Helper()
	if p.stop != nil {
		p.stop()
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), p.binary, "-db", p.file, "-addr", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		t.Fatalf("%s: %v", p.name, err)
	}
	_, p.address, _ = strings.Cut(strings.TrimSpace(line), "serving at ")
}

// rules are a policy as programs of Casbin keep it.
var rules = [][]string{
	{"p", "viewer", "acme", "customer", "read"}, {"p", "editor", "acme", "customer", "create"}, {"p", "boss", "acme", "customer", "delete"},
	{"p", "boss", "acme", "role", "grant"}, {"p", "viewer", "lumen", "customer", "read"}, {"p", "boss", "lumen", "role", "grant"}, {"p", "carol", "acme", "customer", "read"},
	{"g", "editor", "viewer", "acme"}, {"g", "boss", "editor", "acme"}, {"g", "boss", "viewer", "lumen"},
	{"g", "alice", "boss", "acme"}, {"g", "bob", "viewer", "acme"}, {"g", "dave", "boss", "lumen"}, {"g", "a", "b", "acme"}, {"g", "b", "a", "acme"},
}

// customer is a row of the programs' table.
type customer struct {
	ID     uint
	Tenant string `gorm:"index"`
	Name   string
	Phone  string
}

// seed writes customers and the policy, the latter by Casbin itself.
func seed(t *testing.T, file string) {
	t.Helper()
	db := openFile(t, file)
	if err := db.AutoMigrate(&customer{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create([]customer{{1, "acme", "Nordic Foods", "+47 22 864400"}, {2, "acme", "Casa Verde", "+55 11 30612200"}, {3, "lumen", "Satara Mills", "+91 2162 234"}}).Error; err != nil {
		t.Fatal(err)
	}
	adapter, err := gormadapter.NewAdapterByDB(db)
	if err != nil {
		t.Fatal(err)
	}
	m, err := casbinmodel.NewModelFromString("[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n" +
		"[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.sub\n")
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, adapter)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		add := e.AddPolicy
		if r[0] == "g" {
			add = e.AddGroupingPolicy
		}
		if _, err := add(r[1:]); err != nil {
			t.Fatal(err)
		}
	}
}

func openFile(t *testing.T, file string) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(file), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return db
}

// table is what casbin_rule has, in order.
func (p *program) table(t *testing.T) (lines []string) {
	t.Helper()
	var found []gormadapter.CasbinRule
	if err := openFile(t, p.file).Find(&found).Error; err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		lines = append(lines, strings.Join([]string{r.Ptype, r.V0, r.V1, r.V2, r.V3, r.V4, r.V5}, ","))
	}
	slices.Sort(lines)
	return lines
}

// ask sends a request, and returns the answer as text.
func (p *program) ask(t *testing.T, user, request string) string {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(path, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, p.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-User", user)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(got.StatusCode, " ", string(text))
}

func TestBothProgramsAnswerTheSame(t *testing.T) {
	before, after := build(t, "before"), build(t, "after")
	both := []*program{before, after}
	users := []string{"alice", "bob", "carol", "dave", "boss", "a", "b", "nobody", "", "*", "root"}
	asked, allowed := 0, 0
	askAll := func() {
		for _, tenant := range []string{"acme", "lumen", "none", "*"} {
			for _, user := range users {
				for _, request := range []string{"GET /%s/customers", `POST /%s/customers {"name":"New"}`, "DELETE /%s/customers/99", "PUT /%s/people/nobody2/roles/viewer", "DELETE /%s/people/nobody2/roles/viewer"} {
					request := fmt.Sprintf(request, tenant)
					want, got := before.ask(t, user, request), after.ask(t, user, request)
					if got != want {
						t.Errorf("%q: %s: before %q, after %q", user, request, want, got)
					}
					if asked++; strings.HasPrefix(want, "200") {
						allowed++
					}
				}
			}
		}
	}
	steps := []struct{ user, request, want string }{
		{"alice", "PUT /acme/people/bob/roles/editor", `200 {"changed":true}`},
		{"alice", "PUT /acme/people/bob/roles/editor", `200 {"changed":false}`},
		{"bob", `POST /acme/customers {"name":"Bob's","phone":"1"}`, "200 "},
		{"bob", "DELETE /acme/customers/1", "403 "},
		{"alice", "PUT /lumen/people/alice/roles/boss", "403 "},
		{"alice", "DELETE /acme/people/bob/roles/viewer", `200 {"changed":true}`},
		{"alice", "DELETE /acme/people/bob/roles/viewer", `200 {"changed":false}`},
		{"bob", "GET /acme/customers", "200 "},
		{"dave", "PUT /lumen/people/carol/roles/viewer", `200 {"changed":true}`},
		{"alice", "DELETE /acme/people/bob/roles/editor", `200 {"changed":true}`},
		{"bob", "GET /acme/customers", "403 "},
		{"alice", "DELETE /acme/customers/1", "200 "},
	}
	defer func() {
		for _, p := range both {
			if p.stop != nil {
				p.stop()
			}
		}
	}()
	for round := range 2 { // the second time from the tables that the first left
		for _, p := range both {
			p.start(t)
		}
		askAll()
		for _, s := range steps {
			want, got := before.ask(t, s.user, s.request), after.ask(t, s.user, s.request)
			if got != want || round == 0 && !strings.HasPrefix(want, s.want) {
				t.Errorf("%s: %s: before %q, after %q, want %q", s.user, s.request, want, got, s.want)
			}
			if b, a := before.table(t), after.table(t); !slices.Equal(b, a) {
				t.Fatalf("after %s: casbin_rule has %v before, %v after", s.request, b, a)
			}
		}
		askAll()
	}
	if allowed == 0 || allowed == asked {
		t.Errorf("%d of %d were allowed", allowed, asked)
	}
	t.Logf("%d questions, %d allowed, the same answers", asked, allowed)
}

func TestReadmeShowsTheDifference(t *testing.T) {
	if _, err := exec.LookPath("diff"); err != nil {
		t.Skip("there is no diff")
	}
	out, err := exec.CommandContext(t.Context(), "diff", "-U2", "--label", "before/main.go", "--label", "after/main.go", "before/main.go", "after/main.go").Output()
	var differs *exec.ExitError
	if err != nil && (!errors.As(err, &differs) || differs.ExitCode() != 1) {
		t.Fatal(err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), "```diff\n")
	shown, tail, ok2 := strings.Cut(rest, "```\n")
	if !ok || !ok2 {
		t.Fatal("README.md has no difference")
	}
	if shown == string(out) {
		return
	}
	if !*update {
		t.Fatal("README.md shows another difference; go test -update writes it")
	}
	if err := os.WriteFile("README.md", []byte(head+"```diff\n"+string(out)+"```\n"+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
