package analysis

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/model"
)

// Diff tells who gains and loses what when the policy before becomes the policy now.
// It is exact over all people that a fact names and anyone else, all types, actions and
// fields, all records, and all that conditions can come to of them.
//
// Errors are a *model.ValueError of a policy that is not well formed, an ErrTooMany, and those
// of the context.
func Diff(ctx context.Context, before, now Policy, o Options) (*impact.Impact, error) {
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

func diff(ctx context.Context, before, now *compiled, o Options) (*impact.Impact, error) {
	return newDiffer(before, now, o).impact(ctx, before.Vocabulary != now.Vocabulary)
}

func newDiffer(before, now *compiled, o Options) *differ {
	was, is := setOf(before), setOf(now)
	var added, removed impact.Facts
	for f := range is {
		if !was[f] {
			added = append(added, f)
		}
	}
	for f := range was {
		if !is[f] {
			removed = append(removed, f)
		}
	}
	maps.Copy(is, was)
	all := people(before, now)
	return &differ{before: before, now: now, known: all, users: all, causes: newCauses(added, removed, maps.Keys(is)), options: o}
}

// impact compares at the instant, from all kinds of addresses, and at later instants.
func (d *differ) impact(ctx context.Context, schemaChanged bool) (*impact.Impact, error) {
	at := d.options.at()
	of := &impact.Impact{Tenant: d.now.Tenant, At: at, Added: d.causes.added, Removed: d.causes.removed,
		SchemaChanged: schemaChanged, People: len(d.known) - 1}
	if len(of.Added) == 0 && len(of.Removed) == 0 && !schemaChanged {
		return of, nil
	}
	all, err := d.run(ctx, asked{at: at})
	if err != nil {
		return nil, err
	}
	of.Gains, of.Losses = split(all)
	for _, from := range addresses(d.before.ownFacts(), d.now.ownFacts())[1:] {
		if of.Networks, _, err = d.vary(ctx, of.Networks, all, asked{at: at, from: from}); err != nil {
			return nil, err
		}
	}
	instants := borders(at, of.Added, of.Removed)
	for _, later := range instants[:min(d.options.Later, len(instants))] {
		if of.Later, all, err = d.vary(ctx, of.Later, all, asked{at: later}); err != nil {
			return nil, err
		}
	}
	return of, nil
}

// vary adds what is otherwise than before for those who ask at another time or from elsewhere.
func (d *differ) vary(ctx context.Context, to []impact.Variation, before []impact.Difference, a asked) ([]impact.Variation, []impact.Difference, error) {
	here, err := d.run(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	v := impact.Variation{At: a.at, Over: without(before, here)}
	if a.from.IsValid() {
		v.From = &a.from
	}
	if v.Gains, v.Losses = split(without(here, before)); len(v.Gains)+len(v.Losses)+len(v.Over) > 0 {
		to = append(to, v)
	}
	return to, here, nil
}

func split(all []impact.Difference) (gains, losses []impact.Difference) {
	for _, c := range all {
		if c.Gain() {
			gains = append(gains, c)
		} else {
			losses = append(losses, c)
		}
	}
	return gains, losses
}

// without is the changes that others do not have.
func without(all, others []impact.Difference) (rest []impact.Difference) {
	type id struct {
		typ, action, fields, people, where string
		from, to                           model.FieldLevel
	}
	idOf := func(d impact.Difference) id {
		return id{d.Type, d.Action, strings.Join(d.Fields, "\n"), strings.Join(d.People, "\n"), d.Where.Key(), d.From, d.To}
	}
	known := map[id]bool{}
	for _, d := range others {
		known[idOf(d)] = true
	}
	for _, d := range all {
		if !known[idOf(d)] {
			rest = append(rest, d)
		}
	}
	return rest
}

// differ compares two policies for one user after another.
type differ struct {
	before, now *compiled
	known       []string        // all people, and anyone else
	users       []string        // those among them who are compared
	types       map[string]bool // that are compared; nil: all
	brief       bool            // see comparison
	causes      *causes
	options     Options
}

// found is a change for one user.
type found struct {
	changeKey
	fields  []string
	is      impact.Where
	because []model.Fact
	example *model.Record
}

// changeKey is what the changes of people that are gathered have in common.
type changeKey struct {
	typ, action, field string
	from, to           model.FieldLevel
	where              string
}

func (d *differ) run(ctx context.Context, a asked) ([]impact.Difference, error) {
	all := make([][]found, len(d.users))
	err := d.options.each(ctx, len(d.users), func(i int) (err error) {
		all[i], err = d.compare(d.users[i], a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.gather(all, a), nil
}

// compare compares what one user may do.
func (d *differ) compare(user string, a asked) (all []found, err error) {
	before, now := newViews(d.before, d.now, user, a)
	c := comparison{before, now, d.types, d.brief, func(x difference) {
		w := impact.Where{{Whole: true}}
		if !x.whole {
			w = x.of.where(x.cubes)
		}
		f := found{changeKey{x.typ, x.action, "", x.from, x.to, w.Key()}, x.fields, w, nil, x.of.example(x.cubes[0])}
		f.because = d.causes.of(before, now, x, f.example)
		all = append(all, f)
	}}
	return all, c.run()
}
