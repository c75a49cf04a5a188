package model

import (
	"net/netip"
	"slices"
	"strings"
)

// Exceptions says for whom a switch is not, in the form of its column: terms
// in the order of their text, with single spaces between. The empty Exceptions are none.
//
//	user:ann role:migration   these people, and who is in these groups
//	net:10.0.0.0/8            who asks from this network
//	customer#iban             of an open tenant: this closed field opens, too
//
// If people and networks are named, both must fit. Of a user only networks are excepted, and no group
// excepts itself.
type Exceptions string

const networkPrefix = "net:"

// Except makes Exceptions of terms in any order. Refused are what is no term, one
// that comes twice, and a subject whose id has a space in it: put her into a group.
func Except(terms ...string) (Exceptions, error) {
	terms = slices.Sorted(slices.Values(terms))
	for i, term := range terms {
		if err := checkException(term); err != nil {
			return "", At("switch", "except", term, err)
		}
		if i > 0 && terms[i-1] == term {
			return "", At("switch", "except", term, fail(ErrMalformed, "comes twice"))
		}
	}
	return Exceptions(strings.Join(terms, " ")), nil
}

func checkException(term string) error {
	if network, ok := strings.CutPrefix(term, networkPrefix); ok {
		p, err := netip.ParsePrefix(network)
		if err != nil || p.Masked() != p || p.String() != network {
			return fail(ErrMalformed, "a network is written net:10.0.0.0/8")
		}
		return nil
	}
	if strings.Contains(term, " ") {
		return fail(ErrMalformed, "an exception has no space in it; name a group instead")
	}
	if KindOf(term) != UnknownKind {
		return CheckSubject(term)
	}
	if t, err := ParseTarget(term); err != nil || t.Field == "" || t.Field == Any || t.ID != "" {
		return fail(ErrMalformed, "a subject, a network or a type#field")
	}
	return nil
}

// Terms are the terms of the exceptions.
func (e Exceptions) Terms() []string { return strings.Fields(string(e)) }

// Subjects are the people and groups among them.
func (e Exceptions) Subjects() []string {
	return slices.DeleteFunc(e.Terms(), func(t string) bool { return KindOf(t) == UnknownKind })
}

// Networks are the networks among them.
func (e Exceptions) Networks() (networks []netip.Prefix) {
	for _, term := range e.Terms() {
		if network, ok := strings.CutPrefix(term, networkPrefix); ok {
			if p, err := netip.ParsePrefix(network); err == nil {
				networks = append(networks, p)
			}
		}
	}
	return networks
}

// Fields are the fields among them.
func (e Exceptions) Fields() (fields []Target) {
	for _, term := range e.Terms() {
		if strings.HasPrefix(term, networkPrefix) || KindOf(term) != UnknownKind {
			continue
		}
		if t, err := ParseTarget(term); err == nil {
			fields = append(fields, t)
		}
	}
	return fields
}

// checkExceptions tells whether a switch can have the exceptions.
func checkExceptions(e Exceptions, target string, m Mode) error {
	if e == "" {
		return nil
	}
	canonical, err := Except(e.Terms()...)
	switch kind := KindOf(target); {
	case err != nil:
		return unplaced(err)
	case canonical != e:
		return fail(ErrMalformed, "exceptions are sorted, with single spaces between")
	case kind != User && slices.Contains(e.Terms(), target):
		return fail(ErrMalformed, "nobody is in a group that is off; except people, or another group")
	case kind == User && len(e.Networks()) != len(e.Terms()):
		return fail(ErrMalformed, "of a user only networks are excepted")
	case len(e.Fields()) > 0 && m != ModeOpen:
		return fail(ErrMalformed, "only an open tenant opens fields")
	}
	return nil
}

// unplaced is a ValueError's reason, to be placed elsewhere.
func unplaced(err error) error {
	if v, ok := err.(*ValueError); ok { //nolint:errorlint // it is never wrapped
		return &badValueError{v.Err, v.Hint}
	}
	return err
}
