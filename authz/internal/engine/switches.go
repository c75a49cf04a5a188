package engine

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/crmauthz/crmauthz/model"
)

// switches are the switches of a tenant that decisions ask about themselves; those of
// groups, rules and memberships are in the snapshot's memberships and rules.
type switches struct {
	facts   map[string][]model.Switch // all there are, by target
	tenant  []toggle
	users   map[string][]toggle            // by name
	types   map[string][]toggle            // by type, or Any
	records map[string]map[string][]toggle // by type and id
	fields  map[string][]fieldToggle       // by type
}

// toggle is a switch that decisions ask about.
type toggle struct {
	mode     model.Mode
	valid    model.Period
	unit     string   // of a type: only records of this unit and below
	people   []uint32 // users and groups, and
	networks []netip.Prefix
	fields   []model.Target // that are open, too, in an open tenant
}

// fieldToggle is the switch of a field.
type fieldToggle struct {
	toggle
	field string // or Any
	id    string // of the only record; empty: of all
}

// newToggle is what decisions ask of a switch.
func newToggle(f model.Switch, intern func(string) uint32) toggle {
	t := toggle{mode: f.Mode, valid: f.Valid, networks: f.Except.Networks(), fields: f.Except.Fields()}
	for _, name := range f.Except.Subjects() {
		t.people = append(t.people, intern(name))
	}
	return t
}

// add adds a switch that is of no group and no rule.
func (s *switches) add(f model.Switch, intern func(string) uint32) {
	t := newToggle(f, intern)
	if f.Target == model.Any {
		s.tenant = append(s.tenant, t)
		return
	}
	if model.KindOf(f.Target) == model.User {
		put(&s.users, f.Target, append(s.users[f.Target], t))
		return
	}
	on, err := model.ParseTarget(f.Target)
	switch {
	case err != nil: // refused when it was decoded
	case on.Field != "":
		put(&s.fields, on.Type, append(s.fields[on.Type], fieldToggle{t, on.Field, on.ID}))
	case on.ID != "":
		of := s.records[on.Type]
		put(&of, on.ID, append(of[on.ID], t))
		put(&s.records, on.Type, of)
	default:
		t.unit = on.Unit
		put(&s.types, on.Type, append(s.types[on.Type], t))
	}
}

// any tells whether a decision must ask.
func (s *switches) any() bool {
	return len(s.tenant)+len(s.users)+len(s.types)+len(s.records)+len(s.fields) > 0
}

// Switches are the switches of a target.
func (s *Snapshot) Switches(target string) []model.Switch { return s.switches.facts[target] }

// AllSwitches are all switches of the tenant, in no order.
func (s *Snapshot) AllSwitches() []model.Switch {
	return slices.Concat(slices.Collect(maps.Values(s.switches.facts))...)
}

// Dated tells whether some switch begins or ends by itself.
func (s *Snapshot) Dated() bool { return s.dated }

// Opens tells whether the tenant is or may become open.
func (s *Snapshot) Opens() bool { return s.opens }

// gate is what the switches say (rules 3, 4 and 5 of package authz): a reason that denies,
// ReasonOpen, or none.
func (q *question) gate(req *model.Request) model.Reason {
	open, mayPass := false, false
	for i := range q.switches.tenant {
		t := &q.switches.tenant[i]
		if q.action.administers || t.mode == model.ModeOpen && q.typ.builtIn {
			continue
		}
		if t.mode == model.ModeOpen {
			if t.valid.Holds(q.at) && t.valid.Holds(q.now) {
				open, mayPass = true, mayPass || t.isForAll() || q.isExcepted(req, t)
			}
		} else if (t.mode == model.ModeLocked || !q.action.reading) && q.isOn(req, t) {
			return model.ReasonTenant
		}
	}
	for i, users := 0, q.switches.users[req.User]; i < len(users); i++ {
		if q.isOn(req, &users[i]) {
			return model.ReasonSubjectOff
		}
	}
	switch {
	case q.targetOff(req):
		return model.ReasonTargetOff
	case open && mayPass && q.who != q.nobody: // who has no fact here may be of another tenant
		return model.ReasonOpen
	case open:
		return model.ReasonTenant
	}
	return noReason
}

