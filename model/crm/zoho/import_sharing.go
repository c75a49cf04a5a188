package zoho

import (
	"path"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model/crm"
)

func (i *importer) dataSharing() {
	at, module, share, portals := i.here(), "", "", false
	for key := range i.j.Object {
		switch key {
		case "module":
			module = i.apiName()
		case "share_type":
			share = i.j.Text()
		case "public_in_portals":
			portals = i.j.Flag()
		default:
			i.skip("data sharing", key)
		}
	}
	if module == "" {
		i.j.Fail("data_sharing module", "", crm.ErrMalformed, "has no api_name")
		return
	}
	if _, ok := defaultLevels[share]; !ok {
		i.add(at, crm.Unknown, "data sharing", module, "the share type "+share+" is not known; it is taken for private")
		share = ""
	} else {
		i.add(at, crm.Taken, "data sharing", module, "")
	}
	if portals {
		i.add(at, crm.NotExpressible, "data sharing", module, "is public in portals; portal users are users like all others, with shares")
	}
	i.mod(module, func(m *Module) { m.Default = share })
}

type rawRule struct {
	place
	ref
	module, access, status, kind string
	from, to                     *rawSource
	criteria                     *Criteria
	superiors                    bool
}

func (i *importer) sharingRule() {
	r := rawRule{place: i.here()}
	for key := range i.j.Object {
		switch key {
		case "id":
			r.id = i.j.Text()
		case "name":
			r.name = i.j.Text()
		case "module":
			r.module = i.apiName()
		case "permission_type":
			r.access = i.j.Text()
		case "status":
			r.status = i.j.Text()
		case "type":
			r.kind = i.j.Text()
		case "superiors_allowed":
			r.superiors = i.j.Flag()
		case "criteria":
			r.criteria = i.criteria()
		case "shared_from":
			from := i.source()
			r.from = &from
		case "shared_to":
			to := i.source()
			r.to = &to
		default:
			i.skip("sharing rule", key)
		}
	}
	i.rules = append(i.rules, r)
}

// criteria reads {comparator, field, value} or {group_operator, group}; nil of null.
func (i *importer) criteria() *Criteria {
	x, some := Criteria{}, false
	for key := range i.j.Object {
		some = true
		switch key {
		case "comparator":
			x.Comparator = i.j.Text()
		case "field":
			x.Field = i.apiName()
		case "value":
			x.Value = i.j.IDs()
		case "group_operator":
			x.GroupOperator = strings.ToLower(i.j.Text())
		case "group":
			for range i.j.Array {
				if part := i.criteria(); part != nil {
					x.Group = append(x.Group, *part)
				}
			}
		default:
			i.skip("criteria", key)
		}
	}
	if !some {
		return nil
	}
	return &x
}

func (i *importer) resolveRules(n *names) {
	for _, r := range i.rules {
		name := r.String()
		leave := func(outcome crm.Outcome, why string) {
			i.add(r.place, outcome, "sharing rule", name, why+"; the rule is left out")
		}
		rule := SharingRule{Name: name, Module: r.module, SuperiorsAllowed: r.superiors, Access: r.access, Status: r.status}
		if r.from != nil && r.from.kind != "" {
			from := n.people(i, "sharing rule", name, *r.from)
			rule.From = &from
		}
		if r.to != nil {
			rule.To = n.people(i, "sharing rule", name, *r.to)
		}
		rule.Criteria = r.criteria
		if rule.Criteria != nil && r.kind == "Criteria_Based" {
			rule.From = nil
		}
		switch problem := i.problemOf(rule); {
		case r.module == "":
			leave(crm.Unknown, "it has no module")
		case !slices.Contains([]string{"read_only", "read_write", "read_write_delete"}, r.access):
			leave(crm.Unknown, "the permission "+r.access+" is not known")
		case !slices.Contains([]string{"", "active", "inactive"}, r.status):
			leave(crm.Unknown, "the status "+r.status+" is not known")
		case (rule.From == nil) == (rule.Criteria == nil):
			leave(crm.Ambiguous, "it has both an owner and criteria, or neither")
		case problem != "":
			leave(crm.NotExpressible, problem)
		default:
			i.mod(r.module, nil)
			i.o.Rules = append(i.o.Rules, rule)
			i.add(r.place, crm.Taken, "sharing rule", name, "")
		}
	}
}

// problemOf is what of a rule's criteria cannot be expressed.
func (i *importer) problemOf(r SharingRule) string {
	if r.Criteria == nil {
		return ""
	}
	return problem(i.ownersIn(r.Criteria), i.o.Modules[r.Module])
}

func problem(x *Criteria, m Module) string {
	if _, err := m.expression(x, 0); err != nil {
		return err.Error()
	}
	return ""
}

