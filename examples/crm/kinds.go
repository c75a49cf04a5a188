package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/crmauthz/crmauthz/authz/authzgorm"
)

// field is a field of a kind of records, as pages show it.
type field struct {
	Name    string // in the schema, in JSON, and of the column
	Label   string
	Input   string // text, email, tel, area, money, percent, date, choice, owner, unit
	GoName  string // for sorting
	Choices []string
	Needed  bool // may not be empty
	Listed  bool // is a column of the list
	Max     int  // characters; 0: 200
}

// kind is a kind of records: what a page needs to list, show and change them.
type kind struct {
	Type, Path        string // "customer", "customers"
	Label, Plural     string
	Title             string // the field that records are called by
	Parent            bool   // records belong to a customer
	Fields            []field
	Sort              string // how a list is sorted at first
	Search            []string
	ops               operations
	Empty, EmptyAbout string // what an empty list says
}

// row is a record as the plugin gave it out: what its reader may not see is not in it.
type row struct {
	ID     int64
	Parent int64 // the customer's id; 0 of a customer
	Values map[string]any
}

// operations are what is done to the rows of a kind's table. db decides what of it is allowed.
type operations struct {
	page   func(db *gorm.DB, q authzgorm.PageQuery) ([]row, string, error)
	get    func(db *gorm.DB, id int64) (row, error)
	count  func(db *gorm.DB) (int64, error)
	create func(db *gorm.DB, values map[string]any) (int64, error)
	update func(db *gorm.DB, id int64, values map[string]any) (int64, error)
	remove func(db *gorm.DB, id int64) (int64, error)
}

// operationsOf are those of a model.
func operationsOf[T any](idOf func(*T) int64) operations {
	return operations{
		page: func(db *gorm.DB, q authzgorm.PageQuery) ([]row, string, error) {
			p, err := authzgorm.FindPage[T](db, q)
			if err != nil {
				return nil, "", err
			}
			rows := make([]row, len(p.Rows))
			for i := range p.Rows {
				if rows[i], err = rowOf(&p.Rows[i]); err != nil {
					return nil, "", err
				}
			}
			return rows, p.Next, nil
		},
		get: func(db *gorm.DB, id int64) (row, error) {
			var v T
			if err := db.Where("id = ?", id).Take(&v).Error; err != nil {
				return row{}, err
			}
			return rowOf(&v)
		},
		count: func(db *gorm.DB) (n int64, err error) {
			err = db.Model(new(T)).Count(&n).Error
			return n, err
		},
		create: func(db *gorm.DB, values map[string]any) (int64, error) {
			v := new(T)
			text, err := json.Marshal(values)
			if err == nil {
				err = json.Unmarshal(text, v)
			}
			if err == nil {
				err = db.Create(v).Error
			}
			return idOf(v), err
		},
		update: func(db *gorm.DB, id int64, values map[string]any) (int64, error) {
			tx := db.Model(new(T)).Where("id = ?", id).Updates(values)
			return tx.RowsAffected, tx.Error
		},
		remove: func(db *gorm.DB, id int64) (int64, error) {
			tx := db.Where("id = ?", id).Delete(new(T))
			return tx.RowsAffected, tx.Error
		},
	}
}

// rowOf takes a model's value apart by its JSON names.
func rowOf(v any) (r row, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return r, err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&r.Values); err != nil {
		return r, err
	}
	number := func(name string) (n int64) {
		if v, ok := r.Values[name].(json.Number); ok {
			n, _ = v.Int64()
		}
		return n
	}
	r.ID, r.Parent = number("id"), number("customer_id")
	return r, nil
}

