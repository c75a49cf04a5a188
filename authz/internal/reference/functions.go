package reference

import (
	"fmt"
	"strings"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

// register gives the enforcer the functions that crm.conf calls.
func (r *Reference) register() {
	for name, f := range map[string]func(args) (any, error){
		"known": func(a args) (any, error) { return r.known(a.text(0), a.text(1), a.text(2), a[3]) },
		"open":  func(a args) (any, error) { return r.open(a.text(0), a.text(1), a.facts(2)), nil },
		"fieldOpen": func(a args) (any, error) {
			return r.fieldOpen(a.text(0), a.text(1), a.text(2), a.facts(3))
		},
		"on": func(a args) (any, error) { return r.on(a.text(0), a.facts(1)) },
		"holds": func(a args) (any, error) {
			return r.holds(a.text(0), a.text(1), a.text(2), a.text(3), a.facts(4)), nil
		},
		"forbids": func(a args) (any, error) { return r.forbids(a.text(0), a.text(1), a.text(2), a.facts(3)), nil },
		"itself":  func(a args) (any, error) { return itself(a.facts(0)), nil },
		"covers":  func(a args) (any, error) { return r.covers(a.text(0), a.text(1), a.facts(2)), nil },
		"reaches": func(a args) (any, error) { return r.reaches(a.text(0), a.text(1), a.facts(2)) },
		"atLeast": func(a args) (any, error) { return atLeast(a.text(0), a.text(1)), nil },
		"allowed": func(a args) (any, error) { return r.allowed(a.text(0), a.text(1), a.text(2), a.facts(3)) },
		"writes":  func(a args) (any, error) { return !r.action(a.text(0), a.facts(1)).Reading(), nil },
		"knownField": func(a args) (any, error) {
			return r.knownField(a.text(0), a.facts(1))
		},
		"onField": func(a args) (any, error) { return r.onField(a.text(0), a.text(1), a.facts(2)) },
	} {
		r.enforcer.AddFunction(name, func(a ...any) (any, error) { return f(a) })
	}
}

// args are the arguments of a function called by a matcher. What is not of the
// type expected panics, of which Casbin makes an error.
type args []any

func (a args) text(i int) string  { return a[i].(string) }
func (a args) facts(i int) *Facts { return a[i].(*Facts) }

// known is true of a request that is well formed and known to the schema, and
// an error of every other.
func (r *Reference) known(user, tenant, action string, rec any) (bool, error) {
	f, ok := rec.(*Facts)
	if !ok || f == nil {
		return false, model.At("request", "facts", fmt.Sprintf("%T", rec), model.ErrMalformed)
	}
	a := f.of(user, action)
	if !a.known || tenant != r.tenant {
		q := model.Request{
			Tenant: tenant, User: user, Action: action, Type: f.Type, Record: f.Record,
			At: r.at, UserAttrs: f.UserAttrs, Env: f.Env,
		}
		if err := r.check(q); err != nil {
			return false, err
		}
		a.known = true
	}
	if len(r.excepts(user, f)) > 0 { // the lines are others for her: see of
		return false, model.At("request", "user", user, ErrExcepted)
	}
	return true, nil
}

func (r *Reference) knownField(field string, f *Facts) (bool, error) {
	if _, ok := r.schema.Types[f.typ()].Fields[field]; !ok {
		return false, model.At("request", "field", field, model.ErrUnknownField)
	}
	return true, nil
}

// on tells whether the target of a customer or team rule matches the record
// or, without one, can match records of the type.
func (r *Reference) on(target string, f *Facts) (bool, error) {
	t, err := model.ParseTarget(target)
	if err != nil {
		return false, err
	}
	rec := f.Record
	switch {
	case t.Type != model.Any && t.Type != f.typ():
		return false, nil
	case t.ID != "":
		return target == itself(f), nil
	case t.Unit != "" && rec != nil:
		return rec.Unit != "" && r.below(rec.Unit, t.Unit), nil
	}
	return true, nil
}

// onField is on for the target of a field rule.
func (r *Reference) onField(target, field string, f *Facts) (bool, error) {
	of, name, _ := strings.Cut(target, "#")
	if name != model.Any && name != field {
		return false, nil
	}
	return r.on(of, f)
}

// itself is the target that names the record, or empty without a record of an id.
func itself(f *Facts) string {
	if f.Record == nil || f.Record.ID == "" {
		return ""
	}
	return model.OnRecord(f.Record.Type, f.Record.ID).String()
}

// holds tells whether the condition among the terms, if any, lets a rule of the
// effect be in force: what is unknown does not allow, but forbids.
func (r *Reference) holds(effect, terms, user, action string, f *Facts) bool {
	name := conditionOf(terms)
	if name == "" {
		return true
	}
	truth := r.conditions.Eval(name, condition.Input{
		Action: action, User: user, UserAttrs: f.UserAttrs, Env: f.Env, Record: f.Record, At: r.at,
		Facts: evidence{r, user, f.Record},
	})
	if effect == model.Deny.String() {
		return truth != condition.False
	}
	return truth == condition.True
}

// forbids tells whether a forbidding rule that matches covers the record:
// without a scope it covers everything. Without a record, only a rule that
// covers all records of the type counts.
func (r *Reference) forbids(target, terms, user string, f *Facts) bool {
	scope := scopeOf(terms)
	if f.Record == nil {
		return ofWholeType(target) && (scope == "" || scope == model.ScopeAll.String())
	}
	return scope == "" || r.covers(terms, user, f)
}

// ofWholeType tells whether a target names neither a record nor a unit.
func ofWholeType(target string) bool { return !strings.ContainsAny(target, "/@") }

// reaches tells whether the user has the level of the record that the action
// needs. Without a record there is nothing to reach.
func (r *Reference) reaches(user, action string, f *Facts) (bool, error) {
	if f.Record == nil {
		return true, nil
	}
	level, err := r.level(user, action, f)
	return level >= r.action(action, f).Need && err == nil, err
}

// allowed is the decision, of which field rules make a part.
func (r *Reference) allowed(user, tenant, action string, f *Facts) (bool, error) {
	a := f.of(user, action)
	if a.decided && tenant == r.tenant {
		return a.allowed, nil
	}
	ok, err := r.enforcer.Enforce(user, tenant, action, f)
	if err != nil {
		return false, err
	}
	a.decided, a.allowed = true, ok
	return ok, nil
}

// words are the levels of records and of fields, each kind in its order.
var words = []string{"none", "hidden", "masked", "read", "write", "delete", "full"}

// atLeast tells whether one level includes another of the same kind.
func atLeast(has, wants string) bool {
	place := func(word string) int {
		for i, w := range words {
			if w == word {
				return i
			}
		}
		panic("no level: " + word)
	}
	return place(has) >= place(wants)
}

func (r *Reference) action(name string, f *Facts) model.Action {
	return r.schema.Types[f.typ()].Actions[name]
}

// lines are those that Casbin holds of a section.
func (r *Reference) lines(section string) [][]string {
	return r.enforcer.GetModel()[section[:1]][section].Policy
}

// scopeOf is the scope among the terms of a rule, or empty.
func scopeOf(terms string) string {
	first, _, _ := strings.Cut(terms, " ")
	if first == model.None || strings.Contains(first, ":") {
		return ""
	}
	return first
}

// conditionOf is the name of the condition among the terms of a rule, or empty.
func conditionOf(terms string) string {
	for t := range strings.SplitSeq(terms, " ") {
		if name, ok := strings.CutPrefix(t, "if:"); ok {
			return name
		}
	}
	return ""
}
