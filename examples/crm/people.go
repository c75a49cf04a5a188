package main

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
)

// person is somebody who works with this CRM. Who she is, and that it is she, is
// the application's to know; what she may do, the policy says.
type person struct {
	ID      string // "user:alice"
	Name    string
	Tenant  string
	Job     string
	About   string // for the page to log in at
	LogsIn  bool
	Portal  bool // of a customer, not of the company
	Colour  int  // of her picture
	Company string
}

// companies are the tenants and their names.
var companies = map[string]string{"fernhill": "Fernhill Coffee", "solano": "Solano Tea"}

var people = []person{
	{ID: "user:alice", Name: "Alice Marsh", Tenant: "fernhill", Job: "Sales, North", LogsIn: true,
		About: "Has customers of her own, and reads those of her colleague in the North."},
	{ID: "user:ben", Name: "Ben Okafor", Tenant: "fernhill", Job: "Sales, South", LogsIn: true,
		About: "The same in the South. For two weeks he stands in at one of Alice’s customers."},
	{ID: "user:carla", Name: "Carla Jensen", Tenant: "fernhill", Job: "Head of sales", LogsIn: true,
		About: "Has what her people have, and sees margins and credit limits."},
	{ID: "user:dan", Name: "Dan Webb", Tenant: "fernhill", Job: "Support", LogsIn: true,
		About: "Reads every customer. Telephone numbers are masked until he says why he needs one."},
	{ID: "user:eva", Name: "Eva Lindt", Tenant: "fernhill", Job: "Finance", LogsIn: true,
		About: "Changes credit limits and VAT numbers, and nothing else."},
	{ID: "user:farah", Name: "Farah Noor", Tenant: "fernhill", Job: "Administrator", LogsIn: true,
		About: "Says who may do what: rules, roles, switches, and the log of all changes."},
	{ID: "user:hugo", Name: "Hugo Martin", Tenant: "fernhill", Job: "Harbour Hotel", LogsIn: true, Portal: true,
		About: "A customer. In the portal he keeps the people of his own hotel up to date."},
	{ID: "user:inês", Name: "Inês Rocha", Tenant: "solano", Job: "Owner of Solano Tea", LogsIn: true,
		About: "Runs another company in the same database. Nothing of Fernhill is hers to see."},
	{ID: "user:nora", Name: "Nora Lund", Tenant: "fernhill", Job: "Sales, North"},
	{ID: "user:tom", Name: "Tom Reilly", Tenant: "fernhill", Job: "Sales, South"},
}

func init() {
	for i := range people {
		people[i].Colour = i + 1
		people[i].Company = companies[people[i].Tenant]
	}
}

// groupNames are what roles, teams and units are called.
var groupNames = map[string]string{
	"role:staff": "Staff", "role:rep": "Sales rep", "role:manager": "Sales manager", "role:support": "Support",
	"role:finance": "Finance", "role:admin": "Administrator", "role:portal": "Portal user",
	"team:key":   "Key accounts",
	"unit:north": "North", "unit:south": "South", "unit:fernhill": "Fernhill Coffee", "unit:solano": "Solano Tea",
}

// personOf finds somebody of a tenant by her id.
func personOf(tenant, id string) (person, bool) {
	i := slices.IndexFunc(people, func(p person) bool { return p.ID == id && p.Tenant == tenant })
	if i < 0 {
		return person{}, false
	}
	return people[i], true
}

// login finds somebody who may log in.
func login(id string) (person, bool) {
	i := slices.IndexFunc(people, func(p person) bool { return p.ID == id && p.LogsIn })
	if i < 0 {
		return person{}, false
	}
	return people[i], true
}

// nameOf is what a subject of a tenant is called.
func nameOf(tenant, subject string) string {
	if p, ok := personOf(tenant, subject); ok {
		return p.Name
	}
	if name, ok := groupNames[subject]; ok {
		return name
	}
	if subject == model.Everyone {
		return "everyone"
	}
	_, id, _ := strings.Cut(subject, ":")
	return id
}

// initials are those of a name, for its picture.
func initials(name string) string {
	var out []rune
	for _, word := range strings.Fields(name) {
		out = append(out, []rune(word)[0])
	}
	return string(out[:min(len(out), 2)])
}
