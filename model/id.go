package model

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxColumn is how many characters a column of a line holds, as in casbin_rule.
	MaxColumn = 100
	// MaxDepth is how long a chain of groups, units, superiors or parents may be.
	MaxDepth = 64
	// Base is the tenant of the base policy, which holds in every tenant.
	Base = "*"
	// Everyone is the subject of a rule for all users of a tenant.
	Everyone = "*"
	// Any is the type, action or field of a rule for all of them.
	Any = "*"
	// None stands in a line's column for nothing.
	None = "-"
)

// SubjectKind is the namespace of a subject's id.
type SubjectKind uint8

// The kinds of subjects. Roles, teams and units are groups.
const (
	UnknownKind SubjectKind = iota
	User
	Role
	Team
	Unit
)

var kindNames = [...]string{UnknownKind: "unknown", User: "user", Role: "role", Team: "team", Unit: "unit"}

func (k SubjectKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[UnknownKind]
}

// KindOf returns the kind that a subject's id begins with ("user:alice" is a
// User), or UnknownKind. It does not look at the rest of the id.
func KindOf(subject string) SubjectKind {
	if len(subject) < 6 || subject[4] != ':' { // every kind has four letters
		return UnknownKind
	}
	switch subject[:4] {
	case "user":
		return User
	case "role":
		return Role
	case "team":
		return Team
	case "unit":
		return Unit
	}
	return UnknownKind
}

// CheckSubject tells whether s is the well-formed id of a subject of one of
// the kinds, or of any kind when none is given.
func CheckSubject(s string, kinds ...SubjectKind) error {
	k := KindOf(s)
	if k == UnknownKind || len(kinds) > 0 && !slices.Contains(kinds, k) {
		return unknownKind(kinds)
	}
	if err := CheckColumn(s); err != nil {
		return err
	}
	return CheckID(s[5:])
}

func unknownKind(wanted []SubjectKind) error {
	hint := "begins with one of"
	for k := User; k <= Unit; k++ {
		if len(wanted) == 0 || slices.Contains(wanted, k) {
			hint += " " + k.String() + ":"
		}
	}
	return fail(ErrUnknownKind, "%s", hint)
}

// What an ASCII character may stand in. Most ids and names are plain ASCII;
// only the others are looked at rune by rune.
const (
	anywhereInID = 1 << iota
	anywhereInName
	beginsName
)

var ascii = func() (uses [256]uint8) {
	for c := range utf8.RuneSelf {
		if c != ' ' && c != '%' && !refusedInID(rune(c)) {
			uses[c] |= anywhereInID
		}
		if letter := c == '_' || 'A' <= c&^0x20 && c&^0x20 <= 'Z'; letter {
			uses[c] |= anywhereInName | beginsName
		}
		if '0' <= c && c <= '9' || c == '.' || c == ':' || c == '-' {
			uses[c] |= anywhereInName
		}
	}
	return uses
}()

// plain tells whether s is short, not empty and of characters with this use only.
func plain(s string, use uint8) bool {
	if s == "" || len(s) > MaxColumn {
		return false
	}
	for i := range len(s) {
		if ascii[s[i]]&use == 0 {
			return false
		}
	}
	return true
}

// CheckID tells whether s can be the id of a record or a tenant, or stand
// behind the colon of a subject: printable Unicode of at most MaxColumn
// characters, spaces only single and inside, none of , " ' / # * and % only in
// a percent-encoding. [EscapeID] makes an id of any text.
func CheckID(s string) error {
	if plain(s, anywhereInID) {
		return nil
	}
	if s == "" {
		return fail(ErrMalformed, "is empty")
	}
	n, last := 0, ' '
	for i, r := range s {
		if n++; n > MaxColumn {
			return errTooLong
		}
		switch {
		case r == ' ':
			if last == ' ' {
				return fail(ErrMalformed, "spaces stand single and inside")
			}
		case r == '%':
			if !percentEncoded(s[i:]) {
				return fail(ErrMalformed, "%% begins a percent-encoding such as %%2F")
			}
		case refusedInID(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return fail(ErrMalformed, "%q may not stand in an id; see EscapeID", r)
		}
		last = r
	}
	if last == ' ' {
		return fail(ErrMalformed, "spaces stand single and inside")
	}
	return nil
}

func refusedInID(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f || strings.ContainsRune(`,"'/#*`, r)
	}
	return !unicode.IsPrint(r)
}

// percentEncoded tells whether s begins with an encoding that EscapeID writes.
func percentEncoded(s string) bool {
	hex := func(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }
	return len(s) >= 3 && hex(s[1]) && hex(s[2])
}

// EscapeID makes an id of a name that comes from elsewhere, by percent-encoding
// what an id may not hold: "Sales/Marketing" becomes "Sales%2FMarketing".
// Different names give different ids. The empty name has none; it stays empty.
func EscapeID(name string) string {
	if name == None { // an id, but not a tenant's
		return "%2D"
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		space := r == ' ' && (i == 0 || i == len(name)-1 || name[i-1] == ' ')
		if r == '%' || space || refusedInID(r) || r == utf8.RuneError && size == 1 {
			for _, c := range []byte(name[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(name[i : i+size])
		}
		i += size
	}
	return b.String()
}

// UnescapeID is the name that EscapeID makes an id of. ok is false if it makes
// the id of none, as of "a%2fb" and "-".
func UnescapeID(id string) (name string, ok bool) {
	if id != None && plain(id, anywhereInID) {
		return id, true
	}
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		if id[i] != '%' || !percentEncoded(id[i:]) {
			b.WriteByte(id[i])
			continue
		}
		b.WriteByte(unhex(id[i+1])<<4 | unhex(id[i+2]))
		i += 2
	}
	name = b.String()
	return name, id != "" && EscapeID(name) == id
}

// unhex is the value of a digit of a percent-encoding.
func unhex(digit byte) byte {
	if digit >= 'A' {
		return digit - 'A' + 10
	}
	return digit - '0'
}

// CheckName tells whether s can be the name of a type, action, field,
// attribute, condition or mask: letters, digits and _ . : - of any script,
// beginning with a letter or _, at most MaxColumn characters.
func CheckName(s string) error {
	if plain(s, anywhereInName) && ascii[s[0]]&beginsName != 0 {
		return nil
	}
	if s == "" {
		return fail(ErrMalformed, "is empty")
	}
	n := 0
	for i, r := range s {
		if n++; n > MaxColumn {
			return errTooLong
		}
		letter := r == '_' || unicode.IsLetter(r)
		if !letter && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '.' && r != ':' && r != '-') {
			return fail(ErrMalformed, "a name has letters, digits and _ . : - and begins with a letter; not %q", r)
		}
	}
	return nil
}

// badValueError is why a value is refused, before it is known where it stood.
type badValueError struct {
	err  error
	hint string
}

func (b *badValueError) Error() string { return b.err.Error() + ": " + b.hint }
func (b *badValueError) Unwrap() error { return b.err }

func fail(err error, format string, args ...any) error {
	return &badValueError{err, fmt.Sprintf(format, args...)}
}

var errTooLong = fail(ErrTooLong, "at most %d characters", MaxColumn)

// At places an error of a Check function: nil stays nil, everything else
// becomes a *ValueError.
func At(in, column, value string, err error) error {
	if err == nil {
		return nil
	}
	v := &ValueError{In: in, Column: column, Value: value, Err: err}
	if b, ok := err.(*badValueError); ok { //nolint:errorlint // it is never wrapped
		v.Err, v.Hint = b.err, b.hint
	}
	return v
}
