package command

import (
	"fmt"
	"time"
)

// progress tells on the standard error how far long work is: on a terminal in one
// line that is written over, elsewhere in a line now and then. What is short tells nothing.
type progress struct {
	env      *Env
	what     string
	terminal bool
	next     time.Time
	shown    bool
}

func newProgress(env *Env, what string) *progress {
	p := &progress{env: env, what: what, terminal: env.Terminal(env.Err)}
	p.next = env.Now().Add(p.pause(500 * time.Millisecond))
	return p
}

func (p *progress) pause(onTerminal time.Duration) time.Duration {
	if p.terminal {
		return onTerminal
	}
	return 5 * time.Second
}

// tell says how far the work is. It is for one goroutine at a time.
func (p *progress) tell(done, all int) {
	now := p.env.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(p.pause(100 * time.Millisecond))
	begin, end := "", "\n"
	if p.terminal {
		begin, end = "\r\x1b[K", ""
	}
	fmt.Fprintf(p.env.Err, "%s%s: %d of %d%s", begin, p.what, done, all, end) //nolint:errcheck // only progress
	p.shown = true
}

// end removes the line.
func (p *progress) end() {
	if p.shown && p.terminal {
		fmt.Fprint(p.env.Err, "\r\x1b[K") //nolint:errcheck // only progress
	}
}
