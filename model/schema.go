package model

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// Schema is what policies may speak of: the types of records with their
// actions, fields and attributes, and the named conditions. It is code,
// versioned with the application; policies are data and are checked against it.
// A Schema is not changed once it is in use.
type Schema struct {
	Types map[string]Type
	// Conditions are named CEL expressions over action, record, user and env
	// that yield a bool. Rules name them with if:NAME.
	Conditions map[string]string
	// CheckOnly names conditions of which no filter is made, so that they are only
	// checked against single records.
	CheckOnly []string
	// User and Env are the attributes that a request may bring of the user and
	// of the environment.
	User map[string]AttrType
	Env  map[string]AttrType
	// Constraints separate duties, in all tenants.
	Constraints []Constraint
	// Administration, if it is not nil, has changes of policy checked against the policy.
	Administration *Administration
	// Tenants are types and fields that single tenants have beyond these.
	Tenants map[string]Extension
}

// Extension is what a tenant adds to the schema. It cannot change what is there.
type Extension struct {
	Types map[string]Type
	// Fields and Attributes added to types of the base schema, by type.
	Fields     map[string]map[string]Field
	Attributes map[string]map[string]AttrType
}

// Type is a type of records, such as customer.
type Type struct {
	Actions    map[string]Action
	Fields     map[string]Field
	Attributes map[string]AttrType
	Parent     Parent
	Hierarchy  Hierarchy
}

// Action is something done to a record of a type.
type Action struct {
	// Need is the level of the record that the action needs; LevelNone is refused.
	Need Level
	// Writes marks an action that needs LevelRead only, yet changes something.
	// An action that needs more always writes.
	Writes bool
}

// Reading tells whether the action only reads.
func (a Action) Reading() bool { return a.Need == LevelRead && !a.Writes }

// Field is a field of a type. Its name may be a path, such as address.city. The
// zero Field is closed: hidden until a field rule opens it.
type Field struct {
	// Default is everyone's level of the field, before field rules: FieldWrite
	// for an open field.
	Default FieldLevel
	// Mask names how a masked value is shown; empty: not at all. Package authz
	// lists the masks there are.
	Mask string
	// Queryable lets who sees the field masked also sort, filter, group and search
	// by it, which tells more than the mask shows.
	Queryable bool
	// Once: the field is set when its record is created, by who may read it then,
	// and never changed.
	Once bool
}

// Parent says what a record inherits from its parent record.
type Parent struct {
	Type string // empty: records have no parent
	// Cap is the most that is inherited; LevelNone inherits nothing.
	Cap Level
	// Controlled by parent: the level is the parent's, uncapped, and nothing else
	// counts, neither owner nor team rules nor hierarchy of the record itself.
	Controlled bool
}

// Hierarchy says what the superiors of a record's owner get. The zero
// Hierarchy gives nothing.
type Hierarchy struct {
	By HierarchyKind
	// Level is the most that a superior gets, LevelFull for "the same"; never
	// more than the owner (or holder) has himself.
	Level Level
	// Depth is how many steps up Level reaches; 0: all.
	Depth int
	// Beyond is the most that superiors farther up than Depth get.
	Beyond Level
	// Holders extends it to superiors of those who hold a team rule on the one record.
	Holders bool
}

// HierarchyKind is whom a type's hierarchy goes by.
type HierarchyKind uint8

// The kinds of hierarchies.
const (
	HierarchyOff HierarchyKind = iota
	ByLine                     // reporting lines: org edges between users
	ByUnits                    // units: members of a unit above one of the owner's
)

var hierarchyNames = []string{"off", "line", "units"}

func (h HierarchyKind) String() string { return wordOf(hierarchyNames, uint8(h)) }

// MarshalText writes off, line or units.
func (h HierarchyKind) MarshalText() ([]byte, error) { return marshalWord(hierarchyNames, uint8(h)) }

