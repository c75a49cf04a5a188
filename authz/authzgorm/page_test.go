package authzgorm_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// Entry is a row of a list with many ties.
type Entry struct {
	ID    int64
	Word  *string `gorm:"size:20"`
	Num   *int64
	Score float64
	Done  bool
	At    *time.Time `gorm:"precision:6"`
}

// bareSQLite opens an empty database without the plugin.
func bareSQLite(t testing.TB) *gorm.DB {
	t.Helper()
	return connect(t, sqlite.Open(filepath.Join(t.TempDir(), "bare.db")))
}

// onEach runs a test on an empty database of each kind, which belongs to it.
func onEach(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, kind := range databases.Kinds {
		t.Run(kind, func(t *testing.T) { test(t, emptyDatabase(t, kind)) })
	}
}

func fillEntries(t testing.TB, db *gorm.DB, n int) {
	t.Helper()
	must(t, db.AutoMigrate(&Entry{}))
	d := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 11, 22, 9, 0, 0, 123456000, time.UTC)
	for i := range n {
		e := Entry{ID: int64(i + 1), Score: float64(d.IntN(3)) / 2, Done: d.IntN(2) == 0}
		if d.IntN(4) > 0 {
			e.Word = ptr([]string{"a", "b", "B", "", "ß", "日本"}[d.IntN(6)])
		}
		if d.IntN(4) > 0 {
			e.Num = ptr([]int64{-1, 0, 1 << 62}[d.IntN(3)])
		}
		if d.IntN(4) > 0 {
			e.At = ptr(at.Add(time.Duration(d.IntN(3)) * time.Microsecond))
		}
		must(t, db.Create(&e).Error)
	}
}

// Pages of every size and order have each row once, in the order of the whole.
func TestPagesHaveEachRowOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		fillEntries(t, db, 60)
		for _, order := range [][]authzgorm.Order{
			nil, {{Field: "ID", Desc: true}}, {{Field: "Word"}}, {{Field: "Word", Desc: true}}, {{Field: "Num"}, {Field: "Word", Desc: true}},
			{{Field: "At", Desc: true}, {Field: "Num"}}, {{Field: "Score"}, {Field: "Done", Desc: true}, {Field: "ID", Desc: true}},
		} {
			whole, err := authzgorm.FindPage[Entry](db, authzgorm.PageQuery{Size: 1000, Order: order})
			must(t, err)
			if len(whole.Rows) != 60 || whole.Next != "" {
				t.Fatalf("%v: %d rows, next %q", order, len(whole.Rows), whole.Next)
			}
			for _, size := range []int{1, 7, 59, 60} {
				if diff := cmp.Diff(ids(whole.Rows), ids(all(t, db, authzgorm.PageQuery{Size: size, Order: order}, nil))); diff != "" {
					t.Fatalf("%v by %d: whole -, pages +\n%s", order, size, diff)
				}
			}
		}
	})
}

// all reads a list page by page; between is called between them.
func all(t testing.TB, db *gorm.DB, q authzgorm.PageQuery, between func()) (rows []Entry) {
	t.Helper()
	for {
		p, err := authzgorm.FindPage[Entry](db, q)
		must(t, err)
		rows = append(rows, p.Rows...)
		if p.Next == "" {
			return rows
		}
		if len(p.Rows) != q.Size {
			t.Fatalf("a page of %d has %d rows", q.Size, len(p.Rows))
		}
		if q.After = p.Next; between != nil {
			between()
		}
	}
}