// ownersIn names owners in criteria as users are called.
func (i *importer) ownersIn(x *Criteria) *Criteria {
	for n := range x.Group {
		i.ownersIn(&x.Group[n])
	}
	if x.Field == ownerField && i.options.Users == "email" {
		for n, id := range x.Value {
			for _, u := range i.users {
				if u.id == id && u.email != "" {
					x.Value[n] = u.email
				}
			}
		}
	}
	return x
}

type rawTerritory struct {
	place
	ref
	above, manager ref
	access         string
	criteria       map[string]Criteria
}

// territoryModules are the modules whose criteria a territory has, by their keys.
var territoryModules = map[string]string{
	"account_rule_criteria": "Accounts", "deal_rule_criteria": "Deals", "lead_rule_criteria": "Leads", "contact_rule_criteria": "Contacts",
}

func (i *importer) territory() {
	t := rawTerritory{place: i.here(), criteria: map[string]Criteria{}}
	for key := range i.j.Object {
		switch module, ok := territoryModules[key]; {
		case ok:
			if x := i.criteria(); x != nil {
				t.criteria[module] = *x
			}
		case key == "id":
			t.id = i.j.Text()
		case key == "name":
			t.name = i.j.Text()
		case key == "reporting_to":
			t.above = i.ref()
		case key == "manager":
			t.manager = i.ref()
		case key == "permission_type":
			t.access = i.j.Text()
		default:
			i.skip("territory", key)
		}
	}
	i.territories = append(i.territories, t)
}

func (i *importer) resolveTerritories(n *names) {
	if len(i.territories) == 0 {
		return
	}
	for _, module := range []string{"Accounts", "Contacts", "Deals", "Leads"} {
		if _, ok := i.o.Modules[module]; ok {
			i.mod(module, func(m *Module) { m.Territories = true })
		}
	}
	called := make([]string, len(i.territories))
	for at, t := range i.territories {
		called[at] = i.call(n.territories, "territory", t.place, t.ref)
	}
	for at, t := range i.territories {
		i.resolveTerritory(called[at], t, n)
	}
	for name, t := range crm.Sorted(i.o.Territories) { // below one that was left out
		if _, ok := i.o.Territories[t.ReportsTo]; !ok && t.ReportsTo != "" {
			t.ReportsTo = ""
			t.Criteria = nil
			i.o.Territories[name] = t
			i.add(place{}, crm.Unknown, "territory", name, "is below one that was left out; no criteria assign records to it")
		}
	}
}

func (i *importer) resolveTerritory(name string, raw rawTerritory, n *names) {
	t := Territory{Access: raw.access}
	above, ok := n.territories.find(raw.above)
	if !ok && raw.above != (ref{}) || raw.access != "read_only" && raw.access != "read_write_delete" {
		i.add(raw.place, crm.Unknown, "territory", name, "the territory "+raw.above.String()+" above it is in no file, or the permission "+raw.access+" not known; it is left out")
		return
	}
	t.ReportsTo = above
	if raw.manager != (ref{}) {
		if t.Manager, ok = n.users.find(raw.manager); !ok {
			i.add(raw.place, crm.Unknown, "territory manager", raw.manager.String(), "of "+name+" is in no file")
		}
	}
	for _, u := range i.users {
		called, ok := n.users.byID[u.id]
		for _, in := range u.territories {
			if found, _ := n.territories.find(in.ref); ok && found == name {
				t.Users = append(t.Users, called)
				if in.manager && t.Manager == "" {
					t.Manager = called
				}
			}
		}
	}
	for module, x := range crm.Sorted(raw.criteria) {
		if !i.o.Modules[module].Territories {
			i.add(raw.place, crm.Unknown, "territory criteria", name+" "+module, "the module is in no file")
			continue
		}
		if why := problem(i.ownersIn(&x), i.o.Modules[module]); why != "" {
			i.add(raw.place, crm.NotExpressible, "territory criteria", name+" "+module, why+": records are in it, and in those below it, as their attribute says only")
			x = Criteria{Field: territoriesAttr, Comparator: "equal", Value: Values{name}}
		}
		if t.Criteria == nil {
			t.Criteria = map[string]Criteria{}
		}
		t.Criteria[module] = x
	}
	i.o.Territories[name] = t
	i.add(raw.place, crm.Taken, "territory", name, "")
}

type rawLock struct {
	place
	module, kind, lockedFor string
	rules                   []Criteria
	actions, fields         []string
	profiles                []ref
}

func (i *importer) lock() {
	l := rawLock{place: i.here(), module: i.moduleOfFile()}
	for key := range i.j.Object {
		switch key {
		case "lock_type":
			l.kind = i.j.Text()
		case "locked_for":
			l.lockedFor = i.j.Text()
		case "restricted_actions", "restricted_communications":
			l.actions = append(l.actions, i.j.Any()...)
		case "excluded_fields":
			for range i.j.Array {
				l.fields = append(l.fields, i.apiName())
			}
		case "lock_excluded_profiles":
			for range i.j.Array {
				l.profiles = append(l.profiles, i.ref())
			}
		case "locking_rules":
			for range i.j.Array {
				for key := range i.j.Object {
					if key != "criteria" {
						i.skip("locking rule", key)
					} else if x := i.criteria(); x != nil {
						l.rules = append(l.rules, *x)
					}
				}
			}
		default:
			i.skip("lock", key)
		}
	}
	i.locks = append(i.locks, l)
}

