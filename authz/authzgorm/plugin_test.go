package authzgorm_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/authz/filter"
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
	az := openAuthorizer(t, crm, options...)
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
	_, err := az.Grant(t.Context(), authz.By("user:admin", "test"), facts...)
	must(t, err)
	return az
}

func openAuthorizer(t testing.TB, schema *authz.Schema, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	store, err := adapter.NewMemory(nil)
	must(t, err)
	az, err := authz.Open(t.Context(), schema, store, options...)
	must(t, err)
	t.Cleanup(func() { _ = az.Close() })
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

// seen is what of a customer can be seen.
type seen struct {
	ID     int64
	Name   string
	Phone  string
	Salary int64
	Region string
	Secret string
}

func look(cs []Customer) (all []seen) {
	for _, c := range cs {
		all = append(all, seen{c.ID, c.Name, c.Phone, c.Salary, c.Region, c.Secret})
	}
	return all
}

func TestRowsAreHersAndRedacted(t *testing.T) {
	db, bare := openSQLite(t, newAuthorizer(t))
	hers := []seen{{1, "one", "****0001", 0, "EU", ""}, {3, "three", "****0003", 0, "US", ""}, {4, "four", "****0004", 0, "US", ""}}
	everything := []seen{{1, "one", "555-0001", 10, "EU", ""}, {3, "three", "555-0003", 30, "US", ""}, {4, "four", "555-0004", 40, "US", ""}, {5, "five", "555-0005", 50, "EU", ""}}
	for name, c := range map[string]struct {
		user string
		ask  func(db *gorm.DB, to *[]Customer) *gorm.DB
		want []seen
	}{
		"all":                       {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Find(to) }, hers},
		"the boss's":                {"user:eve", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Find(to) }, everything},
		"nobody's":                  {"user:zoe", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Find(to) }, nil},
		"an Or that is always true": {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Where("name = ?", "one").Or("1 = 1").Find(to) }, hers},
		"one condition":             {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Where("region = ?", "US").Find(to) }, hers[1:]},
		"a struct":                  {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Where(&Customer{Name: "three"}).Find(to) }, hers[1:2]},
		"some columns": {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Select("Name", "phone").Find(to) },
			[]seen{{1, "one", "****0001", 0, "", ""}, {3, "three", "****0003", 0, "", ""}, {4, "four", "****0004", 0, "", ""}}},
		"columns left out": {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Omit("phone", "owner_id", "region").Find(to) },
			[]seen{{1, "one", "", 0, "", ""}, {3, "three", "", 0, "", ""}, {4, "four", "", 0, "", ""}}},
		"deleted, too": {"user:ann", func(db *gorm.DB, to *[]Customer) *gorm.DB { return db.Unscoped().Where("id < ?", 3).Find(to) },
			[]seen{{1, "one", "****0001", 0, "EU", ""}, {2, "two", "****0002", 0, "EU", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []Customer
			must(t, c.ask(db.WithContext(as(t, c.user)).Order("id"), &got).Error)
			if diff := cmp.Diff(c.want, look(got)); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
	var all []Customer
	if must(t, bare.Unscoped().Find(&all).Error); len(all) != 6 {
		t.Fatalf("the tests' table has %d rows", len(all))
	}
}

// A column that was not selected, and was read to decide, is not left in the row.
func TestWhatWasReadToDecideIsNotLeft(t *testing.T) {
	db, _ := openSQLite(t, newAuthorizer(t))
	var c Customer
	must(t, db.WithContext(as(t, "user:ann")).Select("name").Take(&c, 1).Error)
	if c.Name != "one" || c.OwnerID != nil || c.CompanyID != nil || c.TenantID != "" || c.Region != "" {
		t.Errorf("got %+v", c)
	}
}

func TestJoinedAndPreloadedRowsAreGuardedByTheirOwnModels(t *testing.T) {
	db, _ := openSQLite(t, newAuthorizer(t))
	var got []Customer
	must(t, db.WithContext(as(t, "user:ann")).Joins("Company").Preload("Deals").Order("customers.id").Find(&got).Error)
	if len(got) != 3 {
		t.Fatalf("%d rows", len(got))
	}
	if got[0].Company != nil { // Bob's
		t.Errorf("customer 1 has company %+v", got[0].Company)
	}
	if c := got[1].Company; c == nil || c.Name != "Elbe" || c.TaxID != "" {
		t.Errorf("customer 3 has company %+v", c)
	}
	if d := got[0].Deals; len(d) != 1 || d[0].Title != "d1" || d[0].Amount != 0 {
		t.Errorf("customer 1 has deals %+v", d)
	}
}

func TestWritesAreChecked(t *testing.T) {
	type result struct {
		rows int64
		err  error
	}
	for name, c := range map[string]struct {
		write func(db *gorm.DB) *gorm.DB
		want  result
	}{
		"her own row":             {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{}).Where("id = 1").Update("name", "x") }, result{1, nil}},
		"by its key":              {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Updates(Customer{Name: "x"}) }, result{1, nil}},
		"one that she only reads": {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 4}).Update("name", "x") }, result{0, nil}},
		"another's":               {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 5}).Update("name", "x") }, result{0, nil}},
		"all":                     {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{}).Update("name", "x") }, result{0, gorm.ErrMissingWhereClause}},
		"all that are hers":       {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{}).Where("1 = 1").Update("name", "x") }, result{1, nil}},
		"a masked field":          {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("phone", "x") }, result{0, authz.ErrFields}},
		"a masked field as it is": {func(db *gorm.DB) *gorm.DB {
			return db.Model(&Customer{ID: 1}).Updates(map[string]any{"name": "x", "phone": "555-0001"})
		}, result{0, authz.ErrFields}},
		"a field that only reads":     {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("region", "US") }, result{0, authz.ErrFields}},
		"a column without a field":    {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("secret", "x") }, result{0, authz.ErrFields}},
		"the owner":                   {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("owner_id", "bob") }, result{0, authz.ErrFields}},
		"the tenant":                  {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("tenant_id", "zeta") }, result{0, authzgorm.ErrTenant}},
		"the key":                     {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{}).Where("id = 1").Update("id", 9) }, result{0, authzgorm.ErrKey}},
		"a hidden column into a name": {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("name", gorm.Expr("phone")) }, result{0, authz.ErrFields}},
		"a name from a name":          {func(db *gorm.DB) *gorm.DB { return db.Model(&Customer{ID: 1}).Update("name", gorm.Expr("UPPER(name)")) }, result{1, nil}},
		"delete her own":              {func(db *gorm.DB) *gorm.DB { return db.Delete(&Customer{}, 1) }, result{1, nil}},
		"delete what she reads":       {func(db *gorm.DB) *gorm.DB { return db.Delete(&Customer{}, []int{3, 4, 5, 6}) }, result{0, nil}},
		"delete for good": {func(db *gorm.DB) *gorm.DB {
			return db.Unscoped().Where("id in ?", []int{1, 2, 5, 6}).Delete(&Customer{})
		}, result{2, nil}},
		"delete all":       {func(db *gorm.DB) *gorm.DB { return db.Delete(&Customer{}) }, result{0, gorm.ErrMissingWhereClause}},
		"create":           {func(db *gorm.DB) *gorm.DB { return db.Create(&Customer{Name: "x", OwnerID: ptr("ann")}) }, result{1, nil}},
		"create another's": {func(db *gorm.DB) *gorm.DB { return db.Create(&Customer{Name: "x", OwnerID: ptr("bob")}) }, result{0, authzgorm.ErrNotAllowed}},
		"create in another tenant": {func(db *gorm.DB) *gorm.DB {
			return db.Create(&Customer{TenantID: "zeta", Name: "x", OwnerID: ptr("ann")})
		}, result{0, authzgorm.ErrTenant}},
		"create with a hidden field": {func(db *gorm.DB) *gorm.DB { return db.Create(&Customer{Name: "x", OwnerID: ptr("ann"), Salary: 1}) }, result{0, authz.ErrFields}},
		"create a batch, one not hers": {func(db *gorm.DB) *gorm.DB {
			return db.Create([]*Customer{{Name: "x", OwnerID: ptr("ann")}, {Name: "y", OwnerID: ptr("bob")}})
		}, result{0, authzgorm.ErrNotAllowed}},
		"create from a map": {func(db *gorm.DB) *gorm.DB {
			return db.Model(&Customer{}).Create(map[string]any{"Name": "x", "OwnerID": "ann", "TenantID": ""})
		}, result{1, nil}},
		"create from a map, not hers": {func(db *gorm.DB) *gorm.DB {
			return db.Model(&Customer{}).Create(map[string]any{"name": "x", "owner_id": "bob"})
		}, result{0, authzgorm.ErrNotAllowed}},
		"write over a row": {func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Customer{ID: 5, Name: "x", OwnerID: ptr("ann")})
		}, result{0, authzgorm.ErrUpsert}},
		"leave a row that is there": {func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Customer{ID: 5, Name: "x", OwnerID: ptr("ann")})
		}, result{0, nil}},
		"save another's as her own": {func(db *gorm.DB) *gorm.DB {
			return db.Save(&Customer{ID: 5, TenantID: "acme", Name: "x", OwnerID: ptr("ann")})
		}, result{0, authzgorm.ErrUpsert}},
	} {
		t.Run(name, func(t *testing.T) {
			db, bare := openSQLite(t, newAuthorizer(t))
			before := dump(t, bare)
			tx := c.write(db.WithContext(as(t, "user:ann")))
			if !errors.Is(tx.Error, c.want.err) || c.want.err == nil && tx.Error != nil || tx.Error == nil && tx.RowsAffected != c.want.rows {
				t.Errorf("got %d rows, %v; want %+v", tx.RowsAffected, tx.Error, c.want)
			}
			if after := dump(t, bare); (c.want.rows == 0) != cmp.Equal(before, after) {
				t.Errorf("the table: before -, after +\n%s", cmp.Diff(before, after))
			}
		})
	}
}

