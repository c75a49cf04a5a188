// Package authz decides who may do what to which record of a CRM, which records
// are on whose list, which of their fields they see, and changes the policy that says so.
//
// Open an [Authorizer] on a schema and a store; ask with [Authorizer.Enforce],
// [Authorizer.Decide] and [Authorizer.Fields], whose answer redacts records and
// checks what is written; ask for lists with [Authorizer.Filter], [Authorizer.WhoCan]
// and [Authorizer.WhatCan], which agree with Enforce record by record; change with
// [Authorizer.Grant], [Authorizer.Revoke], [Authorizer.Disable] and [Authorizer.Enable],
// or with several of these as one, [Authorizer.Apply]. What a change would come to, [Authorizer.Preview] tells
// and [Authorizer.Simulate] answers.
//
// # The decision
//
// This is the specification. The engine, and Casbin with model/crm.conf as its
// reference, are both held to it. T is the tenant asked about, u the user, a
// the action, r the record (absent when the question is about a type at all)
// and t the instant. The facts are those of T and those of the base policy "*".
//
//  1. The request is well formed and the schema of T knows its type, action and
//     attributes; otherwise an error, and Deny. Chains of parent records are at
//     most 64 long. A user of whom there are no facts is no error: rules for
//     everyone concern her.
//  2. A rule or membership is in force if t lies in its period and no switch in
//     force names its [model.RuleID]; a tenant can so switch off a base rule for
//     itself. A switch is in force if t lies in its period and it does not except u (see below), an org edge always.
//  3. T locked down: Deny. T read-only: Deny unless a is a reading action.
//  4. A switch in force names u: Deny. One that names r's type, r's unit or one above it, or r itself: Deny,
//     unless it is read-only and a is a reading action. T open, for u: Allow; open for others: Deny.
//     Of the type permission (see below) the tenant's being open says nothing, and of its actions
//     administer and approve its being locked down or read-only.
//  5. The groups of u are all roles, teams and units that memberships in force
//     lead to from u, directly or through groups, without passing through a
//     group that a switch in force names. Role inheritance of the base policy
//     counts as the tenant's own. At most 64 memberships are followed.
//     A subject concerns u if it is u, one of her groups, or everyone.
//  6. A condition holds, does not hold, or is unknown: a missing or nil
//     attribute makes unknown what depends on it, as NULL does in SQL, and so
//     does any error in evaluating it. An allowing rule needs its condition to
//     hold; a forbidding rule, or a field rule that denies, is in force
//     unless its condition is known not to hold.
//  7. A rule's target matches r if it is "*" or r's type, or r itself; with a
//     unit, if r's unit is that unit or, by org edges, below it.
//  8. Forbidden: if u is in two groups that a constraint of the schema has exclude each other, Deny; if a
//     constraint forbids a of records of r's type, it is as a forbidding rule for everyone that no switch names, in
//     force also where T is open. And if any forbidding customer rule for a (or every action) that
//     concerns u matches r, and its scope covers r (no scope covers
//     everything), Deny.
//  9. Allowed: if any allowing customer rule for a (or every action) that
//     concerns u matches r, and it names r itself, or its scope covers r (no scope
//     covers nothing), or the level of u on r is at least what a needs, Allow.
//  10. Deny.
//
// Without a record, 8 looks at rules on the type or "*" that have no scope or
// the scope all; 9 at every rule that is not on one record, whatever its scope
// and unit. It says what the rules allow at all, not what is reached.
//
// Scopes cover r as follows. own: u, or a team among her groups, is an owner of
// r. team: an owner of r is a team, or a user, of whose teams (those among his
// groups, or the owning team and those it is in) one is a team that u is in by
// a membership of her own, not through another team. unit: r's unit is
// one of u's groups. unit_tree: r's unit is one of u's groups or below one. all: r.
//
// The level of u on r is the highest of:
//
//   - full, if u or a team among her groups is an owner of r;
//   - the level of each team rule that is in force, concerns u and matches r;
//   - what comes from the parent: if r's type has a parent type and r has a parent of
//     it, the level of u on the parent, at most the type's cap;
//   - what comes from the hierarchy of r's type (see below).
//
// If the type is controlled by parent, the level is that of u on the parent
// and nothing else; without a parent it is none.
//
// By hierarchy, u gets from a person x who is below her the lesser of x's level
// and the type's level for superiors (within the type's depth, or at any
// distance if the depth is 0) or the type's level beyond that depth. x's level
// is full for each owner of r that is a user, and for each user who has an owning team
// among his groups; if the type counts holders, also the level of each team rule on
// the one record r that is in force for each user whom its subject names
// or contains (a rule for everyone names no holder), its condition being judged for u.
// By line, x is below u at distance d if d org edges lead from x to u, the shortest way; by units,
// if d org edges lead from a unit among x's groups to one among u's. Superiors
// are at most 64 edges up. Being switched off takes nothing from a superior or
// an owner but his own decisions.
//
// # Fields
//
// The level of u on a field f of r (or of a type) for action a:
//
//  1. Hidden, if a is denied by the decision above. Otherwise
//  2. the highest of the field's default and the levels of the allowing field
//     rules in force that concern u and match r and f; a rule on one record
//     matches only that record;
//  3. but less than the level of every denying field rule that does so;
//  4. and at most read if a is a reading action, or a switch in force has f read-only (of r, or of
//     all records); hidden if one has it off. If T is open for u, and opens f, its default is write.
//
// A field whose name is a path, address.city, is what lies there in a record's
// value; the field with the longest path that leads to a part of the value
// governs it, and what none governs is hidden. A value may be changed at the
// level write, unless the schema has the field set once; shown as it is from
// read; and shown by its mask at masked.
//
// # Switches
//
// A switch is in force for u unless u is excepted: if it excepts people, u is one of
// them or in one of their groups, and if it excepts networks, u asks from one of them (not known from where: from none).
// The switch of a group, rule or membership that excepts u is in force for nothing that is asked about u: others, too, are in
// the group then, whose records u reaches through them. Whom it excepts is found first, in the groups that u has
// while all switches of groups, rules and memberships are in force: a group that is off excepts nobody. An
// open tenant is in force the other way round: for those whom it excepts or, if it excepts nobody, for each
// user of whom the tenant has a fact. What conditions ask of rules (holds) is what these say when they are not suspended. It is in force if both t and the clock lie in its period, and every decision that it
// allows is in the audit log first.
//
// # Who may change what
//
// In a schema with administration (model.Administration) every fact is a record of the built-in type permission, and
// the same formula decides who may change it. Its id is what the fact is about: the group of a membership, the type of a rule, the
// superior of an org edge, the target of a switch (or its type); its unit is that of the subject; its attributes, for
// conditions, are those of model.PermissionOf. If the resolver knows the record that a rule is on, its owners are
// the permission's. So
//
//	{who: role:lead, may: [grant, revoke], on: permission/role:rep}            leads assign a role
//	{who: role:hr, may: grant, on: "permission@unit:apac", scope: all}         within a unit and those below
//	{who: role:rep, may: [grant, revoke], on: permission, scope: own}          who owns a record shares it
//	{who: role:admin, may: administer, on: permission, scope: all}             an administrator
//
// Of each fact that a change really adds or takes away, in whichever way it is made (Restore and proposals included):
//
//  1. The actor is a user of the tenant, and may grant what is added, revoke what is taken away, disable by a switch, and
//     enable by taking it away; or he may administer it, and is not forbidden the action. A subject in several units at any time of
//     the fact, whatever is switched off, concerns all of them: he must be allowed in each; and outside all units, too, if the fact
//     puts somebody into her first unit, or from none below somebody, of whom there are facts already. What conditions ask of the user and the environment is known if the context
//     carries him as its [Principal].
//  2. He holds all that it gives, now and as long as it gives it, or may exceed; see below.
//  3. If the schema's sensitive condition is not known not to hold, a second person who may approve it has approved.
//
// And of the change: nobody may be brought into two groups that a constraint has exclude each other (whoever makes it, the
// operator too), and no time from now on is left without a user who may administer permission/%2A, the tenant, if there is one now.
// A tenant that is locked down or read-only is changed by its administrators only; one that is open opens nothing of
// its policy to be changed. The base policy is changed by the [Operator], whom nothing of this binds but the constraints.
// A rule on "*" is on permissions, too: Lint tells of it.
//
// What he holds is compared to the letter, and what cannot be shown is not held. A customer rule is held by another that allows him
// the same, on as much or more, in the same scope or a wider one (all covers each, unit_tree unit), without a condition or with
// the same one; on one record also by his level, if his rule needs no more. A team rule is held by another, or by his own level on the one
// record; a field rule by another, or by the schema. Nothing on it may be forbidden to him or capped that is not likewise to
// whom he gives it. A role is held by all that it and those it is in are given; a team or unit, and a group that a
// condition or an exception of a switch names, by being in it; what an org edge gives its upper end, by being the lower end or its superior
// (its direct superior, if some type's hierarchy has a depth).
//
// To take away, or switch off, what forbids or caps is to give what it kept back, which is held without a condition only; as is to take
// somebody out of a group that it is for, or whose records it is on (by a scope, or a condition that calls own). To enable is to give
// what comes back. Only those who may exceed give
//
//   - what somebody else owns (also one who is new: that is known elsewhere) who comes into a group, and so within reach of others: into a team, if a rule allows in the scope
//     team; into a unit below another, if a hierarchy is by units; into a group that a condition asks for with ownerIn. Or who leaves one: a
//     team, if a rule forbids in the scope team; a group that a condition asks for with ownerIn;
//   - what is kept back by a rule or membership that is off but for a group, from who leaves that; and from who is in two groups that
//     exclude each other, and leaves one;
//   - what comes back with a user, type, record, field or tenant that is switched on, and edges between units.
//
// Rights that conditions make of other rights (holds) are not followed.
//
// # What decides is data
//
// Records, and their owners, units, parents and attributes, stay in the CRM's
// database and come with each request. Only policy is stored, as lines of
// Casbin's table; see package model.
package authz