// UnmarshalText reads off, line or units.
func (h *HierarchyKind) UnmarshalText(b []byte) error { return unmarshalWord(h, hierarchyNames, b) }

// AttrType is the type of an attribute, named as in CEL.
type AttrType string

// The types of attributes and the Go values that they take.
const (
	AttrString    AttrType = "string"       // string
	AttrInt       AttrType = "int"          // int, int8 … int64, uint8 … uint32
	AttrDouble    AttrType = "double"       // float64, float32
	AttrBool      AttrType = "bool"         // bool
	AttrTimestamp AttrType = "timestamp"    // time.Time
	AttrDuration  AttrType = "duration"     // time.Duration
	AttrStrings   AttrType = "list(string)" // []string
)

// Accepts tells whether a Go value is of the attribute's type. Nil, an
// unknown value, is of every type.
func (t AttrType) Accepts(v any) bool {
	switch v.(type) {
	case nil:
		return true
	case string:
		return t == AttrString
	case int, int8, int16, int32, int64, uint8, uint16, uint32:
		return t == AttrInt
	case float32, float64:
		return t == AttrDouble
	case bool:
		return t == AttrBool
	case []string:
		return t == AttrStrings
	case time.Time:
		return t == AttrTimestamp
	case time.Duration:
		return t == AttrDuration
	}
	return false
}

// For returns the schema of one tenant: the base schema with the tenant's extension, complete.
func (s *Schema) For(tenant string) *Schema {
	s = s.Complete()
	x, ok := s.Tenants[tenant]
	if !ok {
		return s
	}
	out := &Schema{Types: maps.Clone(s.Types), Conditions: s.Conditions, CheckOnly: s.CheckOnly, User: s.User, Env: s.Env,
		Constraints: s.Constraints, Administration: s.Administration}
	maps.Copy(out.Types, x.Types)
	extend := func(typ string) Type {
		t := out.Types[typ]
		t.Fields, t.Attributes = maps.Clone(t.Fields), maps.Clone(t.Attributes)
		if t.Fields == nil {
			t.Fields = map[string]Field{}
		}
		if t.Attributes == nil {
			t.Attributes = map[string]AttrType{}
		}
		return t
	}
	for typ, fields := range x.Fields {
		t := extend(typ)
		maps.Copy(t.Fields, fields)
		out.Types[typ] = t
	}
	for typ, attrs := range x.Attributes {
		t := extend(typ)
		maps.Copy(t.Attributes, attrs)
		out.Types[typ] = t
	}
	return out
}

