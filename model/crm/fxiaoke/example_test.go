package fxiaoke_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm/fxiaoke"
)

func ExampleOrganisation_Compile() {
	ctx := context.Background()
	o, err := fxiaoke.Parse([]byte(`
objects: {AccountObj: {basic: private}}
roles:
  Sales: {functions: {AccountObj: [view, edit, change_owner]}}
departments:
  North: {leader: 王伟}
users:
  王伟: {roles: [Sales], department: North}
  李娜: {roles: [Sales], department: North}
  赵敏: {roles: [Sales]}
team:
  - {object: AccountObj, record: "7", user: 赵敏, role: co_follower, access: read_only}
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
	if _, err := az.Grant(ctx, authz.By("user:王伟", "moving in"), policy.Facts...); err != nil {
		fmt.Println(err)
		return
	}
	account := &authz.Record{
		Type: "AccountObj", ID: "7", Owners: []string{"user:李娜"}, Unit: "unit:North",
		Attrs: map[string]any{"lock_status": "normal", "life_status": "normal"},
	}
	for _, user := range []string{"user:王伟", "user:赵敏"} {
		for _, action := range []string{"view", "edit"} {
			ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: user, Action: action, Record: account})
			fmt.Println(user, action, ok, err)
		}
	}
	// Output:
	// user:王伟 view true <nil>
	// user:王伟 edit true <nil>
	// user:赵敏 view true <nil>
	// user:赵敏 edit false <nil>
}

func ExampleImport() {
	o, report, err := fxiaoke.Import(context.Background(), fstest.MapFS{
		"functions.csv": {Data: []byte("角色,对象,功能\n销售,AccountObj,查看列表;查看详情;飞行\n")},
		"objects.csv":   {Data: []byte("对象,基础数据权限\nAccountObj,公开只读\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Objects["AccountObj"].Basic, o.Roles["销售"].Functions)
	if err := report.Write(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// public_read_only map[AccountObj:[list view]]
	// 2 files
	//       2 function: taken
	//       1 function: unknown
	//       1 object: taken
	// functions.csv:2: unknown: function 飞行: of 销售 on AccountObj is not known; nobody has it
}

// A contact of an account has as its parent what Related makes of the account.
func ExampleRelated() {
	account := &model.Record{Type: "AccountObj", ID: "7", Owners: []string{"user:李娜"}}
	contact := &model.Record{Type: "ContactObj", ID: "8", Parent: fxiaoke.Related(account, "ContactObj")}
	fmt.Println(contact.Parent.Type, contact.Parent.ID, contact.Parent.Owners)
	// Output: AccountObj.for.ContactObj 7 [user:李娜]
}
