package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
	"github.com/crmauthz/crmauthz/model"
)

const pageSize = 25

// cell is a field of a record as a page shows it.
type cell struct {
	Field  field
	Text   string // of a form
	Shown  string // for people
	Masked bool
	Locked bool // may not be changed by who may change the record
	Hidden bool
	Why    string // the address of the reason
	Error  string
	List   []choice
}

// column is the head of a column of a list.
type column struct {
	Label, Sort, Arrow, Aria string // Sort is the address of the list sorted by it; empty: that may not be asked
	Number                   bool
}

// listed is a row of a list.
type listed struct {
	Path, Title, Customer string
	Parent                int64
	Cells                 []cell
}

// list shows a page of what the visitor may read.
func (s *server) list(k *kind) func(*visit) error {
	return func(v *visit) error {
		q := v.r.URL.Query()
		fields, err := v.viewer.FieldsOfList("read", k.Type)
		if err != nil {
			return err
		}
		order, err := orderOf(k, q.Get("sort"))
		if err != nil {
			return err
		}
		db := k.matching(v.db, q.Get("q"))
		rows, next, err := k.ops.page(db, authzgorm.PageQuery{Size: pageSize, After: q.Get("after"), Order: []authzgorm.Order{order}})
		if err != nil {
			return listError(k, err)
		}
		n, err := k.ops.count(db)
		if err != nil {
			return err
		}
		lines, err := s.lines(v, k, rows)
		if err != nil {
			return err
		}
		data := map[string]any{"Kind": k, "Rows": lines, "Columns": columnsOf(k, fields, q), "Count": n, "Search": q.Get("q"), "SortBy": q.Get("sort"),
			"May": map[string]bool{"create": v.may("create", k.Type) && !k.Parent}, "First": q.Get("after") != ""}
		if next != "" {
			data["Next"] = addressOf(q, "after", next)
		}
		return s.render(v, "list", k.Plural, data)
	}
}

// sortOf takes the order of a list apart: - stands for backwards.
func sortOf(k *kind, sort string) (name string, desc bool) {
	return strings.CutPrefix(cmp.Or(sort, k.Sort), "-")
}

// orderOf reads the order of a list: a field's name, with - before it backwards.
func orderOf(k *kind, sort string) (authzgorm.Order, error) {
	name, desc := sortOf(k, sort)
	f, ok := k.field(name)
	if !ok {
		return authzgorm.Order{}, &pageError{status: http.StatusBadRequest, title: "There is no such column", text: "The list can not be sorted by it."}
	}
	return authzgorm.Order{Field: f.GoName, Desc: desc}, nil
}

// listError says for people why a list is refused.
func listError(k *kind, err error) error {
	var hidden *authz.FieldsError
	var cursor *authzgorm.CursorError
	switch {
	case errors.As(err, &hidden):
		var labels []string
		for _, name := range hidden.Fields {
			labels = append(labels, fieldLabel(k.Type, name))
		}
		return &pageError{status: http.StatusForbidden, title: "The list can not be sorted like that",
			text: "Not everything in this column is yours to see: " + strings.Join(labels, ", ") + ". An order would tell it."}
	case errors.As(err, &cursor):
		return &pageError{status: http.StatusBadRequest, title: "There is no such page", text: "Begin at the first one."}
	}
	return err
}

func columnsOf(k *kind, fields authz.Fields, q url.Values) (out []column) {
	by, desc := sortOf(k, q.Get("sort"))
	for _, f := range k.Fields {
		if !f.Listed {
			continue
		}
		c := column{Label: f.Label, Number: f.Input == "money" || f.Input == "percent"}
		if fields.CheckQuery(authz.FieldQuery{Sort: []string{f.Name}}) == nil {
			to := f.Name
			if f.Name == by && !desc {
				to = "-" + f.Name
			}
			q := cloned(q)
			q.Del("after")
			c.Sort = addressOf(q, "sort", to)
		}
		if f.Name == by {
			c.Arrow, c.Aria = "↑", "ascending"
			if desc {
				c.Arrow, c.Aria = "↓", "descending"
			}
		}
		out = append(out, c)
	}
	return out
}

func cloned(q url.Values) url.Values {
	c := url.Values{}
	for name, values := range q {
		c[name] = slices.Clone(values)
	}
	return c
}

