package condition

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/crmauthz/crmauthz/model"
)

// record, user and env are messages to CEL: it checks their fields and reads
// them by the functions below, straight from the Input.
var (
	recordType = cel.ObjectType("Record")
	userType   = cel.ObjectType("User")
	envType    = cel.ObjectType("Env")
)

// errUnknown is the error that CEL carries through an expression for what is unknown.
var errUnknown = errors.New("unknown")

// attributes is the fields of record, user and env, by the name of their type.
type attributes map[string]map[string]*types.FieldType

// declare lists the fields that the schema gives to record, user and env. It
// refuses attributes named like a field that is built in.
func declare(s *model.Schema) (attributes, error) {
	a := attributes{
		recordType.TypeName(): {
			"id":     field(cel.StringType, func(r *model.Record) any { return nonEmpty(r.ID) }),
			"type":   field(cel.StringType, func(r *model.Record) any { return nonEmpty(r.Type) }),
			"unit":   field(cel.StringType, func(r *model.Record) any { return nonEmpty(r.Unit) }),
			"owners": field(cel.ListType(cel.StringType), func(r *model.Record) any { return r.Owners }),
			"parent": field(recordType, func(r *model.Record) any {
				if r.Parent == nil {
					return nil
				}
				return r.Parent
			}),
		},
		userType.TypeName(): {
			"id": field(cel.StringType, func(e *userOf) any { return nonEmpty(e.User) }),
		},
		envType.TypeName(): {},
	}
	err := cmp.Or(
		add(a, recordType, "schema type attribute", recordAttrs(s), func(r *model.Record) map[string]any { return r.Attrs }),
		add(a, userType, "schema user", single(s.User), func(e *userOf) map[string]any { return e.UserAttrs }),
		add(a, envType, "schema env", single(s.Env), func(e *envOf) map[string]any { return e.Env }),
	)
	return a, err
}

// add adds fields that are read from a map of attributes.
func add[T any](a attributes, of *cel.Type, in string, declared map[string][]model.AttrType, from func(*T) map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, ok := a[of.TypeName()][name]; ok {
			return &model.ValueError{In: in, Column: "attribute", Value: name, Err: model.ErrMalformed, Hint: "the name is built in"}
		}
		accepted := declared[name]
		t := cel.DynType
		if len(accepted) == 1 {
			t = celTypes[accepted[0]]
		}
		a[of.TypeName()][name] = field(t, func(x *T) any { return value(accepted, from(x)[name]) })
	}
	return nil
}

// recordAttrs is the attributes of all types, with those of tenants, and each
// type that one of them gives the attribute.
func recordAttrs(s *model.Schema) map[string][]model.AttrType {
	all := map[string][]model.AttrType{}
	collect := func(attrs map[string]model.AttrType) {
		for name, t := range attrs {
			if !slices.Contains(all[name], t) {
				all[name] = append(all[name], t)
			}
		}
	}
	for _, t := range allTypes(s) {
		collect(t.Attributes)
	}
	for _, x := range s.Tenants {
		for _, attrs := range x.Attributes {
			collect(attrs)
		}
	}
	return all
}

// allTypes ranges over the types of the schema and of its tenants. Two tenants
// may have types of the same name.
func allTypes(s *model.Schema) iter.Seq2[string, model.Type] {
	return func(yield func(string, model.Type) bool) {
		for name, t := range s.Types {
			if !yield(name, t) {
				return
			}
		}
		for _, x := range s.Tenants {
			for name, t := range x.Types {
				if !yield(name, t) {
					return
				}
			}
		}
	}
}

func single(attrs map[string]model.AttrType) map[string][]model.AttrType {
	all := make(map[string][]model.AttrType, len(attrs))
	for name, t := range attrs {
		all[name] = []model.AttrType{t}
	}
	return all
}

// field is a field of a message that get reads; it returns nil for what is unknown.
func field[T any](t *cel.Type, get func(*T) any) *types.FieldType {
	read := func(message any) any {
		if m, ok := message.(*T); ok {
			return get(m)
		}
		return nil
	}
	return &types.FieldType{
		Type:  t,
		IsSet: func(message any) bool { return read(message) != nil },
		GetFrom: func(message any) (any, error) {
			if v := read(message); v != nil {
				return v, nil
			}
			return nil, errUnknown
		},
	}
}