// dump is all customers, but for the times that GORM sets.
func dump(t testing.TB, bare *gorm.DB) (all []Customer) {
	t.Helper()
	must(t, bare.Unscoped().Order("id").Find(&all).Error)
	for i := range all {
		all[i].UpdatedAt = time.Time{}
		all[i].DeletedAt.Time = time.Time{}
	}
	return all
}

// A row that was read is saved again: what the user could not see stays, what she changed is written.
func TestSaveOfAReadRow(t *testing.T) {
	db, bare := openSQLite(t, newAuthorizer(t))
	db = db.WithContext(as(t, "user:ann"))
	var c Customer
	must(t, db.Take(&c, 1).Error)
	c.Name = "new name"
	if err := db.Save(&c).Error; !errors.Is(err, authz.ErrFields) { // the masked phone would be written
		t.Errorf("saving a redacted row: %v", err)
	}
	must(t, db.Select("name").Save(&c).Error)
	var now Customer
	must(t, bare.Take(&now, 1).Error)
	if now.Name != "new name" || now.Phone != "555-0001" || now.Salary != 10 || now.Secret != "s1" {
		t.Errorf("got %+v", now)
	}
	boss := db.WithContext(as(t, "user:eve"))
	must(t, boss.Take(&c, 1).Error)
	c.Salary = 99
	if err := boss.Omit("secret").Save(&c).Error; err != nil {
		t.Errorf("the boss saves: %v", err)
	}
	must(t, bare.Take(&now, 1).Error)
	if now.Salary != 99 || now.Secret != "s1" {
		t.Errorf("got %+v", now)
	}
}