// noReason is that of a gate that lets the rules decide.
const noReason = model.ReasonError

func (t *toggle) isForAll() bool { return len(t.people)+len(t.networks) == 0 }

// inPeriod tells whether a switch that closes something is in force by its period. Once it has begun, a
// clock that is set back ends nothing.
func (q *question) inPeriod(p model.Period) bool {
	return (p.From.IsZero() || !q.begun.Before(p.From)) && (p.Until.IsZero() || q.at.Before(p.Until))
}

// isOn tells whether a switch is in force for the user.
func (q *question) isOn(req *model.Request, t *toggle) bool {
	return q.inPeriod(t.valid) && !q.isExcepted(req, t)
}

// isExcepted tells whether the user is among a switch's exceptions.
func (q *question) isExcepted(req *model.Request, t *toggle) bool {
	switch {
	case t.isForAll():
		return false
	case len(t.people) > 0 && !slices.ContainsFunc(t.people, q.who.in):
		return false
	}
	from := req.Address.Unmap()
	return len(t.networks) == 0 || slices.ContainsFunc(t.networks, func(n netip.Prefix) bool { return n.Contains(from) })
}

// targetOff tells whether the type or the record is switched off for the action.
func (q *question) targetOff(req *model.Request) bool {
	for _, name := range [2]string{q.typ.name, model.Any} {
		for i, types := 0, q.switches.types[name]; i < len(types); i++ {
			t := &types[i]
			concerns := t.unit == "" || req.Record != nil && q.within(req.Record.Unit, t.unit)
			if concerns && q.denies(req, t) {
				return true
			}
		}
	}
	if req.Record == nil {
		return false
	}
	for i, records := 0, q.switches.records[q.typ.name][req.Record.ID]; i < len(records); i++ {
		if q.denies(req, &records[i]) {
			return true
		}
	}
	return false
}

// denies tells whether the switch of a type or record denies the action.
func (q *question) denies(req *model.Request, t *toggle) bool {
	return (t.mode == model.ModeOff || !q.action.reading) && q.isOn(req, t)
}

// fieldLimit is the most that switches leave of a field. every: of that of every record.
func (q *question) fieldLimit(req *model.Request, f *field, every bool) model.FieldLevel {
	limit := model.FieldWrite
	for i, fields := 0, q.switches.fields[q.typ.name]; i < len(fields); i++ {
		t := &fields[i]
		if t.field != f.name && t.field != model.Any {
			continue
		}
		q.varied = true
		if !every && t.id != "" && (req.Record == nil || req.Record.ID != t.id) || !q.isOn(req, &t.toggle) {
			continue
		}
		if t.mode == model.ModeReadOnly {
			limit = min(limit, model.FieldRead)
		} else {
			limit = model.FieldHidden
		}
	}
	return limit
}

// opensField tells whether an open tenant opens a closed field for the user.
func (q *question) opensField(req *model.Request, f *field) bool {
	if !q.opens {
		return false
	}
	q.varied = true
	return q.gate(req) == model.ReasonOpen && slices.ContainsFunc(q.switches.tenant, func(t toggle) bool {
		return t.mode == model.ModeOpen && t.valid.Holds(q.at) && t.valid.Holds(q.now) && slices.Contains(t.fields, model.OnField(q.typ.name, f.name))
	})
}

// offSwitch is the switch of a group, rule or membership.
type offSwitch struct {
	valid  model.Period
	except int // the number of its exceptions in Snapshot.excepted, from 1; 0: it is for all
}

// always tells whether one of the switches is always in force, for all.
func always(switches []offSwitch) bool {
	return slices.ContainsFunc(switches, func(s offSwitch) bool { return s.valid.Always() && s.except == 0 })
}

// anyIsOn tells whether one of the switches is in force for who asks.
func (q *question) anyIsOn(switches []offSwitch) bool {
	for _, s := range switches {
		if q.inPeriod(s.valid) && !q.lifted.has(s.except) {
			return true
		}
	}
	return false
}
