package doctor

// Effect is what a trap does to those who fall into it.
type Effect string

// The effects.
const (
	Opens  Effect = "opens"  // somebody may do what was not meant
	Loses  Effect = "loses"  // a right or a change is lost without a word
	Breaks Effect = "breaks" // the policy does not load, or requests fail
)

// Trap is something in a policy that Casbin takes otherwise than people do.
type Trap struct {
	ID     string
	Effect Effect
	Title  string
	Casbin string // what happens there
	Remedy string // what to do
}

// Traps are all that Examine looks for.
var Traps = []Trap{
	{
		"row-unreadable", Breaks, "lines that are no CSV",
		"The file adapter stops at the line with an error; nothing of the policy is loaded.",
		"Correct the line: quotes enclose a whole value and are doubled inside; a line has at most 64 KiB.",
	}, {
		"ptype-unknown", Breaks, "rows of a section that the model does not have",
		"Loading fails at the row, and nothing is loaded. Sections are numbered without a gap: a p3 without a p2 is not read.",
		"Remove the rows, or define their section in the model; if they belong to another program, give it a table of its own.",
	}, {
		"row-empty", Breaks, "rows without any value",
		"gorm-adapter panics while it loads.",
		"Delete the rows.",
	}, {
		"row-short", Breaks, "rows with fewer values than their section defines",
		"Loading fails at the row (\"invalid policy rule size\"), and nothing is loaded; added while the program runs, such a rule makes every request fail. gorm-adapter loads a row short whose last values are empty.",
		"Complete the rows, with a word that stands for nothing, such as -, in place of an empty value; or delete them.",
	}, {
		"row-long", Breaks, "rows with more values than their section defines",
		"Loading fails at the row (\"invalid policy rule size\"), and nothing is loaded.",
		"Remove the values too many, or define their columns in the model.",
	}, {
		"role-extra", Opens, "memberships with values that the model does not define",
		"The value is ignored. If it was meant to limit the membership, it does not. GetAllRolesByDomain takes the last value for the domain.",
		"Remove the value. For a membership that ends, use one with until: in crmauthz.",
	}, {
		"effect-unknown", Opens, "effects that are neither allow nor deny",
		"The rule is ignored: what a mistyped deny was to deny is allowed, if another rule allows it. Case matters.",
		"Write allow or deny.",
	}, {
		"effect-ignored", Opens, "denials in a model that does not look at them",
		"The effect is some(where (p.eft == allow)): a rule that denies says nothing, and another that allows decides.",
		"Use e = some(where (p.eft == allow)) && !some(where (p.eft == deny)), or remove the rules.",
	}, {
		"domain-empty", Opens, "rules without a tenant",
		"The rule is one of the tenant \"\", which a request without a tenant asks about. UpdatePolicy of such a rule rewrites the rows of all tenants that are alike otherwise.",
		"Name the tenant, or delete the rows.",
	}, {
		"value-empty", Opens, "empty values",
		"An empty value is no wildcard when Casbin decides, but gorm-adapter takes it for one: RemovePolicy of the rule deletes all rows that are alike otherwise, UpdatePolicy rewrites them.",
		"Put a word that stands for nothing, such as -, in its place.",
	}, {
		"value-empty-last", Breaks, "empty values at the end of a row",
		"From a file the row loads; stored in a database it loads without the empty values, and then loading fails as a whole.",
		"Put a word that stands for nothing, such as -, in its place.",
	}, {
		"value-null", Loses, "columns that are NULL",
		"A unique index does not see that two rows with NULL are the same; filters of adapters do not find them.",
		"Set them to the empty text: UPDATE … SET v5 = '' WHERE v5 IS NULL.",
	}, {
		"value-long", Loses, "values of more than 100 characters",
		"PostgreSQL and MySQL in its strict mode refuse to store the rule; MySQL in its loose mode cuts the value off, so that it names somebody or something else.",
		"Use shorter ids.",
	}, {
		"value-cut", Opens, "values as long as their column",
		"The server cuts off what does not fit, and says nothing: the rule may be for somebody else than it was meant for.",
		"Compare the rows with where they came from, and set sql_mode to STRICT_ALL_TABLES.",
	}, {
		"value-comma", Opens, "values with a comma",
		"Rules are told apart by their values joined with commas: a rule may be taken for another, and removing the one then removes the other. The file adapter writes the comma as it is; its next load fails.",
		"Use ids without commas.",
	}, {
		"rows-confused", Opens, "different rows that Casbin takes for one",
		"The first is kept, the others are ignored; removing any of them removes the first from memory.",
		"Use ids without commas.",
	}, {
		"value-dollars", Opens, "values with $$",
		"CachedEnforcer joins the values of a request with $$ to know it again: the answer to one question may be given to another.",
		"Use ids without $$.",
	}, {
		"value-quote", Breaks, "values with a quote",
		"The file adapter writes it as it is; its next load fails, or reads another value.",
		"Use ids without quotes.",
	}, {
		"value-control", Opens, "values with line breaks or control characters",
		"The file adapter writes a line break as it is: what stands behind it becomes a rule of its own at the next load.",
		"Delete the rows, and find out who wrote them.",
	}, {
		"value-padded", Loses, "values with blanks around them",
		"MySQL and SQL Server take \"a\" and \"a \" for the same, the file adapter drops the blanks before; Casbin compares exactly, so that the rule is for nobody.",
		"Remove the blanks.",
	}, {
		"names-collide", Loses, "names that differ in case, accents or blanks only",
		"To Casbin these are different. A database that compares without case (MySQL and SQL Server as installed) takes them for one: the second grant is lost at the next load, and deleting one deletes the other.",
		"Decide on one spelling; if they are different, give them ids that differ in more.",
	}, {
		"rows-duplicate", Opens, "rows that stand twice",
		"Casbin loads one of them. Who removes a row by its id leaves the other: the revoked right is back at the next load.",
		"Delete all but one, then make the unique index on ptype and all values.",
	}, {
		"names-unprefixed", Opens, "roles that a user could be named like",
		"A user has all rights of a role that has the same name as she; who can choose her name can choose her role.",
		"Begin the ids of roles and users differently: role:admin, user:alice.",
	}, {
		"role-or-user", Opens, "names of roles that are members themselves",
		"Either a role is in a role, or a user is named like a role, and has its rights: Casbin cannot tell, in no tenant.",
		"Begin the ids of roles and users differently: role:admin, user:alice.",
	}, {
		"role-cycle", Opens, "roles that contain themselves",
		"Every role of the cycle has the rights of all others, and nothing says so.",
		"Remove one of the memberships.",
	}, {
		"role-deep", Loses, "memberships more than 10 deep",
		"The hierarchy ends after 10 links: who is further away is denied without a word.",
		"Make the chain shorter. crmauthz follows 64 links, and refuses longer chains.",
	}, {
		"wildcard-plain", Loses, "stars that stand for themselves",
		"Where the matcher does not say otherwise * is a plain name, and the rule holds for requests that ask about \"*\" only. In a membership it always is, unless the program calls AddNamedDomainMatchingFunc, which nobody sees here.",
		"Write (p.obj == \"*\" || r.obj == p.obj) in the matcher, or a row for each; see what the program registers for domains.",
	}, {
		"role-conditional", Opens, "memberships with conditions",
		"Without a function registered for it a condition holds, after LoadPolicy (so after each watcher's reload) the functions are forgotten, and behind the first link the tenant's are not asked: grants that ended are valid again. Removing such a membership does not take it from those in force.",
		"Do not use them. A membership of crmauthz with until: is checked in each decision.",
	}, {
		"role-expired", Opens, "memberships that have ended by their condition",
		"Any of the cases above makes them valid again.",
		"Delete the rows.",
	}, {
		"effect-priority", Opens, "rules that decide by priority",
		"Removing a rule changes the order of the others; an update keeps the old place whatever the new priority; gorm-adapter loads by id.",
		"Let denials win instead: e = some(where (p.eft == allow)) && !some(where (p.eft == deny)).",
	}, {
		"priority-text", Opens, "priorities that are no numbers",
		"The order of all rules is undefined then.",
		"Write whole numbers.",
	}, {
		"effect-open", Opens, "everything is allowed that no rule denies",
		"The effect is !some(where (p.eft == deny)): with an empty policy everybody may do everything, in every tenant.",
		"Use e = some(where (p.eft == allow)) && !some(where (p.eft == deny)).",
	}, {
		"matcher-domain", Opens, "a matcher that does not look at a rule's tenant",
		"A rule of one tenant holds in all.",
		"Add r.dom == p.dom to the matcher.",
	}, {
		"matcher-role-domain", Loses, "roles that are asked for without a tenant",
		"g(r.sub, p.sub) looks for memberships of the tenant \"\" and finds none of the others.",
		"Write g(r.sub, p.sub, r.dom).",
	}, {
		"matcher-superuser", Opens, "a user whom the matcher lets do everything",
		"Who has this name may do everything in all tenants, and no rule shows it.",
		"Give a role the rights instead.",
	}, {
		"matcher-pattern", Opens, "values that are patterns",
		"What a rule covers is up to the text in it. regexMatch finds its pattern anywhere in a value and compiles it for each request; keyMatch2 to 5 keep every compiled pattern for ever; a pattern that does not compile makes all requests fail that meet it.",
		"Name types and records: customer, customer/42, or customer@unit:apac for all of a unit.",
	}, {
		"pattern-broken", Breaks, "patterns that do not compile",
		"The function panics, and every request that comes to the row fails.",
		"Correct the pattern, or delete the row.",
	}, {
		"pattern-loose", Opens, "regular expressions without ^ and $",
		"The expression is found anywhere in a value: deal matches bigdeals/secret.",
		"Write ^deal$.",
	}, {
		"matcher-eval", Opens, "rules with code in them",
		"eval() runs what stands in a row: who may write rules, or a value in one, decides what the matcher does. It is compiled for each request.",
		"Name the conditions in the schema and refer to them by if:NAME.",
	}, {
		"eval-broken", Breaks, "code that does not compile",
		"Every request that comes to the row fails, whomever it is about.",
		"Correct the code, or delete the row.",
	}, {
		"matcher-brackets", Breaks, "brackets in a matcher with \"in\" in it",
		"If \"in\" occurs anywhere in the matcher, in admin or domain too, all [ ] become ( ): an index is a call then, a text with brackets another text.",
		"Do without brackets; write a list of r.act in (\"read\", \"update\") with parentheses.",
	}, {
		"definition-wide", Loses, "sections with more than 6 columns",
		"gorm-adapter drops the values from the seventh on when it saves; the next load fails.",
		"Use at most 6 columns.",
	}, {
		"section-gap", Breaks, "sections that are numbered with a gap",
		"Sections behind a gap are not read, without a word; their rows make loading fail.",
		"Number them without a gap: p, p2, p3.",
	}, {
		"line-refused", Breaks, "rows that are no lines of crmauthz",
		"crmauthz does not open a tenant that has such a row, and says which. Plain Casbin may read another rule in it than was meant.",
		"Correct or delete the row as its note says.",
	}, {
		"column-missing", Breaks, "a table with fewer columns than a rule has",
		"The values behind are not stored, and the row loads short: loading fails as a whole.",
		"Add the columns up to v5, as gorm-adapter makes them.",
	}, {
		"column-narrow", Loses, "columns that hold fewer than 100 characters",
		"Longer values are refused, or cut off, by MySQL in its loose mode.",
		"Make the columns varchar(100).",
	}, {
		"server-cuts", Opens, "a server that cuts off what is too long",
		"sql_mode is not strict: a value that is too long for its column is stored without its end, so that it may name somebody else.",
		"SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',STRICT_ALL_TABLES').",
	}, {
		"collation-folds", Loses, "columns that take different names for the same",
		"Alice and alice, or \"a\" and \"a \", are one row to the database and two users to Casbin: the second grant is lost, and deleting one deletes the other.",
		"Use a collation that compares bytes: utf8mb4_nopad_bin in MariaDB, utf8mb4_0900_bin in MySQL. gormstore.Migrate does it.",
	}, {
		"index-missing", Opens, "a table without the unique index",
		"The same rule can be stored twice; removed once, by its id, it is back at the next load. gorm-adapter makes no index on a table of another name.",
		"CREATE UNIQUE INDEX idx_casbin_rule ON casbin_rule (ptype, v0, v1, v2, v3, v4, v5).",
	},
}
