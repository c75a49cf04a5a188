// Package plain answers for a program that already has a Casbin model of RBAC
// with domains and its policy, and gives Casbin's answers to it.
//
// [Open] takes the model and the lines as they are. A model of the usual form
// is compiled into an index; of any other, [Policy.Compiled] is false,
// [Policy.Why] names what was not understood, and Casbin itself answers.
//
// # What is compiled
//
// The request definition names subject, domain, object and action in any
// order (Open lists the names). The policy definition has any columns in any
// order, with or without eft. The role definition is g = _, _, _. There are no
// further sections such as p2. The effect is one of Casbin's texts for "some
// allow", "no deny" and "some allow and no deny". The matcher is, in any
// order, spacing and grouping,
//
//	g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
//
// where
//
//   - each of the last three may be (r.dom == p.dom || p.dom == "*"), with any
//     one constant;
//   - the first may be a choice of g(r.sub, p.sub, D), with r.dom, p.dom, a
//     constant or nothing for D, r.sub == p.sub, and p.sub == "constant";
//   - || r.sub == "root" may be added for any number of superusers.
//
// # Casbin's answers
//
// An answer is that of an enforcer of Casbin freshly loaded with the lines, in
// these points too:
//
//   - Ten links between subject and role are followed; cycles do no harm.
//   - A subject has what is granted to its own name, even to the name of a role.
//   - An effect other than "allow" and "deny" is none: the line says nothing.
//   - Only a p line can make the wildcards of the matcher; a "*" in a g line is a
//     domain of that name.
//   - Without any p line, one of empty values that allows is asked, and "no
//     deny" allows everything.
//   - Two lines are one if they are equal after joining their values with
//     commas; the first is kept.
//   - A p line that has not as many values as the definition, or a g line that
//     has fewer, is refused when it is read.
//
// Casbin remembers role links by texts joined with NUL bytes, so that names with
// a NUL byte in them can get it to answer by what was asked before. The index
// does not do that. Where Casbin itself answers, it also keeps each role link
// that was ever asked for in memory, until the next Add or Remove.
package plain

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
)

// MaxModel is how long the text of a model may be, in bytes.
const MaxModel = 64 << 10

var (
	// ErrModel: Casbin does not open the model, or it asks other questions than
	// who may do what to what in which domain.
	ErrModel = errors.New("plain: the model cannot be used")
	// ErrLine: Casbin does not load the line.
	ErrLine = errors.New("plain: the line cannot be used")
	// ErrAmbiguous: the line is not there, but Casbin takes it for one that is,
	// since they differ only in where commas divide them.
	ErrAmbiguous = errors.New("plain: the line differs from another by commas only")
	// ErrPolicy: each line is well formed, but Casbin does not load them together.
	ErrPolicy = errors.New("plain: the policy cannot be loaded")
	// ErrEnforce: Casbin could not answer.
	ErrEnforce = errors.New("plain: no answer")
)

// Policy is an open policy. All methods are safe for concurrent use; each
// Enforce answers from the policy before or after a change, never from between.
// The zero Policy denies with ErrEnforce.
type Policy struct {
	def *definition

	mu     sync.Mutex // held by those who change the policy
	lines  lineSet
	answer atomic.Pointer[answerer]
}

// answerer is one unchanging state of a policy.
type answerer interface {
	enforce(sub, dom, obj, act string) (bool, error)
}

// Open reads a Casbin model (its text) and its policy. A line begins with
// "p" or "g", as in CSV: {"p", "alice", "t1", "data", "read"}. Lines that are
// there twice count once.
//
// The request definition must name its four values sub (or subject, user), dom
// (domain, tenant, org), obj (object, resource) and act (action).
//
// The error matches ErrModel, ErrLine or ErrPolicy.
func Open(modelText string, lines [][]string) (*Policy, error) {
	def, err := define(modelText)
	if err != nil {
		return nil, err
	}
	p := &Policy{def: def}
	for i, cells := range lines {
		l, err := def.line(cells)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		p.lines.add(l)
	}
	if err := p.publish(p.lines); err != nil {
		return nil, err
	}
	return p, nil
}

// Enforce tells whether sub may do act to obj in dom. The error, which comes
// with false, matches ErrEnforce; a compiled policy has none.
func (p *Policy) Enforce(sub, dom, obj, act string) (bool, error) {
	a := p.answer.Load()
	if a == nil {
		return false, fmt.Errorf("%w: the policy is not open", ErrEnforce)
	}
	return (*a).enforce(sub, dom, obj, act)
}

// Compiled tells whether the policy is compiled; else Casbin itself answers.
func (p *Policy) Compiled() bool { return p.def != nil && p.def.matcher != nil }

// Why says why the policy is not compiled. It is empty if it is.
func (p *Policy) Why() string {
	if p.def == nil {
		return "the policy is not open"
	}
	return p.def.why
}

// Add adds lines, all or none, and returns how many were new. It builds the
// policy anew, so many lines are better added at once.
//
// The error matches ErrLine, ErrAmbiguous or ErrPolicy; the policy then stays as it was.
func (p *Policy) Add(lines ...[]string) (int, error) {
	return p.change("add", lines, func(s *lineSet, l line) (bool, error) {
		if held := s.like(l); held != nil && !held.equal(l) {
			return false, fmt.Errorf("%w: %s: %s", ErrAmbiguous, l, held)
		}
		return s.add(l), nil
	})
}

// Remove removes lines, all or none, and returns how many were there. A line
// that is not there exactly as given is no error. See Add.
func (p *Policy) Remove(lines ...[]string) (int, error) {
	return p.change("remove", lines, func(s *lineSet, l line) (bool, error) {
		if held := s.like(l); held == nil || !held.equal(l) {
			return false, nil
		}
		s.remove(l)
		return true, nil
	})
}

// change does one thing with each of the lines, and publishes the outcome.
func (p *Policy) change(op string, lines [][]string, do func(*lineSet, line) (bool, error)) (int, error) {
	if p.def == nil {
		return 0, fmt.Errorf("%s: %w: the policy is not open", op, ErrPolicy)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next, changed := p.lines.clone(), 0
	for i, cells := range lines {
		l, err := p.def.line(cells)
		if err != nil {
			return 0, fmt.Errorf("%s line %d: %w", op, i+1, err)
		}
		ok, err := do(&next, l)
		if err != nil {
			return 0, fmt.Errorf("%s line %d: %w", op, i+1, err)
		}
		if ok {
			changed++
		}
	}
	if changed == 0 {
		return 0, nil
	}
	if err := p.publish(next); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	return changed, nil
}

// publish makes the lines the policy that answers.
func (p *Policy) publish(lines lineSet) error {
	a, err := p.def.build(lines.inOrder())
	if err != nil {
		return err
	}
	p.lines = lines
	p.answer.Store(&a)
	return nil
}

func quoteShort(s string) string {
	const limit = 120
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}
