package model

import (
	"net/netip"
	"strings"
	"time"
)

// Request asks whether a user may do an action: to a record, or, without one,
// to records of a type at all (may the menu show the entry?).
type Request struct {
	Tenant string
	User   string // "user:alice"
	Action string
	// Type of the records asked about. May be empty when Record is given.
	Type string
	// ID asks about the record of Type with this id, whose facts the resolver fetches.
	ID string
	// Record asks about this record. To create one, give it as proposed.
	Record *Record
	// At is the instant of the decision; zero: now.
	At time.Time
	// UserAttrs and Env are for conditions: attributes of the user and of the
	// environment that the schema declares. What is missing or nil is unknown.
	UserAttrs map[string]any
	Env       map[string]any
	// Address is where the user asks from, for exceptions of switches. The zero
	// Address is in no network.
	Address netip.Addr
}

// Record is the facts of a record that decisions need. They stay in the CRM's
// own database and come with the request.
type Record struct {
	Type string
	ID   string // may be empty for a record not yet created
	// Owners are users and teams. There may be several, or none.
	Owners []string
	// Unit is the one unit that the record belongs to, or empty.
	Unit string
	// Parent is the parent record with its facts, or nil when there is none.
	Parent *Record
	// Attrs are for conditions, as declared by the schema. What is missing or
	// nil is unknown.
	Attrs map[string]any
}

// Revision counts the changes of a tenant's policy. 0 is a tenant without facts.
type Revision uint64

// Reason is the class of a decision.
type Reason uint8

// The reasons, in the order in which a decision looks for them. The zero
// Reason belongs to a denial by an error, or to no decision at all.
const (
	ReasonError      Reason = iota // denied: the question could not be decided; see the error
	ReasonTenant                   // denied: the tenant is locked down, read-only, or open for others
	ReasonSubjectOff               // denied: the user is switched off
	ReasonTargetOff                // denied: the type or record is switched off, or read-only
	ReasonForbidden                // denied: Rule forbids it, or Constraint
	ReasonNoRule                   // denied: no rule allows the action
	ReasonNoReach                  // denied: a rule allows the action, but the record is out of its reach
	ReasonAllowed                  // allowed by Rule
	ReasonOpen                     // allowed: the tenant's rules are suspended
)

var reasonNames = []string{"error", "tenant switched", "user switched off", "type or record switched off", "forbidden", "no rule", "out of reach", "allowed", "allowed: the rules are suspended"}

func (r Reason) String() string { return wordOf(reasonNames, uint8(r)) }

// Decision is what came out, and why. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	Rule    Fact // the rule that allowed or forbade; nil if none did
	// Constraint is the name of the schema's constraint that forbade; then there is no Rule.
	Constraint string
	Path       []string // from the user to the rule's subject: user:alice, role:senior, role:rep
	Reach      []Step   // for a rule without a covering scope: how the user reaches the record
	Revision   Revision // of the policy that decided
}

// Step is a way in which a user reaches a record.
type Step struct {
	How   string // "owner", "team rule", "parent", "hierarchy", or "scope" and which: "scope all"
	Level Level
	Rule  Fact     // the team rule, if one gave it
	Path  []string // from the user to the owner or the rule's subject
}

// String says what was decided in a line for people.
func (d Decision) String() string {
	s := "denied: "
	if d.Allowed {
		s = ""
	}
	s += d.Reason.String()
	if d.Rule != nil && d.Reason == ReasonNoReach {
		s += " of " + d.Rule.String()
	} else if d.Rule != nil {
		s += " by " + d.Rule.String()
	} else if d.Constraint != "" {
		s += " by constraint " + d.Constraint
	}
	if len(d.Path) > 1 {
		s += " (" + strings.Join(d.Path, " → ") + ")"
	}
	for _, r := range d.Reach {
		s += ", " + r.String()
	}
	return s
}

func (s Step) String() string {
	out := s.How
	if s.Level != LevelNone {
		out += " with level " + s.Level.String()
	}
	if s.Rule != nil {
		out += " by " + s.Rule.String()
	}
	if len(s.Path) > 1 {
		out += " (" + strings.Join(s.Path, " → ") + ")"
	}
	return out
}

// Gate is one step of the decision, in the order in which it was taken.
type Gate struct {
	Name   string // "tenant", "user", "target", "forbidding rules", "allowing rules", "reach"
	Passed bool
	Detail string
}

// Explanation is a decision with all that led to it.
type Explanation struct {
	Decision
	Groups  []string // the user's groups at that instant, in the order of their ids
	Level   Level    // that the user has of the record
	Need    Level    // that the action needs
	Gates   []Gate   // up to the first that failed
	Nearest []Fact   // for a denial: the fewest facts whose grant would allow it; nil if none would
}

// FieldExplanation is how much of a field a user reaches with an action, and what led to it.
type FieldExplanation struct {
	Decision             // of the action itself; if it is denied, the field is hidden
	Field    string      // its name
	Level    FieldLevel  // that came out: at most read with a reading action
	Default  FieldLevel  // by the schema, for everyone
	Rules    []FieldRule // that counted: the highest level allowed, less than the lowest denied
	Limit    FieldLevel  // the most that switches of the field leave; FieldWrite without one
	Opened   bool        // the tenant is open, and the field is among those that are, too
}

// String says it in a line for people.
func (x FieldExplanation) String() string {
	s := x.Field + " is " + x.Level.String()
	if !x.Allowed {
		return s + ", since the action is " + x.Decision.String()
	}
	s += "; by default " + x.Default.String()
	for _, r := range x.Rules {
		s += "; " + r.String()
	}
	if x.Opened {
		s += "; open, as the tenant is"
	}
	if x.Limit < FieldWrite {
		s += "; switched to " + x.Limit.String()
	}
	return s
}
