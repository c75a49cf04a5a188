package model_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
)

// goodLines are one line of each section; the tests below spoil them column by column.
var goodLines = map[model.Section]model.Line{
	model.CustomerRules: line("p", "role:rep", "acme", "customer", "update", "allow", "own if:eu_only from:2026-01-01T00:00:00Z until:2027-01-01T00:00:00Z"),
	model.TeamRules:     line("p2", "user:bob", "acme", "customer/42", "read", "support", "if:eu_only"),
	model.FieldRules:    line("p3", "role:rep", "acme", "customer#phone", "masked", "allow", "-"),
	model.Switches:      line("p4", "user:eve", "acme", "off", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "-"),
	model.Memberships:   line("g", "user:alice", "role:rep", "acme", "until:2027-01-01T00:00:00Z"),
	model.OrgEdges:      line("g2", "user:alice", "user:carol", "acme"),
}

var columnsOf = map[model.Section][]string{
	model.CustomerRules: {"subject", "tenant", "target", "action", "effect", "terms"},
	model.TeamRules:     {"subject", "tenant", "target", "level", "as", "terms"},
	model.FieldRules:    {"subject", "tenant", "target", "level", "effect", "terms"},
	model.Switches:      {"target", "tenant", "mode", "from", "until", "except"},
	model.Memberships:   {"member", "group", "tenant", "terms", "5", "6"},
	model.OrgEdges:      {"below", "above", "tenant", "4", "5", "6"},
}

// badIDs are what may stand neither behind a subject's colon nor as a record's id nor as a tenant.
var badIDs = map[string]struct {
	id   string
	want error
}{
	"too long":              {strings.Repeat("x", 101), model.ErrTooLong},
	"too long in runes":     {strings.Repeat("王", 101), model.ErrTooLong},
	"control character":     {"a\x01b", model.ErrMalformed},
	"newline":               {"a\nb", model.ErrMalformed},
	"NUL":                   {"a\x00", model.ErrMalformed},
	"delete":                {"a\x7f", model.ErrMalformed},
	"comma":                 {"a,b", model.ErrMalformed},
	"double quote":          {`a"b`, model.ErrMalformed},
	"single quote":          {"a'b", model.ErrMalformed},
	"slash":                 {"a/b", model.ErrMalformed},
	"hash":                  {"a#b", model.ErrMalformed},
	"asterisk":              {"a*b", model.ErrMalformed},
	"percent alone":         {"50%", model.ErrMalformed},
	"percent, small digits": {"a%2f", model.ErrMalformed},
	"percent, no digits":    {"a%zz", model.ErrMalformed},
	"two spaces":            {"a  b", model.ErrMalformed},
	"space before":          {" a", model.ErrMalformed},
	"space behind":          {"a ", model.ErrMalformed},
	"no-break space":        {"a\u00a0b", model.ErrMalformed},
	"ideographic space":     {"a\u3000b", model.ErrMalformed},
	"zero-width space":      {"a\u200bb", model.ErrMalformed},
	"right-to-left mark":    {"a\u200fb", model.ErrMalformed},
	"line separator":        {"a\u2028b", model.ErrMalformed},
	"not UTF-8":             {"a\xffb", model.ErrMalformed},
}

// checkRefused tells whether err names the column and its value, and why.
func checkRefused(t *testing.T, err, want error, column, value string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want one that is %q", err, want)
	}
	var refused *model.ValueError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v is no ValueError", err)
	}
	if refused.Column != column || refused.Value != value {
		t.Errorf("refused column %q with value %q, want %q with %q", refused.Column, refused.Value, column, value)
	}
	if !strings.Contains(err.Error(), column) {
		t.Errorf("%q does not name the column %s", err, column)
	}
}

