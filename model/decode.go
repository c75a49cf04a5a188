package model

import (
	"strings"
	"time"
)

// The functions below are Decode for the lines of one section; unlike Decode
// they allocate nothing. They accept only what is written in its one form,
// so that columns() of the fact, which is not called here, gives the line again.

// DecodeCustomerRule reads a line of CustomerRules.
func DecodeCustomerRule(l Line) (CustomerRule, error) {
	d := decoder{line: l}
	d.begin(CustomerRules)
	f := CustomerRule{Subject: l.Values[0], Tenant: l.Values[1], On: d.target(2), Action: l.Values[3]}
	f.Effect = word[Effect](&d, 4, effectNames)
	f.Scope, f.If, f.Valid = d.terms(5, scopeTerm)
	if err := d.finish(f.check()); err != nil {
		return CustomerRule{}, err
	}
	return f, nil
}

// DecodeTeamRule reads a line of TeamRules.
func DecodeTeamRule(l Line) (TeamRule, error) {
	d := decoder{line: l}
	d.begin(TeamRules)
	f := TeamRule{Subject: l.Values[0], Tenant: l.Values[1], On: d.target(2), As: d.optional(4)}
	f.Level = word[Level](&d, 3, levelNames)
	_, f.If, f.Valid = d.terms(5, ifTerm)
	if err := d.finish(f.check()); err != nil {
		return TeamRule{}, err
	}
	return f, nil
}

// DecodeFieldRule reads a line of FieldRules.
func DecodeFieldRule(l Line) (FieldRule, error) {
	d := decoder{line: l}
	d.begin(FieldRules)
	f := FieldRule{Subject: l.Values[0], Tenant: l.Values[1], On: d.target(2)}
	f.Level = word[FieldLevel](&d, 3, fieldNames)
	f.Effect = word[Effect](&d, 4, effectNames)
	_, f.If, f.Valid = d.terms(5, ifTerm)
	if err := d.finish(f.check()); err != nil {
		return FieldRule{}, err
	}
	return f, nil
}

// DecodeSwitch reads a line of Switches.
func DecodeSwitch(l Line) (Switch, error) {
	d := decoder{line: l}
	d.begin(Switches)
	f := Switch{Target: l.Values[0], Tenant: l.Values[1], Mode: word[Mode](&d, 2, modeNames)}
	f.Valid = Period{From: d.optionalTime(3), Until: d.optionalTime(4)}
	if l.Values[5] != None {
		f.Except = Exceptions(l.Values[5])
	}
	if err := d.finish(f.check()); err != nil {
		return Switch{}, err
	}
	return f, nil
}

// DecodeMembership reads a line of Memberships.
func DecodeMembership(l Line) (Membership, error) {
	d := decoder{line: l}
	d.begin(Memberships)
	f := Membership{Member: l.Values[0], Group: l.Values[1], Tenant: l.Values[2]}
	_, _, f.Valid = d.terms(3, fromTerm)
	if err := d.finish(f.check()); err != nil {
		return Membership{}, err
	}
	return f, nil
}

// DecodeOrgEdge reads a line of OrgEdges.
func DecodeOrgEdge(l Line) (OrgEdge, error) {
	d := decoder{line: l}
	d.begin(OrgEdges)
	f := OrgEdge{Below: l.Values[0], Above: l.Values[1], Tenant: l.Values[2]}
	if err := d.finish(f.check()); err != nil {
		return OrgEdge{}, err
	}
	return f, nil
}

// decoder keeps the first error of reading a line's columns.
type decoder struct {
	line Line
	err  error
}

func (d *decoder) begin(s Section) { d.err = d.line.checkColumns(s) }

func (d *decoder) fail(i int, err error) {
	if d.err == nil && err != nil {
		d.err = d.line.at(i, err)
	}
}

// finish takes the outcome of the fact's check.
func (d *decoder) finish(i int, err error) error {
	d.fail(i, err)
	return d.err
}

func word[T ~uint8](d *decoder, i int, names []string) T {
	v, err := parseWord[T](names, d.line.Values[i])
	d.fail(i, err)
	return v
}

// target leaves the parts to the fact's check.
func (d *decoder) target(i int) Target {
	t, err := splitTarget(d.line.Values[i])
	d.fail(i, err)
	return t
}

func (d *decoder) optional(i int) string {
	if v := d.line.Values[i]; v != None {
		return v
	}
	return ""
}

func (d *decoder) optionalTime(i int) time.Time {
	if v := d.line.Values[i]; v != None {
		return d.time(i, v)
	}
	return time.Time{}
}

func (d *decoder) time(i int, s string) time.Time {
	t, err := parseTime(s)
	d.fail(i, err)
	return t
}

// The terms of a column, in the order in which they stand.
const (
	scopeTerm = iota
	ifTerm
	fromTerm
	untilTerm
)

var termForms = [...]string{"a scope", "if:NAME", "from:TIME", "until:TIME"}

// terms reads a column of terms, each at most once and none before first.
func (d *decoder) terms(i, first int) (scope Scope, condition string, valid Period) {
	column := d.line.Values[i]
	if column == None {
		return
	}
	next := first
	for t, rest, more := "", column, true; more; {
		t, rest, more = strings.Cut(rest, " ")
		term, value := splitTerm(t)
		if term < next || value == "" || value == None {
			d.fail(i, fail(ErrMalformed, "terms are %s, each once and in this order; not %q", strings.Join(termForms[first:], ", "), t))
			return
		}
		next = term + 1
		switch term {
		case scopeTerm:
			var err error
			scope, err = ParseScope(value)
			d.fail(i, err)
		case ifTerm:
			condition = value
		case fromTerm:
			valid.From = d.time(i, value)
		case untilTerm:
			valid.Until = d.time(i, value)
		}
	}
	return
}

func splitTerm(t string) (term int, value string) {
	name, value, _ := strings.Cut(t, ":")
	switch name {
	case "if":
		return ifTerm, value
	case "from":
		return fromTerm, value
	case "until":
		return untilTerm, value
	}
	return scopeTerm, t
}
