package authz

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/redact"
	"github.com/crmauthz/crmauthz/model"
)

// ErrFields: a field may not be read, written or asked for. (Fields.CheckWrite,
// CheckPatch, CheckCreate, CheckQuery)
var ErrFields = errors.New("a field is not open to the user")

// FieldsError lists every field that a write or query may not touch. It matches ErrFields.
type FieldsError struct {
	Op     string   // "write", "create", "query"
	Type   string   // of the records
	Fields []string // sorted; also names that the schema does not know
}

func (e *FieldsError) Error() string {
	return fmt.Sprintf("authz: %s of %s: %v: %s", e.Op, e.Type, ErrFields, strings.Join(e.Fields, ", "))
}

// Is tells that it is an ErrFields.
func (e *FieldsError) Is(target error) bool { return target == ErrFields }

// Fields is how much a user reaches of each field of a record, or of a type,
// with an action. It is a small value that answers in nanoseconds, for as long
// as the page that it was asked for. The zero Fields hides everything.
type Fields struct {
	levels *engine.Levels
	shape  *redact.Shape
}

// Fields decides how much the user reaches of every field with the request's action:
// of the record's fields, or without a record of the type's. If the action itself
// is denied, every field is hidden. For the records of a page, [Viewer.Fields] asks once.
func (a *Authorizer) Fields(ctx context.Context, req Request) (Fields, error) {
	s, err := a.snapshot(ctx, req.Tenant)
	if err == nil {
		err = a.resolve(ctx, []*Request{&req})
	}
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	clock, err := a.openClock(ctx, s, &req)
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	l, err := s.FieldLevels(engine.User{}, &req, false, nil, clock)
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	return Fields{l, a.shape(req.Tenant, l)}, nil
}

// Fields decides how much the user reaches of every field of a record with an
// action. For the records of a page it looks at the rules once, unless these
// depend on the record.
func (v *Viewer) Fields(action string, record *Record) (Fields, error) {
	if record == nil {
		return Fields{}, failed("fields", v.request.Tenant, model.ErrNoFacts)
	}
	req := v.request
	req.Action, req.Record = action, record
	return v.decideFields(&req)
}

// FieldsOfType decides how much the user reaches of every field of a type.
func (v *Viewer) FieldsOfType(action, typ string) (Fields, error) {
	req := v.request
	req.Action, req.Type = action, typ
	return v.decideFields(&req)
}

func (v *Viewer) decideFields(req *Request) (Fields, error) {
	if err := v.usable(); err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	f, err := v.fields(req, false)
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	return f, nil
}

// FieldsOfList decides how much the user reaches of every field of each record of a
// type to which she may do the action: the least that they have in common. What is readable here
// may be sorted and filtered by (see [Fields.CheckQuery]), since it shows nothing
// that the records themselves would not.
func (v *Viewer) FieldsOfList(action, typ string) (Fields, error) {
	if err := v.usable(); err != nil {
		return Fields{}, failed("fields", v.request.Tenant, err)
	}
	req := v.request
	req.Action, req.Type = action, typ
	var l *engine.Levels
	clock, err := v.of.openClock(v.ctx, v.snapshot, &req)
	if err == nil {
		l, err = v.snapshot.LeastFieldLevels(v.user, &req, clock)
	}
	if err != nil {
		return Fields{}, failed("fields", req.Tenant, err)
	}
	return Fields{l, v.of.shape(req.Tenant, l)}, nil
}

// fields asks for levels, unless those that were asked for last hold for all records;
// listed says that the action is known to be allowed.
func (v *Viewer) fields(req *Request, listed bool) (Fields, error) {
	if err := v.usable(); err != nil {
		return Fields{}, err
	}
	clock := v.of.clock
	if !listed {
		var err error
		if clock, err = v.of.openClock(v.ctx, v.snapshot, req); err != nil {
			return Fields{}, err
		}
	}
	var last Fields
	if known := v.last.Load(); known != nil {
		last = *known
	}
	l, err := v.snapshot.FieldLevels(v.user, req, listed, last.levels, clock)
	switch {
	case err != nil:
		return Fields{}, err
	case l == last.levels:
		return last, nil
	}
	f := Fields{l, v.of.shape(req.Tenant, l)}
	if l.Uniform() {
		v.last.Store(&Fields{f.levels, f.shape})
	}
	return f, nil
}

// Level is the level of a field; hidden if the schema does not know it.
func (f Fields) Level(field string) model.FieldLevel {
	if f.levels == nil {
		return model.FieldHidden
	}
	return f.levels.Of(field)
}

// Readable tells whether the field's value may be seen as it is.
func (f Fields) Readable(field string) bool { return f.Level(field) >= model.FieldRead }

