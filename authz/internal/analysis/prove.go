package analysis

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz/filter"
	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

// Proof tells whether a statement is true, and what was looked at to know.
type Proof struct {
	Statement string `json:"statement"`
	Holds     bool   `json:"holds"`
	// People were looked at, Anyone among them, in as many Classes of records, at as many
	// Instants. Classes are counted for each person, instant and network.
	People   int `json:"people"`
	Classes  int `json:"classes"`
	Instants int `json:"instants"`
	// Against are the people who make it false, sorted; Counterexample is about the first.
	Against        []string        `json:"against,omitempty"`
	Counterexample *Counterexample `json:"counterexample,omitempty"`
	// Unknown are names in the statement that no fact names, perhaps misspelled.
	Unknown []string `json:"unknown,omitempty"`
}

// Counterexample is a person and a record that make a statement false.
type Counterexample struct {
	impact.Example
	At     time.Time        `json:"at"`
	From   *netip.Addr      `json:"from,omitempty"` // where she asks from, if that matters
	Action string           `json:"action,omitempty"`
	Field  string           `json:"field,omitempty"`
	Level  model.FieldLevel `json:"level,omitempty"` // that she reaches of the field
	Where  impact.Where     `json:"where,omitempty"` // the records of which it is so
	// Decision says by which rule, and how the person comes to it. Of overlapping
	// groups there is none.
	Decision *model.Decision `json:"-"`
	// Paths are the ways of memberships into the groups that overlap.
	Paths [][]string `json:"paths,omitempty"`
	// FieldRules are the rules that open the field to her; none if everyone sees it.
	FieldRules impact.Facts `json:"fieldRules,omitempty"`
}

// String says it for people.
func (c *Counterexample) String() string {
	if c.Paths != nil {
		ways := make([]string, len(c.Paths))
		for i, p := range c.Paths {
			ways[i] = strings.Join(p, " → ")
		}
		return fmt.Sprintf("%s, at %s: %s", c.User, c.At.Format(time.RFC3339), strings.Join(ways, "; "))
	}
	what := c.Action + " " + c.Record.Type
	if c.Field != "" {
		what += "#" + c.Field + " (" + c.Level.String() + ")"
	}
	s := fmt.Sprintf("%s, %s, where %s, at %s: %v", c.User, what, c.Where, c.At.Format(time.RFC3339), c.Decision)
	if len(c.FieldRules) > 0 {
		s += fmt.Sprintf("; the field by %v", c.FieldRules[0])
	}
	return s
}

// Prove tells which statements are true of a policy. It is exact over all people that a
// fact names and anyone else, all records, and all that conditions can come to of them.
//
// Errors are a *model.ValueError of a policy that is not well formed or a statement about
// what the schema does not know, an ErrTooMany, and those of the context.
func Prove(ctx context.Context, p Policy, statements []Statement, o Options) ([]Proof, error) {
	c, err := compile(p)
	if err != nil {
		return nil, err
	}
	proofs := make([]Proof, len(statements))
	for i, s := range statements {
		if proofs[i], err = c.prove(ctx, s, o); err != nil {
			return nil, fmt.Errorf("analysis: %q: %w", s, err)
		}
	}
	return proofs, nil
}

func (c *compiled) prove(ctx context.Context, s Statement, o Options) (Proof, error) {
	if err := s.check(c.schema); err != nil {
		return Proof{}, err
	}
	instants := []time.Time{o.at()}
	if s.ever {
		instants = append(instants, borders(o.at(), c.ownFacts())...)
	}
	proof := Proof{Statement: s.String(), Holds: true, Instants: len(instants), Unknown: c.unknownTo(s)}
	users := people(c)
	against := make([]bool, len(users))
	for _, at := range instants {
		for _, from := range addresses(c.ownFacts()) {
			if err := c.proveAt(ctx, s, o, asked{at, from, s.ever}, users, &proof, against); err != nil {
				return Proof{}, err
			}
		}
	}
	for i, is := range against {
		if is {
			proof.Against = append(proof.Against, nameOf(users[i]))
		}
	}
	slices.Sort(proof.Against)
	return proof, nil
}

