package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

//go:embed web
var web embed.FS

// server answers the requests of the CRM.
type server struct {
	db       *database
	clock    func() time.Time
	sessions *sessions
	pages    map[string]*template.Template
	assets   string // the version of stylesheet and script
	mux      *authzhttp.Mux
	handler  http.Handler     // the mux, behind what every answer needs
	declared map[string]route // by pattern
}

// visit is one request of somebody who is logged in.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	me      person
	session string
	viewer  *authz.Viewer // what she may, at one revision for the whole page
	record  *authz.Record // that the path names, as it was decided about
	db      *gorm.DB      // shows and changes what she may
}

// pageError is an error that has a page.
type pageError struct {
	status      int
	title, text string
	why         string    // the address of the reason, if there is one
	until       time.Time // that it is so; zero: nobody knows
}

func (e *pageError) Error() string { return e.title }

var (
	errNotFound = &pageError{status: http.StatusNotFound, title: "There is nothing here", text: "It does not exist, or it is not for you to see."}
	errForm     = &pageError{status: http.StatusBadRequest, title: "This form can not be read", text: "Go back, reload the page, and send it again."}
	errToken    = &pageError{status: http.StatusForbidden, title: "This form is too old", text: "It does not belong to your session. Go back, reload the page, and send it again."}
)

func denied(what, why string) error {
	return &pageError{status: http.StatusForbidden, title: "You may not do that", text: what, why: why}
}

func newServer(db *database, clock func() time.Time) (*server, error) {
	s := &server{db: db, clock: clock, sessions: newSessions(clock)}
	if err := s.parsePages(); err != nil {
		return nil, err
	}
	if err := s.serveRoutes(); err != nil {
		return nil, err
	}
	s.handler = secured(http.NewCrossOriginProtection().Handler(s.mux))
	return s, nil
}

// ServeHTTP answers a request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// route is a pattern, what it needs (an action on a type, and on the record that the path names, if it
// does), and what serves it.
type route struct {
	pattern, action, typ string
	handle               func(*visit) error
}

func (s *server) routes() []route {
	all := []route{
		{"POST /customers/{id}/reveal", "read", "customer", s.reveal},
		{"GET /customers/{id}/team", "read", "customer", s.customerTeam},
		{"POST /customers/{id}/team", "share", "customer", s.addToTeam},
		{"POST /customers/{id}/team/remove", "share", "customer", s.removeFromTeam},
		{"GET /api/customers", "read", "customer", s.apiCustomers},
		{"GET /why", "", "", s.why},
		{"GET /teams", "read", "directory", s.teams},
		{"POST /teams", "change", "directory", s.addMember},
		{"POST /teams/remove", "change", "directory", s.removeMember},
		{"GET /admin", "read", "policy", s.matrix},
		{"GET /admin/cell", "read", "policy", s.cell},
		{"POST /admin/rules", "change", "policy", s.addRule},
		{"POST /admin/rules/remove", "change", "policy", s.removeRule},
		{"GET /admin/switches", "read", "policy", s.switches},
		{"POST /admin/switches", "change", "policy", s.switchOff},
		{"POST /admin/switches/on", "change", "policy", s.switchOn},
		{"GET /admin/log", "read", "policy", s.changeLog},
	}
	for _, k := range kinds {
		at := " /" + k.Path
		all = append(all,
			route{"GET" + at, "read", k.Type, s.list(k)},
			route{"GET" + at + "/new", "create", k.Type, s.newRecord(k)},
			route{"POST" + at, "create", k.Type, s.create(k)},
			route{"GET" + at + "/{id}", "read", k.Type, s.show(k)},
			route{"GET" + at + "/{id}/edit", "update", k.Type, s.edit(k)},
			route{"POST" + at + "/{id}", "update", k.Type, s.save(k)},
			route{"POST" + at + "/{id}/delete", "delete", k.Type, s.remove(k)})
	}
	return all
}

