package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// Statement is something that is to be true of a policy. Its language is small:
//
//	no one [in WHO | outside WHO] [ever] WHAT [where RECORDS] [unless RECORDS]
//	everyone [in WHO | outside WHO] [always] WHAT [where RECORDS] [unless RECORDS]
//	GROUP and GROUP [and GROUP …] never overlap
//
//	WHAT     may ACTIONS TARGET        an action, several (read or update), or * for any
//	         sees TARGET#FIELD         reads the field's value by some action; * is any field
//	         edits TARGET#FIELD        changes it by some action
//	TARGET   customer, customer/42, or * for every type
//	WHO      role:finance, or several: role:finance or user:eve
//	RECORDS  one or several of, joined by or: own, team, unit, unit_tree as in rules, and
//	         if:NAME for a condition that holds; with not, what is not so, and a condition
//	         that is known not to hold
//
// A word that has blanks in it stands in double quotes: "role:Sales East". Without where all
// records are meant, and those under unless are left out. A statement is about the instant asked about; one
// with ever, or always, about that and all later ones, as far as there are facts now. Groups never
// overlap if nobody is in all of them, at any such instant.
//
// The zero Statement is none.
type Statement struct {
	kind    statementKind
	in      bool     // the people are those in who; otherwise those outside
	who     []string // empty: all
	ever    bool
	actions []string         // nil: any
	target  model.Target     // with a field for sees and edits
	level   model.FieldLevel // read for sees, write for edits
	where   []recordWord
	unless  []recordWord
	groups  []string
}

type statementKind uint8

const (
	noStatement statementKind = iota
	noOne
	everyone
	neverOverlap
)

// recordWord is own, team, unit, unit_tree, or a condition.
type recordWord struct {
	not       bool
	scope     model.Scope
	condition string // empty: the scope
}

// maxStatement is how many bytes a statement has at most.
const maxStatement = 10_000

// ParseStatement reads a statement. The error is a *model.ValueError that names the word
// that was not expected, by its number, and says what was.
func ParseStatement(text string) (Statement, error) {
	if len(text) > maxStatement {
		return Statement{}, &model.ValueError{In: "statement", Column: "text", Value: text, Err: model.ErrTooLong, Hint: fmt.Sprintf("at most %d bytes", maxStatement)}
	}
	all, err := words(text)
	if err != nil {
		return Statement{}, err
	}
	p := statementParser{words: all}
	s := p.statement()
	if p.err == nil && len(p.words) > p.next {
		p.fail("the statement is complete before it")
	}
	if p.err != nil {
		return Statement{}, p.err
	}
	return s, nil
}

// words takes a statement apart at blanks, but for those in double quotes.
func words(text string) (all []string, err error) {
	for rest := strings.TrimLeft(text, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			word, behind, closed := strings.Cut(quoted, `"`)
			if !closed {
				return nil, &model.ValueError{In: "statement", Column: "word " + strconv.Itoa(len(all)+1), Value: rest, Err: model.ErrMalformed, Hint: "the quotes are not closed"}
			}
			all, rest = append(all, word), behind
			continue
		}
		end := strings.IndexAny(rest, " \t\r\n\"")
		if end < 0 {
			end = len(rest)
		}
		all, rest = append(all, rest[:end]), rest[end:]
	}
	return all, nil
}

type statementParser struct {
	words []string
	next  int
	err   error
}

// fail notes the first error, at the next word.
func (p *statementParser) fail(hint string) {
	if p.err != nil {
		return
	}
	word := "" // the end
	if p.next < len(p.words) {
		word = p.words[p.next]
	}
	p.err = &model.ValueError{In: "statement", Column: "word " + strconv.Itoa(p.next+1), Value: word, Err: model.ErrMalformed, Hint: hint}
}

// accept takes words if they come next.
func (p *statementParser) accept(words ...string) bool {
	if p.err != nil || len(p.words)-p.next < len(words) || !slices.Equal(p.words[p.next:p.next+len(words)], words) {
		return false
	}
	p.next += len(words)
	return true
}

// take takes the next word, if it is well formed.
func (p *statementParser) take(what string, check func(string) error) string {
	switch {
	case p.err != nil:
		return ""
	case p.next == len(p.words):
		p.fail("here comes " + what)
		return ""
	}
	word := p.words[p.next]
	if err := check(word); err != nil {
		p.fail("here comes " + what + ": " + err.Error())
		return ""
	}
	p.next++
	return word
}

func (p *statementParser) statement() (s Statement) {
	switch {
	case p.accept("no", "one"):
		s.kind = noOne
	case p.accept("everyone"):
		s.kind = everyone
	default:
		return p.overlap()
	}
	if s.in = p.accept("in"); s.in || p.accept("outside") {
		s.who = p.several("a role, team, unit or user", isSubject)
	}
	s.ever = s.kind == noOne && p.accept("ever") || s.kind == everyone && p.accept("always")
	p.what(&s)
	if p.accept("where") {
		s.where = p.records()
	}
	if p.accept("unless") {
		s.unless = p.records()
	}
	return s
}

func isSubject(s string) error { return model.CheckSubject(s) }

// several takes one word or several, joined by or.
func (p *statementParser) several(what string, check func(string) error) []string {
	all := []string{p.take(what, check)}
	for p.accept("or") {
		all = append(all, p.take(what, check))
	}
	return all
}

