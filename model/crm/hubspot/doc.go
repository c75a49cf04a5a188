// Package hubspot describes a HubSpot account in HubSpot's own words, and compiles the
// description to a schema and facts that decide as HubSpot does.
//
// [Parse] reads a description from YAML, [Import] makes one of tables that an administrator
// filled in, since HubSpot exports no permissions, and [Organisation.Compile] compiles it.
//
// # Building blocks
//
//	HubSpot                             becomes
//	object, activity                    type
//	permission set                      role:set.SET; one customer rule for each permission, with its reach as the scope
//	permissions of one user             the same rules for the user herself; a set overrides them: they are not compiled
//	all, team, owned                    the scopes all, team and own; what one owns is always among them
//	unassigned                          a rule with the scope all, on the condition that nobody owns the record
//	edit, delete, communicate           need view, too: their rules reach as far as both do
//	import, export, bulk delete         actions of every object, as far as create, view and delete reach
//	other tools                         actions of the type account
//	seat                                copies of the sets for those whose seats lack a part of them
//	permissions that HubSpot added      in every set, unless it is without
//	super admin                         role:super_admin, with a rule for everything
//	team, main and extra                team:TEAM; a nested team is in the one above it
//	what only main members have         actions of the record team/TEAM
//	owner, and every user property      owners of the record
//	restricted property                 field that is closed, or only read; field rules for those who are named
//	pipeline, stage rules               forbidding rules on the conditions of record.pipeline and record.stage
//	deactivated, removed user           switch; they stay owners
//	permissions before a change         rules and memberships that end then: ask about the instant of the login
//
// The actions of an object, and what each goes as far as, are view, add_note, add_task and export (view),
// edit, communicate, delete and bulk_delete (their own permission and view), create and
// import (no record). An attachment of another's note is opened (open_attachment of notes) by
// those with all notes only.
//
// # What the records must bring
//
// Owners: hubspot_owner_id and the users of all user properties. A record that no user who is described
// owns is unassigned, so describe those who were removed as well. Where pipelines or stages are limited,
// the attributes pipeline and stage. Restricted properties are open to requests that come by the API,
// as in HubSpot, if the environment says so: the attribute source is "api".
//
// # The dialect
//
// The answers carried, HubSpot's own first (see [crm.Dialect]). There are no superiors and no shares in
// HubSpot, so that most questions have one answer.
//
//	fields                     open, closed
//	admins_see_all_fields      yes, no
//	tree_inherits              same (upper teams see what those below own), none
//	bundles                    replace (a set overrides a user's own permissions), union
//	effective                  at_next_login, at_once (what was assigned before is not compiled)
//	managers                   none
//	managers_of_grantees       no
//	hierarchy_off              all
//	public_write_deletes       no
//	shares_without_permission  useless
//	write_shares_transfer      no
//	shares_at_owner_change     dropped
//	field_grants               union
//	deactivation_drops_shares  no
//
// # What is not carried over
//
//   - That nobody owns a record is told by ownerIn of a role with everyone who is described. A condition
//     on the number of owners that a filter knows, in the core, would need no such role.
//   - A note is decided by itself: ask about its record as well.
//   - Sensitive data, saved views and the log-out that makes a change effective are the CRM's.
//   - A question about a type alone that a stage limits is denied: which stage is not known then.
package hubspot
