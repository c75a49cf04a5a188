package engine

import (
	"cmp"
	"fmt"
	"math"

	"github.com/crmauthz/crmauthz/model"
)

// placement is where in a snapshot a rule belongs, and what is kept of it there.
type placement struct {
	kind    kind
	cell    uint32 // of its kind
	typ     uint32 // index of the type; 0: every one
	index   int    // of the action or field in its type, from 1; 0: every one
	id      string // of the one record it is on; empty: it is in the cell itself
	slot    int    // the mask of the cell that says it all if the rule is simple; noSlot: none
	subject string
	level   uint8
	terms   terms
}

// kind of a rule.
type kind uint32

const (
	customerRule kind = iota
	teamRule
	fieldRule
)

// noSlot: no mask stands for the rule.
const noSlot = -1

func (p *placement) onRecord() bool { return p.id != "" }

// simple tells whether a rule in a slot has no terms but the scope that the slot stands for.
func (p *placement) simple() bool {
	t := p.terms
	t.scope = 0
	return t == terms{}
}

// place decodes the line of a rule, checks it against the schema and says
// where the rule belongs. Only a rule that the schema does not know is checked
// by CheckFact, which words the error.
func (c *Schema) place(l model.Line) (placement, error) {
	switch l.Section {
	case model.CustomerRules:
		f, err := model.DecodeCustomerRule(l)
		if err != nil {
			return placement{}, err
		}
		p := placement{kind: customerRule, id: f.On.ID, slot: customerSlot(f), subject: f.Subject, level: uint8(f.Effect),
			terms: terms{scope: f.Scope, unit: f.On.Unit, condition: f.If, valid: f.Valid}}
		if !c.placeCustomer(&p, f) || !c.hasCondition(f.If) {
			return placement{}, cmp.Or(c.CheckFact(f), model.ErrUnknownType)
		}
		return p, nil
	case model.TeamRules:
		f, err := model.DecodeTeamRule(l)
		if err != nil {
			return placement{}, err
		}
		p := placement{kind: teamRule, id: f.On.ID, slot: int(f.Level), subject: f.Subject, level: uint8(f.Level),
			terms: terms{unit: f.On.Unit, condition: f.If, valid: f.Valid, as: f.As}}
		t := c.types[f.On.Type]
		if t == nil && f.On.Type != model.Any || !c.hasCondition(f.If) {
			return placement{}, cmp.Or(c.CheckFact(f), model.ErrUnknownType)
		}
		if t != nil {
			p.cell, p.typ = t.index, t.index
		}
		return p, nil
	case model.FieldRules:
		f, err := model.DecodeFieldRule(l)
		if err == nil {
			err = c.CheckFact(f)
		}
		if err != nil {
			return placement{}, err
		}
		t := c.types[f.On.Type]
		p := placement{kind: fieldRule, id: f.On.ID, cell: t.anyField, typ: t.index, subject: f.Subject, level: uint8(f.Level),
			terms: terms{condition: f.If, valid: f.Valid}}
		if f.Effect == model.Deny {
			p.level += fieldDeny
		}
		p.slot = int(p.level)
		if f := t.fields[f.On.Field]; f != nil {
			p.cell, p.index = f.cells[0], f.index+1
		}
		return p, nil
	}
	return placement{}, fmt.Errorf("engine: a line of section %q is no rule", l.Section)
}

// placeCustomer finds a customer rule's type and action, and tells whether there are such.
func (c *Schema) placeCustomer(p *placement, f model.CustomerRule) (ok bool) {
	if a := c.actions.find(f.On.Type, f.Action); a != nil {
		p.cell, p.typ, p.index = a.cells[0], a.typ.index, a.index
		return true
	}
	if f.On.Type == model.Any {
		p.cell, ok = c.anyType[f.Action]
		return ok
	}
	t := c.types[f.On.Type]
	if t == nil || f.Action != model.Any {
		return false
	}
	p.cell, p.typ = t.anyCell, t.index
	return true
}

func (c *Schema) hasCondition(name string) bool {
	if name == "" {
		return true
	}
	_, ok := c.Conditions[name]
	return ok
}

// customerSlot is the mask of a customer rule that has no terms but its scope.
func customerSlot(f model.CustomerRule) int {
	switch {
	case f.Effect == model.Allow && f.Scope == model.ScopeAll:
		return allowAll
	case f.Effect == model.Allow && f.Scope == model.ScopeLevel:
		return allowReach
	case f.Effect == model.Deny && f.Scope == model.ScopeLevel:
		return deny
	}
	return noSlot
}

// noteType notes that there is a customer rule on a type; 0: on every type.
func (s *Snapshot) noteType(index uint32) {
	if s.onTypes |= 1 << (index % 32); index == 0 {
		s.onTypes = math.MaxUint32
	}
}

// mask is the mask of a rule's slot, its cell made if need be.
func (s *Snapshot) mask(p placement) *uint64 {
	switch p.kind {
	case customerRule:
		s.noteType(p.typ)
		return &s.customer.ensure(p.cell).plain[p.slot]
	case teamRule:
		return &s.team.ensure(p.cell).plain[p.slot]
	}
	return &s.field.ensure(p.cell).plain[p.slot]
}

// rest is where a rule's cell, made if need be, keeps its rules that are no bits.
func (s *Snapshot) rest(p placement) *[]rule {
	switch p.kind {
	case customerRule:
		s.noteType(p.typ)
		return s.customer.ensureRest(p.cell)
	case teamRule:
		return s.team.ensureRest(p.cell)
	}
	return s.field.ensureRest(p.cell)
}
