package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// nearest is the grant that Explain is expected to find for the denial that it explains.
var nearest = model.TeamRule{Tenant: "nordwind", Subject: "user:bruno", On: model.OnRecord("account", "fjord-bygg"), Level: model.LevelWrite}

// explain shows the gates of a denial and what would change the answer.
func (s *story) explain(ctx context.Context) error {
	s.out.title("May Bruno not update Fjord Bygg? What would it take?")
	req, err := s.request("nordwind", "user:bruno", "update", "account/fjord-bygg")
	if err != nil {
		return err
	}
	x, err := s.az.Explain(ctx, req)
	if err != nil {
		return err
	}
	for _, g := range x.Gates {
		s.out.line("   %s %-17s %s", mark(g.Passed), g.Name, g.Detail)
	}
	s.out.line("   he has level %s; update needs %s", x.Level, x.Need)
	s.expect("bruno's level on fjord-bygg", x.Level, model.LevelRead)
	s.expect("how many grants would do", len(x.Nearest), 1)
	for _, f := range x.Nearest {
		s.expect("what would do", f, model.Fact(nearest))
		s.out.line("   the nearest grant: %s", f)
	}
	s.out.line("")
	return nil
}

// view is a person who looks at a customer.
type view struct {
	user, action string
	want         []model.FieldLevel // of each of the fields
}

var (
	fields = []string{"name", "industry", "phone", "credit_limit", "tax_id", "subsidy_number"}
	views  = []view{
		{"user:bruno", "update", []model.FieldLevel{model.FieldRead, model.FieldRead, model.FieldWrite, model.FieldHidden, model.FieldHidden, model.FieldHidden}},
		{"user:niamh", "update", []model.FieldLevel{model.FieldRead, model.FieldWrite, model.FieldWrite, model.FieldWrite, model.FieldHidden, model.FieldRead}},
		{"user:zofia", "update", []model.FieldLevel{model.FieldRead, model.FieldRead, model.FieldMasked, model.FieldWrite, model.FieldWrite, model.FieldWrite}},
		{"user:leni", "read", []model.FieldLevel{model.FieldRead, model.FieldRead, model.FieldMasked, model.FieldHidden, model.FieldHidden, model.FieldHidden}},
	}
)

// elbeWerft is what the CRM's own database holds of a customer.
var elbeWerft = map[string]any{
	"name": "Elbe-Werft GmbH", "industry": "shipbuilding", "phone": "+49 40 31987654",
	"credit_limit": 250_000, "tax_id": "DE811907980", "subsidy_number": "NI-2041-77",
	"draft": "a field that the schema does not know, so nobody sees it",
}

// showFields shows one customer as four people see it.
func (s *story) showFields(ctx context.Context) error {
	s.out.title("What four people see of Elbe-Werft (✎ they may change it)")
	rows := [][]string{{"field"}}
	for _, f := range fields {
		rows = append(rows, []string{f})
	}
	for _, v := range views {
		req, err := s.request("nordwind", v.user, v.action, "account/elbe-werft")
		if err != nil {
			return err
		}
		seen, err := s.az.Fields(ctx, req)
		if err != nil {
			return err
		}
		shown, err := authz.Redact(seen, elbeWerft)
		if err != nil {
			return err
		}
		rows[0] = append(rows[0], short(v.user)+", to "+v.action)
		for i, f := range fields {
			s.expect(v.user+" "+v.action+" elbe-werft#"+f, seen.Level(f), v.want[i])
			rows[i+1] = append(rows[i+1], fieldCell(shown, f, seen.Writable(f)))
		}
		_, draft := shown["draft"]
		s.expect(v.user+" sees the draft", draft, false)
	}
	s.out.box(rows)
	return nil
}

// fieldCell is what a page shows of a field.
func fieldCell(shown map[string]any, field string, writable bool) string {
	value, ok := shown[field]
	switch {
	case !ok:
		return "·"
	case writable:
		return fmt.Sprint(value, " ✎")
	}
	return fmt.Sprint(value)
}

// step is something that happens, and a question asked after it.
type step struct {
	at           string // the time of day; empty: as before
	what         string // what happens; empty: only time passes
	do           func(context.Context, *authz.Authorizer) (authz.Revision, error)
	user, action string
	record       string
	allowed      bool
}

