package engine

import (
	"fmt"
	"iter"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Schema is the schema of the snapshot's tenant.
func (s *Snapshot) Schema() *model.Schema { return s.schema.Schema }

// Users yields every user of whom there are facts, in no order.
func (s *Snapshot) Users() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range s.names {
			if model.KindOf(name) == model.User && !yield(name) {
				return
			}
		}
	}
}

// Stranger is a user of whom there are no facts, and nobody knows her name.
var Stranger = fmt.Sprintf("user:%016x", secrets[0]^secrets[1])

// Groups is the groups that a request's user is in, in no order.
func (s *Snapshot) Groups(req *model.Request, clock func() time.Time) []string {
	q := question{Snapshot: s, who: s.subject(req.User), at: utc(req.At), begun: utc(req.At)}
	if req.At.IsZero() && s.timely {
		q.readClock(clock)
	}
	q.findGroups(req)
	var names []string
	for g := range q.who.inGroups {
		names = append(names, s.names[g])
	}
	return names
}

// Level is the level that a request's user has of its record.
func (s *Snapshot) Level(req *model.Request, clock func() time.Time) (model.Level, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil || req.Record == nil {
		return model.LevelNone, err
	}
	return q.level(req, req.Record), nil
}

// MayHold tells whether a condition is not known not to hold of a request.
func (s *Snapshot) MayHold(condition string, req *model.Request, clock func() time.Time) (bool, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil {
		return true, err
	}
	return q.condition(req, condition, req.Record, model.Deny), nil
}

// Forbids tells whether a rule or constraint forbids a request, whatever is switched off.
func (s *Snapshot) Forbids(req *model.Request, clock func() time.Time) (bool, error) {
	var q question
	if err := s.ask(&q, req, nil, clock); err != nil {
		return true, err
	}
	forbidding, _ := q.customerRules(req)
	return forbidding.found() || q.constraint(req) != "", nil
}
