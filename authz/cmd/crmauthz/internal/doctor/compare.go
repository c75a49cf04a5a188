package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// MaxQuestions is how many questions Compare asks at most.
const MaxQuestions = 200_000

// Comparison is how an import answers, beside Casbin with the rows that it was made of.
type Comparison struct {
	Asked     int      `json:"asked"`
	Complete  bool     `json:"complete"` // every user, tenant, object and action was asked about
	Gains     int      `json:"gains"`    // how often the import allows what Casbin denies
	Loses     int      `json:"loses"`    // how often it denies what Casbin allows
	Different []string `json:"different,omitempty"`
}

// shown is how many differences are described.
const shown = 20

// Compare asks Casbin and the import the same: each user, in each tenant, about each object and action
// that the rows name. progress is told how far it is.
func Compare(ctx context.Context, rows []source.Row, m *Model, i *Import, progress func(done, all int)) (c Comparison, err error) {
	q := questionsOf(rows, m)
	was, err := authz.OpenCasbin(m.Text, rowAdapter(q.rows))
	if err != nil {
		return c, err
	}
	az, err := i.Open(ctx)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, az.Close()) }()
	c.Complete = q.count() <= MaxQuestions
	for one := range q.all {
		if c.Asked == MaxQuestions {
			break
		}
		if c.Asked++; c.Asked%1000 == 0 {
			if err := ctx.Err(); err != nil {
				return c, err
			}
			progress(c.Asked, min(q.count(), MaxQuestions))
		}
		allowed, err := was.Enforce(one.sub, one.dom, one.obj, one.act)
		if err != nil {
			return c, err
		}
		c.note(one, allowed, one.ask(ctx, az))
	}
	return c, nil
}

func (c *Comparison) note(q question, was, is bool) {
	if was == is {
		return
	}
	text := "denies, and Casbin allows"
	if is {
		c.Gains++
		text = "allows, and Casbin denies"
	} else {
		c.Loses++
	}
	if len(c.Different) < shown {
		c.Different = append(c.Different, fmt.Sprintf("%s, %s, %s, %s: the import %s", q.sub, q.dom, q.obj, q.act, text))
	}
}

// ErrNoSchema: no rule was imported, so there are no types and actions to make a schema of.
var ErrNoSchema = errors.New("no rule has a form, so there is no schema")

// Open makes an authorizer of what was imported.
func (i *Import) Open(ctx context.Context) (*authz.Authorizer, error) {
	if i.Schema == nil {
		return nil, ErrNoSchema
	}
	store, err := adapter.NewMemory(func(yield func(model.Line) bool) {
		for _, f := range i.Facts {
			if l, err := model.Encode(f); err == nil && !yield(l) { // Translate has encoded each
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return authz.Open(ctx, i.Schema, store, authz.WithPreload())
}

// question is one in Casbin's words.
type question struct{ sub, dom, obj, act string }

// ask puts the question to the import. What it does not know it denies.
func (q question) ask(ctx context.Context, az *authz.Authorizer) bool {
	t, err := objectOf(q.obj, false)
	if err != nil {
		return false
	}
	r := &model.Record{Type: t.Type, ID: t.ID}
	if r.ID == "" {
		r.ID = "any"
	}
	user := q.sub
	if model.KindOf(user) != model.User {
		user = "user:" + model.EscapeID(user)
	}
	allowed, err := az.Enforce(ctx, authz.Request{Tenant: model.EscapeID(q.dom), User: user, Action: q.act, Record: r})
	return err == nil && allowed
}

// questions are all that can be asked about the names in rows.
type questions struct {
	rows                       []source.Row
	users, doms, objects, acts []string
}

func questionsOf(rows []source.Row, m *Model) questions {
	e := examination{model: m, found: map[string][]Place{}}
	for _, r := range rows {
		e.shape(r)
	}
	q := questions{rows: e.rows}
	names := func(what string, columns []string) []string {
		all := slices.Sorted(maps.Keys(e.namesIn(what, columns)))
		return slices.DeleteFunc(all, func(s string) bool { return s == "*" }) // no name of anything
	}
	q.doms, q.objects, q.acts = names("tenant", domainNames), names("object", objectNames), names("action", actionNames)
	roles := map[string]bool{}
	for _, r := range e.rows {
		if r.Ptype == "g" {
			roles[r.Values[1]] = true
		}
	}
	q.users = slices.DeleteFunc(names("subject", subjectNames), func(s string) bool {
		return roles[s] || model.KindOf(s) > model.User
	})
	return q
}

func (q questions) count() int { return len(q.users) * len(q.doms) * len(q.objects) * len(q.acts) }

// all yields every question.
func (q questions) all(yield func(question) bool) {
	for _, dom := range q.doms {
		for _, sub := range q.users {
			for _, obj := range q.objects {
				for _, act := range q.acts {
					if !yield(question{sub, dom, obj, act}) {
						return
					}
				}
			}
		}
	}
}

// rowAdapter gives rows to a Casbin model.
type rowAdapter []source.Row

// LoadPolicy implements persist.Adapter.
func (a rowAdapter) LoadPolicy(m casbinmodel.Model) error {
	for _, r := range a {
		if err := persist.LoadPolicyArray(append([]string{r.Ptype}, r.Values...), m); err != nil {
			return err
		}
	}
	return nil
}

var errReadOnly = errors.New("the rows are only read")

// SavePolicy and the others are never called.
func (rowAdapter) SavePolicy(casbinmodel.Model) error                        { return errReadOnly }
func (rowAdapter) AddPolicy(string, string, []string) error                  { return errReadOnly }
func (rowAdapter) RemovePolicy(string, string, []string) error               { return errReadOnly }
func (rowAdapter) RemoveFilteredPolicy(string, string, int, ...string) error { return errReadOnly }