func TestDecodeReadsTheLinesThatTheRefusalsSpoil(t *testing.T) {
	for section, l := range goodLines {
		f, err := model.Decode(l)
		if err != nil {
			t.Errorf("%s: %v", section, err)
			continue
		}
		again, err := model.Encode(f)
		if err != nil || again != l {
			t.Errorf("Encode(Decode(%v)) = %v, %v", l, again, err)
		}
		if f.String() != l.String() || f.Section() != section || f.TenantID() != l.Tenant() {
			t.Errorf("%v: fact says %q, %s, %s", l, f, f.Section(), f.TenantID())
		}
	}
}

func TestDecodeRefusesEmptyAndOverlongColumns(t *testing.T) {
	for section, good := range goodLines {
		for i, column := range columnsOf[section][:section.Columns()] {
			for name, bad := range map[string]struct {
				value string
				want  error
			}{
				"empty":    {"", model.ErrMalformed},
				"too long": {good.Values[i] + strings.Repeat("é", 101), model.ErrTooLong},
			} {
				t.Run(fmt.Sprintf("%s %s %s", section, column, name), func(t *testing.T) {
					l := good
					l.Values[i] = bad.value
					_, err := model.Decode(l)
					checkRefused(t, err, bad.want, column, bad.value)
				})
			}
		}
	}
}

func TestDecodeRefusesMissingAndExtraColumns(t *testing.T) {
	for section, good := range goodLines {
		last := section.Columns() - 1
		l := good
		l.Values[last] = ""
		_, err := model.Decode(l)
		checkRefused(t, err, model.ErrMalformed, columnsOf[section][last], "")
		for i := section.Columns(); i < 6; i++ {
			l := good
			l.Values[i] = "x"
			_, err := model.Decode(l)
			checkRefused(t, err, model.ErrMalformed, columnsOf[section][i], "x")
		}
	}
}

func TestDecodeRefusesBadIDs(t *testing.T) {
	places := []struct {
		section model.Section
		column  int
		before  string
	}{
		{"p", 0, "user:"}, {"p", 0, "role:"}, {"p", 1, ""}, {"p", 2, "customer@unit:"},
		{"p2", 0, "team:"}, {"p2", 1, ""}, {"p2", 2, "customer/"},
		{"p3", 0, "unit:"}, {"p3", 1, ""},
		{"p4", 0, "user:"}, {"p4", 1, ""},
		{"g", 0, "user:"}, {"g", 1, "role:"}, {"g", 2, ""},
		{"g2", 0, "user:"}, {"g2", 1, "user:"}, {"g2", 2, ""},
	}
	for _, place := range places {
		column := columnsOf[place.section][place.column]
		for name, bad := range badIDs {
			t.Run(fmt.Sprintf("%s %s%s %s", place.section, column, place.before, name), func(t *testing.T) {
				l := goodLines[place.section]
				l.Values[place.column] = place.before + bad.id
				_, err := model.Decode(l)
				checkRefused(t, err, bad.want, column, place.before+bad.id)
			})
		}
	}
}

