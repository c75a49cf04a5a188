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
