package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// jsonFlag adds the flag --json.
func jsonFlag(cmd *cobra.Command) *bool { return cmd.Flags().Bool("json", false, "write JSON") }

// writeJSON writes a value as indented JSON.
func writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// paper is text that is put together before it is written.
type paper struct {
	strings.Builder
	colours bool
}

// noColours is the variable by which users tell all programs that they want none.
const noColours = "NO_COLOR" //nolint:misspell // so it is called

// newPaper is one for the command's output, coloured only on a terminal.
func newPaper(env *Env) *paper {
	return &paper{colours: env.Terminal(env.Out) && env.Getenv(noColours) == "" && env.Getenv("TERM") != "dumb"}
}

func (p *paper) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) } //nolint:errcheck // a Builder does not fail

func (p *paper) colour(code, s string) string {
	if !p.colours {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *paper) bold(s string) string  { return p.colour("1", s) }
func (p *paper) red(s string) string   { return p.colour("31", s) }
func (p *paper) green(s string) string { return p.colour("32", s) }

// mark is ✓ for what passed, ✗ for what did not.
func (p *paper) mark(passed bool) string {
	if passed {
		return p.green("✓")
	}
	return p.red("✗")
}

// wrapped writes text in lines of some 90 characters, the first behind a heading,
// the others indented as far.
func (p *paper) wrapped(heading, text string) {
	const width = 90
	p.WriteString(heading)
	at := utf8.RuneCountInString(heading)
	indent := strings.Repeat(" ", at)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			p.WriteString("\n" + indent)
			at = len(indent)
		default:
			p.WriteString(" ")
			at++
		}
		p.WriteString(word)
		at += n
	}
	p.WriteString("\n")
}

// plural is "1 row", "2 rows".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