func TestDecodeRefusesWhatAColumnDoesNotKnow(t *testing.T) {
	later := "until:2027-01-01T00:00:00Z"
	tests := []struct {
		section model.Section
		column  string
		value   string
		want    error
	}{
		{"p", "subject", "alice", model.ErrUnknownKind},
		{"p", "subject", "User:alice", model.ErrUnknownKind},
		{"p", "subject", "user:", model.ErrUnknownKind},
		{"p", "subject", "rule:0123456789abcdef0123456789abcdef", model.ErrUnknownKind},
		{"p", "subject", "-", model.ErrUnknownKind},
		{"p", "tenant", "-", model.ErrMalformed},
		{"p", "target", "-", model.ErrMalformed},
		{"p", "target", "customer#phone", model.ErrMalformed},
		{"p", "target", "customer/", model.ErrMalformed},
		{"p", "target", "customer@", model.ErrMalformed},
		{"p", "target", "customer@user:alice", model.ErrUnknownKind},
		{"p", "target", "customer@unit:apac/42", model.ErrMalformed},
		{"p", "target", "*/42", model.ErrMalformed},
		{"p", "target", "/42", model.ErrMalformed},
		{"p", "target", "1customer", model.ErrMalformed},
		{"p", "action", "-", model.ErrMalformed},
		{"p", "action", "read all", model.ErrMalformed},
		{"p", "effect", "Deny", model.ErrMalformed},
		{"p", "effect", "DENY", model.ErrMalformed},
		{"p", "effect", "-", model.ErrMalformed},
		{"p", "terms", "Own", model.ErrMalformed},
		{"p", "terms", "own team", model.ErrMalformed},
		{"p", "terms", "own -", model.ErrMalformed},
		{"p", "terms", "own  if:x", model.ErrMalformed},
		{"p", "terms", " own", model.ErrMalformed},
		{"p", "terms", "own ", model.ErrMalformed},
		{"p", "terms", "if:", model.ErrMalformed},
		{"p", "terms", "if:1", model.ErrMalformed},
		{"p", "terms", "if:x if:y", model.ErrMalformed},
		{"p", "terms", "if:x own", model.ErrMalformed},
		{"p", "terms", later + " from:2026-01-01T00:00:00Z", model.ErrMalformed},
		{"p", "terms", later + " " + later, model.ErrMalformed},
		{"p", "terms", "from:2026-01-01T08:00:00+08:00", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01T00:00:00+00:00", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01T00:00:00.5Z", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01T00:00:00.0Z", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01T0:00:00Z", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01t00:00:00z", model.ErrMalformed},
		{"p", "terms", "from:2026-02-30T00:00:00Z", model.ErrMalformed},
		{"p", "terms", "from:2026-01-01", model.ErrMalformed},
		{"p", "terms", "from:0001-01-01T00:00:00Z", model.ErrMalformed},
		{"p", "terms", "from:0000-01-01T00:00:00Z", model.ErrMalformed},
		{"p", "terms", "until:-", model.ErrMalformed},
		{"p", "terms", "from:2027-01-01T00:00:00Z until:2026-01-01T00:00:00Z", model.ErrMalformed},
		{"p", "terms", "from:2027-01-01T00:00:00Z " + later, model.ErrMalformed},
		{"p2", "tenant", "*", model.ErrNotInBase},
		{"p2", "level", "none", model.ErrMalformed},
		{"p2", "level", "Read", model.ErrMalformed},
		{"p2", "level", "-", model.ErrMalformed},
		{"p2", "as", "the support", model.ErrMalformed},
		{"p2", "terms", "own", model.ErrMalformed},
		{"p2", "target", "customer/42#phone", model.ErrMalformed},
		{"p3", "target", "customer", model.ErrMalformed},
		{"p3", "target", "customer#", model.ErrMalformed},
		{"p3", "target", "customer#a#b", model.ErrMalformed},
		{"p3", "target", "customer@unit:apac#phone", model.ErrMalformed},
		{"p3", "target", "*#phone", model.ErrMalformed},
		{"p3", "level", "hidden", model.ErrMalformed},
		{"p3", "level", "full", model.ErrMalformed},
		{"p3", "effect", "Allow", model.ErrMalformed},
		{"p3", "terms", "all", model.ErrMalformed},
		{"p4", "target", "custom/er/", model.ErrMalformed},
		{"p4", "target", "customer@role:a", model.ErrUnknownKind},
		{"p4", "target", "*#phone", model.ErrMalformed},
		{"p4", "mode", "locked", model.ErrMalformed}, // of a user
		{"p4", "except", "user:bob", model.ErrMalformed},
		{"p4", "except", "net:10.0.0.1/8", model.ErrMalformed},
		{"p4", "except", "net:10.0.0.0/8 net:10.0.0.0/8", model.ErrMalformed},
		{"p4", "except", "net:9.0.0.0/8  net:10.0.0.0/8", model.ErrMalformed},
		{"p4", "target", "rule:0123", model.ErrMalformed},
		{"p4", "target", "rule:0123456789ABCDEF0123456789ABCDEF", model.ErrMalformed},
		{"p4", "tenant", "*", model.ErrNotInBase},
		{"p4", "mode", "Off", model.ErrMalformed},
		{"p4", "mode", "locked", model.ErrMalformed},
		{"p4", "mode", "on", model.ErrMalformed},
		{"p4", "from", "2026-01-01", model.ErrMalformed},
		{"p4", "until", "2026-01-01T01:00:00+01:00", model.ErrMalformed},
		{"p4", "until", "2025-01-01T00:00:00Z", model.ErrMalformed},
		{"p4", "except", "user:root", model.ErrMalformed},
		{"g", "member", "*", model.ErrUnknownKind},
		{"g", "member", "unit:apac", model.ErrUnknownKind},
		{"g", "member", "role:rep", model.ErrCycle},
		{"g", "member", "alice", model.ErrUnknownKind},
		{"g", "group", "user:bob", model.ErrUnknownKind},
		{"g", "group", "*", model.ErrUnknownKind},
		{"g", "terms", "if:x", model.ErrMalformed},
		{"g", "terms", "own", model.ErrMalformed},
		{"g2", "below", "role:rep", model.ErrUnknownKind},
		{"g2", "above", "unit:apac", model.ErrMalformed},
		{"g2", "above", "user:alice", model.ErrCycle},
		{"g2", "above", "boss", model.ErrUnknownKind},
		{"g2", "tenant", "*", model.ErrNotInBase},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s %q", test.section, test.column, test.value), func(t *testing.T) {
			l := goodLines[test.section]
			for i, column := range columnsOf[test.section] {
				if column == test.column {
					l.Values[i] = test.value
				}
			}
			column, value := test.column, test.value
			if test.section == model.Memberships && test.want == model.ErrCycle {
				column, value = "group", "role:rep" // it is the group that is the member
			}
			_, err := model.Decode(l)
			checkRefused(t, err, test.want, column, value)
		})
	}
}

