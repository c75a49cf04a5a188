package plain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// line is one line of a policy.
type line struct {
	ptype  string
	values []string
	key    string // what Casbin knows the line by
	at     int    // its place among the others
}

// line checks the cells as Casbin's loader does, and keeps a copy of them.
func (d *definition) line(cells []string) (line, error) {
	if len(cells) == 0 || cells[0] == "" {
		return line{}, fmt.Errorf("%w: it does not begin with p or g", ErrLine)
	}
	cells = slices.Clone(cells)
	l := line{ptype: cells[0], values: cells[1:], key: strings.Join(cells, ",")}
	section := l.ptype[:1]
	if section != "p" && section != "g" { // Casbin would keep some of these, to no effect
		return line{}, fmt.Errorf("%w: %s: it does not begin with p or g", ErrLine, l)
	}
	if _, err := d.model.HasPolicyEx(section, l.ptype, l.values); err != nil {
		return line{}, fmt.Errorf("%w: %s: %w", ErrLine, l, err)
	}
	return l, nil
}

func (l line) equal(other line) bool {
	return l.ptype == other.ptype && slices.Equal(l.values, other.values)
}

func (l line) String() string {
	return quoteShort(strings.Join(append([]string{l.ptype}, l.values...), ", "))
}

// lineSet holds lines in the order in which they came, by Casbin's notion of
// which are the same.
type lineSet struct {
	byKey map[string]*line // no line changes once it is here
	next  int
}

// like returns the line that is there and that Casbin takes for l, or nil.
func (s *lineSet) like(l line) *line { return s.byKey[l.key] }

func (s *lineSet) add(l line) bool {
	if s.like(l) != nil {
		return false
	}
	if s.byKey == nil {
		s.byKey = map[string]*line{}
	}
	l.at = s.next
	s.next++
	s.byKey[l.key] = &l
	return true
}

func (s *lineSet) remove(l line) { delete(s.byKey, l.key) }

func (s *lineSet) clone() lineSet { return lineSet{maps.Clone(s.byKey), s.next} }

func (s *lineSet) inOrder() []*line {
	return slices.SortedFunc(maps.Values(s.byKey), func(a, b *line) int { return cmp.Compare(a.at, b.at) })
}
