package zoho_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing/fstest"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

func ExampleOrganisation_Compile() {
	ctx := context.Background()
	o, err := zoho.Parse([]byte(`
modules:
  Leads: {default: private}
profiles:
  Standard: {modules: {Leads: [view, edit, delete]}}
roles:
  CEO: {}
  Manager: {reports_to: CEO}
  Sales: {reports_to: Manager}
users:
  mia: {profile: Standard, role: Manager}
  alice: {profile: Standard, role: Sales}
  adam: {profile: Standard, role: Sales}
shares:
  - {module: Leads, record: "7", with: {users: [adam]}, access: read_write}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := o.Compile("acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	az, err := authz.Open(ctx, policy.Schema, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()
	if _, err := az.Grant(ctx, authz.By("user:mia", "moving in"), policy.Facts...); err != nil {
		fmt.Println(err)
		return
	}
	lead := &authz.Record{Type: "Leads", ID: "7", Owners: []string{"user:alice"}}
	for _, user := range []string{"user:mia", "user:adam"} {
		for _, action := range []string{"edit", "delete"} {
			ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: user, Action: action, Record: lead})
			fmt.Println(user, action, ok, err)
		}
	}
	// Output:
	// user:mia edit true <nil>
	// user:mia delete true <nil>
	// user:adam edit true <nil>
	// user:adam delete false <nil>
}

func ExampleImport() {
	o, report, err := zoho.Import(context.Background(), fstest.MapFS{
		"roles.json": {Data: []byte(`{"roles": [
			{"name": "CEO", "id": "1", "reporting_to": null, "share_with_peers": true},
			{"name": "Sales", "id": "2", "reporting_to": {"name": "CEO", "id": "1"}, "mood": "good"}]}`)},
		"data_sharing.json": {Data: []byte(`{"data_sharing": [{"share_type": "public_read_only", "module": {"api_name": "Leads"}}]}`)},
	}, zoho.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Roles["Sales"].ReportsTo, o.Modules["Leads"].Default)
	if err := report.Write(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// CEO public_read_only
	// 2 files
	//       1 data sharing: taken
	//       2 role: taken
	//       1 role key: unknown
	// roles.json:3: unknown: role key mood: is passed over, here and further down in this file
}

// A contact of an account has as its parent what Related makes of the account.
func ExampleRelated() {
	account := &model.Record{Type: "Accounts", ID: "7", Owners: []string{"user:alice"}}
	contact := &model.Record{Type: "Contacts", ID: "8", Owners: []string{"user:bob"}, Parent: zoho.Related(account)}
	fmt.Println(contact.Parent.Type, contact.Parent.ID, contact.Parent.Owners)
	// Output: Accounts.related 7 []
}

// Rules about allowed IPs ask for the address in the environment.
func ExampleOrganisation_Compile_addresses() {
	env := map[string]any{crm.EnvIP: crm.Address(netip.MustParseAddr("192.0.2.77"))}
	fmt.Println(env)
	// Output: map[ip:00000000000000000000ffffc000024d]
}

func ExampleOrganisation_CheckShare() {
	o := &zoho.Organisation{
		Modules:  map[string]zoho.Module{"Leads": {}},
		Profiles: map[string]zoho.Profile{"Guest": {}},
		Roles:    map[string]zoho.Role{"CEO": {}, "Sales": {ReportsTo: "CEO"}},
		Users:    map[string]zoho.User{"gus": {Profile: "Guest", Role: "Sales"}},
	}
	fmt.Println(o.CheckShare(zoho.Share{Module: "Leads", Record: "7", With: zoho.People{Users: []string{"gus"}}, Access: "read_only"}))
	// Output: share of Leads 7: "gus": the product refuses it: her profile Guest does not have the module
}
