package hubspot

import (
	"slices"

	"github.com/crmauthz/crmauthz/model/crm"
)

// CheckAssign tells whether HubSpot would let a user assign a permission set: she is a super admin,
// or holds herself everything that is in it. It refuses with a *crm.Error that matches
// crm.ErrRefused, or crm.ErrNotFound for what is not described.
func (o *Organisation) CheckAssign(by, set string) error {
	c := crm.Checker{}
	crm.Known(&c, "assigning user", o.Users, by)
	crm.Known(&c, "permission set", o.Sets, set)
	u := o.Users[by]
	if c.Err != nil || u.SuperAdmin {
		return c.Err
	}
	refuse := func(what string) error {
		return &crm.Error{What: "permission set " + set, Value: what, Err: crm.ErrRefused, Hint: by + " does not hold it herself"}
	}
	var held []Permissions
	for _, s := range u.Sets {
		held = append(held, o.Seats[u.Seat].of(o.Sets[s]))
	}
	if u.Permissions != nil && len(u.Sets) == 0 {
		held = append(held, o.Seats[u.Seat].of(*u.Permissions))
	}
	for _, t := range o.Sets[set].Tools {
		if !slices.ContainsFunc(held, func(p Permissions) bool { return slices.Contains(p.Tools, t) }) {
			return refuse(t)
		}
	}
	for object, x := range crm.Sorted(o.Sets[set].Objects) {
		for action, want := range crm.Sorted(x.reaches(object, nil)) {
			if !want.none() && !slices.ContainsFunc(held, func(p Permissions) bool {
				has, ok := p.Objects[object].reaches(object, nil)[action]
				return ok && want.within(has) == want
			}) {
				return refuse(object + " " + action)
			}
		}
	}
	return nil
}
