package redact

import (
	"encoding/json"
	"maps"
	"reflect"
)

// compareUnseen compares by their JSON what values do not have as members. What has no JSON
// either may differ in all that lies below.
func (c *changes) compareUnseen(a, b reflect.Value, at *place, path string, depth int) error {
	x, err := c.shape.unseen(a, at)
	if err != nil {
		return err
	}
	y, err := c.shape.unseen(b, at)
	if err != nil {
		return err
	}
	if x.opaque || y.opaque {
		equal, err := c.shape.equal(part{v: a}, part{v: b}, depth)
		if err == nil && !equal {
			c.add(at, path)
			c.addBelow(at, path)
		}
		return err
	}
	for _, sides := range [2][2]unseen{{x, y}, {y, x}} {
		switch written, other := sides[0], sides[1]; {
		case written.at == nil:
		case other.at == nil:
			err = c.compareWritten(written, other.json, path, depth)
		default:
			err = c.compare(part{v: written.json}, part{v: other.json}, written.at, path, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareWritten compares what only one of two values writes itself, with what the other has there.
func (c *changes) compareWritten(x unseen, other reflect.Value, path string, depth int) error {
	if !isRecord(x.json) || !isRecord(other) {
		return c.compare(part{v: x.json}, part{v: other}, x.at, path, depth+1)
	}
	written, err := c.shape.parts(x.json, x.at)
	if err != nil {
		return err
	}
	there, err := c.shape.parts(other, x.at)
	if err != nil {
		return err
	}
	for name, p := range written {
		if err := c.compare(p, there[name], p.at, join(path, name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// setUnseen adds what compareUnseen compares.
func (c *changes) setUnseen(v reflect.Value, at *place, path string, depth int) error {
	x, err := c.shape.unseen(v, at)
	switch {
	case err != nil:
		return err
	case x.opaque && (c.patch || !v.IsZero()):
		c.add(at, path)
		c.addBelow(at, path)
	case x.at == nil:
	case isRecord(x.json):
		if !c.patch && v.Kind() == reflect.Struct {
			dropZeros(x.json.Interface())
		}
		return c.setParts(x.json, x.at, path, depth)
	case isList(x.json):
		return c.set(part{v: x.json}, x.at, path, depth+1)
	}
	return nil
}

// unseen is what a value has beyond its members.
type unseen struct {
	json   reflect.Value // what it writes itself but for its members, or else the value
	at     *place        // where that lies; nil: it writes nothing that its members do not tell
	opaque bool          // it neither has members nor writes itself
}

func (s *Shape) unseen(v reflect.Value, at *place) (unseen, error) {
	if !v.IsValid() || v.Type().ConvertibleTo(timeType) {
		return unseen{json: v}, nil
	}
	own, written, opaque, seen := marshalsOf(v.Type()), at, false, []member(nil)
	if v.Kind() == reflect.Struct {
		p := s.plan(v.Type(), at)
		seen = p.fields
		if !p.unseen {
			return unseen{json: v}, nil
		}
		written, opaque = p.written, p.opaque()
	}
	if !v.CanInterface() || !own.value && !own.pointer {
		return unseen{json: v, opaque: opaque}, nil
	}
	held := reflect.New(v.Type()).Elem() // as its methods may need an address
	held.Set(v)
	raw, err := appendMarshalled(nil, held)
	if err != nil {
		return unseen{}, err
	}
	decoded, err := decode(raw)
	if object, ok := decoded.(map[string]any); ok {
		for _, m := range seen {
			delete(object, m.json)
		}
	}
	return unseen{json: reflect.ValueOf(decoded), at: written}, err
}

// dropZeros takes out of JSON that a struct writes what would not be set in its fields.
func dropZeros(v any) (zero bool) {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return numberOf(v.String()) == "0"
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, v any) bool { return dropZeros(v) })
		return len(v) == 0
	}
	return false
}
