package gormstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	gormadapter "github.com/casbin/gorm-adapter/v3"
	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/model"
)

// everySection is one line of each section.
func everySection(tenant string) []model.Line {
	var ls []model.Line
	for _, f := range []model.Fact{
		model.CustomerRule{Tenant: tenant, Subject: "role:rep", On: model.OnType("customer"), Action: "update", Effect: model.Allow},
		model.TeamRule{Tenant: tenant, Subject: "user:bob", On: model.OnRecord("customer", "42"), Level: model.LevelRead, As: "support"},
		model.FieldRule{Tenant: tenant, Subject: "role:rep", On: model.OnField("customer", "phone"), Level: model.FieldMasked, Effect: model.Allow},
		model.Switch{Tenant: tenant, Target: "user:eve", Mode: model.ModeOff},
		model.Membership{Tenant: tenant, Member: "user:alice", Group: "role:rep"},
		model.OrgEdge{Tenant: tenant, Below: "user:alice", Above: "user:carol"},
	} {
		l, err := model.Encode(f)
		if err != nil {
			panic(err)
		}
		ls = append(ls, l)
	}
	return ls
}

// casbinOn is a Casbin program on the database, with the model of crmauthz.
func casbinOn(t *testing.T, db *gorm.DB) *casbin.Enforcer {
	t.Helper()
	m, err := casbinmodel.NewModelFromString(model.CasbinModel)
	check(t, err)
	a, err := gormadapter.NewAdapterByDB(db)
	check(t, err)
	e, err := casbin.NewEnforcer(m, a)
	check(t, err)
	return e
}

// policyOf is all lines that an enforcer has.
func policyOf(e *casbin.Enforcer) (ls []model.Line) {
	for _, sections := range []string{"p", "g"} {
		for section, assertion := range e.GetModel()[sections] {
			for _, rule := range assertion.Policy {
				l := model.Line{Section: model.Section(section)}
				copy(l.Values[:], rule)
				ls = append(ls, l)
			}
		}
	}
	return ls
}

func TestCasbin_reads_what_the_store_wrote(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		s := d.open(t)
		lines := everySection("acme")
		apply(t, s, adapter.Change{Tenant: "acme", Add: append(lines, member("acme", "dora", "rep"))})
		apply(t, s, adapter.Change{Tenant: "acme", Remove: []model.Line{member("acme", "dora", "rep")}})
		e := casbinOn(t, d.Connect(t))
		if diff := cmp.Diff(lines, policyOf(e), sameLines); diff != "" {
			t.Errorf("Casbin's policy mismatch (-want +got):\n%s", diff)
		}
		if roles := e.GetRolesForUserInDomain("user:alice", "acme"); !slices.Equal(roles, []string{"role:rep"}) {
			t.Errorf("Casbin's roles of alice: %q", roles)
		}
	})
}

func TestLoad_sees_what_another_Casbin_program_changes(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		s := d.open(t)
		alice, bob := member("acme", "alice", "rep"), member("acme", "bob", "rep")
		apply(t, s, adapter.Change{Tenant: "acme", Add: []model.Line{alice}})
		e := casbinOn(t, d.Connect(t))
		if _, err := e.AddGroupingPolicy(bob.Columns()); err != nil {
			t.Fatal(err)
		}
		want(t, s, "acme", 1, alice, bob)
		if _, err := e.RemoveGroupingPolicy(alice.Columns()); err != nil {
			t.Fatal(err)
		}
		want(t, s, "acme", 1, bob)
		made := apply(t, s, adapter.Change{Tenant: "acme", Remove: []model.Line{alice, bob}})
		if diff := cmp.Diff([]model.Line{bob}, made.Remove); diff != "" {
			t.Errorf("removed lines mismatch (-want +got):\n%s", diff)
		}
		want(t, s, "acme", 2)
	})
}

