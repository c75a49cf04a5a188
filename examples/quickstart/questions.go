package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// matrix is people by customers. A cell holds a letter for each action that is
// allowed: Read, Update, eXport, Delete, Transfer.
type matrix struct {
	tenant    string
	customers []string
	people    []person
}

type person struct {
	user, about string
	want        []string // a cell for each customer
}

var letters = []struct{ letter, action string }{
	{"R", "read"}, {"U", "update"}, {"X", "export"}, {"D", "delete"}, {"T", "transfer"},
}

var matrices = []matrix{
	{"nordwind", []string{"account/fjord-bygg", "account/svalbard-lab", "account/elbe-werft", "account/isar-stahl", "account/kyoto-onsen"}, []person{
		{"user:alice", "senior rep, owns the first", []string{"RUX··", "RUX··", "·····", "·····", "·····"}},
		{"user:bjørn", "rep, helps her", []string{"RU···", "RU···", "·····", "·····", "·····"}},
		{"user:anneli", "their manager", []string{"RUXDT", "RUXDT", "·····", "·····", "·····"}},
		{"user:carol", "heads EMEA", []string{"RUXDT", "RUXDT", "RUXDT", "R·X··", "·····"}},
		{"user:ingrid", "heads the company", []string{"RUX··", "R·X··", "RUX··", "R·X··", "RUXDT"}},
		{"user:niamh", "key accounts", []string{"RUX··", "·····", "RUX··", "·····", "R····"}},
		{"user:tomasz", "inside sales, Germany", []string{"·····", "·····", "RU···", "R····", "·····"}},
		{"user:leni", "intern there", []string{"·····", "·····", "R····", "R····", "·····"}},
		{"user:farid", "calls for an agency", []string{"·····", "·····", "R····", "R····", "·····"}},
		{"user:giulia", "leads support in EMEA", []string{"R····", "R····", "R····", "R····", "R····"}},
		{"user:valentina", "marketing, EU only", []string{"·····", "·····", "R·X··", "R·X··", "·····"}},
		{"user:zofia", "controller", []string{"RUX··", "RUX··", "RUX··", "R·X··", "RUX··"}},
		{"user:amara", "auditor", []string{"R····", "R····", "R····", "R····", "R····"}},
		{"user:siobhán", "administrator", []string{"RUXDT", "RUXDT", "RUXDT", "R·X··", "RUXDT"}},
		{"user:gert", "left in October", []string{"·····", "·····", "·····", "·····", "·····"}},
		{"user:石田 健", "senior rep, Japan", []string{"·····", "·····", "·····", "·····", "RUX··"}},
	}},
	{"lumen", []string{"account/lakeview-school", "account/nyali-fishers", "account/satara-mills", "account/alpen-stiftung"}, []person{
		{"user:李 娜", "heads the company", []string{"RUX··", "RUX··", "RUX··", "RUX··"}},
		{"user:amina", "manager, Kenya", []string{"RUXD·", "RUXD·", "·····", "·····"}},
		{"user:otieno", "rep, Kisumu", []string{"RU···", "RU···", "·····", "·····"}},
		{"user:grace", "intern, Kisumu", []string{"R····", "·····", "·····", "·····"}},
		{"user:zanele", "inspector, Africa", []string{"R····", "R····", "·····", "·····"}},
		{"user:sunita", "senior rep, India", []string{"·····", "·····", "RUX··", "·····"}},
		{"user:vikram", "on leave", []string{"·····", "·····", "·····", "·····"}},
		{"user:kwame", "marketing", []string{"·····", "·····", "·····", "R····"}},
		{"user:alice", "works at Nordwind", []string{"·····", "·····", "·····", "·····"}},
	}},
}

