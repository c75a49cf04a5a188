package authzhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// The limits of Check.
const (
	MaxCheckBody    = 64 << 10         // bytes of a request
	MaxCheckRecords = 200              // records in it
	MaxCheckActions = 20               // actions in it
	CheckTimeout    = 10 * time.Second // for its body to arrive
)

// CheckRequest asks which of some actions a user may do to some records: those of a page.
// As JSON it is the body of a request to Guard.Check.
type CheckRequest struct {
	Actions []string      `json:"actions"`
	Records []CheckRecord `json:"records"`
}

// CheckRecord names a record or, without an id, a type of records.
type CheckRecord struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// CheckResponse answers a CheckRequest, its results in the order of the records.
type CheckResponse struct {
	Revision authz.Revision `json:"revision"`
	Results  []CheckResult  `json:"results"`
}

// CheckResult is what the user may do with a record: nothing, if it does not exist.
type CheckResult struct {
	CheckRecord
	Allowed []string `json:"allowed"`
	Unknown []string `json:"unknown,omitempty"` // actions that the type does not have
}

// Check returns a handler that tells front ends what the user may do with the things on a page, all at
// one revision, their records fetched together. It is a route as others: mux.Handle("POST /authz/check", guard.Check()).
func (g *Guard) Check() http.Handler {
	return &protected{g, Authenticated(), http.HandlerFunc(g.check)}
}

func (g *Guard) check(w http.ResponseWriter, r *http.Request) {
	q, problem := readCheck(w, r, g.checkTimeout)
	if problem != nil {
		g.Refuse(w, r, *problem)
		return
	}
	a, _ := FromContext(r.Context())
	// The body may have been long in coming.
	v, err := viewer(r.Context(), g.az, a.Principal)
	var answer CheckResponse
	if err == nil {
		answer, err = g.answer(r, a.Principal.Tenant, v, q)
	}
	if err != nil {
		g.Refuse(w, r, ProblemOf(err))
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		g.Refuse(w, r, NewProblem(CodeInternal, err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
}

// readCheck reads the body of a request, not more of it and not for longer than the limits.
func readCheck(w http.ResponseWriter, r *http.Request, timeout time.Duration) (CheckRequest, *Problem) {
	var q CheckRequest
	refuse := func(code, detail string, err error) (CheckRequest, *Problem) {
		p := NewProblem(code, err)
		p.Detail = detail
		return CheckRequest{}, &p
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return refuse(CodeMethod, "", nil)
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" {
		return refuse(CodeMediaType, "send application/json", err)
	}
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(timeout)) // a writer without deadlines has another way to end
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxCheckBody))
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return refuse(CodeTooLarge, fmt.Sprintf("at most %d bytes", MaxCheckBody), err)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return refuse(CodeTimeout, "", err)
		}
		return refuse(CodeMalformed, "the body did not arrive", err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if err := decode(body, &q); err != nil {
		return refuse(CodeMalformed, "send actions and records", err)
	}
	if len(q.Records) > MaxCheckRecords || len(q.Actions) > MaxCheckActions {
		return refuse(CodeTooLarge, fmt.Sprintf("at most %d records and %d actions", MaxCheckRecords, MaxCheckActions), nil)
	}
	return q, nil
}

// decode reads one JSON value without unknown names.
func decode(body []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one value")
	}
	return nil
}

func (g *Guard) answer(r *http.Request, tenant string, v *authz.Viewer, q CheckRequest) (CheckResponse, error) {
	records, err := g.recordsOf(r, tenant, q.Records)
	if err != nil {
		return CheckResponse{}, err
	}
	out := CheckResponse{Revision: v.Revision(), Results: make([]CheckResult, len(q.Records))}
	for i, named := range q.Records {
		result := CheckResult{CheckRecord: named, Allowed: []string{}}
		for _, action := range q.Actions {
			ok, err := allowed(v, action, named, records[i])
			switch {
			case errors.Is(err, authz.ErrClosed):
				return CheckResponse{}, err
			case errors.Is(err, model.ErrUnknownAction), errors.Is(err, model.ErrUnknownType):
				result.Unknown = append(result.Unknown, action)
			case ok: // any other error denies this record, and leaves the rest of the page
				result.Allowed = append(result.Allowed, action)
			}
		}
		out.Results[i] = result
	}
	return out, nil
}

// allowed decides about a record, or a type if it is named without an id. Of a record that does not
// exist it says what it says of one out of reach, so a type is asked all the same, for words that are unknown.
func allowed(v *authz.Viewer, action string, named CheckRecord, record *authz.Record) (bool, error) {
	if record != nil {
		return v.Enforce(action, record)
	}
	ok, err := v.EnforceType(action, named.Type)
	return ok && named.ID == "", err
}

// recordsOf fetches the records that are named by an id, all at once; nil of those that do not
// exist. The resolver is not asked what cannot be.
func (g *Guard) recordsOf(r *http.Request, tenant string, named []CheckRecord) ([]*authz.Record, error) {
	records := make([]*authz.Record, len(named))
	var refs []authz.Ref
	var places []int
	types := g.az.Schema().For(tenant).Types
	for i, n := range named {
		if _, ok := types[n.Type]; ok && model.CheckID(n.ID) == nil {
			refs, places = append(refs, authz.Ref{Type: n.Type, ID: n.ID}), append(places, i)
		}
	}
	if len(refs) == 0 {
		return records, nil
	}
	found, err := resolve(r.Context(), g.az, tenant, refs)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		records[place] = found[i]
	}
	return records, nil
}
