package impact

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Where is the records of a type of which some class has. An empty Where is none.
type Where []Class

// Class is the records of which all that it says is true. The zero Class is every record.
type Class struct {
	// Whole: every record to which she may do it, whichever these are: of a loss, nothing is left of the
	// action and so of the fields with it; of a gain, there was nothing before. It is told so of changes that switch the whole tenant.
	Whole bool `json:"whole,omitempty"`
	// Owner is how the owners are related to the person: own (she or a team of hers),
	// team (who shares a team with her) or below (whose superior she is, or of whom she is one
	// through a record's team); joined with and, or, not. Empty: whoever owns it.
	Owner string `json:"owner,omitempty"`
	// Unit is how the unit is related to the person: unit (one of hers) or unit_tree (one of
	// hers, or below), or to a unit: in unit:apac. Empty: whatever the unit.
	Unit string `json:"unit,omitempty"`
	// IDs are the records; with Except, all others. Empty: whatever the id.
	IDs    []string `json:"ids,omitempty"`
	Except bool     `json:"except,omitempty"`
	// If is what conditions come to: "eu_only" (it holds), "not eu_only" (it is known not to),
	// "eu_only unknown", "eu_only known", "eu_only not true" or "eu_only not false".
	If []string `json:"if,omitempty"`
	// Parents is what is true of the records above.
	Parents []Parent `json:"parents,omitempty"`
}

// Parent is what is true of the parent of a record, or of some record above it.
type Parent struct {
	Type string `json:"type"`
	// Above: it need not be the parent itself, but may be one above of the same type.
	Above bool `json:"above,omitempty"`
	// Not: there is no such parent.
	Not   bool  `json:"not,omitempty"`
	Where Where `json:"where"`
}

// String says it for people: "own if eu_only; 42, 43". Of all records it is "all".
func (w Where) String() string {
	parts := make([]string, len(w))
	for i, c := range w {
		parts[i] = c.String()
	}
	return strings.Join(parts, "; ")
}

// Key is all of it in a text, the same for the same.
func (w Where) Key() string {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err) // there are but strings in it
	}
	return string(text)
}

func (c Class) String() string {
	if c.Whole {
		return "all that there is for them"
	}
	var parts []string
	for _, s := range []string{c.Owner, c.Unit} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(c.IDs) > 0 {
		ids := some(c.IDs)
		if c.Except {
			ids = "not " + ids
		}
		parts = append(parts, ids)
	}
	for _, p := range c.Parents {
		parts = append(parts, p.String())
	}
	s := strings.Join(parts, " and ")
	if s == "" {
		s = "all"
	}
	if len(c.If) > 0 {
		s += " if " + strings.Join(c.If, " and ")
	}
	return s
}

func (p Parent) String() string {
	s := "its " + p.Type
	switch {
	case p.Above && p.Not:
		s = "no " + p.Type + " above it"
	case p.Above:
		s = "some " + p.Type + " above it"
	case p.Not:
		s = "not its " + p.Type
	}
	return s + " (" + p.Where.String() + ")"
}

// some lists names, of many the first ones.
func some(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
}
