package authz

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// onRecords asks, of each record, those for whom an impact tells of an action to records of its type.
func (a *Authorizer) onRecords(ctx context.Context, d draft, p *previewing, i *Impact) error {
	r := recordPreview{tenant: d.Tenant, at: p.At, users: map[[2]string]map[string]bool{}}
	var err error
	if r.sides[0], err = a.compileLines(d.Tenant, d.revision, d.Lines, d.Base); err != nil {
		return err
	}
	lines, base := d.After()
	if r.sides[1], err = a.compileLines(d.Tenant, d.revision, lines, base); err != nil {
		return err
	}
	for _, x := range slices.Concat(i.Gains, i.Losses) {
		r.add(x)
	}
	for record := range p.records {
		if err := ctx.Err(); err != nil {
			return err
		}
		i.OfRecords++
		on, err := r.ask(record)
		if err != nil {
			return err
		}
		if len(on.Gains)+len(on.Losses) > 0 {
			i.Records = append(i.Records, on)
		}
	}
	return nil
}

// compileLines compiles a tenant's policy of lines.
func (a *Authorizer) compileLines(name string, at Revision, lines, base []model.Line) (*engine.Snapshot, error) {
	var linked *engine.Snapshot
	if len(base) > 0 {
		var err error
		if linked, err = engine.Compile(a.engine, nil, model.Base, 1, base); err != nil {
			return nil, err
		}
	}
	return engine.Compile(a.newTenant(name).schema, linked, name, at, lines)
}

// recordPreview asks about records before and behind a change.
type recordPreview struct {
	tenant string
	sides  [2]*engine.Snapshot
	at     time.Time
	users  map[[2]string]map[string]bool // to ask for, by type and action
}

func (r *recordPreview) add(x impact.Difference) {
	of := [2]string{x.Type, x.Action}
	if r.users[of] == nil {
		r.users[of] = map[string]bool{}
	}
	for _, user := range x.People {
		if user == impact.Anyone {
			user = engine.Stranger
		}
		r.users[of][user] = true
	}
}

// recordChange is what some people gain or lose of a record.
type recordChange struct {
	action, field string
	from, to      model.FieldLevel
}

// ask asks about a record.
func (r *recordPreview) ask(record *Record) (on impact.Record, err error) {
	if record == nil {
		return on, model.ErrNoFacts
	}
	people := map[recordChange][]string{}
	for of, users := range r.users {
		if of[0] != record.Type {
			continue
		}
		names := slices.Collect(maps.Keys(users))
		if users[engine.Stranger] {
			names = append(names, ownersOf(record)...)
		}
		slices.Sort(names)
		for _, user := range slices.Compact(names) {
			if err := r.askFor(user, of[1], record, people); err != nil {
				return on, err
			}
		}
	}
	on.Type, on.ID = record.Type, record.ID
	for c, names := range people {
		d := impact.Difference{People: names, Type: record.Type, Action: c.action, From: c.from, To: c.to}
		if c.field != "" {
			d.Fields = []string{c.field}
		}
		if d.Gain() {
			on.Gains = append(on.Gains, d)
		} else {
			on.Losses = append(on.Losses, d)
		}
	}
	order := func(a, b impact.Difference) int {
		return cmp.Or(cmp.Compare(a.Action, b.Action), slices.Compare(a.Fields, b.Fields), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}
	slices.SortFunc(on.Gains, order)
	slices.SortFunc(on.Losses, order)
	return on, nil
}

// askFor asks whether a user may do an action to a record, before and behind; and if both, of the fields.
func (r *recordPreview) askFor(user, action string, record *Record, people map[recordChange][]string) error {
	name := user
	if user == engine.Stranger {
		name = impact.Anyone
	}
	req := Request{Tenant: r.tenant, User: user, Action: action, Record: record, At: r.at}
	clock := func() time.Time { return r.at }
	var levels [2]*engine.Levels
	for i, s := range r.sides {
		v, err := s.DecideFor(engine.User{}, &req, clock)
		if err == nil && v.Allowed() {
			levels[i], err = s.FieldLevels(engine.User{}, &req, true, nil, clock)
		}
		if err != nil {
			return err
		}
	}
	switch before, now := levels[0], levels[1]; {
	case before == nil && now == nil:
	case before == nil:
		c := recordChange{action, "", model.FieldHidden, model.FieldWrite}
		people[c] = append(people[c], name)
	case now == nil:
		c := recordChange{action, "", model.FieldWrite, model.FieldHidden}
		people[c] = append(people[c], name)
	default:
		for field, from := range before.All {
			if to := now.Of(field); from != to {
				c := recordChange{action, field, from, to}
				people[c] = append(people[c], name)
			}
		}
	}
	return nil
}
