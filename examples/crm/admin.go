package main

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// square is where a role meets an action or a field.
type square struct {
	Word, Class, Path, About string
	If                       bool // on a condition
}

// table is the permission matrix of one type.
type table struct {
	Label           string
	Actions, Fields []string
	Rows            []tableRow
}

type tableRow struct {
	Role, Name, Note string
	Off              bool
	Actions, Fields  []square
}

// matrix shows what each role may do: its own rules and those of the roles that it is in.
func (s *server) matrix(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	schema := s.db.az.Schema().For(v.me.Tenant)
	var tables []table
	for _, typ := range []string{"customer", "contact", "opportunity", "directory", "policy"} {
		t := schema.Types[typ]
		tab := table{Label: labelOf(typ), Actions: actionsOf(t), Fields: fieldsOf(typ)}
		for _, role := range append(p.roles(), model.Everyone) {
			row := tableRow{Role: role, Name: nameOf(p.tenant, role), Off: p.switchedOff(role) != nil}
			var through []string
			for _, g := range p.with(role)[1:] {
				through = append(through, nameOf(p.tenant, g))
			}
			row.Note = strings.Join(through, ", ")
			for _, a := range tab.Actions {
				row.Actions = append(row.Actions, p.actionSquare(role, typ, a))
			}
			for _, f := range tab.Fields {
				row.Fields = append(row.Fields, p.fieldSquare(role, typ, f, t.Fields[f].Default))
			}
			tab.Rows = append(tab.Rows, row)
		}
		tables = append(tables, tab)
	}
	return s.render(v, "matrix", "Permissions", map[string]any{"Tables": tables})
}

func labelOf(typ string) string {
	if k := kindOf(typ); k != nil {
		return k.Plural
	}
	return strings.ToUpper(typ[:1]) + typ[1:]
}

// actionsOf are a type's actions, those that need least first.
func actionsOf(t model.Type) []string {
	names := slices.Sorted(maps.Keys(t.Actions))
	slices.SortStableFunc(names, func(x, y string) int {
		a, b := t.Actions[x], t.Actions[y]
		if a.Reading() != b.Reading() {
			if a.Reading() {
				return -1
			}
			return 1
		}
		return int(a.Need) - int(b.Need)
	})
	return names
}

func fieldsOf(typ string) (names []string) {
	if k := kindOf(typ); k != nil {
		for _, f := range k.Fields {
			names = append(names, f.Name)
		}
	}
	return names
}

// concerning are the rulings by which a square comes about, those of the role itself and of all it is in.
func (p *policy) concerning(role, typ, action, field string) (out []ruling) {
	groups := append(p.with(role), model.Everyone)
	for _, r := range p.rulings {
		switch f := r.Fact.(type) {
		case model.CustomerRule:
			if action != "" && slices.Contains(groups, f.Subject) && (f.Action == action || f.Action == model.Any) && (f.On.Type == typ || f.On.Type == model.Any) {
				out = append(out, r)
			}
		case model.FieldRule:
			if field != "" && slices.Contains(groups, f.Subject) && f.On.Type == typ && (f.On.Field == field || f.On.Field == model.Any) {
				out = append(out, r)
			}
		}
	}
	return out
}

// breadth orders scopes by how much they reach.
var breadth = map[model.Scope]int{model.ScopeOwn: 1, model.ScopeLevel: 2, model.ScopeTeam: 3, model.ScopeUnit: 4, model.ScopeUnitTree: 5, model.ScopeAll: 6}

var breadthWords = map[model.Scope]string{model.ScopeOwn: "own", model.ScopeLevel: "reach", model.ScopeTeam: "team", model.ScopeUnit: "unit", model.ScopeUnitTree: "units", model.ScopeAll: "all"}

func (p *policy) actionSquare(role, typ, action string) square {
	sq := square{Word: "–", Class: "none", Path: squarePath(role, typ, "action", action), About: nameOf(p.tenant, role) + ": " + action + " " + typ}
	best := 0
	for _, r := range p.concerning(role, typ, action, "") {
		f := r.Fact.(model.CustomerRule)
		switch {
		case f.Effect == model.Deny && r.Off == nil && f.Valid.Holds(p.now) && f.If == "":
			sq.Word, sq.Class, sq.If = "never", "deny", false
			return sq
		case f.Effect == model.Deny:
		case r.Off != nil && best == 0:
			sq.Word, sq.Class = "off", "off"
		case r.Off == nil && f.Valid.Holds(p.now) && f.On.ID == "" && f.On.Unit == "" && breadth[f.Scope] > best:
			best = breadth[f.Scope]
			sq.Word, sq.Class, sq.If = breadthWords[f.Scope], breadthWords[f.Scope], f.If != ""
		}
	}
	return sq
}

var squareWords = map[model.FieldLevel]string{model.FieldHidden: "–", model.FieldMasked: "masked", model.FieldRead: "see", model.FieldWrite: "change"}

func (p *policy) fieldSquare(role, typ, field string, level model.FieldLevel) square {
	sq := square{Path: squarePath(role, typ, "field", field), About: nameOf(p.tenant, role) + ": " + field + " of " + typ}
	capped := model.FieldWrite
	for _, r := range p.concerning(role, typ, "", field) {
		f := r.Fact.(model.FieldRule)
		switch {
		case r.Off != nil || !f.Valid.Holds(p.now) || f.On.ID != "":
		case f.Effect == model.Deny && f.If == "":
			capped = min(capped, f.Level-1)
		case f.Effect == model.Allow && f.Level > level:
			level, sq.If = f.Level, f.If != ""
		case f.Effect == model.Allow && f.Level == level && f.If == "":
			sq.If = false
		}
	}
	level = min(level, capped)
	sq.Word, sq.Class = squareWords[level], level.String()
	return sq
}

