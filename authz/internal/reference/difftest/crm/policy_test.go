// Package crm_test holds what the products' packages compile to against Casbin: the
// scenarios of testdata/crm, and random organisations in each product's words. Every
// question is put to the engine, to the reference and, about a record, to the filter.
package crm_test

import (
	"fmt"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

const tenant = "acme"

// policy answers questions about a compiled organisation in three ways.
type policy struct {
	*crm.Policy
	conditions *condition.Set
	lines      []model.Line
	snapshot   *engine.Snapshot
	product    product
}

func compile(p *crm.Policy) (*policy, error) {
	conditions, err := condition.Compile(p.Schema)
	if err != nil {
		return nil, err
	}
	c := &policy{Policy: p, conditions: conditions}
	for _, f := range p.Facts {
		l, err := model.Encode(f)
		if err != nil {
			return nil, err
		}
		c.lines = append(c.lines, l)
	}
	c.snapshot, err = engine.Compile(engine.NewSchema(p.Schema, conditions), nil, tenant, 1, c.lines)
	return c, err
}

// ask puts questions to all three. It returns the answers on which they agree.
func (p *policy) ask(questions []difftest.Question) ([]difftest.Answer, error) {
	reference, err := difftest.Reference(difftest.Case{
		Schema: p.Schema, Conditions: p.conditions, Tenant: tenant, Lines: p.lines, Questions: questions,
	})
	if err != nil {
		return nil, err
	}
	answers := make([]difftest.Answer, len(questions))
	for i, q := range questions {
		want, got := difftest.Ask(reference, q), difftest.Ask(decider{p.snapshot}, q)
		if want.Allowed != got.Allowed || want.Field != got.Field || (want.Err != nil) != (got.Err != nil) {
			return nil, fmt.Errorf("the engine says %+v, Casbin %+v, of %+v", got, want, q)
		}
		if q.Request.Record != nil && q.Field == "" && want.Err == nil {
			if err := p.askFilter(q.Request, want.Allowed); err != nil {
				return nil, err
			}
		}
		answers[i] = want
	}
	return answers, nil
}

// askFilter tells whether the filter of a request has its record if it is allowed, and only then.
func (p *policy) askFilter(q model.Request, allowed bool) error {
	about := q
	about.Record, about.ID, about.Type = nil, "", q.Record.Type
	x, complete, err := p.snapshot.Filter(engine.User{}, &about, noClock)
	if err != nil {
		return err
	}
	if has := filter.Eval(x, q.Record) == filter.True; has != allowed && (complete || allowed) {
		return fmt.Errorf("the filter says %v, the decision %v, of %+v %+v\n%s", has, allowed, q, q.Record, filter.Format(x))
	}
	if !complete {
		return fmt.Errorf("the filter of %+v is not complete", about)
	}
	return nil
}

type decider struct{ *engine.Snapshot }

func (d decider) Decide(q model.Request) (bool, error) {
	v, err := d.Snapshot.Decide(&q, noClock)
	return v.Allowed(), err
}

func (d decider) FieldLevel(q model.Request, field string) (model.FieldLevel, error) {
	return d.Snapshot.FieldLevel(&q, field, noClock)
}

func noClock() time.Time { panic("the questions bring their instant") }