func TestOnlyRolesAndTypesAreInTheBasePolicy(t *testing.T) {
	tests := []struct {
		line   model.Line
		column string // empty: accepted
		value  string
	}{
		{line("p", "role:rep", "*", "customer", "read", "allow", "-"), "", ""},
		{line("p", "*", "*", "*", "*", "deny", "-"), "", ""},
		{line("p3", "role:rep", "*", "customer#*", "read", "allow", "-"), "", ""},
		{line("g", "role:lead", "role:rep", "*", "-"), "", ""},
		{line("p", "user:alice", "*", "customer", "read", "allow", "-"), "subject", "user:alice"},
		{line("p", "team:north", "*", "customer", "read", "allow", "-"), "subject", "team:north"},
		{line("p", "role:rep", "*", "customer/42", "read", "allow", "-"), "target", "customer/42"},
		{line("p", "role:rep", "*", "customer@unit:apac", "read", "allow", "-"), "target", "customer@unit:apac"},
		{line("p3", "unit:apac", "*", "customer#phone", "read", "allow", "-"), "subject", "unit:apac"},
		{line("p3", "role:rep", "*", "customer/42#phone", "read", "allow", "-"), "target", "customer/42#phone"},
		{line("p2", "role:rep", "*", "customer", "read", "-", "-"), "tenant", "*"},
		{line("p4", "role:rep", "*", "off", "-", "-", "-"), "tenant", "*"},
		{line("g", "user:alice", "role:rep", "*", "-"), "member", "user:alice"},
		{line("g2", "unit:apac", "unit:world", "*"), "tenant", "*"},
	}
	for _, test := range tests {
		t.Run(test.line.String(), func(t *testing.T) {
			_, err := model.Decode(test.line)
			if test.column == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkRefused(t, err, model.ErrNotInBase, test.column, test.value)
		})
	}
}

func TestARoleIsInRolesOnly(t *testing.T) {
	for _, group := range []string{"team:north", "unit:apac"} {
		_, err := model.Decode(line("g", "role:rep", group, "acme", "-"))
		checkRefused(t, err, model.ErrMalformed, "group", group)
	}
}