func ids(rows []Entry) (ids []int64) {
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// Rows come and go between pages: those that stay come once each.
func TestPagesStayRightWhileRowsComeAndGo(t *testing.T) {
	db := bareSQLite(t)
	fillEntries(t, db, 100)
	d := rand.New(rand.NewPCG(3, 4))
	gone, next := map[int64]bool{}, int64(1000)
	got := ids(all(t, db, authzgorm.PageQuery{Size: 9, Order: []authzgorm.Order{{Field: "Word"}, {Field: "Num", Desc: true}}}, func() {
		for range 3 {
			id := int64(1 + d.IntN(100))
			gone[id] = true
			must(t, db.Delete(&Entry{}, id).Error)
			next++
			must(t, db.Create(&Entry{ID: next, Word: ptr("b")}).Error)
		}
	}))
	for id := int64(1); id <= 100; id++ {
		n := 0
		for _, g := range got {
			if g == id {
				n++
			}
		}
		if n > 1 || n == 0 && !gone[id] {
			t.Errorf("row %d came %d times", id, n)
		}
	}
}

// Permissions change between pages: what she may see throughout comes once, and what was
// taken from her does not come any more.
func TestPagesStayRightWhilePermissionsChange(t *testing.T) {
	az := newAuthorizer(t)
	db, bare := openSQLite(t, az)
	var facts []authz.Fact
	for i := range 30 {
		must(t, bare.Omit("Company").Create(&Customer{ID: int64(100 + i), TenantID: "acme", OwnerID: ptr("bob"), Name: fmt.Sprint("n", i%4)}).Error)
		facts = append(facts, authz.TeamRule{Tenant: "acme", Subject: "user:ann", On: model.OnRecord("customer", fmt.Sprint(100+i)), Level: model.LevelRead})
	}
	by := authz.By("user:admin", "test")
	_, err := az.Grant(t.Context(), by, facts[:20]...)
	must(t, err)
	seen := map[int64]int{}
	q := authzgorm.PageQuery{Size: 4, Order: []authzgorm.Order{{Field: "Name", Desc: true}}}
	revoked := map[int64]bool{}
	for page := 0; ; page++ {
		p, err := authzgorm.FindPage[Customer](db.WithContext(as(t, "user:ann")), q)
		must(t, err)
		for _, c := range p.Rows {
			if seen[c.ID]++; revoked[c.ID] || c.Secret != "" || c.Salary != 0 {
				t.Errorf("page %d has %+v", page, c)
			}
		}
		if p.Next == "" {
			break
		}
		q.After = p.Next
		_, err = az.Revoke(t.Context(), by, facts[page])
		must(t, err)
		revoked[int64(100+page)] = true
		_, err = az.Grant(t.Context(), by, facts[20+page])
		must(t, err)
	}
	for id := int64(100); id < 120; id++ {
		if n := seen[id]; n > 1 || n == 0 && !revoked[id] {
			t.Errorf("customer %d came %d times", id, n)
		}
	}
}

// Rows of a filter that is not complete are checked one by one, and pages are full nevertheless.
func TestPagesOfAFilterThatIsNotComplete(t *testing.T) {
	schema := &authz.Schema{
		Types: map[string]model.Type{"customer": {Actions: crm.Types["customer"].Actions, Fields: crm.Types["customer"].Fields,
			Attributes: map[string]model.AttrType{"salary": model.AttrInt}}},
		Conditions: map[string]string{"odd": "record.salary % 20 == 10"}, CheckOnly: []string{"odd"},
	}
	az := openAuthorizer(t, schema)
	_, err := az.Grant(t.Context(), authz.By("user:admin", "test"), authz.CustomerRule{Tenant: "acme", Subject: "user:ann", On: model.OnType("customer"),
		Action: "read", Effect: model.Allow, Scope: model.ScopeAll, If: "odd"})
	must(t, err)
	db := bareSQLite(t)
	fill(t, db)
	must(t, db.Use(authzgorm.New(az, authzgorm.Model{Type: "customer", Of: &Customer{}, Tenant: "TenantID"})))
	db = db.WithContext(as(t, "user:ann"))
	var got []Customer
	if err := db.Find(&got).Error; !errors.Is(err, authzgorm.ErrIncomplete) || len(got) != 0 {
		t.Errorf("Find: %v, %d rows", err, len(got))
	}
	var seen []int64
	q := authzgorm.PageQuery{Size: 2}
	for {
		p, err := authzgorm.FindPage[Customer](db, q)
		must(t, err)
		for _, c := range p.Rows {
			if seen = append(seen, c.ID); c.Salary != 0 {
				t.Errorf("the salary is not hidden: %+v", c)
			}
		}
		if q.After = p.Next; p.Next == "" {
			break
		}
		if len(p.Rows) != 2 {
			t.Errorf("a page of %d", len(p.Rows))
		}
	}
	if want := []int64{1, 3, 5}; !slices.Equal(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}

func TestPagesAreNotSortedByWhatIsHidden(t *testing.T) {
	db, _ := openSQLite(t, newAuthorizer(t))
	for _, field := range []string{"Phone", "Salary", "Secret"} {
		_, err := authzgorm.FindPage[Customer](db.WithContext(as(t, "user:ann")), authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: field}}})
		if !errors.Is(err, authz.ErrFields) {
			t.Errorf("by %s: %v", field, err)
		}
	}
	p, err := authzgorm.FindPage[Customer](db.WithContext(as(t, "user:ann")).Select("phone"), authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Name", Desc: true}}})
	if err != nil || p.Rows[0].Phone != "****0003" || p.Next == "" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestBadPagesAreRefused(t *testing.T) {
	db := bareSQLite(t)
	fillEntries(t, db, 5)
	good, err := authzgorm.FindPage[Entry](db, authzgorm.PageQuery{Size: 2, Order: []authzgorm.Order{{Field: "Num"}}})
	must(t, err)
	text := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	raw, err := base64.RawURLEncoding.DecodeString(good.Next)
	must(t, err)
	num := []authzgorm.Order{{Field: "Num"}}
	for name, c := range map[string]struct {
		q    authzgorm.PageQuery
		want error
	}{
		"no size":            {authzgorm.PageQuery{}, model.ErrMalformed},
		"a huge size":        {authzgorm.PageQuery{Size: 1001}, model.ErrMalformed},
		"an unknown field":   {authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Colour"}}}, model.ErrMalformed},
		"SQL for a field":    {authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "id; DROP TABLE entries"}}}, model.ErrMalformed},
		"a field twice":      {authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Num"}, {Field: "Num", Desc: true}}}, model.ErrMalformed},
		"of another order":   {authzgorm.PageQuery{Size: 1, After: good.Next}, authzgorm.ErrCursor},
		"turned round":       {authzgorm.PageQuery{Size: 1, After: good.Next, Order: []authzgorm.Order{{Field: "Num", Desc: true}}}, authzgorm.ErrCursor},
		"no base64":          {authzgorm.PageQuery{Size: 1, After: "!", Order: num}, authzgorm.ErrCursor},
		"cut":                {authzgorm.PageQuery{Size: 1, After: good.Next[:len(good.Next)-4], Order: num}, authzgorm.ErrCursor},
		"something behind":   {authzgorm.PageQuery{Size: 1, After: text(string(raw) + "{}"), Order: num}, authzgorm.ErrCursor},
		"an unknown member":  {authzgorm.PageQuery{Size: 1, After: text(`{"order":["num","id"],"x":1,"values":[]}`), Order: num}, authzgorm.ErrCursor},
		"too few values":     {authzgorm.PageQuery{Size: 1, After: text(`{"order":["num","id"],"values":[{"kind":"int","text":"1"}]}`), Order: num}, authzgorm.ErrCursor},
		"another type":       {authzgorm.PageQuery{Size: 1, After: text(`{"order":["num","id"],"values":[{"kind":"bool","text":"true"},{"kind":"int","text":"1"}]}`), Order: num}, authzgorm.ErrCursor},
		"a key that is NULL": {authzgorm.PageQuery{Size: 1, After: text(`{"order":["num","id"],"values":[{"kind":"null","text":""},{"kind":"null","text":""}]}`), Order: num}, authzgorm.ErrCursor},
		"too long":           {authzgorm.PageQuery{Size: 1, After: strings.Repeat("A", 5000), Order: num}, authzgorm.ErrCursor},
	} {
		if _, err := authzgorm.FindPage[Entry](db, c.q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Whatever a cursor is, it is refused or some page.
func FuzzCursor(f *testing.F) {
	db := bareSQLite(f)
	fillEntries(f, db, 20)
	order := []authzgorm.Order{{Field: "At"}, {Field: "Word", Desc: true}}
	for after := ""; ; {
		p, err := authzgorm.FindPage[Entry](db, authzgorm.PageQuery{Size: 3, After: after, Order: order})
		must(f, err)
		if after = p.Next; after == "" {
			break
		}
		raw, _ := base64.RawURLEncoding.DecodeString(after)
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := authzgorm.FindPage[Entry](db, authzgorm.PageQuery{Size: 3, After: base64.RawURLEncoding.EncodeToString([]byte(raw)), Order: order})
		if err != nil && !errors.Is(err, authzgorm.ErrCursor) {
			t.Fatal(err)
		}
	})
}

// Conditions with OR stay together, whether db has them or a scope.
func TestPagesAreOfAllConditionsTogether(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		fillEntries(t, db, 30)
		either := func(db *gorm.DB) *gorm.DB { return db.Where("id < ?", 8).Or("id > ?", 25) }
		for name, tx := range map[string]*gorm.DB{
			"a condition":     either(db),
			"a scope":         db.Scopes(either),
			"nothing but OR":  db.Or("id < ?", 8).Or("id > ?", 25),
			"a table's alias": db.Table("entries AS e").Where("e.id < ? OR e.id > ?", 8, 25),
		} {
			for _, desc := range []bool{false, true} {
				order := []authzgorm.Order{{Field: "Num", Desc: desc}}
				got := ids(all(t, tx, authzgorm.PageQuery{Size: 2, Order: order}, nil))
				slices.Sort(got)
				if want := []int64{1, 2, 3, 4, 5, 6, 7, 26, 27, 28, 29, 30}; !slices.Equal(got, want) {
					t.Errorf("%s, %v: got %v, want %v", name, desc, got, want)
				}
			}
		}
	})
}

