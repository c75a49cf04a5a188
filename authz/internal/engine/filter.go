package engine

import (
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/model"
)

// Filter is the records of the request's type to which its user may do its
// action. It is complete if it has no others.
func (s *Snapshot) Filter(u User, req *model.Request, clock func() time.Time) (x filter.Expr, complete bool, err error) {
	return filter.False, true, nil
}