// lockActions are Zoho's words for what a locked record refuses.
var lockActions = map[string]string{"update": "edit"}

func (i *importer) resolveLocks(n *names) {
	for _, raw := range i.locks {
		i.mod(raw.module, nil)
		m := i.o.Modules[raw.module]
		if m.Lock != nil {
			i.add(raw.place, crm.Ambiguous, "lock", raw.module, "has several; the first is taken")
			continue
		}
		l := &Lock{Type: "manual"}
		for _, a := range raw.actions {
			if word, ok := lockActions[a]; ok {
				a = word
			}
			if _, ok := verbs[a]; ok && a != "view" && !slices.Contains(l.Actions, a) {
				l.Actions = append(l.Actions, a)
			} else {
				i.add(raw.place, crm.Unknown, "locked action", a, "of "+raw.module)
			}
		}
		for _, f := range raw.fields {
			if _, ok := m.Fields[f]; ok {
				l.ExcludedFields = append(l.ExcludedFields, f)
			} else {
				i.add(raw.place, crm.Unknown, "lock excluded field", raw.module+"."+f, "is in no file; it is locked, too")
			}
		}
		for _, p := range raw.profiles {
			if name, ok := n.profiles.find(p); ok && raw.lockedFor != "all_profiles" {
				l.ExcludedProfiles = append(l.ExcludedProfiles, name)
			} else {
				i.add(raw.place, crm.Unknown, "lock excluded profile", p.String(), "is in no file, or none is excluded; records are locked for it, too")
			}
		}
		i.lockRules(l, raw, m)
		if len(l.Actions) == 0 {
			i.add(raw.place, crm.NotExpressible, "lock", raw.module, "refuses no action that is known")
			continue
		}
		i.mod(raw.module, func(m *Module) { m.Lock = l })
		i.add(raw.place, crm.Taken, "lock", raw.module, "")
	}
}

// lockRules takes over criteria; where one cannot be expressed, Locked__s must tell of these locks, too.
func (i *importer) lockRules(l *Lock, raw rawLock, m Module) {
	manual := raw.kind != "automatic"
	for n := range raw.rules {
		if why := problem(i.ownersIn(&raw.rules[n]), m); why != "" {
			manual = true
			i.add(raw.place, crm.NotExpressible, "locking rule", raw.module, why+": the record's attribute "+lockedAttr+" must tell of this lock")
			continue
		}
		l.Rules = append(l.Rules, raw.rules[n])
		i.add(raw.place, crm.Taken, "locking rule", raw.module, "")
	}
	switch {
	case len(l.Rules) == 0:
		l.Type = "manual"
	case manual:
		l.Type = "both"
	default:
		l.Type = "automatic"
	}
}

type rawShare struct {
	rawSource
	module, record, access, kind string
	through                      string // the record whose share it came with
	related                      bool
}

func (i *importer) share() {
	s := rawShare{}
	at, through := i.here(), ref{}
	s.record = i.moduleOfFile()
	s.module = path.Base(path.Dir(i.file))
	for key := range i.j.Object {
		switch key {
		case "shared_with", "user":
			s.rawSource = i.source()
			if key == "user" && s.rawSource.kind == "" {
				s.rawSource.kind = "users"
			}
		case "share_related_records":
			s.related = i.j.Flag()
		case "shared_through":
			through = i.ref()
		case "permission":
			s.access = i.j.Text()
		case "type":
			s.kind = i.j.Text()
		default:
			i.skip("share", key)
		}
	}
	s.place, s.through = at, through.id
	if s.kind == "public" {
		s.rawSource.kind = "public"
	}
	i.shares = append(i.shares, s)
}

func (i *importer) resolveShares(n *names) {
	for _, s := range i.shares {
		what := s.module + "/" + s.record
		switch {
		case s.module == "." || s.module == "":
			i.add(s.place, crm.Unknown, "share", s.record, "the file's folder names no module; it is left out")
		case !slices.Contains([]string{"read_only", "read_write", "full_access"}, s.access):
			i.add(s.place, crm.Unknown, "share", what, "the permission "+s.access+" is not known; it is left out")
		case s.through != "" && s.through != s.record:
			i.add(s.place, crm.NotExpressible, "share", what, "it came with the share of "+s.through+", whose related lists carry it")
		default:
			with := n.people(i, "share", what, s.rawSource)
			i.mod(s.module, nil)
			i.o.Shares = append(i.o.Shares, Share{Module: s.module, Record: s.record, With: with, Access: s.access, Related: s.related})
			i.add(s.place, crm.Taken, "share", what, "")
		}
	}
}
