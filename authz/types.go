package authz

import "github.com/crmauthz/crmauthz/model"

// The words of package model that occur in the signatures here.
type (
	Schema       = model.Schema
	Request      = model.Request
	Record       = model.Record
	Decision     = model.Decision
	Explanation  = model.Explanation
	Fact         = model.Fact
	CustomerRule = model.CustomerRule
	TeamRule     = model.TeamRule
	FieldRule    = model.FieldRule
	Membership   = model.Membership
	OrgEdge      = model.OrgEdge
	Revision     = model.Revision

	FieldExplanation = model.FieldExplanation
)