// text is a field of a row as a form has it.
func (r row) text(name string) string {
	if v, ok := r.Values[name]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

var segmentNames = func() (names []string) {
	for _, s := range segments {
		names = append(names, s.name)
	}
	return names
}()

var kinds = []*kind{
	{
		Type: "customer", Path: "customers", Label: "Customer", Plural: "Customers", Title: "name", Sort: "name", Search: []string{"name", "city"},
		ops:   operationsOf(func(c *Customer) int64 { return c.ID }),
		Empty: "No customers here", EmptyAbout: "You see the customers that you own, that your team shares with you, and those of your people.",
		Fields: []field{
			{Name: "name", Label: "Name", Input: "text", GoName: "Name", Needed: true, Listed: true},
			{Name: "segment", Label: "Segment", Input: "choice", GoName: "Segment", Choices: segmentNames, Needed: true, Listed: true},
			{Name: "city", Label: "City", Input: "text", GoName: "City", Listed: true, Max: 100},
			{Name: "phone", Label: "Phone", Input: "tel", GoName: "Phone", Listed: true, Max: 40},
			{Name: "email", Label: "E-mail", Input: "email", GoName: "Email"},
			{Name: "credit_limit", Label: "Credit limit", Input: "money", GoName: "CreditLimit", Listed: true},
			{Name: "vat_id", Label: "VAT number", Input: "text", GoName: "VATID", Max: 40},
			{Name: "owner", Label: "Owner", Input: "owner", GoName: "Owner", Needed: true, Listed: true},
			{Name: "unit", Label: "Unit", Input: "unit", GoName: "Unit", Needed: true},
			{Name: "note", Label: "Note", Input: "area", GoName: "Note", Max: 2000},
		},
	},
	{
		Type: "contact", Path: "contacts", Label: "Contact", Plural: "Contacts", Title: "name", Parent: true, Sort: "name", Search: []string{"name", "job"},
		ops:   operationsOf(func(c *Contact) int64 { return c.ID }),
		Empty: "No people here", EmptyAbout: "Who reaches a customer reaches its people.",
		Fields: []field{
			{Name: "name", Label: "Name", Input: "text", GoName: "Name", Needed: true, Listed: true},
			{Name: "job", Label: "Job", Input: "text", GoName: "Job", Listed: true, Max: 100},
			{Name: "phone", Label: "Phone", Input: "tel", GoName: "Phone", Listed: true, Max: 40},
			{Name: "email", Label: "E-mail", Input: "email", GoName: "Email", Listed: true},
		},
	},
	{
		Type: "opportunity", Path: "opportunities", Label: "Opportunity", Plural: "Opportunities", Title: "title", Parent: true, Sort: "-closes_on", Search: []string{"title", "stage"},
		ops:   operationsOf(func(o *Opportunity) int64 { return o.ID }),
		Empty: "No opportunities here", EmptyAbout: "You see deals of your own, of your people, and of the customers that you reach.",
		Fields: []field{
			{Name: "title", Label: "Title", Input: "text", GoName: "Title", Needed: true, Listed: true},
			{Name: "stage", Label: "Stage", Input: "choice", GoName: "Stage", Choices: stages, Needed: true, Listed: true},
			{Name: "amount", Label: "Amount", Input: "money", GoName: "Amount", Needed: true, Listed: true},
			{Name: "margin", Label: "Margin", Input: "percent", GoName: "Margin", Listed: true},
			{Name: "closes_on", Label: "Closes on", Input: "date", GoName: "ClosesOn", Listed: true},
			{Name: "owner", Label: "Owner", Input: "owner", GoName: "Owner", Needed: true, Listed: true},
		},
	},
}

// kindOf finds a kind by its type.
func kindOf(typ string) *kind {
	if i := slices.IndexFunc(kinds, func(k *kind) bool { return k.Type == typ }); i >= 0 {
		return kinds[i]
	}
	return nil
}

func (k *kind) field(name string) (field, bool) {
	i := slices.IndexFunc(k.Fields, func(f field) bool { return f.Name == name })
	if i < 0 {
		return field{}, false
	}
	return k.Fields[i], true
}

// matching narrows a list to what somebody searches for.
func (k *kind) matching(db *gorm.DB, search string) *gorm.DB {
	if search = strings.TrimSpace(search); search == "" {
		return db
	}
	// What would be a pattern is any one character: databases do not agree on how to escape it.
	pattern := "%" + strings.NewReplacer("%", "_", `\`, "_").Replace(strings.ToLower(strings.ToValidUTF8(search, "_"))) + "%"
	var either []clause.Expression
	for _, name := range k.Search { // names of ours, never of the request
		either = append(either, clause.Expr{SQL: "lower(" + name + ") LIKE ?", Vars: []any{pattern}})
	}
	return db.Where(clause.Or(either...))
}

// parse reads a field of a form. problem says for people what is wrong with it.
func (f field) parse(tenant, text string) (value any, problem string) {
	text = strings.TrimSpace(text)
	longest := cmp.Or(f.Max, 200)
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, "Some characters here are no text."
	case utf8.RuneCountInString(text) > longest:
		return nil, fmt.Sprintf("At most %d characters.", longest)
	case text == "" && f.Needed:
		return nil, "This can not be empty."
	}
	switch f.Input {
	case "money":
		return wholeNumber(text, 1_000_000_000)
	case "percent":
		return wholeNumber(text, 100)
	case "date":
		if _, err := time.Parse(time.DateOnly, text); text != "" && err != nil {
			return nil, "A date such as 2026-12-24, please."
		}
	case "choice", "owner", "unit":
		if !isChoice(choicesOf(f, tenant), text) {
			return nil, "One of the list, please."
		}
	}
	return text, ""
}

// wholeNumber reads a number from 0 to most, as people write it; nil if there is none.
func wholeNumber(text string, most int64) (value any, problem string) {
	if text == "" {
		return nil, ""
	}
	n, err := strconv.ParseInt(strings.NewReplacer(",", "", " ", "", "€", "", "%", "").Replace(text), 10, 64)
	if err != nil || n < 0 || n > most {
		return nil, "A whole number, please."
	}
	return n, ""
}

// choice is an entry of a list to choose from.
type choice struct{ Value, Label string }

// choicesOf are the entries of a field's list.
func choicesOf(f field, tenant string) (out []choice) {
	switch f.Input {
	case "choice":
		for _, c := range f.Choices {
			out = append(out, choice{c, c})
		}
	case "owner":
		for _, p := range people {
			if p.Tenant == tenant && !p.Portal {
				out = append(out, choice{p.ID, p.Name})
			}
		}
		if tenant == "fernhill" {
			out = append(out, choice{"team:key", groupNames["team:key"]})
		}
	case "unit":
		for _, u := range map[string][]string{"fernhill": {"north", "south", "fernhill"}, "solano": {"solano"}}[tenant] {
			out = append(out, choice{u, groupNames["unit:"+u]})
		}
	}
	return out
}

// names are what customers are called, those of the ids that the principal of db may read.
func names(ctx context.Context, db *gorm.DB, ids []int64) (map[int64]string, error) {
	var found []Customer
	if err := find(db.WithContext(ctx), &found, ids); err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, c := range found {
		out[c.ID] = c.Name
	}
	return out, nil
}
