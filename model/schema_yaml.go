package model

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// ParseSchema reads a schema from YAML and checks it.
//
//	types:
//	  customer:
//	    actions: {read: read, update: write, log_call: {need: read, writes: true}}
//	    fields: {name: open, salary: closed, phone: {default: masked, mask: last4}}
//	    attributes: {region: string}
//	    parent: {type: account, cap: read}
//	    hierarchy: {by: line, level: same, depth: 3, beyond: read, holders: true}
//	conditions: {eu_only: record.region == "EU"}
//	check_only: [eu_only]
//	user: {region: string}
//	env: {ip: string}
//	constraints:
//	  - {name: maker_checker, exclusive: [role:maker, role:checker]}
//	  - {name: four_eyes, forbid: [approve], on: deal, if: own}
//	administration: {sensitive: of_admins}
//	tenants:
//	  acme: {types: …, fields: {customer: {vip: open}}, attributes: {customer: {tier: string}}}
//
// An action is the level that it needs, or {need, writes}. A field is open (the
// level write), closed (hidden) or another level, or {default, mask, queryable,
// once}. In a hierarchy, same is another word for full.
//
// Errors are a [SourceError] with the line, or, from [Schema.Check], a
// [ValueError]. Refused are unknown words, words that stand twice, several
// documents, aliases, tags, and more than MaxYAML bytes.
func ParseSchema(data []byte) (*Schema, error) {
	y := YAMLReader{In: "schema"}
	n := y.Parse(data)
	if y.err != nil {
		return nil, y.err
	}
	return SchemaOf(n)
}

// SchemaOf is ParseSchema for a schema that stands inside another document.
func SchemaOf(n *yaml.Node) (*Schema, error) {
	y := schemaReader{YAMLReader{In: "schema"}}
	s := y.schema(n)
	if y.err != nil {
		return nil, y.err
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	return s, nil
}

// YAML writes the schema as ParseSchema reads it, in the short forms and in the
// order of the names. It refuses a schema that Check refuses.
func (s *Schema) YAML() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return writeYAML("schema", mappingNode(
		pair{"types", tableNode(s.ownTypes(), typeNode)},
		pair{"conditions", tableNode(s.Conditions, textNode)},
		pair{"check_only", namesNode(s.CheckOnly)},
		pair{"user", attributesNode(s.User)},
		pair{"env", attributesNode(s.Env)},
		pair{"constraints", constraintsNode(s.Constraints)},
		pair{"administration", administrationNode(s.Administration)},
		pair{"tenants", tableNode(s.Tenants, extensionNode)},
	))
}

type schemaReader struct{ YAMLReader }

func (y *schemaReader) schema(n *yaml.Node) *Schema {
	s := &Schema{}
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "types":
			s.Types = table(&y.YAMLReader, v, y.typ)
		case "conditions":
			s.Conditions = table(&y.YAMLReader, v, y.Text)
		case "check_only":
			s.CheckOnly = y.names(v)
		case "user":
			s.User = y.attributes(v)
		case "env":
			s.Env = y.attributes(v)
		case "constraints":
			for item := range y.Items(v) {
				s.Constraints = append(s.Constraints, y.constraint(item))
			}
		case "administration":
			s.Administration = y.administration(v)
		case "tenants":
			s.Tenants = table(&y.YAMLReader, v, y.extension)
		default:
			y.Unknown(word, "types", "conditions", "check_only", "user", "env", "constraints", "administration", "tenants")
		}
	}
	return s
}

func (y *schemaReader) extension(n *yaml.Node) (x Extension) {
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "types":
			x.Types = table(&y.YAMLReader, v, y.typ)
		case "fields":
			x.Fields = table(&y.YAMLReader, v, y.fields)
		case "attributes":
			x.Attributes = table(&y.YAMLReader, v, y.attributes)
		default:
			y.Unknown(word, "types", "fields", "attributes")
		}
	}
	return x
}

func (y *schemaReader) typ(n *yaml.Node) (t Type) {
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "actions":
			t.Actions = table(&y.YAMLReader, v, y.action)
		case "fields":
			t.Fields = y.fields(v)
		case "attributes":
			t.Attributes = y.attributes(v)
		case "parent":
			t.Parent = y.parent(v)
		case "hierarchy":
			t.Hierarchy = y.hierarchy(v)
		default:
			y.Unknown(word, "actions", "fields", "attributes", "parent", "hierarchy")
		}
	}
	return t
}

func (y *schemaReader) action(n *yaml.Node) (a Action) {
	if n.Kind == yaml.ScalarNode {
		a.Need = scan(&y.YAMLReader, n, ParseLevel)
		return a
	}
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "need":
			a.Need = scan(&y.YAMLReader, v, ParseLevel)
		case "writes":
			a.Writes = y.flag(v)
		default:
			y.Unknown(word, "need", "writes")
		}
	}
	return a
}

func (y *schemaReader) fields(n *yaml.Node) map[string]Field {
	return table(&y.YAMLReader, n, y.field)
}

func (y *schemaReader) field(n *yaml.Node) (f Field) {
	if n.Kind == yaml.ScalarNode {
		f.Default = scan(&y.YAMLReader, n, parseDefault)
		return f
	}
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "default":
			f.Default = scan(&y.YAMLReader, v, parseDefault)
		case "mask":
			f.Mask = y.Text(v)
		case "queryable":
			f.Queryable = y.flag(v)
		case "once":
			f.Once = y.flag(v)
		default:
			y.Unknown(word, "default", "mask", "queryable", "once")
		}
	}
	return f
}

