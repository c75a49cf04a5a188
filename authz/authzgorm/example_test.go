package authzgorm_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
)

// The policy of the examples: Alice and Bob are reps, Carol is Alice's manager.
const (
	exampleSchema = `
types:
  customer:
    actions: {read: read, update: write}
    fields: {name: open, phone: {default: masked, mask: last4}}
    attributes: {tier: string}
    hierarchy: {by: line, level: same}
conditions: {own: own(), short: size(record.tier) < 4}
check_only: [short]
`
	examplePolicy = `
acme:
  members: [{who: [user:alice, user:bob, user:carol], in: role:rep}]
  org:     [{who: user:alice, under: user:carol}]
  rules:
    - {who: role:rep, may: [read, update], on: customer}
    - {who: user:erin, may: read, on: customer, scope: all, if: short}
  teams:   [{who: user:bob, has: read, on: customer/42, as: support}]
  fields:  [{who: role:rep, has: write, on: customer#phone, if: own}]
`
)

// Client is a row of the CRM's own table of customers.
type Client struct {
	ID     int64
	Tenant string
	Owner  string // "user:alice"
	Name   string `json:"name"`
	Phone  string `json:"phone"`
	Tier   string `json:"tier"`
}

var clients = authzgorm.Model{Type: "customer", Of: &Client{}, Tenant: "Tenant", Owners: []authzgorm.Owner{{Field: "Owner"}}}

// printedAudit prints what a real log would store.
type printedAudit struct{}

func (printedAudit) Audit(_ context.Context, e authz.AuditEntry) error {
	fmt.Printf("audit: %s of %s: %s\n", e.Action, e.Type, e.Reason)
	return nil
}

