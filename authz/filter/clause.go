package filter

import (
	"slices"
	"strings"
)

// clause is a part of a condition, which can stand in an And or Or as it is.
type clause struct {
	sql  string
	args []any
}

// What is true of every row, and of none. They are left out where they change nothing:
// an index is no help to a database that sees an OR with one.
var (
	always = clause{sql: "1 = 1"}
	never  = clause{sql: "1 = 0"}
)

func (c clause) is(other clause) bool { return c.sql == other.sql }

func and(cs ...clause) clause { return joined(cs, " AND ", always, never) }

func or(cs ...clause) clause { return joined(cs, " OR ", never, always) }

// joined leaves out clauses that are neutral, and is decided if one decides.
func joined(cs []clause, word string, neutral, deciding clause) clause {
	var parts []string
	var args []any
	for _, c := range cs {
		switch {
		case c.is(deciding):
			return deciding
		case c.is(neutral):
		default:
			parts, args = append(parts, c.sql), append(args, c.args...)
		}
	}
	switch len(parts) {
	case 0:
		return neutral
	case 1:
		return clause{parts[0], args}
	}
	return clause{"(" + strings.Join(parts, word) + ")", args}
}

// notTrue is true where a clause is false or NULL. NOT would keep NULL.
func notTrue(c clause) clause {
	switch {
	case c.is(never):
		return always
	case c.is(always):
		return never
	}
	return clause{"(" + c.sql + ") IS NOT TRUE", c.args}
}

// marks is a ? for each of n arguments.
func marks(n int, mark string) string {
	return strings.Join(slices.Repeat([]string{mark}, n), ", ")
}

// oneOf is true where a term is one of some arguments, each of which a mark stands for.
func oneOf(term, mark string, args []any) clause {
	switch len(args) {
	case 0:
		return never
	case 1:
		return clause{term + " = " + mark, args}
	}
	return clause{term + " IN (" + marks(len(args), mark) + ")", args}
}

func anys[T any](values []T) []any {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return args
}
