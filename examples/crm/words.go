package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// teller says facts and decisions in sentences, to a reader who may be spoken of as you.
type teller struct {
	tenant string
	you    string            // the subject that is told "you"
	called map[string]string // what records are called, by "customer/17"
}

// conditionWords are the conditions of the schema, as the end of a sentence.
var conditionWords = map[string]string{
	"own": "if it is their own", "at_creation": "while it is being made", "revealing": "when revealing it", "closed_deal": "once it is won or lost",
}

var scopeWords = map[model.Scope]string{
	model.ScopeLevel: ", as far as each one reaches", model.ScopeOwn: " of their own", model.ScopeTeam: " of their teams",
	model.ScopeUnit: " of their unit", model.ScopeUnitTree: " of their unit and those below", model.ScopeAll: ", all of them",
}

var levelWords = map[model.Level]string{
	model.LevelNone: "nothing", model.LevelRead: "read", model.LevelWrite: "change", model.LevelDelete: "delete", model.LevelFull: "do everything with",
}

// reaching is what somebody who reaches a field to a level may do with it.
func reaching(l model.FieldLevel, field string) string {
	switch l {
	case model.FieldMasked:
		return "see " + field + " masked"
	case model.FieldRead:
		return "see " + field
	case model.FieldWrite:
		return "change " + field
	}
	return "not see " + field
}

func (t teller) subject(s string) string {
	name := nameOf(t.tenant, s)
	switch model.KindOf(s) {
	case model.Role:
		return "the role " + name
	case model.Team:
		return "the team " + name
	case model.Unit:
		return "the unit " + name
	}
	if s == t.you {
		return "you"
	}
	return name
}

// is is the subject with a verb that suits it.
func (t teller) is(s, they, it string) string {
	if s == t.you {
		return "you " + they
	}
	return t.subject(s) + " " + it
}

// target is what a rule is on.
func (t teller) target(on model.Target) string {
	if on.ID != "" {
		if name := t.called[on.Type+"/"+on.ID]; name != "" {
			return name
		}
		return on.Type + " " + on.ID
	}
	s := "everything"
	if k := kindOf(on.Type); k != nil {
		s = strings.ToLower(k.Plural)
	} else if on.Type != model.Any {
		s = "the " + on.Type
	}
	if on.Unit != "" {
		s += " of " + t.subject(on.Unit)
	}
	return s
}

func (t teller) fieldOf(on model.Target) string {
	name := "every field"
	if on.Field != model.Any {
		name = "the " + fieldLabel(on.Type, on.Field)
	}
	on.Field = ""
	return name + " of " + t.target(on)
}

func fieldLabel(typ, name string) string {
	if k := kindOf(typ); k != nil {
		if f, ok := k.field(name); ok {
			return lowered(f.Label)
		}
	}
	return name
}

// fact is what a fact says, as a sentence.
func (t teller) fact(f model.Fact) string {
	return sentence(t.clause(f))
}

func (t teller) clause(f model.Fact) string {
	switch f := f.(type) {
	case model.CustomerRule:
		if f.Effect == model.Deny {
			return t.subject(f.Subject) + " may never " + action(f.Action) + " " + t.target(f.On) + conditionOf(f.If) + period(f.Valid)
		}
		scope := scopeWords[f.Scope]
		if f.On.ID != "" {
			scope = ""
		}
		return t.subject(f.Subject) + " may " + action(f.Action) + " " + t.target(f.On) + scope + conditionOf(f.If) + period(f.Valid)
	case model.TeamRule:
		as := ""
		if f.As != "" {
			as = ", as " + f.As
		}
		return t.is(f.Subject, "reach", "reaches") + " " + t.target(f.On) + " to " + levelWords[f.Level] + " " + it(f.On) + as + conditionOf(f.If) + period(f.Valid)
	case model.FieldRule:
		if f.Effect == model.Deny {
			return t.subject(f.Subject) + " may at most " + reaching(f.Level-1, t.fieldOf(f.On)) + conditionOf(f.If) + period(f.Valid)
		}
		return t.subject(f.Subject) + " may " + reaching(f.Level, t.fieldOf(f.On)) + conditionOf(f.If) + period(f.Valid)
	case model.Membership:
		return t.is(f.Member, "are", "is") + " in " + t.subject(f.Group) + period(f.Valid)
	case model.OrgEdge:
		if model.KindOf(f.Below) == model.Unit {
			return t.subject(f.Below) + " is below " + t.subject(f.Above)
		}
		return t.is(f.Below, "report", "reports") + " to " + t.subject(f.Above)
	case model.Switch:
		is := " is "
		if kindOf(f.Target) != nil { // of many
			is = " are "
		}
		return t.switched(f.Target) + is + modeWords[f.Mode] + period(f.Valid)
	}
	return f.String()
}

// it stands for what a rule is on.
func it(on model.Target) string {
	if on.ID != "" {
		return "it"
	}
	return "them"
}

var modeWords = map[model.Mode]string{
	model.ModeOff: "switched off", model.ModeLocked: "locked down", model.ModeReadOnly: "only to be read", model.ModeOpen: "open for maintenance",
}

