// Package model holds the words of crmauthz: facts (rules, memberships, org
// edges, switches), the lines that Casbin stores for them, the schema that
// they are checked against, and the questions and answers of a decision.
//
// It is data only: nothing here reads a file, opens a database, looks at a
// clock or decides. Every zero value denies or is refused.
//
// # Facts and lines
//
// A fact is one statement of a policy. Each has exactly one form as a line of
// Casbin's table, a section and up to six values, and [Encode] and [Decode]
// are exact inverses: a line that Encode would not write, Decode refuses.
//
//	fact           line
//	CustomerRule   p,  role:rep,   acme, customer,       update, allow,   own until:2027-01-01T00:00:00Z
//	TeamRule       p2, user:bob,   acme, customer/42,    read,   support, -
//	FieldRule      p3, role:rep,   acme, customer#phone, masked, allow,   if:eu_only
//	Switch         p4, user:eve,   acme, off,            -,      -,       -
//	Membership     g,  user:alice, role:rep, acme, -
//	OrgEdge        g2, user:alice, user:carol, acme
//
// Columns are at most [MaxColumn] characters and never empty; "-" stands for
// nothing. The last column of p, p2, p3 and g is a list of terms, separated by
// one space, in this order: a scope (p only), if:NAME, from:TIME, until:TIME
// (g: from and until only). Times are RFC 3339 in UTC with whole seconds.
//
// # Texts
//
// [ReadCSV] and [WriteCSV] are for lines, in the form of Casbin's policy files;
// [ParsePolicy] and [FormatPolicy] for facts as people write them in YAML;
// [ParseSchema] and [Schema.YAML] for schemas. A text that cannot be read gives
// a [SourceError], which names the line.
package model
