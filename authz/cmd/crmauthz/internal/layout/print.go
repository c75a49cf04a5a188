package layout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A list or mapping that is written in one line may have so many characters; an entry of a
// policy that is not is put into one line if it has few, as model.FormatPolicy does.
const (
	most = 140
	few  = 100
)

// factLists are the lists of a policy; words is the order of the words in their entries.
var (
	factLists = []string{"members", "org", "rules", "teams", "fields", "off"}
	words     = []string{"who", "in", "under", "may", "may not", "has", "below", "what", "on", "mode", "except", "scope", "as", "if", "from", "until"}
)

// printer writes the nodes of a document, and between them the comments, at the
// place where they stood.
type printer struct {
	scanned
	out    strings.Builder
	next   int // of the comments
	gapped int // the last line before which a blank line was looked for
	err    error
}

func newPrinter(text []byte, doc *yaml.Node) *printer { return &printer{scanned: scan(text, doc)} }

func (p *printer) fail(n *yaml.Node, what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: line %d: %s", ErrLayout, n.Line, what)
	}
}

func (p *printer) document(doc *yaml.Node) {
	end := len(p.lines) + 1
	p.before(doc.Line, 0, 1)
	if doc.Kind == yaml.ScalarNode || p.isFlow(doc, false) {
		p.out.WriteString(p.inline(doc, false))
		p.endLine(p.last(doc))
	} else {
		p.block(doc, 0, end, "")
	}
	p.before(end, 0, 1)
}

// before writes the comments that stand alone before a line, from a column on, and
// keeps a blank line of those before it.
func (p *printer) before(line, indent, column int) {
	for p.next < len(p.comments) && p.comments[p.next].line < line {
		c := p.comments[p.next]
		if c.column < column && c.alone {
			return
		}
		p.gap(c.line)
		p.out.WriteString(strings.Repeat(" ", indent) + c.text + "\n")
		p.next++
	}
	if line < len(p.lines) {
		p.gap(line)
	}
}

// gap keeps a blank line before a line, unless something has just begun.
func (p *printer) gap(line int) {
	text := p.out.String()
	begins := text == "" || strings.HasSuffix(text, "\n\n") || strings.HasSuffix(text, ":\n") || line == p.gapped
	p.gapped = line
	if line > 1 && strings.TrimSpace(p.lines[line-1]) == "" && !begins {
		p.out.WriteByte('\n')
	}
}

// endLine ends a line with the comment behind what was written, which ends on a line of the text.
func (p *printer) endLine(line int) {
	if p.next < len(p.comments) && !p.comments[p.next].alone && p.comments[p.next].line <= line {
		p.out.WriteString(" " + p.comments[p.next].text)
		p.next++
	}
	p.out.WriteByte('\n')
}

// block writes a list or mapping in lines of their own. What follows it in the
// text begins on the line end; list is the word under which it stands.
func (p *printer) block(n *yaml.Node, indent, end int, list string) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
		n = p.inOrder(n, list)
	}
	for i := 0; i < len(n.Content); i += step {
		next := end
		if i+step < len(n.Content) {
			next = n.Content[i+step].Line
		}
		first := n.Content[i]
		if at := strings.LastIndexByte(p.out.String(), '\n') + 1; at == p.out.Len() { // else behind "- "
			p.before(first.Line, indent, 1)
			p.out.WriteString(strings.Repeat(" ", indent))
		}
		if step == 1 {
			p.item(first, indent, next, list)
		} else {
			p.pair(first, n.Content[i+1], indent, next)
		}
	}
	p.before(min(end, p.endOf(n, end)), indent, n.Column)
}

// endOf is where comments that belong to a block end.
func (p *printer) endOf(n *yaml.Node, end int) int {
	if n.Style&yaml.FlowStyle != 0 {
		return 0
	}
	return end
}

// item writes an item of a list behind "- ".
func (p *printer) item(n *yaml.Node, indent, end int, list string) {
	p.out.WriteString("- ")
	entry := slices.Contains(factLists, list)
	switch {
	case n.Kind == yaml.ScalarNode:
		p.scalar(n, indent+2)
	case p.isFlow(n, entry):
		if entry {
			n = p.inOrder(n, list)
		}
		p.out.WriteString(p.inline(n, false))
		p.endLine(p.last(n))
	default:
		p.block(n, indent+2, end, list)
	}
}

