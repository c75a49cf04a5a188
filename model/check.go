package model

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The checks below refuse a fact that has no line, whatever the schema says.
// What the schema must know (types, actions, fields, conditions) is checked by
// Schema.CheckFact. Each lists the columns of the fact's line in their order.

func (f CustomerRule) check() (int, error) {
	return firstError(
		checkRuleSubject(f.Subject, f.Tenant),
		CheckTenant(f.Tenant),
		checkRuleTarget(f.On, f.Tenant),
		checkAction(f.Action),
		checkEffect(f.Effect),
		checkTerms(f.Scope, f.On.ID, f.If, f.Valid),
	)
}

func (f TeamRule) check() (int, error) {
	return firstError(
		checkRuleSubject(f.Subject, ""),
		checkOwnTenant(f.Tenant),
		checkRuleTarget(f.On, ""),
		checkLevel(f.Level),
		checkOptionalName(f.As),
		checkTerms(ScopeLevel, f.On.ID, f.If, f.Valid),
	)
}

func (f FieldRule) check() (int, error) {
	return firstError(
		checkRuleSubject(f.Subject, f.Tenant),
		CheckTenant(f.Tenant),
		checkFieldTarget(f.On, f.Tenant),
		checkFieldLevel(f.Level),
		checkEffect(f.Effect),
		checkTerms(ScopeLevel, f.On.ID, f.If, f.Valid),
	)
}

func (f Membership) check() (int, error) {
	return firstError(
		checkMember(f.Member, f.Tenant),
		checkGroup(f.Group, f.Member),
		CheckTenant(f.Tenant),
		checkPeriod(f.Valid),
	)
}

func (f OrgEdge) check() (int, error) {
	return firstError(
		CheckSubject(f.Below, User, Unit),
		checkAbove(f.Above, f.Below),
		checkOwnTenant(f.Tenant),
	)
}

func (f Switch) check() (int, error) {
	return firstError(
		checkSwitched(f.Target),
		checkOwnTenant(f.Tenant),
		checkMode(f.Mode, f.Target),
		checkTime(f.Valid.From),
		checkSwitchPeriod(f.Valid, f.Mode),
		checkExceptions(f.Except, f.Target, f.Mode),
	)
}

func firstError(columns ...error) (int, error) {
	for i, err := range columns {
		if err != nil {
			return i, err
		}
	}
	return 0, nil
}

// checkIsFact refuses nil, pointers, and types of others that embed a fact:
// nothing that takes a fact would know them.
func checkIsFact(f Fact) error {
	switch f.(type) {
	case CustomerRule, TeamRule, FieldRule, Membership, OrgEdge, Switch:
		return nil
	}
	return At("fact", "type", fmt.Sprintf("%T", f), fail(ErrMalformed, "a fact is a value of one of the types of this package"))
}

func checkRuleSubject(s, tenant string) error {
	if s == Everyone {
		return nil
	}
	if tenant == Base && KindOf(s) != Role {
		return fail(ErrNotInBase, "its rules are for roles and everyone (*)")
	}
	return CheckSubject(s)
}

// CheckTenant tells whether s can name a tenant, or is Base.
func CheckTenant(s string) error {
	switch s {
	case Base:
		return nil
	case None:
		return fail(ErrMalformed, "%s stands for nothing", None)
	}
	return CheckID(s)
}

// checkOwnTenant refuses the base policy as well.
func checkOwnTenant(s string) error {
	if s == Base {
		return fail(ErrNotInBase, "it has customer rules, field rules and roles in roles")
	}
	return CheckTenant(s)
}

func checkRuleTarget(t Target, tenant string) error {
	if t.Field != "" {
		return fail(ErrMalformed, "only a field rule names a field")
	}
	return checkTarget(t, tenant)
}

func checkFieldTarget(t Target, tenant string) error {
	if t.Field == "" {
		return fail(ErrMalformed, "a field rule names a field: type#field, type/id#field or type#*")
	}
	return checkTarget(t, tenant)
}

func checkTarget(t Target, tenant string) error {
	if tenant == Base && (t.ID != "" || t.Unit != "") {
		return fail(ErrNotInBase, "its rules are on types")
	}
	return t.check()
}

