package main

import (
	"fmt"
	"strings"
	"unicode"
)

// printer gathers a text for people to read.
type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

func (p *printer) title(text string) {
	p.line("%s\n%s\n", text, strings.Repeat("─", width(text)))
}

// box writes a table, its first row the header.
func (p *printer) box(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	rule := func(left, middle, right string) {
		var parts []string
		for _, w := range widths {
			parts = append(parts, strings.Repeat("─", w+2))
		}
		p.line("   %s", left+strings.Join(parts, middle)+right)
	}
	rule("┌", "┬", "┐")
	for i, row := range rows {
		var cells []string
		for j, cell := range row {
			cells = append(cells, " "+cell+strings.Repeat(" ", widths[j]-width(cell))+" ")
		}
		p.line("   │%s│", strings.Join(cells, "│"))
		if i == 0 {
			rule("├", "┼", "┤")
		}
	}
	rule("└", "┴", "┘")
	p.line("")
}

// width is how many columns of a terminal a text takes.
func width(text string) int {
	n := 0
	for _, r := range text {
		n++
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			n++
		}
	}
	return n
}

// mark is ✓ for what is allowed, ✗ for what is not.
func mark(allowed bool) string {
	if allowed {
		return "✓"
	}
	return "✗"
}

// short leaves out what every line of a story repeats.
func short(id string) string {
	for _, prefix := range []string{"user:", "account/"} {
		id = strings.TrimPrefix(id, prefix)
	}
	return id
}
