package crm

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name makes a name of our schema (see model.CheckName) of a product's name for an
// object, field or permission. What is a name without a colon stays as it is;
// in others, what may not stand becomes : and two hexadecimal digits a byte, and :: goes
// before what may not begin. Different names stay different.
func Name(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		inside := r == '_' || r == '.' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		if !inside || r == utf8.RuneError && size == 1 {
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, ":%02X", c)
			}
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	name := b.String()
	if first, _ := utf8.DecodeRuneInString(name); name == "" || first == '_' || unicode.IsLetter(first) {
		return name
	}
	return "_::" + name
}
