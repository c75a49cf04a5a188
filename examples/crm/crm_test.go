package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// crm is a CRM that serves, with a clock that tests set.
type crm struct {
	t   testing.TB
	db  *database
	web *server
	now atomic.Int64
	*httptest.Server
}

var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func startCRM(t testing.TB) *crm {
	t.Helper()
	return startOn(t, sqliteFile(filepath.Join(t.TempDir(), "crm.db")))
}

func startOn(t testing.TB, dialector gorm.Dialector) *crm {
	t.Helper()
	c := &crm{t: t}
	c.now.Store(monday.UnixNano())
	clock := func() time.Time { return time.Unix(0, c.now.Load()).UTC() }
	db, err := openDatabase(t.Context(), dialector, clock)
	if err != nil {
		t.Fatal(err)
	}
	if c.web, err = newServer(db, clock); err != nil {
		t.Fatal(err)
	}
	c.db, c.Server = db, httptest.NewServer(c.web)
	t.Cleanup(func() {
		c.Server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// browser is somebody's browser, which follows no redirects.
type browser struct {
	t      testing.TB
	crm    *crm
	client *http.Client
	token  string // of the forms on the latest page
}

func (c *crm) browser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, crm: c, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c *crm) logIn(t testing.TB, user string) *browser {
	t.Helper()
	b := c.browser(t)
	if a := b.post("/login", "user", user); a.status != http.StatusSeeOther {
		t.Fatalf("login of %s: %d", user, a.status)
	}
	b.get("/customers")
	return b
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

var tokens = regexp.MustCompile(`name="token" value="([^"]+)"`)

func (b *browser) do(req *http.Request) answer {
	b.t.Helper()
	r, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if m := tokens.FindStringSubmatch(string(body)); m != nil {
		b.token = m[1]
	}
	return answer{r.StatusCode, string(body), r.Header}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.crm.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form without a token.
func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.crm.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

// send sends a form as the page that has it does.
func (b *browser) send(path string, pairs ...string) answer {
	b.t.Helper()
	return b.post(path, append([]string{"token", b.token}, pairs...)...)
}

// says tells what of some words an answer lacks.
func (a answer) says(t *testing.T, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d", a.status, status)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("there is no %q in the page", w)
		}
	}
}

func (a answer) saysNot(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(a.body, w) {
			t.Errorf("there is %q in the page", w)
		}
	}
}

// harbour is a customer of Alice's. Ben stands in for her there; Hugo works there.
const (
	harbour = "/customers/1"
	nine    = "/customers/2" // another customer of Alice's
)

// solanos is the path of a customer of the other company.
var solanos = fmt.Sprintf("/customers/%d", fernhillCustomers+1)

func TestListsAreNarrowed(t *testing.T) {
	c := startCRM(t)
	for _, x := range []struct {
		user      string
		customers int
		others    string // pages that are in the menu
	}{
		{"user:alice", 104, "contacts opportunities teams"},
		{"user:ben", 89, "contacts opportunities teams"},
		{"user:carla", 204, "contacts opportunities teams"},
		{"user:dan", 204, "contacts teams"},
		{"user:eva", 204, "opportunities teams"},
		{"user:farah", 204, "contacts opportunities teams admin admin/switches admin/log"},
		{"user:hugo", 1, "contacts"},
		{"user:inês", 18, "contacts opportunities teams admin admin/switches admin/log"},
	} {
		b := c.logIn(t, x.user)
		a := b.get("/customers")
		a.says(t, http.StatusOK, fmt.Sprintf(`<span class="count">%d</span>`, x.customers))
		menu := strings.Fields(x.others)
		for _, path := range []string{"contacts", "opportunities", "teams", "admin", "admin/switches", "admin/log"} {
			want := http.StatusForbidden
			for _, m := range menu {
				if m == path {
					want = http.StatusOK
				}
			}
			if got := b.get("/" + path); got.status != want {
				t.Errorf("%s: /%s: %d, want %d", x.user, path, got.status, want)
			}
			if in := strings.Contains(a.body, `<li><a href="/`+path+`"`); in != (want == http.StatusOK) {
				t.Errorf("%s: /%s in the menu: %v", x.user, path, in)
			}
		}
	}
}

// Every page of a list together has every customer once.
func TestPagesOfAListHaveAllOfIt(t *testing.T) {
	c := startCRM(t)
	b := c.logIn(t, "user:alice")
	rows := regexp.MustCompile(`<td data-label="(?:Name)"><a href="(/customers/\d+)"`)
	next := regexp.MustCompile(`href="(\?[^"]+)" rel="next"`)
	for _, sort := range []string{"", "?sort=-city"} {
		seen, pages := map[string]bool{}, 0
		for at := "/customers" + sort; at != ""; pages++ {
			a := b.get(at)
			a.says(t, http.StatusOK)
			for _, m := range rows.FindAllStringSubmatch(a.body, -1) {
				if seen[m[1]] {
					t.Errorf("%s comes twice", m[1])
				}
				seen[m[1]] = true
			}
			at = ""
			if m := next.FindStringSubmatch(a.body); m != nil {
				at = "/customers" + strings.ReplaceAll(m[1], "&amp;", "&")
			}
		}
		if len(seen) != 104 || pages != 5 {
			t.Errorf("%d customers on %d pages, want 104 on 5", len(seen), pages)
		}
	}
}

func TestRecordsShowLocksAndMasks(t *testing.T) {
	c := startCRM(t)
	const phone, masked, limit = "555 0142", "****0142", "€24,000"
	for _, x := range []struct {
		user       string
		show, hide []string
	}{
		{"user:alice", []string{phone, "office@harbour-hotel", "Service contract"}, []string{limit, "284 1190"}},
		{"user:ben", []string{masked, "o****@harbour-hotel"}, []string{phone, limit, "office@harbour"}},
		{"user:carla", []string{phone, limit}, []string{"284 1190"}},
		{"user:dan", []string{masked, "Service contract", "Reveal"}, []string{phone, limit, "284 1190", "office@harbour"}},
		{"user:eva", []string{masked, limit, "284 1190", "office@harbour-hotel"}, []string{phone, "Service contract"}},
		{"user:farah", []string{masked}, []string{phone, limit, "office@harbour"}},
		{"user:hugo", []string{phone, "office@harbour-hotel"}, []string{limit, "Service contract", "284 1190"}},
	} {
		a := c.logIn(t, x.user).get(harbour)
		a.says(t, http.StatusOK, x.show...)
		a.saysNot(t, x.hide...)
		if t.Failed() {
			t.Fatalf("as %s", x.user)
		}
	}
}

func TestFormsRefuseWhatMayNotChange(t *testing.T) {
	c := startCRM(t)
	ben := c.logIn(t, "user:ben")
	ben.get(harbour+"/edit").says(t, http.StatusOK, "Not yours to change")
	for _, x := range []struct {
		name  string
		pairs []string
		says  string
	}{
		{"a masked field", []string{"phone", "+1 900"}, "You may not change this"},
		{"a masked value sent back", []string{"phone", "****0142"}, "You may not change this"},
		{"a hidden field", []string{"city", "Cork", "credit_limit", "999999"}, "Nothing was saved"},
		{"the owner", []string{"owner", "user:ben"}, "You may not change this"},
		{"an empty name", []string{"name", " "}, "This can not be empty."},
		{"no segment of the list", []string{"segment", "Castle"}, "One of the list, please."},
		{"a long city", []string{"city", strings.Repeat("x", 101)}, "At most 100 characters."},
		{"no text", []string{"city", "a\x00b"}, "Some characters here are no text."},
		{"no number", []string{"credit_limit", "lots"}, "Nothing was saved"},
	} {
		a := ben.send(harbour, x.pairs...)
		a.says(t, http.StatusUnprocessableEntity, x.says)
		if t.Failed() {
			t.Fatal(x.name)
		}
	}
	ben.send(harbour, "city", "Peterhead", "name", "Harbour Hotel").says(t, http.StatusSeeOther)
	ben.get(harbour).says(t, http.StatusOK, "Peterhead")
	ben.send(harbour, "city", "Peterhead").says(t, http.StatusSeeOther)
	eva := c.logIn(t, "user:eva")
	eva.send(harbour, "credit_limit", "30,000").says(t, http.StatusSeeOther)
	eva.get(harbour).says(t, http.StatusOK, "€30,000", "Peterhead")
	eva.send(harbour, "credit_limit", "1", "city", "Cork").says(t, http.StatusUnprocessableEntity)
	eva.get(harbour).says(t, http.StatusOK, "€30,000", "Peterhead")
}

func TestRecordsAreCreatedAndDeleted(t *testing.T) {
	c := startCRM(t)
	alice, carla := c.logIn(t, "user:alice"), c.logIn(t, "user:carla")
	made := alice.send("/customers", "name", "Quay Stores", "segment", "Retail", "owner", "user:alice", "unit", "north", "city", "York")
	made.says(t, http.StatusSeeOther)
	at, _, _ := strings.Cut(made.header.Get("Location"), "?")
	alice.get(at).says(t, http.StatusOK, "Quay Stores", "Alice Marsh")
	_, id, _ := strings.Cut(strings.TrimPrefix(at, "/"), "/")
	alice.send("/contacts", "customer_id", id, "name", "Ada").says(t, http.StatusSeeOther)
	alice.send("/opportunities", "customer_id", id, "title", "Beans", "stage", "lead", "amount", "1000", "owner", "user:alice").says(t, http.StatusSeeOther)
	alice.get(at).says(t, http.StatusOK, "Ada", "Beans", "€1,000")

	alice.send("/customers", "name", "", "segment", "Retail", "owner", "user:alice", "unit", "north").says(t, http.StatusUnprocessableEntity, "This can not be empty.")
	alice.send("/customers", "name", "Not hers", "segment", "Retail", "owner", "user:ben", "unit", "north").says(t, http.StatusForbidden)
	alice.send("/customers", "name", "Rich", "segment", "Retail", "owner", "user:alice", "unit", "north", "credit_limit", "5").says(t, http.StatusUnprocessableEntity)
	alice.send(at+"/delete").says(t, http.StatusForbidden)
	carla.send(at+"/delete").says(t, http.StatusConflict, "still in use")
	contact := regexp.MustCompile(`/contacts/\d+`).FindString(alice.get(at).body)
	alice.send(contact+"/delete").says(t, http.StatusSeeOther)
	deal := regexp.MustCompile(`/opportunities/\d+`).FindString(alice.get(at).body)
	carla.send(deal+"/delete").says(t, http.StatusSeeOther)
	alice.send(at+"/team", "who", "user:ben", "level", "write").says(t, http.StatusSeeOther)
	carla.send(at+"/delete").says(t, http.StatusSeeOther)
	carla.get(at).says(t, http.StatusNotFound)
	c.logIn(t, "user:farah").get("/admin/log").says(t, http.StatusOK, "the customer was deleted")
	p, err := c.web.policyOf(t.Context(), "fernhill")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range facts[model.TeamRule](p) {
		if f.On.ID == id {
			t.Errorf("of the customer that was deleted there is still %s", f)
		}
	}
}

func TestTheChangeLogHasPages(t *testing.T) {
	c := startCRM(t)
	farah := c.logIn(t, "user:farah")
	for range logPage {
		if _, err := c.db.az.Disable(t.Context(), authz.By("user:farah", "on and off"), "fernhill", "user:tom"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.db.az.Enable(t.Context(), authz.By("user:farah", "on and off"), "fernhill", "user:tom"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	older := regexp.MustCompile(`href="(\?before=[^"]+)"`)
	pages := 0
	for at := "/admin/log"; at != ""; pages++ {
		a := farah.get(at)
		for _, m := range regexp.MustCompile(`>revision (\d+)<`).FindAllStringSubmatch(a.body, -1) {
			seen[m[1]]++
		}
		at = ""
		if m := older.FindStringSubmatch(a.body); m != nil {
			at = "/admin/log" + m[1]
		}
	}
	if len(seen) != 2*logPage+3 || pages != 3 {
		t.Errorf("%d changes on %d pages, want %d on 3", len(seen), pages, 2*logPage+3)
	}
	farah.get("/admin/log?of=base").says(t, http.StatusOK, "the first policy", "and ")
	for _, before := range []string{"0", "-1", "x", "99999999999999999999", "9999"} {
		farah.get("/admin/log?before="+before).says(t, http.StatusOK, ">revision 43<")
	}
}

func TestAClosedDealStaysAsItIs(t *testing.T) {
	c := startCRM(t)
	var won Opportunity
	if err := c.db.all.Where("tenant = ? AND stage = ? AND owner = ?", "fernhill", "won", "user:alice").First(&won).Error; err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("/opportunities/%d", won.ID)
	for _, user := range []string{"user:alice", "user:carla"} {
		b := c.logIn(t, user)
		b.get(at).says(t, http.StatusOK)
		b.get(at+"/edit").says(t, http.StatusForbidden)
		b.send(at, "title", "Mine").says(t, http.StatusForbidden)
		b.get(fmt.Sprintf("/why?type=opportunity&id=%d&action=update", won.ID)).says(t, http.StatusOK, "A rule forbids it", "once it is won or lost")
	}
}

func TestGrantsAreVisibleAtOnceAndEnd(t *testing.T) {
	c := startCRM(t)
	alice, ben := c.logIn(t, "user:alice"), c.logIn(t, "user:ben")
	ben.get(nine).says(t, http.StatusNotFound)
	alice.send(nine+"/team", "who", "user:ben", "level", "read", "as", "advisor", "until", "2026-11-25", "reason", "knows them").says(t, http.StatusSeeOther)
	ben.get(nine).says(t, http.StatusOK)
	ben.get(nine+"/edit").says(t, http.StatusForbidden)
	alice.get(nine+"/team").says(t, http.StatusOK, "Ben Okafor", "advisor", "39 h")
	c.now.Store(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).UnixNano())
	ben = c.logIn(t, "user:ben")
	ben.get(nine).says(t, http.StatusNotFound)

	alice = c.logIn(t, "user:alice")
	alice.send(nine+"/team", "who", "team:key", "level", "write").says(t, http.StatusSeeOther)
	rule := regexp.MustCompile(`name="rule" value="([^"]+)"`).FindStringSubmatch(alice.get(nine + "/team").body)
	alice.send(nine+"/team/remove", "rule", rule[1]).says(t, http.StatusSeeOther)
	if again := regexp.MustCompile(`name="rule" value="([^"]+)"`).FindString(alice.get(nine + "/team").body); again != "" {
		t.Errorf("%s is there still", again)
	}
	for name, pairs := range map[string][]string{
		"a stranger":     {"who", "user:mallory", "level", "read"},
		"a role":         {"who", "role:staff", "level", "read"},
		"another tenant": {"who", "user:inês", "level", "read"},
		"full":           {"who", "user:ben", "level", "full"},
		"a bad level":    {"who", "user:ben", "level", "all"},
		"a day gone by":  {"who", "user:ben", "level", "read", "until", "2020-01-01"},
		"no day":         {"who", "user:ben", "level", "read", "until", "soon"},
		"a bad word":     {"who", "user:ben", "level", "read", "as", "a,b"},
	} {
		if a := alice.send(nine+"/team", pairs...); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestSwitchesTakeForceAndGiveItBack(t *testing.T) {
	c := startCRM(t)
	farah, ben, dan := c.logIn(t, "user:farah"), c.logIn(t, "user:ben"), c.logIn(t, "user:dan")
	farah.send("/admin/switches", "target", "user:ben", "for", "hour", "reason", "lost his telephone").says(t, http.StatusSeeOther)
	ben.get("/customers").says(t, http.StatusForbidden, "Your account is frozen", "10:00 UTC")
	farah.get("/admin/switches").says(t, http.StatusOK, "Ben Okafor", "1 h 0 min")
	farah.get("/admin/log").says(t, http.StatusOK, "lost his telephone", "Ben Okafor is switched off, until 23 November 2026, 10:00 UTC.")
	c.now.Add(int64(time.Hour))
	ben.get("/customers").says(t, http.StatusOK)

	farah.send("/admin/switches", "target", "role:support", "for", "open").says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusForbidden)
	farah.send("/admin/switches/on", "target", "role:support").says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusOK)

	cell := farah.get("/admin/cell?role=role:support&type=customer&action=read")
	cell.says(t, http.StatusOK, "The role Support may read customers, all of them.")
	rule := regexp.MustCompile(`name="target" value="(rule:[0-9a-f]+)"`).FindStringSubmatch(cell.body)
	farah.send("/admin/switches", "target", rule[1], "for", "day").says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusForbidden)
	farah.get("/admin").says(t, http.StatusOK, `class="sq off"`)
	farah.send("/admin/switches/on", "target", rule[1]).says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusOK)
	farah.send("/admin/switches", "target", "customer", "for", "day").says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusForbidden)
	dan.get("/why?type=customer&action=read").says(t, http.StatusOK, "It is switched off for everybody, or can only be read: customers.")
	farah.get("/admin/switches").says(t, http.StatusOK, "Customers", "24 h 0 min")
	farah.get("/admin/log").says(t, http.StatusOK, "Customers are switched off, until 24 November 2026, 10:00 UTC.")
	farah.send("/admin/switches/on", "target", "customer").says(t, http.StatusSeeOther)
	dan.get("/customers").says(t, http.StatusOK)

	may := func(action string) bool {
		ok, err := c.db.az.Enforce(t.Context(), authz.Request{Tenant: "fernhill", User: "user:ben", Action: action, Type: "opportunity"})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	farah.send("/admin/switches", "target", "opportunity", "mode", "read-only", "for", "hour").says(t, http.StatusSeeOther)
	ben.get("/opportunities").says(t, http.StatusOK)
	if !may("read") || may("create") {
		t.Errorf("opportunities are read-only: Ben reads %v, creates %v", may("read"), may("create"))
	}
	farah.get("/admin/switches").says(t, http.StatusOK, "records, to be read only", `<span class="tag">read-only</span>`)
	farah.get("/admin/log").says(t, http.StatusOK, "Opportunities are only to be read, until 23 November 2026, 11:00 UTC.")
	c.now.Add(int64(time.Hour))
	if !may("create") {
		t.Error("when the hour is over, Ben creates no opportunities")
	}
	for _, pair := range [][2]string{{"opportunity", "open"}, {"opportunity", "locked"}, {"user:ben", "read-only"}} {
		if a := farah.send("/admin/switches", "target", pair[0], "mode", pair[1], "for", "hour"); a.status < 400 || a.status >= 500 {
			t.Errorf("%q is %s: %d", pair[0], pair[1], a.status)
		}
	}
	for _, target := range []string{"castle", "customer/1", "user:farah", "role:admin", "user:mallory", "*", "rule:00000000000000000000000000000000", ""} {
		if a := farah.send("/admin/switches", "target", target, "for", "hour"); a.status < 400 || a.status >= 500 {
			t.Errorf("%q is switched off: %d", target, a.status)
		}
	}
	farah.get("/admin").says(t, http.StatusOK)
}

func TestRulesAndMembershipsAreGrantedAndRevoked(t *testing.T) {
	c := startCRM(t)
	farah, dan, ben := c.logIn(t, "user:farah"), c.logIn(t, "user:dan"), c.logIn(t, "user:ben")
	dan.get("/opportunities").says(t, http.StatusForbidden)
	farah.send("/admin/rules", "role", "role:support", "type", "opportunity", "action", "read", "scope", "all").says(t, http.StatusSeeOther)
	dan.get("/opportunities").says(t, http.StatusOK)
	cell := farah.get("/admin/cell?role=role:support&type=opportunity&action=read")
	rule := regexp.MustCompile(`name="rule" value="(rule:[0-9a-f]+)"`).FindStringSubmatch(cell.body)
	farah.send("/admin/rules/remove", "rule", rule[1]).says(t, http.StatusSeeOther)
	dan.get("/opportunities").says(t, http.StatusForbidden)

	farah.send("/admin/rules", "role", "role:support", "type", "customer", "field", "phone", "level", "read").says(t, http.StatusSeeOther)
	dan.get(harbour).says(t, http.StatusOK, "555 0142")

	farah.send("/teams", "who", "user:ben", "group", "team:key", "until", "2026-11-24").says(t, http.StatusSeeOther)
	ben.get("/customers").says(t, http.StatusOK, `<span class="count">106</span>`)
	c.now.Add(int64(15 * time.Hour))
	c.logIn(t, "user:ben").get("/customers").says(t, http.StatusOK, `<span class="count">89</span>`)

	farah = c.logIn(t, "user:farah")
	own := regexp.MustCompile(`name="rule" value="(rule:[0-9a-f]+)"><button class="quiet danger" aria-label="Take Farah Noor out"`).FindStringSubmatch(farah.get("/teams").body)
	farah.send("/teams/remove", "rule", own[1]).says(t, http.StatusConflict, "lock you out")
	for name, pairs := range map[string][]string{
		"no such role":      {"role", "role:king", "type", "customer", "action", "read", "scope", "all"},
		"no such type":      {"role", "role:rep", "type", "castle", "action", "read", "scope", "all"},
		"no such action":    {"role", "role:rep", "type", "customer", "action", "fly", "scope", "all"},
		"no such scope":     {"role", "role:rep", "type", "customer", "action", "read", "scope", "world"},
		"no such field":     {"role", "role:rep", "type", "customer", "field", "iban", "level", "read"},
		"no such level":     {"role", "role:rep", "type", "customer", "field", "phone", "level", "own"},
		"her own exclusion": {"role", "role:admin", "type", "policy", "action", "change", "scope", "never"},
	} {
		if a := farah.send("/admin/rules", pairs...); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestARevealIsForAReasonAndLogged(t *testing.T) {
	c := startCRM(t)
	dan, ben := c.logIn(t, "user:dan"), c.logIn(t, "user:ben")
	dan.send(harbour+"/reveal", "field", "phone").says(t, http.StatusUnprocessableEntity, "Say why")
	dan.send(harbour+"/reveal", "field", "phone", "reason", "ticket 81").says(t, http.StatusOK, "44 1224 555 0142")
	dan.send(harbour+"/reveal", "field", "vat_id", "reason", "curious").says(t, http.StatusForbidden)
	ben.send(harbour+"/reveal", "field", "phone", "reason", "curious").says(t, http.StatusForbidden)
	var entries []AuditEntry
	if err := c.db.all.Order("id").Find(&entries).Error; err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Entry.User, " ", e.Entry.Field, " ", e.Entry.Reason, " ", e.Entry.Allowed))
	}
	want := "user:dan phone ticket 81 true; user:dan vat_id curious false; user:ben phone curious false"
	if strings.Join(got, "; ") != want {
		t.Errorf("the audit log has %q, want %q", strings.Join(got, "; "), want)
	}
}

