package authzgorm_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// attack is a way to read or write more than Ann may. It gets a guarded handle in her name.
type attack struct {
	name    string
	do      func(db *gorm.DB) (any, error)
	err     error    // that it must fail with; nil: it must succeed, and return want
	want    any      // a list of keys is compared to those of the customers that are returned
	control bool     // without the plugin, it gets at something
	changes []string // beginnings of "table key column" of what it may change
	facts   []authz.Fact
	shows   []string // secrets that the facts let her see
	hides   []string // what the facts hide
	gone    bool     // it may see her deleted row
	only    string   // the databases that it is meant for; empty: all
}

// The keys of Bob's customer and of that of the other tenant; those of deals that are not hers.
const (
	bobs     = 9900005
	zetas    = 9900006
	bobsDeal = 9900002
)

// plant puts something into every place that Ann must not see that is found again.
func (s *stock) plant() {
	for i := range s.customers {
		c := &s.customers[i]
		c.Phone, c.Salary, c.Secret = fmt.Sprintf("TOPSECRETPHONE%d-000%d", c.ID, c.ID), 77000000+c.ID, fmt.Sprintf("TOPSECRETCOLUMN%d", c.ID)
		switch c.ID {
		case 2:
			c.Name, c.Region = "GONEtwo", "GONEregion"
		case 5, 6:
			c.Name, c.Region = fmt.Sprintf("TOPSECRETNAME%d", c.ID), fmt.Sprintf("TOPSECRETREGION%d", c.ID)
			c.ID += bobs - 5
		}
	}
	for i := range s.companies {
		c := &s.companies[i]
		c.TaxID = fmt.Sprintf("TOPSECRETTAX%d", c.ID)
		if c.ID != 1 {
			c.Name = fmt.Sprintf("TOPSECRETCOMPANY%d", c.ID)
		}
	}
	for i := range s.deals {
		d := &s.deals[i]
		d.Amount = 88000000 + d.ID
		if d.CustomerID > 4 {
			d.CustomerID += bobs - 5
		}
		if d.ID != 1 {
			d.Title = fmt.Sprintf("TOPSECRETDEAL%d", d.ID)
			d.ID += bobsDeal - 2
		}
	}
}

var (
	planted = regexp.MustCompile(`(?i)topsecret|7700000\d|8800000\d|23100000\d|15400000\d`) // sums of hers, too
	foreign = regexp.MustCompile(`99000\d\d`)                                               // keys, which an error may repeat
	deleted = regexp.MustCompile(`GONE`)
)

// spilt is the first thing that must not be in what an attack returned.
func (a *attack) spilt(got any, err error) string {
	encoded, jsonErr := json.Marshal(got)
	values := fmt.Sprintf("%+v %s %v", got, encoded, jsonErr)
	text := fmt.Sprintf("%s %v %+v", values, err, err)
	for _, s := range a.shows {
		text = strings.ReplaceAll(text, s, "")
	}
	if s := planted.FindString(text); s != "" {
		return s
	}
	for _, s := range a.hides {
		if strings.Contains(text, s) {
			return s
		}
	}
	if !a.gone && deleted.MatchString(text) {
		return "the deleted row"
	}
	return foreign.FindString(values)
}

// changed is what differs between two dumps and is not declared.
func (a *attack) changed(before, after map[string]string) (all []string) {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		declared := slices.ContainsFunc(a.changes, func(s string) bool { return strings.HasPrefix(key, s) })
		if was, is := before[key], after[key]; was != is && !declared {
			all = append(all, fmt.Sprintf("%s: %q, now %q", key, was, is))
		}
	}
	return all
}

