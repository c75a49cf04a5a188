package authzgorm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/filter"
)

// Plugin is a plugin of GORM: db.Use takes it.
type Plugin struct {
	az      *authz.Authorizer
	models  []Model
	fitting sync.Once
	misfit  error
	tables  map[reflect.Type]*table // by the model's struct type
}

// New makes a plugin of the models that it is to guard; all others are refused.
func New(az *authz.Authorizer, models ...Model) *Plugin {
	return &Plugin{az: az, models: models}
}

// Name is the plugin's name for GORM.
func (p *Plugin) Name() string { return "crmauthz" }

// Initialize fits the models to the schema and registers the callbacks; db.Use calls it. The
// error, an *[Error] that matches ErrModel or a *filter.MappingError, says what does not fit.
func (p *Plugin) Initialize(db *gorm.DB) error {
	if err := p.fitOnce(db); err != nil {
		return err
	}
	// In the place of GORM's own, so that nothing comes between: hooks, associations and other
	// plugins change statements before.
	type replaceable interface {
		Get(name string) func(*gorm.DB)
		Replace(name string, f func(*gorm.DB)) error
	}
	replace := func(in replaceable, op, name string, check func(*statement) error) error {
		run := in.Get(name)
		return in.Replace(name, func(db *gorm.DB) {
			p.guard(db, op, check)
			run(db)
			p.redact(db) // before associations and hooks look at the rows
			updated(db)
		})
	}
	c := db.Callback()
	return errors.Join(
		replace(c.Query(), "query", "gorm:query", p.query),
		replace(c.Row(), "row", "gorm:row", p.query),
		replace(c.Raw(), "raw", "gorm:raw", p.raw),
		replace(c.Create(), "create", "gorm:create", p.create),
		replace(c.Update(), "update", "gorm:update", p.update),
		replace(c.Delete(), "delete", "gorm:delete", p.delete),
	)
}

// fitOnce fits the models, the first time that it is called.
func (p *Plugin) fitOnce(db *gorm.DB) error {
	p.fitting.Do(func() { p.misfit = p.fit(db) })
	return p.misfit
}

// fit fits the models to their structs and the schema.
func (p *Plugin) fit(db *gorm.DB) error {
	p.tables = map[reflect.Type]*table{}
	byType := map[string]*table{}
	for _, m := range p.models {
		t, err := newTable(db, p.az.Schema(), m)
		if err != nil {
			return err
		}
		p.tables[t.schema.ModelType] = t
		if byType[m.Type] == nil { // of several models of a type, the first is that of parents
			byType[m.Type] = t
		}
	}
	for _, t := range p.tables {
		if t.Parent == "" {
			continue
		}
		f := t.schema.LookUpField(t.Parent)
		parent := byType[p.az.Schema().Types[t.Type].Parent.Type]
		if f == nil || f.DBName == "" || parent == nil {
			return &Error{Op: "use", Table: t.Type, What: t.Parent, Err: fmt.Errorf("%w: there is no such field, or no model of the parent's type", ErrModel)}
		}
		t.kept[f.DBName] = true
		t.mapping.NoParent, t.mapping.Parent = false, &filter.Parent{Column: filter.Column{Name: f.DBName, Kind: kindOf(f)}, Of: parent.mapping}
	}
	for _, t := range p.tables {
		if err := t.mapping.Check(); err != nil {
			return err
		}
	}
	return nil
}

// statement is a statement on its way to the database.
type statement struct {
	*gorm.Statement
	plugin    *Plugin
	op        string
	principal authz.Principal
	viewer    *authz.Viewer
	table     *table
}

// guard checks a statement, and narrows it; on an error GORM does not run it.
func (p *Plugin) guard(db *gorm.DB, op string, check func(*statement) error) {
	if db.Error != nil || internal(db.Statement.Context) {
		return
	}
	s := &statement{Statement: db.Statement, plugin: p, op: op}
	if outer, ok := s.Settings.Load(outerKey{}); ok && !s.isOf(outer.(authz.Principal)) {
		_ = db.AddError(s.fail("subquery", ErrNoPrincipal))
		return
	}
	if op == "raw" && savepoint.MatchString(s.SQL.String()) {
		return
	}
	if reason, ok := bypass(db.Statement.Context); ok {
		_ = db.AddError(s.fail("", s.logBypass(reason)))
		return
	}
	err := s.identify()
	if err == nil {
		err = check(s)
	}
	_ = db.AddError(err)
}

// savepoint is what GORM runs for a transaction within another.
var savepoint = regexp.MustCompile(`^(SAVEPOINT|ROLLBACK TO|ROLLBACK TO SAVEPOINT|RELEASE SAVEPOINT) [A-Za-z_][A-Za-z0-9_]*$`)

// outerKey is the setting of a subquery that says whose statement it is in.
type outerKey struct{}

// isOf tells whether the statement is on behalf of a principal.
func (s *statement) isOf(p authz.Principal) bool {
	_, bypassed := bypass(s.Context)
	who, ok := authz.FromContext(s.Context)
	return ok && !bypassed && who.Tenant == p.Tenant && who.User == p.User
}

// dialect is the database's kind of SQL.
func (s *statement) dialect() filter.Dialect { return filter.Dialect(s.Dialector.Name()) }

// identify finds out who asks, and about which model.
func (s *statement) identify() error {
	var ok bool
	if s.principal, ok = authz.FromContext(s.Context); !ok {
		return s.fail("", ErrNoPrincipal)
	}
	if s.SQL.Len() > 0 || s.op == "raw" {
		return s.fail(s.SQL.String(), ErrRawSQL)
	}
	if s.Statement.Schema != nil {
		s.table = s.plugin.tables[s.Statement.Schema.ModelType]
	}
	if s.table == nil {
		return s.fail("", ErrUnmapped)
	}
	if named := s.TableExpr; s.Table != s.table.schema.Table || named != nil && (len(named.Vars) > 0 || named.SQL != s.Quote(s.Table)) {
		return s.fail(s.Table, ErrUnsupported)
	}
	viewer, err := s.plugin.az.For(s.Context, s.principal.Tenant, s.principal.User)
	if err != nil {
		return err
	}
	s.viewer = viewer.With(s.principal.UserAttrs, s.principal.Env).WithAddress(s.principal.Address)
	return nil
}

// fail says what of the statement is refused; nil stays nil.
func (s *statement) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: s.op, Table: s.Table, What: what, Err: err}
}

// raw refuses all statements of Exec.
func (p *Plugin) raw(s *statement) error { return s.fail(s.SQL.String(), ErrRawSQL) }

// filter is the rows of a table to which an action is allowed.
func (s *statement) filter(t *table, action string) (*authz.Filter, error) {
	f, err := s.viewer.Filter(action, t.Type)
	if err != nil {
		return nil, err
	}
	if !f.Complete() && !s.rechecked() {
		return nil, s.fail(t.Type, ErrIncomplete)
	}
	return f, nil
}

// quietly returns a handle whose statements are the plugin's own, in the statement's transaction.
func (s *statement) quietly() *gorm.DB {
	return s.DB.Session(&gorm.Session{NewDB: true, SkipHooks: true, Context: context.WithValue(s.Context, internalKey{}, true)})
}

type internalKey struct{}

func internal(ctx context.Context) bool { return ctx.Value(internalKey{}) != nil }

// tableOf is the registered model of a mapping.
func (p *Plugin) tableOf(m *filter.Mapping) *table {
	for _, t := range p.tables {
		if t.mapping == m {
			return t
		}
	}
	return nil
}