func checkAction(s string) error {
	if s == Any {
		return nil
	}
	return CheckName(s)
}

func checkLevel(l Level) error {
	if l == LevelNone || l > LevelFull {
		return fail(ErrMalformed, "one of read write delete full")
	}
	return nil
}

func checkFieldLevel(l FieldLevel) error {
	if l == FieldHidden || l > FieldWrite {
		return fail(ErrMalformed, "one of masked read write")
	}
	return nil
}

func checkEffect(e Effect) error {
	if e != Allow && e != Deny {
		return fail(ErrMalformed, "one of allow deny")
	}
	return nil
}

func checkTerms(scope Scope, id, condition string, valid Period) error {
	if scope > ScopeAll {
		return fail(ErrMalformed, "no such scope")
	}
	if scope != ScopeLevel && id != "" {
		return fail(ErrMalformed, "a rule on one record has no scope")
	}
	if err := checkOptionalName(condition); err != nil {
		return err
	}
	return checkPeriod(valid)
}

func checkOptionalName(name string) error {
	if name == "" {
		return nil
	}
	return CheckName(name)
}

func checkMember(s, tenant string) error {
	if tenant == Base && KindOf(s) != Role {
		return fail(ErrNotInBase, "its memberships are of roles in roles")
	}
	return CheckSubject(s, User, Team, Role)
}

func checkGroup(s, member string) error {
	switch {
	case s == member:
		return fail(ErrCycle, "is the member itself")
	case KindOf(member) == Role && KindOf(s) != Role:
		return fail(ErrMalformed, "a role is in roles only")
	}
	return CheckSubject(s, Role, Team, Unit)
}

func checkAbove(s, below string) error {
	switch {
	case s == below:
		return fail(ErrCycle, "is the same")
	case KindOf(s) != UnknownKind && KindOf(s) != KindOf(below):
		return fail(ErrMalformed, "a user is above users, a unit above units")
	}
	return CheckSubject(s, User, Unit)
}

func checkSwitched(target string) error {
	switch {
	case target == Any || IsRuleID(target):
		return nil
	case strings.HasPrefix(target, rulePrefix):
		return fail(ErrMalformed, "a rule's id is rule: and 32 digits")
	case KindOf(target) != UnknownKind:
		return CheckSubject(target)
	}
	_, err := ParseTarget(target)
	return err
}

func checkMode(m Mode, target string) error {
	switch {
	case target == Any:
		if m != ModeLocked && m != ModeReadOnly && m != ModeOpen {
			return fail(ErrMalformed, "the mode of a tenant is locked, read-only or open")
		}
	case IsRuleID(target) || KindOf(target) != UnknownKind:
		if m != ModeOff {
			return fail(ErrMalformed, "the mode of a subject or rule is off")
		}
	case m != ModeOff && m != ModeReadOnly:
		return fail(ErrMalformed, "the mode of a type, record or field is off or read-only")
	}
	return nil
}

// checkSwitchPeriod refuses an open tenant without an end as well.
func checkSwitchPeriod(p Period, m Mode) error {
	if m == ModeOpen && p.Until.IsZero() {
		return fail(ErrMalformed, "a tenant that is open has an end")
	}
	return checkPeriod(p)
}

var (
	firstTime = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

func checkTime(t time.Time) error {
	if !t.IsZero() && (t.Before(firstTime) || t.After(lastTime) || t.Nanosecond() != 0) {
		return fail(ErrMalformed, "times have whole seconds and lie in the years 1 to 9999")
	}
	return nil
}

func checkPeriod(p Period) error {
	if p.Always() {
		return nil
	}
	if err := checkTime(p.From); err != nil {
		return err
	}
	if err := checkTime(p.Until); err != nil {
		return err
	}
	if !p.From.IsZero() && !p.Until.IsZero() && !p.From.Before(p.Until) {
		return fail(ErrMalformed, "until lies after from")
	}
	return nil
}

// CheckColumn tells whether s fits a column.
func CheckColumn(s string) error {
	if len(s) > MaxColumn && utf8.RuneCountInString(s) > MaxColumn {
		return errTooLong
	}
	return nil
}
