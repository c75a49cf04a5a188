package adapter

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// Eraser is implemented by stores that can put a pseudonym in the place of a
// person's id, in all that they keep of a tenant.
type Eraser interface {
	// Erase makes the erasure as one, and returns its entry as Apply does: of a
	// change that has lines the entry is logged, and an erasure whose change is in
	// the log is made already. Erasing who is nowhere is no error.
	Erase(ctx context.Context, e Erasure) (Entry, error)
}

// Erasure puts a pseudonym in the place of a user's id: in the lines of a tenant's policy, those
// about the permissions on the user ([model.PermissionOf]) among them, in
// those of its log and proposals, and in their actors and reasons, where
// the id stands as a word. Switches that name a rule by its [model.RuleID] name it by its
// new one. Nothing else changes: each line that was added or removed still is, at the same
// revision, so that the log leads to the policy as before. IDs of changes and
// proposals stay.
//
// Then the change is made, of the same tenant; it is refused as by Apply, and so is a subject or
// pseudonym that is no user's id. If a line does not fit with the pseudonym in it, all is refused.
type Erasure struct {
	Subject   string
	Pseudonym string
	Change    Change
	Rules     map[string]string // old rule ids and new ones; nil: the store finds them
}

// Normal returns the erasure as every store makes it.
func (e Erasure) Normal() (Erasure, error) {
	for _, id := range []string{e.Subject, e.Pseudonym} {
		if err := model.CheckSubject(id, model.User); err != nil {
			return Erasure{}, model.At("erasure", "subject", id, err)
		}
	}
	if e.Subject == e.Pseudonym {
		return Erasure{}, refuse("erasure", "pseudonym", e.Pseudonym, "is another id")
	}
	var err error
	if e.Change, err = e.Change.Normal(); err != nil {
		return Erasure{}, err
	}
	e.Change.Actor, e.Change.Reason = e.Actor(e.Change.Actor), e.Text(e.Change.Reason)
	e.Rules = maps.Clone(e.Rules)
	return e, nil
}

// Learn fills Rules with the rule ids of those lines that name the subject. It refuses a
// pseudonym that is named already: two people would be one.
func (e Erasure) Learn(lines []model.Line) error {
	back := Erasure{Subject: e.Pseudonym, Pseudonym: e.Subject}
	for _, l := range lines {
		if named, _ := back.Line(l); named != l {
			return refuse("erasure", "pseudonym", e.Pseudonym, "is named already")
		}
		renamed, err := e.Line(l)
		if err != nil {
			return err
		}
		if renamed != l && l.Section != model.Switches {
			e.Rules[l.RuleID()] = renamed.RuleID()
		}
	}
	return nil
}

// Line is a line with the pseudonym in it.
func (e Erasure) Line(l model.Line) (model.Line, error) {
	renamed := l
	v := &renamed.Values
	switch l.Section {
	case model.OrgEdges:
		v[0], v[1] = e.id(v[0]), e.id(v[1])
	case model.Switches:
		v[0] = e.target(e.id(v[0]))
		if is, ok := e.Rules[v[0]]; ok {
			v[0] = is
		}
		if terms := strings.Fields(v[5]); slices.Contains(terms, e.Subject) { // an id with a space in it is no exception
			for i := range terms {
				terms[i] = e.id(terms[i])
			}
			slices.Sort(terms)
			v[5] = strings.Join(terms, " ")
		}
	case model.Memberships:
		v[0] = e.id(v[0])
	default:
		v[0], v[2] = e.id(v[0]), e.target(v[2])
	}
	if renamed == l {
		return l, nil
	}
	return renamed, renamed.Check()
}

// Lines are lines with the pseudonym in them; changed tells whether that is anywhere.
func (e Erasure) Lines(lines []model.Line) (renamed []model.Line, changed bool, err error) {
	renamed = slices.Clone(lines)
	for i, l := range lines {
		if renamed[i], err = e.Line(l); err != nil {
			return nil, false, err
		}
		changed = changed || renamed[i] != l
	}
	return renamed, changed, nil
}

