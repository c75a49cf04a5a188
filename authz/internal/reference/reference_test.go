package reference

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/model"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// schema has a type for each way in which records hang together.
var schema = &model.Schema{
	Types: map[string]model.Type{
		"customer": {Actions: actions, Attributes: attributes, Fields: map[string]model.Field{
			"phone": {}, "note": {Default: model.FieldMasked}, "rank": {Default: model.FieldRead}, "name": {Default: model.FieldWrite},
		}},
		"contact": {Actions: actions, Attributes: attributes, Parent: model.Parent{Type: "customer", Cap: model.LevelWrite}},
		"file":    {Actions: actions, Parent: model.Parent{Type: "customer", Controlled: true}, Hierarchy: model.Hierarchy{By: model.ByLine, Level: model.LevelFull}},
		"memo":    {Actions: actions, Parent: model.Parent{Type: "customer"}},
		"folder":  {Actions: actions, Parent: model.Parent{Type: "folder", Cap: model.LevelFull}},
		"deal":    {Actions: actions, Attributes: attributes, Hierarchy: model.Hierarchy{By: model.ByLine, Level: model.LevelWrite, Depth: 1, Beyond: model.LevelRead, Holders: true}},
		"lead":    {Actions: actions, Hierarchy: model.Hierarchy{By: model.ByLine, Level: model.LevelFull}},
		"visit":   {Actions: actions, Hierarchy: model.Hierarchy{By: model.ByUnits, Level: model.LevelFull, Depth: 1, Holders: true}},
		"step":    {Actions: actions, Parent: model.Parent{Type: "lead", Cap: model.LevelRead}},
	},
	Conditions: map[string]string{
		"eu": `record.region == "EU"`, "reads": `action == "read"`, "zero": `1 / record.amount == 1`, "parent_eu": `record.parent.region == "EU"`,
		"office": `env.office`, "senior": `user.grade > 2`, "in_x": `member("team:x")`, "owner_in_a": `ownerIn("role:a")`, "owner_is_x": `ownerIn("team:x")`,
		"support": `teamRole("support")`, "updates": `holds("customer", "update")`, "own": `own()`, "not_own": `!own()`, "ann": `user.id == "user:ann"`,
	},
	CheckOnly: []string{"zero"},
	User:      map[string]model.AttrType{"grade": model.AttrInt},
	Env:       map[string]model.AttrType{"office": model.AttrBool},
}

var (
	actions = map[string]model.Action{
		"read": {Need: model.LevelRead}, "log": {Need: model.LevelRead, Writes: true}, "update": {Need: model.LevelWrite},
		"delete": {Need: model.LevelDelete}, "share": {Need: model.LevelFull},
	}
	attributes = map[string]model.AttrType{"region": model.AttrString, "amount": model.AttrInt}
)

// example is a sentence of the specification, a policy, a question and the answer.
type example struct {
	name   string
	policy string // lines as in Casbin's CSV; @ stands for the tenant acme
	q      model.Request
	field  string
	want   any // bool for a decision, model.Level, model.FieldLevel, or an error
}

func line(t testing.TB, text string) model.Line {
	t.Helper()
	columns := strings.Split(strings.ReplaceAll(text, " @,", " acme,"), ", ")
	if strings.HasSuffix(text, " @") {
		columns[len(columns)-1] = "acme"
	}
	l := model.Line{Section: model.Section(columns[0])}
	if copy(l.Values[:], columns[1:]) != l.Section.Columns() {
		t.Fatalf("line %q has %d values", text, len(columns)-1)
	}
	return l
}

// policy reads lines, and off(LINE) for a switch that names the line's rule.
func policy(t testing.TB, text string) (tenant, base []model.Line) {
	t.Helper()
	for _, s := range strings.Split(text, "\n") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		var l model.Line
		if rule, ok := strings.CutPrefix(s, "off: "); ok {
			l = line(t, "p4, "+line(t, rule).RuleID()+", @, off, -, -, -")
		} else {
			l = line(t, s)
		}
		if l.Tenant() == model.Base {
			base = append(base, l)
		} else {
			tenant = append(tenant, l)
		}
	}
	return tenant, base
}

