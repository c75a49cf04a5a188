// Package reference is the specification of package authz executed by Casbin:
// an ordinary enforcer with model/crm.conf, the lines in force, and the
// functions that the matchers call. It is naive on purpose. Nothing is
// compiled or indexed, so that it is easily seen to be right; the engine is
// tested against it.
package reference

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	defaultrolemanager "github.com/casbin/casbin/v2/rbac/default-role-manager"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// Reference answers the questions of one tenant at one instant. It serves one goroutine.
type Reference struct {
	tenant     string
	at         time.Time
	schema     *model.Schema
	conditions *condition.Set
	enforcer   *casbin.Enforcer
	named      map[string]bool  // subjects that facts name
	groups     rbac.RoleManager // of the g lines, links of the tenant
	org        rbac.RoleManager // of the g2 lines
	facts      []model.Fact
	gate       []model.Line          // customer rules and constraints in force, suspended or not
	excepting  []model.Switch        // of groups and rules, in force but not for all
	others     map[string]*Reference // of those among whose exceptions somebody is, by what is lifted
}

// Facts are what comes with a question besides user, tenant and action: the
// last value of a request to the enforcer. They serve one goroutine and are not
// changed once they have been asked with.
type Facts struct {
	Type      string        // of the records asked about; may be empty when Record is given
	Record    *model.Record // nil: the question is about the type at all
	UserAttrs map[string]any
	Env       map[string]any
	Address   netip.Addr // where the user asks from

	answers map[asked]*answers
}

// asked is who asks about facts, and what for.
type asked struct{ user, action string }

// answers are those that many rules need, worked out once.
type answers struct {
	known, decided, allowed bool
	level                   *model.Level
}

func (f *Facts) of(user, action string) *answers {
	k := asked{user, action}
	a, ok := f.answers[k]
	if !ok {
		if f.answers == nil {
			f.answers = map[asked]*answers{}
		}
		a = &answers{}
		f.answers[k] = a
	}
	return a
}

// typ is the type asked about.
func (f *Facts) typ() string {
	if f.Record != nil {
		return f.Record.Type
	}
	return f.Type
}

// parent is the facts of a question about the record's parent.
func (f *Facts) parent() *Facts {
	return &Facts{Record: f.Record.Parent, UserAttrs: f.UserAttrs, Env: f.Env, Address: f.Address}
}

// The contexts of Casbin that ask about levels of records and of fields.
var (
	levelQuestion = casbin.NewEnforceContext("2")
	fieldQuestion = casbin.NewEnforceContext("3")
)

var parsedModel = sync.OnceValues(func() (casbinmodel.Model, error) {
	return casbinmodel.NewModelFromString(model.CasbinModel)
})