func TestUnknownSectionsAreRefused(t *testing.T) {
	for _, section := range []string{"", "p1", "p5", "P", "g3", "e", "p "} {
		l := line(section, "role:rep", "acme", "customer", "read", "allow", "-")
		_, err := model.Decode(l)
		checkRefused(t, err, model.ErrUnknownSection, "section", section)
		checkRefused(t, l.Check(), model.ErrUnknownSection, "section", section)
	}
}

func TestDecodingALineOfAnotherSectionIsRefused(t *testing.T) {
	l := goodLines[model.TeamRules]
	_, err := model.DecodeCustomerRule(l)
	checkRefused(t, err, model.ErrMalformed, "section", "p2")
	_, err = model.DecodeTeamRule(goodLines[model.CustomerRules])
	checkRefused(t, err, model.ErrMalformed, "section", "p")
}

func TestEncodeRefusesWhatHasNoLine(t *testing.T) {
	rule := model.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow}
	team := model.TeamRule{Tenant: "acme", Subject: "role:rep", On: model.OnType("customer"), Level: model.LevelRead}
	field := model.FieldRule{Tenant: "acme", Subject: "role:rep", On: model.OnField("customer", "phone"), Level: model.FieldRead, Effect: model.Allow}
	member := model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep"}
	edge := model.OrgEdge{Tenant: "acme", Below: "user:alice", Above: "user:carol"}
	off := model.Switch{Tenant: "acme", Target: "user:eve", Mode: model.ModeOff}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	with := func(f model.CustomerRule, change func(*model.CustomerRule)) model.Fact { change(&f); return f }
	tests := []struct {
		name   string
		fact   model.Fact
		column string
		value  string
		want   error
	}{
		{"zero customer rule", model.CustomerRule{}, "subject", "", model.ErrUnknownKind},
		{"zero team rule", model.TeamRule{}, "subject", "", model.ErrUnknownKind},
		{"zero field rule", model.FieldRule{}, "subject", "", model.ErrUnknownKind},
		{"zero membership", model.Membership{}, "member", "", model.ErrUnknownKind},
		{"zero org edge", model.OrgEdge{}, "below", "", model.ErrUnknownKind},
		{"zero switch", model.Switch{}, "target", "", model.ErrMalformed},
		{"a group that excepts itself", model.Switch{Tenant: "acme", Target: "role:rep", Mode: model.ModeOff, Except: "role:rep user:ann"}, "except", "role:rep user:ann", model.ErrMalformed},
		{"a field of a rule that is off", model.Switch{Tenant: "acme", Target: model.RuleID(rule), Mode: model.ModeOff, Except: "customer#phone"}, "except", "customer#phone", model.ErrMalformed},
		{"nil", nil, "type", "<nil>", model.ErrMalformed},
		{"pointer", &rule, "type", "*model.CustomerRule", model.ErrMalformed},
		{"nil pointer", (*model.OrgEdge)(nil), "type", "*model.OrgEdge", model.ErrMalformed},
		{"embedded", struct{ model.Membership }{member}, "type", "struct { model.Membership }", model.ErrMalformed},
		{"no tenant", with(rule, func(f *model.CustomerRule) { f.Tenant = "" }), "tenant", "", model.ErrMalformed},
		{"no target", with(rule, func(f *model.CustomerRule) { f.On = model.Target{} }), "target", "", model.ErrMalformed},
		{"no action", with(rule, func(f *model.CustomerRule) { f.Action = "" }), "action", "", model.ErrMalformed},
		{"no effect", with(rule, func(f *model.CustomerRule) { f.Effect = 0 }), "effect", "invalid(0)", model.ErrMalformed},
		{"effect beyond", with(rule, func(f *model.CustomerRule) { f.Effect = 9 }), "effect", "invalid(9)", model.ErrMalformed},
		{"scope beyond", with(rule, func(f *model.CustomerRule) { f.Scope = 9 }), "terms", "invalid(9)", model.ErrMalformed},
		{"scope on a record", with(rule, func(f *model.CustomerRule) { f.On, f.Scope = model.OnRecord("customer", "42"), model.ScopeOwn }), "terms", "own", model.ErrMalformed},
		{"condition", with(rule, func(f *model.CustomerRule) { f.If = "a b" }), "terms", "if:a b", model.ErrMalformed},
		{"condition none", with(rule, func(f *model.CustomerRule) { f.If = "-" }), "terms", "if:-", model.ErrMalformed},
		{"fraction of a second", with(rule, func(f *model.CustomerRule) { f.Valid.From = noon.Add(1) }), "terms", "from:2026-11-22T12:00:00Z", model.ErrMalformed},
		{"year 10000", with(rule, func(f *model.CustomerRule) { f.Valid.Until = noon.AddDate(8000, 0, 0) }), "terms", "until:10026-11-22T12:00:00Z", model.ErrMalformed},
		{"until is from", with(rule, func(f *model.CustomerRule) { f.Valid = model.Period{From: noon, Until: noon} }), "terms",
			"from:2026-11-22T12:00:00Z until:2026-11-22T12:00:00Z", model.ErrMalformed},
		{"terms too long", with(rule, func(f *model.CustomerRule) { f.If = strings.Repeat("x", 98) }), "terms", "if:" + strings.Repeat("x", 98), model.ErrTooLong},
		{"subject too long", with(rule, func(f *model.CustomerRule) { f.Subject = "role:" + strings.Repeat("王", 96) }), "subject", "role:" + strings.Repeat("王", 96), model.ErrTooLong},
		{"target too long", with(rule, func(f *model.CustomerRule) { f.On = model.OnRecord("customer", strings.Repeat("4", 92)) }), "target",
			"customer/" + strings.Repeat("4", 92), model.ErrTooLong},
		{"field in a customer rule", with(rule, func(f *model.CustomerRule) { f.On.Field = "phone" }), "target", "customer#phone", model.ErrMalformed},
		{"unit and id", with(rule, func(f *model.CustomerRule) { f.On = model.Target{Type: "customer", Unit: "unit:a", ID: "1"} }), "target", "customer@unit:a/1", model.ErrMalformed},
		{"no level", func() model.Fact { f := team; f.Level = 0; return f }(), "level", "none", model.ErrMalformed},
		{"level beyond", func() model.Fact { f := team; f.Level = 5; return f }(), "level", "invalid(5)", model.ErrMalformed},
		{"no field", func() model.Fact { f := field; f.On.Field = ""; return f }(), "target", "customer", model.ErrMalformed},
		{"no field level", func() model.Fact { f := field; f.Level = 0; return f }(), "level", "hidden", model.ErrMalformed},
		{"field level beyond", func() model.Fact { f := field; f.Level = 4; return f }(), "level", "invalid(4)", model.ErrMalformed},
		{"no field effect", func() model.Fact { f := field; f.Effect = 0; return f }(), "effect", "invalid(0)", model.ErrMalformed},
		{"in itself", func() model.Fact { f := member; f.Member = "role:rep"; return f }(), "group", "role:rep", model.ErrCycle},
		{"above itself", func() model.Fact { f := edge; f.Above = f.Below; return f }(), "above", "user:alice", model.ErrCycle},
		{"no mode", func() model.Fact { f := off; f.Mode = 0; return f }(), "mode", "invalid(0)", model.ErrMalformed},
		{"mode beyond", func() model.Fact { f := off; f.Mode = 5; return f }(), "mode", "invalid(5)", model.ErrMalformed},
		{"tenant off", func() model.Fact { f := off; f.Target = model.Any; return f }(), "mode", "off", model.ErrMalformed},
		{"switch fraction", func() model.Fact { f := off; f.Valid.From = noon.Add(1); return f }(), "from", "2026-11-22T12:00:00Z", model.ErrMalformed},
		{"switch until fraction", func() model.Fact { f := off; f.Valid.Until = noon.Add(1); return f }(), "until", "2026-11-22T12:00:00Z", model.ErrMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := model.Encode(test.fact)
			checkRefused(t, err, test.want, test.column, test.value)
			if l != (model.Line{}) {
				t.Errorf("a refused fact has the line %v", l)
			}
		})
	}
}

