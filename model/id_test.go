package model_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// ids maps names from elsewhere to the ids that EscapeID makes of them.
var ids = map[string]string{
	"":                    "",
	"alice":               "alice",
	"Sales/Marketing":     "Sales%2FMarketing",
	"王小明":                 "王小明",
	"🙂":                   "🙂",
	"👩\u200d💻":            "👩%E2%80%8D💻", // a zero-width joiner
	"zero\u200bwidth":     "zero%E2%80%8Bwidth",
	"\u202eevil":          "%E2%80%AEevil",
	"مرحبا":               "مرحبا",
	"e\u0301":             "e\u0301",
	"50%":                 "50%25",
	"50%25":               "50%2525",
	"a, b":                "a%2C b",
	`O'Neil "x" #1 *`:     "O%27Neil %22x%22 %231 %2A",
	" padded ":            "%20padded%20",
	"two  spaces":         "two %20spaces",
	" ":                   "%20",
	"line\r\nbreak\x00":   "line%0D%0Abreak%00",
	"\xff":                "%FF",
	"\uFFFD":              "\uFFFD",
	"-":                   "%2D",
	"a-b":                 "a-b",
	"*":                   "%2A",
	"no\u00a0break\u3000": "no%C2%A0break%E3%80%80",
}

func TestEscapeIDMakesAnIDOfAnyName(t *testing.T) {
	for name, want := range ids {
		got := model.EscapeID(name)
		if got != want {
			t.Errorf("EscapeID(%q) = %q, want %q", name, got, want)
		}
		if name == "" {
			continue
		}
		if err := errors.Join(model.CheckID(got), model.CheckTenant(got)); err != nil {
			t.Errorf("EscapeID(%q) = %q: %v", name, got, err)
		}
		if back, err := url.PathUnescape(got); err != nil || back != name {
			t.Errorf("%q comes back as %q, %v", name, back, err)
		}
	}
}

func TestUnescapeIDGivesTheNameBack(t *testing.T) {
	for name, id := range ids {
		got, ok := model.UnescapeID(id)
		if want := name != ""; ok != want || ok && got != name {
			t.Errorf("UnescapeID(%q) = %q, %v, want %q, %v", id, got, ok, name, want)
		}
	}
}

func TestUnescapeIDRefusesWhatEscapeIDNeverWrites(t *testing.T) {
	for _, id := range []string{"", "-", "a%2fb", "%41", "%", "a%2", "50%", "a/b", " a", "a  b", "*", "\xff", "a%20b", "%zz", "\u200b"} {
		if name, ok := model.UnescapeID(id); ok {
			t.Errorf("UnescapeID(%q) = %q", id, name)
		}
	}
}

func TestEscapeIDKeepsWhatIsAnIDAlready(t *testing.T) {
	for _, id := range []string{"alice", "a b", "42", "王 小明", "a@b.example", `back\slash`, "a:b;c|d&e(f)"} {
		if got := model.EscapeID(id); got != id {
			t.Errorf("EscapeID(%q) = %q", id, got)
		}
	}
}

func TestCheckIDRefusesBadIDs(t *testing.T) {
	for name, bad := range badIDs {
		if err := model.CheckID(bad.id); !errors.Is(err, bad.want) {
			t.Errorf("%s: CheckID(%q) = %v, want %v", name, bad.id, err, bad.want)
		}
	}
	if err := model.CheckID(""); !errors.Is(err, model.ErrMalformed) {
		t.Errorf(`CheckID("") = %v`, err)
	}
	for _, good := range []string{strings.Repeat("王", 100), strings.Repeat("x", 100), "a%2Fb", "\uFFFD", "-"} {
		if err := model.CheckID(good); err != nil {
			t.Errorf("CheckID(%q) = %v", good, err)
		}
	}
}