func build(t testing.TB, text string) *Reference {
	t.Helper()
	set, err := condition.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	lines, base := policy(t, text)
	r, err := New(schema, set, "acme", lines, base, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// may is a question of Ann's about a record.
func may(action string, r *model.Record) model.Request {
	return model.Request{Tenant: "acme", User: "user:ann", Action: action, Record: r}
}

// mayType is a question of Ann's about a type.
func mayType(action, typ string) model.Request {
	return model.Request{Tenant: "acme", User: "user:ann", Action: action, Type: typ}
}

// rec is a record: rec("customer/1", "user:ann", "unit:a") with owners and unit.
func rec(target string, of ...string) *model.Record {
	typ, id, _ := strings.Cut(target, "/")
	r := &model.Record{Type: typ, ID: id}
	for _, s := range of {
		if model.KindOf(s) == model.Unit {
			r.Unit = s
		} else {
			r.Owners = append(r.Owners, s)
		}
	}
	return r
}

func in(parent, r *model.Record) *model.Record { r.Parent = parent; return r }

func region(v any, r *model.Record) *model.Record {
	r.Attrs = map[string]any{"region": v}
	return r
}

func amount(v any, r *model.Record) *model.Record {
	r.Attrs = map[string]any{"amount": v}
	return r
}

// nested is a record with n parents of its own type, the last of them Ann's.
func nested(n int) *model.Record {
	r := rec("folder/top", "user:ann")
	for range n {
		r = in(r, rec("folder/below"))
	}
	return r
}

// chain is n lines from one name to another; each is made by format.
func chain(n int, format, from, to string) string {
	var b strings.Builder
	last := from
	for i := 1; i <= n; i++ {
		next := fmt.Sprintf("%sn%d", to[:5], i)
		if i == n {
			next = to
		}
		fmt.Fprintf(&b, format+"\n", last, next)
		last = next
	}
	return b.String()
}

const (
	readAll = "p, *, @, *, read, allow, all\n"
	anyOne  = "p, *, @, *, *, allow, -\n" // what the level reaches
)

func by(user string, q model.Request) model.Request { q.User = user; return q }

func with(user, env map[string]any, q model.Request) model.Request {
	q.UserAttrs, q.Env = user, env
	return q
}

var customer = rec("customer/1")

// The examples follow the specification in package authz, number by number.
var examples = []example{
	// 1
	{"1 an unknown type is an error", readAll, mayType("read", "planet"), "", model.ErrUnknownType},
	{"1 an unknown action is an error", readAll, may("fly", customer), "", model.ErrUnknownAction},
	{"1 every action is no action to ask about", readAll, may("*", customer), "", model.ErrUnknownAction},
	{"1 an undeclared attribute is an error", readAll, may("read", &model.Record{Type: "customer", Attrs: map[string]any{"x": 1}}), "", model.ErrUnknownAttribute},
	{"1 an attribute of another type is an error", readAll, may("read", region(1, rec("customer/1"))), "", model.ErrMalformed},
	{"1 an undeclared attribute of the user is an error", readAll, with(map[string]any{"x": 1}, nil, may("read", customer)), "", model.ErrUnknownAttribute},
	{"1 a role does not ask", readAll, by("role:a", may("read", customer)), "", model.ErrUnknownKind},
	{"1 another tenant's question is an error", readAll, model.Request{Tenant: "other", User: "user:ann", Action: "read", Record: customer}, "", model.ErrUnknownTenant},
	{"1 another instant's question is an error", readAll, model.Request{Tenant: "acme", User: "user:ann", Action: "read", Record: customer, At: now.Add(1)}, "", model.ErrMalformed},
	{"1 an id without facts is an error", readAll, model.Request{Tenant: "acme", User: "user:ann", Action: "read", Type: "customer", ID: "1"}, "", model.ErrNoFacts},
	{"1 an unknown field is an error", readAll, may("read", customer), "fax", model.ErrUnknownField},
	{"1 an unknown field is an error where all is denied", "", may("read", customer), "fax", model.ErrUnknownField},
	{"1 64 parents are followed", anyOne, may("read", nested(64)), "", true},
	{"1 65 parents are an error", anyOne, may("read", nested(65)), "", model.ErrTooDeep},
	{"1 rules for everyone concern a user without facts", readAll, by("user:nobody", may("read", customer)), "", true},

	// 2
	{"2 a rule holds from its first instant", "p, *, @, *, read, allow, all from:2026-11-22T09:00:00Z", may("read", customer), "", true},
	{"2 a rule does not hold before", "p, *, @, *, read, allow, all from:2026-11-22T09:00:01Z", may("read", customer), "", false},
	{"2 a rule does not hold at its end", "p, *, @, *, read, allow, all until:2026-11-22T09:00:00Z", may("read", customer), "", false},
	{"2 a rule holds until its end", "p, *, @, *, read, allow, all until:2026-11-22T09:00:01Z", may("read", customer), "", true},
	{"2 a membership has a period", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, until:2026-11-22T09:00:00Z", may("read", customer), "", false},
	{"2 a switch names a rule", readAll + "off: " + readAll, may("read", customer), "", false},
	{"2 a switch has a period", readAll + "p4, " + "user:ann, @, off, 2026-11-22T09:00:01Z, -, -", may("read", customer), "", true},
	{"2 a switch names a forbidding rule", readAll + "p, *, @, *, read, deny, -\noff: p, *, @, *, read, deny, -", may("read", customer), "", true},
	{"2 a switch names a membership", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, -\noff: g, user:ann, role:a, @, -", may("read", customer), "", false},
	{"2 no switch turns an org edge off", anyOne + "g2, user:bob, user:ann, @\noff: g2, user:bob, user:ann, @", may("read", rec("lead/1", "user:bob")), "", true},
	{"2 no switch turns a switch off", readAll + "p4, user:ann, @, off, -, -, -\noff: p4, user:ann, @, off, -, -, -", may("read", customer), "", false},
	{"2 a base rule holds in the tenant", "p, *, *, *, read, allow, all", may("read", customer), "", true},
	{"2 a tenant switches a base rule off for itself", "p, *, *, *, read, allow, all\noff: p, *, *, *, read, allow, all", may("read", customer), "", false},
	{"2 to switch the tenant's like rule off leaves the base rule", readAll + "p, *, *, *, read, allow, all\noff: " + readAll, may("read", customer), "", true},
	{"2 a team rule can be off", anyOne + "p2, *, @, customer, read, -, -\noff: p2, *, @, customer, read, -, -", may("read", customer), "", false},

	{"2 a switch on a group has a period", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, -\np4, role:a, @, off, 2026-11-22T09:00:01Z, -, -", may("read", customer), "", true},
	{"2 a switch on a group ends", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, -\np4, role:a, @, off, -, 2026-11-22T09:00:00Z, -", may("read", customer), "", true},

	// 3
	{"3 a tenant locked down denies", readAll + "p4, *, @, locked, -, -, -", may("read", customer), "", false},
	{"3 a tenant is locked down for a time", readAll + "p4, *, @, locked, -, 2026-11-22T09:00:00Z, -", may("read", customer), "", true},
	{"3 a read-only tenant reads", readAll + "p4, *, @, read-only, -, -, -", may("read", customer), "", true},
	{"3 a read-only tenant does not update", "p, *, @, *, *, allow, all\np4, *, @, read-only, -, -, -", may("update", customer), "", false},
	{"3 an action that needs read and writes is no reading action", "p, *, @, *, *, allow, all\np4, *, @, read-only, -, -, -", may("log", customer), "", false},
	{"3 a tenant both read-only and locked down is locked down", readAll + "p4, *, @, read-only, -, -, -\np4, *, @, locked, -, -, -", may("read", customer), "", false},
	{"3 questions about types are denied too", readAll + "p4, *, @, locked, -, -, -", mayType("read", "customer"), "", false},

	// 4
	{"4 a user switched off is denied", readAll + "p4, user:ann, @, off, -, -, -", may("read", customer), "", false},
	{"4 another is not", readAll + "p4, user:bob, @, off, -, -, -", may("read", customer), "", true},

	// 5
	{"5 a rule for a role concerns its members", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, -", may("read", customer), "", true},
	{"5 and nobody else", "p, role:a, @, *, read, allow, all\ng, user:bob, role:a, @, -", may("read", customer), "", false},
	{"5 a role inherits a role", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, @, -", may("read", customer), "", true},
	{"5 a role does not hand up", "p, role:a, @, *, read, allow, all\ng, user:ann, role:b, @, -\ng, role:a, role:b, @, -", may("read", customer), "", false},
	{"5 a team has roles", "p, role:a, @, *, read, allow, all\ng, user:ann, team:x, @, -\ng, team:x, role:a, @, -", may("read", customer), "", true},
	{"5 a rule for a unit concerns its members", "p, unit:a, @, *, read, allow, all\ng, user:ann, unit:a, @, -", may("read", customer), "", true},
	{"5 an org edge between units is no membership", "p, unit:b, @, *, read, allow, all\ng, user:ann, unit:a, @, -\ng2, unit:a, unit:b, @", may("read", customer), "", false},
	{"5 role inheritance of the base policy counts", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, *, -", may("read", customer), "", true},
	{"5 a tenant switches base inheritance off", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, *, -\noff: g, role:a, role:b, *, -", may("read", customer), "", false},
	{"5 a group that is off is nobody's", "p, role:a, @, *, read, allow, all\ng, user:ann, role:a, @, -\np4, role:a, @, off, -, -, -", may("read", customer), "", false},
	{"5 the way through a group that is off is closed", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, @, -\np4, role:a, @, off, -, -, -", may("read", customer), "", false},
	{"5 another way stays open", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, @, -\ng, user:ann, role:b, @, -\np4, role:a, @, off, -, -, -", may("read", customer), "", true},
	{"5 a forbidding rule for a group that is off concerns nobody", readAll + "p, role:a, @, *, read, deny, -\ng, user:ann, role:a, @, -\np4, role:a, @, off, -, -, -", may("read", customer), "", true},
	{"5 64 memberships are followed", "p, role:z, @, *, read, allow, all\n" + chain(64, "g, %s, %s, @, -", "user:ann", "role:z"), may("read", customer), "", true},
	{"5 65 memberships are not", "p, role:z, @, *, read, allow, all\n" + chain(65, "g, %s, %s, @, -", "user:ann", "role:z"), may("read", customer), "", false},
	{"5 a cycle of groups ends", "p, role:b, @, *, read, allow, all\ng, user:ann, role:a, @, -\ng, role:a, role:b, @, -\ng, role:b, role:a, @, -", may("read", customer), "", true},
	{"5 a rule for the user concerns her", "p, user:ann, @, *, read, allow, all", may("read", customer), "", true},

	// 6
	{"6 an allowing rule holds with its condition", "p, *, @, *, read, allow, all if:eu", may("read", region("EU", rec("customer/1"))), "", true},
	{"6 and not without", "p, *, @, *, read, allow, all if:eu", may("read", region("US", rec("customer/1"))), "", false},
	{"6 what is missing does not allow", "p, *, @, *, read, allow, all if:eu", may("read", customer), "", false},
	{"6 what is nil does not allow", "p, *, @, *, read, allow, all if:eu", may("read", region(nil, rec("customer/1"))), "", false},
	{"6 a forbidding rule with its condition", readAll + "p, *, @, *, read, deny, if:eu", may("read", region("EU", rec("customer/1"))), "", false},
	{"6 a forbidding rule whose condition is known not to hold", readAll + "p, *, @, *, read, deny, if:eu", may("read", region("US", rec("customer/1"))), "", true},
	{"6 what is missing forbids", readAll + "p, *, @, *, read, deny, if:eu", may("read", customer), "", false},
	{"6 what is nil forbids", readAll + "p, *, @, *, read, deny, if:eu", may("read", region(nil, rec("customer/1"))), "", false},
	{"6 an error in a condition does not allow", "p, *, @, *, read, allow, all if:zero", may("read", amount(0, rec("customer/1"))), "", false},
	{"6 an error in a condition forbids", readAll + "p, *, @, *, read, deny, if:zero", may("read", amount(0, rec("customer/1"))), "", false},
	{"6 a condition on the action", "p, *, @, *, *, allow, all if:reads", may("update", customer), "", false},
	{"6 a condition on the environment", "p, *, @, *, read, allow, all if:office", with(nil, map[string]any{"office": true}, may("read", customer)), "", true},
	{"6 a condition on the user", "p, *, @, *, read, allow, all if:senior", with(map[string]any{"grade": 3}, nil, may("read", customer)), "", true},
	{"6 a condition on the parent record", "p, *, @, *, read, allow, all if:parent_eu", may("read", in(region("EU", rec("customer/1")), rec("contact/2"))), "", true},
	{"6 a team rule needs its condition", anyOne + "p2, *, @, customer, read, -, if:eu", may("read", customer), "", false},
	{"6 a field rule that allows needs its condition", readAll + "p3, *, @, customer#phone, read, allow, if:eu", may("read", customer), "phone", model.FieldHidden},
	{"6 a field rule that denies counts when its condition is unknown", readAll + "p3, *, @, customer#rank, read, deny, if:eu", may("read", customer), "rank", model.FieldMasked},
	{"6 and does not when it is known not to hold", readAll + "p3, *, @, customer#rank, read, deny, if:eu", may("read", region("US", rec("customer/1"))), "rank", model.FieldRead},
	{"6 member: a group of the user", "p, *, @, *, read, allow, all if:in_x\ng, user:ann, team:y, @, -\ng, team:y, team:x, @, -", may("read", customer), "", true},
	{"6 ownerIn: an owner's group", "p, *, @, *, read, allow, all if:owner_in_a\ng, user:bob, role:a, @, -", may("read", rec("customer/1", "user:cyd", "user:bob")), "", true},
	{"6 ownerIn: an owner itself", "p, *, @, *, read, allow, all if:owner_is_x", may("read", rec("customer/1", "team:x")), "", true},
	{"6 ownerIn: not the asker's group", "p, *, @, *, read, allow, all if:owner_in_a\ng, user:ann, role:a, @, -", may("read", rec("customer/1", "user:bob")), "", false},
	{"6 teamRole: a team rule on the one record", "p, *, @, *, read, allow, all if:support\np2, user:ann, @, customer/1, read, support, -", may("read", customer), "", true},
	{"6 teamRole: not one on the type", "p, *, @, customer, read, allow, all if:support\np2, user:ann, @, customer, read, support, -", may("read", customer), "", false},
	{"6 teamRole: not one with a condition", "p, *, @, *, read, allow, all if:support\np2, user:ann, @, customer/1, read, support, if:ann", may("read", customer), "", false},
	{"6 holds: an allowing rule on a unit", "p, *, @, *, read, allow, all if:updates\np, user:ann, @, customer@unit:a, update, allow, -", may("read", customer), "", true},
	{"6 holds: not one on a record", "p, *, @, *, read, allow, all if:updates\np, user:ann, @, customer/1, update, allow, -", may("read", customer), "", false},
	{"6 holds: not one with a condition", "p, *, @, *, read, allow, all if:updates\np, user:ann, @, customer, update, allow, if:ann", may("read", customer), "", false},
	{"6 holds: a forbidding rule with any condition counts", "p, *, @, *, read, allow, all if:updates\np, user:ann, @, customer, update, allow, -\np, *, @, *, update, deny, all if:eu", may("read", region("US", rec("customer/1"))), "", false},
	{"6 holds: a forbidding rule with a narrow scope does not", "p, *, @, *, read, allow, all if:updates\np, user:ann, @, customer, update, allow, -\np, *, @, *, update, deny, own", may("read", customer), "", true},
	{"6 own: an owner", "p, *, @, *, read, allow, all if:own", may("read", rec("customer/1", "user:ann")), "", true},
	{"6 own: a team's", "p, *, @, *, read, allow, all if:own\ng, user:ann, team:x, @, -", may("read", rec("customer/1", "team:x")), "", true},
	{"6 own is unknown without a record", "p, *, @, *, read, allow, all if:not_own", mayType("read", "customer"), "", false},

	// 7
	{"7 a rule on a type matches its records", "p, *, @, customer, read, allow, all", may("read", customer), "", true},
	{"7 and no others", "p, *, @, customer, read, allow, all", may("read", rec("lead/1")), "", false},
	{"7 a rule on a record matches it", "p, *, @, customer/1, read, allow, -", may("read", customer), "", true},
	{"7 and no other", "p, *, @, customer/1, read, allow, -", may("read", rec("customer/2")), "", false},
	{"7 nor one of another type", "p, *, @, customer/1, read, allow, -", may("read", rec("lead/1")), "", false},
	{"7 nor one without an id", "p, *, @, customer/1, read, allow, -", may("read", rec("customer")), "", false},
	{"7 a rule on a unit matches its records", "p, *, @, customer@unit:a, read, allow, all", may("read", rec("customer/1", "unit:a")), "", true},
	{"7 and those below", "p, *, @, customer@unit:c, read, allow, all\ng2, unit:a, unit:b, @\ng2, unit:b, unit:c, @", may("read", rec("customer/1", "unit:a")), "", true},
	{"7 not those above", "p, *, @, customer@unit:a, read, allow, all\ng2, unit:a, unit:b, @", may("read", rec("customer/1", "unit:b")), "", false},
	{"7 not those without a unit", "p, *, @, customer@unit:a, read, allow, all", may("read", customer), "", false},
	{"7 a rule on a unit matches every type", "p, *, @, *@unit:a, read, allow, all", may("read", rec("lead/1", "unit:a")), "", true},
	{"7 a unit that is off still has units below", "p, *, @, customer@unit:b, read, allow, all\ng2, unit:a, unit:b, @\np4, unit:b, @, off, -, -, -", may("read", rec("customer/1", "unit:a")), "", true},
	{"7 64 org edges lead to a unit", "p, *, @, *@unit:z, read, allow, all\n" + chain(64, "g2, %s, %s, @", "unit:a", "unit:z"), may("read", rec("customer/1", "unit:a")), "", true},
	{"7 65 do not", "p, *, @, *@unit:z, read, allow, all\n" + chain(65, "g2, %s, %s, @", "unit:a", "unit:z"), may("read", rec("customer/1", "unit:a")), "", false},

	// 8
	{"8 a forbidding rule beats an allowing one", readAll + "p, *, @, customer, read, deny, -", may("read", customer), "", false},
	{"8 one of the base policy too", readAll + "p, *, *, customer, read, deny, -", may("read", customer), "", false},
	{"8 one for every action too", readAll + "p, *, @, customer, *, deny, -", may("read", customer), "", false},
	{"8 not one for another action", readAll + "p, *, @, customer, update, deny, -", may("read", customer), "", true},
	{"8 not one for another user", readAll + "p, user:bob, @, customer, read, deny, -", may("read", customer), "", true},
	{"8 one on the record", readAll + "p, *, @, customer/1, read, deny, -", may("read", customer), "", false},
	{"8 a scope that covers the record forbids", readAll + "p, *, @, *, read, deny, own", may("read", rec("customer/1", "user:ann")), "", false},
	{"8 one that does not, does not", readAll + "p, *, @, *, read, deny, own", may("read", rec("customer/1", "user:bob")), "", true},
	{"8 no level lifts it", anyOne + "p, *, @, *, read, deny, -", may("read", rec("customer/1", "user:ann")), "", false},

	// 9
	{"9 no scope covers nothing", "p, *, @, *, read, allow, -", may("read", customer), "", false},
	{"9 the level reaches", "p, *, @, *, read, allow, -\np2, user:ann, @, customer, read, -, -", may("read", customer), "", true},
	{"9 a level too low does not", "p, *, @, *, update, allow, -\np2, user:ann, @, customer, read, -, -", may("update", customer), "", false},
	{"9 a level alone does not", "p2, user:ann, @, customer, full, -, -", may("read", customer), "", false},
	{"9 the level reaches where the scope does not cover", "p, *, @, *, read, allow, unit\np2, user:ann, @, customer, read, -, -", may("read", rec("customer/1", "unit:b")), "", true},
	{"9 a rule on the record needs no level", "p, user:ann, @, customer/1, share, allow, -", may("share", customer), "", true},

	// 10
	{"10 deny", "", may("read", customer), "", false},

	// Without a record
	{"type: a rule whatever its scope", "p, *, @, customer, read, allow, own", mayType("read", "customer"), "", true},
	{"type: a rule without a scope", "p, *, @, customer, read, allow, -", mayType("read", "customer"), "", true},
	{"type: a rule on a unit", "p, *, @, customer@unit:a, read, allow, -", mayType("read", "customer"), "", true},
	{"type: not a rule on a record", "p, *, @, customer/1, read, allow, -", mayType("read", "customer"), "", false},
	{"type: not one on another type", "p, *, @, lead, read, allow, -", mayType("read", "customer"), "", false},
	{"type: forbidden without a scope", readAll + "p, *, @, customer, read, deny, -", mayType("read", "customer"), "", false},
	{"type: forbidden with scope all", readAll + "p, *, @, *, read, deny, all", mayType("read", "customer"), "", false},
	{"type: not with a narrower scope", readAll + "p, *, @, *, read, deny, unit", mayType("read", "customer"), "", true},
	{"type: not on a unit", readAll + "p, *, @, customer@unit:a, read, deny, -", mayType("read", "customer"), "", true},
	{"type: not on a record", readAll + "p, *, @, customer/1, read, deny, -", mayType("read", "customer"), "", true},
	{"type: a condition on the record is unknown and forbids", readAll + "p, *, @, *, read, deny, if:eu", mayType("read", "customer"), "", false},

	// Scopes
	{"own: a team of hers", "p, *, @, *, read, allow, own\ng, user:ann, team:x, @, -", may("read", rec("customer/1", "team:x")), "", true},
	{"own: a team that hers is in", "p, *, @, *, read, allow, own\ng, user:ann, team:y, @, -\ng, team:y, team:x, @, -", may("read", rec("customer/1", "team:x")), "", true},
	{"own: not a team within hers", "p, *, @, *, read, allow, own\ng, user:ann, team:x, @, -\ng, team:y, team:x, @, -", may("read", rec("customer/1", "team:y")), "", false},
	{"own: not a team that is off", "p, *, @, *, read, allow, own\ng, user:ann, team:x, @, -\np4, team:x, @, off, -, -, -", may("read", rec("customer/1", "team:x")), "", false},
	{"own: one of several owners", "p, *, @, *, read, allow, own", may("read", rec("customer/1", "user:bob", "user:ann")), "", true},
	{"team: the owner is in her team", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -\ng, user:bob, team:x, @, -", may("read", rec("customer/1", "user:bob")), "", true},
	{"team: the owner is in a team nested in hers", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -\ng, user:bob, team:y, @, -\ng, team:y, team:x, @, -", may("read", rec("customer/1", "user:bob")), "", true},
	{"team: she is in the outer team only through another", "p, *, @, *, read, allow, team\ng, user:ann, team:y, @, -\ng, user:bob, team:x, @, -\ng, team:y, team:x, @, -", may("read", rec("customer/1", "user:bob")), "", false},
	{"team: the owning team", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -", may("read", rec("customer/1", "team:x")), "", true},
	{"team: the owning team, to forbid", readAll + "p, *, @, *, read, deny, team\ng, user:ann, team:x, @, -", may("read", rec("customer/1", "team:x")), "", false},
	{"team: not by way of an owning team that is off", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -\ng, team:y, team:x, @, -\np4, team:y, @, off, -, -, -", may("read", rec("customer/1", "team:y")), "", false},
	{"team: the owning team is nested in hers", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -\ng, team:y, team:x, @, -", may("read", rec("customer/1", "team:y")), "", true},
	{"team: not a shared role", "p, *, @, *, read, allow, team\ng, user:ann, role:a, @, -\ng, user:bob, role:a, @, -", may("read", rec("customer/1", "user:bob")), "", false},
	{"team: not one without a team", "p, *, @, *, read, allow, team", may("read", rec("memo/1", "user:bob")), "", false},
	{"team: not a team that is off", "p, *, @, *, read, allow, team\ng, user:ann, team:x, @, -\ng, user:bob, team:x, @, -\np4, team:x, @, off, -, -, -", may("read", rec("customer/1", "user:bob")), "", false},
	{"unit: hers", "p, *, @, *, read, allow, unit\ng, user:ann, unit:a, @, -", may("read", rec("customer/1", "unit:a")), "", true},
	{"unit: her team's", "p, *, @, *, read, allow, unit\ng, user:ann, team:x, @, -\ng, team:x, unit:a, @, -", may("read", rec("customer/1", "unit:a")), "", true},
	{"unit: not one below", "p, *, @, *, read, allow, unit\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @", may("read", rec("customer/1", "unit:a")), "", false},
	{"unit_tree: one below", "p, *, @, *, read, allow, unit_tree\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @", may("read", rec("customer/1", "unit:a")), "", true},
	{"unit_tree: hers", "p, *, @, *, read, allow, unit_tree\ng, user:ann, unit:b, @, -", may("read", rec("customer/1", "unit:b")), "", true},
	{"unit_tree: not one above", "p, *, @, *, read, allow, unit_tree\ng, user:ann, unit:a, @, -\ng2, unit:a, unit:b, @", may("read", rec("customer/1", "unit:b")), "", false},
	{"all", readAll, may("read", customer), "", true},

	// Levels
	{"level: none", "", may("read", customer), "", model.LevelNone},
	{"level: an owner's", "", may("read", rec("customer/1", "user:ann")), "", model.LevelFull},
	{"level: an owning team's", "g, user:ann, team:x, @, -", may("read", rec("customer/1", "team:x")), "", model.LevelFull},
	{"level: the highest team rule", "p2, *, @, customer, read, -, -\np2, user:ann, @, customer/1, delete, -, -\np2, user:ann, @, *, write, -, -", may("read", customer), "", model.LevelDelete},
	{"level: a team rule on a unit", "p2, *, @, customer@unit:b, write, -, -\ng2, unit:a, unit:b, @", may("read", rec("customer/1", "unit:a")), "", model.LevelWrite},
	{"level: from the parent, at most the cap", "", may("read", in(rec("customer/1", "user:ann"), rec("contact/2"))), "", model.LevelWrite},
	{"level: from the parent, less than the cap", "p2, *, @, customer, read, -, -", may("read", in(rec("customer/1"), rec("contact/2"))), "", model.LevelRead},
	{"level: a cap of none", "", may("read", in(rec("customer/1", "user:ann"), rec("memo/2"))), "", model.LevelNone},
	{"level: higher than the parent's", "", may("read", in(rec("customer/1"), rec("contact/2", "user:ann"))), "", model.LevelFull},
	{"level: nothing from a parent of another type", "", may("read", in(rec("lead/1", "user:ann"), rec("contact/2"))), "", model.LevelNone},
	{"level: the parent of a parent", "", may("read", nested(2)), "", model.LevelFull},
	{"level: a condition of a team rule sees the parent", "p2, *, @, customer, read, -, if:eu", may("read", in(region("EU", rec("customer/1")), region("US", rec("contact/2")))), "", model.LevelRead},
	{"level: controlled by the parent", "", may("read", in(rec("customer/1", "user:ann"), rec("file/2"))), "", model.LevelFull},
	{"level: the record's own counts for nothing when controlled", "p2, *, @, file, full, -, -\ng2, user:bob, user:ann, @", may("read", in(rec("customer/1"), rec("file/2", "user:ann", "user:bob"))), "", model.LevelNone},
	{"level: controlled by no parent", "p2, *, @, file, full, -, -", may("read", rec("file/2", "user:ann")), "", model.LevelNone},
	{"level: controlled by a parent of another type", "", may("read", in(rec("lead/1", "user:ann"), rec("file/2"))), "", model.LevelNone},

	// Hierarchy
	{"line: the owner's superior within the depth", "g2, user:bob, user:ann, @", may("read", rec("deal/1", "user:bob")), "", model.LevelWrite},
	{"line: beyond the depth", "g2, user:bob, user:cyd, @\ng2, user:cyd, user:ann, @", may("read", rec("deal/1", "user:bob")), "", model.LevelRead},
	{"line: the shortest way counts", "g2, user:bob, user:cyd, @\ng2, user:cyd, user:ann, @\ng2, user:bob, user:ann, @", may("read", rec("deal/1", "user:bob")), "", model.LevelWrite},
	{"line: any distance with depth 0", "g2, user:bob, user:cyd, @\ng2, user:cyd, user:ann, @", may("read", rec("lead/1", "user:bob")), "", model.LevelFull},
	{"line: nothing for those below", "g2, user:ann, user:bob, @", may("read", rec("lead/1", "user:bob")), "", model.LevelNone},
	{"line: a member of the owning team", "g2, user:bob, user:ann, @\ng, user:bob, team:x, @, -", may("read", rec("lead/1", "team:x")), "", model.LevelFull},
	{"line: a holder's level at most", "g2, user:bob, user:ann, @\np2, user:bob, @, deal/1, read, -, -", may("read", rec("deal/1")), "", model.LevelRead},
	{"line: a holder's level, at most the type's", "g2, user:bob, user:ann, @\np2, user:bob, @, deal/1, full, -, -", may("read", rec("deal/1")), "", model.LevelWrite},
	{"line: one whom the holding group contains", "g2, user:bob, user:ann, @\ng, user:bob, role:a, @, -\np2, role:a, @, deal/1, full, -, -", may("read", rec("deal/1")), "", model.LevelWrite},
	{"line: a rule on the type names no holder", "g2, user:bob, user:ann, @\np2, user:bob, @, deal, full, -, -", may("read", rec("deal/1")), "", model.LevelNone},
	{"line: a type that does not count holders", "g2, user:bob, user:ann, @\np2, user:bob, @, lead/1, full, -, -", may("read", rec("lead/1")), "", model.LevelNone},
	{"line: a holder's condition is judged for the asker", "g2, user:bob, user:ann, @\np2, user:bob, @, deal/1, read, -, if:ann", may("read", rec("deal/1")), "", model.LevelRead},
	{"line: a superior of a superior who is off", "g2, user:bob, user:cyd, @\ng2, user:cyd, user:ann, @\np4, user:cyd, @, off, -, -, -", may("read", rec("lead/1", "user:bob")), "", model.LevelFull},
	{"line: an owner who is off", "g2, user:bob, user:ann, @\np4, user:bob, @, off, -, -, -", may("read", rec("lead/1", "user:bob")), "", model.LevelFull},
	{"line: a member of the owning team who is off", "g2, user:bob, user:ann, @\ng, user:bob, team:x, @, -\np4, user:bob, @, off, -, -, -", may("read", rec("lead/1", "team:x")), "", model.LevelFull},
	{"line: a superior 64 edges up", chain(64, "g2, %s, %s, @", "user:bob", "user:ann"), may("read", rec("lead/1", "user:bob")), "", model.LevelFull},
	{"line: a superior 65 edges up", chain(65, "g2, %s, %s, @", "user:bob", "user:ann"), may("read", rec("lead/1", "user:bob")), "", model.LevelNone},
	{"line: a cycle of superiors ends", "g2, user:bob, user:ann, @\ng2, user:ann, user:bob, @", may("read", rec("lead/1", "user:bob")), "", model.LevelFull},
	{"line: no hierarchy for a type without", "g2, user:bob, user:ann, @", may("read", rec("customer/1", "user:bob")), "", model.LevelNone},
	{"line: through the parent", "g2, user:bob, user:ann, @", may("read", in(rec("lead/1", "user:bob"), rec("step/1"))), "", model.LevelRead},
	{"units: a member of the unit above", "g, user:bob, unit:a, @, -\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @", may("read", rec("visit/1", "user:bob")), "", model.LevelFull},
	{"units: not of the same unit", "g, user:bob, unit:a, @, -\ng, user:ann, unit:a, @, -", may("read", rec("visit/1", "user:bob")), "", model.LevelNone},
	{"units: not beyond the depth", "g, user:bob, unit:a, @, -\ng, user:ann, unit:c, @, -\ng2, unit:a, unit:b, @\ng2, unit:b, unit:c, @", may("read", rec("visit/1", "user:bob")), "", model.LevelNone},
	{"units: not of the unit below", "g, user:bob, unit:b, @, -\ng, user:ann, unit:a, @, -\ng2, unit:a, unit:b, @", may("read", rec("visit/1", "user:bob")), "", model.LevelNone},
	{"units: the shortest way from any unit to any", "g, user:bob, unit:a, @, -\ng, user:bob, unit:c, @, -\ng, user:ann, unit:c, @, -\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @\ng2, unit:b, unit:c, @", may("read", rec("visit/1", "user:bob")), "", model.LevelFull},
	{"units: of a holder", "g, user:bob, unit:a, @, -\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @\np2, unit:a, @, visit/1, write, -, -", may("read", rec("visit/1")), "", model.LevelWrite},
	{"units: of the owning team's members", "g, user:bob, team:x, @, -\ng, user:bob, unit:a, @, -\ng, user:ann, unit:b, @, -\ng2, unit:a, unit:b, @", may("read", rec("visit/1", "team:x")), "", model.LevelFull},
	{"units: not by reporting line", "g2, user:bob, user:ann, @", may("read", rec("visit/1", "user:bob")), "", model.LevelNone},

	// Fields
	{"fields: hidden if the action is denied", "p3, *, @, customer#phone, write, allow, -", may("update", customer), "phone", model.FieldHidden},
	{"fields: an open field is hidden too", "", may("read", customer), "name", model.FieldHidden},
	{"fields: the default", readAll, may("read", customer), "note", model.FieldMasked},
	{"fields: a closed field", readAll, may("read", customer), "phone", model.FieldHidden},
	{"fields: a rule raises", readAll + "p3, *, @, customer#phone, read, allow, -", may("read", customer), "phone", model.FieldRead},
	{"fields: a rule does not lower", readAll + "p3, *, @, customer#rank, masked, allow, -", may("read", customer), "rank", model.FieldRead},
	{"fields: the highest", readAll + "p3, *, @, customer#phone, read, allow, -\np3, *, @, customer#*, masked, allow, -", may("read", customer), "phone", model.FieldRead},
	{"fields: for whom it concerns", readAll + "p3, role:a, @, customer#phone, read, allow, -", may("read", customer), "phone", model.FieldHidden},
	{"fields: every field of the type", readAll + "p3, *, @, customer#*, read, allow, -", may("read", customer), "phone", model.FieldRead},
	{"fields: another field", readAll + "p3, *, @, customer#name, read, allow, -", may("read", customer), "phone", model.FieldHidden},
	{"fields: of the record", readAll + "p3, *, @, customer/1#phone, read, allow, -", may("read", customer), "phone", model.FieldRead},
	{"fields: of another record", readAll + "p3, *, @, customer/2#phone, read, allow, -", may("read", customer), "phone", model.FieldHidden},
	{"fields: of a record, asked about the type", readAll + "p3, *, @, customer/1#phone, read, allow, -", mayType("read", "customer"), "phone", model.FieldHidden},
	{"fields: of the type", readAll + "p3, *, @, customer#phone, read, allow, -", mayType("read", "customer"), "phone", model.FieldRead},
	{"fields: of the base policy", readAll + "p3, *, *, customer#phone, read, allow, -", may("read", customer), "phone", model.FieldRead},
	{"fields: a denial is below its level", readAll + "p3, *, @, customer#rank, read, deny, -", may("read", customer), "rank", model.FieldMasked},
	{"fields: a denial at masked hides", readAll + "p3, *, @, customer#rank, masked, deny, -", may("read", customer), "rank", model.FieldHidden},
	{"fields: the lowest denial counts", readAll + "p3, *, @, customer#rank, read, deny, -\np3, *, @, customer#*, masked, deny, -", may("read", customer), "rank", model.FieldHidden},
	{"fields: a denial on the record", readAll + "p3, *, @, customer/1#rank, masked, deny, -", may("read", customer), "rank", model.FieldHidden},
	{"fields: a denial switched off", readAll + "p3, *, @, customer#rank, masked, deny, -\noff: p3, *, @, customer#rank, masked, deny, -", may("read", customer), "rank", model.FieldRead},
	{"fields: at most read if the action reads", readAll, may("read", customer), "name", model.FieldRead},
	{"fields: write if it writes", "p, *, @, *, *, allow, all", may("update", customer), "name", model.FieldWrite},
	{"fields: write if it needs read and writes", "p, *, @, *, *, allow, all", may("log", customer), "name", model.FieldWrite},
	{"fields: a condition on the action", "p, *, @, *, *, allow, all\np3, *, @, customer#phone, read, allow, if:reads", may("update", customer), "phone", model.FieldHidden},
	{"fields: none when the tenant is locked down", readAll + "p4, *, @, locked, -, -, -", may("read", customer), "name", model.FieldHidden},
}

func TestSpecification(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			r := build(t, x.policy)
			var got any
			var err error
			switch want := x.want.(type) {
			case model.Level:
				got, err = r.Level(x.q)
			case model.FieldLevel:
				got, err = r.FieldLevel(x.q, x.field)
			case bool:
				got, err = r.Decide(x.q)
			case error:
				if x.field != "" {
					got, err = r.FieldLevel(x.q, x.field)
				} else {
					got, err = r.Decide(x.q)
				}
				var value *model.ValueError
				if !errors.Is(err, want) || !errors.As(err, &value) {
					t.Fatalf("error %v, want %v as a ValueError", err, want)
				}
				if got != false && got != model.FieldHidden {
					t.Fatalf("allowed %v with error %v", got, err)
				}
				return
			}
			if err != nil || got != x.want {
				t.Fatalf("got %v, %v, want %v; policy:\n%s", got, err, x.want, x.policy)
			}
		})
	}
}

func TestExampleNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range examples {
		if seen[x.name] {
			t.Errorf("%q stands twice", x.name)
		}
		seen[x.name] = true
	}
	t.Logf("%d examples", len(seen))
}

// The enforcer is one for those who know Casbin: it answers without this package.
func TestEnforcerAnswersAlone(t *testing.T) {
	e := build(t, "p, role:a, @, customer, update, allow, own\ng, user:ann, role:a, @, -\np3, *, @, customer#name, write, deny, -").Enforcer()
	hers := &Facts{Record: rec("customer/1", "user:ann")}
	for _, x := range []struct {
		says  string
		rvals []any
		want  bool
		fails bool
	}{
		{"she updates her own", []any{"user:ann", "acme", "update", hers}, true, false},
		{"the same facts serve another action", []any{"user:ann", "acme", "delete", hers}, false, false},
		{"the same facts serve another user", []any{"user:bob", "acme", "update", hers}, false, false},
		{"a type", []any{"user:ann", "acme", "update", &Facts{Type: "customer"}}, true, false},
		{"a level", []any{levelQuestion, "user:ann", "acme", "update", "read", hers}, false, false},
		{"a field to read", []any{fieldQuestion, "user:ann", "acme", "update", "name", "read", hers}, true, false},
		{"a field to write", []any{fieldQuestion, "user:ann", "acme", "update", "name", "write", hers}, false, false},
		{"another tenant", []any{"user:ann", "other", "update", hers}, false, true},
		{"another tenant, after the facts were used", []any{fieldQuestion, "user:ann", "other", "update", "name", "read", hers}, false, true},
		{"an unknown action", []any{"user:ann", "acme", "fly", hers}, false, true},
		{"no facts", []any{"user:ann", "acme", "update", (*Facts)(nil)}, false, true},
		{"a record in place of facts", []any{"user:ann", "acme", "update", hers.Record}, false, true},
		{"too few values", []any{"user:ann", "acme", "update"}, false, true},
	} {
		t.Run(x.says, func(t *testing.T) {
			got, err := e.Enforce(x.rvals...)
			if got != x.want || (err != nil) != x.fails {
				t.Fatalf("got %v, %v", got, err)
			}
		})
	}
}

func TestErrorsAreErrorsWithoutPolicyToo(t *testing.T) {
	r := build(t, "")
	if ok, err := r.Enforcer().Enforce("user:ann", "acme", "fly", &Facts{Record: customer}); ok || err == nil {
		t.Fatalf("got %v, %v, want an error", ok, err)
	}
}

func TestNewRefuses(t *testing.T) {
	set, err := condition.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, tenant string
		lines, base  []model.Line
		want         error
	}{
		{"a malformed line", "acme", []model.Line{{Section: "p"}}, nil, model.ErrMalformed},
		{"another tenant's line", "acme", []model.Line{line(t, "g, user:ann, role:a, other, -")}, nil, model.ErrUnknownTenant},
		{"a line of the base policy among the tenant's", "acme", []model.Line{line(t, "g, role:a, role:b, *, -")}, nil, model.ErrUnknownTenant},
		{"the tenant's line in the base policy", "acme", nil, []model.Line{line(t, "g, user:ann, role:a, @, -")}, model.ErrUnknownTenant},
		{"a type unknown to the schema", "acme", []model.Line{line(t, "p, *, @, planet, *, allow, -")}, nil, model.ErrUnknownType},
		{"a condition unknown to the schema", "acme", []model.Line{line(t, "p, *, @, *, *, allow, if:blue_moon")}, nil, model.ErrUnknownCondition},
		{"the base policy as a tenant", "*", nil, nil, model.ErrUnknownTenant},
	} {
		t.Run(x.name, func(t *testing.T) {
			if _, err := New(schema, set, x.tenant, x.lines, x.base, now); !errors.Is(err, x.want) {
				t.Fatalf("error %v, want %v", err, x.want)
			}
		})
	}
}
