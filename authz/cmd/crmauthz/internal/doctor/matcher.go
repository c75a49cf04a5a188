package doctor

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/casbin/casbin/v2/constant"
	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
)

// definitions looks at what the model defines, besides its matcher.
func (e *examination) definitions() {
	m := e.model
	for _, name := range m.sections("p") {
		if columns, _ := m.columns(name); len(columns) > 6 {
			e.part("definition-wide", name+" = "+m.value("p", name), fmt.Sprintf("%d columns", len(columns)))
		}
	}
	for _, name := range m.sections("e") {
		switch text := m.value("e", name); text {
		case constant.PriorityEffect, constant.SubjectPriorityEffect:
			e.part("effect-priority", name+" = "+readable(text), "")
		case constant.DenyOverrideEffect:
			e.part("effect-open", name+" = "+readable(text), "")
		case constant.AllowOverrideEffect:
			e.ignored(strings.Replace(name, "e", "p", 1))
		}
	}
	for _, name := range m.sections("g") {
		if m.conditions(name) > 0 {
			e.part("role-conditional", name+" = "+m.value("g", name), "")
			e.expired(name)
		}
	}
	e.gaps()
	e.priorities()
}

// ignored reports the denials of a section whose effect does not look at them.
func (e *examination) ignored(ptype string) {
	i := e.model.column(ptype, "eft")
	for _, r := range e.rows {
		if i >= 0 && r.Ptype == ptype && strings.EqualFold(r.Values[i], "deny") {
			e.row("effect-ignored", r, "")
		}
	}
}

// expired reports memberships whose condition is two times of which the second has passed.
func (e *examination) expired(ptype string) {
	columns, _ := e.model.columns(ptype)
	for _, r := range e.rows {
		if r.Ptype != ptype || len(r.Values) != len(columns)+2 {
			continue
		}
		until, err := time.Parse(conditionTime, r.Values[len(r.Values)-1])
		if err == nil && until.Before(e.now) {
			e.row("role-expired", r, "")
		}
	}
}

// conditionTime is how Casbin writes the times of a membership's condition.
const conditionTime = "2006-01-02 15:04:05"

var definition = regexp.MustCompile(`(?m)^\s*([rpgem])(\d+)\s*=`)

// gaps reports sections that the text defines and Casbin does not read.
func (e *examination) gaps() {
	for _, at := range definition.FindAllStringSubmatch(e.model.Text, -1) {
		if e.model.value(at[1], at[1]+at[2]) == "" {
			e.part("section-gap", strings.TrimSpace(at[0]), "there is no section before it")
		}
	}
}

func (e *examination) priorities() {
	for _, r := range e.rows {
		if i := e.model.column(r.Ptype, "priority"); r.Ptype[0] == 'p' && i >= 0 {
			if _, err := strconv.Atoi(r.Values[i]); err != nil {
				e.row("priority-text", r, fmt.Sprintf("%q", r.Values[i]))
			}
		}
	}
}

var (
	ruleDomain     = regexp.MustCompile(`\bp\d*_(dom|domain|tenant|org)\b`)
	roleCall       = regexp.MustCompile(`\b(g\d*)\(([^()]*)\)`)
	call           = regexp.MustCompile(`\b(keyMatch[2-5]?|keyGet[23]?|regexMatch|globMatch|ipMatch)\(([^()]*)\)`)
	evalCall       = regexp.MustCompile(`\beval\(\s*(p\d*)_(\w+)\s*\)`)
	superuser      = regexp.MustCompile(`\br\d*_(?:sub|subject|user)\s*==\s*["']([^"']*)["']`)
	ruleColumn     = regexp.MustCompile(`\b(p\d*)_(\w+)`)
	matcherName    = regexp.MustCompile(`^\s*m\d*\s*$`)
	listInBrackets = regexp.MustCompile(`\bin\s*\[[^][]*\]`) // means what it says
	functionName   = regexp.MustCompile(`\b\w+\(`)
	inner          = regexp.MustCompile(`\b([rp]\d*)_`)
)

// readable is a text of Casbin's inside as it stands in a model.
func readable(text string) string { return inner.ReplaceAllString(text, "$1.") }

// matchers looks at the matcher.
func (e *examination) matchers() {
	m := e.model
	for _, name := range m.sections("m") {
		text, ptype := m.value("m", name), strings.Replace(name, "m", "p", 1)
		shown := name + " = " + readable(text)
		if m.domain(ptype) >= 0 && !ruleDomain.MatchString(text) {
			e.part("matcher-domain", shown, "")
		}
		for _, at := range roleCall.FindAllStringSubmatch(text, -1) {
			if columns, known := m.columns(at[1]); known && len(columns) == 3 && strings.Count(at[2], ",") == 1 {
				e.part("matcher-role-domain", shown, readable(at[0]))
			}
		}
		for _, at := range superuser.FindAllStringSubmatch(text, -1) {
			e.part("matcher-superuser", shown, fmt.Sprintf("%q", at[1]))
		}
		for _, at := range call.FindAllStringSubmatch(text, -1) {
			if ruleColumn.MatchString(at[2]) {
				e.part("matcher-pattern", shown, readable(at[0]))
			}
		}
		if evalCall.MatchString(text) {
			e.part("matcher-eval", shown, "")
		}
	}
	e.brackets()
}