func TestCheckNameKnowsLettersOfAnyScript(t *testing.T) {
	for _, good := range []string{"a", "_", "Customer", "客户", "été", "e\u0301", "a.b:c-d_e", "x1", "x١", strings.Repeat("客", 100)} {
		if err := model.CheckName(good); err != nil {
			t.Errorf("CheckName(%q) = %v", good, err)
		}
	}
	for _, bad := range []string{"", "1", "-", "-a", ".a", ":a", "a b", "a/b", "a#b", "a*", "*", "a,b", "a%20", "a@b", "\u0301", "a\xff", "\uFFFD", "a\u200b", "🙂", "a\n"} {
		if err := model.CheckName(bad); !errors.Is(err, model.ErrMalformed) {
			t.Errorf("CheckName(%q) = %v, want malformed", bad, err)
		}
	}
	for _, long := range []string{strings.Repeat("x", 101), strings.Repeat("客", 101)} {
		if err := model.CheckName(long); !errors.Is(err, model.ErrTooLong) {
			t.Errorf("CheckName(%q) = %v, want too long", long, err)
		}
	}
}

// Plain ASCII takes a short way through CheckID and CheckName; it must answer
// as the long way, which another letter behind it forces.
func TestShortAndLongWaysAgree(t *testing.T) {
	for a := range byte(utf8.RuneSelf) {
		for b := range byte(utf8.RuneSelf) {
			s := "x" + string([]byte{a, b}) + "y"
			if short, long := model.CheckID(s), model.CheckID(s+"é"); (short == nil) != (long == nil) {
				t.Errorf("CheckID(%q) = %v, with é %v", s, short, long)
			}
			if short, long := model.CheckName(s), model.CheckName(s+"é"); (short == nil) != (long == nil) {
				t.Errorf("CheckName(%q) = %v, with é %v", s, short, long)
			}
		}
		if short, long := model.CheckName(string(a)), model.CheckName(string(a)+"é"); (short == nil) != (long == nil) {
			t.Errorf("CheckName(%q) = %v, with é %v", a, short, long)
		}
	}
}

func TestCheckSubjectKnowsItsKinds(t *testing.T) {
	if err := model.CheckSubject("role:rep", model.User, model.Team); !errors.Is(err, model.ErrUnknownKind) {
		t.Errorf("a role is taken for a user or team: %v", err)
	} else if want := "unknown kind of subject: begins with one of user: team:"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	for subject, want := range map[string]model.SubjectKind{
		"user:alice": model.User, "role:rep": model.Role, "team:north": model.Team, "unit:apac": model.Unit,
		"user:": model.UnknownKind, "user": model.UnknownKind, "": model.UnknownKind, "*": model.UnknownKind,
		"USER:alice": model.UnknownKind, "user.alice": model.UnknownKind, "rule:alice": model.UnknownKind,
	} {
		if got := model.KindOf(subject); got != want {
			t.Errorf("KindOf(%q) = %v, want %v", subject, got, want)
		}
		if err := model.CheckSubject(subject); (err == nil) != (want != model.UnknownKind) {
			t.Errorf("CheckSubject(%q) = %v", subject, err)
		}
	}
	if got := model.SubjectKind(99).String(); got != "unknown" {
		t.Errorf("an unknown kind is called %q", got)
	}
}

func TestParseTargetTakesApartWhatStringPutsTogether(t *testing.T) {
	for s, want := range map[string]model.Target{
		"*":                         {Type: "*"},
		"customer":                  model.OnType("customer"),
		"customer/42":               model.OnRecord("customer", "42"),
		"customer/a@b":              model.OnRecord("customer", "a@b"),
		"customer@unit:apac":        model.OnUnit("customer", "unit:apac"),
		"customer@unit:a@b":         model.OnUnit("customer", "unit:a@b"),
		"*@unit:apac":               model.OnUnit("*", "unit:apac"),
		"customer#phone":            model.OnField("customer", "phone"),
		"customer#*":                model.OnField("customer", "*"),
		"customer/42#phone":         {Type: "customer", ID: "42", Field: "phone"},
		"客户/王 小明":                   model.OnRecord("客户", "王 小明"),
		"customer/Sales%2FEMEA#a.b": {Type: "customer", ID: "Sales%2FEMEA", Field: "a.b"},
	} {
		got, err := model.ParseTarget(s)
		if err != nil || got != want {
			t.Errorf("ParseTarget(%q) = %v, %v; want %v", s, got, err, want)
		}
		if got.String() != s {
			t.Errorf("%q is written %q", s, got)
		}
	}
	for _, s := range []string{"", "#", "/", "@", "a/", "a#", "a@", "a/b/c", "a#b#c", "a#b/c", "*/1", "*#f", "a@unit:x#f", "a@role:x", "a@unit:x/1", " a", "a "} {
		if got, err := model.ParseTarget(s); err == nil || got != (model.Target{}) {
			t.Errorf("ParseTarget(%q) = %v, %v", s, got, err)
		}
	}
}

