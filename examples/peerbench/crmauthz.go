package main

import (
	"context"
	"iter"
	"strings"
	"unsafe"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// crmauthzPeer is this library, on its store in memory.
//
// The rules are customer rules: on a type with the scope all, or on one record.
// Write does not imply read in this workload, which a field level would say, so
// the verbs on a field are actions of their own, such as "read:field3".
type crmauthzPeer struct {
	az   *authz.Authorizer
	list []string // the last one, whose memory the next one takes
}

func (*crmauthzPeer) Name() string { return "crmauthz" }

// Live: readers go on with the snapshot that they have.
func (*crmauthzPeer) Live() {}

// crmauthzSchema declares the types and fields that the rules speak of, with every verb.
func crmauthzSchema(rules []Rule) *authz.Schema {
	fields := map[string]bool{"": true}
	types := map[string]model.Type{Customer.typ(""): {Actions: map[string]model.Action{}}}
	for _, r := range rules {
		if r.Kind >= Object {
			fields[r.Field] = true
			if typ := r.Kind.typ(r.Object); types[typ].Actions == nil {
				types[typ] = model.Type{Actions: map[string]model.Action{}}
			}
		}
	}
	for _, t := range types {
		for f := range fields {
			of := verbs
			if f != "" {
				of = fieldVerbs
			}
			for _, v := range of {
				t.Actions[new(name).action(v, f)] = model.Action{Need: model.LevelRead}
			}
		}
	}
	return &authz.Schema{Types: types}
}

// typ is the type of a rule's or query's object.
func (k Kind) typ(object string) string {
	if k == Customer {
		return "customer"
	}
	return object
}

func (c *crmauthzPeer) Load(rules []Rule) error {
	store, err := adapter.NewMemory(crmauthzLines(rules))
	if err != nil {
		return err
	}
	c.az, err = authz.Open(context.Background(), crmauthzSchema(rules), store, authz.WithPreload())
	return err
}

// crmauthzLines is the rules as lines of Casbin's table, each of them until the next one: the store
// keeps none of their strings.
func crmauthzLines(rules []Rule) iter.Seq[model.Line] {
	return func(yield func(model.Line) bool) {
		var names [3]name
		for i := range rules {
			if !yield(crmauthzLine(&rules[i], &names)) {
				return
			}
		}
	}
}

func crmauthzLine(r *Rule, names *[3]name) model.Line {
	subject, object := &names[0], &names[1]
	switch r.Kind {
	case Assign:
		return model.Line{Section: model.Memberships, Values: [6]string{subject.of("user:", r.Subject), object.of("role:", r.Object), r.Tenant, "-"}}
	case Team:
		return model.Line{Section: model.Memberships, Values: [6]string{subject.of("user:", r.Subject), object.of("team:", r.Object), r.Tenant, "-"}}
	case Inherit:
		return model.Line{Section: model.Memberships, Values: [6]string{subject.of("role:", r.Subject), object.of("role:", r.Object), r.Tenant, "-"}}
	}
	effect, scope := "allow", "all"
	if r.Deny {
		effect, scope = "deny", "-"
	}
	if r.Kind == Customer {
		kind := "user:"
		if strings.HasPrefix(r.Subject, "team") {
			kind = "team:"
		}
		return model.Line{Section: model.CustomerRules, Values: [6]string{subject.of(kind, r.Subject), r.Tenant, object.of("customer/", r.Object), r.Verb, effect, "-"}}
	}
	return model.Line{Section: model.CustomerRules, Values: [6]string{subject.of("role:", r.Subject), r.Tenant, r.Object, names[2].action(r.Verb, r.Field), effect, scope}}
}

func (c *crmauthzPeer) Check(q Query) (ok bool) {
	var names [2]name
	ctx, user := context.Background(), names[0].of("user:", q.User)
	if q.Kind == Customer {
		ok, _ = c.az.Enforce(ctx, authz.Request{Tenant: q.Tenant, User: user, Action: q.Verb, Record: &authz.Record{Type: "customer", ID: q.Object}})
		return ok
	}
	ok, _ = c.az.Enforce(ctx, authz.Request{Tenant: q.Tenant, User: user, Action: names[1].action(q.Verb, q.Field), Type: q.Object})
	return ok
}

// CheckBatch is a page: all its questions are of one user, several to a customer.
func (c *crmauthzPeer) CheckBatch(qs []Query) []bool {
	viewer, err := c.az.For(context.Background(), qs[0].Tenant, "user:"+qs[0].User)
	must(err)
	var room [6]string
	actions := room[:0]
	for _, q := range qs {
		if q.Object != qs[0].Object {
			break
		}
		actions = append(actions, q.Verb)
	}
	answers := make([]bool, len(qs))
	for i := 0; i < len(qs); i += len(actions) {
		must(viewer.EnforceAll(&authz.Record{Type: "customer", ID: qs[i].Object}, actions, answers[i:i+len(actions)]))
	}
	return answers
}

func (c *crmauthzPeer) AddRule(r Rule) error {
	f, err := model.Decode(crmauthzLine(&r, new([3]name)))
	if err == nil {
		_, err = c.az.Grant(context.Background(), authz.By("peerbench", ""), f)
	}
	return err
}

func (c *crmauthzPeer) ListCustomers(tenant, user, verb string, all []string) []string {
	f, err := c.az.Filter(context.Background(), authz.Query{Tenant: tenant, User: "user:" + user, Action: verb, Type: "customer"})
	must(err)
	ids, ok := f.AppendIDs(c.list[:0])
	if c.list = ids; ok {
		return ids
	}
	return loopList(c, tenant, user, verb, all)
}

// name is room for a name, such as one on the stack of who asks. A program has the names that it asks
// about at hand, but the workload's are other ones, and Go's own concatenation takes a tenth of a check.
type name [64]byte

// of puts a name together, which is that of the room until the next one is.
func (n *name) of(parts ...string) string {
	used := 0
	for _, p := range parts {
		if len(p) > len(n)-used {
			return strings.Join(parts, "")
		}
		used += copy(n[used:], p)
	}
	return unsafe.String(&n[0], used)
}

// action is the action on a type, or on a field of it.
func (n *name) action(verb, field string) string {
	if field == "" {
		return verb
	}
	return n.of(verb, ":", field)
}