// addressOf is the address of a list with one more word in it.
func addressOf(q url.Values, name, value string) string {
	q = cloned(q)
	q.Del("done")
	q.Set(name, value)
	return "?" + q.Encode()
}

// lines are rows with what each of their fields is to the visitor.
func (s *server) lines(v *visit, k *kind, rows []row) ([]listed, error) {
	refs, parents := make([]authz.Ref, len(rows)), []int64{}
	for i, r := range rows {
		refs[i] = authz.Ref{Type: k.Type, ID: fmt.Sprint(r.ID)}
		if k.Parent {
			parents = append(parents, r.Parent)
		}
	}
	records, err := s.db.Records(v.r.Context(), v.me.Tenant, refs)
	if err != nil {
		return nil, err
	}
	called, err := names(v.r.Context(), v.db, parents)
	if err != nil {
		return nil, err
	}
	var out []listed
	for i, r := range rows {
		if records[i] == nil {
			continue // deleted since
		}
		seen, err := v.viewer.Fields("read", records[i])
		if err != nil {
			return nil, err
		}
		l := listed{Path: fmt.Sprintf("/%s/%d", k.Path, r.ID), Title: r.text(k.Title), Customer: called[r.Parent], Parent: r.Parent}
		for _, f := range k.Fields {
			if f.Listed {
				l.Cells = append(l.Cells, cellOf(v.me.Tenant, k, f, r, seen, authz.Fields{}))
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// cellOf is a field of a row to who has these levels of it.
func cellOf(tenant string, k *kind, f field, r row, seen, open authz.Fields) cell {
	c := cell{Field: f, Text: r.text(f.Name), Masked: seen.Masked(f.Name), Hidden: seen.Level(f.Name) == model.FieldHidden,
		Locked: !open.Writable(f.Name), Why: whyURL(k.Type, fmt.Sprint(r.ID), "read", f.Name), List: choicesOf(f, tenant)}
	switch c.Shown = c.Text; {
	case c.Hidden || c.Text == "":
		c.Shown = ""
	case f.Input == "owner":
		c.Shown = nameOf(tenant, c.Text)
	case f.Input == "unit":
		c.Shown = nameOf(tenant, "unit:"+c.Text)
	case f.Input == "money":
		c.Shown = money(c.Text)
	case f.Input == "percent":
		c.Shown = c.Text + " %"
	case f.Input == "date":
		c.Shown = day(c.Text)
	}
	return c
}

// row is the record that the path of a request names, as the visitor sees it.
func (v *visit) row(k *kind) (row, error) {
	id, err := strconv.ParseInt(v.record.ID, 10, 64)
	if err != nil {
		return row{}, errNotFound
	}
	return k.ops.get(v.db, id)
}

// button is something to do with a record: a way there, or a lock and why.
type button struct {
	Label, Path, Why string
	Allowed          bool
}

// show is the page of a record.
func (s *server) show(k *kind) func(*visit) error {
	return func(v *visit) error {
		r, err := v.row(k)
		if err != nil {
			return err
		}
		cells, may, err := s.cells(v, k, r)
		if err != nil {
			return err
		}
		at := fmt.Sprintf("/%s/%d", k.Path, r.ID)
		data := map[string]any{"Kind": k, "ID": r.ID, "At": at, "Cells": cells, "May": may, "Why": whyURL(k.Type, v.record.ID, "read", ""),
			"Edit": button{"Edit", at + "/edit", whyURL(k.Type, v.record.ID, "update", ""), may["update"]},
			"Team": button{"Team", at + "/team", whyURL("directory", "", "read", ""), v.may("read", "directory")},
			"Drop": button{"Delete", at + "/delete", whyURL(k.Type, v.record.ID, "delete", ""), may["delete"]}}
		if k.Parent {
			called, err := names(v.r.Context(), v.db, []int64{r.Parent})
			if err != nil {
				return err
			}
			data["Parent"], data["Customer"] = r.Parent, called[r.Parent]
		} else if err := s.addBelow(v, r, data); err != nil {
			return err
		}
		return s.render(v, "record", r.text(k.Title), data)
	}
}

// cells are a record's fields, and what may be done with it.
func (s *server) cells(v *visit, k *kind, r row) ([]cell, map[string]bool, error) {
	actions := []string{"update", "delete"}
	if k.Type == "customer" {
		actions = append(actions, "share", "reveal")
	}
	allowed, may := make([]bool, len(actions)), map[string]bool{}
	if err := v.viewer.EnforceAll(v.record, actions, allowed); err != nil {
		return nil, nil, err
	}
	for i, a := range actions {
		may[a] = allowed[i]
	}
	seen, err := v.viewer.Fields("read", v.record)
	if err != nil {
		return nil, nil, err
	}
	open, err := v.viewer.Fields("update", v.record)
	if err != nil {
		return nil, nil, err
	}
	var cells []cell
	for _, f := range k.Fields {
		cells = append(cells, cellOf(v.me.Tenant, k, f, r, seen, open))
	}
	return cells, may, nil
}

// addBelow adds to a customer's page its people and its deals.
func (s *server) addBelow(v *visit, r row, data map[string]any) error {
	for _, typ := range []string{"contact", "opportunity"} {
		k := kindOf(typ)
		rows, _, err := k.ops.page(v.db.Where("customer_id = ?", r.ID), authzgorm.PageQuery{Size: 100, Order: []authzgorm.Order{{Field: "ID"}}})
		if err != nil {
			return err
		}
		lines, err := s.lines(v, k, rows)
		if err != nil {
			return err
		}
		create, err := v.viewer.Enforce("create", &authz.Record{Type: typ, Owners: ownersOf(k, v.me.ID), Parent: v.record})
		if err != nil {
			return err
		}
		data[k.Plural] = map[string]any{"Kind": k, "Rows": lines, "Read": v.may("read", typ), "Why": whyURL(typ, "", "read", ""),
			"New": button{"New " + strings.ToLower(k.Label), fmt.Sprintf("/%s/new?customer=%d", k.Path, r.ID), "", create}}
	}
	return nil
}

func ownersOf(k *kind, me string) []string {
	if _, ok := k.field("owner"); ok {
		return []string{me}
	}
	return nil
}

// edit is the form of a record.
func (s *server) edit(k *kind) func(*visit) error {
	return func(v *visit) error {
		r, err := v.row(k)
		if err != nil {
			return err
		}
		cells, _, err := s.cells(v, k, r)
		if err != nil {
			return err
		}
		return s.form(v, k, r, cells, "")
	}
}

func (s *server) form(v *visit, k *kind, r row, cells []cell, problem string) error {
	at := fmt.Sprintf("/%s/%d", k.Path, r.ID)
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	s.write(v.w, v, status, "form", "Edit "+r.text(k.Title), map[string]any{"Kind": k, "At": at, "Back": at, "Cells": cells, "Problem": problem, "Button": "Save"})
	return nil
}

// save changes a record. The plugin checks each field that would differ; what it
// refuses, the form says beside the field.
func (s *server) save(k *kind) func(*visit) error {
	return func(v *visit) error {
		r, err := v.row(k)
		if err != nil {
			return err
		}
		cells, _, err := s.cells(v, k, r)
		if err != nil {
			return err
		}
		values, wrong, err := read(v, k)
		if err != nil {
			return err
		}
		if wrong == nil {
			_, err := k.ops.update(v.db, r.ID, values)
			var refused *authz.FieldsError
			switch {
			case err == nil:
				return v.done(fmt.Sprintf("/%s/%d", k.Path, r.ID), "saved")
			case errors.Is(err, gorm.ErrInvalidData):
				return v.done(fmt.Sprintf("/%s/%d", k.Path, r.ID), "unchanged")
			case !errors.As(err, &refused):
				return err
			}
			wrong = map[string]string{}
			for _, name := range refused.Fields {
				wrong[name] = "You may not change this. It was left as it is."
			}
		}
		return s.form(v, k, r, marked(cells, v.r.PostForm, wrong), "Nothing was saved. Look at what is marked.")
	}
}

// read reads the fields of a kind from a form. A field that the kind does not have
// is refused: a form of ours never sends one. wrong says what is wrong with which field.
func read(v *visit, k *kind) (values map[string]any, wrong map[string]string, err error) {
	values = map[string]any{}
	for name, texts := range v.r.PostForm {
		f, ok := k.field(name)
		if name == tokenField || name == "customer_id" && k.Parent {
			continue
		}
		if !ok || len(texts) != 1 {
			return nil, nil, errForm
		}
		value, problem := f.parse(v.me.Tenant, texts[0])
		if problem != "" {
			if wrong == nil {
				wrong = map[string]string{}
			}
			wrong[name] = problem
		}
		values[name] = value
	}
	return values, wrong, nil
}

// marked are the cells of a form that comes back: with what was typed, unless it is
// not the visitor's to type, and what is wrong with it.
func marked(cells []cell, typed url.Values, wrong map[string]string) []cell {
	for i, c := range cells {
		if texts, ok := typed[c.Field.Name]; ok && !c.Locked {
			cells[i].Text = texts[0]
		}
		cells[i].Error = wrong[c.Field.Name]
	}
	return cells
}

// newRecord is the form of a record that is not there yet.
func (s *server) newRecord(k *kind) func(*visit) error {
	return func(v *visit) error {
		cells, back, err := s.blank(v, k, v.r.URL.Query().Get("customer"))
		if err != nil {
			return err
		}
		return s.newForm(v, k, cells, back, v.r.URL.Query().Get("customer"), "")
	}
}

func (s *server) newForm(v *visit, k *kind, cells []cell, back, customer, problem string) error {
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	s.write(v.w, v, status, "form", "New "+strings.ToLower(k.Label), map[string]any{"Kind": k, "At": "/" + k.Path, "Back": back, "Cells": cells,
		"Problem": problem, "Button": "Create", "Customer": customer})
	return nil
}

// blank are the cells of a new record of the visitor's, perhaps of a customer.
func (s *server) blank(v *visit, k *kind, customer string) (cells []cell, back string, err error) {
	proposed := &authz.Record{Type: k.Type, Owners: ownersOf(k, v.me.ID)}
	back = "/" + k.Path
	if k.Parent {
		parents, err := s.db.Records(v.r.Context(), v.me.Tenant, []authz.Ref{{Type: "customer", ID: customer}})
		if err != nil {
			return nil, "", err
		}
		if parents[0] == nil {
			return nil, "", errNotFound
		}
		if ok, err := v.viewer.Enforce("read", parents[0]); err != nil || !ok {
			return nil, "", errNotFound
		}
		proposed.Parent, back = parents[0], "/customers/"+parents[0].ID
	}
	open, err := v.viewer.Fields("create", proposed)
	if err != nil {
		return nil, "", err
	}
	start := map[string]string{"owner": v.me.ID, "unit": s.unitOf(v)}
	for _, f := range k.Fields {
		if open.Level(f.Name) == model.FieldWrite {
			cells = append(cells, cell{Field: f, Text: start[f.Name], List: choicesOf(f, v.me.Tenant)})
		}
	}
	return cells, back, nil
}

// unitOf is the unit that the visitor is in.
func (s *server) unitOf(v *visit) string {
	what, err := s.db.az.WhatCan(v.r.Context(), authz.Query{Tenant: v.me.Tenant, User: v.me.ID, Action: "create", Type: "customer"})
	if err == nil {
		for _, g := range what.Groups {
			if unit, ok := strings.CutPrefix(g, "unit:"); ok {
				return unit
			}
		}
	}
	return ""
}

// create makes a record.
func (s *server) create(k *kind) func(*visit) error {
	return func(v *visit) error {
		customer := v.r.PostForm.Get("customer_id")
		cells, back, err := s.blank(v, k, customer)
		if err != nil {
			return err
		}
		values, wrong, err := read(v, k)
		if err != nil {
			return err
		}
		for _, c := range cells {
			if _, ok := values[c.Field.Name]; !ok && c.Field.Needed {
				if wrong == nil {
					wrong = map[string]string{}
				}
				wrong[c.Field.Name] = "This can not be empty."
			}
		}
		if k.Parent {
			n, err := strconv.ParseInt(customer, 10, 64)
			if err != nil {
				return errForm
			}
			values["customer_id"] = n
		}
		if wrong == nil {
			id, err := k.ops.create(v.db, values)
			var refused *authz.FieldsError
			switch {
			case err == nil && k.Parent:
				return v.done(back, "created")
			case err == nil:
				return v.done(fmt.Sprintf("/%s/%d", k.Path, id), "created")
			case errors.Is(err, authzgorm.ErrNotAllowed):
				return denied("You can create a "+strings.ToLower(k.Label)+" only where you may change it afterwards.", whyURL(k.Type, "", "create", ""))
			case !errors.As(err, &refused):
				return err
			}
			wrong = map[string]string{}
			for _, name := range refused.Fields {
				wrong[name] = "This is not yours to set."
			}
		}
		return s.newForm(v, k, marked(cells, v.r.PostForm, wrong), back, customer, "Nothing was created. Look at what is marked.")
	}
}

// remove deletes a record.
func (s *server) remove(k *kind) func(*visit) error {
	return func(v *visit) error {
		r, err := v.row(k)
		if err != nil {
			return err
		}
		if k.Type == "customer" {
			for _, below := range []string{"contact", "opportunity"} {
				n, err := s.below(v, below, r.ID)
				if err != nil {
					return err
				}
				if n > 0 {
					return &pageError{status: http.StatusConflict, title: "This customer is still in use", text: fmt.Sprintf("%s belong to it: %d.", kindOf(below).Plural, n)}
				}
			}
		}
		if err := s.drop(v, k, r.ID); err != nil {
			return err
		}
		to := "/" + k.Path
		if k.Parent {
			to = fmt.Sprintf("/customers/%d", r.Parent)
		}
		return v.done(to, "deleted")
	}
}

// drop deletes a record and, in the same transaction, what the policy says of it alone.
func (s *server) drop(v *visit, k *kind, id int64) error {
	ctx := v.r.Context()
	p, err := s.policyOf(ctx, v.me.Tenant)
	if err != nil {
		return err
	}
	var gone []authz.Fact
	for _, f := range facts[model.TeamRule](p) {
		if f.On == model.OnRecord(k.Type, v.record.ID) {
			gone = append(gone, f)
		}
	}
	var committed func(context.Context) error
	err = v.db.Transaction(func(tx *gorm.DB) error {
		if _, err := k.ops.remove(tx, id); err != nil {
			return err
		}
		var pending context.Context
		pending, committed = s.db.store.Join(ctx, tx)
		_, err := s.db.az.Revoke(pending, v.by("the "+k.Type+" was deleted"), gone...)
		return err
	})
	if err != nil {
		return err
	}
	return committed(ctx)
}

// below is how many records there are of a customer, whoever may see them.
func (s *server) below(v *visit, typ string, customer int64) (n int64, err error) {
	var of any = &Contact{}
	if typ == "opportunity" {
		of = &Opportunity{}
	}
	err = s.db.all.WithContext(v.r.Context()).Model(of).Where("tenant = ? AND customer_id = ?", v.me.Tenant, customer).Count(&n).Error
	return n, err
}

// reveal shows one masked value to who says why she looks. The audit log gets an entry first.
func (s *server) reveal(v *visit) error {
	k := kindOf("customer")
	r, err := v.row(k)
	if err != nil {
		return err
	}
	f, ok := k.field(v.r.PostForm.Get("field"))
	if !ok {
		return errForm
	}
	var value Customer
	if err := s.db.all.WithContext(v.r.Context()).Where("tenant = ? AND id = ?", v.me.Tenant, r.ID).Take(&value).Error; err != nil {
		return err
	}
	req := authz.Request{Tenant: v.me.Tenant, User: v.me.ID, Action: "reveal", Type: k.Type, ID: fmt.Sprint(r.ID)}
	shown, err := s.db.az.Reveal(v.r.Context(), req, f.Name, strings.TrimSpace(v.r.PostForm.Get("reason")), value)
	switch {
	case errors.Is(err, authz.ErrNoReason):
		return &pageError{status: http.StatusUnprocessableEntity, title: "Say why you look", text: "A masked value is shown to who has a reason, and the reason is kept."}
	case errors.Is(err, authz.ErrDenied):
		return denied("The "+lowered(f.Label)+" stays masked for you.", whyURL(k.Type, fmt.Sprint(r.ID), "reveal", f.Name))
	case err != nil:
		return err
	}
	return s.render(v, "reveal", r.text(k.Title), map[string]any{"Label": f.Label, "Value": fmt.Sprint(shown), "Back": fmt.Sprintf("/customers/%d", r.ID)})
}
