package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

//go:embed schema.yaml
var schemaYAML []byte

//go:embed policy.yaml
var policyYAML []byte

// founder is who the first policy is by.
var founder = authz.By("user:farah", "the first policy")

// seed fills an empty database: the customers, then who may do what to them.
// Names, amounts and owners are the same each time; dates are around today.
func seed(ctx context.Context, all *gorm.DB, az *authz.Authorizer, now time.Time) error {
	if err := seedRecords(ctx, all, now); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := seedPolicy(ctx, all, az, now); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

func seedPolicy(ctx context.Context, all *gorm.DB, az *authz.Authorizer, now time.Time) error {
	facts, err := model.ParsePolicy(policyYAML)
	if err != nil {
		return err
	}
	for _, tenant := range []string{model.Base, "fernhill", "solano"} {
		of := slices.DeleteFunc(slices.Clone(facts), func(f model.Fact) bool { return f.TenantID() != tenant })
		if _, err := az.Grant(ctx, founder, of...); err != nil {
			return err
		}
	}
	harbour, err := recordID(ctx, all, "Harbour Hotel")
	if err != nil {
		return err
	}
	until := model.Period{Until: midnight(now).AddDate(0, 0, 14)}
	_, err = az.Grant(ctx, authz.By("user:carla", "Alice is in Lisbon for two weeks"),
		authz.TeamRule{Tenant: "fernhill", Subject: "user:ben", On: model.OnRecord("customer", harbour), Level: model.LevelWrite, As: "stand-in", Valid: until})
	if err != nil {
		return err
	}
	_, err = az.Grant(ctx, authz.By("user:alice", "Hugo keeps his people up to date himself"),
		authz.TeamRule{Tenant: "fernhill", Subject: "user:hugo", On: model.OnRecord("customer", harbour), Level: model.LevelWrite, As: "portal"})
	return err
}

// recordID is the id of the customer of Fernhill with a name.
func recordID(ctx context.Context, all *gorm.DB, name string) (string, error) {
	var c Customer
	err := all.WithContext(ctx).Where("tenant = ? AND name = ?", "fernhill", name).Take(&c).Error
	return fmt.Sprint(c.ID), err
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// sizes of Fernhill and of the other company.
const (
	fernhillCustomers = 204
	solanoCustomers   = 18
)

func seedRecords(ctx context.Context, all *gorm.DB, now time.Time) error {
	d := dealer{rand.New(rand.NewPCG(2026, 11)), map[string]bool{}, now}
	var customers []Customer
	for i := range fernhillCustomers {
		customers = append(customers, d.fernhill(i))
	}
	for range solanoCustomers {
		customers = append(customers, d.customer("solano", "user:inês", "solano", pick(d, solanoCities)))
	}
	return all.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.CreateInBatches(customers, 50).Error; err != nil {
			return err
		}
		var contacts []Contact
		var deals []Opportunity
		for i := range customers {
			contacts = append(contacts, d.contacts(&customers[i])...)
			deals = append(deals, d.deals(&customers[i])...)
		}
		if err := tx.CreateInBatches(contacts, 60).Error; err != nil {
			return err
		}
		return tx.CreateInBatches(deals, 60).Error
	})
}

// dealer makes up companies and people, the same ones each time.
type dealer struct {
	*rand.Rand
	taken map[string]bool
	now   time.Time
}

// share is how many of Fernhill's customers somebody has.
type share struct {
	owner, unit string
	of          int
}

var shares = []share{
	{"user:alice", "north", 46}, {"user:nora", "north", 41}, {"user:ben", "south", 48}, {"user:tom", "south", 39},
	{"user:carla", "fernhill", 12}, {"team:key", "fernhill", 17},
}

// fernhill is its i-th customer; the first is known to the story.
func (d dealer) fernhill(i int) Customer {
	if i == 0 {
		limit := int64(24_000)
		d.taken["Harbour Hotel"] = true
		return Customer{Tenant: "fernhill", Name: "Harbour Hotel", Segment: "Hotel", City: "Aberdeen", Phone: "+44 1224 555 0142",
			Email: "office@harbour-hotel.example", Note: "Three machines in the breakfast room. Service contract renews in spring.",
			CreditLimit: &limit, VATID: "GB 284 1190 37", Owner: "user:alice", Unit: "north"}
	}
	for _, s := range shares {
		if i -= s.of; i < 0 {
			cities := slices.Concat(northCities, southCities)
			switch s.unit {
			case "north":
				cities = northCities
			case "south":
				cities = southCities
			}
			return d.customer("fernhill", s.owner, s.unit, pick(d, cities))
		}
	}
	return d.customer("fernhill", "user:ben", "south", pick(d, southCities))
}

func (d dealer) customer(tenant, owner, unit string, in city) Customer {
	segment := pick(d, segments)
	name := ""
	for name == "" || d.taken[name] {
		name = pick(d, segment.first) + " " + pick(d, segment.second)
	}
	d.taken[name] = true
	limit := int64(2+d.IntN(40)) * 500
	c := Customer{Tenant: tenant, Name: name, Segment: segment.name, City: in.name, Owner: owner, Unit: unit, CreditLimit: &limit,
		Phone: fmt.Sprintf("%s 555 0%03d", in.prefix, d.IntN(1000)),
		Email: "hello@" + domain(name),
		VATID: fmt.Sprintf("GB %03d %04d %02d", d.IntN(1000), d.IntN(10000), d.IntN(100))}
	if d.IntN(3) > 0 {
		c.Note = pick(d, notes)
	}
	return c
}

func (d dealer) contacts(c *Customer) (out []Contact) {
	for range 1 + d.IntN(4) {
		first, last := pick(d, firstNames), pick(d, lastNames)
		prefix, _, _ := strings.Cut(c.Phone, " 555")
		out = append(out, Contact{Tenant: c.Tenant, CustomerID: c.ID, Name: first + " " + last, Job: pick(d, jobs),
			Phone: fmt.Sprintf("%s 555 1%03d", prefix, d.IntN(1000)),
			Email: plainText(first) + "." + plainText(last) + "@" + domain(c.Name)})
	}
	return out
}

func (d dealer) deals(c *Customer) (out []Opportunity) {
	for range d.IntN(4) {
		stage := pick(d, stages)
		days := d.IntN(120) + 3
		if stage == "won" || stage == "lost" {
			days = -days
		}
		owner := c.Owner
		if owner == "team:key" {
			owner = pick(d, []string{"user:alice", "user:carla"})
		}
		margin := int64(14 + d.IntN(30))
		out = append(out, Opportunity{Tenant: c.Tenant, CustomerID: c.ID, Title: pick(d, dealTitles), Stage: stage, Margin: &margin,
			Amount: int64(6+d.IntN(190)) * 250, ClosesOn: d.now.AddDate(0, 0, days).Format(time.DateOnly), Owner: owner})
	}
	return out
}

func pick[T any](d dealer, from []T) T { return from[d.IntN(len(from))] }

// domain is a made-up address of a company.
func domain(name string) string {
	return strings.Trim(strings.ReplaceAll(plainText(name), "--", "-"), "-") + ".example"
}

// plainText is a name in the letters of an address.
func plainText(name string) string {
	name = strings.NewReplacer("é", "e", "ö", "o", "ø", "o", "ã", "a", "ê", "e", "í", "i", "ł", "l", "ú", "u", "&", "and").Replace(strings.ToLower(name))
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case r == ' ' || r == '-':
			return '-'
		}
		return -1
	}, name)
}