// asWanted tells whether an attack that succeeded returned what it may.
func (a *attack) asWanted(got any) bool {
	want, keys := a.want.([]int64)
	rows, list := got.([]Customer)
	if !keys || !list {
		return cmp.Equal(a.want, got)
	}
	var ids []int64
	for _, c := range rows {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return cmp.Equal(want, ids)
}

// try makes an attack. A panic is an error that nothing expects.
func (a *attack) try(db *gorm.DB) (got any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return a.do(db)
}

var errAny = errors.New("any error") // of the database, mostly

func (a *attack) refusedAs(err error) bool {
	return errors.Is(err, a.err) || errors.Is(a.err, errAny) && err != nil && !strings.HasPrefix(err.Error(), "panic:")
}

// Lead is a customer, too. What a test has in the context is its hook.
type Lead struct {
	ID        int64
	TenantID  string
	OwnerID   *string
	UnitID    *string
	CompanyID *int64
	Name      string `json:"name"`
	Phone     string `json:"phone"`
	Salary    int64  `json:"salary"`
	Region    string `json:"region"`
	Secret    string
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
	Note      string `gorm:"-"`
}

func (Lead) TableName() string { return "customers" }

type hookKey struct{}

func hook(tx *gorm.DB) error {
	if f, ok := tx.Statement.Context.Value(hookKey{}).(func(*gorm.DB)); ok {
		f(tx)
	}
	return nil
}

func (*Lead) BeforeUpdate(tx *gorm.DB) error { return hook(tx) }
func (*Lead) BeforeDelete(tx *gorm.DB) error { return hook(tx) }
func (*Lead) BeforeCreate(tx *gorm.DB) error { return hook(tx) }
func (l *Lead) AfterFind(*gorm.DB) error {
	l.Note = fmt.Sprint(l.Phone, l.Salary, l.Secret)
	return nil
}

// hooked is a handle with a hook for leads.
func hooked(db *gorm.DB, f func(tx *gorm.DB)) *gorm.DB {
	return db.WithContext(context.WithValue(db.Statement.Context, hookKey{}, f))
}

// Bargain is a deal that knows its customer.
type Bargain struct {
	ID         int64
	TenantID   string
	OwnerID    string
	CustomerID int64
	Customer   *Customer
	Title      string `json:"title"`
	Amount     int64  `json:"amount"`
}

func (Bargain) TableName() string { return "deals" }

func attackedPlugin(az *authz.Authorizer) *authzgorm.Plugin {
	owner := []authzgorm.Owner{{Field: "OwnerID", Kind: model.User}}
	return authzgorm.New(az,
		authzgorm.Model{Type: "customer", Of: &Customer{}, Tenant: "TenantID", Owners: owner, Unit: "UnitID", Parent: "CompanyID"},
		authzgorm.Model{Type: "company", Of: &Company{}, Tenant: "TenantID", Owners: owner},
		authzgorm.Model{Type: "deal", Of: &Deal{}, Tenant: "TenantID", Owners: owner},
		authzgorm.Model{Type: "customer", Of: &Lead{}, Tenant: "TenantID", Owners: owner, Unit: "UnitID", Parent: "CompanyID"},
		authzgorm.Model{Type: "deal", Of: &Bargain{}, Tenant: "TenantID", Owners: owner})
}

// TestAttacksGetNowhere tries all attacks on each kind of database, each on a fresh one. Those that are a
// control must get at something without the plugin: else they show nothing.
func TestAttacksGetNowhere(t *testing.T) {
	attacks := slices.Concat(conditionAttacks(), columnAttacks(), queryAttacks(), joinAttacks(), clauseAttacks(), createAttacks(), updateAttacks(), deleteAttacks())
	for _, kind := range databases.Kinds {
		t.Run(kind, func(t *testing.T) {
			p := prepare(t, kind)
			az := newAuthorizer(t)
			for _, a := range attacks {
				if a.only != "" && !strings.Contains(a.only, kind) {
					continue
				}
				t.Run(a.name, func(t *testing.T) { a.mustFail(t, p, az) })
				if a.control {
					t.Run(a.name+", unguarded", func(t *testing.T) { a.mustGetThrough(t, p) })
				}
			}
		})
	}
}

func (a *attack) mustFail(t *testing.T, p *prepared, az *authz.Authorizer) {
	if len(a.facts) > 0 {
		az = newAuthorizer(t)
		_, err := az.Grant(t.Context(), authz.By("user:admin", "test"), a.facts...)
		must(t, err)
	}
	guarded, bare := p.fresh(t)
	must(t, guarded.Use(attackedPlugin(az)))
	before := everything(t, bare)
	got, err := a.try(guarded.WithContext(as(t, "user:ann")))
	switch {
	case a.err != nil && !a.refusedAs(err):
		t.Errorf("got %+v and the error %v; want %v", got, err, a.err)
	case a.err == nil && err != nil:
		t.Errorf("error %v", err)
	case a.err == nil && !a.asWanted(got):
		t.Errorf("got %+v, want %+v", got, a.want)
	}
	if s := a.spilt(got, err); s != "" {
		t.Errorf("it got at %q: %+v, error %v", s, got, err)
	}
	if diff := a.changed(before, everything(t, bare)); len(diff) > 0 {
		t.Errorf("it changed\n%s", strings.Join(diff, "\n"))
	}
}

func (a *attack) mustGetThrough(t *testing.T, p *prepared) {
	_, bare := p.fresh(t)
	before := everything(t, bare)
	got, err := a.try(bare.WithContext(as(t, "user:ann")))
	changed := len(a.changed(before, everything(t, bare))) > 0
	if !changed && (err != nil || a.asWanted(got) && a.spilt(got, nil) == "") {
		t.Errorf("nothing is gained by it: got %+v and the error %v", got, err)
	}
}

var hers = []int64{1, 3, 4}

// customers asks for the customers that a statement finds.
func customers(db *gorm.DB) (any, error) {
	var all []Customer
	err := db.Find(&all).Error
	return all, err
}

// count asks for the number of customers.
func count(db *gorm.DB) (any, error) {
	var n int64
	err := db.Model(&Customer{}).Count(&n).Error
	return n, err
}

// written is how many rows a statement wrote.
func written(db *gorm.DB) (any, error) { return db.RowsAffected, db.Error }

// scanned asks for rows as maps.
func scanned(db *gorm.DB) (any, error) {
	var all []map[string]any
	err := db.Find(&all).Error
	return all, err
}

func bob(db *gorm.DB) context.Context {
	return authz.NewContext(db.Statement.Context, authz.Principal{Tenant: "acme", User: "user:bob"})
}

type (
	// valuer is a value that is SQL.
	valuer struct{ sql string }
	// driven is a value for the driver, with something else in it.
	driven struct{ X any }
	// ownClause is a clause that the plugin does not know.
	ownClause struct{ name, sql string }
	// modifier is a clause that changes the statement.
	modifier struct{ f func(*gorm.Statement) }
)

func (v valuer) GormValue(context.Context, *gorm.DB) clause.Expr { return clause.Expr{SQL: v.sql} }
func (v driven) Value() (driver.Value, error)                    { return "x", nil }
func (c ownClause) Name() string                                 { return c.name }
func (c ownClause) Build(b clause.Builder)                       { _, _ = b.WriteString(c.sql) }
func (c ownClause) MergeClause(to *clause.Clause)                { to.Expression = c }
func (m modifier) Name() string                                  { return "" }
func (m modifier) Build(clause.Builder)                          {}
func (m modifier) MergeClause(*clause.Clause)                    {}
func (m modifier) ModifyStatement(s *gorm.Statement)             { m.f(s) }

func conditionAttacks() []attack {
	all := []attack{
		{name: "Or", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Where("name = ?", "x").Or("1 = 1")) }},
		{name: "Or at once", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Or("1 = 1")) }},
		{name: "Or in text", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Where("name = ? OR 1 = 1", "x")) }},
		{name: "Or in a group", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			return customers(db.Where(db.Where("name = ?", "x").Or(db.Where("1 = 1").Or("2 = 2"))).Or(db.Where("3 = 3")))
		}},
		{name: "Not", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Not("1 = 0").Or(db.Not("name = ?", "x"))) }},
		{name: "an inline condition", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			var all []Customer
			err := db.Find(&all, "name = ? OR 1 = 1", "x").Error
			return all, err
		}},
		{name: "another's tenant", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return count(db.Where("tenant_id = ?", "zeta")) }},
		{name: "another's owner", control: true, want: int64(1), do: func(db *gorm.DB) (any, error) { return count(db.Where("owner_id = ?", "bob")) }},
		{name: "another's key", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return count(db.Where([]int64{bobs, zetas})) }},
		{name: "a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where("salary > ?", 77000002)) }},
		{name: "a masked column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where("phone LIKE ?", "TOPSECRET%")) }},
		{name: "a column without a field", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where("secret = ?", "TOPSECRETCOLUMN1")) }},
		{name: "a hidden column in a map", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where(map[string]any{"salary": 77000001})) }},
		{name: "a hidden column in a struct", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where(&Customer{Salary: 77000001})) }},
		{name: "a hidden column in Not", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Not(map[string]any{"salary": []int{1}})) }},
		{name: "a hidden column in capitals", control: true, err: authzgorm.ErrUnsupported, only: "sqlite mysql", do: func(db *gorm.DB) (any, error) { return count(db.Where("SALARY > ?", 77000002)) }},
		{name: "a hidden column in quotes", control: true, err: authz.ErrFields, only: "sqlite mysql", do: func(db *gorm.DB) (any, error) { return count(db.Where("`salary` > ?", 77000002)) }},
		{name: "a hidden column in brackets", control: true, err: authzgorm.ErrRawSQL, only: "sqlite", do: func(db *gorm.DB) (any, error) { return count(db.Where("[salary] > ?", 77000002)) }},
		{name: "a hidden column behind the table", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Where("customers.salary > ?", 77000002)) }},
		{name: "a hidden column behind @", control: true, err: errAny, only: "postgres", do: func(db *gorm.DB) (any, error) { return count(db.Where("@salary > 77")) }}, // PostgreSQL's operator
		{name: "a hidden column behind @, with a name", control: true, err: errAny, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return count(db.Where("@salary > @n", sql.Named("n", 77)))
		}},
		{name: "the whole row", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) { return count(db.Where("customers::text LIKE ?", "%TOPSECRET%")) }},
		{name: "the key of SQLite", control: true, err: authzgorm.ErrUnsupported, only: "sqlite", do: func(db *gorm.DB) (any, error) {
			return count(db.Where("rowid IN ?", []int{bobs, zetas}).Or("rowid = 1"))
		}},
		{name: "a hidden column by clause.Eq", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where(clause.Eq{Column: "salary", Value: 77000001}))
		}},
		{name: "a hidden column as a value", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = ?", clause.Column{Name: "salary"}))
		}},
		{name: "raw SQL as a column", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return count(db.Where(clause.Gte{Column: clause.Column{Name: "(SELECT MAX(salary) FROM customers)", Raw: true}, Value: 1}))
		}},
		{name: "SQL in a value", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("name <> ?", clause.Expr{SQL: "phone"}))
		}},
		{name: "SQL in a list", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 IN ?", []any{clause.Expr{SQL: "salary"}}))
		}},
		{name: "SQL in a named value", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = @x", sql.Named("x", clause.Expr{SQL: "salary"})))
		}},
		{name: "SQL in a map of named values", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = @x", map[string]any{"x": clause.Expr{SQL: "salary"}}))
		}},
		{name: "SQL in a struct of named values", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = @X", struct{ X any }{clause.Expr{SQL: "salary"}}))
		}},
		{name: "SQL in a struct for the driver", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = @X", driven{clause.Expr{SQL: "salary"}}))
		}},
		{name: "SQL in a null", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 = @V", sql.Null[clause.Expr]{V: clause.Expr{SQL: "salary"}, Valid: true}))
		}},
		{name: "a value that is SQL", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("name = ?", valuer{"name OR salary > 77000002"}))
		}},
		{name: "a comment of two pieces", err: errAny, do: func(db *gorm.DB) (any, error) {
			begin, end := clause.Expr{SQL: "* 1"}, clause.Expr{SQL: "/ + 0"}
			return customers(db.Where("1 = 1 /? (1 *? ) OR (2 = 2 /? ) *?", begin, end, begin, end)) // the plugin's own parentheses fit it
		}},
		{name: "a comment that ends the statement", err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Where("1 = 1 -?", clause.Expr{SQL: "- 1"}))
		}},
		{name: "a comment in text", err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return customers(db.Where("1 = 1) -- ")) }},
		{name: "a parenthesis too many", err: authzgorm.ErrRawSQL, control: true, do: func(db *gorm.DB) (any, error) { return customers(db.Where("1 = 1) OR (1 = 1")) }},
		{name: "a second statement", err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return customers(db.Where("1 = 1; DELETE FROM customers")) }},
		{name: "UNION", err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return customers(db.Where("1 = 0 UNION SELECT * FROM customers")) }},
		{name: "an error that others' rows make, by zero", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("1 / (id - 9900005) <= 0")))
		}},
		{name: "an error that others' rows make, too large", control: true, err: authzgorm.ErrRawSQL, only: "sqlite", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("ABS(CASE WHEN name LIKE '%SECRETNAME5' THEN -9223372036854775807 - 1 ELSE 1 END) > 0")))
		}},
		{name: "an error that others' rows make, by a pattern that ends in \\", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("name LIKE ?", `%SECRETNAME\`)))
		}},
		{name: "the same with a named argument", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("name ILIKE @p", map[string]any{"p": []byte(`%secretname\`)})))
		}},
		{name: "the same with a clause", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where(clause.Like{Column: "name", Value: `%SECRETNAME\`})))
		}},
		{name: "the same with another column", err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where(clause.Like{Column: "name", Value: clause.Column{Name: "region"}})))
		}},
		{name: "the same with a fragment", err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("name LIKE ?", clause.Expr{SQL: "region"})))
		}},
		{name: "the same with a pattern that is put together", control: true, err: authzgorm.ErrRawSQL, only: "postgres", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("name LIKE coalesce(?, name)", `%SECRETNAME\`)))
		}},
		{name: "an error that others' rows make, out of range", control: true, err: authzgorm.ErrRawSQL, only: "mysql", do: func(db *gorm.DB) (any, error) {
			return toldByError(count(db.Where("9223372036854775000 + id > 0")))
		}},
	}
	return all
}

// toldByError is what an attacker knows who gets an error only if a row is there.
func toldByError(n any, err error) (any, error) {
	if err != nil && !errors.Is(err, authzgorm.ErrRawSQL) {
		return "TOPSECRET: the row is there", nil
	}
	return n, err
}

func columnAttacks() []attack {
	return []attack{
		{name: "order by a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return customers(db.Order("salary DESC").Limit(1)) }},
		{name: "order by a masked column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Order(clause.OrderByColumn{Column: clause.Column{Name: "phone"}, Desc: true}))
		}},
		{name: "order by CASE", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Order("CASE WHEN salary > 77000002 THEN 0 ELSE 1 END"))
		}},
		{name: "order by a query", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return customers(db.Order("(SELECT MAX(amount) FROM deals WHERE customer_id = customers.id)"))
		}},
		{name: "order and more", err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return customers(db.Order("name; DROP TABLE deals")) }},
		{name: "order by an expression", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Order(clause.OrderBy{Expression: clause.Expr{SQL: "salary = ? DESC", Vars: []any{77000003}}}))
		}},
		{name: "order by a number", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Order("1")) }},
		{name: "order by the place of a hidden column", control: true, err: errAny, do: func(db *gorm.DB) (any, error) { return customers(db.Select("id", "salary").Order("2 DESC")) }},
		{name: "order by the place of the hidden column in all", control: true, err: errAny, do: func(db *gorm.DB) (any, error) { return customers(db.Order("8 DESC")) }},
		{name: "group by the place of a hidden column", err: errAny, do: func(db *gorm.DB) (any, error) { return customers(db.Select("salary").Group("1")) }},
		{name: "group by a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Select("COUNT(*) AS n").Group("salary"))
		}},
		{name: "having a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Select("region").Group("region").Having("SUM(salary) > ?", 77000005))
		}},
		{name: "a hidden column into a map", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return scanned(db.Model(&Customer{}).Select("salary")) }},
		{name: "all columns into a map", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return scanned(db.Model(&Customer{})) }},
		{name: "the sum of a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return scanned(db.Model(&Customer{}).Select("SUM(salary) AS s")) }},
		{name: "a hidden column behind @ selected", control: true, err: errAny, only: "postgres", do: func(db *gorm.DB) (any, error) { return scanned(db.Model(&Customer{}).Select("@salary AS s")) }},
		{name: "a masked column under another's name", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Select("id", "phone AS name")) }},
		{name: "a masked column under another's name, without AS", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return customers(db.Select("id", "phone name")) }},
		{name: "a masked column under another's name, by a clause", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(clause.Select{Columns: []clause.Column{{Name: "phone", Alias: "name"}}}))
		}},
		{name: "a masked column in an expression", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Select("id, ? AS name", clause.Expr{SQL: "phone"}))
		}},
		{name: "a readable column under another's name", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Select("name AS phone")) }},
		{name: "a forged key", facts: salaryOf1, shows: []string{"77000001"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) { return customers(db.Select("id", "salary", "1 id")) }},
		{name: "a forged key, by a clause", facts: salaryOf1, shows: []string{"77000001"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(clause.Select{Columns: []clause.Column{{Name: "salary"}, {Name: "1 AS id", Raw: true}}}))
		}},
		{name: "a forged key, by a query into the model", facts: salaryOf1, shows: []string{"77000001"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Select("salary", "ABS(1) id", "id"))
		}},
		{name: "a forged key of a joined table's", facts: salaryOf1, shows: []string{"77000001"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Joins("Company").Select("customers.id", "customers.salary", db.Statement.Quote("Company.id")))
		}},
		{name: "without the key, by Pluck", facts: nameOf3, hides: []string{"three"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			var all []Customer
			err := db.Model(&Customer{}).Pluck("name", &all).Error
			return all, err
		}},
		{name: "without the key, by a clause", facts: nameOf3, hides: []string{"three"}, control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(clause.Select{Columns: []clause.Column{{Name: "name"}}}))
		}},
		{name: "without the key", facts: nameOf3, hides: []string{"three"}, control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Select("name")) }},
		{name: "with the key left out", facts: nameOf3, hides: []string{"three"}, control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Omit("ID", "OwnerID", "tenant_id")) }},
		{name: "all left out", want: hers, control: true, do: func(db *gorm.DB) (any, error) { return customers(db.Omit("*")) }},
		{name: "MapColumns", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.MapColumns(map[string]string{"phone": "name"})) }},
		{name: "Distinct", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return customers(db.Distinct("salary")) }},
		{name: "the number of different values", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Distinct("salary")) }},
		{name: "the number of values", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return count(db.Select("unit_id, salary").Select("salary")) }},
		{name: "Pluck", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []string
			err := db.Model(&Customer{}).Pluck("phone", &all).Error
			return all, err
		}},
		{name: "Pluck of an expression", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []string
			err := db.Model(&Customer{}).Pluck("LOWER(phone)", &all).Error
			return all, err
		}},
		{name: "a smaller struct", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []struct{ ID, Salary int64 }
			err := db.Model(&Customer{}).Find(&all).Error
			return all, err
		}},
		{name: "a smaller struct with a column in capitals", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			var all []struct {
				ID  int64
				Pay int64 `gorm:"column:SALARY"`
			}
			if db.Name() == "postgres" {
				return nil, gorm.ErrInvalidField
			}
			err := db.Model(&Customer{}).Find(&all).Error
			return all, err
		}, only: "sqlite mysql"},
		{name: "a smaller struct with SQLite's key", err: errAny, only: "sqlite", do: func(db *gorm.DB) (any, error) {
			var all []struct {
				Key int64 `gorm:"column:rowid"`
			}
			err := db.Model(&Customer{}).Find(&all).Error
			return all, err
		}},
		{name: "a struct with the model in it", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []struct{ Lead }
			err := db.Model(&Customer{}).Scan(&all).Error
			return all, err
		}},
		{name: "a value of another model", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []Lead
			err := db.Model(&Customer{}).Find(&all).Error
			return all, err
		}},
		{name: "pointers to pointers", want: "", do: func(db *gorm.DB) (any, error) {
			var all []**Customer
			func() {
				defer func() { _ = recover() }()
				_ = db.Model(&Customer{}).Find(&all)
			}()
			found := ""
			for _, c := range all {
				found += fmt.Sprint(**c)
			}
			return found, nil
		}},
		{name: "an array", control: true, want: "****0001****0003****0004", do: func(db *gorm.DB) (any, error) {
			var all [9]Customer
			err := db.Order("id").Find(&all).Error
			s := ""
			for _, c := range all {
				s += c.Phone
			}
			return strings.ReplaceAll(s, strings.Repeat("*", 11), ""), err
		}},
		{name: "an array of pointers", control: true, want: "", do: func(db *gorm.DB) (any, error) {
			var all [9]*Customer
			func() {
				defer func() { _ = recover() }()
				_ = db.Find(&all)
			}()
			s := ""
			for _, c := range all {
				if c != nil {
					s += fmt.Sprint(*c)
				}
			}
			return planted.FindString(s), nil
		}},
		{name: "Scan into texts", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var all []string
			err := db.Model(&Customer{}).Select("secret").Scan(&all).Error
			return all, err
		}},
		{name: "Rows", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			rows, err := db.Model(&Customer{}).Rows()
			if err != nil {
				return nil, err
			}
			defer func() { _ = rows.Close() }()
			var all []Customer
			for rows.Next() {
				if err := db.ScanRows(rows, &all); err != nil {
					return all, err
				}
			}
			return all, rows.Err()
		}},
		{name: "Row", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var s string
			tx := db.Model(&Customer{}).Select("phone")
			row := tx.Row()
			if row == nil {
				return nil, tx.Error
			}
			err := row.Scan(&s)
			return s, err
		}},
		{name: "Row of a count", want: int64(3), control: true, do: func(db *gorm.DB) (any, error) {
			var n int64
			row := db.Model(&Customer{}).Select("COUNT(*)").Row()
			err := row.Scan(&n)
			return n, err
		}},
	}
}

// Facts of some attacks.
var (
	salaryOf1 = []authz.Fact{authz.FieldRule{Tenant: "acme", Subject: "user:ann", On: model.Target{Type: "customer", ID: "1", Field: "salary"}, Level: model.FieldRead, Effect: model.Allow}}
	nameOf3   = []authz.Fact{authz.FieldRule{Tenant: "acme", Subject: "user:ann", On: model.Target{Type: "customer", ID: "3", Field: "name"}, Level: model.FieldMasked, Effect: model.Deny}}
	nameOfCo1 = []authz.Fact{authz.FieldRule{Tenant: "acme", Subject: "user:ann", On: model.Target{Type: "company", ID: "1", Field: "name"}, Level: model.FieldMasked, Effect: model.Deny}}
	writes4   = []authz.Fact{authz.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnRecord("customer", "4"), Level: model.LevelWrite}}
)

func queryAttacks() []attack {
	return []attack{
		{name: "nobody", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) { return customers(db.WithContext(context.Background())) }},
		{name: "Unscoped", control: true, gone: true, want: []int64{1, 2, 3, 4}, do: func(db *gorm.DB) (any, error) { return customers(db.Unscoped()) }},
		{name: "Raw", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			var all []Customer
			err := db.Raw("SELECT * FROM customers").Scan(&all).Error
			return all, err
		}},
		{name: "Raw with a model", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return customers(db.Model(&Customer{}).Raw("SELECT * FROM customers"))
		}},
		{name: "Raw rows", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			rows, err := db.Raw("SELECT phone FROM customers").Rows()
			if err != nil {
				return nil, err
			}
			defer func() { _ = rows.Close() }()
			var s string
			rows.Next()
			err = errors.Join(rows.Scan(&s), rows.Err())
			return s, err
		}},
		{name: "Exec", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return written(db.Exec("UPDATE customers SET name = 'x'")) }},
		{name: "Exec with a model", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Exec("DELETE FROM customer_tags"))
		}},
		{name: "a table without a model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) { return scanned(db.Table("customers")) }},
		{name: "a table that no model has", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) { return scanned(db.Table("customer_tags")) }},
		{name: "an alias", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Table("customers AS c")) }},
		{name: "an alias with the model's name", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Table("deals AS customers")) }},
		{name: "another model's table", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			var all []struct{ ID, Amount int64 }
			err := db.Unscoped().Model(&Customer{}).Table("deals").Find(&all).Error
			return all, err
		}},
		{name: "two tables", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Table("customers, deals").Select("amount"))
		}},
		{name: "a query for a table", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Table("(?) AS customers", db.Model(&Customer{})))
		}},
		{name: "an unregistered model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) {
			type Customer struct {
				ID    int64
				Phone string
			}
			var all []Customer
			err := db.Find(&all).Error
			return all, err
		}},
		{name: "a new session", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Session(&gorm.Session{NewDB: true})) }},
		{name: "a session with settings", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			return customers(db.Session(&gorm.Session{SkipHooks: true, PrepareStmt: true, AllowGlobalUpdate: true, QueryFields: true, SkipDefaultTransaction: true, FullSaveAssociations: true}))
		}},
		{name: "a session of nobody", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return customers(db.Session(&gorm.Session{Context: context.Background()}))
		}},
		{name: "a connection", control: true, want: hers, do: func(db *gorm.DB) (got any, err error) {
			err = db.Connection(func(tx *gorm.DB) error {
				got, err = customers(tx)
				return err
			})
			return got, err
		}},
		{name: "a transaction", control: true, want: hers, do: func(db *gorm.DB) (got any, err error) {
			err = db.Transaction(func(tx *gorm.DB) error {
				got, err = customers(tx.Or("1 = 1"))
				return err
			}, &sql.TxOptions{})
			return got, err
		}},
		{name: "a savepoint's name", only: "sqlite postgres", want: nil, do: func(db *gorm.DB) (any, error) { // some drivers lose the error
			tx := db.Begin()
			_ = tx.SavePoint("x; DELETE FROM deals")
			_ = tx.RollbackTo("x; DELETE FROM deals")
			_ = tx.Commit()
			return nil, nil
		}},
		{name: "a transaction within one that fails", want: nil, do: func(db *gorm.DB) (any, error) {
			return nil, db.Transaction(func(tx *gorm.DB) error {
				err := tx.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Model(&Customer{ID: 1}).Update("name", "x").Error, errAny)
				})
				if !errors.Is(err, errAny) {
					return err
				}
				return nil // what was written within is undone, the rest stays
			})
		}},
		{name: "ToSQL of the handle", want: false, do: func(db *gorm.DB) (any, error) {
			s := db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Model(&Customer{}).Select("name").Find(&[]map[string]any{}) })
			return s == "" || !strings.Contains(s, "ann"), nil
		}},
		{name: "a dry run whose SQL is run", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			s := db.Session(&gorm.Session{DryRun: true}).Select("name").Find(&[]Customer{}).Statement
			var all []Customer
			err := db.Raw(s.SQL.String()+" OR 1 = 1", s.Vars...).Scan(&all).Error
			return all, err
		}},
		{name: "a handle that was counted with", control: true, gone: true, want: []int64{1, 2, 3, 4}, do: func(db *gorm.DB) (any, error) {
			q := db.Model(&Customer{}).Where("name = ?", "x")
			if _, err := count(q); err != nil {
				return nil, err
			}
			var all []Customer
			err := q.Or("1 = 1").Select("*").Find(&all).Error
			return all, err
		}},
		{name: "a handle that found", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			q := db.Where("id = ?", bobs)
			if _, err := customers(q); err != nil {
				return nil, err
			}
			return customers(q.Or("1 = 1"))
		}},
		{name: "no limit", control: true, want: hers, do: func(db *gorm.DB) (any, error) { return customers(db.Limit(-1).Offset(-1)) }},
		{name: "Scopes", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			return customers(db.Scopes(func(tx *gorm.DB) *gorm.DB { return tx.Or("1 = 1") }, func(tx *gorm.DB) *gorm.DB { return tx.Or("2 = 2") }))
		}},
		{name: "a scope of nobody", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return customers(db.Scopes(func(tx *gorm.DB) *gorm.DB { return tx.WithContext(context.Background()) }))
		}},
		{name: "Last", control: true, want: int64(4), do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.Last(&c).Error
			return c.ID, err
		}},
		{name: "Take of another's", control: true, err: gorm.ErrRecordNotFound, do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.Take(&c, bobs).Error
			return c.Name, err
		}},
		{name: "First by a value's key", control: true, err: gorm.ErrRecordNotFound, do: func(db *gorm.DB) (any, error) {
			c := Customer{ID: zetas}
			err := db.First(&c).Error
			return c.Name, err
		}},
		{name: "FirstOrInit of another's", control: true, want: "", do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.Where("id = ?", bobs).Attrs(Customer{Region: "x"}).FirstOrInit(&c).Error
			return c.Name, err
		}},
		{name: "FirstOrCreate of another's", err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.FirstOrCreate(&c, Customer{ID: bobs}).Error
			return c.Name, err
		}},
		{name: "FirstOrCreate with Assign", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.Where("id = ?", 1).Assign(map[string]any{"salary": 1}).FirstOrCreate(&c).Error
			return c.Phone, err
		}},
		{name: "FindInBatches", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			var some, all []Customer
			err := db.Where("1 = 0").Or("1 = 1").FindInBatches(&some, 1, func(*gorm.DB, int) error {
				all = append(all, some...)
				return nil
			}).Error
			return all, err
		}},
		{name: "a page with Or", want: hers, do: func(db *gorm.DB) (any, error) {
			var all []Customer
			q := authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Name", Desc: true}}}
			for {
				page, err := authzgorm.FindPage[Customer](db.Where("1 = 0").Or("1 = 1"), q)
				all = append(all, page.Rows...)
				if q.After = page.Next; err != nil || q.After == "" {
					return all, err
				}
			}
		}},
		{name: "a page by a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			page, err := authzgorm.FindPage[Customer](db, authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Salary", Desc: true}}})
			return page, err
		}},
		{name: "a page of nobody", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			page, err := authzgorm.FindPage[Customer](db.WithContext(context.Background()), authzgorm.PageQuery{Size: 9})
			return page, err
		}},
		{name: "rows of their queries", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (SELECT customer_id FROM deals WHERE amount > ?)", 88000002))
		}},
		{name: "a query with a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (?)", db.Model(&Deal{}).Select("customer_id").Where("amount > 1")))
		}},
		{name: "a query of a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("77000001 IN (?)", db.Model(&Customer{}).Select("salary")))
		}},
		{name: "a query of others' rows", control: true, want: int64(1), do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (?)", db.Model(&Deal{}).Select("customer_id").Or("1 = 1")).Or("id = ?", zetas))
		}},
		{name: "a query of others' rows, negated", want: int64(2), do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id NOT IN (?)", db.Model(&Deal{}).Select("customer_id")))
		}},
		{name: "a query that counts", control: true, want: int64(3), do: func(db *gorm.DB) (any, error) {
			return count(db.Where("1 = (?)", db.Model(&Deal{}).Select("COUNT(*)")))
		}},
		{name: "Bob's query", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (?)", db.WithContext(bob(db)).Model(&Deal{}).Select("customer_id")))
		}},
		{name: "nobody's query", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (?)", db.WithContext(context.Background()).Model(&Deal{}).Select("customer_id")))
		}},
		{name: "a query that becomes Bob's", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			asked := 0
			return count(db.Where("0 < (?)", db.Model(&Deal{}).Select("COUNT(*)").Where("id > ?", 1).Scopes(func(tx *gorm.DB) *gorm.DB {
				if asked++; asked > 1 {
					tx.Statement.Context = bob(tx)
				}
				return tx
			})).Or("id = 1"))
		}},
		{name: "a raw query", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return count(db.Where("id IN (?)", db.Raw("SELECT customer_id FROM deals")))
		}},
		{name: "a query that selects a query", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Select("id, (?) AS x", db.Model(&Customer{}).Select("MAX(salary)")))
		}},
		{name: "a setting of the plugin's", want: int64(3), do: func(db *gorm.DB) (any, error) {
			return count(db.Set("crmauthz:reading", "x").Set("crmauthz:set", true).Set("gorm:query_option", "OR 1 = 1"))
		}},
	}
}

// withCompany is what a query with joined companies shows of them.
func withCompany(db *gorm.DB) (any, error) {
	got, err := customers(db)
	all, _ := got.([]Customer)
	var names []string
	for _, c := range all {
		if c.Company != nil {
			names = append(names, c.Company.Name)
		}
	}
	if _, jsonErr := json.Marshal(all); jsonErr != nil {
		return nil, jsonErr
	}
	for _, c := range all {
		if c.Company != nil && c.Company.TaxID != "" {
			return c.Company.TaxID, err
		}
	}
	return names, err
}

// namesOnly is the companies' names, if there is no error.
func namesOnly(db *gorm.DB) (any, error) {
	got, _ := withCompany(db)
	if tax, ok := got.(string); ok {
		return tax, nil
	}
	names, _ := got.([]string)
	return strings.Join(names, ""), nil
}

func joinAttacks() []attack {
	return []attack{
		{name: "Joins", control: true, want: []string{"Elbe"}, do: func(db *gorm.DB) (any, error) { return withCompany(db.Joins("Company")) }},
		{name: "InnerJoins", control: true, want: []string{"Elbe"}, do: func(db *gorm.DB) (any, error) { return withCompany(db.InnerJoins("Company").Or("1 = 1")) }},
		{name: "Joins with a condition", control: true, want: []string{"Elbe"}, do: func(db *gorm.DB) (any, error) {
			return withCompany(db.Joins("Company", db.Where("1 = 0").Or("2 = 2")))
		}},
		{name: "Joins on a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.InnerJoins("Company", db.Where(clause.Like{Column: clause.Column{Table: clause.CurrentTable, Name: "tax_id"}, Value: "TOPSECRETTAX%"})))
		}},
		{name: "Joins with columns left out", facts: nameOfCo1, hides: []string{"Elbe"}, control: true, want: "", do: func(db *gorm.DB) (any, error) {
			return namesOnly(db.Joins("Company", db.Omit("ID", "OwnerID", "TenantID")))
		}},
		{name: "Joins with some columns", facts: nameOfCo1, hides: []string{"Elbe"}, control: true, want: "", do: func(db *gorm.DB) (any, error) {
			return namesOnly(db.Joins("Company", db.Select("Name")))
		}},
		{name: "a hidden column of a joined table", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return count(db.Joins("Company").Where(clause.Eq{Column: clause.Column{Table: "Company", Name: "tax_id"}, Value: "TOPSECRETTAX1"}))
		}},
		{name: "order by a hidden column of a joined table", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Joins("Company").Order(`tax_id DESC`))
		}},
		{name: "a joined column under the model's name", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(db.Joins("Company").Clauses(clause.Select{Columns: []clause.Column{{Table: "Company", Name: "tax_id", Alias: "name"}}}))
		}},
		{name: "a joined owner as the model's", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			var all []Customer
			err := db.Joins("Company").Clauses(clause.Select{Columns: []clause.Column{{Name: "id", Table: "customers"}, {Table: "Company", Name: "owner_id"}}}).Where("customers.id = 3").Find(&all).Error
			return all, err
		}},
		{name: "raw Joins", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Joins("JOIN deals ON 1 = 1").Select("amount"))
		}},
		{name: "raw Joins that only count", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return count(db.Joins("LEFT JOIN deals d ON d.amount > ?", 1))
		}},
		{name: "Joins of many", control: true, err: errAny, do: func(db *gorm.DB) (any, error) { return count(db.Joins("Deals")) }},
		{name: "Joins into maps", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Joins("Company").Select("customers.name"))
		}},
		{name: "nested joins", control: true, want: []int64{1}, do: func(db *gorm.DB) (any, error) {
			var all []Bargain
			err := db.Joins("Customer").Joins("Customer.Company").Find(&all).Error
			var cs []Customer
			for _, b := range all {
				cs = append(cs, *b.Customer)
				cs[0].Deals = []Deal{{Title: b.Title, Amount: b.Amount}}
				if b.Customer.Company != nil {
					return b.Customer.Company.TaxID + b.Customer.Company.Name, err
				}
			}
			return cs, err
		}},
		{name: "Preload with a condition", control: true, want: "d1", do: func(db *gorm.DB) (any, error) {
			var c Customer
			err := db.Preload("Deals", "title = ? OR 1 = 1", "x").Take(&c, 1).Error
			s := ""
			for _, d := range c.Deals {
				if s += d.Title; d.Amount != 0 {
					s += fmt.Sprint(d.Amount)
				}
			}
			return s, err
		}},
		{name: "Preload by a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return customers(db.Preload("Deals", "amount > ?", 1))
		}},
		{name: "Preload in nobody's name", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return customers(db.Preload("Deals", func(tx *gorm.DB) *gorm.DB { return tx.WithContext(context.Background()) }))
		}},
		{name: "Preload by a function with Or", control: true, want: int64(1), do: func(db *gorm.DB) (any, error) {
			var all []Customer
			err := db.Preload("Deals", func(tx *gorm.DB) *gorm.DB { return tx.Or("1 = 1").Unscoped() }).Find(&all).Error
			n := int64(0)
			for _, c := range all {
				n += int64(len(c.Deals))
			}
			return n, err
		}},
		{name: "Preload that looks at the rows above", control: true, want: "", do: func(db *gorm.DB) (any, error) {
			var all []Customer
			seen := "nothing"
			err := db.Preload("Deals", func(tx *gorm.DB) *gorm.DB {
				seen = planted.FindString(fmt.Sprint(all))
				return tx
			}).Find(&all).Error
			return seen, err
		}},
		{name: "Preload that panics", control: true, want: "", do: func(db *gorm.DB) (any, error) {
			var all []Customer
			func() {
				defer func() { _ = recover() }()
				_ = db.Preload("Deals", func(*gorm.DB) *gorm.DB { panic("now") }).Find(&all)
			}()
			return planted.FindString(fmt.Sprint(all)), nil
		}},
		{name: "Preload of what is no model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) { return customers(db.Preload("Tags")) }},
		{name: "Preload of all", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) { return customers(db.Preload(clause.Associations)) }},
		{name: "Preload of Preload", control: true, want: []string{"1"}, do: func(db *gorm.DB) (any, error) {
			var all []Bargain
			err := db.Preload("Customer.Company").Find(&all).Error
			var seen []string
			for _, b := range all {
				if seen = append(seen, fmt.Sprint(b.ID)); b.Customer != nil && (b.Customer.Company != nil || b.Customer.Secret != "") {
					seen = append(seen, b.Customer.Secret, "TOPSECRET company")
				}
			}
			return seen, err
		}},
		{name: "Preload below a join", control: true, want: []string{"Elbe"}, do: func(db *gorm.DB) (any, error) {
			return withCompany(db.Preload("Company", func(tx *gorm.DB) *gorm.DB { return tx.Or("1 = 1") }))
		}},
		{name: "an association of another's", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) {
			var all []Deal
			err := db.Model(&Customer{ID: bobs}).Association("Deals").Find(&all)
			return int64(len(all)), err
		}},
		{name: "an association with Or", control: true, want: int64(1), do: func(db *gorm.DB) (any, error) {
			var all []Deal
			err := db.Model(&Customer{ID: 1}).Or("1 = 1").Association("Deals").Find(&all, "1 = 1 OR 2 = 2")
			return int64(len(all)), err
		}},
		{name: "how many are associated", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) {
			a := db.Model(&Customer{ID: bobs}).Association("Deals")
			n := a.Count()
			return n, a.Error
		}},
		{name: "an association without a model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) {
			var all []Tag
			err := db.Model(&Customer{ID: bobs}).Association("Tags").Find(&all)
			return all, err
		}},
		{name: "append what is no model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: bobs}).Association("Tags").Append(&Tag{ID: 1})
		}},
		{name: "append another's", control: true, err: authzgorm.ErrUpsert, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: 1}).Association("Deals").Append(&Deal{ID: bobsDeal + 1, TenantID: "acme", OwnerID: "ann"})
		}},
		{name: "replace", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: bobs}).Association("Deals").Replace(&Deal{ID: bobsDeal, TenantID: "acme", OwnerID: "ann"})
		}},
		{name: "clear", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: 1}).Association("Company").Clear()
		}},
		{name: "clear another's", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: bobs}).Association("Company").Clear()
		}},
		{name: "delete from an association", control: true, want: nil, do: func(db *gorm.DB) (any, error) {
			return nil, db.Model(&Customer{ID: bobs}).Association("Deals").Unscoped().Delete(&Deal{ID: bobsDeal + 1})
		}},
	}
}

func clauseAttacks() []attack {
	return []attack{
		{name: "a clause of its own", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) { return customers(db.Clauses(ownClause{"WHERE", "1 = 1"})) }},
		{name: "a clause of its own in SELECT", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(ownClause{"SELECT", "id, phone AS name"}))
		}},
		{name: "a clause of its own for a limit", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(ownClause{"LIMIT", "1; DELETE FROM deals"}))
		}},
		{name: "an expression of its own", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Where("1 = 0").Or(ownClause{"", "1 = 1"}))
		}},
		{name: "a pointer to an expression", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Where("1 = 0").Or(&clause.Expr{SQL: "1 = 1"}))
		}},
		{name: "FROM with tables", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Unscoped().Model(&Customer{}).Select("id").Clauses(clause.From{Tables: []clause.Table{{Name: "deals"}}}))
		}},
		{name: "FROM with joins", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return count(db.Clauses(clause.From{Joins: []clause.Join{{Type: clause.LeftJoin, Table: clause.Table{Name: "deals"}, ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "amount > 1"}}}}}}))
		}},
		{name: "SELECT by a clause", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Clauses(clause.Select{Columns: []clause.Column{{Name: "salary"}}}))
		}},
		{name: "SELECT of a query", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) {
			return scanned(db.Model(&Customer{}).Clauses(clause.Select{Expression: clause.Expr{SQL: "(SELECT MAX(salary) FROM customers) AS s"}}))
		}},
		{name: "a lock that is none", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(clause.Locking{Strength: "UPDATE OF deals"}))
		}},
		{name: "a lock of another table", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: "deals"}}))
		}},
		{name: "a modifier", control: true, want: hers, do: func(db *gorm.DB) (any, error) {
			return customers(db.Clauses(modifier{func(s *gorm.Statement) {
				s.AddClause(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}})
			}}))
		}},
		{name: "SQL behind WHERE", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db, func(s *gorm.Statement) {
				s.Clauses["WHERE"] = clause.Clause{Name: "WHERE", Expression: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 0"}}}, AfterExpression: clause.Expr{SQL: "OR 1 = 1"}}
			}))
		}},
		{name: "SQL before SELECT", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db, func(s *gorm.Statement) {
				s.Clauses["SELECT"] = clause.Clause{Name: "SELECT", BeforeExpression: clause.Expr{SQL: "SELECT * FROM customers UNION ALL"}}
			}))
		}},
		{name: "SQL behind SELECT", control: true, only: "sqlite postgres", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db, func(s *gorm.Statement) {
				s.Clauses["SELECT"] = clause.Clause{Name: "SELECT", AfterNameExpression: clause.Expr{SQL: "1 AS id, phone AS name,"}}
			}))
		}},
		{name: "a builder for WHERE", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db, func(s *gorm.Statement) {
				s.Clauses["WHERE"] = clause.Clause{Name: "WHERE", Builder: func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("WHERE 1 = 1") }}
			}))
		}},
		{name: "a clause named otherwise", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db.Where("1 = 0"), func(s *gorm.Statement) {
				s.Clauses["LIMIT"] = clause.Clause{Name: "OR", Expression: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1"}}}}
			}))
		}},
		{name: "no WHERE", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return customers(statementOf(db.Where("1 = 0"), func(s *gorm.Statement) { s.BuildClauses = []string{"SELECT", "FROM"} }))
		}},
		{name: "a query that deletes", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			var all []Deal
			err := statementOf(db.Where("id > 0"), func(s *gorm.Statement) {
				s.BuildClauses = []string{"DELETE", "FROM", "WHERE"}
				s.AddClause(clause.Delete{})
			}).Find(&all).Error
			return all, err
		}},
		{name: "an update that deletes", facts: writes4, control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(statementOf(db.Model(&Customer{}).Where("id = 4"), func(s *gorm.Statement) {
				s.BuildClauses = []string{"DELETE", "FROM", "WHERE"}
				s.AddClause(clause.Delete{})
				s.AddClause(clause.From{})
			}).Update("name", "x"))
		}},
		{name: "a creation that deletes", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(statementOf(db.Session(&gorm.Session{}), func(s *gorm.Statement) {
				s.BuildClauses = []string{"DELETE", "FROM"}
				s.AddClause(clause.Delete{})
				s.AddClause(clause.From{})
			}).Create(&Deal{OwnerID: "ann", TenantID: "acme", CustomerID: 1, Title: "x"}))
		}},
		{name: "INSERT with a modifier", control: true, err: authzgorm.ErrUnsupported, only: "sqlite", do: func(db *gorm.DB) (any, error) {
			return written(db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&Customer{ID: bobs, TenantID: "acme", Name: "x", OwnerID: ptr("ann")}))
		}},
		{name: "INSERT into another table", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Clauses(clause.Insert{Table: clause.Table{Name: "companies"}}).Model(&Deal{}).Create(map[string]any{"tenant_id": "acme", "owner_id": "ann"}))
		}},
		{name: "UPDATE of another table", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Clauses(clause.Update{Table: clause.Table{Name: "companies"}}).Session(&gorm.Session{SkipHooks: true}).Unscoped().Model(&Deal{}).Where("1 = 1").UpdateColumn("owner_id", "ann"))
		}},
		{name: "DELETE with a modifier", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Clauses(clause.Delete{Modifier: "FROM deals --"}).Delete(&Deal{}, 1))
		}},
		{name: "RETURNING of an update", control: true, err: authzgorm.ErrUnsupported, only: "sqlite postgres", do: func(db *gorm.DB) (any, error) {
			c := Customer{ID: 1}
			err := db.Model(&c).Clauses(clause.Returning{}).Update("name", "x").Error
			return c, err
		}},
		{name: "RETURNING of a delete", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			var all []Deal
			err := db.Clauses(clause.Returning{Columns: []clause.Column{{Name: "amount"}}}).Where("id = 1").Delete(&all).Error
			return all, err
		}},
		{name: "RETURNING of an expression", control: true, err: errAny, only: "sqlite postgres", do: func(db *gorm.DB) (any, error) {
			var all []Deal
			err := db.Clauses(clause.Returning{Columns: []clause.Column{{Name: "amount AS id", Raw: true}}}).Where("id = 1").Delete(&all).Error
			return all, err
		}},
		{name: "RETURNING of a creation", control: true, err: errAny, only: "sqlite postgres", do: func(db *gorm.DB) (any, error) {
			return written(db.Clauses(clause.Returning{}).Create(&Deal{OwnerID: "ann", TenantID: "acme", CustomerID: 1, Title: "x"}))
		}},
	}
}

// statementOf changes the statement of a handle by hand.
func statementOf(db *gorm.DB, f func(*gorm.Statement)) *gorm.DB {
	db = db.Where("2 = 2") // has a statement of its own
	f(db.Statement)
	return db
}

func createAttacks() []attack {
	ann := func(c Customer) *Customer {
		c.OwnerID, c.TenantID = ptr("ann"), "acme"
		return &c
	}
	over := func(c clause.OnConflict) func(db *gorm.DB) (any, error) {
		return func(db *gorm.DB) (any, error) {
			return written(db.Clauses(c).Create(ann(Customer{ID: bobs, Name: "x"})))
		}
	}
	id := []clause.Column{{Name: "id"}}
	return []attack{
		{name: "create another's", control: true, err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) {
			return written(db.Create(&Customer{TenantID: "acme", Name: "x", OwnerID: ptr("bob")}))
		}},
		{name: "create nobody's", control: true, err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) { return written(db.Create(&Customer{TenantID: "acme", Name: "x"})) }},
		{name: "create in another tenant", control: true, err: authzgorm.ErrTenant, do: func(db *gorm.DB) (any, error) {
			return written(db.Create(&Customer{TenantID: "zeta", Name: "x", OwnerID: ptr("ann")}))
		}},
		{name: "create with a hidden value", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return written(db.Create(ann(Customer{Salary: 1}))) }},
		{name: "create many, one of them another's", control: true, err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) {
			return written(db.Create([]*Customer{ann(Customer{Name: "x"}), {TenantID: "acme", OwnerID: ptr("bob")}}))
		}},
		{name: "create in batches, one row another's", control: true, err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) {
			return written(db.CreateInBatches([]*Customer{ann(Customer{Name: "x"}), {TenantID: "acme", OwnerID: ptr("bob")}}, 1))
		}},
		{name: "create from a map", control: true, err: authzgorm.ErrNotAllowed, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Create(map[string]any{"name": "x", "owner_id": "bob", "tenant_id": "acme"}))
		}},
		{name: "create from maps, one in another tenant", err: authzgorm.ErrTenant, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Create([]map[string]any{{"OwnerID": "ann", "TenantID": "acme"}, {"OwnerID": "ann", "TenantID": "zeta"}}))
		}},
		{name: "create from a map with two tenants", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Create(map[string]any{"OwnerID": "ann", "TenantID": "acme", "tenant_id": "zeta"}))
		}},
		{name: "create from a map with SQL", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Deal{}).Create(map[string]any{"owner_id": "ann", "tenant_id": "acme", "title": clause.Expr{SQL: "(SELECT MAX(tax_id) FROM companies)"}}))
		}},
		{name: "create without the owner that was checked", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return written(db.Omit("OwnerID").Create(ann(Customer{Name: "x"})))
		}},
		{name: "create without the tenant that was checked", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return written(db.Select("Name", "OwnerID").Create(ann(Customer{Name: "x"})))
		}},
		{name: "create with associations that are others'", control: true, err: authzgorm.ErrUpsert, do: func(db *gorm.DB) (any, error) {
			return written(db.Create(ann(Customer{Name: "x", Deals: []Deal{{TenantID: "acme", OwnerID: "bob"}}})))
		}},
		{name: "create with a company that is there", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return written(db.Session(&gorm.Session{FullSaveAssociations: true}).Create(ann(Customer{Name: "x", Company: &Company{ID: 2, TenantID: "acme", OwnerID: "ann"}})))
		}},
		{name: "create with what is no model", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) {
			return written(db.Create(ann(Customer{Name: "x", Tags: []Tag{{Word: "x"}}})))
		}},
		{name: "create with a hook", control: true, err: authzgorm.ErrTenant, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) { tx.Statement.SetColumn("TenantID", "zeta") }).Create(&Lead{TenantID: "acme", OwnerID: ptr("ann")}))
		}},
		{name: "create in nobody's name", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return written(db.WithContext(context.Background()).Create(ann(Customer{})))
		}},
		{name: "write over all", control: true, err: authzgorm.ErrUpsert, do: over(clause.OnConflict{UpdateAll: true})},
		{name: "write over some", control: true, err: authzgorm.ErrUpsert, do: over(clause.OnConflict{Columns: id, DoUpdates: clause.AssignmentColumns([]string{"name"})})},
		{name: "write over with values", control: true, err: authzgorm.ErrUpsert, do: over(clause.OnConflict{Columns: id, DoUpdates: clause.Assignments(map[string]any{"name": "x"})})},
		{name: "write over nothing", want: int64(0), only: "sqlite postgres", do: over(clause.OnConflict{DoNothing: true})}, // MariaDB's driver counts it
		{name: "write over nothing, with SQL for a column", control: true, only: "sqlite postgres", err: authzgorm.ErrUpsert,
			do: over(clause.OnConflict{DoNothing: true, Columns: []clause.Column{{Name: "id) DO UPDATE SET name = 'x' --", Raw: true}}})},
		{name: "write over nothing, with SQL for a constraint", control: true, only: "postgres", err: authzgorm.ErrUpsert,
			do: over(clause.OnConflict{DoNothing: true, OnConstraint: "customers_pkey DO UPDATE SET name = 'x' --"})},
		{name: "save another's", control: true, err: authzgorm.ErrUpsert, do: func(db *gorm.DB) (any, error) { return written(db.Save(ann(Customer{ID: bobs, Name: "x"}))) }},
		{name: "save several", control: true, err: authzgorm.ErrUpsert, do: func(db *gorm.DB) (any, error) {
			return written(db.Save([]*Customer{ann(Customer{ID: 1, Name: "x"}), ann(Customer{ID: bobs})}))
		}},
		{name: "save her own with nothing hidden left", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return written(db.Save(ann(Customer{ID: 1, CompanyID: ptr(int64(2)), Name: "one", Region: "EU"})))
		}},
	}
}

func updateAttacks() []attack {
	own := func(do func(db *gorm.DB) *gorm.DB) func(db *gorm.DB) (any, error) {
		return func(db *gorm.DB) (any, error) { return written(do(db.Model(&Customer{ID: 1}))) }
	}
	name1 := []string{"customers 1 name"}
	return []attack{
		{name: "update another's", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return written(db.Model(&Customer{ID: bobs}).Update("name", "x")) }},
		{name: "update several", control: true, want: int64(1), changes: name1, do: func(db *gorm.DB) (any, error) {
			return written(db.Model([]Customer{{ID: 1}, {ID: 4}, {ID: bobs}}).Update("name", "x"))
		}},
		{name: "update what Or finds", control: true, want: int64(1), changes: name1, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Where("id = 1").Or("1 = 1").Update("name", "x"))
		}},
		{name: "update all", control: true, want: int64(1), changes: name1, do: func(db *gorm.DB) (any, error) {
			return written(db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Customer{}).Update("name", "x"))
		}},
		{name: "update without a condition", err: gorm.ErrMissingWhereClause, do: func(db *gorm.DB) (any, error) { return written(db.Model(&Customer{}).Update("name", "x")) }},
		{name: "update a hidden column", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("salary", 1) })},
		{name: "update a hidden column by a struct", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Updates(Customer{Name: "x", Salary: 1}) })},
		{name: "update a hidden column without hooks", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.UpdateColumn("phone", "x") })},
		{name: "update hidden columns without hooks", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB {
			return db.UpdateColumns(map[string]any{"name": "x", "Secret": "x"})
		})},
		{name: "update all columns", control: true, err: errAny, do: own(func(db *gorm.DB) *gorm.DB { return db.Select("*").Updates(Customer{ID: 1, Name: "x"}) })},
		{name: "update a selected hidden column", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Select("Salary").Updates(Customer{Name: "x"}) })},
		{name: "update with columns left out", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Omit("Name").Updates(Customer{Name: "x", Phone: "x"}) })},
		{name: "update a region", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("region", "US") })},
		{name: "update the owner", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("owner_id", "bob") })},
		{name: "update the company", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("company_id", 1) })},
		{name: "update the tenant", control: true, err: authzgorm.ErrTenant, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("tenant_id", "zeta") })},
		{name: "update the tenant with SQL", control: true, err: errAny, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("tenant_id", gorm.Expr("region")) })},
		{name: "update the key", facts: writes4, control: true, err: authzgorm.ErrKey, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Where("id = 4").Update("id", 77))
		}},
		{name: "undelete", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return written(db.Unscoped().Model(&Customer{ID: 2}).Update("deleted_at", nil))
		}},
		{name: "copy a masked column", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("name", gorm.Expr("phone")) })},
		{name: "copy a masked column by a map", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB {
			return db.Updates(map[string]any{"name": clause.Column{Name: "phone"}})
		})},
		{name: "copy a masked column by a clause", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return written(db.Model(&Customer{}).Where("id = 1").Clauses(clause.Set{{Column: clause.Column{Name: "name"}, Value: clause.Expr{SQL: "secret"}}}).Update("name", "x"))
		}},
		{name: "copy from a query", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB {
			q := db.Session(&gorm.Session{NewDB: true})
			return db.Update("name", q.Model(&Company{}).Select("tax_id").Where("id = 1"))
		})},
		{name: "copy from a query of others' rows", control: true, changes: name1, want: int64(1), do: func(db *gorm.DB) (any, error) {
			tx := db.Model(&Customer{ID: 1}).Update("name", db.Model(&Company{}).Select("MAX(name)").Or("1 = 1"))
			var c Customer
			if err := db.Take(&c, 1).Error; err != nil || c.Name != "Elbe" {
				return c.Name, err
			}
			return written(tx)
		}},
		{name: "copy from raw SQL", control: true, err: authzgorm.ErrRawSQL, do: own(func(db *gorm.DB) *gorm.DB {
			return db.Update("name", gorm.Expr("(SELECT MAX(tax_id) FROM companies)"))
		})},
		{name: "a column's name with SQL", control: true, err: errAny, do: own(func(db *gorm.DB) *gorm.DB {
			return db.Where("id = 1").Clauses(clause.Set{{Column: clause.Column{Name: "salary = 1, name", Raw: true}, Value: "x"}}).Update("name", "x")
		})},
		{name: "update by a hidden column", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Where("salary = ?", 77000001).Update("name", "x") })},
		{name: "guess a hidden value, rightly", control: true, err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB {
			return db.Updates(map[string]any{"name": "one", "salary": 77000001})
		})},
		{name: "guess a hidden value alone", err: authz.ErrFields, do: own(func(db *gorm.DB) *gorm.DB { return db.Update("salary", 77000001) })},
		{name: "guess a value of what she only reads", err: errAny, do: func(db *gorm.DB) (any, error) {
			a := db.Model(&Customer{ID: 4}).Update("salary", 77000004)
			b := db.Model(&Customer{ID: 4}).Update("salary", 1)
			if fmt.Sprint(a.Error, a.RowsAffected) != fmt.Sprint(b.Error, b.RowsAffected) {
				return "TOPSECRET: 4's salary", nil
			}
			return nil, errAny
		}},
		{name: "a hook that adds Or", control: true, want: int64(1), changes: name1, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) {
				tx.Statement.AddClause(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}})
			}).Model(&Lead{}).Where("id = 1").Update("name", "x"))
		}},
		{name: "a hook that sets a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) { tx.Statement.SetColumn("Salary", 1) }).Model(&Lead{ID: 1}).Updates(map[string]any{"name": "x"}))
		}},
		{name: "a hook that takes another table", err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) { tx.Statement.Table = "companies" }).Session(&gorm.Session{}).Model(&Lead{ID: 1}).Unscoped().Updates(map[string]any{"owner_id": "ann"}))
		}},
		{name: "a hook that takes WHERE away", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) { tx.Statement.BuildClauses = []string{"UPDATE", "SET"} }).Model(&Lead{ID: 1}).Updates(map[string]any{"name": "x"}))
		}},
		{name: "a hook that keeps what was found", control: true, want: "****0001****0003****0004", do: func(db *gorm.DB) (any, error) {
			var all []Lead
			err := db.Order("id").Find(&all).Error
			s := ""
			for _, l := range all {
				if planted.MatchString(l.Note) {
					return l.Note, err
				}
				s += "****" + l.Phone[len(l.Phone)-4:]
			}
			return s, err
		}},
		{name: "update in nobody's name", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return written(db.WithContext(context.Background()).Model(&Customer{ID: 1}).Update("name", "x"))
		}},
		{name: "update from a table", control: true, err: errAny, do: func(db *gorm.DB) (any, error) {
			return written(db.Unscoped().Model(&Customer{ID: 1}).Table("companies").UpdateColumn("name", "x"))
		}},
	}
}

func deleteAttacks() []attack {
	return []attack{
		{name: "delete another's", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return written(db.Delete(&Customer{}, []int64{3, 4, bobs, zetas})) }},
		{name: "delete by values' keys", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return written(db.Delete([]Customer{{ID: bobs}, {ID: zetas}})) }},
		{name: "delete what Or finds", control: true, want: int64(1), changes: []string{"customers 1 deleted_at"}, do: func(db *gorm.DB) (any, error) {
			return written(db.Where("id = 1").Or("1 = 1").Delete(&Customer{}))
		}},
		{name: "delete for good", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) { return written(db.Unscoped().Delete(&Deal{}, bobsDeal)) }},
		{name: "delete all", control: true, want: int64(1), changes: []string{"deals 1 "}, do: func(db *gorm.DB) (any, error) {
			return written(db.Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Deal{}))
		}},
		{name: "delete without a condition", err: gorm.ErrMissingWhereClause, do: func(db *gorm.DB) (any, error) { return written(db.Delete(&Customer{})) }},
		{name: "delete by a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) { return written(db.Where("amount > ?", 1).Delete(&Deal{})) }},
		{name: "delete with associations", control: true, want: int64(0), do: func(db *gorm.DB) (any, error) {
			return written(db.Select("Deals").Delete(&Customer{ID: bobs}))
		}},
		{name: "delete with all associations", control: true, err: authzgorm.ErrUnmapped, do: func(db *gorm.DB) (any, error) {
			return written(db.Select(clause.Associations).Delete(&Customer{ID: bobs}))
		}},
		{name: "delete with a hook", control: true, want: int64(1), changes: []string{"customers 1 deleted_at"}, do: func(db *gorm.DB) (any, error) {
			return written(hooked(db, func(tx *gorm.DB) {
				tx.Statement.AddClause(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}})
			}).Where("id = 1").Delete(&Lead{}))
		}},
		{name: "delete from another table", control: true, err: authzgorm.ErrUnsupported, do: func(db *gorm.DB) (any, error) {
			return written(db.Table("customer_tags").Where("1 = 1").Delete(&Deal{}))
		}},
		{name: "delete by a query of a hidden column", control: true, err: authz.ErrFields, do: func(db *gorm.DB) (any, error) {
			return written(db.Where("id IN (?)", db.Model(&Deal{}).Select("id").Where("amount = 88000001")).Delete(&Deal{}))
		}},
		{name: "drop a table", control: true, err: authzgorm.ErrRawSQL, do: func(db *gorm.DB) (any, error) { return nil, db.Exec("DELETE FROM deals").Error }},
		{name: "delete in nobody's name", control: true, err: authzgorm.ErrNoPrincipal, do: func(db *gorm.DB) (any, error) {
			return written(db.WithContext(context.Background()).Unscoped().Delete(&Deal{}, 1))
		}},
	}
}
