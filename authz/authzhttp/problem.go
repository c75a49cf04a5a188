package authzhttp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/crmauthz/crmauthz/authz"
)

// The codes of problems. They tell a client what to do, and nothing of what there is.
const (
	CodeUnauthenticated = "unauthenticated"    // 401: log in
	CodeDenied          = "denied"             // 403: not allowed, or there is no such thing
	CodeMalformed       = "malformed"          // 400: send another request
	CodeNotFound        = "not_found"          // 404: there is no such route
	CodeMethod          = "method_not_allowed" // 405
	CodeTimeout         = "timeout"            // 408: the body was too slow
	CodeTooLarge        = "too_large"          // 413: ask for less at once
	CodeMediaType       = "media_type"         // 415: send JSON
	CodeInternal        = "internal"           // 500: the server is at fault
	CodeUnavailable     = "unavailable"        // 503: try again later
)

var statuses = map[string]int{
	CodeUnauthenticated: http.StatusUnauthorized, CodeDenied: http.StatusForbidden, CodeMalformed: http.StatusBadRequest,
	CodeNotFound: http.StatusNotFound, CodeMethod: http.StatusMethodNotAllowed, CodeTimeout: http.StatusRequestTimeout, CodeTooLarge: http.StatusRequestEntityTooLarge, CodeMediaType: http.StatusUnsupportedMediaType,
	CodeInternal: http.StatusInternalServerError, CodeUnavailable: http.StatusServiceUnavailable,
}

// Problem is why a request was refused. As JSON it is a problem of RFC 9457.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"` // of what the client sent, never of what there is
	// Err is what happened, for logs: it is not for the eyes of the client.
	Err error `json:"-"`
}

// NewProblem returns the problem of a code.
func NewProblem(code string, err error) Problem {
	return Problem{Title: http.StatusText(statuses[code]), Status: statuses[code], Code: code, Err: err}
}

// Write answers a request with the problem.
func (p Problem) Write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // who does not listen is not told
}

var (
	errServer = errors.New("the server is at fault")
	errFetch  = errors.New("the records could not be fetched")
)

// ProblemOf is the problem that an error of the Authorizer or a Guard is to a client. Whatever
// is not known to be something else is a denial.
func ProblemOf(err error) Problem {
	for _, c := range []struct {
		code string
		errs []error
	}{
		{CodeInternal, []error{errServer}},
		{CodeUnauthenticated, []error{ErrUnauthenticated}},
		{CodeMalformed, []error{ErrAmbiguous}},
		{CodeUnavailable, []error{errFetch, authz.ErrUnavailable, authz.ErrClosed, context.Canceled, context.DeadlineExceeded}},
	} {
		for _, e := range c.errs {
			if errors.Is(err, e) {
				return NewProblem(c.code, err)
			}
		}
	}
	return NewProblem(CodeDenied, err)
}