func squarePath(role, typ, what, name string) string {
	return "/admin/cell?" + url.Values{"role": {role}, "type": {typ}, what: {name}}.Encode()
}

// ruleLine is a ruling for people.
type ruleLine struct {
	ruling
	Text string
}

// cell shows the rules by which a square of the matrix comes about, and what changes them.
func (s *server) cell(v *visit) error {
	q := v.r.URL.Query()
	role, typ, action, field := q.Get("role"), q.Get("type"), q.Get("action"), q.Get("field")
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	t, ok := s.db.az.Schema().For(v.me.Tenant).Types[typ]
	_, isAction := t.Actions[action]
	_, isField := t.Fields[field]
	if !ok || !slices.Contains(append(p.roles(), model.Everyone), role) || isAction == isField {
		return errNotFound
	}
	say := teller{tenant: v.me.Tenant}
	var lines []ruleLine
	for _, r := range p.concerning(role, typ, action, field) {
		lines = append(lines, ruleLine{r, say.fact(r.Fact)})
	}
	title := nameOf(v.me.Tenant, role) + ": " + action + " " + strings.ToLower(labelOf(typ))
	if isField {
		title = nameOf(v.me.Tenant, role) + ": " + fieldLabel(typ, field) + " of " + strings.ToLower(labelOf(typ))
	}
	standard := ""
	if isField {
		standard = say.fieldDefault(t.Fields[field].Default, typ, field)
	}
	return s.render(v, "cell", title, map[string]any{"Role": role, "Type": typ, "Action": action, "Field": field, "Rules": lines,
		"Change": v.may("change", "policy"), "Default": standard, "Spans": spans, "Off": p.switchedOff(role) != nil})
}

// fieldDefault is how much of a field everybody reaches, before any rule.
func (t teller) fieldDefault(level model.FieldLevel, typ, field string) string {
	return sentence("without a rule, those who may read the " + typ + " may " + reaching(level, "its "+fieldLabel(typ, field)))
}

// addRule grants a role an action, or a level of a field.
func (s *server) addRule(v *visit) error {
	form := v.r.PostForm
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	role, typ := form.Get("role"), form.Get("type")
	if !slices.Contains(p.roles(), role) {
		return errForm
	}
	var rule model.Fact
	back := squarePath(role, typ, "action", form.Get("action"))
	if field := form.Get("field"); field != "" {
		level, err := model.ParseFieldLevel(form.Get("level"))
		if err != nil {
			return errForm
		}
		rule = authz.FieldRule{Tenant: v.me.Tenant, Subject: role, On: model.OnField(typ, field), Level: level, Effect: model.Allow}
		back = squarePath(role, typ, "field", field)
	} else {
		r := authz.CustomerRule{Tenant: v.me.Tenant, Subject: role, On: model.OnType(typ), Action: form.Get("action"), Effect: model.Allow}
		switch form.Get("scope") {
		case "reach":
		case "never":
			r.Effect = model.Deny
		default:
			if r.Scope, err = model.ParseScope(form.Get("scope")); err != nil {
				return errForm
			}
		}
		rule = r
	}
	var bad *model.ValueError
	if r, ok := rule.(model.CustomerRule); ok && r.Effect == model.Deny && typ == "policy" {
		return errLockedOut
	}
	if _, err := s.db.az.Grant(v.r.Context(), v.by("granted by the administrator"), rule); errors.As(err, &bad) {
		return errForm
	} else if err != nil {
		return err
	}
	return v.done(back, "granted")
}

// removeRule revokes a rule of the company itself. Those of the base policy can be switched off.
func (s *server) removeRule(v *visit) error {
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	r, ok := p.ruling(v.r.PostForm.Get("rule"))
	if !ok || r.Base {
		return errForm
	}
	switch r.Fact.(type) {
	case model.CustomerRule, model.FieldRule:
	default:
		return errForm
	}
	if err := s.keepsAdministrator(v, r.ID); err != nil {
		return err
	}
	if _, err := s.db.az.Revoke(v.r.Context(), v.by("revoked by the administrator"), r.Fact); err != nil {
		return err
	}
	return v.done("/admin", "revoked")
}

var errLockedOut = &pageError{status: http.StatusConflict, title: "That would lock you out",
	text: "Your own right to administer hangs on it. Another administrator can do it."}

// keepsAdministrator refuses what the visitor's own right to change the policy hangs on: herself, the groups
// through which she has it, her memberships in them, and the rule.
func (s *server) keepsAdministrator(v *visit, target string) error {
	d, err := s.db.az.Decide(v.r.Context(), authz.Request{Tenant: v.me.Tenant, User: v.me.ID, Action: "change", Type: "policy"})
	if err != nil {
		return err
	}
	if slices.Contains(d.Path, target) || d.Rule != nil && model.RuleID(d.Rule) == target {
		return errLockedOut
	}
	p, err := s.policyOf(v.r.Context(), v.me.Tenant)
	if err != nil {
		return err
	}
	if r, ok := p.ruling(target); ok {
		if m, is := r.Fact.(model.Membership); is {
			if i := slices.Index(d.Path, m.Member); i >= 0 && i+1 < len(d.Path) && d.Path[i+1] == m.Group {
				return errLockedOut
			}
		}
	}
	return nil
}