func (e Erasure) id(s string) string {
	if s == e.Subject {
		return e.Pseudonym
	}
	return s
}

// target is a target with the pseudonym in it, if it is the permission that names the user: as a
// superior, or as whom a switch is on.
func (e Erasure) target(s string) string {
	on, err := model.ParseTarget(s)
	if err != nil || on.Type != model.PermissionType {
		return s
	}
	switch on.ID {
	case e.Subject:
		on.ID = e.Pseudonym
	case model.EscapeID(e.Subject):
		on.ID = model.EscapeID(e.Pseudonym)
	}
	return on.String()
}

// Entry is an entry of the log with the pseudonym in it.
func (e Erasure) Entry(of Entry) (renamed Entry, changed bool, err error) {
	renamed = of
	renamed.Actor, renamed.Reason = e.Actor(of.Actor), e.Text(of.Reason)
	removed, added := false, false
	if renamed.Remove, removed, err = e.Lines(of.Remove); err != nil {
		return Entry{}, false, err
	}
	if renamed.Add, added, err = e.Lines(of.Add); err != nil {
		return Entry{}, false, err
	}
	return renamed, removed || added || renamed.Actor != of.Actor || renamed.Reason != of.Reason, nil
}

// Proposal is a proposal with the pseudonym in it, at the version after.
func (e Erasure) Proposal(of Proposal) (renamed Proposal, changed bool, err error) {
	renamed = of.clone()
	removed, added := false, false
	if renamed.Remove, removed, err = e.Lines(of.Remove); err != nil {
		return Proposal{}, false, err
	}
	if renamed.Add, added, err = e.Lines(of.Add); err != nil {
		return Proposal{}, false, err
	}
	changed = removed || added
	for i, s := range of.Steps {
		to := &renamed.Steps[i]
		to.Actor, to.Reason = e.Actor(s.Actor), e.Text(s.Reason)
		changed = changed || *to != s
	}
	if changed {
		renamed.Version++
	}
	return renamed, changed, nil
}

// Actor is Text for an actor, who may be another whose id goes on in any script.
func (e Erasure) Actor(s string) string {
	return e.replace(s, func(rune) bool { return false })
}

// Text is a text with the pseudonym in place of the subject where that stands as a word: not
// within another id, such as user:eve in user:eve-2 or superuser:eve. Letters of a script that sets no
// space behind what is written in others are no part of an id in those.
func (e Erasure) Text(s string) string { return e.replace(s, unspaced) }

func (e Erasure) replace(s string, apart func(rune) bool) string {
	var b strings.Builder
	for from := 0; ; {
		at := strings.Index(s[from:], e.Subject)
		if at < 0 {
			if b.Len() == 0 {
				return s
			}
			b.WriteString(s[from:])
			return b.String()
		}
		at += from
		end := at + len(e.Subject)
		word := !endsInID(s[:at], apart) && !e.goesOn(s[end:], apart)
		b.WriteString(s[from:at])
		if word {
			b.WriteString(e.Pseudonym)
		} else {
			b.WriteString(e.Subject)
		}
		from = end
	}
}

// endsInID tells whether a text ends with what may be a part of an id.
func endsInID(s string, apart func(rune) bool) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && (isWord(r) && !apart(r) || r == '-')
}

// goesOn tells whether a text goes on with a part of an id: not with the full stops of a sentence.
func (e Erasure) goesOn(s string, apart func(rune) bool) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, joins))
	last, _ := utf8.DecodeLastRuneInString(e.Subject)
	return isWord(r) && (apart(last) || !apart(r))
}

func isWord(r rune) bool { return r == '_' || unicode.In(r, unicode.L, unicode.N, unicode.M) }
func joins(r rune) bool  { return strings.ContainsRune("-.@%+:", r) }

// unspaced tells whether a letter is of a script that stands beside others without a space.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}
