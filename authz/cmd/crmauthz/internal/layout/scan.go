package layout

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// comment is a comment of the text.
type comment struct {
	line, column int    // from 1
	alone        bool   // on its line
	text         string // with the #
}

// scanned is what the nodes of a document do not tell of its text.
type scanned struct {
	lines    []string // from 1
	comments []comment
	ends     map[*yaml.Node]int      // the last line of scalars of several lines
	raw      map[*yaml.Node][]string // the lines of block scalars, the first being the header
}

// scan finds the comments of a text. A # begins one behind a blank, unless it
// stands inside of a scalar, which the nodes tell.
func scan(text []byte, doc *yaml.Node) scanned {
	s := scanned{lines: []string{""}, ends: map[*yaml.Node]int{}, raw: map[*yaml.Node][]string{}}
	for line := range bytes.Lines(text) {
		s.lines = append(s.lines, strings.TrimRight(string(line), "\r\n"))
	}
	inside := map[int][]span{} // of scalars, by line
	s.scalars(doc, inside)
	for number, line := range s.lines {
		if at := commentAt(line, inside[number]); at >= 0 {
			s.comments = append(s.comments, comment{
				number, at + 1, strings.TrimSpace(line[:at]) == "", strings.TrimRight(line[at:], " \t"),
			})
		}
	}
	return s
}

// span is a part of a line.
type span struct{ from, to int }

func commentAt(line string, inside []span) int {
	for i := range len(line) {
		if line[i] != '#' || i > 0 && line[i-1] != ' ' && line[i-1] != '\t' {
			continue
		}
		within := false
		for _, s := range inside {
			within = within || s.from <= i && i < s.to
		}
		if !within {
			return i
		}
	}
	return -1
}

// scalars marks where quoted and block scalars stand.
func (s *scanned) scalars(n *yaml.Node, inside map[int][]span) {
	switch {
	case n.Kind != yaml.ScalarNode:
		for _, c := range n.Content {
			s.scalars(c, inside)
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.block(n, inside)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		s.quoted(n, inside)
	}
}

// quoted follows a quoted scalar to its closing quote.
func (s *scanned) quoted(n *yaml.Node, inside map[int][]span) {
	mark, at := byte('"'), byteAt(s.lines[n.Line], n.Column)+1
	if n.Style&yaml.SingleQuotedStyle != 0 {
		mark = '\''
	}
	for number := n.Line; number < len(s.lines); number++ {
		line, from := s.lines[number], at-1
		if number > n.Line {
			from = 0
		}
		for ; at < len(line); at++ {
			switch {
			case line[at] == '\\' && mark == '"':
				at++
			case line[at] == mark && mark == '\'' && at+1 < len(line) && line[at+1] == mark:
				at++
			case line[at] == mark:
				inside[number] = append(inside[number], span{from, at + 1})
				s.ends[n] = number
				return
			}
		}
		inside[number] = append(inside[number], span{from, len(line)})
		at = 0
	}
}

// byteAt is the place in bytes of a column, which YAML counts in characters.
func byteAt(line string, column int) int {
	for i := range line {
		if column--; column == 0 {
			return i
		}
	}
	return len(line)
}

// block takes the lines of a block scalar: those that are indented as far as the first,
// and what is blank between them.
func (s *scanned) block(n *yaml.Node, inside map[int][]span) {
	raw := []string{strings.TrimRight(s.lines[n.Line][byteAt(s.lines[n.Line], n.Column):], " \t")}
	if header, _, found := strings.Cut(raw[0], " "); found {
		raw[0] = header // a comment follows
	}
	indent, last := -1, n.Line
	for number := n.Line + 1; number < len(s.lines); number++ {
		line := s.lines[number]
		blanks := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indent < 0 {
			indent = blanks
		}
		if blanks < indent || blanks == 0 {
			break
		}
		last = number
	}
	for number := n.Line + 1; number <= last; number++ {
		line := s.lines[number]
		inside[number] = append(inside[number], span{0, len(line) + 1})
		raw = append(raw, strings.TrimRight(line[min(max(indent, 0), len(line)):], "\r"))
	}
	s.ends[n], s.raw[n] = last, raw
}

// last is the last line of a node, as far as its scalars tell.
func (s *scanned) last(n *yaml.Node) int {
	if end, ok := s.ends[n]; ok {
		return end
	}
	line := n.Line
	if n.Kind == yaml.ScalarNode && n.Style == 0 {
		line += strings.Count(n.Value, "\n")
	}
	for _, c := range n.Content {
		line = max(line, s.last(c))
	}
	return line
}
