package analysis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Changes is who gains and who loses what by the change of a policy.
type Changes struct {
	Tenant        string    `json:"tenant"`
	At            time.Time `json:"at"`
	Added         Facts     `json:"added,omitempty"`
	Removed       Facts     `json:"removed,omitempty"`
	SchemaChanged bool      `json:"schemaChanged,omitempty"`
	People        int       `json:"people"` // that were looked at, beside anyone else
	Gains         []Change  `json:"gains,omitempty"`
	Losses        []Change  `json:"losses,omitempty"`
	// Later is what is otherwise at instants behind At, each time than before.
	Later []Variation `json:"later,omitempty"`
	// Networks is what is otherwise for those who ask from networks that switches except.
	Networks []Variation `json:"networks,omitempty"`
}

// Variation is what differs at another instant, or from another address.
type Variation struct {
	At     time.Time   `json:"at"`
	From   *netip.Addr `json:"from,omitempty"` // some address of the network; nil: of none
	Gains  []Change    `json:"gains,omitempty"`
	Losses []Change    `json:"losses,omitempty"`
	Over   []Change    `json:"over,omitempty"` // gains and losses that are none here
}

// Change is what some people gain or lose alike.
type Change struct {
	People []string `json:"people"` // sorted; Anyone stands for all whom no fact names
	// Group is a group that all these people are in, after a gain or before a loss; of several the
	// one with the fewest people, who are Of. Empty: there is none, or it is about one person only.
	Group  string           `json:"group,omitempty"`
	Of     int              `json:"of,omitempty"`
	Type   string           `json:"type"`
	Action string           `json:"action"`
	Fields []string         `json:"fields,omitempty"` // empty: the action itself is allowed, or is not
	From   model.FieldLevel `json:"from,omitempty"`   // of the fields, before
	To     model.FieldLevel `json:"to,omitempty"`     // and now
	Where  Where            `json:"where"`
	// Because is facts added and removed that account for it, for one of these people each
	// on one record; empty if the schema does.
	Because Facts   `json:"because,omitempty"`
	Example Example `json:"example"`

	where string // its key
}

// Example is a person and a record of which something is so. The attribute if:c of the record,
// and of those above it, is what the condition c is of it: true, false or, if it is not there, unknown;
// "if:c before" and "if:c now", if the condition has changed.
type Example struct {
	User   string        `json:"user"`
	Record *model.Record `json:"record"`
}

// Facts are facts that are written as their lines.
type Facts []model.Fact

// MarshalJSON writes a list of lines.
func (f Facts) MarshalJSON() ([]byte, error) {
	lines := make([]string, len(f))
	for i, fact := range f {
		lines[i] = fact.String()
	}
	return json.Marshal(lines)
}

// Diff tells who gains and loses what when the policy before becomes the policy now.
// It is exact over all people that a fact names and anyone else, all types, actions and
// fields, all records, and all that conditions can come to of them.
//
// Errors are a *model.ValueError of a policy that is not well formed, an ErrTooMany, and those
// of the context.
func Diff(ctx context.Context, before, now Policy, o Options) (*Changes, error) {
	if before.Tenant != now.Tenant {
		return nil, fmt.Errorf("analysis: %w", model.At("policy", "tenant", now.Tenant, model.ErrUnknownTenant))
	}
	b, err := compile(before)
	if err != nil {
		return nil, err
	}
	n, err := b.next(now)
	if err != nil {
		return nil, err
	}
	return diff(ctx, b, n, o)
}

// next compiles the policy that comes behind one, whose schema is often the same.
func (c *compiled) next(p Policy) (*compiled, error) {
	if p.Schema == c.Schema || p.Schema != nil && reflect.DeepEqual(p.Schema, c.Schema) {
		return c.compile(p)
	}
	return compile(p)
}