// brackets looks at the text of the model: in what was read they are parentheses already.
func (e *examination) brackets() {
	for line := range strings.Lines(e.model.Text) {
		name, text, found := strings.Cut(line, "=")
		isMatcher := found && matcherName.MatchString(name)
		if isMatcher && strings.Contains(text, "in") && strings.ContainsAny(listInBrackets.ReplaceAllString(text, ""), "[]") {
			e.part("matcher-brackets", strings.TrimSpace(line), "")
		}
	}
}

// patterns looks at the values that the matcher takes for patterns or code, and at
// the stars that it does not.
func (e *examination) patterns() {
	functions := patternFunctions(e.model.matcher())
	for _, r := range e.rows {
		columns, _ := e.model.columns(r.Ptype)
		for i, v := range r.Values[:min(len(r.Values), len(columns))] {
			function := functions[r.Ptype+" "+columns[i]]
			switch {
			case r.Ptype[0] == 'g' && v == "*", function == "" && v == "*" && !e.model.hasStar(r.Ptype, columns[i]):
				e.row("wildcard-plain", r, "value "+e.nameOf(r, i))
			case function == "eval":
				e.code(r, v)
			case function != "":
				e.pattern(r, function, v)
			}
		}
	}
}

// patternFunctions are the functions that a matcher calls with columns of rules, by section and column.
func patternFunctions(matcher string) map[string]string {
	functions := map[string]string{}
	for _, at := range call.FindAllStringSubmatch(matcher, -1) {
		for _, column := range ruleColumn.FindAllStringSubmatch(at[2], -1) {
			functions[column[1]+" "+column[2]] = at[1]
		}
	}
	for _, at := range evalCall.FindAllStringSubmatch(matcher, -1) {
		functions[at[1]+" "+at[2]] = "eval"
	}
	return functions
}

// hasStar tells whether the matcher compares a column with "*".
func (m *Model) hasStar(ptype, column string) bool {
	name := ptype + "_" + regexp.QuoteMeta(column)
	star := regexp.MustCompile(`\b` + name + `\s*==\s*["']\*["']|["']\*["']\s*==\s*` + name + `\b`)
	return star.MatchString(m.matcher())
}

func (e *examination) pattern(r source.Row, function, v string) {
	if err := tryPattern(function, v); err != nil {
		e.row("pattern-broken", r, fmt.Sprintf("%s: %v", function, err))
		return
	}
	if function == "regexMatch" && !(strings.HasPrefix(v, "^") && strings.HasSuffix(v, "$")) {
		e.row("pattern-loose", r, fmt.Sprintf("%q", v))
	}
}

// tryPattern runs a function of Casbin on a pattern. Most of them panic over one that is broken.
func tryPattern(function, pattern string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	switch function {
	case "keyMatch2":
		util.KeyMatch2("", pattern)
	case "keyMatch3":
		util.KeyMatch3("", pattern)
	case "keyMatch4":
		util.KeyMatch4("", pattern)
	case "keyMatch5":
		util.KeyMatch5("", pattern)
	case "regexMatch":
		_, err = regexp.Compile(pattern)
	case "globMatch":
		_, err = path.Match(pattern, "")
	case "ipMatch":
		if _, _, cidr := net.ParseCIDR(pattern); cidr != nil && net.ParseIP(pattern) == nil {
			err = cidr
		}
	}
	return err
}

// code reports a rule in a row that eval() cannot compile. What its functions are called does
// not matter here: all are known.
func (e *examination) code(r source.Row, text string) {
	functions := map[string]govaluate.ExpressionFunction{}
	for _, name := range functionName.FindAllString(text, -1) {
		functions[strings.TrimSuffix(name, "(")] = func(...any) (any, error) { return false, nil }
	}
	if _, err := govaluate.NewEvaluableExpressionWithFunctions(util.EscapeAssertion(text), functions); err != nil {
		e.row("eval-broken", r, err.Error())
	}
}

// columns looks at the database's table.
func (e *examination) columns() {
	t := e.table
	need := 0
	for _, section := range []string{"p", "g"} {
		for _, name := range e.model.sections(section) {
			columns, _ := e.model.columns(name)
			need = max(need, len(columns)+e.model.conditions(name))
		}
	}
	if has := len(t.Columns) - 1; has < min(need, 6) {
		e.part("column-missing", "table "+t.Name, fmt.Sprintf("%d values, %d are needed", has, need))
	}
	var narrow, folding []string
	for _, c := range t.Columns {
		if c.Width > 0 && c.Width < 100 {
			narrow = append(narrow, fmt.Sprintf("%s (%d)", c.Name, c.Width))
		}
		if c.Collation != "" {
			folding = append(folding, fmt.Sprintf("%s (%s)", c.Name, c.Collation))
		}
	}
	if len(narrow) > 0 {
		e.part("column-narrow", "table "+t.Name, strings.Join(narrow, ", "))
	}
	if len(folding) > 0 {
		e.part("collation-folds", "table "+t.Name, strings.Join(folding, ", "))
	}
	if t.Cuts {
		e.part("server-cuts", "sql_mode", "")
	}
	if !t.Unique {
		e.part("index-missing", "table "+t.Name, "")
	}
}