// switched is what a switch is about.
func (t teller) switched(target string) string {
	switch {
	case target == model.Any:
		return companies[t.tenant]
	case model.IsRuleID(target):
		return "a rule"
	case model.KindOf(target) != model.UnknownKind:
		return t.subject(target)
	}
	on, err := model.ParseTarget(target)
	switch {
	case err != nil:
		return target
	case on.Field != "":
		return t.fieldOf(on)
	}
	return t.target(on)
}

func action(a string) string {
	if a == model.Any {
		return "do everything with"
	}
	return a
}

func conditionOf(name string) string {
	if name == "" {
		return ""
	}
	if words, ok := conditionWords[name]; ok {
		return ", " + words
	}
	return ", if " + name
}

func period(p model.Period) (s string) {
	if !p.From.IsZero() {
		s += ", from " + moment(p.From)
	}
	if !p.Until.IsZero() {
		s += ", until " + moment(p.Until)
	}
	return s
}

// moment is a time for people, without the hour at midnight.
func moment(t time.Time) string {
	t = t.UTC()
	if t.Equal(midnight(t)) {
		return t.Format("2 January 2006")
	}
	return t.Format("2 January 2006, 15:04 UTC")
}

func sentence(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:] + "."
}

func lowered(label string) string {
	if strings.HasPrefix(label, "VAT") {
		return label
	}
	return strings.ToLower(label)
}

// way is how a user comes to a rule's subject, through the groups between.
func (t teller) way(path []string) string {
	switch len(path) {
	case 0, 1:
		return ""
	case 2:
		if path[1] == model.Everyone {
			return "It holds for everyone."
		}
		return sentence(t.is(path[0], "are", "is") + " in " + t.subject(path[1]))
	}
	var through []string
	for _, g := range path[1 : len(path)-1] {
		through = append(through, t.subject(g))
	}
	return sentence(t.is(path[0], "are", "is") + " in " + t.subject(path[len(path)-1]) + ", through " + strings.Join(through, " and "))
}

// step is one way in which a user reaches a record.
func (t teller) step(who, typ string, s model.Step) string {
	switch s.How {
	case "owner":
		if len(s.Path) > 1 {
			return sentence(t.subject(s.Path[len(s.Path)-1]) + " owns the " + typ + ", and " + t.is(who, "are", "is") + " in it")
		}
		return sentence(t.is(who, "own", "owns") + " the " + typ)
	case "team rule":
		return t.fact(s.Rule)
	case "parent":
		return "It comes from the customer that it belongs to:"
	case "hierarchy":
		below := t.subject(s.Path[len(s.Path)-1])
		if s.Rule != nil {
			return sentence(below + ", who works for " + t.subject(who) + ", is on its team")
		}
		return sentence(below + ", who works for " + t.subject(who) + ", owns it")
	}
	scope, _ := strings.CutPrefix(s.How, "scope ")
	return "The rule covers " + map[string]string{"own": "records of one’s own", "team": "records of one’s teams", "unit": "records of one’s unit",
		"unit_tree": "records of one’s unit and of those below", "all": "every record"}[scope] + "."
}

// decision is why something is allowed, or is not, one sentence after the other.
func (t teller) decision(req authz.Request, x authz.Explanation) (out []string) {
	rule := func(lead string) {
		if x.Rule != nil {
			out = append(out, lead+t.fact(x.Rule))
		}
		if way := t.way(x.Path); way != "" {
			out = append(out, way)
		}
	}
	switch x.Reason {
	case model.ReasonAllowed:
		rule("A rule allows it: ")
		typ := req.Type
		for _, s := range x.Reach {
			out = append(out, t.step(req.User, typ, s))
			if s.How == "parent" {
				typ = "customer"
			}
		}
	case model.ReasonTenant:
		out = append(out, sentence(companies[t.tenant]+" is closed for the moment, or can only be read"))
	case model.ReasonSubjectOff:
		out = append(out, sentence(t.is(req.User, "are", "is")+" switched off"))
	case model.ReasonTargetOff:
		out = append(out, sentence("it is switched off for everybody, or can only be read: "+t.target(model.OnType(req.Type))))
	case model.ReasonOpen:
		out = append(out, sentence("the rules of "+companies[t.tenant]+" are suspended for maintenance"))
	case model.ReasonForbidden:
		rule("A rule forbids it, and that beats every rule that allows it: ")
	case model.ReasonNoRule:
		out = append(out, sentence("no rule lets "+t.subject(req.User)+" "+req.Action+" "+t.target(model.OnType(req.Type))))
		if names := t.groups(x.Groups); names != "" {
			out = append(out, sentence(t.is(req.User, "are", "is")+" in "+names))
		}
	case model.ReasonNoReach:
		rule("A rule would allow it, as far as one reaches: ")
		has := "do nothing with"
		if x.Level > model.LevelNone {
			has = levelWords[x.Level]
		}
		out = append(out, fmt.Sprintf("On this %s it is a level that decides: to %s it is needed, to %s it is there.", req.Type, levelWords[x.Need], has))
	}
	return out
}

func (t teller) groups(groups []string) string {
	var names []string
	for _, g := range groups {
		names = append(names, t.subject(g))
	}
	return strings.Join(names, ", ")
}
