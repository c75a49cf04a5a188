package salesforce_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

func TestCompileRefuses(t *testing.T) {
	const base = `
objects:
  Account: {sharing: Private, fields: {Name: {required: true}, Phone: {}}}
  Contact: {sharing: ControlledByParent, parent: Account}
profiles: {P: {}}
permission_sets: {S: {}, M: {user_permissions: [AssignPermissionSets]}}
roles: {R: {}}
`
	tests := []struct {
		name, more string
		want       error
		says       string
	}{
		{"unknown profile", "users: {u: {profile: X}}", crm.ErrNotFound, `user u: "X"`},
		{"unknown role", "users: {u: {profile: P, role: X}}", crm.ErrNotFound, `user u: "X"`},
		{"unknown set", "users: {u: {profile: P, sets: [{name: X}]}}", crm.ErrNotFound, `"X"`},
		{"unknown set group", "users: {u: {profile: P, set_groups: [{name: X}]}}", crm.ErrNotFound, `"X"`},
		{"an end of administration", "users: {u: {profile: P, sets: [{name: M, until: 2027-01-01T00:00:00Z}]}}", crm.ErrRefused, `"AssignPermissionSets"`},
		{"an end of administration in a group", "permission_set_groups: {G: {sets: [M]}}\nusers: {u: {profile: P, set_groups: [{name: G, until: 2027-01-01T00:00:00Z}]}}", crm.ErrRefused, `"AssignPermissionSets"`},
		{"unknown set in a group", "permission_set_groups: {G: {sets: [X]}}", crm.ErrNotFound, `group G: "X"`},
		{"unknown muting set", "permission_set_groups: {G: {muting: X}}", crm.ErrNotFound, `group G: "X"`},
		{"101 sets in a group", "permission_set_groups: {G: {sets: [S" + strings.Repeat(", S", 100) + "]}}", crm.ErrRefused, "at most 100"},
		{"unknown object of a permission", "muting_permission_sets: {X: {objects: {Gone: [read]}}}", crm.ErrNotFound, `"Gone"`},
		{"unknown field", "muting_permission_sets: {X: {fields: {Account.Gone: read}}}", crm.ErrNotFound, `"Gone"`},
		{"a field without an object", "muting_permission_sets: {X: {fields: {Phone: read}}}", crm.ErrNotFound, `"Phone"`},
		{"all of a field", "muting_permission_sets: {X: {fields: {Account.Phone: all}}}", crm.ErrMalformed, "Account.Phone"},
		{"security of a required field", "muting_permission_sets: {X: {fields: {Account.Name: read}}}", crm.ErrRefused, "Account.Name"},
		{"unknown parent of a territory", "territories: {T: {parent: X}}", crm.ErrNotFound, `territory T: "X"`},
		{"a territory above itself", "territories: {T: {parent: V}, V: {parent: T}}", crm.ErrMalformed, "above itself"},
		{"a territory of nobody", "territories: {T: {users: [X]}}", crm.ErrNotFound, `"X"`},
		{"a territory of nothing", "territories: {T: {access: {X: read}}}", crm.ErrNotFound, `"X"`},
		{"a group in itself", "groups: {A: {groups: [B]}, B: {groups: [A]}}", crm.ErrMalformed, "contains itself"},
		{"a group of nobody", "groups: {A: {users: [X]}}", crm.ErrNotFound, `"X"`},
		{"a queue of nobody", "queues: {A: {roles: [X]}}", crm.ErrNotFound, `"X"`},
		{"a share of nothing", "shares: [{record: Gone/1, to: {role: R}, access: read}]", crm.ErrNotFound, `"Gone"`},
		{"a share without an id", "shares: [{record: Account, to: {role: R}, access: read}]", crm.ErrMalformed, "Object/Id"},
		{"a share with nobody", "shares: [{record: Account/1, to: {}, access: read}]", crm.ErrMalformed, "exactly one"},
		{"a share with two", "shares: [{record: Account/1, to: {role: R, all_internal_users: true}, access: read}]", crm.ErrMalformed, "exactly one"},
		{"a share of all", "shares: [{record: Account/1, to: {role: R}, access: all}]", crm.ErrRefused, "only owners"},
		{"a share of nothing at all", "shares: [{record: Account/1, to: {role: R}}]", crm.ErrRefused, "read or to edit"},
		{"a share of a controlled record", "shares: [{record: Contact/1, to: {role: R}, access: read}]", crm.ErrRefused, "has no shares"},
		{"a share while nobody owns", "shares: [{record: Account/1, to: {role: R}, access: read, owner: X}]", crm.ErrNotFound, `"X"`},
		{"an account with an owner", "users: {X: {profile: P}}\nshares: [{record: Account/1, to: {role: R}, access: read, account: \"2\", owner: X}]", crm.ErrMalformed, "child_access"},
		{"a sharing set of nothing", "sharing_sets: {X: {profiles: [P], mappings: [{object: Gone, object_field: a, user_field: b, access: read}]}}", crm.ErrNotFound, `"Gone"`},
		{"a sharing set of all", "sharing_sets: {X: {profiles: [P], mappings: [{object: Account, object_field: a, user_field: b, access: all}]}}", crm.ErrRefused, "read or edit"},
		{"a dialect that is not carried", "dialect: {effective: at_next_login}", crm.ErrMalformed, "at_next_login"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, err := salesforce.Parse([]byte(base + test.more))
			if err != nil {
				t.Fatal(err)
			}
			p, err := o.Compile("acme")
			if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.says) || p != nil {
				t.Errorf("%v; want %v that says %s", err, test.want, test.says)
			}
		})
	}
	if o, err := salesforce.Parse([]byte(base)); err != nil {
		t.Error(err)
	} else if _, err := o.Compile("acme"); err != nil {
		t.Error("what they have in common is refused itself:", err)
	} else if _, err := o.Compile("no/tenant"); !errors.Is(err, model.ErrMalformed) {
		t.Error("a tenant that is none:", err)
	}
}

