package filter_test

import (
	"flag"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/filter -run Authorizer -policies 20000 -asked 1 -rows 250 -parallel 3 -timeout 0
var (
	policies  = flag.Int("policies", 500, "random policies whose filters are asked of each database")
	filtersOf = flag.Int("asked", 2, "filters that are asked of a policy")
	firstSeed = flag.Uint64("seed", 1, "first seed of policies and rows")
	rowsEach  = flag.Int("rows", 2_000, "rows of each type that a filter is asked of")
)

const policiesOfRows = 50 // that are asked of the same rows

// The rows that a filter has in a database are exactly those that Enforce allows.
func TestAuthorizersFilterIsExactlyWhatEnforceAllows(t *testing.T) {
	onEach(t, func(t *testing.T, db *gorm.DB) {
		for _, typ := range crmTypes {
			for table, row := range map[string]any{tableOf(typ): &crmRow{}, ownersOf(typ): &ownerRow{}, tagsOf(typ): &tagRow{}} {
				if err := db.Table(table).AutoMigrate(row); err != nil {
					t.Fatal(err)
				}
			}
			for _, index := range []string{tableOf(typ) + " (id)", ownersOf(typ) + " (record)", tagsOf(typ) + " (record)"} {
				if err := db.Exec("CREATE INDEX i_" + strings.Fields(index)[0] + " ON " + index).Error; err != nil {
					t.Fatal(err)
				}
			}
		}
		var rows rowSet
		var n counts
		for i := range uint64(*policies) {
			seed := *firstSeed + i
			if i%policiesOfRows == 0 {
				rows = newRows(seed)
				rows.store(t, db)
			}
			askPolicy(t, db, rows, difftest.Generate(seed), &n)
			if t.Failed() {
				return
			}
		}
		t.Logf("seeds %d to %d: %+v", *firstSeed, *firstSeed+uint64(*policies)-1, n)
		if n.Mixed < n.Filters/10 || n.Incomplete > n.Filters/4 || n.Allowed < n.Rows/20 {
			t.Error("the test tests little")
		}
	})
}

// counts is what was compared.
type counts struct{ Filters, Mixed, Incomplete, Rows, Allowed int }

// askPolicy asks a policy's filters of the database.
func askPolicy(t *testing.T, db *gorm.DB, rows rowSet, c difftest.Case, n *counts) {
	for _, a := range answersOf(t, rows, c) {
		where, err := a.filter.SQL(mappingOf(c.Schema, a.typ, 1+bits.Len(uint(*rowsEach))), filter.Dialect(db.Dialector.Name()))
		if err != nil {
			t.Fatalf("seed %d: %s: %v", c.Seed, a.filter, err)
		}
		var got []string
		if err := db.Table(tableOf(a.typ)).Where(where.SQL, where.Args...).Pluck("id", &got).Error; err != nil {
			t.Fatalf("seed %d: %s: %v\n%s\n%v", c.Seed, a.filter, err, where.SQL, where.Args)
		}
		has := map[string]bool{}
		for _, id := range got {
			if has[id] {
				t.Fatalf("seed %d: %s: row %q twice, or of another tenant", c.Seed, a.filter, id)
			}
			has[id] = true
		}
		for id, want := range a.allowed {
			if has[id] != want && (a.filter.Complete() || want) {
				t.Fatalf("seed %d, rows of seed %d: %s %q: Enforce says %v, the database %v\nfilter %s\nSQL %s\n%v",
					c.Seed, rows.seed, a.typ, id, want, has[id], a.filter, where.SQL, where.Args)
			}
			delete(has, id)
		}
		if len(has) > 0 {
			t.Fatalf("seed %d: %s: rows of another tenant: %v", c.Seed, a.filter, slices.Collect(maps.Keys(has)))
		}
		n.add(a)
	}
}

func (n *counts) add(a answer) {
	allowed := 0
	for _, ok := range a.allowed {
		if ok {
			allowed++
		}
	}
	n.Filters++
	n.Rows += len(a.allowed)
	n.Allowed += allowed
	if allowed > 0 && allowed < len(a.allowed) {
		n.Mixed++
	}
	if !a.filter.Complete() {
		n.Incomplete++
	}
}

// answer is what Enforce says of each row that a filter is asked about.
type answer struct {
	typ     string
	filter  *authz.Filter
	allowed map[string]bool // by the row's id
}

// answersOf asks Enforce about all rows, for some questions of a policy: once for all
// databases, which come to a policy at about the same time.
func answersOf(t *testing.T, rows rowSet, c difftest.Case) []answer {
	t.Helper()
	made, _ := answered.LoadOrStore(c.Seed, &answers{})
	a := made.(*answers)
	a.once.Do(func() { a.answers = enforceAll(t, rows, c) })
	if a.asked.Add(1) == asking {
		answered.Delete(c.Seed)
	}
	return a.answers
}

type answers struct {
	once    sync.Once
	asked   atomic.Int64
	answers []answer
}

var answered sync.Map // by seed

// asking is how many databases are asked.
const asking = 3

func enforceAll(t *testing.T, rows rowSet, c difftest.Case) (all []answer) {
	t.Helper()
	store, err := adapter.NewMemory(slices.Values(slices.Concat(c.Lines, c.BaseLines)))
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), c.Schema, store)
	if err != nil {
		t.Fatal(err)
	}
	defer az.Close()
	for _, q := range c.Questions {
		req := q.Request
		if req.Record == nil || len(all) == *filtersOf || req.Record.Type == model.PermissionType { // which is in no table of a CRM's
			continue
		}
		if _, err := az.Enforce(t.Context(), req); err != nil {
			continue // malformed
		}
		a := answer{typ: req.Record.Type, allowed: make(map[string]bool, *rowsEach)}
		a.filter, err = az.Filter(t.Context(), authz.Query{Tenant: req.Tenant, User: req.User, Action: req.Action, Type: a.typ,
			At: req.At, UserAttrs: req.UserAttrs, Env: req.Env, Address: req.Address})
		if err != nil {
			t.Fatalf("seed %d: %v", c.Seed, err)
		}
		req.Type, req.ID = "", ""
		for id, r := range rows.records(c.Schema, a.typ) {
			req.Record = r
			if a.allowed[id], err = az.Enforce(t.Context(), req); err != nil {
				t.Fatalf("seed %d: %+v: %v", c.Seed, r, err)
			}
		}
		all = append(all, a)
	}
	return all
}

