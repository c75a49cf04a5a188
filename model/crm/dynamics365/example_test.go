package dynamics365_test

import (
	"context"
	"fmt"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model/crm/dynamics365"
)

func ExampleOrganisation_Compile() {
	ctx := context.Background()
	o, err := dynamics365.Parse([]byte(`
business_units: {root: {}, east: {parent: root}, west: {parent: root}}
tables: {account: {}}
security_roles:
  Salesperson: {privileges: {account: {read: local, write: basic, delete: basic}}}
hierarchy: {model: manager}
users:
  mia: {business_unit: east, roles: [{role: Salesperson}]}
  rob: {business_unit: east, manager: mia, roles: [{role: Salesperson}]}
  wes: {business_unit: west, roles: [{role: Salesperson}]}
shares:
  - {record: account/42, to: {user: wes}, rights: [read]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := o.Compile("contoso")
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
	account := &authz.Record{Type: "account", ID: "42", Owners: []string{"user:rob"}, Unit: "unit:east"}
	for _, user := range []string{"user:rob", "user:mia", "user:wes"} {
		for _, action := range []string{"read", "write", "delete"} {
			ok, err := az.Enforce(ctx, authz.Request{Tenant: "contoso", User: user, Action: action, Record: account})
			fmt.Println(user, action, ok, err)
		}
	}
	// Output:
	// user:rob read true <nil>
	// user:rob write true <nil>
	// user:rob delete true <nil>
	// user:mia read true <nil>
	// user:mia write true <nil>
	// user:mia delete false <nil>
	// user:wes read true <nil>
	// user:wes write false <nil>
	// user:wes delete false <nil>
}

func ExampleParse() {
	_, err := dynamics365.Parse([]byte("security_roles:\n  Sales: {privileges: {account: {read: organization}}}\n"))
	fmt.Println(err)
	// Output: line 2: depth: "organization": malformed: one of none basic local deep global
}

func ExampleImport() {
	org, report, err := dynamics365.Import(context.Background(), fsOf{"Roles/Sales.xml": `<Role id="{1}" name="Sales">
  <RolePrivileges>
    <RolePrivilege name="prvReadAccount" level="Global" />
    <RolePrivilege name="prvExportToExcel" level="Global" />
  </RolePrivileges>
</Role>`}.FS(), dynamics365.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range report.Entries {
		fmt.Println(e)
	}
	fmt.Println(org.Roles["Sales"].Privileges["account"][dynamics365.Read], org.Roles["Sales"].Tasks)
	// Output:
	// Roles/Sales.xml:1: taken: Role Sales
	// Roles/Sales.xml:3: taken: RolePrivilege Sales: prvReadAccount
	// Roles/Sales.xml:4: taken: RolePrivilege Sales: prvExportToExcel: not on a table: an action of System, whatever its level
	// Roles/Sales.xml:3: ambiguous: table account: is in no file; taken as owned by users, its columns unknown
	// global [prvExportToExcel]
}