var (
	admin = authz.By("user:siobhán", "quickstart")
	// marketing's right to export, a rule of the base policy
	export = model.RuleID(model.CustomerRule{Tenant: model.Base, Subject: "role:marketing", On: model.OnType("account"),
		Action: "export", Effect: model.Allow, Scope: model.ScopeAll, If: "eu"})
)

var steps = []step{
	{"", "", nil, "user:bruno", "update", "account/fjord-bygg", false},
	{"", "grant Bruno write on Fjord Bygg", grant(nearest), "user:bruno", "update", "account/fjord-bygg", true},
	{"", "revoke it", revoke(nearest), "user:bruno", "update", "account/fjord-bygg", false},
	{"", "disable Alice", disable("user:alice"), "user:alice", "read", "account/fjord-bygg", false},
	{"", "", nil, "user:anneli", "read", "account/fjord-bygg", true}, // her manager still reaches what she owns
	{"", "enable Alice", enable("user:alice"), "user:alice", "read", "account/fjord-bygg", true},
	{"", "disable marketing's export, at Nordwind", disable(export), "user:valentina", "export", "account/elbe-werft", false},
	{"", "enable it", enable(export), "user:valentina", "export", "account/elbe-werft", true},
	{"", "disable Carol until noon", disable("user:carol", authz.Until(monday.Add(3*time.Hour))), "user:carol", "read", "account/elbe-werft", false},
	{"11:59:59", "", nil, "user:carol", "read", "account/elbe-werft", false},
	{"12:00:00", "", nil, "user:carol", "read", "account/elbe-werft", true},
	{"17:59:59", "", nil, "user:samir", "read", "account/maison-leclerc", true}, // he helps for this day, until 18:00
	{"18:00:00", "", nil, "user:samir", "read", "account/maison-leclerc", false},
	{"", "", nil, "user:farid", "read", "account/elbe-werft", true}, // 19:00 in Hamburg: working hours
	{"19:00:00", "", nil, "user:farid", "read", "account/elbe-werft", false},
}

func grant(f ...model.Fact) func(context.Context, *authz.Authorizer) (authz.Revision, error) {
	return func(ctx context.Context, az *authz.Authorizer) (authz.Revision, error) {
		return az.Grant(ctx, admin, f...)
	}
}

func revoke(f ...model.Fact) func(context.Context, *authz.Authorizer) (authz.Revision, error) {
	return func(ctx context.Context, az *authz.Authorizer) (authz.Revision, error) {
		return az.Revoke(ctx, admin, f...)
	}
}

func disable(target string, bounds ...authz.SwitchOption) func(context.Context, *authz.Authorizer) (authz.Revision, error) {
	return func(ctx context.Context, az *authz.Authorizer) (authz.Revision, error) {
		return az.Disable(ctx, admin, "nordwind", target, bounds...)
	}
}

func enable(target string) func(context.Context, *authz.Authorizer) (authz.Revision, error) {
	return func(ctx context.Context, az *authz.Authorizer) (authz.Revision, error) {
		return az.Enable(ctx, admin, "nordwind", target)
	}
}

// change goes through the steps of the day.
func (s *story) change(ctx context.Context) error {
	s.out.title("A Monday of changes at nordwind")
	for _, st := range steps {
		if st.at != "" {
			clock, err := time.Parse(time.TimeOnly, st.at)
			if err != nil {
				return err
			}
			s.now = monday.Truncate(24 * time.Hour).Add(clock.Sub(clock.Truncate(24 * time.Hour)))
		}
		if st.do != nil {
			rev, err := st.do(ctx, s.az)
			if err != nil {
				return err
			}
			s.out.line("   %s  %s (revision %d)", s.now.Format(time.TimeOnly), st.what, rev)
		}
		req, err := s.request("nordwind", st.user, st.action, st.record)
		if err != nil {
			return err
		}
		allowed, err := s.az.Enforce(ctx, req)
		if err != nil {
			return err
		}
		question := fmt.Sprintf("%s %s %s", short(st.user), st.action, short(st.record))
		s.expect(s.now.Format(time.TimeOnly)+" "+question, allowed, st.allowed)
		s.out.line("   %s     %s %s", s.now.Format(time.TimeOnly), mark(allowed), question)
	}
	s.out.line("")
	return nil
}
