package plain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
)

// The arguments of Enforce.
const (
	subject = iota
	domain
	object
	action
	arguments
)

var argumentOf = map[string]int{
	"r_sub": subject, "r_subject": subject, "r_user": subject,
	"r_dom": domain, "r_domain": domain, "r_tenant": domain, "r_org": domain,
	"r_obj": object, "r_object": object, "r_resource": object,
	"r_act": action, "r_action": action,
}

// definition is what a model says. It does not change.
type definition struct {
	text     string
	model    model.Model    // without lines
	argument map[string]int // by the name that the matcher uses
	order    []int          // the arguments, as the request definition has them

	matcher *matcher // nil: not compiled
	why     string
}

func define(text string) (d *definition, err error) {
	m, err := parseModel(text)
	if err != nil {
		return nil, err
	}
	d = &definition{text: text, model: m, argument: map[string]int{}}
	if err := d.nameArguments(); err != nil {
		return nil, err
	}
	d.matcher, err = d.compile()
	if err != nil {
		d.matcher, d.why = nil, err.Error()
	}
	return d, nil
}

// parseModel has Casbin parse a model. Its parser panics on some texts.
func parseModel(text string) (m model.Model, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%w: Casbin's parser panics: %v", ErrModel, r)
		}
	}()
	if len(text) > MaxModel {
		return nil, fmt.Errorf("%w: its text has %d bytes, more than %d", ErrModel, len(text), MaxModel)
	}
	m, err = model.NewModelFromString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	for _, section := range []string{"r", "p", "e", "m"} {
		if _, err := m.GetAssertion(section, section); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	return m, nil
}

// nameArguments finds the arguments of Enforce in the request definition.
func (d *definition) nameArguments() error {
	for _, name := range d.model["r"]["r"].Tokens {
		a, ok := argumentOf[name]
		if !ok || slices.Contains(d.order, a) {
			return d.badRequest()
		}
		d.argument[name] = a
		d.order = append(d.order, a)
	}
	if len(d.order) != arguments {
		return d.badRequest()
	}
	return nil
}

func (d *definition) badRequest() error {
	return fmt.Errorf("%w: request definition %s: want sub, dom, obj, act", ErrModel, quoteShort(d.model["r"]["r"].Value))
}

// build makes of the lines what answers.
func (d *definition) build(lines []*line) (answerer, error) {
	if d.matcher != nil {
		return newIndex(d.matcher, lines), nil
	}
	return newSnapshot(d, lines)
}

// column returns the place of a name of the policy definition, or -1.
func (d *definition) column(name string) int { return slices.Index(d.model["p"]["p"].Tokens, name) }

// compile returns the matcher, or an error that says what it does not understand.
func (d *definition) compile() (*matcher, error) {
	for _, section := range []string{"r", "p", "g", "e", "m"} {
		for name := range d.model[section] {
			if name != section {
				return nil, fmt.Errorf("section %s is not compiled", name)
			}
		}
	}
	if err := d.checkRoles(); err != nil {
		return nil, err
	}
	columns := d.model["p"]["p"].Tokens
	for i, name := range columns {
		if slices.Contains(columns[:i], name) {
			return nil, fmt.Errorf("policy definition %s names a column twice", quoteShort(d.model["p"]["p"].Value))
		}
	}
	effect, ok := effectOf[d.model["e"]["e"].Value]
	if !ok {
		return nil, fmt.Errorf("policy effect %s is not compiled", quoteShort(d.model["e"]["e"].Value))
	}
	m, err := d.readMatcher(d.model["m"]["m"].Value)
	if err != nil {
		return nil, fmt.Errorf("matcher: %w", err)
	}
	m.effect, m.effectColumn = effect, d.column("p_eft")
	return m, nil
}

// checkRoles accepts g = _, _, _ alone: fewer have no domain, more are conditions.
func (d *definition) checkRoles() error {
	g, ok := d.model["g"]["g"]
	if !ok {
		return fmt.Errorf("there is no role definition g = _, _, _")
	}
	if len(g.Tokens) != 3 || len(g.ParamsTokens) != 0 || strings.Count(g.Value, "_") != 3 {
		return fmt.Errorf("role definition %s is not compiled, only _, _, _", quoteShort(g.Value))
	}
	return nil
}