// What may be written of some rows only is looked at row by row.
func TestFieldsThatDifferByRowAreCheckedInEach(t *testing.T) {
	az := newAuthorizer(t)
	_, err := az.Grant(t.Context(), authz.By("user:admin", "test"),
		authz.FieldRule{Tenant: "acme", Subject: "user:ann", On: model.Target{Type: "customer", ID: "1", Field: "salary"}, Level: model.FieldWrite, Effect: model.Allow},
		authz.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnRecord("customer", "4"), Level: model.LevelWrite})
	must(t, err)
	db, _ := openSQLite(t, az)
	db = db.WithContext(as(t, "user:ann"))
	if tx := db.Model(&Customer{}).Where("id = 1").Update("salary", 11); tx.Error != nil || tx.RowsAffected != 1 {
		t.Errorf("customer 1: %d rows, %v", tx.RowsAffected, tx.Error)
	}
	if err := db.Model(&Customer{}).Where("1 = 1").Update("salary", 12).Error; !errors.Is(err, authz.ErrFields) {
		t.Errorf("customers 1 and 4: %v", err)
	}
	var got []Customer
	must(t, db.Order("id").Find(&got).Error)
	if got[0].Salary != 11 || got[1].Salary != 0 {
		t.Errorf("salaries %d and %d", got[0].Salary, got[1].Salary)
	}
	if err := db.Order("salary").Find(&got).Error; !errors.Is(err, authz.ErrFields) {
		t.Errorf("sorted by what she reads of one row only: %v", err)
	}
}

