package zoho_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

// small is an organisation with a place for everything; lines are put into it.
func small(lines string) []byte {
	return []byte(`
modules:
  Leads: {fields: {Amount: {type: currency}}}
profiles:
  Standard: {modules: {Leads: [view, edit]}}
  None: {}
roles:
  CEO: {}
  Sales: {reports_to: CEO}
users:
  carol: {profile: Standard, role: CEO}
  alice: {profile: Standard, role: Sales}
  bob: {profile: Standard, role: Sales}
  nick: {profile: None, role: Sales}
  uma: {profile: Standard, role: Sales, status: unconfirmed}
  gert: {profile: Standard, role: Sales, status: inactive}
` + lines)
}

func TestParseRefuses(t *testing.T) {
	criteria := func(x string) string {
		return "sharing_rules: [{module: Leads, access: read_only, to: {everyone: true}, criteria: " + x + "}]"
	}
	for name, tc := range map[string]struct {
		text []byte
		want error
		says string
	}{
		"nothing":              {nil, crm.ErrMalformed, "empty"},
		"no module":            {[]byte("roles: {CEO: {}}"), crm.ErrMalformed, "modules"},
		"an unknown word":      {[]byte("modules: {Leads: {defaults: private}}"), crm.ErrMalformed, "line 1"},
		"an unknown default":   {[]byte("modules: {Leads: {default: Private}}"), crm.ErrMalformed, `"Private"`},
		"too much":             {bytes.Repeat([]byte("#"), model.MaxYAML+1), crm.ErrTooLarge, "description"},
		"deep":                 {[]byte("modules: " + strings.Repeat("[", 20_000)), crm.ErrMalformed, "depth"},
		"an alias":             {[]byte("modules: {Leads: &a {}, Deals: *a}"), crm.ErrMalformed, "aliases"},
		"the module setup":     {[]byte("modules: {setup: {}}"), crm.ErrMalformed, "setup"},
		"an unknown dialect":   {small("dialect: {managers: all}"), crm.ErrMalformed, "managers"},
		"hierarchy off":        {small("hierarchy: \"off\""), crm.ErrRefused, "hierarchy_off"},
		"no such role":         {small("groups: {G: {roles: [Service]}}"), crm.ErrNotFound, `"Service"`},
		"no such user":         {small("shares: [{module: Leads, record: \"1\", with: {users: [eve]}, access: read_only}]"), crm.ErrNotFound, `"eve"`},
		"no such access":       {small("shares: [{module: Leads, record: \"1\", with: {users: [bob]}, access: read_write_delete}]"), crm.ErrMalformed, "full_access"},
		"groups in a circle":   {small("groups: {G: {groups: [H]}, H: {groups: [G]}}"), model.ErrTooDeep, "group"},
		"a share of nobody's":  {small("dialect: {shares_at_owner_change: dropped}\nshares: [{module: Leads, record: \"1\", with: {users: [bob]}, access: read_only}]"), crm.ErrMalformed, "owner"},
		"a rule with both":     {small("sharing_rules: [{module: Leads, access: read_only, to: {everyone: true}}]"), crm.ErrMalformed, "either"},
		"a number that is not": {small(criteria("{field: Amount, comparator: equal, value: many}")), crm.ErrMalformed, `"many"`},
		"no comparator":        {small(criteria("{field: Amount, comparator: near, value: \"1\"}")), crm.ErrMalformed, `"near"`},
		"a built-in name":      {small(criteria("{field: parent, comparator: equal, value: \"1\"}")), crm.ErrMalformed, "parent"},
		"an empty group":       {small(criteria("{group_operator: and}")), crm.ErrMalformed, "group"},
		"groups without end":   {small(criteria(strings.Repeat("{group_operator: and, group: [", 20) + "{}" + strings.Repeat("]}", 20))), model.ErrTooDeep, "criteria"},
		"a lock of nothing":    {[]byte("modules: {Leads: {lock: {type: manual, actions: []}}}"), crm.ErrMalformed, "actions"},
		"a lock of viewing":    {[]byte("modules: {Leads: {lock: {type: manual, actions: [view]}}}"), crm.ErrMalformed, "view"},
		"no address":           {small("allowed_ips: [{for: {everyone: true}, addresses: [office]}]"), crm.ErrMalformed, `"office"`},
		"reporting to a peer":  {bytes.ReplaceAll(small("hierarchy: reporting"), []byte("alice: {"), []byte("alice: {reports_to: bob, ")), crm.ErrRefused, "higher"},
		"two at the top":       {bytes.ReplaceAll(small(""), []byte("{reports_to: CEO}"), []byte("{}")), crm.ErrMalformed, "top"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := zoho.Parse(tc.text)
			crmtest.Refused(t, o, err, tc.want, tc.says)
		})
	}
}

