package plain

import (
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/constant"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
)

// snapshot answers with Casbin itself. Nothing changes its enforcer.
type snapshot struct {
	enforcer *casbin.Enforcer
	order    []int // of the arguments
}

// newSnapshot loads the lines into an enforcer of their own, on the way that
// every program takes. The model is parsed again, as a copy of Casbin's loses
// what makes roles conditional.
func newSnapshot(d *definition, lines []*line) (s *snapshot, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%w: Casbin panics: %v", ErrPolicy, r)
		}
	}()
	if err := checkHierarchy(d, lines); err != nil {
		return nil, err
	}
	m, err := parseModel(d.text)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m, loader{lines: lines})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return &snapshot{e, d.order}, nil
}

func (s *snapshot) enforce(sub, dom, obj, act string) (bool, error) {
	given := [arguments]string{subject: sub, domain: dom, object: obj, action: act}
	values := make([]any, arguments)
	for i, argument := range s.order {
		values[i] = given[argument]
	}
	ok, err := s.enforcer.Enforce(values...)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // of a panic, without the stack
		return false, fmt.Errorf("%w: may %q do %q to %q in %q: %s", ErrEnforce, sub, act, obj, dom, reason)
	}
	return ok, nil
}

// loader hands lines to Casbin. Only LoadPolicy is ever called.
type loader struct {
	persist.Adapter
	lines []*line
}

func (a loader) LoadPolicy(m model.Model) error {
	for _, l := range a.lines {
		if err := persist.LoadPolicyArray(append([]string{l.ptype}, l.values...), m); err != nil {
			return err
		}
	}
	return nil
}

// checkHierarchy refuses role links with which Casbin would not end sorting
// rules by the hierarchy of their subjects: it follows every path down from
// every role that is in no other, cycles for ever.
func checkHierarchy(d *definition, lines []*line) error {
	if d.model["e"]["e"].Value != constant.SubjectPriorityEffect {
		return nil
	}
	h := hierarchy{below: map[string][]string{}, paths: map[string]int{}}
	isBelow := map[string]bool{}
	for _, l := range lines {
		if l.ptype == "g" && len(l.values) >= 2 {
			in := "::" // as Casbin joins them
			if len(l.values) > 2 {
				in = l.values[2] + in
			}
			member, role := in+l.values[0], in+l.values[1]
			h.below[role] = append(h.below[role], member)
			isBelow[member] = true
		}
	}
	total := 0
	for role := range h.below {
		if !isBelow[role] {
			total = min(total+h.count(role), tooManyPaths)
		}
	}
	if total >= tooManyPaths {
		return fmt.Errorf("%w: its roles form a cycle, or have too many paths, for the effect subjectPriority", ErrPolicy)
	}
	return nil
}

// tooManyPaths is where Casbin would take seconds; a cycle counts as many.
const tooManyPaths = 1 << 20

// hierarchy is the role links, from the role down.
type hierarchy struct {
	below map[string][]string
	paths map[string]int // how many lead down from a name, once known
}

func (h hierarchy) count(name string) int {
	if known, ok := h.paths[name]; ok {
		return known
	}
	h.paths[name] = tooManyPaths // for whoever comes back here by a cycle
	total := 1
	for _, member := range h.below[name] {
		total = min(total+h.count(member), tooManyPaths)
	}
	h.paths[name] = total
	return total
}
