package mask

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkHalf checks what a text mask shows of a text, and returns 1 if it is a part of it.
// For last and first, not more than half of the characters are shown; for email, of those
// before the @; for phone, of the digits.
func checkHalf(t *testing.T, name, text string, got any) int {
	t.Helper()
	s, ok := got.(string)
	if !ok || !utf8.ValidString(s) {
		t.Fatalf("%s shows %#v of %q", name, got, text)
	}
	if s == stars {
		return 0
	}
	whole, part, fits := parts(name, text, s)
	if !fits || 2*utf8.RuneCountInString(part) > utf8.RuneCountInString(whole) {
		t.Fatalf("%s shows %q of %q", name, s, text)
	}
	return 1
}

// parts are the characters of which half is hidden, and those of them that are shown;
// fits tells whether the rest is as it should be.
func parts(name, text, s string) (whole, part string, fits bool) {
	switch {
	case s == "":
		return "", "", text == "" && name != "email" && name != "phone"
	case strings.HasPrefix(name, "last"):
		part, fits = strings.CutPrefix(s, stars)
		return text, part, fits && strings.HasSuffix(text, part)
	case strings.HasPrefix(name, "first"):
		part, fits = strings.CutSuffix(s, stars)
		return text, part, fits && strings.HasPrefix(text, part)
	case name == "email":
		local, domain, _ := strings.Cut(text, "@")
		part, fits = strings.CutSuffix(s, stars+"@"+domain)
		return local, part, fits && strings.HasPrefix(local, part)
	case name == "phone":
		digits := func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}
		whole, part = strings.Map(digits, text), strings.Map(digits, s)
		return whole, part, len(s) == len(text) && len(part) == 3 && strings.HasSuffix(whole, part)
	}
	return "", "", false
}

func FuzzMasks(f *testing.F) {
	for _, name := range append(everyName, "last99", "range1000000000000", "last04", "other") {
		for _, text := range []string{
			"", "a", "12345678", "-12345678.5e3", "ann@example.com", "+49 (151) 123-4567", "1987-06-05T04:03:02Z", "日本語日本語日本語", "ab\xffcd\xc3", "e\u0301@\x00", `"12345678"`,
		} {
			f.Add(name, text)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		mask, err := New(name, key)
		if err != nil {
			if mask != nil {
				t.Fatalf("%q is both a mask and none", name)
			}
			return
		}
		got := mask.Apply(text)
		if strings.HasPrefix(name, "last") || strings.HasPrefix(name, "first") || name == "email" || name == "phone" {
			checkHalf(t, name, text, got)
		}
		if got == any(text) && text != "" && !strings.Contains(text, "*") {
			t.Fatalf("%s shows %q whole", name, text)
		}
		if again := mask.Apply(&text); again != got {
			t.Fatalf("%s shows %#v of %q and %#v of a pointer to it", name, got, text, again)
		}
		for _, v := range []any{json.Number(text), json.RawMessage(text), []byte(text)} {
			if s, ok := mask.Apply(v).(string); ok && !utf8.ValidString(s) {
				t.Fatalf("%s shows broken text %q of %s", name, s, fmt.Sprintf("%T %q", v, text))
			}
		}
	})
}