// The zero Organisation, and one made in Go, are checked by Compile as well.
func TestCompileRefuses(t *testing.T) {
	if p, err := (&zoho.Organisation{}).Compile("acme"); !errors.Is(err, crm.ErrMalformed) || p != nil {
		t.Error(p, err)
	}
	o, err := zoho.Parse(small(""))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := o.Compile("*a"); !errors.Is(err, model.ErrMalformed) || p != nil {
		t.Error(p, err)
	}
	long := zoho.Profile{Modules: map[string][]string{"Leads": {strings.Repeat("x", 101)}}}
	o.Profiles["Standard"] = long
	if p, err := o.Compile("acme"); !errors.Is(err, model.ErrTooLong) || p != nil {
		t.Error(p, err)
	}
}

// ZO-08: sharing is refused with one who lacks the module, who has access already, or who is not confirmed.
func TestCheckShare(t *testing.T) {
	o, err := zoho.Parse(small(`
shares: [{module: Leads, record: "2", with: {groups: [Both]}, access: read_only}]
groups: {Both: {users: [bob]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	o.Modules["Deals"] = zoho.Module{Default: "public_read_only"}
	o.Modules["Tasks"] = zoho.Module{}
	o.Modules["Links"] = zoho.Module{Linking: true}
	for name, tc := range map[string]struct {
		share zoho.Share
		want  error
	}{
		"with bob":             {zoho.Share{With: zoho.People{Users: []string{"bob"}}}, nil},
		"with a role":          {zoho.Share{With: zoho.People{Roles: []string{"Sales"}}}, nil},
		"with everyone":        {zoho.Share{With: zoho.People{Everyone: true}}, nil},
		"lacks the module":     {zoho.Share{With: zoho.People{Users: []string{"nick"}}}, crm.ErrRefused},
		"unconfirmed":          {zoho.Share{With: zoho.People{Users: []string{"uma"}}}, crm.ErrRefused},
		"inactive":             {zoho.Share{With: zoho.People{Users: []string{"gert"}}}, crm.ErrRefused},
		"at the top":           {zoho.Share{With: zoho.People{Users: []string{"carol"}}}, crm.ErrRefused},
		"the owner":            {zoho.Share{Owner: "bob", With: zoho.People{Users: []string{"bob"}}}, crm.ErrRefused},
		"shared already":       {zoho.Share{Record: "2", With: zoho.People{Users: []string{"bob"}}}, crm.ErrRefused},
		"public already":       {zoho.Share{Module: "Deals", With: zoho.People{Users: []string{"bob"}}}, crm.ErrRefused},
		"a task":               {zoho.Share{Module: "Tasks", With: zoho.People{Users: []string{"bob"}}}, crm.ErrRefused},
		"of a linking module":  {zoho.Share{Module: "Links", With: zoho.People{Users: []string{"bob"}}}, crm.ErrRefused},
		"with who is not here": {zoho.Share{With: zoho.People{Users: []string{"eve"}}}, crm.ErrNotFound},
		"with what is not":     {zoho.Share{Access: "everything"}, crm.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := tc.share
			if s.Module == "" {
				s.Module = "Leads"
			}
			if s.Record == "" {
				s.Record = "1"
			}
			if s.Access == "" {
				s.Access = "read_write"
			}
			if err := o.CheckShare(s); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	o.Dialect.SharesWithoutPermission = "useless"
	if err := o.CheckShare(zoho.Share{Module: "Leads", Record: "1", Access: "read_only", With: zoho.People{Users: []string{"nick"}}}); err != nil {
		t.Error("in a dialect that does not refuse:", err)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	crmtest.DescriptionsReadAgain(t, "zoho", zoho.Parse)
}

func FuzzParse(f *testing.F) { crmtest.FuzzParse(f, "zoho", zoho.Parse) }
