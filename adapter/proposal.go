package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Planner is implemented by stores that keep proposals: changes that are not
// made yet. All methods are safe for concurrent use, by other processes too.
type Planner interface {
	// Put keeps a proposal in place of the version before it; a first version,
	// where there is none. Else ErrConflict: somebody else was faster. A version
	// that is kept already changes nothing, so that a retry is safe. See
	// [Proposal] for what is refused.
	Put(ctx context.Context, p Proposal) error
	// Settle does Apply and Put as one: both or neither. A change that has no
	// effect, or was made before, leaves the proposal to be kept.
	Settle(ctx context.Context, c Change, p Proposal) (Entry, error)
	// Proposal returns a tenant's proposal by its ID, or ErrNoProposal.
	Proposal(ctx context.Context, tenant, id string) (Proposal, error)
	// Proposals returns the proposals of a tenant that are in one of the states
	// (none: in any), in no order.
	Proposals(ctx context.Context, tenant string, states ...State) ([]Proposal, error)
	// Due returns the proposals of all tenants that are to be looked at by then:
	// whose Due is not zero and not after it, in no order.
	Due(ctx context.Context, by time.Time) ([]Proposal, error)
	// Ending returns the lines of all tenants' switches that end after a
	// time and not after another, in no order. It may return them with an error
	// that says what else it could not read: one tenant does not hide another's.
	Ending(ctx context.Context, after, by time.Time) ([]model.Line, error)
}

// State is what has become of a proposal.
type State string

// The states. From Requested a proposal becomes Planned, Rejected, Expired or
// Cancelled; from Planned Made, Failed, Expired or Cancelled. Noted is no change, but what was told.
const (
	Requested State = "requested" // a second person has to approve it
	Planned   State = "planned"   // to be made when it starts
	Made      State = "made"
	Rejected  State = "rejected"
	Cancelled State = "cancelled"
	Expired   State = "expired"
	Failed    State = "failed"
	Noted     State = "noted"
)

var states = []State{Requested, Planned, Made, Rejected, Cancelled, Expired, Failed, Noted}

// MaxProposalLines is how many lines a proposal has at most.
const MaxProposalLines = 10_000

// Proposal is a change of one tenant that is not made yet, or what became of
// it. Its lines are refused as those of a [Change] are; so is a state that there is not.
type Proposal struct {
	Tenant  string       `json:"tenant"`
	ID      string       `json:"id"`      // of the change too, when it is made; at most model.MaxColumn characters
	Version uint64       `json:"version"` // 1 when it is new, one more each time that it is put
	State   State        `json:"state"`
	Remove  []model.Line `json:"-"`
	Add     []model.Line `json:"-"`
	Start   time.Time    `json:"start,omitzero"`   // when it is to be made; zero: at once
	Expires time.Time    `json:"expires,omitzero"` // when it is too late to make it
	Due     time.Time    `json:"due,omitzero"`     // when it is to be looked at again; zero: never
	Steps   []Step       `json:"steps"`            // what happened to it, oldest first; the first is that it was proposed
	Notices []Notice     `json:"notices,omitempty"`
}

