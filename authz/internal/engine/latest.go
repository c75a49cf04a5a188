package engine

import (
	"sync/atomic"
	"time"
)

// Latest is the latest instant that a clock has shown, in whole seconds, as switches have them: a
// clock that is set back begins nothing anew, and ends nothing that has begun. It is safe
// for concurrent use; nil notes nothing.
type Latest struct{ second atomic.Int64 }

// Note notes what the clock shows, and returns the latest instant that it has shown.
func (l *Latest) Note(now time.Time) time.Time {
	if l == nil {
		return now
	}
	for {
		switch latest := l.second.Load(); {
		case latest != 0 && now.Unix() < latest:
			return time.Unix(latest, 0).UTC()
		case now.Unix() == latest || l.second.CompareAndSwap(latest, now.Unix()):
			return now
		}
	}
}