func diff(ctx context.Context, before, now *compiled, o Options) (*Changes, error) {
	d := differ{before: before, now: now, users: people(before, now), causes: newCauses(before, now), options: o}
	at := o.at()
	changes := &Changes{Tenant: now.Tenant, At: at, Added: d.causes.added, Removed: d.causes.removed,
		SchemaChanged: before.vocabulary != now.vocabulary, People: len(d.users) - 1}
	if len(changes.Added) == 0 && len(changes.Removed) == 0 && !changes.SchemaChanged {
		return changes, nil
	}
	all, err := d.run(ctx, asked{at: at})
	if err != nil {
		return nil, err
	}
	changes.Gains, changes.Losses = split(all)
	for _, from := range addresses(before.ownFacts(), now.ownFacts())[1:] {
		if changes.Networks, _, err = d.vary(ctx, changes.Networks, all, asked{at: at, from: from}); err != nil {
			return nil, err
		}
	}
	instants := borders(at, changes.Added, changes.Removed)
	for _, later := range instants[:min(o.Later, len(instants))] {
		if changes.Later, all, err = d.vary(ctx, changes.Later, all, asked{at: later}); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// vary adds what is otherwise than before for those who ask at another time or from elsewhere.
func (d *differ) vary(ctx context.Context, to []Variation, before []Change, a asked) ([]Variation, []Change, error) {
	here, err := d.run(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	v := Variation{At: a.at, Over: without(before, here)}
	if a.from.IsValid() {
		v.From = &a.from
	}
	if v.Gains, v.Losses = split(without(here, before)); len(v.Gains)+len(v.Losses)+len(v.Over) > 0 {
		to = append(to, v)
	}
	return to, here, nil
}

func split(all []Change) (gains, losses []Change) {
	for _, c := range all {
		if c.gain() {
			gains = append(gains, c)
		} else {
			losses = append(losses, c)
		}
	}
	return gains, losses
}

func (c Change) gain() bool { return c.To > c.From }

// without is the changes that others do not have.
func without(all, others []Change) (rest []Change) {
	type id struct {
		withAction
		fields   string
		from, to model.FieldLevel
	}
	idOf := func(c Change) id { return id{c.withAction(), strings.Join(c.Fields, "\n"), c.From, c.To} }
	known := map[id]bool{}
	for _, c := range others {
		known[idOf(c)] = true
	}
	for _, c := range all {
		if !known[idOf(c)] {
			rest = append(rest, c)
		}
	}
	return rest
}

// compare orders changes by what they are about, and then by the people.
func (c Change) compare(o Change) int {
	return cmp.Or(cmp.Compare(c.Type, o.Type), cmp.Compare(c.Action, o.Action), slices.Compare(c.Fields, o.Fields),
		cmp.Compare(c.From, o.From), cmp.Compare(c.To, o.To),
		-cmp.Compare(len(c.People), len(o.People)), cmp.Compare(c.where, o.where), slices.Compare(c.People, o.People))
}

// differ compares two policies for one user after another.
type differ struct {
	before, now *compiled
	users       []string
	causes      *causes
	options     Options
}

// found is a change for one user.
type found struct {
	changeKey
	fields  []string
	is      Where
	because []model.Fact
	example *model.Record
}

// changeKey is what the changes of people that are gathered have in common.
type changeKey struct {
	typ, action, field string
	from, to           model.FieldLevel
	where              string
}

// ofUser is all changes for a user, and the groups that she is in before and now.
type ofUser struct {
	changes []found
	groups  [2][]string
}

func (d *differ) run(ctx context.Context, a asked) ([]Change, error) {
	all := make([]ofUser, len(d.users))
	err := d.options.each(ctx, len(d.users), func(i int) (err error) {
		all[i], err = d.compare(d.users[i], a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.gather(all), nil
}

// compare compares what one user may do.
func (d *differ) compare(user string, a asked) (of ofUser, err error) {
	before, now := newViews(d.before, d.now, user, a)
	of.groups = [2][]string{before.Groups(), now.Groups()}
	c := comparison{before, now, func(x difference) {
		w := x.of.where(x.cubes)
		f := found{changeKey{x.typ, x.action, "", x.from, x.to, w.key()}, x.fields, w, nil, x.of.example(x.cubes[0])}
		f.because = d.causes.of(before, now, x, f.example)
		of.changes = append(of.changes, f)
	}}
	return of, c.run()
}

// gather puts the people together that have a change in common, and then the fields that
// people have it of.
func (d *differ) gather(all []ofUser) []Change {
	byKey := map[changeKey]*Change{}
	for i, of := range all {
		for _, f := range of.changes {
			for _, f.field = range orNone(f.fields) {
				c := byKey[f.changeKey]
				if c == nil {
					c = &Change{Type: f.typ, Action: f.action, From: f.from, To: f.to, Where: f.is, where: f.where, Example: Example{nameOf(d.users[i]), f.example}}
					if f.field != "" {
						c.Fields = []string{f.field}
					}
					byKey[f.changeKey] = c
				}
				c.People = append(c.People, nameOf(d.users[i]))
				c.Because = addFacts(c.Because, f.because)
			}
		}
	}
	changes := make([]Change, 0, len(byKey))
	for _, c := range gatherFields(byKey) {
		changes = append(changes, *c)
	}
	slices.SortFunc(changes, Change.compare)
	d.nameGroups(changes, all)
	return changes
}

// orNone is fields, or the one without a name for none.
func orNone(fields []string) []string {
	if fields == nil {
		return []string{""}
	}
	return fields
}

// gatherFields puts the fields together that the same people have a change in common of.
func gatherFields(byKey map[changeKey]*Change) []*Change {
	type alike struct {
		changeKey
		people string
	}
	var changes []*Change
	byPeople := map[alike]*Change{}
	for _, key := range slices.SortedFunc(maps.Keys(byKey), func(a, b changeKey) int { return cmp.Compare(a.field, b.field) }) {
		c := byKey[key]
		key.field = ""
		of := alike{key, strings.Join(c.People, "\n")}
		if c.Fields == nil {
			changes = append(changes, c)
		} else if o := byPeople[of]; o != nil {
			o.Fields = append(o.Fields, c.Fields...)
			o.Because = addFacts(o.Because, c.Because)
		} else {
			byPeople[of] = c
			changes = append(changes, c)
		}
	}
	return changes
}

// addFacts adds facts that are not there yet, in the order of their lines.
func addFacts(to Facts, more []model.Fact) Facts {
	for _, f := range more {
		i, there := slices.BinarySearchFunc(to, f, compareFacts)
		if !there {
			to = slices.Insert(to, i, f)
		}
	}
	return to
}

func compareFacts(a, b model.Fact) int { return cmp.Compare(a.String(), b.String()) }

// nameGroups finds for each change the smallest group that all its people are in.
func (d *differ) nameGroups(changes []Change, all []ofUser) {
	number := map[string]int{}
	var members [2]map[string]int
	for side := range members {
		members[side] = map[string]int{}
		for i, of := range all {
			number[nameOf(d.users[i])] = i
			for _, g := range of.groups[side] {
				members[side][g]++
			}
		}
	}
	for i := range changes {
		c, side := &changes[i], 0
		if c.gain() {
			side = 1
		}
		if len(c.People) < 2 {
			continue
		}
		common := slices.Clone(all[number[c.People[0]]].groups[side])
		for _, u := range c.People[1:] {
			of := all[number[u]].groups[side]
			common = slices.DeleteFunc(common, func(g string) bool { return !slices.Contains(of, g) })
		}
		if len(common) > 0 {
			c.Group = slices.MinFunc(common, func(a, b string) int {
				return cmp.Or(cmp.Compare(members[side][a], members[side][b]), cmp.Compare(a, b))
			})
			c.Of = members[side][c.Group]
		}
	}
}
