package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestEveryRouteIsDeclared(t *testing.T) {
	c := startCRM(t)
	if undeclared, unused := c.web.mux.Undeclared(), c.web.mux.Unused(); len(undeclared)+len(unused) > 0 {
		t.Errorf("undeclared: %v, unused: %v", undeclared, unused)
	}
}

func TestWhoIsNotLoggedInIsSentToTheDoor(t *testing.T) {
	c := startCRM(t)
	b := c.browser(t)
	for _, path := range []string{"/customers", harbour, "/admin", "/why?type=customer&action=read", harbour + "/team"} {
		a := b.get(path)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" {
			t.Errorf("%s: %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
	b.get("/api/customers").says(t, http.StatusUnauthorized, "unauthenticated")
	b.send("/customers", "name", "x").says(t, http.StatusSeeOther)
	for _, user := range []string{"", "user:mallory", "user:nora", "alice", "role:admin"} {
		b.post("/login", "user", user).says(t, http.StatusBadRequest)
	}
}

// A cookie that was changed, cut, made with another key, or is too old is nobody's.
func TestSessionsAreNotForged(t *testing.T) {
	c := startCRM(t)
	ben := c.logIn(t, "user:ben")
	at, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	good := ben.client.Jar.Cookies(at)[0].Value
	parts := strings.Split(good, ".")
	farah := newSessions(monday.UTC).sign("session ", "dXNlcjpmYXJhaA.99999999999.x")
	for name, value := range map[string]string{
		"empty": "", "dots": "...", "no signature": strings.Join(parts[:3], "."), "another user": "dXNlcjpmYXJhaA." + strings.Join(parts[1:], "."),
		"longer": parts[0] + ".99999999999." + parts[2] + "." + parts[3], "cut": good[:len(good)-2], "another key": "dXNlcjpmYXJhaA.99999999999.x." + farah,
		"the token for a signature": strings.Join(parts[:3], ".") + "." + ben.token,
	} {
		ben.client.Jar.SetCookies(at, []*http.Cookie{{Name: cookieName, Value: value, Path: "/"}})
		if a := ben.get("/customers"); a.status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	ben.client.Jar.SetCookies(at, []*http.Cookie{{Name: cookieName, Value: good, Path: "/"}})
	ben.get("/customers").says(t, http.StatusOK)
	c.now.Add(int64(sessionLasts))
	ben.get("/customers").says(t, http.StatusSeeOther)
}

// Forms are taken from our own pages only.
func TestOtherSitesSendNoForms(t *testing.T) {
	c := startCRM(t)
	alice, ben := c.logIn(t, "user:alice"), c.logIn(t, "user:ben")
	for name, pairs := range map[string][]string{
		"no token": {}, "an empty token": {"token", ""}, "somebody else's": {"token", ben.token},
	} {
		a := alice.post(harbour, append(pairs, "city", "Cork")...)
		if a.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	alice.post(nine+"/team", "who", "user:ben", "level", "read").says(t, http.StatusForbidden)
	alice.post("/logout").says(t, http.StatusForbidden)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/login", strings.NewReader("user=user:ben"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	alice.do(req).says(t, http.StatusForbidden)
	alice.get(harbour).says(t, http.StatusOK, "Aberdeen")
}

// Whose record an id names, is for the policy to say, wherever the id stands.
func TestOtherPeoplesIDs(t *testing.T) {
	c := startCRM(t)
	ben, ines, hugo, dan := c.logIn(t, "user:ben"), c.logIn(t, "user:inês"), c.logIn(t, "user:hugo"), c.logIn(t, "user:dan")
	for _, b := range []*browser{ben, hugo} {
		b.get(solanos).says(t, http.StatusNotFound)
		b.get(nine).says(t, http.StatusNotFound)
		b.send(nine, "city", "Cork").says(t, http.StatusNotFound)
		b.send(nine+"/delete").says(t, http.StatusNotFound)
		b.send(nine+"/team", "who", "user:ben", "level", "write").says(t, http.StatusNotFound)
	}
	ines.get(harbour).says(t, http.StatusNotFound)
	ines.send(harbour, "city", "Cork").says(t, http.StatusNotFound)
	ines.get(solanos).says(t, http.StatusOK)
	dan.send(nine, "city", "Cork").says(t, http.StatusForbidden)
	for _, path := range []string{"/customers/0", "/customers/-1", "/customers/1e0", "/customers/01", "/customers/99999999999999999999", "/customers/a", "/customers/1%20", "/customers/%E2%80%8B1", "/customers/*"} {
		if a := ben.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	// A contact of another's customer, and one moved there.
	ben.send("/contacts", "customer_id", "2", "name", "Mole").says(t, http.StatusNotFound)
	ben.send("/contacts", "customer_id", strings.TrimPrefix(solanos, "/customers/"), "name", "Mole").says(t, http.StatusNotFound)
	ben.get("/contacts/new?customer=2").says(t, http.StatusNotFound)
	hugo.send("/contacts", "customer_id", "1", "name", "Mole").says(t, http.StatusForbidden)
	var own Contact
	if err := c.db.all.Where("customer_id = 1").First(&own).Error; err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("/contacts/%d", own.ID)
	hugo.send(at, "job", "Breakfast", "customer_id", "2").says(t, http.StatusSeeOther)
	var after Contact
	if err := c.db.all.First(&after, own.ID).Error; err != nil || after.CustomerID != 1 || after.Job != "Breakfast" {
		t.Errorf("the contact is %+v, %v", after, err)
	}
	// A team rule of another customer is not revoked by way of one's own.
	alice := c.logIn(t, "user:alice")
	p, err := c.web.policyOf(t.Context(), "fernhill")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.rulings {
		if a := alice.send(nine+"/team/remove", "rule", r.ID); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", r, a.status)
		}
	}
}

func TestMassAssignment(t *testing.T) {
	c := startCRM(t)
	alice, carla := c.logIn(t, "user:alice"), c.logIn(t, "user:carla")
	for _, pairs := range [][]string{
		{"tenant", "solano"}, {"Tenant", "solano"}, {"id", "9"}, {"ID", "9"}, {"created_at", "2020-01-01"}, {"customers.owner", "user:alice"}, {"Owner", "user:ben"}, {"name", "a", "name", "b"}, {"name; --", "x"},
	} {
		for _, b := range []*browser{alice, carla} {
			b.send(harbour, append(pairs, "city", "Cork")...).says(t, http.StatusBadRequest)
			b.send("/customers", append(pairs, "segment", "Retail", "owner", "user:alice", "unit", "north")...).says(t, http.StatusBadRequest)
		}
	}
	alice.send(harbour, "owner", "user:ben").says(t, http.StatusUnprocessableEntity)
	carla.send(harbour, "owner", "user:inês").says(t, http.StatusUnprocessableEntity, "One of the list")
	carla.send(harbour, "owner", "user:ben").says(t, http.StatusSeeOther)
	alice.get(harbour).says(t, http.StatusOK, "Aberdeen", "Ben Okafor", "****0142") // she reads her unit's
}

// What is asked by goes into the database as a value, or not at all.
func TestSQLInSortSearchAndCursor(t *testing.T) {
	c := startCRM(t)
	alice := c.logIn(t, "user:alice")
	evil := []string{"name; DROP TABLE customers", "' OR 1=1 --", `") OR 1=1 --`, "name desc", "(SELECT phone FROM customers)", "1", "tenant", "id", "Name", "credit_limit", "phone", "-phone", "\x00", "name\\", "%", "_", strings.Repeat("x", 5000)}
	for _, text := range evil {
		e := url.QueryEscape(text)
		if a := alice.get("/customers?sort=" + e); a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
			t.Errorf("sort %q: %d", text, a.status)
		}
		if a := alice.get("/customers?after=" + e); a.status != http.StatusBadRequest {
			t.Errorf("after %q: %d", text, a.status)
		}
		a := alice.get("/customers?q=" + e)
		if a.status != http.StatusOK {
			t.Errorf("search %q: %d", text, a.status)
		}
		a.saysNot(t, "Solano")
		if a := alice.get("/api/customers?size=200&q=" + e); a.status != http.StatusOK || strings.Contains(a.body, `"owner":"user:in`) || strings.Contains(a.body, `"owner":"user:ben"`) {
			t.Errorf("search %q: %d", text, a.status)
		}
	}
	alice.get("/customers?q=harbour").says(t, http.StatusOK, "Harbour Hotel")
	alice.get("/customers?q=1224").saysNot(t, "Harbour Hotel") // the telephone is not searched
}

// Names are text, wherever they are shown.
func TestScriptsInNames(t *testing.T) {
	c := startCRM(t)
	alice := c.logIn(t, "user:alice")
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Token}}`
	alice.send(harbour, "name", evil, "note", "</textarea><script>alert(2)</script>", "city", `javascript:alert(3)" autofocus onfocus="`).says(t, http.StatusSeeOther)
	alice.send(harbour+"/team", "who", "user:ben", "level", "read", "reason", evil).says(t, http.StatusSeeOther)
	farah := c.logIn(t, "user:farah")
	for _, path := range []string{"/customers?q=%3Cscript%3E", "/customers?q=%22%3E%3Cscript%3Ealert(4)", harbour, harbour + "/edit", harbour + "/team", "/contacts", "/opportunities", "/why?type=customer&id=1&action=read"} {
		alice.get(path).saysNot(t, "<script>alert", "<img src=x", `onfocus="`)
	}
	farah.get("/admin/log").saysNot(t, "<script>alert", "<img src=x")
	csp := alice.get("/customers").header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy of contents is %q", csp)
	}
}