func (c *compiled) unknownTo(s Statement) (names []string) {
	for _, name := range slices.Concat(s.who, s.groups) {
		if !c.snapshot.Known(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// proveAt looks at everybody, who ask at one instant and from one address.
func (c *compiled) proveAt(ctx context.Context, s Statement, o Options, a asked, users []string, proof *Proof, against []bool) error {
	checks := make([]check, len(users))
	err := o.each(ctx, len(users), func(i int) error {
		checks[i] = check{Statement: s, view: newView(c, users[i], a, "now")}
		checks[i].run()
		return checks[i].err
	})
	if err != nil {
		return err
	}
	looked := 0
	for i := range checks {
		k := &checks[i]
		if k.concerned {
			looked++
		}
		proof.Classes += k.classes
		if k.found == nil {
			continue
		}
		against[i] = true
		if proof.Holds = false; proof.Counterexample == nil {
			if err := k.explain(k.found); err != nil {
				return err
			}
			proof.Counterexample = k.found
		}
	}
	proof.People = max(proof.People, looked)
	return nil
}

// check looks whether a statement is true of one person at one instant.
type check struct {
	Statement
	*view
	concerned bool
	classes   int
	found     *Counterexample
	err       error
}

func (k *check) run() {
	if k.kind == neverOverlap {
		k.overlap()
		return
	}
	if k.concerned = len(k.who) == 0 || k.isOneOf(k.who) == k.in; !k.concerned {
		return
	}
	schema := k.of.schema
	for _, typ := range sortedKeys(schema.Types) {
		if k.target.Type != model.Any && k.target.Type != typ {
			continue
		}
		if k.level != model.FieldHidden {
			k.fields(typ, schema.Types[typ])
			continue
		}
		for _, action := range sortedKeys(schema.Types[typ].Actions) {
			if k.actions == nil || slices.Contains(k.actions, action) {
				k.found = cmp.Or(k.found, k.look(typ, action, "", k.may(typ, action)))
			}
		}
	}
}

// isOneOf tells whether the person is, or is in, one of some subjects.
func (k *check) isOneOf(subjects []string) bool {
	return slices.Contains(subjects, k.user) || slices.ContainsFunc(k.Groups(), func(g string) bool { return slices.Contains(subjects, g) })
}

func (k *check) overlap() {
	k.concerned, k.classes = true, 1
	var paths [][]string
	for _, g := range k.groups {
		path := k.Path(g)
		if path == nil {
			return
		}
		paths = append(paths, path)
	}
	k.found = &Counterexample{Example: impact.Example{User: nameOf(k.user)}, At: k.at, From: k.address(), Paths: paths}
}

// fields looks at a field, or at all of them. Nobody is to reach it by any action; everyone, by
// one action.
func (k *check) fields(typ string, t model.Type) {
	for _, name := range sortedKeys(t.Fields) {
		if k.target.Field != model.Any && k.target.Field != name {
			continue
		}
		var against []*Counterexample // one for each action, or none
		for _, action := range actionsFor(k.level, t) {
			x := filter.Expr(filter.False)
			if action != "" {
				x = filter.AllOf(k.may(typ, action), k.field(typ, action, name)[k.level])
			}
			against = append(against, k.look(typ, action, name, x))
		}
		if k.kind == noOne || !slices.Contains(against, nil) {
			k.found = cmp.Or(k.found, cmp.Or(against...))
		}
	}
}

// actionsFor is the actions by which somebody may reach a field at a level; one without a name
// if there are none.
func actionsFor(level model.FieldLevel, t model.Type) (names []string) {
	for _, name := range sortedKeys(t.Actions) {
		if level < model.FieldWrite || !t.Actions[name].Reading() {
			names = append(names, name)
		}
	}
	if names == nil {
		return []string{""}
	}
	return names
}

// look looks for a record that makes the statement false, given the records of which it is
// so what the statement says.
func (k *check) look(typ, action, field string, x filter.Expr) *Counterexample {
	if k.err != nil {
		return nil
	}
	if k.kind == everyone {
		x = filter.Negate(x)
	}
	x = filter.AllOf(x, k.meant())
	if x == filter.False {
		k.classes++
		return nil
	}
	p, err := newProblem(typ, []filter.Expr{x}, []*view{k.view})
	if err != nil {
		k.err = err
		return nil
	}
	cells, err := p.solve()
	if k.classes, k.err = k.classes+len(cells), err; err != nil {
		return nil
	}
	cubes := p.cover(cells, func(tuple string) bool { return tuple == "\x01" })
	if len(cubes) == 0 {
		return nil
	}
	return &Counterexample{Example: impact.Example{User: nameOf(k.user), Record: p.example(cubes[0])}, At: k.at, From: k.address(), Action: action, Field: field, Where: p.where(cubes)}
}

// meant is the records that the statement is about.
func (k *check) meant() filter.Expr {
	x := filter.Expr(filter.True)
	if k.target.ID != "" {
		x = filter.IDIn{Names: filter.List{k.target.ID}}
	}
	if len(k.where) > 0 {
		x = filter.AllOf(x, k.some(k.where))
	}
	return filter.AllOf(x, filter.Negate(k.some(k.unless)))
}

func (k *check) some(of []recordWord) filter.Expr {
	var ways []filter.Expr
	for _, w := range of {
		x := filter.Expr(filter.Bool{Attr: attrOf(w.condition)})
		if w.condition == "" {
			x = k.Covered(w.scope)
		}
		if w.not {
			x = filter.Negate(x)
		}
		ways = append(ways, filter.WhetherTrue(x))
	}
	return filter.AnyOf(ways...)
}

// address is where the person asks from; nil if it is in no network.
func (k *check) address() *netip.Addr {
	if !k.from.IsValid() {
		return nil
	}
	return &k.from
}

// explain adds by what rules a counterexample is one.
func (k *check) explain(c *Counterexample) error {
	if k.kind == neverOverlap {
		return nil
	}
	if c.Decision = new(model.Decision); c.Action == "" {
		return nil // there is no such action
	}
	q := k.request(c.Action, c.Record)
	d, err := k.Snapshot.DecideInFull(q, k.clock)
	if *c.Decision = d; err != nil || c.Field == "" {
		return err
	}
	c.Level, err = k.Snapshot.FieldLevel(q, c.Field, k.clock)
	for _, f := range k.of.ownFacts() {
		rule, ok := f.(model.FieldRule)
		if ok && rule.Effect == model.Allow && rule.Level >= min(k.level, c.Level) && rule.Valid.Holds(k.at) &&
			(rule.If == "" || q.Record.Attrs[attrOf(rule.If)] == true) &&
			(rule.Subject == model.Everyone || k.isOneOf([]string{rule.Subject})) &&
			(difference{typ: c.Record.Type, fields: []string{c.Field}}).about(rule, c.Record) {
			c.FieldRules = addFacts(c.FieldRules, []model.Fact{rule})
		}
	}
	return err
}
