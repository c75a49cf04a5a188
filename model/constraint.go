package model

import (
	"slices"
)

// Constraint separates duties: it is either Exclusive groups, or actions that are forbidden (Forbid, On, If).
// No fact and no switch lifts it, and it binds everyone, administrators and in open tenants too.
type Constraint struct {
	Name string
	// Exclusive are roles, teams and units of which nobody may be in two. Who is, all the same, may nothing.
	Exclusive []string
	// Forbid are actions, or Any, that nobody may do to records of the type On if the condition If is not known not
	// to hold; OwnRecords: to records that she, or a team of hers, owns.
	Forbid []string
	On     string
	If     string
}

// OwnRecords is the If of a constraint on the user's own records.
const OwnRecords = "own"

// Rules are the forbidding rules, as of the base policy, that say what the constraint forbids.
func (c Constraint) Rules() (rules []CustomerRule) {
	for _, action := range c.Forbid {
		r := CustomerRule{Tenant: Base, Subject: Everyone, On: OnType(c.On), Action: action, Effect: Deny, If: c.If}
		if c.If == OwnRecords {
			r.Scope, r.If = ScopeOwn, ""
		}
		rules = append(rules, r)
	}
	return rules
}

func (s *Schema) checkConstraints() error {
	seen := map[string]bool{}
	for _, c := range s.Constraints {
		if err := CheckName(c.Name); err != nil {
			return At("schema", "constraint", c.Name, err)
		}
		if seen[c.Name] {
			return At("schema", "constraint", c.Name, fail(ErrMalformed, "stands twice"))
		}
		seen[c.Name] = true
		if err := c.check(s, "schema constraint "+c.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c Constraint) check(s *Schema, in string) error {
	if static := len(c.Exclusive) > 0; static == (len(c.Forbid) > 0) || static && c.On+c.If != "" {
		return At(in, "exclusive", "", fail(ErrMalformed, "a constraint has exclusive alone, or forbid, on and if"))
	}
	if len(c.Exclusive) == 1 {
		return At(in, "exclusive", c.Exclusive[0], fail(ErrMalformed, "at least two groups exclude each other"))
	}
	for i, g := range c.Exclusive {
		if err := CheckSubject(g, Role, Team, Unit); err != nil {
			return At(in, "exclusive", g, err)
		}
		if slices.Contains(c.Exclusive[:i], g) {
			return At(in, "exclusive", g, fail(ErrMalformed, "stands twice"))
		}
	}
	if len(c.Forbid) == 0 {
		return nil
	}
	if _, ok := s.Complete().Types[c.On]; !ok {
		return At(in, "on", c.On, ErrUnknownType)
	}
	for _, a := range c.Forbid {
		if a != Any && !s.Complete().hasAction(c.On, a) {
			return At(in, "forbid", a, fail(ErrUnknownAction, "of %s", c.On))
		}
	}
	if _, ok := s.Conditions[OwnRecords]; c.If == OwnRecords {
		if ok {
			return At(in, "if", c.If, fail(ErrMalformed, "a condition has the name; here it means the user's own records"))
		}
		return nil
	}
	if c.If == "" {
		return At(in, "if", c.If, fail(ErrMalformed, "own, or the name of a condition"))
	}
	return s.checkCondition(in, c.If)
}
