package authzgorm_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
)

// Customer is the model that the tests guard.
type Customer struct {
	ID        int64
	TenantID  string  `gorm:"size:50"`
	OwnerID   *string `gorm:"size:50"`
	UnitID    *string `gorm:"size:50"`
	CompanyID *int64
	Company   *Company
	Deals     []Deal
	Tags      []Tag  `gorm:"many2many:customer_tags"`
	Name      string `json:"name" gorm:"size:50"`
	Phone     string `json:"phone" gorm:"size:50"`
	Salary    int64  `json:"salary"`
	Region    string `json:"region" gorm:"size:50"`
	Secret    string // governed by no field
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
}

// Company is a customer's parent.
type Company struct {
	ID       int64
	TenantID string `gorm:"size:50"`
	OwnerID  string `gorm:"size:50"`
	Name     string `json:"name" gorm:"size:50"`
	TaxID    string `json:"tax" gorm:"size:50"`
}

// Deal belongs to a customer.
type Deal struct {
	ID         int64
	TenantID   string `gorm:"size:50"`
	OwnerID    string `gorm:"size:50"`
	CustomerID int64
	Title      string `json:"title" gorm:"size:50"`
	Amount     int64  `json:"amount"`
}

// Tag is no registered model.
type Tag struct {
	ID   int64
	Word string `gorm:"size:50"`
}

var crm = &authz.Schema{
	Types: map[string]model.Type{
		"customer": {
			Actions: map[string]model.Action{
				"read": {Need: model.LevelRead}, "create": {Need: model.LevelWrite}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
			Fields: map[string]model.Field{
				"name": {Default: model.FieldWrite}, "phone": {Default: model.FieldMasked, Mask: "last4"}, "salary": {}, "region": {Default: model.FieldRead}},
			Attributes: map[string]model.AttrType{"region": model.AttrString},
			Parent:     model.Parent{Type: "company", Cap: model.LevelRead},
		},
		"company": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "create": {Need: model.LevelWrite}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
			Fields:  map[string]model.Field{"name": {Default: model.FieldRead}, "tax": {}},
		},
		"deal": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "create": {Need: model.LevelWrite}, "update": {Need: model.LevelWrite}, "delete": {Need: model.LevelDelete}},
			Fields:  map[string]model.Field{"title": {Default: model.FieldWrite}, "amount": {}},
		},
	},
}

// newAuthorizer opens Acme's policy: reps do everything to what they reach, and read what is theirs.
func newAuthorizer(t testing.TB, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	store, err := adapter.NewMemory(nil)
	must(t, err)
	az, err := authz.Open(t.Context(), crm, store, options...)
	must(t, err)
	t.Cleanup(func() { _ = az.Close() })
	var facts []authz.Fact
	for _, typ := range []string{"customer", "company", "deal"} {
		facts = append(facts, authz.CustomerRule{Tenant: "acme", Subject: "role:rep", On: model.OnType(typ), Action: model.Any, Effect: model.Allow})
	}
	facts = append(facts,
		authz.CustomerRule{Tenant: "acme", Subject: "role:boss", On: model.OnType(model.Any), Action: model.Any, Effect: model.Allow, Scope: model.ScopeAll},
		authz.FieldRule{Tenant: "acme", Subject: "role:boss", On: model.OnField("customer", model.Any), Level: model.FieldWrite, Effect: model.Allow},
		authz.Membership{Tenant: "acme", Member: "user:ann", Group: "role:rep"},
		authz.Membership{Tenant: "acme", Member: "user:bob", Group: "role:rep"},
		authz.Membership{Tenant: "acme", Member: "user:eve", Group: "role:boss"},
		authz.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnRecord("customer", "4"), Level: model.LevelRead},
	)
	_, err = az.Grant(t.Context(), authz.By("user:admin", "test"), facts...)
	must(t, err)
	return az
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newPlugin(az *authz.Authorizer) *authzgorm.Plugin {
	owner := []authzgorm.Owner{{Field: "OwnerID", Kind: model.User}}
	return authzgorm.New(az,
		authzgorm.Model{Type: "customer", Of: &Customer{}, Tenant: "TenantID", Owners: owner, Unit: "UnitID", Parent: "CompanyID"},
		authzgorm.Model{Type: "company", Of: &Company{}, Tenant: "TenantID", Owners: owner},
		authzgorm.Model{Type: "deal", Of: &Deal{}, Tenant: "TenantID", Owners: owner})
}

func ptr[T any](v T) *T { return &v }