// New returns the reference of a tenant at an instant. The schema is that of
// the tenant (see [model.Schema.For]). Lines that are not in force at that
// instant are left out, as are memberships of, and in, a group that is switched
// off. An error says which line is malformed, of another tenant, or unknown to
// the schema.
func New(schema *model.Schema, conditions *condition.Set, tenant string, tenantLines, baseLines []model.Line, at time.Time) (*Reference, error) {
	facts, err := decode(schema, tenant, tenantLines, baseLines)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	r, err := without(schema, conditions, tenant, facts, at, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range facts {
		if s, ok := f.(model.Switch); ok && s.Except != "" && s.Valid.Holds(at) && ofLines(s.Target) {
			r.excepting = append(r.excepting, s)
		}
	}
	return r, nil
}

// ofLines tells whether a switch of a target leaves lines out: that of a group, or of a rule or membership.
func ofLines(target string) bool {
	k := model.KindOf(target)
	return model.IsRuleID(target) || k != model.UnknownKind && k != model.User
}

// without makes the reference of facts without some switches of groups and rules.
func without(schema *model.Schema, conditions *condition.Set, tenant string, facts []model.Fact, at time.Time, lifted map[model.Switch]bool) (*Reference, error) {
	text, err := parsedModel()
	if err != nil {
		return nil, fmt.Errorf("reference: crm.conf: %w", err)
	}
	e, err := casbin.NewEnforcer(text.Copy())
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	r := &Reference{
		tenant: tenant, at: at, schema: schema, conditions: conditions, enforcer: e, named: namedBy(facts), facts: facts,
		groups: defaultrolemanager.NewRoleManager(model.MaxDepth),
		org:    defaultrolemanager.NewRoleManager(model.MaxDepth),
	}
	e.SetNamedRoleManager("g", r.groups)
	e.SetNamedRoleManager("g2", r.org)
	now := inForce(facts, at, lifted)
	for _, f := range slices.Concat(suspended(schema, now), defaults(schema), constraints(schema)) {
		if err := r.load(f); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
	}
	for _, f := range slices.Concat(now, constraints(schema)) {
		if f.Section() != model.CustomerRules {
			continue
		}
		l, err := model.Encode(f)
		if err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		r.gate = append(r.gate, l)
	}
	if err := e.BuildRoleLinks(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	r.register()
	return r, nil
}

// ErrExcepted: a switch that leaves lines out is not for who asks, so the enforcer's lines are not hers.
var ErrExcepted = errors.New("a switch of a group, rule or membership excepts the user, which an enforcer of Casbin cannot follow")

// load hands a fact to Casbin as its line. A membership of the base policy is
// one of the tenant.
func (r *Reference) load(f model.Fact) error {
	if m, ok := f.(model.Membership); ok {
		m.Tenant = r.tenant
		f = m
	}
	l, err := model.Encode(f)
	if err != nil {
		return err
	}
	return r.enforcer.GetModel().AddPolicy(string(l.Section[:1]), string(l.Section), l.Columns())
}

// Enforcer is the plain enforcer. Ask it with Enforce(user, tenant, action, *Facts).
func (r *Reference) Enforcer() *casbin.Enforcer { return r.enforcer }

// of is the reference that answers who asks: r itself, or one in which the switches that except
// her are lifted. Who she is says r, in which none is.
func (r *Reference) of(q model.Request) (*Reference, error) {
	switches := r.excepts(q.User, &Facts{Address: q.Address})
	if len(switches) == 0 {
		return r, nil
	}
	lifted, key := map[model.Switch]bool{}, ""
	for _, s := range switches {
		lifted[s], key = true, key+s.String()+"\n"
	}
	other, ok := r.others[key]
	if !ok {
		var err error
		if other, err = without(r.schema, r.conditions, r.tenant, r.facts, r.at, lifted); err != nil {
			return nil, err
		}
		if r.others == nil {
			r.others = map[string]*Reference{}
		}
		r.others[key] = other
	}
	return other, nil
}

// excepts are the switches of groups and rules that are not for the user.
func (r *Reference) excepts(user string, f *Facts) (all []model.Switch) {
	for _, s := range r.excepting {
		if r.excepted(s.Except, user, f) {
			all = append(all, s)
		}
	}
	return all
}

// Decide tells whether the request is allowed.
func (r *Reference) Decide(q model.Request) (bool, error) {
	r, f, err := r.asked(q)
	if err != nil {
		return false, err
	}
	return r.enforcer.Enforce(q.User, q.Tenant, q.Action, f)
}

// FieldLevel is how much of the field the user has for the action: the highest
// level of which Casbin says that she has at least it.
func (r *Reference) FieldLevel(q model.Request, field string) (model.FieldLevel, error) {
	r, f, err := r.asked(q)
	if err != nil {
		return model.FieldHidden, err
	}
	for l := model.FieldWrite; l > model.FieldHidden; l-- {
		ok, err := r.enforcer.Enforce(fieldQuestion, q.User, q.Tenant, q.Action, field, l.String(), f)
		if err != nil {
			return model.FieldHidden, err
		}
		if ok {
			return l, nil
		}
	}
	return model.FieldHidden, nil
}

// Level is the user's level of the record, LevelNone without one.
func (r *Reference) Level(q model.Request) (model.Level, error) {
	r, f, err := r.asked(q)
	if err != nil || f.Record == nil {
		return model.LevelNone, err
	}
	return r.level(q.User, q.Action, f)
}

// asked checks the request and returns the reference that answers it, and the facts that come with it.
func (r *Reference) asked(q model.Request) (*Reference, *Facts, error) {
	if err := r.check(q); err != nil {
		return nil, nil, err
	}
	other, err := r.of(q)
	if err != nil {
		return nil, nil, err
	}
	return other, &Facts{Type: q.Type, Record: q.Record, UserAttrs: q.UserAttrs, Env: q.Env, Address: q.Address}, nil
}

func (r *Reference) check(q model.Request) error {
	if q.Tenant != r.tenant {
		return model.At("request", "tenant", q.Tenant, model.ErrUnknownTenant)
	}
	if !q.At.IsZero() && !q.At.Equal(r.at) {
		return model.At("request", "instant", q.At.String(), model.ErrMalformed)
	}
	return r.schema.CheckRequest(&q)
}
