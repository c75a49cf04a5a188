package authzhttp

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/crmauthz/crmauthz/authz"
)

// Errors of a refusal; see Problem.Err.
var (
	// ErrUnauthenticated: nobody is logged in. A principal function returns it.
	ErrUnauthenticated = errors.New("there is no principal")
	// ErrUndeclared: the route declares nothing that it requires.
	ErrUndeclared = errors.New("the route is not declared")
	// ErrAmbiguous: the request's path, method or id can be read in two ways.
	ErrAmbiguous = errors.New("can be read in two ways")
	// ErrPanic: the function that tells the principal or the record panicked.
	ErrPanic = errors.New("panic")
)

// PrincipalFunc tells who makes a request, by the application's own authentication.
// Nobody is ErrUnauthenticated or the zero Principal; any other error is a failure of
// the server. It is called once for each request, from many goroutines.
type PrincipalFunc func(*http.Request) (authz.Principal, error)

// Guard lets requests through to handlers, or refuses them.
type Guard struct {
	az        *authz.Authorizer
	principal PrincipalFunc
	refusal   func(http.ResponseWriter, *http.Request, Problem)
	challenge string
	header    bool

	checkTimeout time.Duration
}

// Option is an option of New: WithRefusal, WithChallenge or WithDecisionHeader.
type Option func(*Guard)

// WithRefusal sets what answers a request that is refused: it may log the problem, redirect to
// a login, draw a page, or call Problem.Write, which is what happens without it.
func WithRefusal(answer func(w http.ResponseWriter, r *http.Request, p Problem)) Option {
	return func(g *Guard) { g.refusal = answer }
}

// WithChallenge sets the WWW-Authenticate header of a 401; "Bearer" without it.
func WithChallenge(challenge string) Option {
	return func(g *Guard) { g.challenge = challenge }
}

// HeaderDecision is the name of the header that WithDecisionHeader sets.
const HeaderDecision = "Authz-Decision"

// WithDecisionHeader tells in a header of the response what was decided, and the revision
// of the policy that did: allowed;revision=7.
func WithDecisionHeader() Option {
	return func(g *Guard) { g.header = true }
}

// New returns a Guard that decides by an Authorizer on behalf of whom principal names.
func New(az *authz.Authorizer, principal PrincipalFunc, options ...Option) *Guard {
	g := &Guard{az: az, principal: principal, challenge: "Bearer", checkTimeout: CheckTimeout}
	g.refusal = func(w http.ResponseWriter, _ *http.Request, p Problem) { p.Write(w) }
	for _, o := range options {
		o(g)
	}
	return g
}

// protected is a handler behind a requirement. It is how a Mux knows what is declared.
type protected struct {
	guard   *Guard
	need    Requirement
	handler http.Handler
}

func (p *protected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r := p.guard.Admit(w, r, p.need); r != nil {
		p.handler.ServeHTTP(w, r)
	}
}

// Protect returns a middleware that lets through to its handler what meets a requirement. It goes
// around a single route, after routing: for chi, r.With(guard.Protect(need)).Get(…). It
// panics if the schema has no such action, as a mistyped pattern does, or a target finds no record.
func (g *Guard) Protect(need Requirement) func(http.Handler) http.Handler {
	if err := need.check(g.az.Schema()); err != nil {
		panic(err)
	}
	return func(h http.Handler) http.Handler { return &protected{g, need, h} }
}

// Declared tells whether a handler, or one of the middlewares around it, is of a Guard, as
// routers that list their routes can be asked to find those that are not.
func Declared(h http.Handler, middlewares ...func(http.Handler) http.Handler) bool {
	switch h.(type) {
	case *protected, *Mux:
		return true
	}
	for _, m := range middlewares {
		if _, ok := m(http.NotFoundHandler()).(*protected); ok {
			return true
		}
	}
	return false
}

// Admit decides whether a request is let through. If so it returns the request for the
// handler, with the Access in its context; otherwise nil, and the request is answered. It
// is what routers with handlers of their own kind are fitted with.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request, need Requirement) *http.Request {
	if need.kind == public || need.kind == delegated {
		return r
	}
	a, err := g.access(r, &need)
	if g.header && a.Viewer != nil {
		w.Header().Set(HeaderDecision, decisionHeader(err == nil, a.Viewer.Revision()))
	}
	if err != nil {
		g.Refuse(w, r, ProblemOf(err))
		return nil
	}
	return r.WithContext(NewContext(r.Context(), a))
}

// Refuse answers a request with a problem, as the Guard's options say.
func (g *Guard) Refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", g.challenge)
	}
	g.refusal(w, r, p)
}

func decisionHeader(allowed bool, rev authz.Revision) string {
	word := "denied"
	if allowed {
		word = "allowed"
	}
	return word + ";revision=" + strconv.FormatUint(uint64(rev), 10)
}

// access finds out who makes a request, what about, and whether it is allowed. The
// Access that comes with an error is as far as it came.
func (g *Guard) access(r *http.Request, need *Requirement) (a *Access, err error) {
	a = &Access{az: g.az}
	if need.kind == undeclared {
		return a, ErrUndeclared
	}
	if err := checkRequest(r); err != nil {
		return a, err
	}
	if err := g.identify(r, a); err != nil {
		return a, err
	}
	if err := a.target(r, need.questions); err != nil {
		return a, err
	}
	return a, a.admit(r.Context())
}

// identify asks the application who makes the request.
func (g *Guard) identify(r *http.Request, a *Access) (err error) {
	defer recovered(&err)
	p, err := g.principal(r)
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return err
	case err != nil:
		return fmt.Errorf("%w: principal: %w", errServer, err)
	case p.User == "" || p.Tenant == "":
		return ErrUnauthenticated
	}
	a.Principal = p
	return nil
}

// recovered makes an error of a panic of the application's function.
func recovered(err *error) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		*err = fmt.Errorf("%w: %w: %v\n%s", errServer, ErrPanic, v, debug.Stack())
	}
}
