// Package salesforce describes an organisation of Salesforce in Salesforce's own words,
// and compiles the description to a schema and facts that decide as Salesforce does.
//
// [Parse] reads a description from YAML, [Import] makes one of the organisation's metadata,
// and [Organisation.Compile] compiles it.
//
// # Building blocks
//
//	Salesforce                          becomes
//	object                              type, with the actions below
//	object permission                   customer rule without a scope; create has the scope all
//	view all, modify all records        customer rules with the scope all, and role:can:… for those whom they exempt
//	user, custom permission, class …    action of the type System, asked without a record
//	View All Data, Modify All Data      customer rules on every type, with the scope all; no field rule
//	profile                             role:profile:NAME
//	permission set                      role:set:NAME; one based on sessions, for those who have it themselves,
//	                                    role:session:NAME, with rules on the condition of env.activated
//	permission set group                role:setgroup:NAME in its sets; with a muting set, rules of its own
//	assignment until an instant         membership with an end
//	role                                unit:NAME with org edges; role:in:, role:over: (with those above),
//	                                    role:under: (with those below) and role:underinternal:NAME (without portals)
//	granting access by hierarchies      hierarchy by units, level full, with holders of shares
//	public group                        role:group:NAME, and role:bosses:NAME for those above its members
//	queue                               team:NAME of its users, which owns records
//	territory                           role:territory-in:NAME …, team rules on the condition of the attribute territories
//	organisation-wide default           team rules for role:internal and role:external: read; write; delete for read,
//	                                    write and transfer; full
//	controlled by parent                parent, controlled; a record without one belongs to its owner
//	sharing rule by owner, by criteria  team rules on a condition (ownerIn, or the criteria), for the grantee and those above
//	sharing set                         team rule on the condition that a field equals one of the user's
//	manual share, team, Apex share      team rule on the one record, while its owner is the owner for manual ones
//	access to an account's children     team rules on the children, on conditions about record.parent
//	implicit read of a child's account  team rule on the condition of the attribute child_access
//	restriction rule                    forbidding rules, not for who may view all
//	lock of an approval                 forbidding rules on the condition of the attribute locked
//	field-level security                field rules; a field is closed without one. Required and system fields are open
//	classic encryption                  the mask last4, and a field rule on the condition of View Encrypted Data
//	page layout                         field rules that cap, on the condition env.channel == "ui"
//	login hours and IP ranges           forbidding rules for the profile, on conditions of now and env.ip (see crm.Address)
//	frozen user                         switch
//	deactivated user                    switch, and none of the shares with her
//
// The actions of an object's records, and the level that each needs, are read and give_read (read);
// edit, give_edit and create (write); transfer (delete); delete and share (full). give_read and give_edit
// say whether one may add a team member with that access: only what one has. view_all and modify_all are
// for questions about a type: modify all includes mass changes, and approving for others. Whoever may read
// an object may give_read, whoever may edit it may also transfer, share and give_edit, as far as the level reaches.
//
// # What requests must bring
//
// Owners are users and queues. Criteria look at attributes with the API names of fields; numbers, currencies and
// percentages are doubles, checkboxes bools, dates and times timestamps, multi-select picklists lists of
// strings, all others strings. An attribute that is missing counts as an empty field, which, as in Salesforce, is
// not equal to any value: bring every field that criteria name. Where there are territories, the attribute territories
// of a record lists their names; of objects with approvals, locked (and approvers) must be there, or the record counts as
// locked. child_access of an account lists the subjects (user:bob) who own, or have a share of, one of its cases, contacts or
// opportunities. The environment has channel, ip and activated, the session-based sets of the session; of users,
// the fields that restriction rules and sharing sets name.
//
// # The dialect
//
// The answers carried, Salesforce's own first (see [crm.Dialect]):
//
//	managers                   same, write, read, none
//	managers_of_grantees       yes, no
//	hierarchy_off              custom, any, none
//	public_write_deletes       no, yes
//	shares_without_permission  useless, sufficient
//	write_shares_transfer      no, yes
//	shares_at_owner_change     by_cause (manual ones are dropped), kept, dropped
//	fields                     closed, open
//	field_grants               union, profile (of sets, none counts)
//	admins_see_all_fields      no, yes
//	tree_inherits              same, write, read, none
//	bundles                    union_minus_mute, union
//	deactivation_drops_shares  yes, no
//	effective                  at_once
//
// # What is not carried over
//
//   - Who may transfer any record (Transfer Record) needs to read it, too: ask for both. An action has one level
//     that it needs; a second need of an action would carry it.
//   - A view-all right that depends on a session exempts from no restriction rule or lock: it denies more. So does
//     an owner change back: Salesforce has deleted the manual share by then, here it counts again.
//   - What a record's account gives by its owner's role, or a rule by owners, goes by who is in the role when the
//     organisation is compiled: compile again when users move. A function ownerIn of the parent would carry it.
//   - Field names that are, with their object's, longer than a column of 100 characters.
//   - Sharing with some of the external users (all partners, all customers), with managers of a user; restriction rules
//     in metadata, which are formulas; delegated administration; scoping rules, record types and all that only arranges lists and pages.
//   - A change counts at once: that a session sees it later is for the program's login to do.
package salesforce