func openExample() *authz.Authorizer {
	ctx := context.Background()
	schema, err := model.ParseSchema([]byte(exampleSchema))
	if err != nil {
		log.Panic(err)
	}
	facts, err := model.ParsePolicy([]byte(examplePolicy))
	if err != nil {
		log.Panic(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		log.Panic(err)
	}
	az, err := authz.Open(ctx, schema, store, authz.WithAudit(printedAudit{}))
	if err != nil {
		log.Panic(err)
	}
	if _, err := az.Grant(ctx, authz.By("user:admin", "examples"), facts...); err != nil {
		log.Panic(err)
	}
	return az
}

// openClients makes a database in memory with some customers, without the plugin.
func openClients(name string) *gorm.DB {
	db, err := gorm.Open(sqlite.Open("file:"+name+"?mode=memory&cache=shared"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		log.Panic(err)
	}
	if err := db.AutoMigrate(&Client{}); err != nil {
		log.Panic(err)
	}
	if err := db.Create([]Client{
		{40, "acme", "user:bob", "Alpenhof", "+4366262570", "key"},
		{41, "acme", "user:alice", "Kyoto Onsen", "+81757711111", "standard"},
		{42, "acme", "user:alice", "Nordic Foods", "+4722864400", "key"},
		{43, "acme", "user:carol", "Casa Verde", "+551130612200", "key"},
		{42_000, "lumen", "user:alice", "Satara Mills", "+912162234", "key"},
	}).Error; err != nil {
		log.Panic(err)
	}
	return db
}

// openGuarded makes the same database with the plugin.
func openGuarded(name string, az *authz.Authorizer) *gorm.DB {
	db := openClients(name)
	if err := db.Use(authzgorm.New(az, clients)); err != nil {
		log.Panic(err)
	}
	return db
}

// askedBy is a context of one of Acme's users.
func askedBy(user string) context.Context {
	return authz.NewContext(context.Background(), authz.Principal{Tenant: "acme", User: user})
}

func ExampleNew() {
	az := openExample()
	defer az.Close()
	dir, err := os.MkdirTemp("", "crmauthz-example")
	if err != nil {
		log.Panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "crm.db")

	type Customer struct {
		ID      int64
		Tenant  string
		OwnerID string
		Name    string `json:"name"`
		Phone   string `json:"phone"`
	}
	db, err := gorm.Open(sqlite.Open(file), &gorm.Config{})
	if err != nil {
		log.Panic(err)
	}
	defer closeDB(db)
	db.Logger = logger.Discard
	// Tables and first rows are made before anybody asks.
	if err := db.AutoMigrate(&Customer{}); err != nil {
		log.Panic(err)
	}
	if err := db.Create([]Customer{
		{41, "acme", "bob", "Kyoto Onsen", "+81757711111"}, {42, "acme", "alice", "Nordic Foods", "+4722864400"},
		{43, "acme", "carol", "Casa Verde", "+551130612200"}, {44, "lumen", "bob", "Satara Mills", "+912162234"},
	}).Error; err != nil {
		log.Panic(err)
	}

	err = db.Use(authzgorm.New(az, authzgorm.Model{
		Type: "customer", Of: &Customer{}, Tenant: "Tenant",
		Owners: []authzgorm.Owner{{Field: "OwnerID", Kind: model.User}},
	}))
	if err != nil {
		log.Panic(err)
	}

	ctx := authz.NewContext(context.Background(), authz.Principal{Tenant: "acme", User: "user:bob"})
	var customers []Customer
	err = db.WithContext(ctx).Order("name").Find(&customers).Error
	if err != nil {
		log.Panic(err)
	}
	for _, c := range customers {
		fmt.Println(c.ID, c.Name, c.Phone)
	}
	err = db.WithContext(ctx).Order("phone").Find(&customers).Error
	fmt.Println(err)
	err = db.Find(&customers).Error
	fmt.Println(err)
	// Output:
	// 41 Kyoto Onsen +81757711111
	// 42 Nordic Foods ****4400
	// authzgorm: query of "customers": authz: query of customer: a field is not open to the user: phone
	// authzgorm: query of "customers": there is no principal in the context
}

func ExampleBypass() {
	az := openExample()
	defer az.Close()
	db := openGuarded("bypass", az)
	defer closeDB(db)

	const raise = "UPDATE clients SET tier = 'key' WHERE tier = 'standard'"
	fmt.Println(db.WithContext(askedBy("user:alice")).Exec(raise).Error)
	tx := db.WithContext(authzgorm.Bypass(askedBy("user:alice"), "all are key now, ticket 81")).Exec(raise)
	fmt.Println(tx.RowsAffected, tx.Error)
	// Output:
	// authzgorm: raw of "": "UPDATE clients SET tier = 'key' WHERE tier = 'standard'": the SQL is not known to be harmless
	// audit: bypass of raw SQL: all are key now, ticket 81
	// 1 <nil>
}

func ExamplePlugin_Scope() {
	az := openExample()
	defer az.Close()
	db := openClients("scope") // without db.Use
	defer closeDB(db)
	plugin := authzgorm.New(az, clients)

	for _, action := range []string{"read", "update"} {
		var names []string
		err := db.WithContext(askedBy("user:bob")).Model(&Client{}).Scopes(plugin.Scope(action)).
			Where("tier = ?", "key").Or("tier = ?", "standard").Order("id").Pluck("name", &names).Error
		fmt.Println(action, names, err)
	}
	// Output:
	// read [Alpenhof Nordic Foods] <nil>
	// update [Alpenhof] <nil>
}

// A page begins behind the last row of the one before, whatever is granted between them.
func ExampleFindPage() {
	az := openExample()
	defer az.Close()
	db := openGuarded("page", az)
	defer closeDB(db)

	page := authzgorm.PageQuery{Size: 2, Order: []authzgorm.Order{{Field: "Name"}}}
	for range 2 {
		p, err := authzgorm.FindPage[Client](db.WithContext(askedBy("user:carol")), page)
		if err != nil {
			log.Panic(err)
		}
		for _, c := range p.Rows {
			fmt.Print(c.Name, "; ")
		}
		fmt.Println("more:", p.Next != "")
		page.After = p.Next
	}
	// Erin's rule is checked of each record, which Find does not do.
	fmt.Println(db.WithContext(askedBy("user:erin")).Find(&[]Client{}).Error)
	p, err := authzgorm.FindPage[Client](db.WithContext(askedBy("user:erin")), authzgorm.PageQuery{Size: 2})
	for _, c := range p.Rows {
		fmt.Print(c.Name, "; ")
	}
	fmt.Println("more:", p.Next != "", err)
	// Output:
	// Casa Verde; Kyoto Onsen; more: true
	// Nordic Foods; more: false
	// authzgorm: query of "clients": "customer": the filter is not complete
	// Alpenhof; Nordic Foods; more: true <nil>
}

func closeDB(db *gorm.DB) {
	if pool, err := db.DB(); err == nil {
		_ = pool.Close()
	}
}

// What README shows of a list is in ExampleNew, line by line.
func TestReadmesListIsTheExample(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	must(t, err)
	source, err := os.ReadFile("example_test.go")
	must(t, err)
	_, text, found := strings.Cut(string(readme), "```go\ntype Customer struct {\n")
	if !found {
		t.Fatal("README has no list")
	}
	text, _, _ = strings.Cut(text, "```")
	rest := string(source)
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "//")
		code = strings.TrimSpace(code)
		_, behind, found := strings.Cut(rest, code)
		if !found {
			t.Fatalf("ExampleNew has no %q there", code)
		}
		rest = behind
	}
}