// Step is what somebody did with a proposal.
type Step struct {
	Did    string    `json:"did"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Notice is an event that is being told of, or was.
type Notice struct {
	Event string    `json:"event"`
	At    time.Time `json:"at"`           // when it was begun to be told
	By    string    `json:"by,omitempty"` // by whom: so that of two who begin at once one has put his version
	Told  bool      `json:"told,omitempty"`
}

// ErrNoProposal: there is no such proposal.
var ErrNoProposal = errors.New("adapter: there is no such proposal")

// Normal returns the proposal as every store keeps it: each line once, times in UTC
// and in whole microseconds, texts with U+FFFD for what is not UTF-8 or is NUL.
// The given proposal is not touched.
func (p Proposal) Normal() (Proposal, error) {
	c, err := Change{Tenant: p.Tenant, ID: p.ID, Remove: p.Remove, Add: p.Add}.Normal()
	switch {
	case err != nil:
		return Proposal{}, err
	case !slices.Contains(states, p.State):
		return Proposal{}, refuse("proposal", "state", string(p.State), "is none of the states")
	case p.Version == 0 || p.Version > 1<<62:
		return Proposal{}, refuse("proposal", "version", fmt.Sprint(p.Version), "begins with 1")
	case len(p.Steps) == 0:
		return Proposal{}, refuse("proposal", "steps", "", "the first says who proposed it")
	case len(c.Remove)+len(c.Add) > MaxProposalLines:
		err := &model.ValueError{In: "proposal", Column: "lines", Value: fmt.Sprint(len(c.Remove) + len(c.Add)), Err: model.ErrTooLong, Hint: fmt.Sprintf("at most %d", MaxProposalLines)}
		return Proposal{}, err
	}
	p.Remove, p.Add = c.Remove, c.Add
	p.Start, p.Expires, p.Due = instant(p.Start), instant(p.Expires), instant(p.Due)
	p.Steps, p.Notices = slices.Clone(p.Steps), slices.Clone(p.Notices)
	if len(p.Notices) == 0 {
		p.Notices = nil
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		s.Did, s.Actor, s.Reason, s.At = storable(s.Did), storable(s.Actor), storable(s.Reason), instant(s.At)
	}
	for i := range p.Notices {
		n := &p.Notices[i]
		n.Event, n.At, n.By = storable(n.Event), instant(n.At), storable(n.By)
	}
	return p, nil
}

// instant is a time as stores keep it; what JSON cannot say is the zero time.
func instant(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// clone is the proposal with lists of its own.
func (p Proposal) clone() Proposal {
	p.Remove, p.Add = slices.Clone(p.Remove), slices.Clone(p.Add)
	p.Steps, p.Notices = slices.Clone(p.Steps), slices.Clone(p.Notices)
	return p
}

// Equal tells whether two normal proposals are the same.
func (p Proposal) Equal(q Proposal) bool {
	return p.Tenant == q.Tenant && p.ID == q.ID && p.Version == q.Version && p.State == q.State &&
		p.Start.Equal(q.Start) && p.Expires.Equal(q.Expires) && p.Due.Equal(q.Due) &&
		slices.Equal(p.Remove, q.Remove) && slices.Equal(p.Add, q.Add) &&
		slices.Equal(p.Steps, q.Steps) && slices.Equal(p.Notices, q.Notices)
}

// Follows tells whether the proposal may be put where there is another: nil if it may,
// ErrConflict if not. same tells that it is kept already.
func (p Proposal) Follows(kept *Proposal) (same bool, err error) {
	switch {
	case kept == nil && p.Version == 1, kept != nil && p.Version == kept.Version+1:
		return false, nil
	case kept != nil && p.Equal(*kept):
		return true, nil
	}
	return false, ErrConflict
}

// IsDue tells whether the proposal is to be looked at by then.
func (p Proposal) IsDue(by time.Time) bool { return !p.Due.IsZero() && !p.Due.After(by) }

// IsIn tells whether the proposal is in one of the states, or there are none.
func (p Proposal) IsIn(states []State) bool {
	return len(states) == 0 || slices.Contains(states, p.State)
}

// Ends tells whether a line is of a switch that ends after a time and not after another.
func Ends(l model.Line, after, by time.Time) bool {
	if l.Section != model.Switches {
		return false
	}
	s, err := model.DecodeSwitch(l)
	return err == nil && s.Valid.Until.After(after) && !s.Valid.Until.After(by)
}

// proposalJSON is a proposal with its lines as JSON has them.
type proposalJSON struct {
	fields
	Remove [][]string `json:"remove"`
	Add    [][]string `json:"add"`
}

type fields Proposal // without its methods

// MarshalJSON writes the proposal on one line.
func (p Proposal) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	err := to.Encode(proposalJSON{fields(p), columnsOf(p.Remove), columnsOf(p.Add)})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// UnmarshalJSON reads what MarshalJSON wrote, and nothing else.
func (p *Proposal) UnmarshalJSON(text []byte) error {
	var r proposalJSON
	if err := readJSON(text, &r); err != nil {
		return err
	}
	var err error
	if r.fields.Remove, err = linesOf(r.Remove); err != nil {
		return err
	}
	if r.fields.Add, err = linesOf(r.Add); err != nil {
		return err
	}
	*p, err = Proposal(r.fields).Normal()
	return err
}

// readJSON reads one object that has only fields known to it.
func readJSON(text []byte, into any) error {
	from := json.NewDecoder(bytes.NewReader(text))
	from.DisallowUnknownFields()
	if err := from.Decode(into); err != nil {
		return err
	}
	if _, err := from.Token(); !errors.Is(err, io.EOF) {
		return refuse("JSON", "entry", string(text), "one JSON object on a line")
	}
	return nil
}