// serveRoutes puts every route behind what it needs. What is not declared here is denied.
func (s *server) serveRoutes() error {
	static, err := fs.Sub(web, "web/static")
	if err != nil {
		return err
	}
	table := authzhttp.Routes{"GET /static/{version}/{file}": authzhttp.Public(), "GET /login": authzhttp.Public(), "POST /login": authzhttp.Public(),
		"POST /logout": authzhttp.Public(), "GET /{$}": authzhttp.Public(), "/": authzhttp.Public()}
	s.declared = map[string]route{}
	for _, r := range s.routes() {
		s.declared[r.pattern] = r
		switch {
		case r.action == "":
			table[r.pattern] = authzhttp.Authenticated()
		case strings.Contains(r.pattern, "{id}"):
			table[r.pattern] = authzhttp.Require(r.action, r.typ, authzhttp.FromPath("id"))
		default:
			table[r.pattern] = authzhttp.Require(r.action, r.typ)
		}
	}
	guard := authzhttp.New(s.db.az, s.principal, authzhttp.WithRefusal(s.refuse), authzhttp.WithDecisionHeader())
	s.mux = guard.Mux(table)
	for _, r := range s.routes() {
		s.mux.HandleFunc(r.pattern, s.page(r.handle))
	}
	s.mux.Handle("GET /static/{version}/{file}", s.serveStatic(static))
	s.mux.HandleFunc("GET /login", s.showLogin)
	s.mux.HandleFunc("POST /login", s.logIn)
	s.mux.HandleFunc("POST /logout", s.logOut)
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/customers", http.StatusSeeOther) })
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, nil, errNotFound) })
	return nil
}

// principal is who makes a request, by the session; it is what the guard asks.
func (s *server) principal(r *http.Request) (authz.Principal, error) {
	id, _, ok := s.sessions.user(r)
	me, known := login(id)
	if !ok || !known {
		return authz.Principal{}, authzhttp.ErrUnauthenticated
	}
	return authz.Principal{Tenant: me.Tenant, User: me.ID}, nil
}

// page serves a request that the guard let through. A form must belong to the session.
func (s *server) page(handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access, _ := authzhttp.FromContext(r.Context())
		v := s.visit(w, r, access.Principal)
		v.viewer, v.record = access.Viewer, access.Record
		err := s.readForm(v)
		if err == nil {
			err = handle(v)
		}
		if err != nil {
			s.fail(w, r, v, err)
		}
	}
}

func (s *server) visit(w http.ResponseWriter, r *http.Request, p authz.Principal) *visit {
	_, text, _ := s.sessions.user(r)
	me, _ := personOf(p.Tenant, p.User)
	return &visit{w: w, r: r, me: me, session: text, db: s.db.records.WithContext(r.Context())}
}

func (s *server) readForm(v *visit) error {
	if v.r.Method != http.MethodPost {
		return nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxFormBytes)
	if err := v.r.ParseForm(); err != nil {
		return errForm
	}
	if !s.sessions.tokenIs(v.r, v.session) {
		return errToken
	}
	return nil
}

// refuse answers what the guard did not let through: with the way to log in, or with a page.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, p authzhttp.Problem) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		p.Write(w)
		return
	}
	who, err := s.principal(r)
	switch {
	case err != nil:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	case p.Code == authzhttp.CodeDenied:
		err = s.denial(r, who)
	case p.Code == authzhttp.CodeMalformed:
		err = errNotFound
	default:
		err = p.Err
	}
	v := s.visit(w, r, who)
	v.viewer, _ = s.db.az.For(r.Context(), who.Tenant, who.User)
	s.fail(w, r, v, err)
}

// denial says why a route is denied. Who may not see a record is not told that it is there.
func (s *server) denial(r *http.Request, who authz.Principal) error {
	req := authz.Request{Tenant: who.Tenant, User: who.User, Action: "read", Type: "customer"}
	d, err := s.db.az.Decide(r.Context(), req)
	if err != nil {
		return err
	}
	if d.Reason == model.ReasonSubjectOff {
		return s.frozen(r.Context(), who)
	}
	route := s.declared[r.Pattern]
	if req.Type, req.ID = route.typ, r.PathValue("id"); req.ID != "" {
		if ok, err := s.db.az.Enforce(r.Context(), req); !ok || err != nil {
			return errNotFound
		}
	}
	return denied(fmt.Sprintf("It takes the right to %s %s.", route.action, teller{}.target(model.OnType(route.typ))), whyURL(route.typ, req.ID, route.action, ""))
}

// frozen is the page of somebody who is switched off.
func (s *server) frozen(ctx context.Context, who authz.Principal) error {
	p, err := s.policyOf(ctx, who.Tenant)
	if err != nil {
		return err
	}
	e := &pageError{status: http.StatusForbidden, title: "Your account is frozen", text: "An administrator has switched you off. Nothing of yours is lost; it comes back as it was."}
	if off := p.switchedOff(who.User); off != nil && !off.Valid.Until.IsZero() {
		e.until = off.Valid.Until
		e.text += " This ends by itself: " + moment(e.until) + "."
	}
	return e
}

