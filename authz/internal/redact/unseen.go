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
	for _, written := range []*place{x.at, y.at} {
		if written == nil {
			continue
		}
		if err := c.compare(part{v: x.json}, part{v: y.json}, written, path, depth+1); err != nil {
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
	json   reflect.Value // what it writes itself, or else the value
	at     *place        // where that lies; nil: it writes nothing that its members do not tell
	opaque bool          // it neither has members nor writes itself
}

func (s *Shape) unseen(v reflect.Value, at *place) (unseen, error) {
	if !v.IsValid() || v.Type().ConvertibleTo(timeType) {
		return unseen{json: v}, nil
	}
	own, written, opaque := marshalsOf(v.Type()), at, false
	if v.Kind() == reflect.Struct {
		p := s.plan(v.Type(), at)
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