type auditLog struct {
	entries []authz.AuditEntry
	err     error
}

func (l *auditLog) Audit(_ context.Context, e authz.AuditEntry) error {
	l.entries = append(l.entries, e)
	return l.err
}

func TestBypassIsLoggedOrRefused(t *testing.T) {
	log := &auditLog{}
	db, _ := openSQLite(t, newAuthorizer(t, authz.WithAudit(log)))
	var n int64
	count := func(ctx context.Context) error {
		return db.WithContext(ctx).Raw("SELECT count(*) FROM customers").Scan(&n).Error
	}
	must(t, count(authzgorm.Bypass(t.Context(), "nightly report")))
	if n != 6 || len(log.entries) != 1 || log.entries[0].Reason != "nightly report" || log.entries[0].Action != "bypass" {
		t.Errorf("%d rows, log %+v", n, log.entries)
	}
	if err := count(authzgorm.Bypass(t.Context(), "")); !errors.Is(err, authz.ErrNoReason) {
		t.Errorf("without a reason: %v", err)
	}
	log.err = errors.New("disk full")
	if err := count(authzgorm.Bypass(t.Context(), "report")); !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("with a log that fails: %v", err)
	}
	db, _ = openSQLite(t, newAuthorizer(t))
	if err := count(authzgorm.Bypass(t.Context(), "report")); !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("without a log: %v", err)
	}
}

