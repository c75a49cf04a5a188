package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/constant"
)

// understood tells whether rules mean in crmauthz what they mean in the model: whether its effect
// is one of two, and its matcher a condition on each of subject, tenant, object and action in one
// of the usual forms. What is asked beyond them would be lost, and so would what is not asked.
func (m *Model) understood() error {
	switch effect := m.value("e", "e"); effect {
	case constant.AllowOverrideEffect, constant.AllowAndDenyEffect:
	case constant.PriorityEffect, constant.SubjectPriorityEffect:
		return errors.New("the model decides by priority; crmauthz lets every denial win")
	case constant.DenyOverrideEffect:
		return errors.New("the model allows what no rule denies")
	default:
		return fmt.Errorf("the effect %s is not known", readable(effect))
	}
	text := m.value("m", "m")
	if blankConstant.MatchString(text) {
		return fmt.Errorf("the matcher has a constant with blanks: %s", readable(text))
	}
	text = strings.Join(strings.Fields(text), "")
	asked := map[string]bool{}
	for _, term := range splitTop(text, "&&") {
		column, err := m.term(term)
		if err == nil && asked[column] {
			err = fmt.Errorf("the matcher asks twice about %s", column)
		}
		if err != nil {
			return err
		}
		asked[column] = true
	}
	columns, _ := m.columns("p")
	for _, c := range columns {
		if !asked[c] && c != "eft" && c != "priority" {
			return fmt.Errorf("the matcher does not ask about %s", c)
		}
	}
	return nil
}

var (
	blankConstant = regexp.MustCompile(`"[^"]*\s[^"]*"|'[^']*\s[^']*'`)

	columnTerm = regexp.MustCompile(`^r_(\w+)==p_(\w+)$|^p_(\w+)==r_(\w+)$`)
	starTerm   = regexp.MustCompile(`^p_(\w+)==["']\*["']$|^["']\*["']==p_(\w+)$`)
	roleTerm   = regexp.MustCompile(`^g\(r_(\w+),p_(\w+)(?:,r_(\w+))?\)$`)
	keyTerm    = regexp.MustCompile(`^(keyMatch[2-5]?|globMatch|regexMatch)\(r_(\w+),p_(\w+)\)$`)
)

// term is the column of rules that a condition of the matcher is on.
func (m *Model) term(text string) (column string, err error) {
	unknown := fmt.Errorf("the matcher asks for %s, of which the meaning is not known", readable(text))
	role := false
	for _, choice := range splitTop(unwrapped(text), "||") {
		name := ""
		choice = unwrapped(choice)
		if at := columnTerm.FindStringSubmatch(choice); at != nil && at[1]+at[3] == at[2]+at[4] {
			name = at[1] + at[3]
		} else if at := starTerm.FindStringSubmatch(choice); at != nil {
			name = at[1] + at[2]
		} else if at := keyTerm.FindStringSubmatch(choice); at != nil && at[2] == at[3] && !slices.Contains(domainNames, at[2]) {
			name = at[2]
		} else if at := roleTerm.FindStringSubmatch(choice); at != nil && at[1] == at[2] && m.rolesHave(at[3]) {
			name, role = at[1], true
		}
		if name == "" || column != "" && name != column {
			return "", unknown
		}
		column = name
	}
	if role != slices.Contains(subjectNames, column) { // memberships are of subjects, and always asked for
		return "", unknown
	}
	return column, nil
}

// rolesHave tells whether memberships are asked for in the tenant, if they have one.
func (m *Model) rolesHave(domain string) bool {
	columns, _ := m.columns("g")
	switch len(columns) {
	case 2:
		return domain == ""
	case 3:
		return slices.Contains(domainNames, domain)
	}
	return false
}

// splitTop splits a text at an operator that stands in no parentheses.
func splitTop(text, operator string) (parts []string) {
	depth, from := 0, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '(':
			depth++
		case text[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(text[i:], operator):
			parts = append(parts, text[from:i])
			from = i + len(operator)
			i = from - 1
		}
	}
	return append(parts, text[from:])
}

// unwrapped is a text without the parentheses that are around all of it.
func unwrapped(text string) string {
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		depth := 0
		for i := range len(text) - 1 {
			switch text[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				return text
			}
		}
		text = text[1 : len(text)-1]
	}
	return text
}