func TestStore_adopts_a_table_that_Casbin_filled(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		e := casbinOn(t, db)
		if _, err := e.AddNamedGroupingPolicies("g", [][]string{member("acme", "alice", "rep").Columns(), member("beta", "bob", "rep").Columns()}); err != nil {
			t.Fatal(err)
		}
		s := newStore(t, db)
		wantTenants(t, s, "acme", "beta")
		want(t, s, "acme", 1, member("acme", "alice", "rep"))
		want(t, s, "nobody", 0)
		bob := []model.Line{member("acme", "bob", "rep")}
		if _, err := s.Apply(t.Context(), adapter.Change{Tenant: "acme", ID: "1", Add: bob}); !errors.Is(err, adapter.ErrConflict) {
			t.Errorf("Apply at base 0: %v; want ErrConflict", err)
		}
		for _, after := range []model.Revision{0, 1} {
			log, err := s.Changes(t.Context(), "acme", after, 0)
			if wantErr := after == 0; wantErr != errors.Is(err, adapter.ErrLogCut) || len(log) != 0 {
				t.Errorf("Changes after %d: %v, %v", after, log, err)
			}
		}
		apply(t, s, adapter.Change{Tenant: "acme", ID: "1", Add: bob})
		s = newStore(t, db)
		want(t, s, "acme", 2, member("acme", "alice", "rep"), bob[0])
		want(t, s, "beta", 1, member("beta", "bob", "rep"))
		wantTenants(t, s, "acme", "beta")
		if _, err := s.Changes(t.Context(), "acme", 0, 0); !errors.Is(err, adapter.ErrLogCut) {
			t.Errorf("Changes after 0: %v; want ErrLogCut", err)
		}
	})
}

func wantTenants(t *testing.T, s *gormstore.Store, want ...string) {
	t.Helper()
	var got []string
	for name, err := range s.Tenants(t.Context()) {
		check(t, err)
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Tenants mismatch (-want +got):\n%s", diff)
	}
}

func TestStore_reads_NULL_as_an_empty_value(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		s := newStore(t, db)
		alice := everySection("acme")[5] // three values
		execSQL(t, db, "INSERT INTO casbin_rule (ptype, v0, v1, v2) VALUES ('g2', 'user:alice', 'user:carol', 'acme')")
		want(t, s, "acme", 1, alice)
		if e := apply(t, s, adapter.Change{Tenant: "acme", ID: "again", Add: []model.Line{alice}}); e.Revision != 1 {
			t.Errorf("adding a line that is there led to revision %d", e.Revision)
		}
		apply(t, s, adapter.Change{Tenant: "acme", Remove: []model.Line{alice}})
		want(t, s, "acme", 2)
	})
}

func TestLoad_names_the_row_and_column_that_is_no_line(t *testing.T) {
	type row struct {
		values string
		column string // that the error names
		in     string // the tenant whose Load fails; empty: only Tenants does
	}
	rows := map[string]row{
		"an unknown ptype":          {"'p5', 'user:a', 'acme', 'x', '-', '-', '-'", "section", "acme"},
		"an unknown ptype of roles": {"'g3', 'user:a', 'role:b', 'acme', '-', '', ''", "section", "acme"},
		"a ptype in capitals":       {"'P', 'user:a', 'acme', 'customer', 'read', 'allow', '-'", "section", "acme"},
		"no ptype":                  {"NULL, 'user:a', 'acme', 'customer', 'read', 'allow', '-'", "section", "acme"},
		"a plain Casbin rule":       {"'p', 'alice', 'acme', 'data1', 'read', '', ''", "effect", "acme"},
		"a plain Casbin role":       {"'g', 'user:alice', 'role:admin', 'acme', '', '', ''", "terms", "acme"},
		"a mistyped effect":         {"'p', 'role:rep', 'acme', 'customer', 'read', 'Allow', '-'", "effect", "acme"},
		"a value too many":          {"'g2', 'user:a', 'user:b', 'acme', '-', '', ''", "4", "acme"},
		"no tenant":                 {"'p', 'role:rep', '', 'customer', 'read', 'allow', '-'", "tenant", ""},
		"a malformed tenant":        {"'g', 'user:alice', 'role:admin', 'a,b', '-', '', ''", "tenant", ""},
	}
	onEach(t, func(t *testing.T, d database) {
		db := d.Connect(t)
		s := newStore(t, db)
		apply(t, s, adapter.Change{Tenant: "acme", Add: everySection("acme")})
		apply(t, s, adapter.Change{Tenant: "beta", Add: everySection("beta")})
		for name, row := range rows {
			execSQL(t, db, "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ("+row.values+")")
			id := count(t, db, "SELECT MAX(id) FROM casbin_rule")
			if row.in != "" {
				_, err := s.Load(t.Context(), row.in)
				wantRowError(t, name+": Load", err, id, row.column)
			}
			if row.in == "" || row.column == "section" {
				var err error
				for _, err = range s.Tenants(t.Context()) {
				}
				wantRowError(t, name+": Tenants", err, id, row.column)
			}
			load(t, s, "beta")
			execSQL(t, db, "DELETE FROM casbin_rule WHERE id = ?", id)
		}
		want(t, s, "acme", 1, everySection("acme")...)
		wantTenants(t, s, "acme", "beta")
	})
}