// Rows are hidden and shown between pages by a condition that changes, as permissions do.
func TestPagesStayRightWhileConditionsChange(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		fillEntries(t, db, 200)
		d := rand.New(rand.NewPCG(5, 6))
		always, n := map[int64]bool{}, map[int64]int{}
		for id := range int64(200) {
			always[id+1] = true
		}
		q := authzgorm.PageQuery{Size: 7, Order: []authzgorm.Order{{Field: "At", Desc: true}, {Field: "Word"}}}
		for {
			hidden := []int64{0}
			for range 20 {
				hidden = append(hidden, 1+d.Int64N(200))
			}
			for _, id := range hidden {
				delete(always, id)
			}
			p, err := authzgorm.FindPage[Entry](db.Where("id NOT IN ?", hidden), q)
			must(t, err)
			for _, id := range ids(p.Rows) {
				if n[id]++; n[id] > 1 || slices.Contains(hidden, id) {
					t.Errorf("row %d came %d times, last when %v were hidden", id, n[id], hidden)
				}
			}
			if q.After = p.Next; p.Next == "" {
				break
			}
		}
		if len(always) == 0 || len(always) == 200 {
			t.Fatalf("%d rows were visible throughout", len(always))
		}
		for id := range always {
			if n[id] != 1 {
				t.Errorf("row %d came %d times", id, n[id])
			}
		}
	})
}

