package model

import (
	"maps"

	"go.yaml.in/yaml/v3"
)

func (y *schemaReader) constraint(n *yaml.Node) (c Constraint) {
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "name":
			c.Name = y.Text(v)
		case "exclusive":
			c.Exclusive = y.names(v)
		case "forbid":
			c.Forbid = y.names(v)
		case "on":
			c.On = y.Text(v)
		case "if":
			c.If = y.Text(v)
		default:
			y.Unknown(word, "name", "exclusive", "forbid", "on", "if")
		}
	}
	return c
}

func (y *schemaReader) administration(n *yaml.Node) *Administration {
	a := &Administration{}
	for word, v := range y.Entries(n) {
		switch word.Value {
		case "sensitive":
			a.Sensitive = y.Text(v)
		default:
			y.Unknown(word, "sensitive")
		}
	}
	return a
}

// ownTypes are the types without the one that is built in.
func (s *Schema) ownTypes() map[string]Type {
	if s.Administration == nil {
		return s.Types
	}
	own := maps.Clone(s.Types)
	delete(own, PermissionType)
	return own
}

func constraintsNode(all []Constraint) *yaml.Node {
	if len(all) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, c := range all {
		pairs := []pair{{"name", textNode(c.Name)}, {"exclusive", namesNode(c.Exclusive)}, {"forbid", namesNode(c.Forbid)}}
		if len(c.Forbid) > 0 {
			pairs = append(pairs, pair{"on", textNode(c.On)}, pair{"if", textNode(c.If)})
		}
		n.Content = append(n.Content, inline(mappingNode(pairs...)))
	}
	return n
}

func administrationNode(a *Administration) *yaml.Node {
	switch {
	case a == nil:
		return nil
	case a.Sensitive == "":
		return emptyNode(nil)
	}
	return inline(mappingNode(pair{"sensitive", textNode(a.Sensitive)}))
}