// Check tells whether the schema is well formed and complete. It does not
// compile the conditions; authz.Open does.
func (s *Schema) Check() error {
	if len(s.Types) == 0 {
		return At("schema", "types", "", fail(ErrMalformed, "there is no type"))
	}
	if err := checkTypes("schema", s.Types, s.Types); err != nil {
		return err
	}
	for name, expr := range sorted(s.Conditions) {
		if err := CheckName(name); err != nil {
			return At("schema", "condition", name, err)
		}
		if expr == "" || !utf8.ValidString(expr) {
			return At("schema condition "+name, "expression", expr, fail(ErrMalformed, "is empty or not UTF-8"))
		}
	}
	for _, check := range []func() error{s.checkCheckOnly, s.checkConstraints, s.checkAdministration} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := checkAttrs("schema user", s.User); err != nil {
		return err
	}
	if err := checkAttrs("schema env", s.Env); err != nil {
		return err
	}
	for tenant, x := range sorted(s.Tenants) {
		if err := s.checkExtension(tenant, x); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkCheckOnly() error {
	for i, name := range s.CheckOnly {
		if _, ok := s.Conditions[name]; !ok {
			return At("schema", "check_only", name, ErrUnknownCondition)
		}
		if slices.Contains(s.CheckOnly[:i], name) {
			return At("schema", "check_only", name, fail(ErrMalformed, "stands twice"))
		}
	}
	return nil
}

func (s *Schema) checkExtension(tenant string, x Extension) error {
	in := "schema tenant " + tenant
	if err := CheckTenant(tenant); err != nil || tenant == Base {
		if err == nil {
			err = fail(ErrNotInBase, "the base schema itself is what holds in all")
		}
		return At("schema", "tenant", tenant, err)
	}
	for typ := range sorted(x.Types) {
		if _, ok := s.Types[typ]; ok {
			return At(in, "type", typ, fail(ErrMalformed, "the base schema has it"))
		}
	}
	all := maps.Clone(s.Types)
	maps.Copy(all, x.Types)
	if err := checkTypes(in, x.Types, all); err != nil {
		return err
	}
	for typ, fields := range sorted(x.Fields) {
		base, ok := s.Types[typ]
		if !ok {
			return At(in, "fields", typ, ErrUnknownType)
		}
		for f := range sorted(fields) {
			if _, ok := base.Fields[f]; ok {
				return At(in+" type "+typ, "field", f, fail(ErrMalformed, "the base schema has it"))
			}
		}
		if err := checkFields(in+" type "+typ, fields); err != nil {
			return err
		}
	}
	for typ, attrs := range sorted(x.Attributes) {
		base, ok := s.Types[typ]
		if !ok {
			return At(in, "attributes", typ, ErrUnknownType)
		}
		for a := range sorted(attrs) {
			if _, ok := base.Attributes[a]; ok {
				return At(in+" type "+typ, "attribute", a, fail(ErrMalformed, "the base schema has it"))
			}
		}
		if err := checkAttrs(in+" type "+typ, attrs); err != nil {
			return err
		}
	}
	return nil
}

func checkTypes(in string, types, all map[string]Type) error {
	for name, t := range sorted(types) {
		if err := CheckName(name); err != nil {
			return At(in, "type", name, err)
		}
		if err := t.check(in+" type "+name, all); err != nil {
			return err
		}
	}
	return nil
}

func (t Type) check(in string, all map[string]Type) error {
	if len(t.Actions) == 0 {
		return At(in, "actions", "", fail(ErrMalformed, "there is no action"))
	}
	for name, a := range sorted(t.Actions) {
		if err := CheckName(name); err != nil {
			return At(in, "action", name, err)
		}
		if a.Need == LevelNone || a.Need > LevelFull {
			return At(in+" action "+name, "need", a.Need.String(), fail(ErrMalformed, "one of read write delete full"))
		}
	}
	if err := checkFields(in, t.Fields); err != nil {
		return err
	}
	if err := checkAttrs(in, t.Attributes); err != nil {
		return err
	}
	if err := t.Parent.check(in, all); err != nil {
		return err
	}
	return t.Hierarchy.check(in)
}

func (p Parent) check(in string, all map[string]Type) error {
	if _, ok := all[p.Type]; !ok && p.Type != "" {
		return At(in+" parent", "type", p.Type, ErrUnknownType)
	}
	if p.Type == "" && p != (Parent{}) {
		return At(in+" parent", "type", "", fail(ErrMalformed, "a cap or control needs the parent's type"))
	}
	if p.Cap > LevelFull || p.Controlled && p.Cap != LevelNone {
		return At(in+" parent", "cap", p.Cap.String(), fail(ErrMalformed, "a level, and none when controlled by the parent"))
	}
	return nil
}

func (h Hierarchy) check(in string) error {
	if h.By > ByUnits || h.Level > LevelFull || h.Beyond > LevelFull || h.Depth < 0 || h.Depth > MaxDepth {
		return At(in, "hierarchy", fmt.Sprint(h), fail(ErrMalformed, "by line or units, levels, a depth of 0 to %d", MaxDepth))
	}
	if h.By == HierarchyOff && h != (Hierarchy{}) || h.By != HierarchyOff && h.Level == LevelNone || h.Depth == 0 && h.Beyond != LevelNone {
		return At(in, "hierarchy", fmt.Sprint(h), fail(ErrMalformed, "a hierarchy has a kind and a level; beyond needs a depth"))
	}
	return nil
}

func checkFields(in string, fields map[string]Field) error {
	for name, f := range sorted(fields) {
		if err := CheckName(name); err != nil {
			return At(in, "field", name, err)
		}
		if f.Default > FieldWrite {
			return At(in+" field "+name, "default", f.Default.String(), fail(ErrMalformed, "one of hidden masked read write"))
		}
		if f.Mask != "" {
			if err := CheckName(f.Mask); err != nil {
				return At(in+" field "+name, "mask", f.Mask, err)
			}
		}
	}
	return nil
}

func checkAttrs(in string, attrs map[string]AttrType) error {
	for name, t := range sorted(attrs) {
		if err := CheckName(name); err != nil {
			return At(in, "attribute", name, err)
		}
		if !slices.Contains(attrTypes, t) {
			return At(in+" attribute "+name, "type", string(t), fail(ErrMalformed, "one of %v", attrTypes))
		}
	}
	return nil
}

var attrTypes = []AttrType{AttrString, AttrInt, AttrDouble, AttrBool, AttrTimestamp, AttrDuration, AttrStrings}

// CheckFact tells whether a well-formed fact speaks of what the schema of its
// tenant knows.
func (s *Schema) CheckFact(f Fact) error {
	if err := checkIsFact(f); err != nil {
		return err
	}
	in := factNames[f.Section()]
	switch f := f.(type) {
	case CustomerRule:
		if err := s.checkTarget(in, f.On); err != nil {
			return err
		}
		if f.Action != Any && !s.hasAction(f.On.Type, f.Action) {
			return At(in, "action", f.Action, fail(ErrUnknownAction, "of %s", f.On.Type))
		}
		return s.checkCondition(in, f.If)
	case TeamRule:
		if err := s.checkTarget(in, f.On); err != nil {
			return err
		}
		return s.checkCondition(in, f.If)
	case FieldRule:
		if err := s.checkTarget(in, f.On); err != nil {
			return err
		}
		if err := s.checkFields(in, f.On); err != nil {
			return err
		}
		return s.checkCondition(in, f.If)
	case Switch:
		if f.Target == Any || IsRuleID(f.Target) || KindOf(f.Target) != UnknownKind {
			return s.checkFields(in, f.Except.Fields()...)
		}
		t, err := ParseTarget(f.Target)
		if err != nil {
			return At(in, "target", f.Target, err)
		}
		if err := s.checkTarget(in, t); err != nil || t.Field == "" {
			return err
		}
		return s.checkFields(in, t)
	}
	return nil
}

// checkFields tells whether there are these fields.
func (s *Schema) checkFields(in string, fields ...Target) error {
	for _, t := range fields {
		if _, ok := s.Types[t.Type].Fields[t.Field]; !ok && t.Field != Any {
			return At(in, "field", t.Field, fail(ErrUnknownField, "of %s", t.Type))
		}
	}
	return nil
}

func (s *Schema) checkTarget(in string, t Target) error {
	if _, ok := s.Types[t.Type]; !ok && t.Type != Any {
		return At(in, "target", t.String(), ErrUnknownType)
	}
	return nil
}

func (s *Schema) checkCondition(in, name string) error {
	if _, ok := s.Conditions[name]; !ok && name != "" {
		return At(in, "condition", name, ErrUnknownCondition)
	}
	return nil
}

// hasAction tells whether the type, or for Any some type, has the action.
func (s *Schema) hasAction(typ, action string) bool {
	if typ != Any {
		_, ok := s.Types[typ].Actions[action]
		return ok
	}
	for _, t := range s.Types {
		if _, ok := t.Actions[action]; ok {
			return true
		}
	}
	return false
}

// sorted ranges over a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
