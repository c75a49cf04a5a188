package model

import (
	"maps"
	"reflect"
)

// Administration has changes of policy checked against the policy: every fact is a record of the
// built-in type [PermissionType], and who changes it needs the action for that; see
// package authz.
type Administration struct {
	// Sensitive names a condition over records of permissions: a change of one of which it is not known
	// not to hold needs a second person: has(record.group) && record.group == "role:admin", since facts that are no memberships
	// have no group. Empty: none does.
	Sensitive string
}

// PermissionType is the type of the records that the facts of a policy are, in a schema with
// [Administration]. Its actions all need LevelFull.
const PermissionType = "permission"

// The actions on permissions.
const (
	ActionGrant      = "grant"      // add a fact
	ActionRevoke     = "revoke"     // take one away
	ActionDisable    = "disable"    // switch something off, or a tenant open
	ActionEnable     = "enable"     // take a switch back
	ActionExceed     = "exceed"     // give more than one holds
	ActionApprove    = "approve"    // be the second person of a sensitive change
	ActionAdminister = "administer" // each of these but approve; who may this is an administrator
)

// permissionType is what the schema says of permissions. Attributes that do not go with a
// fact are missing in its record.
var permissionType = Type{
	Actions: map[string]Action{
		ActionGrant: {Need: LevelFull}, ActionRevoke: {Need: LevelFull}, ActionDisable: {Need: LevelFull}, ActionEnable: {Need: LevelFull},
		ActionExceed: {Need: LevelFull}, ActionApprove: {Need: LevelFull}, ActionAdminister: {Need: LevelFull},
	},
	Attributes: map[string]AttrType{
		"kind":         AttrString, // customer_rule, team_rule, field_rule, membership, org_edge or switch
		"subject":      AttrString, // whose rule or membership it is, who is below, or who is switched off
		"subject_kind": AttrString, // user, role, team, unit; everyone
		"group":        AttrString, // of a membership
		"superior":     AttrString, // of an org edge
		"target_type":  AttrString, // what a rule or switch is on
		"target_id":    AttrString,
		"target_unit":  AttrString,
		"field":        AttrString,
		"action":       AttrString, // of a customer rule
		"effect":       AttrString, // allow or deny
		"scope":        AttrString, // of a customer rule; "-" as far as the level reaches
		"level":        AttrString, // of a team or field rule
		"team_role":    AttrString, // of a team rule: As
		"condition":    AttrString, // of a rule
		"mode":         AttrString, // of a switch
		"from":         AttrTimestamp,
		"until":        AttrTimestamp,
	},
}

// Complete is the schema with what is built in: the type of permissions, if it has
// Administration. For returns schemas that are complete.
func (s *Schema) Complete() *Schema {
	if _, ok := s.Types[PermissionType]; ok || s.Administration == nil {
		return s
	}
	out := *s
	out.Types = maps.Clone(s.Types)
	out.Types[PermissionType] = permissionType
	return &out
}

// checkAdministration refuses a type of the built-in type's name, and a condition that there is not.
func (s *Schema) checkAdministration() error {
	if s.Administration == nil {
		return nil
	}
	if t, ok := s.Types[PermissionType]; ok && !reflect.DeepEqual(t, permissionType) {
		return At("schema", "type", PermissionType, fail(ErrMalformed, "is built in, in a schema with administration"))
	}
	for tenant, x := range sorted(s.Tenants) {
		if _, ok := x.Types[PermissionType]; ok {
			return At("schema tenant "+tenant, "type", PermissionType, fail(ErrMalformed, "is built in, in a schema with administration"))
		}
	}
	return s.checkCondition("schema administration", s.Administration.Sensitive)
}

// PermissionOf is the record of type permission that a fact is. Its id is what the fact is about:
// the group of a membership (permission/role:rep), the type of a rule (permission/customer), the superior
// of an org edge, the target of a switch or, if that is a field or record, its type. [EscapeID] makes ids of * . It has the
// attributes of the type that go with the fact, and no owners, unit or parent.
func PermissionOf(f Fact) *Record {
	r := &Record{Type: PermissionType, Attrs: map[string]any{}}
	put := func(name, value string) {
		if value != "" {
			r.Attrs[name] = value
		}
	}
	subject := func(s string) {
		put("subject", s)
		if s == Everyone {
			put("subject_kind", "everyone")
		} else {
			put("subject_kind", KindOf(s).String())
		}
	}
	rule := func(s string, on Target, condition string) {
		subject(s)
		r.ID = EscapeID(on.Type)
		putTarget(put, on)
		put("condition", condition)
	}
	var valid Period
	switch f := f.(type) {
	case CustomerRule:
		put("kind", "customer_rule")
		rule(f.Subject, f.On, f.If)
		put("action", f.Action)
		put("effect", f.Effect.String())
		put("scope", f.Scope.String())
		valid = f.Valid
	case TeamRule:
		put("kind", "team_rule")
		rule(f.Subject, f.On, f.If)
		put("level", f.Level.String())
		put("team_role", f.As)
		valid = f.Valid
	case FieldRule:
		put("kind", "field_rule")
		rule(f.Subject, f.On, f.If)
		put("level", f.Level.String())
		put("effect", f.Effect.String())
		valid = f.Valid
	case Membership:
		put("kind", "membership")
		subject(f.Member)
		put("group", f.Group)
		r.ID, valid = f.Group, f.Valid
	case OrgEdge:
		put("kind", "org_edge")
		subject(f.Below)
		put("superior", f.Above)
		r.ID = f.Above
	case Switch:
		put("kind", "switch")
		put("mode", f.Mode.String())
		r.ID, valid = EscapeID(f.Target), f.Valid
		switch on, err := ParseTarget(f.Target); {
		case f.Target == Any || IsRuleID(f.Target):
		case KindOf(f.Target) != UnknownKind:
			subject(f.Target)
		case err == nil:
			r.ID = on.Type
			putTarget(put, on)
		}
	}
	if !valid.From.IsZero() {
		r.Attrs["from"] = valid.From
	}
	if !valid.Until.IsZero() {
		r.Attrs["until"] = valid.Until
	}
	return r
}

func putTarget(put func(name, value string), on Target) {
	put("target_type", on.Type)
	put("target_id", on.ID)
	put("target_unit", on.Unit)
	put("field", on.Field)
}