func (p *statementParser) what(s *Statement) {
	switch {
	case p.accept("may"):
		if !p.accept(model.Any) {
			s.actions = p.several("an action, or *", model.CheckName)
		}
	case p.accept("sees"):
		s.level = model.FieldRead
	case p.accept("edits"):
		s.level = model.FieldWrite
	default:
		p.fail("here comes may, sees or edits")
	}
	s.target = p.target(s.level != model.FieldHidden)
}

// target takes a target, with a field or without one.
func (p *statementParser) target(field bool) (t model.Target) {
	what := "a type, a record (customer/42) or *"
	if field {
		what = "a field (customer#phone, customer/42#phone or customer#*)"
	}
	p.take(what, func(word string) (err error) {
		if t, err = model.ParseTarget(word); err == nil && (t.Field != "") != field || t.Unit != "" {
			err = model.ErrMalformed
		}
		return err
	})
	return t
}

// records takes what tells records.
func (p *statementParser) records() (all []recordWord) {
	for {
		w := recordWord{not: p.accept("not")}
		p.take("own, team, unit, unit_tree or if: with the name of a condition", func(word string) (err error) {
			if name, ok := strings.CutPrefix(word, attrPrefix); ok {
				w.condition = name
				return model.CheckName(name)
			}
			if w.scope, err = model.ParseScope(word); err == nil && w.scope == model.ScopeAll {
				err = model.ErrMalformed
			}
			return err
		})
		all = append(all, w)
		if !p.accept("or") {
			return all
		}
	}
}

func (p *statementParser) overlap() Statement {
	if p.next == len(p.words) || model.CheckSubject(p.words[p.next], model.Role, model.Team, model.Unit) != nil {
		p.fail("a statement begins with no one, everyone, or a role, team or unit")
		return Statement{}
	}
	isGroup := func(s string) error { return model.CheckSubject(s, model.Role, model.Team, model.Unit) }
	s := Statement{kind: neverOverlap, ever: true, groups: []string{p.take("a group", isGroup)}}
	for p.accept("and") {
		s.groups = append(s.groups, p.take("a role, team or unit", isGroup))
	}
	switch {
	case p.err != nil:
	case len(s.groups) < 2:
		p.fail("here comes and, and another role, team or unit")
	case !p.accept("never", "overlap"):
		p.fail("here comes and, or never overlap")
	}
	return s
}

// String is the statement in words that ParseStatement reads.
func (s Statement) String() string {
	var b []string
	switch s.kind {
	case neverOverlap:
		return joined(s.groups, " and ") + " never overlap"
	case noOne:
		b = append(b, "no one")
	case everyone:
		b = append(b, "everyone")
	default:
		return ""
	}
	if len(s.who) > 0 {
		b = append(b, map[bool]string{true: "in", false: "outside"}[s.in], joined(s.who, " or "))
	}
	if s.ever {
		b = append(b, map[statementKind]string{noOne: "ever", everyone: "always"}[s.kind])
	}
	switch s.level {
	case model.FieldRead:
		b = append(b, "sees")
	case model.FieldWrite:
		b = append(b, "edits")
	default:
		actions := joined(s.actions, " or ")
		if s.actions == nil {
			actions = model.Any
		}
		b = append(b, "may", actions)
	}
	b = append(b, quotedWord(s.target.String()))
	for _, part := range []struct {
		word string
		of   []recordWord
	}{{"where", s.where}, {"unless", s.unless}} {
		if len(part.of) > 0 {
			texts := make([]string, len(part.of))
			for i, w := range part.of {
				texts[i] = w.String()
			}
			b = append(b, part.word, strings.Join(texts, " or "))
		}
	}
	return strings.Join(b, " ")
}

func (w recordWord) String() string {
	s := w.scope.String()
	if w.condition != "" {
		s = quotedWord(attrPrefix + w.condition)
	}
	if w.not {
		return "not " + s
	}
	return s
}

func joined(words []string, by string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quotedWord(w)
	}
	return strings.Join(quoted, by)
}

// quotedWord is a word as it stands in a statement. No word has a quote in it.
func quotedWord(s string) string {
	if strings.Contains(s, " ") {
		return `"` + s + `"`
	}
	return s
}

// check tells whether a statement speaks of what the schema knows.
func (s Statement) check(schema *model.Schema) error {
	if s.kind == noStatement {
		return model.At("statement", "text", "", model.ErrMalformed)
	}
	for _, w := range slices.Concat(s.where, s.unless) {
		if _, ok := schema.Conditions[w.condition]; !ok && w.condition != "" {
			return model.At("statement", "condition", w.condition, model.ErrUnknownCondition)
		}
	}
	if s.kind == neverOverlap {
		return nil
	}
	types := []string{s.target.Type}
	if s.target.Type == model.Any {
		types = sortedKeys(schema.Types)
	} else if _, ok := schema.Types[s.target.Type]; !ok {
		return model.At("statement", "type", s.target.Type, model.ErrUnknownType)
	}
	for _, a := range s.actions {
		if !slices.ContainsFunc(types, func(t string) bool { _, ok := schema.Types[t].Actions[a]; return ok }) {
			return model.At("statement", "action", a, model.ErrUnknownAction)
		}
	}
	if f := s.target.Field; f != "" && f != model.Any {
		if _, ok := schema.Types[s.target.Type].Fields[f]; !ok {
			return model.At("statement", "field", f, model.ErrUnknownField)
		}
	}
	return nil
}
