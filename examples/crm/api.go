package main

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgorm"
)

// customersJSON is a page of the list for programs.
type customersJSON struct {
	Customers []Customer     `json:"customers"` // masked as the list is; what is hidden is absent
	Next      string         `json:"next,omitempty"`
	Revision  authz.Revision `json:"revision"` // of the policy
}

// apiCustomers answers GET /api/customers?size=25&sort=-name&q=hotel&after=NEXT.
func (s *server) apiCustomers(v *visit) error {
	q := v.r.URL.Query()
	size := pageSize
	if text := q.Get("size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 200 {
			return &pageError{status: http.StatusBadRequest, title: "size is a number from 1 to 200"}
		}
		size = n
	}
	k := kindOf("customer")
	order, err := orderOf(k, q.Get("sort"))
	if err != nil {
		return err
	}
	page, err := authzgorm.FindPage[Customer](k.matching(v.db, q.Get("q")), authzgorm.PageQuery{Size: size, After: q.Get("after"), Order: []authzgorm.Order{order}})
	if err != nil {
		return listError(k, err)
	}
	if page.Rows == nil {
		page.Rows = []Customer{}
	}
	out, err := json.Marshal(customersJSON{page.Rows, page.Next, v.viewer.Revision()})
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, err = v.w.Write(out)
	return err
}