func TestWordsAreExact(t *testing.T) {
	checkWords(t, model.ParseLevel, "none", "read", "write", "delete", "full")
	checkWords(t, model.ParseFieldLevel, "hidden", "masked", "read", "write")
	checkWords(t, model.ParseEffect, "allow", "deny")
	checkWords(t, model.ParseScope, "-", "own", "team", "unit", "unit_tree", "all")
	checkWords(t, model.ParseMode, "off", "locked", "read-only")
}

func checkWords[T interface {
	comparable
	String() string
	MarshalText() ([]byte, error)
}](t *testing.T, parse func(string) (T, error), words ...string) {
	t.Helper()
	for _, w := range words {
		v, err := parse(w)
		text, textErr := v.MarshalText()
		if err != nil || textErr != nil || v.String() != w || string(text) != w {
			t.Errorf("%q is %v (%v), written %q (%v)", w, v, err, text, textErr)
		}
		for _, other := range []string{strings.ToUpper(w) + "!", strings.ToUpper(w[:1]) + w[1:], w + " ", ""} {
			if v, err := parse(other); other != w && !errors.Is(err, model.ErrMalformed) {
				t.Errorf("%q is read as %v, %v", other, v, err)
			}
		}
	}
}

func TestZeroWordsAreNotWritten(t *testing.T) {
	for name, marshal := range map[string]func() ([]byte, error){
		"effect": model.EffectUnset.MarshalText, "mode": model.ModeUnset.MarshalText, "level beyond": model.Level(9).MarshalText,
	} {
		if text, err := marshal(); !errors.Is(err, model.ErrMalformed) {
			t.Errorf("%s is written %q, %v", name, text, err)
		}
	}
	for name, read := range map[string]func([]byte) error{
		"level": new(model.Level).UnmarshalText, "field level": new(model.FieldLevel).UnmarshalText, "scope": new(model.Scope).UnmarshalText,
		"mode": new(model.Mode).UnmarshalText, "hierarchy": new(model.HierarchyKind).UnmarshalText,
	} {
		if err := read([]byte("Read")); !errors.Is(err, model.ErrMalformed) {
			t.Errorf("Read is read as a %s: %v", name, err)
		}
	}
	var by model.HierarchyKind
	if err := by.UnmarshalText([]byte("units")); err != nil || by != model.ByUnits {
		t.Errorf("units is read as %v, %v", by, err)
	}
	if text, err := by.MarshalText(); err != nil || string(text) != "units" {
		t.Errorf("%v is written %q, %v", by, text, err)
	}
	e := model.Deny
	if err := e.UnmarshalText([]byte("Allow")); err == nil || e != model.Deny {
		t.Errorf("a word that is refused made %v, %v", e, err)
	}
}

func TestErrorsShowTheValueInShort(t *testing.T) {
	err := model.At("customer rule", "subject", strings.Repeat("王", 1000), model.CheckID(strings.Repeat("王", 1000)))
	want := `customer rule: subject "` + strings.Repeat("王", 40) + `"… (1000 characters): too long: at most 100 characters`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if model.At("a", "b", "c", nil) != nil {
		t.Error("At makes an error of nil")
	}
}

func TestZeroValuesDeny(t *testing.T) {
	if d := (model.Decision{}); d.Allowed || d.Reason != model.ReasonError || d.String() != "denied: error" {
		t.Errorf("the zero decision is %v", d)
	}
	if (model.Action{}).Reading() || (model.Action{Need: model.LevelRead, Writes: true}).Reading() || !(model.Action{Need: model.LevelRead}).Reading() {
		t.Error("only an action that needs read and does not write is reading")
	}
}