func TestReasonsAreSentences(t *testing.T) {
	c := startCRM(t)
	for _, x := range []struct {
		user, query string
		says        []string
	}{
		{"user:alice", "type=customer&id=1&action=read", []string{"You may read Harbour Hotel.", "You own the customer.", "You are in the role Sales rep."}},
		{"user:ben", "type=customer&id=1&action=update", []string{"You reach Harbour Hotel to change it, as stand-in, until 7 December 2026."}},
		{"user:carla", "type=customer&id=1&action=delete", []string{"You may delete Harbour Hotel.", "Alice Marsh, who works for you, owns it."}},
		{"user:alice", "type=customer&id=1&action=delete", []string{"You may not delete Harbour Hotel.", "No rule lets you delete customers.", "What it would take", "You are in the role Sales manager."}},
		{"user:ben", "type=customer&id=1&action=share", []string{"On this customer it is a level that decides: to do everything with it is needed, to change it is there."}},
		{"user:dan", "type=customer&id=1&action=read&field=phone", []string{"You may see the phone of Harbour Hotel masked.", "when revealing it", "about you, on its condition"}},
		{"user:dan", "type=opportunity&action=read", []string{"You may not read opportunities."}},
		{"user:hugo", "type=contact&action=create", []string{"You may not create contacts."}},
	} {
		a := c.logIn(t, x.user).get("/why?" + x.query)
		a.says(t, http.StatusOK, x.says...)
		if t.Failed() {
			t.Fatalf("%s %s", x.user, x.query)
		}
	}
	alice := c.logIn(t, "user:alice")
	for _, query := range []string{"", "type=customer", "type=castle&action=read", "type=customer&action=fly", "type=customer&id=999&action=read", "type=customer&id=60&action=read&field=iban",
		"type=customer&id=" + strings.TrimPrefix(solanos, "/customers/") + "&action=read", "type=customer&id=1%2F2&action=read", "type=customer&id=1&action=read&field=iban"} {
		alice.get("/why?"+query).says(t, http.StatusNotFound)
	}
}

