package salesforce_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/salesforce"
)

func ExampleOrganisation_Compile() {
	ctx := context.Background()
	o, err := salesforce.Parse([]byte(`
objects:
  Account: {sharing: Private, fields: {Phone: {}, Revenue: {}}}
profiles:
  Sales: {objects: {Account: [read, edit]}, fields: {Account.Phone: edit}}
roles:
  VP: {}
  Rep: {parent: VP}
users:
  carol: {profile: Sales, role: VP}
  tom: {profile: Sales, role: Rep}
  pia: {profile: Sales, role: Rep}
shares:
  - {record: Account/42, to: {user: pia}, access: read, owner: tom}
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
	if _, err := az.Grant(ctx, authz.By("user:admin", "moving in"), policy.Facts...); err != nil {
		fmt.Println(err)
		return
	}
	account := &authz.Record{Type: "Account", ID: "42", Owners: []string{"user:tom"}}
	for _, user := range []string{"user:carol", "user:pia"} {
		for _, action := range []string{"read", "edit"} {
			ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: user, Action: action, Record: account})
			fmt.Println(user, action, ok, err)
		}
	}
	// Output:
	// user:carol read true <nil>
	// user:carol edit true <nil>
	// user:pia read true <nil>
	// user:pia edit false <nil>
}

func ExampleParse() {
	_, err := salesforce.Parse([]byte("objects:\n  Account: {sharing: Public}\n"))
	fmt.Println(err)
	// Output: line 2: sharing: "Public": malformed: one of Private Read ReadWrite ReadWriteTransfer FullAccess ControlledByParent ControlledByCampaign ReadSelect
}

func ExampleImport() {
	files := fstest.MapFS{"permissionsets/Sales.permissionset-meta.xml": {Data: []byte(`<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <label>Sales</label>
    <objectPermissions>
        <allowRead>true</allowRead>
        <object>Account</object>
    </objectPermissions>
    <novelty>2027</novelty>
</PermissionSet>`)}}
	org, report, err := salesforce.Import(context.Background(), files, salesforce.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range report.With(crm.Unknown) {
		fmt.Println(e)
	}
	if err := report.Write(os.Stdout); err != nil {
		fmt.Println(err)
	}
	fmt.Println(org.PermissionSets["Sales"].Objects["Account"] == salesforce.Read)
	// Output:
	// permissionsets/Sales.permissionset-meta.xml:8: unknown: novelty 2027: not known in PermissionSet
	// 1 files
	//       1 CustomObject: ambiguous
	//       1 label: not expressible
	//       1 novelty: unknown
	//       1 objectPermissions: taken
	// permissionsets/Sales.permissionset-meta.xml:3: not expressible: label Sales: says nothing of access
	// permissionsets/Sales.permissionset-meta.xml:8: unknown: novelty 2027: not known in PermissionSet
	// permissionsets/Sales.permissionset-meta.xml:4: ambiguous: CustomObject Account: is in no file; taken as private
	// true
}
