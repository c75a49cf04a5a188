package mask

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ofText makes a mask of one of valid UTF-8.
func ofText(show func(text string) string) Func {
	return func(value any) any {
		switch v := value.(type) {
		case string:
			if utf8.ValidString(v) {
				return show(v)
			}
			return stars
		case int64, uint64, float64, json.Number:
			if d, ok := decimalOf(v); ok {
				return show(d.unsigned())
			}
			return stars
		case bool, time.Time:
			return stars
		}
		return nil
	}
}

// last shows the last n characters.
func last(n int) func(string) string {
	return func(text string) string {
		if !longEnough(text, n) {
			return allHidden(text)
		}
		at := len(text)
		for range n {
			_, size := utf8.DecodeLastRuneInString(text[:at])
			at -= size
		}
		return stars + text[at:]
	}
}

// first shows the first n characters.
func first(n int) func(string) string {
	return func(text string) string {
		if !longEnough(text, n) {
			return allHidden(text)
		}
		at := 0
		for range n {
			_, size := utf8.DecodeRuneInString(text[at:])
			at += size
		}
		return text[:at] + stars
	}
}

// longEnough tells whether n characters are no more than half of the text.
func longEnough(text string, n int) bool { return utf8.RuneCountInString(text) >= 2*n }

// allHidden is text of which nothing is shown. There is nothing to hide in empty text.
func allHidden(text string) string {
	if text == "" {
		return ""
	}
	return stars
}

// email shows the first character of an address and its domain.
func email(text string) string {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || local == "" || !isDomain(domain) {
		return stars
	}
	_, size := utf8.DecodeRuneInString(local)
	if size == len(local) {
		size = 0
	}
	return local[:size] + stars + "@" + domain
}

// isDomain keeps email from showing what merely has an @ in it, such as a note or a
// link with a password.
func isDomain(s string) bool {
	const longest = 253
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_", r)
	})
}

// phone shows the last three digits of a phone number and how it is written.
func phone(text string) string {
	const shown, fewest = 3, 6
	digits := 0
	for i, r := range text {
		switch {
		case isDigit(r):
			digits++
		case !strings.ContainsRune(" -./()", r) && (i > 0 || r != '+'):
			return stars
		}
	}
	if digits < fewest {
		return stars
	}
	return strings.Map(func(r rune) rune {
		if !isDigit(r) {
			return r
		}
		if digits--; digits < shown {
			return r
		}
		return '*'
	}, text)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
