package dynamics365

import (
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
)

// holds is the condition that the user has a privilege on the record's table, at some depth. Like
// that of a decision without a record, it looks at rules without conditions.
func holds(r Right) crm.Condition {
	return crm.Condition{Name: "holds_" + r.String(), Expr: "holds(record.type, " + crm.Quote(r.String()) + ")"}
}

// shares makes the rules of shares, and of access teams, which are shares with a team.
func (c *compiler) shares() {
	for _, s := range c.allShares() {
		if c.Users[s.To.User].Disabled && c.dialect.DeactivationDropsShares == "yes" {
			continue
		}
		for _, r := range s.Rights {
			c.share(c.subject(s.To), s, r)
			if r == Write && c.dialect.WriteSharesTransfer == "yes" {
				c.share(c.subject(s.To), s, Assign)
			}
		}
	}
}

func (c *compiler) allShares() []Share {
	all := slices.Clone(c.Shares)
	for name, team := range crm.Sorted(c.Teams) {
		if team.Kind == AccessTeam && team.Record != "" {
			all = append(all, Share{Record: team.Record, To: Grantee{Team: name}, Rights: team.Rights})
		}
	}
	return all
}

func (c *compiler) subject(g Grantee) string {
	switch {
	case g.User != "":
		return userID(g.User)
	case g.Team != "":
		return teamID(g.Team)
	}
	return model.Everyone
}

// share gives one right of a shared record, and of the records below it that share with it, to who has the privilege.
func (c *compiler) share(subject string, s Share, r Right, more ...crm.Condition) {
	table, id, _ := strings.Cut(s.Record, "/")
	when := more
	if c.dialect.SharesWithoutPermission == "useless" {
		when = append(slices.Clone(when), holds(r))
	}
	dropped := s.Owner != "" && c.dialect.SharesAtOwnerChange == "dropped"
	c.rule(subject, model.OnRecord(crm.Name(table), id), r.String(), model.ScopeLevel, append(slices.Clone(when), ownedBy(dropped, "record", s.Owner))...)
	for child, t := range crm.Sorted(c.Tables) {
		if t.Parent == table && t.CascadeShare {
			below := crm.Condition{Name: "below." + crm.Name(id), Expr: "record.parent.id == " + crm.Quote(id)}
			c.rule(subject, model.OnType(crm.Name(child)), r.String(), model.ScopeAll, append(slices.Clone(when), below, ownedBy(dropped, "record.parent", s.Owner))...)
		}
	}
}

// ownedBy is the condition that a user or team owns a record, if that counts.
func ownedBy(counts bool, record, owner string) crm.Condition {
	if !counts {
		return crm.Condition{}
	}
	return crm.Condition{Name: record + ".of." + crm.Name(owner), Expr: crm.Quote(userID(owner)) + " in " + record + ".owners"}
}
