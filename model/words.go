package model

import "fmt"

// Level is how much of a record a user reaches. Each includes those before it.
type Level uint8

// The levels of a record, in order.
const (
	LevelNone Level = iota
	LevelRead
	LevelWrite
	LevelDelete
	LevelFull
)

// FieldLevel is how much of a field a user reaches. Each includes those before it.
type FieldLevel uint8

// The levels of a field, in order.
const (
	FieldHidden FieldLevel = iota
	FieldMasked
	FieldRead
	FieldWrite
)

// Effect is what one rule wants. The zero Effect is refused.
type Effect uint8

// The effects of a rule. Deny beats allow.
const (
	EffectUnset Effect = iota
	Allow
	Deny
)

// Scope is how far a customer rule reaches without the user's level.
type Scope uint8

// The scopes of a customer rule.
const (
	ScopeLevel    Scope = iota // none: only as far as the user's level reaches
	ScopeOwn                   // records that the user, or a team of hers, owns
	ScopeTeam                  // records whose owner is in a team of the user's, or in one nested in it
	ScopeUnit                  // records of a unit that the user is in
	ScopeUnitTree              // records of a unit that the user is in, or of one below it
	ScopeAll                   // every record
)

// Mode is what a switch does.
type Mode uint8

// The modes of a switch. The zero Mode is refused.
const (
	ModeUnset    Mode = iota
	ModeOff           // a subject or rule has no force; all is denied of a type or record; a field is hidden
	ModeLocked        // the tenant is locked down: everything is denied
	ModeReadOnly      // of the tenant, a type, a record or a field: what does not read is denied
	ModeOpen          // the tenant's rules are suspended: what they forbid, or do not allow, is allowed
)

var (
	levelNames  = []string{"none", "read", "write", "delete", "full"}
	fieldNames  = []string{"hidden", "masked", "read", "write"}
	effectNames = []string{"", "allow", "deny"}
	scopeNames  = []string{None, "own", "team", "unit", "unit_tree", "all"}
	modeNames   = []string{"", "off", "locked", "read-only", "open"}
)

func (l Level) String() string      { return wordOf(levelNames, uint8(l)) }
func (l FieldLevel) String() string { return wordOf(fieldNames, uint8(l)) }
func (e Effect) String() string     { return wordOf(effectNames, uint8(e)) }
func (s Scope) String() string      { return wordOf(scopeNames, uint8(s)) }
func (m Mode) String() string       { return wordOf(modeNames, uint8(m)) }

// ParseLevel reads none, read, write, delete or full.
func ParseLevel(s string) (Level, error) { return parseWord[Level](levelNames, s) }

// ParseFieldLevel reads hidden, masked, read or write.
func ParseFieldLevel(s string) (FieldLevel, error) { return parseWord[FieldLevel](fieldNames, s) }

// ParseEffect reads allow or deny, nothing else: "Deny" is an error, not a rule that is ignored.
func ParseEffect(s string) (Effect, error) { return parseWord[Effect](effectNames, s) }

// ParseScope reads own, team, unit, unit_tree or all.
func ParseScope(s string) (Scope, error) { return parseWord[Scope](scopeNames, s) }

// ParseMode reads off, locked, read-only or open.
func ParseMode(s string) (Mode, error) { return parseWord[Mode](modeNames, s) }

// MarshalText writes the level's word; as do those of the other words.
func (l Level) MarshalText() ([]byte, error)      { return marshalWord(levelNames, uint8(l)) }
func (l FieldLevel) MarshalText() ([]byte, error) { return marshalWord(fieldNames, uint8(l)) }
func (e Effect) MarshalText() ([]byte, error)     { return marshalWord(effectNames, uint8(e)) }
func (s Scope) MarshalText() ([]byte, error)      { return marshalWord(scopeNames, uint8(s)) }
func (m Mode) MarshalText() ([]byte, error)       { return marshalWord(modeNames, uint8(m)) }

// UnmarshalText reads the level's word; as do those of the other words.
func (l *Level) UnmarshalText(b []byte) error      { return unmarshalWord(l, levelNames, b) }
func (l *FieldLevel) UnmarshalText(b []byte) error { return unmarshalWord(l, fieldNames, b) }
func (e *Effect) UnmarshalText(b []byte) error     { return unmarshalWord(e, effectNames, b) }
func (s *Scope) UnmarshalText(b []byte) error      { return unmarshalWord(s, scopeNames, b) }
func (m *Mode) UnmarshalText(b []byte) error       { return unmarshalWord(m, modeNames, b) }

func wordOf(names []string, i uint8) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func parseWord[T ~uint8](names []string, s string) (T, error) {
	for i, n := range names {
		if n == s && n != "" {
			return T(i), nil
		}
	}
	known := ""
	for _, n := range names {
		if n != "" && n != None {
			known += " " + n
		}
	}
	return 0, fail(ErrMalformed, "one of%s", known)
}

func marshalWord(names []string, i uint8) ([]byte, error) {
	if int(i) >= len(names) || names[i] == "" {
		return nil, fail(ErrMalformed, "no such word: %d", i)
	}
	return []byte(names[i]), nil
}

func unmarshalWord[T ~uint8](to *T, names []string, b []byte) error {
	v, err := parseWord[T](names, string(b))
	if err == nil {
		*to = v
	}
	return err
}
