package authzhttp_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

func TestPathsThatReadAlike(t *testing.T) {
	for raw, want := range map[string]bool{
		"/":                        true,
		"":                         true,
		"/customers/42":            true,
		"/customers/":              true,
		"/customers/a%20b":         true,
		"/customers/M%C3%BCller":   true,
		"/customers/Müller":        true,
		"/customers/a'b(c)!d":      true, // needs no escape; Go would write one
		"/customers/100%25":        true, // a percent sign, and no escape whoever decodes it
		"/customers/a:b@c;d=e,f&g": true,
		"/customers/..x/.y/z..":    true,
		"/customers/%41":           false,
		"/customers/%2541":         false,
		"/customers/%2e":           false,
		"/customers/a%2fb":         false,
		"/customers/a%2Fb":         false,
		"/customers/a%5Cb":         false,
		`/customers/a\b`:           false,
		"/customers/%00":           false,
		"/customers/%0a":           false,
		"/customers/%7f":           false,
		"/customers/%ff":           false,
		"/customers/%c0%af":        false,
		"/customers//42":           false,
		"//customers":              false,
		"/customers/.":             false,
		"/customers/./42":          false,
		"/customers/..":            false,
		"/customers/../42":         false,
		"/a'b%2fc":                 false,
		"/%7Euser":                 false,
	} {
		u, err := url.ParseRequestURI(raw)
		if raw == "" {
			u, err = new(url.URL), nil
		} else if strings.HasPrefix(raw, "//") {
			u, err = &url.URL{Path: raw}, nil // as net/http reads it
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := authzhttp.PlainPath(u); got != want {
			t.Errorf("%s: got %v", raw, got)
		}
	}
}

// Of a path that is let pass, every reader makes the same: who cleans it, decodes it once
// more, takes the other slash for one, or compares it in its shortest encoding.
func FuzzPlainPath(f *testing.F) {
	for _, seed := range []string{"/customers/42", "/a%2fb", "/%2541", "/..", "//", `/\`, "/a'b", "/%c3%bc", "/a/", "/100%25", "/x;y=z", "/*", "/%2a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || !strings.HasPrefix(u.Path, "/") || !authzhttp.PlainPath(u) {
			return
		}
		clean := path.Clean(u.Path)
		if strings.HasSuffix(u.Path, "/") && clean != "/" {
			clean += "/"
		}
		if clean != u.Path {
			t.Errorf("%q: cleaned it is %q", u.Path, clean)
		}
		if again, err := url.PathUnescape(u.Path); err == nil && again != u.Path {
			t.Errorf("%q: decoded again it is %q", u.Path, again)
		}
		if strings.ContainsAny(u.Path, "\\\x00\r\n\t") {
			t.Errorf("%q has another slash or a control character", u.Path)
		}
		if n := strings.Count(u.EscapedPath(), "/"); n != strings.Count(u.Path, "/") {
			t.Errorf("%q has other segments encoded: %q", u.Path, u.EscapedPath())
		}
	})
}