// pair writes a word of a mapping and its value.
func (p *printer) pair(word, value *yaml.Node, indent, end int) {
	if word.Kind != yaml.ScalarNode {
		p.fail(word, "a word is no list or mapping")
		return
	}
	p.out.WriteString(p.inline(word, false) + ":")
	switch {
	case value.Kind == yaml.ScalarNode && value.Value == "" && value.ShortTag() == "!!null":
		p.endLine(word.Line)
	case value.Kind == yaml.ScalarNode:
		p.out.WriteByte(' ')
		p.scalar(value, indent+2)
	case p.isFlow(value, false):
		p.out.WriteString(" " + p.inline(value, false))
		p.endLine(p.last(value))
	default:
		p.endLine(word.Line)
		p.block(value, indent+2, end, word.Value)
	}
}

// scalar writes a scalar and ends its line.
func (p *printer) scalar(n *yaml.Node, indent int) {
	raw := p.raw[n]
	if len(raw) < 2 || strings.ContainsAny(raw[0], "0123456789") {
		p.out.WriteString(p.inline(n, false))
		p.endLine(p.last(n))
		return
	}
	p.out.WriteString(raw[0])
	p.endLine(n.Line)
	for _, line := range raw[1:] {
		if line != "" {
			p.out.WriteString(strings.Repeat(" ", indent) + line)
		}
		p.out.WriteByte('\n')
	}
}

// isFlow tells whether a list or mapping is to be written in one line: if it was, or is
// an entry of a policy, and it is not too long and has no comments or lines in it.
func (p *printer) isFlow(n *yaml.Node, entry bool) bool {
	if len(n.Content) == 0 {
		return true
	}
	flow := n.Style&yaml.FlowStyle != 0
	if !flow && !entry || p.hasComments(n) || p.hasBlocks(n) {
		return false
	}
	limit := few
	if flow {
		limit = most
	}
	return utf8.RuneCountInString(p.inline(n, false)) <= limit+len("{}")
}

// hasComments tells whether comments stand between the lines of a node.
func (p *printer) hasComments(n *yaml.Node) bool {
	i, _ := slices.BinarySearchFunc(p.comments, n.Line, func(c comment, line int) int { return cmp.Compare(c.line, line) })
	return i < len(p.comments) && p.comments[i].line < p.last(n)
}

// hasBlocks tells whether some scalar in the node has lines of its own.
func (p *printer) hasBlocks(n *yaml.Node) bool {
	return p.raw[n] != nil || slices.ContainsFunc(n.Content, p.hasBlocks)
}

// inOrder is an entry of a policy's list with its words in order.
func (p *printer) inOrder(n *yaml.Node, list string) *yaml.Node {
	if n.Kind != yaml.MappingNode || !slices.Contains(factLists, list) || p.hasComments(n) {
		return n
	}
	ordered := *n
	ordered.Content = nil
	for _, word := range words {
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == word {
				ordered.Content = append(ordered.Content, n.Content[i], n.Content[i+1])
			}
		}
	}
	if len(ordered.Content) != len(n.Content) {
		return n // it has other words
	}
	return &ordered
}

// inline is a node in one line. Inside of another list or mapping in one line, plain
// texts may have less.
func (p *printer) inline(n *yaml.Node, inside bool) string {
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 {
		p.fail(n, "anchors, aliases and tags have no form")
	}
	var parts []string
	switch n.Kind {
	case yaml.ScalarNode:
		return inlineScalar(n, inside)
	case yaml.SequenceNode:
		for _, c := range n.Content {
			parts = append(parts, p.inline(c, true))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind != yaml.ScalarNode {
			p.fail(n.Content[i], "a word is no list or mapping")
		}
		parts = append(parts, p.inline(n.Content[i], true)+": "+p.inline(n.Content[i+1], true))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func inlineScalar(n *yaml.Node, inside bool) string {
	v := n.Value
	switch {
	case n.ShortTag() == "!!null":
		return "null"
	case n.Style == 0 && isPlain(v, inside), isSimple(v) && n.ShortTag() == "!!str":
		return v
	case n.Style&yaml.SingleQuotedStyle != 0 && strings.ContainsAny(v, `\"`) && printable(v):
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return quote(v)
}

// isPlain tells whether a text that was written without quotes can be again.
func isPlain(s string, inside bool) bool {
	return s != "" && printable(s) && !(inside && strings.ContainsAny(s, ",[]{}"))
}

// isSimple tells whether a text needs no quotes anywhere.
func isSimple(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) || strings.HasSuffix(s, ":") || strings.HasSuffix(s, " ") || strings.Contains(s, ": ") || strings.Contains(s, " #") {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("_.:-/#@% ", r) {
			return false
		}
	}
	return !slices.Contains(keywords, strings.ToLower(s))
}

// keywords are no texts to YAML, or to its older versions.
var keywords = []string{"null", "true", "false", "y", "n", "yes", "no", "on", "off"}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}

// quote writes a text in double quotes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