func (y *schemaReader) attributes(n *yaml.Node) map[string]AttrType {
	return table(&y.YAMLReader, n, func(v *yaml.Node) AttrType { return AttrType(y.Text(v)) })
}

func (y *schemaReader) names(n *yaml.Node) (names []string) {
	for item := range y.Items(n) {
		names = append(names, y.Text(item))
	}
	return names
}

func (y *schemaReader) parent(n *yaml.Node) (p Parent) {
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "type":
			p.Type = y.Text(v)
		case "cap":
			p.Cap = scan(&y.YAMLReader, v, ParseLevel)
		case "controlled":
			p.Controlled = y.flag(v)
		default:
			y.Unknown(word, "type", "cap", "controlled")
		}
	}
	return p
}

func (y *schemaReader) hierarchy(n *yaml.Node) (h Hierarchy) {
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "by":
			h.By = scan(&y.YAMLReader, v, parseWordOf[HierarchyKind](hierarchyNames))
		case "level":
			h.Level = scan(&y.YAMLReader, v, parseSuperiorLevel)
		case "depth":
			h.Depth = y.number(v)
		case "beyond":
			h.Beyond = scan(&y.YAMLReader, v, parseSuperiorLevel)
		case "holders":
			h.Holders = y.flag(v)
		default:
			y.Unknown(word, "by", "level", "depth", "beyond", "holders")
		}
	}
	return h
}

// parseDefault reads the level of a field, or open or closed.
func parseDefault(s string) (FieldLevel, error) {
	switch s {
	case "open":
		return FieldWrite, nil
	case "closed":
		return FieldHidden, nil
	}
	l, err := ParseFieldLevel(s)
	if err != nil {
		err = fail(ErrMalformed, "one of open closed hidden masked read write")
	}
	return l, err
}

func parseSuperiorLevel(s string) (Level, error) {
	if s == "same" {
		return LevelFull, nil
	}
	return ParseLevel(s)
}

func parseWordOf[T ~uint8](names []string) func(string) (T, error) {
	return func(s string) (T, error) { return parseWord[T](names, s) }
}

func typeNode(t Type) *yaml.Node {
	return mappingNode(
		pair{"actions", inline(tableNode(t.Actions, actionNode))},
		pair{"fields", inline(tableNode(t.Fields, fieldNode))},
		pair{"attributes", attributesNode(t.Attributes)},
		pair{"parent", parentNode(t.Parent)},
		pair{"hierarchy", hierarchyNode(t.Hierarchy)},
	)
}

func extensionNode(x Extension) *yaml.Node {
	fields := func(f map[string]Field) *yaml.Node { return emptyNode(inline(tableNode(f, fieldNode))) }
	attributes := func(a map[string]AttrType) *yaml.Node { return emptyNode(attributesNode(a)) }
	return mappingNode(
		pair{"types", tableNode(x.Types, typeNode)},
		pair{"fields", tableNode(x.Fields, fields)},
		pair{"attributes", tableNode(x.Attributes, attributes)},
	)
}

// emptyNode is {} for a table that must not be left out.
func emptyNode(n *yaml.Node) *yaml.Node {
	if n == nil {
		return inline(mappingNode())
	}
	return n
}

func actionNode(a Action) *yaml.Node {
	need := textNode(a.Need.String())
	if !a.Writes {
		return need
	}
	return inline(mappingNode(pair{"need", need}, pair{"writes", flagNode(true)}))
}

func fieldNode(f Field) *yaml.Node {
	word := f.Default.String()
	switch f.Default {
	case FieldWrite:
		word = "open"
	case FieldHidden:
		word = "closed"
	}
	if f == (Field{Default: f.Default}) {
		return textNode(word)
	}
	var mask *yaml.Node
	if f.Mask != "" {
		mask = textNode(f.Mask)
	}
	return inline(mappingNode(pair{"default", textNode(word)}, pair{"mask", mask},
		pair{"queryable", flagNode(f.Queryable)}, pair{"once", flagNode(f.Once)}))
}

func attributesNode(attrs map[string]AttrType) *yaml.Node {
	return inline(tableNode(attrs, func(t AttrType) *yaml.Node { return textNode(string(t)) }))
}

func namesNode(names []string) *yaml.Node {
	if len(names) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, name := range names {
		n.Content = append(n.Content, textNode(name))
	}
	return inline(n)
}

func parentNode(p Parent) *yaml.Node {
	if p == (Parent{}) {
		return nil
	}
	return inline(mappingNode(
		pair{"type", textNode(p.Type)}, pair{"cap", levelNode(p.Cap)}, pair{"controlled", flagNode(p.Controlled)}))
}

func hierarchyNode(h Hierarchy) *yaml.Node {
	if h == (Hierarchy{}) {
		return nil
	}
	var depth *yaml.Node
	if h.Depth != 0 {
		depth = plainNode(strconv.Itoa(h.Depth))
	}
	return inline(mappingNode(
		pair{"by", textNode(h.By.String())}, pair{"level", levelNode(h.Level)}, pair{"depth", depth},
		pair{"beyond", levelNode(h.Beyond)}, pair{"holders", flagNode(h.Holders)}))
}

func levelNode(l Level) *yaml.Node {
	if l == LevelNone {
		return nil
	}
	return textNode(l.String())
}

func flagNode(b bool) *yaml.Node {
	if !b {
		return nil
	}
	return plainNode("true")
}