func TestOnPostgreSQL(t *testing.T) {
	dsn := os.Getenv("CRMAUTHZ_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("set CRMAUTHZ_TEST_POSTGRES to a PostgreSQL server")
	}
	schema := fmt.Sprintf("crm_%d", time.Now().UnixNano())
	admin, err := gorm.Open(postgres.Open(dsn), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Exec("CREATE SCHEMA " + schema).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.WithContext(context.WithoutCancel(t.Context())).Exec("DROP SCHEMA " + schema + " CASCADE").Error; err != nil {
			t.Error(err)
		}
		if pool, err := admin.DB(); err == nil {
			_ = pool.Close()
		}
	})
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	c := startOn(t, postgres.Open(dsn+separator+"search_path="+schema))
	alice, ben := c.logIn(t, "user:alice"), c.logIn(t, "user:ben")
	alice.get("/customers?q=HARBOUR").says(t, http.StatusOK, "Harbour Hotel")
	alice.get("/customers?q=harbour%5C").says(t, http.StatusOK)
	ben.get(nine).says(t, http.StatusNotFound)
	alice.send(nine+"/team", "who", "user:ben", "level", "write").says(t, http.StatusSeeOther)
	ben.send(nine, "city", "Leith").says(t, http.StatusSeeOther)
	ben.get(nine).says(t, http.StatusOK, "Leith", "****")
	ben.send(nine, "phone", "1").says(t, http.StatusUnprocessableEntity)
	made := alice.send("/customers", "name", "Quay Stores", "segment", "Retail", "owner", "user:alice", "unit", "north")
	made.says(t, http.StatusSeeOther)
	for _, path := range []string{"/contacts", "/opportunities", "/teams", "/opportunities?sort=-amount", cmp.Or(made.header.Get("Location"), "/none")} {
		alice.get(path).says(t, http.StatusOK)
	}
	c.logIn(t, "user:farah").get("/admin/log").says(t, http.StatusOK, "Ben Okafor reaches")
}