// crmTypes are the types of difftest's schemas.
var crmTypes = []string{"account", "contact", "task", "asset"}

func tableOf(typ string) string  { return "crm_" + typ }
func ownersOf(typ string) string { return "crm_" + typ + "_owners" }
func tagsOf(typ string) string   { return "crm_" + typ + "_tags" }

// crmRow is a row of any type. Its parent is in one of the columns, whichever the schema says.
type crmRow struct {
	Tenant  string  `gorm:"size:50;primaryKey"`
	ID      string  `gorm:"size:100;primaryKey"`
	Owner   *string `gorm:"size:100"` // a user
	Team    *string `gorm:"size:100"` // another owner
	Unit    *string `gorm:"size:100"`
	Account *string `gorm:"size:100"` // parents
	Contact *string `gorm:"size:100"`
	Task    *string `gorm:"size:100"`
	Vip     *bool
	Amount  *int64
	Rank    *int64
	Region  *string    `gorm:"size:100"`
	Score   *float64   `gorm:"type:double precision"`
	Since   *time.Time `gorm:"precision:6"`
}

// ownerRow is one more owner of a row, as a whole name.
type ownerRow struct {
	Tenant string `gorm:"size:50"`
	Record string `gorm:"size:100"`
	Owner  string `gorm:"size:100"`
}

// tagRow is an element of a row's list of tags.
type tagRow struct {
	Tenant string `gorm:"size:50"`
	Record string `gorm:"size:100"`
	Tag    string `gorm:"size:100"`
}

// rowSet is the rows of all types, of tenant acme and of another with the same ids.
type rowSet struct {
	seed   uint64
	rows   map[string][]crmRow // by type
	owners map[string][]ownerRow
	tags   map[string][]tagRow
}

func newRows(seed uint64) rowSet {
	d := rand.New(rand.NewPCG(seed, 7))
	s := rowSet{seed: seed, rows: map[string][]crmRow{}, owners: map[string][]ownerRow{}, tags: map[string][]tagRow{}}
	for _, typ := range crmTypes {
		for i := range *rowsEach {
			s.rows[typ] = append(s.rows[typ], s.row(d, typ, i, "acme"))
		}
		for i := range 20 { // the same ids
			s.rows[typ] = append(s.rows[typ], s.row(d, typ, i, "zeta"))
		}
	}
	return s
}

