package authzhttp

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// overrides are headers by which some servers let a request be taken for one of another method.
var overrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// checkRequest refuses what a router, a proxy or a handler could read in another way
// than whoever decides does.
func checkRequest(r *http.Request) error {
	if !plainPath(r.URL) {
		return fmt.Errorf("path %q: %w", r.URL.EscapedPath(), ErrAmbiguous)
	}
	for _, name := range overrides {
		for _, v := range r.Header[name] {
			if !strings.EqualFold(v, r.Method) {
				return fmt.Errorf("method %s, header %s %q: %w", r.Method, name, v, ErrAmbiguous)
			}
		}
	}
	return nil
}

// plainPath tells whether decoding a path once more, or not at all, cleaning it, or taking
// \ for / leaves it as it is to all who read it.
func plainPath(u *url.URL) bool {
	return plainDecoded(u.Path) && plainEncoded(u.RawPath)
}

func plainDecoded(path string) bool {
	if !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f || c == '\\':
			return false
		case c == '%' && isEscape(path[i:]):
			return false
		case c == '/' && oddSegment(path[i+1:]):
			return false
		}
	}
	return true
}

// oddSegment tells whether the first segment of a path is one that cleaning takes away. The
// last may be empty.
func oddSegment(rest string) bool {
	segment, _, more := strings.Cut(rest, "/")
	return segment == "." || segment == ".." || segment == "" && more
}

// plainEncoded refuses escapes that had no need to be, and escaped slashes. RawPath is
// empty if the path is encoded as is usual.
func plainEncoded(raw string) bool {
	for i := range len(raw) {
		if raw[i] != '%' {
			continue
		}
		c, err := url.PathUnescape(raw[i:min(i+3, len(raw))])
		if err != nil || strings.ContainsAny(c, `/\`) || isUnreserved(c[0]) {
			return false
		}
	}
	return true
}

// isEscape tells whether a text begins with what decoding it again would take for an escape.
func isEscape(s string) bool {
	return len(s) > 2 && isHex(s[1]) && isHex(s[2])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// isUnreserved tells whether a character means the same escaped or not (RFC 3986, 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
