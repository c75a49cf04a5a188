// Package analysis answers questions about whole policies, before anybody is let in
// or kept out by them: what changes for whom, what never happens, and what in a
// policy is of no use or too broad.
//
//   - [Diff] tells who gains and who loses what when one policy becomes another;
//     impact.Impact.Markdown puts it on a pull request.
//   - [Prove] tells whether a statement such as "no one outside role:finance ever
//     edits customer#credit_limit" is true, or who makes it false, and how.
//   - [Lint] finds facts that do nothing, say the same twice or give very much.
//
// # Exactness
//
// Diff and Prove are exact, not samples. People are all users that a fact names, and one
// more, Anyone, who stands for all others. Records are all that there can be. For one person,
// type and action the records that she reaches are an expression over the facts of a record
// (see package filter): its id, its unit, its owners, its parent. The expressions of
// a question tell only finitely many classes of records apart, and all of these
// are looked at: a record's owners, say, are any union of "she or a team of hers",
// "whoever shares a team with her" and "whoever is below her", as far as the facts let these differ.
//
// Conditions are free: of each record each of them may be true, false or unknown,
// whatever the others are, and whatever it says of records, user and environment. So an
// answer holds however conditions come out, and a difference or counterexample may need a
// combination that the conditions never have. There are two exceptions. A condition that
// comes to the same whatever is not known before, as member("role:x") does for a user and
// action == "read" for an action, is what it comes to; with "ever", what it says of now is
// not known before. And a condition that asks the policy (member, ownerIn, teamRole,
// holds, own) counts as another one if these answers differ between two policies, as does
// one whose expression does.
//
// Switches may except who asks from some networks. Diff compares for who asks from none, and tells what
// is otherwise from others apart (Impact.Networks); Prove looks at all.
//
// Answers are for an instant; Options.Later, and statements with "ever", look at the instants
// behind it at which facts begin or end. They are about records: what a question about a type at
// all comes to, without a record, is not compared.
//
// "Some account above it (own)" says that some record of the type is above, at any distance. Where
// types are each other's parents, which takes two of them, Diff and Prove find whether
// there is a difference or counterexample, but tell its records for short chains of parents only.
package analysis
