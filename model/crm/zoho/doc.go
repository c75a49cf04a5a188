// Package zoho describes an organisation of Zoho CRM in Zoho's own words, and compiles
// the description to a schema and facts that decide as Zoho CRM does.
//
// [Parse] reads a description from YAML, [Import] makes one of what Zoho's API answers,
// and [Organisation.Compile] compiles it.
//
// # Building blocks
//
//	Zoho CRM                            becomes
//	module                              type, with an action for every permission of it that a profile has
//	profile                             role:PROFILE, with customer rules without a scope; create and import have the scope all
//	profile Administrator               a customer rule for everything, with the scope all
//	permission without a module         action of the type setup
//	field permission of a profile       field rule; a field for which no profile is set is open, as the dialect says
//	role                                unit:ROLE, with org edges; the role at the top has a team rule for full on everything
//	superiors, by role                  hierarchy by units, level full
//	superiors, by reporting hierarchy   hierarchy by line, level full; peers do not share in it
//	Share Data with Peers               team rule of the unit, on the condition that one of it owns the record
//	group                               team:group.GROUP; roles in it are teams of their users
//	default organisation permission     team rule for everyone: read, write, delete
//	data sharing rule                   team rules, on the condition of the owner (ownerIn) or of the criteria
//	superiors allowed                   the same team rules for the units above, or the superiors
//	record share                        team rule on the one record: read, write or full
//	shared with related lists           team rule on the type MODULE.related, see Related
//	territory                           team:territory.T; team rules on the condition that the record is in it
//	territory's manager                 team rules for write, also of the territories below
//	record lock                         forbidding rules; with excluded fields, denying field rules instead
//	teamspace                           forbidding rule for those outside it
//	allowed IPs                         forbidding rule on the condition of env.ip, see crm.Address
//	inactive, deleted, unconfirmed user switch
//
// The actions of a module, and the level of the record that each needs, are view, export, print,
// mass_email, send_mail and mail_merge (read), edit, add_note, convert, tags and mass_update
// (write), delete and mass_delete (delete), share, change_owner and mass_transfer (full), and
// create and import, which need none. Any other is an action by its own name that needs full.
// Who may create Notes may add_note wherever she may view.
//
// # What the records must bring
//
// Owners are users. Criteria look at attributes with the API names of fields; date and
// datetime are timestamps, a multi-select list is a list of strings, and what has no value is unknown,
// so that no rule shares it and every lock holds it. Where there are territories, the attribute Territories
// has their names; where records are locked by hand, Locked__s is true or false. A record of a module
// that is in the related lists of another has as its parent what [Related] makes of that record.
//
// # The dialect
//
// The answers carried, Zoho's own first (see [crm.Dialect]):
//
//	managers                   same, write, read, none
//	managers_of_grantees       by_rule, yes, no
//	hierarchy_off              none, any, all
//	public_write_deletes       no, yes
//	shares_without_permission  refused (see CheckShare), useless, sufficient
//	write_shares_transfer      no, yes
//	shares_at_owner_change     kept, dropped
//	fields                     open, closed
//	admins_see_all_fields      no, yes
//	tree_inherits              write, same, read, none
//	deactivation_drops_shares  no, yes
//	field_grants, bundles      union: a user has one profile, so that nothing is combined
//	effective                  at_once
//
// Zoho does not document what it does about shares_at_owner_change and admins_see_all_fields.
//
// # What is not carried over
//
//   - A record in the related lists of several records: it has one parent. Parents of several
//     types, in the core, would carry it.
//   - Blueprints and approvals, which freeze records while they run: say so with Locked__s.
//   - Criteria with words for days that move (${TODAY} and its like).
//   - Custom buttons of locks, public_in_portals, and portal user types: portal users are users with shares.
//   - That a user may not be shared with who has access already is looked at by CheckShare only,
//     as far as the description tells.
package zoho