func pick[T any](d *rand.Rand, of ...T) T { return of[d.IntN(len(of))] }

// maybe is a value, or NULL.
func maybe[T any](d *rand.Rand, v T) *T {
	if d.IntN(5) == 0 {
		return nil
	}
	return &v
}

func (s *rowSet) row(d *rand.Rand, typ string, i int, tenant string) crmRow {
	id := rowID(i)
	r := crmRow{Tenant: tenant, ID: id,
		Owner:  maybe(d, pick(d, "ann", "bob", "cyd", "dan", "eve", "ann", "bob", "Ann", "ANN ", "ann ", "änn", "", "o'neil", `a\b`, "a,b")),
		Team:   maybe(d, pick(d, "x", "y", "z", "x", "y", "X", "x ", "", "ｘ")),
		Unit:   maybe(d, pick(d, "a", "b", "c", "d", "a", "b", "A", "b ", "", "ｂ")),
		Vip:    maybe(d, d.IntN(2) == 0),
		Amount: maybe(d, pick[int64](d, 0, 2, 10, 11, 20, -5, 1<<62, -1<<63)),
		Rank:   maybe(d, d.Int64N(5)),
		Region: maybe(d, pick(d, "EU", "US", "EU", "US", "eu", "EU ", " EU", "", "Eu", "ＥＵ", "E%", "E_", "ß", "SS", "ı", "İ", "é", "é", "'", `\`, "日本", "🙂")),
		Score:  maybe(d, pick(d, 0, 0.5, -0.5, 1e300, 0.1)),
		Since:  maybe(d, instant(d)),
	}
	for _, parent := range []struct {
		typ string
		to  **string
	}{{"account", &r.Account}, {"contact", &r.Contact}, {"task", &r.Task}} {
		if n := i / 2; d.IntN(5) > 0 && n > 0 { // above, so that there is no ring
			*parent.to = ptr(rowID(d.IntN(n)))
		}
		if d.IntN(20) == 0 {
			*parent.to = ptr(pick(d, "", "gone"))
		}
	}
	for range max(0, d.IntN(6)-3) {
		owner := ownerRow{tenant, id, pick(d, "user:ann", "user:bob", "user:cyd", "user:eve", "team:x", "team:z", "user:Ann", "team:Z")}
		if !slices.Contains(s.owners[typ], owner) {
			s.owners[typ] = append(s.owners[typ], owner)
		}
	}
	for range d.IntN(3) {
		s.tags[typ] = append(s.tags[typ], tagRow{tenant, id, pick(d, "hot", "Hot", "hot ", "cold", "")})
	}
	return r
}

func ptr[T any](v T) *T { return &v }

// rowID is the id of a row, as the application has it. Policies speak of 1 and 2.
func rowID(i int) string {
	if i < 2 {
		return strconv.Itoa(i + 1)
	}
	return fmt.Sprint(i+1, []string{"", "", " ", "/x", "%", "é", "A"}[i%7])
}

// instant is one near the instant of difftest's questions, in some zone.
func instant(d *rand.Rand) time.Time {
	t := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(pick(d, 0, 0, time.Microsecond, -time.Microsecond, time.Hour, -time.Hour, -24*time.Hour, -25*time.Hour, -400*24*time.Hour))
	return t.Add(time.Duration(d.IntN(3)) * 120 * time.Millisecond).In(time.FixedZone("", pick(d, 0, 3600, 8*3600, -7*1800)))
}

// store puts the rows into the database, in place of those that are there.
func (s *rowSet) store(t *testing.T, db *gorm.DB) {
	t.Helper()
	insert := func(table string, rows any) {
		if err := db.Exec("DELETE FROM " + table).Error; err != nil {
			t.Fatal(err)
		}
		if err := db.Table(table).CreateInBatches(rows, 500).Error; err != nil {
			t.Fatal(err)
		}
	}
	for _, typ := range crmTypes {
		insert(tableOf(typ), s.rows[typ])
		insert(ownersOf(typ), s.owners[typ])
		insert(tagsOf(typ), s.tags[typ])
	}
	if db.Dialector.Name() == "postgres" { // which otherwise plans for a table of ten rows
		if err := db.Exec("ANALYZE").Error; err != nil {
			t.Fatal(err)
		}
	}
}

// records is tenant acme's records of a type, by the ids of their rows.
func (s *rowSet) records(schema *model.Schema, typ string) map[string]*model.Record {
	made := map[string]map[string]*model.Record{}
	var of func(typ string) map[string]*model.Record
	of = func(typ string) map[string]*model.Record {
		if made[typ] != nil {
			return made[typ]
		}
		records := make(map[string]*model.Record, *rowsEach)
		made[typ] = records
		parents := map[string]*model.Record{}
		if p := schema.Types[typ].Parent.Type; p != "" {
			parents = of(p)
		}
		for _, row := range s.rows[typ] { // a parent of the same type comes before
			if row.Tenant == "acme" {
				records[row.ID] = row.record(schema, typ, parents)
			}
		}
		for _, o := range s.owners[typ] {
			if o.Tenant == "acme" && !slices.Contains(records[o.Record].Owners, o.Owner) {
				records[o.Record].Owners = append(records[o.Record].Owners, o.Owner)
			}
		}
		if schema.Types[typ].Attributes["tags"] != "" {
			for _, tag := range s.tags[typ] {
				if tag.Tenant == "acme" {
					records[tag.Record].Attrs["tags"] = append(records[tag.Record].Attrs["tags"].([]string), tag.Tag)
				}
			}
		}
		return records
	}
	return of(typ)
}

func (row *crmRow) record(schema *model.Schema, typ string, parents map[string]*model.Record) *model.Record {
	r := &model.Record{Type: typ, ID: model.EscapeID(row.ID), Attrs: map[string]any{}}
	name := func(prefix string, id *string) string {
		if id == nil || *id == "" {
			return ""
		}
		return prefix + model.EscapeID(*id)
	}
	r.Unit = name("unit:", row.Unit)
	for _, o := range []string{name("user:", row.Owner), name("team:", row.Team)} {
		if o != "" {
			r.Owners = append(r.Owners, o)
		}
	}
	if id := map[string]*string{"account": row.Account, "contact": row.Contact, "task": row.Task}[schema.Types[typ].Parent.Type]; id != nil {
		r.Parent = parents[*id]
	}
	set := func(attr string, present bool, value func() any) {
		if schema.Types[typ].Attributes[attr] != "" && present {
			r.Attrs[attr] = value()
		}
	}
	set("vip", row.Vip != nil, func() any { return *row.Vip })
	set("amount", row.Amount != nil, func() any { return *row.Amount })
	set("rank", row.Rank != nil, func() any { return *row.Rank })
	set("region", row.Region != nil, func() any { return *row.Region })
	set("score", row.Score != nil, func() any { return *row.Score })
	set("since", row.Since != nil, func() any { return *row.Since })
	set("tags", true, func() any { return []string{} })
	return r
}

// mappingOf says where the records of a type are, with so many parents above them.
func mappingOf(schema *model.Schema, typ string, parents int) *filter.Mapping {
	text := func(name string) filter.Column { return filter.Column{Name: name} }
	m := &filter.Mapping{
		Type: typ, Table: tableOf(typ), ID: text("id"), Tenant: "tenant", Unit: text("unit"), NoParent: true,
		Owners: []filter.Owners{
			{Kind: model.User, Column: text("owner")}, {Kind: model.Team, Column: text("team")},
			{Column: text("owner"), Table: ownersOf(typ), Record: text("record"), Tenant: "tenant"},
		},
		Attributes: map[string]filter.Attribute{},
	}
	for name, of := range schema.Types[typ].Attributes {
		m.Attributes[name] = filter.Attribute{Type: of, Column: name}
		if of == model.AttrStrings {
			m.Attributes[name] = filter.Attribute{Type: of, Column: "tag", Table: tagsOf(typ), Record: text("record"), Tenant: "tenant"}
		}
	}
	if p := schema.Types[typ].Parent.Type; p != "" && parents > 0 {
		m.NoParent, m.Parent = false, &filter.Parent{Column: text(p), Of: mappingOf(schema, p, parents-1)}
	}
	return m
}
