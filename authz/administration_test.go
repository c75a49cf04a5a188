package authz_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

var adminNow = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// administered is a tenant whose policy is administered: ada administers it, lea may grant, revoke, disable and enable, and exceed nothing.
func administered(t testing.TB, facts string) *authz.Authorizer {
	t.Helper()
	return administeredWith(t, `
types:
  customer: {actions: {read: read, update: write, delete: delete}, fields: {name: open, iban: closed}, attributes: {hold: bool}, hierarchy: {by: line, level: full}}
conditions: {held: record.hold, guests: '!member("role:guest")', of_admins: record.group == "role:admin"}
constraints: [{name: maker_checker, exclusive: ['role:maker', 'role:checker']}]
administration: {}
`, facts)
}

// administeredWith is the same with another schema.
func administeredWith(t testing.TB, schemaText, facts string) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, store, authz.WithClock(func() time.Time { return adminNow }), authz.WithResolver(owners{}))
	if err != nil {
		t.Fatal(err)
	}
	grantText(t, az, authz.Operator("setup", "the first policy"), `
rules:
  - {who: user:ada, may: administer, on: permission, scope: all}
  - {who: user:lea, may: [grant, revoke, disable, enable], on: permission, scope: all}
  - {who: role:rep, may: [read, update], on: customer}
members: [{who: user:lea, in: role:rep}]
`)
	if facts != "" {
		grantText(t, az, authz.Operator("setup", "what else there is"), facts)
	}
	return az
}

// owners says that customer 1 is lea's, and all others eve's.
type owners struct{}

func (owners) Records(_ context.Context, _ string, refs []authz.Ref) ([]*model.Record, error) {
	records := make([]*model.Record, len(refs))
	for i, r := range refs {
		records[i] = &model.Record{Type: r.Type, ID: r.ID, Owners: []string{map[bool]string{true: "user:lea", false: "user:eve"}[r.ID == "1"]}}
	}
	return records, nil
}