// What else a db or its scopes ask, which would make pages that are not what they say.
func TestPagesOfOtherShapesAreRefused(t *testing.T) {
	db := bareSQLite(t)
	fillEntries(t, db, 9)
	scope := func(f func(*gorm.DB) *gorm.DB) *gorm.DB { return db.Scopes(f) }
	for name, tx := range map[string]*gorm.DB{
		"sorted":           db.Order("id DESC"),
		"limited":          db.Limit(2),
		"behind an offset": db.Offset(2),
		"grouped":          db.Group("num"),
		"distinct":         db.Distinct(),
		"without the key":  db.Omit("id"),
		"without a column": db.Omit("Num"),
		"another model":    db.Model(&Customer{}),
		"a sorting scope":  scope(func(db *gorm.DB) *gorm.DB { return db.Order("id DESC") }),
		"a limiting scope": scope(func(db *gorm.DB) *gorm.DB { return db.Limit(2) }),
		"a skipping scope": scope(func(db *gorm.DB) *gorm.DB { return db.Offset(2) }),
		"a grouping scope": scope(func(db *gorm.DB) *gorm.DB { return db.Group("id") }),
		"a narrow scope":   scope(func(db *gorm.DB) *gorm.DB { return db.Select("id", "word") }),
		"an omitting one":  scope(func(db *gorm.DB) *gorm.DB { return db.Omit("entries.num") }),
	} {
		p, err := authzgorm.FindPage[Entry](tx, authzgorm.PageQuery{Size: 3, Order: []authzgorm.Order{{Field: "Num"}}})
		if !errors.Is(err, model.ErrMalformed) || len(p.Rows) > 0 || p.Next != "" {
			t.Errorf("%s: %d rows, %v", name, len(p.Rows), err)
		}
	}
	for name, tx := range map[string]*gorm.DB{
		"a column":        db.Select("word"),
		"all columns":     db.Select("*"),
		"others left out": db.Omit("word"),
		"a scope's all":   scope(func(db *gorm.DB) *gorm.DB { return db.Select("*") }),
		"its model":       db.Model(&Entry{}),
	} {
		if got := all(t, tx, authzgorm.PageQuery{Size: 2, Order: []authzgorm.Order{{Field: "Num"}}}, nil); len(got) != 9 {
			t.Errorf("%s: %v", name, ids(got))
		}
	}
}

