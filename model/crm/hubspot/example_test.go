package hubspot_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model/crm/hubspot"
)

func ExampleOrganisation_Compile() {
	ctx := context.Background()
	o, err := hubspot.Parse([]byte(`
objects: {deals: {}}
teams: {Sales: {}, North: {parent: Sales}}
permission_sets:
  Reps: {objects: {deals: {view: team, edit: owned}}}
users:
  sally: {team: Sales, permission_sets: [Reps]}
  nora: {team: North, permission_sets: [Reps]}
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
	if _, err := az.Grant(ctx, authz.By("user:sally", "moving in"), policy.Facts...); err != nil {
		fmt.Println(err)
		return
	}
	for _, owner := range []string{"user:sally", "user:nora"} {
		deal := &authz.Record{Type: "deals", ID: "7", Owners: []string{owner}}
		for _, action := range []string{"view", "edit"} {
			ok, err := az.Enforce(ctx, authz.Request{Tenant: "acme", User: "user:sally", Action: action, Record: deal})
			fmt.Println("Sally may", action, "a deal of", owner, ok, err)
		}
	}
	// Output:
	// Sally may view a deal of user:sally true <nil>
	// Sally may edit a deal of user:sally true <nil>
	// Sally may view a deal of user:nora true <nil>
	// Sally may edit a deal of user:nora false <nil>
}

func ExampleImport() {
	o, report, err := hubspot.Import(context.Background(), fstest.MapFS{
		"permissions.csv": {Data: []byte("permission_set,object,permission,access,unassigned\nReps,deals,view,team,yes\nReps,deals,fly,all,\n")},
		"users.csv":       {Data: []byte("user,permission_sets\nann,Reps\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Users["ann"].Sets, o.Sets["Reps"].Objects["deals"].View, o.Sets["Reps"].Objects["deals"].Unassigned)
	if err := report.Write(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [Reps] team [view]
	// 2 files
	//       1 permission: taken
	//       1 permission: unknown
	//       1 user: taken
	// permissions.csv:3: unknown: permission Reps deals fly: there is no such permission; the row is left out
}

func ExampleOrganisation_CheckAssign() {
	o := &hubspot.Organisation{
		Objects: map[string]hubspot.Object{"deals": {}},
		Sets:    map[string]hubspot.Permissions{"Exporters": {Tools: []string{"export"}}},
		Users:   map[string]hubspot.User{"ann": {}},
	}
	fmt.Println(o.CheckAssign("ann", "Exporters"))
	// Output: permission set Exporters: "export": the product refuses it: ann does not hold it herself
}
