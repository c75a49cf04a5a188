package authz

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/mask"
	"github.com/crmauthz/crmauthz/authz/internal/redact"
	"github.com/crmauthz/crmauthz/model"
)

// Mask shows what may be seen of a masked value. It is asked for values that are
// not nil, as string, int64, uint64, float64, bool, time.Time or json.Number if
// they are of such a kind, else as they are. If it panics, nothing is shown. It is
// called from many goroutines.
//
// A field of the schema names its mask. WithMask sets an application's own; these
// are there:
//
//   - last4, first2 (any number from 1 to 99): that many characters of a text or
//     number after, or before, four stars; only the stars if that were more than half.
//   - email: the first character and the domain, a****@example.com.
//   - phone: the last three of six digits or more, with the signs between them.
//   - hash: a keyed hash, equal for equal values: see WithHashKey.
//   - year: the year of a date. range1000 (or another number): the step that a
//     number is in, 12000-12999.
//   - fixed: four stars. null: nothing.
type Mask func(value any) any

var (
	// ErrMask: the schema names a mask that does not exist. (Open)
	ErrMask = mask.ErrUnknown
	// ErrHashKey: the schema names the mask hash, which needs WithHashKey. (Open)
	ErrHashKey = mask.ErrNoKey
	// ErrShape: a value is no struct, map, JSON object, or slice of these. (Redact and
	// the methods of Fields that take values)
	ErrShape = redact.ErrShape
	// ErrEncode: a value has no JSON. (Fields.JSON, AppendJSON)
	ErrEncode = redact.ErrEncode
	// ErrDepth: a value is nested more than 1000 deep, or in itself. (the same)
	ErrDepth = redact.ErrDepth
)

// nothing is the shape of a type without fields: all is hidden.
var nothing = redact.NewShape(nil)

// shapes are how values of each type of records are looked through.
type shapes map[string]*redact.Shape

// makeShapes makes those of all types that the schema knows.
func (a *Authorizer) makeShapes() (err error) {
	if a.shapes, err = a.shapesOf("schema", a.schema); err != nil {
		return err
	}
	a.extended = map[string]shapes{}
	for tenant := range a.schema.Tenants {
		if a.extended[tenant], err = a.shapesOf("schema tenant "+tenant, a.schema.For(tenant)); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authorizer) shapesOf(in string, schema *model.Schema) (shapes, error) {
	all := shapes{}
	for name, t := range schema.Types {
		var fields []redact.Field
		for _, field := range slices.Sorted(maps.Keys(t.Fields)) {
			m, err := a.mask(t.Fields[field].Mask)
			if err != nil {
				return nil, model.At(fmt.Sprintf("%s type %s field %s", in, name, field), "mask", t.Fields[field].Mask, err)
			}
			fields = append(fields, redact.Field{Name: field, Mask: m})
		}
		all[name] = redact.NewShape(fields)
	}
	return all, nil
}

func (a *Authorizer) mask(name string) (mask.Func, error) {
	if name == "" {
		return nil, nil
	}
	if m := a.masks[name]; m != nil {
		return mask.Func(m), nil
	}
	return mask.New(name, a.hashKey)
}

// shape is that of the type of levels.
func (a *Authorizer) shape(tenant string, l *engine.Levels) *redact.Shape {
	if own, ok := a.extended[tenant]; ok {
		return own[l.Type()]
	}
	return a.shapes[l.Type()]
}

// Redact returns a copy of a value in which nothing is left that its reader may not see:
// in a struct, a hidden field has its zero value; in a map it is absent; a masked
// field has what its mask shows; if that is nothing, or its type cannot hold it, it is
// as a hidden one. The value is a struct, a map, a json.RawMessage, a pointer to one, or a slice
// of these; it is not changed, but the copy may share what is readable with it.
// All records of a slice are redacted alike: where a user sees more of one than of
// another, each has Fields of its own.
//
// A struct's field is that of the schema whose name is in its tag authz, json or
// gorm (column:), the first that it has. What the schema does not know is hidden.
// Fields of nested values have paths for names, address.city; they reach through
// embedded structs, pointers and slices. Unexported fields are left as they are.
func Redact[T any](f Fields, value T) (T, error) {
	var empty T
	if f.levels == nil {
		return empty, nil
	}
	shown, err := f.shape.Copy(value, f.levels.InOrder)
	if err != nil {
		return empty, f.fail("redact", err)
	}
	typed, ok := shown.(T)
	if !ok { // nil
		return empty, nil
	}
	return typed, nil
}

// RedactInPlace does to the value that v points to what Redact does to a copy.
// On an error the value is emptied, if it can be changed at all.
func (f Fields) RedactInPlace(v any) error {
	if f.levels == nil {
		if err := nothing.InPlace(v, nil); err != nil {
			return fmt.Errorf("authz: redact: %w", err)
		}
		return nil
	}
	return f.fail("redact", f.shape.InPlace(v, f.levels.InOrder))
}

// JSON is the value as encoding/json writes it, without what is hidden, and with
// what the masks show. The value is what Redact takes.
func (f Fields) JSON(value any) ([]byte, error) {
	return f.AppendJSON(nil, value)
}

// AppendJSON appends what JSON returns to a buffer. On an error it returns nil.
func (f Fields) AppendJSON(buffer []byte, value any) ([]byte, error) {
	if f.levels == nil {
		return append(buffer, "null"...), nil
	}
	out, err := f.shape.AppendJSON(buffer, value, f.levels.InOrder)
	if err != nil {
		return nil, f.fail("redact", err)
	}
	return out, nil
}

// RedactStream copies JSON from r to w, without what is hidden and with what the masks show: an
// object, an array of objects, or any number of them one after the other. It holds
// one field at a time in memory, so that an export may be of any length. On an
// error, what was written before it stays written.
func (f Fields) RedactStream(ctx context.Context, w io.Writer, r io.Reader) error {
	if f.levels == nil {
		return fmt.Errorf("authz: redact: %w", ErrUnavailable)
	}
	return f.fail("redact", f.shape.Stream(ctx, w, r, f.levels.InOrder))
}

func (f Fields) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("authz: %s %s: %w", op, f.levels.Type(), err)
}