// A scope deep in others comes after the page's own condition, which it must not widen.
func TestPagesOfScopesThatComeTooLateAreRefused(t *testing.T) {
	db := bareSQLite(t)
	fillEntries(t, db, 9)
	deep := func(db *gorm.DB) *gorm.DB { return db.Or("id > 0") }
	for range 3 {
		inner := deep
		deep = func(db *gorm.DB) *gorm.DB { return db.Scopes(inner) }
	}
	q := authzgorm.PageQuery{Size: 3}
	p, err := authzgorm.FindPage[Entry](db.Scopes(deep), q)
	must(t, err)
	q.After = p.Next
	if p, err = authzgorm.FindPage[Entry](db.Scopes(deep), q); !errors.Is(err, model.ErrMalformed) || len(p.Rows) > 0 {
		t.Errorf("%d rows, %v", len(p.Rows), err)
	}
}

// Summary is some of what a customer is, and no model of the plugin.
type Summary struct {
	ID   int64
	Name string
}

func TestPagesAreOfTheModelItself(t *testing.T) {
	db, _ := openSQLite(t, newAuthorizer(t))
	p, err := authzgorm.FindPage[Summary](db.WithContext(as(t, "user:ann")).Model(&Customer{}), authzgorm.PageQuery{Size: 1})
	if !errors.Is(err, model.ErrMalformed) || len(p.Rows) > 0 {
		t.Errorf("%v, %v", p, err)
	}
}

// Big is a list by numbers that not every driver can take.
type Big struct {
	ID  int64
	Num uint64
}

// A value that is no driver's is an error, and no NULL. Others than MySQL do not even store it.
func TestPagesOfValuesThatNoDriverTakes(t *testing.T) {
	db := emptyDatabase(t, "mysql")
	must(t, db.AutoMigrate(&Big{}))
	for id := range int64(3) {
		must(t, db.Exec("INSERT INTO bigs (id, num) VALUES (?, 18446744073709551615)", id+1).Error)
	}
	p, err := authzgorm.FindPage[Big](db, authzgorm.PageQuery{Size: 1, Order: []authzgorm.Order{{Field: "Num"}}})
	if !errors.Is(err, model.ErrMalformed) || p.Next != "" {
		t.Errorf("%v, %v", p, err)
	}
}

// Both halves of a condition are needed: without the first, an index is read from its beginning.
func TestPagesBeginWhereTheOneBeforeEnded(t *testing.T) {
	type Item struct {
		ID   int64
		Name string `gorm:"not null;index"`
	}
	db := bareSQLite(t)
	must(t, db.AutoMigrate(&Item{}))
	for i := range 5 {
		must(t, db.Create(&Item{ID: int64(i + 1), Name: fmt.Sprint(i)}).Error)
	}
	for _, desc := range []bool{false, true} {
		q := authzgorm.PageQuery{Size: 2, Order: []authzgorm.Order{{Field: "Name", Desc: desc}}}
		p, err := authzgorm.FindPage[Item](db, q)
		must(t, err)
		q.After = p.Next
		var plan string
		must(t, db.Callback().Query().After("gorm:query").Register("plan", func(tx *gorm.DB) {
			var details []string
			rows, err := tx.Statement.ConnPool.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+tx.Statement.SQL.String(), tx.Statement.Vars...)
			must(t, err)
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var id, parent, notUsed int
				var detail string
				must(t, rows.Scan(&id, &parent, &notUsed, &detail))
				details = append(details, detail)
			}
			must(t, rows.Err())
			plan = strings.Join(details, "; ")
		}))
		_, err = authzgorm.FindPage[Item](db, q)
		must(t, err)
		must(t, db.Callback().Query().Remove("plan"))
		if !strings.Contains(plan, "SEARCH") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("desc %v: %s", desc, plan)
		}
	}
}