func (s *story) askMatrices(ctx context.Context) error {
	for _, m := range matrices {
		s.out.title("Who may do what at " + m.tenant)
		s.out.line("   R read, U update, X export, D delete, T transfer\n")
		rows := [][]string{{"", ""}}
		for _, c := range m.customers {
			rows[0] = append(rows[0], short(c))
		}
		for _, p := range m.people {
			row := []string{short(p.user), p.about}
			for i, c := range m.customers {
				cell, err := s.cell(ctx, m.tenant, p, c, p.want[i])
				if err != nil {
					return err
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
		}
		s.out.box(rows)
	}
	return nil
}

// cell asks about every action and compares each answer.
func (s *story) cell(ctx context.Context, tenant string, p person, customer, want string) (string, error) {
	cell := ""
	for _, l := range letters {
		req, err := s.request(tenant, p.user, l.action, customer)
		if err != nil {
			return "", err
		}
		allowed, err := s.az.Enforce(ctx, req)
		if err != nil {
			return "", err
		}
		s.expect(p.user+" "+l.action+" "+customer, allowed, strings.Contains(want, l.letter))
		if allowed {
			cell += l.letter
		} else {
			cell += "·"
		}
	}
	return cell, nil
}

// why is a question whose answer is told with its reason.
type why struct {
	tenant, user, action, record string
	allowed                      bool
	reason                       string // path to the rule's subject, and how the record is reached; or why not
}

var whys = []why{
	{"nordwind", "user:alice", "update", "account/fjord-bygg", true, "alice → role:senior → role:rep; owner"},
	{"nordwind", "user:bjørn", "update", "account/fjord-bygg", true, "bjørn → role:rep; team rule as backup"},
	{"nordwind", "user:anneli", "update", "opportunity/fjord-bygg-school", true, "anneli → role:manager → role:senior → role:rep; hierarchy above alice"},
	{"nordwind", "user:bruno", "read", "contract/elbe-werft-frame", true, "bruno → role:rep; parent; owner"},
	{"nordwind", "user:石田 健", "read", "quote/hall-3-v2", true, "石田 健 → role:senior → role:rep; parent; team rule as bid"},
	{"nordwind", "user:niamh", "update", "quote/hall-3-v2", false, "out of reach"}, // of deals, customers pass on read only
	{"nordwind", "user:hedda", "resolve", "case/fjord-bygg-leak", true, "hedda → role:support; scope unit_tree"},
	{"nordwind", "user:mateo", "read", "account/maison-leclerc", true, "mateo → role:senior → role:rep; team rule as neighbour"},
	{"nordwind", "user:alice", "approve_discount", "opportunity/fjord-bygg-school", true, "alice → role:senior; owner"}, // 48,000: small
	{"nordwind", "user:dilnoza", "approve_discount", "opportunity/elbe-werft-hall-3", false, "no rule"},                 // 730,000: not small
	{"nordwind", "user:jonas", "approve_discount", "opportunity/elbe-werft-hall-3", true, "jonas → role:manager; hierarchy above bruno"},
	{"nordwind", "user:siobhán", "update", "opportunity/alpenhof-sauna", false, "forbidden if:closed_deal"},
	{"nordwind", "user:bruno", "update", "account/fjord-bygg", false, "out of reach"},
	{"lumen", "user:kwame", "export", "account/alpen-stiftung", false, "no rule"}, // switched off there
	{"lumen", "user:alice", "read", "account/lakeview-school", false, "no rule"},
}

func (s *story) askWhy(ctx context.Context) error {
	s.out.title("Why")
	for _, q := range whys {
		req, err := s.request(q.tenant, q.user, q.action, q.record)
		if err != nil {
			return err
		}
		d, err := s.az.Decide(ctx, req)
		if err != nil {
			return err
		}
		question := fmt.Sprintf("%s %s %s", short(q.user), q.action, q.record)
		s.expect(question, d.Allowed, q.allowed)
		s.expect("why "+question, reason(d), q.reason)
		s.out.line("   %s %s", mark(d.Allowed), question)
		if d.Rule != nil {
			s.out.line("       rule  %s", d.Rule)
		}
		s.out.line("       %s", reason(d))
	}
	s.out.line("")
	return nil
}

// reason tells a decision's path and reach, or why it is none.
func reason(d authz.Decision) string {
	switch d.Reason {
	case model.ReasonAllowed:
		return strings.Join(append([]string{path(d.Path)}, reach(d.Reach)...), "; ")
	case model.ReasonForbidden:
		return "forbidden if:" + d.Rule.(model.CustomerRule).If
	default:
		return d.Reason.String()
	}
}

func path(subjects []string) string { return short(strings.Join(subjects, " → ")) }

func reach(steps []model.Step) (words []string) {
	for _, step := range steps {
		word := step.How
		if rule, ok := step.Rule.(model.TeamRule); ok && rule.As != "" {
			word += " as " + rule.As
		}
		if step.How == "hierarchy" {
			word += " above " + short(step.Path[len(step.Path)-1])
		}
		words = append(words, word)
	}
	return words
}
