package authzhttp

import (
	"net/url"
	"time"
)

// SetCheckTimeout lets tests not wait.
func (g *Guard) SetCheckTimeout(d time.Duration) { g.checkTimeout = d }

// PlainPath is plainPath.
func PlainPath(u *url.URL) bool { return plainPath(u) }