// fail shows an error. What is not meant for people is logged, and not shown.
func (s *server) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var p *pageError
	switch {
	case errors.As(err, &p):
	case errors.Is(err, gorm.ErrRecordNotFound):
		p = errNotFound
	case r.Context().Err() != nil:
		return // nobody waits for an answer
	default:
		slog.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		p = &pageError{status: http.StatusInternalServerError, title: "Something went wrong", text: "It has been noted. Nothing was changed."}
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, fmt.Sprintf(`{"title":%q}`, p.title), p.status)
		return
	}
	s.write(w, v, p.status, "error", p.title, map[string]any{"Text": p.text, "Why": p.why, "Status": p.status, "Until": p.until})
}

// render shows a page.
func (s *server) render(v *visit, page, title string, data map[string]any) error {
	s.write(v.w, v, http.StatusOK, page, title, data)
	return nil
}

// write writes a page whole, or, if a template fails, none of it.
func (s *server) write(w http.ResponseWriter, v *visit, status int, page, title string, data map[string]any) {
	data["Title"], data["Assets"], data["Now"] = title, s.assets, s.clock()
	if v != nil {
		data["Me"], data["Token"], data["Menu"], data["Path"] = v.me, s.sessions.token(v.session), v.menu(), v.r.URL.Path
		data["Notice"] = notices[v.r.URL.Query().Get("done")]
		if v.viewer != nil {
			data["Revision"] = v.viewer.Revision()
		}
	}
	var out bytes.Buffer
	if err := s.pages[page].ExecuteTemplate(&out, "layout", data); err != nil {
		slog.Error("page failed", "page", page, "error", err)
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

// notices are what a page says after something was done; an address names one of them.
var notices = map[string]string{
	"saved": "Saved.", "created": "Created.", "deleted": "Deleted.", "granted": "Granted. It holds from this moment.",
	"revoked": "Revoked. It is over from this moment.", "off": "Switched off, from this moment.", "on": "Switched on again, as it was.",
	"unchanged": "Nothing was different.",
}

// done sends the browser to a page, which says so.
func (v *visit) done(to, what string) error {
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	http.Redirect(v.w, v.r, to+separator+"done="+what, http.StatusSeeOther)
	return nil
}

// may tells whether the visitor may do an action to records of a type at all.
func (v *visit) may(action, typ string) bool {
	if v.viewer == nil {
		return false
	}
	ok, err := v.viewer.EnforceType(action, typ)
	return ok && err == nil
}

// entry is an entry of the menu.
type entry struct {
	Path, Label, Icon string
	Here              bool
}

func (v *visit) menu() (out []entry) {
	add := func(action, typ, path, label, icon string) {
		here := v.r.URL.Path == path || strings.HasPrefix(v.r.URL.Path, path+"/") && path != "/admin" || path == "/admin" && v.r.URL.Path == "/admin/cell"
		if v.may(action, typ) {
			out = append(out, entry{path, label, icon, here})
		}
	}
	for _, k := range kinds {
		add("read", k.Type, "/"+k.Path, k.Plural, k.Path)
	}
	add("read", "directory", "/teams", "Teams", "teams")
	add("read", "policy", "/admin", "Permissions", "matrix")
	add("read", "policy", "/admin/switches", "Switches", "switches")
	add("read", "policy", "/admin/log", "Change log", "log")
	return out
}

// by is the visitor as the author of a change, with the reason that she gave in a form.
func (v *visit) by(otherwise string) authz.Author {
	reason := strings.TrimSpace(strings.ToValidUTF8(v.r.PostFormValue("reason"), ""))
	if reason == "" {
		reason = otherwise
	}
	return authz.By(v.me.ID, string([]rune(reason)[:min(200, len([]rune(reason)))]))
}

func (s *server) showLogin(w http.ResponseWriter, _ *http.Request) {
	var who []person
	for _, p := range people {
		if p.LogsIn {
			who = append(who, p)
		}
	}
	s.write(w, nil, http.StatusOK, "login", "Who are you today?", map[string]any{"People": who})
}

// logIn takes everybody's word for who she is. Another program asks for a password here.
func (s *server) logIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	p, ok := login(r.PostFormValue("user"))
	if !ok {
		s.fail(w, r, nil, errForm)
		return
	}
	s.sessions.begin(w, r, p.ID)
	http.Redirect(w, r, "/customers", http.StatusSeeOther)
}

func (s *server) logOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if _, text, ok := s.sessions.user(r); ok && !s.sessions.tokenIs(r, text) {
		s.fail(w, r, nil, errToken)
		return
	}
	s.sessions.end(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
