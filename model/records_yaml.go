package model

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ParseRecords reads facts about records from YAML, by tenant and by type/id:
//
//	acme:
//	  account/7: {}
//	  customer/42:
//	    owner: user:alice                # or a list
//	    unit: unit:apac
//	    parent: account/7                # another record of the tenant
//	    attrs: {region: EU, since: 2026-01-01T00:00:00Z, pause: 90m, tags: [a, b], tier: null}
//
// Attributes are of the types that the schema declares; null is an unknown value.
// Errors are a [SourceError] of a [ValueError]. Refused is what
// [Schema.CheckRecord] refuses, a parent that is not there, and a ring of parents.
func ParseRecords(s *Schema, data []byte) (map[string]map[string]*Record, error) {
	y := YAMLReader{In: "records"}
	n := y.Parse(data)
	tenants := map[string]map[string]*Record{}
	if y.err == nil {
		for tenant, records := range y.Entries(n) {
			y.Fail(tenant, tenant.Value, CheckTenant(tenant.Value))
			r := recordReader{YAMLReader: &y, schema: s.For(tenant.Value)}
			tenants[tenant.Value] = r.records(records)
		}
	}
	if y.err != nil {
		return nil, y.err
	}
	return tenants, nil
}

// RecordsOf is ParseRecords for the records of one tenant that stand inside another
// document. The schema is that of the tenant.
func RecordsOf(s *Schema, records *yaml.Node) (map[string]*Record, error) {
	r := recordReader{YAMLReader: &YAMLReader{In: "records"}, schema: s}
	out := r.records(records)
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// AttributesOf reads the values of declared attributes, such as those of a user or
// of the environment, that stand inside another document.
func AttributesOf(declared map[string]AttrType, values *yaml.Node) (map[string]any, error) {
	r := recordReader{YAMLReader: &YAMLReader{In: "attributes"}}
	out := r.attributes(declared, values)
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// recordReader reads the records of a tenant.
type recordReader struct {
	*YAMLReader
	schema  *Schema
	parents map[*Record]*yaml.Node // the names of parents
}

func (y *recordReader) records(n *yaml.Node) map[string]*Record {
	all := make(map[string]*Record, len(n.Content)/2)
	y.parents = map[*Record]*yaml.Node{}
	for name, facts := range y.Entries(n) {
		all[name.Value] = y.record(name, facts)
	}
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		y.setParent(all, all[name])
	}
	for _, name := range names { // who is in a ring is told before who leads into one
		y.checkAbove(all[name], ErrCycle)
	}
	for _, name := range names {
		y.checkAbove(all[name], ErrTooDeep)
	}
	return all
}

func (y *recordReader) setParent(all map[string]*Record, r *Record) {
	name, ok := y.parents[r]
	if !ok || y.err != nil {
		return
	}
	parent, ok := all[name.Value]
	if !ok {
		y.Fail(name, name.Value, fail(ErrNoFacts, "no record of the tenant is named so"))
		return
	}
	if want := y.schema.Types[r.Type].Parent.Type; parent.Type != want {
		hint := "parents are of type " + want
		if want == "" {
			hint = "records of type " + r.Type + " have no parent"
		}
		y.Fail(name, name.Value, fail(ErrMalformed, "%s", hint))
		return
	}
	r.Parent = parent
}

// checkAbove refuses a ring of parents, or too many of them, above a record.
func (y *recordReader) checkAbove(r *Record, refused error) {
	above, depth := r.Parent, 0
	for ; above != nil && above != r && depth < MaxDepth; above = above.Parent {
		depth++
	}
	parent := y.parents[r]
	switch {
	case above == r && errors.Is(refused, ErrCycle):
		y.Fail(parent, parent.Value, fail(ErrCycle, "%s/%s would be above itself", r.Type, r.ID))
	case above != nil && errors.Is(refused, ErrTooDeep):
		y.Fail(parent, parent.Value, fail(ErrTooDeep, "at most %d parents", MaxDepth))
	}
}

func (y *recordReader) record(name, facts *yaml.Node) *Record {
	typ, id, ok := strings.Cut(name.Value, "/")
	if !ok {
		y.Fail(name, name.Value, fail(ErrMalformed, "a record is written type/id"))
	}
	r := &Record{Type: typ, ID: id}
	y.Fail(name, name.Value, y.schema.CheckRecord(r))
	if ok && id == "" {
		y.Fail(name, name.Value, fail(ErrMalformed, "a record is written type/id"))
	}
	for word, v := range y.Entries(facts) {
		switch word.Value {
		case "owner":
			r.Owners = y.owners(v)
		case "unit":
			r.Unit = y.Text(v)
			y.Fail(v, r.Unit, CheckSubject(r.Unit, Unit))
		case "parent":
			y.Text(v)
			y.parents[r] = v
		case "attrs":
			r.Attrs = y.attributes(y.schema.Types[typ].Attributes, v)
		default:
			y.Unknown(word, "owner", "unit", "parent", "attrs")
		}
	}
	return r
}

func (y *recordReader) owners(n *yaml.Node) (owners []string) {
	for _, o := range y.oneOrList(n) {
		y.Fail(o, o.Value, CheckSubject(o.Value, User, Team))
		if slices.Contains(owners, o.Value) {
			y.Fail(o, o.Value, fail(ErrMalformed, "stands twice"))
		}
		owners = append(owners, o.Value)
	}
	return owners
}

func (y *recordReader) attributes(declared map[string]AttrType, n *yaml.Node) map[string]any {
	values := make(map[string]any, len(n.Content)/2)
	for name, v := range y.Entries(n) {
		typ, ok := declared[name.Value]
		if !ok {
			hint := fail(ErrUnknownAttribute, "none is declared")
			if len(declared) > 0 {
				hint = fail(ErrUnknownAttribute, "one of %s", strings.Join(slices.Sorted(maps.Keys(declared)), ", "))
			}
			y.Fail(name, name.Value, hint)
			return nil
		}
		values[name.Value] = y.attribute(typ, v)
	}
	return values
}

func (y *recordReader) attribute(typ AttrType, n *yaml.Node) any {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	if typ == AttrStrings {
		list := []string{}
		for item := range y.Items(n) {
			list = append(list, y.Text(item))
		}
		return list
	}
	return scan(y.YAMLReader, n, func(s string) (any, error) { return parseAttribute(typ, s) })
}

// parseAttribute reads the value of an attribute that is no list.
func parseAttribute(typ AttrType, s string) (v any, err error) {
	want := ""
	switch typ {
	case AttrString:
		return s, nil
	case AttrInt:
		want = "a whole number"
		v, err = strconv.ParseInt(s, 10, 64)
	case AttrDouble:
		want = "a number"
		v, err = strconv.ParseFloat(s, 64)
	case AttrBool:
		want = "true or false"
		v = s == "true"
		if s != "true" && s != "false" {
			err = ErrMalformed
		}
	case AttrTimestamp:
		want = "a time, written 2026-11-22T09:00:00Z"
		v, err = time.Parse(time.RFC3339Nano, s)
	case AttrDuration:
		want = "a duration, written 1h30m"
		v, err = time.ParseDuration(s)
	default:
		return nil, fail(ErrMalformed, "there is no type %s", string(typ))
	}
	if err != nil {
		return nil, fail(ErrMalformed, "%s", want)
	}
	return v, nil
}
