package main

import (
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
)

// Customer is a company that buys, or might. In JSON, a field that its reader may
// not see is absent.
type Customer struct {
	ID          int64     `json:"id"`
	Tenant      string    `json:"-" gorm:"size:100;not null;index:idx_customers_name,priority:1"`
	Name        string    `json:"name,omitempty" gorm:"size:200;not null;index:idx_customers_name,priority:2"`
	Segment     string    `json:"segment,omitempty" gorm:"size:40;not null"`
	City        string    `json:"city,omitempty" gorm:"size:100;not null"`
	Phone       string    `json:"phone,omitempty" gorm:"size:40;not null"`
	Email       string    `json:"email,omitempty" gorm:"size:200;not null"`
	Note        string    `json:"note,omitempty" gorm:"size:2000;not null"`
	CreditLimit *int64    `json:"credit_limit,omitempty"` // in euros
	VATID       string    `json:"vat_id,omitempty" gorm:"column:vat_id;size:40;not null"`
	Owner       string    `json:"owner,omitempty" gorm:"size:100;not null;index"` // "user:alice" or "team:key"
	Unit        string    `json:"unit,omitempty" gorm:"size:100;not null"`        // "north"
	CreatedAt   time.Time `json:"-"`
	UpdatedAt   time.Time `json:"-"`
}

// Contact is a person at a customer.
type Contact struct {
	ID         int64     `json:"id"`
	Tenant     string    `json:"-" gorm:"size:100;not null;index:idx_contacts_name,priority:1"`
	CustomerID int64     `json:"customer_id" gorm:"not null;index"`
	Name       string    `json:"name,omitempty" gorm:"size:200;not null;index:idx_contacts_name,priority:2"`
	Job        string    `json:"job,omitempty" gorm:"size:100;not null"`
	Phone      string    `json:"phone,omitempty" gorm:"size:40;not null"`
	Email      string    `json:"email,omitempty" gorm:"size:200;not null"`
	CreatedAt  time.Time `json:"-"`
	UpdatedAt  time.Time `json:"-"`
}

// Opportunity is a deal with a customer.
type Opportunity struct {
	ID         int64     `json:"id"`
	Tenant     string    `json:"-" gorm:"size:100;not null;index:idx_opportunities_closes_on,priority:1"`
	CustomerID int64     `json:"customer_id" gorm:"not null;index"`
	Title      string    `json:"title,omitempty" gorm:"size:200;not null"`
	Stage      string    `json:"stage,omitempty" gorm:"size:20;not null"`
	Amount     int64     `json:"amount,omitempty" gorm:"not null"`                                                         // in euros
	Margin     *int64    `json:"margin,omitempty"`                                                                         // in percent
	ClosesOn   string    `json:"closes_on,omitempty" gorm:"size:10;not null;index:idx_opportunities_closes_on,priority:2"` // "2026-12-15"
	Owner      string    `json:"owner,omitempty" gorm:"size:100;not null;index"`
	CreatedAt  time.Time `json:"-"`
	UpdatedAt  time.Time `json:"-"`
}

// AuditEntry is a line of the audit log: who looked at a masked value, and why.
type AuditEntry struct {
	ID    int64
	Entry authz.AuditEntry `gorm:"embedded;embeddedPrefix:entry_"`
}

// guarded are the tables of which everybody sees what the policy lets them.
var guarded = []authzgorm.Model{
	{Type: "customer", Of: &Customer{}, Tenant: "Tenant", Owners: []authzgorm.Owner{{Field: "Owner"}}, Unit: "Unit"},
	{Type: "contact", Of: &Contact{}, Tenant: "Tenant", Parent: "CustomerID"},
	{Type: "opportunity", Of: &Opportunity{}, Tenant: "Tenant", Owners: []authzgorm.Owner{{Field: "Owner"}}, Parent: "CustomerID"},
}