func TestHeadersKeepPagesToThemselves(t *testing.T) {
	c := startCRM(t)
	b := c.browser(t)
	login := b.post("/login", "user", "user:alice")
	cookie := login.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	for _, path := range []string{"/login", "/customers", "/nowhere", harbour} {
		h := b.get(path).header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	body := b.get("/customers").body
	sheet := body[strings.Index(body, `href="/static/`)+6:]
	sheet, _, _ = strings.Cut(sheet, `"`)
	b.get(sheet).says(t, http.StatusOK, "--paper")
	for _, path := range []string{"/static/x/style.css", strings.Replace(sheet, "style.css", "..%2Flayout.html", 1), strings.Replace(sheet, "style.css", "", 1)} {
		if a := b.get(path); a.status == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}

// Paths that a router and a proxy may read in two ways reach nothing.
func TestPathsThatCanBeReadInTwoWays(t *testing.T) {
	c := startCRM(t)
	dan := c.logIn(t, "user:dan")
	for _, path := range []string{"/customers/1%2Fedit", "/customers%2F1", "/customers/%31", "/customers/1%252Fedit", "/customers/..%2Fadmin", "/customers/1%00", "/admin%2Flog", "/why%3Ftype=customer"} {
		if a := dan.get(path); a.status == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+harbour, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Http-Method-Override", "DELETE")
	dan.do(req).says(t, http.StatusNotFound)
}

func TestBigFormsAreRefused(t *testing.T) {
	c := startCRM(t)
	alice := c.logIn(t, "user:alice")
	alice.send(harbour, "note", strings.Repeat("x", maxFormBytes)).says(t, http.StatusBadRequest)
	alice.get(harbour).says(t, http.StatusOK, "Service contract")
}