var celTypes = map[model.AttrType]*cel.Type{
	model.AttrString:    cel.StringType,
	model.AttrInt:       cel.IntType,
	model.AttrDouble:    cel.DoubleType,
	model.AttrBool:      cel.BoolType,
	model.AttrTimestamp: cel.TimestampType,
	model.AttrDuration:  cel.DurationType,
	model.AttrStrings:   cel.ListType(cel.StringType),
}

// value is the value of an attribute as CEL takes it: nil if there is none, or
// none of an accepted type.
func value(accepted []model.AttrType, v any) any {
	if v == nil || !slices.ContainsFunc(accepted, func(t model.AttrType) bool { return t.Accepts(v) }) {
		return nil
	}
	switch v := v.(type) {
	case int8:
		return types.Int(v)
	case int16:
		return types.Int(v)
	case uint8:
		return types.Int(v)
	case uint16:
		return types.Int(v)
	case uint32: // an unsigned number to CEL, if it were left to it
		return types.Int(v)
	case float32:
		return number(float64(v))
	case float64:
		return number(v)
	case time.Time:
		return timestamp(v)
	}
	return v
}

// number is f as CEL takes it, or nil if f is not a number: databases have no such
// value, or give it an order of its own.
func number(f float64) any {
	if math.IsNaN(f) {
		return nil
	}
	return f
}

// timestamp is t as CEL takes it, in UTC, or nil if t is out of its range.
func timestamp(t time.Time) any {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return types.Timestamp{Time: t}
}

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// provider adds our messages to the types of CEL.
type provider struct {
	types.Provider
	attrs attributes
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.attrs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := p.attrs[name]; ok {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType has an answer to every field of our messages: checkUse
// refuses those that are not declared, with an error of ours.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.attrs[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	if f, ok := fields[field]; ok {
		return f, true
	}
	return &types.FieldType{Type: cel.DynType}, true
}

// evaluation lets CEL read variables and functions from an Input, each when it is needed.
type evaluation struct{ Input }

// userOf and envOf are an evaluation as the messages user and env.
type (
	userOf evaluation
	envOf  evaluation
)

func (e *evaluation) Parent() interpreter.Activation { return nil }

func (e *evaluation) ResolveName(name string) (any, bool) {
	switch name {
	case "action":
		return e.Action, true
	case "record":
		return e.Record, e.Record != nil
	case "user":
		return (*userOf)(e), true
	case "env":
		return (*envOf)(e), true
	case "now":
		now := timestamp(e.At)
		return now, now != nil && !e.At.IsZero()
	}
	return nil, false
}

// ResolveFunction finds a function of ours, if there is what it asks about.
func (e *evaluation) ResolveFunction(name string) (functions.LateBoundOp, bool) {
	if e.Facts == nil {
		return nil, false
	}
	switch name {
	case "member":
		return e.member, true
	case "holds":
		return e.holds, true
	}
	if e.Record == nil {
		return nil, false
	}
	switch name {
	case "ownerIn":
		return e.ownerIn, true
	case "teamRole":
		return e.teamRole, true
	case "own":
		return e.own, true
	}
	return nil, false
}

// CEL has checked the number and the types of the arguments.

func (e *evaluation) member(_ string, args ...ref.Val) ref.Val {
	return types.Bool(e.Facts.Member(text(args[0])))
}

func (e *evaluation) holds(_ string, args ...ref.Val) ref.Val {
	return types.Bool(e.Facts.Holds(text(args[0]), text(args[1])))
}

func (e *evaluation) ownerIn(_ string, args ...ref.Val) ref.Val {
	return types.Bool(e.Facts.OwnerIn(text(args[0])))
}

func (e *evaluation) teamRole(_ string, args ...ref.Val) ref.Val {
	return types.Bool(e.Facts.TeamRole(text(args[0])))
}

func (e *evaluation) own(string, ...ref.Val) ref.Val { return types.Bool(e.Facts.Own()) }

func text(v ref.Val) string { return string(v.(types.String)) }