// Masked tells whether no more than what its mask shows may be seen of the field.
func (f Fields) Masked(field string) bool { return f.Level(field) == model.FieldMasked }

// Writable tells whether the field may be changed in a record that is there.
// With a reading action no field is.
func (f Fields) Writable(field string) bool {
	return f.Level(field) == model.FieldWrite && !f.schema(field).Once
}

// Governing is the field that governs what lies at a path, such as address.city: the one with
// the longest path that leads there. If there is none, what lies there is hidden.
func (f Fields) Governing(path string) (field string, ok bool) {
	for f.levels != nil {
		if f.levels.Index(path) >= 0 {
			return path, true
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			break
		}
		path = path[:dot]
	}
	return "", false
}

// All yields the fields of the type and their levels, in the order of their names.
func (f Fields) All() iter.Seq2[string, model.FieldLevel] {
	return func(yield func(string, model.FieldLevel) bool) {
		if f.levels != nil {
			f.levels.All(yield)
		}
	}
}

func (f Fields) schema(field string) model.Field {
	if f.levels == nil {
		return model.Field{}
	}
	s, _ := f.levels.Schema(field)
	return s
}

// CheckWrite tells whether a record may be changed from before to after: every
// field that differs must be writable. Both are structs, pointers to structs,
// maps or JSON objects, not necessarily the same. The error is a *[FieldsError]
// with all fields that are not.
//
// A form that shows a masked value and sends it back changes the field. What a struct has in unexported
// fields is told by the JSON that it writes itself; without any, it may not change unless all below it may.
func (f Fields) CheckWrite(before, after any) error {
	return f.check("write", f.Writable, func() ([]redact.Change, error) { return f.shape.Changed(before, after) })
}

// CheckPatch tells whether the fields that a patch names may be changed, whatever
// their values; a struct in it names all its fields but those that JSON leaves out. A patch is merged into a record as RFC 7396 says: a list in it takes the place of
// the one that was there, so all fields of its elements must be writable.
func (f Fields) CheckPatch(patch map[string]any) error {
	return f.check("write", f.Writable, func() ([]redact.Change, error) { return f.shape.Patched(patch) })
}

// CheckCreate tells whether a new record may be made with the fields that are set in
// it: struct fields that are not zero, and all that a map or JSON object names.
// Ask for the Fields of the creating action. A field that is set once, at
// creation, needs to be readable only.
func (f Fields) CheckCreate(record any) error {
	may := func(field string) bool {
		l := f.Level(field)
		return l == model.FieldWrite || l == model.FieldRead && f.schema(field).Once
	}
	return f.check("create", may, func() ([]redact.Change, error) { return f.shape.Set(record) })
}

func (f Fields) check(op string, may func(field string) bool, changes func() ([]redact.Change, error)) error {
	if f.levels == nil {
		return &FieldsError{Op: op}
	}
	touched, err := changes()
	if err != nil {
		return fmt.Errorf("authz: %s of %s: %w", op, f.levels.Type(), err)
	}
	var refused []string
	for _, c := range touched {
		if c.Field < 0 || !may(f.shape.Name(c.Field)) {
			refused = append(refused, c.Path)
		}
	}
	return f.refuse(op, refused)
}

func (f Fields) refuse(op string, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	slices.Sort(fields)
	return &FieldsError{Op: op, Type: f.levels.Type(), Fields: slices.Compact(fields)}
}

// FieldQuery is the fields by which a list is asked for.
type FieldQuery struct{ Sort, Filter, Group, Search []string }

// CheckQuery tells whether a list may be sorted, filtered, grouped and searched
// by fields: each must be readable, for an order tells a hidden value as well as
// showing it does; or masked, if the schema calls it queryable. So must all fields be that
// lie below; a path that is no field is judged by the one that governs it. Ask for the Fields of the type, or of the least that the list's records have in common.
func (f Fields) CheckQuery(q FieldQuery) error {
	var refused []string
	for _, field := range slices.Concat(q.Sort, q.Filter, q.Group, q.Search) {
		if !f.queryable(field) {
			refused = append(refused, string([]byte(field)))
		}
	}
	if f.levels == nil && len(refused) > 0 {
		return &FieldsError{Op: "query", Fields: refused}
	}
	return f.refuse("query", refused)
}

// queryable tells whether what lies at a path, and all below it, may be asked for.
func (f Fields) queryable(path string) bool {
	governing, ok := f.Governing(path)
	if !ok {
		return false
	}
	for name, level := range f.All() {
		if name != governing && !strings.HasPrefix(name, path+".") {
			continue
		}
		if level < model.FieldRead && !(level == model.FieldMasked && f.schema(name).Queryable) {
			return false
		}
	}
	return true
}