// fill makes the tables and the rows that the tests know. Ann owns customers 1 and 2 (2 is
// deleted), reads 3 as its company is hers, and 4 by a team rule; 5 is Bob's; 6 of another tenant.
func fill(t testing.TB, db *gorm.DB) {
	t.Helper()
	must(t, db.AutoMigrate(&Company{}, &Customer{}, &Deal{}, &Tag{}))
	must(t, db.Create([]Company{{1, "acme", "ann", "Elbe", "T1"}, {2, "acme", "bob", "Spree", "T2"}, {3, "zeta", "ann", "Rhein", "T3"}}).Error)
	must(t, db.Omit("Company", "Deals", "Tags").Create([]Customer{
		{ID: 1, TenantID: "acme", OwnerID: ptr("ann"), CompanyID: ptr(int64(2)), Name: "one", Phone: "555-0001", Salary: 10, Region: "EU", Secret: "s1"},
		{ID: 2, TenantID: "acme", OwnerID: ptr("ann"), Name: "two", Phone: "555-0002", Salary: 20, Region: "EU", Secret: "s2", DeletedAt: gorm.DeletedAt{Time: time.Now(), Valid: true}},
		{ID: 3, TenantID: "acme", OwnerID: ptr("bob"), CompanyID: ptr(int64(1)), Name: "three", Phone: "555-0003", Salary: 30, Region: "US", Secret: "s3"},
		{ID: 4, TenantID: "acme", Name: "four", Phone: "555-0004", Salary: 40, Region: "US", Secret: "s4"},
		{ID: 5, TenantID: "acme", OwnerID: ptr("bob"), CompanyID: ptr(int64(2)), Name: "five", Phone: "555-0005", Salary: 50, Region: "EU", Secret: "s5"},
		{ID: 6, TenantID: "zeta", OwnerID: ptr("ann"), CompanyID: ptr(int64(3)), Name: "six", Phone: "555-0006", Salary: 60, Region: "EU", Secret: "s6"},
	}).Error)
	must(t, db.Create([]Deal{{1, "acme", "ann", 1, "d1", 100}, {2, "acme", "bob", 1, "d2", 200}, {3, "acme", "bob", 5, "d3", 300}, {4, "zeta", "ann", 6, "d4", 400}}).Error)
	must(t, db.Create([]Tag{{1, "hot"}, {2, "cold"}}).Error)
}

// openSQLite opens a database with the rows, and the plugin in use.
func openSQLite(t testing.TB, az *authz.Authorizer) (guarded, bare *gorm.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crm.db")
	open := func() *gorm.DB {
		db, err := gorm.Open(sqlite.Open(path), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		t.Cleanup(func() {
			pool, err := db.DB()
			must(t, err)
			must(t, pool.Close())
		})
		return db
	}
	guarded, bare = open(), open()
	fill(t, bare)
	must(t, guarded.Use(newPlugin(az)))
	return guarded, bare
}

// as is a context in which a user of Acme asks.
func as(t testing.TB, user string) context.Context {
	return authz.NewContext(t.Context(), authz.Principal{Tenant: "acme", User: user})
}

func TestFindSeesHerRowsRedacted(t *testing.T) {
	db, _ := openSQLite(t, newAuthorizer(t))
	var got []Customer
	must(t, db.WithContext(as(t, "user:ann")).Order("id").Find(&got).Error)
	for _, c := range got {
		t.Logf("%+v", c)
	}
	if len(got) != 3 {
		t.Fatalf("%d rows", len(got))
	}
	got = nil
	must(t, db.WithContext(as(t, "user:ann")).Preload("Deals").Joins("Company").Where("customers.name <> ?", "x").Or("1 = 1").Order("customers.id").Find(&got).Error)
	for _, c := range got {
		t.Logf("%+v %+v", c, c.Company)
	}
	t.Log(db.WithContext(as(t, "user:ann")).Model(&Customer{}).Where("id = 1").Updates(map[string]any{"name": "x"}).Error)
	t.Log(db.WithContext(as(t, "user:ann")).Model(&Customer{}).Where("id = 5").Updates(map[string]any{"name": "x"}).RowsAffected)
	t.Log(db.WithContext(as(t, "user:ann")).Model(&Customer{}).Where("id = 1").Updates(map[string]any{"phone": "x"}).Error)
	t.Log(db.WithContext(as(t, "user:ann")).Create(&Customer{Name: "new", OwnerID: ptr("ann")}).Error)
	t.Log(db.WithContext(as(t, "user:ann")).Create(&Customer{Name: "new", OwnerID: ptr("bob")}).Error)
	t.Log(db.WithContext(as(t, "user:ann")).Delete(&Customer{}, 5).RowsAffected)
	t.Log(db.WithContext(as(t, "user:ann")).Where("salary > 10").Find(&got).Error)
	t.Log(db.WithContext(as(t, "user:ann")).Order("salary").Find(&got).Error)
	var n int64
	t.Log(db.WithContext(as(t, "user:ann")).Model(&Customer{}).Count(&n).Error, n)
}