func wantRowError(t *testing.T, what string, err error, id int64, column string) {
	t.Helper()
	row, ok := errors.AsType[*gormstore.RowError](err)
	value, ok2 := errors.AsType[*model.ValueError](err)
	if !ok || !ok2 || row.ID != id || value.Column != column {
		t.Errorf("%s: %v; want a *RowError of row %d, column %s", what, err, id, column)
	}
}

func TestTable_is_the_one_that_gorm_adapter_makes(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			ours, theirs := newDatabase(t, kind).Connect(t), newDatabase(t, kind).Connect(t)
			newStore(t, ours)
			if _, err := gormadapter.NewAdapterByDB(theirs); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(describe(t, theirs), describe(t, ours)); diff != "" {
				t.Errorf("casbin_rule mismatch (-gorm-adapter +ours):\n%s", diff)
			}
			before := describe(t, ours)
			if _, err := gormadapter.NewAdapterByDB(ours); err != nil { // it migrates whenever it starts
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, describe(t, ours)); diff != "" {
				t.Errorf("gorm-adapter changed casbin_rule (-before +after):\n%s", diff)
			}
			for _, db := range []*gorm.DB{ours, theirs} { // on SQLite it drops our indexes
				check(t, gormstore.Migrate(t.Context(), db))
				newStore(t, db, gormstore.WithoutMigration())
			}
		})
	}
}

// describe is what the database says of casbin_rule and its unique index.
func describe(t *testing.T, db *gorm.DB) (about []string) {
	t.Helper()
	sql := map[string]string{
		"sqlite": "SELECT sql FROM sqlite_master WHERE name IN ('casbin_rule', 'idx_casbin_rule') ORDER BY name",
		"postgres": "SELECT concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable, regexp_replace(column_default, 'nextval.*', 'serial')) " +
			"FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'casbin_rule' " +
			"UNION ALL SELECT regexp_replace(indexdef, ' ON .*USING', ' USING') FROM pg_indexes WHERE schemaname = current_schema() AND indexname IN ('idx_casbin_rule', 'casbin_rule_pkey') ORDER BY 1",
		"mysql": "SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, column_default, extra) " +
			"FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'casbin_rule' " +
			"UNION ALL SELECT CONCAT_WS(' ', index_name, non_unique, seq_in_index, column_name, sub_part) FROM information_schema.statistics " +
			"WHERE table_schema = DATABASE() AND table_name = 'casbin_rule' AND index_name IN ('idx_casbin_rule', 'PRIMARY') ORDER BY 1",
	}[db.Dialector.Name()]
	check(t, db.Raw(sql).Scan(&about).Error)
	for i := range about {
		about[i] = strings.NewReplacer("`", "", `"`, "", "idx_casbin_rule ON casbin_rule (", "idx_casbin_rule ON casbin_rule(", ", ", ",").Replace(about[i])
	}
	return about
}