func TestTimesOfAnyZoneAreWrittenInUTC(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	f := model.Membership{Tenant: "acme", Member: "user:alice", Group: "role:rep",
		Valid: model.Period{Until: time.Date(2027, 1, 1, 8, 0, 0, 0, shanghai)}}
	l, err := model.Encode(f)
	if want := line("g", "user:alice", "role:rep", "acme", "until:2027-01-01T00:00:00Z"); err != nil || l != want {
		t.Errorf("Encode = %v, %v; want %v", l, err, want)
	}
}

func TestEveryFactComesBackFromItsLine(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := factGenerator{rand.New(rand.NewPCG(seed, 0))}
	for range 20_000 {
		f := g.fact()
		l, err := model.Encode(f)
		if errors.Is(err, model.ErrTooLong) {
			continue
		}
		if err != nil {
			t.Fatalf("%#v: %v", f, err)
		}
		again, err := model.Decode(l)
		if err != nil {
			t.Fatalf("%v: %v", l, err)
		}
		if again != f {
			t.Fatalf("%v: %s", l, cmp.Diff(f, again))
		}
		if model.RuleID(f) != l.RuleID() || !model.IsRuleID(l.RuleID()) {
			t.Fatalf("%v: rule ids %s and %s", l, model.RuleID(f), l.RuleID())
		}
	}
}

