// Package difftest asks two deciders the same random questions about the same
// random policies. [Generate] makes a case of a seed, [Run] asks the reference
// and a decider of the caller's, and shrinks a case on which they differ to
// the smallest that it finds.
package difftest

import (
	"fmt"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/reference"
	"github.com/crmauthz/crmauthz/model"
)

// Case is a policy and questions about it. Its parts are shared by cases and
// not to be changed.
type Case struct {
	Seed       uint64
	Schema     *model.Schema  // of the tenant, its extension among it; many cases have the same
	Conditions *condition.Set // of the schema
	Tenant     string
	Lines      []model.Line // of the tenant
	BaseLines  []model.Line // of the base policy
	Questions  []Question
}

// Question asks for a decision or, with a field, for the field's level.
type Question struct {
	Request model.Request
	Field   string
}

// Decider answers questions.
type Decider interface {
	Decide(model.Request) (bool, error)
	FieldLevel(model.Request, string) (model.FieldLevel, error)
}

// Answer is what a decider said. Of errors only that there was one counts.
type Answer struct {
	Err     error
	Allowed bool
	Field   model.FieldLevel
}

// same tells whether two answers agree.
func (a Answer) same(b Answer) bool {
	return a.Allowed == b.Allowed && a.Field == b.Field && (a.Err != nil) == (b.Err != nil)
}

func (a Answer) of(field string) string {
	switch {
	case field != "" && a.Err != nil:
		return fmt.Sprintf("%v, error: %v", a.Field, a.Err)
	case field != "":
		return a.Field.String()
	case a.Err != nil:
		return fmt.Sprintf("allowed %v, error: %v", a.Allowed, a.Err)
	case a.Allowed:
		return "allowed"
	}
	return "denied"
}

// Ask asks a decider one question.
func Ask(d Decider, q Question) (a Answer) {
	if q.Field != "" {
		a.Field, a.Err = d.FieldLevel(q.Request, q.Field)
	} else {
		a.Allowed, a.Err = d.Decide(q.Request)
	}
	return a
}

// Difference is a question that the reference and the decider answer differently.
type Difference struct {
	Case Case // shrunk, with the one question
	Want Answer
	Got  Answer
}

// Run asks the reference and what build makes of the case of a seed the same
// questions. It returns how many were asked of both, and the first difference,
// shrunk; nil if there was none.
func Run(seed uint64, build func(Case) (Decider, error)) (pairs int, diff *Difference) {
	c := Generate(seed)
	want, wantErr := Reference(c)
	got, gotErr := build(c)
	if wantErr != nil || gotErr != nil {
		return 0, &Difference{Case: c, Want: Answer{Err: wantErr}, Got: Answer{Err: gotErr}}
	}
	for i, q := range c.Questions {
		w, g := Ask(want, q), Ask(got, q)
		if !w.same(g) {
			c.Questions = []Question{q}
			return i + 1, shrink(Difference{c, w, g}, build)
		}
	}
	return len(c.Questions), nil
}

// Reference builds the reference of a case: one of its instants at a time, when asked.
func Reference(c Case) (Decider, error) {
	d := &instants{c: c, at: map[time.Time]*reference.Reference{}}
	for _, q := range c.Questions {
		if _, err := d.of(q.Request); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// instants is the reference of a case at each instant asked about.
type instants struct {
	c  Case
	at map[time.Time]*reference.Reference
}

func (d *instants) of(q model.Request) (*reference.Reference, error) {
	r, ok := d.at[q.At]
	if !ok {
		var err error
		r, err = reference.New(d.c.Schema, d.c.Conditions, d.c.Tenant, d.c.Lines, d.c.BaseLines, q.At)
		if err != nil {
			return nil, err
		}
		d.at[q.At] = r
	}
	return r, nil
}

func (d *instants) Decide(q model.Request) (bool, error) {
	r, err := d.of(q)
	if err != nil {
		return false, err
	}
	return r.Decide(q)
}

func (d *instants) FieldLevel(q model.Request, field string) (model.FieldLevel, error) {
	r, err := d.of(q)
	if err != nil {
		return model.FieldHidden, err
	}
	return r.FieldLevel(q, field)
}