func TestCompileRefusesObjects(t *testing.T) {
	for name, test := range map[string]struct {
		object string
		want   error
	}{
		"System":             {"System: {}", crm.ErrMalformed},
		"unknown parent":     {"A: {parent: X}", crm.ErrNotFound},
		"no parent":          {"A: {sharing: ControlledByParent}", crm.ErrMalformed},
		"another campaign":   {"A: {sharing: ControlledByCampaign, parent: A}", crm.ErrMalformed},
		"controlled outside": {"A: {parent: A, external_sharing: ControlledByParent}", crm.ErrRefused},
		"no detail":          {"A: {parent: A, master: edit}", crm.ErrMalformed},
		"all of the master":  {"A: {parent: A, sharing: ControlledByParent, master: all}", crm.ErrMalformed},
		"rules of a detail":  {"A: {parent: A, sharing: ControlledByParent, sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrRefused},
		"a rule of all":      {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: all, criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrRefused},
		"a rule of nothing":  {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: read}]}", crm.ErrMalformed},
		"children":           {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, case: read, criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrMalformed},
		"no such operation":  {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, criteria: [{field: F, operation: within, value: x}]}]}", crm.ErrMalformed},
		"no such filter":     {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, filter: 1 XOR 1, criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrMalformed},
		"no such number":     {"A: {fields: {F: {type: Number}}, sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrMalformed},
		"too long":           {"A: {sharing_rules: [{name: R, to: {all_internal_users: true}, access: read, criteria: [{field: F, operation: equals, value: " + strings.Repeat("x", crm.MaxExpression) + "}]}]}", crm.ErrTooLarge},
		"restricts nothing":  {"A: {restriction_rules: [{name: R, users: []}]}", crm.ErrMalformed},
		"restricts nobody":   {"A: {restriction_rules: [{name: R, users: [{field: $Profile, operation: equals, value: X}], criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrNotFound},
		"no such user":       {"A: {restriction_rules: [{name: R, users: [{field: F, operation: contains, value: X}], criteria: [{field: F, operation: equals, value: x}]}]}", crm.ErrMalformed},
		"too long a name":    {strings.Repeat("x", 101) + ": {}", model.ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := salesforce.Parse([]byte("objects: {" + test.object + "}"))
			if err != nil {
				t.Fatal(err)
			}
			if p, err := o.Compile("acme"); !errors.Is(err, test.want) || p != nil {
				t.Errorf("%v; want %v", err, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"colour: red", "objects: {A: {sharing: Public}}", "profiles: {P: {objects: {A: [fly]}}}", "profiles: {P: {fields: {A.B: write}}}",
		"users: {u: {profile: P, state: gone}}", "shares: [{record: A/1, to: {role: R}, access: read, cause: whim}]", "profiles: {P: {objects: {A: read}}}",
		"profiles: {P: {novel: x}}",
	} {
		var at *crm.Error
		if _, err := salesforce.Parse([]byte(text)); !errors.Is(err, crm.ErrMalformed) || !errors.As(err, &at) || at.Line != 1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRightsIncludeAndMute(t *testing.T) {
	const all = salesforce.Read | salesforce.Create | salesforce.Edit | salesforce.Delete | salesforce.ViewAll | salesforce.ModifyAll | salesforce.ViewAllFields
	for r := salesforce.Rights(0); r <= all; r++ {
		if r.Closed().Closed() != r.Closed() || r.Closed()&r != r {
			t.Errorf("Closed(%b) = %b", r, r.Closed())
		}
		for muted := salesforce.Rights(0); muted <= all; muted++ {
			left := r.Minus(muted)
			if left&muted != 0 || left.Closed() != left || left&^r.Closed() != 0 {
				t.Errorf("%b minus %b = %b", r, muted, left)
			}
		}
	}
}

func TestCompileIsTheSameEveryTime(t *testing.T) {
	o, _ := imported(t, fsOf{
		"a/A.permissionset": document("PermissionSet", objectPermission("Account", "allowRead viewAllRecords")+objectPermission("Contact", "allowEdit")),
		"a/P.profile":       document("Profile", objectPermission("Account", "allowEdit")),
	}, salesforce.Options{})
	first, err := o.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := o.Compile("acme")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(first, again); d != "" {
			t.Fatal(d)
		}
	}
}

// An organisation of any text is refused or compiles; it does not panic.
func FuzzCompile(f *testing.F) {
	f.Add([]byte("objects: {Account: {sharing: Read, sharing_rules: [{name: R, to: {role: A}, access: read, filter: 1 or (2 and not 1), criteria: [{field: F, operation: equals, value: 'a,b'}, {field: G, operation: notEqual}]}]}}\nroles: {A: {parent: B}, B: {}}"))
	f.Add([]byte("profiles: {P: {objects: {A: [modify_all]}, login_hours: [{day: 1, start: 2, end: 3}], login_ip_ranges: ['1.2.3.4-1.2.3.5']}}\nobjects: {A: {approvals: true}}\nusers: {u: {profile: P}}"))
	crmtest.FuzzCompile(f, salesforce.Parse)
}
