package engine_test

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/internal/engine -run Differential -pairs 5000000 -timeout 0
var (
	pairs = flag.Int("pairs", 20_000, "policy-question pairs that engine and Casbin must agree on")
	seed  = flag.Uint64("seed", 1, "first seed")
)

// The engine and Casbin give the same answer to every question.
func TestDifferential(t *testing.T) {
	var next atomic.Uint64
	var asked atomic.Int64
	next.Store(*seed)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			build := compiler()
			for asked.Load() < int64(*pairs) && !t.Failed() {
				s := next.Add(1) - 1
				n, diff := difftest.Run(s, build)
				asked.Add(int64(n))
				if diff != nil {
					t.Errorf("seed %d: engine and reference disagree:\n%s", s, diff)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d pairs agree, seeds %d to %d", asked.Load(), *seed, next.Load()-1)
}

// compiler compiles cases for the engine, each schema once.
func compiler() func(difftest.Case) (difftest.Decider, error) {
	schemas := map[*model.Schema]*engine.Schema{}
	return func(c difftest.Case) (difftest.Decider, error) {
		schema := schemas[c.Schema]
		if schema == nil {
			schema = engine.NewSchema(c.Schema, c.Conditions)
			schemas[c.Schema] = schema
		}
		var base *engine.Snapshot
		if len(c.BaseLines) > 0 {
			var err error
			if base, err = engine.Compile(schema, nil, model.Base, 1, c.BaseLines); err != nil {
				return nil, err
			}
		}
		s, err := engine.Compile(schema, base, c.Tenant, 1, c.Lines)
		return newDecider(s), err
	}
}

// decider answers from a snapshot, of whose tenant the authorizer makes sure.
type decider struct {
	*engine.Snapshot
	last map[string]*engine.Levels // by user, action and type
}

func newDecider(s *engine.Snapshot) decider { return decider{s, map[string]*engine.Levels{}} }

func (d decider) Decide(q model.Request) (bool, error) {
	if q.Tenant != d.Tenant {
		return false, model.ErrUnknownTenant
	}
	v, err := d.Snapshot.Decide(&q, clockOf(q))
	return v.Allowed(), err
}

func (d decider) FieldLevel(q model.Request, field string) (model.FieldLevel, error) {
	if q.Tenant != d.Tenant {
		return model.FieldHidden, model.ErrUnknownTenant
	}
	l, err := d.Snapshot.FieldLevel(&q, field, clockOf(q))
	if err != nil {
		return l, err
	}
	page := fmt.Sprint(q.User, q.Action, q.Type)
	if q.Record != nil {
		page = fmt.Sprint(q.User, q.Action, q.Record.Type)
	}
	all, err := d.FieldLevels(engine.User{}, &q, false, d.last[page], clockOf(q))
	if err != nil {
		return l, err
	}
	if all.Uniform() {
		d.last[page] = all
	}
	if all.Of(field) != l {
		return l, fmt.Errorf("all levels together say %s, one alone %s", all.Of(field), l)
	}
	return l, nil
}

// clockOf is a clock that shows the instant of the question, for only then is a tenant open.
func clockOf(q model.Request) func() time.Time { return func() time.Time { return q.At } }

func noClock() time.Time { panic("the questions bring their instant") }
