package dynamics365_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
)

func TestCompileRefuses(t *testing.T) {
	const base = `
tables: {account: {columns: {name: {}, ssn: {secured: true}}}, currency: {ownership: organization}}
security_roles: {R: {privileges: {account: {read: basic}}}}
positions: {P: {}}
`
	const units = "business_units: {root: {}, east: {parent: root}}\n"
	tests := []struct {
		name, more string
		want       error
		says       string
	}{
		{"two roots", "business_units: {a: {}, b: {}}", crm.ErrRefused, "one root"},
		{"unknown parent of a unit", "business_units: {a: {parent: b}}", crm.ErrNotFound, `"b"`},
		{"a unit above itself", "business_units: {r: {}, a: {parent: b}, b: {parent: a}}", crm.ErrMalformed, "above itself"},
		{"a user above himself", units + "users: {a: {business_unit: root, manager: b}, b: {business_unit: root, manager: a}}", crm.ErrMalformed, "above itself"},
		{"unknown manager", units + "users: {a: {business_unit: root, manager: b}}", crm.ErrNotFound, `"b"`},
		{"unknown unit", units + "users: {a: {business_unit: x}}", crm.ErrNotFound, `"x"`},
		{"no unit", "users: {a: {}}", crm.ErrNotFound, "business unit"},
		{"unknown role", units + "users: {a: {business_unit: root, roles: [{role: X}]}}", crm.ErrNotFound, `"X"`},
		{"a role of another unit", units + "users: {a: {business_unit: root, roles: [{role: R, business_unit: east}]}}", crm.ErrRefused, "across business units"},
		{"unknown position", units + "users: {a: {business_unit: root, position: X}}", crm.ErrNotFound, `"X"`},
		{"unknown member", units + "teams: {T: {business_unit: root, members: [x]}}", crm.ErrNotFound, `"x"`},
		{"a team without a unit", "teams: {T: {}}", crm.ErrNotFound, "business unit"},
		{"roles of an access team", units + "teams: {T: {kind: access, roles: [{role: R}]}}", crm.ErrRefused, "no security roles"},
		{"a record of an owner team", units + "teams: {T: {business_unit: root, record: account/1}}", crm.ErrMalformed, "only an access team"},
		{"a right that a member has not", units + "teams: {T: {kind: access, record: account/1, rights: [write], members: [a]}}\nusers: {a: {business_unit: root, roles: [{role: R}]}}", crm.ErrRefused, "cannot join"},
		{"a share of nothing", "shares: [{record: gone/1, to: {organization: true}, rights: [read]}]", crm.ErrNotFound, `"gone"`},
		{"a share without an id", "shares: [{record: account, to: {organization: true}, rights: [read]}]", crm.ErrMalformed, "table/id"},
		{"a share without rights", "shares: [{record: account/1, to: {organization: true}}]", crm.ErrRefused, "rights"},
		{"a share to create", "shares: [{record: account/1, to: {organization: true}, rights: [create]}]", crm.ErrRefused, "rights"},
		{"a share with nobody", "shares: [{record: account/1, to: {}, rights: [read]}]", crm.ErrMalformed, "exactly one"},
		{"a share with an unknown team", "shares: [{record: account/1, to: {team: X}, rights: [read]}]", crm.ErrNotFound, `"X"`},
		{"a share of the organization's", "shares: [{record: currency/1, to: {organization: true}, rights: [read]}]", crm.ErrRefused, "not shared"},
		{"a profile of an open column", "column_security_profiles: {C: {columns: {account.name: {read: true}}}}", crm.ErrRefused, "not secured"},
		{"a profile of no column", "column_security_profiles: {C: {columns: {account.gone: {read: true}}}}", crm.ErrNotFound, `"gone"`},
		{"a profile of nobody", "column_security_profiles: {C: {users: [x]}}", crm.ErrNotFound, `"x"`},
		{"a column share of no column", "column_shares: [{record: account/1, column: gone, to: {organization: true}}]", crm.ErrNotFound, `"gone"`},
		{"a depth below none", "hierarchy: {model: manager, depth: -1}", crm.ErrMalformed, "depths"},
		{"a dialect that is not carried", "dialect: {hierarchy_off: none}", crm.ErrMalformed, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, err := dynamics365.Parse([]byte(base + test.more))
			if err != nil {
				t.Fatal(err)
			}
			p, err := o.Compile("contoso")
			if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.says) || p != nil {
				t.Errorf("%v; want %v that says %s", err, test.want, test.says)
			}
		})
	}
	for name, test := range map[string]struct {
		tables string
		want   error
	}{
		"System":           {"System: {}", crm.ErrMalformed},
		"unknown parent":   {"a: {parent: b}", crm.ErrNotFound},
		"nobody's rights":  {"a: {privileges_of: b}", crm.ErrNotFound},
		"cascade to no":    {"a: {cascade_share: true}", crm.ErrMalformed},
		"an unknown mask?": {"a: {columns: {b: {secured: true, mask: 'no name'}}}", model.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := dynamics365.Parse([]byte("tables: {" + test.tables + "}"))
			if err != nil {
				t.Fatal(err)
			}
			if p, err := o.Compile("contoso"); !errors.Is(err, test.want) || p != nil {
				t.Errorf("%v; want %v", err, test.want)
			}
		})
	}
	o, err := dynamics365.Parse([]byte(base + units))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Compile("contoso"); err != nil {
		t.Error("what they have in common is refused itself:", err)
	}
	if _, err := o.Compile("no/tenant"); !errors.Is(err, model.ErrMalformed) {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"colour: red", "tables: {a: {ownership: nobody}}", "teams: {T: {kind: choir}}", "users: {u: {access_mode: fast}}", "hierarchy: {model: tree}",
		"security_roles: {R: {privileges: {a: {fly: basic}}}}", "shares: [{record: a/1, rights: [fly]}]",
		"column_security_profiles: {C: {columns: {a.b: {read_unmasked: always}}}}",
	} {
		var at *crm.Error
		if _, err := dynamics365.Parse([]byte(text)); !errors.Is(err, crm.ErrMalformed) || !errors.As(err, &at) || at.Line != 1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A manager of many has as many conditions as it takes; each is short enough.
func TestManagersOfMany(t *testing.T) {
	o := &dynamics365.Organisation{
		BusinessUnits: map[string]dynamics365.BusinessUnit{"root": {}}, Tables: map[string]dynamics365.Table{"account": {}},
		Hierarchy: dynamics365.Hierarchy{Model: dynamics365.ManagerHierarchy},
		Users:     map[string]dynamics365.User{"boss": {Unit: "root"}},
	}
	for i := range 2000 {
		o.Users[fmt.Sprint("a-report-with-a-long-name-", i)] = dynamics365.User{Unit: "root", Manager: "boss"}
	}
	p, err := o.Compile("contoso")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, expr := range p.Schema.Conditions {
		named += strings.Count(expr, "a-report-with-a-long-name-")
	}
	if named != 4*2000 {
		t.Errorf("%d reports in %d conditions", named, len(p.Schema.Conditions))
	}
}

// An organisation of any text is refused or compiles; it does not panic.
func FuzzCompile(f *testing.F) {
	f.Add([]byte("business_units: {root: {}}\ntables: {a: {parent: a, cascade_share: true}}\nsecurity_roles: {R: {privileges: {a: {read: deep}}}}\nusers: {u: {business_unit: root, manager: v, roles: [{role: R}]}, v: {business_unit: root}}\nhierarchy: {model: manager}\nshares: [{record: a/1, to: {user: u}, rights: [read]}]"))
	crmtest.FuzzCompile(f, dynamics365.Parse)
}
