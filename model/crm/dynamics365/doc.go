// Package dynamics365 describes an environment of Dynamics 365, or any on Dataverse, in
// Dataverse's own words, and compiles the description to a schema and facts that decide as Dataverse does.
//
// [Parse] reads a description from YAML, [Import] makes one of the files of solutions,
// and [Organisation.Compile] compiles it.
//
// # Building blocks
//
//	Dataverse                           becomes
//	table                               type, with the eight privileges as actions: create, read, write, delete, append,
//	                                    append_to, assign, share. An action is allowed by rules with scopes; no level but that
//	                                    of owners counts
//	security role of a business unit    role:ROLE@UNIT, one copy for each unit whose role somebody has
//	depth User (basic)                  customer rule with the scope own
//	depth Business Unit (local)         and one with the scope all, on the condition of the record's unit
//	depth Parent: Child (deep)          and one on the unit, with the scope all
//	depth Organization (global)         and one with the scope all
//	table of the organization           only global counts
//	privilege without a table           action of the type System (prvExportToExcel), asked without a record
//	System Administrator                customer rule for everything, field rules for all columns
//	owner team, Entra group team        team:TEAM, which owns records and is in its roles
//	member's privilege inheritance      the team is in role:ROLE@UNIT; without it ("team privileges only") in
//	                                    role:ROLE@team:TEAM, whose basic privileges are for what that team owns
//	business unit                       unit:UNIT with org edges
//	share, access team                  customer rules on the one record, one for each right, on the condition that the user
//	                                    holds the privilege (holds) on the table
//	share cascading to children         the same on the child's table, on the condition record.parent.id
//	hierarchy security                  customer rules for each manager, on the condition that one of her reports, or a team of
//	                                    theirs, is an owner, and that she holds read and the right; and on what is shared with them
//	column security profile             role:columns:PROFILE, field rules; create and update on the condition of the action
//	masking rule                        the field's mask; unmasked on the condition env.single && env.unmask
//	column share                        field rule on the one record
//	disabled user                       switch; with AuthorizationEnableHSMForDisabledUsers off, no rules for managers
//	access mode                         forbidding rules of what the mode leaves out
//
// To append a record to another is two questions: append of the one, append_to of the other.
//
// # What requests must bring
//
// Owners are users and teams, the unit is the owning business unit, and the parent the record whose shares cascade. For
// create, the record as proposed. The environment has single (one record is asked for by its id) and unmask (with
// UnMaskedData=true); that an unmasked read is audited is for the program to do.
//
// # The dialect
//
// The answers carried, Dataverse's own first (see [crm.Dialect]):
//
//	managers                   write (with read, append and append to), same, read, none
//	managers_of_grantees       yes, no
//	hierarchy_off              all
//	public_write_deletes       no: every verb has its depth
//	shares_without_permission  useless, sufficient
//	write_shares_transfer      no, yes
//	shares_at_owner_change     kept, dropped
//	fields                     closed_once_secured, open, closed
//	field_grants, bundles      union
//	admins_see_all_fields      yes, no
//	tree_inherits              none: what is below a unit, a role's depth says
//	deactivation_drops_shares  no, yes
//	effective                  at_once
//
// # What is not carried over
//
//   - Reports, teams of reports and who shares with them are those of the description: compile again when they
//     change. A hierarchy of the core whose second level ends at a depth, and whose levels are sets of actions, would carry it.
//   - Shares cascade from a parent to its children, not to theirs: share these by themselves. A condition about
//     all records above would carry it.
//   - A role of an access team's template is not looked at again: the team has its rights.
//   - Privileges on tables of activities are one: describe them with privileges_of. What a new record's owning unit may be (Append To on
//     the business unit) is a question about the unit's record.
//   - Record states (inactive), field service, and what Entra decides: conditional access, IP firewall, sessions, time-bound roles.
package dynamics365
