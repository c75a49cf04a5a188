// Package doctor examines a policy that was kept by plain Casbin (v2.135) and
// gorm-adapter (v3.39), finds what these take otherwise than people do, says what
// happens and what to do, and imports the policy into crmauthz's form.
//
// It reads rows and a model, and where there is one what the database's catalogue
// says. Without a model it guesses the usual one; then it knows the matcher
// and the effect of the guess only.
//
// # What can be seen in a policy
//
// [Traps] says of each what happens and what to do; these are their ids.
//
// In rows that do not load: row-unreadable, ptype-unknown, row-empty, row-short,
// row-long, value-empty-last, section-gap. In effects: effect-unknown, effect-ignored. In values:
// domain-empty, value-empty, value-null, value-long, value-cut, value-comma, rows-confused,
// value-dollars, value-quote, value-control, value-padded, rows-duplicate, wildcard-plain,
// priority-text, pattern-broken, pattern-loose, eval-broken. In names: names-collide,
// names-unprefixed, role-or-user. In memberships: role-extra, role-cycle, role-deep,
// role-expired. In the model: role-conditional, effect-priority, effect-open, matcher-domain,
// matcher-role-domain, matcher-superuser, matcher-pattern, matcher-eval, matcher-brackets,
// definition-wide. In the database: column-missing, column-narrow, server-cuts,
// collation-folds, index-missing. In a policy of crmauthz itself: line-refused.
//
// # What cannot
//
// [Unseen] is the list: what the program calls, registers and ignores. The doctor says what to look for.
package doctor

// Unseen is what no policy shows: what to look for in the program, and why.
var Unseen = []struct{ Look, Why string }{
	{"EnableEnforce(false)", "allows everything, even malformed requests"},
	{"EnforceWithMatcher, EnforceContext", "decide by another matcher than the model's; the doctor saw the model's only"},
	{"AddNamedMatchingFunc, AddNamedDomainMatchingFunc", "make patterns of names in memberships, and copy all links of matching tenants for each request"},
	{"AddNamedLinkConditionFunc", "conditions of memberships hold where none is registered, and LoadPolicy forgets those that are; AddGroupingPolicy and RemoveGroupingPolicy do not reach them at all"},
	{"AddFunction", "a function of the matcher that the program defines may decide anything"},
	{"NewCachedEnforcer, NewSyncedCachedEnforcer", "answer from before a role was revoked: changes of memberships do not clear the cache, and it grows for ever"},
	{"NewTransactionalEnforcer", "a commit forgets what others changed since it began; after one of rules only, every request fails"},
	{"NewSyncedEnforcer with LoadPolicy, StartAutoLoadPolicy", "a revocation while it loads is undone in memory until the next load; many of its functions take no lock"},
	{"NewContextEnforcer with gorm-adapter", "its batch and update functions panic: the adapter has no such methods"},
	{"AddPolicies, UpdatePolicy with other adapters", "panic where the adapter has no batches or updates"},
	{"AddPolicy, AddGroupingPolicy with values from outside", "the number of values is not checked: a short rule makes every request fail, a short membership stays in the database and the next load fails"},
	{"AddPolicies", "one rule that is there already refuses all; with gorm-adapter it is one statement, which databases limit to some thousand rows"},
	{"SetModel, LoadModel", "drop the watcher and custom functions; role links are not rebuilt"},
	{"RemovePolicies", "with gorm-adapter errors of the database are dropped: what was revoked comes back at the next load; takes the square of the time"},
	{"RemovePolicy", "deletes in the database before it knows whether the rule is there"},
	{"UpdatePolicy, UpdatePolicies, UpdateFilteredPolicies", "empty values are neither compared nor written; an update onto a rule that is there makes a twin; without values all rules of the section are deleted"},
	{"RemoveFilteredPolicy, GetFilteredPolicy", "with the index -1 or empty values more is deleted than is meant; behind the last column they panic"},
	{"SavePolicy", "empties the table outside of its transaction: if an insert fails the policy is gone"},
	{"Transaction of gorm-adapter", "writes to the table casbin_rule whatever the adapter's is, makes tables within it, swaps the adapter of all goroutines, and returns nil if a nested one fails"},
	{"LoadFilteredPolicy", "the adapter stays filtered, and several filters load duplicates"},
	{"NewAdapter, NewAdapterByDBUseTableName with names from outside", "the names of tables become SQL as they are; the adapter closes its database when it is collected as garbage, and panics if that fails"},
	{"InitDbResolver", "two adapters on two databases share one variable, and errors panic"},
	{"ConditionsToGormQuery, GetAllowedObjectConditions", "policy text becomes SQL; without a condition every row is selected; denials and tenants are not looked at"},
	{"GetImplicitUsersForResourceByDomain, GetAllRolesByDomain", "list users of other tenants, and of the wrong column"},
	{"GetImplicitPermissionsForUser", "lists denials as permissions"},
	{"GetImplicitUsersForPermission, GetImplicitResourcesForUser", "decide for each subject, or combination, one by one"},
	{"GetPermissionsForUserInDomain, GetRolesForUserInDomain", "drop errors"},
	{"CasbinJsGetPermissionForUser", "sends the rules of all tenants to the browser"},
	{"DeleteDomains, DeleteUser, DeleteRole", "without names the first deletes all tenants; the others reach across tenants"},
	{"BatchEnforce", "stops at the first error and returns fewer answers than questions"},
	{"Enforce with many rules", "reads all of them, of all tenants, each time"},
	{"an adapter's error \"not implemented\"", "counts as success: the file adapter saves nothing by itself"},
	{"a watcher that fails", "the change is made and returned as an error; nobody else hears of it"},
	{"a Dispatcher", "takes changes without any check, and says that they are made"},
	{"the database's user", "SavePolicy truncates, which needs more rights than writing, and in MySQL commits what is open"},
}
