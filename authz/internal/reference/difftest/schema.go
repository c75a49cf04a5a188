package difftest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

const tenant = "acme"

// schemas is how many schemas there are. Policies share them: to compile the
// conditions of one takes longer than all questions about a policy.
const schemas = 256

type compiled struct {
	schema     *model.Schema
	conditions *condition.Set
}

var pool [schemas]struct {
	once sync.Once
	compiled
}

// schemaOf returns a schema of the pool, made when it is first asked for.
func schemaOf(n uint64) compiled {
	p := &pool[n%schemas]
	p.once.Do(func() {
		s := generateSchema(newDice(n%schemas, 1))
		c, err := compile(s.For(tenant))
		if err == nil {
			err = s.Check()
		}
		if err != nil {
			panic(fmt.Sprintf("schema %d: %v", n%schemas, err)) // a mistake in this package
		}
		p.compiled = c
	})
	return p.compiled
}

func compile(s *model.Schema) (compiled, error) {
	set, err := condition.Compile(s)
	return compiled{s, set}, err
}

// division is an error for 0, and has no form as a filter.
const division = `100 / record.amount > 9`

// expressions are the conditions, together of every kind that there is. Each
// schema has some of them.
var expressions = []string{
	`record.region == "EU"`,
	`record.region != user.region`,
	`record.amount > 10`,
	division,
	`record.vip`,
	`!record.vip || record.region == "US"`,
	`has(record.region)`,
	`record.parent.region == "EU"`,
	`record.unit == "unit:b"`,
	`user.grade >= 2`,
	`user.grade >= 2 && env.office`,
	`env.office || record.vip`,
	`action == "read"`,
	`action in ["read", "export", "share"]`,
	`user.id in record.owners`,
	`member("role:b")`,
	`!member("team:x")`,
	`member("unit:a") || record.vip`,
	`ownerIn("team:x")`,
	`ownerIn("role:a")`,
	`!ownerIn("unit:b")`,
	`teamRole("support")`,
	`!teamRole("lead") && record.vip`,
	`holds("account", "update")`,
	`!holds("contact", "read")`,
	`own()`,
	`!own()`,
	`own() || record.region == "EU"`,
	`record.vip ? own() : record.amount > 5`,
	`record.since < now`,
	`now - record.since > duration("24h")`,
	`record.score >= 0.5`,
	`record.score > 5.0`,
	`record.amount > user.grade`,
	`record.region < "T"`,
	`record.region in ["EU", "ß", ""]`,
	`record.region.startsWith("E") || record.region.contains("S")`,
	`"hot" in record.tags`,
	`!("hot" in record.tags) && has(record.since)`,
	`record.owners.exists(o, member(o))`,
	`record.parent.parent.vip`,
	`has(record.parent.region) ? record.parent.score < 5.0 : record.vip`,
}

func generateSchema(d dice) *model.Schema {
	s := &model.Schema{
		Types: map[string]model.Type{
			"account": generateType(d, "", "account"),
			"contact": generateType(d, "account", "account", "account", ""),
			"task":    generateType(d, "contact", "account", "task", ""),
		},
		Conditions: map[string]string{},
		User:       map[string]model.AttrType{"region": model.AttrString, "grade": model.AttrInt},
		Env:        map[string]model.AttrType{"office": model.AttrBool},
	}
	for _, i := range d.Perm(len(expressions))[:8] {
		name := fmt.Sprintf("c%d", i)
		s.Conditions[name] = expressions[i]
		if expressions[i] == division {
			s.CheckOnly = append(s.CheckOnly, name)
		}
	}
	// What conditions name exists in every schema.
	s.Types["account"].Actions["update"] = model.Action{Need: model.LevelWrite}
	if d.chance(50) {
		asset := generateType(d, "account")
		s.Tenants = map[string]model.Extension{tenant: {
			Types:      map[string]model.Type{"asset": asset},
			Fields:     map[string]map[string]model.Field{"account": {"fax": generateField(d)}},
			Attributes: map[string]map[string]model.AttrType{"task": {"rank": model.AttrInt}},
		}}
		delete(asset.Attributes, "region") // unknown to conditions
	}
	if d.chance(30) {
		s.Administration = &model.Administration{}
	}
	if d.chance(50) {
		generateConstraints(d, s)
	}
	return s
}

// generateConstraints adds one that is static, one that is dynamic, or both.
func generateConstraints(d dice, s *model.Schema) {
	if d.chance(60) {
		s.Constraints = append(s.Constraints, model.Constraint{Name: "static", Exclusive: pick(d, roles[:2], []string{roles[0], teams[0]}, []string{teams[1], units[1], roles[2]})})
	}
	if len(s.Constraints) > 0 && d.chance(50) {
		return
	}
	typ := pick(d, names(s.Complete().Types)...)
	s.Constraints = append(s.Constraints, model.Constraint{Name: "dynamic", On: typ,
		Forbid: []string{pick(d, append(names(s.Complete().Types[typ].Actions), model.Any)...)},
		If:     pick(d, append(names(s.Conditions), model.OwnRecords, model.OwnRecords, model.OwnRecords)...)})
}

// generateType makes a type whose parent is one of those given.
func generateType(d dice, parents ...string) model.Type {
	t := model.Type{
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}},
		Fields:  map[string]model.Field{"name": generateField(d), "phone": generateField(d)},
		Attributes: map[string]model.AttrType{"vip": model.AttrBool, "amount": model.AttrInt, "region": model.AttrString,
			"score": model.AttrDouble, "since": model.AttrTimestamp, "tags": model.AttrStrings},
	}
	for _, a := range []struct {
		name string
		model.Action
	}{
		{"export", model.Action{Need: model.LevelRead, Writes: d.chance(50)}},
		{"update", model.Action{Need: model.LevelWrite}},
		{"delete", model.Action{Need: model.LevelDelete}},
		{"share", model.Action{Need: model.LevelFull}},
	} {
		if d.chance(65) {
			t.Actions[a.name] = a.Action
		}
	}
	if t.Parent.Type = pick(d, parents...); t.Parent.Type != "" {
		if t.Parent.Controlled = d.chance(30); !t.Parent.Controlled {
			t.Parent.Cap = pick(d, model.LevelNone, model.LevelRead, model.LevelWrite, model.LevelDelete, model.LevelFull, model.LevelFull)
		}
	}
	t.Hierarchy = generateHierarchy(d)
	return t
}

func generateField(d dice) model.Field {
	return model.Field{Default: pick(d, model.FieldHidden, model.FieldHidden, model.FieldMasked, model.FieldRead, model.FieldWrite)}
}

func generateHierarchy(d dice) model.Hierarchy {
	h := model.Hierarchy{By: pick(d, model.HierarchyOff, model.ByLine, model.ByLine, model.ByUnits, model.ByUnits)}
	if h.By == model.HierarchyOff {
		return h
	}
	h.Level = pick(d, model.LevelRead, model.LevelWrite, model.LevelDelete, model.LevelFull)
	h.Holders = d.chance(50)
	if d.chance(50) {
		h.Depth = d.between(1, 2)
		h.Beyond = pick(d, model.LevelNone, model.LevelRead, model.LevelWrite, model.LevelFull)
	}
	return h
}

// names are the keys of a map in their order, so that a seed gives one case only.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
