package model

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Line is a fact as Casbin stores it: a section (the ptype) and its values.
// Columns that the section does not have are empty. Lines are comparable.
type Line struct {
	Section Section
	Values  [6]string
}

// String is the line as in Casbin's CSV: "p, role:rep, acme, customer, read, allow, -".
func (l Line) String() string {
	return string(l.Section) + ", " + strings.Join(l.Columns(), ", ")
}

// Columns are the values that the line's section has.
func (l Line) Columns() []string { return l.Values[:l.Section.Columns()] }

// Tenant is the line's tenant column.
func (l Line) Tenant() string {
	if l.Section == Memberships || l.Section == OrgEdges {
		return l.Values[2]
	}
	return l.Values[1]
}

// Encode writes a fact as its line, or says which column cannot be stored.
func Encode(f Fact) (Line, error) {
	if err := checkIsFact(f); err != nil {
		return Line{}, err
	}
	l := Line{f.Section(), f.columns()}
	if i, err := f.check(); err != nil {
		return Line{}, l.at(i, err)
	}
	if err := l.checkColumns(l.Section); err != nil {
		return Line{}, err
	}
	return l, nil
}

// Decode reads a line back into its fact. It refuses every line that Encode
// would not have written, so that one fact has one line.
func Decode(l Line) (Fact, error) {
	switch l.Section {
	case CustomerRules:
		return asFact(DecodeCustomerRule(l))
	case TeamRules:
		return asFact(DecodeTeamRule(l))
	case FieldRules:
		return asFact(DecodeFieldRule(l))
	case Switches:
		return asFact(DecodeSwitch(l))
	case Memberships:
		return asFact(DecodeMembership(l))
	case OrgEdges:
		return asFact(DecodeOrgEdge(l))
	}
	return nil, l.checkColumns(l.Section)
}

func asFact[F Fact](f F, err error) (Fact, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Check tells whether Decode accepts the line.
func (l Line) Check() (err error) {
	switch l.Section {
	case CustomerRules:
		_, err = DecodeCustomerRule(l)
	case TeamRules:
		_, err = DecodeTeamRule(l)
	case FieldRules:
		_, err = DecodeFieldRule(l)
	case Switches:
		_, err = DecodeSwitch(l)
	case Memberships:
		_, err = DecodeMembership(l)
	case OrgEdges:
		_, err = DecodeOrgEdge(l)
	default:
		err = l.checkColumns(l.Section)
	}
	return err
}

// RuleID is the id by which a [Switch] names a rule or membership: "rule:" and
// the first 32 hexadecimal digits of the SHA-256 of its line. It changes with
// any change of the rule.
func RuleID(f Fact) string { return Line{f.Section(), f.columns()}.RuleID() }

// RuleID is the id of the line's fact.
func (l Line) RuleID() string {
	sum := sha256.Sum256([]byte(l.String()))
	return rulePrefix + hex.EncodeToString(sum[:16])
}

const rulePrefix = "rule:"

// IsRuleID tells whether s has the form of a RuleID.
func IsRuleID(s string) bool {
	digits, ok := strings.CutPrefix(s, rulePrefix)
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

// checkColumns tells whether the line is one of the section and has its
// columns, none empty or too long.
func (l *Line) checkColumns(s Section) error {
	n := s.Columns()
	switch {
	case n == 0:
		return At("line", "section", string(l.Section), fail(ErrUnknownSection, "one of p p2 p3 p4 g g2"))
	case l.Section != s:
		return At("line", "section", string(l.Section), fail(ErrMalformed, "a %s stands in %s", factNames[s], s))
	}
	for i, v := range l.Values {
		switch {
		case i >= n && v != "":
			return l.at(i, fail(ErrMalformed, "a line of %s has %d values", s, n))
		case i < n && v == "":
			return l.at(i, fail(ErrMalformed, "is empty; %s stands for nothing", None))
		}
		if err := CheckColumn(v); err != nil {
			return l.at(i, err)
		}
	}
	return nil
}

var (
	factNames = map[Section]string{
		CustomerRules: "customer rule", TeamRules: "team rule", FieldRules: "field rule",
		Switches: "switch", Memberships: "membership", OrgEdges: "org edge",
	}
	columnNames = map[Section][6]string{
		CustomerRules: {"subject", "tenant", "target", "action", "effect", "terms"},
		TeamRules:     {"subject", "tenant", "target", "level", "as", "terms"},
		FieldRules:    {"subject", "tenant", "target", "level", "effect", "terms"},
		Switches:      {"target", "tenant", "mode", "from", "until", "except"},
		Memberships:   {"member", "group", "tenant", "terms", "5", "6"},
		OrgEdges:      {"below", "above", "tenant", "4", "5", "6"},
	}
)

// at places an error in one of the line's columns.
func (l *Line) at(i int, err error) error {
	return At(factNames[l.Section], columnNames[l.Section][i], l.Values[i], err)
}