func TestRuleIDIsStable(t *testing.T) {
	// Switches in stored policies name rules by this id: it must never change.
	l := line("p", "role:rep", "acme", "customer", "update", "allow", "-")
	if got, want := l.RuleID(), "rule:d7504dd00843e7ebccb9069734d38e41"; got != want {
		t.Errorf("RuleID() = %s, want %s", got, want)
	}
	for _, bad := range []string{"", "rule:", "rule:0123", "rule:0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef", "rule:0123456789abcdef0123456789abcdef0"} {
		if model.IsRuleID(bad) {
			t.Errorf("IsRuleID(%q)", bad)
		}
	}
}

func TestPeriodsIncludeFromAndExcludeUntil(t *testing.T) {
	from, until := time.Unix(1000, 0), time.Unix(2000, 0)
	p := model.Period{From: from, Until: until}
	for at, want := range map[time.Time]bool{from.Add(-1): false, from: true, until.Add(-1): true, until: false} {
		if p.Holds(at) != want {
			t.Errorf("Holds(%v) = %v", at, !want)
		}
	}
	if always := (model.Period{}); !always.Always() || !always.Holds(time.Time{}) || p.Always() {
		t.Error("the zero period is not always")
	}
}

func TestDecodingALineAllocatesNothing(t *testing.T) {
	for section, l := range goodLines {
		if n := testing.AllocsPerRun(100, func() { _ = l.Check() }); n != 0 {
			t.Errorf("%s: %v allocations", section, n)
		}
	}
}

// factGenerator makes random facts that are well formed, but perhaps too long.
type factGenerator struct{ *rand.Rand }

func (g factGenerator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g factGenerator) id() string {
	names := []string{"alice", "42", "a-b", "Sales/Marketing", "王小明", "🙂", "O'Neil", "50%", " x ", "\u200bz", "مرحبا", "a  b", "-", "*"}
	return model.EscapeID(g.pick(names...) + g.pick("", "", " ", "1", "é"))
}

func (g factGenerator) name() string {
	return g.pick("customer", "deal", "_x", "客户", "a.b:c-d", "été")
}
func (g factGenerator) subject() string {
	return g.pick("*", "user:"+g.id(), "role:"+g.id(), "team:"+g.id(), "unit:"+g.id())
}