func TestModelsThatDoNotFitAreRefused(t *testing.T) {
	az := newAuthorizer(t)
	good := authzgorm.Model{Type: "customer", Of: &Customer{}, Tenant: "TenantID", Owners: []authzgorm.Owner{{Field: "OwnerID", Kind: model.User}}}
	for name, change := range map[string]func(m *authzgorm.Model){
		"no struct":              func(m *authzgorm.Model) { m.Of = nil },
		"no model":               func(m *authzgorm.Model) { m.Of = ptr(1) },
		"an unknown field":       func(m *authzgorm.Model) { m.Unit = "Department" },
		"an unknown owner":       func(m *authzgorm.Model) { m.Owners[0].Field = "Boss" },
		"an unknown attribute":   func(m *authzgorm.Model) { m.Attributes = map[string]string{"colour": "Name"} },
		"an attribute's field":   func(m *authzgorm.Model) { m.Attributes = map[string]string{"region": "Colour"} },
		"a parent without model": func(m *authzgorm.Model) { m.Parent = "CompanyID" },
		"no tenant":              func(m *authzgorm.Model) { m.Tenant = "" },
		"an association":         func(m *authzgorm.Model) { m.Unit = "Company" },
		"an unknown type":        func(m *authzgorm.Model) { m.Type = "customers" },
	} {
		m := good
		m.Owners = slices.Clone(good.Owners)
		change(&m)
		db, err := gorm.Open(sqlite.Open("file::memory:"), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		var ours *authzgorm.Error
		var mapping *filter.MappingError
		if err := db.Use(authzgorm.New(az, m)); err == nil || !errors.As(err, &ours) && !errors.As(err, &mapping) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestScopeNarrowsWithoutThePlugin(t *testing.T) {
	_, bare := openSQLite(t, newAuthorizer(t))
	plugin := newPlugin(newAuthorizer(t))
	var n int64
	must(t, bare.WithContext(as(t, "user:ann")).Model(&Customer{}).Where("1 = 0").Or("1 = 1").Scopes(plugin.Scope("read")).Count(&n).Error)
	if n != 3 {
		t.Errorf("%d rows", n)
	}
	if err := bare.WithContext(t.Context()).Model(&Customer{}).Scopes(plugin.Scope("read")).Count(&n).Error; !errors.Is(err, authzgorm.ErrNoPrincipal) {
		t.Errorf("without a principal: %v", err)
	}
	if err := bare.WithContext(as(t, "user:ann")).Model(&Customer{}).Scopes(plugin.Scope("fly")).Count(&n).Error; !errors.Is(err, model.ErrUnknownAction) {
		t.Errorf("an unknown action: %v", err)
	}
}

func TestScopeLeavesGORMsRefusalToWriteAll(t *testing.T) {
	_, bare := openSQLite(t, newAuthorizer(t))
	plugin := newPlugin(newAuthorizer(t))
	var db *gorm.DB
	scoped := func(db *gorm.DB, action string) *gorm.DB { return db.Scopes(plugin.Scope(action)) }
	everything := func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{AllowGlobalUpdate: true}) }
	for name, c := range map[string]struct {
		do   func() *gorm.DB
		err  error
		rows int64
	}{
		"a soft delete":      {func() *gorm.DB { return scoped(db, "delete").Delete(&Customer{}) }, gorm.ErrMissingWhereClause, 0},
		"two scopes":         {func() *gorm.DB { return scoped(scoped(db, "update"), "delete").Delete(&Customer{}) }, gorm.ErrMissingWhereClause, 0},
		"without it":         {func() *gorm.DB { return scoped(db.Unscoped(), "delete").Delete(&Customer{}) }, gorm.ErrMissingWhereClause, 0},
		"a delete":           {func() *gorm.DB { return scoped(db, "delete").Delete(&Deal{}) }, gorm.ErrMissingWhereClause, 0},
		"an update":          {func() *gorm.DB { return scoped(db.Model(&Customer{}), "update").Update("name", "x") }, gorm.ErrMissingWhereClause, 0},
		"a key to be set":    {func() *gorm.DB { return scoped(db.Model(&Deal{}), "update").Updates(Deal{ID: 9}) }, gorm.ErrMissingWhereClause, 0},
		"a condition":        {func() *gorm.DB { return scoped(db, "delete").Delete(&Customer{}, "id > ?", 0) }, nil, 1},
		"keys":               {func() *gorm.DB { return scoped(db, "delete").Delete(&[]Deal{{ID: 1}, {ID: 2}}) }, nil, 1},
		"an updated key":     {func() *gorm.DB { return scoped(db.Model(&Customer{ID: 1}), "update").Update("name", "x") }, nil, 1},
		"another's":          {func() *gorm.DB { return scoped(db.Model(&Customer{ID: 5}), "update").Update("name", "x") }, nil, 0},
		"all that are hers":  {func() *gorm.DB { return scoped(everything(db), "delete").Delete(&Deal{}) }, nil, 1},
		"all she may update": {func() *gorm.DB { return scoped(everything(db).Model(&Customer{}), "update").Update("name", "x") }, nil, 1},
	} {
		db = bare.WithContext(as(t, "user:ann")).Begin()
		if got := c.do(); !errors.Is(got.Error, c.err) || got.RowsAffected != c.rows {
			t.Errorf("%s: %d rows, %v; want %d, %v", name, got.RowsAffected, got.Error, c.rows, c.err)
		}
		must(t, db.Rollback().Error)
	}
}
