package model

import (
	"strings"
	"time"
)

// Fact is one statement of a policy: a [CustomerRule], [TeamRule],
// [FieldRule], [Membership], [OrgEdge] or [Switch], as a value, not a pointer.
// Facts are comparable.
type Fact interface {
	// Section is the section of Casbin's table that holds the fact.
	Section() Section
	// TenantID is the tenant whose fact it is, or Base.
	TenantID() string
	// String is the fact's line, for people; of a malformed fact, what there is.
	String() string
	// columns are the values of the fact's line, check the first of them that is refused, and why.
	columns() [6]string
	check() (column int, err error)
}

// CustomerRule says who may (or may not) do which action on which records.
type CustomerRule struct {
	Tenant  string
	Subject string // user:, role:, team:, unit: or Everyone
	On      Target // without a field
	Action  string // or Any
	Effect  Effect
	Scope   Scope  // how far an allowing rule reaches without the user's level; what a forbidding one covers
	If      string // name of a condition of the schema; empty: none
	Valid   Period
}

// TeamRule says who holds which level on which records.
type TeamRule struct {
	Tenant  string
	Subject string // user:, role:, team:, unit: or Everyone
	On      Target // without a field
	Level   Level  // above LevelNone
	As      string // the role in the record's team, such as support; empty: none
	If      string
	Valid   Period
}

// FieldRule says who sees and edits a field of which records. A denying rule
// caps the field just below its level.
type FieldRule struct {
	Tenant  string
	Subject string     // user:, role:, team:, unit: or Everyone
	On      Target     // with a field
	Level   FieldLevel // above FieldHidden
	Effect  Effect
	If      string
	Valid   Period
}

// Membership says that a user or team is in a role, team or unit, or that a
// role has all that another role has.
type Membership struct {
	Tenant string
	Member string // user:, team:; role: when Group is a role
	Group  string // role:, team: or unit:
	Valid  Period
}

// OrgEdge says that a user reports to another, or that a unit is below another.
type OrgEdge struct {
	Tenant string
	Below  string // user: or unit:
	Above  string // of the same kind
}

// Switch turns something off, or a tenant open, and takes nothing away.
type Switch struct {
	Tenant string
	// Target is a subject; the id of a rule or membership (see RuleID); a type, the records
	// of a unit, a record or a field, as rules name them; or Any, the tenant.
	Target string
	Mode   Mode
	Valid  Period
	Except Exceptions
}

// Period is when a fact holds: from From, up to but not including Until.
// A zero time is no bound; the zero Period is always. Whole seconds, in UTC.
type Period struct{ From, Until time.Time }

// Always tells whether the period has no bounds.
func (p Period) Always() bool { return p.From.IsZero() && p.Until.IsZero() }

// Holds tells whether t lies in the period.
func (p Period) Holds(t time.Time) bool {
	return (p.From.IsZero() || !t.Before(p.From)) && (p.Until.IsZero() || t.Before(p.Until))
}

// Section names a section of Casbin's model, and the ptype of its lines.
type Section string

// The sections.
const (
	CustomerRules Section = "p"
	TeamRules     Section = "p2"
	FieldRules    Section = "p3"
	Switches      Section = "p4"
	Memberships   Section = "g"
	OrgEdges      Section = "g2"
)

// Columns is how many values a line of the section has, or 0 if there is no such section.
func (s Section) Columns() int {
	switch s {
	case CustomerRules, TeamRules, FieldRules, Switches:
		return 6
	case Memberships:
		return 4
	case OrgEdges:
		return 3
	}
	return 0
}

func (CustomerRule) Section() Section { return CustomerRules }
func (TeamRule) Section() Section     { return TeamRules }
func (FieldRule) Section() Section    { return FieldRules }
func (Switch) Section() Section       { return Switches }
func (Membership) Section() Section   { return Memberships }
func (OrgEdge) Section() Section      { return OrgEdges }

func (f CustomerRule) TenantID() string { return f.Tenant }
func (f TeamRule) TenantID() string     { return f.Tenant }
func (f FieldRule) TenantID() string    { return f.Tenant }
func (f Switch) TenantID() string       { return f.Tenant }
func (f Membership) TenantID() string   { return f.Tenant }
func (f OrgEdge) TenantID() string      { return f.Tenant }

func (f CustomerRule) String() string { return factString(f) }
func (f TeamRule) String() string     { return factString(f) }
func (f FieldRule) String() string    { return factString(f) }
func (f Switch) String() string       { return factString(f) }
func (f Membership) String() string   { return factString(f) }
func (f OrgEdge) String() string      { return factString(f) }

func factString(f Fact) string { return Line{f.Section(), f.columns()}.String() }

func (f CustomerRule) columns() [6]string {
	return [6]string{f.Subject, f.Tenant, f.On.String(), f.Action, f.Effect.String(), terms(f.Scope, f.If, f.Valid)}
}

func (f TeamRule) columns() [6]string {
	return [6]string{f.Subject, f.Tenant, f.On.String(), f.Level.String(), orNone(f.As), terms(ScopeLevel, f.If, f.Valid)}
}

func (f FieldRule) columns() [6]string {
	return [6]string{f.Subject, f.Tenant, f.On.String(), f.Level.String(), f.Effect.String(), terms(ScopeLevel, f.If, f.Valid)}
}

func (f Membership) columns() [6]string {
	return [6]string{f.Member, f.Group, f.Tenant, terms(ScopeLevel, "", f.Valid)}
}

func (f OrgEdge) columns() [6]string { return [6]string{f.Below, f.Above, f.Tenant} }

func (f Switch) columns() [6]string {
	return [6]string{f.Target, f.Tenant, f.Mode.String(), orNone(formatTime(f.Valid.From)), orNone(formatTime(f.Valid.Until)), orNone(string(f.Except))}
}

func orNone(s string) string {
	if s == "" {
		return None
	}
	return s
}

// terms is the last column of a rule.
func terms(scope Scope, condition string, valid Period) string {
	if scope == ScopeLevel && condition == "" && valid.Always() {
		return None
	}
	var t []string
	if scope != ScopeLevel {
		t = append(t, scope.String())
	}
	if condition != "" {
		t = append(t, "if:"+condition)
	}
	if !valid.From.IsZero() {
		t = append(t, "from:"+formatTime(valid.From))
	}
	if !valid.Until.IsZero() {
		t = append(t, "until:"+formatTime(valid.Until))
	}
	return strings.Join(t, " ")
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// parseTime reads a time in the one form that formatTime writes.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC()
	var canonical [len(time.RFC3339)]byte
	if err != nil || t.IsZero() || string(t.AppendFormat(canonical[:0], time.RFC3339)) != s {
		return time.Time{}, fail(ErrMalformed, "a time is written 2026-11-22T09:00:00Z")
	}
	return t, nil
}