func (g factGenerator) target() model.Target {
	switch g.IntN(4) {
	case 0:
		return model.OnType(g.pick("*", g.name()))
	case 1:
		return model.OnUnit(g.pick("*", g.name()), "unit:"+g.id())
	case 2:
		return model.OnRecord(g.name(), g.id())
	}
	return model.OnType(g.name())
}

func (g factGenerator) period() (p model.Period) {
	at := time.Unix(g.Int64N(4_000_000_000), 0).UTC()
	if g.IntN(2) == 0 {
		p.From = at
	}
	if g.IntN(2) == 0 {
		p.Until = at.Add(time.Duration(1+g.IntN(1000)) * time.Hour)
	}
	return p
}

func (g factGenerator) effect() model.Effect { return model.Effect(1 + g.IntN(2)) }
func (g factGenerator) condition() string    { return g.pick("", "", "eu_only", "客户") }

func (g factGenerator) fact() model.Fact {
	tenant := g.pick("acme", "globex", "王", "t "+g.id())
	switch g.IntN(6) {
	case 0:
		f := model.CustomerRule{Tenant: tenant, Subject: g.subject(), On: g.target(), Action: g.pick("*", "read", g.name()),
			Effect: g.effect(), Scope: model.Scope(g.IntN(6)), If: g.condition(), Valid: g.period()}
		if f.On.ID != "" {
			f.Scope = model.ScopeLevel
		}
		if g.IntN(3) == 0 {
			f.Tenant, f.Subject, f.On = model.Base, g.pick("*", "role:"+g.id()), model.OnType(g.name())
		}
		return f
	case 1:
		return model.TeamRule{Tenant: tenant, Subject: g.subject(), On: g.target(), Level: model.Level(1 + g.IntN(4)),
			As: g.pick("", g.name()), If: g.condition(), Valid: g.period()}
	case 2:
		return model.FieldRule{Tenant: tenant, Subject: g.subject(), Level: model.FieldLevel(1 + g.IntN(3)), Effect: g.effect(),
			On: model.Target{Type: g.name(), ID: g.pick("", g.id()), Field: g.pick("*", g.name())}, If: g.condition(), Valid: g.period()}
	case 3:
		if g.IntN(3) == 0 {
			s := model.Switch{Tenant: tenant, Target: model.Any, Mode: model.ModeLocked + model.Mode(g.IntN(3)), Valid: g.period(), Except: "net:10.0.0.0/8 role:admin"}
			if s.Mode == model.ModeOpen && s.Valid.Until.IsZero() {
				s.Valid.Until, s.Except = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "customer#iban"
			}
			return s
		}
		if g.IntN(3) == 0 {
			return model.Switch{Tenant: tenant, Target: g.pick(model.OnUnit(g.name(), "unit:"+g.id()).String(), model.Target{Type: g.name(), ID: g.pick("", g.id()), Field: g.pick("*", g.name())}.String()),
				Mode: []model.Mode{model.ModeOff, model.ModeReadOnly}[g.IntN(2)], Valid: g.period()}
		}
		return model.Switch{Tenant: tenant, Target: g.pick("user:"+g.id(), "role:"+g.id(), goodLines["p"].RuleID()), Mode: model.ModeOff, Valid: g.period()}
	case 4:
		if g.IntN(3) == 0 {
			return model.Membership{Tenant: g.pick(tenant, "*"), Member: "role:" + g.id(), Group: "role:x" + g.id() + "y", Valid: g.period()}
		}
		return model.Membership{Tenant: tenant, Member: g.pick("user:", "team:a") + g.id(), Group: g.pick("role:", "team:b", "unit:") + g.id(), Valid: g.period()}
	}
	kind := g.pick("user:", "unit:")
	return model.OrgEdge{Tenant: tenant, Below: kind + g.id(), Above: kind + "above " + g.id()}
}