func factsIn(t testing.TB, text string) []authz.Fact {
	t.Helper()
	facts, err := model.ParsePolicy([]byte("acme:\n  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return facts
}

func grantText(t testing.TB, az *authz.Authorizer, by authz.Author, text string) {
	t.Helper()
	if _, err := az.Grant(t.Context(), by, factsIn(t, text)...); err != nil {
		t.Fatal(err)
	}
}

func makeChange(t testing.TB, az *authz.Authorizer, by authz.Author, c authz.Change) error {
	t.Helper()
	_, err := az.Apply(t.Context(), by, c)
	return err
}

// refusedAlike is the error of a change, which must be why its preview refuses it, too.
func refusedAlike(t testing.TB, previewed, made error) error {
	t.Helper()
	why := func(err error) string {
		if err == nil {
			return "nothing"
		}
		return errors.Unwrap(err).Error()
	}
	if why(previewed) != why(made) {
		t.Errorf("the preview refuses because of %s, the change because of %s", why(previewed), why(made))
	}
	return made
}

// Each is an attack: what is refused, of whom, and for which reason.
func TestAttacksByAdministration(t *testing.T) {
	lea := authz.By("user:lea", "attack")
	tomorrow := adminNow.Add(24 * time.Hour)
	grant := func(text string) func(*testing.T, *authz.Authorizer) error {
		return func(t *testing.T, az *authz.Authorizer) error {
			c := authz.Change{Tenant: "acme", Add: factsIn(t, text)}
			_, previewed := az.Preview(t.Context(), c, authz.MadeBy(lea))
			return refusedAlike(t, previewed, makeChange(t, az, lea, c))
		}
	}
	revoke := func(text string) func(*testing.T, *authz.Authorizer) error {
		return func(t *testing.T, az *authz.Authorizer) error {
			c := authz.Change{Tenant: "acme", Remove: factsIn(t, text)}
			_, previewed := az.Preview(t.Context(), c, authz.MadeBy(lea))
			return refusedAlike(t, previewed, makeChange(t, az, lea, c))
		}
	}
	enable := func(target string) func(*testing.T, *authz.Authorizer) error {
		return func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Enable(t.Context(), lea, "acme", target)
			return err
		}
	}
	for name, c := range map[string]struct {
		facts string
		do    func(*testing.T, *authz.Authorizer) error
		want  error
	}{
		"a right for myself":    {"", grant("rules: [{who: user:lea, may: delete, on: customer}]"), authz.ErrExceeds},
		"a wider scope":         {"", grant("rules: [{who: user:lea, may: read, on: customer, scope: all}]"), authz.ErrExceeds},
		"every action":          {"", grant("rules: [{who: user:lea, may: '*', on: customer}]"), authz.ErrExceeds},
		"every type":            {"", grant("rules: [{who: user:lea, may: read, on: '*'}]"), authz.ErrExceeds},
		"administration":        {"", grant("rules: [{who: user:lea, may: administer, on: permission, scope: all}]"), authz.ErrExceeds},
		"exceeding":             {"", grant("rules: [{who: user:lea, may: exceed, on: permission/customer}]"), authz.ErrExceeds},
		"through a role":        {"rules: [{who: role:boss, may: delete, on: customer, scope: all}]", grant("members: [{who: user:lea, in: role:boss}]"), authz.ErrExceeds},
		"through a nested role": {"rules: [{who: role:boss, may: delete, on: customer, scope: all}]\nmembers: [{who: role:inner, in: role:boss}]", grant("members: [{who: user:lea, in: role:inner}]"), authz.ErrExceeds},
		"a role in a role":      {"rules: [{who: role:boss, may: delete, on: customer, scope: all}]", grant("members: [{who: role:rep, in: role:boss}]"), authz.ErrExceeds},
		"through a nested team": {"rules: [{who: role:boss, may: delete, on: customer, scope: all}]\nmembers: [{who: team:t, in: role:boss}]", grant("members: [{who: user:lea, in: team:t}]"), authz.ErrExceeds},
		"a team that may own":   {"members: [{who: user:eve, in: team:t}]", grant("members: [{who: user:lea, in: team:t}]"), authz.ErrExceeds},
		"a unit":                {"", grant("members: [{who: user:lea, in: unit:x}]"), authz.ErrExceeds},
		"a unit below mine":     {"members: [{who: user:lea, in: unit:x}]", grant("org: [{who: unit:y, under: unit:x}]"), authz.ErrExceeds},
		"less is forbidden":     {"rules: [{who: user:lea, may not: update, on: customer}]", revoke("rules: [{who: user:lea, may not: update, on: customer}]"), authz.ErrExceeds},
		"to everyone less":      {"rules: [{who: '*', may not: update, on: customer}]", revoke("rules: [{who: '*', may not: update, on: customer}]"), authz.ErrExceeds},
		"out of what forbids":   {"rules: [{who: role:guest, may not: update, on: customer}]\nmembers: [{who: user:lea, in: role:guest}]", revoke("members: [{who: user:lea, in: role:guest}]"), authz.ErrExceeds},
		"what forbids is off": {"rules: [{who: role:guest, may not: update, on: customer}]\nmembers: [{who: user:lea, in: role:guest}]", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Disable(t.Context(), lea, "acme", "role:guest")
			return err
		}, authz.ErrExceeds},
		"what is forbidden where nobody knows": {"rules:\n  - {who: user:lea, may: delete, on: customer, scope: all, if: held}\n  - {who: user:eve, may not: delete, on: customer, if: held}", revoke("rules: [{who: user:eve, may not: delete, on: customer, if: held}]"), authz.ErrExceeds},
		"a cap where nobody knows":             {"fields:\n  - {who: user:lea, has: write, on: customer#iban, if: held}\n  - {who: user:eve, below: read, on: customer#iban, if: held}", revoke("fields: [{who: user:eve, below: read, on: customer#iban, if: held}]"), authz.ErrExceeds},
		"a cap less":                           {"fields: [{who: user:lea, below: read, on: customer#iban}]", revoke("fields: [{who: user:lea, below: read, on: customer#iban}]"), authz.ErrExceeds},
		"a field":                              {"", grant("fields: [{who: user:lea, has: read, on: customer#iban}]"), authz.ErrExceeds},
		"what conditions ask for":              {"rules: [{who: '*', may: read, on: customer, if: guests, scope: all}]\nmembers: [{who: user:lea, in: role:guest}]", revoke("members: [{who: user:lea, in: role:guest}]"), authz.ErrExceeds},
		"among exceptions":                     {"off: [{what: customer, except: role:night}]", grant("members: [{who: user:lea, in: role:night}]"), authz.ErrExceeds},
		"my superior's place":                  {"org: [{who: user:eve, under: user:ada}]", grant("org: [{who: user:eve, under: user:lea}]"), authz.ErrExceeds},
		"another's customer":                   {"", grant("teams: [{who: user:lea, has: read, on: customer/2}]"), authz.ErrExceeds},
		"longer than I have":                   {"teams: [{who: user:lea, has: read, on: customer/2, until: 2026-12-01T00:00:00Z}]", grant("teams: [{who: user:lea, has: read, on: customer/2, until: 2026-12-02T00:00:00Z}]"), authz.ErrExceeds},
		"for ever by another":                  {"teams: [{who: user:lea, has: read, on: customer/2, until: 2026-12-01T00:00:00Z}]", grant("teams: [{who: user:eve, has: read, on: customer/2}]"), authz.ErrExceeds},
		"by a membership that ends":            {"rules: [{who: role:boss, may: delete, on: customer}]\nmembers: [{who: user:lea, in: role:boss, until: 2026-12-01T00:00:00Z}]", grant("rules: [{who: user:lea, may: delete, on: customer}]"), authz.ErrExceeds},
		"without its condition":                {"rules: [{who: user:lea, may: delete, on: customer, if: held}]", grant("rules: [{who: user:lea, may: delete, on: customer}]"), authz.ErrExceeds},
		"what is off for me":                   {"rules: [{who: user:lea, may: delete, on: customer}]\noff: [{what: customer}]", enable("customer"), authz.ErrExceeds},
		"a role that is off":                   {"rules: [{who: role:boss, may: delete, on: customer}]\nmembers: [{who: user:lea, in: role:boss}]\noff: [{what: role:boss}]", enable("role:boss"), authz.ErrExceeds},
		"I am off":                             {"off: [{what: user:lea}]", enable("user:lea"), authz.ErrNotAllowed},
		"I am off, by another":                 {"off: [{what: user:eve}]", enable("user:eve"), authz.ErrExceeds},
		"the tenant is locked":                 {"off: [{what: '*', mode: locked}]", grant("rules: [{who: user:eve, may: read, on: customer}]"), authz.ErrNotAllowed},
		"the tenant is read-only":              {"off: [{what: '*', mode: read-only}]", enable("*"), authz.ErrNotAllowed},
		"both duties":                          {"members: [{who: user:eve, in: role:maker}]", grant("members: [{who: user:eve, in: role:checker}]"), authz.ErrConstraint},
		"both duties, later":                   {"members: [{who: user:eve, in: role:maker, from: 2026-12-01T00:00:00Z}]", grant("members: [{who: user:eve, in: role:checker, until: 2026-12-02T00:00:00Z}]"), authz.ErrConstraint},
		"both duties, inherited":               {"members: [{who: user:eve, in: [role:maker, role:clerk]}]", grant("members: [{who: role:clerk, in: role:checker}]"), authz.ErrConstraint},
		"the base policy": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Grant(t.Context(), authz.By("user:ada", ""), model.CustomerRule{Tenant: model.Base, Subject: "role:rep", On: model.OnType("customer"), Action: "read", Effect: model.Allow, Scope: model.ScopeAll})
			return err
		}, authz.ErrNotAllowed},
		"a name of the operator's": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Grant(t.Context(), authz.By("operator:setup", ""), factsIn(t, "rules: [{who: user:lea, may: delete, on: customer}]")...)
			return err
		}, authz.ErrNotAllowed},
		"no user at all": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Grant(t.Context(), authz.By("cron", ""), factsIn(t, "rules: [{who: user:lea, may: read, on: customer}]")...)
			return err
		}, authz.ErrNotAllowed},
		"an old backup of my rights": {"", func(t *testing.T, az *authz.Authorizer) error {
			right := factsIn(t, "rules: [{who: user:lea, may: delete, on: customer}]")
			ops := authz.Operator("setup", "")
			must(t)(az.Grant(t.Context(), ops, right...))
			b, err := az.Backup(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			must(t)(az.Revoke(t.Context(), ops, right...))
			_, err = az.Restore(t.Context(), lea, "acme", b)
			return err
		}, authz.ErrExceeds},
		"in two steps": {"rules: [{who: role:boss, may: delete, on: customer, scope: all}]", func(t *testing.T, az *authz.Authorizer) error {
			must(t)(az.Grant(t.Context(), lea, factsIn(t, "members: [{who: user:lea, in: role:mine}]")...)) // nothing hangs on it
			_, err := az.Grant(t.Context(), lea, factsIn(t, "members: [{who: role:mine, in: role:boss}]")...)
			return err
		}, authz.ErrExceeds},
		"what forbids us both, and is taken away": {"rules: [{who: '*', may not: delete, on: customer}]", func(t *testing.T, az *authz.Authorizer) error {
			must(t)(az.Grant(t.Context(), authz.Operator("setup", ""), factsIn(t, "rules: [{who: user:lea, may: delete, on: customer}]")...))
			must(t)(az.Grant(t.Context(), lea, factsIn(t, "rules: [{who: user:eve, may: delete, on: customer}]")...))
			_, err := az.Apply(t.Context(), lea, authz.Change{Tenant: "acme", Remove: factsIn(t, "rules: [{who: '*', may not: delete, on: customer}]")})
			return err
		}, authz.ErrExceeds},
		"handing on before I am off": {"", func(t *testing.T, az *authz.Authorizer) error {
			must(t)(az.Disable(t.Context(), authz.By("user:ada", "she leaves"), "acme", "user:lea", authz.From(tomorrow)))
			_, err := az.Grant(t.Context(), lea, factsIn(t, "rules: [{who: user:eve, may: read, on: customer}]")...)
			return err
		}, authz.ErrExceeds},
		"the administrator off": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Disable(t.Context(), lea, "acme", "user:ada")
			return err
		}, authz.ErrLastAdministrator},
		"administration off": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Disable(t.Context(), lea, "acme", "permission", authz.From(tomorrow))
			return err
		}, authz.ErrLastAdministrator},
		"the administrator's rule off": {"", func(t *testing.T, az *authz.Authorizer) error {
			_, err := az.Disable(t.Context(), lea, "acme", model.RuleID(factsIn(t, "rules: [{who: user:ada, may: administer, on: permission, scope: all}]")[0]))
			return err
		}, authz.ErrLastAdministrator},
	} {
		t.Run(name, func(t *testing.T) {
			az := administered(t, c.facts)
			err := c.do(t, az)
			if !errors.Is(err, c.want) || c.want == authz.ErrNotAllowed && errors.Is(err, authz.ErrExceeds) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// What an actor may not, he may not after a change of his own either. Each change here would widen him, if he could make it.
func TestNobodyWidensHimself(t *testing.T) {
	lea, ops := authz.By("user:lea", "attack"), authz.Operator("setup", "")
	type attack struct {
		schema, facts             string
		offToOthers               string // what is off but for role:staff
		add, remove, off, offRule string
		on                        authz.Record // it is eve's, if nobody else's
	}
	of := func(who string) authz.Record { return authz.Record{Owners: []string{who}} }
	const all = "rules:\n  - {who: user:lea, may: update, on: customer, scope: all}"
	const vip = "rules: [{who: user:lea, may: update, on: customer, if: no_vip, scope: all}]\nmembers: [{who: user:eve, in: role:vip}]"
	const mates = all + "\n  - {who: user:lea, may not: update, on: customer, scope: team}\nmembers: [{who: [user:lea, user:eve], in: team:t}]"
	const nameCap = "fields: [{who: role:clerk, below: read, on: customer#name}]"
	for name, c := range map[string]attack{
		"a cap on an open field":          {facts: nameCap + "\nmembers: [{who: user:lea, in: role:clerk}]", remove: nameCap, on: of("user:lea")},
		"a cap on an open field, off":     {facts: nameCap + "\nmembers: [{who: user:lea, in: role:clerk}]", offRule: nameCap, on: of("user:lea")},
		"out of the group that is capped": {facts: nameCap + "\nmembers: [{who: user:lea, in: role:clerk}]", remove: "members: [{who: user:lea, in: role:clerk}]", on: of("user:lea")},

		"an owner into my team":                 {facts: "rules: [{who: user:lea, may: update, on: customer, scope: team}]\nmembers: [{who: user:lea, in: team:t}]", add: "members: [{who: user:eve, in: team:t}]"},
		"a team that owns, into mine":           {facts: "rules: [{who: '*', may: update, on: customer, scope: team}]\nmembers: [{who: user:lea, in: team:t}, {who: user:eve, in: team:x}]", add: "members: [{who: team:x, in: team:t}]", on: of("team:x")},
		"an owner into a unit below mine":       {facts: "members: [{who: user:lea, in: [unit:x, unit:top]}]\norg: [{who: unit:x, under: unit:top}]", add: "members: [{who: user:eve, in: unit:x}]"},
		"an owner into what conditions ask for": {facts: "rules: [{who: user:lea, may: update, on: customer, if: club, scope: all}]\nmembers: [{who: user:lea, in: role:club}]", add: "members: [{who: user:eve, in: role:club}]"},

		"an owner out of what conditions ask for":                       {facts: vip, remove: "members: [{who: user:eve, in: role:vip}]"},
		"what conditions ask for is off":                                {facts: vip, off: "role:vip"},
		"an owner out of the team that I may not touch":                 {facts: mates, remove: "members: [{who: user:eve, in: team:t}]"},
		"the team that I may not touch is off":                          {facts: mates, off: "team:t"},
		"out of the unit that is kept from its people":                  {facts: all + "\n  - {who: '*', may not: update, on: customer, scope: unit}\nmembers: [{who: user:lea, in: unit:x}]", remove: "members: [{who: user:lea, in: unit:x}]", on: authz.Record{Unit: "unit:x"}},
		"out of the team of a unit":                                     {facts: all + "\n  - {who: user:lea, may not: update, on: customer, scope: unit_tree}\nmembers: [{who: user:lea, in: team:t}, {who: team:t, in: unit:x}]", remove: "members: [{who: team:t, in: unit:x}]", on: authz.Record{Unit: "unit:x"}},
		"out of the team that may not touch its own":                    {facts: all + "\n  - {who: role:rep, may not: update, on: customer, scope: own}\nmembers: [{who: user:lea, in: team:t}]", remove: "members: [{who: user:lea, in: team:t}]", on: of("team:t")},
		"out of the team that a condition keeps from its own":           {facts: all + "\n  - {who: '*', may not: update, on: customer, if: mine}\nmembers: [{who: user:lea, in: team:t}]", off: "team:t", on: of("team:t")},
		"out of the team whose own are capped":                          {facts: all + "\nfields: [{who: '*', below: read, on: customer#name, if: mine}]\nmembers: [{who: user:lea, in: team:t}]", remove: "members: [{who: user:lea, in: team:t}]", on: of("team:t")},
		"to what is not my team's own":                                  {facts: all + "\nfields: [{who: '*', has: write, on: customer#iban, if: not_mine}]\nmembers: [{who: user:lea, in: team:t}]", remove: "members: [{who: user:lea, in: team:t}]", on: of("team:t")},
		"out of a team with a part":                                     {facts: all + "\n  - {who: '*', may not: update, on: customer, if: no_part}\nteams: [{who: team:t, has: read, on: customer/9, as: part}]\nmembers: [{who: user:lea, in: team:t}]", remove: "members: [{who: user:lea, in: team:t}]"},
		"out of the group for whom alone a rule still forbids":          {facts: all + "\n  - {who: '*', may not: update, on: customer}\nmembers: [{who: user:lea, in: role:staff}]", offToOthers: "rules: [{who: '*', may not: update, on: customer}]", remove: "members: [{who: user:lea, in: role:staff}]"},
		"that group is off":                                             {facts: all + "\n  - {who: '*', may not: update, on: customer}\nmembers: [{who: user:lea, in: role:staff}]", offToOthers: "rules: [{who: '*', may not: update, on: customer}]", off: "role:staff"},
		"out of the group who alone are still in one that is forbidden": {facts: all + "\n  - {who: role:intern, may not: update, on: customer}\nmembers: [{who: user:lea, in: [role:staff, role:intern]}]", offToOthers: "members: [{who: user:lea, in: role:intern}]", remove: "members: [{who: user:lea, in: role:staff}]"},
		"out of the team that a constraint keeps from its own":          {schema: "constraints: [{name: four_eyes, forbid: [update], on: customer, if: own}]", facts: all + "\nmembers: [{who: user:lea, in: team:t}]", remove: "members: [{who: user:lea, in: team:t}]", on: of("team:t")},
	} {
		t.Run(name, func(t *testing.T) {
			az := administeredWith(t, byUnits+c.schema, c.facts)
			if c.offToOthers != "" {
				must(t)(az.Disable(t.Context(), ops, "acme", model.RuleID(factsIn(t, c.offToOthers)[0]), authz.Except("role:staff")))
			}
			change := authz.Change{Tenant: "acme"}
			if c.add != "" {
				change.Add = factsIn(t, c.add)
			}
			if c.remove != "" {
				change.Remove = factsIn(t, c.remove)
			}
			if c.off != "" {
				change.Add = append(change.Add, model.Switch{Tenant: "acme", Target: c.off, Mode: model.ModeOff})
			}
			if c.offRule != "" {
				change.Add = append(change.Add, model.Switch{Tenant: "acme", Target: model.RuleID(factsIn(t, c.offRule)[0]), Mode: model.ModeOff})
			}
			record := c.on
			record.Type, record.ID = "customer", "9"
			if record.Owners == nil {
				record.Owners = []string{"user:eve"}
			}
			has := func() (sum model.FieldLevel) { // none, if she may not update it
				for _, field := range []string{"name", "iban"} {
					l, err := az.FieldLevel(t.Context(), ask("user:lea", "update", &record), field)
					if err != nil {
						t.Fatal(err)
					}
					sum += l
				}
				return sum
			}
			before := has()
			if err := makeChange(t, az, lea, change); !errors.Is(err, authz.ErrExceeds) {
				t.Errorf("got %v, want %v", err, authz.ErrExceeds)
			}
			if err := makeChange(t, az, ops, change); err != nil || has() <= before {
				t.Errorf("it widens nobody: %v", err)
			}
		})
	}
}

// What needs a second person needs one on: an actor does not come round by joining or leaving a group that the condition asks for.
func TestNobodyJoinsOrLeavesWhatSensitiveAsksFor(t *testing.T) {
	for name, c := range map[string]struct {
		sensitive, facts string
		around           authz.Change
	}{
		"into it":   {`!member("role:senior")`, "", authz.Change{Add: []authz.Fact{member("user:lea", "role:senior")}}},
		"out of it": {`member("role:novice")`, "members: [{who: user:lea, in: role:novice}]", authz.Change{Remove: []authz.Fact{member("user:lea", "role:novice")}}},
		"it is off": {`member("role:novice")`, "members: [{who: user:lea, in: role:novice}]", authz.Change{Add: []authz.Fact{model.Switch{Tenant: "acme", Target: "role:novice", Mode: model.ModeOff}}}},
	} {
		t.Run(name, func(t *testing.T) {
			az := administeredWith(t, "types: {customer: {actions: {read: read, update: write}}}\nadministration: {sensitive: twice}\nconditions: {twice: '"+c.sensitive+` && record.kind == "customer_rule"'}`, c.facts)
			lea, right := authz.By("user:lea", ""), factsIn(t, "rules: [{who: user:eve, may: read, on: customer}]")
			if _, err := az.Grant(t.Context(), lea, right...); !errors.Is(err, authz.ErrNeedsApproval) {
				t.Fatalf("alone: %v", err)
			}
			c.around.Tenant = "acme"
			if err := makeChange(t, az, lea, c.around); !errors.Is(err, authz.ErrExceeds) {
				t.Errorf("the way round: %v, want %v", err, authz.ErrExceeds)
			}
		})
	}
}

// Where own records are forbidden, a lead takes others out of a team, if she is not in it and holds what they may then do.
func TestWhoHoldsItTakesOthersOutOfATeamThatMayNotTouchItsOwn(t *testing.T) {
	const teams = "members: [{who: [user:eve, user:ann, user:bob], in: team:t}, {who: [user:eve, user:ann], in: role:rep}]"
	const fourEyes = "constraints: [{name: four_eyes, forbid: [update], on: customer, if: own}]"
	out := func(az *authz.Authorizer, who string) error {
		_, err := az.Revoke(t.Context(), authz.By("user:lea", ""), member(who, "team:t"))
		return err
	}
	az := administeredWith(t, byUnits+fourEyes, teams+"\nrules: [{who: role:rep, may: update, on: customer, scope: all}]")
	if err := out(az, "user:eve"); err != nil {
		t.Error(err)
	}
	az = administeredWith(t, byUnits+fourEyes, teams)
	if err := out(az, "user:eve"); !errors.Is(err, authz.ErrExceeds) {
		t.Errorf("she may not update all herself: %v", err)
	}
	if err := out(az, "user:bob"); err != nil {
		t.Errorf("he may update nothing: %v", err)
	}
}

// Whoever's permissions lie in a unit, a fact has to be let in all units that its subject is or will be in, and of whom there are facts
// already is not taken out of where no unit is.
func TestHumanResourcesOfAUnitChangeItsPeopleOnly(t *testing.T) {
	hana := authz.By("user:hana", "")
	const facts = `
rules:
  - {who: user:hana, may: [grant, revoke, disable, enable, exceed], on: 'permission@unit:apac', scope: all}
  - {who: team:known, may: read, on: customer}
members:
  - {who: [user:eve, user:ann, user:bob, team:known], in: unit:apac, until: 2026-12-01T00:00:00Z}
  - {who: user:eve, in: unit:emea, from: 2026-11-27T00:00:00Z}
  - {who: user:ann, in: unit:off}
  - {who: user:old, in: unit:apac, until: 2026-11-01T00:00:00Z}
off: [{what: unit:off}]`
	rule := func(who string) string { return "rules: [{who: '" + who + "', may: delete, on: customer}]" }
	today := func(who string) string { return strings.Replace(rule(who), "}]", ", until: 2026-11-27T00:00:00Z}]", 1) }
	for name, c := range map[string]struct {
		add, remove string
		want        error
	}{
		"one of the unit":                           {add: rule("user:bob")},
		"a team of the unit":                        {add: rule("team:known")},
		"one who is in another tomorrow":            {add: rule("user:eve"), want: authz.ErrNotAllowed},
		"one who is in another tomorrow, for today": {add: today("user:eve")},
		"one whose other unit is off":               {add: rule("user:ann"), want: authz.ErrNotAllowed},
		"one of no unit":                            {add: rule("user:ada"), want: authz.ErrNotAllowed},
		"into it, whom nobody knows":                {add: "members: [{who: user:new, in: unit:apac}]"},
		"into it, from another":                     {add: "members: [{who: user:eve, in: unit:apac}]", want: authz.ErrNotAllowed},
		"into it, from no unit":                     {add: "members: [{who: user:ada, in: unit:apac}]", want: authz.ErrNotAllowed},
		"into it, from no unit any more":            {add: "members: [{who: user:old, in: unit:apac}]", want: authz.ErrNotAllowed},
		"into it, for longer":                       {add: "members: [{who: user:bob, in: unit:apac}]"},
		"into it, when she is in none any more":     {add: "members: [{who: user:bob, in: unit:apac, from: 2026-12-02T00:00:00Z}]", want: authz.ErrNotAllowed},
		"below one of it, from no unit":             {add: "org: [{who: user:ada, under: user:bob}]", want: authz.ErrNotAllowed},
		"below one of it, whom nobody knows":        {add: "org: [{who: user:new, under: user:bob}]"},
		"above one of it, from no unit":             {add: "org: [{who: user:bob, under: user:ada}]"},
		"out of it":                                 {remove: "members: [{who: user:bob, in: unit:apac, until: 2026-12-01T00:00:00Z}]"},
		"a membership that is over":                 {remove: "members: [{who: user:old, in: unit:apac, until: 2026-11-01T00:00:00Z}]"},
	} {
		t.Run(name, func(t *testing.T) {
			az, change := administeredWith(t, byUnits, facts), authz.Change{Tenant: "acme"}
			if c.add != "" {
				change.Add = factsIn(t, c.add)
			} else {
				change.Remove = factsIn(t, c.remove)
			}
			if err := makeChange(t, az, hana, change); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Who is in two groups that exclude each other may nothing; whoever takes her out of one gives back everything.
func TestOutOfOneOfTwoDutiesIsGivenAll(t *testing.T) {
	const eve = "members: [{who: user:eve, in: [role:maker, role:clerk]}, {who: role:clerk, in: role:office}, {who: user:ann, in: role:maker}]\nrules: [{who: [user:eve, user:lea], may: update, on: customer, scope: all}]"
	off := model.Switch{Tenant: "acme", Target: "role:checker", Mode: model.ModeOff}
	for name, c := range map[string]struct {
		change authz.Change
		want   error
	}{
		"out of one":                  {authz.Change{Remove: []authz.Fact{member("user:eve", "role:maker")}}, authz.ErrExceeds},
		"out of what is in the other": {authz.Change{Remove: []authz.Fact{member("user:eve", "role:clerk")}}, authz.ErrExceeds},
		"one is off":                  {authz.Change{Add: []authz.Fact{off}}, authz.ErrExceeds},
		"out of neither":              {authz.Change{Remove: []authz.Fact{member("role:clerk", "role:office")}}, nil},
		"another out of one":          {authz.Change{Remove: []authz.Fact{member("user:ann", "role:maker")}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			az := administered(t, eve)
			must(t)(az.Grant(t.Context(), authz.Operator("setup", ""), authz.Membership{Tenant: model.Base, Member: "role:clerk", Group: "role:checker"}))
			wantAllowed(t, az, ask("user:eve", "update", hers), false)
			c.change.Tenant = "acme"
			if err := makeChange(t, az, authz.By("user:lea", ""), c.change); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Who joins gives what she owns herself; others' records are nobody's to give where no rule reaches them through the group.
func TestAnOwnerMayJoinWhereNobodyReachesHerRecordsThroughIt(t *testing.T) {
	lea := authz.By("user:lea", "")
	az := administeredWith(t, byUnits, `
rules: [{who: user:lea, may: update, on: customer, scope: team, until: 2026-11-01T00:00:00Z}]
members: [{who: user:lea, in: [team:t, team:u, unit:top, role:mine]}, {who: team:u, in: unit:top}]
org: [{who: unit:x, under: unit:top}]`)
	for _, group := range []string{"team:t", "team:u", "unit:top", "role:mine"} {
		if _, err := az.Grant(t.Context(), lea, member("user:eve", group)); err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
	az = administeredWith(t, byUnits, "rules: [{who: user:lea, may: update, on: customer, scope: team}]\nmembers: [{who: user:lea, in: [team:t, role:vip]}, {who: role:vip, in: role:club}]")
	for _, m := range []authz.Membership{member("user:lea", "role:club"), member("user:eve", "role:rep")} {
		if _, err := az.Grant(t.Context(), lea, m); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}

// byUnits is a schema in which superiors of units have what their people own.
const byUnits = `
types:
  customer: {actions: {read: read, update: write, delete: delete}, fields: {name: open, iban: closed}, attributes: {hold: bool}, hierarchy: {by: units, level: full}}
conditions: {held: record.hold, no_vip: '!ownerIn("role:vip")', club: 'ownerIn("role:club")', mine: own(), not_mine: '!own()', no_part: 'teamRole("part")'}
administration: {}
`

// What an actor holds he gives, and takes back.
func TestGivingWhatOneHolds(t *testing.T) {
	lea := authz.By("user:lea", "")
	for name, c := range map[string]struct{ facts, give string }{
		"a rule of hers":                    {"", "rules: [{who: user:eve, may: [read, update], on: customer}]"},
		"of one action, of all":             {"rules: [{who: user:lea, may: '*', on: '*', scope: all}]", "rules: [{who: user:eve, may: delete, on: customer, scope: unit}]"},
		"for a time":                        {"", "rules: [{who: user:eve, may: read, on: customer, until: 2026-12-01T00:00:00Z}]"},
		"with a condition":                  {"", "rules: [{who: user:eve, may: read, on: customer, if: held}]"},
		"with the same condition":           {"rules: [{who: user:lea, may: delete, on: customer, if: held}]", "rules: [{who: user:eve, may: delete, on: customer, if: held}]"},
		"in a unit below":                   {"rules: [{who: user:lea, may: delete, on: 'customer@unit:x', scope: all}]\norg: [{who: unit:y, under: unit:x}]", "rules: [{who: user:eve, may: delete, on: 'customer@unit:y', scope: all}]"},
		"her own customer":                  {"", "teams: [{who: user:eve, has: full, on: customer/1}]"},
		"to update her own customer":        {"", "rules: [{who: user:eve, may: update, on: customer/1}]"},
		"a level of another's customer":     {"teams: [{who: role:rep, has: write, on: customer/2}]", "teams: [{who: user:ann, has: read, on: customer/2}]"},
		"a customer of one below her":       {"org: [{who: user:eve, under: user:lea}]", "teams: [{who: user:ann, has: read, on: customer/2}]"},
		"her role":                          {"", "members: [{who: user:eve, in: role:rep}]"},
		"her team":                          {"members: [{who: user:lea, in: team:t}]", "members: [{who: user:eve, in: team:t}]"},
		"what is forbidden to everyone":     {"rules: [{who: '*', may not: update, on: customer, if: held}]", "rules: [{who: user:eve, may: update, on: customer}]"},
		"a field":                           {"fields: [{who: role:rep, has: read, on: 'customer#*'}]", "fields: [{who: user:eve, has: masked, on: customer#iban}]"},
		"a field that everyone sees":        {"", "fields: [{who: user:eve, has: read, on: customer#name}]"},
		"less":                              {"", "rules: [{who: user:eve, may not: '*', on: '*'}]"},
		"a superior of her own":             {"", "org: [{who: user:lea, under: user:eve}]"},
		"a superior of one below her":       {"org: [{who: user:ann, under: user:lea}]", "org: [{who: user:ann, under: user:eve}]"},
		"out of a role that forbids nobody": {"members: [{who: user:eve, in: role:rep}]\nrules: [{who: role:rep, may not: delete, on: customer}]", "members: [{who: user:eve, in: role:guest}]"},
	} {
		t.Run(name, func(t *testing.T) {
			az := administered(t, c.facts)
			facts := factsIn(t, c.give)
			for _, f := range facts {
				must(t)(az.Grant(t.Context(), lea, f))
			}
			must(t)(az.Disable(t.Context(), lea, "acme", "customer#name"))
			if f := facts[0]; f.Section() == model.CustomerRules && f.(authz.CustomerRule).Effect == model.Deny {
				return // she does not hold all that this kept back
			}
			must(t)(az.Revoke(t.Context(), lea, facts...))
		})
	}
}

// An administrator reopens his tenant, which nobody else changes meanwhile; what a second person is for
// waits for one, whoever asks.
func TestLockedTenantIsChangedByItsAdministrators(t *testing.T) {
	az := administered(t, "off: [{what: '*', mode: locked}]")
	eve := factsIn(t, "members: [{who: user:eve, in: role:rep}]")
	if _, err := az.Grant(t.Context(), authz.By("user:lea", ""), eve...); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("by who is no administrator: %v", err)
	}
	must(t)(az.Grant(t.Context(), authz.By("user:ada", ""), eve...))
	must(t)(az.Enable(t.Context(), authz.By("user:ada", "done"), "acme", "*"))
	must(t)(az.Revoke(t.Context(), authz.By("user:lea", ""), eve...))
}

// Whether there will be an administrator is asked about times to come, which the clock has not shown: no opening
// is over by it, and nothing that is planned has begun.
func TestLookingAheadForAdministratorsEndsNoOpening(t *testing.T) {
	schema, err := model.ParseSchema([]byte("types:\n  customer: {actions: {read: read, delete: delete}}\nadministration: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	now := &clock{adminNow}
	az := openSchema(t, schema, storeOfLines(t), now.option(), authz.WithOpenLimit(time.Hour), authz.WithAudit(&auditLog{}))
	setup := authz.Operator("setup", "maintenance")
	grantText(t, az, setup, "rules: [{who: user:ada, may: administer, on: permission, scope: all, until: 2030-01-01T00:00:00Z}]\nmembers: [{who: user:eve, in: role:rep}]")
	b, err := az.Backup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	must(t)(az.Disable(t.Context(), setup, "acme", "*", authz.InMode(model.ModeOpen), authz.Until(adminNow.Add(time.Hour)), authz.AfterBackup(b)))
	must(t)(az.Grant(t.Context(), authz.By("user:ada", ""), member("user:zoe", "role:rep")))
	wantAllowed(t, az, ask("user:eve", "delete", hers), true)
}

// The log tells the operator from all others.
func TestOperatorIsInTheLogAsSuch(t *testing.T) {
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), crm, store)
	if err != nil {
		t.Fatal(err)
	}
	right := factsIn(t, "rules: [{who: role:rep, may: read, on: customer}]")
	must(t)(az.Grant(t.Context(), authz.Operator("ada", "she imports"), right...))
	entries, err := store.Changes(t.Context(), "acme", 0, 0)
	if err != nil || len(entries) != 1 || entries[0].Actor != "operator:ada" {
		t.Errorf("the log has %+v, %v", entries, err)
	}
	if _, err := az.Revoke(t.Context(), authz.By("operator:ada", ""), right...); !errors.Is(err, authz.ErrNotAllowed) {
		t.Errorf("another of that name: %v", err)
	}
	if _, err := az.Grant(t.Context(), authz.Operator("", ""), right...); !errors.Is(err, authz.ErrNoActor) {
		t.Errorf("an operator without a name: %v", err)
	}
}

// A grant, and its taking away, by a lead of a tenant of 100,000 facts.
func BenchmarkAdministeredChange(b *testing.B) {
	az := administered(b, "")
	var facts []authz.Fact
	for i := range 100_000 {
		facts = append(facts, authz.TeamRule{Tenant: "acme", Subject: fmt.Sprintf("user:%d", i%1000), On: model.OnRecord("customer", fmt.Sprint(i)), Level: model.LevelRead})
	}
	if _, err := az.Grant(b.Context(), authz.Operator("setup", ""), facts...); err != nil {
		b.Fatal(err)
	}
	for _, by := range []authz.Author{authz.By("user:lea", ""), authz.Operator("setup", "")} {
		for _, f := range factsIn(b, "teams: [{who: user:eve, has: read, on: customer/1}]\nmembers: [{who: user:eve, in: role:rep}]") {
			b.Run(fmt.Sprintf("%s/%T", by.Actor, f), func(b *testing.B) {
				for b.Loop() {
					if _, err := az.Grant(b.Context(), by, f); err != nil {
						b.Fatal(err)
					}
					if _, err := az.Revoke(b.Context(), by, f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// asking is a resolver that asks for what it returns.
type asking struct {
	owners
	az *authz.Authorizer
}

func (r *asking) Records(ctx context.Context, tenant string, refs []authz.Ref) ([]*model.Record, error) {
	_, err := r.az.Filter(ctx, authz.Query{Tenant: tenant, User: "user:ada", Action: "read", Type: "customer"})
	if err != nil && !errors.Is(err, model.ErrUnknownTenant) {
		return nil, err
	}
	return r.owners.Records(ctx, tenant, refs)
}

// The first question that a process is asked may be for the record of a change, also of the first change
// of a tenant.
func TestResolverMayAskWhileAChangeIsMade(t *testing.T) {
	schema, err := model.ParseSchema([]byte("types: {customer: {actions: {read: read}}}\nadministration: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for where, admin := range map[string]string{"of a tenant with facts": "acme:\n  rules: [{who: user:ada", "of a tenant without": "\"*\":\n  rules: [{who: \"*\""} {
		t.Run(where, func(t *testing.T) {
			r := &asking{}
			r.az, err = authz.Open(t.Context(), schema, storeOf(admin+", may: administer, on: permission, scope: all}]\n"), authz.WithResolver(r))
			if err != nil {
				t.Fatal(err)
			}
			granted := make(chan error, 1)
			go func() {
				_, err := r.az.Grant(t.Context(), authz.By("user:ada", ""), factsIn(t, "teams: [{who: user:eve, has: read, on: customer/1}]")...)
				granted <- err
			}()
			select {
			case err := <-granted:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the change waits for the question, and that for the change")
			}
			_, err = r.az.Filter(t.Context(), authz.Query{Tenant: "acme", User: "user:ada", Action: "read", Type: "customer"})
			if err != nil {
				t.Error("a question after the change: ", err)
			}
		})
	}
}
